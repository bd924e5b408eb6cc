//! The pair block against candle's own operations, differences and itself.

use super::op::{KEPT, prepare, record};
use super::{PairOutput, PairWeights, pair_block, pair_block_dual};
use crate::activation::Activation;
use crate::composed;
use crate::isa::on_each;
use crate::testing::*;
use candle_core::{DType, Result, Tensor, Var};

/// Inputs and weights in the order a, b, e, C, b1, W2, b2, w_g, b_g, W3, b3.
fn inputs(batch: usize, n: usize, h: usize, k: usize, s: usize) -> Vec<Tensor> {
    let shapes: [&[usize]; 11] = [
        &[batch, n, h],
        &[batch, n, h],
        &[batch, n, n, k],
        &[k, h],
        &[h],
        &[h, h],
        &[h],
        &[h],
        &[1],
        &[s, h],
        &[s],
    ];
    shapes.iter().enumerate().map(|(i, s)| (normal::<f64>(i as u64, s) * 0.5).unwrap()).collect()
}

fn weights(t: &[Tensor], gate: bool, head: bool, sum: bool) -> PairWeights {
    let pair = |i: usize| (t[i].clone(), t[i + 1].clone());
    PairWeights {
        c: t[3].clone(),
        b1: t[4].clone(),
        w2: t[5].clone(),
        b2: t[6].clone(),
        gate: gate.then(|| pair(7)),
        head: head.then(|| pair(9)),
        sum,
    }
}

/// Both outputs in one vector.
fn joined(out: PairOutput) -> Result<Tensor> {
    let parts = [out.sum, out.head].into_iter().flatten().map(|t| t.flatten_all());
    Tensor::cat(&parts.collect::<Result<Vec<_>>>()?, 0)
}

/// Sizes at which features, scalars or both pass through products.
const MANY: [(usize, usize, usize, usize, usize); 4] =
    [(2, 5, 11, 17, 9), (1, 110, 4, 9, 1), (2, 4, 8, 2, 12), (1, 1, 4, 8, 8)];

#[test]
fn values_are_candles() {
    on_each(|_| {
        for (batch, n, h, k, s) in
            [(2, 5, 8, 1, 1), (3, 7, 19, 2, 3), (1, 110, 4, 1, 1), (1, 1, 4, 1, 1)]
                .into_iter()
                .chain(MANY)
        {
            let t = inputs(batch, n, h, k, s);
            for gate in [false, true] {
                let (w, silu) = (weights(&t, gate, true, true), Activation::Silu);
                let plain = composed::pair_block([&t[0], &t[1], &t[2]], &w, silu).unwrap();
                let (sum, head) = (plain.sum.unwrap(), plain.head.unwrap());
                let out = pair_block(&t[0], &t[1], &t[2], &w, silu).unwrap();
                assert_close("sum", &out.sum.unwrap(), &sum, 1e-12);
                assert_close("head", &out.head.unwrap(), &head, 1e-12);
                let single: Vec<Tensor> =
                    t.iter().map(|t| t.to_dtype(DType::F32).unwrap()).collect();
                let w = weights(&single, gate, true, true);
                let out =
                    pair_block(&single[0], &single[1], &single[2], &w, Activation::Silu).unwrap();
                assert_close("f32", &out.sum.unwrap().to_dtype(DType::F64).unwrap(), &sum, 2e-4);
            }
        }
    });
}

#[test]
fn adjoint_of_every_input() {
    on_each(|_| {
        for (gate, head, sum) in
            [(true, true, true), (false, false, true), (false, true, false), (true, false, true)]
        {
            for (k, s) in [(2, 2), (9, 2), (2, 9), (9, 9)] {
                let t = inputs(2, 4, 11, k, s);
                let kept = |i: &usize| (gate || !(7..9).contains(i)) && (head || *i < 9);
                let used: Vec<usize> = (0..11).filter(kept).collect();
                let chosen: Vec<Tensor> = used.iter().map(|&i| t[i].clone()).collect();
                check_adjoint(&chosen, |x| {
                    let mut all = t.clone();
                    used.iter().zip(x).for_each(|(&i, x)| all[i] = x.clone());
                    let w = weights(&all, gate, head, sum);
                    joined(pair_block(&all[0], &all[1], &all[2], &w, Activation::Silu)?)
                });
            }
        }
    });
}

/// A sample of 110 points is cut into parts and its rows into chunks: the merges are tested.
#[test]
fn adjoint_over_several_parts() {
    for (k, s) in [(1, 1), (8, 8)] {
        let t = inputs(1, 110, 3, k, s);
        check_adjoint(&t, |t| {
            let w = weights(t, true, true, true);
            joined(pair_block(&t[0], &t[1], &t[2], &w, Activation::Tanh)?)
        });
    }
}

