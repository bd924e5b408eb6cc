"""Properties of molecules by GFN2-xTB, through tblite: labels to train on.

    python benches/peers/gfn2_labels.py FILE.extxyz[.gz] --out labels.csv [--ids ids.txt] [--beside TABLE.csv gap]

Writes one row per molecule: its `gdb` number, HOMO, LUMO and gap in eV, dipole in debye, and the column of another
table that was named, empty where that has no such molecule. Needs `tblite`, `numpy`. Single points, no
relaxation; one thread each.
"""

import argparse
import csv
import gzip
import multiprocessing
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

HARTREE = 27.211386245988
BOHR = 0.529177210903
DEBYE = 2.541746473
NUMBERS = {"H": 1, "B": 5, "C": 6, "N": 7, "O": 8, "F": 9, "Si": 14, "P": 15, "S": 16, "Cl": 17, "Br": 35, "I": 53}


def frames(path):
    """(comment, symbols, positions in angstrom) of each frame."""
    opened = gzip.open(path, "rt") if path.endswith(".gz") else open(path)
    with opened as file:
        while line := file.readline():
            count = int(line)
            comment = file.readline().strip()
            rows = [file.readline().split() for _ in range(count)]
            yield comment, [row[0] for row in rows], [[float(x) for x in row[1:4]] for row in rows]


def single_point(frame):
    """Note, HOMO, LUMO, gap, dipole; numbers are None where the calculation does not converge."""
    import numpy
    from tblite.interface import Calculator

    comment, symbols, positions = frame
    notes = dict(word.split("=", 1) for word in comment.split() if "=" in word)
    try:
        numbers = numpy.array([NUMBERS[symbol] for symbol in symbols])
        if numbers.sum() % 2:
            raise RuntimeError("an odd number of electrons")
        calculator = Calculator("GFN2-xTB", numbers, numpy.array(positions) / BOHR)
        calculator.set("verbosity", 0)
        result = calculator.singlepoint()
        energies, occupations = result.get("orbital-energies"), result.get("orbital-occupations")
        highest = int((occupations > 1.0).sum()) - 1
        homo, lumo = energies[highest] * HARTREE, energies[highest + 1] * HARTREE
        dipole = float(numpy.linalg.norm(result.get("dipole"))) * DEBYE
        return notes, homo, lumo, lumo - homo, dipole
    except (RuntimeError, ValueError):
        return notes, None, None, None, None


def results(path, processes, wanted=None):
    chosen = (f for f in frames(path) if wanted is None or any(w in wanted for w in f[0].split()))
    with multiprocessing.Pool(processes) as pool:
        yield from pool.imap(single_point, chosen, chunksize=64)


def label(args):
    wanted = None
    if args.ids:
        wanted = {f"gdb={line.strip()}" for line in open(args.ids) if line.strip()}
    beside = {}
    if args.beside:
        table, column = args.beside
        with gzip.open(table, "rt") if table.endswith(".gz") else open(table) as file:
            beside = {row["gdb"]: row[column] for row in csv.DictReader(file)}
    failed = written = 0
    with open(args.out, "w", newline="") as file:
        rows = csv.writer(file)
        names = [args.beside[1]] if args.beside else []
        rows.writerow(["gdb", "homo_gfn2", "lumo_gfn2", "gap_gfn2", "dipole_gfn2", *names])
        for notes, *numbers in results(args.file, args.processes, wanted):
            if numbers[0] is None:
                failed += 1
                continue
            others = [beside.get(notes["gdb"], "")] if args.beside else []
            rows.writerow([notes["gdb"], *(f"{number:.5f}" for number in numbers), *others])
            written += 1
    print(f"{args.out}: {written} molecules labelled, {failed} did not converge")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--out", required=True)
    parser.add_argument("--ids", help="only the molecules whose gdb number is in this file")
    parser.add_argument("--beside", nargs=2, metavar=("TABLE", "COLUMN"), help="a column of another table with gdb numbers")
    parser.add_argument("--processes", type=int, default=1)
    label(parser.parse_args())


if __name__ == "__main__":
    main()
