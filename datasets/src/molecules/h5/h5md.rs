//! Particles groups of H5MD.

use std::collections::HashMap;
use std::path::Path;

use ::hdf5::{File, Group};
use langevin_molecules::record::Bond;

use super::arrays::{Array, attribute, attributes, holds_group};
use super::series::Series;
use super::{CREATOR, NOTES, OBSERVABLES, PARTICLES, unescaped};
use crate::hdf5::failed;
use crate::molecules::text::order;
use crate::molecules::{BadFrame, Fault, MoleculeFileError, Where};
use crate::{DatasetError, Place};

/// All particles groups with positions and species.
pub(super) fn read(file: &File, path: &Path) -> Result<Vec<Series>, MoleculeFileError> {
    let place = Place::file(path);
    let fail = failed(&place);
    let particles = file.group(PARTICLES).map_err(&fail)?;
    let mut names = particles.member_names().map_err(&fail)?;
    names.retain(|name| holds_group(&particles, name));
    names.sort();
    let creator = file.group("h5md/creator").ok().and_then(|group| attribute(&group, "name"));
    let ours = creator.is_some_and(|name| name == CREATOR);
    let mut series = Vec::new();
    for name in &names {
        let group = particles.group(name).map_err(&fail)?;
        let (Some(positions), Some(species)) =
            (Element::open(&group, "position", path)?, Element::open(&group, "species", path)?)
        else {
            continue;
        };
        if periodic(&group) {
            let at = Where::Group(format!("/{PARTICLES}/{name}"));
            let frame = series.iter().map(|series: &Series| series.frames).sum::<usize>() + 1;
            let bad = BadFrame { frame, at, fault: Fault::Periodic };
            return Err(MoleculeFileError::Frame { path: path.into(), bad: bad.into() });
        }
        let mut one = frames(name, &group, &positions, &species, path)?;
        let steps = positions.steps.as_deref();
        for folder in
            [Some(format!("{OBSERVABLES}/{name}")), (names.len() == 1).then(|| OBSERVABLES.into())]
                .into_iter()
                .flatten()
                .filter(|folder| reaches(file, folder))
        {
            let folder = file.group(&folder).map_err(&fail)?;
            for (name, element) in elements(&folder, path)? {
                if element.value.is_number()
                    && let Some(at) = element.frames(steps, one.frames)
                {
                    let values = element.value.doubles()?;
                    let value =
                        |at: &Option<usize>| at.map(|at| values[at]).filter(|x| x.is_finite());
                    one.labels.push((name, at.iter().map(value).collect()));
                }
            }
        }
        let folder = format!("{NOTES}/{name}");
        if reaches(file, &folder) {
            let folder = file.group(&folder).map_err(&fail)?;
            for (name, element) in elements(&folder, path)? {
                if let Some(at) = element.frames(steps, one.frames)
                    && let Some(words) = element.value.words()?
                {
                    let word = |at: &Option<usize>| at.map(|at| words[at].clone());
                    one.notes.push((name, at.iter().map(word).collect()));
                }
            }
        }
        if ours {
            one.places = positions.steps;
        }
        series.push(one);
    }
    Ok(series)
}

/// The frames of a particles group, without what belongs to them from elsewhere.
fn frames(
    name: &str,
    group: &Group,
    positions: &Element,
    species: &Element,
    path: &Path,
) -> Result<Series, DatasetError> {
    let (frames, atoms) = match (positions.value.shape.as_slice(), positions.fixed) {
        (&[atoms, 3], true) => (1, atoms),
        (&[frames, atoms, 3], false) => (frames, atoms),
        (_, true) => return Err(positions.value.misshapen("[atoms, 3]")),
        (_, false) => return Err(positions.value.misshapen("[frames, atoms, 3]")),
    };
    let fits = |element: &Element| {
        let shape = &element.value.shape;
        if *shape == [atoms] || (!element.fixed && *shape == [frames, atoms]) {
            return Ok(());
        }
        Err(element.value.misshapen("[atoms] or [frames, atoms], as the positions beside it"))
    };
    fits(species)?;
    let scale = positions.value.angstrom()?;
    let mut coordinates = positions.value.doubles()?;
    coordinates.iter_mut().for_each(|x| *x *= scale);
    let mut charges = None;
    // Effective charges are those of a force field.
    if let Some(charge) = Element::open(group, "charge", path)?.filter(|charge| charge.formal) {
        fits(&charge)?;
        charges = Some(charge.value.integers()?);
    }
    Ok(Series {
        group: format!("/{PARTICLES}/{name}"),
        frames,
        atoms,
        species: species.value.species()?,
        positions: coordinates,
        charges,
        bonds: bonds(group, frames, path)?,
        labels: Vec::new(),
        notes: Vec::new(),
        places: None,
    })
}

