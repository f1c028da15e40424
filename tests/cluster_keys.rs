//! Rules 2 and 14: which object of the cluster is asked for keys, which of its fields is read, and what is told of
//! it when it has none. That the keys found are counted like any others is tested in secrets.rs.

#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::{Value, json};
use sigwarden::registry::KeySourceError;
use sigwarden::settings::{Problem, Settings};
use sigwarden::verdict::Reason;
use sigwarden::verify::{KeyError, Unmet};
use sigwarden_testkit::objects::pod;
use sigwarden_testkit::run::{APP, entry, reason, rule, settings};
use sigwarden_testkit::{FakeRegistry, Key, decide};

const REFUSED: &str = "it cannot be had";

/// Settings with some `keys`.
fn with_keys(mut keys: Value) -> Value {
    keys["rekor"] = json!({"ignoreTlog": true});
    let mut rule = rule(&["r.example.com/*"], &Key::new("unused"));
    rule["attestors"] = json!([{"entries": [{"keys": keys}]}]);
    settings(&[rule])
}

fn from_secret() -> Value {
    with_keys(json!({"secret": {"name": "release", "namespace": "keys"}}))
}

fn secret(text: &str) -> Value {
    json!({"data": {"cosign.pub": STANDARD.encode(text)}})
}

/// A registry with the app signed by a key.
fn registry(key: &Key) -> FakeRegistry {
    let mut registry = FakeRegistry::new();
    registry.push_signed(APP, &[key]);
    registry
}

/// The objects asked for.
fn objects(registry: &FakeRegistry) -> Vec<String> {
    registry.calls().into_iter().filter(|(call, _)| *call == "object").map(|(_, object)| object).collect()
}

// Guards the namespace and the name handed to the host: that object, no other.
#[test]
fn rule_14_the_object_that_is_named_is_asked_for_and_no_other() {
    let key = Key::new("release");
    for (keys, object) in [
        (json!({"secret": {"name": "release", "namespace": "keys"}}), "Secret keys/release"),
        (json!({"publicKeys": "k8s://keys/release"}), "Secret keys/release"),
        (json!({"publicKeys": " k8s://keys/release\n"}), "Secret keys/release"),
        (json!({"configMap": {"name": "release", "namespace": "keys"}}), "ConfigMap keys/release"),
    ] {
        let settings = with_keys(keys);
        let (kind, place) = object.split_once(' ').unwrap();
        let (namespace, name) = place.split_once('/').unwrap();
        let mut registry = registry(&key);
        // The same name elsewhere, and as the other kind, holds nothing that is looked at.
        for (other_kind, other_namespace, other_name) in [
            (kind, "elsewhere", name),
            (kind, namespace, "other"),
            (if kind == "Secret" { "ConfigMap" } else { "Secret" }, namespace, name),
        ] {
            registry.store(other_kind, other_namespace, other_name, secret(&key.pem()));
        }
        let answer = decide(&settings, &pod(APP), &registry);
        assert!(matches!(reason(&answer), Reason::Keys(KeySourceError::NotReadable { .. })), "{answer:?}");
        assert_eq!(objects(&registry), [object]);

        let text = if kind == "Secret" { STANDARD.encode(key.pem()) } else { key.pem() };
        registry.store(kind, namespace, name, json!({"data": {"cosign.pub": text}}));
        assert!(decide(&settings, &pod(APP), &registry).accepted, "{object}");
    }
    // What the settings name is asked for wherever the request comes from.
    let mut elsewhere = pod(APP);
    elsewhere["namespace"] = Value::Null;
    let mut registry = registry(&key);
    registry.store("Secret", "keys", "release", secret(&key.pem()));
    assert!(decide(&from_secret(), &elsewhere, &registry).accepted);
}

