//! HDF5 files as other programs write them, and what is wrong with some.

use hdf5::types::{FixedAscii, VarLenUnicode};
use hdf5::{File, Group, H5Type};
use langevin_datasets::{BadFrame, MoleculeFile, MoleculeFileError, Where, read_molecules};
use langevin_molecules::element::Element;
use langevin_molecules::record::Molecule;

use super::message;

const H2: [f64; 6] = [0.0, 0.0, 0.0, 0.0, 0.0, 0.74];

/// A file made by `fill`, read.
fn read(skip_bad: bool, fill: impl FnOnce(&File)) -> Result<MoleculeFile, MoleculeFileError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.h5");
    fill(&File::create(&path).unwrap());
    read_molecules(&path, skip_bad)
}

fn refused(fill: impl FnOnce(&File), expected: &str) {
    assert_eq!(message("m.h5", &read(false, fill).unwrap_err()), expected);
}

fn set<T: H5Type>(at: &Group, name: &str, shape: &[usize], values: &[T]) -> hdf5::Dataset {
    let dataset = at.new_dataset::<T>().shape(shape).create(name).unwrap();
    dataset.as_writer().write_raw(values).unwrap();
    dataset
}

fn word(at: &hdf5::Location, name: &str, word: &str) {
    let text: VarLenUnicode = word.parse().unwrap();
    at.new_attr::<VarLenUnicode>().create(name).unwrap().as_writer().write_scalar(&text).unwrap();
}

fn pair(elements: [Element; 2], length: f64) -> Molecule {
    Molecule::new(elements.to_vec(), vec![[0.0; 3], [0.0, 0.0, length]]).unwrap()
}

/// Species by symbol and fixed, positions per step in nm, an observable at some steps only.
#[test]
fn h5md_of_another_program() {
    #[derive(H5Type, Clone, Copy)]
    #[repr(u8)]
    enum Kind {
        Cl = 4,
        H = 9,
    }
    let file = read(false, |file| {
        let atoms = file.create_group("particles").unwrap().create_group("all").unwrap();
        let bounds = atoms.create_group("box").unwrap();
        let none: FixedAscii<4> = FixedAscii::from_ascii("none").unwrap();
        let boundary = bounds.new_attr::<FixedAscii<4>>().shape(3).create("boundary").unwrap();
        boundary.as_writer().write_raw(&[none; 3]).unwrap();
        set(&atoms, "species", &[2], &[Kind::Cl, Kind::H]);
        let position = atoms.create_group("position").unwrap();
        let values = [0.0f32, 0.0, 0.0, 0.0, 0.0, 0.125, 0.0, 0.0, 0.0, 0.0, 0.0, 0.25];
        word(&set(&position, "value", &[2, 2, 3], &values), "unit", "nm");
        set(&position, "step", &[2], &[10i32, 20]);
        word(&set(&atoms, "charge", &[2], &[1i8, -1]), "type", "formal");
        set(&atoms, "mass", &[2], &[35.0, 1.0]);
        let energy = file.create_group("observables").unwrap().create_group("energy").unwrap();
        set(&energy, "value", &[2], &[-1.5, -2.5]);
        set(&energy, "step", &[2], &[15, 20]);
    });
    let molecule =
        |length| pair([Element::CL, Element::H], length).with_charges(vec![1, -1]).unwrap();
    assert_eq!(file.unwrap().molecules, [molecule(1.25), molecule(2.5).with_label("energy", -2.5)]);
}

/// Fixed positions; a step that is an interval; partial charges, which are no formal ones.
#[test]
fn h5md_groups_follow_each_other() {
    let file = read(false, |file| {
        let particles = file.create_group("particles").unwrap();
        let a = particles.create_group("a").unwrap();
        set(&a, "species", &[2], &[1i32, 1]);
        set(&a, "position", &[2, 3], &H2);
        set(&a, "charge", &[2], &[0.5, -0.5]);
        let b = particles.create_group("b").unwrap();
        let position = b.create_group("position").unwrap();
        set(&position, "value", &[2, 1, 3], &[0.0f64; 6]);
        position.new_dataset::<i64>().create("step").unwrap().as_writer().write_scalar(&5).unwrap();
        let species = b.create_group("species").unwrap();
        set(&species, "value", &[2, 1], &[6u8, 7]);
        particles.create_group("walls").unwrap();
    });
    let one = |element| Molecule::new(vec![element], vec![[0.0; 3]]).unwrap();
    let expected = [pair([Element::H; 2], 0.74), one(Element::C), one(Element::N)];
    assert_eq!(file.unwrap().molecules, expected);
}

