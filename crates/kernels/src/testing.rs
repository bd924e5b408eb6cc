//! Oracles shared by this crate's tests.

use crate::real::Real;
use crate::rng::Stream;
use candle_core::{Device, Result, Tensor, Var};

/// Standard normals from a seed.
pub(crate) fn numbers<T: Real>(seed: u64, len: usize) -> Vec<T> {
    let mut stream = Stream::new(seed, 0, 0, 0);
    (0..len).map(|_| T::of(stream.normal())).collect()
}

/// A tensor of standard normals.
pub(crate) fn normal<T: Real>(seed: u64, shape: &[usize]) -> Tensor {
    Tensor::from_vec(numbers::<T>(seed, shape.iter().product()), shape, &Device::Cpu).unwrap()
}

/// All elements, in double precision.
pub(crate) fn flat(t: &Tensor) -> Vec<f64> {
    t.flatten_all().unwrap().to_dtype(candle_core::DType::F64).unwrap().to_vec1().unwrap()
}

/// Largest difference of two tensors of one shape.
pub(crate) fn distance(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.dims(), b.dims());
    flat(a).iter().zip(flat(b)).fold(0.0, |m, (a, b)| {
        let d = (a - b).abs();
        if d.is_nan() { f64::NAN } else { f64::max(m, d) }
    })
}

#[track_caller]
pub(crate) fn assert_close(what: &str, a: &Tensor, b: &Tensor, tolerance: f64) {
    let d = distance(a, b);
    assert!(d <= tolerance, "{what}: differs by {d:.3e}, more than {tolerance:.0e}");
}

/// Checks adjoint and tangent of `f` at `inputs` (f64) in random directions.
///
/// With `L = ⟨w, f(x)⟩` and a direction `d`: ⟨∇L, d⟩ from the adjoint must equal the central
/// difference of L. Step 1e-5 leaves a truncation near 1e-10 and a rounding near 1e-11 for values
/// of order one; the tolerance, 1e-7 of |∇L| (the size ⟨∇L, d⟩ has for a random d), is far above
/// both and far below any wrong term.
pub(crate) fn check_adjoint(inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Result<Tensor>) {
    let vars: Vec<Var> = inputs.iter().map(|t| Var::from_tensor(t).unwrap()).collect();
    let tracked: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
    let y = f(&tracked).unwrap();
    let w = normal::<f64>(991, y.dims());
    let grads = (&y * &w).unwrap().sum_all().unwrap().backward().unwrap();
    let loss = |x: &[Tensor]| -> f64 {
        (f(x).unwrap() * &w).unwrap().sum_all().unwrap().to_scalar().unwrap()
    };
    for (i, var) in vars.iter().enumerate() {
        let grad = grads.get(var).unwrap_or_else(|| panic!("input {i} has no gradient"));
        assert_eq!(grad.dims(), var.dims(), "gradient of input {i}");
        for trial in 0..3 {
            let d = normal::<f64>(31 * trial + i as u64, var.dims());
            let shifted = |h: f64| {
                let mut x = inputs.to_vec();
                x[i] = (&x[i] + (&d * h).unwrap()).unwrap();
                loss(&x)
            };
            let h = 1e-5;
            let difference = (shifted(h) - shifted(-h)) / (2.0 * h);
            let adjoint: f64 = (grad * &d).unwrap().sum_all().unwrap().to_scalar().unwrap();
            let size: f64 = grad.sqr().unwrap().sum_all().unwrap().to_scalar().unwrap();
            let scale = difference.abs().max(size.sqrt()).max(1.0);
            assert!(
                (adjoint - difference).abs() < 1e-7 * scale,
                "input {i}: adjoint {adjoint}, central difference {difference}"
            );
        }
    }
}

/// Checks ⟨w, tangent⟩ = ⟨∇⟨w, f⟩, dx⟩ and that the value is f's, for the dual of one input (f64).
pub(crate) fn check_tangent(
    x: &Tensor,
    f: impl Fn(&Tensor) -> Result<Tensor>,
    dual: impl Fn(&Tensor, &Tensor) -> Result<(Tensor, Tensor)>,
) {
    let var = Var::from_tensor(x).unwrap();
    let dx = normal::<f64>(77, x.dims());
    let y = f(var.as_tensor()).unwrap();
    let (value, tangent) = dual(x, &dx).unwrap();
    assert_eq!(flat(&value), flat(&y), "the dual's value is the plain value");
    let w = normal::<f64>(992, y.dims());
    let grads = (&y * &w).unwrap().sum_all().unwrap().backward().unwrap();
    let grad = grads.get(&var).expect("the input has a gradient");
    let by_adjoint: f64 = (grad * &dx).unwrap().sum_all().unwrap().to_scalar().unwrap();
    let by_tangent: f64 = (tangent * &w).unwrap().sum_all().unwrap().to_scalar().unwrap();
    let scale = by_adjoint.abs().max(1.0);
    assert!((by_adjoint - by_tangent).abs() < 1e-11 * scale, "{by_adjoint} ≠ {by_tangent}");
}

/// Runs `f` on pools of 1, 2 and 3 threads and requires the same bits.
pub(crate) fn check_threads(f: impl Fn() -> Vec<Tensor> + Sync) {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| f().iter().map(flat).collect::<Vec<_>>())
    };
    let one = run(1);
    for threads in [2, 3] {
        let many = run(threads);
        for (i, (a, b)) in one.iter().zip(&many).enumerate() {
            assert!(
                a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits()),
                "result {i} depends on the number of threads"
            );
        }
    }
}
