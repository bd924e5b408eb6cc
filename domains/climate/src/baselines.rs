//! Downscaling without training: what a model has to be better than.

use std::str::FromStr;

use ndarray::{Array2, ArrayView2};

use crate::constraint::{Blocks, Constraint};
use crate::grid::Grid;
use crate::rainfarm::RainFarm;
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
    /// An ensemble for rain; [`RainFarm`].
    RainFarm,
}

impl Baseline {
    /// All of them, with their names.
    pub const ALL: [(&'static str, Self); 6] = [
        ("nearest", Self::Nearest),
        ("bilinear", Self::Bilinear),
        ("bicubic", Self::Bicubic),
        ("bilinear+add", Self::BilinearAdd),
        ("bilinear+multiply", Self::BilinearMultiply),
        ("rainfarm", Self::RainFarm),
    ];

    /// Whether members differ.
    pub fn is_random(self) -> bool {
        self == Self::RainFarm
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
}

impl Downscaler {
    /// From `coarse` to the grid whose cells are `factor` times smaller along each axis.
    pub fn new(baseline: Baseline, coarse: &Grid, factor: usize) -> Self {
        let fine = coarse.refined(factor as f64);
        let rule = match baseline {
            Baseline::Nearest => Rule::Nearest,
            Baseline::Bicubic => Rule::Bicubic,
            _ => Rule::Bilinear,
        };
        let regridder = Regridder::new(coarse, &fine, rule, 1.0);
        let blocks = Blocks::new(factor, &fine.y.sizes());
        Self { baseline, regridder, rain_farm: RainFarm::new(blocks.clone()), blocks }
    }

    /// A member under `coarse`; `white` gives standard normal numbers for the fine cells, if it is asked.
    pub fn member(
        &self,
        coarse: ArrayView2<f32>,
        white: impl FnOnce() -> Array2<f64>,
    ) -> Array2<f32> {
        match self.baseline {
            Baseline::RainFarm => self.rain_farm.member(coarse, white()),
            _ => {
                let mut fine = self.regridder.apply(coarse);
                if let Some(constraint) = self.constraint() {
                    self.blocks.hold(&mut fine, coarse, constraint);
                }
                fine
            }
        }
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

    #[test]
    fn baselines_keep_what_they_promise() {
        let axis = |n: usize| {
            Axis::new((0..n).map(|i| i as f64).collect(), Measure::Length, None).unwrap()
        };
        let grid = Grid { y: axis(4), x: axis(5) };
        let coarse = Array2::from_shape_fn((4, 5), |(i, j)| ((i * j) % 4) as f32);
        for (name, baseline) in Baseline::ALL {
            let downscaler = Downscaler::new(baseline, &grid, 3);
            let fine = downscaler.member(coarse.view(), || Array2::from_elem((12, 15), 0.5));
            assert_eq!(fine.dim(), (12, 15));
            let means = Blocks::equal(3, 12).means(fine.view());
            let kept = means.iter().zip(&coarse).all(|(a, b)| (a - b).abs() < 1e-5);
            assert_eq!(kept, !["bilinear", "bicubic"].contains(&name), "{name}");
            assert_eq!(name.parse(), Ok(baseline));
        }
        assert!("spline".parse::<Baseline>().unwrap_err().contains("bilinear+multiply"));
    }
}
