//! Sizes of the network.

use langevin_core::ConfigError;
use langevin_core::config::require;
use langevin_nn::TimeFeaturesConfig;
use serde::{Deserialize, Serialize};

/// `[network] kind = "periodic"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodicConfig {
    /// Features of an atom.
    pub width: usize,
    /// Features of a message.
    pub message: usize,
    /// Layers.
    pub layers: usize,
    /// Frequencies of fractional differences along each axis; at least 1.
    pub frequencies: usize,
    /// Points of the soft grid of distances; at least 2.
    pub radial: usize,
    /// Vectors of an atom, by whose products with directions later messages see three atoms at once.
    #[serde(default)]
    pub vectors: usize,
    /// Whether the species of the other atoms speak for themselves where a species is made: a crystal of many atoms
    /// has few elements, and messages tell elements that are alike badly apart.
    #[serde(default)]
    pub copies: bool,
    /// Features of the composition as a whole, which all layers and the cell are told; 0: none.
    #[serde(default)]
    pub composition: usize,
    /// What the network is told of the time.
    pub time: TimeFeaturesConfig,
}

impl PeriodicConfig {
    /// Nothing if the section makes sense.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn check(&self) -> Result<(), ConfigError> {
        for (key, value) in [
            ("width", self.width),
            ("message", self.message),
            ("layers", self.layers),
            ("frequencies", self.frequencies),
        ] {
            require(key, value, |n| n >= 1, "at least 1")?;
        }
        require("radial", self.radial, |n| n >= 2, "at least 2")?;
        self.time.build().map(drop).map_err(|error| error.within("time"))
    }
}
