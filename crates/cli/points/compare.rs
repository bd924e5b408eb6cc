//! How near generated points are to test points.

use anyhow::Result;
use langevin_core::{Purpose, Rng, Seed};
use langevin_points::record::PointCloud;
use langevin_points::space::Standardisation;
use langevin_transport::{
    energy_distance, mmd_unbiased, sliced_wasserstein, wasserstein_1, wasserstein_2,
};

/// One number with the value that real data reach against real data.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Metric {
    /// Name.
    pub name: String,
    /// Value for the samples.
    pub value: f64,
    /// The same between two independent real sets of the same size, if there are two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
}

/// Directions of the sliced distance: enough for a standard error of 5 % of the value.
const DIRECTIONS: usize = 256;
/// Bandwidths of the kernel distance in units of the root mean square spread: coarse to fine.
const BANDWIDTHS: [f64; 4] = [1.0, 0.5, 0.25, 0.125];

/// Names of all distances, as tables print them.
pub const ALL: [&str; 5] = ["W2", "W1", "sliced W2", "energy distance", "MMD²"];

/// The distances called `wanted` between two sets of points of R^d, or of unit vectors (by chord).
///
/// # Errors
/// If the sets do not fit each other.
fn distances(
    a: &PointCloud,
    b: &PointCloud,
    wanted: &[&str],
    seed: Seed,
) -> Result<Vec<(String, f64)>> {
    let d = a.dimension();
    let (x, y) = (a.points(), b.points());
    let one = |name: &str| -> Result<f64> {
        Ok(match name {
            "W2" => wasserstein_2(x, y, d)?,
            "W1" => wasserstein_1(x, y, d)?,
            "sliced W2" => sliced_wasserstein(x, y, d, &directions(d, seed)?, 2.0)?.sqrt(),
            "energy distance" => energy_distance(x, y, d)?,
            _ => {
                let spread = Standardisation::fitted(y, d).scale * (d as f64).sqrt();
                mmd_unbiased(x, y, d, &BANDWIDTHS.map(|b| b * spread))?
            }
        })
    };
    let known = ALL.iter().filter(|name| wanted.contains(name));
    known.map(|name| Ok(((*name).to_owned(), one(name)?))).collect()
}

/// Directions of the sliced distance, uniform on the sphere.
fn directions(dimension: usize, seed: Seed) -> Result<Vec<f64>> {
    let ids = langevin_core::rng::ids(0, DIRECTIONS);
    let mut rng = Rng::new(seed, Purpose::Evaluation, ids, 0);
    let normal = rng.normal(&[dimension], candle_core::DType::F64, &candle_core::Device::Cpu)?;
    Ok(unit_rows(normal.to_vec2::<f64>()?))
}

fn unit_rows(rows: Vec<Vec<f64>>) -> Vec<f64> {
    let unit = |row: Vec<f64>| {
        let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        row.into_iter().map(move |x| x / length)
    };
    rows.into_iter().flat_map(unit).collect()
}

/// Distances of `samples` from `test`, with those of the real `other` beside them.
///
/// # Errors
/// If the sets do not fit each other.
pub fn against(
    samples: &PointCloud,
    test: &PointCloud,
    other: Option<&PointCloud>,
    wanted: &[&str],
    seed: Seed,
) -> Result<Vec<Metric>> {
    let floors = other.map(|other| distances(other, test, wanted, seed)).transpose()?;
    let metric = |(i, (name, value)): (usize, (String, f64))| {
        let floor = floors.as_ref().map(|floors: &Vec<(String, f64)>| floors[i].1);
        Metric { name, value, floor }
    };
    Ok(distances(samples, test, wanted, seed)?.into_iter().enumerate().map(metric).collect())
}
