//! Exact optimal transport within a batch.

use std::cell::RefCell;

use candle_core::DType;
use langevin_core::config::require;
use langevin_core::{Condition, ConfigError, Coupling, Pairing, Process, Result, Rng, State};
use langevin_transport::{Assigner, CostMatrix};
use serde::{Deserialize, Serialize};

use super::failed;

/// `[coupling] kind = "optimal"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimalConfig {
    /// Weight of the squared distance between conditions, added to that between points; 0 ignores them.
    ///
    /// Without it, transport in a conditional model moves mass between conditions and biases it.
    #[serde(default)]
    pub condition_weight: f64,
}

impl OptimalConfig {
    /// The coupling.
    ///
    /// # Errors
    /// [`ConfigError`] if the weight is negative.
    pub fn build(&self) -> Result<Optimal, ConfigError> {
        let fits = |w: f64| w >= 0.0 && w.is_finite();
        require("condition_weight", self.condition_weight, fits, "0 or more")?;
        Ok(Optimal { condition_weight: self.condition_weight })
    }
}

/// The one-to-one pairing with the least sum of squared distances.
///
/// The plan of a uniform batch is a permutation, so it is used whole, where sampling pairs from it with
/// replacement would only add variance. With a condition weight w the cost is
/// `d(x_0, x_1)² + w ‖c_i − c_j‖²`, where reference row `j` stands for the condition of datum `j` it was drawn with.
///
/// # Sources
/// Tong et al. (2024), Pooladian et al. (2023); conditions: Cheng & Schwing (2025), C²OT.
#[derive(Debug, Clone, Copy, Default)]
pub struct Optimal {
    condition_weight: f64,
}

thread_local! {
    /// The solver's workspace, kept from step to step.
    static ASSIGNER: RefCell<Assigner> = RefCell::new(Assigner::new());
}

impl Coupling for Optimal {
    fn couple(
        &self,
        process: &Process,
        x_0: &State,
        x_1: &State,
        condition: &Condition,
        _: &mut Rng,
    ) -> Result<Pairing> {
        let cost = batch_cost(process, x_0, x_1, condition, self.condition_weight)?;
        let (n, m) = (cost.rows(), cost.columns());
        let solved = ASSIGNER.with_borrow_mut(|assigner| assigner.solve(cost.view()));
        let assignment = solved.map_err(failed(n, m))?;
        Ok(Pairing(assignment.column_of_row.iter().copied().enumerate().collect()))
    }
}

/// Squared distances of a batch, conditions weighed in.
pub(super) fn batch_cost(
    process: &Process,
    x_0: &State,
    x_1: &State,
    condition: &Condition,
    condition_weight: f64,
) -> Result<CostMatrix> {
    let (n, m) = (x_0.samples()?, x_1.samples()?);
    let cost = CostMatrix::new(process.squared_distances(x_0, x_1)?, n, m).map_err(failed(n, m))?;
    match condition.features() {
        Some(features) if condition_weight > 0.0 => {
            let width = features.dim(1)?;
            let rows = features.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
            cost.add_condition_distance(&rows, &rows, width, condition_weight).map_err(failed(n, m))
        }
        _ => Ok(cost),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::{Device, Tensor};
    use langevin_core::factor::{Euclidean, Space};
    use langevin_core::rng::ids;
    use langevin_core::{Purpose, Seed};

    use super::*;
    use crate::schedule::LinearConfig;

    fn couple(condition: &Condition, weight: f64) -> Pairing {
        let path = Arc::new(LinearConfig::default().build().unwrap());
        let process = Process::new(&Space::of("x", Euclidean::new(&[1])), path);
        let x = |v: &[f64]| {
            State::single(Tensor::new(v, &Device::Cpu).unwrap().reshape((v.len(), 1)).unwrap())
        };
        let mut rng = Rng::new(Seed(0), Purpose::Training, ids(0, 4), 0);
        let optimal = OptimalConfig { condition_weight: weight }.build().unwrap();
        optimal
            .couple(
                &process,
                &x(&[0.0, 1.0, 2.0, 3.0]),
                &x(&[2.9, 1.9, 0.9, -0.1]),
                condition,
                &mut rng,
            )
            .unwrap()
    }

    #[test]
    fn on_the_line_optimal_transport_is_monotone() {
        assert_eq!(couple(&Condition::none(), 0.0).reference_rows(), [3, 2, 1, 0]);
    }

    #[test]
    fn a_heavy_condition_weight_keeps_conditions_apart() {
        let labels = Tensor::new(&[[0.0], [0.0], [1.0], [1.0]], &Device::Cpu).unwrap();
        let rows = couple(&Condition::new(labels).unwrap(), 1e6).reference_rows();
        assert_eq!(rows, [1, 0, 3, 2]);
        assert!(OptimalConfig { condition_weight: -1.0 }.build().is_err());
    }
}
