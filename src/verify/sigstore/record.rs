//! What a transparency log says was signed: the bodies of Rekor's entries.
//!
//! Rekor's kinds (rekor `pkg/types`, rekor-tiles) say the same in four ways. A promise or a proof says only that
//! *something* was logged: that it was this signature, by this signer, of this content is checked here
//! (GHSA-whqx-f9j3-ch6m).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::certificate::{Certificate, certificates};
use super::error::EvidenceError;
use crate::verify::PublicKey;
use crate::verify::key::HashAlgorithm;

/// An entry's body, read.
#[derive(Debug)]
pub(super) struct Record {
    signature: Vec<u8>,
    verifier: Verifier,
    hashed: Hashed,
    hash: HashAlgorithm,
    digest: Vec<u8>,
}

/// The kinds of entries that a signature can be bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `hashedrekord` 0.0.1, of Rekor v1.
    HashedRekord,
    /// `hashedrekord` 0.0.2, of Rekor v2.
    HashedRekordV2,
    /// `dsse` 0.0.1, of Rekor v1.
    Dsse,
    /// `intoto` 0.0.2, of Rekor v1.
    Intoto,
}

/// Who the entry says signed.
#[derive(Debug)]
enum Verifier {
    /// PEM of a key or a certificate.
    Pem(String),
    /// A key in DER.
    Key(Vec<u8>),
    /// A certificate in DER.
    Certificate(Vec<u8>),
}

/// What the entry has the hash of.
#[derive(Debug, Clone, Copy)]
enum Hashed {
    /// What the signature is over.
    Message,
    /// The payload of an envelope.
    Payload,
}

/// A signature that an entry is to be of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Logged<'s> {
    pub(super) signature: &'s [u8],
    /// What the signature is over.
    pub(super) message: &'s [u8],
    /// The payload of the envelope, for a signature over one.
    pub(super) payload: Option<&'s [u8]>,
    pub(super) by: LoggedBy<'s>,
}

