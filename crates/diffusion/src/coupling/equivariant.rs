//! Optimal transport within each sample, up to the symmetries of a cloud of points.

use candle_core::{DType, Tensor};
use langevin_core::{Condition, Coupling, Process, Result, Rng, State};
use langevin_transport::{Assigner, CostMatrix, TransportError, kabsch};

use super::{exchanged, failed};

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
        condition: &Condition,
    ) -> Result<Option<State>> {
        let (samples, n, d) = x_0.part(0).dims3()?;
        let rows = |x: &State| -> Result<Vec<f64>> {
            Ok(x.part(0).to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?)
        };
        let (data, mut reference) = (rows(x_0)?, rows(x_1)?);
        let pieces = condition.piece().map(|piece| mask_of(&piece.mask)).transpose()?;
        let given = condition.given();
        let kinds = |x: &State| given.map(|factor| x.part(factor).to_vec2::<u32>()).transpose();
        let kinds = kinds(x_0)?.zip(kinds(x_1)?);
        let (mut moved, mut order) = (Vec::with_capacity(data.len()), Vec::new());
        let mut assigner = Assigner::new();
        let clouds = data.chunks_exact(n * d).zip(reference.chunks_exact_mut(n * d));
        for (sample, (data, reference)) in clouds.enumerate() {
            let piece = pieces.as_ref().map(|pieces| &pieces[sample][..]);
            if let Some(piece) = piece {
                put(piece, data, reference, d);
            }
            let kinds = kinds
                .as_ref()
                .map(|(of_data, of_reference)| (&of_data[sample], &of_reference[sample]));
            let alike = |i: usize, j: usize| {
                kinds.is_none_or(|(of_data, of_reference)| of_data[i] == of_reference[j])
                    && piece.is_none_or(|held| if held[i] || held[j] { i == j } else { true })
            };
            let cost = costs(data, reference, d, alike).map_err(failed(n, n))?;
            let own = assigner.solve(cost.view()).map_err(failed(n, n))?.column_of_row.clone();
            let taken: Vec<f64> =
                own.iter().flat_map(|&j| reference[j * d..(j + 1) * d].iter().copied()).collect();
            if piece.is_some() {
                // Turned, it would not be the piece any more.
                moved.extend(taken);
            } else {
                let motion = kabsch(&taken, data, d, None, false).map_err(failed(n, n))?;
                moved.extend(motion.apply(&taken));
            }
            order.push(own);
        }
        let part = |(i, part): (usize, &Tensor)| -> Result<Tensor> {
            if i == 0 {
                let moved = Tensor::from_slice(&moved, (samples, n, d), part.device())?;
                return Ok(moved.to_dtype(part.dtype())?);
            }
            exchanged(part, &order)
        };
        let parts = x_1.parts().iter().enumerate().map(part).collect::<Result<_>>()?;
        Ok(Some(State::new(parts)))
    }

    /// A random point and its nearest ones, as many as chance says: from two points to all but one.
    fn piece(&self, x_0: &State, rng: &mut Rng) -> Result<Option<Tensor>> {
        let (samples, n, _) = x_0.part(0).dims3()?;
        let (which, many) = (rng.uniforms(), rng.uniforms());
        let x = x_0.part(0).to_dtype(DType::F64)?.to_vec3::<f64>()?;
        let mut mask = vec![0.0f64; samples * n];
        for (sample, points) in x.iter().enumerate() {
            let first = &points[((which[sample] * n as f64) as usize).min(n - 1)];
            let away = |i: &usize| -> f64 {
                points[*i].iter().zip(first).map(|(a, b)| (a - b) * (a - b)).sum()
            };
            let mut nearest: Vec<usize> = (0..n).collect();
            nearest.sort_by(|a, b| away(a).total_cmp(&away(b)));
            let count = 2 + (many[sample] * n.saturating_sub(2) as f64) as usize;
            for &i in nearest.iter().take(count.min(n.saturating_sub(1))) {
                mask[sample * n + i] = 1.0;
            }
        }
        Ok(Some(Tensor::from_vec(mask, (samples, n), x_0.part(0).device())?))
    }
}

/// Squared distances of the points, and more than any sum of them between points that are not `alike`.
fn costs(
    data: &[f64],
    reference: &[f64],
    d: usize,
    alike: impl Fn(usize, usize) -> bool,
) -> Result<CostMatrix, TransportError> {
    let size = |points: &[f64]| points.iter().map(|x| x * x).sum::<f64>();
    // |a − b|² ≤ 2 |a|² + 2 |b|².
    let apart = 2.0 * (size(data) + size(reference)) + 1.0;
    let n = data.len() / d;
    let mut cost = Vec::with_capacity(n * n);
    for (i, a) in data.chunks_exact(d).enumerate() {
        for (j, b) in reference.chunks_exact(d).enumerate() {
            let squared: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
            cost.push(if alike(i, j) { squared } else { squared + apart });
        }
    }
    CostMatrix::new(cost, n, n)
}

