//! Negative log-likelihood of test points under a trained model.

use std::collections::HashSet;
use std::ops::Range;

use anyhow::Result;
use candle_core::DType;
use langevin_core::{Purpose, Rng, Seed};
use langevin_diffusion::information::InformationConfig;
use langevin_diffusion::likelihood::Likelihood;
use langevin_points::metrics::mean_and_sd;
use langevin_points::record::PointCloud;
use rayon::prelude::*;

use super::compare::Metric;
use super::data::Dataset;
use super::trained::Trained;
use crate::bad_input;

/// ln p of each point, in nats per unit of the data's volume (of area on the sphere).
///
/// # Errors
/// If the flow cannot be solved.
pub fn log_densities(
    trained: &Trained,
    likelihood: &Likelihood,
    points: &PointCloud,
    seed: Seed,
    chunk: usize,
) -> Result<Vec<f64>> {
    let count = points.len();
    let ranges: Vec<Range<usize>> =
        (0..count).step_by(chunk).map(|start| start..(start + chunk).min(count)).collect();
    let labels = (trained.experiment.data.classes > 0).then(|| points.labels()).flatten();
    let one = |rows: &Range<usize>| -> Result<Vec<f64>> {
        let d = points.dimension();
        let own = &points.points()[rows.start * d..rows.end * d];
        let x = trained.domain.encode_rows(own, DType::F64)?;
        let denoiser = trained.denoiser(labels.map(|l| &l[rows.clone()]), rows.len())?;
        let ids = langevin_core::rng::ids(rows.start as u64, rows.len());
        let rng = Rng::new(seed, Purpose::Probe, ids, 0);
        let found = likelihood.log_densities(&trained.process, &denoiser, &x, &rng)?;
        let shift = trained.domain.log_volume();
        Ok(found.values.iter().map(|v| v + shift).collect())
    };
    let chunks: Vec<Vec<f64>> = ranges.par_iter().map(one).collect::<Result<_>>()?;
    Ok(chunks.concat())
}

/// Mutual information I(x; label) of the test points and their labels, by I-MMSE.
///
/// # Errors
/// If the space has no white noise, or the denoisers fail.
pub fn information(trained: &Trained, test: &PointCloud, seed: Seed) -> Result<Metric> {
    let x_0 = trained.domain.encode_rows(test.points(), DType::F64)?;
    let known = trained.denoiser(test.labels(), test.len())?;
    let blind = trained.denoiser(None, test.len())?;
    let ids = langevin_core::rng::ids(0, test.len());
    let rng = Rng::new(seed, Purpose::Evaluation, ids, 0);
    // The levels that matter are those at which noise is as large as the data.
    let location = -trained.domain.variance.ln();
    let information = InformationConfig { location, ..InformationConfig::default() };
    let information = information.build().map_err(bad_input)?;
    let found = information.mutual(&trained.process, &known, &blind, &x_0, &rng)?;
    Ok(Metric { name: "information of points and labels".into(), value: found.nats, floor: None })
}

/// Mean negative log-likelihood of `test`, and of those of its points whose position was not trained on.
///
/// Catalogues repeat positions: of 827 volcano eruptions 267 are distinct. Copies of training points among
/// the test points reward spikes without bound, so both numbers are given where they differ. Where the
/// law is known, its own value stands beside as the floor.
///
/// # Errors
/// If the flow cannot be solved.
pub fn negative_log_likelihood(
    trained: &Trained,
    likelihood: &Likelihood,
    data: &Dataset,
    test: &PointCloud,
    seed: Seed,
    chunk: usize,
) -> Result<Vec<Metric>> {
    let values = log_densities(trained, likelihood, test, seed, chunk)?;
    let mean = |values: &[f64]| -mean_and_sd(values).0;
    let law = data.law().map(|law| law.build()).transpose()?;
    let exact: Option<Vec<f64>> =
        law.and_then(|law| test.rows().map(|row| law.log_density(row)).collect());
    let metric = |name: &str, value, floor| Metric { name: name.into(), value, floor };
    let mut metrics = vec![metric("NLL", mean(&values), exact.as_deref().map(mean))];
    if let (Some(train), None) = (&data.train, data.law()) {
        let bits = |row: &[f64]| row.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let seen: HashSet<Vec<u64>> = train.rows().map(bits).collect();
        let new: Vec<f64> = test
            .rows()
            .zip(&values)
            .filter(|(row, _)| !seen.contains(&bits(row)))
            .map(|(_, value)| *value)
            .collect();
        // With no such point there is no such number, and the table says so.
        let own = if new.is_empty() { f64::NAN } else { mean(&new) };
        let share = format!("NLL, {} positions not trained on", new.len());
        metrics.push(metric(&share, own, None));
    }
    Ok(metrics)
}
