//! What `slsa` asks of a provenance: its builder, source and build type, wherever a version keeps them.
//!
//! Where they stand: <https://slsa.dev/spec/v0.2/provenance>, <https://slsa.dev/spec/v1.0/provenance>, and for the
//! source in v1 the build types, which say what `externalParameters` are.

use serde_json::Value;
use thiserror::Error;

use super::scalar::matches;
use super::unmet::{Excerpt, Finding, Unmet};
use crate::text::{Shown, matches_before_at};

/// What is asked of a provenance, at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slsa {
    version: SlsaVersion,
    wanted: Vec<(SlsaField, String)>,
}

/// The versions of the predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlsaVersion {
    /// `https://slsa.dev/provenance/v0.2`
    V02,
    /// `https://slsa.dev/provenance/v1`
    V1,
}

/// What can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlsaField {
    /// `builderId`: who built.
    BuilderId,
    /// `sourceUri`: the repository that was built, without its ref.
    SourceUri,
    /// `sourceRef`: the branch or tag, `refs/heads/main`.
    SourceRef,
    /// `buildType`: how it was built.
    BuildType,
}

/// What `slsa` cannot ask.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SlsaError {
    /// Of a predicate that is none.
    #[error("needs `type` {} or {}", SlsaVersion::V1.predicate_type(), SlsaVersion::V02.predicate_type())]
    NotProvenance,
    /// Of nothing.
    #[error("asks for nothing; write one of `builderId`, `sourceUri`, `sourceRef` or `buildType`")]
    Nothing,
    /// A pattern of anybody.
    #[error("found `{}`; {}", Shown(found), field.allowed())]
    Anybody {
        /// The field.
        field: SlsaField,
        /// The pattern.
        found: String,
    },
}

/// A source, read from a provenance.
struct Source<'v> {
    repository: &'v str,
    reference: Option<&'v str>,
}

/// The build types of GitHub, whose `externalParameters.workflow` has a repository and a ref.
const WORKFLOWS: [&str; 2] = [
    "https://actions.github.io/buildtypes/workflow/v1",
    "https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1",
];

/// Hosts on which anybody can have a repository.
const SHARED: [&str; 5] = ["github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "git.sr.ht"];

impl SlsaVersion {
    /// Every version.
    pub const ALL: [Self; 2] = [Self::V02, Self::V1];

    /// The type of its predicate.
    #[must_use]
    pub fn predicate_type(self) -> &'static str {
        match self {
            Self::V02 => "https://slsa.dev/provenance/v0.2",
            Self::V1 => "https://slsa.dev/provenance/v1",
        }
    }
}

impl SlsaField {
    /// Every field.
    pub const ALL: [Self; 4] = [Self::BuilderId, Self::SourceUri, Self::SourceRef, Self::BuildType];

    /// Its name in the settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BuilderId => "builderId",
            Self::SourceUri => "sourceUri",
            Self::SourceRef => "sourceRef",
            Self::BuildType => "buildType",
        }
    }

    fn allowed(self) -> &'static str {
        match self {
            Self::BuilderId | Self::BuildType => {
                "this is anybody; write a host, on those that all share an owner, and no wildcard in them"
            }
            Self::SourceUri => {
                "write a URL without ref: a host, on those that all share an owner, and no wildcard in them, such as \
                 https://github.com/acme/*"
            }
            Self::SourceRef => "write a whole ref, such as refs/heads/main or refs/tags/v*",
        }
    }

    /// Whether a pattern says enough: no wildcard may reach into the name of whom it trusts.
    fn is_somebody(self, pattern: &str) -> bool {
        let url = repository(pattern).split_once("://").map(|(_, rest)| rest);
        match self {
            Self::SourceRef => {
                let rest = pattern.strip_prefix("refs/");
                rest.is_some_and(|rest| is_whole(rest) || fixed(rest).contains('/'))
            }
            // A ref in it would be compared with nothing.
            Self::SourceUri => url.is_some_and(names_owner) && split_ref(pattern).1.is_none(),
            Self::BuilderId | Self::BuildType => match url {
                Some(url) => names_owner(url),
                None => fixed(pattern).bytes().any(|b| b.is_ascii_alphanumeric()),
            },
        }
    }
}

