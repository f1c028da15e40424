//! What the person sees, to the letter, for what verdicts.rs does not have: revocation, keys of the cluster, keys
//! that no longer count, indexes, and limits.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use core::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sigwarden::limits::{MAX_CHILDREN, MAX_SIGNATURES};
use sigwarden_testkit::fake_registry::signature_tag;
use sigwarden_testkit::forge::{self, manifest, signed};
use sigwarden_testkit::objects::{pod, pod_of};
use sigwarden_testkit::run::{APP, NO_SIGNATURE, REPOSITORY, SHORT, denied, entry, policy, release};
use sigwarden_testkit::{FakeRegistry, Key, decide};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// What a denial of [`APP`] by the rule says after what every one of them begins with.
fn about_app(settings: &Value, registry: &FakeRegistry) -> (String, u16) {
    let (message, code) = denied(settings, &pod(APP), registry);
    let known = format!("spec.containers[0] {APP} ({SHORT}): rule \"release\": ");
    (message.strip_prefix(&known).unwrap_or_else(|| panic!("{message}")).to_owned(), code)
}

#[test]
fn revoked_images() {
    let digest = forge::hex_digest(APP.as_bytes());
    let mut policy = policy();
    policy["revoked"] = json!({"digests": [digest]});
    let registry = FakeRegistry::signed(APP, &[&release()]);
    // No rule says so: revocation stands above all of them.
    assert_eq!(
        denied(&policy, &pod(APP), &registry),
        (format!("spec.containers[0] {APP} ({SHORT}): this image is revoked"), 403)
    );
    let pinned = format!("{APP}@{digest}");
    assert_eq!(
        denied(&policy, &pod_of(&["other.example.com/x@sha256:", &pinned]), &registry).0,
        format!(
            "spec.containers[0] other.example.com/x@sha256:: its digest is not `sha256:` and 64 lower-case \
             hexadecimal digits\nspec.containers[1] {pinned} ({SHORT}): this image is revoked"
        )
    );
    // Where the digest cannot be had, it cannot be told.
    assert_eq!(
        denied(&policy, &pod("other.example.com/x:1"), &registry),
        ("spec.containers[0] other.example.com/x:1: the registry has no such image".to_owned(), 503)
    );
}

#[test]
fn keys_that_no_longer_count() {
    let key = release();
    let needs = |because: &str| {
        format!(
            "signed, but not by whom the rule wants (1 signature): needs key {} (attestors[0].entries[0]): {because}; \
             sign with a key that the rule names, or add the signer's key to it",
            key.fingerprint()
        )
    };
    let mut ended = policy();
    ended["verifyImages"][0]["attestors"][0]["entries"][0]["keys"]["notAfter"] =
        json!("2025-12-31T23:00:00Z");
    let registry = FakeRegistry::signed(APP, &[&key]);
    assert_eq!(about_app(&ended, &registry), (needs("the key ceased to count at 2025-12-31T23:00:00Z"), 403));
    let mut revoked = policy();
    revoked["revoked"] = json!({"keys": [key.pem()]});
    assert_eq!(about_app(&revoked, &registry), (needs("the key is revoked"), 403));

    // Beside a signer who counts.
    let other = Key::new("b");
    revoked["verifyImages"][0]["attestors"] = json!([{"entries": [entry(&other), entry(&key)]}]);
    assert_eq!(
        about_app(&revoked, &FakeRegistry::signed(APP, &[&key, &other])).0,
        format!(
            "signed by too few: needs 2 of 2 signers; found key {} (attestors[0].entries[0]); missing key {} \
             (attestors[0].entries[1]): the key is revoked",
            other.fingerprint(),
            key.fingerprint()
        )
    );
    // A key that is revoked and signed nothing is only missing.
    assert!(
        about_app(&revoked, &FakeRegistry::signed(APP, &[&other]))
            .0
            .ends_with(&format!("missing key {} (attestors[0].entries[1])", key.fingerprint()))
    );
}

fn from(kind: &str, object: Value) -> Value {
    let mut policy = policy();
    policy["verifyImages"][0]["attestors"][0]["entries"][0]["keys"] =
        json!({kind: object, "rekor": {"ignoreTlog": true}});
    policy
}

