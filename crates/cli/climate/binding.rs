//! A model's domain bound to the grid of a file: sizes, units, climatology, what goes around.

use anyhow::Result;
use langevin_climate::constraint::{Blocks, Constraint};
use langevin_climate::grid::Grid;
use langevin_climate::shares::Shares;
use langevin_climate::space::Fields;
use langevin_core::Condition;
use langevin_datasets::{FieldSource, GridFile};
use ndarray::{Array2, ArrayView2, Axis as Along, concatenate, s};

use super::experiment::unit;
use crate::refused;

/// How far outside of what was trained on the size of fine cells may be.
const BEYOND: f64 = 1.25;

/// From fields of a file to states of a model and back.
pub struct Binding {
    domain: Fields,
    /// Rows and columns of fine fields.
    shape: (usize, usize),
    /// Edges of coarse cells in kilometres, in the middle of the field.
    edge: f64,
    /// What the input is multiplied by to be in the model's unit.
    scale: f64,
    /// Coarse and fine columns that are repeated on either side, where the field goes around.
    around: [usize; 2],
    means: Means,
    /// What the model's fields are anomalies from, on the coarse and on the fine grid, in the model's unit.
    climatology: Option<[Array2<f32>; 2]>,
}

/// How the means of coarse cells are kept in the end.
enum Means {
    Blocks(Blocks),
    Shares(Box<Shares>),
}

impl Binding {
    /// `domain` bound to the grid of `field`, made finer by `factor`, whose values `scale` puts into the model's unit;
    /// nothing enters a cell from farther than `reach` coarse cells.
    ///
    /// # Errors
    /// If the factor, the grid or the unit are not what the model was trained on.
    pub fn new(
        domain: &Fields,
        reach: usize,
        (factor, scale): (f64, Option<f64>),
        (file, field): (&GridFile, &FieldSource),
    ) -> Result<Self> {
        let grid = &field.grid;
        let [least, most] = domain.factors;
        if !(least..=most).contains(&factor) {
            return refused(format!(
                "--factor: found {factor}, allowed: {least} to {most}, which the model was trained on"
            ));
        }
        let fine = grid.refined(factor);
        let edge = grid.cell_edge(grid.y.len() / 2, unit(file, field)?);
        check_cells(domain, edge / factor)?;
        let scale = self::scale(domain, scale, file, field)?;
        let means = if factor.fract() == 0.0 {
            Means::Blocks(Blocks::new(factor as usize, &fine.y.sizes()))
        } else {
            Means::Shares(Box::new(Shares::new(grid, &fine)))
        };
        let climatology = domain.climatology.as_ref().map(|own| [own.on(grid), own.on(&fine)]);
        if climatology.iter().flatten().any(|mean| mean.iter().any(|x| x.is_nan())) {
            let path = file.path().display();
            return refused(format!(
                "{path}: found cells outside of the model's region, allowed: those it has a climatology of"
            ));
        }
        let (around, shape, domain) = (around(grid, &fine, reach), fine.shape(), domain.clone());
        Ok(Self { domain, shape, edge, scale, around, means, climatology })
    }

    /// Rows and columns of fine fields.
    pub fn shape(&self) -> (usize, usize) {
        self.shape
    }

    /// Fine columns before a field's first, where it goes around.
    pub fn before(&self) -> usize {
        self.around[1]
    }

    /// The state of a value of the input's unit at fine cells, and that of a difference: what they are multiplied by, and
    /// then lessened by.
    pub fn standard(&self, cells: &[((usize, usize), f64)]) -> [f64; 2] {
        let mean = |&(cell, weight): &((usize, usize), f64)| match &self.climatology {
            Some([_, fine]) => weight * f64::from(fine[cell]),
            None => 0.0,
        };
        let mean = self.domain.mean + cells.iter().map(mean).sum::<f64>();
        [self.scale / self.domain.scale, mean / self.domain.scale]
    }

