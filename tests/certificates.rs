//! Signatures by holders of certificates of one's own public-key infrastructure: each accept has twins that are broken
//! in one place and refused for that reason. What leads from a certificate to its authority is in
//! certificate_paths.rs.

#![expect(clippy::indexing_slicing, reason = "the tests' own values")]

use serde_json::{Value, json};
use sigwarden::verify::{CertificateError, EvidenceError, SignatureError};
use sigwarden_testkit::TypedKey;
use sigwarden_testkit::people::{certified, own_leaf};
use sigwarden_testkit::proofs::{
    BEGINNING, acme, because, decide_on, one, one_at, proven, refused, time, wanting,
};
use sigwarden_testkit::run::accepted;
use sigwarden_testkit::sigstore::Sigstore;
use sigwarden_testkit::sigstore::certificate::{Certificate, Extension};
use sigwarden_testkit::sigstore::der::{context, oid, sequence, utf8};
use sigwarden_testkit::sigstore::layer::Signed;
use sigwarden_testkit::sigstore::leaf::{Identity, Leaf};
use sigwarden_testkit::typed::der;

const DAY: i64 = 86_400;
const LOGGED: i64 = BEGINNING + 10 * DAY;

/// An entry of some certificates, without a log.
fn entry(mut fields: Value) -> Value {
    fields["rekor"] = json!({"ignoreTlog": true});
    json!({"certificates": fields})
}

fn unlogged(fields: Value) -> Value {
    wanting(&acme(), &json!([entry(fields)]))
}

fn logged(fields: Value) -> Value {
    wanting(&acme(), &json!([{"certificates": fields}]))
}

#[test]
fn a_pinned_certificate_is_that_one_and_no_other() {
    let by = acme().certify(&own_leaf(BEGINNING));
    let settings = unlogged(json!({"cert": by.pem()}));
    accepted(&one(&settings, |p| certified(&by, p)));
    // What the layer says of certificates does not count: the settings have it.
    accepted(&one(&settings, |p| Signed::by_key(&by.key, p)));
    accepted(&one(&settings, |p| Signed { certificate: Some("junk".to_owned()), ..certified(&by, p) }));
    // Another one of the same person below the same authority, which says so in the layer.
    let other = acme().certify(&Leaf {
        key: TypedKey::p256("other"),
        serial: "other".to_owned(),
        ..own_leaf(BEGINNING)
    });
    let answer = one(&settings, |p| certified(&other, p));
    assert_eq!(because(&answer), None);
    assert!(answer.message.contains("the certificate of key sha256:"), "{}", answer.message);
    // The same key's, that is the same signer's.
    let again = acme().certify(&Leaf { serial: "again".to_owned(), ..own_leaf(BEGINNING) });
    accepted(&one(&settings, |p| certified(&again, p)));
}

#[test]
fn rule_15_a_pinned_certificate_must_be_valid_at_the_hosts_clock() {
    let leaf = own_leaf(BEGINNING);
    let by = acme().certify(&leaf);
    let settings = unlogged(json!({"cert": by.pem()}));
    for now in [leaf.not_before, leaf.not_after] {
        accepted(&one_at(now, &settings, |p| certified(&by, p)));
    }
    refused(
        &one_at(leaf.not_after + 1, &settings, |p| certified(&by, p)),
        EvidenceError::ExpiredNow { not_after: time(leaf.not_after) },
    );
    refused(
        &one_at(leaf.not_before - 1, &settings, |p| certified(&by, p)),
        EvidenceError::NotYetValidNow { not_before: time(leaf.not_before) },
    );
    // An entry that is attached and not asked for proves nothing.
    let answer = one_at(leaf.not_after + 1, &settings, |p| acme().sign_as(&by, p, LOGGED));
    refused(&answer, EvidenceError::ExpiredNow { not_after: time(leaf.not_after) });
}

