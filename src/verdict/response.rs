//! The verdict in the SDK's types, as the host reads it.

use std::collections::HashMap;

use kubewarden_policy_sdk::response::ValidationResponse;
use kubewarden_policy_sdk::settings::SettingsValidationResponse;
use serde_json::Value;

use super::{Accepted, Outcome, Verdict, denial, patch};
use crate::limits::{MAX_ANNOTATION_CHARS, MAX_WARNING_CHARS, MAX_WARNINGS};
use crate::settings::SettingsError;
use crate::text::{Shown, cut};

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
    for (site, image) in accepted.images() {
        let (key, value) = match &image.outcome {
            Outcome::Verified { image: verified, .. } => {
                let proofs: Vec<String> = verified
                    .proofs()
                    .iter()
                    .map(|proof| {
                        let signers: Vec<String> = proof.signers().iter().map(ToString::to_string).collect();
                        format!("rule {} by {}", proof.rule(), signers.join(" and "))
                    })
                    .collect();
                let name = image.reference.pinned_to(verified.digest());
                ("verified-images", format!("{} {}: {}", site.path(), Shown(&name), proofs.join(", ")))
            }
            Outcome::Exempt => ("skipped-images", format!("{} {}", site.path(), Shown(site.image()))),
            Outcome::Unmatched { .. } => {
                ("unmatched-images", format!("{} {}", site.path(), Shown(site.image())))
            }
        };
        let all = annotations.entry(key.to_owned()).or_default();
        if !all.is_empty() {
            all.push_str("; ");
        }
        all.push_str(&value);
    }
    annotations.into_iter().map(|(key, all)| (key, cut(&all, MAX_ANNOTATION_CHARS))).collect()
}

fn warnings(accepted: &Accepted) -> Vec<String> {
    let warning = |(site, image): &(_, super::ImageOutcome)| {
        let site: &crate::workload::ImageSite = site;
        let text = match &image.outcome {
            Outcome::Unmatched { warn: true } => {
                "no rule of the policy names this image; it was not verified"
            }
            Outcome::Verified { pin: false, .. } if image.reference.digest().is_none() => {
                "verified, but not pinned: the tag may mean another image when it is pulled"
            }
            Outcome::Verified { .. } | Outcome::Unmatched { warn: false } | Outcome::Exempt => return None,
        };
        Some(cut(&format!("{} {}: {text}", site.path(), Shown(site.image())), MAX_WARNING_CHARS))
    };
    accepted.images().iter().filter_map(warning).take(MAX_WARNINGS).collect()
}

fn some_unless_empty<T: IntoIterator>(collection: T) -> Option<T>
where
    for<'a> &'a T: IntoIterator,
{
    if (&collection).into_iter().next().is_none() { None } else { Some(collection) }
}
