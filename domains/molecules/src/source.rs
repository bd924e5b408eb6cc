//! Training batches of molecules: each of one size, sizes as often as the data have them.

use candle_core::DType;
use langevin_core::{Batch, BySize, Domain, Result, Rng, Source};
use langevin_kernels::rng::tag;

use crate::property::Property;
use crate::record::Molecule;
use crate::space::Molecules;

/// Draws a size with the frequency that the data have, then molecules of that size, with replacement.
#[derive(Debug)]
pub struct MoleculeSource {
    domain: Molecules,
    molecules: BySize<Molecule>,
    dtype: DType,
}

impl MoleculeSource {
    /// Batches of `molecules`, encoded by `domain`.
    ///
    /// # Panics
    /// If there are none.
    pub fn new(domain: Molecules, molecules: Vec<Molecule>, dtype: DType) -> Self {
        Self { domain, molecules: BySize::new(molecules, Molecule::len), dtype }
    }
}

impl Source for MoleculeSource {
    fn batch(&self, _: u64, rng: &mut Rng) -> Result<Batch> {
        let records: Vec<Molecule> = self.molecules.draw(rng).into_iter().cloned().collect();
        let state = self.domain.encode(&records)?;
        let condition = self.domain.condition_of(&records, self.dtype)?;
        Ok(Batch { x_0: state.to_dtype(self.dtype)?, x_1: None, condition })
    }

    fn fingerprint(&self) -> String {
        fingerprint("molecules", &self.molecules, &self.domain.properties)
    }
}

/// A hash of the atoms of `molecules` and their labels of `properties`, begun with their `purpose`.
pub(crate) fn fingerprint(
    purpose: &str,
    molecules: &BySize<Molecule>,
    properties: &[Property],
) -> String {
    let bits = molecules.iter().flat_map(|molecule| {
        let positions = molecule.positions().iter().flatten().map(|x| x.to_bits());
        let numbers = molecule.species().iter().map(|element| u64::from(element.number()));
        let label = |property: &Property| molecule.labels().get(&property.name).copied();
        positions.chain(numbers).chain(properties.iter().filter_map(label).map(f64::to_bits))
    });
    let step = |hash: u64, bits: u64| (hash ^ bits).wrapping_mul(0x0000_0100_0000_01b3);
    format!("{:016x}", bits.fold(tag(purpose), step))
}
