"""Validity and uniqueness of molecules, this crate against RDKit, on real molecules clean and noised.

    cargo build --release -p langevin-molecules --example validity
    python benches/peers/molecule_validity.py --machine MACHINE --date DATE [--data DIR] [--limit N]

Both sides read the same XYZ file (5 decimals). The RDKit side follows the protocol: bond orders by the
distance table, explicit hydrogens, no charges; valid if sanitisation succeeds; named by the canonical
SMILES of the largest fragment. Reported per noise level: molecules on which the verdicts differ, and
distinct names on each side and jointly: if all three counts are equal, the names tell the same molecules
apart. A molecule of several largest fragments is left out there: the protocol takes the first, which
depends on the order of atoms, ours the smallest key. The pooled row joins all noise levels, so that many
molecules occur several times, in several Kekulé forms. The last row compares the graph protocol with
RDKit's perception from geometry (rdDetermineBonds) on the clean molecules.
"""
import argparse, gzip, json, os, subprocess, tempfile, time

import numpy as np
import results_file
from rdkit import Chem, RDLogger, rdBase
from rdkit.Chem import rdDetermineBonds

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLE = os.path.join(ROOT, "target", "release", "examples", "validity")
BESIDE = os.path.join(os.path.dirname(ROOT), "shared", "data")
NOISE = (0.0, 0.01, 0.03, 0.06, 0.1)  # standard deviation per coordinate, Å
ORDERS = {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}
# The part of EDM's table that QM9 needs, typed from its source apart from the Rust one: pm and margins.
SINGLE = {"HH": 74, "CH": 109, "HN": 101, "HO": 96, "CC": 154, "CN": 147, "CO": 143, "NN": 145, "NO": 140, "OO": 148}
DOUBLE = {"CC": 134, "CN": 129, "CO": 120, "NN": 125, "NO": 121, "OO": 121}
TRIPLE = {"CC": 120, "CN": 116, "CO": 113, "NN": 110}
VALENCE = {"H": 1, "C": 4, "N": 3, "O": 2}


