//! Rule 11: UPDATE. What is skipped because it runs already, place by place; what is patched; deletion; and the
//! subresources. Each test says which line of the source it guards.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use serde_json::{Value, json};
use sigwarden::verdict::{Outcome, Reason, Verdict};
use sigwarden::workload::RunsNothing;
use sigwarden_testkit::fake_registry::pinned;
use sigwarden_testkit::forge;
use sigwarden_testkit::objects::{DEPLOYMENT, KINDS, Kind, PLACES, POD, add, one_container};
use sigwarden_testkit::run::policy;
use sigwarden_testkit::{Answer, FakeRegistry, Key, decide, failures};

const GOOD: &str = "r.example.com/acme/good:1";
const UNSIGNED: &str = "r.example.com/acme/unsigned:1";
const ALSO_UNSIGNED: &str = "r.example.com/acme/also-unsigned:1";

/// The policy that does not verify again what runs pinned already.
fn skipping() -> Value {
    let mut policy = policy();
    policy["skipUnchanged"] = json!(true);
    policy
}

fn registry() -> FakeRegistry {
    let mut registry = FakeRegistry::new();
    registry.push_signed(GOOD, &[&Key::new("release")]);
    registry.push(UNSIGNED);
    registry.push(ALSO_UNSIGNED);
    registry
}

/// A pod spec of containers with names.
fn spec(containers: &[(&str, &str)]) -> Value {
    let containers: Vec<Value> =
        containers.iter().map(|(name, image)| json!({"name": name, "image": image})).collect();
    json!({"containers": containers})
}

fn update(kind: &Kind, old: &Value, new: &Value) -> Value {
    kind.update(&kind.object(old), &kind.object(new))
}

/// The pointers of the images that were refused, all for having no signature.
fn unsigned(answer: &Answer) -> Vec<&str> {
    let failures = failures(answer);
    assert!(
        failures.iter().all(|(_, failure)| failure.reason() == &Reason::NoSignature { cosign_3: false }),
        "{answer:?}"
    );
    failures.iter().map(|(site, _)| site.pointer()).collect()
}

fn nothing(answer: &Answer) -> Option<RunsNothing> {
    let Verdict::Accept(accepted) = &answer.verdict else { panic!("{answer:?}") };
    assert_eq!((&answer.mutated, answer.annotations.len(), answer.warnings.len()), (&None, 0, 0));
    accepted.why_nothing()
}

// Guards the three conditions before `Outcome::Unchanged` in evaluate.rs.
#[test]
fn rule_11_a_pinned_image_that_does_not_change_is_skipped_where_the_settings_say_so() {
    for kind in KINDS {
        for place in PLACES {
            let mut spec = one_container(&pinned(GOOD));
            add(&mut spec, place, "old", &pinned(UNSIGNED));
            let request = update(&kind, &spec, &spec);
            let registry = registry();
            let answer = decide(&skipping(), &request, &registry);
            let Verdict::Accept(accepted) = &answer.verdict else { panic!("{answer:?}") };
            let skipped = accepted.images().iter().all(|(_, image)| image.outcome == Outcome::Unchanged);
            assert!(skipped, "{} {place}", kind.kind);
            // Nothing is asked, nothing is changed, and nothing is called verified.
            assert_eq!((registry.calls(), &answer.mutated), (vec![], &None));
            let [(name, value)] = answer.annotations.as_slice() else { panic!("{answer:?}") };
            assert_eq!(name, "unchanged-images");
            assert!(value.contains(&pinned(UNSIGNED)), "{value}");

            // Not unless the settings say so, and not on CREATE, whatever else the request holds.
            assert_eq!(unsigned(&decide(&policy(), &request, &registry)).len(), 1);
            let mut off = skipping();
            off["skipUnchanged"] = json!(false);
            assert_eq!(unsigned(&decide(&off, &request, &registry)).len(), 1);
            let object = kind.object(&spec);
            assert_eq!(unsigned(&decide(&skipping(), &kind.create(&object), &registry)).len(), 1);
            let odd = kind.request("CREATE", &object, &object);
            assert_eq!(unsigned(&decide(&skipping(), &odd, &registry)).len(), 1, "{} {place}", kind.kind);
        }
    }
}

