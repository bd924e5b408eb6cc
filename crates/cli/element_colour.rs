//! Colours of atoms in pictures.

use langevin_molecules::element::Element;

/// The colours that chemists know, near to those of Corey, Pauling and Koltun (1965); elements without
/// one of their own are pink.
pub fn colour(element: Element) -> [u8; 3] {
    match element.symbol() {
        "H" => [232, 232, 232],
        "C" => [110, 110, 116],
        "N" => [58, 88, 222],
        "O" => [214, 42, 38],
        "F" => [126, 206, 80],
        "Cl" => [44, 178, 52],
        "Br" => [156, 50, 40],
        "I" => [130, 20, 140],
        "S" => [232, 196, 52],
        "P" => [240, 136, 32],
        "B" => [244, 172, 172],
        "Si" => [216, 186, 142],
        "He" | "Ne" | "Ar" | "Kr" | "Xe" => [112, 208, 220],
        "Li" | "Na" | "K" | "Rb" | "Cs" => [148, 92, 222],
        "Be" | "Mg" | "Ca" | "Sr" | "Ba" => [70, 140, 40],
        "Fe" => [208, 104, 44],
        _ => [232, 110, 176],
    }
}
