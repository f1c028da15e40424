//! Who signs and attests, and how.

use std::sync::LazyLock;

use serde_json::Value;

use crate::forge::{self, Key};
use crate::people;
use crate::sigstore::Sigstore;
use crate::sigstore::dsse::Statement;
use crate::sigstore::leaf::Leaf;
use crate::sigstore::signer::{Evidence, Signer};
use crate::typed::{How, TypedKey};

/// Who signs or attests.
#[derive(Clone, Copy, Debug)]
pub enum Who {
    /// The holder of the key of a label.
    Key(&'static str),
    /// The holder of the RSA key of 4096 bits.
    Rsa4096,
    /// The holder of the key of a label, who logs the signature.
    Logged(&'static str),
    /// An identity: subject and issuer.
    Identity(&'static str, &'static str),
    /// A workflow on GitHub, by what follows `https://github.com/` in its name.
    Workflow(&'static str),
    /// The same with claims in its certificate, by the numbers of Fulcio's extensions.
    Claiming(&'static str, &'static [(u8, &'static str)]),
    /// The holder of a certificate of one's own authority.
    Certificate,
    /// Somebody else with a certificate of that authority.
    OtherCertificate,
    /// Another Sigstore than that of [`trust_root`](super::trust_root) certifies or logs it.
    Elsewhere(&'static Self),
}

pub(super) static RSA: LazyLock<TypedKey> = LazyLock::new(|| {
    let keys = TypedKey::all("idioms").into_iter();
    keys.filter(|(name, _)| *name == "RSA 4096").map(|(_, key)| key).next().unwrap()
});

impl Who {
    /// The layer of a signature.
    pub(super) fn sign(self, payload: &str) -> Value {
        let (sigstore, who) = self.in_sigstore();
        if let Some(leaf) = who.leaf() {
            return sigstore.sign(&leaf, payload, people::SIGNED).layer();
        }
        match who {
            Self::Logged(label) => people::logged(sigstore, &Key::new(label), payload).layer(),
            Self::Certificate => people::certified(&people::HOLDER, payload).layer(),
            Self::OtherCertificate => people::certified(&people::OTHER_HOLDER, payload).layer(),
            Self::Rsa4096 => forge::layer(payload, &RSA.sign(payload.as_bytes(), How::Sha256)),
            Self::Key(label) => forge::layer(payload, &Key::new(label).sign(payload.as_bytes())),
            Self::Identity(..) | Self::Workflow(_) | Self::Claiming(..) | Self::Elsewhere(_) => {
                panic!("{self:?}")
            }
        }
    }

    /// A bundle with a statement about an image.
    pub(super) fn attest(self, digest: &str, kind: &str, predicate: &str) -> Value {
        let (sigstore, who) = self.in_sigstore();
        let signer = match (who, who.leaf()) {
            (_, Some(leaf)) => Signer::Identity(sigstore.certify(&leaf)),
            (Self::Key(label) | Self::Logged(label), None) => Signer::Key(TypedKey::of(&Key::new(label))),
            (_, None) => panic!("{self:?}"),
        };
        let predicate = serde_json::from_str(predicate).unwrap();
        let statement = Statement::about(digest, kind, predicate).to_json();
        sigstore.attest(&signer, &statement, Evidence::Proof, people::SIGNED).to_value()
    }

    /// The certificate that is asked for an identity.
    fn leaf(self) -> Option<Leaf> {
        let workflow = |path, claims: &[(u8, &str)]| {
            let leaf = people::leaf(&format!("https://github.com/{path} {}", people::GITHUB));
            claims.iter().fold(leaf, |leaf, (number, value)| leaf.claim(*number, value))
        };
        match self {
            Self::Identity(subject, issuer) => Some(people::leaf(&format!("{subject} {issuer}"))),
            Self::Workflow(path) => Some(workflow(path, &[])),
            Self::Claiming(path, claims) => Some(workflow(path, claims)),
            Self::Key(_)
            | Self::Rsa4096
            | Self::Logged(_)
            | Self::Certificate
            | Self::OtherCertificate
            | Self::Elsewhere(_) => None,
        }
    }

    fn in_sigstore(self) -> (&'static Sigstore, Self) {
        if let Self::Elsewhere(who) = self { (&people::PRIVATE, *who) } else { (&people::PUBLIC, self) }
    }
}
