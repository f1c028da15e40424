//! The scope of what is converted: for every request that matters, the policies written are about it exactly if the
//! policy read is. What is read is said a second time here, as a function.

#[path = "support/cluster_policy.rs"]
mod cluster_policy;
#[path = "support/converted.rs"]
mod converted;
#[path = "support/crd.rs"]
mod crd;
#[path = "support/scopes.rs"]
mod scopes;

use cluster_policy::{ENFORCE, cluster_policy, refused};
use converted::{options, run};
use scopes::{Request, enforced, protects, same_scope};
use sigwarden_host::convert::Options;

/// What is in no namespace is in one without a name for Kyverno; for the API server the field is not there.
#[test]
fn conditions_on_namespaces_hold_for_what_is_in_none() {
    const EXTRACTORS: &str = "imageExtractors: {Task: [{path: '/spec/steps/*/image'}], ClusterTask: [{path: '/spec/steps/*/image'}]}";
    const MATCH: &str = "match: {any: [{resources: {kinds: [tekton.dev/v1/Task, tekton.dev/v1/ClusterTask]";
    for exclude in ["'kube-*'", "kube-system, 'kube-*'"] {
        let exclude = format!("exclude: {{any: [{{resources: {{namespaces: [{exclude}]}}}}]}}");
        enforced(&format!("{MATCH}}}}}]}}\n{exclude}\n{EXTRACTORS}"), |it| {
            it.group == "tekton.dev" && !it.namespace.starts_with("kube-")
        });
    }
    enforced(&format!("{MATCH}, namespaces: ['shop*', dev]}}}}]}}\n{EXTRACTORS}"), |it| {
        it.resource == "tasks" && (it.namespace.starts_with("shop") || it.namespace == "dev")
    });
    enforced(&format!("{MATCH}, namespaces: ['*']}}}}]}}\n{EXTRACTORS}"), |it| it.group == "tekton.dev");
}

#[test]
fn operations_are_kept() {
    enforced("match: {any: [{resources: {kinds: [Pod], operations: [CREATE]}}]}", |request| {
        request.is_workload() && request.operation == "CREATE"
    });
    enforced(
        "match: {any: [{resources: {kinds: [Pod]}}]}\nexclude: {any: [{resources: {operations: [UPDATE, DELETE]}}]}",
        |request| request.is_workload() && request.operation == "CREATE",
    );
    let nothing =
        cluster_policy(ENFORCE, "match: {any: [{resources: {kinds: [Pod], operations: [DELETE]}}]}");
    refused(&nothing, "spec.rules[0].match", "leaves nothing");
}

#[test]
fn namespaces_are_kept() {
    const KINDS: &str = "match: {any: [{resources: {kinds: [Pod], namespaces: [";
    enforced(&format!("{KINDS}shop, dev]}}}}]}}"), |request| {
        request.is_workload() && ["shop", "dev"].contains(&request.namespace)
    });
    enforced(&format!("{KINDS}'shop*', dev]}}}}]}}"), |request| {
        request.is_workload() && (request.namespace.starts_with("shop") || request.namespace == "dev")
    });
    enforced(&format!("{KINDS}'shop-?']}}}}]}}"), |request| {
        request.is_workload() && request.namespace == "shop-2"
    });
    enforced(
        "match: {any: [{resources: {kinds: [Pod]}}]}\nexclude: {any: [{resources: {namespaces: [kube-system, 'sh*']}}]}",
        |request| {
            request.is_workload()
                && request.namespace != "kube-system"
                && !request.namespace.starts_with("sh")
        },
    );
    // Two that exclude, each for itself; and one that excludes only what is both.
    enforced(
        "match: {any: [{resources: {kinds: [Pod]}}]}\nexclude: {any: [{resources: {namespaces: [dev]}}, {resources: {namespaces: ['kube-*']}}]}",
        |request| {
            request.is_workload() && request.namespace != "dev" && !request.namespace.starts_with("kube-")
        },
    );
    enforced(
        "match: {any: [{resources: {kinds: [Pod]}}]}\nexclude: {all: [{resources: {namespaces: ['kube-*']}}, {resources: {namespaces: ['*-system']}}]}",
        |request| request.is_workload() && request.namespace != "kube-system",
    );
    // An empty exclude excludes nothing.
    enforced("match: {any: [{resources: {kinds: [Pod]}}]}\nexclude: {}", Request::is_workload);
    enforced(
        "match: {any: [{resources: {kinds: [Pod]}}]}\nexclude: {any: [{resources: {}}]}",
        Request::is_workload,
    );
}

