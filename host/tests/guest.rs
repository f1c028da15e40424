//! The compiled module as its host meets it: the three operations, payloads that are none, and how often it asks.
//! What the module imports and exports is looked at in `module.rs`.

#[path = "support/guest.rs"]
mod guest;

use guest::{answer, host, name, policy, validate};
use serde_json::{Value, json};
use sigwarden_host::module::ModuleError;
use sigwarden_host::{Host, Policy};
use sigwarden_testkit::fake_registry::signature_tag;
use sigwarden_testkit::objects::{pod, pod_of};
use sigwarden_testkit::run::{rule, settings};
use sigwarden_testkit::{FakeRegistry, Key, decide};

const A: &str = "r.example.com/acme/a:1";
const B: &str = "r.example.com/acme/b:1";

fn good_settings() -> Value {
    settings(&[rule(&["r.example.com/*"], &Key::new("release"))])
}

fn registry() -> FakeRegistry {
    let mut registry = FakeRegistry::new();
    registry.push_signed(A, &[&Key::new("release")]);
    registry.push_signed(B, &[&Key::new("release")]);
    registry
}

/// The calls for a request that is accepted, as `operation image`.
fn calls(policy: &Policy, settings: &Value, images: &[&str]) -> Vec<String> {
    let host = host(registry());
    let answer = validate(policy, settings, &pod_of(images), &host);
    assert_eq!(answer.get("accepted"), Some(&json!(true)), "{answer}");
    host.calls()
        .iter()
        .map(|call| {
            let (operation, image) = name(call);
            format!("{operation} {image}")
        })
        .collect()
}

#[test]
fn the_protocol_is_v1() {
    let policy = policy();
    assert_eq!(answer(policy.call("protocol_version", b"", &host(registry()))), json!("v1"));
    policy.protocol_version(&host(registry())).unwrap();
    let unknown = policy.call("evaluate", b"{}", &host(registry()));
    assert!(matches!(unknown, Err(ModuleError::Call(_))));
}

#[test]
fn settings_are_validated_without_asking_anybody() {
    let policy = policy();
    let host = host(registry());
    let validate = |settings: &[u8]| answer(policy.call("validate_settings", settings, &host));
    let good = validate(good_settings().to_string().as_bytes());
    assert_eq!((&good["valid"], good.get("message").unwrap_or(&Value::Null)), (&json!(true), &Value::Null));
    for (bad, message) in [
        (
            &b"{}"[..],
            "settings: found no settings; write either `verifyImages` (Kyverno's) or `signatures` (those of verify-image-signatures)",
        ),
        (b"", "settings: not valid JSON"),
        (b"\xff", "settings: not valid JSON"),
        (b"null", "settings: has no value; write a mapping, or remove the field"),
        (&b"[".repeat(1_000_000), "settings: not valid JSON"),
        (&b"{\"a\":".repeat(200_000), "settings: not valid JSON"),
        (&b" ".repeat(2_000_000), "settings: longer than 1572864 bytes"),
    ] {
        assert_eq!(validate(bad), json!({"valid": false, "message": message}));
    }
    assert_eq!(host.calls(), []);
}

