//! What samples are asked to be: a size, a composition, a part that is there already.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use candle_core::DType;
use langevin_core::{Counted, Denoiser, Estimate, Purpose, Rng, Sampler, Seed, State, Tally};
use langevin_datasets::read_molecules;
use langevin_diffusion::guidance::{Contrast, ContrastConfig, Held, Projected, Repeated};
use langevin_molecules::element::Element;
use langevin_molecules::formula::Formula;
use langevin_molecules::known::Known;
use langevin_molecules::property::Asked;
use langevin_molecules::record::Molecule;
use langevin_molecules::space::Molecules;
use serde::Serialize;

use super::sample::Trained;
use crate::generate::Chunk;
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
    /// Value of a property that the model was trained with, as gap=6.8eV; may be given again for others.
    #[arg(long, value_name = "NAME=VALUE[UNIT]")]
    property: Vec<Asked>,
    /// Weight w of the answer with properties against the one without: 1 changes nothing, more
    /// exaggerates what the properties make of it.
    #[arg(long, value_name = "W", requires = "property")]
    guidance: Option<f64>,
    /// File with one molecule, of which every sample contains the atoms in the same shape.
    #[arg(long, value_name = "FILE")]
    scaffold: Option<PathBuf>,
    /// Times that each step is taken for a scaffold: more fits the other atoms better.
    #[arg(long, default_value_t = 5, requires = "scaffold", value_name = "N")]
    repeats: usize,
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
    /// Value of each property of the model, where one is asked for.
    properties: Vec<Option<f64>>,
    /// How far to go away from the answer without properties.
    contrast: Option<Contrast>,
    /// Times that each step is taken.
    repeats: usize,
}

impl RequestArgs {
    /// Everything checked against `domain`.
    ///
    /// # Errors
    /// The option, what was found and what is allowed.
    pub fn plan(&self, domain: &Molecules) -> Result<Request> {
        if self.formula.is_some() || self.scaffold.is_some() {
            super::require_classes(domain, "--formula and --scaffold")?;
        }
        let scaffold = self.scaffold()?;
        let known = scaffold.as_ref().map_or(&[][..], Molecule::species);
        let (sizes, others) = match (&self.formula, self.atoms) {
            (Some(formula), _) => {
                let Some(others) = formula.without(known) else {
                    return refused(format!("--formula {formula}: the scaffold is not part of it"));
                };
                (vec![(formula.atoms(), 1)], Some(others.species()))
            }
            // One size may be asked for whether the data have it or not.
            (None, Some(Sizes(least, most))) if least == most => (vec![(least, 1)], None),
            (None, sizes) => {
                let Sizes(least, most) = sizes.unwrap_or(Sizes(1, usize::MAX));
                let own = domain.sizes.iter().map(|(&n, &count)| (n, count));
                (own.filter(|&(n, _)| n >= least.max(known.len()) && n <= most).collect(), None)
            }
        };
        self.check(domain, known, others.as_deref(), &sizes)?;
        let place = |element: &Element| {
            let place = domain.elements.iter().position(|own| own == element);
            place.expect("the elements were checked") as u32
        };
        let positions = scaffold.iter().flat_map(|molecule| molecule.positions()).flatten();
        let known = Known {
            species: known.iter().map(place).collect(),
            scaffold: positions.map(|x| x / domain.scale).collect(),
            others: others.map(|others| others.iter().map(place).collect()),
        };
        let properties = self.properties(domain)?;
        let contrast = self.guidance.map(|weight| {
            let (log_snr_min, log_snr_max) = (f64::NEG_INFINITY, f64::INFINITY);
            let config = ContrastConfig { weight, log_snr_min, log_snr_max };
            config.build().map_err(|error| bad_input(error.within("--guidance")))
        });
        let contrast = contrast.transpose()?;
        if self.repeats == 0 {
            return refused("--repeats: found 0, allowed: at least 1");
        }
        let repeats = if scaffold.is_some() { self.repeats } else { 1 };
        Ok(Request { sizes, known, properties, contrast, repeats })
    }

