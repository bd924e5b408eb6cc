//! Files that hold no molecules, each with the message it must give.

use langevin_datasets::Where;

use super::{message, packed, read};

const H2: &str = "2\n\nH 0 0 0\nH 0 0 0.74\n";

/// The message of a file, the same under other line ends and packed.
fn refused(name: &str, text: &str, expected: &str) {
    let said = |name: &str, bytes: &[u8]| message(name, &read(name, bytes, false).unwrap_err());
    assert_eq!(said(name, text.as_bytes()), expected, "{text:?}");
    assert_eq!(said(name, text.replace('\n', "\r\n").as_bytes()), expected, "{text:?}");
    let packed = packed(text.as_bytes());
    let expected = expected.replace(name, &format!("{name}.gz"));
    assert_eq!(said(&format!("{name}.gz"), &packed), expected, "{text:?}");
}

#[test]
fn xyz_that_is_wrong_is_named_with_frame_and_line() {
    let bad = |text: &str, expected: &str| refused("m.xyz", text, &format!("m.xyz{expected}"));
    for nothing in ["", "\n", " \n\n"] {
        bad(nothing, ": found no molecule, allowed: at least one");
    }
    // Counts that lie: too high in the middle and at the end, too low.
    bad(
        &format!("3\n\nH 0 0 0\nH 0 0 0.74\n{H2}"),
        ", frame 1, line 5: found \"2\", allowed: atom 3 of the 3 that line 1 counts",
    );
    bad(
        &format!("{H2}3\n\nH 0 0 0\nH 0 0 0.74\n"),
        ", frame 2, line 9: found the end of the file, allowed: atom 3 of the 3 that line 5 counts",
    );
    bad(
        &format!("1\n\nH 0 0 0\nH 0 0 0.74\n{H2}"),
        ", frame 1, line 4: found \"H 0 0 0.74\" after the 1 atoms that line 1 counts, allowed: the \
         next count, or the end",
    );
    bad(
        "5",
        ", frame 1, line 2: found the end of the file, allowed: atom 1 of the 5 that line 1 counts",
    );
    bad(
        "0\n\n",
        ", frame 1, line 1: found no atoms, allowed: a molecule of atoms in different places, each pair with one bond or none",
    );
    for count in ["two", "-1", "2.0", "99999999999999999999999", "<html>"] {
        bad(
            &format!("{count}\n\nH 0 0 0\n"),
            &format!(", frame 1, line 1: found {count:?}, allowed: the number of a frame's atoms"),
        );
    }
    bad(
        &format!("{H2}2\n\nH 0 0 0\n\n"),
        ", frame 2, line 8: found an empty line, allowed: atom 2 of the 2 that line 5 counts",
    );
    bad(
        &format!("{H2}1\n\nXx 0 0 0\n"),
        ", frame 2, line 7: found \"Xx\", allowed: the symbol or the number of an element",
    );
    bad("1\n\nH 0 0 x\n", ", frame 1, line 3: found \"x\", allowed: a coordinate in Å");
    bad(
        "1\n\nH 0.0 0.0\n",
        ", frame 1, line 3: found \"H 0.0 0.0\", allowed: an element and three coordinates",
    );
    for nan in ["nan", "NaN", "-nan"] {
        bad(
            &format!("2\n\nH 0 0 0\nH 0 {nan} 0\n"),
            ", frame 1, line 4: atom 2 is at [0.0, NaN, 0.0], allowed: a molecule of atoms in \
             different places, each pair with one bond or none",
        );
    }
    bad(
        "1\n\nH 0 1e999 0\n",
        ", frame 1, line 3: atom 1 is at [0.0, inf, 0.0], allowed: a molecule of atoms in different \
         places, each pair with one bond or none",
    );
    bad(
        "3\n\nH 0 0 0\nC 1 1 1\nH 0 0 0.001\n",
        ", frame 1, line 5: atoms 1 and 3 coincide, allowed: a molecule of atoms in different \
         places, each pair with one bond or none",
    );
}

