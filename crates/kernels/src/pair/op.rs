//! The pair block as one node of candle's graph.

use super::adjoint::adjoint;
use super::forward::forward;
use super::passes::Context;
use super::shape::Shape;
use super::tangent::{Tangents, tangent};
use crate::activation::Activation;
use crate::composed;
use crate::parallel::unwritten;
use crate::real::Real;
use crate::tensor::{View, by_dtype, same_dtype, slice_of, tensor, wants_gradient};
use candle_core::{CpuStorage, CustomOp1, CustomOp3, Layout, Result, Tensor, bail};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Elements of `z2` (the pre-activations of all messages) kept for the adjoint, at most: 64 MiB of
/// f32. Above, the adjoint computes them again, for a quarter more arithmetic.
pub(super) const KEPT: usize = 1 << 24;

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
/// If shapes or element types do not fit, a tensor is not f32 or f64, or neither the
/// sum nor the head is asked for.
pub fn pair_block(
    a: &Tensor,
    b: &Tensor,
    e: &Tensor,
    weights: &PairWeights,
    activation: Activation,
) -> Result<PairOutput> {
    if composed::elsewhere(a) {
        checked(a, b, e, weights)?;
        return composed::pair_block([a, b, e], weights, activation);
    }
    let (op, ab, e, w) = prepare(a, b, e, weights, activation)?;
    record(op, &ab, &e, &w, KEPT)
}

/// Nodes of the graph, which keep at most `limit` elements.
pub(super) fn record(
    op: Pair,
    ab: &Tensor,
    e: &Tensor,
    w: &Tensor,
    limit: usize,
) -> Result<PairOutput> {
    let tracked = [ab, e, w].into_iter().any(wants_gradient);
    let keep = tracked && op.shape.messages_len() <= limit;
    fn run<T: Real>(
        op: Pair,
        keep: bool,
        ab: &Tensor,
        e: &Tensor,
        w: &Tensor,
    ) -> Result<PairOutput> {
        let aside = Arc::new(Aside::default());
        let node = Node::<T> { pair: op, keep, kept: OnceLock::new(), aside: aside.clone() };
        let first = ab.apply_op3(e, w, node)?;
        if !op.shape.sum {
            return Ok(PairOutput { sum: None, head: Some(first) });
        }
        let head = (op.shape.s > 0).then(|| first.apply_op1(Scalars { shape: op.shape, aside }));
        Ok(PairOutput { head: head.transpose()?, sum: Some(first) })
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
    ) -> Result<PairOutput> {
        let (abv, ev, wv, dabv, dev) =
            (View::of(ab)?, View::of(e)?, View::of(w)?, View::of(dab)?, View::of(de)?);
        let context = op.context(abv.slice::<T>()?, ev.slice()?, wv.slice()?);
        let dab = dabv.slice::<T>()?;
        let (da, db) = dab.split_at(dab.len() / 2);
        let [sum, head] = tangent(context, Tangents { a: da, b: db, e: dev.slice()? });
        let Shape { s, sum: summed, .. } = op.shape;
        let sum = summed.then(|| tensor(sum, op.shape.sum_dims())).transpose()?;
        let head = (s > 0).then(|| tensor(head, op.shape.head_dims())).transpose()?;
        Ok(PairOutput { sum, head })
    }
    if composed::elsewhere(a) {
        let value = pair_block(a, b, e, weights, activation)?;
        let d = composed::pair_tangent([a, b, e], [da, db, de], weights, activation)?;
        return Ok((value, d));
    }
    let (op, ab, e, w) = prepare(a, b, e, weights, activation)?;
    let value = record(op, &ab, &e, &w, KEPT)?;
    let dab = Tensor::cat(&[da.detach(), db.detach()], 0)?;
    let de = de.detach().contiguous()?;
    let d = by_dtype!(ab.dtype(), run(op, &ab, &e, &w, &dab, &de))?;
    Ok((value, d))
}

/// candle's nodes take three inputs, so `[a; b]` and all weights are joined first.
pub(super) fn prepare(
    a: &Tensor,
    b: &Tensor,
    e: &Tensor,
    weights: &PairWeights,
    activation: Activation,
) -> Result<(Pair, Tensor, Tensor, Tensor)> {
    let (shape, parts) = checked(a, b, e, weights)?;
    let flat = parts.iter().map(|part| part.flatten_all()).collect::<Result<Vec<_>>>()?;
    let w = Tensor::cat(&flat, 0)?;
    Ok((Pair { shape, activation }, Tensor::cat(&[a, b], 0)?, e.contiguous()?, w))
}

