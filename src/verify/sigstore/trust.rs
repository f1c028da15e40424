//! What signatures are verified against besides keys: certificate authorities, logs, timestamp authorities.
//!
//! A Sigstore trusted root in its JSON form (protobuf-specs, `sigstore_trustroot.proto`), the public-good
//! instance's unless the settings bring one, with parts of it replaced where an entry brings its own.

use core::cell::OnceCell;
use core::fmt::{self, Debug, Formatter};
use std::borrow::Cow;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sigstore_verify::Verifier;
use sigstore_verify::crypto::Keyring;
use sigstore_verify::trust_root::{TimeRange, TrustedRoot};
use thiserror::Error;

use super::certificate::{Certificate, CertificateError};
use super::provider;
use crate::text::Shown;

/// The trusted root of the public-good instance, as the `sigstore-trust-root` crate ships it
/// (`make trusted-root` fetches it anew).
const PUBLIC_GOOD: &str = include_str!("../../../trust/trusted_root.json");

/// A trust root. Two are equal if they were written alike.
#[derive(Clone)]
pub struct TrustRoot(Rc<Shared>);

/// Built at most once, however many entries share it.
struct Shared {
    json: Cow<'static, str>,
    built: OnceCell<Built>,
}

/// The parts of a trust root that an entry brings of its own. Each replaces that part of the root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnTrust {
    /// `roots`: the certificates, in DER, that certificates of signers may lead to.
    pub roots: Option<Vec<Vec<u8>>>,
    /// `rekor.pubkey`: DER keys of transparency logs.
    pub log_keys: Option<Vec<Vec<u8>>>,
    /// `rekor.url`: the log that must have been used.
    pub log_url: Option<String>,
    /// `ctlog.pubkey`: DER keys of certificate-transparency logs.
    pub ct_keys: Option<Vec<Vec<u8>>>,
    /// `ctlog.tsaCertChain`: a timestamp authority's certificates in DER, its own first.
    pub timestamp_chain: Option<Vec<Vec<u8>>>,
}

/// Why a trust root cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TrustRootError {
    /// Not the JSON of a trusted root.
    #[error("not a Sigstore TrustedRoot in JSON ({})", Shown(.0))]
    Json(String),
    /// A certificate in it cannot be read.
    #[error("a certificate in it: {0}")]
    Certificate(#[from] CertificateError),
    /// A key, a log's identifier or a window in it cannot be used.
    #[error("{}", Shown(.0))]
    Content(String),
    /// A certificate among those of an authority that may not issue certificates: its holder could then certify
    /// anybody.
    #[error(
        "one of its certificate authorities' certificates is none of an authority (`CA:TRUE`, `keyCertSign`)"
    )]
    NoAuthority,
    /// Nobody in it certifies, logs or timestamps.
    #[error("it names no authority and no log: nothing could be verified with it")]
    Empty,
    /// No log in it has the URL that is asked for.
    #[error(
        "no transparency log of the trust root has the URL `{}`; write its key as `rekor.pubkey`, or its trust root as \
         `trustRoot`",
        Shown(.0)
    )]
    NoSuchLog(String),
    /// A log's key that says nothing of the log's name, which its checkpoints are checked with.
    #[error(
        "an Ed25519 key is a Rekor v2 log's, whose name is needed too; write its trust root as `trustRoot`"
    )]
    NamelessLog,
}

/// What the Sigstore crates need of a trust root, prepared once.
pub(super) struct Built {
    pub(super) root: TrustedRoot,
    pub(super) verifier: Verifier,
    pub(super) logs: Keyring,
}

impl TrustRoot {
    /// The public-good instance of Sigstore.
    #[must_use]
    pub fn public_good() -> Self {
        Self::of(Cow::Borrowed(PUBLIC_GOOD))
    }

    /// A trust root from the JSON of a TrustedRoot. Nothing in it is looked at before it is used or
    /// [checked](Self::check).
    #[must_use]
    pub fn from_json(root: &Value) -> Self {
        Self::of(Cow::Owned(root.to_string()))
    }

    fn of(json: Cow<'static, str>) -> Self {
        Self(Rc::new(Shared { json, built: OnceCell::new() }))
    }

    /// The JSON of the TrustedRoot.
    pub(crate) fn json(&self) -> &str {
        &self.0.json
    }

    /// Whether it can be used; pure, without a clock.
    ///
    /// # Errors
    /// [`TrustRootError`] if not.
    pub fn check(&self) -> Result<(), TrustRootError> {
        self.built().map(drop)
    }

