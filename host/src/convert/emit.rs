//! What is written: for each scope and action the mutating policy and its validating twin.

use super::Options;
use super::refusal::At;
use super::scope::{Operation, Requirement, Scope};
use super::yaml::yaml;
use serde::Serialize;
use serde_norway::{Mapping, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What all policies of a document have in common.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    /// Of a policy that is about one namespace.
    pub(super) namespace: Option<String>,
    pub(super) failure_policy: &'static str,
    pub(super) timeout_seconds: u8,
    pub(super) timeout_eval_seconds: Option<u8>,
    pub(super) background: bool,
    pub(super) match_policy: Option<String>,
    pub(super) policy_server: Option<String>,
    pub(super) message: Option<String>,
}

/// What is done with an image that is not verified.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Action {
    Enforce,
    Audit,
}

/// One item of `verifyImages`.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Where it stands in the document.
    pub(super) path: String,
    /// All of it but what the two policies differ in.
    pub(super) fields: Mapping,
    pub(super) mutate: bool,
    pub(super) verify: bool,
}

impl Item {
    /// Whether it names all images of a registry, or of any: no organisation is written before the first wildcard.
    pub(super) fn names_a_registry(&self) -> bool {
        let patterns = self.fields.get("imageReferences").and_then(Value::as_sequence);
        patterns.into_iter().flatten().filter_map(Value::as_str).any(|pattern| {
            let literal = pattern.split_once(['*', '?']).map(|(literal, _)| literal);
            literal.is_some_and(|literal| {
                literal.split_once('/').is_none_or(|(_, organisation)| organisation.is_empty())
            })
        })
    }
}

/// Rules with one scope and one action.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) scope: Scope,
    /// The field that the scope comes from.
    pub(super) path: String,
    pub(super) action: Action,
    pub(super) items: Vec<Item>,
    pub(super) extractors: Mapping,
}

