//! Rule 1, fail closed: a host error, an answer that is not understood, a limit reached, no time left. Each test says
//! which line of the source it guards: without that line it fails. The other rules are in rules.rs.

use core::time::Duration;

use serde_json::{Value, json};
use sigwarden::attached::ManifestError;
use sigwarden::limits::{MAX_DIGEST_ANSWER_BYTES, MAX_MANIFEST_BYTES, MAX_SIGNATURES};
use sigwarden::registry::RegistryError;
use sigwarden::verdict::{Denied, ObjectReason, Reason, Verdict};
use sigwarden::verify::Unmet;
use sigwarden::workload::RequestError;
use sigwarden_testkit::fake_registry::{canonical, signature_tag};
use sigwarden_testkit::forge::{manifest, signed};
use sigwarden_testkit::objects::{pod, pod_of};
use sigwarden_testkit::run::{APP, REPOSITORY, policy, reason, release};
use sigwarden_testkit::{Answer, FakeRegistry, Key, decide};

fn decide_app(registry: &FakeRegistry) -> Answer {
    decide(&policy(), &pod(APP), registry)
}

// Guards `resolve(&reference).map_err(…)?` and the `map_err` of `signatures(&image)` in evaluate.rs.
#[test]
fn rule_01_a_host_error_is_a_denial() {
    let mut registry = FakeRegistry::new();
    let digest = registry.push_signed(APP, &[&release()]);
    let tag = signature_tag(APP, &digest);
    for (operation, image) in [("digest", canonical(APP)), ("manifest", tag)] {
        for words in
            ["", "timed out", "Not authorized: url https://r.example.com/", "surprise\nsuccess", "{}"]
        {
            let mut failing = registry.clone();
            failing.fail(operation, &image, words);
            let answer = decide_app(&failing);
            assert!(matches!(reason(&answer), Reason::Registry(_)), "{answer:?}");
            assert_eq!(answer.code, Some(503));
        }
    }
    // An image that is not there is no unsigned image; a signature that is not there makes it one.
    let mut failing = registry.clone();
    failing.fail("digest", &canonical(APP), "manifest unknown");
    assert_eq!(reason(&decide_app(&failing)), &Reason::Registry(RegistryError::NoSuchManifest));
    let mut failing = registry;
    failing.fail("manifest", &signature_tag(APP, &digest), "manifest unknown");
    let answer = decide_app(&failing);
    assert_eq!((reason(&answer), answer.code), (&Reason::NoSignature { cosign_3: false }, Some(403)));
}

// Guards `ask_digest` and `SignatureManifest::parse`.
#[test]
fn rule_01_an_answer_that_is_not_understood_is_a_denial() {
    let digest = FakeRegistry::new().push(APP);
    for bad in [
        json!(null),
        json!({}),
        json!(digest),
        json!({"digest": null}),
        json!({"digest": ""}),
        json!({"digest": digest.to_uppercase()}),
        json!({"digest": digest.trim_start_matches("sha256:")}),
        json!({"digest": format!("{digest}0")}),
        json!({"digest": digest.replace("sha256", "sha512")}),
        json!({"digest": [digest]}),
    ] {
        let mut registry = FakeRegistry::new();
        registry.push_signed(APP, &[&release()]);
        registry.answer("digest", &canonical(APP), bad);
        let answer = decide_app(&registry);
        assert_eq!(reason(&answer), &Reason::Registry(RegistryError::NotUnderstood));
        assert_eq!(answer.code, Some(503));
    }
    for change in [
        |manifest: &mut Value| manifest["schemaVersion"] = json!(1),
        |manifest: &mut Value| manifest["schemaVersion"] = json!(3),
        |manifest: &mut Value| manifest["mediaType"] = json!("application/vnd.oci.image.index.v1+json"),
        |manifest: &mut Value| manifest["mediaType"] = json!(""),
        |manifest: &mut Value| manifest["layers"] = json!(null),
        |manifest: &mut Value| manifest["layers"] = json!({}),
        |manifest: &mut Value| manifest["layers"][0]["size"] = json!(-1),
        |manifest: &mut Value| manifest["layers"][0]["annotations"] = json!([]),
        |manifest: &mut Value| *manifest = json!(null),
        |manifest: &mut Value| *manifest = json!("{}"),
    ] {
        let registry = FakeRegistry::with_manifest(APP, |digest| {
            let mut manifest = manifest(&[signed(&release(), REPOSITORY, digest)]);
            change(&mut manifest);
            manifest
        });
        let answer = decide_app(&registry);
        let not_a_manifest = RegistryError::Manifest(ManifestError::NotAManifest);
        assert_eq!(reason(&answer), &Reason::Registry(not_a_manifest));
        assert_eq!(answer.code, Some(503));
    }
    // Not JSON at all, cut short, nested without end.
    for bytes in [&b""[..], b"{", b"\xff\xfe", &b"[".repeat(200_000), b"{\"schemaVersion\":2,\"layers\":[]}x"]
    {
        let mut registry = FakeRegistry::new();
        let digest = registry.push_signed(APP, &[&release()]);
        registry.answer_bytes("manifest", &signature_tag(APP, &digest), bytes.to_vec());
        let not_a_manifest = RegistryError::Manifest(ManifestError::NotAManifest);
        assert_eq!(reason(&decide_app(&registry)), &Reason::Registry(not_a_manifest));
        registry.answer_bytes("digest", &canonical(APP), bytes.iter().copied().take(1000).collect());
        assert_eq!(reason(&decide_app(&registry)), &Reason::Registry(RegistryError::NotUnderstood));
    }
}

