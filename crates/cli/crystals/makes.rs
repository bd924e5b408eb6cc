//! What samples are made of: compositions, or numbers of atoms as frequent as in the training data.

use anyhow::Result;
use langevin_core::{Purpose, Rng, Seed};
use langevin_crystals::space::Crystals;

use super::compositions::AskedCell;
use crate::refused;
use crate::size_range::SizeRange;

/// What one sample is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Make {
    /// Number of atoms.
    pub atoms: usize,
    /// A species for each; nothing where the model makes them.
    pub species: Option<Vec<u32>>,
    /// Which of the samples of its composition it is, from 0.
    pub nth: usize,
}

/// What is asked for.
pub enum Makes {
    /// As many samples of each of these, one after the other.
    Each(Vec<Make>),
    /// Sizes with their weights.
    Sizes(Vec<(usize, u64)>),
}

impl Makes {
    /// Samples of the compositions of `cells`.
    ///
    /// # Errors
    /// An element or a number of atoms that the model did not see.
    pub fn of_cells(cells: &[AskedCell], domain: &Crystals) -> Result<Self> {
        Ok(Self::Each(cells.iter().map(|cell| make(cell, domain)).collect::<Result<_>>()?))
    }

    /// Samples of any composition, their sizes within `atoms` as frequent as in the training data.
    ///
    /// # Errors
    /// If it has none of such a size.
    pub fn of_sizes(atoms: Option<SizeRange>, domain: &Crystals) -> Result<Self> {
        let fits = |size: usize| atoms.is_none_or(|atoms| atoms.holds(size));
        let sizes = domain.sizes.iter().filter(|&(&size, _)| fits(size));
        let sizes: Vec<(usize, u64)> = sizes.map(|(&size, &count)| (size, count)).collect();
        if sizes.is_empty() {
            let (least, most) = bounds(domain);
            return refused(format!(
                "--atoms: found no crystal of such a size in the training data, allowed: {least} to {most}"
            ));
        }
        Ok(Self::Sizes(sizes))
    }

    /// The compositions, where there are any.
    pub fn each(&self) -> &[Make] {
        match self {
            Self::Each(makes) => makes,
            Self::Sizes(_) => &[],
        }
    }

    /// Of how many compositions [`Makes::draw`] makes `count` samples each; nothing where it makes that many in all.
    pub fn compositions(&self) -> Option<usize> {
        match self {
            Self::Each(makes) => Some(makes.len()),
            Self::Sizes(_) => None,
        }
    }

    /// What each sample is made of: `count` of each composition, or in all.
    pub fn draw(&self, seed: Seed, count: usize) -> Vec<Make> {
        match self {
            Self::Each(makes) => {
                let of = |make: &Make| {
                    (0..count).map(|nth| Make { nth, ..make.clone() }).collect::<Vec<_>>()
                };
                makes.iter().flat_map(of).collect()
            }
            Self::Sizes(sizes) => {
                // Step 0 of this purpose makes the reference samples.
                let ids = langevin_core::rng::ids(0, count);
                let mut rng = Rng::new(seed, Purpose::Reference, ids, 1);
                let total: u64 = sizes.iter().map(|(_, count)| count).sum();
                let at = |u: f64| {
                    let mut below = (u * total as f64) as u64;
                    let fits = |&&(_, count): &&(usize, u64)| {
                        let found = below < count;
                        below = below.saturating_sub(count);
                        found
                    };
                    let (atoms, _) = *sizes.iter().find(fits).unwrap_or(&sizes[sizes.len() - 1]);
                    Make { atoms, species: None, nth: 0 }
                };
                rng.uniforms().into_iter().map(at).collect()
            }
        }
    }
}

/// The smallest and the largest number of atoms that the model saw.
pub fn bounds(domain: &Crystals) -> (usize, usize) {
    let sizes = domain.sizes.keys();
    let (least, most) = (sizes.clone().next(), sizes.last());
    (least.copied().unwrap_or(0), most.copied().unwrap_or(0))
}

/// What a sample with the atoms of a cell is made of.
fn make(AskedCell { name, species }: &AskedCell, domain: &Crystals) -> Result<Make> {
    if let Some(stranger) = species.iter().find(|element| !domain.elements.contains(element)) {
        let known: Vec<&str> = domain.elements.iter().map(|element| element.symbol()).collect();
        return refused(format!("{name}: found {stranger}, allowed: {}", known.join(" ")));
    }
    let (least, most) = bounds(domain);
    if !(least..=most).contains(&species.len()) {
        let found = species.len();
        let allowed = if least == most { format!("{least}") } else { format!("{least} to {most}") };
        return refused(format!(
            "{name}: found {found} atoms, allowed: {allowed}, as the model saw"
        ));
    }
    Ok(Make { atoms: species.len(), species: Some(domain.species_of(species)?), nth: 0 })
}
