//! What samples must be exactly: of a symmetry, of a volume, of some elements, of a stoichiometry.

use std::sync::Arc;

use candle_core::{D, DType, Tensor};
use langevin_core::{Denoiser, Estimate, Result, State, Times};

use crate::geometry::{Vec3, plus, wrapped};
use crate::lattice::{Lattice, LogCoordinates};
use crate::orbits::Orbits;
use crate::partition::{self, Partition};
use crate::space::{COORDS_FACTOR, Crystals, LATTICE_FACTOR, SPECIES_FACTOR};

/// Far below any logarithm of a probability, and finite: 0 · ∞ is no number.
const IMPOSSIBLE: f64 = -1e4;

/// What one sample must be.
#[derive(Debug, Clone, Default)]
pub struct Constraint {
    /// Its symmetry; where it sets out it has it.
    pub orbits: Option<Arc<Orbits>>,
    /// Its volume per atom in Å³.
    pub volume: Option<f64>,
    /// For each element that the model knows, whether it may have it.
    pub elements: Option<Arc<Vec<bool>>>,
    /// Which of its atoms are of one element.
    pub partition: Option<Arc<Partition>>,
}

impl Constraint {
    /// Whether anything will do.
    pub fn is_none(&self) -> bool {
        let Self { orbits, volume, elements, partition } = self;
        orbits.is_none() && volume.is_none() && elements.is_none() && partition.is_none()
    }
}

/// A denoiser whose estimates fulfil the constraints of their samples.
///
/// Displacements of atoms have their part that breaks the symmetry removed, cells are brought to the symmetric one beside
/// them and to their volume, elements that may not be are impossible, groups of atoms have one element. A rule that steps towards its estimates without
/// noise of its own then leads from a symmetric state to one; what is left in the cell, in whose chart symmetric cells
/// are no plane, [`Constrained::finished`] removes.
pub struct Constrained<'a, D> {
    denoiser: D,
    domain: &'a Crystals,
    constraints: Arc<[Constraint]>,
}

impl<'a, D: Denoiser> Constrained<'a, D> {
    /// `denoiser` on a batch with these constraints, one per sample.
    pub fn new(denoiser: D, domain: &'a Crystals, constraints: Arc<[Constraint]>) -> Self {
        Self { denoiser, domain, constraints }
    }

    /// What the network is to see: `x_t` with the elements that partitions know before the path does.
    fn told(&self, x_t: &State, row: impl Fn(usize) -> usize) -> Result<State> {
        if self.constraints.iter().all(|constraint| constraint.partition.is_none()) {
            return Ok(x_t.clone());
        }
        let of = |i: usize| self.constraints[row(i)].partition.as_deref();
        Ok(x_t.with_part(SPECIES_FACTOR, &partition::fill(x_t.part(SPECIES_FACTOR), of)?))
    }

    fn project(
        &self,
        x_t: &State,
        estimate: &Estimate,
        row: impl Fn(usize) -> usize,
    ) -> Result<Estimate> {
        let of = |i: usize| &self.constraints[row(i)];
        let species = estimate.part(SPECIES_FACTOR);
        let n = species.dims()[1];
        let steps = map_coords(estimate.part(COORDS_FACTOR), |i, steps| {
            of(i).orbits.as_ref().map(|orbits| orbits.steps(steps))
        })?;
        let cells = self.domain.map_cells(estimate.part(LATTICE_FACTOR), n, of)?;
        let allowed = (0..species.dims()[0]).map(|i| of(i).elements.as_deref());
        let mut species = only(species, &allowed.collect::<Vec<_>>())?;
        if self.constraints.iter().any(|constraint| constraint.partition.is_some()) {
            let of = |i: usize| of(i).partition.as_deref();
            species = partition::decide(&species, x_t.part(SPECIES_FACTOR), IMPOSSIBLE, of)?;
        }
        Ok(Estimate::new(vec![steps, cells, species]))
    }
}

impl<D: Denoiser> Denoiser for Constrained<'_, D> {
    fn denoise(&self, x_t: &State, t: &Times) -> Result<Estimate> {
        let x_t = self.told(x_t, |i| i)?;
        self.project(&x_t, &self.denoiser.denoise(&x_t, t)?, |i| i)
    }

    fn denoise_rows(&self, x_t: &State, t: &Times, rows: &[usize]) -> Result<Estimate> {
        let x_t = self.told(x_t, |i| rows[i])?;
        self.project(&x_t, &self.denoiser.denoise_rows(&x_t, t, rows)?, |i| rows[i])
    }

    fn recalling<'b>(&'b self, previous: &Estimate) -> Option<Box<dyn Denoiser + 'b>> {
        let denoiser = self.denoiser.recalling(previous)?;
        Some(Box::new(Constrained::new(denoiser, self.domain, self.constraints.clone())))
    }
}

