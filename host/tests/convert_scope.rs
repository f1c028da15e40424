//! The scope of what is converted: for every request that matters, the policies written are about it exactly if the
//! policy read is. What is read is said a second time here, as a function; what is written is evaluated as the API
//! server does it: rules, selectors, and the expressions of `matchConditions`.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]
#![expect(clippy::arithmetic_side_effects, reason = "a helper that fails ends its test")]

#[path = "support/cluster_policy.rs"]
mod cluster_policy;
#[path = "support/converted.rs"]
mod converted;
#[path = "support/crd.rs"]
mod crd;

use cluster_policy::{ENFORCE, cluster_policy, refused};
use converted::{manifests, options, run};
use serde_json::{Value, json};
use sigwarden_host::convert::Options;
use std::sync::Arc;

/// A request, as far as scopes go.
#[derive(Clone, Debug)]
struct Request {
    group: &'static str,
    resource: &'static str,
    operation: &'static str,
    namespace: &'static str,
    environment: Option<&'static str>,
    team: Option<&'static str>,
    name: Option<&'static str>,
    generate_name: Option<&'static str>,
    app: Option<&'static str>,
    user: &'static str,
}

const RESOURCES: [(&str, &str); 6] = [
    ("", "pods"),
    ("", "pods/ephemeralcontainers"),
    ("", "services"),
    ("apps", "deployments"),
    ("batch", "cronjobs"),
    ("tekton.dev", "tasks"),
];
/// With their labels.
const NAMESPACES: [(&str, Option<&str>, Option<&str>); 5] = [
    ("shop", Some("production"), Some("red")),
    ("shop-2", Some("staging"), Some("blue")),
    ("kube-system", None, None),
    ("kube-public", Some("production"), None),
    ("dev", None, Some("red")),
];

/// Every combination of what the policies below tell apart.
fn requests() -> Vec<Request> {
    let mut requests = Vec::new();
    for (group, resource) in RESOURCES {
        for operation in ["CREATE", "UPDATE", "DELETE"] {
            for (namespace, environment, team) in NAMESPACES {
                for (name, generate_name) in
                    [(Some("web"), None), (Some("debug-1"), None), (None, Some("debug-"))]
                {
                    for app in [None, Some("web"), Some("db")] {
                        for user in ["admin", "system:serviceaccount:ci:deployer"] {
                            requests.push(Request {
                                group,
                                resource,
                                operation,
                                namespace,
                                environment,
                                team,
                                name,
                                generate_name,
                                app,
                                user,
                            });
                        }
                    }
                }
            }
        }
    }
    requests
}

impl Request {
    fn object(&self) -> Value {
        let mut object = json!({"metadata": {"namespace": self.namespace, "labels": {}}});
        for (field, value) in [("name", self.name), ("generateName", self.generate_name)] {
            if let Some(value) = value {
                object["metadata"][field] = json!(value);
            }
        }
        if let Some(app) = self.app {
            object["metadata"]["labels"]["app"] = json!(app);
        }
        object
    }

    fn full_name(&self) -> &str {
        self.name.or(self.generate_name).unwrap()
    }

    fn is_pod(&self) -> bool {
        self.resource.starts_with("pods")
    }

    /// What Kyverno makes of `kinds: [Pod]`.
    fn is_workload(&self) -> bool {
        self.is_pod() || ["deployments", "cronjobs"].contains(&self.resource)
    }

    /// Nothing comes in by DELETE.
    fn brings_in(&self) -> bool {
        self.operation != "DELETE"
    }
}

/// Whether the API server would ask a policy about a request.
fn is_about(policy: &Value, request: &Request) -> bool {
    let spec = &policy["spec"];
    let contains = |list: &Value, wanted: &str| {
        list.as_array().unwrap().iter().any(|item| item == wanted || item == "*")
    };
    let ruled = spec["rules"].as_array().unwrap().iter().any(|rule| {
        contains(&rule["apiGroups"], request.group)
            && contains(&rule["apiVersions"], "v1")
            && contains(&rule["resources"], request.resource)
            && contains(&rule["operations"], request.operation)
    });
    let namespace = |label: &str| match label {
        "kubernetes.io/metadata.name" => Some(request.namespace),
        "environment" => request.environment,
        "team" => request.team,
        _ => None,
    };
    let object = |label: &str| if label == "app" { request.app } else { None };
    let of_namespace = policy["metadata"]["namespace"].as_str().is_none_or(|own| own == request.namespace);
    ruled
        && of_namespace
        && selected(&spec["namespaceSelector"], namespace)
        && selected(&spec["objectSelector"], object)
        && conditions(&spec["matchConditions"], request)
}

