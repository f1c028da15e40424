//! Identities: `keyless`, what verify-image-signatures has in its place, and those that are revoked.

use super::breadth;
use super::error::{Problem, SettingsError};
use super::fields::{EXTENSIONS, KEYLESS, REVOKED_IDENTITY};
use super::kubewarden_fields::{GITHUB, KEYLESS as EXACT, PREFIX};
use super::reader::{Mapping, Node};
use super::trust::{self, Signers, Trust};
use crate::limits::MAX_IDENTITY_CHARS;
use crate::regex::AnchoredRegex;
use crate::requirement::{RequiredIdentity, SignatureTerms, SignerRequirement};
use crate::text::Shown;
use crate::verify::{Claim, IdentityPattern, TextPattern};

/// The names that Kyverno has for Fulcio's extensions, and their numbers (Fulcio's oid-info.md).
const CLAIMS: [Claim; 5] = [
    Claim { name: "githubWorkflowTrigger", number: 2 },
    Claim { name: "githubWorkflowSha", number: 3 },
    Claim { name: "githubWorkflowName", number: 4 },
    REPOSITORY,
    Claim { name: "githubWorkflowRef", number: 6 },
];

/// Whose build it was: of a workflow that others may call, the subject names whoever wrote it.
const REPOSITORY: Claim = Claim { name: "githubWorkflowRepository", number: 5 };

/// Who vouches for the workflows of GitHub Actions.
const GITHUB_ISSUER: &str = "https://token.actions.githubusercontent.com";

/// Parses the `keyless` of an attestor entry.
pub(super) fn signer(
    node: Node<'_>,
    place: String,
    mut terms: SignatureTerms,
    trust: &Trust,
) -> Result<SignerRequirement, SettingsError> {
    let keyless = node.mapping(&KEYLESS)?;
    keyless.at_least_one(["issuer", "issuerRegExp"])?;
    keyless.at_least_one(["subject", "subjectRegExp"])?;
    let identity = IdentityPattern {
        issuer: patterns(&keyless, ["issuer", "issuerRegExp"], Whose::Wanted)?,
        subject: patterns(&keyless, ["subject", "subjectRegExp"], Whose::Wanted)?,
        claims: claims(&keyless)?,
    };
    if is_anybody_on_github(&identity) {
        let node = keyless.get("subject").or_else(|| keyless.get("subjectRegExp"));
        node.iter().for_each(|node| node.remark(ANY_OWNER));
    }
    if is_any_branch_on_github(&identity)
        && let Some(node) = keyless.get("subjectRegExp")
    {
        node.remark(ANY_BRANCH);
    }
    terms.evidence = trust::evidence(&keyless, Signers::Identities, trust)?;
    Ok(SignerRequirement { place, identity: RequiredIdentity::Keyless(identity), terms })
}

/// Parses an item of `revoked.identities`. To revoke too much is no hole.
pub(super) fn revoked(node: Node<'_>) -> Result<IdentityPattern, SettingsError> {
    let identity = node.mapping(&REVOKED_IDENTITY)?;
    let pattern = IdentityPattern {
        issuer: patterns(&identity, ["issuer", "issuerRegExp"], Whose::Revoked)?,
        subject: patterns(&identity, ["subject", "subjectRegExp"], Whose::Revoked)?,
        claims: Vec::new(),
    };
    if pattern.issuer.is_empty() && pattern.subject.is_empty() {
        identity.at_least_one(["issuer", "subject"])?;
    }
    Ok(pattern)
}

/// Parses an item of verify-image-signatures' `keyless`.
pub(super) fn exact(node: Node<'_>) -> Result<RequiredIdentity, SettingsError> {
    let identity = node.mapping(&EXACT)?;
    let subject = TextPattern::Exact(required(&identity, "subject")?);
    Ok(known(required(&identity, "issuer")?, subject))
}

