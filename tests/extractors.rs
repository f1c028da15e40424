//! `imageExtractors`, from the settings to the verdict: custom resources whose images are verified like any other,
//! and a refusal wherever it is not certain what they are.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use serde_json::{Value, json};
use sigwarden::settings::{Problem, Settings};
use sigwarden::verdict::{Denied, ObjectReason, Reason, Verdict};
use sigwarden::workload::{RunsNothing, WorkloadError};
use sigwarden_testkit::fake_registry::pinned;
use sigwarden_testkit::objects::pod;
use sigwarden_testkit::run::{rule, settings};
use sigwarden_testkit::{Answer, FakeRegistry, Key, decide, failures};

const GOOD: &str = "r.example.com/acme/good:1";
const UNSIGNED: &str = "r.example.com/acme/unsigned:1";

fn policy(extractors: &Value) -> Value {
    let mut settings = settings(&[rule(&["r.example.com/*"], &Key::new("release"))]);
    settings["imageExtractors"] = extractors.clone();
    settings
}

fn task_extractors(kind: &str) -> Value {
    json!({kind: [{"path": "/spec/steps/*/image"}, {"path": "/spec/sidecars/*", "value": "image"}]})
}

fn registry() -> FakeRegistry {
    let mut registry = FakeRegistry::new();
    registry.push_signed(GOOD, &[&Key::new("release")]);
    registry.push(UNSIGNED);
    registry
}

/// A request for an object of a custom kind.
fn request(group: &str, version: &str, kind: &str, spec: &Value) -> Value {
    json!({
        "kind": {"group": group, "version": version, "kind": kind},
        "resource": {"group": group, "version": version, "resource": format!("{}s", kind.to_lowercase())},
        "namespace": "shop",
        "operation": "CREATE",
        "object": {
            "apiVersion": format!("{group}/{version}"),
            "kind": kind,
            "metadata": {"name": "demo"},
            "spec": spec,
        },
    })
}

fn task(images: &[&str], sidecars: &[&str]) -> Value {
    let list = |images: &[&str]| -> Vec<Value> {
        images.iter().map(|image| json!({"name": "x", "image": image, "script": "echo"})).collect()
    };
    request("tekton.dev", "v1", "Task", &json!({"steps": list(images), "sidecars": list(sidecars)}))
}

fn workload(answer: &Answer) -> &WorkloadError {
    let Verdict::Deny(Denied::Object(ObjectReason::Workload(error))) = &answer.verdict else {
        panic!("{answer:?}")
    };
    assert_eq!((answer.code, &answer.mutated), (Some(403), &None));
    error
}

/// The places of the images that were refused, all for having no signature.
fn unsigned(answer: &Answer) -> Vec<(&str, &str)> {
    let failures = failures(answer);
    assert!(
        failures.iter().all(|(_, failure)| failure.reason() == &Reason::NoSignature { cosign_3: false }),
        "{answer:?}"
    );
    failures.iter().map(|(site, _)| (site.pointer(), site.path())).collect()
}

// A Tekton Task, by the name of its kind as Kyverno writes it, and with group and version.
#[test]
fn images_of_a_task_are_verified_and_pinned() {
    for kind in ["Task", "tekton.dev/v1/Task"] {
        let policy = policy(&task_extractors(kind));
        let good = task(&[GOOD, GOOD], &[GOOD]);
        let mut expected = good["object"].clone();
        for at in ["/spec/steps/0/image", "/spec/steps/1/image", "/spec/sidecars/0/image"] {
            *expected.pointer_mut(at).unwrap() = json!(pinned(GOOD));
        }
        assert_eq!(decide(&policy, &good, &registry()).mutated, Some(expected), "{kind}");

        let answer = decide(&policy, &task(&[GOOD, UNSIGNED], &[UNSIGNED]), &registry());
        assert_eq!(
            unsigned(&answer),
            [
                ("/spec/steps/1/image", "spec.steps[1].image"),
                ("/spec/sidecars/0/image", "spec.sidecars[0].image"),
            ]
        );
        // A list that is not there has no images.
        assert!(decide(&policy, &task(&[GOOD], &[]), &registry()).accepted);
        let mut no_sidecars = task(&[GOOD], &[]);
        no_sidecars["object"]["spec"].as_object_mut().unwrap().remove("sidecars");
        assert!(decide(&policy, &no_sidecars, &registry()).accepted);
    }
}