#[test]
fn an_exclude_with_several_fields_excludes_what_has_all_of_them() {
    enforced(
        "match: {any: [{resources: {kinds: [Pod]}}]}\nexclude: {any: [{resources: {kinds: [CronJob], namespaces: [dev]}}]}",
        |request| request.is_workload() && !(request.resource == "cronjobs" && request.namespace == "dev"),
    );
    enforced(
        "match: {any: [{resources: {kinds: [Pod]}}]}\nexclude: {any: [{resources: {kinds: [Pod], namespaces: [dev]}}]}",
        |request| request.is_workload() && request.namespace != "dev",
    );
    enforced(
        "match: {resources: {kinds: [Pod]}}\nexclude: {resources: {namespaces: [dev], operations: [UPDATE]}}",
        |request| request.is_workload() && !(request.namespace == "dev" && request.operation == "UPDATE"),
    );
    // Labels of namespaces, which no expression can see: several policies.
    enforced(
        "match: {any: [{resources: {kinds: [Pod]}}]}\nexclude: {any: [{resources: {namespaceSelector: {matchLabels: {environment: production, team: red}}}}]}",
        |request| {
            request.is_workload()
                && !(request.environment == Some("production") && request.team == Some("red"))
        },
    );
}

#[test]
fn labels_are_kept() {
    enforced(
        "match: {any: [{resources: {kinds: [Pod], namespaceSelector: {matchLabels: {environment: production}}}}]}",
        |request| request.is_workload() && request.environment == Some("production"),
    );
    enforced(
        "match: {any: [{resources: {kinds: [Pod], namespaceSelector: {matchExpressions: [{key: environment, operator: NotIn, values: [production]}, {key: team, operator: Exists}]}}}]}",
        |request| {
            request.is_workload() && request.environment != Some("production") && request.team.is_some()
        },
    );
    enforced(
        "match: {any: [{resources: {kinds: [Pod]}}]}\nexclude: {any: [{resources: {namespaceSelector: {matchExpressions: [{key: team, operator: DoesNotExist}]}}}]}",
        |request| request.is_workload() && request.team.is_some(),
    );
    // Labels of objects are about Pods alone, as Kyverno has it.
    enforced("match: {any: [{resources: {kinds: [Pod], selector: {matchLabels: {app: web}}}}]}", |request| {
        request.is_pod() && request.app == Some("web")
    });
    enforced(
        "match: {any: [{resources: {kinds: [Pod]}}]}\nexclude: {any: [{resources: {selector: {matchLabels: {app: web}}}}]}",
        |request| request.is_pod() && request.app != Some("web"),
    );
}

/// What it is called, or what its name begins with.
fn full_name(request: &Request) -> &str {
    request.name.or(request.generate_name).unwrap_or_default()
}

#[test]
fn names_are_kept() {
    enforced("match: {any: [{resources: {kinds: [Pod], names: [web, 'db-*']}}]}", |request| {
        request.is_pod() && full_name(request) == "web"
    });
    enforced(
        "match: {any: [{resources: {kinds: [Pod]}}]}\nexclude: {any: [{resources: {name: 'debug-*'}}]}",
        |request| request.is_pod() && !full_name(request).starts_with("debug-"),
    );
}

