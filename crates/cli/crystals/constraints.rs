//! What samples are asked to be exactly: of a space group, of a volume per atom, of a chemical system.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use langevin_core::{Domain, Purpose, Rng, SampleId, Seed, State};
use langevin_crystals::constraint::Constraint;
use langevin_crystals::element::Element;
use langevin_crystals::group_symbol::number_of_symbol;
use langevin_crystals::lattice::Lattice;
use langevin_crystals::makeup::Odds;
use langevin_crystals::orbits::Orbits;
use langevin_crystals::partition::Partition;
use langevin_crystals::record::Crystal;
use langevin_crystals::space::{Crystals, LATTICE_FACTOR};
use langevin_crystals::stoichiometry::Stoichiometry;
use langevin_crystals::wyckoff::{SpaceGroup, Ways};
use serde::Serialize;

use super::makes::{Make, Makes};
use crate::generate::Chunk;
use crate::{bad_input, refused};

/// Options that samples fulfil exactly.
#[derive(Debug, Clone, clap::Args, Serialize)]
pub struct ConstraintArgs {
    /// Space group, 1 to 230 or a symbol as Pm-3m, that crystals of a composition keep on the whole way; atoms are
    /// distributed over its Wyckoff positions at random, each way as probable. A crystal may turn out to have more symmetries:
    /// the label spacegroup tells what it has. Cells of a range of --z that cannot have it are left out. A model that
    /// adds noise on its way leaves it out.
    #[arg(long, value_name = "NUMBER|SYMBOL", allow_negative_numbers = true, conflicts_with = "pool", value_parser = number_of_group)]
    space_group: Option<u16>,
    /// Volume per atom in Å³, 1 to 1000.
    #[arg(long, value_name = "VOLUME", allow_negative_numbers = true, value_parser = volume)]
    volume: Option<f64>,
    /// Elements that crystals may have, where the model chooses species: Sr-Ti-O.
    #[arg(long, value_name = "A-B-C", conflicts_with_all = ["formula", "like"])]
    system: Option<String>,
}

/// A space group on the command line.
fn number_of_group(text: &str) -> Result<u16, String> {
    let number =
        if text.parse::<f64>().is_ok() { text.parse().ok() } else { number_of_symbol(text) };
    number.ok_or_else(|| "allowed: 1 to 230, or a Hermann–Mauguin symbol as Pm-3m".into())
}

/// A volume per atom on the command line: dense hydrogen has 2 Å³, solid caesium 115, and porous crystals have more.
fn volume(text: &str) -> Result<f64, String> {
    let volume = text.parse().ok().filter(|volume| (1.0..=1000.0).contains(volume));
    volume.ok_or_else(|| "allowed: 1 to 1000 Å³ per atom".into())
}

/// [`ConstraintArgs`], checked against a model.
pub struct Constraints {
    group: Option<SpaceGroup>,
    volume: Option<f64>,
    elements: Option<Arc<Vec<bool>>>,
    odds: BTreeMap<Stoichiometry, Vec<Odds>>,
    seed: Seed,
}

/// Draws of a structure whose atoms fall on each other, before it is given up.
const TRIES: u32 = 100;

// Steps of the purpose of references: 0 to 2 make reference samples, what they are made of and the noise of templates.
const STRUCTURE_STEP: u32 = 3;
const ELEMENTS_STEP: u32 = STRUCTURE_STEP + TRIES;

impl ConstraintArgs {
    /// How many elements crystals may have, where the model chooses them.
    ///
    /// # Errors
    /// As [`ConstraintArgs::plan`].
    pub fn most_elements(&self, domain: &Crystals) -> Result<usize> {
        let allowed = self.system.as_ref().map(|system| allowed(system, domain)).transpose()?;
        Ok(allowed.map_or(domain.elements.len(), |all| all.iter().filter(|&&may| may).count()))
    }

    /// Whether nothing is asked for.
    pub fn is_none(&self) -> bool {
        self.space_group.is_none() && self.volume.is_none() && self.system.is_none()
    }

    /// Leaves out of `makes` what cannot have the space group, if another can, and says how many these are.
    ///
    /// # Errors
    /// A number of no group.
    pub fn retain(&self, makes: &mut Makes, domain: &Crystals) -> Result<()> {
        let Some(number) = self.space_group else { return Ok(()) };
        let group = of_number(number)?;
        let fit = |make: &Make| holds(&group, make, domain);
        let (all, fitting) =
            (makes.each().len(), makes.each().iter().filter(|make| fit(make)).count());
        if (1..all).contains(&fitting) {
            let less = all - fitting;
            eprintln!(
                "note: --space-group {number}: {less} of {all} cells cannot have it and are left out"
            );
            makes.retain(fit);
        }
        Ok(())
    }

    /// The number of the space group, if one is asked for.
    pub fn space_group(&self) -> Option<u16> {
        self.space_group
    }

    /// Everything checked against the domain and the compositions that are asked for.
    ///
    /// # Errors
    /// The option, what was found and what is allowed.
    pub fn plan(&self, domain: &Crystals, makes: &[Make], seed: Seed) -> Result<Constraints> {
        let group = self.space_group.map(|number| group(number, domain, makes)).transpose()?;
        let elements = self.system.as_ref().map(|system| allowed(system, domain)).transpose()?;
        let odds = domain.makeup.odds(&domain.elements);
        Ok(Constraints { group, volume: self.volume, elements: elements.map(Arc::new), odds, seed })
    }
}

fn of_number(number: u16) -> Result<SpaceGroup> {
    match SpaceGroup::of_number(number) {
        Some(group) => Ok(group),
        None => refused(format!("--space-group: found {number}, allowed: 1 to 230")),
    }
}

