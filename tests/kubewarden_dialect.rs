//! The settings of Kubewarden's verify-image-signatures, pasted as they are: the same intent, every item that matches
//! required, what matches nothing accepted, the digest appended unless that is switched off.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use serde_json::{Value, json};
use sigwarden::image::PatternError;
use sigwarden::requirement::RequiredIdentity;
use sigwarden::settings::{Found, Problem, Settings, UnmatchedImages};
use sigwarden::verdict::Reason;
use sigwarden::verify::{
    CertificateError, Claim, EvidenceTerms, IdentityPattern, KeyError, OwnCertificates, TextPattern,
    TrustRoot, Unmet, certificates,
};
use sigwarden_testkit::forge::{self, manifest, payload};
use sigwarden_testkit::objects::{pod, pod_of};
use sigwarden_testkit::people::{self, GITHUB};
use sigwarden_testkit::run::reason;
use sigwarden_testkit::{Answer, FakeRegistry, Key, decide};

const CERTIFICATE: &str = include_str!("vectors/keys/certificate.pem");
const APP: &str = "ghcr.io/acme/app:1";

fn pem(label: &str) -> String {
    Key::new(label).pem()
}

/// Settings as YAML, the form in which they are pasted; `@LABEL@` stands for the key of that label.
fn yaml(text: &str) -> Value {
    let mut settings: Value = serde_norway::from_str(text).unwrap();
    put_in_keys(&mut settings);
    settings
}

