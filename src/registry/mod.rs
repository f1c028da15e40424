//! The ports to the world: what a registry says of an image, what the cluster's objects hold, the clock.
//! Each question is asked once, and none once the time is up.

mod error;
#[cfg(target_arch = "wasm32")]
mod host;
mod index;
mod keys;

use core::time::Duration;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde::Deserialize;

pub use error::{HostError, RegistryError};
#[cfg(target_arch = "wasm32")]
pub(crate) use host::log;
#[cfg(target_arch = "wasm32")]
pub use host::{KubewardenHost, WallClock};
pub use index::IndexError;
pub use keys::KeySourceError;

use crate::attached::{BundleCarrier, Carried, SignatureManifest};
use crate::image::{ImageDigest, ImageReference, Repository, ResolvedImage};
use crate::limits::{MAX_CARRIER_BYTES, MAX_DIGEST_ANSWER_BYTES, MAX_MANIFEST_BYTES};
use crate::requirement::{KeySource, KeySourceKind};
use crate::time::Time;
use crate::verify::{PublicKey, ReadBundles};

/// The host's operations on images that we use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// The digest of what a reference means now.
    ManifestDigest,
    /// The manifest or index of a reference.
    Manifest,
    /// The manifest of a reference, with its config.
    ManifestAndConfig,
}

/// The way to the registry and the cluster. Answers are the host's JSON.
pub trait Host {
    /// Asks the host for one image.
    ///
    /// # Errors
    /// [`HostError`] with the host's words when it has no answer.
    fn call(&self, operation: Operation, image: &str) -> Result<Vec<u8>, HostError>;

    /// Asks the host for one object of the cluster.
    ///
    /// # Errors
    /// [`HostError`] with the host's words when it has no answer.
    fn object(&self, kind: KeySourceKind, namespace: &str, name: &str) -> Result<Vec<u8>, HostError>;
}

/// The time.
pub trait Clock {
    /// How long the evaluation has taken so far.
    fn elapsed(&self) -> Duration;

    /// What time it is.
    fn now(&self) -> Time;
}

/// The world as seen by one evaluation.
pub struct Registry<'h> {
    port: Port<'h>,
    digests: Memo<String, ImageDigest, RegistryError>,
    signatures: Memo<String, SignatureManifest, RegistryError>,
    carriers: Memo<String, Rc<ReadBundles>, RegistryError>,
    referrers: Memo<String, bool, RegistryError>,
    children: Memo<String, Option<Vec<ImageDigest>>, RegistryError>,
    keys: Memo<KeySource, Vec<PublicKey>, KeySourceError>,
}

type Memo<K, V, E> = BTreeMap<K, Result<V, E>>;

#[derive(Deserialize)]
struct DigestAnswer {
    digest: String,
}

impl<'h> Registry<'h> {
    /// A world of which nothing is known yet, and which is asked nothing once the budget is spent.
    #[must_use]
    pub fn new(host: &'h dyn Host, clock: &'h dyn Clock, budget: Duration) -> Self {
        Self {
            port: Port { host, clock, budget },
            digests: Memo::new(),
            signatures: Memo::new(),
            carriers: Memo::new(),
            referrers: Memo::new(),
            children: Memo::new(),
            keys: Memo::new(),
        }
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Time {
        self.port.clock.now()
    }

    /// Whether the time is up.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.port.check_time().is_err()
    }

    /// Whether it is so late that the host is about to end the evaluation: a quarter more than the time that
    /// calls may take. Until then, what needs no call is still decided.
    #[must_use]
    pub fn is_overdue(&self) -> bool {
        let budget = self.port.budget;
        self.port.clock.elapsed() >= budget.saturating_add(budget.checked_div(4).unwrap_or_default())
    }

    /// The digest a reference means. One that is pinned costs no call.
    ///
    /// # Errors
    /// [`RegistryError`] when the host has no digest for it, or the time is up.
    pub fn resolve(&mut self, image: &ImageReference) -> Result<ResolvedImage, RegistryError> {
        let digest = match image.digest() {
            Some(digest) => digest,
            None => {
                let asked = image.to_string();
                let port = self.port;
                remember(&mut self.digests, asked.clone(), || port.digest(&asked))?
            }
        };
        Ok(ResolvedImage::new(image.repository().clone(), digest))
    }

