//! RainFARM: rain of the right texture under a coarse field, from no training at all.

use ndarray::{Array2, ArrayView2};
use rustfft::num_complex::Complex;
use rustfft::{FftDirection, FftPlanner};

use crate::constraint::{Blocks, Constraint};

/// Slopes of spectra that are believed; rain's lie between.
const SLOPES: [f64; 2] = [1.0, 4.0];

/// An ensemble generator for fields of at least 0.
///
/// The spectral slope β of the coarse field, P(k) ∝ k^−β, is continued to the fine grid: a Gaussian field g of random phases
/// with that slope and unit variance, fine field r = e^g, its block means forced to those of the coarse field.
///
/// # Source
/// Rebora et al. (2006), J. Hydrometeorology 7, 724–738.
#[derive(Debug, Clone)]
pub struct RainFarm {
    blocks: Blocks,
}

impl RainFarm {
    /// For fine fields of which these `blocks` are the coarse cells.
    pub fn new(blocks: Blocks) -> Self {
        Self { blocks }
    }

    /// One member under `coarse`; `white` are standard normal numbers, one for each fine cell.
    ///
    /// # Panics
    /// If the coarse field or `white` do not have the shape that blocks have.
    pub fn member(&self, coarse: ArrayView2<f32>, white: Array2<f64>) -> Array2<f32> {
        let gaussian = random_phases(white, spectral_slope(coarse));
        let mut fine = gaussian.mapv(|g| g.exp() as f32);
        self.blocks.hold(&mut fine, coarse, Constraint::Multiply);
        fine
    }
}

/// β of P(k) ∝ k^−β: least squares of logarithms over the radial means of the power at whole wave numbers, within what is
/// believed; missing cells count as 0.
pub fn spectral_slope(field: ArrayView2<f32>) -> f64 {
    let known = |&x: &f32| if x.is_nan() { 0.0 } else { f64::from(x) };
    let mean = field.iter().map(known).sum::<f64>() / field.len() as f64;
    let mut spectrum = field.map(|x| Complex::new(known(x) - mean, 0.0));
    fft(&mut spectrum, FftDirection::Forward);
    let (rows, columns) = field.dim();
    let last = rows.min(columns) / 2;
    let mut power = vec![(0.0, 0u32); last + 1];
    for ((i, j), value) in spectrum.indexed_iter() {
        let k = frequency(i, rows).hypot(frequency(j, columns)).round() as usize;
        if (1..=last).contains(&k) {
            power[k].0 += value.norm_sqr();
            power[k].1 += 1;
        }
    }
    let points = power.iter().enumerate().filter(|(_, (sum, count))| *count > 0 && *sum > 0.0);
    let points: Vec<[f64; 2]> =
        points.map(|(k, (sum, count))| [(k as f64).ln(), (sum / f64::from(*count)).ln()]).collect();
    if points.len() < 2 {
        return SLOPES[0];
    }
    let n = points.len() as f64;
    let center = |k: usize| points.iter().map(|p| p[k]).sum::<f64>() / n;
    let (x, y) = (center(0), center(1));
    let (mut xy, mut xx) = (0.0, 0.0);
    for point in &points {
        xy += (point[0] - x) * (point[1] - y);
        xx += (point[0] - x).powi(2);
    }
    (-xy / xx).clamp(SLOPES[0], SLOPES[1])
}

/// `white` with the spectrum k^−`slope`, of mean 0 and variance 1; it goes around.
pub fn random_phases(white: Array2<f64>, slope: f64) -> Array2<f64> {
    let (rows, columns) = white.dim();
    let mut spectrum = white.mapv(|x| Complex::new(x, 0.0));
    fft(&mut spectrum, FftDirection::Forward);
    for ((i, j), value) in spectrum.indexed_iter_mut() {
        let k = frequency(i, rows).hypot(frequency(j, columns));
        *value *= if k > 0.0 { k.powf(-0.5 * slope) } else { 0.0 };
    }
    fft(&mut spectrum, FftDirection::Inverse);
    let field = spectrum.mapv(|value| value.re);
    let variance = field.iter().map(|x| x * x).sum::<f64>() / field.len() as f64;
    field / variance.sqrt().max(f64::MIN_POSITIVE)
}

/// The whole wave number of a place in a transform of `n`, with its sign.
fn frequency(place: usize, n: usize) -> f64 {
    if 2 * place <= n { place as f64 } else { place as f64 - n as f64 }
}

/// The transform of both axes, in place.
fn fft(field: &mut Array2<Complex<f64>>, direction: FftDirection) {
    let mut planner = FftPlanner::new();
    let (rows, columns) = field.dim();
    let along = planner.plan_fft(columns, direction);
    for mut row in field.rows_mut() {
        along.process(row.as_slice_mut().expect("rows are in order"));
    }
    let down = planner.plan_fft(rows, direction);
    for mut column in field.columns_mut() {
        let mut own = column.to_vec();
        down.process(&mut own);
        column.iter_mut().zip(own).for_each(|(to, from)| *to = from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums of twelve uniform numbers of SplitMix64: normal enough.
    fn white(n: usize, mut state: u64) -> Array2<f64> {
        let mut uniform = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (z ^ (z >> 31)) as f64 / 2.0f64.powi(64)
        };
        Array2::from_shape_simple_fn((n, n), || (0..12).map(|_| uniform()).sum::<f64>() - 6.0)
    }

    /// A field made with a slope has it; beyond what is believed it is cut.
    #[test]
    fn slopes_are_made_and_found() {
        for slope in [1.5, 2.5, 3.5] {
            let field = random_phases(white(64, 3), slope).mapv(|x| x as f32);
            let found = spectral_slope(field.view());
            assert!((found - slope).abs() < 0.25, "{slope}: {found}");
        }
        let steep = random_phases(white(64, 3), 7.0).mapv(|x| x as f32);
        assert_eq!(spectral_slope(steep.view()), 4.0);
        assert_eq!(spectral_slope(Array2::zeros((8, 8)).view()), 1.0);
    }

    #[test]
    fn members_have_the_means_of_the_coarse_field_and_differ() {
        let coarse =
            Array2::from_shape_fn((8, 8), |(i, j)| if i < 4 { (i + j) as f32 } else { 0.0 });
        let [a, b] = [1, 7]
            .map(|seed| RainFarm::new(Blocks::equal(4, 32)).member(coarse.view(), white(32, seed)));
        let means = Blocks::equal(4, 32).means(a.view());
        assert!(means.iter().zip(&coarse).all(|(a, b)| (a - b).abs() <= 1e-5 * b));
        assert!(a.iter().all(|&x| x >= 0.0) && a != b);
    }
}