/// Who is to have made the signature that is logged.
#[derive(Debug, Clone, Copy)]
pub(super) enum LoggedBy<'k> {
    Key(&'k PublicKey),
    Certificate(&'k Certificate),
    /// A certificate, or the key it is of.
    Either(&'k Certificate, &'k PublicKey),
}

impl Kind {
    /// The kind that a body says it is.
    pub(super) fn of(body: &Value) -> Result<Self, EvidenceError> {
        let text = |name| body.get(name).and_then(Value::as_str);
        let malformed = EvidenceError::MalformedLogEntry("body");
        let (kind, version) = text("kind").zip(text("apiVersion")).ok_or(malformed)?;
        match (kind, version) {
            ("hashedrekord", "0.0.1") => Ok(Self::HashedRekord),
            ("hashedrekord", "0.0.2") => Ok(Self::HashedRekordV2),
            ("dsse", "0.0.1") => Ok(Self::Dsse),
            ("intoto", "0.0.2") => Ok(Self::Intoto),
            _ => Err(EvidenceError::LogEntryKind(format!("{kind} {version}"))),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::HashedRekord => "hashedrekord 0.0.1",
            Self::HashedRekordV2 => "hashedrekord 0.0.2",
            Self::Dsse => "dsse 0.0.1",
            Self::Intoto => "intoto 0.0.2",
        }
    }
}

impl Record {
    /// Reads a body of that kind.
    pub(super) fn parse(kind: Kind, body: &Value) -> Result<Self, EvidenceError> {
        let text = |pointer: &str, part: &'static str| {
            let text = body.pointer(pointer).and_then(Value::as_str);
            text.ok_or(EvidenceError::MalformedLogEntry(part))
        };
        let bytes = |pointer: &str, part: &'static str| {
            let bytes = STANDARD.decode(text(pointer, part)?);
            bytes.map_err(|_| EvidenceError::MalformedLogEntry(part))
        };
        let pem = |pointer: &str| {
            let pem = String::from_utf8(bytes(pointer, "publicKey")?).ok();
            pem.map(Verifier::Pem).ok_or(EvidenceError::MalformedLogEntry("publicKey"))
        };
        let hash = |pointer: &str| {
            let name = text(&format!("{pointer}/algorithm"), "hash algorithm")?;
            let hash = HashAlgorithm::ALL.into_iter().find(|hash| hash.name() == name);
            let hash = hash.ok_or(EvidenceError::MalformedLogEntry("hash algorithm"))?;
            Ok::<_, EvidenceError>((hash, from_hex(text(&format!("{pointer}/value"), "hash")?)?))
        };
        // Of one signature, so that there is no question which of them is meant.
        let one = |pointer: &str| match body.pointer(pointer).and_then(Value::as_array).map(Vec::len) {
            Some(1) => Ok(()),
            _ => Err(EvidenceError::MalformedLogEntry("signatures")),
        };
        let (signature, verifier, hashed, (hash, digest)) = match kind {
            Kind::HashedRekord => (
                bytes("/spec/signature/content", "signature")?,
                pem("/spec/signature/publicKey/content")?,
                Hashed::Message,
                hash("/spec/data/hash")?,
            ),
            Kind::HashedRekordV2 => {
                let spec = "/spec/hashedRekordV002";
                let verifier = |name: &str| format!("{spec}/signature/verifier/{name}/rawBytes");
                let (key, certificate) = (verifier("publicKey"), verifier("x509Certificate"));
                let verifier = match (body.pointer(&key), body.pointer(&certificate)) {
                    (Some(_), None) => Verifier::Key(bytes(&key, "publicKey")?),
                    (None, Some(_)) => Verifier::Certificate(bytes(&certificate, "x509Certificate")?),
                    _ => return Err(EvidenceError::MalformedLogEntry("verifier")),
                };
                let hash = match text(&format!("{spec}/data/algorithm"), "hash algorithm")? {
                    "SHA2_256" => HashAlgorithm::Sha256,
                    "SHA2_384" => HashAlgorithm::Sha384,
                    "SHA2_512" => HashAlgorithm::Sha512,
                    _ => return Err(EvidenceError::MalformedLogEntry("hash algorithm")),
                };
                (
                    bytes(&format!("{spec}/signature/content"), "signature")?,
                    verifier,
                    Hashed::Message,
                    (hash, bytes(&format!("{spec}/data/digest"), "hash")?),
                )
            }
            Kind::Dsse => {
                one("/spec/signatures")?;
                (
                    bytes("/spec/signatures/0/signature", "signature")?,
                    pem("/spec/signatures/0/verifier")?,
                    Hashed::Payload,
                    hash("/spec/payloadHash")?,
                )
            }
            Kind::Intoto => {
                one("/spec/content/envelope/signatures")?;
                // Rekor encodes it twice.
                let signature = bytes("/spec/content/envelope/signatures/0/sig", "signature")?;
                (
                    STANDARD.decode(signature).map_err(|_| EvidenceError::MalformedLogEntry("signature"))?,
                    pem("/spec/content/envelope/signatures/0/publicKey")?,
                    Hashed::Payload,
                    hash("/spec/content/payloadHash")?,
                )
            }
        };
        Ok(Self { signature, verifier, hashed, hash, digest })
    }

    /// Whether the entry is of this signature, by this signer, over this content.
    pub(super) fn is_of(&self, logged: &Logged<'_>) -> Result<(), EvidenceError> {
        if self.signature != logged.signature {
            return Err(EvidenceError::OtherSignature);
        }
        let is_same = match logged.by {
            LoggedBy::Key(key) => self.verifier.is_key(key),
            LoggedBy::Certificate(certificate) => self.verifier.is_certificate(certificate),
            LoggedBy::Either(certificate, key) => {
                self.verifier.is_certificate(certificate) || self.verifier.is_key(key)
            }
        };
        if !is_same {
            return Err(EvidenceError::OtherKey);
        }
        let content = match self.hashed {
            Hashed::Message => logged.message,
            Hashed::Payload => logged.payload.ok_or(EvidenceError::OtherPayload)?,
        };
        if self.hash.digest(content) == self.digest { Ok(()) } else { Err(EvidenceError::OtherPayload) }
    }
}

impl Verifier {
    fn is_key(&self, key: &PublicKey) -> bool {
        match self {
            Self::Pem(pem) => PublicKey::parse_all(pem).is_ok_and(|keys| keys == [key.clone()]),
            Self::Key(der) => PublicKey::from_spki(der).as_ref() == Ok(key),
            Self::Certificate(_) => false,
        }
    }

    fn is_certificate(&self, certificate: &Certificate) -> bool {
        match self {
            Self::Pem(pem) => certificates(pem).is_ok_and(|ders| ders == [certificate.der()]),
            Self::Key(_) => false,
            Self::Certificate(der) => der == certificate.der(),
        }
    }
}

/// Lower-case digits, two for a byte.
fn from_hex(text: &str) -> Result<Vec<u8>, EvidenceError> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => byte.checked_sub(b'0'),
        b'a'..=b'f' => byte.checked_sub(b'a').and_then(|digit| digit.checked_add(10)),
        _ => None,
    };
    let byte = |pair: &[u8]| match pair {
        [high, low] => digit(*high)?.checked_mul(16)?.checked_add(digit(*low)?),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
    bytes.ok_or(EvidenceError::MalformedLogEntry("hash"))
}