#[test]
fn extended_xyz_that_is_wrong_is_named_with_frame_and_line() {
    let bad = |comment: &str, expected: &str| {
        let text = format!("{H2}2\n{comment}\nH 0 0 0 7\nH 0 0 0.74 -7\n");
        refused("m.extxyz", &text, &format!("m.extxyz, frame 2, line {expected}"));
    };
    let crystal = "6: found a lattice, so this is a periodic structure, allowed: molecules";
    bad("Lattice=\"5 0 0 0 5 0 0 0 5\" Properties=species:S:1:pos:R:3", crystal);
    bad("lattice=\"5 0 0 0 5 0 0 0 5\"", crystal);
    for properties in [
        "species:S:1",
        "pos:R:3",
        "species:S:1:pos:R:2",
        "species:S:1:pos:R",
        "species:S:x:pos:R:3",
        "\"\"",
    ] {
        let found = if properties == "\"\"" { "nothing".into() } else { format!("{properties:?}") };
        bad(
            &format!("Properties={properties}"),
            &format!("6: found {found}, allowed: Properties with species:S:1 and pos:R:3"),
        );
    }
    bad(
        "Properties=species:S:1:pos:R:3 name=\"open",
        "6: found \"\\\"open\", allowed: a quote that is closed",
    );
    for properties in ["species:S:1:pos:R:3", "species:S:1:pos:R:3:forces:R:3"] {
        let columns = if properties.contains("forces") { 7 } else { 4 };
        bad(
            &format!("Properties={properties}"),
            &format!("7: found 5 columns, allowed: {columns}, as Properties says"),
        );
    }
    let charged = |charge: &str| {
        let text =
            format!("1\nProperties=species:S:1:pos:R:3:formal_charges:I:1\nH 0 0 0 {charge}\n");
        let expected = format!(
            "m.xyz, frame 1, line 3: found {charge:?}, allowed: a formal charge from -128 to 127"
        );
        refused("m.xyz", &text, &expected);
    };
    ["0.5", "200", "x"].into_iter().for_each(charged);
    refused(
        "m.xyz",
        "2\nbonds=\"1-3:1\"\nH 0 0 0\nH 0 0 0.74\n",
        "m.xyz, frame 1, line 1: bond 1–3 joins no two atoms, or stands twice, allowed: a molecule \
         of atoms in different places, each pair with one bond or none",
    );
}

const SDF: &str = "

note
  2  1  0  0  0  0            999 V2000
    0.0000    0.0000    0.0000 H   0  0
    0.7400    0.0000    0.0000 H   0  0
  1  2  1  0
M  END
$$$$
";

const COUNTS: &str = "allowed: numbers of atoms and bonds in columns 1 to 6, and at the end V2000, V3000 or no version";

#[test]
fn sdf_that_is_wrong_is_named_with_record_and_line() {
    let bad = |old: &str, new: &str, expected: &str| {
        assert!(SDF.contains(old), "{old}");
        let text = format!("{SDF}{}", SDF.replacen(old, new, 1));
        refused("m.sdf", &text, &format!("m.sdf, frame 2, line {expected}"));
    };
    refused("m.sdf", "", "m.sdf: found no molecule, allowed: at least one");
    refused("m.mol", "\n\n", "m.mol: found no molecule, allowed: at least one");
    // Counts that are broken, or lie.
    for counts in
        ["  x  1  0 V2000", "  2", "", "atoms: 2", " 2.  1            V2000", "  2  1 V4000"]
    {
        let found = if counts.is_empty() { "nothing".into() } else { format!("{counts:?}") };
        bad(
            "  2  1  0  0  0  0            999 V2000",
            counts,
            &format!("13: found {found}, {COUNTS}"),
        );
    }
    bad(
        "  2  1",
        "  3  1",
        "16: found \"  1  2  1  0\", allowed: atom 3 of the 3 that line 13 counts",
    );
    bad(
        "  2  1",
        "  1  1",
        "15: found \"    0.7400    0.0000    0.0000 H   0  0\", allowed: bond 1 of the 1 that line 13 counts",
    );
    bad("  2  1", "  2  2", "17: found \"M  END\", allowed: bond 2 of the 2 that line 13 counts");
    bad(
        "  2  1",
        "  2  0",
        "16: found \"  1  2  1  0\", allowed: a property of the table, or M  END",
    );
    bad(
        "M  END\n",
        "",
        "17: found the end of the record, allowed: a property of the table, or M  END",
    );
    bad("\n\nnote\n", "", "14: found \"M  END\", allowed: atom 1 of the 1 that line 13 counts");
}

