//! Whether the signatures attached to an image meet a rule.

use std::collections::BTreeMap;

use thiserror::Error;

use super::quorum::meet;
use super::{Identity, RevokedSigners, RuleProof, SignatureError, Signer, VerifiedSignature};
use crate::attached::{LayerError, SignatureManifest, UnverifiedSignature};
use crate::image::{Repository, ResolvedImage};
use crate::limits::{
    EVIDENCE_VERIFICATIONS, MAX_ASSIGNMENT_STEPS, MAX_PAYLOAD_CANDIDATES, MAX_VERIFICATIONS,
};
use crate::payload::{Candidates, Payload, PayloadError};
use crate::requirement::{AttestorSet, RequiredIdentity, RuleName, SignedIdentity, SignerRequirement};
use crate::time::Time;

/// The signatures attached to an image, by where they are kept: beside it, or in a repository for
/// signatures.
pub type Attached = BTreeMap<Option<Repository>, SignatureManifest>;

/// Whether an image meets a rule: everything that decides it.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// The rule.
    pub rule: &'q RuleName,
    /// Its attestor sets; all must be met.
    pub sets: &'q [AttestorSet],
    /// The names the image may have been signed under elsewhere.
    pub signed_identities: &'q [SignedIdentity],
    /// The image.
    pub image: &'q ResolvedImage,
    /// What is attached to it.
    pub attached: &'q Attached,
    /// Whose signatures count for nothing.
    pub revoked: &'q RevokedSigners,
    /// What time it is.
    pub now: Time,
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
    /// No time left to verify more signatures: nothing is decided.
    #[error("out of time: not every signature could be verified within `evaluationBudget`")]
    OutOfTime,
    /// The search for signers was given up: nothing is decided.
    #[error("more than {MAX_ASSIGNMENT_STEPS} ways to assign signers to entries")]
    TooManyAssignments,
    /// Too many combinations of known annotations: nothing is decided.
    #[error("more than {MAX_PAYLOAD_CANDIDATES} combinations of `knownAnnotations` and `signedIdentities`")]
    TooManyCandidates,
    /// A set was met without a signature for this image: a mistake of ours, and never an acceptance.
    #[error("a rule was met without a proof; please report this")]
    NoProof,
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
    /// The signers wanted whose signature was not found.
    pub missing: Vec<MissingSigner>,
    /// What is attached to the image.
    pub attached: AttachedSignatures,
    /// Whether it is keys that the set wants, all of it.
    pub keys_only: bool,
}

/// A signer wanted whose signature was not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingSigner {
    /// Who, and where that stands in the rule.
    pub label: String,
    /// Why a signature that is theirs does not count.
    pub because: Option<SignatureError>,
}

/// What is attached to an image, by how far it got.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AttachedSignatures {
    /// Signatures over this image, whoever made them.
    pub for_this_image: usize,
    /// Those among them that are malformed.
    pub malformed: usize,
    /// Layers that are no signatures.
    pub malformed_layers: Vec<LayerError>,
    /// Who made signatures over this image, as their certificates say, and is not wanted; each once.
    pub other_identities: Vec<Identity>,
    /// Signatures whose payload is something else.
    pub other_payloads: Vec<PayloadError>,
}

/// Verifies signatures, within the limit of one evaluation.
#[derive(Debug, Default)]
pub struct Verifier {
    verifications: usize,
}

/// A signer wanted, and what was found of them.
struct Wanted<'q> {
    requirement: &'q SignerRequirement,
    candidates: Candidates,
    found: Vec<VerifiedSignature>,
    because: Option<SignatureError>,
}

/// How far one signature got with any of the signers wanted.
#[derive(Default)]
struct Progress {
    for_this_image: bool,
    malformed: bool,
    other_identity: Option<Identity>,
    other_payload: Option<PayloadError>,
}

impl Verifier {
    /// Verifies the signatures of an image for a rule: all of its attestor sets must be met. Stops when
    /// `late` says so.
    ///
    /// # Errors
    /// [`Unmet`] with the first set that is not met and what was found.
    pub fn verify(&mut self, question: &Question<'_>, late: &dyn Fn() -> bool) -> Result<RuleProof, Unmet> {
        let mut signatures = Vec::new();
        for set in question.sets {
            signatures.extend(self.set(question, set, late)?);
        }
        RuleProof::new(question.rule, question.image, signatures).ok_or(Unmet::NoProof)
    }