/// Atoms of each element of `make`.
fn atoms_of(make: &Make, domain: &Crystals) -> Vec<(Element, usize)> {
    counts(make, domain).into_iter().collect()
}

/// Whether the atoms of `make` can be distributed over the positions of `group`.
fn holds(group: &SpaceGroup, make: &Make, domain: &Crystals) -> bool {
    group.ways(&atoms_of(make, domain)).number() > 0.0
}

/// The group of `number`, if all `makes` fit it.
fn group(number: u16, domain: &Crystals, makes: &[Make]) -> Result<SpaceGroup> {
    let group = of_number(number)?;
    if makes.is_empty() {
        return refused("--space-group: found no composition, needed: --formula or --like");
    }
    if let Some(make) = makes.iter().find(|make| !holds(&group, make, domain)) {
        let atoms: Vec<String> = atoms_of(make, domain)
            .iter()
            .map(|(element, count)| format!("{count} {element}"))
            .collect();
        let mut sizes: Vec<usize> =
            group.positions.iter().map(|position| position.multiplicity).collect();
        sizes.dedup();
        let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
        let (symbol, atoms, sizes) = (group.symbol, atoms.join(", "), sizes.join(", "));
        return refused(format!(
            "--space-group: found a cell of {atoms}, which cannot be distributed over the positions of {number} ({symbol}), \
             allowed: other numbers of formula units by --z, or another group; its positions take {sizes} atoms of the \
             primitive cell"
        ));
    }
    Ok(group)
}

/// Which elements of the model `system` names.
fn allowed(system: &str, domain: &Crystals) -> Result<Vec<bool>> {
    let named = system.split('-').map(|symbol| {
        let element: Element = symbol.parse().map_err(|error| {
            bad_input(anyhow::anyhow!("--system {system}: {error}, as in Sr-Ti-O"))
        })?;
        if !domain.elements.contains(&element) {
            let known: Vec<&str> = domain.elements.iter().map(|known| known.symbol()).collect();
            return refused(format!("--system: found {element}, allowed: {}", known.join(" ")));
        }
        Ok(element)
    });
    let named: Vec<Element> = named.collect::<Result<_>>()?;
    Ok(domain.elements.iter().map(|element| named.contains(element)).collect())
}

/// Atoms of each element of a cell whose species are known.
fn counts(make: &Make, domain: &Crystals) -> BTreeMap<Element, usize> {
    let mut counts = BTreeMap::new();
    for &class in make.species.iter().flatten() {
        *counts.entry(domain.elements[class as usize]).or_default() += 1;
    }
    counts
}

impl Constraints {
    /// The constraint of the sample at `place`, which is to be `make` and has `orbits`.
    pub fn of(&self, (place, make): (usize, &Make), orbits: Option<Arc<Orbits>>) -> Constraint {
        let partition = make.stoichiometry.as_ref().map(|stoichiometry| {
            let ids = vec![SampleId(place as u64)];
            let mut rng = Rng::new(self.seed, Purpose::Reference, ids, ELEMENTS_STEP);
            let odds = &self.odds[stoichiometry];
            Arc::new(Partition::new(stoichiometry, odds, || rng.uniforms()[0]))
        });
        Constraint { orbits, volume: self.volume, elements: self.elements.clone(), partition }
    }

    /// `chunk`, its samples at random structures of the group, with their orbits; where there is no group, as it is.
    ///
    /// # Errors
    /// [`langevin_core::Error::Tensor`] only.
    pub fn begin(
        &self,
        chunk: Chunk,
        makes: &[Make],
        domain: &Crystals,
    ) -> langevin_core::Result<(Chunk, Vec<Option<Arc<Orbits>>>)> {
        let Some(group) = &self.group else {
            let none = vec![None; chunk.places.len()];
            return Ok((chunk, none));
        };
        let (mut rows, mut all) = (Vec::new(), Vec::new());
        let cells = chunk.x.part(LATTICE_FACTOR).to_vec2::<f64>()?;
        // Samples of one composition follow each other: its ways are counted once.
        let mut last: Option<(&Vec<u32>, Ways)> = None;
        for (cell, &place) in cells.iter().zip(&chunk.places) {
            let make = &makes[place];
            let species = make.species.as_ref().expect("a group is only asked of compositions");
            if last.as_ref().is_none_or(|(other, _)| *other != species) {
                last = Some((species, group.ways(&atoms_of(make, domain))));
            }
            let (_, ways) = last.as_ref().expect("it was just set");
            let k = domain.cells.coordinates(std::array::from_fn(|i| cell[i]), make.atoms);
            let lattice = Lattice::from_log_coordinates(k).ok();
            let found = lattice.and_then(|lattice| self.structure(group, ways, place, &lattice));
            let (crystal, orbits) = found.ok_or_else(|| langevin_core::Error::Shape {
                what: format!("sample {}: a structure of {}", place + 1, group.symbol),
                found: vec![0],
                expected: vec![make.atoms],
            })?;
            rows.push(domain.encode(&[crystal])?);
            all.push(Some(Arc::new(orbits)));
        }
        Ok((Chunk { x: State::concat(&rows)?, ..chunk }, all))
    }

    /// A random structure of the group for the sample at `place`, beside `lattice`.
    fn structure(
        &self,
        group: &SpaceGroup,
        ways: &Ways,
        place: usize,
        lattice: &Lattice,
    ) -> Option<(Crystal, Orbits)> {
        (0..TRIES).find_map(|attempt| {
            let ids = vec![SampleId(place as u64)];
            let mut rng = Rng::new(self.seed, Purpose::Reference, ids, STRUCTURE_STEP + attempt);
            let mut u = || rng.uniforms()[0];
            let occupied = ways.draw(&mut u);
            group.random_structure(&occupied, lattice, &mut u)
        })
    }
}
