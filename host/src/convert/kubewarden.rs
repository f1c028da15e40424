//! Kubewarden's ClusterAdmissionPolicy and AdmissionPolicy with the module verify-image-signatures.
//!
//! Its settings are a dialect that the policy understands, but the validating twin cannot be said in it: so they are
//! written in the other one, with the same meaning. Every item that matches an image binds it, all its signers must
//! have signed, no log entry is asked of keys, and what nothing matches is accepted.

use super::Converted;
use super::emit::{Action, Group, Item, Source};
use super::kyverno::LabelSelector;
use super::read::{Document, Metadata, read};
use super::refusal::{At, Notes, Problem};
use super::rules::{self, ResourceRule};
use super::selector::requirements;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_norway::{Mapping, Value};
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    #[serde(rename = "apiVersion")]
    _api_version: IgnoredAny,
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    metadata: Metadata,
    spec: Spec,
    #[serde(rename = "status")]
    _status: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    #[serde(rename = "module")]
    _module: IgnoredAny,
    policy_server: Option<String>,
    mode: Option<String>,
    #[serde(default)]
    mutating: bool,
    failure_policy: Option<String>,
    timeout_seconds: Option<u8>,
    timeout_eval_seconds: Option<u8>,
    background_audit: Option<bool>,
    allow_inside_admission_controller_namespace: Option<bool>,
    match_policy: Option<String>,
    #[serde(default)]
    rules: Vec<ResourceRule>,
    namespace_selector: Option<LabelSelector>,
    object_selector: Option<LabelSelector>,
    #[serde(default)]
    match_conditions: Vec<Condition>,
    message: Option<String>,
    settings: Settings,
    /// The policy has none, and reads nothing from the cluster.
    #[serde(rename = "sideEffects")]
    _side_effects: Option<IgnoredAny>,
    #[serde(rename = "contextAwareResources")]
    _context_aware_resources: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    name: String,
    expression: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    modify_images_with_digest: Option<bool>,
    signatures: Vec<Signature>,
    /// Written by forms.
    #[serde(rename = "rule")]
    _rule: Option<IgnoredAny>,
    #[serde(rename = "description")]
    _description: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Signature {
    image: String,
    pub_keys: Option<Vec<String>>,
    keyless: Option<Vec<Keyless>>,
    keyless_prefix: Option<Vec<KeylessPrefix>>,
    github_actions: Option<GithubActions>,
    certificates: Option<Vec<String>>,
    certificate_chain: Option<Chain>,
    require_rekor_bundle: Option<bool>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    /// Written by forms.
    #[serde(rename = "rule")]
    _rule: Option<IgnoredAny>,
    #[serde(rename = "description")]
    _description: Option<IgnoredAny>,
    #[serde(rename = "github_actions")]
    dead: Option<Value>,
}

/// A list of certificates in PEM; all of them in one text do no harm.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a list of certificates in PEM")]
enum Chain {
    List(Vec<String>),
    Text(String),
}

