//! Which atoms of two crystals are compared, and with which.

use std::borrow::Cow;
use std::path::Path;

use anyhow::Result;
use langevin_crystals::element::Element;
use langevin_crystals::matcher::Elements;
use langevin_crystals::record::Crystal;
use serde::{Serialize, Serializer};

use crate::refused;

/// Options of a comparison.
#[derive(Debug, clap::Args, Serialize)]
pub struct AtomsSeen {
    /// Which atoms may be paired: those of the same element; exchanged, of elements that stand for each other one for one
    /// (the same prototype); any two (the same framework).
    #[arg(long, value_enum, default_value = "same")]
    elements: ElementsChoice,
    /// Elements whose atoms are left out on both sides, as Li,Na; cells are made primitive without them.
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = element)]
    #[serde(serialize_with = "symbols")]
    ignore: Vec<Element>,
}

/// [`Elements`] by name.
#[derive(Debug, Clone, Copy, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum ElementsChoice {
    Same,
    Exchanged,
    Any,
}

impl AtomsSeen {
    pub fn elements(&self) -> Elements {
        match self.elements {
            ElementsChoice::Same => Elements::Same,
            ElementsChoice::Exchanged => Elements::Exchanged,
            ElementsChoice::Any => Elements::Any,
        }
    }

    /// What is left of the crystals of `path` without the elements that are ignored.
    ///
    /// # Errors
    /// If that is nothing of one of them.
    pub fn seen<'a>(&self, path: &Path, crystals: &'a [Crystal]) -> Result<Cow<'a, [Crystal]>> {
        if self.ignore.is_empty() {
            return Ok(Cow::Borrowed(crystals));
        }
        let left = crystals.iter().enumerate().map(|(i, crystal)| {
            if let Some(left) = crystal.without(&self.ignore) {
                return Ok(left);
            }
            let (path, place, formula) = (path.display(), i + 1, crystal.formula());
            refused(format!(
                "{path}: crystal {place}, {formula}, has no atoms but those of --ignore"
            ))
        });
        Ok(Cow::Owned(left.collect::<Result<_>>()?))
    }
}

fn element(symbol: &str) -> Result<Element, String> {
    symbol.trim().parse().map_err(|_| format!("{symbol:?} is no element, allowed: symbols as Li"))
}

fn symbols<S: Serializer>(elements: &[Element], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(elements.iter().map(ToString::to_string))
}
