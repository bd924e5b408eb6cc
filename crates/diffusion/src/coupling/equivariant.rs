//! Optimal transport within each sample, up to the symmetries of a cloud of points.

use candle_core::{DType, Tensor};
use langevin_core::{Coupling, Process, Result, State};
use langevin_transport::{Assigner, CostMatrix, TransportError, kabsch};

use super::failed;

/// Each reference cloud, its points exchanged and the whole rotated, so that it lies near its datum.
///
/// Points are exchanged to the least sum of squared distances, then rotated to it; both leave a reference
/// of independent points with zero centre of mass as it is, and an equivariant network cannot tell the
/// difference, but the paths become shorter and straighter. Where the kinds of the points are given, only points
/// of one kind are exchanged. The first factor are the positions `[B, n, d]`;
/// what other factors say of the points goes with them.
///
/// # Sources
/// Klein, Krämer & Noé (2023); Song et al. (2023), EquiFM; Irwin et al. (2024), SemlaFlow.
#[derive(Debug, Clone, Copy, Default)]
pub struct Equivariant;

impl Coupling for Equivariant {
    fn align(
        &self,
        _: &Process,
        x_0: &State,
        x_1: &State,
        given: Option<usize>,
    ) -> Result<Option<State>> {
        let (samples, n, d) = x_0.part(0).dims3()?;
        let rows = |x: &State| -> Result<Vec<f64>> {
            Ok(x.part(0).to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?)
        };
        let (data, reference) = (rows(x_0)?, rows(x_1)?);
        let kinds = |x: &State| given.map(|factor| x.part(factor).to_vec2::<u32>()).transpose();
        let kinds = kinds(x_0)?.zip(kinds(x_1)?);
        let (mut moved, mut order) = (Vec::with_capacity(data.len()), Vec::new());
        let mut assigner = Assigner::new();
        let clouds = data.chunks_exact(n * d).zip(reference.chunks_exact(n * d));
        for (sample, (data, reference)) in clouds.enumerate() {
            let strangers =
                kinds.as_ref().map(|(kinds_0, kinds_1)| (&kinds_0[sample], &kinds_1[sample]));
            let cost = costs(data, reference, d, strangers).map_err(failed(n, n))?;
            let own = assigner.solve(cost.view()).map_err(failed(n, n))?.column_of_row.clone();
            let exchanged: Vec<f64> =
                own.iter().flat_map(|&j| reference[j * d..(j + 1) * d].iter().copied()).collect();
            let motion = kabsch(&exchanged, data, d, None, false).map_err(failed(n, n))?;
            moved.extend(motion.apply(&exchanged));
            order.push(own);
        }
        let part = |(i, part): (usize, &Tensor)| -> Result<Tensor> {
            if i == 0 {
                let moved = Tensor::from_slice(&moved, (samples, n, d), part.device())?;
                return Ok(moved.to_dtype(part.dtype())?);
            }
            if part.rank() < 2 || part.dim(1)? != n {
                return Ok(part.clone());
            }
            let own = |(sample, order): (usize, &Vec<usize>)| -> Result<Tensor> {
                let order: Vec<u32> = order.iter().map(|&j| j as u32).collect();
                let order = Tensor::new(order, part.device())?;
                Ok(part.narrow(0, sample, 1)?.index_select(&order, 1)?)
            };
            let rows = order.iter().enumerate().map(own).collect::<Result<Vec<_>>>()?;
            Ok(Tensor::cat(&rows, 0)?)
        };
        let parts = x_1.parts().iter().enumerate().map(part).collect::<Result<_>>()?;
        Ok(Some(State::new(parts)))
    }
}

