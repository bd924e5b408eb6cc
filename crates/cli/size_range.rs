//! A number, or all from one to another, on the command line: `18`, `15..20`.

use std::str::FromStr;

use serde::Serialize;

/// Numbers from the first to the second, as of atoms; none is 0.
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

impl SizeRange {
    /// Whether `number` lies in it.
    pub fn holds(self, number: usize) -> bool {
        (self.0..=self.1).contains(&number)
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
}
