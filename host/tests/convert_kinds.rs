//! The kinds of what is converted, held to requests as its scope is.

#[path = "support/cluster_policy.rs"]
mod cluster_policy;
#[path = "support/converted.rs"]
mod converted;
#[path = "support/crd.rs"]
mod crd;
#[path = "support/scopes.rs"]
mod scopes;

use cluster_policy::{ENFORCE, cluster_policy, refused};
use converted::{manifests, options, run};
use scopes::{Request, enforced, protects};
use serde_json::{Value, json};
use sigwarden_host::convert::Options;

#[test]
fn kinds_are_those_that_kyverno_covers() {
    enforced("match: {any: [{resources: {kinds: [Pod]}}]}", Request::is_workload);
    enforced("match: {resources: {kinds: [v1/Pod]}}", Request::is_workload);
    enforced("match: {any: [{resources: {kinds: [Deployment]}}]}", |request| {
        request.resource == "deployments"
    });
    enforced("match: {any: [{resources: {kinds: [Pod/ephemeralcontainers]}}]}", |request| {
        request.resource == "pods/ephemeralcontainers"
    });
    // Mixed kinds, single objects and labels: no controllers.
    enforced("match: {any: [{resources: {kinds: [Pod, apps/v1/Deployment]}}]}", |request| {
        request.is_pod() || request.resource == "deployments"
    });
    enforced("match: {any: [{resources: {kinds: ['*']}}]}", Request::is_workload);
    enforced(
        "match: {any: [{resources: {kinds: [Pod]}}, {resources: {kinds: [CronJob]}}]}",
        Request::is_workload,
    );
    let none = "    annotations: {pod-policies.kyverno.io/autogen-controllers: none}";
    let list = "    annotations: {pod-policies.kyverno.io/autogen-controllers: 'CronJob,Job'}";
    let text = cluster_policy(ENFORCE, "match: {any: [{resources: {kinds: [Pod]}}]}");
    let annotated =
        |line: &str| text.replace("metadata:\n", &format!("metadata:\n{line}\n").replace("    ", "  "));
    protects("none", &annotated(none), Request::is_pod);
    protects("some", &annotated(list), |request| request.is_pod() || request.resource == "cronjobs");
}

#[test]
fn custom_kinds_have_their_plurals() {
    let rule = "match: {any: [{resources: {kinds: [tekton.dev/v1/Task]}}]}\nimageExtractors: {Task: [{path: '/spec/steps/*/image'}]}";
    enforced(rule, |request| request.resource == "tasks");
    let unknown = rule.replace("tekton.dev/v1/Task", "example.com/v1/Task");
    let text = cluster_policy(ENFORCE, &unknown);
    refused(&text, "spec.rules[0].match.any[0].resources.kinds[0]", "found `example.com/v1/Task`");
    let named = Options { resources: vec!["example.com/v1/Task=tasks".parse().unwrap()], ..options() };
    let conversion = run(converted::policy(), &text, &named).unwrap();
    let rules = &manifests(&conversion)[0]["spec"]["rules"];
    assert_eq!(rules[0]["apiGroups"], json!(["example.com"]));
    assert_eq!(rules[0]["resources"], json!(["tasks"]));
    // A kind without a group is that of all groups that are known or named, and a note says which.
    let any_group = rule.replace("tekton.dev/v1/Task", "Task");
    let conversion = run(converted::policy(), &cluster_policy(ENFORCE, &any_group), &named).unwrap();
    let rules = manifests(&conversion)[0]["spec"]["rules"].clone();
    let groups: Vec<&Value> = rules.as_array().unwrap().iter().map(|rule| &rule["apiGroups"][0]).collect();
    assert_eq!(groups, ["example.com", "tekton.dev"]);
    assert_eq!(
        conversion.notes[0].to_string(),
        "ClusterPolicy/scope: spec.rules[0].match.any[0].resources.kinds[0]: `Task` is that of example.com, tekton.dev; Kyverno takes it of any group: write --resource for others"
    );
    let versions = ["example.com/v1/Task=tasks", "example.com/v2/Task=tasks"];
    let versions = Options { resources: versions.map(|text| text.parse().unwrap()).to_vec(), ..options() };
    let text = cluster_policy(ENFORCE, &rule.replace("tekton.dev/v1/Task", "example.com/*/Task"));
    let conversion = run(converted::policy(), &text, &versions).unwrap();
    let rules = manifests(&conversion)[0]["spec"]["rules"].clone();
    let found: Vec<&Value> = rules.as_array().unwrap().iter().map(|rule| &rule["apiVersions"][0]).collect();
    assert_eq!(found, ["v1", "v2"]);
}

