//! Fine fields to train on, and means over parts of them.

use ndarray::{Array2, ArrayView2, s};

use crate::cells::{averaging, covered};

/// A fine field, or a part of one.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Its values; missing cells are NaN.
    pub values: Array2<f32>,
    /// Areas of the cells of each row, in any unit.
    pub areas: Vec<f64>,
    /// Edges of the cells of each row, in kilometres.
    pub edges: Vec<f64>,
}

impl Frame {
    /// Means over blocks of `count` by `count` cells; what is left over at the far edges is left out.
    #[must_use]
    pub fn means(&self, count: usize) -> Self {
        if count == 1 {
            return self.clone();
        }
        let (rows, columns) = (self.values.nrows() / count, self.values.ncols() / count);
        let (y, x) = (
            weights(&self.areas[..rows * count], rows),
            weights(&vec![1.0; columns * count], columns),
        );
        let sum = |values: &[f64], i: usize| values[i * count..(i + 1) * count].iter().sum::<f64>();
        Self {
            values: product(self.values.slice(s![..rows * count, ..columns * count]), &y, &x),
            areas: (0..rows).map(|i| sum(&self.areas, i) * count as f64).collect(),
            edges: (0..rows).map(|i| sum(&self.edges, i)).collect(),
        }
    }
}

/// For each of `coarse` cells, those of the fine axis that lie in it and their shares of its area.
pub(crate) fn weights(areas: &[f64], coarse: usize) -> Vec<Vec<(usize, f64)>> {
    let factor = areas.len() as f64 / coarse as f64;
    let of = |i: usize| {
        let row = covered([i as f64 * factor, (i + 1) as f64 * factor], 0..areas.len());
        averaging(row.into_iter().map(|(j, share)| (j, share * areas[j])).collect())
    };
    (0..coarse).map(of).collect()
}

/// `Σ_jk y_ij x_lk f_jk`.
pub(crate) fn product(
    field: ArrayView2<f32>,
    y: &[Vec<(usize, f64)>],
    x: &[Vec<(usize, f64)>],
) -> Array2<f32> {
    let mut out = Array2::zeros((y.len(), x.len()));
    for (row, mut to) in y.iter().zip(out.rows_mut()) {
        let mut line = vec![0.0f64; field.ncols()];
        for &(j, weight) in row {
            line.iter_mut().zip(field.row(j)).for_each(|(sum, &v)| *sum += weight * f64::from(v));
        }
        for (column, to) in x.iter().zip(to.iter_mut()) {
            *to = column.iter().map(|&(k, weight)| weight * line[k]).sum::<f64>() as f32;
        }
    }
    out
}
