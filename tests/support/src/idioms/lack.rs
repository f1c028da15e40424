//! What is missing from an image, as a test expects it.

use sigwarden::condition::{Finding, Unmet as NotSaid, UnmetCondition};
use sigwarden::verdict::Reason;
use sigwarden::verify::{Shortfall, Unattested, Unmet};

/// What is missing from an image that is refused, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Nothing is there that could be a signature.
    NoSignature,
    /// There are signatures, and not those that are wanted.
    Signers,
    /// What is wanted is attested, and nothing is signed.
    AttestedOnly,
    /// An attestation of this type is wanted.
    Unattested(String, Attested),
    /// A digest in place of the tag.
    Digest,
}

/// Why what is attested does not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attested {
    /// Nobody attests anything of the kind.
    ByNobody,
    /// It is somebody else who does.
    ByOthers,
    /// Whoever is wanted attests something else.
    OfAnotherType,
    /// What is said does not meet this condition, of those that all must be met.
    Saying(Said),
    /// What is said meets none of these, of which one must be met: where they stand, and each.
    SayingNoneOf(String, Vec<Said>),
}

/// A condition, and what was found in place of what it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Where it stands in the attestation.
    pub place: String,
    /// Its key.
    pub key: String,
    /// Its operator.
    pub operator: &'static str,
    /// Its value.
    pub value: String,
    /// The value found, as messages show it.
    pub found: String,
}

impl Lack {
    /// What a denial says is missing.
    ///
    /// # Panics
    /// If it is something else than any of these.
    #[must_use]
    pub fn of(reason: &Reason) -> Self {
        if let Reason::NoSignature { cosign_3: false } = reason {
            return Self::NoSignature;
        }
        if let Reason::Unmet(Unmet::Shortfall(shortfall)) = reason {
            assert!(!shortfall.missing.is_empty(), "{shortfall:?}");
            return Self::Signers;
        }
        if let Reason::Unmet(Unmet::Unattested(unattested)) = reason {
            assert_eq!(unattested.place, "attestations[0]", "{unattested:?}");
            return Self::Unattested(unattested.predicate_type.clone(), Attested::of(unattested));
        }
        assert!(matches!(reason, Reason::AttestedOnly | Reason::Unpinned), "{reason:?}");
        if *reason == Reason::Unpinned { Self::Digest } else { Self::AttestedOnly }
    }
}

impl Attested {
    fn of(unattested: &Unattested) -> Self {
        match (&unattested.shortfall, &unattested.condition) {
            (None, None) => Self::ByNobody,
            (Some(_), Some(NotSaid::Condition(condition))) => Self::Saying(Said::of(condition)),
            (Some(_), Some(NotSaid::NoneOf { place, unmet })) => {
                Self::SayingNoneOf(place.clone(), unmet.iter().map(Said::of).collect())
            }
            (Some(shortfall), None) => Self::of_shortfall(shortfall),
            (None, Some(_)) | (_, Some(NotSaid::Slsa { .. })) => panic!("{unattested:?}"),
        }
    }

    fn of_shortfall(shortfall: &Shortfall) -> Self {
        assert_eq!((shortfall.attached.for_this_image, shortfall.missing.len()), (1, 1), "{shortfall:?}");
        match shortfall.attached.other_bundles {
            0 => Self::ByOthers,
            _ => Self::OfAnotherType,
        }
    }
}

impl Said {
    fn of(unmet: &UnmetCondition) -> Self {
        let UnmetCondition { place, key, operator, value, found } = unmet;
        let Finding::Value(found) = found else { panic!("{unmet:?}") };
        Self {
            place: place.clone(),
            key: key.clone(),
            operator,
            value: value.clone(),
            found: found.to_string(),
        }
    }
}
