//! How a network's raw output is read: heads, preconditioning, and the denoiser that they make.

use std::sync::Arc;

use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

use crate::{
    Component, Condition, Denoiser, Estimate, Network, Path, PathPoint, Piece, Process, Result,
    State, Tangent, Times,
};

/// What a network's output stands for. Each is a linear change of basis of the pair (x_t, output).
///
/// In a config: `head = "velocity"`, or `head = { edm = { sigma_data = 0.5 } }`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Head {
    /// The clean end itself; displacements and logits on other factors.
    Clean,
    /// ε, the noise: x̂_0 = (x_t − σ ε)/α.
    Noise,
    /// v = α ε − σ x_0: x̂_0 = (α x_t − σ v)/(α² + σ²).
    V,
    /// The velocity u = α' x_0 + β' x_1.
    Velocity,
    /// ∇ ln p_t = −ε/σ.
    Score,
    /// F of Karras et al. (2022), table 1, for data of standard deviation `sigma_data`.
    Edm {
        /// Standard deviation of the data.
        sigma_data: f64,
    },
}

/// `x̂_0 = skip x_t + out F(scale_in x_t, time_in)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Precondition {
    /// c_skip.
    pub skip: f64,
    /// c_out.
    pub out: f64,
    /// c_in.
    pub scale_in: f64,
    /// c_noise: what the network is told of the time.
    pub time_in: f64,
}

impl Head {
    /// The coefficients at time `t` of `path`.
    pub fn coefficients(&self, path: &dyn Path, t: f64) -> Precondition {
        let c = path.coefficients(t);
        let (alpha, sigma) = (c.alpha, c.beta);
        let plain = |skip, out| Precondition { skip, out, scale_in: 1.0, time_in: t };
        match *self {
            Self::Clean => plain(0.0, 1.0),
            Self::Noise => plain(1.0 / alpha, -sigma / alpha),
            Self::V => {
                let square = alpha * alpha + sigma * sigma;
                plain(alpha / square, -sigma / square)
            }
            Self::Velocity => {
                // x = α x_0 + β x_1 and u = α' x_0 + β' x_1, solved for x_0.
                let r = path.rates(t);
                let determinant = alpha * r.beta - r.alpha * sigma;
                plain(r.beta / determinant, -sigma / determinant)
            }
            Self::Score => plain(1.0 / alpha, sigma * sigma / alpha),
            Self::Edm { sigma_data } => {
                // Written for x_t/α = x_0 + (σ/α) ε, so that every noise path has this head.
                let (s, d) = (sigma / alpha, sigma_data);
                let square = s * s + d * d;
                Precondition {
                    skip: d * d / square / alpha,
                    out: s * d / square.sqrt(),
                    scale_in: 1.0 / (square.sqrt() * alpha),
                    // The floor keeps ln σ finite at t = 0; no schedule trains below it.
                    time_in: 0.25 * s.max(1e-12).ln(),
                }
            }
        }
    }
}

/// A process together with the head that reads networks trained on it.
#[derive(Debug, Clone)]
pub struct Reading {
    process: Process,
    head: Head,
}

/// A network's output at `x_t`, ready to be read as an estimate or as a velocity.
#[derive(Debug)]
pub struct Prediction<'a> {
    reading: &'a Reading,
    x_t: State,
    raw: State,
    t: Times,
    /// The factor that is given: its estimate is what the state shows.
    given: Option<usize>,
    /// Points that are held: in the estimate they lie as the state shows.
    piece: Option<Piece>,
}

impl Reading {
    /// Networks on `process` are read under `head`.
    pub fn new(process: Process, head: Head) -> Self {
        Self { process, head }
    }

