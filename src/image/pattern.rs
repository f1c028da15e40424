//! Patterns over image names: what binds a rule to an image, and what takes an image out of one.
//!
//! `*` stands for any number of characters, slashes included, `?` for one, as in Kyverno's
//! `imageReferences`. Binding patterns are generous (a rule that binds too much is noticed), skipping
//! patterns are strict (a skip that reaches too far is a hole).

use core::fmt::{self, Display, Formatter};

use thiserror::Error;

use super::digest::ImageDigest;
use super::reference::{
    HUB, ImageReference, ReferenceError, canonical_registry, is_path_component, is_tag, names_a_registry,
    split_tag,
};
use crate::limits::MAX_PATTERN_CHARS;
use crate::text::{Shown, wildcard};

/// A pattern of `imageReferences`. It matches an image if it matches any spelling of the image's
/// canonical name, with or without its tag and digest. A reference with a digest satisfies any tag
/// part, because the digest is what runs, and a digest in the pattern is satisfied by any tag, because
/// the tag may mean that digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingPattern {
    text: String,
    /// Without the digest.
    tagged: String,
    /// Without tag and digest.
    name: String,
    digest: Option<String>,
}

/// A pattern of `skipImageReferences`. It sees the canonical repository only, alone or with the digest
/// the reference is pinned to; never a tag. What stands before the first slash is matched against the
/// registry's host alone: `*.example.com/*` does not skip `registry.test/x.example.com/y`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkipPattern {
    text: String,
    registry: String,
    path: String,
    digest: Option<String>,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// Nothing was written.
    #[error("the pattern is empty")]
    Empty,
    /// Longer than the limit.
    #[error("the pattern is longer than {MAX_PATTERN_CHARS} characters")]
    TooLong,
    /// A variable of Kyverno or of a template, which nothing here would replace.
    #[error("variables are not replaced here; write the value")]
    Variable,
    /// A character that no image reference contains.
    #[error("`{}` cannot occur in an image name", .0.escape_default())]
    Character(char),
    /// A pattern that no canonical name can match.
    #[error("no image's canonical name can match this; did you mean `{}`?", Shown(.0))]
    NeverMatches(String),
    /// A pattern that is written out, in part or whole, and no name can have that part.
    #[error("no image can be called this: {0}")]
    NoName(ReferenceError),
    /// A host where images belong.
    #[error("this is a registry, not an image; did you mean `{}`?", Shown(.0))]
    OnlyHost(String),
    /// A skip by tag.
    #[error("a skip cannot name a tag, because what runs is the digest; did you mean `{}`?", Shown(.0))]
    SkipByTag(String),
    /// A skip by a part of a digest, which whoever builds images can make theirs begin with.
    #[error("a skip names a whole digest, `@sha256:` and 64 lower-case hexadecimal digits, or none")]
    SkipByPartOfDigest,
    /// A skip with a wildcard within the host.
    #[error("in a skip, the registry's host is written out, or is `*` or `*.DOMAIN`")]
    SkipHost,
    /// A skip that takes every image out of the rule.
    #[error("this skips every image, so the rule would bind none; remove the rule instead")]
    SkipsEverything,
}

