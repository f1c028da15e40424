//! Settings as people have them: alone in a file, or under `spec.settings` of the policies of a manifest.

use crate::documents::{Document, Unreadable, documents};
use crate::settings::{Settings, SettingsError};
use serde_json::Value;
use thiserror::Error;

/// The settings of one policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PolicySettings {
    /// `KIND/NAME` of the policy; none for settings that stand alone.
    pub policy: Option<String>,
    /// The settings.
    pub settings: Settings,
    name: String,
    mutating: bool,
}

/// Why there are no settings, or too many.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// No YAML.
    #[error(transparent)]
    Document(#[from] Unreadable),
    /// No object where the settings should be.
    #[error("{policy}: `spec.settings`: {source}")]
    Settings {
        /// The policy.
        policy: String,
        /// What is wrong.
        source: SettingsError,
    },
    /// No object, in a file with nothing but settings.
    #[error(transparent)]
    Alone(#[from] SettingsError),
    /// Several documents, none of them a policy.
    #[error(
        "found {} documents ({}), none of them a ClusterAdmissionPolicy or AdmissionPolicy; allowed: settings, or a \
         manifest of policies; what is Kyverno's becomes one by `sigwarden convert`",
        .0.len(), .0.join(", ")
    )]
    NoPolicy(Vec<String>),
    /// More than one policy, or pair of policies.
    #[error(
        "found {} policies ({}), which are not one pair; choose one with `--policy-name NAME`, or give the settings \
         of one",
        .0.len(), .0.join(", ")
    )]
    Several(Vec<String>),
    /// A name that no policy has.
    #[error("no policy is called `{name}`; there are: {}", known.join(", "))]
    NoSuchName {
        /// The name.
        name: String,
        /// The policies.
        known: Vec<String>,
    },
    /// A name, for what has none.
    #[error("`--policy-name` chooses a policy of a manifest, and these are settings alone; leave it out")]
    NameOfSettings,
}

/// The settings of all policies of a text, or of those with a name; at least one. In a manifest, what is no policy is
/// passed over.
///
/// # Errors
///
/// Fails for what is no YAML, and where there are no such settings.
pub fn all(text: &str, name: Option<&str>) -> Result<Vec<PolicySettings>, ManifestError> {
    let documents = documents(text)?;
    let policies: Vec<&Document> = documents.iter().filter(|document| is_policy(document)).collect();
    if policies.is_empty() {
        return alone(&documents, name);
    }
    let policies = policies.into_iter().map(of_policy).collect::<Result<Vec<_>, _>>()?;
    let Some(name) = name else { return Ok(policies) };
    let known = labels(&policies);
    let named: Vec<PolicySettings> = policies.into_iter().filter(|policy| policy.name == name).collect();
    if named.is_empty() { Err(ManifestError::NoSuchName { name: name.to_owned(), known }) } else { Ok(named) }
}

/// The settings of the one policy of a text, or of the policy of a pair that changes objects: the other takes only what
/// that one has pinned.
///
/// # Errors
///
/// As [`all`], and for several policies that are no pair.
pub fn one(text: &str, name: Option<&str>) -> Result<PolicySettings, ManifestError> {
    let mut policies = all(text, name)?;
    // The names of a pair: NAME-pin or NAME, and NAME-verify.
    let is_pair = |first: &PolicySettings, twin: &PolicySettings| {
        let name = first.name.strip_suffix("-pin").unwrap_or(&first.name);
        first.mutating && !twin.mutating && twin.name.strip_suffix("-verify") == Some(name)
    };
    let first = match policies.as_slice() {
        [_] => 0,
        [first, twin] if is_pair(first, twin) => 0,
        [twin, first] if is_pair(first, twin) => 1,
        _ => return Err(ManifestError::Several(labels(&policies))),
    };
    Ok(policies.swap_remove(first))
}

fn is_policy(document: &Document) -> bool {
    document.object().is_some_and(|(version, kind)| {
        version.starts_with("policies.kubewarden.io/")
            && ["ClusterAdmissionPolicy", "AdmissionPolicy"].contains(&kind)
    })
}

fn of_policy(document: &Document) -> Result<PolicySettings, ManifestError> {
    let field = |field: &str| document.0.get("spec").and_then(|spec| spec.get(field));
    let policy = document.label();
    // As the real host has it, for a policy without settings.
    let settings = Settings::from_value(field("settings").cloned().unwrap_or_default());
    Ok(PolicySettings {
        name: document.metadata("name").unwrap_or_default().to_owned(),
        mutating: field("mutating").and_then(Value::as_bool) == Some(true),
        settings: settings.map_err(|source| ManifestError::Settings { policy: policy.clone(), source })?,
        policy: Some(policy),
    })
}

