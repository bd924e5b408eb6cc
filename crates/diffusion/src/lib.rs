//! Diffusion and flow matching: schedules, grids, couplings, objectives, samplers, guidance,
//! likelihood and information, all on `langevin-core`'s vocabulary.
//!
//! Every axis has one config enum, the place where a config's `kind` meets a type: [`PathConfig`],
//! [`GridConfig`], [`CouplingConfig`], [`ObjectiveConfig`], [`SamplerConfig`].

pub mod bound;
pub mod coupling;
pub mod entropy;
mod flat_rows;
pub mod grid;
pub mod guidance;
pub mod information;
mod levels;
pub mod likelihood;
pub mod mixture;
pub mod objective;
pub mod ode;
pub mod sampler;
pub mod schedule;

pub use coupling::CouplingConfig;
pub use grid::GridConfig;
pub use mixture::GaussianMixture;
pub use objective::ObjectiveConfig;
pub use sampler::SamplerConfig;
pub use schedule::PathConfig;