    /// The same reading for samples of the size of `x`.
    #[must_use]
    pub fn shaped_like(&self, x: &State) -> Self {
        Self { process: self.process.shaped_like(x), head: self.head }
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The head.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The network's output at `x_t`. Inputs are scaled by c_in and the time given as c_noise.
    ///
    /// # Errors
    /// Those of the network.
    pub fn predict(
        &self,
        network: &dyn Network,
        x_t: &State,
        t: &Times,
        condition: &Condition,
    ) -> Result<Prediction<'_>> {
        let path = self.process.path();
        let time_in = t.values().iter().map(|&t| self.head.coefficients(path, t).time_in).collect();
        let shown = self.process.map([x_t], |component, [x]| {
            if !x.dtype().is_float() || !matches!(self.head, Head::Edm { .. }) {
                return Ok(x.clone());
            }
            let path = component.path.as_ref();
            Ok(x.broadcast_mul(&t.column(x, |t| self.head.coefficients(path, t).scale_in)?)?)
        })?;
        let time_in = Times::new(time_in);
        let raw = network.forward(&shown, &time_in, &time_in, condition)?;
        let (given, piece) = (condition.given(), condition.piece().cloned());
        Ok(Prediction { reading: self, x_t: x_t.clone(), raw, t: t.clone(), given, piece })
    }
}

impl Prediction<'_> {
    /// The estimate of the clean end.
    ///
    /// # Errors
    /// [`crate::Error::Undefined`] if a factor does not know the head.
    pub fn estimate(&self) -> Result<Estimate> {
        let components = self.reading.process.components().iter().enumerate();
        components.map(|(i, c)| self.estimate_of(i, c)).collect::<Result<_>>().map(State::new)
    }

    /// The estimate of factor `i`.
    fn estimate_of(&self, i: usize, component: &Component) -> Result<Tensor> {
        let (x, raw, path) = (self.x_t.part(i), self.raw.part(i), component.path.as_ref());
        if self.given == Some(i) {
            return component.factor.certain(x, raw.dtype());
        }
        let estimate = component.factor.estimate(path, &self.reading.head, x, raw, &self.t)?;
        match &self.piece {
            Some(piece) if piece.factor == i => component.factor.hold(x, &estimate, &piece.mask),
            _ => Ok(estimate),
        }
    }

    /// The velocity; the raw output itself where the head is one, so that nothing is divided by t.
    ///
    /// # Errors
    /// As [`Prediction::estimate`].
    pub fn velocity(&self) -> Result<Tangent> {
        let of = |(i, c): (usize, &Component)| {
            let x = self.x_t.part(i);
            if self.reading.head == Head::Velocity && x.dtype().is_float() {
                // Zero duration: what is left is the projection on tangents.
                return c.factor.transport(x, x, self.raw.part(i));
            }
            let estimate = self.estimate_of(i, c)?;
            if x.dtype().is_float() {
                c.factor.velocity(c.path.as_ref(), x, &estimate, &self.t)
            } else {
                Ok(estimate)
            }
        };
        let components = self.reading.process.components().iter().enumerate();
        components.map(of).collect::<Result<_>>().map(State::new)
    }

    /// Loss of the estimate per sample, factors added by their weights: `[B]`. The loss of a factor counts
    /// `weight` times at the sample's time.
    ///
    /// # Errors
    /// As [`Prediction::estimate`].
    pub fn clean_loss(
        &self,
        points: &[PathPoint],
        weight: impl Fn(&Component, f64) -> f64,
    ) -> Result<Tensor> {
        let estimate = self.estimate()?;
        self.sum(points, |i, point| {
            let component = &self.reading.process.components()[i];
            let loss = component.factor.clean_loss(estimate.part(i), point)?;
            Ok((self.t.column(&loss, |t| weight(component, t))? * loss)?)
        })
    }

    /// Loss of the velocity per sample, factors added by their weights: `[B]`.
    ///
    /// # Errors
    /// As [`Prediction::estimate`].
    pub fn velocity_loss(&self, points: &[PathPoint]) -> Result<Tensor> {
        let velocity = self.velocity()?;
        self.sum(points, |i, point| {
            self.reading.process.components()[i].factor.velocity_loss(velocity.part(i), point)
        })
    }

    fn sum(
        &self,
        points: &[PathPoint],
        loss: impl Fn(usize, &PathPoint) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let components = self.reading.process.components();
        let weighted = |i: usize| -> Result<Tensor> {
            let own = loss(i, &points[i])?;
            Ok(if components[i].weight == 1.0 { own } else { (own * components[i].weight)? })
        };
        let mut total = weighted(0)?;
        for i in 1..points.len() {
            total = (total + weighted(i)?)?;
        }
        Ok(total)
    }
}