#[test]
fn sdf_tables_and_items_are_checked() {
    let bad = |old: &str, new: &str, expected: &str| {
        assert!(SDF.contains(old), "{old}");
        refused("m.sdf", &SDF.replacen(old, new, 1), &format!("m.sdf, frame 1, line {expected}"));
    };
    let one = "allowed: a molecule of atoms in different places, each pair with one bond or none";
    bad(
        "0.0000 H ",
        "0.0000 Xx",
        "5: found \"Xx\", allowed: the symbol or the number of an element",
    );
    bad(
        "0.0000 H ",
        "0.0000 6 ",
        "5: found \"6\", allowed: the symbol or the number of an element",
    );
    bad("0.7400", "   nan", &format!("6: atom 2 is at [NaN, 0.0, 0.0], {one}"));
    bad("0.7400", "0.0000", &format!("6: atoms 1 and 2 coincide, {one}"));
    bad("H   0  0", "H   0  8", "5: found \"8\", allowed: a charge code from 0 to 7");
    bad(
        "  1  2  1  0",
        "  1  2  5  0",
        "7: found \"  1  2  5  0\", allowed: a bond of order 1, 2, 3, or 4 for aromatic",
    );
    bad(
        "  1  2  1  0",
        "  1  3  1  0",
        "7: found \"  1  3  1  0\", allowed: a bond of two atoms that are there",
    );
    bad(
        "  1  2  1  0",
        "  0  2  1  0",
        "7: found \"  0  2  1  0\", allowed: a bond of two atoms that are there",
    );
    bad(
        "  1  2  1  0",
        "  2  2  1  0",
        &format!("7: bond 2–2 joins no two atoms, or stands twice, {one}"),
    );
    let twice =
        SDF.replacen("  2  1", "  2  2", 1).replace("  1  2  1  0", "  1  2  1  0\n  2  1  2  0");
    refused(
        "m.sdf",
        &twice,
        &format!("m.sdf, frame 1, line 8: bond 1–2 joins no two atoms, or stands twice, {one}"),
    );
    for charges in ["M  CHG  2   1   1", "M  CHG  1   3   1", "M  CHG  1   1 200", "M  CHG"] {
        bad(
            "M  END",
            &format!("{charges}\nM  END"),
            &format!(
                "8: found {charges:?}, allowed: M  CHG, how many, and so often an atom and its charge"
            ),
        );
    }
    bad(
        "$$$$",
        "gap 6.8\n$$$$",
        "9: found \"gap 6.8\", allowed: a data item \"> <name>\", or $$$$",
    );
    bad(
        "$$$$",
        "> gap\n6.8\n\n$$$$",
        "9: found \"> gap\", allowed: a data item \"> <name>\", or $$$$",
    );
}

