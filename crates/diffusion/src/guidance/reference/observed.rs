//! Samples that agree with observations.

use candle_core::{Tensor, Var};
use langevin_core::tensor::sum_per_sample;
use langevin_core::time::column;
use langevin_core::{Result, State};
use langevin_kernels::backward;

use super::tilted::chosen;

/// The longest step along the gradient; the prior alone has curvature 1.
const LONGEST: f64 = 1.0;

/// Samples of the posterior.
#[derive(Debug, Clone)]
pub struct Observed {
    /// Their reference samples.
    pub x_1: State,
    /// `½ Σ r²` of each, before and after.
    pub misfit: [Vec<f64>; 2],
}

/// Moves `x_1 ~ N(0, I)` to samples given observations, by randomised maximum likelihood: each goes to the least of
///
/// `J(x) = ½ ‖x − x_1‖² + ½ ‖r(x)‖²`, `r_k = (h_k(G(x)) − y_k − e_k)/σ_k`, `e_k ~ N(0, σ_k²)`
///
/// in `steps` of descent, whose lengths are Barzilai and Borwein's while `J` falls and a third of that while it does not.
/// `residuals` gives `r` of each sample, `[B, K]`, by differentiable tensor operations; the errors `e` are the
/// caller's to draw, once. Where `h ∘ G` is linear, these are samples of the posterior; else they are near its modes.
///
/// # Source
/// Oliver, He & Reynolds (1996), ECMOR V; Kitanidis (1995), Water Resources Research 31, 2411–2419; steps: Barzilai &
/// Borwein (1988), IMA J. Numer. Anal. 8, 141–148.
///
/// # Errors
/// Those of `residuals`.
pub fn observed(
    x_1: &State,
    residuals: impl Fn(&State) -> Result<Tensor>,
    steps: usize,
) -> Result<Observed> {
    let mut here = Cost::at(x_1, x_1, &residuals)?;
    let first = here.misfit.clone();
    let mut lengths = vec![0.1; here.total.len()];
    for _ in 0..steps {
        let x = moved(&here, &lengths)?;
        let there = Cost::at(&x, x_1, &residuals)?;
        let falls: Vec<bool> =
            there.total.iter().zip(&here.total).map(|(new, old)| new <= old).collect();
        let secant = secants(&here, &there)?;
        for ((length, falls), secant) in lengths.iter_mut().zip(&falls).zip(secant) {
            *length = match (falls, secant) {
                (false, _) => *length / 3.0,
                (true, Some(secant)) => secant.min(LONGEST),
                (true, None) => (*length * 2.0).min(LONGEST),
            };
        }
        here = here.or(&there, &falls)?;
    }
    Ok(Observed { x_1: here.x, misfit: [first, here.misfit] })
}

/// `J` of samples, with its gradient.
struct Cost {
    x: State,
    gradient: State,
    total: Vec<f64>,
    misfit: Vec<f64>,
}

impl Cost {
    fn at(x: &State, x_1: &State, residuals: &impl Fn(&State) -> Result<Tensor>) -> Result<Self> {
        let vars = x.parts().iter().map(|part| Var::from_tensor(&part.detach()));
        let vars = vars.collect::<candle_core::Result<Vec<Var>>>()?;
        let shown = State::new(vars.iter().map(|var| var.as_tensor().clone()).collect());
        let misfit = (sum_per_sample(&residuals(&shown)?.sqr()?)? * 0.5)?;
        let gradients = backward(&misfit.sum_all()?)?;
        let (mut prior, mut gradient) = (vec![0.0; x.samples()?], Vec::new());
        for ((var, part), from) in vars.iter().zip(x.parts()).zip(x_1.parts()) {
            let off = (part - from)?;
            let own = numbers(&sum_per_sample(&off.sqr()?)?)?;
            prior.iter_mut().zip(own).for_each(|(sum, own)| *sum += 0.5 * own);
            gradient.push(match gradients.get(var.as_tensor()) {
                Some(own) => (own + off)?,
                None => off,
            });
        }
        let misfit = numbers(&misfit.detach())?;
        let total = misfit.iter().zip(prior).map(|(misfit, prior)| misfit + prior).collect();
        Ok(Self { x: x.detach(), gradient: State::new(gradient).detach(), total, misfit })
    }

    /// `other` where `takes` says so.
    fn or(&self, other: &Self, takes: &[bool]) -> Result<Self> {
        let pick = |a: &[f64], b: &[f64]| -> Vec<f64> {
            let both = a.iter().zip(b).zip(takes);
            both.map(|((&a, &b), &take)| if take { b } else { a }).collect()
        };
        Ok(Self {
            x: chosen(&self.x, &other.x, takes)?,
            gradient: chosen(&self.gradient, &other.gradient, takes)?,
            total: pick(&self.total, &other.total),
            misfit: pick(&self.misfit, &other.misfit),
        })
    }
}

