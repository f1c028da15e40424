//! Attestations and bundles: checked in full when the settings are read, path and problem exactly, and refused by name
//! where nothing is wrong with them, because this version cannot verify them.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use serde_json::{Value, json};
use sigwarden::condition::{ConditionError, SlsaError, SlsaField};
use sigwarden::registry::KeySourceError;
use sigwarden::requirement::{DeclaredEntry, DeclaredSet, NonEmpty};
use sigwarden::settings::{Problem, Settings};
use sigwarden_testkit::Key;
use sigwarden_testkit::run::{entry, rule, settings};

const ATTESTATIONS: Problem = Problem::NotYet { what: "attestations" };

fn found(settings: &Value) -> (String, Problem, String) {
    match Settings::parse(settings) {
        Err(error) => (error.path().to_owned(), error.problem().clone(), error.to_string()),
        Ok(_) => panic!("accepted: {settings}"),
    }
}

fn refused(settings: &Value, path: &str, problem: &Problem) {
    let (at, what, _) = found(settings);
    assert_eq!((at.as_str(), &what), (path, problem), "{settings}");
}

fn with_entry(entry: &Value) -> Value {
    let mut all = settings(&[rule(&["r.example.com/*"], &Key::new("release"))]);
    all["verifyImages"][0]["attestors"][0]["entries"] = json!([entry]);
    all
}

/// A value with a field set to another, or taken away by `null`.
fn with(value: &Value, field: &str, new: Value) -> Value {
    let mut value = value.clone();
    let fields = value.as_object_mut().unwrap();
    if new.is_null() {
        fields.remove(field);
    } else {
        fields.insert(field.to_owned(), new);
    }
    value
}

const PREDICATE: &str = "https://slsa.dev/provenance/v1";

fn attestation() -> Value {
    json!({
        "type": PREDICATE,
        "attestors": [{"entries": [entry(&Key::new("builder"))]}],
        "conditions": [{"all": [{"key": "{{ builder.id }}", "operator": "Equals", "value": "https://ci.example.com"}]}],
    })
}

fn attested(attestation: &Value) -> Value {
    let mut settings = with_entry(&entry(&Key::new("release")));
    settings["verifyImages"][0]["attestations"] = json!([attestation]);
    settings
}

#[test]
fn what_is_wrong_is_said_before_what_cannot_be_verified() {
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

#[test]
fn well_formed_attestations_are_refused_by_name() {
    let at = "verifyImages[0].attestations";
    assert_eq!(
        found(&attested(&attestation())).2,
        format!("{at}: well-formed, but this version cannot verify attestations")
    );
    let older = with(&with(&attestation(), "type", Value::Null), "predicateType", json!(PREDICATE));
    for good in
        [with(&attestation(), "conditions", Value::Null), with(&attestation(), "name", json!("slsa")), older]
    {
        refused(&attested(&good), at, &ATTESTATIONS);
    }
    // Alone in a rule as well, which is no rule that asks for nothing.
    let mut alone = attested(&attestation());
    alone["verifyImages"][0].as_object_mut().unwrap().remove("attestors");
    refused(&alone, at, &ATTESTATIONS);
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
    refused(&condition(&good), "verifyImages[0].attestations", &ATTESTATIONS);
    let equals = json!({"key": "/a", "operator": "Equals", "value": 1});
    for value in [json!("168h"), json!(true), json!(["a", "b"]), json!("{x}")] {
        refused(&condition(&with(&equals, "value", value)), "verifyImages[0].attestations", &ATTESTATIONS);
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
        refused(&attested(&typed), "verifyImages[0].attestations", &ATTESTATIONS);
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
    refused(&attested(&example[0]), "verifyImages[0].attestations", &ATTESTATIONS);
}

#[test]
fn bundles_are_refused_by_name() {
    let mut settings = with_entry(&entry(&Key::new("release")));
    settings["verifyImages"][0]["type"] = json!("SigstoreBundle");
    let what = "Sigstore bundles";
    refused(&settings, "verifyImages[0].type", &Problem::NotYet { what });
    settings["verifyImages"][0]["type"] = json!("Cosign");
    Settings::parse(&settings).unwrap();
}

/// Guards the arm of `DeclaredSet::resolve`: whatever reads the settings, nothing meets such an entry.
#[test]
fn rule_01_what_cannot_be_verified_is_met_by_nothing() {
    let key = Settings::parse(&with_entry(&entry(&Key::new("release")))).unwrap();
    let key = key
        .rules()
        .iter()
        .next()
        .unwrap()
        .attestors
        .iter()
        .next()
        .unwrap()
        .entries
        .iter()
        .next()
        .unwrap()
        .clone();
    let resolve = |entries, count| {
        let set = DeclaredSet { place: String::new(), count, entries: NonEmpty::new(entries).unwrap() };
        set.resolve(&mut |_| Err(KeySourceError::TooFewKeys)).map(|set| set.required())
    };
    assert_eq!(resolve(vec![key.clone()], Some(1)), Ok(1));
    assert_eq!(resolve(vec![key, DeclaredEntry::Unverifiable], Some(1)), Err(KeySourceError::TooFewKeys));
    assert_eq!(resolve(vec![DeclaredEntry::Unverifiable], None), Err(KeySourceError::TooFewKeys));
}
