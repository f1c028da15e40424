//! Keys whose signatures need a log entry or a timestamp: each accept has twins that are broken in one place and
//! refused for that reason.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "the tests' own values")]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each test has a word for some faults, and one for the rest"
)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sigwarden::verify::EvidenceError;
use sigwarden_testkit::forge::{manifest, payload};
use sigwarden_testkit::objects::pod;
use sigwarden_testkit::people::NOW;
use sigwarden_testkit::proofs::{BEGINNING, acme, because, evidence, one, proven, refused, time, wanting};
use sigwarden_testkit::run::{APP, REPOSITORY, accepted};
use sigwarden_testkit::sigstore::Sigstore;
use sigwarden_testkit::sigstore::fault::Fault;
use sigwarden_testkit::sigstore::layer::{BUNDLE, Signed, TIMESTAMP};
use sigwarden_testkit::sigstore::leaf::Leaf;
use sigwarden_testkit::sigstore::rekor::hashedrekord;
use sigwarden_testkit::typed::How;
use sigwarden_testkit::{Answer, FakeRegistry, TypedKey, decide};

const LOGGED: i64 = BEGINNING + 86_460;

fn release() -> TypedKey {
    TypedKey::p256("release")
}

/// A rule that wants the key, and says no more of the log than that.
fn key(key: &TypedKey, fields: Value) -> Value {
    let mut keys = fields;
    keys["publicKeys"] = json!(key.pem());
    wanting(&acme(), &json!([{"keys": keys}]))
}

/// Decides on a pod of an image that carries these layers.
fn decide_on(settings: &Value, layers: impl Fn(&str) -> Vec<Value>) -> Answer {
    let mut registry = FakeRegistry::new();
    let digest = registry.push(APP);
    registry.attach(APP, &digest, manifest(&layers(&payload(REPOSITORY, &digest))));
    decide(settings, &pod(APP), &registry)
}

fn good(payload: &str) -> Signed {
    acme().sign_with_key(&release(), payload, LOGGED)
}

fn hex(log: &[u8; 32]) -> String {
    log.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What each fault of a key's signature is refused for; `None` is an acceptance.
fn reason(fault: Fault) -> Option<EvidenceError> {
    use EvidenceError as Error;
    let unknown = Sigstore::new("acme unknown", BEGINNING).rekor.key_id();
    Some(match fault {
        Fault::NoEntry => Error::NoLogEntry,
        Fault::NoPromise => Error::MalformedLogEntry("SignedEntryTimestamp"),
        Fault::BadPromise
        | Fault::ForgedPromise
        | Fault::TimeAltered
        | Fault::IndexAltered
        | Fault::BodyAltered => Error::SignedEntryTimestamp,
        Fault::LogAltered | Fault::EntryOfAnotherLog => Error::UnknownLog(hex(&unknown)),
        Fault::EntryForAnotherSignature => Error::OtherSignature,
        Fault::EntryForAnotherCertificate => Error::OtherKey,
        Fault::EntryForAnotherPayload => Error::OtherPayload,
        Fault::RekordEntry => Error::LogEntryKind("rekord 0.0.1".to_owned()),
        Fault::TimestampOfAnotherSignature => Error::OtherTimestamp,
        Fault::TimestampOfAnotherAuthority => Error::UnknownTimestampAuthority,
        other => panic!("{other:?}"),
    })
}

/// Every fault of the in-memory Sigstore that needs no certificate, by the exact reason it is refused for; with a log
/// asked for by default and in so many words.
#[test]
fn each_thing_that_is_wrong_with_an_entry_is_refused_for_its_own_reason() {
    for fields in [json!({}), json!({"rekor": {}}), json!({"rekor": {"ignoreTlog": false}})] {
        let settings = key(&release(), fields);
        for (name, fault) in Fault::ALL.into_iter().filter(|(_, fault)| !fault.needs_certificate()) {
            let sign = |p: &str| acme().sign_badly_with_key(&release(), p, LOGGED, fault);
            let answer = one(&settings, sign);
            match fault {
                Fault::None => {
                    accepted(&answer);
                    assert_eq!(proven(&answer), Some(time(LOGGED)));
                }
                Fault::BadSignature => assert_eq!(because(&answer), None, "{name}"),
                fault => {
                    assert_eq!(Some(evidence(&answer)), reason(fault), "{name}");
                    assert_eq!(answer.code, Some(403), "{name}");
                    // It spoils nothing: a good one beside it counts.
                    accepted(&decide_on(&settings, |p| vec![sign(p).layer(), good(p).layer()]));
                }
            }
        }
    }
}

/// Where no entry is asked for, none is looked at; the signature is.
#[test]
fn an_entry_that_is_not_asked_for_is_not_looked_at() {
    let settings = key(&release(), json!({"rekor": {"ignoreTlog": true}}));
    for (name, fault) in Fault::ALL.into_iter().filter(|(_, fault)| !fault.needs_certificate()) {
        let answer = one(&settings, |p| acme().sign_badly_with_key(&release(), p, LOGGED, fault));
        assert_eq!(answer.accepted, fault != Fault::BadSignature, "{name}");
        if answer.accepted {
            assert_eq!(proven(&answer), None, "{name}");
        }
    }
    let junk = |name: &'static str| {
        move |p: &str| {
            let mut layer = good(p).layer();
            layer["annotations"][name] = json!("junk");
            vec![layer]
        }
    };
    for name in [BUNDLE, TIMESTAMP] {
        accepted(&decide_on(&settings, junk(name)));
        assert!(!decide_on(&key(&release(), json!({})), junk(name)).accepted);
    }
}

