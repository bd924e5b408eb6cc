"""Kernels side by side with PyTorch: both run in turn in one process tree; medians and ratios.

Usage, from the repository root:
    cargo build --release -p langevin-kernels --example kernels_bench
    python benches/peers/kernels_torch.py [--rounds 7] [--threads 2] [--out docs/results/kernels.json]

Each visit times one case by PyTorch, then by the kernels. What other processes used of the
processor meanwhile is read from /proc/stat; the calmest visits count. A ratio is PyTorch's median
time over the kernels' median time: above 1 the kernels are faster.
"""
import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import time

import torch
import torch.nn.functional as F

SILU = F.silu


def mlp(batch, width, layers):
    x, target = torch.randn(batch, width), torch.randn(batch, width)
    modules = []
    for i in range(layers):
        modules.append(torch.nn.Linear(width, width))
        if i + 1 < layers:
            modules.append(torch.nn.SiLU())
    net = torch.nn.Sequential(*modules)
    # The fastest of PyTorch's AdamW implementations on a CPU.
    adam = torch.optim.AdamW(net.parameters(), lr=1e-3, fused=True)

    def step():
        adam.zero_grad(set_to_none=True)
        F.mse_loss(net(x), target).backward()
        adam.step()

    return step


def op(f, *inputs):
    inputs = [x.requires_grad_() for x in inputs]
    ones = torch.ones_like(f(*inputs))

    def step():
        for x in inputs:
            x.grad = None
        f(*inputs).backward(ones)

    return step


class PairLayer(torch.nn.Module):
    """One E(n)-type layer on complete graphs; `concat` writes the first layer on [h_i, h_j, d2]."""

    def __init__(self, h, concat):
        super().__init__()
        self.concat = concat
        lin = torch.nn.Linear
        if concat:
            self.first = lin(2 * h + 1, h)
        else:
            self.a, self.b, self.c = lin(h, h), lin(h, h, bias=False), lin(1, h, bias=False)
        self.second, self.gate, self.head = lin(h, h), lin(h, 1), lin(h, 1)
        self.node1, self.node2 = lin(2 * h, h), lin(h, h)

    def forward(self, h, x, off_diagonal):
        batch, n, width = h.shape
        delta = x[:, :, None] - x[:, None]
        d2 = (delta**2).sum(-1, keepdim=True)
        if self.concat:
            pairs = (batch, n, n, width)
            z = self.first(torch.cat([h[:, :, None].expand(pairs), h[:, None].expand(pairs), d2], -1))
        else:
            z = self.a(h)[:, :, None] + self.b(h)[:, None] + self.c(d2)
        m = SILU(self.second(SILU(z)))
        total = (m * torch.sigmoid(self.gate(m)) * off_diagonal).sum(2)
        x = x + (delta / (torch.sqrt(d2 + 1e-8) + 1) * self.head(m)).sum(2)
        h = h + self.node2(SILU(self.node1(torch.cat([h, total], -1))))
        return h, x


def pair(concat):
    batch, n, width = 64, 18, 128
    h0, x0 = torch.randn(batch, n, width), torch.randn(batch, n, 3)
    layers = torch.nn.ModuleList(PairLayer(width, concat) for _ in range(5))
    off_diagonal = (1 - torch.eye(n))[None, :, :, None]

    def step():
        layers.zero_grad(set_to_none=True)
        h, x = h0, x0
        for layer in layers:
            h, x = layer(h, x, off_diagonal)
        ((h**2).mean() + (x**2).mean()).backward()

    return step


# name of ours, name here, what, PyTorch's step, bar
CASES = [
    ("mlp", "MLP training step, 3 x 256, batch 4096, SiLU, AdamW", lambda: mlp(4096, 256, 3), 1.0),
    ("small_mlp", "MLP training step, 4 x 64, batch 256, SiLU, AdamW", lambda: mlp(256, 64, 4), None),
    ("softmax", "softmax of 100 000 x 100, forward and backward",
     lambda: op(lambda x: torch.softmax(x, -1), torch.randn(100_000, 100)), 1.0),
    ("layer_norm", "layer norm of 100 000 x 100, forward and backward",
     lambda: op(lambda x, w, b: F.layer_norm(x, (100,), w, b), torch.randn(100_000, 100),
                torch.randn(100), torch.randn(100)), 1.0),
    ("softmax_taped", "the same softmax through candle's tape, which adds three passes over the tensor",
     lambda: op(lambda x: torch.softmax(x, -1), torch.randn(100_000, 100)), None),
    ("layer_norm_taped", "the same layer norm through candle's tape",
     lambda: op(lambda x, w, b: F.layer_norm(x, (100,), w, b), torch.randn(100_000, 100),
                torch.randn(100), torch.randn(100)), None),
    ("attention", "attention, batch 8, 4 heads, length 256, width 32, forward and backward",
     lambda: op(F.scaled_dot_product_attention, *(torch.randn(8, 4, 256, 32) for _ in range(3))), 1.0),
    ("conv2d", "3 x 3 convolution, 8 x 32 x 64 x 64, forward and backward",
     lambda: op(lambda x, w, b: F.conv2d(x, w, b, padding=1), torch.randn(8, 32, 64, 64),
                torch.randn(32, 32, 3, 3), torch.randn(32)), 0.7),
    ("pair", "five pair layers, batch 64, 18 points, width 128: PyTorch with the split first layer",
     lambda: pair(False), 2.0),
    ("pair", "five pair layers, batch 64, 18 points, width 128: PyTorch with the concatenated first layer",
     lambda: pair(True), 3.0),
]


