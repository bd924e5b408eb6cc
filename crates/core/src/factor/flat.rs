//! Flat factors: Euclidean, centred, and fields on a grid.

use std::f64::consts::TAU;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::{Factor, NoiseLaw, PathPoint, RandomField, White, ZeroMean};
use crate::tensor::{combine, mean_per_sample, sum_per_sample};
use crate::{Aim, Error, Head, Path, Result, Rng, Times, Transition};

/// `R^shape` with Gaussian noise of law `L`: `x_t = α x_0 + β x_1 + γ ε`.
///
/// With γ, the two aims of a path differ. [`Aim::Flow`]: the velocity is `α' x_0 + β' x_1 + γ' ε`, and the
/// clean end the one that implies it, `x_0 + (β' γ − β γ')/(α β' − α' β) ε`; where γ is constant and α + β = 1
/// that is `x_0 + γ ε`, the end with the blur that it carries all along the path. [`Aim::Data`]: the clean
/// end is x_0, and the velocity the drift that it implies.
#[derive(Debug, Clone)]
pub struct Flat<L> {
    shape: Vec<usize>,
    law: L,
}

/// `R^d`, reference N(0, I).
pub type Euclidean = Flat<White>;
/// `n` points in `R^d` with zero centre of mass, `d (n − 1)` degrees of freedom.
pub type Centred = Flat<ZeroMean>;
/// Values on a grid, reference a Gaussian random field.
pub type GridField = Flat<RandomField>;

impl Euclidean {
    /// Vectors of `shape`.
    pub fn new(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), law: White }
    }
}

impl Centred {
    /// `points` points in `dimension` dimensions.
    pub fn new(points: usize, dimension: usize) -> Self {
        Self { shape: vec![points, dimension], law: ZeroMean }
    }
}

impl GridField {
    /// `channels` fields on a grid of `height` by `width` cells.
    pub fn new(channels: usize, height: usize, width: usize, law: RandomField) -> Self {
        Self { shape: vec![channels, height, width], law }
    }
}

impl<L: NoiseLaw> Flat<L> {
    fn noise(&self, like: &Tensor, rng: &mut Rng) -> Result<Tensor> {
        self.law.draw(&self.shape, like.dtype(), like.device(), rng)
    }
}

/// Nothing if the reference is the only noise in x_t, which `what` needs.
fn only_reference_noise(factor: &'static str, path: &dyn Path, what: &'static str) -> Result<()> {
    if path.has_own_noise() {
        return Err(Error::OwnNoise { factor, what, allowed: path.aim().allowed() });
    }
    Ok(())
}

impl<L: NoiseLaw> Factor for Flat<L> {
    fn kind(&self) -> &'static str {
        L::KIND
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn shaped(&self, shape: &[usize]) -> Arc<dyn Factor> {
        Arc::new(Self { shape: shape.to_vec(), law: self.law.clone() })
    }

    fn degrees_of_freedom(&self) -> usize {
        self.law.degrees_of_freedom(&self.shape)
    }

    fn reference(&self, dtype: DType, device: &Device, rng: &mut Rng) -> Result<Tensor> {
        self.law.draw(&self.shape, dtype, device, rng)
    }

    fn departure(&self, path: &dyn Path, x_1: &Tensor, t: f64) -> Result<Tensor> {
        Ok((x_1 * path.coefficients(t).beta)?)
    }

    fn path_point(
        &self,
        path: &dyn Path,
        x_0: &Tensor,
        x_1: &Tensor,
        t: &Times,
        rng: &mut Rng,
    ) -> Result<PathPoint> {
        let alpha = t.column(x_0, |t| path.coefficients(t).alpha)?;
        let beta = t.column(x_0, |t| path.coefficients(t).beta)?;
        let alpha_rate = t.column(x_0, |t| path.rates(t).alpha)?;
        let beta_rate = t.column(x_0, |t| path.rates(t).beta)?;
        let mut x_t = combine(&[(&alpha, x_0), (&beta, x_1)])?;
        let mut velocity = combine(&[(&alpha_rate, x_0), (&beta_rate, x_1)])?;
        if t.values().iter().any(|&t| path.coefficients(t).gamma > 0.0) {
            let eps = self.noise(x_0, rng)?;
            x_t = (x_t + eps.broadcast_mul(&t.column(x_0, |t| path.coefficients(t).gamma)?)?)?;
            if path.aim() == Aim::Data {
                // β'/β (x_t − α x_0) holds the noise as it holds x_1.
                let drift = |t: f64| {
                    let (c, r) = (path.coefficients(t), path.rates(t));
                    c.gamma * r.beta / c.beta
                };
                velocity = (velocity + eps.broadcast_mul(&t.column(x_0, drift)?)?)?;
                return Ok(PathPoint { x_t, clean: x_0.clone(), velocity });
            }
            if t.values().iter().any(|&t| path.rates(t).gamma != 0.0) {
                let gamma_rate = t.column(x_0, |t| path.rates(t).gamma)?;
                velocity = (velocity + eps.broadcast_mul(&gamma_rate)?)?;
            }
            let blur = |t: f64| {
                let (c, r) = (path.coefficients(t), path.rates(t));
                (r.beta * c.gamma - c.beta * r.gamma) / (c.alpha * r.beta - r.alpha * c.beta)
            };
            let clean = (x_0 + eps.broadcast_mul(&t.column(x_0, blur)?)?)?;
            return Ok(PathPoint { x_t, clean, velocity });
        }
        Ok(PathPoint { x_t, clean: x_0.clone(), velocity })
    }

