//! Keys of every type, and the ways each can sign. Private operations by the RustCrypto crates; the encodings are
//! written here.

use core::convert::Infallible;

use ed25519_dalek::{Digest as _, Signer as _};
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::traits::PublicKeyParts as _;
use rsa::{BoxedUint, Pkcs1v15Sign, Pss, RsaPrivateKey};
use sha2::{Sha256, Sha384, Sha512};

use crate::forge::{hex_digest, pem};
use crate::primes;

/// A key pair of some type.
#[derive(Clone, Debug)]
pub enum TypedKey {
    /// ECDSA over P-256.
    P256(p256::ecdsa::SigningKey),
    /// ECDSA over P-384.
    P384(p384::ecdsa::SigningKey),
    /// ECDSA over P-521.
    P521(p521::ecdsa::SigningKey),
    /// RSA.
    Rsa(RsaPrivateKey),
    /// Ed25519.
    Ed25519(ed25519_dalek::SigningKey),
}

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// ECDSA, or RSA by PKCS#1 v1.5, with SHA-256.
    Sha256,
    /// The same with SHA-384.
    Sha384,
    /// The same with SHA-512.
    Sha512,
    /// RSA by PSS with SHA-256.
    PssSha256,
    /// RSA by PSS with SHA-384.
    PssSha384,
    /// RSA by PSS with SHA-512.
    PssSha512,
    /// Ed25519 over the message.
    Pure,
    /// Ed25519ph.
    Prehashed,
}

impl TypedKey {
    /// One of each type and, for RSA, of each usual size, with its name. The same label gives the same keys; the
    /// RSA keys are always the same.
    #[must_use]
    pub fn all(label: &str) -> Vec<(&'static str, Self)> {
        vec![
            ("P-256", Self::p256(label)),
            ("P-384", Self::p384(label)),
            ("P-521", Self::p521(label)),
            ("RSA 2048", Self::rsa(&primes::RSA_2048)),
            ("RSA 3072", Self::rsa(&primes::RSA_3072)),
            ("RSA 4096", Self::rsa(&primes::RSA_4096)),
            ("Ed25519", Self::ed25519(label)),
        ]
    }

    /// A key of another kind of label.
    #[must_use]
    pub fn of(key: &crate::forge::Key) -> Self {
        Self::P256(key.signing_key().clone())
    }

    /// The P-256 key of a label.
    #[must_use]
    pub fn p256(label: &str) -> Self {
        Self::P256(p256::ecdsa::SigningKey::from_slice(&seed(label, 256)[..32]).unwrap())
    }

    /// The P-384 key of a label.
    #[must_use]
    pub fn p384(label: &str) -> Self {
        Self::P384(p384::ecdsa::SigningKey::from_slice(&seed(label, 384)[..48]).unwrap())
    }

    /// The P-521 key of a label.
    #[must_use]
    pub fn p521(label: &str) -> Self {
        // Below the order of P-521, which has 66 bytes.
        let long = [&[0, 0][..], &seed(label, 521)].concat();
        Self::P521(p521::ecdsa::SigningKey::from_slice(&long).unwrap())
    }