/// Samples moved against their gradients, each by its length.
fn moved(here: &Cost, lengths: &[f64]) -> Result<State> {
    let parts = here.x.parts().iter().zip(here.gradient.parts());
    let moved = parts.map(|(x, g)| Ok((x - g.broadcast_mul(&column(lengths, x)?)?)?));
    moved.collect::<Result<Vec<_>>>().map(State::new)
}

/// `s·s/s·y` of each sample, `s` the way between two points and `y` the change of the gradient; nothing where the gradient
/// does not rise along the way.
fn secants(here: &Cost, there: &Cost) -> Result<Vec<Option<f64>>> {
    let count = here.total.len();
    let (mut squares, mut products) = (vec![0.0; count], vec![0.0; count]);
    for i in 0..here.x.parts().len() {
        let s = (there.x.part(i) - here.x.part(i))?;
        let y = (there.gradient.part(i) - here.gradient.part(i))?;
        let add = |sums: &mut Vec<f64>, own: Tensor| -> Result<()> {
            let own = numbers(&sum_per_sample(&own)?)?;
            sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
            Ok(())
        };
        add(&mut squares, s.sqr()?)?;
        add(&mut products, (s * y)?)?;
    }
    let of = |(ss, sy): (f64, f64)| (sy > 0.0 && ss > 0.0).then(|| ss / sy);
    Ok(squares.into_iter().zip(products).map(of).collect())
}

fn numbers(x: &Tensor) -> Result<Vec<f64>> {
    Ok(x.to_dtype(candle_core::DType::F64)?.to_vec1::<f64>()?)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use langevin_core::rng::ids;
    use langevin_core::{Purpose, Rng, Seed};
    use langevin_testing::assert_within;

    use super::*;

    /// A linear map: y = a·x + N(0, σ²) gives N(m, 1 − |a|²/(|a|² + σ²)) along a, m = |a| y/(|a|² + σ²), and leaves what is
    /// across it alone. 4000 samples, 5 standard errors.
    #[test]
    fn linear_observations_give_the_posterior() {
        let (n, sigma, y) = (4000, 0.3, 1.7);
        let a = Tensor::new(&[[2.0], [1.0]], &Device::Cpu).unwrap();
        let mut rng = Rng::new(Seed(1), Purpose::Sampling, ids(0, n), 0);
        let x_1 = State::single(rng.normal(&[2], DType::F64, &Device::Cpu).unwrap());
        let errors = (rng.normal(&[1], DType::F64, &Device::Cpu).unwrap() * sigma).unwrap();
        let residuals = |x: &State| -> Result<Tensor> {
            Ok((((x.part(0).matmul(&a)? - y)? - &errors)? / sigma)?)
        };
        let made = observed(&x_1, residuals, 40).unwrap();
        let (rows, first) =
            (made.x_1.part(0).to_vec2::<f64>().unwrap(), x_1.part(0).to_vec2::<f64>().unwrap());
        let unit = [2.0 / 5f64.sqrt(), 1.0 / 5f64.sqrt()];
        let along: Vec<f64> = rows.iter().map(|row| unit[0] * row[0] + unit[1] * row[1]).collect();
        let mean = along.iter().sum::<f64>() / n as f64;
        let variance = along.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
        let gain = 5.0 + sigma * sigma;
        let want = 1.0 - 5.0 / gain;
        assert_within("mean", mean, 5f64.sqrt() * y / gain, 5.0 * (want / n as f64).sqrt());
        assert_within("variance", variance, want, 5.0 * want * (2.0 / n as f64).sqrt());
        for (now, before) in rows.iter().zip(&first) {
            let across = |row: &[f64]| unit[1] * row[0] - unit[0] * row[1];
            assert_within("across", across(now), across(before), 1e-9);
        }
        let sum = |misfit: &[f64]| misfit.iter().sum::<f64>();
        assert!(sum(&made.misfit[1]) < 0.1 * sum(&made.misfit[0]));
    }

    /// Curved and steep: the cost falls all the way, in any batch alike.
    #[test]
    fn curved_observations_are_met() {
        let x_1 = State::single(Tensor::new(&[[0.3, -1.0], [1.5, 0.2]], &Device::Cpu).unwrap());
        let residuals = |x: &State| -> Result<Tensor> { Ok(((x.part(0).exp()? - 2.0)? / 0.01)?) };
        let all = observed(&x_1, residuals, 200).unwrap();
        let values = all.x_1.part(0).to_vec2::<f64>().unwrap();
        assert!(values.iter().flatten().all(|x| (x - 2f64.ln()).abs() < 1e-3), "{values:?}");
        let one = observed(&x_1.narrow(1, 1).unwrap(), residuals, 200).unwrap();
        assert_eq!(one.x_1.part(0).to_vec2::<f64>().unwrap()[0], values[1]);
    }
}