/// Which points are held, by sample.
fn mask_of(mask: &Tensor) -> Result<Vec<Vec<bool>>> {
    let rows = mask.to_dtype(DType::F64)?.to_vec2::<f64>()?;
    Ok(rows.into_iter().map(|row| row.into_iter().map(|held| held > 0.5).collect()).collect())
}

/// A reference cloud around the points of `data` that are held, with its mean at the origin again.
fn put(held: &[bool], data: &[f64], reference: &mut [f64], d: usize) {
    let (n, count) = (held.len(), held.iter().filter(|&&held| held).count().max(1));
    let piece = (0..n).filter(|&i| held[i]);
    let centre: Vec<f64> = (0..d)
        .map(|k| piece.clone().map(|i| data[i * d + k]).sum::<f64>() / count as f64)
        .collect();
    for (i, point) in reference.chunks_exact_mut(d).enumerate() {
        for k in 0..d {
            point[k] = if held[i] { data[i * d + k] } else { point[k] + centre[k] };
        }
    }
    for k in 0..d {
        let mean = reference.iter().skip(k).step_by(d).sum::<f64>() / n as f64;
        reference.iter_mut().skip(k).step_by(d).for_each(|x| *x -= mean);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::Device;
    use langevin_core::factor::{Base, Categorical, Centred, Space};
    use langevin_core::rng::ids;
    use langevin_core::{Purpose, Seed};

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
        let back = Equivariant.align(
            &process,
            &x_0,
            &State::new(vec![turned, classes]),
            &Condition::none(),
        );
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
        let aligned =
            Equivariant.align(&process, &x_0, &x_1, &Condition::none().giving(1)).unwrap().unwrap();
        let classes = |x: &State| x.part(1).to_vec2::<u32>().unwrap();
        assert_eq!(classes(&aligned), classes(&x_0));
        let cost = |x: &State| {
            let off = (x.part(0) - x_0.part(0)).unwrap().sqr().unwrap();
            off.sum((1, 2)).unwrap().to_vec1::<f64>().unwrap()
        };
        let free = Equivariant.align(&process, &x_0, &x_1, &Condition::none()).unwrap().unwrap();
        let (before, given) = (cost(&x_1), cost(&aligned));
        assert!(before.iter().zip(&given).all(|(before, given)| given <= before));
        assert_ne!(classes(&free), classes(&x_0), "the seed must let free points change kinds");
    }

    /// A piece lies at both ends alike up to a shift, so that it stands still on the whole path; around it the
    /// noise has its own law.
    #[test]
    fn a_piece_stands_still() {
        let space = Space::of("positions", Centred::new(6, 3))
            .and("species", Categorical::new(6, 2, Base::Uniform));
        let process = Process::new(&space, Arc::new(LinearConfig::default().build().unwrap()));
        let samples = 400;
        let mut rng = Rng::new(Seed(4), Purpose::Data, ids(0, samples), 0);
        let draw = |rng: &mut Rng| process.reference(DType::F64, &Device::Cpu, rng).unwrap();
        let (x_0, x_1) = (draw(&mut rng), draw(&mut rng));
        let mask = Equivariant.piece(&x_0, &mut rng).unwrap().unwrap();
        let kinds = Tensor::new(vec![vec![0u32, 1, 1, 0, 0, 1]; samples], &Device::Cpu).unwrap();
        let (x_0, x_1) = (x_0.with_part(1, &kinds), x_1.with_part(1, &kinds));
        let condition = Condition::none().giving(1).holding(0, mask.clone());
        let aligned = Equivariant.align(&process, &x_0, &x_1, &condition).unwrap().unwrap();
        assert_eq!(aligned.part(1).to_vec2::<u32>().unwrap(), kinds.to_vec2::<u32>().unwrap());
        let (a, b) =
            (x_0.part(0).to_vec3::<f64>().unwrap(), aligned.part(0).to_vec3::<f64>().unwrap());
        let mask = mask_of(&mask).unwrap();
        let (mut square, mut count, mut sizes) = (0.0, 0, [0; 7]);
        for ((a, b), held) in a.iter().zip(&b).zip(&mask) {
            let own: Vec<usize> = (0..6).filter(|&i| held[i]).collect();
            sizes[own.len()] += 1;
            let centre = |x: &[Vec<f64>], k: usize| {
                own.iter().map(|&i| x[i][k]).sum::<f64>() / own.len() as f64
            };
            for k in 0..3 {
                let (at_a, at_b) = (centre(a, k), centre(b, k));
                for i in 0..6 {
                    let (x, y) = (a[i][k] - at_a, b[i][k] - at_b);
                    if held[i] {
                        assert!((x - y).abs() < 1e-9);
                    } else {
                        (square, count) = (square + y * y, count + 1);
                    }
                }
                assert!(b.iter().map(|point| point[k]).sum::<f64>().abs() < 1e-9);
            }
        }
        // From two points to all but one, each about as often: 400/4 with a standard deviation of 9.
        assert!(sizes[..2] == [0, 0] && sizes[6] == 0 && sizes[2..6].iter().all(|&c| c > 55));
        // Centred noise of six points has variance 5/6; 4 200 values or so.
        let variance = square / f64::from(count);
        assert!((variance - 5.0 / 6.0).abs() < 0.1, "{variance}");
    }
}
