//! What entries about identities and certificates mean for images: claims with wildcards, several people of one
//! domain, one signer under two names, timestamps in place of the log, each with twins that are denied.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]

use serde_json::{Value, json};
use sigwarden::limits::MAX_REGEX_TEXT_BYTES;
use sigwarden::settings::Settings;
use sigwarden::verdict::Reason;
use sigwarden::verify::Unmet;
use sigwarden_testkit::forge::{manifest, payload};
use sigwarden_testkit::objects::pod;
use sigwarden_testkit::people::{self, GITHUB, HOLDER, OTHER_HOLDER, PUBLIC, SIGNED};
use sigwarden_testkit::sigstore::layer::Signed;
use sigwarden_testkit::{Answer, FakeRegistry, decide, failures};

const APP: &str = "ghcr.io/acme/app:1";

fn settings(entries: &[Value]) -> Value {
    let settings = json!({
        "trustRoot": people::trust_root(),
        "verifyImages": [{"imageReferences": ["ghcr.io/acme/*"], "attestors": [{"entries": entries}]}],
    });
    Settings::from_json(settings.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    settings
}

/// The verdict on an image that some have signed.
fn judged(settings: &Value, sign: &dyn Fn(&str) -> Vec<Signed>) -> Answer {
    let mut registry = FakeRegistry::new();
    let digest = registry.push(APP);
    let layers: Vec<Value> = sign(&payload("ghcr.io/acme/app", &digest)).iter().map(Signed::layer).collect();
    registry.attach(APP, &digest, manifest(&layers));
    let secret = json!({"data": {"cosign.pub": base64(&HOLDER.key.pem())}});
    registry.store("Secret", "platform", "cosign", secret);
    decide(settings, &pod(APP), &registry)
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// The verdict on an image that some identities have signed.
fn judged_by(settings: &Value, who: &[&str]) -> Answer {
    judged(settings, &|payload| who.iter().map(|who| people::keyless(&PUBLIC, who, payload)).collect())
}

fn assert_shortfall(answer: &Answer, words: &str) {
    let [(_, failure)] = failures(answer) else { panic!("{answer:?}") };
    assert!(matches!(failure.reason(), Reason::Unmet(Unmet::Shortfall(_))), "{answer:?}");
    assert!(answer.message.contains(words), "{}", answer.message);
}

#[test]
fn claims_have_wildcards_and_are_whole() {
    let wanted = |extensions: Value| {
        settings(&[json!({"keyless": {
            "issuer": GITHUB, "subject": "https://github.com/acme/*", "additionalExtensions": extensions,
        }})])
    };
    let signed = |claims: &str| {
        let at = "https://github.com/acme/app/.github/workflows/ci.yml@refs/tags/v1";
        format!("{at} {GITHUB} {claims}")
    };
    let tags = wanted(json!({"githubWorkflowRef": "refs/tags/*"}));
    assert!(judged_by(&tags, &[&signed("6=refs/tags/v1")]).accepted);
    for other in ["6=refs/heads/main", "6=xrefs/tags/v1", "5=refs/tags/v1"] {
        assert_shortfall(&judged_by(&tags, &[&signed(other)]), "githubWorkflowRef");
    }
    // Any value is one that is there.
    let any = wanted(json!({"githubWorkflowSha": "*"}));
    assert!(judged_by(&any, &[&signed("3=0f")]).accepted);
    assert_shortfall(
        &judged_by(&any, &[&signed("2=push")]),
        "its certificate says githubWorkflowSha nothing, not `*`",
    );
    let exact = wanted(json!({"githubWorkflowTrigger": "push"}));
    assert!(judged_by(&exact, &[&signed("2=push")]).accepted);
    for other in ["2=pushed", "2=pus", "2=Push"] {
        assert_shortfall(&judged_by(&exact, &[&signed(other)]), "githubWorkflowTrigger");
    }
}

/// A branch may be called `x@refs/heads/main`: what a pattern says behind its `@` is what stands behind the first.
#[test]
fn rule_14_a_wildcard_does_not_reach_over_the_at_that_follows() {
    let wanted =
        |issuer: &str, subject: &str| settings(&[json!({"keyless": {"issuer": issuer, "subject": subject}})]);
    let by = |settings: &Value, reference: &str| {
        let workflow = "https://github.com/acme/app/.github/workflows/release.yml";
        judged_by(settings, &[&format!("{workflow}@{reference} {GITHUB}")])
    };
    for subject in [
        "https://github.com/acme/*@refs/heads/main",
        "https://github.com/acme/app/.github/workflows/*.yml@refs/heads/main",
        "https://github.com/acme/app/.github/workflows/release.yml*@refs/heads/main",
    ] {
        let main = wanted(GITHUB, subject);
        assert!(by(&main, "refs/heads/main").accepted, "{subject}");
        for branch in ["refs/heads/x@refs/heads/main", "refs/heads/@refs/heads/main", "refs/heads/main2"] {
            assert_shortfall(&by(&main, branch), "signed, but not by whom the rule wants");
        }
    }
    // Behind it, any name is one.
    let tags = wanted(GITHUB, "https://github.com/acme/*@refs/tags/*");
    for tag in ["refs/tags/v1", "refs/tags/@acme/app@1.0.0"] {
        assert!(by(&tags, tag).accepted, "{tag}");
    }
    assert_shortfall(&by(&tags, "refs/heads/x@refs/tags/v1"), "");
    // A name at a domain is none of a workflow's.
    let staff = settings(&[json!({"keyless": {
        "issuerRegExp": format!("^https://accounts.example.com$|^{GITHUB}$"), "subject": "*@example.com",
    }})]);
    assert!(judged_by(&staff, &["alice@example.com https://accounts.example.com"]).accepted);
    assert_shortfall(&by(&staff, "refs/heads/x@example.com"), "");
}

/// What an expression is not tried on is nobody's name, so that none is too long to be revoked.
#[test]
fn a_revoked_identity_cannot_be_written_so_that_it_is_not_read() {
    let acme = settings(&[
        json!({"keyless": {"issuer": GITHUB, "subject": "https://github.com/acme/*@refs/heads/*"}}),
    ]);
    let mut revoked = acme.clone();
    revoked["revoked"] = json!({"identities": [{"subjectRegExp": "^https://github.com/acme/evil/.*$"}]});
    Settings::from_json(revoked.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let by = |settings: &Value, repository: &str, file: &str| {
        let workflow = format!("https://github.com/acme/{repository}/.github/workflows/{file}.yml");
        judged_by(settings, &[&format!("{workflow}@refs/heads/main {GITHUB}")])
    };
    assert!(by(&revoked, "app", "release").accepted);
    assert_shortfall(&by(&revoked, "evil", "release"), "the identity is revoked");
    assert!(by(&acme, "evil", "release").accepted);
    for file in [&"x".repeat(MAX_REGEX_TEXT_BYTES), "a\nb", "a\u{0}b"] {
        assert_shortfall(&by(&revoked, "evil", file), "");
    }
    let long = "x".repeat(MAX_REGEX_TEXT_BYTES);
    assert_shortfall(
        &by(&revoked, "app", &long),
        "the certificate's name is longer than 4096 bytes, or not one line",
    );
}

#[test]
fn rule_05_two_of_one_domain_are_two_people() {
    let staff = json!({"keyless": {"issuer": "https://accounts.example.com", "subject": "*@example.com"}});
    let two = settings(&[staff.clone(), staff]);
    let (alice, bob) =
        ("alice@example.com https://accounts.example.com", "bob@example.com https://accounts.example.com");
    assert!(judged_by(&two, &[alice, bob]).accepted);
    for too_few in
        [&[alice][..], &[alice, alice], &[bob, "bob@example.community https://accounts.example.com"]]
    {
        assert_shortfall(&judged_by(&two, too_few), "");
    }
}

/// What is recorded of an entry is the signature that meets it, not another by the same signer.
#[test]
fn rule_08_the_proof_is_the_signature_that_meets_the_entry() {
    let issuer = "https://accounts.example.com";
    let staff = json!({"keyless": {"issuer": issuer, "subject": "*@example.com"}});
    let alice = json!({
        "keyless": {"issuer": issuer, "subject": "alice@example.com"}, "annotations": {"env": "prod"},
    });
    let both = settings(&[staff, alice]);
    let sign = |annotated: bool| {
        let answer = judged(&both, &|payload| {
            let prod = payload.replace("\"optional\":null", "\"optional\":{\"env\":\"prod\"}");
            let by = |who: &str, payload: &str| people::keyless(&PUBLIC, &format!("{who} {issuer}"), payload);
            let mut all = vec![by("alice@example.com", payload), by("bob@example.com", payload)];
            if annotated {
                all.push(by("alice@example.com", &prod));
            }
            all
        });
        let record = answer.annotations.iter().find(|(name, _)| name == "verified-images");
        record.map(|(_, record)| record.clone())
    };
    let record = sign(true).unwrap();
    assert!(record.contains("env"), "{record}");
    assert!(record.contains("bob@example.com"), "{record}");
    assert_eq!(sign(false), None);
}

/// In the settings it would be refused; what the cluster holds is only known now.
#[test]
fn rule_05_a_key_of_the_cluster_and_its_certificate_are_one_signer() {
    let ignored = json!({"ignoreTlog": true});
    let secret = json!({"keys": {"secret": {"name": "cosign", "namespace": "platform"}, "rekor": ignored}});
    let cert = |pem: String| json!({"certificates": {"cert": pem, "rekor": ignored}});
    let both =
        |payload: &str| vec![people::certified(&HOLDER, payload), people::certified(&OTHER_HOLDER, payload)];
    assert!(judged(&settings(&[secret.clone(), cert(OTHER_HOLDER.pem())]), &both).accepted);
    assert_shortfall(&judged(&settings(&[secret, cert(HOLDER.pem())]), &both), "");
}

#[test]
fn rule_15_a_timestamp_authority_of_the_trust_root_stands_in_for_the_log() {
    let who = "alice@example.com https://accounts.example.com";
    let wanted = settings(&[json!({"keyless": {
        "issuer": "https://accounts.example.com", "subject": "alice@example.com", "rekor": {"ignoreTlog": true},
    }})]);
    let dated = |by: &'static str| {
        move |payload: &str| {
            let mut signed = people::keyless(&PUBLIC, who, payload);
            signed.entry = None;
            signed.timestamp = match by {
                "nobody" => None,
                "another" => Some(people::PRIVATE.tsa.stamp(&signed.signature, SIGNED)),
                "another signature" => Some(PUBLIC.tsa.stamp(b"x", SIGNED)),
                "too late" => Some(PUBLIC.tsa.stamp(&signed.signature, SIGNED + 3000)),
                _ => Some(PUBLIC.tsa.stamp(&signed.signature, SIGNED)),
            };
            vec![signed]
        }
    };
    let answer = judged(&wanted, &dated("the authority"));
    assert!(answer.accepted, "{}", answer.message);
    for (by, words) in [
        ("nobody", "no RFC 3161 timestamp is attached"),
        ("another", "by an authority that the trust root does not name"),
        ("another signature", "the RFC 3161 timestamp is of another signature"),
        ("too late", "its certificate expired at"),
    ] {
        assert_shortfall(&judged(&wanted, &dated(by)), words);
    }
    // The log's entry does not do in its place: nobody asked for it.
    let logged = |payload: &str| vec![people::keyless(&PUBLIC, who, payload)];
    assert_shortfall(&judged(&wanted, &logged), "no RFC 3161 timestamp is attached");
}

#[test]
fn certificates_in_the_other_dialect_are_pinned() {
    let kubewarden = |log: bool, chain: bool| {
        let mut item =
            json!({"image": "ghcr.io/acme/*", "certificates": [HOLDER.pem()], "requireRekorBundle": log});
        if chain {
            item["certificateChain"] = json!(HOLDER.chain_pem());
        }
        json!({"trustRoot": people::trust_root(), "signatures": [item]})
    };
    let signed = |payload: &str| vec![people::certified(&HOLDER, payload)];
    let logged = |payload: &str| {
        let mut signed = people::certified(&HOLDER, payload);
        signed.entry = Some(PUBLIC.log(&signed, &HOLDER.pem(), SIGNED));
        vec![signed]
    };
    let stranger = |payload: &str| vec![people::certified(&OTHER_HOLDER, payload)];
    for chain in [false, true] {
        assert!(judged(&kubewarden(false, chain), &signed).accepted);
        assert!(judged(&kubewarden(true, chain), &logged).accepted);
        assert_shortfall(&judged(&kubewarden(true, chain), &signed), "no transparency-log entry is attached");
        assert_shortfall(&judged(&kubewarden(false, chain), &stranger), "");
    }
    // A chain that does not lead there.
    let mut other = kubewarden(false, true);
    other["signatures"][0]["certificateChain"] = json!(PUBLIC.fulcio.chain_pem());
    assert_shortfall(&judged(&other, &signed), "does not lead to those of the chain in the settings");
}
