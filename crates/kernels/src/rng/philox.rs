//! The generator itself: a bijection of 128-bit counters for each 64-bit key.

/// Philox4x32-10 of Salmon et al. (2011), "Parallel random numbers: as easy as 1, 2, 3".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Philox {
    key: [u32; 2],
}

/// Multipliers and Weyl increments of the paper's table 2.
const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

impl Philox {
    /// The bijection with this key.
    pub const fn new(key: [u32; 2]) -> Self {
        Self { key }
    }

    /// The key for one use: seed, purpose and draw, mixed by Philox so that near seeds share nothing.
    pub fn keyed(seed: u64, purpose: u64, draw: u32) -> Self {
        let mix = Self::new([halves(seed)[0], halves(seed)[1]]);
        let [low, high] = halves(purpose);
        // The constant ("lang") keeps keys apart from counters a stream could meet.
        let block = mix.block([low, high, draw, 0x6C61_6E67]);
        Self::new([block[0], block[1]])
    }

    /// The four words at `counter`.
    #[inline(always)]
    pub fn block(&self, counter: [u32; 4]) -> [u32; 4] {
        let mut c = counter;
        let mut key = self.key;
        for _ in 0..ROUNDS {
            let p0 = u64::from(MULTIPLIER[0]) * u64::from(c[0]);
            let p1 = u64::from(MULTIPLIER[1]) * u64::from(c[2]);
            c = [
                (p1 >> 32) as u32 ^ c[1] ^ key[0],
                p1 as u32,
                (p0 >> 32) as u32 ^ c[3] ^ key[1],
                p0 as u32,
            ];
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        c
    }

    /// Blocks `first..first + N` of a stream, each as two 64-bit words: `(words 0,1; words 2,3)`.
    ///
    /// The same numbers as [`Self::block`], lane by lane: the compiler makes vectors of it.
    #[inline(always)]
    pub(crate) fn blocks<const N: usize>(
        &self,
        tail: [u32; 3],
        first: u32,
    ) -> ([u64; N], [u64; N]) {
        // 64-bit lanes that hold 32-bit words: the widening product is then one instruction.
        let low = u64::from(u32::MAX);
        let mut c = [[0u64; N]; 4];
        for i in 0..N {
            c[0][i] = u64::from(first.wrapping_add(i as u32));
            c[1][i] = u64::from(tail[0]);
            c[2][i] = u64::from(tail[1]);
            c[3][i] = u64::from(tail[2]);
        }
        let mut key = self.key;
        for _ in 0..ROUNDS {
            let (k0, k1) = (u64::from(key[0]), u64::from(key[1]));
            for i in 0..N {
                let p0 = u64::from(MULTIPLIER[0]) * (c[0][i] & low);
                let p1 = u64::from(MULTIPLIER[1]) * (c[2][i] & low);
                c[0][i] = (p1 >> 32) ^ c[1][i] ^ k0;
                c[1][i] = p1 & low;
                c[2][i] = (p0 >> 32) ^ c[3][i] ^ k1;
                c[3][i] = p0 & low;
            }
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        let (mut a, mut b) = ([0; N], [0; N]);
        for i in 0..N {
            a[i] = c[0][i] << 32 | c[1][i];
            b[i] = c[2][i] << 32 | c[3][i];
        }
        (a, b)
    }
}

/// Low and high word.
pub(crate) const fn halves(x: u64) -> [u32; 2] {
    [x as u32, (x >> 32) as u32]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of the authors' Random123 distribution (kat_vectors, philox4x32 10).
    #[test]
    fn known_answers() {
        let answers = [
            ([0; 4], [0; 2], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]),
            (
                [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
                [0xa4093822, 0x299f31d0],
                [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
            ),
        ];
        for (counter, key, expected) in answers {
            assert_eq!(Philox::new(key).block(counter), expected);
        }
    }

    #[test]
    fn many_blocks_are_the_single_blocks() {
        let philox = Philox::keyed(7, 3, 1);
        let (a, b) = philox.blocks::<8>([11, 12, 13], u32::MAX - 3);
        for i in 0..8u32 {
            let w = philox.block([(u32::MAX - 3).wrapping_add(i), 11, 12, 13]);
            assert_eq!(a[i as usize], u64::from(w[0]) << 32 | u64::from(w[1]));
            assert_eq!(b[i as usize], u64::from(w[2]) << 32 | u64::from(w[3]));
        }
    }

    #[test]
    fn keys_differ_by_seed_purpose_and_draw() {
        let keys = [
            Philox::keyed(1, 0, 0),
            Philox::keyed(0, 1, 0),
            Philox::keyed(0, 0, 1),
            Philox::keyed(1 << 32, 0, 0),
        ];
        for i in 0..keys.len() {
            for j in 0..i {
                assert_ne!(keys[i], keys[j]);
            }
        }
    }
}
