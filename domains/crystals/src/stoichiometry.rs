//! How many atoms of each element a cell has, whatever the elements are.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::element::Element;
use crate::formula::gcd;

/// Numbers of atoms of the elements of a cell, the largest first: ABX₃ is [3, 1, 1].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stoichiometry(Vec<usize>);

/// Why a text is no stoichiometry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found {0:?}, allowed: a capital letter for each element and its number, as ABC3")]
pub struct StoichiometryError(String);

impl Stoichiometry {
    /// That of these numbers, in any order; none is 0.
    pub fn new(mut counts: Vec<usize>) -> Self {
        counts.sort_unstable_by(|a, b| b.cmp(a));
        Self(counts)
    }

    /// That of a cell of `species`.
    pub fn of(species: &[Element]) -> Self {
        let mut counts: BTreeMap<Element, usize> = BTreeMap::new();
        species.iter().for_each(|&element| *counts.entry(element).or_default() += 1);
        Self::new(counts.into_values().collect())
    }

    /// Numbers of atoms of the elements, the largest first.
    pub fn counts(&self) -> &[usize] {
        &self.0
    }

    /// Number of atoms of the cell.
    pub fn atoms(&self) -> usize {
        self.0.iter().sum()
    }

    /// The smallest one of the same proportions.
    #[must_use]
    pub fn reduced(&self) -> Self {
        let divisor = self.0.iter().copied().fold(0, gcd);
        Self(self.0.iter().map(|count| count / divisor).collect())
    }
}

impl FromStr for Stoichiometry {
    type Err = StoichiometryError;

    fn from_str(text: &str) -> Result<Self, StoichiometryError> {
        let error = || StoichiometryError(text.into());
        let (mut rest, mut letters, mut counts) = (text, Vec::new(), Vec::new());
        while let Some(letter) = rest.chars().next() {
            if !letter.is_ascii_uppercase() || letters.contains(&letter) {
                return Err(error());
            }
            let tail = &rest[1..];
            let end = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
            let count = if end == 0 { Ok(1) } else { tail[..end].parse() };
            let count = count.ok().filter(|n| (1..=1_000_000).contains(n)).ok_or_else(error)?;
            letters.push(letter);
            counts.push(count);
            rest = &tail[end..];
        }
        if counts.is_empty() { Err(error()) } else { Ok(Self::new(counts)) }
    }
}

/// With the letters of the alphabet, the rarest element first, as pymatgen's anonymized formulas: ABC3.
impl fmt::Display for Stoichiometry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (letter, &count) in ('A'..='Z').cycle().zip(self.0.iter().rev()) {
            write!(f, "{letter}")?;
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
    fn letters_stand_for_any_elements() {
        let of = |text: &str| text.parse::<Stoichiometry>();
        assert_eq!(of("ABX3"), Ok(Stoichiometry(vec![3, 1, 1])));
        assert_eq!(of("X6A2B2").unwrap().to_string(), "A2B2C6");
        assert_eq!(of("A2B2C6").unwrap().reduced(), of("ABC3").unwrap());
        assert_eq!(of("A12").unwrap().atoms(), 12);
        for bad in ["", "SrTiO3", "A0B", "A2A", "3A", "AB-", "A99999999999999999999"] {
            assert_eq!(of(bad), Err(StoichiometryError(bad.into())));
        }
        let species = ["O", "Ti", "O", "Sr", "O"].map(|symbol| symbol.parse().unwrap());
        assert_eq!(Stoichiometry::of(&species), of("ABC3").unwrap());
    }
}