    fn estimate(
        &self,
        path: &dyn Path,
        head: &Head,
        x_t: &Tensor,
        raw: &Tensor,
        t: &Times,
    ) -> Result<Tensor> {
        if matches!(head, Head::Clean) {
            return self.law.project(raw);
        }
        let skip = t.column(x_t, |t| head.coefficients(path, t).skip)?;
        let out = t.column(x_t, |t| head.coefficients(path, t).out)?;
        self.law.project(&combine(&[(&skip, x_t), (&out, raw)])?)
    }

    /// The held points are shifted together to where they were estimated to be on average.
    fn hold(&self, x_t: &Tensor, estimate: &Tensor, mask: &Tensor) -> Result<Tensor> {
        if !self.law.is_free_to_shift() {
            return Err(Error::Undefined { factor: L::KIND, what: "piece that is held" });
        }
        let mask = mask.to_dtype(estimate.dtype())?.unsqueeze(2)?;
        let count = mask.sum_keepdim(1)?.maximum(1.0)?;
        let off = (x_t - estimate)?.broadcast_mul(&mask)?;
        let shift = off.sum_keepdim(1)?.broadcast_div(&count)?;
        self.law.project(&(estimate + (off - shift.broadcast_mul(&mask)?)?)?)
    }

    fn clean_loss(&self, estimate: &Tensor, point: &PathPoint) -> Result<Tensor> {
        mean_per_sample(&(estimate - &point.clean)?.sqr()?)
    }

    fn velocity_loss(&self, velocity: &Tensor, point: &PathPoint) -> Result<Tensor> {
        mean_per_sample(&(velocity - &point.velocity)?.sqr()?)
    }

    fn velocity(
        &self,
        path: &dyn Path,
        x_t: &Tensor,
        estimate: &Tensor,
        t: &Times,
    ) -> Result<Tensor> {
        // u = α' x̂_0 + β' (x_t − α x̂_0)/β
        let of_state = t.column(x_t, |t| path.rates(t).beta / path.coefficients(t).beta)?;
        let of_estimate = t.column(x_t, |t| {
            let (c, r) = (path.coefficients(t), path.rates(t));
            r.alpha - c.alpha * r.beta / c.beta
        })?;
        combine(&[(&of_state, x_t), (&of_estimate, estimate)])
    }

    fn has_score(&self) -> bool {
        self.law.is_standard()
    }

    fn score(&self, path: &dyn Path, x_t: &Tensor, estimate: &Tensor, t: &Times) -> Result<Tensor> {
        if !self.law.is_standard() {
            return Err(Error::Undefined { factor: L::KIND, what: "score in white coordinates" });
        }
        only_reference_noise(L::KIND, path, "score")?;
        // ∇ ln p_t = (α x̂_0 − x_t)/σ²
        let variance = |t: f64| path.coefficients(t).beta.powi(2);
        let of_state = t.column(x_t, |t| -1.0 / variance(t))?;
        let of_estimate = t.column(x_t, |t| path.coefficients(t).alpha / variance(t))?;
        combine(&[(&of_state, x_t), (&of_estimate, estimate)])
    }

    fn follow(&self, x: &Tensor, tangent: &Tensor, dt: &Times, _: &mut Rng) -> Result<Tensor> {
        Ok((x + tangent.broadcast_mul(&dt.column(x, |dt| dt)?)?)?)
    }

    fn transport(&self, _: &Tensor, _: &Tensor, tangent: &Tensor) -> Result<Tensor> {
        self.law.project(tangent)
    }

    fn blend(&self, _: &Tensor, terms: &[(f64, &Tensor, &Tensor)]) -> Result<Tensor> {
        let mut sum = (terms[0].2 * terms[0].0)?;
        for (weight, _, estimate) in &terms[1..] {
            sum = (sum + (*estimate * *weight)?)?;
        }
        Ok(sum)
    }