// A KubeVirt VirtualMachine: images deep in lists, beside volumes of other kinds.
#[test]
fn images_of_a_virtual_machine_are_found_between_other_volumes() {
    let policy = policy(&json!({"kubevirt.io/v1/VirtualMachine": [
        {"path": "/spec/template/spec/volumes/*/containerDisk/image"},
    ]}));
    let machine = |image: &str| {
        request(
            "kubevirt.io",
            "v1",
            "VirtualMachine",
            &json!({"template": {"spec": {"volumes": [
                {"name": "cloud-init", "cloudInitNoCloud": {"userData": "x"}},
                {"name": "root", "containerDisk": {"image": image}},
                {"name": "empty", "emptyDisk": {"capacity": "1Gi"}},
            ]}}}),
        )
    };
    let at = "/spec/template/spec/volumes/1/containerDisk/image";
    let answer = decide(&policy, &machine(UNSIGNED), &registry());
    assert_eq!(unsigned(&answer), [(at, "spec.template.spec.volumes[1].containerDisk.image")]);
    let mut expected = machine(GOOD)["object"].clone();
    *expected.pointer_mut(at).unwrap() = json!(pinned(GOOD));
    assert_eq!(decide(&policy, &machine(GOOD), &registry()).mutated, Some(expected));
}

