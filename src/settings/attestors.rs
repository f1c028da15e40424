//! Attestor sets: `count`, `entries`, `keys`.

use super::error::{Problem, SettingsError};
use super::fields::{ATTESTOR_SET, ENTRY, KEYS, REKOR};
use super::keyring;
use super::reader::Node;
use crate::limits::{MAX_ATTESTOR_DEPTH, MAX_ENTRIES};
use crate::requirement::{Attestor, AttestorSet, NonEmpty, RequiredIdentity, SignerRequirement};
use crate::verify::PublicKey;

/// Parses the `attestors` of a rule. Places in the result are relative to the rule.
pub(super) fn parse(attestors: Node<'_>, rule: &str) -> Result<NonEmpty<AttestorSet>, SettingsError> {
    let empty = attestors.error(Problem::Empty);
    let sets = attestors.list(MAX_ENTRIES)?.into_iter();
    let sets = sets.map(|set| attestor_set(set, rule, 1)).collect::<Result<Vec<_>, _>>()?;
    for set in &sets {
        check_signers_differ(set, rule)?;
    }
    NonEmpty::new(sets).ok_or(empty)
}

fn attestor_set(node: Node<'_>, rule: &str, depth: usize) -> Result<AttestorSet, SettingsError> {
    if depth > MAX_ATTESTOR_DEPTH {
        return Err(node.error(Problem::TooDeep { limit: MAX_ATTESTOR_DEPTH }));
    }
    let place = relative(node.path(), rule);
    let set = node.mapping(&ATTESTOR_SET)?;
    let entries_node = set.required("entries")?;
    let empty = entries_node.error(Problem::Empty);
    let entries_path = entries_node.path().to_owned();
    let written = entries_node.list(MAX_ENTRIES)?;
    let written_len = written.len();
    let mut entries = Vec::new();
    for node in written {
        entries.extend(entry(node, rule, depth)?);
    }
    if entries.len() > MAX_ENTRIES {
        let problem = Problem::TooMany { found: entries.len(), limit: MAX_ENTRIES };
        return Err(SettingsError::at(entries_path, problem));
    }
    let entries = NonEmpty::new(entries).ok_or(empty)?;
    let Some(count) = set.get("count") else {
        return AttestorSet::new(place, entries, None).map_err(|_| set.error(Problem::Empty));
    };
    let found = count.count()?;
    let impossible = Problem::Count { found, entries: entries.len(), written: written_len };
    // A count beyond usize is beyond any number of entries.
    let wanted = usize::try_from(found).unwrap_or(usize::MAX);
    AttestorSet::new(place, entries, Some(wanted)).map_err(|_| count.error(impossible))
}

/// One entry as written: several keys in one block are several entries, as in Kyverno, so that without
/// a `count` all of them must sign.
fn entry(node: Node<'_>, rule: &str, depth: usize) -> Result<Vec<Attestor>, SettingsError> {
    let place = relative(node.path(), rule);
    let entry = node.mapping(&ENTRY)?;
    let (kind, inner) = entry.exactly_one(&["keys", "attestor"])?;
    if kind == "attestor" {
        let depth = depth.saturating_add(1);
        return Ok(vec![Attestor::Set(attestor_set(inner, rule, depth)?)]);
    }
    let keys = keys(inner)?;
    let several = keys.len() > 1;
    let signers = keys.into_iter().enumerate().map(|(index, key)| {
        let place = if several { format!("{place} key {}", index.saturating_add(1)) } else { place.clone() };
        Attestor::Signer(SignerRequirement { place, identity: RequiredIdentity::Key(key) })
    });
    Ok(signers.collect())
}

fn keys(node: Node<'_>) -> Result<Vec<PublicKey>, SettingsError> {
    let keys = node.mapping(&KEYS)?;
    let public_keys = keys.required("publicKeys")?;
    let text = public_keys.text()?.trim();
    let pem = match text.strip_prefix(keyring::PREFIX) {
        Some(name) => keyring::get(name).ok_or_else(|| {
            let name = keyring::as_shown(name).to_owned();
            public_keys.error(Problem::UnknownBuiltinKey { name, known: keyring::names() })
        })?,
        None => text,
    };
    let parsed = PublicKey::parse_all(pem).map_err(|error| public_keys.error(error.into()))?;

    // As Kyverno means it: a log entry is required unless that is switched off.
    let ignore_tlog = match keys.get("rekor") {
        Some(rekor) => rekor.mapping(&REKOR)?.boolean_or("ignoreTlog", false)?,
        None => false,
    };
    if !ignore_tlog {
        return Err(keys.error(Problem::RekorNotSupported));
    }
    Ok(parsed)
}

/// `count` counts signers: one key in two entries would count one signer twice.
fn check_signers_differ(set: &AttestorSet, rule: &str) -> Result<(), SettingsError> {
    let signers = set.signers();
    for (index, signer) in signers.iter().enumerate() {
        let earlier = signers.iter().take(index).find(|earlier| earlier.identity == signer.identity);
        if let Some(earlier) = earlier {
            let problem = Problem::DuplicateKey { first: format!("{rule}.{}", earlier.place) };
            return Err(SettingsError::at(format!("{rule}.{}", signer.place), problem));
        }
    }
    Ok(())
}

fn relative(path: &str, rule: &str) -> String {
    let rest = path.strip_prefix(rule).unwrap_or(path);
    rest.strip_prefix('.').unwrap_or(rest).to_owned()
}
