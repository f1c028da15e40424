//! The single faults of keyless signatures.

use sigwarden_testkit::sigstore::bundle::Bundle;
use sigwarden_testkit::sigstore::fault::Fault;

use sigwarden_testkit::typed::TypedKey;

use crate::{NOW, alice, judge, judge_key, refused, sigstore};

const SCT: &str = "SCT signature verification failed";
const SET: &str = "SET verification failed";
/// In the order of the faults.
const REASONS: [&str; Fault::ALL.len()] = [
    "",
    "CertExpired",
    "CertNotValidYet",
    "UnknownIssuer",
    "InvalidSignatureForPublicKey",
    "EndEntityUsedAsCa",
    "RequiredEkuNotFound",
    "RequiredEkuNotFound",
    "missing SCT extension",
    SCT,
    SCT,
    SCT,
    "signature verification failed",
    "signature verification failed",
    "must have an inclusion promise",
    "must have an inclusion promise",
    SET,
    SET,
    SET,
    SET,
    SET,
    "No log key valid",
    "No log key valid",
    "signature in bundle does not match signature in Rekor entry",
    "certificate in bundle does not match certificate in Rekor entry",
    "artifact hash mismatch",
    "rekord",
    "hash mismatch",
    "does not match any trusted TSA",
    "CertExpired",
];

#[test]
fn each_fault_is_refused_for_its_own_reason() {
    for ((name, fault), because) in Fault::ALL.into_iter().zip(REASONS) {
        let signed = sigstore().sign_badly(&alice(), "a payload", NOW + 5, fault);
        let root = sigstore().trust_root();
        let verdict = judge(&Bundle::of_layer(&signed), &signed.payload, &root).map(drop);
        if fault == Fault::None {
            assert_eq!(verdict, Ok(()));
        } else {
            assert!(verdict.is_err(), "{name}");
            refused(verdict, because);
        }
        assert_eq!(Fault::named(name), Some(fault));
    }
}

#[test]
fn those_of_the_log_entry_are_refused_for_keys_too() {
    let key = TypedKey::p256("release");
    let root = sigstore().trust_root();
    for ((name, fault), because) in Fault::ALL.into_iter().zip(REASONS) {
        if fault.needs_certificate() {
            continue;
        }
        let signed = sigstore().sign_badly_with_key(&key, "a payload", NOW + 5, fault);
        let verdict = judge_key(&Bundle::of_layer(&signed), &signed.payload, &root, &key).map(drop);
        if fault == Fault::None {
            assert_eq!(verdict, Ok(()));
        } else {
            assert!(verdict.is_err(), "{name}");
            let another_key = fault == Fault::EntryForAnotherCertificate;
            refused(verdict, if another_key { "does not match managed key" } else { because });
        }
    }
}
