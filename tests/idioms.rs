//! What people write in `verifyImages` today: one whole Kyverno ClusterPolicy for each idiom, in `idioms/`, and what
//! becomes of it: the verdict for a signed and an unsigned image that Kyverno's documentation promises, or the
//! refusal, by path and problem. Each policy begins with what it means, and where we mean to differ. Who signs for
//! each, and what does not do in its place, is the testkit's: the same is held to what they are converted to.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sigwarden::settings::{Problem, Settings};
use sigwarden::verdict::{Outcome, Reason, Verdict};
use sigwarden_testkit::idioms::{self, Case, Lack, Proof, Who};
use sigwarden_testkit::objects::pod;
use sigwarden_testkit::schema::Schema;
use sigwarden_testkit::{Answer, decide, failures};

/// What becomes of a policy.
enum Expected {
    /// The settings are accepted, and images are decided on, in this way. What the settings say has no effect: the
    /// fields.
    Is(Way, &'static [&'static str]),
    /// The settings are refused, here and for this.
    Refused(&'static str, Problem),
}

/// What becomes of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Those that are verified get their digest written in, all others are denied.
    Pins,
    /// Those that are verified are accepted unchanged.
    Leaves,
    /// Those with a tag are denied.
    WantsDigests,
    /// Nothing is denied or changed.
    Audits,
}

/// What is seen of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    /// Accepted, and the digest written in.
    Pinned,
    /// Accepted, verified, and unchanged.
    Verified,
    /// Accepted, because it is skipped.
    Skipped,
    /// Accepted, because only rules that audit bind it; nothing would be denied.
    Audited,
    /// The same, and it would be denied: this is missing.
    WouldDeny(Lack),
    /// Denied: this is missing.
    Denied(Lack),
}

use Expected::{Is, Refused};
use Way::{Audits, Leaves, Pins, WantsDigests};

const PINS: Expected = Is(Pins, &[]);

impl Way {
    /// What is seen of an image that is verified.
    fn verified(self) -> Seen {
        match self {
            Pins => Seen::Pinned,
            Leaves => Seen::Verified,
            WantsDigests => Seen::Denied(Lack::Digest),
            Audits => Seen::Audited,
        }
    }

    /// What is seen of an image that lacks something.
    fn lacking(self, lack: &Lack) -> Seen {
        match self {
            Pins | Leaves => Seen::Denied(lack.clone()),
            WantsDigests => Seen::Denied(Lack::Digest),
            Audits => Seen::WouldDeny(lack.clone()),
        }
    }
}

fn identity(path: &'static str, found: &str, why: &'static str) -> Expected {
    Refused(path, Problem::Identity { found: found.to_owned(), why })
}

fn instead(path: &'static str, instead: &'static str) -> Expected {
    Refused(path, Problem::RefusedField { instead })
}

