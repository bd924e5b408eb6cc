//! Initial values of parameters.

use langevin_core::Seed;
use langevin_kernels::rng::{Stream, tag};

/// Stream of initial weights; the parameter's name is the sample.
const WEIGHTS: u64 = tag("initial weights");

/// The law of a parameter's initial values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// All zero.
    Zeros,
    /// All one.
    Ones,
    /// Uniform on (−1/√fan_in, 1/√fan_in): weights and biases of a linear layer as PyTorch draws them.
    FanIn(usize),
    /// Uniform on (−bound, bound).
    Uniform(f64),
    /// Normal with this standard deviation.
    Normal(f64),
}

impl Init {
    /// `count` values for the parameter `name`: they depend on seed and name, not on the order in
    /// which layers are built.
    pub fn values(self, seed: Seed, name: &str, count: usize) -> Vec<f64> {
        let mut stream = Stream::new(seed.0, WEIGHTS, tag(name), 0);
        let mut values = vec![0.0; count];
        match self {
            Self::Zeros => {}
            Self::Ones => values.fill(1.0),
            Self::Normal(sd) => {
                stream.fill_normal(&mut values);
                values.iter_mut().for_each(|v| *v *= sd);
            }
            Self::FanIn(fan_in) => {
                return Self::Uniform(1.0 / (fan_in as f64).sqrt()).values(seed, name, count);
            }
            Self::Uniform(bound) => {
                stream.fill_uniform(&mut values);
                values.iter_mut().for_each(|v| *v = bound * (2.0 * *v - 1.0));
            }
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fan_in_stays_within_its_bound_and_fills_it() {
        let values = Init::FanIn(16).values(Seed(1), "w", 10_000);
        let largest = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        assert!(largest < 0.25 && largest > 0.249);
        // sd of a uniform law on ±b is b/√3; its estimate has a standard error of 0.45 % at 10 000.
        let sd = (values.iter().map(|v| v * v).sum::<f64>() / 1e4).sqrt();
        assert!((sd / (0.25 / 3f64.sqrt()) - 1.0).abs() < 0.0225);
        assert_ne!(values, Init::FanIn(16).values(Seed(1), "v", 10_000));
    }
}
