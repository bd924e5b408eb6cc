//! Optimal transport within each sample, up to the symmetries of points on a torus.

use candle_core::{DType, Tensor};
use langevin_core::{Condition, Coupling, Process, Result, State};
use langevin_transport::{Assigner, CostView, TransportError};

use super::{exchanged, failed};

/// Each reference sample, its points exchanged and shifted together, so that it lies near its datum.
///
/// Both leave a uniform reference of independent points as it is, and a network that is equivariant under them
/// cannot tell the difference. Where the kinds of the points are given, only points of one kind are exchanged. Shifts are
/// tried that bring points of the rarest kind together; the best is improved by assigning and shifting in turn, so
/// that the sum of squared shortest displacements is small, if not always the least. The first factor are the
/// coordinates `[B, n, d]`; what other factors say of the points goes with them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Periodic;

/// Points of the rarest kind that are tried for the first shift.
const ANCHORS: usize = 4;

impl Coupling for Periodic {
    fn align(
        &self,
        _: &Process,
        x_0: &State,
        x_1: &State,
        condition: &Condition,
    ) -> Result<Option<State>> {
        let (samples, n, d) = x_0.part(0).dims3()?;
        let rows = |x: &State| -> Result<Vec<f64>> {
            Ok(x.part(0).to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?)
        };
        let (data, reference) = (rows(x_0)?, rows(x_1)?);
        let given = condition.given();
        let kinds = |x: &State| given.map(|factor| x.part(factor).to_vec2::<u32>()).transpose();
        let kinds = kinds(x_0)?.zip(kinds(x_1)?);
        let (mut moved, mut orders) = (Vec::with_capacity(data.len()), Vec::new());
        let mut assigner = Assigner::new();
        let clouds = data.chunks_exact(n * d).zip(reference.chunks_exact(n * d));
        for (sample, (data, reference)) in clouds.enumerate() {
            let same = vec![0; n];
            let (of_data, of_reference) = match &kinds {
                Some((data, reference)) => (&data[sample], &reference[sample]),
                None => (&same, &same),
            };
            let pair = Pair { data, reference, of_data, of_reference, n, d };
            let (order, shift) = pair.nearest(&mut assigner).map_err(failed(n, n))?;
            for &j in &order {
                moved.extend((0..d).map(|k| {
                    let x = reference[j * d + k] + shift[k];
                    let x = x - x.floor();
                    if x < 1.0 { x } else { 0.0 }
                }));
            }
            orders.push(order);
        }
        let part = |(i, part): (usize, &Tensor)| -> Result<Tensor> {
            if i > 0 {
                return exchanged(part, &orders);
            }
            let moved = Tensor::from_slice(&moved, (samples, n, d), part.device())?;
            Ok(moved.to_dtype(part.dtype())?)
        };
        let parts = x_1.parts().iter().enumerate().map(part).collect::<Result<_>>()?;
        Ok(Some(State::new(parts)))
    }
}

/// The two ends of a sample.
struct Pair<'a> {
    data: &'a [f64],
    reference: &'a [f64],
    of_data: &'a [u32],
    of_reference: &'a [u32],
    n: usize,
    d: usize,
}

