//! Public keys kept in the cluster: in a Secret, as `cosign generate-key-pair k8s://…` makes it, or in a
//! ConfigMap. What they hold is trusted (see the threat model), and never shown.

use core::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use thiserror::Error;

use super::{OutOfTime, Port};
use crate::limits::MAX_OBJECT_BYTES;
use crate::requirement::{ImpossibleCount, KeySource, KeySourceKind};
use crate::text::Shown;
use crate::verify::{ImpossibleHash, KeyError, PublicKey};

/// Why there are no keys.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeySourceError {
    /// The host does not hand it over, or it is not there.
    #[error(
        "{source_name} cannot be read ({}); the policy needs it in `contextAwareResources`, and the policy-server's \
         service account needs the RBAC rule to get it",
        Shown(host)
    )]
    NotReadable {
        /// The object.
        source_name: String,
        /// The host's words.
        host: String,
    },
    /// Its data has no such field.
    #[error("{source_name} has no field `{}`", Shown(key))]
    NoField {
        /// The object.
        source_name: String,
        /// The field.
        key: String,
    },
    /// What the field holds is no keys.
    #[error("field `{}` of {source_name}: {error}", Shown(key))]
    Key {
        /// The object.
        source_name: String,
        /// The field.
        key: String,
        /// What is wrong.
        error: KeyError,
    },
    /// Fewer keys than the count asks for.
    #[error("its keys are fewer than `count` asks for")]
    TooFewKeys,
    /// A key that never signs with the hash that the settings require.
    #[error("`signatureAlgorithm` is {0}")]
    Hash(ImpossibleHash),
    /// No time left to ask.
    #[error("out of time: `evaluationBudget` is {} ms", .0.as_millis())]
    OutOfTime(Duration),
}

impl From<ImpossibleCount> for KeySourceError {
    fn from(_: ImpossibleCount) -> Self {
        Self::TooFewKeys
    }
}

impl From<ImpossibleHash> for KeySourceError {
    fn from(error: ImpossibleHash) -> Self {
        Self::Hash(error)
    }
}

pub(super) fn read(port: Port<'_>, source: &KeySource) -> Result<Vec<PublicKey>, KeySourceError> {
    let source_name = source.to_string();
    port.check_time().map_err(|OutOfTime| KeySourceError::OutOfTime(port.budget))?;
    let not_readable = |host: &str| KeySourceError::NotReadable {
        source_name: source_name.clone(),
        host: host.lines().next().unwrap_or_default().to_owned(),
    };
    let json = port
        .host
        .object(source.kind, &source.namespace, &source.name)
        .map_err(|error| not_readable(&error.0))?;
    if json.len() > MAX_OBJECT_BYTES {
        return Err(not_readable("the object is too long"));
    }
    let object: Value = serde_json::from_slice(&json).map_err(|_| not_readable("the answer is not JSON"))?;
    let no_field = || KeySourceError::NoField { source_name: source_name.clone(), key: source.key.clone() };
    let text = object.get("data").and_then(|data| data.get(&source.key)).and_then(Value::as_str);
    let text = text.ok_or_else(no_field)?;
    let wrong =
        |error| KeySourceError::Key { source_name: source_name.clone(), key: source.key.clone(), error };
    let pem = match source.kind {
        KeySourceKind::ConfigMap => text.to_owned(),
        KeySourceKind::Secret => {
            let bytes = STANDARD.decode(text).map_err(|_| wrong(KeyError::NoPem))?;
            String::from_utf8(bytes).map_err(|_| wrong(KeyError::NoPem))?
        }
    };
    PublicKey::parse_all(&pem).map_err(wrong)
}