impl Crystals {
    /// Samples `x` with their `constraints`, one per sample, fulfilled to rounding.
    ///
    /// # Errors
    /// [`langevin_core::Error::Tensor`] only.
    pub fn finished(&self, x: &State, constraints: &[Constraint]) -> Result<State> {
        if constraints.iter().all(Constraint::is_none) {
            return Ok(x.clone());
        }
        let n = x.part(SPECIES_FACTOR).dims()[1];
        let coords = map_coords(x.part(COORDS_FACTOR), |i, frac| {
            let lacks = constraints[i].orbits.as_ref()?.lacks(frac);
            Some(frac.iter().zip(&lacks).map(|(at, lack)| plus(at, lack).map(wrapped)).collect())
        })?;
        let cells = self.map_cells(x.part(LATTICE_FACTOR), n, |i| &constraints[i])?;
        Ok(x.with_part(COORDS_FACTOR, &coords).with_part(LATTICE_FACTOR, &cells))
    }

    /// Standardised `cells` `[B, 6]` of `atoms` atoms, each as its constraint wants it.
    fn map_cells<'a>(
        &self,
        cells: &Tensor,
        atoms: usize,
        of: impl Fn(usize) -> &'a Constraint,
    ) -> Result<Tensor> {
        let rows = cells.to_dtype(DType::F64)?.to_vec2::<f64>()?;
        let one = |(i, row): (usize, &Vec<f64>)| -> LogCoordinates {
            let own = std::array::from_fn(|k| row[k]);
            let Constraint { orbits, volume, .. } = of(i);
            let kept = orbits.as_ref().and_then(|orbits| {
                let lattice = Lattice::from_log_coordinates(self.cells.coordinates(own, atoms));
                let lattice = orbits.lattice(&lattice.ok()?)?;
                Some(self.cells.standardised(lattice.log_coordinates(), atoms))
            });
            let mut cell = kept.unwrap_or(own);
            if let Some(volume) = volume {
                let mut k = self.cells.coordinates(cell, atoms);
                k[5] = (volume * atoms as f64).ln() / 3.0;
                cell = self.cells.standardised(k, atoms);
            }
            cell
        };
        let cell: Vec<f64> = rows.iter().enumerate().flat_map(one).collect();
        Ok(Tensor::from_vec(cell, cells.dims(), cells.device())?.to_dtype(cells.dtype())?)
    }
}

/// `coords` `[B, n, 3]` with the rows for which `f` gives others replaced by them.
fn map_coords(coords: &Tensor, f: impl Fn(usize, &[Vec3]) -> Option<Vec<Vec3>>) -> Result<Tensor> {
    let rows = coords.to_dtype(DType::F64)?.to_vec3::<f64>()?;
    let one = |(i, row): (usize, &Vec<Vec<f64>>)| {
        let own: Vec<Vec3> = row.iter().map(|x| [x[0], x[1], x[2]]).collect();
        f(i, &own).unwrap_or(own)
    };
    let new: Vec<f64> = rows.iter().enumerate().flat_map(one).flatten().collect();
    Ok(Tensor::from_vec(new, coords.dims(), coords.device())?.to_dtype(coords.dtype())?)
}

/// Log-probabilities `[B, n, K]` of only those classes that are `allowed` for each sample; of any as they are.
fn only(species: &Tensor, allowed: &[Option<&Vec<bool>>]) -> Result<Tensor> {
    if allowed.iter().all(Option::is_none) {
        return Ok(species.clone());
    }
    let k = species.dims()[2];
    let low = |k: usize, allowed: Option<&Vec<bool>>| match allowed {
        Some(allowed) if !allowed[k] => IMPOSSIBLE,
        _ => 0.0,
    };
    let floor = allowed.iter().flat_map(|&allowed| (0..k).map(move |k| low(k, allowed)));
    let floor =
        Tensor::from_vec(floor.collect::<Vec<f64>>(), (allowed.len(), 1, k), species.device())?;
    let masked = species.broadcast_add(&floor.to_dtype(species.dtype())?)?;
    let highest = masked.max_keepdim(D::Minus1)?;
    let sum = masked.broadcast_sub(&highest)?.exp()?.sum_keepdim(D::Minus1)?.log()?;
    let normal = masked.broadcast_sub(&(highest + sum)?)?;
    // Samples that may have any keep their bits.
    let bound = allowed.iter().map(|allowed| u8::from(allowed.is_some()));
    let bound =
        Tensor::from_vec(bound.collect::<Vec<u8>>(), (allowed.len(), 1, 1), species.device())?;
    Ok(bound.broadcast_as(species.dims())?.where_cond(&normal, species)?)
}

