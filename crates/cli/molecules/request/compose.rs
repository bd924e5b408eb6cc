//! From what is asked of sizes and species to what samples may be made of.

use anyhow::Result;
use langevin_molecules::composition::Composition;
use langevin_molecules::element::Element;
use langevin_molecules::formula::Formula;
use langevin_molecules::perception::perceive;
use langevin_molecules::record::Molecule;
use langevin_molecules::space::Molecules;
use langevin_molecules::unsaturation;

use super::makes::{Choices, Make, known_first};
use crate::refused;
use crate::size_range::SizeRange;

/// Chooses among sizes and compositions of a model's training data.
pub struct Composer<'a> {
    domain: &'a Molecules,
    /// Whether species are given to the model.
    given: bool,
    /// Species of the scaffold.
    known: Vec<u32>,
    /// Rings and bonds beyond single ones of the scaffold.
    unsaturated: i64,
}

impl<'a> Composer<'a> {
    /// For a model of `domain`, to which species are `given` or not, and samples that hold `scaffold`.
    ///
    /// # Errors
    /// An element that the model does not make.
    pub fn new(domain: &'a Molecules, given: bool, scaffold: Option<&Molecule>) -> Result<Self> {
        let known = scaffold.map_or(&[][..], Molecule::species);
        let known = species_of("--scaffold", known, domain)?;
        let unsaturated =
            scaffold.map_or(0, |molecule| unsaturation::of_graph(&perceive(molecule).graph));
        Ok(Self { domain, given, known, unsaturated })
    }

    /// Molecules with the composition `formula`.
    ///
    /// # Errors
    /// An element that the model does not make, or a scaffold that is not part of it.
    pub fn of_formula(&self, formula: &Formula) -> Result<Choices> {
        let species = species_of("--formula", &formula.species(), self.domain)?;
        let all = self.known.iter().all(|own| {
            let count = |list: &[u32]| list.iter().filter(|other| *other == own).count();
            count(&self.known) <= count(&species)
        });
        if !all {
            return refused(format!("--formula {formula}: the scaffold is not part of it"));
        }
        let species = Some(known_first(species, &self.known));
        Ok(Choices::new([(Make { atoms: formula.atoms(), species }, 1.0)]))
    }

    /// Molecules with numbers of atoms in `sizes`, for which values of properties are `asked`.
    ///
    /// # Errors
    /// If there are none in the training data, where it matters.
    pub fn of_sizes(&self, sizes: SizeRange, asked: &[Option<f64>]) -> Result<Choices> {
        if sizes.1 < self.known.len() {
            let (known, most) = (self.known.len(), sizes.1);
            return refused(format!("--scaffold: {known} atoms do not fit into {most}"));
        }
        if self.given {
            return self.of_data(sizes, asked);
        }
        let SizeRange(least, most) = sizes;
        if least == most {
            // One size may be asked for whether the data have it or not.
            return Ok(Choices::new([(Make { atoms: least, species: None }, 1.0)]));
        }
        let choices = Choices::sizes(self.domain, |n| sizes.holds(n));
        if choices.is_empty() {
            let all = self.domain.sizes.keys();
            let (least, most) = (all.clone().min().unwrap_or(&0), all.max().unwrap_or(&0));
            return refused(format!(
                "--atoms: no molecule of the training data has such a size; they have {least} to {most} atoms"
            ));
        }
        Ok(choices)
    }

    /// Compositions of the training data in which the scaffold's atoms, rings and multiple bonds have room.
    fn of_data(&self, sizes: SizeRange, asked: &[Option<f64>]) -> Result<Choices> {
        let fit = |own: &Composition| {
            let atoms = own.species().into_iter().map(|s| self.domain.elements[s as usize]);
            let twice = unsaturation::twice_of_composition(&atoms.collect::<Vec<_>>());
            sizes.holds(own.atoms()) && twice.is_none_or(|twice| twice >= 2 * self.unsaturated)
        };
        let choices = Choices::compositions(self.domain, fit, &self.known, asked);
        if choices.is_empty() {
            return refused(
                "no molecule of the training data has such a size and the scaffold's atoms: give the \
                 composition with --formula",
            );
        }
        Ok(choices)
    }
}

/// The species of `atoms` in `domain`; of an element with charges, the least charged one.
fn species_of(option: &str, atoms: &[Element], domain: &Molecules) -> Result<Vec<u32>> {
    let place = |element: &Element| {
        let place = domain.elements.iter().position(|own| own == element);
        let Some(place) = place else {
            let own = domain.distinct_elements();
            let own: Vec<&str> = own.iter().map(|element| element.symbol()).collect();
            let own = own.join(", ");
            return refused(format!("{option}: found {element}, this model makes {own}"));
        };
        Ok(place as u32)
    };
    atoms.iter().map(place).collect()
}