/// A log entry proves that it was signed while the certificates were valid, all of them.
#[test]
fn with_a_log_entry_the_certificates_must_be_valid_when_it_was_logged() {
    let leaf = own_leaf(BEGINNING);
    let by = acme().certify(&leaf);
    let later = leaf.not_after + 300 * DAY;
    for fields in [
        json!({"cert": by.pem()}),
        json!({"cert": by.pem(), "certChain": by.chain_pem()}),
        json!({"certChain": acme().fulcio.root.pem()}),
    ] {
        let settings = logged(fields);
        let answer = one_at(later, &settings, |p| acme().sign_as(&by, p, LOGGED));
        accepted(&answer);
        assert_eq!(proven(&answer), Some(time(LOGGED)));
        for logged in [leaf.not_before, leaf.not_after] {
            accepted(&one_at(later, &settings, |p| acme().sign_as(&by, p, logged)));
        }
        refused(&one_at(later, &settings, |p| certified(&by, p)), EvidenceError::NoLogEntry);
        let late = leaf.not_after + 1;
        refused(
            &one_at(later, &settings, |p| acme().sign_as(&by, p, late)),
            EvidenceError::Expired { not_after: time(leaf.not_after), at: time(late) },
        );
        // The clock of the log, before the certificate's beginning; the authority is older.
        let young = Leaf { not_before: LOGGED + 1, key: leaf.key.clone(), ..leaf.clone() };
        let young = acme().certify(&young);
        let fields = json!({"cert": young.pem()});
        refused(
            &one_at(later, &logged(fields), |p| acme().sign_as(&young, p, LOGGED)),
            EvidenceError::NotYetValid { not_before: time(LOGGED + 1), at: time(LOGGED) },
        );
    }
}

/// The holder of a certificate that is known may have logged it or its key.
#[test]
fn an_entry_is_of_the_pinned_certificate_or_its_key() {
    let by = acme().certify(&own_leaf(BEGINNING));
    let again = acme().certify(&Leaf { serial: "again".to_owned(), ..own_leaf(BEGINNING) });
    let pinned = logged(json!({"cert": by.pem()}));
    let chained = logged(json!({"certChain": acme().fulcio.root.pem()}));
    accepted(&one(&pinned, logged_as_other(&by, &by.pem())));
    accepted(&one(&pinned, logged_as_key(&by)));
    refused(&one(&pinned, logged_as_other(&by, &again.pem())), EvidenceError::OtherKey);
    refused(&one(&pinned, logged_as_other(&by, &TypedKey::p256("other").pem())), EvidenceError::OtherKey);
    // Where the certificate is the layer's, it is that one that must be logged.
    accepted(&one(&chained, logged_as_other(&by, &by.pem())));
    refused(&one(&chained, logged_as_key(&by)), EvidenceError::OtherKey);
    refused(&one(&chained, logged_as_other(&by, &again.pem())), EvidenceError::OtherKey);
}

fn logged_as_key(by: &Identity) -> impl Fn(&str) -> Signed + '_ {
    let pem = by.key.pem();
    move |p| {
        let signed = certified(by, p);
        Signed { entry: Some(acme().log(&signed, &pem, LOGGED)), ..signed }
    }
}

fn logged_as_other<'a>(by: &'a Identity, pem: &'a str) -> impl Fn(&str) -> Signed + 'a {
    move |p| {
        let signed = certified(by, p);
        Signed { entry: Some(acme().log(&signed, pem, LOGGED)), ..signed }
    }
}

#[test]
fn a_timestamp_proves_the_time_where_its_authority_is_named() {
    let leaf = own_leaf(BEGINNING);
    let by = acme().certify(&leaf);
    let mut fields = json!({"cert": by.pem(), "ctlog": {"tsaCertChain": acme().tsa.chain_pem()}});
    let settings = unlogged(fields.clone());
    let later = leaf.not_after + 300 * DAY;
    let stamped = |of: &Sigstore, seconds: i64| {
        let tsa = of.tsa.clone();
        let by = by.clone();
        move |p: &str| {
            let signed = certified(&by, p);
            Signed { timestamp: Some(tsa.stamp(&signed.signature, seconds)), ..signed }
        }
    };
    let answer = one_at(later, &settings, stamped(&acme(), LOGGED));
    accepted(&answer);
    assert_eq!(proven(&answer), Some(time(LOGGED)));
    let expired = |at| EvidenceError::Expired { not_after: time(leaf.not_after), at: time(at) };
    refused(&one_at(later, &settings, stamped(&acme(), leaf.not_after + 1)), expired(leaf.not_after + 1));
    refused(&one_at(later, &settings, |p| certified(&by, p)), EvidenceError::NoTimestamp);
    let other = Sigstore::new("other", BEGINNING);
    refused(&one_at(later, &settings, stamped(&other, LOGGED)), EvidenceError::UnknownTimestampAuthority);
    let of_another =
        |p: &str| Signed { timestamp: Some(acme().tsa.stamp(b"another", LOGGED)), ..certified(&by, p) };
    refused(&one_at(later, &settings, of_another), EvidenceError::OtherTimestamp);
    // Both: neither stands for the other, and the certificate must be valid at both times.
    fields["rekor"] = json!({});
    let both = logged(fields);
    let sign = |logged: i64, stamp: i64| {
        let by = by.clone();
        move |p: &str| {
            let signed = acme().sign_as(&by, p, logged);
            Signed { timestamp: Some(acme().tsa.stamp(&signed.signature, stamp)), ..signed }
        }
    };
    accepted(&one_at(later, &both, sign(LOGGED, LOGGED + 9)));
    refused(&one_at(later, &both, stamped(&acme(), LOGGED)), EvidenceError::NoLogEntry);
    refused(&one_at(later, &both, |p| acme().sign_as(&by, p, LOGGED)), EvidenceError::NoTimestamp);
    refused(&one_at(later, &both, sign(leaf.not_after + 1, LOGGED)), expired(leaf.not_after + 1));
    refused(&one_at(later, &both, sign(LOGGED, leaf.not_after + 1)), expired(leaf.not_after + 1));
}

