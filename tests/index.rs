//! Rule 13: `childSignatures: all`. Of an index each image must be signed as the rule says, instead of the index;
//! without the setting, the index itself. Each test says which line of the source it guards.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use core::time::Duration;

use serde_json::{Value, json};
use sigwarden::limits::MAX_CHILDREN;
use sigwarden::payload::PayloadError;
use sigwarden::registry::{IndexError, RegistryError};
use sigwarden::settings::{Problem, Settings};
use sigwarden::verdict::{Outcome, Reason, Verdict};
use sigwarden::verify::{Shortfall, Unmet};
use sigwarden_testkit::fake_registry::signature_tag;
use sigwarden_testkit::forge::{self, manifest, signed};
use sigwarden_testkit::objects::{pod, pod_of};
use sigwarden_testkit::run::{APP, REPOSITORY, entry, release, rule, settings};
use sigwarden_testkit::{Answer, FakeRegistry, Key, decide, failures};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn rule_of_children() -> Value {
    let mut rule = rule(&["r.example.com/*"], &release());
    rule["childSignatures"] = json!("all");
    rule
}

fn policy() -> Value {
    settings(&[rule_of_children()])
}

fn child(name: &str) -> String {
    forge::hex_digest(name.as_bytes())
}

fn on(os: &str, architecture: &str, name: &str) -> Value {
    json!({
        "mediaType": MANIFEST,
        "digest": child(name),
        "size": 1,
        "platform": {"os": os, "architecture": architecture},
    })
}

fn index(entries: &[Value]) -> Value {
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
}

/// The index with an image for each of two architectures.
fn two() -> Value {
    index(&[on("linux", "amd64", "amd64"), on("linux", "arm64", "arm64")])
}

fn digest() -> String {
    forge::hex_digest(APP.as_bytes())
}

fn itself() -> String {
    format!("{REPOSITORY}@{}", digest())
}

/// A registry where the app is stored, unsigned, and what its manifest is.
fn stored(manifest: Value) -> FakeRegistry {
    let mut registry = FakeRegistry::new();
    registry.push(APP);
    registry.answer("manifest", &itself(), manifest);
    registry
}

/// A registry where the app is an index of two, and who signed each.
fn signed_by(amd64: &[&Key], arm64: &[&Key]) -> FakeRegistry {
    let mut registry = stored(two());
    registry.sign(APP, &child("amd64"), amd64);
    registry.sign(APP, &child("arm64"), arm64);
    registry
}

fn reason(answer: &Answer) -> &Reason {
    let [(_, failure)] = failures(answer) else { panic!("{answer:?}") };
    assert_eq!(failure.digest().map(|digest| digest.to_string()), Some(digest()));
    failure.reason()
}

/// The image of the index that failed, and why.
fn of_child(answer: &Answer) -> (String, &Reason) {
    let Reason::Child { digest, reason } = reason(answer) else { panic!("{answer:?}") };
    (digest.to_string(), reason)
}

fn shortfall(reason: &Reason) -> &Shortfall {
    let Reason::Unmet(Unmet::Shortfall(shortfall)) = reason else { panic!("{reason:?}") };
    shortfall
}

// Guards `RuleProof::of_index` being made of the index: what is accepted and pinned is the index.
#[test]
fn rule_13_an_index_of_signed_images_is_accepted_and_pinned_as_the_index() {
    let registry = signed_by(&[&release()], &[&release()]);
    let answer = decide(&policy(), &pod(APP), &registry);
    assert!(answer.accepted, "{}", answer.message);
    assert_eq!(
        registry.calls(),
        [
            ("digest", APP.to_owned()),
            ("manifest", itself()),
            ("manifest", signature_tag(APP, &child("amd64"))),
            ("manifest", signature_tag(APP, &child("arm64"))),
        ]
    );
    let Verdict::Accept(accepted) = &answer.verdict else { panic!("{answer:?}") };
    let Outcome::Verified(image) = &accepted.images()[0].1.outcome else { panic!("{answer:?}") };
    assert_eq!(image.digest().to_string(), digest());
    assert_eq!(image.proofs()[0].signatures().len(), 2);
    let pinned = format!("{APP}@{}", digest());
    assert_eq!(answer.mutated.unwrap()["spec"]["containers"][0]["image"], json!(pinned));
    // Pinned, it costs no digest call; twice in one object, each question is asked once.
    let registry = signed_by(&[&release()], &[&release()]);
    assert!(decide(&policy(), &pod_of(&[&pinned, &pinned]), &registry).accepted);
    assert_eq!(registry.calls().len(), 3);
}

