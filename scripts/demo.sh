#!/usr/bin/env bash
# Trains on two moons, samples, evaluates, and writes a report with pictures: about half a minute.
set -euo pipefail
langevin=$1
out=$2
rm -rf "$out"
mkdir -p "$out"
"$langevin" points train configs/points/demo.toml --out "$out/run"
"$langevin" points sample "$out/run" --count 2000 --out "$out/points.csv"
"$langevin" points evaluate "$out/run" --report "$out/report.html" --json "$out/numbers.json"
echo "open $out/report.html"
