//! `langevin molecules sample`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use langevin_core::Seed;
use langevin_datasets::write_molecules;
use langevin_molecules::perception::perceive;
use langevin_molecules::record::Molecule;

use super::draws::{Drawn, Draws};
use super::experiment::MoleculesExperiment;
use super::prediction::Judge;
use super::request::{Request, RequestArgs};
use super::shipped;
use crate::choice::ChoiceArgs;
use crate::device::DeviceOptions;
use crate::options::RunOptions;
use crate::progress::SharedProgress;
use crate::{Ending, bad_input, prepare_target, refused, threads};

/// A trained model of molecules.
pub type Trained = crate::trained::Trained<MoleculesExperiment>;

/// Draw molecules from a trained model.
///
/// Example: langevin molecules sample --count 100 --out molecules.sdf
#[derive(Debug, clap::Args)]
pub struct SampleArgs {
    /// Model file, run directory that holds one, or the name of a model that is part of the program.
    #[arg(default_value = "qm9")]
    model: PathBuf,
    /// Number of molecules; 100 if it is left out.
    #[arg(long, conflicts_with = "each")]
    count: Option<usize>,
    /// Output file; its extension picks the format: .extxyz, .xyz, .sdf (with bonds), each also .gz, .h5.
    #[arg(long)]
    out: PathBuf,
    /// Same seed and model: same molecules, whatever the threads and the batch.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Molecules computed together.
    #[arg(long, default_value_t = 32)]
    batch: usize,
    /// Draw again, up to so many times (10 if no number is given), what is not one molecule with a closed shell by
    /// the bonds perceived; what never is one is left out.
    #[arg(long, value_name = "TIMES", num_args = 0..=1, default_missing_value = "10")]
    closed_shell: Option<u64>,
    /// Draw so many for each molecule, all of one size and composition where that is given, and keep the one whose
    /// properties, by --judge, are nearest to those asked for.
    #[arg(long, value_name = "N", value_parser = crate::options::positive)]
    candidates: Option<NonZeroUsize>,
    /// Model of properties that chooses among the candidates: a file, a run directory, or the name of one that is
    /// part of the program.
    #[arg(long, value_name = "MODEL", default_value = "qm9_properties", requires = "candidates")]
    judge: PathBuf,
    /// Replace the output file if it exists.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    choice: ChoiceArgs,
    #[command(flatten)]
    request: RequestArgs,
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
        langevin_datasets::check_molecule_target(&self.out).map_err(bad_input)?;
        let (mut trained, hash) = shipped::read(&self.model, &self.device.open()?)?;
        self.choice.apply(&mut trained)?;
        let request = self.request.plan(&trained)?;
        let judge = self.judge(&trained, &request)?;
        let candidates = self.candidates.map_or(1, NonZeroUsize::get);
        let count = request.count().or(self.count).unwrap_or(100);
        if count == 0 || self.batch == 0 {
            return refused("--count and --batch: at least 1");
        }
        let request = request.repeated(candidates);
        let bar = SharedProgress::new("sample", (count * candidates) as u64, self.options.quiet);
        let finished = |samples: usize| bar.advance(samples as u64);
        let draws = Draws { trained: &trained, request: &request, batch: self.batch };
        let drawn = pool.install(|| -> Result<Drawn> {
            let drawn = self.draw(&draws, count * candidates, &finished)?;
            let Some(judge) = &judge else { return Ok(drawn) };
            let Drawn { molecules, evaluations } = drawn;
            let molecules = judge.best(molecules, candidates, |place| request.values(place))?;
            Ok(Drawn { molecules, evaluations: evaluations * candidates as f64 })
        })?;
        bar.finish();
        let again = self.closed_shell.map(|times| ("closed_shell", times.to_string()));
        let judged =
            judge.map(|judge| ("candidates", format!("{candidates}, judge {}", judge.hash)));
        let own = [("request", serde_json::to_string(&self.request)?)].into_iter();
        let own = own.chain(again).chain(judged).chain(request.weaker());
        let provenance = trained.provenance(hash, self.seed, drawn.evaluations, own)?;
        let molecules: Vec<Molecule> = drawn.molecules.into_iter().flatten().collect();
        let failed = count - molecules.len();
        if failed > 0 {
            let fault = match self.closed_shell {
                None => "have atoms in one place",
                Some(_) => "never were one molecule with a closed shell",
            };
            eprintln!("warning: {failed} samples {fault} and are left out");
        }
        let molecules = with_bonds_if_held(molecules, &self.out)?;
        write_molecules(&self.out, &molecules, &provenance, self.force)
            .with_context(|| format!("cannot write {}", self.out.display()))?;
        if !self.options.quiet {
            let (out, evaluations) = (self.out.display(), drawn.evaluations);
            println!("{out}: {} molecules, {evaluations} evaluations each", molecules.len());
        }
        Ok(Ending::Done)
    }

    /// `count` molecules, each as often as it may be.
    fn draw(
        &self,
        draws: &Draws<'_>,
        count: usize,
        finished: &(dyn Fn(usize) + Sync),
    ) -> Result<Drawn> {
        let closed_shell = |molecule: &Molecule| perceive(molecule).is_closed_shell();
        match self.closed_shell {
            None => draws.once(Seed(self.seed), count, finished),
            Some(times) => draws.until(closed_shell, (Seed(self.seed), times), count, finished),
        }
    }

    /// Who chooses among the candidates, if there are some.
    fn judge(&self, trained: &Trained, request: &Request) -> Result<Option<Judge>> {
        if self.candidates.is_none() {
            return Ok(None);
        }
        let properties = 0..trained.domain.properties.len();
        let asked: Vec<usize> = properties.filter(|&place| request.asks_for(place)).collect();
        if asked.is_empty() {
            return refused("--candidates: needs --property or --each, by which to choose");
        }
        Judge::read(&self.judge, trained, &asked).map(Some)
    }
}

/// Where the format of `out` has room for them: with bonds and charges, perceived from the geometry where they are not
/// known.
///
/// # Errors
/// None that a molecule can cause.
pub fn with_bonds_if_held(molecules: Vec<Molecule>, out: &Path) -> Result<Vec<Molecule>> {
    let name = out.to_string_lossy().to_lowercase();
    if name.strip_suffix(".gz").unwrap_or(&name).ends_with("xyz") {
        return Ok(molecules);
    }
    let one = |molecule: Molecule| {
        if molecule.bonds().is_some() {
            return Ok(molecule);
        }
        let graph = perceive(&molecule).graph;
        let molecule = molecule.with_bonds(graph.bonds())?;
        // A model of charges knows its own.
        if molecule.charges().is_some() {
            return Ok(molecule);
        }
        Ok(molecule.with_charges(graph.charges())?)
    };
    molecules.into_iter().map(one).collect()
}
