//! What a crystal is made of, seen as a whole: features of its composition alone.

use candle_core::{DType, Result, Tensor};
use langevin_kernels::{Activation, mean_over_points, to_points};
use langevin_nn::{Builder, Layer, Linear, one_hot};

/// Numbers of an atom that tell how its element shares in the crystal.
const NUMBERS: usize = 4;

/// Features of compositions: which structure an element's neighbours take is said by all elements and their ratios, and
/// messages of atoms that are still in the wrong places say it badly.
///
/// An atom of an element with `k` of `n` atoms, the rarest element having `k_min`, is its element and the numbers
/// `k/n, ln k, k_min/k, ln n`. With `a_i = MLP(atom i)` and `b_i = MLP(a_i, mean a)`, the features are
/// `MLP(mean of b over atoms, mean of b over elements)`. Unknown species are an element of their own.
///
/// # Shapes and units
/// - species `[B, n]` to `[B, width]`
///
/// # Sources
/// Sets by sums of their elements: Zaheer et al. (2017); compositions as weighted sets: Goodall and Lee (2020), Roost.
#[derive(Debug, Clone)]
pub(super) struct Composition {
    kinds: usize,
    atoms: [Linear; 2],
    among_others: [Linear; 2],
    whole: [Linear; 3],
}

impl Composition {
    /// `width` features of crystals of `elements` kinds of atoms.
    ///
    /// # Errors
    /// Those of [`Builder::parameter`].
    pub(super) fn new(
        builder: &Builder,
        elements: usize,
        width: usize,
    ) -> langevin_nn::Result<Self> {
        let kinds = elements + 1;
        let linear =
            |part: &str, inputs| Linear::new(&builder.part(part), inputs, width, Activation::Silu);
        Ok(Self {
            kinds,
            atoms: [linear("atoms.0", kinds + NUMBERS)?, linear("atoms.1", width)?],
            among_others: [linear("others.0", 2 * width)?, linear("others.1", width)?],
            whole: [linear("0", 2 * width)?, linear("1", width)?, linear("2", width)?],
        })
    }

    /// The features, `[B, width]`.
    ///
    /// # Errors
    /// If `species` are no classes `[B, n]`.
    pub(super) fn of(&self, species: &Tensor, dtype: DType) -> Result<Tensor> {
        let n = species.dim(1)?;
        let kinds = one_hot(species, self.kinds, dtype)?;
        let counts = kinds.broadcast_mul(&kinds.sum_keepdim(1)?)?.sum_keepdim(2)?;
        let atoms = Tensor::cat(&[&kinds, &numbers(&counts)?], 2)?;
        let a = through(&self.atoms, &atoms)?;
        let others = to_points(&mean_over_points(&a)?, n)?;
        let b = through(&self.among_others, &Tensor::cat(&[&a, &others], 2)?)?;
        let once = counts.recip()?;
        let over_elements = b.broadcast_mul(&once)?.sum(1)?.broadcast_div(&once.sum(1)?)?;
        through(&self.whole, &Tensor::cat(&[&mean_over_points(&b)?, &over_elements], 1)?)
    }
}

/// `k/n, ln k, k_min/k, ln n` of counts `k`, `[B, n, 1]`.
fn numbers(counts: &Tensor) -> Result<Tensor> {
    let n = counts.dim(1)? as f64;
    let rarest = counts.min_keepdim(1)?;
    let size = (counts.zeros_like()? + n.ln())?;
    Tensor::cat(&[&(counts / n)?, &counts.log()?, &rarest.broadcast_div(counts)?, &size], 2)
}

fn through(layers: &[Linear], x: &Tensor) -> Result<Tensor> {
    layers.iter().try_fold(x.clone(), |x, layer| layer.forward(&x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use langevin_core::Seed;
    use langevin_nn::ParamStore;

    fn of(species: &[u32]) -> Vec<f64> {
        let build = |builder: &Builder| Composition::new(builder, 5, 7);
        let (_, composition) = ParamStore::create(DType::F64, Seed(3), build).unwrap();
        let species = Tensor::from_slice(species, (1, species.len()), &Device::Cpu).unwrap();
        composition.of(&species, DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn order_says_nothing_and_ratios_elements_and_sizes_do() {
        let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        let whole = of(&[0, 1, 2, 2, 2]);
        assert!(close(&whole, &of(&[2, 1, 2, 0, 2])));
        for other in [&[0, 1, 2, 2][..], &[0, 1, 3, 3, 3], &[0, 1, 1, 2, 2], &[0, 1, 2, 2, 5]] {
            assert!(!close(&whole, &of(other)), "{other:?}");
        }
        assert!(!close(&whole, &of(&[0, 0, 1, 1, 2, 2, 2, 2, 2, 2])));
    }

    /// By hand: two atoms of one element and one of another.
    #[test]
    fn an_atom_is_told_how_its_element_shares() {
        let counts = Tensor::new(&[[[2.0], [1.0], [2.0]]], &Device::Cpu).unwrap();
        let told = numbers(&counts).unwrap().squeeze(0).unwrap().to_vec2::<f64>().unwrap();
        let [two, three] = [2f64.ln(), 3f64.ln()];
        let by_hand = [[2.0 / 3.0, two, 0.5, three], [1.0 / 3.0, 0.0, 1.0, three]];
        for (atom, row) in [(0, 0), (1, 1), (2, 0)] {
            for (a, b) in told[atom].iter().zip(&by_hand[row]) {
                assert!((a - b).abs() < 1e-15, "{told:?}");
            }
        }
    }
}
