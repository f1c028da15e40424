//! Requests, and the policies that are about them: evaluated as the API server does it, by rules, selectors, and the
//! expressions of `matchConditions`.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]
#![expect(clippy::arithmetic_side_effects, reason = "a helper that fails ends its test")]

use crate::cluster_policy::{ENFORCE, cluster_policy};
use crate::converted::{self, manifests, options, run};
use serde_json::{Value, json};
use sigwarden_host::convert::Options;
use std::sync::Arc;

/// A request, as far as scopes go.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) group: &'static str,
    pub(crate) resource: &'static str,
    pub(crate) operation: &'static str,
    /// Empty where there is none.
    pub(crate) namespace: &'static str,
    pub(crate) environment: Option<&'static str>,
    pub(crate) team: Option<&'static str>,
    pub(crate) name: Option<&'static str>,
    pub(crate) generate_name: Option<&'static str>,
    pub(crate) app: Option<&'static str>,
    pub(crate) user: &'static str,
}

pub(crate) const RESOURCES: [(&str, &str); 6] = [
    ("", "pods"),
    ("", "pods/ephemeralcontainers"),
    ("", "services"),
    ("apps", "deployments"),
    ("batch", "cronjobs"),
    ("tekton.dev", "tasks"),
];
/// What is in no namespace.
pub(crate) const CLUSTER_SCOPED: (&str, &str) = ("tekton.dev", "clustertasks");
/// With their labels.
pub(crate) const NAMESPACES: [(&str, Option<&str>, Option<&str>); 5] = [
    ("shop", Some("production"), Some("red")),
    ("shop-2", Some("staging"), Some("blue")),
    ("kube-system", None, None),
    ("kube-public", Some("production"), None),
    ("dev", None, Some("red")),
];

/// Every combination of what the policies below tell apart.
pub(crate) fn requests() -> Vec<Request> {
    let namespaced =
        RESOURCES.into_iter().flat_map(|resource| NAMESPACES.map(|namespace| (resource, namespace)));
    let places = namespaced.chain([(CLUSTER_SCOPED, ("", None, None))]);
    let mut requests = Vec::new();
    for ((group, resource), (namespace, environment, team)) in places {
        for operation in ["CREATE", "UPDATE", "DELETE"] {
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
    requests
}

impl Request {
    pub(crate) fn object(&self) -> Value {
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

    pub(crate) fn is_pod(&self) -> bool {
        self.resource.starts_with("pods")
    }

    /// What Kyverno makes of `kinds: [Pod]`.
    pub(crate) fn is_workload(&self) -> bool {
        self.is_pod() || ["deployments", "cronjobs"].contains(&self.resource)
    }

    /// Nothing comes in by DELETE.
    pub(crate) fn brings_in(&self) -> bool {
        self.operation != "DELETE"
    }
}

/// Whether the API server would ask a policy about a request.
pub(crate) fn is_about(policy: &Value, request: &Request) -> bool {
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
        // A selector of namespaces leaves out nothing that is in none.
        && (request.namespace.is_empty() || selected(&spec["namespaceSelector"], namespace))
        && selected(&spec["objectSelector"], object)
        && conditions(&spec["matchConditions"], request)
}

pub(crate) fn selected<'l>(selector: &Value, label: impl Fn(&str) -> Option<&'l str>) -> bool {
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

pub(crate) fn conditions(conditions: &Value, request: &Request) -> bool {
    let environment = Arc::new(cel::Env::stdlib());
    conditions.as_array().into_iter().flatten().all(|condition| {
        let program = environment.compile(condition["expression"].as_str().unwrap()).unwrap();
        let mut context = cel::Context::with_env(Arc::clone(&environment));
        context.add_variable("object", request.object()).unwrap();
        let mut about = json!({
            "operation": request.operation,
            "userInfo": {"username": request.user},
        });
        if !request.namespace.is_empty() {
            about["namespace"] = json!(request.namespace);
        }
        context.add_variable("request", about).unwrap();
        match program.execute(&context) {
            Ok(cel::Value::Bool(met)) => met,
            other => panic!("{condition}: {other:?}"),
        }
    })
}

/// Holds what is written to a function, request by request: of each mode, and the same for both policies of a pair.
pub(crate) fn same_scope(
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

pub(crate) fn protects(name: &str, yaml: &str, about: fn(&Request) -> bool) {
    same_scope(name, yaml, &options(), about, |_| false);
}

pub(crate) fn enforced(rule: &str, about: fn(&Request) -> bool) {
    protects(rule, &cluster_policy(ENFORCE, rule), about);
}
