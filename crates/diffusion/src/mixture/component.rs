//! One Gaussian of a mixture.

use candle_core::Tensor;
use langevin_core::{Result, Times};

/// A Gaussian in the frame of its principal axes, in which every noise level leaves it diagonal.
#[derive(Debug, Clone)]
pub(super) struct Component {
    pub(super) weight: f64,
    pub(super) mean: Vec<f64>,
    /// Standard deviations along the axes.
    pub(super) sds: Vec<f64>,
    /// Axes as columns, `[d, d]` row-major; none where they are the coordinates'.
    pub(super) axes: Option<Vec<f64>>,
}

/// α and σ at a time.
pub(super) type Levels<'a> = dyn Fn(f64) -> (f64, f64) + 'a;

impl Component {
    /// x − α m in the frame of the axes, and the variances α² s² + σ² there: `[B, d]` each.
    pub(super) fn seen(
        &self,
        x: &Tensor,
        t: &Times,
        levels: &Levels<'_>,
    ) -> Result<(Tensor, Tensor)> {
        let mean = t.column(x, |t| levels(t).0)?.broadcast_mul(&row(&self.mean, x)?)?;
        let own = t.column(x, |t| levels(t).0.powi(2))?.broadcast_mul(&self.variances(x)?)?;
        let variance = own.broadcast_add(&t.column(x, |t| levels(t).1.powi(2))?)?;
        Ok((self.turned(&(x - mean)?, |j, k| (j, k))?, variance))
    }

    /// `m + α s² (x − α m)/(α² s² + σ²)`, axis by axis.
    pub(super) fn posterior_mean(
        &self,
        x: &Tensor,
        t: &Times,
        levels: &Levels<'_>,
    ) -> Result<Tensor> {
        let (offset, variance) = self.seen(x, t, levels)?;
        let alpha = t.column(x, |t| levels(t).0)?;
        let gain = alpha.broadcast_mul(&self.variances(x)?)?.div(&variance)?;
        let back = self.turned(&(offset * gain)?, |j, k| (k, j))?;
        Ok(back.broadcast_add(&row(&self.mean, x)?)?)
    }

    fn variances(&self, like: &Tensor) -> Result<Tensor> {
        row(&self.sds.iter().map(|s| s * s).collect::<Vec<_>>(), like)
    }

    /// `Σ_j x_j U_{cell(j, k)}`: into the frame of the axes, or out of it.
    fn turned(&self, x: &Tensor, cell: impl Fn(usize, usize) -> (usize, usize)) -> Result<Tensor> {
        let Some(axes) = &self.axes else { return Ok(x.clone()) };
        let d = self.mean.len();
        // Column by column: a matrix product may round differently for batches of different size.
        let mut sum = x.zeros_like()?;
        for j in 0..d {
            let weights: Vec<f64> =
                (0..d).map(|k| cell(j, k)).map(|(i, k)| axes[i * d + k]).collect();
            sum = (sum + x.narrow(1, j, 1)?.broadcast_mul(&row(&weights, x)?)?)?;
        }
        Ok(sum)
    }

    /// Coordinate `i` of the vector whose components along the axes are `along`.
    pub(super) fn rotated(&self, along: &[f64], i: usize) -> f64 {
        let d = along.len();
        let turn = |axes: &Vec<f64>| (0..d).map(|j| axes[i * d + j] * along[j]).sum();
        self.axes.as_ref().map_or(along[i], turn)
    }

    pub(super) fn covariance(&self, i: usize, j: usize) -> f64 {
        let d = self.mean.len();
        match &self.axes {
            None => {
                if i == j {
                    self.sds[i].powi(2)
                } else {
                    0.0
                }
            }
            Some(u) => (0..d).map(|k| u[i * d + k] * self.sds[k].powi(2) * u[j * d + k]).sum(),
        }
    }
}

fn row(values: &[f64], like: &Tensor) -> Result<Tensor> {
    Ok(Tensor::from_slice(values, (1, values.len()), like.device())?.to_dtype(like.dtype())?)
}
