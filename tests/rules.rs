//! One test or more for each rule of the design that keeps a wrong "yes" out, named after the rule; rule 1 is in
//! fail_closed.rs. Each says which line of the source it guards: without that line it fails.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use serde_json::{Value, json};
use sigwarden::attached::{LayerError, LayerPart};
use sigwarden::payload::PayloadError;
use sigwarden::requirement::RuleName;
use sigwarden::settings::{Problem, Settings};
use sigwarden::verdict::{Outcome, Reason, Verdict};
use sigwarden_testkit::fake_registry::signature_tag;
use sigwarden_testkit::forge::{self, payload, signed};
use sigwarden_testkit::objects::{pod, pod_of};
use sigwarden_testkit::run::{APP, REPOSITORY, entry, policy, reason, release, rule, settings, shortfall};
use sigwarden_testkit::{Answer, FakeRegistry, Key, decide, failures};

fn refused_by_settings(settings: &Value) -> Problem {
    Settings::parse(settings).unwrap_err().problem().clone()
}

fn decide_app(registry: &FakeRegistry) -> Answer {
    decide(&policy(), &pod(APP), registry)
}

// The twin of all that is refused below.
#[test]
fn a_signed_image_is_accepted() {
    let mut registry = FakeRegistry::new();
    let digest = registry.push_signed(APP, &[&release()]);
    let answer = decide_app(&registry);
    assert!(answer.accepted, "{}", answer.message);
    let Verdict::Accept(accepted) = &answer.verdict else { panic!("{answer:?}") };
    let [(_, image)] = accepted.images() else { panic!("{answer:?}") };
    assert!(image.change.pin);
    let Outcome::Verified(image) = &image.outcome else { panic!("{answer:?}") };
    assert_eq!(image.digest().to_string(), digest);
    assert_eq!(image.proofs().len(), 1);
    assert_eq!(image.proofs()[0].signatures().len(), 1);
}

// Guards `NonEmpty`, `AttestorSet::new` and the `required` fields: settings that anything would meet.
#[test]
fn rule_02_settings_that_check_nothing_are_refused() {
    let good = rule(&["*"], &release());
    let with = |field: &str, value: Value| {
        let mut rule = good.clone();
        rule[field] = value;
        settings(&[rule])
    };
    assert_eq!(refused_by_settings(&settings(&[])), Problem::Empty);
    assert_eq!(refused_by_settings(&with("imageReferences", json!([]))), Problem::Empty);
    assert_eq!(refused_by_settings(&with("attestors", json!([]))), Problem::Empty);
    assert_eq!(refused_by_settings(&with("attestors", json!([{"entries": []}]))), Problem::Empty);
    let nested = json!([{"entries": [{"attestor": {"entries": []}}]}]);
    assert_eq!(refused_by_settings(&with("attestors", nested)), Problem::Empty);
    let zero = json!([{"count": 0, "entries": [entry(&release())]}]);
    assert_eq!(
        refused_by_settings(&with("attestors", zero)),
        Problem::Count { found: 0, entries: 1, written: 1 }
    );
    let no_keys = json!([{"entries": [{"keys": {"publicKeys": "", "rekor": {"ignoreTlog": true}}}]}]);
    assert!(matches!(refused_by_settings(&with("attestors", no_keys)), Problem::Key(_)));
}

// Guards the `manifest.is_empty()` of evaluate.rs; without it the refusal would be for nothing at all.
#[test]
fn rule_02_a_manifest_without_signatures_signs_nothing() {
    let registry = FakeRegistry::with_layers(APP, |_| Vec::new());
    assert_eq!(reason(&decide_app(&registry)), &Reason::NoSignature { cosign_3: false });
}

// Guards `Inert` of the field `required`: Kyverno's switch for it must not switch anything off.
#[test]
fn rule_02_required_false_never_means_that_unsigned_is_fine() {
    let mut lax = rule(&["r.example.com/*"], &release());
    lax["required"] = json!(false);
    let mut registry = FakeRegistry::new();
    registry.push(APP);
    assert_eq!(
        reason(&decide(&settings(&[lax]), &pod(APP), &registry)),
        &Reason::NoSignature { cosign_3: false }
    );
}

