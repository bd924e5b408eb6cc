"""Matching of crystals, `langevin crystals match` against pymatgen's StructureMatcher, on the same pairs.

    python benches/peers/crystal_matcher.py --machine MACHINE --date DATE [--data DIR] [--count N] [--out FILE]

Pairs are made from the test splits of perov-5, MP-20 and carbon-24-unique, N of each kind: atoms moved by 0.1 Å
and by 0.5 Å with a strained cell; another cell, origin and order of the same crystal; a supercell with atoms
moved a little; elements exchanged; another crystal of the same number of atoms with this one's elements, as a
template-based prediction is; for carbon, any two of the same number of atoms; and predictions of the models that
ship for their test splits. Both sides read the same
numbers to the last digit. Verdicts are compared at the tolerances of prediction (0.5, 0.3, 10) and at the
defaults (0.3, 0.2, 5), these also with other rules for elements on every sixth pair. Times are of one thread each: pymatgen's of `get_rms_dist` alone, ours of the whole
command, reading included. Needs pymatgen and ase.
"""

import argparse
import csv
import gzip
import io
import json
import os
import random
import subprocess
import tempfile
import time
import warnings

import numpy as np
import results_file
from ase.io import read
from pymatgen.core import Lattice, Structure
from pymatgen.core.structure_matcher import FrameworkComparator, StructureMatcher

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BESIDE = os.path.join(os.path.dirname(ROOT), "shared", "data")
LANGEVIN = os.path.join(ROOT, "target", "release", "langevin")
TOLERANCES = {"prediction": (0.5, 0.3, 10), "defaults": (0.3, 0.2, 5)}


def structures(path, count, rng):
    with gzip.open(path, "rt") as file:
        rows = list(csv.DictReader(file))
    return [Structure.from_str(row["cif"], fmt="cif") for row in rng.sample(rows, count)]


def moved(structure, amount, strain, noise):
    lattice = np.array(structure.lattice.matrix) @ (np.eye(3) + strain * noise.standard_normal((3, 3)))
    cart = structure.frac_coords @ lattice + amount * noise.standard_normal((len(structure), 3))
    return Structure(Lattice(lattice), structure.species, cart, coords_are_cartesian=True)


def redescribed(structure, noise):
    """Another basis, origin and order of the same crystal."""
    change = np.eye(3, dtype=int)
    for _ in range(3):
        i, j = noise.permutation(3)[:2]
        change[i] += int(noise.integers(-1, 2)) * change[j]
    lattice = change @ structure.lattice.matrix
    order = noise.permutation(len(structure))
    frac = (structure.frac_coords + noise.random(3)) @ np.linalg.inv(change)
    return Structure(Lattice(lattice), [structure.species[i] for i in order], frac[order] % 1)


def supercell(structure, noise):
    big = structure.copy()
    big.make_supercell([int(x) for x in noise.permutation([2, 1, 1])])
    return moved(big, 0.03, 0.0, noise)


def relabelled(structure, noise):
    elements = sorted({str(s) for s in structure.species})
    swap = dict(zip(elements, noise.permutation(elements)))
    return Structure(structure.lattice, [swap[str(s)] for s in structure.species], structure.frac_coords)


def template(structure, pool, noise):
    """A crystal of as many atoms of each kind as `structure`, with its elements; any of as many atoms if none."""
    counts = lambda s: sorted(s.composition.get_el_amt_dict().values())
    same = [s for s in pool if s is not structure and counts(s) == counts(structure)]
    other = same[noise.integers(len(same))] if same else pool[noise.integers(len(pool))]
    by_count = lambda s: [e for e, _ in sorted(s.composition.get_el_amt_dict().items(), key=lambda item: item[1])]
    names = dict(zip(by_count(other), by_count(structure)))
    return Structure(other.lattice, [names.get(str(s), str(s)) for s in other.species], other.frac_coords)


def predicted(structures, model):
    """What a model that ships makes of the compositions of `structures`: one for each."""
    with tempfile.TemporaryDirectory() as folder:
        asked, made = f"{folder}/asked.extxyz", f"{folder}/made.extxyz"
        with open(asked, "w") as file:
            file.write(text(structures))
        subprocess.run([LANGEVIN, "crystals", "sample", model, "--like", asked, "--count", "1", "--out", made, "--quiet"], check=True)
        found = read(made, ":", format="extxyz")
    return [Structure(Lattice(a.cell.array), a.get_chemical_symbols(), a.get_scaled_positions()) for a in found]


