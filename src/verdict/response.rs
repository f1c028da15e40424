//! The verdict in the SDK's types, as the host reads it.

use std::collections::HashMap;

use kubewarden_policy_sdk::response::ValidationResponse;
use kubewarden_policy_sdk::settings::SettingsValidationResponse;
use serde_json::Value;

use super::message::line;
use super::{Accepted, ImageOutcome, Outcome, Verdict, denial, patch};
use crate::limits::{MAX_ANNOTATION_CHARS, MAX_WARNING_CHARS, MAX_WARNINGS};
use crate::settings::SettingsError;
use crate::text::{Shown, cut};
use crate::verify::{RuleProof, VerifiedImage, VerifiedSignature, VerifiedStatement};
use crate::workload::ImageSite;

/// The answer to `validate`.
#[must_use]
pub fn validation_response(verdict: &Verdict, object: Option<&Value>) -> ValidationResponse {
    match verdict {
        Verdict::Deny(denied) => ValidationResponse {
            accepted: false,
            message: Some(denial(denied)),
            code: Some(denied.denial().code()),
            mutated_object: None,
            audit_annotations: None,
            warnings: None,
        },
        Verdict::Accept(accepted) => ValidationResponse {
            accepted: true,
            message: None,
            code: None,
            mutated_object: object.and_then(|object| patch::mutated(object, accepted)),
            audit_annotations: some_unless_empty(audit_annotations(accepted)),
            warnings: some_unless_empty(warnings(accepted)),
        },
    }
}

/// The answer to `validate_settings`.
#[must_use]
pub fn settings_response(result: Result<(), &SettingsError>) -> SettingsValidationResponse {
    SettingsValidationResponse { valid: result.is_ok(), message: result.err().map(ToString::to_string) }
}

/// What was verified and by whom, and what was not looked at: for the API server's audit log.
fn audit_annotations(accepted: &Accepted) -> HashMap<String, String> {
    let mut annotations: HashMap<String, String> = HashMap::new();
    let mut add = |key: &str, value: String| {
        let all = annotations.entry(key.to_owned()).or_default();
        if !all.is_empty() {
            all.push_str("; ");
        }
        all.push_str(&value);
    };
    for (site, image) in accepted.images() {
        let place = format!("{} {}", Shown(site.path()), Shown(site.image()));
        match &image.outcome {
            Outcome::Verified(verified) => add("verified-images", proofs(site, image, verified)),
            Outcome::Excepted { digest, until, reason } => {
                add("excepted-images", format!("{place} {digest} until {until}: {}", Shown(reason)));
            }
            Outcome::Exempt => add("skipped-images", place),
            Outcome::Unmatched { .. } => add("unmatched-images", place),
            Outcome::Unchanged => add("unchanged-images", place),
            Outcome::Audited => add("audited-images", place),
        }
        for failure in &image.would_deny {
            add("would-deny", line(site, failure));
        }
        if stays_unpinned(image) {
            add("unpinned-images", format!("{} {}", Shown(site.path()), Shown(site.image())));
        }
    }
    annotations.into_iter().map(|(key, all)| (key, cut(&all, MAX_ANNOTATION_CHARS))).collect()
}

/// `spec.containers[0] image@digest: rule "a" by key x, rule "b" by key y and key z`
fn proofs(site: &ImageSite, image: &ImageOutcome, verified: &VerifiedImage) -> String {
    let own_name = verified.image().repository().cosign_name();
    let signature = |signature: &VerifiedSignature| {
        let mut text = signature.signer().to_string();
        if let Some(other) = signature.docker_reference().filter(|name| *name != own_name) {
            text.push_str(&format!(" as {}", Shown(other)));
        }
        for (name, value) in signature.annotations() {
            text.push_str(&format!(" with {}={}", Shown(name), Shown(value)));
        }
        text
    };
    let attestation = |attestation: &VerifiedStatement| {
        format!("{} attesting `{}`", attestation.signer(), Shown(attestation.predicate_type()))
    };
    let proof = |proof: &RuleProof| {
        let mut by: Vec<String> = proof.signatures().iter().map(signature).collect();
        by.extend(proof.attestations().iter().map(attestation));
        format!("rule {} by {}", proof.rule(), by.join(" and "))
    };
    let proofs: Vec<String> = verified.proofs().iter().map(proof).collect();
    // The digest is never cut.
    let written = image.reference.raw();
    let name = written.split_once('@').map_or(written, |(name, _)| name);
    format!("{} {}@{}: {}", Shown(site.path()), Shown(name), verified.digest(), proofs.join(", "))
}

fn warnings(accepted: &Accepted) -> Vec<String> {
    let mut warnings = Vec::new();
    for (site, image) in accepted.images() {
        let mut warn = |text: &str| {
            let text = format!("{} {}: {text}", Shown(site.path()), Shown(site.image()));
            warnings.push(cut(&text, MAX_WARNING_CHARS));
        };
        match &image.outcome {
            Outcome::Unmatched { warn: true } => {
                warn("no rule of the policy names this image; it was not verified");
            }
            Outcome::Excepted { until, reason, .. } => {
                warn(&format!("accepted by an exception until {until}: {}", Shown(reason)));
            }
            Outcome::Verified(_)
            | Outcome::Unmatched { warn: false }
            | Outcome::Exempt
            | Outcome::Unchanged
            | Outcome::Audited => {}
        }
        if stays_unpinned(image) {
            let verified = matches!(image.outcome, Outcome::Verified(_));
            let word = if verified { "verified" } else { "accepted" };
            warn(&format!("{word}, but not pinned: the tag may mean another image when it is pulled"));
        }
        for failure in &image.would_deny {
            warnings.push(cut(&format!("would deny: {}", line(site, failure)), MAX_WARNING_CHARS));
        }
    }
    warnings.truncate(MAX_WARNINGS);
    warnings
}

fn stays_unpinned(image: &ImageOutcome) -> bool {
    matches!(image.outcome, Outcome::Verified(_) | Outcome::Excepted { .. })
        && image.reference.digest().is_none()
        && !image.change.pin
        && !image.change.pin_later
}

fn some_unless_empty<T: IntoIterator>(collection: T) -> Option<T>
where
    for<'a> &'a T: IntoIterator,
{
    if (&collection).into_iter().next().is_none() { None } else { Some(collection) }
}