/// Where the certificates above the signer's stand does not matter, but that the last of them is in the settings.
#[test]
fn the_chain_is_in_the_settings_or_in_the_layer_and_ends_in_the_settings() {
    let by = acme().certify(&own_leaf(BEGINNING));
    let (root, intermediate) = (acme().fulcio.root.pem(), acme().fulcio.issuer().pem());
    let whole = format!("{intermediate}{root}");
    let backwards = format!("{root}{intermediate}");
    let with_leaf = format!("{}{whole}", by.pem());
    for chain in [&root, &whole, &backwards, &with_leaf, &intermediate] {
        accepted(&one(&unlogged(json!({"certChain": chain})), |p| certified(&by, p)));
    }
    let without_chain = |p: &str| Signed { chain: None, ..certified(&by, p) };
    for chain in [&whole, &backwards, &with_leaf, &intermediate] {
        accepted(&one(&unlogged(json!({"certChain": chain})), without_chain));
        accepted(&one(&unlogged(json!({"cert": by.pem(), "certChain": chain})), without_chain));
    }
    // The intermediate is nowhere; or only in the layer, where the signer's certificate is pinned and nothing of the
    // layer's counts.
    refused(&one(&unlogged(json!({"certChain": root})), without_chain), EvidenceError::OtherChain);
    let pinned = unlogged(json!({"cert": by.pem(), "certChain": root}));
    refused(&one(&pinned, |p| certified(&by, p)), EvidenceError::OtherChain);
    // `cert` may go on with the chain.
    accepted(&one(&unlogged(json!({"cert": with_leaf})), |p| Signed::by_key(&by.key, p)));
    let missing = unlogged(json!({"cert": format!("{}{root}", by.pem())}));
    refused(&one(&missing, |p| Signed::by_key(&by.key, p)), EvidenceError::OtherChain);
    // There is nothing to be chained.
    let answer = one(&unlogged(json!({"certChain": whole})), |p| Signed::by_key(&by.key, p));
    refused(&answer, EvidenceError::NoCertificate);
    // It is not by the certificate's key.
    let answer = one(&unlogged(json!({"certChain": whole})), |p| Signed {
        certificate: Some(by.pem()),
        ..Signed::by_key(&TypedKey::p256("other"), p)
    });
    assert_eq!(because(&answer), Some(SignatureError::NotByCertificate));
}

#[test]
fn what_is_revoked_counts_for_nothing() {
    let by = acme().certify(&own_leaf(BEGINNING));
    for fields in [json!({"cert": by.pem()}), json!({"certChain": acme().fulcio.root.pem()})] {
        let mut settings = unlogged(fields);
        settings["revoked"] = json!({"keys": [TypedKey::p256("other").pem()]});
        accepted(&one(&settings, |p| certified(&by, p)));
        settings["revoked"] = json!({"keys": [by.key.pem()]});
        let answer = one(&settings, |p| certified(&by, p));
        assert_eq!(because(&answer), Some(SignatureError::Revoked("key")));
    }
}