#[test]
fn the_new_table_is_checked() {
    let text = "


  0  0  0     0  0            999 V3000
M  V30 BEGIN CTAB
M  V30 COUNTS 2 1 0 0 0
M  V30 BEGIN ATOM
M  V30 1 H 0 0 0 0
M  V30 2 H 0 0 0.74 0
M  V30 END ATOM
M  V30 BEGIN BOND
M  V30 1 1 1 2
M  V30 END BOND
M  V30 END CTAB
M  END
$$$$
";
    assert_eq!(read("m.sdf", text.as_bytes(), false).unwrap().molecules[0].len(), 2);
    let bad = |old: &str, new: &str, expected: &str| {
        assert!(text.contains(old), "{old}");
        refused("m.sdf", &text.replacen(old, new, 1), &format!("m.sdf, frame 1, line {expected}"));
    };
    bad(
        "COUNTS 2 1",
        "COUNTS 3 1",
        "15: found M  END, allowed: atom 3 of the 3 that line 6 counts",
    );
    bad(
        "COUNTS 2 1",
        "COUNTS 2 2",
        "15: found M  END, allowed: bond 2 of the 2 that line 6 counts",
    );
    bad(
        "COUNTS 2 1",
        "COUNTS 1 1",
        "15: found 2 atoms up to here, allowed: as many as COUNTS says",
    );
    bad(
        "COUNTS 2 1",
        "COUNTS two",
        "6: found \"COUNTS two 0 0 0\", allowed: COUNTS and numbers of atoms and bonds",
    );
    bad(
        "COUNTS 2 1",
        "COUNTS 2 x",
        "6: found \"COUNTS 2 x 0 0 0\", allowed: COUNTS and numbers of atoms and bonds",
    );
    bad("M  V30 COUNTS 2 1 0 0 0\n", "", "14: found M  END, allowed: M  V30 COUNTS before it");
    bad(
        "1 H 0 0 0 0",
        "1 Q 0 0 0 0",
        "8: found \"Q\", allowed: the symbol or the number of an element",
    );
    bad(
        "1 H 0 0 0 0",
        "1 H 0 0",
        "8: found \"1 H 0 0\", allowed: an atom: number, element, x, y, z, and a number",
    );
    bad(
        "1 H 0 0 0 0",
        "1 H 0 0 z 0",
        "8: found \"1 H 0 0 z 0\", allowed: an atom with three coordinates in Å",
    );
    bad(
        "1 H 0 0 0 0",
        "2 H 0 0 0 0",
        "9: found \"2 H 0 0 0.74 0\", allowed: an atom of a number of its own",
    );
    bad(
        "1 H 0 0 0 0",
        "1 H 0 0 0 0 CHG=x",
        "8: found \"1 H 0 0 0 0 CHG=x\", allowed: a formal charge from -128 to 127",
    );
    bad(
        "1 1 1 2",
        "1 9 1 2",
        "12: found \"1 9 1 2\", allowed: a bond of order 1, 2, 3, or 4 for aromatic",
    );
    bad("1 1 1 2", "1 1 1 3", "12: found \"1 1 1 3\", allowed: a bond of two atoms that are there");
    bad("1 1 1 2", "1 1 1", "12: found \"1 1 1\", allowed: a bond: number, order and two atoms");
    bad(
        "M  V30 END CTAB\nM  END\n",
        "",
        "14: found the end of the record, allowed: a line of the table, or M  END",
    );
    bad(
        "M  V30 END CTAB",
        "END",
        "14: found \"END\", allowed: M  V30 and a line of the table, or M  END",
    );
    bad(
        "M  V30 END CTAB",
        "M  V30 END CTAB -",
        "15: found \"M  END\", allowed: M  V30 and the rest of the line above",
    );
}

#[test]
fn a_bad_frame_among_many_is_skipped_on_demand_and_named() {
    let good = |i: usize| format!("2\ni={i}\nH 0 0 0\nH 0 0 {i}.74\n");
    let between = |bad: &str| {
        let text = format!("{}{bad}{}{}", good(1), good(2), good(3));
        let file = read("m.xyz", text.as_bytes(), true).unwrap();
        let labels: Vec<f64> = file.molecules.iter().map(|m| m.labels()["i"]).collect();
        assert_eq!(labels, [1.0, 2.0, 3.0], "{bad:?}");
        let [bad] = <[_; 1]>::try_from(file.skipped).unwrap();
        (bad.frame, bad.at)
    };
    for (bad, line) in [
        ("3\n\nH 0 0 0\nH 0 0 0.74\n", 9),
        ("1\n\nH 0 0 0\nH 0 0 0.74\n", 8),
        ("300\n\nH 0 0 0\nH 0 0 0.74\n", 9),
        ("two\n\nH 0 0 0\nH 0 0 0.74\n", 5),
        ("2\n\nH 0 0\nH 0 0 0.74\n", 7),
        ("2\n\nH 0 0 0\nX 0 0 0.74\n", 8),
        ("2\n\nH 0 0 0\nH 0 0 nan\n", 8),
        ("2\nLattice=\"1\"\nH 0 0 0\nH 0 0 1.0\n", 6),
        ("0\n\n", 5),
    ] {
        assert_eq!(between(bad), (2, Where::Line(line)), "{bad:?}");
    }
    let text = format!("{SDF}{}{SDF}", SDF.replace("  1  2  1", "  1  2  7"));
    let file = read("m.sdf", text.as_bytes(), true).unwrap();
    assert_eq!(file.molecules.len(), 2);
    assert_eq!((file.skipped[0].frame, &file.skipped[0].at), (2, &Where::Line(16)));
    // Nothing good at all is an error, of the first frame.
    let error = read("m.xyz", b"1\n\nX 0 0 0\n1\n\nXy 0 0 0\n", true).unwrap_err();
    assert!(message("m.xyz", &error).starts_with("m.xyz, frame 1, line 3: found \"X\""), "{error}");
}

