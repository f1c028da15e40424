//! Bundle carriers: artifacts whose config is a Sigstore bundle, or an array of them, because a config is what the
//! host can read (docs/carriers.md).
//!
//! The host hands a config on as JSON with its keys sorted. Nothing is lost by that: what is signed is in base64.

use std::rc::Rc;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::image::{ImageDigest, hex};
use crate::json;
use crate::limits::{MAX_BUNDLES, MAX_CARRIER_COMMAS, MAX_CARRIER_CONTAINERS};

/// The bundles of a carrier, not looked into.
#[derive(Debug, Clone, PartialEq)]
pub struct BundleCarrier {
    bundles: Rc<Vec<Value>>,
}

/// Why a carrier holds no bundles.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CarrierError {
    /// Not an artifact with a config that is JSON.
    #[error("what is stored under the carrier's tag is not a bundle carrier")]
    NotACarrier,
    /// No bundle in it.
    #[error("the bundle carrier is empty")]
    Empty,
    /// More bundles than the limit.
    #[error("{found} bundles are in the carrier; at most {limit} are looked at")]
    TooMany {
        /// How many there are.
        found: usize,
        /// The limit.
        limit: usize,
    },
}

/// What a carrier carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried<'t> {
    /// Signatures.
    Signatures,
    /// Attestations of a type.
    Attestations(&'t str),
}

#[derive(Deserialize)]
struct Answer {
    manifest: Manifest,
    config: Value,
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
}

/// What the media types of bundles begin with, whatever their version.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";

impl BundleCarrier {
    pub(crate) fn parse(json: &[u8]) -> Result<Self, CarrierError> {
        if json::commas(json) > MAX_CARRIER_COMMAS || json::containers(json) > MAX_CARRIER_CONTAINERS {
            return Err(CarrierError::NotACarrier);
        }
        let answer: Answer = serde_json::from_slice(json).map_err(|_| CarrierError::NotACarrier)?;
        if !answer.manifest.config.media_type.starts_with(BUNDLE) {
            return Err(CarrierError::NotACarrier);
        }
        let bundles = match answer.config {
            Value::Array(bundles) => bundles,
            bundle @ Value::Object(_) => vec![bundle],
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return Err(CarrierError::NotACarrier);
            }
        };
        if bundles.is_empty() {
            return Err(CarrierError::Empty);
        }
        if bundles.len() > MAX_BUNDLES {
            return Err(CarrierError::TooMany { found: bundles.len(), limit: MAX_BUNDLES });
        }
        Ok(Self { bundles: Rc::new(bundles) })
    }

    /// The bundles, at least one.
    #[must_use]
    pub fn bundles(&self) -> &[Value] {
        &self.bundles
    }
}

impl Carried<'_> {
    /// The tag of the carrier of an image: `sha256-HEX.bundle` for signatures; for attestations with the beginning
    /// of the hash of their type, because a type is a URL and a tag is not.
    #[must_use]
    pub fn tag(self, image: ImageDigest) -> String {
        match self {
            Self::Signatures => format!("sha256-{}.bundle", image.hex()),
            Self::Attestations(predicate_type) => {
                let hash = Sha256::digest(predicate_type);
                let [hash, ..] = hash.as_chunks::<16>().0 else {
                    return String::new();
                };
                format!("sha256-{}.{}.bundle", image.hex(), hex(hash))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_those_that_are_published() {
        let image = ImageDigest::parse(&format!("sha256:{}", "a".repeat(64))).unwrap();
        assert_eq!(Carried::Signatures.tag(image), format!("sha256-{}.bundle", "a".repeat(64)));
        // As docs/carriers.md has them, and hack/publish-bundle.sh computes them.
        for (predicate_type, hash) in [
            ("https://cyclonedx.org/bom", "18224af4bbaddf6e48c6d8e59bceb0ec"),
            ("https://slsa.dev/provenance/v1", "6f94cc499cd18ded6d779157a0ace941"),
        ] {
            let tag = Carried::Attestations(predicate_type).tag(image);
            assert_eq!(tag, format!("sha256-{}.{hash}.bundle", "a".repeat(64)));
            assert!(tag.len() <= 128, "the longest tag that registries take");
        }
    }
}
