//! What is proven of an image as a whole.

use super::{Met, VerifiedSignature, VerifiedStatement};
use crate::image::{ImageDigest, ResolvedImage};
use crate::requirement::{Rule, RuleName};

/// One rule met by one image.
#[must_use]
#[derive(Debug, Clone, PartialEq)]
pub struct RuleProof {
    image: ResolvedImage,
    rule: RuleName,
    signatures: Vec<VerifiedSignature>,
    attestations: Vec<VerifiedStatement>,
}

/// An image for which every rule that binds it is met.
#[must_use]
#[derive(Debug, PartialEq)]
pub struct VerifiedImage {
    image: ResolvedImage,
    proofs: Vec<RuleProof>,
}

impl RuleProof {
    /// A rule met by these signatures and attestations. `None` where a part that it asks for is not there, or one is for
    /// another image.
    #[must_use]
    pub fn new(
        rule: &Rule,
        image: &ResolvedImage,
        signatures: Met<VerifiedSignature>,
        attestations: Vec<Met<VerifiedStatement>>,
    ) -> Option<Self> {
        let signatures = signatures.into_inner();
        // Each part that the rule asks for is there, and is not empty.
        let all_parts = signatures.is_empty() == rule.attestors.is_empty()
            && attestations.len() == rule.attestations.len()
            && !attestations.iter().any(Met::is_empty);
        let attestations: Vec<_> = attestations.into_iter().flat_map(Met::into_inner).collect();
        let all_for_this = signatures.iter().all(|signature| signature.digest() == image.digest())
            && attestations.iter().all(|attestation| attestation.digest() == image.digest());
        let proven = all_for_this && all_parts && !(signatures.is_empty() && attestations.is_empty());
        proven.then(|| Self { image: image.clone(), rule: rule.name.clone(), signatures, attestations })
    }

    /// A rule met by an index, because it is met by each image in it. `None` where an image has no proof,
    /// or there is no image.
    #[must_use]
    pub fn of_index(index: &ResolvedImage, children: &[ImageDigest], proofs: Vec<Self>) -> Option<Self> {
        let rule = proofs.first()?.rule.clone();
        let is_met = |child: &ImageDigest| {
            proofs.iter().any(|proof| proof.image == index.child(*child) && proof.rule == rule)
        };
        let proven = !children.is_empty() && children.iter().all(is_met);
        let signatures = proofs.iter().flat_map(|proof| proof.signatures.clone()).collect();
        let attestations = proofs.iter().flat_map(|proof| proof.attestations.clone()).collect();
        proven.then(|| Self { image: index.clone(), rule, signatures, attestations })
    }

    /// The rule that is met.
    #[must_use]
    pub fn rule(&self) -> &RuleName {
        &self.rule
    }

    /// The attestations that meet it; where there are none, there are signatures.
    pub fn attestations(&self) -> &[VerifiedStatement] {
        &self.attestations
    }

    /// The signatures that meet it; where there are none, there are attestations.
    pub fn signatures(&self) -> &[VerifiedSignature] {
        &self.signatures
    }
}

impl VerifiedImage {
    /// An image for which each of the rules that bind it has its proof, and each proof is for this
    /// image. `None` where one is missing: the caller has made a mistake, and must not accept.
    #[must_use]
    pub fn new(image: &ResolvedImage, binding: &[&Rule], proofs: Vec<RuleProof>) -> Option<Self> {
        let is_met =
            |rule: &&Rule| proofs.iter().any(|proof| proof.rule == rule.name && proof.image == *image);
        let proven = !binding.is_empty() && binding.iter().all(is_met);
        proven.then(|| Self { image: image.clone(), proofs })
    }

    /// The image.
    #[must_use]
    pub fn image(&self) -> &ResolvedImage {
        &self.image
    }

    /// The digest that was verified.
    #[must_use]
    pub fn digest(&self) -> ImageDigest {
        self.image.digest()
    }

    /// The rules met, at least one.
    pub fn proofs(&self) -> &[RuleProof] {
        &self.proofs
    }
}
