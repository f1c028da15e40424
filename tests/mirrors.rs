//! Rule 8: what a proof says. A name that an image was signed under elsewhere counts only through a mapping, and
//! signatures only where the settings say they are kept. Each test says which line of the source it guards.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use serde_json::{Value, json};
use sigwarden::payload::PayloadError;
use sigwarden::settings::{Problem, Settings};
use sigwarden::verdict::{Reason, Verdict};
use sigwarden_testkit::fake_registry::signature_tag;
use sigwarden_testkit::forge::{self, manifest, payload, signed};
use sigwarden_testkit::objects::{pod, pod_of};
use sigwarden_testkit::run::{APP, REPOSITORY, entry, reason, release, rule, settings, shortfall};
use sigwarden_testkit::{Answer, FakeRegistry, Key, decide};

const MIRRORED: &str = "mirror.example.com/ghcr.io/acme/app:1";
const ORIGIN: &str = "ghcr.io/acme/app";
const STORE: &str = "sigs.example.com/store";
const OTHER_STORE: &str = "sigs.example.com/other";

fn mapped(references: &[&str], identities: Value) -> Value {
    let mut rule = rule(references, &release());
    rule["signedIdentities"] = identities;
    settings(&[rule])
}

fn prefix(from: &str, signed_as: &str) -> Value {
    json!([{"from": from, "signedAs": signed_as}])
}

/// A registry where an image is stored, signed under some name.
fn signed_as(image: &str, name: &str) -> FakeRegistry {
    let mut registry = FakeRegistry::new();
    let digest = registry.push(image);
    registry.attach(image, &digest, manifest(&[signed(&release(), name, &digest)]));
    registry
}

fn refused_by_settings(settings: &Value) -> (String, Problem) {
    let error = Settings::parse(settings).unwrap_err();
    (error.path().to_owned(), error.problem().clone())
}

fn annotation<'a>(answer: &'a Answer, name: &str) -> &'a str {
    let found = answer.annotations.iter().find(|(key, _)| key == name);
    found.map_or("", |(_, value)| value)
}

// Guards `Candidates::new`: the references tried are the image's own name and those of mappings, no others.
#[test]
fn rule_08_signed_for_one_repository_is_refused_in_another_without_a_mapping() {
    let registry = signed_as(MIRRORED, ORIGIN);
    let size = |name: &str| u64::try_from(payload(name, &forge::hex_digest(b"")).len()).unwrap();
    let moved = PayloadError::OtherSize {
        bytes: size(ORIGIN),
        expected: vec![size("mirror.example.com/ghcr.io/acme/app")],
    };
    let plain = settings(&[rule(&["*"], &release())]);
    let answer = decide(&plain, &pod(MIRRORED), &registry);
    assert_eq!(shortfall(&answer).attached.other_payloads, [moved]);
    assert_eq!((shortfall(&answer).attached.for_this_image, answer.code), (0, Some(403)));

    // A mapping of other repositories is none of this one; that of this one is.
    for (from, signed_as) in [("mirror.example.com/quay.io/", "ghcr.io/"), ("other.example.com/", "ghcr.io/")]
    {
        let answer = decide(&mapped(&["*"], prefix(from, signed_as)), &pod(MIRRORED), &registry);
        assert_eq!(shortfall(&answer).attached.for_this_image, 0, "{from}");
    }
    let good = mapped(&["*"], prefix("mirror.example.com/ghcr.io/", "ghcr.io/"));
    assert!(decide(&good, &pod(MIRRORED), &registry).accepted);
    // A mapping adds a name, it takes none away; and it says nothing about who signed, or which digest.
    assert!(
        decide(&good, &pod(MIRRORED), &signed_as(MIRRORED, "mirror.example.com/ghcr.io/acme/app")).accepted
    );
    let mut forged = FakeRegistry::new();
    let digest = forged.push(MIRRORED);
    forged.attach(MIRRORED, &digest, manifest(&[signed(&Key::new("stranger"), ORIGIN, &digest)]));
    assert_eq!(shortfall(&decide(&good, &pod(MIRRORED), &forged)).attached.for_this_image, 1);
    let other = forge::hex_digest(b"another image");
    forged.attach(MIRRORED, &digest, manifest(&[signed(&release(), ORIGIN, &other)]));
    assert_eq!(shortfall(&decide(&good, &pod(MIRRORED), &forged)).attached.for_this_image, 0);

    // A mapping is that of its rule.
    let mut second = rule(&["mirror.example.com/*"], &release());
    second["name"] = json!("second");
    let mut both = good;
    both["verifyImages"].as_array_mut().unwrap().push(second);
    let answer = decide(&both, &pod(MIRRORED), &registry);
    assert!(answer.message.contains("rule \"second\": "), "{}", answer.message);
}

