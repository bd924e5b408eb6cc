//! Sizes of a pair block, where each weight lies in the packed vector, and the fixed partition.

use std::ops::Range;

/// Sizes and options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// Samples.
    pub(super) batch: usize,
    /// Points per sample.
    pub(super) n: usize,
    /// Width of the hidden and message vectors.
    pub(super) h: usize,
    /// Features per pair.
    pub(super) k: usize,
    /// Scalars per pair.
    pub(super) s: usize,
    /// Whether messages are summed.
    pub(super) sum: bool,
    /// Whether the sum is gated.
    pub(super) gate: bool,
}

/// The packed weights (or their gradients), piece by piece.
pub(super) struct Pieces {
    pub(super) c: Range<usize>,
    pub(super) b1: Range<usize>,
    pub(super) w2: Range<usize>,
    pub(super) b2: Range<usize>,
    pub(super) wg: Range<usize>,
    pub(super) bg: Range<usize>,
    pub(super) w3: Range<usize>,
    pub(super) b3: Range<usize>,
    pub(super) len: usize,
}

/// Pairs in a chunk: about 8 tiles of 12 rows; with H = 128 in f32 each buffer is 52 KiB.
const CHUNK: usize = 104;
/// Most tasks over the batch, per part of a sample's rows.
const TASKS: usize = 32;
/// Pairs that a task's weight gradient should sum over: clearing and merging it costs as much as the
/// products of about 30 pairs.
pub(super) const SUMMED: usize = 1024;

/// Features or scalars of a pair from which on matrix products are faster than passes pair by pair.
const MANY: usize = 8;

/// Pairs `(i, j)`, `i ≠ j`, with `i` and `j` in two ranges, of one sample.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    pub(super) sample: usize,
    pub(super) i: Range<usize>,
    pub(super) j: Range<usize>,
}

impl Chunk {
    pub(super) fn pairs(&self) -> usize {
        let (first, last) = (self.i.start.max(self.j.start), self.i.end.min(self.j.end));
        self.i.len() * self.j.len() - last.saturating_sub(first)
    }

    /// Its pairs in order, as runs along `j` between which the diagonal lies: `(i, j)`.
    fn runs(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        self.i.clone().flat_map(move |i| {
            let before = self.j.start..self.j.end.min(i);
            let behind = self.j.start.max(i + 1)..self.j.end;
            [before, behind].into_iter().filter(|j| !j.is_empty()).map(move |j| (i, j))
        })
    }

    /// `width` numbers of each pair, one pair behind the other, from `all` `[B, n, n, width]`.
    pub(super) fn gather<T: Copy>(&self, all: &[T], n: usize, width: usize, to: &mut [T]) {
        let mut at = 0;
        for (i, j) in self.runs() {
            let len = j.len() * width;
            let from = ((self.sample * n + i) * n + j.start) * width;
            to[at..at + len].copy_from_slice(&all[from..from + len]);
            at += len;
        }
    }

    /// The way back, to the chunk's rows `[i.len(), n, width]`.
    pub(super) fn scatter<T: Copy>(&self, from: &[T], n: usize, width: usize, rows: &mut [T]) {
        let mut at = 0;
        for (i, j) in self.runs() {
            let len = j.len() * width;
            let to = ((i - self.i.start) * n + j.start) * width;
            rows[to..to + len].copy_from_slice(&from[at..at + len]);
            at += len;
        }
    }

    /// Its rows `i` in the list of all points.
    pub(super) fn rows(&self, n: usize) -> Range<usize> {
        self.sample * n + self.i.start..self.sample * n + self.i.end
    }

    /// Where the chunk's pairs begin in the list of all pairs: they follow one another there,
    /// since a chunk has several rows `i` only if it has all columns `j`.
    pub(super) fn first_pair(&self, n: usize) -> usize {
        let rank = self.j.start - usize::from(self.j.start > self.i.start);
        (self.sample * n + self.i.start) * (n - 1) + rank
    }
}

impl Shape {
    pub(super) fn pieces(self) -> Pieces {
        let mut at = 0;
        let mut next = |len: usize| {
            at += len;
            at - len..at
        };
        let gate = usize::from(self.gate);
        Pieces {
            c: next(self.k * self.h),
            b1: next(self.h),
            w2: next(self.h * self.h),
            b2: next(self.h),
            wg: next(gate * self.h),
            bg: next(gate),
            w3: next(self.s * self.h),
            b3: next(self.s),
            len: at,
        }
    }

    /// Elements of the summed messages.
    pub(super) fn sum_len(self) -> usize {
        if self.sum { self.batch * self.n * self.h } else { 0 }
    }

    /// Elements of the per-pair scalars.
    pub(super) fn head_len(self) -> usize {
        self.batch * self.n * self.n * self.s
    }

    /// Of the sums.
    pub(super) fn sum_dims(self) -> (usize, usize, usize) {
        (self.batch, self.n, self.h)
    }

