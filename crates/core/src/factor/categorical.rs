//! Classes: a mask or the uniform law as reference, jumps as steps.

use std::sync::Arc;

use candle_core::{D, DType, Device, Tensor};

use super::{Factor, PathPoint};
use crate::tensor::{log_softmax, mean_per_sample};
use crate::{Error, Head, Path, Result, Rng, Times, Transition};

/// What a class becomes as it is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// The extra class `K`, the mask.
    Mask,
    /// Any of the `K` classes.
    Uniform,
}

/// `n` variables with `K` classes each; states are `u32` `[B, n]`, estimates log-probabilities `[B, n, K]`.
///
/// A class is kept with probability 1 − κ_t and else replaced by the reference's. Sources: Campbell
/// et al. (2024), Gat et al. (2024); with the mask this is also Sahoo et al. (2024).
#[derive(Debug, Clone)]
pub struct Categorical {
    shape: [usize; 1],
    classes: usize,
    base: Base,
}

/// Stands for ln 0: far below any log-probability that matters, and finite, so that 0 · ln 0 = 0.
const LOG_ZERO: f64 = -1e3;

impl Categorical {
    /// `variables` variables of `classes` classes.
    pub fn new(variables: usize, classes: usize, base: Base) -> Self {
        Self { shape: [variables], classes, base }
    }

    /// Number of distinct values that a state may hold: the mask counts.
    pub fn values(&self) -> usize {
        self.classes + usize::from(self.base == Base::Mask)
    }

    /// One-hot rows over the classes; a mask has none.
    fn one_hot(&self, x: &Tensor, dtype: DType) -> Result<Tensor> {
        let classes = Tensor::arange(0u32, self.classes as u32, x.device())?;
        Ok(x.unsqueeze(D::Minus1)?.broadcast_eq(&classes)?.to_dtype(dtype)?)
    }

    /// With a mask, variables that show a class are known: the estimate says so.
    fn copy_known(&self, x_t: &Tensor, log_p: &Tensor) -> Result<Tensor> {
        if self.base == Base::Uniform {
            return Ok(log_p.clone());
        }
        let certain = self.certain(x_t, log_p.dtype())?;
        let masked =
            x_t.eq(self.classes as u32)?.unsqueeze(D::Minus1)?.broadcast_as(log_p.shape())?;
        Ok(masked.where_cond(log_p, &certain)?)
    }

    fn cross_entropy(&self, log_p: &Tensor, point: &PathPoint) -> Result<Tensor> {
        let hot = self.one_hot(&point.clean, log_p.dtype())?;
        mean_per_sample(&(log_p * hot)?.sum(D::Minus1)?.neg()?)
    }

    /// `x` with each variable replaced by `other`'s where a uniform number is below `chance(sample)`.
    fn replace(
        &self,
        x: &Tensor,
        other: &Tensor,
        chance: impl Fn(usize) -> f64,
        rng: &mut Rng,
    ) -> Result<Tensor> {
        let u = rng.uniform(&self.shape, DType::F64, &Device::Cpu)?.to_vec2::<f64>()?;
        let (a, b) = (x.to_vec2::<u32>()?, other.to_vec2::<u32>()?);
        let pick = |(i, row): (usize, &Vec<f64>)| -> Vec<u32> {
            let chance = chance(i);
            row.iter()
                .enumerate()
                .map(|(j, &u)| if u < chance { b[i][j] } else { a[i][j] })
                .collect()
        };
        let values: Vec<u32> = u.iter().enumerate().flat_map(pick).collect();
        Ok(Tensor::from_vec(values, x.shape(), x.device())?)
    }

    /// A class for each variable from weights `[B, n, K]` that need not add to 1.
    fn draw(&self, weights: &Tensor, rng: &mut Rng) -> Result<Tensor> {
        let u = rng.uniform(&self.shape, DType::F64, &Device::Cpu)?.to_vec2::<f64>()?;
        let weights = weights.to_dtype(DType::F64)?.to_vec3::<f64>()?;
        let values: Vec<u32> = (weights.iter().zip(&u))
            .flat_map(|(rows, u)| rows.iter().zip(u).map(|(row, &u)| inverse_cdf(row, u)))
            .collect();
        Ok(Tensor::from_vec(values, (u.len(), self.shape[0]), &Device::Cpu)?)
    }
}

