//! How many threads a run uses, decided before any tensor exists.

use std::num::NonZeroUsize;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::refused;

/// More than any machine has cores.
const MOST: usize = 4096;
/// Variables that candle reads once, at its first use.
const CANDLE: [&str; 2] = ["RAYON_NUM_THREADS", "CANDLE_NUM_THREADS"];
/// Where the number asked for is kept across the restart.
const OURS: &str = "LANGEVIN_THREADS";

/// A pool of as many threads as were asked for, with candle held to one thread inside each.
///
/// Work is spread over shards and chunks on our own pool: measured 1.7 times faster than candle's
/// own threads, and its spinning barriers are costly on shared cores. candle takes its number from
/// the environment only, so the program starts itself again with it set.
///
/// # Errors
/// If the program cannot be started again or the pool cannot be made.
pub fn pool(asked: Option<NonZeroUsize>) -> Result<rayon::ThreadPool> {
    if let Some(asked) = asked.filter(|asked| asked.get() > MOST) {
        return refused(format!("--threads: found {asked}, allowed: 1 to {MOST}"));
    }
    let set = |name: &str| std::env::var(name).is_ok_and(|value| value == "1");
    if !CANDLE.iter().all(|name| set(name)) {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let error = Command::new(program)
            .args(std::env::args_os().skip(1))
            .envs(CANDLE.map(|name| (name, "1")))
            // Pages stay with the allocator: returning them between steps cost 100 000 page faults
            // and 18 % of the time of a three-layer network's training.
            .env("MIMALLOC_PURGE_DELAY", "-1")
            .env(OURS, count(asked).to_string())
            .exec();
        return Err(error).context("cannot start this program again with one thread for candle");
    }
    let threads = std::env::var(OURS).ok().and_then(|n| n.parse().ok());
    let threads = threads.unwrap_or_else(|| count(asked));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.context("cannot start the threads")
}

/// `--threads`, else RAYON_NUM_THREADS, else SLURM_CPUS_PER_TASK, else the cores that we may use.
fn count(asked: Option<NonZeroUsize>) -> usize {
    let number = |name: &str| std::env::var(name).ok()?.parse::<usize>().ok().filter(|&n| n > 0);
    asked
        .map(usize::from)
        .or_else(|| number("RAYON_NUM_THREADS"))
        .or_else(|| number("SLURM_CPUS_PER_TASK"))
        .or_else(|| std::thread::available_parallelism().ok().map(usize::from))
        .unwrap_or(1)
}
