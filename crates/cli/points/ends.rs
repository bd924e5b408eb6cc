//! Both ends of an experiment, and what they allow.

use anyhow::Result;
use langevin_core::Seed;
use langevin_diffusion::{CouplingConfig, SamplerConfig};
use langevin_points::config::{DataConfig, Origin};
use langevin_points::source::End;
use langevin_points::space::Geometry;

use super::data::{Dataset, Side};
use super::experiment::PointsExperiment;
use crate::refused;

/// The data, and the other end of the path where it is data too.
pub struct Ends {
    pub data: Dataset,
    pub reference: Option<Dataset>,
}

impl Ends {
    /// Reads or draws both ends of `experiment`.
    ///
    /// # Errors
    /// If a file cannot be used, or the two ends do not fit each other or the method.
    pub fn load(experiment: &PointsExperiment) -> Result<Self> {
        let seed = Seed(experiment.seed);
        let data = Dataset::load(&experiment.data, Side::Data, seed)?;
        let reference = reference(experiment)?;
        let geometry = data.geometry()?;
        check_sampler(&experiment.method.sampler, geometry)?;
        if let Some(reference) = &reference {
            let (own, other) = (data.test(1, 0)?, reference.test(1, 0)?);
            if own.dimension() != other.dimension() || geometry != reference.geometry()? {
                return refused(format!(
                    "data and reference: found {} and {} coordinates, allowed: one space",
                    own.dimension(),
                    other.dimension()
                ));
            }
        }
        let ends = Self { data, reference };
        if matches!(experiment.method.coupling, CouplingConfig::Paired(_)) {
            ends.check_pairs(experiment)?;
        }
        Ok(ends)
    }

    /// Pairs are rows of two files, split the same way.
    fn check_pairs(&self, experiment: &PointsExperiment) -> Result<()> {
        let by_row = |config: &DataConfig| {
            config.split_by_row && matches!(config.origin(), Ok(Origin::File(_)))
        };
        let both = |reference: &DataConfig| by_row(&experiment.data) && by_row(reference);
        if !experiment.reference.as_ref().is_some_and(both) {
            return refused(
                "method.coupling: paired needs data and reference from files, both with \
                 split_by_row = true",
            );
        }
        let rows = |dataset: &Dataset| dataset.train.as_ref().map_or(0, |train| train.len());
        let (own, other) = (rows(&self.data), self.reference.as_ref().map_or(0, rows));
        if own != other {
            return refused(format!(
                "method.coupling: paired needs as many rows in both files; found {own} and {other} \
                 to train on"
            ));
        }
        Ok(())
    }

    /// Both ends to train on; pairs stay pairs.
    ///
    /// # Errors
    /// If a law cannot be built.
    pub fn training(&self, experiment: &PointsExperiment) -> Result<(End, Option<End>)> {
        let pairs = matches!(experiment.method.coupling, CouplingConfig::Paired(_));
        let other = |reference: &Dataset| {
            if pairs { reference.end_in_order_of("data order") } else { reference.end() }
        };
        Ok((self.data.end()?, self.reference.as_ref().map(other).transpose()?))
    }
}

/// The other end of `experiment`'s path, where it is data.
///
/// # Errors
/// If a file cannot be used.
pub fn reference(experiment: &PointsExperiment) -> Result<Option<Dataset>> {
    let load = |config| Dataset::load(config, Side::Reference, Seed(experiment.seed));
    experiment.reference.as_ref().map(load).transpose()
}

/// Samplers that add noise need a space where noise is a vector.
///
/// # Errors
/// The sampler, and what is allowed on the sphere.
pub fn check_sampler(sampler: &SamplerConfig, geometry: Geometry) -> Result<()> {
    if geometry == Geometry::Sphere && sampler.draws_noise() {
        return refused(
            "method.sampler: found one that adds noise, allowed on the sphere: euler, ddim, heun \
             without churn, dpm_solver, unipc, adaptive",
        );
    }
    Ok(())
}
