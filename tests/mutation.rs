//! What is changed in an accepted object, and what is left as it came: `mutation.podsOnly`,
//! `mutation.imagePullPolicy`, custom resources, several rules, exceptions.

#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use serde_json::{Value, json};
use sigwarden::settings::{Found, Problem, Settings};
use sigwarden_testkit::fake_registry::pinned;
use sigwarden_testkit::objects::{DEPLOYMENT, KINDS, PLACES, POD, add, one_container, pod, pointer};
use sigwarden_testkit::run::{rule, settings};
use sigwarden_testkit::{Answer, FakeRegistry, Key, decide};

const GOOD: &str = "r.example.com/acme/good:1";
const ALSO_GOOD: &str = "r.example.com/acme/also-good:1";
const UNMATCHED: &str = "other.example.com/x:1";
const SKIPPED: &str = "r.example.com/acme/public/x:1";

fn policy(mutation: &Value) -> Value {
    let mut rule = rule(&["r.example.com/*"], &Key::new("release"));
    rule["skipImageReferences"] = json!(["r.example.com/acme/public/*"]);
    let mut settings = settings(&[rule]);
    if !mutation.is_null() {
        settings["mutation"] = mutation.clone();
    }
    settings
}

fn registry() -> FakeRegistry {
    let mut registry = FakeRegistry::new();
    registry.push_signed(GOOD, &[&Key::new("release")]);
    registry.push_signed(ALSO_GOOD, &[&Key::new("release")]);
    registry
}

fn image_of(answer: &Answer) -> Option<&Value> {
    answer.mutated.as_ref()?.pointer("/spec/containers/0/image")
}

// Guards `is_pod || !mutation.pods_only` and `pin_later` of `Evaluation::change`.
#[test]
fn pods_only_verifies_all_and_changes_pods() {
    let policy = policy(&json!({"podsOnly": true, "imagePullPolicy": "Always"}));
    for kind in KINDS {
        let answer = decide(&policy, &kind.create(&kind.object(&one_container(GOOD))), &registry());
        assert!(answer.accepted, "{}: {}", kind.kind, answer.message);
        if kind.kind == "Pod" {
            assert_eq!(image_of(&answer), Some(&json!(pinned(GOOD))));
        } else {
            assert_eq!(answer.mutated, None, "{}", kind.kind);
        }
        // It is verified all the same, and nobody is warned of a tag that the Pod will have pinned.
        assert_eq!(answer.warnings, [""; 0], "{}", kind.kind);
        let names: Vec<&str> = answer.annotations.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["verified-images"], "{}", kind.kind);
        let unsigned = one_container("r.example.com/acme/unsigned:1");
        assert!(!decide(&policy, &kind.create(&kind.object(&unsigned)), &registry()).accepted);
    }
    // A kind of another group is no Pod, whatever it is called.
    let mut custom = policy;
    custom["imageExtractors"] = json!({"example.com/v1/Pod": [{"path": "/spec/containers/*/image"}]});
    let mut request = pod(GOOD);
    for field in ["kind", "resource"] {
        request[field]["group"] = json!("example.com");
    }
    request["object"]["apiVersion"] = json!("example.com/v1");
    let answer = decide(&custom, &request, &registry());
    assert!(answer.accepted, "{}", answer.message);
    assert_eq!(answer.mutated, None);
    custom["mutation"]["podsOnly"] = json!(false);
    assert_eq!(image_of(&decide(&custom, &request, &registry())), Some(&json!(pinned(GOOD))));
}

// Guards `stays_unpinned`: a tag that nobody pins is told of, in a Deployment as in a Pod.
#[test]
fn without_pods_only_every_kind_is_changed() {
    for mutation in [Value::Null, json!({}), json!({"podsOnly": false})] {
        for kind in KINDS {
            let answer =
                decide(&policy(&mutation), &kind.create(&kind.object(&one_container(GOOD))), &registry());
            let image = format!("{}/containers/0/image", kind.pod_spec);
            assert_eq!(answer.mutated.unwrap().pointer(&image), Some(&json!(pinned(GOOD))), "{}", kind.kind);
        }
    }
    let mut off = policy(&json!({"podsOnly": true}));
    off["verifyImages"][0]["mutateDigest"] = json!(false);
    off["verifyImages"][0]["verifyDigest"] = json!(false);
    let answer = decide(&off, &DEPLOYMENT.create(&DEPLOYMENT.object(&one_container(GOOD))), &registry());
    assert_eq!(
        answer.warnings,
        [format!(
            "spec.template.spec.containers[0] {GOOD}: verified, but not pinned: the tag may mean another image when \
             it is pulled"
        )]
    );
}

