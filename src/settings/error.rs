//! What can be wrong with settings, with the path of the field.

use core::fmt::{self, Display, Formatter};

use serde_json::Value;
use thiserror::Error;

use crate::condition::{ConditionError, SlsaError};
use crate::image::{PatternError, ReferenceError};
use crate::regex::RegexError;
use crate::text::{Shown, alternatives};
use crate::verify::{CertificateError, HashAlgorithm, ImpossibleHash, KeyError, TrustRootError};

/// One thing wrong with the settings, and where. In a box: every step of the parser returns one or none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}: {}", .0.path, .0.problem)]
pub struct SettingsError(Box<Place>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    path: String,
    problem: Problem,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// The settings are not JSON.
    #[error("not valid JSON")]
    NotJson,
    /// Longer than the limit.
    #[error("longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A value of another type than the field has.
    #[error("found {found}; allowed: {expected}")]
    Type {
        /// What was found.
        found: Found,
        /// What is allowed.
        expected: &'static str,
    },
    /// A field without a value.
    #[error("has no value; write {expected}, or remove the field")]
    NoValue {
        /// What is allowed.
        expected: &'static str,
    },
    /// A field that does not exist.
    #[error("unknown field; {what} may have: {}", allowed.join(", "))]
    UnknownField {
        /// What the mapping is.
        what: &'static str,
        /// The fields it has.
        allowed: Vec<&'static str>,
    },
    /// A field that exists elsewhere and is not supported here.
    #[error("not supported; {instead}")]
    RefusedField {
        /// What to do instead.
        instead: &'static str,
    },
    /// A field that must be there.
    #[error("missing; {what} must have it")]
    Missing {
        /// What needs it.
        what: &'static str,
    },
    /// Two fields of which one must be there.
    #[error("found neither {} nor {}; {what} must have one of them", allowed[0], allowed[1])]
    NoneOf {
        /// What needs one.
        what: &'static str,
        /// The fields.
        allowed: [&'static str; 2],
    },
    /// A list or text that must not be empty.
    #[error("empty; at least one is needed, or nothing would be checked")]
    Empty,
    /// Too many of something.
    #[error("{found} of them; at most {limit} are allowed")]
    TooMany {
        /// How many there are.
        found: usize,
        /// How many may be.
        limit: usize,
    },
    /// Sets within sets, too deep.
    #[error("attestor sets nested deeper than {limit}")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// A text that is none of those allowed.
    #[error("found `{}`; allowed: {}", Shown(found), alternatives(allowed.iter().copied()))]
    Value {
        /// What was found.
        found: String,
        /// What is allowed.
        allowed: Vec<&'static str>,
    },
    /// An entry that says not exactly one thing.
    #[error("found {found}; exactly one of {} is allowed", alternatives(allowed.iter().copied()))]
    NotExactlyOne {
        /// How many of them were found.
        found: usize,
        /// What is allowed.
        allowed: Vec<&'static str>,
    },
    /// A count that can never be met, or is met by nothing.
    #[error("found {found}; allowed: 1 to {entries}, the number of entries{}", expanded(*entries, *written))]
    Count {
        /// The count.
        found: u64,
        /// The number of entries it counts.
        entries: usize,
        /// The number of entries written, before keys in one block are taken apart.
        written: usize,
    },
    /// A name no rule can have.
    #[error("found `{}`; allowed: 1 to 63 letters, digits, `-`, `_` or `.`", Shown(.0))]
    RuleName(String),
    /// A text that is no repository.
    #[error("found `{}`; allowed: a repository without tag or digest ({error})", Shown(found))]
    Repository {
        /// What was found.
        found: String,
        /// What is wrong with it.
        error: ReferenceError,
    },
    /// A text that is no digest.
    #[error("found `{}`; allowed: `sha256:` and 64 lower-case hexadecimal digits", Shown(.0))]
    Digest(String),
    /// A text that is no point in time.
    #[error("found `{}`; allowed: a time in UTC such as 2027-01-31T00:00:00Z", Shown(.0))]
    Time(String),
    /// A text that is no duration, or one that makes no sense here.
    #[error("found `{}`; allowed: 100ms to 30s, such as 1500ms or 4s", Shown(.0))]
    Duration(String),
    /// A text that names no object of the cluster.
    #[error("found `{}`; allowed: names of Kubernetes objects, k8s://NAMESPACE/NAME", Shown(.0))]
    ObjectName(String),
    /// A variable of Kyverno, in a place where nothing replaces it.
    #[error("variables are not replaced here; write the value")]
    Variable,
    /// A condition that cannot be meant.
    #[error(transparent)]
    Condition(#[from] ConditionError),
    /// What cannot be asked of a provenance.
    #[error(transparent)]
    Slsa(#[from] SlsaError),
    /// An identity, or a mapping of names, that cannot be meant.
    #[error("found `{}`; {why}", Shown(found))]
    Identity {
        /// What was found.
        found: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A rule that would change what it only audits, as Kyverno refuses it.
    #[error("`Audit` needs `mutateDigest: false`: what is not verified is not changed")]
    AuditMutates,
    /// A kind that cannot have an extractor, or a path that is none.
    #[error("found `{}`; {why}", Shown(found))]
    Extractor {
        /// What was found.
        found: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Two rules of one name.
    #[error("the same name as {first}")]
    DuplicateName {
        /// The path of the first.
        first: String,
    },
    /// A pattern that is none, or cannot be meant.
    #[error("`{}`: {error}", Shown(pattern))]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        error: PatternError,
    },
    /// A key that is none, or is not supported.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What should be certificates.
    #[error("{0}")]
    Certificate(#[from] CertificateError),
    /// A trust root that cannot be used.
    #[error("{0}")]
    TrustRoot(#[from] TrustRootError),
    /// A regular expression that is none.
    #[error("found `{}`; {error}", Shown(found))]
    Regex {
        /// What was found.
        found: String,
        /// What is wrong with it.
        error: RegexError,
    },
    /// Signatures that nothing would date.
    #[error(
        "without a log entry nothing proves when it was signed; write `ctlog.tsaCertChain` for timestamps, or remove \
         this field"
    )]
    NoProvenTime,
    /// A hash that the key's type never signs with.
    #[error("found {0}")]
    Hash(#[from] ImpossibleHash),
    /// Two hashes for the same keys.
    #[error("found `{found}`, but {first} says `{wanted}`; write one of them")]
    OtherHash {
        /// The hash here.
        found: HashAlgorithm,
        /// The path of the first.
        first: String,
        /// The hash there.
        wanted: HashAlgorithm,
    },
    /// The same key or identity twice in one set, where two signers are counted.
    #[error("the same signer as {first}; each signer counts once")]
    DuplicateKey {
        /// The path of the first.
        first: String,
    },
    /// A key that is not compiled into this module.
    #[error("`builtin:{}` is not in this module's keyring; it has: {}", Shown(name), names(known))]
    UnknownBuiltinKey {
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// A whole Kubernetes object where the settings belong.
    #[error("this is a whole {}; {}", Shown(kind), instead_of(kind))]
    WholeObject {
        /// Its kind.
        kind: String,
    },
    /// Both dialects, or neither.
    #[error(
        "found {found}; write either `verifyImages` (Kyverno's) or `signatures` (those of verify-image-signatures)"
    )]
    Dialect {
        /// What was found.
        found: &'static str,
    },
}

/// What was found, without the content: it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// A text.
    Text,
    /// A list.
    List,
    /// A mapping.
    Mapping,
}

impl SettingsError {
    pub(super) fn at(path: impl Into<String>, problem: Problem) -> Self {
        Self(Box::new(Place { path: path.into(), problem }))
    }

    /// Where: the path of the field, such as `verifyImages[0].attestors[0].count`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.0.problem
    }
}

impl Found {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::Text,
            Value::Array(_) => Self::List,
            Value::Object(_) => Self::Mapping,
        }
    }
}

impl Display for Found {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "nothing",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::List => "a list",
            Self::Mapping => "a mapping",
        })
    }
}

fn instead_of(kind: &str) -> &'static str {
    match kind {
        "ClusterAdmissionPolicy" | "AdmissionPolicy" => "the settings are what stands under `spec.settings`",
        _ => "convert it with `sigwarden convert`, or write the `verifyImages` list of its rule alone",
    }
}

fn expanded(entries: usize, written: usize) -> &'static str {
    if entries == written { "" } else { " once each key in a block is an entry" }
}

fn names(known: &[&'static str]) -> String {
    if known.is_empty() { "no keys".to_owned() } else { known.join(", ") }
}
