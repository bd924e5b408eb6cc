//! Point observations that members are to agree with.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use langevin_climate::axis::Axis;
use langevin_climate::grid::Grid;
use langevin_climate::weights::between_centres;
use langevin_core::{Purpose, Rng, SampleId, Seed, State};
use langevin_datasets::TextTable;
use langevin_diffusion::guidance::observed;
use ndarray::Array2;

use super::binding::Binding;
use crate::{bad_input, refused};

/// Columns of the table; of a grid that is not one of latitudes and longitudes, y and x.
const COLUMNS: [&str; 5] = ["lat", "lon", "time", "value", "error"];

/// One of them.
#[derive(Debug, Clone)]
struct Observation {
    /// Step of time, from 0.
    step: usize,
    /// Fine cells that it is made of, `(row, column)`.
    cells: Vec<((usize, usize), f64)>,
    value: f64,
    /// Its standard deviation.
    error: f64,
    held_out: bool,
    made: Made,
}

/// What members had there, before and after they were asked.
#[derive(Debug, Clone, Copy, Default)]
struct Made {
    count: f64,
    sums: [f64; 2],
    squares: [f64; 2],
}

/// A table of observations bound to a grid.
#[derive(Debug)]
pub struct Observations {
    all: Mutex<Vec<Observation>>,
    steps: usize,
    seed: Seed,
}

/// How observations are used.
#[derive(Debug, Clone, clap::Args)]
pub struct ObservationArgs {
    /// CSV file of points that members are to agree with: lat, lon (or y, x), time in the unit of the input's, value,
    /// error. For models of one step.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["method", "resume"])]
    observations: Option<PathBuf>,
    /// Part of the observations that is not shown and compared with, every so manyth of the file.
    #[arg(long, value_name = "PART", default_value_t = 0.0, value_parser = part, requires = "observations")]
    hold_out: f64,
    /// Steps of descent towards the observations.
    #[arg(long, value_name = "N", default_value_t = 60, requires = "observations")]
    descent: usize,
}

fn part(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x: &f64| (0.0..1.0).contains(x));
    number.ok_or_else(|| "allowed: 0 to below 1".into())
}

impl ObservationArgs {
    /// The observations on the fine grid, whose steps have these times.
    ///
    /// # Errors
    /// A table that cannot be read, or a point outside of the grid.
    pub fn read(&self, fine: &Grid, times: &[f64], seed: Seed) -> Result<Option<Observations>> {
        let Some(path) = &self.observations else { return Ok(None) };
        let table = TextTable::read(path).map_err(bad_input)?;
        let [y, x] = if table.column("lat").is_ok() { ["lat", "lon"] } else { ["y", "x"] };
        let [_, _, time, value, error] = COLUMNS;
        let column = |name: &str| table.column(name).map_err(bad_input);
        let columns = [column(y)?, column(x)?, column(time)?, column(value)?, column(error)?];
        let mut all = Vec::new();
        for row in 0..table.len() {
            let mut numbers = [0.0; 5];
            for (number, &column) in numbers.iter_mut().zip(&columns) {
                match table.number(row, column).map_err(bad_input)? {
                    Some(found) => *number = found,
                    None => {
                        return refused(format!(
                            "{}, line {}: found nothing, allowed: a number",
                            path.display(),
                            table.line(row)
                        ));
                    }
                }
            }
            let count = all.len() as f64 + 1.0;
            let held_out =
                (count * self.hold_out) as usize > ((count - 1.0) * self.hold_out) as usize;
            all.push(observation(path, table.line(row), numbers, fine, times, held_out)?);
        }
        Ok(Some(Observations { all: Mutex::new(all), steps: self.descent, seed }))
    }
}

/// A row of the table: y, x, time, value, error.
fn observation(
    path: &Path,
    line: usize,
    [y, x, time, value, error]: [f64; 5],
    fine: &Grid,
    times: &[f64],
    held_out: bool,
) -> Result<Observation> {
    let path = path.display();
    if error <= 0.0 {
        return refused(format!(
            "{path}, line {line}: found an error of {error}, allowed: a positive number"
        ));
    }
    let (Some(rows), Some(columns)) = (place(&fine.y, y), place(&fine.x, x)) else {
        return refused(format!(
            "{path}, line {line}: found the point {y}, {x}, allowed: points of the grid"
        ));
    };
    let nearest = (0..times.len())
        .min_by(|&a, &b| (times[a] - time).abs().total_cmp(&(times[b] - time).abs()));
    let spacing =
        times.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(f64::INFINITY, f64::min);
    let Some(step) =
        nearest.filter(|&step| times.len() == 1 || (times[step] - time).abs() <= 0.5 * spacing)
    else {
        return refused(format!(
            "{path}, line {line}: found the time {time}, allowed: within half a step of the input's"
        ));
    };
    let both = |&(i, a): &(usize, f64)| {
        columns.iter().map(move |&(j, b)| ((i, j), a * b)).collect::<Vec<_>>()
    };
    let cells = rows.iter().flat_map(both).collect();
    Ok(Observation { step, cells, value, error, held_out, made: Made::default() })
}

