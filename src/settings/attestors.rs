//! Attestor sets: `count`, `entries`, `keys`.

use super::error::{Problem, SettingsError};
use super::fields::{ATTESTOR_SET, ENTRY, KEYS, OBJECT};
use super::reader::{Mapping, Node};
use super::trust::{self, Signers, Trust};
use super::{certificates, keyless, keyring};
use crate::image::Repository;
use crate::limits::{MAX_ANNOTATIONS, MAX_ATTESTOR_DEPTH, MAX_ENTRIES};
use crate::requirement::{
    DeclaredEntry, DeclaredSet, KeySource, KeySourceKind, NonEmpty, SignatureTerms, SignerRequirement,
    check_hash, signers,
};
use crate::verify::{EvidenceTerms, HashAlgorithm, PublicKey};

/// What the entries of one rule have in common.
pub(super) struct Context<'c> {
    /// The rule's path: places in the result are relative to it.
    pub(super) rule: &'c str,
    /// Where the rule's signatures are kept.
    pub(super) repository: Option<Repository>,
    /// Whom the rule's entries believe, unless they say otherwise.
    pub(super) trust: Trust,
}

/// Parses the `attestors` of a rule: at least one set.
pub(super) fn parse(attestors: Node<'_>, context: &Context<'_>) -> Result<Vec<DeclaredSet>, SettingsError> {
    let sets = attestors.clone().list(MAX_ENTRIES)?.into_iter();
    let sets = sets.map(|set| attestor_set(set, context, 1)).collect::<Result<Vec<_>, _>>()?;
    for set in &sets {
        check_signers_differ(&set.signers(), context.rule, &attestors)?;
    }
    Ok(sets)
}

fn attestor_set(node: Node<'_>, context: &Context<'_>, depth: usize) -> Result<DeclaredSet, SettingsError> {
    if depth > MAX_ATTESTOR_DEPTH {
        return Err(node.error(Problem::TooDeep { limit: MAX_ATTESTOR_DEPTH }));
    }
    let place = relative(node.path(), context.rule);
    let set = node.mapping(&ATTESTOR_SET)?;
    let list = set.required("entries")?;
    let written = list.clone().list(MAX_ENTRIES)?;
    let written_len = written.len();
    let mut entries = Vec::new();
    for node in written {
        entries.extend(entry(node, context, depth)?);
    }
    if entries.len() > MAX_ENTRIES {
        return Err(list.error(Problem::TooMany { found: entries.len(), limit: MAX_ENTRIES }));
    }
    let count = match set.get("count") {
        Some(node) => Some(count(&node, &entries, written_len)?),
        None => None,
    };
    let entries = NonEmpty::new(entries).ok_or_else(|| list.error(Problem::Empty))?;
    Ok(DeclaredSet { place, count, entries })
}

/// A count that can be met: by the entries written, or by keys that the cluster may hold.
fn count(node: &Node<'_>, entries: &[DeclaredEntry], written: usize) -> Result<usize, SettingsError> {
    let found = node.count()?;
    // A count beyond usize is beyond any number of entries.
    let wanted = usize::try_from(found).unwrap_or(usize::MAX);
    let open = entries.iter().any(|entry| matches!(entry, DeclaredEntry::KeysFrom { .. }));
    if wanted == 0 || wanted > MAX_ENTRIES || (wanted > entries.len() && !open) {
        return Err(node.error(Problem::Count { found, entries: entries.len(), written }));
    }
    Ok(wanted)
}