#[test]
fn keys_that_the_cluster_keeps() {
    let key = release();
    let secret = from("secret", json!({"name": "release", "namespace": "keys"}));
    let config_map = from("configMap", json!({"name": "release", "namespace": "keys", "key": "ours"}));
    let needs = "the policy needs it in `contextAwareResources`, and the policy-server's service account needs the \
                 RBAC rule to get it";
    let mut registry = FakeRegistry::signed(APP, &[&key]);
    registry.fail("object", "Secret keys/release", "secrets \"release\" is forbidden\n\nCaused by:\n  x");
    assert_eq!(
        about_app(&secret, &registry),
        (format!("Secret keys/release cannot be read (secrets \"release\" is forbidden); {needs}"), 503)
    );
    registry.answer_bytes("object", "Secret keys/release", b"{".to_vec());
    assert_eq!(
        about_app(&secret, &registry),
        (format!("Secret keys/release cannot be read (the answer is not JSON); {needs}"), 503)
    );
    registry.answer_bytes("object", "Secret keys/release", vec![b' '; 2 * 1024 * 1024 + 1]);
    assert_eq!(
        about_app(&secret, &registry),
        (format!("Secret keys/release cannot be read (the object is too long); {needs}"), 503)
    );
    registry.store("ConfigMap", "keys", "release", json!({"data": {"theirs": key.pem()}}));
    assert_eq!(
        about_app(&config_map, &registry),
        ("ConfigMap keys/release has no field `ours`".to_owned(), 403)
    );
    for (text, words) in [
        (String::new(), "no `-----BEGIN PUBLIC KEY-----` block found"),
        (
            "-----BEGIN PUBLIC KEY-----".to_owned(),
            "malformed PEM: expected nothing but whole `PUBLIC KEY` blocks",
        ),
        (
            key.private_pem(),
            "this is a private key; write the public one (cosign.pub), and replace this key pair: settings are \
             readable by many",
        ),
        (
            forge::pem("CERTIFICATE", b"x"),
            "this is a certificate, not a public key; extract its key with `openssl x509 -pubkey -noout`",
        ),
        (forge::pem("PUBLIC KEY", b"x"), "malformed public key: expected a DER SubjectPublicKeyInfo in PEM"),
    ] {
        registry.store("Secret", "keys", "release", json!({"data": {"cosign.pub": STANDARD.encode(text)}}));
        assert_eq!(
            about_app(&secret, &registry),
            (format!("field `cosign.pub` of Secret keys/release: {words}"), 403)
        );
    }
    let mut two = secret.clone();
    two["verifyImages"][0]["attestors"][0]["count"] = json!(2);
    registry.store("Secret", "keys", "release", json!({"data": {"cosign.pub": STANDARD.encode(key.pem())}}));
    assert_eq!(about_app(&two, &registry), ("its keys are fewer than `count` asks for".to_owned(), 403));

    // Several keys of one object are told apart.
    let (a, b) = (Key::new("a"), Key::new("b"));
    let both = STANDARD.encode(format!("{}{}", a.pem(), b.pem()));
    let mut registry = FakeRegistry::signed(APP, &[&b]);
    registry.store("Secret", "keys", "release", json!({"data": {"cosign.pub": both}}));
    assert_eq!(
        about_app(&secret, &registry).0,
        format!(
            "signed by too few: needs 2 of 2 signers; found key {} (attestors[0].entries[0] key 2); missing key {} \
             (attestors[0].entries[0] key 1)",
            b.fingerprint(),
            a.fingerprint()
        )
    );
    let mut slow = FakeRegistry::slow(Duration::from_millis(1500));
    slow.push_signed(APP, &[&key]);
    assert_eq!(about_app(&secret, &slow), ("out of time: `evaluationBudget` is 1500 ms".to_owned(), 503));
}

fn child(name: &str) -> String {
    forge::hex_digest(name.as_bytes())
}

fn short(digest: &str) -> String {
    format!("{}…", digest.chars().take(7 + 12).collect::<String>())
}

fn entry_of(name: &str) -> Value {
    json!({"mediaType": MANIFEST, "digest": child(name), "platform": {"os": "linux", "architecture": "amd64"}})
}

/// A registry where the app is what is given, and its images `a` and `b` are signed.
fn index(manifest: Value) -> FakeRegistry {
    let mut registry = FakeRegistry::new();
    let digest = registry.push(APP);
    registry.answer("manifest", &format!("{REPOSITORY}@{digest}"), manifest);
    for name in ["a", "b"] {
        registry.sign(APP, &child(name), &[&release()]);
    }
    registry
}

fn of(entries: &[Value]) -> Value {
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
}

#[test]
fn images_of_an_index() {
    let mut policy = policy();
    policy["verifyImages"][0]["childSignatures"] = json!("all");
    let two = of(&[entry_of("a"), entry_of("b")]);
    let digest = child("b");
    let about_b = |registry: &FakeRegistry, policy: &Value| {
        let (message, code) = about_app(policy, registry);
        let known = format!("image {} of the index: ", short(&digest));
        (message.strip_prefix(&known).unwrap_or_else(|| panic!("{message}")).to_owned(), code)
    };
    let mut registry = index(two);
    let mut revoking = policy.clone();
    revoking["revoked"] = json!({"digests": [digest]});
    assert_eq!(about_b(&registry, &revoking), ("this image is revoked".to_owned(), 403));

    registry.attach(APP, &digest, manifest(&[]));
    assert_eq!(about_b(&registry, &policy), (NO_SIGNATURE.to_owned(), 403));
    registry.sign(APP, &digest, &[&Key::new("x")]);
    assert_eq!(
        about_b(&registry, &policy),
        (
            format!(
                "signed, but not by whom the rule wants (1 signature): needs key {} (attestors[0].entries[0]); sign \
                 with a key that the rule names, or add the signer's key to it",
                release().fingerprint()
            ),
            403
        )
    );
    registry.attach(APP, &digest, manifest(&[signed(&release(), REPOSITORY, &child("a"))]));
    assert_eq!(
        about_b(&registry, &policy),
        (
            "1 signature attached, none for this image: its payload is not for this digest and repository (238 \
             bytes): the signature may have been moved here from another image"
                .to_owned(),
            403
        )
    );
    registry.fail("manifest", &signature_tag(APP, &digest), "timed out");
    assert_eq!(about_b(&registry, &policy), ("the registry cannot be reached (timed out)".to_owned(), 503));
}

