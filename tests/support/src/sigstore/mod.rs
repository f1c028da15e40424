//! A Sigstore in memory: a certificate authority like Fulcio, a CT log, Rekor (both versions) and a timestamp
//! authority, that sign whatever a test asks of them, good and bad. Written from the formats' specifications and
//! independent of the code under test.
//!
//! The parts of everything are public and put together last, so that a test can change any one of them, before
//! it is signed or after. The same name gives the same keys; two names give two authorities that know nothing of
//! each other. All times are unix seconds and given by who asks.

pub mod bundle;
pub mod certificate;
pub mod ctlog;
pub mod der;
pub mod dsse;
pub mod fault;
pub mod layer;
pub mod leaf;
pub mod merkle;
pub mod rekor;
pub mod signer;
pub mod trust_root;
pub mod tsa;

use sha2::{Digest as _, Sha256};

use self::certificate::{Authority, CODE_SIGNING};
use self::tsa::Tsa;
use crate::forge::pem;
use crate::typed::TypedKey;

/// How long the authorities' certificates are valid: ten years.
pub const LIFETIME: i64 = 10 * 365 * 86_400;

/// All of one Sigstore, private keys too.
#[derive(Clone, Debug)]
pub struct Sigstore {
    /// What the keys were made from.
    pub name: String,
    /// Since when all of it exists.
    pub since: i64,
    /// The certificate authority.
    pub fulcio: Fulcio,
    /// The CT log.
    pub ctlog: Log,
    /// Rekor v1.
    pub rekor: Log,
    /// Rekor v2.
    pub rekor_v2: Log,
    /// The timestamp authority.
    pub tsa: Tsa,
}

/// The certificate authority.
#[derive(Clone, Debug)]
pub struct Fulcio {
    /// The root.
    pub root: Authority,
    /// What signs the leaves, if it is not the root.
    pub intermediate: Option<Authority>,
}

/// A log: a key and the host it is at.
#[derive(Clone, Debug)]
pub struct Log {
    /// The private key.
    pub key: TypedKey,
    /// The host of its URL.
    pub host: String,
}

impl Sigstore {
    /// The Sigstore of that name, which exists since then.
    #[must_use]
    pub fn new(name: &str, since: i64) -> Self {
        let validity = (since, since + LIFETIME);
        let log =
            |key: TypedKey, host: &str| Log { key, host: format!("{host}.{}.example.com", host_part(name)) };
        Self {
            name: name.to_owned(),
            since,
            fulcio: Fulcio::new(name, name, since),
            ctlog: log(TypedKey::p256(&format!("{name} ctlog")), "ctlog"),
            rekor: log(TypedKey::p256(&format!("{name} rekor")), "rekor"),
            rekor_v2: log(TypedKey::ed25519(&format!("{name} rekor v2")), "log2025"),
            tsa: Tsa::new(name, TypedKey::p256(&format!("{name} tsa")), validity),
        }
    }

    /// The same without an intermediate: the root signs the leaves.
    #[must_use]
    pub fn without_intermediate(mut self) -> Self {
        self.fulcio.intermediate = None;
        self
    }
}

impl Fulcio {
    /// The authority of a name, with the keys of a label.
    #[must_use]
    pub fn new(name: &str, label: &str, since: i64) -> Self {
        let validity = (since, since + LIFETIME);
        let key = |part: &str| TypedKey::p384(&format!("{label} fulcio {part}"));
        let root = Authority::root(&format!("{name} root"), key("root"), validity);
        let below = format!("{name} intermediate");
        let intermediate = root.intermediate(&below, key("intermediate"), validity, CODE_SIGNING);
        Self { root, intermediate: Some(intermediate) }
    }

    /// What signs the leaves.
    #[must_use]
    pub fn issuer(&self) -> &Authority {
        self.intermediate.as_ref().unwrap_or(&self.root)
    }

    /// The certificates above a leaf, the root last (PEM).
    #[must_use]
    pub fn chain_pem(&self) -> String {
        self.intermediate.iter().chain([&self.root]).map(Authority::pem).collect()
    }
}

impl Log {
    /// What the log calls itself: the SHA-256 of its SubjectPublicKeyInfo, or for Rekor v2 of its name and Ed25519
    /// key, as signed notes have it.
    #[must_use]
    pub fn key_id(&self) -> [u8; 32] {
        let TypedKey::Ed25519(key) = &self.key else { return Sha256::digest(self.key.spki()).into() };
        let name = format!("{}\n\x01", self.host);
        Sha256::digest([name.as_bytes(), key.verifying_key().as_bytes()].concat()).into()
    }

    /// The public key.
    #[must_use]
    pub fn pem(&self) -> String {
        pem("PUBLIC KEY", &self.key.spki())
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.host)
    }
}

/// A label as a part of a host's name.
fn host_part(label: &str) -> String {
    label
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' })
        .collect()
}
