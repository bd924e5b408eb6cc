//! What a network sees of a pair of atoms in a crystal.

use candle_core::{D, DType, Result, Tensor};
use langevin_kernels::whole_product;
use langevin_nn::radial_basis;

use crate::space::CellLaw;

/// Reach of the soft grid of distances, in Å.
const REACH: f64 = 6.0;

/// Pairs of the atoms of a batch.
pub(super) struct Pairs {
    /// Features that inversion does not change, `[B, n, n, width]`.
    pub(super) even: Tensor,
    /// `sin 2πΔ` and `sin 4πΔ` of the fractional differences Δ_ij = f_j − f_i, `[B, n, n, 6]`.
    pub(super) odd: Tensor,
}

/// Even features for `frequencies` and `radial`: cosines, products of two sines, distances.
pub(super) fn width(frequencies: usize, radial: usize) -> usize {
    3 * frequencies + 6 + radial
}

impl Pairs {
    /// Pairs of atoms at `coords` `[B, n, 3]` in cells of the metric `gram` `[B, 3, 3]`, in Å².
    ///
    /// `cos 2πmΔ_a` for m up to `frequencies` (by Chebyshev's recurrence), `sin 2πmΔ_a sin 2πmΔ_b` for m of 1 and 2,
    /// and the distance to the nearest image on a soft grid of `radial` points. All are even in Δ and blind to
    /// whole cells; the odd ones give directions.
    pub(super) fn new(
        coords: &Tensor,
        gram: &Tensor,
        frequencies: usize,
        radial: usize,
    ) -> Result<Self> {
        let (batch, n, _) = coords.dims3()?;
        let to = coords.unsqueeze(1)?.broadcast_as((batch, n, n, 3))?.contiguous()?;
        let from = coords.unsqueeze(2)?.broadcast_as((batch, n, n, 3))?.contiguous()?;
        let delta = (to - from)?;
        // floor has no gradient, which is right: the number of cells is piecewise constant.
        let delta = (&delta - (&delta + 0.5)?.floor()?)?;
        let angle = (&delta * std::f64::consts::TAU)?;
        let (sin, cos) = (angle.sin()?, angle.cos()?);
        let sin_twice = ((&sin * &cos)? * 2.0)?;
        let mut even = vec![cos.clone()];
        let mut before = cos.ones_like()?;
        for _ in 1..frequencies {
            let now = even.last().expect("begins with one");
            let next = (((&cos * now)? * 2.0)? - before)?;
            before = now.clone();
            even.push(next);
        }
        even.push(products(&sin)?);
        even.push(products(&sin_twice)?);
        even.push(radial_basis(&nearest_squared(&delta, gram)?, radial, REACH)?);
        Ok(Self {
            even: Tensor::cat(&even, D::Minus1)?.contiguous()?,
            odd: Tensor::cat(&[&sin, &sin_twice], D::Minus1)?.contiguous()?,
        })
    }
}

/// Products of different components: `x_0 x_1, x_0 x_2, x_1 x_2`.
fn products(x: &Tensor) -> Result<Tensor> {
    let (a, b, c) = (x.narrow(3, 0, 1)?, x.narrow(3, 1, 1)?, x.narrow(3, 2, 1)?);
    Tensor::cat(&[(&a * &b)?, (&a * &c)?, (b * c)?], D::Minus1)
}

/// Squared distance to the nearest of the 27 images around the one in [−½, ½)³: `[B, n, n, 1]`, in Å².
fn nearest_squared(delta: &Tensor, gram: &Tensor) -> Result<Tensor> {
    let (batch, n, _, _) = delta.dims4()?;
    let shift = |i: usize| [i / 9, i / 3 % 3, i % 3].map(|x| x as f64 - 1.0);
    let shifts: Vec<f64> = (0..27).flat_map(shift).collect();
    let shifts = Tensor::from_vec(shifts, (27, 3), delta.device())?.to_dtype(delta.dtype())?;
    let rows = delta.reshape((batch, n * n, 3))?;
    let along = whole_product(&rows, gram)?;
    let own = (&along * &rows)?.sum_keepdim(2)?;
    // (Δ + s) G (Δ + s) = Δ G Δ + 2 (Δ G) s + s G s.
    let images = whole_product(&shifts.broadcast_left(batch)?, gram)?;
    let images = (images * shifts.broadcast_left(batch)?)?.sum(2)?.unsqueeze(1)?;
    let both = (whole_product(&along, &shifts.t()?.broadcast_left(batch)?)? * 2.0)?;
    let nearest = both.broadcast_add(&images)?.min_keepdim(2)?;
    // Rounding can leave a point a hair below no distance from itself.
    ((own + nearest)?.relu()?).reshape((batch, n, n, 1))
}

