//! Rancher's form, `questions-ui.yml`: what it makes is taken by the compiled module and decides as it says, for each
//! kind of signer; and what is left out or empty is refused by its name.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

#[path = "support/rancher.rs"]
mod rancher;

use rancher::Form;
use serde_json::{Value, json};
use sigwarden_host::host::NoBackend;
use sigwarden_host::{Grants, Host, Policy, Settings};
use sigwarden_testkit::idioms::Who::{Elsewhere, Identity, Key as KeyOf, Logged, Workflow};
use sigwarden_testkit::idioms::{self, APP, Case, Lack, Twin, Who};
use sigwarden_testkit::objects::pod;
use sigwarden_testkit::{Key, decide, failures};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::{env, fs};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn questions() -> Value {
    let text = fs::read_to_string(root().join("questions-ui.yml")).unwrap();
    serde_norway::from_str::<Value>(&text).unwrap()["questions"].clone()
}

fn new_policy() -> Form {
    Form::open(&questions(), json!({}))
}

/// What the compiled module says of settings.
fn validate(settings: &Value) -> Result<(), String> {
    static POLICY: LazyLock<Policy> = LazyLock::new(|| {
        let module =
            env::var_os("SIGWARDEN_POLICY").map_or_else(|| root().join("policy.wasm"), PathBuf::from);
        let path = module.display();
        assert!(
            module.is_file(),
            "there is no {path}: run `make policy.wasm` first, or set SIGWARDEN_POLICY"
        );
        Policy::load(&module, None).unwrap()
    });
    let settings = Settings::from_yaml(&settings.to_string()).unwrap();
    let answer = POLICY.validate_settings(&settings, &Host::new(Grants::default(), NoBackend));
    if answer.valid { Ok(()) } else { Err(answer.message.unwrap_or_default()) }
}

const RULES: &str = "verifyImages";
const SIGNERS: &str = "attestors";

/// A kind of signer that the form offers.
struct Kind {
    name: &'static str,
    /// What is put in place of what the example says, until nothing of it is left.
    filled: Vec<(&'static str, String)>,
    /// Where an example that is left as it is is refused, within the entry.
    example: &'static str,
    /// Who has signed, and who has not.
    case: Case,
}

fn kinds() -> Vec<Kind> {
    const CI: Who = Workflow("acme/app/.github/workflows/ci.yml@refs/heads/main");
    const ALICE: Who = Identity("alice@example.com", "https://accounts.example.com");
    let text = |text: &str| text.to_owned();
    let pem = Key::new("release").pem();
    let between = pem.lines().filter(|line| !line.starts_with("-----")).collect::<Vec<_>>().join("\n");
    vec![
        Kind {
            name: "PublicKey",
            filled: vec![("put your cosign.pub here", between)],
            example: "keys.publicKeys: ",
            case: Case::signed(APP, &[KeyOf("release")]).strangers(&[CI]),
        },
        Kind {
            name: "GithubAction",
            filled: vec![("{{owner}}/{{repository}}", text("acme/app"))],
            example: "keyless.subject: variables",
            case: Case::signed(APP, &[CI]).strangers(&[
                Workflow("acme/app-evil/.github/workflows/ci.yml@refs/heads/main"),
                Workflow("acme-evil/app/.github/workflows/ci.yml@refs/heads/main"),
                Identity(
                    "https://github.com/acme/app/.github/workflows/ci.yml@refs/heads/main",
                    "https://accounts.example.com",
                ),
                Elsewhere(&CI),
                Logged("release"),
            ]),
        },
        Kind {
            name: "Keyless",
            filled: vec![
                ("{{issuer}}", text("accounts.example.com")),
                ("'{{name}}@{{domain}}'", text("alice@example.com")),
            ],
            example: "keyless.issuer: variables",
            case: Case::signed(APP, &[ALICE]).strangers(&[
                Identity("bob@example.com", "https://accounts.example.com"),
                Identity("alice@example.com", "https://accounts.example.community"),
                Elsewhere(&ALICE),
            ]),
        },
        Kind {
            name: "KeylessRegExp",
            filled: vec![
                ("{{issuer}}", text("token[.]actions[.]githubusercontent[.]com")),
                ("{{host}}/{{owner}}", text("github[.]com/acme")),
            ],
            example: "keyless.issuerRegExp: variables",
            case: Case::signed(APP, &[CI]).strangers(&[
                Workflow("acme-evil/app/.github/workflows/ci.yml@refs/heads/main"),
                Identity(
                    "https://github.com/acme/app/.github/workflows/ci.yml@refs/heads/main",
                    "https://token.actions.githubusercontent.com.example.com",
                ),
            ]),
        },
    ]
}

impl Kind {
    /// The form with a rule of this kind, of which the signers are still the example.
    fn begun(&self) -> Form {
        let mut form = new_policy();
        form.answer("rule", json!(self.name));
        form.add(RULES);
        form.answer_in(RULES, 0, "imageReferences", json!(["ghcr.io/acme/*"]));
        form
    }