/// The first class at which the cumulated weight exceeds `u` times the total.
fn inverse_cdf(weights: &[f64], u: f64) -> u32 {
    let target = u * weights.iter().sum::<f64>();
    let mut sum = 0.0;
    for (class, weight) in weights.iter().enumerate() {
        sum += weight;
        if sum > target {
            return class as u32;
        }
    }
    // Rounding can leave the sum a hair below the target: the last class with any weight.
    weights.iter().rposition(|&w| w > 0.0).unwrap_or(0) as u32
}

impl Factor for Categorical {
    fn kind(&self) -> &'static str {
        "Categorical"
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn estimate_shape(&self) -> Vec<usize> {
        vec![self.shape[0], self.classes]
    }

    fn shaped(&self, shape: &[usize]) -> Arc<dyn Factor> {
        Arc::new(Self { shape: [shape[0]], ..self.clone() })
    }

    fn degrees_of_freedom(&self) -> usize {
        self.shape[0]
    }

    fn reference(&self, _: DType, device: &Device, rng: &mut Rng) -> Result<Tensor> {
        let u = rng.uniform(&self.shape, DType::F64, device)?;
        let classes = match self.base {
            Base::Mask => (u.zeros_like()? + self.classes as f64)?,
            Base::Uniform => (u * self.classes as f64)?.floor()?,
        };
        Ok(classes.to_dtype(DType::U32)?)
    }

    fn path_point(
        &self,
        path: &dyn Path,
        x_0: &Tensor,
        x_1: &Tensor,
        t: &Times,
        rng: &mut Rng,
    ) -> Result<PathPoint> {
        let x_t = self.replace(x_0, x_1, |i| path.kappa(t.values()[i]), rng)?;
        Ok(PathPoint { x_t, clean: x_0.clone(), velocity: x_0.clone() })
    }

    fn estimate(
        &self,
        _: &dyn Path,
        _: &Head,
        x_t: &Tensor,
        raw: &Tensor,
        _: &Times,
    ) -> Result<Tensor> {
        self.copy_known(x_t, &log_softmax(raw)?)
    }

    fn certain(&self, x: &Tensor, dtype: DType) -> Result<Tensor> {
        Ok(self.one_hot(x, dtype)?.affine(-LOG_ZERO, LOG_ZERO)?.detach())
    }

    fn clean_loss(&self, estimate: &Tensor, point: &PathPoint) -> Result<Tensor> {
        self.cross_entropy(estimate, point)
    }

    fn velocity_loss(&self, estimate: &Tensor, point: &PathPoint) -> Result<Tensor> {
        self.cross_entropy(estimate, point)
    }

    /// Rates of jumps towards the data, `(κ'/κ) p`: the reverse of a forward rate κ'/(1 − κ).
    fn velocity(
        &self,
        path: &dyn Path,
        _: &Tensor,
        estimate: &Tensor,
        t: &Times,
    ) -> Result<Tensor> {
        let rate = t.column(estimate, |t| path.kappa_rate(t) / path.kappa(t))?;
        Ok(estimate.exp()?.broadcast_mul(&rate)?)
    }

    fn score(&self, _: &dyn Path, _: &Tensor, _: &Tensor, _: &Times) -> Result<Tensor> {
        Err(Error::Undefined { factor: "Categorical", what: "score" })
    }

    fn takes_own_noise(&self) -> bool {
        false
    }

    fn moves_by_rates(&self) -> bool {
        true
    }