// Guards `key.verify(payload.sha256(), …)` of `VerifiedSignature::new` and `Payload::rebuild`: the wanted key
// signed another image, somebody else this one. Neither signature is both.
#[test]
fn rule_04_one_signature_satisfies_everything_asked_of_it() {
    let other = forge::hex_digest(b"another image");
    let registry = FakeRegistry::with_layers(APP, |digest| {
        vec![signed(&release(), REPOSITORY, &other), signed(&Key::new("stranger"), REPOSITORY, digest)]
    });
    let answer = decide_app(&registry);
    let short = shortfall(&answer);
    assert_eq!(short.attached.for_this_image, 1);
    assert_eq!(short.attached.other_payloads.len(), 1);

    // The wanted key's signature over another payload, on the layer of this one.
    let registry = FakeRegistry::with_layers(APP, |digest| {
        let ours = payload(REPOSITORY, digest);
        vec![forge::layer(&ours, &release().sign(payload(REPOSITORY, &other).as_bytes()))]
    });
    let answer = decide_app(&registry);
    assert_eq!((shortfall(&answer).attached.for_this_image, shortfall(&answer).found.len()), (1, 0));
}

// Guards `check_signers_differ` of the settings. With keys alone it leaves nothing to the assignment of signers,
// which has its own test in verify/quorum.rs.
#[test]
fn rule_05_count_counts_signers() {
    let (a, b, c) = (Key::new("a"), Key::new("b"), Key::new("c"));
    let sets = |sets: Value| {
        let mut rule = rule(&["r.example.com/*"], &a);
        rule["attestors"] = sets;
        settings(&[rule])
    };
    let two_of_three = sets(json!([{"count": 2, "entries": [entry(&a), entry(&b), entry(&c)]}]));
    let by = |keys: &[&Key]| {
        let mut registry = FakeRegistry::new();
        registry.push_signed(APP, keys);
        registry
    };
    let decide = |settings: &Value, keys: &[&Key]| decide(settings, &pod(APP), &by(keys));
    // Signed twice by one is signed by one.
    let answer = decide(&two_of_three, &[&a, &a, &a]);
    let short = shortfall(&answer);
    assert_eq!((short.required, short.found.len(), short.missing.len()), (2, 1, 2));
    for pair in [[&a, &b], [&c, &a], [&b, &c]] {
        assert!(decide(&two_of_three, &pair).accepted);
    }
    // A key written twice would be two entries for one signer, however it is written.
    let spelt = json!({"keys": {"publicKeys": a.compressed_pem(), "rekor": {"ignoreTlog": true}}});
    for twice in [
        json!([{"count": 2, "entries": [entry(&a), spelt]}]),
        json!([{"count": 2, "entries": [entry(&a), {"attestor": {"entries": [spelt]}}]}]),
        json!([{"count": 2, "entries": [{"keys": {"publicKeys": a.pem().repeat(2), "rekor": {"ignoreTlog": true}}}]}]),
    ] {
        assert!(matches!(refused_by_settings(&sets(twice)), Problem::DuplicateKey { .. }));
    }
}

// Guards `pem_blocks` taking keys apart before `count`: absent, it means all of them.
#[test]
fn rule_05_keys_in_one_block_are_several_signers() {
    let (a, b) = (Key::new("a"), Key::new("b"));
    let mut rule = rule(&["r.example.com/*"], &a);
    rule["attestors"][0]["entries"][0]["keys"]["publicKeys"] = json!(format!("{}{}", a.pem(), b.pem()));
    let mut any = rule.clone();
    any["attestors"][0]["count"] = json!(1);
    for (rule, keys, accepted) in [
        (&rule, vec![&a], false),
        (&rule, vec![&b], false),
        (&rule, vec![&a, &b], true),
        (&any, vec![&b], true),
        (&any, vec![], false),
    ] {
        let mut registry = FakeRegistry::new();
        registry.push_signed(APP, &keys);
        let answer = decide(&settings(std::slice::from_ref(rule)), &pod(APP), &registry);
        assert_eq!(answer.accepted, accepted, "{}", answer.message);
    }
}