#[test]
fn any_is_one_of_them_and_all_is_all_of_them() {
    enforced(
        "match: {any: [{resources: {kinds: [Pod], namespaces: [shop]}}, {resources: {kinds: [Deployment], namespaceSelector: {matchLabels: {team: blue}}}}]}",
        |request| {
            (request.is_workload() && request.namespace == "shop")
                || (["deployments", "cronjobs"].contains(&request.resource) && request.team == Some("blue"))
        },
    );
    enforced(
        "match: {all: [{resources: {kinds: [Pod], namespaces: ['shop*']}}, {resources: {kinds: [Pod], namespaceSelector: {matchLabels: {team: blue}}}}]}",
        |request| request.is_workload() && request.namespace == "shop-2",
    );
    enforced(
        "match: {all: [{resources: {kinds: [Pod]}}, {resources: {kinds: [apps/v1/Deployment]}}]}",
        |request| ["deployments", "cronjobs"].contains(&request.resource),
    );
}

#[test]
fn overrides_become_policies_of_their_own() {
    let rule = "match: {any: [{resources: {kinds: [Pod]}}]}";
    let spec = "validationFailureAction: Audit\nvalidationFailureActionOverrides: [{action: Enforce, namespaces: ['shop*']}, {action: audit, namespaces: [shop, dev]}]";
    same_scope(
        "overrides that enforce",
        &cluster_policy(spec, rule),
        &options(),
        |request| request.is_workload() && request.namespace.starts_with("shop"),
        |request| request.is_workload() && !request.namespace.starts_with("shop"),
    );
    let spec = "validationFailureAction: Enforce\nvalidationFailureActionOverrides: [{action: Audit, namespaceSelector: {matchLabels: {environment: staging}}}]";
    same_scope(
        "overrides that audit",
        &cluster_policy(spec, rule),
        &options(),
        |request| request.is_workload() && request.environment != Some("staging"),
        |request| request.is_workload() && request.environment == Some("staging"),
    );
}

/// A scope that is met by nothing is none; in two of them an item would be its own double.
#[test]
fn scopes_that_contradict_themselves_are_left_out() {
    let spec = "validationFailureAction: Enforce\nvalidationFailureActionOverrides: [{action: Enforce, namespaces: [shop]}]";
    let rule = "match: {any: [{resources: {kinds: [Pod], namespaces: [shop]}}]}\nexclude: {any: [{resources: {namespaces: [shop], operations: [UPDATE]}}]}";
    let text = cluster_policy(spec, rule);
    protects("a namespace", &text, |it| {
        it.is_workload() && it.namespace == "shop" && it.operation == "CREATE"
    });
    assert_eq!(run(converted::policy(), &text, &options()).unwrap().manifests.len(), 2);
    let excluded = |selector: &str, exclude: &str| {
        let rule = format!(
            "match: {{any: [{{resources: {{kinds: [Pod], namespaceSelector: {{matchExpressions: [{selector}]}}}}}}]}}\nexclude: {{any: [{{resources: {{namespaceSelector: {{matchExpressions: [{exclude}]}}}}}}]}}"
        );
        cluster_policy(ENFORCE, &rule)
    };
    const PRODUCTION: &str = "{key: environment, operator: In, values: [production]}";
    const ANY: &str = "{key: environment, operator: Exists}";
    const BOTH: &str = "{key: environment, operator: In, values: [production, staging]}";
    for (selector, exclude) in [(PRODUCTION, PRODUCTION), (PRODUCTION, BOTH), (PRODUCTION, ANY), (ANY, ANY)] {
        refused(&excluded(selector, exclude), "spec.rules[0].match", "leaves nothing");
    }
    protects("one of two", &excluded(BOTH, PRODUCTION), |it| {
        it.is_workload() && it.environment == Some("staging")
    });
    let another = PRODUCTION.replace("environment", "team");
    protects("another label", &excluded(PRODUCTION, &another), |it| {
        it.is_workload() && it.environment == Some("production")
    });
}

