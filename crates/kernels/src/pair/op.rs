//! The pair block as one node of candle's graph.

use super::chunk::{adjoint, forward};
use super::passes::Context;
use super::shape::Shape;
use super::tangent::{Tangents, tangent};
use crate::activation::Activation;
use crate::parallel::unwritten;
use crate::real::Real;
use crate::tensor::{View, by_dtype, same_dtype, slice_of, tensor, wants_gradient};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Tensor, bail};
use std::sync::OnceLock;

/// Elements of `z2` (the pre-activations of all messages) kept for the adjoint, at most: 64 MiB of
/// f32. Above, the adjoint computes them again, for a quarter more arithmetic.
const KEPT: usize = 1 << 24;

/// Weights of a pair block of width H on K pair features.
#[derive(Debug, Clone)]
pub struct PairWeights {
    /// `C`: `[K, H]`.
    pub c: Tensor,
    /// `[H]`.
    pub b1: Tensor,
    /// `[H, H]`, rows are outputs.
    pub w2: Tensor,
    /// `[H]`.
    pub b2: Tensor,
    /// `(w_g, b_g)`, `[H]` and `[1]`: messages are weighted by `1 / (1 + exp(−w_g · m − b_g))`.
    pub gate: Option<(Tensor, Tensor)>,
    /// `(W3, b3)`, `[S, H]` and `[S]`: scalars of each pair.
    pub head: Option<(Tensor, Tensor)>,
    /// Whether messages are summed over the neighbours.
    pub sum: bool,
}

/// What a pair block gives.
#[derive(Debug, Clone)]
pub struct PairOutput {
    /// `Σ_{j ≠ i} gate_ij m_ij`: `[B, n, H]`.
    pub sum: Option<Tensor>,
    /// `m_ij W3ᵀ + b3`: `[B, n, n, S]`; a point is no pair with itself, so the diagonal is 0.
    pub head: Option<Tensor>,
}

/// `m_ij = σ(σ(a_i + b_j + e_ij C + b1) W2ᵀ + b2)`, summed over `j ≠ i` and read out per pair.
///
/// # Shapes and units
/// - `a`, `b`: `[B, n, H]`; `e`: `[B, n, n, K]`; weights as in [`PairWeights`]
///
/// # Errors
/// If shapes or element types do not fit, a tensor is not f32 or f64 on the CPU, or neither the
/// sum nor the head is asked for.
pub fn pair_block(
    a: &Tensor,
    b: &Tensor,
    e: &Tensor,
    weights: &PairWeights,
    activation: Activation,
) -> Result<PairOutput> {
    let (op, ab, e, w) = prepare(a, b, e, weights, activation)?;
    let shape = op.shape;
    split(shape, &record(op, &ab, &e, &w, KEPT)?)
}

/// One node of the graph, which keeps at most `limit` elements.
fn record(op: Pair, ab: &Tensor, e: &Tensor, w: &Tensor, limit: usize) -> Result<Tensor> {
    let tracked = [ab, e, w].into_iter().any(wants_gradient);
    let keep = tracked && op.shape.messages_len() <= limit;
    fn run<T: Real>(op: Pair, keep: bool, ab: &Tensor, e: &Tensor, w: &Tensor) -> Result<Tensor> {
        ab.apply_op3(e, w, Node { pair: op, keep, kept: OnceLock::<Vec<T>>::new() })
    }
    by_dtype!(ab.dtype(), run(op, keep, ab, e, w))
}

