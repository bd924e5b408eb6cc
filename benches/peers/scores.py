"""Scores of ensembles beside scoringrules, scores, xskillscore and properscoring: equality, and speed.

    cargo build --release -p langevin-uq --example scores
    python benches/peers/scores.py --machine MACHINE --date DATE [--skip-speed]

Equality on random ensembles and on degenerate ones (equal members, ties, zeros, missing cells, two members), where the
definition is the same: the largest difference of any cell, relative where the value is above 1, with NaN expected in
the missing cells only. Peers that drop missing members answer there as well; those cells are not compared. Speed of the
CRPS: ours and the peer's in turn, on the same numbers, the peer's array laid out as it likes it; a median of ratios.
"""
import argparse
import datetime
import operator
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from importlib.metadata import version

# This file has the name of a peer, which must be found first.
sys.path.append(sys.path.pop(0))

import numpy as np
import properscoring
import scores.continuous
import scores.probability
import scores.spatial
import scores.stats.statistical_tests
import scoringrules
import xarray as xr
import xskillscore

import results_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "target/release/examples/scores"
SIDE, WINDOW = 24, 5
LIMIT = 1e-10


def ensembles(cells, random):
    """Name, members x cells, observations and a threshold."""
    normal = lambda *shape: 280 + 5 * random.standard_normal(shape)
    yield "random", normal(20, cells), normal(cells), 283.0
    yield "50 members", normal(50, cells), normal(cells), 283.0
    yield "2 members", normal(2, cells), normal(cells), 283.0
    yield "equal members", np.repeat(normal(1, cells), 12, 0), normal(cells), 283.0
    yield "ties", random.integers(0, 5, (15, cells)) / 3, random.integers(0, 5, cells) / 3, 0.9
    rain = lambda *shape: np.maximum(random.gamma(0.4, 4, shape) - 1, 0)
    yield "rain with zeros", rain(16, cells), rain(cells), 2.5
    yield "zeros", np.zeros((8, cells)), np.zeros(cells), 0.5
    x, y = normal(10, cells), normal(cells)
    x[random.integers(0, 10, cells // 20), random.integers(0, cells, cells // 20)] = np.nan
    y[random.integers(0, cells, cells // 20)] = np.nan
    yield "missing cells", x, y, 283.0


class Ours:
    """The example on numbers written once."""

    def __init__(self, folder, x, y):
        self.shape, self.folder = x.shape, folder
        np.ascontiguousarray(x, "<f8").tofile(f"{folder}/x")
        np.ascontiguousarray(y, "<f8").tofile(f"{folder}/y")

    def __call__(self, name, *parameters, repetitions=1):
        command = [EXAMPLE, name, *self.shape, "x", "y", "out", repetitions, *parameters]
        done = subprocess.run([str(part) for part in command], cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stderr.strip()}")
        self.milliseconds = float(done.stdout)
        return np.fromfile(f"{self.folder}/out", "<f8")


def per_cell(x, y, t):
    """Our name, its parameters, the peer and the peer's values, one per cell."""
    member_last = np.ascontiguousarray(x.T)
    da = xr.DataArray(x, dims=("member", "cell"))
    obs = xr.DataArray(y, dims=("cell",))
    keep = {"preserve_dims": "all"}
    rules = lambda estimator: scoringrules.crps_ensemble(y, member_last, estimator=estimator)
    rules_above = lambda estimator: scoringrules.twcrps_ensemble(y, member_last, a=t, estimator=estimator)
    yield "crps_fair", (), "scoringrules fair", lambda: rules("fair")
    yield "crps_fair", (), "scoringrules pwm", lambda: rules("pwm")
    yield "crps_standard", (), "scoringrules qd", lambda: rules("qd")
    yield "crps_standard", (), "scoringrules nrg", lambda: rules("nrg")
    yield "crps_above_standard", (t,), "scoringrules", lambda: rules_above("nrg")
    yield "crps_above_fair", (t,), "scoringrules", lambda: rules_above("fair")
    for ours, method in (("crps_fair", "fair"), ("crps_standard", "ecdf")):
        yield ours, (), "scores", lambda m=method: scores.probability.crps_for_ensemble(da, obs, "member", method=m, **keep)
    for ours, method in (("crps_above_fair", "fair"), ("crps_above_standard", "ecdf")):
        yield ours, (t,), "scores", lambda m=method: scores.probability.tail_tw_crps_for_ensemble(
            da, obs, "member", t, tail="upper", method=m, **keep)
    yield "crps_standard", (), "xskillscore", lambda: xskillscore.crps_ensemble(obs, da, dim=[])
    yield "crps_standard", (), "properscoring", lambda: properscoring.crps_ensemble(y, member_last)
    for ours, fair in (("brier_fair", True), ("brier_standard", False)):
        yield ours, (t,), "scores", lambda f=fair: scores.probability.brier_score_for_ensemble(
            da, obs, "member", t, fair_correction=f, event_threshold_operator=operator.gt, **keep).isel(threshold=0)
        yield ours, (t,), "xskillscore", lambda f=fair: xskillscore.brier_score(
            obs > t, (da > t) if f else (da > t).mean("member"), fair=f, dim=[])
    yield "brier_standard", (t,), "properscoring", lambda: properscoring.threshold_brier_score(y, member_last, t)


def aggregates(x, y, t):
    """The same for whole ensembles, without missing values: scores over all cells, moments of the members."""
    cells = len(y)
    da, obs, one = xr.DataArray(x, dims=("member", "cell")), xr.DataArray(y, dims=("cell",)), xr.DataArray(x[0], dims=("cell",))
    weights = np.ones((cells, cells))
    yield "mean", (), "numpy", lambda: x.mean(0)
    yield "variance", (), "numpy", lambda: x.var(0, ddof=1)
    for name, estimator in (("fair", "fair"), ("standard", "nrg")):
        yield f"energy_{name}", (), "scoringrules", lambda e=estimator: scoringrules.es_ensemble(y, x, estimator=e)
        for p in (0.5, 1.0):
            yield f"variogram_{name}", (p,), "scoringrules", lambda e=estimator, p=p: scoringrules.vs_ensemble(
                y, x, w=weights, p=p, estimator=e)
    if not (x == y).any():  # ties are drawn at random
        yield "rank_histogram", (), "xskillscore", lambda: xskillscore.rank_histogram(obs, da, dim="cell").values
    events = (y > t).astype(float)
    if 0 < events.sum() < cells:
        yield "roc_area", (t,), "scores", lambda: scores.probability.roc_auc(
            (da > t).mean("member"), xr.DataArray(events, dims=("cell",)))
    square = lambda values: values.reshape(SIDE, SIDE)
    if (x[0] > t).any() or (y > t).any():
        yield "fss", (t, WINDOW, SIDE), "scores", lambda: scores.spatial.fss_2d_single_field(
            square(x[0]), square(y), event_threshold=t, window_size=(WINDOW, WINDOW), threshold_operator=np.greater)
    yield "rmse", (), "scores", lambda: scores.continuous.rmse(one, obs)
    yield "mae", (), "scores", lambda: scores.continuous.mae(one, obs)
    yield "bias", (), "scores", lambda: scores.continuous.additive_bias(one, obs)
    yield "rmse", (), "xskillscore", lambda: xskillscore.rmse(one, obs)
    yield "mae", (), "xskillscore", lambda: xskillscore.mae(one, obs)
    yield "quantiles", (0.5, 0.99, 0.999999), "numpy", lambda: np.quantile(y, (0.5, 0.99, 0.999999))
    if np.ptp(x[0]) > 0:
        yield "pearson", (), "scores", lambda: scores.continuous.correlation.pearsonr(one, obs)
        yield "pearson", (), "xskillscore", lambda: xskillscore.pearson_r(obs, one)
        series = xr.DataArray((x[0] - y)[None], dims=("lead", "time"), coords={"h": ("lead", [1])})

        def test():
            made = scores.stats.statistical_tests.diebold_mariano(
                series, "lead", "h", method="HLN", statistic_distribution="t")
            above = float(made["confidence_gt_0"].item())
            return [made["mean"].item(), made["dm_test_stat"].item(), 2 * min(above, 1 - above)]

        yield "diebold_mariano", (), "scores HLN", test


def difference(mine, theirs, missing):
    """The largest difference outside `missing` cells, relative where values are above 1; ours must be NaN exactly there."""
    theirs = np.asarray(theirs, float).reshape(-1)
    if mine.shape != theirs.shape:
        raise RuntimeError(f"{mine.shape} numbers beside {theirs.shape}")
    if missing is not None and not (np.isnan(mine) == missing).all():
        return float("inf")
    valid = np.ones(mine.shape, bool) if missing is None else ~missing
    gap = (np.abs(mine - theirs) / np.maximum(1, np.abs(theirs)))[valid]
    return float("inf") if np.isnan(gap).any() else float(gap.max(initial=0))


def equality(folder, random):
    """Largest difference per score and peer, over all ensembles on which it was compared."""
    table = {}
    for case, x, y, t in ensembles(SIDE * SIDE, random):
        missing = np.isnan(x).any(0) | np.isnan(y)
        ours = Ours(folder, x, y)
        compared = [(row, missing) for row in per_cell(x, y, t)]
        if not missing.any():
            compared += [(row, None) for row in aggregates(x, y, t)]
        for (name, parameters, peer, theirs), gone in compared:
            gap = difference(ours(name, *parameters), theirs(), gone)
            table.setdefault((name, peer), []).append((gap, case))
            if gap > LIMIT:
                print(f"{name} and {peer} differ by {gap:.3g} on {case}")
    return table


def speed(folder, random, members, cells, rounds):
    """Per peer and score: cells, ours and theirs in ms as medians of turns, and ratios."""
    # xskillscore and properscoring make all pairs of members of all cells at once: a tenth of the cells is what fits.
    for share in (1, 10):
        x, y = 280 + 5 * random.standard_normal((members, cells // share)), 280 + 5 * random.standard_normal(cells // share)
        ours = Ours(folder, x, y)
        for (name, peer), theirs in competitors(x, y, share).items():
            mine, other = [], []
            for _ in range(rounds):
                ours(name, repetitions=5)
                mine.append(ours.milliseconds)
                start = time.perf_counter()
                theirs()
                other.append(1e3 * (time.perf_counter() - start))
            ratios = [b / a for a, b in zip(mine, other)]
            yield name, peer, cells // share, statistics.median(mine), statistics.median(other), ratios


def competitors(x, y, share):
    """The peers' scores of `x` against `y` that fit into memory with a share of the cells."""
    member_last = np.ascontiguousarray(x.T)
    da, obs = xr.DataArray(member_last, dims=("cell", "member")), xr.DataArray(y, dims=("cell",))
    keep = {"preserve_dims": "all"}
    if share > 1:
        return {
            ("crps_standard", "xskillscore"): lambda: xskillscore.crps_ensemble(obs, da, dim=[]),
            ("crps_standard", "properscoring"): lambda: properscoring.crps_ensemble(y, member_last),
        }
    # The estimators of scoringrules that need all pairs at once do not fit; pwm and qd sort.
    return {
        ("crps_fair", "scoringrules"): lambda: scoringrules.crps_ensemble(y, member_last, estimator="pwm"),
        ("crps_standard", "scoringrules"): lambda: scoringrules.crps_ensemble(y, member_last, estimator="qd"),
        ("crps_fair", "scores"): lambda: scores.probability.crps_for_ensemble(da, obs, "member", method="fair", **keep),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--members", type=int, default=50, help="of the speed comparison")
    parser.add_argument("--cells", type=int, default=10**6, help="of the speed comparison")
    parser.add_argument("--rounds", type=int, default=5, help="of the speed comparison")
    parser.add_argument("--skip-speed", action="store_true", help="equality only; the results file then has no speeds")
    parser.add_argument("--machine", default="")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    parser.add_argument("--out", default="", help="results file; not written without it")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    random = np.random.default_rng(args.seed)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for (name, peer), gaps in equality(folder, random).items():
            gap, kinds = max(gap for gap, _ in gaps), len({case for _, case in gaps})
            print(f"{name:20} {peer:18} {kinds} kinds of ensembles, largest difference {gap:.1e}")
            rows.append({
                "what": f"{name} beside {peer}, {kinds} kinds of ensembles, largest difference", "value": gap, "unit": "absolute, relative above 1",
                "peer": f"{peer} {version(peer.split()[0])}", "bar": f"< {LIMIT}", "holds": gap < LIMIT,
            })
        if not args.skip_speed:
            for name, peer, cells, mine, other, ratios in speed(folder, random, args.members, args.cells, args.rounds):
                value = round(statistics.median(ratios), 2)
                print(f"{name:20} {peer:18} {other:.0f} ms; here {mine:.0f} ms; {value} times")
                rows.append({
                    "what": f"{name} beside {peer}, {args.members} members on {cells} cells", "value": value,
                    "unit": "times the peer's speed", "spread": round((max(ratios) - min(ratios)) / 2, 2),
                    "seeds": args.rounds,
                    "peer": f"{peer} {version(peer)}: {other:.0f} ms; here {mine:.0f} ms", "bar": ">= 5.0", "holds": value >= 5.0,
                })
    if args.out:
        skipped = " --skip-speed" if args.skip_speed else ""
        command = f"python benches/peers/scores.py{skipped} --machine MACHINE --date DATE --out {os.path.relpath(args.out, ROOT)}"
        results_file.write(args.out, "scores", command, "0.1.0", args.machine, args.date, rows)
    if not all(row["holds"] for row in rows):
        raise SystemExit("a bar does not hold")


if __name__ == "__main__":
    main()