/// Whether a URL's pattern, without its scheme, has a whole host, and a whole name below one that all share.
fn names_owner(url: &str) -> bool {
    let fixed = fixed(url);
    let (host, path) = fixed.split_once('/').unwrap_or((fixed, ""));
    let has_path = fixed.len() > host.len();
    let user_host = host.rsplit('@').next().unwrap_or_default();
    let shared = SHARED.iter().any(|shared| user_host.eq_ignore_ascii_case(shared));
    let owner = path.split('/').next().unwrap_or_default();
    let whole_owner = !owner.is_empty() && (is_whole(url) || path.contains('/'));
    !user_host.is_empty() && (has_path || is_whole(url)) && (!shared || whole_owner)
}

/// What stands before the first wildcard.
fn fixed(pattern: &str) -> &str {
    pattern.split(['*', '?']).next().unwrap_or_default()
}

fn is_whole(pattern: &str) -> bool {
    fixed(pattern).len() == pattern.len()
}

impl Slsa {
    /// What is asked of a provenance of this predicate type: patterns, in which `*` stands for any characters.
    ///
    /// # Errors
    /// [`SlsaError`] for a predicate of another type, for nothing asked, and for a pattern of anybody.
    pub fn new(predicate_type: &str, wanted: Vec<(SlsaField, String)>) -> Result<Self, SlsaError> {
        let version = SlsaVersion::ALL.into_iter().find(|version| version.predicate_type() == predicate_type);
        let version = version.ok_or(SlsaError::NotProvenance)?;
        if wanted.is_empty() {
            return Err(SlsaError::Nothing);
        }
        for (field, pattern) in &wanted {
            if !field.is_somebody(pattern) {
                return Err(SlsaError::Anybody { field: *field, found: pattern.clone() });
            }
        }
        Ok(Self { version, wanted })
    }

    /// Checks a predicate.
    ///
    /// # Errors
    /// [`Unmet::Slsa`] for the first field that is not as wanted.
    pub fn check(&self, predicate: &Value) -> Result<(), Unmet> {
        self.wanted.iter().try_for_each(|(field, pattern)| {
            let unmet = |found| Unmet::Slsa { field: field.name(), wanted: pattern.clone(), found };
            let found = self.read(*field, predicate).map_err(unmet)?;
            let wanted = if *field == SlsaField::SourceUri { repository(pattern) } else { pattern };
            // The builder's name ends in the ref that it stands at, and whoever can push names branches.
            let is_it = match field {
                SlsaField::BuilderId => matches_before_at(matches, wanted, found),
                SlsaField::SourceUri | SlsaField::SourceRef | SlsaField::BuildType => matches(wanted, found),
            };
            if is_it { Ok(()) } else { Err(unmet(Finding::Value(Excerpt::of(&found.into())))) }
        })
    }

    fn read<'v>(&self, field: SlsaField, predicate: &'v Value) -> Result<&'v str, Finding> {
        match (field, self.version) {
            (SlsaField::BuilderId, SlsaVersion::V02) => text(predicate, "/builder/id"),
            (SlsaField::BuilderId, SlsaVersion::V1) => text(predicate, "/runDetails/builder/id"),
            (SlsaField::BuildType, SlsaVersion::V02) => text(predicate, "/buildType"),
            (SlsaField::BuildType, SlsaVersion::V1) => text(predicate, "/buildDefinition/buildType"),
            (SlsaField::SourceUri, _) => direct(self.source(predicate)?.repository),
            (SlsaField::SourceRef, _) => self
                .source(predicate)?
                .reference
                .ok_or(Finding::Unreadable("the source is named without a ref")),
        }
    }

    fn source<'v>(&self, predicate: &'v Value) -> Result<Source<'v>, Finding> {
        match self.version {
            SlsaVersion::V02 => match optional(predicate, "/invocation/configSource/uri")? {
                Some(uri) => Ok(Source::of(uri)),
                None => only(predicate.pointer("/materials")),
            },
            SlsaVersion::V1 => {
                let build_type = text(predicate, "/buildDefinition/buildType")?;
                let dependencies = predicate.pointer("/buildDefinition/resolvedDependencies");
                if WORKFLOWS.contains(&build_type) {
                    return workflow(predicate, dependencies);
                }
                // A resource, as slsa-github-generator has it, or the URL of a project, as GitLab has it.
                let source = predicate.pointer("/buildDefinition/externalParameters/source");
                let pointer = if source.is_some_and(Value::is_string) { "" } else { "/uri" };
                match source.map(|source| optional(source, pointer)).transpose()?.flatten() {
                    Some(uri) => Ok(Source::of(uri)),
                    None => only(dependencies),
                }
            }
        }
    }
}

