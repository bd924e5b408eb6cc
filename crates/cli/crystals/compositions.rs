//! Which compositions are asked for: a formula, in one or several numbers of units, or those of a file.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Result;
use langevin_crystals::element::Element;
use langevin_crystals::formula::Formula;
use langevin_crystals::record::Crystal;
use serde::Serialize;

use crate::refused;
use crate::size_range::SizeRange;

/// Options of commands that make structures of known compositions.
#[derive(Debug, Clone, clap::Args, Serialize)]
pub struct CompositionArgs {
    /// Composition of the cell: SrTiO3; with --z, of a formula unit.
    #[arg(long)]
    formula: Option<Asked>,
    /// Formula units in the cell, which is the smallest one: 2, or all of a range, 1..4; --count crystals of each.
    #[arg(long, value_name = "Z|MIN..MAX", requires = "formula")]
    z: Option<SizeRange>,
    /// File of crystals whose compositions are asked for, --count crystals of each, one after the other: what
    /// `match --candidates` compares.
    #[arg(long, value_name = "FILE", conflicts_with = "formula")]
    like: Option<PathBuf>,
}

/// A formula, and how it was written.
#[derive(Debug, Clone, Serialize)]
#[serde(into = "String")]
struct Asked {
    text: String,
    formula: Formula,
}

impl From<Asked> for String {
    fn from(asked: Asked) -> Self {
        asked.text
    }
}

impl FromStr for Asked {
    type Err = <Formula as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self { text: text.into(), formula: text.parse()? })
    }
}

/// Atoms of a cell that are more than any model or template has.
const MOST_ATOMS: usize = 1000;

/// A cell that is asked for, and who asks.
#[derive(Clone)]
pub struct AskedCell {
    /// The option, for messages.
    pub name: String,
    /// The atoms of the cell.
    pub species: Vec<Element>,
}

impl AskedCell {
    /// The cells of `crystals`, which are those of `source`.
    pub fn of_all(crystals: &[Crystal], source: &str) -> Vec<Self> {
        let of = |(i, crystal): (usize, &Crystal)| Self {
            name: format!("{source}: crystal {}", i + 1),
            species: crystal.species().to_vec(),
        };
        crystals.iter().enumerate().map(of).collect()
    }
}

impl CompositionArgs {
    /// The formula that is asked for, if one is.
    pub fn formula(&self) -> Option<&Formula> {
        self.formula.as_ref().map(|asked| &asked.formula)
    }

    /// Whether several numbers of formula units are asked for, of which some may do.
    pub fn offers_units(&self) -> bool {
        self.z.is_some_and(|SizeRange(least, most)| least < most)
    }

    /// The file whose compositions are asked for, if one is.
    pub fn like(&self) -> Option<&Path> {
        self.like.as_deref()
    }

    /// The cells; nothing where none is asked for.
    ///
    /// # Errors
    /// A file that cannot be read; more atoms than there are in any cell.
    pub fn cells(&self) -> Result<Option<Vec<AskedCell>>> {
        if let Some(Asked { text, formula }) = &self.formula {
            let SizeRange(least, most) = self.z.unwrap_or(SizeRange(1, 1));
            let unit = formula.species();
            if most > MOST_ATOMS / unit.len() && most > 1 {
                return refused(format!(
                    "--z: found {most} units of {} atoms, allowed: up to {MOST_ATOMS} atoms in a cell",
                    unit.len()
                ));
            }
            let units =
                |z: usize| if self.z.is_some() { format!(" --z {z}") } else { String::new() };
            let of = |z: usize| AskedCell {
                name: format!("--formula {text}{}", units(z)),
                species: unit.repeat(z),
            };
            return Ok(Some((least..=most).map(of).collect()));
        }
        let Some(path) = &self.like else { return Ok(None) };
        let name = format!("--like {}", path.display());
        Ok(Some(AskedCell::of_all(&super::read(path, false)?, &name)))
    }
}
