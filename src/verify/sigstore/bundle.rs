//! Sigstore bundles (protobuf-specs, `sigstore_bundle.proto`) of versions 0.1 to 0.3: a signature over a message
//! or a DSSE envelope, with what proves who made it, and when.
//!
//! Nothing of a bundle is believed for being in it. Its content can only be had by [verifying](crate::verify) it.

use jiff::Timestamp;
use serde_json::Value;
use sigstore_verify::types::bundle::VerificationMaterialContent as Material;
use sigstore_verify::types::{Bundle, MediaType, SignatureContent};
use thiserror::Error;

use super::certificate::Certificate;
use super::error::EvidenceError;
use super::evidence::{Evidence, EvidenceTerms, SigningCertificate};
use super::record::Logged;
use super::trust::Built;
use super::{log, timestamp};
use crate::limits::{
    MAX_ATTACHED_CERTIFICATES, MAX_BUNDLE_BYTES, MAX_CERTIFICATES, MAX_LOG_ENTRIES, MAX_SIGNATURE_CHARS,
    MAX_TIMESTAMPS,
};
use crate::text::Shown;

/// A bundle, read; nothing in it is verified.
#[derive(Debug)]
pub struct UnverifiedBundle {
    bundle: Bundle,
    /// What the signature of an envelope is over (the DSSE protocol's PAE).
    encoded: Option<Vec<u8>>,
}

/// Why something is no bundle that could be verified.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BundleError {
    /// Longer than the limit.
    #[error("a bundle of more than {MAX_BUNDLE_BYTES} bytes")]
    TooLong,
    /// Not a bundle in JSON, of a version that is known.
    #[error("not a Sigstore bundle of version 0.1, 0.2 or 0.3 ({})", Shown(.0))]
    Malformed(String),
    /// Several of a field of which there can be one.
    #[error("a bundle with {0} of {1:?}, not one")]
    NotOne(usize, &'static [&'static str]),
    /// Not one signature of an envelope: which of them counts?
    #[error("an envelope with {0} signatures, not one")]
    Signatures(usize),
    /// An envelope of something else than a statement.
    #[error("an envelope of `{}`; only {IN_TOTO} is read", Shown(.0))]
    PayloadType(String),
    /// More of something than the limit.
    #[error("a bundle with more than {1} {0}")]
    TooMany(&'static str, usize),
    /// A version 0.3 with more than the signer's certificate, or an older one without any.
    #[error("a bundle whose certificates are not as its version has them")]
    Certificates,
}

/// The type of an envelope's payload: an in-toto statement.
const IN_TOTO: &str = "application/vnd.in-toto+json";

const CONTENTS: &[&str] = &["dsseEnvelope", "messageSignature"];
const MATERIALS: &[&str] = &["certificate", "publicKey", "x509CertificateChain"];

impl UnverifiedBundle {
    /// Reads a bundle.
    ///
    /// # Errors
    /// [`BundleError`] for everything that is not a bundle with one signature.
    pub fn from_json(json: &[u8]) -> Result<Self, BundleError> {
        if json.len() > MAX_BUNDLE_BYTES {
            return Err(BundleError::TooLong);
        }
        let value = serde_json::from_slice(json).map_err(|e| BundleError::Malformed(e.to_string()))?;
        Self::from_value(&value)
    }

