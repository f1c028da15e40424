//! What `sigwarden convert` makes of single fields of ImageValidatingPolicies, and of policies with
//! verify-image-signatures: the one says what it asks for, its twin is refused by its field.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

#[path = "support/converted.rs"]
mod converted;
#[path = "support/crd.rs"]
mod crd;

use converted::{fill, manifests, options, root, run};
use serde_json::{Value, json};
use sigwarden_host::convert::ConvertError;
use sigwarden_testkit::Key;

/// A policy of `convert/`, with a part of it replaced.
fn with(file: &str, part: &str, by: &str) -> String {
    with_all(file, &[(part, by)])
}

fn with_all(file: &str, changes: &[(&str, &str)]) -> String {
    let text = std::fs::read_to_string(root().join(format!("host/tests/convert/{file}.yaml"))).unwrap();
    fill(&changes.iter().fold(text, |text, (part, by)| {
        assert!(text.contains(part), "{file}: {part}");
        text.replace(part, by)
    }))
}

/// What a text becomes: the first policy of it, and the notes.
fn made(text: &str) -> (Value, Vec<String>) {
    let conversion =
        run(converted::policy(), text, &options()).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    let notes = conversion.notes.iter().map(|note| format!("{}: {}", note.path, note.text)).collect();
    let manifests = manifests(&conversion);
    converted::check("fields", &manifests);
    (manifests[0].clone(), notes)
}

/// Why it is refused.
fn refused(text: &str) -> String {
    match run(converted::policy(), text, &options()) {
        Err(ConvertError::Refused { refusals, .. }) => {
            let [refusal] = refusals.as_slice() else { panic!("{refusals:?}") };
            format!("{}: {}", refusal.path, refusal.problem)
        }
        other => panic!("{other:?}\n{text}"),
    }
}

/// A PEM on one line, as a text in quotes has it.
fn quoted(labels: &[&str]) -> String {
    let pem: String = labels.iter().map(|label| Key::new(label).pem()).collect();
    format!("\"{}\"", pem.replace('\n', "\\n"))
}

/// Kyverno decodes the first block, so that the holder of the second is nobody there.
#[test]
fn several_keys_of_one_attestor_are_refused() {
    let policy = |data: &str| with("ivpol/key", "|-\n            @KEY:release@", data);
    made(&policy(&quoted(&["release"])));
    assert_eq!(
        refused(&policy(&quoted(&["release", "security"]))),
        "spec.attestors[0].cosign.key.data: cannot be carried over; Kyverno reads the first key only; write one, and an \
         attestor for each further one"
    );
    let log = |keys: &[&str]| {
        let by = format!("url: https://rekor.example.com\n          rekorPubKey: {}", quoted(keys));
        with("ivpol/key", "insecureIgnoreTlog: true", &by)
    };
    made(&log(&["rekor"]));
    assert_eq!(
        refused(&log(&["rekor", "other"])),
        "spec.attestors[0].cosign.ctlog.rekorPubKey: cannot be carried over; Kyverno reads the first key only; write that \
         one alone"
    );
}

#[test]
fn types_of_attestations_by_their_names_for_cosign() {
    let policy =
        |name: &str| with("ivpol/attestation", "type: https://cyclonedx.org/bom", &format!("type: {name}"));
    for (name, uri) in [
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
        ("https://example.com/custom", "https://example.com/custom"),
        ("cosign.sigstore.dev/attestation/v1", "cosign.sigstore.dev/attestation/v1"),
    ] {
        let (policy, _) = made(&policy(name));
        let kind = &policy["spec"]["settings"]["verifyImages"][0]["attestations"][0]["type"];
        assert_eq!(kind, uri, "{name}");
    }
    for name in ["sbom", "CycloneDX", "slsaprovenance2"] {
        assert_eq!(
            refused(&policy(name)),
            format!(
                "spec.attestations[0].intoto.type: found `{name}`; nothing has this type; write its URI, or one of \
                 cosign's names: custom, cyclonedx, link, openvex, slsaprovenance, slsaprovenance02, slsaprovenance1, \
                 spdx, spdxjson, vuln"
            )
        );
    }
}

