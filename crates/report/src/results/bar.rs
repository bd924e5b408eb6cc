//! Reading a bar as it is written, and holding a value against it.

use super::Value;

/// How a value is compared with the limit of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `>=` or `≥`.
    AtLeast,
    /// `<=` or `≤`.
    AtMost,
    /// `>`.
    Above,
    /// `<`.
    Below,
    /// `=` or `==`: the same number, to the last bit.
    Equal,
}

/// A bar that is a comparison with a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// How to compare.
    pub comparison: Comparison,
    /// The limit, in the unit of its row.
    pub limit: f64,
}

/// Longer signs first: `>=` begins with `>`.
const SIGNS: [(&str, Comparison); 8] = [
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    ("==", Comparison::Equal),
    ("≥", Comparison::AtLeast),
    ("≤", Comparison::AtMost),
    (">", Comparison::Above),
    ("<", Comparison::Below),
    ("=", Comparison::Equal),
];

impl Bar {
    /// Read `>= 82.0` or, where the row's unit is `%`, `>= 82.0 %`.
    ///
    /// `None` if the bar is in words, or in another unit than its row: such a bar is judged by whoever
    /// wrote it.
    pub fn parse(text: &str, unit: &str) -> Option<Self> {
        let text = text.trim();
        let (sign, comparison) = *SIGNS.iter().find(|(sign, _)| text.starts_with(sign))?;
        let limit = text[sign.len()..].trim();
        let limit = limit.strip_suffix(unit.trim()).unwrap_or(limit).trim_end();
        let limit: f64 = limit.parse().ok()?;
        limit.is_finite().then_some(Self { comparison, limit })
    }

    /// Whether `value` meets the bar; NaN meets none.
    pub fn holds(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::AtLeast => value >= self.limit,
            Comparison::AtMost => value <= self.limit,
            Comparison::Above => value > self.limit,
            Comparison::Below => value < self.limit,
            Comparison::Equal => value == self.limit,
        }
    }
}

/// Whether the bar holds, if value and bar are numbers.
pub(super) fn judge(value: &Value, bar: &str, unit: &str) -> Option<bool> {
    Some(Bar::parse(bar, unit)?.holds(value.number()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_is_read() {
        let holds = |bar: &str, value: f64| Bar::parse(bar, "%").map(|bar| bar.holds(value));
        assert_eq!(holds(">= 82.0", 82.0), Some(true));
        assert_eq!(holds("> 82.0", 82.0), Some(false));
        assert_eq!(holds("≤1e-3", 0.002), Some(false));
        assert_eq!(holds("<0.5", 0.4), Some(true));
        assert_eq!(holds("== 0", 0.0), Some(true));
        assert_eq!(holds(">= 82.0 %", 81.9), Some(false));
        assert_eq!(holds(">= 82.0", f64::NAN), Some(false));
    }

    #[test]
    fn words_and_foreign_units_are_not_numbers() {
        for bar in ["below the peer", "<= 2 x floor", ">= 82 kB", "82", "", ">= inf"] {
            assert_eq!(Bar::parse(bar, "%"), None, "{bar}");
        }
    }
}