    /// τ-leaping: each variable leaves with probability 1 − exp(−|dt| Σ_{j≠x} rate_j).
    fn follow(&self, x: &Tensor, rates: &Tensor, dt: &Times, rng: &mut Rng) -> Result<Tensor> {
        // A blend of rates can dip below zero by extrapolation; a negative rate is no jump.
        let elsewhere = (rates.relu()? * (1.0 - self.one_hot(x, rates.dtype())?)?)?;
        let total = elsewhere.sum(D::Minus1)?.to_dtype(DType::F64)?.to_vec2::<f64>()?;
        let target = self.draw(&elsewhere, rng)?.to_vec2::<u32>()?;
        let u = rng.uniform(&self.shape, DType::F64, &Device::Cpu)?.to_vec2::<f64>()?;
        let mut values = x.to_vec2::<u32>()?;
        for (i, row) in values.iter_mut().enumerate() {
            for (j, class) in row.iter_mut().enumerate() {
                if u[i][j] < -(-dt.values()[i].abs() * total[i][j]).exp_m1() {
                    *class = target[i][j];
                }
            }
        }
        Ok(Tensor::new(values, x.device())?)
    }

    fn transport(&self, _: &Tensor, _: &Tensor, tangent: &Tensor) -> Result<Tensor> {
        Ok(tangent.clone())
    }

    fn blend(&self, at: &Tensor, terms: &[(f64, &Tensor, &Tensor)]) -> Result<Tensor> {
        let mut sum = (terms[0].2 * terms[0].0)?;
        for (weight, _, estimate) in &terms[1..] {
            sum = (sum + (*estimate * *weight)?)?;
        }
        self.copy_known(at, &log_softmax(&sum)?)
    }

    /// Keeps each variable with probability κ_s'/κ_t, else draws it from the estimate, where
    /// κ_s' = (1 − τ) κ_s; then forgets the part that brings the law back from κ_s' to κ_s.
    fn jump(
        &self,
        x_t: &Tensor,
        estimate: &Tensor,
        transition: &Transition,
        rng: &mut Rng,
    ) -> Result<Tensor> {
        let reached = (1.0 - transition.tau) * transition.kappa_s;
        let drawn = self.draw(&estimate.exp()?, rng)?;
        let x_s = self.replace(x_t, &drawn, |_| 1.0 - reached / transition.kappa_t, rng)?;
        if transition.tau == 0.0 {
            return Ok(x_s);
        }
        let forget = (transition.kappa_s - reached) / (1.0 - reached);
        let reference = self.reference(DType::F64, x_t.device(), rng)?;
        self.replace(&x_s, &reference, |_| forget, rng)
    }

    /// Forgets the part (κ_later − κ_t)/(1 − κ_t); `scale` has no meaning for jumps.
    fn renoise(
        &self,
        path: &dyn Path,
        x: &Tensor,
        t: f64,
        later: f64,
        _: f64,
        rng: &mut Rng,
    ) -> Result<Tensor> {
        let (now, then) = (path.kappa(t), path.kappa(later));
        let reference = self.reference(DType::F64, x.device(), rng)?;
        self.replace(x, &reference, |_| (then - now) / (1.0 - now), rng)
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

    fn squared_distances(&self, x: &Tensor, y: &Tensor) -> Result<Vec<f64>> {
        super::pairwise(x, y, |x, y| f64::from(u8::from(x != y)))
    }

    fn project(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.clone())
    }

    fn frame(&self, _: &Tensor) -> Result<Vec<Tensor>> {
        Err(Error::Undefined { factor: "Categorical", what: "likelihood flow" })
    }

