#!/usr/bin/env python3
"""Quality of models of crystals: writes docs/results/crystals_PART.json.

    python benches/crystal_quality.py PART --data DATA --machine MACHINE --date DATE [--model MODEL]

DATA holds the folders perov_5, mp_20 and carbon_24_unique, tables with a column cif. Parts:

    validity     SMACT's rules and distances on the real test splits, against what smact and pymatgen say
    perov        perov-5 test, compositions known: 1 and 20 samples, and the curve over evaluations
    retrieval    templates without training: MP-20 test from the reduced training set, carbon-24, perov-5
    templates    the flow that begins at templates, MP-20 test; --model its run or file
    prediction   the flow that begins at noise, MP-20 test
    confidence   its candidates ranked, with the confidences that the model carries
    denovo       10,000 crystals of any composition, with stoichiometries of the data, and a fifth of them without
    carbon       the flow of configs/crystals/carbon24.toml, carbon-24 unique test

Matching is that of pymatgen with stol 0.5, ltol 0.3, angle_tol 10, nothing filtered, unless said otherwise. Only
Python's own library is needed.
"""

import argparse
import csv
import gzip
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "benches", "peers"))
import results_file  # noqa: E402

LANGEVIN = os.path.join(ROOT, "target", "release", "langevin")
CURVE = (5, 10, 25, 50, 100, 250)
# On the crystals held out 1.6 matched most.
GUIDED = ("--steps", 25, "--guidance", 1.6, "--weaker", "mp20_weaker")
# Where the best of 20 counts: samples that are more different. Chosen on perov-5's validation set.
BEST_OF_MANY = ("--anneal", "coords=0.2", "--grid", "geometric,steps=50,t_min=0.01")
csv.field_size_limit(10**9)


class Bench:
    def __init__(self, args, work):
        self.args, self.work, self.rows = args, work, []

    def data(self, name):
        return os.path.join(self.args.data, name + ".csv.gz")

    def path(self, name):
        return os.path.join(self.work, name)

    def langevin(self, *args):
        subprocess.run([LANGEVIN, "crystals", *map(str, args), "--quiet", "--force"], check=True)

    def numbers(self, *args):
        """The metrics that a command writes as JSON."""
        out = self.path("numbers.json")
        self.langevin(*args, "--json", out)
        found = json.load(open(out))
        return {**found["metrics"], "reliability": found.get("reliability")}

    def sample(self, like, count, *more):
        """Structures for the compositions of `like`; how many were made in a second."""
        out, start = self.path("sampled.extxyz.gz"), time.monotonic()
        self.langevin("sample", self.args.model, "--like", like, "--count", count, "--out", out, *more)
        return out, time.monotonic() - start

    def match(self, made, references, *more):
        return self.numbers("match", made, references, *more)

    def row(self, what, value, unit="%", bar=None, at_least=True, peer=None, spread=None):
        found = {"what": what, "value": round(value, 4), "unit": unit}
        if spread is not None:
            found["spread"] = round(spread, 4)
        if peer:
            found["peer"] = peer
        if bar is not None:
            found["bar"] = f"{'>=' if at_least else '<='} {bar}"
            found["holds"] = value >= bar if at_least else value <= bar
        self.rows.append(found)
        print(f"{what}: {found['value']} {unit} {found.get('bar', '')} {found.get('holds', '')}", flush=True)

    def matched(self, what, numbers, rate=None, rmse=None, peer=None, known=1.0):
        """Rows of a match rate and its RMSE; `known` is the share of the rows that were tried, the others are misses."""
        share, count = known * numbers["match rate"], numbers["references"]
        spread = 100 * (share * (1 - share) / count) ** 0.5
        self.row(f"{what}: match rate", 100 * share, bar=rate, peer=peer, spread=spread)
        self.row(f"{what}: RMSE", numbers["RMSE"], "(V/N)^(1/3)", bar=rmse, at_least=False)

    def header(self):
        """What the model file tells beside its weights."""
        model = self.args.model if os.path.isfile(self.args.model) else os.path.join(self.args.model, "model.safetensors")
        with open(model, "rb") as file:
            return json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))["__metadata__"]

    def known(self, table):
        """The rows of a table whose elements the model knows, and their share: the others are misses."""
        elements = set(json.loads(self.header()["domain"])["elements"])
        rows = list(csv.reader(gzip.open(table, "rt")))
        formula = rows[0].index("pretty_formula")
        kept = [row for row in rows[1:] if set(re.findall("[A-Z][a-z]?", row[formula])) <= elements]
        out = self.path("known_" + os.path.basename(table))
        with gzip.open(out, "wt") as file:
            csv.writer(file).writerows([rows[0], *kept])
        return out, len(kept) / (len(rows) - 1)

    def subset(self, name, keep, out):
        """The rows of a table that `keep(i, count)` takes."""
        rows = list(csv.reader(gzip.open(self.data(name), "rt")))
        count = len(rows) - 1
        with gzip.open(self.path(out), "wt") as file:
            csv.writer(file).writerows([rows[0], *(r for i, r in enumerate(rows[1:]) if keep(i, count))])
        return self.path(out)

    def pool(self):
        return ["--pool", self.data("mp_20/train_partial"), "--pool", self.data("mp_20/val")]


