//! Composed operations, and the kernels of GPUs between their products, against the kernels of CPUs: values, gradients and
//! tangents in double precision.

use candle_core::{DType, Device, Result, Tensor, Var};

use super::*;
use crate::activation::{ALL, Activation};
use crate::conv::Conv2d;
use crate::testing::*;
use crate::twins::emulated::emulating;
use crate::{PairWeights, SparseRows};

/// Values, and gradients of a weighted sum of them.
fn value_and_gradients(
    inputs: &[Tensor],
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
) -> (Tensor, Vec<Tensor>) {
    let vars: Vec<Var> = inputs.iter().map(|x| Var::from_tensor(x).unwrap()).collect();
    let tracked: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
    let y = f(&tracked).unwrap();
    let weighted = (&y * normal::<f64>(5, y.dims())).unwrap();
    let grads = weighted.sum_all().unwrap().backward().unwrap();
    let of = |var: &Var| grads.get(var).expect("every input is used").clone();
    (y, vars.iter().map(of).collect())
}

#[track_caller]
fn same(
    shapes: &[&[usize]],
    composed: impl Fn(&[Tensor]) -> Result<Tensor>,
    fused: impl Fn(&[Tensor]) -> Result<Tensor>,
) {
    let inputs: Vec<Tensor> =
        shapes.iter().enumerate().map(|(i, shape)| normal::<f64>(i as u64, shape)).collect();
    let (expected, wanted) = value_and_gradients(&inputs, fused);
    let check = |by: &str| {
        let (y, grads) = value_and_gradients(&inputs, &composed);
        assert_close(&format!("value {by}"), &y, &expected, 1e-12);
        for (i, (a, b)) in grads.iter().zip(&wanted).enumerate() {
            assert_close(&format!("gradient of input {i} {by}"), a, b, 1e-11);
        }
    };
    check("by candle");
    emulating(|| check("by the kernels of GPUs"));
}

#[track_caller]
fn same_tangent(composed: impl Fn() -> Result<Tensor>, fused: Result<(Tensor, Tensor)>) {
    let (_, expected) = fused.unwrap();
    let check = |by: &str| {
        assert_close(&format!("tangent {by}"), &composed().unwrap(), &expected, 1e-11);
    };
    check("by candle");
    emulating(|| check("by the kernels of GPUs"));
}

#[test]
fn pointwise_functions() {
    for sigma in ALL {
        same(&[&[7, 9]], |x| value(sigma, &x[0]), |x| sigma.apply(&x[0]));
        let z = (normal::<f64>(3, &[50]) * 20.0).unwrap();
        same_tangent(|| derivative(sigma, &z), Ok((z.clone(), sigma.derivative(&z).unwrap())));
    }
}

#[test]
fn features_of_points() {
    same(&[&[3, 5, 7]], |x| mean_over_points(&x[0]), |x| crate::mean_over_points(&x[0]));
    same(&[&[3, 7]], |x| to_points(&x[0], 5), |x| crate::to_points(&x[0], 5));
}

#[test]
fn affine_layers_and_norms() {
    let shapes: [&[usize]; 3] = [&[2, 3, 5], &[4, 5], &[4]];
    let [x, dx] = [1, 2].map(|seed| normal::<f64>(seed, &[2, 3, 5]));
    for sigma in ALL {
        same(
            &shapes,
            |t| linear_act(&t[0], &t[1], Some(&t[2]), sigma),
            |t| crate::linear_act(&t[0], &t[1], Some(&t[2]), sigma),
        );
        let (w, b) = (normal::<f64>(3, &[4, 5]), normal::<f64>(4, &[4]));
        same_tangent(
            || linear_tangent((&x, &dx), &w, Some(&b), sigma),
            crate::linear_act_dual(&x, &dx, &w, Some(&b), sigma),
        );
    }
    let (w, b) = (normal::<f64>(3, &[5]), normal::<f64>(4, &[5]));
    same(
        &[&[2, 3, 5], &[5], &[5]],
        |t| layer_or_rms_norm(&t[0], (&t[1], &t[2]), true, 1e-3),
        |t| crate::layer_norm(&t[0], Some(&t[1]), Some(&t[2]), 1e-3),
    );
    same_tangent(
        || norm_tangent((&x, &dx), &w, true, 1e-3),
        crate::layer_norm_dual(&x, &dx, Some(&w), Some(&b), 1e-3),
    );
    let none = w.zeros_like().unwrap();
    same(
        &[&[2, 3, 5], &[5]],
        |t| layer_or_rms_norm(&t[0], (&t[1], &none), false, 1e-3),
        |t| crate::rms_norm(&t[0], Some(&t[1]), 1e-3),
    );
    same_tangent(
        || norm_tangent((&x, &dx), &w, false, 1e-3),
        crate::rms_norm_dual(&x, &dx, Some(&w), 1e-3),
    );
}

