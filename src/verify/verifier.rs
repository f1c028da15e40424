//! Whether the signatures attached to an image meet a rule.

use std::collections::BTreeMap;
use std::rc::Rc;

use thiserror::Error;

use super::quorum::assign;
use super::statement::ReadStatement;
use super::{
    BundleError, Identity, RevokedSigners, SignatureError, Signer, UnverifiedBundle, VerifiedSignature,
    VerifiedStatement,
};
use crate::attached::{BundleCarrier, LayerError, SignatureManifest, UnverifiedSignature};
use crate::condition::{self, Moment};
use crate::image::{Repository, ResolvedImage};
use crate::limits::{
    EVIDENCE_VERIFICATIONS, MAX_ASSIGNMENT_STEPS, MAX_PAYLOAD_CANDIDATES, MAX_VERIFICATIONS,
};
use crate::payload::{Candidates, Payload, PayloadError};
use crate::requirement::{
    AttestorSet, DeclaredAttestation, RequiredIdentity, SignedIdentity, SignerRequirement,
};
use crate::time::Time;

/// The signatures attached to an image, by where they are kept: beside it, or in a repository for
/// signatures.
pub type Attached = BTreeMap<Option<Repository>, SignatureManifest>;

/// The bundles of an image, by where they are kept.
pub type Bundles = BTreeMap<Option<Repository>, Rc<ReadBundles>>;

/// The bundles of one carrier, as far as they can be read.
#[derive(Debug, Default)]
pub struct ReadBundles {
    bundles: Vec<UnverifiedBundle>,
    malformed: Vec<BundleError>,
}

/// What meets the attestor sets that were asked for; only a [`Verifier`] makes it.
#[must_use]
#[derive(Debug, Clone, PartialEq)]
pub struct Met<T>(Vec<T>);

/// Whether an image meets a rule: everything that decides it.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// The attestor sets; all must be met.
    pub sets: &'q [AttestorSet],
    /// The names the image may have been signed under elsewhere.
    pub signed_identities: &'q [SignedIdentity],
    /// The image.
    pub image: &'q ResolvedImage,
    /// The signatures attached to it.
    pub attached: &'q Attached,
    /// The bundles attached to it: of signatures, or of the attestations in question.
    pub bundles: &'q Bundles,
    /// Whose signatures count for nothing.
    pub revoked: &'q RevokedSigners,
    /// What time it is.
    pub now: Time,
}

/// Why a rule is not met.
#[cfg_attr(
    target_pointer_width = "64",
    expect(clippy::large_enum_variant, reason = "there is one of them for a rule that is not met")
)]
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
    /// The attestations do not suffice: a rejection.
    #[error(transparent)]
    Unattested(#[from] Box<Unattested>),
    /// Too many combinations of known annotations: nothing is decided.
    #[error("more than {MAX_PAYLOAD_CANDIDATES} combinations of `knownAnnotations` and `signedIdentities`")]
    TooManyCandidates,
    /// A set was met without a signature for this image: a mistake of ours, and never an acceptance.
    #[error("a rule was met without a proof; please report this")]
    NoProof,
}

/// What is missing from the attestations of an image.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the attestations do not meet {place}")]
pub struct Unattested {
    /// Where it stands in the rule.
    pub place: String,
    /// The type that is wanted.
    pub predicate_type: String,
    /// Who of those wanted has not attested it, and what is there instead; nothing where no carrier is.
    pub shortfall: Option<Shortfall>,
    /// What the last one by somebody who is wanted says, and should not.
    pub condition: Option<condition::Unmet>,
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
    /// Attestations among what could be a signature, by whoever is wanted, with their types; each once.
    pub attestations: Vec<String>,
    /// Bundles that are none, or are about something else.
    pub other_bundles: usize,
    /// Why the first of them is.
    pub bundle_problem: Option<String>,
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
struct Wanted<'q, T> {
    requirement: &'q SignerRequirement,
    candidates: Candidates,
    found: Vec<T>,
    because: Option<SignatureError>,
}

