//! Rekor: entries of each kind, and the promises of Rekor v1 to include them (SignedEntryTimestamp).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Log;
use super::dsse::Envelope;
use super::signer::Signer;
use super::trust_root::key_details;
use crate::forge::hex_digest;
use crate::typed::How;

/// A log entry with what proves it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What kind of entry it is, and in which version.
    pub kind: (String, String),
    /// The entry itself.
    pub body: Vec<u8>,
    /// When it was taken, in unix seconds.
    pub integrated_time: i64,
    /// The log's identifier.
    pub log_id: Vec<u8>,
    /// Its place over all shards of the log.
    pub log_index: u64,
    /// The SignedEntryTimestamp: the signature over the four (DER).
    pub set: Option<Vec<u8>>,
    /// What proves that the log includes it; only bundles have room for that.
    pub proof: Option<Proof>,
}

/// What proves that a log includes an entry.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The entry's place in the tree.
    pub log_index: u64,
    /// How many entries the tree has.
    pub tree_size: u64,
    /// The tree's root hash.
    pub root_hash: Vec<u8>,
    /// The hashes beside the way from the entry to the root.
    pub hashes: Vec<Vec<u8>>,
    /// The root hash as the log signed it, in a signed note.
    pub checkpoint: String,
}

impl Log {
    /// Takes an entry and promises to include it.
    #[must_use]
    pub fn take(&self, body: &[u8], integrated_time: i64, log_index: u64) -> Entry {
        self.entry(body, integrated_time, log_index).signed(self)
    }

    /// An entry with nothing that proves it.
    #[must_use]
    pub fn entry(&self, body: &[u8], integrated_time: i64, log_index: u64) -> Entry {
        Entry {
            kind: kind_of(body),
            body: body.to_vec(),
            integrated_time,
            log_id: self.key_id().to_vec(),
            log_index,
            set: None,
            proof: None,
        }
    }
}

impl Entry {
    /// The entry as it now is, signed by a log.
    #[must_use]
    pub fn signed(mut self, by: &Log) -> Self {
        self.set = Some(by.key.sign(&self.promised(), How::Sha256));
        self
    }

    /// What a SignedEntryTimestamp signs: canonical JSON (RFC 8785).
    #[must_use]
    pub fn promised(&self) -> Vec<u8> {
        format!(
            r#"{{"body":"{}","integratedTime":{},"logID":"{}","logIndex":{}}}"#,
            STANDARD.encode(&self.body),
            self.integrated_time,
            hex(&self.log_id),
            self.log_index,
        )
        .into_bytes()
    }

    /// The value of the annotation `dev.sigstore.cosign/bundle`.
    #[must_use]
    pub fn annotation(&self) -> String {
        let set = self.set.as_ref().map_or("null".to_owned(), |set| format!(r#""{}""#, STANDARD.encode(set)));
        format!(
            r#"{{"SignedEntryTimestamp":{set},"Payload":{{"body":"{}","integratedTime":{},"logIndex":{},"logID":"{}"}}}}"#,
            STANDARD.encode(&self.body),
            self.integrated_time,
            self.log_index,
            hex(&self.log_id),
        )
    }
}

/// The `kind` and `apiVersion` that a body says; empty where it is not JSON.
#[must_use]
pub fn kind_of(body: &[u8]) -> (String, String) {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (text("kind"), text("apiVersion"))
}

/// The body of a `hashedrekord` 0.0.1: a signature, the PEM of its key or certificate, the SHA-256 of what is signed.
#[must_use]
pub fn hashedrekord(signature: &[u8], verifier: &str, signed: &[u8]) -> Vec<u8> {
    format!(
        r#"{{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{{"data":{{"hash":{{"algorithm":"sha256","value":"{}"}}}},"signature":{{"content":"{}","publicKey":{{"content":"{}"}}}}}}}}"#,
        sha256(signed),
        STANDARD.encode(signature),
        STANDARD.encode(verifier),
    )
    .into_bytes()
}

/// The body of a `rekord` 0.0.1, which cosign wrote before v1.4.
#[must_use]
pub fn rekord(signature: &[u8], verifier: &str, signed: &[u8]) -> Vec<u8> {
    json!({
        "apiVersion": "0.0.1",
        "kind": "rekord",
        "spec": {
            "data": { "hash": { "algorithm": "sha256", "value": sha256(signed) } },
            "signature": {
                "content": STANDARD.encode(signature),
                "format": "x509",
                "publicKey": { "content": STANDARD.encode(verifier) },
            },
        },
    })
    .to_string()
    .into_bytes()
}

/// The body of a `dsse` 0.0.1, with the PEM of the key or certificate.
#[must_use]
pub fn dsse(envelope: &Envelope, verifier: &str) -> Vec<u8> {
    let signatures: Vec<Value> = envelope
        .signatures
        .iter()
        .map(|signature| {
            json!({ "signature": STANDARD.encode(signature), "verifier": STANDARD.encode(verifier) })
        })
        .collect();
    json!({
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": {
            "envelopeHash": hash(envelope.to_value().to_string().as_bytes()),
            "payloadHash": hash(&envelope.payload),
            "signatures": signatures,
        },
    })
    .to_string()
    .into_bytes()
}

/// The body of an `intoto` 0.0.2, with the PEM of the key or certificate.
#[must_use]
pub fn intoto(envelope: &Envelope, verifier: &str) -> Vec<u8> {
    let signatures: Vec<Value> = envelope
        .signatures
        .iter()
        .map(|signature| {
            // Rekor encodes the signature twice.
            let signature = STANDARD.encode(STANDARD.encode(signature));
            json!({ "publicKey": STANDARD.encode(verifier), "sig": signature })
        })
        .collect();
    json!({
        "apiVersion": "0.0.2",
        "kind": "intoto",
        "spec": { "content": {
            "envelope": { "payloadType": envelope.payload_type, "signatures": signatures },
            "hash": hash(envelope.to_value().to_string().as_bytes()),
            "payloadHash": hash(&envelope.payload),
        } },
    })
    .to_string()
    .into_bytes()
}

/// The body of a `hashedrekord` 0.0.2, the only kind of Rekor v2 that signers use: a signature over some bytes.
#[must_use]
pub fn hashedrekord_v2(signature: &[u8], signer: &Signer, signed: &[u8]) -> Vec<u8> {
    let mut verifier = json!({ "keyDetails": key_details(signer.key()) });
    match signer {
        Signer::Key(key) => verifier["publicKey"] = json!({ "rawBytes": STANDARD.encode(key.spki()) }),
        Signer::Identity(identity) => {
            verifier["x509Certificate"] = json!({ "rawBytes": STANDARD.encode(&identity.der) });
        }
    }
    json!({
        "apiVersion": "0.0.2",
        "kind": "hashedrekord",
        "spec": { "hashedRekordV002": {
            "data": { "algorithm": "SHA2_256", "digest": STANDARD.encode(Sha256::digest(signed)) },
            "signature": { "content": STANDARD.encode(signature), "verifier": verifier },
        } },
    })
    .to_string()
    .into_bytes()
}

fn hash(bytes: &[u8]) -> Value {
    json!({ "algorithm": "sha256", "value": sha256(bytes) })
}

fn sha256(bytes: &[u8]) -> String {
    hex_digest(bytes).trim_start_matches("sha256:").to_owned()
}

/// Small hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
