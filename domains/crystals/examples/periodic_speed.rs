//! Times a training step of the periodic network for `benches/peers/periodic_speed.py`.
//!
//! Reads lines `threads repetitions` and answers each with the milliseconds of every step: forward, backward and
//! AdamW on as many crystals, as training runs: in 4 shards over a pool, or in one on a GPU. Its arguments are the number
//! of crystals and, in one built with the feature `cuda`, the GPU: cuda:0.

use std::collections::HashMap;
use std::io::BufRead;
use std::time::Instant;

use candle_core::{DType, Device, Tensor, Var};
use langevin_core::rng::ids;
use langevin_core::{Condition, Network, Purpose, Rng, Seed, State, Times};
use langevin_crystals::network::{GivenSpecies, Periodic, PeriodicConfig, Told};
use langevin_crystals::space::CellLaw;
use langevin_kernels::{AdamW, AdamWParams, backward, sum_in_order};
use langevin_nn::{Builder, ParamStore, TimeFeaturesConfig};
use rayon::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ATOMS: usize = 10;
const ELEMENTS: usize = 89;
const SHARDS_OF_CPU: usize = 4;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A network and a batch, its ends side by side.
struct Setting {
    network: Periodic,
    vars: Vec<Var>,
    x: State,
    end: State,
    t: Vec<f64>,
    batch: usize,
    shards: usize,
}

impl Setting {
    fn new(batch: usize, device: &Device) -> Result<Self> {
        let time = TimeFeaturesConfig::Fourier { pairs: 8, lowest: 0.25, highest: 8.0 };
        let config = PeriodicConfig {
            width: 160,
            message: 64,
            layers: 6,
            frequencies: 8,
            radial: 16,
            vectors: 0,
            copies: false,
            composition: 0,
            time,
        };
        let cells = CellLaw { mean: [0.0, 0.0, 0.0, 0.0, 0.0, 0.9], deviation: [0.2; 6] };
        let told = Told { elements: ELEMENTS, cells, conditions: 0, species: GivenSpecies::Always };
        let build = |builder: &Builder| Periodic::new(builder, &config, told);
        let (store, network) = ParamStore::create_on(device, DType::F32, Seed(1), build)?;
        let mut rng = Rng::new(Seed(2), Purpose::Data, ids(0, batch), 0);
        let species: Vec<u32> = (0..batch * ATOMS).map(|i| (i * 7 % ELEMENTS) as u32).collect();
        let mut draw = || -> Result<State> {
            let coords = rng.uniform(&[ATOMS, 3], DType::F32, &Device::Cpu)?;
            let cell = rng.normal(&[6], DType::F32, &Device::Cpu)?;
            let species = Tensor::from_slice(&species, (batch, ATOMS), &Device::Cpu)?;
            let there = |part: Tensor| part.to_device(device);
            Ok(State::new(vec![there(coords)?, there(cell)?, there(species)?]))
        };
        let (x, end) = (draw()?, draw()?);
        let t = (0..batch).map(|i| (i as f64 + 0.5) / batch as f64).collect();
        let vars = store.iter().map(|(_, var)| var.clone()).collect();
        let shards = if device.is_cpu() { SHARDS_OF_CPU } else { 1 };
        Ok(Self { network, vars, x, end, t, batch, shards })
    }

    /// Gradients of a shard's loss, in the order of the parameters.
    fn shard(&self, index: usize) -> langevin_core::Result<Vec<Option<Tensor>>> {
        let count = self.batch / self.shards;
        let part = |state: &State| state.narrow(index * count, count);
        let (x, end) = (part(&self.x)?, part(&self.end)?);
        let t = Times::new(self.t[index * count..][..count].to_vec());
        let answer = self.network.forward(&x, &t, &t, &Condition::none().giving(2))?;
        let square = |part: usize| -> candle_core::Result<Tensor> {
            (answer.part(part) - end.part(part))?.sqr()?.mean_all()
        };
        let mut grads = backward(&(square(0)? + square(1)?)?)?;
        Ok(self.vars.iter().map(|var| grads.remove(var)).collect())
    }

    fn step(&self, adam: &mut AdamW) -> Result<()> {
        let parts: Vec<Vec<Option<Tensor>>> = (0..self.shards)
            .into_par_iter()
            .map(|index| self.shard(index))
            .collect::<langevin_core::Result<_>>()?;
        let total = sum_in_order(parts)?;
        adam.step_with(&total, AdamWParams { lr: 1e-4, ..Default::default() }, None, &[])?;
        Ok(())
    }
}

/// Of cuda:0, the first NVIDIA GPU, and so on.
fn opened(name: &str) -> Result<Device> {
    let index = name.strip_prefix("cuda:").and_then(|index| index.parse::<usize>().ok());
    let index = index.ok_or_else(|| format!("found {name:?}, allowed: cuda:I with I from 0"))?;
    #[cfg(feature = "cuda")]
    return Ok(langevin_kernels::cuda::open(index)?);
    #[cfg(not(feature = "cuda"))]
    Err(format!("cuda:{index}: build this example with --features cuda").into())
}

fn main() -> Result<()> {
    // candle's own loops stay on one thread, as in the command; the pool below is the shards'.
    for name in ["RAYON_NUM_THREADS", "CANDLE_NUM_THREADS"] {
        assert_eq!(std::env::var(name).as_deref(), Ok("1"), "set {name}=1");
    }
    let mut arguments = std::env::args().skip(1);
    let batch = arguments.next().ok_or("name the number of crystals")?.parse()?;
    let device = arguments.next().map_or(Ok(Device::Cpu), |name| opened(&name))?;
    let setting = Setting::new(batch, &device)?;
    let mut adam = AdamW::new(setting.vars.clone(), 0)?;
    let mut pools = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let [threads, repetitions] = words[..] else {
            return Err(format!("expected `threads repetitions`, got {line:?}").into());
        };
        let threads: usize = threads.parse()?;
        let pool = match pools.entry(threads) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(rayon::ThreadPoolBuilder::new().num_threads(threads).build()?)
            }
        };
        let mut times = Vec::new();
        for _ in 0..repetitions.parse()? {
            let start = Instant::now();
            pool.install(|| setting.step(&mut adam))?;
            times.push(format!("{:.3}", start.elapsed().as_secs_f64() * 1e3));
        }
        println!("{}", times.join(" "));
    }
    Ok(())
}
