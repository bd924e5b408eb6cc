//! Texts as other programs and people write them.

use langevin_datasets::MoleculeReader;
use langevin_molecules::element::Element;
use langevin_molecules::record::{Molecule, Order};

use super::{bond, packed, read};

const WATER: [[f64; 3]; 3] = [[0.0, 0.0, 0.0], [0.76, 0.59, 0.0], [-0.76, 0.59, 0.5]];

fn water() -> Molecule {
    Molecule::new(vec![Element::O, Element::H, Element::H], WATER.to_vec()).unwrap()
}

fn one(name: &str, text: &str) -> Molecule {
    let file =
        read(name, text.as_bytes(), false).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    let [molecule] = <[Molecule; 1]>::try_from(file.molecules).unwrap();
    molecule
}

#[test]
fn plain_xyz_keeps_its_comment() {
    let atoms = "O 0 0 0\nH 0.76 0.59 0\nH -0.76 0.59 0.5\n";
    assert_eq!(one("m.xyz", &format!("3\n\n{atoms}")), water());
    for comment in ["water, relaxed", "energy=-1 but more", "a \"quote", "pbc T"] {
        let expected = water().with_note("comment", comment);
        assert_eq!(one("m.xyz", &format!("3\n {comment} \n{atoms}")), expected);
    }
    // Numbers as Fortran and Windows write them, elements by number and in capitals, more columns.
    let odd = "\u{feff}  3\r\n\r\n 8  0.0D+00 0 .0 1.5\r\n\tH\t7.6d-1 59e-2 0\r\nH -.76 +0.59 0.5 0 0\r\n\r\n \r\n";
    assert_eq!(one("m.xyz", odd), water());
    let file =
        read("m.xyz", format!("3\n\n{atoms}\n\n3\nx\n{}", atoms.trim_end()).as_bytes(), false);
    assert_eq!(file.unwrap().molecules, [water(), water().with_note("comment", "x")]);
}

#[test]
fn extended_xyz_has_labels_notes_and_columns() {
    let text = "3\nProperties=pos:R:3:forces:R:3:species:S:1:formal_charge:I:1 energy=-76.4e0 \
                name=\"a \\\"b\\\" c\" smiles='O' converged id=12345678901234567890 q=nan \
                dipole=[1.0, [2, 3]] ions=[Na+] x=5 old={1 2} pbc=\"F F F\" \"two words\"=7\n\
                0 0 0 1 2 3 O -1\n0.76 0.59 0 1 2 3 H +1\n-0.76 0.59 0.5 1 2 3 H 0\n";
    let expected = water()
        .with_charges(vec![-1, 1, 0])
        .unwrap()
        .with_label("energy", -76.4)
        .with_label("x", 5.0)
        .with_label("two words", 7.0)
        .with_note("name", "a \"b\" c")
        .with_note("smiles", "O")
        .with_note("converged", "T")
        .with_note("id", "12345678901234567890")
        .with_note("q", "nan")
        .with_note("dipole", "[1.0, [2, 3]]")
        .with_note("ions", "[Na+]")
        .with_note("old", "{1 2}")
        .with_note("pbc", "F F F");
    assert_eq!(one("m.extxyz", text), expected);
    // Real charges are partial ones; an atomic number is an element too.
    let text = "3\nProperties=charge:R:1:Z:I:1:pos:R:3\n-0.8 8 0 0 0\n0.4 1 0.76 0.59 0\n0.4 1 -0.76 0.59 0.5\n";
    assert_eq!(one("m.xyz", text), water());
    // Without Properties, of keys with values alone.
    let text = "3\ngdb=17 source=x\nO 0 0 0\nH 0.76 0.59 0\nH -0.76 0.59 0.5\n";
    assert_eq!(one("m.xyz", text), water().with_label("gdb", 17.0).with_note("source", "x"));
}

/// Glycine's zwitterion in part, as in the description of the format: two bonds, two charges.
const V2000: &str = "ion
  program 3D
made by hand
  3  2  0  0  0  0            999 V2000
    0.0000    0.0000    0.0000 O   0  5  0  0  0
    0.7600    0.5900    0.0000 H   0  0
   -0.7600    0.5900    0.5000 H
  1  2  1  0
  3  1  4  0  0  0
