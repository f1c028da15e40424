//! Kubewarden's resources, held to the types of its SDK.

use kubewarden_policy_sdk::crd::policies::{AdmissionPolicy, ClusterAdmissionPolicy};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads a policy by the types of the CRDs. They refuse what they do not know in the spec; below it they ignore it, so
/// what comes out again must be all that went in.
pub(crate) fn check(policy: &Value) -> Result<(), String> {
    match policy.get("kind").and_then(Value::as_str) {
        Some("ClusterAdmissionPolicy") => whole::<ClusterAdmissionPolicy>(policy),
        Some("AdmissionPolicy") => whole::<AdmissionPolicy>(policy),
        other => Err(format!("{other:?} is no policy")),
    }
}

fn whole<T: DeserializeOwned + Serialize>(policy: &Value) -> Result<(), String> {
    let typed: T = serde_json::from_value(policy.clone()).map_err(|error| error.to_string())?;
    let again = serde_json::to_value(&typed).map_err(|error| error.to_string())?;
    kept(policy, &again, "policy")
}

fn kept(written: &Value, read: &Value, path: &str) -> Result<(), String> {
    match (written, read) {
        (Value::Object(written), Value::Object(read)) => written.iter().try_for_each(|(field, value)| {
            kept(value, read.get(field).unwrap_or(&Value::Null), &format!("{path}.{field}"))
        }),
        (Value::Array(written), Value::Array(read)) if written.len() == read.len() => {
            let pairs = written.iter().zip(read).enumerate();
            pairs
                .into_iter()
                .try_for_each(|(index, (one, other))| kept(one, other, &format!("{path}[{index}]")))
        }
        _ if written == read => Ok(()),
        _ => Err(format!("{path}: {written} became {read}")),
    }
}
