//! Keyless signatures, once more: names that are nobody's, and authorities whose own certificates have expired.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "the tests' own values")]

use serde_json::{Value, json};
use sigwarden::time::Time;
use sigwarden::verdict::Reason;
use sigwarden::verify::{CertificateError, EvidenceError, SignatureError, Unmet};
use sigwarden_testkit::forge::{manifest, payload};
use sigwarden_testkit::objects::pod;
use sigwarden_testkit::proofs::BEGINNING;
use sigwarden_testkit::run::{APP, settings};
use sigwarden_testkit::sigstore::Sigstore;
use sigwarden_testkit::sigstore::certificate::Extension;
use sigwarden_testkit::sigstore::der::{context, oid, sequence, utf8};
use sigwarden_testkit::sigstore::layer::Signed;
use sigwarden_testkit::sigstore::leaf::{Identity, Leaf, San};
use sigwarden_testkit::{Answer, FakeRegistry, TypedKey, decide, failures};

/// Why the certificate is refused, by a rule that anybody with an issuer and a name meets.
fn refused(leaf: &Leaf) -> Option<CertificateError> {
    let error = judged(&Sigstore::new("acme", BEGINNING), leaf, BEGINNING + 60, json!({}))?;
    let EvidenceError::Certificate(error) = error else { panic!("{error:?}") };
    Some(error)
}

/// Why the signature that is logged then is refused. The trust root is the Sigstore's, with parts of the entry's own.
fn judged(sigstore: &Sigstore, leaf: &Leaf, logged: i64, own: Value) -> Option<EvidenceError> {
    judged_as(sigstore, &sigstore.certify(leaf), logged, own)
}

fn judged_as(sigstore: &Sigstore, by: &Identity, logged: i64, own: Value) -> Option<EvidenceError> {
    let mut anybody =
        json!({"keyless": {"issuerRegExp": "(https://accounts.example.com)?", "subjectRegExp": "(jane.*)?"}});
    anybody["keyless"].as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    let rule = json!({"imageReferences": ["r.example.com/*"], "attestors": [{"entries": [anybody]}]});
    let mut settings = settings(&[rule]);
    settings["trustRoot"] = sigstore.trust_root().to_value();
    let mut registry = FakeRegistry::new();
    let digest = registry.push(APP);
    let signed = sigstore.sign_as(by, &payload("r.example.com/acme/app", &digest), logged);
    registry.attach(APP, &digest, manifest(&[signed.layer()]));
    let answer = decide(&settings, &pod(APP), &registry);
    if answer.accepted {
        return None;
    }
    let [(_, failure)] = failures(&answer) else { panic!("{answer:?}") };
    let Reason::Unmet(Unmet::Shortfall(shortfall)) = failure.reason() else { panic!("{answer:?}") };
    let Some(SignatureError::Evidence(error)) = &shortfall.missing[0].because else { panic!("{answer:?}") };
    Some((**error).clone())
}

fn jane() -> Leaf {
    Leaf::email("jane@example.com", "https://accounts.example.com", BEGINNING)
}

#[test]
fn an_empty_name_or_issuer_is_nobodys() {
    assert_eq!(refused(&jane()), None);
    for san in [San::Email(String::new()), San::Uri(String::new()), San::OtherName(String::new())] {
        assert_eq!(refused(&Leaf { sans: vec![san], ..jane() }), Some(CertificateError::NoName));
    }
    let none = || Some(String::new());
    for leaf in [
        Leaf { issuer: none(), issuer_v1: none(), ..jane() },
        Leaf { issuer: none(), issuer_v1: None, ..jane() },
        Leaf { issuer: None, issuer_v1: none(), ..jane() },
    ] {
        assert_eq!(refused(&leaf), Some(CertificateError::NoIssuer));
    }
}

/// A name of a kind of its own is Fulcio's for user names, and no other.
#[test]
fn another_kind_of_name_is_nobodys() {
    let other = |kind: &str| {
        let name = context(0, &[oid(kind), context(0, &utf8("jane"))].concat());
        let san = Extension::new("2.5.29.17", true, sequence(&[&name]));
        refused(&Leaf { sans: Vec::new(), extensions: vec![san], ..jane() })
    };
    assert_eq!(other("1.3.6.1.4.1.57264.1.7"), None);
    assert_eq!(other("1.3.6.1.4.1.57264.1.8"), Some(CertificateError::NoName));
    // The user principal name of other directories.
    assert_eq!(other("1.3.6.1.4.1.311.20.2.3"), Some(CertificateError::NoName));
}

