//! One score of an ensemble in raw files, for comparison with other programs: `benches/peers/scores.py`.
//!
//! ```text
//! scores NAME MEMBERS CELLS ENSEMBLE OBSERVED OUT REPETITIONS [PARAMETER...]
//! ```
//!
//! `ENSEMBLE` holds members × cells numbers, `OBSERVED` one per cell, little-endian `f64`. `OUT` gets the result in the
//! same form; printed are the milliseconds of the computation alone, the median of the repetitions.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use langevin_uq::fss::Padding;
use langevin_uq::{Estimator, UqError};
use langevin_uq::{
    brier, correlation, crps, energy, fss, quantiles, rank, roc, significance, spread, variogram,
};
use ndarray::{ArrayView1, ArrayView2, Axis};

fn read(path: &Path) -> std::io::Result<Vec<f64>> {
    let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().expect("chunks have 8 bytes"));
    Ok(std::fs::read(path)?.chunks_exact(8).map(number).collect())
}

fn write(path: &Path, values: &[f64]) -> std::io::Result<()> {
    std::fs::write(path, values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

/// The score `name` of `x` against `y`; `p` are its parameters.
fn score(
    name: &str,
    x: ArrayView2<f64>,
    y: ArrayView1<f64>,
    p: &[f64],
) -> Result<Vec<f64>, UqError> {
    let (fair, standard) = (Estimator::Fair, Estimator::Standard);
    let first = x.row(0);
    let cells = match name {
        "crps_fair" => crps::crps(x, y, fair)?,
        "crps_standard" => crps::crps(x, y, standard)?,
        "crps_above_fair" => crps::crps_above(x, y, p[0], fair)?,
        "crps_above_standard" => crps::crps_above(x, y, p[0], standard)?,
        "brier_fair" => brier::brier_of_ensemble(x, y, p[0], fair)?,
        "brier_standard" => brier::brier_of_ensemble(x, y, p[0], standard)?,
        "mean" => spread::ensemble_mean(x)?,
        "variance" => spread::ensemble_variance(x)?,
        _ => return aggregate(name, x, y, first, p),
    };
    Ok(cells.into_raw_vec_and_offset().0)
}

/// Scores over all cells.
fn aggregate(
    name: &str,
    x: ArrayView2<f64>,
    y: ArrayView1<f64>,
    first: ArrayView1<f64>,
    p: &[f64],
) -> Result<Vec<f64>, UqError> {
    let (fair, standard) = (Estimator::Fair, Estimator::Standard);
    Ok(match name {
        "energy_fair" => vec![energy::energy_score(x, y, None, fair)?],
        "energy_standard" => vec![energy::energy_score(x, y, None, standard)?],
        "variogram_fair" => vec![variogram::variogram_score(x, y, p[0], None, fair)?],
        "variogram_standard" => vec![variogram::variogram_score(x, y, p[0], None, standard)?],
        "rank_histogram" => {
            let ranks = rank::ranks(x, y, &mut || 0.0)?;
            let histogram = rank::RankHistogram::new(&ranks, x.nrows())?;
            histogram.counts().iter().map(|&count| count as f64).collect()
        }
        "roc_area" => {
            let events = brier::exceedance(y.insert_axis(Axis(0)), p[0])?;
            vec![roc::roc_area(brier::exceedance(x, p[0])?.view(), events.view(), None)?]
        }
        "fss" => {
            let side = p[2] as usize;
            let field = |values: ArrayView1<f64>| {
                let cells = values.to_vec();
                ndarray::Array2::from_shape_vec((side, cells.len() / side), cells)
                    .expect("the side divides the cells")
            };
            let (forecast, observed) = (field(first), field(y));
            let window = p[1] as usize;
            let (forecast, observed) = (forecast.view(), observed.view());
            vec![fss::fractions(forecast, observed, p[0], window, Padding::Interior)?.score()]
        }
        "rmse" => vec![correlation::rmse(first, y, None)?],
        "mae" => vec![correlation::mae(first, y, None)?],
        "bias" => vec![correlation::bias(first, y, None)?],
        "pearson" => vec![correlation::pearson(first, y, None)?],
        "quantiles" => quantiles::quantiles(y, p)?,
        "diebold_mariano" => {
            let differences: Vec<f64> = first.iter().zip(y).map(|(a, b)| a - b).collect();
            let test = significance::diebold_mariano(&differences, 1, 0)?;
            vec![test.mean, test.statistic, test.p_value]
        }
        _ => return Err(UqError::Empty { what: "score of that name" }),
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, members, cells, ensemble, observed, out, repetitions, parameters @ ..] =
        &arguments[..]
    else {
        return Err("expected NAME MEMBERS CELLS ENSEMBLE OBSERVED OUT REPETITIONS".into());
    };
    let parameters: Vec<f64> = parameters.iter().map(|p| p.parse()).collect::<Result<_, _>>()?;
    let (ensemble, observed) = (read(Path::new(ensemble))?, read(Path::new(observed))?);
    let x = ArrayView2::from_shape((members.parse()?, cells.parse()?), &ensemble)?;
    let y = ArrayView1::from(&observed[..]);
    let mut milliseconds = Vec::new();
    let mut result = Vec::new();
    for _ in 0..repetitions.parse::<usize>()?.max(1) {
        let start = Instant::now();
        result = score(name, x, y, &parameters)?;
        milliseconds.push(start.elapsed().as_secs_f64() * 1e3);
    }
    milliseconds.sort_by(f64::total_cmp);
    write(Path::new(out), &result)?;
    println!("{:.3}", milliseconds[milliseconds.len() / 2]);
    Ok(())
}
