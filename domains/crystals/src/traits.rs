//! What is tabulated of elements: electronegativities, radii, Mendeleev numbers, oxidation states.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::element::Element;

/// A row of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Traits {
    /// After Pauling; nothing where none is known.
    pub electronegativity: Option<f64>,
    /// Place in Pettifor's chemical scale: neighbours replace each other in structures.
    pub mendeleev: u32,
    /// Group of the periodic table, 1 to 18; 3 for lanthanides and actinides.
    pub group: u32,
    /// Empirical radius in Å after Slater; nothing where none is known.
    pub radius: Option<f64>,
    /// Whether SMACT counts it among metals.
    pub metal: bool,
    /// SMACT's table of 2014.
    smact14: Vec<i32>,
    /// SMACT's table of ICSD 2024.
    icsd24: Vec<i32>,
}

/// A table of oxidation states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OxidationStates {
    /// SMACT's of 2014, with which published validities were measured.
    Smact14,
    /// SMACT's of states that the ICSD of 2024 reports more than five times.
    Icsd24,
}

impl Traits {
    /// Those of `element`; nothing beyond lawrencium.
    pub fn of(element: Element) -> Option<&'static Self> {
        TABLE.get(&element)
    }

    /// Oxidation states by `table`.
    pub fn oxidation_states(&self, table: OxidationStates) -> &[i32] {
        match table {
            OxidationStates::Smact14 => &self.smact14,
            OxidationStates::Icsd24 => &self.icsd24,
        }
    }
}

static TABLE: LazyLock<BTreeMap<Element, Traits>> = LazyLock::new(|| {
    let lines = include_str!("elements.txt").lines().filter(|line| !line.starts_with('#'));
    lines.map(row).collect()
});

fn row(line: &str) -> (Element, Traits) {
    let fields: Vec<&str> = line.split(' ').collect();
    let number = |text: &str| text.parse::<i32>().expect("the table holds integers");
    let states = |text: &str| match text {
        "-" => Vec::new(),
        _ => text.split(',').map(number).collect(),
    };
    let traits = Traits {
        electronegativity: fields[1].parse().ok(),
        mendeleev: number(fields[2]).unsigned_abs(),
        group: number(fields[3]).unsigned_abs(),
        radius: fields[4].parse().ok(),
        metal: fields[5] == "1",
        smact14: states(fields[6]),
        icsd24: states(fields[7]),
    };
    (fields[0].parse().expect("the table holds elements"), traits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_to_lawrencium_is_tabulated() {
        let of = |z: u8| Traits::of(Element::new(z).unwrap());
        assert!((1..=103).all(|z| of(z).is_some()) && of(104).is_none());
        let mut places: Vec<u32> = (1..=103).map(|z| of(z).unwrap().mendeleev).collect();
        places.sort_unstable();
        assert_eq!(places, (1..=103).collect::<Vec<_>>(), "each has a place of its own");
        let oxygen = of(8).unwrap();
        assert_eq!((oxygen.electronegativity, oxygen.radius), (Some(3.44), Some(0.6)));
        assert_eq!((oxygen.group, of(57).unwrap().group), (16, 3));
        assert_eq!(oxygen.oxidation_states(OxidationStates::Smact14), [-2, -1, 1, 2]);
        assert_eq!(oxygen.oxidation_states(OxidationStates::Icsd24), [-2, -1]);
        assert!(
            !oxygen.metal && of(26).unwrap().metal && of(2).unwrap().electronegativity.is_none()
        );
    }
}
