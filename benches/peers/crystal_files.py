"""Files of crystals that are written here, read back by the programs that they are for.

    python benches/peers/crystal_files.py [--data DIR] [--count N]

Crystals of MP-20's test split are written as CIF, POSCAR, extended XYZ, LAMMPS data and Quantum ESPRESSO input, and
read by pymatgen and ASE; each must be the crystal that it was (StructureMatcher, whose search ends at a distance below 1e-5), with its elements. If
`lmp` or `pw.x` are on the path they read their files too; if not, that is said. Exit status 1 if anything differs.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import warnings

import ase.io
from crystal_matcher import BESIDE, LANGEVIN, structures
from pymatgen.core import Structure
from pymatgen.core.structure_matcher import StructureMatcher
from pymatgen.io.ase import AseAtomsAdaptor

MATCHER = StructureMatcher(primitive_cell=False, scale=False)


def by_ase(path, format, **options):
    return AseAtomsAdaptor.get_structure(ase.io.read(path, format=format, **options))


READERS = {
    "a.cif": {"pymatgen": lambda path: Structure.from_file(path), "ASE": lambda path: by_ase(path, "cif")},
    "POSCAR": {"pymatgen": lambda path: Structure.from_file(path), "ASE": lambda path: by_ase(path, "vasp")},
    "a.extxyz": {"ASE": lambda path: by_ase(path, "extxyz")},
    "a.lmp": {"ASE": lambda path: by_ase(path, "lammps-data", atom_style="atomic")},
    "a.in": {"ASE": lambda path: by_ase(path, "espresso-in")},
}


def simulators(folder, structure):
    """Failures of the simulators themselves, of those that are installed."""
    bad = []
    if shutil.which("lmp"):
        script = f"units metal\natom_style atomic\nboundary p p p\nbox tilt large\nread_data {folder}/a.lmp\n"
        run = subprocess.run(["lmp", "-log", "none"], input=script, text=True, capture_output=True)
        if run.returncode or f"{len(structure)} atoms" not in run.stdout:
            bad.append("LAMMPS")
    if shutil.which("pw.x"):
        run = subprocess.run(["pw.x", "-in", f"{folder}/a.in"], text=True, capture_output=True, cwd=folder)
        # Without pseudopotentials it stops after the input was understood.
        if "UPF not found" not in run.stdout + run.stderr:
            bad.append("Quantum ESPRESSO")
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("LANGEVIN_DATA", BESIDE))
    parser.add_argument("--count", type=int, default=100)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    for program in ("lmp", "pw.x"):
        if not shutil.which(program):
            print(f"{program} is not installed: its files are read by ASE only")
    bad = 0
    chosen = structures(os.path.join(args.data, "crystals", "mp_20", "test.csv.gz"), args.count, random.Random(0))
    for structure in chosen:
        with tempfile.TemporaryDirectory() as folder:
            structure.to(filename=f"{folder}/in.cif", significant_figures=14)
            wrong = []
            for name, readers in READERS.items():
                subprocess.run([LANGEVIN, "crystals", "convert", f"{folder}/in.cif", f"{folder}/{name}"], check=True)
                for reader, read in readers.items():
                    distance = MATCHER.get_rms_dist(structure, read(f"{folder}/{name}"))
                    if distance is None or distance[0] > 1e-5:
                        wrong.append(f"{name} by {reader}: {distance}")
            wrong += simulators(folder, structure)
        bad += bool(wrong)
        if wrong:
            print(structure.formula, *wrong, sep="\n  ")
    print(f"{args.count} crystals, {bad} that were not read back")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
