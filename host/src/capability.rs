//! Which host capabilities a policy was granted.

use std::str::FromStr;
use thiserror::Error;

/// The operations that can be granted, as the real host lists them.
const OPERATIONS: [&str; 11] = [
    "crypto/v1/is_certificate_trusted",
    "kubernetes/can_i",
    "kubernetes/get_resource",
    "kubernetes/list_resources_all",
    "kubernetes/list_resources_by_namespace",
    "net/v1/dns_lookup_host",
    "oci/v1/manifest_digest",
    "oci/v1/oci_manifest",
    "oci/v1/oci_manifest_config",
    "oci/v1/verify",
    "oci/v2/verify",
];

/// A set of granted capabilities. The empty one, the default, grants nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Grants(Vec<Pattern>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Pattern {
    All,
    Exact(String),
    /// With the slash at its end, so that `oci/*` does not grant `ocix/…`.
    Prefix(String),
}

/// Why a pattern was refused.
#[derive(Debug, Eq, Error, PartialEq)]
pub enum PatternError {
    /// Nothing was written.
    #[error("a host capability pattern cannot be empty")]
    Empty,
    /// A `*` somewhere other than after the last slash.
    #[error(
        "invalid host capability pattern `{0}`: the wildcard must be the whole last segment, as in `oci/*`"
    )]
    Wildcard(String),
    /// Grants nothing that exists.
    #[error("host capability pattern `{0}` matches no capability: the host has {list}", list = OPERATIONS.join(", "))]
    Unknown(String),
}

impl Grants {
    /// Everything, which is what the Kubewarden controller grants to a ClusterAdmissionPolicy.
    #[must_use]
    pub fn all() -> Self {
        Self(vec![Pattern::All])
    }

    /// Reads a list of patterns: `*`, `oci/*`, `oci/v1/*` or an exact capability.
    ///
    /// # Errors
    ///
    /// Fails for a pattern that is malformed or that can match nothing.
    pub fn new(patterns: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, PatternError> {
        patterns.into_iter().map(|pattern| pattern.as_ref().parse()).collect::<Result<_, _>>().map(Self)
    }

    /// Whether `capability` (`NAMESPACE/OPERATION`) is granted.
    #[must_use]
    pub fn allows(&self, capability: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(capability))
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let pattern = match text.strip_suffix('*') {
            _ if text.is_empty() => return Err(PatternError::Empty),
            Some("") => return Ok(Self::All),
            Some(prefix) if prefix.ends_with('/') && !prefix.contains('*') => Self::Prefix(prefix.to_owned()),
            Some(_) => return Err(PatternError::Wildcard(text.to_owned())),
            None if text.contains('*') => return Err(PatternError::Wildcard(text.to_owned())),
            None => Self::Exact(text.to_owned()),
        };
        if OPERATIONS.iter().any(|operation| pattern.matches(operation)) {
            Ok(pattern)
        } else {
            Err(PatternError::Unknown(text.to_owned()))
        }
    }
}

impl Pattern {
    fn matches(&self, capability: &str) -> bool {
        match self {
            Self::All => true,
            Self::Exact(exact) => exact == capability,
            Self::Prefix(prefix) => capability.starts_with(prefix.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_granted_by_default() {
        assert!(!Grants::default().allows("oci/v1/manifest_digest"));
        assert_eq!(Grants::new([""; 0]), Ok(Grants::default()));
    }

    #[test]
    fn a_pattern_grants_what_it_names() {
        for (pattern, granted, denied) in [
            ("*", "kubernetes/can_i", None),
            ("oci/*", "oci/v2/verify", Some("kubernetes/can_i")),
            ("oci/v1/*", "oci/v1/oci_manifest", Some("oci/v2/verify")),
            ("oci/v1/oci_manifest", "oci/v1/oci_manifest", Some("oci/v1/oci_manifest_config")),
        ] {
            let grants = Grants::new([pattern]).unwrap();
            assert!(grants.allows(granted), "{pattern} {granted}");
            assert!(denied.is_none_or(|denied| !grants.allows(denied)), "{pattern} {denied:?}");
        }
    }

    #[test]
    fn a_pattern_that_grants_nothing_is_a_mistake() {
        assert_eq!(Grants::new([" "]), Err(PatternError::Empty));
        for wrong in ["oci*", "oci/v1/oci_*", "*/v1/verify", "oci/*/*"] {
            assert_eq!(Grants::new([wrong]), Err(PatternError::Wildcard(wrong.to_owned())));
        }
        for wrong in ["oci", "oci/v1", "oci/v3/*", "registry/*", "tracing/log"] {
            assert_eq!(Grants::new([wrong]), Err(PatternError::Unknown(wrong.to_owned())));
        }
    }
}