def pairs(data, count, seed):
    rng, noise = random.Random(seed), np.random.default_rng(seed)
    sets = {}
    for name in ("perov_5", "mp_20", "carbon_24_unique"):
        pool = structures(os.path.join(data, "crystals", name, "test.csv.gz"), min(count, 800), rng)
        sets[name] = pool
    kinds = {
        "moved 0.1 Å": lambda s, pool: moved(s, 0.1, 0.02, noise),
        "moved 0.5 Å": lambda s, pool: moved(s, 0.5, 0.05, noise),
        "redescribed": lambda s, pool: redescribed(s, noise),
        "supercell": lambda s, pool: supercell(s, noise),
        "relabelled": lambda s, pool: relabelled(s, noise),
        "template": lambda s, pool: template(s, pool, noise),
    }
    weights = {"perov_5": 0.3, "mp_20": 0.5, "carbon_24_unique": 0.2}
    for kind, make in kinds.items():
        for name, weight in weights.items():
            for _ in range(round(count * weight)):
                structure = sets[name][rng.randrange(len(sets[name]))]
                yield kind, structure, make(structure, sets[name])
    for name, model in (("perov_5", "perov5"), ("mp_20", "mp20")):
        some = [sets[name][rng.randrange(len(sets[name]))] for _ in range(round(count * weights[name]))]
        for structure, made in zip(some, predicted(some, model)):
            yield "prediction", structure, made


def text(structures):
    out = io.StringIO()
    for s in structures:
        lattice = " ".join(repr(float(x)) for x in s.lattice.matrix.flatten())
        out.write(f'{len(s)}\nLattice="{lattice}" Properties=species:S:1:pos:R:3 pbc="T T T"\n')
        for species, position in zip(s.species, s.cart_coords):
            out.write(f"{species} {' '.join(repr(float(x)) for x in position)}\n")
    return out.getvalue()


def ours(folder, tolerances, *more):
    stol, ltol, angle = tolerances
    command = [LANGEVIN, "crystals", "match", f"{folder}/a.extxyz", f"{folder}/b.extxyz", "--threads", "1", "--quiet"]
    command += ["--stol", str(stol), "--ltol", str(ltol), "--angle-tol", str(angle), "--out", f"{folder}/m.csv", "--force", *more]
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(command, check=True)
        times.append(time.perf_counter() - start)
    with open(f"{folder}/m.csv") as file:
        return [float(row["rms"]) if row["rms"] else None for row in csv.DictReader(file)], sorted(times)[1]


def theirs(all_pairs, tolerances):
    stol, ltol, angle = tolerances
    matcher = StructureMatcher(stol=stol, ltol=ltol, angle_tol=angle)
    found, start = [], time.perf_counter()
    for _, a, b in all_pairs:
        distance = matcher.get_rms_dist(a, b)
        found.append(None if distance is None else float(distance[0]))
    return found, time.perf_counter() - start


# How elements count: our options, pymatgen's, and whether its anonymous method is meant.
RULES = {
    "elements exchanged": (["--elements", "exchanged"], {}, True),
    "any elements": (["--elements", "any"], {"comparator": FrameworkComparator()}, False),
    "without oxygen": (["--ignore", "O"], {"ignored_species": ["O"]}, False),
}


def with_rules(made, folder):
    """Verdicts and distances with other rules for elements, at the default tolerances."""
    stol, ltol, angle = TOLERANCES["defaults"]
    for name, (options, more, anonymous) in RULES.items():
        matcher = StructureMatcher(stol=stol, ltol=ltol, angle_tol=angle, **more)
        method = matcher.get_rms_anonymous if anonymous else matcher.get_rms_dist
        peer = [float(found[0]) if found and found[0] is not None else None for found in (method(a, b) for _, a, b in made)]
        mine, _ = ours(folder, TOLERANCES["defaults"], *options)
        same = [(x is None) == (y is None) for x, y in zip(mine, peer)]
        both = [abs(x - y) for x, y in zip(mine, peer) if x is not None and y is not None]
        print(name, [(made[i][0], made[i][1].formula, made[i][2].formula, mine[i], peer[i]) for i, ok in enumerate(same) if not ok][:5], sorted(both)[-5:])
        agree, close = 100 * sum(same) / len(same), 100 * sum(d <= 1e-6 for d in both) / max(len(both), 1)
        what = f"{len(made)} pairs, defaults, {name}"
        yield {"what": f"{what}: same verdict", "value": round(agree, 3), "unit": "%", "bar": ">= 99.9", "holds": agree >= 99.9}
        yield {"what": f"{what}: distances within 1e-6, of {len(both)} that both match", "value": round(close, 3), "unit": "%", "bar": ">= 100", "holds": close >= 100}


