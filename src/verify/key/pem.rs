//! From a text to the keys in it.

use p256::pkcs8::der::{Decode, pem};
use p256::pkcs8::{ObjectIdentifier, SubjectPublicKeyInfoRef};
use thiserror::Error;

use super::{Algorithm, PublicKey, ecdsa, ed25519, rsa};
use crate::limits::MAX_KEY_BYTES;
use crate::text::Shown;

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
    #[error("a PEM block `{}`; allowed: PUBLIC KEY or RSA PUBLIC KEY", Shown(.0))]
    Label(String),
    /// Not a SubjectPublicKeyInfo, or not a valid key in it.
    #[error("malformed public key: expected a DER SubjectPublicKeyInfo in PEM")]
    MalformedKey,
    /// A curve or algorithm that is not supported, by its object identifier.
    #[error("a key of type {0} is not supported; allowed: ECDSA P-256, P-384 or P-521, RSA, or Ed25519")]
    Unsupported(String),
    /// An RSA key of another size.
    #[error("an RSA key of {0} bits; allowed: 2048 to 4096")]
    RsaSize(u32),
    /// An RSA key with another exponent.
    #[error("an RSA key with another public exponent than 65537, the only one allowed")]
    RsaExponent,
    /// An Ed25519 key for which anybody can sign.
    #[error("a weak Ed25519 key: signatures by it prove nothing")]
    Weak,
    /// Longer than the limit.
    #[error("longer than {MAX_KEY_BYTES} bytes")]
    TooLong,
}

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

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
        let keys = blocks(text)?.iter().map(|block| Self::parse(block)).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(KeyError::NoPem) } else { Ok(keys) }
    }

    /// The DER of the keys that [`Self::parse_all`] would give, as they were written.
    ///
    /// # Errors
    /// [`KeyError`], also for keys in another form than SubjectPublicKeyInfo.
    pub fn parse_ders(text: &str) -> Result<Vec<Vec<u8>>, KeyError> {
        Self::parse_all(text)?;
        let der = |block: &String| match pem::decode_vec(block.as_bytes()) {
            Ok(("PUBLIC KEY", der)) => Ok(der),
            Ok((label, _)) => Err(KeyError::Label(label.to_owned())),
            Err(_) => Err(KeyError::MalformedPem),
        };
        blocks(text)?.iter().map(der).collect()
    }

    fn parse(block: &str) -> Result<Self, KeyError> {
        let (label, der) = pem::decode_vec(block.as_bytes()).map_err(|_| KeyError::MalformedPem)?;
        match label {
            "PUBLIC KEY" => Self::from_spki(&der),
            "RSA PUBLIC KEY" => rsa::from_pkcs1(&der),
            label if label.contains("PRIVATE KEY") => Err(KeyError::PrivateKey),
            label if label.contains("CERTIFICATE") => Err(KeyError::Certificate),
            label => Err(KeyError::Label(label.to_owned())),
        }
    }

    pub(in crate::verify) fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| KeyError::MalformedKey)?;
        match spki.algorithm.oid {
            EC_PUBLIC_KEY => match spki.algorithm.parameters_oid().map_err(|_| KeyError::MalformedKey)? {
                P256 => {
                    ecdsa::from_spki(spki, |key: p256::PublicKey| Algorithm::EcdsaP256(Box::new(key.into())))
                }
                P384 => {
                    ecdsa::from_spki(spki, |key: p384::PublicKey| Algorithm::EcdsaP384(Box::new(key.into())))
                }
                P521 => {
                    ecdsa::from_spki(spki, |key: p521::PublicKey| Algorithm::EcdsaP521(Box::new(key.into())))
                }
                other => Err(KeyError::Unsupported(other.to_string())),
            },
            rsa::OID => rsa::from_spki(spki),
            ed25519::OID => ed25519::from_spki(spki),
            other => Err(KeyError::Unsupported(other.to_string())),
        }
    }
}

/// Splits a text into its PEM blocks, lines trimmed: keys in a YAML block may be indented, and files
/// may have CRLF line ends.
fn blocks(text: &str) -> Result<Vec<String>, KeyError> {
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
