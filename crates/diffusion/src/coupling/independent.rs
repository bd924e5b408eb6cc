//! Couplings that solve nothing.

use langevin_core::Coupling;

/// Row `i` with row `i` of two independent draws.
#[derive(Debug, Clone, Copy, Default)]
pub struct Independent;

impl Coupling for Independent {}

/// Row `i` with row `i` of data that come in pairs: restoration, downscaling.
///
/// The same pairing as [`Independent`]; the two names say whether the rows belong together.
#[derive(Debug, Clone, Copy, Default)]
pub struct Paired;

impl Coupling for Paired {}
