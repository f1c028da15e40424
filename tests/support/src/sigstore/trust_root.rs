//! The Sigstore TrustedRoot: which authorities are trusted, and when.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::certificate::Authority;
use super::der::rfc3339;
use super::tsa::Tsa;
use super::{Log, Sigstore};
use crate::typed::TypedKey;

/// What a TrustedRoot lists. Any element may be changed, added or taken out.
#[derive(Clone, Debug, Default)]
pub struct TrustRoot {
    /// Rekor.
    pub tlogs: Vec<TrustedLog>,
    /// The CT logs.
    pub ctlogs: Vec<TrustedLog>,
    /// The certificate authorities.
    pub authorities: Vec<TrustedChain>,
    /// The timestamp authorities.
    pub timestamp_authorities: Vec<TrustedChain>,
}

/// A log that is trusted.
#[derive(Clone, Debug)]
pub struct TrustedLog {
    /// Where it is.
    pub url: String,
    /// The SubjectPublicKeyInfo (DER).
    pub spki: Vec<u8>,
    /// The name of the key's type.
    pub key_details: &'static str,
    /// The log's identifier.
    pub key_id: Vec<u8>,
    /// Trusted since and until, in unix seconds.
    pub window: (Option<i64>, Option<i64>),
}

/// An authority that is trusted.
#[derive(Clone, Debug)]
pub struct TrustedChain {
    /// Where it is.
    pub url: String,
    /// The certificates, the root last (DER).
    pub certificates: Vec<Vec<u8>>,
    /// Trusted since and until, in unix seconds.
    pub window: (Option<i64>, Option<i64>),
}

impl Sigstore {
    /// A trust root of all of this Sigstore since it exists.
    #[must_use]
    pub fn trust_root(&self) -> TrustRoot {
        let fulcio = self.fulcio.intermediate.iter().chain([&self.fulcio.root]);
        TrustRoot {
            tlogs: vec![self.rekor.trusted(self.since), self.rekor_v2.trusted(self.since)],
            ctlogs: vec![self.ctlog.trusted(self.since)],
            authorities: vec![TrustedChain::new(&self.host("fulcio"), fulcio, self.since)],
            timestamp_authorities: vec![self.tsa.trusted(&self.host("tsa"), self.since)],
        }
    }

    /// The same as JSON.
    #[must_use]
    pub fn trusted_root_json(&self) -> String {
        self.trust_root().to_json()
    }

    pub(super) fn host(&self, part: &str) -> String {
        format!("{part}.{}.example.com", super::host_part(&self.name))
    }
}

impl Log {
    /// The log as a trust root lists it.
    #[must_use]
    pub fn trusted(&self, since: i64) -> TrustedLog {
        TrustedLog {
            url: self.url(),
            spki: self.key.spki(),
            key_details: key_details(&self.key),
            key_id: self.key_id().to_vec(),
            window: (Some(since), None),
        }
    }
}

impl Tsa {
    /// The authority as a trust root lists it.
    #[must_use]
    pub fn trusted(&self, host: &str, since: i64) -> TrustedChain {
        TrustedChain::new(host, [&self.signer, &self.root].into_iter(), since)
    }
}

impl TrustedChain {
    /// A chain as a trust root lists it.
    #[must_use]
    pub fn new<'a>(host: &str, chain: impl Iterator<Item = &'a Authority>, since: i64) -> Self {
        Self {
            url: format!("https://{host}"),
            certificates: chain.map(|authority| authority.der.clone()).collect(),
            window: (Some(since), None),
        }
    }
}

impl TrustRoot {
    /// Everything that two trust roots list.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.tlogs.extend(other.tlogs);
        self.ctlogs.extend(other.ctlogs);
        self.authorities.extend(other.authorities);
        self.timestamp_authorities.extend(other.timestamp_authorities);
        self
    }

    /// The JSON value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": self.tlogs.iter().map(TrustedLog::to_value).collect::<Vec<_>>(),
            "certificateAuthorities": self.authorities.iter().map(TrustedChain::to_value).collect::<Vec<_>>(),
            "ctlogs": self.ctlogs.iter().map(TrustedLog::to_value).collect::<Vec<_>>(),
            "timestampAuthorities":
                self.timestamp_authorities.iter().map(TrustedChain::to_value).collect::<Vec<_>>(),
        })
    }

    /// The JSON document.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(&self.to_value()).unwrap()
    }
}

impl TrustedLog {
    fn to_value(&self) -> Value {
        json!({
            "baseUrl": self.url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": STANDARD.encode(&self.spki),
                "keyDetails": self.key_details,
                "validFor": window(self.window),
            },
            "logId": { "keyId": STANDARD.encode(&self.key_id) },
        })
    }
}

impl TrustedChain {
    fn to_value(&self) -> Value {
        let certificates: Vec<Value> =
            self.certificates.iter().map(|der| json!({ "rawBytes": STANDARD.encode(der) })).collect();
        json!({
            "subject": { "organization": "example.com", "commonName": self.url },
            "uri": self.url,
            "certChain": { "certificates": certificates },
            "validFor": window(self.window),
        })
    }
}

fn window((start, end): (Option<i64>, Option<i64>)) -> Value {
    let mut window = Map::new();
    for (name, time) in [("start", start), ("end", end)] {
        if let Some(time) = time {
            window.insert(name.to_owned(), json!(rfc3339(time)));
        }
    }
    Value::Object(window)
}

/// The name that Sigstore's protobuf gives to a type of key.
#[must_use]
pub const fn key_details(key: &TypedKey) -> &'static str {
    match key {
        TypedKey::P256(_) => "PKIX_ECDSA_P256_SHA_256",
        TypedKey::P384(_) => "PKIX_ECDSA_P384_SHA_384",
        TypedKey::P521(_) => "PKIX_ECDSA_P521_SHA_512",
        TypedKey::Rsa(_) => "PKIX_RSA_PKCS1V15_2048_SHA256",
        TypedKey::Ed25519(_) => "PKIX_ED25519",
    }
}
