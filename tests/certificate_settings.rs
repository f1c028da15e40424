//! Certificates of one's own in the settings, and signers who are named twice: what is accepted gives exactly the
//! requirement that is written, what is refused is refused at its path, for its problem, in these words.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]

use serde_json::{Value, json};
use sigwarden::limits::{MAX_CERTIFICATE_BYTES, MAX_CERTIFICATES};
use sigwarden::requirement::RequiredIdentity;
use sigwarden::settings::Problem;
use sigwarden::verify::{
    CertificateError, EvidenceTerms, KeyError, OwnCertificates, TrustRoot, certificates,
};
use sigwarden_testkit::forge::pem;
use sigwarden_testkit::people::{HOLDER, OTHER_HOLDER, PRIVATE};
use sigwarden_testkit::reading::{
    ENTRY, Wanted, accepted, evidence, found, identity, keyless, notes, own, refused, signer, with,
    with_entries,
};
use sigwarden_testkit::{Key, TypedKey};

fn ders(pem: &str) -> Vec<Vec<u8>> {
    certificates(pem).unwrap()
}

#[test]
fn own_certificates_are_what_is_written() {
    let (cert, chain) = (HOLDER.pem(), HOLDER.chain_pem());
    let wanted = |leaf: Option<&str>, chain: &str| {
        RequiredIdentity::Certificate(
            OwnCertificates::new(leaf.map(ders), if chain.is_empty() { Vec::new() } else { ders(chain) })
                .unwrap(),
        )
    };
    let log = Wanted { log: true, timestamp: false, sct: false };
    for (written, identity) in [
        (json!({"cert": cert}), wanted(Some(&cert), "")),
        (json!({"certChain": chain}), wanted(None, &chain)),
        (json!({"cert": cert, "certChain": chain}), wanted(Some(&cert), &chain)),
        // As YAML and Windows leave them.
        (
            json!({"cert": cert.lines().map(|line| format!("  {line}\r\n")).collect::<String>()}),
            wanted(Some(&cert), ""),
        ),
    ] {
        let signer = signer(&own(&written));
        assert_eq!(signer.identity, identity, "{written}");
        assert_eq!(signer.terms.evidence, log.by(TrustRoot::public_good()));
    }
    let without = own(&json!({"cert": cert, "rekor": {"ignoreTlog": true}}));
    assert_eq!(evidence(&without), EvidenceTerms::default());
    assert_eq!(
        notes(&own(&json!({"cert": cert, "ctlog": {"ignoreSCT": true, "pubkey": PRIVATE.ctlog.pem()}}))),
        [
            format!(
                "{ENTRY}.certificates.ctlog.ignoreSCT: has no effect; only certificates of identities are listed in such a log"
            ),
            format!(
                "{ENTRY}.certificates.ctlog.pubkey: has no effect; no signed certificate timestamp is asked for"
            ),
        ]
    );
}

