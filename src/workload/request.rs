//! The admission request, as far as it decides.
//!
//! Not the SDK's type: that one has no field for the resource's name, and takes what is missing for
//! empty.

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::json;
use crate::limits::{MAX_REQUEST_BYTES, MAX_REQUEST_CONTAINERS};

/// Kubernetes' `admission.k8s.io/v1` AdmissionRequest.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdmissionRequest {
    /// The kind of the object.
    pub kind: GroupVersionKind,
    /// The resource being requested.
    pub resource: GroupVersionResource,
    /// The subresource, if any.
    #[serde(default)]
    pub sub_resource: Option<String>,
    /// The namespace, for objects that have one.
    #[serde(default)]
    pub namespace: Option<String>,
    /// CREATE, UPDATE, DELETE or CONNECT.
    pub operation: String,
    /// The object as it would be stored.
    #[serde(default)]
    pub object: Option<Value>,
    /// The object as it is stored, for UPDATE and DELETE.
    #[serde(default)]
    pub old_object: Option<Value>,
}

/// A kind.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GroupVersionKind {
    /// Its API group, empty for the core group.
    #[serde(default)]
    pub group: String,
    /// Its version.
    pub version: String,
    /// Its name.
    pub kind: String,
}

/// A resource.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GroupVersionResource {
    /// Its API group, empty for the core group.
    #[serde(default)]
    pub group: String,
    /// Its version.
    pub version: String,
    /// Its plural name.
    pub resource: String,
}

/// Why a payload is no request. Both are denials.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestError {
    /// Longer than the limit.
    #[error("the request is longer than {MAX_REQUEST_BYTES} bytes")]
    TooLong,
    /// More objects and lists than the limit.
    #[error("the request has more than {MAX_REQUEST_CONTAINERS} JSON objects and lists")]
    TooMuch,
    /// Not an AdmissionRequest.
    #[error("the request is not an AdmissionRequest of Kubernetes")]
    Malformed,
}

#[derive(Deserialize)]
struct Payload {
    request: AdmissionRequest,
    settings: Value,
}

impl AdmissionRequest {
    /// Parses what the host hands to `validate`: the request and the settings with it.
    ///
    /// # Errors
    /// [`RequestError`] when it is longer or larger than the limits, or not an AdmissionRequest.
    pub fn from_payload(json: &[u8]) -> Result<(Self, Value), RequestError> {
        if json.len() > MAX_REQUEST_BYTES {
            return Err(RequestError::TooLong);
        }
        if json::containers(json) > MAX_REQUEST_CONTAINERS {
            return Err(RequestError::TooMuch);
        }
        let payload: Payload = serde_json::from_slice(json).map_err(|_| RequestError::Malformed)?;
        Ok((payload.request, payload.settings))
    }
}
