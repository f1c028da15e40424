//! What the settings ask of an image, checked and ready to be met: rules, attestor sets, signers.
//!
//! These types can only be built whole: a rule has patterns and sets, a set has entries and can be met.
//! A set as declared may take keys from the cluster; [`DeclaredSet::resolve`] makes it one that can be met.

use core::fmt::{self, Display, Formatter};
use std::collections::BTreeMap;

use serde_json::Value;

use crate::condition::{Conditions, Moment, Slsa, Unmet};
use crate::image::{BindingPattern, ImageReference, Repository, SkipPattern};
use crate::time::Time;
use crate::verify::{
    EvidenceTerms, HashAlgorithm, IdentityPattern, ImpossibleHash, OwnCertificates, PublicKey,
};

/// One rule: which images it binds, and what it asks of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// How messages call it.
    pub name: RuleName,
    /// The images it binds; at least one pattern.
    pub images: NonEmpty<BindingPattern>,
    /// The images taken out of this rule, and of this rule only.
    pub skips: Vec<SkipPattern>,
    /// Who must have signed: all of these must be met. Where there are none, there are attestations.
    pub attestors: Vec<DeclaredSet>,
    /// What must be attested: all of it. Where there is nothing, there are attestors.
    pub attestations: Vec<DeclaredAttestation>,
    /// Where signatures are looked for.
    pub format: SignatureFormat,
    /// What becomes of an image that does not meet the rule.
    pub action: FailureAction,
    /// Whether a tag is replaced by the digest that was verified.
    pub mutate_digest: bool,
    /// Whether an image that stays unpinned is refused.
    pub verify_digest: bool,
    /// Whether an index is verified by the signatures of each image in it.
    pub child_signatures: bool,
    /// Names that images may have been signed under elsewhere.
    pub signed_identities: Vec<SignedIdentity>,
}

/// Where signatures are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureFormat {
    /// In cosign's `.sig` manifest; where that does not do, in a bundle carrier.
    Any,
    /// In cosign's `.sig` manifest only.
    Cosign,
    /// In a bundle carrier only.
    SigstoreBundle,
}

/// What a rule is called: by its `name`, or by its place in the settings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleName {
    /// The rule's `name`.
    Given(String),
    /// The rule's place.
    Place(String),
}

/// What becomes of an image that does not meet a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureAction {
    /// The request is denied.
    Enforce,
    /// The request is accepted, and the denial that it would have been is logged.
    Audit,
}

/// A name under which images of this rule may have been signed elsewhere, such as before they were
/// copied to a mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedIdentity {
    /// The canonical repository begins with `from`, which is replaced by `signed_as`; the rest of the
    /// path is the same. Both end in a slash.
    Prefix {
        /// What the repository begins with here.
        from: String,
        /// What it began with where it was signed.
        signed_as: String,
    },
    /// The repository is `from`, signed as `signed_as`.
    Repository {
        /// The repository here.
        from: Repository,
        /// The repository where it was signed.
        signed_as: Repository,
    },
    /// A `docker-reference` written by `cosign sign --sign-container-identity`, whatever it says. Only
    /// for rules whose patterns name repositories.
    Verbatim(String),
}

/// Entries of which a number must be met, as the settings declare them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredSet {
    /// Where it stands in the rule, for messages.
    pub place: String,
    /// How many must be met; all where it is absent.
    pub count: Option<usize>,
    /// The entries; at least one.
    pub entries: NonEmpty<DeclaredEntry>,
}

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

/// One entry of a declared set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeclaredEntry {
    /// Somebody who signs.
    Signer(SignerRequirement),
    /// A set within the set.
    Set(DeclaredSet),
    /// Those whose keys an object of the cluster holds; each key is an entry.
    KeysFrom {
        /// Where it stands in the rule, for messages.
        place: String,
        /// The object.
        source: KeySource,
        /// What else is asked of their signatures.
        terms: SignatureTerms,
    },
}

