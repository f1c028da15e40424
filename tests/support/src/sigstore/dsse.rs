//! DSSE envelopes and the in-toto statements in them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::certificate::usual_hash;
use crate::typed::TypedKey;

/// The payload type of a statement.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";
/// The type of a statement in version 1.
pub const STATEMENT_V1: &str = "https://in-toto.io/Statement/v1";
/// The type of a statement in version 0.1.
pub const STATEMENT_V0_1: &str = "https://in-toto.io/Statement/v0.1";
/// The predicate type of cosign's image signatures.
pub const COSIGN_SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

/// What is said of some artifacts.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The statement's own type.
    pub kind: String,
    /// Names, if any, and SHA-256 digests (hexadecimal).
    pub subjects: Vec<(Option<String>, String)>,
    /// The type of what is said.
    pub predicate_type: String,
    /// What is said; `None` leaves the field out.
    pub predicate: Option<Value>,
}

impl Statement {
    /// A statement of version 1 about an image, `sha256:…`.
    #[must_use]
    pub fn about(image: &str, predicate_type: &str, predicate: Value) -> Self {
        Self {
            kind: STATEMENT_V1.to_owned(),
            subjects: vec![(None, image.trim_start_matches("sha256:").to_owned())],
            predicate_type: predicate_type.to_owned(),
            predicate: Some(predicate),
        }
    }

    /// What cosign 3 signs for an image.
    #[must_use]
    pub fn signature_of(image: &str) -> Self {
        Self::about(image, COSIGN_SIGN, json!({}))
    }

    /// The JSON document.
    #[must_use]
    pub fn to_json(&self) -> String {
        let subjects: Vec<Value> = self
            .subjects
            .iter()
            .map(|(name, sha256)| {
                let mut subject = json!({ "digest": { "sha256": sha256 } });
                if let Some(name) = name {
                    subject["name"] = json!(name);
                }
                subject
            })
            .collect();
        let mut statement =
            json!({ "_type": self.kind, "subject": subjects, "predicateType": self.predicate_type });
        if let Some(predicate) = &self.predicate {
            statement["predicate"] = predicate.clone();
        }
        statement.to_string()
    }
}

/// An envelope, which a bundle has with exactly one signature.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The payload's type.
    pub payload_type: String,
    /// The payload.
    pub payload: Vec<u8>,
    /// The signatures.
    pub signatures: Vec<Vec<u8>>,
}

impl Envelope {
    /// An envelope of a payload, signed once.
    #[must_use]
    pub fn signed(payload: &str, by: &TypedKey) -> Self {
        let mut envelope = Self {
            payload_type: IN_TOTO.to_owned(),
            payload: payload.as_bytes().to_vec(),
            signatures: Vec::new(),
        };
        envelope.sign(by);
        envelope
    }

    /// An envelope that somebody else has signed.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn read(envelope: &Value) -> Self {
        let bytes = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
        Self {
            payload_type: envelope["payloadType"].as_str().unwrap().to_owned(),
            payload: bytes(&envelope["payload"]),
            signatures: envelope["signatures"]
                .as_array()
                .unwrap()
                .iter()
                .map(|each| bytes(&each["sig"]))
                .collect(),
        }
    }

    /// Adds a signature.
    pub fn sign(&mut self, by: &TypedKey) {
        self.signatures.push(by.sign(&self.pae(), usual_hash(by)));
    }

    /// What is signed: DSSE's pre-authentication encoding.
    #[must_use]
    pub fn pae(&self) -> Vec<u8> {
        let start =
            format!("DSSEv1 {} {} {} ", self.payload_type.len(), self.payload_type, self.payload.len());
        [start.as_bytes(), &self.payload].concat()
    }

    /// The JSON value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let signatures: Vec<Value> =
            self.signatures.iter().map(|signature| json!({ "sig": STANDARD.encode(signature) })).collect();
        json!({
            "payload": STANDARD.encode(&self.payload),
            "payloadType": self.payload_type,
            "signatures": signatures,
        })
    }
}
