//! An axis of a grid: its cells, and how their lengths are measured.

use serde::{Deserialize, Serialize};

/// How far apart bounds may lie from the middle between centres and still count as regular, as a part of a cell.
const REGULAR: f64 = 1e-3;

/// What the length of a cell stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Its length: longitudes, kilometres.
    Length,
    /// The difference of the sines of its latitudes: area on the sphere.
    Sine,
}

impl Measure {
    fn at(self, x: f64) -> f64 {
        match self {
            Self::Length => x,
            Self::Sine => x.clamp(-90.0, 90.0).to_radians().sin(),
        }
    }
}

/// Cells one after the other, rising or falling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    centres: Vec<f64>,
    /// One more than centres.
    bounds: Vec<f64>,
    measure: Measure,
    /// After which it begins again, and the cells cover it once.
    period: Option<f64>,
}

/// Why numbers are no axis. Cells are counted from 1.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AxisError {
    /// There must be two cells, or one with bounds.
    #[error("found {0} cells, allowed: 2 or more, or 1 with bounds")]
    TooFew(usize),
    /// Centres must be finite, and rise or fall.
    #[error(
        "found {after} after {before} at cell {cell}, allowed: numbers that only rise or only fall"
    )]
    Order {
        /// The second of the two.
        cell: usize,
        /// The first one's centre.
        before: f64,
        /// Its own.
        after: f64,
    },
    /// Bounds must join.
    #[error("cell {cell} ends at {end}, and the next begins at {start}, allowed: cells that touch")]
    Gap {
        /// The first of the two.
        cell: usize,
        /// Where it ends.
        end: f64,
        /// Where the next one begins.
        start: f64,
    },
    /// Latitudes beyond the poles.
    #[error("found a latitude of {0}, allowed: -90 to 90")]
    Latitude(f64),
    /// The number of cells must be a multiple of the factor.
    #[error("found {cells} cells, allowed: a multiple of the factor {factor}")]
    Factor {
        /// How many.
        cells: usize,
        /// By which they were to be joined.
        factor: usize,
    },
}

impl Axis {
    /// Cells whose borders are in the middle between `centres`; the outer ones end as far beyond their centre as they begin
    /// before it, latitudes at the pole at most.
    ///
    /// With a `period` they cover it once or a part of it; a last centre that repeats the first one must be left out before.
    ///
    /// # Errors
    /// [`AxisError`].
    pub fn new(
        centres: Vec<f64>,
        measure: Measure,
        period: Option<f64>,
    ) -> Result<Self, AxisError> {
        let n = centres.len();
        if n < 2 {
            return Err(AxisError::TooFew(n));
        }
        check_order(&centres)?;
        let mut bounds: Vec<f64> = Vec::with_capacity(n + 1);
        bounds.push(1.5 * centres[0] - 0.5 * centres[1]);
        bounds.extend(centres.windows(2).map(|pair| 0.5 * (pair[0] + pair[1])));
        bounds.push(1.5 * centres[n - 1] - 0.5 * centres[n - 2]);
        if measure == Measure::Sine {
            if let Some(&beyond) = centres.iter().find(|x| x.abs() > 90.0) {
                return Err(AxisError::Latitude(beyond));
            }
            bounds.iter_mut().for_each(|x| *x = x.clamp(-90.0, 90.0));
        }
        Ok(Self { centres, period: covered(&bounds, period), bounds, measure })
    }

