//! Annotations: a payload cannot be read, only rebuilt, so what a signature may carry must be written in the
//! settings, and its bytes must be those that Go writes.

#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use serde_json::{Map, Value, json};
use sigwarden::payload::PayloadError;
use sigwarden::settings::{Problem, Settings};
use sigwarden::verdict::Reason;
use sigwarden::verify::Unmet;
use sigwarden_testkit::forge::{self, manifest, payload};
use sigwarden_testkit::objects::pod;
use sigwarden_testkit::run::{APP, REPOSITORY, entry, reason, release, rule, settings, shortfall};
use sigwarden_testkit::{Answer, FakeRegistry, Key, decide};

/// Bytes of a payload for [`APP`] without annotations.
const BARE: u64 = 238;

/// Settings whose one entry requires and knows some annotations; `null` for a field that is not written.
fn with(required: Value, known: Value) -> Value {
    let mut rule = rule(&["r.example.com/*"], &release());
    for (field, value) in [("annotations", required), ("knownAnnotations", known)] {
        if !value.is_null() {
            rule["attestors"][0]["entries"][0][field] = value;
        }
    }
    settings(&[rule])
}

/// A layer whose payload has these bytes as its `optional`.
fn layer(key: &Key, digest: &str, optional: &str) -> Value {
    let payload =
        payload(REPOSITORY, digest).replace("\"optional\":null", &format!("\"optional\":{optional}"));
    forge::layer(&payload, &key.sign(payload.as_bytes()))
}

/// A registry where the app is signed once for each of these.
fn registry(optionals: &[&str]) -> FakeRegistry {
    let mut registry = FakeRegistry::new();
    let digest = registry.push(APP);
    let layers: Vec<Value> = optionals.iter().map(|optional| layer(&release(), &digest, optional)).collect();
    registry.attach(APP, &digest, manifest(&layers));
    registry
}

fn by(answer: &Answer) -> &str {
    let found = answer.annotations.iter().find(|(name, _)| name == "verified-images");
    found.and_then(|(_, value)| value.split_once(" by ")).map_or("", |(_, by)| by)
}

// Guards `go_string` of payload.rs, for names and values both.
#[test]
fn rule_04_annotations_are_written_as_go_writes_them() {
    for (text, as_go, wrong) in [
        ("prod", &["prod"][..], &["Prod", "pro", "prod ", "\\u0070rod"][..]),
        ("", &[""], &[" "]),
        ("say \"hi\"", &["say \\\"hi\\\""], &["say \\u0022hi\\u0022"]),
        ("a\\b", &["a\\\\b"], &["a\\u005cb"]),
        ("a/b", &["a/b"], &["a\\/b"]),
        ("<&>", &["\\u003c\\u0026\\u003e"], &["<&>", "\\u003C\\u0026\\u003E"]),
        ("\n\r\t", &["\\n\\r\\t"], &["\\u000a\\u000d\\u0009"]),
        ("\u{0}\u{1}\u{1f}", &["\\u0000\\u0001\\u001f"], &["\\u0000\\u0001\\u001F"]),
        ("\u{8}\u{c}", &["\\b\\f", "\\u0008\\u000c"], &["\\b\\u000c", "\\u0008\\u000C"]),
        ("\u{7f}", &["\u{7f}"], &["\\u007f"]),
        ("é日本😀", &["é日本😀"], &["\\u00e9日本😀"]),
        ("\u{2028}\u{2029}", &["\\u2028\\u2029"], &["\u{2028}\u{2029}"]),
        ("\u{feff}", &["\u{feff}"], &["\\ufeff"]),
        ("null", &["null"], &["nul"]),
    ] {
        let settings = [with(json!({"k": text}), Value::Null), with(Value::Null, json!({"k": text}))];
        let names = with(json!({text: "v"}), Value::Null);
        for (written, accepted) in
            as_go.iter().map(|text| (text, true)).chain(wrong.iter().map(|text| (text, false)))
        {
            let value = registry(&[&format!("{{\"k\":\"{written}\"}}")]);
            for settings in &settings {
                let answer = decide(settings, &pod(APP), &value);
                assert_eq!(answer.accepted, accepted, "{text:?} {written:?} {}", answer.message);
            }
            let name = registry(&[&format!("{{\"{written}\":\"v\"}}")]);
            let answer = decide(&names, &pod(APP), &name);
            assert_eq!(answer.accepted, accepted, "{text:?} {written:?} {}", answer.message);
        }
    }
}