    fn jump(
        &self,
        x_t: &Tensor,
        estimate: &Tensor,
        transition: &Transition,
        rng: &mut Rng,
    ) -> Result<Tensor> {
        transition.check(L::KIND)?;
        let x_s = ((x_t * transition.keep)? + (estimate * transition.pull)?)?;
        if transition.noise == 0.0 {
            return Ok(x_s);
        }
        Ok((x_s + (self.noise(x_t, rng)? * transition.noise)?)?)
    }

    fn renoise(
        &self,
        path: &dyn Path,
        x: &Tensor,
        t: f64,
        later: f64,
        scale: f64,
        rng: &mut Rng,
    ) -> Result<Tensor> {
        only_reference_noise(L::KIND, path, "noising step")?;
        let (now, then) = (path.coefficients(t), path.coefficients(later));
        let keep = then.alpha / now.alpha;
        let noise = (then.beta.powi(2) - (keep * now.beta).powi(2)).max(0.0).sqrt();
        Ok(((x * keep)? + (self.noise(x, rng)? * (noise * scale))?)?)
    }

    fn langevin(
        &self,
        path: &dyn Path,
        x: &Tensor,
        estimate: &Tensor,
        t: &Times,
        amount: f64,
        rng: &mut Rng,
    ) -> Result<Tensor> {
        let drift = (self.score(path, x, estimate, t)? * amount)?;
        Ok(((x + drift)? + (self.noise(x, rng)? * (2.0 * amount).sqrt())?)?)
    }

    fn project(&self, x: &Tensor) -> Result<Tensor> {
        self.law.project(x)
    }

    fn frame(&self, x: &Tensor) -> Result<Vec<Tensor>> {
        let mut shape = vec![1];
        shape.extend(&self.shape);
        let tensor = |direction: Vec<f64>| {
            let one =
                Tensor::from_vec(direction, shape.clone(), x.device())?.to_dtype(x.dtype())?;
            Ok(one.broadcast_as(x.shape())?.contiguous()?)
        };
        self.law.frame(&self.shape).into_iter().map(tensor).collect()
    }

    fn reference_log_density(&self, x: &Tensor) -> Result<Tensor> {
        if !self.law.is_standard() {
            return Err(Error::Undefined { factor: L::KIND, what: "density of the reference" });
        }
        let constant = 0.5 * self.degrees_of_freedom() as f64 * TAU.ln();
        Ok(((sum_per_sample(&x.sqr()?)? * -0.5)? - constant)?)
    }

    fn departure_log_density(
        &self,
        path: &dyn Path,
        x: &Tensor,
        estimate: &Tensor,
        t: f64,
    ) -> Result<Tensor> {
        let c = path.coefficients(t);
        let noise = ((x - (estimate * c.alpha)?)? / c.beta)?;
        let volume = self.degrees_of_freedom() as f64 * c.beta.ln();
        Ok((self.reference_log_density(&noise)? - volume)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(x: &Tensor) -> Vec<f64> {
        x.flatten_all().unwrap().to_vec1().unwrap()
    }

    /// Points 1 and 2 of three are held. Their shape is that of the state to the last bit, the third point
    /// stands to them as it was estimated to stand to their mean, and the centre of mass is zero.
    #[test]
    fn a_held_piece_keeps_its_shape_where_it_was_estimated() {
        let on = |x: &[f64]| Tensor::from_slice(x, (1, 3, 1), &Device::Cpu).unwrap();
        let (x_t, estimate) = (on(&[0.0, 1.5, -1.5]), on(&[-2.0, -1.0, 3.0]));
        let mask = Tensor::from_slice(&[1u8, 1, 0], (1, 3), &Device::Cpu).unwrap();

        let held = numbers(&Centred::new(3, 1).hold(&x_t, &estimate, &mask).unwrap());

        assert_eq!(held, [-2.25, -0.75, 3.0]);
    }

    #[test]
    fn nothing_held_leaves_the_estimate_and_white_noise_holds_no_piece() {
        let x = Tensor::from_slice(&[1.0, -3.0, 2.0f64], (1, 3, 1), &Device::Cpu).unwrap();
        let none = Tensor::zeros((1, 3), DType::U8, &Device::Cpu).unwrap();
        let held = Centred::new(3, 1).hold(&(&x * 2.0).unwrap(), &x, &none).unwrap();
        assert_eq!(numbers(&held), numbers(&x));
        let error = Euclidean::new(&[3, 1]).hold(&x, &x, &none).unwrap_err();
        assert!(matches!(error, Error::Undefined { what: "piece that is held", .. }));
    }
}
