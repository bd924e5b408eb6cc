//! Laws of Gaussian noise on flat factors.

use std::f64::consts::TAU;
use std::fmt::Debug;

use candle_core::{DType, Device, Tensor};

use crate::{ConfigError, Result, Rng};

/// A centred Gaussian law on `R^shape`, standard on its support.
pub trait NoiseLaw: Debug + Send + Sync + Clone + 'static {
    /// What this is, for messages.
    const KIND: &'static str;

    /// One draw for each id of `rng`: `[B, shape…]`.
    fn draw(&self, shape: &[usize], dtype: DType, device: &Device, rng: &mut Rng)
    -> Result<Tensor>;

    /// `x` projected on the support.
    fn project(&self, x: &Tensor) -> Result<Tensor>;

    /// Dimension of the support.
    fn degrees_of_freedom(&self, shape: &[usize]) -> usize;

    /// Orthonormal frame of the support: each `shape` flattened.
    fn frame(&self, shape: &[usize]) -> Vec<Vec<f64>>;

    /// Whether states are known up to a shift of all points, of which the support takes one.
    fn is_free_to_shift(&self) -> bool {
        false
    }

    /// Whether the law is N(0, I) on its support, so that its density is that of a standard normal.
    fn is_standard(&self) -> bool;
}

/// Independent standard normals.
#[derive(Debug, Clone, Copy, Default)]
pub struct White;

impl NoiseLaw for White {
    const KIND: &'static str = "Euclidean";

    fn draw(
        &self,
        shape: &[usize],
        dtype: DType,
        device: &Device,
        rng: &mut Rng,
    ) -> Result<Tensor> {
        rng.normal(shape, dtype, device)
    }

    fn project(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.clone())
    }

    fn degrees_of_freedom(&self, shape: &[usize]) -> usize {
        shape.iter().product()
    }

    fn frame(&self, shape: &[usize]) -> Vec<Vec<f64>> {
        let d = self.degrees_of_freedom(shape);
        (0..d).map(|i| (0..d).map(|j| if i == j { 1.0 } else { 0.0 }).collect()).collect()
    }

    fn is_standard(&self) -> bool {
        true
    }
}

/// Standard normals of `[n, d]` with the mean over the `n` points removed: 0 centre of mass.
#[derive(Debug, Clone, Copy, Default)]
pub struct ZeroMean;

impl NoiseLaw for ZeroMean {
    const KIND: &'static str = "Centred";

    fn draw(
        &self,
        shape: &[usize],
        dtype: DType,
        device: &Device,
        rng: &mut Rng,
    ) -> Result<Tensor> {
        self.project(&rng.normal(shape, dtype, device)?)
    }

    fn project(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.broadcast_sub(&x.mean_keepdim(1)?)?)
    }

    fn is_free_to_shift(&self) -> bool {
        true
    }

    fn degrees_of_freedom(&self, shape: &[usize]) -> usize {
        (shape[0] - 1) * shape[1..].iter().product::<usize>()
    }

    fn frame(&self, shape: &[usize]) -> Vec<Vec<f64>> {
        // Helmert's contrasts: point k against the mean of the k points before it.
        let (n, d) = (shape[0], shape[1..].iter().product::<usize>());
        let mut frame = Vec::new();
        for k in 1..n {
            let scale = 1.0 / ((k * (k + 1)) as f64).sqrt();
            for axis in 0..d {
                let mut direction = vec![0.0; n * d];
                for point in 0..k {
                    direction[point * d + axis] = scale;
                }
                direction[k * d + axis] = -(k as f64) * scale;
                frame.push(direction);
            }
        }
        frame
    }

    fn is_standard(&self) -> bool {
        true
    }
}

/// A periodic Gaussian random field on a grid `[channels, h, w]` with unit variance per cell.
///
/// Its spectrum is ∝ (1 + (k ℓ)²)^(−(ν + 1)), a Matérn field of smoothness ν and correlation length
/// ℓ. The draw is a sum of `h·w` cosines with random phases and Rayleigh amplitudes, evaluated
/// axis by axis; it is exact at the grid's points.
#[derive(Debug, Clone)]
pub struct RandomField {
    /// Correlation length ℓ in cells.
    length_cells: f64,
    /// Smoothness ν.
    smoothness: f64,
}

impl RandomField {
    /// A field of correlation length `length_cells` and smoothness `smoothness`.
    ///
    /// # Errors
    /// [`ConfigError`] unless both are positive and finite.
    pub fn new(length_cells: f64, smoothness: f64) -> Result<Self, ConfigError> {
        let positive = |v: f64| v > 0.0 && v.is_finite();
        crate::config::require("length_cells", length_cells, positive, "a positive number")?;
        crate::config::require("smoothness", smoothness, positive, "a positive number")?;
        Ok(Self { length_cells, smoothness })
    }

    /// Square roots of the eigenvalues of the covariance, `[h, w]`, with mean square 1.
    fn amplitudes(&self, h: usize, w: usize) -> Vec<f64> {
        let wave = |i: usize, n: usize| TAU * i.min(n - i) as f64 / n as f64;
        let power = |i: usize, j: usize| {
            let k_squared = wave(i, h).powi(2) + wave(j, w).powi(2);
            (1.0 + k_squared * self.length_cells.powi(2)).powf(-(self.smoothness + 1.0))
        };
        let all: Vec<f64> = (0..h * w).map(|c| power(c / w, c % w)).collect();
        let mean = all.iter().sum::<f64>() / (h * w) as f64;
        all.iter().map(|p| (p / mean).sqrt()).collect()
    }
}

/// Orthogonal real Fourier (Hartley) matrix of size `n`: `cas(2π i j / n) / √n`, its own inverse.
fn hartley(n: usize, dtype: DType, device: &Device) -> Result<Tensor> {
    let scale = 1.0 / (n as f64).sqrt();
    let cas = |c: usize| {
        // The product is reduced first: angles stay within one turn and keep their digits.
        let angle = TAU * ((c / n) * (c % n) % n) as f64 / n as f64;
        (angle.cos() + angle.sin()) * scale
    };
    let entries: Vec<f64> = (0..n * n).map(cas).collect();
    Ok(Tensor::from_vec(entries, (n, n), device)?.to_dtype(dtype)?)
}

impl NoiseLaw for RandomField {
    const KIND: &'static str = "GridField";

    fn draw(
        &self,
        shape: &[usize],
        dtype: DType,
        device: &Device,
        rng: &mut Rng,
    ) -> Result<Tensor> {
        let (h, w) = (shape[shape.len() - 2], shape[shape.len() - 1]);
        let amplitudes =
            Tensor::from_vec(self.amplitudes(h, w), (h, w), device)?.to_dtype(dtype)?;
        let white = rng.normal(shape, dtype, device)?.broadcast_mul(&amplitudes)?;
        // The eigenvalues are even in each wave number, so the separable Hartley transform
        // diagonalises the covariance as the Fourier transform does, without complex numbers.
        let rows = white.broadcast_matmul(&hartley(w, dtype, device)?)?;
        Ok(hartley(h, dtype, device)?.broadcast_matmul(&rows)?)
    }

    fn project(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.clone())
    }

    fn degrees_of_freedom(&self, shape: &[usize]) -> usize {
        shape.iter().product()
    }

    fn frame(&self, shape: &[usize]) -> Vec<Vec<f64>> {
        White.frame(shape)
    }

    fn is_standard(&self) -> bool {
        false
    }
}