/// Kyverno cannot make its client for the log then.
#[test]
fn a_log_without_url_is_noted() {
    const NOTE: &str = "spec.attestors[0].cosign.ctlog: Kyverno denies every image without `url`; here the log is the \
                        public one, or that of `rekorPubKey`";
    let notes = |by: &str| made(&with("ivpol/key", "insecureIgnoreTlog: true", by)).1;
    let has_note = |by: &str| notes(by).iter().any(|note| note == NOTE);
    assert!(has_note("insecureIgnoreSCT: true"));
    assert!(has_note("{url: ''}"));
    assert!(has_note("insecureIgnoreTlog: false"));
    assert!(!has_note("insecureIgnoreTlog: true"));
    assert!(!has_note("url: https://rekor.sigstore.dev"));
    // Without `ctlog` it is the public one there too.
    let (_, notes) = made(&with("ivpol/key", "        ctlog:\n          insecureIgnoreTlog: true\n", ""));
    assert!(!notes.iter().any(|note| note == NOTE), "{notes:?}");
}

/// What is noted is what is seen.
#[test]
fn ephemeral_containers_are_named_where_they_are_seen() {
    const MESSAGE: &str = "spec.validations[0]: its message is left out: denials say what is missing";
    const UNSEEN: &str = "pods without UPDATE: what `kubectl debug` or a change of an image brings in is not seen, nor was it \
                          before";
    let notes = |operations: &str| made(&with("ivpol/key", "[CREATE, UPDATE]", operations)).1;
    assert_eq!(
        notes("[CREATE, UPDATE]"),
        [
            "spec.matchConstraints.resourceRules[0].resources: pods/ephemeralcontainers added: kubectl debug brings in \
             images too",
            MESSAGE,
            "spec.validations: initContainers and ephemeralContainers are verified as well, and image volumes",
        ]
    );
    assert_eq!(
        notes("[CREATE]"),
        [
            &format!("spec.matchConstraints.resourceRules: {UNSEEN}"),
            MESSAGE,
            "spec.validations: initContainers are verified as well, and image volumes",
        ]
    );
    let deployments = [("[\"\"]", "[apps]"), ("[pods]", "[deployments]"), ("[CREATE, UPDATE]", "[CREATE]")];
    let (_, notes) = made(&with_all("ivpol/key", &deployments));
    assert_eq!(
        notes,
        [MESSAGE, "spec.validations: initContainers are verified as well, and image volumes"],
        "no pods, so nothing of them is missing"
    );
    let (_, notes) = made(&with("kubewarden/github-actions", "[CREATE, UPDATE]", "[CREATE]"));
    assert_eq!(notes, [format!("spec.rules: {UNSEEN}")]);
}

#[test]
fn attestors_with_a_hyphen_and_lists_that_may_be_absent_are_understood() {
    let policy = with("ivpol/key", "name: release", "name: the-release");
    let expression = "images.containers.map(image, verifyImageSignatures(image, [attestors.release]))";
    let by = "images.?ephemeralContainers.orValue([]).map(image, verifyImageSignatures(image, [attestors[\"the-release\"]]))";
    assert!(policy.contains(expression));
    let (with_hyphen, _) = made(&policy.replace(expression, by));
    let (plain, _) = made(&with("ivpol/key", "name: release", "name: release"));
    assert_eq!(with_hyphen["spec"]["settings"], plain["spec"]["settings"]);
    assert_eq!(
        refused(&policy.replace(expression, &by.replace("the-release", "another"))),
        "spec.validations[0].expression: found `another`; there is no attestor of this name"
    );
}