/// An object of the cluster that holds public keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeySource {
    /// Its kind.
    pub kind: KeySourceKind,
    /// Its namespace. Written out: in the request's own, whoever may write Secrets there could choose who is
    /// trusted.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The field of its data.
    pub key: String,
}

/// The kinds of objects that hold public keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeySourceKind {
    /// A Secret, as `cosign generate-key-pair k8s://NAMESPACE/NAME` makes it.
    Secret,
    /// A ConfigMap.
    ConfigMap,
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
    Signer(Box<SignerRequirement>),
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
    /// What else is asked of the signature.
    pub terms: SignatureTerms,
}

/// Who must have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequiredIdentity {
    /// The holder of a key.
    Key(PublicKey),
    /// Whoever Sigstore's certificate authority certified to be this identity.
    Keyless(IdentityPattern),
    /// The holder of a certificate of one's own public-key infrastructure.
    Certificate(OwnCertificates),
}

/// What is asked of a signature besides who made it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SignatureTerms {
    /// Annotations it must carry.
    pub annotations: BTreeMap<String, String>,
    /// Annotations it may carry, with the values to try: a payload cannot be read, only rebuilt.
    pub known_annotations: BTreeMap<String, Vec<String>>,
    /// Where it is stored; beside the image where this is absent.
    pub repository: Option<Repository>,
    /// When it ceases to count.
    pub not_after: Option<Time>,
    /// The hash it must be over; what the key's type asks for where this is absent.
    pub hash: Option<HashAlgorithm>,
    /// What must prove who signed, and when.
    pub evidence: EvidenceTerms,
}

/// A list of at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NonEmpty<T>(Vec<T>);

/// A `count` that can never be met, or is met by nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImpossibleCount;

impl Rule {
    /// Every set of signers in the rule: of those who must have signed, and of those who must have attested.
    pub fn all_sets(&self) -> impl Iterator<Item = &DeclaredSet> {
        self.attestors.iter().chain(self.attestations.iter().flat_map(|attestation| &attestation.attestors))
    }

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

impl SignerRequirement {
    /// Whether more than the signature itself has to be verified.
    #[must_use]
    pub fn needs_evidence(&self) -> bool {
        let certified = !matches!(self.identity, RequiredIdentity::Key(_));
        certified || self.terms.evidence.asks_for_anything()
    }
}

impl SignedIdentity {
    /// The `docker-reference` that a repository's images were signed under, if this is about it.
    #[must_use]
    pub fn of(&self, repository: &Repository) -> Option<String> {
        match self {
            Self::Prefix { from, signed_as } => {
                let name = repository.to_string();
                let rest = name.strip_prefix(from)?;
                Some(Repository::parse(&format!("{signed_as}{rest}")).ok()?.cosign_name())
            }
            Self::Repository { from, signed_as } => (from == repository).then(|| signed_as.cosign_name()),
            Self::Verbatim(reference) => Some(reference.clone()),
        }
    }
}

impl DeclaredSet {
    /// The set with the keys of the cluster's objects in it, each an entry of its own.
    ///
    /// # Errors
    /// Whatever `keys` has no answer with, [`ImpossibleCount`] when the keys found do not suffice for the
    /// count, and [`ImpossibleHash`] for a key that never signs with the hash required.
    pub fn resolve<E: From<ImpossibleCount> + From<ImpossibleHash>>(
        &self,
        keys: &mut dyn FnMut(&KeySource) -> Result<Vec<PublicKey>, E>,
    ) -> Result<AttestorSet, E> {
        let mut entries = Vec::new();
        for entry in &self.entries {
            match entry {
                DeclaredEntry::Signer(signer) => entries.push(Attestor::Signer(Box::new(signer.clone()))),
                DeclaredEntry::Set(set) => entries.push(Attestor::Set(set.resolve(keys)?)),
                DeclaredEntry::KeysFrom { place, source, terms } => {
                    let keys = keys(source)?;
                    check_hash(&keys, terms)?;
                    entries
                        .extend(signers(place, keys, terms).map(|signer| Attestor::Signer(Box::new(signer))));
                }
            }
        }
        let entries = NonEmpty::new(entries).ok_or(ImpossibleCount)?;
        Ok(AttestorSet::new(self.place.clone(), entries, self.count)?)
    }

