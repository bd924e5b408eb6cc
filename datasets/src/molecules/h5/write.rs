//! H5MD from molecules.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::Path;

use ::hdf5::types::VarLenUnicode;
use ::hdf5::{File, Group, H5Type};
use langevin_molecules::record::Molecule;

use super::{CREATOR, NOTES, OBSERVABLES, PARTICLES, escaped};
use crate::hdf5::{attribute, failed};
use crate::molecules::text::order_number;
use crate::{DatasetError, Place};

/// The molecules as a file of its own at `temporary`, a name that is still free; it will be `path`.
pub(crate) fn write(
    temporary: &Path,
    path: &Path,
    molecules: &[Molecule],
    provenance: &[(String, String)],
) -> Result<(), DatasetError> {
    let out = Out { path, place: Place::file(path) };
    let file = out.ok(File::create_excl(temporary))?;
    let about = out.group(&file, "h5md")?;
    let version = out.ok(about.new_attr::<i32>().shape(2).create("version"))?;
    out.ok(version.as_writer().write_raw(&[1, 1]))?;
    // Who used the program is not known here, but the format wants a name.
    out.attribute(&out.group(&about, "author")?, "name", "unknown")?;
    let creator = out.group(&about, "creator")?;
    out.attribute(&creator, "name", CREATOR)?;
    out.attribute(&creator, "version", env!("CARGO_PKG_VERSION"))?;

    // Molecules that are alike in what is known of them.
    let mut groups: BTreeMap<_, Vec<Member>> = BTreeMap::new();
    for (place, molecule) in (0..).zip(molecules) {
        let (bonds, charges) = (molecule.bonds().is_some(), molecule.charges().is_some());
        groups.entry((molecule.len(), bonds, charges)).or_default().push((place, molecule));
    }
    let particles = out.group(&file, PARTICLES)?;
    let observables = out.group(&file, OBSERVABLES)?;
    let notes = out.group(&out.group(&file, "parameters")?, last(NOTES))?;
    for ((atoms, bonds, charges), members) in groups {
        let name = format!(
            "atoms_{atoms}{}{}",
            if bonds { "_bonds" } else { "" },
            if charges { "_charges" } else { "" }
        );
        out.particles(&out.group(&particles, &name)?, atoms, &members)?;
        let named = members.iter().flat_map(|(place, molecule)| {
            molecule.labels().iter().map(|(name, value)| (name, (*place, *value)))
        });
        let folder = out.group(&observables, &name)?;
        for (name, (steps, values)) in by_name(named) {
            out.series(&folder, &escaped(name), &steps, &values, &[])?;
        }
        let named = members.iter().flat_map(|(place, molecule)| {
            molecule.notes().iter().map(|(name, words)| (name, (*place, words)))
        });
        let folder = out.group(&notes, &name)?;
        for (name, (steps, words)) in by_name(named) {
            let words = words.into_iter().map(|words| out.text(words));
            let words = words.collect::<Result<Vec<_>, _>>()?;
            out.series(&folder, &escaped(name), &steps, &words, &[])?;
        }
    }
    for (key, value) in provenance {
        out.text(key)?;
        out.attribute(&file, key, value)?;
    }
    // Closing a file with open data sets puts off what is left to write to where no error is seen.
    out.ok(file.flush())?;
    out.ok(file.close())
}

/// A molecule and its place in the file.
type Member<'a> = (i64, &'a Molecule);

/// Steps and values under each name.
fn by_name<'a, T>(
    named: impl Iterator<Item = (&'a String, (i64, T))>,
) -> BTreeMap<&'a String, (Vec<i64>, Vec<T>)> {
    let mut all: BTreeMap<_, (Vec<i64>, Vec<T>)> = BTreeMap::new();
    for (name, (step, value)) in named {
        let (steps, values) = all.entry(name).or_default();
        steps.push(step);
        values.push(value);
    }
    all
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The file that is written, for what its errors name.
struct Out<'a> {
    path: &'a Path,
    place: Place,
}