impl BindingPattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// [`PatternError`] for what cannot match any image.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        check_characters(text)?;
        check_reachable(text)?;
        check_parts(text)?;
        let (tagged, digest) = match text.split_once('@') {
            Some((tagged, digest)) => (tagged, Some(digest.to_owned())),
            None => (text, None),
        };
        let name = split_tag(tagged).0.to_owned();
        Ok(Self { text: text.to_owned(), tagged: tagged.to_owned(), name, digest })
    }

    /// Whether the pattern and the name begin alike, up to the first wildcard: cheap, and mostly not.
    fn may_match(&self, name: &str) -> bool {
        let literal = self.name.split(['*', '?']).next().unwrap_or_default();
        // What looks like a part of the name may be the tag, where a wildcard stands for what separates the digest.
        name.starts_with(literal) || literal.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'))
    }

    /// Whether it stands for more than one repository.
    #[must_use]
    pub fn has_wildcard(&self) -> bool {
        // `registry:*` is any tag of Docker Hub's image, and any image of `registry:5000`.
        let tag = split_tag(&self.tagged).1.unwrap_or_default();
        let after_digits = tag.trim_start_matches(|c: char| c.is_ascii_digit());
        let may_be_a_port = !self.name.contains('/') && after_digits.starts_with(['*', '?']);
        has_wildcard(&self.name) || may_be_a_port
    }

    /// Whether the rule with this pattern binds the image.
    #[must_use]
    pub fn binds(&self, image: &ImageReference) -> bool {
        let with_port = if self.may_have_a_port() { image.with_default_port() } else { None };
        let mut names = image.aliases().iter().chain(&with_port);
        names.any(|name| self.may_match(name) && self.binds_as(name, image))
    }

    /// Whether a port is written in the pattern, or a wildcard may stand for one: what is before a slash is no tag.
    fn may_have_a_port(&self) -> bool {
        self.name.split_once('/').is_some_and(|(host, _)| host.contains(['*', '?', ':']))
    }

    fn binds_as(&self, name: &str, image: &ImageReference) -> bool {
        let spelled = match (&self.digest, image.digest(), image.tag()) {
            // No digest on either side: by name or by tag.
            (None, None, tag) => tag.is_some_and(|tag| wildcard(&self.text, &format!("{name}:{tag}"))),
            // The digest is what runs, and any tag may mean it.
            (None, Some(digest), _) => {
                let digest = format!("@{digest}");
                matches_some_tag(&self.text, name, "")
                    || matches_some_tag(&self.text, name, &digest)
                    || wildcard(&self.text, &format!("{name}{digest}"))
            }
            // The tag may mean the pattern's digest.
            (Some(_), None, _) => true,
            (Some(wanted), Some(digest), _) => wildcard(wanted, &digest.to_string()),
        };
        match &self.digest {
            None => spelled || wildcard(&self.text, name),
            Some(_) => spelled && (wildcard(&self.name, name) || matches_some_tag(&self.tagged, name, "")),
        }
    }
}

impl SkipPattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// [`PatternError`] for what cannot match any image, names a tag, or skips everything.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        check_characters(text)?;
        check_reachable(text)?;
        check_parts(text)?;
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        let with_digest =
            |name: &str| digest.map_or_else(|| name.to_owned(), |digest| format!("{name}@{digest}"));
        if let (repository, Some(_)) = split_tag(name) {
            return Err(PatternError::SkipByTag(with_digest(repository)));
        }
        // Whatever has no letter in it: every canonical name has a host, a slash and a path.
        if !name.is_empty() && name.bytes().all(|b| b"*?/".contains(&b)) {
            return Err(PatternError::SkipsEverything);
        }
        if digest.is_some_and(|digest| ImageDigest::parse(digest).is_err()) {
            return Err(PatternError::SkipByPartOfDigest);
        }
        // A skip sees the canonical name only, so a short one has to be written out.
        let (first, rest) = name.split_once('/').unwrap_or(("", name));
        let canonical = if (first.is_empty() || first == "docker.io") && !rest.contains(['/', '*', '?']) {
            Some(format!("docker.io/library/{rest}"))
        } else if first == "index.docker.io" {
            Some(format!("docker.io/{rest}"))
        } else if !first.is_empty()
            && !has_wildcard(first)
            && first != "localhost"
            && !first.contains(['.', ':', '['])
        {
            Some(format!("docker.io/{name}"))
        } else {
            None
        };
        match canonical {
            Some(canonical) => Err(PatternError::NeverMatches(with_digest(&canonical))),
            // Nothing but the host, with a wildcard that would have to reach over the slash.
            None if first.is_empty() => Err(PatternError::NeverMatches(with_digest(&format!("{name}/*")))),
            None if !is_host_of_a_skip(first) => Err(PatternError::SkipHost),
            None => Ok(Self {
                text: text.to_owned(),
                registry: first.to_owned(),
                path: rest.to_owned(),
                digest: digest.map(str::to_owned),
            }),
        }
    }

    /// Whether the image is taken out of the rule with this pattern.
    #[must_use]
    pub fn skips(&self, image: &ImageReference) -> bool {
        let repository = image.repository();
        let by_name =
            wildcard(&self.registry, repository.registry()) && wildcard(&self.path, repository.path());
        // A pattern without a digest sees none: a wildcard would reach into it, and whoever builds images
        // can choose how their digests end.
        let by_digest = match (&self.digest, image.digest()) {
            (None, _) => true,
            (Some(pattern), Some(digest)) => wildcard(pattern, &digest.to_string()),
            (Some(_), None) => false,
        };
        by_name && by_digest
    }
}

