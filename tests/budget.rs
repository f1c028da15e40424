//! `evaluationBudget`: past it the host is asked nothing more, and what is not decided by then is denied with a
//! message that says so.

#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use core::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sigwarden::limits::EVALUATION_BUDGET;
use sigwarden::registry::{KeySourceError, RegistryError};
use sigwarden::settings::{Found, Problem, Settings};
use sigwarden::verdict::Reason;
use sigwarden_testkit::fake_registry::signature_tag;
use sigwarden_testkit::forge;
use sigwarden_testkit::objects::{pod, pod_of};
use sigwarden_testkit::run::{rule, settings};
use sigwarden_testkit::{Answer, FakeRegistry, Key, decide, failures};

const A: &str = "r.example.com/acme/a:1";
const B: &str = "r.example.com/acme/b:1";
const C: &str = "r.example.com/acme/c:1";
const UNSIGNED: &str = "r.example.com/acme/unsigned:1";

fn policy(budget: &str) -> Value {
    let mut policy = settings(&[rule(&["r.example.com/*"], &Key::new("release"))]);
    policy["evaluationBudget"] = json!(budget);
    policy
}

/// A registry of which each call takes some milliseconds.
fn registry(call_takes: u64) -> FakeRegistry {
    let mut registry = FakeRegistry::slow(Duration::from_millis(call_takes));
    for image in [A, B, C] {
        registry.push_signed(image, &[&Key::new("release")]);
    }
    registry.push(UNSIGNED);
    registry
}

fn reasons(answer: &Answer) -> Vec<(&str, &Reason)> {
    failures(answer).iter().map(|(site, failure)| (site.path(), failure.reason())).collect()
}

fn out_of_time(milliseconds: u64) -> Reason {
    Reason::Registry(RegistryError::OutOfTime(Duration::from_millis(milliseconds)))
}

// Guards `Node::duration` and `BUDGETS`.
#[test]
fn budgets_are_100ms_to_30s() {
    for (text, milliseconds) in
        [("100ms", 100), ("1500ms", 1500), ("1s", 1000), ("30s", 30_000), ("30000ms", 30_000)]
    {
        let settings = Settings::parse(&policy(text)).unwrap();
        assert_eq!(settings.evaluation_budget(), Duration::from_millis(milliseconds), "{text}");
    }
    let mut default = policy("1s");
    default.as_object_mut().unwrap().remove("evaluationBudget");
    assert_eq!(Settings::parse(&default).unwrap().evaluation_budget(), EVALUATION_BUDGET);
    assert_eq!(EVALUATION_BUDGET, Duration::from_millis(1500));
    for text in [
        "",
        "s",
        "ms",
        "0s",
        "0ms",
        "99ms",
        "31s",
        "30001ms",
        "1500",
        "1.5s",
        "-1s",
        "1m",
        "1h",
        "1000000us",
        "1 s",
        " 1s",
        "1s ",
        "1S",
        "1sms",
        "0x10s",
        "99999999999999999999s",
        "18446744073709551615s",
        "∞s",
    ] {
        let error = Settings::parse(&policy(text)).unwrap_err();
        assert_eq!(error.path(), "evaluationBudget");
        assert_eq!(error.problem(), &Problem::Duration(text.to_owned()), "{text}");
    }
    assert_eq!(
        Settings::parse(&policy("2m")).unwrap_err().to_string(),
        "evaluationBudget: found `2m`; allowed: 100ms to 30s, such as 1500ms or 4s"
    );
    let mut wrong = policy("1s");
    for (value, found) in [
        (json!(1500), Found::Number),
        (json!(true), Found::Boolean),
        (json!(["1s"]), Found::List),
        (json!({"seconds": 1}), Found::Mapping),
    ] {
        wrong["evaluationBudget"] = value;
        let error = Settings::parse(&wrong).unwrap_err();
        assert_eq!(error.problem(), &Problem::Type { found, expected: "a text" });
    }
    wrong["evaluationBudget"] = Value::Null;
    assert_eq!(Settings::parse(&wrong).unwrap_err().problem(), &Problem::NoValue { expected: "a text" });
}