// Guards `if rule.child_signatures` of `prove`.
#[test]
fn rule_13_without_the_setting_the_index_itself_must_be_signed() {
    let plain = settings(&[rule(&["r.example.com/*"], &release())]);
    let registry = signed_by(&[&release()], &[&release()]);
    let answer = decide(&plain, &pod(APP), &registry);
    assert_eq!(reason(&answer), &Reason::NoSignature { cosign_3: false });
    // And is not read: a carrier is looked for, and the tag by which cosign 3 would show.
    let shown = signature_tag(APP, &digest()).trim_end_matches(".sig").to_owned();
    assert_eq!(
        registry.calls(),
        [
            ("digest", APP.to_owned()),
            ("manifest", signature_tag(APP, &digest())),
            ("config", format!("{shown}.bundle")),
            ("manifest", shown),
        ]
    );

    let mut registry = stored(two());
    registry.sign(APP, &digest(), &[&release()]);
    assert!(decide(&plain, &pod(APP), &registry).accepted);
    // With the setting a signature of the index says nothing about the images in it.
    let answer = decide(&policy(), &pod(APP), &registry);
    assert_eq!(of_child(&answer), (child("amd64"), &Reason::NoSignature { cosign_3: false }));

    let mut bad = rule_of_children();
    for other in [json!("All"), json!(""), json!(true), json!(null), json!(["all"])] {
        bad["childSignatures"] = other;
        let error = Settings::parse(&settings(&[bad.clone()])).unwrap_err();
        assert_eq!(error.path(), "verifyImages[0].childSignatures");
    }
    bad["childSignatures"] = json!("any");
    assert_eq!(
        Settings::parse(&settings(&[bad])).unwrap_err().problem(),
        &Problem::Value { found: "any".to_owned(), allowed: vec!["all"] }
    );
}

// Guards `for child in &children` of `prove`: each of them, whatever the others are.
#[test]
fn rule_13_one_image_that_is_not_signed_refuses_the_index() {
    let (release, stranger) = (release(), Key::new("stranger"));
    for (amd64, arm64, failed) in [
        (&[][..], &[&release][..], "amd64"),
        (&[&release], &[], "arm64"),
        (&[&stranger], &[&release], "amd64"),
        (&[&release], &[&stranger], "arm64"),
    ] {
        let answer = decide(&policy(), &pod(APP), &signed_by(amd64, arm64));
        let (digest, reason) = of_child(&answer);
        assert_eq!((digest, answer.code), (child(failed), Some(403)));
        if amd64.is_empty() || arm64.is_empty() {
            assert_eq!(reason, &Reason::NoSignature { cosign_3: false });
        } else {
            assert_eq!(shortfall(reason).attached.for_this_image, 1);
        }
    }
    // No tag at all is the same as an empty manifest.
    let mut registry = stored(two());
    registry.sign(APP, &child("amd64"), &[&release]);
    assert_eq!(
        of_child(&decide(&policy(), &pod(APP), &registry)).1,
        &Reason::NoSignature { cosign_3: false }
    );
    // The signature of one image, stored as that of another.
    let mut registry = signed_by(&[&release], &[]);
    registry.attach(APP, &child("arm64"), manifest(&[signed(&release, REPOSITORY, &child("amd64"))]));
    let answer = decide(&policy(), &pod(APP), &registry);
    let [PayloadError::OtherContent { .. }] = shortfall(of_child(&answer).1).attached.other_payloads[..]
    else {
        panic!("{answer:?}")
    };
    // That of the index.
    registry.attach(APP, &child("arm64"), manifest(&[signed(&release, REPOSITORY, &digest())]));
    assert!(!decide(&policy(), &pod(APP), &registry).accepted);
}

