//! Values of properties that samples are asked for, each its own.

use std::path::Path;

use anyhow::Result;
use langevin_datasets::TextTable;
use langevin_molecules::space::Molecules;

use crate::properties::{Values, place_of};
use crate::{bad_input, refused};

/// What samples are asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Wishes {
    /// All the same.
    Same(Values),
    /// Each its own.
    Each(Vec<Values>),
}

impl Wishes {
    /// Those of the sample in `place`.
    pub fn of(&self, place: usize) -> Values {
        match self {
            Self::Same(values) => values.clone(),
            Self::Each(rows) => rows[place].clone(),
        }
    }

    /// Whether some sample is asked for a value of `property`.
    pub fn ask_for(&self, property: usize) -> bool {
        match self {
            Self::Same(values) => values[property].is_some(),
            Self::Each(rows) => rows.iter().any(|values| values[property].is_some()),
        }
    }
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
            columns.push((column, place_of(&option, name, &domain.properties)?));
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
