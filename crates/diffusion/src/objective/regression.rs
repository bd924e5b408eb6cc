//! What every regression begins with: a time, a state on the path, the network's answer there.

use langevin_core::{Batch, Network, PathPoint, Prediction, Reading, Result, Rng, State, Times};

use super::TimeLaw;

/// The network's answer at times drawn for a batch.
pub(super) struct Regression<'a> {
    /// One per sample.
    pub(super) t: Times,
    /// States on the path with what is known of them, one per factor.
    pub(super) points: Vec<PathPoint>,
    pub(super) prediction: Prediction<'a>,
}

impl<'a> Regression<'a> {
    /// Draws times from `law` and noise from `rng`, and asks `network`.
    pub(super) fn new(
        law: TimeLaw,
        reading: &'a Reading,
        network: &dyn Network,
        batch: &Batch,
        x_1: &State,
        rng: &mut Rng,
    ) -> Result<Self> {
        let t = Times::new(law.draw(reading.process().path(), rng));
        let points = reading.process().path_points(&batch.x_0, x_1, &t, rng)?;
        let x_t = State::new(points.iter().map(|point| point.x_t.clone()).collect());
        // Half of the batches show the network its own first estimate, as the steps of a sampler do. The
        // coin is the first sample's, so that the others need no second pass in vain.
        let recalled = network.recalls() && rng.uniforms()[0] < 0.5;
        let condition = if recalled {
            let first = reading.predict(network, &x_t, &t, &batch.condition)?.estimate()?;
            batch.condition.recalling(&first)
        } else {
            batch.condition.clone()
        };
        let prediction = reading.predict(network, &x_t, &t, &condition)?;
        Ok(Self { t, points, prediction })
    }
}
