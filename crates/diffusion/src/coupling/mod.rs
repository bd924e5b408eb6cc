//! Couplings: which reference sample is paired with which datum.

mod equivariant;
mod independent;
mod optimal;
mod periodic;
mod sinkhorn;

use std::sync::Arc;

use candle_core::Tensor;
use langevin_core::{ConfigError, Coupling, Error, Result};
use serde::{Deserialize, Serialize};

pub use equivariant::Equivariant;
pub use independent::{Independent, Paired};
pub use optimal::{Optimal, OptimalConfig};
pub use periodic::Periodic;
pub use sinkhorn::{SinkhornCoupling, SinkhornCouplingConfig};

/// `[coupling]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CouplingConfig {
    /// Any reference sample with any datum.
    Independent(NoOptions),
    /// The pairs that the data come in.
    Paired(NoOptions),
    /// Exact optimal transport within the batch; aware of conditions if told so.
    Optimal(OptimalConfig),
    /// Any reference cloud with any datum, each exchanged and rotated towards it.
    Equivariant(NoOptions),
    /// Any reference points of a torus with any datum, exchanged and shifted towards it.
    Periodic(NoOptions),
    /// Entropic optimal transport within the batch.
    Sinkhorn(SinkhornCouplingConfig),
}

/// A section without keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoOptions {}

impl CouplingConfig {
    /// The coupling.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn build(&self) -> Result<Arc<dyn Coupling>, ConfigError> {
        Ok(match self {
            Self::Independent(_) => Arc::new(Independent),
            Self::Paired(_) => Arc::new(Paired),
            Self::Optimal(config) => Arc::new(config.build()?),
            Self::Equivariant(_) => Arc::new(Equivariant),
            Self::Periodic(_) => Arc::new(Periodic),
            Self::Sinkhorn(config) => Arc::new(config.build()?),
        })
    }
}

/// A solver's error as one of a coupling between `rows` data and `columns` reference samples.
fn failed(rows: usize, columns: usize) -> impl Fn(langevin_transport::TransportError) -> Error {
    move |error| Error::Coupling { rows, columns, reason: error.to_string() }
}

/// `part` `[B, n, …]` of points, of each sample in its own `order`; as it is where it is of no points.
fn exchanged(part: &Tensor, order: &[Vec<usize>]) -> Result<Tensor> {
    let n = order.first().map_or(0, Vec::len);
    if part.rank() < 2 || part.dim(1)? != n {
        return Ok(part.clone());
    }
    let own = |(sample, order): (usize, &Vec<usize>)| -> Result<Tensor> {
        let order: Vec<u32> = order.iter().map(|&j| j as u32).collect();
        let order = Tensor::new(order, part.device())?;
        Ok(part.narrow(0, sample, 1)?.index_select(&order, 1)?)
    };
    let rows = order.iter().enumerate().map(own).collect::<Result<Vec<_>>>()?;
    Ok(Tensor::cat(&rows, 0)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_refused() {
        for text in [
            r#"{"kind": "independent", "epsilon": 1}"#,
            r#"{"kind": "optimal", "weight": 1}"#,
            r#"{"kind": "sinkhorn", "epsilon": 1, "sigma": 1}"#,
        ] {
            let error = serde_json::from_str::<CouplingConfig>(text).unwrap_err().to_string();
            assert!(error.contains("unknown field"), "{text}: {error}");
        }
    }
}
