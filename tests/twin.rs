//! Rule 10: other webhooks run after the mutating policy. Its validating twin sees the object as it was patched,
//! refuses whatever became of it since that is not signed or not pinned, and never changes anything.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use serde_json::{Value, json};
use sigwarden::requirement::RuleName;
use sigwarden::verdict::Reason;
use sigwarden_testkit::fake_registry::pinned;
use sigwarden_testkit::forge;
use sigwarden_testkit::objects::{DEPLOYMENT, KINDS, Kind, PLACES, POD, add, one_container, pod, pointer};
use sigwarden_testkit::run::{rule, settings};
use sigwarden_testkit::{Answer, FakeRegistry, Key, decide, failures};

const GOOD: &str = "r.example.com/acme/good:1";
const ALSO_GOOD: &str = "r.example.com/acme/also-good:1";
const UNSIGNED: &str = "r.example.com/acme/unsigned:1";

fn mutating() -> Value {
    settings(&[rule(&["*"], &Key::new("release"))])
}

/// The same policy as it is installed to validate.
fn twin() -> Value {
    let mut rule = rule(&["*"], &Key::new("release"));
    rule["mutateDigest"] = json!(false);
    rule["verifyDigest"] = json!(true);
    settings(&[rule])
}

fn registry() -> FakeRegistry {
    let mut registry = FakeRegistry::new();
    registry.push_signed(GOOD, &[&Key::new("release")]);
    registry.push_signed(ALSO_GOOD, &[&Key::new("release")]);
    registry.push(UNSIGNED);
    registry
}

/// An object of a kind with an image in every place, as the mutating policy leaves it.
fn patched(kind: &Kind) -> Value {
    let mut spec = one_container(GOOD);
    for place in PLACES {
        add(&mut spec, place, "ours", ALSO_GOOD);
    }
    decide(&mutating(), &kind.create(&kind.object(&spec)), &registry()).mutated.unwrap()
}

/// What the twin says of an object. It never changes one.
fn validate(kind: &Kind, object: &Value) -> Answer {
    let answer = decide(&twin(), &kind.create(object), &registry());
    assert_eq!(answer.mutated, None);
    answer
}

fn refused(answer: &Answer) -> (&str, &Reason) {
    let [(site, failure)] = failures(answer) else { panic!("{answer:?}") };
    assert_eq!(failure.rule(), Some(&RuleName::Given("release".to_owned())));
    assert_eq!(answer.code, Some(403));
    (site.pointer(), failure.reason())
}

// Guards `to_pin` of evaluate.rs: what the first policy leaves behind is what the second one accepts.
#[test]
fn rule_10_the_twin_accepts_what_the_mutating_policy_leaves_and_never_changes_it() {
    for kind in KINDS {
        let object = patched(&kind);
        let registry = registry();
        for request in [kind.create(&object), kind.update(&kind.object(&one_container(GOOD)), &object)] {
            let answer = decide(&twin(), &request, &registry);
            assert!(answer.accepted, "{}: {}", kind.kind, answer.message);
            assert_eq!((answer.mutated, answer.warnings), (None, vec![]), "{}", kind.kind);
        }
        // All is pinned: no tag is looked up.
        assert!(registry.calls().iter().all(|(call, _)| *call == "manifest"));
        // The mutating policy itself has nothing left to do.
        assert_eq!(decide(&mutating(), &kind.create(&object), &registry).mutated, None);
    }
}

// Guards `Reason::Unpinned` of evaluate.rs and every place of podspec.rs.
#[test]
fn rule_10_the_twin_refuses_a_sidecar_that_is_unsigned_or_unpinned() {
    for kind in [POD, DEPLOYMENT, KINDS[8]] {
        for place in PLACES {
            for (image, reason) in [
                (pinned(UNSIGNED), Some(Reason::NoSignature { cosign_3: false })),
                (GOOD.to_owned(), Some(Reason::Unpinned)),
                (UNSIGNED.to_owned(), Some(Reason::Unpinned)),
                ("r.example.com/acme/good".to_owned(), Some(Reason::Unpinned)),
                (pinned(GOOD), None),
            ] {
                let mut object = patched(&kind);
                let spec = object.pointer_mut(kind.pod_spec).unwrap();
                let index = add(spec, place, "injected", &image);
                let answer = validate(&kind, &object);
                let label = format!("{} {place} {image}", kind.kind);
                let Some(reason) = reason else {
                    assert!(answer.accepted, "{label}: {}", answer.message);
                    continue;
                };
                let at = format!("{}{}", kind.pod_spec, pointer(place, index));
                assert_eq!(refused(&answer), (at.as_str(), &reason), "{label}");
            }
        }
    }
}

// Guards the same, for an image that was verified before somebody wrote another one in its place.
#[test]
fn rule_10_the_twin_refuses_an_image_changed_after_the_mutating_policy_ran() {
    let other = forge::hex_digest(b"pushed later");
    for kind in [POD, DEPLOYMENT, KINDS[8]] {
        for place in PLACES {
            let index = usize::from(place == "containers");
            let at = format!("{}{}", kind.pod_spec, pointer(place, index));
            for (image, reason) in [
                // The digest taken off again, or another one written.
                (ALSO_GOOD.to_owned(), Reason::Unpinned),
                (format!("{ALSO_GOOD}@{other}"), Reason::NoSignature { cosign_3: false }),
                // A digest that is signed, in a repository where it is not.
                (
                    format!("{UNSIGNED}@{}", forge::hex_digest(GOOD.as_bytes())),
                    Reason::NoSignature { cosign_3: false },
                ),
                (pinned(UNSIGNED), Reason::NoSignature { cosign_3: false }),
            ] {
                let mut object = patched(&kind);
                let before = object.pointer_mut(&at).unwrap();
                assert_eq!(before, &json!(pinned(ALSO_GOOD)), "{at}");
                *before = json!(image);
                let answer = validate(&kind, &object);
                assert_eq!(refused(&answer), (at.as_str(), &reason), "{} {place} {image}", kind.kind);
            }
        }
    }
}

// Guards `verify_digest` being on unless it is written out: a twin that only says what it must not do.
#[test]
fn rule_10_a_twin_verifies_digests_unless_told_otherwise() {
    let mut short = twin();
    short["verifyImages"][0].as_object_mut().unwrap().remove("verifyDigest");
    assert_eq!(refused(&decide(&short, &pod(GOOD), &registry())).1, &Reason::Unpinned);
}

// Guards `mutates` of `Evaluation::change`: the settings of the mutating policy, copied with `mutation` and all.
#[test]
fn rule_10_no_setting_makes_the_twin_change_an_object() {
    for mutation in [
        json!({"imagePullPolicy": "Always"}),
        json!({"podsOnly": true}),
        json!({"imagePullPolicy": "Always", "podsOnly": true}),
    ] {
        let mut twin = twin();
        twin["mutation"] = mutation.clone();
        let good = forge::hex_digest(b"excepted");
        twin["exceptions"] = json!([{"digest": good, "until": "2027-01-01", "reason": "ticket 1"}]);
        for image in [pinned(GOOD), format!("{UNSIGNED}@{good}")] {
            let answer = decide(&twin, &pod(&image), &registry());
            assert!(answer.accepted, "{}", answer.message);
            assert_eq!(answer.mutated, None, "{mutation} {image}");
        }
    }
}