// Guards the `BTreeMap` of `SignatureTerms`: Go sorts by the bytes of the names.
#[test]
fn rule_04_annotations_are_sorted_by_name() {
    let settings = with(json!({"b": "2", "a": "1", "B": "3", "aa": "4", "é": "5"}), Value::Null);
    for (optional, accepted) in [
        (r#"{"B":"3","a":"1","aa":"4","b":"2","é":"5"}"#, true),
        (r#"{"a":"1","aa":"4","b":"2","B":"3","é":"5"}"#, false),
        (r#"{"b":"2","a":"1","B":"3","aa":"4","é":"5"}"#, false),
        (r#"{"B":"3","a":"1","aa":"4","b":"2","é":"5" }"#, false),
        (r#"{"B":"3","a":"1","aa":"4","b":"2","é":"5","é":"5"}"#, false),
        (r#"{"B":"3","a":"1","aa":"4","b":2,"é":"5"}"#, false),
    ] {
        assert_eq!(decide(&settings, &pod(APP), &registry(&[optional])).accepted, accepted, "{optional}");
    }
}

// Guards `annotation_sets` beginning with those required: one signature carries them all.
#[test]
fn rule_04_one_signature_carries_every_annotation_required() {
    let settings = with(json!({"env": "prod", "team": "a"}), Value::Null);
    let both = r#"{"env":"prod","team":"a"}"#;
    for (optionals, accepted) in [
        (&[both][..], true),
        (&["null", both], true),
        (&[r#"{"env":"prod"}"#, r#"{"team":"a"}"#], false),
        (&[r#"{"env":"prod"}"#, r#"{"team":"a"}"#, "null"], false),
        (&[r#"{"env":"prod","team":"b"}"#, r#"{"env":"test","team":"a"}"#], false),
        (&[r#"{"env":"prod","team":"a","x":"y"}"#], false),
        (&["{}"], false),
        (&["null"], false),
    ] {
        let answer = decide(&settings, &pod(APP), &registry(optionals));
        assert_eq!(answer.accepted, accepted, "{optionals:?} {}", answer.message);
        if !accepted {
            assert_eq!((shortfall(&answer).attached.for_this_image, answer.code), (0, Some(403)));
        }
    }
    // Each entry asks for its own, of its own signer.
    let (a, b) = (Key::new("a"), Key::new("b"));
    let of = |key: &Key, env: &str| {
        let mut entry = entry(key);
        entry["annotations"] = json!({"env": env});
        entry
    };
    let mut rule = rule(&["*"], &a);
    rule["attestors"] = json!([{"entries": [of(&a, "prod"), of(&b, "test")]}]);
    let [prod, test] = [r#"{"env":"prod"}"#, r#"{"env":"test"}"#];
    for (of_a, of_b, accepted) in
        [(prod, test, true), (test, prod, false), (prod, prod, false), (prod, "null", false)]
    {
        let mut registry = FakeRegistry::new();
        let digest = registry.push(APP);
        registry.attach(APP, &digest, manifest(&[layer(&a, &digest, of_a), layer(&b, &digest, of_b)]));
        let answer = decide(&settings_of(&rule), &pod(APP), &registry);
        assert_eq!(answer.accepted, accepted, "{of_a} {of_b} {}", answer.message);
    }
}

fn settings_of(rule: &Value) -> Value {
    settings(std::slice::from_ref(rule))
}

// Guards `OtherSize` and `OtherContent`: what nobody knows cannot be rebuilt, and is not taken for bad.
#[test]
fn rule_04_an_annotation_that_nobody_knows_makes_a_payload_that_cannot_be_rebuilt() {
    let optional = r#"{"env":"prod"}"#;
    let bytes = BARE + 10;
    let size = |expected: &[u64]| PayloadError::OtherSize { bytes, expected: expected.to_vec() };
    for (settings, error) in [
        (with(Value::Null, Value::Null), size(&[BARE])),
        // Of the same size by chance it is other content.
        (with(json!({"env": "test"}), Value::Null), PayloadError::OtherContent { bytes }),
        (with(Value::Null, json!({"env": "production"})), size(&[BARE, BARE + 16])),
        (with(Value::Null, json!({"env": "test"})), PayloadError::OtherContent { bytes }),
    ] {
        let answer = decide(&settings, &pod(APP), &registry(&[optional]));
        let found = &shortfall(&answer).attached.other_payloads;
        assert_eq!(found, &[error]);
    }
    // The twin: its value is known.
    let answer = decide(&with(Value::Null, json!({"env": "prod"})), &pod(APP), &registry(&[optional]));
    assert!(answer.accepted, "{}", answer.message);
}

// Guards the rest of `annotation_sets`: known annotations are tried, and none of them is required.
#[test]
fn rule_04_known_annotations_may_be_there_and_need_not_be() {
    let settings = with(Value::Null, json!({"env": ["prod", "test"], "team": "a"}));
    for (optional, accepted) in [
        ("null", true),
        (r#"{"env":"prod"}"#, true),
        (r#"{"env":"test"}"#, true),
        (r#"{"team":"a"}"#, true),
        (r#"{"env":"test","team":"a"}"#, true),
        (r#"{"env":"stage"}"#, false),
        (r#"{"team":"prod"}"#, false),
        (r#"{"env":"a"}"#, false),
        (r#"{"env":["prod","test"]}"#, false),
        (r#"{"env":"prod","team":"a","x":"y"}"#, false),
        ("{}", false),
    ] {
        let answer = decide(&settings, &pod(APP), &registry(&[optional]));
        assert_eq!(answer.accepted, accepted, "{optional} {}", answer.message);
    }
    // What is required is required, whatever is known.
    let settings = with(json!({"env": "prod"}), json!({"env": ["test", "prod"], "team": "a"}));
    for (optional, accepted) in [
        (r#"{"env":"prod"}"#, true),
        (r#"{"env":"prod","team":"a"}"#, true),
        (r#"{"env":"test"}"#, false),
        (r#"{"team":"a"}"#, false),
        ("null", false),
    ] {
        let answer = decide(&settings, &pod(APP), &registry(&[optional]));
        assert_eq!(answer.accepted, accepted, "{optional} {}", answer.message);
    }
}

// Guards the `with …` of the response: the audit log says what the signature said.
#[test]
fn rule_08_the_audit_annotation_names_the_annotations() {
    let key = format!("key {}", release().fingerprint());
    let settings = with(json!({"env": "prod"}), json!({"team": ["a", "b\n"]}));
    for (optional, words) in [
        (r#"{"env":"prod"}"#, " with env=prod"),
        (r#"{"env":"prod","team":"a"}"#, " with env=prod with team=a"),
        (r#"{"env":"prod","team":"b\n"}"#, " with env=prod with team=b\\n"),
    ] {
        let answer = decide(&settings, &pod(APP), &registry(&[optional]));
        assert_eq!(by(&answer), format!("{key}{words}"));
    }
}

// Guards `MAX_PAYLOAD_CANDIDATES` in `annotation_sets` and `Candidates::new`: nothing is decided.
#[test]
fn rule_01_too_many_combinations_are_a_denial() {
    let known = |n: usize| {
        let names: Map<String, Value> = (0..n).map(|n| (format!("k{n}"), json!("v"))).collect();
        Value::Object(names)
    };
    let values = |n: usize| -> Vec<String> { (0..n).map(|n| format!("v{n:02}")).collect() };
    let at_limit = with(Value::Null, known(10));
    assert!(decide(&at_limit, &pod(APP), &registry(&["null"])).accepted);
    // One of eleven that are known, and the same by many values, or by names signed under elsewhere.
    let grid: Map<String, Value> = (0..3).map(|n| (format!("k{n}"), json!(values(31)))).collect();
    let mut mapped = at_limit;
    mapped["verifyImages"][0]["signedIdentities"] =
        json!([{"from": "r.example.com/", "signedAs": "ghcr.io/"}]);
    for settings in [with(Value::Null, known(11)), with(Value::Null, Value::Object(grid)), mapped] {
        // Accepted, could it be tried: the signature has no annotations at all.
        let answer = decide(&settings, &pod(APP), &registry(&["null"]));
        assert_eq!((reason(&answer), answer.code), (&Reason::Unmet(Unmet::TooManyCandidates), Some(503)));
        assert!(
            answer
                .message
                .ends_with(": more than 1024 combinations of `knownAnnotations` and `signedIdentities`"),
            "{}",
            answer.message
        );
    }
}

#[test]
fn settings_of_annotations() {
    let at = |settings: &Value| {
        let error = Settings::parse(settings).unwrap_err();
        let place = "verifyImages[0].attestors[0].entries[0].";
        (error.path().strip_prefix(place).unwrap().to_owned(), error.problem().clone())
    };
    for field in ["annotations", "knownAnnotations"] {
        let with = |value: Value| {
            if field == "annotations" { with(value, Value::Null) } else { with(Value::Null, value) }
        };
        assert_eq!(at(&with(json!({}))), (field.to_owned(), Problem::Empty));
        for wrong in [json!([]), json!("x"), json!(1)] {
            assert!(matches!(at(&with(wrong)).1, Problem::Type { .. }));
        }
        for wrong in [json!(1), json!(true), json!({"x": "y"})] {
            let (path, problem) = at(&with(json!({"env": wrong})));
            assert_eq!(path, format!("{field}.env"));
            assert!(matches!(problem, Problem::Type { .. }), "{problem:?}");
        }
        let many: Map<String, Value> = (0..33).map(|n| (n.to_string(), json!("x"))).collect();
        let too_many = Problem::TooMany { found: 33, limit: 32 };
        assert_eq!(at(&with(Value::Object(many))), (field.to_owned(), too_many));
    }
    // A list of values is for those known alone.
    let (path, problem) = at(&with(json!({"env": ["prod"]}), Value::Null));
    assert_eq!(path, "annotations.env");
    assert!(matches!(problem, Problem::Type { .. }));
    assert_eq!(
        at(&with(Value::Null, json!({"env": []}))),
        ("knownAnnotations.env".to_owned(), Problem::Empty)
    );
}
