//! What people write in `verifyImages` today: one whole Kyverno ClusterPolicy for each idiom, in `idioms/`, and what
//! becomes of it: the verdict for a signed and an unsigned image that Kyverno's documentation promises, or the
//! refusal, by path and problem. Each policy begins with what it means, and where we mean to differ.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::{Value, json};
use sigwarden::attached::Carried;
use sigwarden::settings::{Problem, Settings};
use sigwarden::verdict::{Outcome, Reason, Verdict};
use sigwarden::verify::Unmet;
use sigwarden_testkit::fake_registry::signature_tag;
use sigwarden_testkit::forge::{self, manifest};
use sigwarden_testkit::objects::pod;
use sigwarden_testkit::people;
use sigwarden_testkit::schema::Schema;
use sigwarden_testkit::sigstore::dsse::Statement;
use sigwarden_testkit::sigstore::signer::{Evidence, Signer};
use sigwarden_testkit::typed::{How, TypedKey};
use sigwarden_testkit::{Answer, FakeRegistry, Key, decide, failures};

/// What becomes of a policy.
enum Expected {
    /// The settings are accepted, and images are decided on.
    Decided(Decided),
    /// The settings are refused, here and for this.
    Refused(&'static str, Problem),
    /// It is judged by what is attested: the predicate's type, what it says, and what it should not say; and who
    /// attests. The signature that is wanted as well, if one is, is there.
    Attested(&'static str, &'static str, &'static str, &'static str),
}

/// The verdicts on an image.
struct Decided {
    image: &'static str,
    /// Whose signatures the signed one has: just enough of them.
    signers: &'static [&'static str],
    /// Others, whose signatures do not suffice, each alone.
    strangers: &'static [&'static str],
    /// Where they are kept, if not beside the image.
    kept_in: Option<&'static str>,
    annotations: &'static [(&'static str, &'static str)],
    request: fn(&str) -> Value,
    signed: Seen,
    unsigned: Seen,
    /// What the settings say has no effect: the fields.
    notes: &'static [&'static str],
}

/// What is seen of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// Accepted, and the digest written in.
    Pinned,
    /// Accepted, verified, and unchanged.
    Verified,
    /// Accepted, because it is skipped.
    Skipped,
    /// Accepted, because only rules that audit bind it; nothing would be denied.
    Audited,
    /// The same, and it would be denied: there is no signature.
    WouldDeny,
    /// Denied: there is no signature.
    NoSignature,
    /// Denied: there are signatures, and not those that are wanted.
    Shortfall,
    /// Denied: a tag.
    Unpinned,
}

use Expected::{Attested, Refused};

const APP: Decided = Decided {
    image: "ghcr.io/acme/app:1",
    signers: &["release"],
    strangers: &[],
    kept_in: None,
    annotations: &[],
    request: pod,
    signed: Seen::Pinned,
    unsigned: Seen::NoSignature,
    notes: &[],
};