    /// This root with parts of it replaced.
    ///
    /// # Errors
    /// [`TrustRootError`] where a part cannot be used, or the log asked for is not in the root.
    pub fn with(&self, own: &OwnTrust) -> Result<Self, TrustRootError> {
        if *own == OwnTrust::default() {
            return Ok(self.clone());
        }
        let mut root: Value =
            serde_json::from_str(&self.0.json).map_err(|e| TrustRootError::Json(e.to_string()))?;
        let fields = root.as_object_mut().ok_or_else(|| TrustRootError::Json("not an object".to_owned()))?;
        if let Some(roots) = &own.roots {
            let certificates =
                roots.iter().map(|der| Certificate::parse(der)).collect::<Result<Vec<_>, _>>()?;
            if !certificates.iter().all(Certificate::issues_certificates) {
                return Err(TrustRootError::NoAuthority);
            }
            let authorities =
                certificates.iter().map(|one| authority(&upwards(one, &certificates))).collect();
            fields.insert("certificateAuthorities".to_owned(), authorities);
        }
        if let Some(chain) = &own.timestamp_chain {
            fields.insert("timestampAuthorities".to_owned(), json!([authority(chain)]));
        }
        if let Some(keys) = &own.ct_keys {
            fields.insert("ctlogs".to_owned(), keys.iter().map(|key| log(key, "")).collect());
        }
        if let Some(keys) = &own.log_keys {
            if keys.iter().any(|key| is_ed25519(key)) {
                return Err(TrustRootError::NamelessLog);
            }
            let url = own.log_url.as_deref().unwrap_or_default();
            fields.insert("tlogs".to_owned(), keys.iter().map(|key| log(key, url)).collect());
        } else if let Some(url) = &own.log_url {
            let logs = fields.get("tlogs").and_then(Value::as_array).cloned().unwrap_or_default();
            let base = |text: &str| text.trim_end_matches('/').to_owned();
            let is_it = |log: &Value| log.get("baseUrl").and_then(Value::as_str).map(base) == Some(base(url));
            let named: Vec<Value> = logs.into_iter().filter(is_it).collect();
            if named.is_empty() {
                return Err(TrustRootError::NoSuchLog(url.clone()));
            }
            fields.insert("tlogs".to_owned(), Value::Array(named));
        }
        Ok(Self::from_json(&root))
    }

    pub(super) fn built(&self) -> Result<&Built, TrustRootError> {
        if let Some(built) = self.0.built.get() {
            return Ok(built);
        }
        let built = Built::of(&self.0.json)?;
        Ok(self.0.built.get_or_init(|| built))
    }
}

impl Built {
    fn of(json: &str) -> Result<Self, TrustRootError> {
        provider::install();
        let mut root = TrustedRoot::from_json(json).map_err(|e| TrustRootError::Json(e.to_string()))?;
        let nothing = root.certificate_authorities.is_empty()
            && root.tlogs.is_empty()
            && root.timestamp_authorities.is_empty();
        if nothing {
            return Err(TrustRootError::Empty);
        }
        // The crate takes every certificate of an authority for an anchor, and asks no anchor whether it is
        // still valid. So an authority certifies only while all of its chain is.
        for authority in &mut root.certificate_authorities {
            let mut window = authority.valid_for;
            for entry in &authority.cert_chain.certificates {
                let certificate = Certificate::parse(entry.raw_bytes.as_bytes())?;
                // Nor does it ask whether an anchor may issue certificates: anybody's would do.
                if !certificate.issues_certificates() {
                    return Err(TrustRootError::NoAuthority);
                }
                window = Some(narrowed(window, &certificate));
            }
            authority.valid_for = window;
        }
        let content = |error: &dyn fmt::Display| TrustRootError::Content(error.to_string());
        // Windows that do not overlap leave one that ends before it starts, which the crate refuses.
        let verifier = Verifier::new(&root).map_err(|e| content(&e))?;
        let logs = root.rekor_keys().map_err(|e| content(&e))?;
        Ok(Self { root, verifier, logs })
    }
}

fn narrowed(window: Option<TimeRange>, certificate: &Certificate) -> TimeRange {
    let (start, end) = (certificate.not_before(), certificate.not_after());
    match window {
        None => TimeRange::new(start, Some(end)),
        Some(window) => {
            TimeRange::new(window.start.max(start), Some(window.end.map_or(end, |earlier| earlier.min(end))))
        }
    }
}

/// A certificate and those above it, as far as they are named: it is trusted while all of them are valid.
fn upwards(first: &Certificate, named: &[Certificate]) -> Vec<Vec<u8>> {
    let mut chain = vec![first];
    while let Some(last) = chain.last().filter(|last| !last.is_self_issued()) {
        let Some(issuer) = named.iter().find(|other| other.may_have_issued(last)) else { break };
        if chain.len() > named.len() {
            break;
        }
        chain.push(issuer);
    }
    chain.iter().map(|certificate| certificate.der().to_vec()).collect()
}

/// An authority as a trusted root has it.
fn authority(chain: &[Vec<u8>]) -> Value {
    let certificates: Vec<Value> =
        chain.iter().map(|der| json!({"rawBytes": STANDARD.encode(der)})).collect();
    json!({"uri": "", "certChain": {"certificates": certificates}})
}

/// A log as a trusted root has it: it is known by the hash of its key (RFC 6962 section 3.2).
fn log(key: &[u8], url: &str) -> Value {
    json!({
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {"rawBytes": STANDARD.encode(key), "keyDetails": ""},
        "logId": {"keyId": STANDARD.encode(Sha256::digest(key))},
    })
}

/// Whether a DER SubjectPublicKeyInfo is of Ed25519 (RFC 8410 section 4 has it to the byte).
fn is_ed25519(spki: &[u8]) -> bool {
    spki.starts_with(&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70])
}

impl PartialEq for TrustRoot {
    fn eq(&self, other: &Self) -> bool {
        self.0.json == other.0.json
    }
}

impl Eq for TrustRoot {}

impl Debug for TrustRoot {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self.0.json, Cow::Borrowed(_)) {
            "TrustRoot(public good)"
        } else {
            "TrustRoot"
        })
    }
}
