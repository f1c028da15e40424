//! The settings of Kubewarden's verify-image-signatures, with its semantics: every item that matches an
//! image binds it, every key of an item must have signed, what matches nothing is accepted, and no log
//! entry is asked for.

use std::collections::BTreeMap;

use serde_json::Value;

use super::attestors::{annotations, check_signers_differ};
use super::error::{Problem, SettingsError};
use super::kubewarden_fields::{SETTINGS, SIGNATURE};
use super::native::pattern;
use super::reader::{Mapping, Node};
use super::trust::Trust;
use super::{Mutation, Revoked, Settings, UnmatchedImages, keyless, trust};
use crate::image::BindingPattern;
use crate::limits::{EVALUATION_BUDGET, MAX_CERTIFICATES, MAX_ENTRIES, MAX_RULES};
use crate::requirement::{
    DeclaredEntry, DeclaredSet, FailureAction, NonEmpty, RequiredIdentity, Rule, RuleName, SignatureFormat,
    SignatureTerms, SignerRequirement, signers,
};
use crate::verify::{EvidenceTerms, OwnCertificates, TrustRoot};

/// Parses settings of verify-image-signatures.
pub(super) fn parse(root: Node<'_>) -> Result<Settings, SettingsError> {
    let settings = root.mapping(&SETTINGS)?;
    let modify = settings.boolean_or("modifyImagesWithDigest", true)?;
    let list = settings.required("signatures")?;
    let items = list.clone().list(MAX_RULES)?.into_iter();
    let trust = Trust::built_in().or_own(&settings)?.root;
    let rules = items.map(|item| signature(item, modify, &trust)).collect::<Result<Vec<_>, _>>()?;
    Ok(Settings {
        rules: NonEmpty::new(rules).ok_or_else(|| list.error(Problem::Empty))?,
        unmatched_images: UnmatchedImages::Allow,
        extractors: Vec::new(),
        evaluation_budget: EVALUATION_BUDGET,
        skip_unchanged: false,
        mutation: Mutation::default(),
        revoked: Revoked::default(),
        exceptions: Vec::new(),
        warnings: Vec::new(),
        trust_roots: Vec::new(),
    })
}

fn signature(node: Node<'_>, modify: bool, trust: &TrustRoot) -> Result<Rule, SettingsError> {
    let place = node.path().to_owned();
    let item = node.mapping(&SIGNATURE)?;
    let image = item.required("image")?;
    let images = NonEmpty::one(pattern(&image, BindingPattern::parse)?);
    // Rancher's form writes that there are none as an empty mapping.
    let asked = item.get("annotations").map(|node| node.object()).transpose()?;
    let annotations = match asked.and_then(Value::as_object) {
        Some(none) if none.is_empty() => BTreeMap::new(),
        _ => annotations(&item)?,
    };
    let terms = SignatureTerms { annotations, ..SignatureTerms::default() };
    let (kind, list) = item.exactly_one(&KINDS)?;
    let entries = entries(kind, &list, &item, &terms, trust)?;
    let entries = NonEmpty::new(entries).ok_or_else(|| list.error(Problem::Empty))?;
    let set = DeclaredSet { place: kind.to_owned(), count: None, entries };
    check_signers_differ(&set.signers(), &place, &list)?;
    Ok(Rule {
        name: RuleName::Place(place),
        images,
        skips: Vec::new(),
        attestors: vec![set],
        attestations: Vec::new(),
        format: SignatureFormat::Any,
        action: FailureAction::Enforce,
        mutate_digest: modify,
        // Where it does not modify images, today's policy accepts tags; the answer carries a warning.
        verify_digest: false,
        child_signatures: false,
        signed_identities: Vec::new(),
    })
}

/// What an item asks for.
const KINDS: [&str; 5] = ["pubKeys", "keyless", "keylessPrefix", "githubActions", "certificates"];

/// Whose signatures an item asks for: of all of them.
fn entries(
    kind: &'static str,
    node: &Node<'_>,
    item: &Mapping<'_>,
    terms: &SignatureTerms,
    trust: &TrustRoot,
) -> Result<Vec<DeclaredEntry>, SettingsError> {
    let chain = item.get("certificateChain");
    let rekor = item.get("requireRekorBundle");
    if kind != "certificates"
        && let Some(stray) = chain.as_ref().or(rekor.as_ref())
    {
        return Err(stray.error(Problem::RefusedField { instead: "it belongs to `certificates`" }));
    }
    // Certificates of Fulcio are believed with a log entry and the promise of a certificate-transparency log.
    let believed = EvidenceTerms { log: true, timestamp: false, sct: true, trust: trust.clone() };
    let identity = |place: String, identity| {
        let terms = SignatureTerms { evidence: believed.clone(), ..terms.clone() };
        DeclaredEntry::Signer(SignerRequirement { place, identity, terms })
    };
    if kind == "githubActions" {
        return Ok(vec![identity(kind.to_owned(), keyless::github(node.clone())?)]);
    }
    let own_evidence = if kind == "certificates" {
        let log = item.required("requireRekorBundle")?.boolean()?;
        EvidenceTerms { log, sct: false, ..believed.clone() }
    } else {
        EvidenceTerms::default()
    };
    let own_chain = chain.map(own_chain).transpose()?.unwrap_or_default();
    let mut entries = Vec::new();
    for (index, node) in node.clone().list(MAX_ENTRIES)?.into_iter().enumerate() {
        let place = format!("{kind}[{index}]");
        match kind {
            "pubKeys" => entries.extend(signers(&place, node.keys()?, terms).map(DeclaredEntry::Signer)),
            "keyless" => entries.push(identity(place, keyless::exact(node)?)),
            "keylessPrefix" => entries.push(identity(place, keyless::prefix(node)?)),
            _ => {
                let own = OwnCertificates::new(Some(trust::pem(&node)?), own_chain.clone());
                let own = RequiredIdentity::Certificate(own.map_err(|error| node.error(error.into()))?);
                let terms = SignatureTerms { evidence: own_evidence.clone(), ..terms.clone() };
                entries.push(DeclaredEntry::Signer(SignerRequirement { place, identity: own, terms }));
            }
        }
    }
    if entries.len() > MAX_ENTRIES {
        return Err(node.error(Problem::TooMany { found: entries.len(), limit: MAX_ENTRIES }));
    }
    Ok(entries)
}

/// The certificates of a `certificateChain`: there a list with one in each text. All in one text do no harm.
fn own_chain(node: Node<'_>) -> Result<Vec<Vec<u8>>, SettingsError> {
    let texts = node.list_or_text(MAX_CERTIFICATES)?;
    let ders = texts.iter().map(trust::pem).collect::<Result<Vec<_>, _>>()?;
    Ok(ders.concat())
}
