//! The `[train]` section.

use langevin_core::{ConfigError, config::require};
use langevin_kernels::{AdamWParams, Precision};
use serde::{Deserialize, Serialize};

use crate::{Average, AverageConfig, LearningRate, LearningRateConfig, OptimiserConfig};

/// `[train]`: how long, on how much, how fast, and what is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Updates of the weights; at least 1.
    pub steps: u64,
    /// Samples per step; a multiple of `shards`.
    pub batch: usize,
    /// Parts of a step that run side by side, each of samples of one size. Part of the experiment:
    /// another number gives other sums, hence other last digits.
    #[serde(default = "one")]
    pub shards: usize,
    /// Learning rate.
    pub learning_rate: LearningRateConfig,
    /// The optimiser; Adam if left out.
    #[serde(default)]
    pub optimiser: OptimiserConfig,
    /// What networks multiply in: `f32`, or on a GPU `tf32` or `bf16`. Weights are stepped in single precision.
    #[serde(default, skip_serializing_if = "PrecisionConfig::is_whole")]
    pub precision: PrecisionConfig,
    /// Largest Euclidean norm of a step's gradient; a longer one is shortened. Left out: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Steps that the data and their coupling are computed ahead on a second thread; 0 computes them
    /// within the step. Changes no bit.
    #[serde(default)]
    pub prefetch: usize,
    /// Steps between lines of the log.
    #[serde(default = "hundred")]
    pub log_every: u64,
    /// Steps between validations; 0 for none.
    #[serde(default)]
    pub validate_every: u64,
    /// Shards that a validation looks at, the same ones with the same noise each time.
    #[serde(default = "eight")]
    pub validation_shards: usize,
    /// Steps between saved states; 0 saves at the end and when stopped only.
    #[serde(default)]
    pub checkpoint_every: u64,
    /// Seconds after which a state is saved at the end of a step, whatever the step; 0 for never.
    /// Changes when states are saved, not what is in them.
    #[serde(default)]
    pub checkpoint_every_seconds: u64,
    /// Saved states that are kept; at least 1.
    #[serde(default = "three")]
    pub keep: usize,
    /// Steps between snapshots of the power-function averages, from which averages of any width are
    /// reconstructed after training; 0 for none.
    #[serde(default)]
    pub snapshot_every: u64,
    /// Averages of the weights. The first one is validated and goes into the model file; with none,
    /// the weights themselves do.
    #[serde(default)]
    pub averages: Vec<AverageConfig>,
}

fn one() -> usize {
    1
}
fn three() -> usize {
    3
}
fn eight() -> usize {
    8
}
fn hundred() -> u64 {
    100
}

/// [`Precision`], by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrecisionConfig {
    /// [`Precision::F32`].
    #[default]
    F32,
    /// [`Precision::Tf32`].
    Tf32,
    /// [`Precision::Bf16`].
    Bf16,
}

impl PrecisionConfig {
    /// What it stands for.
    pub fn build(self) -> Precision {
        match self {
            Self::F32 => Precision::F32,
            Self::Tf32 => Precision::Tf32,
            Self::Bf16 => Precision::Bf16,
        }
    }

    /// The name in configs.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
        }
    }

    fn is_whole(&self) -> bool {
        *self == Self::F32
    }
}

impl TrainConfig {
    /// The checked plan of a run.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be, relative to this section.
    pub fn build(&self) -> Result<TrainPlan, ConfigError> {
        // The step is a 32-bit word of the random generator's counter.
        require(
            "steps",
            self.steps,
            |n| n >= 1 && n < u64::from(u32::MAX),
            "from 1 to 4294967294",
        )?;
        require("shards", self.shards, |n| n >= 1, "at least 1")?;
        let whole = |batch: usize| batch >= 1 && batch.is_multiple_of(self.shards);
        require("batch", self.batch, whole, "a positive multiple of shards")?;
        require("log_every", self.log_every, |n| n >= 1, "at least 1")?;
        require("keep", self.keep, |n| n >= 1, "at least 1")?;
        if self.validate_every > 0 {
            require("validation_shards", self.validation_shards, |n| n >= 1, "at least 1")?;
        }
        if let Some(norm) = self.clip_norm {
            require("clip_norm", norm, |n| n > 0.0 && n.is_finite(), "a positive number")?;
        }
        let learning_rate =
            self.learning_rate.build(self.steps).map_err(|error| error.within("learning_rate"))?;
        let adam = self.optimiser.build().map_err(|error| error.within("optimiser"))?;
        let average = |(i, config): (usize, &AverageConfig)| {
            config.build().map_err(|error| error.within(&format!("averages[{i}]")))
        };
        let averages: Vec<Average> =
            self.averages.iter().enumerate().map(average).collect::<Result<_, _>>()?;
        let power = averages.iter().any(|a| matches!(a, Average::Power { .. }));
        if self.snapshot_every > 0 && !power {
            return Err(ConfigError::new(
                "snapshot_every",
                self.snapshot_every,
                "0 without an average of kind power",
            ));
        }
        Ok(TrainPlan { config: self.clone(), learning_rate, adam, averages })
    }
}

