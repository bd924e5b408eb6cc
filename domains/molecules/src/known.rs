//! Atoms of which something is known before sampling: species, and the shape of a scaffold.

use candle_core::{DType, Tensor};
use langevin_core::{Error, Result, State};
use langevin_transport::{Assigner, CostMatrix, TransportError, kabsch};

/// Log-probability of a species that an atom cannot be: small enough to never be drawn, and finite.
const NEVER: f64 = -200.0;

/// What is known of samples of one size, in the units of a state.
///
/// Estimates and samples are projected on it. The network is asked as ever, so that any model can be: given
/// the noisy state, its estimate of a known species is replaced by the species, and the estimated
/// places of the scaffold's atoms by the scaffold itself, turned and shifted onto them (Kabsch). A step
/// from such an estimate is that of the process whose clean end has these atoms.
///
/// Of a composition it is not known which atom is which, and the noise already says something of it where
/// training paired it with data: of all ways to give out the species the most probable one is taken
/// at each step, an assignment problem.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Species of the first atoms.
    pub species: Vec<u32>,
    /// Coordinates of the first atoms, three for each.
    pub scaffold: Vec<f64>,
    /// Species of all other atoms, in any order, where the composition is known.
    pub others: Option<Vec<u32>>,
}

impl Known {
    /// Whether there is nothing to hold.
    pub fn is_empty(&self) -> bool {
        self.species.is_empty() && self.scaffold.is_empty() && self.others.is_none()
    }

