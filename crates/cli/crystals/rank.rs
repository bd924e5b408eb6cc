//! `langevin crystals rank`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use langevin_crystals::matcher::Matcher;
use langevin_crystals::record::Crystal;
use langevin_datasets::write_crystals;
use langevin_report::table::{Cell, Column, Table};
use langevin_train::write_whole;
use langevin_uq::calibration::{Isotonic, expected_calibration_error, reliability};
use rayon::prelude::*;

use super::candidates::{Calibration, Group, Hits};
use super::read;
use crate::options::RunOptions;
use crate::{Ending, bad_input, prepare_target, refused, threads};

/// Order candidate structures of each composition, with a confidence.
///
/// First comes what most of them agree on, with the confidence that it is the real one.
///
/// With --against, the first ones are held against real structures: how often they match, beside how often any
/// candidate does, and how far confidences are from that. --calibrate learns confidences from these.
///
/// Example: langevin crystals rank candidates.extxyz --candidates 20 --calibration mp20.json --out ranked.cif
#[derive(Debug, clap::Args)]
pub struct RankArgs {
    /// Crystals: .cif, .vasp, POSCAR, .xyz, .extxyz, .csv with a column cif (each also .gz).
    file: PathBuf,
    /// Candidates for each composition, one after the other.
    #[arg(long, value_name = "K", value_parser = crate::options::positive)]
    candidates: NonZeroUsize,
    /// Confidences by an earlier --calibrate with as many candidates of the same method.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
    /// Real structures, one for each composition.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Learn confidences from --against, and write them to this file.
    #[arg(long, value_name = "FILE", requires = "against", conflicts_with = "calibration")]
    calibrate: Option<PathBuf>,
    /// Write the candidates in their order, with labels support (the part of the candidates that are the same structure),
    /// cluster (the place of the first of these) and, if calibrated, confidence.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Of each composition, write so many.
    #[arg(long, value_name = "N", requires = "out", value_parser = crate::options::positive)]
    keep: Option<NonZeroUsize>,
    /// The numbers as JSON, with the reliability diagram.
    #[arg(long, requires = "against")]
    json: Option<PathBuf>,
    /// Replace output files that exist.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    options: RunOptions,
}

/// Classes of the reliability diagram.
const BINS: usize = 10;

impl RankArgs {
    /// Reads, orders, compares and writes.
    ///
    /// # Errors
    /// A file that cannot be read or written; numbers that do not fit.
    pub fn run(self) -> Result<Ending> {
        let pool = threads::pool(self.options.threads)?;
        for out in [&self.out, &self.json, &self.calibrate].into_iter().flatten() {
            prepare_target(out, self.force)?;
        }
        if self.out.is_none() && self.against.is_none() {
            return refused("needed: --out, or --against to compare with");
        }
        let count = self.candidates.get();
        let calibration = self.calibration.as_deref().map(|path| calibration(path, count));
        let mut confidence = calibration.transpose()?.map(|calibration| calibration.confidence);
        let crystals = read(&self.file, false)?;
        if crystals.len() % count != 0 {
            let (path, found) = (self.file.display(), crystals.len());
            return refused(format!(
                "{path}: found {found} crystals, allowed: a multiple of --candidates {count}"
            ));
        }
        if let Some(out) = &self.out {
            let written =
                crystals.len() / count * self.keep.map_or(count, |keep| count.min(keep.get()));
            langevin_datasets::check_crystal_target(out, written).map_err(bad_input)?;
        }
        let matcher = Matcher::prediction();
        let groups: Vec<Group> = pool.install(|| {
            crystals.par_chunks(count).map(|chunk| Group::of(&matcher, chunk)).collect()
        });
        if let Some(path) = &self.against {
            let references = read(path, false)?;
            if references.len() != groups.len() {
                let (path, found, of) = (path.display(), references.len(), groups.len());
                return refused(format!(
                    "{path}: found {found} crystals, allowed: {of}, one for each composition"
                ));
            }
            let hits: Vec<Hits> = pool.install(|| {
                let pairs = groups.par_iter().zip(&references);
                pairs.map(|(group, reference)| Hits::of(&matcher, group, reference)).collect()
            });
            if let Some(out) = &self.calibrate {
                let calibration = Calibration::learnt(&groups, &hits, count, None)?;
                write_whole(out, serde_json::to_string_pretty(&calibration)?.as_bytes())?;
                confidence = Some(calibration.confidence);
            }
            self.report(&groups, &hits, confidence.as_ref())?;
        }
        if let Some(out) = &self.out {
            self.write(out, groups, confidence.as_ref())?;
        }
        Ok(Ending::Done)
    }

