//! How many atoms samples have.

use std::str::FromStr;

use langevin_core::{Purpose, Rng, Seed};
use serde::Serialize;

/// Numbers of atoms from the first to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SizeRange(pub usize, pub usize);

impl FromStr for SizeRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        let number = |text: &str| text.parse::<usize>().ok().filter(|&n| n > 0);
        let bounds = number(least).zip(number(most)).filter(|(least, most)| least <= most);
        let (least, most) = bounds.ok_or("allowed: a number above 0, or a range as 15..20")?;
        Ok(Self(least, most))
    }
}

/// Where sizes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sizes {
    /// Drawn: sizes with their weights.
    Law(Vec<(usize, u64)>),
    /// One for each sample.
    Each(Vec<usize>),
}

impl Sizes {
    /// A size for each of `count` samples: that of a sample depends on its own number alone.
    pub fn draw(&self, seed: Seed, count: usize) -> Vec<usize> {
        let law = match self {
            Self::Law(law) => law,
            Self::Each(sizes) => return sizes.clone(),
        };
        let total: u64 = law.iter().map(|(_, weight)| weight).sum();
        // Step 0 of this purpose makes the reference samples.
        let mut rng = Rng::new(seed, Purpose::Reference, langevin_core::rng::ids(0, count), 1);
        let size = |u: f64| {
            let mut below = (u * total as f64) as u64;
            for &(size, weight) in law {
                if below < weight {
                    return size;
                }
                below -= weight;
            }
            // Rounding of the product could make it the total itself.
            law.last().expect("a law has a size").0
        };
        rng.uniforms().into_iter().map(size).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_a_number_or_a_range() {
        assert_eq!("18".parse(), Ok(SizeRange(18, 18)));
        assert_eq!("15..20".parse(), Ok(SizeRange(15, 20)));
        for bad in ["", "0", "20..15", "..20", "many", "-3"] {
            assert!(bad.parse::<SizeRange>().is_err(), "{bad}");
        }
    }

    /// 3000 draws with chances 1/4 and 3/4: a standard deviation of 24; five of them.
    #[test]
    fn sizes_are_drawn_by_their_weights_whatever_the_count() {
        let law = Sizes::Law(vec![(5, 1), (9, 3)]);
        let sizes = law.draw(Seed(1), 3000);
        let small = sizes.iter().filter(|&&n| n == 5).count();
        assert!(small.abs_diff(750) < 120, "{small}");
        assert_eq!(law.draw(Seed(1), 10), sizes[..10]);
    }
}