/// Of several bad frames the first is named, whichever thread comes upon one first.
#[test]
fn the_first_bad_frame_is_named() {
    // Frames of 50 lines, several blocks of 1 MiB.
    let frame = |element: &str| {
        let atoms: String =
            (0..50).map(|i| format!("{element} {i} 0.00000000 0.00000000\n")).collect();
        format!("50\n\n{atoms}")
    };
    let text: String = (0..2000).map(|i| frame(if i >= 700 { "Xx" } else { "C" })).collect();
    for _ in 0..5 {
        let error = message("m.xyz", &read("m.xyz", text.as_bytes(), false).unwrap_err());
        assert!(error.starts_with(&format!("m.xyz, frame 701, line {}:", 700 * 52 + 3)), "{error}");
    }
    assert_eq!(read("m.xyz", text.as_bytes(), true).unwrap().skipped.len(), 1300);
}

#[test]
fn what_cannot_be_unpacked_is_said_with_how_far_it_was_read() {
    let text: String = (0..40_000).map(|i| format!("1\n\nC {} 0 0\n", i * 7919 % 10_007)).collect();
    let packed = packed(text.as_bytes());
    assert_eq!(read("m.xyz.gz", &packed, false).unwrap().molecules.len(), 40_000);
    for skip_bad in [false, true] {
        let cut = read("m.xyz.gz", &packed[..packed.len() / 2], skip_bad).unwrap_err();
        let said = message("m.xyz.gz", &cut);
        let line = said.strip_prefix("cannot read m.xyz.gz beyond line ").expect(&said);
        let (line, rest) = line.split_once(", in frame ").expect(&said);
        let line: usize = line.parse().unwrap();
        assert!((40_000..80_000).contains(&line), "{said}");
        let frame: usize = rest.split(' ').next().unwrap().parse().unwrap();
        assert!((line / 3..=line / 3 + 1).contains(&frame), "{said}");
    }
    let not_packed = read("m.xyz.gz", H2.as_bytes(), false).unwrap_err();
    assert_eq!(message("m.xyz.gz", &not_packed), "cannot read m.xyz.gz <- invalid gzip header");
    let nothing = read("m.sdf.gz", b"", false).unwrap_err();
    assert_eq!(message("m.sdf.gz", &nothing), "cannot read m.sdf.gz <- unexpected end of file");
}

#[test]
fn bytes_that_are_no_text_and_files_that_are_not_there() {
    let latin = b"1\n\nH 0 0 0\n1\nd in \xc5\nH 0 0 0\n";
    let said = |name: &str, bytes: &[u8]| message(name, &read(name, bytes, false).unwrap_err());
    assert_eq!(
        said("m.xyz", latin),
        "m.xyz, frame 2, line 5: found bytes that are not UTF-8, allowed: text"
    );
    assert_eq!(
        said("m.h5", b"not HDF5").split(" <- ").next(),
        Some("m.h5: the HDF5 library failed")
    );
    let missing = langevin_datasets::read_molecules("nowhere/m.xyz".as_ref(), false).unwrap_err();
    assert_eq!(missing.to_string(), "cannot read nowhere/m.xyz");
    assert_eq!(
        said("m.cif", b""),
        "m.cif: found no known extension, allowed: .xyz, .extxyz, .sdf, .mol (each also with .gz), \
         .h5, .hdf5, .h5md"
    );
}
