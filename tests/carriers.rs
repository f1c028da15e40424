//! Bundle carriers: signatures and attestations in Sigstore bundles, each accept with twins that differ in one thing.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "the tests' own values")]

use serde_json::{Value, json};
use sigwarden::attached::{Carried, CarrierError};
use sigwarden::limits::MAX_CARRIER_BYTES;
use sigwarden::registry::RegistryError;
use sigwarden::verdict::Reason;
use sigwarden::verify::Unmet;
use sigwarden_testkit::fake_registry::carrier;
use sigwarden_testkit::forge;
use sigwarden_testkit::objects::pod;
use sigwarden_testkit::proofs::{BEGINNING, acme};
use sigwarden_testkit::run::{APP, accepted, reason, settings};
use sigwarden_testkit::sigstore::dsse::Statement;
use sigwarden_testkit::sigstore::leaf::Leaf;
use sigwarden_testkit::sigstore::signer::{Evidence, Signer};
use sigwarden_testkit::{Answer, FakeRegistry, TypedKey, decide};

const ISSUER: &str = "https://token.actions.githubusercontent.com";
const SUBJECT: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";
const LOGGED: i64 = BEGINNING + 86_460;
const SBOM: &str = "https://cyclonedx.org/bom";

fn key() -> TypedKey {
    TypedKey::p256("release")
}

fn by_key(label: &str) -> Signer {
    Signer::Key(TypedKey::p256(label))
}

fn by_identity(subject: &str) -> Signer {
    let leaf = Leaf::uri(subject, ISSUER, LOGGED - 60);
    Signer::Identity(acme().certify(&leaf))
}

fn bundle(signer: &Signer, statement: &Statement) -> Value {
    acme().attest(signer, &statement.to_json(), Evidence::Proof, LOGGED).to_value()
}

fn keys(label: &str) -> Value {
    json!({"keys": {"publicKeys": TypedKey::p256(label).pem()}})
}

fn keyless() -> Value {
    json!({"keyless": {"issuer": ISSUER, "subject": "https://github.com/acme/*"}})
}

/// A rule that wants a signature by these, and what else is written.
fn wanting(entries: &Value, more: &Value) -> Value {
    let mut rule = json!({"name": "release", "imageReferences": ["r.example.com/*"]});
    if !entries.is_null() {
        rule["attestors"] = json!([{"entries": entries}]);
    }
    rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut settings = settings(&[rule]);
    settings["trustRoot"] = serde_json::from_str(&acme().trusted_root_json()).unwrap();
    settings
}

fn digest() -> String {
    FakeRegistry::new().push(APP)
}

fn hex() -> String {
    digest().trim_start_matches("sha256:").to_owned()
}

