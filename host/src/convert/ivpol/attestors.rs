//! The attestors of an ImageValidatingPolicy, as sets of entries.

use super::super::refusal::{At, Notes, Problem};
use super::types::{Attestation, Cosign, Ctlog, Identity, Spec, ValueOrExpression};
use serde_norway::{Mapping, Value};
use std::collections::BTreeSet;

const NOTARY: &str = "Notation's signatures are not verified; sign with cosign as well";
const EXPRESSION: &str = "nothing is looked up at admission; write the value";
const KMS: &str = "a policy cannot reach a key service; export the key: `cosign public-key --key URI`";
const TUF: &str = "no trust root is fetched; Sigstore's is built in, and another stands in the settings";
const WILDCARD: &str =
    "Kyverno compares it exactly, so that this is nobody; write `subjectRegExp` or `issuerRegExp`";
const PULL_SECRETS: &str =
    "the policy-server holds the credentials: set `imagePullSecret` on the PolicyServer";

const ONE_KEY: &str = "Kyverno reads the first key only; write one, and an attestor for each further one";
const ONE_LOG: &str = "Kyverno reads the first key only; write that one alone";
const NO_URL: &str =
    "Kyverno denies every image without `url`; here the log is the public one, or that of `rekorPubKey`";
const PREDICATE: &str = "nothing has this type; write its URI, or one of cosign's names: custom, cyclonedx, link, openvex, \
                         slsaprovenance, slsaprovenance02, slsaprovenance1, spdx, spdxjson, vuln";

/// What Kyverno takes for the URI of a predicate, as cosign does.
const PREDICATES: [(&str, &str); 10] = [
    ("custom", "https://cosign.sigstore.dev/attestation/v1"),
    ("cyclonedx", "https://cyclonedx.org/bom"),
    ("link", "https://in-toto.io/Link/v1"),
    ("openvex", "https://openvex.dev/ns"),
    ("slsaprovenance", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance02", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
    ("spdx", "https://spdx.dev/Document"),
    ("spdxjson", "https://spdx.dev/Document"),
    ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"),
];

/// Entries by the names of attestors.
pub(super) struct Attestors<'s> {
    spec: &'s Spec,
}

impl<'s> Attestors<'s> {
    /// Takes attestors whose names tell them apart.
    pub(super) fn read(spec: &'s Spec) -> Result<Self, At> {
        for (index, attestor) in spec.attestors.iter().enumerate() {
            if spec.attestors.iter().take(index).any(|other| other.name == attestor.name) {
                let path = format!("spec.attestors[{index}].name");
                return Err(At::value(path, &attestor.name, "another attestor has this name"));
            }
        }
        Ok(Self { spec })
    }

    /// Says of those that are used where Kyverno asks for something else.
    pub(super) fn notes(&self, used: &BTreeSet<&String>, notes: &mut Notes) {
        for (index, attestor) in self.spec.attestors.iter().enumerate() {
            let log = attestor.cosign.as_ref().and_then(|cosign| cosign.ctlog.as_ref());
            let needs_a_url = log.is_some_and(|log| {
                log.insecure_ignore_tlog != Some(true) && log.url.as_deref().is_none_or(str::is_empty)
            });
            if needs_a_url && used.contains(&attestor.name) {
                notes.add(format!("spec.attestors[{index}].cosign.ctlog"), NO_URL);
            }
        }
    }

    /// The set of these attestors, of whom `count` must have signed.
    pub(super) fn set(&self, names: &[String], count: usize, path: &str) -> Result<Value, At> {
        let entries = names.iter().map(|name| self.entry(name, path)).collect::<Result<Vec<_>, _>>()?;
        if count > entries.len() {
            let found = count.to_string();
            return Err(At::value(path, found, "more attestors than there are in the list"));
        }
        Ok(set(count, entries))
    }

    /// The attestation of a name, with who must have made it.
    pub(super) fn attestation(&self, name: &str, set: Value, path: &str) -> Result<Value, At> {
        let named =
            self.spec.attestations.iter().enumerate().find(|(_, attestation)| attestation.name == name);
        let Some((index, Attestation { intoto, referrer, .. })) = named else {
            return Err(At::value(path, name, "there is no attestation of this name"));
        };
        let path = format!("spec.attestations[{index}]");
        match (intoto, referrer) {
            (Some(intoto), None) => {
                let predicate = predicate(&intoto.predicate, &format!("{path}.intoto.type"))?;
                Ok(mapping([("type", predicate.into()), ("attestors", Value::Sequence(vec![set]))]))
            }
            _ => {
                Err(At::no_counterpart(format!("{path}.referrer"), "only in-toto attestations are verified"))
            }
        }
    }

