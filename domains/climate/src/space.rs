//! Fields as states: one factor, the values of cells, standardised.

use candle_core::{DType, Device, Tensor};
use langevin_core::config::require;
use langevin_core::factor::{Euclidean, Space};
use langevin_core::{Condition, ConfigError, Domain, Error, Result, State};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::constraint::Constraint;
use crate::grid::Grid;
use crate::network::between;
use crate::regrid::Regridder;
use crate::weights::Rule;

/// Name of the only factor.
pub const FACTOR: &str = "field";

/// What the numbers of a field are, and how their means over coarse cells are kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Quantity {
    /// Never below 0, and often 0: rain. Details multiply.
    Amount {
        /// Less than this is as good as nothing, in the unit of the files.
        least: f64,
        /// Whether states tell how much more there is than in the coarse field between centres, `(x − ĉ)/(ĉ + δ)`, `δ` the
        /// least amount: for methods that add noise, which is then as large as the amounts around it.
        #[serde(default)]
        relative: bool,
    },
    /// Of either sign, or far from 0: temperature. Details are added.
    Value,
}

impl Quantity {
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        match *self {
            Self::Amount { least, .. } => {
                let fits = |x: f64| x > 0.0 && x.is_finite();
                require("least", least, fits, "a positive number").map(|_| ())
            }
            Self::Value => Ok(()),
        }
    }

    /// How block means are kept.
    pub fn constraint(&self) -> Constraint {
        match self {
            Self::Amount { .. } => Constraint::Multiply,
            Self::Value => Constraint::Add,
        }
    }
}

/// The mean of fine fields over time, on their own grid. States are anomalies from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Climatology {
    grid: Grid,
    /// Row by row.
    values: Vec<f32>,
}

impl Climatology {
    /// Means `values` on `grid`.
    ///
    /// # Panics
    /// If there are not as many as cells.
    pub fn new(grid: Grid, values: &Array2<f32>) -> Self {
        assert_eq!(values.dim(), grid.shape(), "a value for each cell");
        Self { grid, values: values.iter().copied().collect() }
    }

    /// Its means over the cells of `target`; missing where it covers less than half of one.
    pub fn on(&self, target: &Grid) -> Array2<f32> {
        let own =
            ArrayView2::from_shape(self.grid.shape(), &self.values).expect("one for each cell");
        Regridder::new(&self.grid, target, Rule::Conservative, 0.5).apply(own)
    }
}

/// Fields of one variable. Standardised they are `(x − mean)/scale`, `[B, 1, H, W]`: states, unless those are relative.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fields {
    /// What the numbers are.
    pub quantity: Quantity,
    /// Their unit, as their files have it; empty if they do not say.
    pub units: String,
    /// 0 for amounts.
    pub mean: f64,
    /// Their standard deviation in training windows, in the unit of the files.
    pub scale: f64,
    /// Least and greatest edge of the fine cells trained on, in kilometres.
    pub cells: [f64; 2],
    /// Least and greatest factor trained on.
    pub factors: [f64; 2],
    /// Edge of training windows in fine cells.
    pub edge: usize,
    /// What fields are anomalies from, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub climatology: Option<Climatology>,
}

impl Fields {
    /// Fields standardised, row-major one after the other.
    ///
    /// # Errors
    /// [`Error::Tensor`] if there are not as many numbers.
    pub fn state(&self, values: &[f32], shape: (usize, usize, usize)) -> Result<Tensor> {
        let (batch, height, width) = shape;
        let (mean, scale) = (self.mean, self.scale);
        let values: Vec<f32> =
            values.iter().map(|&x| ((f64::from(x) - mean) / scale) as f32).collect();
        Ok(Tensor::from_vec(values, (batch, 1, height, width), &Device::Cpu)?)
    }

