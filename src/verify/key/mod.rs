//! Public keys, and whether a signature is by one.

mod ecdsa;
mod ed25519;
mod hash;
mod pem;
mod rsa;

pub use hash::HashAlgorithm;
pub use pem::KeyError;
pub(super) use rsa::verifies as rsa_verifies;

use core::fmt::{self, Debug, Display, Formatter};

use p256::pkcs8::der::Encode;
use p256::pkcs8::der::asn1::{AnyRef, BitStringRef};
use p256::pkcs8::{AlgorithmIdentifierRef, ObjectIdentifier, SubjectPublicKeyInfoRef};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::image::hex;

/// A public key that signatures can be verified with. Two keys are equal if they are the same key,
/// however they were written.
#[derive(Clone)]
pub struct PublicKey {
    algorithm: Algorithm,
    fingerprint: Fingerprint,
}

/// The algorithms; each brings its own rule for the hash.
#[derive(Clone)]
enum Algorithm {
    EcdsaP256(Box<p256::ecdsa::VerifyingKey>),
    EcdsaP384(Box<p384::ecdsa::VerifyingKey>),
    EcdsaP521(Box<p521::ecdsa::VerifyingKey>),
    Rsa(Box<::rsa::RsaPublicKey>),
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
}

/// SHA-256 of a key's DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), points uncompressed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

/// A hash that the key's type never signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "`{hash}`, but key {key} is an Ed25519 key; allowed: `{}`, or no `signatureAlgorithm`",
    HashAlgorithm::Sha512
)]
pub struct ImpossibleHash {
    /// The key.
    pub key: Fingerprint,
    /// The hash.
    pub hash: HashAlgorithm,
}

/// A signature that is not by a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotByKey {
    /// Not base64, or no signature of any algorithm.
    #[error("malformed signature")]
    Malformed,
    /// Not made by this key over this payload.
    #[error("not signed by this key")]
    WrongKey,
}

use HashAlgorithm::{Sha256 as SHA256, Sha384 as SHA384, Sha512 as SHA512};

impl PublicKey {
    /// What identifies the key.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Whether a signature by this key can be over that hash. Ed25519 knows SHA-512 only; every other kind of
    /// key can sign any hash.
    ///
    /// # Errors
    /// [`ImpossibleHash`] if not.
    pub fn check_hash(&self, hash: HashAlgorithm) -> Result<(), ImpossibleHash> {
        match (&self.algorithm, hash) {
            (Algorithm::Ed25519(_), SHA256 | SHA384) => Err(ImpossibleHash { key: self.fingerprint, hash }),
            _ => Ok(()),
        }
    }

    /// The hashes tried: the one that is required; else what signers use for such keys, and SHA-256, which
    /// cosign up to 2.5 used for all.
    fn hashes(&self, required: Option<HashAlgorithm>) -> &'static [HashAlgorithm] {
        match required {
            Some(SHA256) => &[SHA256],
            Some(SHA384) => &[SHA384],
            Some(SHA512) => &[SHA512],
            None => match &self.algorithm {
                Algorithm::EcdsaP256(_) => &[SHA256],
                Algorithm::EcdsaP384(_) => &[SHA384, SHA256],
                Algorithm::EcdsaP521(_) => &[SHA512, SHA256],
                Algorithm::Rsa(key) => rsa::hashes(key),
                Algorithm::Ed25519(_) => &[SHA512],
            },
        }
    }

    /// Verifies a signature over a message. Without a required hash, those that signers use for such keys
    /// are tried. Gives the hash it is over; for Ed25519, the one within the algorithm.
    ///
    /// # Errors
    /// [`NotByKey`] when the signature is malformed or not by this key.
    pub(super) fn verify(
        &self,
        message: &[u8],
        signature: &[u8],
        required: Option<HashAlgorithm>,
    ) -> Result<HashAlgorithm, NotByKey> {
        let hashes = self.hashes(required);
        let verified = match &self.algorithm {
            Algorithm::EcdsaP256(key) => {
                ecdsa::verify::<p256::ecdsa::DerSignature, _>(&**key, hashes, message, signature)
            }
            Algorithm::EcdsaP384(key) => {
                ecdsa::verify::<p384::ecdsa::DerSignature, _>(&**key, hashes, message, signature)
            }
            Algorithm::EcdsaP521(key) => {
                ecdsa::verify::<p521::ecdsa::DerSignature, _>(&**key, hashes, message, signature)
            }
            Algorithm::Rsa(key) => rsa::verify(key, hashes, message, signature),
            Algorithm::Ed25519(key) if hashes.contains(&SHA512) => ed25519::verify(key, message, signature),
            Algorithm::Ed25519(_) => Err(NotByKey::WrongKey),
        };
        match verified {
            // A good signature by a key of another type is not malformed.
            Err(NotByKey::Malformed) if is_signature(signature) => Err(NotByKey::WrongKey),
            verified => verified,
        }
    }
}

/// Whether some bytes may be a signature by some type of key.
fn is_signature(bytes: &[u8]) -> bool {
    ecdsa::is_signature(bytes) || rsa::is_signature(bytes) || ed25519::is_signature(bytes)
}

impl Fingerprint {
    /// The fingerprint of a key by its canonical DER.
    fn of(spki: &[u8]) -> Self {
        Self(Sha256::digest(spki).into())
    }

    fn of_parts(oid: ObjectIdentifier, parameters: Option<AnyRef<'_>>, key: &[u8]) -> Result<Self, KeyError> {
        let algorithm = AlgorithmIdentifierRef { oid, parameters };
        let bits = BitStringRef::from_bytes(key);
        let spki = bits.map(|subject_public_key| SubjectPublicKeyInfoRef { algorithm, subject_public_key });
        let der = spki.and_then(|spki| spki.to_der()).map_err(|_| KeyError::MalformedKey)?;
        Ok(Self::of(&der))
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for PublicKey {}

impl Debug for PublicKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint)
    }
}

/// `sha256:` and the first 12 hexadecimal digits.
impl Display for Fingerprint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g, ..] = self.0;
        write!(f, "sha256:{}", hex(&[a, b, c, d, e, g]))
    }
}

impl Debug for Fingerprint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
