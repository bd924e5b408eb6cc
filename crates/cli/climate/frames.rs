//! Fields of files, frame by frame.

use std::path::{Path, PathBuf};

use anyhow::Result;
use langevin_climate::grid::Grid;
use langevin_datasets::{
    FieldSource, GridFile, GridFileError, GridWriter, WriteOptions, write_grid,
};
use ndarray::Array2;

use super::history;
use super::partial::Partial;
use crate::options::RunOptions;
use crate::progress::Progress;
use crate::{bad_input, prepare_target, refused};

/// Cells of fields that are made side by side, at most.
const SIDE_BY_SIDE: usize = 1 << 20;

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
    /// A file for each member, OUT_r1i1p1f1.nc and so on, instead of a dimension.
    #[arg(long)]
    pub split_members: bool,
    /// Keep finished fields in OUT.partial until all are, and go on with those that are there.
    #[arg(long)]
    pub resume: bool,
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

    /// Files that are written, and the members in each.
    fn files(&self, members: Option<usize>) -> Vec<(PathBuf, std::ops::Range<usize>)> {
        let count = members.unwrap_or(1);
        if !self.split_members {
            return vec![(self.out.clone(), 0..count)];
        }
        let name = self.out.file_stem().unwrap_or_default().to_string_lossy();
        let ending = self.out.extension().map_or("nc".into(), |text| text.to_string_lossy());
        let of = |m: usize| self.out.with_file_name(format!("{name}_r{}i1p1f1.{ending}", m + 1));
        (0..count).map(|m| (of(m), m..m + 1)).collect()
    }

    /// Refuses an output that stands in the way, or is the input.
    ///
    /// # Errors
    /// Bad input.
    pub fn check_outputs(&self, members: Option<usize>) -> Result<()> {
        for (path, _) in self.files(members) {
            prepare_target(&path, self.force)?;
            refuse_same(&self.input, &path)?;
        }
        Ok(())
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

    /// Writes the output, on the grid of `job`, with the frames that `frames` makes for a step and some members.
    ///
    /// # Errors
    /// What it could not read, make or write; nothing half-written is left.
    pub fn write(
        &self,
        (source, field): (&GridFile, &FieldSource),
        job: Job,
        options: &RunOptions,
        mut frames: impl FnMut(usize, &[usize]) -> Result<Vec<Array2<f32>>, FillError>,
    ) -> Result<()> {
        let (steps, count, shape) = (&job.steps, job.members.unwrap_or(1), job.grid.shape());
        let total = (steps.len() * count) as u64;
        let mut progress = Progress::new(job.what, total, 0, options.quiet);
        let partial =
            self.resume.then(|| Partial::open(&self.out, &self.told(&job)?)).transpose()?;
        let mut made = |time: usize, members: &[usize]| match &partial {
            None => frames(time, members),
            Some(partial) => partial.completed(time, members, shape, &mut frames),
        };
        // Small fields are made side by side, large ones one after the other: memory does not grow with their number.
        let group = (SIDE_BY_SIDE / (shape.0 * shape.1).max(1)).clamp(1, 64);
        let mut done = 0;
        for (path, own) in self.files(job.members) {
            let fill = |writer: &mut GridWriter| -> Result<(), FillError> {
                for (k, &time) in steps.iter().enumerate() {
                    for members in own.clone().collect::<Vec<_>>().chunks(group) {
                        for (member, field) in members.iter().zip(made(time, members)?) {
                            writer.put((k, member - own.start), &field)?;
                            done += 1;
                            progress.at(done, "");
                        }
                    }
                }
                Ok(())
            };
            let written = self.written(&job, own.start);
            write_grid(&path, self.force, (source, field), &job.grid, &written, fill)
                .map_err(ended)?;
        }
        progress.finish();
        if let Some(partial) = partial {
            partial.finish();
        }
        if !options.quiet {
            let (out, (rows, columns)) = (self.out.display(), shape);
            println!("{out}: {total} fields of {rows} by {columns}");
        }
        Ok(())
    }

    /// How the file whose first member is `first` is written.
    fn written(&self, job: &Job, first: usize) -> WriteOptions {
        let mut provenance = job.provenance.clone();
        if self.split_members {
            provenance.push(("realization_index".into(), (first + 1).to_string()));
        }
        let members = job.members.filter(|_| !self.split_members);
        let (times, deflate) = (job.steps.clone(), self.deflate);
        WriteOptions { members, times, deflate, history: history::line(), provenance }
    }

    /// What is made, for a run that goes on later: the input as it is, steps and options.
    fn told(&self, job: &Job) -> Result<String> {
        let input = std::fs::metadata(&self.input).map_err(bad_input)?;
        let modified =
            input.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        Ok(serde_json::to_string(&serde_json::json!({
            "command": job.what,
            "input": self.input,
            "bytes": input.len(),
            "modified": modified.map(|since| since.as_secs()),
            "variable": self.variable,
            "cells": job.grid.shape(),
            "options": job.provenance,
        }))?)
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
fn refuse_same(input: &Path, out: &Path) -> Result<()> {
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