def validity(bench):
    for name, wanted in (("perov_5/test", (98.60, 98.31)), ("mp_20/test", (91.05, 90.95)), ("mp_20/val", (90.54, 90.24)),
                         ("mp_20/train_partial", (90.81, 90.77))):
        found = bench.numbers("evaluate", bench.data(name))
        for table, want in zip(("smact14", "icsd24"), wanted):
            value = 100 * found[f"compositionally valid ({table})"]
            bench.row(f"{name}, real: compositionally valid ({table})", value, peer=f"smact 4.0.2: {want}")
            bench.rows[-1].update(bar=f"{want} ± 0.05", holds=abs(value - want) <= 0.05)
        bench.row(f"{name}, real: structurally valid", 100 * found["structurally valid"])


def perov(bench):
    test, rates = bench.data("perov_5/test"), {}
    for steps in CURVE:
        made, seconds = bench.sample(test, 1, "--steps", steps)
        found, what = bench.match(made, test, "--prediction"), f"perov-5 test, 1 sample, {steps} evaluations"
        best, rates[steps] = steps == 50, 100 * found["match rate"]
        bench.matched(what, found, rate=53 if best else None, rmse=0.08 if best else None,
                      peer="DiffCSP, 2000 evaluations: 52.02 %, 0.0760" if best else None)
        if best:
            bench.row(f"{what}: match rate, stol 0.2, ltol 0.2, angle_tol 5",
                      100 * bench.match(made, test, "--stol", "0.2")["match rate"])
            bench.row("perov-5: cells in a second at 50 evaluations", found["references"] / seconds, "1/s", bar=50)
    bench.row("perov-5 test, lost with 50 evaluations against 250", rates[250] - rates[50], "points", bar=1, at_least=False)
    # Most compositions of perov-5 have two structures, and the other one is often in the training split.
    made, _ = bench.sample(test, 1, "--steps", 50, "--unlike", bench.data("perov_5/train"))
    bench.matched("perov-5 test, 1 sample unlike all training crystals, 50 evaluations each time",
                  bench.match(made, test, "--prediction"))
    made, _ = bench.sample(test, 20, *BEST_OF_MANY)
    bench.matched("perov-5 test, best of 20 samples, 50 evaluations, annealing 0.2, geometric times from 0.01",
                  bench.match(made, test, "--prediction", "--candidates", 20), rate=98.6, rmse=0.0128,
                  peer="DiffCSP: 98.60 %, 0.0128")


