//! `sigwarden convert`: what becomes of the policies people have. Each result is held to the CRDs, to the compiled
//! module and to what a pair has to be, and has the verdicts that are expected; or the refusal names the field.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

#[path = "support/converted.rs"]
mod converted;
#[path = "support/crd.rs"]
mod crd;

use converted::{RSA, RSA_4096, manifests, options, root, run};
use serde_json::{Value, json};
use sigwarden_host::convert::ConvertError;
use sigwarden_testkit::fake_registry::signature_tag;
use sigwarden_testkit::forge::{self, manifest};
use sigwarden_testkit::objects::pod;
use sigwarden_testkit::{FakeRegistry, How, Key, decide};
use std::fs;
use std::path::PathBuf;

/// What becomes of a policy.
enum Expected {
    /// It is converted, into policies of these forms, with verdicts.
    Is(&'static [Form], Image),
    /// It is refused, at this field, with these words among others.
    Refused(&'static str, &'static str),
}

/// What a pair, or what is left of it, does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    /// A policy that pins what is signed, and a twin that takes what is pinned and signed only.
    Pair,
    /// One that changes nothing, and takes what is pinned and signed only.
    Pinned,
    /// One that changes nothing, and takes what is signed.
    Signed,
    /// The same three, in `mode: monitor`.
    MonitorPinned,
    MonitorSigned,
}

/// An image that a policy is about.
#[derive(Clone, Copy)]
struct Image {
    name: &'static str,
    signers: &'static [&'static str],
    kept_in: Option<&'static str>,
    annotations: &'static [(&'static str, &'static str)],
    request: fn(&str) -> Value,
}

const APP: Image = Image {
    name: "ghcr.io/acme/app:1",
    signers: &["release"],
    kept_in: None,
    annotations: &[],
    request: pod,
};

use Expected::{Is, Refused};
use Form::{MonitorPinned, MonitorSigned, Pair, Pinned, Signed};

