//! What proves who signed, and when: `rekor`, `ctlog`, `roots`, `trustRoot`.

use core::cell::RefCell;
use std::rc::Rc;

use serde_json::Value;

use super::error::{Problem, SettingsError};
use super::fields::{CTLOG, REKOR};
use super::reader::{Mapping, Node};
use crate::limits::{MAX_CERTIFICATE_BYTES, MAX_CERTIFICATES, MAX_IDENTITY_CHARS, MAX_TRUST_ROOT_BYTES};
use crate::verify::{
    EvidenceTerms, KeyError, OwnCertificates, OwnTrust, PublicKey, TrustRoot, TrustRootError, certificates,
};

/// Whom the settings believe in some place.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    /// The trust root.
    pub(super) root: TrustRoot,
    /// Whether it is written in the settings and names timestamp authorities: then they may stand in for the log. That
    /// the built-in root names one is no reason to take its word where nobody has asked for it.
    timestamps: bool,
    /// What entries made of it: those who write the same share one root, which is then built once.
    derived: Rc<RefCell<Vec<(OwnTrust, TrustRoot)>>>,
}

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
    trust: &Trust,
) -> Result<EvidenceTerms, SettingsError> {
    let mut own = OwnTrust::default();
    let log = log(holder, &mut own)?;
    let ctlog = holder.get("ctlog").map(|node| node.mapping(&CTLOG)).transpose()?;
    let mut sct = signers == Signers::Identities;
    if let Some(ctlog) = &ctlog {
        if let Some(node) = ctlog.get("ignoreSCT") {
            if signers != Signers::Identities {
                node.note("only certificates of identities are listed in such a log");
            }
            sct = sct && !node.boolean()?;
        }
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
    let own_authority = own.timestamp_chain.is_some();
    if signers == Signers::Identities && !log && !own_authority && !trust.timestamps {
        return Err(SettingsError::at(format!("{}.rekor.ignoreTlog", holder.path()), Problem::NoProvenTime));
    }
    if signers == Signers::Identities
        && let Some(node) = holder.get("roots")
    {
        own.roots = Some(pem(&node)?);
    }
    let timestamp = if signers == Signers::Identities { !log } else { own_authority };
    let trust = trust.with(own).map_err(|error| {
        let part = match &error {
            TrustRootError::NoSuchLog(_) => ".rekor.url",
            TrustRootError::NamelessLog => ".rekor.pubkey",
            TrustRootError::NoAuthority => ".roots",
            TrustRootError::Json(_)
            | TrustRootError::Certificate(_)
            | TrustRootError::Content(_)
            | TrustRootError::Empty => "",
        };
        SettingsError::at(format!("{}{part}", holder.path()), error.into())
    })?;
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
        if !url.is_empty() {
            if required {
                own.log_url = Some(url.to_owned());
            } else {
                node.note("no log entry is asked for");
            }
        }
    }
    Ok(required)
}

impl Trust {
    /// What is built in.
    pub(super) fn built_in() -> Self {
        Self { root: TrustRoot::public_good(), timestamps: false, derived: Rc::default() }
    }

    fn with(&self, own: OwnTrust) -> Result<TrustRoot, TrustRootError> {
        let mut derived = self.derived.borrow_mut();
        if let Some((_, root)) = derived.iter().find(|(known, _)| *known == own) {
            return Ok(root.clone());
        }
        let root = self.root.with(&own)?;
        derived.push((own, root.clone()));
        Ok(root)
    }

    /// The `trustRoot` of a mapping, if it has one, in place of this one.
    pub(super) fn or_own(&self, holder: &Mapping<'_>) -> Result<Self, SettingsError> {
        let Some(node) = holder.get("trustRoot") else { return Ok(self.clone()) };
        let json = node.object()?;
        let root = TrustRoot::from_json(json);
        if root.json().len() > MAX_TRUST_ROOT_BYTES {
            return Err(node.error(Problem::TooLong { limit: MAX_TRUST_ROOT_BYTES }));
        }
        node.trusts(&root);
        let authorities = json.get("timestampAuthorities").and_then(Value::as_array);
        let timestamps = authorities.is_some_and(|all| !all.is_empty());
        Ok(Self { root, timestamps, derived: Rc::default() })
    }
}

/// The DER of PEM certificates.
pub(super) fn pem(node: &Node<'_>) -> Result<Vec<Vec<u8>>, SettingsError> {
    // In base64 they take a third more, and a YAML block may indent them.
    let text = node.some_text(MAX_CERTIFICATE_BYTES.saturating_mul(2).saturating_mul(MAX_CERTIFICATES))?;
    if text.contains("PRIVATE KEY-----") {
        return Err(node.error(KeyError::PrivateKey.into()));
    }
    let ders = certificates(text).map_err(|error| node.error(error.into()))?;
    // Each is read here once, so that what is wrong with it is said of this field.
    OwnCertificates::new(None, ders.clone()).map_err(|error| node.error(error.into()))?;
    Ok(ders)
}

fn ders(node: &Node<'_>) -> Result<Vec<Vec<u8>>, SettingsError> {
    PublicKey::parse_ders(node.text()?).map_err(|error| node.error(error.into()))
}
