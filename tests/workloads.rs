//! Every kind, every place an image can stand in, every operation: what is not signed is refused, its signed
//! twin accepted, and what cannot be read is refused too.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value, json};
use sigwarden::verdict::{Denied, ObjectReason, Outcome, Reason, Verdict};
use sigwarden::workload::{RequestError, WorkloadError};
use sigwarden_testkit::fake_registry::pinned;
use sigwarden_testkit::objects::{DEPLOYMENT, KINDS, Kind, PLACES, POD, add, one_container, pod, pointer};
use sigwarden_testkit::run::policy;
use sigwarden_testkit::{Answer, FakeRegistry, Key, decide, failures};

const GOOD: &str = "r.example.com/acme/good:1";
const ALSO_GOOD: &str = "r.example.com/acme/also-good:1";
const UNSIGNED: &str = "r.example.com/acme/unsigned:1";

fn registry() -> FakeRegistry {
    let mut registry = FakeRegistry::new();
    registry.push_signed(GOOD, &[&Key::new("release")]);
    registry.push_signed(ALSO_GOOD, &[&Key::new("release")]);
    registry.push(UNSIGNED);
    registry
}

fn answer(request: &Value) -> Answer {
    decide(&policy(), request, &registry())
}

/// Why the request as a whole was refused. A refusal never changes the object.
fn reason(request: &Value) -> ObjectReason {
    let answer = answer(request);
    assert!(!answer.accepted);
    assert_eq!(answer.mutated, None);
    let Verdict::Deny(Denied::Object(reason)) = answer.verdict else { panic!("{answer:?}") };
    reason
}

fn workload(error: WorkloadError) -> ObjectReason {
    ObjectReason::Workload(error)
}

/// A pod spec that runs [`GOOD`], and an image in a place. The pointer is the image's, into the object.
fn spec_with(kind: &Kind, place: &str, image: &str) -> (Value, String) {
    let mut spec = one_container(GOOD);
    let index = add(&mut spec, place, "extra", image);
    (spec, format!("{}{}", kind.pod_spec, pointer(place, index)))
}

#[test]
fn every_place_of_every_kind_on_create_and_update() {
    for kind in KINDS {
        for place in PLACES {
            let (bad, pointer) = spec_with(&kind, place, UNSIGNED);
            let (good, _) = spec_with(&kind, place, ALSO_GOOD);
            let old = kind.object(&one_container(GOOD));
            for operation in ["CREATE", "UPDATE"] {
                let request = |spec: &Value| {
                    let old = if operation == "UPDATE" { &old } else { &Value::Null };
                    kind.request(operation, &kind.object(spec), old)
                };
                let label = format!("{} {place} {operation}", kind.kind);

                let refused = answer(&request(&bad));
                let [(site, failure)] = failures(&refused) else { panic!("{label}: {refused:?}") };
                assert_eq!((site.pointer(), site.image()), (pointer.as_str(), UNSIGNED), "{label}");
                assert_eq!(failure.reason(), &Reason::NoSignature { cosign_3: false }, "{label}");
                assert_eq!((refused.code, &refused.mutated), (Some(403), &None), "{label}");

                let accepted = answer(&request(&good));
                assert!(accepted.accepted, "{label}: {}", accepted.message);
                let mutated = accepted.mutated.unwrap();
                assert_eq!(mutated.pointer(&pointer), Some(&json!(pinned(ALSO_GOOD))), "{label}");
            }
        }
    }
}

#[test]
fn only_the_image_strings_change_and_unknown_fields_survive() {
    for kind in KINDS {
        let mut spec = one_container(GOOD);
        for place in PLACES {
            add(&mut spec, place, "extra", ALSO_GOOD);
        }
        spec["fieldOfTheFuture"] = json!({"a": [1, 2.5, null, "x", 12_345_678_901_234_567_890_u64]});
        spec["containers"][0]["alsoNew"] = json!({"image": UNSIGNED, "nested": [{}]});
        spec["nodeSelector"] = Value::Null;
        spec["volumes"].as_array_mut().unwrap().push(json!({"name": "data", "emptyDir": {}}));
        let mut object = kind.object(&spec);
        object["metadata"]["annotations"] = json!({"": "…", "a/b~c": "\u{0}\u{1f600}"});
        object["status"] = json!({"anything": true});

        let mutated = answer(&kind.create(&object)).mutated.unwrap();
        let mut expected = object;
        for (place, index, image) in [
            ("containers", 0, GOOD),
            ("initContainers", 0, ALSO_GOOD),
            ("containers", 1, ALSO_GOOD),
            ("ephemeralContainers", 0, ALSO_GOOD),
            ("volumes", 0, ALSO_GOOD),
        ] {
            let pointer = format!("{}{}", kind.pod_spec, pointer(place, index));
            *expected.pointer_mut(&pointer).unwrap() = json!(pinned(image));
        }
        assert_eq!(mutated, expected, "{}", kind.kind);
    }
}

