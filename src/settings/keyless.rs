//! Identities: `keyless`, what verify-image-signatures has in its place, and those that are revoked. All of
//! it is checked; none of it can be verified yet.

use super::certificates::{check_ctlog, check_pem, check_rekor};
use super::error::{Problem, SettingsError};
use super::fields::{CTLOG, EXTENSIONS, KEYLESS, REVOKED_IDENTITY};
use super::kubewarden_fields::{GITHUB, KEYLESS as EXACT, PREFIX};
use super::reader::{Mapping, Node};
use crate::limits::MAX_IDENTITY_CHARS;

/// Checks the `keyless` of an attestor entry.
pub(super) fn check(node: Node<'_>) -> Result<(), SettingsError> {
    let keyless = node.mapping(&KEYLESS)?;
    keyless.at_least_one(["issuer", "issuerRegExp"])?;
    keyless.at_least_one(["subject", "subjectRegExp"])?;
    for name in ["issuer", "issuerRegExp", "subject", "subjectRegExp"] {
        keyless.get(name).iter().try_for_each(|node| check_somebody(node, name))?;
    }
    if let Some(node) = keyless.get("additionalExtensions") {
        let extensions = node.mapping(&EXTENSIONS)?;
        for field in EXTENSIONS.fields {
            extensions
                .get(field.name)
                .iter()
                .try_for_each(|node| node.some_text(MAX_IDENTITY_CHARS).map(drop))?;
        }
    }
    keyless.get("roots").iter().try_for_each(check_pem)?;
    let ignores_tlog = check_rekor(&keyless)?;
    let ctlog = keyless.get("ctlog").map(|node| node.mapping(&CTLOG)).transpose()?;
    ctlog.iter().try_for_each(check_ctlog)?;
    // A certificate of Fulcio is valid for minutes: something must prove that it was used in them.
    if ignores_tlog && ctlog.is_none_or(|ctlog| ctlog.get("tsaCertChain").is_none()) {
        return Err(SettingsError::at(format!("{}.rekor.ignoreTlog", keyless.path()), Problem::NoProvenTime));
    }
    Ok(())
}

/// Checks an item of `revoked.identities`. To revoke too much is no hole.
pub(super) fn check_revoked(node: Node<'_>) -> Result<(), SettingsError> {
    let identity = node.mapping(&REVOKED_IDENTITY)?;
    let mut found = 0_usize;
    for name in ["issuer", "issuerRegExp", "subject", "subjectRegExp"] {
        if let Some(node) = identity.get(name) {
            check_text(&node, name)?;
            found = found.saturating_add(1);
        }
    }
    if found == 0 { identity.at_least_one(["issuer", "subject"]) } else { Ok(()) }
}

/// Checks an item of verify-image-signatures' `keyless`.
pub(super) fn check_exact(node: Node<'_>) -> Result<(), SettingsError> {
    let identity = node.mapping(&EXACT)?;
    required(&identity, "issuer")?;
    required(&identity, "subject")
}

/// Checks an item of verify-image-signatures' `keylessPrefix`.
pub(super) fn check_prefix(node: Node<'_>) -> Result<(), SettingsError> {
    let identity = node.mapping(&PREFIX)?;
    required(&identity, "issuer")?;
    let (_, prefix) = identity.exactly_one(&["urlPrefix", "url_prefix"])?;
    let text = prefix.some_text(MAX_IDENTITY_CHARS)?;
    let host = text.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    match host {
        Some(host) if !host.is_empty() => Ok(()),
        _ => wrong(&prefix, text, "write a URL with a host, such as https://github.com/acme/"),
    }
}

/// Checks verify-image-signatures' `githubActions`.
pub(super) fn check_github(node: Node<'_>) -> Result<(), SettingsError> {
    let identity = node.mapping(&GITHUB)?;
    for node in [Some(identity.required("owner")?), identity.get("repo")].iter().flatten() {
        let text = node.some_text(MAX_IDENTITY_CHARS)?;
        let is_name = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if !is_name {
            return wrong(node, text, "write one name, without slash or wildcard");
        }
    }
    Ok(())
}

fn required(identity: &Mapping<'_>, name: &'static str) -> Result<(), SettingsError> {
    check_somebody(&identity.required(name)?, name)
}

/// A name that is not everybody's.
fn check_somebody(node: &Node<'_>, name: &'static str) -> Result<(), SettingsError> {
    let text = check_text(node, name)?;
    let rest = text.trim_start_matches(['^', '(']);
    let rest = rest.strip_prefix("https://").unwrap_or(rest);
    // Nothing but wildcards and what separates them.
    if !rest.bytes().any(|b| b.is_ascii_alphanumeric()) {
        return wrong(node, text, "this is anybody; write whose signatures count");
    }
    Ok(())
}

fn check_text<'v>(node: &Node<'v>, name: &'static str) -> Result<&'v str, SettingsError> {
    let text = node.some_text(MAX_IDENTITY_CHARS)?;
    if text.contains("{{") {
        return Err(node.error(Problem::Variable));
    }
    if text.starts_with('^') {
        match name {
            "subject" => wrong(node, text, "this is a regular expression; write `subjectRegExp`")?,
            "issuer" => wrong(node, text, "this is a regular expression; write `issuerRegExp`")?,
            _ => {}
        }
    }
    Ok(text)
}

fn wrong(node: &Node<'_>, found: &str, why: &'static str) -> Result<(), SettingsError> {
    Err(node.error(Problem::Identity { found: found.to_owned(), why }))
}
