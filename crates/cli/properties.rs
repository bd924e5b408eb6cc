//! Values of properties that all samples are asked for.

use anyhow::{Result, anyhow};
use langevin_core::ConfigError;
use langevin_molecules::property::{Asked, Labels, Property, PropertyConfig};

use crate::{bad_input, refused};

/// Values of the model's properties, in their order; nothing where a sample is not asked for one.
pub type Values = Vec<Option<f64>>;

/// Nothing if each of `labels` stands once, and there are some where a condition is hidden with a chance of `hide`.
///
/// # Errors
/// [`ConfigError`] naming the key that cannot be.
pub fn check_labels(mut labels: Vec<&String>, hide: f64) -> Result<(), ConfigError> {
    labels.sort_unstable();
    if let Some(twice) = labels.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(ConfigError::new("data.properties", twice[0], "each label once"));
    }
    if hide > 0.0 && labels.is_empty() {
        let allowed = "0 without data.properties: there is nothing to hide";
        return Err(ConfigError::new("method.hide_condition", hide, allowed));
    }
    Ok(())
}

/// Statistics of the labels that `configs` name among `labels` of records, which come from `source`.
///
/// # Errors
/// A label that has no two values.
pub fn measured<'a>(
    configs: &[PropertyConfig],
    labels: impl Iterator<Item = &'a Labels> + Clone,
    source: &str,
) -> Result<Vec<Property>> {
    let one = |config: &PropertyConfig| {
        Property::measured(config, labels.clone()).map_or_else(
            || {
                refused(format!(
                    "data.properties: label {} has no two values in {source}",
                    config.label
                ))
            },
            Ok,
        )
    };
    configs.iter().map(one).collect()
}

/// The same values for all samples, in the units of `properties`.
///
/// # Errors
/// A property that the model does not know, twice the same, a unit that does not fit.
pub fn same_for_all(asked: &[Asked], properties: &[Property]) -> Result<Values> {
    let mut values: Values = vec![None; properties.len()];
    for asked in asked {
        let place = place_of("--property", &asked.name, properties)?;
        let property = &properties[place];
        let value = asked
            .value_in(property)
            .map_err(|error| bad_input(anyhow!("--property {}: {error}", asked.name)))?;
        if values[place].replace(value).is_some() {
            return refused(format!("--property: {} stands twice", asked.name));
        }
        if value < property.least || value > property.most {
            eprintln!("warning: {}", outside(property, value));
        }
    }
    Ok(values)
}

/// Where the property `name` stands among `properties`.
///
/// # Errors
/// If it does not; `option` is named.
pub fn place_of(option: &str, name: &str, properties: &[Property]) -> Result<usize> {
    let names: Vec<&str> = properties.iter().map(|own| own.name.as_str()).collect();
    match names.iter().position(|own| *own == name) {
        Some(place) => Ok(place),
        None if names.is_empty() => refused(format!(
            "{option}: found {name}, but this model was trained without properties"
        )),
        None => refused(format!("{option}: found {name}, this model knows {}", names.join(", "))),
    }
}

fn outside(property: &Property, value: f64) -> String {
    let Property { name, least, most, .. } = property;
    let unit = property.unit.as_deref().unwrap_or("");
    format!(
        "{name} of {value:.4} {unit} is outside of the training data, which have {least:.4} to \
         {most:.4}"
    )
}