// Guards `data.get(&source.key)`: `cosign.pub` unless another field is named, and that field alone.
#[test]
fn rule_14_the_field_that_is_named_is_read_and_no_other() {
    let (ours, stranger) = (Key::new("ours"), Key::new("stranger"));
    let object = json!({"data": {
        "cosign.pub": STANDARD.encode(stranger.pem()),
        "ours": STANDARD.encode(ours.pem()),
        "cosign.key": STANDARD.encode("encrypted"),
        "cosign.password": STANDARD.encode("hunter2"),
    }});
    for (field, key) in [(Some("ours"), &ours), (Some("cosign.pub"), &stranger), (None, &stranger)] {
        let mut source = json!({"name": "release", "namespace": "keys"});
        if let Some(field) = field {
            source["key"] = json!(field);
        }
        let settings = with_keys(json!({"secret": source}));
        for signer in [&ours, &stranger] {
            let mut registry = registry(signer);
            registry.store("Secret", "keys", "release", object.clone());
            let answer = decide(&settings, &pod(APP), &registry);
            assert_eq!(answer.accepted, signer.pem() == key.pem(), "{field:?} {}", answer.message);
        }
    }
    let absent = with_keys(json!({"secret": {"name": "release", "namespace": "keys", "key": "absent"}}));
    let mut registry = registry(&ours);
    registry.store("Secret", "keys", "release", object);
    let answer = decide(&absent, &pod(APP), &registry);
    let no_field =
        KeySourceError::NoField { source_name: "Secret keys/release".to_owned(), key: "absent".to_owned() };
    assert_eq!((reason(&answer), answer.code), (&Reason::Keys(no_field), Some(403)));
}

// Guards `KeySourceKind` in `read`: a Secret is base64, a ConfigMap is not, and neither is taken for the other.
#[test]
fn rule_02_a_text_in_the_wrong_encoding_is_no_key() {
    let key = Key::new("release");
    let pem = key.pem();
    for (kind, text, error) in [
        ("Secret", STANDARD.encode(&pem), None),
        ("Secret", pem.clone(), Some(KeyError::NoPem)),
        ("Secret", STANDARD_NO_PAD.encode(&pem), Some(KeyError::NoPem)),
        ("Secret", STANDARD.encode(STANDARD.encode(&pem)), Some(KeyError::NoPem)),
        ("Secret", STANDARD.encode([0xff, 0xfe]), Some(KeyError::NoPem)),
        ("Secret", format!("{} ", STANDARD.encode(&pem)), Some(KeyError::NoPem)),
        ("ConfigMap", pem.clone(), None),
        ("ConfigMap", format!("\n  {}\n", pem.replace('\n', "\r\n  ")), None),
        ("ConfigMap", STANDARD.encode(&pem), Some(KeyError::NoPem)),
        ("ConfigMap", format!("# our key\n{pem}"), Some(KeyError::NoPem)),
        ("ConfigMap", format!("{pem}# our key\n"), Some(KeyError::MalformedPem)),
        ("ConfigMap", pem.repeat(400), Some(KeyError::TooLong)),
        ("ConfigMap", format!("{pem}{}", key.private_pem()), Some(KeyError::PrivateKey)),
    ] {
        let field = if kind == "Secret" { "secret" } else { "configMap" };
        let settings = with_keys(json!({field: {"name": "release", "namespace": "keys"}}));
        let mut registry = registry(&key);
        registry.store(kind, "keys", "release", json!({"data": {"cosign.pub": text}}));
        let answer = decide(&settings, &pod(APP), &registry);
        match error {
            None => assert!(answer.accepted, "{kind} {}", answer.message),
            Some(error) => {
                let source_name = format!("{kind} keys/release");
                let key = KeySourceError::Key { source_name, key: "cosign.pub".to_owned(), error };
                assert_eq!((reason(&answer), answer.code), (&Reason::Keys(key), Some(403)));
            }
        }
    }
}

