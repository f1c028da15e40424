//! Image references, in the grammar of distribution/reference, with one canonical form.

use core::fmt::{self, Display, Formatter};

use thiserror::Error;

use super::digest::{DigestError, ImageDigest};
use crate::limits::MAX_REFERENCE_CHARS;

/// An image reference. What decides is the canonical form; what was written is kept for messages and
/// for the patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReference {
    raw: String,
    repository: Repository,
    tag: Option<String>,
    digest: Option<ImageDigest>,
    aliases: Vec<String>,
}

/// A repository in canonical form: the registry's host in lower case, without a trailing dot, without
/// the port 443, `docker.io` for Docker Hub by any of its names; the path with Docker Hub's `library/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repository {
    registry: String,
    path: String,
}

/// Why a text is no image reference.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReferenceError {
    /// Nothing was written.
    #[error("the image reference is empty")]
    Empty,
    /// Longer than any reference can be.
    #[error("the image reference is longer than {MAX_REFERENCE_CHARS} characters")]
    TooLong,
    /// Against the grammar of distribution/reference.
    #[error("the image reference is malformed in its {0}")]
    Malformed(&'static str),
    /// 64 hexadecimal digits are an image's local identifier, which a node resolves without a registry.
    #[error("an image identifier is not a reference that can be verified")]
    Identifier,
    /// A registry that the host would take for a path on Docker Hub.
    #[error("a registry's host needs a dot or a port")]
    Registry,
    /// A digest that cannot be bound to a signature.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

pub(super) const HUB: &str = "docker.io";
/// Other names under which Docker Hub's registry answers.
const HUB_ALIASES: [&str; 3] = ["index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];
const HUB_DEFAULT_NAMESPACE: &str = "library/";
const DEFAULT_TAG: &str = "latest";

impl ImageReference {
    /// Parses a reference as a Pod's `image` field has it.
    ///
    /// # Errors
    /// [`ReferenceError`] for whatever distribution/reference refuses, for image identifiers, and for
    /// digests other than SHA-256.
    pub fn parse(raw: &str) -> Result<Self, ReferenceError> {
        if raw.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if raw.len() > MAX_REFERENCE_CHARS {
            return Err(ReferenceError::TooLong);
        }
        if raw.len() == 64 && raw.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(ReferenceError::Identifier);
        }
        let (rest, digest) = match raw.split_once('@') {
            Some((rest, digest)) => (rest, Some(ImageDigest::parse(digest)?)),
            None => (raw, None),
        };
        let (name, tag) = match split_tag(rest) {
            (name, Some(tag)) if is_tag(tag) => (name, Some(tag.to_owned())),
            (_, Some(_)) => return Err(ReferenceError::Malformed("tag")),
            (name, None) => (name, None),
        };
        // A runtime that knows such an image by its identifier runs that, and asks no registry.
        if matches!(name, "sha256" | "sha384" | "sha512") {
            return Err(ReferenceError::Identifier);
        }
        let repository = Repository::parse(name)?;
        let tag = tag.or_else(|| digest.is_none().then(|| DEFAULT_TAG.to_owned()));
        let aliases = repository.aliases();
        Ok(Self { raw: raw.to_owned(), repository, tag, digest, aliases })
    }

    /// What was written: for messages and the patch, never for a decision.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The canonical repository.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tag, `latest` where neither tag nor digest is written.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest the reference is pinned to.
    #[must_use]
    pub fn digest(&self) -> Option<ImageDigest> {
        self.digest
    }

    /// Every name under which people write its repository.
    pub(super) fn aliases(&self) -> &[String] {
        &self.aliases
    }

    /// Its repository with the port that canonical names leave out; nothing where another port is written.
    pub(super) fn with_default_port(&self) -> Option<String> {
        let Repository { registry, path } = &self.repository;
        // The colons of an IPv6 address stand inside its brackets.
        let has_port = registry.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        (!has_port).then(|| format!("{registry}:443/{path}"))
    }

    /// What was written, pinned to a digest: the tag is kept for people, the digest is what runs.
    #[must_use]
    pub fn pinned_to(&self, digest: ImageDigest) -> String {
        if self.digest.is_some() { self.raw.clone() } else { format!("{}@{digest}", self.raw) }
    }
}

/// The canonical reference, as it is asked of the host.
impl Display for ImageReference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        match (&self.digest, &self.tag) {
            (Some(digest), _) => write!(f, "@{digest}"),
            (None, Some(tag)) => write!(f, ":{tag}"),
            (None, None) => Ok(()),
        }
    }
}

