//! One tensor per factor: points, estimates of the clean end, and tangents.

use candle_core::{DType, Tensor};

use crate::{Error, Result};

/// A batch of points of a space: one tensor per factor, samples along the first axis.
#[derive(Debug, Clone)]
pub struct State(Vec<Tensor>);

/// What is known about the clean end, per factor: see [`crate::Denoiser::denoise`].
pub type Estimate = State;

/// A direction at a point, per factor: a velocity, or a row of jump rates on categories.
pub type Tangent = State;

impl State {
    /// The parts in the order of the space's factors.
    pub fn new(parts: Vec<Tensor>) -> Self {
        Self(parts)
    }

    /// A state of one factor.
    pub fn single(part: Tensor) -> Self {
        Self(vec![part])
    }

    /// The parts.
    pub fn parts(&self) -> &[Tensor] {
        &self.0
    }

    /// The part of factor `index`.
    pub fn part(&self, index: usize) -> &Tensor {
        &self.0[index]
    }

    /// The same with `part` for factor `index`.
    #[must_use]
    pub fn with_part(&self, index: usize, part: &Tensor) -> Self {
        let own = self.0.iter().enumerate();
        Self(own.map(|(i, own)| if i == index { part.clone() } else { own.clone() }).collect())
    }

    /// Number of samples.
    ///
    /// # Errors
    /// [`Error::Tensor`] if a part has no axis.
    pub fn samples(&self) -> Result<usize> {
        Ok(self.0[0].dim(0)?)
    }

    /// `f` applied to each part.
    ///
    /// # Errors
    /// The first error of `f`.
    pub fn map(&self, mut f: impl FnMut(&Tensor) -> Result<Tensor>) -> Result<Self> {
        self.0.iter().map(&mut f).collect::<Result<Vec<_>>>().map(Self)
    }

    /// Floating parts in another precision; classes stay classes.
    ///
    /// # Errors
    /// [`Error::Tensor`] only.
    pub fn to_dtype(&self, dtype: DType) -> Result<Self> {
        self.map(|x| Ok(if x.dtype().is_float() { x.to_dtype(dtype)? } else { x.clone() }))
    }

    /// The same values without their history, so that a long run does not keep every step alive.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self(self.0.iter().map(Tensor::detach).collect())
    }

    /// Samples `rows`, in that order and with repetition.
    ///
    /// # Errors
    /// [`Error::Tensor`] if a row does not exist.
    pub fn select(&self, rows: &[usize]) -> Result<Self> {
        self.map(|x| self::rows(x, rows))
    }

    /// `count` samples from `start`.
    ///
    /// # Errors
    /// [`Error::Tensor`] if they do not exist.
    pub fn narrow(&self, start: usize, count: usize) -> Result<Self> {
        self.map(|x| Ok(x.narrow(0, start, count)?))
    }

    /// Batches one after another.
    ///
    /// # Errors
    /// [`Error::Tensor`] if their shapes differ.
    pub fn concat(batches: &[Self]) -> Result<Self> {
        let factors = batches.first().map_or(0, |first| first.0.len());
        (0..factors)
            .map(|i| {
                let parts: Vec<&Tensor> = batches.iter().map(|batch| &batch.0[i]).collect();
                Ok(Tensor::cat(&parts, 0)?)
            })
            .collect::<Result<Vec<_>>>()
            .map(Self)
    }

    /// Nothing if every number is finite.
    ///
    /// # Errors
    /// [`Error::NonFinite`] with the first sample that is not.
    pub fn check_finite(&self, what: &str, times: &crate::Times) -> Result<()> {
        for part in self.0.iter().filter(|part| part.dtype().is_float()) {
            // One sum tells: NaN and ±∞ survive it. Only then is the sample looked for.
            let total = part.sum_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?;
            if total.is_finite() {
                continue;
            }
            let rows = part.flatten_from(1.min(part.rank() - 1))?.to_dtype(DType::F64)?;
            let rows = if rows.rank() == 1 { rows.unsqueeze(1)? } else { rows };
            let bad = |row: &Vec<f64>| row.iter().any(|v| !v.is_finite());
            if let Some(sample) = rows.to_vec2::<f64>()?.iter().position(bad) {
                return Err(Error::NonFinite {
                    what: what.into(),
                    sample,
                    t: times.values().get(sample).copied().unwrap_or(f64::NAN),
                });
            }
        }
        Ok(())
    }
}

/// Rows `rows` of `x`, in that order and with repetition.
pub(crate) fn rows(x: &Tensor, rows: &[usize]) -> Result<Tensor> {
    let index: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
    Ok(x.index_select(&Tensor::from_vec(index, rows.len(), x.device())?, 0)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::Times;

    #[test]
    fn a_number_that_is_not_finite_is_named_by_its_sample() {
        let part = Tensor::new(&[[1.0, 2.0], [3.0, f64::NAN]], &Device::Cpu).unwrap();
        let error = State::single(part).check_finite("estimate", &Times::all(2, 0.5)).unwrap_err();
        assert!(matches!(error, Error::NonFinite { sample: 1, .. }));
    }

    #[test]
    fn selecting_then_joining_gives_the_rows_back() {
        let x =
            State::single(Tensor::arange(0.0, 6.0, &Device::Cpu).unwrap().reshape((3, 2)).unwrap());
        let (a, b) = (x.select(&[0, 1]).unwrap(), x.narrow(2, 1).unwrap());
        let joined = State::concat(&[a, b]).unwrap();
        let values = |s: &State| s.part(0).to_vec2::<f64>().unwrap();
        assert_eq!(values(&joined), values(&x));
    }
}