#[test]
fn attention_and_softmax() {
    same(&[&[3, 4, 6]], |t| softmax(&t[0]), |t| crate::softmax(&t[0]));
    let shapes: [&[usize]; 3] = [&[2, 3, 4, 5], &[2, 3, 6, 5], &[2, 3, 6, 7]];
    same(
        &shapes,
        |t| attention(&t[0], &t[1], &t[2], 0.4),
        |t| crate::attention(&t[0], &t[1], &t[2], 0.4),
    );
    let [q, k, v] = [0, 1, 2].map(|i| normal::<f64>(i, shapes[i as usize]));
    let [dq, dk, dv] = [0, 1, 2].map(|i| normal::<f64>(7 + i, shapes[i as usize]));
    same_tangent(
        || attention_tangent([&q, &k, &v], [&dq, &dk, &dv], 0.4),
        crate::attention_dual((&q, &dq), (&k, &dk), (&v, &dv), 0.4),
    );
    let y = crate::softmax(&q).unwrap();
    same_tangent(|| softmax_tangent(&y, &dq), crate::softmax_dual(&q, &dq));
}

#[test]
fn convolutions() {
    for (stride, padding) in [(1, 1), (2, 1), (1, 0), (3, 2)] {
        let window = Conv2d { stride, padding };
        same(
            &[&[2, 3, 7, 6], &[4, 3, 3, 3], &[4]],
            |t| conv2d(&t[0], &t[1], &t[2], window),
            |t| crate::conv2d(&t[0], &t[1], Some(&t[2]), window),
        );
    }
    let pixels = Conv2d { stride: 1, padding: 0 };
    same(
        &[&[2, 3, 7, 6], &[4, 3, 1, 1], &[4]],
        |t| conv2d(&t[0], &t[1], &t[2], pixels),
        |t| crate::conv2d(&t[0], &t[1], Some(&t[2]), pixels),
    );
}

#[test]
fn geometry_of_pairs_and_matrices_along_an_axis() {
    same(&[&[2, 4, 3]], |t| squared_distances(&t[0]), |t| crate::squared_distances(&t[0]));
    same(
        &[&[2, 4, 3], &[2, 4, 4, 1]],
        |t| displacement_sum(&t[0], &t[1], 1.0, 1e-2),
        |t| crate::displacement_sum(&t[0], &t[1], 1.0, 1e-2),
    );
    let [x, dx] = [1, 2].map(|seed| normal::<f64>(seed, &[2, 4, 3]));
    let [phi, dphi] = [3, 4].map(|seed| normal::<f64>(seed, &[2, 4, 4, 1]));
    same_tangent(|| squared_distances_tangent(&x, &dx), crate::squared_distances_dual(&x, &dx));
    same_tangent(
        || displacement_tangent((&x, &dx), (&phi, &dphi), 1.0, 1e-2),
        crate::displacement_sum_dual((&x, &dx), (&phi, &dphi), 1.0, 1e-2),
    );
    let axes = [2, 0, 2, 1];
    same(
        &[&[2, 3, 3, 4], &[2, 3, 3, 3]],
        |t| directed_sums(&t[0], &t[1], &axes),
        |t| crate::directed_sums(&t[0], &t[1], &axes),
    );
    let rows = [vec![(0, 0.5), (2, -1.0)], vec![], vec![(1, 2.0)], vec![(2, 3.0)]];
    let matrix = SparseRows::new(&rows, 3).unwrap();
    for axis in 0..3 {
        let mut dims = [4, 4, 4];
        dims[axis] = 3;
        same(
            &[&dims],
            |t| sparse_along(&t[0], axis, &matrix),
            |t| crate::along(&t[0], axis, &matrix),
        );
    }
}

#[test]
fn pair_blocks() {
    let shapes: [&[usize]; 11] = [
        &[2, 4, 5],
        &[2, 4, 5],
        &[2, 4, 4, 3],
        &[3, 5],
        &[5],
        &[5, 5],
        &[5],
        &[5],
        &[1],
        &[2, 5],
        &[2],
    ];
    let weights = |t: &[Tensor], gate: bool| PairWeights {
        c: t[3].clone(),
        b1: t[4].clone(),
        w2: t[5].clone(),
        b2: t[6].clone(),
        gate: gate.then(|| (t[7].clone(), t[8].clone())),
        head: Some((t[9].clone(), t[10].clone())),
        sum: true,
    };
    let joined = |out: crate::PairOutput| {
        Tensor::cat(&[out.sum.unwrap().flatten_all()?, out.head.unwrap().flatten_all()?], 0)
    };
    for sigma in [Activation::Silu, Activation::Gelu] {
        same(
            &shapes,
            |t| joined(pair_block([&t[0], &t[1], &t[2]], &weights(t, true), sigma)?),
            |t| joined(crate::pair_block(&t[0], &t[1], &t[2], &weights(t, true), sigma)?),
        );
    }
    let t: Vec<Tensor> = (0..11).map(|i| normal::<f64>(i, shapes[i as usize])).collect();
    let d: Vec<Tensor> = (0..3).map(|i| normal::<f64>(50 + i, shapes[i as usize])).collect();
    for gate in [true, false] {
        let (w, silu) = (weights(&t, gate), Activation::Silu);
        let composed =
            || joined(pair_tangent([&t[0], &t[1], &t[2]], [&d[0], &d[1], &d[2]], &w, silu)?);
        let inputs = ((&t[0], &d[0]), (&t[1], &d[1]), (&t[2], &d[2]));
        let fused = crate::pair_block_dual(inputs.0, inputs.1, inputs.2, &w, silu);
        let fused = fused.and_then(|(y, dy)| Ok((joined(y)?, joined(dy)?)));
        same_tangent(composed, fused);
    }
}

