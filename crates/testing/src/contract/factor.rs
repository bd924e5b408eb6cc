//! The promises of a factor.

use candle_core::{DType, Device, Tensor};
use langevin_core::rng::ids;
use langevin_core::{Factor, Path, PathPoint, Purpose, Result, Rng, Seed, Times};

use super::values;
use crate::assert_within;

fn stream(first: u64, n: usize) -> Rng {
    Rng::new(Seed(17), Purpose::Data, ids(first, n), 0)
}

/// Shapes fit, a path point's own clean end costs nothing and implies its velocity, following its velocity for no time stays,
/// a jump with the true end reaches it at t = 0, and samples do not meet.
///
/// # Panics
/// With the first promise that does not hold.
pub fn factor(factor: &dyn Factor, path: &dyn Path) {
    let n = 6;
    let draw =
        |rng: &mut Rng| factor.reference(DType::F64, &Device::Cpu, rng).expect("a reference");
    let mut all = stream(0, n);
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
            let home = home.expect("a point");
            // Only along tangents: where these have no translation, nor does the way home.
            let miss = (&x_0 - &home).expect("one shape");
            let turns = if factor.kind() == "Torus" { miss.round() } else { miss.zeros_like() };
            let miss = (miss - turns.expect("numbers")).expect("one shape");
            let miss = values(&factor.transport(&home, &home, &miss).expect("a tangent"));
            assert!(miss.iter().all(|m| m.abs() < 1e-6), "a jump home misses by {miss:?}");
        }
        let same = factor.blend(&point.x_t, &[(1.0, &point.x_t, &point.clean)]).expect("a blend");
        let gap = values(&(same - &point.clean).expect("one shape"));
        assert!(gap.iter().all(|g| g.abs() < 1e-9), "one estimate is not its own blend");
    }

    if !x_0.dtype().is_float() {
        categories(factor, path, &x_0, &point);
    }
    let estimate = if x_0.dtype().is_float() { point.clean.clone() } else { certain(factor, &x_0) };
    alone(factor, path, [&x_0, &x_1, &point.x_t, &estimate]);
}

/// A certain estimate costs nothing, is its own blend, and brings every variable home in one jump; what
/// shows the clean class on the path shows nothing else than it or the reference.
fn categories(factor: &dyn Factor, path: &dyn Path, x_0: &Tensor, point: &PathPoint) {
    let n = x_0.dim(0).expect("samples");
    let sure = certain(factor, x_0);
    let mut expected = vec![n];
    expected.extend(factor.estimate_shape());
    assert_eq!(sure.dims(), expected, "shape of an estimate");
    let loss = factor.clean_loss(&sure, point).expect("a loss");
    assert_eq!(loss.dims(), [n], "one loss per sample");
    assert!(values(&loss).iter().all(|&l| l.abs() < 1e-12), "the truth has a loss");
    let same = factor.blend(&point.x_t, &[(1.0, &point.x_t, &sure)]).expect("a blend");
    let gap = values(&(same.exp().expect("p") - sure.exp().expect("p")).expect("one shape"));
    assert!(gap.iter().all(|g| g.abs() < 1e-12), "one estimate is not its own blend");
    for tau in [0.0, 0.5, 1.0] {
        let mut rng = stream(0, n);
        let home = factor.jump(&point.x_t, &sure, &path.transition(0.4, 0.0, tau), &mut rng);
        near("a jump home", factor, &home.expect("classes"), x_0, 0.0);
    }
    let t = Times::all(n, 0.4);
    let rates = factor.velocity(path, &point.x_t, &sure, &t).expect("rates");
    assert!(values(&rates).iter().all(|&r| r >= 0.0), "a rate is negative");
    let still = factor.follow(&point.x_t, &rates, &Times::all(n, 0.0), &mut stream(0, n));
    near("standing still", factor, &still.expect("classes"), &point.x_t, 0.0);
}

/// Log-probabilities that leave no doubt about `x_0`.
fn certain(factor: &dyn Factor, x_0: &Tensor) -> Tensor {
    let classes = *factor.estimate_shape().last().expect("classes") as u32;
    let one_hot = || -> candle_core::Result<Tensor> {
        let all = Tensor::arange(0, classes, x_0.device())?;
        let hot = x_0.unsqueeze(2)?.broadcast_eq(&all)?.to_dtype(DType::F64)?;
        hot.affine(1e3, -1e3)
    };
    one_hot().expect("a tensor")
}

/// Asked of x_0, x_1, x_t and an estimate there, one time per sample.
type Question<'a> = dyn Fn([&Tensor; 4], &Times, &mut Rng) -> Result<Tensor> + 'a;

/// Samples 2 and 3 alone, from the same streams, are what they were in the batch, whatever is asked. What a
/// factor has no answer to it must refuse either way.
fn alone(factor: &dyn Factor, path: &dyn Path, parts: [&Tensor; 4]) {
    let n = parts[0].dim(0).expect("samples");
    let same = |what: &str, ask: &Question<'_>| {
        let all = ask(parts, &Times::all(n, 0.4), &mut stream(0, n));
        let two = parts.map(|part| part.narrow(0, 2, 2).expect("rows"));
        let two = ask(two.each_ref(), &Times::all(2, 0.4), &mut stream(2, 2));
        match (all, two) {
            (Ok(all), Ok(two)) => {
                let within = all.narrow(0, 2, 2).expect("rows");
                assert_eq!(
                    values(&two),
                    values(&within),
                    "{what} of a sample depends on its batch"
                );
            }
            (Err(_), Err(_)) => {}
            (all, two) => panic!("{what}: {all:?} in a batch, {two:?} alone"),
        }
    };
    same("the reference", &|_, _, rng| factor.reference(DType::F64, &Device::Cpu, rng));
    same("a path point", &|[x_0, x_1, _, _], t, rng| {
        Ok(factor.path_point(path, x_0, x_1, t, rng)?.x_t)
    });
    same("the clean end", &|[x_0, x_1, _, _], t, rng| {
        Ok(factor.path_point(path, x_0, x_1, t, rng)?.clean)
    });
    same("the velocity", &|[_, _, x, estimate], t, _| factor.velocity(path, x, estimate, t));
    same("the score", &|[_, _, x, estimate], t, _| factor.score(path, x, estimate, t));
    same("following", &|[_, _, x, estimate], t, rng| {
        let u = factor.velocity(path, x, estimate, t)?;
        factor.follow(x, &u, &Times::all(t.len(), -0.1), rng)
    });
    same("blending", &|[x_0, _, x, estimate], _, _| {
        factor.blend(x, &[(1.5, x, estimate), (-0.5, x_0, estimate)])
    });
    for tau in [0.0, 0.5, 1.0] {
        same("a jump", &|[_, _, x, estimate], _, rng| {
            factor.jump(x, estimate, &path.transition(0.4, 0.2, tau), rng)
        });
    }
    same("renoising", &|[_, _, x, _], _, rng| factor.renoise(path, x, 0.4, 0.6, 1.0, rng));
    same("a Langevin step", &|[_, _, x, estimate], t, rng| {
        factor.langevin(path, x, estimate, t, 1e-3, rng)
    });
    same("projection", &|[_, _, x, _], _, _| factor.project(x));
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