/// What a signer is found by.
trait Proof: Clone {
    fn signer(&self) -> &Signer;
}

/// Whether a statement is what is asked for; if not, why not.
type Accept<'a, T> = &'a mut dyn FnMut(VerifiedStatement, &mut AttachedSignatures) -> Option<T>;

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
    pub fn signatures(
        &mut self,
        question: &Question<'_>,
        late: &dyn Fn() -> bool,
    ) -> Result<Met<VerifiedSignature>, Unmet> {
        let mut signatures = Vec::new();
        for set in question.sets {
            let mut search = Search::new(question, set)?;
            if let Some(found) = self.layers(&mut search, late)? {
                signatures.extend(found);
                continue;
            }
            let mut accept = |statement: VerifiedStatement, attached: &mut AttachedSignatures| {
                let signature = VerifiedSignature::of_statement(&statement);
                if signature.is_none() {
                    let kind = statement.predicate_type().to_owned();
                    if !attached.attestations.contains(&kind) {
                        attached.attestations.push(kind);
                    }
                }
                signature
            };
            signatures
                .extend(self.bundles(&mut search, &mut accept, late)?.ok_or_else(|| search.shortfall())?);
        }
        Ok(Met(signatures))
    }

    /// Verifies one of the attestations that a rule asks for: all of its attestor sets must be met by statements of
    /// its type that say what they must. Stops when `late` says so.
    ///
    /// # Errors
    /// [`Unmet`] with the first set that is not met and what was found.
    pub fn attestation(
        &mut self,
        question: &Question<'_>,
        wanted: &DeclaredAttestation,
        late: &dyn Fn() -> bool,
    ) -> Result<Met<VerifiedStatement>, Unmet> {
        let mut statements = Vec::new();
        for set in question.sets {
            let mut search = Search::new(question, set)?;
            let mut condition = None;
            let mut accept = |statement: VerifiedStatement, attached: &mut AttachedSignatures| {
                if statement.predicate_type() != wanted.predicate_type {
                    attached.other_bundles = attached.other_bundles.saturating_add(1);
                    return None;
                }
                let moment = Moment { now: question.now, signed: statement.proven_time() };
                match wanted.check_predicate(statement.predicate(), moment) {
                    Ok(()) => Some(statement),
                    Err(unmet) => {
                        condition = Some(unmet);
                        None
                    }
                }
            };
            match self.bundles(&mut search, &mut accept, late)? {
                Some(found) => statements.extend(found),
                None => {
                    let Unmet::Shortfall(shortfall) = search.shortfall() else { return Err(Unmet::NoProof) };
                    return Err(Unmet::Unattested(Box::new(Unattested {
                        place: wanted.place.clone(),
                        predicate_type: wanted.predicate_type.clone(),
                        shortfall: (!question.bundles.is_empty()).then_some(shortfall),
                        condition,
                    })));
                }
            }
        }
        Ok(Met(statements))
    }

    /// Looks through cosign's `.sig` manifests.
    fn layers(
        &mut self,
        search: &mut Search<'_, VerifiedSignature>,
        late: &dyn Fn() -> bool,
    ) -> Result<Option<Vec<VerifiedSignature>>, Unmet> {
        for (repository, manifest) in search.question.attached {
            search.attached.malformed_layers.extend_from_slice(manifest.malformed());
            for signature in manifest.signatures() {
                let progress = self.signature(search, repository.as_ref(), signature, late)?;
                search.attached.count(progress);
                // What is there already may do, whatever else is attached.
                if let Some(assigned) = search.assigned()? {
                    return Ok(Some(assigned));
                }
            }
        }
        Ok(None)
    }

    /// Looks through bundles, for statements that are accepted.
    fn bundles<T: Proof>(
        &mut self,
        search: &mut Search<'_, T>,
        accept: Accept<'_, T>,
        late: &dyn Fn() -> bool,
    ) -> Result<Option<Vec<T>>, Unmet> {
        for (repository, read) in search.question.bundles {
            for problem in &read.malformed {
                search.attached.note_bundle(problem);
            }
            for bundle in &read.bundles {
                let progress = self.bundle(search, repository.as_ref(), bundle, accept, late)?;
                search.attached.count(progress);
                if let Some(assigned) = search.assigned()? {
                    return Ok(Some(assigned));
                }
            }
        }
        Ok(None)
    }

    /// Tries one bundle for every signer whose bundles are kept where it is.
    fn bundle<T: Proof>(
        &mut self,
        search: &mut Search<'_, T>,
        repository: Option<&Repository>,
        bundle: &UnverifiedBundle,
        accept: Accept<'_, T>,
        late: &dyn Fn() -> bool,
    ) -> Result<Progress, Unmet> {
        let mut progress = Progress::default();
        let read = ReadStatement::default();
        let Search { question, wanted, attached, .. } = search;
        for wanted in wanted.iter_mut().filter(|w| w.requirement.terms.repository.as_ref() == repository) {
            if late() {
                return Err(Unmet::OutOfTime);
            }
            self.spend(1)?;
            let image = question.image.digest();
            let (wants, revoked, now) = (wanted.requirement, question.revoked, question.now);
            let verified = bundle.verify_once_read(wants, image, revoked, now, &read);
            if wanted.requirement.needs_evidence() && got_to_evidence(&verified) {
                self.spend(EVIDENCE_VERIFICATIONS)?;
            }
            match verified {
                Ok(statement) => {
                    progress.for_this_image = true;
                    wanted.found.extend(accept(statement, attached));
                }
                Err(
                    error @ (SignatureError::NoStatement
                    | SignatureError::OtherSubject
                    | SignatureError::Statement(_)),
                ) => {
                    attached.note_bundle(&error);
                }
                Err(error) => {
                    progress.for_this_image = true;
                    wanted.failed(error, &mut progress);
                }
            }
        }
        Ok(progress)
    }

    /// Tries one signature for every signer whose signatures are kept where it is.
    fn signature(
        &mut self,
        search: &mut Search<'_, VerifiedSignature>,
        repository: Option<&Repository>,
        signature: &UnverifiedSignature,
        late: &dyn Fn() -> bool,
    ) -> Result<Progress, Unmet> {
        let mut progress = Progress::default();
        let Search { question, wanted, .. } = search;
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
                Err(error) => wanted.failed(error, &mut progress),
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
fn got_to_evidence<T>(verified: &Result<T, SignatureError>) -> bool {
    match verified {
        Ok(_)
        | Err(SignatureError::Evidence(_) | SignatureError::Expired(_) | SignatureError::Annotations) => true,
        Err(
            SignatureError::Malformed
            | SignatureError::WrongKey
            | SignatureError::NotByCertificate
            | SignatureError::OtherIdentity(_)
            | SignatureError::Claim { .. }
            | SignatureError::NoStatement
            | SignatureError::NoMessage
            | SignatureError::Statement(_)
            | SignatureError::OtherSubject
            | SignatureError::Revoked(_),
        ) => false,
    }
}

/// A set, and what was found for it so far.
struct Search<'q, T> {
    question: &'q Question<'q>,
    set: &'q AttestorSet,
    wanted: Vec<Wanted<'q, T>>,
    attached: AttachedSignatures,
}

