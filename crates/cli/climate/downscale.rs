//! `langevin climate downscale`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Result;
use langevin_climate::baselines::Baseline;
use langevin_climate::reference::{Gathering, Reference};
use langevin_core::Seed;
use langevin_datasets::{FieldSource, GridFile, GridFileError};
use ndarray::Array2;
use rayon::prelude::*;

use super::frames::{FieldArgs, FillError, Job};
use super::generator::{Generator, Wanted};
use super::makers::Maker;
use super::observations::ObservationArgs;
use super::tilt::TiltArgs;
use crate::choice::ChoiceArgs;
use crate::device::DeviceOptions;
use crate::options::RunOptions;
use crate::{Ending, bad_input, refused, threads};

/// Make an ensemble of finer fields under coarse ones.
///
/// By a model, or by a method that needs no training. The means over coarse cells are the input's. Models answer at
/// factors that are no whole numbers too, and the same seed is the same weather on every grid.
///
/// Example: langevin climate downscale --input coarse.nc --factor 8 --members 16 --out fine.nc
#[derive(Debug, clap::Args)]
pub struct DownscaleArgs {
    #[command(flatten)]
    fields: FieldArgs,
    /// Model file, run directory that holds one, or the name of a model that is part of the program.
    #[arg(long, default_value = "mrms")]
    model: PathBuf,
    /// Instead of a model: nearest, bilinear, bicubic, bilinear+add, bilinear+multiply, climatology,
    /// quantile-mapping, rainfarm.
    #[arg(long, value_name = "NAME", conflicts_with = "model")]
    method: Option<Baseline>,
    /// For climatology and quantile-mapping: a file with fine fields, all of whose steps they know.
    #[arg(long, value_name = "FILE", requires = "method")]
    reference: Option<PathBuf>,
    /// Edges of cells are cut into so many; for models it may be no whole number.
    #[arg(long, value_name = "F", value_parser = factor)]
    factor: f64,
    /// Members of the ensemble, for models and methods that draw.
    #[arg(long, default_value = "1", value_parser = crate::options::positive)]
    members: NonZeroUsize,
    /// Same seed and method: same fields.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// For models: what the input is multiplied by to be in the model's unit, where the file's unit does not say.
    #[arg(long, value_name = "X", conflicts_with = "method", value_parser = positive)]
    scale: Option<f64>,
    #[command(flatten)]
    observations: ObservationArgs,
    #[command(flatten)]
    tilt: TiltArgs,
    #[command(flatten)]
    choice: ChoiceArgs,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    options: RunOptions,
}

fn factor(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x: &f64| (1.0..=64.0).contains(x) && *x > 1.0);
    number.ok_or_else(|| "allowed: above 1, at most 64".into())
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x: &f64| *x > 0.0 && x.is_finite());
    number.ok_or_else(|| "allowed: a positive number".into())
}

impl DownscaleArgs {
    /// Reads, downscales and writes, frame by frame.
    ///
    /// # Errors
    /// A file that cannot be read or written; a field that does not fit the method or the model.
    pub fn run(self) -> Result<Ending> {
        let pool = threads::pool(self.options.threads)?;
        let fields = &self.fields;
        let (source, field) = fields.open()?;
        let steps = fields.steps(&field)?;
        if field.members > 1 {
            let (name, found) = (&field.name, field.members);
            return refused(format!("{name}: found an ensemble of {found}, allowed: one member"));
        }
        let maker = self.maker(&source, &field)?;
        let members = self.members.get();
        if members > 1 && !maker.is_random() {
            return refused(
                "--members: found more than 1, allowed: 1 for a method that does not draw",
            );
        }
        let target = field.grid.refined(self.factor);
        let of_members = maker.is_random().then_some(members);
        fields.check_outputs(of_members)?;
        // The members of a step follow each other: it is read once.
        let mut last: Option<(usize, Array2<f32>)> = None;
        let frames = |time: usize, members: &[usize]| -> Result<Vec<Array2<f32>>, FillError> {
            if last.as_ref().is_none_or(|(other, _)| *other != time) {
                last = Some((time, coarse(&source, &field, time, maker.needs_amounts())?));
            }
            let (_, coarse) = last.as_ref().expect("it was just set");
            let member = |&member: &usize| maker.member(coarse.view(), (time, member));
            Ok(pool.install(|| {
                members.par_iter().with_max_len(1).map(member).collect::<Result<_>>()
            })?)
        };
        let provenance = self.provenance(&maker);
        let job = Job { what: "downscale", steps, members: of_members, grid: target, provenance };
        fields.write((&source, &field), job, &self.options, frames)?;
        if let Maker::Model(generator) = &maker
            && let Some(told) = generator.told()?
        {
            println!("{told}");
        }
        Ok(Ending::Done)
    }