impl Pair<'_> {
    /// The reference point of each datum, and the shift of all.
    fn nearest(&self, assigner: &mut Assigner) -> Result<(Vec<usize>, Vec<f64>), TransportError> {
        let count =
            |i: &usize| self.of_data.iter().filter(|kind| **kind == self.of_data[*i]).count();
        let anchor = (0..self.n).min_by_key(count).unwrap_or(0);
        let kind = self.of_data[anchor];
        let places = (0..self.n).filter(|&j| self.of_reference[j] == kind).take(ANCHORS);
        let mut best: Option<(f64, Vec<usize>, Vec<f64>)> = None;
        for place in places {
            let at = |k: usize| self.data[anchor * self.d + k] - self.reference[place * self.d + k];
            let mut shift: Vec<f64> = (0..self.d).map(at).collect();
            let mut order = self.assigned(&shift, assigner)?;
            // Assigning does not know the shift that is best after it, nor the shift the assignment: two rounds
            // gain what there is to gain.
            for round in 0..2 {
                let mean = self.mean(&order, &shift);
                shift.iter_mut().zip(mean).for_each(|(shift, mean)| *shift += mean);
                if round == 0 {
                    order = self.assigned(&shift, assigner)?;
                }
            }
            let cost = self.cost(&order, &shift);
            if best.as_ref().is_none_or(|(least, _, _)| cost < *least) {
                best = Some((cost, order, shift));
            }
        }
        let (_, order, shift) = best.expect("a kind that is given is that of a reference point");
        Ok((order, shift))
    }

    /// The shortest displacement from reference point `j`, shifted, to datum `i`, along axis `k`.
    fn step(&self, i: usize, j: usize, shift: &[f64], k: usize) -> f64 {
        let x = self.data[i * self.d + k] - self.reference[j * self.d + k] - shift[k];
        x - (x + 0.5).floor()
    }

    fn square(&self, i: usize, j: usize, shift: &[f64]) -> f64 {
        (0..self.d).map(|k| self.step(i, j, shift, k).powi(2)).sum()
    }

    fn assigned(
        &self,
        shift: &[f64],
        assigner: &mut Assigner,
    ) -> Result<Vec<usize>, TransportError> {
        // No sum of squares is above n d/4: a pair of two kinds is taken only where there is no other.
        let apart = 1.0 + (self.n * self.d) as f64 / 4.0;
        let pairs = (0..self.n).flat_map(|i| (0..self.n).map(move |j| (i, j)));
        let cost = |(i, j): (usize, usize)| {
            let alike = self.of_data[i] == self.of_reference[j];
            self.square(i, j, shift) + if alike { 0.0 } else { apart }
        };
        let costs: Vec<f64> = pairs.map(cost).collect();
        Ok(assigner.solve(CostView::new(&costs, self.n, self.n)?)?.column_of_row)
    }

    fn mean(&self, order: &[usize], shift: &[f64]) -> Vec<f64> {
        let along = |k: usize| {
            let steps = order.iter().enumerate().map(|(i, &j)| self.step(i, j, shift, k));
            steps.sum::<f64>() / self.n as f64
        };
        (0..self.d).map(along).collect()
    }

    fn cost(&self, order: &[usize], shift: &[f64]) -> f64 {
        order.iter().enumerate().map(|(i, &j)| self.square(i, j, shift)).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::Device;
    use langevin_core::factor::{Base, Categorical, Space, Torus, TorusLaw};
    use langevin_core::rng::ids;
    use langevin_core::{Purpose, Rng, Seed};

    use super::*;
    use crate::schedule::LinearConfig;

    fn process(n: usize) -> Process {
        let space = Space::of("coords", Torus::new(&[n, 3], TorusLaw::Geodesic, true))
            .and("species", Categorical::new(n, 3, Base::Mask));
        Process::new(&space, Arc::new(LinearConfig::default().build().unwrap()))
    }

    fn states(n: usize, samples: usize) -> (State, State) {
        let process = process(n);
        let mut rng = Rng::new(Seed(3), Purpose::Data, ids(0, samples), 0);
        let mut draw = || process.reference(DType::F64, &Device::Cpu, &mut rng).unwrap();
        let kinds: Vec<u32> = (0..n as u32).map(|i| i.min(2)).collect();
        let kinds = Tensor::new(vec![kinds; samples], &Device::Cpu).unwrap();
        (draw().with_part(1, &kinds), draw().with_part(1, &kinds))
    }

    fn cost(x_0: &State, x_1: &State) -> Vec<f64> {
        let steps = (x_0.part(0) - x_1.part(0)).unwrap();
        let steps = (&steps - (&steps + 0.5).unwrap().floor().unwrap()).unwrap();
        steps.sqr().unwrap().sum((1, 2)).unwrap().to_vec1::<f64>().unwrap()
    }

    /// A shifted copy with points of one kind exchanged comes back to its datum.
    #[test]
    fn an_exchanged_and_shifted_copy_is_put_back() {
        let (x_0, _) = states(6, 8);
        let order = Tensor::new(&[0u32, 1, 4, 2, 5, 3], &Device::Cpu).unwrap();
        let shift = Tensor::new(&[[[0.3, 0.9, 0.55]]], &Device::Cpu).unwrap();
        let moved = x_0.part(0).index_select(&order, 1).unwrap().broadcast_add(&shift).unwrap();
        let copy = x_0.with_part(0, &moved);
        let condition = Condition::none().giving(1);
        let back = Periodic.align(&process(6), &x_0, &copy, &condition).unwrap().unwrap();
        assert!(cost(&x_0, &back).iter().all(|cost| *cost < 1e-20));
    }

    /// Kinds stay where they are, coordinates are those of the reference up to one shift, and the way is shorter.
    #[test]
    fn ways_become_shorter_and_kinds_stay() {
        let (x_0, x_1) = states(6, 32);
        let condition = Condition::none().giving(1);
        let near = Periodic.align(&process(6), &x_0, &x_1, &condition).unwrap().unwrap();
        let classes = |x: &State| x.part(1).to_vec2::<u32>().unwrap();
        assert_eq!(classes(&near), classes(&x_1));
        let (before, after) = (cost(&x_0, &x_1), cost(&x_0, &near));
        let total = |costs: &[f64]| costs.iter().sum::<f64>();
        // Six points in three dimensions: 18/12 on average at random.
        assert!(total(&after) < 0.6 * total(&before), "{} {}", total(&after), total(&before));
        let (a, b) =
            (x_1.part(0).to_vec3::<f64>().unwrap(), near.part(0).to_vec3::<f64>().unwrap());
        for (a, b) in a.iter().zip(&b) {
            let turn = |x: f64| x - (x + 0.5).floor();
            let shift: Vec<f64> = (0..3).map(|k| b[0][k] - a[0][k]).collect();
            let own = |b: &Vec<f64>| {
                a.iter().any(|a| (0..3).all(|k| turn(b[k] - a[k] - shift[k]).abs() < 1e-12))
            };
            assert!(b.iter().all(own), "each point is one of the reference");
        }
    }
}