def milliseconds(step):
    start = time.perf_counter()
    step()
    return (time.perf_counter() - start) * 1e3


def busy_seconds():
    """Processor time of the whole machine."""
    fields = [int(x) for x in open("/proc/stat").readline().split()[1:]]
    user, nice, system, _, _, irq, softirq, steal = fields[:8]
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def own_seconds(child):
    """Processor time of this process and of ours."""
    fields = open(f"/proc/{child}/stat").read().rsplit(")", 1)[1].split()
    return sum(os.times()[:2]) + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def processor():
    names = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    flags = open("/proc/cpuinfo").read()
    vectors = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "SSE2"
    return f"{names[0]}, {len(names)} cores, {vectors}" if names else platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", help="one of our case names")
    parser.add_argument("--binary", default="target/release/examples/kernels_bench")
    parser.add_argument("--patience", type=float, default=300, help="seconds to wait for calm")
    parser.add_argument("--out", help="write the results file here")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    environment = dict(os.environ, RAYON_NUM_THREADS="1", CANDLE_NUM_THREADS="1", MIMALLOC_PURGE_DELAY="-1")
    ours = subprocess.Popen([args.binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def ask(name, repetitions):
        ours.stdin.write(f"{name} {args.threads} {repetitions}\n")
        ours.stdin.flush()
        return [float(ms) for ms in ours.stdout.readline().split()]

    cases = [c for c in CASES if args.only in (None, c[0])]
    steps = [make() for _, _, make, _ in cases]
    repetitions = []
    for (name, _, _, _), step in zip(cases, steps):
        for _ in range(3):
            step()
        ask(name, 3)
        # About 0.2 s per visit, at least 3 steps.
        repetitions.append(max(3, min(300, int(200 / statistics.median(milliseconds(step) for _ in range(3))))))
    # (cores used by others, PyTorch's ms, ours) of every visit
    visits = [[] for _ in cases]
    calm = 0.05
    end = time.monotonic() + args.patience
    missing = lambda i: sum(v[0] <= calm for v in visits[i]) < args.rounds
    while any(len(v) < args.rounds for v in visits) or (
        any(missing(i) for i in range(len(cases))) and time.monotonic() < end
    ):
        for i, (name, _, _, _) in enumerate(cases):
            if len(visits[i]) >= args.rounds and not missing(i):
                continue
            start, before = time.monotonic(), busy_seconds() - own_seconds(ours.pid)
            theirs = statistics.median(milliseconds(steps[i]) for _ in range(repetitions[i]))
            time.sleep(0.05)  # PyTorch's idle threads spin for a while
            mine = statistics.median(ask(name, repetitions[i]))
            others = busy_seconds() - own_seconds(ours.pid) - before
            visits[i].append((others / (time.monotonic() - start), theirs, mine))
    visits = [sorted(v)[: args.rounds] for v in visits]
    theirs_ms, ours_ms = [[x[1] for x in v] for v in visits], [[x[2] for x in v] for v in visits]
    load = max(v[-1][0] for v in visits)
    rows = []
    for i, (_, what, _, bar) in enumerate(cases):
        ratios = [t / o for t, o in zip(theirs_ms[i], ours_ms[i])]
        t, o = statistics.median(theirs_ms[i]), statistics.median(ours_ms[i])
        value = round(t / o, 2)
        rows.append({
            "what": what, "value": value, "unit": "times PyTorch's speed",
            "spread": round((max(ratios) - min(ratios)) / 2, 3), "seeds": args.rounds, "floor": None,
            "peer": f"PyTorch {torch.__version__.split('+')[0]}: {t:.3g} ms; here {o:.3g} ms",
            "bar": f">= {bar}" if bar else None, "holds": value >= bar if bar else None,
        })
        print(f"{value:6.2f}  [{min(ratios):.2f}, {max(ratios):.2f}]  {t:9.3f} ms  {o:9.3f} ms  {what}")
    print(f"other processes used at most {load:.2f} cores during the visits that count")
    ours.stdin.close()
    ours.wait()
    if args.out:
        version = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True)
        document = {
            "topic": "kernels",
            "command": f"python benches/peers/kernels_torch.py --rounds {args.rounds} --threads {args.threads} --out {args.out}",
            "version": version.stdout.strip() or "unversioned",
            "machine": f"{processor()}; {args.threads} threads on both sides; "
            f"other processes used at most {max(load, 0):.2f} cores",
            "date": datetime.date.today().isoformat(),
            "rows": rows,
        }
        os.makedirs(os.path.dirname(args.out) or ".", exist_ok=True)
        with open(args.out, "w") as file:
            json.dump(document, file, indent=1, ensure_ascii=False)
            file.write("\n")


if __name__ == "__main__":
    main()