    /// Cells with their own bounds, begin and end of each.
    ///
    /// # Errors
    /// [`AxisError`].
    pub fn with_bounds(
        centres: Vec<f64>,
        ends: &[[f64; 2]],
        measure: Measure,
        period: Option<f64>,
    ) -> Result<Self, AxisError> {
        let n = centres.len();
        if n == 0 || ends.len() != n {
            return Err(AxisError::TooFew(ends.len().min(n)));
        }
        check_order(&centres)?;
        // Bounds of a falling axis may be given rising or falling within a cell.
        let falls = n > 1 && centres[1] < centres[0];
        let along = |[a, b]: [f64; 2]| if (a > b) == falls { [a, b] } else { [b, a] };
        let ends: Vec<[f64; 2]> = ends.iter().map(|&cell| along(cell)).collect();
        for (cell, pair) in ends.windows(2).enumerate() {
            let (end, start) = (pair[0][1], pair[1][0]);
            if (end - start).abs() > REGULAR * (pair[0][1] - pair[0][0]).abs() {
                return Err(AxisError::Gap { cell: cell + 1, end, start });
            }
        }
        let mut bounds: Vec<f64> = ends.iter().map(|cell| cell[0]).collect();
        bounds.push(ends[n - 1][1]);
        check_order(&bounds)?;
        if measure == Measure::Sine
            && let Some(&beyond) = bounds.iter().find(|x| x.abs() > 90.0 + REGULAR)
        {
            return Err(AxisError::Latitude(beyond));
        }
        Ok(Self { centres, period: covered(&bounds, period), bounds, measure })
    }

    /// Cells.
    #[allow(clippy::len_without_is_empty, reason = "an axis has a cell")]
    pub fn len(&self) -> usize {
        self.centres.len()
    }

    /// Their centres.
    pub fn centres(&self) -> &[f64] {
        &self.centres
    }

    /// Their borders, one more.
    pub fn bounds(&self) -> &[f64] {
        &self.bounds
    }

    /// The period that the cells cover once, if they do.
    pub fn period(&self) -> Option<f64> {
        self.period
    }

    /// What lengths stand for.
    pub fn measure(&self) -> Measure {
        self.measure
    }

    /// The measure of cell `i`.
    pub(crate) fn sizes_at(&self, i: usize) -> f64 {
        (self.measure.at(self.bounds[i + 1]) - self.measure.at(self.bounds[i])).abs()
    }

    /// Measures of the cells: their share of the grid's area, up to a factor.
    pub fn sizes(&self) -> Vec<f64> {
        (0..self.len()).map(|i| self.sizes_at(i)).collect()
    }

    /// The measure of what two intervals share.
    pub(crate) fn shared(&self, a: [f64; 2], b: [f64; 2]) -> f64 {
        let (low, high) = (a[0].max(b[0]), a[1].min(b[1]));
        if low < high { self.measure.at(high) - self.measure.at(low) } else { 0.0 }
    }

    /// Begin and end of a cell, the lower one first.
    pub(crate) fn cell(&self, i: usize) -> [f64; 2] {
        let (a, b) = (self.bounds[i], self.bounds[i + 1]);
        if a < b { [a, b] } else { [b, a] }
    }

    /// Each cell cut into `factor` of equal length, which may be no whole number: then the whole axis is cut into
    /// `round(cells · factor)` of equal place along its index.
    #[must_use]
    pub fn refined(&self, factor: f64) -> Self {
        let n = self.len();
        let count = ((n as f64 * factor).round() as usize).max(1);
        let at = |k: usize| {
            let place = k as f64 * n as f64 / count as f64;
            let cell = (place as usize).min(n - 1);
            let within = place - cell as f64;
            self.bounds[cell] + within * (self.bounds[cell + 1] - self.bounds[cell])
        };
        let bounds: Vec<f64> = (0..=count).map(at).collect();
        let centres = bounds.windows(2).map(|pair| 0.5 * (pair[0] + pair[1])).collect();
        Self { centres, bounds, ..self.clone() }
    }

    /// `factor` cells joined to one each.
    ///
    /// # Errors
    /// [`AxisError::Factor`] if they are no multiple of it.
    pub fn coarsened(&self, factor: usize) -> Result<Self, AxisError> {
        let cells = self.len();
        if factor == 0 || !cells.is_multiple_of(factor) {
            return Err(AxisError::Factor { cells, factor });
        }
        let bounds: Vec<f64> = self.bounds.iter().copied().step_by(factor).collect();
        let centres = bounds.windows(2).map(|pair| 0.5 * (pair[0] + pair[1])).collect();
        Ok(Self { centres, bounds, ..self.clone() })
    }
}