def retrieval(bench):
    test, out = bench.data("mp_20/test"), bench.path("retrieved.extxyz.gz")
    retrieve = lambda pool, like, count, by: bench.langevin(
        "retrieve", *pool, "--like", like, "--count", count, "--by", by, "--fill-unknown", "--out", out)
    for by in ("mendeleev", "chemistry", "agreement"):
        for count in (1, 20):
            retrieve(bench.pool(), test, count, by)
            bench.matched(f"MP-20 test, {count} template{'s' * (count > 1)} of MP-20-R by {by}, no training",
                          bench.match(out, test, "--prediction", "--candidates", count))
            if count == 1:
                strict = bench.match(out, test, "--stol", "0.2")["match rate"]
                bench.row(f"MP-20 test, 1 template by {by}: match rate, stol 0.2, ltol 0.2, angle_tol 5", 100 * strict)
    perov_test = bench.data("perov_5/test")
    for count in (1, 20):
        retrieve(["--pool", bench.data("perov_5/train")], perov_test, count, "chemistry")
        bench.matched(f"perov-5 test, {count} template{'s' * (count > 1)} by chemistry, no training",
                      bench.match(out, perov_test, "--prediction", "--candidates", count))
    carbon = bench.data("carbon_24_unique/test")
    retrieve(["--pool", bench.data("carbon_24_unique/train")], carbon, 1, "chemistry")
    found = bench.match(out, carbon, "--prediction", "--all")
    bench.row("carbon-24 unique test, 1 template for each: METRe", 100 * found["METRe"])
    bench.row("carbon-24 unique test, 1 template for each: cRMSE", found["cRMSE"], "(V/N)^(1/3)")


def templates(bench):
    test, known = bench.known(bench.data("mp_20/test"))
    bench.row("MP-20 test: rows of elements that the model does not know, counted as misses", 100 * (1 - known))
    for steps, keep in ((10, []), (1, ["--keep-symmetry"]), (5, ["--keep-symmetry"]), (10, ["--keep-symmetry"])):
        made, _ = bench.sample(test, 1, "--steps", steps, *bench.pool(), "--fill-unknown", *keep)
        best = steps == 10 and bool(keep)
        kept = ", its symmetry kept" if keep else ""
        bench.matched(f"MP-20 test, flow from 1 template by agreement{kept}, {steps} evaluations",
                      bench.match(made, test, "--prediction"), rate=70 if best else None, rmse=0.033 if best else None,
                      peer="no training: the rows of templates" if best else None, known=known)
        if best:
            strict = bench.match(made, test, "--stol", "0.2")["match rate"]
            bench.row("MP-20 test, flow from 1 template, its symmetry kept: match rate, stol 0.2, ltol 0.2, angle_tol 5", 100 * known * strict)
            agree = bench.match(made, test, "--prediction", "--space-groups")["space group agreement"]
            bench.row("MP-20 test, flow from 1 template, its symmetry kept: match and space group, 0.1 Å", 100 * known * agree)


