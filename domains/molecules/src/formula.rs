//! The formula of a molecule.

use crate::element::Element;
use crate::record::Molecule;

/// Elements with their numbers in the order of Hill (1900): carbon, hydrogen, then by symbol; without
/// carbon all by symbol. Charges are not shown.
pub fn formula(molecule: &Molecule) -> String {
    let mut parts: Vec<(Element, usize)> = molecule.composition().into_iter().collect();
    let organic = parts.iter().any(|(element, _)| *element == Element::C);
    let rank = |element: Element| match element {
        Element::C => 0,
        Element::H if organic => 1,
        _ => 2,
    };
    parts.sort_by_key(|(element, _)| (rank(*element), element.symbol()));
    let one = |(element, count): (Element, usize)| match count {
        1 => element.symbol().to_owned(),
        count => format!("{element}{count}"),
    };
    parts.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carbon_and_hydrogen_come_first_only_together() {
        for (symbols, expected) in [
            ("O C H H H H", "CH4O"),
            ("Cl H", "ClH"),
            ("H O H", "H2O"),
            ("Br C N N", "CBrN2"),
            ("Fe", "Fe"),
        ] {
            let species: Vec<Element> =
                symbols.split(' ').map(|symbol| symbol.parse().unwrap()).collect();
            let positions = (0..species.len()).map(|i| [i as f64, 0.0, 0.0]).collect();
            assert_eq!(formula(&Molecule::new(species, positions).unwrap()), expected);
        }
    }
}
