//! The two-time map X(t → s), of which every trained network is one reading.

use crate::{Denoiser, Process, Result, Rng, State, Times};

/// Where does a state at time `t` stand at time `s ≤ t`?
///
/// On the diagonal this is the identity. A consistency model answers for `s = 0`, a flow map for any
/// `s`, and a denoiser through [`Jump`] to first order in the step.
pub trait FlowMap: Send + Sync {
    /// `X(t → s)(x_t)`.
    ///
    /// # Errors
    /// Those of the network underneath.
    fn map(&self, x_t: &State, t: f64, s: f64, rng: &mut Rng) -> Result<State>;
}

/// A denoiser read as a flow map: one deterministic jump along its own estimate.
#[derive(Debug, Clone)]
pub struct Jump<D> {
    process: Process,
    denoiser: D,
}

impl<D: Denoiser> Jump<D> {
    /// Jumps of `process` along the estimates of `denoiser`.
    pub fn new(process: Process, denoiser: D) -> Self {
        Self { process, denoiser }
    }
}

impl<D: Denoiser> FlowMap for Jump<D> {
    fn map(&self, x_t: &State, t: f64, s: f64, rng: &mut Rng) -> Result<State> {
        let estimate = self.denoiser.denoise(x_t, &Times::all(x_t.samples()?, t))?;
        self.process.map([x_t, &estimate], |c, [x, estimate]| {
            c.factor.jump(x, estimate, &c.path.transition(t, s, 0.0), rng)
        })
    }
}