/// Parses an item of verify-image-signatures' `keylessPrefix`.
pub(super) fn prefix(node: Node<'_>) -> Result<RequiredIdentity, SettingsError> {
    let identity = node.mapping(&PREFIX)?;
    let issuer = required(&identity, "issuer")?;
    let (_, prefix) = identity.exactly_one(&["urlPrefix", "url_prefix"])?;
    let text = literal(&prefix)?;
    let host = text.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    match host {
        Some(host) if !host.is_empty() && text.ends_with("//") => {
            Err(wrong(&prefix, text, "end it with one slash, or none"))
        }
        // What follows begins with a slash: acme is no prefix of acme-evil, nor of itself.
        Some(host) if !host.is_empty() => {
            let subject = TextPattern::Below(text.strip_suffix('/').unwrap_or(text).to_owned());
            if issuer == GITHUB_ISSUER && breadth::is_any_github_owner(&subject) {
                prefix.remark(ANY_OWNER);
            }
            Ok(known(issuer, subject))
        }
        _ => Err(wrong(&prefix, text, "write a URL with a host, such as https://github.com/acme/")),
    }
}

/// Parses verify-image-signatures' `githubActions`.
pub(super) fn github(node: Node<'_>) -> Result<RequiredIdentity, SettingsError> {
    let identity = node.mapping(&GITHUB)?;
    let name = |node: Node<'_>| {
        let text = node.some_text(MAX_IDENTITY_CHARS)?.to_owned();
        let is_name = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if is_name { Ok(text) } else { Err(wrong(&node, &text, "write one name, without slash or wildcard")) }
    };
    let owner = name(identity.required("owner")?)?;
    let repo = identity.get("repo").map_or_else(|| Ok("*".to_owned()), name)?;
    Ok(RequiredIdentity::Keyless(IdentityPattern {
        issuer: vec![TextPattern::Exact(GITHUB_ISSUER.to_owned())],
        subject: vec![TextPattern::Wildcard("https://github.com/*/*".to_owned())],
        claims: vec![(REPOSITORY, format!("{owner}/{repo}"))],
    }))
}

fn known(issuer: String, subject: TextPattern) -> RequiredIdentity {
    RequiredIdentity::Keyless(IdentityPattern {
        issuer: vec![TextPattern::Exact(issuer)],
        subject: vec![subject],
        claims: Vec::new(),
    })
}

/// What an identity is named for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Its signatures count: it must be somebody.
    Wanted,
    /// Its signatures count for nothing: to name too few is the hole.
    Revoked,
}

/// What is said of a subject that any workflow on GitHub has.
const ANY_OWNER: &str = "whoever has an account on GitHub can sign as this; write the owner, such as \
                         https://github.com/acme/*";

/// What is said of an expression that a branch's name could get round.
const ANY_BRANCH: &str = "what stands before `@` may have an `@` itself, as in a branch called `x@refs/heads/main`; write \
                          `[^@]*@`, or the claim `githubWorkflowRef`";