// Guards `name.strip_prefix(from)` and `{signed_as}{rest}` of `SignedIdentity::of`.
#[test]
fn rule_08_a_prefix_ends_at_a_slash_and_the_rest_of_the_path_is_identical() {
    for (from, signed_as_prefix, image, name, accepted) in [
        ("mirror.example.com/ghcr.io/", "ghcr.io/", MIRRORED, ORIGIN, true),
        ("mirror.example.com/ghcr.io/", "ghcr.io/", MIRRORED, "ghcr.io/acme/ap2", false),
        ("mirror.example.com/ghcr.io/", "ghcr.io/", MIRRORED, "ghcr.io/acm3/app", false),
        ("mirror.example.com/ghcr.io/", "ghcr.io/", MIRRORED, "ghcr.io/app", false),
        ("mirror.example.com/ghcr.io/", "ghcr.io/", MIRRORED, "ghcr.io/acme/app/x", false),
        ("mirror.example.com/ghcr.io/", "ghcr.io/", MIRRORED, "quay.io/acme/app", false),
        ("mirror.example.com/ghcr.io/", "ghcr.io/", MIRRORED, "acme/app", false),
        // What only begins with the same letters is another path.
        ("mirror.example.com/gh/", "ghcr.io/", "mirror.example.com/ghx/app:1", "ghcr.io/x/app", false),
        ("mirror.example.com/gh/", "ghcr.io/", "mirror.example.com/ghx/app:1", "ghcr.io/app", false),
        ("mirror.example.com/gh/", "ghcr.io/", "mirror.example.com/gh/app:1", "ghcr.io/app", true),
        ("mirror.example.com/", "ghcr.io/", "mirror.example.com.evil.example/a/b:1", "ghcr.io/a/b", false),
        // In the middle of a name it is no prefix.
        (
            "mirror.example.com/ghcr.io/",
            "ghcr.io/",
            "evil.example.com/mirror.example.com/ghcr.io/acme/app:1",
            ORIGIN,
            false,
        ),
        ("mirror.example.com/", "ghcr.io/acme/", "mirror.example.com/app:1", ORIGIN, true),
        ("mirror.example.com/a/b/", "ghcr.io/", "mirror.example.com/a/b/acme/app:1", ORIGIN, true),
        // Backwards is another mapping.
        ("ghcr.io/", "mirror.example.com/ghcr.io/", MIRRORED, ORIGIN, false),
    ] {
        let settings = mapped(&["*"], prefix(from, signed_as_prefix));
        let answer = decide(&settings, &pod(image), &signed_as(image, name));
        assert_eq!(answer.accepted, accepted, "{from} {signed_as_prefix} {image} {name} {}", answer.message);
        if !accepted {
            assert_eq!(shortfall(&answer).attached.for_this_image, 0);
        }
    }
}