#[test]
fn ani_s_groups_of_conformations() {
    let file = read(false, |file| {
        // ANI-1: symbols, energies, SMILES letter by letter.
        let folder = file.create_group("gdb11_s01").unwrap().create_group("s01-0").unwrap();
        let letter = |text: &str| FixedAscii::<1>::from_ascii(text).unwrap();
        set(&folder, "species", &[2], &[letter("C"), letter("O")]);
        set(
            &folder,
            "coordinates",
            &[2, 2, 3],
            &[0.0f32, 0., 0., 0., 0., 1.5, 0., 0., 0., 0., 0., 2.],
        );
        set(&folder, "energies", &[2], &[-113.5, -113.25]);
        set(&folder, "smiles", &[3], &[letter("C"), letter("="), letter("O")]);
        // ANI-1x: atomic numbers, values that are missing.
        let folder = file.create_group("H2").unwrap();
        set(&folder, "atomic_numbers", &[2], &[1u8, 1]);
        set(&folder, "coordinates", &[1, 2, 3], &H2);
        set(&folder, "wb97x_dz.energy", &[1], &[-1.125]);
        set(&folder, "ccsd(t)_cbs.energy", &[1], &[f64::NAN]);
        set(&folder, "wb97x_dz.forces", &[1, 2, 3], &H2);
        // ANI-2x: species per frame.
        set(file, "species", &[2, 2], &[1i64, 17, 17, 1]);
        set(file, "coordinates", &[2, 2, 3], &[H2, H2].concat());
    });
    let carbon = |length, energy| {
        pair([Element::C, Element::O], length)
            .with_label("energies", energy)
            .with_note("group", "gdb11_s01/s01-0")
            .with_note("smiles", "C=O")
    };
    let expected = [
        pair([Element::H; 2], 0.74).with_label("wb97x_dz.energy", -1.125).with_note("group", "H2"),
        pair([Element::H, Element::CL], 0.74),
        pair([Element::CL, Element::H], 0.74),
        carbon(1.5, -113.5),
        carbon(2.0, -113.25),
    ];
    assert_eq!(file.unwrap().molecules, expected);
}

fn h5md(file: &File) -> Group {
    file.create_group("particles").unwrap().create_group("all").unwrap()
}

#[test]
fn what_holds_no_molecules_says_where() {
    refused(
        |file| drop(set(file, "x", &[2, 3], &H2)),
        "m.h5: found groups of molecules: none, allowed: particles with position and species (H5MD), \
         or species beside coordinates",
    );
    refused(
        |file| drop(h5md(file)),
        "m.h5: found groups of molecules: none, allowed: particles with position and species (H5MD), \
         or species beside coordinates",
    );
    refused(
        |file| {
            let all = h5md(file);
            set(&all, "species", &[2], &[1, 1]);
            let position = set(&all, "position", &[2, 3], &H2);
            word(&position, "unit", "furlong");
        },
        "m.h5, data set particles/all/position: found the unit \"furlong\", allowed: Angstrom, nm, pm, \
         bohr, or none for Å",
    );
    refused(
        |file| {
            let all = h5md(file);
            set(&all, "species", &[3], &[1, 1, 1]);
            set(&all, "position", &[2, 3], &H2);
        },
        "m.h5, data set particles/all/species: found the shape [3], allowed: [atoms] or [frames, atoms], \
         as the positions beside it",
    );
    refused(
        |file| {
            let all = h5md(file);
            set(&all, "species", &[3], &[1, 1, 1]);
            set(&all, "position", &[3, 2], &H2);
        },
        "m.h5, data set particles/all/position: found the shape [3, 2], allowed: [atoms, 3]",
    );
    refused(
        |file| {
            let all = h5md(file);
            set(&all, "species", &[2], &[1, 1]);
            set(&all, "position", &[2, 3], &H2);
            let boundary = all.create_group("box").unwrap();
            word(&boundary, "boundary", "periodic");
        },
        "m.h5, frame 1, group /particles/all: found a lattice, so this is a periodic structure, \
         allowed: molecules",
    );
    refused(
        |file| drop(set(file, "coordinates", &[1, 2, 3], &H2)),
        "m.h5, data set coordinates: found beside it no species, allowed: species or atomic_numbers \
         in the same group",
    );
    refused(
        |file| {
            set(file, "coordinates", &[1, 2, 3], &H2);
            set(file, "species", &[2], &[1.0, 1.0]);
        },
        "m.h5, data set species: found numbers: species of another type, allowed: atomic numbers or \
         symbols",
    );
}

#[test]
fn a_bad_frame_is_named_and_skipped_on_demand() {
    let fill = |file: &File| {
        let folder = file.create_group("g").unwrap();
        set(&folder, "species", &[3, 2], &[1, 1, 1, 119, 1, 1]);
        set(&folder, "coordinates", &[3, 2, 3], &[H2, H2, [0.0; 6]].concat());
    };
    refused(
        fill,
        "m.h5, frame 2, group /g: found \"119\", allowed: the symbol or the number of an element",
    );
    let file = read(true, fill).unwrap();
    assert_eq!(file.molecules, [pair([Element::H; 2], 0.74).with_note("group", "g")]);
    let said: Vec<_> = file.skipped.iter().map(BadFrame::to_string).collect();
    assert_eq!(file.skipped[1].at, Where::Group("/g".into()));
    assert!(said[1].starts_with("frame 3, group /g: atoms 1 and 2 coincide"), "{said:?}");
}
