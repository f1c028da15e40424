//! The metadata of a policy, as its `policy-metadata.yml` says it and as its module carries it.
//!
//! The form is kwctl's (`policy_metadata.rs` of the policy-evaluator), the order of the fields included. Other than
//! kwctl, this refuses a field that it does not know: a misspelt `hostCapabilities` must not get lost.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// What a policy is, wants to see and needs.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// `v1`; not written by people, but asked of the module.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol_version: Option<String>,
    /// Which requests the policy wants to see.
    pub rules: Vec<Rule>,
    /// Texts for people and for Artifact Hub.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Whether the policy changes objects.
    pub mutating: bool,
    /// Whether the audit scanner may ask the policy about what exists already.
    #[serde(default = "yes")]
    pub background_audit: bool,
    /// How the module is run.
    #[serde(default)]
    pub execution_mode: ExecutionMode,
    /// What the policy looks at.
    #[serde(default)]
    pub policy_type: PolicyType,
    /// The kinds that the policy reads from the cluster.
    #[serde(default)]
    pub context_aware_resources: BTreeSet<ContextAwareResource>,
    /// The operations of the host that the policy calls.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub host_capabilities: BTreeSet<String>,
    /// The first release of Kubewarden that can run the policy: three numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_kubewarden_version: Option<String>,
}

/// A set of requests.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// `""` is the core group.
    pub api_groups: Vec<String>,
    /// The versions of these groups.
    pub api_versions: Vec<String>,
    /// In the plural; a subresource after a slash.
    pub resources: Vec<String>,
    /// What is done to them.
    pub operations: Vec<Operation>,
}

/// What a request does.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// Makes an object.
    Create,
    /// Changes one.
    Update,
    /// Removes one.
    Delete,
    /// Opens a connection to one.
    Connect,
    /// All of these.
    #[serde(rename = "*")]
    All,
}

/// How a module is run: this host knows one way only.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum ExecutionMode {
    /// As a waPC guest.
    #[default]
    #[serde(rename = "kubewarden-wapc")]
    KubewardenWapc,
}

/// What a policy looks at.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PolicyType {
    /// AdmissionRequests.
    #[default]
    Kubernetes,
    /// Any JSON.
    Raw,
}

/// A kind that is read from the cluster.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContextAwareResource {
    /// Group and version.
    pub api_version: String,
    /// The kind.
    pub kind: String,
}

/// Why metadata was refused.
#[derive(Debug, Error)]
pub enum MetadataError {
    /// A rule that matches nothing.
    #[error("rules[{rule}].{field}: an empty list matches nothing")]
    EmptyList {
        /// Which rule.
        rule: usize,
        /// Which of its lists.
        field: &'static str,
    },
    /// There is nothing that the policy wants to see.
    #[error("rules: a policy without rules sees no request")]
    NoRules,
    /// `*` beside other entries, which the API server refuses.
    #[error("rules[{rule}].{field}: `*` must stand alone")]
    Star {
        /// Which rule.
        rule: usize,
        /// Which of its lists.
        field: &'static str,
    },
    /// A version of fewer or more than three numbers.
    #[error("minimumKubewardenVersion: found `{0}`; allowed: three numbers, as in `1.11.0`")]
    Version(String),
    /// Not YAML, a field is missing or unknown, or of another type.
    #[error("{0}")]
    Yaml(#[from] serde_norway::Error),
}

impl Metadata {
    /// Reads `policy-metadata.yml`.
    ///
    /// # Errors
    ///
    /// Fails for a field that is missing, unknown or of another type, and for rules that match nothing.
    pub fn from_yaml(text: &str) -> Result<Self, MetadataError> {
        let metadata: Self = serde_norway::from_str(text)?;
        metadata.check()?;
        Ok(metadata)
    }

    fn check(&self) -> Result<(), MetadataError> {
        if self.rules.is_empty() {
            return Err(MetadataError::NoRules);
        }
        for (rule, of) in self.rules.iter().enumerate() {
            let star = "*".to_owned();
            check_list(rule, "apiGroups", &of.api_groups, &star)?;
            check_list(rule, "apiVersions", &of.api_versions, &star)?;
            check_list(rule, "resources", &of.resources, &star)?;
            check_list(rule, "operations", &of.operations, &Operation::All)?;
        }
        let version = self.minimum_kubewarden_version.as_deref().unwrap_or("0.0.0");
        let numbers: Vec<&str> = version.split('.').collect();
        if numbers.len() != 3 || numbers.iter().any(|number| number.parse::<u64>().is_err()) {
            return Err(MetadataError::Version(version.to_owned()));
        }
        Ok(())
    }
}

fn check_list<T: PartialEq>(
    rule: usize,
    field: &'static str,
    list: &[T],
    star: &T,
) -> Result<(), MetadataError> {
    if list.is_empty() {
        return Err(MetadataError::EmptyList { rule, field });
    }
    if list.len() > 1 && list.contains(star) {
        return Err(MetadataError::Star { rule, field });
    }
    Ok(())
}

const fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
rules: [{apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE]}]
mutating: true
hostCapabilities: [b, a]
minimumKubewardenVersion: 1.2.3
"#;

    #[test]
    fn what_is_not_written_has_the_defaults_of_kwctl() {
        assert_eq!(
            serde_json::to_string(&Metadata::from_yaml(GOOD).unwrap()).unwrap(),
            concat!(
                r#"{"rules":[{"apiGroups":[""],"apiVersions":["v1"],"resources":["pods"],"#,
                r#""operations":["CREATE"]}],"mutating":true,"backgroundAudit":true,"#,
                r#""executionMode":"kubewarden-wapc","policyType":"kubernetes","contextAwareResources":[],"#,
                r#""hostCapabilities":["a","b"],"minimumKubewardenVersion":"1.2.3"}"#,
            )
        );
    }

    #[test]
    fn what_is_not_understood_or_matches_nothing_is_refused() {
        for (from, to, message) in [
            ("mutating: true\n", "", "missing field `mutating`"),
            ("mutating", "contextAware: true\nmutating", "unknown field `contextAware`, expected one of"),
            ("[CREATE]", "[CREATE, PATCH]", "rules[0].operations[1]: unknown variant `PATCH`"),
            ("[CREATE]", "[CREATE, '*']", "rules[0].operations: `*` must stand alone"),
            ("[pods]", "[]", "rules[0].resources: an empty list matches nothing"),
            ("[v1]", "[v1, '*']", "rules[0].apiVersions: `*` must stand alone"),
            ("1.2.3", "'1.2'", "minimumKubewardenVersion: found `1.2`;"),
            ("1.2.3", "v1.2.3", "minimumKubewardenVersion: found `v1.2.3`;"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let error = Metadata::from_yaml(&GOOD.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
        let error = Metadata::from_yaml("rules: []\nmutating: true\n").unwrap_err();
        assert!(matches!(error, MetadataError::NoRules), "{error}");
    }
}