// Guards `Repository::parse(…).cosign_name()` of `SignedIdentity::of`: what cosign calls Docker Hub's images.
#[test]
fn rule_08_mirrors_of_docker_hub() {
    let hub = mapped(&["*"], prefix("mirror.example.com/hub/", "docker.io/"));
    for (image, name, accepted) in [
        ("mirror.example.com/hub/library/nginx:1", "index.docker.io/library/nginx", true),
        ("mirror.example.com/hub/nginx:1", "index.docker.io/library/nginx", true),
        ("mirror.example.com/hub/acme/app:1", "index.docker.io/acme/app", true),
        ("mirror.example.com/hub/acme/app:1", "index.docker.io/library/app", false),
        ("mirror.example.com/hub/library/nginx:1", "index.docker.io/library/redis", false),
        ("mirror.example.com/hubs/nginx:1", "index.docker.io/library/nginx", false),
    ] {
        let answer = decide(&hub, &pod(image), &signed_as(image, name));
        assert_eq!(answer.accepted, accepted, "{image} {name} {}", answer.message);
    }
    // Docker Hub as what copies: its canonical name is what `from` is compared with.
    let copies = mapped(&["*"], prefix("docker.io/library/", "ghcr.io/acme/"));
    for image in ["nginx:1", "docker.io/nginx:1", "index.docker.io/library/nginx:1"] {
        assert!(decide(&copies, &pod(image), &signed_as(image, "ghcr.io/acme/nginx")).accepted, "{image}");
    }
    let answer = decide(&copies, &pod("acme/nginx:1"), &signed_as("acme/nginx:1", "ghcr.io/acme/nginx"));
    assert_eq!(shortfall(&answer).attached.for_this_image, 0);
}

// Guards `from == repository` of `SignedIdentity::of`.
#[test]
fn rule_08_a_repository_is_mapped_alone() {
    for (from, image, name, accepted) in [
        ("mirror.example.com/app", "mirror.example.com/app:1", ORIGIN, true),
        ("mirror.example.com/app", "mirror.example.com/app:1", "ghcr.io/acme/ap2", false),
        ("mirror.example.com/app", "mirror.example.com/app/sub:1", ORIGIN, false),
        ("mirror.example.com/app", "mirror.example.com/app/sub:1", "ghcr.io/acme/app/sub", false),
        ("mirror.example.com/app", "mirror.example.com/app2:1", ORIGIN, false),
        ("mirror.example.com/app", "mirror.example.com:5000/app:1", ORIGIN, false),
        // However it is written.
        ("nginx", "index.docker.io/library/nginx:1", ORIGIN, true),
        ("Mirror.example.com:443/app", "mirror.example.com/app:1", ORIGIN, true),
    ] {
        let settings = mapped(&["*"], prefix(from, ORIGIN));
        let answer = decide(&settings, &pod(image), &signed_as(image, name));
        assert_eq!(answer.accepted, accepted, "{from} {image} {name} {}", answer.message);
    }
    let to_hub = mapped(&["*"], prefix("mirror.example.com/nginx", "nginx"));
    let image = "mirror.example.com/nginx:1";
    assert!(decide(&to_hub, &pod(image), &signed_as(image, "index.docker.io/library/nginx")).accepted);
}

// Guards `Self::Verbatim` of `SignedIdentity::of`, and that it frees nothing but the name.
#[test]
fn rule_08_a_verbatim_identity_is_compared_as_it_is() {
    let identity = "Acme <release> & co";
    let policy = mapped(&[REPOSITORY], json!([{"signedAs": identity}]));
    let as_go_writes_it = "Acme \\u003crelease\\u003e \\u0026 co";
    let answer = decide(&policy, &pod(APP), &signed_as(APP, as_go_writes_it));
    assert!(answer.accepted, "{}", answer.message);
    assert!(
        annotation(&answer, "verified-images").ends_with(&format!(" as {identity}")),
        "{:?}",
        answer.annotations
    );
    for name in ["Acme", "acme \\u003crelease\\u003e \\u0026 co", "Acme <release> & co", ""] {
        let answer = decide(&policy, &pod(APP), &signed_as(APP, name));
        assert_eq!(shortfall(&answer).attached.for_this_image, 0, "{name}");
    }
    let other = forge::hex_digest(b"another image");
    let mut registry = FakeRegistry::new();
    let digest = registry.push(APP);
    registry.attach(APP, &digest, manifest(&[signed(&release(), as_go_writes_it, &other)]));
    assert_eq!(shortfall(&decide(&policy, &pod(APP), &registry)).attached.for_this_image, 0);
}