/// The period, if the cells between `bounds` cover it once.
fn covered(bounds: &[f64], period: Option<f64>) -> Option<f64> {
    let (first, last) = (bounds[0], bounds[bounds.len() - 1]);
    let cell = ((last - first) / (bounds.len() - 1) as f64).abs();
    period.filter(|period| ((last - first).abs() - period).abs() < 0.01 * cell)
}

fn check_order(numbers: &[f64]) -> Result<(), AxisError> {
    let falls = numbers.len() > 1 && numbers[1] < numbers[0];
    let fits = |a: f64, b: f64| if falls { b < a } else { b > a };
    let first = (0..numbers.len())
        .find(|&i| !numbers[i].is_finite() || (i > 0 && !fits(numbers[i - 1], numbers[i])));
    match first {
        Some(i) => {
            let (before, after) = (numbers[i.saturating_sub(1)], numbers[i]);
            Err(AxisError::Order { cell: i + 1, before, after })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latitudes(centres: &[f64]) -> Axis {
        Axis::new(centres.to_vec(), Measure::Sine, None).unwrap()
    }

    #[test]
    fn borders_are_between_centres_and_at_the_poles() {
        let axis = latitudes(&[90.0, 60.0, 30.0, 0.0, -30.0, -60.0, -90.0]);
        assert_eq!(axis.bounds(), [90.0, 75.0, 45.0, 15.0, -15.0, -45.0, -75.0, -90.0]);
        assert!((axis.sizes().iter().sum::<f64>() - 2.0).abs() < 1e-12);
        let turn =
            Axis::new((0..4).map(|i| 90.0 * f64::from(i)).collect(), Measure::Length, Some(360.0));
        assert_eq!(turn.unwrap().period(), Some(360.0));
        let part = Axis::new(vec![0.0, 90.0, 180.0], Measure::Length, Some(360.0)).unwrap();
        assert_eq!(part.period(), None);
    }

    #[test]
    fn cells_are_cut_and_joined() {
        let axis = latitudes(&[10.0, 20.0, 30.0]);
        let fine = axis.refined(4.0);
        assert_eq!(fine.len(), 12);
        assert_eq!((fine.bounds()[0], fine.centres()[0], fine.bounds()[12]), (5.0, 6.25, 35.0));
        let same = fine.coarsened(4).unwrap();
        assert!(same.bounds().iter().zip(axis.bounds()).all(|(a, b)| (a - b).abs() < 1e-12));
        assert_eq!(axis.refined(5.5).len(), 17);
        assert_eq!(axis.refined(5.5).bounds()[17], 35.0);
        assert_eq!(axis.coarsened(2), Err(AxisError::Factor { cells: 3, factor: 2 }));
    }

    #[test]
    fn what_is_no_axis_is_named() {
        let new = |centres: &[f64]| Axis::new(centres.to_vec(), Measure::Sine, None);
        assert_eq!(new(&[1.0]), Err(AxisError::TooFew(1)));
        assert_eq!(
            new(&[1.0, 2.0, 2.0]),
            Err(AxisError::Order { cell: 3, before: 2.0, after: 2.0 })
        );
        assert_eq!(new(&[1.0, 91.0]), Err(AxisError::Latitude(91.0)));
        let own =
            |ends: &[[f64; 2]]| Axis::with_bounds(vec![2.0, 1.0], ends, Measure::Length, None);
        // The bounds of a falling axis, rising within each cell.
        assert_eq!(own(&[[1.5, 2.5], [0.5, 1.5]]).unwrap().bounds(), [2.5, 1.5, 0.5]);
        assert_eq!(
            own(&[[1.6, 2.5], [0.5, 1.5]]),
            Err(AxisError::Gap { cell: 1, end: 1.6, start: 1.5 })
        );
    }
}
