//! What samples are asked to be: a size, a composition, values of properties, a part that is there already.

mod compose;
mod makes;
mod properties;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use candle_core::{DType, Device, Tensor};
use langevin_core::{Counted, Denoiser, Error, Seed, Tally};
use langevin_datasets::read_molecules;
use langevin_molecules::formula::Formula;
use langevin_molecules::property::{self, Asked};
use langevin_molecules::record::Molecule;
use langevin_molecules::scaffold::Scaffold;
use langevin_molecules::space::{POSITIONS, SPECIES, SPECIES_FACTOR};
use serde::Serialize;

use self::compose::Composer;
pub use self::makes::Make;
use self::makes::Makes;
use self::properties::{Wishes, each_its_own};
use super::experiment::MoleculesExperiment;
use super::sample::Trained;
use super::shipped;
use crate::bad_input;
use crate::contrast::{ContrastArgs, Guided};
use crate::generate::Chunk;
use crate::properties::{Values, same_for_all};
use crate::size_range::SizeRange;

/// Requests to the sampler.
#[derive(Debug, Clone, clap::Args, Serialize)]
#[command(next_help_heading = "Requests")]
pub struct RequestArgs {
    /// Number of atoms, hydrogens counted: 18, or a range 15..20 within which sizes are as frequent as
    /// in the training data. Without it, as frequent as there.
    #[arg(long, value_name = "N|MIN..MAX")]
    atoms: Option<SizeRange>,
    /// Exact composition, hydrogens counted: C7H10O2.
    #[arg(long, conflicts_with = "atoms")]
    #[serde(serialize_with = "shown")]
    formula: Option<Formula>,
    /// Who chooses the species: the model, as it places the atoms, or the compositions of the training data, as
    /// frequent as there or as probable for the properties that are asked for.
    #[arg(long, value_enum, default_value_t, conflicts_with_all = ["formula", "scaffold"])]
    species: Chooser,
    /// Value of a property that the model was trained with, as gap=6.8eV; may be given again for others.
    #[arg(long, value_name = "NAME=VALUE[UNIT]")]
    property: Vec<Asked>,
    /// Table with a row for each molecule: column atoms, and columns named as properties of the model, in its
    /// units; an empty cell asks for nothing. There are as many molecules as rows.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["atoms", "formula", "property", "scaffold"])]
    each: Option<PathBuf>,
    #[command(flatten)]
    #[serde(flatten)]
    contrast: ContrastArgs,
    /// File with one molecule, of which every sample contains the atoms in the same shape.
    #[arg(long, value_name = "FILE")]
    scaffold: Option<PathBuf>,
}

/// Who chooses the species of samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Chooser {
    /// The model.
    #[default]
    Model,
    /// The training data.
    Data,
}

fn shown<S: serde::Serializer>(formula: &Option<Formula>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_some(&formula.as_ref().map(ToString::to_string))
}

/// The products of [`RequestArgs`] for one model.
pub struct Request {
    makes: Makes,
    /// The first atoms, if they are there already.
    scaffold: Option<Scaffold>,
    wishes: Wishes,
    /// Samples that are drawn for each that is asked for.
    candidates: usize,
    contrast: Option<Guided<MoleculesExperiment>>,
}

impl RequestArgs {
    /// Everything checked against `trained`.
    ///
    /// # Errors
    /// The option, what was found and what is allowed.
    pub fn plan(&self, trained: &Trained) -> Result<Request> {
        let domain = &trained.domain;
        if self.gives_species() {
            super::require_given(trained, SPECIES, "--formula, --scaffold and --species data")?;
        }
        if self.scaffold.is_some() {
            super::require_given(trained, POSITIONS, "--scaffold")?;
        }
        let scaffold = self.scaffold()?;
        let composer = Composer::new(domain, self.gives_species(), scaffold.as_ref())?;
        let (makes, wishes) = match &self.each {
            Some(path) => {
                let (sizes, rows) = each_its_own(path, domain)?;
                let one = |(&atoms, values): (&usize, &Values)| {
                    composer.of_sizes(SizeRange(atoms, atoms), values)
                };
                let makes = sizes.iter().zip(&rows).map(one).collect::<Result<_>>()?;
                (Makes::Each(makes), Wishes::Each(rows))
            }
            None => {
                let values = same_for_all(&self.property, &domain.properties)?;
                let sizes = self.atoms.unwrap_or(SizeRange(1, usize::MAX));
                let choices = match &self.formula {
                    Some(formula) => composer.of_formula(formula)?,
                    None => composer.of_sizes(sizes, &values)?,
                };
                (Makes::Same(choices), Wishes::Same(values))
            }
        };
        let scaled = |molecule: &Molecule| {
            let positions = molecule.positions().iter().map(|p| p.map(|x| x / domain.scale));
            Scaffold::new(&positions.collect::<Vec<_>>())
        };
        let scaffold = scaffold.as_ref().map(scaled);
        let asked = !self.property.is_empty() || self.each.is_some();
        let needed = (!asked).then_some("--property, --each");
        let contrast = self.contrast.plan(trained, needed, shipped::read)?;
        Ok(Request { makes, scaffold, wishes, candidates: 1, contrast })
    }