// Guards `pinned &&`: what a tag means may have changed although the object did not.
#[test]
fn rule_11_an_unchanged_tag_is_verified_again() {
    let old = spec(&[("app", UNSIGNED)]);
    let answer = decide(&skipping(), &update(&DEPLOYMENT, &old, &old), &registry());
    assert_eq!(unsigned(&answer), ["/spec/template/spec/containers/0/image"]);
    // Its signed twin is verified and not patched: that would restart it.
    let old = spec(&[("app", GOOD)]);
    let answer = decide(&skipping(), &update(&DEPLOYMENT, &old, &old), &registry());
    let Verdict::Accept(accepted) = &answer.verdict else { panic!("{answer:?}") };
    assert!(matches!(accepted.images()[0].1.outcome, Outcome::Verified(_)));
    assert_eq!(answer.mutated, None);
}

// Guards each of the comparisons of `ImageSite::compare`.
#[test]
fn rule_11_unchanged_means_the_same_image_in_the_same_place_and_container() {
    let (one, two) = (pinned(UNSIGNED), pinned(ALSO_UNSIGNED));
    let old = spec(&[("a", &one), ("b", &two)]);
    let [first, second] = ["/spec/containers/0/image", "/spec/containers/1/image"];
    for (what, new, refused) in [
        ("same", spec(&[("a", &one), ("b", &two)]), &[][..]),
        ("reordered", spec(&[("b", &two), ("a", &one)]), &[first, second]),
        ("renamed", spec(&[("c", &one), ("b", &two)]), &[first]),
        ("names swapped", spec(&[("b", &one), ("a", &two)]), &[first, second]),
        ("images swapped", spec(&[("a", &two), ("b", &one)]), &[first, second]),
        ("copied", spec(&[("a", &one), ("b", &one)]), &[second]),
        ("added", spec(&[("a", &one), ("b", &two), ("c", &one)]), &["/spec/containers/2/image"]),
        ("first removed", spec(&[("b", &two)]), &[first]),
        ("last removed", spec(&[("a", &one)]), &[]),
        ("tag changed", spec(&[("a", &one.replace(":1@", ":2@")), ("b", &two)]), &[first]),
        (
            "digest changed",
            spec(&[("a", &format!("{UNSIGNED}@{}", forge::hex_digest(b"x"))), ("b", &two)]),
            &[first],
        ),
        ("digest removed", spec(&[("a", UNSIGNED), ("b", &two)]), &[first]),
    ] {
        let answer = decide(&skipping(), &update(&POD, &old, &new), &registry());
        if refused.is_empty() {
            assert!(answer.accepted, "{what}: {}", answer.message);
        } else {
            assert_eq!(unsigned(&answer), refused, "{what}");
        }
    }
    // Another list is another place.
    let mut init = spec(&[("a", &pinned(GOOD))]);
    init["initContainers"] = json!([{"name": "a", "image": one}]);
    let mut swapped = spec(&[("a", &one)]);
    swapped["initContainers"] = json!([{"name": "a", "image": pinned(GOOD)}]);
    let answer = decide(&skipping(), &update(&POD, &init, &swapped), &registry());
    assert_eq!(unsigned(&answer), [first]);
}