const fn of(name: &'static str, signers: &'static [&'static str]) -> Expected {
    Is(&[Pair], Image { name, signers, ..APP })
}

/// Those that are converted and only seen to refuse what is unsigned: who signs for them has more than a key.
const UNSIGNED_ONLY: [(&str, &str); 25] = [
    ("kyverno", "keyless-wildcard-subject"),
    ("kyverno", "keyless-exact-subject"),
    ("kyverno", "keyless-subject-regexp"),
    ("kyverno", "keyless-workflow-extensions"),
    ("kyverno", "keyless-person"),
    ("kyverno", "keyless-private-authority"),
    ("kyverno", "static-key"),
    ("kyverno", "static-key-with-rekor-url"),
    ("kyverno", "certificate"),
    ("kyverno", "sigstore-bundle"),
    ("kyverno", "attestation-path-equals"),
    ("kyverno", "attestation-regex-match"),
    ("kyverno", "attestation-length"),
    ("kyverno", "attestation-time-since"),
    ("kyverno", "attestation-component-version"),
    ("kyverno", "attestation-keyless"),
    ("ivpol", "keyless"),
    ("ivpol", "keyless-several"),
    ("ivpol", "certificate"),
    ("ivpol", "attestation"),
    ("ivpol", "key-with-log"),
    ("kubewarden", "keyless"),
    ("kubewarden", "keyless-prefix"),
    ("kubewarden", "github-actions"),
    ("kubewarden", "certificates"),
];

const KEYLESS: &str = "spec.rules[0].verifyImages[0].attestors[0].entries[0].keyless";

/// Kyverno's ClusterPolicies, by idiom: those of the policy's own tests.
#[rustfmt::skip]
fn kyverno() -> Vec<(&'static str, Expected)> {
    const PUBLIC_KEYS: &str = "spec.rules[0].verifyImages[0].attestors[0].entries[0].keys.publicKeys";
    vec![
        ("keyless-without-log", Refused("spec.rules[0].verifyImages[0].attestors[0].entries[0].keyless.rekor.ignoreTlog", "nothing proves when it was signed")),
        ("keyless-anybody", Refused("spec.rules[0].verifyImages[0].attestors[0].entries[0].keyless.subject", "this is anybody")),
        ("keyless-caret-in-wildcard", Refused("spec.rules[0].verifyImages[0].attestors[0].entries[0].keyless.subject", "write `subjectRegExp`")),
        ("keyless-no-issuer", Refused(KEYLESS, "found neither issuer nor issuerRegExp")),
        ("ignore-tlog", Is(&[Pair], APP)),
        ("rekor-url-empty", Is(&[Pair], APP)),
        ("several-keys-in-one-block", of("registry.example.com/payments/api:2", &["release", "security"])),
        ("one-of-several-keys", of("registry.example.com/acme/app:1", &["release"])),
        ("two-of-three-keys", of("registry.example.com/vault/server:1", &["carol", "alice"])),
        ("two-attestor-sets", of("registry.example.com/acme/app:1", &["builder", "scanner"])),
        ("nested-attestor", of("registry.example.com/acme/app:1", &["release", "security-b"])),
        ("rsa-4096-key", of("registry.example.com/appliances/router:3", &[RSA_4096])),
        ("configmap-variable", Is(&[Pair], APP)),
        ("key-by-k8s-url", Is(&[Pair], APP)),
        ("key-in-secret", Is(&[Pair], APP)),
        ("kms-key", Refused(PUBLIC_KEYS, "cosign public-key --key URI")),
        ("kms-field", Refused("spec.rules[0].verifyImages[0].attestors[0].entries[0].keys.kms", "cosign public-key --key URI")),
        ("annotations", Is(&[Pair], Image { annotations: &[("environment", "production")], ..APP })),
        ("deprecated-key-field", Refused("spec.rules[0].verifyImages[0].key", "write `attestors`")),
        ("every-image", of("busybox", &["release"])),
        ("whole-registries", of("mirror.example.com/library/busybox:1", &["release"])),
        ("unqualified-hub-pattern", of("docker.io/library/nginx:1.27", &["release"])),
        ("skip-image-references", Is(&[Pair], APP)),
        ("several-rules", of("registry.example.com/supplier/db:9", &["supplier"])),
        ("namespace-scope", Is(&[Pair], APP)),
        ("tekton-steps", Is(&[Pair], Image { request: tekton_task, ..APP })),
        ("kubevirt-disks", Is(&[Pair], Image { request: virtual_machine, ..APP })),
        ("extractor-with-jmespath", Refused("settings.imageExtractors.DataVolume[0].jmesPath", "write a `path`")),
        ("audit-at-policy-level", Is(&[MonitorSigned], APP)),
        ("audit-at-rule-level", Is(&[MonitorSigned], APP)),
        ("audit-that-mutates", Refused("spec.rules[0].verifyImages[0].mutateDigest", "Kyverno refuses it with `Audit`")),
        ("mutate-digest-false", Is(&[Pinned], APP)),
        ("verify-digest-false", Is(&[Signed], APP)),
        ("required-false", Is(&[Pair], APP)),
        ("attestation-of-the-request", Refused("spec.rules[0].verifyImages[0].attestations[0].conditions[0].all[0].value", "variables are not replaced")),
        ("attestation-without-attestors", Refused("spec.rules[0].verifyImages[0].attestations[0].attestors", "missing")),
        ("cross-attestation-deny", Refused("spec.rules[0].verifyImages[0].validate", "not supported")),
        ("notary", Refused("spec.rules[0].verifyImages[0].type", "found `Notary`")),
        ("cosign-oci11", Is(&[Pair], APP)),
        ("use-cache", Is(&[Pair], APP)),
        ("registry-credentials", Refused("spec.rules[0].verifyImages[0].imageRegistryCredentials", "`imagePullSecret` on the PolicyServer")),
        ("signatures-elsewhere", Is(&[Pair], Image { name: "registry.example.com/copies/app:1", kept_in: Some("registry.example.com/signatures"), ..APP })),
    ]
}

fn ivpol() -> Vec<(&'static str, Expected)> {
    vec![
        ("key", Is(&[Pair], APP)),
        ("namespaced", Is(&[Pair], APP)),
        ("two-keys", Is(&[Pair], Image { signers: &["release", "security"], ..APP })),
        ("one-of-two-keys", Is(&[Pair], Image { signers: &["security"], ..APP })),
        ("each-kind-of-container", Is(&[Pair], APP)),
        ("annotations", Is(&[Pair], Image { annotations: &[("environment", "production")], ..APP })),
        ("repository", Is(&[Pair], Image { kept_in: Some("registry.example.com/signatures"), ..APP })),
        ("digests-only", Is(&[Pinned], APP)),
        ("audit", Is(&[MonitorSigned], APP)),
        ("notary", Refused("spec.attestors[0].notary", "Notation")),
        ("kms", Refused("spec.attestors[0].cosign.key.kms", "cosign public-key --key URI")),
        ("payload", Refused("spec.validations[1].expression", "understood is")),
        ("either-expression", Refused("spec.validations[0].expression", "understood is")),
        ("variables", Refused("spec.variables", "nothing is looked up")),
        ("credentials", Refused("spec.credentials", "`imagePullSecret` on the PolicyServer")),
        (
            "wildcard-subject",
            Refused("spec.attestors[0].cosign.keyless.identities[0].subject", "write `subjectRegExp`"),
        ),
        ("reference-expression", Refused("spec.matchImageReferences[0].expression", "write a `glob`")),
        ("differing-lists", Refused("spec.validations[1].expression", "verified alike")),
        ("unknown-field", Refused("spec.mutateEverything", "unknown field `mutateEverything`")),
    ]
}

fn kubewarden() -> Vec<(&'static str, Expected)> {
    vec![
        ("key", Is(&[Pair], APP)),
        ("two-keys", Is(&[Pair], Image { signers: &["release", "security"], ..APP })),
        ("namespaced", Is(&[Pair], APP)),
        ("monitor", Is(&[MonitorSigned], APP)),
        ("not-modifying", Is(&[Signed], APP)),
        ("annotations", Is(&[Pair], Image { annotations: &[("environment", "production")], ..APP })),
        ("dead-spelling", Refused("spec.settings.signatures[0].github_actions", "write `githubActions`")),
        ("every-resource", Refused("spec.rules[0].resources[0]", "by name")),
    ]
}

fn files(directory: &str) -> PathBuf {
    match directory {
        "kyverno" => root().join("tests/idioms"),
        other => root().join("host/tests/convert").join(other),
    }
}

fn every_policy(directory: &str, table: &[(&str, Expected)], at_least: usize) {
    let policy = converted::policy();
    for (name, expected) in table {
        let name = *name;
        let text =
            converted::fill(&fs::read_to_string(files(directory).join(format!("{name}.yaml"))).unwrap());
        match (expected, run(policy, &text, &options())) {
            (Is(forms, image), Ok(conversion)) => {
                let manifests = manifests(&conversion);
                converted::check(name, &manifests);
                verdicts(name, forms, image, &manifests);
            }
            (Refused(path, words), Err(error)) => refused(name, &error, path, words),
            (Is(..), Err(error)) => panic!("{name}: {error:?}"),
            (Refused(..), Ok(conversion)) => panic!("{name}: {:?}", manifests(&conversion)),
        }
    }
    for (_, name) in UNSIGNED_ONLY.iter().filter(|(of, _)| *of == directory) {
        let text =
            converted::fill(&fs::read_to_string(files(directory).join(format!("{name}.yaml"))).unwrap());
        let conversion = run(policy, &text, &options()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let manifests = manifests(&conversion);
        converted::check(name, &manifests);
        for manifest in manifests {
            let registry = registry(&APP, &[]);
            let answer = decide(&manifest["spec"]["settings"], &pod(&pinned(APP.name)), &registry);
            assert!(!answer.accepted || !about(&manifest, APP.name), "{name}: {answer:?}");
        }
    }
    // Every file is in a table.
    let entries = fs::read_dir(files(directory)).unwrap().map(|entry| entry.unwrap().file_name());
    let mut found: Vec<String> =
        entries.map(|name| name.into_string().unwrap().replace(".yaml", "")).collect();
    let unsigned = UNSIGNED_ONLY.iter().filter(|(of, _)| *of == directory).map(|(_, name)| *name);
    let mut named: Vec<&str> = table.iter().map(|(name, _)| *name).chain(unsigned).collect();
    found.sort_unstable();
    named.sort_unstable();
    assert_eq!(found, named);
    assert!(found.len() >= at_least, "{directory}");
}

#[test]
fn every_cluster_policy_is_converted_or_refused_by_its_field() {
    every_policy("kyverno", &kyverno(), 58);
}

#[test]
fn every_image_validating_policy_is_converted_or_refused_by_its_field() {
    every_policy("ivpol", &ivpol(), 20);
}

#[test]
fn every_policy_with_verify_image_signatures_is_converted_or_refused_by_its_field() {
    every_policy("kubewarden", &kubewarden(), 10);
}

fn refused(name: &str, error: &ConvertError, path: &str, words: &str) {
    let ConvertError::Refused { refusals, .. } = error else { panic!("{name}: {error}") };
    let [refusal] = refusals.as_slice() else { panic!("{name}: {refusals:?}") };
    assert_eq!(refusal.path, path, "{name}: {refusal}");
    assert!(refusal.problem.to_string().contains(words), "{name}: {refusal}");
}

/// Whether the first rule names that image; only for those of [`UNSIGNED_ONLY`].
fn about(manifest: &Value, image: &str) -> bool {
    let references = manifest["spec"]["settings"]["verifyImages"][0]["imageReferences"].clone();
    let references: Vec<String> = serde_json::from_value(references).unwrap();
    references.iter().any(|pattern| image.starts_with(pattern.trim_end_matches('*')))
}

/// The verdicts of each policy, on one image: signed and not, by tag and by digest.
fn verdicts(name: &str, forms: &[Form], image: &Image, manifests: &[Value]) {
    let registries = [registry(image, image.signers), registry(image, &[]), registry(image, &["stranger"])];
    let [signed, unsigned, strange] = &registries;
    let accepts = |manifest: &Value, reference: &str, registry: &FakeRegistry| {
        let answer = decide(&manifest["spec"]["settings"], &(image.request)(reference), registry);
        let changed = answer.mutated.is_some();
        assert!(answer.accepted || matches!(answer.code, Some(403)), "{name}: {answer:?}");
        (answer.accepted, changed)
    };
    let pinned = pinned(image.name);
    let mut seen = Vec::new();
    for manifest in manifests {
        // Whatever it is, nothing by nobody or by somebody else gets in.
        for registry in [unsigned, strange] {
            for reference in [image.name, &pinned] {
                // Of several pairs of one policy only some are about this image.
                assert!(!accepts(manifest, reference, registry).0, "{name}, {reference}: {manifest}");
            }
        }
        assert_eq!(accepts(manifest, &pinned, signed), (true, false), "{name}");
        let tag = accepts(manifest, image.name, signed);
        seen.push(
            match (
                manifest["spec"]["mode"].as_str().unwrap(),
                manifest["spec"]["mutating"].as_bool().unwrap(),
                tag,
            ) {
                ("protect", true, (true, true)) => Pair,
                ("protect", false, (false, false)) => Pinned,
                ("protect", false, (true, false)) => Signed,
                ("monitor", false, (false, false)) => MonitorPinned,
                ("monitor", false, (true, false)) => MonitorSigned,
                other => panic!("{name}: {other:?}"),
            },
        );
    }
    let expected: Vec<Form> =
        forms.iter().flat_map(|form| if *form == Pair { vec![Pair, Pinned] } else { vec![*form] }).collect();
    assert_eq!(seen, expected, "{name}");
}

fn pinned(image: &str) -> String {
    format!("{image}@{}", forge::hex_digest(image.as_bytes()))
}

/// A registry with the image, signed by some keys; and a cluster with objects that hold a key.
fn registry(image: &Image, signers: &[&str]) -> FakeRegistry {
    let mut registry = FakeRegistry::new();
    let digest = registry.push(image.name);
    let name = image.name.rsplit_once(':').map_or(image.name, |(name, _)| name);
    let name = match name.trim_start_matches("docker.io/library/") {
        short @ ("busybox" | "nginx") => format!("index.docker.io/library/{short}"),
        _ => name.to_owned(),
    };
    let optional = match image.annotations {
        [] => Value::Null,
        annotations => annotations.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect(),
    };
    let payload = forge::payload(&name, &digest).replace("null", &optional.to_string());
    let layer = |label: &&str| {
        let signature = match *label {
            RSA_4096 => RSA.sign(payload.as_bytes(), How::Sha256),
            label => Key::new(label).sign(payload.as_bytes()),
        };
        forge::layer(&payload, &signature)
    };
    if !signers.is_empty() {
        let layers: Vec<Value> = signers.iter().map(layer).collect();
        let kept = image.kept_in.map_or_else(|| image.name.to_owned(), |kept_in| format!("{kept_in}:x"));
        registry.answer("manifest", &signature_tag(&kept, &digest), manifest(&layers));
    }
    let pem = Key::new("release").pem();
    registry.store("Secret", "platform", "cosign", json!({"data": {"cosign.pub": base64(&pem)}}));
    registry.store("ConfigMap", "platform", "signing-keys", json!({"data": {"release": pem}}));
    registry
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn custom(group: &str, version: &str, kind: &str, resource: &str, spec: &Value) -> Value {
    let mut request = pod("unused");
    for field in ["kind", "requestKind"] {
        request[field] = json!({"group": group, "version": version, "kind": kind});
    }
    for field in ["resource", "requestResource"] {
        request[field] = json!({"group": group, "version": version, "resource": resource});
    }
    request["object"] = json!({"apiVersion": format!("{group}/{version}"), "kind": kind, "metadata": {"name": "demo"}, "spec": spec});
    request
}

fn tekton_task(image: &str) -> Value {
    let steps = json!({"steps": [{"name": "build", "image": image, "script": "make"}]});
    custom("tekton.dev", "v1", "Task", "tasks", &steps)
}

fn virtual_machine(image: &str) -> Value {
    let volumes = json!([{"name": "root", "containerDisk": {"image": image}}]);
    let spec = json!({"template": {"spec": {"volumes": volumes}}});
    custom("kubevirt.io", "v1", "VirtualMachine", "virtualmachines", &spec)
}