/// Rows wider than a warp, more of them than a thread adds, more elements than a block of threads.
#[test]
fn wide_rows_and_long_sums() {
    let rows: &[&[usize]] = &[&[70, 3, 75], &[75], &[75]];
    same(
        rows,
        |t| layer_or_rms_norm(&t[0], (&t[1], &t[2]), true, 1e-3),
        |t| crate::layer_norm(&t[0], Some(&t[1]), Some(&t[2]), 1e-3),
    );
    same(&[&[5, 7, 75]], |t| softmax(&t[0]), |t| crate::softmax(&t[0]));
    same(
        &[&[70, 3, 75], &[40, 75], &[40]],
        |t| linear_act(&t[0], &t[1], Some(&t[2]), Activation::Silu),
        |t| crate::linear_act(&t[0], &t[1], Some(&t[2]), Activation::Silu),
    );
    same(&[&[3, 150, 37]], |x| mean_over_points(&x[0]), |x| crate::mean_over_points(&x[0]));
    same(&[&[3, 37]], |x| to_points(&x[0], 150), |x| crate::to_points(&x[0], 150));
    same(&[&[2, 70, 3]], |t| squared_distances(&t[0]), |t| crate::squared_distances(&t[0]));
    let shapes: [&[usize]; 9] =
        [&[2, 9, 40], &[2, 9, 40], &[2, 9, 9, 6], &[6, 40], &[40], &[40, 40], &[40], &[40], &[1]];
    let weights = |t: &[Tensor]| PairWeights {
        c: t[3].clone(),
        b1: t[4].clone(),
        w2: (&t[5] * 0.1).unwrap(),
        b2: t[6].clone(),
        gate: Some(((&t[7] * 0.3).unwrap(), t[8].clone())),
        head: None,
        sum: true,
    };
    let sum = |out: Result<crate::PairOutput>| Ok(out?.sum.expect("was asked for"));
    same(
        &shapes,
        |t| sum(pair_block([&t[0], &t[1], &t[2]], &weights(t), Activation::Silu)),
        |t| sum(crate::pair_block(&t[0], &t[1], &t[2], &weights(t), Activation::Silu)),
    );
}

/// In single precision, and with infinities and numbers that are none where rows have them.
#[test]
fn kernels_of_gpus_in_single_precision() {
    emulating(|| {
        let [x, w, b] =
            [&[9, 75][..], &[75], &[75]].map(|shape| normal::<f32>(shape.len() as u64, shape));
        let wide = [&x, &w, &b].map(|t| t.to_dtype(DType::F64).unwrap());
        let of = |[x, w, b]: &[Tensor; 3]| {
            let y = layer_or_rms_norm(x, (w, b), true, 1e-3).unwrap();
            softmax(&value(Activation::Gelu, &y).unwrap()).unwrap()
        };
        let (single, double) = (of(&[x, w, b]), of(&wide));
        assert_eq!(single.dtype(), DType::F32);
        assert_close("single", &single.to_dtype(DType::F64).unwrap(), &double, 1e-6);
        let (low, no) = (f32::NEG_INFINITY, f32::NAN);
        let rows = Tensor::new(&[[low, 0.0, low], [1.0, no, 2.0], [low; 3]], &Device::Cpu).unwrap();
        let y = softmax(&rows).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(y[0], [0.0, 1.0, 0.0]);
        assert!(y[1..].iter().flatten().all(|y| y.is_nan()));
    });
}

/// A tensor of nothing has a value and a gradient.
#[test]
fn kernels_of_gpus_of_nothing() {
    emulating(|| {
        let (y, grads) = value_and_gradients(
            &[Tensor::zeros((0, 5), DType::F64, &Device::Cpu).unwrap(), normal::<f64>(1, &[5])],
            |t| layer_or_rms_norm(&t[0], (&t[1], &t[1]), true, 1e-3),
        );
        assert_eq!(y.dims(), [0, 5]);
        assert_eq!(flat(&grads[1]), [0.0; 5]);
    });
}
