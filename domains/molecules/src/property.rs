//! Properties that samples can be asked for: their names, units and statistics.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::record::Molecule;

/// An entry of `[data] properties`: a label of the molecules that the network is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PropertyConfig {
    /// Name of the label in the file.
    pub label: String,
    /// Its unit, as `eV`; requests in another unit of energy are converted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// A property as the training data have it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Property {
    /// Name of the label.
    pub name: String,
    /// Unit of the numbers below, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Mean over the molecules that have the label.
    pub mean: f64,
    /// Mean absolute deviation from it, above 0.
    pub deviation: f64,
    /// Smallest value.
    pub least: f64,
    /// Largest value.
    pub most: f64,
}

impl Property {
    /// Statistics of the label of `config` in `molecules`; nothing if none has it or all have the same.
    pub fn measured(config: &PropertyConfig, molecules: &[Molecule]) -> Option<Self> {
        let values = molecules.iter().filter_map(|m| m.labels().get(&config.label).copied());
        let values: Vec<f64> = values.collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let deviation = values.iter().map(|x| (x - mean).abs()).sum::<f64>() / n;
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (name, unit) = (config.label.clone(), config.unit.clone());
        (deviation > 0.0).then_some(Self { name, unit, mean, deviation, least, most })
    }

    /// What the network is told of `value`: (value − mean)/deviation.
    pub fn standardised(&self, value: f64) -> f64 {
        (value - self.mean) / self.deviation
    }
}

/// A value of a property that is asked for: `gap=6.8eV`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Asked {
    /// Name of the property.
    pub name: String,
    /// Its value, in the unit that was given.
    pub value: f64,
    /// The unit, if one was given.
    pub unit: Option<String>,
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "allowed: NAME=VALUE with an optional unit, as gap=6.8eV".to_string();
        let (name, rest) = text.split_once('=').ok_or_else(wrong)?;
        let rest = rest.trim();
        // The longest start that is a number: "6.8eV" is 6.8, and the e of a unit ends no exponent.
        let ends = (1..=rest.len()).rev().filter(|&end| rest.is_char_boundary(end));
        let mut numbers = ends.filter_map(|end| Some((end, rest[..end].trim().parse().ok()?)));
        let (end, value) = numbers.find(|(_, x): &(_, f64)| x.is_finite()).ok_or_else(wrong)?;
        let unit = Some(rest[end..].trim().to_owned()).filter(|unit| !unit.is_empty());
        let name = name.trim().to_owned();
        if name.is_empty() { Err(wrong()) } else { Ok(Self { name, value, unit }) }
    }
}

impl Asked {
    /// The value in the unit of `property`.
    ///
    /// # Errors
    /// What is wrong with the unit.
    pub fn value_in(&self, property: &Property) -> Result<f64, String> {
        let (Some(from), Some(to)) = (&self.unit, &property.unit) else {
            return match &self.unit {
                Some(unit) => Err(format!("found unit {unit}, but the data name none")),
                None => Ok(self.value),
            };
        };
        if from == to {
            return Ok(self.value);
        }
        match (electronvolts(from), electronvolts(to)) {
            (Some(from), Some(to)) => Ok(self.value * from / to),
            _ => Err(format!("found unit {from}, the data are in {to}")),
        }
    }
}

/// A unit of energy in eV (CODATA 2018).
fn electronvolts(unit: &str) -> Option<f64> {
    Some(match unit {
        "eV" => 1.0,
        "meV" => 1e-3,
        "hartree" | "Hartree" | "Ha" => 27.211_386_245_988,
        "kcal/mol" => 4.184 / 96.485_332_123_310,
        "kJ/mol" => 1.0 / 96.485_332_123_310,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Element;

    fn property(unit: Option<&str>) -> Property {
        let config = PropertyConfig { label: "gap".into(), unit: unit.map(Into::into) };
        let molecule = |gap: f64| {
            let one = Molecule::new(vec![Element::H], vec![[0.0; 3]]).unwrap();
            one.with_label("gap", gap)
        };
        let bare = Molecule::new(vec![Element::H], vec![[0.0; 3]]).unwrap();
        Property::measured(&config, &[molecule(1.0), molecule(4.0), molecule(4.0), bare]).unwrap()
    }

    #[test]
    fn statistics_are_of_those_that_have_the_label() {
        let gap = property(None);
        assert_eq!((gap.mean, gap.least, gap.most), (3.0, 1.0, 4.0));
        assert!((gap.deviation - 4.0 / 3.0).abs() < 1e-15);
        assert!((gap.standardised(5.0) - 1.5).abs() < 1e-15);
        let other = PropertyConfig { label: "mu".into(), unit: None };
        let bare = Molecule::new(vec![Element::H], vec![[0.0; 3]]).unwrap();
        assert!(Property::measured(&other, &[bare]).is_none());
    }

    #[test]
    fn values_come_with_units() {
        let asked: Asked = "gap = 6.8eV".parse().unwrap();
        assert_eq!((asked.name.as_str(), asked.value), ("gap", 6.8));
        assert_eq!(asked.unit.as_deref(), Some("eV"));
        assert!((asked.value_in(&property(Some("hartree"))).unwrap() - 0.249_895).abs() < 1e-5);
        let plain: Asked = "mu=-1e-3".parse().unwrap();
        assert_eq!((plain.value, plain.unit), (-1e-3, None));
        assert_eq!("gap=2".parse::<Asked>().unwrap().value_in(&property(Some("eV"))), Ok(2.0));
        assert!("gap=2 D".parse::<Asked>().unwrap().value_in(&property(Some("eV"))).is_err());
        assert!("gap=2eV".parse::<Asked>().unwrap().value_in(&property(None)).is_err());
        for bad in ["gap", "gap=", "=3", "gap=eV", "gap=nan", "gap=inf"] {
            assert!(bad.parse::<Asked>().is_err(), "{bad}");
        }
    }
}
