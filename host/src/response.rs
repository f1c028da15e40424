//! What the host makes of the policy's answer.
//!
//! The policy says what the object should be; the API server wants a JSON Patch. The rules are those of the real
//! host: no patch where nothing changed, no mutation of what is being deleted, none by a policy that was not
//! registered as a mutating one, and a policy that fails is a rejection.

use crate::admission::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use json_patch::Patch;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use thiserror::Error;

/// The AdmissionResponse, with the fields and the nulls that kwctl prints.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdmissionResponse {
    /// The uid of the request.
    pub uid: String,
    /// The verdict.
    pub allowed: bool,
    /// `JSONPatch`, if there is a patch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch_type: Option<String>,
    /// The patch, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// What goes into the audit log.
    pub audit_annotations: Option<BTreeMap<String, String>>,
    /// What the person running kubectl sees whatever the verdict.
    pub warnings: Option<Vec<String>>,
}

/// The reason of a rejection.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Status {
    /// The words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
}

/// The outcome of one evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// What the API server would get.
    pub response: AdmissionResponse,
    /// The patch in it, readable.
    pub patch: Option<Patch>,
    /// The object as it would be stored: with the patch applied. None on DELETE.
    pub object: Option<Value>,
}

/// The answer of a policy to `validate`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct PolicyAnswer {
    /// The verdict.
    pub accepted: bool,
    /// The reason of a rejection.
    pub message: Option<String>,
    /// Its HTTP status.
    pub code: Option<u16>,
    /// The object as the policy wants it, whole.
    pub mutated_object: Option<Value>,
    /// For the audit log.
    pub audit_annotations: Option<BTreeMap<String, String>>,
    /// For the person.
    pub warnings: Option<Vec<String>>,
}

/// The answer of a policy to `validate_settings`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SettingsAnswer {
    /// Whether the policy can work with the settings.
    pub valid: bool,
    /// If not, why.
    pub message: Option<String>,
}

