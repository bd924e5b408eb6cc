//! What samples are asked to be: a composition, those of a file, a number of atoms.

use std::sync::Arc;

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use langevin_core::{Counted, Denoiser, Error, Seed, Tally};
use langevin_crystals::constraint::{Constrained, Constraint};
use langevin_crystals::network::GivenSpecies;
use langevin_crystals::property::{self, Asked};
use langevin_crystals::space::{Crystals, SPECIES_FACTOR};
use serde::Serialize;

use super::compositions::{AskedCell, CompositionArgs};
use super::constraints::{ConstraintArgs, Constraints};
use super::experiment::CrystalsExperiment;
use super::makes::{Make, Makes, Pattern};
use super::sample::Trained;
use super::shipped;
use super::start::{Start, StartArgs};
use crate::contrast::{ContrastArgs, Guided};
use crate::generate::Chunk;
use crate::properties::{Values, same_for_all};
use crate::refused;
use crate::size_range::SizeRange;

/// Requests to the sampler.
#[derive(Debug, Clone, clap::Args, Serialize)]
#[command(next_help_heading = "Requests")]
pub struct RequestArgs {
    #[command(flatten)]
    #[serde(flatten)]
    pub compositions: CompositionArgs,
    #[command(flatten)]
    #[serde(flatten)]
    start: StartArgs,
    #[command(flatten)]
    #[serde(flatten)]
    constraints: ConstraintArgs,
    /// Value of a property that the model was trained with, as band_gap=1.5eV; may be given again for others.
    #[arg(long, value_name = "NAME=VALUE[UNIT]")]
    property: Vec<Asked>,
    #[command(flatten)]
    #[serde(flatten)]
    contrast: ContrastArgs,
    /// Number of atoms: 8, or a range 4..12 within which sizes are as frequent as in the training data. Without
    /// it, as frequent as there.
    #[arg(long, value_name = "N|MIN..MAX", conflicts_with_all = ["formula", "like"])]
    atoms: Option<SizeRange>,
    /// How many atoms of each element crystals have where the model chooses the elements: ABC3, or data, as frequent as
    /// in the training data (the default where the model tells them), or free, as the network makes them.
    #[arg(long, value_name = "ABC3|data|free", conflicts_with_all = ["formula", "like"])]
    #[serde(serialize_with = "shown")]
    stoichiometry: Option<Pattern>,
}

fn shown<S: serde::Serializer>(pattern: &Option<Pattern>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_some(&pattern.as_ref().map(ToString::to_string))
}

/// The products of [`RequestArgs`] for one model.
pub struct Request {
    makes: Makes,
    start: Option<Start>,
    constraints: Constraints,
    /// Values of the model's properties.
    values: Values,
    contrast: Option<Guided<CrystalsExperiment>>,
    /// Whether the network is told that species are given.
    tells: bool,
}

impl RequestArgs {
    /// Everything checked against `trained`.
    ///
    /// # Errors
    /// The option, what was found and what is allowed.
    pub fn plan(&self, trained: &Trained, seed: Seed) -> Result<Request> {
        self.plan_for(self.compositions.cells()?, trained, seed)
    }

    /// The same for the compositions of `cells`, or for any.
    ///
    /// # Errors
    /// As [`RequestArgs::plan`].
    pub fn plan_for(
        &self,
        cells: Option<Vec<AskedCell>>,
        trained: &Trained,
        seed: Seed,
    ) -> Result<Request> {
        let domain = &trained.domain;
        let given = trained.experiment.given_species();
        let mut makes = match cells {
            None if given == GivenSpecies::Always => {
                return refused("found a model of known compositions, needed: --formula or --like");
            }
            Some(_) if given == GivenSpecies::Never => {
                return refused(
                    "--formula, --like: found a model that was not given species in training, \
                     allowed: one with method.give.species",
                );
            }
            None => self.of_any_composition(domain)?,
            Some(all) => Makes::of_cells(&all, domain)?,
        };
        if self.compositions.offers_units() {
            self.constraints.retain(&mut makes, domain)?;
        }
        let each = makes.each();
        let start = self.start.plan(trained, each, seed)?;
        let constraints = self.constraints.plan(domain, each, seed)?;
        let sampler = &trained.experiment.method.sampler;
        if sampler.draws_noise() && self.keeps_symmetry() {
            return refused(format!(
                "--space-group, --keep-symmetry: found the sampler {}, whose noise breaks symmetry, allowed: \
                 euler, heun without churn, ddim with eta=0, dpm_solver, unipc, adaptive or renoise with noise=0",
                serde_json::to_string(sampler)?
            ));
        }
        let values = same_for_all(&self.property, &domain.properties)?;
        let needed = self.property.is_empty().then_some("--property");
        let contrast = self.contrast.plan(trained, needed, shipped::read)?;
        let tells = makes.compositions().is_some();
        Ok(Request { makes, start, constraints, values, contrast, tells })
    }

    /// The space group that samples keep, if one is asked for.
    pub fn space_group(&self) -> Option<u16> {
        self.constraints.space_group()
    }

    /// Whether nothing but compositions is asked for.
    pub fn is_plain(&self) -> bool {
        let told_nothing = self.property.is_empty() && !self.contrast.is_set();
        told_nothing && self.constraints.is_none() && !self.start.keeps_symmetry()
    }

