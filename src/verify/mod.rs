//! Verifying signatures, and counting who made them. Knows neither the SDK nor the registry's protocol.
//!
//! A [`VerifiedSignature`] can only be made here, after our own call has verified the signature over the
//! rebuilt payload:
//!
//! ```compile_fail
//! # use sigwarden::verify::VerifiedSignature;
//! let forged = VerifiedSignature { };
//! ```

mod image;
mod key;
mod quorum;

pub use image::{AttachedSignatures, RuleProof, Shortfall, Unmet, VerifiedImage, Verifier};
pub use key::{Fingerprint, KeyError, KeyKind, PublicKey, SignatureError};
pub use quorum::Signer;

use crate::attached::UnverifiedSignature;
use crate::image::ImageDigest;
use crate::payload::Payload;
use crate::requirement::{RequiredIdentity, SignerRequirement};

/// A signature that holds: this signer signed this image under this name.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub struct VerifiedSignature {
    digest: ImageDigest,
    docker_reference: String,
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
    ) -> Result<Self, SignatureError> {
        let signer = match &wanted.identity {
            RequiredIdentity::Key(key) => {
                key.verify(payload.sha256(), signature.signature())?;
                Signer::Key(key.fingerprint())
            }
        };
        Ok(Self { digest: payload.digest(), docker_reference: payload.docker_reference().to_owned(), signer })
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

    /// Who signed.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }
}
