//! The JSON Schema and the pages that are made from the tables of the fields: they are committed, they are what the
//! tables say, and they agree with the parser on every example there is.
//!
//! `SIGWARDEN_REWRITE_DOCS=1 cargo test -p sigwarden --test schema` writes them anew.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::{Value, json};
use sigwarden::settings::{Problem, Settings, schema};
use sigwarden_testkit::Key;
use sigwarden_testkit::people;
use sigwarden_testkit::run::{entry, rule, settings};
use sigwarden_testkit::schema::Schema;

const BEGIN: &str = "<!-- The tables below are made from the source; do not edit them. -->\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn check(path: &str, wanted: &str) {
    let path = root().join(path);
    let found = fs::read_to_string(&path).unwrap_or_default();
    if env::var_os("SIGWARDEN_REWRITE_DOCS").is_some() {
        fs::write(&path, wanted).unwrap();
    } else {
        assert!(found == wanted, "{} is out of date; run with SIGWARDEN_REWRITE_DOCS=1", path.display());
    }
}

#[test]
fn what_is_committed_is_what_the_tables_say() {
    check("docs/settings.schema.json", &format!("{:#}\n", schema::json_schema()));
    check("docs/kyverno-fields.md", &schema::kyverno_fields());
    let page = fs::read_to_string(root().join("docs/settings.md")).unwrap();
    let (written, _) = page.split_once(BEGIN).expect("the page says where the tables begin");
    check("docs/settings.md", &format!("{written}{BEGIN}\n{}", schema::settings_reference()));
}

fn yaml(text: &str, from: &Path) -> Value {
    serde_norway::from_str(text).unwrap_or_else(|error| panic!("{}: {error}\n{text}", from.display()))
}