#[test]
fn a_resource_of_another_group_is_told_its_group() {
    let policy = |groups: &str, resource: &str| {
        let resources = format!("resources: [{resource}]");
        with_all(
            "kubewarden/github-actions",
            &[("[\"\", apps, batch]", groups), ("resources: [pods]", &resources)],
        )
    };
    made(&policy("[apps]", "deployments"));
    for (groups, resource, words) in [
        ("['']", "deployments", "it is of the group apps; write `apps` among `apiGroups`"),
        ("['']", "cronjobs", "it is of the group batch; write `batch` among `apiGroups`"),
        ("[apps]", "pods", "it is of the core group; write `\"\"` among `apiGroups`"),
        (
            "['*']",
            "services",
            "allowed: the resources that run images, by name: pods, deployments and the like; every other object would \
             be denied",
        ),
    ] {
        assert_eq!(
            refused(&policy(groups, resource)),
            format!("spec.rules[0].resources[0]: found `{resource}`; {words}")
        );
    }
}

/// The module speaks of rules, which are not in the policy that was read.
#[test]
fn what_the_module_refuses_is_said_of_the_signatures() {
    let policy = |signers: &str| {
        let text = with("kubewarden/github-actions", "githubActions: {owner: acme, repo: app}", signers);
        refused(&text)
    };
    let key = quoted(&["release"]);
    let other = quoted(&["security"]);
    let twice = policy(&format!("pubKeys: [{key}, {other}, {key}]"));
    assert!(twice.starts_with("spec.settings.signatures[0].pubKeys[2]: "), "{twice}");
    assert!(twice.contains("spec.settings.signatures[0].pubKeys[0]"), "{twice}");
    for (signers, path) in [
        ("pubKeys: [x]", "pubKeys[0]"),
        ("certificates: [x]\n        requireRekorBundle: true", "certificates[0]"),
        ("keyless: [{issuer: a, subject: b}, {issuer: a, subject: '*'}]", "keyless[1].subjectRegExp"),
    ] {
        let found = policy(signers);
        assert!(found.starts_with(&format!("spec.settings.signatures[0].{path}: ")), "{found}");
        assert!(!found.contains("attestors"), "{found}");
    }
    let image = refused(&with("kubewarden/key", "image: ghcr.io/acme/*", "image: GHCR.io/acme/*"));
    assert!(image.starts_with("spec.settings.signatures[0].image: "), "{image}");
}

/// A chain is a list there.
#[test]
fn a_chain_of_certificates_is_a_list() {
    const LIST: &str = "[\"@AUTHORITY@\"]";
    let chain = |(policy, _): (Value, Vec<String>)| {
        let set = &policy["spec"]["settings"]["verifyImages"][0]["attestors"][0];
        set["entries"][0]["certificates"]["certChain"].as_str().unwrap().trim().to_owned()
    };
    let list = chain(made(&with("kubewarden/certificates", LIST, LIST)));
    assert_eq!(chain(made(&with("kubewarden/certificates", LIST, "\"@AUTHORITY@\""))), list);
    let twice = chain(made(&with("kubewarden/certificates", LIST, "[\"@AUTHORITY@\", \"@AUTHORITY@\"]")));
    assert_eq!(twice.matches("BEGIN").count(), list.matches("BEGIN").count() * 2);
    assert_eq!(
        refused(&with("kubewarden/certificates", LIST, "[]")),
        "spec.settings.signatures[0].certificateChain: missing; certificates in PEM; leave `certificateChain` out where \
         there is none"
    );
    let typed = refused(&with("kubewarden/certificates", LIST, "{a: b}"));
    assert!(typed.contains("expected a list of certificates in PEM"), "{typed}");
}

#[test]
fn kubewardens_own_namespace_cannot_be_carried_over() {
    const FIELD: &str = "allowInsideAdmissionControllerNamespace";
    let policy = |value: &str| {
        with("kubewarden/key", "  mutating: true", &format!("  {FIELD}: {value}\n  mutating: true"))
    };
    let (made, _) = made(&policy("false"));
    assert_eq!(made["spec"][FIELD], json!(null));
    assert_eq!(
        refused(&policy("true")),
        "spec.allowInsideAdmissionControllerNamespace: cannot be carried over; Kubewarden leaves its own namespace out of \
         policies without it, and not every version knows it; leave it out here, and write it into both policies of the \
         result"
    );
}