/// Why an answer could not be turned into a response.
#[derive(Debug, Error)]
pub enum ResponseError {
    /// The answer is not a validation response.
    #[error("invalid response from policy: {0}")]
    Answer(#[from] serde_json::Error),
    /// The patch computed here does not apply to the object it was computed from.
    #[error("the patch does not apply: {0}")]
    Patch(#[from] json_patch::PatchError),
}

const MUTATION_OF_NOTHING: &str = "Incoming object is null, which happens only with DELETE operations, but the policy is attempting a mutation. This is not allowed";

impl Evaluation {
    /// Turns the bytes a policy answered to `validate` into what the API server gets.
    ///
    /// # Errors
    ///
    /// Fails when they are no answer. The caller rejects then: see [`Evaluation::internal_error`].
    pub fn from_answer(request: &Request, answer: &[u8]) -> Result<Self, ResponseError> {
        let answer: PolicyAnswer = serde_json::from_slice(answer)?;
        if answer.mutated_object.is_some() && request.object().is_none() {
            return Ok(Self::rejected(request, MUTATION_OF_NOTHING.to_owned(), None));
        }
        let patch = patch(request.object(), answer.mutated_object.as_ref());
        let encoded = patch.as_ref().map(serde_json::to_vec).transpose()?.map(|json| STANDARD.encode(json));
        let mut object = request.object().cloned();
        if let (Some(object), Some(patch)) = (&mut object, &patch) {
            json_patch::patch(object, patch)?;
        }
        let status = Status { message: answer.message, code: answer.code };
        let response = AdmissionResponse {
            uid: request.uid().to_owned(),
            allowed: answer.accepted,
            patch_type: encoded.is_some().then(|| "JSONPatch".to_owned()),
            patch: encoded,
            status: (status != Status::default()).then_some(status),
            audit_annotations: answer.audit_annotations,
            warnings: answer.warnings,
        };
        Ok(Self { response, patch, object })
    }

    /// The rejection that stands for an evaluation that failed.
    #[must_use]
    pub fn internal_error(request: &Request, error: &str) -> Self {
        Self::rejected(request, format!("internal server error: {error}"), Some(500))
    }

    /// The rejection that stands for an evaluation that took too long.
    #[must_use]
    pub fn timed_out(request: &Request) -> Self {
        let message = "Policy execution interrupted because it exceeded the allowed execution time";
        Self::rejected(request, message.to_owned(), Some(500))
    }

    /// What becomes of the evaluation when the policy was not registered as a mutating one.
    #[must_use]
    pub fn without_mutation(mut self, policy: &str, request: &Request) -> Self {
        if self.patch.take().is_some() {
            self.response.allowed = false;
            self.response.patch = None;
            self.response.patch_type = None;
            self.response.status = Some(Status {
                message: Some(format!(
                    "Request rejected by policy {policy}. The policy attempted to mutate the request, but it is currently configured to not allow mutations."
                )),
                code: None,
            });
            self.object = request.object().cloned();
        }
        self
    }

    fn rejected(request: &Request, message: String, code: Option<u16>) -> Self {
        let response = AdmissionResponse {
            uid: request.uid().to_owned(),
            allowed: false,
            patch_type: None,
            patch: None,
            status: Some(Status { message: Some(message), code }),
            audit_annotations: None,
            warnings: None,
        };
        Self { response, patch: None, object: request.object().cloned() }
    }
}

/// The difference, if the policy gave an object and there is one.
fn patch(object: Option<&Value>, mutated: Option<&Value>) -> Option<Patch> {
    let patch = json_patch::diff(object?, mutated?);
    (!patch.0.is_empty()).then_some(patch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request() -> Request {
        Request::from_value(json!({"uid": "1", "object": {"spec": {"image": "app:v1"}}})).unwrap()
    }

    fn evaluate(request: &Request, answer: &Value) -> Evaluation {
        Evaluation::from_answer(request, answer.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn an_acceptance_is_printed_as_kwctl_prints_it() {
        let evaluation = evaluate(&request(), &json!({"accepted": true}));
        assert_eq!(
            serde_json::to_string(&evaluation.response).unwrap(),
            r#"{"uid":"1","allowed":true,"auditAnnotations":null,"warnings":null}"#
        );
        assert_eq!(evaluation.object, request().object().cloned());
    }

    #[test]
    fn a_mutation_becomes_a_patch_and_is_applied() {
        let mutated = json!({"spec": {"image": "app:v1@sha256:ab"}});
        let evaluation = evaluate(&request(), &json!({"accepted": true, "mutated_object": mutated}));
        let patch = evaluation.response.patch.unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&STANDARD.decode(patch).unwrap()).unwrap(),
            json!([{"op": "replace", "path": "/spec/image", "value": "app:v1@sha256:ab"}])
        );
        assert_eq!(evaluation.response.patch_type.as_deref(), Some("JSONPatch"));
        assert_eq!(evaluation.object, Some(mutated));
    }

    #[test]
    fn no_difference_is_no_patch() {
        let same = json!({"accepted": true, "mutated_object": {"spec": {"image": "app:v1"}}});
        let evaluation = evaluate(&request(), &same);
        assert_eq!((evaluation.response.patch, evaluation.response.patch_type), (None, None));
    }

    #[test]
    fn a_rejection_keeps_message_and_code() {
        let answer = json!({"accepted": false, "message": "no", "code": 403, "warnings": ["w"], "audit_annotations": {"a": "b"}});
        let response = evaluate(&request(), &answer).response;
        assert_eq!(
            serde_json::to_value(&response).unwrap(),
            json!({"uid": "1", "allowed": false, "status": {"message": "no", "code": 403},
                   "auditAnnotations": {"a": "b"}, "warnings": ["w"]})
        );
    }

    #[test]
    fn what_is_being_deleted_cannot_be_changed() {
        let delete = Request::from_value(json!({"uid": "1", "operation": "DELETE", "object": null})).unwrap();
        let evaluation = evaluate(&delete, &json!({"accepted": true, "mutated_object": {}}));
        assert!(!evaluation.response.allowed);
        let status = evaluation.response.status.unwrap();
        assert_eq!((status.message.as_deref(), status.code), (Some(MUTATION_OF_NOTHING), None));
    }

    #[test]
    fn a_validating_policy_that_patches_rejects() {
        let answer = json!({"accepted": true, "mutated_object": {"spec": {"image": "other"}}});
        let evaluation = evaluate(&request(), &answer).without_mutation("twin", &request());
        assert!(!evaluation.response.allowed);
        assert_eq!(
            evaluation.response.status.unwrap().message.unwrap(),
            "Request rejected by policy twin. The policy attempted to mutate the request, but it is currently configured to not allow mutations."
        );
        assert_eq!((evaluation.response.patch, evaluation.patch), (None, None));
        assert_eq!(evaluation.object, request().object().cloned());
        let untouched = evaluate(&request(), &json!({"accepted": true}));
        assert_eq!(untouched.clone().without_mutation("twin", &request()), untouched);
    }

    #[test]
    fn failures_are_rejections() {
        assert!(matches!(Evaluation::from_answer(&request(), b"{}"), Err(ResponseError::Answer(_))));
        let status = Evaluation::internal_error(&request(), "trap").response.status.unwrap();
        assert_eq!(
            (status.message.as_deref(), status.code),
            (Some("internal server error: trap"), Some(500))
        );
        assert_eq!(Evaluation::timed_out(&request()).response.status.unwrap().code, Some(500));
    }
}
