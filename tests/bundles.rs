//! Sigstore bundles: every accept has a twin that is broken in one place and refused for that reason.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]

use serde_json::{Value, json};
use sigwarden::image::ImageDigest;
use sigwarden::limits::MAX_JSON_DEPTH;
use sigwarden::requirement::{RequiredIdentity, SignatureTerms, SignerRequirement};
use sigwarden::verify::{
    BundleError, EvidenceError, EvidenceTerms, IdentityPattern, PublicKey, RevokedSigners, SignatureError,
    Signer, StatementError, TextPattern, TrustRoot, UnverifiedBundle, VerifiedMessage, VerifiedStatement,
};
use sigwarden_testkit::forge::hex_digest;
use sigwarden_testkit::proofs::{BEGINNING, acme, time};
use sigwarden_testkit::sigstore::Sigstore;
use sigwarden_testkit::sigstore::bundle::{Bundle, Content, V0_1, V0_2, V0_3};
use sigwarden_testkit::sigstore::dsse::{Envelope, STATEMENT_V0_1, Statement};
use sigwarden_testkit::sigstore::leaf::Leaf;
use sigwarden_testkit::sigstore::rekor::{Entry, Proof, dsse};
use sigwarden_testkit::sigstore::signer::{Evidence, Signer as By};
use sigwarden_testkit::typed::TypedKey;

const IMAGE: &[u8] = b"image";
const PERSON: &str = "alice@example.com";
const ISSUER: &str = "https://accounts.example.com";
/// When the certificates begin, and when signatures are logged.
const ISSUED: i64 = BEGINNING + 86_400;
const LOGGED: i64 = ISSUED + 60;
const NOW: i64 = LOGGED + 86_400;

fn alice() -> Leaf {
    Leaf::email(PERSON, ISSUER, ISSUED)
}

fn identity() -> By {
    By::Identity(acme().certify(&alice()))
}

fn key() -> By {
    By::Key(TypedKey::p256("release"))
}

fn digest() -> ImageDigest {
    ImageDigest::parse(&hex_digest(IMAGE)).unwrap()
}

fn statement() -> Statement {
    Statement::about(&hex_digest(IMAGE), "https://slsa.dev/provenance/v1", json!({"builder": "x"}))
}

fn public_key(key: &TypedKey) -> PublicKey {
    PublicKey::parse_all(&key.pem()).unwrap().remove(0)
}

fn trust() -> TrustRoot {
    TrustRoot::from_json(&acme().trust_root().to_value())
}

/// Log, timestamp, SCT.
fn terms(log: bool, timestamp: bool, sct: bool) -> EvidenceTerms {
    EvidenceTerms { log, timestamp, sct, trust: trust() }
}

fn pattern(subject: &str) -> IdentityPattern {
    IdentityPattern {
        issuer: vec![TextPattern::Exact(ISSUER.to_owned())],
        subject: vec![TextPattern::Exact(subject.to_owned())],
        claims: Vec::new(),
    }
}

/// Whoever signed, with a log entry.
fn wanting(by: &By) -> SignerRequirement {
    let (identity, sct) = match by {
        By::Key(key) => (RequiredIdentity::Key(public_key(key)), false),
        By::Identity(_) => (RequiredIdentity::Keyless(pattern(PERSON)), true),
    };
    SignerRequirement {
        place: String::new(),
        identity,
        terms: SignatureTerms { evidence: terms(true, false, sct), ..SignatureTerms::default() },
    }
}

fn read(bundle: &Bundle) -> UnverifiedBundle {
    UnverifiedBundle::from_json(bundle.to_json().as_bytes()).unwrap()
}

fn judge(bundle: &Bundle, wanted: &SignerRequirement) -> Result<VerifiedStatement, SignatureError> {
    read(bundle).verify_statement(wanted, digest(), &RevokedSigners::default(), time(NOW))
}

fn judge_message(bundle: &Bundle, wanted: &SignerRequirement) -> Result<VerifiedMessage, SignatureError> {
    read(bundle).verify_message(wanted, IMAGE, &RevokedSigners::default(), time(NOW))
}

fn attested(by: &By, evidence: Evidence) -> Bundle {
    acme().attest(by, &statement().to_json(), evidence, LOGGED)
}

