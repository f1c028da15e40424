//! Signatures by holders of certificates of one's own public-key infrastructure: each accept has twins that are broken
//! in one place and refused for that reason.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "the tests' own values")]

use serde_json::{Value, json};
use sigwarden::verify::{CertificateError, EvidenceError, SignatureError};
use sigwarden_testkit::proofs::{
    BEGINNING, because, decide_at, decide_on, one, proven, refused, time, wanting,
};
use sigwarden_testkit::run::accepted;
use sigwarden_testkit::sigstore::certificate::{
    Authority, CODE_SIGNING, Certificate, Extension, SERVER_AUTH, extended_key_usage,
};
use sigwarden_testkit::sigstore::der::{TRUE, context, integer, oid, sequence, utf8};
use sigwarden_testkit::sigstore::layer::Signed;
use sigwarden_testkit::sigstore::leaf::{Identity, Leaf, Scts};
use sigwarden_testkit::sigstore::{Fulcio, Sigstore};
use sigwarden_testkit::typed::der;
use sigwarden_testkit::{Answer, TypedKey};

const DAY: i64 = 86_400;
const LOGGED: i64 = BEGINNING + 10 * DAY;
const TEN_YEARS: i64 = 3650 * DAY;

/// Logs and timestamps; and a certificate authority, which stands for one's own.
fn pki() -> Sigstore {
    Sigstore::new("acme", BEGINNING)
}

/// A signer of Acme for two years.
fn leaf() -> Leaf {
    Leaf {
        not_after: BEGINNING + 730 * DAY,
        scts: Scts::Missing,
        ..Leaf::email("jane@example.com", "", BEGINNING)
    }
}

/// An entry of some certificates, without a log.
fn entry(fields: Value) -> Value {
    let mut fields = fields;
    fields["rekor"] = json!({"ignoreTlog": true});
    json!({"certificates": fields})
}

fn unlogged(fields: Value) -> Value {
    wanting(&pki(), &json!([entry(fields)]))
}

fn logged(fields: Value) -> Value {
    wanting(&pki(), &json!([{"certificates": fields}]))
}

/// The signature with its certificate and those above it, and nothing else.
fn bare(by: &Identity, payload: &str) -> Signed {
    Signed { certificate: Some(by.pem()), chain: Some(by.chain_pem()), ..Signed::by_key(&by.key, payload) }
}

fn at(now: i64, settings: &Value, sign: impl Fn(&str) -> Signed) -> Answer {
    decide_at(now, settings, |payload| vec![sign(payload)])
}

/// An authority of Acme whose certificate is changed before its issuer signs it.
fn changed(authority: &Authority, issuer: &TypedKey, change: impl FnOnce(&mut Certificate)) -> Authority {
    let mut authority = authority.clone();
    change(&mut authority.certificate);
    authority.der = authority.certificate.signed(issuer);
    authority
}

fn with_intermediate(change: impl FnOnce(&mut Certificate)) -> Sigstore {
    let mut pki = pki();
    let intermediate = changed(pki.fulcio.issuer(), &pki.fulcio.root.key, change);
    pki.fulcio.intermediate = Some(intermediate);
    pki
}

fn with_root(change: impl FnOnce(&mut Certificate)) -> Sigstore {
    let mut pki = pki();
    pki.fulcio.root = changed(&pki.fulcio.root, &pki.fulcio.root.key, change);
    pki
}

fn set(certificate: &mut Certificate, oid: &str, value: Option<Vec<u8>>) {
    certificate.extensions.retain(|extension| extension.oid != oid);
    certificate.extensions.extend(value.map(|value| Extension::new(oid, true, value)));
}

const BASIC_CONSTRAINTS: &str = "2.5.29.19";
const KEY_USAGE: &str = "2.5.29.15";
const EXTENDED_KEY_USAGE: &str = "2.5.29.37";

