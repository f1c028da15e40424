//! Rule 12: `failureAction: Audit`. An unverified image is accepted and nothing more: not changed, not called
//! verified; what would have been denied is told in three places; and no other rule gives way to it.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use core::time::Duration;

use serde_json::{Value, json};
use sigwarden::requirement::RuleName;
use sigwarden::settings::{Problem, Settings};
use sigwarden::verdict::{Outcome, Reason, Verdict, event};
use sigwarden::workload::AdmissionRequest;
use sigwarden_testkit::fake_registry::{canonical, pinned, signature_tag};
use sigwarden_testkit::forge;
use sigwarden_testkit::objects::{pod, pod_of};
use sigwarden_testkit::run::{APP, NO_SIGNATURE, rule, settings};
use sigwarden_testkit::{Answer, FakeRegistry, Key, decide, failures};

const UNSIGNED: &str = "r.example.com/acme/unsigned:1";

/// A rule that only audits, called `audit`.
fn auditing(key: &Key) -> Value {
    let mut rule = rule(&["*"], key);
    rule["name"] = json!("audit");
    rule["failureAction"] = json!("Audit");
    rule["mutateDigest"] = json!(false);
    rule["verifyDigest"] = json!(false);
    rule
}

fn policy() -> Value {
    settings(&[auditing(&Key::new("release"))])
}

fn registry() -> FakeRegistry {
    let mut registry = FakeRegistry::new();
    registry.push_signed(APP, &[&Key::new("release")]);
    registry.push(UNSIGNED);
    registry
}

fn short(image: &str) -> String {
    format!("{}…", forge::hex_digest(image.as_bytes()).chars().take(7 + 12).collect::<String>())
}