#[test]
fn keys_of_all_types_may_be_logged() {
    for (name, signer) in TypedKey::all("release") {
        let settings = key(&signer, json!({}));
        let sign = |fault| one(&settings, |p| acme().sign_badly_with_key(&signer, p, LOGGED, fault));
        assert!(sign(Fault::None).accepted, "{name}");
        for fault in [
            Fault::EntryForAnotherSignature,
            Fault::EntryForAnotherCertificate,
            Fault::EntryForAnotherPayload,
        ] {
            assert_eq!(Some(evidence(&sign(fault))), reason(fault), "{name}");
        }
        assert_eq!(because(&sign(Fault::BadSignature)), None, "{name}");
    }
}

/// The hash of the entry is of what was signed, whatever the signature's hash is.
#[test]
fn the_hash_of_the_entry_may_be_another() {
    let signer = TypedKey::p384("release");
    let settings = key(&signer, json!({}));
    let sign =
        |p: &str| Signed { signature: signer.sign(p.as_bytes(), How::Sha384), ..Signed::by_key(&signer, p) };
    let logged = |change: fn(String) -> String| {
        let (settings, sign) = (&settings, &sign);
        one(settings, move |p| {
            let signed = sign(p);
            let body = hashedrekord(&signed.signature, &signer_pem(), p.as_bytes());
            let body = change(String::from_utf8(body).unwrap());
            Signed { entry: Some(acme().rekor.take(body.as_bytes(), LOGGED, 1)), ..signed }
        })
    };
    accepted(&logged(|body| body));
    refused(
        &logged(|body| body.replace("\"sha256\"", "\"sha1\"")),
        EvidenceError::MalformedLogEntry("hash algorithm"),
    );
    refused(&logged(|body| body.replace("\"sha256\"", "\"sha512\"")), EvidenceError::OtherPayload);
}

fn signer_pem() -> String {
    TypedKey::p384("release").pem()
}

/// GHSA-whqx-f9j3-ch6m: whose entry is it?
#[test]
fn an_entry_of_another_key_is_not_this_keys() {
    let stranger = TypedKey::p256("stranger");
    let (ours, theirs) = (key(&release(), json!({})), key(&stranger, json!({})));
    let by_them = |p: &str| acme().sign_with_key(&stranger, p, LOGGED);
    accepted(&one(&theirs, by_them));
    // Ours with all of their entry.
    refused(&one(&ours, |p| Signed { entry: by_them(p).entry, ..good(p) }), EvidenceError::OtherSignature);
    // Our signature, logged by them as if it were theirs.
    let claimed = |p: &str| {
        let signed = Signed::by_key(&release(), p);
        Signed { entry: Some(acme().log(&signed, &stranger.pem(), LOGGED)), ..signed }
    };
    refused(&one(&ours, claimed), EvidenceError::OtherKey);
    assert_eq!(because(&one(&theirs, claimed)), None);
    // Both keys in one entry; a certificate of our key.
    let certificate =
        acme().certify(&Leaf { key: release(), ..Leaf::email("jane@example.com", "x", BEGINNING) });
    for pem in [format!("{}{}", release().pem(), stranger.pem()), certificate.pem()] {
        let logged = |p: &str| {
            let signed = Signed::by_key(&release(), p);
            Signed { entry: Some(acme().log(&signed, &pem, LOGGED)), ..signed }
        };
        refused(&one(&ours, logged), EvidenceError::OtherKey);
    }
}