#[cfg(test)]
mod tests {
    use langevin_core::Domain;
    use langevin_testing::contract;

    use super::*;
    use crate::element::Element;
    use crate::record::Crystal;
    use crate::wyckoff::{Occupied, SpaceGroup};

    /// Asks for sines of what it sees: nothing symmetric about it.
    struct Anything;

    impl Denoiser for Anything {
        fn denoise(&self, x_t: &State, t: &Times) -> Result<Estimate> {
            let (coords, cells) = (x_t.part(COORDS_FACTOR), x_t.part(LATTICE_FACTOR));
            let late = t.column(cells, |t| t)?;
            let moved = ((coords * 7.0)?.sin()? * 0.02)?;
            let cells = (cells + (cells * 5.0)?.sin()?.broadcast_mul(&late)?)?;
            let scores = (coords.narrow(2, 0, 2)? * 3.0)?.cos()?;
            Ok(State::new(vec![moved, cells, scores]))
        }
    }

    /// Rutile's group with its atoms, twice: once bound, once of a volume.
    fn bound() -> (Crystals, State, Vec<Constraint>) {
        let [ti, o] = ["Ti", "O"].map(|symbol| symbol.parse::<Element>().unwrap());
        let group = SpaceGroup::of_number(136).unwrap();
        let place = |letter: char| group.positions.iter().position(|p| p.letter == letter).unwrap();
        let occupied = [(ti, 'a'), (o, 'f')];
        let occupied =
            occupied.map(|(element, letter)| Occupied { element, position: place(letter) });
        let cell = Lattice::from_parameters([4.6, 4.7, 3.0], [90.0, 90.0, 89.0]).unwrap();
        let (crystal, orbits) = group.random_structure(&occupied, &cell, || 0.305).unwrap();
        let crystals = vec![crystal.clone(), crystal];
        let domain = Crystals::measured(&crystals).unwrap();
        let x = domain.encode(&crystals).unwrap();
        let orbits = Some(Arc::new(orbits));
        let only = Some(Arc::new(vec![false, true]));
        let held = Constraint { orbits, ..Constraint::default() };
        let sized = Constraint { volume: Some(20.0), elements: only, ..Constraint::default() };
        (domain, x, vec![held, sized])
    }

    #[test]
    fn estimates_and_samples_fulfil_their_constraints() {
        let (domain, x, constraints) = bound();
        let denoiser = Constrained::new(Anything, &domain, constraints.clone().into());
        contract::denoiser(&denoiser, &x, &Times::new(vec![0.3, 0.8]));
        let estimate = denoiser.denoise(&x, &Times::all(2, 0.5)).unwrap();
        let moved = (x.part(COORDS_FACTOR) + estimate.part(COORDS_FACTOR)).unwrap();
        let moved = x.with_part(COORDS_FACTOR, &moved);
        let moved = moved.with_part(LATTICE_FACTOR, estimate.part(LATTICE_FACTOR));
        let group = |crystal: &Crystal| crystal.symmetry(1e-5).unwrap().number.get();
        let ends: Vec<Crystal> = domain.decode(&moved).unwrap();
        assert_eq!(group(&ends[0]), 136);
        assert_ne!(group(&ends[1]), 136);
        assert!((ends[1].lattice().volume() / 6.0 - 20.0).abs() < 1e-9);
        let species = estimate.part(SPECIES_FACTOR).to_vec3::<f64>().unwrap();
        assert!(species[1].iter().all(|row| row[0] < -1e3 && row[1].abs() < 1e-12));
        // A sample off by a little is brought back, and by no more than it was off.
        let noise = (x.part(COORDS_FACTOR) * 31.0).unwrap().sin().unwrap();
        let off = (x.part(COORDS_FACTOR) + (noise * 1e-3).unwrap()).unwrap();
        let back = domain.finished(&x.with_part(COORDS_FACTOR, &off), &constraints).unwrap();
        let away = (back.part(COORDS_FACTOR) - &off).unwrap();
        let away = (&away - away.round().unwrap()).unwrap();
        let farthest = away.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
        assert!(farthest > 1e-5 && farthest < 2e-3, "{farthest}");
        assert_eq!(group(&domain.decode(&back).unwrap()[0]), 136);
    }
}
