"""Training steps of the periodic network of crystals beside PyTorch: medians over rounds of turns, and ratios.

    cargo build --release -p langevin-crystals --example periodic_speed
    python benches/peers/periodic_speed.py --out docs/results/periodic_speed.json

Forward, backward and AdamW on 96 crystals of 10 atoms, the sizes of configs/crystals/mp20.toml, single precision, the
same number of threads. PyTorch's network is timed with our numbers and as one writes it first, when the soft grid of
distances holds subnormal numbers. Every round times ours, both of PyTorch, ours, and a matrix product of 2048³; a ratio
is of PyTorch to the two turns of ours beside it. Rounds in which other processes used least of the processor count. The
floor is what the arithmetic of a step would reach at the speed of that product.
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

from kernels_torch import busy_seconds, milliseconds, own_seconds, processor
from periodic_torch import Periodic

ROOT = pathlib.Path(__file__).resolve().parents[2]
BATCH, ATOMS, ELEMENTS = 96, 10, 89
WIDTH, MESSAGE, LAYERS, PAIR_INPUTS, HEAD, SHARED = 160, 64, 6, 3 * 8 + 6 + 16, 12, 16 + 7


def training_step(cut):
    torch.manual_seed(0)
    network = Periodic(ELEMENTS, cut=cut)
    # The fastest of PyTorch's AdamW implementations on a CPU.
    adam = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)
    coords, end = torch.rand(BATCH, ATOMS, 3), torch.rand(BATCH, ATOMS, 3)
    cells, cell_end = torch.randn(BATCH, 6), torch.randn(BATCH, 6)
    species = torch.eye(ELEMENTS)[(torch.arange(BATCH * ATOMS) * 7 % ELEMENTS).reshape(BATCH, ATOMS)]
    t = (torch.arange(BATCH) + 0.5) / BATCH

    def step():
        adam.zero_grad(set_to_none=True)
        moved, cell = network(coords, cells, species, t)
        (((moved - end) ** 2).mean() + ((cell - cell_end) ** 2).mean()).backward()
        adam.step()

    return step


def operations():
    """Multiplications and additions of the matrix products of a step, no diagonal.

    A product of the backward pass's two has the size of the forward one; what a network is given needs none.
    """
    pairs, atoms = BATCH * ATOMS * (ATOMS - 1), BATCH * ATOMS
    of_pair = 2 * PAIR_INPUTS * MESSAGE + 3 * MESSAGE * (MESSAGE + HEAD + 1)
    of_atom = 3 * WIDTH * (2 * MESSAGE + (WIDTH + MESSAGE + SHARED) + WIDTH)
    return 2 * (LAYERS * (pairs * of_pair + atoms * of_atom) + 2 * atoms * (ELEMENTS + SHARED) * WIDTH)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="rounds that count")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=5, help="steps per turn")
    parser.add_argument("--out", help="write the results file here")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    # The settings of the command: candle's own loops on one thread, memory kept.
    environment = dict(os.environ, RAYON_NUM_THREADS="1", CANDLE_NUM_THREADS="1", MIMALLOC_PURGE_DELAY="-1")
    ours = subprocess.Popen(
        [ROOT / "target/release/examples/periodic_speed"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env=environment,
    )

    def mine():
        time.sleep(0.3)  # PyTorch's idle threads spin for a while
        ours.stdin.write(f"{args.threads} {args.repetitions}\n")
        ours.stdin.flush()
        return statistics.median(float(ms) for ms in ours.stdout.readline().split())

    def theirs(step):
        return lambda: statistics.median(milliseconds(step) for _ in range(args.repetitions))

    cut, plain = theirs(training_step(True)), theirs(training_step(False))
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    product = lambda: min(milliseconds(lambda: torch.mm(a, b)) for _ in range(10))
    for warm_up in 2 * (mine, cut, plain, product):
        warm_up()
    rounds = []
    for _ in range(2 * args.rounds):
        start, before = time.monotonic(), busy_seconds() - own_seconds(ours.pid)
        turns = [mine(), cut(), plain(), mine(), product()]
        others = (busy_seconds() - own_seconds(ours.pid) - before) / (time.monotonic() - start)
        rounds.append((others, *turns))
        print(f"others {others:.2f} cores; ms: " + "  ".join(f"{ms:.0f}" for ms in turns))
    ours.stdin.close()
    ours.wait()
    rounds = sorted(rounds)[: args.rounds]
    load, first, with_cut, without, last, peak = zip(*rounds)
    own = [(a + b) / 2 for a, b in zip(first, last)]
    speed = 2 * 2048**3 / statistics.median(peak)
    floor_ms = operations() / speed

    def row(more, unit, ratios, peer, **rest):
        size = f"periodic network, width {WIDTH}, {LAYERS} layers, {BATCH} crystals of {ATOMS} atoms, training step"
        return {
            "what": size + more, "value": round(statistics.median(ratios), 2), "unit": unit,
            "spread": round((max(ratios) - min(ratios)) / 2, 3), "seeds": args.rounds, "peer": peer, **rest,
        }

    def beside(peer, more):
        version, ms = torch.__version__.split("+")[0], statistics.median(peer)
        return row(
            more, "times PyTorch's speed", [p / a for a, p in zip(own, peer)],
            f"PyTorch {version}: {ms:.0f} ms; here {statistics.median(own):.0f} ms", floor=round(ms / floor_ms, 2),
        )

    rows = [
        beside(with_cut, ""),
        beside(without, ", the peer with subnormal numbers"),
        row(
            ": time over that of its arithmetic", "times the floor", [ms / floor_ms for ms in own],
            f"{operations() / 1e9:.1f} GFLOP at {speed / 1e6:.0f} GFLOP/s, PyTorch's product of 2048^3: {floor_ms:.0f} ms",
            floor=1.0,
        ),
    ]
    rows[0].update({"bar": ">= 3.0", "holds": rows[0]["value"] >= 3.0})
    print(rows)
    if args.out:
        document = {
            "topic": "periodic_speed",
            "command": f"python benches/peers/periodic_speed.py --rounds {args.rounds} --threads {args.threads} --out {args.out}",
            "version": "0.1.0",
            "machine": f"{processor()}; {args.threads} threads on both sides; other processes used at most {max(max(load), 0):.2f} cores",
            "date": datetime.date.today().isoformat(), "rows": rows,
        }
        pathlib.Path(args.out).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
