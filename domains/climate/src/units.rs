//! Units of rain and temperature, in the spellings that files have.

/// What numbers of unit `from` are multiplied by to be of unit `to`; nothing if either is unknown, and 1 for two that are the
/// same text.
pub fn ratio(from: &str, to: &str) -> Option<f64> {
    if from.trim() == to.trim() {
        return Some(1.0);
    }
    let (from, to) = (known(from)?, known(to)?);
    (from.0 == to.0).then_some(from.1 / to.1)
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// In mm/h.
    RainRate,
    /// In kelvins.
    Temperature,
}

/// The kind of a unit and how large it is. A kilogram of rain on a square metre is a millimetre.
fn known(unit: &str) -> Option<(Kind, f64)> {
    let written = unit.trim().to_lowercase().replace("**", "").replace(['^', '.', '*'], " ");
    let words: Vec<&str> = written.split_whitespace().collect();
    match words.join(" ").as_str() {
        "mm h-1" | "mm hr-1" | "mm/h" | "mm/hr" | "mm/hour" | "kg m-2 h-1" => {
            Some((Kind::RainRate, 1.0))
        }
        "mm d-1" | "mm day-1" | "mm/d" | "mm/day" | "kg m-2 d-1" | "kg m-2 day-1" => {
            Some((Kind::RainRate, 1.0 / 24.0))
        }
        "kg m-2 s-1" | "mm s-1" | "mm/s" | "kg/m2/s" => Some((Kind::RainRate, 3600.0)),
        "m s-1" | "m/s" => Some((Kind::RainRate, 3.6e6)),
        "k" | "kelvin" => Some((Kind::Temperature, 1.0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_the_same_and_kinds_are_not() {
        assert_eq!(ratio("mm/hr", "mm h-1"), Some(1.0));
        assert_eq!(ratio("kg m-2 s-1", "mm h**-1"), Some(3600.0));
        assert_eq!(ratio("mm d-1", "mm h-1"), Some(1.0 / 24.0));
        assert_eq!(ratio("Kelvin", "K"), Some(1.0));
        assert_eq!(ratio("K", "mm h-1"), None);
        assert_eq!(ratio("dBZ", "mm h-1"), None);
        assert_eq!(ratio("dBZ", "dBZ"), Some(1.0));
    }
}