    /// A fine field with what is repeated on either side.
    pub fn with_repeated(&self, fine: Array2<f32>) -> Array2<f32> {
        turned(fine, self.around[1])
    }

    /// The coarse field as the network is shown it.
    ///
    /// # Errors
    /// [`langevin_core::Error::Tensor`] only.
    pub fn condition(&self, coarse: ArrayView2<f32>) -> langevin_core::Result<Condition> {
        let domain = &self.domain;
        let mut shown = coarse.mapv(|c| (f64::from(c) * self.scale) as f32);
        if let Some([mean, _]) = &self.climatology {
            shown -= mean;
        }
        // Missing cells are as the mean to the network, and missing in the end.
        shown.mapv_inplace(|c| if c.is_nan() { domain.mean as f32 } else { c });
        let shown = turned(shown, self.around[0]);
        let (rows, columns) = shown.dim();
        let values: Vec<f32> = shown.into_iter().collect();
        domain.condition(domain.state(&values, (1, rows, columns))?, &[self.edge])
    }

    /// The field, in the input's unit, of what the model made, with the means of `coarse`.
    pub fn field(&self, made: &Array2<f32>, coarse: ArrayView2<f32>) -> Array2<f32> {
        let before = self.before();
        let mut fine = made.slice(s![.., before..before + self.shape.1]).to_owned();
        if let Some([_, mean]) = &self.climatology {
            fine += mean;
        }
        let constraint = self.domain.quantity.constraint();
        let least = if constraint == Constraint::Add { f32::NEG_INFINITY } else { 0.0 };
        fine.mapv_inplace(|x| ((f64::from(x) / self.scale) as f32).max(least));
        match &self.means {
            Means::Blocks(blocks) => blocks.hold(&mut fine, coarse, constraint),
            Means::Shares(shares) => shares.hold(&mut fine, coarse, constraint),
        }
        fine
    }
}

/// Nothing, if fine cells of this edge are like those trained on.
fn check_cells(domain: &Fields, edge: f64) -> Result<()> {
    let [least, most] = [domain.cells[0] / BEYOND, domain.cells[1] * BEYOND];
    if (least..=most).contains(&edge) {
        return Ok(());
    }
    refused(format!(
        "--factor: found fine cells of {edge:.2} km, allowed: {least:.2} to {most:.2} km, near those that the model \
         was trained on"
    ))
}

/// What the input is multiplied by.
fn scale(domain: &Fields, given: Option<f64>, file: &GridFile, field: &FieldSource) -> Result<f64> {
    let own = field.units.as_deref().unwrap_or_default();
    match given.or_else(|| langevin_climate::units::ratio(own, &domain.units)) {
        Some(scale) => Ok(scale),
        None => {
            let (path, name, units) = (file.path().display(), &field.name, &domain.units);
            refused(format!(
                "{path}, variable {name}: found the unit {own:?}, allowed: {units:?}, another spelling of it, or --scale \
                 with what makes it that"
            ))
        }
    }
}

/// Columns to repeat: as many as reach into others, and a whole number of fine ones.
fn around(coarse: &Grid, fine: &Grid, reach: usize) -> [usize; 2] {
    if coarse.x.period().is_none() {
        return [0, 0];
    }
    let (n, m) = (coarse.x.len(), fine.x.len());
    let whole = |columns: &usize| (columns * m).is_multiple_of(n);
    let columns = (reach.min(n)..=n).find(whole).unwrap_or(n);
    [columns, columns * m / n]
}

/// `field` with its last `columns` before its first, and the first after the last.
fn turned(field: Array2<f32>, columns: usize) -> Array2<f32> {
    if columns == 0 {
        return field;
    }
    let width = field.ncols();
    let (before, after) = (field.slice(s![.., width - columns..]), field.slice(s![.., ..columns]));
    concatenate(Along(1), &[before, field.view(), after]).expect("all have the same rows")
}