def prediction(bench):
    test, known = bench.known(bench.data("mp_20/test"))
    # 70 matched most of the crystals held out.
    for steps in (30, 50, 70):
        made, _ = bench.sample(test, 1, "--steps", steps)
        what = f"MP-20 test, 1 sample, {steps} evaluations"
        best = steps == 70
        bench.matched(what, bench.match(made, test, "--prediction"), rate=57.8 if best else None,
                      peer="DiffCSP, full training set, unfiltered: 57.82 %" if best else None, known=known)
    bench.row(f"{what}: match rate of valid crystals",
              100 * known * bench.match(made, test, "--prediction", "--valid")["match rate"])
    bench.row(f"{what}: match rate, stol 0.2, ltol 0.2, angle_tol 5",
              100 * known * bench.match(made, test, "--stol", "0.2")["match rate"])
    guided, _ = bench.sample(test, 1, *GUIDED)
    bench.matched("MP-20 test, 1 sample, guided by 1.6 away from mp20_weaker, 25 evaluations of both",
                  bench.match(guided, test, "--prediction"), rate=57.8, known=known,
                  peer="DiffCSP, full training set, unfiltered: 57.82 %")
    some, _ = bench.known(bench.subset("mp_20/test", lambda i, n: i % -(-n // bench.args.some) == 0, "some.csv.gz"))
    rates = {}
    for steps in CURVE:
        made, _ = bench.sample(some, 1, "--steps", steps)
        found = bench.match(made, some, "--prediction")
        rates[steps] = 100 * found["match rate"]
        bench.matched(f"MP-20 test, {found['references']:.0f} rows, 1 sample, {steps} evaluations", found)
    bench.row("MP-20 test, lost with 50 evaluations against 250", rates[250] - rates[50], "points", bar=1, at_least=False)


def confidence(bench):
    """20 candidates of some test rows in order, with the confidences that the model carries, learnt on rows held out."""
    some, _ = bench.known(bench.subset("mp_20/test", lambda i, n: i % -(-n // bench.args.some) == 0, "some.csv.gz"))
    calibration = bench.path("calibration.json")
    with open(calibration, "w") as file:
        file.write(bench.header()["calibration"])
    made, _ = bench.sample(some, 20, "--seed", 2)
    found = bench.numbers("rank", made, "--candidates", 20, "--against", some, "--calibration", calibration)
    rows = sum(1 for _ in csv.reader(gzip.open(some, "rt"))) - 1
    what = f"MP-20 test, {rows} rows, 20 samples"
    for name in ("match rate of one at random", "match rate of the first", "match rate of the best"):
        bench.row(f"{what}: {name}", 100 * found[name])
    bench.row(f"{what}: gain of the first over one at random",
              100 * (found["match rate of the first"] - found["match rate of one at random"]), "points", bar=5)
    bench.row(f"{what}: expected calibration error of the confidence", found["expected calibration error"], "", bar=0.05,
              at_least=False)


def denovo(bench):
    out, train = bench.path("made.extxyz.gz"), ["mp_20/train_partial", "mp_20/val"]
    known = [x for name in train for x in ("--train", bench.data(name))]
    for pattern, count, how in (("data", bench.args.count, "stoichiometries of the data"),
                                ("free", bench.args.count // 5, "stoichiometries of the network")):
        bench.langevin("sample", bench.args.model, "--count", count, "--stoichiometry", pattern, "--out", out)
        found = bench.numbers("evaluate", out, "--against", bench.data("mp_20/test"), *known)
        what, best = f"MP-20-R, {count} crystals, {how}", pattern == "data"
        bars = {"structurally valid": 99.5, "compositionally valid (smact14)": 83} if best else {}
        for name in ("structurally valid", "compositionally valid (smact14)", "valid", "unique", "novel", "unique and novel"):
            bench.row(f"{what}: {name}", 100 * found[name], bar=bars.get(name))
        bench.row(f"{what}: w-density", found["w-density"], "g/cm3", bar=0.35 if best else None, at_least=False,
                  peer="DiffCSP: 0.3502")
        bench.row(f"{what}: w-elements", found["w-elements"], "", bar=0.10 if best else None, at_least=False,
                  peer="DiffCSP: 0.3398")


def carbon(bench):
    """As many structures as the test split of carbon-24-unique has, of its sizes, all against all."""
    test = bench.data("carbon_24_unique/test")
    made, _ = bench.sample(test, 1, "--steps", 50)
    found = bench.match(made, test, "--prediction", "--all")
    bench.row("carbon-24 unique test, flow from noise, as many samples, 50 evaluations: METRe", 100 * found["METRe"])
    bench.row("carbon-24 unique test, flow from noise, as many samples, 50 evaluations: cRMSE", found["cRMSE"], "(V/N)^(1/3)")


PARTS = {part.__name__: part for part in (validity, perov, retrieval, templates, prediction, confidence, denovo, carbon)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--data", required=True)
    parser.add_argument("--model")
    parser.add_argument("--count", type=int, default=10_000, help="crystals of denovo")
    parser.add_argument("--some", type=int, default=1000, help="test rows of the curve and of ranked candidates")
    parser.add_argument("--machine", required=True)
    parser.add_argument("--date", required=True)
    parser.add_argument("--out", help="by default docs/results/crystals_PART.json")
    args = parser.parse_args()
    topic = f"crystals_{args.part}"
    out = args.out or os.path.join(ROOT, "docs", "results", f"{topic}.json")
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(args, work)
        PARTS[args.part](bench)
    version = subprocess.run([LANGEVIN, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    model = f" --model {os.path.relpath(args.model, ROOT)}" if args.model else ""
    some = f" --some {args.some}" if args.part in ("prediction", "confidence") else ""
    command = f"python benches/crystal_quality.py {args.part} --data DATA{model}{some}"
    results_file.write(out, topic, command, version, args.machine, args.date, bench.rows)


if __name__ == "__main__":
    main()
