//! Identities: `keyless`, what verify-image-signatures has in its place, and those that are revoked.

use super::error::{Problem, SettingsError};
use super::fields::{EXTENSIONS, KEYLESS, REVOKED_IDENTITY};
use super::kubewarden_fields::{GITHUB, KEYLESS as EXACT, PREFIX};
use super::reader::{Mapping, Node};
use super::trust::{self, Signers};
use crate::limits::MAX_IDENTITY_CHARS;
use crate::regex::AnchoredRegex;
use crate::requirement::{RequiredIdentity, SignatureTerms, SignerRequirement};
use crate::verify::{Claim, IdentityPattern, TextPattern, TrustRoot};

/// The names that Kyverno has for Fulcio's extensions, and their numbers (Fulcio's oid-info.md).
const CLAIMS: [Claim; 5] = [
    Claim { name: "githubWorkflowTrigger", number: 2 },
    Claim { name: "githubWorkflowSha", number: 3 },
    Claim { name: "githubWorkflowName", number: 4 },
    Claim { name: "githubWorkflowRepository", number: 5 },
    Claim { name: "githubWorkflowRef", number: 6 },
];

/// Who vouches for the workflows of GitHub Actions.
const GITHUB_ISSUER: &str = "https://token.actions.githubusercontent.com";

/// Parses the `keyless` of an attestor entry.
pub(super) fn signer(
    node: Node<'_>,
    place: String,
    mut terms: SignatureTerms,
    trust: &TrustRoot,
) -> Result<SignerRequirement, SettingsError> {
    let keyless = node.mapping(&KEYLESS)?;
    keyless.at_least_one(["issuer", "issuerRegExp"])?;
    keyless.at_least_one(["subject", "subjectRegExp"])?;
    let identity = IdentityPattern {
        issuer: patterns(&keyless, ["issuer", "issuerRegExp"], check_somebody)?,
        subject: patterns(&keyless, ["subject", "subjectRegExp"], check_somebody)?,
        claims: claims(&keyless)?,
    };
    terms.evidence = trust::evidence(&keyless, Signers::Identities, trust)?;
    Ok(SignerRequirement { place, identity: RequiredIdentity::Keyless(identity), terms })
}

/// Parses an item of `revoked.identities`. To revoke too much is no hole.
pub(super) fn revoked(node: Node<'_>) -> Result<IdentityPattern, SettingsError> {
    let identity = node.mapping(&REVOKED_IDENTITY)?;
    let pattern = IdentityPattern {
        issuer: patterns(&identity, ["issuer", "issuerRegExp"], check_text)?,
        subject: patterns(&identity, ["subject", "subjectRegExp"], check_text)?,
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
    let text = prefix.some_text(MAX_IDENTITY_CHARS)?;
    let host = text.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    match host {
        // What follows begins with a slash: acme is no prefix of acme-evil.
        Some(host) if !host.is_empty() => {
            Ok(known(issuer, TextPattern::Below(text.trim_end_matches('/').to_owned())))
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
    let mut base = format!("https://github.com/{}", name(identity.required("owner")?)?);
    if let Some(node) = identity.get("repo") {
        base = format!("{base}/{}", name(node)?);
    }
    Ok(known(GITHUB_ISSUER.to_owned(), TextPattern::Below(base)))
}

fn known(issuer: String, subject: TextPattern) -> RequiredIdentity {
    RequiredIdentity::Keyless(IdentityPattern {
        issuer: vec![TextPattern::Exact(issuer)],
        subject: vec![subject],
        claims: Vec::new(),
    })
}

/// The patterns of a text with wildcards and of a regular expression, where they are written; both must hold.
fn patterns(
    identity: &Mapping<'_>,
    [text, regex]: [&'static str; 2],
    check: for<'v> fn(&Node<'v>, &'static str) -> Result<&'v str, SettingsError>,
) -> Result<Vec<TextPattern>, SettingsError> {
    let mut patterns = Vec::new();
    if let Some(node) = identity.get(text) {
        patterns.push(TextPattern::Wildcard(check(&node, text)?.to_owned()));
    }
    if let Some(node) = identity.get(regex) {
        let source = check(&node, regex)?;
        let parsed = AnchoredRegex::parse(source);
        let parsed =
            parsed.map_err(|error| node.error(Problem::Regex { found: source.to_owned(), error }))?;
        if !parsed.is_explicit() {
            node.remark("it must match the whole text; write `.*` at an end where any text may stand");
        }
        patterns.push(TextPattern::Regex(parsed));
    }
    Ok(patterns)
}

fn claims(keyless: &Mapping<'_>) -> Result<Vec<(Claim, String)>, SettingsError> {
    let Some(node) = keyless.get("additionalExtensions") else { return Ok(Vec::new()) };
    let extensions = node.mapping(&EXTENSIONS)?;
    let claim = |claim: Claim| {
        let node = extensions.get(claim.name)?;
        Some(node.some_text(MAX_IDENTITY_CHARS).map(|text| (claim, text.to_owned())))
    };
    CLAIMS.into_iter().filter_map(claim).collect()
}

fn required(identity: &Mapping<'_>, name: &'static str) -> Result<String, SettingsError> {
    check_somebody(&identity.required(name)?, name).map(ToOwned::to_owned)
}

/// A name that is not everybody's.
fn check_somebody<'v>(node: &Node<'v>, name: &'static str) -> Result<&'v str, SettingsError> {
    let text = check_text(node, name)?;
    let rest = text.trim_start_matches(['^', '(']);
    let rest = rest.strip_prefix("https://").unwrap_or(rest);
    // Nothing but wildcards and what separates them.
    if !rest.bytes().any(|b| b.is_ascii_alphanumeric()) {
        return Err(wrong(node, text, "this is anybody; write whose signatures count"));
    }
    Ok(text)
}

fn check_text<'v>(node: &Node<'v>, name: &'static str) -> Result<&'v str, SettingsError> {
    let text = node.some_text(MAX_IDENTITY_CHARS)?;
    if text.contains("{{") {
        return Err(node.error(Problem::Variable));
    }
    match name {
        "subject" if text.starts_with('^') => {
            Err(wrong(node, text, "this is a regular expression; write `subjectRegExp`"))
        }
        "issuer" if text.starts_with('^') => {
            Err(wrong(node, text, "this is a regular expression; write `issuerRegExp`"))
        }
        _ => Ok(text),
    }
}

fn wrong(node: &Node<'_>, found: &str, why: &'static str) -> SettingsError {
    node.error(Problem::Identity { found: found.to_owned(), why })
}
