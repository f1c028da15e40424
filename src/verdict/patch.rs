//! The mutation: digests written into the raw object, everything else left as it came.

use serde_json::Value;

use super::{Accepted, Outcome};

/// The object with every image pinned that is to be, or nothing where none is.
///
/// The raw JSON is edited, not a typed object: fields newer than any schema we know survive.
pub(super) fn mutated(object: &Value, accepted: &Accepted) -> Option<Value> {
    let mut mutated = None;
    for (site, image) in accepted.images() {
        if let Outcome::Verified { image: verified, pin: true } = &image.outcome {
            let object = mutated.get_or_insert_with(|| object.clone());
            if let Some(place) = object.pointer_mut(site.pointer()) {
                *place = Value::from(image.reference.pinned_to(verified.digest()));
            }
        }
    }
    mutated
}