/// A checked [`TrainConfig`].
#[derive(Debug, Clone, PartialEq)]
pub struct TrainPlan {
    pub(crate) config: TrainConfig,
    pub(crate) learning_rate: LearningRate,
    pub(crate) adam: AdamWParams,
    pub(crate) averages: Vec<Average>,
}

impl TrainPlan {
    /// The config that it was built from.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// Samples per shard.
    pub fn shard_samples(&self) -> usize {
        self.config.batch / self.config.shards
    }

    /// The averages that are kept.
    pub fn averages(&self) -> &[Average] {
        &self.averages
    }

    /// The learning rate.
    pub fn learning_rate(&self) -> &LearningRate {
        &self.learning_rate
    }
}

/// Whether `seconds` have passed since the last saved state, `every` = 0 meaning never.
pub(crate) fn overdue(seconds: f64, every: u64) -> bool {
    every > 0 && seconds >= every as f64
}

/// Whether `step` is a multiple of `every`, 0 meaning never.
pub(crate) fn due(step: u64, every: u64) -> bool {
    every > 0 && step.is_multiple_of(every)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORTEST: &str =
        "steps = 10\nbatch = 4\nlearning_rate = { kind = \"constant\", rate = 0.1 }\n";

    fn parse(more: &str) -> TrainConfig {
        toml::from_str(&format!("{SHORTEST}{more}")).unwrap()
    }

    #[test]
    fn the_shortest_section_has_defaults() {
        let plan = parse("").build().unwrap();
        assert_eq!(plan.shard_samples(), 4);
        assert!(plan.averages().is_empty());
        let written = toml::to_string(plan.config()).unwrap();
        assert_eq!(toml::from_str::<TrainConfig>(&written).unwrap(), *plan.config());
    }

    #[test]
    fn precisions_have_the_names_of_configs() {
        for precision in [PrecisionConfig::F32, PrecisionConfig::Tf32, PrecisionConfig::Bf16] {
            let config = parse(&format!("precision = {:?}", precision.name()));
            assert_eq!(config.precision, precision);
            let written = toml::to_string(&config).unwrap();
            assert_eq!(toml::from_str::<TrainConfig>(&written).unwrap(), config);
        }
    }

    #[test]
    fn states_fall_due_by_steps_and_by_seconds() {
        assert_eq!([0, 4, 5, 10].map(|step| due(step, 5)), [true, false, true, true]);
        assert_eq!([59.9, 60.0, 61.0].map(|seconds| overdue(seconds, 60)), [false, true, true]);
        assert!(!due(5, 0) && !overdue(1e9, 0));
    }

    #[test]
    fn impossible_values_are_named_with_their_path() {
        let key = |more: &str| parse(more).build().unwrap_err().key;
        assert_eq!(key("shards = 3"), "batch");
        assert_eq!(key("keep = 0"), "keep");
        assert_eq!(key("snapshot_every = 5"), "snapshot_every");
        assert_eq!(key("optimiser = { beta1 = 1.0 }"), "optimiser.beta1");
        assert_eq!(key("[[averages]]\nkind = \"power\"\nsigma_rel = 0.5"), "averages[0].sigma_rel");
        assert!(toml::from_str::<TrainConfig>(&format!("{SHORTEST}speed = 3")).is_err());
    }
}
