//! The settings of the policy, as an operator writes them.

use serde_json::{Map, Value};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Settings: an object, possibly empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settings(Map<String, Value>);

/// Why there are no settings.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// A list, a number, a text.
    #[error("the settings are not an object")]
    NotAnObject,
    /// The file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Neither YAML nor JSON.
    #[error("the settings are neither YAML nor JSON: {0}")]
    Yaml(#[from] serde_norway::Error),
}

impl Settings {
    /// Reads settings from a YAML or JSON file.
    ///
    /// # Errors
    ///
    /// Fails when there is no object in it.
    pub fn load(path: &Path) -> Result<Self, SettingsError> {
        let text = fs::read_to_string(path)
            .map_err(|source| SettingsError::Read { path: path.to_owned(), source })?;
        Self::from_yaml(&text)
    }

    /// Reads settings. JSON is YAML too.
    ///
    /// # Errors
    ///
    /// Fails when there is no object in it.
    pub fn from_yaml(text: &str) -> Result<Self, SettingsError> {
        Self::from_value(serde_norway::from_str(text)?)
    }

    /// Settings that were read already.
    ///
    /// # Errors
    ///
    /// Fails for what is no object.
    pub fn from_value(value: Value) -> Result<Self, SettingsError> {
        match value {
            // As the real host has it, for a policy without settings.
            Value::Null => Ok(Self::default()),
            Value::Object(map) => Ok(Self(map)),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(SettingsError::NotAnObject)
            }
        }
    }

    /// The settings.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_and_json_are_the_same_settings() {
        let yaml = Settings::from_yaml("a:\n  - b: |\n      line\n").unwrap();
        assert_eq!(Settings::from_yaml(r#"{"a": [{"b": "line\n"}]}"#).unwrap(), yaml);
        assert_eq!(yaml.as_map().len(), 1);
    }

    #[test]
    fn nothing_is_the_empty_object() {
        assert_eq!(Settings::from_yaml("").unwrap(), Settings::default());
        assert_eq!(Settings::from_yaml("null").unwrap(), Settings::default());
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(matches!(Settings::from_yaml("[]"), Err(SettingsError::NotAnObject)));
        assert!(matches!(Settings::from_yaml("a: b: c"), Err(SettingsError::Yaml(_))));
        let missing = Path::new("no such directory/settings.yml");
        assert!(matches!(Settings::load(missing), Err(SettingsError::Read { .. })));
    }
}
