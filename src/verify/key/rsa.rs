//! RSA: PKCS#1 v1.5 and PSS (RFC 8017 section 8).
//!
//! Moduli of 2048 to 4096 bits with the exponent 65537, which is what openssl, cosign and the key services
//! make. Go would take any odd exponent below 2^31; a small one only makes mistakes in paddings worse.
//!
//! The crate's known weakness (RUSTSEC-2023-0071, Marvin) is in operations with a private key. There is none here.

use p256::pkcs8::der::asn1::{AnyRef, UintRef};
use p256::pkcs8::der::{Decode, Error, Reader, SliceReader};
use p256::pkcs8::{ObjectIdentifier, SubjectPublicKeyInfoRef};
use rsa::traits::{PublicKeyParts, SignatureScheme};
use rsa::{BoxedUint, Pkcs1v15Sign, Pss, RsaPublicKey};
use sha2::{Sha256, Sha384, Sha512};

use super::{Algorithm, Fingerprint, HashAlgorithm, KeyError, NotByKey, PublicKey};

/// rsaEncryption.
pub(super) const OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

const SIZES: core::ops::RangeInclusive<u32> = 2048..=4096;
const EXPONENT: &[u8] = &[1, 0, 1];

/// The parameters must be NULL (RFC 3279 section 2.3.1).
pub(super) fn from_spki(spki: SubjectPublicKeyInfoRef<'_>) -> Result<PublicKey, KeyError> {
    if spki.algorithm.parameters != Some(AnyRef::NULL) {
        return Err(KeyError::MalformedKey);
    }
    from_pkcs1(spki.subject_public_key.as_bytes().ok_or(KeyError::MalformedKey)?)
}

/// `RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }` (RFC 8017 appendix A.1.1).
pub(super) fn from_pkcs1(der: &[u8]) -> Result<PublicKey, KeyError> {
    let (modulus, exponent) = numbers(der).map_err(|_| KeyError::MalformedKey)?;
    let (modulus, exponent) = (modulus.as_bytes(), exponent.as_bytes());
    let leading_zeros = modulus.first().map_or(0, |byte| byte.leading_zeros());
    let bits =
        u32::try_from(modulus.len()).unwrap_or(u32::MAX).saturating_mul(8).saturating_sub(leading_zeros);
    if !SIZES.contains(&bits) {
        return Err(KeyError::RsaSize(bits));
    }
    if exponent != EXPONENT {
        return Err(KeyError::RsaExponent);
    }
    let number = BoxedUint::from_be_slice_vartime;
    let key = RsaPublicKey::new(number(modulus), number(exponent)).map_err(|_| KeyError::MalformedKey)?;
    // One key has one fingerprint: DER leaves no choice, and PKCS #1 is what SubjectPublicKeyInfo contains.
    let fingerprint = Fingerprint::of_parts(OID, Some(AnyRef::NULL), der)?;
    Ok(PublicKey { algorithm: Algorithm::Rsa(Box::new(key)), fingerprint })
}

fn numbers(der: &[u8]) -> Result<(UintRef<'_>, UintRef<'_>), Error> {
    let mut reader = SliceReader::new(der)?;
    let numbers = reader.sequence(|body| Ok::<_, Error>((UintRef::decode(body)?, UintRef::decode(body)?)))?;
    reader.finish()?;
    Ok(numbers)
}

/// What key services sign with for keys of this size, unless told otherwise.
pub(super) fn hashes(key: &RsaPublicKey) -> &'static [HashAlgorithm] {
    match key.n().bits_vartime() {
        ..3072 => &[HashAlgorithm::Sha256],
        3072..4096 => &[HashAlgorithm::Sha256, HashAlgorithm::Sha384],
        4096.. => &[HashAlgorithm::Sha256, HashAlgorithm::Sha512],
    }
}

/// PKCS#1 v1.5 first, which is what cosign and most key services sign with, then PSS.
pub(super) fn verify(
    key: &RsaPublicKey,
    hashes: &[HashAlgorithm],
    message: &[u8],
    signature: &[u8],
) -> Result<HashAlgorithm, NotByKey> {
    if signature.len() != key.size() {
        return Err(NotByKey::Malformed);
    }
    let holds = |hash: &HashAlgorithm| {
        let digest = hash.digest(message);
        pkcs1v15(key, *hash, &digest, signature) || pss(key, *hash, &digest, signature)
    };
    hashes.iter().copied().find(holds).ok_or(NotByKey::WrongKey)
}

fn pkcs1v15(key: &RsaPublicKey, hash: HashAlgorithm, digest: &[u8], signature: &[u8]) -> bool {
    let scheme = match hash {
        HashAlgorithm::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
        HashAlgorithm::Sha384 => Pkcs1v15Sign::new::<Sha384>(),
        HashAlgorithm::Sha512 => Pkcs1v15Sign::new::<Sha512>(),
    };
    key.verify(scheme, digest, signature).is_ok()
}

/// Whether a signature over a hash is by a key in PKCS #1 form, with one padding: as the Sigstore crates ask.
pub(in crate::verify) fn verifies(
    key: &[u8],
    hash: HashAlgorithm,
    is_pss: bool,
    digest: &[u8],
    signature: &[u8],
) -> bool {
    match from_pkcs1(key).map(|key| key.algorithm) {
        Ok(Algorithm::Rsa(key)) if is_pss => pss(&key, hash, digest, signature),
        Ok(Algorithm::Rsa(key)) => pkcs1v15(&key, hash, digest, signature),
        _ => false,
    }
}

/// The salt is as long as the hash, as in TLS, JWS and the key services; MGF1 has the same hash.
fn pss(key: &RsaPublicKey, hash: HashAlgorithm, digest: &[u8], signature: &[u8]) -> bool {
    match hash {
        HashAlgorithm::Sha256 => Pss::<Sha256>::new().verify(key, digest, signature),
        HashAlgorithm::Sha384 => Pss::<Sha384>::new().verify(key, digest, signature),
        HashAlgorithm::Sha512 => Pss::<Sha512>::new().verify(key, digest, signature),
    }
    .is_ok()
}

/// Whether some bytes have the length of a signature by any key.
pub(super) fn is_signature(bytes: &[u8]) -> bool {
    (256..=512).contains(&bytes.len())
}
