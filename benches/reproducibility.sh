#!/usr/bin/env bash
# Same seed, same bytes, and how long the demo takes: writes docs/results/reproducibility.json.
# Usage: benches/reproducibility.sh MACHINE DATE [OUT]
set -euo pipefail
cd "$(dirname "$0")/.."
machine=$1 date=$2 out=${3:-docs/results/reproducibility.json}
cargo build --release --quiet
langevin=$PWD/target/release/langevin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
config=$work/moons.toml
sed 's/^checkpoint_every .*//; s/^\[train\]/[train]\ncheckpoint_every = 200/' configs/points/demo.toml > "$config"

train() { "$langevin" points train "$config" --out "$work/$1" --steps 3000 --quiet "${@:2}"; }
model() { sha256sum < "$work/$1/model.safetensors"; }
sampled() { # options: the hash of 1000 points, without the comments
    "$langevin" points sample "$work/one" --count 1000 --out "$work/p.csv" --force --quiet "$@"
    grep -v '^#' "$work/p.csv" | sha256sum
}
differ() { if [ "$1" = "$2" ]; then echo 0; else echo 1; fi; }

train one --threads 1
train two --threads 2
by_threads=$(differ "$(model one)" "$(model two)")

# Killed at a random moment, three times if it lives so long, then left to finish.
killed=0
train killed --threads 2 & child=$!
for _ in 1 2 3; do
    sleep "0.$((RANDOM % 8 + 1))"
    if kill -9 "$child" 2> /dev/null; then killed=$((killed + 1)); fi
    pkill -9 -f "$work/killed" || true
    wait "$child" 2> /dev/null || true
    if [ -e "$work/killed/model.safetensors" ]; then break; fi
    train killed --threads 2 --resume 2> /dev/null & child=$!
done
wait "$child" 2> /dev/null || true
by_kill=$(differ "$(model one)" "$(model killed)")

first=$(sampled --batch 1)
by_batch=$(($(differ "$first" "$(sampled --batch 7)") + $(differ "$first" "$(sampled --batch 256)")))
by_threads=$((by_threads + $(differ "$first" "$(sampled --threads 1)")))

start=$(date +%s%N)
make --silent demo > /dev/null 2>&1
seconds=$((($(date +%s%N) - start) / 1000000000))

row() { # what, value, unit, bar
    local holds=false
    if [ "$2" -le "${4#<= }" ]; then holds=true; fi
    printf '    {"what": "%s", "value": %s, "unit": "%s", "bar": "%s", "holds": %s}' "$1" "$2" "$3" "$4" "$holds"
}
{
    printf '{\n  "topic": "reproducibility",\n  "command": "benches/reproducibility.sh MACHINE DATE",\n'
    printf '  "version": "%s",\n  "machine": "%s",\n  "date": "%s",\n  "rows": [\n' \
        "$("$langevin" --version | cut -d' ' -f2)" "$machine" "$date"
    row "model and samples, 1 thread against 2: files that differ" "$by_threads" "" "<= 0"; printf ',\n'
    row "samples, batch 1 against 7 and 256: files that differ" "$by_batch" "" "<= 0"; printf ',\n'
    row "model, killed $killed times and resumed, against uninterrupted: files that differ" "$by_kill" "" "<= 0"
    printf ',\n'
    row "make demo, after the build" "$seconds" "s" "<= 180"; printf '\n  ]\n}\n'
} > "$out"
cat "$out"