def write(made, folder):
    for place, name in ((1, "a"), (2, "b")):
        with open(f"{folder}/{name}.extxyz", "w") as file:
            file.write(text([pair[place] for pair in made]))


def all_pairs(data, folder):
    """Every test crystal of carbon-24-unique against every other: METRe of the set with itself, and its time."""
    path = os.path.join(data, "crystals", "carbon_24_unique", "test.csv.gz")
    start = time.perf_counter()
    command = [LANGEVIN, "crystals", "match", path, path, "--all", "--prediction", "--quiet", "--json", f"{folder}/n.json"]
    subprocess.run(command, check=True)
    minutes = (time.perf_counter() - start) / 60
    with open(f"{folder}/n.json") as file:
        metre = json.load(file)["metrics"]["METRe"]
    return [
        {"what": "METRe of carbon-24-unique's test split, 850 against 850, all cores", "value": round(minutes, 2), "unit": "minutes", "peer": "pymatgen, by its time per pair: 3.4 hours", "bar": "<= 5", "holds": minutes <= 5},
        {"what": "METRe of that split with itself", "value": metre, "unit": "", "bar": ">= 1", "holds": metre >= 1},
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("LANGEVIN_DATA", BESIDE))
    parser.add_argument("--count", type=int, default=900, help="pairs of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--machine", default="")
    parser.add_argument("--date", default="")
    parser.add_argument("--out", default=os.path.join(ROOT, "docs", "results", "matcher.json"))
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    made = list(pairs(args.data, args.count, args.seed))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        write(made, folder)
        # What both sides see: positions as written.
        for name, tolerances in TOLERANCES.items():
            mine, seconds = ours(folder, tolerances)
            peer, peer_seconds = theirs(made, tolerances)
            same = [(x is None) == (y is None) for x, y in zip(mine, peer)]
            both = [(k, abs(x - y)) for (k, _, _), x, y in zip(made, mine, peer) if x is not None and y is not None]
            for kind in dict.fromkeys(k for k, _, _ in made):
                of = [i for i, pair in enumerate(made) if pair[0] == kind]
                off = [i for i in of if not same[i]]
                print(name, kind, len(of), "matched", sum(peer[i] is not None for i in of), "differ", len(off), [
                    (i, made[i][1].formula, mine[i], peer[i]) for i in off[:3]
                ], "rms off", sum(d > 1e-6 for k, d in both if k == kind))
            worst = max((d for _, d in both), default=0.0)
            far = sum(d > 1e-6 for _, d in both)
            print(name, "worst", sorted((d for _, d in both), reverse=True)[:8])
            agree, close, ratio = 100 * sum(same) / len(same), 100 * (1 - far / max(len(both), 1)), peer_seconds / seconds
            what = f"{len(made)} pairs, {name}"
            rows += [
                {"what": f"{what}: same verdict", "value": round(agree, 3), "unit": "%", "bar": ">= 99.9", "holds": agree >= 99.9},
                {"what": f"{what}: distances within 1e-6, of {len(both)} that both match", "value": round(close, 3), "unit": "%", "bar": ">= 100", "holds": far == 0},
                {"what": f"{what}: largest difference of distances", "value": float(f"{worst:.2g}"), "unit": "(V/N)^(1/3)"},
                {"what": f"{what}: speed, one thread", "value": round(ratio, 1), "unit": "times pymatgen's", "peer": f"pymatgen {1e3 * peer_seconds / len(made):.1f} ms a pair; here {1e3 * seconds / len(made):.3f} ms", "bar": ">= 30", "holds": ratio >= 30},
            ]
        has_others = lambda s: {str(e) for e in s.composition} != {"O"}
        some = [pair for pair in made[::6] if has_others(pair[1]) and has_others(pair[2])]
        write(some, folder)
        rows += with_rules(some, folder)
        rows += all_pairs(args.data, folder)
    for row in rows:
        print(row)
    from importlib.metadata import version

    command = "python benches/peers/crystal_matcher.py --machine MACHINE --date DATE"
    results_file.write(args.out, "matcher", command, f"pymatgen {version('pymatgen')}", args.machine, args.date, rows)


if __name__ == "__main__":
    main()
