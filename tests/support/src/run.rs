//! Evaluates as the module's `validate` does, natively.

use serde_json::{Value, json};
use sigwarden::evaluate::evaluate;
use sigwarden::settings::Settings;
use sigwarden::verdict::{Denied, Failure, Verdict, validation_response};
use sigwarden::workload::{AdmissionRequest, ImageSite};

use crate::FakeRegistry;
use crate::forge::Key;

/// The verdict, and what the host is told.
#[derive(Debug)]
pub struct Answer {
    /// The verdict.
    pub verdict: Verdict,
    /// Whether the request is accepted.
    pub accepted: bool,
    /// The message of a denial.
    pub message: String,
    /// The code of a denial.
    pub code: Option<u16>,
    /// The object, if it was changed.
    pub mutated: Option<Value>,
    /// The audit annotations.
    pub annotations: Vec<(String, String)>,
    /// The warnings.
    pub warnings: Vec<String>,
}

/// Decides on a request, given as JSON.
#[must_use]
pub fn decide(settings: &Value, request: &Value, registry: &FakeRegistry) -> Answer {
    let payload = json!({"request": request, "settings": settings}).to_string();
    let (verdict, object) = match AdmissionRequest::from_payload(payload.as_bytes()) {
        Err(error) => (Verdict::Deny(Denied::object(error)), None),
        Ok((request, settings)) => match Settings::parse(&settings) {
            Err(error) => (Verdict::Deny(Denied::object(error)), request.object),
            Ok(settings) => (evaluate(&settings, &request, registry, registry), request.object),
        },
    };
    let response = validation_response(&verdict, object.as_ref());
    let mut annotations: Vec<_> = response.audit_annotations.into_iter().flatten().collect();
    annotations.sort();
    Answer {
        verdict,
        accepted: response.accepted,
        message: response.message.unwrap_or_default(),
        code: response.code,
        mutated: response.mutated_object,
        annotations,
        warnings: response.warnings.unwrap_or_default(),
    }
}

/// The images that failed.
///
/// # Panics
/// For any other verdict.
#[must_use]
pub fn failures(answer: &Answer) -> &[(ImageSite, Failure)] {
    match &answer.verdict {
        Verdict::Deny(Denied::Images { failures, .. }) => failures,
        other @ (Verdict::Accept(_) | Verdict::Deny(Denied::Object(_))) => {
            panic!("expected images that failed, got {other:?}")
        }
    }
}

/// One rule, called `release`, that wants one key for some images.
#[must_use]
pub fn rule(references: &[&str], key: &Key) -> Value {
    json!({
        "name": "release",
        "imageReferences": references,
        "attestors": [{"entries": [entry(key)]}],
    })
}

/// An attestor entry of one key.
#[must_use]
pub fn entry(key: &Key) -> Value {
    json!({"keys": {"publicKeys": key.pem(), "rekor": {"ignoreTlog": true}}})
}

/// Settings of some rules.
#[must_use]
pub fn settings(rules: &[Value]) -> Value {
    json!({"verifyImages": rules})
}
