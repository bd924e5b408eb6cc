//! The molecules of several files, one after the other, each with its place among all frames.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use langevin_datasets::read_molecules;
use langevin_molecules::record::Molecule;
use serde::Serialize;

use crate::bad_input;

/// A molecule and where it comes from.
pub struct Frame {
    pub molecule: Molecule,
    /// Place among the frames of all files, from 0; frames that were left out keep theirs.
    pub place: usize,
}

/// What a file gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    pub file: PathBuf,
    pub molecules: usize,
    pub skipped: usize,
}

/// The frames of `files` in their order.
///
/// # Errors
/// A file that cannot be read or holds no molecule; unless `skip_bad`, a frame that holds none, with its
/// file and line.
pub fn read(files: &[PathBuf], skip_bad: bool) -> Result<(Vec<Frame>, Vec<Source>)> {
    let (mut frames, mut sources, mut before) = (Vec::new(), Vec::new(), 0);
    for path in files {
        let read = read_molecules(path, skip_bad).map_err(bad_input)?;
        let skipped: HashSet<usize> = read.skipped.iter().map(|bad| bad.frame).collect();
        if let Some(first) = read.skipped.first() {
            let (count, path) = (read.skipped.len(), path.display());
            eprintln!("warning: {path}: {count} frames are left out; the first: {first}");
        }
        let (molecules, all) = (read.molecules.len(), read.molecules.len() + read.skipped.len());
        let places = (1..=all).filter(|number| !skipped.contains(number));
        let places = places.map(|number| before + number - 1);
        let both = read.molecules.into_iter().zip(places);
        frames.extend(both.map(|(molecule, place)| Frame { molecule, place }));
        before += all;
        let skipped = read.skipped.len();
        sources.push(Source { file: Path::to_path_buf(path), molecules, skipped });
    }
    Ok((frames, sources))
}

/// Number of frames of `sources`, those left out included.
pub fn total(sources: &[Source]) -> usize {
    sources.iter().map(|source| source.molecules + source.skipped).sum()
}
