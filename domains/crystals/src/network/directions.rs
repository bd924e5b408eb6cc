//! Where messages point: displacements and vectors of atoms, odd under inversion.

use candle_core::{Result, Tensor};

/// Sines that each message scales along each axis: `sin 2πΔ` of all three axes, and its own `sin 4πΔ`.
pub(super) const DIRECTIONS: usize = 12;

/// `Σ_j (Σ_b φ^{ab} sin 2πΔ^b + ψ^a sin 4πΔ^a)/n` of scalars `[B, n, n, 12]`, rows of φ first: `[B, n, 3]`.
pub(super) fn displacements(scalars: &Tensor, odd: &Tensor) -> Result<Tensor> {
    let (batch, n, _, _) = odd.dims4()?;
    let (once, twice) = (odd.narrow(3, 0, 3)?, odd.narrow(3, 3, 3)?);
    let sines = Tensor::cat(&[&once, &once, &once, &twice], 3)?;
    let along = ((scalars * sines)?.sum(2)? / n as f64)?;
    let matrix = along.narrow(2, 0, 9)?.reshape((batch, n, 3, 3))?.sum(3)?;
    matrix + along.narrow(2, 9, 3)?
}

/// Vectors of atoms and what pairs see of them.
pub(super) struct Vectors {
    /// How many an atom has.
    count: usize,
    /// `sin 2πΔ_ij`, as often as there are vectors: `[B, n, n, 3 count]`.
    sines: Tensor,
    /// `u`, `[B, n, 3 count]`; nothing before the first layer.
    u: Option<Tensor>,
}

impl Vectors {
    pub(super) fn new(count: usize, odd: &Tensor) -> Result<Self> {
        let once = odd.narrow(3, 0, 3)?.contiguous()?;
        Ok(Self { count, sines: Tensor::cat(&vec![once; count.max(1)], 3)?, u: None })
    }

    /// `even` with `u_i^c · sin 2πΔ_ij` and `u_j^c · sin 2πΔ_ji` behind it.
    pub(super) fn beside(&self, even: &Tensor) -> Result<Tensor> {
        let Some(u) = &self.u else { return Ok(even.clone()) };
        let (batch, n, _) = u.dims3()?;
        let directions = self.sines.narrow(3, 0, 3)?.contiguous()?.reshape((batch * n, n, 3))?;
        let u = u.reshape((batch * n, self.count, 3))?.transpose(1, 2)?.contiguous()?;
        let own = directions.matmul(&u)?.reshape((batch, n, n, self.count))?;
        let theirs = own.transpose(1, 2)?.contiguous()?;
        Tensor::cat(&[even, &own, &theirs], 3)?.contiguous()
    }

    /// Adds `Σ_j χ_ij^{ca} sin 2πΔ_ij^a/n` of scalars `[B, n, n, 3 count]`.
    pub(super) fn add(&mut self, chi: &Tensor) -> Result<()> {
        let more = ((chi * &self.sines)?.sum(2)? / chi.dim(2)? as f64)?;
        self.u = Some(self.u.take().map_or(Ok(more.clone()), |u| u + &more)?);
        Ok(())
    }
}