impl Repository {
    /// Parses a repository, without tag or digest.
    ///
    /// # Errors
    /// [`ReferenceError`] for what is none.
    pub fn parse(name: &str) -> Result<Self, ReferenceError> {
        let (registry, path) = match name.split_once('/') {
            Some((first, path)) if names_a_registry(first) => (canonical_registry(first)?, path),
            _ => (HUB.to_owned(), name),
        };
        let components_fit = path.split('/').all(is_path_component);
        if !components_fit || path.len() > 255 {
            return Err(ReferenceError::Malformed("name"));
        }
        let path = if registry == HUB && !path.contains('/') {
            format!("{HUB_DEFAULT_NAMESPACE}{path}")
        } else {
            path.to_owned()
        };
        Ok(Self { registry, path })
    }

    /// The registry's host, with its port if that is not 443.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path on the registry.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The name cosign writes into `docker-reference`: go-containerregistry's `Repository.Name()`,
    /// which spells Docker Hub `index.docker.io`.
    #[must_use]
    pub fn cosign_name(&self) -> String {
        let registry = if self.registry == HUB { "index.docker.io" } else { &self.registry };
        format!("{registry}/{}", self.path)
    }

    /// Every name under which people write this repository, the canonical one first.
    fn aliases(&self) -> Vec<String> {
        let mut names = vec![self.to_string()];
        if self.registry == HUB {
            let short = self.path.strip_prefix(HUB_DEFAULT_NAMESPACE).filter(|rest| !rest.contains('/'));
            for path in [Some(self.path.as_str()), short].into_iter().flatten() {
                names.push(path.to_owned());
                names.extend([HUB].iter().chain(&HUB_ALIASES).map(|host| format!("{host}/{path}")));
            }
        }
        names
    }
}

impl Display for Repository {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

/// Takes the tag off a name without digest: what follows a colon after the last slash.
pub(super) fn split_tag(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (text, None),
    }
}

/// distribution/reference `splitDockerDomain`: the first component is a registry if it could not be
/// a path, or is `localhost`.
pub(super) fn names_a_registry(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.bytes().any(|b| b.is_ascii_uppercase())
}

pub(super) fn canonical_registry(written: &str) -> Result<String, ReferenceError> {
    let malformed = ReferenceError::Malformed("registry");
    let lower = written.to_ascii_lowercase();
    let (host, port) = match lower.rsplit_once(':') {
        // The colons of an IPv6 address stand inside its brackets.
        Some((host, port)) if !port.contains(']') => {
            if port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()) {
                return Err(malformed);
            }
            (host, Some(port.parse::<u16>().map_err(|_| malformed.clone())?))
        }
        _ => (lower.as_str(), None),
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    // One address has many spellings; RFC 5952's is the canonical one.
    let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => {
            format!("[{}]", address.parse::<core::net::Ipv6Addr>().map_err(|_| malformed.clone())?)
        }
        None if is_host_name(host) => host.to_owned(),
        None => return Err(malformed),
    };
    let port = port.filter(|port| *port != 443);
    if port.is_none() && host != "localhost" && !host.contains(['.', ':']) {
        return Err(ReferenceError::Registry);
    }
    if port.is_none() && HUB_ALIASES.contains(&host.as_str()) {
        return Ok(HUB.to_owned());
    }
    Ok(match port {
        Some(port) => format!("{host}:{port}"),
        None => host,
    })
}

/// A name or an IPv4 address. What ends in a number is an address to some resolvers, in forms such as
/// `127.1`; only the one form that everybody reads alike is taken.
fn is_host_name(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let number = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    host.len() <= 253
        && host.split('.').all(is_host_label)
        && (!number || host.parse::<core::net::Ipv4Addr>().is_ok())
}

