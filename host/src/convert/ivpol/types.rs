//! The fields of an ImageValidatingPolicy. A field that is not here is refused by name.

use super::super::kyverno::LabelSelector;
use super::super::read::Metadata;
use super::super::rules::ResourceRule;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_norway::Value;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
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
    pub(super) match_constraints: MatchConstraints,
    #[serde(default)]
    pub(super) match_conditions: Vec<Condition>,
    #[serde(default)]
    pub(super) match_image_references: Vec<ImageReference>,
    #[serde(default)]
    pub(super) images: Vec<Value>,
    pub(super) attestors: Vec<Attestor>,
    #[serde(default)]
    pub(super) attestations: Vec<Attestation>,
    #[serde(default)]
    pub(super) validations: Vec<Validation>,
    #[serde(default)]
    pub(super) validation_actions: Vec<String>,
    pub(super) validation_configurations: Option<ValidationConfigurations>,
    pub(super) failure_policy: Option<String>,
    pub(super) webhook_configuration: Option<WebhookConfiguration>,
    pub(super) evaluation: Option<Evaluation>,
    pub(super) autogen: Option<Autogen>,
    pub(super) credentials: Option<Value>,
    #[serde(default)]
    pub(super) variables: Vec<Value>,
    #[serde(default)]
    pub(super) audit_annotations: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MatchConstraints {
    #[serde(default)]
    pub(super) resource_rules: Vec<ResourceRule>,
    #[serde(default)]
    pub(super) exclude_resource_rules: Vec<Value>,
    pub(super) namespace_selector: Option<LabelSelector>,
    pub(super) object_selector: Option<LabelSelector>,
    pub(super) match_policy: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    pub(super) name: String,
    pub(super) expression: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImageReference {
    pub(super) glob: Option<String>,
    pub(super) expression: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Validation {
    pub(super) expression: String,
    pub(super) message: Option<IgnoredAny>,
    pub(super) message_expression: Option<IgnoredAny>,
    #[serde(rename = "reason")]
    _reason: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ValidationConfigurations {
    pub(super) mutate_digest: Option<bool>,
    pub(super) verify_digest: Option<bool>,
    pub(super) required: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WebhookConfiguration {
    pub(super) timeout_seconds: Option<u8>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Evaluation {
    pub(super) mode: Option<String>,
    pub(super) admission: Option<Switch>,
    pub(super) background: Option<Switch>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    pub(super) enabled: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Autogen {
    pub(super) pod_controllers: Option<PodControllers>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PodControllers {
    pub(super) controllers: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attestor {
    pub(super) name: String,
    pub(super) cosign: Option<Cosign>,
    pub(super) notary: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Cosign {
    pub(super) key: Option<Key>,
    pub(super) keyless: Option<Keyless>,
    pub(super) certificate: Option<Certificate>,
    pub(super) source: Option<Source>,
    pub(super) ctlog: Option<Ctlog>,
    pub(super) tuf: Option<Value>,
    pub(super) trusted_root: Option<Value>,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Key {
    pub(super) data: Option<String>,
    pub(super) kms: Option<String>,
    pub(super) hash_algorithm: Option<String>,
    pub(super) expression: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keyless {
    pub(super) identities: Vec<Identity>,
    pub(super) roots: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Identity {
    pub(super) issuer: Option<String>,
    pub(super) issuer_reg_exp: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) subject_reg_exp: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Certificate {
    pub(super) cert: Option<ValueOrExpression>,
    pub(super) cert_chain: Option<ValueOrExpression>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValueOrExpression {
    pub(super) value: Option<String>,
    pub(super) expression: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    pub(super) repository: Option<String>,
    #[serde(rename = "PullSecrets", alias = "pullSecrets")]
    pub(super) pull_secrets: Option<Value>,
    #[serde(rename = "tagPrefix")]
    pub(super) tag_prefix: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Ctlog {
    pub(super) url: Option<String>,
    pub(super) rekor_pub_key: Option<String>,
    pub(super) ct_log_pub_key: Option<String>,
    pub(super) tsa_cert_chain: Option<String>,
    pub(super) insecure_ignore_tlog: Option<bool>,
    #[serde(rename = "insecureIgnoreSCT")]
    pub(super) insecure_ignore_sct: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attestation {
    pub(super) name: String,
    pub(super) intoto: Option<Type>,
    pub(super) referrer: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Type {
    #[serde(rename = "type")]
    pub(super) predicate: String,
}
