//! What a bound on the likelihood of molecules needs beside that of their states.

use std::f64::consts::SQRT_2;

use candle_core::{DType, Tensor};
use langevin_core::Result;
use statrs::function::erf::erf;

use crate::space::Molecules;
use crate::species::{NUMBER, ONE_HOT, SpeciesForm};

/// Added to each probability, so that one that rounds to 0 has a logarithm; as in EDM's code.
const LEAST: f64 = 1e-10;

impl Molecules {
    /// `3 (n − 1) ln(scale) − ln p(n)` in nats: the volume of Å in that of a state for molecules of n atoms, and
    /// the surprise of their number. Nothing for a number that the data do not have.
    pub fn size_nats(&self, atoms: usize) -> Option<f64> {
        let count = self.sizes.get(&atoms).filter(|&&count| count > 0)?;
        let total: u64 = self.sizes.values().sum();
        let log_p = (*count as f64 / total as f64).ln();
        Some(3.0 * (atoms as f64 - 1.0) * self.scale.ln() - log_p)
    }

    /// `−ln p(species | z)` of each sample in nats, where `z` is the species' part of a state that carries noise
    /// of standard deviation `sigma`, and `clean` the same part without it; features, not classes.
    ///
    /// A one-hot number h is an integer that a Gaussian about z rounds to, `p(h) = Φ((z − h + ½)/σ) −
    /// Φ((z − h − ½)/σ)` with z and σ in units of h; that of a class is this at h = 1, divided by the sum over
    /// classes. The atomic number has its own such factor.
    ///
    /// # Shapes and units
    /// - `z` and `clean`: `[B, n, K + 1]`; returns `[B]`
    ///
    /// # Errors
    /// [`langevin_core::Error::Tensor`] if the shapes differ.
    ///
    /// # Source
    /// Hoogeboom, Satorras, Vignac & Welling (2022), arXiv:2203.17003, section 3.3, with the constants of its
    /// code, which does not divide z by α_0 either.
    pub fn species_nats(&self, z: &Tensor, clean: &Tensor, sigma: f64) -> Result<Vec<f64>> {
        let classes = self.form.decode(clean)?;
        let z = z.to_dtype(DType::F64)?.to_vec3::<f64>()?;
        let width = SpeciesForm::width(self.elements.len());
        let of_atom = |(z, &class): (&Vec<f64>, &u32)| {
            let one_hot =
                z[..width - 1].iter().map(|z| rounds_to(1.0, z * ONE_HOT, sigma * ONE_HOT));
            let probabilities: Vec<f64> = one_hot.collect();
            let total: f64 = probabilities.iter().sum();
            let number = f64::from(self.elements[class as usize].number());
            let number = rounds_to(number, z[width - 1] * NUMBER, sigma * NUMBER);
            -(probabilities[class as usize] / total).ln() - number.ln()
        };
        let of_sample =
            |(z, classes): (&Vec<Vec<f64>>, &Vec<u32>)| z.iter().zip(classes).map(of_atom).sum();
        Ok(z.iter().zip(&classes).map(of_sample).collect())
    }
}

/// The probability that a Gaussian of mean `z` and deviation `sigma` rounds to `h`, and [`LEAST`].
fn rounds_to(h: f64, z: f64, sigma: f64) -> f64 {
    let below = |edge: f64| 0.5 * erf((edge - z) / (SQRT_2 * sigma));
    (below(h + 0.5) - below(h - 0.5)).max(0.0) + LEAST
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use langevin_core::Domain;

    use super::*;
    use crate::element::Element;
    use crate::record::Molecule;

    fn methanol() -> Molecule {
        let species = [Element::C, Element::O, Element::H, Element::H, Element::H, Element::H];
        let position = |i: usize| [i as f64, (i * i) as f64 * 0.3, 0.0];
        Molecule::new(species.to_vec(), (0..6).map(position).collect()).unwrap()
    }

    fn domain() -> Molecules {
        let water = vec![[0.0, 0.0, 0.0], [0.76, 0.59, 0.0], [-0.76, 0.59, 0.0]];
        let water = Molecule::new(vec![Element::O, Element::H, Element::H], water).unwrap();
        let mut domain = Molecules::measured(&[methanol(), water.clone(), water]).unwrap();
        domain.form = SpeciesForm::Features;
        domain
    }

    /// ∫ of the Gaussian density from h − ½ to h + ½, by the midpoint rule.
    fn integral(h: f64, z: f64, sigma: f64) -> f64 {
        let density = |x: f64| (-0.5 * ((x - z) / sigma).powi(2)).exp();
        let nodes = (0..20_000).map(|i| density(h - 0.5 + (f64::from(i) + 0.5) / 2e4));
        nodes.sum::<f64>() / 2e4 / (sigma * std::f64::consts::TAU.sqrt())
    }

    /// One atom of three elements, its features far off, against integrals of the density.
    #[test]
    fn the_surprise_of_species_is_that_of_rounded_gaussians() {
        let domain = domain();
        assert_eq!(domain.elements, [Element::H, Element::C, Element::O]);
        let tensor = |row: [f64; 4]| Tensor::new(&[[row]], &Device::Cpu).unwrap();
        let (z, sigma) = ([0.1, 0.16, -0.02, 0.58], 0.05);
        let found = domain.species_nats(&tensor(z), &tensor([0.0, 0.25, 0.0, 0.6]), sigma).unwrap();
        let class = |i: usize| integral(1.0, 4.0 * z[i], 4.0 * sigma);
        let number = integral(6.0, 10.0 * z[3], 10.0 * sigma);
        let p = class(1) / (class(0) + class(1) + class(2)) * number;
        assert!((found[0] + p.ln()).abs() < 1e-6, "{} {}", found[0], -p.ln());
    }

    /// With the noise of EDM at t = 0 a state without error costs nothing, and an atom with another's features
    /// the logarithms of two probabilities of 1e-10.
    #[test]
    fn what_is_clear_costs_nothing_and_what_is_wrong_is_bounded() {
        let domain = domain();
        let clean = domain.encode(&[methanol()]).unwrap().part(1).clone();
        let sigma = 1e-5f64.sqrt();
        assert!(domain.species_nats(&clean, &clean, sigma).unwrap()[0].abs() < 1e-8);
        let order = Tensor::new(&[0u32, 2, 2, 3, 4, 5], &Device::Cpu).unwrap();
        let wrong = clean.index_select(&order, 1).unwrap();
        let found = domain.species_nats(&wrong, &clean, sigma).unwrap()[0];
        assert!((found - 2.0 * 1e10f64.ln()).abs() < 1e-6, "{found}");
    }

    #[test]
    fn numbers_of_atoms_are_as_surprising_as_they_are_rare() {
        let mut domain = domain();
        domain.scale = 2.0;
        let expected = 15.0 * 2f64.ln() + 3f64.ln();
        assert!((domain.size_nats(6).unwrap() - expected).abs() < 1e-12);
        assert_eq!(domain.size_nats(5), None);
    }
}