/// Bonds of each frame, from how many each has and all of them one after the other.
fn bonds(
    group: &Group,
    frames: usize,
    path: &Path,
) -> Result<Option<Vec<Vec<Bond>>>, DatasetError> {
    let Some(counts) = Array::open(group, "bond_count", path)? else { return Ok(None) };
    if counts.shape != [frames] {
        return Err(counts.misshapen("[frames], as the positions beside it"));
    }
    let counts = counts.integers()?;
    let wrong = |array: &Array| array.misshapen("[bonds, 3], as many as bond_count says");
    let (rows, shape) = match Array::open(group, "bonds", path)? {
        Some(array) if array.shape.len() != 2 || array.shape[1] != 3 => return Err(wrong(&array)),
        Some(array) => (array.integers()?, Some(array)),
        None => (Vec::new(), None),
    };
    let bond = |row: &[i64]| {
        let order = order(&row[2].to_string())?;
        let atom = |atom: i64| usize::try_from(atom).ok();
        Some(Bond { atoms: [atom(row[0])?, atom(row[1])?], order })
    };
    let bonds: Option<Vec<Bond>> = rows.chunks_exact(3).map(bond).collect();
    let mut bonds = bonds.unwrap_or_default().into_iter();
    let mut taken = 0;
    let mut all = Vec::with_capacity(frames);
    for count in counts {
        let count = usize::try_from(count).unwrap_or(0);
        all.push(bonds.by_ref().take(count).collect());
        taken += count;
    }
    match shape {
        Some(array) if taken != rows.len() / 3 || bonds.next().is_some() => Err(wrong(&array)),
        _ => Ok(Some(all)),
    }
}

/// Whether the box repeats in any direction.
fn periodic(group: &Group) -> bool {
    let boundary = group.group("box").ok().and_then(|bounds| attributes(&bounds, "boundary"));
    boundary.is_some_and(|boundary| boundary.iter().any(|side| side == "periodic"))
}

/// Whether all groups of a path are there.
fn reaches(file: &File, folder: &str) -> bool {
    let parts = folder.match_indices('/').map(|(at, _)| &folder[..at]);
    parts.chain([folder]).all(|part| holds_group(file, part))
}

/// What H5MD calls an element: an array that is fixed, or one with a row per step.
struct Element {
    value: Array,
    fixed: bool,
    /// The step of each row, where the file lists them.
    steps: Option<Vec<i64>>,
    /// Of a charge: that it is a formal one.
    formal: bool,
}

impl Element {
    fn open(group: &Group, name: &str, path: &Path) -> Result<Option<Self>, DatasetError> {
        if let Some(value) = Array::open(group, name, path)? {
            let formal = value.attribute("type").is_some_and(|kind| kind == "formal");
            return Ok(Some(Self { value, fixed: true, steps: None, formal }));
        }
        if !holds_group(group, name) {
            return Ok(None);
        }
        let group = group.group(name).map_err(failed(&Place::file(path)))?;
        let formal = attribute(&group, "type").is_some_and(|kind| kind == "formal");
        let Some(value) = Array::open(&group, "value", path)? else { return Ok(None) };
        // A single step says how far apart the rows are.
        let rows = value.shape.first().copied();
        let step =
            Array::open(&group, "step", path)?.filter(|step| step.shape.first() == rows.as_ref());
        let steps = step.map(|step| step.integers()).transpose()?;
        Ok(Some(Self { value, fixed: false, steps, formal }))
    }

    /// Which of its values each of `frames` at `steps` has, if there is one number per row.
    fn frames(&self, steps: Option<&[i64]>, frames: usize) -> Option<Vec<Option<usize>>> {
        let &[rows] = self.value.shape.as_slice() else { return None };
        if let (Some(steps), Some(own)) = (steps, &self.steps) {
            let rows: HashMap<i64, usize> = own.iter().copied().zip(0..).collect();
            return Some(steps.iter().map(|step| rows.get(step).copied()).collect());
        }
        (rows == frames && !self.fixed).then(|| (0..frames).map(Some).collect())
    }
}

/// All elements of a group, by their names as they were meant.
fn elements(group: &Group, path: &Path) -> Result<Vec<(String, Element)>, DatasetError> {
    let mut names = group.member_names().map_err(failed(&Place::file(path)))?;
    names.sort();
    let mut elements = Vec::new();
    for name in names {
        if let Some(element) = Element::open(group, &name, path)? {
            elements.push((unescaped(&name), element));
        }
    }
    Ok(elements)
}
