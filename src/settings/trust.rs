//! What proves who signed, and when: `rekor`, `ctlog`, `roots`, `trustRoot`.

use super::error::{Problem, SettingsError};
use super::fields::{CTLOG, REKOR};
use super::reader::{Mapping, Node};
use crate::limits::{MAX_CERTIFICATES, MAX_IDENTITY_CHARS, MAX_KEY_BYTES};
use crate::verify::{EvidenceTerms, KeyError, OwnTrust, PublicKey, TrustRoot, certificates};

/// Whose signatures an entry is about, as far as it decides what evidence they need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signers {
    /// Holders of keys: nothing certifies them, so a timestamp is only asked for where an authority is written.
    Keys,
    /// Identities: their certificates are valid for minutes.
    Identities,
    /// Holders of certificates of one's own.
    Certificates,
}

/// The evidence that an entry asks for.
pub(super) fn evidence(
    holder: &Mapping<'_>,
    signers: Signers,
    trust: &TrustRoot,
) -> Result<EvidenceTerms, SettingsError> {
    let mut own = OwnTrust::default();
    let log = log(holder, &mut own)?;
    let ctlog = holder.get("ctlog").map(|node| node.mapping(&CTLOG)).transpose()?;
    let mut sct = signers == Signers::Identities;
    if let Some(ctlog) = &ctlog {
        let ignored = ctlog.boolean_or("ignoreSCT", false)?;
        sct = sct && !ignored;
        if let Some(node) = ctlog.get("pubkey") {
            own.ct_keys = Some(ders(&node)?);
            if !sct {
                node.note("no signed certificate timestamp is asked for");
            }
        }
        if let Some(node) = ctlog.get("tsaCertChain") {
            own.timestamp_chain = Some(pem(&node)?);
        }
    }
    // A certificate of Fulcio is valid for minutes: something must prove that it was used in them.
    let timestamps = own.timestamp_chain.is_some();
    if signers == Signers::Identities && !log && !timestamps {
        return Err(SettingsError::at(format!("{}.rekor.ignoreTlog", holder.path()), Problem::NoProvenTime));
    }
    if signers == Signers::Identities
        && let Some(node) = holder.get("roots")
    {
        own.roots = Some(pem(&node)?);
    }
    let timestamp = timestamps && (!log || signers != Signers::Identities);
    let trust = trust.with(&own).map_err(|error| holder.error(error.into()))?;
    Ok(EvidenceTerms { log, timestamp, sct, trust })
}

/// Whether a log entry is required, as Kyverno means it: unless that is switched off.
fn log(holder: &Mapping<'_>, own: &mut OwnTrust) -> Result<bool, SettingsError> {
    let Some(node) = holder.get("rekor") else { return Ok(true) };
    let rekor = node.mapping(&REKOR)?;
    let required = !rekor.boolean_or("ignoreTlog", false)?;
    if let Some(node) = rekor.get("pubkey") {
        let keys = ders(&node)?;
        if required {
            own.log_keys = Some(keys);
        } else {
            node.note("no log entry is asked for");
        }
    }
    if let Some(node) = rekor.get("url") {
        let url = node.text()?.trim();
        if url.len() > MAX_IDENTITY_CHARS {
            return Err(node.error(Problem::TooLong { limit: MAX_IDENTITY_CHARS }));
        }
        // Kyverno's own examples leave it empty.
        if !url.is_empty() && required {
            own.log_url = Some(url.to_owned());
        }
    }
    Ok(required)
}

/// A trust root in place of the one above.
pub(super) fn trust_root(holder: &Mapping<'_>, above: &TrustRoot) -> Result<TrustRoot, SettingsError> {
    let Some(node) = holder.get("trustRoot") else { return Ok(above.clone()) };
    Ok(TrustRoot::from_json(node.object()?))
}

/// The DER of PEM certificates.
pub(super) fn pem(node: &Node<'_>) -> Result<Vec<Vec<u8>>, SettingsError> {
    let text = node.some_text(MAX_KEY_BYTES.saturating_mul(MAX_CERTIFICATES))?;
    if text.contains("PRIVATE KEY-----") {
        return Err(node.error(KeyError::PrivateKey.into()));
    }
    certificates(text).map_err(|error| node.error(error.into()))
}

fn ders(node: &Node<'_>) -> Result<Vec<Vec<u8>>, SettingsError> {
    PublicKey::parse_ders(node.text()?).map_err(|error| node.error(error.into()))
}