#[test]
fn certificates_that_are_none() {
    let at = format!("{ENTRY}.certificates");
    let none = Problem::NoneOf { what: "`certificates`", allowed: ["cert", "certChain"] };
    refused(&own(&json!({})), &at, &none);
    refused(&own(&json!({"rekor": {"ignoreTlog": true}})), &at, &none);
    // The fields of one are none of the other's.
    for (settings, path, what) in [
        (own(&json!({"cert": HOLDER.pem(), "issuer": "x"})), format!("{at}.issuer"), "`certificates`"),
        (own(&json!({"cert": HOLDER.pem(), "roots": "x"})), format!("{at}.roots"), "`certificates`"),
        (
            keyless(&with(&identity(), "cert", json!(HOLDER.pem()))),
            format!("{ENTRY}.keyless.cert"),
            "`keyless`",
        ),
    ] {
        let (found, problem, _) = found(&settings);
        assert_eq!(found, path);
        assert!(matches!(problem, Problem::UnknownField { what: of, .. } if of == what), "{problem:?}");
    }
    let both = json!({"keyless": identity(), "certificates": {"cert": HOLDER.pem()}});
    let allowed = vec!["keys", "keyless", "certificates", "attestor"];
    refused(&with_entries(&[both]), ENTRY, &Problem::NotExactlyOne { found: 2, allowed });

    let good = HOLDER.pem();
    let (begin, rest) = good.split_once('\n').unwrap();
    let certificate = |error| Problem::Certificate(error);
    let mut cut = HOLDER.der.clone();
    cut.pop();
    for (bad, problem) in [
        (String::new(), Problem::Empty),
        ("cert.pem".to_owned(), certificate(CertificateError::Pem)),
        (rest.to_owned(), certificate(CertificateError::Pem)),
        (begin.to_owned(), certificate(CertificateError::Pem)),
        (format!("{begin}\n-----END CERTIFICATE-----"), certificate(CertificateError::Malformed)),
        (format!("{begin}\nAAAA\n-----END CERTIFICATE-----"), certificate(CertificateError::Malformed)),
        (pem("CERTIFICATE", &cut), certificate(CertificateError::Malformed)),
        (pem("CERTIFICATE", &vec![0; MAX_CERTIFICATE_BYTES + 1]), certificate(CertificateError::TooLong)),
        (good.repeat(MAX_CERTIFICATES + 1), certificate(CertificateError::TooMany)),
        (format!("{good}and more"), certificate(CertificateError::Pem)),
        (format!("{good}{}", Key::new("a").pem()), certificate(CertificateError::Pem)),
        (good.replace('M', "!"), certificate(CertificateError::Pem)),
        (Key::new("a").private_pem(), Problem::Key(KeyError::PrivateKey)),
        (format!("{good}{}", Key::new("a").private_pem()), Problem::Key(KeyError::PrivateKey)),
    ] {
        for (settings, path) in [
            (own(&json!({"cert": bad})), format!("{at}.cert")),
            (own(&json!({"certChain": bad})), format!("{at}.certChain")),
            (keyless(&with(&identity(), "roots", json!(bad))), format!("{ENTRY}.keyless.roots")),
            (
                keyless(&with(&identity(), "ctlog", json!({"tsaCertChain": bad}))),
                format!("{ENTRY}.keyless.ctlog.tsaCertChain"),
            ),
        ] {
            let (found, what, words) = found(&settings);
            assert_eq!((found, &what), (path, &problem), "{bad}");
            assert!(!words.contains("MI"), "{words}");
        }
    }
    accepted(&keyless(&with(
        &identity(),
        "roots",
        json!(PRIVATE.fulcio.root.pem().repeat(MAX_CERTIFICATES)),
    )));
    let huge = " ".repeat(2 * MAX_CERTIFICATE_BYTES * MAX_CERTIFICATES) + &good;
    let limit = 2 * MAX_CERTIFICATE_BYTES * MAX_CERTIFICATES;
    refused(&own(&json!({"cert": huge})), &format!("{at}.cert"), &Problem::TooLong { limit });
    // A key that never signs with that hash.
    let mut ed25519 = sigwarden_testkit::people::leaf("a@example.com https://issuer.example.com");
    ed25519.key = TypedKey::ed25519("holder");
    let cert = PRIVATE.certify(&ed25519).pem();
    accepted(&own(&json!({"cert": cert})));
    let entry = json!({"certificates": {"cert": cert}, "signatureAlgorithm": "sha256"});
    let (path, problem, _) = found(&with_entries(&[entry]));
    assert_eq!(path, format!("{ENTRY}.signatureAlgorithm"));
    assert!(matches!(problem, Problem::Hash(_)), "{problem:?}");
}

#[test]
fn rule_05_nobody_is_counted_twice() {
    let somebody = json!({"keyless": {"issuer": "https://issuer.example.com", "subject": "a@example.com"}});
    let staff = json!({"keyless": {"issuer": "https://issuer.example.com", "subject": "*@example.com"}});
    let cert = json!({"certificates": {"cert": HOLDER.pem(), "certChain": HOLDER.chain_pem()}});
    let chain = json!({"certificates": {"certChain": HOLDER.chain_pem()}});
    let key = json!({"keys": {"publicKeys": HOLDER.key.pem(), "rekor": {"ignoreTlog": true}}});
    let alone = json!({"certificates": {"cert": HOLDER.pem()}});
    let other = json!({"certificates": {"cert": OTHER_HOLDER.pem()}});
    let first = || ENTRY.to_owned();
    let second = "verifyImages[0].attestors[0].entries[1]";
    for (a, b) in [(&somebody, &somebody), (&cert, &cert), (&cert, &alone), (&cert, &key), (&key, &cert)] {
        let settings = with_entries(&[a.clone(), b.clone()]);
        refused(&settings, second, &Problem::DuplicateKey { first: first() });
        assert_eq!(
            found(&settings).2,
            format!("{second}: the same signer as {ENTRY}; each signer counts once")
        );
        let nested = with_entries(&[a.clone(), json!({"attestor": {"entries": [b]}})]);
        let path = format!("{second}.attestor.entries[0]");
        refused(&nested, &path, &Problem::DuplicateKey { first: first() });
    }
    // Whoever may be several may be wanted twice: two of them must have signed.
    for several in [&staff, &chain] {
        assert_eq!(
            notes(&with_entries(&[several.clone(), several.clone()])),
            [format!("{second}: the same as {ENTRY}; where both count, two signers must have signed")]
        );
    }
    for (a, b) in [(&somebody, &staff), (&cert, &chain), (&cert, &other), (&key, &other)] {
        assert_eq!(notes(&with_entries(&[a.clone(), b.clone()])), [""; 0]);
    }
    // The same in the other dialect.
    let kubewarden = |kind: &str, items: Value| json!({"signatures": [{"image": "x", kind: items}]});
    let item = json!({"issuer": "https://issuer.example.com", "subject": "a@example.com"});
    refused(
        &kubewarden("keyless", json!([item, item])),
        "signatures[0].keyless[1]",
        &Problem::DuplicateKey { first: "signatures[0].keyless[0]".to_owned() },
    );
    let mut certificates = kubewarden("certificates", json!([HOLDER.pem(), HOLDER.pem()]));
    certificates["signatures"][0]["requireRekorBundle"] = json!(false);
    refused(
        &certificates,
        "signatures[0].certificates[1]",
        &Problem::DuplicateKey { first: "signatures[0].certificates[0]".to_owned() },
    );
}