impl Display for BindingPattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Display for SkipPattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_host_of_a_skip(host: &str) -> bool {
    let domain = host.strip_prefix("*.");
    host == "*"
        || !has_wildcard(host)
        || domain.is_some_and(|domain| domain.contains('.') && !has_wildcard(domain))
}

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// The pattern without its tag and digest.
fn name_part(text: &str) -> &str {
    let without_digest = text.split_once('@').map_or(text, |(name, _)| name);
    split_tag(without_digest).0
}

fn check_characters(text: &str) -> Result<(), PatternError> {
    if text.is_empty() {
        return Err(PatternError::Empty);
    }
    if text.len() > MAX_PATTERN_CHARS {
        return Err(PatternError::TooLong);
    }
    if text.contains("{{") || text.contains("${") || text.contains("$(") {
        return Err(PatternError::Variable);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "*?./:@_-[]".contains(c);
    // Brackets are those of an IPv6 address, and no set of characters.
    if let Some(bracket) = text.chars().skip(1).find(|c| *c == '[') {
        return Err(PatternError::Character(bracket));
    }
    match text.chars().find(|c| !allowed(*c)) {
        Some(c) => Err(PatternError::Character(c)),
        None => Ok(()),
    }
}

/// Refuses what no canonical name can match, with what was probably meant.
fn check_reachable(text: &str) -> Result<(), PatternError> {
    if let Some((_, rest)) = text.split_once("://") {
        return Err(PatternError::NeverMatches(rest.to_owned()));
    }
    let name = name_part(text);
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        let rest = text.strip_prefix(name).unwrap_or_default();
        return Err(PatternError::NeverMatches(format!("{}{rest}", name.to_ascii_lowercase())));
    }
    let Some((host, path)) = text.split_once('/') else { return Ok(()) };
    let plain = host.strip_suffix(":443").unwrap_or(host);
    let plain = plain.strip_suffix('.').unwrap_or(plain);
    if plain != host {
        return Err(PatternError::NeverMatches(format!("{plain}/{path}")));
    }
    if path.is_empty() {
        return Err(PatternError::NeverMatches(format!("{text}*")));
    }
    if host.is_empty() || text.contains("//") {
        let rest: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
        return Err(PatternError::NeverMatches(rest.join("/")));
    }
    Ok(())
}

/// What was likely meant by a pattern such as `registry:5000`, which is Docker Hub's `registry` with that tag: tags are
/// seldom numbers that a registry's port could be.
#[must_use]
pub fn may_mean_a_registry(pattern: &str) -> Option<String> {
    let (name, tag) = split_tag(pattern);
    let port: u16 = tag?.parse().ok()?;
    (port >= 1024 && is_path_component(name)).then(|| format!("{pattern}/*"))
}

