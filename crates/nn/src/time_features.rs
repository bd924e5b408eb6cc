//! How a network is told the time.

use candle_core::{DType, Device, Tensor};
use langevin_core::{ConfigError, Times, config::require};
use serde::{Deserialize, Serialize};

/// `[network.time]`: what of the time is appended to the input.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TimeFeaturesConfig {
    /// The number itself, as the two-dimensional flow-matching literature does.
    Raw,
    /// sin and cos of `2π f t` at frequencies that grow geometrically from `lowest` to `highest`.
    Fourier {
        /// Pairs of sine and cosine; at least 1.
        pairs: usize,
        /// Lowest frequency in cycles per unit of time; above 0.
        lowest: f64,
        /// Highest frequency; at least the lowest.
        highest: f64,
    },
}

impl TimeFeaturesConfig {
    /// The features.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn build(&self) -> Result<TimeFeatures, ConfigError> {
        match *self {
            Self::Raw => Ok(TimeFeatures { frequencies: None }),
            Self::Fourier { pairs, lowest, highest } => {
                require("pairs", pairs, |n| n >= 1, "at least 1")?;
                require("lowest", lowest, |f| f > 0.0 && f.is_finite(), "a positive number")?;
                require("highest", highest, |f| f >= lowest && f.is_finite(), "at least lowest")?;
                let growth = |i: usize| i as f64 / (pairs - 1).max(1) as f64;
                let frequency = |i| lowest * (highest / lowest).powf(growth(i));
                Ok(TimeFeatures { frequencies: Some((0..pairs).map(frequency).collect()) })
            }
        }
    }
}

/// Features of a time, `[B, width]`.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeFeatures {
    frequencies: Option<Vec<f64>>,
}

impl TimeFeatures {
    /// Number of features per time.
    pub fn width(&self) -> usize {
        self.frequencies.as_ref().map_or(1, |f| 2 * f.len())
    }

    /// The features of each time. Angles are formed in f64: in f32 a high frequency loses the time.
    ///
    /// # Errors
    /// If the tensor cannot be made.
    pub fn of(&self, times: &Times, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
        let values: Vec<f64> = match &self.frequencies {
            None => times.values().to_vec(),
            Some(frequencies) => times
                .values()
                .iter()
                .flat_map(|t| {
                    frequencies.iter().map(move |f| (std::f64::consts::TAU * f * t).sin_cos())
                })
                .flat_map(|(sin, cos)| [sin, cos])
                .collect(),
        };
        matrix(values, (times.len(), self.width()), dtype, device)
    }

    /// The derivative of [`TimeFeatures::of`] where each time moves at its rate `dt`, `[B, width]`:
    /// `2π f cos(2π f t) dt` and `−2π f sin(2π f t) dt`.
    ///
    /// # Errors
    /// If there are not as many rates as times, or the tensor cannot be made.
    pub fn tangent(
        &self,
        times: &Times,
        rates: &Times,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        if rates.len() != times.len() {
            candle_core::bail!("{} rates of {} times", rates.len(), times.len());
        }
        let values: Vec<f64> = match &self.frequencies {
            None => rates.values().to_vec(),
            Some(frequencies) => times
                .values()
                .iter()
                .zip(rates.values())
                .flat_map(|(t, rate)| {
                    frequencies.iter().map(move |f| {
                        let turns = std::f64::consts::TAU * f;
                        let (sin, cos) = (turns * t).sin_cos();
                        (turns * cos * rate, -turns * sin * rate)
                    })
                })
                .flat_map(|(sin, cos)| [sin, cos])
                .collect(),
        };
        matrix(values, (times.len(), self.width()), dtype, device)
    }
}

/// Rows of numbers formed in f64, in the precision asked for.
fn matrix(
    values: Vec<f64>,
    shape: (usize, usize),
    dtype: DType,
    device: &Device,
) -> candle_core::Result<Tensor> {
    if dtype == DType::F32 {
        let narrow: Vec<f32> = values.iter().map(|&v| v as f32).collect();
        return Tensor::from_vec(narrow, shape, device);
    }
    Tensor::from_vec(values, shape, device)?.to_dtype(dtype)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fourier_features_are_sine_and_cosine_of_their_frequencies() {
        let features =
            TimeFeaturesConfig::Fourier { pairs: 3, lowest: 0.5, highest: 8.0 }.build().unwrap();
        let got = features
            .of(&Times::new(vec![0.25]), DType::F64, &Device::Cpu)
            .unwrap()
            .to_vec2::<f64>()
            .unwrap();
        for (i, f) in [0.5, 2.0, 8.0].iter().enumerate() {
            let angle = std::f64::consts::TAU * f * 0.25;
            assert!((got[0][2 * i] - angle.sin()).abs() < 1e-12);
            assert!((got[0][2 * i + 1] - angle.cos()).abs() < 1e-12);
        }
        assert!(
            TimeFeaturesConfig::Fourier { pairs: 0, lowest: 1.0, highest: 1.0 }.build().is_err()
        );
    }

    /// Central differences of step 1e-6 err by (2π f)³ 1e-12/6 ≈ 2e-8 at f = 8, of a slope of 50.
    #[test]
    fn tangents_are_the_features_slopes() {
        let fourier = TimeFeaturesConfig::Fourier { pairs: 3, lowest: 0.5, highest: 8.0 };
        for config in [TimeFeaturesConfig::Raw, fourier] {
            let features = config.build().unwrap();
            let (t, rates) = ([0.25, 0.8], Times::new(vec![1.0, -2.0]));
            let tangent =
                features.tangent(&Times::new(t.into()), &rates, DType::F64, &Device::Cpu).unwrap();
            let at = |h: f64| {
                let moved = t.iter().zip(rates.values()).map(|(t, rate)| t + h * rate).collect();
                features.of(&Times::new(moved), DType::F64, &Device::Cpu).unwrap()
            };
            let slope = ((at(1e-6) - at(-1e-6)).unwrap() / 2e-6).unwrap();
            crate::testing::assert_close("tangent", &tangent, &slope, 1e-7);
            let error = features
                .tangent(&Times::all(3, 0.5), &rates, DType::F64, &Device::Cpu)
                .unwrap_err();
            assert!(error.to_string().contains("2 rates of 3 times"), "{error}");
        }
    }
}
