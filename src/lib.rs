//! Sigwarden: verifies cosign signatures of container images inside the sandbox of a Kubewarden policy.
//!
//! One request goes one way through the crate:
//!
//! ```text
//! AdmissionRequest
//!   -> workload   every image the object would run, and where it stands      Vec<ImageSite>
//!   -> rules      which rules bind that image                                Required | Exempt | Unmatched
//!   -> registry   digest of the reference, manifest of its signatures        ResolvedImage, SignatureManifest
//!   -> payload    what was signed, rebuilt; its SHA-256 is the layer digest  Payload
//!   -> verify     by whom, and is that enough                                VerifiedSignature, VerifiedImage
//!   -> verdict    one outcome for each image; message, patch, annotations    Accepted | Denied
//! ```
//!
//! The types carry the proofs: private fields, no public constructor. [`evaluate::evaluate`] is the whole
//! way on one screen. Only [`guest`](self), the host's side of [`registry`] and the response of [`verdict`]
//! know Kubewarden's SDK; [`verify`] knows neither the SDK nor the registry.

pub mod attached;
pub mod condition;
pub mod evaluate;
#[cfg(target_arch = "wasm32")]
pub mod guest;
pub mod image;
pub mod json;
pub mod limits;
pub mod payload;
pub mod regex;
pub mod registry;
pub mod requirement;
pub mod rules;
pub mod settings;
pub mod text;
pub mod time;
pub mod verdict;
pub mod verify;
pub mod workload;
