//! Data sets of a group: their numbers, words and units, with their place for messages.

use std::path::Path;

use ::hdf5::types::{FixedAscii, FixedUnicode, TypeDescriptor, VarLenAscii, VarLenUnicode};
use ::hdf5::{Container, Dataset, Group, LocationType};
use langevin_molecules::element::{Element, UnknownElement};

use crate::hdf5::failed;
use crate::hdf5::numbers::{buffer, doubles, is_whole, kind};
use crate::{DatasetError, Place};

/// Letters of a fixed text that are read; the library cuts longer ones.
const LETTERS: usize = 256;
/// Units of length, in Å.
const LENGTHS: [(&str, f64); 9] = [
    ("angstrom", 1.0),
    ("angstroms", 1.0),
    ("å", 1.0),
    ("a", 1.0),
    ("nm", 10.0),
    ("pm", 0.01),
    // CODATA 2018.
    ("bohr", 0.529_177_210_903),
    ("a0", 0.529_177_210_903),
    ("a_0", 0.529_177_210_903),
];

/// A data set.
pub(super) struct Array {
    pub(super) place: Place,
    pub(super) shape: Vec<usize>,
    dataset: Dataset,
}

/// What a file says about elements.
pub(super) enum Species {
    Numbers(Vec<i64>),
    Words(Vec<String>),
}

impl Species {
    pub(super) fn element(&self, at: usize) -> Result<Element, UnknownElement> {
        match self {
            Self::Words(words) => words[at].parse(),
            Self::Numbers(numbers) => {
                let number = u8::try_from(numbers[at]).ok().and_then(Element::new);
                number.ok_or_else(|| UnknownElement(numbers[at].to_string()))
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Words(words) => words.len(),
            Self::Numbers(numbers) => numbers.len(),
        }
    }
}

impl Array {
    /// The data set of this name, if there is one.
    pub(super) fn open(
        group: &Group,
        name: &str,
        path: &Path,
    ) -> Result<Option<Self>, DatasetError> {
        if !holds(group, name, LocationType::Dataset) {
            return Ok(None);
        }
        let mut place = Place::file(path);
        let dataset = group.dataset(name).map_err(failed(&place))?;
        place.dataset = Some(dataset.name().trim_start_matches('/').to_string());
        Ok(Some(Self { place, shape: dataset.shape(), dataset }))
    }

    pub(super) fn is_number(&self) -> bool {
        kind(&self.dataset).is_some()
    }

    pub(super) fn doubles(&self) -> Result<Vec<f64>, DatasetError> {
        doubles(&self.place, &self.dataset, self.shape.last().copied().unwrap_or(1).max(1))
    }

    pub(super) fn integers(&self) -> Result<Vec<i64>, DatasetError> {
        if !is_whole(&self.dataset) {
            return Err(self.wrong("a type that is not an integer", "integers"));
        }
        buffer(&self.place, &self.dataset, 0)
    }

    pub(super) fn words(&self) -> Result<Option<Vec<String>>, DatasetError> {
        words(&self.dataset).map_err(failed(&self.place))
    }

    /// Numbers, or symbols; also those of an enumeration.
    pub(super) fn species(&self) -> Result<Species, DatasetError> {
        if is_whole(&self.dataset) {
            return Ok(Species::Numbers(self.integers()?));
        }
        if let Some(words) = self.words()? {
            // Fortran fills fixed texts with blanks.
            let words = words.iter().map(|word| word.trim().to_string());
            return Ok(Species::Words(words.collect()));
        }
        let kind = self.dataset.dtype().and_then(|dtype| dtype.to_descriptor());
        let Ok(TypeDescriptor::Enum(kinds)) = kind else {
            return Err(self.wrong("species of another type", "atomic numbers or symbols"));
        };
        let values: Vec<i64> = buffer(&self.place, &self.dataset, 0)?;
        let word = |value: i64| {
            let kind = kinds.members.iter().find(|kind| kind.value as i64 == value);
            kind.map_or_else(|| value.to_string(), |kind| kind.name.clone())
        };
        Ok(Species::Words(values.into_iter().map(word).collect()))
    }

    /// Å in one unit of this data set.
    pub(super) fn angstrom(&self) -> Result<f64, DatasetError> {
        let unit = ["unit", "units"].iter().find_map(|name| attribute(&self.dataset, name));
        let Some(unit) = unit else { return Ok(1.0) };
        let found = LENGTHS.iter().find(|(name, _)| *name == unit.trim().to_lowercase());
        found.map(|(_, angstrom)| *angstrom).ok_or_else(|| DatasetError::Array {
            place: self.place.clone(),
            what: "the unit",
            found: format!("{unit:?}"),
            allowed: "Angstrom, nm, pm, bohr, or none for Å",
        })
    }

    /// The text of its attribute of this name.
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        attribute(&self.dataset, name)
    }

    /// An error of the shape.
    pub(super) fn misshapen(&self, allowed: &'static str) -> DatasetError {
        let (place, found) = (self.place.clone(), format!("{:?}", self.shape));
        DatasetError::Array { place, what: "the shape", found, allowed }
    }

    fn wrong(&self, found: &str, allowed: &'static str) -> DatasetError {
        let (place, found) = (self.place.clone(), found.into());
        DatasetError::Array { place, what: "numbers:", found, allowed }
    }
}

/// The text of an attribute, if it is one.
pub(super) fn attribute(at: &::hdf5::Location, name: &str) -> Option<String> {
    attributes(at, name)?.into_iter().next()
}

/// All texts of an attribute, if it is of text.
pub(super) fn attributes(at: &::hdf5::Location, name: &str) -> Option<Vec<String>> {
    let words = words(&*at.attr(name).ok()?).ok()??;
    Some(words.iter().map(|word| word.trim().to_string()).collect())
}

fn words(at: &Container) -> ::hdf5::Result<Option<Vec<String>>> {
    fn all<T: ::hdf5::H5Type>(
        at: &Container,
        text: impl Fn(&T) -> &str,
    ) -> ::hdf5::Result<Option<Vec<String>>> {
        let words = at.as_reader().read_raw::<T>()?;
        Ok(Some(words.iter().map(|word| text(word).to_string()).collect()))
    }
    match at.dtype()?.to_descriptor() {
        Ok(TypeDescriptor::FixedAscii(_)) => all::<FixedAscii<LETTERS>>(at, |text| text.as_str()),
        Ok(TypeDescriptor::FixedUnicode(_)) => {
            all::<FixedUnicode<LETTERS>>(at, |text| text.as_str())
        }
        Ok(TypeDescriptor::VarLenAscii) => all::<VarLenAscii>(at, |text| text.as_str()),
        Ok(TypeDescriptor::VarLenUnicode) => all::<VarLenUnicode>(at, |text| text.as_str()),
        _ => Ok(None),
    }
}

/// Whether there is a group of this name.
pub(super) fn holds_group(group: &Group, name: &str) -> bool {
    holds(group, name, LocationType::Group)
}

fn holds(group: &Group, name: &str, kind: LocationType) -> bool {
    // Asked first, as the library prints what it does not find when it is asked for its kind.
    group.link_exists(name) && group.loc_type_by_name(name).is_ok_and(|found| found == kind)
}