impl<'q, T: Proof> Search<'q, T> {
    fn new(question: &'q Question<'q>, set: &'q AttestorSet) -> Result<Self, Unmet> {
        let mut wanted = Vec::new();
        for requirement in set.signers() {
            let candidates = Candidates::new(question.image, question.signed_identities, &requirement.terms)
                .map_err(|_| Unmet::TooManyCandidates)?;
            wanted.push(Wanted { requirement, candidates, found: Vec::new(), because: None });
        }
        Ok(Self { question, set, wanted, attached: AttachedSignatures::default() })
    }

    /// One proof by each signer that the set needs, if they can be found among those verified.
    fn assigned(&self) -> Result<Option<Vec<T>>, Unmet> {
        let wanted = &self.wanted;
        let found: Vec<Vec<Signer>> =
            wanted.iter().map(|wanted| distinct(wanted.found.iter().map(Proof::signer))).collect();
        let Some(signers) = assign(self.set, &found).map_err(|_| Unmet::TooManyAssignments)? else {
            return Ok(None);
        };
        // Of several signatures by one signer, one that meets the entry they are assigned to.
        let proof_of = |(entry, signer): &(usize, Signer)| {
            wanted.get(*entry)?.found.iter().find(|proof| proof.signer() == signer).cloned()
        };
        // Every signer that was assigned stands in `found`.
        signers.iter().map(proof_of).collect::<Option<Vec<_>>>().ok_or(Unmet::NoProof).map(Some)
    }