/// Keeping the messages' pre-activations or computing them again gives the same bits.
#[test]
fn kept_or_computed_again() {
    for (k, s) in [(1, 1), (10, 10)] {
        let t = inputs(3, 7, 9, k, s);
        let run = |limit: usize| {
            let v: Vec<Var> = t.iter().map(|t| Var::from_tensor(t).unwrap()).collect();
            let tracked: Vec<Tensor> = v.iter().map(|v| v.as_tensor().clone()).collect();
            let w = weights(&tracked, true, true, true);
            let (op, ab, e, w) = prepare(&v[0], &v[1], &v[2], &w, Activation::Silu).unwrap();
            let out = joined(record(op, &ab, &e, &w, limit).unwrap()).unwrap();
            let grads = out.sqr().unwrap().backward().unwrap();
            v.iter().flat_map(|v| flat(grads.get(v).unwrap())).collect::<Vec<_>>()
        };
        assert_eq!(run(KEPT), run(0));
    }
}

/// An output that nobody uses changes no gradient.
#[test]
fn one_output_of_two_has_the_gradients_of_one() {
    let t = inputs(2, 5, 7, 2, 3);
    let v: Vec<Var> = t.iter().map(|t| Var::from_tensor(t).unwrap()).collect();
    let tracked: Vec<Tensor> = v.iter().map(|v| v.as_tensor().clone()).collect();
    for sum_used in [true, false] {
        let grads = |head: bool, sum: bool| {
            let w = weights(&tracked, false, head, sum);
            let out = pair_block(&v[0], &v[1], &v[2], &w, Activation::Silu).unwrap();
            let used = if sum_used { out.sum } else { out.head };
            let grads = used.unwrap().sqr().unwrap().backward().unwrap();
            v[..7].iter().flat_map(|v| flat(grads.get(v).unwrap())).collect::<Vec<f64>>()
        };
        assert_eq!(grads(true, true), grads(!sum_used, sum_used));
    }
}

#[test]
fn tangent_is_the_adjoints() {
    [(2, 1), (9, 10)]
        .into_iter()
        .for_each(|(k, s)| tangent_is_the_adjoint_of(&inputs(2, 5, 9, k, s)));
}

fn tangent_is_the_adjoint_of(t: &[Tensor]) {
    let w = weights(t, true, true, true);
    // All three inputs as one vector, so that all three tangents are in play.
    let len = |i: usize| t[i].elem_count();
    let parts = |x: &Tensor| -> Result<[Tensor; 3]> {
        Ok([
            x.narrow(0, 0, len(0))?.reshape(t[0].dims())?,
            x.narrow(0, len(0), len(1))?.reshape(t[1].dims())?,
            x.narrow(0, len(0) + len(1), len(2))?.reshape(t[2].dims())?,
        ])
    };
    let x = Tensor::cat(&[0, 1, 2].map(|i| t[i].flatten_all().unwrap()), 0).unwrap();
    on_each(|_| {
        check_tangent(
            &x,
            |x| {
                let [a, b, e] = parts(x)?;
                joined(pair_block(&a, &b, &e, &w, Activation::Silu)?)
            },
            |x, dx| {
                let ([a, b, e], [da, db, de]) = (parts(x)?, parts(dx)?);
                let (v, d) =
                    pair_block_dual((&a, &da), (&b, &db), (&e, &de), &w, Activation::Silu)?;
                Ok((joined(v)?, joined(d)?))
            },
        );
    });
}

#[test]
fn threads_and_batch_change_nothing() {
    [1, 17].into_iter().for_each(|many| nothing_changes(&inputs(40, 6, 32, many, many)));
}

fn nothing_changes(t: &[Tensor]) {
    let t: Vec<Tensor> = t.iter().map(|t| t.to_dtype(DType::F32).unwrap()).collect();
    check_threads(|| {
        let v: Vec<Var> = t.iter().map(|t| Var::from_tensor(t).unwrap()).collect();
        let tracked: Vec<Tensor> = v.iter().map(|v| v.as_tensor().clone()).collect();
        let w = weights(&tracked, true, true, true);
        let out = pair_block(&v[0], &v[1], &v[2], &w, Activation::Silu).unwrap();
        let (sum, head) = (out.sum.unwrap(), out.head.unwrap());
        let loss = (sum.sqr().unwrap().sum_all().unwrap() + head.sum_all().unwrap()).unwrap();
        let grads = loss.backward().unwrap();
        let mut all = vec![sum.detach(), head.detach()];
        all.extend(v.iter().map(|v| grads.get(v).unwrap().clone()));
        all
    });
    let w = weights(&t, true, true, true);
    let whole = pair_block(&t[0], &t[1], &t[2], &w, Activation::Silu).unwrap();
    for batch in [1, 7] {
        let [a, b, e] = [0, 1, 2].map(|i| t[i].narrow(0, 11, batch).unwrap());
        let some = pair_block(&a, &b, &e, &w, Activation::Silu).unwrap();
        let expected = whole.sum.as_ref().unwrap().narrow(0, 11, batch).unwrap();
        assert_eq!(flat(&some.sum.unwrap()), flat(&expected));
    }
}