    fn set(
        &mut self,
        question: &Question<'_>,
        set: &AttestorSet,
        late: &dyn Fn() -> bool,
    ) -> Result<Vec<VerifiedSignature>, Unmet> {
        let mut wanted = Vec::new();
        for requirement in set.signers() {
            let candidates = Candidates::new(question.image, question.signed_identities, &requirement.terms)
                .map_err(|_| Unmet::TooManyCandidates)?;
            wanted.push(Wanted { requirement, candidates, found: Vec::new(), because: None });
        }
        let mut attached = AttachedSignatures::default();
        for (repository, manifest) in question.attached {
            attached.malformed_layers.extend_from_slice(manifest.malformed());
            for signature in manifest.signatures() {
                let progress = self.signature(question, &mut wanted, repository.as_ref(), signature, late)?;
                if progress.for_this_image {
                    attached.for_this_image = attached.for_this_image.saturating_add(1);
                    attached.malformed = attached.malformed.saturating_add(usize::from(progress.malformed));
                    let is_new = |identity: &Identity| !attached.other_identities.contains(identity);
                    if let Some(identity) = progress.other_identity.filter(is_new) {
                        attached.other_identities.push(identity);
                    }
                } else {
                    attached.other_payloads.extend(progress.other_payload);
                }
                // What is there already may do, whatever else is attached.
                if let Some(assigned) = assigned(set, &wanted)? {
                    return Ok(assigned);
                }
            }
        }
        let label =
            |wanted: &Wanted<'_>| format!("{} ({})", wanted.requirement.identity, wanted.requirement.place);
        let missing = wanted.iter().filter(|wanted| wanted.found.is_empty());
        Err(Unmet::Shortfall(Shortfall {
            set: set.place().to_owned(),
            required: set.required(),
            found: wanted.iter().filter(|wanted| !wanted.found.is_empty()).map(label).collect(),
            missing: missing
                .map(|wanted| MissingSigner { label: label(wanted), because: wanted.because.clone() })
                .collect(),
            attached,
            keys_only: wanted.iter().all(|w| matches!(w.requirement.identity, RequiredIdentity::Key(_))),
        }))
    }

    /// Tries one signature for every signer whose signatures are kept where it is.
    fn signature(
        &mut self,
        question: &Question<'_>,
        wanted: &mut [Wanted<'_>],
        repository: Option<&Repository>,
        signature: &UnverifiedSignature,
        late: &dyn Fn() -> bool,
    ) -> Result<Progress, Unmet> {
        let mut progress = Progress::default();
        for wanted in wanted.iter_mut().filter(|w| w.requirement.terms.repository.as_ref() == repository) {
            let payload = match Payload::rebuild(&wanted.candidates, signature) {
                Ok(payload) => payload,
                Err(error) => {
                    progress.other_payload.get_or_insert(error);
                    continue;
                }
            };
            progress.for_this_image = true;
            if late() {
                return Err(Unmet::OutOfTime);
            }
            self.spend(1)?;
            let verified = VerifiedSignature::new(
                wanted.requirement,
                &payload,
                signature,
                question.revoked,
                question.now,
            );
            if wanted.requirement.needs_evidence() && got_to_evidence(&verified) {
                self.spend(EVIDENCE_VERIFICATIONS)?;
            }
            match verified {
                Ok(verified) => wanted.found.push(verified),
                Err(SignatureError::WrongKey) => {}
                Err(SignatureError::Malformed) => progress.malformed = true,
                Err(SignatureError::OtherIdentity(identity)) => progress.other_identity = Some(identity),
                Err(error) => {
                    if wanted.because.as_ref().is_none_or(|known| known.rank() <= error.rank()) {
                        wanted.because = Some(error);
                    }
                }
            }
        }
        Ok(progress)
    }

    fn spend(&mut self, verifications: usize) -> Result<(), Unmet> {
        self.verifications = self.verifications.saturating_add(verifications);
        if self.verifications > MAX_VERIFICATIONS { Err(Unmet::TooManyVerifications) } else { Ok(()) }
    }
}

/// Whether more than the signature itself was looked at, which is what costs.
fn got_to_evidence(verified: &Result<VerifiedSignature, SignatureError>) -> bool {
    match verified {
        Ok(_)
        | Err(SignatureError::Evidence(_) | SignatureError::Expired(_) | SignatureError::Annotations) => true,
        Err(
            SignatureError::Malformed
            | SignatureError::WrongKey
            | SignatureError::NotByCertificate
            | SignatureError::OtherIdentity(_)
            | SignatureError::Claim { .. }
            | SignatureError::Revoked(_),
        ) => false,
    }
}

/// One signature by each signer that the set needs, if they can be found among those verified.
fn assigned(set: &AttestorSet, wanted: &[Wanted<'_>]) -> Result<Option<Vec<VerifiedSignature>>, Unmet> {
    let found: Vec<Vec<Signer>> =
        wanted.iter().map(|wanted| distinct(wanted.found.iter().map(VerifiedSignature::signer))).collect();
    let Some(signers) = meet(set, &found).map_err(|_| Unmet::TooManyAssignments)? else { return Ok(None) };
    let proof_of = |signer: &Signer| {
        wanted.iter().flat_map(|wanted| &wanted.found).find(|proof| proof.signer() == signer).cloned()
    };
    // Every signer that was assigned stands in `found`.
    signers.iter().map(proof_of).collect::<Option<Vec<_>>>().ok_or(Unmet::NoProof).map(Some)
}

/// Each signer once, however many signatures they made.
fn distinct<'s>(signers: impl Iterator<Item = &'s Signer>) -> Vec<Signer> {
    let mut distinct: Vec<Signer> = Vec::new();
    for signer in signers {
        if !distinct.contains(signer) {
            distinct.push(signer.clone());
        }
    }
    distinct
}