    /// The signatures attached to an image in cosign's `.sig` format, beside it or in another repository.
    ///
    /// # Errors
    /// [`RegistryError::NoSuchManifest`] when there is no such tag; any other [`RegistryError`] when
    /// that cannot be told.
    pub fn signatures(
        &mut self,
        image: &ResolvedImage,
        kept_in: Option<&Repository>,
    ) -> Result<SignatureManifest, RegistryError> {
        let asked = image.signature_reference(kept_in);
        let port = self.port;
        remember(&mut self.signatures, asked.clone(), || {
            Ok(SignatureManifest::parse(&port.ask(Operation::Manifest, &asked, MAX_MANIFEST_BYTES)?)?)
        })
    }

    /// The bundles of an image in a carrier, beside it or in another repository.
    ///
    /// # Errors
    /// [`RegistryError::NoSuchManifest`] when there is no such tag; any other [`RegistryError`] when
    /// that cannot be told.
    pub fn bundles(
        &mut self,
        image: &ResolvedImage,
        carried: Carried<'_>,
        kept_in: Option<&Repository>,
    ) -> Result<Rc<ReadBundles>, RegistryError> {
        let asked = format!("{}:{}", kept_in.unwrap_or(image.repository()), carried.tag(image.digest()));
        let port = self.port;
        remember(&mut self.carriers, asked.clone(), || {
            let answer = port.ask(Operation::ManifestAndConfig, &asked, MAX_CARRIER_BYTES)?;
            Ok(Rc::new(ReadBundles::of(&BundleCarrier::parse(&answer)?)))
        })
    }

    /// Whether something is stored under the tag that lists what refers to an image, where a registry has no other
    /// way: what cosign 3 signs by default. Errors are no.
    pub fn has_referrers(&mut self, image: &ResolvedImage) -> bool {
        let asked = format!("{}:sha256-{}", image.repository(), image.digest().hex());
        let port = self.port;
        let known = remember(&mut self.referrers, asked.clone(), || {
            Ok(port.ask(Operation::Manifest, &asked, MAX_MANIFEST_BYTES).is_ok())
        });
        known.unwrap_or(false)
    }

    /// The images of an index, or nothing where the image is no index.
    ///
    /// # Errors
    /// [`RegistryError`] when there is no such manifest, or it cannot be used.
    pub fn children(&mut self, image: &ResolvedImage) -> Result<Option<Vec<ImageDigest>>, RegistryError> {
        let asked = image.reference();
        let port = self.port;
        remember(&mut self.children, asked.clone(), || {
            Ok(index::children(&port.ask(Operation::Manifest, &asked, MAX_MANIFEST_BYTES)?)?)
        })
    }

    /// The public keys that an object of the cluster holds; at least one.
    ///
    /// # Errors
    /// [`KeySourceError`] when there is no such object, or no keys in it.
    pub fn keys(&mut self, source: &KeySource) -> Result<Vec<PublicKey>, KeySourceError> {
        let port = self.port;
        remember(&mut self.keys, source.clone(), || keys::read(port, source))
    }
}

fn remember<K: Ord, V: Clone, E: Clone>(
    memo: &mut Memo<K, V, E>,
    asked: K,
    ask: impl FnOnce() -> Result<V, E>,
) -> Result<V, E> {
    memo.entry(asked).or_insert_with(ask).clone()
}

/// The way to the host, open while there is time.
#[derive(Clone, Copy)]
struct Port<'h> {
    host: &'h dyn Host,
    clock: &'h dyn Clock,
    budget: Duration,
}

/// No time left to ask.
struct OutOfTime;

impl Port<'_> {
    fn check_time(&self) -> Result<(), OutOfTime> {
        if self.clock.elapsed() >= self.budget { Err(OutOfTime) } else { Ok(()) }
    }

    fn digest(&self, asked: &str) -> Result<ImageDigest, RegistryError> {
        let json = self.ask(Operation::ManifestDigest, asked, MAX_DIGEST_ANSWER_BYTES)?;
        let answer: DigestAnswer = serde_json::from_slice(&json).map_err(|_| RegistryError::NotUnderstood)?;
        ImageDigest::parse(&answer.digest).map_err(|_| RegistryError::NotUnderstood)
    }

    fn ask(&self, operation: Operation, image: &str, max_bytes: usize) -> Result<Vec<u8>, RegistryError> {
        self.check_time().map_err(|OutOfTime| RegistryError::OutOfTime(self.budget))?;
        let answer = self.host.call(operation, image).map_err(RegistryError::from)?;
        if answer.len() > max_bytes {
            return Err(RegistryError::TooLong { limit: max_bytes });
        }
        Ok(answer)
    }
}
