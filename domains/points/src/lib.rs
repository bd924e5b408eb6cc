//! Point clouds in R^d and on the sphere: the smallest domain, and the template for others.
//!
//! Conventions: points are row-major f64 in the units of their file; on the sphere they are unit
//! vectors (x, y, z) with z towards the north pole. States are standardised by [`space::Standardisation`].
//! Densities are in nats per unit of volume, on the sphere per unit of area.

pub mod config;
pub mod metrics;
pub mod record;
pub mod source;
pub mod space;
pub mod toy;
