//! Who signs: identities of two Sigstores, keys whose signatures are logged, holders of certificates of one's own.
//! All of it is signed an hour before the [`FakeRegistry`](crate::FakeRegistry)'s time.

use std::sync::LazyLock;

use serde_json::Value;

use crate::forge::Key;
use crate::sigstore::Sigstore;
use crate::sigstore::layer::Signed;
use crate::sigstore::leaf::{Identity, Leaf, Scts};

/// The time of a registry that was given none.
pub const NOW: i64 = 1_767_225_600;
/// When signatures were made.
pub const SIGNED: i64 = NOW - 3600;
const SINCE: i64 = NOW - 100 * 86_400;

/// The issuer of GitHub's workflows.
pub const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// A Sigstore whose log is where the public one is.
pub static PUBLIC: LazyLock<Sigstore> = LazyLock::new(|| {
    let mut sigstore = Sigstore::new("public", SINCE);
    "rekor.sigstore.dev".clone_into(&mut sigstore.rekor.host);
    sigstore
});

/// Another one, at example.com.
pub static PRIVATE: LazyLock<Sigstore> = LazyLock::new(|| Sigstore::new("private", SINCE));

/// The trust root of the public one, as settings have it.
#[must_use]
pub fn trust_root() -> Value {
    PUBLIC.trust_root().to_value()
}

/// A certificate of one's own authority, valid for two years. It is in no CT log.
#[must_use]
pub fn own_leaf(since: i64) -> Leaf {
    Leaf {
        not_after: since + 730 * 86_400,
        scts: Scts::Missing,
        ..Leaf::email("jane@example.com", "", since)
    }
}

/// The holder of a certificate of one's own authority, valid for years.
pub static HOLDER: LazyLock<Identity> = LazyLock::new(|| holder("release@example.com"));

/// Somebody else with a certificate of the same authority.
pub static OTHER_HOLDER: LazyLock<Identity> = LazyLock::new(|| holder("somebody.else@example.com"));

fn holder(name: &str) -> Identity {
    let mut leaf = Leaf::email(name, "https://issuer.example.com", SINCE);
    leaf.not_after = NOW + 365 * 86_400;
    leaf.scts = Scts::Missing;
    PRIVATE.certify(&leaf)
}

/// An identity, by the text `SUBJECT ISSUER`, and after that claims by their number, `6=refs/heads/main`.
///
/// # Panics
/// If it is something else.
#[must_use]
pub fn leaf(text: &str) -> Leaf {
    let mut words = text.split(' ');
    let (subject, issuer) = words.next().zip(words.next()).unwrap();
    let at = SIGNED - 60;
    let leaf = if subject.contains("://") {
        Leaf::uri(subject, issuer, at)
    } else {
        Leaf::email(subject, issuer, at)
    };
    words.fold(leaf, |leaf, claim| {
        let (number, value) = claim.split_once('=').unwrap();
        leaf.claim(number.parse().unwrap(), value)
    })
}

/// A payload signed by an identity of that Sigstore.
#[must_use]
pub fn keyless(sigstore: &Sigstore, who: &str, payload: &str) -> Signed {
    sigstore.sign(&leaf(who), payload, SIGNED)
}

/// A payload signed by a key, and logged.
#[must_use]
pub fn logged(sigstore: &Sigstore, key: &Key, payload: &str) -> Signed {
    let mut signed = Signed {
        payload: payload.as_bytes().to_vec(),
        signature: key.sign(payload.as_bytes()),
        certificate: None,
        chain: None,
        entry: None,
        timestamp: None,
    };
    signed.entry = Some(sigstore.log(&signed, &key.pem(), SIGNED));
    signed
}

/// A payload signed with the key of a certificate of one's own, which is attached.
#[must_use]
pub fn certified(holder: &Identity, payload: &str) -> Signed {
    let mut signed = Signed::by_key(&holder.key, payload);
    signed.certificate = Some(holder.pem());
    signed.chain = Some(holder.chain_pem());
    signed
}
