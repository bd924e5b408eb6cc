//! What samples are asked to be: a size, a composition, values of properties, a part that is there already.

mod properties;
mod sizes;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, anyhow};
use candle_core::DType;
use langevin_core::{Counted, Denoiser, Estimate, Sampler, Seed, State, Tally};
use langevin_datasets::read_molecules;
use langevin_diffusion::guidance::{Contrast, ContrastConfig, Held, Projected, Repeated};
use langevin_molecules::element::Element;
use langevin_molecules::formula::Formula;
use langevin_molecules::known::Known;
use langevin_molecules::property::Asked;
use langevin_molecules::record::Molecule;
use langevin_molecules::space::Molecules;
use serde::Serialize;

use self::properties::{Wishes, each_its_own, same_for_all};
use self::sizes::{SizeRange, Sizes};
use super::sample::Trained;
use super::shipped;
use crate::generate::Chunk;
use crate::{bad_input, refused};

/// Requests to the sampler.
#[derive(Debug, Clone, clap::Args, Serialize)]
#[command(next_help_heading = "Requests")]
pub struct RequestArgs {
    /// Number of atoms, hydrogens counted: 18, or a range 15..20 within which sizes are as frequent as
    /// in the training data. Without it, as frequent as there.
    #[arg(long, value_name = "N|MIN..MAX")]
    atoms: Option<SizeRange>,
    /// Exact composition, hydrogens counted: C7H10O2.
    #[arg(long, conflicts_with = "atoms")]
    #[serde(serialize_with = "shown")]
    formula: Option<Formula>,
    /// Value of a property that the model was trained with, as gap=6.8eV; may be given again for others.
    #[arg(long, value_name = "NAME=VALUE[UNIT]")]
    property: Vec<Asked>,
    /// Table with a row for each molecule: column atoms, and columns named as properties of the model, in its
    /// units; an empty cell asks for nothing. There are as many molecules as rows.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["atoms", "formula", "property", "scaffold"])]
    each: Option<PathBuf>,
    /// Weight w of the model's answer against a weaker one: 1 changes nothing, more exaggerates what tells the
    /// two apart. The weaker one is the model without its properties, or --weaker.
    #[arg(long, value_name = "W")]
    guidance: Option<f64>,
    /// A smaller or less trained model to be guided away from (autoguidance).
    #[arg(long, value_name = "MODEL", requires = "guidance")]
    weaker: Option<PathBuf>,
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

/// The products of [`RequestArgs`] for one model.
pub struct Request {
    sizes: Sizes,
    /// What is known of the first atoms.
    known: Known,
    wishes: Wishes,
    /// How far to go away from a weaker answer.
    contrast: Option<Contrast>,
    /// Who gives the weaker answer, if not the model without its properties.
    weaker: Option<Trained>,
    /// Times that each step is taken.
    repeats: usize,
}

impl RequestArgs {
    /// Everything checked against `trained`.
    ///
    /// # Errors
    /// The option, what was found and what is allowed.
    pub fn plan(&self, trained: &Trained) -> Result<Request> {
        let domain = &trained.domain;
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
            (None, Some(SizeRange(least, most))) if least == most => (vec![(least, 1)], None),
            (None, sizes) => {
                let SizeRange(least, most) = sizes.unwrap_or(SizeRange(1, usize::MAX));
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
        let (sizes, wishes) = match &self.each {
            Some(path) => each_its_own(path, domain)?,
            None => (Sizes::Law(sizes), same_for_all(&self.property, domain)?),
        };
        let asked = !self.property.is_empty() || self.each.is_some();
        if self.guidance.is_some() && !asked && self.weaker.is_none() {
            return refused("--guidance: needs --property, --each, or another model as --weaker");
        }
        let weaker = self.weaker.as_deref().map(|path| weaker(path, trained)).transpose()?;
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
        Ok(Request { sizes, known, wishes, contrast, weaker, repeats })
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
            let own = domain.distinct_elements();
            let own: Vec<&str> = own.iter().map(|element| element.symbol()).collect();
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

/// The model in `path`, to be guided away from by `trained`.
fn weaker(path: &Path, trained: &Trained) -> Result<Trained> {
    let (weaker, _) = shipped::read(path)?;
    let alike = |a: &Trained, b: &Trained| {
        let (a_method, b_method) = (&a.experiment.method, &b.experiment.method);
        (&a.domain, &a_method.path) == (&b.domain, &b_method.path)
    };
    if !alike(&weaker, trained) {
        return refused("--weaker: data or path of the two models differ");
    }
    Ok(weaker)
}

impl Request {
    /// Number of samples where each is asked for something of its own.
    pub fn count(&self) -> Option<usize> {
        match &self.sizes {
            Sizes::Law(_) => None,
            Sizes::Each(sizes) => Some(sizes.len()),
        }
    }

    /// Who estimates the molecules `places` of `trained`: the network, told and held to what is asked.
    ///
    /// # Errors
    /// [`langevin_core::Error::Tensor`] only.
    pub fn denoiser(
        &self,
        trained: &Trained,
        places: &[usize],
        tally: &Tally,
    ) -> langevin_core::Result<Arc<dyn Denoiser>> {
        let condition = trained.domain.condition(&self.wishes.of(places), DType::F32)?;
        let network = |condition| Counted::new(trained.denoiser_of(condition), tally);
        let told = network(condition.clone());
        let denoiser: Arc<dyn Denoiser> = match &self.contrast {
            None => Arc::new(told),
            Some(rule) => {
                let process = trained.process.clone();
                let weaker = match &self.weaker {
                    Some(weaker) => Counted::new(weaker.denoiser_of(condition), tally),
                    None => network(condition.hidden()?),
                };
                Arc::new(rule.guide(process, told, weaker))
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

    /// A size for each of `count` samples.
    pub fn draw_sizes(&self, seed: Seed, count: usize) -> Vec<usize> {
        self.sizes.draw(seed, count)
    }
}