/// Kyverno's webhooks leave it out, whatever the policies say.
#[test]
fn a_note_says_where_kube_system_is_not_left_out() {
    const NOTE: &str = "ClusterPolicy/scope: spec.rules[0].match: `kube-system` is not left out, as it is by Kyverno's own configuration; if that is not meant, write --exclude-namespace kube-system";
    let said_of = |images: &str, text: &str, options: &Options| {
        let text = text.replace("ghcr.io/acme/*", &format!("'{images}'"));
        let conversion = run(converted::policy(), &text, options).unwrap();
        conversion.notes.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let said = |text: &str, options: &Options| said_of("*", text, options);
    let pods = |more: &str| format!("match: {{any: [{{resources: {{kinds: [Pod]{more}}}}}]}}");
    // Images of the cluster itself may be among those of a registry, and not among one's own.
    let text = cluster_policy(ENFORCE, &pods(""));
    for images in ["*", "registry.k8s.io/*", "docker.io*", "*/acme/*"] {
        assert_eq!(said_of(images, &text, &options()), [NOTE], "{images}");
    }
    for images in ["ghcr.io/acme/*", "ghcr.io/acme*", "ghcr.io/acme/app", "ghcr.io/acme/app:v1"] {
        assert_eq!(said_of(images, &text, &options()), Vec::<String>::new(), "{images}");
    }
    let exclude = |what: &str| format!("{}\nexclude: {{any: [{{resources: {{{what}}}}}]}}", pods(""));
    let namespaces = |names: &str| pods(&format!(", namespaces: [{names}]"));
    let labels = |all: &str| pods(&format!(", namespaceSelector: {{matchExpressions: [{all}]}}"));
    for rule in [
        pods(""),
        namespaces("kube-system, shop"),
        namespaces("'kube-*', shop"),
        exclude("namespaces: [shop]"),
        exclude("namespaces: ['shop-*']"),
        exclude("namespaces: [kube-system], operations: [UPDATE]"),
        labels("{key: environment, operator: NotIn, values: [staging]}"),
        labels("{key: environment, operator: DoesNotExist}"),
    ] {
        assert_eq!(said(&cluster_policy(ENFORCE, &rule), &options()), [NOTE], "{rule}");
    }
    for rule in [
        namespaces("shop"),
        namespaces("'shop-*', dev"),
        exclude("namespaces: [shop, kube-system]"),
        exclude("namespaces: ['kube-*']"),
        labels("{key: environment, operator: In, values: [staging]}"),
        labels("{key: environment, operator: Exists}"),
        labels("{key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system]}"),
    ] {
        assert_eq!(said(&cluster_policy(ENFORCE, &rule), &options()), Vec::<String>::new(), "{rule}");
    }
    let text = cluster_policy(ENFORCE, &pods(""));
    let left_out = Options { exclude_namespaces: vec!["kube-system".to_owned()], ..options() };
    assert_eq!(said(&text, &left_out), Vec::<String>::new());
    let other = Options { exclude_namespaces: vec!["kyverno".to_owned()], ..options() };
    assert_eq!(said(&text, &other), [NOTE]);
    // What audits locks out nobody, and what has a namespace has no other.
    let audits = text.replace("Enforce", "Audit").replace("imageRef", "mutateDigest: false\n      imageRef");
    assert_eq!(said(&audits, &options()), Vec::<String>::new());
    let namespaced = text.replace("kind: ClusterPolicy", "kind: Policy");
    let namespaced = namespaced.replace("metadata:\n", "metadata:\n  namespace: shop\n");
    assert_eq!(said(&namespaced, &options()), Vec::<String>::new());
    let conditions = "webhookConfiguration: {matchConditions: [{name: a, expression: \"request.namespace != 'kube-system'\"}]}";
    let text = cluster_policy(&format!("{ENFORCE}\n{conditions}"), &pods(""));
    assert_eq!(said(&text, &options()), Vec::<String>::new());
}

#[test]
fn conditions_and_namespaced_policies_are_kept() {
    let spec = format!(
        "{ENFORCE}\nwebhookConfiguration: {{matchConditions: [{{name: not-ci, expression: \"!request.userInfo.username.startsWith('system:serviceaccount:ci:')\"}}]}}"
    );
    protects(
        "conditions",
        &cluster_policy(&spec, "match: {any: [{resources: {kinds: [Pod]}}]}"),
        |request| request.is_workload() && request.user == "admin",
    );
    let policy = cluster_policy(ENFORCE, "match: {any: [{resources: {kinds: [Pod]}}]}");
    let policy = policy.replace("kind: ClusterPolicy", "kind: Policy");
    let namespaced = policy.replace("metadata:\n", "metadata:\n  namespace: shop\n");
    protects("namespaced", &namespaced, |request| request.is_workload() && request.namespace == "shop");
    refused(&policy, "metadata.namespace", "missing");
    let left_out = Options { exclude_namespaces: vec!["kube-system".to_owned()], ..options() };
    let cluster = cluster_policy(ENFORCE, "match: {any: [{resources: {kinds: [Pod]}}]}");
    same_scope(
        "left out",
        &cluster,
        &left_out,
        |it| it.is_workload() && it.namespace != "kube-system",
        |_| false,
    );
}

#[test]
fn image_validating_policies_keep_their_constraints() {
    let file = converted::root().join("host/tests/convert/ivpol/key.yaml");
    let text = converted::fill(&std::fs::read_to_string(file).unwrap());
    protects("as it is", &text, Request::is_workload);
    let constraint =
        |text: &str, more: &str| text.replace("matchConstraints:\n", &format!("matchConstraints:\n{more}\n"));
    let selected = constraint(&text, "    namespaceSelector: {matchLabels: {environment: production}}");
    // Kyverno 1.19 covers the controllers here too; before, it did not.
    protects("labels", &selected, |it| it.is_workload() && it.environment == Some("production"));
    let selected = constraint(&text, "    objectSelector: {matchLabels: {app: web}}");
    protects("labels of objects", &selected, |it| it.is_pod() && it.app == Some("web"));
    let some = text.replace("spec:\n", "spec:\n  autogen: {podControllers: {controllers: [cronjobs]}}\n");
    protects("autogen", &some, |it| it.is_pod() || it.resource == "cronjobs");
    let condition =
        "spec:\n  matchConditions: [{name: people, expression: \"request.userInfo.username == 'admin'\"}]\n";
    protects("conditions", &text.replace("spec:\n", condition), |it| it.is_workload() && it.user == "admin");
    let rewritten = condition.replace("request.userInfo.username", "object.metadata.name");
    refused(
        &text.replace("spec:\n", &rewritten),
        "spec.matchConditions[0].expression",
        "Kyverno rewrites it",
    );
    let excluded = constraint(&text, "    excludeResourceRules: [{resources: [pods]}]");
    refused(&excluded, "spec.matchConstraints.excludeResourceRules", "no rules that exclude");
    let unknown = condition.replace("request.userInfo.username", "namespaceObject.metadata.name");
    refused(
        &text.replace("spec:\n", &unknown),
        "spec.matchConditions[0].expression",
        "found `namespaceObject`",
    );
}

#[test]
fn policies_of_kubewarden_keep_their_scope() {
    let file = converted::root().join("host/tests/convert/kubewarden/key.yaml");
    let text = converted::fill(&std::fs::read_to_string(file).unwrap());
    protects("labels", &text, |it| it.is_workload() && it.environment == Some("production"));
    let condition =
        "spec:\n  matchConditions: [{name: people, expression: \"request.userInfo.username == 'admin'\"}]\n";
    protects("conditions", &text.replace("spec:\n", condition), |it| {
        it.is_workload() && it.environment == Some("production") && it.user == "admin"
    });
}

/// Each label of a namespace that is excluded together with another doubles the policies.
#[test]
fn too_many_policies_are_refused() {
    let labels: Vec<String> = (0..5).map(|index| format!("l{index}: a, m{index}: b")).collect();
    let exclude = |count: usize| {
        let filters: Vec<String> = labels
            .iter()
            .take(count)
            .map(|pair| format!("{{resources: {{namespaceSelector: {{matchLabels: {{{pair}}}}}}}}}"))
            .collect();
        cluster_policy(
            ENFORCE,
            &format!(
                "match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\nexclude: {{any: [{}]}}",
                filters.join(", ")
            ),
        )
    };
    assert_eq!(run(converted::policy(), &exclude(4), &options()).unwrap().manifests.len(), 32);
    refused(&exclude(5), "spec.rules[0]", "more than 16 policies");
}
