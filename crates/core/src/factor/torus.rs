//! Coordinates that wrap at 1: fractional coordinates, angles in turns.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::{Factor, PathPoint};
use crate::tensor::mean_per_sample;
use crate::{Aim, Error, Head, Path, Result, Rng, Times, Transition};

/// How points of a torus go from data to reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TorusLaw {
    /// Along the shortest geodesic to a uniform point, then blurred by γ (flow matching). With γ the clean
    /// end is the one along the velocity κ' w + γ' z, of the way w and the normal z.
    Geodesic,
    /// Blurred by a wrapped normal of standard deviation β, uniform in the limit (diffusion).
    WrappedNormal,
}

/// `[0, 1)^shape`, reference uniform. Tangents and estimates are displacements, not points.
///
/// With `mean_free`, displacements have their mean over the first axis removed: a rigid translation
/// of all atoms of a crystal carries no information.
#[derive(Debug, Clone)]
pub struct Torus {
    shape: Vec<usize>,
    law: TorusLaw,
    mean_free: bool,
}

/// The representative of a displacement in [−½, ½).
pub(crate) fn shortest(displacement: &Tensor) -> Result<Tensor> {
    // floor has no gradient, which is right: the number of turns is piecewise constant.
    Ok((displacement - (displacement + 0.5)?.floor()?)?)
}

impl Torus {
    /// Points of `shape`, the first axis counting atoms where there are several.
    pub fn new(shape: &[usize], law: TorusLaw, mean_free: bool) -> Self {
        Self { shape: shape.to_vec(), law, mean_free }
    }

    fn wrap(&self, x: &Tensor) -> Result<Tensor> {
        let wrapped = (x - x.floor()?)?;
        // −1e-20 wraps to exactly 1, which is the point 0.
        Ok((&wrapped - wrapped.ge(1.0)?.to_dtype(x.dtype())?)?)
    }

    fn tangent(&self, displacement: &Tensor) -> Result<Tensor> {
        if !self.mean_free || self.shape.len() < 2 {
            return Ok(displacement.clone());
        }
        Ok(displacement.broadcast_sub(&displacement.mean_keepdim(1)?)?)
    }

    /// Mean displacement to the clean end, over all its images, of one wrapped-normal kernel.
    ///
    /// `σ² ∇_x ln Σ_k exp(−(x − x_0 + k)²/2σ²)`: what a denoiser of the wrapped diffusion estimates.
    fn mean_displacement(&self, offset: &Tensor, sigma: &Tensor) -> Result<Tensor> {
        let inverse = (sigma.sqr()? * 2.0)?.recip()?;
        let (mut weights, mut moments): (Option<Tensor>, Option<Tensor>) = (None, None);
        // With the offset in [−½, ½), images beyond ±6 weigh below 1e-8 of the nearest up to σ = 1,
        // where the kernel is uniform to 1e-8.
        for image in -6..=6 {
            let shifted = (offset + f64::from(image))?;
            let from_nearest = (shifted.sqr()? - offset.sqr()?)?;
            let weight = from_nearest.broadcast_mul(&inverse)?.neg()?.exp()?;
            let moment = (&weight * &shifted)?;
            weights = Some(weights.map_or(Ok(weight.clone()), |sum| sum + &weight)?);
            moments = Some(moments.map_or(Ok(moment.clone()), |sum| sum + &moment)?);
        }
        let (weights, moments) = (weights.expect("13 images"), moments.expect("13 images"));
        Ok((moments / weights)?.neg()?)
    }
}

impl Factor for Torus {
    fn kind(&self) -> &'static str {
        "Torus"
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn shaped(&self, shape: &[usize]) -> Arc<dyn Factor> {
        Arc::new(Self { shape: shape.to_vec(), ..self.clone() })
    }

    fn degrees_of_freedom(&self) -> usize {
        let all: usize = self.shape.iter().product();
        if self.mean_free && self.shape.len() > 1 { all - all / self.shape[0] } else { all }
    }

    fn reference(&self, dtype: DType, device: &Device, rng: &mut Rng) -> Result<Tensor> {
        rng.uniform(&self.shape, dtype, device)
    }

    fn takes_own_noise(&self) -> bool {
        self.law == TorusLaw::Geodesic
    }

