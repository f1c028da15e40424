//! Keys that the cluster keeps: read from the object that is named and from no other, counted like any other
//! keys, and a denial whenever they cannot be had.

#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sigwarden::registry::KeySourceError;
use sigwarden::settings::{Problem, Settings};
use sigwarden::verdict::Reason;
use sigwarden::verify::{KeyError, Unmet};
use sigwarden_testkit::objects::{pod, pod_of};
use sigwarden_testkit::run::{APP, entry, reason, rule, settings};
use sigwarden_testkit::{FakeRegistry, Key, decide};

const IN_SHOP: &str = "Secret shop/release";

/// Settings of one attestor set.
fn with_set(set: &Value) -> Value {
    let mut rule = rule(&["r.example.com/*"], &Key::new("unused"));
    rule["attestors"] = json!([set]);
    settings(&[rule])
}

fn from(kind: &str, object: &Value) -> Value {
    json!({"keys": {kind: object, "rekor": {"ignoreTlog": true}}})
}

fn from_secret() -> Value {
    from("secret", &json!({"name": "release", "namespace": "shop"}))
}

fn secret(text: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "data": {"cosign.pub": STANDARD.encode(text)}})
}

/// A registry with the app signed by some keys, and the Secret `shop/release` with some text.
fn registry(signers: &[&Key], text: &str) -> FakeRegistry {
    let mut registry = FakeRegistry::new();
    registry.push_signed(APP, signers);
    registry.store("Secret", "shop", "release", secret(text));
    registry
}

#[test]
fn keys_of_a_secret_and_of_a_config_map_are_trusted_where_they_are_named() {
    let key = Key::new("release");
    let k8s = json!({"keys": {"publicKeys": "k8s://shop/release", "rekor": {"ignoreTlog": true}}});
    for entry in [from_secret(), k8s] {
        let settings = with_set(&json!({"entries": [entry]}));
        assert!(decide(&settings, &pod(APP), &registry(&[&key], &key.pem())).accepted);
        let stranger = registry(&[&Key::new("stranger")], &key.pem());
        assert!(matches!(
            reason(&decide(&settings, &pod(APP), &stranger)),
            Reason::Unmet(Unmet::Shortfall(_))
        ));
    }
    let mut registry = registry(&[&key], "");
    registry.store("ConfigMap", "keys", "all", json!({"data": {"ours": key.pem()}}));
    let config_map = from("configMap", &json!({"name": "all", "namespace": "keys", "key": "ours"}));
    let settings = with_set(&json!({"entries": [config_map]}));
    assert!(decide(&settings, &pod(APP), &registry).accepted);
}

/// In the request's own namespace, whoever may write Secrets there would choose who is trusted.
#[test]
fn rule_14_the_namespace_is_written_out() {
    for kind in ["secret", "configMap"] {
        let settings = with_set(&json!({"entries": [from(kind, &json!({"name": "release"}))]}));
        let error = Settings::parse(&settings).unwrap_err();
        assert!(error.path().ends_with(&format!("keys.{kind}.namespace")), "{error}");
        assert_eq!(error.problem(), &Problem::Missing { what: "a reference to an object" });
    }
}

#[test]
fn rule_01_keys_that_cannot_be_had_are_a_denial() {
    let key = Key::new("release");
    let settings = with_set(&json!({"entries": [from_secret()]}));
    let mut registry = registry(&[&key], &key.pem());
    for words in ["", "forbidden", "timed out", "not found", "manifest unknown"] {
        registry.fail("object", IN_SHOP, words);
        let answer = decide(&settings, &pod(APP), &registry);
        assert!(matches!(reason(&answer), Reason::Keys(KeySourceError::NotReadable { .. })), "{answer:?}");
        assert_eq!(answer.code, Some(503));
    }
    // The last one is good but for its length.
    let mut long = secret(&key.pem()).to_string().into_bytes();
    long.resize(sigwarden::limits::MAX_OBJECT_BYTES, b' ');
    registry.answer_bytes("object", IN_SHOP, long.clone());
    assert!(decide(&settings, &pod(APP), &registry).accepted);
    long.push(b' ');
    for bytes in [&b""[..], b"[", b"\xff", &long] {
        registry.answer_bytes("object", IN_SHOP, bytes.to_vec());
        let answer = decide(&settings, &pod(APP), &registry);
        assert!(matches!(reason(&answer), Reason::Keys(KeySourceError::NotReadable { .. })), "{answer:?}");
    }
    for object in [
        json!(null),
        json!([]),
        json!({}),
        json!({"data": null}),
        json!({"data": {}}),
        json!({"data": {"cosign.pub": null}}),
        json!({"data": {"cosign.pub": [key.pem()]}}),
        json!({"data": {"cosign.key": key.pem()}}),
        json!({"stringData": {"cosign.pub": key.pem()}}),
    ] {
        registry.answer("object", IN_SHOP, object);
        let answer = decide(&settings, &pod(APP), &registry);
        assert!(matches!(reason(&answer), Reason::Keys(KeySourceError::NoField { .. })), "{answer:?}");
        assert_eq!(answer.code, Some(403));
    }
}

