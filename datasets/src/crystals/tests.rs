use std::fs;

use langevin_atoms::element::Element;
use langevin_crystals::lattice::Lattice;
use langevin_crystals::matcher::Matcher;

use super::*;

fn crystals() -> Vec<Crystal> {
    let lattice = Lattice::from_parameters([4.1, 5.3, 6.7], [80.0, 95.0, 103.0]).unwrap();
    let species = vec![Element::SI, Element::O, Element::O];
    let frac = vec![[0.0, 0.1 + 0.2, 1.0 / 7.0], [0.25, 0.5, 0.9999999], [2.0 / 3.0, 0.333, 0.1]];
    let crystal = Crystal::new(lattice, species, frac).unwrap();
    vec![crystal.clone(), crystal.with_label("gap", 1.25).with_note("source", "two words")]
}

fn close(a: &Crystal, b: &Crystal) {
    assert_eq!(a.formula(), b.formula());
    for (x, y) in a.lattice().lengths().iter().zip(b.lattice().lengths()) {
        assert!((x - y).abs() < 1e-12, "{x} {y}");
    }
    for (x, y) in a.frac_coords().iter().flatten().zip(b.frac_coords().iter().flatten()) {
        assert!((x - y).abs() < 1e-12, "{x} {y}");
    }
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let provenance = [("seed".to_string(), "3".to_string())];
    for name in ["a.cif", "a.cif.gz", "a.extxyz", "a.xyz.gz"] {
        let path = folder.path().join(name);
        write_crystals(&path, &crystals(), &provenance, false).unwrap();
        let read = read_crystals(&path, false).unwrap().crystals;
        assert_eq!(read.len(), 2, "{name}");
        for (a, b) in crystals().iter().zip(&read) {
            close(a, b);
        }
        let told = (read[1].labels()["gap"], read[1].notes()["source"].as_str());
        assert_eq!(told, (1.25, "two words"), "{name}");
        let error = write_crystals(&path, &crystals(), &[], false).unwrap_err();
        assert!(error.to_string().contains("exists"), "{error}");
    }
    let path = folder.path().join("POSCAR");
    assert!(matches!(
        write_crystals(&path, &crystals(), &[], false),
        Err(CrystalFileError::Single { found: 2, .. })
    ));
    assert!(!path.exists());
    write_crystals(&path, &crystals()[..1], &provenance, false).unwrap();
    let read = read_crystals(&path, false).unwrap().crystals;
    // Its atoms are sorted by element.
    assert!(Matcher::default().distance(&read[0], &crystals()[0]).unwrap().rms < 1e-9);
}

#[test]
fn inputs_of_simulators_name_every_atom() {
    let folder = tempfile::tempdir().unwrap();
    let text = |name: &str| {
        let path = folder.path().join(name);
        write_crystals(&path, &crystals()[..1], &[], false).unwrap();
        fs::read_to_string(path).unwrap()
    };
    let lammps = text("a.lmp");
    assert!(lammps.contains("3 atoms\n2 atom types\n"), "{lammps}");
    assert!(lammps.contains("1 15.999 # O\n2 28.085 # Si\n"), "{lammps}");
    assert!(lammps.contains("\n0 4.1 xlo xhi\n"), "{lammps}");
    let espresso = text("a.in");
    assert!(
        espresso.contains("nat = 3\n  ntyp = 2\n") && espresso.contains("  Si 28.085 Si.UPF\n"),
        "{espresso}"
    );
    assert!(read_crystals(&folder.path().join("a.in"), false).is_err());
}

/// Other readers keep one block of each name, and do not tell upper and lower case apart.
#[test]
fn blocks_of_a_cif_have_names_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.cif");
    let named = ["C", "c", "C_2", "C"].map(|name| crystals()[0].clone().with_note("name", name));
    write_crystals(&path, &named, &[], false).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let blocks: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data_")).collect();
    assert_eq!(blocks, ["C", "c_2", "C_2_3", "C_4"]);
}

/// Authors of old files have accents in Latin-1, and some editors begin files with a mark.
#[test]
fn other_encodings_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.cif");
    write_crystals(&path, &crystals()[..1], &[], false).unwrap();
    let text = fs::read(&path).unwrap();
    let before = |bytes: &[u8]| [bytes, &text[..]].concat();
    for bytes in [before(b"\xef\xbb\xbf"), before(b"# Andr\xe9\n")] {
        fs::write(&path, bytes).unwrap();
        assert_eq!(read_crystals(&path, false).unwrap().crystals.len(), 1);
    }
}

