//! Attestations: checked in full when the settings are read, path and problem exactly.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use serde_json::{Value, json};
use sigwarden::condition::{ConditionError, SlsaError, SlsaField};
use sigwarden::requirement::{DeclaredAttestation, SignatureFormat};
use sigwarden::settings::{Problem, Settings};
use sigwarden_testkit::Key;
use sigwarden_testkit::reading::{found, good, refused, with};
use sigwarden_testkit::run::entry;

const PREDICATE: &str = "https://slsa.dev/provenance/v1";

fn attestation() -> Value {
    json!({
        "type": PREDICATE,
        "attestors": [{"entries": [entry(&Key::new("builder"))]}],
        "conditions": [{"all": [{"key": "{{ builder.id }}", "operator": "Equals", "value": "https://ci.example.com"}]}],
    })
}

fn attested(attestation: &Value) -> Value {
    let mut settings = good();
    settings["verifyImages"][0]["attestations"] = json!([attestation]);
    settings
}

#[test]
fn what_is_wrong_around_an_attestation_is_said() {
    let mut settings = attested(&attestation());
    settings["verifyImages"][0]["attestations"][0]["attestors"] = json!([{"entries": []}]);
    refused(&settings, "verifyImages[0].attestations[0].attestors[0].entries", &Problem::Empty);
    let mut settings = attested(&attestation());
    settings["unmatchedImages"] = json!("refuse");
    assert_eq!(found(&settings).0, "unmatchedImages");
    let mut settings = attested(&attestation());
    settings["verifyImages"][0]["attestors"][0]["count"] = json!(2);
    let problem = Problem::Count { found: 2, entries: 1, written: 1 };
    refused(&settings, "verifyImages[0].attestors[0].count", &problem);
}

/// The attestations of the one rule.
fn accepted(settings: &Value) -> Vec<DeclaredAttestation> {
    let parsed = Settings::parse(settings).unwrap_or_else(|error| panic!("{error}"));
    parsed.rules().iter().flat_map(|rule| rule.attestations.clone()).collect()
}

#[test]
fn well_formed_attestations_are_read() {
    let at = "verifyImages[0].attestations";
    let all = accepted(&attested(&attestation()));
    let [one] = &all[..] else { panic!("{all:?}") };
    assert_eq!((one.place.as_str(), one.predicate_type.as_str()), ("attestations[0]", PREDICATE));
    let places: Vec<&str> = one.attestors.iter().map(|set| set.place.as_str()).collect();
    assert_eq!(places, ["attestations[0].attestors[0]"]);
    assert!(one.conditions.is_some() && one.slsa.is_none());
    let older = with(&with(&attestation(), "type", Value::Null), "predicateType", json!(PREDICATE));
    for good in
        [with(&attestation(), "conditions", Value::Null), with(&attestation(), "name", json!("slsa")), older]
    {
        assert_eq!(accepted(&attested(&good)).len(), 1);
    }
    // Alone in a rule as well, which is no rule that asks for nothing.
    let mut alone = attested(&attestation());
    alone["verifyImages"][0].as_object_mut().unwrap().remove("attestors");
    assert_eq!(accepted(&alone).len(), 1);
    alone["verifyImages"][0].as_object_mut().unwrap().remove("attestations");
    refused(&alone, "verifyImages[0].attestors", &Problem::Missing { what: "a rule" });
    // Not by an empty list either.
    alone["verifyImages"][0]["attestations"] = json!([]);
    refused(&alone, at, &Problem::Empty);
}

#[test]
fn rule_02_attestations_without_attestors_are_refused() {
    let at = "verifyImages[0].attestations[0].attestors";
    let missing = Problem::Missing { what: "an attestation" };
    refused(&attested(&with(&attestation(), "attestors", Value::Null)), at, &missing);
    refused(&attested(&with(&attestation(), "attestors", json!([]))), at, &Problem::Empty);
    let nobody = with(&attestation(), "attestors", json!([{"entries": [{}]}]));
    let allowed = vec!["keys", "keyless", "certificates", "attestor"];
    refused(
        &attested(&nobody),
        &format!("{at}[0].entries[0]"),
        &Problem::NotExactlyOne { found: 0, allowed },
    );
}