/// Rule 5: a key is one signer, whether it is named by itself, by its certificate, or certified by somebody named.
#[test]
fn rule_05_a_key_counts_once_however_it_is_named() {
    let by = acme().certify(&own_leaf(BEGINNING));
    let again = acme().certify(&Leaf { serial: "again".to_owned(), ..own_leaf(BEGINNING) });
    let other = acme().certify(&Leaf {
        key: TypedKey::p256("other"),
        serial: "other".to_owned(),
        ..own_leaf(BEGINNING)
    });
    let key = json!({"keys": {"publicKeys": by.key.pem(), "rekor": {"ignoreTlog": true}}});
    let cert = entry(json!({"cert": by.pem()}));
    let chain = entry(json!({"certChain": acme().fulcio.root.pem()}));
    let sign = |entries: Value, by: &[&Identity]| {
        decide_on(&wanting(&acme(), &entries), |p| by.iter().map(|by| certified(by, p)).collect())
    };
    // A key and its own certificate are refused as settings already.
    for entries in [json!([key, chain]), json!([cert, chain])] {
        let answer = sign(entries.clone(), &[&by, &again]);
        assert!(!answer.accepted, "{entries}");
        assert!(answer.message.contains("one signer does not count for two entries"), "{}", answer.message);
    }
    for entries in [json!([key, chain]), json!([cert, chain])] {
        accepted(&sign(entries, &[&by, &other]));
    }
}

#[test]
fn certificates_may_be_of_other_keys() {
    for (name, key) in TypedKey::all("leaf") {
        let by = acme().certify(&Leaf { key, ..own_leaf(BEGINNING) });
        for fields in [json!({"cert": by.pem()}), json!({"certChain": acme().fulcio.root.pem()})] {
            for settings in [unlogged(fields.clone()), logged(fields)] {
                let answer = one(&settings, |p| acme().sign_as(&by, p, LOGGED));
                assert!(answer.accepted, "{name}: {}", answer.message);
                let forged = acme().sign_as(&by, "", LOGGED);
                let answer = one(&settings, |p| Signed { payload: p.as_bytes().to_vec(), ..forged.clone() });
                assert!(!answer.accepted, "{name}");
            }
        }
    }
}

/// `SEQUENCE { organizationName, n }`
fn set_value(n: u32) -> Vec<u8> {
    sequence(&[&oid("2.5.4.10"), &utf8(&format!("{n:03}"))])
}