    fn fill(&self, form: &mut Form) {
        let mut text = form.text(RULES, 0, SIGNERS);
        for (example, answer) in &self.filled {
            let line = text.lines().find(|line| line.contains(example));
            let line = line.unwrap_or_else(|| panic!("{}: {example} is not in {text}", self.name));
            let indent: String = line.chars().take_while(|letter| *letter == ' ').collect();
            text = text.replace(example, &answer.replace('\n', &format!("\n{indent}")));
        }
        assert!(!text.contains("{{"), "{text}");
        form.edit(RULES, 0, SIGNERS, &text);
    }
}

#[test]
fn what_the_form_makes_is_accepted_and_decides_as_it_says() {
    let kinds = kinds();
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name).collect();
    let questions = questions();
    let rule = questions.as_array().unwrap().iter().find(|question| question["variable"] == "rule").unwrap();
    assert_eq!(rule["options"], json!(names));
    for kind in kinds {
        let mut form = kind.begun();
        kind.fill(&mut form);
        judge(&kind, &form.saved(), true);

        // Opened again and edited, it is the same; with tags left alone it is the validating policy.
        let mut again = Form::open(&questions, form.saved());
        assert_eq!(again.saved(), form.saved());
        let text = again.text(RULES, 0, SIGNERS);
        again.edit(RULES, 0, SIGNERS, &text);
        assert_eq!(again.saved(), form.saved());
        again.answer_in(RULES, 0, "mutateDigest", json!(false));
        judge(&kind, &again.saved(), false);
    }
}

/// Settings are valid, and verdicts as the kind has them.
fn judge(kind: &Kind, settings: &Value, pins: bool) {
    let Kind { name, case, .. } = kind;
    assert_eq!(validate(settings), Ok(()), "{name}: {settings:#}");
    let mut settings = settings.clone();
    settings["trustRoot"] = idioms::trust_root();
    let by_tag = decide(&settings, &pod(case.image), &case.registry(&case.proofs));
    assert_eq!((by_tag.accepted, by_tag.mutated.is_some()), (pins, pins), "{name}: {by_tag:?}");
    let by_digest = decide(&settings, &pod(&case.pinned()), &case.registry(&case.proofs));
    assert!(by_digest.accepted && by_digest.mutated.is_none(), "{name}: {by_digest:?}");
    for Twin { proofs, lack } in &case.twins {
        let answer = decide(&settings, &pod(&case.pinned()), &case.registry(proofs));
        let [(_, failure)] = failures(&answer) else { panic!("{name}: {answer:?}") };
        assert_eq!(Lack::of(failure.reason()), *lack, "{name}: {proofs:?}");
    }
    // No rule names it.
    let other = Case::signed("registry.example.com/other/app:1", &[KeyOf("release")]);
    let answer = decide(&settings, &pod(&other.pinned()), &other.registry(&other.proofs));
    assert!(!answer.accepted && answer.message.contains("no rule names this image"), "{name}: {answer:?}");
}

