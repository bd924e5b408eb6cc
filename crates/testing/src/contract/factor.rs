//! The promises of a factor.

use candle_core::{DType, Device, Tensor};
use langevin_core::rng::ids;
use langevin_core::{Factor, Path, Purpose, Rng, Seed, Times};

use super::values;
use crate::assert_within;

/// Shapes fit, a path point's own clean end costs nothing and implies its velocity, following its velocity for no time stays,
/// a jump with the true end reaches it at t = 0, and samples do not meet.
///
/// # Panics
/// With the first promise that does not hold.
pub fn factor(factor: &dyn Factor, path: &dyn Path) {
    let n = 6;
    let rng = |first: u64, n: usize| Rng::new(Seed(17), Purpose::Data, ids(first, n), 0);
    let draw =
        |rng: &mut Rng| factor.reference(DType::F64, &Device::Cpu, rng).expect("a reference");
    let mut all = rng(0, n);
    let (x_0, x_1) = (known(factor, draw(&mut all)), draw(&mut all));
    assert_eq!(&x_0.dims()[1..], factor.shape(), "shape of the reference");
    let t = Times::all(n, 0.4);
    let point = factor.path_point(path, &x_0, &x_1, &t, &mut all).expect("a path point");
    assert_eq!(&point.x_t.dims()[1..], factor.shape(), "shape of x_t");

    let distances = factor.squared_distances(&x_0, &x_0).expect("distances");
    for i in 0..n {
        assert_within("distance of a point to itself", distances[i * n + i], 0.0, 1e-12);
    }
    if x_0.dtype().is_float() {
        assert_eq!(&point.clean.dims()[1..], factor.estimate_shape(), "shape of the clean end");
        let loss = factor.clean_loss(&point.clean, &point).expect("a loss");
        assert_eq!(loss.dims(), [n], "one loss per sample");
        assert!(values(&loss).iter().all(|&l| l.abs() < 1e-12), "the truth has a loss");
        // Two readings of one thing, also where the path has noise of its own.
        let implied = factor.velocity(path, &point.x_t, &point.clean, &t).expect("a velocity");
        let gap = values(&(implied - &point.velocity).expect("one shape"));
        assert!(gap.iter().all(|g| g.abs() < 1e-9), "the clean end implies another velocity");
        let still = factor.follow(&point.x_t, &point.velocity, &Times::all(n, 0.0), &mut all);
        near("standing still", factor, &still.expect("a point"), &point.x_t, 1e-12);
        if !(path.has_own_noise() && factor.takes_own_noise()) {
            let transition = path.transition(0.4, 0.0, 0.0);
            let home = factor.jump(&point.x_t, &point.clean, &transition, &mut all);
            near("a jump home", factor, &home.expect("a point"), &x_0, 1e-6);
        }
        let same = factor.blend(&point.x_t, &[(1.0, &point.x_t, &point.clean)]).expect("a blend");
        let gap = values(&(same - &point.clean).expect("one shape"));
        assert!(gap.iter().all(|g| g.abs() < 1e-9), "one estimate is not its own blend");
    }

    // Samples 2 and 3 alone, from the same streams, are what they were in the batch.
    let (mut some, mut again) = (rng(2, 2), rng(0, n));
    let (alone, within) = (draw(&mut some), draw(&mut again).narrow(0, 2, 2).expect("rows"));
    assert_eq!(values(&alone), values(&within), "the reference of a sample depends on its batch");
}

/// A reference as data: a mask is no datum.
fn known(factor: &dyn Factor, x: Tensor) -> Tensor {
    if x.dtype().is_float() {
        return x;
    }
    let classes = *factor.estimate_shape().last().expect("classes") as u32;
    let rows = x.to_vec2::<u32>().expect("classes");
    let rows: Vec<Vec<u32>> = rows
        .iter()
        .enumerate()
        .map(|(i, row)| (0..row.len()).map(|j| ((i + j) as u32) % classes).collect())
        .collect();
    Tensor::new(rows, x.device()).expect("a tensor")
}

#[track_caller]
fn near(what: &str, factor: &dyn Factor, a: &Tensor, b: &Tensor, tolerance: f64) {
    let n = a.dim(0).expect("samples");
    let distances = factor.squared_distances(a, b).expect("distances");
    for i in 0..n {
        assert_within(what, distances[i * n + i].sqrt(), 0.0, tolerance);
    }
}
