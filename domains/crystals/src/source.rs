//! Training batches of crystals: each of one size, sizes as often as the data have them.

use candle_core::DType;
use langevin_core::{Batch, BySize, Condition, Domain, Result, Rng, Source};
use langevin_kernels::rng::tag;

use crate::record::Crystal;
use crate::space::Crystals;

/// Draws a size with the frequency that the data have, then crystals of that size, with replacement.
#[derive(Debug)]
pub struct CrystalSource {
    domain: Crystals,
    crystals: BySize<Crystal>,
    dtype: DType,
}

impl CrystalSource {
    /// Batches of `crystals`, encoded by `domain`.
    ///
    /// # Panics
    /// If there are none.
    pub fn new(domain: Crystals, crystals: Vec<Crystal>, dtype: DType) -> Self {
        Self { domain, crystals: BySize::new(crystals, Crystal::len), dtype }
    }
}

impl Source for CrystalSource {
    fn batch(&self, _: u64, rng: &mut Rng) -> Result<Batch> {
        let records: Vec<Crystal> = self.crystals.draw(rng).into_iter().cloned().collect();
        let x_0 = self.domain.encode(&records)?.to_dtype(self.dtype)?;
        Ok(Batch { x_0, x_1: None, condition: Condition::none() })
    }

    fn fingerprint(&self) -> String {
        let numbers = self.crystals.iter().flat_map(|crystal| {
            let lattice = crystal.lattice().vectors().into_iter().flatten();
            let frac = crystal.frac_coords().iter().flatten().copied();
            let species = crystal.species().iter().map(|element| u64::from(element.number()));
            lattice.chain(frac).map(f64::to_bits).chain(species)
        });
        let step = |hash: u64, bits: u64| (hash ^ bits).wrapping_mul(0x0000_0100_0000_01b3);
        format!("{:016x}", numbers.fold(tag("crystals"), step))
    }
}
