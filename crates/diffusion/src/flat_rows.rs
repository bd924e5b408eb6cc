//! States as plain rows of numbers, for solvers that work sample by sample.

use candle_core::{DType, Device, Tensor};
use langevin_core::{Denoiser, Error, Process, Result, State, Times};

/// How the factors of a state lie in a row.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    shapes: Vec<Vec<usize>>,
}

impl Layout {
    /// The layout of states of `process`.
    ///
    /// # Errors
    /// [`Error::Undefined`] if a factor has no probability flow.
    pub(crate) fn of(process: &Process, x: &State) -> Result<Self> {
        for (component, part) in process.components().iter().zip(x.parts()) {
            if !part.dtype().is_float() {
                let factor = component.factor.kind();
                return Err(Error::Undefined { factor, what: "probability flow" });
            }
        }
        let shape = |c: &langevin_core::Component| c.factor.shape().to_vec();
        Ok(Self { shapes: process.components().iter().map(shape).collect() })
    }

    /// Numbers per sample.
    pub(crate) fn width(&self) -> usize {
        self.shapes.iter().map(|shape| shape.iter().product::<usize>()).sum()
    }

    /// Rows of `x`, each padded with `extra` zeros.
    pub(crate) fn rows(&self, x: &State, extra: usize) -> Result<Vec<f64>> {
        let samples = x.samples()?;
        let parts = x
            .parts()
            .iter()
            .map(|part| Ok(part.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?))
            .collect::<Result<Vec<_>>>()?;
        let mut rows = Vec::with_capacity(samples * (self.width() + extra));
        for sample in 0..samples {
            for part in &parts {
                let width = part.len() / samples;
                rows.extend_from_slice(&part[sample * width..(sample + 1) * width]);
            }
            rows.extend(std::iter::repeat_n(0.0, extra));
        }
        Ok(rows)
    }

    /// The state of rows that carry `extra` further numbers.
    pub(crate) fn state(&self, rows: &[f64], extra: usize) -> Result<State> {
        let full = self.width() + extra;
        let samples = rows.len() / full;
        let (mut start, mut parts) = (0, Vec::new());
        for shape in &self.shapes {
            let width: usize = shape.iter().product();
            let values: Vec<f64> = rows
                .chunks_exact(full)
                .flat_map(|row| row[start..start + width].iter().copied())
                .collect();
            let mut dims = vec![samples];
            dims.extend(shape);
            parts.push(Tensor::from_vec(values, dims, &Device::Cpu)?);
            start += width;
        }
        Ok(State::new(parts))
    }
}

/// The velocity of the probability flow of samples `rows`, seen from anywhere in the space around the factors.
///
/// A point that a solver's stage has moved off a factor is put back on it first; the field is then
/// constant across the factor, and its flow stays on it to the order of the solver.
pub(crate) fn velocity(
    process: &Process,
    denoiser: &dyn Denoiser,
    x: &State,
    times: &Times,
    rows: &[usize],
) -> Result<State> {
    process.require_flow()?;
    let x = process.map([x], |c, [x]| c.factor.project(x))?;
    let estimate = denoiser.denoise_rows(&x, times, rows)?;
    process.map([&x, &estimate], |c, [x, estimate]| {
        c.factor.velocity(c.path.as_ref(), x, estimate, times)
    })
}
