//! How much memory a training takes, and how much there is.

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed};

use candle_core::{Device, Var};
use langevin_core::Result;
use langevin_train::{Rehearsal, ShardLoss};
use mimalloc::MiMalloc;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

use crate::refused;

/// Blocks of fewer bytes are not counted: there are many, and little is in them.
const COUNTED: usize = 256;

/// A shard that takes as many bytes or has as many samples tells what a larger one takes.
const ENOUGH: (f64, usize) = (256e6, 1024);

/// Whether blocks are counted now.
static COUNTS: AtomicBool = AtomicBool::new(false);
/// Bytes taken less bytes returned since then, and the most that this was.
static NOW: AtomicIsize = AtomicIsize::new(0);
static MOST: AtomicIsize = AtomicIsize::new(0);

/// mimalloc, which keeps freed pages: the step of a three-layer network fell from 95 to 70 ms with it. While [`peak_of`] asks, bytes
/// are counted.
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
    if size >= COUNTED && COUNTS.load(Relaxed) {
        let size = size as isize;
        MOST.fetch_max(NOW.fetch_add(size, Relaxed) + size, Relaxed);
    }
}

fn returned(size: usize) {
    if size >= COUNTED && COUNTS.load(Relaxed) {
        NOW.fetch_sub(size as isize, Relaxed);
    }
}

/// What `f` gives, and how many bytes more than before there were at most. One at a time.
fn peak_of<T>(f: impl FnOnce() -> T) -> (T, f64) {
    NOW.store(0, Relaxed);
    MOST.store(0, Relaxed);
    COUNTS.store(true, Relaxed);
    let done = f();
    COUNTS.store(false, Relaxed);
    (done, MOST.load(Relaxed) as f64)
}

/// Bytes that a step takes: of each shard at work, of each of its samples, and once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Shards at a time.
    shards: usize,
    shard: f64,
    sample: f64,
    once: f64,
}

impl Cost {
    /// Of `shards` at a time, measured on more and more samples of `rehearsal`, up to half a shard or to what is enough; the rest is
    /// a line through the last two. What grows faster, like the table of an exact pairing, counts as what it is there.
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
            done.map(|()| bytes)
        };
        // What threads keep for later is there after the first time.
        peak(1)?;
        let first = peak(1)?;
        let (mut samples, mut before, mut now) = (1, first, first);
        while 2 * samples <= rehearsal.samples().min(ENOUGH.1) && now - first < ENOUGH.0 {
            samples *= 2;
            (before, now) = (now, peak(samples)?);
        }
        let sample = ((now - before) / (samples / 2).max(1) as f64).max(0.0);
        let shard = (now - sample * samples as f64).max(0.0);
        Ok(Self { shards, shard, sample, once: 0.0 })
    }

    /// The same with `bytes` more whatever the samples.
    #[must_use]
    pub fn with_once(self, bytes: usize) -> Self {
        Self { once: self.once + bytes as f64, ..self }
    }

    /// Bytes with so many samples per shard.
    fn bytes(&self, samples: usize) -> f64 {
        self.once + self.shards as f64 * (self.shard + self.sample * samples as f64)
    }

    /// Most samples per shard that `free` bytes hold, 0 if not even one.
    fn samples(&self, free: u64) -> usize {
        let left = (free as f64 - self.once) / self.shards as f64 - self.shard;
        if left > 0.0 { (left / self.sample) as usize } else { 0 }
    }

    /// How much a step of `batch` samples in `shards` shards takes of what is `free`, for people.
    ///
    /// # Errors
    /// If it is more than twice that, with what would fit; between that and all of it, it is told.
    pub fn checked(
        &self,
        batch: usize,
        shards: usize,
        free: Option<u64>,
    ) -> anyhow::Result<String> {
        let bytes = self.bytes(batch / shards);
        let takes = format!("memory: a step takes up to about {}", shown(bytes));
        let Some(free) = free else { return Ok(takes) };
        let takes = format!("{takes}, {} are free", shown(free as f64));
        if bytes <= free as f64 {
            return Ok(takes);
        }
        let more = match self.shards {
            1 => "",
            _ => ", or fewer --threads, each of which works on a shard",
        };
        let advice = match self.samples(free) {
            0 => {
                format!("too little for one sample of each shard; needed: a smaller network{more}")
            }
            fit => format!("allowed: train.batch up to {} in {shards} shards{more}", fit * shards),
        };
        // The estimate is of the largest samples at the same time, and a machine can swap.
        if bytes <= 2.0 * free as f64 {
            return Ok(format!("warning: {takes}: it may be killed; {advice}"));
        }
        refused(format!("{takes}: found train.batch {batch}, {advice}"))
    }
}

/// Bytes that this process may still take of the memory of `device`; nothing where the system does not tell.
pub fn free_on(device: &Device) -> Option<u64> {
    match device {
        Device::Cpu => free(),
        #[cfg(feature = "cuda")]
        Device::Cuda(_) => langevin_kernels::cuda::free(device).ok(),
        _ => None,
    }
}

/// The same of the main memory: of the machine's or of its control group's, whichever is less.
fn free() -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory();
    let own = sysinfo::get_current_pid().ok()?;
    let (which, what) = (ProcessesToUpdate::Some(&[own]), ProcessRefreshKind::nothing());
    system.refresh_processes_specifics(which, false, what);
    let group = system.process(own).and_then(|process| process.cgroup_limits());
    // Pages of files that a group has read are not missing.
    let group = group.map(|group| group.total_memory.saturating_sub(group.rss));
    let known = system.total_memory() > 0;
    known.then(|| system.available_memory().min(group.unwrap_or(u64::MAX)))
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
    use std::hint::black_box;

    use super::*;

    #[test]
    fn a_line_through_costs_tells_what_fits() {
        let cost = Cost { shards: 2, shard: 100.0, sample: 10.0, once: 0.0 }.with_once(300);
        assert_eq!(cost.bytes(5), 600.0);
        assert_eq!([600, 599, 520, 519, 10].map(|free| cost.samples(free)), [5, 4, 1, 0, 0]);
        let said = |free: u64| cost.checked(10, 2, Some(free)).map_err(|error| error.to_string());
        assert!(said(600).unwrap().starts_with("memory: a step takes up to about"));
        let warned = said(540).unwrap();
        assert!(warned.starts_with("warning: ") && warned.contains("batch up to 4 in 2 shards"));
        assert!(said(299).unwrap_err().contains("a smaller network, or fewer --threads"));
        assert!(cost.checked(10, 2, None).is_ok());
    }

    #[test]
    fn blocks_are_counted_while_they_live() {
        let (_, bytes) = peak_of(|| {
            drop(black_box(Vec::<u8>::with_capacity(3 << 28)));
            black_box(Vec::<u8>::with_capacity(1 << 28))
        });
        // Other tests take and return a little at the same time.
        let mebi = bytes / f64::from(1 << 20);
        assert!((700.0..1000.0).contains(&mebi), "{mebi} MiB");
    }

    #[test]
    fn sizes_are_shown_for_people() {
        assert!(free().is_none_or(|free| free < 1 << 60));
        assert_eq!([shown(1.5e9), shown(3e6)], ["1.4 GiB", "3 MiB"]);
    }
}
