//! The verdict: one outcome for each image, or the reasons why not.

mod event;
mod message;
mod patch;
mod response;

use thiserror::Error;

pub use event::event;
pub use message::denial;
pub use response::{settings_response, validation_response};

use crate::image::{ImageDigest, ImageReference, ReferenceError};
use crate::registry::{KeySourceError, RegistryError};
use crate::requirement::{Rule, RuleName};
use crate::settings::SettingsError;
use crate::time::Time;
use crate::verify::{Unmet, VerifiedImage};
use crate::workload::{ImageSite, RequestError, RunsNothing, WorkloadError};

/// What is decided on a request.
#[must_use]
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// Every image is verified, or needs no verification.
    Accept(Accepted),
    /// At least one image is not.
    Deny(Denied),
}

/// An accepted request: every image site has an outcome, none a failure.
#[must_use]
#[derive(Debug, PartialEq)]
pub struct Accepted(Why);

#[derive(Debug, PartialEq)]
enum Why {
    RunsNothing(RunsNothing),
    Images(Vec<(ImageSite, ImageOutcome)>),
}

/// The outcome of one image that does not stand in the way.
#[must_use]
#[derive(Debug, PartialEq)]
pub struct ImageOutcome {
    /// The image.
    pub reference: ImageReference,
    /// Why it does not.
    pub outcome: Outcome,
    /// What is changed at its place.
    pub change: Change,
    /// What rules that only audit would have denied.
    pub would_deny: Vec<Failure>,
}

/// What is changed at the place of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Change {
    /// The digest is written into the image.
    pub pin: bool,
    /// The digest is not written now: this policy does so when the Pod is created.
    pub pin_later: bool,
    /// The image is always pulled.
    pub pull_always: bool,
}

/// Why an image does not stand in the way.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// Every rule that binds it is met.
    Verified(VerifiedImage),
    /// Every rule that names it skips it.
    Exempt,
    /// No rule names it, and the settings let it pass.
    Unmatched {
        /// Whether to warn.
        warn: bool,
    },
    /// An exception stands for it.
    Excepted {
        /// The digest the exception names.
        digest: ImageDigest,
        /// Until when.
        until: Time,
        /// Why.
        reason: String,
    },
    /// It is pinned, the UPDATE does not change it, and the settings let that pass.
    Unchanged,
    /// Only rules that audit bind it.
    Audited,
}

/// A denied request.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// The request as a whole cannot be judged.
    Object(ObjectReason),
    /// These images failed; at least one.
    Images {
        /// The images that failed.
        failures: Vec<(ImageSite, Failure)>,
        /// How many did not.
        passed: usize,
    },
}

/// Why a request cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ObjectReason {
    /// It is no request.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The settings are not understood.
    #[error("the policy's settings are not valid: {0}")]
    Settings(#[from] SettingsError),
    /// Its images cannot be told.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
}

/// Why an image failed, and as far as that is known, for which rule and at which digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    reason: Reason,
    rule: Option<RuleName>,
    digest: Option<ImageDigest>,
}

/// Why an image failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Reason {
    /// It is no image reference.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// No rule names it, and the settings deny that.
    #[error(
        "{} names this image, and `unmatchedImages` is `deny`",
        if *audited { "no rule but what only audits" } else { "no rule" }
    )]
    Unmatched {
        /// Whether rules that only audit do.
        audited: bool,
    },
    /// It stays unpinned, and the rule refuses that.
    #[error("a tag where a digest is required: what runs must be what was verified")]
    Unpinned,
    /// No signature is attached that we can read.
    #[error("no signature this policy can read")]
    NoSignature {
        /// Whether something that only cosign 3 writes is stored for the image.
        cosign_3: bool,
    },
    /// What is attested of it is there, and no signature.
    #[error("attested, not signed: an attestation is no signature of the image")]
    AttestedOnly,
    /// It is revoked.
    #[error("this image is revoked")]
    Revoked,
    /// The keys of the rule cannot be had.
    #[error(transparent)]
    Keys(#[from] KeySourceError),
    /// An image of the index failed.
    #[error("image {} of the index: {reason}", digest.short())]
    Child {
        /// The image.
        digest: ImageDigest,
        /// Why.
        reason: Box<Reason>,
    },
    /// Its signatures do not meet the rule, or too many would have to be verified.
    #[error(transparent)]
    Unmet(#[from] Unmet),
    /// The registry has no answer.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A proof is missing although no check failed: a mistake of ours, and never an acceptance.
    #[error("not every rule was checked; please report this")]
    Incomplete,
}

/// Which of the two denials it is. The code becomes a metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denial {
    /// It could not be decided: registry, time, limits.
    Undecided,
    /// We decided no.
    Rejected,
}