/// The cells between whose centres `at` lies, if it lies in a cell.
fn place(axis: &Axis, at: f64) -> Option<Vec<(usize, f64)>> {
    let bounds = axis.bounds();
    let (a, b) = (bounds[0].min(bounds[bounds.len() - 1]), bounds[0].max(bounds[bounds.len() - 1]));
    let at = match axis.period() {
        Some(period) => a + (at - a).rem_euclid(period),
        None => at,
    };
    (at >= a && at <= b).then(|| between_centres(axis, at))
}

impl Observations {
    /// Reference samples whose fields agree with what is shown at `step`.
    ///
    /// # Errors
    /// Those of `made`.
    pub fn met(
        &self,
        x_1: &State,
        (step, member): (usize, usize),
        binding: &Binding,
        made: impl Fn(&State) -> langevin_core::Result<State>,
    ) -> langevin_core::Result<State> {
        let all = self.all.lock().expect("no holder of this lock panics").clone();
        let mut shown =
            all.into_iter().filter(|one| one.step == step && !one.held_out).collect::<Vec<_>>();
        if shown.is_empty() {
            return Ok(x_1.clone());
        }
        let id = SampleId(member as u64);
        let mut rng = Rng::new(self.seed, Purpose::Probe, vec![id], step as u32);
        let errors = rng
            .normal(&[shown.len()], DType::F64, &Device::Cpu)?
            .flatten_all()?
            .to_vec1::<f64>()?;
        for (one, error) in shown.iter_mut().zip(errors) {
            one.value += one.error * error;
        }
        let wanted = Wanted::new(&shown, binding)?;
        Ok(observed(x_1, |x| wanted.residuals(&made(x)?), self.steps)?.x_1)
    }

    /// Remembers what a member had and has at every observation.
    pub fn tally(&self, step: usize, before: &Array2<f32>, after: &Array2<f32>) {
        let mut all = self.all.lock().expect("no holder of this lock panics");
        for one in all.iter_mut().filter(|one| one.step == step) {
            one.made.count += 1.0;
            for (k, field) in [before, after].into_iter().enumerate() {
                let value: f64 =
                    one.cells.iter().map(|&(cell, w)| w * f64::from(field[cell])).sum();
                one.made.sums[k] += value;
                one.made.squares[k] += value * value;
            }
        }
    }

    /// Errors at the observations that were shown and at those that were not, in words.
    pub fn told(&self) -> String {
        let all = self.all.lock().expect("no holder of this lock panics");
        let line = |held_out: bool| {
            let own = all.iter().filter(|one| one.held_out == held_out && one.made.count > 0.0);
            let own: Vec<&Observation> = own.collect();
            let kind = if held_out { "held out" } else { "shown" };
            if own.is_empty() {
                return format!("observations {kind}: none");
            }
            let n = own.len() as f64;
            let of = |k: usize| {
                let mean = |one: &&&Observation| one.made.sums[k] / one.made.count;
                let error: f64 = own.iter().map(|one| (mean(&one) - one.value).powi(2)).sum();
                let variance =
                    |one: &&Observation| one.made.squares[k] / one.made.count - mean(&one).powi(2);
                let spread: f64 = own.iter().map(|one| variance(one).max(0.0)).sum();
                ((error / n).sqrt(), (spread / n).sqrt())
            };
            let ((error, spread), (after, spread_after)) = (of(0), of(1));
            format!(
                "observations {kind}: {}; RMSE of the mean {error:.4} before, {after:.4} after; spread {spread:.4}, {spread_after:.4}",
                own.len()
            )
        };
        format!("{}\n{}", line(false), line(true))
    }
}

/// Observations as a linear map of states.
struct Wanted {
    cells: Tensor,
    weights: Tensor,
    values: Tensor,
    errors: Tensor,
}

impl Wanted {
    fn new(shown: &[Observation], binding: &Binding) -> candle_core::Result<Self> {
        let most = shown.iter().map(|one| one.cells.len()).max().unwrap_or(1);
        let (mut cells, mut weights, mut values, mut errors) = (vec![], vec![], vec![], vec![]);
        let (before, (_, own)) = (binding.before(), binding.shape());
        let width = own + 2 * before;
        for one in shown {
            let padding = std::iter::repeat(((0, 0), 0.0));
            for ((i, j), weight) in one.cells.iter().copied().chain(padding).take(most) {
                cells.push((i * width + before + j) as u32);
                weights.push(weight);
            }
            let [factor, mean] = binding.standard(&one.cells);
            values.push(one.value * factor - mean);
            errors.push(one.error * factor);
        }
        let (n, device) = (shown.len(), &Device::Cpu);
        Ok(Self {
            cells: Tensor::from_vec(cells, n * most, device)?,
            weights: Tensor::from_vec(weights, (n, most), device)?,
            values: Tensor::from_vec(values, n, device)?,
            errors: Tensor::from_vec(errors, n, device)?,
        })
    }

    /// `[1, K]`
    fn residuals(&self, made: &State) -> langevin_core::Result<Tensor> {
        let field = made.part(0).to_dtype(DType::F64)?.flatten_all()?;
        let cells = field.index_select(&self.cells, 0)?.reshape(self.weights.shape())?;
        let values = (cells * &self.weights)?.sum(1)?;
        Ok(((values - &self.values)? / &self.errors)?.unsqueeze(0)?)
    }
}
