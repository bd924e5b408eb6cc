use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::primitive::TOLERANCE;

fn crystal(lattice: Lattice, atoms: &[(u8, Vec3)]) -> Crystal {
    let (species, frac) = atoms.iter().map(|(z, f)| (Element::new(*z).unwrap(), *f)).unzip();
    Crystal::new(lattice, species, frac).unwrap()
}

fn cube(a: f64) -> Lattice {
    Lattice::from_parameters([a; 3], [90.0; 3]).unwrap()
}

/// A perovskite with one atom off its place.
fn perovskite(off: f64) -> Crystal {
    let [half, none] = [0.5, 0.0];
    let atoms = [
        (56, [off, none, none]),
        (22, [half; 3]),
        (8, [half, half, none]),
        (8, [half, none, half]),
        (8, [none, half, half]),
    ];
    crystal(cube(4.0), &atoms)
}

/// One atom of five is moved by δ: after all are moved by δ/5, its distance is 4δ/5 and that of the others
/// δ/5, and the mean square is δ² (16 + 4)/125.
#[test]
fn the_distance_of_one_moved_atom_is_known() {
    let off = 0.05;
    let distance = Matcher::default().distance(&perovskite(0.0), &perovskite(off)).unwrap();
    let delta = off * 4.0 * (5f64 / 64.0).cbrt();
    assert!((distance.rms - delta * 0.16f64.sqrt()).abs() < 1e-12, "{distance:?}");
    assert!((distance.max - delta * 0.8).abs() < 1e-12);
}

#[test]
fn tolerances_and_elements_decide() {
    let matcher = Matcher::default();
    let salt = |a: u8, b: u8| crystal(cube(4.0), &[(a, [0.0; 3]), (b, [0.5; 3])]);
    assert!(matcher.distance(&salt(55, 17), &salt(55, 17)).unwrap().rms < 1e-12);
    assert_eq!(matcher.distance(&salt(55, 17), &salt(55, 35)), None);
    // A cell that is 30 % longer along c is within ltol 0.3 only after the volumes are made equal.
    let long = Lattice::from_parameters([4.0, 4.0, 5.4], [90.0; 3]).unwrap();
    let long = crystal(long, &[(55, [0.0; 3]), (17, [0.5; 3])]);
    assert_eq!(matcher.distance(&salt(55, 17), &long), None);
    assert!(Matcher::prediction().distance(&salt(55, 17), &long).is_some());
    // Moved too far.
    let odd = crystal(cube(4.0), &[(55, [0.0; 3]), (17, [0.2, 0.0, 0.0])]);
    assert_eq!(matcher.distance(&salt(55, 17), &odd), None);
}

/// The same prototype with other elements, one of them twice as frequent as the other: only one way to name them.
#[test]
fn elements_may_stand_for_each_other() {
    let plain = Matcher::default();
    let [exchanged, any] =
        [Elements::Exchanged, Elements::Any].map(|e| Matcher { elements: e, ..plain });
    let fluorite = |a: u8, b: u8, off: f64| {
        let faces = [[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]];
        let inside = (0..8).map(|i| [i / 4, i / 2 % 2, i % 2].map(|x| 0.25 + 0.5 * f64::from(x)));
        let mut atoms: Vec<(u8, Vec3)> = faces.iter().map(|f| (a, *f)).collect();
        atoms.extend(inside.map(|[x, y, z]| (b, [x + off, y, z])));
        crystal(cube(5.5), &atoms)
    };
    // CaF2, and Li2O with its names the other way round.
    let (one, other) = (fluorite(20, 9, 0.0), fluorite(8, 3, 0.02));
    assert_eq!(plain.distance(&one, &other), None);
    let found = exchanged.distance(&one, &other).unwrap();
    let same = plain.distance(&fluorite(8, 3, 0.0), &other).unwrap();
    assert!((found.rms - same.rms).abs() < 1e-12 && found.rms > 0.01, "{found:?} {same:?}");
    // As many atoms of each element, named both ways: the better one counts.
    let salt = |a: u8, b: u8, at: f64| crystal(cube(4.0), &[(a, [0.0; 3]), (b, [0.5, 0.5, at])]);
    let both = exchanged.distance(&salt(55, 17, 0.4), &salt(35, 37, 0.5)).unwrap();
    assert!(both.rms > 0.01);
    assert_eq!(exchanged.distance(&salt(55, 17, 0.5), &salt(17, 17, 0.5)), None);
    assert!(any.distance(&salt(55, 17, 0.5), &salt(35, 35, 0.5)).is_none(), "the cell of one atom");
    let rocksalt = any.distance(&perovskite(0.0), &perovskite(0.0)).unwrap();
    assert!(rocksalt.rms < 1e-9);
    let of_others = Crystal {
        species: perovskite(0.0).species().iter().rev().copied().collect(),
        ..perovskite(0.0)
    };
    assert_eq!(plain.distance(&perovskite(0.0), &of_others), None);
    assert!(any.distance(&perovskite(0.0), &of_others).unwrap().rms < 1e-9);
    // Without its anions, a salt is a lattice of cations.
    let chlorine = Element::new(17).unwrap();
    let [a, b] = [0.5, 0.4].map(|at| salt(55, 17, at).without(&[chlorine]).unwrap());
    assert_eq!(a.len(), 1);
    assert!(plain.distance(&a, &b).unwrap().rms < 1e-12);
    assert!(a.without(&[Element::new(55).unwrap()]).is_none());
}