/// Whole settings: of the examples, and of the pages' blocks.
fn examples() -> Vec<(PathBuf, Value)> {
    let mut examples = Vec::new();
    for entry in fs::read_dir(root().join("e2e-tests/cases")).unwrap() {
        let path = entry.unwrap().path().join("settings.yml");
        examples.push((path.clone(), yaml(&fs::read_to_string(&path).unwrap(), &path)));
    }
    let cases = examples.len();
    let pages = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    for path in
        pages.chain([root().join("README.md")]).filter(|path| path.extension().is_some_and(|e| e == "md"))
    {
        let page = fs::read_to_string(&path).unwrap();
        let blocks = page.split("\n```yaml\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
        for block in
            blocks.filter(|block| block.starts_with("verifyImages:") || block.starts_with("signatures:"))
        {
            examples.push((path.clone(), yaml(block, &path)));
        }
    }
    assert!(cases >= 10 && examples.len().saturating_sub(cases) >= 8, "{cases} of {}", examples.len());
    examples
}

/// Settings with every field that has an effect or is checked.
fn full() -> Value {
    let key = Key::new("release");
    let certificate = include_str!("vectors/keys/certificate.pem");
    let mut keys = entry(&key);
    let fields = keys.as_object_mut().unwrap();
    fields.insert("annotations".to_owned(), json!({"env": "prod"}));
    fields.insert("knownAnnotations".to_owned(), json!({"stage": ["a", "b"], "one": "x"}));
    fields.insert("repository".to_owned(), json!("r.example.com/signatures"));
    let keyless = json!({"keyless": {
        "issuer": "https://issuer.example.com", "subject": "a@example.com", "subjectRegExp": ".+@example.com",
        "additionalExtensions": {"githubWorkflowTrigger": "push"}, "roots": certificate,
        "rekor": {"url": "", "pubkey": key.pem()}, "ctlog": {"ignoreSCT": true, "tsaCertChain": certificate},
    }});
    let secret = json!({"keys": {"secret": {"name": "a", "namespace": "b", "key": "c"}, "rekor": {"ignoreTlog": true}}});
    let mut rule = rule(&["r.example.com/acme/*"], &key);
    let fields = rule.as_object_mut().unwrap();
    fields.insert("attestors".to_owned(), json!([{"count": 1, "entries": [
        keys, keyless, secret, {"certificates": {"cert": certificate}}, {"attestor": {"entries": [entry(&Key::new("b"))]}},
    ]}]));
    fields.insert(
        "attestations".to_owned(),
        json!([{"type": "x", "name": "n", "attestors": [{"entries": [entry(&key)]}],
        "conditions": [{"any": [{"key": "{{ a }}", "operator": "Equals", "value": 1, "message": "m"}]}]},
        {"type": "https://slsa.dev/provenance/v1", "attestors": [{"entries": [entry(&key)]}],
        "slsa": {"builderId": "b", "sourceUri": "https://x.example/y", "sourceRef": "refs/z", "buildType": "t"}}]),
    );
    for (name, value) in [
        ("type", json!("Cosign")),
        ("failureAction", json!("Enforce")),
        ("skipImageReferences", json!(["r.example.com/acme/public/*"])),
        ("mutateDigest", json!(true)),
        ("verifyDigest", json!(true)),
        ("required", json!(true)),
        ("signedIdentities", json!([{"from": "r.example.com/acme/", "signedAs": "ghcr.io/acme/"}])),
        ("childSignatures", json!("all")),
        ("trustRoot", people::trust_root()),
    ] {
        fields.insert(name.to_owned(), value);
    }
    let mut settings = settings(&[rule]);
    let fields = settings.as_object_mut().unwrap();
    for (name, value) in [
        ("unmatchedImages", json!("deny")),
        ("trustRoot", people::trust_root()),
        ("imageExtractors", json!({"Task": [{"path": "/spec/steps/*", "value": "image"}]})),
        ("evaluationBudget", json!("2s")),
        ("skipUnchanged", json!(true)),
        ("mutation", json!({"podsOnly": true, "imagePullPolicy": "Always"})),
        ("revoked", json!({"digests": [], "keys": [key.pem()], "identities": [{"subject": "x"}]})),
        (
            "exceptions",
            json!([{"digest": format!("sha256:{}", "0".repeat(64)), "until": "2027-01-01T00:00:00Z", "reason": "x"}]),
        ),
    ] {
        fields.insert(name.to_owned(), value);
    }
    settings
}

fn kubewarden() -> Value {
    let item = |kind: &str, value: Value| json!({"image": "x", kind: value, "annotations": {"a": "b"}, "rule": "PublicKey"});
    json!({"modifyImagesWithDigest": true, "trustRoot": people::trust_root(), "signatures": [
        item("pubKeys", json!([Key::new("a").pem()])),
        item("keyless", json!([{"issuer": "a", "subject": "b"}])),
        item("keylessPrefix", json!([{"issuer": "a", "urlPrefix": "https://example.com/"}])),
        item("githubActions", json!({"owner": "acme", "repo": "app"})),
        json!({"image": "x", "certificates": [people::HOLDER.pem()], "certificateChain": [people::HOLDER.chain_pem()],
            "requireRekorBundle": true}),
    ]})
}

fn is_valid(settings: &Value) -> bool {
    Settings::parse(settings).is_ok()
}

#[test]
fn every_example_is_valid_by_schema_and_by_parser() {
    let schema = Schema::new();
    for (path, settings) in examples() {
        Settings::parse(&settings).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(schema.accepts(&settings), "{}", path.display());
    }
    for settings in [full(), kubewarden()] {
        assert!(is_valid(&settings), "{:?}", Settings::parse(&settings));
        assert!(schema.accepts(&settings));
    }
}

/// The pointers of every value.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                pointers(inner, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), all);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                pointers(inner, &format!("{at}/{index}"), all);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What the parser calls unknown, mistyped or empty of a value the schema refuses as well, and what the parser accepts
/// the schema accepts: every value of the full settings replaced by one of each type, and a field added to each mapping.
#[test]
fn schema_and_parser_agree_on_names_and_types() {
    let schema = Schema::new();
    let (mut mistyped, mut unknown, mut fine) = (0_u32, 0_u32, 0_u32);
    for good in [full(), kubewarden()] {
        let mut all = Vec::new();
        pointers(&good, "", &mut all);
        for pointer in all {
            let mut changes: Vec<Value> =
                [Value::Null, json!(true), json!(7), json!("x"), json!(["x"]), json!({"x": 1})].into();
            if let Some(fields) = good.pointer(&pointer).unwrap().as_object() {
                let mut more = fields.clone();
                more.insert("nonsense".to_owned(), json!("x"));
                changes.push(Value::Object(more));
            }
            for change in changes {
                let mut settings = good.clone();
                *settings.pointer_mut(&pointer).unwrap() = change;
                let accepts = schema.accepts(&settings);
                let Err(error) = Settings::parse(&settings) else {
                    assert!(accepts, "{pointer}: {settings}");
                    fine = fine.saturating_add(1);
                    continue;
                };
                let problem = error.problem();
                if matches!(problem, Problem::Type { .. } | Problem::NoValue { .. }) {
                    assert!(!accepts, "{pointer}: {error}");
                    mistyped = mistyped.saturating_add(1);
                } else if matches!(problem, Problem::UnknownField { .. }) {
                    assert!(!accepts, "{pointer}: {error}");
                    unknown = unknown.saturating_add(1);
                }
            }
        }
    }
    assert!(mistyped > 300 && unknown > 30 && fine > 30, "{mistyped} {unknown} {fine}");
}