fn annotations(answer: &Answer) -> Vec<(&str, &str)> {
    answer.annotations.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// The event that the host logs.
fn logged(settings: &Value, request: &Value, registry: &FakeRegistry) -> Value {
    let payload = json!({"request": request, "settings": settings}).to_string();
    let (parsed, _) = AdmissionRequest::from_payload(payload.as_bytes()).unwrap();
    event(
        &decide(settings, request, registry).verdict,
        &parsed,
        Duration::from_millis(7),
        &["note".to_owned()],
    )
}

fn outcome(answer: &Answer) -> &Outcome {
    let Verdict::Accept(accepted) = &answer.verdict else { panic!("{answer:?}") };
    let [(_, image)] = accepted.images() else { panic!("{answer:?}") };
    &image.outcome
}

// Guards `Problem::AuditMutates` of `action`.
#[test]
fn rule_12_audit_and_mutation_exclude_each_other() {
    let with = |mutate: Option<bool>, action: &str| {
        let mut rule = auditing(&Key::new("release"));
        rule["failureAction"] = json!(action);
        match mutate {
            Some(mutate) => rule["mutateDigest"] = json!(mutate),
            None => drop(rule.as_object_mut().unwrap().remove("mutateDigest")),
        }
        Settings::parse(&settings(&[rule]))
    };
    for mutate in [Some(true), None] {
        let error = with(mutate, "Audit").unwrap_err();
        assert_eq!(error.problem(), &Problem::AuditMutates);
        assert_eq!(
            error.to_string(),
            "verifyImages[0].failureAction: `Audit` needs `mutateDigest: false`: what is not verified is not changed"
        );
        assert!(with(mutate, "Enforce").is_ok());
    }
    assert!(with(Some(false), "Audit").is_ok());
    for action in ["audit", "ENFORCE", "", "Warn"] {
        assert!(
            matches!(with(Some(false), action).unwrap_err().problem(), Problem::Value { .. }),
            "{action}"
        );
    }
}

// Guards `enforced.is_empty()` of evaluate.rs and `accepted_digest` of patch.rs.
#[test]
fn rule_12_an_unverified_image_is_accepted_and_neither_changed_nor_called_verified() {
    let mut always = policy();
    always["mutation"] = json!({"imagePullPolicy": "Always"});
    for policy in [policy(), always] {
        for image in [UNSIGNED.to_owned(), pinned(UNSIGNED)] {
            let answer = decide(&policy, &pod(&image), &registry());
            assert!(answer.accepted, "{}", answer.message);
            assert_eq!((outcome(&answer), &answer.mutated), (&Outcome::Audited, &None));
            let line =
                format!("spec.containers[0] {image} ({}): rule \"audit\": {NO_SIGNATURE}", short(UNSIGNED));
            assert_eq!(
                annotations(&answer),
                [("audited-images", format!("spec.containers[0] {image}").as_str()), ("would-deny", &line)]
            );
            let [warning] = answer.warnings.as_slice() else { panic!("{answer:?}") };
            assert!(format!("would deny: {line}").starts_with(warning.trim_end_matches('…')), "{warning}");
        }
        // One that is met is not changed either: what only audits changes nothing.
        for image in [APP.to_owned(), pinned(APP)] {
            let answer = decide(&policy, &pod(&image), &registry());
            assert_eq!((outcome(&answer), &answer.mutated), (&Outcome::Audited, &None));
            assert_eq!(
                annotations(&answer),
                [("audited-images", format!("spec.containers[0] {image}").as_str())]
            );
            assert_eq!(answer.warnings, [""; 0]);
        }
    }
}

// Guards `Reason::Unpinned` among the failures of rules that audit.
#[test]
fn rule_12_an_unpinned_image_would_be_denied_too() {
    let mut policy = policy();
    policy["verifyImages"][0]["verifyDigest"] = json!(true);
    let unpinned = format!(
        "spec.containers[0] {APP}: rule \"audit\": a tag where a digest is required: what runs must be what was \
         verified; pin it as NAME:TAG@sha256:…, or set `mutateDigest: true`"
    );
    let answer = decide(&policy, &pod(APP), &registry());
    assert_eq!(answer.warnings, [format!("would deny: {unpinned}")]);
    assert_eq!(annotations(&answer).last(), Some(&("would-deny", unpinned.as_str())));
    assert_eq!(decide(&policy, &pod(&pinned(APP)), &registry()).warnings, [""; 0]);
}

// Guards the level and message of `event`.
#[test]
fn rule_12_each_would_deny_is_logged() {
    let request = pod_of(&[APP, UNSIGNED, &pinned(UNSIGNED)]);
    let event = logged(&policy(), &request, &registry());
    let line = |index: usize, image: &str| {
        format!("spec.containers[{index}] {image} ({}): rule \"audit\": {NO_SIGNATURE}", short(UNSIGNED))
    };
    assert_eq!(
        event,
        json!({
            "level": "warning",
            "message": "accepted, would deny",
            "code": 200,
            "operation": "CREATE",
            "kind": "Pod",
            "namespace": "shop",
            "images": 3,
            "reasons": [line(1, UNSIGNED), line(2, &pinned(UNSIGNED))],
            "settings_notes": ["note"],
            "duration_ms": 7,
        })
    );
    let met = logged(&policy(), &pod(APP), &registry());
    assert_eq!(
        (&met["level"], &met["message"], &met["reasons"]),
        (&json!("info"), &json!("accepted"), &json!([]))
    );

    let mut enforcing = policy();
    enforcing["verifyImages"][0]["failureAction"] = json!("Enforce");
    let denied = logged(&enforcing, &request, &registry());
    let message = decide(&enforcing, &request, &registry()).message;
    assert_eq!(
        (&denied["level"], &denied["message"], &denied["code"], &denied["reasons"], &denied["images"]),
        (&json!("warning"), &json!("rejected"), &json!(403), &json!([message]), &json!(3))
    );
    let absent = logged(&enforcing, &pod("r.example.com/acme/absent:1"), &registry());
    assert_eq!((&absent["message"], &absent["code"]), (&json!("could not decide"), &json!(503)));
}

// Guards the partition of the rules in `required`: those that enforce are all asked.
#[test]
fn rule_12_a_rule_that_enforces_denies_whatever_another_one_audits() {
    let (release, security) = (Key::new("release"), Key::new("security"));
    let mut enforcing = rule(&["r.example.com/*"], &security);
    enforcing["name"] = json!("enforce");
    let audit = auditing(&release);
    for rules in [[audit.clone(), enforcing.clone()], [enforcing.clone(), audit.clone()]] {
        let policy = settings(&rules);
        // By nobody, and by the one whom only the audit wants.
        for (keys, reason) in [(vec![], "none"), (vec![&release], "another key")] {
            let mut registry = FakeRegistry::new();
            registry.push_signed(APP, &keys);
            let answer = decide(&policy, &pod(APP), &registry);
            let [(_, failure)] = failures(&answer) else { panic!("{answer:?}") };
            assert_eq!(failure.rule(), Some(&RuleName::Given("enforce".to_owned())), "{reason}");
            assert_eq!((answer.code, &answer.mutated), (Some(403), &None));
        }
        // By the one whom the other rule wants: accepted and pinned by that rule, verified by that rule alone.
        let mut registry = FakeRegistry::new();
        let digest = registry.push_signed(APP, &[&security]);
        let answer = decide(&policy, &pod(APP), &registry);
        assert!(answer.accepted, "{}", answer.message);
        assert_eq!(
            answer.mutated.as_ref().unwrap()["spec"]["containers"][0]["image"],
            json!(format!("{APP}@{digest}"))
        );
        let [("verified-images", verified), ("would-deny", would_deny)] = annotations(&answer)[..] else {
            panic!("{answer:?}")
        };
        assert_eq!(
            verified,
            format!("spec.containers[0] {APP}@{digest}: rule \"enforce\" by key {}", security.fingerprint())
        );
        assert!(
            would_deny.contains("rule \"audit\": signed, but not by whom the rule wants"),
            "{would_deny}"
        );
        // By both: nothing would be denied.
        registry.sign(APP, &digest, &[&security, &release]);
        let answer = decide(&policy, &pod(APP), &registry);
        assert_eq!(annotations(&answer).len(), 1);
        assert_eq!(answer.warnings, [""; 0]);
    }
}

// Guards the `Err(error) if enforced.is_empty()` of `required` and the one after it.
#[test]
fn rule_12_a_registry_that_is_out_denies_only_where_a_rule_enforces() {
    let release = Key::new("release");
    let digest = forge::hex_digest(APP.as_bytes());
    let mut enforcing = rule(&["r.example.com/*"], &release);
    enforcing["name"] = json!("enforce");
    for (operation, image, prefix) in [
        ("digest", canonical(APP), format!("spec.containers[0] {APP}: ")),
        (
            "manifest",
            signature_tag(APP, &digest),
            format!("spec.containers[0] {APP} ({}): rule \"audit\": ", short(APP)),
        ),
    ] {
        let mut registry = registry();
        registry.fail(operation, &image, "timed out");
        let answer = decide(&policy(), &pod(APP), &registry);
        assert!(answer.accepted, "{}", answer.message);
        let line = format!("{prefix}the registry cannot be reached (timed out)");
        assert_eq!(answer.warnings, [format!("would deny: {line}")]);
        assert_eq!(annotations(&answer).last(), Some(&("would-deny", line.as_str())));
        assert_eq!(answer.mutated, None);

        let both = settings(&[auditing(&release), enforcing.clone()]);
        let answer = decide(&both, &pod(APP), &registry);
        let [(_, failure)] = failures(&answer) else { panic!("{answer:?}") };
        assert!(matches!(failure.reason(), Reason::Registry(_)), "{answer:?}");
        assert_eq!(answer.code, Some(503));
    }
}

// Guards that the rules that enforce are asked first: time and tries are theirs.
#[test]
fn rule_12_a_rule_that_audits_takes_no_time_from_one_that_enforces() {
    let release = Key::new("release");
    let mut audit = auditing(&release);
    audit["repository"] = json!("sigs.example.com/store");
    let mut enforcing = rule(&["r.example.com/*"], &release);
    enforcing["name"] = json!("enforce");
    for rules in [[audit.clone(), enforcing.clone()], [enforcing, audit]] {
        // Time for the digest, one manifest and the signatures in it; whoever asks for another one is late.
        let mut registry = FakeRegistry::slow(Duration::from_millis(600));
        let digest = registry.push_signed(APP, &[&release]);
        let answer = decide(&settings(&rules), &pod(APP), &registry);
        assert!(answer.accepted, "{}", answer.message);
        let calls = registry.calls();
        assert_eq!(calls.len(), 3);
        assert_eq!(calls.get(1), Some(&("manifest", signature_tag(APP, &digest))));
    }
}

// Guards `check_revoked` standing before the rules: what is revoked is refused, audited or not.
#[test]
fn rule_12_revocation_is_not_audited() {
    let mut policy = policy();
    policy["revoked"] = json!({"digests": [forge::hex_digest(APP.as_bytes())]});
    let answer = decide(&policy, &pod(APP), &registry());
    let [(_, failure)] = failures(&answer) else { panic!("{answer:?}") };
    assert_eq!((failure.reason(), answer.code), (&Reason::Revoked, Some(403)));
}

// Guards `bind` asking rules that enforce alone whether an image is named.
#[test]
fn rule_12_nothing_passes_because_a_rule_audits_it() {
    const OTHER: &str = "evil.example.com/x:1";
    let mut enforcing = rule(&["r.example.com/acme/*"], &Key::new("release"));
    enforcing["name"] = json!("enforce");
    let mut skipping = auditing(&Key::new("release"));
    skipping["skipImageReferences"] = json!(["evil.example.com/*"]);
    let mut registry = registry();
    registry.push(OTHER);
    let with = |rules: &[Value], unmatched: &str| {
        let mut settings = settings(rules);
        settings["unmatchedImages"] = json!(unmatched);
        settings
    };
    for audit in [auditing(&Key::new("release")), skipping.clone()] {
        for unmatched in ["allow", "warn", "deny"] {
            for image in [APP, UNSIGNED, OTHER] {
                let without = decide(&with(&[enforcing.clone()], unmatched), &pod(image), &registry);
                let rules = [enforcing.clone(), audit.clone()];
                let answer = decide(&with(&rules, unmatched), &pod(image), &registry);
                assert_eq!(answer.accepted, without.accepted, "{unmatched}: {image}: {}", answer.message);
            }
        }
    }
    // The message does not say that no rule names it, where one does.
    let rules = [enforcing.clone(), auditing(&Key::new("release"))];
    let answer = decide(&with(&rules, "deny"), &pod(OTHER), &registry);
    let [(_, failure)] = failures(&answer) else { panic!("{answer:?}") };
    assert_eq!((failure.reason(), answer.code), (&Reason::Unmatched { audited: true }, Some(403)));
    assert_eq!(
        answer.message,
        format!(
            "spec.containers[0] {OTHER}: no rule but what only audits names this image, and `unmatchedImages` is \
             `deny`; add it to the imageReferences of a rule that enforces"
        )
    );
    let answer = decide(&with(&[enforcing, skipping], "deny"), &pod(OTHER), &registry);
    let [(_, failure)] = failures(&answer) else { panic!("{answer:?}") };
    assert_eq!(failure.reason(), &Reason::Unmatched { audited: false });
}