/// The patterns of a text with wildcards and of a regular expression, where they are written; both must hold.
fn patterns(
    identity: &Mapping<'_>,
    [text, regex]: [&'static str; 2],
    whose: Whose,
) -> Result<Vec<TextPattern>, SettingsError> {
    let mut patterns = Vec::new();
    if let Some(node) = identity.get(text) {
        let pattern = check_text(&node)?;
        if pattern.starts_with('^') {
            return Err(wrong(
                &node,
                pattern,
                if text == "issuer" {
                    "this is a regular expression; write `issuerRegExp`"
                } else {
                    "this is a regular expression; write `subjectRegExp`"
                },
            ));
        }
        if pattern.contains('\\') || pattern.ends_with('$') {
            node.remark("this looks like a regular expression; only `*` and `?` have a meaning here");
        }
        check_workflow(&node, pattern);
        patterns.push(checked(&node, pattern, TextPattern::Wildcard(pattern.to_owned()), whose)?);
    }
    if let Some(node) = identity.get(regex) {
        let source = check_text(&node)?;
        let parsed = AnchoredRegex::parse(source);
        let parsed =
            parsed.map_err(|error| node.error(Problem::Regex { found: source.to_owned(), error }))?;
        match (parsed.is_explicit(), whose) {
            (true, _) => {}
            (false, Whose::Wanted) => node.remark(
                "it must match the whole text, while Kyverno looks for it anywhere; begin with `^` or `.*`, and \
                 end with `$` or `.*`, to say which is meant",
            ),
            (false, Whose::Revoked) => {
                return Err(wrong(
                    &node,
                    source,
                    "it must match the whole text; begin with `^` or `.*`, and end with `$` or `.*`",
                ));
            }
        }
        patterns.push(checked(&node, source, TextPattern::Regex(parsed), whose)?);
    }
    if whose == Whose::Wanted
        && breadth::is_anybody(&patterns)
        && let Some(node) = identity.get(text).or_else(|| identity.get(regex))
    {
        return Err(wrong(&node, node.text()?, ANYBODY));
    }
    Ok(patterns)
}

/// A pattern, unless it is everybody's where that matters.
fn checked(
    node: &Node<'_>,
    written: &str,
    pattern: TextPattern,
    whose: Whose,
) -> Result<TextPattern, SettingsError> {
    if whose == Whose::Revoked {
        return Ok(pattern);
    }
    check_somebody(node, written)?;
    if let Some(name) = breadth::open_end(&pattern) {
        node.remark(&format!(
            "it also names others, whose names begin with `{}`; end the name with `/`",
            Shown(name)
        ));
    }
    Ok(pattern)
}

/// Whether each workflow on GitHub is meant, whoever owns it.
fn is_anybody_on_github(identity: &IdentityPattern) -> bool {
    identity.issuer.iter().all(|issuer| issuer.matches(GITHUB_ISSUER))
        && identity.subject.iter().all(breadth::is_any_github_owner)
        && !identity
            .claims
            .iter()
            .any(|(claim, value)| *claim == REPOSITORY && breadth::names_an_owner(value))
}

/// Whether a branch could be called so that its workflows seem to be another's.
fn is_any_branch_on_github(identity: &IdentityPattern) -> bool {
    identity.issuer.iter().all(|issuer| issuer.matches(GITHUB_ISSUER))
        && identity.subject.iter().any(breadth::is_open_before_at)
        && !identity.claims.iter().any(|(claim, _)| claim.name == "githubWorkflowRef")
}

/// Says of a repository on GitHub that nothing signs under its name alone.
fn check_workflow(node: &Node<'_>, subject: &str) {
    let path = subject.strip_prefix("https://github.com/").unwrap_or_default();
    if !path.is_empty() && !path.contains(['*', '?', '@']) {
        node.remark(
            "no workflow has this name: theirs go on with `/.github/workflows/FILE@REF`; write `*` at the end",
        );
    }
}

fn claims(keyless: &Mapping<'_>) -> Result<Vec<(Claim, String)>, SettingsError> {
    let Some(node) = keyless.get("additionalExtensions") else { return Ok(Vec::new()) };
    let extensions = node.mapping(&EXTENSIONS)?;
    let claim = |claim: Claim| {
        let node = extensions.get(claim.name)?;
        Some(check_text(&node).map(|text| (claim, text.to_owned())))
    };
    CLAIMS.into_iter().filter_map(claim).collect()
}

fn required(identity: &Mapping<'_>, name: &'static str) -> Result<String, SettingsError> {
    let node = identity.required(name)?;
    let text = literal(&node)?;
    check_somebody(&node, text)?;
    if name == "subject" {
        check_workflow(&node, text);
    }
    Ok(text.to_owned())
}

/// A text that is compared as it stands.
fn literal<'v>(node: &Node<'v>) -> Result<&'v str, SettingsError> {
    let text = check_text(node)?;
    if text.contains('*') || text.starts_with('^') {
        node.remark("it is compared as it stands: there are neither wildcards nor regular expressions here");
    }
    Ok(text)
}

const ANYBODY: &str = "this is anybody; write whose signatures count";

/// A name that is more than wildcards and what separates them.
fn check_somebody(node: &Node<'_>, text: &str) -> Result<(), SettingsError> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    if rest.bytes().any(|b| b.is_ascii_alphanumeric()) { Ok(()) } else { Err(wrong(node, text, ANYBODY)) }
}

fn check_text<'v>(node: &Node<'v>) -> Result<&'v str, SettingsError> {
    let text = node.some_text(MAX_IDENTITY_CHARS)?;
    if text.trim() != text {
        return Err(wrong(
            node,
            text,
            "nobody has a name with spaces or line breaks around it; write it without",
        ));
    }
    if text.contains("{{") { Err(node.error(Problem::Variable)) } else { Ok(text) }
}

fn wrong(node: &Node<'_>, found: &str, why: &'static str) -> SettingsError {
    node.error(Problem::Identity { found: found.to_owned(), why })
}