// Guards the `for set in &rule.attestors` of verify/image.rs and `set.required` of nested sets.
#[test]
fn rule_05_sets_are_anded_and_sets_within_sets_are_counted() {
    let (a, b, c) = (Key::new("a"), Key::new("b"), Key::new("c"));
    let anded = json!([{"entries": [entry(&a)]}, {"count": 1, "entries": [entry(&b), entry(&c)]}]);
    let nested = json!([{"count": 2, "entries": [
        entry(&a),
        {"attestor": {"entries": [entry(&b), entry(&c)]}},
    ]}]);
    let mut rule = rule(&["r.example.com/*"], &a);
    for (sets, keys, accepted) in [
        (&anded, vec![&a], false),
        (&anded, vec![&b, &c], false),
        (&anded, vec![&a, &c], true),
        (&nested, vec![&a, &b], false),
        (&nested, vec![&b, &c], false),
        (&nested, vec![&c, &b, &a], true),
    ] {
        rule["attestors"] = sets.clone();
        let mut registry = FakeRegistry::new();
        registry.push_signed(APP, &keys);
        let answer = decide(&settings(std::slice::from_ref(&rule)), &pod(APP), &registry);
        assert_eq!(answer.accepted, accepted, "{sets} {}", answer.message);
    }
}

fn named(mut rule: Value, name: &str) -> Value {
    rule["name"] = json!(name);
    rule
}

// Guards the `for rule in rules` of evaluate.rs and `VerifiedImage::new`.
#[test]
fn rule_06_every_matching_rule_binds() {
    let security = Key::new("security");
    let first = named(rule(&["r.example.com/*"], &release()), "first");
    let second = named(rule(&["*/acme/*"], &security), "second");
    for (rules, keys, missing) in [
        ([first.clone(), second.clone()], vec![release()], Some("second")),
        ([second.clone(), first.clone()], vec![release()], Some("second")),
        ([first.clone(), second.clone()], vec![security.clone()], Some("first")),
        ([first, second], vec![release(), security], None),
    ] {
        let mut registry = FakeRegistry::new();
        registry.push_signed(APP, &keys.iter().collect::<Vec<_>>());
        let answer = decide(&settings(&rules), &pod(APP), &registry);
        assert_eq!(answer.accepted, missing.is_none());
        if let Some(missing) = missing {
            let [(_, failure)] = failures(&answer) else { panic!("{answer:?}") };
            assert_eq!(failure.rule(), Some(&RuleName::Given(missing.to_owned())));
        }
    }
}

// Guards the `filter` over `rule.skips` in rules.rs: of that rule only.
#[test]
fn rule_06_a_skip_takes_the_image_out_of_that_one_rule() {
    let mut skipping = named(rule(&["r.example.com/*"], &release()), "first");
    skipping["skipImageReferences"] = json!(["r.example.com/acme/*"]);
    let second = named(rule(&["*"], &Key::new("security")), "second");
    let mut registry = FakeRegistry::new();
    registry.push(APP);
    let answer = decide(&settings(&[skipping.clone(), second]), &pod(APP), &registry);
    let [(_, by)] = failures(&answer) else { panic!("{answer:?}") };
    assert_eq!(by.rule(), Some(&RuleName::Given("second".to_owned())));

    // Exempt from all that name it is not unmatched.
    let mut strict = settings(&[skipping]);
    strict["unmatchedImages"] = json!("deny");
    let answer = decide(&strict, &pod(APP), &registry);
    let Verdict::Accept(accepted) = &answer.verdict else { panic!("{answer:?}") };
    assert_eq!(accepted.images()[0].1.outcome, Outcome::Exempt);
    let answer = decide(&strict, &pod("other.example.com/app"), &registry);
    assert_eq!(reason(&answer), &Reason::Unmatched { audited: false });
}

// Guards `Repository::aliases` and `canonical_registry`: no spelling leads past a rule.
#[test]
fn rule_07_no_spelling_escapes_a_rule() {
    let digest = forge::hex_digest(b"nginx");
    for pattern in ["docker.io/library/nginx:1*", "nginx:1*", "index.docker.io/*", "docker.io/nginx*"] {
        let mut policy = settings(&[rule(&[pattern], &release())]);
        for spelling in [
            "nginx:1.27",
            "library/nginx:1.27",
            "docker.io/nginx:1.27",
            "DOCKER.io:443/library/nginx:1.27",
            "index.docker.io./nginx:1.27",
            &format!("nginx@{digest}"),
            &format!("nginx:other@{digest}"),
        ] {
            let mut registry = FakeRegistry::new();
            registry.push("nginx:1.27");
            let answer = decide(&policy, &pod(spelling), &registry);
            assert_eq!(reason(&answer), &Reason::NoSignature { cosign_3: false }, "{pattern} {spelling}");
        }
        policy["unmatchedImages"] = json!("deny");
        let answer = decide(&policy, &pod("docker.io/other/nginxx:2"), &FakeRegistry::new());
        if pattern != "index.docker.io/*" {
            assert_eq!(reason(&answer), &Reason::Unmatched { audited: false }, "{pattern}");
        }
    }
}

