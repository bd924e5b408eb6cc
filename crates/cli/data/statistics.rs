//! What a set of molecules is made of, measured.

use std::collections::BTreeMap;

use anyhow::Result;
use langevin_molecules::element::Element;
use langevin_molecules::record::Molecule;
use langevin_molecules::space::Molecules;
use langevin_report::table::{Cell, Column, Table};
use serde::Serialize;

/// Numbers of a set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistics {
    pub molecules: usize,
    pub atoms: usize,
    /// Atoms of each element, by atomic number.
    pub elements: BTreeMap<Element, usize>,
    /// Molecules of each number of atoms.
    pub sizes: BTreeMap<usize, u64>,
    /// Root mean square of the centred coordinates in Å: what training divides by.
    pub scale_angstrom: f64,
    /// Molecules whose bonds the files give.
    pub with_bonds: usize,
    /// Molecules whose formal charges the files give.
    pub with_charges: usize,
    pub labels: BTreeMap<String, Label>,
}

/// Numbers of a label, in the files' own unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Label {
    pub molecules: usize,
    pub mean: f64,
    /// About the mean: what conditional models are compared by.
    pub mean_absolute_deviation: f64,
    pub min: f64,
    pub max: f64,
}

impl Statistics {
    /// Of `molecules`; nothing if there are none.
    pub fn of(molecules: &[Molecule]) -> Option<Self> {
        let Molecules { scale, sizes, .. } = Molecules::measured(molecules)?;
        let (mut elements, mut values) = (BTreeMap::new(), BTreeMap::<&str, Vec<f64>>::new());
        for molecule in molecules {
            for (element, count) in molecule.composition() {
                *elements.entry(element).or_default() += count;
            }
            for (name, value) in molecule.labels() {
                values.entry(name).or_default().push(*value);
            }
        }
        Some(Self {
            molecules: molecules.len(),
            atoms: molecules.iter().map(Molecule::len).sum(),
            elements,
            sizes,
            scale_angstrom: scale,
            with_bonds: molecules.iter().filter(|m| m.bonds().is_some()).count(),
            with_charges: molecules.iter().filter(|m| m.charges().is_some()).count(),
            labels: values.into_iter().map(|(name, all)| (name.into(), Label::of(&all))).collect(),
        })
    }

    /// For a terminal.
    ///
    /// # Errors
    /// A row that does not fit its table.
    pub fn text(&self) -> Result<String> {
        let list = |pairs: Vec<String>| pairs.join(", ");
        let elements =
            list(self.elements.iter().map(|(e, count)| format!("{e} {count}")).collect());
        let sizes = list(self.sizes.iter().map(|(n, count)| format!("{n}: {count}")).collect());
        let scale =
            format!("{:.4} Å, root mean square of the centred coordinates", self.scale_angstrom);
        // Lines, not a table: some sets have a hundred sizes.
        let lines = [
            ("molecules", self.molecules.to_string()),
            ("atoms", self.atoms.to_string()),
            ("elements", elements),
            ("sizes", sizes),
            ("scale", scale),
            ("with bonds", self.with_bonds.to_string()),
            ("with charges", self.with_charges.to_string()),
        ];
        let mut text: String = lines.map(|(name, found)| format!("{name:<13} {found}\n")).concat();
        if !self.labels.is_empty() {
            let columns = ["molecules", "mean", "mean abs. dev.", "min", "max"].map(Column::number);
            let mut table = Table::new([Column::text("label")].into_iter().chain(columns));
            for (name, label) in &self.labels {
                let Label { molecules, mean, mean_absolute_deviation: deviation, min, max } = label;
                let numbers = [*molecules as f64, *mean, *deviation, *min, *max];
                table.push([Cell::text(name)].into_iter().chain(numbers.map(Cell::Number)))?;
            }
            text = format!("{text}\n{}", table.to_text());
        }
        Ok(text)
    }
}

impl Label {
    fn of(values: &[f64]) -> Self {
        let of = |sum: f64| sum / values.len() as f64;
        let mean = of(values.iter().sum());
        Self {
            molecules: values.len(),
            mean,
            mean_absolute_deviation: of(values.iter().map(|x| (x - mean).abs()).sum()),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_count_only_where_they_are() {
        let two = |x: f64| {
            let at = vec![[0.0; 3], [x, 0.0, 0.0]];
            Molecule::new(vec![Element::CL, Element::BR], at).unwrap()
        };
        let set = [two(2.0).with_label("gap", 1.0), two(2.0).with_label("gap", 4.0), two(2.0)];
        let found = Statistics::of(&set).unwrap();
        assert_eq!((found.molecules, found.atoms, found.with_bonds), (3, 6, 0));
        assert_eq!(found.elements, [(Element::CL, 3), (Element::BR, 3)].into());
        assert_eq!(found.sizes, [(2, 3)].into());
        // Each molecule has x at ±1 and six coordinates: √(2/6).
        assert!((found.scale_angstrom - (1.0f64 / 3.0).sqrt()).abs() < 1e-15);
        let gap = &found.labels["gap"];
        assert_eq!((gap.molecules, gap.mean, gap.mean_absolute_deviation), (2, 2.5, 1.5));
        assert_eq!((gap.min, gap.max), (1.0, 4.0));
        assert!(found.text().unwrap().contains("Cl 3, Br 3"));
        assert!(Statistics::of(&[]).is_none());
    }
}