    /// Reference samples `x_1` with the points first that the scaffold lies on best, as training pairs points
    /// with atoms: the points are as likely in any order.
    ///
    /// # Errors
    /// As [`Known::of_estimate`].
    pub fn of_reference(&self, x_1: &State) -> Result<State> {
        let (_, n, _) = x_1.part(0).dims3()?;
        self.check(n)?;
        let k = self.scaffold.len() / 3;
        if k == 0 {
            return Ok(x_1.clone());
        }
        let positions = x_1.part(0).to_dtype(DType::F64)?.to_vec3::<f64>()?;
        let mut assigner = Assigner::new();
        let mut rows = Vec::with_capacity(positions.len());
        for (sample, positions) in positions.iter().enumerate() {
            let cost = CostMatrix::squared_euclidean(&self.scaffold, &positions.concat(), 3);
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

    /// `estimate` with what is known.
    ///
    /// # Errors
    /// [`Error::Tensor`], or [`Error::Shape`] if it has fewer atoms than are known.
    pub fn of_estimate(&self, estimate: &State) -> Result<State> {
        let logits = estimate.part(1);
        let (batch, n, kinds) = logits.dims3()?;
        self.check(n)?;
        let mut values = logits.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
        let mut assigner = Assigner::new();
        for sample in values.chunks_exact_mut(n * kinds) {
            let others =
                self.others(&sample[self.species.len() * kinds..], kinds, &mut assigner)?;
            let all = self.species.iter().chain(&others);
            for (row, &species) in sample.chunks_exact_mut(kinds).zip(all) {
                row.fill(NEVER);
                row[species as usize] = 0.0;
            }
        }
        let logits = Tensor::from_vec(values, (batch, n, kinds), logits.device())?
            .to_dtype(logits.dtype())?;
        Ok(State::new(vec![self.positions(estimate.part(0))?, logits]))
    }

    /// The most probable way to give out the species of the atoms that are not the first ones.
    fn others(&self, log_p: &[f64], kinds: usize, assigner: &mut Assigner) -> Result<Vec<u32>> {
        let Some(others) = &self.others else { return Ok(Vec::new()) };
        let n = others.len();
        if n == 0 {
            return Ok(Vec::new());
        }
        let rows = log_p.chunks_exact(kinds);
        let cost: Vec<f64> = rows
            .flat_map(|row| others.iter().map(|&kind| -row[kind as usize].max(NEVER)))
            .collect();
        let cost = CostMatrix::new(cost, n, n);
        let own = cost.and_then(|cost| Ok(assigner.solve(cost.view())?.column_of_row.clone()));
        let own = own.map_err(|error| failed("species that can be given out", &error))?;
        Ok(own.into_iter().map(|j| others[j]).collect())
    }

    /// `x` with what is known.
    ///
    /// # Errors
    /// As [`Known::of_estimate`].
    pub fn of_state(&self, x: &State) -> Result<State> {
        let (batch, n) = x.part(1).dims2()?;
        self.check(n)?;
        let mut species = x.part(1).to_vec2::<u32>()?.concat();
        for sample in species.chunks_exact_mut(n) {
            sample[..self.species.len()].copy_from_slice(&self.species);
        }
        let species = Tensor::from_vec(species, (batch, n), x.part(1).device())?;
        Ok(State::new(vec![self.positions(x.part(0))?, species]))
    }

    /// Positions with the scaffold laid onto its atoms, centred.
    fn positions(&self, positions: &Tensor) -> Result<Tensor> {
        if self.scaffold.is_empty() {
            return Ok(positions.clone());
        }
        let shape = positions.dims3()?;
        let n = shape.1;
        let mut values = positions.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
        for sample in values.chunks_exact_mut(3 * n) {
            let own = &mut sample[..self.scaffold.len()];
            let motion = kabsch(&self.scaffold, own, 3, None, false)
                .map_err(|error| failed("a scaffold that can be laid onto its atoms", &error))?;
            own.copy_from_slice(&motion.apply(&self.scaffold));
            for axis in 0..3 {
                let mean = sample.iter().skip(axis).step_by(3).sum::<f64>() / n as f64;
                sample.iter_mut().skip(axis).step_by(3).for_each(|x| *x -= mean);
            }
        }
        Ok(Tensor::from_vec(values, shape, positions.device())?.to_dtype(positions.dtype())?)
    }

    fn check(&self, atoms: usize) -> Result<()> {
        let known = self.species.len().max(self.scaffold.len() / 3);
        let all = self.others.as_ref().map_or(atoms, |others| self.species.len() + others.len());
        if known <= atoms && all == atoms {
            return Ok(());
        }
        let what = "atoms of which something is known".into();
        Err(Error::Shape { what, found: vec![known.max(all)], expected: vec![atoms] })
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

    fn known() -> Known {
        // An angle of three atoms, of which the third one's species is free.
        let scaffold = vec![0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.2, 0.0];
        Known { species: vec![1, 0], scaffold, others: None }
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
        let held = known().of_estimate(&State::new(vec![positions, logits])).unwrap();
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
        let logits = held.part(1).to_vec3::<f64>().unwrap();
        assert_eq!(logits[1][0], [NEVER, 0.0]);
        assert_eq!(logits[1][1], [0.0, NEVER]);
        assert_eq!(logits[1][3], [0.0, 0.0]);
    }

    #[test]
    fn states_get_the_known_species_and_small_ones_are_refused() {
        let device = &Device::Cpu;
        let positions = Tensor::rand(0.0, 1.0, (1, 4, 3), device).unwrap();
        let species = Tensor::new(&[[0u32, 1, 1, 1]], device).unwrap();
        let held = known().of_state(&State::new(vec![positions, species])).unwrap();
        assert_eq!(held.part(1).to_vec2::<u32>().unwrap(), [[1, 0, 1, 1]]);
        let positions = Tensor::rand(0.0, 1.0, (1, 2, 3), device).unwrap();
        let species = Tensor::new(&[[0u32, 1]], device).unwrap();
        assert!(known().of_state(&State::new(vec![positions, species])).is_err());
        assert!(Known::default().is_empty() && !known().is_empty());
    }

    /// Two of class 0 and one of class 1 among three atoms that all prefer class 1: the one that prefers it
    /// most gets it.
    #[test]
    fn a_composition_is_given_out_as_the_estimate_prefers() {
        let device = &Device::Cpu;
        let others = Some(vec![0, 1, 0]);
        let known = Known { others, ..Known::default() };
        let positions = Tensor::zeros((1, 3, 3), DType::F64, device).unwrap();
        let logits = Tensor::new(&[[[-2.0, -0.1], [-5.0, -0.01], [-1.0, -0.5]]], device).unwrap();
        let held = known.of_estimate(&State::new(vec![positions.clone(), logits])).unwrap();
        let rows = held.part(1).to_vec3::<f64>().unwrap();
        assert_eq!(rows[0], [[0.0, NEVER], [NEVER, 0.0], [0.0, NEVER]]);
        let more = Tensor::zeros((1, 4, 2), DType::F64, device).unwrap();
        assert!(known.of_estimate(&State::new(vec![positions, more])).is_err());
    }

    /// A scaffold hidden in a cloud, its points last: they come first.
    #[test]
    fn points_near_the_scaffold_come_first() {
        let device = &Device::Cpu;
        let cloud = [[[5.0, 5.0, 5.0], [1.0, 1.1, 0.0], [0.1, 0.0, 0.0], [1.0, 0.1, 0.0]]];
        let positions = Tensor::new(&cloud, device).unwrap();
        let species = Tensor::new(&[[3u32, 2, 0, 1]], device).unwrap();
        let x = known().of_reference(&State::new(vec![positions, species])).unwrap();
        assert_eq!(x.part(1).to_vec2::<u32>().unwrap(), [[0, 1, 2, 3]]);
        assert_eq!(x.part(0).to_vec3::<f64>().unwrap()[0][2], [1.0, 1.1, 0.0]);
    }
}
