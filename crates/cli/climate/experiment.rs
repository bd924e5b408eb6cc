//! The config of an experiment on fields.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use langevin_climate::config::DataConfig;
use langevin_climate::network::NetworkConfig;
use langevin_climate::source::{Frame, Windows};
use langevin_climate::space::Fields;
use langevin_core::{ConfigError, Network, Process, Source};
use langevin_datasets::{FieldSource, GridFile};
use langevin_nn::Builder;
use langevin_train::TrainConfig;
use ndarray::s;
use serde::{Deserialize, Serialize};

use crate::experiment::{Data, Experiment, Method, Plan, train_plan};
use crate::{bad_input, refused};

/// One complete TOML file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClimateExperiment {
    /// Seed of weights, noise and samples.
    #[serde(default)]
    pub seed: u64,
    /// What is generated.
    pub data: DataConfig,
    /// The network.
    pub network: NetworkConfig,
    /// Path, coupling, objective, sampler.
    pub method: Method,
    /// Training.
    pub train: TrainConfig,
}

impl Experiment for ClimateExperiment {
    type Domain = Fields;
    type Network = ();

    fn seed(&self) -> u64 {
        self.seed
    }

    fn seed_mut(&mut self) -> &mut u64 {
        &mut self.seed
    }

    fn method(&self) -> &Method {
        &self.method
    }

    fn method_mut(&mut self) -> &mut Method {
        &mut self.method
    }

    fn train(&self) -> &TrainConfig {
        &self.train
    }

    fn train_mut(&mut self) -> &mut TrainConfig {
        &mut self.train
    }

    fn plan(&self) -> Result<Plan<()>, ConfigError> {
        self.data.check().map_err(|error| error.within("data"))?;
        self.network.check().map_err(|error| error.within("network"))?;
        if self.train.validate_every > 0 && !self.data.validates() {
            let allowed =
                "ranges of columns, or data.train_times, since train.validate_every is above 0";
            return Err(ConfigError::new("data.validation_columns", "nothing", allowed));
        }
        if self.method.head != langevin_core::Head::Clean {
            let found = format!("{:?}", self.method.head);
            return Err(ConfigError::new("method.head", found, "clean: fields keep their means"));
        }
        Ok(Plan { network: (), method: self.method.build()?, train: train_plan(&self.train)? })
    }

    fn data(&self) -> Result<Data<Fields>> {
        let config = &self.data;
        let parts = |ranges: &[[usize; 2]], held_out: bool| -> Result<Vec<Frame>> {
            let mut frames = Vec::new();
            for path in &config.files {
                read(path, config, ranges, held_out, &mut frames)?;
            }
            Ok(frames)
        };
        let windows = |frames, domain| {
            let made = Windows::new(frames, config, domain);
            made.map_or_else(
                || {
                    refused(
                        "data: found no window that is known, as large as data.edge and wet enough",
                    )
                },
                Ok,
            )
        };
        let file = GridFile::open(&config.files[0]).map_err(bad_input)?;
        let units = file.field(config.variable.as_deref()).map_err(bad_input)?.units;
        let source = windows(parts(&config.columns, false)?, None)?;
        let source = source.in_units(units.unwrap_or_default());
        let domain = source.domain().clone();
        let held_out = if config.validates() && self.train.validate_every > 0 {
            let frames = parts(&config.validation_columns, true)?;
            Some(Arc::new(windows(frames, Some(domain.clone()))?) as Arc<dyn Source>)
        } else {
            None
        };
        Ok(Data { domain, source: Arc::new(source), held_out })
    }

    fn network(
        &self,
        builder: &Builder,
        (): &(),
        domain: &Fields,
        _: &Process,
    ) -> langevin_nn::Result<Box<dyn Network>> {
        self.network.build(builder, domain)
    }
}

/// Adds the frames of a file, cut into ranges of columns, to `frames`.
fn read(
    path: &Path,
    config: &DataConfig,
    ranges: &[[usize; 2]],
    held_out: bool,
    frames: &mut Vec<Frame>,
) -> Result<()> {
    let file = GridFile::open(path).map_err(bad_input)?;
    let field = file.field(config.variable.as_deref()).map_err(bad_input)?;
    let kilometres = unit(&file, &field)?;
    let edges: Vec<f64> =
        (0..field.grid.y.len()).map(|i| field.grid.cell_edge(i, kilometres)).collect();
    let width = field.grid.x.len();
    let whole = [[1, width]];
    let ranges = if ranges.is_empty() { &whole[..] } else { ranges };
    if let Some([first, last]) = ranges.iter().find(|[_, last]| *last > width) {
        let path = path.display();
        return refused(format!(
            "data.columns: found {first}..{last}, allowed: within the {width} of {path}"
        ));
    }
    let times = match config.train_times {
        None => 0..field.times,
        Some(count) if held_out => count.min(field.times)..field.times,
        Some(count) => 0..count.min(field.times),
    };
    for (time, member) in
        times.flat_map(|time| (0..field.members).map(move |member| (time, member)))
    {
        let values = file.frame(&field, (time, member)).map_err(bad_input)?;
        for [first, last] in ranges {
            let part = values.slice(s![.., first - 1..*last]).to_owned();
            frames.push(Frame { values: part, areas: field.grid.y.sizes(), edges: edges.clone() });
        }
    }
    Ok(())
}

/// Kilometres of a unit of the field's coordinates.
///
/// # Errors
/// If the file does not say.
pub fn unit(file: &GridFile, field: &FieldSource) -> Result<f64> {
    match field.kilometres {
        Some(kilometres) => Ok(kilometres),
        None => {
            let (path, name) = (file.path().display(), &field.name);
            refused(format!(
                "{path}, variable {name}: found coordinates without a unit of length, allowed: degrees, m or km, as \
                 their attribute units says"
            ))
        }
    }
}
