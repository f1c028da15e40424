//! Entries of a transparency log: as `.sig` layers carry them, in cosign's Rekor bundle with the log's promise (SET)
//! and without a proof of inclusion, and as Sigstore bundles do, with either or both.
//!
//! Both say that *something* was logged. That it was this signature, by this key, over this payload is checked
//! first, by the [record](super::record).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use sigstore_verify::types::{Sha256Hash, SignatureBytes, TransparencyLogEntry};

use super::certificate::time;
use super::error::EvidenceError;
use super::inclusion;
use super::json::strict;
use super::record::{Kind, Logged, Record};
use super::trust::Built;
use crate::limits::MAX_LOG_ENTRY_CHARS;

/// An entry of a `.sig` layer, read but not verified.
#[derive(Debug)]
pub(super) struct LogEntry {
    pub(super) body: Vec<u8>,
    pub(super) promise: Promise,
    record: Record,
}

/// A log's promise to include an entry at a place and a time.
#[derive(Debug)]
pub(super) struct Promise {
    pub(super) integrated: Timestamp,
    pub(super) index: u64,
    pub(super) log_id: [u8; 32],
    pub(super) signature: Vec<u8>,
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

impl LogEntry {
    /// Reads the annotation `dev.sigstore.cosign/bundle`.
    pub(super) fn parse(text: &str) -> Result<Self, EvidenceError> {
        use EvidenceError::MalformedLogEntry as Malformed;
        if text.len() > MAX_LOG_ENTRY_CHARS {
            return Err(Malformed("length"));
        }
        let raw: RawBundle = serde_json::from_str(text).map_err(|_| Malformed("JSON"))?;
        let promise = raw.signed_entry_timestamp.ok_or(Malformed("SignedEntryTimestamp"))?;
        let signature = STANDARD.decode(promise).map_err(|_| Malformed("SignedEntryTimestamp"))?;
        let body = STANDARD.decode(raw.payload.body).map_err(|_| Malformed("body"))?;
        let json = strict(&body).ok_or(Malformed("body"))?;
        let kind = Kind::of(&json)?;
        if kind != Kind::HashedRekord {
            return Err(EvidenceError::LogEntryKind(kind.name().to_owned()));
        }
        // Rekor counts no time before its own; zero stands for none.
        let integrated = Some(raw.payload.integrated_time).filter(|seconds| *seconds > 0);
        let integrated = integrated.and_then(|seconds| Timestamp::from_second(seconds).ok());
        Ok(Self {
            record: Record::parse(kind, &json)?,
            body,
            promise: Promise {
                integrated: integrated.ok_or(Malformed("integratedTime"))?,
                index: raw.payload.log_index,
                log_id: from_hex(&raw.payload.log_id).ok_or(Malformed("logID"))?,
                signature,
            },
        })
    }

    /// Verifies that the entry is of this signature and that the log promised to include it. Gives the time of that.
    pub(super) fn verify(
        &self,
        logged: &Logged<'_>,
        trust: &Built,
        now: Timestamp,
    ) -> Result<Timestamp, EvidenceError> {
        self.record.is_of(logged)?;
        self.promise.verify(&self.body, trust, now)
    }
}

impl Promise {
    /// Verifies the log's signature over the entry, its time and its place (RFC 8785 JSON), by a key that was in
    /// use at that time. Gives that time.
    fn verify(&self, body: &[u8], trust: &Built, now: Timestamp) -> Result<Timestamp, EvidenceError> {
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
            STANDARD.encode(body),
            self.integrated.as_second(),
            self.index,
        );
        key.verify(promised.as_bytes(), &SignatureBytes::from_bytes(&self.signature))
            .map_err(|_| EvidenceError::SignedEntryTimestamp)?;
        if self.integrated > now {
            return Err(EvidenceError::Future(time(self.integrated)));
        }
        Ok(self.integrated)
    }
}

/// Verifies an entry of a bundle: that it is of this signature, and all that proves that a log has it, of which there
/// is at least one, the proof where that is `needed`. Gives the time that is proven, if one is.
pub(super) fn verify_bundled(
    entry: &TransparencyLogEntry,
    logged: &Logged<'_>,
    needed: bool,
    trust: &Built,
    now: Timestamp,
) -> Result<Option<Timestamp>, EvidenceError> {
    use EvidenceError::MalformedLogEntry as Malformed;
    let body = entry.canonicalized_body.as_bytes();
    if body.len() > MAX_LOG_ENTRY_CHARS {
        return Err(Malformed("length"));
    }
    let json = strict(body).ok_or(Malformed("body"))?;
    let kind = Kind::of(&json)?;
    let said = (entry.kind_version.kind(), entry.kind_version.version());
    if format!("{} {}", said.0, said.1) != kind.name() {
        return Err(Malformed("kindVersion"));
    }
    let fits = match (kind, logged.payload) {
        (Kind::HashedRekordV2, _) => true,
        (Kind::HashedRekord, payload) => payload.is_none(),
        (Kind::Dsse | Kind::Intoto, payload) => payload.is_some(),
    };
    if !fits {
        return Err(EvidenceError::UnfitLogEntry(kind.name()));
    }
    Record::parse(kind, &json)?.is_of(logged)?;
    let promise = entry.inclusion_promise.as_ref();
    let at = match promise {
        None => None,
        // Rekor v2 makes none, and says no time.
        Some(_) if kind == Kind::HashedRekordV2 => return Err(Malformed("inclusionPromise")),
        Some(promise) => {
            let log_id: [u8; 32] =
                entry.log_id.key_id.as_bytes().try_into().map_err(|_| Malformed("logId"))?;
            let promise = Promise {
                integrated: entry.integrated_time.ok_or(Malformed("integratedTime"))?,
                index: entry.log_index.get(),
                log_id,
                signature: promise.signed_entry_timestamp.as_bytes().to_vec(),
            };
            Some(promise.verify(body, trust, now)?)
        }
    };
    match inclusion::verify(entry, kind, trust, now) {
        Some(verified) => verified?,
        None if needed || promise.is_none() => return Err(EvidenceError::NoInclusionProof),
        None => {}
    }
    Ok(at)
}

/// 64 lower-case digits.
fn from_hex(text: &str) -> Option<[u8; 32]> {
    crate::image::ImageDigest::parse(&format!("sha256:{text}")).ok().map(|digest| *digest.as_bytes())
}
