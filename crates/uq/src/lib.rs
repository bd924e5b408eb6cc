//! Uncertainty that can be checked: arrays in, numbers out. It knows no network and no domain.

pub mod calibration;