// Guards `BindingPattern::has_wildcard` in `signed_identity`.
#[test]
fn rule_08_a_verbatim_identity_is_refused_under_a_wildcard() {
    let why = "without `from` it would count for every image the rule's wildcards meet; write `from`, or \
               repositories without wildcards in `imageReferences`";
    let place = "verifyImages[0].signedIdentities[0].signedAs".to_owned();
    let problem = |found: &str, why| Problem::Identity { found: found.to_owned(), why };
    for references in [
        &["*"][..],
        &["r.example.com/*"],
        &["r.example.com/acme/ap?"],
        &["*/acme/app"],
        &[REPOSITORY, "ghcr.io/*"],
        // What reads like a tag may be a port: registry:5000/x is of this pattern too.
        &["registry:*"],
        &["registry:5?/x"],
        &["registry:5?????"],
    ] {
        let found = refused_by_settings(&mapped(references, json!([{"signedAs": "acme"}])));
        assert_eq!(found, (place.clone(), problem("acme", why)), "{references:?}");
    }
    for references in [&[REPOSITORY][..], &[APP], &[REPOSITORY, "nginx"], &["nginx:1.*"], &["acme/app:*"]] {
        let policy = mapped(references, json!([{"signedAs": "acme"}]));
        assert!(Settings::parse(&policy).is_ok(), "{references:?}");
    }
    let short = "a docker-reference is a short text";
    assert_eq!(
        refused_by_settings(&mapped(&[REPOSITORY], json!([{"signedAs": ""}]))),
        (place, problem("", short))
    );
}

// Guards the checks of `signed_identity`: a mapping that could only be a mistake.
#[test]
fn rule_08_mappings_that_cannot_be_meant_are_refused() {
    let field = |name: &str| format!("verifyImages[0].signedIdentities[0].{name}");
    let ends = "`from` and `signedAs` both end in `/`, or neither does";
    let canonical = "write the registry and path in their canonical form, ending in `/`";
    for (from, signed_as, at, found, why) in [
        ("mirror.example.com/", "ghcr.io", "from", "mirror.example.com/", ends),
        ("mirror.example.com", "ghcr.io/", "from", "mirror.example.com", ends),
        ("/", "ghcr.io/", "from", "/", canonical),
        ("mirror.example.com//", "ghcr.io/", "from", "mirror.example.com//", canonical),
        ("Mirror.example.com/", "ghcr.io/", "from", "Mirror.example.com/", canonical),
        ("mirror.example.com:443/", "ghcr.io/", "from", "mirror.example.com:443/", canonical),
        ("index.docker.io/", "ghcr.io/", "from", "index.docker.io/", canonical),
        ("library/", "ghcr.io/", "from", "library/", canonical),
        ("mirror.example.com/*/", "ghcr.io/", "from", "mirror.example.com/*/", canonical),
        ("mirror.example.com/", "https://ghcr.io/", "signedAs", "https://ghcr.io/", canonical),
        ("mirror.example.com/", "/", "signedAs", "/", canonical),
        ("mirror.example.com/", "ghcr.io/Acme/", "signedAs", "ghcr.io/Acme/", canonical),
    ] {
        let refused = refused_by_settings(&mapped(&["*"], prefix(from, signed_as)));
        assert_eq!(refused, (field(at), Problem::Identity { found: found.to_owned(), why }));
    }
    for (from, signed_as, at) in [
        ("mirror.example.com/app:1", ORIGIN, "from"),
        ("mirror.example.com/app", "ghcr.io/acme/app:1", "signedAs"),
        ("mirror.example.com/*", ORIGIN, "from"),
        ("", ORIGIN, "from"),
    ] {
        let (path, problem) = refused_by_settings(&mapped(&["*"], prefix(from, signed_as)));
        assert_eq!(path, field(at));
        assert!(matches!(problem, Problem::Repository { .. }), "{problem:?}");
    }
    let list = |identities: Value| refused_by_settings(&mapped(&["*"], identities)).1;
    assert_eq!(list(json!([])), Problem::Empty);
    assert!(matches!(list(json!([{"from": "mirror.example.com/"}])), Problem::Missing { .. }));
    assert!(matches!(list(json!([{"signedAs": "x", "to": "y"}])), Problem::UnknownField { .. }));
}