/// Every version with every evidence it can have.
const ALL: [(&str, Evidence); 9] = [
    (V0_1, Evidence::Promise),
    (V0_1, Evidence::Proof),
    (V0_2, Evidence::Proof),
    (V0_2, Evidence::ProofAndTimestamp),
    (V0_2, Evidence::IntotoProof),
    (V0_3, Evidence::Proof),
    (V0_3, Evidence::ProofAndTimestamp),
    (V0_3, Evidence::IntotoProof),
    (V0_3, Evidence::V2),
];

fn of_version(bundle: Bundle, version: &'static str) -> Bundle {
    if version == V0_3 { bundle } else { bundle.version(version) }
}

#[test]
fn every_version_signer_content_and_evidence() {
    for by in [identity(), key()] {
        for (version, evidence) in ALL {
            let bundle = of_version(attested(&by, evidence), version);
            let verified = judge(&bundle, &wanting(&by)).unwrap();
            assert_eq!(verified.digest(), digest());
            assert_eq!(verified.predicate_type(), "https://slsa.dev/provenance/v1");
            assert_eq!(verified.predicate(), &json!({"builder": "x"}));
            match (&by, verified.signer()) {
                (By::Key(key), Signer::Key(found)) => assert_eq!(*found, public_key(key).fingerprint()),
                (By::Identity(_), Signer::Identity(found)) => {
                    assert_eq!((found.issuer(), found.subject()), (ISSUER, PERSON));
                }
                other => panic!("{other:?}"),
            }
            assert_eq!(verified.proven_time(), Some(time(LOGGED)), "{version} {evidence:?}");
            if evidence != Evidence::IntotoProof {
                let signed = acme().sign_blob(&by, IMAGE, evidence, LOGGED);
                let verified = judge_message(&of_version(signed, version), &wanting(&by)).unwrap();
                assert_eq!(verified.proven_time(), Some(time(LOGGED)), "{version} {evidence:?}");
            }
        }
    }
}

