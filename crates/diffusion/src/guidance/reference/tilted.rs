//! Rare samples, with what makes them count as often as they should.

use langevin_core::time::column;
use langevin_core::{Result, Rng, State};

/// Samples of the law tilted by `e^{θ f}`.
#[derive(Debug, Clone)]
pub struct Tilted {
    /// Their reference samples.
    pub x_1: State,
    /// `f` of each.
    pub scores: Vec<f64>,
    /// Proposals taken, as a part of all.
    pub accepted: f64,
}

/// Moves `x_1 ~ N(0, I)` to the law with density `∝ N(0, I) e^{θ f(x_1)}`, sample by sample, in `steps` of the preconditioned
/// Crank–Nicolson walk: `x' = √(1 − β²) x + β ξ`, taken with probability `min(1, e^{θ (f(x') − f(x))})`.
///
/// The walk leaves that law unchanged for any step `β` in (0, 1]. Means under the untilted law are means with the weights
/// `e^{−θ f}`.
///
/// # Source
/// Cotter, Roberts, Stuart & White (2013), Statistical Science 28, 424–446, algorithm pCN.
///
/// # Errors
/// Those of `f`, which gives a number for each sample.
pub fn tilted(
    x_1: State,
    f: impl Fn(&State) -> Result<Vec<f64>>,
    strength: f64,
    (steps, beta): (usize, f64),
    rng: &mut Rng,
) -> Result<Tilted> {
    let (mut x, mut scores) = (x_1.clone(), f(&x_1)?);
    let keep = (1.0 - beta * beta).sqrt();
    let mut taken = 0;
    for _ in 0..steps {
        let proposal = x.map(|part| {
            let noise = rng.normal(&part.dims()[1..], part.dtype(), part.device())?;
            Ok(((part * keep)? + (noise * beta)?)?)
        })?;
        let own = f(&proposal)?;
        let rise = own.iter().zip(&scores).map(|(new, old)| (strength * (new - old)).exp());
        let takes: Vec<bool> = rng.uniforms().iter().zip(rise).map(|(u, rise)| *u < rise).collect();
        taken += takes.iter().filter(|&&take| take).count();
        x = chosen(&x, &proposal, &takes)?;
        let after = own.iter().zip(&scores).zip(&takes);
        scores = after.map(|((&new, &old), &take)| if take { new } else { old }).collect();
    }
    let accepted = taken as f64 / (steps * scores.len()).max(1) as f64;
    Ok(Tilted { x_1: x, scores, accepted })
}

/// The samples of `b` where `takes` says so, else those of `a`.
pub(super) fn chosen(a: &State, b: &State, takes: &[bool]) -> Result<State> {
    let weights: Vec<f64> = takes.iter().map(|&take| f64::from(u8::from(take))).collect();
    let parts = a.parts().iter().zip(b.parts()).map(|(a, b)| {
        let takes = column(&weights, a)?.broadcast_as(a.shape())?;
        // Not a weighted sum: 0 times infinity is no number.
        Ok(takes.ne(0.0)?.where_cond(b, a)?)
    });
    parts.collect::<Result<Vec<_>>>().map(State::new)
}

/// Weights, with sum 1, that make means over samples of the law tilted by `e^{θ f}` those of the untilted one; `scores` are
/// `f` of each.
pub fn untilting(scores: &[f64], strength: f64) -> Vec<f64> {
    let exponents = scores.iter().map(|score| -strength * score);
    // The same for any shift: with the highest at 0 nothing overflows, whatever the sign of the strength.
    let most = exponents.clone().fold(f64::NEG_INFINITY, f64::max);
    let raw: Vec<f64> = exponents.map(|exponent| (exponent - most).exp()).collect();
    let sum: f64 = raw.iter().sum();
    raw.into_iter().map(|weight| weight / sum).collect()
}

/// `1/Σ w²`: so many samples of equal weight would say as much.
pub fn effective_samples(weights: &[f64]) -> f64 {
    1.0 / weights.iter().map(|weight| weight * weight).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use langevin_core::rng::ids;
    use langevin_core::{Purpose, Seed};
    use langevin_testing::assert_within;

    use super::*;

    /// f(x) = a·x tilts N(0, I) to N(θ a, I): its mean along a is θ |a|², its variance |a|². 4000 samples that have
    /// forgotten where they began (0.64^60 of it is left), 5 standard errors; then weighted back to mean 0, with as many
    /// effective samples as e^{−θ²|a|²} leaves of them, and 5 of their standard errors.
    #[test]
    fn a_linear_tilt_shifts_the_mean() {
        let (n, theta, a) = (4000, 0.8, [1.0, 0.5]);
        let square = 1.25f64;
        let mut rng = Rng::new(Seed(1), Purpose::Sampling, ids(0, n), 0);
        let x_1 = State::single(rng.normal(&[2], DType::F64, &Device::Cpu).unwrap());
        let f = |x: &State| -> Result<Vec<f64>> {
            let rows = x.part(0).to_vec2::<f64>()?;
            Ok(rows.iter().map(|row| a[0] * row[0] + a[1] * row[1]).collect())
        };
        let tilted = tilted(x_1, f, theta, (60, 0.6), &mut rng).unwrap();
        let mean = tilted.scores.iter().sum::<f64>() / n as f64;
        assert_within("mean", mean, theta * square, 5.0 * (square / n as f64).sqrt());
        assert!(tilted.accepted > 0.4 && tilted.accepted < 0.95, "{}", tilted.accepted);
        let weights = untilting(&tilted.scores, theta);
        let back: f64 = weights.iter().zip(&tilted.scores).map(|(w, f)| w * f).sum();
        let effective = effective_samples(&weights);
        let expected = n as f64 * (-theta * theta * square).exp();
        assert_within("effective samples", effective, expected, 0.15 * expected);
        assert_within("mean, weighted back", back, 0.0, 5.0 * (square / effective).sqrt());
    }
    /// Scores whose exponentials overflow, of either sign: the least likely one has all the weight.
    #[test]
    fn steep_tilts_have_finite_weights() {
        assert_eq!(untilting(&[0.0, 900.0], 3.0), [1.0, 0.0]);
        assert_eq!(untilting(&[0.0, 900.0], -3.0), [0.0, 1.0]);
        assert_eq!(effective_samples(&untilting(&[5.0, 5.0], 3.0)), 2.0);
    }
}