#[test]
fn an_example_that_is_left_is_refused() {
    let error = validate(&new_policy().saved()).unwrap_err();
    assert!(error.contains("verifyImages"), "{error}");
    for kind in kinds() {
        let error = validate(&kind.begun().saved()).unwrap_err();
        let expected = format!("verifyImages[0].attestors[0].entries[0].{}", kind.example);
        assert!(error.starts_with(&expected), "{}: {error}", kind.name);
    }
}

/// Rancher leaves what is empty in lists as it is.
#[test]
fn what_is_empty_is_refused_by_its_name() {
    let kinds = kinds();
    let keyless = kinds.iter().find(|kind| kind.name == "Keyless").unwrap();
    let filled = || {
        let mut form = keyless.begun();
        keyless.fill(&mut form);
        form
    };
    let refused = |form: &Form, at: &str| {
        let error = validate(&form.saved()).unwrap_err();
        assert!(error.starts_with(at), "{error}");
    };
    for (field, answer, at) in [
        ("name", json!(""), "verifyImages[0].name: "),
        ("imageReferences", json!([]), "verifyImages[0].imageReferences: "),
        ("imageReferences", json!([""]), "verifyImages[0].imageReferences[0]: "),
        ("skipImageReferences", json!([""]), "verifyImages[0].skipImageReferences[0]: "),
    ] {
        let mut form = filled();
        form.answer_in(RULES, 0, field, answer);
        refused(&form, at);
    }
    const ENTRY: &str = "verifyImages[0].attestors[0].entries[0]";
    for (entry, at) in [
        ("keyless: {}", ".keyless: "),
        ("keyless: {issuer: '', subject: ''}", ".keyless.issuer: "),
        ("keyless: {issuer: 'https://accounts.example.com', subject: ''}", ".keyless.subject: "),
        ("keyless: {issuer: 'https://accounts.example.com'}", ".keyless: "),
        (
            "keyless: {issuer: 'https://a.example.com', subject: a@example.com, subjectRegExp: ''}",
            ".keyless.subjectRegExp: ",
        ),
        ("keys: {}", ".keys: "),
        ("keys: {publicKeys: ''}", ".keys.publicKeys: "),
        ("{keys: {}, keyless: {}}", ": "),
        ("{}", ": "),
    ] {
        let mut form = filled();
        let entry = if entry.starts_with('{') { entry.to_owned() } else { format!("{{{entry}}}") };
        form.edit(RULES, 0, SIGNERS, &format!("attestors: [{{entries: [{entry}]}}]"));
        refused(&form, &format!("{ENTRY}{at}"));
    }
    for (text, at) in [
        ("attestors: []", "verifyImages[0].attestors: "),
        ("attestors: [{entries: []}]", "verifyImages[0].attestors[0].entries: "),
        ("attestors: [{}]", "verifyImages[0].attestors[0].entries: "),
        // Whoever takes the name away takes the signers away.
        ("[]", "verifyImages[0].attestors: "),
    ] {
        let mut form = filled();
        form.edit(RULES, 0, SIGNERS, text);
        refused(&form, at);
    }
    // A list that may be empty, and a name that was never written.
    let mut form = filled();
    form.answer_in(RULES, 0, "skipImageReferences", json!([]));
    assert_eq!(validate(&form.saved()), Ok(()));
    assert!(form.saved()["verifyImages"][0].get("name").is_none());
}

#[test]
fn to_change_the_kind_begins_anew() {
    let mut form = kinds()[0].begun();
    form.add(RULES);
    form.answer("rule", json!("Keyless"));
    assert!(form.saved().get(RULES).is_none());
    form.add(RULES);
    assert!(form.text(RULES, 0, SIGNERS).contains("keyless"));
    // The same kind once more changes nothing.
    form.answer("rule", json!("Keyless"));
    assert!(form.text(RULES, 0, SIGNERS).contains("keyless"));
}

