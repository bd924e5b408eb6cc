//! Windows of fine fields with their coarse ones: what a model is trained on.

use std::sync::Arc;

use candle_core::Tensor;
use langevin_core::{Batch, Result, Rng, Source, State};
use langevin_kernels::rng::{Stream, tag};
use ndarray::{Array2, ArrayView2, s};

use crate::config::DataConfig;
use crate::frame::{Frame, product, weights};
use crate::space::{Climatology, Fields, Quantity};

/// Where a window begins.
#[derive(Debug, Clone, Copy)]
struct Corner {
    frame: u32,
    row: u32,
    column: u32,
}

/// Windows without missing cells that are wet enough, drawn at random with a factor for each batch.
pub struct Windows {
    frames: Arc<Vec<Frame>>,
    corners: Vec<Corner>,
    domain: Fields,
    factors: Vec<f64>,
    symmetries: bool,
}

impl Windows {
    /// The windows of `frames`, and the domain that they make up where none is given; nothing where there is no window.
    pub fn new(frames: Vec<Frame>, config: &DataConfig, domain: Option<Fields>) -> Option<Self> {
        let all: Vec<Frame> = config
            .means
            .iter()
            .flat_map(|&count| frames.iter().map(move |frame| frame.means(count)))
            .collect();
        let corners: Vec<Corner> =
            all.iter().enumerate().flat_map(|(i, frame)| corners(frame, i, config)).collect();
        if corners.is_empty() {
            return None;
        }
        let domain = domain.unwrap_or_else(|| measured(&all, &corners, config));
        Some(Self {
            frames: Arc::new(all),
            corners,
            domain,
            factors: config.factors.clone(),
            symmetries: config.symmetries,
        })
    }

    /// What the windows make up.
    pub fn domain(&self) -> &Fields {
        &self.domain
    }

    /// The same windows, whose numbers have this unit, and are anomalies from `climatology` if there is one.
    #[must_use]
    pub fn described(mut self, units: String, climatology: Option<Climatology>) -> Self {
        self.domain.units = units;
        self.domain.climatology = climatology;
        self
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty, reason = "there is a window")]
    pub fn len(&self) -> usize {
        self.corners.len()
    }

    /// A window of `cells` fine cells along each edge, its coarse field of `coarse`, and the edge of a fine cell.
    fn window(
        &self,
        mut stream: Stream,
        cells: usize,
        coarse: usize,
    ) -> (Array2<f32>, Array2<f32>, f64) {
        let corner = self.corners[stream.below(self.corners.len() as u64) as usize];
        let spare = (self.domain.edge - cells + 1) as u64;
        let (down, right) = (stream.below(spare) as usize, stream.below(spare) as usize);
        let frame = &self.frames[corner.frame as usize];
        let (row, column) = (corner.row as usize + down, corner.column as usize + right);
        let fine = frame.values.slice(s![row..row + cells, column..column + cells]);
        let (y, x) =
            (weights(&frame.areas[row..row + cells], coarse), weights(&vec![1.0; cells], coarse));
        let turn = if self.symmetries { stream.below(8) } else { 0 };
        let under = product(fine, &y, &x);
        (turned(fine, turn), turned(under.view(), turn), frame.edges[row + cells / 2])
    }
}

/// One of the eight symmetries of a square.
fn turned(field: ArrayView2<f32>, turn: u64) -> Array2<f32> {
    let mut field = field;
    if turn & 1 == 1 {
        field.invert_axis(ndarray::Axis(0));
    }
    if turn & 2 == 2 {
        field.invert_axis(ndarray::Axis(1));
    }
    if turn & 4 == 4 {
        field.swap_axes(0, 1);
    }
    field.as_standard_layout().into_owned()
}

