//! Evaluates as the module's `validate` does, natively.

use serde_json::{Value, json};
use sigwarden::evaluate::evaluate;
use sigwarden::limits::MAX_MESSAGE_CHARS;
use sigwarden::settings::Settings;
use sigwarden::verdict::{Denied, Failure, Reason, Verdict, validation_response};
use sigwarden::verify::{Shortfall, Unmet};
use sigwarden::workload::{AdmissionRequest, ImageSite};

use crate::FakeRegistry;
use crate::forge::Key;

/// The image that most tests are about.
pub const APP: &str = "r.example.com/acme/app:1";
/// Where it is.
pub const REPOSITORY: &str = "r.example.com/acme/app";
/// Its digest in a [`FakeRegistry`], as messages shorten it.
pub const SHORT: &str = "sha256:4d357a9be39b…";

/// What the person is told of an image without a signature.
pub const NO_SIGNATURE: &str = "no signature this policy can read. Unsigned, or signed in cosign 3's default format: \
                                sign with --new-bundle-format=false --use-signing-config=false, or publish a carrier: \
                                https://github.com/sigwarden/sigwarden#cosign-3";

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

/// Why the only image that failed did.
#[must_use]
pub fn reason(answer: &Answer) -> &Reason {
    let [(_, failure)] = failures(answer) else { panic!("{answer:?}") };
    failure.reason()
}

/// Who is missing, for the only image that failed.
#[must_use]
pub fn shortfall(answer: &Answer) -> &Shortfall {
    let Reason::Unmet(Unmet::Shortfall(shortfall)) = reason(answer) else { panic!("{answer:?}") };
    shortfall
}

/// The message and code of a denial, which changes, records and warns of nothing.
#[must_use]
pub fn denied(settings: &Value, request: &Value, registry: &FakeRegistry) -> (String, u16) {
    let Answer { accepted: false, message, code: Some(code), mutated: None, annotations, warnings, .. } =
        decide(settings, request, registry)
    else {
        panic!("accepted: {request}")
    };
    assert!(annotations.is_empty() && warnings.is_empty());
    assert!((1..=MAX_MESSAGE_CHARS).contains(&message.chars().count()), "{message}");
    (message, code)
}

/// Checks an acceptance.
#[track_caller]
pub fn accepted(answer: &Answer) {
    assert!(answer.accepted, "{}", answer.message);
}

/// The key `release`.
#[must_use]
pub fn release() -> Key {
    Key::new("release")
}

/// Settings of the rule that wants the key `release` for all images of r.example.com.
#[must_use]
pub fn policy() -> Value {
    settings(&[rule(&["r.example.com/*"], &release())])
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
