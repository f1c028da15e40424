//! The pipeline, one request from end to end.

use std::collections::BTreeMap;

use crate::attached::{Carried, CarrierError};
use crate::image::{ImageReference, Repository, ResolvedImage};
use crate::registry::{Clock, Host, Registry, RegistryError};
use crate::requirement::{AttestorSet, DeclaredAttestation, DeclaredSet, Rule, RuleName, SignatureFormat};
use crate::rules::{self, Enforced};
use crate::settings::{Settings, UnmatchedImages};
use crate::verdict::{Accepted, Change, Denied, Failure, ImageOutcome, Outcome, Reason, Verdict};
use crate::verify::{
    Attached, Bundles, Met, Question, RuleProof, Unmet, VerifiedImage, VerifiedSignature, VerifiedStatement,
    Verifier,
};
use crate::workload::{self, AdmissionRequest, ImageSite, Workload};

/// Decides on one request.
pub fn evaluate(
    settings: &Settings,
    request: &AdmissionRequest,
    host: &dyn Host,
    clock: &dyn Clock,
) -> Verdict {
    let sites = match workload::images(request, settings.extractors()) {
        Ok(Workload::Runs(sites)) => sites,
        Ok(Workload::RunsNothing(why)) => return Verdict::Accept(Accepted::runs_nothing(why)),
        Err(error) => return Verdict::Deny(Denied::object(error)),
    };
    let mut evaluation = Evaluation {
        settings,
        request,
        registry: Registry::new(host, clock, settings.evaluation_budget()),
        verifier: Verifier::default(),
        proofs: BTreeMap::new(),
    };
    let outcomes = sites.into_iter().map(|site| {
        let outcome = evaluation.image(&site);
        (site, outcome)
    });
    Verdict::of_images(outcomes.collect())
}

struct Evaluation<'e> {
    settings: &'e Settings,
    request: &'e AdmissionRequest,
    registry: Registry<'e>,
    verifier: Verifier,
    /// What is decided already: one image in two places is verified once.
    proofs: BTreeMap<(RuleName, String), Result<RuleProof, Reason>>,
}