/// In Kyverno a StatefulSet is one of OpenKruise too.
#[test]
fn notes_say_whose_kinds_are_meant() {
    const KIND: &str = "ClusterPolicy/scope: spec.rules[0].match.any[0].resources.kinds";
    const OTHERS: &str =
        "Kyverno takes it of any group: others need `rules` and `imageExtractors` in what is written";
    let notes = |kinds: &str| {
        let rule = format!("match: {{any: [{{resources: {{kinds: [{kinds}], namespaces: [shop]}}}}]}}");
        let named = "apps.kruise.io/v1alpha1/StatefulSet=statefulsets".parse().unwrap();
        let options = Options { resources: vec![named], ..options() };
        let conversion = run(converted::policy(), &cluster_policy(ENFORCE, &rule), &options).unwrap();
        conversion.notes.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        notes("StatefulSet, v1/ReplicationController"),
        [
            format!("{KIND}[0]: `StatefulSet` is that of apps; {OTHERS}"),
            format!("{KIND}[1]: `v1/ReplicationController` is that of the core; {OTHERS}"),
        ]
    );
    assert_eq!(notes("'*'"), [format!("{KIND}[0]: `*` is that of apps, batch, the core; {OTHERS}")]);
    for kinds in ["Pod", "apps/v1/StatefulSet", "Pod/ephemeralcontainers"] {
        assert_eq!(notes(kinds), Vec::<String>::new(), "{kinds}");
    }
}

