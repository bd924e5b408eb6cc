//! Samples drawn again until they are what is wanted.

use anyhow::Result;
use langevin_core::Seed;

/// Samples in the order of their places, nothing where one is none, and network evaluations for each.
pub type Samples<R> = (Vec<Option<R>>, f64);

/// `count` samples that are `wanted`: places whose sample is not, or is none, are drawn again, `again` times at most. Nothing
/// where none ever was.
///
/// `draw` makes the samples of some places with a seed, in their order; `finished` is told of places that need no more.
///
/// # Errors
/// Those of `draw`.
pub fn until<R>(
    (seed, again): (Seed, u64),
    count: usize,
    draw: impl Fn(&[usize], Seed) -> Result<Samples<R>>,
    wanted: impl Fn(&[R]) -> Vec<bool>,
    finished: &(dyn Fn(usize) + Sync),
) -> Result<Samples<R>> {
    let mut all: Vec<Option<R>> = (0..count).map(|_| None).collect();
    let (mut open, mut spent): (Vec<usize>, _) = ((0..count).collect(), 0.0);
    for round in 0..=again {
        if open.is_empty() {
            break;
        }
        // Seeds far apart: the next ones are those of other runs.
        let seed = Seed(seed.0.wrapping_add(round.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        let (drawn, evaluations) = draw(&open, seed)?;
        spent += evaluations * open.len() as f64;
        let made = open.iter().zip(drawn).filter_map(|(&place, one)| Some((place, one?)));
        let (places, made): (Vec<usize>, Vec<R>) = made.unzip();
        let fits = wanted(&made);
        finished(fits.iter().filter(|&&fits| fits).count());
        for ((place, one), _) in places.into_iter().zip(made).zip(fits).filter(|(_, fits)| *fits) {
            all[place] = Some(one);
        }
        open.retain(|&place| all[place].is_none());
    }
    Ok((all, spent / count as f64))
}
