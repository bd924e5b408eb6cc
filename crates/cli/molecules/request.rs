//! What samples are asked to be: a size, a composition, a part that is there already.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, anyhow};
use langevin_core::{Purpose, Rng, Seed};
use langevin_datasets::read_molecules;
use langevin_molecules::element::Element;
use langevin_molecules::formula::Formula;
use langevin_molecules::known::Known;
use langevin_molecules::record::Molecule;
use langevin_molecules::space::Molecules;
use serde::Serialize;

use crate::{bad_input, refused};

/// Requests to the sampler.
#[derive(Debug, Clone, clap::Args, Serialize)]
#[command(next_help_heading = "Requests")]
pub struct RequestArgs {
    /// Number of atoms, hydrogens counted: 18, or a range 15..20 within which sizes are as frequent as
    /// in the training data. Without it, as frequent as there.
    #[arg(long, value_name = "N|MIN..MAX")]
    atoms: Option<Sizes>,
    /// Exact composition, hydrogens counted: C7H10O2.
    #[arg(long, conflicts_with = "atoms")]
    #[serde(serialize_with = "shown")]
    formula: Option<Formula>,
    /// File with one molecule, of which every sample contains the atoms in the same shape.
    #[arg(long, value_name = "FILE")]
    scaffold: Option<PathBuf>,
}

fn shown<S: serde::Serializer>(formula: &Option<Formula>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_some(&formula.as_ref().map(ToString::to_string))
}

/// Numbers of atoms from the first to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sizes(usize, usize);

impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        let number = |text: &str| text.parse::<usize>().ok().filter(|&n| n > 0);
        let bounds = number(least).zip(number(most)).filter(|(least, most)| least <= most);
        let (least, most) = bounds.ok_or("allowed: a number above 0, or a range as 15..20")?;
        Ok(Self(least, most))
    }
}

/// The products of [`RequestArgs`] for one model.
pub struct Request {
    /// Sizes that may be drawn, with their weights.
    sizes: Vec<(usize, u64)>,
    /// What is known of the first atoms.
    known: Known,
}

impl RequestArgs {
    /// Everything checked against `domain`.
    ///
    /// # Errors
    /// The option, what was found and what is allowed.
    pub fn plan(&self, domain: &Molecules) -> Result<Request> {
        let scaffold = self.scaffold(domain)?;
        let known = scaffold.as_ref().map_or(&[][..], Molecule::species);
        let mut species: Vec<Element> = known.to_vec();
        let sizes = match (&self.formula, self.atoms) {
            (Some(formula), _) => {
                let Some(left) = formula.without(known) else {
                    return refused(format!("--formula {formula}: the scaffold is not part of it"));
                };
                species.extend(left.species());
                vec![(formula.atoms(), 1)]
            }
            // One size may be asked for whether the data have it or not.
            (None, Some(Sizes(least, most))) if least == most => vec![(least, 1)],
            (None, sizes) => {
                let Sizes(least, most) = sizes.unwrap_or(Sizes(1, usize::MAX));
                let own = domain.sizes.iter().map(|(&n, &count)| (n, count));
                own.filter(|&(n, _)| n >= least.max(known.len()) && n <= most).collect()
            }
        };
        self.check(domain, &species, &sizes, known.len())?;
        let place = |&element: &Element| domain.elements.iter().position(|&own| own == element);
        let species = species.iter().map(|element| place(element).map(|i| i as u32)).collect();
        let positions = scaffold.iter().flat_map(|molecule| molecule.positions()).flatten();
        let scaffold = positions.map(|x| x / domain.scale).collect();
        Ok(Request { sizes, known: Known { species, scaffold } })
    }

    fn check(
        &self,
        domain: &Molecules,
        species: &[Element],
        sizes: &[(usize, u64)],
        known: usize,
    ) -> Result<()> {
        if let Some(stranger) = species.iter().find(|element| !domain.elements.contains(element)) {
            let option = if self.formula.is_some() { "--formula" } else { "--scaffold" };
            let own: Vec<&str> = domain.elements.iter().map(|element| element.symbol()).collect();
            let own = own.join(", ");
            return refused(format!("{option}: found {stranger}, this model makes {own}"));
        }
        if sizes.is_empty() {
            let all = domain.sizes.keys();
            let (least, most) = (all.clone().min().unwrap_or(&0), all.max().unwrap_or(&0));
            return refused(format!(
                "--atoms: no molecule of the training data has such a size; they have {least} to {most} \
                 atoms, and a scaffold must fit in"
            ));
        }
        if let Some((n, _)) = sizes.iter().find(|(n, _)| *n < known) {
            return refused(format!("--scaffold: {known} atoms do not fit into {n}"));
        }
        Ok(())
    }

    fn scaffold(&self, _: &Molecules) -> Result<Option<Molecule>> {
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
    /// What is known of the atoms.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// A size for each of `count` samples: that of a sample depends on its own number alone.
    pub fn draw_sizes(&self, seed: Seed, count: usize) -> Vec<usize> {
        let total: u64 = self.sizes.iter().map(|(_, weight)| weight).sum();
        // Step 0 of this purpose makes the reference samples.
        let mut rng = Rng::new(seed, Purpose::Reference, langevin_core::rng::ids(0, count), 1);
        let size = |u: f64| {
            let mut below = (u * total as f64) as u64;
            for &(size, weight) in &self.sizes {
                if below < weight {
                    return size;
                }
                below -= weight;
            }
            // Rounding of the product could make it the total itself.
            self.sizes.last().expect("a request has a size").0
        };
        rng.uniforms().into_iter().map(size).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_a_number_or_a_range() {
        assert_eq!("18".parse(), Ok(Sizes(18, 18)));
        assert_eq!("15..20".parse(), Ok(Sizes(15, 20)));
        for bad in ["", "0", "20..15", "..20", "many", "-3"] {
            assert!(bad.parse::<Sizes>().is_err(), "{bad}");
        }
    }

    /// 3000 draws with chances 1/4 and 3/4: a standard deviation of 24; five of them.
    #[test]
    fn sizes_are_drawn_by_their_weights_whatever_the_count() {
        let request = Request { sizes: vec![(5, 1), (9, 3)], known: Known::default() };
        let sizes = request.draw_sizes(Seed(1), 3000);
        let small = sizes.iter().filter(|&&n| n == 5).count();
        assert!(small.abs_diff(750) < 120, "{small}");
        assert_eq!(request.draw_sizes(Seed(1), 10), sizes[..10]);
    }
}