/// One entry as written; several keys in one block are several entries.
fn entry(node: Node<'_>, context: &Context<'_>, depth: usize) -> Result<Vec<DeclaredEntry>, SettingsError> {
    let place = relative(node.path(), context.rule);
    let entry = node.mapping(&ENTRY)?;
    let (kind, inner) = entry.exactly_one(&["keys", "keyless", "certificates", "attestor"])?;
    if kind == "attestor" {
        for field in ["annotations", "knownAnnotations", "repository", "signatureAlgorithm"] {
            if let Some(field) = entry.get(field) {
                return Err(field
                    .error(Problem::RefusedField { instead: "write it in the entries of the set within" }));
            }
        }
        return Ok(vec![DeclaredEntry::Set(attestor_set(inner, context, depth.saturating_add(1))?)]);
    }
    let hash = algorithm(&entry)?;
    let terms = SignatureTerms {
        annotations: annotations(&entry)?,
        known_annotations: known_annotations(&entry)?,
        repository: match entry.get("repository") {
            Some(node) => Some(repository(&node)?),
            None => context.repository.clone(),
        },
        not_after: None,
        hash: hash.as_ref().map(|(_, hash)| *hash),
        evidence: EvidenceTerms::default(),
    };
    let signer = match kind {
        "keyless" => keyless::signer(inner, place, terms, &context.trust)?,
        "certificates" => certificates::signer(inner, place, terms, &context.trust)?,
        _ => return keys_entry(&entry, inner, place, terms, &context.trust),
    };
    if let (Some((node, _)), Some(key)) = (&hash, signer.identity.key()) {
        let key = core::slice::from_ref(key);
        check_hash(key, &signer.terms).map_err(|error| node.error(error.into()))?;
    }
    Ok(vec![DeclaredEntry::Signer(signer)])
}

fn keys_entry(
    entry: &Mapping<'_>,
    node: Node<'_>,
    place: String,
    mut terms: SignatureTerms,
    trust: &Trust,
) -> Result<Vec<DeclaredEntry>, SettingsError> {
    let keys = node.mapping(&KEYS)?;
    let hash = hash(entry, &keys)?;
    terms.hash = hash.as_ref().map(|(_, hash)| *hash);
    terms.evidence = trust::evidence(&keys, Signers::Keys, trust)?;
    if let Some(node) = keys.get("notAfter") {
        terms.not_after = Some(node.time()?);
    }
    Ok(match keys_of(&keys)? {
        Keys::Written(keys) => {
            if let Some((node, _)) = &hash {
                check_hash(&keys, &terms).map_err(|error| node.error(error.into()))?;
            }
            signers(&place, keys, &terms).map(DeclaredEntry::Signer).collect()
        }
        Keys::From(source) => vec![DeclaredEntry::KeysFrom { place, source, terms }],
    })
}

enum Keys {
    Written(Vec<PublicKey>),
    From(KeySource),
}

fn keys_of(keys: &Mapping<'_>) -> Result<Keys, SettingsError> {
    let (kind, node) = keys.exactly_one(&["publicKeys", "secret", "configMap"])?;
    match kind {
        "secret" => Ok(Keys::From(object(node, KeySourceKind::Secret)?)),
        "configMap" => Ok(Keys::From(object(node, KeySourceKind::ConfigMap)?)),
        _ => public_keys(&node),
    }
}

fn public_keys(node: &Node<'_>) -> Result<Keys, SettingsError> {
    let text = node.text()?.trim();
    if let Some(reference) = text.strip_prefix("k8s://") {
        return match reference.split_once('/') {
            Some((namespace, name)) if is_object_name(namespace) && is_object_name(name) => {
                Ok(Keys::From(KeySource {
                    kind: KeySourceKind::Secret,
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                    key: DEFAULT_KEY.to_owned(),
                }))
            }
            _ => Err(node.error(Problem::ObjectName(text.to_owned()))),
        };
    }
    if text.contains("{{") {
        let instead =
            "variables are not replaced here; name a ConfigMap in `keys.configMap`, or write the key";
        return Err(node.error(Problem::RefusedField { instead }));
    }
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    if scheme.is_some_and(|scheme| scheme.ends_with("kms") || scheme == "hashivault") {
        let instead = "a policy cannot reach a key service; export the key: `cosign public-key --key URI`";
        return Err(node.error(Problem::RefusedField { instead }));
    }
    let pem = match text.strip_prefix(keyring::PREFIX) {
        Some(name) => keyring::get(name).ok_or_else(|| {
            let name = keyring::as_shown(name).to_owned();
            node.error(Problem::UnknownBuiltinKey { name, known: keyring::names() })
        })?,
        None => text,
    };
    Ok(Keys::Written(PublicKey::parse_all(pem).map_err(|error| node.error(error.into()))?))
}

/// The field that `cosign generate-key-pair k8s://…` writes the public key to.
const DEFAULT_KEY: &str = "cosign.pub";

