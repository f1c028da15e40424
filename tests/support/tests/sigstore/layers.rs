//! `.sig` layers, repacked as bundles of version 0.1.

use sigstore_verify::VerificationPolicy;
use sigwarden_testkit::forge::{hex_digest, payload};
use sigwarden_testkit::sigstore::Sigstore;
use sigwarden_testkit::sigstore::bundle::Bundle;
use sigwarden_testkit::sigstore::certificate::SERVER_AUTH;
use sigwarden_testkit::sigstore::layer::{CERTIFICATE, Signed};
use sigwarden_testkit::sigstore::leaf::{GITHUB, Leaf, San, Scts};
use sigwarden_testkit::sigstore::rekor::{hashedrekord, rekord};
use sigwarden_testkit::typed::TypedKey;

use crate::{NOW, PERSON, alice, judge, judge_by, judge_key, refused, sigstore};

fn text() -> String {
    payload("registry.example.com/acme/app", &hex_digest(b"image"))
}

fn verdict(signed: &Signed) -> Result<(), String> {
    judge(&Bundle::of_layer(signed), &signed.payload, &sigstore().trust_root()).map(drop)
}

fn of_leaf(leaf: &Leaf) -> Result<(), String> {
    verdict(&sigstore().sign(leaf, &text(), NOW + 5))
}

#[test]
fn a_signature_is_accepted_with_all_that_was_proven() {
    let signed = sigstore().sign(&alice(), &text(), NOW + 5);
    let result = judge(&Bundle::of_layer(&signed), &signed.payload, &sigstore().trust_root()).unwrap();
    assert!(result.certificate_verified() && result.sct_verified() && result.tlog_verified());
    assert_eq!(result.identity().unwrap().as_str(), PERSON);
    assert_eq!(result.integrated_time().unwrap().as_second(), NOW + 5);
    assert_eq!(signed.annotations().len(), 4);
    assert!(
        signed.layer()["annotations"][CERTIFICATE].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE")
    );
}

#[test]
fn leaves_of_each_type_of_key() {
    for (name, key) in [
        ("P-256", TypedKey::p256("leaf")),
        ("P-384", TypedKey::p384("leaf")),
        ("RSA 2048", TypedKey::rsa_2048()),
        ("Ed25519", TypedKey::ed25519("leaf")),
    ] {
        assert_eq!(of_leaf(&Leaf { key, ..alice() }), Ok(()), "{name}");
    }
}

#[test]
fn an_authority_without_intermediate() {
    let sigstore = sigstore().without_intermediate();
    let signed = sigstore.sign(&alice(), &text(), NOW + 5);
    let bundle = Bundle::of_layer(&signed);
    judge(&bundle, &signed.payload, &sigstore.trust_root()).unwrap();
}

#[test]
fn another_authority() {
    let other = Sigstore::new("evil", NOW - 86_400);
    let signed = other.sign(&alice(), &text(), NOW + 5);
    let bundle = Bundle::of_layer(&signed);
    judge(&bundle, &signed.payload, &other.trust_root()).unwrap();
    let mut root = sigstore().trust_root();
    root.tlogs = other.trust_root().tlogs;
    refused(judge(&bundle, &signed.payload, &root).map(drop), "UnknownIssuer");
}

#[test]
fn names_and_issuers() {
    let uri = Leaf { sans: vec![San::Uri(PERSON.to_owned())], ..alice() };
    assert_eq!(of_leaf(&uri), Ok(()), "the library was asked for no kind of name");
    refused(
        of_leaf(&Leaf { sans: vec![San::Email("bob@example.com".to_owned())], ..alice() }),
        "bob@example.com",
    );
    refused(of_leaf(&Leaf { sans: Vec::new(), ..alice() }), "identity");
    // The library reads the first of several names only.
    let two = |names: [&str; 2]| names.map(|name| San::Email(name.to_owned())).to_vec();
    assert_eq!(of_leaf(&Leaf { sans: two([PERSON, "bob@example.com"]), ..alice() }), Ok(()));
    refused(of_leaf(&Leaf { sans: two(["bob@example.com", PERSON]), ..alice() }), "bob@example.com");
    refused(of_leaf(&Leaf { sans: vec![San::OtherName(PERSON.to_owned())], ..alice() }), "identity");
    refused(of_leaf(&Leaf { issuer: Some("https://evil.example.com".to_owned()), ..alice() }), "issuer");
    assert_eq!(of_leaf(&Leaf { issuer_v1: None, ..alice() }), Ok(()));
}

#[test]
fn validity_and_usages() {
    assert_eq!(of_leaf(&Leaf { not_after: NOW + 5, ..alice() }), Ok(()));
    refused(of_leaf(&Leaf { not_after: NOW + 4, ..alice() }), "CertExpired");
    assert_eq!(of_leaf(&Leaf { not_before: NOW + 5, ..alice() }), Ok(()));
    refused(of_leaf(&Leaf { not_before: NOW + 6, ..alice() }), "CertNotValidYet");
    refused(of_leaf(&Leaf { usages: vec![SERVER_AUTH], ..alice() }), "RequiredEkuNotFound");
    refused(of_leaf(&Leaf { usages: Vec::new(), ..alice() }), "RequiredEkuNotFound");
}

