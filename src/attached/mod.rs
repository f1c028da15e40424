//! What is attached to an image and claims to sign it: parsed within limits, nothing of it verified.

mod carrier;
mod manifest;

pub use carrier::{BundleCarrier, Carried, CarrierError};
pub use manifest::{
    Enclosures, LayerError, LayerPart, ManifestError, SignatureManifest, UnverifiedSignature,
};