    /// Standardised fine fields as states under their coarse ones: what is made noisy, and given by networks.
    ///
    /// # Errors
    /// [`Error::Tensor`] if one does not lie over the other.
    pub fn noised(&self, fine: &Tensor, coarse: &Tensor) -> Result<Tensor> {
        let Some(least) = self.relative_to() else { return Ok(fine.clone()) };
        let between = between(coarse, fine)?;
        Ok(((fine - &between)? / (between + least)?)?)
    }

    /// Standardised fine fields of states under their coarse ones: what [`noised`](Self::noised) was given.
    ///
    /// # Errors
    /// [`Error::Tensor`] if one does not lie over the other.
    pub fn standardised(&self, state: &Tensor, coarse: &Tensor) -> Result<Tensor> {
        let Some(least) = self.relative_to() else { return Ok(state.clone()) };
        let between = between(coarse, state)?;
        Ok((((&between + least)? * state)? + between)?)
    }

    /// The least amount, standardised, if states are relative.
    pub(crate) fn relative_to(&self) -> Option<f64> {
        match self.quantity {
            Quantity::Amount { least, relative: true } => Some(least / self.scale),
            _ => None,
        }
    }

    /// What a network is told of samples: their coarse fields, as states, and the edges of coarse cells in kilometres, by
    /// their logarithm.
    ///
    /// # Errors
    /// [`Error::Tensor`] only.
    pub fn condition(&self, coarse: Tensor, edges: &[f64]) -> Result<Condition> {
        let logs: Vec<f32> = edges.iter().map(|edge| edge.ln() as f32).collect();
        let features = Tensor::from_vec(logs, (edges.len(), 1), &Device::Cpu)?;
        Ok(Condition::new(features)?.under(State::single(coarse)))
    }
}

impl Domain for Fields {
    type Record = Array2<f32>;

    /// The space of training windows; [`langevin_core::Process::shaped_like`] makes it that of others.
    fn space(&self) -> Space {
        Space::of(FACTOR, Euclidean::new(&[1, self.edge, self.edge]))
    }

    fn encode(&self, records: &[Array2<f32>]) -> Result<State> {
        let shape = records.first().map_or((0, 0), Array2::dim);
        if let Some(other) = records.iter().find(|record| record.dim() != shape) {
            let (found, expected) = (other.shape().to_vec(), vec![shape.0, shape.1]);
            return Err(Error::Shape { what: "fields of a batch".into(), found, expected });
        }
        let values: Vec<f32> = records.iter().flatten().copied().collect();
        Ok(State::single(self.state(&values, (records.len(), shape.0, shape.1))?))
    }

    fn decode(&self, state: &State) -> Result<Vec<Array2<f32>>> {
        let x = state.part(0);
        let (batch, _, height, width) = x.dims4()?;
        let values = x.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        let physical = |x: &f32| (f64::from(*x) * self.scale + self.mean) as f32;
        let one = |i: usize| {
            let own = &values[i * height * width..(i + 1) * height * width];
            Array2::from_shape_vec((height, width), own.iter().map(physical).collect())
                .expect("as many as cells")
        };
        Ok((0..batch).map(one).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_from_their_states() {
        let quantity = Quantity::Value;
        let (cells, factors) = ([1.0, 2.0], [2.0, 8.0]);
        let units = "K".into();
        let (mean, scale, edge, climatology) = (280.0, 9.0, 8, None);
        let fields = Fields { quantity, units, mean, scale, cells, factors, edge, climatology };
        let one = Array2::from_shape_fn((3, 4), |(i, j)| 270.0 + (i * 4 + j) as f32);
        let state = fields.encode(&[one.clone(), &one + 1.0]).unwrap();
        assert_eq!(state.part(0).dims(), [2, 1, 3, 4]);
        let back = fields.decode(&state).unwrap();
        assert!(back[0].iter().zip(&one).all(|(a, b)| (a - b).abs() < 1e-4));
        assert!(fields.encode(&[one, Array2::zeros((2, 2))]).is_err());
    }
}