/// Refuses a pattern of which some part is written out, without wildcards, and is no such part.
fn check_parts(text: &str) -> Result<(), PatternError> {
    let malformed = |part| Err(PatternError::NoName(ReferenceError::Malformed(part)));
    let (tagged, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
    let (name, tag) = split_tag(tagged);
    if let Some(digest) = digest {
        let literal = digest.split(['*', '?']).next().unwrap_or_default();
        let is_whole = literal.len() == digest.len();
        if is_whole {
            ImageDigest::parse(digest).map_err(|error| PatternError::NoName(error.into()))?;
        } else if !literal.starts_with("sha256:") && !"sha256:".starts_with(literal) {
            return Err(PatternError::NeverMatches(format!("{tagged}@sha256:*")));
        }
    }
    match tag {
        Some("") => return Err(PatternError::NeverMatches(text.replacen(tagged, name, 1))),
        Some(tag) if !has_wildcard(tag) && !is_tag(tag) => return malformed("tag"),
        _ => {}
    }
    let Some((host, path)) = name.split_once('/') else {
        if !has_wildcard(name) && (name.contains('.') || name == "localhost") {
            return Err(PatternError::OnlyHost(format!("{tagged}/*")));
        }
        return if has_wildcard(name) || is_path_component(name) { Ok(()) } else { malformed("name") };
    };
    if !has_wildcard(host) && names_a_registry(host) {
        let canonical = canonical_registry(host).map_err(PatternError::NoName)?;
        if canonical != host && canonical != HUB {
            let rest = text.strip_prefix(host).unwrap_or_default();
            return Err(PatternError::NeverMatches(format!("{canonical}{rest}")));
        }
    } else if !has_wildcard(host) && !is_path_component(host) {
        return malformed("name");
    }
    if path.split('/').all(|part| has_wildcard(part) || is_path_component(part)) {
        Ok(())
    } else {
        malformed("name")
    }
}

/// Whether the pattern matches the name with some tag and what follows that: `r/*-prod` may mean `r/app:1-prod`, and
/// `r/app:1*sha256:*` a digest behind the tag.
fn matches_some_tag(pattern: &str, name: &str, after: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    // The places in the pattern where a match of the name and the colon may stand.
    let mut places = vec![false; pattern.len().saturating_add(1)];
    mark(&mut places, &pattern, 0);
    places = step_over(places, &pattern, name.chars().chain([':']));
    // Those where a tag may end: at least one character of it is in the pattern, or a wildcard that stands for it.
    let mut ends = vec![false; places.len()];
    for (place, c) in pattern.iter().enumerate() {
        let may_be_of_a_tag = c.is_ascii_alphanumeric() || "_.-*?".contains(*c);
        let begins_or_goes_on = [&places, &ends].iter().any(|here| here.get(place) == Some(&true));
        if may_be_of_a_tag && begins_or_goes_on {
            let next = if *c == '*' { place } else { place.saturating_add(1) };
            mark(&mut ends, &pattern, next);
        }
    }
    step_over(ends, &pattern, after.chars()).last() == Some(&true)
}

/// The places in the pattern after some text, by those before it.
fn step_over(mut places: Vec<bool>, pattern: &[char], text: impl Iterator<Item = char>) -> Vec<bool> {
    for c in text {
        let mut next = vec![false; places.len()];
        for (place, _) in places.iter().enumerate().filter(|(_, here)| **here) {
            match pattern.get(place) {
                Some('*') => mark(&mut next, pattern, place),
                Some(wanted) if *wanted == '?' || *wanted == c => {
                    mark(&mut next, pattern, place.saturating_add(1));
                }
                Some(_) | None => {}
            }
        }
        places = next;
    }
    places
}

/// Marks a place, and the one behind each `*` that stands there: it may match nothing.
fn mark(places: &mut [bool], pattern: &[char], mut place: usize) {
    while let Some(here) = places.get_mut(place) {
        *here = true;
        if pattern.get(place) != Some(&'*') {
            break;
        }
        place = place.saturating_add(1);
    }
}

#[cfg(test)]
mod tests;
