//! `langevin climate regrid`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use langevin_climate::grid::Grid;
use langevin_climate::regrid::Regridder;
use langevin_climate::weights::Rule;
use langevin_datasets::GridFile;

use super::frames::{FieldArgs, Job};
use crate::options::RunOptions;
use crate::{Ending, bad_input, refused, threads};

/// Bring fields to another grid.
///
/// Conservative means are weighted by the areas of cells on the sphere; of a cell that is known in part, they are over
/// that part, if it is large enough.
///
/// Example: langevin climate regrid --input fine.nc --coarsen 8 --out coarse.nc
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("target").required(true)))]
pub struct RegridArgs {
    #[command(flatten)]
    fields: FieldArgs,
    /// File whose grid is the target.
    #[arg(long, value_name = "FILE", group = "target")]
    like: Option<PathBuf>,
    /// Blocks of N by N cells become one.
    #[arg(long, value_name = "N", group = "target", value_parser = crate::options::positive)]
    coarsen: Option<NonZeroUsize>,
    /// Edges of cells are cut into F, which may be no whole number.
    #[arg(long, value_name = "F", group = "target", value_parser = factor)]
    refine: Option<f64>,
    /// How cells are filled.
    #[arg(long, value_enum, default_value_t)]
    method: Method,
    /// Part of a cell that must be known, for conservative means.
    #[arg(long, value_name = "PART", default_value_t = 1.0, value_parser = part)]
    tolerance: f64,
    #[command(flatten)]
    options: RunOptions,
}

/// How cells are filled, on the command line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Method {
    /// Means over what each cell shares with the source's, by area.
    #[default]
    Conservative,
    /// Between the nearest centres.
    Bilinear,
    /// The nearest centre.
    Nearest,
    /// Keys's cubic between centres.
    Bicubic,
}

fn factor(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x: &f64| (0.01..=1000.0).contains(x));
    number.ok_or_else(|| "allowed: 0.01 to 1000".into())
}

fn part(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x: &f64| *x > 0.0 && *x <= 1.0);
    number.ok_or_else(|| "allowed: above 0, at most 1".into())
}

impl RegridArgs {
    /// Reads, regrids and writes, frame by frame.
    ///
    /// # Errors
    /// A file that cannot be read or written; a grid that does not fit.
    pub fn run(self) -> Result<Ending> {
        let pool = threads::pool(self.options.threads)?;
        let fields = &self.fields;
        let (source, field) = fields.open()?;
        let steps = fields.steps(&field)?;
        let target = self.target(&field.grid)?;
        let rule = match self.method {
            Method::Conservative => Rule::Conservative,
            Method::Bilinear => Rule::Bilinear,
            Method::Nearest => Rule::Nearest,
            Method::Bicubic => Rule::Bicubic,
        };
        let regridder = Regridder::new(&field.grid, &target, rule, self.tolerance);
        let members = (field.members > 1).then_some(field.members);
        fields.check_outputs(members)?;
        let method = clap::ValueEnum::to_possible_value(&self.method).expect("all have names");
        let provenance = vec![
            ("langevin_method".to_owned(), method.get_name().to_owned()),
            ("langevin_tolerance".to_owned(), self.tolerance.to_string()),
        ];
        let job = Job { what: "regrid", steps, members, grid: target, provenance };
        let frames = |time: usize, members: &[usize]| {
            let one =
                |&member: &usize| Ok(regridder.apply(source.frame(&field, (time, member))?.view()));
            members.iter().map(one).collect()
        };
        // The writer is not shared between threads, and the pool is that of the matrices.
        pool.in_place_scope(|_| fields.write((&source, &field), job, &self.options, frames))?;
        Ok(Ending::Done)
    }

    fn target(&self, own: &Grid) -> Result<Grid> {
        if let Some(factor) = self.coarsen {
            let shown = self.fields.input.display();
            return own
                .coarsened(factor.get())
                .map_err(|error| bad_input(anyhow!("{shown}, --coarsen: {error}")));
        }
        if let Some(factor) = self.refine {
            return Ok(own.refined(factor));
        }
        let path = self.like.as_ref().expect("one of the three is required");
        let file = GridFile::open(path).map_err(bad_input)?;
        let Some(first) = file.fields().into_iter().next() else {
            return refused(format!("{}: found no field on a grid", path.display()));
        };
        Ok(file.field(Some(&first)).map_err(bad_input)?.grid)
    }
}
