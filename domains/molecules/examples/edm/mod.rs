//! EDM's network on QM9, a batch of its size, and a loss of its form: what `benches/peers` rebuilds.

use candle_core::{DType, Device, Result, Tensor};
use langevin_core::{Condition, Network, Seed, State, Times};
use langevin_kernels::rng::Stream;
use langevin_molecules::network::{Egnn, EgnnConfig};
use langevin_nn::{ParamStore, TimeFeaturesConfig};

/// Atoms of a molecule: the most frequent number in QM9.
const ATOMS: usize = 18;
/// Five elements and the atomic number.
const FEATURES: usize = 6;

/// A network and what it is asked.
pub(crate) struct Edm {
    pub(crate) store: ParamStore,
    network: Egnn,
    /// Noised positions and features, standard normal.
    pub(crate) x: State,
    pub(crate) t: Times,
    /// What the network should answer, standard normal.
    pub(crate) noise: State,
}

impl Edm {
    /// Width 256 and 9 layers, for `batch` molecules.
    pub(crate) fn new(dtype: DType, batch: usize) -> langevin_nn::Result<Self> {
        let time = TimeFeaturesConfig::Raw;
        let config = EgnnConfig { width: 256, layers: 9, coordinate_range: 15.0, time };
        let (store, network) = ParamStore::create(dtype, Seed(1), |builder| {
            Egnn::on_features(builder, &config, FEATURES, 0)
        })?;
        let normal = |seed: u64, width: usize| -> Result<Tensor> {
            let mut values = vec![0.0; batch * ATOMS * width];
            Stream::new(seed, 0, 0, 0).fill_normal(&mut values);
            Tensor::from_vec(values, (batch, ATOMS, width), &Device::Cpu)?.to_dtype(dtype)
        };
        let x = State::new(vec![normal(1, 3)?, normal(2, FEATURES)?]);
        let noise = State::new(vec![normal(3, 3)?, normal(4, FEATURES)?]);
        let t = Times::new((0..batch).map(|i| (i as f64 + 0.5) / batch as f64).collect());
        Ok(Self { store, network, x, t, noise })
    }

    /// The estimate of the noise for molecules `start..start + count`.
    pub(crate) fn answer(&self, start: usize, count: usize) -> langevin_core::Result<State> {
        let t = Times::new(self.t.values()[start..start + count].to_vec());
        self.network.forward(&self.x.narrow(start, count)?, &t, &t, &Condition::none())
    }

    /// These molecules' part of the mean squared error of positions plus that of features.
    pub(crate) fn loss(&self, answer: &State, start: usize) -> langevin_core::Result<Tensor> {
        let noise = self.noise.narrow(start, answer.samples()?)?;
        let part = |i: usize| -> Result<Tensor> {
            let error = (answer.part(i) - noise.part(i))?.sqr()?.sum_all()?;
            error / self.noise.part(i).elem_count() as f64
        };
        Ok((part(0)? + part(1)?)?)
    }
}
