//! Composed operations against the kernels: values, gradients and tangents in double precision.

use candle_core::{Result, Tensor, Var};

use super::*;
use crate::activation::{ALL, Activation};
use crate::conv::Conv2d;
use crate::testing::*;
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
    let (y, grads) = value_and_gradients(&inputs, composed);
    let (expected, wanted) = value_and_gradients(&inputs, fused);
    assert_close("value", &y, &expected, 1e-12);
    for (i, (a, b)) in grads.iter().zip(&wanted).enumerate() {
        assert_close(&format!("gradient of input {i}"), a, b, 1e-11);
    }
}

#[track_caller]
fn same_tangent(composed: Result<Tensor>, fused: Result<(Tensor, Tensor)>) {
    assert_close("tangent", &composed.unwrap(), &fused.unwrap().1, 1e-11);
}

#[test]
fn pointwise_functions() {
    for sigma in ALL {
        same(&[&[7, 9]], |x| value(sigma, &x[0]), |x| sigma.apply(&x[0]));
        let z = (normal::<f64>(3, &[50]) * 20.0).unwrap();
        let slope = derivative(sigma, &z).unwrap();
        assert_close("slope", &slope, &sigma.derivative(&z).unwrap(), 1e-12);
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
            linear_tangent((&x, &dx), &w, Some(&b), sigma),
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
        norm_tangent((&x, &dx), &w, true, 1e-3),
        crate::layer_norm_dual(&x, &dx, Some(&w), Some(&b), 1e-3),
    );
    let none = w.zeros_like().unwrap();
    same(
        &[&[2, 3, 5], &[5]],
        |t| layer_or_rms_norm(&t[0], (&t[1], &none), false, 1e-3),
        |t| crate::rms_norm(&t[0], Some(&t[1]), 1e-3),
    );
    same_tangent(
        norm_tangent((&x, &dx), &w, false, 1e-3),
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
        attention_tangent([&q, &k, &v], [&dq, &dk, &dv], 0.4),
        crate::attention_dual((&q, &dq), (&k, &dk), (&v, &dv), 0.4),
    );
    let y = crate::softmax(&q).unwrap();
    same_tangent(softmax_tangent(&y, &dq), crate::softmax_dual(&q, &dq));
}

#[test]
fn convolutions() {
    for (stride, padding) in [(1, 1), (2, 1), (1, 0)] {
        let window = Conv2d { stride, padding };
        same(
            &[&[2, 3, 7, 6], &[4, 3, 3, 3], &[4]],
            |t| conv2d(&t[0], &t[1], &t[2], window),
            |t| crate::conv2d(&t[0], &t[1], Some(&t[2]), window),
        );
    }
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
    same_tangent(squared_distances_tangent(&x, &dx), crate::squared_distances_dual(&x, &dx));
    same_tangent(
        displacement_tangent((&x, &dx), (&phi, &dphi), 1.0, 1e-2),
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
            |t| along(&t[0], axis, &matrix.dense(&t[0])?),
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
        let composed = pair_tangent([&t[0], &t[1], &t[2]], [&d[0], &d[1], &d[2]], &w, silu);
        let inputs = ((&t[0], &d[0]), (&t[1], &d[1]), (&t[2], &d[2]));
        let fused = crate::pair_block_dual(inputs.0, inputs.1, inputs.2, &w, silu);
        let fused = fused.and_then(|(y, dy)| Ok((joined(y)?, joined(dy)?)));
        same_tangent(composed.and_then(joined), fused);
    }
}
