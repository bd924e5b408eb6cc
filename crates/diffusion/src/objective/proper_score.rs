//! Proper scores of an ensemble made in one step: generators without a density and without a critic.

use candle_core::{DType, Device, Tensor};
use langevin_core::config::require;
use langevin_core::{
    Batch, ConfigError, Loss, Network, Objective, Process, Reading, Result, Rng, State, Times,
};
use serde::{Deserialize, Serialize};

/// Added to squared norms: their root has no slope at 0.
const TINY: f64 = 1e-12;

/// `[objective] kind = "proper_score"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProperScoreConfig {
    /// Members per sample; at least 2.
    #[serde(default = "two")]
    pub members: usize,
    /// Fields are scored cell by cell after means over blocks of so many cells along each edge.
    #[serde(default = "finest")]
    pub scales: Vec<usize>,
    /// Edges, in cells, of the patches that are scored as vectors.
    #[serde(default)]
    pub patches: Vec<usize>,
    /// What the energy scores of patches count beside the CRPS.
    #[serde(default)]
    pub energy: f64,
}

fn two() -> usize {
    2
}

fn finest() -> Vec<usize> {
    vec![1]
}

impl ProperScoreConfig {
    /// The objective.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn build(&self) -> Result<ProperScore, ConfigError> {
        require("members", self.members, |n| n >= 2, "at least 2")?;
        let named = |key: &str, edges: &[usize]| match edges.iter().find(|&&edge| edge == 0) {
            Some(edge) => Err(ConfigError::new(key, edge, "1 or more")),
            None => Ok(()),
        };
        named("scales", &self.scales)?;
        named("patches", &self.patches)?;
        require("scales", self.scales.len(), |n| n >= 1, "one or more")?;
        require("energy", self.energy, |w| w >= 0.0 && w.is_finite(), "0 or more")?;
        Ok(ProperScore(self.clone()))
    }
}

/// `Σ_s CRPS_s/|s| + energy · Σ_p ES_p/|p|` of an ensemble `x̂_0(x_1^m, 1)`, `m = 1..M`, against `x_0`, both scores fair:
///
/// `CRPS = mean_m |x^m − y| − ½ mean_{m≠k} |x^m − x^k|`, mean over the cells, and `ES` the same of the norms of patches, divided
/// by the root of the number of their cells. Each is least, in expectation, for the law of the data given the condition
/// alone; the network is asked at t = 1 only, and samples are its estimates there.
///
/// Parts with three axes per sample are fields `[C, H, W]`; of others scales and patches are the coordinates and the whole.
///
/// # Source
/// Gneiting & Raftery (2007), JASA 102, 359–378; fair: Ferro (2014), QJRMS 140, 1917–1923; generators: Shen & Meinshausen
/// (2024), JRSSB 87, 653–677.
#[derive(Debug, Clone)]
pub struct ProperScore(ProperScoreConfig);

impl Objective for ProperScore {
    fn loss(
        &self,
        reading: &Reading,
        network: &dyn Network,
        batch: &Batch,
        x_1: &State,
        rng: &mut Rng,
    ) -> Result<Loss> {
        let reading = reading.shaped_like(&batch.x_0);
        let (process, count) = (reading.process(), batch.x_0.samples()?);
        let members = self.0.members;
        let start = process.start();
        let references = references(process, x_1, members, rng)?;
        let x_t = process.departure(&references, start)?;
        let rows: Vec<usize> = (0..members * count).map(|row| row % count).collect();
        let condition = batch.condition.select(&rows)?;
        let t = Times::all(rows.len(), start);
        let made = reading.predict(network, &x_t, &t, &condition)?.estimate()?;
        let mut total: Option<Tensor> = None;
        for (i, component) in process.components().iter().enumerate() {
            let own = (self.score(made.part(i), batch.x_0.part(i))? * component.weight)?;
            total = Some(total.map_or(Ok(own.clone()), |sum| sum + &own)?);
        }
        let per_sample = total.expect("a space has a factor");
        Ok(Loss { per_sample, times: vec![start; count] })
    }
}

/// The reference samples of all members, member by member; `x_1` are the first one's.
fn references(process: &Process, x_1: &State, members: usize, rng: &mut Rng) -> Result<State> {
    let dtype = x_1.parts().iter().map(Tensor::dtype).find(DType::is_float).unwrap_or(DType::F32);
    let mut all = vec![x_1.clone()];
    for _ in 1..members {
        all.push(process.reference(dtype, &Device::Cpu, rng)?);
    }
    State::concat(&all)
}

