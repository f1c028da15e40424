//! Ed25519 and Ed25519ph (RFC 8032 section 5.1), the latter with an empty context.
//!
//! Strict: no small-order points, `S` reduced, `R` and the key encoded canonically.

use ed25519_dalek::{Digest, Sha512, Signature, VerifyingKey};
use p256::pkcs8::{ObjectIdentifier, SubjectPublicKeyInfoRef};

use super::{Algorithm, Fingerprint, HashAlgorithm, KeyError, NotByKey, PublicKey};

/// id-Ed25519 (RFC 8410).
pub(super) const OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The parameters must be absent (RFC 8410 section 3).
pub(super) fn from_spki(spki: SubjectPublicKeyInfoRef<'_>) -> Result<PublicKey, KeyError> {
    let bytes = spki.subject_public_key.as_bytes().ok_or(KeyError::MalformedKey)?;
    if spki.algorithm.parameters.is_some() {
        return Err(KeyError::MalformedKey);
    }
    let key = VerifyingKey::try_from(bytes).map_err(|_| KeyError::MalformedKey)?;
    if key.is_weak() {
        return Err(KeyError::Weak);
    }
    // Another encoding of the same point would be the same key with another fingerprint.
    if key.to_edwards().compress().as_bytes() != bytes {
        return Err(KeyError::MalformedKey);
    }
    Ok(PublicKey {
        algorithm: Algorithm::Ed25519(Box::new(key)),
        fingerprint: Fingerprint::of_parts(OID, None, bytes)?,
    })
}

/// Pure first, as cosign up to 2.5 and openssl sign; then prehashed, as cosign does since 2.6.
pub(super) fn verify(
    key: &VerifyingKey,
    message: &[u8],
    signature: &[u8],
) -> Result<HashAlgorithm, NotByKey> {
    let signature = Signature::from_slice(signature).map_err(|_| NotByKey::Malformed)?;
    let pure = key.verify_strict(message, &signature);
    let prehashed = || key.verify_prehashed_strict(Sha512::new_with_prefix(message), None, &signature);
    pure.or_else(|_| prehashed()).map_err(|_| NotByKey::WrongKey)?;
    Ok(HashAlgorithm::Sha512)
}

/// Whether some bytes have the length of a signature.
pub(super) fn is_signature(bytes: &[u8]) -> bool {
    bytes.len() == ed25519_dalek::SIGNATURE_LENGTH
}