/// A policy for Kubewarden.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: Spec,
    /// Where the items of `verifyImages` come from.
    #[serde(skip)]
    pub(super) paths: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Metadata {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    module: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_server: Option<String>,
    mode: &'static str,
    mutating: bool,
    failure_policy: &'static str,
    timeout_seconds: u8,
    timeout_eval_seconds: u8,
    background_audit: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    match_policy: Option<String>,
    rules: Vec<Rule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace_selector: Option<Selector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object_selector: Option<Selector>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    match_conditions: Vec<Condition>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    context_aware_resources: Vec<ContextAwareResource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    settings: Value,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    api_groups: Vec<String>,
    api_versions: Vec<String>,
    resources: Vec<String>,
    operations: Vec<Operation>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Selector {
    match_expressions: Vec<Requirement>,
}

#[derive(Clone, Debug, Serialize)]
struct Condition {
    name: String,
    expression: String,
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
struct ContextAwareResource {
    api_version: &'static str,
    kind: &'static str,
}

impl Manifest {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// The settings of the policy.
    #[must_use]
    pub fn settings(&self) -> &Value {
        &self.spec.settings
    }

    /// As YAML, for whichever version of it that reads it.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be written as YAML, which is not known to happen.
    pub fn to_yaml(&self) -> Result<String, serde_norway::Error> {
        yaml(self)
    }

    pub(super) fn rename(&mut self, suffix: &str) {
        self.metadata.name.push_str(suffix);
    }

    /// What tells it from others in the cluster.
    pub(super) fn identity(&self) -> (&'static str, Option<String>, String) {
        (self.kind, self.metadata.namespace.clone(), self.metadata.name.clone())
    }
}

const LABELS_OF_NAMESPACES: &str = "an AdmissionPolicy is about one namespace and selects none by labels";
const KEYS_IN_THE_CLUSTER: &str = "an AdmissionPolicy of a namespace cannot read Secrets and ConfigMaps; write the \
                                   key itself";

/// The pairs of a document.
pub(super) fn manifests(source: &Source, groups: &[Group], options: &Options) -> Result<Vec<Manifest>, At> {
    let mut manifests = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        if source.namespace.is_some() && !group.scope.namespaces.is_empty() {
            return Err(At::no_counterpart(&group.path, LABELS_OF_NAMESPACES));
        }
        let name = match index {
            0 => source.name.clone(),
            index => format!("{}-{}", source.name, index.saturating_add(1)),
        };
        // Nothing that is audited is changed.
        let mutates = group.action == Action::Enforce && group.items.iter().any(|item| item.mutate);
        if mutates {
            manifests.push(manifest(source, group, options, name.clone(), true)?);
        }
        let twin = if mutates { format!("{name}-verify") } else { name };
        manifests.push(manifest(source, group, options, twin, false)?);
    }
    Ok(manifests)
}

fn manifest(
    source: &Source,
    group: &Group,
    options: &Options,
    name: String,
    mutating: bool,
) -> Result<Manifest, At> {
    let timeout_eval_seconds =
        source.timeout_eval_seconds.unwrap_or_else(|| source.timeout_seconds.saturating_sub(1).clamp(1, 8));
    let settings = settings(group, mutating, timeout_eval_seconds);
    let context_aware_resources: Vec<_> = read_by(&settings).into_iter().collect();
    if source.namespace.is_some() && !context_aware_resources.is_empty() {
        let path = group.items.iter().find(|item| !read_by(&Value::Mapping(item.fields.clone())).is_empty());
        return Err(At::no_counterpart(path.map_or(&group.path, |item| &item.path), KEYS_IN_THE_CLUSTER));
    }
    let mut scope = group.scope.clone();
    if source.namespace.is_none() {
        scope.leave_out(&options.exclude_namespaces);
    }
    let selector = |match_expressions: Vec<Requirement>| {
        (!match_expressions.is_empty()).then_some(Selector { match_expressions })
    };
    let conditions = scope.conditions.iter();
    Ok(Manifest {
        api_version: "policies.kubewarden.io/v1",
        kind: if source.namespace.is_some() { "AdmissionPolicy" } else { "ClusterAdmissionPolicy" },
        metadata: Metadata { name, namespace: source.namespace.clone() },
        spec: Spec {
            module: options.module.clone(),
            policy_server: options.policy_server.clone().or_else(|| source.policy_server.clone()),
            mode: match group.action {
                Action::Enforce => "protect",
                Action::Audit => "monitor",
            },
            mutating,
            failure_policy: source.failure_policy,
            timeout_seconds: source.timeout_seconds,
            timeout_eval_seconds,
            // What was admitted is looked at once, by the policy that changes nothing.
            background_audit: source.background && !mutating,
            match_policy: source.match_policy.clone(),
            rules: rules(&scope),
            match_conditions: conditions
                .map(|(name, expression)| Condition { name: name.clone(), expression: expression.clone() })
                .collect(),
            namespace_selector: selector(scope.namespaces),
            object_selector: selector(scope.objects),
            context_aware_resources,
            message: source.message.clone(),
            settings,
        },
        paths: group.items.iter().map(|item| item.path.clone()).collect(),
    })
}

/// One rule for each API group and version.
fn rules(scope: &Scope) -> Vec<Rule> {
    let mut groups: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for resource in &scope.resources {
        groups.entry((&resource.group, &resource.version)).or_default().push(resource.resource.clone());
    }
    let rule = |((group, version), resources): ((&str, &str), Vec<String>)| Rule {
        api_groups: vec![group.to_owned()],
        api_versions: vec![version.to_owned()],
        resources,
        operations: scope.operations.iter().copied().collect(),
    };
    groups.into_iter().map(rule).collect()
}

fn settings(group: &Group, mutating: bool, timeout_eval_seconds: u8) -> Value {
    let items = group.items.iter().map(|item| {
        let mut fields = item.fields.clone();
        // The mutating policy as it was; the twin changes nothing, and asks for the digests that the other writes.
        let (mutate, verify) =
            if mutating { (item.mutate, item.verify) } else { (false, item.mutate || item.verify) };
        let verify = verify && (group.action == Action::Enforce || item.verify);
        fields.insert("mutateDigest".into(), mutate.into());
        fields.insert("verifyDigest".into(), verify.into());
        Value::Mapping(fields)
    });
    let mut settings = Mapping::new();
    settings.insert("verifyImages".into(), Value::Sequence(items.collect()));
    if !group.extractors.is_empty() {
        settings.insert("imageExtractors".into(), Value::Mapping(group.extractors.clone()));
    }
    settings.insert("unmatchedImages".into(), "allow".into());
    settings.insert("evaluationBudget".into(), budget(timeout_eval_seconds).into());
    Value::Mapping(settings)
}

/// The policy ends before it is ended: the host's clock ticks once a second, so that its limit of some seconds may
/// be one less.
fn budget(timeout_eval_seconds: u8) -> String {
    let milliseconds = match timeout_eval_seconds {
        0..=2 => u32::from(timeout_eval_seconds).saturating_mul(500).max(500),
        seconds => u32::from(seconds).saturating_mul(1000).saturating_sub(1500),
    };
    format!("{milliseconds}ms")
}

/// What the settings let the policy read from the cluster.
fn read_by(settings: &Value) -> BTreeSet<ContextAwareResource> {
    let resource = |kind| ContextAwareResource { api_version: "v1", kind };
    match settings {
        Value::Sequence(items) => items.iter().flat_map(read_by).collect(),
        Value::Mapping(fields) => fields
            .iter()
            .flat_map(|(key, value)| match (key.as_str(), value.as_str()) {
                (Some("publicKeys"), Some(text)) if text.trim_start().starts_with("k8s://") => {
                    [resource("Secret")].into()
                }
                (Some("secret"), None) => [resource("Secret")].into(),
                (Some("configMap"), None) => [resource("ConfigMap")].into(),
                _ => read_by(value),
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => {
            BTreeSet::new()
        }
    }
}
