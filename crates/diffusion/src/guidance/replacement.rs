//! Inpainting by replacement: what is known is put in its place after every step.

use candle_core::Tensor;
use langevin_core::sampler::Arrival;
use langevin_core::{Process, Result, Rng, Sampler, Stage, State, Times};

/// A sampler that keeps the elements under `mask` at their known values, noised as the path says.
///
/// After each step to `s` the known elements become `x_s` of the path between the known end and a
/// reference drawn anew; at s = 0 they are the known values exactly. [`super::Repeated`] around it lets the free
/// elements fit the known ones better.
///
/// The reference must be noise that is independent of the data. Where it is data itself, an end drawn anew
/// is not the one that the sample set out from: the caller, who alone knows, must not replace there.
/// Steps are told that the state was changed, so that UniPC does not correct it away; its predictor remains.
///
/// # Source
/// Song et al. (2021), appendix I.2.
#[derive(Debug)]
pub struct Replaced<S> {
    sampler: S,
    /// The known end, one row per sample or one row for all.
    known: State,
    /// 1 where an element is known, 0 elsewhere; shapes that broadcast against the state.
    mask: State,
}

impl<S: Sampler> Replaced<S> {
    /// `sampler` with elements under `mask` held at `known`.
    pub fn new(sampler: S, known: State, mask: State) -> Self {
        Self { sampler, known, mask }
    }

    fn put_back(&self, process: &Process, x: &State, s: f64, rng: &mut Rng) -> Result<State> {
        let rows = process.map([x, &self.known], |_, [x, known]| {
            let known = known.broadcast_as(x.shape())?.contiguous()?;
            Ok(if x.dtype().is_float() { known.to_dtype(x.dtype())? } else { known })
        })?;
        let noised = if s == 0.0 {
            rows
        } else {
            let like = x.part(0);
            let dtype =
                if like.dtype().is_float() { like.dtype() } else { candle_core::DType::F64 };
            let x_1 = process.reference(dtype, like.device(), rng)?;
            let times = Times::all(x.samples()?, s);
            let points = process.path_points(&rows, &x_1, &times, rng)?;
            State::new(points.into_iter().map(|point| point.x_t).collect())
        };
        process.map([x, &noised, &self.mask], |_, [x, noised, mask]| choose(mask, noised, x))
    }
}

/// `a` where the mask is not 0, else `b`.
fn choose(mask: &Tensor, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let mask = mask.ne(0.0)?.broadcast_as(b.shape())?.contiguous()?;
    Ok(mask.where_cond(a, b)?)
}

impl<S: Sampler> Sampler for Replaced<S> {
    fn step(&self, stage: &Stage, x: State, rng: &mut Rng) -> Result<Arrival> {
        let stage = Stage { changed: true, ..*stage };
        let mut arrival = self.sampler.step(&stage, x, rng)?;
        arrival.x = self.put_back(stage.process, &arrival.x, stage.s, rng)?;
        Ok(arrival)
    }

    fn memory(&self) -> usize {
        self.sampler.memory()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::{DType, Device};
    use langevin_core::factor::{Euclidean, Space};
    use langevin_core::rng::ids;
    use langevin_core::{Purpose, Seed, Silent, sample};

    use super::*;
    use crate::guidance::Repeated;
    use crate::sampler::{DdpmConfig, Unipc, UnipcConfig};
    use crate::schedule::CosineConfig;
    use crate::{GaussianMixture, GridConfig};

    /// A sampler that checks that states are remembered as they came in.
    #[derive(Debug)]
    struct Faithful(Unipc);

    impl Sampler for Faithful {
        fn step(&self, stage: &Stage, x: State, rng: &mut Rng) -> Result<Arrival> {
            let arrival = self.0.step(stage, x.clone(), rng)?;
            let values = |x: &State| x.part(0).to_vec2::<f64>().unwrap();
            assert_eq!(values(&x), values(&arrival.past.as_ref().unwrap().x), "at {}", stage.t);
            Ok(arrival)
        }

        fn memory(&self) -> usize {
            self.0.memory()
        }
    }

    /// UniPC's corrector made the state again from the one before, without what was put back.
    #[test]
    fn steps_set_out_from_what_was_put_back() {
        let path = Arc::new(CosineConfig {}.build().unwrap());
        let process = Process::new(&Space::of("x", Euclidean::new(&[2])), path.clone());
        let denoiser =
            GaussianMixture::gaussian(vec![0.0; 2], vec![1.0; 2]).unwrap().denoiser(path.clone());
        let state = |v: [f64; 2]| State::single(Tensor::new(&[v], &Device::Cpu).unwrap());
        let unipc = Faithful(UnipcConfig { order: 3 }.build().unwrap());
        let sampler = Repeated::new(Replaced::new(unipc, state([2.1, 0.0]), state([1.0, 0.0])), 2);
        let grid = GridConfig::LogSnr { steps: 8, log_snr_max: 5.0 }.build(path.as_ref()).unwrap();
        let rng = Rng::new(Seed(1), Purpose::Sampling, ids(0, 5), 0);
        let x_1 = process.reference(DType::F64, &Device::Cpu, &mut rng.clone()).unwrap();
        sample(&process, &denoiser, &sampler, &grid, x_1, &rng, &mut Silent).unwrap();
        let unipc = UnipcConfig { order: 3 }.build().unwrap();
        let sampler = Repeated::new(Replaced::new(unipc, state([2.1, 0.0]), state([1.0, 0.0])), 2);
        langevin_testing::contract::sampler(&sampler, &process, &denoiser, &grid);
    }

    /// Two clusters at (−2, −2) and (2, 2): knowing the first coordinate decides the second.
    #[test]
    fn known_elements_are_exact_and_decide_the_free_ones() {
        let path = Arc::new(CosineConfig {}.build().unwrap());
        let process = Process::new(&Space::of("x", Euclidean::new(&[2])), path.clone());
        let means = vec![vec![-2.0, -2.0], vec![2.0, 2.0]];
        let law = GaussianMixture::new(vec![1.0, 1.0], means, vec![vec![0.2; 2]; 2]).unwrap();
        let state = |v: [f64; 2]| State::single(Tensor::new(&[v], &Device::Cpu).unwrap());
        let ddpm = DdpmConfig {}.build().unwrap();
        let sampler = Repeated::new(Replaced::new(ddpm, state([2.1, 0.0]), state([1.0, 0.0])), 2);
        let grid = GridConfig::LogSnr { steps: 60, log_snr_max: 5.0 }.build(path.as_ref()).unwrap();
        let rng = Rng::new(Seed(1), Purpose::Sampling, ids(0, 200), 0);
        let x_1 = process.reference(DType::F64, &Device::Cpu, &mut rng.clone()).unwrap();
        let denoiser = law.denoiser(path);
        let x = sample(&process, &denoiser, &sampler, &grid, x_1, &rng, &mut Silent).unwrap();
        let rows = x.part(0).to_vec2::<f64>().unwrap();
        assert!(rows.iter().all(|row| row[0] == 2.1));
        // Replacement is approximate: a stray early choice may stay. 5 % of 200 are ten.
        assert!(rows.iter().filter(|row| row[1] > 0.0).count() >= 190);
    }
}
