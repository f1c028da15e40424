//! An image whose digest is known.

use super::{ImageDigest, Repository};

/// An image whose digest is known. What is verified, patched in and reported is this digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedImage {
    repository: Repository,
    digest: ImageDigest,
}

impl ResolvedImage {
    /// Only the registry port resolves images.
    pub(crate) fn new(repository: Repository, digest: ImageDigest) -> Self {
        Self { repository, digest }
    }

    /// The canonical repository.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The digest: written by the user, or what the host says the tag means (trusted; see the threat
    /// model).
    #[must_use]
    pub fn digest(&self) -> ImageDigest {
        self.digest
    }

    /// The tag that holds cosign's signatures of the image: `sha256-HEX.sig`, beside the image or in the
    /// repository kept for signatures.
    #[must_use]
    pub fn signature_reference(&self, kept_in: Option<&Repository>) -> String {
        format!("{}:sha256-{}.sig", kept_in.unwrap_or(&self.repository), self.digest.hex())
    }

    /// The manifest or index itself.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{}@{}", self.repository, self.digest)
    }

    /// An image of this index.
    #[must_use]
    pub fn child(&self, digest: ImageDigest) -> Self {
        Self { repository: self.repository.clone(), digest }
    }
}
