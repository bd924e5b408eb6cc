//! A trained model that makes fine fields.

use std::path::Path;

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use langevin_climate::constraint::{Blocks, Constraint};
use langevin_climate::grid::Grid;
use langevin_climate::noise::WhiteNoise;
use langevin_climate::shares::Shares;
use langevin_climate::space::Fields;
use langevin_core::{Domain, Seed, Silent, State, Tally};
use langevin_datasets::{FieldSource, GridFile};
use ndarray::{Array2, ArrayView2, Axis as Along, concatenate, s};

use super::experiment::{ClimateExperiment, unit};
use super::shipped;
use crate::choice::ChoiceArgs;
use crate::generate::Chunk;
use crate::refused;
use crate::trained::Trained;

/// How far outside of what was trained on the size of fine cells may be.
const BEYOND: f64 = 1.25;

/// A model bound to a grid and a factor.
pub struct Generator {
    trained: Trained<ClimateExperiment>,
    /// Hash of the model.
    pub hash: String,
    seed: Seed,
    shape: (usize, usize),
    /// Edges of coarse cells in kilometres, in the middle of the field.
    edge: f64,
    /// What the input is multiplied by to be in the model's unit.
    scale: f64,
    /// Coarse columns that are repeated on either side, where the field goes around.
    around: Around,
    means: Means,
}

/// Columns repeated on either side.
#[derive(Clone, Copy)]
struct Around {
    coarse: usize,
    fine: usize,
}

/// How the means of coarse cells are kept in the end.
enum Means {
    Blocks(Blocks),
    Shares(Box<Shares>),
}

/// What a model is asked for.
pub struct Wanted<'a> {
    pub model: &'a Path,
    pub choice: &'a ChoiceArgs,
    pub factor: f64,
    pub seed: Seed,
    /// What the input is multiplied by, where its unit is not the model's.
    pub scale: Option<f64>,
}

impl Generator {
    /// The model that `wanted` names, for fields like `field`.
    ///
    /// # Errors
    /// If it does not exist, or the factor, the grid or the unit are not what it was trained on.
    pub fn new(wanted: &Wanted, file: &GridFile, field: &FieldSource) -> Result<Self> {
        let (mut trained, hash) = shipped::read(wanted.model)?;
        wanted.choice.apply(&mut trained)?;
        let (domain, grid) = (&trained.domain, &field.grid);
        let [least, most] = domain.factors;
        if !(least..=most).contains(&wanted.factor) {
            let factor = wanted.factor;
            return refused(format!(
                "--factor: found {factor}, allowed: {least} to {most}, which the model was trained on"
            ));
        }
        let fine = grid.refined(wanted.factor);
        let edge = grid.cell_edge(grid.y.len() / 2, unit(file, field)?);
        check_cells(domain, edge / wanted.factor)?;
        let scale = scale(domain, wanted.scale, file, field)?;
        let around = around(grid, &fine, trained.experiment.network.reach());
        let whole = wanted.factor.fract() == 0.0;
        let means = if whole {
            Means::Blocks(Blocks::new(wanted.factor as usize, &fine.y.sizes()))
        } else {
            Means::Shares(Box::new(Shares::new(grid, &fine)))
        };
        let (shape, seed) = (fine.shape(), wanted.seed);
        Ok(Self { trained, hash, seed, shape, edge, scale, around, means })
    }

    /// What the model was trained on.
    pub fn domain(&self) -> &Fields {
        &self.trained.domain
    }

    /// A member at a step of time, both from 0.
    ///
    /// # Errors
    /// Those of the network.
    pub fn member(
        &self,
        coarse: ArrayView2<f32>,
        (time, member): (usize, usize),
    ) -> Result<Array2<f32>> {
        let noise = WhiteNoise { seed: self.seed, member: member as u32, time: time as u32 };
        let x_1 = turned(noise.on(coarse.dim(), self.shape)?, self.around.fine);
        let domain = self.domain();
        // Missing cells are as the mean to the network, and missing in the end.
        let filled = coarse
            .mapv(|c| if c.is_nan() { domain.mean } else { f64::from(c) * self.scale } as f32);
        let filled = turned(filled, self.around.coarse);
        let (rows, columns) = filled.dim();
        let values: Vec<f32> = filled.into_iter().collect();
        let condition =
            domain.condition(domain.state(&values, (1, rows, columns))?, &[self.edge])?;
        let generation = self.trained.generation(self.seed, 1, &|_| {});
        let (height, width) = x_1.dim();
        let x_1 = Tensor::from_vec(
            x_1.into_iter().collect::<Vec<f32>>(),
            (1, 1, height, width),
            &Device::Cpu,
        )?;
        let process = self.trained.process.shaped_like(&State::single(x_1.clone()));
        let x = process.departure(
            &State::single(x_1.to_dtype(DType::F32)?),
            self.trained.plan.method.grid.times()[0],
        )?;
        let chunk = Chunk { places: vec![member], x };
        let denoiser = |_: &Chunk, tally: &Tally| {
            Ok(langevin_core::Counted::new(self.trained.denoiser_of(condition.clone()), tally))
        };
        let made = generation.carry(std::slice::from_ref(&chunk), denoiser, || Silent)?;
        let mut fields = domain.decode(&made.x[0])?;
        let fine = fields.remove(0);
        let own = self.around.fine..self.around.fine + self.shape.1;
        Ok(self.held(fine.slice(s![.., own]).to_owned(), coarse))
    }

    /// `fine`, in the model's unit, with the means of `coarse`, in that of the input.
    fn held(&self, mut fine: Array2<f32>, coarse: ArrayView2<f32>) -> Array2<f32> {
        let constraint = self.domain().quantity.constraint();
        let least = match constraint {
            Constraint::Add => f32::NEG_INFINITY,
            _ => 0.0,
        };
        fine.mapv_inplace(|x| (f64::from(x) / self.scale) as f32);
        fine.mapv_inplace(|x| x.max(least));
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
fn around(coarse: &Grid, fine: &Grid, reach: usize) -> Around {
    if coarse.x.period().is_none() {
        return Around { coarse: 0, fine: 0 };
    }
    let (n, m) = (coarse.x.len(), fine.x.len());
    let whole = |columns: &usize| (columns * m).is_multiple_of(n);
    let columns = (reach.min(n)..=n).find(whole).unwrap_or(n);
    Around { coarse: columns, fine: columns * m / n }
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
