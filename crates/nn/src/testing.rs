//! Contracts of layers, shared by this crate's tests.

use candle_core::{DType, Device, Tensor, Var};
use langevin_core::Seed;
use langevin_kernels::rng::Stream;

use crate::{Builder, Layer, ParamStore, Result};

/// Step of the central differences. In f64, for numbers of order one, it leaves a truncation near
/// 1e-10 and a rounding near 1e-11.
const STEP: f64 = 1e-5;
/// Far above both errors of the differences, far below a wrong term.
const TOLERANCE: f64 = 1e-7;

/// A tensor of standard normals in f64.
pub(crate) fn normal(seed: u64, shape: &[usize]) -> Tensor {
    let mut values = vec![0.0; shape.iter().product()];
    Stream::new(seed, 0, 0, 0).fill_normal(&mut values);
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// All elements, in f64.
pub(crate) fn flat(t: &Tensor) -> Vec<f64> {
    t.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

#[track_caller]
pub(crate) fn assert_close(what: &str, a: &Tensor, b: &Tensor, tolerance: f64) {
    assert_eq!(a.dims(), b.dims(), "{what}");
    for (i, (a, b)) in flat(a).into_iter().zip(flat(b)).enumerate() {
        let limit = tolerance * a.abs().max(1.0);
        assert!((a - b).abs() <= limit, "{what}: element {i} is {a}, expected {b}");
    }
}

/// A network whose parameters are standard normals over 2, so that none is at a special value (a
/// scale of 1, a shift of 0) where a test would not see it.
pub(crate) fn build<N>(dtype: DType, build: impl FnOnce(&Builder) -> Result<N>) -> (ParamStore, N) {
    let (store, network) = ParamStore::create(dtype, Seed(1), build).unwrap();
    for (i, (_, var)) in store.iter().enumerate() {
        let values = (normal(100 + i as u64, var.dims()) * 0.5).unwrap();
        var.set(&values.to_dtype(dtype).unwrap()).unwrap();
    }
    (store, network)
}

/// `⟨w, y⟩` with fixed weights.
fn project(y: &Tensor) -> Tensor {
    (y * normal(990, y.dims()).to_dtype(y.dtype()).unwrap()).unwrap().sum_all().unwrap()
}

/// Every element of every parameter has the gradient of `⟨w, f⟩` that central differences find
/// (f64).
pub(crate) fn check_parameters(store: &ParamStore, f: impl Fn() -> Tensor) {
    let gradients = project(&f()).backward().unwrap();
    for (name, var) in store.iter() {
        let gradient = gradients.get(var.as_tensor());
        let gradient = flat(gradient.unwrap_or_else(|| panic!("{name} has no gradient")));
        let values = flat(var);
        let set = |values: Vec<f64>| {
            var.set(&Tensor::from_vec(values, var.dims(), &Device::Cpu).unwrap()).unwrap();
        };
        for (i, &gradient) in gradient.iter().enumerate() {
            let at = |h: f64| {
                let mut moved = values.clone();
                moved[i] += h;
                set(moved);
                project(&f()).to_scalar::<f64>().unwrap()
            };
            let difference = (at(STEP) - at(-STEP)) / (2.0 * STEP);
            set(values.clone());
            assert!(
                (gradient - difference).abs() < TOLERANCE * difference.abs().max(1.0),
                "{name}[{i}]: gradient {gradient}, central difference {difference}"
            );
        }
        let largest = gradient.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
        assert!(largest > 1e-3, "{name} does not move the output");
    }
}

/// The dual's value has the bits of `f(0)`, its tangent is the derivative of `f(h)` at 0 and off
/// the graph.
pub(crate) fn check_dual(f: impl Fn(f64) -> Tensor, (value, tangent): (&Tensor, &Tensor)) {
    assert_eq!(value.dims(), tangent.dims());
    assert_eq!(flat(value), flat(&f(0.0)), "the dual's value is the plain value");
    assert!(!tangent.track_op(), "the tangent has a graph");
    let difference = ((f(STEP) - f(-STEP)).unwrap() / (2.0 * STEP)).unwrap();
    assert_close("tangent", tangent, &difference.detach(), TOLERANCE);
    assert!(flat(tangent).iter().any(|d| d.abs() > 1e-3), "the tangent is zero");
}

/// What [`Layer`] promises, at `x` in f64 with at least two samples.
pub(crate) fn check_layer(store: &ParamStore, layer: &impl Layer, x: &Tensor) {
    // A direction with a graph of its own, which must not reach the tangent.
    let dx = Var::from_tensor(&normal(77, x.dims())).unwrap();
    let at =
        |h: f64| layer.forward(&(x + (dx.as_detached_tensor() * h).unwrap()).unwrap()).unwrap();
    let (value, tangent) = layer.forward_dual(x, &dx).unwrap();
    check_dual(at, (&value, &tangent));
    assert!(
        layer.forward_dual(x, &dx.narrow(0, 0, 1).unwrap()).is_err(),
        "a tangent of another shape"
    );

    check_parameters(store, || layer.forward(x).unwrap());
    check_parameters(store, || layer.forward_dual(x, &dx).unwrap().0);

    // The adjoint of the input is the transpose of the tangent.
    let input = Var::from_tensor(x).unwrap();
    let gradients = project(&layer.forward(&input).unwrap()).backward().unwrap();
    let gradient = gradients.get(input.as_tensor()).expect("the input has a gradient");
    let by_adjoint = (gradient * dx.as_detached_tensor()).unwrap().sum_all().unwrap();
    assert_close("adjoint", &by_adjoint, &project(&tangent), 1e-11);

    let one = layer.forward(&x.narrow(0, 1, 1).unwrap()).unwrap();
    assert_eq!(flat(&one), flat(&value.narrow(0, 1, 1).unwrap()), "a sample knows its batch");
}

/// Values, tangents and gradients have the same bits with one thread and with two (f32).
///
/// `x` must be large enough for the kernels to share the work.
pub(crate) fn check_threads(store: &ParamStore, layer: &impl Layer, x: &Tensor) {
    let x = x.to_dtype(DType::F32).unwrap();
    same_bits_for_two_threads(store, || {
        let (value, tangent) = layer.forward_dual(&x, &(&x * 0.3).unwrap()).unwrap();
        vec![value, tangent]
    });
}

/// As [`check_threads`], of any tensors; gradients are those of the first.
pub(crate) fn same_bits_for_two_threads(store: &ParamStore, f: impl Fn() -> Vec<Tensor> + Sync) {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut all = f();
            let gradients = project(&all[0]).backward().unwrap();
            all.extend(
                store.iter().map(|(_, var)| gradients.get(var.as_tensor()).unwrap().clone()),
            );
            all.iter().map(flat).collect::<Vec<_>>()
        })
    };
    let bits = |all: Vec<Vec<f64>>| -> Vec<Vec<u64>> {
        all.into_iter().map(|t| t.into_iter().map(f64::to_bits).collect()).collect()
    };
    assert!(bits(run(1)) == bits(run(2)), "the result depends on the number of threads");
}