fn is_host_label(label: &str) -> bool {
    !label.is_empty()
        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
pub(super) fn is_path_component(component: &str) -> bool {
    let mut run = String::new();
    for c in component.chars() {
        match c {
            'a'..='z' | '0'..='9' => run.clear(),
            '.' | '_' | '-' => {
                // A separator is one dot, one or two underscores, or any number of hyphens, after a letter.
                run.push(c);
                let fits = run == "." || run == "_" || run == "__" || run.bytes().all(|b| b == b'-');
                if !fits || component.starts_with(c) {
                    return false;
                }
            }
            _ => return false,
        }
    }
    !component.is_empty() && run.is_empty()
}

/// `[\w][\w.-]{0,127}`
pub(super) fn is_tag(tag: &str) -> bool {
    !tag.is_empty()
        && tag.len() <= 128
        && tag.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
        && !tag.starts_with(['.', '-'])
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "the texts are ASCII and the tests' own")]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:7f609afbb8779a721320ccaabed326c14cebef1bf4f25c45af8e5596346c7ac5";

    fn canonical(raw: &str) -> String {
        ImageReference::parse(raw).unwrap_or_else(|e| panic!("{raw}: {e}")).to_string()
    }

    #[test]
    fn references_have_one_canonical_form() {
        let long_hub = "docker.io/library/nginx:latest";
        for (raw, expected) in [
            ("nginx", long_hub),
            ("library/nginx", long_hub),
            ("docker.io/nginx", long_hub),
            ("docker.io/library/nginx", long_hub),
            ("index.docker.io/nginx", long_hub),
            ("index.docker.io/library/nginx:latest", long_hub),
            ("registry-1.docker.io/library/nginx", long_hub),
            ("Docker.IO/library/nginx", long_hub),
            ("docker.io./library/nginx", long_hub),
            ("docker.io:443/library/nginx", long_hub),
            ("docker.io:0443/nginx", long_hub),
            ("acme/app:1", "docker.io/acme/app:1"),
            ("GHCR.io/acme/app:V1", "ghcr.io/acme/app:V1"),
            ("ghcr.io:443/acme/app:v1", "ghcr.io/acme/app:v1"),
            ("localhost/app", "localhost/app:latest"),
            ("LOCALHOST/app", "localhost/app:latest"),
            ("localhost:5000/app", "localhost:5000/app:latest"),
            ("registry:5000/app", "registry:5000/app:latest"),
            ("127.0.0.1:5000/a/b/c:x", "127.0.0.1:5000/a/b/c:x"),
            ("[2001:DB8::1]:5000/app", "[2001:db8::1]:5000/app:latest"),
            ("[2001:db8::1]/app", "[2001:db8::1]/app:latest"),
            ("r.example.com/a__b/c--d.e_f:T.a-g_", "r.example.com/a__b/c--d.e_f:T.a-g_"),
        ] {
            assert_eq!(canonical(raw), expected, "{raw}");
        }
        assert_eq!(canonical(&format!("nginx:1.2@{DIGEST}")), format!("docker.io/library/nginx@{DIGEST}"));
    }

    #[test]
    fn what_is_no_reference_is_refused_with_the_part_that_is_wrong() {
        use ReferenceError::{Digest, Empty, Identifier, Malformed, Registry, TooLong};
        for (raw, error) in [
            ("", Empty),
            (" nginx", Malformed("name")),
            ("nginx ", Malformed("name")),
            ("Nginx", Malformed("name")),
            ("a//b", Malformed("name")),
            ("a/", Malformed("name")),
            ("/a", Malformed("name")),
            ("a..b", Malformed("name")),
            ("a___b", Malformed("name")),
            ("a._b", Malformed("name")),
            ("-a", Malformed("name")),
            ("a-", Malformed("name")),
            ("a.example.com/", Malformed("name")),
            ("a.example.com/b?c", Malformed("name")),
            ("https://a.example.com/b", Malformed("registry")),
            ("a.example.com:/b", Malformed("registry")),
            ("a.example.com:99999/b", Malformed("registry")),
            ("a.example.com..:5/b", Malformed("registry")),
            ("-a.example.com/b", Malformed("registry")),
            ("[::1/b", Malformed("registry")),
            ("a_b.example.com/c", Malformed("registry")),
            ("127.1:5000/app", Malformed("registry")),
            ("127.0.0.01:5000/app", Malformed("registry")),
            ("127.0.0.0x1/app", Malformed("registry")),
            ("nginx:", Malformed("tag")),
            ("nginx:-x", Malformed("tag")),
            ("nginx:a b", Malformed("tag")),
            ("Registry/app", Registry),
            ("registry:443/app", Registry),
            ("nginx@sha256:abc", Digest(DigestError::Malformed)),
            ("nginx@", Digest(DigestError::Malformed)),
            ("nginx@sha512:abc", Digest(DigestError::Algorithm)),
            (&format!("nginx@{DIGEST}@{DIGEST}"), Digest(DigestError::Malformed)),
            (&DIGEST[7..], Identifier),
            (DIGEST, Identifier),
            ("sha256:7f609afb", Identifier),
            ("sha512", Identifier),
            (&format!("nginx:{}", "x".repeat(129)), Malformed("tag")),
            (&"x".repeat(256), Malformed("name")),
            (&"x".repeat(MAX_REFERENCE_CHARS + 1), TooLong),
            ("ngínx", Malformed("name")),
        ] {
            assert_eq!(ImageReference::parse(raw), Err(error), "{raw}");
        }
    }

    #[test]
    fn pinning_keeps_what_was_written() {
        let digest = ImageDigest::parse(DIGEST).unwrap();
        let pinned = |raw: &str| ImageReference::parse(raw).unwrap().pinned_to(digest);
        assert_eq!(pinned("nginx"), format!("nginx@{DIGEST}"));
        assert_eq!(pinned("Docker.io/nginx:1"), format!("Docker.io/nginx:1@{DIGEST}"));
        assert_eq!(pinned(&format!("nginx:1@{DIGEST}")), format!("nginx:1@{DIGEST}"));
    }

    #[test]
    fn cosign_spells_docker_hub_index() {
        let name = |raw: &str| ImageReference::parse(raw).unwrap().repository().cosign_name();
        assert_eq!(name("nginx:1"), "index.docker.io/library/nginx");
        assert_eq!(name("ghcr.io/acme/app"), "ghcr.io/acme/app");
    }
}