    /// Reads a bundle. What it is made of has been bounded by whoever read the JSON.
    ///
    /// # Errors
    /// [`BundleError`] for everything that is not a bundle with one signature.
    pub fn from_value(value: &Value) -> Result<Self, BundleError> {
        use serde::Deserialize as _;
        one_of(value, CONTENTS)?;
        let list = |pointer| value.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len);
        if let Some(material) = value.get("verificationMaterial") {
            one_of(material, MATERIALS)?;
        }
        if value.get("dsseEnvelope").is_some() && list("/dsseEnvelope/signatures") != 1 {
            return Err(BundleError::Signatures(list("/dsseEnvelope/signatures")));
        }
        for (pointer, name, limit) in [
            ("/verificationMaterial/tlogEntries", "log entries", MAX_LOG_ENTRIES),
            (
                "/verificationMaterial/timestampVerificationData/rfc3161Timestamps",
                "timestamps",
                MAX_TIMESTAMPS,
            ),
            ("/verificationMaterial/x509CertificateChain/certificates", "certificates", MAX_CERTIFICATES),
        ] {
            if list(pointer) > limit {
                return Err(BundleError::TooMany(name, limit));
            }
        }
        if !value.get("mediaType").is_some_and(Value::is_string) {
            return Err(BundleError::Malformed("no mediaType".to_owned()));
        }
        let bundle = Bundle::deserialize(value).map_err(|e| BundleError::Malformed(e.to_string()))?;
        let fits = match &bundle.verification_material.content {
            Material::Certificate(_) | Material::PublicKey(_) => true,
            Material::X509CertificateChain { certificates } => {
                bundle.media_type != MediaType::Bundle0_3 && !certificates.is_empty()
            }
            _ => false,
        };
        if !fits {
            return Err(BundleError::Certificates);
        }
        let encoded = match &bundle.content {
            SignatureContent::DsseEnvelope(envelope) if envelope.payload_type == IN_TOTO => {
                Some(envelope.pae())
            }
            SignatureContent::DsseEnvelope(envelope) => {
                return Err(BundleError::PayloadType(envelope.payload_type.clone()));
            }
            SignatureContent::MessageSignature(_) => None,
            _ => return Err(BundleError::Malformed("neither a message nor an envelope".to_owned())),
        };
        let read = Self { bundle, encoded };
        if read.signature().len() > MAX_SIGNATURE_CHARS {
            return Err(BundleError::Malformed("a signature longer than any".to_owned()));
        }
        Ok(read)
    }

    /// Whether it has a statement in an envelope; if not, it is a signature over bytes that are elsewhere.
    #[must_use]
    pub fn has_statement(&self) -> bool {
        self.encoded.is_some()
    }

    pub(in crate::verify) fn signature(&self) -> &[u8] {
        match &self.bundle.content {
            SignatureContent::DsseEnvelope(envelope) => envelope.signature.sig.as_bytes(),
            SignatureContent::MessageSignature(message) => message.signature.as_bytes(),
            _ => &[],
        }
    }

    /// What the signature of its envelope is over, and the payload in that.
    pub(in crate::verify) fn envelope(&self) -> Option<(&[u8], &[u8])> {
        let SignatureContent::DsseEnvelope(envelope) = &self.bundle.content else { return None };
        Some((self.encoded.as_deref()?, envelope.payload.as_bytes()))
    }

    /// Whose certificate it carries, as that says.
    pub(super) fn certificate(&self) -> Result<SigningCertificate, EvidenceError> {
        let ders: Vec<&[u8]> = match &self.bundle.verification_material.content {
            Material::Certificate(one) => vec![one.raw_bytes.as_bytes()],
            Material::X509CertificateChain { certificates } => {
                certificates.iter().map(|one| one.raw_bytes.as_bytes()).collect()
            }
            Material::PublicKey(_) | _ => Vec::new(),
        };
        if ders.len() > MAX_ATTACHED_CERTIFICATES.saturating_add(1) {
            return Err(EvidenceError::LongChain);
        }
        let mut certificates = ders.into_iter().map(Certificate::parse);
        let leaf = certificates.next().ok_or(EvidenceError::NoCertificate)??;
        SigningCertificate::new(leaf, certificates.collect::<Result<_, _>>()?)
    }

    /// Verifies what it carries as far as that is asked for: every log entry, every timestamp.
    pub(super) fn evidence(
        &self,
        logged: &Logged<'_>,
        terms: &EvidenceTerms,
        trust: &Built,
        now: Timestamp,
    ) -> Result<Evidence, EvidenceError> {
        let material = &self.bundle.verification_material;
        let mut evidence = Evidence::default();
        if terms.log {
            if material.tlog_entries.is_empty() {
                return Err(EvidenceError::NoLogEntry);
            }
            // Version 0.1 is from before proofs were common; later ones must have them.
            let needed = self.bundle.media_type != MediaType::Bundle0_1;
            for entry in &material.tlog_entries {
                evidence.times.extend(log::verify_bundled(entry, logged, needed, trust, now)?);
            }
        }
        let tokens = &material.timestamp_verification_data.rfc3161_timestamps;
        if terms.timestamp && tokens.is_empty() {
            return Err(EvidenceError::NoTimestamp);
        }
        for token in tokens {
            let at = timestamp::verify(&token.signed_timestamp, logged.signature, trust, now)?;
            evidence.times.push(at);
        }
        Ok(evidence)
    }

    /// The bundle as the crates verify it, without the log entries where none are asked for.
    pub(super) fn for_crates(&self, with_log: bool) -> Bundle {
        let mut bundle = self.bundle.clone();
        if !with_log {
            bundle.verification_material.tlog_entries.clear();
            // They want a promise in version 0.1, whatever the policy says.
            if bundle.media_type == MediaType::Bundle0_1 {
                bundle.media_type = MediaType::Bundle0_2;
            }
        }
        bundle
    }
}

fn one_of(value: &Value, names: &'static [&'static str]) -> Result<(), BundleError> {
    match names.iter().filter(|name| value.get(**name).is_some()).count() {
        1 => Ok(()),
        found => Err(BundleError::NotOne(found, names)),
    }
}
