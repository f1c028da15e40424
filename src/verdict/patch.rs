//! The mutation: digests written into the raw object, everything else left as it came.

use serde_json::Value;

use super::{Accepted, ImageOutcome, Outcome};
use crate::image::ImageDigest;
use crate::workload::ImageSite;

/// The object with every image pinned that is to be, or nothing where nothing changes.
///
/// The raw JSON is edited, not a typed object: fields newer than any schema we know survive.
pub(super) fn mutated(object: &Value, accepted: &Accepted) -> Option<Value> {
    let mut mutated = object.clone();
    for (site, outcome) in accepted.images() {
        change(&mut mutated, site, outcome);
    }
    (mutated != *object).then_some(mutated)
}

fn change(object: &mut Value, site: &ImageSite, outcome: &ImageOutcome) {
    let Some(digest) = accepted_digest(&outcome.outcome) else { return };
    if outcome.change.pin
        && let Some(place) = object.pointer_mut(site.pointer())
    {
        *place = Value::from(outcome.reference.pinned_to(digest));
    }
    if outcome.change.pull_always
        && let Some((holder, field)) = site.pull_policy()
        && let Some(Value::Object(holder)) = object.pointer_mut(holder)
    {
        holder.insert(field.to_owned(), Value::from("Always"));
    }
}

/// The digest to write: only that of an image that was verified, or that an exception names.
fn accepted_digest(outcome: &Outcome) -> Option<ImageDigest> {
    match outcome {
        Outcome::Verified(image) => Some(image.digest()),
        Outcome::Excepted { digest, .. } => Some(*digest),
        Outcome::Exempt | Outcome::Unmatched { .. } | Outcome::Unchanged | Outcome::Audited => None,
    }
}