/// `rekor.pubkey`, `rekor.url` and `trustRoot`: each says which log is believed.
#[test]
fn the_log_is_the_one_that_the_settings_name() {
    let other = Sigstore::new("other", BEGINNING);
    let by_other = |p: &str| other.sign_with_key(&release(), p, LOGGED);
    let unknown = |of: &Sigstore| EvidenceError::UnknownLog(hex(&of.rekor.key_id()));

    let own = key(&release(), json!({"rekor": {"pubkey": other.rekor.pem()}}));
    accepted(&one(&own, by_other));
    refused(&one(&own, good), unknown(&acme()));
    let both = format!("{}{}", other.rekor.pem(), acme().rekor.pem());
    let both = key(&release(), json!({"rekor": {"pubkey": both, "url": "https://rekor.example.com"}}));
    accepted(&one(&both, by_other));
    accepted(&one(&both, good));

    let named = key(&release(), json!({"rekor": {"url": acme().rekor.url()}}));
    accepted(&one(&named, good));
    refused(&one(&named, by_other), unknown(&other));
    let second = key(&release(), json!({"rekor": {"url": acme().rekor_v2.url()}}));
    refused(&one(&second, good), unknown(&acme()));
    let nobody = one(&key(&release(), json!({"rekor": {"url": "https://rekor.example.com"}})), good);
    assert!(
        nobody.message.contains("no transparency log of the trust root has the URL"),
        "{}",
        nobody.message
    );

    let mut replaced = key(&release(), json!({}));
    replaced["trustRoot"] = serde_json::from_str(&other.trusted_root_json()).unwrap();
    accepted(&one(&replaced, by_other));
    refused(&one(&replaced, good), unknown(&acme()));
    // One rule's own, in place of the one for all.
    let root = replaced["trustRoot"].take();
    replaced["trustRoot"] = serde_json::from_str(&acme().trusted_root_json()).unwrap();
    replaced["verifyImages"][0]["trustRoot"] = root;
    accepted(&one(&replaced, by_other));
    refused(&one(&replaced, good), unknown(&acme()));
    // None at all is Sigstore's own.
    let mut public = key(&release(), json!({}));
    public.as_object_mut().unwrap().remove("trustRoot");
    refused(&one(&public, good), unknown(&acme()));
}

#[test]
fn a_log_is_believed_while_its_key_was_in_use() {
    let window = |start: i64, end: Option<i64>| {
        let mut root = acme().trust_root();
        root.tlogs[0].window = (Some(start), end);
        let mut settings = key(&release(), json!({}));
        settings["trustRoot"] = root.to_value();
        settings
    };
    for (start, end) in [(BEGINNING, None), (LOGGED, Some(LOGGED))] {
        accepted(&one(&window(start, end), good));
    }
    for (start, end) in [(LOGGED + 1, None), (BEGINNING, Some(LOGGED - 1))] {
        refused(&one(&window(start, end), good), EvidenceError::LogKeyWindow(time(LOGGED)));
    }
    // What is not yet.
    let settings = key(&release(), json!({}));
    accepted(&one(&settings, |p| acme().sign_with_key(&release(), p, NOW)));
    refused(
        &one(&settings, |p| acme().sign_with_key(&release(), p, NOW + 1)),
        EvidenceError::Future(time(NOW + 1)),
    );
}

