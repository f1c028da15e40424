//! Sigstore bundles (JSON), of versions 0.1, 0.2 and 0.3.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::dsse::Envelope;
use super::layer::Signed;
use super::rekor::{Entry, Proof};

/// The media type of version 0.1, which has promises and no proofs.
pub const V0_1: &str = "application/vnd.dev.sigstore.bundle+json;version=0.1";
/// The media type of version 0.2, which needs proofs.
pub const V0_2: &str = "application/vnd.dev.sigstore.bundle+json;version=0.2";
/// The media type of version 0.3, which has the leaf's certificate alone.
pub const V0_3: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A bundle's parts.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// One of [`V0_1`], [`V0_2`], [`V0_3`].
    pub media_type: &'static str,
    /// What is signed, and the signature.
    pub content: Content,
    /// Whose signature it is.
    pub verifier: Verifier,
    /// The log entries.
    pub entries: Vec<Entry>,
    /// The timestamps' tokens (DER).
    pub timestamps: Vec<Vec<u8>>,
}

/// What is signed, and the signature.
#[derive(Clone, Debug)]
pub enum Content {
    /// A signature over bytes that are elsewhere.
    Message {
        /// Their SHA-256.
        digest: Vec<u8>,
        /// The signature.
        signature: Vec<u8>,
    },
    /// An envelope with what is signed in it.
    Envelope(Envelope),
}

/// Whose signature it is.
#[derive(Clone, Debug)]
pub enum Verifier {
    /// The leaf's certificate and those above it (DER): versions 0.1 and 0.2.
    Chain(Vec<Vec<u8>>),
    /// The leaf's certificate (DER): version 0.3.
    Certificate(Vec<u8>),
    /// A key that the reader has, by a hint.
    Key(String),
}

impl Bundle {
    /// What a `.sig` layer carries, as a bundle of version 0.1.
    ///
    /// # Panics
    /// If the certificates are no PEM.
    #[must_use]
    pub fn of_layer(signed: &Signed) -> Self {
        let certificates = |pem: &Option<String>| pem.as_deref().map(blocks).unwrap_or_default();
        let leaf = certificates(&signed.certificate);
        let mut above = certificates(&signed.chain);
        // A bundle does not bring its own root.
        above.pop();
        Self {
            media_type: V0_1,
            content: Content::Message {
                digest: Sha256::digest(&signed.payload).to_vec(),
                signature: signed.signature.clone(),
            },
            verifier: if leaf.is_empty() {
                Verifier::Key(String::new())
            } else {
                Verifier::Chain([leaf, above].concat())
            },
            entries: signed.entry.iter().cloned().collect(),
            timestamps: signed.timestamp.iter().cloned().collect(),
        }
    }

    /// The JSON value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut material = Map::new();
        let (name, verifier) = self.verifier.to_value();
        material.insert(name.to_owned(), verifier);
        material.insert("tlogEntries".to_owned(), self.entries.iter().map(Entry::to_value).collect());
        let timestamps: Vec<Value> = self
            .timestamps
            .iter()
            .map(|token| json!({ "signedTimestamp": STANDARD.encode(token) }))
            .collect();
        if !timestamps.is_empty() {
            let data = json!({ "rfc3161Timestamps": timestamps });
            material.insert("timestampVerificationData".to_owned(), data);
        }
        let mut bundle = json!({ "mediaType": self.media_type, "verificationMaterial": material });
        let (name, content) = self.content.to_value();
        bundle[name] = content;
        bundle
    }

    /// The JSON document.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.to_value().to_string()
    }
}

impl Content {
    fn to_value(&self) -> (&'static str, Value) {
        match self {
            Self::Message { digest, signature } => (
                "messageSignature",
                json!({
                    "messageDigest": { "algorithm": "SHA2_256", "digest": STANDARD.encode(digest) },
                    "signature": STANDARD.encode(signature),
                }),
            ),
            Self::Envelope(envelope) => ("dsseEnvelope", envelope.to_value()),
        }
    }
}

impl Verifier {
    fn to_value(&self) -> (&'static str, Value) {
        let raw = |der: &Vec<u8>| json!({ "rawBytes": STANDARD.encode(der) });
        match self {
            Self::Chain(chain) => {
                let certificates: Vec<Value> = chain.iter().map(raw).collect();
                ("x509CertificateChain", json!({ "certificates": certificates }))
            }
            Self::Certificate(der) => ("certificate", raw(der)),
            Self::Key(hint) => ("publicKey", json!({ "hint": hint })),
        }
    }
}

impl Entry {
    fn to_value(&self) -> Value {
        let (kind, version) = &self.kind;
        let mut entry = json!({
            "logIndex": self.log_index.to_string(),
            "logId": { "keyId": STANDARD.encode(&self.log_id) },
            "kindVersion": { "kind": kind, "version": version },
            "canonicalizedBody": STANDARD.encode(&self.body),
        });
        if self.integrated_time != 0 {
            entry["integratedTime"] = json!(self.integrated_time.to_string());
        }
        if let Some(set) = &self.set {
            entry["inclusionPromise"] = json!({ "signedEntryTimestamp": STANDARD.encode(set) });
        }
        if let Some(proof) = &self.proof {
            entry["inclusionProof"] = proof.to_value();
        }
        entry
    }
}

impl Proof {
    fn to_value(&self) -> Value {
        json!({
            "logIndex": self.log_index.to_string(),
            "treeSize": self.tree_size.to_string(),
            "rootHash": STANDARD.encode(&self.root_hash),
            "hashes": self.hashes.iter().map(|hash| STANDARD.encode(hash)).collect::<Vec<_>>(),
            "checkpoint": { "envelope": self.checkpoint },
        })
    }
}

/// The contents of the blocks of a PEM text.
fn blocks(pem: &str) -> Vec<Vec<u8>> {
    pem.split("-----BEGIN CERTIFICATE-----")
        .skip(1)
        .map(|block| {
            let base64 = block.split("-----END").next().unwrap().replace(char::is_whitespace, "");
            STANDARD.decode(base64).unwrap()
        })
        .collect()
}