    /// Whether species are given to the model.
    fn gives_species(&self) -> bool {
        self.formula.is_some() || self.scaffold.is_some() || self.species == Chooser::Data
    }

    fn scaffold(&self) -> Result<Option<Molecule>> {
        let Some(path) = &self.scaffold else { return Ok(None) };
        let mut file = read_molecules(path, false).map_err(bad_input)?;
        if file.molecules.len() != 1 {
            let (path, found) = (path.display(), file.molecules.len());
            return Err(bad_input(anyhow!(
                "--scaffold {path}: found {found} molecules, allowed: 1"
            )));
        }
        Ok(file.molecules.pop())
    }
}

impl Request {
    /// Number of samples where each is asked for something of its own.
    pub fn count(&self) -> Option<usize> {
        match &self.makes {
            Makes::Same(_) => None,
            Makes::Each(rows) => Some(rows.len()),
        }
    }

    /// Who estimates the molecules of `chunk` by `trained`: the network, told what is asked.
    ///
    /// # Errors
    /// [`langevin_core::Error::Tensor`] only.
    pub fn denoiser(
        &self,
        trained: &Trained,
        chunk: &Chunk,
        given: bool,
        tally: &Tally,
    ) -> langevin_core::Result<Arc<dyn Denoiser>> {
        let condition = property::condition(
            &trained.domain.properties,
            &chunk.places.iter().map(|&place| self.values(place)).collect::<Vec<_>>(),
            DType::F32,
        )?;
        let condition = if given { condition.giving(SPECIES_FACTOR) } else { condition };
        let condition = match &self.scaffold {
            Some(scaffold) => scaffold.held(&condition, &chunk.x)?,
            None => condition,
        };
        let network = |condition| Counted::new(trained.denoiser_of(condition), tally);
        let told = network(condition.clone());
        Ok(match &self.contrast {
            None => Arc::new(told),
            Some(guided) => {
                let process = trained.process.clone();
                let weaker = match guided.weaker() {
                    Some(weaker) => Counted::new(weaker.denoiser_of(condition), tally),
                    None => network(condition.hidden()?),
                };
                Arc::new(guided.rule.guide(process, told, weaker))
            }
        })
    }

    /// What outputs tell of the model that samples are guided away from.
    pub fn weaker(&self) -> Option<(&'static str, String)> {
        self.contrast.as_ref().and_then(Guided::provenance)
    }

    /// `chunk` of reference samples that become `makes`.
    ///
    /// # Errors
    /// [`langevin_core::Error::Shape`] if it is too small for the scaffold.
    pub fn begin(&self, chunk: Chunk, makes: &[Make]) -> langevin_core::Result<Chunk> {
        let mut x = match &self.scaffold {
            Some(scaffold) => scaffold.within(&chunk.x)?,
            None => chunk.x,
        };
        let species = chunk.places.iter().map(|&place| makes[place].species.clone());
        if let Some(species) = species.collect::<Option<Vec<_>>>() {
            let species = Tensor::new(species, &Device::Cpu).map_err(Error::from)?;
            x = x.with_part(SPECIES_FACTOR, &species);
        }
        Ok(Chunk { x, ..chunk })
    }

    /// What each of `count` samples is made of.
    pub fn draw(&self, seed: Seed, count: usize) -> Vec<Make> {
        let makes = self.makes.draw(seed, count.div_ceil(self.candidates));
        makes.into_iter().flat_map(|make| std::iter::repeat_n(make, self.candidates)).collect()
    }

    /// The same, of which `candidates` samples in a row are drawn for one.
    #[must_use]
    pub fn repeated(self, candidates: usize) -> Self {
        Self { candidates, ..self }
    }

    /// Values of properties that the sample in `place` is asked for.
    pub fn values(&self, place: usize) -> Values {
        self.wishes.of(place / self.candidates)
    }

    /// Whether some sample is asked for a value of `property`, by its place.
    pub fn asks_for(&self, property: usize) -> bool {
        self.wishes.ask_for(property)
    }
}