    /// Of the scalars.
    pub(super) fn head_dims(self) -> (usize, usize, usize, usize) {
        (self.batch, self.n, self.n, self.s)
    }

    /// Elements of all messages.
    pub(super) fn messages_len(self) -> usize {
        self.batch * self.n * self.n.saturating_sub(1) * self.h
    }

    /// Whether features of pairs pass through products.
    pub(super) fn many_features(self) -> bool {
        self.k >= MANY
    }

    /// How many they are if they do, else 0.
    pub(super) fn many_k(self) -> usize {
        if self.many_features() { self.k } else { 0 }
    }

    /// Whether scalars of pairs are made by products.
    pub(super) fn many_scalars(self) -> bool {
        self.s >= MANY
    }

    /// Rough number of vector operations.
    pub(super) fn work(self) -> usize {
        self.batch * self.n * self.n * self.h * (self.h / 8 + 8)
    }

    /// Parts a sample's rows `i` are split into: a function of `n` alone, so that a sample's
    /// numbers do not depend on its batch.
    pub(super) fn parts(self) -> usize {
        (self.n * self.n / (8 * CHUNK)).clamp(1, 8).min(self.n.max(1))
    }

    /// The tasks, of at least so many pairs each where the batch has them: a function of the problem alone.
    pub(super) fn tasks(self, pairs: usize) -> Tasks {
        let per_sample = self.n * self.n.saturating_sub(1) / self.parts();
        let enough = pairs.div_ceil(per_sample.max(1));
        let samples = self.batch.div_ceil(TASKS).max(enough).clamp(1, self.batch.max(1));
        Tasks { shape: self, samples }
    }

    /// The chunks of one sample's rows `i`, in order.
    pub(super) fn chunks(self, sample: usize, i: Range<usize>) -> impl Iterator<Item = Chunk> {
        let rows = (CHUNK / self.n.saturating_sub(1).max(1)).max(1);
        // One more column than pairs fit: the diagonal is none, unless it lies in another chunk.
        let cols = if self.n <= CHUNK + 1 { self.n.max(1) } else { CHUNK };
        let n = self.n;
        i.clone().step_by(rows).flat_map(move |first| {
            let i = first..(first + rows).min(i.end);
            (0..n).step_by(cols).map(move |j| Chunk {
                sample,
                i: i.clone(),
                j: j..(j + cols).min(n),
            })
        })
    }

    /// Most pairs in a chunk.
    pub(super) fn chunk_pairs(self) -> usize {
        CHUNK
    }
}

/// The fixed partition of the pairs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tasks {
    shape: Shape,
    /// Samples of a task.
    samples: usize,
}

impl Tasks {
    /// Number of tasks; task `t` is part `t % parts` of a group of samples.
    pub(super) fn count(self) -> usize {
        self.shape.batch.div_ceil(self.samples) * self.shape.parts()
    }

    /// The samples and rows `i` of a task.
    pub(super) fn get(self, t: usize) -> (Range<usize>, Range<usize>) {
        let (Self { shape, samples }, parts) = (self, self.shape.parts());
        let (group, part) = (t / parts, t % parts);
        let rows = shape.n.div_ceil(parts);
        let i = (part * rows).min(shape.n)..((part + 1) * rows).min(shape.n);
        (group * samples..((group + 1) * samples).min(shape.batch), i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_in_one_chunk() {
        let sizes = [(1, 1), (3, 2), (64, 18), (2, 97), (1, 250), (33, 5)];
        for ((batch, n), least) in sizes.into_iter().flat_map(|size| [(size, 0), (size, SUMMED)]) {
            let shape = Shape { batch, n, h: 8, k: 1, s: 1, sum: true, gate: false };
            let mut seen = vec![0u8; batch * n * n];
            let tasks = shape.tasks(least);
            for t in 0..tasks.count() {
                let (samples, rows) = tasks.get(t);
                for sample in samples {
                    let mut expected_first = (sample * n + rows.start) * (n - 1);
                    for chunk in shape.chunks(sample, rows.clone()) {
                        let mut counted = 0;
                        assert_eq!(chunk.first_pair(n), expected_first);
                        expected_first += chunk.pairs();
                        assert!(chunk.pairs() <= shape.chunk_pairs());
                        let each = |(i, j): (usize, Range<usize>)| j.map(move |j| (i, j));
                        let mut in_runs = chunk.runs().flat_map(each);
                        for i in chunk.i.clone() {
                            for j in chunk.j.clone().filter(|&j| j != i) {
                                seen[(sample * n + i) * n + j] += 1;
                                counted += 1;
                                assert_eq!(in_runs.next(), Some((i, j)));
                            }
                        }
                        assert_eq!((counted, in_runs.next()), (chunk.pairs(), None));
                    }
                }
            }
            let diagonal = |at: usize| at / n % n == at % n;
            assert!(
                (0..seen.len()).all(|at| seen[at] == u8::from(!diagonal(at))),
                "{batch} samples of {n}"
            );
        }
    }
}
