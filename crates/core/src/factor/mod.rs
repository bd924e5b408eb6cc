//! Where a part of a state lives, and what every method may ask of it.

mod categorical;
mod flat;
mod noise;
mod sphere;
mod torus;

use std::fmt::Debug;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

pub use categorical::{Base, Categorical};
pub use flat::{Centred, Euclidean, Flat, GridField};
pub use noise::{NoiseLaw, RandomField, White, ZeroMean};
pub use sphere::Sphere;
pub use torus::{Torus, TorusLaw};

use crate::{Head, Path, Result, Rng, Times, Transition};

/// `x_t` of one factor between two ends, and what a network learns from it.
#[derive(Debug, Clone)]
pub struct PathPoint {
    /// The state shown to the network.
    pub x_t: Tensor,
    /// The clean end as an estimate would state it: `x_0`, `log_{x_t} x_0`, or the class. Where the path
    /// has noise of its own, the end that its [`crate::Aim`] says.
    pub clean: Tensor,
    /// The velocity of this pair and its noise at `t`; on categories the class again.
    pub velocity: Tensor,
}

/// One factor of a space: its reference, its geometry, its losses and its steps.
///
/// A method asks these questions and never which factor answers. All tensors have samples first and
/// are treated independently; `testing::contract::factor` checks every implementation.
pub trait Factor: Debug + Send + Sync {
    /// What this is, for messages.
    fn kind(&self) -> &'static str;

    /// Shape of one sample's part of the state.
    fn shape(&self) -> &[usize];

    /// Shape of one sample's part of a network's output and of an estimate.
    fn estimate_shape(&self) -> Vec<usize> {
        self.shape().to_vec()
    }

    /// Degrees of freedom of one sample.
    fn degrees_of_freedom(&self) -> usize;

    /// The same factor for parts of another `shape`, with as many axes: molecules of another size.
    fn shaped(&self, shape: &[usize]) -> Arc<dyn Factor>;

    /// A reference sample `x_1` for each id of `rng`.
    fn reference(&self, dtype: DType, device: &Device, rng: &mut Rng) -> Result<Tensor>;

    /// Where a reference sample stands at `t` when nothing is known of the data: `β_t x_1` on flat
    /// factors, whose noise need not have unit scale, and `x_1` on the others.
    fn departure(&self, _: &dyn Path, x_1: &Tensor, _: f64) -> Result<Tensor> {
        Ok(x_1.clone())
    }

    /// Whether γ of a path enters `x_t`.
    fn takes_own_noise(&self) -> bool {
        true
    }

    /// `x_t` between `x_0` and `x_1`, with the targets of training: two readings of one thing, the velocity
    /// being [`Factor::velocity`] of the clean end at `x_t`.
    fn path_point(
        &self,
        path: &dyn Path,
        x_0: &Tensor,
        x_1: &Tensor,
        t: &Times,
        rng: &mut Rng,
    ) -> Result<PathPoint>;

    /// What `raw` network output says about the clean end, under `head`.
    fn estimate(
        &self,
        path: &dyn Path,
        head: &Head,
        x_t: &Tensor,
        raw: &Tensor,
        t: &Times,
    ) -> Result<Tensor>;

    /// The estimate that says that the state `x` is the clean value, in precision `dtype`.
    ///
    /// # Errors
    /// [`crate::Error::Undefined`] where a noisy state cannot show a clean value.
    fn certain(&self, _x: &Tensor, _dtype: DType) -> Result<Tensor> {
        Err(crate::Error::Undefined { factor: self.kind(), what: "clean value that is given" })
    }

    /// `estimate` in which the points where `mask` `[B, n]` is 1 lie to each other as they do in `x_t`.
    ///
    /// # Errors
    /// [`crate::Error::Undefined`] where a factor has no points that can be shifted together.
    fn hold(&self, _x_t: &Tensor, _estimate: &Tensor, _mask: &Tensor) -> Result<Tensor> {
        Err(crate::Error::Undefined { factor: self.kind(), what: "piece that is held" })
    }

    /// Squared error (or cross-entropy) of an estimate, mean over the axes of a sample: `[B]`.
    fn clean_loss(&self, estimate: &Tensor, point: &PathPoint) -> Result<Tensor>;

    /// The same of a velocity. On categories: the cross-entropy of an estimate.
    fn velocity_loss(&self, velocity: &Tensor, point: &PathPoint) -> Result<Tensor>;

    /// dx/dt of the probability flow through `x_t`; jump rates on categories.
    fn velocity(
        &self,
        path: &dyn Path,
        x_t: &Tensor,
        estimate: &Tensor,
        t: &Times,
    ) -> Result<Tensor>;

    /// ∇ ln p_t, where the reference is Gaussian noise.
    ///
    /// # Errors
    /// [`crate::Error::Undefined`] for factors without one.
    fn score(&self, path: &dyn Path, x_t: &Tensor, estimate: &Tensor, t: &Times) -> Result<Tensor>;

    /// Whether [`Factor::score`] has an answer.
    fn has_score(&self) -> bool {
        false
    }

    /// Whether [`Factor::velocity`] gives jump rates. These grow as 1/t, so no step of finite rates resolves
    /// everything: whoever follows velocities takes the last step, to the data, by [`Factor::jump`].
    fn moves_by_rates(&self) -> bool {
        false
    }

