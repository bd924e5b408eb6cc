//! Who makes fine fields: methods without training, and models.

use anyhow::Result;
use candle_core::{DType, Device};
use langevin_climate::baselines::{Baseline, Downscaler};
use langevin_climate::grid::Grid;
use langevin_climate::reference::Reference;
use langevin_climate::space::Quantity;
use langevin_core::{Purpose, Rng, SampleId, Seed};
use ndarray::{Array2, ArrayView2};

use super::generator::Generator;

/// Makes members under a coarse field.
pub enum Maker {
    /// A method that needs no training.
    Baseline { baseline: Baseline, downscaler: Box<Downscaler>, shape: (usize, usize), seed: Seed },
    /// A trained model.
    Model(Box<Generator>),
}

impl Maker {
    /// A method that needs no training, from `grid` to the one whose cells are `factor` times smaller.
    pub fn baseline(
        baseline: Baseline,
        grid: &Grid,
        factor: usize,
        reference: Option<Reference>,
        seed: Seed,
    ) -> Self {
        let shape = grid.refined(factor as f64).shape();
        let downscaler = Box::new(Downscaler::new(baseline, grid, factor, reference));
        Self::Baseline { baseline, downscaler, shape, seed }
    }

    /// Whether members differ.
    pub fn is_random(&self) -> bool {
        match self {
            Self::Baseline { baseline, .. } => baseline.is_random(),
            Self::Model(_) => true,
        }
    }

    /// Whether fields must be at least 0.
    pub fn needs_amounts(&self) -> bool {
        match self {
            Self::Baseline { baseline, .. } => baseline.needs_amounts(),
            Self::Model(generator) => {
                matches!(generator.domain().quantity, Quantity::Amount { .. })
            }
        }
    }

    /// A member at a step of time, both from 0.
    ///
    /// # Errors
    /// Those of a network.
    pub fn member(
        &self,
        coarse: ArrayView2<f32>,
        (time, member): (usize, usize),
    ) -> Result<Array2<f32>> {
        match self {
            Self::Baseline { downscaler, shape, seed, .. } => {
                Ok(downscaler.member(coarse, || white(*seed, *shape, time, member)))
            }
            Self::Model(generator) => generator.member(coarse, (time, member)),
        }
    }
}

/// Standard normal numbers for the cells of a member at a step: its own, whatever else is made.
pub(super) fn white(seed: Seed, shape: (usize, usize), time: usize, member: usize) -> Array2<f64> {
    let id = SampleId(member as u64);
    let mut rng = Rng::new(seed, Purpose::Sampling, vec![id], time as u32);
    let drawn = rng.normal(&[shape.0, shape.1], DType::F64, &Device::Cpu);
    let numbers = drawn.and_then(|drawn| Ok(drawn.flatten_all()?.to_vec1::<f64>()?));
    let numbers = numbers.expect("normal numbers have no reason to fail");
    Array2::from_shape_vec(shape, numbers).expect("as many as cells")
}
