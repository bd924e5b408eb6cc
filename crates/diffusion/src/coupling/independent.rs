//! Couplings that solve nothing.

use langevin_core::{Condition, Coupling, Pairing, Process, Result, Rng, State};

/// Row `i` with row `i` of two independent draws.
#[derive(Debug, Clone, Copy, Default)]
pub struct Independent;

impl Coupling for Independent {
    fn couple(
        &self,
        _: &Process,
        x_0: &State,
        _: &State,
        _: &Condition,
        _: &mut Rng,
    ) -> Result<Pairing> {
        Ok(Pairing::identity(x_0.samples()?))
    }
}

/// Row `i` with row `i` of data that come in pairs: restoration, downscaling.
///
/// The same pairing as [`Independent`]; the two names say whether the rows belong together.
#[derive(Debug, Clone, Copy, Default)]
pub struct Paired;

impl Coupling for Paired {
    fn couple(
        &self,
        _: &Process,
        x_0: &State,
        _: &State,
        _: &Condition,
        _: &mut Rng,
    ) -> Result<Pairing> {
        Ok(Pairing::identity(x_0.samples()?))
    }
}