// Guards `ExtractorKind::is`: a bare kind is that kind in any group, one with group and version no other.
#[test]
fn a_kind_of_the_same_name_in_another_group() {
    let evil = |image: &str| {
        let mut request = task(&[image], &[]);
        for field in ["kind", "resource"] {
            request[field]["group"] = json!("evil.example");
        }
        request["object"]["apiVersion"] = json!("evil.example/v1");
        request
    };
    let bare = policy(&task_extractors("Task"));
    assert!(decide(&bare, &evil(GOOD), &registry()).accepted);
    assert_eq!(unsigned(&decide(&bare, &evil(UNSIGNED), &registry())).len(), 1);

    let full = policy(&task_extractors("tekton.dev/v1/Task"));
    for (group, version, kind) in [
        ("evil.example", "v1", "Task"),
        ("tekton.dev", "v1beta1", "Task"),
        ("", "v1", "Task"),
        ("tekton.dev", "v1", "task"),
        ("tekton.dev", "v1", "TaskRun"),
        ("TEKTON.dev", "v1", "Task"),
    ] {
        let mut request = task(&[GOOD], &[]);
        request["kind"] = json!({"group": group, "version": version, "kind": kind});
        request["resource"]["group"] = json!(group);
        request["object"]["kind"] = json!(kind);
        request["object"]["apiVersion"] =
            json!(if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") });
        let shown =
            if group.is_empty() { format!("{version} {kind}") } else { format!("{group}/{version} {kind}") };
        assert_eq!(workload(&decide(&full, &request, &registry())), &WorkloadError::UnknownKind(shown));
    }
    // The object must be of the kind that the request says it is.
    for (field, value, object) in [
        ("kind", "TaskRun", "tekton.dev/v1 TaskRun"),
        ("apiVersion", "evil.example/v1", "evil.example/v1 Task"),
    ] {
        let mut request = task(&[GOOD], &[]);
        request["object"][field] = json!(value);
        let mismatch = WorkloadError::KindMismatch {
            object: object.to_owned(),
            request: "tekton.dev/v1 Task".to_owned(),
        };
        assert_eq!(workload(&decide(&full, &request, &registry())), &mismatch);
    }
    let mut none = task(&[GOOD], &[]);
    none["object"] = Value::Null;
    assert_eq!(workload(&decide(&full, &none, &registry())), &WorkloadError::NoObject);
}

// Guards `filter` instead of `find` in `form`: an extractor does not hide the images that another one finds.
#[test]
fn two_extractors_of_one_kind_add_up() {
    let policy = policy(&json!({
        "Task": [{"path": "/spec/steps/*/image"}],
        "tekton.dev/v1/Task": [{"path": "/spec/sidecars/*/image"}],
    }));
    let step = ("/spec/steps/0/image", "spec.steps[0].image");
    let sidecar = ("/spec/sidecars/0/image", "spec.sidecars[0].image");
    for (request, refused) in [
        (task(&[UNSIGNED], &[GOOD]), vec![step]),
        (task(&[GOOD], &[UNSIGNED]), vec![sidecar]),
        (task(&[UNSIGNED], &[UNSIGNED]), vec![step, sidecar]),
    ] {
        assert_eq!(unsigned(&decide(&policy, &request, &registry())), refused);
    }
    assert!(decide(&policy, &task(&[GOOD], &[GOOD]), &registry()).accepted);
}

// Guards `NothingExtracted`, `NoImage` and `Shape` of extractor.rs.
#[test]
fn rule_02_an_extractor_that_finds_nothing_is_met_by_nothing() {
    let policy = policy(&task_extractors("Task"));
    for spec in [
        json!({}),
        json!(null),
        json!({"steps": [], "sidecars": []}),
        json!({"steps": null}),
        json!({"steps": [{"name": "x", "ref": {"name": "elsewhere"}}]}),
        json!({"step": [{"image": GOOD}]}),
    ] {
        let answer = decide(&policy, &request("tekton.dev", "v1", "Task", &spec), &registry());
        assert_eq!(workload(&answer), &WorkloadError::NothingExtracted, "{spec}");
        assert_eq!(
            answer.message,
            "the paths of `imageExtractors` find no image in this object; correct them, or the object"
        );
    }
    let shape = |path: &str, expected| WorkloadError::Shape { path: path.to_owned(), expected };
    let no_image = |path: &str| WorkloadError::NoImage(path.to_owned());
    for (spec, error) in [
        (json!("x"), shape("spec", "a mapping")),
        (json!([]), shape("spec", "a mapping")),
        (json!({"steps": "x"}), shape("spec.steps", "a list")),
        (json!({"steps": 1}), shape("spec.steps", "a list")),
        (json!({"steps": [GOOD]}), shape("spec.steps[0]", "a mapping")),
        (json!({"steps": [{"image": GOOD}, {"image": 1}]}), shape("spec.steps[1].image", "a text")),
        (json!({"steps": [{"image": [GOOD]}]}), shape("spec.steps[0].image", "a text")),
        (json!({"steps": [{"image": {"name": GOOD}}]}), shape("spec.steps[0].image", "a text")),
        (
            json!({"steps": [{"image": GOOD}], "sidecars": [{"image": ""}]}),
            no_image("spec.sidecars[0].image"),
        ),
        (json!({"steps": [{"image": null}]}), no_image("spec.steps[0].image")),
    ] {
        let answer = decide(&policy, &request("tekton.dev", "v1", "Task", &spec), &registry());
        assert_eq!(workload(&answer), &error, "{spec}");
    }
    // A list may as well be a mapping from names: each of its values is one.
    let named = json!({"steps": {"a": {"image": GOOD}, "b": {"image": UNSIGNED}}});
    let answer = decide(&policy, &request("tekton.dev", "v1", "Task", &named), &registry());
    assert_eq!(unsigned(&answer), [("/spec/steps/b/image", "spec.steps.b.image")]);
    // As many as the limit, and one more, over all paths together.
    let limit = sigwarden::limits::MAX_IMAGES;
    assert!(decide(&policy, &task(&vec![GOOD; limit - 1], &[GOOD]), &registry()).accepted);
    let answer = decide(&policy, &task(&vec![GOOD; limit], &[GOOD]), &registry());
    assert_eq!(answer.code, Some(503));
    let too_many = WorkloadError::TooManyImages { limit };
    assert_eq!(answer.verdict, Verdict::Deny(Denied::Object(ObjectReason::Workload(too_many))));
}

// Guards the subresources of `form`.
#[test]
fn subresources_of_a_custom_resource() {
    let policy = policy(&task_extractors("Task"));
    let with = |name: &str| {
        let mut request = task(&[UNSIGNED], &[]);
        request["subResource"] = json!(name);
        decide(&policy, &request, &registry())
    };
    let Verdict::Accept(accepted) = with("status").verdict else { panic!("refused") };
    assert_eq!(accepted.why_nothing(), Some(RunsNothing::Subresource));
    for name in ["scale", "Status", "ephemeralcontainers", "x"] {
        assert_eq!(workload(&with(name)), &WorkloadError::UnknownSubresource(name.to_owned()));
    }
    assert_eq!(unsigned(&with("")).len(), 1);
    // Only of a kind that has an extractor.
    let mut other = task(&[UNSIGNED], &[]);
    other["subResource"] = json!("status");
    other["kind"]["kind"] = json!("TaskRun");
    let unknown = WorkloadError::UnknownKind("tekton.dev/v1 TaskRun".to_owned());
    assert_eq!(workload(&decide(&policy, &other, &registry())), &unknown);
}

// Guards the operations standing before the kinds.
#[test]
fn operations_on_a_custom_resource() {
    let policy = policy(&task_extractors("Task"));
    let mut request = task(&[UNSIGNED], &[]);
    request["operation"] = json!("DELETE");
    assert!(decide(&policy, &request, &registry()).accepted);
    request["operation"] = json!("CONNECT");
    let unknown = WorkloadError::UnknownOperation("CONNECT".to_owned());
    assert_eq!(workload(&decide(&policy, &request, &registry())), &unknown);

    // UPDATE: what does not change is verified and not patched; what is being deleted is let go.
    let mut update = task(&[GOOD, GOOD], &[]);
    update["operation"] = json!("UPDATE");
    update["oldObject"] = task(&[GOOD, UNSIGNED], &[])["object"].clone();
    let mut expected = update["object"].clone();
    *expected.pointer_mut("/spec/steps/1/image").unwrap() = json!(pinned(GOOD));
    assert_eq!(decide(&policy, &update, &registry()).mutated, Some(expected));
    update["object"] = update["oldObject"].clone();
    assert_eq!(unsigned(&decide(&policy, &update, &registry())).len(), 1);
    update["oldObject"]["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert!(decide(&policy, &update, &registry()).accepted);
}

// Guards `is_built_in`: an extractor adds kinds, and changes nothing of those that are known.
#[test]
fn an_extractor_cannot_change_what_is_known() {
    // A Pod of another group is another kind, and does not stand in for the Pod.
    let policy = policy(&json!({"evil.example/v1/Pod": [{"path": "/metadata/name"}]}));
    assert_eq!(unsigned(&decide(&policy, &pod(UNSIGNED), &registry())).len(), 1);
    // A request that says it is both is neither.
    let mut both = pod(UNSIGNED);
    both["kind"]["group"] = json!("evil.example");
    both["object"]["apiVersion"] = json!("evil.example/v1");
    let mismatch = WorkloadError::ResourceMismatch {
        kind: "evil.example/v1 Pod".to_owned(),
        resource: "v1 pods".to_owned(),
    };
    assert_eq!(workload(&decide(&policy, &both, &registry())), &mismatch);
}

#[test]
fn settings_of_extractors() {
    let refused = |extractors: Value| {
        let error = Settings::parse(&policy(&extractors)).unwrap_err();
        (error.path().to_owned(), error.problem().clone())
    };
    let one = |path: Value| json!({"Task": [path]});
    let wrong = |found: &str, why| Problem::Extractor { found: found.to_owned(), why };
    let known = "the images of this kind are known without an extractor";
    let form = "write `Kind` or `group/version/Kind`";
    for (kind, why) in [
        ("Pod", known),
        ("Deployment", known),
        ("CronJob", known),
        ("apps/v1/Deployment", known),
        ("apps/v2/Deployment", known),
        ("tekton.dev/Task", form),
        ("tekton.dev/v1/Task/x", form),
        ("/v1/Task", form),
        ("tekton.dev//Task", form),
        ("", form),
        ("*", form),
        ("tekton.dev/*/Task", form),
        ("My Task", form),
    ] {
        let (path, problem) = refused(task_extractors(kind));
        assert_eq!((path, problem), (format!("imageExtractors.{kind}"), wrong(kind, why)));
    }
    let at_path = "imageExtractors.Task[0].path".to_owned();
    // A field of that name is in no object: beside a path that finds something, this one would never be missed.
    let step = "a step is the name of a field, or `*` for each item";
    for (path, value, why) in [
        ("spec/steps", None, "a path begins with `/`"),
        ("", None, "a path begins with `/`"),
        ("/", None, "a path has no empty steps"),
        ("/spec//image", None, "a path has no empty steps"),
        ("/spec/", None, "a path has no empty steps"),
        ("/spec/steps/*", Some("*"), "`value` is the name of a field"),
        ("/spec/steps[*]/image", None, step),
        ("/spec/steps[0]/image", None, step),
        ("/spec/steps/*.image", None, step),
        ("/spec/**/image", None, step),
        ("/metadata/annotations/acme.io~1image", None, step),
        ("/spec/steps/*", Some("*.image"), step),
        ("/spec/steps/*", Some(""), "a path has no empty steps"),
    ] {
        let mut extractor = json!({"path": path});
        if let Some(value) = value {
            extractor["value"] = json!(value);
        }
        assert_eq!(refused(one(extractor)), (at_path.clone(), wrong(path, why)));
    }
    assert_eq!(refused(json!({})), ("imageExtractors".to_owned(), Problem::Empty));
    assert_eq!(refused(json!({"Task": []})), ("imageExtractors.Task".to_owned(), Problem::Empty));
    assert!(matches!(refused(json!([])).1, Problem::Type { .. }));
    assert!(matches!(refused(json!({"Task": {"path": "/spec"}})).1, Problem::Type { .. }));
    assert_eq!(refused(one(json!({}))), (at_path, Problem::Missing { what: "an image extractor" }));
    assert!(matches!(
        refused(one(json!({"path": "/spec", "jmesPath": "x"}))).1,
        Problem::RefusedField { .. }
    ));
    assert!(matches!(refused(one(json!({"path": "/spec", "paths": "x"}))).1, Problem::UnknownField { .. }));
    let error = Settings::parse(&policy(&task_extractors("Pod"))).unwrap_err();
    assert_eq!(error.to_string(), format!("imageExtractors.Pod: found `Pod`; {known}"));
}

/// Names of fields are whoever's who writes the object, and end up in the audit log beside what was verified.
#[test]
fn names_of_fields_cannot_forge_what_is_recorded() {
    let policy = policy(&json!({"Task": [{"path": "/spec/*/image"}]}));
    let run = |names: &[&str]| {
        let spec: Value = names.iter().map(|name| (*name, json!({"image": GOOD}))).collect();
        decide(&policy, &request("tekton.dev", "v1", "Task", &spec), &registry())
    };
    let verified = |answer: &Answer| {
        let [(name, value)] = &answer.annotations[..] else { panic!("{answer:?}") };
        assert_eq!(name, "verified-images");
        value.clone()
    };
    let by = format!("{}: rule \"release\" by key {}", pinned(GOOD), Key::new("release").fingerprint());
    assert_eq!(verified(&run(&["a-b.c/d_E2"])), format!("spec.a-b.c/d_E2.image {by}"));
    for (name, shown) in [
        ("x: rule \"release\"; spec.y", r#"["x: rule \"release\"; spec.y"]"#.to_owned()),
        ("", r#"[""]"#.to_owned()),
        ("a b", r#"["a b"]"#.to_owned()),
        (&"; ".repeat(60), format!(r#"["{}..."]"#, "; ".repeat(32))),
    ] {
        let both = verified(&run(&["z", name]));
        assert!(both.contains(&format!("spec{shown}.image {by}")), "{both}");
    }
}

/// Metadata changes freely while an object is being deleted, but not where its images are.
#[test]
fn rule_11_an_image_in_metadata_is_an_image() {
    let policy = policy(&json!({"Task": [{"path": "/metadata/annotations/image"}]}));
    let update = |old: &str, new: &str| {
        let mut update = request("tekton.dev", "v1", "Task", &json!({}));
        update["operation"] = json!("UPDATE");
        update["oldObject"] = update["object"].clone();
        update["oldObject"]["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        update["oldObject"]["metadata"]["annotations"] = json!({"image": old});
        update["object"]["metadata"]["annotations"] = json!({"image": new});
        decide(&policy, &update, &registry())
    };
    assert!(update(UNSIGNED, UNSIGNED).accepted);
    assert_eq!(
        unsigned(&update(GOOD, UNSIGNED)),
        [("/metadata/annotations/image", "metadata.annotations.image")]
    );
}

/// A status changes through its subresource alone, and with it the images that are there.
#[test]
fn rule_11_an_image_in_the_status_is_an_image() {
    let update = |path: &str, image: &str| {
        let mut update = request("tekton.dev", "v1", "Task", &json!({"image": GOOD}));
        update["operation"] = json!("UPDATE");
        update["subResource"] = json!("status");
        update["object"]["status"] = json!({"image": GOOD});
        update["oldObject"] = update["object"].clone();
        update["object"]["status"]["image"] = json!(image);
        decide(&policy(&json!({"Task": [{"path": path}]})), &update, &registry())
    };
    assert_eq!(unsigned(&update("/status/image", UNSIGNED)), [("/status/image", "status.image")]);
    assert!(update("/status/image", GOOD).accepted);
    // Elsewhere a status says what it likes.
    let Verdict::Accept(accepted) = update("/spec/image", UNSIGNED).verdict else { panic!("refused") };
    assert_eq!(accepted.why_nothing(), Some(RunsNothing::Subresource));
}

/// What a place is called is bounded, as are the places.
#[test]
fn rule_01_a_place_with_a_long_name_is_not_judged() {
    let policy = policy(&json!({"Task": [{"path": "/spec/*/*/image"}]}));
    let run = |name: &str, items: &[Value]| {
        let spec = json!({name: items});
        decide(&policy, &request("tekton.dev", "v1", "Task", &spec), &registry())
    };
    let longest = sigwarden::limits::MAX_PLACE_CHARS - "/spec//0/image".len();
    assert!(run(&"n".repeat(longest), &[json!({"image": GOOD})]).accepted);
    let answer = run(&"n".repeat(longest + 1), &[json!({"image": GOOD})]);
    let Verdict::Deny(Denied::Object(ObjectReason::Workload(WorkloadError::LongPlace(_)))) = &answer.verdict
    else {
        panic!("{answer:?}")
    };
    assert_eq!(answer.code, Some(503));
    assert!(answer.message.ends_with("is longer than 4096 characters"), "{}", answer.message);
    // The names alone take no time.
    let mut items = vec![Value::Null; 200_000];
    items.push(json!({"image": UNSIGNED}));
    assert!(!run(&"n".repeat(500_000), &items).accepted);
}
