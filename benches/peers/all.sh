#!/usr/bin/env bash
# Every comparison with a peer, one after the other, into docs/results. PYTHON names an interpreter that has
# the packages of benches/peers/README.md; run on a quiet machine.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
"$python" benches/peers/torchcfm_2d.py --out docs/results/flow_matching.json
cargo build --release -p langevin-transport --example transport_bench
"$python" benches/peers/transport_pot.py
PYTHON=$python benches/peers/kernels.sh
cargo build --release -p langevin-molecules --example egnn_parity --example egnn_speed
"$python" benches/peers/egnn_parity.py --out docs/results/egnn_parity.json
"$python" benches/peers/egnn_speed.py --out docs/results/egnn_speed.json
cargo build --release -p langevin-crystals --example periodic_speed
"$python" benches/peers/periodic_speed.py --out docs/results/periodic_speed.json