// Guards `pull_policy` of podspec.rs and the insertion of patch.rs: where the field belongs, and only for what was
// verified.
#[test]
fn image_pull_policy_is_set_on_what_was_verified() {
    let policy = policy(&json!({"imagePullPolicy": "Always"}));
    for kind in KINDS {
        for place in PLACES {
            for image in [ALSO_GOOD.to_owned(), pinned(ALSO_GOOD), UNMATCHED.to_owned(), SKIPPED.to_owned()] {
                let verified = image.starts_with(ALSO_GOOD);
                for before in [None, Some("IfNotPresent"), Some("Never"), Some("Always")] {
                    let mut spec = one_container(GOOD);
                    let index = add(&mut spec, place, "extra", &image);
                    let (holder, field) = if place == "volumes" {
                        (format!("/{place}/{index}/image"), "pullPolicy")
                    } else {
                        (format!("/{place}/{index}"), "imagePullPolicy")
                    };
                    let holder = spec.pointer_mut(&holder).unwrap().as_object_mut().unwrap();
                    holder.remove(field);
                    if let Some(before) = before {
                        holder.insert(field.to_owned(), json!(before));
                    }
                    let mut expected = spec.clone();
                    expected["containers"][0]["image"] = json!(pinned(GOOD));
                    expected["containers"][0]["imagePullPolicy"] = json!("Always");
                    if verified {
                        *expected.pointer_mut(&pointer(place, index)).unwrap() = json!(pinned(ALSO_GOOD));
                        let at = pointer(place, index);
                        let (at, _) = at.rsplit_once('/').unwrap();
                        expected.pointer_mut(at).unwrap()[field] = json!("Always");
                    }
                    let answer = decide(&policy, &kind.create(&kind.object(&spec)), &registry());
                    assert_eq!(
                        answer.mutated,
                        Some(kind.object(&expected)),
                        "{} {place} {image} {before:?}",
                        kind.kind
                    );
                }
            }
        }
    }
    // Where it is so already, nothing is changed.
    let mut spec = one_container(&pinned(GOOD));
    spec["containers"][0]["imagePullPolicy"] = json!("Always");
    assert_eq!(decide(&policy, &POD.create(&POD.object(&spec)), &registry()).mutated, None);
    // Without the setting it is left alone.
    let answer = decide(&self::policy(&Value::Null), &pod(GOOD), &registry());
    assert_eq!(answer.mutated.unwrap()["spec"], one_container(&pinned(GOOD)));
}

// Guards the `custom` of `ImageSite::pull_policy`: what is beside an image in a custom resource is not ours.
#[test]
fn custom_resources_are_pinned_where_the_extractor_points() {
    let mut policy = policy(&json!({"imagePullPolicy": "Always"}));
    policy["imageExtractors"] = json!({"example.com/v1/App": [
        {"path": "/spec/image"},
        {"path": "/spec/volumes/*/image/reference"},
        {"path": "/spec/by~name/*", "value": "image"},
        {"path": "/spec/a.b/*/*/img"},
    ]});
    let object = json!({
        "apiVersion": "example.com/v1",
        "kind": "App",
        "metadata": {"name": "x"},
        "spec": {
            "image": GOOD,
            "imagePullPolicy": "Never",
            "volumes": [{"image": {"reference": ALSO_GOOD}}, {"image": {"reference": pinned(GOOD)}}],
            "by~name": {"a/b": {"image": GOOD}, "~1": {"image": ALSO_GOOD}, "other": {"image": UNMATCHED}},
            "a.b": [[{"img": GOOD}], []],
            "notAnImage": GOOD,
        },
    });
    let request = json!({
        "kind": {"group": "example.com", "version": "v1", "kind": "App"},
        "resource": {"group": "example.com", "version": "v1", "resource": "apps"},
        "operation": "CREATE",
        "object": object,
    });
    let answer = decide(&policy, &request, &registry());
    assert!(answer.accepted, "{}", answer.message);
    let mut expected = object;
    let spec = &mut expected["spec"];
    spec["image"] = json!(pinned(GOOD));
    spec["volumes"][0]["image"]["reference"] = json!(pinned(ALSO_GOOD));
    spec["by~name"]["a/b"]["image"] = json!(pinned(GOOD));
    spec["by~name"]["~1"]["image"] = json!(pinned(ALSO_GOOD));
    spec["a.b"][0][0]["img"] = json!(pinned(GOOD));
    assert_eq!(answer.mutated, Some(expected));
}

