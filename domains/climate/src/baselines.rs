//! Downscaling without training: what a model has to be better than.

use std::str::FromStr;

use ndarray::{Array2, ArrayView2};

use crate::constraint::{Blocks, Constraint};
use crate::grid::Grid;
use crate::rainfarm::RainFarm;
use crate::reference::Reference;
use crate::regrid::Regridder;
use crate::weights::Rule;

/// A method that needs no training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// The coarse cell's value.
    Nearest,
    /// Between the nearest centres.
    Bilinear,
    /// Keys's cubic between centres.
    Bicubic,
    /// Bilinear, its block means added to those of the coarse field.
    BilinearAdd,
    /// Bilinear, its block means scaled to those of the coarse field: for what is never below 0.
    BilinearMultiply,
    /// The mean of fine fields of a reference, and what the coarse field is above its own mean, bilinear.
    Climatology,
    /// Bilinear, its values mapped to those at the same place in the distribution of a reference; means are not kept.
    QuantileMapping,
    /// An ensemble for rain; [`RainFarm`].
    RainFarm,
}

impl Baseline {
    /// All of them, with their names.
    pub const ALL: [(&'static str, Self); 8] = [
        ("nearest", Self::Nearest),
        ("bilinear", Self::Bilinear),
        ("bicubic", Self::Bicubic),
        ("bilinear+add", Self::BilinearAdd),
        ("bilinear+multiply", Self::BilinearMultiply),
        ("climatology", Self::Climatology),
        ("quantile-mapping", Self::QuantileMapping),
        ("rainfarm", Self::RainFarm),
    ];

    /// Whether members differ.
    pub fn is_random(self) -> bool {
        self == Self::RainFarm
    }

    /// Whether it knows fine fields of a reference.
    pub fn needs_reference(self) -> bool {
        matches!(self, Self::Climatology | Self::QuantileMapping)
    }

    /// Whether fields must be at least 0.
    pub fn needs_amounts(self) -> bool {
        matches!(self, Self::BilinearMultiply | Self::RainFarm)
    }
}

impl FromStr for Baseline {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, baseline)| *baseline).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|(name, _)| *name).collect();
            format!("allowed: {}", names.join(", "))
        })
    }
}

/// A baseline on fields of one grid, by a whole factor.
#[derive(Debug, Clone)]
pub struct Downscaler {
    baseline: Baseline,
    regridder: Regridder,
    blocks: Blocks,
    rain_farm: RainFarm,
    reference: Option<Reference>,
}

impl Downscaler {
    /// From `coarse` to the grid whose cells are `factor` times smaller along each axis.
    ///
    /// # Panics
    /// If a baseline that needs a reference has none.
    pub fn new(
        baseline: Baseline,
        coarse: &Grid,
        factor: usize,
        reference: Option<Reference>,
    ) -> Self {
        assert!(reference.is_some() || !baseline.needs_reference(), "{baseline:?} has a reference");
        let fine = coarse.refined(factor as f64);
        let rule = match baseline {
            Baseline::Nearest => Rule::Nearest,
            Baseline::Bicubic => Rule::Bicubic,
            _ => Rule::Bilinear,
        };
        let regridder = Regridder::new(coarse, &fine, rule, 1.0);
        let blocks = Blocks::new(factor, &fine.y.sizes());
        Self { baseline, regridder, rain_farm: RainFarm::new(blocks.clone()), blocks, reference }
    }

    /// A member under `coarse`; `white` gives standard normal numbers for the fine cells, if it is asked.
    pub fn member(
        &self,
        coarse: ArrayView2<f32>,
        white: impl FnOnce() -> Array2<f64>,
    ) -> Array2<f32> {
        match self.baseline {
            Baseline::RainFarm => self.rain_farm.member(coarse, white()),
            Baseline::Climatology => {
                let climatology = &self.reference().climatology;
                let anomaly = &coarse - &self.blocks.means(climatology.view());
                self.regridder.apply(anomaly.view()) + climatology
            }
            Baseline::QuantileMapping => {
                let reference = self.reference();
                self.regridder.apply(coarse).mapv(|x| reference.mapped(x))
            }
            _ => {
                let mut fine = self.regridder.apply(coarse);
                if let Some(constraint) = self.constraint() {
                    self.blocks.hold(&mut fine, coarse, constraint);
                }
                fine
            }
        }
    }

    fn reference(&self) -> &Reference {
        self.reference.as_ref().expect("it was checked when it was made")
    }

    fn constraint(&self) -> Option<Constraint> {
        match self.baseline {
            Baseline::BilinearAdd => Some(Constraint::Add),
            Baseline::BilinearMultiply => Some(Constraint::Multiply),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::{Axis, Measure};
    use crate::reference::Gathering;

    #[test]
    fn baselines_keep_what_they_promise() {
        let axis = |n: usize| {
            Axis::new((0..n).map(|i| i as f64).collect(), Measure::Length, None).unwrap()
        };
        let grid = Grid { y: axis(4), x: axis(5) };
        let coarse = Array2::from_shape_fn((4, 5), |(i, j)| ((i * j) % 4) as f32);
        for (name, baseline) in Baseline::ALL {
            let reference = baseline.needs_reference().then(|| {
                let mut gathering = Gathering::new(&grid, &grid, &grid.refined(3.0));
                gathering.add(coarse.view());
                gathering.finish().unwrap()
            });
            let downscaler = Downscaler::new(baseline, &grid, 3, reference);
            let fine = downscaler.member(coarse.view(), || Array2::from_elem((12, 15), 0.5));
            assert_eq!(fine.dim(), (12, 15));
            let means = Blocks::equal(3, 12).means(fine.view());
            let kept = means.iter().zip(&coarse).all(|(a, b)| (a - b).abs() < 1e-5);
            assert_eq!(
                kept,
                !["bilinear", "bicubic", "quantile-mapping"].contains(&name),
                "{name}"
            );
            assert_eq!(name.parse(), Ok(baseline));
        }
        assert!("spline".parse::<Baseline>().unwrap_err().contains("bilinear+multiply"));
    }
}
