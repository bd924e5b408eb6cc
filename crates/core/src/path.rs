//! The law of `x_t` given its two ends.

use std::fmt::Debug;

use crate::{Error, Result};

/// `x_t = alpha x_0 + beta x_1 + gamma ε`, or the time derivatives of the three.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coefficients {
    /// Weight of the data.
    pub alpha: f64,
    /// Weight of the reference; σ_t where the reference is Gaussian noise.
    pub beta: f64,
    /// Weight of fresh noise.
    pub gamma: f64,
}

/// A jump from `t` to `s`: `x_s = keep x_t + pull x̂_0 + noise z`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transition {
    /// Weight of the present state.
    pub keep: f64,
    /// Weight of the estimate of the clean end.
    pub pull: f64,
    /// Standard deviation of fresh noise.
    pub noise: f64,
    /// Fraction of the way to the reference at `t` (curved and discrete factors).
    pub kappa_t: f64,
    /// Fraction of the way to the reference at `s`; 0 at the data, whatever the schedule.
    pub kappa_s: f64,
    /// Part τ of the remaining noise that is drawn anew.
    pub tau: f64,
    /// The jump that keeps the law of x_t, where the path adds γ ε and this one would not.
    pub instead: Option<&'static str>,
}

impl Transition {
    /// Confirms that the jump keeps the law of x_t on a factor in which γ ε enters.
    ///
    /// # Errors
    /// [`Error::OwnNoise`] with the jump that does.
    pub fn check(&self, factor: &'static str) -> Result<()> {
        match self.instead {
            Some(allowed) => Err(Error::OwnNoise { factor, what: "jump of this kind", allowed }),
            None => Ok(()),
        }
    }
}

/// What estimates speak of on a path that adds noise of its own, γ ε. Without γ both are x_0.
///
/// The targets of training, the velocity of an estimate and the jumps of a path all follow this one
/// choice, so every head and every objective trains the same estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// The end x̂ of the straight line along the velocity: `u = α' x̂ + β' (x_t − α x̂)/β` is dx_t/dt, and
    /// steps that add no noise follow the marginals. Where γ is constant and α + β = 1, `x̂ = x_0 + γ ε`.
    Flow,
    /// x_0 itself. What an estimate implies as a velocity is a drift, and only jumps that draw all noise
    /// anew keep the marginals.
    Data,
}

impl Aim {
    /// The steps that keep the marginals, for messages.
    pub fn allowed(self) -> &'static str {
        match self {
            Self::Flow => "steps that add no noise",
            Self::Data => "jumps that draw all noise anew (ddpm)",
        }
    }
}

/// A schedule: how much of either end is left at time `t`.
///
/// Scores, renoising and jumps that draw a part of the noise anew are exact where `x_t = α x_0 + σ ε`, with
/// the reference, drawn independently of the data, as the only noise. A path that adds γ ε answers
/// [`Path::has_own_noise`], and what is not exact on it is refused; what is, [`Path::aim`] tells. Ends that
/// were coupled are not seen here: with those, too, only steps that add no noise follow the marginals.
///
/// Implementations are pure functions of time. `alpha` falls and `beta / alpha` rises strictly, so
/// that [`Path::log_snr`] has an inverse; `testing::contract::path` checks this and the rates.
pub trait Path: Debug + Send + Sync {
    /// α_t, β_t, γ_t.
    fn coefficients(&self, t: f64) -> Coefficients;

    /// dα/dt, dβ/dt, dγ/dt.
    fn rates(&self, t: f64) -> Coefficients;

    /// Whether `x_t` has noise beside the reference's.
    fn has_own_noise(&self) -> bool {
        self.coefficients(0.5).gamma > 0.0
    }

    /// What estimates speak of where the path has noise of its own.
    fn aim(&self) -> Aim {
        Aim::Flow
    }

    /// First time of a sampler. Below 1 where conversions of estimates break down at 1.
    fn start(&self) -> f64 {
        1.0
    }