fn of(image: &'static str, signers: &'static [&'static str]) -> Expected {
    Expected::Decided(Decided { image, signers, ..APP })
}

fn signed(
    image: &'static str,
    signers: &'static [&'static str],
    strangers: &'static [&'static str],
) -> Expected {
    Expected::Decided(Decided { image, signers, strangers, ..APP })
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
    use Expected::Decided as Is;
    const KEYLESS: &str = "verifyImages[0].attestors[0].entries[0].keyless";
    const PUBLIC_KEYS: &str = "verifyImages[0].attestors[0].entries[0].keys.publicKeys";
    const CONDITION: &str = "verifyImages[0].attestations[0].conditions[0].all[0].value";
    const KMS: &str = "a policy cannot reach a key service; export the key: `cosign public-key --key URI`";
    vec![
        // Identities.
        ("keyless-wildcard-subject", signed("ghcr.io/acme/app:1", &["keyless https://github.com/acme/app/.github/workflows/ci.yaml@refs/heads/main https://token.actions.githubusercontent.com"], &[
            "keyless https://github.com/acme-evil/app/.github/workflows/ci.yaml@refs/heads/main https://token.actions.githubusercontent.com",
            "keyless https://github.com/acme/app/.github/workflows/ci.yaml@refs/heads/main https://accounts.example.com",
            "elsewhere keyless https://github.com/acme/app/.github/workflows/ci.yaml@refs/heads/main https://token.actions.githubusercontent.com",
            "logged release",
        ])),
        ("keyless-exact-subject", signed("ghcr.io/acme/shop:1", &["keyless https://github.com/acme/shop/.github/workflows/release.yaml@refs/heads/main https://token.actions.githubusercontent.com"], &[
            "keyless https://github.com/acme/shop/.github/workflows/release.yaml@refs/heads/next https://token.actions.githubusercontent.com",
        ])),
        ("keyless-subject-regexp", signed("ghcr.io/acme/app:1", &["keyless https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.2.3 https://token.actions.githubusercontent.com"], &[
            "keyless https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.2.3-rc1 https://token.actions.githubusercontent.com",
            "keyless https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.2.3 https://token.actions.githubusercontent.com.example.com",
        ])),
        ("keyless-workflow-extensions", signed("ghcr.io/acme/platform/api:1", &["keyless https://github.com/acme/platform/.github/workflows/ci.yaml@refs/heads/main https://token.actions.githubusercontent.com 2=push 5=acme/platform 6=refs/heads/main"], &[
            "keyless https://github.com/acme/platform/.github/workflows/ci.yaml@refs/heads/main https://token.actions.githubusercontent.com",
            "keyless https://github.com/acme/platform/.github/workflows/ci.yaml@refs/heads/main https://token.actions.githubusercontent.com 2=pull_request 5=acme/platform 6=refs/heads/main",
            "keyless https://github.com/acme/platform/.github/workflows/ci.yaml@refs/heads/main https://token.actions.githubusercontent.com 2=push 5=acme/platform-fork 6=refs/heads/main",
            "keyless https://github.com/acme/platform/.github/workflows/ci.yaml@refs/heads/main https://token.actions.githubusercontent.com 2=push 5=acme/platform",
        ])),
        ("keyless-person", signed("registry.example.com/tools/app:1", &["keyless alice@example.com https://accounts.example.com"], &[
            "keyless alice@example.community https://accounts.example.com",
            "keyless alice@example.com https://accounts.example.community",
        ])),
        ("keyless-private-authority", signed("registry.example.com/app:1", &["elsewhere keyless spiffe://example.com/ci/app https://oidc.example.com"], &[
            "elsewhere keyless spiffe://example.com/cd/app https://oidc.example.com",
            "keyless spiffe://example.com/ci/app https://oidc.example.com",
        ])),
        ("keyless-without-log", Refused("verifyImages[0].attestors[0].entries[0].keyless.rekor.ignoreTlog", Problem::NoProvenTime)),
        ("keyless-anybody", identity("verifyImages[0].attestors[0].entries[0].keyless.subject", "*", "this is anybody; write whose signatures count")),
        ("keyless-caret-in-wildcard", identity("verifyImages[0].attestors[0].entries[0].keyless.subject", "^https://github.com/acme/.*$", "this is a regular expression; write `subjectRegExp`")),
        ("keyless-no-issuer", Refused(KEYLESS, Problem::NoneOf { what: "`keyless`", allowed: ["issuer", "issuerRegExp"] })),
        // Keys. Without `ignoreTlog` an entry in Rekor is wanted, as Kyverno has it.
        ("static-key", signed("ghcr.io/acme/app:1", &["logged release"], &["release", "logged stranger", "elsewhere logged release"])),
        ("static-key-with-rekor-url", signed("ghcr.io/acme/app:1", &["logged release"], &["release", "logged stranger", "elsewhere logged release"])),
        ("ignore-tlog", Is(APP)),
        ("rekor-url-empty", Is(APP)),
        ("several-keys-in-one-block", of("registry.example.com/payments/api:2", &["release", "security"])),
        ("one-of-several-keys", of("registry.example.com/acme/app:1", &["release"])),
        ("two-of-three-keys", of("registry.example.com/vault/server:1", &["carol", "alice"])),
        ("two-attestor-sets", of("registry.example.com/acme/app:1", &["builder", "scanner"])),
        ("nested-attestor", of("registry.example.com/acme/app:1", &["release", "security-b"])),
        ("rsa-4096-key", of("registry.example.com/appliances/router:3", &[RSA_4096])),
        ("configmap-variable", instead(PUBLIC_KEYS, "variables are not replaced here; name a ConfigMap in `keys.configMap`, or write the key")),
        ("key-by-k8s-url", Is(APP)),
        ("key-in-secret", Is(APP)),
        ("kms-key", instead(PUBLIC_KEYS, KMS)),
        ("kms-field", instead("verifyImages[0].attestors[0].entries[0].keys.kms", KMS)),
        ("certificate", signed("registry.example.com/app:1", &["certificate"], &["certificate of somebody else", "release"])),
        ("annotations", Is(Decided { annotations: &[("environment", "production")], ..APP })),
        ("deprecated-key-field", instead("verifyImages[0].key", "write `attestors` with `entries` and `keys`")),
        // Which images.
        ("every-image", of("busybox", &["release"])),
        ("whole-registries", of("mirror.example.com/library/busybox:1", &["release"])),
        ("unqualified-hub-pattern", of("docker.io/library/nginx:1.27", &["release"])),
        ("skip-image-references", Is(APP)),
        ("several-rules", of("registry.example.com/supplier/db:9", &["supplier"])),
        // The scope is the ClusterAdmissionPolicy's: the settings carry none of it.
        ("namespace-scope", Is(APP)),
        ("tekton-steps", Is(Decided { request: tekton_task, notes: &["Task[0].key"], ..APP })),
        ("kubevirt-disks", Is(Decided { request: virtual_machine, notes: &["VirtualMachine[0].name"], ..APP })),
        ("extractor-with-jmespath", instead("imageExtractors.DataVolume[0].jmesPath", "write a `path` that leads to the image itself")),
        // What becomes of them.
        ("audit-at-policy-level", Is(Decided { signed: Seen::Audited, unsigned: Seen::WouldDeny, notes: &["required"], ..APP })),
        ("audit-at-rule-level", Is(Decided { signed: Seen::Audited, unsigned: Seen::WouldDeny, ..APP })),
        ("audit-that-mutates", Refused("verifyImages[0].failureAction", Problem::AuditMutates)),
        ("mutate-digest-false", Is(Decided { signed: Seen::Unpinned, unsigned: Seen::Unpinned, notes: &["required"], ..APP })),
        ("verify-digest-false", Is(Decided { signed: Seen::Verified, ..APP })),
        ("required-false", Is(Decided { notes: &["required"], ..APP })),
        // Attestations.
        ("attestation-path-equals", Attested("https://slsa.dev/provenance/v1", r#"{"runDetails":{"builder":{"id":"https://ci.example.com/builders/hardened"}}}"#, r#"{"runDetails":{"builder":{"id":"https://ci.example.com/builders/hardened2"}}}"#, "builder")),
        ("attestation-regex-match", Attested("https://slsa.dev/provenance/v1", r#"{"runDetails":{"builder":{"id":"https://ci.example.com/builders/hardened@v12"}}}"#, r#"{"runDetails":{"builder":{"id":"https://ci.example.com/builders/hardened@v12a"}}}"#, "builder")),
        ("attestation-length", Attested("https://cyclonedx.org/bom", r#"{"components":[{"name":"a"}]}"#, r#"{"components":[]}"#, "builder")),
        ("attestation-time-since", Attested("https://cosign.sigstore.dev/attestation/vuln/v1", r#"{"metadata":{"scanFinishedOn":"2025-12-30T00:00:00Z"}}"#, r#"{"metadata":{"scanFinishedOn":"2025-12-20T00:00:00Z"}}"#, "builder")),
        ("attestation-component-version", Attested("https://cyclonedx.org/bom", r#"{"components":[{"name":"liblzma","version":"5.8.1"}]}"#, r#"{"components":[{"name":"liblzma","version":"5.6.1"}]}"#, "builder")),
        ("attestation-keyless", Attested("https://slsa.dev/provenance/v0.2", r#"{"invocation":{"configSource":{"uri":"git+https://github.com/acme/shop@refs/heads/main"}}}"#, r#"{"invocation":{"configSource":{"uri":"git+https://github.com/acme/shop@refs/heads/next"}}}"#, "keyless")),
        ("attestation-of-the-request", Refused(CONDITION, Problem::Variable)),
        ("attestation-without-attestors", Refused("verifyImages[0].attestations[0].attestors", Problem::Missing { what: "an attestation" })),
        ("cross-attestation-deny", instead("verifyImages[0].validate", "conditions over attestations cannot be evaluated by this version")),
        // Formats and where things are.
        ("sigstore-bundle", Attested("https://sigstore.dev/cosign/sign/v1", r#"{}"#, r#""#, "keyless")),
        ("notary", Refused("verifyImages[0].type", Problem::Value { found: "Notary".to_owned(), allowed: vec!["Cosign", "SigstoreBundle"] })),
        ("cosign-oci11", Is(Decided { notes: &["cosignOCI11"], ..APP })),
        ("use-cache", Is(Decided { notes: &["useCache"], ..APP })),
        ("registry-credentials", instead("verifyImages[0].imageRegistryCredentials", "the policy-server holds the credentials: set `imagePullSecret` on the PolicyServer")),
        ("signatures-elsewhere", Is(Decided { image: "registry.example.com/copies/app:1", kept_in: Some("registry.example.com/signatures"), ..APP })),
    ]
}

fn directory() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/idioms")
}

fn policy(name: &str) -> Value {
    let text = fs::read_to_string(directory().join(format!("{name}.yaml"))).unwrap();
    let mut policy: Value = serde_norway::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    put_in_keys(&mut policy);
    policy
}

/// The signer that is no [`Key`].
const RSA_4096: &str = "RSA 4096";

static RSA: LazyLock<TypedKey> =
    LazyLock::new(|| TypedKey::all("idioms").into_iter().find(|(name, _)| *name == RSA_4096).unwrap().1);

/// A layer by whoever the label says: `keyless SUBJECT ISSUER`, `logged KEY`, a holder of a certificate, or a key.
/// `elsewhere` before it is another Sigstore than that of `trustRoot`.
fn sign(label: &str, payload: &str) -> Value {
    let (sigstore, who) = match label.strip_prefix("elsewhere ") {
        Some(who) => (&*people::PRIVATE, who),
        None => (&*people::PUBLIC, label),
    };
    if let Some(who) = who.strip_prefix("keyless ") {
        return people::keyless(sigstore, who, payload).layer();
    }
    if let Some(key) = who.strip_prefix("logged ") {
        return people::logged(sigstore, &Key::new(key), payload).layer();
    }
    if let Some(who) = who.strip_prefix("certificate") {
        let holder = if who.is_empty() { &*people::HOLDER } else { &*people::OTHER_HOLDER };
        return people::certified(holder, payload).layer();
    }
    let signature = match label {
        RSA_4096 => RSA.sign(payload.as_bytes(), How::Sha256),
        label => Key::new(label).sign(payload.as_bytes()),
    };
    forge::layer(payload, &signature)
}

/// Replaces what stands for PEM in the policies.
fn put_in_keys(value: &mut Value) {
    match value {
        Value::String(text) => {
            while let Some((before, rest)) = text.split_once("@KEY:") {
                let (label, after) = rest.split_once('@').unwrap();
                *text = format!("{before}{}{after}", Key::new(label).pem());
            }
            if text.contains("@RSA-4096@") {
                *text = text.replace("@RSA-4096@", &RSA.pem());
            }
            for (placeholder, pem) in [
                ("@AUTHORITY@", people::PRIVATE.fulcio.chain_pem()),
                ("@HOLDER@", people::HOLDER.pem()),
                ("@REKOR@", people::PRIVATE.rekor.pem()),
            ] {
                *text = text.replace(placeholder, &pem);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(put_in_keys),
        Value::Object(fields) => fields.values_mut().for_each(put_in_keys),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The settings of a ClusterPolicy: the `verifyImages` lists of its rules, as they stand. With them comes what
/// stands around them and has a place in the settings: the rules' `imageExtractors`, and the policy's
/// `validationFailureAction` for the items that have no `failureAction` of their own. What is enforced anyhow is not
/// written out. In place of the public Sigstore stands one in memory. Left behind is what a ClusterAdmissionPolicy says: `match`, `exclude`, `background`, timeouts.
fn lift(policy: &Value) -> Value {
    assert_eq!((&policy["apiVersion"], &policy["kind"]), (&json!("kyverno.io/v1"), &json!("ClusterPolicy")));
    let audit = policy["spec"]["validationFailureAction"]
        .as_str()
        .is_some_and(|action| action.eq_ignore_ascii_case("audit"));
    let mut settings = json!({"verifyImages": [], "trustRoot": people::trust_root()});
    // Nobody who pastes a policy has asked for the timestamp authority that the public one has.
    settings["trustRoot"]["timestampAuthorities"] = json!([]);
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
    let steps = json!({"params": [], "steps": [{"name": "build", "image": image, "script": "make"}]});
    custom("tekton.dev", "v1", "Task", "tasks", &steps)
}

fn virtual_machine(image: &str) -> Value {
    let volumes =
        json!([{"name": "root", "containerDisk": {"image": image}}, {"name": "data", "emptyDisk": {}}]);
    let spec = json!({"template": {"spec": {"volumes": volumes}}});
    custom("kubevirt.io", "v1", "VirtualMachine", "virtualmachines", &spec)
}

/// A registry with the image, signed by some keys; and a cluster with a Secret that holds a key.
fn registry(decided: &Decided, signers: &[&str]) -> FakeRegistry {
    let mut registry = FakeRegistry::new();
    let digest = registry.push(decided.image);
    let name = decided.image.rsplit_once(':').map_or(decided.image, |(name, _)| name);
    let name = match name {
        "busybox" | "docker.io/library/nginx" => {
            format!("index.docker.io/library/{}", name.trim_start_matches("docker.io/library/"))
        }
        name => name.to_owned(),
    };
    let optional = if decided.annotations.is_empty() {
        Value::Null
    } else {
        decided.annotations.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
    };
    let payload = forge::payload(&name, &digest).replace("null", &optional.to_string());
    if !signers.is_empty() {
        let layers: Vec<Value> = signers.iter().map(|label| sign(label, &payload)).collect();
        let kept = decided.kept_in.map_or_else(|| decided.image.to_owned(), |kept_in| format!("{kept_in}:x"));
        registry.answer("manifest", &signature_tag(&kept, &digest), manifest(&layers));
    }
    let secret = json!({"data": {"cosign.pub": base64(&Key::new("release").pem())}});
    registry.store("Secret", "platform", "cosign", secret);
    registry
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn seen(answer: &Answer) -> Seen {
    let accepted = match &answer.verdict {
        Verdict::Accept(accepted) => accepted,
        Verdict::Deny(_) => {
            let [(_, failure)] = failures(answer) else { panic!("{answer:?}") };
            return if matches!(failure.reason(), Reason::NoSignature { cosign_3: false }) {
                Seen::NoSignature
            } else if matches!(failure.reason(), Reason::Unmet(Unmet::Shortfall(_))) {
                Seen::Shortfall
            } else {
                assert_eq!(failure.reason(), &Reason::Unpinned);
                Seen::Unpinned
            };
        }
    };
    let [(_, image)] = accepted.images() else { panic!("{answer:?}") };
    let would_deny: Vec<&Reason> = image.would_deny.iter().map(|failure| failure.reason()).collect();
    match (&image.outcome, would_deny.as_slice(), answer.mutated.is_some()) {
        (Outcome::Verified(_), [], true) => Seen::Pinned,
        (Outcome::Verified(_), [], false) => Seen::Verified,
        (Outcome::Exempt, [], false) => Seen::Skipped,
        (Outcome::Audited, [], false) => Seen::Audited,
        (Outcome::Audited, [Reason::NoSignature { cosign_3: false }], false) => Seen::WouldDeny,
        _ => panic!("{answer:?}"),
    }
}

/// The verdicts on an image of which something is attested: by whom it should be, by a stranger, saying something else,
/// and not at all.
fn attested(name: &str, settings: &Value, [kind, good, bad, who]: [&str; 4]) {
    const SUBJECT: &str = "https://github.com/acme/app/.github/workflows/ci.yml@refs/heads/main";
    const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";
    let carried = if kind == SIGNATURE { Carried::Signatures } else { Carried::Attestations(kind) };
    let by = |subject: &str| {
        Signer::Identity(people::PUBLIC.certify(&people::leaf(&format!("{subject} {}", people::GITHUB))))
    };
    let signer = if who == "keyless" { by(SUBJECT) } else { Signer::Key(TypedKey::of(&Key::new(who))) };
    let stranger = if who == "keyless" {
        by("https://github.com/evil/app/x")
    } else {
        Signer::Key(TypedKey::of(&Key::new("stranger")))
    };
    let accepts = |attested: Option<(&Signer, &str)>| {
        let mut registry = FakeRegistry::new();
        let digest = registry.push(APP.image);
        let carry = |registry: &mut FakeRegistry, carried, signer: &Signer, kind: &str, predicate: &str| {
            let predicate = serde_json::from_str(predicate).unwrap();
            let statement = Statement::about(&digest, kind, predicate).to_json();
            let bundle = people::PUBLIC.attest(signer, &statement, Evidence::Proof, people::SIGNED);
            registry.carry(APP.image, &digest, carried, &[bundle.to_value()]);
        };
        if who == "keyless" && kind != SIGNATURE {
            carry(&mut registry, Carried::Signatures, &signer, SIGNATURE, "{}");
        }
        if let Some((signer, predicate)) = attested {
            carry(&mut registry, carried, signer, kind, predicate);
        }
        let answer = decide(settings, &pod(APP.image), &registry);
        assert!(answer.accepted || answer.code == Some(403), "{name}: {answer:?}");
        answer.accepted
    };
    assert!(accepts(Some((&signer, good))), "{name}");
    assert!(!accepts(Some((&stranger, good))), "{name}, by a stranger");
    assert!(!accepts(None), "{name}, nothing attested");
    if !bad.is_empty() {
        assert!(!accepts(Some((&signer, bad))), "{name}, saying {bad}");
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
            (Expected::Decided(decided), Ok(parsed)) => {
                let notes: Vec<bool> = decided
                    .notes
                    .iter()
                    .map(|field| {
                        parsed.warnings().iter().any(|note| note.contains(&format!("{field}: has no effect")))
                    })
                    .collect();
                assert_eq!(notes, vec![true; parsed.warnings().len()], "{name}: {:?}", parsed.warnings());
                let verdict = |signers: &[&str]| {
                    seen(&decide(&settings, &(decided.request)(decided.image), &registry(&decided, signers)))
                };
                assert_eq!(verdict(decided.signers), decided.signed, "{name}, signed");
                assert_eq!(verdict(&[]), decided.unsigned, "{name}, unsigned");
                // The signers are just enough: each that is left out is missed.
                for (index, _) in decided.signers.iter().enumerate().filter(|_| decided.signers.len() > 1) {
                    let mut fewer = decided.signers.to_vec();
                    fewer.remove(index);
                    assert_eq!(verdict(&fewer), Seen::Shortfall, "{name} without {}", decided.signers[index]);
                }
                for stranger in decided.strangers {
                    assert_eq!(verdict(&[stranger]), Seen::Shortfall, "{name}, signed by {stranger}");
                }
                if decided.unsigned == Seen::NoSignature {
                    assert_eq!(verdict(&["stranger"]), Seen::Shortfall, "{name}, signed by a stranger");
                }
            }
            (Attested(kind, good, bad, who), Ok(_)) => attested(name, &settings, [kind, good, bad, who]),
            (Refused(..), Ok(_)) => panic!("{name}: accepted"),
            (Expected::Decided(_) | Attested(..), Err(error)) => panic!("{name}: {error}"),
        }
    }
}

/// What is accepted is valid by the published schema.
#[test]
fn the_schema_accepts_what_the_parser_accepts() {
    let schema = Schema::new();
    for (name, expected) in idioms() {
        let settings = lift(&policy(name));
        if matches!(expected, Expected::Decided(_) | Attested(..)) {
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
    let decided = |name: &str, image: &'static str, signers: &'static [&'static str]| {
        let decided = Decided { image, signers, ..APP };
        seen(&decide(&lift(&policy(name)), &pod(image), &registry(&decided, signers)))
    };
    // Either of the two keys will do.
    assert_eq!(
        decided("one-of-several-keys", "registry.example.com/acme/app:1", &["release-2025"]),
        Seen::Pinned
    );
    // What is skipped needs no signature.
    assert_eq!(decided("skip-image-references", "ghcr.io/acme/public/site:1", &[]), Seen::Skipped);
    // Every spelling of the name is bound.
    assert_eq!(decided("unqualified-hub-pattern", "nginx:1.27", &[]), Seen::NoSignature);
    // The first rule of two.
    assert_eq!(decided("several-rules", "ghcr.io/acme/app:1", &["release"]), Seen::Pinned);
    assert_eq!(decided("several-rules", "ghcr.io/acme/app:1", &["supplier"]), Seen::Shortfall);
    // A signature without the annotation that is asked for.
    assert_eq!(decided("annotations", "ghcr.io/acme/app:1", &["release"]), Seen::Shortfall);
    // With a digest nothing has to be changed.
    let settings = lift(&policy("mutate-digest-false"));
    let pinned = |signers: &[&str]| {
        let registry = registry(&APP, signers);
        let digest = forge::hex_digest(APP.image.as_bytes());
        seen(&decide(&settings, &pod(&format!("{}@{digest}", APP.image)), &registry))
    };
    assert_eq!(pinned(&["release"]), Seen::Verified);
    assert_eq!(pinned(&[]), Seen::NoSignature);
    // What is not changed although its tag may come to mean another image is warned of.
    let answer =
        decide(&lift(&policy("verify-digest-false")), &pod(APP.image), &registry(&APP, &["release"]));
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
