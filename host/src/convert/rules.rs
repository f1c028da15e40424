//! Rules of a webhook as ImageValidatingPolicies and Kubewarden's policies write them.

use super::kinds::{Resource, is_workload, workload};
use super::refusal::{At, Notes, Problem};
use super::scope::{Operation, Scope};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeSet;

/// A rule with operations.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ResourceRule {
    #[serde(default)]
    pub(super) api_groups: Vec<String>,
    #[serde(default)]
    api_versions: Vec<String>,
    #[serde(default)]
    pub(super) operations: Vec<String>,
    #[serde(default)]
    pub(super) resources: Vec<String>,
    #[serde(default)]
    pub(super) resource_names: Vec<String>,
    /// Everything that runs images is in a namespace, so this says nothing.
    #[serde(rename = "scope")]
    _scope: Option<IgnoredAny>,
}

const UNSEEN: &str = "pods without UPDATE: what `kubectl debug` or a change of an image brings in is not seen, nor was it \
                      before";

const OTHER_RESOURCE: &str = "allowed: the resources that run images, by name: pods, deployments and the like; every \
                              other object would be denied";

/// The groups of what runs images, and what to do where one is not named.
const GROUPS: [(&str, &str); 3] = [
    ("", "it is of the core group; write `\"\"` among `apiGroups`"),
    ("apps", "it is of the group apps; write `apps` among `apiGroups`"),
    ("batch", "it is of the group batch; write `batch` among `apiGroups`"),
];

/// The scope of some rules: one for each set of operations.
pub(super) fn scopes(rules: &[ResourceRule], path: &str, notes: &mut Notes) -> Result<Vec<Scope>, At> {
    let mut scopes: Vec<Scope> = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if !rule.resource_names.is_empty() {
            let instead =
                "a rule knows no names of objects; write `matchConditions` over `object.metadata.name`";
            return Err(At::no_counterpart(format!("{path}.resourceNames"), instead));
        }
        let operations = operations(rule, &path, notes)?;
        let resources = resources(rule, &path, &operations, notes)?;
        if operations.is_empty() {
            continue;
        }
        match scopes.iter_mut().find(|scope| scope.operations == operations) {
            Some(scope) => scope.resources.extend(resources),
            None => scopes.push(Scope { resources, operations, ..Scope::default() }),
        }
    }
    if scopes.is_empty() {
        return Err(At::new(path, Problem::Missing { why: "no object that brings in images is matched" }));
    }
    let mut resources = scopes.iter().flat_map(|scope| &scope.resources);
    if resources.any(|resource| names(resource, "pods")) && !see_ephemeral_containers(&scopes) {
        notes.add(path, UNSEEN);
    }
    Ok(scopes)
}

/// Whether what `kubectl debug` brings in is seen.
pub(super) fn see_ephemeral_containers(scopes: &[Scope]) -> bool {
    scopes
        .iter()
        .filter(|scope| scope.operations.contains(&Operation::Update))
        .any(|scope| scope.resources.iter().any(|resource| names(resource, "pods/ephemeralcontainers")))
}

fn names(resource: &Resource, wanted: &str) -> bool {
    resource.group.is_empty() && resource.resource == wanted
}

fn operations(rule: &ResourceRule, path: &str, notes: &mut Notes) -> Result<BTreeSet<Operation>, At> {
    let mut operations = BTreeSet::new();
    for (index, text) in rule.operations.iter().enumerate() {
        let path = format!("{path}.operations[{index}]");
        match text.as_str() {
            "CREATE" => operations.extend([Operation::Create]),
            "UPDATE" => operations.extend([Operation::Update]),
            "*" => operations.extend([Operation::Create, Operation::Update]),
            "DELETE" | "CONNECT" => notes.add(path, format!("left out: {text} brings in no image")),
            other => return Err(At::value(path, other, "allowed: CREATE, UPDATE, DELETE, CONNECT, *")),
        }
    }
    Ok(operations)
}

fn resources(
    rule: &ResourceRule,
    path: &str,
    operations: &BTreeSet<Operation>,
    notes: &mut Notes,
) -> Result<BTreeSet<Resource>, At> {
    let version = |text: &&String| ["v1", "*"].contains(&text.as_str());
    if !rule.api_versions.iter().any(|text| version(&text)) {
        let found = rule.api_versions.join(", ");
        return Err(At::value(
            format!("{path}.apiVersions"),
            found,
            "allowed: v1, the version of all that run images",
        ));
    }
    let groups: Vec<&str> = rule.api_groups.iter().map(String::as_str).collect();
    let groups = if groups.contains(&"*") { GROUPS.map(|(group, _)| group).to_vec() } else { groups };
    let mut found = BTreeSet::new();
    for (index, resource) in rule.resources.iter().enumerate() {
        let known = groups.iter().filter(|group| is_workload(group, resource));
        let known = known.map(|group| Resource {
            group: (*group).to_owned(),
            version: "v1".to_owned(),
            resource: resource.clone(),
        });
        let known: Vec<Resource> = known.collect();
        if known.is_empty() {
            let elsewhere = GROUPS.iter().find(|(group, _)| is_workload(group, resource));
            let instead = elsewhere.map_or(OTHER_RESOURCE, |(_, instead)| instead);
            return Err(At::value(format!("{path}.resources[{index}]"), resource, instead));
        }
        found.extend(known);
    }
    let pods = workload("Pod");
    let with_pods = found.iter().any(|resource| names(resource, "pods"));
    if with_pods && operations.contains(&Operation::Update) && !pods.is_subset(&found) {
        notes.add(
            format!("{path}.resources"),
            "pods/ephemeralcontainers added: kubectl debug brings in images too",
        );
        found.extend(pods);
    }
    Ok(found)
}
