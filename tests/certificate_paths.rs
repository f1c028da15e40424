//! Certificates of one's own public-key infrastructure: what leads from a signer's to an authority that the settings
//! name. Each accept has twins that are broken in one place and refused for that reason.

#![expect(clippy::indexing_slicing, reason = "the tests' own values")]

use serde_json::{Value, json};
use sigwarden::verify::EvidenceError;
use sigwarden_testkit::TypedKey;
use sigwarden_testkit::people::{certified, own_leaf};
use sigwarden_testkit::proofs::{BEGINNING, acme, one, one_at, refused, time, wanting};
use sigwarden_testkit::run::accepted;
use sigwarden_testkit::sigstore::certificate::{
    Authority, CODE_SIGNING, Certificate, Extension, SERVER_AUTH, extended_key_usage,
};
use sigwarden_testkit::sigstore::der::{TRUE, integer, sequence};
use sigwarden_testkit::sigstore::layer::Signed;
use sigwarden_testkit::sigstore::leaf::{Identity, Leaf};
use sigwarden_testkit::sigstore::{Fulcio, Sigstore};

const DAY: i64 = 86_400;
const TEN_YEARS: i64 = 3650 * DAY;

/// A rule of some certificates, without a log.
fn unlogged(mut fields: Value) -> Value {
    fields["rekor"] = json!({"ignoreTlog": true});
    logged(fields)
}

fn logged(fields: Value) -> Value {
    wanting(&acme(), &json!([{"certificates": fields}]))
}

/// An authority of Acme whose certificate is changed before its issuer signs it.
fn changed(authority: &Authority, issuer: &TypedKey, change: impl FnOnce(&mut Certificate)) -> Authority {
    let mut authority = authority.clone();
    change(&mut authority.certificate);
    authority.der = authority.certificate.signed(issuer);
    authority
}

fn with_intermediate(change: impl FnOnce(&mut Certificate)) -> Sigstore {
    let mut pki = acme();
    let intermediate = changed(pki.fulcio.issuer(), &pki.fulcio.root.key, change);
    pki.fulcio.intermediate = Some(intermediate);
    pki
}

