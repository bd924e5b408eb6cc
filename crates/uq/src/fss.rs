//! Fractions skill score: how often something happens nearby, forecast against observed.

use ndarray::{Array2, ArrayView2, ArrayView3, Axis};
use rayon::prelude::*;

use crate::UqError;

/// Which windows there are near the border.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// One window around every cell; beyond the border nothing happens. A window of even width reaches one cell
    /// further up and left than down and right.
    Zero,
    /// Only windows that lie within the field.
    Interior,
}

/// Numerator and denominator of a fractions skill score, to be added up over cases before the ratio is taken.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FractionsSums {
    /// `Σ (F − O)²` over windows.
    pub difference: f64,
    /// `Σ F² + Σ O²` over windows.
    pub reference: f64,
}

impl FractionsSums {
    /// `FSS = 1 − Σ(F − O)² / (ΣF² + ΣO²)`: 1 is perfect, 0 no overlap, NaN if nothing happened anywhere. A forecast
    /// is useful from `0.5 + f_o/2` on, with the observed frequency `f_o`.
    pub fn score(&self) -> f64 {
        1.0 - self.difference / self.reference
    }
}

impl std::ops::Add for FractionsSums {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            difference: self.difference + other.difference,
            reference: self.reference + other.reference,
        }
    }
}

impl std::iter::Sum for FractionsSums {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |a, b| a + b)
    }
}

/// Fractions of windows of `window` × `window` cells in which `forecast` and `observed` are above `threshold`, compared.
///
/// # Shapes and units
/// - `forecast` and `observed`: `[height, width]`, the unit of the threshold
/// - windows that hold a NaN of either field are left out
///
/// # Errors
/// [`UqError::ShapeMismatch`], [`UqError::Empty`], [`UqError::OutOfRange`] if the window is 0 or wider than the field.
///
/// # Source
/// Roberts & Lean (2008), Mon. Weather Rev. 136, 78–97, Eq. 5 to 7; Faggian et al. (2015), Mausam 66, 457–466, for
/// summed-area tables.
pub fn fractions(
    forecast: ArrayView2<f64>,
    observed: ArrayView2<f64>,
    threshold: f64,
    window: usize,
    padding: Padding,
) -> Result<FractionsSums, UqError> {
    fractions_of_probability(forecast.insert_axis(Axis(0)), observed, threshold, window, padding)
}

/// [`fractions`] of the probability that a member is above `threshold`, `k/m` in each cell.
///
/// # Shapes and units
/// `ensemble`: `[members, height, width]`; otherwise those of [`fractions`]. A cell is missing if a member is.
///
/// # Errors
/// Those of [`fractions`]; [`UqError::TooFewMembers`] without members.
///
/// # Source
/// Schwartz et al. (2010), Weather Forecast. 25, 263–280, for neighbourhood ensemble probabilities.
pub fn fractions_of_probability(
    ensemble: ArrayView3<f64>,
    observed: ArrayView2<f64>,
    threshold: f64,
    window: usize,
    padding: Padding,
) -> Result<FractionsSums, UqError> {
    let (members, height, width) = ensemble.dim();
    UqError::members(members, 1)?;
    UqError::shape("observations", observed.shape(), &[height, width])?;
    UqError::enough("cells", height * width, 1)?;
    UqError::range("the window", window as f64, 1.0, height.min(width) as f64)?;
    let happens = |x: f64| f64::from(u8::from(x > threshold));
    // Counts, not probabilities: sums of whole numbers are exact, so differences of the tables are, too.
    let counts = ensemble.fold_axis(Axis(0), 0.0, |sum, &x| sum + happens(x));
    let missing = |row: usize, column: usize| {
        let cell = ensemble.slice(ndarray::s![.., row, column]);
        observed[[row, column]].is_nan() || cell.iter().any(|x| x.is_nan())
    };
    let missing =
        Array2::from_shape_fn((height, width), |(i, j)| f64::from(u8::from(missing(i, j))));
    let [forecast, observed, missing] =
        [counts, observed.mapv(happens), missing].map(|field| table(field.view()));
    let (rows, columns) = (windows(height, window, padding), windows(width, window, padding));
    let mut sums = FractionsSums::default();
    let area = (window * window) as f64;
    for &(top, bottom) in &rows {
        for &(left, right) in &columns {
            let within = |table: &Array2<f64>| {
                table[[bottom, right]] - table[[top, right]] - table[[bottom, left]]
                    + table[[top, left]]
            };
            if within(&missing) > 0.0 {
                continue;
            }
            let f = within(&forecast) / (area * members as f64);
            let o = within(&observed) / area;
            sums.difference += (f - o).powi(2);
            sums.reference += f * f + o * o;
        }
    }
    Ok(sums)
}

/// [`fractions`] of each member by itself. Add up the cases of a member, then average the scores of the members.
///
/// # Shapes and units
/// Those of [`fractions_of_probability`]; returns one per member.
///
/// # Errors
/// Those of [`fractions_of_probability`].
pub fn fractions_of_members(
    ensemble: ArrayView3<f64>,
    observed: ArrayView2<f64>,
    threshold: f64,
    window: usize,
    padding: Padding,
) -> Result<Vec<FractionsSums>, UqError> {
    UqError::members(ensemble.len_of(Axis(0)), 1)?;
    let members: Vec<ArrayView2<f64>> = ensemble.outer_iter().collect();
    members
        .into_par_iter()
        .map(|member| fractions(member, observed, threshold, window, padding))
        .collect()
}

