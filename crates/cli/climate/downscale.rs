//! `langevin climate downscale`.

use std::num::NonZeroUsize;

use anyhow::Result;
use candle_core::{DType, Device};
use langevin_climate::baselines::{Baseline, Downscaler};
use langevin_core::{Purpose, Rng, SampleId, Seed};
use langevin_datasets::{FieldSource, GridFile, GridFileError};
use ndarray::Array2;

use super::frames::{FieldArgs, FillError, Job, refuse_same};
use crate::options::RunOptions;
use crate::{Ending, refuse_existing, refused, threads};

/// Make an ensemble of finer fields under coarse ones.
///
/// Example: langevin climate downscale --input coarse.nc --method rainfarm --factor 8 --members 16 --out fine.nc
#[derive(Debug, clap::Args)]
pub struct DownscaleArgs {
    #[command(flatten)]
    fields: FieldArgs,
    /// nearest, bilinear, bicubic, bilinear+add, bilinear+multiply, rainfarm.
    #[arg(long, value_name = "NAME")]
    method: Baseline,
    /// Edges of cells are cut into so many.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=64))]
    factor: u32,
    /// Members of the ensemble, for methods that draw.
    #[arg(long, default_value = "1")]
    members: NonZeroUsize,
    /// Same seed and method: same fields.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    options: RunOptions,
}

impl DownscaleArgs {
    /// Reads, downscales and writes, frame by frame.
    ///
    /// # Errors
    /// A file that cannot be read or written; a field that does not fit the method.
    pub fn run(self) -> Result<Ending> {
        let pool = threads::pool(self.options.threads)?;
        let fields = &self.fields;
        refuse_existing(&fields.out, fields.force)?;
        refuse_same(&fields.input, &fields.out)?;
        let (source, field) = fields.open()?;
        let steps = fields.steps(&field)?;
        let members = self.members.get();
        if members > 1 && !self.method.is_random() {
            return refused(
                "--members: found more than 1, allowed: 1 for a method that does not draw",
            );
        }
        if field.members > 1 {
            let (name, found) = (&field.name, field.members);
            return refused(format!("{name}: found an ensemble of {found}, allowed: one member"));
        }
        let target = field.grid.refined(f64::from(self.factor));
        let method = Baseline::ALL.iter().find(|(_, own)| *own == self.method);
        let provenance = [
            ("langevin_method", method.expect("all are listed").0.to_owned()),
            ("langevin_factor", self.factor.to_string()),
            ("langevin_seed", self.seed.to_string()),
        ];
        let provenance = provenance.map(|(key, value)| (key.to_owned(), value)).to_vec();
        let of_members = self.method.is_random().then_some(members);
        let downscaler = Downscaler::new(self.method, &field.grid, self.factor as usize);
        let shape = target.shape();
        // The members of a step follow each other: it is read once.
        let mut last: Option<(usize, Array2<f32>)> = None;
        let frame = |time, member| {
            if last.as_ref().is_none_or(|(other, _)| *other != time) {
                last = Some((time, self.coarse(&source, &field, time)?));
            }
            let (_, coarse) = last.as_ref().expect("it was just set");
            Ok(downscaler.member(coarse.view(), || self.white(shape, time, member)))
        };
        let job = Job { what: "downscale", steps, members: of_members, grid: target, provenance };
        pool.in_place_scope(|_| fields.write((&source, &field), job, &self.options, frame))?;
        Ok(Ending::Done)
    }

    /// The coarse field at a step, checked.
    fn coarse(
        &self,
        source: &GridFile,
        field: &FieldSource,
        time: usize,
    ) -> Result<Array2<f32>, FillError> {
        let coarse = source.frame(field, (time, 0))?;
        let (path, variable, frame) = (source.path(), &field.name, time + 1);
        if coarse.iter().all(|x| x.is_nan()) {
            let (path, variable) = (path.into(), variable.clone());
            return Err(GridFileError::AllMissing { path, variable, frame }.into());
        }
        if self.method.needs_amounts()
            && let Some(((row, column), value)) = coarse.indexed_iter().find(|(_, x)| **x < 0.0)
        {
            let (path, row, column) = (path.display(), row + 1, column + 1);
            return Err(refused::<()>(format!(
                "{path}, variable {variable}, frame {frame}, row {row}, column {column}: found {value}, allowed: 0 or \
                 more for this method"
            ))
            .expect_err("it was just refused")
            .into());
        }
        Ok(coarse)
    }

    /// Standard normal numbers for the cells of a member at a step: its own, whatever else is made.
    fn white(&self, shape: (usize, usize), time: usize, member: usize) -> Array2<f64> {
        let id = SampleId(member as u64);
        let mut rng = Rng::new(Seed(self.seed), Purpose::Sampling, vec![id], time as u32);
        let drawn = rng.normal(&[shape.0, shape.1], DType::F64, &Device::Cpu);
        let numbers = drawn.and_then(|drawn| Ok(drawn.flatten_all()?.to_vec1::<f64>()?));
        let numbers = numbers.expect("normal numbers have no reason to fail");
        Array2::from_shape_vec(shape, numbers).expect("as many as cells")
    }
}
