"""Training steps of EDM's network side by side with PyTorch: medians over rounds of turns, and ratios.

    cargo build --release -p langevin-molecules --example egnn_speed
    python benches/peers/egnn_speed.py --out docs/results/egnn_speed.json

Forward, backward and AdamW on 64 molecules of 18 atoms, width 256, 9 blocks, single precision, the same
number of threads. PyTorch runs EDM's form (rows [h_i, h_j, d², d0²] of all edges) and the form with the
first layers split. Every round times ours, EDM's form, ours, the split form, ours, and a matrix product of
2048³; a ratio is of the two turns of ours beside the peer. Rounds in which other processes used least of
the processor count. The floor is what the arithmetic of our form would reach at the speed of that product.
"""
import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import time

import torch

from egnn_torch import Egnn, loss
from kernels_torch import busy_seconds, milliseconds, own_seconds, processor

ROOT = pathlib.Path(__file__).resolve().parents[2]
BATCH, ATOMS, FEATURES, WIDTH, LAYERS = 64, 18, 6, 256, 9


def training_step(split):
    torch.manual_seed(0)
    network = Egnn(split=split)
    # The fastest of PyTorch's AdamW implementations on a CPU.
    adam = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)
    noised, noise = ([torch.randn(BATCH, ATOMS, width) for width in (3, FEATURES)] for _ in range(2))
    t = (torch.arange(BATCH) + 0.5) / BATCH

    def step():
        adam.zero_grad(set_to_none=True)
        loss(network(*noised, t), noise).backward()
        adam.step()

    return step


def operations():
    """Multiplications and additions of the matrix products of a step, first layers split, no diagonal.

    A product of the backward pass's two has the size of the forward one. Per block: one layer per pair
    and two per atom for each of two pair networks, three (width 2, 1) per atom for the update.
    """
    pairs, atoms = BATCH * ATOMS * (ATOMS - 1), BATCH * ATOMS
    forward = LAYERS * (2 * pairs + (4 + 3) * atoms) * 2 * WIDTH**2
    return 3 * forward


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="rounds that count")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=3, help="steps per turn")
    parser.add_argument("--patience", type=float, default=300, help="seconds to go on for calmer rounds")
    parser.add_argument("--out", help="write the results file here")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    # The settings of the command: candle's own loops on one thread, memory kept.
    environment = dict(os.environ, RAYON_NUM_THREADS="1", CANDLE_NUM_THREADS="1", MIMALLOC_PURGE_DELAY="-1")
    ours = subprocess.Popen(
        [ROOT / "target/release/examples/egnn_speed"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env=environment,
    )

    def mine(repetitions=args.repetitions):
        time.sleep(0.3)  # PyTorch's idle threads spin for a while
        ours.stdin.write(f"{args.threads} {repetitions}\n")
        ours.stdin.flush()
        return statistics.median(float(ms) for ms in ours.stdout.readline().split())

    def theirs(step):
        return statistics.median(milliseconds(step) for _ in range(args.repetitions))

    joined, split = training_step(False), training_step(True)
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    product = lambda: torch.mm(a, b)
    for warm_up in (joined, split, product, mine):
        warm_up()
        warm_up()
    # (cores used by others, ours beside each, EDM's form, split form, product) of every round
    rounds, calm, end = [], 0.05, time.monotonic() + args.patience
    while len(rounds) < args.rounds or (
        sum(r[0] <= calm for r in rounds) < args.rounds and time.monotonic() < end
    ):
        start, before = time.monotonic(), busy_seconds() - own_seconds(ours.pid)
        turns = [mine(), theirs(joined), mine(), theirs(split), mine()]
        peak = min(milliseconds(product) for _ in range(10))
        others = (busy_seconds() - own_seconds(ours.pid) - before) / (time.monotonic() - start)
        rounds.append((others, *turns, peak))
        print(f"others {others:.2f} cores; ms: " + "  ".join(f"{ms:.0f}" for ms in turns) + f"; product {peak:.1f}")
    ours.stdin.close()
    ours.wait()
    rounds = sorted(rounds)[: args.rounds]
    load, *columns = zip(*rounds)
    first, edm, middle, dense, last, peak = columns
    median = statistics.median
    here = median(first + middle + last)
    floor_ms = operations() / (2 * 2048**3 / median(peak))

    def row(what, unit, ratios, peer, bar=None, floor=None):
        value = round(median(ratios), 2)
        holds = None if bar is None else value >= bar
        print(f"{value:6.2f}  [{min(ratios):.2f}, {max(ratios):.2f}]  {what}; {peer}; floor {floor}")
        return {
            "what": what, "value": value, "unit": unit, "spread": round((max(ratios) - min(ratios)) / 2, 3),
            "seeds": args.rounds, "floor": floor, "peer": peer, "bar": None if bar is None else f">= {bar}", "holds": holds,
        }

    version = torch.__version__.split("+")[0]
    size = f"EDM's network, width {WIDTH}, {LAYERS} blocks, {BATCH} molecules of {ATOMS} atoms, training step"
    beside = lambda peer, before, after: [2 * p / (x + y) for p, x, y in zip(peer, before, after)]
    rows = [
        row(f"{size}: PyTorch as EDM writes it", "times PyTorch's speed", beside(edm, first, middle),
            f"PyTorch {version}: {median(edm):.0f} ms; here {here:.0f} ms", 3.0, round(median(edm) / floor_ms, 2)),
        row(f"{size}: PyTorch with the split first layer", "times PyTorch's speed", beside(dense, middle, last),
            f"PyTorch {version}: {median(dense):.0f} ms; here {here:.0f} ms", 2.0, round(median(dense) / floor_ms, 2)),
        row(f"{size}: time over that of its arithmetic", "times the floor",
            [sum(m) / 3 / floor_ms for m in zip(first, middle, last)],
            f"{operations() / 1e9:.0f} GFLOP at {2 * 2048**3 / median(peak) / 1e6:.0f} GFLOP/s, PyTorch's product of 2048^3: {floor_ms:.0f} ms", floor=1.0),
    ]
    print(f"other processes used at most {max(load):.2f} cores in the rounds that count")
    if args.out:
        document = {
            "topic": "egnn_speed",
            "command": f"python benches/peers/egnn_speed.py --rounds {args.rounds} --threads {args.threads} --out {args.out}",
            "version": "0.1.0",
            "machine": f"{processor()}; {args.threads} threads on both sides; other processes used at most {max(max(load), 0):.2f} cores",
            "date": datetime.date.today().isoformat(), "rows": rows,
        }
        pathlib.Path(args.out).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