// Guards `docker_reference() != own_name` of the response.
#[test]
fn rule_08_the_audit_annotation_names_the_name_signed_under() {
    let policy = mapped(&["*"], prefix("mirror.example.com/ghcr.io/", "ghcr.io/"));
    let digest = FakeRegistry::new().push(MIRRORED);
    let proof = format!(
        "spec.containers[0] {MIRRORED}@{digest}: rule \"release\" by key {}",
        release().fingerprint()
    );
    let answer = decide(&policy, &pod(MIRRORED), &signed_as(MIRRORED, ORIGIN));
    assert_eq!(annotation(&answer, "verified-images"), format!("{proof} as {ORIGIN}"));
    let answer = decide(&policy, &pod(MIRRORED), &signed_as(MIRRORED, "mirror.example.com/ghcr.io/acme/app"));
    assert_eq!(annotation(&answer, "verified-images"), proof);
    // What is patched in is the mirror's name, which is what runs.
    assert_eq!(
        answer.mutated.unwrap()["spec"]["containers"][0]["image"],
        json!(format!("{MIRRORED}@{digest}"))
    );
    // Docker Hub's own images are not signed elsewhere, only spelt otherwise by cosign.
    let hub = decide(&policy, &pod("nginx:1"), &signed_as("nginx:1", "index.docker.io/library/nginx"));
    assert!(!annotation(&hub, "verified-images").contains(" as "), "{:?}", hub.annotations);
}

/// A registry where the app is stored, and signatures by some keys in some repositories.
fn kept(signatures: &[(&str, &Key)]) -> FakeRegistry {
    let mut registry = FakeRegistry::new();
    let digest = registry.push(APP);
    for (repository, _) in signatures {
        let keys = signatures.iter().filter(|(other, _)| other == repository);
        let layers: Vec<Value> = keys.map(|(_, key)| signed(key, REPOSITORY, &digest)).collect();
        registry.attach(repository, &digest, manifest(&layers));
    }
    registry
}

/// The signature tags asked for, in order.
fn manifests(registry: &FakeRegistry) -> Vec<String> {
    let asked = registry.calls().into_iter().map(|(_, image)| image);
    asked.filter(|image| image.ends_with(".sig")).collect()
}

// Guards `kept_in.unwrap_or(&self.repository)` of `signature_reference`, and its place in `prove_one`.
#[test]
fn rule_08_signatures_kept_elsewhere_are_looked_for_there_and_nowhere_else() {
    let digest = forge::hex_digest(APP.as_bytes());
    let mut elsewhere = rule(&["r.example.com/*"], &release());
    elsewhere["repository"] = json!(STORE);
    let policy = settings(&[elsewhere]);

    let registry = kept(&[(STORE, &release())]);
    let answer = decide(&policy, &pod(APP), &registry);
    assert!(answer.accepted, "{}", answer.message);
    assert_eq!(registry.calls(), [("digest", APP.to_owned()), ("manifest", signature_tag(STORE, &digest))]);
    let Verdict::Accept(accepted) = &answer.verdict else { panic!("{answer:?}") };
    assert!(accepted.images()[0].1.change.pin);

    // Beside the image, or in a repository that only begins or ends like it, they do not count.
    for wrong in [REPOSITORY, "sigs.example.com/store/acme/app", "sigs.example.com/stor", OTHER_STORE] {
        let registry = kept(&[(wrong, &release())]);
        assert_eq!(
            reason(&decide(&policy, &pod(APP), &registry)),
            &Reason::NoSignature { cosign_3: false },
            "{wrong}"
        );
        assert_eq!(manifests(&registry), [signature_tag(STORE, &digest)]);
    }
    // What is kept there for another image is not for this one.
    let mut registry = FakeRegistry::new();
    registry.push(APP);
    registry.attach(STORE, &digest, manifest(&[signed(&release(), "r.example.com/acme/ap2", &digest)]));
    assert_eq!(shortfall(&decide(&policy, &pod(APP), &registry)).attached.for_this_image, 0);
}

