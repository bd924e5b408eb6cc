"""Exact transport, this crate against POT and scipy: same inputs, one run, in turn, one thread each.

    cargo build --release -p langevin-transport --example transport_bench
    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE python benches/peers/transport_pot.py

Wall seconds. For each problem and seed, every solver runs once per repetition before any runs again;
a row's value is the median of our times over the median of the peer's, its spread half the range of
the per-seed ratios. `solve` starts from the cost matrix, `from points` includes building it (POT
`dist`); our large distance never builds one, so both its rows divide by the same time of ours.
"""
import datetime, json, os, platform, subprocess, sys, tempfile, time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np
import ot
import scipy
from scipy.optimize import linear_sum_assignment

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLE = os.path.join(ROOT, "target", "release", "examples", "transport_bench")
OUT = os.path.join(ROOT, "docs", "results", "transport.json")
COMMAND = "python benches/peers/transport_pot.py"


def eight_gaussians(n, g):
    angle = g.integers(0, 8, n) * np.pi / 4
    return 5 * np.c_[np.cos(angle), np.sin(angle)] + np.sqrt(0.1) * g.standard_normal((n, 2))


def moons(n, g):
    t, upper = g.random(n) * np.pi, (g.random(n) < 0.5)[:, None]
    arc = np.where(upper, np.c_[np.cos(t), np.sin(t)], np.c_[1 - np.cos(t), 0.5 - np.sin(t)])
    return 3 * (arc + 0.2 * g.standard_normal((n, 2))) - 1


PROBLEMS = {
    "8 gaussians to moons": (2, lambda n, g: (eight_gaussians(n, g), moons(n, g))),
    "normal to shifted normal": (16, lambda n, g: (g.standard_normal((n, 16)), 2 * g.standard_normal((n, 16)) + 1)),
}


class Ours:
    """The example as a child process that answers requests."""

    def __init__(self):
        env = dict(os.environ, RAYON_NUM_THREADS="1")
        self.child = subprocess.Popen([EXAMPLE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)

    def ask(self, kind, x, y, dim):
        self.child.stdin.write(f"{kind} {x} {y} {dim}\n")
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline())


def clock(f):
    start = time.perf_counter()
    out = f()
    return time.perf_counter() - start, out


def measure(ours, folder, kind, name, n, seeds, repetitions):
    """Per-seed lists of seconds for each solver, and the largest relative difference of cost."""
    dim, draw = PROBLEMS[name]
    w = np.full(n, 1.0 / n)
    seconds = {k: [[] for _ in seeds] for k in ("ours_matrix", "ours_solve", "pot_matrix", "pot_solve", "scipy_solve")}
    worst = 0.0
    for s, seed in enumerate(seeds):
        x, y = draw(n, np.random.default_rng(seed))
        paths = [os.path.join(folder, k) for k in "xy"]
        for path, points in zip(paths, (x, y)):
            np.ascontiguousarray(points, "<f8").tofile(path)
        for _ in range(repetitions):
            t, m = clock(lambda: ot.dist(x, y))
            seconds["pot_matrix"][s].append(t)
            if kind == "assign":
                t, plan = clock(lambda: ot.emd(w, w, m, numItermax=100_000_000, numThreads=1))
                cost = float((plan * m).sum())
                t_lsa, (i, j) = clock(lambda: linear_sum_assignment(m))
                seconds["scipy_solve"][s].append(t_lsa)
                # The expanded form of ot.dist rounds; compare matchings on exact differences.
                cost = float(((x[i] - y[j]) ** 2).sum() / n)
                assert abs(float((plan * m).sum()) - cost) <= 1e-9 * cost
            else:
                t, cost = clock(lambda: float(ot.emd2(w, w, m, numItermax=100_000_000, numThreads=1)))
            seconds["pot_solve"][s].append(t)
            del m
            found = ours.ask(kind, *paths, dim)
            seconds["ours_matrix"][s].append(found["matrix_s"])
            seconds["ours_solve"][s].append(found["solve_s"])
            worst = max(worst, abs(found["cost"] - cost) / cost)
        print(name, n, seed, {k: round(float(np.median(v[s])), 6) for k, v in seconds.items() if v[s]}, worst, flush=True)
    return seconds, worst


def row(what, mine, theirs, peer, bar, seeds):
    """`mine` and `theirs`: seconds per seed and repetition, `[seeds, repetitions]`."""
    mine, theirs = np.array(mine), np.array(theirs)
    ratio = float(np.median(mine) / np.median(theirs))
    each = np.median(mine, axis=1) / np.median(theirs, axis=1)
    scale, unit = (1e3, "ms") if np.median(theirs) < 1 else (1.0, "s")
    return dict(
        what=what + (" (scipy)" if peer.startswith("scipy") else ""), value=round(ratio, 4), unit="our time / peer time", spread=round(float(np.ptp(each)) / 2, 4), seeds=seeds, floor=None,
        peer=f"{peer}: {np.median(theirs) * scale:.3g} {unit}, ours {np.median(mine) * scale:.3g} {unit}",
        bar=f"<= {bar}", holds=ratio <= bar,
    )


def main():
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        if name in os.environ:
            sys.exit(f"{name} is set and slows numpy; run with: env -u {name}")
    pot, lsa = f"POT {ot.__version__}", f"scipy {scipy.__version__} linear_sum_assignment"
    ours, rows, worst = Ours(), [], 0.0
    runs = [("assign", name, n, range(5), reps) for name in PROBLEMS for n, reps in ((256, 15), (1024, 5))]
    runs.append(("distance", "8 gaussians to moons", 10_000, range(2), 1))
    if "--quick" in sys.argv:
        runs = runs[:-1]
    with tempfile.TemporaryDirectory() as folder:
        for kind, name, n, seeds, repetitions in runs:
            t, difference = measure(ours, folder, kind, name, n, list(seeds), repetitions)
            worst = max(worst, difference)
            label = f"{name}, d = {PROBLEMS[name][0]}, n = {n}"
            both = lambda side: np.array(t[f"{side}_matrix"]) + np.array(t[f"{side}_solve"])
            call = "emd" if kind == "assign" else "emd2"
            rows.append(row(f"{label}: solve", both("ours") if kind == "distance" else t["ours_solve"], t["pot_solve"], f"{pot} {call}", 0.5, len(seeds)))
            rows.append(row(f"{label}: from points", both("ours"), both("pot"), f"{pot} dist + {call}", 0.5, len(seeds)))
            if kind == "assign":
                rows.append(row(f"{label}: solve", t["ours_solve"], t["scipy_solve"], lsa, 0.5, len(seeds)))
    rows.append(dict(what="largest relative difference of optimal cost, all runs", value=worst, unit="1", spread=None, seeds=None, floor=None,
                     peer=f"{pot}, scipy {scipy.__version__}", bar="<= 1e-9", holds=worst <= 1e-9))
    version = json.loads(subprocess.run(["cargo", "metadata", "--no-deps", "--format-version", "1"], cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    version = next(p["version"] for p in version["packages"] if p["name"] == "langevin-transport")
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
    avx512 = "with" if "avx512f" in open("/proc/cpuinfo").read() else "without"
    result = dict(topic="transport", command=COMMAND, version=version,
                  machine=f"{cpu} {avx512} AVX-512, {os.cpu_count()} shared cores, one thread per solver",
                  date=datetime.date.today().isoformat(), rows=rows)
    os.makedirs(os.path.dirname(OUT), exist_ok=True)
    with open(OUT, "w") as f:
        json.dump(result, f, indent=1)
        f.write("\n")
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