// Guards `check_revoked` standing before the skip, and the rules that deny what no rule names.
#[test]
fn rule_11_what_is_revoked_or_unmatched_is_refused_although_it_does_not_change() {
    let old = spec(&[("app", &pinned(GOOD))]);
    let request = update(&POD, &old, &old);
    assert!(decide(&skipping(), &request, &registry()).accepted);
    let mut revoking = skipping();
    revoking["revoked"] = json!({"digests": [forge::hex_digest(GOOD.as_bytes())]});
    let answer = decide(&revoking, &request, &registry());
    let [(_, failure)] = failures(&answer) else { panic!("{answer:?}") };
    assert_eq!((failure.reason(), answer.code), (&Reason::Revoked, Some(403)));

    let other = spec(&[("app", &format!("other.example.com/x@{}", forge::hex_digest(b"x")))]);
    let mut strict = skipping();
    strict["unmatchedImages"] = json!("deny");
    let answer = decide(&strict, &update(&POD, &other, &other), &registry());
    let [(_, failure)] = failures(&answer) else { panic!("{answer:?}") };
    assert_eq!(failure.reason(), &Reason::Unmatched { audited: false });
}

// Guards `may_change` of `Evaluation::change`: `imagePullPolicy` restarts as well as the image does.
#[test]
fn rule_11_only_what_changes_is_patched() {
    let mut policy = policy();
    policy["mutation"] = json!({"imagePullPolicy": "Always"});
    let old = spec(&[("tag", GOOD), ("pinned", &pinned(GOOD)), ("changes", "r.example.com/acme/good:0")]);
    let new = spec(&[("tag", GOOD), ("pinned", &pinned(GOOD)), ("changes", GOOD)]);
    for kind in KINDS {
        let mut expected = kind.object(&new);
        let container = expected.pointer_mut(&format!("{}/containers/2", kind.pod_spec)).unwrap();
        *container = json!({"name": "changes", "image": pinned(GOOD), "imagePullPolicy": "Always"});
        let answer = decide(&policy, &update(&kind, &old, &new), &registry());
        assert_eq!(answer.mutated, Some(expected), "{}", kind.kind);
        assert_eq!(decide(&policy, &update(&kind, &new, &new), &registry()).mutated, None);
    }
}

// Guards `being_deleted` of workload/mod.rs.
#[test]
fn rule_11_an_object_being_deleted_is_let_go_unless_an_image_changes() {
    for kind in KINDS {
        let deleted = |spec: &Value, at: Value| {
            let mut object = kind.object(spec);
            object["metadata"]["deletionTimestamp"] = at;
            object
        };
        let at = json!("2026-01-01T00:00:00Z");
        let plain = kind.object(&spec(&[("app", UNSIGNED)]));
        let being_deleted = deleted(&spec(&[("app", UNSIGNED)]), at.clone());
        for policy in [policy(), skipping()] {
            let registry = registry();
            let decide = |old: &Value, new: &Value| decide(&policy, &kind.update(old, new), &registry);
            let answer = decide(&being_deleted, &being_deleted);
            assert_eq!(nothing(&answer), Some(RunsNothing::BeingDeleted), "{}", kind.kind);
            assert_eq!(registry.calls(), []);
            // What the new object says of its own deletion is anybody's word.
            assert_eq!(unsigned(&decide(&plain, &being_deleted)).len(), 1);
            // A changed image is verified, a signed one too, and accepted.
            let changed = deleted(&spec(&[("app", ALSO_UNSIGNED)]), at.clone());
            assert_eq!(unsigned(&decide(&being_deleted, &changed)).len(), 1);
            let signed = deleted(&spec(&[("app", GOOD)]), at.clone());
            assert!(decide(&being_deleted, &signed).mutated.is_some());
            // So is an image that moves, or comes along.
            let renamed = deleted(&spec(&[("b", UNSIGNED)]), at.clone());
            assert_eq!(unsigned(&decide(&being_deleted, &renamed)).len(), 1);
            let more = deleted(&spec(&[("app", UNSIGNED), ("b", GOOD)]), at.clone());
            assert_eq!(unsigned(&decide(&being_deleted, &more)).len(), 1);
        }
    }
}