/// Every idiom.
#[rustfmt::skip]
fn idioms() -> Vec<(&'static str, Expected)> {
    const KEYLESS: &str = "verifyImages[0].attestors[0].entries[0].keyless";
    const PUBLIC_KEYS: &str = "verifyImages[0].attestors[0].entries[0].keys.publicKeys";
    const CONDITION: &str = "verifyImages[0].attestations[0].conditions[0].all[0].value";
    const KMS: &str = "a policy cannot reach a key service; export the key: `cosign public-key --key URI`";
    vec![
        // Identities.
        ("keyless-wildcard-subject", PINS),
        ("keyless-exact-subject", PINS),
        ("keyless-subject-regexp", PINS),
        ("keyless-workflow-extensions", PINS),
        ("keyless-person", PINS),
        ("keyless-private-authority", PINS),
        ("keyless-without-log", Refused("verifyImages[0].attestors[0].entries[0].keyless.rekor.ignoreTlog", Problem::NoProvenTime)),
        ("keyless-anybody", identity("verifyImages[0].attestors[0].entries[0].keyless.subject", "*", "this is anybody; write whose signatures count")),
        ("keyless-caret-in-wildcard", identity("verifyImages[0].attestors[0].entries[0].keyless.subject", "^https://github.com/acme/.*$", "this is a regular expression; write `subjectRegExp`")),
        ("keyless-no-issuer", Refused(KEYLESS, Problem::NoneOf { what: "`keyless`", allowed: ["issuer", "issuerRegExp"] })),
        // Keys. Without `ignoreTlog` an entry in Rekor is wanted, as Kyverno has it.
        ("static-key", PINS),
        ("static-key-with-rekor-url", PINS),
        ("ignore-tlog", PINS),
        ("rekor-url-empty", PINS),
        ("several-keys-in-one-block", PINS),
        ("one-of-several-keys", PINS),
        ("two-of-three-keys", PINS),
        ("two-attestor-sets", PINS),
        ("nested-attestor", PINS),
        ("rsa-4096-key", PINS),
        ("configmap-variable", instead(PUBLIC_KEYS, "variables are not replaced here; name a ConfigMap in `keys.configMap`, or write the key")),
        ("key-by-k8s-url", PINS),
        ("key-in-secret", PINS),
        ("kms-key", instead(PUBLIC_KEYS, KMS)),
        ("kms-field", instead("verifyImages[0].attestors[0].entries[0].keys.kms", KMS)),
        ("certificate", PINS),
        ("annotations", PINS),
        ("deprecated-key-field", instead("verifyImages[0].key", "write `attestors` with `entries` and `keys`")),
        // Which images.
        ("every-image", PINS),
        ("whole-registries", PINS),
        ("unqualified-hub-pattern", PINS),
        ("skip-image-references", PINS),
        ("several-rules", PINS),
        // The scope is the ClusterAdmissionPolicy's: the settings carry none of it.
        ("namespace-scope", PINS),
        ("tekton-steps", Is(Pins, &["Task[0].key"])),
        ("kubevirt-disks", Is(Pins, &["VirtualMachine[0].name"])),
        ("extractor-with-jmespath", instead("imageExtractors.DataVolume[0].jmesPath", "write a `path` that leads to the image itself")),
        // What becomes of them.
        ("audit-at-policy-level", Is(Audits, &["required"])),
        ("audit-at-rule-level", Is(Audits, &[])),
        ("audit-that-mutates", Refused("verifyImages[0].failureAction", Problem::AuditMutates)),
        ("mutate-digest-false", Is(WantsDigests, &["required"])),
        ("verify-digest-false", Is(Leaves, &[])),
        ("required-false", Is(Pins, &["required"])),
        // Attestations.
        ("attestation-path-equals", PINS),
        ("attestation-regex-match", PINS),
        ("attestation-length", Is(Pins, &["message"])),
        ("attestation-time-since", PINS),
        ("attestation-component-version", PINS),
        ("attestation-keyless", PINS),
        ("attestation-of-the-request", Refused(CONDITION, Problem::Variable)),
        ("attestation-without-attestors", Refused("verifyImages[0].attestations[0].attestors", Problem::Missing { what: "an attestation" })),
        ("cross-attestation-deny", instead("verifyImages[0].validate", "write `conditions` into each of the `attestations`; no condition spans several of them")),
        // Formats and where things are.
        ("sigstore-bundle", PINS),
        ("notary", Refused("verifyImages[0].type", Problem::Value { found: "Notary".to_owned(), allowed: vec!["Cosign", "SigstoreBundle"] })),
        ("cosign-oci11", Is(Pins, &["cosignOCI11"])),
        ("use-cache", Is(Pins, &["useCache"])),
        ("registry-credentials", instead("verifyImages[0].imageRegistryCredentials", "the policy-server holds the credentials: set `imagePullSecret` on the PolicyServer")),
        ("signatures-elsewhere", PINS),
    ]
}

fn directory() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/idioms")
}

fn policy(name: &str) -> Value {
    let text = fs::read_to_string(directory().join(format!("{name}.yaml"))).unwrap();
    let mut policy: Value = serde_norway::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    idioms::put_in_keys(&mut policy);
    policy
}

/// Who signs for a policy.
fn case(name: &str) -> Case {
    let (_, case) = idioms::kyverno().into_iter().find(|(of, _)| *of == name).unwrap();
    case
}

/// The settings of a ClusterPolicy: the `verifyImages` lists of its rules, as they stand. With them comes what
/// stands around them and has a place in the settings: the rules' `imageExtractors`, and the policy's
/// `validationFailureAction` for the items that have no `failureAction` of their own. What is enforced anyhow is not
/// written out. In place of the public Sigstore stands one in memory. Left behind is what a ClusterAdmissionPolicy
/// says: `match`, `exclude`, `background`, timeouts.
fn lift(policy: &Value) -> Value {
    assert_eq!((&policy["apiVersion"], &policy["kind"]), (&json!("kyverno.io/v1"), &json!("ClusterPolicy")));
    let audit = policy["spec"]["validationFailureAction"]
        .as_str()
        .is_some_and(|action| action.eq_ignore_ascii_case("audit"));
    let mut settings = json!({"verifyImages": [], "trustRoot": idioms::trust_root()});
    for rule in policy["spec"]["rules"].as_array().unwrap() {
        if let Some(extractors) = rule.get("imageExtractors") {
            settings["imageExtractors"] = extractors.clone();
        }
        for item in rule["verifyImages"].as_array().unwrap() {
            let mut item = item.clone();
            if audit && item.get("failureAction").is_none() {
                item["failureAction"] = json!("Audit");
            }
            settings["verifyImages"].as_array_mut().unwrap().push(item);
        }
    }
    settings
}

fn seen(answer: &Answer) -> Seen {
    let accepted = match &answer.verdict {
        Verdict::Accept(accepted) => accepted,
        Verdict::Deny(_) => {
            let [(_, failure)] = failures(answer) else { panic!("{answer:?}") };
            return Seen::Denied(Lack::of(failure.reason()));
        }
    };
    let [(_, image)] = accepted.images() else { panic!("{answer:?}") };
    let would_deny: Vec<&Reason> = image.would_deny.iter().map(|failure| failure.reason()).collect();
    match (&image.outcome, would_deny.as_slice(), answer.mutated.is_some()) {
        (Outcome::Verified(_), [], true) => Seen::Pinned,
        (Outcome::Verified(_), [], false) => Seen::Verified,
        (Outcome::Exempt, [], false) => Seen::Skipped,
        (Outcome::Audited, [], false) => Seen::Audited,
        (Outcome::Audited, [reason], false) => Seen::WouldDeny(Lack::of(reason)),
        _ => panic!("{answer:?}"),
    }
}