    /// Last time at which a velocity is asked for; from there one jumps to the estimate of the end.
    fn floor(&self) -> f64 {
        1e-5
    }

    /// λ = ln(α_t / β_t), half of the logarithm of the signal-to-noise ratio.
    fn log_snr(&self, t: f64) -> f64 {
        let c = self.coefficients(t);
        c.alpha.ln() - c.beta.ln()
    }

    /// The time at which [`Path::log_snr`] is `log_snr`, clamped to [0, 1].
    fn time_of_log_snr(&self, log_snr: f64) -> f64 {
        let (mut low, mut high) = (0.0_f64, 1.0_f64);
        // 80 halvings leave less than one unit in the last place of any time above 1e-8.
        for _ in 0..80 {
            let middle = 0.5 * (low + high);
            if self.log_snr(middle) > log_snr { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    }

    /// κ_t in [0, 1]: the fraction of the way to the reference.
    fn kappa(&self, t: f64) -> f64 {
        let c = self.coefficients(t);
        c.beta / (c.alpha + c.beta)
    }

    /// dκ/dt.
    fn kappa_rate(&self, t: f64) -> f64 {
        let (c, r) = (self.coefficients(t), self.rates(t));
        (r.beta * c.alpha - c.beta * r.alpha) / (c.alpha + c.beta).powi(2)
    }

    /// κ_s of a jump to `s`: at the data nothing is left of the reference, even where a schedule keeps
    /// noise of σ_min there. A mask is no datum.
    fn kappa_arrived(&self, s: f64) -> f64 {
        if s == 0.0 { 0.0 } else { self.kappa(s) }
    }

    /// g², the squared diffusion coefficient of the noising equation whose marginals are this path's.
    ///
    /// g² = dσ²/dt − 2 (α'/α) σ². Source: Kingma et al. (2021), eq. 24 of the appendix.
    fn diffusion_squared(&self, t: f64) -> f64 {
        let (c, r) = (self.coefficients(t), self.rates(t));
        2.0 * c.beta * (r.beta - c.beta * r.alpha / c.alpha)
    }

    /// The part of the noise at `s` that ancestral sampling (DDPM) draws anew.
    ///
    /// τ = 1 − α_t² σ_s² / (α_s² σ_t²).
    fn ancestral_tau(&self, t: f64, s: f64) -> f64 {
        let (c_t, c_s) = (self.coefficients(t), self.coefficients(s));
        (1.0 - (c_t.alpha * c_s.beta / (c_s.alpha * c_t.beta)).powi(2)).clamp(0.0, 1.0)
    }

    /// The jump to `s` that keeps the marginals when the estimate is exact, for any `tau` in [0, 1].
    ///
    /// `x_s = α_s x̂_0 + σ_s √(1−τ) (x_t − α_t x̂_0)/σ_t + σ_s √τ z`: τ = 0 is DDIM, [`Path::ancestral_tau`]
    /// DDPM. Source: Song et al. (2021), eq. 12.
    fn transition(&self, t: f64, s: f64, tau: f64) -> Transition {
        let (c_t, c_s) = (self.coefficients(t), self.coefficients(s));
        let keep = (1.0 - tau).sqrt() * c_s.beta / c_t.beta;
        Transition {
            keep,
            pull: c_s.alpha - c_t.alpha * keep,
            noise: tau.sqrt() * c_s.beta,
            kappa_t: self.kappa(t),
            kappa_s: self.kappa_arrived(s),
            tau,
            instead: (tau > 0.0 && self.has_own_noise()).then(|| Aim::Flow.allowed()),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests_support {
    use super::{Coefficients, Path};

    /// α = 1 − t, β = t.
    #[derive(Debug)]
    pub(crate) struct Linear;

    impl Path for Linear {
        fn coefficients(&self, t: f64) -> Coefficients {
            Coefficients { alpha: 1.0 - t, beta: t, gamma: 0.0 }
        }
        fn rates(&self, _: f64) -> Coefficients {
            Coefficients { alpha: -1.0, beta: 1.0, gamma: 0.0 }
        }
    }
}