M  END
>  <gap>  (1)
6.8

> 25 <SMILES (canonical)>
[OH-]
second line

$$$$
";

#[test]
fn sdf_holds_bonds_charges_and_items() {
    let expected = water()
        .with_bonds(vec![bond(0, 1, Order::Single), bond(0, 2, Order::Aromatic)])
        .unwrap()
        .with_charges(vec![-1, 0, 0])
        .unwrap()
        .with_note("name", "ion")
        .with_note("comment", "made by hand")
        .with_label("gap", 6.8)
        .with_note("SMILES (canonical)", "[OH-]\nsecond line");
    assert_eq!(one("m.sdf", V2000), expected);
    assert_eq!(one("m.sdf", &V2000.replace('\n', "\r\n")), expected);
    // No end, no version, no last empty line.
    let text = V2000.replace("\n\n$$$$\n", "").replace("            999 V2000", "");
    assert_eq!(one("m.mol", &text), expected);
    // Charges by property: codes beside the atoms no longer count.
    let text = V2000.replace("M  END", "M  ISO  1   1  18\nM  CHG  2   2   1   3  -2\nM  END");
    assert_eq!(one("m.sdf", &text).charges(), Some(&[0, 1, -2][..]));
    let text = V2000.replace("M  END", "M  RAD  1   1   2\nM  END");
    assert_eq!(one("m.sdf", &text).charges(), Some(&[0, 0, 0][..]));
    for (code, charge) in [(1, 3), (2, 2), (3, 1), (4, 0), (5, -1), (6, -2), (7, -3)] {
        let text = V2000.replace("O   0  5", &format!("O   0  {code}"));
        assert_eq!(one("m.sdf", &text).charges(), Some(&[charge, 0, 0][..]));
    }
    // Two records, the second without bonds: then neither bonds nor charges are known.
    let bare = V2000.replace("  3  2", "  3  0").replace("0  5", "0  0");
    let bare = bare.replace("  1  2  1  0\n  3  1  4  0  0  0\n", "");
    let file = read("m.sdf.gz", &packed(format!("{V2000}{bare}\n\n").as_bytes()), false).unwrap();
    assert_eq!(file.molecules[0], expected);
    assert_eq!((file.molecules[1].bonds(), file.molecules[1].charges()), (None, None));
    assert_eq!(file.molecules.len(), 2);
}

#[test]
fn the_new_table_has_any_numbers_and_lines_that_go_on() {
    let text = "ion


  0  0  0     0  0            999 V3000
M  V30 BEGIN CTAB
M  V30 COUNTS 3 2 1 0 0 REGNO=7
M  V30 BEGIN ATOM
M  V30 17 O 0 0 0 0 CHG=-1 CFG=1
M  V30 4 H 0.76 0.-
M  V30 59 0 0
M  V30 1 H -0.76 0.59 0.5 0 MASS=2
M  V30 END ATOM
M  V30 BEGIN BOND
M  V30 1 1 4 17
M  V30 2 2 17 1 CFG=3
M  V30 END BOND
M  V30 BEGIN SGROUP
M  V30 1 DAT 0 ATOMS=(1 17) FIELDNAME=x
M  V30 END SGROUP
M  V30 END CTAB
M  END
$$$$
";
    let expected = water()
        .with_bonds(vec![bond(0, 1, Order::Single), bond(0, 2, Order::Double)])
        .unwrap()
        .with_charges(vec![-1, 0, 0])
        .unwrap()
        .with_note("name", "ion");
    assert_eq!(one("m.sdf", text), expected);
}

#[test]
fn a_reader_goes_on_after_a_bad_frame() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.xyz");
    std::fs::write(&path, "1\n\nC 0 0 0\n1\n\nXx 0 0 0\n1\n\nN 0 0 0\n").unwrap();
    let read: Vec<_> = MoleculeReader::open(&path).unwrap().collect();
    let elements = |at: usize| read[at].as_ref().unwrap().species().to_vec();
    assert_eq!((read.len(), elements(0), elements(2)), (3, vec![Element::C], vec![Element::N]));
    assert!(read[1].is_err());
}