/// Three different atoms along three different axes, by left-handed vectors: LAMMPS must get the crystal, not its
/// mirror image.
#[test]
fn a_left_handed_cell_is_not_mirrored_for_lammps() {
    let lattice = Lattice::new([[0.0, 5.0, 0.0], [4.0, 0.0, 0.0], [0.0, 0.0, 6.0]]).unwrap();
    let species = vec![Element::C, Element::N, Element::O, Element::F];
    let frac = vec![[0.0; 3], [0.2, 0.0, 0.0], [0.0, 0.25, 0.0], [0.0, 0.0, 0.1]];
    let crystal = Crystal::new(lattice, species, frac).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.lmp");
    write_crystals(&path, &[crystal], &[], false).unwrap();
    let text = fs::read_to_string(path).unwrap();
    let atoms = text.split("# atomic").nth(1).unwrap().split_whitespace();
    let numbers: Vec<f64> = atoms.map(|word| word.parse().unwrap()).collect();
    let [c, n, o, f] = [0, 1, 2, 3].map(|i| &numbers[5 * i + 2..5 * i + 5]);
    let box_ = [5.0, 4.0, 6.0];
    let from_c = |atom: &[f64]| -> [f64; 3] {
        std::array::from_fn(|k| {
            let x = (atom[k] - c[k]) / box_[k];
            (x - x.round()) * box_[k]
        })
    };
    let [n, o, f] = [n, o, f].map(from_c);
    let triple = n[0] * (o[1] * f[2] - o[2] * f[1]) - n[1] * (o[0] * f[2] - o[2] * f[0])
        + n[2] * (o[0] * f[1] - o[1] * f[0]);
    // 1 Å along y, 1 Å along x, 0.6 Å along z: a left-handed three.
    assert!((triple + 0.6).abs() < 1e-9, "{triple}");
}

const TABLE: &str = ",id,cif,gap\n0,one,\"data_a\n_cell_length_a 3\n_cell_length_b 3\n_cell_length_c 3\n_cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\nloop_\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\nC 0 0 0\n\",0.5\n1,two,data_b,0.7\n";

#[test]
fn a_table_names_the_row_that_holds_no_crystal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.csv");
    fs::write(&path, TABLE).unwrap();
    let error = read_crystals(&path, false).unwrap_err().to_string();
    assert!(
        error.ends_with("set.csv, row 2, line 1 of its cif: found no _cell_length_a, needed: three lengths and three angles of a cell in this data block"),
        "{error}"
    );
    let file = read_crystals(&path, true).unwrap();
    assert_eq!((file.crystals.len(), file.skipped.len()), (1, 1));
    let one = &file.crystals[0];
    assert_eq!((one.labels()["gap"], one.notes()["id"].as_str()), (0.5, "one"));
    fs::write(&path, "id,text\n1,2\n").unwrap();
    let error = read_crystals(&path, true).unwrap_err().to_string();
    assert!(error.ends_with("set.csv, line 1: found no column cif"), "{error}");
    fs::write(&path, "id,cif\n1\n").unwrap();
    assert!(read_crystals(&path, true).unwrap_err().to_string().contains("line 2"));
}

#[test]
fn files_without_crystals_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, message) in [
        ("a.cif", "", "found no crystal, allowed: at least one"),
        ("a.xyz", "1\nPlain\nC 0 0 0\n", "line 2: found no Lattice=\"…\" in the comment"),
        (
            "b.xyz",
            "3\nLattice=\"1 0 0 0 1 0 0 0 1\"\nC 0 0 0\n",
            "line 1: found 2 lines after the count, allowed: a comment and as many lines as it counts",
        ),
        (
            "c.xyz",
            "1\nLattice=\"3 0 0 0 3 0 0 0 9\" pbc=\"T T F\"\nC 0 0 0\n",
            "line 2: found pbc=\"T T F\", allowed: pbc=\"T T T\": crystals repeat along all three vectors",
        ),
        (
            "d.xyz",
            "1\nLattice=\"3 0 0 0 3 0 0 0 9\"\nC 0 nan 0\n",
            "line 3: found \"nan\", allowed: a coordinate in Å",
        ),
        (
            "a.pdb",
            "",
            "found no known extension, allowed: .cif, .vasp, .poscar, POSCAR, CONTCAR, .xyz, .extxyz, .csv with a column cif (each also with .gz)",
        ),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let error = read_crystals(&path, true).unwrap_err().to_string();
        assert!(error.ends_with(message), "{error}");
    }
}