#[test]
fn a_pinned_certificate_is_that_one_and_no_other() {
    let by = pki().certify(&leaf());
    let settings = unlogged(json!({"cert": by.pem()}));
    accepted(&one(&settings, |p| bare(&by, p)));
    // What the layer says of certificates does not count: the settings have it.
    accepted(&one(&settings, |p| Signed::by_key(&by.key, p)));
    accepted(&one(&settings, |p| Signed { certificate: Some("junk".to_owned()), ..bare(&by, p) }));
    // Another one of the same person below the same authority, which says so in the layer.
    let other = pki().certify(&Leaf { key: TypedKey::p256("other"), serial: "other".to_owned(), ..leaf() });
    let answer = one(&settings, |p| bare(&other, p));
    assert_eq!(because(&answer), None);
    assert!(answer.message.contains("the certificate of key sha256:"), "{}", answer.message);
    // The same key's, that is the same signer's.
    let again = pki().certify(&Leaf { serial: "again".to_owned(), ..leaf() });
    accepted(&one(&settings, |p| bare(&again, p)));
}

#[test]
fn rule_15_a_pinned_certificate_must_be_valid_at_the_hosts_clock() {
    let leaf = leaf();
    let by = pki().certify(&leaf);
    let settings = unlogged(json!({"cert": by.pem()}));
    for now in [leaf.not_before, leaf.not_after] {
        accepted(&at(now, &settings, |p| bare(&by, p)));
    }
    refused(
        &at(leaf.not_after + 1, &settings, |p| bare(&by, p)),
        EvidenceError::ExpiredNow { not_after: time(leaf.not_after) },
    );
    refused(
        &at(leaf.not_before - 1, &settings, |p| bare(&by, p)),
        EvidenceError::NotYetValidNow { not_before: time(leaf.not_before) },
    );
    // An entry that is attached and not asked for proves nothing.
    let answer = at(leaf.not_after + 1, &settings, |p| pki().sign_as(&by, p, LOGGED));
    refused(&answer, EvidenceError::ExpiredNow { not_after: time(leaf.not_after) });
}

/// A log entry proves that it was signed while the certificates were valid, all of them.
#[test]
fn with_a_log_entry_the_certificates_must_be_valid_when_it_was_logged() {
    let leaf = leaf();
    let by = pki().certify(&leaf);
    let later = leaf.not_after + 300 * DAY;
    for fields in [
        json!({"cert": by.pem()}),
        json!({"cert": by.pem(), "certChain": by.chain_pem()}),
        json!({"certChain": pki().fulcio.root.pem()}),
    ] {
        let settings = logged(fields);
        let answer = at(later, &settings, |p| pki().sign_as(&by, p, LOGGED));
        accepted(&answer);
        assert_eq!(proven(&answer), Some(time(LOGGED)));
        for logged in [leaf.not_before, leaf.not_after] {
            accepted(&at(later, &settings, |p| pki().sign_as(&by, p, logged)));
        }
        refused(&at(later, &settings, |p| bare(&by, p)), EvidenceError::NoLogEntry);
        let late = leaf.not_after + 1;
        refused(
            &at(later, &settings, |p| pki().sign_as(&by, p, late)),
            EvidenceError::Expired { not_after: time(leaf.not_after), at: time(late) },
        );
        // The clock of the log, before the certificate's beginning; the authority is older.
        let young = Leaf { not_before: LOGGED + 1, key: leaf.key.clone(), ..leaf.clone() };
        let young = pki().certify(&young);
        let fields = json!({"cert": young.pem()});
        refused(
            &at(later, &logged(fields), |p| pki().sign_as(&young, p, LOGGED)),
            EvidenceError::NotYetValid { not_before: time(LOGGED + 1), at: time(LOGGED) },
        );
    }
}

/// The holder of a certificate that is known may have logged it or its key.
#[test]
fn an_entry_is_of_the_pinned_certificate_or_its_key() {
    let by = pki().certify(&leaf());
    let again = pki().certify(&Leaf { serial: "again".to_owned(), ..leaf() });
    let pinned = logged(json!({"cert": by.pem()}));
    let chained = logged(json!({"certChain": pki().fulcio.root.pem()}));
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
        let signed = bare(by, p);
        Signed { entry: Some(pki().log(&signed, &pem, LOGGED)), ..signed }
    }
}

fn logged_as_other<'a>(by: &'a Identity, pem: &'a str) -> impl Fn(&str) -> Signed + 'a {
    move |p| {
        let signed = bare(by, p);
        Signed { entry: Some(pki().log(&signed, pem, LOGGED)), ..signed }
    }
}