fn object(node: Node<'_>, kind: KeySourceKind) -> Result<KeySource, SettingsError> {
    let object = node.mapping(&OBJECT)?;
    let name = |node: Node<'_>| {
        let name = node.text()?;
        if is_object_name(name) {
            Ok(name.to_owned())
        } else {
            Err(node.error(Problem::ObjectName(name.to_owned())))
        }
    };
    Ok(KeySource {
        kind,
        name: name(object.required("name")?)?,
        namespace: name(object.required("namespace")?)?,
        key: object.get("key").map(name).transpose()?.unwrap_or_else(|| DEFAULT_KEY.to_owned()),
    })
}

/// A DNS subdomain (RFC 1123) as Kubernetes names objects, or a key of their data.
fn is_object_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        && name != "."
        && name != ".."
}

/// The hash that signatures must be over, if one is written, and where: in the entry, as Kyverno has it, or
/// beside the keys, as it had it before.
fn hash<'v>(
    entry: &Mapping<'v>,
    keys: &Mapping<'v>,
) -> Result<Option<(Node<'v>, HashAlgorithm)>, SettingsError> {
    match (algorithm(entry)?, algorithm(keys)?) {
        (Some((first, wanted)), Some((node, found))) if found != wanted => {
            Err(node.error(Problem::OtherHash { found, first: first.path().to_owned(), wanted }))
        }
        (first, second) => Ok(second.or(first)),
    }
}

fn algorithm<'v>(mapping: &Mapping<'v>) -> Result<Option<(Node<'v>, HashAlgorithm)>, SettingsError> {
    let Some(node) = mapping.get("signatureAlgorithm") else { return Ok(None) };
    let hash = node.choice(&HashAlgorithm::ALL.map(|hash| (hash.name(), hash)))?;
    Ok(Some((node, hash)))
}

/// Annotations that must be there: names to texts.
pub(super) fn annotations(
    entry: &Mapping<'_>,
) -> Result<std::collections::BTreeMap<String, String>, SettingsError> {
    let Some(node) = entry.get("annotations") else { return Ok(Default::default()) };
    node.entries(MAX_ANNOTATIONS)?
        .into_iter()
        .map(|(name, node)| Ok((name, node.text()?.to_owned())))
        .collect()
}

fn known_annotations(
    entry: &Mapping<'_>,
) -> Result<std::collections::BTreeMap<String, Vec<String>>, SettingsError> {
    let Some(node) = entry.get("knownAnnotations") else { return Ok(Default::default()) };
    let values = |node: Node<'_>| {
        if let Ok(text) = node.text() {
            return Ok(vec![text.to_owned()]);
        }
        let items = node.list(MAX_ANNOTATIONS)?;
        items.into_iter().map(|item| Ok(item.text()?.to_owned())).collect::<Result<Vec<_>, SettingsError>>()
    };
    node.entries(MAX_ANNOTATIONS)?.into_iter().map(|(name, node)| Ok((name, values(node)?))).collect()
}

/// A repository that holds signatures.
pub(super) fn repository(node: &Node<'_>) -> Result<Repository, SettingsError> {
    let text = node.text()?;
    Repository::parse(text).map_err(|error| node.error(Problem::Repository { found: text.to_owned(), error }))
}

/// `count` counts signers: one key in two entries, or one identity, would count one signer twice. An identity that
/// several may have, written twice, is met by two of them.
pub(super) fn check_signers_differ(
    signers: &[&SignerRequirement],
    rule: &str,
    list: &Node<'_>,
) -> Result<(), SettingsError> {
    for (index, signer) in signers.iter().enumerate() {
        let is_same = |earlier: &&&SignerRequirement| {
            let key = signer.identity.key();
            earlier.identity == signer.identity || (key.is_some() && earlier.identity.key() == key)
        };
        if let Some(earlier) = signers.iter().take(index).find(is_same) {
            let (path, first) = (format!("{rule}.{}", signer.place), format!("{rule}.{}", earlier.place));
            if !signer.identity.is_several() {
                return Err(SettingsError::at(path, Problem::DuplicateKey { first }));
            }
            list.remark_at(
                &path,
                &format!("the same as {first}; where both count, two signers must have signed"),
            );
        }
    }
    Ok(())
}

/// Where something stands in its rule.
pub(super) fn relative(path: &str, rule: &str) -> String {
    let rest = path.strip_prefix(rule).unwrap_or(path);
    rest.strip_prefix('.').unwrap_or(rest).to_owned()
}
