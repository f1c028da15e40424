//! The settings of Kubewarden's verify-image-signatures, with its semantics: every item that matches an
//! image binds it, every key of an item must have signed, what matches nothing is accepted, and no log
//! entry is asked for.

use super::attestors::{annotations, check_signers_differ};
use super::error::{Problem, SettingsError};
use super::fields::{KUBEWARDEN_SETTINGS, KUBEWARDEN_SIGNATURE};
use super::native::pattern;
use super::reader::Node;
use super::{Mutation, Revoked, Settings, UnmatchedImages};
use crate::image::BindingPattern;
use crate::limits::{EVALUATION_BUDGET, MAX_ENTRIES, MAX_RULES};
use crate::requirement::{
    DeclaredEntry, DeclaredSet, FailureAction, NonEmpty, Rule, RuleName, SignatureTerms, signers,
};
use crate::verify::PublicKey;

/// Parses settings of verify-image-signatures.
pub(super) fn parse(root: Node<'_>) -> Result<Settings, SettingsError> {
    let settings = root.mapping(&KUBEWARDEN_SETTINGS)?;
    let modify = settings.boolean_or("modifyImagesWithDigest", true)?;
    let list = settings.required("signatures")?;
    let items = list.clone().list(MAX_RULES)?.into_iter();
    let rules = items.map(|item| signature(item, modify)).collect::<Result<Vec<_>, _>>()?;
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
    })
}

fn signature(node: Node<'_>, modify: bool) -> Result<Rule, SettingsError> {
    let place = node.path().to_owned();
    let item = node.mapping(&KUBEWARDEN_SIGNATURE)?;
    let image = item.required("image")?;
    let images = NonEmpty::new(vec![pattern(&image, BindingPattern::parse)?]);
    let terms = SignatureTerms { annotations: annotations(&item)?, ..SignatureTerms::default() };
    let list = item.required("pubKeys")?;
    let mut entries = Vec::new();
    for (index, node) in list.clone().list(MAX_ENTRIES)?.into_iter().enumerate() {
        let keys = PublicKey::parse_all(node.text()?).map_err(|error| node.error(error.into()))?;
        entries.extend(signers(&format!("pubKeys[{index}]"), keys, &terms).map(DeclaredEntry::Signer));
    }
    if entries.len() > MAX_ENTRIES {
        return Err(list.error(Problem::TooMany { found: entries.len(), limit: MAX_ENTRIES }));
    }
    let entries = NonEmpty::new(entries).ok_or_else(|| list.error(Problem::Empty))?;
    let set = DeclaredSet { place: "pubKeys".to_owned(), count: None, entries };
    check_signers_differ(&set.signers(), &place)?;
    Ok(Rule {
        name: RuleName::Place(place),
        images: images.ok_or_else(|| image.error(Problem::Empty))?,
        skips: Vec::new(),
        attestors: NonEmpty::new(vec![set]).ok_or_else(|| list.error(Problem::Empty))?,
        action: FailureAction::Enforce,
        mutate_digest: modify,
        // Where it does not modify images, today's policy accepts tags; the answer carries a warning.
        verify_digest: false,
        child_signatures: false,
        signed_identities: Vec::new(),
    })
}