impl Evaluation<'_> {
    fn image(&mut self, site: &ImageSite) -> Result<ImageOutcome, Failure> {
        let reference = ImageReference::parse(site.image()).map_err(Failure::of)?;
        // Many images and many patterns take time too, without any call.
        if self.registry.is_overdue() {
            return Err(Failure::of(RegistryError::OutOfTime(self.settings.evaluation_budget())));
        }
        self.check_revoked(&reference)?;
        let binding = rules::bind(self.settings, &reference);
        let audited = binding.audited.as_slice();
        let outcome = match binding.enforced {
            Enforced::Rules(rules) => return self.required(site, reference, &rules, audited),
            Enforced::Exempt => Outcome::Exempt,
            Enforced::Unmatched => match self.settings.unmatched_images() {
                UnmatchedImages::Allow => Outcome::Unmatched { warn: false },
                UnmatchedImages::Warn => Outcome::Unmatched { warn: true },
                UnmatchedImages::Deny => {
                    return Err(Failure::of(Reason::Unmatched { audited: !audited.is_empty() }));
                }
            },
        };
        if audited.is_empty() {
            return Ok(ImageOutcome::unchanged(reference, outcome));
        }
        self.required(site, reference, &[], audited)
    }

    /// Revocation stands over everything, so images that no rule names are looked up too.
    fn check_revoked(&mut self, reference: &ImageReference) -> Result<(), Failure> {
        if self.settings.revoked().digests.is_empty() {
            return Ok(());
        }
        let digest = self.registry.resolve(reference).map_err(Failure::of)?.digest();
        if self.settings.revoked().digests.contains(&digest) {
            return Err(Failure::of(Reason::Revoked).at(digest));
        }
        Ok(())
    }

    fn required(
        &mut self,
        site: &ImageSite,
        reference: ImageReference,
        enforced: &[&Rule],
        audited: &[&Rule],
    ) -> Result<ImageOutcome, Failure> {
        let pinned = reference.digest().is_some();
        if pinned && !site.is_changed() && self.settings.skip_unchanged() {
            return Ok(ImageOutcome::unchanged(reference, Outcome::Unchanged));
        }
        // What runs is what was verified: known to fail before the registry is asked anything.
        let mutates = enforced.iter().any(|rule| rule.mutate_digest);
        let to_pin = !pinned && mutates;
        let change = if mutates { self.change(site, to_pin) } else { Change::default() };
        // A rule that pins may leave a tag for later; one that only demands a digest is not met by that.
        let unpinned = |rule: &&&Rule| !pinned && !change.pin && rule.verify_digest && !rule.mutate_digest;
        if let Some(rule) = enforced.iter().find(unpinned) {
            return Err(Failure::of(Reason::Unpinned).by(rule));
        }
        let mut would_deny: Vec<Failure> =
            audited.iter().filter(unpinned).map(|rule| Failure::of(Reason::Unpinned).by(rule)).collect();
        let image = match self.registry.resolve(&reference) {
            Ok(image) => image,
            Err(error) if enforced.is_empty() => {
                would_deny.push(Failure::of(error));
                return Ok(ImageOutcome::unchanged(reference, Outcome::Audited).with(would_deny));
            }
            Err(error) => return Err(Failure::of(error)),
        };
        if let Some(exception) = self.exception(&image) {
            return Ok(ImageOutcome { reference, outcome: exception, change, would_deny: Vec::new() });
        }
        let fail = |rule: &Rule, reason| Failure::of(reason).by(rule).at(image.digest());
        // Rules that enforce come first: those that only audit must not use up their time.
        let mut proofs = Vec::new();
        for rule in enforced {
            proofs.push(self.proof(rule, &image).map_err(|reason| fail(rule, reason))?);
        }
        for rule in audited {
            would_deny.extend(self.proof(rule, &image).err().map(|reason| fail(rule, reason)));
        }
        if enforced.is_empty() {
            return Ok(ImageOutcome::unchanged(reference, Outcome::Audited).with(would_deny));
        }
        let verified = VerifiedImage::new(&image, enforced, proofs)
            .ok_or_else(|| Failure::of(Reason::Incomplete).at(image.digest()))?;
        Ok(ImageOutcome { reference, outcome: Outcome::Verified(verified), change, would_deny })
    }

    fn exception(&self, image: &ResolvedImage) -> Option<Outcome> {
        let now = self.registry.now();
        let exceptions = self.settings.exceptions().iter();
        let exception = exceptions.filter(|e| e.digest == image.digest()).find(|e| now < e.until)?;
        Some(Outcome::Excepted {
            digest: exception.digest,
            until: exception.until,
            reason: exception.reason.clone(),
        })
    }

    /// An image that is running already is left as it is: a patch would restart it.
    fn change(&self, site: &ImageSite, to_pin: bool) -> Change {
        let mutation = self.settings.mutation();
        let is_pod = self.request.kind.group.is_empty() && self.request.kind.kind == "Pod";
        let may_change = site.is_changed() && (is_pod || !mutation.pods_only);
        Change {
            pin: to_pin && may_change,
            pin_later: to_pin && mutation.pods_only && !is_pod,
            pull_always: mutation.pull_always && may_change,
        }
    }

    fn proof(&mut self, rule: &Rule, image: &ResolvedImage) -> Result<RuleProof, Reason> {
        let asked = (rule.name.clone(), image.reference());
        if let Some(known) = self.proofs.get(&asked) {
            return known.clone();
        }
        let proof = self.prove(rule, image);
        self.proofs.insert(asked, proof.clone());
        proof
    }

    fn prove(&mut self, rule: &Rule, image: &ResolvedImage) -> Result<RuleProof, Reason> {
        let children = if rule.child_signatures { self.registry.children(image)? } else { None };
        let Some(children) = children else { return self.prove_one(rule, image) };
        let mut proofs = Vec::new();
        for child in &children {
            let failed = |reason| Reason::Child { digest: *child, reason: Box::new(reason) };
            if self.settings.revoked().digests.contains(child) {
                return Err(failed(Reason::Revoked));
            }
            proofs.push(self.prove_one(rule, &image.child(*child)).map_err(failed)?);
        }
        RuleProof::of_index(image, &children, proofs).ok_or(Reason::Incomplete)
    }

    fn prove_one(&mut self, rule: &Rule, image: &ResolvedImage) -> Result<RuleProof, Reason> {
        let sets = self.resolved(&rule.attestors)?;
        let signatures = match self.signatures(rule, &sets, image) {
            Ok(signatures) => signatures,
            // An image that is only attested is a mistake of its own.
            Err(Reason::NoSignature { .. })
                if !rule.attestations.is_empty() && self.is_attested(rule, image) =>
            {
                return Err(Reason::AttestedOnly);
            }
            Err(reason) => return Err(reason),
        };
        let mut attestations = Vec::new();
        for wanted in &rule.attestations {
            attestations.push(self.attestation(rule, wanted, image)?);
        }
        RuleProof::new(rule, image, signatures, attestations).ok_or(Reason::Incomplete)
    }

    fn resolved(&mut self, sets: &[DeclaredSet]) -> Result<Vec<AttestorSet>, Reason> {
        let mut keys = |source: &_| self.registry.keys(source);
        Ok(sets.iter().map(|set| set.resolve(&mut keys)).collect::<Result<Vec<_>, _>>()?)
    }

    /// The signatures that meet the sets: in `.sig` manifests, and where those do not do, in bundle carriers too.
    fn signatures(
        &mut self,
        rule: &Rule,
        sets: &[AttestorSet],
        image: &ResolvedImage,
    ) -> Result<Met<VerifiedSignature>, Reason> {
        let mut attached = Attached::new();
        if rule.format != SignatureFormat::SigstoreBundle {
            for kept_in in kept_in(sets) {
                match self.registry.signatures(image, kept_in) {
                    Ok(manifest) => drop(attached.insert(kept_in.cloned(), manifest)),
                    Err(RegistryError::NoSuchManifest) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        attached.retain(|_, manifest| !manifest.is_empty());
        let mut bundles = Bundles::new();
        let in_layers = if sets.is_empty() || !attached.is_empty() {
            Some(self.ask(rule, sets, image, &attached, &bundles, Verifier::signatures))
        } else {
            None
        };
        match in_layers {
            Some(Err(Reason::Unmet(Unmet::Shortfall(_)))) | None
                if rule.format != SignatureFormat::Cosign => {}
            Some(decided) => return decided,
            None => return Err(self.no_signature(image)),
        }
        bundles = self.carriers(sets, image, Carried::Signatures)?;
        match in_layers {
            Some(decided) if bundles.is_empty() => decided,
            None if bundles.is_empty() => Err(self.no_signature(image)),
            _ => self.ask(rule, sets, image, &attached, &bundles, Verifier::signatures),
        }
    }

    fn attestation(
        &mut self,
        rule: &Rule,
        wanted: &DeclaredAttestation,
        image: &ResolvedImage,
    ) -> Result<Met<VerifiedStatement>, Reason> {
        let declared: Vec<DeclaredSet> = wanted.attestors.iter().cloned().collect();
        let sets = self.resolved(&declared)?;
        let bundles = self.carriers(&sets, image, Carried::Attestations(&wanted.predicate_type))?;
        self.ask(rule, &sets, image, &Attached::new(), &bundles, |verifier, question, late| {
            verifier.attestation(question, wanted, late)
        })
    }

    fn is_attested(&mut self, rule: &Rule, image: &ResolvedImage) -> bool {
        rule.attestations.iter().any(|wanted| self.attestation(rule, wanted, image).is_ok())
    }

    fn carriers(
        &mut self,
        sets: &[AttestorSet],
        image: &ResolvedImage,
        carried: Carried<'_>,
    ) -> Result<Bundles, Reason> {
        let mut bundles = Bundles::new();
        for kept_in in kept_in(sets) {
            // What is known already is asked again without a call, and takes time all the same.
            if self.registry.is_overdue() {
                return Err(RegistryError::OutOfTime(self.settings.evaluation_budget()).into());
            }
            match self.registry.bundles(image, carried, kept_in) {
                Ok(read) => drop(bundles.insert(kept_in.cloned(), read)),
                Err(RegistryError::NoSuchManifest | RegistryError::Carrier(CarrierError::Empty)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(bundles)
    }

    fn no_signature(&mut self, image: &ResolvedImage) -> Reason {
        Reason::NoSignature { cosign_3: self.registry.has_referrers(image) }
    }

    fn ask<T>(
        &mut self,
        rule: &Rule,
        sets: &[AttestorSet],
        image: &ResolvedImage,
        attached: &Attached,
        bundles: &Bundles,
        verify: impl FnOnce(&mut Verifier, &Question<'_>, &dyn Fn() -> bool) -> Result<T, Unmet>,
    ) -> Result<T, Reason> {
        let question = Question {
            sets,
            signed_identities: &rule.signed_identities,
            image,
            attached,
            bundles,
            revoked: &self.settings.revoked().signers,
            now: self.registry.now(),
        };
        Ok(verify(&mut self.verifier, &question, &|| self.registry.is_late())?)
    }
}

/// Where the signatures of those wanted are kept, each place once, in the order written.
fn kept_in(sets: &[AttestorSet]) -> Vec<Option<&Repository>> {
    let mut places = Vec::new();
    for signer in sets.iter().flat_map(AttestorSet::signers) {
        let place = signer.terms.repository.as_ref();
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}
