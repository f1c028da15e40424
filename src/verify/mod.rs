//! Verifying signatures, and counting who made them. Knows neither the SDK nor the registry; the time is
//! an argument.
//!
//! A [`VerifiedSignature`] can only be made here, after our own call has verified the signature over the
//! rebuilt payload:
//!
//! ```compile_fail,E0451
//! use sigwarden::verify::VerifiedSignature;
//! fn forge(real: VerifiedSignature, digest: sigwarden::image::ImageDigest) -> VerifiedSignature {
//!     VerifiedSignature { digest, ..real }
//! }
//! ```

mod key;
mod proof;
mod quorum;
mod verifier;

pub use key::{Fingerprint, HashAlgorithm, ImpossibleHash, KeyError, PublicKey, SignatureError};
pub use proof::{RuleProof, VerifiedImage};
pub use quorum::Signer;
pub use verifier::{Attached, AttachedSignatures, MissingSigner, Question, Shortfall, Unmet, Verifier};

use std::collections::BTreeMap;

use crate::attached::UnverifiedSignature;
use crate::image::ImageDigest;
use crate::payload::Payload;
use crate::requirement::{RequiredIdentity, SignerRequirement};
use crate::time::Time;

/// A signature that holds: this signer signed this image under this name, with these annotations.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedSignature {
    digest: ImageDigest,
    docker_reference: String,
    annotations: BTreeMap<String, String>,
    signer: Signer,
}

impl VerifiedSignature {
    /// Verifies one signature for one requirement: all that is asked must hold for this signature.
    ///
    /// # Errors
    /// [`SignatureError`] when it does not.
    fn new(
        wanted: &SignerRequirement,
        payload: &Payload,
        signature: &UnverifiedSignature,
        revoked: &[Fingerprint],
        now: Time,
    ) -> Result<Self, SignatureError> {
        let signer = match &wanted.identity {
            RequiredIdentity::Key(key) => {
                key.verify(payload.as_bytes(), signature.signature(), wanted.terms.hash)?;
                if revoked.contains(&key.fingerprint()) {
                    return Err(SignatureError::Revoked);
                }
                Signer::Key(key.fingerprint())
            }
        };
        if let Some(not_after) = wanted.terms.not_after.filter(|not_after| now > *not_after) {
            return Err(SignatureError::Expired(not_after));
        }
        let carries = |(name, value): (&String, &String)| payload.annotations().get(name) == Some(value);
        if !wanted.terms.annotations.iter().all(carries) {
            return Err(SignatureError::Annotations);
        }
        Ok(Self {
            digest: payload.digest(),
            docker_reference: payload.docker_reference().to_owned(),
            annotations: payload.annotations().clone(),
            signer,
        })
    }

    /// The digest it is for.
    #[must_use]
    pub fn digest(&self) -> ImageDigest {
        self.digest
    }

    /// The repository it was signed under.
    #[must_use]
    pub fn docker_reference(&self) -> &str {
        &self.docker_reference
    }

    /// The annotations that are signed with it.
    #[must_use]
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// Who signed.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }
}