    fn entry(&self, name: &str, path: &str) -> Result<Value, At> {
        let named = self.spec.attestors.iter().enumerate().find(|(_, attestor)| attestor.name == name);
        let Some((index, attestor)) = named else {
            return Err(At::value(path, name, "there is no attestor of this name"));
        };
        let path = format!("spec.attestors[{index}]");
        match (&attestor.cosign, &attestor.notary) {
            (Some(cosign), None) => entry(cosign, &format!("{path}.cosign")),
            (_, Some(_)) => Err(At::no_counterpart(format!("{path}.notary"), NOTARY)),
            (None, None) => {
                Err(At::new(format!("{path}.cosign"), Problem::Missing { why: "an attestor needs it" }))
            }
        }
    }
}

/// The URI of a predicate that may be called by cosign's name for it. Other names are compared as they stand, and met by
/// nothing.
fn predicate<'v>(name: &'v str, path: &str) -> Result<&'v str, At> {
    match PREDICATES.iter().find(|(known, _)| *known == name) {
        Some((_, uri)) => Ok(uri),
        None if name.contains([':', '/']) => Ok(name),
        None => Err(At::value(path, name, PREDICATE)),
    }
}

/// A key of which Kyverno reads as much.
fn one_pem(text: &str, path: &str, instead: &'static str) -> Result<(), At> {
    match text.matches("-----BEGIN").count() {
        0 | 1 => Ok(()),
        _ => Err(At::no_counterpart(path, instead)),
    }
}

fn entry(cosign: &Cosign, path: &str) -> Result<Value, At> {
    if let Some(log) = &cosign.ctlog {
        for (field, key) in [("rekorPubKey", &log.rekor_pub_key), ("ctLogPubKey", &log.ct_log_pub_key)] {
            one_pem(key.as_deref().unwrap_or_default(), &format!("{path}.ctlog.{field}"), ONE_LOG)?;
        }
    }
    for (field, value) in [("tuf", &cosign.tuf), ("trustedRoot", &cosign.trusted_root)] {
        if value.is_some() {
            return Err(At::no_counterpart(format!("{path}.{field}"), TUF));
        }
    }
    let entry = match (&cosign.key, &cosign.keyless, &cosign.certificate) {
        (Some(key), None, None) => {
            for (field, value, instead) in
                [("kms", &key.kms, KMS), ("expression", &key.expression, EXPRESSION)]
            {
                if value.is_some() {
                    return Err(At::no_counterpart(format!("{path}.key.{field}"), instead));
                }
            }
            let data = key.data.as_deref().filter(|data| data.contains("-----BEGIN"));
            let why = "the public key in PEM";
            let data = data.ok_or_else(|| At::new(format!("{path}.key.data"), Problem::Missing { why }))?;
            one_pem(data, &format!("{path}.key.data"), ONE_KEY)?;
            let mut keys = fields([("publicKeys", data.into())]);
            if let Some(hash) = &key.hash_algorithm {
                keys.insert("signatureAlgorithm".into(), hash.as_str().into());
            }
            logs(&mut keys, cosign);
            fields([("keys", Value::Mapping(keys))])
        }
        (None, Some(keyless), None) => {
            let identities = keyless.identities.iter().enumerate().map(|(index, identity)| {
                let mut fields = identity_fields(identity, &format!("{path}.keyless.identities[{index}]"))?;
                if let Some(roots) = &keyless.roots {
                    fields.insert("roots".into(), roots.as_str().into());
                }
                logs(&mut fields, cosign);
                Ok(fields)
            });
            let identities: Vec<Mapping> = identities.collect::<Result<_, _>>()?;
            // Any of them will do.
            return match identities.as_slice() {
                [] => {
                    let why = "whose signatures count";
                    Err(At::new(format!("{path}.keyless.identities"), Problem::Missing { why }))
                }
                [one] => finish(fields([("keyless", Value::Mapping(one.clone()))]), cosign, path),
                several => {
                    let entries = several
                        .iter()
                        .map(|one| finish(fields([("keyless", Value::Mapping(one.clone()))]), cosign, path));
                    let entries = entries.collect::<Result<Vec<_>, _>>()?;
                    Ok(mapping([("attestor", set(1, entries))]))
                }
            };
        }
        (None, None, Some(certificate)) => {
            let mut certificates = Mapping::new();
            for (field, value) in [("cert", &certificate.cert), ("certChain", &certificate.cert_chain)] {
                if let Some(value) = value {
                    let text = plain(value, &format!("{path}.certificate.{field}"))?;
                    certificates.insert(field.into(), text.into());
                }
            }
            logs(&mut certificates, cosign);
            fields([("certificates", Value::Mapping(certificates))])
        }
        _ => {
            let instead = "an attestor is one of `key`, `keyless` and `certificate`";
            return Err(At::no_counterpart(path, instead));
        }
    };
    finish(entry, cosign, path)
}