    /// Who makes the fields.
    fn maker(&self, source: &GridFile, field: &FieldSource) -> Result<Maker> {
        let seed = Seed(self.seed);
        let Some(method) = self.method else {
            let device = self.device.open()?;
            let wanted = Wanted {
                model: &self.model,
                device: &device,
                choice: &self.choice,
                factor: self.factor,
                seed,
                scale: self.scale,
                observations: &self.observations,
                tilt: &self.tilt,
                force: self.fields.force,
            };
            return Ok(Maker::Model(Box::new(Generator::new(&wanted, source, field)?)));
        };
        if self.factor.fract() != 0.0 {
            let factor = self.factor;
            return refused(format!(
                "--factor: found {factor}, allowed: a whole number for a method without training"
            ));
        }
        let reference = self.reference(method, field)?;
        Ok(Maker::baseline(method, &field.grid, self.factor as usize, reference, seed))
    }

    /// What a method knows beforehand.
    fn reference(&self, method: Baseline, field: &FieldSource) -> Result<Option<Reference>> {
        let Some(path) = self.reference.as_ref().filter(|_| method.needs_reference()) else {
            if method.needs_reference() || self.reference.is_some() {
                return refused(
                    "--reference: needed for climatology and quantile-mapping, and for nothing else",
                );
            }
            return Ok(None);
        };
        let file = GridFile::open(path).map_err(bad_input)?;
        let own = file.field(self.fields.variable.as_deref()).map_err(bad_input)?;
        let fine = field.grid.refined(self.factor);
        let mut gathering = Gathering::new(&own.grid, &field.grid, &fine);
        for place in (0..own.times).flat_map(|t| (0..own.members).map(move |m| (t, m))) {
            gathering.add(file.frame(&own, place).map_err(bad_input)?.view());
        }
        match gathering.finish() {
            Some(reference) => Ok(Some(reference)),
            None => {
                let path = path.display();
                refused(format!("{path}: found no values where the fields are, allowed: some"))
            }
        }
    }

    /// What the output says of how it was made.
    fn provenance(&self, maker: &Maker) -> Vec<(String, String)> {
        let who = match maker {
            Maker::Baseline { baseline, .. } => {
                let named = Baseline::ALL.iter().find(|(_, own)| own == baseline);
                ("langevin_method", named.expect("all are listed").0.to_owned())
            }
            Maker::Model(generator) => ("langevin_model_sha256", generator.hash.clone()),
        };
        let all = [
            who,
            ("langevin_factor", self.factor.to_string()),
            ("langevin_seed", self.seed.to_string()),
        ];
        all.map(|(key, value)| (key.to_owned(), value)).to_vec()
    }
}

/// The coarse field at a step, checked.
fn coarse(
    source: &GridFile,
    field: &FieldSource,
    time: usize,
    amounts: bool,
) -> Result<Array2<f32>, FillError> {
    let coarse = source.frame(field, (time, 0))?;
    let (path, variable, frame) = (source.path(), &field.name, time + 1);
    if coarse.iter().all(|x| x.is_nan()) {
        let (path, variable) = (path.into(), variable.clone());
        return Err(GridFileError::AllMissing { path, variable, frame }.into());
    }
    if amounts && let Some(((row, column), value)) = coarse.indexed_iter().find(|(_, x)| **x < 0.0)
    {
        let (path, row, column) = (path.display(), row + 1, column + 1);
        return Err(refused::<()>(format!(
            "{path}, variable {variable}, frame {frame}, row {row}, column {column}: found {value}, allowed: 0 or more \
             for this method"
        ))
        .expect_err("it was just refused")
        .into());
    }
    Ok(coarse)
}
