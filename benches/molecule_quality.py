#!/usr/bin/env python3
"""Quality of a model of molecules against the number of evaluations: writes docs/results/molecules.json.

    python benches/molecule_quality.py --model qm9 --train TRAIN.extxyz.gz --test TEST.extxyz.gz \\
        --machine MACHINE --date DATE [--count 10000] [--out docs/results/molecules.json]

Samples the model with 5, 8, 10, 20, 50 and 100 evaluations and measures them by the distance protocol
against the training molecules; with 20 and 50 also by the graph protocol. The real test molecules are
measured the same way: what a perfect generator would reach. Then what is asked for: a formula, compositions of the
training data, and a phenyl ring to be completed. Only Python's own library is needed.
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "benches", "peers"))
import results_file  # noqa: E402

LANGEVIN = os.path.join(ROOT, "target", "release", "langevin")
CURVE = (5, 8, 10, 20, 50, 100)
# Of the model that ships, by default: what is asked for is drawn with as many.
BEST = 20
# EDM at 1000 evaluations, GeoLDM at 1000 and respaced to 8: domains/molecules notes the sources.
BARS = {
    ("atoms stable", 20): (98.7, "EDM, 1000 evaluations: 98.7; GeoLDM: 98.9"),
    ("molecules stable", 20): (82.0, "EDM, 1000 evaluations: 82.0; GeoLDM: 89.4"),
    ("valid", 20): (91.9, "EDM, 1000 evaluations: 91.9; GeoLDM: 93.8"),
    ("valid and unique", 20): (90.7, "EDM, 1000 evaluations: 90.7; GeoLDM: 92.7"),
    ("molecules stable", 8): (70.8, "GeoLDM, 8 evaluations, respaced: 70.8"),
}
PERCENT = ("atoms stable", "molecules stable", "valid", "valid and unique", "novel among unique")
# What a sample that was left out has failed.
FAILED = ("atoms stable", "molecules stable", "valid", "valid and unique", "closed shell", "connected")
DISTANCES = ("W1 of bond lengths in Å", "W1 of bond angles in degrees")


def langevin(*args):
    subprocess.run([LANGEVIN, "molecules", *map(str, args), "--quiet"], check=True)


def measured(path, work, protocol="distance", against=None, asked=None):
    """Metrics of a file; of `asked` samples those that are not there, with atoms in one place, are as bad as can be."""
    out = os.path.join(work, "numbers.json")
    more = ["--against", against] if against else []
    langevin("evaluate", path, "--protocol", protocol, "--json", out, "--force", *more)
    metrics = json.load(open(out))["metrics"]
    for metric in FAILED if asked else ():
        if metric in metrics:
            metrics[metric] *= metrics["molecules"] / asked
    return metrics


def row(what, value, unit="%", bar=None, peer=None, at_least=True):
    found = {"what": what, "value": round(value, 4), "unit": unit}
    if peer:
        found["peer"] = peer
    if bar is not None:
        found["bar"] = f"{'>=' if at_least else '<='} {bar}"
        found["holds"] = value >= bar if at_least else value <= bar
    return found


def of_protocol(name, metrics, steps=None):
    for metric in PERCENT:
        if metrics.get(metric) is not None:
            bar, peer = BARS.get((metric, steps), (None, None))
            yield row(f"{name}: {metric}", 100 * metrics[metric], bar=bar, peer=peer)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qm9")
    parser.add_argument("--train", required=True)
    parser.add_argument("--test", required=True)
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--machine", required=True)
    parser.add_argument("--date", required=True)
    parser.add_argument("--out", default=os.path.join(ROOT, "docs", "results", "molecules.json"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        rows = list(of_protocol("QM9 test molecules, distance protocol", measured(args.test, work)))
        samples = os.path.join(work, "samples.extxyz")
        for steps in CURVE:
            start = time.monotonic()
            langevin("sample", args.model, "--count", args.count, "--seed", args.seed, "--steps", steps,
                     "--out", samples, "--force")
            seconds = time.monotonic() - start
            name = f"{steps} evaluations"
            metrics = measured(samples, work, against=args.train, asked=args.count)
            rows += of_protocol(name, metrics, steps)
            if steps == BEST:
                rate = args.count / seconds
                rows.append(row(f"{name}: molecules per second, 2 cores", rate, "1/s", bar=10))
            if steps in (BEST, 50):
                rows += [row(f"{name}: {metric}", metrics[metric], "") for metric in DISTANCES]
                left = 100 * (1 - metrics["molecules"] / args.count)
                rows.append(row(f"{name}: samples with atoms in one place, counted as failures", left))
                graph = measured(samples, work, protocol="graph", against=args.train, asked=args.count)
                rows += of_protocol(f"{name}, graph protocol", graph)
                rows.append(row(f"{name}, graph protocol: closed shell", 100 * graph["closed shell"]))
            print(name, {metric: metrics[metric] for metric in PERCENT}, f"{seconds:.0f} s", flush=True)
            # After each number of evaluations: a run that is stopped keeps what it has.
            write(args, rows)
        for name, asked in requests(work):
            count = max(args.count // 20, 1)
            langevin("sample", args.model, "--count", count, "--seed", args.seed, "--steps", BEST, *asked,
                     "--out", samples, "--force")
            graph = measured(samples, work, protocol="graph", asked=count)
            for metric in ("molecules stable", "closed shell", "connected"):
                rows.append(row(f"{name}, {BEST} evaluations, graph protocol: {metric}", 100 * graph[metric]))
            print(name, graph, flush=True)
            write(args, rows)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        rows.append(row("memory of sampling and evaluation, at most", peak, "GiB", bar=4, at_least=False))
        write(args, rows)


def requests(work):
    """What is asked for, and how."""
    phenyl = os.path.join(work, "phenyl.xyz")
    with open(phenyl, "w") as file:
        file.write("11\n\n")
        for symbol, radius, count in (("C", 1.392, 6), ("H", 2.476, 5)):
            for i in range(count):
                angle = math.pi * i / 3
                file.write(f"{symbol} {radius * math.cos(angle)} {radius * math.sin(angle)} 0\n")
    yield "formula C7H10O2", ["--formula", "C7H10O2"]
    yield "compositions of the data", ["--species", "data"]
    yield "around a phenyl ring", ["--scaffold", phenyl]


def write(args, rows):
    version = subprocess.run([LANGEVIN, "--version"], capture_output=True, text=True, check=True)
    shown = f"python benches/molecule_quality.py --model {args.model} --count {args.count} --train TRAIN --test TEST " \
            "--machine MACHINE --date DATE"
    results_file.write(args.out, "molecules", shown, version.stdout.split()[1], args.machine, args.date, rows)


if __name__ == "__main__":
    main()