// Guards the `Some(node) => Some(repository(&node)?)` of `entry` and the filter of `Verifier::signature`.
#[test]
fn rule_08_the_repository_of_an_entry_stands_above_that_of_its_rule() {
    let (a, b) = (Key::new("a"), Key::new("b"));
    let digest = forge::hex_digest(APP.as_bytes());
    let mut of_b = entry(&b);
    of_b["repository"] = json!(OTHER_STORE);
    let mut rule = rule(&["r.example.com/*"], &a);
    rule["repository"] = json!(STORE);
    rule["attestors"] = json!([{"entries": [entry(&a), of_b]}]);
    let policy = settings(std::slice::from_ref(&rule));

    for (signatures, missing) in [
        (vec![(STORE, &a), (OTHER_STORE, &b)], Some(0)),
        (vec![(STORE, &b), (OTHER_STORE, &a)], Some(2)),
        (vec![(STORE, &a), (STORE, &b)], Some(1)),
        (vec![(OTHER_STORE, &a), (OTHER_STORE, &b)], Some(1)),
        (vec![(REPOSITORY, &a), (REPOSITORY, &b)], None),
    ] {
        let registry = kept(&signatures);
        let answer = decide(&policy, &pod(APP), &registry);
        match missing {
            Some(0) => assert!(answer.accepted, "{}", answer.message),
            Some(missing) => assert_eq!(shortfall(&answer).missing.len(), missing, "{}", answer.message),
            None => assert_eq!(reason(&answer), &Reason::NoSignature { cosign_3: false }),
        }
        // One call for each place.
        assert_eq!(
            manifests(&registry),
            [signature_tag(STORE, &digest), signature_tag(OTHER_STORE, &digest)]
        );
    }
    // Without a repository of the rule, an entry without one looks beside the image.
    rule.as_object_mut().unwrap().remove("repository");
    let policy = settings(&[rule]);
    let registry = kept(&[(REPOSITORY, &a), (OTHER_STORE, &b)]);
    assert!(decide(&policy, &pod(APP), &registry).accepted);
    assert_eq!(
        shortfall(&decide(&policy, &pod(APP), &kept(&[(STORE, &a), (OTHER_STORE, &b)]))).missing.len(),
        1
    );
    // Where one place cannot be asked, nothing is decided.
    let mut registry = kept(&[(REPOSITORY, &a), (OTHER_STORE, &b)]);
    registry.fail("manifest", &signature_tag(OTHER_STORE, &digest), "timed out");
    let answer = decide(&policy, &pod(APP), &registry);
    assert!(matches!(reason(&answer), Reason::Registry(_)), "{answer:?}");
    assert_eq!(answer.code, Some(503));
}

// Guards the memo of `Registry::signatures` and `attached.contains_key(kept_in)`.
#[test]
fn rule_08_each_place_is_asked_once() {
    let (a, b) = (Key::new("a"), Key::new("b"));
    let mut first = rule(&["r.example.com/*"], &a);
    first["repository"] = json!(STORE);
    first["attestors"] =
        json!([{"entries": [entry(&a), entry(&b)]}, {"count": 1, "entries": [entry(&b), entry(&a)]}]);
    let mut second = rule(&["*"], &b);
    second["name"] = json!("second");
    second["repository"] = json!(STORE);
    let registry = kept(&[(STORE, &a), (STORE, &b)]);
    assert!(decide(&settings(&[first, second]), &pod_of(&[APP, APP]), &registry).accepted);
    assert_eq!(registry.calls().len(), 2);
}
