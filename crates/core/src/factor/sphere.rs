//! The unit sphere S², for points on the globe.

use std::f64::consts::PI;
use std::sync::Arc;

use candle_core::{D, DType, Device, Tensor};

use super::{Factor, PathPoint};
use crate::tensor::{mean_per_sample, sum_per_sample};
use crate::{Aim, Error, Head, Path, Result, Rng, Times, Transition};

/// Unit vectors of R³, reference uniform by area. Tangents and estimates are vectors at `x_t`.
///
/// Points follow the geodesic to a uniform point and are then blurred by a normal step of standard
/// deviation γ radians, the heat kernel to first order in γ². The velocity is that of the blurred point, with
/// the step carried along the geodesic in parallel: finite wherever γ' is, as the regression of Chen & Lipman
/// (2024) needs; a target log_{x_t} x_0 · (−κ'/κ) would hold the blur as γ/t.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sphere;

/// `x` with its last axis scaled to length 1.
pub(crate) fn normalise(x: &Tensor) -> Result<Tensor> {
    Ok(x.broadcast_div(&x.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?)?)
}

/// The part of `v` tangent to the sphere at `x`.
pub(crate) fn tangent_part(x: &Tensor, v: &Tensor) -> Result<Tensor> {
    Ok((v - x.broadcast_mul(&(x * v)?.sum_keepdim(D::Minus1)?)?)?)
}

/// `exp_x(v) = cos|v| x + sin|v| v/|v|`, normalised against rounding.
pub(crate) fn exp(x: &Tensor, v: &Tensor) -> Result<Tensor> {
    // The smallest normal number under the root keeps its slope finite at v = 0, where sin|v|/|v|
    // is 1 to the last bit for any |v| below 1e-8.
    let length = (v.sqr()?.sum_keepdim(D::Minus1)? + 1e-30)?.sqrt()?;
    let along = v.broadcast_mul(&(length.sin()? / &length)?)?;
    normalise(&(x.broadcast_mul(&length.cos()?)? + along)?)
}

/// `log_x(y)`: the tangent at `x` that reaches `y`, off the autodiff graph.
///
/// The angle is atan2(|y − (x·y) x|, x·y): exact near 0 and near π, where arccos has lost its digits.
pub(crate) fn log(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let (a, b) = (rows(x)?, rows(y)?);
    let one = |(x, y): (&Vec<f64>, &Vec<f64>)| {
        let dot: f64 = (0..3).map(|i| x[i] * y[i]).sum();
        let off: Vec<f64> = (0..3).map(|i| y[i] - dot * x[i]).collect();
        let sine = off.iter().map(|o| o * o).sum::<f64>().sqrt();
        let scale = if sine > 0.0 { sine.atan2(dot) / sine } else { 0.0 };
        off.into_iter().map(move |o| o * scale).collect::<Vec<_>>()
    };
    let values: Vec<f64> = a.iter().zip(&b).flat_map(one).collect();
    Ok(Tensor::from_vec(values, x.shape(), x.device())?.to_dtype(x.dtype())?)
}

/// d/dh exp_x(v + h w) at h = 0 for w along v: `cos|v| w − |w| sin|v| x`, the way that w itself points.
fn exp_rate(x: &Tensor, v: &Tensor, w: &Tensor) -> Result<Tensor> {
    let length = |v: &Tensor| v.sqr()?.sum_keepdim(D::Minus1)?.sqrt();
    let (turned, speed) = (length(v)?, length(w)?);
    let back = x.broadcast_mul(&(speed * turned.sin()?)?)?;
    Ok((w.broadcast_mul(&turned.cos()?)? - back)?)
}

