//! What samples are made of: compositions, or stoichiometries or numbers of atoms as frequent as in the training data.

use anyhow::Result;
use langevin_core::{Purpose, Rng, Seed};
use langevin_crystals::makeup::Cells;
use langevin_crystals::space::Crystals;
use langevin_crystals::stoichiometry::Stoichiometry;

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
    /// How many atoms are of one element each, where that alone is known.
    pub stoichiometry: Option<Stoichiometry>,
    /// Which of the samples of its composition it is, from 0.
    pub nth: usize,
}

/// How many atoms of each element crystals of any composition have: `--stoichiometry`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// As frequent as in the training data.
    Data,
    /// As the network makes them.
    Free,
    /// This one, in cells of one or several units.
    Of(Stoichiometry),
}

impl std::str::FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "data" => Ok(Self::Data),
            "free" => Ok(Self::Free),
            text => text.parse().map(Self::Of).map_err(|error| format!("{error}, or data or free")),
        }
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Data => f.write_str("data"),
            Self::Free => f.write_str("free"),
            Self::Of(stoichiometry) => stoichiometry.fmt(f),
        }
    }
}

/// What is asked for.
pub enum Makes {
    /// As many samples of each of these, one after the other.
    Each(Vec<Make>),
    /// One of these, by their weights.
    Any(Vec<(Make, u64)>),
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
        let sizes = domain.sizes.iter().filter(|&(&size, _)| fits(atoms, size));
        let makes: Vec<(Make, u64)> = sizes.map(|(&size, &count)| (any(size), count)).collect();
        if makes.is_empty() {
            let (least, most) = bounds(domain);
            return refused(format!(
                "--atoms: found no crystal of such a size in the training data, allowed: {least} to {most}"
            ));
        }
        Ok(Self::Any(makes))
    }

    /// Samples of any composition of at most `most` elements, their stoichiometries, of sizes within `atoms`, as frequent
    /// as in the training data; where one is `asked` for, those of its proportions.
    ///
    /// # Errors
    /// If it has none of these; a model that does not tell those of its data.
    pub fn of_stoichiometries(
        atoms: Option<SizeRange>,
        asked: Option<&Stoichiometry>,
        most: usize,
        domain: &Crystals,
    ) -> Result<Self> {
        if domain.makeup.is_empty() {
            return refused(
                "--stoichiometry: found a model that does not tell those of its data, allowed: free",
            );
        }
        let wanted = asked.map(Stoichiometry::reduced);
        let wants = |own: &Stoichiometry| {
            let alike = wanted.as_ref().is_none_or(|wanted| *wanted == own.reduced());
            alike && fits(atoms, own.atoms()) && own.counts().len() <= most
        };
        let make = |cells: &Cells| {
            let own = &cells.stoichiometry;
            let make = Make { stoichiometry: Some(own.clone()), ..any(own.atoms()) };
            wants(own).then_some((make, cells.count))
        };
        let makes: Vec<(Make, u64)> = domain.makeup.cells().iter().filter_map(make).collect();
        if makes.is_empty() {
            let found = asked.map_or("crystal".into(), ToString::to_string);
            return refused(format!(
                "--stoichiometry: found no {found} of such a size and of at most {most} elements in the training data, \
                 allowed: others, or free"
            ));
        }
        Ok(Self::Any(makes))
    }

    /// Only those that `fit`.
    pub fn retain(&mut self, fit: impl Fn(&Make) -> bool) {
        match self {
            Self::Each(makes) => makes.retain(fit),
            Self::Any(makes) => makes.retain(|(make, _)| fit(make)),
        }
    }

    /// The compositions, where there are any.
    pub fn each(&self) -> &[Make] {
        match self {
            Self::Each(makes) => makes,
            Self::Any(_) => &[],
        }
    }

    /// Of how many compositions [`Makes::draw`] makes `count` samples each; nothing where it makes that many in all.
    pub fn compositions(&self) -> Option<usize> {
        match self {
            Self::Each(makes) => Some(makes.len()),
            Self::Any(_) => None,
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
            Self::Any(makes) => {
                // Step 0 of this purpose makes the reference samples.
                let ids = langevin_core::rng::ids(0, count);
                let mut rng = Rng::new(seed, Purpose::Reference, ids, 1);
                let total: u64 = makes.iter().map(|(_, count)| count).sum();
                let at = |u: f64| {
                    let mut below = (u * total as f64) as u64;
                    let fits = |&&(_, count): &&(Make, u64)| {
                        let found = below < count;
                        below = below.saturating_sub(count);
                        found
                    };
                    makes.iter().find(fits).unwrap_or(&makes[makes.len() - 1]).0.clone()
                };
                rng.uniforms().into_iter().map(at).collect()
            }
        }
    }
}

fn fits(atoms: Option<SizeRange>, size: usize) -> bool {
    atoms.is_none_or(|atoms| atoms.holds(size))
}

/// So many atoms of any elements.
fn any(atoms: usize) -> Make {
    Make { atoms, species: None, stoichiometry: None, nth: 0 }
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
            "{name}: found {found} atoms, allowed: {allowed}, as the model saw; other cells by --z, or another model"
        ));
    }
    let classes = Some(domain.species_of(species)?);
    Ok(Make { atoms: species.len(), species: classes, stoichiometry: None, nth: 0 })
}
