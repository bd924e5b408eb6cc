//! Which compositions are asked for: a formula, in one or several numbers of units, or those of a file.

use std::path::PathBuf;

use anyhow::Result;
use langevin_crystals::element::Element;
use langevin_crystals::formula::Formula;
use langevin_crystals::record::Crystal;
use serde::Serialize;

use crate::size_range::SizeRange;

/// Options of commands that make structures of known compositions.
#[derive(Debug, Clone, clap::Args, Serialize)]
pub struct CompositionArgs {
    /// Composition of the cell: SrTiO3; with --z, of a formula unit.
    #[arg(long)]
    #[serde(serialize_with = "shown")]
    formula: Option<Formula>,
    /// Formula units in the cell: 2, or all of a range, 1..4; --count crystals of each.
    #[arg(long, value_name = "Z|MIN..MAX", requires = "formula")]
    z: Option<SizeRange>,
    /// File of crystals whose compositions are asked for, --count crystals of each, one after the other: what
    /// `match --candidates` compares.
    #[arg(long, value_name = "FILE", conflicts_with = "formula")]
    like: Option<PathBuf>,
}

fn shown<S: serde::Serializer>(formula: &Option<Formula>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_some(&formula.as_ref().map(ToString::to_string))
}

/// A cell that is asked for, and who asks.
pub struct Asked {
    /// The option, for messages.
    pub name: String,
    /// The atoms of the cell.
    pub species: Vec<Element>,
}

impl CompositionArgs {
    /// The crystals of --like; nothing without it.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn references(&self) -> Result<Option<Vec<Crystal>>> {
        self.like.as_ref().map(|path| super::read(path, false)).transpose()
    }

    /// The cells; nothing where none is asked for.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn cells(&self) -> Result<Option<Vec<Asked>>> {
        if let Some(formula) = &self.formula {
            let SizeRange(least, most) = self.z.unwrap_or(SizeRange(1, 1));
            let of = |z: usize| Asked {
                name: format!("--formula {formula}"),
                species: formula.species().repeat(z),
            };
            return Ok(Some((least..=most).map(of).collect()));
        }
        let (Some(path), Some(crystals)) = (&self.like, self.references()?) else {
            return Ok(None);
        };
        let of = |(i, crystal): (usize, &Crystal)| Asked {
            name: format!("--like {}: crystal {}", path.display(), i + 1),
            species: crystal.species().to_vec(),
        };
        Ok(Some(crystals.iter().enumerate().map(of).collect()))
    }
}
