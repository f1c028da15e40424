//! Sigstore bundles: every accept has a twin that is broken in one place and refused for that reason.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "the tests' own values")]

use serde_json::json;
use sigwarden::image::ImageDigest;
use sigwarden::requirement::{RequiredIdentity, SignatureTerms, SignerRequirement};
use sigwarden::time::Time;
use sigwarden::verify::{
    EvidenceTerms, IdentityPattern, PublicKey, RevokedSigners, SignatureError, Signer, TextPattern,
    TrustRoot, UnverifiedBundle, VerifiedMessage, VerifiedStatement,
};
use sigwarden_testkit::forge::hex_digest;
use sigwarden_testkit::sigstore::Sigstore;
use sigwarden_testkit::sigstore::bundle::{Bundle, Content, V0_1, V0_2, V0_3};
use sigwarden_testkit::sigstore::dsse::{Envelope, Statement};
use sigwarden_testkit::sigstore::leaf::Leaf;
use sigwarden_testkit::sigstore::signer::{Evidence, Signer as By};
use sigwarden_testkit::typed::TypedKey;

const IMAGE: &[u8] = b"image";
const PERSON: &str = "alice@example.com";
const ISSUER: &str = "https://accounts.example.com";
/// When the Sigstore of these tests began: the first of January 2025.
const BEGINNING: i64 = 1_735_689_600;
/// When the certificates begin, and when signatures are logged.
const ISSUED: i64 = BEGINNING + 86_400;
const LOGGED: i64 = ISSUED + 60;
const NOW: i64 = LOGGED + 86_400;

fn sigstore() -> Sigstore {
    Sigstore::new("acme", BEGINNING)
}

fn alice() -> Leaf {
    Leaf::email(PERSON, ISSUER, ISSUED)
}

fn identity() -> By {
    By::Identity(sigstore().certify(&alice()))
}

fn key() -> By {
    By::Key(TypedKey::p256("release"))
}

fn digest() -> ImageDigest {
    ImageDigest::parse(&hex_digest(IMAGE)).unwrap()
}

fn time(seconds: i64) -> Time {
    Time::from_unix(u64::try_from(seconds).unwrap())
}

fn statement() -> Statement {
    Statement::about(&hex_digest(IMAGE), "https://slsa.dev/provenance/v1", json!({"builder": "x"}))
}

fn public_key(key: &TypedKey) -> PublicKey {
    PublicKey::parse_all(&key.pem()).unwrap().remove(0)
}

fn trust() -> TrustRoot {
    TrustRoot::from_json(&sigstore().trust_root().to_value())
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
    sigstore().attest(by, &statement().to_json(), evidence, LOGGED)
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
                let signed = sigstore().sign_blob(&by, IMAGE, evidence, LOGGED);
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
    let message = sigstore().sign_blob(&key(), IMAGE, Evidence::Proof, LOGGED);
    let statement = attested(&key(), Evidence::Proof);
    assert!(judge_message(&message, &wanting(&key())).is_ok());
    assert_eq!(judge(&message, &wanting(&key())), Err(SignatureError::NoStatement));
    assert!(judge(&statement, &wanting(&key())).is_ok());
    assert_eq!(judge_message(&statement, &wanting(&key())), Err(SignatureError::NoMessage));
}