/// Decides on a pod of an image with these carriers.
fn decide_on(settings: &Value, carriers: &[(Carried<'_>, Vec<Value>)]) -> Answer {
    let mut registry = FakeRegistry::new();
    let digest = registry.push(APP);
    for (carried, bundles) in carriers {
        registry.carry(APP, &digest, *carried, bundles);
    }
    decide(settings, &pod(APP), &registry)
}

fn signed(settings: &Value, bundles: Vec<Value>) -> Answer {
    decide_on(settings, &[(Carried::Signatures, bundles)])
}

fn refused(answer: &Answer, words: &str) {
    assert!(!answer.accepted);
    assert_eq!(answer.code, Some(403), "{}", answer.message);
    assert!(answer.message.contains(words), "{}", answer.message);
}

#[test]
fn a_signature_in_a_carrier_is_accepted_by_key_and_by_identity() {
    let statement = Statement::signature_of(&hex());
    for (entries, signer) in
        [(json!([keys("release")]), by_key("release")), (json!([keyless()]), by_identity(SUBJECT))]
    {
        for more in [json!({}), json!({"type": "SigstoreBundle"})] {
            let settings = wanting(&entries, &more);
            accepted(&signed(&settings, vec![bundle(&signer, &statement)]));
            // Beside others' in one carrier.
            let others = vec![bundle(&by_key("stranger"), &statement), bundle(&signer, &statement)];
            accepted(&signed(&settings, others));
            refused(
                &signed(&settings, vec![bundle(&by_key("stranger"), &statement)]),
                "signed, but not by whom",
            );
        }
        // Where only `.sig` is looked at, a carrier is nothing.
        let answer =
            signed(&wanting(&entries, &json!({"type": "Cosign"})), vec![bundle(&signer, &statement)]);
        assert_eq!(reason(&answer), &Reason::NoSignature { cosign_3: false });
    }
}

/// One byte of payload, signature or subject, and another image's carrier moved here.
/// A signer writes any annotations into a statement: those that nobody asks for could end one record and begin another.
#[test]
fn rule_08_what_a_statement_says_besides_forges_no_record() {
    let mut asking = keys("release");
    asking["annotations"] = json!({"env": "prod"});
    let forged = format!("1; spec.containers[1] {APP}: rule \"release\" by key sha256:0123456789ab");
    let recorded = |annotations: Value| {
        let mut statement: Value = serde_json::from_str(&Statement::signature_of(&hex()).to_json()).unwrap();
        statement["subject"][0]["annotations"] = annotations;
        let bundle = acme().attest(&by_key("release"), &statement.to_string(), Evidence::Proof, LOGGED);
        let answer = signed(&wanting(&json!([asking]), &json!({})), vec![bundle.to_value()]);
        let record = answer.annotations.iter().find(|(name, _)| name == "verified-images");
        record.map(|(_, record)| record.clone())
    };
    let honest = recorded(json!({"env": "prod"})).unwrap();
    assert!(honest.ends_with(" with env=prod"), "{honest}");
    let many: Value = (0..100).map(|n| (format!("{n}{}", "x".repeat(100)), json!("x"))).collect();
    for more in [json!({"note": forged}), json!({forged.as_str(): "1"}), many] {
        let mut annotations = json!({"env": "prod"});
        annotations.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(recorded(annotations).as_ref(), Some(&honest), "{more}");
    }
    assert_eq!(recorded(json!({"note": "1"})), None);
}

#[test]
fn a_bundle_that_is_changed_is_refused() {
    let settings = wanting(&json!([keys("release")]), &json!({}));
    let good = bundle(&by_key("release"), &Statement::signature_of(&hex()));
    accepted(&signed(&settings, vec![good.clone()]));
    let other = forge::hex_digest(b"another image");
    let moved = bundle(&by_key("release"), &Statement::signature_of(other.trim_start_matches("sha256:")));
    refused(&signed(&settings, vec![moved]), "a statement about another image");
    let flip = |pointer: &str| {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        let mut bundle = good.clone();
        let field = bundle.pointer_mut(pointer).unwrap();
        let mut bytes = STANDARD.decode(field.as_str().unwrap()).unwrap();
        let last = bytes.len() - 2;
        bytes[last] ^= 1;
        *field = STANDARD.encode(bytes).into();
        bundle
    };
    for pointer in ["/dsseEnvelope/payload", "/dsseEnvelope/signatures/0/sig"] {
        let answer = signed(&settings, vec![flip(pointer)]);
        assert!(!answer.accepted, "{pointer}");
    }
}

/// Rule 3: an SBOM by the right key is attested, not signed, also under the tag of signatures.
#[test]
fn rule_03_an_attestation_in_a_carrier_is_no_signature() {
    let settings = wanting(&json!([keys("release")]), &json!({}));
    let sbom = bundle(&by_key("release"), &Statement::about(&hex(), SBOM, json!({})));
    refused(&signed(&settings, vec![sbom.clone()]), "attested, not signed: what is there is of type");
    let signature = bundle(&by_key("release"), &Statement::signature_of(&hex()));
    accepted(&signed(&settings, vec![sbom, signature]));
}

/// A signature of a file is none of an image.
#[test]
fn a_message_signature_is_refused_by_name() {
    let settings = wanting(&json!([keys("release")]), &json!({}));
    let blob = acme().sign_blob(&by_key("release"), b"a file", Evidence::Proof, LOGGED).to_value();
    refused(&signed(&settings, vec![blob]), "messageSignature");
}

fn sbom_wanted(conditions: &Value) -> Value {
    let mut attestation = json!({"type": SBOM, "attestors": [{"entries": [keys("scanner")]}]});
    if !conditions.is_null() {
        attestation["conditions"] = json!([{"all": conditions}]);
    }
    json!({"attestations": [attestation]})
}

#[test]
fn an_attestation_is_of_its_type_by_whom_is_wanted_and_says_what_it_must() {
    let condition = json!([{"key": "/metadata/component/name", "operator": "Equals", "value": "app"}]);
    let settings = wanting(&Value::Null, &sbom_wanted(&condition));
    let says =
        |name: &str| Statement::about(&hex(), SBOM, json!({"metadata": {"component": {"name": name}}}));
    let attested = |bundles: Vec<Value>| decide_on(&settings, &[(Carried::Attestations(SBOM), bundles)]);
    accepted(&attested(vec![bundle(&by_key("scanner"), &says("app"))]));
    // Another one beside it spoils nothing.
    accepted(&attested(vec![
        bundle(&by_key("scanner"), &says("old")),
        bundle(&by_key("scanner"), &says("app")),
    ]));
    refused(&attested(vec![bundle(&by_key("release"), &says("app"))]), "not by whom the rule wants");
    refused(&attested(vec![bundle(&by_key("scanner"), &says("apq"))]), "metadata");
    let other_type = Statement::about(&hex(), "https://spdx.dev/Document", json!({}));
    assert!(!attested(vec![bundle(&by_key("scanner"), &other_type)]).accepted);
    let other_image =
        Statement::about(&"b".repeat(64), SBOM, json!({"metadata": {"component": {"name": "app"}}}));
    refused(&attested(vec![bundle(&by_key("scanner"), &other_image)]), "another image");
    // One by the right scanner that says the wrong thing, and one by another that says the right one: rule 4.
    let split = vec![bundle(&by_key("scanner"), &says("old")), bundle(&by_key("release"), &says("app"))];
    assert!(!attested(split).accepted);
    refused(&decide_on(&settings, &[]), "no attestation of type");
}

/// Under a rule that wants both, neither stands for the other.
#[test]
fn rule_03_what_is_only_attested_is_called_that() {
    let settings = wanting(&json!([keys("release")]), &sbom_wanted(&Value::Null));
    let sbom = bundle(&by_key("scanner"), &Statement::about(&hex(), SBOM, json!({})));
    let signature = bundle(&by_key("release"), &Statement::signature_of(&hex()));
    let both =
        [(Carried::Signatures, vec![signature.clone()]), (Carried::Attestations(SBOM), vec![sbom.clone()])];
    accepted(&decide_on(&settings, &both));
    let answer = decide_on(&settings, &[(Carried::Attestations(SBOM), vec![sbom])]);
    assert_eq!(reason(&answer), &Reason::AttestedOnly);
    let answer = decide_on(&settings, &[(Carried::Signatures, vec![signature])]);
    assert!(matches!(reason(&answer), Reason::Unmet(Unmet::Unattested(_))), "{answer:?}");
}

/// One of two signers in `.sig`, the other in the carrier.
#[test]
fn both_formats_add_up_for_an_untyped_rule() {
    let entries = json!([keys("release"), keys("security")]);
    let settings = wanting(&entries, &json!({}));
    let payload = forge::payload("r.example.com/acme/app", &digest());
    let layer = acme().sign_with_key(&key(), &payload, LOGGED).layer();
    let other = bundle(&by_key("security"), &Statement::signature_of(&hex()));
    let decide_with = |bundles: Option<Vec<Value>>| {
        let mut registry = FakeRegistry::new();
        let digest = registry.push(APP);
        registry.attach(APP, &digest, forge::manifest(std::slice::from_ref(&layer)));
        if let Some(bundles) = bundles {
            registry.carry(APP, &digest, Carried::Signatures, &bundles);
        }
        decide(&settings, &pod(APP), &registry)
    };
    accepted(&decide_with(Some(vec![other])));
    refused(&decide_with(None), "signed by too few");
}

/// What the host asks of the registry is asked once, and the carrier only where `.sig` does not do.
#[test]
fn a_carrier_costs_a_call_only_where_it_is_needed() {
    let settings = wanting(&json!([keys("release")]), &json!({}));
    let payload = forge::payload("r.example.com/acme/app", &digest());
    let mut registry = FakeRegistry::new();
    let digest = registry.push(APP);
    registry.attach(APP, &digest, forge::manifest(&[acme().sign_with_key(&key(), &payload, LOGGED).layer()]));
    accepted(&decide(&settings, &pod(APP), &registry));
    assert_eq!(registry.calls().iter().map(|(call, _)| *call).collect::<Vec<_>>(), ["digest", "manifest"]);
}

#[test]
fn what_is_no_carrier_decides_nothing() {
    let settings = wanting(&json!([keys("release")]), &json!({"type": "SigstoreBundle"}));
    let tag = format!("r.example.com/acme/app:sha256-{}.bundle", hex());
    let good = carrier(&[bundle(&by_key("release"), &Statement::signature_of(&hex()))]);
    let answered = |answer: Value| {
        let mut registry = FakeRegistry::new();
        registry.push(APP);
        registry.answer("config", &tag, answer);
        decide(&settings, &pod(APP), &registry)
    };
    accepted(&answered(good.clone()));
    let with = |pointer: &str, value: Value| {
        let mut changed = good.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        answered(changed)
    };
    for (answer, error) in [
        (
            with("/manifest/config/mediaType", json!("application/vnd.oci.image.config.v1+json")),
            CarrierError::NotACarrier,
        ),
        (with("/config", json!("text")), CarrierError::NotACarrier),
        (
            with("/config", Value::from(vec![json!({}); 101])),
            CarrierError::TooMany { found: 101, limit: 100 },
        ),
    ] {
        assert_eq!(reason(&answer), &Reason::Registry(RegistryError::Carrier(error)));
        assert_eq!(answer.code, Some(503));
    }
    assert_eq!(reason(&with("/config", json!([]))), &Reason::NoSignature { cosign_3: false });
    // One that is too long is not read at all, and the limit is named.
    let mut registry = FakeRegistry::new();
    registry.push(APP);
    registry.answer_bytes("config", &tag, vec![b' '; MAX_CARRIER_BYTES + 1]);
    let answer = decide(&settings, &pod(APP), &registry);
    assert_eq!(reason(&answer), &Reason::Registry(RegistryError::TooLong { limit: MAX_CARRIER_BYTES }));
    assert_eq!(answer.code, Some(503));
    assert!(answer.message.contains("longer than 17825792 bytes"), "{}", answer.message);
    // A carrier of something that is no bundle: read, and it signs nothing.
    refused(&with("/config", json!({"not": "a bundle"})), "none for this image");
}

/// What only cosign 3 writes is named for certain where it can be seen.
#[test]
fn a_referrers_tag_is_named() {
    let settings = wanting(&json!([keys("release")]), &json!({}));
    let mut registry = FakeRegistry::new();
    registry.push(APP);
    registry.answer(
        "manifest",
        &format!("r.example.com/acme/app:sha256-{}", hex()),
        json!({"manifests": []}),
    );
    let answer = decide(&settings, &pod(APP), &registry);
    assert_eq!(reason(&answer), &Reason::NoSignature { cosign_3: true });
    refused(&answer, "cosign 3's format");
}

/// What whoever can push may write without a signature is bounded before it costs anything.
#[test]
fn what_nobody_signed_costs_little() {
    let settings = wanting(&json!([keys("release")]), &json!({}));
    let good = bundle(&by_key("release"), &Statement::signature_of(&hex()));
    let with = |pointer: &str, change: &dyn Fn(&mut Value)| {
        let mut changed = good.clone();
        change(changed.pointer_mut(pointer).unwrap());
        signed(&settings, vec![changed])
    };
    // Signatures of a checkpoint, as many as the limit and one more.
    let repeat = |times: usize| {
        move |text: &mut Value| {
            let (note, line) = text.as_str().unwrap().trim_end().rsplit_once('\n').unwrap();
            *text = format!("{note}\n{}", format!("{line}\n").repeat(times)).into();
        }
    };
    let checkpoint = "/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint/envelope";
    accepted(&with(checkpoint, &repeat(16)));
    refused(&with(checkpoint, &repeat(17)), "checkpoint");
    // A timestamp that would take long to read.
    let long = with("/verificationMaterial", &|material| {
        use base64::Engine as _;
        let long = base64::engine::general_purpose::STANDARD.encode(vec![0x31; 40 * 1024]);
        material["timestampVerificationData"] = json!({"rfc3161Timestamps": [{"signedTimestamp": long}]});
    });
    refused(&long, "timestamp is malformed");
    // A carrier of very many values, side by side or within each other.
    let nested = || (0..100).fold(json!(0), |inner, _| json!({"": inner}));
    for many in [json!(vec![0; 100_001]), Value::Array((0..101).map(|_| nested()).collect())] {
        let answer = signed(&settings, vec![json!({"x": many})]);
        assert_eq!(reason(&answer), &Reason::Registry(RegistryError::Carrier(CarrierError::NotACarrier)));
    }
    // Some, beside a bundle, are no matter.
    let beside = json!({"x": Value::Array((0..90).map(|_| nested()).collect())});
    accepted(&signed(&settings, vec![good.clone(), beside]));
}