fn put_in_keys(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(label) = text.strip_prefix('@').and_then(|text| text.strip_suffix('@')) {
                *text = if label == "certificate" { CERTIFICATE.to_owned() } else { pem(label) };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(put_in_keys),
        Value::Object(fields) => fields.values_mut().for_each(put_in_keys),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn accepted(settings: &Value) -> Settings {
    Settings::parse(settings).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(settings: &Value, path: &str, problem: &Problem) {
    let error = Settings::parse(settings).unwrap_err();
    assert_eq!((error.path(), error.problem()), (path, problem), "{settings}");
}

fn is_shortfall(answer: &Answer) -> bool {
    matches!(reason(answer), Reason::Unmet(Unmet::Shortfall(_)))
}

fn signed_by(image: &str, labels: &[&str]) -> FakeRegistry {
    let mut registry = FakeRegistry::new();
    let keys: Vec<Key> = labels.iter().map(|label| Key::new(label)).collect();
    registry.push_signed(image, &keys.iter().collect::<Vec<_>>());
    registry
}

/// Public keys, with annotations: the first of the documented forms.
#[test]
fn public_keys_all_of_which_must_have_signed() {
    let settings = yaml(
        "
modifyImagesWithDigest: true
signatures:
  - image: ghcr.io/acme/*
    pubKeys: ['@release@', '@security@']
",
    );
    assert_eq!(accepted(&settings).warnings(), [""; 0]);
    let digest = forge::hex_digest(APP.as_bytes());
    let answer = decide(&settings, &pod(APP), &signed_by(APP, &["release", "security"]));
    assert!(answer.accepted, "{}", answer.message);
    let image = answer.mutated.unwrap()["spec"]["containers"][0]["image"].clone();
    assert_eq!(image, json!(format!("{APP}@{digest}")));
    for some in [&["release"][..], &["security"], &["stranger"]] {
        assert!(is_shortfall(&decide(&settings, &pod(APP), &signed_by(APP, some))), "{some:?}");
    }
    assert_eq!(
        reason(&decide(&settings, &pod(APP), &signed_by(APP, &[]))),
        &Reason::NoSignature { cosign_3: false }
    );
}

#[test]
fn annotations_that_every_signature_must_carry() {
    let settings = yaml(
        "
signatures:
  - image: ghcr.io/acme/*
    pubKeys: ['@release@']
    annotations: {env: prod, stable: 'true'}
",
    );
    let with = |optional: &str| {
        let mut registry = FakeRegistry::new();
        let digest = registry.push(APP);
        let text = payload("ghcr.io/acme/app", &digest).replace("null", optional);
        let layer = forge::layer(&text, &Key::new("release").sign(text.as_bytes()));
        registry.attach(APP, &digest, manifest(&[layer]));
        decide(&settings, &pod(APP), &registry)
    };
    assert!(with(r#"{"env":"prod","stable":"true"}"#).accepted);
    for other in ["null", r#"{"env":"prod"}"#, r#"{"env":"test","stable":"true"}"#] {
        assert!(is_shortfall(&with(other)), "{other}");
    }
}

#[test]
fn every_item_that_matches_is_required_and_what_matches_none_is_accepted() {
    let settings = yaml(
        "
signatures:
  - {image: 'ghcr.io/acme/*', pubKeys: ['@release@']}
  - {image: 'ghcr.io/acme/app*', pubKeys: ['@security@']}
  - {image: 'registry.example.com/*', pubKeys: ['@supplier@']}
",
    );
    assert_eq!(accepted(&settings).unmatched_images(), UnmatchedImages::Allow);
    assert!(decide(&settings, &pod(APP), &signed_by(APP, &["release", "security"])).accepted);
    assert!(is_shortfall(&decide(&settings, &pod(APP), &signed_by(APP, &["release"]))));
    assert!(is_shortfall(&decide(&settings, &pod(APP), &signed_by(APP, &["security"]))));
    let other = "ghcr.io/acme/other:1";
    assert!(decide(&settings, &pod(other), &signed_by(other, &["release"])).accepted);
    let unmatched = "docker.io/library/busybox:1";
    assert!(decide(&settings, &pod(unmatched), &FakeRegistry::new()).accepted);
    // But not for the image beside it.
    assert!(!decide(&settings, &pod_of(&[unmatched, APP]), &signed_by(APP, &[])).accepted);
}

#[test]
fn images_are_changed_unless_that_is_switched_off() {
    let settings = |modify: &str| {
        yaml(&format!("{modify}\nsignatures:\n  - {{image: 'ghcr.io/acme/*', pubKeys: ['@release@']}}\n"))
    };
    let registry = signed_by(APP, &["release"]);
    for changing in ["", "modifyImagesWithDigest: true"] {
        assert!(decide(&settings(changing), &pod(APP), &registry).mutated.is_some());
    }
    let answer = decide(&settings("modifyImagesWithDigest: false"), &pod(APP), &registry);
    assert!(answer.accepted && answer.mutated.is_none());
    assert_eq!(
        answer.warnings,
        [
            "spec.containers[0] ghcr.io/acme/app:1: verified, but not pinned: the tag may mean another image when it is pulled"
        ]
    );
    let unsigned = decide(&settings("modifyImagesWithDigest: false"), &pod(APP), &signed_by(APP, &[]));
    assert_eq!(reason(&unsigned), &Reason::NoSignature { cosign_3: false });
}

/// What is matched is the image, not what was typed: today's policy lets `nginx` pass here.
#[test]
fn every_spelling_of_a_name_is_bound() {
    let settings = yaml("signatures: [{image: 'docker.io/library/*', pubKeys: ['@release@']}]");
    for spelling in ["nginx:1", "docker.io/nginx:1", "index.docker.io/library/nginx:1"] {
        assert_eq!(
            reason(&decide(&settings, &pod(spelling), &signed_by(spelling, &[]))),
            &Reason::NoSignature { cosign_3: false }
        );
        assert!(decide(&settings, &pod(spelling), &signed_by(spelling, &["release"])).accepted, "{spelling}");
    }
}

/// Rancher's form and others write keys that nothing has ever read.
#[test]
fn stray_keys_are_accepted_with_a_note() {
    let settings = yaml(
        "
rule: PublicKey
description: what the form shows
signatures:
  - image: 'registry.example.com/*'
    rule: PublicKey
    description: the supplier's images
    pubKeys: ['@supplier@']
    annotations: {}
",
    );
    let parsed = accepted(&settings);
    let signers = parsed.rules().iter().flat_map(|rule| &rule.attestors).flat_map(|set| set.signers());
    assert!(signers.map(|signer| signer.terms.annotations.len()).eq([0]));
    let mut notes = parsed.warnings().to_vec();
    notes.sort();
    assert_eq!(
        notes,
        [
            "description: has no effect; nothing reads it",
            "rule: has no effect; what is asked for follows from `signatures`",
            "signatures[0].description: has no effect; nothing reads it",
            "signatures[0].rule: has no effect; the kind of the requirement follows from its fields",
        ]
    );
    let error = Settings::parse(&yaml("signatures: [{image: x, pubKeys: ['@a@'], note: x}]")).unwrap_err();
    assert_eq!(error.path(), "signatures[0].note");
    assert!(matches!(error.problem(), Problem::UnknownField { what: "a signature requirement", .. }));
}

#[test]
fn a_dead_spelling_is_refused_with_the_fix() {
    let settings = yaml("signatures: [{image: 'ghcr.io/acme/*', github_actions: {owner: acme}}]");
    let instead = "this spelling is dead; write `githubActions`";
    refused(&settings, "signatures[0].github_actions", &Problem::RefusedField { instead });
    assert_eq!(
        Settings::parse(&settings).unwrap_err().to_string(),
        "signatures[0].github_actions: not supported; this spelling is dead; write `githubActions`"
    );
}

/// What the first item of the settings asks for: identities, and what must come with their signatures.
fn asked(settings: &Value) -> Vec<(RequiredIdentity, EvidenceTerms)> {
    let settings = accepted(settings);
    let rule = settings.rules().iter().next().unwrap();
    let signers = rule.attestors.iter().flat_map(|set| set.signers());
    signers.map(|signer| (signer.identity.clone(), signer.terms.evidence.clone())).collect()
}

fn item(item: &str) -> Value {
    yaml(&format!("signatures: [{{image: 'ghcr.io/acme/*', {item}}}]"))
}

fn identity(issuer: &str, subject: TextPattern) -> RequiredIdentity {
    let issuer = vec![TextPattern::Exact(issuer.to_owned())];
    RequiredIdentity::Keyless(IdentityPattern { issuer, subject: vec![subject], claims: Vec::new() })
}

/// Any workflow on GitHub that ran for this repository.
fn build_of(repository: &str) -> RequiredIdentity {
    let claim = Claim { name: "githubWorkflowRepository", number: 5 };
    RequiredIdentity::Keyless(IdentityPattern {
        issuer: vec![TextPattern::Exact(GITHUB.to_owned())],
        subject: vec![TextPattern::Wildcard("https://github.com/*/*".to_owned())],
        claims: vec![(claim, repository.to_owned())],
    })
}

/// Identities need a log entry and the promise of a certificate-transparency log.
fn by_identity() -> EvidenceTerms {
    EvidenceTerms { log: true, timestamp: false, sct: true, trust: TrustRoot::public_good() }
}

#[test]
fn identities_are_what_their_documentation_says() {
    let exact = |text: &str| TextPattern::Exact(text.to_owned());
    let below = |text: &str| TextPattern::Below(text.to_owned());
    for (written, wanted) in [
        (
            "keyless: [{issuer: 'https://token.actions.githubusercontent.com', subject: 'https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main'}]",
            identity(
                GITHUB,
                exact("https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"),
            ),
        ),
        (
            "keyless: [{issuer: 'https://accounts.example.com', subject: release@example.com}], annotations: {env: prod}",
            identity("https://accounts.example.com", exact("release@example.com")),
        ),
        ("githubActions: {owner: acme, repo: app}", build_of("acme/app")),
        ("githubActions: {owner: acme}", build_of("acme/*")),
        (
            "keylessPrefix: [{issuer: 'https://token.actions.githubusercontent.com', urlPrefix: 'https://github.com/acme/'}]",
            identity(GITHUB, below("https://github.com/acme")),
        ),
        (
            "keylessPrefix: [{issuer: 'https://gitlab.example.com', url_prefix: 'https://gitlab.example.com/acme'}]",
            identity("https://gitlab.example.com", below("https://gitlab.example.com/acme")),
        ),
    ] {
        assert_eq!(asked(&item(written)), [(wanted, by_identity())], "{written}");
    }
    // Of several, all must have signed.
    let both = item("keyless: [{issuer: a, subject: b@example.com}, {issuer: a, subject: c@example.com}]");
    assert_eq!(asked(&both).len(), 2);
    assert_eq!(accepted(&both).rules().iter().next().unwrap().attestors.first().unwrap().count, None);
}

#[test]
fn certificates_need_a_log_entry_where_it_is_asked_for() {
    for (written, log) in [
        ("certificates: ['@certificate@'], requireRekorBundle: true", true),
        (
            "certificates: ['@certificate@'], certificateChain: ['@certificate@'], requireRekorBundle: false",
            false,
        ),
        (
            "certificates: ['@certificate@'], certificateChain: '@certificate@', requireRekorBundle: false",
            false,
        ),
    ] {
        let asked = asked(&item(written));
        let [(RequiredIdentity::Certificate(certificate), evidence)] = asked.as_slice() else {
            panic!("{asked:?}")
        };
        assert_eq!(evidence, &EvidenceTerms { log, sct: false, ..by_identity() });
        let der = certificates(CERTIFICATE).unwrap();
        let chain = if log { Vec::new() } else { der.clone() };
        assert_eq!(certificate, &OwnCertificates::new(Some(der), chain).unwrap());
    }
}

/// A verdict on an image with a signature by one of two Sigstores.
fn judged(written: &str, who: &str) -> Answer {
    let mut settings = item(written);
    settings["trustRoot"] = people::trust_root();
    let mut registry = FakeRegistry::new();
    let digest = registry.push(APP);
    let payload = payload("ghcr.io/acme/app", &digest);
    let (sigstore, who) = match who.strip_prefix("elsewhere ") {
        Some(who) => (&*people::PRIVATE, who),
        None => (&*people::PUBLIC, who),
    };
    registry.attach(APP, &digest, manifest(&[people::keyless(sigstore, who, &payload).layer()]));
    decide(&settings, &pod(APP), &registry)
}

#[test]
fn rule_14_a_prefix_ends_at_a_slash() {
    let workflow = |repository: &str| {
        format!("https://github.com/{repository}/.github/workflows/ci.yml@refs/heads/main {GITHUB}")
    };
    let prefix = |prefix: &str| format!("keylessPrefix: [{{issuer: '{GITHUB}', url_prefix: '{prefix}'}}]");
    let prefixes = ["https://github.com/acme", "https://github.com/acme/"];
    for written in prefixes.map(prefix) {
        assert!(judged(&written, &workflow("acme/app")).accepted, "{written}");
        for stranger in [
            workflow("acme-evil/app"),
            workflow("acm/app"),
            workflow("ACME/app"),
            format!("elsewhere {}", workflow("acme/app")),
            workflow("acme/app").replace("https:", "http:"),
            workflow("acme/app").replace("token.actions", "accounts"),
            format!("https://evil.example.com/?https://github.com/acme/app {GITHUB}"),
            // A slash follows, as there.
            format!("https://github.com/acme {GITHUB}"),
        ] {
            assert!(is_shortfall(&judged(&written, &stranger)), "{written}: {stranger}");
        }
    }
    let written = format!("keyless: [{{issuer: '{GITHUB}', subject: 'https://github.com/acme/app/x'}}]");
    assert!(judged(&written, &format!("https://github.com/acme/app/x {GITHUB}")).accepted);
    for stranger in ["https://github.com/acme/app/x/y", "https://github.com/acme/app/X"] {
        assert!(is_shortfall(&judged(&written, &format!("{stranger} {GITHUB}"))), "{stranger}");
    }
}

/// Anybody may call a reusable workflow of acme's, and has its name as the subject then: what counts is whose build it was.
#[test]
fn github_actions_are_told_by_the_repository_of_the_build() {
    let signer = |workflow: &str, issuer: &str, repository: Option<&str>| {
        let claim = repository.map(|repository| format!(" 5={repository}"));
        let claim = claim.unwrap_or_default();
        format!("https://{workflow}/.github/workflows/ci.yml@refs/heads/main {issuer}{claim}")
    };
    let [acme, other] = ["github.com/acme/app", "github.com/other/workflows"];
    for (written, repositories, strangers) in [
        (
            "githubActions: {owner: acme}",
            ["acme/app", "acme/tools"].as_slice(),
            ["evil/x", "acme-evil/app", "acm/app", "ACME/app", "evil/acme/app", "acme"].as_slice(),
        ),
        (
            "githubActions: {owner: acme, repo: app}",
            &["acme/app"],
            &["evil/x", "evil/app", "acme/tools", "acme/app-evil", "acme/ap", "acme/app/x", "acme/App"],
        ),
    ] {
        assert_eq!(accepted(&item(written)).warnings(), [""; 0]);
        for workflow in [acme, other] {
            for repository in repositories {
                let answer = judged(written, &signer(workflow, GITHUB, Some(repository)));
                assert!(answer.accepted, "{written}: {workflow} {repository}: {}", answer.message);
            }
            for stranger in strangers {
                let answer = judged(written, &signer(workflow, GITHUB, Some(stranger)));
                assert!(is_shortfall(&answer), "{written}: {workflow} {stranger}");
            }
            assert!(is_shortfall(&judged(written, &signer(workflow, GITHUB, None))), "{written}");
        }
        let ours = Some("acme/app");
        for stranger in [
            signer(acme, "https://accounts.example.com", ours),
            signer("gitlab.com/acme/app", GITHUB, ours),
            signer("github.com.evil.example/acme/app", GITHUB, ours),
            format!("elsewhere {}", signer(acme, GITHUB, ours)),
            format!("acme@github.com {GITHUB} 5=acme/app"),
            format!("https://github.com/acme {GITHUB} 5=acme/app"),
        ] {
            assert!(is_shortfall(&judged(written, &stranger)), "{written}: {stranger}");
        }
    }
}

#[test]
fn what_is_wrong_with_them_is_said_first() {
    const ITEM: &str = "an item of `keyless`";
    let one_of = |found| Problem::NotExactlyOne {
        found,
        allowed: vec!["pubKeys", "keyless", "keylessPrefix", "githubActions", "certificates"],
    };
    let identity = |found: &str, why| Problem::Identity { found: found.to_owned(), why };
    let anybody = "this is anybody; write whose signatures count";
    let url = "write a URL with a host, such as https://github.com/acme/";
    let name = "write one name, without slash or wildcard";
    let stray = Problem::RefusedField { instead: "it belongs to `certificates`" };
    for (item, path, problem) in [
        ("annotations: {a: b}", "", one_of(0)),
        ("pubKeys: ['@a@'], githubActions: {owner: acme}", "", one_of(2)),
        ("pubKeys: []", ".pubKeys", Problem::Empty),
        ("pubKeys: [x]", ".pubKeys[0]", Problem::Key(KeyError::NoPem)),
        ("keyless: []", ".keyless", Problem::Empty),
        ("keyless: [{subject: a}]", ".keyless[0].issuer", Problem::Missing { what: ITEM }),
        ("keyless: [{issuer: a}]", ".keyless[0].subject", Problem::Missing { what: ITEM }),
        ("keyless: [{issuer: a, subject: '*'}]", ".keyless[0].subject", identity("*", anybody)),
        ("keyless: [{issuer: '', subject: a}]", ".keyless[0].issuer", Problem::Empty),
        ("keylessPrefix: [{issuer: a, urlPrefix: ''}]", ".keylessPrefix[0].urlPrefix", Problem::Empty),
        (
            "keylessPrefix: [{issuer: a, urlPrefix: 'https://'}]",
            ".keylessPrefix[0].urlPrefix",
            identity("https://", url),
        ),
        (
            "keylessPrefix: [{issuer: a, url_prefix: github.com}]",
            ".keylessPrefix[0].url_prefix",
            identity("github.com", url),
        ),
        (
            "keylessPrefix: [{issuer: a, urlPrefix: 'https://github.com/acme//'}]",
            ".keylessPrefix[0].urlPrefix",
            identity("https://github.com/acme//", "end it with one slash, or none"),
        ),
        (
            "keylessPrefix: [{issuer: a}]",
            ".keylessPrefix[0]",
            Problem::NotExactlyOne { found: 0, allowed: vec!["urlPrefix", "url_prefix"] },
        ),
        ("githubActions: {repo: app}", ".githubActions.owner", Problem::Missing { what: "`githubActions`" }),
        ("githubActions: {owner: '*'}", ".githubActions.owner", identity("*", name)),
        ("githubActions: {owner: acme, repo: acme/app}", ".githubActions.repo", identity("acme/app", name)),
        (
            "certificates: [x], requireRekorBundle: true",
            ".certificates[0]",
            Problem::Certificate(CertificateError::Pem),
        ),
        (
            "certificates: ['@certificate@']",
            ".requireRekorBundle",
            Problem::Missing { what: "a signature requirement" },
        ),
        (
            "certificates: ['@certificate@'], certificateChain: x, requireRekorBundle: true",
            ".certificateChain",
            Problem::Certificate(CertificateError::Pem),
        ),
        (
            "certificates: ['@certificate@'], certificateChain: ['@certificate@', x], requireRekorBundle: true",
            ".certificateChain[1]",
            Problem::Certificate(CertificateError::Pem),
        ),
        (
            "certificates: ['@certificate@'], certificateChain: [], requireRekorBundle: true",
            ".certificateChain",
            Problem::Empty,
        ),
        (
            "certificates: ['@certificate@'], certificateChain: {x: y}, requireRekorBundle: true",
            ".certificateChain",
            Problem::Type { found: Found::Mapping, expected: "a text or a list of texts" },
        ),
        ("pubKeys: ['@a@'], requireRekorBundle: true", ".requireRekorBundle", stray.clone()),
        ("githubActions: {owner: acme}, certificateChain: x", ".certificateChain", stray),
    ] {
        let settings = yaml(&format!("signatures: [{{image: 'ghcr.io/acme/*', {item}}}]"));
        refused(&settings, &format!("signatures[0]{path}"), &problem);
    }
}

#[test]
fn an_empty_list_a_bad_pattern_and_both_dialects_are_refused() {
    refused(&json!({"signatures": []}), "signatures", &Problem::Empty);
    let problem = Problem::Pattern { pattern: String::new(), error: PatternError::Empty };
    refused(&yaml("signatures: [{image: '', pubKeys: ['@a@']}]"), "signatures[0].image", &problem);
    let both = yaml("{signatures: [{image: x, pubKeys: ['@a@']}], verifyImages: []}");
    refused(&both, "settings", &Problem::Dialect { found: "both dialects" });
    // A key twice is one signer, who would be counted twice.
    let twice = yaml("signatures: [{image: x, pubKeys: ['@a@', '@a@']}]");
    let first = "signatures[0].pubKeys[0]".to_owned();
    refused(&twice, "signatures[0].pubKeys[1]", &Problem::DuplicateKey { first });
}
