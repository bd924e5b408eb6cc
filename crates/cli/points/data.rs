//! The ends of an experiment: to train on, and to compare with.

use anyhow::{Result, anyhow};
use langevin_core::rng::ids;
use langevin_core::{Purpose, Rng, Seed};
use langevin_datasets::{ReadOptions, SplitBy, SplitConfig, read_points, split};
use langevin_points::config::{DataConfig, Origin};
use langevin_points::record::PointCloud;
use langevin_points::source::End;
use langevin_points::space::{Geometry, Points, Standardisation};
use langevin_points::toy::{self, Toy};

use crate::bad_input;

/// First sample numbers of each kind of draw: ranges that never meet.
const TRAIN: u64 = 1 << 40;
const TEST: u64 = 1 << 41;
/// Added for the other end of the path.
const OTHER_END: u64 = 1 << 39;
/// Points that the spread of a law without a finite set is measured on: to 1 %.
const MEASURED: usize = 10_000;

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

    fn section(self) -> &'static str {
        if self == Self::Data { "data" } else { "reference" }
    }
}

/// One end of the path, read or drawn once.
pub struct Dataset {
    /// The finite set to train on; without one, every batch is a fresh draw.
    pub train: Option<PointCloud>,
    held_out: HeldOut,
    side: Side,
    seed: Seed,
}

/// What is not trained on.
enum HeldOut {
    /// Whatever else the law gives.
    Law(Toy),
    /// The other parts of a file.
    File { valid: PointCloud, test: PointCloud },
}

impl Dataset {
    /// The points of `config`; `seed` draws and splits them.
    ///
    /// # Errors
    /// If the file cannot be used.
    pub fn load(config: &DataConfig, side: Side, seed: Seed) -> Result<Self> {
        let origin = config.origin().map_err(|error| bad_input(error.within(side.section())))?;
        let (train, held_out) = match origin {
            Origin::Law(law, None) => (None, HeldOut::Law(law)),
            Origin::Law(law, Some(count)) => {
                let ids = ids(TRAIN + side.offset(), count);
                let train = drawn(&law, Rng::new(seed, Purpose::Data, ids, 0))?;
                (Some(train), HeldOut::Law(law))
            }
            Origin::File(file) => {
                let options = ReadOptions {
                    geometry: config.geometry,
                    columns: config.columns.clone(),
                    label: config.label.clone(),
                    dataset: config.dataset.clone(),
                    header: config.header,
                };
                let cloud = read_points(&file, &options).map_err(bad_input)?;
                check_labels(&cloud, config.classes, &file)?;
                let by = if config.split_by_row { SplitBy::Row } else { SplitBy::Position };
                let parts = split(&cloud, &SplitConfig { valid: 0.1, test: 0.1, by, seed: seed.0 });
                let parts = parts.map_err(|error| bad_input(error.within(side.section())))?;
                let (valid, test) = (cloud.select(&parts.valid), cloud.select(&parts.test));
                (Some(cloud.select(&parts.train)), HeldOut::File { valid, test })
            }
        };
        let dataset = Self { train, held_out, side, seed };
        if config.standardise && dataset.geometry()? == Geometry::Sphere {
            let section = side.section();
            return Err(bad_input(anyhow!("{section}.standardise: only for points of R^d")));
        }
        Ok(dataset)
    }

    /// What training takes its batches from.
    ///
    /// # Errors
    /// If a law cannot be built.
    pub fn end(&self) -> Result<End> {
        let name = if self.side == Side::Data { "data order" } else { "reference order" };
        self.end_in_order_of(name)
    }

    /// The same, in the order of `name`: two ends in one order stay pairs.
    ///
    /// # Errors
    /// If a law cannot be built.
    pub fn end_in_order_of(&self, name: &'static str) -> Result<End> {
        Ok(match (&self.train, &self.held_out) {
            (Some(train), _) => End::cloud(train.clone(), name),
            (None, HeldOut::Law(law)) => End::Law(law.build().map_err(bad_input)?),
            (None, HeldOut::File { .. }) => unreachable!("a file has a training part"),
        })
    }