/// Rule 15: an authority certifies while all of its chain is valid, be it in the trust root or in the entry's `roots`.
#[test]
fn rule_15_an_authority_that_had_expired_certifies_nobody() {
    let end = BEGINNING + 300;
    let mut expired = Sigstore::new("acme", BEGINNING);
    let root = &mut expired.fulcio.root;
    root.certificate.not_after = end;
    root.der = root.certificate.signed(&root.key);
    let other = Sigstore { fulcio: Sigstore::new("other", BEGINNING).fulcio, ..expired.clone() };
    let roots = json!({"roots": expired.fulcio.chain_pem()});
    let error = EvidenceError::NoAuthority(Time::from_unix(u64::try_from(end + 1).unwrap()));
    // In the trust root; in place of the trust root's.
    for (trusted, own) in [(&expired, json!({})), (&other, roots)] {
        let judge = |logged| {
            let mut by = expired.clone();
            by.fulcio = trusted.fulcio.clone();
            let by_expired = expired.certify(&jane());
            judged_as(&by, &by_expired, logged, own.clone())
        };
        assert_eq!(judge(end), None);
        assert_eq!(judge(end + 1), Some(error.clone()));
    }
}

#[test]
fn a_key_that_is_revoked_signs_for_nobody() {
    let (sigstore, leaf) = (Sigstore::new("acme", BEGINNING), jane());
    let judge = |revoked: &TypedKey| {
        let mut settings = believing(&sigstore, json!([{"keyless": identity()}]));
        settings["revoked"] = json!({"keys": [revoked.pem()]});
        let answer = decided(&settings, |p| sigstore.sign(&leaf, p, BEGINNING + 60));
        (answer.accepted, answer.message.contains("the key is revoked"))
    };
    assert_eq!(judge(&leaf.key), (false, true));
    assert_eq!(judge(&TypedKey::p256("other")), (true, false));
}

fn identity() -> Value {
    json!({"issuer": "https://accounts.example.com", "subject": "jane@example.com"})
}

fn believing(sigstore: &Sigstore, entries: Value) -> Value {
    let rule = json!({"imageReferences": ["r.example.com/*"], "attestors": [{"entries": entries}]});
    let mut settings = settings(&[rule]);
    settings["trustRoot"] = sigstore.trust_root().to_value();
    settings
}

fn decided(settings: &Value, sign: impl Fn(&str) -> Signed) -> Answer {
    let mut registry = FakeRegistry::new();
    let digest = registry.push(APP);
    registry.attach(APP, &digest, manifest(&[sign(&payload("r.example.com/acme/app", &digest)).layer()]));
    decide(settings, &pod(APP), &registry)
}

/// Rule 14: what begins alike is not below.
#[test]
fn rule_14_a_prefix_ends_at_a_slash() {
    let sigstore = Sigstore::new("acme", BEGINNING);
    for item in [
        json!({"keylessPrefix": [{"issuer": "https://accounts.example.com", "urlPrefix": "https://github.com/acme"}]}),
        json!({"keylessPrefix": [{"issuer": "https://accounts.example.com", "url_prefix": "https://github.com/acme/"}]}),
    ] {
        let mut item = item;
        item["image"] = json!("r.example.com/*");
        let settings = json!({"signatures": [item], "trustRoot": sigstore.trust_root().to_value()});
        let by = |subject: &str| {
            let leaf = Leaf::uri(subject, "https://accounts.example.com", BEGINNING);
            decided(&settings, |p| sigstore.sign(&leaf, p, BEGINNING + 60)).accepted
        };
        assert!(by("https://github.com/acme/app") && by("https://github.com/acme/"));
        assert!(!by("https://github.com/acme-evil/app") && !by("https://github.com/acm"));
        assert!(!by("https://github.com/acme"), "what is called as the prefix is not below it");
    }
}