#[test]
fn attestations_have_one_type() {
    let at = "verifyImages[0].attestations[0]";
    let none = |found| Problem::NotExactlyOne { found, allowed: vec!["type", "predicateType"] };
    refused(&attested(&with(&attestation(), "type", Value::Null)), at, &none(0));
    refused(&attested(&with(&attestation(), "predicateType", json!("x"))), at, &none(2));
    refused(&attested(&with(&attestation(), "type", json!(""))), &format!("{at}.type"), &Problem::Empty);
    refused(
        &attested(&with(&attestation(), "type", json!("{{ x }}"))),
        &format!("{at}.type"),
        &Problem::Variable,
    );
}

fn condition(condition: &Value) -> Value {
    attested(&with(&attestation(), "conditions", json!([{"any": [condition]}])))
}

#[test]
fn conditions() {
    let at = "verifyImages[0].attestations[0].conditions";
    let set = |conditions: Value| attested(&with(&attestation(), "conditions", conditions));
    refused(&set(json!([])), at, &Problem::Empty);
    let none = Problem::NoneOf { what: "an item of `conditions`", allowed: ["any", "all"] };
    refused(&set(json!([{}])), &format!("{at}[0]"), &none);
    refused(&set(json!([{"any": []}])), &format!("{at}[0].any"), &Problem::Empty);
    refused(&set(json!([{"all": []}])), &format!("{at}[0].all"), &Problem::Empty);
    let good = json!({"key": "{{ length(@) }}", "operator": "GreaterThan", "value": 0, "message": "no SBOM"});
    assert_eq!(accepted(&condition(&good)).len(), 1);
    let equals = json!({"key": "/a", "operator": "Equals", "value": 1});
    for value in [json!("168h"), json!(true), json!(["a", "b"]), json!("{x}")] {
        assert_eq!(accepted(&condition(&with(&equals, "value", value))).len(), 1);
    }
    let at = format!("{at}[0].any[0]");
    let (path, _, words) = found(&condition(&with(&equals, "value", json!({"a": {"b": {}}}))));
    assert_eq!(
        (path, words),
        (
            format!("{at}.value"),
            format!(
                "{at}.value: allowed: a text, a number of at most 15 digits, true, false, or a list of these"
            )
        )
    );
    let (path, _, words) = found(&condition(&with(&good, "value", json!("168h"))));
    assert_eq!(
        (path, words),
        (
            format!("{at}.operator"),
            format!("{at}.operator: the key gives a number of things: compare it with a number")
        )
    );
    for field in ["key", "operator", "value"] {
        let missing = Problem::Missing { what: "a condition" };
        refused(&condition(&with(&good, field, Value::Null)), &format!("{at}.{field}"), &missing);
    }
    let null = json!({"key": "{{ a }}", "operator": "Equals", "value": null});
    refused(&condition(&null), &format!("{at}.value"), &Problem::NoValue { expected: "a value" });
    for variable in [json!("{{ request.namespace }}"), json!(["x", {"y": "{{ keys.data.x }}"}])] {
        refused(&condition(&with(&good, "value", variable)), &format!("{at}.value"), &Problem::Variable);
    }
    let quoted = "names with other characters than letters, digits and `_` are quoted: `{{ a.\"b-c\" }}`";
    let request = "a condition sees the predicate alone; what concerns the request belongs in the policy's matchConditions";
    for (expression, instead) in [
        ("{{ request.object.metadata.name }}", request),
        ("x", quoted),
        ("{{ a || b }}", "write each alternative as a condition in `any`"),
        ("{{ a }} and {{ b }}", quoted),
    ] {
        let (path, problem, words) = found(&condition(&with(&good, "key", json!(expression))));
        let wanted = ConditionError::Expression { found: expression.to_owned(), instead };
        assert_eq!((path, problem), (format!("{at}.key"), Problem::Condition(wanted)));
        assert_eq!(
            words,
            format!(
                "{at}.key: found `{expression}`; allowed: `/a/path`, `{{{{ a.path }}}}`, or `regex_match`, `length`, \
                 `time_since` or a component's version over one; {instead}"
            )
        );
    }
    let partial = "{{ regex_match('^https://ci.example.com/', a) }}";
    let (path, problem, _) = found(&condition(&with(&good, "key", json!(partial))));
    let wanted = ConditionError::PartialRegex("^https://ci.example.com/".to_owned());
    assert_eq!((path, problem), (format!("{at}.key"), Problem::Condition(wanted)));
    let (path, problem, _) = found(&condition(&with(&good, "operator", json!("equals"))));
    assert_eq!(path, format!("{at}.operator"));
    assert!(matches!(problem, Problem::Value { found, .. } if found == "equals"));
}