    fn shortfall(&self) -> Unmet {
        let label = |wanted: &Wanted<'_, T>| {
            format!("{} ({})", wanted.requirement.identity, wanted.requirement.place)
        };
        let missing = self.wanted.iter().filter(|wanted| wanted.found.is_empty());
        Unmet::Shortfall(Shortfall {
            set: self.set.place().to_owned(),
            required: self.set.required(),
            found: self.wanted.iter().filter(|wanted| !wanted.found.is_empty()).map(label).collect(),
            missing: missing
                .map(|wanted| MissingSigner { label: label(wanted), because: wanted.because.clone() })
                .collect(),
            attached: self.attached.clone(),
            keys_only: self.wanted.iter().all(|w| matches!(w.requirement.identity, RequiredIdentity::Key(_))),
        })
    }
}

impl<T> Wanted<'_, T> {
    /// Why a signature is not theirs, or does not count.
    fn failed(&mut self, error: SignatureError, progress: &mut Progress) {
        match error {
            SignatureError::WrongKey => return,
            SignatureError::Malformed => return progress.malformed = true,
            SignatureError::OtherIdentity(identity) => return progress.other_identity = Some(identity),
            SignatureError::NotByCertificate
            | SignatureError::Claim { .. }
            | SignatureError::Revoked(_)
            | SignatureError::Expired(_)
            | SignatureError::NoStatement
            | SignatureError::NoMessage
            | SignatureError::Statement(_)
            | SignatureError::OtherSubject
            | SignatureError::Annotations
            | SignatureError::Evidence(_) => {}
        }
        if self.because.as_ref().is_none_or(|known| known.rank() <= error.rank()) {
            self.because = Some(error);
        }
    }
}

impl AttachedSignatures {
    fn count(&mut self, progress: Progress) {
        if !progress.for_this_image {
            self.other_payloads.extend(progress.other_payload);
            return;
        }
        self.for_this_image = self.for_this_image.saturating_add(1);
        self.malformed = self.malformed.saturating_add(usize::from(progress.malformed));
        let is_new = |identity: &Identity| !self.other_identities.contains(identity);
        if let Some(identity) = progress.other_identity.filter(is_new) {
            self.other_identities.push(identity);
        }
    }

    fn note_bundle(&mut self, problem: &dyn core::fmt::Display) {
        self.other_bundles = self.other_bundles.saturating_add(1);
        self.bundle_problem.get_or_insert_with(|| problem.to_string());
    }
}

impl ReadBundles {
    /// Reads the bundles of a carrier. What is no bundle proves nothing and spoils nothing.
    #[must_use]
    pub fn of(carrier: &BundleCarrier) -> Self {
        let mut read = Self::default();
        for bundle in carrier.bundles() {
            match UnverifiedBundle::from_value(bundle) {
                Ok(bundle) => read.bundles.push(bundle),
                Err(problem) => read.malformed.push(problem),
            }
        }
        read
    }
}

impl<T> Met<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_inner(self) -> Vec<T> {
        self.0
    }
}

impl Proof for VerifiedSignature {
    fn signer(&self) -> &Signer {
        self.signer()
    }
}

impl Proof for VerifiedStatement {
    fn signer(&self) -> &Signer {
        self.signer()
    }
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
