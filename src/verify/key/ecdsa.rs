//! ECDSA over the NIST curves.
//!
//! Signatures are strict DER (RFC 3279 section 2.2.3). A high `s` is accepted, as Go and cosign do.

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::pkcs8::{EncodePublicKey, SubjectPublicKeyInfoRef};

use super::{Algorithm, Fingerprint, HashAlgorithm, KeyError, NotByKey, PublicKey};

/// A point on the curve, which is not the point at infinity: the conversion checks both.
pub(super) fn from_spki<'a, K>(
    spki: SubjectPublicKeyInfoRef<'a>,
    algorithm: impl FnOnce(K) -> Algorithm,
) -> Result<PublicKey, KeyError>
where
    K: TryFrom<SubjectPublicKeyInfoRef<'a>> + EncodePublicKey,
{
    let key = K::try_from(spki).map_err(|_| KeyError::MalformedKey)?;
    // However the point was written, the fingerprint is of the uncompressed one.
    let canonical = key.to_public_key_der().map_err(|_| KeyError::MalformedKey)?;
    Ok(PublicKey { fingerprint: Fingerprint::of(canonical.as_bytes()), algorithm: algorithm(key) })
}

/// A hash longer than the curve's order is cut, a shorter one is a smaller number (FIPS 186-5 section 6.4.2).
pub(super) fn verify<'s, S, K>(
    key: &K,
    hashes: &[HashAlgorithm],
    message: &[u8],
    signature: &'s [u8],
) -> Result<HashAlgorithm, NotByKey>
where
    S: TryFrom<&'s [u8]>,
    K: PrehashVerifier<S>,
{
    let signature = S::try_from(signature).map_err(|_| NotByKey::Malformed)?;
    let holds = |hash: &HashAlgorithm| key.verify_prehash(&hash.digest(message), &signature).is_ok();
    hashes.iter().copied().find(holds).ok_or(NotByKey::WrongKey)
}

/// Whether some bytes are an ECDSA signature for any of the curves, of which P-521 is the largest.
pub(super) fn is_signature(bytes: &[u8]) -> bool {
    p521::ecdsa::DerSignature::try_from(bytes).is_ok()
}