impl ProperScore {
    /// The score per sample of `made` `[M·B, …]` against `truth` `[B, …]`.
    fn score(&self, made: &Tensor, truth: &Tensor) -> Result<Tensor> {
        let config = &self.0;
        let mut sum = truth.flatten_from(1)?.sum(1)?.zeros_like()?;
        for &edge in &config.scales {
            let (made, truth) = (block_means(made, edge)?, block_means(truth, edge)?);
            let own = fair(&made, &truth, config.members, |d| mean(&d.abs()?))?;
            sum = (sum + (own / config.scales.len() as f64)?)?;
        }
        if config.energy == 0.0 {
            return Ok(sum);
        }
        let weight = config.energy / config.patches.len().max(1) as f64;
        for &edge in &config.patches {
            let norm = |d: &Tensor| mean(&(block_means(&d.sqr()?, edge)? + TINY)?.sqrt()?);
            sum = (sum + (fair(made, truth, config.members, norm)? * weight)?)?;
        }
        if config.patches.is_empty() {
            let norm = |d: &Tensor| Ok((mean(&d.sqr()?)? + TINY)?.sqrt()?);
            sum = (sum + (fair(made, truth, config.members, norm)? * weight)?)?;
        }
        Ok(sum)
    }
}

/// `mean_m ‖x^m − y‖ − ½ mean_{m≠k} ‖x^m − x^k‖` per sample.
fn fair(
    made: &Tensor,
    truth: &Tensor,
    members: usize,
    norm: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let count = truth.dim(0)?;
    let member = |m: usize| made.narrow(0, m * count, count);
    let (mut error, mut spread) = (None::<Tensor>, None::<Tensor>);
    let add = |sum: Option<Tensor>, own: Tensor| -> Result<Option<Tensor>> {
        Ok(Some(sum.map_or(Ok(own.clone()), |sum| sum + &own)?))
    };
    for m in 0..members {
        error = add(error, norm(&(member(m)? - truth)?)?)?;
        for k in 0..m {
            spread = add(spread, norm(&(member(m)? - member(k)?)?)?)?;
        }
    }
    let (error, spread) = (error.expect("a member"), spread.expect("two members"));
    let pairs = (members * (members - 1)) as f64;
    Ok(((error / members as f64)? - (spread / pairs)?)?)
}

/// Mean over a sample, `[B]`.
fn mean(x: &Tensor) -> Result<Tensor> {
    Ok(x.flatten_from(1)?.mean(1)?)
}

/// Means over whole blocks of `edge` by `edge` cells; what is left over at the far edges is left out. Of parts that are no
/// fields, themselves.
fn block_means(x: &Tensor, edge: usize) -> Result<Tensor> {
    let &[batch, channels, height, width] = x.dims() else { return Ok(x.clone()) };
    if edge == 1 {
        return Ok(x.clone());
    }
    let (rows, columns) = ((height / edge).max(1), (width / edge).max(1));
    let (high, wide) = (edge.min(height), edge.min(width));
    let x = x.narrow(2, 0, rows * high)?.narrow(3, 0, columns * wide)?.contiguous()?;
    let blocks = x.reshape((batch * channels * rows, high, columns, wide))?;
    Ok(blocks.mean(3)?.mean(1)?.reshape((batch, channels, rows, columns))?)
}

#[cfg(test)]
mod tests {
    use langevin_core::factor::{Euclidean, Space};
    use langevin_core::rng::ids;
    use langevin_core::{Condition, Head, Purpose, Seed};
    use langevin_testing::assert_within;

    use super::*;
    use crate::PathConfig;
    use crate::schedule::LinearConfig;

    /// Makes σ x_1.
    struct Scaled(f64);

    impl Network for Scaled {
        fn forward(&self, x: &State, _: &Times, _: &Times, _: &Condition) -> Result<State> {
            x.map(|x| Ok((x * self.0)?))
        }

        fn dtype(&self) -> DType {
            DType::F64
        }
    }

    fn config(members: usize, energy: f64) -> ProperScoreConfig {
        ProperScoreConfig { members, scales: vec![1], patches: vec![], energy }
    }

