#!/usr/bin/env python3
"""What the shipped models of rain reach: writes docs/results/climate_quality.json, or climate_flow.json.

    python benches/climate_quality.py --data DATA --machine MACHINE --date DATE [--flow mrms_flow] [--members 16]

DATA holds the radar and model files. Test tiles are those of climate_floors.py, at other factors than 8 every
fourth of them. For a factor that is no whole number
they are cut to 121 by 121 cells, 22 by 22 coarse ones of 5.5. `fixed + bicubic` is the same model asked for its middle
factor, 8, and bicubic interpolation to the grid that is wanted. With --flow that model and the first one make the same
tiles, every so manyth at factor 8. Needs netCDF4 and numpy.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import netCDF4
import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "benches"))
sys.path.insert(0, os.path.join(ROOT, "benches", "peers"))
import climate_floors  # noqa: E402
import results_file  # noqa: E402

LANGEVIN = climate_floors.LANGEVIN
# Name of a score, its bar at x8 in words, and whether a value meets it.
BARS = [
    ("CRPS, fair", "<= 0.185", lambda x: x <= 0.185),
    ("RMSE of the mean", "<= 1.35", lambda x: x <= 1.35),
    ("log-spectral distance in dB, of members", "< 2", lambda x: x < 2),
    ("ratio of the 99.9 % quantiles", "0.9 to 1.1", lambda x: 0.9 <= x <= 1.1),
    ("ratio of the 99.99 % quantiles", "0.9 to 1.1", lambda x: 0.9 <= x <= 1.1),
    ("spread/skill", "0.85 to 1.15", lambda x: 0.85 <= x <= 1.15),
    ("FSS above 10, 9 cells, of members", ">= 0.90", lambda x: x >= 0.90),
]


def langevin(*words):
    subprocess.run([LANGEVIN, *map(str, words), "--quiet", "--force"], check=True)


def field(path, name=None):
    with netCDF4.Dataset(path) as file:
        name = name or max(file.variables, key=lambda name: file[name].ndim)
        return np.ma.filled(file[name][:].astype("f8"), np.nan)


def coarse_cells(path, cells, edge):
    """A grid of `cells` by `cells` coarse cells, each `edge` fine cells wide, over fine ones at 0, 1, 2 km."""
    climate_floors.write(path, np.zeros((1, cells, cells), "f4"))
    with netCDF4.Dataset(path, "a") as file:
        for axis in "yx":
            file[axis][:] = edge * (np.arange(cells) + 0.5) - 0.5


def stretched(path, by):
    """The coordinates of a file made `by` times as large, about the outer edge of the first cell."""
    with netCDF4.Dataset(path, "a") as file:
        for name in [name for name in file.variables if name.split("_")[0] in "yx" and file[name].dtype.kind == "f"]:
            file[name][:] = (file[name][:] + 0.5) * by - 0.5


class Bench:
    def __init__(self, args, folder):
        self.args, self.folder, self.rows = args, folder, []

    def path(self, name):
        return os.path.join(self.folder, name)

    def downscale(self, how, factor, out, more=()):
        langevin("climate", "downscale", "--input", self.path("coarse.nc"), "--factor", factor, *how, *more, "--out", out)

    def score(self, made, more=()):
        scores = self.path("scores.json")
        langevin("uq", "score", made, "--observed", self.path("fine.nc"), "--thresholds", "1,10", "--json", scores, *more)
        with open(scores) as file:
            return json.load(file)["scores"]

    def row(self, what, value, **more):
        self.rows.append({"what": what, "value": round(float(value), 4), "unit": "", **more})
        print(what, self.rows[-1]["value"], more, flush=True)

    def model(self, factor, name, more=(), model=None):
        how = ["--model", model or self.args.model, "--members", self.args.members]
        made = self.path("made.nc")
        self.downscale(how, factor, made, more)
        found = self.score(made)
        for score, bar, holds in BARS:
            given = {"bar": bar, "holds": bool(holds(found[score]))} if name == "MRMS x8" else {}
            self.row(f"{name}, {model or 'the model'}: {score}", found[score], **given)
        return found["CRPS, fair"]

    def others(self, factor, name, more=()):
        """CRPS, or the absolute error of one field, of methods without training."""
        best = np.inf
        for method, members in (("bilinear+multiply", 1), ("rainfarm", self.args.members)):
            made = self.path("other.nc")
            self.downscale(["--method", method, "--members", members], factor, made)
            found = self.score(made)
            crps = found["CRPS, fair" if members > 1 else "absolute error of the mean"]
            self.row(f"{name}, {method}: {'CRPS, fair' if members > 1 else 'absolute error'}", crps)
            best = min(best, crps)
        return best

    def fixed(self, factor, name):
        """The model at its middle factor, and bicubic interpolation to the grid that is wanted."""
        made, wanted = self.path("made8.nc"), self.path("bicubic.nc")
        # A network of one scale knows no size of cells: those of 4 or 16 km are to it as those of 8.
        stretch = 8 / factor
        stretched(self.path("coarse.nc"), stretch)
        self.downscale(["--model", self.args.model, "--members", self.args.members], 8, made)
        stretched(self.path("coarse.nc"), 1 / stretch)
        stretched(made, 1 / stretch)
        langevin("climate", "regrid", "--input", made, "--like", self.path("fine.nc"), "--method", "bicubic", "--out", wanted)
        crps = self.score(wanted)["CRPS, fair"]
        self.row(f"{name}, the model at x8 and bicubic: CRPS, fair", crps)
        return crps

    def mass(self):
        """The largest difference of a coarse mean, as a part of the largest coarse value."""
        back = self.path("back.nc")
        langevin("climate", "regrid", "--input", self.path("made.nc"), "--like", self.path("coarse.nc"), "--out", back)
        coarse = field(self.path("coarse.nc"))
        off = np.abs(field(back) - coarse[:, None]).max() / coarse.max()
        self.row(f"MRMS x8, {self.args.flow or 'the model'}: mass violation", 0, bar="< 1e-5", holds=bool(off < 1e-5))
        self.rows[-1]["value"] = float(f"{off:.1e}")


def mrms(bench, all_tiles):
    for factor in (8, 4, 16, 5.5):
        tiles = all_tiles if factor == 8 else all_tiles[::bench.args.every]
        name, fine = f"MRMS x{factor}", bench.path("fine.nc")
        if factor == 5.5:
            climate_floors.write(fine, tiles[:, :121, :121])
            coarse_cells(bench.path("grid.nc"), 22, 5.5)
            how = ["--like", bench.path("grid.nc")]
        else:
            climate_floors.write(fine, tiles)
            how = ["--coarsen", factor]
        langevin("climate", "regrid", "--input", fine, *how, "--out", bench.path("coarse.nc"))
        crps = bench.model(factor, name)
        if factor == 8:
            bench.mass()
            continue
        fixed = bench.fixed(factor, name)
        bench.row(f"{name}: CRPS of the model over that of x8 and bicubic", crps / fixed, bar="< 1", holds=bool(crps < fixed))


def flow(bench, tiles):
    """A flow in several steps and the generator of one step, on the same tiles at x8."""
    climate_floors.write(bench.path("fine.nc"), tiles[::bench.args.every])
    langevin("climate", "regrid", "--input", bench.path("fine.nc"), "--coarsen", 8, "--out", bench.path("coarse.nc"))
    name = f"MRMS x8, tile 1 of {bench.args.every}"
    bench.row(f"{name}: tiles", len(tiles[::bench.args.every]))
    for steps in (5, 10):
        start = time.monotonic()
        bench.model(8, f"{name}, {steps} evaluations", ["--steps", steps], bench.args.flow)
        fields = len(tiles[::bench.args.every]) * bench.args.members
        bench.row(f"{name}, {steps} evaluations: members in a second", fields / (time.monotonic() - start))
    bench.mass()
    bench.model(8, name, model=bench.args.model)


def knmi(bench):
    """Another radar, another country, another year: 5-minute sums at 1 km, in tiles of 64 by 64."""
    rain = field(os.path.join(bench.args.data, "knmi_rain5min_nl_20100826.nc"), "precipitation_amount") * 12
    found = []
    for frame in rain[::4]:
        for i in range(frame.shape[0] // 64):
            for j in range(frame.shape[1] // 64):
                tile = frame[i * 64:(i + 1) * 64, j * 64:(j + 1) * 64]
                if not np.isnan(tile).any() and (tile > 0.1).mean() >= 0.05:
                    found.append(tile.astype("f4"))
    bench.row("KNMI tiles, every fourth frame", len(found))
    climate_floors.write(bench.path("fine.nc"), np.array(found))
    langevin("climate", "regrid", "--input", bench.path("fine.nc"), "--coarsen", 8, "--out", bench.path("coarse.nc"))
    crps, best = bench.model(8, "KNMI x8"), bench.others(8, "KNMI x8")
    bench.row("KNMI x8: CRPS of the model over that of the best other", crps / best)


def arome(bench):
    """Hourly rain of a coarse model against that of a fine one, not of its own means: its errors are there too."""
    source = os.path.join(bench.args.data, "meteonet_arpege_arome_NW_20180501.nc")
    langevin("climate", "regrid", "--input", source, "--variable", "pr_coarse", "--coarsen", 1, "--times", "2..25", "--out",
             bench.path("coarse.nc"))
    langevin("climate", "regrid", "--input", source, "--variable", "pr_fine", "--coarsen", 1, "--times", "2..25", "--out",
             bench.path("fine.nc"))
    best = {}
    for name, how in (("the model", ["--model", bench.args.model, "--scale", 1, "--members", bench.args.members]),
                      ("rainfarm", ["--method", "rainfarm", "--members", bench.args.members]),
                      ("bilinear", ["--method", "bilinear"])):
        made, wanted = bench.path("made.nc"), bench.path("wanted.nc")
        bench.downscale(how, 4, made)
        langevin("climate", "regrid", "--input", made, "--like", bench.path("fine.nc"), "--tolerance", 0.5, "--out", wanted)
        found = bench.score(wanted, ["--observed-variable", "pr_fine"])
        crps = found["CRPS, fair" if name != "bilinear" else "absolute error of the mean"]
        bench.row(f"ARPEGE to AROME x4, {name}: {'CRPS, fair' if name != 'bilinear' else 'absolute error'}", crps)
        best[name] = crps
    others = min(best["rainfarm"], best["bilinear"])
    bench.row("ARPEGE to AROME x4: CRPS of the model over that of the best other", best["the model"] / others)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--data", "--machine", "--date"):
        parser.add_argument(name, required=True)
    parser.add_argument("--model", default="mrms")
    parser.add_argument("--flow", help="a model of several steps, to measure instead")
    parser.add_argument("--members", type=int, default=16)
    parser.add_argument("--every", type=int, default=4, help="every so manyth tile, at factor 8 only with --flow")
    parser.add_argument("--out", help="by default docs/results/climate_quality.json or climate_flow.json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(args, folder)
        tiles = climate_floors.tiles(os.path.join(args.data, "mrms_preciprate_conus_20190610.nc"))
        if args.flow:
            flow(bench, tiles)
        else:
            mrms(bench, tiles)
            knmi(bench)
            arome(bench)
    topic = "climate_flow" if args.flow else "climate_quality"
    out = args.out or os.path.join(ROOT, "docs", "results", f"{topic}.json")
    command = f"python benches/climate_quality.py --data DATA{f' --flow {args.flow} --every {args.every}' if args.flow else ''} --machine MACHINE --date DATE"
    version = subprocess.run([LANGEVIN, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    results_file.write(out, topic, command, version, args.machine, args.date, bench.rows)


if __name__ == "__main__":
    main()
