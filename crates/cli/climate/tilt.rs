//! Members drawn more often the more extreme they are, with what makes them count as often as they should.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::Result;
use langevin_core::{Purpose, Rng, SampleId, Seed, State};
use langevin_diffusion::guidance::{Tilted, effective_samples, tilted, untilting};
use langevin_files::write_whole;
use ndarray::Array2;

use crate::{prepare_target, refused};

/// How members are tilted.
#[derive(Debug, Clone, clap::Args)]
pub struct TiltArgs {
    /// Draw members with e^(X f) times their probability, f a number of their field; models only.
    #[arg(long, value_name = "X", conflicts_with_all = ["method", "observations", "resume"], allow_negative_numbers = true)]
    tilt: Option<f64>,
    /// The number: the mean, or the greatest value of known cells.
    #[arg(long, value_enum, default_value_t, requires = "tilt")]
    tilt_of: Of,
    /// Steps of the walk from an untilted member to a tilted one.
    #[arg(long, value_name = "N", default_value_t = 60, requires = "tilt")]
    tilt_steps: usize,
    /// CSV file for f and the weights: means over members with them are means of untilted ones.
    #[arg(long, value_name = "FILE", requires = "tilt")]
    weights: Option<PathBuf>,
}

/// A number of a field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Of {
    /// Mean over the known cells.
    #[default]
    Mean,
    /// Greatest of the known cells.
    Max,
}

impl Of {
    fn of(self, field: &Array2<f32>) -> f64 {
        let known = field.iter().filter(|x| !x.is_nan()).map(|&x| f64::from(x));
        match self {
            Self::Mean => {
                let (count, sum) = known.fold((0.0, 0.0), |(count, sum), x| (count + 1.0, sum + x));
                sum / f64::max(count, 1.0)
            }
            Self::Max => known.fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

/// A walk to tilted members, and what became of those that walked.
#[derive(Debug)]
pub struct Tilt {
    strength: f64,
    of: Of,
    steps: usize,
    seed: Seed,
    weights: PathBuf,
    /// Step, member, number; by step and member once sorted.
    made: Mutex<Vec<(usize, usize, f64)>>,
}

/// Size of a step of the walk: about half of the proposals are taken at moderate tilts.
const BETA: f64 = 0.4;

impl TiltArgs {
    /// The walk, if one is asked for.
    ///
    /// # Errors
    /// If there is no file for the weights, or it is there already.
    pub fn build(&self, seed: Seed, force: bool) -> Result<Option<Tilt>> {
        let Some(strength) = self.tilt else { return Ok(None) };
        let Some(weights) = self.weights.clone() else {
            return refused(
                "--weights: needed with --tilt: tilted members without their weights would mislead",
            );
        };
        if !strength.is_finite() {
            return refused(format!("--tilt: found {strength}, allowed: a finite number"));
        }
        prepare_target(&weights, force)?;
        let (of, steps, made) = (self.tilt_of, self.tilt_steps, Mutex::default());
        Ok(Some(Tilt { strength, of, steps, seed, weights, made }))
    }
}

impl Tilt {
    /// The reference sample of a tilted member; `made` gives the field of one.
    ///
    /// # Errors
    /// Those of `made`.
    pub fn walked(
        &self,
        x_1: State,
        (step, member): (usize, usize),
        made: impl Fn(&State) -> langevin_core::Result<Array2<f32>>,
    ) -> langevin_core::Result<State> {
        let id = SampleId(member as u64);
        let mut rng = Rng::new(self.seed, Purpose::Probe, vec![id], step as u32);
        let f = |x: &State| Ok(vec![self.of.of(&made(x)?)]);
        let Tilted { x_1, scores, .. } =
            tilted(x_1, f, self.strength, (self.steps, BETA), &mut rng)?;
        let mut all = self.made.lock().expect("no holder of this lock panics");
        all.push((step, member, scores[0]));
        Ok(x_1)
    }

    /// Writes the weights; gives the effective number of members of each step, in words.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn finish(&self) -> Result<String> {
        let mut all = self.made.lock().expect("no holder of this lock panics").clone();
        all.sort_by_key(|&(step, member, _)| (step, member));
        let (mut text, mut told) = (String::from("step,member,f,weight\n"), String::new());
        for group in all.chunk_by(|a, b| a.0 == b.0) {
            let scores: Vec<f64> = group.iter().map(|one| one.2).collect();
            let weights = untilting(&scores, self.strength);
            for (&(step, member, f), weight) in group.iter().zip(&weights) {
                writeln!(text, "{},{},{f},{weight}", step + 1, member + 1)?;
            }
            let effective = effective_samples(&weights);
            writeln!(
                told,
                "step {}: {effective:.1} effective of {} members",
                group[0].0 + 1,
                group.len()
            )?;
        }
        write_whole(&self.weights, text.as_bytes())?;
        Ok(told.trim_end().to_owned())
    }
}