/// Value and tangent of [`pair_block`] along `(da, db, de)`; only the value has a graph.
///
/// # Errors
/// As [`pair_block`], or if a tangent differs from its input in shape or element type.
pub fn pair_block_dual(
    (a, da): (&Tensor, &Tensor),
    (b, db): (&Tensor, &Tensor),
    (e, de): (&Tensor, &Tensor),
    weights: &PairWeights,
    activation: Activation,
) -> Result<(PairOutput, PairOutput)> {
    for (x, dx) in [(a, da), (b, db), (e, de)] {
        same_dtype(x, dx)?;
        if x.dims() != dx.dims() {
            bail!("tangent {:?} of an input {:?}", dx.dims(), x.dims());
        }
    }
    fn run<T: Real>(
        op: Pair,
        ab: &Tensor,
        e: &Tensor,
        w: &Tensor,
        dab: &Tensor,
        de: &Tensor,
    ) -> Result<Tensor> {
        let (abv, ev, wv, dabv, dev) =
            (View::of(ab)?, View::of(e)?, View::of(w)?, View::of(dab)?, View::of(de)?);
        let context = op.context(abv.slice::<T>()?, ev.slice()?, wv.slice()?);
        let dab = dabv.slice::<T>()?;
        let (da, db) = dab.split_at(dab.len() / 2);
        let d = tangent(context, Tangents { a: da, b: db, e: dev.slice()? });
        let len = d.len();
        tensor(d, len)
    }
    let (op, ab, e, w) = prepare(a, b, e, weights, activation)?;
    let value = split(op.shape, &record(op, &ab, &e, &w, KEPT)?)?;
    let dab = Tensor::cat(&[da.detach(), db.detach()], 0)?;
    let de = de.detach().contiguous()?;
    let d = by_dtype!(ab.dtype(), run(op, &ab, &e, &w, &dab, &de))?;
    Ok((value, split(op.shape, &d)?))
}

/// The two outputs from the one vector of the node.
fn split(shape: Shape, out: &Tensor) -> Result<PairOutput> {
    let sum = shape
        .sum
        .then(|| out.narrow(0, 0, shape.sum_len())?.reshape((shape.batch, shape.n, shape.h)));
    let head = (shape.s > 0).then(|| {
        let head = out.narrow(0, shape.sum_len(), shape.head_len())?;
        head.reshape((shape.batch, shape.n, shape.n, shape.s))
    });
    Ok(PairOutput { sum: sum.transpose()?, head: head.transpose()? })
}

/// Checks shapes; candle's nodes take three inputs, so `[a; b]` and all weights are joined first.
fn prepare(
    a: &Tensor,
    b: &Tensor,
    e: &Tensor,
    weights: &PairWeights,
    activation: Activation,
) -> Result<(Pair, Tensor, Tensor, Tensor)> {
    let (batch, n, h) = a.dims3()?;
    let (e_batch, e_n, e_m, k) = e.dims4()?;
    if b.dims() != a.dims() || (e_batch, e_n, e_m) != (batch, n, n) {
        bail!("a {:?}, b {:?} and e {:?} do not fit", a.dims(), b.dims(), e.dims());
    }
    let s = weights.head.as_ref().map_or(0, |(w3, _)| w3.dims()[0]);
    let shape = Shape { batch, n, h, k, s, sum: weights.sum, gate: weights.gate.is_some() };
    let mut parts = vec![
        ("C", &weights.c, vec![k, h]),
        ("b1", &weights.b1, vec![h]),
        ("W2", &weights.w2, vec![h, h]),
        ("b2", &weights.b2, vec![h]),
    ];
    if let Some((w, b)) = &weights.gate {
        parts.extend([("w_g", w, vec![h]), ("b_g", b, vec![1])]);
    }
    if let Some((w, b)) = &weights.head {
        parts.extend([("W3", w, vec![s, h]), ("b3", b, vec![s])]);
    }
    for (name, part, dims) in &parts {
        same_dtype(a, part)?;
        if part.dims() != dims {
            bail!("{name} has shape {:?}, expected {dims:?}", part.dims());
        }
    }
    same_dtype(a, b)?;
    same_dtype(a, e)?;
    if s == 0 && !weights.sum {
        bail!("a pair block needs a sum or a head");
    }
    let flat = parts.iter().map(|(_, p, _)| p.flatten_all()).collect::<Result<Vec<_>>>()?;
    let w = Tensor::cat(&flat, 0)?;
    Ok((Pair { shape, activation }, Tensor::cat(&[a, b], 0)?, e.contiguous()?, w))
}

#[derive(Clone, Copy)]
struct Pair {
    shape: Shape,
    activation: Activation,
}

