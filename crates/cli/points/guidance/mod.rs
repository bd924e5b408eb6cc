//! What samples are asked to be: a class emphasised, coordinates known, measured or constrained.

mod forms;

use std::sync::Arc;

use anyhow::{Result, anyhow};
use candle_core::{DType, Device, Tensor};
use langevin_core::{Counted, Denoiser, Sampler, State, Tally};
use langevin_diffusion::guidance::{
    Held, Measurement, PosteriorConfig, Repeated, Replaced, Tilt, affine_projection,
};
use langevin_points::record::PointCloud;
use langevin_points::space::{Geometry, Points};

use serde::Serialize;

use self::forms::{Known, Linear, UnitForm};
use super::experiment::PointsExperiment;
use super::trained::Trained;
use crate::contrast::{ContrastArgs, Guided};
use crate::{bad_input, refused};

/// Requests to the sampler, in the units of the data.
#[derive(Debug, Clone, clap::Args, Serialize)]
#[command(next_help_heading = "Guidance")]
pub struct GuidanceArgs {
    /// Class to draw, for a model that was told classes.
    #[arg(long)]
    label: Option<i64>,
    #[command(flatten)]
    #[serde(flatten)]
    contrast: ContrastArgs,
    /// A coordinate that every sample has exactly, as x=1.5; may be given again. The others are
    /// completed around it.
    #[arg(long, value_name = "COLUMN=VALUE")]
    known: Vec<Known>,
    /// Times that each step is taken for known coordinates: more fits the others better.
    #[arg(long, default_value_t = 3, requires = "known", value_name = "N")]
    repeats: usize,
    /// A measured value of a linear form, as 1,-1=0.5 for x − y = 0.5.
    #[arg(long, value_name = "A,B,..=VALUE", allow_hyphen_values = true)]
    measured: Option<Linear>,
    /// Standard deviation of the measurement.
    #[arg(
        long,
        default_value_t = 0.0,
        requires = "measured",
        value_name = "SD",
        allow_negative_numbers = true
    )]
    noise: f64,
    /// An equation that every sample fulfils exactly, as 1,1=3 for x + y = 3; may be given again.
    #[arg(long, value_name = "A,B,..=VALUE", allow_hyphen_values = true)]
    constraint: Vec<Linear>,
}

/// The products of [`GuidanceArgs`] for one model.
pub struct Guidance {
    label: Option<i64>,
    contrast: Option<Guided<PointsExperiment>>,
    known: Option<(State, State, usize)>,
    measured: Option<(Tilt, Along, State)>,
    constraint: Option<(Tensor, Tensor)>,
}

/// x̃ ↦ a · x̃ for the row `a` `[1, d]`.
#[derive(Debug, Clone)]
struct Along(Tensor);

impl Measurement for Along {
    fn apply(&self, x_0: &State) -> langevin_core::Result<State> {
        x_0.map(|x| Ok(x.matmul(&self.0.to_dtype(x.dtype())?.t()?.contiguous()?)?))
    }
}

impl GuidanceArgs {
    /// Everything checked against `trained`.
    ///
    /// # Errors
    /// The option, what was found and what is allowed.
    pub fn plan(&self, trained: &Trained) -> Result<Guidance> {
        let domain = &trained.domain;
        self.check_label(trained)?;
        let linear = self.measured.iter().chain(&self.constraint);
        if let Some(form) = linear.clone().find(|form| form.factors.len() != domain.dimension()) {
            let (found, allowed) = (form.factors.len(), domain.dimension());
            return refused(format!(
                "--measured and --constraint: found {found} factors, allowed: {allowed}"
            ));
        }
        let noisy = !self.known.is_empty() || self.measured.is_some();
        if noisy && trained.experiment.reference.is_some() {
            return refused("--known and --measured: for models whose reference is noise");
        }
        if !self.known.is_empty() && trained.plan.method.grid.times().len() < 3 {
            return refused("--known: needs a grid of several steps: add --steps 50");
        }
        let asked = !self.known.is_empty() || linear.count() > 0;
        if asked && domain.geometry != Geometry::Flat {
            return refused("--known, --measured and --constraint: for points of R^d only");
        }
        Ok(Guidance {
            label: self.label,
            contrast: self.contrast(trained)?,
            known: self.known(domain)?,
            measured: self.measured(domain)?,
            constraint: self.constraint(domain)?,
        })
    }

    fn check_label(&self, trained: &Trained) -> Result<()> {
        let classes = trained.experiment.data.classes;
        match self.label {
            Some(_) if classes == 0 => refused("--label: this model was not told any classes"),
            Some(label) if !(0..classes as i64).contains(&label) => {
                refused(format!("--label: found {label}, allowed: 0 to {}", classes - 1))
            }
            None if classes > 0 && trained.experiment.method.hide_condition == 0.0 => {
                refused("--label: needed, since this model never learnt to do without")
            }
            _ => Ok(()),
        }
    }

    fn contrast(&self, trained: &Trained) -> Result<Option<Guided<PointsExperiment>>> {
        let needed = self.label.is_none().then_some("--label");
        let contrast = self.contrast.plan(trained, needed, Trained::read)?;
        let classes = |model: &Trained| model.experiment.data.classes;
        match &contrast {
            Some(guided) if guided.weaker().is_some_and(|own| classes(own) != classes(trained)) => {
                refused("--weaker: classes of the two models differ")
            }
            _ => Ok(contrast),
        }
    }

