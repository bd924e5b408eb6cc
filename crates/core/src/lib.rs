//! The vocabulary of Langevin: what a stochastic process between a reference and the data is made
//! of, with no method in it.
//!
//! # Conventions
//! - Time runs from 0 (data) to 1 (reference); a step goes from `t` to `s < t`.
//! - A [`Space`] is a list of named [`Factor`]s; a [`State`] is one tensor per factor, samples along
//!   the first axis. All samples of a batch have the same size, so there is no padding and no mask.
//! - A [`Path`] is the law of `x_t = α_t x_0 + β_t x_1 + γ_t ε` given its two ends; a [`Process`] is a
//!   space in which each factor has its path.
//! - A [`Network`] is read, through a [`Reading`], as an [`Estimate`] of the clean end: the mean on
//!   flat factors, the mean displacement to the clean end on curved ones, log-probabilities on
//!   categories. ε, v, score and velocity are conversions of it.
//! - Randomness comes from an [`Rng`] argument only. It is counter based and keyed by (seed, purpose,
//!   sample, step), so a sample does not depend on threads, batches or resumption.
//! - Samplers keep the state in f64; networks work in f32.
//!
//! Symbols: `alpha`, `beta`, `gamma` are the coefficients of a path, `sigma` is `beta` where the
//! reference is Gaussian noise, `log_snr` is λ = ln(α/σ) (half of the logarithm of the signal-to-noise
//! ratio), `kappa` the fraction of the way to the reference on curved and discrete factors.

pub mod config;
pub mod coupling;
pub mod dataset;
pub mod denoiser;
pub mod domain;
pub mod error;
pub mod factor;
pub mod flow_map;
pub mod network;
pub mod objective;
pub mod observer;
pub mod on_device;
pub mod path;
pub mod process;
pub mod reading;
pub mod rng;
pub mod sampler;
pub mod state;
pub mod tensor;
pub mod time;

pub use config::ConfigError;
pub use coupling::{Coupling, Pairing};
pub use dataset::{Batch, BySize, Source};
pub use denoiser::{Counted, Denoiser, Tally, vjp};
pub use domain::Domain;
pub use error::Error;
pub use factor::{Factor, PathPoint, Space};
pub use flow_map::{FlowMap, Jump};
pub use network::{Condition, Network, Piece};
pub use objective::{Loss, Objective};
pub use observer::{Observer, Silent, Trajectory};
pub use on_device::OnDevice;
pub use path::{Aim, Coefficients, Path, Transition};
pub use process::{Component, Process};
pub use reading::{Head, NetworkDenoiser, Prediction, Reading};
pub use rng::{Purpose, Rng, SampleId, Seed};
pub use sampler::{Arrival, History, Past, Sampler, Stage, carry, sample};
pub use state::{Estimate, State, Tangent};
pub use time::{TimeGrid, Times};

/// Result of numerical work; configuration has its own [`ConfigError`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