    fn path_point(
        &self,
        path: &dyn Path,
        x_0: &Tensor,
        x_1: &Tensor,
        t: &Times,
        rng: &mut Rng,
    ) -> Result<PathPoint> {
        let noise_of = |t: f64| match self.law {
            TorusLaw::Geodesic => path.coefficients(t).gamma,
            TorusLaw::WrappedNormal => path.coefficients(t).beta,
        };
        let noisy = t.values().iter().any(|&t| noise_of(t) > 0.0);
        let noise = if noisy {
            let z = rng.normal(&self.shape, x_0.dtype(), x_0.device())?;
            z.broadcast_mul(&t.column(x_0, noise_of)?)?
        } else {
            x_0.zeros_like()?
        };
        match self.law {
            TorusLaw::Geodesic => {
                let way = self.tangent(&shortest(&(x_1 - x_0)?)?)?;
                let kappa = t.column(x_0, |t| path.kappa(t))?;
                // A rigid translation carries no information: neither way nor noise has one.
                let noise = self.tangent(&noise)?;
                let moved = (way.broadcast_mul(&kappa)? + &noise)?;
                let x_t = self.wrap(&(x_0 + &moved)?)?;
                let velocity = way.broadcast_mul(&t.column(x_0, |t| path.kappa_rate(t))?)?;
                if !noisy {
                    return Ok(PathPoint { x_t, clean: moved.neg()?, velocity });
                }
                if path.aim() == Aim::Data {
                    let clean = moved.neg()?;
                    let velocity = self.velocity(path, &x_t, &clean, t)?;
                    return Ok(PathPoint { x_t, clean, velocity });
                }
                let growth = |t: f64| match path.coefficients(t).gamma {
                    0.0 => 0.0,
                    gamma => path.rates(t).gamma / gamma,
                };
                let velocity = (velocity + noise.broadcast_mul(&t.column(x_0, growth)?)?)?;
                let clean = self.estimate(path, &Head::Velocity, &x_t, &velocity, t)?;
                Ok(PathPoint { x_t, clean, velocity })
            }
            TorusLaw::WrappedNormal => {
                let x_t = self.wrap(&(x_0 + noise)?)?;
                let sigma = t.column(x_0, |t| path.coefficients(t).beta)?;
                let offset = shortest(&(&x_t - x_0)?)?;
                let clean = self.tangent(&self.mean_displacement(&offset, &sigma)?)?;
                let rate = t.column(x_0, |t| -path.rates(t).beta / path.coefficients(t).beta)?;
                let velocity = clean.broadcast_mul(&rate)?;
                Ok(PathPoint { x_t, clean, velocity })
            }
        }
    }

    fn estimate(
        &self,
        path: &dyn Path,
        head: &Head,
        _: &Tensor,
        raw: &Tensor,
        t: &Times,
    ) -> Result<Tensor> {
        let displacement = match (head, self.law) {
            (Head::Clean, _) => raw.clone(),
            (Head::Velocity, TorusLaw::Geodesic) => {
                raw.broadcast_mul(&t.column(raw, |t| -path.kappa(t) / path.kappa_rate(t))?)?
            }
            (Head::Score, TorusLaw::WrappedNormal) => {
                raw.broadcast_mul(&t.column(raw, |t| path.coefficients(t).beta.powi(2))?)?
            }
            (Head::Noise, TorusLaw::WrappedNormal) => {
                raw.broadcast_mul(&t.column(raw, |t| -path.coefficients(t).beta)?)?
            }
            _ => return Err(Error::Undefined { factor: "Torus", what: "such a head" }),
        };
        self.tangent(&displacement)
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
        let rate = t.column(x_t, |t| match self.law {
            TorusLaw::Geodesic => -path.kappa_rate(t) / path.kappa(t),
            TorusLaw::WrappedNormal => -path.rates(t).beta / path.coefficients(t).beta,
        })?;
        Ok(estimate.broadcast_mul(&rate)?)
    }

    fn score(&self, path: &dyn Path, _: &Tensor, estimate: &Tensor, t: &Times) -> Result<Tensor> {
        match self.law {
            TorusLaw::WrappedNormal => {
                let inverse = t.column(estimate, |t| path.coefficients(t).beta.powi(-2))?;
                Ok(estimate.broadcast_mul(&inverse)?)
            }
            TorusLaw::Geodesic => {
                Err(Error::Undefined { factor: "Torus", what: "score along geodesics" })
            }
        }
    }

    fn follow(&self, x: &Tensor, tangent: &Tensor, dt: &Times, _: &mut Rng) -> Result<Tensor> {
        self.wrap(&(x + tangent.broadcast_mul(&dt.column(x, |dt| dt)?)?)?)
    }

    fn transport(&self, _: &Tensor, _: &Tensor, tangent: &Tensor) -> Result<Tensor> {
        self.tangent(tangent)
    }

    fn blend(&self, at: &Tensor, terms: &[(f64, &Tensor, &Tensor)]) -> Result<Tensor> {
        // Ends are compared as seen from `at`; differences go the short way round.
        let seen = |x: &Tensor, estimate: &Tensor| shortest(&((x + estimate)? - at)?);
        let first = seen(terms[0].1, terms[0].2)?;
        let mut sum = first.clone();
        for (weight, x, estimate) in &terms[1..] {
            sum = (sum + (shortest(&(seen(x, estimate)? - &first)?)? * *weight)?)?;
        }
        self.tangent(&sum)
    }