// Guards `Placement::EphemeralContainers`: `kubectl debug` into a pod that runs already.
#[test]
fn rule_11_of_ephemeral_containers_only_new_entries_count() {
    let mut old = spec(&[("app", UNSIGNED)]);
    add(&mut old, "ephemeralContainers", "first", ALSO_UNSIGNED);
    let with = |image: &str| {
        let mut new = old.clone();
        add(&mut new, "ephemeralContainers", "second", image);
        let mut request = update(&POD, &old, &new);
        request["subResource"] = json!("ephemeralcontainers");
        request
    };
    let second = "/spec/ephemeralContainers/1/image";
    let mut always = policy();
    always["mutation"] = json!({"imagePullPolicy": "Always"});
    for policy in [policy(), skipping(), always] {
        for image in [UNSIGNED.to_owned(), pinned(ALSO_UNSIGNED)] {
            assert_eq!(unsigned(&decide(&policy, &with(&image), &registry())), [second]);
        }
        let mut expected = with(GOOD)["object"].clone();
        *expected.pointer_mut(second).unwrap() = json!(pinned(GOOD));
        if policy["mutation"].is_object() {
            expected["spec"]["ephemeralContainers"][1]["imagePullPolicy"] = json!("Always");
        }
        assert_eq!(decide(&policy, &with(GOOD), &registry()).mutated, Some(expected));
    }
    let mut none = with(GOOD);
    none["object"] = none["oldObject"].clone();
    assert_eq!(nothing(&decide(&policy(), &none, &registry())), Some(RunsNothing::Subresource));
}

// Guards that `dryRun` is not read at all: `kubectl apply --dry-run=server` shows what would happen.
#[test]
fn rule_11_a_dry_run_has_the_same_verdict() {
    for image in [GOOD, UNSIGNED, "r.example.com/acme/absent:1"] {
        let mut request = POD.create(&POD.object(&spec(&[("app", image)])));
        let wet = decide(&policy(), &request, &registry());
        request["dryRun"] = json!(true);
        let dry = decide(&policy(), &request, &registry());
        assert_eq!((wet.verdict, wet.message, wet.code), (dry.verdict, dry.message, dry.code));
        assert_eq!((wet.mutated, wet.annotations), (dry.mutated, dry.annotations));
    }
}

// Guards `subresource` of workload/kinds.rs: these change no image, as their objects show.
#[test]
fn rule_11_subresources_without_images_ask_nothing() {
    let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": 3}});
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "target": {"kind": "Node", "name": "n"}});
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction"});
    let pod = POD.object(&spec(&[("app", UNSIGNED)]));
    for (kind, name, own_kind, operation, object) in [
        (DEPLOYMENT, "scale", Some(("autoscaling", "Scale")), "UPDATE", &scale),
        (POD, "binding", Some(("", "Binding")), "CREATE", &binding),
        (POD, "eviction", Some(("policy", "Eviction")), "CREATE", &eviction),
        (POD, "status", None, "UPDATE", &pod),
        (POD, "resize", None, "UPDATE", &pod),
    ] {
        let mut request = kind.request(operation, object, object);
        request["subResource"] = json!(name);
        if let Some((group, own_kind)) = own_kind {
            request["kind"] = json!({"group": group, "version": "v1", "kind": own_kind});
        }
        let registry = registry();
        let mut strict = policy();
        strict["unmatchedImages"] = json!("deny");
        assert_eq!(nothing(&decide(&strict, &request, &registry)), Some(RunsNothing::Subresource), "{name}");
        assert_eq!(registry.calls(), []);
        // The same request on the object itself is not let through.
        request["subResource"] = Value::Null;
        assert!(!decide(&strict, &request, &registry).accepted, "{name}");
    }
    let delete = POD.request("DELETE", &Value::Null, &pod);
    assert_eq!(nothing(&decide(&policy(), &delete, &registry())), Some(RunsNothing::Delete));
}
