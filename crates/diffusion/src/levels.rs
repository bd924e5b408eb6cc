//! Importance sampling over noise levels, for the integrals of I-MMSE.

use langevin_core::{Process, Result, Rng, State, Times};

/// Values of a = ln snr = 2 ln(α/σ) from a logistic law, stratified over each sample's draws.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Levels {
    /// Centre of the law.
    pub(crate) location: f64,
    /// Its scale.
    pub(crate) scale: f64,
    /// Draws per sample.
    pub(crate) count: usize,
}

/// The samples seen at one level each.
pub(crate) struct Seen {
    pub(crate) x_t: State,
    pub(crate) times: Times,
    /// e^a/(density · count) of each sample: its weight in an integral over a of e^a times something.
    pub(crate) weights: Vec<f64>,
}

impl Levels {
    /// `x_0` seen through the channel, `count` times.
    pub(crate) fn see<'a>(
        self,
        process: &'a Process,
        x_0: &'a State,
        mut rng: Rng,
    ) -> impl Iterator<Item = Result<Seen>> + 'a {
        let shift = rng.uniforms();
        (0..self.count).map(move |level| {
            // Stratum `level` of each sample's own shifted grid of quantiles.
            let quantile =
                |u: &f64| ((level as f64 + u) / self.count as f64).clamp(1e-9, 1.0 - 1e-9);
            let quantiles: Vec<f64> = shift.iter().map(quantile).collect();
            let logit = |q: &f64| self.location + self.scale * (q / (1.0 - q)).ln();
            let log_snr: Vec<f64> = quantiles.iter().map(logit).collect();
            let time = |a: &f64| process.path().time_of_log_snr(0.5 * a);
            let times = Times::new(log_snr.iter().map(time).collect());
            let like = x_0.part(0);
            let x_1 = process.reference(like.dtype(), like.device(), &mut rng)?;
            let points = process.path_points(x_0, &x_1, &times, &mut rng)?;
            let x_t = State::new(points.into_iter().map(|point| point.x_t).collect());
            // The density of a logistic law at its quantile q is q (1 − q)/scale.
            let weight =
                |(a, q): (&f64, &f64)| a.exp() * self.scale / (q * (1.0 - q) * self.count as f64);
            let weights = log_snr.iter().zip(&quantiles).map(weight).collect();
            Ok(Seen { x_t, times, weights })
        })
    }
}

/// Mean and its standard error.
pub(crate) fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (mean, (square / (n - 1.0).max(1.0) / n).sqrt())
}