/// Windows a quarter of their edge apart.
fn corners(frame: &Frame, index: usize, config: &DataConfig) -> Vec<Corner> {
    let (edge, step) = (config.edge, (config.edge / 4).max(1));
    let (rows, columns) = frame.values.dim();
    if rows < edge || columns < edge {
        return Vec::new();
    }
    let least = match config.quantity {
        Quantity::Amount { least, .. } => least as f32,
        Quantity::Value => f32::NEG_INFINITY,
    };
    let missing = Counts::new(&frame.values, |x| x.is_nan());
    let wet = Counts::new(&frame.values, |x| x > least);
    let enough = config.wet * (edge * edge) as f64;
    let lattice = (0..=rows - edge).step_by(step);
    lattice
        .flat_map(|row| (0..=columns - edge).step_by(step).map(move |column| (row, column)))
        .filter(|&at| missing.within(at, edge) == 0 && f64::from(wet.within(at, edge)) >= enough)
        .map(|(row, column)| Corner { frame: index as u32, row: row as u32, column: column as u32 })
        .collect()
}

/// Numbers of cells of a kind above and to the left of each corner.
struct Counts(Array2<u32>);

impl Counts {
    fn new(field: &Array2<f32>, kind: impl Fn(f32) -> bool) -> Self {
        let mut counts = Array2::zeros((field.nrows() + 1, field.ncols() + 1));
        for (i, row) in field.rows().into_iter().enumerate() {
            let mut along = 0;
            for (j, &x) in row.iter().enumerate() {
                along += u32::from(kind(x));
                counts[(i + 1, j + 1)] = counts[(i, j + 1)] + along;
            }
        }
        Self(counts)
    }

    fn within(&self, (row, column): (usize, usize), edge: usize) -> u32 {
        let (end, far) = (row + edge, column + edge);
        self.0[(end, far)] + self.0[(row, column)] - self.0[(row, far)] - self.0[(end, column)]
    }
}

/// The domain of windows: their moments, a thousand of them at most, and the sizes of their cells.
fn measured(frames: &[Frame], corners: &[Corner], config: &DataConfig) -> Fields {
    let edge = config.edge;
    let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
    let mut cells = [f64::INFINITY, 0.0f64];
    for corner in corners.iter().step_by(corners.len().div_ceil(1000)) {
        let frame = &frames[corner.frame as usize];
        let (row, column) = (corner.row as usize, corner.column as usize);
        for &x in frame.values.slice(s![row..row + edge, column..column + edge]) {
            count += 1.0;
            sum += f64::from(x);
            squares += f64::from(x).powi(2);
        }
        let size = frame.edges[row + edge / 2];
        cells = [cells[0].min(size), cells[1].max(size)];
    }
    let mean = sum / count;
    let scale = (squares / count - mean * mean).max(0.0).sqrt();
    let least = config.factors.iter().copied().fold(f64::INFINITY, f64::min);
    let factors = [least, config.factors.iter().copied().fold(0.0, f64::max)];
    let mean = if matches!(config.quantity, Quantity::Value) { mean } else { 0.0 };
    let scale = if scale > 0.0 { scale } else { 1.0 };
    let (quantity, units, climatology) = (config.quantity, String::new(), None);
    Fields { quantity, units, mean, scale, cells, factors, edge, climatology }
}

impl Source for Windows {
    fn batch(&self, _: u64, rng: &mut Rng) -> Result<Batch> {
        // A batch has one factor: its first sample's.
        let factor = self.factors[(rng.uniforms()[0] * self.factors.len() as f64) as usize];
        let coarse = (self.domain.edge as f64 / factor + 1e-9) as usize;
        let cells = (coarse as f64 * factor).round() as usize;
        let (mut fine, mut under, mut edges) = (Vec::new(), Vec::new(), Vec::new());
        for stream in rng.streams() {
            let (own, means, edge) = self.window(stream, cells, coarse);
            fine.extend(own);
            under.extend(means);
            edges.push(edge * cells as f64 / coarse as f64);
        }
        let state = |values: &[f32], n: usize| -> Result<Tensor> {
            self.domain.state(values, (edges.len(), n, n))
        };
        let under = state(&under, coarse)?;
        let x_0 = self.domain.noised(&state(&fine, cells)?, &under)?;
        let condition = self.domain.condition(under, &edges)?;
        Ok(Batch { x_0: State::single(x_0), x_1: None, condition })
    }

    fn fingerprint(&self) -> String {
        let values = self.frames.iter().flat_map(|frame| frame.values.iter());
        let step = |hash: u64, x: &f32| {
            (hash ^ u64::from(x.to_bits())).wrapping_mul(0x0000_0100_0000_01b3)
        };
        format!("{:016x}", values.fold(tag("fields"), step))
    }
}

