//! Sparse matrices from the cells of an axis to those of another: what regridding is made of, axis by axis.

use crate::axis::Axis;

/// A row for each cell of the target: cells of the source with their weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    rows: Vec<Vec<(usize, f64)>>,
    source: usize,
}

/// A rule that fills the cells of one axis from those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Means over what each cell shares with the source's: first-order conservative.
    Conservative,
    /// Between the two nearest centres; as the outermost one beyond it.
    Bilinear,
    /// The cell whose centre is nearest.
    Nearest,
    /// Keys's cubic of a = −½ along the index between centres; the outermost centres stand for those beyond.
    Bicubic,
}

impl Weights {
    /// From `source` to `target` by `rule`. Conservative rows of cells outside of the source are empty, and those partly
    /// outside sum up to the part inside.
    ///
    /// # Source
    /// Bicubic: Keys (1981), IEEE Trans. Acoust. 29, 1153–1160.
    pub fn new(source: &Axis, target: &Axis, rule: Rule) -> Self {
        let row = |i: usize| match rule {
            Rule::Conservative => overlaps(source, target, i),
            Rule::Bilinear => bilinear(source, target.centres()[i]),
            Rule::Nearest => {
                let pair = bilinear(source, target.centres()[i]);
                let best = pair.iter().max_by(|a, b| a.1.total_cmp(&b.1));
                vec![(best.expect("there is a cell").0, 1.0)]
            }
            Rule::Bicubic => bicubic(source, target.centres()[i]),
        };
        Self { rows: (0..target.len()).map(row).collect(), source: source.len() }
    }

    /// Cells of the target.
    #[allow(clippy::len_without_is_empty, reason = "an axis has a cell")]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Cells of the source.
    pub fn source(&self) -> usize {
        self.source
    }

    /// What a cell of the target is made of.
    pub fn row(&self, i: usize) -> &[(usize, f64)] {
        &self.rows[i]
    }
}

/// Parts of the target's cell `i` that lie in each cell of the source.
fn overlaps(source: &Axis, target: &Axis, i: usize) -> Vec<(usize, f64)> {
    let cell = target.cell(i);
    let whole = target.sizes_at(i);
    let turns = source.period().map_or(vec![0.0], |period| {
        // The turns by which the source's first cell can reach the target's.
        let first = ((cell[0] - source.cell(0)[1]) / period).floor();
        (-1..=2).map(|k| (first + f64::from(k)) * period).collect()
    });
    let mut row: Vec<(usize, f64)> = Vec::new();
    for turn in turns {
        for j in touching(source, [cell[0] - turn, cell[1] - turn]) {
            let own = source.cell(j);
            let shared = target.shared(cell, [own[0] + turn, own[1] + turn]);
            if shared > 0.0 {
                row.push((j, shared / whole));
            }
        }
    }
    row.sort_by_key(|(j, _)| *j);
    joined(row)
}

/// The cells of the source that reach into an interval.
fn touching(source: &Axis, [low, high]: [f64; 2]) -> std::ops::Range<usize> {
    let bounds = source.bounds();
    let rises = bounds[1] > bounds[0];
    let (first, end) = if rises {
        (bounds.partition_point(|&b| b <= low), bounds.partition_point(|&b| b < high))
    } else {
        (bounds.partition_point(|&b| b >= high), bounds.partition_point(|&b| b > low))
    };
    first.saturating_sub(1)..end.min(source.len())
}

/// Where `x` lies among the source's centres: a place before it and how far it is to the next one, in [0, 1].
fn between(source: &Axis, x: f64) -> (isize, f64) {
    let centres = source.centres();
    let n = centres.len();
    if n == 1 {
        return (0, 0.0);
    }
    let rises = centres[1] > centres[0];
    let x = match source.period() {
        // Into the turn that begins at the first centre.
        Some(period) => {
            let from = if rises { x - centres[0] } else { centres[0] - x };
            let from = from.rem_euclid(period);
            if rises { centres[0] + from } else { centres[0] - from }
        }
        None => x,
    };
    let before = centres.partition_point(|&c| if rises { c <= x } else { c >= x });
    if before == 0 {
        return (0, 0.0);
    }
    let low = before - 1;
    let next = match (before < n, source.period()) {
        (true, _) => centres[before],
        (false, Some(period)) => centres[0] + if rises { period } else { -period },
        (false, None) => return (low as isize, 0.0),
    };
    (low as isize, ((x - centres[low]) / (next - centres[low])).clamp(0.0, 1.0))
}

/// The cell at a place, the outermost ones standing for those beyond, or around the period.
fn at(source: &Axis, place: isize) -> usize {
    let n = source.len() as isize;
    match source.period() {
        Some(_) => place.rem_euclid(n) as usize,
        None => place.clamp(0, n - 1) as usize,
    }
}

fn joined(parts: impl IntoIterator<Item = (usize, f64)>) -> Vec<(usize, f64)> {
    let mut row: Vec<(usize, f64)> = Vec::new();
    for (cell, weight) in parts.into_iter().filter(|(_, weight)| *weight != 0.0) {
        match row.iter_mut().find(|(own, _)| *own == cell) {
            Some((_, sum)) => *sum += weight,
            None => row.push((cell, weight)),
        }
    }
    row
}

