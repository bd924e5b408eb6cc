#!/usr/bin/env python3
"""What downscaling without training reaches on rain: writes docs/results/climate_floors.json.

    python benches/climate_floors.py --data DATA --machine MACHINE --date DATE

DATA holds mrms_preciprate_conus_20190610.nc. Test tiles: 128 by 128 cells at stride 128 from the north-west corner, tile
columns from 39 on, all 18 frames, those without a missing cell of which at least 5 % are above 0.1 mm/h: 668. They are
coarsened by blocks, downscaled again by each method, and scored by `langevin uq score`. Needs netCDF4 and numpy.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import netCDF4
import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "benches", "peers"))
import results_file  # noqa: E402

LANGEVIN = os.environ.get("LANGEVIN", os.path.join(ROOT, "target", "release", "langevin"))
TILE, FIRST = 128, 39
# Measured before with other programs, on the same tiles: fair CRPS or absolute error, RMSE of the mean, ratios of the
# quantiles 99, 99.9 and 99.99 %, FSS above 10 mm/h, and for the ensemble its spread over its error.
EXPECTED = {
    (4, "nearest"): (0.213, 1.25, 1.00, 0.83, 0.72, 0.945, None),
    (4, "bilinear"): (0.206, 1.20, 0.99, 0.72, 0.58, 0.935, None),
    (4, "bilinear+multiply"): (0.180, 1.10, 1.01, 0.84, 0.74, 0.964, None),
    (4, "rainfarm"): (0.163, 1.31, 1.07, 0.94, 1.07, 0.958, 1.11),
    (8, "nearest"): (0.308, 1.61, 0.97, 0.66, 0.53, 0.824, None),
    (8, "bilinear"): (0.301, 1.58, 0.92, 0.54, 0.41, 0.831, None),
    (8, "bilinear+multiply"): (0.271, 1.50, 0.99, 0.68, 0.56, 0.878, None),
    (8, "rainfarm"): (0.231, 1.67, 1.11, 0.91, 1.05, 0.880, 1.07),
    (16, "nearest"): (0.421, 1.91, 0.91, 0.46, 0.33, 0.561, None),
    (16, "bilinear"): (0.417, 1.89, 0.79, 0.37, 0.26, 0.523, None),
    (16, "bilinear+multiply"): (0.385, 1.84, 0.92, 0.48, 0.37, 0.654, None),
    (16, "rainfarm"): (0.307, 1.96, 1.10, 0.83, 0.91, 0.664, 0.92),
}


def tiles(path):
    """The test tiles, `[tiles, rows, columns]`."""
    found = []
    with netCDF4.Dataset(path) as file:
        rain = file["rainfall_rate"]
        for t in range(rain.shape[0]):
            frame = np.ma.filled(rain[t].astype("f8"), np.nan)
            for i in range(frame.shape[0] // TILE):
                for j in range(FIRST, frame.shape[1] // TILE):
                    tile = frame[i * TILE:(i + 1) * TILE, j * TILE:(j + 1) * TILE]
                    if not np.isnan(tile).any() and (tile > 0.1).mean() >= 0.05:
                        found.append(tile.astype("f4"))
    return np.array(found)


def write(path, fields):
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", None)
        for name, length in zip("yx", fields.shape[1:]):
            file.createDimension(name, length)
            axis = file.createVariable(name, "f8", (name,))
            axis.setncatts({"units": "km", "axis": name.upper()})
            axis[:] = np.arange(length)
        rain = file.createVariable("pr", "f4", ("time", "y", "x"))
        rain.units = "mm h-1"
        rain[:] = fields


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--data", "--machine", "--date"):
        parser.add_argument(name, required=True)
    parser.add_argument("--members", type=int, default=16)
    parser.add_argument("--out", default=os.path.join(ROOT, "docs", "results", "climate_floors.json"))
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = lambda name: os.path.join(folder, name)
        langevin = lambda *words: subprocess.run([LANGEVIN, *map(str, words), "--quiet", "--force"], check=True)
        fields = tiles(os.path.join(args.data, "mrms_preciprate_conus_20190610.nc"))
        write(path("fine.nc"), fields)
        rows.append({"what": "MRMS test tiles", "value": len(fields), "unit": "", "bar": "668", "holds": len(fields) == 668})
        for (factor, method), expected in EXPECTED.items():
            coarse, made, scores = path("coarse.nc"), path("made.nc"), path("scores.json")
            langevin("climate", "regrid", "--input", path("fine.nc"), "--coarsen", factor, "--out", coarse)
            members = args.members if method == "rainfarm" else 1
            langevin("climate", "downscale", "--input", coarse, "--factor", factor, "--method", method, "--members", members,
                     "--out", made)
            langevin("uq", "score", made, "--observed", path("fine.nc"), "--thresholds", "1,10", "--json", scores)
            with open(scores) as file:
                found = json.load(file)["scores"]
            first = "CRPS, fair" if members > 1 else "absolute error of the mean"
            names = [first, "RMSE of the mean", *(f"ratio of the {q} % quantiles" for q in ("99", "99.9", "99.99")),
                     "FSS above 10, 9 cells, of members", "spread/skill"]
            for name, want in zip(names, expected):
                if want is None:
                    continue
                digits = 3 if name in (first, names[5]) else 2
                # What is drawn may be off by 3 %, what is not by its last printed digit.
                within = 0.03 * want if members > 1 else 0.5001 * 10 ** -digits
                value, holds = found[name], abs(found[name] - want) <= within
                rows.append({"what": f"x{factor}, {method}: {name}", "value": round(value, 4), "unit": "",
                             "peer": f"other programs: {want}", "bar": f"{want} ± {within:.3g}", "holds": bool(holds)})
                print(rows[-1]["what"], rows[-1]["value"], rows[-1]["bar"], holds, flush=True)
            if members == 1:
                continue
            rows.append({"what": f"x{factor}, {method}: log-spectral distance", "unit": "dB",
                         "value": round(found["log-spectral distance in dB, of members"], 2)})
    command = "python benches/climate_floors.py --data DATA --machine MACHINE --date DATE"
    version = subprocess.run([LANGEVIN, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    results_file.write(args.out, "climate_floors", command, version, args.machine, args.date, rows)


if __name__ == "__main__":
    main()