impl Chain {
    fn join(&self) -> String {
        match self {
            Self::List(texts) => texts.join("\n"),
            Self::Text(text) => text.clone(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keyless {
    issuer: String,
    subject: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeylessPrefix {
    issuer: String,
    #[serde(alias = "urlPrefix")]
    url_prefix: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GithubActions {
    owner: String,
    repo: Option<String>,
}

const INSIDE: &str = "Kubewarden leaves its own namespace out of policies without it, and not every version knows it; leave it \
                      out here, and write it into both policies of the result";
const DEAD: &str = "nothing ever read this spelling; write `githubActions`";
const ONE_KIND: &str = "an item is one of pubKeys, keyless, keylessPrefix, githubActions and certificates";
const NAME: &str = "nobody is called so; write one name, or leave `repo` out for all that the owner has";
const URL: &str = "nobody's name begins so; write a URL with a host, such as https://github.com/acme/";
const SLASHES: &str = "nobody's name goes on so; end it with one slash, or none";
const GITHUB: &str = "https://token.actions.githubusercontent.com";

pub(super) fn convert(document: &Document, notes: &mut Notes) -> Result<Option<Converted>, At> {
    let module = document.value.get("spec").and_then(|spec| spec.get("module")).and_then(Value::as_str);
    if !module.is_some_and(is_verify_image_signatures) {
        notes.add("spec.module", "left out: this is another policy than verify-image-signatures");
        return Ok(None);
    }
    let Policy { metadata, spec, .. } = read(&document.value, "")?;
    if spec.allow_inside_admission_controller_namespace == Some(true) {
        return Err(At::no_counterpart("spec.allowInsideAdmissionControllerNamespace", INSIDE));
    }
    let namespaced = document.kind == "AdmissionPolicy";
    let modifies = spec.settings.modify_images_with_digest.unwrap_or(true);
    let action = match spec.mode.as_deref() {
        None | Some("protect") => Action::Enforce,
        Some("monitor") => Action::Audit,
        Some(other) => return Err(At::value("spec.mode", other, "allowed: protect, monitor")),
    };
    let items = spec.settings.signatures.iter().enumerate().map(|(index, signature)| {
        let path = format!("spec.settings.signatures[{index}]");
        let fields = rule(signature, &path)?;
        // Where it may not mutate, the host refuses what it would have pinned: only digests get in. What is only
        // monitored keeps its tag.
        let verify = modifies && action == Action::Enforce;
        Ok(Item { path, fields, mutate: modifies && spec.mutating, verify })
    });
    let items: Vec<Item> = items.collect::<Result<_, _>>()?;
    if items.is_empty() {
        let why = "nothing would be verified";
        return Err(At::new("spec.settings.signatures", Problem::Missing { why }));
    }
    let mut scopes = rules::scopes(&spec.rules, "spec.rules", notes)?;
    for scope in &mut scopes {
        if let Some(selector) = &spec.namespace_selector {
            scope.namespaces = requirements(selector, "spec.namespaceSelector")?;
            if !namespaced && !selector.match_labels.is_empty() {
                notes.add(
                    "spec.namespaceSelector.matchLabels",
                    "Kubewarden's controller may have ignored it, so that the policy was about more namespaces; \
                     written as matchExpressions it is not ignored",
                );
            }
        }
        if let Some(selector) = &spec.object_selector {
            scope.objects = requirements(selector, "spec.objectSelector")?;
        }
        for condition in &spec.match_conditions {
            scope.add_condition(&condition.name, &condition.expression, false);
        }
    }
    let groups = scopes.into_iter().map(|scope| Group {
        scope,
        path: "spec.namespaceSelector".to_owned(),
        action,
        items: items.clone(),
        extractors: Mapping::new(),
    });
    let timeout_seconds = spec.timeout_seconds.unwrap_or(10).clamp(1, 30);
    let source = Source {
        name: metadata.name,
        namespace: metadata.namespace.filter(|_| namespaced),
        failure_policy: if spec.failure_policy.as_deref() == Some("Ignore") { "Ignore" } else { "Fail" },
        timeout_seconds,
        timeout_eval_seconds: spec.timeout_eval_seconds.map(|seconds| seconds.clamp(1, timeout_seconds)),
        background: spec.background_audit.unwrap_or(true),
        match_policy: spec.match_policy,
        policy_server: spec.policy_server,
        message: spec.message,
    };
    if namespaced && source.namespace.is_none() {
        let why = "an AdmissionPolicy is about its namespace";
        return Err(At::new("metadata.namespace", Problem::Missing { why }));
    }
    Ok(Some(Converted { source, groups: groups.collect() }))
}

/// What the policy says of its rules, said of the `signatures` that they were made of.
pub(super) fn in_its_words(document: &Value, at: At) -> At {
    let list = document.get("spec").and_then(|spec| spec.get("settings")?.get("signatures")?.as_sequence());
    let words = |text: &str| {
        let mut text = text.replace("verifyImages[", "spec.settings.signatures[");
        for (index, signature) in list.into_iter().flatten().enumerate() {
            let item = format!("spec.settings.signatures[{index}]");
            text = text.replace(&format!("{item}.imageReferences[0]"), &format!("{item}.image"));
            let Some(kind) = KINDS.into_iter().find(|kind| signature.get(kind).is_some()) else { continue };
            let several = signature.get(kind).and_then(Value::as_sequence);
            for place in 0..several.map_or(1, Vec::len) {
                let entry = format!("{item}.attestors[0].entries[{place}]");
                let signer = match several {
                    Some(_) => format!("{item}.{kind}[{place}]"),
                    None => format!("{item}.{kind}"),
                };
                for (below, field) in [
                    (".annotations", format!("{item}.annotations")),
                    (".keys.publicKeys", signer.clone()),
                    (".certificates.certChain", format!("{item}.certificateChain")),
                    (".certificates.cert", signer.clone()),
                    (".keyless", signer.clone()),
                    ("", signer.clone()),
                ] {
                    text = text.replace(&format!("{entry}{below}"), &field);
                }
            }
            text = text.replace(&format!("{item}.attestors[0]"), &format!("{item}.{kind}"));
        }
        text
    };
    if let Problem::Settings(message) = &at.problem {
        At::new(words(&at.path), Problem::Settings(words(message)))
    } else {
        at
    }
}

/// What an item asks for.
const KINDS: [&str; 5] = ["pubKeys", "keyless", "keylessPrefix", "githubActions", "certificates"];

/// By the last part of its name.
fn is_verify_image_signatures(module: &str) -> bool {
    let name = module.rsplit('/').next().unwrap_or(module);
    let name = name.split(['@', ':']).next().unwrap_or(name);
    name.trim_end_matches(".wasm") == "verify-image-signatures"
}

/// One item, as a rule.
fn rule(signature: &Signature, path: &str) -> Result<Mapping, At> {
    if signature.dead.is_some() {
        return Err(At::no_counterpart(format!("{path}.github_actions"), DEAD));
    }
    let signers = signers(signature, path)?;
    let annotations = signature.annotations.iter().map(|(key, value)| (text(key), text(value)));
    let annotations: Mapping = annotations.collect();
    let entries = signers.into_iter().map(|mut entry| {
        if !annotations.is_empty() {
            entry.insert("annotations".into(), Value::Mapping(annotations.clone()));
        }
        Value::Mapping(entry)
    });
    let set = mapping([("entries", Value::Sequence(entries.collect()))]);
    Ok(fields([
        ("imageReferences", Value::Sequence(vec![text(&signature.image)])),
        ("attestors", Value::Sequence(vec![set])),
    ]))
}

/// All of them must have signed.
fn signers(signature: &Signature, path: &str) -> Result<Vec<Mapping>, At> {
    let without_log = || mapping([("ignoreTlog", true.into())]);
    let mut kinds: Vec<(&str, Vec<Mapping>)> = Vec::new();
    if let Some(keys) = &signature.pub_keys {
        let key =
            |key: &String| fields([("keys", mapping([("publicKeys", text(key)), ("rekor", without_log())]))]);
        kinds.push(("pubKeys", keys.iter().map(key).collect()));
    }
    if let Some(identities) = &signature.keyless {
        let entry = |one: &Keyless| {
            let [issuer, subject] = [exactly("issuer", &one.issuer), exactly("subject", &one.subject)];
            fields([("keyless", Value::Mapping([issuer, subject].into_iter().collect()))])
        };
        kinds.push(("keyless", identities.iter().map(entry).collect()));
    }
    if let Some(identities) = &signature.keyless_prefix {
        let entry = |(index, one): (usize, &KeylessPrefix)| {
            let prefix = &one.url_prefix;
            let host = prefix.split_once("://").and_then(|(_, rest)| rest.split('/').next());
            let refused = |why| Err(At::value(format!("{path}.keylessPrefix[{index}]"), prefix, why));
            if host.is_none_or(str::is_empty) {
                return refused(URL);
            }
            if prefix.ends_with("//") {
                return refused(SLASHES);
            }
            let below = format!("{}/.*", escaped(prefix.strip_suffix('/').unwrap_or(prefix)));
            Ok(keyless(&one.issuer, &below))
        };
        let entries = identities.iter().enumerate().map(entry).collect::<Result<_, _>>()?;
        kinds.push(("keylessPrefix", entries));
    }
    if let Some(GithubActions { owner, repo }) = &signature.github_actions {
        for (field, name) in [("owner", Some(owner)), ("repo", repo.as_ref())] {
            if let Some(name) = name.filter(|name| !is_name(name)) {
                return Err(At::value(format!("{path}.githubActions.{field}"), name, NAME));
            }
        }
        // Whose build it was. The subject of a workflow that others may call names whoever wrote it.
        let repository = format!("{owner}/{}", repo.as_deref().unwrap_or("*"));
        let identity = mapping([
            ("issuer", GITHUB.into()),
            ("subject", "https://github.com/*/*".into()),
            ("additionalExtensions", mapping([("githubWorkflowRepository", repository.into())])),
        ]);
        kinds.push(("githubActions", vec![fields([("keyless", identity)])]));
    }
    if let Some(certificates) = &signature.certificates {
        let Some(rekor) = signature.require_rekor_bundle else {
            let why = "`certificates` need it";
            return Err(At::new(format!("{path}.requireRekorBundle"), Problem::Missing { why }));
        };
        let entry = |certificate: &String| {
            let mut one = fields([("cert", text(certificate))]);
            if let Some(chain) = &signature.certificate_chain {
                let pem = chain.join();
                if !pem.contains("-----BEGIN") {
                    let why = "certificates in PEM; leave `certificateChain` out where there is none";
                    return Err(At::new(format!("{path}.certificateChain"), Problem::Missing { why }));
                }
                one.insert("certChain".into(), text(&pem));
            }
            if !rekor {
                one.insert("rekor".into(), without_log());
            }
            Ok(fields([("certificates", Value::Mapping(one))]))
        };
        let entries = certificates.iter().map(entry).collect::<Result<_, _>>()?;
        kinds.push(("certificates", entries));
    } else if signature.certificate_chain.is_some() || signature.require_rekor_bundle.is_some() {
        return Err(At::no_counterpart(
            path,
            "`certificateChain` and `requireRekorBundle` belong to `certificates`",
        ));
    }
    match kinds.pop() {
        Some((kind, signers)) if kinds.is_empty() => {
            if signers.is_empty() {
                let why = "at least one is needed, or nothing would be verified";
                return Err(At::new(format!("{path}.{kind}"), Problem::Missing { why }));
            }
            Ok(signers)
        }
        _ => Err(At::no_counterpart(path, ONE_KIND)),
    }
}

/// A name on GitHub.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// Exact there; where it would be a pattern here, a regular expression that is exact.
fn exactly(field: &str, value: &str) -> (Value, Value) {
    if value.contains(['*', '?']) || value.starts_with('^') {
        (format!("{field}RegExp").into(), escaped(value).into())
    } else {
        (field.into(), value.into())
    }
}

fn keyless(issuer: &str, subject: &str) -> Mapping {
    let subject = ("subjectRegExp".into(), Value::from(subject));
    fields([("keyless", Value::Mapping([exactly("issuer", issuer), subject].into_iter().collect()))])
}

/// A regular expression for a text.
fn escaped(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/:_-@%~=,;&!#'\" <>`".contains(letter);
    text.chars()
        .map(|letter| match letter {
            letter if plain(letter) || !letter.is_ascii() => letter.to_string(),
            '.' => "[.]".to_owned(),
            letter => format!("\\{letter}"),
        })
        .collect()
}

fn text(text: &str) -> Value {
    Value::from(text)
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Mapping {
    fields.into_iter().map(|(name, value)| (Value::from(name), value)).collect()
}

fn mapping<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Mapping(fields(entries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_known_by_its_name() {
        for module in [
            "registry://ghcr.io/kubewarden/policies/verify-image-signatures:v1.0.11",
            "ghcr.io/kubewarden/policies/verify-image-signatures@sha256:ab",
            "https://example.com/verify-image-signatures.wasm",
            "verify-image-signatures",
        ] {
            assert!(is_verify_image_signatures(module), "{module}");
        }
        for module in [
            "registry://ghcr.io/kubewarden/policies/verify-image-signatures-more:v1",
            "registry://ghcr.io/kubewarden/policies/psp-capabilities:v1",
            "registry://ghcr.io/verify-image-signatures/other:v1",
        ] {
            assert!(!is_verify_image_signatures(module), "{module}");
        }
    }

    #[test]
    fn what_is_exact_stays_so() {
        assert_eq!(exactly("subject", "a@example.com"), ("subject".into(), "a@example.com".into()));
        assert_eq!(exactly("subject", "a.*"), ("subjectRegExp".into(), "a[.]\\*".into()));
        assert_eq!(escaped("https://github.com/a+b"), "https://github[.]com/a\\+b");
    }
}