#[test]
fn a_timestamp_is_needed_where_its_authority_is_named() {
    let chain = json!({"tsaCertChain": acme().tsa.chain_pem()});
    let alone = key(&release(), json!({"rekor": {"ignoreTlog": true}, "ctlog": chain}));
    let both = key(&release(), json!({"ctlog": chain}));
    let stamp = |of: &Sigstore, at: i64| {
        let tsa = of.tsa.clone();
        move |p: &str| {
            let signed = good(p);
            Signed { timestamp: Some(tsa.stamp(&signed.signature, at)), ..signed }
        }
    };
    let unlogged = |signed: Signed| Signed { entry: None, ..signed };
    let stamped = stamp(&acme(), LOGGED - 9);
    let answer = one(&alone, |p| unlogged(stamped(p)));
    accepted(&answer);
    assert_eq!(proven(&answer), Some(time(LOGGED - 9)));
    accepted(&one(&both, &stamped));
    refused(&one(&both, |p| unlogged(stamped(p))), EvidenceError::NoLogEntry);
    for settings in [&alone, &both] {
        refused(&one(settings, good), EvidenceError::NoTimestamp);
        let other = Sigstore::new("other", BEGINNING);
        refused(&one(settings, stamp(&other, LOGGED)), EvidenceError::UnknownTimestampAuthority);
        refused(&one(settings, stamp(&acme(), NOW + 1)), EvidenceError::Future(time(NOW + 1)));
        refused(
            &one(settings, |p| Signed { timestamp: Some(acme().tsa.stamp(b"another", LOGGED)), ..good(p) }),
            EvidenceError::OtherTimestamp,
        );
    }
    // It stands in place of the trust root's.
    let other = Sigstore::new("other", BEGINNING);
    let own = key(&release(), json!({"ctlog": {"tsaCertChain": other.tsa.chain_pem()}}));
    accepted(&one(&own, stamp(&other, LOGGED)));
    refused(&one(&own, stamp(&acme(), LOGGED)), EvidenceError::UnknownTimestampAuthority);
    // An authority of the trust root has its window.
    let mut root = acme().trust_root();
    root.timestamp_authorities[0].window = (Some(BEGINNING), Some(LOGGED));
    let mut settings = key(&release(), json!({}));
    settings["trustRoot"] = root.to_value();
    accepted(&one(&settings, stamp(&acme(), LOGGED)));
    refused(&one(&settings, stamp(&acme(), LOGGED + 1)), EvidenceError::TimestampWindow(time(LOGGED + 1)));
}

/// Whoever pushes signatures writes these annotations.
#[test]
fn odd_entries_are_refused_and_spoil_nothing() {
    let settings = key(&release(), json!({}));
    let changed = |name: &'static str, change: &dyn Fn(String) -> String| {
        decide_on(&settings, |p| {
            let signed = good(p);
            let timestamp = Some(acme().tsa.stamp(&signed.signature, LOGGED));
            let mut layer = Signed { timestamp, ..signed }.layer();
            let value = layer["annotations"][name].as_str().unwrap().to_owned();
            layer["annotations"][name] = json!(change(value));
            vec![layer]
        })
    };
    let entry = |change: &dyn Fn(String) -> String| changed(BUNDLE, change);
    accepted(&entry(&|text| text));
    // Written by others than Go, it is the same.
    accepted(&entry(&|text| text.replace("\":", "\" : ")));
    accepted(&entry(&|text| text.replacen('{', "{\"unknown\":[1],", 1)));
    let number = |name: &str, value: &str| {
        let (from, to) = (format!("\"{name}\":"), format!("\"{name}\":{value},\"was\":"));
        entry(&move |text: String| text.replace(&from, &to))
    };
    use EvidenceError::MalformedLogEntry as Malformed;
    for value in ["0", "-1", "9223372036854775807", "253402300800", "-377705116801"] {
        refused(&number("integratedTime", value), Malformed("integratedTime"));
    }
    for value in ["9223372036854775808", "1e9", "1.5", "\"1\"", "null"] {
        refused(&number("integratedTime", value), Malformed("JSON"));
    }
    for value in ["-1", "18446744073709551616", "1.0", "\"1\"", "null"] {
        refused(&number("logIndex", value), Malformed("JSON"));
    }
    for value in ["18446744073709551615", "0"] {
        refused(&number("logIndex", value), EvidenceError::SignedEntryTimestamp);
    }
    for value in ["\"\"", "\"00\"", "\"é\""] {
        refused(&number("logID", value), Malformed("logID"));
    }
    refused(&entry(&|text| text.replace("\"logID\":\"", "\"logID\":\"0")), Malformed("logID"));
    for value in ["\"?\"", "\"e\"", "\"\"", "\"e30\""] {
        refused(&number("body", value), Malformed("body"));
    }
    refused(&number("body", "\"e30=\""), Malformed("body"));
    for text in ["", " ", "{}", "[]", "null", "{", "\u{0}"] {
        let expected = if text.trim().is_empty() { EvidenceError::NoLogEntry } else { Malformed("JSON") };
        refused(&entry(&|_| text.to_owned()), expected);
    }
    refused(&entry(&|_| "[".repeat(10_000)), Malformed("JSON"));
    refused(&entry(&|text| text + &" ".repeat(64 * 1024)), Malformed("length"));
    // Names twice: readers take these differently.
    for name in ["body", "integratedTime", "logIndex", "logID"] {
        let twice = |text: String| {
            let value: Value = serde_json::from_str(&text).unwrap();
            let again = format!("\"{name}\":{},\"{name}\":", value["Payload"][name]);
            text.replace(&format!("\"{name}\":"), &again)
        };
        refused(&entry(&twice), Malformed("JSON"));
    }
    refused(
        &entry(&|text| text.replacen("{\"Signed", "{\"SignedEntryTimestamp\":\"\",\"Signed", 1)),
        Malformed("JSON"),
    );
    for (value, error) in
        [("\"\"", EvidenceError::SignedEntryTimestamp), ("\"?\"", Malformed("SignedEntryTimestamp"))]
    {
        let set = |text: String| {
            let mut entry: Value = serde_json::from_str(&text).unwrap();
            entry["SignedEntryTimestamp"] = serde_json::from_str(value).unwrap();
            entry.to_string()
        };
        refused(&entry(&set), error);
    }
    let stamp = |text: &'static str| changed(TIMESTAMP, &|_| text.to_owned());
    for text in [
        "{}",
        "junk",
        r#"{"SignedRFC3161Timestamp":"?"}"#,
        r#"{"SignedRFC3161Timestamp":""}"#,
        r#"{"SignedRFC3161Timestamp":"MAA="}"#,
        r#"{"SignedRFC3161Timestamp":"MAMCAQA="}"#,
        r#"{"SignedRFC3161Timestamp":"MA==","SignedRFC3161Timestamp":"MA=="}"#,
    ] {
        refused(&stamp(text), EvidenceError::MalformedTimestamp);
    }
    accepted(&changed(TIMESTAMP, &|text| text.clone() + &" ".repeat(32 * 1024 - text.len())));
    refused(
        &changed(TIMESTAMP, &|text| text.clone() + &" ".repeat(32 * 1024 - text.len() + 1)),
        EvidenceError::MalformedTimestamp,
    );
    // A time that no calendar of ours has.
    refused(
        &one(&settings, |p| {
            let signed = good(p);
            Signed { timestamp: Some(acme().tsa.stamp(&signed.signature, 253_402_300_799)), ..signed }
        }),
        EvidenceError::MalformedTimestamp,
    );
}

