//! Covalent radii.

use crate::element::Element;

/// Single-bond radii in pm by atomic number: Pyykkö and Atsumi (2009), Chem. Eur. J. 15, 186–197.
#[rustfmt::skip]
const SINGLE: [u8; 118] = [
    32, 46,
    133, 102, 85, 75, 71, 63, 64, 67,
    155, 139, 126, 116, 111, 103, 99, 96,
    196, 171, 148, 136, 134, 122, 119, 116, 111, 110, 112, 118, 124, 121, 121, 116, 114, 117,
    210, 185, 163, 154, 147, 138, 128, 125, 125, 120, 128, 136, 142, 140, 140, 136, 133, 131,
    232, 196, 180, 163, 176, 174, 173, 172, 168, 169, 168, 167, 166, 165, 164, 170, 162, 152, 146,
    137, 131, 129, 122, 123, 124, 133, 144, 144, 151, 145, 147, 142,
    223, 201, 186, 175, 169, 170, 171, 172, 166, 166, 168, 168, 165, 167, 173, 176, 161, 157, 149,
    143, 141, 134, 129, 128, 121, 122, 136, 143, 162, 175, 165, 157,
];

/// The radius of an atom in a bond of `multiplicity` one, two or three, in Å.
///
/// The radii for double and triple bonds are those of Pyykkö and Atsumi (2009, 2005) for the elements
/// that form such bonds in organic molecules, and shortened in the same proportion as carbon's for others.
pub fn covalent_radius(element: Element, multiplicity: u32) -> f64 {
    let single = f64::from(SINGLE[usize::from(element.number()) - 1]);
    let pm = match (element.symbol(), multiplicity) {
        (_, ..=1) => single,
        ("B", 2) => 78.0,
        ("C", 2) => 67.0,
        ("N", 2) => 60.0,
        ("N", _) => 54.0,
        ("O", 2) => 57.0,
        ("O", _) => 53.0,
        ("P", 2) => 102.0,
        ("S", 2) => 94.0,
        (_, 2) => single * 67.0 / 75.0,
        (_, _) => single * 60.0 / 75.0,
    };
    pm / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn radii_add_up_to_bond_lengths() {
        let length = |a: Element, b: Element, multiplicity| {
            covalent_radius(a, multiplicity) + covalent_radius(b, multiplicity)
        };
        // Ethane 1.535, ethene 1.339, ethyne 1.203, methane 1.087, water 0.958, N₂ 1.098, H₂CO 1.205 Å.
        let (h, c, n, o) = (Element::H, Element::C, Element::N, Element::O);
        for (a, b, multiplicity, measured) in [
            (c, c, 1, 1.535),
            (c, c, 2, 1.339),
            (c, c, 3, 1.203),
            (h, c, 1, 1.087),
            (h, o, 1, 0.958),
            (n, n, 3, 1.098),
            (c, o, 2, 1.205),
        ] {
            assert!((length(a, b, multiplicity) - measured).abs() < 0.05, "{a}{b} {multiplicity}");
        }
        let (lightest, heaviest) = (Element::new(1).unwrap(), Element::new(118).unwrap());
        assert_eq!((covalent_radius(lightest, 1), covalent_radius(heaviest, 1)), (0.32, 1.57));
    }
}
