//! How much memory a training takes, and how much there is.

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use candle_core::{Device, Var};
use langevin_core::Result;
use langevin_train::{Rehearsal, ShardLoss};
use mimalloc::MiMalloc;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

use crate::refused;

/// Blocks of fewer bytes are not counted: there are many, and little is in them.
const COUNTED: usize = 4096;

/// A shard that takes as many bytes or has as many samples tells what a larger one takes.
const ENOUGH: (usize, usize) = (256 << 20, 1024);

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// mimalloc, which keeps freed pages: the step of a three-layer network fell from 95 to 70 ms with it. What large blocks
/// take is counted.
pub struct Counting;

#[allow(unsafe_code, reason = "an allocator is")]
// SAFETY: all is mimalloc's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: the caller's, here and below.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        taken(size);
        returned(layout.size());
        unsafe { MiMalloc.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        returned(layout.size());
        unsafe { MiMalloc.dealloc(block, layout) }
    }
}

fn taken(size: usize) {
    if size >= COUNTED {
        MOST.fetch_max(NOW.fetch_add(size, Relaxed) + size, Relaxed);
    }
}

fn returned(size: usize) {
    if size >= COUNTED {
        NOW.fetch_sub(size, Relaxed);
    }
}

/// What `f` gives, and how many bytes more than before there were at most in large blocks.
fn peak_of<T>(f: impl FnOnce() -> T) -> (T, usize) {
    let before = NOW.load(Relaxed);
    MOST.store(before, Relaxed);
    let done = f();
    (done, MOST.load(Relaxed).saturating_sub(before))
}

/// Bytes that shards side by side take: of each shard, and of each of its samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Shards at a time.
    shards: f64,
    shard: f64,
    sample: f64,
    /// What there is once: gradients of all shards, moments, averages.
    once: f64,
}

impl Cost {
    /// Measured on more and more samples of `rehearsal`, up to half a shard or to what is enough; the rest is a line through the
    /// last two.
    ///
    /// # Errors
    /// Those of feed and network.
    pub fn measured(
        rehearsal: &Rehearsal,
        loss: &dyn ShardLoss,
        vars: &[Var],
        shards: usize,
    ) -> Result<Self> {
        let peak = |samples: usize| -> Result<f64> {
            let (done, bytes) = peak_of(|| rehearsal.run(samples, loss, vars));
            done.map(|()| bytes as f64)
        };
        // What threads keep for later is there after the first time.
        peak(1)?;
        let (mut samples, mut before, mut now) = (2, peak(1)?, peak(2)?);
        let most = rehearsal.samples().min(2 * ENOUGH.1);
        while 4 * samples <= most && now < ENOUGH.0 as f64 {
            samples *= 2;
            (before, now) = (now, peak(samples)?);
        }
        let sample = ((now - before) / (samples / 2) as f64).max(0.0);
        let shard = (now - sample * samples as f64).max(0.0);
        Ok(Self { shards: shards as f64, shard, sample, once: 0.0 })
    }

    /// The same with `bytes` more whatever the samples.
    #[must_use]
    pub fn with_once(self, bytes: usize) -> Self {
        Self { once: self.once + bytes as f64, ..self }
    }

    /// Bytes with so many samples per shard.
    pub fn bytes(&self, samples: usize) -> f64 {
        self.once + self.shards * (self.shard + self.sample * samples as f64)
    }

    /// Most samples per shard that `free` bytes hold, 0 if not even one.
    pub fn samples(&self, free: u64) -> usize {
        let left = (free as f64 - self.once) / self.shards - self.shard;
        if left > 0.0 { (left / self.sample) as usize } else { 0 }
    }
}

/// Bytes that this process may still take of the main memory: of the machine's or of those of its control group, whichever
/// are fewer; nothing where the system does not tell.
fn free() -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory();
    let own = sysinfo::get_current_pid().ok()?;
    let (which, what) = (ProcessesToUpdate::Some(&[own]), ProcessRefreshKind::nothing());
    system.refresh_processes_specifics(which, false, what);
    let group = system.process(own).and_then(|process| process.cgroup_limits());
    let free = system.available_memory().min(group.map_or(u64::MAX, |group| group.free_memory));
    (free > 0).then_some(free)
}

/// The same of the memory of `device`.
pub fn free_on(device: &Device) -> Option<u64> {
    match device {
        Device::Cpu => free(),
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => langevin_kernels::cuda::free(device).ok(),
        _ => None,
    }
}

/// How much memory a step of `shards` shards of `samples` samples takes, for people.
///
/// # Errors
/// If it is more than is `free`, with what would fit.
pub fn checked(
    cost: &Cost,
    samples: usize,
    shards: usize,
    free: Option<u64>,
) -> anyhow::Result<String> {
    let (need, batch) = (cost.bytes(samples), samples * shards);
    let Some(free) = free else { return Ok(format!("memory: about {}", shown(need))) };
    let (need, there) = (shown(need), shown(free as f64));
    match cost.samples(free) {
        fit if fit >= samples => Ok(format!("memory: about {need}, of {there} that are free")),
        0 => refused(format!(
            "memory: a step takes about {need}, and {there} are free: too little even for one sample of each shard; needed: a smaller \
             network, or fewer --threads, which work on as many shards at a time"
        )),
        fit => refused(format!(
            "memory: train.batch {batch} takes about {need}, and {there} are free, allowed: up to {}, or more train.shards, of which \
             each thread works on one at a time",
            fit * shards
        )),
    }
}

/// `bytes` for people.
fn shown(bytes: f64) -> String {
    let (mebi, gibi) = (f64::from(1 << 20), f64::from(1 << 30));
    if bytes < gibi {
        format!("{:.0} MiB", bytes / mebi)
    } else {
        format!("{:.1} GiB", bytes / gibi)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_through_costs_tells_what_fits() {
        let cost = Cost { shards: 2.0, shard: 100.0, sample: 10.0, once: 0.0 }.with_once(300);
        assert_eq!(cost.bytes(5), 600.0);
        assert_eq!([600, 599, 520, 519, 10].map(|free| cost.samples(free)), [5, 4, 1, 0, 0]);
    }

    #[test]
    fn large_blocks_are_counted_while_they_live() {
        // Other tests allocate at the same time, but less.
        let (_, bytes) = peak_of(|| {
            drop(Vec::<u8>::with_capacity(3 << 28));
            Vec::<u8>::with_capacity(1 << 28)
        });
        assert!((3 << 28..1 << 30).contains(&bytes), "{bytes}");
    }

    #[test]
    fn this_machine_has_memory_left() {
        assert!(free().is_some_and(|free| free > 1 << 20));
        assert_eq!([shown(1.5e9), shown(3e6)], ["1.4 GiB", "3 MiB"]);
    }
}