#[test]
fn certificate_timestamps() {
    let of = |scts| of_leaf(&Leaf { scts, ..alice() });
    assert_eq!(of(Scts::At(NOW + 1)), Ok(()));
    refused(of(Scts::At(NOW - 86_401)), "SCT signature verification failed");
    refused(of(Scts::Missing), "missing SCT extension");
    refused(of(Scts::Empty), "no SCTs found");
    refused(of(Scts::OfAnotherLog), "SCT signature verification failed");
    refused(of(Scts::ForAnotherCertificate), "SCT signature verification failed");
    refused(of(Scts::ForAnotherIssuer), "SCT signature verification failed");
    refused(of(Scts::BadSignature), "SCT signature verification failed");
    refused(of(Scts::Two), "multiple SCTs");
    refused(of(Scts::GoodAndOfAnotherLog), "multiple SCTs");
}

#[test]
fn log_entries() {
    let sigstore = sigstore();
    let good = sigstore.sign(&alice(), &text(), NOW + 5);
    assert_eq!(verdict(&good), Ok(()));
    let with = |change: &dyn Fn(&mut Signed)| {
        let mut signed = good.clone();
        change(&mut signed);
        verdict(&signed)
    };
    let set = "SET";
    refused(with(&|signed| signed.entry.as_mut().unwrap().body.push(b' ')), set);
    refused(with(&|signed| signed.entry.as_mut().unwrap().integrated_time += 1), set);
    refused(with(&|signed| signed.entry.as_mut().unwrap().log_index += 1), set);
    refused(with(&|signed| signed.entry.as_mut().unwrap().log_id[0] ^= 1), "key");
    refused(with(&|signed| signed.entry.as_mut().unwrap().set.as_mut().unwrap()[20] ^= 1), set);
    refused(with(&|signed| signed.entry.as_mut().unwrap().set = None), "must have an inclusion promise");
    refused(with(&|signed| signed.entry = None), "must have an inclusion promise");
    refused(with(&|signed| signed.signature[20] ^= 1), "signature");
    refused(with(&|signed| signed.payload[0] ^= 1), "signature");
    let entry = |body: &[u8]| {
        let entry = sigstore.rekor.take(body, NOW + 5, 7);
        with(&|signed| signed.entry = Some(entry.clone()))
    };
    let certificate = good.certificate.as_deref().unwrap();
    assert_eq!(entry(&hashedrekord(&good.signature, certificate, &good.payload)), Ok(()));
    let another = sigstore.sign(&alice(), "another", NOW + 5);
    refused(entry(&hashedrekord(&another.signature, certificate, &good.payload)), "signature");
    refused(entry(&hashedrekord(&good.signature, certificate, b"another")), "hash");
    let bob = sigstore.certify(&Leaf { serial: "bob".to_owned(), ..alice() });
    refused(entry(&hashedrekord(&good.signature, &bob.pem(), &good.payload)), "certificate");
    refused(entry(&rekord(&good.signature, certificate, &good.payload)), "rekord");
}

#[test]
fn a_key_with_a_log_entry() {
    let key = TypedKey::p256("release");
    let signed = sigstore().sign_with_key(&key, &text(), NOW + 5);
    let bundle = Bundle::of_layer(&signed);
    let root = sigstore().trust_root();
    judge_key(&bundle, &signed.payload, &root, &key).unwrap();
    judge_key(&bundle, &signed.payload, &root, &TypedKey::p256("other")).unwrap_err();
}

#[test]
fn the_windows_of_the_trust_root() {
    let signed = sigstore().sign(&alice(), &text(), NOW + 5);
    let bundle = Bundle::of_layer(&signed);
    let judged = |window: (i64, i64), part: usize| {
        let mut root = sigstore().trust_root();
        let window = (Some(window.0), Some(window.1));
        match part {
            0 => root.tlogs[0].window = window,
            1 => root.ctlogs[0].window = window,
            _ => root.authorities[0].window = window,
        }
        judge(&bundle, &signed.payload, &root).map(drop)
    };
    for (part, (first, last)) in [(NOW + 5, NOW + 5), (NOW, NOW), (NOW + 5, NOW + 5)].into_iter().enumerate()
    {
        assert_eq!(judged((first, last), part), Ok(()), "{part}");
        judged((first - 9, last - 1), part).unwrap_err();
        judged((first + 1, last + 9), part).unwrap_err();
    }
}

#[test]
fn a_workflow_of_github() {
    let leaf = Leaf::github("acme/app", "release.yml", "refs/tags/v1", NOW);
    let signed = sigstore().sign(&leaf, &text(), NOW + 5);
    let path = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1";
    let policy = VerificationPolicy::new(path, GITHUB);
    let bundle = Bundle::of_layer(&signed);
    let result = judge_by(&bundle, &signed.payload, &sigstore().trust_root(), &policy).unwrap();
    let certificate = result.certificate().unwrap();
    let claims = format!("{certificate:?}");
    for claim in
        ["github-hosted", "https://github.com/acme", "refs/tags/v1", "public", "Release", "1234", "5678"]
    {
        assert!(claims.contains(&format!("{claim:?}")), "{claim} in {claims}");
    }
}

#[test]
fn a_name_gives_the_same_keys_and_another_name_gives_others() {
    let signed = |name: &str| Sigstore::new(name, NOW - 86_400).sign(&alice(), &text(), NOW).layer();
    assert_eq!(signed("acme"), signed("acme"));
    assert_ne!(signed("acme"), signed("Acme"));
}