/// Sizes and weights in order, if shapes and element types fit.
fn checked<'a>(
    a: &Tensor,
    b: &Tensor,
    e: &Tensor,
    weights: &'a PairWeights,
) -> Result<(Shape, Vec<&'a Tensor>)> {
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
    Ok((shape, parts.into_iter().map(|(_, part, _)| part).collect()))
}

#[derive(Clone, Copy)]
pub(super) struct Pair {
    shape: Shape,
    activation: Activation,
}

impl Pair {
    fn context<'a, T: Real>(&self, ab: &'a [T], e: &'a [T], w: &'a [T]) -> Context<'a, T> {
        let (a, b) = ab.split_at(ab.len() / 2);
        Context { shape: self.shape, activation: self.activation, a, b, e, w }
    }
}

/// Values of scalars on their way to their own node, and their gradient on its way back: a node of candle has one
/// output, and parts cut out of one vector cost as many passes over it as there are parts, each way.
struct Aside<T> {
    values: Mutex<Option<Vec<T>>>,
    grad: Mutex<Option<Tensor>>,
}

impl<T> Default for Aside<T> {
    fn default() -> Self {
        Self { values: Mutex::default(), grad: Mutex::default() }
    }
}

/// What lies there, taken out.
fn taken<X>(place: &Mutex<Option<X>>) -> Option<X> {
    place.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn put<X>(place: &Mutex<Option<X>>, x: X) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(x);
}

/// Sums, if there are any, else scalars.
struct Node<T> {
    pair: Pair,
    keep: bool,
    /// `z2` of every pair, left by the forward pass.
    kept: OnceLock<Vec<T>>,
    aside: Arc<Aside<T>>,
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
        let shape = self.pair.shape;
        let len = if self.keep { shape.messages_len() } else { 0 };
        // SAFETY: the forward pass writes the z2 of every pair.
        let mut kept = unsafe { unwritten(len) };
        let [sum, head] = forward(self.pair.context(ab, e, w), &mut kept);
        // A second forward of the same node would keep the same numbers.
        let _ = self.kept.set(kept);
        if !shape.sum {
            return Ok((T::storage(head), shape.head_dims().into()));
        }
        put(&self.aside.values, head);
        Ok((T::storage(sum), shape.sum_dims().into()))
    }

    fn bwd(
        &self,
        ab: &Tensor,
        e: &Tensor,
        w: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let shape = self.pair.shape;
        let grad = grad.contiguous()?;
        let of_scalars = match taken(&self.aside.grad) {
            _ if !shape.sum => None,
            Some(grad) => Some(grad),
            None => Some(Tensor::zeros(shape.head_dims(), grad.dtype(), grad.device())?),
        };
        let aside = of_scalars.as_ref().map(View::of).transpose()?;
        let (abv, ev, wv, gv) = (View::of(ab)?, View::of(e)?, View::of(w)?, View::of(&grad)?);
        let context = self.pair.context(abv.slice::<T>()?, ev.slice()?, wv.slice()?);
        let kept = self.kept.get().map_or(&[][..], Vec::as_slice);
        let grads = match &aside {
            Some(head) => [gv.slice()?, head.slice()?],
            None => [&[], gv.slice()?],
        };
        let [dab, de, dw] = adjoint(context, grads, kept, wants_gradient(e));
        let wanted =
            |t: &Tensor, grad| wants_gradient(t).then(|| tensor(grad, t.shape())).transpose();
        Ok((wanted(ab, dab)?, wanted(e, de)?, wanted(w, dw)?))
    }
}

/// The scalars beside the sums that [`Node`] gives.
struct Scalars<T> {
    shape: Shape,
    aside: Arc<Aside<T>>,
}

impl<T: Real> CustomOp1 for Scalars<T> {
    fn name(&self) -> &'static str {
        "pair_scalars"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, candle_core::Shape)> {
        let Some(values) = taken(&self.aside.values) else { bail!("scalars are made once") };
        Ok((T::storage(values), self.shape.head_dims().into()))
    }

    fn bwd(&self, sum: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        put(&self.aside.grad, grad.contiguous()?);
        // The sums' node must come after this one, whether the sums were used or not.
        Ok(Some(sum.zeros_like()?))
    }
}
