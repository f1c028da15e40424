//! Which identities a rule wants, and which count for nothing.

use core::fmt::{self, Display, Formatter};

use super::Fingerprint;
use super::sigstore::{EvidenceError, Identity, SigningCertificate};
use crate::regex::AnchoredRegex;
use crate::text::{Shown, matches_before_at, wildcard};

/// What an identity must be. All of it must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityPattern {
    /// Who must have vouched for it.
    pub issuer: Vec<TextPattern>,
    /// Who it must be.
    pub subject: Vec<TextPattern>,
    /// What else its certificate must say, by Fulcio's extension; `*` and `?` are wildcards, as Kyverno has it.
    pub claims: Vec<(Claim, String)>,
}

/// What a text must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextPattern {
    /// This text.
    Exact(String),
    /// A text with `*` for any characters and `?` for one byte, from beginning to end; before an `@` of its own, for any
    /// but that.
    Wildcard(String),
    /// A text that the whole expression matches.
    Regex(AnchoredRegex),
    /// A URL below this one: a slash follows.
    Below(String),
}

/// A claim of Fulcio's about a build (its oid-info.md): `1.3.6.1.4.1.57264.1.` and this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// As the settings call it.
    pub name: &'static str,
    /// The last arc of its object identifier.
    pub number: u32,
}

/// Keys and identities whose signatures count for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RevokedSigners {
    /// Keys.
    pub keys: Vec<Fingerprint>,
    /// Identities; a part that is left out is any.
    pub identities: Vec<IdentityPattern>,
}

/// Why an identity is not the one that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// Somebody else.
    Identity,
    /// The right one, with another claim.
    Claim { name: &'static str, wanted: String, found: Option<String> },
}

impl IdentityPattern {
    /// Whether only one identity can be this: one issuer and one subject, written out.
    pub(crate) fn is_one(&self) -> bool {
        let is_one = |patterns: &[TextPattern]| {
            patterns.iter().any(|pattern| match pattern {
                TextPattern::Exact(_) => true,
                TextPattern::Wildcard(text) => !text.contains(['*', '?']),
                TextPattern::Regex(_) | TextPattern::Below(_) => false,
            })
        };
        is_one(&self.issuer) && is_one(&self.subject)
    }

    fn names(&self, identity: &Identity, matches: fn(&TextPattern, &str) -> bool) -> bool {
        self.issuer.iter().all(|pattern| matches(pattern, identity.issuer()))
            && self.subject.iter().all(|pattern| matches(pattern, identity.subject()))
    }

    /// Whether the certificate says what is wanted; `None` if it does.
    pub(super) fn mismatch(
        &self,
        identity: &Identity,
        certificate: &SigningCertificate,
    ) -> Result<Option<Mismatch>, EvidenceError> {
        if !self.names(identity, TextPattern::matches) {
            return Ok(Some(Mismatch::Identity));
        }
        for (claim, wanted) in &self.claims {
            let found = certificate.claim(claim.number)?;
            if !found.as_ref().is_some_and(|found| wildcard(wanted, found)) {
                return Ok(Some(Mismatch::Claim { name: claim.name, wanted: wanted.clone(), found }));
            }
        }
        Ok(None)
    }
}

impl RevokedSigners {
    pub(super) fn has_key(&self, key: Fingerprint) -> bool {
        self.keys.contains(&key)
    }

    pub(super) fn has_identity(&self, identity: &Identity) -> bool {
        self.identities.iter().any(|revoked| revoked.names(identity, TextPattern::may_match))
    }
}

impl TextPattern {
    /// Whether a text is what is wanted.
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Wildcard(pattern) => matches_before_at(wildcard, pattern, text),
            Self::Exact(_) | Self::Regex(_) | Self::Below(_) => self.may_match(text),
        }
    }

    /// The same with wildcards that stand for everything: to revoke too much is no hole.
    fn may_match(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => text == exact,
            Self::Wildcard(pattern) => wildcard(pattern, text),
            Self::Regex(regex) => regex.is_match(text),
            Self::Below(base) => text.strip_prefix(base).is_some_and(|rest| rest.starts_with('/')),
        }
    }
}

/// `subject "…" by issuer "…"`
impl Display for IdentityPattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let list = |patterns: &[TextPattern]| {
            let texts: Vec<String> = patterns.iter().map(ToString::to_string).collect();
            texts.join(" and ")
        };
        write!(f, "subject {} of issuer {}", list(&self.subject), list(&self.issuer))?;
        for (claim, value) in &self.claims {
            write!(f, " with {} `{}`", claim.name, Shown(value))?;
        }
        Ok(())
    }
}

impl Display for TextPattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) | Self::Wildcard(text) => write!(f, "`{}`", Shown(text)),
            Self::Regex(regex) => write!(f, "/{}/", Shown(regex.as_str())),
            Self::Below(base) => write!(f, "`{}/*`", Shown(base)),
        }
    }
}

/// `https://github.com/acme/… (https://token.actions.githubusercontent.com)`
impl Display for Identity {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (issuer `{}`)", Shown(self.subject()), Shown(self.issuer()))
    }
}
