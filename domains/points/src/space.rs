//! Points as states: one factor, standardised.

use candle_core::{DType, Device, Tensor};
use langevin_core::factor::{Euclidean, Space, Sphere};
use langevin_core::{Domain, Error, Result, State};
use serde::{Deserialize, Serialize};

/// Name of the only factor.
pub const FACTOR: &str = "point";

/// Where the points live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Geometry {
    /// Vectors of `R^d`.
    Flat,
    /// Unit vectors of R³.
    Sphere,
}

/// `x̃ = (x − mean)/scale`, with one scale for all axes so that distances keep their proportions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standardisation {
    /// Mean of each coordinate.
    pub mean: Vec<f64>,
    /// Root mean square deviation over all coordinates.
    pub scale: f64,
}

impl Standardisation {
    /// Leaves points as they are.
    pub fn identity(dimension: usize) -> Self {
        Self { mean: vec![0.0; dimension], scale: 1.0 }
    }

    /// Mean 0 and mean square 1 over `points`, row-major with `dimension` coordinates each.
    pub fn fitted(points: &[f64], dimension: usize) -> Self {
        let rows = points.chunks_exact(dimension);
        let n = rows.len() as f64;
        let mut mean = vec![0.0; dimension];
        for row in rows.clone() {
            mean.iter_mut().zip(row).for_each(|(m, x)| *m += x / n);
        }
        let deviation =
            |row: &[f64]| row.iter().zip(&mean).map(|(x, m)| (x - m).powi(2)).sum::<f64>();
        let variance = rows.map(deviation).sum::<f64>() / (n * dimension as f64);
        // Identical points have no spread to standardise.
        let scale = if variance > 0.0 { variance.sqrt() } else { 1.0 };
        Self { mean, scale }
    }
}

/// Clouds of points of one dimension: the smallest domain, and the template for others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Points {
    /// Where the points live.
    pub geometry: Geometry,
    /// How they are standardised.
    pub standardisation: Standardisation,
    /// Mean square deviation of a coordinate of states from its mean; 1 where they are standardised.
    pub variance: f64,
}

impl Points {
    /// Points in `geometry`, standardised by `standardisation`, as spread as `rows` (row-major) are.
    pub fn new(geometry: Geometry, standardisation: Standardisation, rows: &[f64]) -> Self {
        let spread = Standardisation::fitted(rows, standardisation.mean.len()).scale;
        let variance = (spread / standardisation.scale).powi(2);
        Self { geometry, standardisation, variance }
    }

    /// Number of coordinates of a point.
    pub fn dimension(&self) -> usize {
        self.standardisation.mean.len()
    }

    /// States of points given row-major.
    ///
    /// # Errors
    /// [`Error::Shape`] if the length is no multiple of the dimension.
    pub fn encode_rows(&self, rows: &[f64], dtype: DType) -> Result<State> {
        let (d, s) = (self.dimension(), &self.standardisation);
        if !rows.len().is_multiple_of(d) {
            return Err(Error::Shape {
                what: "points".into(),
                found: vec![rows.len()],
                expected: vec![rows.len() / d, d],
            });
        }
        let standard = |(i, x): (usize, &f64)| (x - s.mean[i % d]) / s.scale;
        let values: Vec<f64> = rows.iter().enumerate().map(standard).collect();
        let tensor = Tensor::from_vec(values, (rows.len() / d, d), &Device::Cpu)?;
        Ok(State::single(tensor.to_dtype(dtype)?))
    }

    /// Points of a state, row-major.
    ///
    /// # Errors
    /// [`Error::Tensor`] only.
    pub fn decode_rows(&self, state: &State) -> Result<Vec<f64>> {
        let (d, s) = (self.dimension(), &self.standardisation);
        let values = state.part(0).to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
        Ok(values.iter().enumerate().map(|(i, x)| x * s.scale + s.mean[i % d]).collect())
    }

    /// What to add to a log-density of states to have that of points: −d ln scale.
    pub fn log_volume(&self) -> f64 {
        -(self.dimension() as f64) * self.standardisation.scale.ln()
    }
}

impl Domain for Points {
    type Record = Vec<f64>;

    fn space(&self) -> Space {
        match self.geometry {
            Geometry::Flat => Space::of(FACTOR, Euclidean::new(&[self.dimension()])),
            Geometry::Sphere => Space::of(FACTOR, Sphere),
        }
    }

    fn encode(&self, records: &[Vec<f64>]) -> Result<State> {
        self.encode_rows(&records.concat(), DType::F64)
    }

    fn decode(&self, state: &State) -> Result<Vec<Vec<f64>>> {
        let rows = self.decode_rows(state)?;
        Ok(rows.chunks_exact(self.dimension()).map(<[f64]>::to_vec).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_standardises_and_decoding_undoes_it() {
        let rows = [1.0, 5.0, 3.0, 9.0, 5.0, 1.0];
        let points = Points::new(Geometry::Flat, Standardisation::fitted(&rows, 2), &rows);
        assert!((points.variance - 1.0).abs() < 1e-12);
        let state = points.encode_rows(&rows, DType::F64).unwrap();
        let values = state.part(0).flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let square: f64 = values.iter().map(|v| v * v).sum::<f64>() / 6.0;
        assert!((square - 1.0).abs() < 1e-12);
        let back = points.decode_rows(&state).unwrap();
        assert!(rows.iter().zip(back).all(|(a, b)| (a - b).abs() < 1e-12));
        assert!(points.encode_rows(&rows[..3], DType::F64).is_err());
    }
}
