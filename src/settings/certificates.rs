//! `certificates`, and the trust that `keyless` and they bring along: certificates, `rekor`, `ctlog`. All of
//! it is checked; none of it can be verified yet.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::{Problem, SettingsError};
use super::fields::{CERTIFICATES, CTLOG, REKOR};
use super::reader::{Mapping, Node};
use crate::limits::MAX_KEY_BYTES;
use crate::verify::KeyError;

/// Checks the `certificates` of an attestor entry.
pub(super) fn check(node: Node<'_>) -> Result<(), SettingsError> {
    let certificates = node.mapping(&CERTIFICATES)?;
    certificates.at_least_one(["cert", "certChain"])?;
    for name in ["cert", "certChain"] {
        certificates.get(name).iter().try_for_each(check_pem)?;
    }
    check_rekor(&certificates)?;
    match certificates.get("ctlog") {
        Some(node) => check_ctlog(&node.mapping(&CTLOG)?),
        None => Ok(()),
    }
}

/// PEM certificates, none of them looked into.
pub(super) fn check_pem(node: &Node<'_>) -> Result<(), SettingsError> {
    let text = node.some_text(MAX_KEY_BYTES)?;
    if text.contains("PRIVATE KEY-----") {
        return Err(node.error(KeyError::PrivateKey.into()));
    }
    let mut rest = text.trim();
    while !rest.is_empty() {
        let block = rest.strip_prefix("-----BEGIN CERTIFICATE-----");
        let block = block.and_then(|block| block.split_once("-----END CERTIFICATE-----"));
        let (body, after) = block.ok_or_else(|| node.error(Problem::Certificates))?;
        let body: String = body.split_whitespace().collect();
        // What it begins with is all that is told of a SEQUENCE here.
        if !STANDARD.decode(body).is_ok_and(|der| der.first() == Some(&0x30)) {
            return Err(node.error(Problem::Certificates));
        }
        rest = after.trim_start();
    }
    Ok(())
}

/// Whether `rekor` says that no log entry is needed.
pub(super) fn check_rekor(holder: &Mapping<'_>) -> Result<bool, SettingsError> {
    let Some(node) = holder.get("rekor") else { return Ok(false) };
    let rekor = node.mapping(&REKOR)?;
    let ignored = rekor.boolean_or("ignoreTlog", false)?;
    if let Some(node) = rekor.get("pubkey") {
        node.keys()?;
        if ignored {
            node.note("no log entry is asked for");
        }
    }
    Ok(ignored)
}

/// Checks a `ctlog`.
pub(super) fn check_ctlog(ctlog: &Mapping<'_>) -> Result<(), SettingsError> {
    ctlog.boolean_or("ignoreSCT", false)?;
    if let Some(node) = ctlog.get("pubkey") {
        node.keys()?;
    }
    ctlog.get("tsaCertChain").iter().try_for_each(check_pem)
}
