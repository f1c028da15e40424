//! What the converter says: why a document is refused, and what it left out or made stricter.

use std::fmt::{self, Display, Formatter};
use thiserror::Error;

/// A document that is not converted, the field that stands in the way, and what to do.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{document}: {path}: {problem}")]
pub struct Refusal {
    /// Which document: `ClusterPolicy/NAME`.
    pub document: String,
    /// The field: `spec.rules[0].match.any[0].subjects`.
    pub path: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What stands in the way.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Problem {
    /// Not YAML, a field that does not exist, or a value of another type.
    #[error("{0}")]
    Unreadable(String),
    /// Something that has no counterpart.
    #[error("cannot be carried over; {instead}")]
    NoCounterpart {
        /// What to do instead.
        instead: &'static str,
    },
    /// A value that has no counterpart.
    #[error("found `{found}`; {instead}")]
    Value {
        /// What was found.
        found: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// A value for which another one was meant.
    #[error("found `{found}`; write `{instead}`")]
    Write {
        /// What was found.
        found: String,
        /// What to write.
        instead: String,
    },
    /// A field that must be there.
    #[error("missing; {why}")]
    Missing {
        /// Why it must.
        why: &'static str,
    },
    /// A match and exclude that would take too many policies.
    #[error("takes more than {limit} policies; write a simpler match and exclude")]
    TooManyScopes {
        /// How many are allowed.
        limit: usize,
    },
    /// What the policy itself says of the settings.
    #[error("{0}")]
    Settings(String),
}

/// Something worth reading that stands in no way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    /// Which document.
    pub document: String,
    /// The field.
    pub path: String,
    /// What became of it.
    pub text: String,
}

impl Display for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.document, self.path, self.text)
    }
}

/// What is wrong, and at which field of the document at hand.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct At {
    pub(super) path: String,
    pub(super) problem: Problem,
}

impl At {
    pub(super) fn new(path: impl Into<String>, problem: Problem) -> Self {
        Self { path: path.into(), problem }
    }

    pub(super) fn no_counterpart(path: impl Into<String>, instead: &'static str) -> Self {
        Self::new(path, Problem::NoCounterpart { instead })
    }

    pub(super) fn value(path: impl Into<String>, found: impl Into<String>, instead: &'static str) -> Self {
        Self::new(path, Problem::Value { found: found.into(), instead })
    }

    pub(super) fn of(self, document: &str) -> Refusal {
        Refusal { document: document.to_owned(), path: self.path, problem: self.problem }
    }
}

/// The notes of the document at hand.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<(String, String)>);

impl Notes {
    pub(super) fn add(&mut self, path: impl Into<String>, text: impl Into<String>) {
        let note = (path.into(), text.into());
        if !self.0.contains(&note) {
            self.0.push(note);
        }
    }

    pub(super) fn of(self, document: &str) -> impl Iterator<Item = Note> {
        let document = document.to_owned();
        self.0.into_iter().map(move |(path, text)| Note { document: document.clone(), path, text })
    }
}