// Guards `SkipPattern`: a tag says nothing about what runs.
#[test]
fn rule_07_a_skip_sees_no_tag() {
    let mut skipping = rule(&["*"], &release());
    skipping["skipImageReferences"] = json!([format!("{REPOSITORY}:1")]);
    assert!(matches!(refused_by_settings(&settings(&[skipping.clone()])), Problem::Pattern { .. }));
    let mut registry = FakeRegistry::new();
    for hidden in ["r.example.com/acme/*1", "r.example.com/acme/app?1", "r.example.com/*:1", "*1"] {
        skipping["skipImageReferences"] = json!([hidden]);
        registry.push(APP);
        match Settings::parse(&settings(&[skipping.clone()])) {
            Ok(_) => {
                let answer = decide(&settings(&[skipping.clone()]), &pod(APP), &registry);
                assert_eq!(reason(&answer), &Reason::NoSignature { cosign_3: false }, "{hidden}");
            }
            Err(error) => assert!(matches!(error.problem(), Problem::Pattern { .. }), "{error}"),
        }
    }
}

// Guards the `Unpinned` of evaluate.rs, before anything is asked.
#[test]
fn rule_09_an_image_that_stays_unpinned_is_refused() {
    let mut registry = FakeRegistry::new();
    let digest = registry.push_signed(APP, &[&release()]);
    let with = |mutate: bool, verify: bool| {
        let mut rule = rule(&["r.example.com/*"], &release());
        rule["mutateDigest"] = json!(mutate);
        rule["verifyDigest"] = json!(verify);
        settings(&[rule])
    };
    let answer = decide(&with(false, true), &pod(APP), &registry);
    assert_eq!((reason(&answer), answer.code), (&Reason::Unpinned, Some(403)));
    assert_eq!(registry.calls(), []);
    // `verifyDigest` is on unless it is written out.
    let mut default = with(false, true);
    default["verifyImages"][0].as_object_mut().unwrap().remove("verifyDigest");
    assert_eq!(reason(&decide(&default, &pod(APP), &registry)), &Reason::Unpinned);

    let answer = decide(&with(false, false), &pod(APP), &registry);
    assert!(answer.accepted);
    assert_eq!(answer.mutated, None);
    assert_eq!((answer.warnings.len(), answer.annotations.len()), (1, 2));
    // A pinned one needs no patch.
    let pinned = pod(&format!("{APP}@{digest}"));
    for (mutate, verify) in [(true, true), (true, false), (false, true), (false, false)] {
        let answer = decide(&with(mutate, verify), &pinned, &registry);
        assert!(answer.accepted);
        assert_eq!((answer.mutated, answer.warnings), (None, Vec::new()));
    }
}

// Guards the memo of `Registry::resolve` and `pinned_to(verified.digest())`: the tag moves after it was asked.
#[test]
fn rule_09_the_digest_that_was_verified_is_the_one_that_runs() {
    let mut registry = FakeRegistry::new();
    let digest = registry.push_signed(APP, &[&release()]);
    let answer = decide(&policy(), &pod_of(&[APP, APP]), &registry);
    assert_eq!(registry.calls(), [("digest", APP.to_owned()), ("manifest", signature_tag(APP, &digest))]);
    let mutated = answer.mutated.unwrap();
    for index in [0, 1] {
        assert_eq!(mutated["spec"]["containers"][index]["image"], json!(format!("{APP}@{digest}")));
    }
    // A digest the user wrote is the one looked at, whatever the tag beside it means.
    let other = forge::hex_digest(b"unsigned");
    let answer = decide(&policy(), &pod(&format!("{APP}@{other}")), &registry);
    assert_eq!(reason(&answer), &Reason::NoSignature { cosign_3: false });
}

