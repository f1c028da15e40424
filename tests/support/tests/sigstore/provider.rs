//! The cryptography that the library verifies with.

#![expect(clippy::wildcard_enum_match_arm, reason = "what the library may learn is refused")]

use ed25519_dalek::Verifier as _;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use rsa::{BoxedUint, Pkcs1v15Sign, RsaPublicKey};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use sigstore_crypto::{CryptoProvider, Error, HashContext, KeyAlgorithm, Result, SigningScheme};
use sigstore_types::HashAlgorithm;

/// Verifies with the RustCrypto crates; signs nothing.
#[derive(Debug)]
struct RustCrypto;

/// Makes it what the library uses. The first call counts.
pub(crate) fn install() {
    sigstore_crypto::install_default_provider(&RustCrypto).ok();
}

struct Hash<D>(D);

impl<D: sha2::Digest + Send> HashContext for Hash<D> {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self: Box<Self>) -> Vec<u8> {
        self.0.finalize().to_vec()
    }
}

impl CryptoProvider for RustCrypto {
    fn hash(&self, algorithm: HashAlgorithm) -> Result<Box<dyn HashContext>> {
        match algorithm {
            HashAlgorithm::Sha2256 => Ok(Box::new(Hash(Sha256::new()))),
            HashAlgorithm::Sha2384 => Ok(Box::new(Hash(Sha384::new()))),
            HashAlgorithm::Sha2512 => Ok(Box::new(Hash(Sha512::new()))),
            other => Err(Error::UnsupportedAlgorithm(format!("{other:?}"))),
        }
    }

    fn verify_raw(&self, scheme: SigningScheme, key: &[u8], data: &[u8], signature: &[u8]) -> Result<()> {
        let Some(hash) = scheme.hash_algorithm() else {
            let bad = |_| Error::Verification("Ed25519".to_owned());
            let key = ed25519_dalek::VerifyingKey::try_from(key).map_err(bad)?;
            let signature = ed25519_dalek::Signature::from_slice(signature).map_err(bad)?;
            return key.verify(data, &signature).map_err(bad);
        };
        let mut context = self.hash(hash)?;
        context.update(data);
        self.verify_prehashed(scheme, key, &context.finalize(), signature)
    }

    fn verify_prehashed(
        &self,
        scheme: SigningScheme,
        key: &[u8],
        digest: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let good = match scheme.key_algorithm() {
            KeyAlgorithm::EcdsaP256 => p256(key, digest, signature).is_ok(),
            KeyAlgorithm::EcdsaP384 => p384(key, digest, signature).is_ok(),
            KeyAlgorithm::Rsa => rsa_2048(scheme, key, digest, signature),
            other => return Err(Error::UnsupportedAlgorithm(format!("{other:?}"))),
        };
        if good { Ok(()) } else { Err(Error::Verification(scheme.name().to_owned())) }
    }
}

fn p256(key: &[u8], digest: &[u8], signature: &[u8]) -> core::result::Result<(), p256::ecdsa::Error> {
    let signature = p256::ecdsa::Signature::from_der(signature)?;
    p256::ecdsa::VerifyingKey::from_sec1_bytes(key)?.verify_prehash(digest, &signature)
}

fn p384(key: &[u8], digest: &[u8], signature: &[u8]) -> core::result::Result<(), p384::ecdsa::Error> {
    let signature = p384::ecdsa::Signature::from_der(signature)?;
    p384::ecdsa::VerifyingKey::from_sec1_bytes(key)?.verify_prehash(digest, &signature)
}

/// PKCS#1 v1.5 by a key of 2048 bits: `SEQUENCE { INTEGER modulus, INTEGER 65537 }`.
fn rsa_2048(scheme: SigningScheme, key: &[u8], digest: &[u8], signature: &[u8]) -> bool {
    let padding = match scheme {
        SigningScheme::RsaPkcs1Sha256 => Pkcs1v15Sign::new::<Sha256>(),
        SigningScheme::RsaPkcs1Sha384 => Pkcs1v15Sign::new::<Sha384>(),
        SigningScheme::RsaPkcs1Sha512 => Pkcs1v15Sign::new::<Sha512>(),
        _ => return false,
    };
    let modulus = key.get(9..9 + 256).map(BoxedUint::from_be_slice_vartime);
    let key = modulus.and_then(|modulus| RsaPublicKey::new(modulus, BoxedUint::from(65537_u32)).ok());
    key.is_some_and(|key| key.verify(padding, digest, signature).is_ok())
}