// Guards `enforced.iter().any(|rule| rule.mutate_digest)`: one rule that mutates pins for all, and then none refuses.
#[test]
fn of_several_rules_one_may_mutate() {
    let named = |name: &str, references: &[&str], mutate: bool| {
        let mut rule = rule(references, &Key::new("release"));
        rule["name"] = json!(name);
        rule["mutateDigest"] = json!(mutate);
        rule
    };
    for rules in [
        [named("a", &["*"], true), named("b", &["r.example.com/*"], false)],
        [named("b", &["r.example.com/*"], false), named("a", &["*"], true)],
    ] {
        let answer = decide(&settings(&rules), &pod(GOOD), &registry());
        assert_eq!(image_of(&answer), Some(&json!(pinned(GOOD))));
        assert_eq!(answer.warnings, [""; 0]);
    }
    // One that does not bind the image changes nothing of it.
    let elsewhere = settings(&[named("a", &["ghcr.io/*"], true), named("b", &["r.example.com/*"], false)]);
    assert!(decide(&elsewhere, &pod(GOOD), &registry()).message.contains("rule \"b\": a tag where a digest"));
    let mut skipping = named("a", &["*"], true);
    skipping["skipImageReferences"] = json!(["r.example.com/acme/*"]);
    let policy = settings(&[skipping, named("b", &["r.example.com/*"], false)]);
    assert!(decide(&policy, &pod(GOOD), &registry()).message.contains("rule \"b\": a tag where a digest"));
}

// Guards `Outcome::Excepted` of `accepted_digest`: what is accepted by digest runs by digest.
#[test]
fn an_excepted_image_is_pinned_as_a_verified_one_is() {
    let image = "r.example.com/acme/unsigned:1";
    let mut registry = registry();
    let digest = registry.push(image);
    let mut policy = policy(&json!({"imagePullPolicy": "Always"}));
    policy["exceptions"] = json!([{"digest": digest, "until": "2026-06-01", "reason": "ticket 1"}]);
    let answer = decide(&policy, &pod(image), &registry);
    let mut expected = one_container(&pinned(image));
    expected["containers"][0]["imagePullPolicy"] = json!("Always");
    assert_eq!(answer.mutated.unwrap()["spec"], expected);
    // Not where the policy does not pin: then it must be pinned already.
    policy["verifyImages"][0]["mutateDigest"] = json!(false);
    assert!(decide(&policy, &pod(image), &registry).message.contains("a tag where a digest is required"));
    let answer = decide(&policy, &pod(&pinned(image)), &registry);
    assert_eq!((answer.accepted, answer.mutated), (true, None));
    // An UPDATE that does not change it leaves it.
    policy["verifyImages"][0]["mutateDigest"] = json!(true);
    let object = POD.object(&one_container(image));
    assert_eq!(decide(&policy, &POD.update(&object, &object), &registry).mutated, None);
}

#[test]
fn settings_of_mutation() {
    let error = |mutation: Value| {
        let error = Settings::parse(&policy(&mutation)).unwrap_err();
        (error.path().to_owned(), error.problem().clone())
    };
    assert_eq!(
        error(json!({"imagePullPolicy": "Never"})),
        (
            "mutation.imagePullPolicy".to_owned(),
            Problem::Value { found: "Never".to_owned(), allowed: vec!["Always"] }
        )
    );
    assert_eq!(
        error(json!({"podsOnly": "true"})),
        ("mutation.podsOnly".to_owned(), Problem::Type { found: Found::Text, expected: "true or false" })
    );
    assert!(matches!(error(json!({"pods": true})).1, Problem::UnknownField { .. }));
    assert!(matches!(error(json!([])).1, Problem::Type { .. }));
}