    /// What validation takes its batches from: never trained on.
    ///
    /// # Errors
    /// If a law cannot be built.
    pub fn validation_end(&self) -> Result<End> {
        match &self.held_out {
            HeldOut::File { valid, .. } => Ok(End::cloud(valid.clone(), "validation order")),
            // Fresh draws of a law are held out by their sample numbers.
            HeldOut::Law(law) => match &self.train {
                None => self.end(),
                Some(train) => {
                    let ids = ids(TRAIN + self.side.offset(), train.len());
                    let again = drawn(law, Rng::new(Seed(!self.seed.0), Purpose::Data, ids, 0))?;
                    Ok(End::cloud(again, "validation order"))
                }
            },
        }
    }

    /// `count` points to compare with: fresh draws of a law, or the test part of a file (at most as many
    /// as it has). Draws with another `repeat` are independent.
    ///
    /// # Errors
    /// If a law cannot be built.
    pub fn test(&self, count: usize, repeat: u32) -> Result<PointCloud> {
        match &self.held_out {
            HeldOut::File { test, .. } => {
                let rows: Vec<usize> = (0..test.len().min(count)).collect();
                Ok(test.select(&rows))
            }
            HeldOut::Law(law) => {
                let ids = ids(TEST + self.side.offset(), count);
                drawn(law, Rng::new(self.seed, Purpose::Evaluation, ids, repeat))
            }
        }
    }

    /// `count` starts for samples of `seed`: fresh draws of a law, or the test part of a file, each of
    /// whose points may start several samples.
    ///
    /// # Errors
    /// If a law cannot be built.
    pub fn starts(&self, seed: Seed, count: usize) -> Result<PointCloud> {
        match &self.held_out {
            HeldOut::File { test, .. } => {
                let mut rng = Rng::new(seed, Purpose::Reference, ids(0, count), 0);
                let pick = |mut stream: langevin_kernels::rng::Stream| {
                    stream.below(test.len() as u64) as usize
                };
                let rows: Vec<usize> = rng.streams().into_iter().map(pick).collect();
                Ok(test.select(&rows))
            }
            HeldOut::Law(law) => {
                let ids = ids(TEST + self.side.offset(), count);
                drawn(law, Rng::new(seed, Purpose::Evaluation, ids, 0))
            }
        }
    }

    /// The law, if the points are draws of one.
    pub fn law(&self) -> Option<&Toy> {
        match &self.held_out {
            HeldOut::Law(law) => Some(law),
            HeldOut::File { .. } => None,
        }
    }

    /// Where the points live.
    ///
    /// # Errors
    /// If a law cannot be built.
    pub fn geometry(&self) -> Result<Geometry> {
        Ok(match (&self.train, &self.held_out) {
            (Some(train), _) | (None, HeldOut::File { test: train, .. }) => train.geometry(),
            (None, HeldOut::Law(law)) => law.build().map_err(bad_input)?.geometry(),
        })
    }

    /// The domain of these points, standardised by the training points if asked for.
    ///
    /// # Errors
    /// If a law cannot be built.
    pub fn domain(&self, standardise: bool) -> Result<Points> {
        let drawn;
        let measured = match &self.train {
            Some(train) => train,
            None => {
                drawn = self.test(MEASURED, 0)?;
                &drawn
            }
        };
        let dimension = measured.dimension();
        let standardisation = if standardise {
            Standardisation::fitted(measured.points(), dimension)
        } else {
            Standardisation::identity(dimension)
        };
        Ok(Points::new(measured.geometry(), standardisation, measured.points()))
    }
}

/// A point of `law` for every sample of `rng`.
fn drawn(law: &Toy, mut rng: Rng) -> Result<PointCloud> {
    let law = law.build().map_err(bad_input)?;
    toy::sample(law.as_ref(), &mut rng).map_err(bad_input)
}

/// Labels that the network is told must be classes.
fn check_labels(cloud: &PointCloud, classes: usize, file: &std::path::Path) -> Result<()> {
    let labels = cloud.labels().unwrap_or_default();
    let stranger = |label: &i64| classes > 0 && !(0..classes as i64).contains(label);
    let Some(row) = labels.iter().position(stranger) else { return Ok(()) };
    Err(bad_input(anyhow!(
        "{}: found label {} at point {}, allowed: 0 to {}, as data.classes says",
        file.display(),
        labels[row],
        row + 1,
        classes - 1
    )))
}
