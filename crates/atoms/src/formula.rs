//! Compositions written as chemists write them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::element::Element;

/// Number of atoms of each element: `C7H10O2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Formula(BTreeMap<Element, usize>);

/// Why a text is no formula.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}: found {found:?} where an element symbol was expected, as in C7H10O2")]
pub struct FormulaError {
    /// The whole text.
    pub text: String,
    /// What is left of it where it cannot be read.
    pub found: String,
}

impl Formula {
    /// Atoms of each element.
    pub fn counts(&self) -> &BTreeMap<Element, usize> {
        &self.0
    }

    /// Number of atoms.
    pub fn atoms(&self) -> usize {
        self.0.values().sum()
    }

    /// The elements, one entry per atom, in order of atomic number.
    pub fn species(&self) -> Vec<Element> {
        self.0.iter().flat_map(|(&element, &count)| std::iter::repeat_n(element, count)).collect()
    }

    /// The smallest formula of the same proportions.
    #[must_use]
    pub fn reduced(&self) -> Self {
        let divisor = self.0.values().copied().fold(0, gcd);
        Self(self.0.iter().map(|(&element, &count)| (element, count / divisor)).collect())
    }

    /// What is left of it without the atoms of `species`; nothing if they are not all in it.
    pub fn without(&self, species: &[Element]) -> Option<Self> {
        let mut left = self.0.clone();
        for element in species {
            let count = left.get_mut(element).filter(|count| **count > 0)?;
            *count -= 1;
        }
        left.retain(|_, count| *count > 0);
        Some(Self(left))
    }
}

/// The greatest common divisor; of a number and 0 that number.
pub fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl From<BTreeMap<Element, usize>> for Formula {
    fn from(counts: BTreeMap<Element, usize>) -> Self {
        Self(counts)
    }
}

impl FromStr for Formula {
    type Err = FormulaError;

    fn from_str(text: &str) -> Result<Self, FormulaError> {
        let (mut rest, mut counts) = (text, BTreeMap::new());
        let error = |found: &str| FormulaError { text: text.into(), found: found.into() };
        while !rest.is_empty() {
            let lower = rest.char_indices().skip(1).find(|(_, c)| !c.is_ascii_lowercase());
            let end = lower.map_or(rest.len(), |(at, _)| at);
            // An element may be parsed from its number too: not here.
            let symbol = &rest[..end];
            let named = symbol.starts_with(|c: char| c.is_ascii_uppercase());
            let element = symbol.parse::<Element>().ok().filter(|_| named);
            let element = element.ok_or_else(|| error(rest))?;
            let tail = &rest[end..];
            let digits = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
            // Without a number there is one atom; a number too long for any machine is no count.
            let count = if digits == 0 { Ok(1) } else { tail[..digits].parse::<usize>() };
            let count = count.ok().filter(|&n| n <= 1_000_000).ok_or_else(|| error(rest))?;
            *counts.entry(element).or_default() += count;
            rest = &tail[digits..];
        }
        counts.retain(|_, count| *count > 0);
        if counts.is_empty() { Err(error("nothing")) } else { Ok(Self(counts)) }
    }
}

impl fmt::Display for Formula {
    /// Carbon, hydrogen, then the others by their symbols (Hill's order).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all: Vec<_> = self.0.iter().collect();
        let carbon = self.0.contains_key(&Element::C);
        all.sort_by_key(|(element, _)| {
            let first = match **element {
                Element::C => 0,
                Element::H if carbon => 1,
                _ => 2,
            };
            (first, element.symbol())
        });
        for (element, &count) in all {
            write!(f, "{element}")?;
            if count > 1 {
                write!(f, "{count}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_read_and_written_in_the_order_of_hill() {
        let read = |text: &str| text.parse::<Formula>();
        let formula = read("H10O2C7").unwrap();
        assert_eq!((formula.to_string(), formula.atoms()), ("C7H10O2".into(), 19));
        assert_eq!(read("CH3CH2Cl").unwrap().to_string(), "C2H5Cl");
        assert_eq!(read("NH3").unwrap().to_string(), "H3N");
        assert_eq!(read("HCl").unwrap().to_string(), "ClH");
        assert_eq!(read("BrCN2").unwrap().to_string(), "CBrN2");
        assert_eq!(formula.species()[..2], [Element::H, Element::H]);
        for bad in ["", "C7Xx2", "7C", "C-2", "c6", "C99999999999", "C0"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert_eq!(
            read("C2Q").unwrap_err().to_string(),
            "C2Q: found \"Q\" where an element symbol was expected, as in C7H10O2"
        );
    }

    #[test]
    fn proportions_are_kept() {
        let reduced = |text: &str| text.parse::<Formula>().unwrap().reduced().to_string();
        assert_eq!(["C6H12O6", "CO", "C4", "C4H6"].map(reduced), ["CH2O", "CO", "C", "C2H3"]);
    }

    #[test]
    fn what_is_left_beside_known_atoms() {
        let formula: Formula = "C2H6O".parse().unwrap();
        let left = formula.without(&[Element::C, Element::O, Element::H]).unwrap();
        assert_eq!(left.to_string(), "CH5");
        assert!(formula.without(&[Element::O, Element::O]).is_none());
        assert!(formula.without(&[Element::N]).is_none());
    }
}