    fn reference_log_density(&self, x: &Tensor) -> Result<Tensor> {
        let per_variable = match self.base {
            Base::Mask => 0.0,
            Base::Uniform => -(self.classes as f64).ln(),
        };
        let total = per_variable * self.shape[0] as f64;
        Ok(Tensor::new(vec![total; x.dim(0)?], x.device())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::tests_support::Linear;
    use crate::{Purpose, Seed};

    fn rng(n: usize) -> Rng {
        Rng::new(Seed(5), Purpose::Data, crate::rng::ids(0, n), 0)
    }

    fn share(x: &Tensor, class: u32) -> f64 {
        let hits = x.eq(class).unwrap().to_dtype(DType::F64).unwrap();
        hits.mean_all().unwrap().to_scalar().unwrap()
    }

    /// With the exact posterior of a known law, a jump of any τ leaves the forward marginal at s.
    ///
    /// One variable, p(x_0) = (0.2, 0.8); with the mask the posterior of a masked variable is the
    /// prior. At κ_s = 0.4 the law is (0.12, 0.48, 0.40). Tolerance 5 standard errors at n = 40 000:
    /// 5 · √(0.25/n) = 0.0125.
    #[test]
    fn masked_jumps_keep_the_marginal() {
        let n = 40_000;
        let factor = Categorical::new(1, 2, Base::Mask);
        let mut rng = rng(n);
        let weights = Tensor::new(&[0.2f64, 0.8], &Device::Cpu).unwrap();
        let log_p = weights.log().unwrap().reshape((1, 1, 2)).unwrap();
        let log_p = log_p.broadcast_as((n, 1, 2)).unwrap().contiguous().unwrap();
        let x_0 = factor.draw(&log_p.exp().unwrap(), &mut rng).unwrap();
        let x_1 = factor.reference(DType::F64, &Device::Cpu, &mut rng).unwrap();
        let t = Times::all(n, 0.9);
        let x_t = factor.path_point(&Linear, &x_0, &x_1, &t, &mut rng).unwrap().x_t;
        for tau in [0.0, 0.5, 1.0] {
            let transition = Linear.transition(0.9, 0.4, tau);
            let estimate = factor.estimate(&Linear, &Head::Clean, &x_t, &log_p, &t).unwrap();
            let x_s = factor.jump(&x_t, &estimate, &transition, &mut rng).unwrap();
            for (class, want) in [(0, 0.12), (1, 0.48), (2, 0.40)] {
                let got = share(&x_s, class);
                assert!((got - want).abs() < 0.0125, "τ = {tau}, class {class}: {got}");
            }
        }
    }

    #[test]
    fn known_variables_cost_nothing_and_never_change() {
        let factor = Categorical::new(2, 3, Base::Mask);
        let x_t = Tensor::new(&[[1u32, 3]], &Device::Cpu).unwrap();
        let raw = Tensor::zeros((1, 2, 3), DType::F64, &Device::Cpu).unwrap();
        let estimate =
            factor.estimate(&Linear, &Head::Clean, &x_t, &raw, &Times::all(1, 0.5)).unwrap();
        let clean = Tensor::new(&[[1u32, 2]], &Device::Cpu).unwrap();
        let point = PathPoint { x_t, velocity: clean.clone(), clean };
        let loss = factor.clean_loss(&estimate, &point).unwrap().to_vec1::<f64>().unwrap()[0];
        assert!((loss - 0.5 * 3f64.ln()).abs() < 1e-12, "{loss}");
    }

    /// What is given is certain: it costs nothing, and no step leaves it.
    #[test]
    fn given_classes_stay() {
        let factor = Categorical::new(3, 4, Base::Uniform);
        let x = Tensor::new(&[[3u32, 0, 2]], &Device::Cpu).unwrap();
        let estimate = factor.certain(&x, DType::F64).unwrap();
        let point = PathPoint { x_t: x.clone(), velocity: x.clone(), clean: x.clone() };
        let loss = factor.clean_loss(&estimate, &point).unwrap().to_vec1::<f64>().unwrap();
        assert_eq!(loss, [0.0]);
        let mut rng = rng(1);
        for (t, s) in [(1.0, 0.7), (0.7, 0.1), (0.1, 0.0)] {
            let after = factor.jump(&x, &estimate, &Linear.transition(t, s, 0.0), &mut rng);
            assert_eq!(after.unwrap().to_vec2::<u32>().unwrap(), x.to_vec2::<u32>().unwrap());
        }
    }
}
