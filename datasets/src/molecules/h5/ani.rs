//! Groups of species and coordinates, as ANI's data are kept.

use std::path::Path;

use ::hdf5::{File, LocationType};

use super::arrays::Array;
use super::series::Series;
use crate::hdf5::failed;
use crate::hdf5::find::objects;
use crate::{DatasetError, Place};

/// Names of species, in the order in which they are looked for.
const SPECIES: [&str; 3] = ["species", "atomic_numbers", "numbers"];
const COORDINATES: &str = "coordinates";
const SMILES: &str = "smiles";
/// The note of a group's path.
const GROUP: &str = "group";

/// All groups that hold species and coordinates.
pub(super) fn read(file: &File, path: &Path) -> Result<Vec<Series>, DatasetError> {
    let place = Place::file(path);
    let fail = failed(&place);
    let mut series = Vec::new();
    for (name, kind) in objects(file).map_err(&fail)? {
        let folder = match name.rsplit_once('/') {
            Some((folder, COORDINATES)) => folder,
            None if name == COORDINATES => "",
            _ => continue,
        };
        if kind == LocationType::Dataset {
            series.push(group(file, folder, path)?);
        }
    }
    Ok(series)
}

fn group(file: &File, folder: &str, path: &Path) -> Result<Series, DatasetError> {
    let place = Place::file(path);
    let fail = failed(&place);
    let group = file.group(if folder.is_empty() { "/" } else { folder }).map_err(&fail)?;
    let open = |name: &str| Array::open(&group, name, path);
    let coordinates = open(COORDINATES)?.expect("the group was chosen for it");
    let (frames, atoms) = match coordinates.shape[..] {
        [frames, atoms, 3] => (frames, atoms),
        [atoms, 3] => (1, atoms),
        _ => return Err(coordinates.misshapen("[frames, atoms, 3]")),
    };
    let mut found = None;
    for name in SPECIES {
        found = found.or(open(name)?);
    }
    let species = found.ok_or_else(|| DatasetError::Array {
        place: coordinates.place.clone(),
        what: "beside it",
        found: "no species".into(),
        allowed: "species or atomic_numbers in the same group",
    })?;
    if species.shape != [atoms] && species.shape != [frames, atoms] {
        return Err(species.misshapen("[atoms] or [frames, atoms], as the coordinates beside it"));
    }
    let scale = coordinates.angstrom()?;
    let mut positions = coordinates.doubles()?;
    positions.iter_mut().for_each(|x| *x *= scale);
    let (mut labels, mut notes) = (Vec::new(), Vec::new());
    if !folder.is_empty() {
        notes.push((GROUP.to_string(), vec![Some(folder.to_string()); frames]));
    }
    let mut names = group.member_names().map_err(&fail)?;
    names.sort();
    for name in names {
        if name == COORDINATES || SPECIES.contains(&name.as_str()) {
            continue;
        }
        let Some(array) = open(&name)? else { continue };
        if name == SMILES {
            // One text, or its letters one by one.
            let words = array.words()?.map(|words| words.concat());
            notes.extend(words.map(|words| (name, vec![Some(words); frames])));
        } else if array.shape == [frames] && array.is_number() {
            let finite = |value: f64| value.is_finite().then_some(value);
            labels.push((name, array.doubles()?.into_iter().map(finite).collect()));
        }
    }
    Ok(Series {
        group: format!("/{folder}"),
        frames,
        atoms,
        species: species.species()?,
        positions,
        charges: None,
        bonds: None,
        labels,
        notes,
        places: None,
    })
}
