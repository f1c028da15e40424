//! The manifest of cosign's `.sig` format: one layer for each signature, everything that matters in its
//! annotations (cosign's SIGNATURE_SPEC.md).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::BTreeMap;
use thiserror::Error;

use crate::image::ImageDigest;
use crate::limits::{MAX_PAYLOAD_BYTES, MAX_SIGNATURE_CHARS, MAX_SIGNATURES};

/// The signatures attached to an image; nothing about them is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureManifest {
    signatures: Vec<UnverifiedSignature>,
    malformed: Vec<LayerError>,
}

/// One signature as found: what its layer claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedSignature {
    payload_sha256: [u8; 32],
    payload_bytes: u64,
    signature: Vec<u8>,
    enclosures: Enclosures,
}

/// What a signature's layer carries besides it, as text. Each is read only where it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Enclosures {
    certificate: Option<String>,
    chain: Option<String>,
    log_entry: Option<String>,
    timestamp: Option<String>,
}

/// Why a manifest holds no signatures we could verify.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ManifestError {
    /// Not an image manifest.
    #[error("what is stored under the signature tag is not an image manifest")]
    NotAManifest,
    /// More layers than the limit.
    #[error("{found} signatures are attached; at most {limit} are looked at")]
    TooManySignatures {
        /// How many there are.
        found: usize,
        /// The limit.
        limit: usize,
    },
}

/// A layer that is no signature we could verify. It proves nothing, and spoils nothing: another layer
/// may hold a good one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("layer {index} of the signature manifest is malformed in its {part}")]
pub struct LayerError {
    /// The layer's index.
    pub index: usize,
    /// The part that is wrong.
    pub part: LayerPart,
}

/// The parts of a signature layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LayerPart {
    /// Its media type.
    #[error("media type")]
    MediaType,
    /// Its digest.
    #[error("digest")]
    Digest,
    /// Its size.
    #[error("size")]
    Size,
    /// The annotation that holds the signature.
    #[error("signature annotation")]
    Signature,
}

const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const CHAIN: &str = "dev.sigstore.cosign/chain";
const LOG_ENTRY: &str = "dev.sigstore.cosign/bundle";
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";
const MANIFEST_TYPES: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawManifest {
    schema_version: u64,
    #[serde(default)]
    media_type: Option<String>,
    layers: Vec<RawLayer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawLayer {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

impl SignatureManifest {
    pub(crate) fn parse(json: &[u8]) -> Result<Self, ManifestError> {
        let raw: RawManifest = serde_json::from_slice(json).map_err(|_| ManifestError::NotAManifest)?;
        let is_manifest =
            raw.media_type.as_deref().is_none_or(|media_type| MANIFEST_TYPES.contains(&media_type));
        if raw.schema_version != 2 || !is_manifest {
            return Err(ManifestError::NotAManifest);
        }
        if raw.layers.len() > MAX_SIGNATURES {
            return Err(ManifestError::TooManySignatures { found: raw.layers.len(), limit: MAX_SIGNATURES });
        }
        let mut manifest = Self { signatures: Vec::new(), malformed: Vec::new() };
        for (index, layer) in raw.layers.into_iter().enumerate() {
            match UnverifiedSignature::parse(layer) {
                Ok(signature) => manifest.signatures.push(signature),
                Err(part) => manifest.malformed.push(LayerError { index, part }),
            }
        }
        Ok(manifest)
    }

    /// The signatures, in the manifest's order.
    #[must_use]
    pub fn signatures(&self) -> &[UnverifiedSignature] {
        &self.signatures
    }

    /// Whether nothing at all is attached.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.signatures.is_empty() && self.malformed.is_empty()
    }

    /// The layers that are no signatures.
    #[must_use]
    pub fn malformed(&self) -> &[LayerError] {
        &self.malformed
    }
}

impl UnverifiedSignature {
    fn parse(layer: RawLayer) -> Result<Self, LayerPart> {
        if layer.media_type != SIMPLE_SIGNING {
            return Err(LayerPart::MediaType);
        }
        let digest = ImageDigest::parse(&layer.digest).map_err(|_| LayerPart::Digest)?;
        if layer.size > MAX_PAYLOAD_BYTES {
            return Err(LayerPart::Size);
        }
        let mut annotations = layer.annotations.unwrap_or_default();
        let encoded = annotations.get(SIGNATURE).ok_or(LayerPart::Signature)?;
        if encoded.len() > MAX_SIGNATURE_CHARS {
            return Err(LayerPart::Signature);
        }
        // Go's base64 decoder, and so cosign, skips line ends.
        let encoded: String = encoded.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        let signature = STANDARD.decode(encoded).map_err(|_| LayerPart::Signature)?;
        if signature.is_empty() {
            return Err(LayerPart::Signature);
        }
        // cosign writes some of them empty where there is nothing to say.
        let mut enclosure = |name| annotations.remove(name).filter(|text| !text.trim().is_empty());
        let enclosures = Enclosures {
            certificate: enclosure(CERTIFICATE),
            chain: enclosure(CHAIN),
            log_entry: enclosure(LOG_ENTRY),
            timestamp: enclosure(TIMESTAMP),
        };
        Ok(Self { payload_sha256: *digest.as_bytes(), payload_bytes: layer.size, signature, enclosures })
    }

    /// SHA-256 of the signed payload, as the layer claims it.
    #[must_use]
    pub fn payload_sha256(&self) -> &[u8; 32] {
        &self.payload_sha256
    }

    /// Bytes of the signed payload, as the layer claims it.
    #[must_use]
    pub fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }

    /// The signature's bytes.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// What its layer carries besides it.
    #[must_use]
    pub fn enclosures(&self) -> &Enclosures {
        &self.enclosures
    }
}

impl Enclosures {
    /// The signer's certificate in PEM.
    #[must_use]
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// The certificates above it in PEM.
    #[must_use]
    pub fn chain(&self) -> Option<&str> {
        self.chain.as_deref()
    }

    /// The transparency log's entry in cosign's JSON.
    #[must_use]
    pub fn log_entry(&self) -> Option<&str> {
        self.log_entry.as_deref()
    }

    /// The RFC 3161 timestamp in cosign's JSON.
    #[must_use]
    pub fn timestamp(&self) -> Option<&str> {
        self.timestamp.as_deref()
    }
}
