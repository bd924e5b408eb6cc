//! Where paths begin that do not begin at noise: at the structures of known crystals.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use langevin_core::{Domain, Error, Purpose, Rng, SampleId, Seed, State};
use langevin_crystals::base::TemplateBase;
use langevin_crystals::baselines::{Template, Templates};
use langevin_crystals::element::Element;
use langevin_crystals::orbits::Orbits;
use langevin_crystals::space::{Crystals, SPECIES_FACTOR};
use rayon::prelude::*;
use serde::Serialize;

use super::makes::Make;
use super::sample::Trained;
use crate::generate::Chunk;
use crate::refused;

/// Options of models that were trained from templates.
#[derive(Debug, Clone, clap::Args, Serialize)]
pub struct StartArgs {
    /// Known crystals, at which the paths of a model that was trained from templates begin: sample i of a
    /// composition at the i-th of those that `retrieve` gives. May be given again for further files.
    #[arg(long, value_name = "FILE")]
    pool: Vec<PathBuf>,
    /// Begin at noise where no structure with such numbers of atoms is known, and say how often.
    #[arg(long, requires = "pool")]
    fill_unknown: bool,
    /// Keep the symmetry that a template has within so many Å (0.1 if no number is given) on the whole way.
    #[arg(long, value_name = "ANGSTROM", requires = "pool", num_args = 0..=1, default_missing_value = "0.1", allow_negative_numbers = true, value_parser = super::tolerance)]
    keep_symmetry: Option<f64>,
}

/// Where the paths of a model begin that was trained from templates.
pub struct Start {
    templates: Templates,
    base: TemplateBase,
    /// Within which symmetry is found and kept, in Å.
    keep: Option<f64>,
    seed: Seed,
}

/// A state of one sample at its template, and how the template's group acts on it where that is kept.
type Begun = (State, Option<Arc<Orbits>>);

impl StartArgs {
    /// Whether templates' symmetry is kept.
    pub fn keeps_symmetry(&self) -> bool {
        self.keep_symmetry.is_some()
    }

    /// Where paths to `makes` begin; nothing for a model whose paths begin at noise.
    ///
    /// # Errors
    /// A file that cannot be read; options that do not fit the model; a composition without a template.
    pub fn plan(&self, trained: &Trained, makes: &[Make], seed: Seed) -> Result<Option<Start>> {
        match (trained.experiment.data.templates, self.pool.is_empty()) {
            (None, true) => Ok(None),
            (None, false) => refused(
                "--pool: found a model whose paths begin at noise, allowed: mp20_templates, or another that was trained from templates",
            ),
            (Some(_), true) => {
                refused("found a model whose paths begin at templates, needed: --pool")
            }
            (Some(base), false) => {
                let templates = Templates::new(super::experiment::read(&self.pool)?);
                self.check_known(&templates, makes, &trained.domain)?;
                Ok(Some(Start { templates, base, keep: self.keep_symmetry, seed }))
            }
        }
    }

    /// Nothing if there is a template for all of `makes`, or noise will do.
    fn check_known(&self, templates: &Templates, makes: &[Make], domain: &Crystals) -> Result<()> {
        let species = |make: &Make| make.species.as_ref().map(|classes| elements(classes, domain));
        let unknown = makes.iter().filter_map(species);
        let unknown = unknown.filter(|species| !templates.know(species)).count();
        let of = makes.len();
        if unknown > 0 && !self.fill_unknown {
            return refused(format!(
                "--pool: found no crystal with the numbers of atoms of {unknown} of {of} compositions, allowed: --fill-unknown"
            ));
        }
        if unknown > 0 {
            eprintln!(
                "warning: {unknown} of {of} compositions have no template; their paths begin at noise"
            );
        }
        Ok(())
    }
}

/// The elements that `classes` stand for.
pub fn elements(classes: &[u32], domain: &Crystals) -> Vec<Element> {
    classes.iter().map(|&class| domain.elements[class as usize]).collect()
}

impl Start {
    /// Whether templates' symmetry is kept.
    pub fn keeps_symmetry(&self) -> bool {
        self.keep.is_some()
    }

    /// `chunk`, its samples at their templates with the noise of the base, and their orbits.
    ///
    /// # Errors
    /// [`langevin_core::Error::Tensor`] only.
    pub fn begin(
        &self,
        chunk: Chunk,
        makes: &[Make],
        domain: &Crystals,
    ) -> langevin_core::Result<(Chunk, Vec<Option<Arc<Orbits>>>)> {
        let (rows, orbits): (Vec<State>, Vec<_>) =
            self.templates(&chunk, makes, domain)?.into_iter().unzip();
        let ids = chunk.places.iter().map(|&place| SampleId(place as u64)).collect();
        // Steps 0 and 1 of this purpose make the reference samples and draw their sizes.
        let mut rng = Rng::new(self.seed, Purpose::Reference, ids, 2);
        let x = self.base.disturbed(&State::concat(&rows)?, &mut rng)?;
        Ok((Chunk { x, ..chunk }, orbits))
    }

    /// For each sample of `chunk` the template of its turn, or the farthest there is; where nothing is known the
    /// reference stays, as was allowed.
    fn templates(
        &self,
        chunk: &Chunk,
        makes: &[Make],
        domain: &Crystals,
    ) -> langevin_core::Result<Vec<Begun>> {
        let classes = chunk.x.part(SPECIES_FACTOR).to_vec2::<u32>().map_err(Error::from)?;
        let most = chunk.places.iter().map(|&place| makes[place].nth + 1).max().unwrap_or(1);
        // Samples of one composition follow each other: what was found for one serves the next.
        let runs: Vec<&[Vec<u32>]> = classes.chunk_by(|a, b| a == b).collect();
        let found: Vec<Vec<Template>> = runs
            .par_iter()
            .map(|run| self.templates.agreed(&elements(&run[0], domain), most))
            .collect();
        let found = runs.iter().zip(&found).flat_map(|(run, found)| run.iter().map(move |_| found));
        let mut rows = Vec::with_capacity(classes.len());
        for (row, (found, &place)) in found.zip(&chunk.places).enumerate() {
            rows.push(match found.get(makes[place].nth).or(found.last()) {
                Some(template) => {
                    let crystal = self.templates.relabelled(template);
                    let orbits = self.keep.and_then(|tolerance| crystal.orbits(tolerance));
                    (domain.encode(&[crystal])?, orbits.map(Arc::new))
                }
                None => (chunk.x.narrow(row, 1)?, None),
            });
        }
        Ok(rows)
    }
}
