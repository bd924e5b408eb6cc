//! Drawing crystals: those that were asked for, once or until they are new.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::Result;
use langevin_core::{Seed, Silent, Tally};
use langevin_crystals::constraint::Constraint;
use langevin_crystals::matcher::Matcher;
use langevin_crystals::novelty::are_known;
use langevin_crystals::record::Crystal;
use langevin_crystals::space::Crystals;

use super::makes::Make;
use super::request::Request;
use super::retrieve::heap;
use super::sample::Trained;
use super::start::elements;
use crate::generate::{Chunk, Generated, Generation};
use crate::redraw::{self, Samples};

/// How often a sample that is known is drawn again.
const AGAIN: u64 = 20;

/// A model, what it is asked for, and how many crystals are computed together.
#[derive(Clone, Copy)]
pub struct Draws<'a> {
    pub trained: &'a Trained,
    pub request: &'a Request,
    pub batch: usize,
}

/// Crystals in the order of their numbers; nothing where a sample is none.
pub struct Drawn {
    pub crystals: Vec<Option<Crystal>>,
    /// Network evaluations per sample.
    pub evaluations: f64,
    /// What was to be made.
    makes: Vec<Make>,
}

impl Drawn {
    /// The crystals; where a sample of a composition that was asked for is none, its atoms in one place, so that places count.
    pub fn filled<'a>(&'a self, domain: &'a Crystals) -> impl Iterator<Item = Crystal> + 'a {
        let asked = |make: &Make| Some(heap(&elements(make.species.as_ref()?, domain)));
        let pairs = self.crystals.iter().zip(&self.makes);
        pairs.filter_map(move |(crystal, make)| crystal.clone().or_else(|| asked(make)))
    }
}

impl Draws<'_> {
    /// `count` crystals of each composition, or in all, on the current pool.
    ///
    /// # Errors
    /// Those of network and sampler.
    pub fn once(
        &self,
        seed: Seed,
        count: usize,
        finished: &(dyn Fn(usize) + Sync),
    ) -> Result<Drawn> {
        let makes = self.request.draw(seed, count);
        let all: Vec<usize> = (0..makes.len()).collect();
        let (crystals, evaluations) = self.some(&makes, &all, seed, finished)?;
        Ok(Drawn { crystals, evaluations, makes })
    }

    /// The same, those that match one of `known` or are none drawn again with the same size and composition; nothing where all
    /// of a place were.
    ///
    /// # Errors
    /// Those of network and sampler.
    pub fn until_unknown(
        &self,
        known: &[Crystal],
        seed: Seed,
        count: usize,
        finished: &(dyn Fn(usize) + Sync),
    ) -> Result<Drawn> {
        let makes = self.request.draw(seed, count);
        let (crystals, evaluations) = redraw::until(
            (seed, AGAIN),
            makes.len(),
            |places, seed| self.some(&makes, places, seed, &|_| {}),
            |made| are_known(&Matcher::default(), made, known).into_iter().map(|k| !k).collect(),
            finished,
        )?;
        Ok(Drawn { crystals, evaluations, makes })
    }

    /// The crystals of `places` among `makes`, in the order of these, and network evaluations for each.
    fn some(
        &self,
        makes: &[Make],
        places: &[usize],
        seed: Seed,
        finished: &(dyn Fn(usize) + Sync),
    ) -> Result<Samples<Crystal>> {
        let Self { trained, request, batch } = *self;
        let generation = trained.generation(seed, batch, finished);
        let chunks = chunks(trained, &generation, makes, places)?;
        let begun = chunks.into_iter().map(|chunk| request.begin(chunk, makes, &trained.domain));
        let (chunks, constraints): (Vec<Chunk>, Vec<Arc<[Constraint]>>) =
            begun.collect::<langevin_core::Result<Vec<_>>>()?.into_iter().map(shared).unzip();
        if places.len() == makes.len() {
            request.tell_lost_symmetries(&constraints);
        }
        let of_first: HashMap<usize, &Arc<[Constraint]>> =
            chunks.iter().map(|chunk| chunk.places[0]).zip(&constraints).collect();
        let denoiser_of = |chunk: &Chunk, tally: &Tally| {
            request.denoiser(trained, of_first[&chunk.places[0]].clone(), tally)
        };
        let Generated { x, evaluations, .. } = generation.carry(&chunks, denoiser_of, || Silent)?;
        let ends = x.iter().zip(&constraints);
        let x = ends.map(|(x, own)| trained.domain.finished(x, own));
        let x = x.collect::<langevin_core::Result<Vec<_>>>()?;
        let mut crystals = trained.decoded(&chunks, &x, makes.len())?;
        Ok((places.iter().map(|&place| crystals[place].take()).collect(), evaluations))
    }
}

/// A chunk with its constraints, which threads share.
fn shared((chunk, constraints): (Chunk, Vec<Constraint>)) -> (Chunk, Arc<[Constraint]>) {
    (chunk, constraints.into())
}

/// Samples of one size together, the largest first, so that threads end at about the same time.
fn chunks(
    trained: &Trained,
    generation: &Generation,
    makes: &[Make],
    places: &[usize],
) -> Result<Vec<Chunk>> {
    let mut alike: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &place in places {
        alike.entry(makes[place].atoms).or_default().push(place);
    }
    let group = |(&size, places): (&_, &Vec<usize>)| {
        let process = trained.process.shaped_like(&trained.domain.blank(size)?);
        Ok((process, places.clone()))
    };
    let groups = alike.iter().rev().map(group).collect::<langevin_core::Result<_>>()?;
    Ok(generation.depart_all(groups)?)
}