    /// Values in the units and the order of the model's properties.
    fn properties(&self, domain: &Molecules) -> Result<Vec<Option<f64>>> {
        let mut values = vec![None; domain.properties.len()];
        for asked in &self.property {
            let names = domain.properties.iter().map(|property| property.name.as_str());
            let names: Vec<&str> = names.collect();
            let Some(place) = names.iter().position(|name| *name == asked.name) else {
                let name = &asked.name;
                return refused(if names.is_empty() {
                    format!(
                        "--property: found {name}, but this model was trained without properties"
                    )
                } else {
                    format!("--property: found {name}, this model knows {}", names.join(", "))
                });
            };
            let property = &domain.properties[place];
            let value = asked
                .value_in(property)
                .map_err(|error| bad_input(anyhow!("--property {}: {error}", asked.name)))?;
            if values[place].replace(value).is_some() {
                return refused(format!("--property: {} stands twice", asked.name));
            }
            if value < property.least || value > property.most {
                let (least, most) = (property.least, property.most);
                let unit = property.unit.as_deref().unwrap_or("");
                eprintln!(
                    "warning: {} of {value:.4} {unit} is outside of the training data, which have \
                     {least:.4} to {most:.4}",
                    asked.name
                );
            }
        }
        Ok(values)
    }

    fn check(
        &self,
        domain: &Molecules,
        known: &[Element],
        others: Option<&[Element]>,
        sizes: &[(usize, u64)],
    ) -> Result<()> {
        let strange = |species: &[Element]| {
            species.iter().find(|element| !domain.elements.contains(element)).copied()
        };
        let stranger = strange(known).map(|element| ("--scaffold", element));
        let stranger = stranger.or(strange(others.unwrap_or_default()).map(|e| ("--formula", e)));
        if let Some((option, stranger)) = stranger {
            let own: Vec<&str> = domain.elements.iter().map(|element| element.symbol()).collect();
            let own = own.join(", ");
            return refused(format!("{option}: found {stranger}, this model makes {own}"));
        }
        let known = known.len();
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

    fn scaffold(&self) -> Result<Option<Molecule>> {
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
    /// Who estimates `count` molecules of `trained`: the network, told and held to what is asked.
    ///
    /// # Errors
    /// [`langevin_core::Error::Tensor`] only.
    pub fn denoiser(
        &self,
        trained: &Trained,
        count: usize,
        tally: &Tally,
    ) -> langevin_core::Result<Arc<dyn Denoiser>> {
        let condition =
            trained.domain.condition(&vec![self.properties.clone(); count], DType::F32)?;
        let network = |condition| Counted::new(trained.denoiser_of(condition), tally);
        let told = network(condition.clone());
        let denoiser: Arc<dyn Denoiser> = match &self.contrast {
            None => Arc::new(told),
            Some(rule) => {
                let process = trained.process.clone();
                Arc::new(rule.guide(process, told, network(condition.hidden()?)))
            }
        };
        if self.known.is_empty() {
            return Ok(denoiser);
        }
        let known = self.known.clone();
        Ok(Arc::new(Projected::new(denoiser, move |x: &Estimate| known.of_estimate(x))))
    }

    /// `chunk` of reference samples, ready to become what is known.
    ///
    /// # Errors
    /// [`langevin_core::Error::Shape`] if it is too small.
    pub fn begin(&self, chunk: Chunk) -> langevin_core::Result<Chunk> {
        Ok(Chunk { x: self.known.of_reference(&chunk.x)?, ..chunk })
    }

    /// `sampler`, holding what is known.
    pub fn sampler(&self, sampler: Arc<dyn Sampler>) -> Arc<dyn Sampler> {
        if self.known.is_empty() {
            return sampler;
        }
        let known = self.known.clone();
        let held = Held::new(sampler, move |x: &State| known.of_state(x));
        if self.repeats == 1 { Arc::new(held) } else { Arc::new(Repeated::new(held, self.repeats)) }
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
        let request = Request {
            sizes: vec![(5, 1), (9, 3)],
            known: Known::default(),
            properties: Vec::new(),
            contrast: None,
            repeats: 1,
        };
        let sizes = request.draw_sizes(Seed(1), 3000);
        let small = sizes.iter().filter(|&&n| n == 5).count();
        assert!(small.abs_diff(750) < 120, "{small}");
        assert_eq!(request.draw_sizes(Seed(1), 10), sizes[..10]);
    }
}
