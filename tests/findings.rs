//! Ways round the policy that a review found, each with the request that is still accepted.

use core::time::Duration;

use serde_json::json;
use sigwarden::image::ReferenceError;
use sigwarden::registry::RegistryError;
use sigwarden::settings::{Problem, Settings};
use sigwarden::verdict::{Denied, ObjectReason, Reason, Verdict};
use sigwarden::workload::WorkloadError;
use sigwarden_testkit::objects::{pod, pod_of};
use sigwarden_testkit::run::{APP, policy, reason, rule, settings};
use sigwarden_testkit::{Answer, FakeRegistry, Key, decide, failures, forge};

fn registry() -> FakeRegistry {
    let mut registry = FakeRegistry::new();
    registry.push_signed(APP, &[&Key::new("release")]);
    registry
}

/// A node that has an image under a digest or a part of it runs that image, whatever it is called.
#[test]
fn an_image_identifier_is_no_tag_of_docker_hub() {
    for identifier in [forge::hex_digest(APP.as_bytes()), "sha256:4d357a9b".to_owned()] {
        let answer = decide(&policy(), &pod(&identifier), &registry());
        assert_eq!(reason(&answer), &Reason::Reference(ReferenceError::Identifier), "{identifier}");
    }
    assert!(decide(&policy(), &pod("library/sha256"), &registry()).accepted);
}

/// A rule that demands a digest is not met because another one would have pinned the image and does not.
#[test]
fn rule_06_a_digest_that_is_demanded_is_there() {
    let mut strict = rule(&["r.example.com/*"], &Key::new("release"));
    strict["name"] = json!("strict");
    strict["mutateDigest"] = json!(false);
    let both = settings(&[rule(&["r.example.com/*"], &Key::new("release")), strict]);
    // On CREATE the image is pinned, which is what the strict rule wants.
    assert!(decide(&both, &pod(APP), &registry()).accepted);
    // On an UPDATE that leaves it as it is, nothing is pinned.
    let mut update = pod(APP);
    update["operation"] = json!("UPDATE");
    update["oldObject"] = update["object"].clone();
    assert!(decide(&policy(), &update, &registry()).accepted);
    assert_eq!(reason(&decide(&both, &update, &registry())), &Reason::Unpinned);
}

/// An object that is being deleted must lose its finalizers, even one whose images cannot be told.
#[test]
fn rule_11_a_deletion_is_not_stuck() {
    let mut update = pod(APP);
    update["operation"] = json!("UPDATE");
    update["object"]["spec"]["containers"][0].as_object_mut().map(|container| container.remove("image"));
    update["oldObject"] = update["object"].clone();
    update["oldObject"]["metadata"]["finalizers"] = json!(["example.com/x"]);
    let no_image = |answer: &Answer| {
        let Verdict::Deny(Denied::Object(ObjectReason::Workload(error))) = &answer.verdict else {
            panic!("{answer:?}")
        };
        assert_eq!(error, &WorkloadError::NoImage("spec.containers[0].image".to_owned()));
    };
    no_image(&decide(&policy(), &update, &registry()));
    update["oldObject"]["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert!(decide(&policy(), &update, &registry()).accepted);
    // Nothing else may change with it.
    update["object"]["spec"]["hostNetwork"] = json!(true);
    no_image(&decide(&policy(), &update, &registry()));
}

/// A skip reaches what it names: not a part of a digest, and no other host.
#[test]
fn rule_07_a_skip_cannot_be_grown_into() {
    for skip in ["r.example.com/acme/app@sha256:4d*", "r.example.com/acme/app@*", "*e*/*", "r*.example.com/*"]
    {
        let mut policy = policy();
        policy["verifyImages"][0]["skipImageReferences"] = json!([skip]);
        let error = Settings::parse(&policy).unwrap_err();
        assert!(matches!(error.problem(), Problem::Pattern { .. }), "{skip}: {error}");
    }
    let mut policy = policy();
    policy["verifyImages"][0]["skipImageReferences"] = json!(["*.example.com/acme/*"]);
    assert!(decide(&policy, &pod("r.example.com/acme/unsigned"), &registry()).accepted);
}

/// What needs no call is decided past `evaluationBudget`, but not for ever: the host would end the evaluation.
#[test]
fn rule_01_even_what_needs_no_call_has_an_end() {
    let mut policy = policy();
    policy["evaluationBudget"] = json!("100ms");
    let failed = |call_takes: u64| {
        let registry = FakeRegistry::slow(Duration::from_millis(call_takes));
        let answer = decide(&policy, &pod_of(&["r.example.com/absent", "other.example.com/x"]), &registry);
        failures(&answer).iter().map(|(_, failure)| failure.reason().clone()).collect::<Vec<_>>()
    };
    assert_eq!(failed(124), [Reason::Registry(RegistryError::NoSuchManifest)]);
    let late = Reason::Registry(RegistryError::OutOfTime(Duration::from_millis(100)));
    assert_eq!(failed(125), [Reason::Registry(RegistryError::NoSuchManifest), late]);
}
