//! Examples with the outcome they must have.
//!
//! A case is a directory: `request.json` (an AdmissionRequest), `settings.yml`, `session.yml` (the host calls, as
//! kwctl records them, or `[]`) and `expected.json` ([`Expected`]).

use crate::admission::{Request, RequestError};
use crate::capability::Grants;
use crate::host::Host;
use crate::images::images;
use crate::module::Policy;
use crate::response::{Evaluation, SettingsAnswer};
use crate::session::{Replay, Session, SessionError};
use crate::settings::{Settings, SettingsError};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// One example.
#[derive(Clone, Debug)]
pub struct Case {
    /// The name of the directory.
    pub name: String,
    /// What is asked.
    pub request: Request,
    /// With which settings.
    pub settings: Settings,
    /// What the registries say.
    pub session: Session,
    /// What must come out.
    pub expected: Expected,
}

/// What must come out of a case. What is not given is not compared.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// A line for people.
    pub title: String,
    /// The verdict.
    pub accepted: bool,
    /// The HTTP status of a rejection.
    pub code: Option<u16>,
    /// The message, to the letter.
    pub message: Option<String>,
    /// The images of the resulting object, in the order of [`images`].
    pub images: Option<Vec<String>>,
    /// The warnings.
    pub warnings: Option<Vec<String>>,
    /// What goes into the audit log.
    pub annotations: Option<BTreeMap<String, String>>,
    /// The number of host calls; logging is none.
    pub calls: usize,
}

/// What came out of a case.
#[derive(Debug)]
pub struct Outcome {
    /// The policy's word on the settings.
    pub settings: SettingsAnswer,
    /// The verdict.
    pub evaluation: Evaluation,
    /// The images of the resulting object.
    pub images: Vec<String>,
    /// The number of host calls.
    pub calls: usize,
    /// What was not as expected; empty is a pass.
    pub differences: Vec<Difference>,
}

/// One way in which an outcome is not the expected one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// What was compared.
    pub what: &'static str,
    /// What was wanted.
    pub expected: String,
    /// What came.
    pub got: String,
}

/// Why a case could not be read.
#[derive(Debug, Error)]
pub enum CaseError {
    /// `expected.json` is not of the form described at [`Expected`].
    #[error("{}: {source}", path.display())]
    Expected {
        /// The file.
        path: PathBuf,
        /// What the JSON parser says.
        source: serde_json::Error,
    },
    /// A file or directory could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// `request.json` is not a request.
    #[error("case `{case}`: {source}")]
    Request {
        /// The case.
        case: String,
        /// Why not.
        source: RequestError,
    },
    /// `session.yml` is not a recording.
    #[error("case `{case}`: {source}")]
    Session {
        /// The case.
        case: String,
        /// Why not.
        source: SessionError,
    },
    /// `settings.yml` is not settings.
    #[error("case `{case}`: {source}")]
    Settings {
        /// The case.
        case: String,
        /// Why not.
        source: SettingsError,
    },
}

impl Case {
    /// Reads every case directory of `directory`, in the order of their names.
    ///
    /// # Errors
    ///
    /// Fails at the first that is not complete.
    pub fn load_all(directory: &Path) -> Result<Vec<Self>, CaseError> {
        let unreadable = |source| CaseError::Read { path: directory.to_owned(), source };
        let mut paths = fs::read_dir(directory)
            .map_err(unreadable)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(unreadable)?;
        paths.retain(|path| path.is_dir());
        paths.sort();
        paths.iter().map(|path| Self::load(path)).collect()
    }

    /// Reads one case directory.
    ///
    /// # Errors
    ///
    /// Fails when a file is missing or malformed.
    pub fn load(directory: &Path) -> Result<Self, CaseError> {
        let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let request = Request::load(&directory.join("request.json"))
            .map_err(|source| CaseError::Request { case: name.clone(), source })?;
        let settings = Settings::load(&directory.join("settings.yml"))
            .map_err(|source| CaseError::Settings { case: name.clone(), source })?;
        let session = Session::load(&directory.join("session.yml"))
            .map_err(|source| CaseError::Session { case: name.clone(), source })?;
        let path = directory.join("expected.json");
        let json = fs::read(&path).map_err(|source| CaseError::Read { path: path.clone(), source })?;
        let expected =
            serde_json::from_slice(&json).map_err(|source| CaseError::Expected { path, source })?;
        Ok(Self { name, request, settings, session, expected })
    }

    /// Runs the case as kwctl would with the recording, and compares.
    #[must_use]
    pub fn run(&self, policy: &Policy) -> Outcome {
        let host = Host::new(Grants::all(), Replay::new(self.session.clone()));
        let settings = policy.validate_settings(&self.settings, &host);
        let evaluation = policy.evaluate(&self.request, &self.settings, &host);
        let images = evaluation.object.as_ref().map(images).unwrap_or_default();
        let mut outcome =
            Outcome { settings, evaluation, images, calls: host.calls().len(), differences: Vec::new() };
        outcome.compare(&self.expected, host.finish());
        outcome
    }
}

impl Outcome {
    /// Whether all was as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }

    /// The policy's message; empty if it gave none.
    #[must_use]
    pub fn message(&self) -> &str {
        self.evaluation
            .response
            .status
            .as_ref()
            .and_then(|status| status.message.as_deref())
            .unwrap_or_default()
    }

    fn compare(&mut self, expected: &Expected, finish: Result<(), SessionError>) {
        let Self { settings, evaluation, images, calls, .. } = self;
        let status = evaluation.response.status.clone().unwrap_or_default();
        let mut differences = Vec::new();
        let mut difference = |what, expected: &dyn fmt::Debug, got: &dyn fmt::Debug| {
            let (expected, got) = (format!("{expected:?}"), format!("{got:?}"));
            if expected != got {
                differences.push(Difference { what, expected, got });
            }
        };
        let valid = SettingsAnswer { valid: true, message: None };
        if !settings.valid {
            difference("settings", &valid, settings);
        }
        difference("accepted", &expected.accepted, &evaluation.response.allowed);
        if expected.code.is_some() {
            difference("code", &expected.code, &status.code);
        }
        if expected.message.is_some() {
            difference("message", &expected.message, &status.message);
        }
        if let Some(expected) = &expected.images {
            difference("images", expected, images);
        }
        if expected.warnings.is_some() {
            difference("warnings", &expected.warnings, &evaluation.response.warnings);
        }
        if expected.annotations.is_some() {
            difference("annotations", &expected.annotations, &evaluation.response.audit_annotations);
        }
        difference("calls", &expected.calls, calls);
        if let Err(error) = finish {
            differences.push(Difference {
                what: "host calls",
                expected: "the recorded ones".to_owned(),
                got: error.to_string(),
            });
        }
        self.differences = differences;
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, got {}", self.what, self.expected, self.got)
    }
}