    /// The point reached from `x` along `tangent` in time `dt` (one per sample, usually negative).
    ///
    /// Jumps are drawn from `rng` on categories; other factors leave it alone.
    fn follow(&self, x: &Tensor, tangent: &Tensor, dt: &Times, rng: &mut Rng) -> Result<Tensor>;

    /// A tangent at `from` as one at `to`.
    fn transport(&self, from: &Tensor, to: &Tensor, tangent: &Tensor) -> Result<Tensor>;

    /// `Σ w_k estimate_k`, each made at its own point `x_k`, as an estimate at `at`. Weights add to 1.
    fn blend(&self, at: &Tensor, terms: &[(f64, &Tensor, &Tensor)]) -> Result<Tensor>;

    /// The jump of [`Path::transition`].
    fn jump(
        &self,
        x_t: &Tensor,
        estimate: &Tensor,
        transition: &Transition,
        rng: &mut Rng,
    ) -> Result<Tensor>;

    /// `x` carried on from `t` to `later` by the noising process, its noise scaled by `scale`.
    ///
    /// # Errors
    /// [`crate::Error::Undefined`] where the path to the reference is a geodesic.
    #[allow(clippy::too_many_arguments, reason = "the symbols of a noising step")]
    fn renoise(
        &self,
        path: &dyn Path,
        x: &Tensor,
        t: f64,
        later: f64,
        scale: f64,
        rng: &mut Rng,
    ) -> Result<Tensor>;

    /// A step of `amount` that leaves the law at `t` unchanged: `x + a ∇ln p + √(2a) z`.
    fn langevin(
        &self,
        path: &dyn Path,
        x: &Tensor,
        estimate: &Tensor,
        t: &Times,
        amount: f64,
        rng: &mut Rng,
    ) -> Result<Tensor>;

    /// Squared distances between the rows of `x` and of `y`, `[n, m]` row-major; on categories the
    /// number of variables that differ.
    fn squared_distances(&self, x: &Tensor, y: &Tensor) -> Result<Vec<f64>> {
        pairwise(x, y, |x, y| (x - y).powi(2))
    }

    /// `x` put back on the factor after rounding or an outside change: wrapped, centred, normalised.
    fn project(&self, x: &Tensor) -> Result<Tensor>;

    /// Tangent directions for an exact divergence at `x`, an orthonormal frame: one tensor each.
    ///
    /// # Errors
    /// [`crate::Error::Undefined`] for factors without a likelihood flow.
    fn frame(&self, x: &Tensor) -> Result<Vec<Tensor>>;

    /// ln density of the reference at `x`, in nats: `[B]`.
    ///
    /// # Errors
    /// [`crate::Error::Undefined`] for factors without one.
    fn reference_log_density(&self, x: &Tensor) -> Result<Tensor>;

    /// ln density of the law at `t` where next to nothing is left of the data: [`Factor::departure`] of the
    /// reference, shifted by what `estimate` says is left. `[B]`, in nats.
    ///
    /// # Errors
    /// As [`Factor::reference_log_density`].
    fn departure_log_density(
        &self,
        _: &dyn Path,
        x: &Tensor,
        _: &Tensor,
        _: f64,
    ) -> Result<Tensor> {
        self.reference_log_density(x)
    }
}

/// `Σ_k term(x_ik, y_jk)` over all pairs of rows, off the graph.
fn pairwise(x: &Tensor, y: &Tensor, term: impl Fn(f64, f64) -> f64) -> Result<Vec<f64>> {
    let rows = |x: &Tensor| -> Result<Vec<f64>> {
        Ok(x.detach().to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?)
    };
    let (n, m) = (x.dim(0)?, y.dim(0)?);
    let (a, b) = (rows(x)?, rows(y)?);
    let d = a.len() / n.max(1);
    // Coordinates of y side by side: the inner loop runs over pairs and vectorises for any d.
    let columns: Vec<f64> = (0..d * m).map(|c| b[(c % m) * d + c / m]).collect();
    let mut out = vec![0.0; n * m];
    for (x, out) in a.chunks_exact(d).zip(out.chunks_exact_mut(m)) {
        for (&x, y) in x.iter().zip(columns.chunks_exact(m)) {
            out.iter_mut().zip(y).for_each(|(sum, &y)| *sum += term(x, y));
        }
    }
    Ok(out)
}

/// Named factors in order.
#[derive(Debug, Clone)]
pub struct Space(Vec<(String, Arc<dyn Factor>)>);

impl Space {
    /// A space of one factor.
    pub fn of(name: &str, factor: impl Factor + 'static) -> Self {
        Self(vec![(name.into(), Arc::new(factor))])
    }

    /// The same space with one more factor.
    #[must_use]
    pub fn and(mut self, name: &str, factor: impl Factor + 'static) -> Self {
        self.0.push((name.into(), Arc::new(factor)));
        self
    }

    /// Names and factors.
    pub fn factors(&self) -> impl Iterator<Item = (&str, &Arc<dyn Factor>)> {
        self.0.iter().map(|(name, factor)| (name.as_str(), factor))
    }
}
