#!/usr/bin/env bash
# Draws molecules from the model that ships, some of a composition, and writes a report with pictures: seconds.
set -euo pipefail
langevin=$1
out=$2
rm -rf "$out"
mkdir -p "$out"
"$langevin" molecules sample --count 200 --steps 20 --out "$out/molecules.sdf"
"$langevin" molecules sample --formula C7H10O2 --count 20 --out "$out/c7h10o2.sdf"
"$langevin" molecules evaluate "$out/molecules.sdf" --protocol graph --report "$out/report.html" --json "$out/numbers.json"
echo "open $out/report.html"
