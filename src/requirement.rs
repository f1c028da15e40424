//! What the settings ask of an image, checked and ready to be met: rules, attestor sets, attestors.
//!
//! These types can only be built whole: a rule has patterns and sets, a set has entries and can be met.

use core::fmt::{self, Display, Formatter};

use crate::image::{BindingPattern, ImageReference, SkipPattern};
use crate::verify::PublicKey;

/// One rule: which images it binds, and what it asks of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// How messages call it.
    pub name: RuleName,
    /// The images it binds; at least one pattern.
    pub images: NonEmpty<BindingPattern>,
    /// The images taken out of this rule, and of this rule only.
    pub skips: Vec<SkipPattern>,
    /// All of these must be met; at least one.
    pub attestors: NonEmpty<AttestorSet>,
    /// Whether a tag is replaced by the digest that was verified.
    pub mutate_digest: bool,
    /// Whether an image that stays unpinned is refused.
    pub verify_digest: bool,
}

/// What a rule is called: by its `name`, or by its place in the settings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleName {
    /// The rule's `name`.
    Given(String),
    /// The rule's place.
    Place(String),
}

/// Entries of which a number must be met, each by a signer of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestorSet {
    place: String,
    required: usize,
    entries: NonEmpty<Attestor>,
}

/// One entry of an attestor set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attestor {
    /// Somebody who signs.
    Signer(SignerRequirement),
    /// A set within the set.
    Set(AttestorSet),
}

/// What one signature must satisfy, all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerRequirement {
    /// Where it stands in the rule, for messages.
    pub place: String,
    /// Who must have signed.
    pub identity: RequiredIdentity,
}

/// Who must have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequiredIdentity {
    /// The holder of a key.
    Key(PublicKey),
}

/// A list of at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NonEmpty<T>(Vec<T>);

/// A `count` that can never be met, or is met by nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImpossibleCount;

impl Rule {
    /// Whether one of the rule's patterns binds the image, skips aside.
    #[must_use]
    pub fn names(&self, image: &ImageReference) -> bool {
        self.images.iter().any(|pattern| pattern.binds(image))
    }

    /// Whether the image is taken out of this rule.
    #[must_use]
    pub fn skips(&self, image: &ImageReference) -> bool {
        self.skips.iter().any(|pattern| pattern.skips(image))
    }
}

impl AttestorSet {
    /// A set of which `count` entries must be met, all where `count` is absent.
    ///
    /// # Errors
    /// [`ImpossibleCount`] for a count of zero, which anything would meet, and for one above the number
    /// of entries, which nothing could.
    pub fn new(
        place: String,
        entries: NonEmpty<Attestor>,
        count: Option<usize>,
    ) -> Result<Self, ImpossibleCount> {
        let required = count.unwrap_or(entries.len());
        if required == 0 || required > entries.len() {
            return Err(ImpossibleCount);
        }
        Ok(Self { place, required, entries })
    }

    /// Where the set stands in the rule.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// How many entries must be met: between one and their number.
    #[must_use]
    pub fn required(&self) -> usize {
        self.required
    }

    /// The entries.
    #[must_use]
    pub fn entries(&self) -> &[Attestor] {
        &self.entries.0
    }

    /// Every signer the set and the sets within it name, in the order written.
    #[must_use]
    pub fn signers(&self) -> Vec<&SignerRequirement> {
        self.entries
            .iter()
            .flat_map(|entry| match entry {
                Attestor::Signer(signer) => vec![signer],
                Attestor::Set(set) => set.signers(),
            })
            .collect()
    }
}

impl<T> NonEmpty<T> {
    /// A list, unless it is empty.
    #[must_use]
    pub fn new(list: Vec<T>) -> Option<Self> {
        if list.is_empty() { None } else { Some(Self(list)) }
    }

    /// The items.
    pub fn iter(&self) -> core::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// Their number, at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<'a, T> IntoIterator for &'a NonEmpty<T> {
    type Item = &'a T;
    type IntoIter = core::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Display for RuleName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(name) => write!(f, "\"{name}\""),
            Self::Place(place) => f.write_str(place),
        }
    }
}

impl Display for RequiredIdentity {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "key {}", key.fingerprint()),
        }
    }
}