    /// The Ed25519 key of a label.
    #[must_use]
    pub fn ed25519(label: &str) -> Self {
        let secret: [u8; 32] = seed(label, 25519)[..32].try_into().unwrap();
        Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(&secret))
    }

    /// The RSA key of 2048 bits, of which there is one.
    #[must_use]
    pub fn rsa_2048() -> Self {
        Self::rsa(&primes::RSA_2048)
    }

    fn rsa(primes: &primes::Primes) -> Self {
        let [p, q] = primes.map(|hex| {
            let bytes: Vec<u8> = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect();
            BoxedUint::from_be_slice_vartime(&bytes)
        });
        Self::Rsa(RsaPrivateKey::from_p_q(p, q, BoxedUint::from(65537_u32)).unwrap())
    }

    /// The public key, as `openssl pkey -pubout` writes it.
    #[must_use]
    pub fn pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki())
    }

    /// What messages call the key: `sha256:` and 12 digits of the SubjectPublicKeyInfo's SHA-256.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex_digest(&self.spki()).chars().take(7 + 12).collect()
    }

    /// `SEQUENCE { SEQUENCE { algorithm, parameters }, BIT STRING { key } }`
    #[must_use]
    pub fn spki(&self) -> Vec<u8> {
        // id-ecPublicKey
        let ec = |curve: &[u8]| [&[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], curve].concat();
        match self {
            Self::P256(key) => spki(
                &ec(&[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]),
                &key.verifying_key().to_sec1_point(false).to_bytes(),
            ),
            Self::P384(key) => {
                spki(&ec(&[6, 5, 0x2b, 0x81, 4, 0, 34]), &key.verifying_key().to_sec1_point(false).to_bytes())
            }
            Self::P521(key) => {
                spki(&ec(&[6, 5, 0x2b, 0x81, 4, 0, 35]), &key.verifying_key().to_sec1_point(false).to_bytes())
            }
            Self::Rsa(key) => rsa_spki(&rsa_key(&key.n().to_be_bytes_trimmed_vartime(), &[1, 0, 1])),
            Self::Ed25519(key) => spki(&ED25519, key.verifying_key().as_bytes()),
        }
    }

    /// Signs a message.
    ///
    /// # Panics
    /// If a key of this type cannot sign like that.
    #[must_use]
    pub fn sign(&self, message: &[u8], how: How) -> Vec<u8> {
        let hash = match how {
            How::Sha256 | How::PssSha256 => Sha256::digest(message).to_vec(),
            How::Sha384 | How::PssSha384 => Sha384::digest(message).to_vec(),
            How::Sha512 | How::PssSha512 => Sha512::digest(message).to_vec(),
            How::Pure | How::Prehashed => Vec::new(),
        };
        match (self, how) {
            (Self::P256(key), How::Sha256 | How::Sha384 | How::Sha512) => {
                let signature: p256::ecdsa::Signature = key.sign_prehash(&hash).unwrap();
                signature.to_der().as_bytes().to_vec()
            }
            (Self::P384(key), How::Sha256 | How::Sha384 | How::Sha512) => {
                let signature: p384::ecdsa::Signature = key.sign_prehash(&hash).unwrap();
                signature.to_der().as_bytes().to_vec()
            }
            (Self::P521(key), How::Sha256 | How::Sha384 | How::Sha512) => {
                let signature: p521::ecdsa::Signature = key.sign_prehash(&hash).unwrap();
                signature.to_der().as_bytes().to_vec()
            }
            (Self::Rsa(key), How::Sha256) => key.sign(Pkcs1v15Sign::new::<Sha256>(), &hash).unwrap(),
            (Self::Rsa(key), How::Sha384) => key.sign(Pkcs1v15Sign::new::<Sha384>(), &hash).unwrap(),
            (Self::Rsa(key), How::Sha512) => key.sign(Pkcs1v15Sign::new::<Sha512>(), &hash).unwrap(),
            (Self::Rsa(key), How::PssSha256) => {
                key.sign_with_rng(&mut Counter(0), Pss::<Sha256>::new(), &hash).unwrap()
            }
            (Self::Rsa(key), How::PssSha384) => {
                key.sign_with_rng(&mut Counter(0), Pss::<Sha384>::new(), &hash).unwrap()
            }
            (Self::Rsa(key), How::PssSha512) => {
                key.sign_with_rng(&mut Counter(0), Pss::<Sha512>::new(), &hash).unwrap()
            }
            (Self::Ed25519(key), How::Pure) => key.sign(message).to_bytes().to_vec(),
            (Self::Ed25519(key), How::Prehashed) => {
                let hash = ed25519_dalek::Sha512::new_with_prefix(message);
                key.sign_prehashed(hash, None).unwrap().to_bytes().to_vec()
            }
            (key, how) => panic!("{key:?} cannot sign by {how:?}"),
        }
    }
}

/// 64 bytes that follow from a label and a number.
fn seed(label: &str, n: usize) -> Vec<u8> {
    Sha512::digest(format!("sigwarden test key {label} {n}")).to_vec()
}

/// id-Ed25519
pub const ED25519: [u8; 5] = [6, 3, 0x2b, 0x65, 0x70];
/// rsaEncryption
pub const RSA: [u8; 11] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];

/// A SubjectPublicKeyInfo of an algorithm identifier's content and a key's bits.
#[must_use]
pub fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    der(0x30, &[der(0x30, algorithm), der(3, &[&[0], key].concat())].concat())
}

/// The same for an RSA key, with the parameters NULL.
#[must_use]
pub fn rsa_spki(key: &[u8]) -> Vec<u8> {
    spki(&[&RSA[..], &[5, 0]].concat(), key)
}

/// `SEQUENCE { INTEGER, INTEGER }` of two positive numbers without leading zeros.
#[must_use]
pub fn rsa_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let sign: &[u8] = if bytes[0] < 0x80 { &[] } else { &[0] };
        der(2, &[sign, bytes].concat())
    };
    der(0x30, &[integer(modulus), integer(exponent)].concat())
}

/// A DER value of fewer than 65,536 bytes.
#[must_use]
pub fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let length = match (high, low) {
        (0, 0..0x80) => vec![low],
        (0, _) => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[tag], &length[..], content].concat()
}

/// The same bytes each time: salts for tests.
struct Counter(u8);

impl TryRng for Counter {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            self.0 = self.0.wrapping_add(1);
            *byte = self.0;
        }
        Ok(())
    }
}

impl TryCryptoRng for Counter {}
