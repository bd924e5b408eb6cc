//! `langevin points sample`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use langevin_core::{Seed, Silent};
use langevin_datasets::{check_target, write_points};
use langevin_points::record::PointCloud;

use super::ends::{self, check_sampler};
use super::guidance::GuidanceArgs;
use super::trained::Trained;
use crate::choice::ChoiceArgs;
use crate::device::DeviceOptions;
use crate::options::RunOptions;
use crate::progress::SharedProgress;
use crate::{Ending, bad_input, prepare_target, refused, threads};

/// Draw points from a trained model.
///
/// Example: langevin points sample runs/demo --count 2000 --out points.csv
#[derive(Debug, clap::Args)]
pub struct SampleArgs {
    /// Model file, or run directory that holds one.
    model: PathBuf,
    /// Number of points.
    #[arg(long, default_value_t = 1000)]
    count: usize,
    /// Output file; its extension picks the format (.csv, .csv.gz, .npy, .h5).
    #[arg(long)]
    out: PathBuf,
    /// Same seed and model: same points, whatever the threads and the batch.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Points computed together.
    #[arg(long, default_value_t = 256)]
    batch: usize,
    /// Replace the output file if it exists.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    choice: ChoiceArgs,
    #[command(flatten)]
    guidance: GuidanceArgs,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    options: RunOptions,
}

impl SampleArgs {
    /// Checks everything, then samples.
    ///
    /// # Errors
    /// Bad input, or what failed while sampling.
    pub fn run(self) -> Result<Ending> {
        let pool = threads::pool(self.options.threads)?;
        prepare_target(&self.out, self.force)?;
        check_target(&self.out).map_err(bad_input)?;
        let (mut trained, hash) = Trained::read(&self.model, &self.device.open()?)?;
        self.choice.apply(&mut trained)?;
        check_sampler(&trained.experiment.method.sampler, trained.domain.geometry)?;
        if self.count == 0 || self.batch == 0 {
            return refused("--count and --batch: at least 1");
        }
        let guidance = self.guidance.plan(&trained)?;
        trained.plan.method.sampler = guidance.sampler(trained.plan.method.sampler.clone());
        let seed = Seed(self.seed);
        let reference = ends::reference(&trained.experiment)?;
        let x_1 = trained.start(reference.as_ref(), seed, self.count)?;
        let bar = SharedProgress::new("sample", self.count as u64, self.options.quiet);
        let finished = |samples: usize| bar.advance(samples as u64);
        let generation = trained.generation(seed, self.batch, &finished);
        let (x, evaluations, _) = pool.install(|| {
            generation.run(
                &x_1,
                |chunk, tally| guidance.denoiser(&trained, chunk.places.len(), tally),
                || Silent,
            )
        })?;
        bar.finish();
        let points = trained.domain.decode_rows(&x)?;
        let (dimension, geometry) = (trained.domain.dimension(), trained.domain.geometry);
        let cloud = PointCloud::new(points, dimension, geometry)?;
        let own = [("guidance", serde_json::to_string(&self.guidance)?)];
        let own = own.into_iter().chain(guidance.weaker());
        let provenance = trained.provenance(hash, self.seed, evaluations, own)?;
        write_points(&self.out, &cloud, &provenance, self.force)
            .with_context(|| format!("cannot write {}", self.out.display()))?;
        if !self.options.quiet {
            println!(
                "{}: {} points, {evaluations} evaluations each",
                self.out.display(),
                self.count
            );
        }
        Ok(Ending::Done)
    }
}
