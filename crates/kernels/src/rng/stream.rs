//! A sequence of draws for one sample at one step.

use super::bulk::{Normals, unit};
use super::philox::{Philox, halves};
use crate::isa::dispatch;
use crate::real::Real;

/// The purpose of a stream, from its name: 64-bit FNV-1a, evaluated at compile time.
///
/// `const NOISE: u64 = tag("sampler noise");`
pub const fn tag(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    hash
}

/// Random numbers of (seed, purpose, sample, step), one after the other.
///
/// A block of the generator holds two 64-bit words. `next_u64`, `uniform` and `below` use one
/// word each; normals use a whole block per pair. Changing from words to normals drops the rest
/// of a half-used block and the second half of an odd pair, so consumption is a function of the
/// calls alone. A stream holds 2^32 blocks.
#[derive(Debug, Clone)]
pub struct Stream {
    seed: u64,
    purpose: u64,
    philox: Philox,
    tail: [u32; 3],
    next: u32,
    word: Option<u64>,
    normal: Option<f64>,
}

impl Stream {
    /// The stream's beginning.
    pub fn new(seed: u64, purpose: u64, sample: u64, step: u32) -> Self {
        let [low, high] = halves(sample);
        let philox = Philox::keyed(seed, purpose, 0);
        Self { seed, purpose, philox, tail: [step, low, high], next: 0, word: None, normal: None }
    }

    /// The beginning of another stream for the same use: the `draw`-th; `new` gives draw 0.
    #[must_use]
    pub fn draw(&self, draw: u32) -> Self {
        let philox = Philox::keyed(self.seed, self.purpose, draw);
        Self { philox, next: 0, word: None, normal: None, ..self.clone() }
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.normal = None;
        if let Some(word) = self.word.take() {
            return word;
        }
        let w = self.philox.block([self.next, self.tail[0], self.tail[1], self.tail[2]]);
        self.next = self.next.wrapping_add(1);
        self.word = Some(u64::from(w[2]) << 32 | u64::from(w[3]));
        u64::from(w[0]) << 32 | u64::from(w[1])
    }

    /// Uniform in the open interval (0, 1), in steps of 2^-52.
    pub fn uniform(&mut self) -> f64 {
        unit(self.next_u64())
    }

    /// Uniform integer in `0..n`; the bias is at most `n / 2^64`.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "no integer is below 0");
        ((u128::from(self.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// Standard normal.
    pub fn normal(&mut self) -> f64 {
        if let Some(normal) = self.normal.take() {
            return normal;
        }
        let mut pair = [0.0; 2];
        self.fill(&mut pair);
        self.normal = Some(pair[1]);
        pair[0]
    }

    /// Standard normals; begins with a fresh block.
    pub fn fill_normal(&mut self, out: &mut [f64]) {
        self.fill(out);
    }

    /// As [`Self::fill_normal`], each rounded to single precision.
    pub fn fill_normal_f32(&mut self, out: &mut [f32]) {
        self.fill(out);
    }

    /// Uniforms in (0, 1).
    pub fn fill_uniform(&mut self, out: &mut [f64]) {
        out.iter_mut().for_each(|x| *x = self.uniform());
    }

    /// A uniform permutation of `0..n` (Fisher–Yates, `n − 1` words).
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        self.shuffle(&mut order);
        order
    }

    /// Puts `items` in uniformly random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }

    fn fill<T: Real>(&mut self, out: &mut [T]) {
        (self.word, self.normal) = (None, None);
        let blocks = out.len().div_ceil(2) as u32;
        dispatch(Normals { philox: self.philox, tail: self.tail, first: self.next, out });
        self.next = self.next.wrapping_add(blocks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_by_one_is_all_at_once() {
        let (mut a, mut b) = (Stream::new(1, 2, 3, 4), Stream::new(1, 2, 3, 4));
        let mut all = [0.0; 37];
        a.fill_normal(&mut all);
        let single: Vec<f64> = (0..37).map(|_| b.normal()).collect();
        assert_eq!(all[..], single[..]);
        // Both have used 19 blocks; the next word is the same.
        assert_eq!(a.next_u64(), b.next_u64());
    }

    #[test]
    fn streams_differ_in_each_coordinate() {
        let first =
            |seed, purpose, sample, step| Stream::new(seed, purpose, sample, step).next_u64();
        let base = first(0, 0, 0, 0);
        for other in [
            first(1, 0, 0, 0),
            first(0, 1, 0, 0),
            first(0, 0, 1, 0),
            first(0, 0, 1 << 32, 0),
            first(0, 0, 0, 1),
        ] {
            assert_ne!(base, other);
        }
        assert_ne!(base, Stream::new(0, 0, 0, 0).draw(1).next_u64());
        assert_eq!(base, Stream::new(0, 0, 0, 0).draw(1).draw(0).next_u64());
    }

    /// The same numbers in every version: they are in users' results. Computed from the
    /// definitions of [`Philox::keyed`] and [`tag`] by an independent program.
    #[test]
    fn golden_values() {
        let mut stream = Stream::new(42, tag("noise"), 7, 3);
        let words = [stream.next_u64(), stream.next_u64(), stream.next_u64()];
        assert_eq!(tag("noise"), 0x6c09_2771_d207_68d1);
        assert_eq!(words, [0xfffa_9d3d_1430_a32b, 0x77bc_8de5_4e05_b51c, 0x030f_a492_1ae3_fdb2]);
    }

    #[test]
    fn uniform_stays_inside() {
        assert!(unit(0) > 0.0 && unit(u64::MAX) < 1.0);
        assert_eq!(unit(0), f64::EPSILON / 2.0);
        assert_eq!(1.0 - unit(u64::MAX), f64::EPSILON / 2.0);
    }

    /// Counts of 60 000 throws of a die: chi-square with 5 degrees of freedom, 99.9999 % point 35.9.
    #[test]
    fn a_fair_die() {
        let mut stream = Stream::new(3, 1, 4, 1);
        let mut counts = [0u32; 6];
        (0..60_000).for_each(|_| counts[stream.below(6) as usize] += 1);
        let chi2: f64 = counts.iter().map(|&c| (f64::from(c) - 1e4).powi(2) / 1e4).sum();
        assert!(chi2 < 35.9, "{counts:?}: {chi2}");
    }

    #[test]
    fn permutations_hold_every_item() {
        let mut order = Stream::new(0, 0, 0, 0).permutation(1000);
        assert_ne!(order[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        order.sort_unstable();
        assert!(order.iter().copied().eq(0..1000));
    }
}