#[test]
fn rule_02_a_secret_without_keys_is_met_by_nothing() {
    let settings = with_set(&json!({"entries": [from_secret()]}));
    let key = Key::new("release");
    let private = key.private_pem();
    for (text, error) in [
        ("", KeyError::NoPem),
        ("no key", KeyError::NoPem),
        ("-----BEGIN PUBLIC KEY-----", KeyError::MalformedPem),
        (private.as_str(), KeyError::PrivateKey),
    ] {
        let answer = decide(&settings, &pod(APP), &registry(&[&key], text));
        let Reason::Keys(KeySourceError::Key { error: found, .. }) = reason(&answer) else {
            panic!("{answer:?}")
        };
        assert_eq!(found, &error);
        assert_eq!(answer.code, Some(403));
        // What a Secret holds is never shown.
        assert!(private.lines().all(|line| !answer.message.contains(line)), "{}", answer.message);
        assert!(!answer.message.contains("no key"), "{}", answer.message);
    }
}

/// What the settings could not see: the cluster's keys may be those that are written, or each other.
#[test]
fn rule_05_a_key_that_two_sources_hold_counts_once() {
    let (a, b) = (Key::new("a"), Key::new("b"));
    let twice = format!("{}{}", a.pem(), a.compressed_pem());
    let both = format!("{}{}", a.pem(), b.pem());
    let written = entry(&a);
    let nested = json!({"attestor": {"entries": [from_secret()]}});
    for (set, text) in [
        (json!({"count": 2, "entries": [written, from_secret()]}), a.pem()),
        (json!({"entries": [written, from_secret()]}), a.compressed_pem()),
        (json!({"count": 2, "entries": [from_secret()]}), twice.clone()),
        (json!({"entries": [from_secret()]}), twice),
        (json!({"count": 2, "entries": [written, nested]}), a.pem()),
        (json!({"count": 2, "entries": [from_secret(), from_secret()]}), a.pem()),
        (json!({"entries": [from_secret()]}), both.clone()),
    ] {
        let settings = with_set(&set);
        let answer = decide(&settings, &pod(APP), &registry(&[&a, &a], &text));
        assert!(matches!(reason(&answer), Reason::Unmet(Unmet::Shortfall(_))), "{set} {}", answer.message);
    }
    // The twins, with a signer more.
    for (set, text) in [
        (json!({"count": 2, "entries": [written, from_secret()]}), b.pem()),
        (json!({"count": 2, "entries": [written, from_secret()]}), both.clone()),
        (json!({"entries": [from_secret()]}), both),
    ] {
        assert!(decide(&with_set(&set), &pod(APP), &registry(&[&a, &b], &text)).accepted, "{set}");
    }
    let three = with_set(&json!({"count": 3, "entries": [from_secret()]}));
    let answer = decide(&three, &pod(APP), &registry(&[&a, &b], &b.pem()));
    assert_eq!(reason(&answer), &Reason::Keys(KeySourceError::TooFewKeys));
}

#[test]
fn a_secret_is_read_once_and_only_where_a_rule_binds() {
    let key = Key::new("release");
    let settings = with_set(&json!({"entries": [from_secret()]}));
    let mut registry = registry(&[&key], &key.pem());
    registry.push_signed("r.example.com/acme/b:1", &[&key]);
    let reads = |registry: &FakeRegistry| {
        registry.calls().iter().filter(|(operation, _)| *operation == "object").count()
    };
    assert!(decide(&settings, &pod("nginx"), &registry).accepted);
    assert_eq!(reads(&registry), 0);
    assert!(decide(&settings, &pod_of(&[APP, "r.example.com/acme/b:1", APP]), &registry).accepted);
    assert_eq!(reads(&registry), 1);
}