#[test]
fn a_timestamp_proves_the_time_where_its_authority_is_named() {
    let leaf = leaf();
    let by = pki().certify(&leaf);
    let mut fields = json!({"cert": by.pem(), "ctlog": {"tsaCertChain": pki().tsa.chain_pem()}});
    let settings = unlogged(fields.clone());
    let later = leaf.not_after + 300 * DAY;
    let stamped = |of: &Sigstore, seconds: i64| {
        let tsa = of.tsa.clone();
        let by = by.clone();
        move |p: &str| {
            let signed = bare(&by, p);
            Signed { timestamp: Some(tsa.stamp(&signed.signature, seconds)), ..signed }
        }
    };
    let answer = at(later, &settings, stamped(&pki(), LOGGED));
    accepted(&answer);
    assert_eq!(proven(&answer), Some(time(LOGGED)));
    let expired = |at| EvidenceError::Expired { not_after: time(leaf.not_after), at: time(at) };
    refused(&at(later, &settings, stamped(&pki(), leaf.not_after + 1)), expired(leaf.not_after + 1));
    refused(&at(later, &settings, |p| bare(&by, p)), EvidenceError::NoTimestamp);
    let other = Sigstore::new("other", BEGINNING);
    refused(&at(later, &settings, stamped(&other, LOGGED)), EvidenceError::UnknownTimestampAuthority);
    let of_another =
        |p: &str| Signed { timestamp: Some(pki().tsa.stamp(b"another", LOGGED)), ..bare(&by, p) };
    refused(&at(later, &settings, of_another), EvidenceError::OtherTimestamp);
    // Both: neither stands for the other, and the certificate must be valid at both times.
    fields["rekor"] = json!({});
    let both = logged(fields);
    let sign = |logged: i64, stamp: i64| {
        let by = by.clone();
        move |p: &str| {
            let signed = pki().sign_as(&by, p, logged);
            Signed { timestamp: Some(pki().tsa.stamp(&signed.signature, stamp)), ..signed }
        }
    };
    accepted(&at(later, &both, sign(LOGGED, LOGGED + 9)));
    refused(&at(later, &both, stamped(&pki(), LOGGED)), EvidenceError::NoLogEntry);
    refused(&at(later, &both, |p| pki().sign_as(&by, p, LOGGED)), EvidenceError::NoTimestamp);
    refused(&at(later, &both, sign(leaf.not_after + 1, LOGGED)), expired(leaf.not_after + 1));
    refused(&at(later, &both, sign(LOGGED, leaf.not_after + 1)), expired(leaf.not_after + 1));
}

