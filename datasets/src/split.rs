//! Parts of a cloud for training, validation and test; positions that occur more than once.

use std::collections::HashMap;

use langevin_core::ConfigError;
use langevin_core::config::require;
use langevin_kernels::rng::{Stream, tag};
use langevin_points::record::PointCloud;
use serde::{Deserialize, Serialize};

/// What is dealt out: rows, or positions with all their rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitBy {
    /// Each row by itself; copies of one position may land in two parts.
    Row,
    /// All rows of one position together, so that no test point was trained on. Fractions are of
    /// the distinct positions.
    Position,
}

/// Random parts of given sizes; the rest is for training.
///
/// A catalogue may hold the same position many times: of 827 volcanic eruptions, 267 positions are
/// distinct. Split by row, a network that memorises has an unbounded test likelihood there.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SplitConfig {
    /// Fraction for validation, 0 or more; below 1 together with `test`.
    pub valid: f64,
    /// Fraction for the test, 0 or more.
    pub test: f64,
    /// What is dealt out.
    pub by: SplitBy,
    /// Another seed, other parts.
    pub seed: u64,
}

/// Rows of a cloud, in rising order; every row is in exactly one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Rows to train on.
    pub train: Vec<usize>,
    /// Rows to choose by.
    pub valid: Vec<usize>,
    /// Rows to report on.
    pub test: Vec<usize>,
}

/// The parts of `cloud`: a function of its points' order and the config alone.
///
/// # Errors
/// [`ConfigError`] if a fraction cannot be, or leaves a part that was asked for, or the training
/// part, without a row.
pub fn split(cloud: &PointCloud, config: &SplitConfig) -> Result<Split, ConfigError> {
    let fraction =
        |key, value| require(key, value, |f| (0.0..1.0).contains(&f), "from 0 to below 1");
    let (valid, test) = (fraction("valid", config.valid)?, fraction("test", config.test)?);
    require("valid + test", valid + test, |sum| sum < 1.0, "below 1: the rest is for training")?;
    let groups: Vec<Vec<usize>> = match config.by {
        SplitBy::Row => (0..cloud.len()).map(|row| vec![row]).collect(),
        SplitBy::Position => positions(cloud),
    };
    let count = |key: &str, fraction: f64| {
        let count = (fraction * groups.len() as f64).round() as usize;
        let enough = |_| count > 0 || fraction == 0.0;
        let allowed = format!("a part of at least one of {}, or 0", groups.len());
        require(key, fraction, enough, &allowed).map(|_| count)
    };
    let (valid, test) = (count("valid", valid)?, count("test", test)?);
    let rest = "something left for training";
    require("valid + test", valid + test, |taken| taken < groups.len(), rest)?;

    let order = Stream::new(config.seed, tag("split"), 0, 0).permutation(groups.len());
    let part = |range: std::ops::Range<usize>| {
        let mut rows: Vec<usize> = order[range].iter().flat_map(|&g| &groups[g]).copied().collect();
        rows.sort_unstable();
        rows
    };
    Ok(Split {
        valid: part(0..valid),
        test: part(valid..valid + test),
        train: part(valid + test..groups.len()),
    })
}

/// The first row of each position, in the order of `cloud`.
#[must_use]
pub fn deduplicate(cloud: &PointCloud) -> PointCloud {
    let first: Vec<usize> = positions(cloud).iter().map(|rows| rows[0]).collect();
    cloud.select(&first)
}

/// Number of positions that differ in some bit of some coordinate; −0 is 0.
pub fn distinct_positions(cloud: &PointCloud) -> usize {
    positions(cloud).len()
}

/// Rows of each position, positions in the order in which they first occur.
fn positions(cloud: &PointCloud) -> Vec<Vec<usize>> {
    let mut number = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (row, point) in cloud.rows().enumerate() {
        // + 0.0 turns −0 into 0.
        let bits: Vec<u64> = point.iter().map(|x| (x + 0.0).to_bits()).collect();
        let group = *number.entry(bits).or_insert(groups.len());
        if group == groups.len() {
            groups.push(Vec::new());
        }
        groups[group].push(row);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row i stands at position i mod `distinct`, so every position occurs several times.
    fn catalogue(rows: usize, distinct: usize) -> PointCloud {
        let points = (0..rows).flat_map(|i| [(i % distinct) as f64, 0.5]).collect();
        PointCloud::flat(points, 2).unwrap()
    }

    fn config(by: SplitBy) -> SplitConfig {
        SplitConfig { valid: 0.1, test: 0.1, by, seed: 4 }
    }

    fn rows(split: &Split) -> Vec<usize> {
        let mut rows = [&split.train[..], &split.valid, &split.test].concat();
        rows.sort_unstable();
        rows
    }

    #[test]
    fn every_row_is_in_one_part_of_the_size_asked_for() {
        let cloud = catalogue(827, 267);
        let split = split(&cloud, &config(SplitBy::Row)).unwrap();
        assert_eq!((split.train.len(), split.valid.len(), split.test.len()), (661, 83, 83));
        assert!(rows(&split).into_iter().eq(0..827));
    }

    #[test]
    fn copies_of_a_position_stay_together() {
        let cloud = catalogue(827, 267);
        let split = split(&cloud, &config(SplitBy::Position)).unwrap();
        assert!(rows(&split).into_iter().eq(0..827));
        let positions = |rows: &[usize]| {
            let mut all: Vec<usize> = rows.iter().map(|row| row % 267).collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        let parts = [&split.train, &split.valid, &split.test].map(|part| positions(part));
        assert_eq!(parts.each_ref().map(Vec::len), [213, 27, 27]);
        // Disjoint: together they are all positions, none twice.
        assert_eq!(positions(&parts.concat()).len(), 267);
        // By row, some position of the test is in the training part as well.
        let by_row = super::split(&cloud, &config(SplitBy::Row)).unwrap();
        let train = positions(&by_row.train);
        assert!(positions(&by_row.test).iter().any(|p| train.contains(p)));
    }

    #[test]
    fn the_seed_decides() {
        let cloud = catalogue(100, 100);
        let of = |seed| split(&cloud, &SplitConfig { seed, ..config(SplitBy::Row) }).unwrap();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn the_first_of_each_position_is_kept() {
        let points = vec![0.0, 1.0, 2.0, 2.0, -0.0, 1.0, 0.0, 3.0];
        let cloud = PointCloud::flat(points, 2).unwrap().with_labels(vec![1, 2, 3, 4]).unwrap();
        assert_eq!(distinct_positions(&cloud), 3);
        let kept = deduplicate(&cloud);
        assert_eq!(kept.points(), [0.0, 1.0, 2.0, 2.0, 0.0, 3.0]);
        assert_eq!(kept.labels(), Some(&[1, 2, 4][..]));
    }

    #[test]
    fn a_part_without_rows_is_refused() {
        let message = |rows, valid, test| {
            let config = SplitConfig { valid, test, by: SplitBy::Row, seed: 0 };
            split(&catalogue(rows, rows), &config).unwrap_err().to_string()
        };
        assert_eq!(message(10, -0.1, 0.1), "valid: found -0.1, allowed: from 0 to below 1");
        assert_eq!(
            message(10, 0.5, 0.5),
            "valid + test: found 1, allowed: below 1: the rest is for training"
        );
        assert_eq!(
            message(10, 0.01, 0.5),
            "valid: found 0.01, allowed: a part of at least one of 10, or 0"
        );
        assert_eq!(
            message(1, 0.0, 0.9),
            "valid + test: found 1, allowed: something left for training"
        );
    }
}
