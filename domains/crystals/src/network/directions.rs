//! Where messages point: displacements and vectors of atoms, odd under inversion.

use candle_core::{Result, Tensor};
use langevin_kernels::{directed_sums, whole_product};

/// Sines that each message scales along each axis: `sin 2πΔ` of all three axes, and its own `sin 4πΔ`.
pub(super) const DIRECTIONS: usize = 12;

/// Sums along directions that a message's scalars are for: displacements, and `3 vectors` behind them.
///
/// Of scalars `[B, n, n, 12 + 3 vectors]` and sines `[B, n, n, 6]`, `sin 4πΔ` behind `sin 2πΔ`: `[B, n, 12 + 3 vectors]`.
pub(super) fn along(scalars: &Tensor, odd: &Tensor, vectors: usize) -> Result<Tensor> {
    // φ of displacements by rows, then ψ, then χ of each vector.
    let once = |count: usize| (0..3 * count).map(|s| s % 3);
    let axes: Vec<usize> = once(3).chain(3..6).chain(once(vectors)).collect();
    directed_sums(scalars, odd, &axes)? / scalars.dim(2)? as f64
}

/// `Σ_j (Σ_b φ^{ab} sin 2πΔ^b + ψ^a sin 4πΔ^a)/n` from the first sums of [`along`]: `[B, n, 3]`.
pub(super) fn displacements(sums: &Tensor) -> Result<Tensor> {
    let (batch, n, _) = sums.dims3()?;
    let matrix = sums.narrow(2, 0, 9)?.reshape((batch, n, 3, 3))?.sum(3)?;
    matrix + sums.narrow(2, 9, 3)?
}

/// Vectors of atoms and what pairs see of them.
pub(super) struct Vectors {
    /// How many an atom has.
    count: usize,
    /// `sin 2πΔ_ij`, `[B n, n, 3]`.
    sines: Tensor,
    /// `u`, `[B, n, 3 count]`; nothing before the first layer.
    u: Option<Tensor>,
}

impl Vectors {
    pub(super) fn new(count: usize, odd: &Tensor) -> Result<Self> {
        let (batch, n, _, _) = odd.dims4()?;
        let sines = odd.narrow(3, 0, 3)?.contiguous()?.reshape((batch * n, n, 3))?;
        Ok(Self { count, sines, u: None })
    }

    /// `even` with `u_i^c · sin 2πΔ_ij` and `u_j^c · sin 2πΔ_ji` behind it.
    pub(super) fn beside(&self, even: &Tensor) -> Result<Tensor> {
        let Some(u) = &self.u else { return Ok(even.clone()) };
        let (batch, n, _) = u.dims3()?;
        let u = u.reshape((batch * n, self.count, 3))?.transpose(1, 2)?.contiguous()?;
        let own = whole_product(&self.sines, &u)?.reshape((batch, n, n, self.count))?;
        let theirs = own.transpose(1, 2)?.contiguous()?;
        Tensor::cat(&[even, &own, &theirs], 3)?.contiguous()
    }

    /// Adds `Σ_j χ_ij^{ca} sin 2πΔ_ij^a/n`, the last sums of [`along`].
    pub(super) fn add(&mut self, more: &Tensor) -> Result<()> {
        self.u = Some(self.u.take().map_or_else(|| Ok(more.clone()), |u| u + more)?);
        Ok(())
    }
}