def read(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rt") as file:
        lines = file.read().splitlines()
    at, molecules = 0, []
    while at < len(lines):
        n = int(lines[at])
        rows = [line.split() for line in lines[at + 2 : at + 2 + n]]
        molecules.append(([row[0] for row in rows], np.array([row[1:4] for row in rows], float)))
        at += n + 2
    return molecules


def write(path, molecules):
    with open(path, "w") as file:
        for symbols, x in molecules:
            file.write(f"{len(symbols)}\n\n")
            file.writelines(f"{s} {a:.5f} {b:.5f} {c:.5f}\n" for s, (a, b, c) in zip(symbols, x))


def order(a, b, pm):
    pair = "".join(sorted((a, b)))
    if not pm < SINGLE[pair] + 10:
        return 0
    if not (pair in DOUBLE and pm < DOUBLE[pair] + 5):
        return 1
    return 3 if pair in TRIPLE and pm < TRIPLE[pair] + 3 else 2


def smiles(mol):
    try:
        Chem.SanitizeMol(mol)
    except ValueError:
        return None
    return Chem.MolToSmiles(mol)


def peer(symbols, x):
    """Stable atoms, the name or None, and whether several fragments are the largest."""
    mol, sums = Chem.RWMol(), [0] * len(symbols)
    for symbol in symbols:
        mol.AddAtom(Chem.Atom(symbol))
    far = np.linalg.norm(x[:, None] - x[None], axis=-1) * 100
    for i in range(len(symbols)):
        for j in range(i):
            if far[i, j] < 170 and (bond := order(symbols[i], symbols[j], far[i, j])):
                mol.AddBond(i, j, ORDERS[bond])
                sums[i] += bond
                sums[j] += bond
    stable = sum(total == VALENCE[symbol] for total, symbol in zip(sums, symbols))
    if smiles(mol) is None:
        return stable, None, False
    parts = Chem.GetMolFrags(mol, asMols=True)
    largest = max(parts, key=lambda part: part.GetNumAtoms())
    tied = sum(part.GetNumAtoms() == largest.GetNumAtoms() for part in parts) > 1
    return stable, smiles(largest), tied


def ours(path, *flags):
    done = subprocess.run([EXAMPLE, *flags, path], check=True, capture_output=True, text=True)
    return [line.split(" ") for line in done.stdout.splitlines()], float(done.stderr.split()[-2])


def compare(molecules, noise, scratch):
    rng = np.random.default_rng(2022)
    noised = [(s, np.round(x + noise * rng.standard_normal(x.shape), 5)) for s, x in molecules]
    path = os.path.join(scratch, "noised.xyz")
    write(path, noised)
    lines, seconds = ours(path)
    start = time.perf_counter()
    theirs = [peer(*molecule) for molecule in noised]
    their_seconds = time.perf_counter() - start
    n = len(noised)
    pairs = [(line[3], name) for line, (_, name, tied) in zip(lines, theirs) if line[0] == "1" and name and not tied]
    row = {
        "noise_angstrom": noise,
        "molecules": n,
        "valid": sum(line[0] == "1" for line in lines),
        "valid_rdkit": sum(name is not None for _, name, _ in theirs),
        "verdicts_differ": sum((line[0] == "1") != (name is not None) for line, (_, name, _) in zip(lines, theirs)),
        "stable_atoms_differ": sum(int(line[1]) != stable for line, (stable, _, _) in zip(lines, theirs)),
        "atoms_stable": sum(int(line[1]) for line in lines) / sum(int(line[2]) for line in lines),
        "molecules_stable": sum(line[1] == line[2] for line in lines) / n,
        "tied": sum(tied for _, _, tied in theirs),
        **distinct(pairs),
        "seconds": seconds,
        "seconds_rdkit": round(their_seconds, 3),
    }
    return row, pairs


def distinct(pairs):
    return {
        "named": len(pairs),
        "distinct": len({key for key, _ in pairs}),
        "distinct_rdkit": len({name for _, name in pairs}),
        "distinct_jointly": len(set(pairs)),
        "differences": list(differing(pairs))[:20],
    }


def differing(pairs):
    """SMILES that one of our keys holds together, or pairs of keys under one SMILES."""
    by_key, by_name = {}, {}
    for key, name in sorted(set(pairs)):
        by_key.setdefault(key, []).append(name)
        by_name.setdefault(name, []).append(key)
    yield from (f"one key: {' '.join(names)}" for names in by_key.values() if len(names) > 1)
    yield from (f"{len(keys)} keys: {name}" for name, keys in by_name.items() if len(keys) > 1)


def perceived(molecules, scratch):
    """Bonds and charges of the graph protocol, against RDKit's own perception of the same geometries."""
    path = os.path.join(scratch, "clean.xyz")
    write(path, molecules)
    lines, seconds = ours(path, "--perceived")
    count = {"closed_shell": 0, "peer_fails": 0, "same_connections": 0, "same_molecule": 0, "peer_more_charges": 0}
    others = []
    start = time.perf_counter()
    for (symbols, x), (unsatisfied, charges, bonds) in zip(molecules, lines):
        count["closed_shell"] += unsatisfied == "0"
        mine, theirs = Chem.RWMol(), Chem.RWMol()
        place = Chem.Conformer(len(symbols))
        for at, (symbol, charge) in enumerate(zip(symbols, charges.split(","))):
            atom = Chem.Atom(symbol)
            atom.SetFormalCharge(int(charge))
            mine.AddAtom(atom)
            theirs.AddAtom(Chem.Atom(symbol))
            place.SetAtomPosition(at, x[at].tolist())
        for a, b, multiplicity in (map(int, bond.split("-")) for bond in bonds.split(",") if bond):
            mine.AddBond(a, b, ORDERS[multiplicity])
        theirs.AddConformer(place)
        try:
            rdDetermineBonds.DetermineBonds(theirs, charge=0)
        except ValueError:
            count["peer_fails"] += 1
            continue
        joined = [{tuple(sorted((b.GetBeginAtomIdx(), b.GetEndAtomIdx()))) for b in m.GetBonds()} for m in (mine, theirs)]
        charged = [sum(abs(atom.GetFormalCharge()) for atom in m.GetAtoms()) for m in (mine, theirs)]
        theirs.RemoveAllConformers()
        Chem.RemoveStereochemistry(theirs)
        names = [smiles(mine), smiles(theirs)]
        count["same_connections"] += joined[0] == joined[1]
        count["same_molecule"] += names[0] == names[1]
        count["peer_more_charges"] += names[0] != names[1] and charged[0] < charged[1]
        if names[0] != names[1]:
            others.append([Chem.CanonSmiles(Chem.MolToSmiles(Chem.RemoveHs(m))) for m in (mine, theirs)])
    peer_seconds = round(time.perf_counter() - start, 3)
    return {"molecules": len(molecules), **count, "others": others[:20], "seconds": seconds, "seconds_rdkit": peer_seconds}


def house_rows(result):
    """The rows of docs/results: what must hold, and what was counted."""
    def row(what, value, unit="", bar=None):
        found = {"what": what, "value": value, "unit": unit}
        if bar is not None:
            found |= {"bar": bar, "holds": value >= float(bar[3:]) if bar.startswith(">=") else value <= float(bar[3:])}
        return found

    rows, clean = [], result["distance_protocol"][0]
    if result["split"] == "test":
        rows.append(row("test split: atoms stable, 99.42 ± 0.01 expected", round(100 * clean["atoms_stable"], 3), "%", ">= 99.41"))
        rows.append(row("test split: molecules stable, 95.63 ± 0.01 expected", round(100 * clean["molecules_stable"], 3), "%", ">= 95.62"))
    for level in result["distance_protocol"]:
        name = f"{level['molecules']} molecules, noise {level['noise_angstrom']} \u00c5"
        rows.append(row(f"{name}: verdicts that differ from RDKit's", level["verdicts_differ"], "", "<= 0"))
        alike = max(level["distinct"], level["distinct_rdkit"], level["distinct_jointly"])
        fewest = min(level["distinct"], level["distinct_rdkit"], level["distinct_jointly"])
        rows.append(row(f"{name}: molecules told apart by one side only", alike - fewest, "", "<= 0"))
    graph = result["graph_protocol"]
    answered = graph["molecules"] - graph["peer_fails"]
    same = round(100 * graph["same_molecule"] / answered, 2)
    rows.append(row("graph protocol: same molecule as RDKit's perception, of those that it perceives", same, "%"))
    rows.append(row("graph protocol: molecules that RDKit's perception cannot read", graph["peer_fails"]))
    rows.append(row("graph protocol: molecules without a closed shell", graph["molecules"] - graph["closed_shell"], "", "<= 0"))
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default=os.environ.get("LANGEVIN_DATA", BESIDE))
    parser.add_argument("--split", default="test")
    parser.add_argument("--limit", type=int, help="only the first N molecules")
    parser.add_argument("--machine", required=True)
    parser.add_argument("--date", required=True)
    parser.add_argument("--out", default=os.path.join(ROOT, "docs", "results", "molecule_validity.json"))
    parser.add_argument("--details", help="write everything that was counted here as JSON")
    args = parser.parse_args()
    RDLogger.DisableLog("rdApp.*")
    folder = os.path.join(args.data, "molecules", "qm9_chno")
    molecules = read(os.path.join(folder, f"qm9_chno_{args.split}.extxyz.gz"))[: args.limit]
    with tempfile.TemporaryDirectory() as scratch:
        rows, pairs = zip(*(compare(molecules, noise, scratch) for noise in NOISE))
        graph = perceived(molecules, scratch)
    result = {"rdkit": rdBase.rdkitVersion, "split": args.split, "distance_protocol": rows, "pooled": distinct(sum(pairs, [])), "graph_protocol": graph}
    text = json.dumps(result, indent=1)
    print(text)
    if args.details:
        with open(args.details, "w") as file:
            file.write(text + "\n")
    command = "python benches/peers/molecule_validity.py --machine MACHINE --date DATE"
    version = f"RDKit {result['rdkit']}"
    results_file.write(args.out, "molecule_validity", command, version, args.machine, args.date, house_rows(result))


if __name__ == "__main__":
    main()
