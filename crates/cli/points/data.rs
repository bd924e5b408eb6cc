//! The two ends of an experiment: to train on, and to compare with.

use anyhow::Result;
use langevin_core::rng::ids;
use langevin_core::{Purpose, Rng, Seed};
use langevin_datasets::{ReadOptions, SplitBy, SplitConfig, read_points, split};
use langevin_points::config::DataConfig;
use langevin_points::record::PointCloud;
use langevin_points::source::End;
use langevin_points::space::{Points, Standardisation};
use langevin_points::toy;

use crate::bad_input;

/// First sample numbers of each kind of draw: ranges that never meet.
const TRAIN: u64 = 1 << 40;
const TEST: u64 = 1 << 41;
/// Added for the other end of the path.
const OTHER_END: u64 = 1 << 39;

/// Which end of the path a section describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// `[data]`, t = 0.
    Data,
    /// `[reference]`, t = 1.
    Reference,
}

impl Side {
    fn offset(self) -> u64 {
        if self == Self::Data { 0 } else { OTHER_END }
    }
}

/// What a data section gives.
pub struct Loaded {
    /// To train on.
    pub end: End,
    /// The points measured for standardisation, if there is a finite set.
    pub train: Option<PointCloud>,
    /// Held-out parts of a file.
    pub held_out: Option<HeldOut>,
}

/// Validation and test points of a file.
pub struct HeldOut {
    pub valid: PointCloud,
    pub test: PointCloud,
}

/// The points of `config`.
///
/// # Errors
/// If the file cannot be used.
pub fn load(config: &DataConfig, side: Side, seed: Seed) -> Result<Loaded> {
    let name = if side == Side::Data { "data order" } else { "reference order" };
    if let Some(file) = &config.file {
        let options = ReadOptions { label: config.label.clone(), ..ReadOptions::default() };
        let cloud = read_points(file, &options).map_err(bad_input)?;
        let by = if config.split_by_row { SplitBy::Row } else { SplitBy::Position };
        let parts = split(&cloud, &SplitConfig { valid: 0.1, test: 0.1, by, seed: seed.0 });
        let parts = parts.map_err(|error| bad_input(error.within("data")))?;
        let train = cloud.select(&parts.train);
        let held_out =
            HeldOut { valid: cloud.select(&parts.valid), test: cloud.select(&parts.test) };
        let end = End::cloud(train.clone(), name);
        return Ok(Loaded { end, train: Some(train), held_out: Some(held_out) });
    }
    let law = config.law.as_ref().expect("checked: law or file").build().map_err(bad_input)?;
    let Some(count) = config.count else {
        return Ok(Loaded { end: End::Law(law), train: None, held_out: None });
    };
    let mut rng = Rng::new(seed, Purpose::Data, ids(TRAIN + side.offset(), count), 0);
    let train = toy::sample(law.as_ref(), &mut rng).map_err(bad_input)?;
    Ok(Loaded { end: End::cloud(train.clone(), name), train: Some(train), held_out: None })
}

/// `count` points to compare with: fresh draws of a law, or the test part of a file (at most as many
/// as it has). Draws with another `repeat` are independent.
///
/// # Errors
/// If the file cannot be used.
pub fn test_points(
    config: &DataConfig,
    side: Side,
    seed: Seed,
    count: usize,
    repeat: u32,
) -> Result<PointCloud> {
    if config.file.is_some() {
        let test = load(config, side, seed)?.held_out.expect("a file has parts").test;
        let rows: Vec<usize> = (0..test.len().min(count)).collect();
        return Ok(test.select(&rows));
    }
    let law = config.law.as_ref().expect("checked: law or file").build().map_err(bad_input)?;
    let mut rng = Rng::new(seed, Purpose::Evaluation, ids(TEST + side.offset(), count), repeat);
    toy::sample(law.as_ref(), &mut rng).map_err(bad_input)
}

/// The domain of `data`, standardised by its training points if asked for.
///
/// # Errors
/// None today; kept for domains that measure more.
pub fn domain(config: &DataConfig, loaded: &Loaded) -> Result<Points> {
    let (dimension, geometry) = match (&loaded.train, &config.law) {
        (Some(train), _) => (train.dimension(), train.geometry()),
        (None, law) => {
            let law = law.as_ref().expect("checked: law or file").build().map_err(bad_input)?;
            (law.dimension(), law.geometry())
        }
    };
    let flat = geometry == langevin_points::space::Geometry::Flat;
    let standardisation = match &loaded.train {
        Some(train) if config.standardise && flat => {
            Standardisation::fitted(train.points(), dimension)
        }
        _ => Standardisation::identity(dimension),
    };
    Ok(Points { geometry, standardisation })
}