    /// What is asked of the signatures by each entry of the set and the sets within it, and where that stands.
    #[must_use]
    pub fn terms(&self) -> Vec<(&str, &SignatureTerms)> {
        self.entries
            .iter()
            .flat_map(|entry| match entry {
                DeclaredEntry::Signer(signer) => vec![(signer.place.as_str(), &signer.terms)],
                DeclaredEntry::Set(set) => set.terms(),
                DeclaredEntry::KeysFrom { place, terms, .. } => vec![(place.as_str(), terms)],
            })
            .collect()
    }

    /// Every signer the set and the sets within it name, in the order written; those whose keys the
    /// cluster holds left out.
    #[must_use]
    pub fn signers(&self) -> Vec<&SignerRequirement> {
        self.entries
            .iter()
            .flat_map(|entry| match entry {
                DeclaredEntry::Signer(signer) => vec![signer],
                DeclaredEntry::Set(set) => set.signers(),
                DeclaredEntry::KeysFrom { .. } => Vec::new(),
            })
            .collect()
    }
}

/// Whether the keys can sign with the hash that is required.
///
/// # Errors
/// [`ImpossibleHash`] for the first that cannot.
pub(crate) fn check_hash(keys: &[PublicKey], terms: &SignatureTerms) -> Result<(), ImpossibleHash> {
    terms.hash.map_or(Ok(()), |hash| keys.iter().try_for_each(|key| key.check_hash(hash)))
}

/// Several keys in one place are several signers, as in Kyverno, so that without a `count` all of them
/// must sign.
pub(crate) fn signers(
    place: &str,
    keys: Vec<PublicKey>,
    terms: &SignatureTerms,
) -> impl Iterator<Item = SignerRequirement> {
    let several = keys.len() > 1;
    keys.into_iter().enumerate().map(move |(index, key)| SignerRequirement {
        place: if several { format!("{place} key {}", index.saturating_add(1)) } else { place.to_owned() },
        identity: RequiredIdentity::Key(key),
        terms: terms.clone(),
    })
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
                Attestor::Signer(signer) => vec![&**signer],
                Attestor::Set(set) => set.signers(),
            })
            .collect()
    }
}

impl RequiredIdentity {
    /// The only key that can sign as this, if there is only one.
    pub(crate) fn key(&self) -> Option<&PublicKey> {
        match self {
            Self::Key(key) => Some(key),
            Self::Certificate(certificates) => certificates.key(),
            Self::Keyless(_) => None,
        }
    }

    /// Whether several signers may be this: a domain's people, whoever an authority certifies.
    pub(crate) fn is_several(&self) -> bool {
        match self {
            Self::Key(_) => false,
            Self::Certificate(certificates) => certificates.key().is_none(),
            Self::Keyless(identity) => !identity.is_one(),
        }
    }
}

impl<T> NonEmpty<T> {
    /// A list, unless it is empty.
    #[must_use]
    pub fn new(list: Vec<T>) -> Option<Self> {
        if list.is_empty() { None } else { Some(Self(list)) }
    }

    /// A list of one.
    #[must_use]
    pub fn one(item: T) -> Self {
        Self(vec![item])
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
            Self::Keyless(identity) => Display::fmt(identity, f),
            Self::Certificate(certificates) => Display::fmt(certificates, f),
        }
    }
}

impl Display for KeySource {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            KeySourceKind::Secret => "Secret",
            KeySourceKind::ConfigMap => "ConfigMap",
        };
        write!(f, "{kind} {}/{}", self.namespace, self.name)
    }
}
