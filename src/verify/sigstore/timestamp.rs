//! RFC 3161 timestamps over a signature.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use sigstore_verify::tsa;
use sigstore_verify::types::{SignatureBytes, TimestampToken};

use super::certificate::time;
use super::der::is_costly;
use super::error::EvidenceError;
use super::trust::Built;
use crate::limits::MAX_TIMESTAMP_CHARS;

#[derive(Deserialize)]
struct RawTimestamp {
    #[serde(rename = "SignedRFC3161Timestamp")]
    token: String,
}

/// Reads the annotation `dev.sigstore.cosign/rfc3161timestamp`.
pub(super) fn parse(text: &str) -> Result<TimestampToken, EvidenceError> {
    if text.len() > MAX_TIMESTAMP_CHARS {
        return Err(EvidenceError::MalformedTimestamp);
    }
    let raw: RawTimestamp = serde_json::from_str(text).map_err(|_| EvidenceError::MalformedTimestamp)?;
    let token = STANDARD.decode(raw.token).map_err(|_| EvidenceError::MalformedTimestamp)?;
    Ok(TimestampToken::new(token))
}

/// Verifies a timestamp of a signature by one of the trust root's authorities. Gives its time.
pub(super) fn verify(
    token: &TimestampToken,
    signature: &[u8],
    trust: &Built,
    now: Timestamp,
) -> Result<Timestamp, EvidenceError> {
    // Whoever pushed it wrote it, and parsing may take long.
    if token.as_bytes().len() > MAX_TIMESTAMP_CHARS || is_costly(token.as_bytes()) {
        return Err(EvidenceError::MalformedTimestamp);
    }
    let signature = SignatureBytes::from_bytes(signature);
    let mut problem = EvidenceError::UnknownTimestampAuthority;
    for authority in trust.root.tsa_authorities() {
        match tsa::verify_timestamp_for_authority(token, &signature, &authority) {
            Ok(at) if at > now => return Err(EvidenceError::Future(time(at))),
            Ok(at) => return Ok(at),
            Err(tsa::Error::TimestampOutsideValidity { time: at }) => {
                problem = EvidenceError::TimestampWindow(time(at));
            }
            Err(tsa::Error::HashMismatch { .. }) => return Err(EvidenceError::OtherTimestamp),
            Err(tsa::Error::Parse(_) | tsa::Error::NoTstInfo) => {
                return Err(EvidenceError::MalformedTimestamp);
            }
            // Not by this authority.
            Err(_) => {}
        }
    }
    Err(problem)
}
