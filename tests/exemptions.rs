//! What stands above the rules, and what is asked of a signature besides its signer: `revoked`, `exceptions`,
//! `notAfter`, `annotations`.

use serde_json::{Value, json};
use sigwarden::verdict::{Outcome, Reason, Verdict};
use sigwarden::verify::Unmet;
use sigwarden_testkit::forge::{self, payload};
use sigwarden_testkit::objects::pod;
use sigwarden_testkit::run::{APP, REPOSITORY, policy, reason};
use sigwarden_testkit::{FakeRegistry, Key, decide};

fn signed() -> (FakeRegistry, String) {
    let mut registry = FakeRegistry::new();
    let digest = registry.push_signed(APP, &[&Key::new("release")]);
    (registry, digest)
}

fn exception(digest: &str) -> Value {
    json!([{"digest": digest, "until": "2026-06-01T00:00:00Z", "reason": "ticket 1"}])
}

#[test]
fn a_revoked_digest_is_refused_whoever_signed_it_and_whether_a_rule_names_it_or_not() {
    let (mut registry, digest) = signed();
    let other = registry.push("other.example.com/x:1");
    let mut policy = policy();
    policy["revoked"] = json!({"digests": [digest, other]});
    for image in [APP.to_owned(), format!("{APP}@{digest}"), "other.example.com/x:1".to_owned()] {
        let answer = decide(&policy, &pod(&image), &registry);
        assert_eq!((reason(&answer), answer.code), (&Reason::Revoked, Some(403)), "{image}");
    }
    // No exception and no skip stands above it.
    policy["exceptions"] = exception(&digest);
    assert_eq!(reason(&decide(&policy, &pod(APP), &registry)), &Reason::Revoked);
    policy["verifyImages"][0]["skipImageReferences"] = json!(["r.example.com/acme/*"]);
    assert_eq!(reason(&decide(&policy, &pod(APP), &registry)), &Reason::Revoked);
    // The twin.
    policy["revoked"] = json!({"digests": [forge::hex_digest(b"x")]});
    assert!(decide(&policy, &pod(APP), &registry).accepted);
}

#[test]
fn a_revoked_key_signs_nothing_however_it_is_written() {
    let (registry, _) = signed();
    let key = Key::new("release");
    for pem in [key.pem(), key.compressed_pem()] {
        let mut policy = policy();
        policy["revoked"] = json!({"keys": [pem]});
        let answer = decide(&policy, &pod(APP), &registry);
        assert!(matches!(reason(&answer), Reason::Unmet(Unmet::Shortfall(_))), "{answer:?}");
    }
    let mut policy = policy();
    policy["revoked"] = json!({"keys": [Key::new("other").pem()]});
    assert!(decide(&policy, &pod(APP), &registry).accepted);
}

#[test]
fn an_exception_is_for_one_digest_and_ends() {
    let mut registry = FakeRegistry::new();
    let digest = registry.push(APP);
    let mut policy = policy();
    policy["exceptions"] = exception(&digest);
    for (now, accepted) in [
        ("2026-01-01T00:00:00Z", true),
        ("2026-05-31T23:59:59Z", true),
        ("2026-06-01T00:00:00Z", false),
        ("2027-01-01T00:00:00Z", false),
    ] {
        registry.set_now(now);
        let answer = decide(&policy, &pod(APP), &registry);
        assert_eq!(answer.accepted, accepted, "{now} {}", answer.message);
        if let Verdict::Accept(verdict) = &answer.verdict {
            assert!(matches!(verdict.images()[0].1.outcome, Outcome::Excepted { .. }));
            // What is accepted is what runs, here too; and it is not recorded as verified.
            let mutated = answer.mutated.unwrap();
            assert_eq!(mutated["spec"]["containers"][0]["image"], json!(format!("{APP}@{digest}")));
            assert!(answer.annotations.iter().all(|(name, _)| name != "verified-images"));
        } else {
            assert_eq!(reason(&answer), &Reason::NoSignature { cosign_3: false });
        }
    }
    registry.set_now("2026-01-01T00:00:00Z");
    policy["exceptions"] = exception(&forge::hex_digest(b"x"));
    assert_eq!(reason(&decide(&policy, &pod(APP), &registry)), &Reason::NoSignature { cosign_3: false });
}

#[test]
fn signatures_by_a_key_count_until_its_end() {
    let (mut registry, _) = signed();
    let mut policy = policy();
    policy["verifyImages"][0]["attestors"][0]["entries"][0]["keys"]["notAfter"] =
        json!("2026-06-01T00:00:00Z");
    for (now, accepted) in [("2026-05-31T23:59:59Z", true), ("2026-06-01T00:00:01Z", false)] {
        registry.set_now(now);
        let answer = decide(&policy, &pod(APP), &registry);
        assert_eq!(answer.accepted, accepted, "{now} {}", answer.message);
    }
}

/// The annotations asked for must stand in the payload that this signer signed, and no others beside them.
#[test]
fn rule_04_annotations_are_those_of_the_signature_that_counts() {
    let with_annotations = |annotations: &str, key: &Key, digest: &str| {
        let payload = payload(REPOSITORY, digest).replace("null", annotations);
        forge::layer(&payload, &key.sign(payload.as_bytes()))
    };
    let (release, stranger) = (Key::new("release"), Key::new("stranger"));
    let mut policy = policy();
    policy["verifyImages"][0]["attestors"][0]["entries"][0]["annotations"] =
        json!({"env": "prod", "a": "<&>"});
    let right = r#"{"a":"\u003c\u0026\u003e","env":"prod"}"#;
    let test = r#"{"a":"\u003c\u0026\u003e","env":"test"}"#;
    for (layers, accepted) in [
        (vec![(right, &release)], true),
        (vec![(test, &release)], false),
        (vec![("null", &release)], false),
        (vec![(r#"{"env":"prod"}"#, &release)], false),
        (vec![(right, &stranger)], false),
        // The annotations by one, the key by the other.
        (vec![(right, &stranger), ("null", &release), (test, &release)], false),
        (vec![(right, &stranger), (test, &release), (right, &release)], true),
    ] {
        let mut registry = FakeRegistry::new();
        let digest = registry.push(APP);
        let layers: Vec<Value> =
            layers.iter().map(|(text, key)| with_annotations(text, key, &digest)).collect();
        registry.attach(APP, &digest, forge::manifest(&layers));
        let answer = decide(&policy, &pod(APP), &registry);
        assert_eq!(answer.accepted, accepted, "{}", answer.message);
        if !accepted {
            assert!(matches!(reason(&answer), Reason::Unmet(Unmet::Shortfall(_))), "{answer:?}");
        }
    }
}
