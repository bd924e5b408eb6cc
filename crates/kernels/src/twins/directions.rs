//! Scalars of pairs along directions of pairs.

use candle_core::{Result, Tensor};

use super::call::{Call, Made};
use super::node::Back;

/// `Σ_j φ_ij^s o_ij^{axes[s]}` of `[B, n, n, S]` and `[B, n, n, D]`: `[B, n, S]`.
pub(crate) fn directed_sums(phi: &Tensor, o: &Tensor, axes: &[usize]) -> Result<Tensor> {
    let ((batch, n, _, scalars), directions) = (phi.dims4()?, o.dim(3)?);
    let axes: Vec<f64> = axes.iter().map(|&axis| axis as f64).collect();
    let axes = Tensor::from_vec(axes, scalars, phi.device())?.to_dtype(phi.dtype())?;
    let sizes = move |all: usize| [all, n, scalars, directions];
    let call = Call::new("directed_sums", &[phi, o, &axes], &sizes(batch * n * scalars))?;
    let made = call.make((batch, n, scalars))?;
    let (phi_kept, o_kept) = (phi.detach(), o.detach());
    made.of_two("directed_sums", [phi, o], move |Back { g, wanted, .. }| {
        let as_input = |name, arrays: [&Tensor; 3], input: &Tensor| {
            Call::new(name, &arrays, &sizes(input.elem_count()))?.make(input.shape())
        };
        let dphi = || as_input("directed_scalars", [&o_kept, &axes, g], &phi_kept);
        let d_o = || as_input("directed_directions", [&phi_kept, &axes, g], &o_kept);
        let tensor = |made: Option<Made>| made.map(Made::tensor);
        Ok([tensor(wanted[0].then(dphi).transpose()?), tensor(wanted[1].then(d_o).transpose()?)])
    })
}