/// Where the certificates above the signer's stand does not matter, but that the last of them is in the settings.
#[test]
fn the_chain_is_in_the_settings_or_in_the_layer_and_ends_in_the_settings() {
    let by = pki().certify(&leaf());
    let (root, intermediate) = (pki().fulcio.root.pem(), pki().fulcio.issuer().pem());
    let whole = format!("{intermediate}{root}");
    let backwards = format!("{root}{intermediate}");
    let with_leaf = format!("{}{whole}", by.pem());
    for chain in [&root, &whole, &backwards, &with_leaf, &intermediate] {
        accepted(&one(&unlogged(json!({"certChain": chain})), |p| bare(&by, p)));
    }
    let without_chain = |p: &str| Signed { chain: None, ..bare(&by, p) };
    for chain in [&whole, &backwards, &with_leaf, &intermediate] {
        accepted(&one(&unlogged(json!({"certChain": chain})), without_chain));
        accepted(&one(&unlogged(json!({"cert": by.pem(), "certChain": chain})), without_chain));
    }
    // The intermediate is nowhere; or only in the layer, where the signer's certificate is pinned and nothing of the
    // layer's counts.
    refused(&one(&unlogged(json!({"certChain": root})), without_chain), EvidenceError::OtherChain);
    let pinned = unlogged(json!({"cert": by.pem(), "certChain": root}));
    refused(&one(&pinned, |p| bare(&by, p)), EvidenceError::OtherChain);
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

/// What comes with a signature is nobody to end a path at.
#[test]
fn another_root_certifies_nobody() {
    let other = Sigstore::new("other", BEGINNING).certify(&leaf());
    let mut forged = pki();
    forged.fulcio = Fulcio::new("acme", "evil", BEGINNING);
    let same_name = forged.certify(&leaf());
    for chain in [pki().fulcio.root.pem(), pki().fulcio.chain_pem()] {
        let settings = unlogged(json!({"certChain": chain}));
        refused(&one(&settings, |p| bare(&other, p)), EvidenceError::OtherChain);
        refused(&one(&settings, |p| bare(&same_name, p)), EvidenceError::OtherChain);
        accepted(&one(&settings, |p| bare(&pki().certify(&leaf()), p)));
    }
    // A pinned certificate and the chain of another.
    let settings = unlogged(json!({"cert": other.pem(), "certChain": pki().fulcio.chain_pem()}));
    refused(&one(&settings, |p| bare(&other, p)), EvidenceError::OtherChain);
}

/// Rule 15: all of the chain, at the time that is proven, or at the host's clock.
#[test]
fn rule_15_every_certificate_above_must_be_valid_too() {
    let end = BEGINNING + 400 * DAY;
    let ends = |c: &mut Certificate| c.not_after = end;
    let begins = |c: &mut Certificate| c.not_before = BEGINNING + 20 * DAY;
    for (pki, is_root) in [(with_root(ends), true), (with_intermediate(ends), false)] {
        let by = pki.certify(&leaf());
        for chain in [pki.fulcio.root.pem(), pki.fulcio.chain_pem()] {
            let settings = unlogged(json!({"certChain": chain}));
            accepted(&at(end, &settings, |p| bare(&by, p)));
            refused(&at(end + 1, &settings, |p| bare(&by, p)), EvidenceError::ChainWindow(time(end + 1)));
            let settings = logged(json!({"certChain": chain}));
            accepted(&at(end + 99, &settings, |p| pki.sign_as(&by, p, end)));
            let answer = at(end + 99, &settings, |p| pki.sign_as(&by, p, end + 1));
            refused(&answer, EvidenceError::ChainWindow(time(end + 1)));
        }
        // Somebody else's certificate is not excused by that.
        let other = Sigstore::new("other", BEGINNING).certify(&leaf());
        let settings = unlogged(json!({"certChain": pki.fulcio.root.pem()}));
        let answer = at(end + 1, &settings, |p| bare(&other, p));
        refused(&answer, EvidenceError::OtherChain);
        assert!(is_root || by.chain.len() == 2);
    }
    for pki in [with_root(begins), with_intermediate(begins)] {
        let by = pki.certify(&leaf());
        let settings = logged(json!({"certChain": pki.fulcio.root.pem()}));
        accepted(&one(&settings, |p| pki.sign_as(&by, p, BEGINNING + 20 * DAY)));
        let before = BEGINNING + 20 * DAY - 1;
        refused(&one(&settings, |p| pki.sign_as(&by, p, before)), EvidenceError::ChainWindow(time(before)));
    }
}

/// As openssl and Go have it: usage that is not restricted is any.
#[test]
fn a_certificate_for_something_else_signs_nothing() {
    let chained = |pki: &Sigstore| unlogged(json!({"certChain": pki.fulcio.root.pem()}));
    let signed = |pki: &Sigstore, leaf: Leaf| {
        let by = pki.certify(&leaf);
        one(&chained(pki), move |p| bare(&by, p))
    };
    accepted(&signed(&pki(), leaf()));
    accepted(&signed(&pki(), Leaf { usages: Vec::new(), ..leaf() }));
    accepted(&signed(&pki(), Leaf { usages: vec![SERVER_AUTH, CODE_SIGNING], ..leaf() }));
    let for_servers = Leaf { usages: vec![SERVER_AUTH], ..leaf() };
    refused(&signed(&pki(), for_servers.clone()), EvidenceError::NotForCodeSigning);
    let by = pki().certify(&for_servers);
    let settings = unlogged(json!({"cert": by.pem(), "certChain": pki().fulcio.chain_pem()}));
    refused(&one(&settings, |p| bare(&by, p)), EvidenceError::NotForCodeSigning);
    // Who pins a certificate alone trusts its key.
    accepted(&one(&unlogged(json!({"cert": by.pem()})), |p| bare(&by, p)));
    // An authority for servers certifies no signer of code.
    let servers = with_intermediate(|c| {
        set(c, EXTENDED_KEY_USAGE, Some(extended_key_usage(&[SERVER_AUTH], false).value));
    });
    refused(&signed(&servers, leaf()), EvidenceError::NotForCodeSigning);
    accepted(&signed(&with_intermediate(|c| set(c, EXTENDED_KEY_USAGE, None)), leaf()));
}

/// Only who was made an authority is one (RFC 5280 sections 4.2.1.3 and 4.2.1.9).
#[test]
fn only_an_authority_issues_certificates() {
    let no_authority = sequence(&[]);
    let signature_only = vec![3, 2, 7, 0x80];
    let cases: [(&str, Option<Vec<u8>>); 4] = [
        (BASIC_CONSTRAINTS, Some(no_authority)),
        (BASIC_CONSTRAINTS, None),
        (KEY_USAGE, Some(signature_only)),
        (KEY_USAGE, Some(b"junk".to_vec())),
    ];
    for (oid, value) in cases {
        for pki in
            [with_intermediate(|c| set(c, oid, value.clone())), with_root(|c| set(c, oid, value.clone()))]
        {
            let by = pki.certify(&leaf());
            for chain in [pki.fulcio.root.pem(), pki.fulcio.chain_pem()] {
                let answer = one(&unlogged(json!({"certChain": chain})), |p| bare(&by, p));
                refused(&answer, EvidenceError::OtherChain);
            }
        }
    }
    // Usage that is not restricted is any.
    for pki in [with_intermediate(|c| set(c, KEY_USAGE, None)), with_root(|c| set(c, KEY_USAGE, None))] {
        let by = pki.certify(&leaf());
        accepted(&one(&unlogged(json!({"certChain": pki.fulcio.root.pem()})), |p| bare(&by, p)));
    }
    // A signer is no authority, even if the settings name nothing else.
    let mut below = pki();
    let signer = pki().certify(&leaf());
    below.fulcio.root = Authority {
        key: signer.key.clone(),
        der: signer.der.clone(),
        certificate: Certificate { subject: sequence(&[]), ..pki().fulcio.issuer().certificate.clone() },
    };
    below.fulcio.intermediate = None;
    let forged =
        below.certify(&Leaf { key: TypedKey::p256("forged"), serial: "forged".to_owned(), ..leaf() });
    for chain in [signer.pem(), format!("{}{}", signer.pem(), pki().fulcio.chain_pem())] {
        let settings = unlogged(json!({"certChain": chain}));
        refused(&one(&settings, |p| bare(&forged, p)), EvidenceError::OtherChain);
        accepted(&one(&settings, |p| bare(&signer, p)));
    }
}

#[test]
fn a_path_is_no_longer_than_its_authorities_allow() {
    let constraints = |below: Option<u8>| {
        let below = below.map(|below| integer(&[below])).unwrap_or_default();
        Some(sequence(&[&TRUE, &below]))
    };
    let length = |root: Option<u8>, intermediate: Option<u8>| {
        let mut pki = with_root(|c| set(c, BASIC_CONSTRAINTS, constraints(root)));
        let first = changed(pki.fulcio.issuer(), &pki.fulcio.root.key, |c| {
            set(c, BASIC_CONSTRAINTS, constraints(intermediate));
        });
        // One below the intermediate.
        let key = TypedKey::p384("acme second");
        let second = first.intermediate("acme second", key, (BEGINNING, BEGINNING + TEN_YEARS), CODE_SIGNING);
        pki.fulcio.intermediate = Some(second);
        let mut by = pki.certify(&leaf());
        by.chain.insert(1, first.der);
        one(&unlogged(json!({"certChain": pki.fulcio.root.pem()})), move |p| bare(&by, p))
    };
    accepted(&length(None, None));
    accepted(&length(Some(2), Some(1)));
    refused(&length(Some(1), Some(1)), EvidenceError::OtherChain);
    refused(&length(Some(0), None), EvidenceError::OtherChain);
    refused(&length(Some(2), Some(0)), EvidenceError::OtherChain);
}

/// As `openssl req -x509` makes one: an authority, unless it is told otherwise.
#[test]
fn a_certificate_that_vouches_for_itself() {
    let key = TypedKey::p256("alone");
    let root = Authority::root("alone", key.clone(), (BEGINNING, BEGINNING + 400 * DAY));
    let by = Identity { key, der: root.der.clone(), chain: Vec::new() };
    let pem = root.pem();
    for fields in [json!({"cert": pem}), json!({"cert": pem, "certChain": pem}), json!({"certChain": pem})] {
        let settings = unlogged(fields);
        accepted(&one(&settings, |p| bare(&by, p)));
        refused(
            &at(BEGINNING + 400 * DAY + 1, &settings, |p| bare(&by, p)),
            EvidenceError::ExpiredNow { not_after: time(BEGINNING + 400 * DAY) },
        );
        let other = TypedKey::p256("other");
        assert!(!one(&settings, |p| Signed::by_key(&other, p)).accepted);
    }
    let servers = changed(&root, &by.key, |c| c.extensions.push(extended_key_usage(&[SERVER_AUTH], false)));
    let by = Identity { der: servers.der.clone(), ..by };
    let settings = unlogged(json!({"certChain": servers.pem()}));
    refused(&one(&settings, |p| bare(&by, p)), EvidenceError::NotForCodeSigning);
    // Its twin that the settings do not name.
    let settings = unlogged(json!({"certChain": pem}));
    refused(&one(&settings, |p| bare(&by, p)), EvidenceError::OtherChain);
}

/// The year 9999 stands for no end at all (RFC 5280 section 4.1.2.5).
#[test]
fn a_certificate_without_an_end() {
    let pki = with_root(|c| c.not_after = 253_402_300_799);
    let by = pki.certify(&Leaf { not_after: 253_402_300_799, ..leaf() });
    accepted(&one(&unlogged(json!({"certChain": pki.fulcio.root.pem()})), |p| bare(&by, p)));
    accepted(&one(&unlogged(json!({"cert": by.pem()})), |p| bare(&by, p)));
}

#[test]
fn what_is_revoked_counts_for_nothing() {
    let by = pki().certify(&leaf());
    for fields in [json!({"cert": by.pem()}), json!({"certChain": pki().fulcio.root.pem()})] {
        let mut settings = unlogged(fields);
        settings["revoked"] = json!({"keys": [TypedKey::p256("other").pem()]});
        accepted(&one(&settings, |p| bare(&by, p)));
        settings["revoked"] = json!({"keys": [by.key.pem()]});
        let answer = one(&settings, |p| bare(&by, p));
        assert_eq!(because(&answer), Some(SignatureError::Revoked("key")));
    }
}

/// Rule 5: a key is one signer, whether it is named by itself, by its certificate, or certified by somebody named.
#[test]
fn rule_05_a_key_counts_once_however_it_is_named() {
    let by = pki().certify(&leaf());
    let again = pki().certify(&Leaf { serial: "again".to_owned(), ..leaf() });
    let other = pki().certify(&Leaf { key: TypedKey::p256("other"), serial: "other".to_owned(), ..leaf() });
    let key = json!({"keys": {"publicKeys": by.key.pem(), "rekor": {"ignoreTlog": true}}});
    let cert = entry(json!({"cert": by.pem()}));
    let chain = entry(json!({"certChain": pki().fulcio.root.pem()}));
    let sign = |entries: Value, by: &[&Identity]| {
        decide_on(&wanting(&pki(), &entries), |p| by.iter().map(|by| bare(by, p)).collect())
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
        let by = pki().certify(&Leaf { key, ..leaf() });
        for fields in [json!({"cert": by.pem()}), json!({"certChain": pki().fulcio.root.pem()})] {
            for settings in [unlogged(fields.clone()), logged(fields)] {
                let answer = one(&settings, |p| pki().sign_as(&by, p, LOGGED));
                assert!(answer.accepted, "{name}: {}", answer.message);
                let forged = pki().sign_as(&by, "", LOGGED);
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
    let by = pki().certify(&leaf());
    let settings = unlogged(json!({"certChain": pki().fulcio.root.pem()}));
    let certificate = EvidenceError::Certificate;
    let unwrapped = |pem: &str| pem.replace('\n', "").replace("CERTIFICATE-----M", "CERTIFICATE-----\nM");
    let good = [
        by.pem().replace('\n', "\r\n"),
        format!("\n  {}\n\n", by.pem().replace('\n', "\n  ")),
        unwrapped(&by.pem()),
        // The first is the signer's, as in cosign.
        format!("{}{}", by.pem(), pki().fulcio.root.pem()),
    ];
    for pem in good {
        accepted(&one(&settings, |p| Signed { certificate: Some(pem.clone()), ..bare(&by, p) }));
    }
    let twin = |pem: String, error| {
        let bad = |p: &str| Signed { certificate: Some(pem.clone()), ..bare(&by, p) };
        refused(&one(&settings, bad), error);
        accepted(&decide_on(&settings, |p| vec![bad(p), bare(&by, p)]));
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
        pki().certify(&Leaf { extensions: vec![extension(0), extension(1)], ..leaf() })
    };
    twin(twice("1.2.3.4").pem(), certificate(CertificateError::RepeatedExtension("1.2.3.4".to_owned())));

    // Sets of many values, which are sorted: in a name, and in a name within an extension.
    let named = |values: u32| {
        let part = |n: u32| set_value(n);
        let name = sequence(&[&der(0x31, &(0..values).rev().flat_map(part).collect::<Vec<u8>>())]);
        let san = sequence(&[&context(4, &name)]);
        let mut certificate = pki().fulcio.issuer().certificate.clone();
        certificate.spki = by.key.spki();
        let in_subject = Certificate { subject: name.clone(), ..certificate.clone() };
        certificate.extensions.push(Extension::new("2.5.29.17", false, san));
        [in_subject, certificate].map(|certificate| pem_of(&certificate.signed(&pki().fulcio.root.key)))
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
        one(&settings, move |p| Signed { chain: Some(pem.clone()), ..bare(&pki().certify(&leaf()), p) })
    };
    refused(&chain("junk".to_owned()), certificate(CertificateError::Pem));
    accepted(&chain(pki().fulcio.chain_pem().repeat(3)));
    refused(&chain(pki().fulcio.chain_pem().repeat(4)), EvidenceError::LongChain);
}

/// Kubewarden's dialect: a log entry where it says so.
#[test]
fn the_kubewarden_dialect_has_them_too() {
    let by = pki().certify(&leaf());
    let dialect = |log: bool, chain: Option<String>| {
        let mut item =
            json!({"image": "r.example.com/*", "certificates": [by.pem()], "requireRekorBundle": log});
        if let Some(chain) = chain {
            item["certificateChain"] = json!(chain);
        }
        let root: Value = serde_json::from_str(&pki().trusted_root_json()).unwrap();
        json!({"signatures": [item], "trustRoot": root})
    };
    let whole = pki().fulcio.chain_pem();
    for chain in [None, Some(whole.clone())] {
        accepted(&one(&dialect(false, chain.clone()), |p| bare(&by, p)));
        accepted(&one(&dialect(true, chain.clone()), |p| pki().sign_as(&by, p, LOGGED)));
        refused(&one(&dialect(true, chain), |p| bare(&by, p)), EvidenceError::NoLogEntry);
    }
    let root = dialect(false, Some(pki().fulcio.root.pem()));
    refused(&one(&root, |p| bare(&by, p)), EvidenceError::OtherChain);
    let other = Sigstore::new("other", BEGINNING).fulcio.chain_pem();
    refused(&one(&dialect(false, Some(other)), |p| bare(&by, p)), EvidenceError::OtherChain);
    // All of several must have signed.
    let second = pki().certify(&Leaf { key: TypedKey::p256("other"), serial: "other".to_owned(), ..leaf() });
    let mut both = dialect(false, Some(whole));
    both["signatures"][0]["certificates"] = json!([by.pem(), second.pem()]);
    assert!(!one(&both, |p| bare(&by, p)).accepted);
    accepted(&decide_on(&both, |p| vec![bare(&by, p), bare(&second, p)]));
}
