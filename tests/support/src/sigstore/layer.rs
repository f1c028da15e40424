//! A layer of a `.sig` manifest: a signature, and in annotations what proves whose and when.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::Sigstore;
use super::leaf::{Identity, Leaf};
use super::rekor::{Entry, hashedrekord};
use crate::forge::{SIGNATURE, SIMPLE_SIGNING, hex_digest};
use crate::typed::{How, TypedKey};

/// The annotation with the signer's certificate (PEM).
pub const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
/// The annotation with the certificates above it (PEM).
pub const CHAIN: &str = "dev.sigstore.cosign/chain";
/// The annotation with the log entry.
pub const BUNDLE: &str = "dev.sigstore.cosign/bundle";
/// The annotation with the timestamp.
pub const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// What a layer carries. What is `None` leaves its annotation out.
#[derive(Clone, Debug)]
pub struct Signed {
    /// What is signed, which the layer's digest is of.
    pub payload: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
    /// The signer's certificate (PEM).
    pub certificate: Option<String>,
    /// The certificates above it (PEM).
    pub chain: Option<String>,
    /// The log entry.
    pub entry: Option<Entry>,
    /// The timestamp's token (DER).
    pub timestamp: Option<Vec<u8>>,
}

impl Sigstore {
    /// A payload signed by somebody with a certificate, and logged at that time.
    #[must_use]
    pub fn sign(&self, leaf: &Leaf, payload: &str, logged: i64) -> Signed {
        self.sign_as(&self.certify(leaf), payload, logged)
    }

    /// The same by an identity that exists.
    #[must_use]
    pub fn sign_as(&self, identity: &Identity, payload: &str, logged: i64) -> Signed {
        let mut signed = Signed::by_key(&identity.key, payload);
        signed.certificate = Some(identity.pem());
        signed.chain = Some(identity.chain_pem());
        signed.entry = Some(self.log(&signed, &identity.pem(), logged));
        signed
    }

    /// A payload signed by a key, and logged at that time.
    #[must_use]
    pub fn sign_with_key(&self, key: &TypedKey, payload: &str, logged: i64) -> Signed {
        let mut signed = Signed::by_key(key, payload);
        signed.entry = Some(self.log(&signed, &key.pem(), logged));
        signed
    }

    /// Logs a signature, by the PEM of its key or certificate.
    #[must_use]
    pub fn log(&self, signed: &Signed, verifier: &str, at: i64) -> Entry {
        self.rekor.take(&hashedrekord(&signed.signature, verifier, &signed.payload), at, LOG_INDEX)
    }
}

/// Where entries are in the log, if nobody says.
pub const LOG_INDEX: u64 = 25_579;

impl Signed {
    /// A payload signed by a key, and nothing else.
    #[must_use]
    pub fn by_key(key: &TypedKey, payload: &str) -> Self {
        Self {
            payload: payload.as_bytes().to_vec(),
            signature: key.sign(payload.as_bytes(), how(key)),
            certificate: None,
            chain: None,
            entry: None,
            timestamp: None,
        }
    }

    /// The layer's annotations.
    #[must_use]
    pub fn annotations(&self) -> Map<String, Value> {
        let timestamp = self.timestamp.as_ref().map(|token| timestamp_annotation(token));
        let entry = self.entry.as_ref().map(Entry::annotation);
        [
            (SIGNATURE, Some(STANDARD.encode(&self.signature))),
            (CERTIFICATE, self.certificate.clone()),
            (CHAIN, self.chain.clone()),
            (BUNDLE, entry),
            (TIMESTAMP, timestamp),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?))))
        .collect()
    }

    /// The layer.
    #[must_use]
    pub fn layer(&self) -> Value {
        json!({
            "mediaType": SIMPLE_SIGNING,
            "digest": hex_digest(&self.payload),
            "size": self.payload.len(),
            "annotations": self.annotations(),
        })
    }
}

/// The value of the annotation with a timestamp.
#[must_use]
pub fn timestamp_annotation(token: &[u8]) -> String {
    format!(r#"{{"SignedRFC3161Timestamp":"{}"}}"#, STANDARD.encode(token))
}

/// How cosign signs a payload: SHA-256 whatever the curve, Ed25519 over the message.
#[must_use]
pub const fn how(key: &TypedKey) -> How {
    match key {
        TypedKey::Ed25519(_) => How::Pure,
        TypedKey::P256(_) | TypedKey::P384(_) | TypedKey::P521(_) | TypedKey::Rsa(_) => How::Sha256,
    }
}