#[cfg(test)]
mod tests {
    use langevin_core::rng::ids;
    use langevin_core::{Purpose, Seed};

    use super::*;

    fn config() -> DataConfig {
        DataConfig {
            files: vec!["a.nc".into()],
            variable: None,
            quantity: Quantity::Amount { least: 0.1, relative: false },
            columns: vec![],
            validation_columns: vec![],
            train_times: None,
            edge: 32,
            wet: 0.05,
            factors: vec![4.0, 2.5],
            means: vec![1, 2],
            symmetries: true,
            climatology: false,
        }
    }

    fn frame() -> Frame {
        let mut values = Array2::from_shape_fn((100, 130), |(i, j)| ((i * j) % 7) as f32);
        values.slice_mut(s![.., 100..]).fill(f32::NAN);
        values.slice_mut(s![.., ..40]).fill(0.0);
        Frame {
            values,
            areas: (0..100).map(|i| 1.0 + 0.01 * f64::from(i)).collect(),
            edges: vec![1.0; 100],
        }
    }

    #[test]
    fn windows_are_known_and_wet_and_keep_their_means() {
        let windows = Windows::new(vec![frame()], &config(), None).unwrap();
        let values = &windows.frames[0].values;
        for corner in windows.corners.iter().filter(|corner| corner.frame == 0) {
            assert!(corner.column > 8 && corner.column + 32 <= 100, "{corner:?}");
        }
        assert!(windows.corners.iter().any(|corner| corner.frame == 1));
        assert_eq!(windows.domain.cells, [1.0, 2.0]);
        assert!(values.iter().any(|x| x.is_nan()));
        for step in 0..20 {
            let mut rng = Rng::new(Seed(1), Purpose::Data, ids(0, 3), step);
            let batch = windows.batch(0, &mut rng).unwrap();
            let (fine, coarse) = (batch.x_0.part(0), batch.condition.context().unwrap().part(0));
            let n = coarse.dim(2).unwrap();
            assert!([(8, 32), (12, 30)].contains(&(n, fine.dim(2).unwrap())));
            let mean = |x: &Tensor| x.mean_all().unwrap().to_scalar::<f32>().unwrap();
            // Rows have areas that differ by a third of a hundredth of their mean each.
            assert!((mean(fine) - mean(coarse)).abs() < 0.02);
        }
        let dry =
            Frame { values: Array2::zeros((64, 64)), areas: vec![1.0; 64], edges: vec![1.0; 64] };
        assert!(Windows::new(vec![dry], &config(), None).is_none());
    }

    /// Relative states have the means of their coarse field once they are amounts again.
    #[test]
    fn relative_states_are_amounts_under_their_coarse_field() {
        let windows = |relative| {
            let quantity = Quantity::Amount { least: 0.1, relative };
            Windows::new(vec![frame()], &DataConfig { quantity, ..config() }, None).unwrap()
        };
        let batch = |windows: &Windows| {
            let mut rng = Rng::new(Seed(1), Purpose::Data, ids(0, 3), 0);
            windows.batch(0, &mut rng).unwrap()
        };
        let (amounts, relative) = (batch(&windows(false)), batch(&windows(true)));
        let coarse = relative.condition.context().unwrap().part(0);
        let domain = windows(true).domain().clone();
        let back = domain.standardised(relative.x_0.part(0), coarse).unwrap();
        let off = (back - amounts.x_0.part(0)).unwrap().abs().unwrap().max_all().unwrap();
        assert!(off.to_scalar::<f32>().unwrap() < 1e-5);
        let least = relative.x_0.part(0).min_all().unwrap().to_scalar::<f32>().unwrap();
        assert!((-1.0..-0.9).contains(&least), "{least}");
    }

    #[test]
    fn symmetries_are_eight() {
        let field = Array2::from_shape_fn((2, 2), |(i, j)| (2 * i + j) as f32);
        let all: std::collections::BTreeSet<Vec<u8>> = (0..8)
            .map(|turn| turned(field.view(), turn).iter().map(|&x| x as u8).collect())
            .collect();
        assert_eq!(all.len(), 8);
    }
}
