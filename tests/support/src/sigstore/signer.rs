//! Who signs bundles, and what proves when.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::Sigstore;
use super::bundle::{Bundle, Content, V0_3, Verifier};
use super::dsse::Envelope;
use super::layer::{LOG_INDEX, how};
use super::leaf::Identity;
use super::merkle::PLACE;
use super::rekor::{Entry, dsse, hashedrekord, hashedrekord_v2, intoto};
use crate::typed::TypedKey;

/// Who signs.
#[derive(Clone, Debug)]
pub enum Signer {
    /// A key that the reader has.
    Key(TypedKey),
    /// A key with a certificate.
    Identity(Identity),
}

/// What a bundle proves its time with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// An entry of Rekor v1 with its promise: version 0.1 has no more.
    Promise,
    /// An entry of Rekor v1 with its promise and a proof.
    Proof,
    /// An entry of Rekor v1 with a proof, no promise, and a timestamp.
    ProofAndTimestamp,
    /// As `Proof`, but a statement's entry is an `intoto` 0.0.2.
    IntotoProof,
    /// An entry of Rekor v2 with a proof, and a timestamp.
    V2,
    /// A timestamp and no entry.
    Timestamp,
    /// Nothing.
    None,
}

impl Signer {
    /// The private key.
    #[must_use]
    pub const fn key(&self) -> &TypedKey {
        match self {
            Self::Key(key) => key,
            Self::Identity(identity) => &identity.key,
        }
    }

    /// The public key or the certificate, as Rekor v1 has it.
    #[must_use]
    pub fn pem(&self) -> String {
        match self {
            Self::Key(key) => key.pem(),
            Self::Identity(identity) => identity.pem(),
        }
    }

    /// What a bundle of version 0.3 says of the signer.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        match self {
            Self::Key(key) => Verifier::Key(STANDARD.encode(Sha256::digest(key.spki()))),
            Self::Identity(identity) => Verifier::Certificate(identity.der.clone()),
        }
    }
}

impl Bundle {
    /// The same in an older version, with the certificate in a chain.
    #[must_use]
    pub fn version(mut self, media_type: &'static str) -> Self {
        self.media_type = media_type;
        if let Verifier::Certificate(der) = &self.verifier {
            self.verifier = Verifier::Chain(vec![der.clone()]);
        }
        self
    }
}

impl Sigstore {
    /// A bundle of version 0.3 with a signature over some bytes.
    #[must_use]
    pub fn sign_blob(&self, signer: &Signer, blob: &[u8], evidence: Evidence, at: i64) -> Bundle {
        let signature = signer.key().sign(blob, how(signer.key()));
        let v1 = || hashedrekord(&signature, &signer.pem(), blob);
        let v2 = || hashedrekord_v2(&signature, signer, blob);
        bundle(
            signer,
            Content::Message { digest: Sha256::digest(blob).to_vec(), signature: signature.clone() },
            self.entries(evidence, at, v1, v2),
            self.stamps(evidence, &signature, at),
        )
    }

    /// A bundle of version 0.3 with a signed statement.
    #[must_use]
    pub fn attest(&self, signer: &Signer, statement: &str, evidence: Evidence, at: i64) -> Bundle {
        self.wrap(signer, Envelope::signed(statement, signer.key()), evidence, at)
    }

    /// A bundle of version 0.3 with an envelope as it is; the first signature counts.
    #[must_use]
    pub fn wrap(&self, signer: &Signer, envelope: Envelope, evidence: Evidence, at: i64) -> Bundle {
        let signature = envelope.signatures[0].clone();
        let v1 = || {
            let body = if evidence == Evidence::IntotoProof { intoto } else { dsse };
            body(&envelope, &signer.pem())
        };
        let v2 = || hashedrekord_v2(&signature, signer, &envelope.pae());
        let entries = self.entries(evidence, at, v1, v2);
        let timestamps = self.stamps(evidence, &signature, at);
        bundle(signer, Content::Envelope(envelope), entries, timestamps)
    }

    /// What proves that a signature was logged.
    fn entries(
        &self,
        evidence: Evidence,
        at: i64,
        v1: impl Fn() -> Vec<u8>,
        v2: impl Fn() -> Vec<u8>,
    ) -> Vec<Entry> {
        let old = || self.rekor.take(&v1(), at, LOG_INDEX);
        match evidence {
            Evidence::None | Evidence::Timestamp => Vec::new(),
            Evidence::Promise => vec![old()],
            Evidence::Proof | Evidence::IntotoProof => vec![old().proven(&self.rekor)],
            Evidence::ProofAndTimestamp => vec![Entry { set: None, ..old().proven(&self.rekor) }],
            Evidence::V2 => {
                let entry = self.rekor_v2.entry(&v2(), 0, u64::try_from(PLACE).unwrap());
                vec![entry.proven(&self.rekor_v2)]
            }
        }
    }

    fn stamps(&self, evidence: Evidence, signature: &[u8], at: i64) -> Vec<Vec<u8>> {
        match evidence {
            Evidence::ProofAndTimestamp | Evidence::V2 | Evidence::Timestamp => {
                vec![self.tsa.stamp(signature, at)]
            }
            Evidence::None | Evidence::Promise | Evidence::Proof | Evidence::IntotoProof => Vec::new(),
        }
    }
}

fn bundle(signer: &Signer, content: Content, entries: Vec<Entry>, timestamps: Vec<Vec<u8>>) -> Bundle {
    Bundle { media_type: V0_3, content, verifier: signer.verifier(), entries, timestamps }
}