#[test]
fn a_payload_that_is_no_request_is_denied() {
    let policy = policy();
    let host = host(registry());
    let request = pod(A).to_string();
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let malformed = "the request is not an AdmissionRequest of Kubernetes";
    for (payload, message, code) in [
        (Vec::new(), malformed, 403),
        (vec![0xff; 100], malformed, 403),
        (vec![0; 100_000], malformed, 403),
        (b"null".to_vec(), malformed, 403),
        (b"{}".to_vec(), malformed, 403),
        (format!(r#"{{"request":{request}}}"#).into_bytes(), malformed, 403),
        (format!(r#"{{"request":{request},"settings":{{}}"#).into_bytes(), malformed, 403),
        (format!(r#"{{"settings":{deep},"request":{request}}}"#).into_bytes(), malformed, 403),
        (format!(r#"{{"settings":{{}},"request":{{"object":{deep}}}}}"#).into_bytes(), malformed, 403),
        (b"{\"a\":".repeat(300_000), malformed, 403),
        (b"{\"a\":".repeat(300_001), "the request has more than 300000 JSON objects and lists", 503),
        (vec![b' '; 8 * 1024 * 1024 + 1], "the request is longer than 8388608 bytes", 503),
        (vec![b'"'; 64 * 1024 * 1024], "the request is longer than 8388608 bytes", 503),
        (
            format!(r#"{{"request":{request},"settings":null}}"#).into_bytes(),
            "the policy's settings are not valid: settings: has no value; write a mapping, or remove the field",
            403,
        ),
    ] {
        let length = payload.len();
        let answer = answer(policy.call("validate", &payload, &host));
        assert_eq!(answer["accepted"], json!(false), "{length} bytes");
        assert_eq!((&answer["message"], &answer["code"]), (&json!(message), &json!(code)), "{length} bytes");
    }
    assert_eq!(host.calls(), []);
}

/// The stack of the module is that of WebAssembly, far smaller than a thread's.
#[test]
fn deep_objects_and_long_texts_are_answered() {
    let policy = policy();
    for depth in [50, 100] {
        let mut request = pod(A);
        let nested = (0..depth).fold(json!("x"), |inner, _| json!([inner]));
        request["object"]["metadata"]["annotations"] = nested;
        let host = host(registry());
        let found = validate(&policy, &good_settings(), &request, &host);
        assert_eq!(found["accepted"], json!(true), "{depth}");
    }
    let mut request = pod(A);
    request["object"]["metadata"]["annotations"] = json!({"long": "é".repeat(2_000_000)});
    let found = validate(&policy, &good_settings(), &request, &host(registry()));
    assert_eq!(found["accepted"], json!(true));
    for image in ["x".repeat(1_000_000), "\u{10ffff}".repeat(100_000), "a/".repeat(300_000)] {
        let found = validate(&policy, &good_settings(), &pod(&image), &host(registry()));
        assert_eq!((&found["accepted"], &found["code"]), (&json!(false), &json!(403)));
    }
}

#[test]
fn answers_of_the_host_that_are_none_are_denied() {
    let policy = policy();
    let digest = registry().push(A);
    for bytes in [
        Vec::new(),
        b"null".to_vec(),
        vec![0xff; 1000],
        b"[".repeat(3000),
        b"[".repeat(4_000_000),
        vec![b' '; 5 * 1024 * 1024],
    ] {
        for (operation, image) in [("digest", A.to_owned()), ("manifest", signature_tag(A, &digest))] {
            let mut registry = registry();
            registry.answer_bytes(operation, &image, bytes.clone());
            let expected = decide(&good_settings(), &pod(A), &registry);
            let found = validate(&policy, &good_settings(), &pod(A), &host(registry));
            assert_eq!((&found["accepted"], &found["code"]), (&json!(false), &json!(503)));
            assert_eq!(found["message"], json!(expected.message));
        }
    }
    // Nothing granted, nothing accepted.
    let refusing = Host::new(sigwarden_host::Grants::default(), sigwarden_host::host::NoBackend);
    let found = validate(&policy, &good_settings(), &pod(A), &refusing);
    assert_eq!((&found["accepted"], &found["code"]), (&json!(false), &json!(503)));
    assert!(found["message"].as_str().unwrap().contains("grant it the host capabilities"), "{found}");
}

#[test]
fn an_image_costs_two_calls_by_tag_one_pinned_none_unmatched() {
    let policy = policy();
    let digest = registry().push(A);
    let tag = format!("manifest {}", signature_tag(A, &digest));
    let pinned = format!("{A}@{digest}");
    let settings = good_settings();
    assert_eq!(calls(&policy, &settings, &[A]), [format!("digest {A}"), tag.clone()]);
    assert_eq!(calls(&policy, &settings, &[&pinned]), std::slice::from_ref(&tag));
    assert_eq!(calls(&policy, &settings, &["nginx", "other.example.com/x:1"]), [""; 0]);
    let mut skipping = settings.clone();
    skipping["verifyImages"][0]["skipImageReferences"] = json!(["r.example.com/acme/*"]);
    assert_eq!(calls(&policy, &skipping, &[A, &pinned]), [""; 0]);
}

#[test]
fn equal_images_are_asked_for_once() {
    let policy = policy();
    let (a, b) = (registry().push(A), registry().push(B));
    let once = [
        format!("digest {A}"),
        format!("manifest {}", signature_tag(A, &a)),
        format!("digest {B}"),
        format!("manifest {}", signature_tag(B, &b)),
    ];
    let settings = good_settings();
    // The same image in other words, and pinned: its signatures are the same.
    let spelt = "R.example.com:443/acme/a:1";
    let pinned = format!("{A}@{a}");
    assert_eq!(calls(&policy, &settings, &[A, B, A, spelt, &pinned, B]), once);
    // Two rules that bind one image read its signatures once.
    let mut second = rule(&["*/acme/*"], &Key::new("release"));
    second["name"] = json!("second");
    let both = json!({"verifyImages": [settings["verifyImages"][0], second]});
    assert_eq!(calls(&policy, &both, &[A]), once[..2]);
}

/// Each evaluation starts anew: what one request learned is not believed in the next.
#[test]
fn nothing_is_remembered_between_requests() {
    let policy = policy();
    let settings = good_settings();
    assert_eq!(calls(&policy, &settings, &[A]).len(), 2);
    assert_eq!(calls(&policy, &settings, &[A]).len(), 2);
    let mut unsigned = FakeRegistry::new();
    unsigned.push(A);
    assert_eq!(validate(&policy, &settings, &pod(A), &host(unsigned))["accepted"], json!(false));
}
