//! Training batches of molecules: each of one size, sizes as often as the data have them.

use std::collections::BTreeMap;

use candle_core::DType;
use langevin_core::{Batch, Domain, Result, Rng, Source};
use langevin_kernels::rng::tag;

use crate::record::Molecule;
use crate::space::Molecules;

/// Draws a size with the frequency that the data have, then molecules of that size, with replacement.
///
/// Every molecule is as likely as any other, in every place of every batch.
#[derive(Debug)]
pub struct MoleculeSource {
    domain: Molecules,
    /// Molecules of each size.
    by_size: BTreeMap<usize, Vec<Molecule>>,
    total: usize,
    dtype: DType,
}

impl MoleculeSource {
    /// Batches of `molecules`, encoded by `domain`.
    pub fn new(domain: Molecules, molecules: Vec<Molecule>, dtype: DType) -> Self {
        let total = molecules.len();
        let mut by_size: BTreeMap<usize, Vec<Molecule>> = BTreeMap::new();
        for molecule in molecules {
            by_size.entry(molecule.len()).or_default().push(molecule);
        }
        Self { domain, by_size, total, dtype }
    }

    /// The molecules that the quantile `u` falls among, all of one size.
    fn of_quantile(&self, u: f64) -> &[Molecule] {
        let mut below = (u * self.total as f64) as usize;
        for molecules in self.by_size.values() {
            if below < molecules.len() {
                return molecules;
            }
            below -= molecules.len();
        }
        // u below 1 ends above; rounding of the product could make it the total itself.
        self.by_size.values().next_back().expect("a source has molecules")
    }
}

impl Source for MoleculeSource {
    fn batch(&self, _: u64, rng: &mut Rng) -> Result<Batch> {
        let size = rng.uniforms()[0];
        let among = self.of_quantile(size);
        let pick = |mut stream: langevin_kernels::rng::Stream| {
            among[stream.below(among.len() as u64) as usize].clone()
        };
        let records: Vec<Molecule> = rng.streams().into_iter().map(pick).collect();
        let state = self.domain.encode(&records)?;
        let condition = self.domain.condition_of(&records, self.dtype)?;
        Ok(Batch { x_0: state.to_dtype(self.dtype)?, x_1: None, condition })
    }

    fn fingerprint(&self) -> String {
        let atoms = self.by_size.values().flatten().flat_map(|molecule| {
            molecule
                .positions()
                .iter()
                .flatten()
                .map(|x| x.to_bits())
                .chain(molecule.species().iter().map(|element| u64::from(element.number())))
                .chain(self.domain.properties.iter().filter_map(|property| {
                    molecule.labels().get(&property.name).map(|value| value.to_bits())
                }))
        });
        let step = |hash: u64, bits: u64| (hash ^ bits).wrapping_mul(0x0000_0100_0000_01b3);
        format!("{:016x}", atoms.fold(tag("molecules"), step))
    }
}

#[cfg(test)]
mod tests {
    use langevin_core::rng::ids;
    use langevin_core::{Purpose, Seed};

    use super::*;
    use crate::element::Element;

    fn chain(n: usize) -> Molecule {
        let positions = (0..n).map(|i| [i as f64, 0.0, 0.0]).collect();
        Molecule::new(vec![Element::H; n], positions).unwrap()
    }

    /// Three molecules of two atoms and one of five: sizes in the ratio 3 to 1.
    #[test]
    fn sizes_are_as_frequent_as_in_the_data_and_do_not_mix() {
        let molecules = vec![chain(2), chain(2), chain(5), chain(2)];
        let domain = Molecules::measured(&molecules).unwrap();
        let source = MoleculeSource::new(domain, molecules, DType::F32);
        let mut of_two = 0;
        for step in 0..2000 {
            let mut rng = Rng::new(Seed(1), Purpose::Data, ids(0, 4), step);
            let x = source.batch(0, &mut rng).unwrap().x_0;
            let (batch, n, _) = x.part(0).dims3().unwrap();
            assert_eq!((batch, x.part(1).dims2().unwrap()), (4, (4, n)));
            of_two += usize::from(n == 2);
        }
        // 2000 draws with chance 3/4: a standard deviation of 19; five of them.
        assert!(of_two.abs_diff(1500) < 97, "{of_two}");
    }
}