    fn report(&self, groups: &[Group], hits: &[Hits], confidence: Option<&Isotonic>) -> Result<()> {
        let mean = |of: &dyn Fn(&Hits) -> f64| hits.iter().map(of).sum::<f64>() / hits.len() as f64;
        let first = |hits: &Hits| f64::from(u8::from(hits.0[0].is_some()));
        let matched: Vec<f64> = hits.iter().filter_map(|hits| hits.0[0]).collect();
        let single = |hits: &Hits| hits.0.iter().flatten().count() as f64 / hits.0.len() as f64;
        let any = |hits: &Hits| f64::from(u8::from(hits.0.iter().any(Option::is_some)));
        let mut numbers = vec![
            ("match rate of the first", mean(&first)),
            ("RMSE of the first", matched.iter().sum::<f64>() / matched.len() as f64),
            ("match rate of one at random", mean(&single)),
            ("match rate of the best", mean(&any)),
        ];
        let mut diagram = Vec::new();
        if let Some(confidence) = confidence {
            let said: Vec<f64> =
                groups.iter().map(|group| confidence.at(group.supports[0])).collect();
            let outcomes: Vec<bool> = hits.iter().map(|hits| hits.0[0].is_some()).collect();
            diagram = reliability(&said, &outcomes, BINS)?;
            numbers.push(("mean confidence", said.iter().sum::<f64>() / said.len() as f64));
            let name = match self.calibrate {
                Some(_) => "expected calibration error on what was learnt from",
                None => "expected calibration error",
            };
            numbers.push((name, expected_calibration_error(&diagram)));
        }
        if !self.options.quiet {
            let mut table = Table::new([Column::text("metric"), Column::number("value")]);
            for (name, value) in &numbers {
                table.push([Cell::text(*name), Cell::Number(*value)])?;
            }
            print!("{}", table.to_text());
        }
        if let Some(path) = &self.json {
            let metrics: serde_json::Map<String, serde_json::Value> =
                numbers.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
            let json = serde_json::json!({
                "generated_by": concat!("langevin ", env!("CARGO_PKG_VERSION")),
                "file": self.file, "against": self.against, "candidates": self.candidates,
                "metrics": metrics, "reliability": diagram,
            });
            write_whole(path, serde_json::to_string_pretty(&json)?.as_bytes())?;
        }
        Ok(())
    }

    fn write(&self, out: &Path, groups: Vec<Group>, confidence: Option<&Isotonic>) -> Result<()> {
        let keep = self.keep.map_or(usize::MAX, NonZeroUsize::get);
        let all = groups.into_iter().flat_map(|group| group.labelled(keep, confidence));
        let all: Vec<Crystal> = all.collect();
        let program = concat!("langevin ", env!("CARGO_PKG_VERSION"), ", from ").to_string();
        let provenance = [("ranked_by".to_string(), program + &self.file.to_string_lossy())];
        write_crystals(out, &all, &provenance, self.force).map_err(bad_input)?;
        if !self.options.quiet {
            println!("{}: {} crystals", out.display(), all.len());
        }
        Ok(())
    }
}

fn calibration(path: &Path, candidates: usize) -> Result<Calibration> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read {}", path.display()))
        .map_err(bad_input)?;
    let shown = path.display();
    let calibration: Calibration =
        serde_json::from_str(&text).map_err(|error| bad_input(anyhow!("{shown}: {error}")))?;
    if calibration.candidates != candidates {
        let found = calibration.candidates;
        return refused(format!(
            "{shown}: found {found} candidates, allowed: {candidates}, as --candidates"
        ));
    }
    Ok(calibration)
}
