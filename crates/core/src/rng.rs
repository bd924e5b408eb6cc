//! Randomness that depends on what it is for, not on who asks when.

use candle_core::{DType, Device, Tensor};
use langevin_kernels::rng::{Stream, fill_normal_rows};

use crate::Result;

/// Seed of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Seed(pub u64);

/// Identity of a sample, independent of the batch that it is computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SampleId(pub u64);

/// What random numbers are for; streams of different purposes never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Initial weights.
    Weights,
    /// Generated data and reference samples of training.
    Data,
    /// Order of a finite data set.
    Shuffle,
    /// Times, path noise and dropped conditions of training.
    Training,
    /// Validation.
    Validation,
    /// Reference samples from which sampling starts.
    Reference,
    /// Noise of the sampler's steps.
    Sampling,
    /// Probes of a divergence.
    Probe,
    /// Evaluation: fresh samples to compare with, projections, bootstrap.
    Evaluation,
}

/// Consecutive ids: `count` from `first`.
pub fn ids(first: u64, count: usize) -> Vec<SampleId> {
    (first..first + count as u64).map(SampleId).collect()
}

/// Random tensors whose rows are keyed by (seed, purpose, sample, step) and the number of draws so far.
///
/// Two batches that hold the same sample draw the same numbers for it, in any order and on any
/// number of threads.
#[derive(Debug, Clone)]
pub struct Rng {
    seed: Seed,
    purpose: Purpose,
    ids: Vec<u64>,
    step: u32,
    draws: u32,
}

impl Rng {
    /// The stream of `purpose` at `step` for the samples `ids`.
    pub fn new(seed: Seed, purpose: Purpose, ids: Vec<SampleId>, step: u32) -> Self {
        Self { seed, purpose, ids: ids.into_iter().map(|id| id.0).collect(), step, draws: 0 }
    }

    /// The same samples at another step.
    #[must_use]
    pub fn at_step(&self, step: u32) -> Self {
        Self { step, draws: 0, ..self.clone() }
    }

    /// The same samples and step for another purpose.
    #[must_use]
    pub fn for_purpose(&self, purpose: Purpose) -> Self {
        Self { purpose, draws: 0, ..self.clone() }
    }

    /// The samples `rows` of this stream, as their own batch.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self { ids: rows.iter().map(|&row| self.ids[row]).collect(), ..self.clone() }
    }

    /// The next stream of each sample: for draws whose number is not known beforehand.
    pub fn streams(&mut self) -> Vec<Stream> {
        let stream =
            |&id| Stream::new(self.seed.0, self.purpose as u64, id, self.step).draw(self.draws);
        let streams = self.ids.iter().map(stream).collect();
        self.draws += 1;
        streams
    }

    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.ids.len()
    }

    /// The seed.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// Standard normals `[B, shape…]`.
    ///
    /// # Errors
    /// [`crate::Error::Tensor`] only.
    pub fn normal(&mut self, shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor> {
        self.tensor(shape, dtype, device, fill_normal_rows)
    }

    /// Numbers uniform on (0, 1), `[B, shape…]`.
    ///
    /// # Errors
    /// [`crate::Error::Tensor`] only.
    pub fn uniform(&mut self, shape: &[usize], dtype: DType, device: &Device) -> Result<Tensor> {
        self.tensor(shape, dtype, device, fill_uniform_rows)
    }

    /// One uniform number on (0, 1) per sample.
    pub fn uniforms(&mut self) -> Vec<f64> {
        self.values(1, fill_uniform_rows)
    }

    /// One standard normal per sample.
    pub fn normals(&mut self) -> Vec<f64> {
        self.values(1, fill_normal_rows)
    }

    fn values(&mut self, row: usize, fill: Fill) -> Vec<f64> {
        let mut out = vec![0.0; self.ids.len() * row];
        let key = (self.seed.0, self.purpose as u64);
        fill(key, &self.ids, self.step, self.draws, &mut out, row);
        self.draws += 1;
        out
    }

    fn tensor(
        &mut self,
        shape: &[usize],
        dtype: DType,
        device: &Device,
        fill: Fill,
    ) -> Result<Tensor> {
        let mut full = vec![self.ids.len()];
        full.extend(shape);
        let values = self.values(shape.iter().product(), fill);
        if dtype == DType::F32 {
            let narrow: Vec<f32> = values.iter().map(|&v| v as f32).collect();
            return Ok(Tensor::from_vec(narrow, full, device)?);
        }
        Ok(Tensor::from_vec(values, full, device)?.to_dtype(dtype)?)
    }
}

/// ((seed, purpose), ids, step, draw, out, numbers per row)
type Fill = fn((u64, u64), &[u64], u32, u32, &mut [f64], usize);

fn fill_uniform_rows(
    (seed, purpose): (u64, u64),
    ids: &[u64],
    step: u32,
    draw: u32,
    out: &mut [f64],
    row: usize,
) {
    for (&id, out) in ids.iter().zip(out.chunks_mut(row)) {
        Stream::new(seed, purpose, id, step).draw(draw).fill_uniform(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_draws_the_same_numbers_in_any_batch() {
        let rng = |ids| Rng::new(Seed(9), Purpose::Sampling, ids, 4);
        let all = rng(ids(0, 10)).normal(&[3], DType::F64, &Device::Cpu).unwrap();
        let some = rng(ids(4, 2)).normal(&[3], DType::F64, &Device::Cpu).unwrap();
        let rows = |x: &Tensor| x.to_vec2::<f64>().unwrap();
        assert_eq!(rows(&all)[4..6], rows(&some)[..]);
        let mut other = rng(ids(0, 10)).for_purpose(Purpose::Probe);
        assert_ne!(rows(&all), rows(&other.normal(&[3], DType::F64, &Device::Cpu).unwrap()));
        assert_ne!(
            rows(&all),
            rows(&rng(ids(0, 10)).at_step(5).normal(&[3], DType::F64, &Device::Cpu).unwrap())
        );
    }

    #[test]
    fn successive_draws_differ() {
        let mut rng = Rng::new(Seed(9), Purpose::Sampling, ids(0, 4), 0);
        assert_ne!(rng.uniforms(), rng.uniforms());
    }
}
