//! Grids of cells: two axes.

use serde::{Deserialize, Serialize};

use crate::axis::{Axis, AxisError, Measure};

/// The cells of a field: rows along `y`, columns along `x`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// Latitudes, or coordinates of a projection.
    pub y: Axis,
    /// Longitudes, or coordinates of a projection.
    pub x: Axis,
}

impl Grid {
    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.y.len(), self.x.len())
    }

    /// Areas of the rows' cells with mean 1; those of a row are alike where columns are.
    pub fn row_weights(&self) -> Vec<f64> {
        let sizes = self.y.sizes();
        let mean = sizes.iter().sum::<f64>() / sizes.len() as f64;
        sizes.into_iter().map(|size| size / mean).collect()
    }

    /// Edge, in kilometres, of a square as large as a cell of row `i`, where a unit of the coordinates is so many
    /// kilometres long: a degree has 111.2 of them.
    pub fn cell_edge(&self, i: usize, kilometres: f64) -> f64 {
        let [low, high] = self.y.cell(i);
        let [west, east] = self.x.cell(self.x.len() / 2);
        let shrunk = match self.y.measure() {
            Measure::Length => 1.0,
            Measure::Sine => (0.5 * (low + high)).to_radians().cos().max(0.0),
        };
        ((high - low) * (east - west) * shrunk).sqrt() * kilometres
    }

    /// Each edge of a cell cut into `factor` of equal length; see [`Axis::refined`].
    #[must_use]
    pub fn refined(&self, factor: f64) -> Self {
        Self { y: self.y.refined(factor), x: self.x.refined(factor) }
    }

    /// Blocks of `factor` by `factor` cells joined.
    ///
    /// # Errors
    /// [`AxisError::Factor`] if an axis is no multiple of it.
    pub fn coarsened(&self, factor: usize) -> Result<Self, AxisError> {
        Ok(Self { y: self.y.coarsened(factor)?, x: self.x.coarsened(factor)? })
    }
}
