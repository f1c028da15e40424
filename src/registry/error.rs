//! Why the registry has no answer, sorted by what a person would do about it.

use core::time::Duration;

use thiserror::Error;

use super::index::IndexError;
use crate::attached::{CarrierError, ManifestError};
use crate::text::Shown;

/// The host's words for a call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostError(pub String);

/// Why there is no answer. Only [`RegistryError::NoSuchManifest`] says something about the image; with
/// all others nothing can be decided.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RegistryError {
    /// The registry has nothing under that name.
    #[error("the registry has no such image")]
    NoSuchManifest,
    /// The registry wants credentials, or other ones.
    #[error("the registry does not let the policy-server read it ({}); check its imagePullSecret", Shown(.0))]
    NotAuthorised(String),
    /// The registry limits how often it is asked.
    #[error("the registry limits the rate of requests ({}); try again, or give the policy-server credentials", Shown(.0))]
    RateLimited(String),
    /// The registry cannot be reached.
    #[error("the registry cannot be reached ({})", Shown(.0))]
    Unreachable(String),
    /// The host does not let this policy ask.
    #[error(
        "the policy may not ask the registry; grant it the host capabilities `oci/v1/manifest_digest`, \
         `oci/v1/oci_manifest` and `oci/v1/oci_manifest_config`"
    )]
    NotGranted,
    /// Anything else, in the host's words.
    #[error("the registry's answer was: {}", Shown(.0))]
    Other(String),
    /// An answer that is not what was asked for.
    #[error("the registry's answer is not what was asked for")]
    NotUnderstood,
    /// An answer longer than the limit.
    #[error("the registry's answer is longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A signature manifest that cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A carrier that cannot be used.
    #[error(transparent)]
    Carrier(#[from] CarrierError),
    /// An index that cannot be used.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// No time left to ask.
    #[error("out of time: `evaluationBudget` is {} ms", .0.as_millis())]
    OutOfTime(Duration),
}

/// The host hands on no error code, only text: its own first line, in which the registry's free text
/// stands. A wrong guess here changes the words of a denial, never the denial.
impl From<HostError> for RegistryError {
    fn from(error: HostError) -> Self {
        let first_line = error.0.lines().next().unwrap_or_default();
        let line = without_credentials(
            first_line
                .trim_start_matches("Host error: ")
                .trim_start_matches("Callback evaluation failure: ")
                .trim_start_matches("Fail to interact with OCI registry: "),
        );
        // Not the URL, in which the image's name stands: it is no reason, whatever it is.
        let words = line.split(' ').filter(|word| !word.contains("://"));
        let lower = words.collect::<Vec<_>>().join(" ").to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if says(&["has not been granted access"]) {
            Self::NotGranted
        } else if says(&["toomanyrequests", "too many requests", "rate limit", "code: 429"]) {
            Self::RateLimited(line)
        } else if says(&[
            "not authorized",
            "unauthorized",
            "authentication",
            "denied",
            "code: 401",
            "code: 403",
        ]) {
            Self::NotAuthorised(line)
        } else if says(&[
            "error sending request",
            "connection",
            "timed out",
            "timeout",
            "dns error",
            "unreachable",
        ]) {
            // Before what is not there: a host that cannot be resolved is "not found" as well.
            Self::Unreachable(line)
        } else if says(&["manifest unknown", "manifest not found", "name unknown", "not found", "code: 404"])
        {
            Self::NoSuchManifest
        } else {
            Self::Other(line)
        }
    }
}

/// Takes user information, queries and fragments out of URLs: they may hold a password or a token. What is
/// no well-formed URL loses rather more than less.
fn without_credentials(line: &str) -> String {
    let clean = |word: &str| {
        let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
        let rest = rest.rsplit_once('@').map_or(rest, |(_, after)| after);
        let rest = rest.split_once(['?', '#']).map_or(rest, |(before, _)| before);
        format!("{scheme}://{rest}")
    };
    line.split_whitespace().map(clean).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(text: &str) -> RegistryError {
        RegistryError::from(HostError(text.to_owned()))
    }

    #[test]
    fn the_hosts_words_are_sorted() {
        const PREFIX: &str = "Host error: Callback evaluation failure: Fail to interact with OCI registry: ";
        let url = "url https://r.example.com/v2/app/manifests/x.sig";
        let envelope = |words: &str| {
            format!("Registry error: {url}, envelope: OCI API errors: [OCI API error: {words}]")
        };
        assert_eq!(
            sorted(&format!("{PREFIX}{}", envelope("manifest unknown"))),
            RegistryError::NoSuchManifest
        );
        assert_eq!(
            sorted(&format!("Server error: {url}, code: 404, message: not found\n\nCaused by:\n  denied")),
            RegistryError::NoSuchManifest
        );
        let text = format!("Not authorized: {url}");
        assert_eq!(sorted(&format!("{PREFIX}{text}")), RegistryError::NotAuthorised(text));
        let text = envelope("You have reached your pull rate limit");
        assert_eq!(sorted(&text), RegistryError::RateLimited(text));
        let text = "error sending request for url (https://r.example.com/v2/)";
        assert_eq!(sorted(text), RegistryError::Unreachable(text.to_owned()));
        assert_eq!(
            sorted(
                "Policy has not been granted access to the 'oci/v1/manifest_digest' host capability. The \
                 violation has been reported."
            ),
            RegistryError::NotGranted
        );
        assert_eq!(sorted("something else"), RegistryError::Other("something else".to_owned()));
    }

    #[test]
    fn credentials_in_urls_are_not_shown() {
        assert_eq!(
            sorted("odd answer from https://user:secret@r.example.com/v2/a?token=secret again"),
            RegistryError::Other("odd answer from https://r.example.com/v2/a again".to_owned())
        );
    }
}