// Guards the length check of `Registry::ask` and `TooManySignatures` in attached/manifest.rs. Both are met by
// good signatures, which only the limit refuses.
#[test]
fn rule_01_a_limit_reached_is_a_denial() {
    let many =
        |n: usize| FakeRegistry::with_layers(APP, |digest| vec![signed(&release(), REPOSITORY, digest); n]);
    assert!(decide_app(&many(MAX_SIGNATURES)).accepted);
    let answer = decide_app(&many(MAX_SIGNATURES + 1));
    let too_many = ManifestError::TooManySignatures { found: 101, limit: MAX_SIGNATURES };
    assert_eq!(reason(&answer), &Reason::Registry(RegistryError::Manifest(too_many)));
    assert_eq!(answer.code, Some(503));

    let padded = |operation: &'static str, bytes: usize| {
        let mut registry = FakeRegistry::new();
        let digest = registry.push_signed(APP, &[&release()]);
        let image = if operation == "digest" { canonical(APP) } else { signature_tag(APP, &digest) };
        let mut answer = registry.ask(operation, &image).unwrap();
        answer.resize(bytes, b' ');
        registry.answer_bytes(operation, &image, answer);
        decide_app(&registry)
    };
    for (operation, limit) in [("digest", MAX_DIGEST_ANSWER_BYTES), ("manifest", MAX_MANIFEST_BYTES)] {
        assert!(padded(operation, limit).accepted);
        let answer = padded(operation, limit + 1);
        assert_eq!(reason(&answer), &Reason::Registry(RegistryError::TooLong { limit }));
        assert_eq!(answer.code, Some(503));
    }
}

// Guards `Verifier::count` in verify/image.rs: the last image would be accepted.
#[test]
fn rule_01_more_verifications_than_the_limit_are_a_denial() {
    let images: Vec<String> = (0..11).map(|index| format!("r.example.com/acme/app{index}:1")).collect();
    let mut registry = FakeRegistry::new();
    let stranger = Key::new("stranger");
    for image in &images {
        let mut keys = vec![&stranger; MAX_SIGNATURES - 1];
        let release = release();
        keys.push(&release);
        registry.push_signed(image, &keys);
    }
    assert!(decide(&policy(), &pod_of(&images[..10]), &registry).accepted);
    let answer = decide(&policy(), &pod_of(&images), &registry);
    assert_eq!(reason(&answer), &Reason::Unmet(Unmet::TooManyVerifications));
    assert_eq!(answer.code, Some(503));
}

// Guards the clock check of `Registry::ask`: what is left when the time is up is not accepted unasked.
#[test]
fn rule_01_no_time_left_is_a_denial() {
    let images = ["r.example.com/acme/a:1", "r.example.com/acme/b:1"];
    let mut registry = FakeRegistry::slow(Duration::from_millis(500));
    for image in images {
        registry.push_signed(image, &[&release()]);
    }
    let answer = decide(&policy(), &pod_of(&images), &registry);
    // Three calls take the whole budget; the fourth would have been the second image's signatures.
    assert_eq!(
        reason(&answer),
        &Reason::Registry(RegistryError::OutOfTime(sigwarden::limits::EVALUATION_BUDGET))
    );
    assert_eq!((answer.code, registry.calls().len()), (Some(503), 3));
}

// Guards `Denied::denial`: a rejection outweighs what could not be decided, and a limit is no rejection.
#[test]
fn rule_01_the_code_tells_a_no_from_no_decision() {
    let mut registry = FakeRegistry::new();
    registry.push("r.example.com/acme/unsigned:1");
    let absent = "r.example.com/acme/absent:1";
    assert_eq!(decide(&policy(), &pod(absent), &registry).code, Some(503));
    let both = pod_of(&["r.example.com/acme/unsigned:1", absent]);
    assert_eq!(decide(&policy(), &both, &registry).code, Some(403));
    assert_eq!(decide(&json!({}), &both, &registry).code, Some(403));

    let images = vec![absent; sigwarden::limits::MAX_IMAGES + 1];
    assert_eq!(decide(&policy(), &pod_of(&images), &registry).code, Some(503));
    let mut long = pod(absent);
    long["options"] = json!("x".repeat(sigwarden::limits::MAX_REQUEST_BYTES));
    let answer = decide(&policy(), &long, &registry);
    let too_long = Verdict::Deny(Denied::Object(ObjectReason::Request(RequestError::TooLong)));
    assert_eq!((answer.verdict, answer.code), (too_long, Some(503)));
    let mut large = pod(absent);
    large["options"] = json!(vec![json!({}); sigwarden::limits::MAX_REQUEST_CONTAINERS]);
    let answer = decide(&policy(), &large, &registry);
    let too_much = Verdict::Deny(Denied::Object(ObjectReason::Request(RequestError::TooMuch)));
    assert_eq!((answer.verdict, answer.code), (too_much, Some(503)));
    assert_eq!(decide(&policy(), &json!({}), &registry).code, Some(403));
}
