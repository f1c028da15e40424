//! The cryptography under the Sigstore crates: RustCrypto, in place of the C library they bring by default.
//!
//! What held once is remembered by the hash of all that went in: the crates verify the log's promise twice and
//! the chain once for each proven time, and our own call has verified the signature before.

use std::sync::{Mutex, Once, PoisonError};

use ed25519_dalek::{Signature as Ed25519Signature, VerifyingKey as Ed25519Key};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use sha2::{Digest, Sha256, Sha384, Sha512};
use sigstore_verify::crypto::{
    CryptoProvider, Error, HashContext, Result, SigningScheme, install_default_provider,
};
use sigstore_verify::types::HashAlgorithm as SigstoreHash;

use crate::limits::MAX_REMEMBERED_SIGNATURES;
use crate::verify::PublicKey;
use crate::verify::key::{HashAlgorithm, rsa_verifies};

/// Installs the provider, once in the life of an instance.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // It fails where another crate of a native program was first; then that one verifies.
        let _ = install_default_provider(&RustCrypto);
    });
}

#[derive(Debug)]
struct RustCrypto;

impl CryptoProvider for RustCrypto {
    fn hash(&self, algorithm: SigstoreHash) -> Result<Box<dyn HashContext>> {
        match algorithm {
            SigstoreHash::Sha2256 => Ok(Box::new(Hash(Sha256::new()))),
            SigstoreHash::Sha2384 => Ok(Box::new(Hash(Sha384::new()))),
            SigstoreHash::Sha2512 => Ok(Box::new(Hash(Sha512::new()))),
            other => Err(Error::UnsupportedAlgorithm(format!("{other:?}"))),
        }
    }

    fn verify_raw(&self, scheme: SigningScheme, key: &[u8], data: &[u8], signature: &[u8]) -> Result<()> {
        let Some(hash) = hash_of(scheme)? else {
            return remembered(scheme, key, data, signature, || ed25519(key, data, signature));
        };
        self.verify_prehashed(scheme, key, &hash.digest(data), signature)
    }

    fn verify_prehashed(
        &self,
        scheme: SigningScheme,
        key: &[u8],
        digest: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        // Ed25519 signs the message, which is remembered above; a digest is another thing.
        if hash_of(scheme)?.is_none() {
            return Err(unsupported(scheme));
        }
        remembered(scheme, key, digest, signature, || verify(scheme, key, digest, signature))
    }
}

/// The hash that a scheme signs; none for Ed25519, which signs the message.
fn hash_of(scheme: SigningScheme) -> Result<Option<HashAlgorithm>> {
    use SigningScheme::{
        EcdsaP256Sha256, EcdsaP256Sha384, EcdsaP384Sha256, EcdsaP384Sha384, Ed25519, MlDsa44, MlDsa65,
        MlDsa87, RsaPkcs1Sha256, RsaPkcs1Sha384, RsaPkcs1Sha512, RsaPssSha256, RsaPssSha384, RsaPssSha512,
    };
    Ok(Some(match scheme {
        EcdsaP256Sha256 | EcdsaP384Sha256 | RsaPkcs1Sha256 | RsaPssSha256 => HashAlgorithm::Sha256,
        EcdsaP256Sha384 | EcdsaP384Sha384 | RsaPkcs1Sha384 | RsaPssSha384 => HashAlgorithm::Sha384,
        RsaPkcs1Sha512 | RsaPssSha512 => HashAlgorithm::Sha512,
        Ed25519 => return Ok(None),
        MlDsa44 | MlDsa65 | MlDsa87 | _ => return Err(unsupported(scheme)),
    }))
}