impl<'v> Source<'v> {
    /// From a URI such as `git+https://github.com/acme/app@refs/heads/main`.
    fn of(uri: &'v str) -> Self {
        let (uri, reference) = split_ref(uri);
        Self { repository: repository(uri), reference }
    }
}

/// The source of a workflow of GitHub: its own repository, which must be what was resolved as well. A workflow that
/// an organisation requires runs on the code of another repository.
fn workflow<'v>(predicate: &'v Value, dependencies: Option<&'v Value>) -> Result<Source<'v>, Finding> {
    let of = "/buildDefinition/externalParameters/workflow";
    let repository = repository(text(predicate, &format!("{of}/repository"))?);
    let reference = optional(predicate, &format!("{of}/ref"))?;
    let mut resolved = sources(dependencies)?.peekable();
    if resolved.peek().is_some()
        && !resolved.any(|source| {
            source.repository == repository && source.reference.is_none_or(|found| Some(found) == reference)
        })
    {
        return Err(Finding::Unreadable("`workflow` and `resolvedDependencies` name different sources"));
    }
    Ok(Source { repository, reference })
}

/// The one repository among materials or dependencies.
fn only(list: Option<&Value>) -> Result<Source<'_>, Finding> {
    let mut sources = sources(list)?;
    let first = sources.next().ok_or(Finding::Unreadable("no source is named"))?;
    if sources.all(|source| source.repository == first.repository && source.reference == first.reference) {
        Ok(first)
    } else {
        Err(Finding::Unreadable(
            "several repositories are named, and this build type does not say which was built",
        ))
    }
}

/// The items of a list that are in git.
fn sources(list: Option<&Value>) -> Result<impl Iterator<Item = Source<'_>>, Finding> {
    let items = match list {
        None | Some(Value::Null) => &[],
        Some(Value::Array(items)) => items.as_slice(),
        Some(other) => return Err(Finding::mistyped(other, "a list")),
    };
    Ok(items
        .iter()
        .filter_map(|item| item.get("uri")?.as_str().filter(|uri| uri.starts_with("git+")))
        .map(Source::of))
}

/// The repository that a URI names: `https://github.com/acme/app`.
fn repository(uri: &str) -> &str {
    let uri = uri.strip_prefix("git+").unwrap_or(uri);
    let uri = uri.strip_suffix('/').unwrap_or(uri);
    uri.strip_suffix(".git").unwrap_or(uri)
}

/// A URI whose path leads where it says: who fetches `https://github.com/acme/../evil` asks for `/evil`.
fn direct(uri: &str) -> Result<&str, Finding> {
    let is_detour = |part: &str| matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if uri.split(['/', '\\']).any(is_detour) {
        return Err(Finding::Unreadable("`.` or `..` stands in the source's path"));
    }
    Ok(uri)
}

/// Takes `@ref` off a URI; an `@` before the path belongs to the user.
fn split_ref(uri: &str) -> (&str, Option<&str>) {
    let authority = uri.find("://").and_then(|at| at.checked_add(3)).unwrap_or_default();
    let path = uri.get(authority..).and_then(|rest| rest.find('/')).and_then(|at| at.checked_add(authority));
    let at = path.and_then(|path| uri.get(path..)?.find('@')?.checked_add(path));
    match at.and_then(|at| uri.split_at_checked(at)) {
        Some((uri, reference)) => (uri, reference.strip_prefix('@')),
        None => (uri, None),
    }
}

fn text<'v>(predicate: &'v Value, pointer: &str) -> Result<&'v str, Finding> {
    optional(predicate, pointer)?.ok_or(Finding::Nothing)
}

fn optional<'v>(predicate: &'v Value, pointer: &str) -> Result<Option<&'v str>, Finding> {
    match predicate.pointer(pointer) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() <= crate::limits::MAX_REGEX_TEXT_BYTES => Ok(Some(text)),
        Some(other) => Err(Finding::mistyped(other, "a short text")),
    }
}
