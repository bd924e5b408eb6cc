//! Values of properties that samples are asked for.

use std::path::Path;

use anyhow::{Result, anyhow};
use langevin_datasets::TextTable;
use langevin_molecules::property::{Asked, Property};
use langevin_molecules::space::Molecules;

use crate::{bad_input, refused};

/// Values of the model's properties, in their order; nothing where a sample is not asked for one.
pub type Values = Vec<Option<f64>>;

/// What samples are asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Wishes {
    /// All the same.
    Same(Values),
    /// Each its own.
    Each(Vec<Values>),
}

impl Wishes {
    /// Those of the samples `places`.
    pub fn of(&self, places: &[usize]) -> Vec<Values> {
        match self {
            Self::Same(values) => vec![values.clone(); places.len()],
            Self::Each(rows) => places.iter().map(|&place| rows[place].clone()).collect(),
        }
    }
}

/// The same values for all samples, in the units of `domain`.
///
/// # Errors
/// A property that the model does not know, twice the same, a unit that does not fit.
pub fn same_for_all(asked: &[Asked], domain: &Molecules) -> Result<Values> {
    let mut values: Values = vec![None; domain.properties.len()];
    for asked in asked {
        let place = place_of("--property", &asked.name, domain)?;
        let property = &domain.properties[place];
        let value = asked
            .value_in(property)
            .map_err(|error| bad_input(anyhow!("--property {}: {error}", asked.name)))?;
        if values[place].replace(value).is_some() {
            return refused(format!("--property: {} stands twice", asked.name));
        }
        if value < property.least || value > property.most {
            eprintln!("warning: {}", outside(property, value));
        }
    }
    Ok(values)
}

/// A row of the table in `path` for each sample: `atoms`, and values in the units of the model.
///
/// # Errors
/// A column that is neither `atoms` nor a property, no column `atoms`, a cell that is no size.
pub fn each_its_own(path: &Path, domain: &Molecules) -> Result<(Vec<usize>, Vec<Values>)> {
    let table = TextTable::read(path).map_err(bad_input)?;
    let atoms = table.column("atoms").map_err(bad_input)?;
    let mut columns = Vec::new();
    for (column, name) in table.names().iter().enumerate() {
        if column != atoms {
            let option = format!("--each {}", path.display());
            columns.push((column, place_of(&option, name, domain)?));
        }
    }
    let (mut sizes, mut rows) = (Vec::new(), Vec::new());
    for row in 0..table.len() {
        let size = table.number(row, atoms).map_err(bad_input)?;
        let size = size.filter(|n| n.fract() == 0.0 && (1.0..1e6).contains(n));
        let Some(size) = size else {
            let (path, line) = (path.display(), table.line(row));
            let found = table.text(row, atoms);
            return refused(format!(
                "{path}, line {line}, atoms: found {found:?}, allowed: a number above 0"
            ));
        };
        sizes.push(size as usize);
        let mut values: Values = vec![None; domain.properties.len()];
        for &(column, place) in &columns {
            values[place] = table.number(row, column).map_err(bad_input)?;
        }
        rows.push(values);
    }
    Ok((sizes, rows))
}

/// Where the property `name` stands among those of `domain`.
fn place_of(option: &str, name: &str, domain: &Molecules) -> Result<usize> {
    let names: Vec<&str> = domain.properties.iter().map(|own| own.name.as_str()).collect();
    match names.iter().position(|own| *own == name) {
        Some(place) => Ok(place),
        None if names.is_empty() => refused(format!(
            "{option}: found {name}, but this model was trained without properties"
        )),
        None => refused(format!("{option}: found {name}, this model knows {}", names.join(", "))),
    }
}

fn outside(property: &Property, value: f64) -> String {
    let Property { name, least, most, .. } = property;
    let unit = property.unit.as_deref().unwrap_or("");
    format!(
        "{name} of {value:.4} {unit} is outside of the training data, which have {least:.4} to \
         {most:.4}"
    )
}