// Guards `check_time` before each call, with the budget of the settings: all is 503 that was not asked in time.
#[test]
fn rule_01_past_the_budget_nothing_is_asked_and_nothing_accepted() {
    let registry = registry(500);
    let answer = decide(&policy("1500ms"), &pod_of(&[A, B, C]), &registry);
    // The first was decided in time; the second has a digest and no signatures; the third has nothing.
    assert_eq!(
        reasons(&answer),
        [("spec.containers[1]", &out_of_time(1500)), ("spec.containers[2]", &out_of_time(1500))]
    );
    assert_eq!((answer.code, &answer.mutated, registry.calls().len()), (Some(503), &None, 3));
    let digest = forge::hex_digest(B.as_bytes());
    assert_eq!(
        answer.message,
        format!(
            "spec.containers[1] {B} ({}…): rule \"release\": out of time: `evaluationBudget` is 1500 ms\n\
             spec.containers[2] {C}: out of time: `evaluationBudget` is 1500 ms\n\
             (1 other image passed)",
            digest.chars().take(7 + 12).collect::<String>()
        )
    );
    // The budget counts, not a constant.
    for (budget, accepted, calls) in [
        ("4s", true, 6),
        ("3001ms", true, 6),
        ("3000ms", false, 6),
        ("2500ms", false, 5),
        ("100ms", false, 1),
    ] {
        let registry = self::registry(500);
        let answer = decide(&policy(budget), &pod_of(&[A, B, C]), &registry);
        assert_eq!(
            (answer.accepted, registry.calls().len()),
            (accepted, calls),
            "{budget} {}",
            answer.message
        );
        assert_eq!(answer.code, (!accepted).then_some(503), "{budget}");
    }
}

// Guards the memo standing before the port: what is decided stays decided, and costs nothing.
#[test]
fn rule_01_what_is_decided_before_the_deadline_stays_decided() {
    let exempt = "r.example.com/acme/public/x:1";
    let mut policy = policy("1500ms");
    policy["verifyImages"][0]["skipImageReferences"] = json!(["r.example.com/acme/public/*"]);
    let registry = registry(500);
    let answer = decide(&policy, &pod_of(&[A, B, A, "other.example.com/x", exempt, C]), &registry);
    let late: Vec<&str> = reasons(&answer).iter().map(|(path, _)| *path).collect();
    assert_eq!(late, ["spec.containers[1]", "spec.containers[5]"]);
    assert!(answer.message.ends_with("\n(4 other images passed)"), "{}", answer.message);
    assert_eq!(registry.calls().len(), 3);
    // A no that was found in time is a no, and says so beside what was not decided.
    let registry = self::registry(500);
    let answer = decide(&policy, &pod_of(&[UNSIGNED, A, B]), &registry);
    assert_eq!(
        reasons(&answer),
        [
            ("spec.containers[0]", &Reason::NoSignature { cosign_3: false }),
            ("spec.containers[1]", &out_of_time(1500)),
            ("spec.containers[2]", &out_of_time(1500)),
        ]
    );
    assert_eq!(answer.code, Some(403));
}

// Guards that every way to the host goes through `check_time`: pinned images, Secrets, indexes, revocation.
#[test]
fn rule_01_no_call_after_the_deadline_whatever_it_is_for() {
    let key = Key::new("release");
    let pinned = format!("{B}@{}", forge::hex_digest(B.as_bytes()));
    let one_call = |policy: &Value, registry: FakeRegistry, image: &str| {
        let answer = decide(policy, &pod_of(&["r.example.com/acme/absent:1", image]), &registry);
        assert_eq!(registry.calls().len(), 1, "{:?}", registry.calls());
        assert_eq!(answer.code, Some(503));
        let Some((_, failure)) = failures(&answer).get(1) else { panic!("{answer:?}") };
        failure.reason().clone()
    };
    let base = policy("100ms");
    assert_eq!(one_call(&base, registry(100), &pinned), out_of_time(100));
    assert_eq!(one_call(&base, registry(100), A), out_of_time(100));

    let mut secret = base.clone();
    secret["verifyImages"][0]["attestors"][0]["entries"][0]["keys"] =
        json!({"secret": {"name": "keys", "namespace": "shop"}, "rekor": {"ignoreTlog": true}});
    let mut holding = registry(100);
    let data = json!({"data": {"cosign.pub": STANDARD.encode(key.pem())}});
    holding.store("Secret", "shop", "keys", data);
    let late = Reason::Keys(KeySourceError::OutOfTime(Duration::from_millis(100)));
    assert_eq!(one_call(&secret, holding, &pinned), late);

    let mut index = base.clone();
    index["verifyImages"][0]["childSignatures"] = json!("all");
    assert_eq!(one_call(&index, registry(100), &pinned), out_of_time(100));

    let mut revoking = base;
    revoking["revoked"] = json!({"digests": [forge::hex_digest(b"x")]});
    assert_eq!(one_call(&revoking, registry(100), "other.example.com/x:1"), out_of_time(100));
}

// Guards `>=` of `check_time`: the call that would begin on the deadline is not made.
#[test]
fn rule_01_the_deadline_itself_is_too_late() {
    for (call_takes, calls) in [(100, 1), (99, 2)] {
        let registry = registry(call_takes);
        let answer = decide(&policy("100ms"), &pod(A), &registry);
        assert_eq!((answer.code, registry.calls().len()), (Some(503), calls), "{}", answer.message);
    }
    let registry = registry(49);
    assert!(decide(&policy("100ms"), &pod(A), &registry).accepted);
    let tag = signature_tag(A, &forge::hex_digest(A.as_bytes()));
    assert_eq!(registry.calls(), [("digest", A.to_owned()), ("manifest", tag)]);
}
