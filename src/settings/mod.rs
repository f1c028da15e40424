//! Settings: raw JSON in, checked rules out, or an error that names the field.
//!
//! Parsing is pure: no host call, no clock. What the fields are, and what becomes of those that are not
//! implemented, stands in `fields`; the parser refuses whatever is not in those tables.

mod attestations;
mod attestors;
mod breadth;
mod certificates;
mod error;
mod exemptions;
mod extractors;
mod fields;
mod keyless;
mod keyring;
mod kubewarden;
mod kubewarden_fields;
mod native;
mod reader;
#[cfg(not(target_arch = "wasm32"))]
pub mod schema;
mod trust;

use core::time::Duration;

use serde_json::Value;

pub use error::{Found, Problem, SettingsError};
pub use exemptions::{Exception, Revoked};

use crate::limits::MAX_SETTINGS_BYTES;
use crate::requirement::{DeclaredSet, NonEmpty, Rule, RuleName};
use crate::verify::TrustRootError;
use crate::workload::Extractor;
use reader::{Node, Notes, TrustRoots};

/// Checked settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    rules: NonEmpty<Rule>,
    unmatched_images: UnmatchedImages,
    extractors: Vec<Extractor>,
    evaluation_budget: Duration,
    skip_unchanged: bool,
    mutation: Mutation,
    revoked: Revoked,
    exceptions: Vec<Exception>,
    warnings: Vec<String>,
    trust_roots: TrustRoots,
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

/// How accepted objects are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mutation {
    /// Change Pods only.
    pub pods_only: bool,
    /// Set `imagePullPolicy: Always` on verified images that change.
    pub pull_always: bool,
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
        let settings = Self::parse(&value)?;
        settings.check_trust()?;
        Ok(settings)
    }

    /// Parses settings from a JSON value, in either dialect.
    ///
    /// # Errors
    /// [`SettingsError`] for the first thing that is not understood, with its path.
    pub fn parse(value: &Value) -> Result<Self, SettingsError> {
        let at_top = |problem| Err(SettingsError::at("settings", problem));
        // What people paste by mistake is named, before any field of it is called unknown.
        if let (Some(kind), Some(_)) = (value.get("kind"), value.get("apiVersion")) {
            return at_top(Problem::WholeObject { kind: kind.as_str().unwrap_or("object").to_owned() });
        }
        let notes = Notes::default();
        let root = Node::root(value, &notes);
        let settings = match (value.get("verifyImages").is_some(), value.get("signatures").is_some()) {
            (true, true) => return at_top(Problem::Dialect { found: "both dialects" }),
            (false, true) => kubewarden::parse(root)?,
            (true, false) => native::parse(root)?,
            (false, false) if value.as_object().is_some_and(serde_json::Map::is_empty) => {
                return at_top(Problem::Dialect { found: "no settings" });
            }
            // The parser names the fields that do not belong, or the one that is missing.
            (false, false) => native::parse(root)?,
        };
        let (warnings, trust_roots) = notes.finish();
        Ok(Self { warnings, trust_roots, ..settings })
    }

    /// Checks what reading leaves for later, because it takes longer and each evaluation needs little of it: that every
    /// trust root can be used. Pure, as reading is.
    ///
    /// # Errors
    /// [`SettingsError`] with the path of the trust root that cannot, or of the entry that replaces a part of one.
    pub fn check_trust(&self) -> Result<(), SettingsError> {
        for (path, root) in &self.trust_roots {
            root.check().map_err(|error| SettingsError::at(path.clone(), error.into()))?;
        }
        for (index, rule) in self.rules.iter().enumerate() {
            for (place, terms) in rule.all_sets().flat_map(DeclaredSet::terms) {
                let rule = match &rule.name {
                    RuleName::Place(place) => place.clone(),
                    RuleName::Given(_) => format!("verifyImages[{index}]"),
                };
                let error =
                    |error: TrustRootError| SettingsError::at(format!("{rule}.{place}"), error.into());
                terms.evidence.trust.check().map_err(error)?;
            }
        }
        Ok(())
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

    /// Where custom resources keep their images.
    #[must_use]
    pub fn extractors(&self) -> &[Extractor] {
        &self.extractors
    }

    /// How long one evaluation may take until it stops asking the host.
    #[must_use]
    pub fn evaluation_budget(&self) -> Duration {
        self.evaluation_budget
    }

    /// Whether pinned images that an UPDATE does not change are accepted as they are.
    #[must_use]
    pub fn skip_unchanged(&self) -> bool {
        self.skip_unchanged
    }

    /// How accepted objects are changed.
    #[must_use]
    pub fn mutation(&self) -> Mutation {
        self.mutation
    }

    /// What is never accepted.
    #[must_use]
    pub fn revoked(&self) -> &Revoked {
        &self.revoked
    }

    /// Images accepted for a time although a rule is not met.
    #[must_use]
    pub fn exceptions(&self) -> &[Exception] {
        &self.exceptions
    }

    /// What is legal but has no effect here.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
