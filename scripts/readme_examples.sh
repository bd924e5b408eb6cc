#!/usr/bin/env bash
# Runs the commands of the README's shell blocks marked `<!-- run -->`, in a scratch folder inside out/.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/target/release:$PATH"
rm -rf out/readme
mkdir -p out/readme
awk '/<!-- run -->/ {armed = 1; next} armed && /^```sh/ {on = 1; next} /^```/ {on = 0; armed = 0} on' README.md > out/readme/commands.sh
ln -s ../../configs out/readme/configs
test -s out/readme/commands.sh
cd out/readme
bash -euxo pipefail commands.sh
