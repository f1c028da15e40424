//! The port to the registry: what it says of an image, through the host: the digest of a tag, the manifest of its
//! signatures. Each question is asked once, and none once the time is up.

mod error;
#[cfg(target_arch = "wasm32")]
mod host;

use core::time::Duration;
use std::collections::BTreeMap;

use serde::Deserialize;

pub use error::{HostError, RegistryError};
#[cfg(target_arch = "wasm32")]
pub use host::{KubewardenHost, WallClock};

use crate::attached::SignatureManifest;
use crate::image::{ImageDigest, ImageReference, ResolvedImage};
use crate::limits::{EVALUATION_BUDGET, MAX_DIGEST_ANSWER_BYTES, MAX_MANIFEST_BYTES};

/// The host's operations that we use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// The digest of what a reference means now.
    ManifestDigest,
    /// The manifest or index of a reference.
    Manifest,
}

/// The way to the registry. The answer is the host's JSON.
pub trait Host {
    /// Asks the host for one image.
    ///
    /// # Errors
    /// [`HostError`] with the host's words when it has no answer.
    fn call(&self, operation: Operation, image: &str) -> Result<Vec<u8>, HostError>;
}

/// The time since the evaluation began.
pub trait Clock {
    /// How long the evaluation has taken so far.
    fn elapsed(&self) -> Duration;
}

/// The registry as seen by one evaluation.
pub struct Registry<'h> {
    host: &'h dyn Host,
    clock: &'h dyn Clock,
    digests: BTreeMap<String, Result<ImageDigest, RegistryError>>,
    signatures: BTreeMap<String, Result<SignatureManifest, RegistryError>>,
}

#[derive(Deserialize)]
struct DigestAnswer {
    digest: String,
}

impl<'h> Registry<'h> {
    /// A registry of which nothing is known yet.
    #[must_use]
    pub fn new(host: &'h dyn Host, clock: &'h dyn Clock) -> Self {
        Self { host, clock, digests: BTreeMap::new(), signatures: BTreeMap::new() }
    }

    /// The digest a reference means. One that is pinned costs no call.
    ///
    /// # Errors
    /// [`RegistryError`] when the host has no digest for it, or the time is up.
    pub fn resolve(&mut self, image: &ImageReference) -> Result<ResolvedImage, RegistryError> {
        let repository = image.repository().clone();
        if let Some(digest) = image.digest() {
            return Ok(ResolvedImage::new(repository, digest));
        }
        let asked = image.to_string();
        let digest = match self.digests.get(&asked) {
            Some(known) => known.clone(),
            None => {
                let answer = self.ask_digest(&asked);
                self.digests.insert(asked, answer.clone());
                answer
            }
        }?;
        Ok(ResolvedImage::new(repository, digest))
    }

    /// The signatures attached to an image, in cosign's `.sig` format.
    ///
    /// # Errors
    /// [`RegistryError::NoSuchManifest`] when there is no such tag; any other [`RegistryError`] when
    /// that cannot be told.
    pub fn signatures(&mut self, image: &ResolvedImage) -> Result<SignatureManifest, RegistryError> {
        let asked = image.signature_reference();
        if let Some(known) = self.signatures.get(&asked) {
            return known.clone();
        }
        let answer = self
            .ask(Operation::Manifest, &asked, MAX_MANIFEST_BYTES)
            .and_then(|json| Ok(SignatureManifest::parse(&json)?));
        self.signatures.insert(asked, answer.clone());
        answer
    }

    fn ask_digest(&self, asked: &str) -> Result<ImageDigest, RegistryError> {
        let json = self.ask(Operation::ManifestDigest, asked, MAX_DIGEST_ANSWER_BYTES)?;
        let answer: DigestAnswer = serde_json::from_slice(&json).map_err(|_| RegistryError::NotUnderstood)?;
        ImageDigest::parse(&answer.digest).map_err(|_| RegistryError::NotUnderstood)
    }

    fn ask(&self, operation: Operation, image: &str, max_bytes: usize) -> Result<Vec<u8>, RegistryError> {
        if self.clock.elapsed() >= EVALUATION_BUDGET {
            return Err(RegistryError::OutOfTime);
        }
        let answer = self.host.call(operation, image).map_err(RegistryError::from)?;
        if answer.len() > max_bytes {
            return Err(RegistryError::TooLong { limit: max_bytes });
        }
        Ok(answer)
    }
}
