//! Identities, certificates and attestations: checked in full when the settings are read, path and problem exactly,
//! and refused by name where nothing is wrong with them, because this version cannot verify them.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use serde_json::{Value, json};
use sigwarden::condition::{ConditionError, SlsaError, SlsaField};
use sigwarden::limits::MAX_IDENTITY_CHARS;
use sigwarden::registry::KeySourceError;
use sigwarden::requirement::{DeclaredEntry, DeclaredSet, NonEmpty};
use sigwarden::settings::{Found, Problem, Settings};
use sigwarden::verify::KeyError;
use sigwarden_testkit::Key;
use sigwarden_testkit::run::{entry, rule, settings};

const CERTIFICATE: &str = include_str!("vectors/keys/certificate.pem");
const ENTRY: &str = "verifyImages[0].attestors[0].entries[0]";

const KEYLESS: Problem = Problem::NotYet { what: "keyless signatures" };
const CERTIFICATES: Problem = Problem::NotYet { what: "certificates" };
const ATTESTATIONS: Problem = Problem::NotYet { what: "attestations" };
const ANYBODY: &str = "this is anybody; write whose signatures count";

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

fn identity() -> Value {
    json!({
        "issuer": "https://token.actions.githubusercontent.com",
        "subject": "https://github.com/acme/*",
    })
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

fn keyless(keyless: &Value) -> Value {
    with_entry(&json!({"keyless": keyless}))
}

fn wrong_identity(found: &str, why: &'static str) -> Problem {
    Problem::Identity { found: found.to_owned(), why }
}

#[test]
fn a_well_formed_identity_is_refused_by_name() {
    let words = "verifyImages[0].attestors[0].entries[0].keyless: well-formed, but this version cannot verify keyless \
                 signatures";
    assert_eq!(found(&keyless(&identity())).2, words);
    for good in [
        with(&identity(), "subjectRegExp", json!("^https://github\\.com/acme/")),
        with(
            &with(&identity(), "subject", Value::Null),
            "subjectRegExp",
            json!("https://github.com/acme/.+"),
        ),
        with(&with(&identity(), "issuer", Value::Null), "issuerRegExp", json!("https://token\\..*")),
        with(&identity(), "subject", json!("*@example.com")),
        with(&identity(), "roots", json!(CERTIFICATE)),
        with(
            &identity(),
            "rekor",
            json!({"url": "https://rekor.example.com", "pubkey": Key::new("rekor").pem()}),
        ),
        with(&identity(), "ctlog", json!({"ignoreSCT": true, "pubkey": Key::new("ct").pem()})),
        with(
            &with(&identity(), "rekor", json!({"ignoreTlog": true})),
            "ctlog",
            json!({"tsaCertChain": format!("{CERTIFICATE}{CERTIFICATE}")}),
        ),
        with(
            &identity(),
            "additionalExtensions",
            json!({"githubWorkflowTrigger": "push", "githubWorkflowRef": "refs/heads/main"}),
        ),
    ] {
        let (path, problem, words) = found(&keyless(&good));
        assert!(path.starts_with(&format!("{ENTRY}.keyless")), "{words}");
        assert_eq!(problem, KEYLESS, "{words}");
    }
    // Beside somebody who can be verified, too, and in a set within the set.
    let mut both = with_entry(&entry(&Key::new("release")));
    both["verifyImages"][0]["attestors"][0]["count"] = json!(1);
    Settings::parse(&both).unwrap();
    let entries = both["verifyImages"][0]["attestors"][0]["entries"].as_array_mut().unwrap();
    entries.push(json!({"attestor": {"entries": [{"keyless": identity()}]}}));
    refused(&both, "verifyImages[0].attestors[0].entries[1].attestor.entries[0].keyless", &KEYLESS);
}

#[test]
fn what_is_wrong_is_said_before_what_cannot_be_verified() {
    let mut settings = keyless(&identity());
    settings["verifyImages"][0]["attestations"] = json!([{"type": "x", "attestors": [{"entries": []}]}]);
    refused(&settings, "verifyImages[0].attestations[0].attestors[0].entries", &Problem::Empty);
    let mut settings = keyless(&identity());
    settings["unmatchedImages"] = json!("refuse");
    assert_eq!(found(&settings).0, "unmatchedImages");
    let mut settings = keyless(&identity());
    settings["verifyImages"][0]["attestors"][0]["count"] = json!(2);
    let problem = Problem::Count { found: 2, entries: 1, written: 1 };
    refused(&settings, "verifyImages[0].attestors[0].count", &problem);
}

#[test]
fn rule_02_an_identity_has_an_issuer_and_a_subject() {
    let none = |allowed| Problem::NoneOf { what: "`keyless`", allowed };
    let at = format!("{ENTRY}.keyless");
    refused(&keyless(&json!({})), &at, &none(["issuer", "issuerRegExp"]));
    refused(&keyless(&with(&identity(), "issuer", Value::Null)), &at, &none(["issuer", "issuerRegExp"]));
    refused(&keyless(&with(&identity(), "subject", Value::Null)), &at, &none(["subject", "subjectRegExp"]));
    assert_eq!(
        found(&keyless(&json!({"issuer": "https://issuer.example.com"}))).2,
        format!("{at}: found neither subject nor subjectRegExp; `keyless` must have one of them")
    );
    for field in ["issuer", "subject", "issuerRegExp", "subjectRegExp"] {
        refused(&keyless(&with(&identity(), field, json!(" "))), &format!("{at}.{field}"), &Problem::Empty);
        let long = "x".repeat(MAX_IDENTITY_CHARS + 1);
        refused(
            &keyless(&with(&identity(), field, json!(long))),
            &format!("{at}.{field}"),
            &Problem::TooLong { limit: MAX_IDENTITY_CHARS },
        );
        let (path, problem, _) =
            found(&keyless(&with(&identity(), field, json!("x".repeat(MAX_IDENTITY_CHARS)))));
        assert_eq!((path, problem), (at.clone(), KEYLESS));
    }
}

#[test]
fn rule_02_an_identity_is_not_anybody() {
    for field in ["issuer", "subject", "issuerRegExp", "subjectRegExp"] {
        for anybody in ["*", "**", "?*", "*@*", "https://*", "https://*/*"] {
            let (path, problem, words) = found(&keyless(&with(&identity(), field, json!(anybody))));
            assert_eq!(path, format!("{ENTRY}.keyless.{field}"));
            assert_eq!(problem, wrong_identity(anybody, ANYBODY));
            assert_eq!(words, format!("{path}: found `{anybody}`; {ANYBODY}"));
        }
    }
    for anybody in [".*", ".+", "^.*$", "^https://.*$", "(.*)"] {
        let settings = keyless(&with(&identity(), "subjectRegExp", json!(anybody)));
        refused(&settings, &format!("{ENTRY}.keyless.subjectRegExp"), &wrong_identity(anybody, ANYBODY));
    }
}

#[test]
fn a_regular_expression_among_wildcards_and_variables_are_refused() {
    for (field, why) in [
        ("subject", "this is a regular expression; write `subjectRegExp`"),
        ("issuer", "this is a regular expression; write `issuerRegExp`"),
    ] {
        let regexp = "^https://github.com/acme/.*$";
        let settings = keyless(&with(&identity(), field, json!(regexp)));
        refused(&settings, &format!("{ENTRY}.keyless.{field}"), &wrong_identity(regexp, why));
        refused(
            &keyless(&with(&identity(), &format!("{field}RegExp"), json!(regexp))),
            &format!("{ENTRY}.keyless"),
            &KEYLESS,
        );
        let settings = keyless(&with(&identity(), field, json!("https://github.com/{{ owner }}/*")));
        refused(&settings, &format!("{ENTRY}.keyless.{field}"), &Problem::Variable);
    }
}

#[test]
fn rule_15_without_log_and_timestamps_nothing_proves_the_time() {
    let at = format!("{ENTRY}.keyless.rekor.ignoreTlog");
    let ignored = with(&identity(), "rekor", json!({"ignoreTlog": true}));
    for bad in [ignored.clone(), with(&ignored, "ctlog", json!({"ignoreSCT": true}))] {
        refused(&keyless(&bad), &at, &Problem::NoProvenTime);
    }
    assert_eq!(
        found(&keyless(&ignored)).2,
        format!(
            "{at}: without a log entry nothing proves when it was signed; write `ctlog.tsaCertChain` for timestamps, \
             or remove this field"
        )
    );
    refused(
        &keyless(&with(&identity(), "rekor", json!({"ignoreTlog": false}))),
        &format!("{ENTRY}.keyless"),
        &KEYLESS,
    );
    let dated = with(&ignored, "ctlog", json!({"tsaCertChain": CERTIFICATE}));
    assert_eq!(found(&keyless(&dated)).1, KEYLESS);
}

#[test]
fn extensions_have_the_names_that_certificates_know() {
    let extensions = |value: Value| keyless(&with(&identity(), "additionalExtensions", value));
    let (path, problem, _) = found(&extensions(json!({"githubWorkflowActor": "x"})));
    assert_eq!(path, format!("{ENTRY}.keyless.additionalExtensions.githubWorkflowActor"));
    assert!(matches!(problem, Problem::UnknownField { what: "`additionalExtensions`", .. }), "{problem:?}");
    refused(
        &extensions(json!({"githubWorkflowName": ""})),
        &format!("{ENTRY}.keyless.additionalExtensions.githubWorkflowName"),
        &Problem::Empty,
    );
}

#[test]
fn certificates() {
    let certificates = |value: Value| with_entry(&json!({"certificates": value}));
    let at = format!("{ENTRY}.certificates");
    for good in [
        json!({"cert": CERTIFICATE}),
        json!({"certChain": CERTIFICATE}),
        json!({"cert": CERTIFICATE, "certChain": format!("{CERTIFICATE}\n{CERTIFICATE}"), "rekor": {"ignoreTlog": true}}),
        json!({"cert": CERTIFICATE.lines().map(|line| format!("  {line}\r\n")).collect::<String>()}),
        json!({"cert": CERTIFICATE, "rekor": {"url": ""}, "ctlog": {"ignoreSCT": true}}),
    ] {
        refused(&certificates(good), &at, &CERTIFICATES);
    }
    assert_eq!(
        found(&certificates(json!({"cert": CERTIFICATE}))).2,
        format!("{at}: well-formed, but this version cannot verify certificates")
    );
    let none = Problem::NoneOf { what: "`certificates`", allowed: ["cert", "certChain"] };
    refused(&certificates(json!({})), &at, &none);
    refused(&certificates(json!({"rekor": {"ignoreTlog": true}})), &at, &none);
    let (begin, rest) = CERTIFICATE.split_once('\n').unwrap();
    for (bad, problem) in [
        (String::new(), Problem::Empty),
        ("cert.pem".to_owned(), Problem::Certificates),
        (rest.to_owned(), Problem::Certificates),
        (begin.to_owned(), Problem::Certificates),
        (format!("{begin}\n-----END CERTIFICATE-----"), Problem::Certificates),
        (format!("{begin}\nAAAA\n-----END CERTIFICATE-----"), Problem::Certificates),
        (format!("{CERTIFICATE}and more"), Problem::Certificates),
        (format!("{CERTIFICATE}{}", Key::new("a").pem()), Problem::Certificates),
        (CERTIFICATE.replace('M', "!"), Problem::Certificates),
        (Key::new("a").private_pem(), Problem::Key(KeyError::PrivateKey)),
        (format!("{CERTIFICATE}{}", Key::new("a").private_pem()), Problem::Key(KeyError::PrivateKey)),
    ] {
        for field in ["cert", "certChain"] {
            let (path, what, words) = found(&certificates(json!({ field: bad })));
            assert_eq!((path, &what), (format!("{at}.{field}"), &problem), "{bad}");
            assert!(!words.contains("MI"), "{words}");
        }
        refused(
            &keyless(&with(&identity(), "roots", json!(bad))),
            &format!("{ENTRY}.keyless.roots"),
            &problem,
        );
    }
}

#[test]
fn the_log_keys_are_keys() {
    let no_pem = Problem::Key(KeyError::NoPem);
    for (field, path) in [("rekor", "rekor.pubkey"), ("ctlog", "ctlog.pubkey")] {
        let settings = keyless(&with(&identity(), field, json!({"pubkey": "x"})));
        refused(&settings, &format!("{ENTRY}.keyless.{path}"), &no_pem);
    }
    // A key has no use for either: what has no effect is said, what would have one is refused.
    let key = |field: &str, value: Value| {
        let mut entry = entry(&Key::new("release"));
        entry["keys"][field] = value;
        Settings::parse(&with_entry(&entry)).map(|settings| settings.warnings().to_vec())
    };
    let pem = Key::new("rekor").pem();
    assert_eq!(
        key("rekor", json!({"ignoreTlog": true, "pubkey": pem})),
        Ok(vec![format!("{ENTRY}.keys.rekor.pubkey: has no effect; no log entry is asked for")])
    );
    assert_eq!(key("rekor", json!({"pubkey": pem})).unwrap_err().problem(), &Problem::RekorNotSupported);
    assert_eq!(
        key("ctlog", json!({"ignoreSCT": true})),
        Ok(vec![format!("{ENTRY}.keys.ctlog: has no effect; keys have no certificate to be logged")])
    );
    let timestamps = key("ctlog", json!({"tsaCertChain": CERTIFICATE})).unwrap_err();
    assert_eq!(
        timestamps.to_string(),
        format!("{ENTRY}.keys.ctlog.tsaCertChain: well-formed, but this version cannot verify timestamps")
    );
    assert_eq!(key("ctlog", json!({"tsaCertChain": "x"})).unwrap_err().problem(), &Problem::Certificates);
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

#[test]
fn revoked_identities() {
    let revoked = |identities: Value| {
        let mut settings = with_entry(&entry(&Key::new("release")));
        settings["revoked"] = json!({"identities": identities});
        settings
    };
    let at = "revoked.identities";
    for good in [
        json!([{"subject": "https://github.com/acme/leaked/*"}]),
        json!([{"issuer": "https://issuer.example.com"}]),
        json!([{"issuerRegExp": ".*", "subject": "*"}]),
        json!([]),
    ] {
        refused(&revoked(good), at, &KEYLESS);
    }
    let none = Problem::NoneOf { what: "a revoked identity", allowed: ["issuer", "subject"] };
    refused(&revoked(json!([{}])), &format!("{at}[0]"), &none);
    refused(&revoked(json!([{"subject": ""}])), &format!("{at}[0].subject"), &Problem::Empty);
    let why = "this is a regular expression; write `subjectRegExp`";
    refused(&revoked(json!([{"subject": "^x"}])), &format!("{at}[0].subject"), &wrong_identity("^x", why));
    let problem = Problem::Type { found: Found::Text, expected: "a mapping" };
    refused(&revoked(json!(["x"])), &format!("{at}[0]"), &problem);
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
