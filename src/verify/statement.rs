//! Statements about an image (in-toto attestations), as bundles carry them.

use core::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::RevokedSigners;
use super::quorum::Signer;
use super::signature::{Candidate, SignatureError};
use super::sigstore::{Enclosed, Signed, UnverifiedBundle};
use crate::image::ImageDigest;
use crate::limits::MAX_JSON_DEPTH;
use crate::requirement::SignerRequirement;
use crate::text::Shown;
use crate::time::Time;

/// What somebody said of this image, and that it was them.
///
/// Whether that is a signature, or only an attestation, is the question of its [type](Self::predicate_type).
#[must_use]
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedStatement {
    digest: ImageDigest,
    statement: Rc<Statement>,
    annotations: BTreeMap<String, String>,
    signer: Signer,
    proven_time: Option<Time>,
}

/// A signature of a message that holds.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedMessage {
    signer: Signer,
    proven_time: Option<Time>,
}

/// Why a payload is no statement.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StatementError {
    /// Not the JSON of a statement; a field that counts is missing or there twice.
    #[error("not an in-toto statement ({})", Shown(.0))]
    Malformed(String),
    /// JSON that is nested deeper than it is read.
    #[error("an in-toto statement with more than {MAX_JSON_DEPTH} values within values")]
    TooDeep,
    /// A statement of a version that is not known.
    #[error("an in-toto statement of type `{}`; only v0.1 and v1 are read", Shown(.0))]
    Type(String),
    /// About nothing.
    #[error("an in-toto statement without a subject")]
    NoSubject,
    /// A digest that is none.
    #[error("an in-toto statement about the malformed digest `{}`", Shown(.0))]
    Digest(String),
}

/// A statement as it was said. Only a verified one can be had.
#[derive(Debug, PartialEq)]
struct Statement {
    subjects: Vec<Subject>,
    predicate_type: String,
    predicate: Value,
}

#[derive(Debug, PartialEq)]
struct Subject {
    digest: Option<ImageDigest>,
    annotations: BTreeMap<String, Value>,
}

/// The statement of one bundle, once somebody who is wanted has signed it.
#[derive(Debug, Default)]
pub(super) struct ReadStatement(OnceCell<Result<Rc<Statement>, StatementError>>);

// Of the fields read here, a second one of the same name is an error of serde's.
#[derive(Deserialize)]
struct RawStatement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<RawSubject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    #[serde(default)]
    predicate: Value,
}

#[derive(Deserialize)]
struct RawSubject {
    digest: RawDigests,
    #[serde(default)]
    annotations: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
struct RawDigests {
    sha256: Option<String>,
}

const TYPES: [&str; 2] = ["https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"];

impl UnverifiedBundle {
    /// Verifies that the bundle is a statement about this image by whom the requirement wants, with all that it asks
    /// for.
    ///
    /// # Errors
    /// [`SignatureError`] when it is not.
    pub fn verify_statement(
        &self,
        wanted: &SignerRequirement,
        image: ImageDigest,
        revoked: &RevokedSigners,
        now: Time,
    ) -> Result<VerifiedStatement, SignatureError> {
        self.verify_once_read(wanted, image, revoked, now, &ReadStatement::default())
    }