/// A body that the log has signed, but not as Rekor writes one.
#[test]
fn odd_bodies_are_refused() {
    let settings = key(&release(), json!({}));
    let logged = |change: &dyn Fn(String) -> String| {
        one(&settings, |p| {
            let signed = Signed::by_key(&release(), p);
            let body = hashedrekord(&signed.signature, &release().pem(), p.as_bytes());
            let body = change(String::from_utf8(body).unwrap());
            Signed { entry: Some(acme().rekor.take(body.as_bytes(), LOGGED, 1)), ..signed }
        })
    };
    use EvidenceError::MalformedLogEntry as Malformed;
    accepted(&logged(&|body| body));
    accepted(&logged(&|body| body.replacen('{', "{ \"unknown\": 1, ", 1)));
    for (from, to) in [
        ("\"kind\":", "\"kind\":\"rekord\",\"kind\":"),
        ("\"spec\":", "\"spec\":{},\"spec\":"),
        ("\"content\":", "\"content\":\"\",\"content\":"),
        ("\"value\":", "\"value\":\"\",\"value\":"),
    ] {
        refused(&logged(&|body| body.replace(from, to)), Malformed("body"));
    }
    for (from, to) in [("\"spec\":", "\"Spec\":"), ("\"content\":", "\"content\":1,\"was\":")] {
        refused(&logged(&|body| body.replace(from, to)), Malformed("signature"));
    }
    refused(
        &logged(&|body| body.replace("\"0.0.1\"", "\"0.0.2\"")),
        EvidenceError::LogEntryKind("hashedrekord 0.0.2".to_owned()),
    );
    refused(&logged(&|body| body + "{}"), Malformed("body"));
    let public_key = |text: &str| {
        let value = format!("\"publicKey\":{{\"content\":\"{}\"", STANDARD.encode(text));
        logged(&move |body| {
            let (before, _) = body.split_once("\"publicKey\":").unwrap();
            format!("{before}{value}}}}}}}}}")
        })
    };
    accepted(&public_key(&release().pem()));
    for text in
        ["", "junk", "-----BEGIN PUBLIC KEY-----", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----"]
    {
        refused(&public_key(text), EvidenceError::OtherKey);
    }
}
