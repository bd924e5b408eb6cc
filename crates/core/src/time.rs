//! Times of samples and grids of times: 0 is data, 1 is reference.

use candle_core::{DType, Device, Tensor};

use crate::{Error, Result};

/// One time per sample of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Times(Vec<f64>);

impl Times {
    /// The times as given, one per sample.
    pub fn new(times: Vec<f64>) -> Self {
        Self(times)
    }

    /// The same time for each of `n` samples.
    pub fn all(n: usize, t: f64) -> Self {
        Self(vec![t; n])
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The times.
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// `f(t)` of each sample as a tensor `[B, 1, …, 1]` that broadcasts against `like`.
    ///
    /// # Errors
    /// [`Error::Tensor`] only.
    pub fn column(&self, like: &Tensor, f: impl Fn(f64) -> f64) -> Result<Tensor> {
        let values: Vec<f64> = self.0.iter().map(|&t| f(t)).collect();
        column(&values, like)
    }

    /// The times as a tensor `[B]`.
    ///
    /// # Errors
    /// [`Error::Tensor`] only.
    pub fn tensor(&self, dtype: DType, device: &Device) -> Result<Tensor> {
        Ok(Tensor::from_slice(&self.0, self.0.len(), device)?.to_dtype(dtype)?)
    }
}

/// Values, one per sample, as a tensor `[B, 1, …, 1]` of the type and place of `like`.
///
/// # Errors
/// [`Error::Tensor`] only.
pub fn column(values: &[f64], like: &Tensor) -> Result<Tensor> {
    let mut shape = vec![1; like.rank()];
    shape[0] = values.len();
    let dtype = if like.dtype().is_float() { like.dtype() } else { DType::F64 };
    Ok(match dtype {
        DType::F32 => {
            let narrow: Vec<f32> = values.iter().map(|&v| v as f32).collect();
            Tensor::from_vec(narrow, shape, like.device())?
        }
        _ => Tensor::from_slice(values, shape, like.device())?.to_dtype(dtype)?,
    })
}

/// Strictly falling times, at least two: the stations of a sampler.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeGrid(Vec<f64>);

impl TimeGrid {
    /// The only way to a grid, so a grid never holds times that rise or leave [0, 1].
    ///
    /// # Errors
    /// [`Error::TimeGrid`] with the first time that does not fit.
    pub fn new(times: Vec<f64>) -> Result<Self> {
        let mut previous = 1.0;
        for (index, &value) in times.iter().enumerate() {
            let falls = if index == 0 { value <= 1.0 } else { value < previous };
            if !falls || value < 0.0 {
                return Err(Error::TimeGrid { index, value, previous });
            }
            previous = value;
        }
        if times.len() < 2 {
            return Err(Error::TimeGrid { index: times.len(), value: f64::NAN, previous });
        }
        Ok(Self(times))
    }

    /// `steps` equal steps from `from` down to `to`.
    ///
    /// # Errors
    /// [`Error::TimeGrid`] if `steps` is 0 or the interval is empty.
    pub fn linear(from: f64, to: f64, steps: usize) -> Result<Self> {
        let at =
            |i: usize| if i == steps { to } else { from + (to - from) * i as f64 / steps as f64 };
        Self::new((0..=steps).map(at).collect())
    }

    /// The times, from the reference to the data.
    pub fn times(&self) -> &[f64] {
        &self.0
    }

    /// Steps `(t, s)` in order.
    pub fn steps(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.0.windows(2).map(|pair| (pair[0], pair[1]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_falls_within_the_unit_interval() {
        assert_eq!(TimeGrid::linear(1.0, 0.0, 4).unwrap().times(), [1.0, 0.75, 0.5, 0.25, 0.0]);
        assert!(matches!(
            TimeGrid::new(vec![1.0, 0.5, 0.5]),
            Err(Error::TimeGrid { index: 2, .. })
        ));
        assert!(TimeGrid::new(vec![1.5, 0.0]).is_err());
        assert!(TimeGrid::new(vec![1.0]).is_err());
        assert!(TimeGrid::new(vec![1.0, f64::NAN]).is_err());
    }
}