fn with_root(change: impl FnOnce(&mut Certificate)) -> Sigstore {
    let mut pki = acme();
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

/// What comes with a signature is nobody to end a path at.
#[test]
fn another_root_certifies_nobody() {
    let other = Sigstore::new("other", BEGINNING).certify(&own_leaf(BEGINNING));
    let mut forged = acme();
    forged.fulcio = Fulcio::new("acme", "evil", BEGINNING);
    let same_name = forged.certify(&own_leaf(BEGINNING));
    for chain in [acme().fulcio.root.pem(), acme().fulcio.chain_pem()] {
        let settings = unlogged(json!({"certChain": chain}));
        refused(&one(&settings, |p| certified(&other, p)), EvidenceError::OtherChain);
        refused(&one(&settings, |p| certified(&same_name, p)), EvidenceError::OtherChain);
        accepted(&one(&settings, |p| certified(&acme().certify(&own_leaf(BEGINNING)), p)));
    }
    // A pinned certificate and the chain of another.
    let settings = unlogged(json!({"cert": other.pem(), "certChain": acme().fulcio.chain_pem()}));
    refused(&one(&settings, |p| certified(&other, p)), EvidenceError::OtherChain);
}

/// Rule 15: all of the chain, at the time that is proven, or at the host's clock.
#[test]
fn rule_15_every_certificate_above_must_be_valid_too() {
    let end = BEGINNING + 400 * DAY;
    let ends = |c: &mut Certificate| c.not_after = end;
    let begins = |c: &mut Certificate| c.not_before = BEGINNING + 20 * DAY;
    for (pki, is_root) in [(with_root(ends), true), (with_intermediate(ends), false)] {
        let by = pki.certify(&own_leaf(BEGINNING));
        for chain in [pki.fulcio.root.pem(), pki.fulcio.chain_pem()] {
            let settings = unlogged(json!({"certChain": chain}));
            accepted(&one_at(end, &settings, |p| certified(&by, p)));
            refused(
                &one_at(end + 1, &settings, |p| certified(&by, p)),
                EvidenceError::ChainWindow(time(end + 1)),
            );
            let settings = logged(json!({"certChain": chain}));
            accepted(&one_at(end + 99, &settings, |p| pki.sign_as(&by, p, end)));
            let answer = one_at(end + 99, &settings, |p| pki.sign_as(&by, p, end + 1));
            refused(&answer, EvidenceError::ChainWindow(time(end + 1)));
        }
        // Somebody else's certificate is not excused by that.
        let other = Sigstore::new("other", BEGINNING).certify(&own_leaf(BEGINNING));
        let settings = unlogged(json!({"certChain": pki.fulcio.root.pem()}));
        let answer = one_at(end + 1, &settings, |p| certified(&other, p));
        refused(&answer, EvidenceError::OtherChain);
        assert!(is_root || by.chain.len() == 2);
    }
    for pki in [with_root(begins), with_intermediate(begins)] {
        let by = pki.certify(&own_leaf(BEGINNING));
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
        one(&chained(pki), move |p| certified(&by, p))
    };
    accepted(&signed(&acme(), own_leaf(BEGINNING)));
    accepted(&signed(&acme(), Leaf { usages: Vec::new(), ..own_leaf(BEGINNING) }));
    accepted(&signed(&acme(), Leaf { usages: vec![SERVER_AUTH, CODE_SIGNING], ..own_leaf(BEGINNING) }));
    let for_servers = Leaf { usages: vec![SERVER_AUTH], ..own_leaf(BEGINNING) };
    refused(&signed(&acme(), for_servers.clone()), EvidenceError::NotForCodeSigning);
    let by = acme().certify(&for_servers);
    let settings = unlogged(json!({"cert": by.pem(), "certChain": acme().fulcio.chain_pem()}));
    refused(&one(&settings, |p| certified(&by, p)), EvidenceError::NotForCodeSigning);
    // Who pins a certificate alone trusts its key.
    accepted(&one(&unlogged(json!({"cert": by.pem()})), |p| certified(&by, p)));
    // An authority for servers certifies no signer of code.
    let servers = with_intermediate(|c| {
        set(c, EXTENDED_KEY_USAGE, Some(extended_key_usage(&[SERVER_AUTH], false).value));
    });
    refused(&signed(&servers, own_leaf(BEGINNING)), EvidenceError::NotForCodeSigning);
    accepted(&signed(&with_intermediate(|c| set(c, EXTENDED_KEY_USAGE, None)), own_leaf(BEGINNING)));
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
            let by = pki.certify(&own_leaf(BEGINNING));
            for chain in [pki.fulcio.root.pem(), pki.fulcio.chain_pem()] {
                let answer = one(&unlogged(json!({"certChain": chain})), |p| certified(&by, p));
                refused(&answer, EvidenceError::OtherChain);
            }
        }
    }
    // Usage that is not restricted is any.
    for pki in [with_intermediate(|c| set(c, KEY_USAGE, None)), with_root(|c| set(c, KEY_USAGE, None))] {
        let by = pki.certify(&own_leaf(BEGINNING));
        accepted(&one(&unlogged(json!({"certChain": pki.fulcio.root.pem()})), |p| certified(&by, p)));
    }
    // A signer is no authority, even if the settings name nothing else.
    let mut below = acme();
    let signer = acme().certify(&own_leaf(BEGINNING));
    below.fulcio.root = Authority {
        key: signer.key.clone(),
        der: signer.der.clone(),
        certificate: Certificate { subject: sequence(&[]), ..acme().fulcio.issuer().certificate.clone() },
    };
    below.fulcio.intermediate = None;
    let forged = below.certify(&Leaf {
        key: TypedKey::p256("forged"),
        serial: "forged".to_owned(),
        ..own_leaf(BEGINNING)
    });
    for chain in [signer.pem(), format!("{}{}", signer.pem(), acme().fulcio.chain_pem())] {
        let settings = unlogged(json!({"certChain": chain}));
        refused(&one(&settings, |p| certified(&forged, p)), EvidenceError::OtherChain);
        accepted(&one(&settings, |p| certified(&signer, p)));
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
        let mut by = pki.certify(&own_leaf(BEGINNING));
        by.chain.insert(1, first.der);
        one(&unlogged(json!({"certChain": pki.fulcio.root.pem()})), move |p| certified(&by, p))
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
        accepted(&one(&settings, |p| certified(&by, p)));
        refused(
            &one_at(BEGINNING + 400 * DAY + 1, &settings, |p| certified(&by, p)),
            EvidenceError::ExpiredNow { not_after: time(BEGINNING + 400 * DAY) },
        );
        let other = TypedKey::p256("other");
        assert!(!one(&settings, |p| Signed::by_key(&other, p)).accepted);
    }
    let servers = changed(&root, &by.key, |c| c.extensions.push(extended_key_usage(&[SERVER_AUTH], false)));
    let by = Identity { der: servers.der.clone(), ..by };
    let settings = unlogged(json!({"certChain": servers.pem()}));
    refused(&one(&settings, |p| certified(&by, p)), EvidenceError::NotForCodeSigning);
    // Its twin that the settings do not name.
    let settings = unlogged(json!({"certChain": pem}));
    refused(&one(&settings, |p| certified(&by, p)), EvidenceError::OtherChain);
}

/// The year 9999 stands for no end at all (RFC 5280 section 4.1.2.5).
#[test]
fn a_certificate_without_an_end() {
    let pki = with_root(|c| c.not_after = 253_402_300_799);
    let by = pki.certify(&Leaf { not_after: 253_402_300_799, ..own_leaf(BEGINNING) });
    accepted(&one(&unlogged(json!({"certChain": pki.fulcio.root.pem()})), |p| certified(&by, p)));
    accepted(&one(&unlogged(json!({"cert": by.pem()})), |p| certified(&by, p)));
}
