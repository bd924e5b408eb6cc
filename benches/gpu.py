#!/usr/bin/env python3
"""Networks on a GPU beside the CPU: writes docs/results/gpu.json.

    make cuda && python benches/gpu.py --machine MACHINE --date DATE

Data are what the shipped models make. Training begins with the same weights and noise on both devices, so its first step
tells how far outputs and gradients are apart; samples come from the same noise by a solver without any of its own. What
a GPU does is first done on the CPU: by other means (`--device cpu:composed`), and by its kernels, a thread after the other
(`cpu:emulated`, which needs c++). What fewer bits cost is told by training on the same samples
with the same noise: from scratch, and from a model on that was trained in f32, whose errors are smaller beside rounding. Where there is no
GPU, its rows say that they were not measured. Only Python's own library is needed.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "benches", "peers"))
import results_file  # noqa: E402

# What a GPU does is done on the CPU by any build: LANGEVIN=target/release/langevin where there is no GPU.
LANGEVIN = os.environ.get("LANGEVIN", os.path.join(ROOT, "target", "release", "langevin-cuda"))
UNMEASURED = "not measured"
# Domain, model, what its samples are called, config of its network, what is asked for.
DOMAINS = [
    ("molecules", "qm9", "molecules", "configs/molecules/qm9.toml", ["--formula", "C4H8O"]),
    ("crystals", "perov5", "cells", "configs/crystals/perov5.toml", ["--formula", "CaTiO3"]),
]


def attempt(*args):
    return subprocess.run([LANGEVIN, *map(str, args)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def langevin(*args):
    """Seconds of a command."""
    start = time.monotonic()
    done = attempt(*args)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, args))}: {done.stderr}")
    return time.monotonic() - start


def why_no_gpu(device):
    """What the program says where it cannot use one; nothing if it can."""
    with tempfile.TemporaryDirectory() as work:
        out = os.path.join(work, "one.extxyz")
        done = attempt("crystals", "sample", "--formula", "NaCl", "--steps", 1, "--device", device, "--out", out)
    return done.stderr.strip() if done.returncode == 2 else None


def numbers(path):
    """The numbers of a file, in order."""
    found = []
    for word in re.split(r'[\s",=]+', open(path).read()):
        try:
            found.append(float(word))
        except ValueError:
            pass
    return found


def farthest(a, b):
    if len(a) != len(b):
        return float("inf")
    return max(abs(x - y) / max(abs(y), 1.0) for x, y in zip(a, b))


def config(name, data):
    """A config with other data, every step in its log, and a rate that does not depend on its length."""
    text = open(os.path.join(ROOT, name)).read()
    text = re.sub(r"^(file|files|validation_file|hold_out|properties|hide_condition|substitution|validate_every|validation_shards|"
                  r"log_every|learning_rate|prefetch) = .*\n", "", text, flags=re.M)
    one = "file" if "molecules" in name else "files"
    value = json.dumps(data if one == "file" else [data])
    text = text.replace("[data]\n", f"[data]\n{one} = {value}\n")
    return text.replace("[train]\n", '[train]\nlog_every = 1\nlearning_rate = { kind = "constant", rate = 1e-5 }\n')


def steps(run):
    lines = map(json.loads, open(os.path.join(run, "metrics.jsonl")))
    return [line for line in lines if line["kind"] == "train"]


class Pair:
    """One domain on both devices."""

    def __init__(self, work, device, domain):
        self.work, self.devices = work, ("cpu", device)
        self.domain, self.model, self.name, self.config, self.asked = domain

    def path(self, name):
        return os.path.join(self.work, f"{self.domain}_{name.replace(':', '_')}")

    def sample(self, out, device, count, *more):
        return langevin(self.domain, "sample", self.model, "--count", count, "--seed", 7, "--out", out, "--force",
                        "--device", device, "--quiet", *self.asked, *more)

    def trained(self, device, data, count, *more, rate=1e-5, precision="f32"):
        config_file, run = self.path("config.toml"), self.path(device)
        text = config(self.config, data).replace("rate = 1e-5", f"rate = {rate}")
        open(config_file, "w").write(text.replace("[train]\n", f'[train]\nprecision = "{precision}"\n'))
        langevin(self.domain, "train", config_file, "--steps", count, "--out", run, "--force", "--device", device, "--quiet", *more)
        return steps(run)

    def drawn(self, device):
        out = self.path(f"{device}.extxyz")
        self.sample(out, device, 64, "--steps", 20)
        return numbers(out)

    def apart(self, training_steps):
        """Losses, gradients and samples, and how fast both trained."""
        data = self.path("data.extxyz")
        self.sample(data, "cpu", 192)
        here, there = (self.trained(device, data, training_steps) for device in self.devices)
        apart = lambda key: abs(here[0][key] - there[0][key]) / abs(here[0][key])
        rates = [statistics.median(step["samples_per_second"] for step in run[1:]) for run in (here, there)]
        return [apart("loss"), apart("grad_norm"), farthest(*map(self.drawn, self.devices))], rates

    def sampled(self, count):
        """Samples per second: of `count` more than a few, so that what a start costs does not count."""
        few, out = 64, self.path("many.extxyz")
        seconds = lambda device, count: self.sample(out, device, count, "--batch", 1024)
        return [count / (seconds(device, few + count) - seconds(device, few)) for device in self.devices]


def rounding(work, domain, device, count):
    """Mean losses of the later half of trainings in each precision, from scratch and going on from a model."""
    pair = Pair(work, device, domain)
    data = pair.path("data.extxyz")
    pair.sample(data, "cpu", 768)
    pair.trained("cpu", data, 10 * count, rate=5e-4)
    model = os.path.join(pair.path("cpu"), "model.safetensors")
    where = "a GPU" if device.startswith("cuda") else "composed on the CPU"
    later = lambda run: statistics.mean(step["loss"] for step in run[count // 2 :])
    for way, rate, more in [("from scratch", 5e-4, []), (f"after {10 * count} in f32", 1e-4, ["--from", model])]:
        losses = {p: later(pair.trained(device, data, count, *more, rate=rate, precision=p)) for p in ("f32", "tf32", "bf16")}
        for precision in ("tf32", "bf16"):
            yield {
                "what": f"{pair.domain}, {count} steps {way}: loss in {precision} above that in f32, {where}",
                "value": float(f"{100 * (losses[precision] / losses['f32'] - 1):.2g}"), "unit": "%",
                "peer": f"f32: {losses['f32']:.4g}",
            }


BARS = [
    ("first step of training, loss", "<= 0.00001"),
    ("first step of training, length of the gradient", "<= 0.0001"),
    ("64 samples by 20 steps", "<= 0.001"),
]


def parity(where, domain, values):
    for (text, bar), value in zip(BARS, values):
        row = {"what": f"{domain}, {text}: at most this far from the CPU's, {where}", "value": value, "unit": "", "bar": bar}
        if value != UNMEASURED:
            row |= {"value": float(f"{value:.3g}"), "holds": value <= float(bar.split()[1])}
        yield row


def speed(domain, what, unit, values):
    row = {"what": f"{domain}, {what} on a GPU", "value": UNMEASURED, "unit": f"{unit}/s"}
    if values:
        row |= {"value": float(f"{values[1]:.3g}"), "peer": f"the CPU: {values[0]:.3g}"}
    return row


def rows(work, domain, args, has_gpu):
    """Of one domain: what other devices do, done on the CPU; then on a GPU."""
    name, unit = domain[0], domain[2]
    for device, where in (("cpu:composed", "composed on the CPU"), ("cpu:emulated", "its kernels on the CPU")):
        apart, _ = Pair(work, device, domain).apart(2)
        yield from parity(where, name, apart)
    pair = Pair(work, args.device, domain)
    apart, trained = pair.apart(args.steps) if has_gpu else ([UNMEASURED] * len(BARS), None)
    yield from parity("a GPU", name, apart)
    yield speed(name, "training", unit, trained)
    yield speed(name, "sampling", unit, pair.sampled(args.count) if has_gpu else None)
    yield from rounding(work, domain, args.device if has_gpu else "cpu:composed", args.rounded)


# What takes a GPU and a script or hours of its own.
ELSEWHERE = [
    ("crystals, training step, beside PyTorch", ">= 1.5", "times PyTorch's speed", "periodic_speed.py --device cuda:0 --batch 1024"),
    ("crystals, training step, beside PyTorch compiled", ">= 1.0", "times PyTorch's speed", "periodic_speed.py --device cuda:0 --batch 1024"),
    ("molecules, QM9-CHNO in 30 minutes of a GPU: molecules stable by distances", ">= 89.4", "%", None),
    ("crystals, MP-20-R in 30 minutes of a GPU: match rate of one sample", ">= 57.8", "%", None),
    ("climate, downscaling on a GPU", None, "fields/s", None),
]


def elsewhere(what, bar, unit, script):
    row = {"what": what, "value": UNMEASURED, "unit": unit}
    return row | ({"bar": bar} if bar else {}) | ({"peer": f"by benches/peers/{script}"} if script else {})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--count", type=int, default=2048, help="samples whose rate is measured")
    parser.add_argument("--steps", type=int, default=30, help="training steps whose rate is measured")
    parser.add_argument("--rounded", type=int, default=60, help="training steps in each precision")
    parser.add_argument("--machine", required=True)
    parser.add_argument("--date", required=True)
    parser.add_argument("--out", default=os.path.join(ROOT, "docs", "results", "gpu.json"))
    args = parser.parse_args()
    refusal = why_no_gpu(args.device)
    if refusal:
        print(refusal)
    with tempfile.TemporaryDirectory() as work:
        found = [row for domain in DOMAINS for row in rows(work, domain, args, not refusal)]
    found += [elsewhere(*row) for row in ELSEWHERE]
    command = "make cuda && python benches/gpu.py --machine MACHINE --date DATE"
    results_file.write(args.out, "gpu", command, "0.1.0", args.machine, args.date, found)
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