#[test]
fn what_is_asked_of_a_provenance() {
    let at = "verifyImages[0].attestations[0].slsa";
    let slsa = |slsa: Value| attested(&with(&attestation(), "slsa", slsa));
    let full = json!({
        "builderId": "https://github.com/acme/*", "sourceUri": "https://github.com/acme/app",
        "sourceRef": "refs/tags/v*", "buildType": "https://actions.github.io/buildtypes/workflow/v1",
    });
    for predicate in [PREDICATE, "https://slsa.dev/provenance/v0.2"] {
        let typed = with(&with(&attestation(), "slsa", full.clone()), "type", json!(predicate));
        assert!(accepted(&attested(&typed)).iter().all(|attestation| attestation.slsa.is_some()));
    }
    let other = with(&with(&attestation(), "slsa", full.clone()), "type", json!("https://cyclonedx.org/bom"));
    let (path, problem, words) = found(&attested(&other));
    assert_eq!((path.as_str(), problem), (at, Problem::Slsa(SlsaError::NotProvenance)));
    assert_eq!(
        words,
        format!("{at}: needs `type` https://slsa.dev/provenance/v1 or https://slsa.dev/provenance/v0.2")
    );
    refused(&slsa(json!({})), at, &Problem::Slsa(SlsaError::Nothing));
    for (field, name) in SlsaField::ALL.map(|field| (field, field.name())) {
        let anybody = SlsaError::Anybody { field, found: "*".to_owned() };
        refused(&slsa(with(&full, name, json!("*"))), &format!("{at}.{name}"), &Problem::Slsa(anybody));
        refused(&slsa(with(&full, name, json!(""))), &format!("{at}.{name}"), &Problem::Empty);
        refused(&slsa(with(&full, name, json!("{{ x }}"))), &format!("{at}.{name}"), &Problem::Variable);
    }
}

#[test]
fn the_example_of_the_page_is_well_formed() {
    let page = include_str!("../docs/conditions.md");
    let block = page.split("```yaml\nattestations:\n").nth(1).unwrap().split("```").next().unwrap();
    let block = block.replace("attestors: [...]", "attestors: []");
    let mut example: Value = serde_norway::from_str(&block).unwrap();
    example[0]["attestors"] = attestation()["attestors"].clone();
    assert_eq!(accepted(&attested(&example[0])).len(), 1);
}

#[test]
fn the_format_of_signatures_is_one_of_two_or_either() {
    let mut settings = good();
    let format = |settings: &Value| {
        let parsed = Settings::parse(settings).unwrap();
        parsed.rules().iter().map(|rule| rule.format).collect::<Vec<_>>()
    };
    assert_eq!(format(&settings), [SignatureFormat::Any]);
    settings["verifyImages"][0]["type"] = json!("SigstoreBundle");
    assert_eq!(format(&settings), [SignatureFormat::SigstoreBundle]);
    settings["verifyImages"][0]["type"] = json!("Cosign");
    assert_eq!(format(&settings), [SignatureFormat::Cosign]);
}