#[test]
fn all_questions_answered_are_settings() {
    let kind = &kinds()[0];
    let mut form = kind.begun();
    kind.fill(&mut form);
    form.answer_in(RULES, 0, "name", json!("release"));
    form.answer_in(RULES, 0, "skipImageReferences", json!(["ghcr.io/acme/public/*"]));
    form.answer("unmatchedImages", json!("warn"));
    form.answer("skipUnchanged", json!(true));
    form.answer("mutation.podsOnly", json!(true));
    form.answer("revoked.digests", json!([format!("sha256:{}", "0".repeat(64))]));
    form.add("exceptions");
    let answers = [
        ("digest", format!("sha256:{}", "1".repeat(64))),
        ("until", "2030-01-31T00:00:00Z".to_owned()),
        ("reason", "TICKET-1".to_owned()),
    ];
    for (field, answer) in &answers {
        form.answer_in("exceptions", 0, field, json!(answer));
    }
    // All of them are needed.
    for (field, answer) in answers {
        form.answer_in("exceptions", 0, field, json!(""));
        let error = validate(&form.saved()).unwrap_err();
        assert!(error.starts_with(&format!("exceptions[0].{field}: ")), "{error}");
        form.answer_in("exceptions", 0, field, json!(answer));
    }
    let settings = form.saved();
    assert_eq!(validate(&settings), Ok(()), "{settings:#}");
    let asked: Vec<String> = questions()
        .as_array()
        .unwrap()
        .iter()
        .map(|question| question["variable"].as_str().unwrap().to_owned())
        .collect();
    for variable in asked {
        assert!(settings.get(&variable).is_some(), "{variable}");
    }
}

/// Every question is a setting of its type, and every option one of its values.
#[test]
fn the_form_asks_for_settings_alone() {
    const TYPES: [&str; 6] = ["string", "boolean", "enum", "array[", "map[", "sequence["];
    let schema: Value =
        serde_json::from_str(&fs::read_to_string(root().join("docs/settings.schema.json")).unwrap()).unwrap();
    let names = schema.to_string();
    let questions = questions();
    let kind = &kinds()[0];
    let mut filled = kind.begun();
    kind.fill(&mut filled);
    let mut lists = Vec::new();
    for question in questions.as_array().unwrap() {
        let variable = question["variable"].as_str().unwrap();
        let within = question["sequence_questions"].as_array().or(question["subquestions"].as_array());
        for question in within.into_iter().flatten().chain([question]) {
            let kind = question["type"].as_str().unwrap();
            assert!(TYPES.contains(&kind), "{variable}: {kind}");
            let name = question["variable"].as_str().unwrap().rsplit('.').next().unwrap();
            assert!(names.contains(&format!("\"{name}\"")), "{name} is no setting");
        }
        for option in question["options"].as_array().unwrap_or(&Vec::new()) {
            let mut settings = filled.saved();
            settings[variable] = option.clone();
            assert_eq!(validate(&settings), Ok(()), "{variable}: {option}");
        }
        if variable == RULES {
            let mut list = question.clone();
            for field in ["label", "show_if"] {
                list[field] = Value::Null;
            }
            let signers = list["sequence_questions"].as_array_mut().unwrap();
            let signers = signers.iter_mut().find(|question| question["variable"] == SIGNERS).unwrap();
            for field in ["default", "description", "label"] {
                signers[field] = Value::Null;
            }
            lists.push(list);
        }
    }
    // The rules of all kinds are asked for alike, but for who signs.
    assert_eq!(lists.len(), kinds().len());
    assert!(lists.windows(2).all(|pair| pair[0] == pair[1]));
}
