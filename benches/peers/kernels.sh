#!/bin/sh
# Kernels side by side with PyTorch; PYTHON names an interpreter that has torch.
set -eu
cd "$(dirname "$0")/../.."
cargo build --release -p langevin-kernels --example kernels_bench
exec "${PYTHON:-python3}" benches/peers/kernels_torch.py --out docs/results/kernels.json "$@"
