//! Entries of a transparency log as `.sig` layers carry them: cosign's Rekor bundle, with the log's promise
//! (SET) and without a proof of inclusion.
//!
//! The promise alone says that *something* was logged. That it was this signature, by this key, over this
//! payload is checked first (GHSA-whqx-f9j3-ch6m).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use sigstore_verify::types::{Sha256Hash, SignatureBytes};

use super::certificate::{Certificate, certificates, time};
use super::error::EvidenceError;
use super::trust::Built;
use crate::limits::MAX_LOG_ENTRY_CHARS;
use crate::verify::PublicKey;
use crate::verify::key::HashAlgorithm;

/// An entry, read but not verified.
#[derive(Debug)]
pub(super) struct LogEntry {
    pub(super) body: Vec<u8>,
    pub(super) integrated: Timestamp,
    pub(super) index: u64,
    pub(super) log_id: [u8; 32],
    pub(super) promise: Vec<u8>,
    record: HashedRekord,
}

/// Who is to have made the signature that is logged.
#[derive(Debug, Clone, Copy)]
pub(super) enum LoggedBy<'k> {
    Key(&'k PublicKey),
    Certificate(&'k Certificate),
    /// A certificate, or the key it is of.
    Either(&'k Certificate, &'k PublicKey),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawBundle {
    // Go's encoder writes the absence of bytes as null.
    signed_entry_timestamp: Option<String>,
    payload: RawPayload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPayload {
    body: String,
    integrated_time: i64,
    log_index: u64,
    #[serde(rename = "logID")]
    log_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    api_version: String,
    kind: String,
}

#[derive(Debug, Deserialize)]
struct HashedRekord {
    spec: Spec,
}

#[derive(Debug, Deserialize)]
struct Spec {
    data: Data,
    signature: Signature,
}

#[derive(Debug, Deserialize)]
struct Data {
    hash: Hash,
}

#[derive(Debug, Deserialize)]
struct Hash {
    algorithm: String,
    value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signature {
    content: String,
    public_key: Key,
}

#[derive(Debug, Deserialize)]
struct Key {
    content: String,
}

impl LogEntry {
    /// Reads the annotation `dev.sigstore.cosign/bundle`.
    pub(super) fn parse(text: &str) -> Result<Self, EvidenceError> {
        use EvidenceError::MalformedLogEntry as Malformed;
        if text.len() > MAX_LOG_ENTRY_CHARS {
            return Err(Malformed("length"));
        }
        let raw: RawBundle = serde_json::from_str(text).map_err(|_| Malformed("JSON"))?;
        let promise = raw.signed_entry_timestamp.ok_or(Malformed("SignedEntryTimestamp"))?;
        let promise = STANDARD.decode(promise).map_err(|_| Malformed("SignedEntryTimestamp"))?;
        let body = STANDARD.decode(raw.payload.body).map_err(|_| Malformed("body"))?;
        let kind: Kind = serde_json::from_slice(&body).map_err(|_| Malformed("body"))?;
        if (kind.kind.as_str(), kind.api_version.as_str()) != ("hashedrekord", "0.0.1") {
            return Err(EvidenceError::LogEntryKind(format!("{} {}", kind.kind, kind.api_version)));
        }
        // Rekor counts no time before its own; zero stands for none.
        let integrated = Some(raw.payload.integrated_time).filter(|seconds| *seconds > 0);
        let integrated = integrated.and_then(|seconds| Timestamp::from_second(seconds).ok());
        Ok(Self {
            record: serde_json::from_slice(&body).map_err(|_| Malformed("body"))?,
            body,
            integrated: integrated.ok_or(Malformed("integratedTime"))?,
            index: raw.payload.log_index,
            log_id: from_hex(&raw.payload.log_id).ok_or(Malformed("logID"))?,
            promise,
        })
    }

    /// Whether the entry is of this signature, by this key or certificate, over this payload.
    pub(super) fn is_of(
        &self,
        signature: &[u8],
        by: LoggedBy<'_>,
        payload: &[u8],
    ) -> Result<(), EvidenceError> {
        let Spec { data, signature: logged } = &self.record.spec;
        if STANDARD.decode(&logged.content).ok().as_deref() != Some(signature) {
            return Err(EvidenceError::OtherSignature);
        }
        let pem =
            STANDARD.decode(&logged.public_key.content).ok().and_then(|pem| String::from_utf8(pem).ok());
        let pem = pem.ok_or(EvidenceError::MalformedLogEntry("publicKey"))?;
        let is_key = |key: &PublicKey| PublicKey::parse_all(&pem).is_ok_and(|keys| keys == [key.clone()]);
        let is_certificate =
            |certificate: &Certificate| certificates(&pem).is_ok_and(|ders| ders == [certificate.der()]);
        let is_same = match by {
            LoggedBy::Key(key) => is_key(key),
            LoggedBy::Certificate(certificate) => is_certificate(certificate),
            LoggedBy::Either(certificate, key) => is_certificate(certificate) || is_key(key),
        };
        if !is_same {
            return Err(EvidenceError::OtherKey);
        }
        let hash = HashAlgorithm::ALL.into_iter().find(|hash| hash.name() == data.hash.algorithm);
        let hash = hash.ok_or(EvidenceError::MalformedLogEntry("hash algorithm"))?;
        if crate::image::hex(&hash.digest(payload)) != data.hash.value {
            return Err(EvidenceError::OtherPayload);
        }
        Ok(())
    }

    /// Verifies the log's promise: its signature over the entry, its time and its place (RFC 8785 JSON), by a
    /// key that was in use at that time. Gives that time.
    pub(super) fn verify_promise(&self, trust: &Built, now: Timestamp) -> Result<Timestamp, EvidenceError> {
        let log_id = Sha256Hash::new(self.log_id);
        let hex = crate::image::hex(&self.log_id);
        if trust.logs.key(&log_id).is_none() {
            return Err(EvidenceError::UnknownLog(hex));
        }
        let key = trust.logs.key_at(&log_id, self.integrated);
        let key = key.ok_or_else(|| EvidenceError::LogKeyWindow(time(self.integrated)))?;
        // Nothing in these values is escaped in JSON, and the names are in their order already.
        let promised = format!(
            r#"{{"body":"{}","integratedTime":{},"logID":"{hex}","logIndex":{}}}"#,
            STANDARD.encode(&self.body),
            self.integrated.as_second(),
            self.index,
        );
        key.verify(promised.as_bytes(), &SignatureBytes::from_bytes(&self.promise))
            .map_err(|_| EvidenceError::SignedEntryTimestamp)?;
        if self.integrated > now {
            return Err(EvidenceError::Future(time(self.integrated)));
        }
        Ok(self.integrated)
    }
}

/// 64 lower-case digits.
fn from_hex(text: &str) -> Option<[u8; 32]> {
    crate::image::ImageDigest::parse(&format!("sha256:{text}")).ok().map(|digest| *digest.as_bytes())
}
