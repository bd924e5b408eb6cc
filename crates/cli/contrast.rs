//! Guidance away from a weaker answer, as every domain's command line has it.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Result;
use candle_core::Device;
use langevin_diffusion::guidance::{Contrast, ContrastConfig};
use serde::Serialize;

use crate::experiment::{Experiment, Method};
use crate::trained::Trained;
use crate::{bad_input, refused};

/// How samples are guided.
#[derive(Debug, Clone, clap::Args, Serialize)]
pub struct ContrastArgs {
    /// Weight w of the model's answer against a weaker one: 1 changes nothing, more exaggerates what tells the two apart.
    /// The weaker one is the model that is not told what is asked for, or --weaker.
    #[arg(long, value_name = "W", allow_negative_numbers = true)]
    guidance: Option<f64>,
    /// Guide only where λ = ln(α/σ) lies in this interval, as -2..3; an end may be left open.
    #[arg(long, value_name = "MIN..MAX", requires = "guidance", allow_hyphen_values = true)]
    guidance_interval: Option<Interval>,
    /// A smaller or less trained model to be guided away from (autoguidance).
    #[arg(long, value_name = "MODEL", requires = "guidance")]
    weaker: Option<PathBuf>,
}

/// The products of [`ContrastArgs`] for one model.
pub struct Guided<E: Experiment> {
    pub rule: Contrast,
    /// Who gives the weaker answer, if not the model that is told less, and the hash of its file.
    weaker: Option<(Trained<E>, String)>,
}

impl<E: Experiment> Guided<E> {
    /// Another model that gives the weaker answer.
    pub fn weaker(&self) -> Option<&Trained<E>> {
        self.weaker.as_ref().map(|(model, _)| model)
    }

    /// What outputs tell of it.
    pub fn provenance(&self) -> Option<(&'static str, String)> {
        self.weaker.as_ref().map(|(_, hash)| ("weaker model sha256", hash.clone()))
    }
}

impl ContrastArgs {
    /// Whether guidance is asked for.
    pub fn is_set(&self) -> bool {
        self.guidance.is_some()
    }

    /// How `trained` is guided, if that is asked for. `needed` names the options that tell it something, where none was
    /// given: it cannot be told less then. `read` finds models.
    ///
    /// # Errors
    /// If there can be none of this weight or interval, if there is no weaker answer, or the weaker model is of other data.
    pub fn plan<E: Experiment>(
        &self,
        trained: &Trained<E>,
        needed: Option<&str>,
        read: impl FnOnce(&Path, &Device) -> Result<(Trained<E>, String)>,
    ) -> Result<Option<Guided<E>>>
    where
        E::Domain: PartialEq,
    {
        let Some(rule) = self.rule()? else { return Ok(None) };
        let Some(path) = &self.weaker else {
            return match needed {
                Some(needed) => {
                    refused(format!("--guidance: needs {needed}, or another model as --weaker"))
                }
                None if trained.experiment.method().hide_condition == 0.0 => refused(
                    "--guidance: this model never learnt to do without what it is told: train with \
                     method.hide_condition above 0, or give another model as --weaker",
                ),
                None => Ok(Some(Guided { rule, weaker: None })),
            };
        };
        let (weaker, hash) = read(path, &trained.device)?;
        let alike = |a: &Method, b: &Method| {
            (&a.path, &a.paths) == (&b.path, &b.paths) && a.give.keys().eq(b.give.keys())
        };
        if weaker.domain != trained.domain
            || !alike(weaker.experiment.method(), trained.experiment.method())
        {
            return refused("--weaker: data or path of the two models differ");
        }
        Ok(Some(Guided { rule, weaker: Some((weaker, hash)) }))
    }

    fn rule(&self) -> Result<Option<Contrast>> {
        let Some(weight) = self.guidance else { return Ok(None) };
        let Interval(log_snr_min, log_snr_max) =
            self.guidance_interval.unwrap_or(Interval(f64::NEG_INFINITY, f64::INFINITY));
        let config = ContrastConfig { weight, log_snr_min, log_snr_max };
        config.build().map(Some).map_err(|error| bad_input(error.within("--guidance")))
    }
}

/// `MIN..MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Interval(f64, f64);

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (min, max) = text.split_once("..").ok_or("no `..` between two numbers")?;
        let end = |text: &str, open: f64| match text.trim() {
            "" => Ok(open),
            text => text.parse().map_err(|_| format!("`{text}` is no number")),
        };
        Ok(Self(end(min, f64::NEG_INFINITY)?, end(max, f64::INFINITY)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_may_be_open() {
        assert_eq!("-2..".parse(), Ok(Interval(-2.0, f64::INFINITY)));
        assert_eq!("..3".parse(), Ok(Interval(f64::NEG_INFINITY, 3.0)));
        assert_eq!("3".parse::<Interval>(), Err("no `..` between two numbers".into()));
        assert_eq!("a..3".parse::<Interval>(), Err("`a` is no number".into()));
    }
}
