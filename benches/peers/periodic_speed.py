"""Training steps of the periodic network of crystals beside PyTorch: medians over rounds of turns, and ratios.

    cargo build --release -p langevin-crystals --example periodic_speed
    python benches/peers/periodic_speed.py --out docs/results/periodic_speed.json

Forward, backward and AdamW on 96 crystals of 10 atoms, the sizes of configs/crystals/mp20.toml, single precision, the
same number of threads. PyTorch's network is timed with our numbers and as one writes it first, when the soft grid of
distances holds subnormal numbers. Every round times ours, both of PyTorch, ours, and a matrix product of 2048³; a ratio
is of PyTorch to the two turns of ours beside it. Rounds in which other processes used least of the processor count. The
floor is what the arithmetic of a step would reach at the speed of that product.

On a GPU (the example built with `--features cuda`, `--device cuda:0 --batch 1024`), ours is timed beside PyTorch as it is
and compiled, and there is a second floor: what products read and write, at the speed of a copy.
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
ATOMS, ELEMENTS = 10, 89
WIDTH, MESSAGE, LAYERS, PAIR_INPUTS, HEAD, SHARED = 160, 64, 6, 3 * 8 + 6 + 16, 12, 16 + 7


def training_step(batch, device, cut=True, compiled=False):
    torch.manual_seed(0)
    network = Periodic(ELEMENTS, cut=cut).to(device)
    # The fastest of PyTorch's AdamW implementations.
    adam = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)
    coords, end = torch.rand(batch, ATOMS, 3, device=device), torch.rand(batch, ATOMS, 3, device=device)
    cells, cell_end = torch.randn(batch, 6, device=device), torch.randn(batch, 6, device=device)
    kinds = torch.arange(batch * ATOMS) * 7 % ELEMENTS
    species = torch.eye(ELEMENTS)[kinds.reshape(batch, ATOMS)].to(device)
    t = ((torch.arange(batch) + 0.5) / batch).to(device)
    run = torch.compile(network) if compiled else network

    def step():
        adam.zero_grad(set_to_none=True)
        moved, cell = run(coords, cells, species, t)
        (((moved - end) ** 2).mean() + ((cell - cell_end) ** 2).mean()).backward()
        adam.step()
        finish(device)

    return step


def finish(device):
    if device != "cpu":
        torch.cuda.synchronize(device)


def products(batch):
    """Rows, inputs and outputs of the matrix products of a step, and how many of the backward pass's two are needed:
    what a network is given needs none. No diagonal."""
    pairs, atoms = batch * ATOMS * (ATOMS - 1), batch * ATOMS
    yield from LAYERS * [(pairs, PAIR_INPUTS, MESSAGE, 1), (pairs, MESSAGE, MESSAGE + HEAD + 1, 2)]
    yield from LAYERS * [(atoms, WIDTH, 2 * MESSAGE, 2), (atoms, WIDTH + MESSAGE + SHARED, WIDTH, 2), (atoms, WIDTH, WIDTH, 2)]
    yield (atoms, ELEMENTS + SHARED, WIDTH, 1)


def operations(batch):
    """Multiplications and additions of the matrix products of a step."""
    return sum(2 * (1 + back) * rows * inputs * outputs for rows, inputs, outputs, back in products(batch))


def traffic(batch):
    """Bytes that the products of a step read and write."""
    moved = lambda rows, inputs, outputs: rows * inputs + inputs * outputs + rows * outputs
    return sum(4 * (1 + back) * moved(*sizes) for *sizes, back in products(batch))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="rounds that count")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=5, help="steps per turn")
    parser.add_argument("--device", default="cpu", help="cpu or cuda:I")
    parser.add_argument("--batch", type=int, default=96, help="crystals of a step; a multiple of 4")
    parser.add_argument("--out", help="write the results file here")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    on_gpu = args.device != "cpu"
    # The settings of the command: candle's own loops on one thread, memory kept.
    environment = dict(os.environ, RAYON_NUM_THREADS="1", CANDLE_NUM_THREADS="1", MIMALLOC_PURGE_DELAY="-1")
    ours = subprocess.Popen(
        [ROOT / "target/release/examples/periodic_speed", str(args.batch), *([args.device] if on_gpu else [])], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env=environment,
    )

    def mine():
        time.sleep(0.3)  # PyTorch's idle threads spin for a while
        ours.stdin.write(f"{args.threads} {args.repetitions}\n")
        ours.stdin.flush()
        return statistics.median(float(ms) for ms in ours.stdout.readline().split())

    def theirs(step):
        return lambda: statistics.median(milliseconds(step) for _ in range(args.repetitions))

    other = dict(compiled=True) if on_gpu else dict(cut=False)
    cut, plain = theirs(training_step(args.batch, args.device)), theirs(training_step(args.batch, args.device, **other))
    side = 8192 if on_gpu else 2048
    a, b = (torch.randn(side, side, device=args.device) for _ in range(2))
    fastest = lambda work: min(milliseconds(lambda: (work(), finish(args.device))) for _ in range(10))
    product = lambda: fastest(lambda: torch.mm(a, b))
    for warm_up in 2 * (mine, cut, plain, product):
        warm_up()
    rounds = []
    for _ in range(2 * args.rounds):
        start, before = time.monotonic(), busy_seconds() - own_seconds(ours.pid)
        turns = [mine(), cut(), plain(), mine(), product()]
        others = (busy_seconds() - own_seconds(ours.pid) - before) / (time.monotonic() - start)
        rounds.append((others, *turns))
        print(f"others {others:.2f} cores; ms: " + "  ".join(f"{ms:.3g}" for ms in turns))
    ours.stdin.close()
    ours.wait()
    rounds = sorted(rounds)[: args.rounds]
    load, first, with_cut, without, last, peak = zip(*rounds)
    own = [(a + b) / 2 for a, b in zip(first, last)]
    speed = 2 * side**3 / statistics.median(peak)
    floor_ms = operations(args.batch) / speed

    def row(more, unit, ratios, peer, **rest):
        size = f"periodic network, width {WIDTH}, {LAYERS} layers, {args.batch} crystals of {ATOMS} atoms, training step"
        size += " on a GPU" if on_gpu else ""
        return {
            "what": size + more, "value": round(statistics.median(ratios), 2), "unit": unit,
            "spread": round((max(ratios) - min(ratios)) / 2, 3), "seeds": args.rounds, "peer": peer, **rest,
        }

    def beside(peer, more):
        version, ms = torch.__version__.split("+")[0], statistics.median(peer)
        return row(
            more, "times PyTorch's speed", [p / a for a, p in zip(own, peer)],
            f"PyTorch {version}: {ms:.3g} ms; here {statistics.median(own):.3g} ms", floor=round(ms / floor_ms, 2),
        )

    rows = [
        beside(with_cut, ""),
        beside(without, ", the peer compiled" if on_gpu else ", the peer with subnormal numbers"),
        row(
            ": time over that of its arithmetic", "times the floor", [ms / floor_ms for ms in own],
            f"{operations(args.batch) / 1e9:.1f} GFLOP at {speed / 1e6:.0f} GFLOP/s, PyTorch's product of {side}^3: {floor_ms:.3g} ms",
            floor=1.0,
        ),
    ]
    bars = [3.0]
    if on_gpu:
        bars = [1.5, 1.0]
        # Read and written.
        bandwidth = 2 * a.numel() * a.element_size() / fastest(lambda: b.copy_(a))
        memory_ms = traffic(args.batch) / bandwidth
        rows.append(row(
            ": time over that of what its products read and write", "times the floor", [ms / memory_ms for ms in own],
            f"{traffic(args.batch) / 1e6:.0f} MB at {bandwidth / 1e6:.0f} GB/s, a copy: {memory_ms:.3g} ms", floor=1.0,
        ))
    for found, bar in zip(rows, bars):
        found.update({"bar": f">= {bar}", "holds": found["value"] >= bar})
    print(rows)
    if args.out:
        where = f" --device {args.device} --batch {args.batch}" if on_gpu else ""
        chip = f"{torch.cuda.get_device_name(args.device)}; " if on_gpu else ""
        document = {
            "topic": "periodic_speed_gpu" if on_gpu else "periodic_speed",
            "command": f"python benches/peers/periodic_speed.py --rounds {args.rounds} --threads {args.threads}{where} --out {args.out}",
            "version": "0.1.0",
            "machine": f"{chip}{processor()}; {args.threads} threads on both sides; other processes used at most {max(max(load), 0):.2f} cores",
            "date": datetime.date.today().isoformat(), "rows": rows,
        }
        pathlib.Path(args.out).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
