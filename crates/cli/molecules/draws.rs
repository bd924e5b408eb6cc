//! Draws of molecules, once or until they are what is wanted.

use std::collections::BTreeMap;

use anyhow::Result;
use langevin_core::{Seed, Silent};
use langevin_molecules::record::Molecule;
use rayon::prelude::*;

use super::request::{Make, Request};
use super::sample::Trained;
use crate::generate::{Chunk, Generated, Generation};
use crate::redraw::{self, Samples};

/// Molecules in the order of their numbers; nothing where a sample is none.
pub struct Drawn {
    pub molecules: Vec<Option<Molecule>>,
    /// Network evaluations per sample.
    pub evaluations: f64,
}

/// What all draws of a run have in common.
pub struct Draws<'a> {
    pub trained: &'a Trained,
    pub request: &'a Request,
    /// Molecules computed together.
    pub batch: usize,
}

impl Draws<'_> {
    /// `count` molecules, as requested, on the current pool.
    pub fn once(
        &self,
        seed: Seed,
        count: usize,
        finished: &(dyn Fn(usize) + Sync),
    ) -> Result<Drawn> {
        let places: Vec<usize> = (0..count).collect();
        self.of(&self.request.draw(seed, count), &places, seed, finished)
    }

    /// The molecules of `places` among `makes`; nothing in the other places.
    fn of(
        &self,
        makes: &[Make],
        places: &[usize],
        seed: Seed,
        finished: &(dyn Fn(usize) + Sync),
    ) -> Result<Drawn> {
        let &Self { trained, request, batch } = self;
        let generation = trained.generation(seed, batch, finished);
        let chunks = chunks(trained, &generation, makes, places)?;
        let chunks = chunks.into_iter().map(|chunk| request.begin(chunk, makes));
        let chunks = chunks.collect::<langevin_core::Result<Vec<_>>>()?;
        let Generated { x, evaluations, .. } = generation.carry(
            &chunks,
            |chunk, tally| {
                let given = makes[chunk.places[0]].species.is_some();
                request.denoiser(trained, chunk, given, tally)
            },
            || Silent,
        )?;
        Ok(Drawn { molecules: trained.decoded(&chunks, &x, makes.len())?, evaluations })
    }

    /// `count` molecules that are `wanted`: places whose molecule is not are drawn again, `again` times at most,
    /// with the same size and wishes. Nothing where none ever was.
    pub fn until(
        &self,
        wanted: impl Fn(&Molecule) -> bool + Sync,
        (seed, again): (Seed, u64),
        count: usize,
        finished: &(dyn Fn(usize) + Sync),
    ) -> Result<Drawn> {
        let makes = self.request.draw(seed, count);
        let draw = |places: &[usize], seed| -> Result<Samples<Molecule>> {
            let Drawn { mut molecules, evaluations } = self.of(&makes, places, seed, &|_| {})?;
            Ok((places.iter().map(|&place| molecules[place].take()).collect(), evaluations))
        };
        let fits = |made: &[Molecule]| made.par_iter().map(&wanted).collect();
        let (molecules, evaluations) = redraw::until((seed, again), count, draw, fits, finished)?;
        Ok(Drawn { molecules, evaluations })
    }
}

/// Samples of one size together, the largest first, so that threads end at about the same time; those whose
/// species are given apart from those that are free.
fn chunks(
    trained: &Trained,
    generation: &Generation,
    makes: &[Make],
    places: &[usize],
) -> Result<Vec<Chunk>> {
    let mut alike: BTreeMap<(usize, bool), Vec<usize>> = BTreeMap::new();
    for &place in places {
        let make = &makes[place];
        alike.entry((make.atoms, make.species.is_some())).or_default().push(place);
    }
    let group = |(&(size, _), places): (&_, &Vec<usize>)| {
        let process = trained.process.shaped_like(&trained.domain.blank(size)?);
        Ok((process, places.clone()))
    };
    let groups = alike.iter().rev().map(group).collect::<langevin_core::Result<_>>()?;
    Ok(generation.depart_all(groups)?)
}
