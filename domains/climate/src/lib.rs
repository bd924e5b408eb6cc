//! Fields on grids: axes with their cells, regridding that conserves, baselines of downscaling.
//!
//! Conventions: a field is `[rows, columns]` in the order of its file, rows along y (latitude), columns along x
//! (longitude); latitudes and longitudes in degrees; a cell's value is the mean over the cell; NaN is missing. Factors are
//! those of edges: a field downscaled by 8 has 64 times as many cells.

pub mod axis;
pub mod baselines;
mod cells;
pub mod config;
pub mod constraint;
pub mod frame;
pub mod grid;
pub mod network;
pub mod noise;
pub mod rainfarm;
pub mod reference;
pub mod regrid;
pub mod shares;
pub mod source;
pub mod space;
pub mod units;
pub mod weights;
