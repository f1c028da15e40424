//! Settings: raw JSON in, checked rules out, or an error that names the field.
//!
//! Parsing is pure: no host call, no clock. What the fields are, and what becomes of those that are not
//! implemented, stands in [`fields`]; the parser refuses whatever is not in those tables.

mod attestors;
mod error;
mod fields;
mod keyring;
mod native;
mod reader;

use serde_json::Value;

pub use error::{Found, Problem, SettingsError};

use crate::limits::MAX_SETTINGS_BYTES;
use crate::requirement::{NonEmpty, Rule};

/// Checked settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    rules: NonEmpty<Rule>,
    unmatched_images: UnmatchedImages,
    warnings: Vec<String>,
}

/// What becomes of an image that no rule names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnmatchedImages {
    /// Accepted, as both peers do.
    Allow,
    /// Accepted with a warning.
    Warn,
    /// Rejected.
    Deny,
}

impl Settings {
    /// Parses settings as the host hands them over.
    ///
    /// # Errors
    /// [`SettingsError`] for the first thing that is not understood, with its path.
    pub fn from_json(json: &[u8]) -> Result<Self, SettingsError> {
        if json.len() > MAX_SETTINGS_BYTES {
            return Err(SettingsError::at("settings", Problem::TooLong { limit: MAX_SETTINGS_BYTES }));
        }
        let value =
            serde_json::from_slice(json).map_err(|_| SettingsError::at("settings", Problem::NotJson))?;
        Self::parse(&value)
    }

    /// Parses settings from a JSON value.
    ///
    /// # Errors
    /// [`SettingsError`] for the first thing that is not understood, with its path.
    pub fn parse(value: &Value) -> Result<Self, SettingsError> {
        native::parse(value)
    }

    /// The rules, at least one.
    #[must_use]
    pub fn rules(&self) -> &NonEmpty<Rule> {
        &self.rules
    }

    /// What becomes of an image that no rule names.
    #[must_use]
    pub fn unmatched_images(&self) -> UnmatchedImages {
        self.unmatched_images
    }

    /// What is legal but has no effect here.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