/// d/dt exp_m(γ z) where `m` moves with `motion`, `z` is carried along in parallel and γ changes: a Jacobi
/// field of the unit sphere, which shrinks by cos|γ z| across the step and keeps its part along it.
fn blurred_motion(
    m: &Tensor,
    motion: &Tensor,
    z: &Tensor,
    gamma: &Tensor,
    gamma_rate: &Tensor,
) -> Result<Tensor> {
    // As in exp: without a step the direction is 0, and what is left is the motion.
    let length = (z.sqr()?.sum_keepdim(D::Minus1)? + 1e-30)?.sqrt()?;
    let direction = z.broadcast_div(&length)?;
    let angle = (&length * gamma)?;
    let along = (motion * &direction)?.sum_keepdim(D::Minus1)?;
    let across = (motion - direction.broadcast_mul(&along)?)?;
    let there = (direction.broadcast_mul(&angle.cos()?)? - m.broadcast_mul(&angle.sin()?)?)?;
    let speed = (along + (length * gamma_rate)?)?;
    Ok((there.broadcast_mul(&speed)? + across.broadcast_mul(&angle.cos()?)?)?)
}

fn rows(x: &Tensor) -> Result<Vec<Vec<f64>>> {
    Ok(x.detach().to_dtype(DType::F64)?.to_vec2::<f64>()?)
}

