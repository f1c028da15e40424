//! What stands above the rules: `revoked` and `exceptions`.

use super::error::{Problem, SettingsError};
use super::fields::{EXCEPTION, REVOKED};
use super::keyless;
use super::reader::Mapping;
use crate::image::ImageDigest;
use crate::limits::MAX_LIST_ITEMS;
use crate::time::Time;
use crate::verify::{PublicKey, RevokedSigners};

/// What is never accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Revoked {
    /// Images.
    pub digests: Vec<ImageDigest>,
    /// Keys and identities.
    pub signers: RevokedSigners,
}

/// An image accepted for a time although a rule is not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// The image.
    pub digest: ImageDigest,
    /// Until when.
    pub until: Time,
    /// Why.
    pub reason: String,
}

pub(super) fn revoked(settings: &Mapping<'_>) -> Result<Revoked, SettingsError> {
    let Some(node) = settings.get("revoked") else { return Ok(Revoked::default()) };
    let revoked = node.mapping(&REVOKED)?;
    let mut result = Revoked::default();
    if let Some(list) = revoked.get("digests") {
        for node in list.list_or_empty(MAX_LIST_ITEMS)? {
            result.digests.push(node.digest()?);
        }
    }
    if let Some(list) = revoked.get("keys") {
        for node in list.list_or_empty(MAX_LIST_ITEMS)? {
            let keys = node.keys()?;
            result.signers.keys.extend(keys.iter().map(PublicKey::fingerprint));
        }
    }
    if let Some(list) = revoked.get("identities") {
        let identities = list.list_or_empty(MAX_LIST_ITEMS)?.into_iter().map(keyless::revoked);
        result.signers.identities = identities.collect::<Result<_, _>>()?;
    }
    Ok(result)
}

pub(super) fn exceptions(settings: &Mapping<'_>) -> Result<Vec<Exception>, SettingsError> {
    let Some(list) = settings.get("exceptions") else { return Ok(Vec::new()) };
    let exception = |node: super::reader::Node<'_>| {
        let exception = node.mapping(&EXCEPTION)?;
        let reason = exception.required("reason")?;
        let text = reason.text()?.trim();
        if text.is_empty() {
            return Err(reason.error(Problem::Empty));
        }
        Ok(Exception {
            digest: exception.required("digest")?.digest()?,
            until: exception.required("until")?.time()?,
            reason: text.to_owned(),
        })
    };
    list.list_or_empty(MAX_LIST_ITEMS)?.into_iter().map(exception).collect()
}