/// One document, or none, which is settings as it stands: of an object of another kind, the policy says what it is.
fn alone(documents: &[Document], name: Option<&str>) -> Result<Vec<PolicySettings>, ManifestError> {
    let value = match documents {
        [] => Value::Null,
        [Document(value)] => value.clone(),
        several => return Err(ManifestError::NoPolicy(several.iter().map(Document::label).collect())),
    };
    if name.is_some() {
        return Err(ManifestError::NameOfSettings);
    }
    let settings = Settings::from_value(value)?;
    Ok(vec![PolicySettings { policy: None, settings, name: String::new(), mutating: false }])
}

fn labels(policies: &[PolicySettings]) -> Vec<String> {
    policies.iter().filter_map(|policy| policy.policy.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A policy with settings that say which it is.
    fn policy(name: &str, mutating: bool) -> String {
        format!(
            "apiVersion: policies.kubewarden.io/v1\nkind: ClusterAdmissionPolicy\nmetadata: {{name: {name}}}\n\
             spec: {{mutating: {mutating}, settings: {{of: {name}}}}}\n---\n"
        )
    }

    fn of(name: &str) -> Settings {
        Settings::from_yaml(&format!("of: {name}")).unwrap()
    }

    #[test]
    fn settings_stand_alone_or_in_a_policy() {
        let alone = one("---\nof: a\n---\n", None).unwrap();
        assert_eq!((alone.policy, alone.settings), (None, of("a")));
        assert_eq!(one("", None).unwrap().settings, Settings::default());
        let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: keys}\n---\n";
        let found = one(&(role.to_owned() + &policy("a", false)), None).unwrap();
        assert_eq!((found.policy.as_deref(), found.settings), (Some("ClusterAdmissionPolicy/a"), of("a")));
        let none = "apiVersion: policies.kubewarden.io/v1\nkind: AdmissionPolicy\nmetadata: {name: a, namespace: n}\n";
        let found = one(none, None).unwrap();
        assert_eq!(found.policy.as_deref(), Some("AdmissionPolicy/n/a"));
        assert_eq!(found.settings, Settings::default());
        // What is of another kind is for the policy to name.
        let kyverno = one("{apiVersion: kyverno.io/v1, kind: ClusterPolicy}", None).unwrap();
        assert_eq!(kyverno.settings.as_map().len(), 2);
    }

    #[test]
    fn of_a_pair_it_is_the_one_that_changes_objects() {
        for (first, twin) in [("a-pin", "a-verify"), ("a", "a-verify")] {
            for text in
                [policy(first, true) + &policy(twin, false), policy(twin, false) + &policy(first, true)]
            {
                assert_eq!(one(&text, None).unwrap().settings, of(first));
                assert_eq!(one(&text, Some(twin)).unwrap().settings, of(twin));
                assert_eq!(all(&text, None).unwrap().len(), 2);
            }
        }
    }

    #[test]
    fn what_is_not_one_policy_is_refused() {
        let list = "ClusterAdmissionPolicy/a-pin, ClusterAdmissionPolicy/b-verify";
        let several = |found: &str| {
            format!(
                "found {found}, which are not one pair; choose one with `--policy-name NAME`, or give the settings of one"
            )
        };
        let twice = policy("a-pin", true) + &policy("a-verify", false);
        for (text, name, words) in [
            (policy("a-pin", true) + &policy("b-verify", false), None, several(&format!("2 policies ({list})"))),
            (
                policy("a-pin", true) + &policy("a-verify", true),
                None,
                several("2 policies (ClusterAdmissionPolicy/a-pin, ClusterAdmissionPolicy/a-verify)"),
            ),
            (
                twice.clone() + &policy("b", true),
                None,
                several(
                    "3 policies (ClusterAdmissionPolicy/a-pin, ClusterAdmissionPolicy/a-verify, \
                     ClusterAdmissionPolicy/b)",
                ),
            ),
            (
                policy("a", true) + &policy("a", true),
                Some("a"),
                several("2 policies (ClusterAdmissionPolicy/a, ClusterAdmissionPolicy/a)"),
            ),
            (
                twice,
                Some("a"),
                "no policy is called `a`; there are: ClusterAdmissionPolicy/a-pin, ClusterAdmissionPolicy/a-verify"
                    .to_owned(),
            ),
            (
                "of: a".to_owned(),
                Some("a"),
                "`--policy-name` chooses a policy of a manifest, and these are settings alone; leave it out".to_owned(),
            ),
            (
                "of: a\n---\napiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: k}\n".to_owned(),
                None,
                "found 2 documents (a document without `apiVersion` and `kind`, ClusterPolicy/k), none of them a \
                 ClusterAdmissionPolicy or AdmissionPolicy; allowed: settings, or a manifest of policies; what is \
                 Kyverno's becomes one by `sigwarden convert`"
                    .to_owned(),
            ),
            (
                policy("a", true).replace("{of: a}", "[]"),
                None,
                "ClusterAdmissionPolicy/a: `spec.settings`: the settings are not an object".to_owned(),
            ),
            ("[]".to_owned(), None, "the settings are not an object".to_owned()),
        ] {
            assert_eq!(one(&text, name).unwrap_err().to_string(), words, "{text}");
        }
    }
}