/// A PipelineRun may name its Pipeline instead of images.
#[test]
fn notes_say_which_objects_need_an_image() {
    let said = |kinds: &str| {
        let rule = format!(
            "match: {{any: [{{resources: {{kinds: [{kinds}], namespaces: [shop]}}}}]}}\nimageExtractors: {{PipelineRun: [{{path: /spec/image}}], Task: [{{path: /spec/image}}]}}"
        );
        let conversion = run(converted::policy(), &cluster_policy(ENFORCE, &rule), &options()).unwrap();
        conversion.notes.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let note = |kind: &str| {
        format!(
            "ClusterPolicy/scope: spec.rules[0].imageExtractors.{kind}: an object in which no image is found is rejected; Kyverno lets it pass"
        )
    };
    assert_eq!(said("tekton.dev/v1/PipelineRun"), [note("PipelineRun")]);
    assert_eq!(said("tekton.dev/v1/Task, tekton.dev/v1/PipelineRun"), [note("PipelineRun"), note("Task")]);
    assert_eq!(said("Pod"), Vec::<String>::new());
}

/// Each of them once was answered with an option that cannot help.
#[test]
fn kinds_that_were_not_meant_are_refused_with_what_was() {
    for (kind, said) in [
        ("Namespace", "it runs no images; leave it out"),
        ("v1/Service", "it runs no images; leave it out"),
        ("pod", "write `Pod`"),
        ("Pods", "write `Pod`"),
        ("cronjob", "write `CronJob`"),
        ("batch/v1beta1/CronJob", "write `batch/v1/CronJob`"),
        ("v1beta1/CronJob", "write `batch/v1/CronJob`"),
        ("extensions/v1beta1/Deployment", "write `apps/v1/Deployment`"),
        ("apps/v1/Pod", "write `v1/Pod`"),
        ("apps.kruise.io/v1beta1/StatefulSet", UNKNOWN),
        ("Widget", UNKNOWN),
    ] {
        let rule = format!("match: {{any: [{{resources: {{kinds: [{kind}]}}}}]}}");
        let path = "spec.rules[0].match.any[0].resources.kinds[0]";
        refused(&cluster_policy(ENFORCE, &rule), path, &format!("found `{kind}`; {said}"));
        // One with extractors is another kind of that name.
        let name = kind.rsplit('/').next().unwrap();
        let rule = format!("{rule}\nimageExtractors: {{{name}: [{{path: /spec/image}}]}}");
        refused(&cluster_policy(ENFORCE, &rule), path, &format!("found `{kind}`; {UNKNOWN}"));
    }
}

const UNKNOWN: &str = "the plural of this kind is not known here; write --resource GROUP/VERSION/KIND=PLURAL";

/// A rule of a webhook can name a version or all. All of them would exclude more than Kyverno does.
#[test]
fn patterns_of_versions_are_refused() {
    let rule = "match: {any: [{resources: {kinds: ['tekton.dev/*/Task']}}]}\nexclude: {any: [{resources: {kinds: ['tekton.dev/v1beta*/Task'], namespaces: [dev]}}]}\nimageExtractors: {Task: [{path: '/spec/steps/*/image'}]}";
    const KIND: &str = "any[0].resources.kinds[0]";
    let refused = |rule: &str, field: &str, words: &str| {
        refused(&cluster_policy(ENFORCE, rule), &format!("spec.rules[0].{field}.{KIND}"), words);
    };
    refused(
        rule,
        "exclude",
        "found `tekton.dev/v1beta*/Task`; write each version of this kind, or `*` for all",
    );
    refused(&rule.replace("v1beta*", "?"), "exclude", "found `tekton.dev/?/Task`; write each version");
    refused(&rule.replace("dev/*/Task", "dev/v*/Task"), "match", "write each version");
    // The twins: another version than the one that is asked about, and all.
    enforced(&rule.replace("v1beta*", "v1beta1"), |request| request.resource == "tasks");
    enforced(&rule.replace("v1beta*", "*"), |request| {
        request.resource == "tasks" && request.namespace != "dev"
    });
}

/// Kyverno makes three rules of one: as it is written; with the controllers where Pods stand; and with CronJobs where
/// any kind stands.
#[test]
fn an_exclude_of_pods_excludes_no_controller_that_is_matched_by_its_own_name() {
    const SHOP: &str = "exclude: {any: [{resources: {kinds: [Pod], namespaces: [shop]}}]}";
    enforced(&format!("match: {{any: [{{resources: {{kinds: [Deployment]}}}}]}}\n{SHOP}"), |request| {
        request.resource == "deployments"
    });
    enforced(
        &format!(
            "match: {{any: [{{resources: {{kinds: [Pod]}}}}, {{resources: {{kinds: [Deployment]}}}}]}}\n{SHOP}"
        ),
        |request| request.resource == "deployments" || (request.is_workload() && request.namespace != "shop"),
    );
    enforced(&format!("match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n{SHOP}"), |request| {
        request.is_workload() && request.namespace != "shop"
    });
    // Whatever another rule is about.
    let rule = "  rules:\n  - {name: other, match: {resources: {kinds: [Pod], name: ''}}, validate: {}}";
    let text = cluster_policy(ENFORCE, "match: {any: [{resources: {kinds: [Pod]}}]}");
    protects("no name", &text.replace("  rules:", rule), Request::is_workload);
}

/// Where Kyverno makes rules for controllers, it makes them of subresources of Pods too.
#[test]
fn subresources_of_pods_bring_controllers_too() {
    const EPHEMERAL: &str = "{resources: {kinds: [Pod/ephemeralcontainers], namespaces: [dev]}}";
    let in_dev: fn(&Request) -> bool =
        |it| it.is_workload() && it.resource != "pods" && it.namespace == "dev";
    enforced(
        &format!("match: {{any: [{{resources: {{kinds: [Pod], namespaces: [shop]}}}}, {EPHEMERAL}]}}"),
        |it| {
            (it.is_workload() && it.namespace == "shop")
                || (it.is_workload() && it.resource != "pods" && it.namespace == "dev")
        },
    );
    enforced(
        &format!("match: {{any: [{{resources: {{kinds: [Deployment], namespaces: [shop]}}}}, {EPHEMERAL}]}}"),
        |it| {
            (["deployments", "cronjobs"].contains(&it.resource) && it.namespace == "shop")
                || (it.is_workload() && it.resource != "pods" && it.namespace == "dev")
        },
    );
    let alone = cluster_policy(ENFORCE, &format!("match: {{any: [{EPHEMERAL}]}}"));
    protects("alone", &alone, |it| it.resource == "pods/ephemeralcontainers" && it.namespace == "dev");
    // A rule about Pods beside it, of whatever kind; but not one that mixes them.
    for (kinds, about) in [
        ("[Pod]", in_dev),
        ("[CronJob]", in_dev),
        ("[Deployment, Pod/exec]", |it| it.resource == "pods/ephemeralcontainers" && it.namespace == "dev"),
        ("[Service]", |it| it.resource == "pods/ephemeralcontainers" && it.namespace == "dev"),
    ] {
        let other = format!(
            "  rules:\n  - {{name: other, match: {{resources: {{kinds: {kinds}}}}}, validate: {{}}}}"
        );
        protects(kinds, &alone.replace("  rules:", &other), about);
    }
    refused(
        &alone.replace("Pod/ephemeralcontainers", "v2/Pod/ephemeralcontainers"),
        "spec.rules[0].match.any[0].resources.kinds[0]",
        "found `v2/Pod/ephemeralcontainers`",
    );
}

/// As Kyverno reads it: `*/*/Pod` is the subresource `Pod` of any kind, `v*/Pod` that of the kind `v*`.
#[test]
fn what_is_no_kind_in_kyverno_excludes_nothing() {
    for kind in ["*/*/Pod", "*/v1/Pod", "v1/v1/Pod", "v*/Pod", "v?/Pod", "apps/Deployment"] {
        for (field, rule) in [
            ("match", format!("match: {{any: [{{resources: {{kinds: ['{kind}']}}}}]}}")),
            (
                "exclude",
                format!(
                    "match: {{any: [{{resources: {{kinds: ['*']}}}}]}}\nexclude: {{any: [{{resources: {{kinds: ['{kind}']}}}}]}}"
                ),
            ),
        ] {
            let path = format!("spec.rules[0].{field}.any[0].resources.kinds[0]");
            refused(&cluster_policy(ENFORCE, &rule), &path, kind);
        }
    }
    enforced("match: {any: [{resources: {kinds: ['*/Pod']}}]}", Request::is_workload);
    enforced("match: {any: [{resources: {kinds: ['apps/*/Deployment']}}]}", |request| {
        request.resource == "deployments"
    });
}
