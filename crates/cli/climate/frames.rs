//! Fields of files, frame by frame.

use std::path::{Path, PathBuf};

use anyhow::Result;
use langevin_climate::grid::Grid;
use langevin_datasets::{
    FieldSource, GridFile, GridFileError, GridWriter, WriteOptions, write_grid,
};
use ndarray::Array2;

use super::history;
use crate::options::RunOptions;
use crate::progress::Progress;
use crate::{bad_input, refused};

/// Options of commands that read a field and write one.
#[derive(Debug, Clone, clap::Args)]
pub struct FieldArgs {
    /// NetCDF file with the fields.
    #[arg(long, value_name = "FILE")]
    pub input: PathBuf,
    /// Variable; without it the only one on a grid.
    #[arg(long, value_name = "NAME")]
    pub variable: Option<String>,
    /// Steps of time: 3, or the range 1..24; counted from 1. Without it, all.
    #[arg(long, value_name = "N|FIRST..LAST")]
    pub times: Option<crate::size_range::SizeRange>,
    /// Output file, NetCDF-4.
    #[arg(long)]
    pub out: PathBuf,
    /// Level of compression, 0 to 9.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(i32).range(0..=9))]
    pub deflate: i32,
    /// Replace the output file if it exists.
    #[arg(long)]
    pub force: bool,
}

impl FieldArgs {
    /// The file and its field.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn open(&self) -> Result<(GridFile, FieldSource)> {
        let file = GridFile::open(&self.input).map_err(bad_input)?;
        let field = file.field(self.variable.as_deref()).map_err(bad_input)?;
        Ok((file, field))
    }

    /// The steps that are asked for, from 0.
    ///
    /// # Errors
    /// If the field does not have them.
    pub fn steps(&self, field: &FieldSource) -> Result<Vec<usize>> {
        let Some(range) = self.times else { return Ok((0..field.times).collect()) };
        let steps: Vec<usize> = (0..field.times).filter(|step| range.holds(step + 1)).collect();
        let crate::size_range::SizeRange(first, last) = range;
        if first == 0 || last > field.times {
            let times = field.times;
            return refused(format!("--times: found {first}..{last}, allowed: 1..{times}"));
        }
        Ok(steps)
    }

    /// Writes the output, on the grid of `job`, with the frame that `frame` makes for each step and member.
    ///
    /// # Errors
    /// What it could not read, make or write; nothing half-written is left.
    pub fn write(
        &self,
        (source, field): (&GridFile, &FieldSource),
        job: Job,
        options: &RunOptions,
        mut frame: impl FnMut(usize, usize) -> Result<Array2<f32>, FillError>,
    ) -> Result<()> {
        let Job { what, steps, members, grid, provenance } = job;
        let count = members.unwrap_or(1);
        let total = (steps.len() * count) as u64;
        let mut progress = Progress::new(what, total, 0, options.quiet);
        let (deflate, history) = (self.deflate, history::line());
        let written = WriteOptions { members, times: steps.clone(), deflate, history, provenance };
        let fill = |writer: &mut GridWriter| -> Result<(), FillError> {
            for (k, &time) in steps.iter().enumerate() {
                for member in 0..count {
                    writer.put((k, member), &frame(time, member)?)?;
                    progress.at((k * count + member + 1) as u64, "");
                }
            }
            Ok(())
        };
        write_grid(&self.out, self.force, (source, field), &grid, &written, fill).map_err(ended)?;
        progress.finish();
        if !options.quiet {
            let (out, (rows, columns)) = (self.out.display(), grid.shape());
            println!("{out}: {total} fields of {rows} by {columns}");
        }
        Ok(())
    }
}

/// What a command writes.
pub struct Job {
    /// Its name, for progress.
    pub what: &'static str,
    /// Steps of the source, from 0.
    pub steps: Vec<usize>,
    /// Members, where the output is an ensemble.
    pub members: Option<usize>,
    /// Of the output.
    pub grid: Grid,
    /// Attributes that tell where it comes from.
    pub provenance: Vec<(String, String)>,
}

/// What went wrong while a file was filled: with files, or with what fills it.
#[derive(Debug, thiserror::Error)]
pub enum FillError {
    /// With a file.
    #[error(transparent)]
    File(#[from] GridFileError),
    /// With the output file.
    #[error(transparent)]
    Write(#[from] langevin_files::WriteError),
    /// The caller's to mend.
    #[error(transparent)]
    Input(#[from] anyhow::Error),
}

/// The error of a command.
fn ended(error: FillError) -> anyhow::Error {
    match error {
        FillError::File(
            error @ (GridFileError::Read { .. } | GridFileError::AllMissing { .. }),
        ) => bad_input(error),
        FillError::Input(error) => error,
        other => other.into(),
    }
}

/// Refuses an input that would be overwritten by the output.
pub fn refuse_same(input: &Path, out: &Path) -> Result<()> {
    let same = |a: &Path, b: &Path| {
        a.canonicalize().ok().is_some_and(|a| b.canonicalize().ok() == Some(a))
    };
    if same(input, out) {
        return refused(format!(
            "--out: found the input {}, allowed: another file",
            input.display()
        ));
    }
    Ok(())
}