    fn known(&self, domain: &Points) -> Result<Option<(State, State, usize)>> {
        if self.known.is_empty() {
            return Ok(None);
        }
        let d = domain.dimension();
        if self.repeats == 0 {
            return refused("--repeats: found 0, allowed: at least 1");
        }
        let (mut values, mut mask) = (domain.standardisation.mean.clone(), vec![0.0; d]);
        for Known { column, value } in &self.known {
            let at = place(domain, column)?;
            if std::mem::replace(&mut mask[at], 1.0) == 1.0 {
                return refused(format!("--known: column {column} stands twice"));
            }
            values[at] = *value;
        }
        if mask.iter().all(|&known| known == 1.0) {
            return refused(format!("--known: all {d} coordinates; nothing is left to sample"));
        }
        let mask = State::single(Tensor::from_vec(mask, (1, d), &Device::Cpu)?);
        Ok(Some((domain.encode_rows(&values, DType::F64)?, mask, self.repeats)))
    }

    fn measured(&self, domain: &Points) -> Result<Option<(Tilt, Along, State)>> {
        let Some(form) = &self.measured else { return Ok(None) };
        let UnitForm { factors, value, norm } = form.standardised(domain);
        let config =
            PosteriorConfig::Pigdm { noise: self.noise / norm, prior_variance: domain.variance };
        let tilt = config.build().map_err(|error| bad_input(error.within("--measured")))?;
        let d = factors.len();
        let along = Along(Tensor::from_vec(factors, (1, d), &Device::Cpu)?);
        Ok(Some((tilt, along, State::single(Tensor::new(&[[value]], &Device::Cpu)?))))
    }

    fn constraint(&self, domain: &Points) -> Result<Option<(Tensor, Tensor)>> {
        if self.constraint.is_empty() {
            return Ok(None);
        }
        // A known value is an equation too, or the projection would move it.
        let d = domain.dimension();
        let equation = |known: &Known| -> Result<Linear> {
            let mut factors = vec![0.0; d];
            factors[place(domain, &known.column)?] = 1.0;
            Ok(Linear { factors, value: known.value })
        };
        let known = self.known.iter().map(equation).collect::<Result<Vec<Linear>>>()?;
        let all = self.constraint.iter().chain(&known);
        let forms: Vec<UnitForm> = all.map(|form| form.standardised(domain)).collect();
        let k = forms.len();
        let factors: Vec<f64> = forms.iter().flat_map(|form| form.factors.clone()).collect();
        let values: Vec<f64> = forms.iter().map(|form| form.value).collect();
        let factors = Tensor::from_vec(factors, (k, d), &Device::Cpu)?;
        let values = Tensor::from_vec(values, k, &Device::Cpu)?;
        let origin = Tensor::zeros((1, d), DType::F64, &Device::Cpu)?;
        affine_projection(&origin, &factors, &values).map_err(|_| {
            bad_input(anyhow!("--constraint: equations that depend on each other or contradict"))
        })?;
        Ok(Some((factors, values)))
    }
}

/// Place of the coordinate called `column`.
fn place(domain: &Points, column: &str) -> Result<usize> {
    let d = domain.dimension();
    let cloud = PointCloud::new(vec![0.0; d], d, domain.geometry)?;
    let Some(at) = cloud.columns().iter().position(|name| name == column) else {
        let allowed = cloud.columns().join(", ");
        return refused(format!("--known: found column {column}, allowed: {allowed}"));
    };
    Ok(at)
}

impl Guidance {
    /// The denoiser of `count` samples: the model, guided.
    ///
    /// # Errors
    /// If a label is none of the classes.
    pub fn denoiser(
        &self,
        trained: &Trained,
        count: usize,
        tally: &Tally,
    ) -> langevin_core::Result<Arc<dyn Denoiser>> {
        let labels = self.label.map(|label| vec![label; count]);
        let network = |model: &Trained, labels: Option<&[i64]>| {
            Ok::<_, langevin_core::Error>(Counted::new(model.denoiser(labels, count)?, tally))
        };
        let strong = network(trained, labels.as_deref())?;
        let process = || trained.process.clone();
        let mut guided: Arc<dyn Denoiser> = match &self.contrast {
            None => Arc::new(strong),
            Some(guided) => {
                let weak = match guided.weaker() {
                    Some(weaker) => network(weaker, labels.as_deref())?,
                    None => network(trained, None)?,
                };
                Arc::new(guided.rule.guide(process(), strong, weak))
            }
        };
        if let Some((tilt, along, observed)) = &self.measured {
            guided = Arc::new(tilt.guide(process(), guided, along.clone(), observed.clone()));
        }
        Ok(guided)
    }

    /// What outputs tell of the model that samples are guided away from.
    pub fn weaker(&self) -> Option<(&'static str, String)> {
        self.contrast.as_ref().and_then(Guided::provenance)
    }

    /// `sampler`, holding what is known and constrained.
    pub fn sampler(&self, sampler: Arc<dyn Sampler>) -> Arc<dyn Sampler> {
        let mut sampler = sampler;
        if let Some((known, mask, repeats)) = self.known.clone() {
            sampler = Arc::new(Repeated::new(Replaced::new(sampler, known, mask), repeats));
        }
        if let Some((factors, values)) = self.constraint.clone() {
            let project = move |x: &State| x.map(|x| affine_projection(x, &factors, &values));
            sampler = Arc::new(Held::new(sampler, project.clone(), project));
        }
        sampler
    }
}
