//! Who looks on while a sampler works.

use crate::State;

/// Told of every state that a sampler reaches.
pub trait Observer {
    /// The state at time `t`; the first call shows the reference.
    fn see(&mut self, t: f64, x: &State);
}

/// Looks away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn see(&mut self, _: f64, _: &State) {}
}

/// Keeps every state.
#[derive(Debug, Clone, Default)]
pub struct Trajectory {
    /// Times and states, from the reference to the data.
    pub states: Vec<(f64, State)>,
}

impl Observer for Trajectory {
    fn see(&mut self, t: f64, x: &State) {
        self.states.push((t, x.detach()));
    }
}