/// A network, read as a denoiser, with its condition bound.
///
/// The state comes in the sampler's precision; the network works in its own and the conversions
/// in the sampler's.
#[derive(Clone)]
pub struct NetworkDenoiser {
    reading: Reading,
    network: Arc<dyn Network>,
    condition: Condition,
}

impl NetworkDenoiser {
    /// `network` read by `reading`, always shown `condition`.
    pub fn new(reading: Reading, network: Arc<dyn Network>, condition: Condition) -> Self {
        Self { reading, network, condition }
    }
}

impl Denoiser for NetworkDenoiser {
    fn denoise(&self, x_t: &State, t: &Times) -> Result<Estimate> {
        let precise = x_t.parts().iter().map(Tensor::dtype).find(DType::is_float);
        let network = |x: &Tensor| -> Result<Tensor> {
            Ok(if x.dtype().is_float() { x.to_dtype(self.network.dtype())? } else { x.clone() })
        };
        // c_in is applied before the narrowing, c_skip and c_out after the widening.
        let shim = Narrowed { inner: self.network.as_ref(), narrow: &network, wide: precise };
        let reading = self.reading.shaped_like(x_t);
        let estimate = reading.predict(&shim, x_t, t, &self.condition)?.estimate()?;
        estimate.check_finite("estimate", t)?;
        Ok(estimate)
    }

    fn denoise_rows(&self, x_t: &State, t: &Times, rows: &[usize]) -> Result<Estimate> {
        let condition = self.condition.select(rows)?;
        Self { condition, ..self.clone() }.denoise(x_t, t)
    }

    fn recalling<'a>(&'a self, previous: &Estimate) -> Option<Box<dyn Denoiser + 'a>> {
        let condition = self.condition.recalling(previous);
        self.network.recalls().then(|| Box::new(Self { condition, ..self.clone() }) as _)
    }
}

/// A network seen from a wider precision.
struct Narrowed<'a> {
    inner: &'a dyn Network,
    narrow: &'a (dyn Fn(&Tensor) -> Result<Tensor> + Sync),
    wide: Option<DType>,
}

impl Network for Narrowed<'_> {
    fn forward(&self, x: &State, t: &Times, s: &Times, condition: &Condition) -> Result<State> {
        let raw = self.inner.forward(&x.map(self.narrow)?, t, s, condition)?;
        raw.to_dtype(self.wide.unwrap_or(DType::F64))
    }

    fn dtype(&self) -> DType {
        self.inner.dtype()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::tests_support::Linear;

    /// Every head, fed its own definition made from x_0 and x_1, gives x_0 back.
    #[test]
    fn heads_invert_their_definitions() {
        let (x_0, x_1) = (1.3, -0.4);
        for t in [0.05, 0.4, 0.95] {
            let (c, r) = (Linear.coefficients(t), Linear.rates(t));
            let x_t = c.alpha * x_0 + c.beta * x_1;
            let s = c.beta / c.alpha;
            let d = 0.7f64;
            let square = s * s + d * d;
            let f = (x_0 - d * d / square * x_t / c.alpha) * square.sqrt() / (s * d);
            let cases = [
                (Head::Clean, x_0),
                (Head::Noise, x_1),
                (Head::V, c.alpha * x_1 - c.beta * x_0),
                (Head::Velocity, r.alpha * x_0 + r.beta * x_1),
                (Head::Score, -x_1 / c.beta),
                (Head::Edm { sigma_data: d }, f),
            ];
            for (head, output) in cases {
                let p = head.coefficients(&Linear, t);
                let got = p.skip * x_t + p.out * output;
                assert!((got - x_0).abs() < 1e-12, "{head:?} at {t}: {got}");
            }
        }
    }
}
