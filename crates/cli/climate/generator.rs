//! A trained model that makes fine fields.

use std::path::Path;

use anyhow::Result;
use candle_core::{Device, Tensor};
use langevin_climate::noise::WhiteNoise;
use langevin_climate::space::Fields;
use langevin_core::{Condition, Counted, Denoiser, Domain, Seed, Silent, State, Tally, Times};
use langevin_datasets::{FieldSource, GridFile};
use ndarray::{Array2, ArrayView2};

use super::binding::Binding;
use super::experiment::ClimateExperiment;
use super::observations::{ObservationArgs, Observations};
use super::shipped;
use super::tilt::{Tilt, TiltArgs};
use crate::choice::ChoiceArgs;
use crate::generate::Chunk;
use crate::trained::Trained;
use crate::{bad_input, refused};

/// A model bound to a grid and a factor.
pub struct Generator {
    trained: Trained<ClimateExperiment>,
    /// Hash of the model.
    pub hash: String,
    seed: Seed,
    binding: Binding,
    asked: Asked,
}

/// What members are asked for beside their coarse means.
enum Asked {
    Nothing,
    Observations(Observations),
    Tilt(Tilt),
}

/// What a model is asked for.
pub struct Wanted<'a> {
    pub model: &'a Path,
    pub choice: &'a ChoiceArgs,
    pub device: &'a Device,
    pub factor: f64,
    pub seed: Seed,
    /// What the input is multiplied by, where its unit is not the model's.
    pub scale: Option<f64>,
    pub observations: &'a ObservationArgs,
    pub tilt: &'a TiltArgs,
    /// Whether files may be replaced.
    pub force: bool,
}

impl Generator {
    /// The model that `wanted` names, for fields like `field`.
    ///
    /// # Errors
    /// If it does not exist, or the factor, the grid or the unit are not what it was trained on.
    pub fn new(wanted: &Wanted, file: &GridFile, field: &FieldSource) -> Result<Self> {
        let (mut trained, hash) = shipped::read(wanted.model, wanted.device)?;
        wanted.choice.apply(&mut trained)?;
        let reach = trained.experiment.network.reach();
        let asked_for = (wanted.factor, wanted.scale);
        let binding = Binding::new(&trained.domain, reach, asked_for, (file, field))?;
        let asked = asked(wanted, &trained, file, field)?;
        Ok(Self { trained, hash, seed: wanted.seed, binding, asked })
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
        let x_1 = self.binding.with_repeated(noise.on(coarse.dim(), self.binding.shape())?);
        let (height, width) = x_1.dim();
        let values: Vec<f32> = x_1.into_iter().collect();
        let x_1 = State::single(Tensor::from_vec(values, (1, 1, height, width), &Device::Cpu)?);
        let condition = self.binding.condition(coarse)?;
        let made = |x_1: &State| self.made(&condition, x_1, coarse);
        match &self.asked {
            Asked::Nothing => Ok(made(&x_1)?),
            Asked::Tilt(tilt) => Ok(made(&tilt.walked(x_1, (time, member), made)?)?),
            Asked::Observations(observations) => {
                let one_step = |x_1: &State| {
                    let denoiser = self.trained.denoiser_of(condition.clone());
                    let made =
                        denoiser.denoise(&self.departure(x_1)?, &Times::all(1, self.start()))?;
                    self.standardised(&made, &condition)
                };
                let met = observations.met(&x_1, (time, member), &self.binding, one_step)?;
                let (before, after) = (made(&x_1)?, made(&met)?);
                observations.tally(time, &before, &after);
                Ok(after)
            }
        }
    }

    /// What became of what was asked, in words, once all members are made.
    ///
    /// # Errors
    /// If weights cannot be written.
    pub fn told(&self) -> Result<Option<String>> {
        match &self.asked {
            Asked::Nothing => Ok(None),
            Asked::Observations(observations) => Ok(Some(observations.told())),
            Asked::Tilt(tilt) => tilt.finish().map(Some),
        }
    }

    /// First time of the sampler.
    fn start(&self) -> f64 {
        self.trained.plan.method.grid.times()[0]
    }

    fn departure(&self, x_1: &State) -> langevin_core::Result<State> {
        self.trained.process.shaped_like(x_1).departure(x_1, self.start())
    }

    /// The field of a reference sample.
    fn made(
        &self,
        condition: &Condition,
        x_1: &State,
        coarse: ArrayView2<f32>,
    ) -> langevin_core::Result<Array2<f32>> {
        let generation = self.trained.generation(self.seed, 1, &|_| {});
        let chunk = Chunk { places: vec![0], x: self.departure(x_1)? };
        let denoiser = |_: &Chunk, tally: &Tally| {
            Ok(Counted::new(self.trained.denoiser_of(condition.clone()), tally))
        };
        let made = generation.carry(std::slice::from_ref(&chunk), denoiser, || Silent)?;
        let made = self.standardised(&made.x[0], condition)?;
        Ok(self.binding.field(&self.domain().decode(&made)?[0], coarse))
    }

    /// Standardised fields of a state.
    fn standardised(&self, x: &State, condition: &Condition) -> langevin_core::Result<State> {
        let context = condition.context().expect("a binding's condition has a coarse field");
        Ok(State::single(self.domain().standardised(x.part(0), context.part(0))?))
    }
}

/// What members are asked for.
fn asked(
    wanted: &Wanted,
    trained: &Trained<ClimateExperiment>,
    file: &GridFile,
    field: &FieldSource,
) -> Result<Asked> {
    let (times, fine) = (file.times(field).map_err(bad_input)?, field.grid.refined(wanted.factor));
    if let Some(observations) = wanted.observations.read(&fine, &times, wanted.seed)? {
        let steps = trained.plan.method.grid.times().len() - 1;
        if steps != 1 {
            return refused(format!(
                "--observations: found a model of {steps} steps, allowed: one"
            ));
        }
        return Ok(Asked::Observations(observations));
    }
    let tilt = wanted.tilt.build(wanted.seed, wanted.force)?;
    Ok(tilt.map_or(Asked::Nothing, Asked::Tilt))
}