    /// The same for one signer of several: the statement is read for the first of them who signed it.
    pub(super) fn verify_once_read(
        &self,
        wanted: &SignerRequirement,
        image: ImageDigest,
        revoked: &RevokedSigners,
        now: Time,
        read: &ReadStatement,
    ) -> Result<VerifiedStatement, SignatureError> {
        let (message, payload) = self.envelope().ok_or(SignatureError::NoStatement)?;
        let enclosed = Enclosed::Statement(self, payload, image);
        let signed = Signed { message, signature: self.signature(), enclosed };
        let candidate = Candidate { signed, terms: &wanted.terms, revoked, now };
        let signer = candidate.signer(&wanted.identity)?;
        // Read only now that somebody who is wanted signed it.
        let statement = read.0.get_or_init(|| Statement::parse(payload).map(Rc::new)).clone()?;
        let is_it = |subject: &&Subject| subject.digest == Some(image);
        if !statement.subjects.iter().any(|subject| is_it(&subject)) {
            return Err(SignatureError::OtherSubject);
        }
        let carries = |subject: &Subject| {
            let carries = |(name, value): (&String, &String)| {
                subject.annotations.get(name).and_then(Value::as_str) == Some(value)
            };
            wanted.terms.annotations.iter().all(carries)
        };
        let (signer, proven_time) = candidate.prove(signer, &wanted.identity)?;
        if !statement.subjects.iter().filter(is_it).any(carries) {
            return Err(SignatureError::Annotations);
        }
        let annotations = wanted.terms.annotations.clone();
        Ok(VerifiedStatement { digest: image, statement, annotations, signer, proven_time })
    }

    /// Verifies that the bundle is a signature of this message by whom the requirement wants, with all that it asks
    /// for.
    ///
    /// # Errors
    /// [`SignatureError`] when it is not.
    pub fn verify_message(
        &self,
        wanted: &SignerRequirement,
        message: &[u8],
        revoked: &RevokedSigners,
        now: Time,
    ) -> Result<VerifiedMessage, SignatureError> {
        if self.has_statement() {
            return Err(SignatureError::NoMessage);
        }
        let signed = Signed { message, signature: self.signature(), enclosed: Enclosed::Message(self) };
        let candidate = Candidate { signed, terms: &wanted.terms, revoked, now };
        let signer = candidate.signer(&wanted.identity)?;
        let (signer, proven_time) = candidate.prove(signer, &wanted.identity)?;
        if !wanted.terms.annotations.is_empty() {
            return Err(SignatureError::Annotations);
        }
        Ok(VerifiedMessage { signer, proven_time })
    }
}

impl VerifiedStatement {
    /// The image it is about: the one that was asked for. It may be about others as well.
    #[must_use]
    pub fn digest(&self) -> ImageDigest {
        self.digest
    }

    /// Of what type that is which it says.
    #[must_use]
    pub fn predicate_type(&self) -> &str {
        &self.statement.predicate_type
    }

    /// What it says; null where it says nothing.
    #[must_use]
    pub fn predicate(&self) -> &Value {
        &self.statement.predicate
    }

    /// The annotations that were asked for, all of which one subject that is this image has. What else its signer
    /// wrote there is nobody's business, and could be made to look like more.
    pub(super) fn annotations(&self) -> BTreeMap<String, String> {
        self.annotations.clone()
    }

    /// Who said it.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// When it existed at the latest, by a log or a timestamp authority, where either was asked for.
    #[must_use]
    pub fn proven_time(&self) -> Option<Time> {
        self.proven_time
    }
}

impl VerifiedMessage {
    /// Who signed.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// When it existed at the latest, by a log or a timestamp authority, where either was asked for.
    #[must_use]
    pub fn proven_time(&self) -> Option<Time> {
        self.proven_time
    }
}

impl Statement {
    fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        let raw: RawStatement = serde_json::from_slice(payload).map_err(|error| match error.to_string() {
            text if text.starts_with("recursion limit exceeded") => StatementError::TooDeep,
            text => StatementError::Malformed(text),
        })?;
        if !TYPES.contains(&raw.kind.as_str()) {
            return Err(StatementError::Type(raw.kind));
        }
        if raw.subject.is_empty() {
            return Err(StatementError::NoSubject);
        }
        let subject = |raw: RawSubject| {
            let digest = raw.digest.sha256.map(|hex| {
                ImageDigest::parse(&format!("sha256:{hex}")).map_err(|_| StatementError::Digest(hex))
            });
            Ok(Subject { digest: digest.transpose()?, annotations: raw.annotations.unwrap_or_default() })
        };
        Ok(Self {
            subjects: raw.subject.into_iter().map(subject).collect::<Result<_, StatementError>>()?,
            predicate_type: raw.predicate_type,
            predicate: raw.predicate,
        })
    }
}
