//! `sigwarden convert`: what becomes of the policies people have. Each result is held to the CRDs, to the compiled
//! module and to what a pair has to be, and has the verdicts that are expected; or the refusal names the field.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

#[path = "support/converted.rs"]
mod converted;
#[path = "support/converted_cases.rs"]
mod converted_cases;
#[path = "support/crd.rs"]
mod crd;

use converted::{manifests, options, root, run};
use serde_json::Value;
use sigwarden_host::convert::ConvertError;
use sigwarden_testkit::idioms::{self, Case, Lack, Proof, Twin};
use sigwarden_testkit::{decide, failures, forge};
use std::fs;
use std::path::PathBuf;

/// What becomes of a policy.
enum Expected {
    /// It is converted, into policies of these forms.
    Is(&'static [Form]),
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

use Expected::{Is, Refused};
use Form::{MonitorPinned, MonitorSigned, Pair, Pinned, Signed};

const PAIR: Expected = Is(&[Pair]);

const KEYLESS: &str = "spec.rules[0].verifyImages[0].attestors[0].entries[0].keyless";

/// Kyverno's ClusterPolicies, by idiom: those of the policy's own tests.
#[rustfmt::skip]
fn kyverno() -> Vec<(&'static str, Expected)> {
    const PUBLIC_KEYS: &str = "spec.rules[0].verifyImages[0].attestors[0].entries[0].keys.publicKeys";
    vec![
        ("keyless-wildcard-subject", PAIR),
        ("keyless-exact-subject", PAIR),
        ("keyless-subject-regexp", PAIR),
        ("keyless-workflow-extensions", PAIR),
        ("keyless-person", PAIR),
        ("keyless-private-authority", PAIR),
        ("keyless-without-log", Refused("spec.rules[0].verifyImages[0].attestors[0].entries[0].keyless.rekor.ignoreTlog", "nothing proves when it was signed")),
        ("keyless-anybody", Refused("spec.rules[0].verifyImages[0].attestors[0].entries[0].keyless.subject", "this is anybody")),
        ("keyless-caret-in-wildcard", Refused("spec.rules[0].verifyImages[0].attestors[0].entries[0].keyless.subject", "write `subjectRegExp`")),
        ("keyless-no-issuer", Refused(KEYLESS, "found neither issuer nor issuerRegExp")),
        ("static-key", PAIR),
        ("static-key-with-rekor-url", PAIR),
        ("ignore-tlog", PAIR),
        ("rekor-url-empty", PAIR),
        ("several-keys-in-one-block", PAIR),
        ("one-of-several-keys", PAIR),
        ("two-of-three-keys", PAIR),
        ("two-attestor-sets", PAIR),
        ("nested-attestor", PAIR),
        ("rsa-4096-key", PAIR),
        ("configmap-variable", PAIR),
        ("key-by-k8s-url", PAIR),
        ("key-in-secret", PAIR),
        ("kms-key", Refused(PUBLIC_KEYS, "cosign public-key --key URI")),
        ("kms-field", Refused("spec.rules[0].verifyImages[0].attestors[0].entries[0].keys.kms", "cosign public-key --key URI")),
        ("certificate", PAIR),
        ("annotations", PAIR),
        ("deprecated-key-field", Refused("spec.rules[0].verifyImages[0].key", "write `attestors`")),
        ("every-image", PAIR),
        ("whole-registries", PAIR),
        ("unqualified-hub-pattern", PAIR),
        ("skip-image-references", PAIR),
        ("several-rules", PAIR),
        ("namespace-scope", PAIR),
        ("tekton-steps", PAIR),
        ("kubevirt-disks", PAIR),
        ("extractor-with-jmespath", Refused("settings.imageExtractors.DataVolume[0].jmesPath", "write a `path`")),
        ("audit-at-policy-level", Is(&[MonitorSigned])),
        ("audit-at-rule-level", Is(&[MonitorSigned])),
        ("audit-that-mutates", Refused("spec.rules[0].verifyImages[0].mutateDigest", "Kyverno refuses it with `Audit`")),
        ("mutate-digest-false", Is(&[Pinned])),
        ("verify-digest-false", Is(&[Signed])),
        ("required-false", PAIR),
        ("attestation-path-equals", PAIR),
        ("attestation-regex-match", PAIR),
        ("attestation-length", PAIR),
        ("attestation-time-since", PAIR),
        ("attestation-component-version", PAIR),
        ("attestation-keyless", PAIR),
        ("attestation-of-the-request", Refused("spec.rules[0].verifyImages[0].attestations[0].conditions[0].all[0].value", "variables are not replaced")),
        ("attestation-without-attestors", Refused("spec.rules[0].verifyImages[0].attestations[0].attestors", "missing")),
        ("cross-attestation-deny", Refused("spec.rules[0].verifyImages[0].validate", "not supported")),
        ("sigstore-bundle", PAIR),
        ("notary", Refused("spec.rules[0].verifyImages[0].type", "found `Notary`")),
        ("cosign-oci11", PAIR),
        ("use-cache", PAIR),
        ("registry-credentials", Refused("spec.rules[0].verifyImages[0].imageRegistryCredentials", "`imagePullSecret` on the PolicyServer")),
        ("signatures-elsewhere", PAIR),
    ]
}

fn ivpol() -> Vec<(&'static str, Expected)> {
    vec![
        ("key", PAIR),
        ("namespaced", PAIR),
        ("two-keys", PAIR),
        ("one-of-two-keys", PAIR),
        ("each-kind-of-container", PAIR),
        ("annotations", PAIR),
        ("repository", PAIR),
        ("keyless", PAIR),
        ("keyless-several", PAIR),
        ("certificate", PAIR),
        ("attestation", PAIR),
        ("key-with-log", PAIR),
        ("digests-only", Is(&[Pinned])),
        ("audit", Is(&[MonitorSigned])),
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
        ("key", PAIR),
        ("two-keys", PAIR),
        ("namespaced", PAIR),
        ("monitor", Is(&[MonitorSigned])),
        ("not-modifying", Is(&[Signed])),
        ("annotations", PAIR),
        ("keyless", PAIR),
        ("keyless-prefix", PAIR),
        ("from-rancher", Is(&[MonitorSigned])),
        ("github-actions", PAIR),
        ("github-actions-of-an-owner", PAIR),
        ("certificates", PAIR),
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

fn every_policy(directory: &str, table: &[(&str, Expected)], cases: &[(&str, Case)], at_least: usize) {
    let policy = converted::policy();
    for (name, expected) in table {
        let name = *name;
        let text =
            converted::fill(&fs::read_to_string(files(directory).join(format!("{name}.yaml"))).unwrap());
        match (expected, run(policy, &text, &options())) {
            (Is(forms), Ok(conversion)) => {
                let manifests = manifests(&conversion);
                converted::check(name, &manifests);
                let (_, case) = cases.iter().find(|(of, _)| *of == name).unwrap();
                verdicts(name, forms, case, &manifests);
            }
            (Refused(path, words), Err(error)) => refused(name, &error, path, words),
            (Is(..), Err(error)) => panic!("{name}: {error:?}"),
            (Refused(..), Ok(conversion)) => panic!("{name}: {:?}", manifests(&conversion)),
        }
    }
    // Every file is in the table.
    let entries = fs::read_dir(files(directory)).unwrap().map(|entry| entry.unwrap().file_name());
    let mut found: Vec<String> =
        entries.map(|name| name.into_string().unwrap().replace(".yaml", "")).collect();
    let mut named: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
    found.sort_unstable();
    named.sort_unstable();
    assert_eq!(found, named);
    assert!(found.len() >= at_least, "{directory}");
}

#[test]
fn every_cluster_policy_is_converted_or_refused_by_its_field() {
    every_policy("kyverno", &kyverno(), &idioms::kyverno(), 58);
}

#[test]
fn every_image_validating_policy_is_converted_or_refused_by_its_field() {
    every_policy("ivpol", &ivpol(), &converted_cases::ivpol(), 20);
}

#[test]
fn every_policy_with_verify_image_signatures_is_converted_or_refused_by_its_field() {
    every_policy("kubewarden", &kubewarden(), &converted_cases::kubewarden(), 10);
}

fn refused(name: &str, error: &ConvertError, path: &str, words: &str) {
    let ConvertError::Refused { refusals, .. } = error else { panic!("{name}: {error}") };
    let [refusal] = refusals.as_slice() else { panic!("{name}: {refusals:?}") };
    assert_eq!(refusal.path, path, "{name}: {refusal}");
    assert!(refusal.problem.to_string().contains(words), "{name}: {refusal}");
}

/// The verdicts of each policy, on one image: verified, and each twin that is not; by tag and by digest.
fn verdicts(name: &str, forms: &[Form], case: &Case, manifests: &[Value]) {
    let mut seen = Vec::new();
    for manifest in manifests {
        let settings = settings(case, manifest);
        let mut found: Vec<Form> =
            settings.iter().map(|settings| form_of(name, case, manifest, settings)).collect();
        found.dedup();
        let [form] = found.as_slice() else { panic!("{name}: {found:?}") };
        for settings in &settings {
            lacking(name, *form, case, settings);
        }
        seen.push(*form);
    }
    let expected: Vec<Form> =
        forms.iter().flat_map(|form| if *form == Pair { vec![Pair, Pinned] } else { vec![*form] }).collect();
    assert_eq!(seen, expected, "{name}");
}

/// What kind of policy it is, by what becomes of an image that is verified.
fn form_of(name: &str, case: &Case, manifest: &Value, settings: &Value) -> Form {
    let mut by_tag = Vec::new();
    for proofs in case.accepted() {
        let by_digest = verdict(settings, case, &case.pinned(), proofs);
        assert_eq!(by_digest, Ok(Changed(false)), "{name}: {proofs:?}");
        by_tag.push(verdict(settings, case, case.image, proofs));
    }
    by_tag.dedup();
    let spec = &manifest["spec"];
    match (spec["mode"].as_str().unwrap(), spec["mutating"].as_bool().unwrap(), by_tag.as_slice()) {
        ("protect", true, [Ok(Changed(true))]) => Pair,
        ("protect", false, [Err(Lack::Digest)]) => Pinned,
        ("protect", false, [Ok(Changed(false))]) => Signed,
        ("monitor", false, [Err(Lack::Digest)]) => MonitorPinned,
        ("monitor", false, [Ok(Changed(false))]) => MonitorSigned,
        other => panic!("{name}: {other:?}"),
    }
}

/// Whatever form a policy has, nothing by nobody or by somebody else gets in.
fn lacking(name: &str, form: Form, case: &Case, settings: &Value) {
    assert!(case.twins.len() > 1, "{name}");
    for Twin { proofs, lack } in &case.twins {
        let by_digest = verdict(settings, case, &case.pinned(), proofs);
        assert_eq!(by_digest, Err(lack.clone()), "{name}: {form:?}: {proofs:?}");
        let by_tag = verdict(settings, case, case.image, proofs);
        let lack = if matches!(form, Pinned | MonitorPinned) { &Lack::Digest } else { lack };
        assert_eq!(by_tag, Err(lack.clone()), "{name}: {form:?}: {proofs:?}");
    }
}

/// The settings of a policy as they are; or where the public Sigstore has to be believed, with one in its place whose
/// keys are here. Nothing but that is changed. Who does not rely on it gets both: whatever the policy names in its
/// place is not added to it.
fn settings(case: &Case, manifest: &Value) -> Vec<Value> {
    let written = manifest["spec"]["settings"].clone();
    assert!(written.get("trustRoot").is_none(), "{written}");
    let mut believing = written.clone();
    believing["trustRoot"] = idioms::trust_root();
    if case.relies_on_the_public_sigstore() { vec![believing] } else { vec![written, believing] }
}

/// Whether the object was changed, to the digest.
#[derive(Debug, Eq, PartialEq)]
struct Changed(bool);

/// What is decided on an image of which there is this; what is missing, if it is refused.
fn verdict(settings: &Value, case: &Case, reference: &str, proofs: &[Proof]) -> Result<Changed, Lack> {
    let answer = decide(settings, &(case.request)(reference), &case.registry(proofs));
    if answer.accepted {
        let digest = forge::hex_digest(case.image.as_bytes());
        assert!(answer.mutated.iter().all(|object| object.to_string().contains(&digest)), "{answer:?}");
        return Ok(Changed(answer.mutated.is_some()));
    }
    assert_eq!(answer.code, Some(403), "{answer:?}");
    let [(_, failure)] = failures(&answer) else { panic!("{answer:?}") };
    Err(Lack::of(failure.reason()))
}
