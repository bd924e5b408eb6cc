//! Parts of a set: `train=0.8,valid=0.1,test=0.1`.

use std::fmt;
use std::str::FromStr;

use langevin_kernels::rng::{Stream, tag};

/// Names of parts with their fractions, which sum to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Split(Vec<(String, f64)>);

/// Why parts cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SplitError {
    /// A part that is no `name=fraction`.
    #[error(
        "found {0:?}, allowed: a name of letters, digits, - and _, then = and a fraction above 0"
    )]
    Part(String),
    /// A name that stands twice.
    #[error("found the part {0:?} twice, allowed: once")]
    Twice(String),
    /// Fractions that leave something over.
    #[error("found fractions that sum to {0}, allowed: 1")]
    Sum(f64),
    /// Too few molecules.
    #[error(
        "found no molecule for the part {part:?} of {molecules}, allowed: at least one in each"
    )]
    Empty {
        /// Its name.
        part: String,
        /// Of how many.
        molecules: usize,
    },
}

impl FromStr for Split {
    type Err = SplitError;

    fn from_str(text: &str) -> Result<Self, SplitError> {
        let mut parts: Vec<(String, f64)> = Vec::new();
        for part in text.split(',') {
            let wrong = || SplitError::Part(part.into());
            let (name, fraction) = part.split_once('=').ok_or_else(wrong)?;
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            let fraction = fraction.parse().ok().filter(|f: &f64| *f > 0.0 && f.is_finite());
            if name.is_empty() || !name.bytes().all(plain) {
                return Err(wrong());
            }
            if parts.iter().any(|(other, _)| other == name) {
                return Err(SplitError::Twice(name.into()));
            }
            parts.push((name.into(), fraction.ok_or_else(wrong)?));
        }
        let sum: f64 = parts.iter().map(|part| part.1).sum();
        // Decimal fractions that sum to 1 do so in doubles to a few units of the last place.
        if (sum - 1.0).abs() > 1e-9 { Err(SplitError::Sum(sum)) } else { Ok(Self(parts)) }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> =
            self.0.iter().map(|(name, fraction)| format!("{name}={fraction}")).collect();
        f.write_str(&parts.join(","))
    }
}

impl Split {
    /// Names of the parts, in the order given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Places of `0..n` by part, rising; each is in exactly one. A function of `n` and `seed` alone.
    ///
    /// # Errors
    /// [`SplitError::Empty`].
    pub fn parts(&self, n: usize, seed: u64) -> Result<Vec<Vec<usize>>, SplitError> {
        let order = Stream::new(seed, tag("split"), 0, 0).permutation(n);
        let (mut sum, mut start) = (0.0, 0);
        let mut parts = Vec::new();
        for (i, (part, fraction)) in self.0.iter().enumerate() {
            sum += fraction;
            // Rounded bounds, not rounded sizes: every molecule has its part.
            let end = if i + 1 == self.0.len() { n } else { (sum * n as f64).round() as usize };
            if end <= start {
                return Err(SplitError::Empty { part: part.clone(), molecules: n });
            }
            let mut places = order[start..end].to_vec();
            places.sort_unstable();
            parts.push(places);
            start = end;
        }
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_in_one_part_and_the_seed_decides() {
        let split: Split = "train=0.8,valid=0.1,test=0.1".parse().unwrap();
        let parts = split.parts(137, 3).unwrap();
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [110, 13, 14]);
        let mut all = parts.concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..137));
        assert_eq!(split.parts(137, 3).unwrap(), parts);
        assert_ne!(split.parts(137, 4).unwrap(), parts);
        assert_eq!(split.to_string(), "train=0.8,valid=0.1,test=0.1");
    }

    #[test]
    fn fractions_that_make_no_parts_are_refused() {
        let message = |text: &str| text.parse::<Split>().unwrap_err().to_string();
        assert!(message("train").starts_with("found \"train\", allowed: a name"));
        for text in ["train=0,test=1", "train=-1,test=2", "a/b=1", "=1", "train=x", "", "a=nan"] {
            assert!(message(text).contains("a fraction above 0"), "{text}");
        }
        assert_eq!(message("a=0.5,a=0.5"), "found the part \"a\" twice, allowed: once");
        assert_eq!(message("a=0.5,b=0.25"), "found fractions that sum to 0.75, allowed: 1");
        let few = "a=0.9,b=0.1".parse::<Split>().unwrap().parts(2, 0).unwrap_err();
        assert_eq!(few, SplitError::Empty { part: "b".into(), molecules: 2 });
    }
}