impl Pair {
    fn context<'a, T: Real>(&self, ab: &'a [T], e: &'a [T], w: &'a [T]) -> Context<'a, T> {
        let (a, b) = ab.split_at(ab.len() / 2);
        Context { shape: self.shape, activation: self.activation, a, b, e, w }
    }
}

struct Node<T> {
    pair: Pair,
    keep: bool,
    /// `z2` of every pair, left by the forward pass.
    kept: OnceLock<Vec<T>>,
}

impl<T: Real> CustomOp3 for Node<T> {
    fn name(&self) -> &'static str {
        "pair_block"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, candle_core::Shape)> {
        let (ab, e, w) = (slice_of::<T>(s1, l1)?, slice_of(s2, l2)?, slice_of(s3, l3)?);
        let len = if self.keep { self.pair.shape.messages_len() } else { 0 };
        // SAFETY: the forward pass writes the z2 of every pair.
        let mut kept = unsafe { unwritten(len) };
        let out = forward(self.pair.context(ab, e, w), &mut kept);
        // A second forward of the same node would keep the same numbers.
        let _ = self.kept.set(kept);
        let len = out.len();
        Ok((T::storage(out), len.into()))
    }

    fn bwd(
        &self,
        ab: &Tensor,
        e: &Tensor,
        w: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let (abv, ev, wv, gv) = (View::of(ab)?, View::of(e)?, View::of(w)?, View::of(&grad)?);
        let context = self.pair.context(abv.slice::<T>()?, ev.slice()?, wv.slice()?);
        let kept = self.kept.get().map_or(&[][..], Vec::as_slice);
        let [dab, de, dw] = adjoint(context, gv.slice()?, kept);
        let wanted =
            |t: &Tensor, grad| wants_gradient(t).then(|| tensor(grad, t.shape())).transpose();
        Ok((wanted(ab, dab)?, wanted(e, de)?, wanted(w, dw)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::on_each;
    use crate::testing::*;
    use candle_core::{D, DType, Var};

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
        shapes
            .iter()
            .enumerate()
            .map(|(i, s)| (normal::<f64>(i as u64, s) * 0.5).unwrap())
            .collect()
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

    /// Everything of size n² H, by candle's own operations.
    fn plain(t: &[Tensor], gate: bool) -> Result<(Tensor, Tensor)> {
        let n = t[0].dim(1)?;
        let z = t[2].broadcast_matmul(&t[3])?.broadcast_add(&t[4])?;
        let z = z.broadcast_add(&t[0].unsqueeze(2)?)?.broadcast_add(&t[1].unsqueeze(1)?)?;
        let m = z.silu()?.broadcast_matmul(&t[5].t()?)?.broadcast_add(&t[6])?.silu()?;
        let head = m.broadcast_matmul(&t[9].t()?)?.broadcast_add(&t[10])?;
        let off = (1.0 - Tensor::eye(n, t[0].dtype(), t[0].device())?)?.reshape((1, n, n, 1))?;
        let head = head.broadcast_mul(&off)?;
        let mut weight = off;
        if gate {
            let s = m.broadcast_mul(&t[7])?.sum_keepdim(D::Minus1)?.broadcast_add(&t[8])?;
            weight = weight.broadcast_mul(&(s.neg()?.exp()? + 1.0)?.recip()?)?;
        }
        Ok((m.broadcast_mul(&weight)?.sum(2)?, head))
    }

    #[test]
    fn values_are_candles() {
        on_each(|_| {
            for (batch, n, h, k, s) in
                [(2, 5, 8, 1, 1), (3, 7, 19, 2, 3), (1, 110, 4, 1, 1), (1, 1, 4, 1, 1)]
            {
                let t = inputs(batch, n, h, k, s);
                for gate in [false, true] {
                    let (sum, head) = plain(&t, gate).unwrap();
                    let out = pair_block(
                        &t[0],
                        &t[1],
                        &t[2],
                        &weights(&t, gate, true, true),
                        Activation::Silu,
                    )
                    .unwrap();
                    assert_close("sum", &out.sum.unwrap(), &sum, 1e-12);
                    assert_close("head", &out.head.unwrap(), &head, 1e-12);
                    let single: Vec<Tensor> =
                        t.iter().map(|t| t.to_dtype(DType::F32).unwrap()).collect();
                    let w = weights(&single, gate, true, true);
                    let out = pair_block(&single[0], &single[1], &single[2], &w, Activation::Silu)
                        .unwrap();
                    assert_close(
                        "f32",
                        &out.sum.unwrap().to_dtype(DType::F64).unwrap(),
                        &sum,
                        2e-4,
                    );
                }
            }
        });
    }

    #[test]
    fn adjoint_of_every_input() {
        on_each(|_| {
            for (gate, head, sum) in [
                (true, true, true),
                (false, false, true),
                (false, true, false),
                (true, false, true),
            ] {
                let t = inputs(2, 4, 11, 2, 2);
                let used: Vec<usize> =
                    (0..11).filter(|i| (gate || !(7..9).contains(i)) && (head || *i < 9)).collect();
                let chosen: Vec<Tensor> = used.iter().map(|&i| t[i].clone()).collect();
                check_adjoint(&chosen, |x| {
                    let mut all = t.clone();
                    used.iter().zip(x).for_each(|(&i, x)| all[i] = x.clone());
                    let out = pair_block(
                        &all[0],
                        &all[1],
                        &all[2],
                        &weights(&all, gate, head, sum),
                        Activation::Silu,
                    )?;
                    let parts: Vec<Tensor> = [out.sum, out.head]
                        .into_iter()
                        .flatten()
                        .map(|t| t.flatten_all())
                        .collect::<Result<_>>()?;
                    Tensor::cat(&parts, 0)
                });
            }
        });
    }

    /// A sample of 110 points is cut into parts and its rows into chunks: the merges are tested.
    #[test]
    fn adjoint_over_several_parts() {
        let t = inputs(1, 110, 3, 1, 1);
        check_adjoint(&t, |t| {
            let out =
                pair_block(&t[0], &t[1], &t[2], &weights(t, true, true, true), Activation::Tanh)?;
            Tensor::cat(&[out.sum.unwrap().flatten_all()?, out.head.unwrap().flatten_all()?], 0)
        });
    }

    /// Keeping the messages' pre-activations or computing them again gives the same bits.
    #[test]
    fn kept_or_computed_again() {
        let t = inputs(3, 7, 9, 1, 1);
        let run = |limit: usize| {
            let v: Vec<Var> = t.iter().map(|t| Var::from_tensor(t).unwrap()).collect();
            let tracked: Vec<Tensor> = v.iter().map(|v| v.as_tensor().clone()).collect();
            let w = weights(&tracked, true, true, true);
            let (op, ab, e, w) = prepare(&v[0], &v[1], &v[2], &w, Activation::Silu).unwrap();
            let grads = record(op, &ab, &e, &w, limit).unwrap().sqr().unwrap().backward().unwrap();
            v.iter().flat_map(|v| flat(grads.get(v).unwrap())).collect::<Vec<_>>()
        };
        assert_eq!(run(KEPT), run(0));
    }

    #[test]
    fn tangent_is_the_adjoints() {
        let t = inputs(2, 5, 9, 2, 1);
        let w = weights(&t, true, true, true);
        let join = |out: PairOutput| {
            Tensor::cat(&[out.sum.unwrap().flatten_all()?, out.head.unwrap().flatten_all()?], 0)
        };
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
                    join(pair_block(&a, &b, &e, &w, Activation::Silu)?)
                },
                |x, dx| {
                    let ([a, b, e], [da, db, de]) = (parts(x)?, parts(dx)?);
                    let (v, d) =
                        pair_block_dual((&a, &da), (&b, &db), (&e, &de), &w, Activation::Silu)?;
                    Ok((join(v)?, join(d)?))
                },
            );
        });
    }

    #[test]
    fn threads_and_batch_change_nothing() {
        let t: Vec<Tensor> =
            inputs(40, 6, 32, 1, 1).iter().map(|t| t.to_dtype(DType::F32).unwrap()).collect();
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
}
