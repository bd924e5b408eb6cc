//! Properties that samples can be asked for: their names, units and statistics.

use std::collections::BTreeMap;
use std::str::FromStr;

use candle_core::{DType, Device, Tensor};
use langevin_core::{Condition, Result};
use serde::{Deserialize, Serialize};

/// Numbers of a record by name.
pub type Labels = BTreeMap<String, f64>;

/// An entry of `[data] properties`: a label of the records that the network is told.
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
    /// Mean over the records that have the label.
    pub mean: f64,
    /// Mean absolute deviation from it, above 0.
    pub deviation: f64,
    /// Smallest value.
    pub least: f64,
    /// Largest value.
    pub most: f64,
}

impl Property {
    /// Statistics of the label of `config` among `all`; nothing if no record has it or all have the same.
    pub fn measured<'a>(
        config: &PropertyConfig,
        all: impl Iterator<Item = &'a Labels>,
    ) -> Option<Self> {
        let values: Vec<f64> = all.filter_map(|own| own.get(&config.label).copied()).collect();
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

    /// The value that [`standardised`](Self::standardised) makes `told` of.
    pub fn value_of(&self, told: f64) -> f64 {
        self.mean + told * self.deviation
    }
}

/// What a network is told of samples whose `properties` have these values; where one has none, it is hidden. Features and
/// flags, `[B, 2 p]` in all for p properties.
///
/// # Errors
/// [`langevin_core::Error::Tensor`] only.
pub fn condition(
    properties: &[Property],
    values: &[Vec<Option<f64>>],
    dtype: DType,
) -> Result<Condition> {
    if properties.is_empty() {
        return Ok(Condition::none());
    }
    let shape = (values.len(), properties.len());
    let told = |(value, property): (&Option<f64>, &Property)| {
        value.map_or(0.0, |value| property.standardised(value))
    };
    let row = |row: &Vec<Option<f64>>| row.iter().zip(properties).map(told).collect::<Vec<_>>();
    let features: Vec<f64> = values.iter().flat_map(row).collect();
    let shown = values.iter().flatten().map(|value| f64::from(u8::from(value.is_some())));
    let tensor = |values: Vec<f64>| -> Result<Tensor> {
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)?)
    };
    Condition::with_flags(tensor(features)?, tensor(shown.collect())?)
}

/// What a network is told of records with these labels; hidden where one is missing.
///
/// # Errors
/// As [`condition`].
pub fn condition_of<'a>(
    properties: &[Property],
    labels: impl Iterator<Item = &'a Labels>,
    dtype: DType,
) -> Result<Condition> {
    let values = |own: &Labels| -> Vec<Option<f64>> {
        properties.iter().map(|property| own.get(&property.name).copied()).collect()
    };
    condition(properties, &labels.map(values).collect::<Vec<_>>(), dtype)
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

    fn from_str(text: &str) -> std::result::Result<Self, String> {
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
    pub fn value_in(&self, property: &Property) -> std::result::Result<f64, String> {
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

    fn labels(gap: f64) -> Labels {
        Labels::from([("gap".into(), gap)])
    }

    fn property(unit: Option<&str>) -> Property {
        let config = PropertyConfig { label: "gap".into(), unit: unit.map(Into::into) };
        let all = [labels(1.0), labels(4.0), labels(4.0), Labels::new()];
        Property::measured(&config, all.iter()).unwrap()
    }

    #[test]
    fn statistics_are_of_those_that_have_the_label() {
        let gap = property(None);
        assert_eq!((gap.mean, gap.least, gap.most), (3.0, 1.0, 4.0));
        assert!((gap.deviation - 4.0 / 3.0).abs() < 1e-15);
        assert!((gap.standardised(5.0) - 1.5).abs() < 1e-15);
        assert!((gap.value_of(1.5) - 5.0).abs() < 1e-15);
        let other = PropertyConfig { label: "mu".into(), unit: None };
        assert!(Property::measured(&other, [Labels::new()].iter()).is_none());
    }

    #[test]
    fn properties_are_told_where_they_are_known() {
        assert!(condition(&[], &[vec![]], DType::F64).unwrap().features().is_none());
        let property = |name: &str, mean, deviation| {
            let (name, unit, least, most) = (name.into(), None, 0.0, 9.0);
            Property { name, unit, mean, deviation, least, most }
        };
        let properties = [property("gap", 2.0, 0.5), property("mu", 1.0, 2.0)];
        let all = [labels(3.0), Labels::from([("mu".into(), 0.0)])];
        let told = condition_of(&properties, all.iter(), DType::F64).unwrap();
        let seen = told.input(DType::F64).unwrap().unwrap().to_vec2::<f64>().unwrap();
        assert_eq!(seen, [[2.0, 0.0, 1.0, 0.0], [0.0, -0.5, 0.0, 1.0]]);
        let hidden = told.hidden().unwrap().input(DType::F64).unwrap().unwrap();
        assert_eq!(hidden.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap(), 0.0);
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
