//! The pipeline, one request from end to end.

use crate::image::ImageReference;
use crate::registry::{Clock, Host, Registry, RegistryError};
use crate::requirement::Rule;
use crate::rules::{self, Binding};
use crate::settings::{Settings, UnmatchedImages};
use crate::verdict::{Accepted, Denied, Failure, ImageOutcome, Outcome, Reason, Verdict};
use crate::verify::{VerifiedImage, Verifier};
use crate::workload::{self, AdmissionRequest, ImageSite, Workload};

/// Decides on one request.
pub fn evaluate(
    settings: &Settings,
    request: &AdmissionRequest,
    host: &dyn Host,
    clock: &dyn Clock,
) -> Verdict {
    let sites = match workload::images(request) {
        Ok(Workload::Runs(sites)) => sites,
        Ok(Workload::RunsNothing(why)) => return Verdict::Accept(Accepted::runs_nothing(why)),
        Err(error) => return Verdict::Deny(Denied::object(error)),
    };
    let mut evaluation =
        Evaluation { settings, registry: Registry::new(host, clock), verifier: Verifier::default() };
    let outcomes = sites.into_iter().map(|site| {
        let outcome = evaluation.image(&site);
        (site, outcome)
    });
    Verdict::of_images(outcomes.collect())
}

struct Evaluation<'e> {
    settings: &'e Settings,
    registry: Registry<'e>,
    verifier: Verifier,
}

impl Evaluation<'_> {
    fn image(&mut self, site: &ImageSite) -> Result<ImageOutcome, Failure> {
        let reference = ImageReference::parse(site.image()).map_err(Failure::of)?;
        let outcome = match rules::bind(self.settings, &reference) {
            Binding::Required(rules) => return self.required(site, reference, &rules),
            Binding::Exempt => Outcome::Exempt,
            Binding::Unmatched => match self.settings.unmatched_images() {
                UnmatchedImages::Allow => Outcome::Unmatched { warn: false },
                UnmatchedImages::Warn => Outcome::Unmatched { warn: true },
                UnmatchedImages::Deny => return Err(Failure::of(Reason::Unmatched)),
            },
        };
        Ok(ImageOutcome { reference, outcome })
    }

    fn required(
        &mut self,
        site: &ImageSite,
        reference: ImageReference,
        rules: &[&Rule],
    ) -> Result<ImageOutcome, Failure> {
        // What runs is what was verified: known to fail before the registry is asked anything.
        let pinned = reference.digest().is_some();
        let pin = !pinned && rules.iter().any(|rule| rule.mutate_digest);
        if let (false, false, Some(rule)) = (pinned, pin, rules.iter().find(|rule| rule.verify_digest)) {
            return Err(Failure::of(Reason::Unpinned).by(rule));
        }
        let image = self.registry.resolve(&reference).map_err(Failure::of)?;
        let mut proofs = Vec::new();
        for rule in rules {
            let fail = |reason| Failure::of(reason).by(rule).at(image.digest());
            let manifest = self.registry.signatures(&image).map_err(|error| {
                fail(if error == RegistryError::NoSuchManifest { Reason::NoSignature } else { error.into() })
            })?;
            if manifest.is_empty() {
                return Err(fail(Reason::NoSignature));
            }
            proofs.push(self.verifier.verify(rule, &image, &manifest).map_err(|unmet| fail(unmet.into()))?);
        }
        let verified =
            VerifiedImage::new(&image, rules, proofs).ok_or_else(|| Failure::of(Reason::Incomplete))?;
        // An image that is running already is left as it is: a patch would restart it.
        let pin = pin && site.is_changed();
        Ok(ImageOutcome { reference, outcome: Outcome::Verified { image: verified, pin } })
    }
}
