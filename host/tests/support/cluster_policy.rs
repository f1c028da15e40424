//! ClusterPolicies made to order, and what is refused of them.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]

use crate::converted;
use sigwarden_host::convert::ConvertError;

/// A ClusterPolicy with this beside its rule's `verifyImages`.
pub(crate) fn cluster_policy(spec: &str, rule: &str) -> String {
    let indented: String = rule.lines().map(|line| format!("      {line}\n")).collect();
    let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    converted::fill(&format!(
        "apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {{name: scope}}
spec:
{spec}  rules:
    - name: verify
{indented}      verifyImages:
        - imageReferences: [\"ghcr.io/acme/*\"]
          attestors: [{{entries: [{{keys: {{publicKeys: \"@KEY:release@\", rekor: {{ignoreTlog: true}}}}}}]}}]
"
    ))
}

pub(crate) const ENFORCE: &str = "validationFailureAction: Enforce";

/// The document is refused, at this field, with these words among others.
pub(crate) fn refused(yaml: &str, path: &str, words: &str) {
    match converted::run(converted::policy(), yaml, &converted::options()) {
        Err(ConvertError::Refused { refusals, .. }) => {
            let [refusal] = refusals.as_slice() else { panic!("{refusals:?}") };
            assert_eq!(refusal.path, path, "{refusal}");
            assert!(refusal.problem.to_string().contains(words), "{refusal}");
        }
        other => panic!("{path}: {other:?}\n{yaml}"),
    }
}