// Guards `prove_one(rule, &sets, …)`: the whole tree for each, not the tree over all of them.
#[test]
fn rule_13_each_image_meets_the_whole_attestor_tree() {
    let (a, b, c) = (Key::new("a"), Key::new("b"), Key::new("c"));
    let mut rule = rule_of_children();
    for (attestors, enough) in [
        (json!([{"entries": [entry(&a), entry(&b)]}]), [&a, &b]),
        (json!([{"entries": [entry(&a)]}, {"entries": [entry(&b)]}]), [&a, &b]),
        (json!([{"count": 2, "entries": [entry(&a), entry(&b), entry(&c)]}]), [&b, &c]),
        (
            json!([{"entries": [entry(&a), {"attestor": {"count": 1, "entries": [entry(&b), entry(&c)]}}]}]),
            [&a, &c],
        ),
    ] {
        rule["attestors"] = attestors;
        let policy = settings(std::slice::from_ref(&rule));
        assert!(decide(&policy, &pod(APP), &signed_by(&enough, &enough)).accepted);
        let [one, other] = enough;
        for (amd64, arm64, failed) in [
            (vec![one], vec![other], "amd64"),
            (vec![one, other], vec![other], "arm64"),
            (vec![one, other], vec![one, one], "arm64"),
        ] {
            let answer = decide(&policy, &pod(APP), &signed_by(&amd64, &arm64));
            let (digest, reason) = of_child(&answer);
            assert_eq!(digest, child(failed));
            let theirs = if failed == "arm64" { arm64.len() } else { amd64.len() };
            assert_eq!(shortfall(reason).attached.for_this_image, theirs);
        }
    }
    // Each image may be signed by others among those who may.
    rule["attestors"] = json!([{"count": 1, "entries": [entry(&a), entry(&b)]}]);
    assert!(decide(&settings(&[rule]), &pod(APP), &signed_by(&[&a], &[&b])).accepted);
}

// Guards each refusal of registry/index.rs, as `children(image)?` hands it on: nothing is decided.
#[test]
fn rule_13_an_index_whose_images_cannot_be_told_is_refused() {
    let mut nested = on("linux", "amd64", "amd64");
    nested["mediaType"] = json!(INDEX);
    let mut docker_nested = nested.clone();
    docker_nested["mediaType"] = json!("application/vnd.docker.distribution.manifest.list.v2+json");
    let mut odd = on("linux", "amd64", "amd64");
    odd["mediaType"] = json!("application/vnd.example+json");
    let mut sha512 = on("linux", "amd64", "amd64");
    sha512["digest"] = json!("sha512:00");
    let good = on("linux", "arm64", "arm64");
    let unknown = on("unknown", "unknown", "attestation");
    let too_many =
        |n: usize| -> Vec<Value> { (0..n).map(|i| on("linux", "amd64", &i.to_string())).collect() };
    let over = IndexError::TooMany { found: MAX_CHILDREN + 1, limit: MAX_CHILDREN };
    for (manifest, error) in [
        (index(&[]), IndexError::Empty),
        (index(std::slice::from_ref(&unknown)), IndexError::Empty),
        (index(&[unknown.clone(), unknown]), IndexError::Empty),
        (index(&[good.clone(), nested]), IndexError::Nested),
        (index(&[good.clone(), docker_nested]), IndexError::Nested),
        (index(&[good.clone(), odd]), IndexError::NotUnderstood),
        (index(&[good.clone(), sha512]), IndexError::NotUnderstood),
        (index(&too_many(MAX_CHILDREN + 1)), over),
        (
            json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [good], "layers": []}),
            IndexError::NotUnderstood,
        ),
        (json!({"schemaVersion": 2, "mediaType": INDEX}), IndexError::NotUnderstood),
        (
            json!({"schemaVersion": 2, "mediaType": "x", "manifests": [on("linux", "arm64", "arm64")]}),
            IndexError::NotUnderstood,
        ),
        (json!({"schemaVersion": 2, "mediaType": MANIFEST, "manifests": []}), IndexError::NotUnderstood),
        (json!([]), IndexError::NotUnderstood),
        (json!(null), IndexError::NotUnderstood),
        (json!("index"), IndexError::NotUnderstood),
    ] {
        let mut registry = stored(manifest.clone());
        // Everything is signed: only the index is wrong.
        registry.sign(APP, &digest(), &[&release()]);
        for name in ["amd64", "arm64", "attestation"] {
            registry.sign(APP, &child(name), &[&release()]);
        }
        for n in 0..=MAX_CHILDREN {
            registry.sign(APP, &child(&n.to_string()), &[&release()]);
        }
        let answer = decide(&policy(), &pod(APP), &registry);
        assert_eq!(reason(&answer), &Reason::Registry(RegistryError::Index(error)), "{manifest}");
        assert_eq!((answer.code, registry.calls().len()), (Some(503), 2));
    }
    // As many as the cap.
    let mut registry = stored(index(&too_many(MAX_CHILDREN)));
    for n in 0..MAX_CHILDREN {
        registry.sign(APP, &child(&n.to_string()), &[&release()]);
    }
    assert!(decide(&policy(), &pod(APP), &registry).accepted);
    assert_eq!(registry.calls().len(), 2 + MAX_CHILDREN);
    // No index at all, where its signature is there.
    let mut registry = FakeRegistry::new();
    registry.push_signed(APP, &[&release()]);
    let answer = decide(&policy(), &pod(APP), &registry);
    assert_eq!(reason(&answer), &Reason::Registry(RegistryError::NoSuchManifest));
    registry.answer_bytes("manifest", &itself(), b"{\"manifests\":[".to_vec());
    let answer = decide(&policy(), &pod(APP), &registry);
    assert_eq!(reason(&answer), &Reason::Registry(RegistryError::Index(IndexError::NotUnderstood)));
}

