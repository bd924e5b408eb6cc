//! What a step of the smallest network costs, and what of it is the loop's own.

use std::time::Instant;

use langevin_core::Seed;
use langevin_kernels::{AdamW, AdamWParams};

use crate::prefetch::Layout;
use crate::testing::Toy;
use crate::{Quiet, Stop, step};

const STEPS: u64 = 4000;
const WIDTHS: [usize; 4] = [64; 4];

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// Microseconds per call.
fn time(mut f: impl FnMut(u64)) -> f64 {
    let begun = Instant::now();
    (0..STEPS).for_each(&mut f);
    begun.elapsed().as_secs_f64() / STEPS as f64 * 1e6
}

/// Prints the time of a step and of its parts; no verdict depends on it.
#[test]
#[ignore = "a measurement: cargo test --release -p langevin-train -- --ignored --nocapture step_time"]
fn step_time() {
    for (threads, prefetch) in [(1, 0), (1, 4), (2, 0), (2, 4)] {
        let mut toy = Toy::with_widths(&WIDTHS);
        let rate = "learning_rate = { kind = \"constant\", rate = 0.001 }";
        let average = "averages = [{ kind = \"constant\", decay = 0.999 }]";
        let config = format!(
            "steps = {STEPS}\nbatch = 256\nclip_norm = 1.0\nprefetch = {prefetch}\n{rate}\n{average}"
        );
        let begun = Instant::now();
        pool(threads).install(|| toy.train(&config, None, &Stop::never(), &mut Quiet)).unwrap();
        let time = begun.elapsed().as_secs_f64() / STEPS as f64 * 1e6;
        println!("{threads} threads, prefetch {prefetch}: {time:.1} µs per step");
    }
    pool(1).install(|| {
        let toy = Toy::with_widths(&WIDTHS);
        let layout = Layout { seed: Seed(1), shards: 1, samples: 256 };
        let vars: Vec<_> = toy.store.iter().map(|(_, var)| var.clone()).collect();
        let mut adam = AdamW::new(vars.clone(), 1).unwrap();
        let feed = time(|step| drop(layout.shard(&*toy.feed, step, 0).unwrap()));
        let gradient = |step, vars: &_| {
            step::gradient(&toy.loss, &*toy.feed, None, layout, step, vars).unwrap()
        };
        let both = time(|step| drop(gradient(step, &vars)));
        let grads = gradient(0, &vars).grads;
        // A step so small that the weights stay where they are.
        let params = AdamWParams { lr: 1e-12, ..AdamWParams::default() };
        let update = time(|_| {
            adam.step_with(&grads, params, Some(1.0), &[0.999]).unwrap();
        });
        println!("feed {feed:.1} µs, gradient {:.1} µs, update {update:.1} µs", both - feed);
        println!("1 thread, all parts: {:.1} µs; the rest of a step is the loop", both + update);
    });
}
