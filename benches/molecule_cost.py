#!/usr/bin/env python3
"""What reading QM9 and training on it cost: writes docs/results/molecules_cost.json.

    python benches/molecule_cost.py --train TRAIN.extxyz.gz --machine MACHINE --date DATE [--steps 100]

Reading is timed with the statistics that `molecules evaluate` makes of all molecules, so it is a bound from above; training
is the default network's with the batch of configs/molecules/qm9.toml. Only Python's own library is needed.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "benches", "peers"))
import results_file  # noqa: E402

LANGEVIN = os.path.join(ROOT, "target", "release", "langevin")


def cost(*args):
    """Seconds and GiB of a command."""
    start = time.monotonic()
    child = subprocess.Popen([LANGEVIN, "molecules", *map(str, args), "--quiet"])
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        raise SystemExit(f"{args[0]} failed")
    return time.monotonic() - start, usage.ru_maxrss / 2**20


def row(what, value, unit, bar=None):
    found = {"what": what, "value": round(value, 3), "unit": unit}
    return found | ({"bar": f"<= {bar}", "holds": value <= bar} if bar else {})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", required=True)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--machine", required=True)
    parser.add_argument("--date", required=True)
    parser.add_argument("--out", default=os.path.join(ROOT, "docs", "results", "molecules_cost.json"))
    args = parser.parse_args()
    reading, memory = cost("evaluate", args.train)
    rows = [row("reading and evaluating QM9's training molecules: seconds", reading, "s", 5),
            row("reading and evaluating QM9's training molecules: memory", memory, "GiB")]
    text = open(os.path.join(ROOT, "configs", "molecules", "qm9.toml")).read()
    text = re.sub(r"^file = .*$", f'file = "{os.path.abspath(args.train)}"', text, flags=re.M)
    text = re.sub(r"^(validation_file|properties|hide_condition|validate_every|validation_shards|learning_rate) = .*\n", "", text, flags=re.M)
    text = text.replace("[train]\n", '[train]\nlearning_rate = { kind = "constant", rate = 1e-4 }\n')
    with tempfile.TemporaryDirectory() as work:
        config = os.path.join(work, "cost.toml")
        open(config, "w").write(text)
        one, _ = cost("train", config, "--steps", 1, "--out", os.path.join(work, "one"))
        many, memory = cost("train", config, "--steps", args.steps + 1, "--out", os.path.join(work, "many"))
    rows.append(row("training the default network, batch 64: memory", memory, "GiB", 4))
    rows.append(row("training the default network, batch 64: molecules per second", 64 * args.steps / (many - one), "1/s"))
    version = subprocess.run([LANGEVIN, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    command = "python benches/molecule_cost.py --train TRAIN --machine MACHINE --date DATE"
    results_file.write(args.out, "molecules_cost", command, version, args.machine, args.date, rows)


if __name__ == "__main__":
    main()
