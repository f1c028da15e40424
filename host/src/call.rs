//! The host calls this host knows, as values.
//!
//! The variants and their fields are named as in kwctl's recordings, because a recording is this type written
//! as YAML, and because the error for an unexpected call prints it with `Debug`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use thiserror::Error;

/// One call of the guest to the host.
///
/// To add an operation, add a variant and its line in [`HostCall::decode`]; a [`crate::Backend`] that cannot
/// answer it refuses it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum HostCall {
    /// `kubernetes` `get_resource`: answered from a recording only.
    KubernetesGetResource {
        /// `v1`, or group and version.
        api_version: String,
        /// Singular, as in a manifest.
        kind: String,
        /// Name of the resource.
        name: String,
        /// Absent for what is not namespaced.
        namespace: Option<String>,
        /// Whether the host must not answer from its cache.
        disable_cache: bool,
        /// The fields wanted; absent for all of them. Older recordings do not have it.
        #[serde(default)]
        field_masks: Option<BTreeSet<String>>,
    },
    /// `oci` `v1/oci_manifest`: an image manifest or an index.
    OciManifest {
        /// The reference, exactly as the guest wrote it.
        image: String,
    },
    /// `oci` `v1/oci_manifest_config`: a manifest and the JSON blob its config names.
    OciManifestAndConfig {
        /// The reference, exactly as the guest wrote it.
        image: String,
    },
    /// `oci` `v1/manifest_digest`: the digest of what a reference names.
    OciManifestDigest {
        /// The reference, exactly as the guest wrote it.
        image: String,
    },
}

/// Why a call could not be understood. The texts are those of the real host.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// The payload is not what the operation takes.
    #[error(transparent)]
    Payload(#[from] serde_json::Error),
    /// No such namespace here.
    #[error("unknown namespace: {0}")]
    UnknownNamespace(String),
    /// No such operation in this namespace, or none that this host offers.
    #[error("unknown operation: {0}")]
    UnknownOperation(String),
}

impl HostCall {
    /// Reads a call from what waPC hands over.
    ///
    /// # Errors
    ///
    /// Fails for what this host does not offer and for a payload of the wrong shape.
    pub fn decode(namespace: &str, operation: &str, payload: &[u8]) -> Result<Self, DecodeError> {
        match (namespace, operation) {
            ("oci", "v1/manifest_digest") => Ok(Self::OciManifestDigest { image: image(payload)? }),
            ("oci", "v1/oci_manifest") => Ok(Self::OciManifest { image: image(payload)? }),
            ("oci", "v1/oci_manifest_config") => Ok(Self::OciManifestAndConfig { image: image(payload)? }),
            ("kubernetes", "get_resource") => {
                let GetResource { api_version, kind, name, namespace, disable_cache, field_masks } =
                    serde_json::from_slice(payload)?;
                Ok(Self::KubernetesGetResource {
                    api_version,
                    kind,
                    name,
                    namespace,
                    disable_cache,
                    field_masks,
                })
            }
            ("crypto" | "kubernetes" | "net" | "oci" | "tracing", _) => {
                Err(DecodeError::UnknownOperation(operation.to_owned()))
            }
            _ => Err(DecodeError::UnknownNamespace(namespace.to_owned())),
        }
    }

    /// The capability that must be granted for this call: `NAMESPACE/OPERATION`.
    #[must_use]
    pub fn capability(&self) -> &'static str {
        match self {
            Self::KubernetesGetResource { .. } => "kubernetes/get_resource",
            Self::OciManifest { .. } => "oci/v1/oci_manifest",
            Self::OciManifestAndConfig { .. } => "oci/v1/oci_manifest_config",
            Self::OciManifestDigest { .. } => "oci/v1/manifest_digest",
        }
    }

    /// What the call is about: the image reference, or the resource's name.
    #[must_use]
    pub fn subject(&self) -> &str {
        match self {
            Self::KubernetesGetResource { name, .. } => name,
            Self::OciManifest { image }
            | Self::OciManifestAndConfig { image }
            | Self::OciManifestDigest { image } => image,
        }
    }
}

/// The payload of `get_resource`.
#[derive(Deserialize)]
struct GetResource {
    api_version: String,
    kind: String,
    name: String,
    namespace: Option<String>,
    disable_cache: bool,
    #[serde(default)]
    field_masks: Option<BTreeSet<String>>,
}

fn image(payload: &[u8]) -> Result<String, serde_json::Error> {
    serde_json::from_slice(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_registry_operation_has_its_call() {
        let image = "registry.example.com/app:v1".to_owned();
        for (operation, expected) in [
            ("v1/manifest_digest", HostCall::OciManifestDigest { image: image.clone() }),
            ("v1/oci_manifest", HostCall::OciManifest { image: image.clone() }),
            ("v1/oci_manifest_config", HostCall::OciManifestAndConfig { image: image.clone() }),
        ] {
            let call = HostCall::decode("oci", operation, br#""registry.example.com/app:v1""#).unwrap();
            assert_eq!(call, expected);
            assert_eq!(call.capability(), format!("oci/{operation}"));
            assert_eq!(call.subject(), image);
        }
    }

    #[test]
    fn a_resource_is_asked_for_by_name() {
        let payload = br#"{"api_version":"v1","kind":"Secret","name":"keys","namespace":"trust","disable_cache":false}"#;
        let call = HostCall::decode("kubernetes", "get_resource", payload).unwrap();
        assert_eq!(
            call,
            HostCall::KubernetesGetResource {
                api_version: "v1".to_owned(),
                kind: "Secret".to_owned(),
                name: "keys".to_owned(),
                namespace: Some("trust".to_owned()),
                disable_cache: false,
                field_masks: None,
            }
        );
        assert_eq!((call.capability(), call.subject()), ("kubernetes/get_resource", "keys"));
    }

    #[test]
    fn the_unknown_is_refused_in_the_words_of_the_real_host() {
        let error = HostCall::decode("oci", "v1/layers", b"\"x\"").unwrap_err();
        assert!(matches!(&error, DecodeError::UnknownOperation(_)));
        assert_eq!(error.to_string(), "unknown operation: v1/layers");
        let error = HostCall::decode("net", "v1/dns_lookup_host", b"\"x\"").unwrap_err();
        assert_eq!(error.to_string(), "unknown operation: v1/dns_lookup_host");
        let error = HostCall::decode("files", "read", b"\"x\"").unwrap_err();
        assert!(matches!(&error, DecodeError::UnknownNamespace(_)));
        assert_eq!(error.to_string(), "unknown namespace: files");
        let error = HostCall::decode("oci", "v1/oci_manifest", b"{}").unwrap_err();
        assert!(matches!(&error, DecodeError::Payload(_)));
    }
}
