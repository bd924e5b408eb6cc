#!/usr/bin/env python3
"""What ensembles of fields cost: writes docs/results/climate_cost.json.

    python benches/climate_cost.py --data DATA --machine MACHINE --date DATE

DATA holds mrms_preciprate_conus_20190610.nc. Members per second are those of 64 fields of 128 by 128 cells, whole command; the
large field is a frame of 3500 by 7000 cells made from its means over 7 by 7, which its axes are multiples of. Needs netCDF4 and numpy.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "benches"))
sys.path.insert(0, os.path.join(ROOT, "benches", "peers"))
import climate_floors  # noqa: E402
import results_file  # noqa: E402

LANGEVIN = climate_floors.LANGEVIN


def measured(*words):
    """Seconds, and the largest memory in GiB."""
    start = time.monotonic()
    child = subprocess.Popen([LANGEVIN, *map(str, words), "--quiet", "--force"])
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        raise SystemExit(f"{words[1]} failed")
    return time.monotonic() - start, usage.ru_maxrss / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--data", "--machine", "--date"):
        parser.add_argument(name, required=True)
    parser.add_argument("--model", default="mrms")
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--out", default=os.path.join(ROOT, "docs", "results", "climate_cost.json"))
    args = parser.parse_args()
    source = os.path.join(args.data, "mrms_preciprate_conus_20190610.nc")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = lambda name: os.path.join(folder, name)
        climate_floors.write(path("tiles.nc"), climate_floors.tiles(source)[::10][:64])
        measured("climate", "regrid", "--input", path("tiles.nc"), "--coarsen", 8, "--out", path("coarse.nc"))
        make = ["climate", "downscale", "--model", args.model, "--members"]
        speeds = []
        for _ in range(3):
            seconds, _ = measured(*make, 16, "--input", path("coarse.nc"), "--factor", 8, "--threads", 2, "--out", path("made.nc"))
            speeds.append(64 * 16 / seconds)
        speed = float(np.median(speeds))
        rows.append({"what": "members of 128 by 128 cells, x8, 2 threads, with reading and writing", "value": round(speed, 1), "unit": "/s",
                     "bar": ">= 5", "holds": speed >= 5})
        measured("climate", "regrid", "--input", source, "--coarsen", 7, "--times", 1, "--out", path("coarse.nc"))
        seconds, memory = measured(*make, args.members, "--input", path("coarse.nc"), "--factor", 7, "--threads", 2, "--deflate", 1,
                                   "--resume", "--out", path("made.nc"))
        what = f"a frame of 3500 by 7000 cells, x7, {args.members} members, 2 threads"
        rows.append({"what": f"{what}: memory", "value": round(memory, 2), "unit": "GiB", "bar": "<= 2", "holds": memory <= 2})
        rows.append({"what": f"{what}: time", "value": round(seconds), "unit": "s"})
    for row in rows:
        print(row)
    command = f"python benches/climate_cost.py --data DATA --machine MACHINE --date DATE --members {args.members}"
    version = subprocess.run([LANGEVIN, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    results_file.write(args.out, "climate_cost", command, version, args.machine, args.date, rows)


if __name__ == "__main__":
    main()