/// L Lᵀ in Å², `[B, 3, 3]`, of standardised cells `[B, 6]` of `atoms` atoms: exp(2 S) in operations that have
/// gradients.
pub(super) fn gram(cells: &Tensor, law: &CellLaw, atoms: usize) -> Result<Tensor> {
    // S = Σ_i k_i E_i, k = mean + deviation · cell.
    const BASIS: [[f64; 9]; 6] = [
        [0., 1., 0., 1., 0., 0., 0., 0., 0.],
        [0., 0., 1., 0., 0., 0., 1., 0., 0.],
        [0., 0., 0., 0., 0., 1., 0., 1., 0.],
        [1., 0., 0., 0., -1., 0., 0., 0., 0.],
        [1., 0., 0., 0., 1., 0., 0., 0., -2.],
        [1., 0., 0., 0., 1., 0., 0., 0., 1.],
    ];
    let (batch, _) = cells.dims2()?;
    let base = law.coordinates([0.0; 6], atoms);
    let tensor = |x: Vec<f64>, shape: &[usize]| {
        Tensor::from_vec(x, shape, cells.device())?.to_dtype(cells.dtype())
    };
    let sum = |j: usize| (0..6).map(|i| base[i] * BASIS[i][j]).sum::<f64>();
    let rows = (0..6).flat_map(|i| BASIS[i].map(|x| x * law.deviation[i]));
    let (rows, mean) = (tensor(rows.collect(), &[6, 9])?, tensor((0..9).map(sum).collect(), &[9])?);
    let s = whole_product(cells, &rows)?.broadcast_add(&mean)?.reshape((batch, 3, 3))?;
    // exp by Taylor's series of 2 S/2⁶, then six squarings: below 1e-9 for cells of edges up to 50 Å.
    let x = (s * (2.0 / 64.0))?;
    let unit = Tensor::eye(3, DType::F32, cells.device())?.to_dtype(cells.dtype())?;
    let unit = unit.broadcast_left(batch)?.contiguous()?;
    let mut exp = unit.clone();
    for order in (1..=6).rev() {
        exp = (&unit + (whole_product(&x, &exp)? / f64::from(order))?)?;
    }
    for _ in 0..6 {
        exp = whole_product(&exp, &exp)?;
    }
    Ok(exp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lattice::Lattice;
    use candle_core::Device;

    /// Distances are those of a search over 125 images, cells those of the chart.
    #[test]
    fn pairs_are_those_of_the_lattice() {
        let law = CellLaw { mean: [0.1, 0.0, -0.1, 0.2, 0.0, 0.9], deviation: [0.2; 6] };
        let cell = [0.4, -1.0, 0.3, 0.8, -0.5, 1.1];
        let frac = [[0.05, 0.1, 0.9], [0.95, 0.6, 0.2], [0.5, 0.55, 0.45]];
        let lattice = Lattice::from_log_coordinates(law.coordinates(cell, 3)).unwrap();
        let cells = Tensor::new(&[cell], &Device::Cpu).unwrap();
        let gram = gram(&cells, &law, 3).unwrap();
        let rows = gram.to_vec3::<f64>().unwrap();
        let vectors = lattice.vectors();
        for i in 0..3 {
            for j in 0..3 {
                let want = crate::geometry::dot(&vectors[i], &vectors[j]);
                assert!((rows[0][i][j] - want).abs() < 1e-7, "{} {want}", rows[0][i][j]);
            }
        }
        let coords = Tensor::new(&[frac], &Device::Cpu).unwrap();
        let pairs = Pairs::new(&coords, &gram, 4, 5).unwrap();
        assert_eq!(pairs.even.dims(), [1, 3, 3, width(4, 5)]);
        let even = pairs.even.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let odd = pairs.odd.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        for (i, j) in [(0, 1), (2, 0), (1, 2)] {
            let delta: [f64; 3] = std::array::from_fn(|k| frac[j][k] - frac[i][k]);
            let own = &even[(3 * i + j) * width(4, 5)..][..width(4, 5)];
            let turn = |m: f64, k: usize| std::f64::consts::TAU * m * delta[k];
            for (m, row) in own[..12].chunks(3).enumerate() {
                for k in 0..3 {
                    assert!((row[k] - turn(m as f64 + 1.0, k).cos()).abs() < 1e-12);
                }
            }
            for (place, (a, b)) in [(0, 1), (0, 2), (1, 2)].into_iter().enumerate() {
                assert!((own[12 + place] - turn(1.0, a).sin() * turn(1.0, b).sin()).abs() < 1e-12);
                assert!((own[15 + place] - turn(2.0, a).sin() * turn(2.0, b).sin()).abs() < 1e-12);
            }
            let mut nearest = f64::INFINITY;
            for s in 0..125 {
                let s = [s / 25, s / 5 % 5, s % 5].map(|x| f64::from(x) - 2.0);
                let image: [f64; 3] = std::array::from_fn(|k| delta[k] + s[k]);
                nearest = nearest.min(crate::geometry::norm(&lattice.cartesian(&image)));
            }
            for (k, got) in own[18..].iter().enumerate() {
                let want = (-(nearest / (REACH / 4.0) - k as f64).powi(2)).exp();
                assert!((got - want).abs() < 1e-6, "{got} {want}");
            }
            let sines = &odd[(3 * i + j) * 6..][..6];
            for k in 0..3 {
                assert!((sines[k] - turn(1.0, k).sin()).abs() < 1e-12);
                assert!((sines[3 + k] - turn(2.0, k).sin()).abs() < 1e-12);
            }
        }
    }
}
