//! The request to judge.

use serde_json::{Map, Value};
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// An AdmissionRequest, as JSON: what the policy gets under `request`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request(Map<String, Value>);

/// Why there is no request.
#[derive(Debug, Error)]
pub enum RequestError {
    /// Not JSON.
    #[error("the request is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// An AdmissionReview without its request.
    #[error("the AdmissionReview has no request object")]
    NoRequest,
    /// JSON, but no object.
    #[error("the request is not a JSON object")]
    NotAnObject,
    /// Nothing the policy's answer could be given for.
    #[error("the request has no `uid`: is this an AdmissionRequest? (a bare manifest is not)")]
    NoUid,
    /// The file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Request {
    /// Reads a request from a file, or from standard input if `path` is `-`.
    ///
    /// # Errors
    ///
    /// Fails when there is no AdmissionRequest or AdmissionReview.
    pub fn load(path: &Path) -> Result<Self, RequestError> {
        let json = if path == Path::new("-") {
            let mut json = Vec::new();
            io::stdin().read_to_end(&mut json).map(|_| json)
        } else {
            fs::read(path)
        };
        Self::from_json(&json.map_err(|source| RequestError::Read { path: path.to_owned(), source })?)
    }

    /// Reads an AdmissionRequest or an AdmissionReview.
    ///
    /// # Errors
    ///
    /// Fails when it is neither.
    pub fn from_json(json: &[u8]) -> Result<Self, RequestError> {
        Self::from_value(serde_json::from_slice(json)?)
    }

    /// Takes an AdmissionRequest or an AdmissionReview.
    ///
    /// # Errors
    ///
    /// Fails when it is neither.
    pub fn from_value(value: Value) -> Result<Self, RequestError> {
        let Value::Object(mut object) = value else { return Err(RequestError::NotAnObject) };
        if object.get("kind").and_then(Value::as_str) == Some("AdmissionReview") {
            let Some(Value::Object(request)) = object.remove("request") else {
                return Err(RequestError::NoRequest);
            };
            object = request;
        }
        // The real host leaves out what is null, and a DELETE has a null object.
        object.retain(|_, value| !value.is_null());
        if !object.get("uid").is_some_and(Value::is_string) {
            return Err(RequestError::NoUid);
        }
        Ok(Self(object))
    }

    /// The uid, which the answer repeats.
    #[must_use]
    pub fn uid(&self) -> &str {
        self.0.get("uid").and_then(Value::as_str).unwrap_or_default()
    }

    /// The object under judgement; none on DELETE.
    #[must_use]
    pub fn object(&self) -> Option<&Value> {
        self.0.get("object")
    }

    /// The whole request.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_review_is_unwrapped() {
        let request = json!({"uid": "1", "kind": {"kind": "Pod"}, "object": {"a": 1}});
        let review =
            json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request});
        let bare = Request::from_value(request).unwrap();
        assert_eq!(Request::from_value(review).unwrap(), bare);
        assert_eq!((bare.uid(), bare.object()), ("1", Some(&json!({"a": 1}))));
    }

    #[test]
    fn what_is_null_is_absent() {
        let request = Request::from_value(json!({"uid": "1", "object": null, "options": null})).unwrap();
        assert_eq!(request.object(), None);
        assert_eq!(request.as_map().len(), 1);
    }

    #[test]
    fn what_is_no_request_is_refused() {
        assert!(matches!(Request::from_json(b"{"), Err(RequestError::Json(_))));
        assert!(matches!(Request::from_json(b"[]"), Err(RequestError::NotAnObject)));
        let review = br#"{"kind": "AdmissionReview"}"#;
        assert!(matches!(Request::from_json(review), Err(RequestError::NoRequest)));
        let pod = br#"{"kind": "Pod", "metadata": {"uid": "1"}}"#;
        assert!(matches!(Request::from_json(pod), Err(RequestError::NoUid)));
        assert!(matches!(
            Request::load(Path::new("no such directory/request.json")),
            Err(RequestError::Read { .. })
        ));
    }
}
