//! The `[data]` section.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::base::TemplateBase;
use crate::property::PropertyConfig;
use crate::space::Motion;
use crate::substitution::SubstitutionConfig;

/// `[data]`: crystals to train on, and others to validate with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Files of crystals to train on, relative to where the command is run.
    pub files: Vec<PathBuf>,
    /// File of crystals that are never trained on; it or `hold_out` is needed where `train.validate_every` is
    /// above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_file: Option<PathBuf>,
    /// So many crystals of the files, evenly spread over them, are never trained on.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hold_out: usize,
    /// Labels that the network is told, so that samples can be asked for values of them. Crystals without a label hide
    /// it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<PropertyConfig>,
    /// How fractional coordinates go to their reference: `"geodesic"` for flow matching, `"wrapped_normal"` for
    /// diffusion.
    #[serde(default)]
    pub motion: Motion,
    /// Where paths begin at known crystals instead of noise, the files' own being those that are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub templates: Option<TemplateBase>,
    /// Where elements of the training crystals are exchanged for ones that are like them; such crystals have no labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub substitution: Option<SubstitutionConfig>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl DataConfig {
    /// `all` without those that are held out, and those.
    pub fn divided<T>(&self, all: Vec<T>) -> (Vec<T>, Vec<T>) {
        let (count, out) = (all.len(), self.hold_out);
        let (mut kept, mut held_out) = (Vec::new(), Vec::new());
        for (i, one) in all.into_iter().enumerate() {
            // The whole part of i out/count rises at `out` of the places.
            let held = (i + 1) * out / count > i * out / count;
            if held { held_out.push(one) } else { kept.push(one) }
        }
        (kept, held_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_out_is_spread_and_counted() {
        let config = DataConfig { hold_out: 3, ..DataConfig::default() };
        let (kept, held) = config.divided((0..10).collect());
        assert_eq!((held, kept), (vec![3, 6, 9], vec![0, 1, 2, 4, 5, 7, 8]));
        let (kept, held) = DataConfig::default().divided(vec![1, 2]);
        assert_eq!((kept, held), (vec![1, 2], vec![]));
    }
}