// Guards `platform.os == "unknown" && platform.architecture == "unknown"`.
#[test]
fn rule_13_only_what_runs_on_no_platform_at_all_is_left_out() {
    for (os, architecture, left_out) in [
        ("unknown", "unknown", true),
        ("unknown", "amd64", false),
        ("linux", "unknown", false),
        ("Unknown", "unknown", false),
        ("unknown", "Unknown", false),
        ("", "", false),
        ("unknown ", "unknown", false),
    ] {
        let mut registry = stored(index(&[on("linux", "amd64", "amd64"), on(os, architecture, "other")]));
        registry.sign(APP, &child("amd64"), &[&release()]);
        let answer = decide(&policy(), &pod(APP), &registry);
        assert_eq!(answer.accepted, left_out, "{os}/{architecture} {}", answer.message);
        if !left_out {
            assert_eq!(of_child(&answer), (child("other"), &Reason::NoSignature { cosign_3: false }));
        }
    }
    // An image that names no platform is for any.
    let mut anywhere = on("", "", "other");
    anywhere.as_object_mut().unwrap().remove("platform");
    let mut registry = stored(index(&[on("linux", "amd64", "amd64"), anywhere]));
    registry.sign(APP, &child("amd64"), &[&release()]);
    assert_eq!(
        of_child(&decide(&policy(), &pod(APP), &registry)),
        (child("other"), &Reason::NoSignature { cosign_3: false })
    );
}

// Guards `let Some(children) = children else { … }` of `prove`.
#[test]
fn rule_13_what_is_no_index_is_verified_itself() {
    for media_type in [MANIFEST, "application/vnd.docker.distribution.manifest.v2+json"] {
        let single = json!({"schemaVersion": 2, "mediaType": media_type, "config": {}, "layers": []});
        let mut registry = stored(single);
        assert_eq!(
            reason(&decide(&policy(), &pod(APP), &registry)),
            &Reason::NoSignature { cosign_3: false }
        );
        registry.sign(APP, &digest(), &[&release()]);
        let before = registry.calls().len();
        assert!(decide(&policy(), &pod(APP), &registry).accepted);
        assert_eq!(
            registry.calls()[before..],
            [("digest", APP.to_owned()), ("manifest", itself()), ("manifest", signature_tag(APP, &digest())),]
        );
    }
}

