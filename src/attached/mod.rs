//! What is attached to an image and claims to sign it: parsed within limits, nothing of it verified.

mod manifest;

pub use manifest::{
    Enclosures, LayerError, LayerPart, ManifestError, SignatureManifest, UnverifiedSignature,
};