/// Whoever pushes signatures writes these texts.
#[test]
fn odd_texts_in_the_layer_are_refused_and_spoil_nothing() {
    let by = acme().certify(&own_leaf(BEGINNING));
    let settings = unlogged(json!({"certChain": acme().fulcio.root.pem()}));
    let certificate = EvidenceError::Certificate;
    let unwrapped = |pem: &str| pem.replace('\n', "").replace("CERTIFICATE-----M", "CERTIFICATE-----\nM");
    let good = [
        by.pem().replace('\n', "\r\n"),
        format!("\n  {}\n\n", by.pem().replace('\n', "\n  ")),
        unwrapped(&by.pem()),
        // The first is the signer's, as in cosign.
        format!("{}{}", by.pem(), acme().fulcio.root.pem()),
    ];
    for pem in good {
        accepted(&one(&settings, |p| Signed { certificate: Some(pem.clone()), ..certified(&by, p) }));
    }
    let twin = |pem: String, error| {
        let bad = |p: &str| Signed { certificate: Some(pem.clone()), ..certified(&by, p) };
        refused(&one(&settings, bad), error);
        accepted(&decide_on(&settings, |p| vec![bad(p), certified(&by, p)]));
    };
    let header = by.pem().replace("CERTIFICATE-----\nM", "CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\nM");
    for pem in [
        format!("Subject: jane\n{}", by.pem()),
        format!("{}junk", by.pem()),
        by.pem().replace("END CERT", "END  CERT"),
        by.pem().replace("CERTIFICATE", "X509 CRL"),
        header,
        by.key.pem(),
        "-----END CERTIFICATE-----".to_owned(),
        "-----BEGIN CERTIFICATE-----".to_owned(),
        "é".to_owned(),
    ] {
        twin(pem, certificate(CertificateError::Pem));
    }
    let pem_of = |der: &[u8]| sigwarden_testkit::forge::pem("CERTIFICATE", der);
    twin(pem_of(&[]), certificate(CertificateError::Malformed));
    twin(pem_of(&by.der[..by.der.len() - 1]), certificate(CertificateError::Malformed));
    twin(pem_of(&[&by.der[..], &[0]].concat()), certificate(CertificateError::Malformed));
    twin(pem_of(&[0x30; 16 * 1024 + 1]), certificate(CertificateError::TooLong));
    twin(by.pem().repeat(17), certificate(CertificateError::TooMany));
    let twice = |oid: &str| {
        let extension = |n| Extension::new(oid, false, vec![5, n]);
        acme().certify(&Leaf { extensions: vec![extension(0), extension(1)], ..own_leaf(BEGINNING) })
    };
    twin(twice("1.2.3.4").pem(), certificate(CertificateError::RepeatedExtension("1.2.3.4".to_owned())));

    // Sets of many values, which are sorted: in a name, and in a name within an extension.
    let named = |values: u32| {
        let part = |n: u32| set_value(n);
        let name = sequence(&[&der(0x31, &(0..values).rev().flat_map(part).collect::<Vec<u8>>())]);
        let san = sequence(&[&context(4, &name)]);
        let mut certificate = acme().fulcio.issuer().certificate.clone();
        certificate.spki = by.key.spki();
        let in_subject = Certificate { subject: name.clone(), ..certificate.clone() };
        certificate.extensions.push(Extension::new("2.5.29.17", false, san));
        [in_subject, certificate].map(|certificate| pem_of(&certificate.signed(&acme().fulcio.root.key)))
    };
    for pem in named(65) {
        twin(pem, certificate(CertificateError::Costly));
    }
    // Read, and an authority itself.
    for pem in named(64) {
        twin(pem, EvidenceError::OtherChain);
    }
    let deep = (0..40).fold(Vec::new(), |inner: Vec<u8>, _| sequence(&[&inner]));
    twin(pem_of(&deep), certificate(CertificateError::Costly));

    // A chain that nothing is found in, and one that could be tried in many ways.
    let chain = |pem: String| {
        one(&settings, move |p| Signed {
            chain: Some(pem.clone()),
            ..certified(&acme().certify(&own_leaf(BEGINNING)), p)
        })
    };
    refused(&chain("junk".to_owned()), certificate(CertificateError::Pem));
    accepted(&chain(acme().fulcio.chain_pem().repeat(3)));
    refused(&chain(acme().fulcio.chain_pem().repeat(4)), EvidenceError::LongChain);
}

/// Kubewarden's dialect: a log entry where it says so.
#[test]
fn the_kubewarden_dialect_has_them_too() {
    let by = acme().certify(&own_leaf(BEGINNING));
    let dialect = |log: bool, chain: Option<Value>| {
        let mut item =
            json!({"image": "r.example.com/*", "certificates": [by.pem()], "requireRekorBundle": log});
        if let Some(chain) = chain {
            item["certificateChain"] = chain;
        }
        let root: Value = serde_json::from_str(&acme().trusted_root_json()).unwrap();
        json!({"signatures": [item], "trustRoot": root})
    };
    let whole = acme().fulcio.chain_pem();
    let each = |pem: &str| {
        let end = "-----END CERTIFICATE-----\n";
        json!(pem.split_inclusive(end).filter(|text| text.ends_with(end)).collect::<Vec<_>>())
    };
    for chain in [None, Some(json!(whole)), Some(each(&whole))] {
        accepted(&one(&dialect(false, chain.clone()), |p| certified(&by, p)));
        accepted(&one(&dialect(true, chain.clone()), |p| acme().sign_as(&by, p, LOGGED)));
        refused(&one(&dialect(true, chain), |p| certified(&by, p)), EvidenceError::NoLogEntry);
    }
    let root = dialect(false, Some(json!(acme().fulcio.root.pem())));
    refused(&one(&root, |p| certified(&by, p)), EvidenceError::OtherChain);
    let other = Sigstore::new("other", BEGINNING).fulcio.chain_pem();
    refused(&one(&dialect(false, Some(json!(other))), |p| certified(&by, p)), EvidenceError::OtherChain);
    // All of several must have signed.
    let second = acme().certify(&Leaf {
        key: TypedKey::p256("other"),
        serial: "other".to_owned(),
        ..own_leaf(BEGINNING)
    });
    let mut both = dialect(false, Some(json!(whole)));
    both["signatures"][0]["certificates"] = json!([by.pem(), second.pem()]);
    assert!(!one(&both, |p| certified(&by, p)).accepted);
    accepted(&decide_on(&both, |p| vec![certified(&by, p), certified(&second, p)]));
}
