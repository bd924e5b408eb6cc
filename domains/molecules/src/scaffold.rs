//! A scaffold: atoms whose shape is known before sampling.

use candle_core::{DType, Tensor};
use langevin_core::{Error, Result, State};
use langevin_transport::{Assigner, CostMatrix, TransportError, kabsch};

/// The shape of the first atoms of every sample, in the units of a state.
///
/// Estimates and samples are projected on it: the estimated places of these atoms are replaced by the scaffold
/// itself, turned and shifted onto them (Kabsch). A step from such an estimate is that of the process whose
/// clean end has these atoms. Their species are given to the network ([`langevin_core::Condition::giving`]).
#[derive(Debug, Clone, Default)]
pub struct Scaffold {
    /// Coordinates of the first atoms, three for each.
    pub positions: Vec<f64>,
}

impl Scaffold {
    /// Whether there is nothing to hold.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// Reference samples `x_1` with the points first that the scaffold lies on best, as training pairs points
    /// with atoms: the points are as likely in any order.
    ///
    /// # Errors
    /// As [`Scaffold::hold`].
    pub fn of_reference(&self, x_1: &State) -> Result<State> {
        let (_, n, _) = x_1.part(0).dims3()?;
        self.check(n)?;
        let k = self.positions.len() / 3;
        if k == 0 {
            return Ok(x_1.clone());
        }
        let positions = x_1.part(0).to_dtype(DType::F64)?.to_vec3::<f64>()?;
        let mut assigner = Assigner::new();
        let mut rows = Vec::with_capacity(positions.len());
        for (sample, positions) in positions.iter().enumerate() {
            let cost = CostMatrix::squared_euclidean(&self.positions, &positions.concat(), 3);
            let own = cost.and_then(|cost| Ok(assigner.solve(cost.view())?.column_of_row.clone()));
            let own = own.map_err(|error| failed("a scaffold that points lie near", &error))?;
            let rest = (0..n).filter(|point| !own.contains(point));
            let order: Vec<u32> = own.iter().copied().chain(rest).map(|i| i as u32).collect();
            let order = Tensor::new(order, x_1.part(0).device())?;
            let one = x_1.narrow(sample, 1)?;
            rows.push(one.map(|part| Ok(part.index_select(&order, 1)?))?);
        }
        State::concat(&rows)
    }

    /// An estimate or a state with the scaffold in it.
    ///
    /// # Errors
    /// [`Error::Tensor`], or [`Error::Shape`] if it has fewer atoms than the scaffold.
    pub fn hold(&self, x: &State) -> Result<State> {
        self.check(x.part(0).dims3()?.1)?;
        Ok(x.with_part(0, &self.laid_onto(x.part(0))?))
    }

    /// Positions with the scaffold laid onto its atoms, centred.
    fn laid_onto(&self, positions: &Tensor) -> Result<Tensor> {
        if self.positions.is_empty() {
            return Ok(positions.clone());
        }
        let shape = positions.dims3()?;
        let n = shape.1;
        let mut values = positions.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
        for sample in values.chunks_exact_mut(3 * n) {
            let own = &mut sample[..self.positions.len()];
            let motion = kabsch(&self.positions, own, 3, None, false)
                .map_err(|error| failed("a scaffold that can be laid onto its atoms", &error))?;
            own.copy_from_slice(&motion.apply(&self.positions));
            for axis in 0..3 {
                let mean = sample.iter().skip(axis).step_by(3).sum::<f64>() / n as f64;
                sample.iter_mut().skip(axis).step_by(3).for_each(|x| *x -= mean);
            }
        }
        Ok(Tensor::from_vec(values, shape, positions.device())?.to_dtype(positions.dtype())?)
    }

    fn check(&self, atoms: usize) -> Result<()> {
        let known = self.positions.len() / 3;
        if known <= atoms {
            return Ok(());
        }
        let what = "atoms of a scaffold".into();
        Err(Error::Shape { what, found: vec![known], expected: vec![atoms] })
    }
}

/// `error` of a geometric problem, as one of a state that does not fit.
fn failed(what: &str, error: &TransportError) -> Error {
    Error::Shape { what: format!("{what}: {error}"), found: Vec::new(), expected: Vec::new() }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn angle() -> Scaffold {
        // An angle of three atoms.
        let positions = vec![0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.2, 0.0];
        Scaffold { positions }
    }

    fn distance(x: &[Vec<f64>], i: usize, j: usize) -> f64 {
        (0..3).map(|k| (x[i][k] - x[j][k]).powi(2)).sum::<f64>().sqrt()
    }

    #[test]
    fn the_scaffold_keeps_its_shape_and_lies_where_its_atoms_were() {
        let device = &Device::Cpu;
        let rough = [
            [[0.2, 0.1, 2.0], [-0.1, 1.0, 2.1], [1.2, 1.1, 1.9], [3.0, 3.0, 3.0]],
            [[0.0, 0.0, 0.0], [0.9, 0.0, 0.1], [1.0, 1.4, 0.0], [-2.0, 0.0, 1.0]],
        ];
        let positions = Tensor::new(&rough, device).unwrap();
        let logits = Tensor::zeros((2, 4, 2), DType::F64, device).unwrap();
        let held = angle().hold(&State::new(vec![positions, logits])).unwrap();
        let positions = held.part(0).to_vec3::<f64>().unwrap();
        for (sample, rough) in positions.iter().zip(&rough) {
            assert!((distance(sample, 0, 1) - 1.0).abs() < 1e-12);
            assert!((distance(sample, 1, 2) - 1.2).abs() < 1e-12);
            assert!((distance(sample, 0, 2) - 2.44f64.sqrt()).abs() < 1e-12);
            let mean: f64 = sample.iter().map(|p| p[0]).sum();
            assert!(mean.abs() < 1e-12);
            // Up to the shift to the centre the atoms are near their estimates.
            let off =
                |i: usize, k: usize| sample[i][k] - rough[i][k] - (sample[3][k] - rough[3][k]);
            assert!((0..3).all(|i| (0..3).all(|k| off(i, k).abs() < 0.25)));
        }
        let small = Tensor::zeros((1, 2, 3), DType::F64, device).unwrap();
        assert!(angle().hold(&State::single(small)).is_err());
        assert!(Scaffold::default().is_empty() && !angle().is_empty());
    }

    /// A scaffold hidden in a cloud, its points last: they come first.
    #[test]
    fn points_near_the_scaffold_come_first() {
        let device = &Device::Cpu;
        let cloud = [[[5.0, 5.0, 5.0], [1.0, 1.1, 0.0], [0.1, 0.0, 0.0], [1.0, 0.1, 0.0]]];
        let positions = Tensor::new(&cloud, device).unwrap();
        let species = Tensor::new(&[[3u32, 2, 0, 1]], device).unwrap();
        let x = angle().of_reference(&State::new(vec![positions, species])).unwrap();
        assert_eq!(x.part(1).to_vec2::<u32>().unwrap(), [[0, 1, 2, 3]]);
        assert_eq!(x.part(0).to_vec3::<f64>().unwrap()[0][2], [1.0, 1.1, 0.0]);
    }
}