    fn jump(
        &self,
        x_t: &Tensor,
        estimate: &Tensor,
        transition: &Transition,
        rng: &mut Rng,
    ) -> Result<Tensor> {
        let (keep, noise) = match self.law {
            // A uniform end leaves no Gaussian part of which τ could be drawn anew.
            TorusLaw::Geodesic if transition.tau > 0.0 => {
                return Err(Error::Undefined { factor: "Torus", what: "noise along geodesics" });
            }
            TorusLaw::Geodesic => {
                transition.check("Torus")?;
                (transition.kappa_s / transition.kappa_t, 0.0)
            }
            TorusLaw::WrappedNormal => (transition.keep, transition.noise),
        };
        let moved = (x_t + (estimate * (1.0 - keep))?)?;
        if noise == 0.0 {
            return self.wrap(&moved);
        }
        let z = rng.normal(&self.shape, x_t.dtype(), x_t.device())?;
        self.wrap(&(moved + (self.tangent(&z)? * noise)?)?)
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
        if self.law == TorusLaw::Geodesic {
            return Err(Error::Undefined { factor: "Torus", what: "noise along geodesics" });
        }
        let (now, then) = (path.coefficients(t).beta, path.coefficients(later).beta);
        let noise = (then * then - now * now).max(0.0).sqrt() * scale;
        let z = rng.normal(&self.shape, x.dtype(), x.device())?;
        self.wrap(&(x + (self.tangent(&z)? * noise)?)?)
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
        let z = (rng.normal(&self.shape, x.dtype(), x.device())? * (2.0 * amount).sqrt())?;
        self.wrap(&((x + drift)? + self.tangent(&z)?)?)
    }

    fn squared_distances(&self, x: &Tensor, y: &Tensor) -> Result<Vec<f64>> {
        super::pairwise(x, y, |x, y| {
            let d = x - y;
            (d - (d + 0.5).floor()).powi(2)
        })
    }

    fn project(&self, x: &Tensor) -> Result<Tensor> {
        self.wrap(x)
    }

    fn frame(&self, x: &Tensor) -> Result<Vec<Tensor>> {
        super::Euclidean::new(&self.shape).frame(x)
    }

    fn reference_log_density(&self, x: &Tensor) -> Result<Tensor> {
        // Uniform on a cell of volume 1.
        Ok(Tensor::zeros(x.dim(0)?, x.dtype(), x.device())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_kernel_mean_displacement_matches_its_density() {
        // σ² d/dx ln Σ_k N(x + k; 0, σ²) by central difference of the sum over 41 images.
        let torus = Torus::new(&[1], TorusLaw::WrappedNormal, false);
        let log_density = |x: f64, s: f64| {
            (-20..=20)
                .map(|k| (-(x + f64::from(k)).powi(2) / (2.0 * s * s)).exp())
                .sum::<f64>()
                .ln()
        };
        for sigma in [0.05, 0.2, 0.5] {
            for x in [-0.49, -0.2, 0.0, 0.11, 0.4] {
                let offset = Tensor::new(&[[x]], &Device::Cpu).unwrap();
                let s = Tensor::new(&[[sigma]], &Device::Cpu).unwrap();
                let got =
                    torus.mean_displacement(&offset, &s).unwrap().to_vec2::<f64>().unwrap()[0][0];
                // The step balances rounding, ε/h = 2e-10, against the strong curvature at σ = 0.05.
                let h = 1e-6;
                let slope = (log_density(x + h, sigma) - log_density(x - h, sigma)) / (2.0 * h);
                assert!((got - sigma * sigma * slope).abs() < 1e-6, "{sigma} {x}: {got}");
            }
        }
    }

    #[test]
    fn displacements_take_the_short_way() {
        let d = Tensor::new(&[0.75, -0.75, 0.25, 0.5, 3.1], &Device::Cpu).unwrap();
        let short = shortest(&d).unwrap().to_vec1::<f64>().unwrap();
        for (got, want) in short.iter().zip([-0.25, 0.25, 0.25, -0.5, 0.1]) {
            assert!((got - want).abs() < 1e-12);
        }
    }

    #[test]
    fn every_point_of_a_geodesic_path_reaches_its_ends() {
        let torus = Torus::new(&[3], TorusLaw::Geodesic, false);
        let mut rng = Rng::new(crate::Seed(3), crate::Purpose::Data, crate::rng::ids(0, 64), 0);
        let path = crate::path::tests_support::Linear;
        let x_0 = torus.reference(DType::F64, &Device::Cpu, &mut rng).unwrap();
        let x_1 = torus.reference(DType::F64, &Device::Cpu, &mut rng).unwrap();
        let t = Times::all(64, 0.3);
        let point = torus.path_point(&path, &x_0, &x_1, &t, &mut rng).unwrap();
        let back =
            torus.follow(&point.x_t, &point.velocity, &Times::all(64, -0.3), &mut rng).unwrap();
        let gap = shortest(&(back - &x_0).unwrap()).unwrap().abs().unwrap().max_all().unwrap();
        assert!(gap.to_scalar::<f64>().unwrap() < 1e-12);
    }
}