/// The cells between whose centres `x` lies, with their weights; as [`Rule::Bilinear`].
pub fn between_centres(source: &Axis, x: f64) -> Vec<(usize, f64)> {
    bilinear(source, x)
}

fn bilinear(source: &Axis, x: f64) -> Vec<(usize, f64)> {
    let (low, far) = between(source, x);
    joined([(at(source, low), 1.0 - far), (at(source, low + 1), far)])
}

fn bicubic(source: &Axis, x: f64) -> Vec<(usize, f64)> {
    let (low, t) = between(source, x);
    let weights = [
        -0.5 * t + t * t - 0.5 * t * t * t,
        1.0 - 2.5 * t * t + 1.5 * t * t * t,
        0.5 * t + 2.0 * t * t - 1.5 * t * t * t,
        -0.5 * t * t + 0.5 * t * t * t,
    ];
    joined((0..4).map(|k| (at(source, low + k - 1), weights[k as usize])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::Measure;

    fn axis(centres: &[f64], period: Option<f64>) -> Axis {
        Axis::new(centres.to_vec(), Measure::Length, period).unwrap()
    }

    fn sums(weights: &Weights) -> Vec<f64> {
        (0..weights.len()).map(|i| weights.row(i).iter().map(|(_, w)| w).sum()).collect()
    }

    #[test]
    fn conservative_rows_are_shares_of_cells() {
        let fine = axis(&[0.5, 1.5, 2.5, 3.5], None);
        let coarse = fine.coarsened(2).unwrap();
        let down = Weights::new(&fine, &coarse, Rule::Conservative);
        assert_eq!(down.row(1), [(2, 0.5), (3, 0.5)]);
        // Half of the cell from −1 to 1 is covered.
        let off = axis(&[0.0, 2.0], None);
        let partly = Weights::new(&fine, &off, Rule::Conservative);
        assert_eq!(partly.row(0), [(0, 0.5)]);
        assert_eq!(partly.row(1), [(1, 0.5), (2, 0.5)]);
        // Falling axes and other turns see the same cells.
        let turn = axis(&[45.0, 135.0, 225.0, 315.0], Some(360.0));
        let west = axis(&[-45.0, -135.0], None);
        let around = Weights::new(&turn, &west, Rule::Conservative);
        assert_eq!((around.row(0), around.row(1)), (&[(3, 1.0)][..], &[(2, 1.0)][..]));
        // A cell across the meridian.
        let across = Weights::new(&turn, &axis(&[0.0, 90.0], None), Rule::Conservative);
        assert_eq!(across.row(0), [(0, 0.5), (3, 0.5)]);
    }

    #[test]
    fn interpolation_is_exact_for_its_polynomials() {
        let source = axis(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], None);
        let target = axis(&[1.25, 2.5, 3.9], None);
        for (rule, power) in [(Rule::Bilinear, 1), (Rule::Bicubic, 2)] {
            let weights = Weights::new(&source, &target, rule);
            for (i, x) in target.centres().iter().enumerate() {
                let f = |x: f64| x.powi(power) - 3.0 * x + 1.0;
                let sum: f64 =
                    weights.row(i).iter().map(|&(j, w)| w * f(source.centres()[j])).sum();
                assert!((sum - f(*x)).abs() < 1e-12, "{rule:?} {x}");
            }
        }
        let nearest = Weights::new(&source, &target, Rule::Nearest);
        assert_eq!((nearest.row(0), nearest.row(2)), (&[(1, 1.0)][..], &[(4, 1.0)][..]));
    }

    #[test]
    fn beyond_the_ends_the_last_cell_stands_or_the_first_comes_again() {
        let source = axis(&[0.0, 90.0, 180.0, 270.0], Some(360.0));
        let target = axis(&[-45.0, 315.0], None);
        let around = Weights::new(&source, &target, Rule::Bilinear);
        assert_eq!(around.row(0), around.row(1));
        assert_eq!(around.row(0), [(3, 0.5), (0, 0.5)]);
        let part = axis(&[0.0, 90.0, 180.0], None);
        let clamped = Weights::new(&part, &target, Rule::Bilinear);
        assert_eq!((clamped.row(0), clamped.row(1)), (&[(0, 1.0)][..], &[(2, 1.0)][..]));
        for rule in [Rule::Bilinear, Rule::Nearest, Rule::Bicubic] {
            assert!(
                sums(&Weights::new(&part, &target, rule)).iter().all(|s| (s - 1.0).abs() < 1e-12)
            );
        }
        // A falling source is the mirror image of a rising one.
        let falling = axis(&[180.0, 90.0, 0.0], None);
        let mirrored = Weights::new(&falling, &axis(&[30.0, 60.0], None), Rule::Bilinear);
        let (far, near) = (mirrored.row(0)[0], mirrored.row(0)[1]);
        assert!(far.0 == 1 && (far.1 - 1.0 / 3.0).abs() < 1e-12 && near.0 == 2);
    }
}