#[test]
fn indexes_that_cannot_be_used() {
    let mut policy = policy();
    policy["verifyImages"][0]["childSignatures"] = json!("all");
    let mut nested = entry_of("a");
    nested["mediaType"] = json!(INDEX);
    let many = vec![entry_of("a"); MAX_CHILDREN + 1];
    for (manifest, words) in [
        (of(&[]), "the image index names no image"),
        (of(&[nested]), "the image index names another index, whose images could not be told for certain"),
        (of(&many), "the image index names 33 images; at most 32 are looked at"),
        (json!({}), "what the registry holds is neither an image manifest nor an image index"),
    ] {
        assert_eq!(about_app(&policy, &index(manifest)), (words.to_owned(), 503));
    }
    let mut registry = FakeRegistry::new();
    registry.push(APP);
    assert_eq!(about_app(&policy, &registry), ("the registry has no such image".to_owned(), 503));
}

#[test]
fn limits() {
    let mut known = policy();
    let names: serde_json::Map<String, Value> = (0..11).map(|n| (n.to_string(), json!("x"))).collect();
    known["verifyImages"][0]["attestors"][0]["entries"][0]["knownAnnotations"] = Value::Object(names);
    assert_eq!(
        about_app(&known, &FakeRegistry::signed(APP, &[&release()])),
        ("more than 1024 combinations of `knownAnnotations` and `signedIdentities`".to_owned(), 503)
    );

    let key = release();
    let many = vec![&key; MAX_SIGNATURES + 1];
    assert_eq!(
        about_app(&policy(), &FakeRegistry::signed(APP, &many)),
        ("101 signatures are attached; at most 100 are looked at".to_owned(), 503)
    );

    // Eleven keys for each of a hundred signatures.
    let keys: Vec<Key> = (0..11).map(|n| Key::new(&format!("k{n}"))).collect();
    let entries: Vec<Value> = keys.iter().map(entry).collect();
    let mut eleven = policy();
    eleven["verifyImages"][0]["attestors"][0]["entries"] = json!(entries);
    let stranger = Key::new("stranger");
    assert_eq!(
        about_app(&eleven, &FakeRegistry::signed(APP, &vec![&stranger; MAX_SIGNATURES])),
        ("more than 1000 signature verifications in one request".to_owned(), 503)
    );

    let copies: String =
        ["a", "b", "c", "d"].iter().flat_map(|label| vec![Key::new(label).pem(); 16]).collect();
    let mut secret = from("secret", json!({"name": "release", "namespace": "keys"}));
    secret["verifyImages"][0]["attestors"][0]["count"] = json!(5);
    let signers = ["a", "b", "c", "d"].map(Key::new);
    let mut registry = FakeRegistry::signed(APP, &signers.each_ref());
    registry.store("Secret", "keys", "release", json!({"data": {"cosign.pub": STANDARD.encode(copies)}}));
    assert_eq!(
        about_app(&secret, &registry),
        ("more than 100000 ways to assign signers to entries".to_owned(), 503)
    );

    let mut slow = FakeRegistry::slow(Duration::from_millis(750));
    slow.push_signed(APP, &[&key]);
    assert_eq!(
        about_app(&policy(), &slow),
        ("out of time: not every signature could be verified within `evaluationBudget`".to_owned(), 503)
    );
}

#[test]
fn exceptions_are_told_of() {
    let mut registry = FakeRegistry::new();
    let digest = registry.push(APP);
    let mut policy = policy();
    policy["exceptions"] =
        json!([{"digest": digest, "until": "2026-06-01", "reason": " hot fix\n(see ticket 1) "}]);
    let answer = decide(&policy, &pod(APP), &registry);
    assert_eq!(
        answer.warnings,
        [format!(
            "spec.containers[0] {APP}: accepted by an exception until 2026-06-01T00:00:00Z: hot fix\\n(see ticket 1)"
        )]
    );
    assert_eq!(
        answer.annotations,
        [(
            "excepted-images".to_owned(),
            format!("spec.containers[0] {APP} {digest} until 2026-06-01T00:00:00Z: hot fix\\n(see ticket 1)")
        )]
    );
}
