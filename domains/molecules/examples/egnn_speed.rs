//! Times a training step of EDM's network for `benches/peers/egnn_speed.py`.
//!
//! Reads lines `threads repetitions` and answers each with the milliseconds of every step: forward,
//! backward and AdamW on 64 molecules, in 4 shards over a pool, as training runs.

mod edm;

use std::collections::HashMap;
use std::io::BufRead;
use std::time::Instant;

use candle_core::{DType, Tensor, Var};
use edm::Edm;
use langevin_kernels::{AdamW, AdamWParams, backward, sum_in_order};
use rayon::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 64;
const SHARDS: usize = 4;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Gradients of a shard's loss, in the order of the parameters.
fn shard(edm: &Edm, vars: &[Var], index: usize) -> langevin_core::Result<Vec<Option<Tensor>>> {
    let count = BATCH / SHARDS;
    let answer = edm.answer(index * count, count)?;
    let mut grads = backward(&edm.loss(&answer, index * count)?)?;
    Ok(vars.iter().map(|var| grads.remove(var)).collect())
}

fn step(edm: &Edm, vars: &[Var], adam: &mut AdamW) -> Result<()> {
    let parts: Vec<Vec<Option<Tensor>>> = (0..SHARDS)
        .into_par_iter()
        .map(|index| shard(edm, vars, index))
        .collect::<langevin_core::Result<_>>()?;
    let total = sum_in_order(parts)?;
    adam.step_with(&total, AdamWParams { lr: 1e-4, ..Default::default() }, None, &[])?;
    Ok(())
}

fn main() -> Result<()> {
    // candle's own loops stay on one thread, as in the command; the pool below is the shards'.
    assert_eq!(std::env::var("RAYON_NUM_THREADS").as_deref(), Ok("1"), "set RAYON_NUM_THREADS=1");
    assert_eq!(std::env::var("CANDLE_NUM_THREADS").as_deref(), Ok("1"), "set CANDLE_NUM_THREADS=1");
    let edm = Edm::new(DType::F32, BATCH)?;
    let vars: Vec<Var> = edm.store.iter().map(|(_, var)| var.clone()).collect();
    let mut adam = AdamW::new(vars.clone(), 0)?;
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
            pool.install(|| step(&edm, &vars, &mut adam))?;
            times.push(format!("{:.3}", start.elapsed().as_secs_f64() * 1e3));
        }
        println!("{}", times.join(" "));
    }
    Ok(())
}
