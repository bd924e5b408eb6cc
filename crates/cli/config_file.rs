//! Reading a config file so that every mistake is named by file, key, what was found and what is
//! allowed.

use std::path::{Path, PathBuf};

use langevin_core::ConfigError;
use serde::de::DeserializeOwned;

/// A config that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFileError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is not TOML.
    #[error("{path}: not valid TOML: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        message: String,
    },
    /// A key or value that cannot be.
    #[error("{path}: {error}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The key, what was found and what is allowed.
        error: ConfigError,
    },
}

impl ConfigFileError {
    /// `error` of a value that parsed but cannot be, found in `path`.
    pub fn value(path: &Path, error: ConfigError) -> Self {
        Self::Value { path: path.into(), error }
    }
}

/// The config in `path`, and its text.
///
/// # Errors
/// [`ConfigFileError`].
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<(T, String), ConfigFileError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigFileError::Read { path: path.into(), source })?;
    Ok((parse(&text, path)?, text))
}

/// The config in `text`, which came from `path`.
///
/// # Errors
/// [`ConfigFileError::Syntax`] or [`ConfigFileError::Value`].
pub fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, ConfigFileError> {
    let syntax = |error: toml::de::Error| ConfigFileError::Syntax {
        path: path.into(),
        message: error.to_string().trim_end().to_owned(),
    };
    let table: toml::Table = text.parse().map_err(syntax)?;
    serde_path_to_error::deserialize(table.clone()).map_err(|error| {
        let key = error.path().to_string();
        let key = if key == "." { String::new() } else { key };
        let mut error = explain(&key, &error.into_inner().to_string());
        if let Some(child) = holder(&table, &error) {
            error.key = format!("{}.{child}", error.key);
        }
        ConfigFileError::value(path, error)
    })
}

/// The key within the section `error.key` whose value is the one found.
///
/// Sections chosen by their `kind` are read whole before they are understood, and the path of an error in
/// them ends at the section.
fn holder(table: &toml::Table, error: &ConfigError) -> Option<String> {
    let mut section = table;
    for name in error.key.split('.') {
        section = section.get(name)?.as_table()?;
    }
    let shown = |value: &toml::Value| match value {
        toml::Value::String(text) => format!("string {text:?}"),
        toml::Value::Integer(number) => format!("integer {number}"),
        toml::Value::Float(number) => format!("floating point {number:?}"),
        toml::Value::Boolean(truth) => format!("boolean {truth}"),
        toml::Value::Array(_) => "sequence".into(),
        toml::Value::Table(_) => "map".into(),
        toml::Value::Datetime(_) => String::new(),
    };
    let fits = |(_, value): &(&String, &toml::Value)| shown(value) == error.found;
    section.iter().find(fits).map(|(key, _)| key.clone())
}

/// A serde message as key, found and allowed.
fn explain(key: &str, message: &str) -> ConfigError {
    let message = message.lines().next().unwrap_or_default();
    let child = |name: &str| if key.is_empty() { name.into() } else { format!("{key}.{name}") };
    let allowed = |rest: &str| rest.trim_start_matches("one of ").replace('`', "");
    let quoted = |prefix: &str| {
        let rest = message.strip_prefix(prefix)?.strip_prefix('`')?;
        rest.split_once('`')
    };
    if let Some((name, rest)) = quoted("unknown field ") {
        let rest = rest.trim_start_matches(", expected ").trim_start_matches(", there are ");
        let name = name.to_owned();
        // With buffered (tagged) sections the path may already end in the unknown key.
        let key = if key.ends_with(&format!(".{name}")) || key == name {
            key.into()
        } else {
            child(&name)
        };
        return ConfigError::new(key, "a key that does not exist", allowed(rest));
    }
    if let Some((name, _)) = quoted("missing field ") {
        return ConfigError::new(child(name), "nothing", "a value: this key is needed");
    }
    if let Some((name, rest)) = quoted("unknown variant ") {
        let key = if key.is_empty() { "kind".into() } else { key.to_owned() };
        return ConfigError::new(key, name, allowed(rest.trim_start_matches(", expected ")));
    }
    for prefix in ["invalid type: ", "invalid value: ", "invalid length "] {
        if let Some((found, expected)) =
            message.strip_prefix(prefix).and_then(|rest| rest.split_once(", expected "))
        {
            return ConfigError::new(key, found.replace('`', ""), expected);
        }
    }
    ConfigError::new(key, message, "see the documentation of this section")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[allow(dead_code, reason = "only the parsing is tested")]
        inner: Inner,
    }

    #[derive(Debug, Deserialize)]
    #[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
    enum Inner {
        First {
            #[allow(dead_code, reason = "only the parsing is tested")]
            steps: usize,
        },
    }

    fn message(text: &str) -> String {
        parse::<Outer>(text, Path::new("a.toml")).unwrap_err().to_string()
    }

    #[test]
    fn mistakes_are_named_by_key_found_and_allowed() {
        assert_eq!(
            message("[inner]\nkind = \"first\"\nstepps = 3"),
            "a.toml: inner.stepps: found a key that does not exist, allowed: steps"
        );
        assert_eq!(
            message("[inner]\nkind = \"frist\"\nsteps = 3"),
            "a.toml: inner.kind: found frist, allowed: first"
        );
        assert_eq!(
            message("[inner]\nkind = \"first\"\nsteps = \"three\""),
            "a.toml: inner.steps: found string \"three\", allowed: usize"
        );
        assert_eq!(
            message("[inner]\nkind = \"first\""),
            "a.toml: inner.steps: found nothing, allowed: a value: this key is needed"
        );
        assert_eq!(
            message("[outer]\n"),
            "a.toml: outer: found a key that does not exist, allowed: inner"
        );
        assert!(message("[inner\n").starts_with("a.toml: not valid TOML: "));
    }
}
