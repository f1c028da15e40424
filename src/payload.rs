//! Rebuilding the signed payload.
//!
//! What cosign signs is a small JSON text ("simple signing"), stored in a layer blob that no host call
//! returns. Its bytes follow from the image's repository and digest, and the layer's digest in the
//! manifest is the payload's SHA-256: a candidate with that digest is what was signed. A wrong guess
//! cannot be mistaken for a right one, so the payload's claims are bound to the image by construction.

use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::attached::UnverifiedSignature;
use crate::image::{ImageDigest, ResolvedImage};

/// A payload whose SHA-256 is the one the signature's layer claims. This proves what the payload says,
/// not who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    digest: ImageDigest,
    docker_reference: String,
    sha256: [u8; 32],
}

/// Why a payload cannot be rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PayloadError {
    /// It has the size of a payload for this image, and other content.
    #[error(
        "its payload is not for this digest and repository ({bytes} bytes): the signature may have been \
         moved here from another image"
    )]
    OtherContent {
        /// The payload's size.
        bytes: u64,
    },
    /// It has another size.
    #[error(
        "its payload cannot be rebuilt ({bytes} bytes, {expected} expected): it has annotations, or was \
         signed under another repository name"
    )]
    OtherSize {
        /// The payload's size.
        bytes: u64,
        /// The size of a payload for this image, without annotations.
        expected: u64,
    },
}

impl Payload {
    /// Rebuilds the payload of a signature for an image, in the form cosign writes since 0.4.
    ///
    /// # Errors
    /// [`PayloadError`] when what was signed is something else.
    pub fn rebuild(image: &ResolvedImage, signature: &UnverifiedSignature) -> Result<Self, PayloadError> {
        let docker_reference = image.repository().cosign_name();
        let text = simple_signing(&docker_reference, image.digest());
        let bytes = signature.payload_bytes();
        let expected = u64::try_from(text.len()).unwrap_or(u64::MAX);
        if bytes != expected {
            return Err(PayloadError::OtherSize { bytes, expected });
        }
        let sha256: [u8; 32] = Sha256::digest(&text).into();
        if sha256 != *signature.payload_sha256() {
            return Err(PayloadError::OtherContent { bytes });
        }
        Ok(Self { digest: image.digest(), docker_reference, sha256 })
    }

    /// The digest of the image it names.
    #[must_use]
    pub fn digest(&self) -> ImageDigest {
        self.digest
    }

    /// The repository it names.
    #[must_use]
    pub fn docker_reference(&self) -> &str {
        &self.docker_reference
    }

    /// SHA-256 of its bytes.
    #[must_use]
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }
}

/// The payload as Go's `json.Marshal` writes sigstore's `SimpleContainerImage`: compact, fields in the
/// order of the struct, no newline (sigstore/sigstore `pkg/signature/payload`). A repository's name holds
/// nothing that either encoder escapes.
fn simple_signing(docker_reference: &str, digest: ImageDigest) -> String {
    let reference = Value::from(docker_reference);
    format!(
        "{{\"critical\":{{\"identity\":{{\"docker-reference\":{reference}}},\
         \"image\":{{\"docker-manifest-digest\":\"{digest}\"}},\
         \"type\":\"cosign container image signature\"}},\"optional\":null}}"
    )
}