// Guards `revoked().digests.contains(child)` of `prove`.
#[test]
fn rule_13_a_revoked_image_in_the_index_is_refused() {
    let registry = signed_by(&[&release()], &[&release()]);
    for (revoked, refused) in [(child("amd64"), true), (child("arm64"), true), (child("other"), false)] {
        let mut policy = policy();
        policy["revoked"] = json!({"digests": [revoked]});
        let answer = decide(&policy, &pod(APP), &registry);
        if refused {
            assert_eq!((of_child(&answer), answer.code), ((revoked, &Reason::Revoked), Some(403)));
        } else {
            assert!(answer.accepted, "{}", answer.message);
        }
    }
    let mut policy = policy();
    policy["revoked"] = json!({"digests": [digest()]});
    assert_eq!(reason(&decide(&policy, &pod(APP), &registry)), &Reason::Revoked);
    // So is one signed by a revoked key.
    policy["revoked"] = json!({"keys": [release().pem()]});
    assert_eq!(of_child(&decide(&policy, &pod(APP), &registry)).0, child("amd64"));
}

// Guards the binding of each rule on its own, and the memo of `Registry::children`.
#[test]
fn rule_13_rules_with_and_without_the_setting_add_up() {
    let security = Key::new("security");
    let mut second = rule(&["*"], &security);
    second["name"] = json!("second");
    let policy = settings(&[rule_of_children(), second.clone()]);
    let mut registry = signed_by(&[&release()], &[&release()]);
    assert_eq!(reason(&decide(&policy, &pod(APP), &registry)), &Reason::NoSignature { cosign_3: false });
    registry.sign(APP, &digest(), &[&security]);
    assert!(decide(&policy, &pod(APP), &registry).accepted);

    second["childSignatures"] = json!("all");
    let policy = settings(&[rule_of_children(), second]);
    let both = [&release(), &security];
    let registry = signed_by(&both, &both);
    assert!(decide(&policy, &pod(APP), &registry).accepted);
    assert_eq!(registry.calls().len(), 4);
    let answer = decide(&policy, &pod(APP), &signed_by(&both, &[&release()]));
    assert_eq!(of_child(&answer).0, child("arm64"));
    assert!(answer.message.contains("rule \"second\": "), "{}", answer.message);
}

// Guards the `?` after each child's proof: what could not be asked is not taken for signed.
#[test]
fn rule_13_an_image_that_could_not_be_asked_about_is_not_decided() {
    let mut registry = signed_by(&[&release()], &[&release()]);
    registry.fail("manifest", &signature_tag(APP, &child("arm64")), "timed out");
    let answer = decide(&policy(), &pod(APP), &registry);
    let unreachable = Reason::Registry(RegistryError::Unreachable("timed out".to_owned()));
    assert_eq!((of_child(&answer), answer.code), ((child("arm64"), &unreachable), Some(503)));

    // Time for three calls: the digest, the index, one image.
    let mut registry = FakeRegistry::slow(Duration::from_millis(490));
    registry.push(APP);
    registry.answer("manifest", &itself(), two());
    registry.sign(APP, &child("amd64"), &[&release()]);
    registry.sign(APP, &child("arm64"), &[&release()]);
    let answer = decide(&policy(), &pod(APP), &registry);
    let late = Reason::Unmet(Unmet::OutOfTime);
    assert_eq!((of_child(&answer), answer.code), ((child("arm64"), &late), Some(503)));
    // Signatures of images of an index are those of its repository, or kept where the rule says.
    let mut rule = rule_of_children();
    rule["repository"] = json!("sigs.example.com/store");
    let mut registry = signed_by(&[&release()], &[&release()]);
    let elsewhere = settings(&[rule]);
    assert_eq!(
        of_child(&decide(&elsewhere, &pod(APP), &registry)).1,
        &Reason::NoSignature { cosign_3: false }
    );
    for name in ["amd64", "arm64"] {
        let signature = signed(&release(), REPOSITORY, &child(name));
        registry.attach("sigs.example.com/store", &child(name), manifest(&[signature]));
    }
    assert!(decide(&elsewhere, &pod(APP), &registry).accepted);
}