impl Factor for Sphere {
    fn kind(&self) -> &'static str {
        "Sphere"
    }

    fn shape(&self) -> &[usize] {
        &[3]
    }

    fn shaped(&self, _: &[usize]) -> Arc<dyn Factor> {
        Arc::new(*self)
    }

    fn degrees_of_freedom(&self) -> usize {
        2
    }

    fn reference(&self, dtype: DType, device: &Device, rng: &mut Rng) -> Result<Tensor> {
        normalise(&rng.normal(&[3], dtype, device)?)
    }

    fn path_point(
        &self,
        path: &dyn Path,
        x_0: &Tensor,
        x_1: &Tensor,
        t: &Times,
        rng: &mut Rng,
    ) -> Result<PathPoint> {
        let whole = log(x_0, x_1)?;
        let way = whole.broadcast_mul(&t.column(x_0, |t| path.kappa(t))?)?;
        let mut x_t = exp(x_0, &way)?;
        if t.values().iter().any(|&t| path.coefficients(t).gamma > 0.0) {
            let z = tangent_part(&x_t, &rng.normal(&[3], x_0.dtype(), x_0.device())?)?;
            let gamma = t.column(x_0, |t| path.coefficients(t).gamma)?;
            let blurred = exp(&x_t, &z.broadcast_mul(&gamma)?)?;
            if path.aim() == Aim::Flow {
                let motion = exp_rate(x_0, &way, &whole)?
                    .broadcast_mul(&t.column(x_0, |t| path.kappa_rate(t))?)?;
                let gamma_rate = t.column(x_0, |t| path.rates(t).gamma)?;
                let velocity = blurred_motion(&x_t, &motion, &z, &gamma, &gamma_rate)?;
                let clean = self.estimate(path, &Head::Velocity, &blurred, &velocity, t)?;
                return Ok(PathPoint { x_t: blurred, clean, velocity });
            }
            x_t = blurred;
        }
        let clean = log(&x_t, x_0)?;
        let velocity = self.velocity(path, &x_t, &clean, t)?;
        Ok(PathPoint { x_t, clean, velocity })
    }

    fn estimate(
        &self,
        path: &dyn Path,
        head: &Head,
        x_t: &Tensor,
        raw: &Tensor,
        t: &Times,
    ) -> Result<Tensor> {
        let raw = tangent_part(x_t, raw)?;
        match head {
            Head::Clean => Ok(raw),
            Head::Velocity => {
                let factor = t.column(&raw, |t| -path.kappa(t) / path.kappa_rate(t))?;
                Ok(raw.broadcast_mul(&factor)?)
            }
            _ => Err(Error::Undefined { factor: "Sphere", what: "such a head" }),
        }
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
        _: &Tensor,
        estimate: &Tensor,
        t: &Times,
    ) -> Result<Tensor> {
        let rate = t.column(estimate, |t| -path.kappa_rate(t) / path.kappa(t))?;
        Ok(estimate.broadcast_mul(&rate)?)
    }

    fn score(&self, _: &dyn Path, _: &Tensor, _: &Tensor, _: &Times) -> Result<Tensor> {
        Err(Error::Undefined { factor: "Sphere", what: "score along geodesics" })
    }

    fn follow(&self, x: &Tensor, tangent: &Tensor, dt: &Times, _: &mut Rng) -> Result<Tensor> {
        exp(x, &tangent.broadcast_mul(&dt.column(x, |dt| dt)?)?)
    }

    /// Parallel transport along the geodesic: `v − (to·v)/(1 + from·to) (from + to)`.
    fn transport(&self, from: &Tensor, to: &Tensor, tangent: &Tensor) -> Result<Tensor> {
        let ahead = (to * tangent)?.sum_keepdim(D::Minus1)?;
        let denominator = ((from * to)?.sum_keepdim(D::Minus1)? + 1.0)?;
        Ok((tangent - (from + to)?.broadcast_mul(&(ahead / denominator)?)?)?)
    }

    fn blend(&self, at: &Tensor, terms: &[(f64, &Tensor, &Tensor)]) -> Result<Tensor> {
        let seen = |x: &Tensor, estimate: &Tensor| log(at, &exp(x, estimate)?);
        let mut sum = (seen(terms[0].1, terms[0].2)? * terms[0].0)?;
        for (weight, x, estimate) in &terms[1..] {
            sum = (sum + (seen(x, estimate)? * *weight)?)?;
        }
        Ok(sum)
    }

    fn jump(
        &self,
        x_t: &Tensor,
        estimate: &Tensor,
        transition: &Transition,
        _: &mut Rng,
    ) -> Result<Tensor> {
        if transition.tau > 0.0 {
            return Err(Error::Undefined { factor: "Sphere", what: "noise along geodesics" });
        }
        transition.check("Sphere")?;
        exp(x_t, &(estimate * (1.0 - transition.kappa_s / transition.kappa_t))?)
    }

    fn renoise(
        &self,
        _: &dyn Path,
        _: &Tensor,
        _: f64,
        _: f64,
        _: f64,
        _: &mut Rng,
    ) -> Result<Tensor> {
        Err(Error::Undefined { factor: "Sphere", what: "noise along geodesics" })
    }

    fn langevin(
        &self,
        path: &dyn Path,
        x: &Tensor,
        estimate: &Tensor,
        t: &Times,
        _: f64,
        _: &mut Rng,
    ) -> Result<Tensor> {
        self.score(path, x, estimate, t)
    }

    /// Squared angles, from the chord: θ = 2 asin(|x − y|/2) keeps its digits for near points.
    fn squared_distances(&self, x: &Tensor, y: &Tensor) -> Result<Vec<f64>> {
        let chords = super::pairwise(x, y, |x, y| (x - y).powi(2))?;
        Ok(chords.iter().map(|c| (2.0 * (0.5 * c.sqrt()).min(1.0).asin()).powi(2)).collect())
    }

    fn project(&self, x: &Tensor) -> Result<Tensor> {
        normalise(x)
    }

    /// Two orthonormal tangents per point, made from the axis that is least aligned with it.
    fn frame(&self, x: &Tensor) -> Result<Vec<Tensor>> {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for x in rows(x)? {
            let least =
                (0..3).min_by(|&i, &j| x[i].abs().total_cmp(&x[j].abs())).expect("three axes");
            let off: Vec<f64> =
                (0..3).map(|i| f64::from(u8::from(i == least)) - x[least] * x[i]).collect();
            let length = off.iter().map(|o| o * o).sum::<f64>().sqrt();
            let e: Vec<f64> = off.iter().map(|o| o / length).collect();
            second.extend([0, 1, 2].map(|i| {
                let (j, k) = ((i + 1) % 3, (i + 2) % 3);
                x[j] * e[k] - x[k] * e[j]
            }));
            first.extend(e);
        }
        let tensor = |values: Vec<f64>| -> Result<Tensor> {
            Ok(Tensor::from_vec(values, x.shape(), x.device())?.to_dtype(x.dtype())?)
        };
        Ok(vec![tensor(first)?, tensor(second)?])
    }

    /// Uniform with respect to area: −ln 4π.
    fn reference_log_density(&self, x: &Tensor) -> Result<Tensor> {
        let zeros = sum_per_sample(&x.zeros_like()?)?;
        Ok((zeros - (4.0 * PI).ln())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Purpose, Seed};

    fn points(rng: &mut Rng) -> Tensor {
        Sphere.reference(DType::F64, &Device::Cpu, rng).unwrap()
    }

    fn largest(x: &Tensor) -> f64 {
        x.abs().unwrap().max_all().unwrap().to_scalar().unwrap()
    }

    #[test]
    fn log_and_exp_undo_each_other() {
        let mut rng = Rng::new(Seed(1), Purpose::Data, crate::rng::ids(0, 200), 0);
        let (x, y) = (points(&mut rng), points(&mut rng));
        let back = exp(&x, &log(&x, &y).unwrap()).unwrap();
        assert!(largest(&(back - &y).unwrap()) < 1e-12);
        // At the point itself the logarithm is exactly zero, and exp of it is the point.
        assert!(largest(&log(&x, &x).unwrap()) < 1e-15);
    }

    /// γ = 0.3 (1 + t) on α = 1 − t, β = t.
    #[derive(Debug)]
    struct Blurred;

    impl Path for Blurred {
        fn coefficients(&self, t: f64) -> crate::Coefficients {
            crate::Coefficients { alpha: 1.0 - t, beta: t, gamma: 0.3 * (1.0 + t) }
        }
        fn rates(&self, _: f64) -> crate::Coefficients {
            crate::Coefficients { alpha: -1.0, beta: 1.0, gamma: 0.3 }
        }
    }

    /// Central difference of the blurred point itself, its normal step carried along in parallel.
    ///
    /// Steps of 1e-5 leave h² = 1e-10 times third derivatives of order 10, and rounding of 1e-11.
    #[test]
    fn the_velocity_of_a_blurred_path_is_its_derivative() {
        let n = 200;
        let mut rng = Rng::new(Seed(3), Purpose::Data, crate::rng::ids(0, n), 0);
        let (x_0, x_1) = (points(&mut rng), points(&mut rng));
        for t in [1e-3, 0.3, 0.9] {
            let times = Times::all(n, t);
            let drawn = rng.clone();
            let point = Sphere.path_point(&Blurred, &x_0, &x_1, &times, &mut rng).unwrap();
            let way = log(&x_0, &x_1).unwrap();
            let on_way = |t: f64| exp(&x_0, &(&way * t).unwrap()).unwrap();
            let here = on_way(t);
            let z = drawn.clone().normal(&[3], DType::F64, &Device::Cpu).unwrap();
            let z = tangent_part(&here, &z).unwrap();
            let at = |t: f64| {
                let carried = Sphere.transport(&here, &on_way(t), &z).unwrap();
                exp(&on_way(t), &(carried * Blurred.coefficients(t).gamma).unwrap()).unwrap()
            };
            assert!(largest(&(at(t) - &point.x_t).unwrap()) < 1e-12);
            let h = 1e-5;
            let slope = ((at(t + h) - at(t - h)).unwrap() / (2.0 * h)).unwrap();
            assert!(largest(&(slope - &point.velocity).unwrap()) < 1e-7, "at {t}");
            // The geodesic's π and the blur's γ' |z|: nothing grows as γ/t.
            assert!(largest(&point.velocity) < PI + 0.3 * 5.0);
            let again = Sphere.velocity(&Blurred, &point.x_t, &point.clean, &times).unwrap();
            assert!(largest(&(again - &point.velocity).unwrap()) < 1e-12);
        }
    }

    #[test]
    fn the_frame_is_orthonormal_and_tangent_and_transport_keeps_lengths() {
        let mut rng = Rng::new(Seed(2), Purpose::Data, crate::rng::ids(0, 200), 0);
        let (x, y) = (points(&mut rng), points(&mut rng));
        let frame = Sphere.frame(&x).unwrap();
        let dot = |a: &Tensor, b: &Tensor| (a * b).unwrap().sum(1).unwrap();
        assert!(largest(&dot(&frame[0], &x)) < 1e-14 && largest(&dot(&frame[1], &x)) < 1e-14);
        assert!(largest(&dot(&frame[0], &frame[1])) < 1e-14);
        assert!(largest(&(dot(&frame[1], &frame[1]) - 1.0).unwrap()) < 1e-14);
        let moved = Sphere.transport(&x, &y, &frame[0]).unwrap();
        assert!(largest(&dot(&moved, &y)) < 1e-9);
        assert!(largest(&(dot(&moved, &moved) - 1.0).unwrap()) < 1e-9);
    }
}