    /// Mean and standard error of the score of N(0, σ²) where the data are N(0, V), in `shape`.
    fn scored(config: &ProperScoreConfig, shape: &[usize], sigma: f64, v: f64) -> (f64, f64) {
        let n = 100_000 / shape.iter().product::<usize>();
        let path = PathConfig::Linear(LinearConfig::default()).build().unwrap();
        let process = Process::new(&Space::of("x", Euclidean::new(shape)), path);
        let mut rng = Rng::new(Seed(1), Purpose::Data, ids(0, n), 0);
        let x_0 = (rng.normal(shape, DType::F64, &Device::Cpu).unwrap() * v.sqrt()).unwrap();
        let x_1 = process.reference(DType::F64, &Device::Cpu, &mut rng).unwrap();
        let batch = Batch { x_0: State::single(x_0), x_1: None, condition: Condition::none() };
        let reading = Reading::new(process, Head::Clean);
        let objective = config.build().unwrap();
        let loss = objective.loss(&reading, &Scaled(sigma), &batch, &x_1, &mut rng).unwrap();
        let losses = loss.per_sample.to_vec1::<f64>().unwrap();
        let mean = losses.iter().sum::<f64>() / n as f64;
        let variance = losses.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / n as f64;
        (mean, (variance / n as f64).sqrt())
    }

    /// E|N(0, s²)| = s √(2/π): the CRPS of N(0, σ²) under N(0, V) is √(2/π) √(σ² + V) − σ/√π. 5 standard errors.
    #[test]
    fn the_score_of_normal_laws_is_known() {
        for (sigma, v) in [(0.0, 0.5), (0.7, 0.5), (2.0, 0.5)] {
            for members in [2, 5] {
                let (mean, error) = scored(&config(members, 0.0), &[1], sigma, v);
                let want = (2.0 * (sigma * sigma + v) / std::f64::consts::PI).sqrt()
                    - sigma / std::f64::consts::PI.sqrt();
                assert_within(&format!("σ = {sigma}, M = {members}"), mean, want, 5.0 * error);
            }
        }
    }

    /// The mean norm of a d-dimensional standard normal over √d, by Γ((d+1)/2)/Γ(d/2) √(2/d): 0.9399856 for d = 4. A patch of
    /// 2 by 2 cells is such a vector.
    #[test]
    fn patches_are_scored_as_vectors() {
        let norm = 0.939_985_6;
        let config =
            ProperScoreConfig { members: 3, scales: vec![1], patches: vec![2], energy: 1.0 };
        let (mean, error) = scored(&config, &[1, 2, 2], 1.0, 1.0);
        let of = |e: f64| 2f64.sqrt() * e - 0.5 * 2f64.sqrt() * e;
        let want = of((2.0 / std::f64::consts::PI).sqrt()) + of(norm);
        assert_within("patches", mean, want, 5.0 * error);
        let whole = ProperScoreConfig { patches: vec![], ..config };
        let (mean, error) = scored(&whole, &[4], 1.0, 1.0);
        assert_within("the whole", mean, want, 5.0 * error);
    }

    #[test]
    fn the_law_of_the_data_scores_best() {
        let all = config(2, 1.0);
        let best = scored(&all, &[1, 4, 4], 0.5f64.sqrt(), 0.5).0;
        for other in [0.3, 0.5, 0.9, 1.2] {
            assert!(scored(&all, &[1, 4, 4], other, 0.5).0 > best, "{other}");
        }
    }

    #[test]
    fn blocks_are_means_of_whole_ones() {
        let x = Tensor::arange(0.0, 15.0, &Device::Cpu).unwrap().reshape((1, 1, 3, 5)).unwrap();
        let means = block_means(&x, 2).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
        assert_eq!(means, [3.0, 5.0]);
        let whole = block_means(&x, 8).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
        assert_eq!(whole, [7.0]);
    }

    #[test]
    fn settings_that_cannot_be_are_named() {
        let one = config(1, 0.0).build().unwrap_err().to_string();
        assert_eq!(one, "members: found 1, allowed: at least 2");
        let none = ProperScoreConfig { scales: vec![0], ..config(2, 0.0) };
        assert_eq!(none.build().unwrap_err().to_string(), "scales: found 0, allowed: 1 or more");
    }
}
