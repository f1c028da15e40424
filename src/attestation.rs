//! What the settings ask to be attested of an image.

use serde_json::Value;

use crate::condition::{Conditions, Moment, Slsa, Unmet};
use crate::requirement::{DeclaredSet, NonEmpty};

/// An attestation that an image must have: one that is of this type, by these, and says this, all at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredAttestation {
    /// Where it stands in the rule, for messages.
    pub place: String,
    /// The type of its predicate, exactly.
    pub predicate_type: String,
    /// All of these must be met; at least one.
    pub attestors: NonEmpty<DeclaredSet>,
    /// What its predicate must say.
    pub conditions: Option<Conditions>,
    /// What its predicate must say as a provenance.
    pub slsa: Option<Slsa>,
}

impl DeclaredAttestation {
    /// Checks what a predicate says. Who said it is not asked here, nor whether its type is the one wanted.
    ///
    /// # Errors
    /// [`Unmet`] for the first condition that is not met.
    pub fn check_predicate(&self, predicate: &Value, moment: Moment) -> Result<(), Unmet> {
        self.slsa.iter().try_for_each(|slsa| slsa.check(predicate))?;
        self.conditions.iter().try_for_each(|conditions| conditions.check(predicate, moment))
    }
}