impl Out<'_> {
    fn ok<T>(&self, result: ::hdf5::Result<T>) -> Result<T, DatasetError> {
        result.map_err(failed(&self.place))
    }

    fn group(&self, parent: &Group, name: &str) -> Result<Group, DatasetError> {
        self.ok(parent.create_group(name))
    }

    /// The library takes no text with a NUL in it.
    fn text(&self, text: &str) -> Result<VarLenUnicode, DatasetError> {
        text.parse().map_err(|_| DatasetError::Write {
            path: self.path.into(),
            source: io::Error::new(ErrorKind::InvalidInput, format!("found a NUL in {text:?}")),
        })
    }

    fn attribute(&self, at: &Group, key: &str, words: &str) -> Result<(), DatasetError> {
        self.ok(attribute(at, key, &self.text(words)?))
    }

    /// A data set.
    fn array<T: H5Type>(
        &self,
        group: &Group,
        name: &str,
        values: &[T],
        shape: &[usize],
    ) -> Result<::hdf5::Dataset, DatasetError> {
        let dataset = self.ok(group.new_dataset::<T>().shape(shape).create(name))?;
        self.ok(dataset.as_writer().write_raw(values))?;
        Ok(dataset)
    }

    /// An element with a row of values of shape `row` per step.
    fn series<T: H5Type>(
        &self,
        group: &Group,
        name: &str,
        steps: &[i64],
        values: &[T],
        row: &[usize],
    ) -> Result<(Group, ::hdf5::Dataset), DatasetError> {
        let group = self.group(group, name)?;
        self.array(&group, "step", steps, &[steps.len()])?;
        let shape: Vec<usize> = [steps.len()].into_iter().chain(row.iter().copied()).collect();
        let value = self.array(&group, "value", values, &shape)?;
        Ok((group, value))
    }

    /// Molecules of `atoms` atoms, all with bonds or none, all with charges or none.
    fn particles(
        &self,
        group: &Group,
        atoms: usize,
        members: &[Member],
    ) -> Result<(), DatasetError> {
        let bounds = self.group(group, "box")?;
        let dimension = self.ok(bounds.new_attr::<i32>().create("dimension"))?;
        self.ok(dimension.as_writer().write_scalar(&3))?;
        let none = self.text("none")?;
        let boundary = self.ok(bounds.new_attr::<VarLenUnicode>().shape(3).create("boundary"))?;
        self.ok(boundary.as_writer().write_raw(&[none.clone(), none.clone(), none]))?;

        let steps: Vec<i64> = members.iter().map(|(place, _)| *place).collect();
        let molecules = || members.iter().map(|(_, molecule)| *molecule);
        let positions: Vec<f64> = molecules()
            .flat_map(|molecule| molecule.positions().iter().flatten().copied())
            .collect();
        let (_, value) = self.series(group, "position", &steps, &positions, &[atoms, 3])?;
        self.ok(attribute(&value, "unit", &self.text("Angstrom")?))?;
        let species: Vec<u8> = molecules()
            .flat_map(|molecule| molecule.species().iter().map(|e| e.number()))
            .collect();
        self.series(group, "species", &steps, &species, &[atoms])?;

        let charges: Vec<i8> = molecules()
            .flat_map(|molecule| molecule.charges().unwrap_or_default().to_vec())
            .collect();
        if !charges.is_empty() {
            let (charge, _) = self.series(group, "charge", &steps, &charges, &[atoms])?;
            self.attribute(&charge, "type", "formal")?;
        }
        if molecules().any(|molecule| molecule.bonds().is_some()) {
            let bonds = || molecules().map(|molecule| molecule.bonds().unwrap_or_default());
            let counts: Vec<u64> = bonds().map(|bonds| bonds.len() as u64).collect();
            self.array(group, "bond_count", &counts, &[counts.len()])?;
            let rows: Vec<u64> = bonds()
                .flatten()
                .flat_map(|bond| {
                    let [a, b] = bond.atoms;
                    [a as u64, b as u64, u64::from(order_number(bond.order))]
                })
                .collect();
            if !rows.is_empty() {
                self.array(group, "bonds", &rows, &[rows.len() / 3, 3])?;
            }
        }
        Ok(())
    }
}