#[test]
fn on_update_only_changed_sites_are_patched() {
    let old = json!({"containers": [
        {"name": "kept", "image": GOOD},
        {"name": "changed", "image": ALSO_GOOD},
        {"name": "renamed", "image": GOOD},
    ]});
    let mut new = old.clone();
    new["containers"][1]["image"] = json!(GOOD);
    new["containers"][2]["name"] = json!("other");
    new["containers"].as_array_mut().unwrap().push(json!({"name": "added", "image": ALSO_GOOD}));
    let result = answer(&DEPLOYMENT.update(&DEPLOYMENT.object(&old), &DEPLOYMENT.object(&new)));
    let images: Vec<String> = result.mutated.unwrap()["spec"]["template"]["spec"]["containers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|container| container["image"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(images, [GOOD.to_owned(), pinned(GOOD), pinned(GOOD), pinned(ALSO_GOOD)]);

    // Nothing changed, nothing patched; and yet verified: the twin is unsigned and was there before.
    let object = DEPLOYMENT.object(&old);
    let result = answer(&DEPLOYMENT.update(&object, &object));
    assert!(result.accepted);
    assert_eq!(result.mutated, None);
    let object = DEPLOYMENT.object(&one_container(UNSIGNED));
    assert_eq!(failures(&answer(&DEPLOYMENT.update(&object, &object))).len(), 1);
    // An old object that cannot be read has no unchanged image.
    for old in [json!({}), json!([]), json!({"spec": 1}), json!("x")] {
        let result = answer(&POD.update(&old, &POD.object(&one_container(GOOD))));
        assert_eq!(result.mutated.unwrap()["spec"]["containers"][0]["image"], json!(pinned(GOOD)));
    }
}

#[test]
fn an_unsigned_image_anywhere_turns_acceptance_into_refusal() {
    let mut config = Config { failure_persistence: None, cases: 300, ..Config::default() };
    config.rng_seed = RngSeed::Fixed(7);
    let place = || prop::sample::select(PLACES.to_vec());
    let kind = prop::sample::select(KINDS.to_vec());
    let others = prop::collection::vec((place(), any::<bool>()), 0..6);
    let strategy = (kind, others, place(), any::<prop::sample::Index>(), any::<bool>());
    let result = TestRunner::new(config).run(&strategy, |(kind, others, place, at, update)| {
        let mut spec = one_container(GOOD);
        for (index, (place, first)) in others.into_iter().enumerate() {
            add(&mut spec, place, &format!("n{index}"), if first { GOOD } else { ALSO_GOOD });
        }
        let old = kind.object(&spec);
        let request = |spec: &Value| {
            if update { kind.update(&old, &kind.object(spec)) } else { kind.create(&kind.object(spec)) }
        };
        prop_assert!(answer(&request(&spec)).accepted);

        let index = add(&mut spec, place, "unsigned", UNSIGNED);
        let items = spec[place].as_array_mut().unwrap();
        let to = at.index(items.len());
        items.swap(index, to);
        let refused = answer(&request(&spec));
        let sites: Vec<&str> = failures(&refused).iter().map(|(site, _)| site.pointer()).collect();
        prop_assert_eq!(sites, [format!("{}{}", kind.pod_spec, pointer(place, to))]);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn kinds_this_policy_does_not_know() {
    let unknown = |group: &str, version: &str, kind: &str, resource: &str| {
        let mut request = pod(GOOD);
        request["kind"] = json!({"group": group, "version": version, "kind": kind});
        request["resource"] = json!({"group": group, "version": version, "resource": resource});
        reason(&request)
    };
    for (group, version, kind, resource, shown) in [
        ("evil.io", "v1", "Pod", "pods", "evil.io/v1 Pod"),
        ("", "v2", "Pod", "pods", "v2 Pod"),
        ("apps", "v1", "Pod", "pods", "apps/v1 Pod"),
        ("apps", "v1beta1", "Deployment", "deployments", "apps/v1beta1 Deployment"),
        ("", "v1", "pod", "Pods", "v1 pod"),
        ("", "v1", "ConfigMap", "configmaps", "v1 ConfigMap"),
        ("", "", "", "", " "),
        ("serving.knative.dev", "v1", "Service", "services", "serving.knative.dev/v1 Service"),
    ] {
        let found = unknown(group, version, kind, resource);
        assert_eq!(found, workload(WorkloadError::UnknownKind(shown.to_owned())));
    }
    for (group, kind, resource) in [
        ("", "Pod", "services"),
        ("", "Service", "pods"),
        ("apps", "Deployment", "replicasets"),
        ("", "Pod", "podtemplates"),
        ("evil.io", "Scale", "pods"),
    ] {
        let mut request = pod(GOOD);
        request["kind"] = json!({"group": group, "version": "v1", "kind": kind});
        request["resource"] = json!({"group": if group == "evil.io" { "" } else { group }, "version": "v1", "resource": resource});
        let found = reason(&request);
        assert!(matches!(found, ObjectReason::Workload(WorkloadError::ResourceMismatch { .. })), "{found:?}");
    }
    // A group that differs between kind and resource.
    let mut request = pod(GOOD);
    request["kind"]["group"] = json!("evil.io");
    let mismatch =
        WorkloadError::ResourceMismatch { kind: "evil.io/v1 Pod".to_owned(), resource: "v1 pods".to_owned() };
    assert_eq!(reason(&request), workload(mismatch));
}

/// Kubewarden's audit scanner calls each resource by its kind.
#[test]
fn the_audit_scanner_is_understood() {
    for kind in KINDS {
        let named = |group: &str, resource: &str, subresource: Option<&str>| {
            let mut request = kind.create(&kind.object(&one_container(GOOD)));
            request["resource"] = json!({"group": group, "version": "v1", "resource": resource});
            request["subResource"] = json!(subresource);
            // What the scanner has not got: nobody asks, and nothing is asked for.
            let fields = request.as_object_mut().unwrap();
            for field in ["userInfo", "options", "requestResource", "dryRun"] {
                fields.remove(field);
            }
            request
        };
        let answer = answer(&named(kind.group, kind.kind, None));
        assert!(answer.accepted, "{}", answer.message);
        // The twins: another kind's name, another group, a part of the object.
        let other = if kind.kind == "Pod" { "Job" } else { "Pod" };
        for request in [
            named(kind.group, other, None),
            named("evil.io", kind.kind, None),
            named(kind.group, kind.kind, Some("status")),
        ] {
            let found = reason(&request);
            assert!(
                matches!(found, ObjectReason::Workload(WorkloadError::ResourceMismatch { .. })),
                "{found:?}"
            );
        }
    }
}

#[test]
fn an_object_that_is_of_another_kind_than_the_request_says() {
    let mismatch = |object: &str| WorkloadError::KindMismatch {
        object: object.to_owned(),
        request: "v1 Pod".to_owned(),
    };
    for (field, value, object) in [
        ("kind", json!("Deployment"), "v1 Deployment"),
        ("kind", json!(""), "v1 "),
        ("kind", Value::Null, "v1 "),
        ("kind", json!(["Pod"]), "v1 "),
        ("apiVersion", json!("v2"), "v2 Pod"),
        ("apiVersion", json!("evil.io/v1"), "evil.io/v1 Pod"),
        ("apiVersion", json!("/v1"), "/v1 Pod"),
        ("apiVersion", Value::Null, " Pod"),
    ] {
        let mut request = pod(GOOD);
        request["object"][field] = value;
        assert_eq!(reason(&request), workload(mismatch(object)));
    }
    for object in [json!([]), json!("Pod"), json!(1), json!({}), json!(true)] {
        let mut request = pod(GOOD);
        request["object"] = object;
        assert_eq!(reason(&request), workload(mismatch(" ")));
    }
    let mut request = pod(GOOD);
    request["object"] = Value::Null;
    assert_eq!(reason(&request), workload(WorkloadError::NoObject));
    request.as_object_mut().unwrap().remove("object");
    assert_eq!(reason(&request), workload(WorkloadError::NoObject));
}

#[test]
fn an_image_that_is_missing() {
    for kind in KINDS {
        for place in PLACES {
            let field = if place == "volumes" { ".image.reference" } else { ".image" };
            let (spec, pointer) = spec_with(&kind, place, GOOD);
            let index = spec[place].as_array().unwrap().len() - 1;
            let path = format!("{}.{place}[{index}]{field}", kind.spec_path());
            let object = kind.object(&spec);
            let with = |change: &dyn Fn(&mut Value)| {
                let mut object = object.clone();
                change(&mut object);
                reason(&kind.create(&object))
            };
            let missing = workload(WorkloadError::NoImage(path.clone()));
            assert_eq!(with(&|object| *object.pointer_mut(&pointer).unwrap() = Value::Null), missing);
            assert_eq!(with(&|object| *object.pointer_mut(&pointer).unwrap() = json!("")), missing);
            let removed = |object: &mut Value| {
                let (parent, field) = pointer.rsplit_once('/').unwrap();
                object.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(field).unwrap();
            };
            assert_eq!(with(&removed), missing);
            for wrong in [json!(1), json!(true), json!([GOOD]), json!({"image": GOOD})] {
                assert_eq!(
                    with(&|object| *object.pointer_mut(&pointer).unwrap() = wrong.clone()),
                    workload(WorkloadError::Shape { path: path.clone(), expected: "a text" })
                );
            }
        }
    }
    // An image of blanks is there, and is no reference.
    let blank = answer(&pod(" "));
    assert!(matches!(failures(&blank)[0].1.reason(), Reason::Reference(_)));
}

#[test]
fn lists_and_mappings_of_another_shape() {
    for kind in KINDS {
        let spec_path = kind.spec_path();
        let refused = |spec: &Value| reason(&kind.create(&kind.object(spec)));
        for place in PLACES {
            let with = |value: Value| {
                let mut spec = one_container(GOOD);
                spec[place] = value;
                spec
            };
            let path = format!("{spec_path}.{place}");
            for wrong in [json!({}), json!("x"), json!(1), json!(false), json!({"0": {"image": UNSIGNED}})] {
                let shape = WorkloadError::Shape { path: path.clone(), expected: "a list" };
                assert_eq!(refused(&with(wrong)), workload(shape));
            }
            for wrong in [json!(null), json!([]), json!("x"), json!(1)] {
                let shape = WorkloadError::Shape { path: format!("{path}[0]"), expected: "a mapping" };
                assert_eq!(refused(&with(json!([wrong]))), workload(shape));
            }
            // A list without items, or without value, is no list; but a pod runs at least one container.
            for empty in [json!([]), Value::Null] {
                let request = kind.create(&kind.object(&with(empty)));
                if place == "containers" {
                    let none = WorkloadError::NoContainers(spec_path.clone());
                    assert_eq!(reason(&request), workload(none));
                } else {
                    assert!(answer(&request).accepted);
                }
            }
        }
        let none = WorkloadError::NoContainers(spec_path.clone());
        assert_eq!(refused(&json!({})), workload(none.clone()));
        assert_eq!(refused(&json!({"initContainers": [{"name": "a", "image": GOOD}]})), workload(none));
        let wrong_volume = json!({"containers": [{"image": GOOD}], "volumes": [{"name": "v", "image": "x"}]});
        let shape =
            WorkloadError::Shape { path: format!("{spec_path}.volumes[0].image"), expected: "a mapping" };
        assert_eq!(refused(&wrong_volume), workload(shape));

        // Each field on the way to the pod spec.
        let fields: Vec<&str> = kind.pod_spec.trim_start_matches('/').split('/').collect();
        for depth in 1..=fields.len() {
            let pointer = format!("/{}", fields[..depth].join("/"));
            for (value, path) in [
                (Value::Null, spec_path.clone()),
                (json!([]), fields[..depth].join(".")),
                (json!("x"), fields[..depth].join(".")),
            ] {
                let mut object = kind.object(&one_container(GOOD));
                *object.pointer_mut(&pointer).unwrap() = value;
                let shape = WorkloadError::Shape { path, expected: "a mapping" };
                assert_eq!(reason(&kind.create(&object)), workload(shape), "{pointer}");
            }
        }
    }
}

#[test]
fn operations() {
    let unsigned = POD.object(&one_container(UNSIGNED));
    for operation in ["CONNECT", "", "create", "PATCH", "DELETE ", "UPDATE\n"] {
        let request = POD.request(operation, &unsigned, &Value::Null);
        let unknown = WorkloadError::UnknownOperation(operation.to_owned());
        assert_eq!(reason(&request), workload(unknown));
    }
    let delete = answer(&POD.request("DELETE", &Value::Null, &unsigned));
    assert!(delete.accepted);
    assert_eq!((delete.mutated, delete.annotations, delete.warnings), (None, vec![], vec![]));
}

#[test]
fn an_object_that_is_being_deleted_may_lose_its_finalizers() {
    let mut old = POD.object(&one_container(UNSIGNED));
    old["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    old["metadata"]["finalizers"] = json!(["example.com/x"]);
    let mut new = old.clone();
    new["metadata"]["finalizers"] = json!([]);
    assert!(answer(&POD.update(&old, &new)).accepted);

    // What the new object says of its deletion is what the user says.
    let mut not_deleted = old.clone();
    not_deleted["metadata"].as_object_mut().unwrap().remove("deletionTimestamp");
    assert_eq!(failures(&answer(&POD.update(&not_deleted, &new))).len(), 1);
    let mut null = old.clone();
    null["metadata"]["deletionTimestamp"] = Value::Null;
    assert_eq!(failures(&answer(&POD.update(&null, &new))).len(), 1);
    // A changed or an added image is verified in any case.
    let mut changed = new.clone();
    changed["spec"]["containers"][0]["image"] = json!("r.example.com/acme/unsigned:2");
    assert_eq!(failures(&answer(&POD.update(&old, &changed))).len(), 1);
    let mut added = new.clone();
    add(&mut added["spec"], "ephemeralContainers", "debug", UNSIGNED);
    assert_eq!(failures(&answer(&POD.update(&old, &added))).len(), 2);
    // Only an update is an update.
    assert_eq!(failures(&answer(&POD.request("CREATE", &new, &old))).len(), 1);
}

#[test]
fn subresources_each_have_their_verdict() {
    let with = |kind: &Kind, name: &str| {
        let mut request = kind.create(&kind.object(&one_container(UNSIGNED)));
        request["subResource"] = json!(name);
        request
    };
    for kind in KINDS {
        let scales =
            ["deployments", "replicasets", "statefulsets", "replicationcontrollers"].contains(&kind.resource);
        for name in ["status", "scale", "resize", "binding", "eviction"] {
            let runs_nothing = match name {
                "status" => true,
                "scale" => scales,
                _ => kind.resource == "pods",
            };
            let request = with(&kind, name);
            if runs_nothing {
                assert!(answer(&request).accepted, "{}/{name}", kind.resource);
            } else {
                let unknown = WorkloadError::UnknownSubresource(format!("{}/{name}", kind.resource));
                assert_eq!(reason(&request), workload(unknown));
            }
        }
        for name in ["exec", "attach", "Status", "status/", "ephemeralContainers", "log"] {
            let unknown = WorkloadError::UnknownSubresource(format!("{}/{name}", kind.resource));
            assert_eq!(reason(&with(&kind, name)), workload(unknown));
        }
        // An empty name is no subresource: the object itself.
        assert_eq!(failures(&answer(&with(&kind, ""))).len(), 1);
    }
    // Their own kinds, as the API server sends them.
    for (kind, resource, name, group) in [
        (DEPLOYMENT, "deployments", "scale", ("autoscaling", "Scale")),
        (POD, "pods", "eviction", ("policy", "Eviction")),
        (POD, "pods", "binding", ("", "Binding")),
    ] {
        let mut request = with(&kind, name);
        request["kind"] = json!({"group": group.0, "version": "v1", "kind": group.1});
        request["object"] = json!({"apiVersion": "v1", "kind": group.1});
        assert!(answer(&request).accepted, "{resource}/{name}");
        // The kind alone opens nothing.
        request["subResource"] = Value::Null;
        assert!(matches!(reason(&request), ObjectReason::Workload(WorkloadError::KindMismatch { .. })));
    }
}

#[test]
fn of_ephemeral_containers_only_new_ones_are_verified_and_patched() {
    // What runs already is unsigned, and was admitted when the pod was.
    let mut old = one_container(UNSIGNED);
    add(&mut old, "ephemeralContainers", "first", UNSIGNED);
    let request = |image: &str| {
        let mut new = old.clone();
        add(&mut new, "ephemeralContainers", "second", image);
        let mut request = POD.update(&POD.object(&old), &POD.object(&new));
        request["subResource"] = json!("ephemeralcontainers");
        request
    };
    let refused = answer(&request(UNSIGNED));
    let [(site, failure)] = failures(&refused) else { panic!("{refused:?}") };
    assert_eq!(site.pointer(), "/spec/ephemeralContainers/1/image");
    assert_eq!(failure.reason(), &Reason::NoSignature { cosign_3: false });

    let accepted = answer(&request(GOOD));
    let mut expected = request(GOOD)["object"].clone();
    expected["spec"]["ephemeralContainers"][1]["image"] = json!(pinned(GOOD));
    assert_eq!(accepted.mutated, Some(expected));

    // Nothing new runs nothing new; a changed one is new.
    let mut same = request(GOOD);
    same["object"] = same["oldObject"].clone();
    assert!(answer(&same).accepted);
    let mut renamed = same;
    renamed["object"]["spec"]["ephemeralContainers"][0]["name"] = json!("other");
    assert_eq!(failures(&answer(&renamed)).len(), 1);
}

#[test]
fn payloads_that_are_no_request() {
    for (pointer, value) in [
        ("/kind", Value::Null),
        ("/kind", json!("Pod")),
        ("/kind/kind", Value::Null),
        ("/kind/kind", json!(1)),
        ("/kind/version", json!([])),
        ("/resource", Value::Null),
        ("/resource/resource", json!({})),
        ("/operation", Value::Null),
        ("/operation", json!(["CREATE"])),
        ("/subResource", json!(1)),
    ] {
        let mut request = pod(GOOD);
        if let Some(place) = request.pointer_mut(pointer) {
            *place = value;
        } else {
            request["subResource"] = value;
        }
        assert_eq!(reason(&request), ObjectReason::Request(RequestError::Malformed), "{pointer}");
    }
    for field in ["kind", "resource", "operation"] {
        let mut request = pod(GOOD);
        request.as_object_mut().unwrap().remove(field);
        assert_eq!(reason(&request), ObjectReason::Request(RequestError::Malformed), "{field}");
    }
    for request in [json!(null), json!([]), json!("x"), json!({})] {
        assert_eq!(reason(&request), ObjectReason::Request(RequestError::Malformed));
    }
}

#[test]
fn as_many_images_as_the_limit_and_one_more() {
    let limit = sigwarden::limits::MAX_IMAGES;
    let images = |n: usize| sigwarden_testkit::objects::pod_of(&vec![GOOD; n]);
    let accepted = answer(&images(limit));
    assert!(accepted.accepted);
    let Verdict::Accept(verdict) = &accepted.verdict else { panic!("{accepted:?}") };
    assert_eq!(verdict.images().len(), limit);
    assert!(
        verdict
            .images()
            .iter()
            .all(|(_, image)| matches!(image.outcome, Outcome::Verified(_)) && image.change.pin)
    );
    let too_many = workload(WorkloadError::TooManyImages { limit });
    assert_eq!(reason(&images(limit + 1)), too_many);
    // Whatever comes behind: no more are looked at.
    let mut request = images(limit + 1);
    add(request.pointer_mut("/object/spec").unwrap(), "containers", "last", GOOD);
    request["object"]["spec"]["containers"][limit + 1] = json!("no container");
    assert_eq!(reason(&request), too_many);
    // Volumes of other kinds are no images, however many, and what is no volume is found behind them.
    let mut volumes = vec![json!({"name": "v", "emptyDir": {}, "image": null}); 2 * limit];
    let mut request = pod(GOOD);
    request["object"]["spec"]["volumes"] = json!(volumes);
    assert!(answer(&request).accepted);
    volumes.push(json!({"name": "v", "image": {"reference": UNSIGNED}}));
    request["object"]["spec"]["volumes"] = json!(volumes);
    assert!(!answer(&request).accepted);
    volumes.push(json!("no volume"));
    request["object"]["spec"]["volumes"] = json!(volumes);
    let path = format!("spec.volumes[{}]", 2 * limit + 1);
    assert_eq!(reason(&request), workload(WorkloadError::Shape { path, expected: "a mapping" }));
}