#[test]
fn a_byte_of_what_is_signed() {
    for by in [identity(), key()] {
        let bundle = attested(&by, Evidence::Proof);
        let wrong = match by {
            By::Key(_) => SignatureError::WrongKey,
            By::Identity(_) => SignatureError::NotByCertificate,
        };
        let with = |change: &dyn Fn(&mut Envelope)| {
            let mut bundle = bundle.clone();
            let Content::Envelope(envelope) = &mut bundle.content else { panic!("no envelope") };
            change(envelope);
            judge(&bundle, &wanting(&by))
        };
        assert!(with(&|_| ()).is_ok());
        assert_eq!(with(&|envelope| envelope.payload.push(b' ')), Err(wrong.clone()));
        let altered = |from: &str, to: &str| {
            with(&|envelope| {
                let text = String::from_utf8(envelope.payload.clone()).unwrap();
                assert!(text.contains(from));
                envelope.payload = text.replacen(from, to, 1).into_bytes();
            })
        };
        assert_eq!(altered("provenance/v1", "provenance/v2"), Err(wrong.clone()));
        assert_eq!(altered(r#""x""#, r#""y""#), Err(wrong.clone()));
        assert_eq!(altered(&digest().hex(), &"00".repeat(32)), Err(wrong.clone()));
        assert_eq!(with(&|envelope| *envelope.signatures[0].last_mut().unwrap() ^= 1), Err(wrong.clone()));
    }
}

#[test]
fn a_message_is_not_a_statement_and_a_statement_not_a_message() {
    let message = acme().sign_blob(&key(), IMAGE, Evidence::Proof, LOGGED);
    let statement = attested(&key(), Evidence::Proof);
    assert!(judge_message(&message, &wanting(&key())).is_ok());
    assert_eq!(judge(&message, &wanting(&key())), Err(SignatureError::NoStatement));
    assert!(judge(&statement, &wanting(&key())).is_ok());
    assert_eq!(judge_message(&statement, &wanting(&key())), Err(SignatureError::NoMessage));
}

fn evidence<T: core::fmt::Debug>(judged: Result<T, SignatureError>) -> EvidenceError {
    let SignatureError::Evidence(error) = judged.unwrap_err() else { panic!("another reason") };
    *error
}

/// A statement as it is written, by the right key.
fn said(payload: &str) -> Result<VerifiedStatement, SignatureError> {
    judge(&acme().attest(&key(), payload, Evidence::Proof, LOGGED), &wanting(&key()))
}

#[test]
fn a_statement_is_of_a_known_type_and_about_the_image() {
    assert!(said(&statement().to_json()).is_ok());
    let old = Statement { kind: STATEMENT_V0_1.to_owned(), ..statement() };
    assert!(said(&old.to_json()).is_ok());
    let other = Statement { kind: "https://in-toto.io/Statement/v2".to_owned(), ..statement() };
    let because = |error| Err(SignatureError::Statement(error));
    assert_eq!(said(&other.to_json()), because(StatementError::Type(other.kind.clone())));
    let nothing = Statement { subjects: Vec::new(), ..statement() };
    assert_eq!(said(&nothing.to_json()), because(StatementError::NoSubject));
    let another = Statement { subjects: vec![(None, "00".repeat(32))], ..statement() };
    assert_eq!(said(&another.to_json()), Err(SignatureError::OtherSubject));
    let both = Statement { subjects: [another.subjects, statement().subjects].concat(), ..statement() };
    assert!(said(&both.to_json()).is_ok());
    let upper = statement().to_json().replace(&digest().hex(), &digest().hex().to_uppercase());
    assert_eq!(said(&upper), because(StatementError::Digest(digest().hex().to_uppercase())));
}

#[test]
fn what_counts_stands_in_a_statement_once() {
    let text = statement().to_json();
    for (field, twice) in [
        (r#""_type":"#, r#""_type":"x","_type":"#),
        (r#""predicateType":"#, r#""predicateType":"x","predicateType":"#),
        (r#""subject":"#, r#""subject":[],"subject":"#),
        (r#""predicate":"#, r#""predicate":1,"predicate":"#),
        (r#""digest":"#, r#""digest":{},"digest":"#),
        (r#""sha256":"#, r#""sha256":"00","sha256":"#),
    ] {
        assert!(text.contains(field), "{text}");
        let said = said(&text.replacen(field, twice, 1));
        assert!(
            matches!(said, Err(SignatureError::Statement(StatementError::Malformed(_)))),
            "{field} {said:?}"
        );
    }
}

/// A limit of the parser's, which is told of as one.
#[test]
fn a_statement_is_no_deeper_than_it_is_read() {
    let nested = |depth: usize| {
        let inner = (1..depth).fold(json!(1), |inner, _| json!([inner]));
        said(&Statement { predicate: Some(inner), ..statement() }.to_json())
    };
    assert!(nested(MAX_JSON_DEPTH).is_ok());
    let error = nested(MAX_JSON_DEPTH + 1).unwrap_err();
    assert_eq!(error, SignatureError::Statement(StatementError::TooDeep));
    assert_eq!(error.to_string(), "an in-toto statement with more than 127 values within values");
}

#[test]
fn annotations_stand_in_the_subject() {
    let mut wanted = wanting(&key());
    wanted.terms.annotations.insert("env".to_owned(), "prod".to_owned());
    let with = |annotations: Value| {
        let mut value: Value = serde_json::from_str(&statement().to_json()).unwrap();
        value["subject"][0]["annotations"] = annotations;
        judge(&acme().attest(&key(), &value.to_string(), Evidence::Proof, LOGGED), &wanted).map(drop)
    };
    assert_eq!(with(json!({"env": "prod"})), Ok(()));
    assert_eq!(with(json!({"env": "test"})), Err(SignatureError::Annotations));
    assert_eq!(with(Value::Null), Err(SignatureError::Annotations));
}

#[test]
fn an_envelope_has_one_signature_and_a_statement() {
    let good = attested(&key(), Evidence::Proof).to_value();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut value = good.clone();
        change(&mut value);
        UnverifiedBundle::from_value(&value).map(drop)
    };
    assert_eq!(with(&|_| ()), Ok(()));
    let two = |value: &mut Value| {
        let list = value["dsseEnvelope"]["signatures"].as_array_mut().unwrap();
        list.push(list[0].clone());
    };
    assert_eq!(with(&two), Err(BundleError::Signatures(2)));
    let none = |value: &mut Value| value["dsseEnvelope"]["signatures"] = json!([]);
    assert_eq!(with(&none), Err(BundleError::Signatures(0)));
    let text = |value: &mut Value| value["dsseEnvelope"]["payloadType"] = json!("text/plain");
    assert_eq!(with(&text), Err(BundleError::PayloadType("text/plain".to_owned())));
    let both = |value: &mut Value| value["messageSignature"] = json!({"signature": "AAAA"});
    assert!(matches!(with(&both), Err(BundleError::NotOne(2, _))));
    let chain = |value: &mut Value| {
        let material = value["verificationMaterial"].as_object_mut().unwrap();
        material.remove("publicKey");
        material.insert("x509CertificateChain".to_owned(), json!({"certificates": [{"rawBytes": "AAAA"}]}));
    };
    assert_eq!(with(&chain), Err(BundleError::Certificates));
    let unknown =
        |value: &mut Value| value["mediaType"] = json!("application/vnd.dev.sigstore.bundle.v0.4+json");
    assert!(matches!(with(&unknown), Err(BundleError::Malformed(_))));
    let many = |value: &mut Value| {
        let entries = &mut value["verificationMaterial"]["tlogEntries"];
        *entries = Value::Array(vec![entries[0].clone(); 9]);
    };
    assert_eq!(with(&many), Err(BundleError::TooMany("log entries", 8)));
}

#[test]
fn another_key_and_another_identity() {
    let bundle = attested(&key(), Evidence::Proof);
    let other = By::Key(TypedKey::p256("other"));
    assert_eq!(judge(&bundle, &wanting(&other)), Err(SignatureError::WrongKey));
    assert_eq!(evidence(judge(&bundle, &wanting(&identity()))), EvidenceError::NoCertificate);
    let bundle = attested(&identity(), Evidence::Proof);
    let mut bob = wanting(&identity());
    bob.identity = RequiredIdentity::Keyless(pattern("bob@example.com"));
    assert!(matches!(judge(&bundle, &bob), Err(SignatureError::OtherIdentity(_))));
    let late = acme().attest(&identity(), &statement().to_json(), Evidence::Proof, ISSUED + 601);
    let expired = EvidenceError::Expired { not_after: time(ISSUED + 600), at: time(ISSUED + 601) };
    assert_eq!(evidence(judge(&late, &wanting(&identity()))), expired);
}

#[test]
fn every_entry_proves_that_the_log_has_this_signature() {
    for by in [identity(), key()] {
        for (log, kind) in [(acme().rekor, Evidence::Proof), (acme().rekor_v2, Evidence::V2)] {
            let good = attested(&by, kind);
            let with = |change: &dyn Fn(&mut Entry)| {
                let mut bundle = good.clone();
                change(&mut bundle.entries[0]);
                judge(&bundle, &wanting(&by))
            };
            let proof =
                |change: &dyn Fn(&mut Proof)| evidence(with(&|entry| change(entry.proof.as_mut().unwrap())));
            assert!(with(&|_| ()).is_ok());
            assert_eq!(evidence(with(&|entry| entry.proof = None)), EvidenceError::NoInclusionProof);
            assert_eq!(proof(&|proof| proof.hashes[0][0] ^= 1), EvidenceError::InclusionProof);
            assert_eq!(proof(&|proof| drop(proof.hashes.pop())), EvidenceError::InclusionProof);
            let evil = Sigstore::new("evil", BEGINNING);
            let evil = if kind == Evidence::V2 { evil.rekor_v2 } else { evil.rekor };
            let body = good.entries[0].body.clone();
            assert_eq!(proof(&|proof| *proof = evil.prove(&body, 5, 11)), EvidenceError::Checkpoint);
            let other = log.prove(b"another", 5, 11).checkpoint;
            let found = proof(&|proof| proof.checkpoint.clone_from(&other));
            let v2 = EvidenceError::InclusionProof;
            assert_eq!(found, if kind == Evidence::V2 { v2 } else { EvidenceError::Checkpoint });
            let mut none = good.clone();
            none.entries.clear();
            assert_eq!(evidence(judge(&none, &wanting(&by))), EvidenceError::NoLogEntry);
            // A second entry must hold as well.
            let mut two = good.clone();
            two.entries.push(good.entries[0].clone());
            assert!(judge(&two, &wanting(&by)).is_ok());
            two.entries[1].proof.as_mut().unwrap().hashes[0][0] ^= 1;
            assert_eq!(evidence(judge(&two, &wanting(&by))), EvidenceError::InclusionProof);
        }
        let set = |version: &'static str| {
            let mut bundle = of_version(attested(&by, Evidence::Proof), version);
            *bundle.entries[0].set.as_mut().unwrap().last_mut().unwrap() ^= 1;
            evidence(judge(&bundle, &wanting(&by)))
        };
        assert_eq!(set(V0_1), EvidenceError::SignedEntryTimestamp);
        assert_eq!(set(V0_3), EvidenceError::SignedEntryTimestamp);
        let mut promise = attested(&by, Evidence::Promise).version(V0_1);
        promise.entries[0].set = None;
        assert_eq!(evidence(judge(&promise, &wanting(&by))), EvidenceError::NoInclusionProof);
    }
}

#[test]
fn an_entry_is_of_this_signature_signer_and_payload() {
    let By::Key(release) = key() else { panic!("no key") };
    let envelope = Envelope::signed(&statement().to_json(), &release);
    let bundle = acme().wrap(&key(), envelope.clone(), Evidence::Proof, LOGGED);
    let of = |envelope: &Envelope, pem: &str| {
        let entry = acme().rekor.take(&dsse(envelope, pem), LOGGED, 1).proven(&acme().rekor);
        judge(&Bundle { entries: vec![entry], ..bundle.clone() }, &wanting(&key()))
    };
    assert!(of(&envelope, &release.pem()).is_ok());
    assert_eq!(evidence(of(&envelope, &TypedKey::p256("other").pem())), EvidenceError::OtherKey);
    let mut other = envelope.clone();
    other.signatures[0][8] ^= 1;
    assert_eq!(evidence(of(&other, &release.pem())), EvidenceError::OtherSignature);
    let mut other = envelope.clone();
    other.payload.push(b' ');
    assert_eq!(evidence(of(&other, &release.pem())), EvidenceError::OtherPayload);
    let mut two = envelope.clone();
    two.sign(&TypedKey::p256("other"));
    assert_eq!(evidence(of(&two, &release.pem())), EvidenceError::MalformedLogEntry("signatures"));
    // An entry for a file with the same bytes is not for an envelope.
    let mut blob = acme().sign_blob(&key(), &envelope.pae(), Evidence::Proof, LOGGED);
    blob.content = bundle.content.clone();
    let found = evidence(judge(&blob, &wanting(&key())));
    assert_eq!(found, EvidenceError::UnfitLogEntry("hashedrekord 0.0.1"));
}

#[test]
fn timestamps_are_over_this_signature_by_a_known_authority() {
    let good = attested(&identity(), Evidence::V2);
    let with = |token: Vec<u8>| {
        evidence(judge(&Bundle { timestamps: vec![token], ..good.clone() }, &wanting(&identity())))
    };
    let Content::Envelope(envelope) = &good.content else { panic!("no envelope") };
    let signature = &envelope.signatures[0];
    assert_eq!(with(acme().tsa.stamp(b"another", LOGGED)), EvidenceError::OtherTimestamp);
    let evil = Sigstore::new("evil", BEGINNING).tsa.stamp(signature, LOGGED);
    assert_eq!(with(evil), EvidenceError::UnknownTimestampAuthority);
    let late = EvidenceError::Expired { not_after: time(ISSUED + 600), at: time(ISSUED + 601) };
    assert_eq!(with(acme().tsa.stamp(signature, ISSUED + 601)), late);
    assert_eq!(with(b"no timestamp".to_vec()), EvidenceError::MalformedTimestamp);
}

#[test]
fn rule_15_no_identity_without_a_proven_time() {
    let judged = |by: &By, kind, log, timestamp| {
        let mut wanted = wanting(by);
        let sct = wanted.terms.evidence.sct;
        wanted.terms.evidence = terms(log, timestamp, sct);
        judge(&attested(by, kind), &wanted).map(|verified| verified.proven_time())
    };
    let proven = Ok(Some(time(LOGGED)));
    // An entry that is not asked for proves nothing.
    for kind in [Evidence::None, Evidence::Proof] {
        assert_eq!(evidence(judged(&identity(), kind, false, false)), EvidenceError::NoProvenTime);
        assert_eq!(judged(&key(), kind, false, false), Ok(None));
        assert_eq!(evidence(judged(&identity(), kind, false, true)), EvidenceError::NoTimestamp);
        assert_eq!(evidence(judged(&key(), kind, false, true)), EvidenceError::NoTimestamp);
    }
    for kind in [Evidence::Timestamp, Evidence::V2, Evidence::ProofAndTimestamp] {
        assert_eq!(judged(&identity(), kind, false, false), proven);
        assert_eq!(judged(&identity(), kind, false, true), proven);
        assert_eq!(judged(&key(), kind, false, true), proven);
    }
    // Rekor v2 says no time: enough for a key, whose entry was asked for and is there.
    let mut silent = attested(&identity(), Evidence::V2);
    silent.timestamps.clear();
    assert_eq!(evidence(judge(&silent, &wanting(&identity()))), EvidenceError::NoProvenTime);
    let mut silent = attested(&key(), Evidence::V2);
    silent.timestamps.clear();
    assert_eq!(judge(&silent, &wanting(&key())).unwrap().proven_time(), None);
}