impl Verdict {
    /// The verdict on an object: accepted only if every image has an outcome.
    pub(crate) fn of_images(images: Vec<(ImageSite, Result<ImageOutcome, Failure>)>) -> Self {
        let mut passed = Vec::new();
        let mut failures = Vec::new();
        for (site, outcome) in images {
            match outcome {
                Ok(outcome) => passed.push((site, outcome)),
                Err(failure) => failures.push((site, failure)),
            }
        }
        if failures.is_empty() && !passed.is_empty() {
            Self::Accept(Accepted(Why::Images(passed)))
        } else {
            Self::Deny(Denied::Images { failures, passed: passed.len() })
        }
    }
}

impl Accepted {
    /// A request that runs no new image.
    pub(crate) fn runs_nothing(why: RunsNothing) -> Self {
        Self(Why::RunsNothing(why))
    }

    /// Why nothing had to be verified, where that is so.
    #[must_use]
    pub fn why_nothing(&self) -> Option<RunsNothing> {
        match &self.0 {
            Why::RunsNothing(why) => Some(*why),
            Why::Images(_) => None,
        }
    }

    /// The images and their outcomes; none where the request runs nothing.
    pub fn images(&self) -> &[(ImageSite, ImageOutcome)] {
        match &self.0 {
            Why::RunsNothing(_) => &[],
            Why::Images(images) => images,
        }
    }
}

impl ImageOutcome {
    pub(crate) fn unchanged(reference: ImageReference, outcome: Outcome) -> Self {
        Self { reference, outcome, change: Change::default(), would_deny: Vec::new() }
    }

    pub(crate) fn with(self, would_deny: Vec<Failure>) -> Self {
        Self { would_deny, ..self }
    }
}

impl Denied {
    /// A request that cannot be judged.
    pub fn object(reason: impl Into<ObjectReason>) -> Self {
        Self::Object(reason.into())
    }

    /// Rejected if anything was, undecided otherwise.
    #[must_use]
    pub fn denial(&self) -> Denial {
        match self {
            Self::Object(
                ObjectReason::Request(RequestError::TooLong | RequestError::TooMuch)
                | ObjectReason::Workload(WorkloadError::TooManyImages { .. } | WorkloadError::LongPlace(_)),
            ) => Denial::Undecided,
            Self::Object(_) => Denial::Rejected,
            Self::Images { failures, .. } => {
                failures.iter().map(|(_, failure)| failure.reason.denial()).max().unwrap_or(Denial::Rejected)
            }
        }
    }
}

impl Failure {
    pub(crate) fn of(reason: impl Into<Reason>) -> Self {
        Self { reason: reason.into(), rule: None, digest: None }
    }

    pub(crate) fn by(mut self, rule: &Rule) -> Self {
        self.rule = Some(rule.name.clone());
        self
    }

    pub(crate) fn at(mut self, digest: ImageDigest) -> Self {
        self.digest = Some(digest);
        self
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// The rule that is not met.
    #[must_use]
    pub fn rule(&self) -> Option<&RuleName> {
        self.rule.as_ref()
    }

    /// The digest that was looked at.
    #[must_use]
    pub fn digest(&self) -> Option<ImageDigest> {
        self.digest
    }
}

impl Reason {
    fn denial(&self) -> Denial {
        match self {
            Self::Child { reason, .. } => reason.denial(),
            Self::Registry(_)
            | Self::Incomplete
            | Self::Keys(KeySourceError::NotReadable { .. } | KeySourceError::OutOfTime(_))
            | Self::Unmet(
                Unmet::TooManyVerifications
                | Unmet::OutOfTime
                | Unmet::TooManyAssignments
                | Unmet::TooManyCandidates
                | Unmet::NoProof,
            ) => Denial::Undecided,
            Self::Reference(_)
            | Self::Unmatched { .. }
            | Self::Unpinned
            | Self::NoSignature { .. }
            | Self::AttestedOnly
            | Self::Revoked
            | Self::Keys(
                KeySourceError::NoField { .. }
                | KeySourceError::Key { .. }
                | KeySourceError::TooFewKeys
                | KeySourceError::Hash(_),
            )
            | Self::Unmet(Unmet::Shortfall(_) | Unmet::Unattested(_)) => Denial::Rejected,
        }
    }
}

impl Denial {
    /// The HTTP status code.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Rejected => 403,
            Self::Undecided => 503,
        }
    }
}
