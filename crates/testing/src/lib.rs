//! Contracts that every implementation runs in its own tests, exact oracles, and statistical
//! assertions.
//!
//! A contract panics with the fact that does not hold. This crate is a dev-dependency of those that
//! implement the traits of `langevin-core`.

pub mod contract;
pub mod oracle;
mod stat;

pub use stat::{assert_within, fitted_order};