    /// Whether something is asked of samples whose composition is the model's choice.
    pub fn is_of_any_composition(&self) -> bool {
        self.atoms.is_some() || self.stoichiometry.is_some()
    }

    /// Whether samples have a symmetry from the start, which noise would break.
    pub fn keeps_symmetry(&self) -> bool {
        self.space_group().is_some() || self.start.keeps_symmetry()
    }

    fn of_any_composition(&self, domain: &Crystals) -> Result<Makes> {
        let of_data = |asked| {
            // An impossible size is named as such first.
            Makes::of_sizes(self.atoms, domain)?;
            let most = self.constraints.most_elements(domain)?;
            Makes::of_stoichiometries(self.atoms, asked, most, domain)
        };
        match &self.stoichiometry {
            Some(Pattern::Of(asked)) => of_data(Some(asked)),
            Some(Pattern::Data) => of_data(None),
            None if !domain.makeup.is_empty() => of_data(None),
            Some(Pattern::Free) | None => Makes::of_sizes(self.atoms, domain),
        }
    }
}

impl Request {
    /// Of how many compositions [`Request::draw`] makes `count` samples each; nothing where it makes that many in all.
    pub fn compositions(&self) -> Option<usize> {
        self.makes.compositions()
    }

    /// Says how many samples begin at templates in which no symmetry was found that could be kept.
    pub fn tell_lost_symmetries(&self, constraints: &[Arc<[Constraint]>]) {
        if !self.start.as_ref().is_some_and(Start::keeps_symmetry) {
            return;
        }
        let all = || constraints.iter().flat_map(|own| own.iter());
        let lost = all().filter(|constraint| constraint.orbits.is_none()).count();
        if lost > 0 {
            let of = all().count();
            eprintln!(
                "note: --keep-symmetry: {lost} of {of} samples begin where no symmetry is found: atoms are too near to each other, \
                 the lattice is too short, or there is no template"
            );
        }
    }

    /// What outputs tell of the model that samples are guided away from.
    pub fn weaker(&self) -> Option<(&'static str, String)> {
        self.contrast.as_ref().and_then(Guided::provenance)
    }

    /// What each sample is made of: `count` of each composition, or in all.
    pub fn draw(&self, seed: Seed, count: usize) -> Vec<Make> {
        self.makes.draw(seed, count)
    }

    /// Who estimates the crystals of a chunk: the network, told what is asked, with its constraints.
    ///
    /// # Errors
    /// [`langevin_core::Error::Tensor`] only.
    pub fn denoiser<'a>(
        &self,
        trained: &'a Trained,
        constraints: Arc<[Constraint]>,
        tally: &Tally,
    ) -> langevin_core::Result<Box<dyn Denoiser + 'a>> {
        let domain = &trained.domain;
        let values = vec![self.values.clone(); constraints.len()];
        let condition = property::condition(&domain.properties, &values, DType::F32)?;
        let condition = if self.tells { condition.giving(SPECIES_FACTOR) } else { condition };
        let network = |condition| Counted::new(trained.denoiser_of(condition), tally);
        let told: Box<dyn Denoiser> = match &self.contrast {
            None => Box::new(network(condition)),
            Some(guided) => {
                let weaker = match guided.weaker() {
                    Some(weaker) => Counted::new(weaker.denoiser_of(condition.clone()), tally),
                    None => network(condition.hidden()?),
                };
                Box::new(guided.rule.guide(trained.process.clone(), network(condition), weaker))
            }
        };
        Ok(if constraints.iter().all(Constraint::is_none) {
            told
        } else {
            Box::new(Constrained::new(told, domain, constraints))
        })
    }

    /// `chunk` of reference samples that become `makes`, where their paths begin, and a constraint for each.
    ///
    /// # Errors
    /// [`langevin_core::Error::Tensor`]; [`langevin_core::Error::Shape`] where no structure of a group was found.
    pub fn begin(
        &self,
        chunk: Chunk,
        makes: &[Make],
        domain: &Crystals,
    ) -> langevin_core::Result<(Chunk, Vec<Constraint>)> {
        let species = chunk.places.iter().map(|&place| makes[place].species.clone());
        let (chunk, orbits) = match species.collect::<Option<Vec<_>>>() {
            None => {
                let none = vec![None; chunk.places.len()];
                (chunk, none)
            }
            Some(species) => {
                let species = Tensor::new(species, &Device::Cpu).map_err(Error::from)?;
                let x = chunk.x.with_part(SPECIES_FACTOR, &species);
                let chunk = Chunk { x, ..chunk };
                match &self.start {
                    Some(start) => start.begin(chunk, makes, domain)?,
                    None => self.constraints.begin(chunk, makes, domain)?,
                }
            }
        };
        let of = |(&place, orbits)| self.constraints.of((place, &makes[place]), orbits);
        let constraints: Vec<Constraint> = chunk.places.iter().zip(orbits).map(of).collect();
        // The noise of templates is no more symmetric than that of atoms.
        let x = domain.finished(&chunk.x, &constraints)?;
        Ok((Chunk { x, ..chunk }, constraints))
    }
}
