//! Kyverno's ClusterPolicy and Policy, as far as `verifyImages` goes. A field that is not here is refused by name.

use super::super::read::Metadata;
use super::super::scope::Requirement;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_norway::{Mapping, Value};
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Policy {
    #[serde(rename = "apiVersion")]
    _api_version: IgnoredAny,
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    pub(super) metadata: Metadata,
    pub(super) spec: Spec,
    #[serde(rename = "status")]
    _status: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Spec {
    /// Read one by one: only those that verify images have to be understood.
    pub(super) rules: Vec<Value>,
    pub(super) apply_rules: Option<String>,
    pub(super) admission: Option<bool>,
    pub(super) background: Option<bool>,
    pub(super) failure_policy: Option<FailurePolicy>,
    pub(super) validation_failure_action: Option<String>,
    #[serde(default)]
    pub(super) validation_failure_action_overrides: Vec<Override>,
    pub(super) webhook_timeout_seconds: Option<u8>,
    pub(super) webhook_configuration: Option<WebhookConfiguration>,
    /// How rules of other kinds behave, and what is reported; nothing of it is about images.
    #[serde(rename = "schemaValidation")]
    _schema_validation: Option<IgnoredAny>,
    #[serde(rename = "mutateExistingOnPolicyUpdate")]
    _mutate_existing: Option<IgnoredAny>,
    #[serde(rename = "generateExistingOnPolicyUpdate")]
    _generate_existing_on_policy_update: Option<IgnoredAny>,
    #[serde(rename = "generateExisting")]
    _generate_existing: Option<IgnoredAny>,
    #[serde(rename = "useServerSideApply")]
    _use_server_side_apply: Option<IgnoredAny>,
    #[serde(rename = "emitWarning")]
    _emit_warning: Option<IgnoredAny>,
    #[serde(rename = "auditWarning")]
    _audit_warning: Option<IgnoredAny>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub(super) enum FailurePolicy {
    Fail,
    Ignore,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WebhookConfiguration {
    pub(super) failure_policy: Option<FailurePolicy>,
    pub(super) timeout_seconds: Option<u8>,
    #[serde(default)]
    pub(super) match_conditions: Vec<Condition>,
}

/// A CEL expression of a webhook.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    pub(super) name: String,
    pub(super) expression: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Override {
    pub(super) action: String,
    pub(super) namespaces: Option<Vec<String>>,
    pub(super) namespace_selector: Option<LabelSelector>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) name: Option<String>,
    #[serde(rename = "match")]
    pub(super) matched: MatchResources,
    pub(super) exclude: Option<MatchResources>,
    pub(super) verify_images: Vec<Mapping>,
    #[serde(default)]
    pub(super) image_extractors: Mapping,
    #[serde(default)]
    pub(super) context: Vec<Value>,
    pub(super) preconditions: Option<Value>,
    pub(super) cel_preconditions: Option<Value>,
    /// About requests of Kyverno's own, and what is reported.
    #[serde(rename = "skipBackgroundRequests")]
    _skip_background_requests: Option<IgnoredAny>,
    #[serde(rename = "reportProperties")]
    _report_properties: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MatchResources {
    pub(super) any: Option<Vec<Filter>>,
    pub(super) all: Option<Vec<Filter>>,
    pub(super) resources: Option<Resources>,
    pub(super) subjects: Option<Value>,
    pub(super) roles: Option<Value>,
    pub(super) cluster_roles: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Filter {
    pub(super) resources: Option<Resources>,
    pub(super) subjects: Option<Value>,
    pub(super) roles: Option<Value>,
    pub(super) cluster_roles: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Resources {
    #[serde(default)]
    pub(super) kinds: Vec<String>,
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) names: Vec<String>,
    #[serde(default)]
    pub(super) namespaces: Vec<String>,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, Value>,
    pub(super) selector: Option<LabelSelector>,
    pub(super) namespace_selector: Option<LabelSelector>,
    #[serde(default)]
    pub(super) operations: Vec<String>,
}

/// A label selector of Kubernetes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct LabelSelector {
    #[serde(default)]
    pub(in super::super) match_labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(in super::super) match_expressions: Vec<Requirement>,
}

impl Resources {
    /// What Kyverno's rules for controllers cannot be made of.
    pub(super) fn is_about_one_object(&self) -> bool {
        self.name.as_ref().is_some_and(|name| !name.is_empty())
            || !self.names.is_empty()
            || self.selector.is_some()
            || !self.annotations.is_empty()
    }
}

impl MatchResources {
    pub(super) fn filters(&self) -> impl Iterator<Item = &Resources> {
        let listed =
            self.any.iter().chain(&self.all).flatten().filter_map(|filter| filter.resources.as_ref());
        self.resources.iter().chain(listed)
    }

    /// The same, with their paths.
    pub(super) fn filters_at(&self, path: &str) -> impl Iterator<Item = (String, &Resources)> {
        let listed = [("any", &self.any), ("all", &self.all)].into_iter().flat_map(move |(name, list)| {
            let filters = list.iter().flatten().enumerate();
            filters.filter_map(move |(index, filter)| {
                Some((format!("{path}.{name}[{index}].resources"), filter.resources.as_ref()?))
            })
        });
        let direct = self.resources.iter().map(move |resources| (format!("{path}.resources"), resources));
        direct.chain(listed)
    }
}