// Guards `Payload::rebuild`: what the registry stores under an image's signature tag is not believed.
#[test]
fn rule_16_a_signature_moved_from_another_image_proves_nothing() {
    let other = forge::hex_digest(b"another image");
    let registry = FakeRegistry::with_layers(APP, |_| vec![signed(&release(), REPOSITORY, &other)]);
    let bytes = u64::try_from(payload(REPOSITORY, &other).len()).unwrap();
    let answer = decide_app(&registry);
    assert_eq!(shortfall(&answer).attached.other_payloads, [PayloadError::OtherContent { bytes }]);

    let elsewhere = "r.example.com/acme/other-app";
    let registry = FakeRegistry::with_layers(APP, |digest| vec![signed(&release(), elsewhere, digest)]);
    let answer = decide_app(&registry);
    let size = PayloadError::OtherSize { bytes: bytes + 6, expected: vec![bytes] };
    assert_eq!(shortfall(&answer).attached.other_payloads, [size]);
}

// Guards `key.verify`: the layer's digest is right, and nothing was signed.
#[test]
fn rule_16_a_layer_alone_is_no_signature() {
    for (signature, malformed) in [
        (&b""[..], 0),
        (b"\0", 1),
        (b"MEUCIQ", 1),
        (&[0xff; 72], 1),
        // r and s are zero: well formed, and by nobody (CVE-2022-21449).
        (&[0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00], 0),
    ] {
        let registry = FakeRegistry::with_layers(APP, |digest| {
            vec![forge::layer(&payload(REPOSITORY, digest), signature)]
        });
        let answer = decide_app(&registry);
        let attached = &shortfall(&answer).attached;
        if signature.is_empty() {
            let layer = LayerError { index: 0, part: LayerPart::Signature };
            assert_eq!(attached.malformed_layers, [layer]);
        } else {
            assert_eq!((attached.for_this_image, attached.malformed), (1, malformed));
            assert_eq!(shortfall(&answer).found, [""; 0]);
        }
    }
}

// Guards `MAX_PAYLOAD_BYTES`, `SIMPLE_SIGNING` and the digest's strict form: a layer that is no signature.
#[test]
fn rule_16_a_layer_of_another_kind_is_no_signature_and_spoils_none() {
    type Change = fn(&mut Value);
    let changes: [(Change, LayerPart); 4] = [
        (|layer| layer["mediaType"] = json!("application/json"), LayerPart::MediaType),
        (|layer| layer["digest"] = json!("sha512:abc"), LayerPart::Digest),
        (|layer| layer["size"] = json!(u64::MAX), LayerPart::Size),
        (|layer| layer["annotations"] = Value::Null, LayerPart::Signature),
    ];
    for (change, part) in changes {
        let bad = |digest: &str| {
            let mut layer = signed(&release(), REPOSITORY, digest);
            change(&mut layer);
            layer
        };
        let answer = decide_app(&FakeRegistry::with_layers(APP, |digest| vec![bad(digest)]));
        assert_eq!(shortfall(&answer).attached.malformed_layers, [LayerError { index: 0, part }]);
        let both = FakeRegistry::with_layers(APP, |digest| {
            vec![bad(digest), signed(&release(), REPOSITORY, digest)]
        });
        assert!(decide_app(&both).accepted);
    }
}

// Guards the keyring and the field tables. The module's exports are looked at in host/tests/guest.rs.
#[test]
fn rule_17_no_test_only_setting_key_or_feature() {
    let error = Settings::parse(&settings(&[{
        let mut rule = rule(&["*"], &release());
        rule["attestors"][0]["entries"][0]["keys"]["publicKeys"] = json!("builtin:release");
        rule
    }]));
    assert!(
        matches!(error.unwrap_err().problem(), Problem::UnknownBuiltinKey { known, .. } if known.is_empty())
    );
    for field in ["insecure", "insecureIgnoreTlog", "skipVerification", "dryRun", "test", "now", "clock"] {
        let mut policy = policy();
        policy[field] = json!(true);
        assert!(matches!(refused_by_settings(&policy), Problem::UnknownField { .. }), "{field}");
    }
    // A feature could put into a module what the tests of another one never saw.
    assert!(!include_str!("../Cargo.toml").contains("[features]"));
}