/// Squared distances of the points, and more than any sum of them between points of different `kinds`.
fn costs(
    data: &[f64],
    reference: &[f64],
    d: usize,
    kinds: Option<(&Vec<u32>, &Vec<u32>)>,
) -> Result<CostMatrix, TransportError> {
    let Some((of_data, of_reference)) = kinds else {
        return CostMatrix::squared_euclidean(data, reference, d);
    };
    let size = |points: &[f64]| points.iter().map(|x| x * x).sum::<f64>();
    // |a − b|² ≤ 2 |a|² + 2 |b|².
    let apart = 2.0 * (size(data) + size(reference)) + 1.0;
    let mut cost = Vec::with_capacity(of_data.len() * of_reference.len());
    for (a, kind_a) in data.chunks_exact(d).zip(of_data) {
        for (b, kind_b) in reference.chunks_exact(d).zip(of_reference) {
            let squared: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
            cost.push(if kind_a == kind_b { squared } else { squared + apart });
        }
    }
    CostMatrix::new(cost, of_data.len(), of_reference.len())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::Device;
    use langevin_core::factor::{Base, Categorical, Centred, Space};
    use langevin_core::rng::ids;
    use langevin_core::{Purpose, Rng, Seed};

    use super::*;
    use crate::schedule::LinearConfig;

    /// A cloud that is its datum with points exchanged and turned by a little comes back to it.
    #[test]
    fn an_exchanged_and_turned_copy_is_put_back() {
        let space = Space::of("positions", Centred::new(5, 3))
            .and("species", Categorical::new(5, 4, Base::Uniform));
        let process = Process::new(&space, Arc::new(LinearConfig::default().build().unwrap()));
        let mut rng = Rng::new(Seed(3), Purpose::Data, ids(0, 6), 0);
        let x_0 = process.reference(DType::F64, &Device::Cpu, &mut rng).unwrap();
        let order = Tensor::new(&[3u32, 0, 4, 1, 2], &Device::Cpu).unwrap();
        let (sin, cos) = 0.2f64.sin_cos();
        let turn = [[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]];
        let turn = Tensor::new(&turn, &Device::Cpu).unwrap();
        let turned = x_0.part(0).index_select(&order, 1).unwrap().broadcast_matmul(&turn).unwrap();
        let classes = x_0.part(1).index_select(&order, 1).unwrap();
        let back = Equivariant.align(&process, &x_0, &State::new(vec![turned, classes]), None);
        let back = back.unwrap().unwrap();
        let off = (back.part(0) - x_0.part(0)).unwrap().abs().unwrap().max_all().unwrap();
        assert!(off.to_scalar::<f64>().unwrap() < 1e-12);
        let classes = |x: &State| x.part(1).to_vec2::<u32>().unwrap();
        assert_eq!(classes(&back), classes(&x_0));
    }

    /// Points of a kind that is given are exchanged among themselves only, at the least cost that is left.
    #[test]
    fn given_kinds_are_not_exchanged() {
        let space = Space::of("positions", Centred::new(4, 3))
            .and("species", Categorical::new(4, 2, Base::Uniform));
        let process = Process::new(&space, Arc::new(LinearConfig::default().build().unwrap()));
        let mut rng = Rng::new(Seed(4), Purpose::Data, ids(0, 8), 0);
        let x_0 = process.reference(DType::F64, &Device::Cpu, &mut rng).unwrap();
        let x_1 = process.reference(DType::F64, &Device::Cpu, &mut rng).unwrap();
        let kinds = Tensor::new(vec![vec![0u32, 1, 1, 0]; 8], &Device::Cpu).unwrap();
        let (x_0, x_1) = (x_0.with_part(1, &kinds), x_1.with_part(1, &kinds));
        let aligned = Equivariant.align(&process, &x_0, &x_1, Some(1)).unwrap().unwrap();
        let classes = |x: &State| x.part(1).to_vec2::<u32>().unwrap();
        assert_eq!(classes(&aligned), classes(&x_0));
        let cost = |x: &State| {
            let off = (x.part(0) - x_0.part(0)).unwrap().sqr().unwrap();
            off.sum((1, 2)).unwrap().to_vec1::<f64>().unwrap()
        };
        let free = Equivariant.align(&process, &x_0, &x_1, None).unwrap().unwrap();
        let (before, given) = (cost(&x_1), cost(&aligned));
        assert!(before.iter().zip(&given).all(|(before, given)| given <= before));
        assert_ne!(classes(&free), classes(&x_0), "the seed must let free points change kinds");
    }
}
