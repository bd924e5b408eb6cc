//! Fields of files, frame by frame.

use std::path::{Path, PathBuf};

use anyhow::Result;
use langevin_datasets::{FieldSource, GridFile, GridFileError, WriteOptions};

use super::history;
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

    /// How the field is written.
    pub fn options(
        &self,
        times: Vec<usize>,
        members: Option<usize>,
        provenance: Vec<(String, String)>,
    ) -> WriteOptions {
        WriteOptions { members, times, deflate: self.deflate, history: history::line(), provenance }
    }
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
pub fn ended(error: FillError) -> anyhow::Error {
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