fn verify(scheme: SigningScheme, key: &[u8], digest: &[u8], signature: &[u8]) -> Result<()> {
    use SigningScheme::{
        EcdsaP256Sha256, EcdsaP256Sha384, EcdsaP384Sha256, EcdsaP384Sha384, Ed25519, MlDsa44, MlDsa65,
        MlDsa87, RsaPkcs1Sha256, RsaPkcs1Sha384, RsaPkcs1Sha512, RsaPssSha256, RsaPssSha384, RsaPssSha512,
    };
    let holds = match scheme {
        EcdsaP256Sha256 | EcdsaP256Sha384 => p256::ecdsa::VerifyingKey::from_sec1_bytes(key)
            .ok()
            .zip(p256::ecdsa::DerSignature::try_from(signature).ok())
            .is_some_and(|(key, signature)| key.verify_prehash(digest, &signature).is_ok()),
        EcdsaP384Sha256 | EcdsaP384Sha384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(key)
            .ok()
            .zip(p384::ecdsa::DerSignature::try_from(signature).ok())
            .is_some_and(|(key, signature)| key.verify_prehash(digest, &signature).is_ok()),
        RsaPkcs1Sha256 | RsaPkcs1Sha384 | RsaPkcs1Sha512 => match hash_of(scheme)? {
            Some(hash) => rsa_verifies(key, hash, false, digest, signature),
            None => false,
        },
        RsaPssSha256 | RsaPssSha384 | RsaPssSha512 => match hash_of(scheme)? {
            Some(hash) => rsa_verifies(key, hash, true, digest, signature),
            None => false,
        },
        Ed25519 | MlDsa44 | MlDsa65 | MlDsa87 | _ => return Err(unsupported(scheme)),
    };
    if holds { Ok(()) } else { Err(wrong()) }
}

fn ed25519(key: &[u8], data: &[u8], signature: &[u8]) -> Result<()> {
    let key = Ed25519Key::try_from(key).map_err(|_| wrong())?;
    let signature = Ed25519Signature::from_slice(signature).map_err(|_| wrong())?;
    key.verify_strict(data, &signature).map_err(|_| wrong())
}

/// What held, by the hash of all that went in.
static HELD: Mutex<Vec<[u8; 32]>> = Mutex::new(Vec::new());

/// Only what was verified is remembered, so that a hit is never more than a repetition.
fn remembered(
    scheme: SigningScheme,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
    verify: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let all = hash_of_all(scheme, key, message, signature);
    if HELD.lock().unwrap_or_else(PoisonError::into_inner).contains(&all) {
        return Ok(());
    }
    verify()?;
    remember(all);
    Ok(())
}

/// Verifies with a P-256 key of ours, and lets the crates know when they ask the same again.
pub(super) fn verify_p256(key: &PublicKey, spki: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let holds = key.verify(message, signature, Some(HashAlgorithm::Sha256)).is_ok();
    // A point of P-256 is the end of its SubjectPublicKeyInfo (RFC 5480 section 2.1.1).
    if holds && let Some(point) = spki.len().checked_sub(65).and_then(|start| spki.get(start..)) {
        let digest = HashAlgorithm::Sha256.digest(message);
        remember(hash_of_all(SigningScheme::EcdsaP256Sha256, point, &digest, signature));
    }
    holds
}

fn hash_of_all(scheme: SigningScheme, key: &[u8], message: &[u8], signature: &[u8]) -> [u8; 32] {
    let mut all = Sha256::new_with_prefix(scheme.name());
    for part in [key, message, signature] {
        all.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        all.update(part);
    }
    all.finalize().into()
}

fn remember(all: [u8; 32]) {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    if held.len() >= MAX_REMEMBERED_SIGNATURES {
        held.clear();
    }
    held.push(all);
}

fn wrong() -> Error {
    Error::Verification(String::new())
}

fn unsupported(scheme: SigningScheme) -> Error {
    Error::UnsupportedAlgorithm(scheme.name().to_owned())
}

/// One of the hashes, as the crates feed it.
struct Hash<D>(D);

impl<D: Digest + Send> HashContext for Hash<D> {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self: Box<Self>) -> Vec<u8> {
        self.0.finalize().to_vec()
    }
}
