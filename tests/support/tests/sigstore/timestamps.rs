//! RFC 3161 timestamps of `.sig` layers and bundles.

use sigstore_verify::VerificationPolicy;
use sigwarden_testkit::sigstore::bundle::Bundle;
use sigwarden_testkit::sigstore::certificate::{CODE_SIGNING, extended_key_usage};
use sigwarden_testkit::sigstore::layer::{Signed, TIMESTAMP};
use sigwarden_testkit::sigstore::signer::{Evidence, Signer};
use sigwarden_testkit::sigstore::tsa::{Timestamp, Tsa};
use sigwarden_testkit::sigstore::{LIFETIME, Sigstore};
use sigwarden_testkit::typed::TypedKey;

use crate::{ISSUER, NOW, PERSON, alice, judge, judge_by, refused, sigstore};

const TEXT: &str = "some bytes";
const BLOB: &[u8] = TEXT.as_bytes();

/// What is said of a bundle whose time only a timestamp proves.
fn verdict(token: Vec<u8>, by: &Sigstore) -> Result<(), String> {
    let mut bundle = bundle(by);
    bundle.timestamps = vec![token];
    judge_by(&bundle, BLOB, &by.trust_root(), &without_log()).map(drop)
}

fn without_log() -> VerificationPolicy {
    VerificationPolicy::new(PERSON, ISSUER).skip_tlog_unsafe()
}

fn bundle(by: &Sigstore) -> Bundle {
    by.sign_blob(&Signer::Identity(by.certify(&alice())), BLOB, Evidence::Timestamp, NOW + 5)
}

fn signature(by: &Sigstore) -> Vec<u8> {
    by.sign_as(&by.certify(&alice()), TEXT, NOW).signature
}

#[test]
fn a_timestamp_alone_proves_the_time() {
    let sigstore = sigstore();
    let result = judge_by(&bundle(&sigstore), BLOB, &sigstore.trust_root(), &without_log()).unwrap();
    let times: Vec<i64> = result.verified_timestamps().iter().map(|time| time.as_second()).collect();
    assert_eq!((result.tlog_verified(), times), (false, vec![NOW + 5]));
    assert_eq!(verdict(sigstore.tsa.stamp(&signature(&sigstore), NOW + 5), &sigstore), Ok(()));
}

#[test]
fn its_time_is_within_the_certificate() {
    let sigstore = sigstore();
    let at = |time| verdict(sigstore.tsa.stamp(&signature(&sigstore), time), &sigstore);
    assert_eq!(at(NOW), Ok(()));
    refused(at(NOW - 1), "CertNotValidYet");
    assert_eq!(at(NOW + 600), Ok(()));
    refused(at(NOW + 601), "CertExpired");
}

#[test]
fn it_is_over_this_signature_by_this_authority() {
    let sigstore = sigstore();
    refused(verdict(sigstore.tsa.stamp(b"another", NOW), &sigstore), "hash mismatch");
    let evil = Sigstore::new("evil", NOW - 86_400);
    refused(verdict(evil.tsa.stamp(&signature(&sigstore), NOW), &sigstore), "does not match any trusted TSA");
    // The same names and numbers with another key.
    let validity = (sigstore.since, sigstore.since + LIFETIME);
    let twin = Tsa::new(&sigstore.name, TypedKey::p256("evil"), validity);
    refused(verdict(twin.stamp(&signature(&sigstore), NOW), &sigstore), "TSA timestamp verification failed");
    let mut token = sigstore.tsa.stamp(&signature(&sigstore), NOW);
    *token.last_mut().unwrap() ^= 1;
    refused(verdict(token, &sigstore), "TSA timestamp verification failed");
}

#[test]
fn authorities_of_other_keys_and_usages() {
    let mut sigstore = sigstore();
    let validity = (sigstore.since, sigstore.since + LIFETIME);
    sigstore.tsa = Tsa::new("acme", TypedKey::p384("tsa"), validity);
    let timestamp = Timestamp { with_certificate: true, ..Timestamp::of(&signature(&sigstore), NOW) };
    assert_eq!(verdict(sigstore.tsa.response(&timestamp), &sigstore), Ok(()));
    assert_eq!(verdict(sigstore.tsa.token(&timestamp), &sigstore), Ok(()));
    sigstore.tsa = sigstore.tsa.with_signer(|certificate| {
        certificate.extensions[1] = extended_key_usage(&[CODE_SIGNING], true);
    });
    refused(verdict(sigstore.tsa.stamp(&signature(&sigstore), NOW), &sigstore), "RequiredEkuNotFound");
}

#[test]
fn its_authority_has_a_window() {
    let sigstore = sigstore();
    let judged = |window| {
        let mut root = sigstore.trust_root();
        root.timestamp_authorities[0].window = window;
        judge_by(&bundle(&sigstore), BLOB, &root, &without_log()).map(drop)
    };
    assert_eq!(judged((Some(NOW + 5), Some(NOW + 5))), Ok(()));
    refused(judged((Some(NOW + 6), None)), "outside the validity period");
    refused(judged((Some(NOW), Some(NOW + 4))), "outside the validity period");
}

#[test]
fn a_layer_with_entry_and_timestamp() {
    let sigstore = sigstore();
    let mut signed = sigstore.sign(&alice(), TEXT, NOW + 5);
    signed.timestamp = Some(sigstore.tsa.stamp(&signed.signature, NOW + 6));
    let verdict = |signed: &Signed| judge(&Bundle::of_layer(signed), BLOB, &sigstore.trust_root()).map(drop);
    assert_eq!(verdict(&signed), Ok(()));
    let annotation = signed.annotations()[TIMESTAMP].as_str().unwrap().to_owned();
    assert!(annotation.starts_with(r#"{"SignedRFC3161Timestamp":"MII"#), "{annotation}");
    signed.timestamp = Some(sigstore.tsa.stamp(b"another", NOW + 6));
    refused(verdict(&signed), "hash mismatch");
}