#[test]
fn every_policy_has_its_verdicts_or_its_refusal() {
    for (name, expected) in idioms() {
        let settings = lift(&policy(name));
        let parsed = Settings::from_json(settings.to_string().as_bytes());
        match (expected, parsed) {
            (Refused(path, problem), Err(error)) => {
                assert_eq!((error.path(), error.problem()), (path, &problem), "{name}");
            }
            (Is(way, notes), Ok(parsed)) => {
                let notes: Vec<bool> = notes
                    .iter()
                    .map(|field| {
                        parsed.warnings().iter().any(|note| note.contains(&format!("{field}: has no effect")))
                    })
                    .collect();
                assert_eq!(notes, vec![true; parsed.warnings().len()], "{name}: {:?}", parsed.warnings());
                let case = case(name);
                let verdict = |proofs: &[Proof]| {
                    seen(&decide(&settings, &(case.request)(case.image), &case.registry(proofs)))
                };
                for proofs in case.accepted() {
                    assert_eq!(verdict(proofs), way.verified(), "{name}: {proofs:?}");
                }
                assert!(case.twins.len() > 1, "{name}");
                for twin in &case.twins {
                    assert_eq!(verdict(&twin.proofs), way.lacking(&twin.lack), "{name}: {:?}", twin.proofs);
                }
            }
            (Refused(..), Ok(_)) => panic!("{name}: accepted"),
            (Is(..), Err(error)) => panic!("{name}: {error}"),
        }
    }
}

/// What is accepted is valid by the published schema.
#[test]
fn the_schema_accepts_what_the_parser_accepts() {
    let schema = Schema::new();
    for (name, expected) in idioms() {
        let settings = lift(&policy(name));
        if matches!(expected, Is(..)) {
            assert!(schema.accepts(&settings), "{name}");
        }
    }
    // The fields that are refused are none of the schema's.
    for name in [
        "kms-field",
        "deprecated-key-field",
        "registry-credentials",
        "cross-attestation-deny",
        "extractor-with-jmespath",
    ] {
        assert!(!schema.accepts(&lift(&policy(name))), "{name}");
    }
}

/// What the table cannot say with one signed and one unsigned image.
#[test]
fn what_else_the_policies_promise() {
    let decided = |name: &str, image: &'static str, signers: &[&'static str]| {
        let signers: Vec<Who> = signers.iter().copied().map(Who::Key).collect();
        let case = Case::signed(image, &signers);
        seen(&decide(&lift(&policy(name)), &pod(image), &case.registry(&case.proofs)))
    };
    // What is skipped needs no signature.
    assert_eq!(decided("skip-image-references", "ghcr.io/acme/public/site:1", &[]), Seen::Skipped);
    // Every spelling of the name is bound.
    assert_eq!(decided("unqualified-hub-pattern", "nginx:1.27", &[]), Seen::Denied(Lack::NoSignature));
    // The first rule of two.
    assert_eq!(decided("several-rules", "ghcr.io/acme/app:1", &["release"]), Seen::Pinned);
    assert_eq!(decided("several-rules", "ghcr.io/acme/app:1", &["supplier"]), Seen::Denied(Lack::Signers));
    // A signature without the annotation that is asked for.
    assert_eq!(decided("annotations", "ghcr.io/acme/app:1", &["release"]), Seen::Denied(Lack::Signers));
    // With a digest nothing has to be changed.
    let settings = lift(&policy("mutate-digest-false"));
    let app = Case::signed(idioms::APP, &[Who::Key("release")]);
    let pinned = |proofs: &[Proof]| seen(&decide(&settings, &pod(&app.pinned()), &app.registry(proofs)));
    assert_eq!(pinned(&app.proofs), Seen::Verified);
    assert_eq!(pinned(&[]), Seen::Denied(Lack::NoSignature));
    // What is not changed although its tag may come to mean another image is warned of.
    let answer = decide(&lift(&policy("verify-digest-false")), &pod(app.image), &app.registry(&app.proofs));
    assert_eq!(
        answer.warnings,
        [
            "spec.containers[0] ghcr.io/acme/app:1: verified, but not pinned: the tag may mean another image when it is pulled"
        ]
    );
}

#[test]
fn every_policy_is_in_the_table_and_says_what_it_means() {
    let mut files: Vec<String> = fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap().replace(".yaml", ""))
        .collect();
    files.sort();
    let mut named: Vec<&str> = idioms().iter().map(|(name, _)| *name).collect();
    named.sort_unstable();
    assert_eq!(files, named);
    assert!(files.len() >= 28);
    for name in files {
        let text = fs::read_to_string(directory().join(format!("{name}.yaml"))).unwrap();
        assert!(text.starts_with("# "), "{name}");
        assert_eq!(policy(&name)["metadata"]["name"], json!(name));
    }
}