fn general() -> impl Strategy<Value = Crystal> {
    let lengths = prop::array::uniform3(3.0..7.0);
    let angles = prop::array::uniform3(70.0..110.0);
    let atoms = prop::collection::vec((1u8..4, prop::array::uniform3(0.0..1.0)), 1..7);
    (lengths, angles, atoms).prop_map(|(lengths, angles, atoms)| {
        crystal(Lattice::from_parameters(lengths, angles).unwrap(), &atoms)
    })
}

/// Whether all atoms are more than twice the tolerance of primitive cells apart, along all axes together.
fn apart(crystal: &Crystal) -> bool {
    let (lattice, frac) = (crystal.lattice(), crystal.frac_coords());
    let far = |a: &Vec3, b: &Vec3| {
        let nearest = crate::geometry::minus(a, b).map(crate::geometry::nearest);
        crate::geometry::norm(&lattice.cartesian(&nearest)) > 4.0 * TOLERANCE
    };
    (0..frac.len()).all(|i| (0..i).all(|j| far(&frac[i], &frac[j])))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Another origin, order of atoms and cell of the same crystal.
    #[test]
    fn descriptions_of_one_crystal_match(
        crystal in general(),
        shift in prop::array::uniform3(0.0..1.0),
        skew in -2i32..3,
    ) {
        let mut atoms: Vec<_> = crystal.species().iter().map(|e| e.number())
            .zip(crystal.frac_coords().iter().map(|f| crate::geometry::plus(f, &shift)))
            .collect();
        atoms.reverse();
        let moved = self::crystal(*crystal.lattice(), &atoms);
        let change = nalgebra::Matrix3::new(1.0, f64::from(skew), 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0);
        let moved = moved.in_cell(moved.lattice().changed(&change));
        let distance = Matcher::default().distance(&crystal, &moved);
        prop_assert!(distance.is_some_and(|d| d.rms < 1e-6), "{distance:?}");
    }

    /// A doubled cell is the same crystal; without primitive cells it is not. Atoms that are nearly periodic
    /// already are averaged in another order where the cell is doubled, and atoms nearer to each other than twice
    /// the tolerance stand in the way of any smaller cell: such crystals are left out.
    #[test]
    fn supercells_match(crystal in general(), axis in 0usize..3) {
        let niggli = crystal.in_cell(crystal.lattice().niggli());
        prop_assume!(niggli.primitive(TOLERANCE) == niggli && crystal.primitive(TOLERANCE) == crystal);
        prop_assume!(apart(&crystal));
        let mut change = nalgebra::Matrix3::identity();
        change[(axis, axis)] = 2.0;
        let half = |frac: &Vec3, by: f64| {
            let mut frac = *frac;
            frac[axis] = (frac[axis] + by) / 2.0;
            frac
        };
        let atoms: Vec<_> = [0.0, 1.0].iter().flat_map(|&by| {
            let atoms = crystal.species().iter().zip(crystal.frac_coords());
            atoms.map(move |(e, f)| (e.number(), half(f, by))).collect::<Vec<_>>()
        }).collect();
        let double = self::crystal(crystal.lattice().changed(&change), &atoms);
        let matcher = Matcher::default();
        prop_assert!(matcher.distance(&crystal, &double).is_some_and(|d| d.rms < 1e-6));
        let plain = Matcher { primitive: false, ..matcher };
        prop_assert_eq!(plain.distance(&crystal, &double), None);
    }
}
