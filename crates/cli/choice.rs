//! Another sampler or grid than the model's: `KIND[,KEY=VALUE..]` on the command line.

use langevin_core::{ConfigError, Domain};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::bad_input;
use crate::experiment::Experiment;
use crate::trained::Trained;

/// Options of a command that draws samples.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ChoiceArgs {
    /// Steps, instead of those of the model's grid.
    #[arg(long)]
    steps: Option<usize>,
    /// Another sampler than the model's: ddpm, ddim, euler, tau_leaping, heun, dpm_solver, dpm_solver_sde,
    /// unipc, euler_maruyama, predictor_corrector, renoise or adaptive, with its keys as in a config:
    /// dpm_solver,order=3. It is not annealed but by --anneal.
    #[arg(long, value_name = "KIND[,KEY=VALUE..]")]
    sampler: Option<String>,
    /// Another grid than the model's: uniform, karras, log_snr or geometric, with its keys:
    /// geometric,steps=20,t_min=0.01.
    #[arg(long, value_name = "KIND[,KEY=VALUE..]")]
    grid: Option<String>,
    /// Annealing of a factor instead of the model's: coords=5 follows velocities 1 + 5 (1 - t) times as far; rates of classes
    /// are as many times as large. May be given again for other factors.
    #[arg(long, value_name = "FACTOR=A")]
    anneal: Vec<String>,
}

impl ChoiceArgs {
    /// The same with `steps` steps.
    pub fn with_steps(&self, steps: usize) -> Self {
        Self { steps: Some(steps), ..self.clone() }
    }

    /// Puts what was chosen in the place of the experiment's.
    ///
    /// # Errors
    /// If the kind or a key is unknown, or does not fit the path.
    pub fn apply<E: Experiment>(&self, trained: &mut Trained<E>) -> anyhow::Result<()> {
        let method = trained.experiment.method_mut();
        if let Some(text) = &self.sampler {
            method.sampler = section("--sampler", text).map_err(bad_input)?;
            method.anneal.clear();
        }
        if let Some(text) = &self.grid {
            method.grid = section("--grid", text).map_err(bad_input)?;
        }
        if let Some(steps) = self.steps {
            method.grid = method.grid.with_steps(steps);
        }
        for text in &self.anneal {
            let pair = text.split_once('=').and_then(|(name, a)| Some((name, a.parse().ok()?)));
            let Some((name, a)) = pair else {
                return Err(bad_input(ConfigError::new("--anneal", text, "FACTOR=A, a number")));
            };
            method.anneal.insert(name.to_owned(), a);
        }
        Self::replan(trained)
    }

    /// Walks without noise if the sampler is the model's own and can: what is asked for does not bear any.
    ///
    /// # Errors
    /// As [`ChoiceArgs::apply`].
    pub fn quieten<E: Experiment>(&self, trained: &mut Trained<E>) -> anyhow::Result<()> {
        let sampler = &mut trained.experiment.method_mut().sampler;
        match sampler.without_noise() {
            Some(quiet) if self.sampler.is_none() && quiet != *sampler => *sampler = quiet,
            _ => return Ok(()),
        }
        Self::replan(trained)
    }

    fn replan<E: Experiment>(trained: &mut Trained<E>) -> anyhow::Result<()> {
        // The whole plan: what was chosen must fit the data and the reference too.
        trained.plan = trained.experiment.plan().map_err(bad_input)?;
        let (method, space) = (trained.experiment.method(), trained.domain.space());
        trained.process = method.process(&space, &trained.plan.method)?;
        Ok(())
    }
}

/// The section that `KIND[,KEY=VALUE..]` stands for.
fn section<T: DeserializeOwned>(option: &str, text: &str) -> Result<T, ConfigError> {
    let mut parts = text.split(',');
    let kind = parts.next().unwrap_or_default();
    let mut section = Map::from_iter([("kind".into(), Value::from(kind))]);
    for part in parts {
        let Some((key, value)) = part.split_once('=') else {
            return Err(ConfigError::new(option, part, "KEY=VALUE after the kind"));
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        section.insert(key.trim().into(), value);
    }
    serde_json::from_value(Value::Object(section)).map_err(|error| {
        let text_of = error.to_string().replace('`', "");
        let (found, allowed) = match text_of.split_once(", expected ") {
            Some((found, allowed)) => {
                (found.trim_start_matches("unknown variant ").to_owned(), allowed.to_owned())
            }
            None => (text.to_owned(), text_of),
        };
        ConfigError::new(option, found, allowed.trim_start_matches("one of "))
    })
}

#[cfg(test)]
mod tests {
    use langevin_diffusion::{GridConfig, SamplerConfig};

    use super::*;

    #[test]
    fn kinds_take_their_keys_and_faults_are_named() {
        let sampler = section::<SamplerConfig>("--sampler", "dpm_solver,order=3").unwrap();
        let config = serde_json::json!({ "kind": "dpm_solver", "order": 3 });
        assert_eq!(sampler, serde_json::from_value(config).unwrap());
        let grid = section::<GridConfig>("--grid", "geometric,steps=20,t_min=0.01").unwrap();
        assert_eq!(grid, GridConfig::Geometric { steps: 20, t_min: 0.01 });
        let message =
            |text: &str| section::<SamplerConfig>("--sampler", text).unwrap_err().to_string();
        assert!(message("hoin").starts_with("--sampler: found hoin, allowed: ddpm"));
        assert!(message("dpm_solver,oder=3").contains("unknown field oder"));
        assert!(message("dpm_solver,order=many").contains("many"));
        assert_eq!(message("ddim,0.5"), "--sampler: found 0.5, allowed: KEY=VALUE after the kind");
    }
}
