//! `langevin points average`.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use langevin_core::ConfigError;
use langevin_points::space::Points;
use langevin_train::{PosthocError, RunFolder};

use super::experiment::PointsExperiment;
use crate::experiment::restated;
use crate::model::{Model, PosthocAverage, Provenance};
use crate::{Ending, bad_input, prepare_target};

/// Make another average of a run's weights from its snapshots.
///
/// The average has the power-function profile of Karras et al. (2024). It needs a finished run with
/// train.snapshot_every above 0 and, best, two averages of kind power: their snapshots add up to the
/// profiles of widths around theirs.
///
/// Example: langevin points average runs/demo --width 0.07 --out narrow.safetensors
#[derive(Debug, clap::Args)]
pub struct AverageArgs {
    /// Run directory.
    run: PathBuf,
    /// Width of the average, the standard deviation of its profile as a part of the run's length: above
    /// 0, below 0.2886.
    #[arg(long)]
    width: f64,
    /// Model file to write.
    #[arg(long)]
    out: PathBuf,
    /// End of the average, a step with a snapshot; left out: the last one.
    #[arg(long)]
    step: Option<u64>,
    /// Replace the model file if it exists.
    #[arg(long)]
    force: bool,
    /// No summary; errors only.
    #[arg(long)]
    quiet: bool,
}

impl AverageArgs {
    /// Checks everything, then writes the model.
    ///
    /// # Errors
    /// Bad input, or a model file that cannot be written.
    pub fn run(self) -> Result<Ending> {
        prepare_target(&self.out, self.force)?;
        let folder = RunFolder::new(&self.run);
        let snapshots = folder.snapshots();
        let steps = snapshots.steps();
        let Some(&last) = steps.last() else {
            return Err(bad_input(anyhow!(
                "{} holds no snapshots: they are written by runs with train.snapshot_every above 0",
                self.run.display()
            )));
        };
        let step = self.step.unwrap_or(last);
        if !steps.contains(&step) {
            let allowed: Vec<String> = steps.iter().map(u64::to_string).collect();
            return Err(bad_input(ConfigError::new("--step", step, allowed.join(", "))));
        }
        let path = folder.model();
        let model: Model<PointsExperiment, Points> = Model::read(&path)?;
        let found = snapshots.reconstruct(self.width, step).map_err(|error| match error {
            PosthocError::Width(error) => bad_input(ConfigError { key: "--width".into(), ..error }),
            other => bad_input(other),
        })?;
        if restated::<PointsExperiment>(&found.config) != toml::to_string(&model.experiment)? {
            return Err(bad_input(anyhow!(
                "{}: its snapshots are of another run than {}",
                self.run.display(),
                path.display()
            )));
        }
        let provenance = Provenance {
            steps: step,
            train_loss: None,
            validation_loss: None,
            average: Some(PosthocAverage {
                width: self.width,
                snapshots: found.snapshots,
                profile_error: found.error,
            }),
            ..model.provenance(&path)?
        };
        let hash = model.write_other(&self.out, found.weights, &provenance)?;
        if !self.quiet {
            println!(
                "{}: width {} after step {step}, from {} snapshots, profile off by {:.1} % (sha256 {hash})",
                self.out.display(),
                self.width,
                found.snapshots,
                100.0 * found.error
            );
        }
        Ok(Ending::Done)
    }
}