/// Sums of all cells above and left of each corner.
fn table(field: ArrayView2<f64>) -> Array2<f64> {
    let (height, width) = field.dim();
    let mut table = Array2::zeros((height + 1, width + 1));
    for row in 0..height {
        let mut sum = 0.0;
        for column in 0..width {
            sum += field[[row, column]];
            table[[row + 1, column + 1]] = table[[row, column + 1]] + sum;
        }
    }
    table
}

/// First cell and the one after the last, of all windows along one side.
fn windows(cells: usize, window: usize, padding: Padding) -> Vec<(usize, usize)> {
    match padding {
        Padding::Interior => (0..=cells - window).map(|first| (first, first + window)).collect(),
        Padding::Zero => (0..cells)
            .map(|centre| {
                let first = centre as isize - (window / 2) as isize;
                let end = first + window as isize;
                (first.max(0) as usize, (end as usize).min(cells))
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, array, stack};

    use super::*;
    use crate::seeded::SplitMix64;

    /// By hand: one event each, in neighbouring cells.
    #[test]
    fn displaced_event_by_hand() {
        let forecast = array![[0.0, 2.0, 0.0], [0.0, 0.0, 0.0]];
        let observed = array![[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]];
        let sums = |window, padding| {
            fractions(forecast.view(), observed.view(), 1.0, window, padding).unwrap()
        };
        assert_eq!(sums(1, Padding::Interior), FractionsSums { difference: 2.0, reference: 2.0 });
        assert_eq!(sums(1, Padding::Zero).score(), 0.0);
        // Two windows: both hold the forecast event, one the observed one, as 1/4.
        assert_eq!(
            sums(2, Padding::Interior),
            FractionsSums { difference: 1.0 / 16.0, reference: 3.0 / 16.0 }
        );
        // Six windows that begin one cell up and left: the forecast event is in four, the observed one in four, both
        // in two.
        assert_eq!(
            sums(2, Padding::Zero),
            FractionsSums { difference: 4.0 / 16.0, reference: 8.0 / 16.0 }
        );
        let pooled: FractionsSums =
            [sums(1, Padding::Zero), sums(2, Padding::Zero)].into_iter().sum();
        assert_eq!(pooled.score(), 1.0 - 2.25 / 2.5);
        let error =
            fractions(forecast.view(), observed.view(), 1.0, 3, Padding::Interior).unwrap_err();
        assert!(matches!(error, UqError::OutOfRange { value: 3.0, maximum: 2.0, .. }), "{error}");
    }

    #[test]
    fn windows_with_missing_cells_are_left_out() {
        let field = array![[2.0, 2.0, 0.0, 0.0], [0.0, 0.0, 0.0, f64::NAN]];
        let sums = fractions(field.view(), field.view(), 1.0, 2, Padding::Interior).unwrap();
        // Windows at columns 0 and 1 hold 2/4 and 1/4; the third is missing.
        assert_eq!(sums, FractionsSums { difference: 0.0, reference: 2.0 * (0.25 + 0.0625) });
    }

    /// The tables against sums over each window, for the probability of an ensemble.
    #[test]
    fn tables_are_sums_over_windows() {
        let mut random = SplitMix64::new(2);
        let ensemble = Array3::from_shape_simple_fn((3, 9, 7), || random.uniform());
        let observed = Array2::from_shape_simple_fn((9, 7), || random.uniform());
        for window in 1..6usize {
            let mut want = FractionsSums::default();
            for row in 0..9isize {
                for column in 0..7isize {
                    let (mut f, mut o) = (0.0, 0.0);
                    let half = (window / 2) as isize;
                    for i in (row - half..).take(window) {
                        for j in (column - half..).take(window) {
                            if !(0..9).contains(&i) || !(0..7).contains(&j) {
                                continue;
                            }
                            let (i, j) = (i as usize, j as usize);
                            o += f64::from(u8::from(observed[[i, j]] > 0.6));
                            f += (0..3).filter(|&m| ensemble[[m, i, j]] > 0.6).count() as f64 / 3.0;
                        }
                    }
                    let area = (window * window) as f64;
                    want.difference += ((f - o) / area).powi(2);
                    want.reference += (f / area).powi(2) + (o / area).powi(2);
                }
            }
            let (ensemble, observed) = (ensemble.view(), observed.view());
            let got = fractions_of_probability(ensemble, observed, 0.6, window, Padding::Zero);
            let got = got.unwrap();
            assert!((got.difference - want.difference).abs() < 1e-12, "{window}");
            assert!((got.reference - want.reference).abs() < 1e-12, "{window}");
        }
    }

    #[test]
    fn members_are_compared_one_by_one() {
        let (a, b) = (array![[2.0, 0.0], [0.0, 0.0]], array![[0.0, 2.0], [0.0, 0.0]]);
        let ensemble = stack![Axis(0), a, b];
        let each = fractions_of_members(ensemble.view(), a.view(), 1.0, 1, Padding::Zero).unwrap();
        assert_eq!(each.iter().map(FractionsSums::score).collect::<Vec<_>>(), [1.0, 0.0]);
        let probability =
            fractions_of_probability(ensemble.view(), a.view(), 1.0, 1, Padding::Zero).unwrap();
        assert_eq!(probability, FractionsSums { difference: 0.5, reference: 1.5 });
    }
}
