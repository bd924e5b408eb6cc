//! A scaffold: atoms whose shape is known before sampling.

use candle_core::{Device, Tensor};
use langevin_core::{Condition, Error, Result, State};

use crate::space::{POSITIONS_FACTOR, centred};

/// The shape of the first atoms of every sample, in the units of a state.
///
/// It stands still from the first time to the last, and the other atoms come out of noise around it
/// ([`Condition::holding`]); training shows the network such pieces of real molecules.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaffold(Vec<[f64; 3]>);

impl Scaffold {
    /// Atoms at `positions`.
    pub fn new(positions: &[[f64; 3]]) -> Self {
        Self(centred(positions).collect())
    }

    /// What the network is told of samples of `x` besides.
    ///
    /// # Errors
    /// [`Error::Tensor`] only.
    pub fn held(&self, condition: &Condition, x: &State) -> Result<Condition> {
        let (batch, n, _) = x.part(POSITIONS_FACTOR).dims3()?;
        let row: Vec<f64> = (0..n).map(|i| f64::from(u8::from(i < self.0.len()))).collect();
        let mask = Tensor::new(vec![row; batch], &Device::Cpu)?;
        Ok(condition.holding(POSITIONS_FACTOR, mask))
    }

    /// Reference samples `x_1` whose first points are the scaffold, with the others around it.
    ///
    /// # Errors
    /// [`Error::Tensor`], or [`Error::Shape`] if they have fewer points.
    pub fn within(&self, x_1: &State) -> Result<State> {
        let noise = x_1.part(POSITIONS_FACTOR);
        let (batch, n, _) = noise.dims3()?;
        let known = self.0.len();
        if known > n {
            let what = "atoms of a scaffold".into();
            return Err(Error::Shape { what, found: vec![known], expected: vec![n] });
        }
        let own = Tensor::from_vec(self.0.concat(), (known, 3), &Device::Cpu)?;
        let own = own.to_dtype(noise.dtype())?;
        let own = own.broadcast_as((batch, known, 3))?;
        let all = match n - known {
            0 => own.contiguous()?,
            others => Tensor::cat(&[&own, &noise.narrow(1, known, others)?], 1)?,
        };
        let centred = all.broadcast_sub(&all.mean_keepdim(1)?)?;
        Ok(x_1.with_part(POSITIONS_FACTOR, &centred))
    }

    /// Number of its atoms.
    pub fn atoms(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scaffold_comes_first_in_its_own_shape() {
        let angle = Scaffold::new(&[[5.0, 0.0, 0.0], [6.0, 0.0, 0.0], [6.0, 1.2, 0.0]]);
        let noise = Tensor::randn(0.0, 1.0, (2, 5, 3), &Device::Cpu).unwrap();
        let x_1 = State::single(noise.clone());
        let x = angle.within(&x_1).unwrap();
        let distance = |x: &Tensor, i: usize, j: usize| {
            let row = |i: usize| x.get(1).unwrap().get(i).unwrap();
            let off = (row(i) - row(j)).unwrap().sqr().unwrap().sum_all().unwrap();
            off.to_scalar::<f64>().unwrap().sqrt()
        };
        assert!((distance(x.part(0), 0, 1) - 1.0).abs() < 1e-12);
        assert!((distance(x.part(0), 0, 2) - 2.44f64.sqrt()).abs() < 1e-12);
        assert!((distance(x.part(0), 3, 4) - distance(&noise, 3, 4)).abs() < 1e-12);
        let mean = x.part(0).mean(1).unwrap().abs().unwrap().max_all().unwrap();
        assert!(mean.to_scalar::<f64>().unwrap() < 1e-12);
        let told = angle.held(&Condition::none(), &x).unwrap();
        let mask = told.piece().unwrap().mask.to_vec2::<f64>().unwrap();
        assert_eq!(mask, [[1.0, 1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0, 0.0]]);
        let small = State::single(noise.narrow(1, 0, 2).unwrap());
        assert!(angle.within(&small).is_err());
    }
}