/// What an entry has beside the signer.
fn finish(mut entry: Mapping, cosign: &Cosign, path: &str) -> Result<Value, At> {
    if let Some(source) = &cosign.source {
        if source.pull_secrets.is_some() {
            return Err(At::no_counterpart(format!("{path}.source.PullSecrets"), PULL_SECRETS));
        }
        if source.tag_prefix.as_deref().is_some_and(|prefix| !prefix.is_empty()) {
            let instead = "signatures are found by cosign's own tags";
            return Err(At::no_counterpart(format!("{path}.source.tagPrefix"), instead));
        }
        if let Some(repository) = source.repository.as_deref().filter(|repository| !repository.is_empty()) {
            entry.insert("repository".into(), repository.into());
        }
    }
    if !cosign.annotations.is_empty() {
        let annotations =
            cosign.annotations.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into()));
        entry.insert("annotations".into(), Value::Mapping(annotations.collect()));
    }
    Ok(Value::Mapping(entry))
}

/// Which logs must know the signature. Where nothing is said, it must be in the public one.
fn logs(signer: &mut Mapping, cosign: &Cosign) {
    let nothing = Ctlog::default();
    let log = cosign.ctlog.as_ref().unwrap_or(&nothing);
    let mut rekor = Mapping::new();
    for (field, value) in [("url", &log.url), ("pubkey", &log.rekor_pub_key)] {
        if let Some(value) = value {
            rekor.insert(field.into(), value.as_str().into());
        }
    }
    if log.insecure_ignore_tlog == Some(true) {
        rekor.insert("ignoreTlog".into(), true.into());
    }
    let mut ctlog = Mapping::new();
    for (field, value) in [("pubkey", &log.ct_log_pub_key), ("tsaCertChain", &log.tsa_cert_chain)] {
        if let Some(value) = value {
            ctlog.insert(field.into(), value.as_str().into());
        }
    }
    // Keys have no certificate that a log could have promised to list.
    if log.insecure_ignore_sct == Some(true) && cosign.key.is_none() {
        ctlog.insert("ignoreSCT".into(), true.into());
    }
    for (field, fields) in [("rekor", rekor), ("ctlog", ctlog)] {
        if !fields.is_empty() {
            signer.insert(field.into(), Value::Mapping(fields));
        }
    }
}

/// Issuer and subject are exact there and patterns here; so only what is no pattern is taken.
fn identity_fields(identity: &Identity, path: &str) -> Result<Mapping, At> {
    let mut fields = Mapping::new();
    for (field, value) in [("issuer", &identity.issuer), ("subject", &identity.subject)] {
        if let Some(value) = value {
            if value.contains(['*', '?']) {
                return Err(At::value(format!("{path}.{field}"), value, WILDCARD));
            }
            fields.insert(field.into(), value.as_str().into());
        }
    }
    for (field, value) in
        [("issuerRegExp", &identity.issuer_reg_exp), ("subjectRegExp", &identity.subject_reg_exp)]
    {
        if let Some(value) = value {
            fields.insert(field.into(), value.as_str().into());
        }
    }
    Ok(fields)
}

fn plain<'v>(value: &'v ValueOrExpression, path: &str) -> Result<&'v str, At> {
    match (&value.value, &value.expression) {
        (Some(text), None) => Ok(text),
        (_, Some(_)) => Err(At::no_counterpart(format!("{path}.expression"), EXPRESSION)),
        (None, None) => {
            Err(At::new(format!("{path}.value"), Problem::Missing { why: "certificates in PEM" }))
        }
    }
}

fn set(count: usize, entries: Vec<Value>) -> Value {
    let all = count == entries.len();
    let entries = ("entries", Value::Sequence(entries));
    if all {
        mapping([entries])
    } else {
        mapping([("count", u64::try_from(count).unwrap_or(u64::MAX).into()), entries])
    }
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Mapping {
    fields.into_iter().map(|(name, value)| (Value::from(name), value)).collect()
}

fn mapping<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Mapping(fields(entries))
}
