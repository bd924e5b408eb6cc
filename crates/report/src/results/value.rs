//! A value in a results file: a number or words.

use std::fmt;

use serde::de::{Deserializer, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// A number, or words where a number alone would mislead (`"0.31 (DDPM, 1000 steps)"`).
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// Words.
    Text(String),
}

impl Value {
    /// What a row says whose number needs what the machine lacked: a GPU, other programs.
    pub const NOT_MEASURED: &str = "not measured";

    /// Whether it is anything but [`NOT_MEASURED`](Self::NOT_MEASURED).
    pub fn is_measured(&self) -> bool {
        !matches!(self, Self::Text(text) if text == Self::NOT_MEASURED)
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(value) => Some(*value),
            Self::Text(_) => None,
        }
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_string())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            // 2^53: below it a whole number is exact, and reads better without its ".0".
            Self::Number(value)
                if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 =>
            {
                serializer.serialize_i64(*value as i64)
            }
            Self::Number(value) => serializer.serialize_f64(*value),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrText)
    }
}

/// By hand and not `untagged`, whose message would not say what is expected.
struct NumberOrText;

impl Visitor<'_> for NumberOrText {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a text")
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_stay_whole_and_round_trip() {
        let values = [Value::Number(60_000.0), Value::Number(-0.25), Value::from("n/a")];
        let json = serde_json::to_string(&values).unwrap();
        assert_eq!(json, r#"[60000,-0.25,"n/a"]"#);
        assert_eq!(serde_json::from_str::<Vec<Value>>(&json).unwrap(), values);
    }

    #[test]
    fn other_types_are_refused_by_name() {
        let error = serde_json::from_str::<Value>("true").unwrap_err().to_string();
        assert!(error.contains("expected a number or a text"), "{error}");
    }
}