fn selected<'l>(selector: &Value, label: impl Fn(&str) -> Option<&'l str>) -> bool {
    let Some(expressions) = selector.get("matchExpressions") else { return true };
    expressions.as_array().unwrap().iter().all(|expression| {
        let found = label(expression["key"].as_str().unwrap());
        let values = expression["values"].as_array();
        let among = found.is_some_and(|found| values.is_some_and(|values| values.contains(&json!(found))));
        match expression["operator"].as_str().unwrap() {
            "In" => among,
            "NotIn" => !among,
            "Exists" => found.is_some(),
            "DoesNotExist" => found.is_none(),
            other => panic!("{other}"),
        }
    })
}

fn conditions(conditions: &Value, request: &Request) -> bool {
    let environment = Arc::new(cel::Env::stdlib());
    conditions.as_array().into_iter().flatten().all(|condition| {
        let program = environment.compile(condition["expression"].as_str().unwrap()).unwrap();
        let mut context = cel::Context::with_env(Arc::clone(&environment));
        context.add_variable("object", request.object()).unwrap();
        let about = json!({
            "namespace": request.namespace,
            "operation": request.operation,
            "userInfo": {"username": request.user},
        });
        context.add_variable("request", about).unwrap();
        match program.execute(&context) {
            Ok(cel::Value::Bool(met)) => met,
            other => panic!("{condition}: {other:?}"),
        }
    })
}

/// Holds what is written to a function, request by request: of each mode, and the same for both policies of a pair.
fn same_scope(
    name: &str,
    yaml: &str,
    options: &Options,
    protects: fn(&Request) -> bool,
    monitors: fn(&Request) -> bool,
) {
    let conversion =
        run(converted::policy(), yaml, options).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let manifests = manifests(&conversion);
    converted::check(name, &manifests);
    let any = |mode: &str, mutating: bool, request: &Request| {
        let of_mode = manifests.iter().filter(|policy| {
            policy["spec"]["mode"] == json!(mode) && policy["spec"]["mutating"] == json!(mutating)
        });
        of_mode.filter(|policy| is_about(policy, request)).count() > 0
    };
    let mut seen = [0_u32; 2];
    for request in requests() {
        let expected = protects(&request) && request.brings_in();
        assert_eq!(any("protect", true, &request), expected, "{name}: {request:?}");
        assert_eq!(any("protect", false, &request), expected, "{name}, the twin: {request:?}");
        let monitored = monitors(&request) && request.brings_in();
        assert_eq!(any("monitor", false, &request), monitored, "{name}, monitored: {request:?}");
        seen[usize::from(expected || monitored)] += 1;
    }
    assert!(seen.iter().all(|count| *count > 0), "{name}: the requests tell nothing apart");
}

fn protects(name: &str, yaml: &str, about: fn(&Request) -> bool) {
    same_scope(name, yaml, &options(), about, |_| false);
}

fn enforced(rule: &str, about: fn(&Request) -> bool) {
    protects(rule, &cluster_policy(ENFORCE, rule), about);
}

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

#[test]
fn names_are_kept() {
    enforced("match: {any: [{resources: {kinds: [Pod], names: [web, 'db-*']}}]}", |request| {
        request.is_pod() && request.full_name() == "web"
    });
    enforced(
        "match: {any: [{resources: {kinds: [Pod]}}]}\nexclude: {any: [{resources: {name: 'debug-*'}}]}",
        |request| request.is_pod() && !request.full_name().starts_with("debug-"),
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
    let in_dev = |it: &Request| it.is_workload() && it.resource != "pods" && it.namespace == "dev";
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
        ("[Pod]", in_dev as fn(&Request) -> bool),
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
