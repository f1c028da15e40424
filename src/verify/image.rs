//! Whether the signatures attached to an image meet a rule.

use thiserror::Error;

use super::quorum::{Signer, meet};
use super::{SignatureError, VerifiedSignature};
use crate::attached::{LayerError, SignatureManifest};
use crate::image::{ImageDigest, Repository, ResolvedImage};
use crate::limits::{MAX_ASSIGNMENT_STEPS, MAX_VERIFICATIONS};
use crate::payload::{Payload, PayloadError};
use crate::requirement::{Rule, RuleName, SignerRequirement};

/// One rule met by one image.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleProof {
    repository: Repository,
    digest: ImageDigest,
    rule: RuleName,
    signers: Vec<Signer>,
}

/// An image for which every rule that binds it is met.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub struct VerifiedImage {
    digest: ImageDigest,
    proofs: Vec<RuleProof>,
}

/// Why a rule is not met.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unmet {
    /// The signatures do not suffice: a rejection.
    #[error(transparent)]
    Shortfall(#[from] Shortfall),
    /// More public-key operations than the limit: nothing is decided.
    #[error("more than {MAX_VERIFICATIONS} signature verifications in one request")]
    TooManyVerifications,
    /// The search for signers was given up: nothing is decided.
    #[error("more than {MAX_ASSIGNMENT_STEPS} ways to assign signers to entries")]
    TooManyAssignments,
}

/// What is missing from the signatures of an image.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the signatures do not meet {set}")]
pub struct Shortfall {
    /// The set that is not met.
    pub set: String,
    /// How many of its entries must be met.
    pub required: usize,
    /// The signers wanted whose signature was found.
    pub found: Vec<String>,
    /// The signers wanted whose signature was not found, with their places.
    pub missing: Vec<String>,
    /// What is attached to the image.
    pub attached: AttachedSignatures,
}

/// What is attached to an image, by how far it got.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AttachedSignatures {
    /// Signatures over this image whose signer is known or not.
    pub for_this_image: usize,
    /// Those among them that are malformed.
    pub malformed: usize,
    /// Layers that are no signatures.
    pub malformed_layers: Vec<LayerError>,
    /// Signatures whose payload is something else.
    pub other_payloads: Vec<PayloadError>,
}

/// Verifies signatures, within the limit of one evaluation.
#[derive(Debug, Default)]
pub struct Verifier {
    verifications: usize,
}

impl Verifier {
    /// Verifies the signatures of an image for a rule: all of its attestor sets must be met.
    ///
    /// # Errors
    /// [`Unmet`] with the first set that is not met and what was found.
    pub fn verify(
        &mut self,
        rule: &Rule,
        image: &ResolvedImage,
        manifest: &SignatureManifest,
    ) -> Result<RuleProof, Unmet> {
        let mut attached =
            AttachedSignatures { malformed_layers: manifest.malformed().to_vec(), ..Default::default() };
        let mut rebuilt = Vec::new();
        for signature in manifest.signatures() {
            match Payload::rebuild(image, signature) {
                Ok(payload) => rebuilt.push((payload, signature)),
                Err(error) => attached.other_payloads.push(error),
            }
        }
        attached.for_this_image = rebuilt.len();

        let mut signers = Vec::new();
        for set in &rule.attestors {
            let wanted = set.signers();
            let mut found: Vec<Vec<Signer>> = vec![Vec::new(); wanted.len()];
            let mut assigned = None;
            attached.malformed = 0;
            for (payload, signature) in &rebuilt {
                let mut malformed = false;
                for (wanted, found) in wanted.iter().zip(&mut found) {
                    self.count()?;
                    match VerifiedSignature::new(wanted, payload, signature) {
                        Ok(proof) if proof.digest() == image.digest() => found.push(proof.signer().clone()),
                        Ok(_) | Err(SignatureError::WrongKey) => {}
                        Err(SignatureError::Malformed) => malformed = true,
                    }
                }
                if malformed {
                    attached.malformed = attached.malformed.saturating_add(1);
                }
                // What is there already may do, whatever else is attached.
                assigned = meet(set, &found).map_err(|_| Unmet::TooManyAssignments)?;
                if assigned.is_some() {
                    break;
                }
            }
            let Some(assigned) = assigned else {
                let label = |signer: &SignerRequirement| format!("{} ({})", signer.identity, signer.place);
                let of = |present: bool| {
                    wanted
                        .iter()
                        .zip(&found)
                        .filter(|(_, by)| by.is_empty() != present)
                        .map(|(w, _)| label(w))
                        .collect()
                };
                return Err(Unmet::Shortfall(Shortfall {
                    set: set.place().to_owned(),
                    required: set.required(),
                    found: of(true),
                    missing: of(false),
                    attached,
                }));
            };
            signers.extend(assigned);
        }
        Ok(RuleProof {
            repository: image.repository().clone(),
            digest: image.digest(),
            rule: rule.name.clone(),
            signers,
        })
    }

    fn count(&mut self) -> Result<(), Unmet> {
        if self.verifications >= MAX_VERIFICATIONS {
            return Err(Unmet::TooManyVerifications);
        }
        self.verifications = self.verifications.saturating_add(1);
        Ok(())
    }
}

impl RuleProof {
    /// The rule that is met.
    #[must_use]
    pub fn rule(&self) -> &RuleName {
        &self.rule
    }

    /// Who signed; at least one.
    #[must_use]
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }
}

impl VerifiedImage {
    /// An image for which each of the rules that bind it has its proof, and each proof is for this
    /// image. `None` where one is missing: the caller has made a mistake, and must not accept.
    #[must_use]
    pub fn new(image: &ResolvedImage, binding: &[&Rule], proofs: Vec<RuleProof>) -> Option<Self> {
        let is_for_image =
            |proof: &RuleProof| proof.digest == image.digest() && proof.repository == *image.repository();
        let all_met = binding.iter().all(|rule| {
            proofs
                .iter()
                .any(|proof| proof.rule == rule.name && is_for_image(proof) && !proof.signers.is_empty())
        });
        if binding.is_empty() || !all_met {
            return None;
        }
        Some(Self { digest: image.digest(), proofs })
    }

    /// The digest that was verified.
    #[must_use]
    pub fn digest(&self) -> ImageDigest {
        self.digest
    }

    /// The rules met, at least one.
    pub fn proofs(&self) -> &[RuleProof] {
        &self.proofs
    }
}
