//! Random numbers that are a function of what they are for.
//!
//! A number is Philox4x32-10 of (seed, purpose, draw) as key and (sample, step, position) as
//! counter: there is no state to share, so a sample's noise does not depend on threads, batch
//! split, shards, ranks or resumption. Normals use Box–Muller with fixed consumption and without
//! fused multiply-add, so they have the same bits on every instruction set.

mod bulk;
mod philox;
mod stream;

pub use bulk::{fill_normal_rows, fill_normal_rows_f32};
pub use philox::Philox;
pub use stream::{Stream, tag};
