//! What can be wrong with a value that somebody wrote.

/// A value that cannot be, with its key and what is allowed.
///
/// Sections report keys relative to themselves; [`ConfigError::within`] puts the section in front as
/// the error travels up, so that the command prints the whole path.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{key}: found {found}, allowed: {allowed}")]
pub struct ConfigError {
    /// Path of the key, `sampler.steps`.
    pub key: String,
    /// The value found.
    pub found: String,
    /// What it may be.
    pub allowed: String,
}

impl ConfigError {
    /// An impossible `found` under `key`.
    pub fn new(key: impl Into<String>, found: impl ToString, allowed: impl Into<String>) -> Self {
        Self { key: key.into(), found: found.to_string(), allowed: allowed.into() }
    }

    /// The same error with `section` in front of its key.
    #[must_use]
    pub fn within(mut self, section: &str) -> Self {
        self.key = format!("{section}.{}", self.key);
        self
    }
}

/// `value` if `holds`, else the error that names the key.
///
/// # Errors
/// [`ConfigError`] with `allowed` as written.
pub fn require<T: ToString + Copy>(
    key: &str,
    value: T,
    holds: impl Fn(T) -> bool,
    allowed: &str,
) -> Result<T, ConfigError> {
    if holds(value) { Ok(value) } else { Err(ConfigError::new(key, value.to_string(), allowed)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_carries_the_whole_path_of_its_key() {
        let error =
            require("steps", 0usize, |n| n > 0, "at least 1").unwrap_err().within("sampler");
        assert_eq!(error.to_string(), "sampler.steps: found 0, allowed: at least 1");
    }
}