// Guards `host.lines().next()` and that nothing of the data stands in an error: the message is for many eyes.
#[test]
fn what_an_object_holds_is_never_shown() {
    let key = Key::new("release");
    let settings = from_secret();
    let secrets = ["hunter2".to_owned(), STANDARD.encode("hunter2"), "c2VjcmV0".to_owned()];
    let private = key.private_pem();
    let body: Vec<&str> = private.lines().filter(|line| !line.starts_with('-')).collect();
    for data in [
        json!({"cosign.pub": STANDARD.encode("hunter2")}),
        json!({"cosign.pub": "hunter2"}),
        json!({"cosign.pub": STANDARD.encode(&private)}),
        json!({"cosign.pub": private}),
        json!({"cosign.pub": STANDARD.encode(format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", body.concat()))}),
        json!({"cosign.pub": STANDARD.encode("-----BEGIN PUBLIC KEY-----\nc2VjcmV0\n-----END PUBLIC KEY-----\n")}),
        json!({"cosign.pub": {"hunter2": "hunter2"}}),
        json!({"hunter2": "hunter2"}),
    ] {
        let mut registry = registry(&key);
        registry.store("Secret", "keys", "release", json!({"data": data}));
        let answer = decide(&settings, &pod(APP), &registry);
        assert!(matches!(reason(&answer), Reason::Keys(_)), "{answer:?}");
        let shown = |text: &str| answer.message.contains(text);
        assert!(!secrets.iter().any(|text| shown(text)), "{}", answer.message);
        assert!(!body.iter().any(|line| shown(line)), "{}", answer.message);
    }
    // Of the host's words the first line, escaped.
    let mut registry = registry(&key);
    registry.fail(
        "object",
        "Secret keys/release",
        &format!("{REFUSED}\u{1b}[31m\n\nCaused by:\n    hunter2"),
    );
    let answer = decide(&settings, &pod(APP), &registry);
    assert!(answer.message.contains("(it cannot be had\\u{1b}[31m)"), "{}", answer.message);
    assert!(!answer.message.contains("hunter2") && !answer.message.contains("Caused"));
}

// Guards the two arms of `Reason::Keys` in `Reason::denial`: what cannot be read may be there the next time, what
// holds no key is wrong.
#[test]
fn rule_01_no_keys_is_a_no_and_no_answer_is_no_decision() {
    let key = Key::new("release");
    let mut registry = registry(&key);
    registry.fail("object", "Secret keys/release", REFUSED);
    assert_eq!(decide(&from_secret(), &pod(APP), &registry).code, Some(503));
    for object in [json!({}), json!({"data": {}}), secret(""), secret("x")] {
        registry.store("Secret", "keys", "release", object);
        assert_eq!(decide(&from_secret(), &pod(APP), &registry).code, Some(403));
    }
    let mut three = from_secret();
    three["verifyImages"][0]["attestors"][0]["count"] = json!(3);
    registry.store("Secret", "keys", "release", secret(&format!("{}{}", key.pem(), Key::new("b").pem())));
    let answer = decide(&three, &pod(APP), &registry);
    assert_eq!((reason(&answer), answer.code), (&Reason::Keys(KeySourceError::TooFewKeys), Some(403)));
    // No registry is asked for signatures that nobody could have made.
    assert!(registry.calls().iter().all(|(call, _)| *call != "manifest"));
}

// Guards `MAX_ASSIGNMENT_STEPS`: an object of many copies of few keys cannot keep the search going.
#[test]
fn rule_01_a_search_for_signers_without_end_is_a_denial() {
    let keys = ["a", "b", "c", "d"].map(Key::new);
    let mut settings = from_secret();
    for (copies, count, decided) in [(2, 4, true), (2, 5, true), (16, 5, false)] {
        let text: String = keys.iter().flat_map(|key| vec![key.pem(); copies]).collect();
        let mut registry = FakeRegistry::new();
        registry.push_signed(APP, &keys.each_ref());
        registry.store("Secret", "keys", "release", secret(&text));
        settings["verifyImages"][0]["attestors"][0]["count"] = json!(count);
        let answer = decide(&settings, &pod(APP), &registry);
        if !decided {
            assert_eq!(
                (reason(&answer), answer.code),
                (&Reason::Unmet(Unmet::TooManyAssignments), Some(503))
            );
        } else if count == 4 {
            assert!(answer.accepted, "{}", answer.message);
        } else {
            // Each key once, however often it stands there.
            assert!(matches!(reason(&answer), Reason::Unmet(Unmet::Shortfall(_))), "{answer:?}");
        }
    }
}

// Guards `KeysFrom` among the entries: the same rules of `terms` hold for keys that are read.
#[test]
fn rule_04_terms_hold_for_keys_that_the_cluster_keeps() {
    let key = Key::new("release");
    let mut registry = registry(&key);
    registry.store("Secret", "keys", "release", secret(&key.pem()));
    let with = |field: &str, value: Value| {
        let mut settings = from_secret();
        settings["verifyImages"][0]["attestors"][0]["entries"][0][field] = value;
        decide(&settings, &pod(APP), &registry)
    };
    assert!(with("knownAnnotations", json!({"env": "prod"})).accepted);
    assert!(matches!(reason(&with("annotations", json!({"env": "prod"}))), Reason::Unmet(_)));
    assert_eq!(
        reason(&with("repository", json!("sigs.example.com/store"))),
        &Reason::NoSignature { cosign_3: false }
    );
    let mut ended = from_secret();
    ended["verifyImages"][0]["attestors"][0]["entries"][0]["keys"]["notAfter"] = json!("2025-12-31");
    assert!(matches!(reason(&decide(&ended, &pod(APP), &registry)), Reason::Unmet(_)));
    let mut revoked = from_secret();
    revoked["revoked"] = json!({"keys": [key.compressed_pem()]});
    assert!(matches!(reason(&decide(&revoked, &pod(APP), &registry)), Reason::Unmet(_)));
}

#[test]
fn settings_of_objects() {
    let refused = |keys: Value| {
        let error = Settings::parse(&with_keys(keys)).unwrap_err();
        let place = "verifyImages[0].attestors[0].entries[0].keys";
        (error.path().strip_prefix(place).unwrap().to_owned(), error.problem().clone())
    };
    for text in [
        "k8s://",
        "k8s://keys",
        "k8s://keys/",
        "k8s:///release",
        "k8s://keys/a/b",
        "k8s://k$/a",
        "k8s://../a",
    ] {
        assert_eq!(
            refused(json!({"publicKeys": text})),
            (".publicKeys".to_owned(), Problem::ObjectName(text.to_owned()))
        );
    }
    for (field, value) in
        [("name", "a/b"), ("namespace", ""), ("namespace", "."), ("key", "a b"), ("key", "..")]
    {
        let mut object = json!({"name": "release", "namespace": "keys"});
        object[field] = json!(value);
        for kind in ["secret", "configMap"] {
            let problem = Problem::ObjectName(value.to_owned());
            assert_eq!(refused(json!({kind: object})), (format!(".{kind}.{field}"), problem));
        }
    }
    let missing = Problem::Missing { what: "a reference to an object" };
    assert_eq!(refused(json!({"secret": {"namespace": "keys"}})), (".secret.name".to_owned(), missing));
    let pem = Key::new("release").pem();
    let (path, problem) = refused(json!({"secret": {"name": "a", "namespace": "shop"}, "publicKeys": pem}));
    assert_eq!(path, "");
    assert!(matches!(problem, Problem::NotExactlyOne { found: 2, .. }), "{problem:?}");
    // A count may wait for the keys that are found, and not for more than an attestor set may have.
    let mut many = with_keys(json!({"secret": {"name": "a", "namespace": "shop"}}));
    many["verifyImages"][0]["attestors"][0]["count"] = json!(64);
    assert!(Settings::parse(&many).is_ok());
    for count in [0, 65] {
        many["verifyImages"][0]["attestors"][0]["count"] = json!(count);
        assert!(matches!(Settings::parse(&many).unwrap_err().problem(), Problem::Count { .. }), "{count}");
    }
    let mut written = many;
    written["verifyImages"][0]["attestors"] = json!([{"count": 2, "entries": [entry(&Key::new("a"))]}]);
    assert!(matches!(Settings::parse(&written).unwrap_err().problem(), Problem::Count { .. }));
}
