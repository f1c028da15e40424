//! Trust roots, logs and authorities in the settings: what is accepted gives exactly the terms that are written, what is
//! refused is refused at its path, for its problem, in these words.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]

use serde_json::{Value, json};
use sigwarden::limits::{MAX_IDENTITY_CHARS, MAX_TRUST_ROOT_BYTES};
use sigwarden::settings::{Found, Problem, Settings};
use sigwarden::verdict::settings_response;
use sigwarden::verify::{
    CertificateError, EvidenceTerms, KeyError, OwnTrust, TrustRoot, TrustRootError, certificates,
};
use sigwarden_testkit::people::{self, HOLDER, PRIVATE, PUBLIC};
use sigwarden_testkit::reading::{
    ENTRY, IDENTITY, Wanted, accepted, by_key, evidence, found, identity, keyless, notes, refused, with,
    with_entries,
};
use sigwarden_testkit::{Key, TypedKey};

/// The built-in trust root, with parts of it replaced.
fn trusting(own: OwnTrust) -> TrustRoot {
    TrustRoot::public_good().with(&own).unwrap()
}

fn ders(pem: &str) -> Vec<Vec<u8>> {
    certificates(pem).unwrap()
}

#[test]
fn the_log_of_an_entry() {
    let key = PRIVATE.rekor.pem();
    let spki = vec![PRIVATE.rekor.key.spki()];
    let rekor = |value: Value| keyless(&with(&identity(), "rekor", value));
    for plain in [json!({}), json!({"url": ""}), json!({"url": "  "}), json!({"ignoreTlog": false})] {
        assert_eq!(evidence(&rekor(plain)), IDENTITY.by(TrustRoot::public_good()));
    }
    let named = || Some("https://rekor.sigstore.dev".to_owned());
    for (value, own) in [
        (json!({"url": "https://rekor.sigstore.dev"}), OwnTrust { log_url: named(), ..OwnTrust::default() }),
        (json!({"url": "https://rekor.sigstore.dev/"}), OwnTrust { log_url: named(), ..OwnTrust::default() }),
        (json!({"pubkey": key}), OwnTrust { log_keys: Some(spki.clone()), ..OwnTrust::default() }),
        (
            json!({"pubkey": key, "url": "https://rekor.example.com"}),
            OwnTrust {
                log_keys: Some(spki.clone()),
                log_url: Some("https://rekor.example.com".to_owned()),
                ..OwnTrust::default()
            },
        ),
    ] {
        assert_eq!(evidence(&rekor(value.clone())), IDENTITY.by(trusting(own)), "{value}");
        assert_eq!(notes(&rekor(value)), [""; 0]);
    }
    let at = format!("{ENTRY}.keyless.rekor");
    for url in [
        "https://rekor.example.com",
        "http://rekor.sigstore.dev",
        "rekor.sigstore.dev",
        "https://rekor.sigstore.dev.example.com",
    ] {
        let settings = rekor(json!({"url": url}));
        let problem = Problem::TrustRoot(TrustRootError::NoSuchLog(url.to_owned()));
        refused(&settings, &format!("{at}.url"), &problem);
        assert_eq!(
            found(&settings).2,
            format!(
                "{at}.url: no transparency log of the trust root has the URL `{url}`; write its key as \
                 `rekor.pubkey`, or its trust root as `trustRoot`"
            )
        );
    }
    let long = "x".repeat(MAX_IDENTITY_CHARS + 1);
    refused(
        &rekor(json!({"url": long})),
        &format!("{at}.url"),
        &Problem::TooLong { limit: MAX_IDENTITY_CHARS },
    );
    refused(
        &rekor(json!({"url": 7})),
        &format!("{at}.url"),
        &Problem::Type { found: Found::Number, expected: "a text" },
    );
    let ed25519 = TypedKey::ed25519("rekor v2").pem();
    refused(
        &rekor(json!({"pubkey": ed25519})),
        &format!("{at}.pubkey"),
        &Problem::TrustRoot(TrustRootError::NamelessLog),
    );
    assert_eq!(
        found(&rekor(json!({"pubkey": ed25519}))).2,
        format!(
            "{at}.pubkey: an Ed25519 key is a Rekor v2 log's, whose name is needed too; write its trust root as \
             `trustRoot`"
        )
    );
    for (text, problem) in [
        ("x".to_owned(), KeyError::NoPem),
        (Key::new("a").private_pem(), KeyError::PrivateKey),
        (HOLDER.pem(), KeyError::Certificate),
    ] {
        refused(&rekor(json!({"pubkey": text})), &format!("{at}.pubkey"), &Problem::Key(problem.clone()));
        let ctlog = keyless(&with(&identity(), "ctlog", json!({"pubkey": text})));
        refused(&ctlog, &format!("{ENTRY}.keyless.ctlog.pubkey"), &Problem::Key(problem));
    }
}

#[test]
fn authorities_and_logs_of_an_entry_replace_those_of_the_root() {
    let ct = PRIVATE.ctlog.pem();
    let roots = PRIVATE.fulcio.chain_pem();
    let chain = PRIVATE.tsa.chain_pem();
    let ctlog = |value: Value| keyless(&with(&identity(), "ctlog", value));
    assert_eq!(evidence(&ctlog(json!({}))), IDENTITY.by(TrustRoot::public_good()));
    let own = OwnTrust { ct_keys: Some(vec![PRIVATE.ctlog.key.spki()]), ..OwnTrust::default() };
    assert_eq!(evidence(&ctlog(json!({"pubkey": ct}))), IDENTITY.by(trusting(own)));
    let own = OwnTrust { timestamp_chain: Some(ders(&chain)), ..OwnTrust::default() };
    assert_eq!(evidence(&ctlog(json!({"tsaCertChain": chain}))), IDENTITY.by(trusting(own)));
    let own = OwnTrust { roots: Some(ders(&roots)), ..OwnTrust::default() };
    assert_eq!(evidence(&keyless(&with(&identity(), "roots", json!(roots)))), IDENTITY.by(trusting(own)));
    // A key of a log that is not asked.
    assert_eq!(
        notes(&ctlog(json!({"ignoreSCT": true, "pubkey": ct}))),
        [format!(
            "{ENTRY}.keyless.ctlog.pubkey: has no effect; no signed certificate timestamp is asked for"
        )]
    );
    assert!(!evidence(&ctlog(json!({"ignoreSCT": true}))).sct);
}

#[test]
fn keys_need_a_log_entry_unless_that_is_switched_off() {
    let at = format!("{ENTRY}.keys");
    let required = Wanted { log: true, timestamp: false, sct: false };
    assert_eq!(evidence(&by_key("rekor", json!({}))), required.by(TrustRoot::public_good()));
    let spki = vec![PRIVATE.rekor.key.spki()];
    let own = OwnTrust { log_keys: Some(spki), ..OwnTrust::default() };
    let pubkey = json!({"pubkey": PRIVATE.rekor.pem()});
    assert_eq!(evidence(&by_key("rekor", pubkey)), required.by(trusting(own)));
    // Where none is asked for, naming a log has no effect.
    let ignored =
        json!({"ignoreTlog": true, "pubkey": PRIVATE.rekor.pem(), "url": "https://rekor.example.com"});
    let settings = by_key("rekor", ignored);
    assert_eq!(evidence(&settings), EvidenceTerms::default());
    assert_eq!(
        notes(&settings),
        [
            format!("{at}.rekor.pubkey: has no effect; no log entry is asked for"),
            format!("{at}.rekor.url: has no effect; no log entry is asked for"),
        ]
    );
    // An authority that is written must have dated the signature, beside the log and in its place.
    let chain = json!({"tsaCertChain": PRIVATE.tsa.chain_pem()});
    let own = || OwnTrust { timestamp_chain: Some(ders(&PRIVATE.tsa.chain_pem())), ..OwnTrust::default() };
    let mut dated = by_key("ctlog", chain.clone());
    assert_eq!(evidence(&dated), Wanted { timestamp: true, ..required }.by(trusting(own())));
    dated["verifyImages"][0]["attestors"][0]["entries"][0]["keys"]["rekor"] = json!({"ignoreTlog": true});
    assert_eq!(evidence(&dated), Wanted { log: false, timestamp: true, sct: false }.by(trusting(own())));
    // Keys have no certificate that a log would list.
    assert_eq!(
        notes(&by_key("ctlog", json!({"ignoreSCT": true}))),
        [format!(
            "{at}.ctlog.ignoreSCT: has no effect; only certificates of identities are listed in such a log"
        )]
    );
    refused(
        &by_key("ctlog", json!({"tsaCertChain": "x"})),
        &format!("{at}.ctlog.tsaCertChain"),
        &Problem::Certificate(CertificateError::Pem),
    );
    refused(
        &by_key("rekor", json!({"url": "https://rekor.example.com"})),
        &format!("{at}.rekor.url"),
        &Problem::TrustRoot(TrustRootError::NoSuchLog("https://rekor.example.com".to_owned())),
    );
}

#[test]
fn trust_roots_replace_the_one_above() {
    let roots = [people::trust_root(), PRIVATE.trust_root().to_value()];
    let [top, inner] = roots.each_ref().map(TrustRoot::from_json);
    let mut settings = keyless(&identity());
    settings["trustRoot"] = roots[0].clone();
    assert_eq!(evidence(&settings), IDENTITY.by(top.clone()));
    settings["verifyImages"][0]["trustRoot"] = roots[1].clone();
    assert_eq!(evidence(&settings), IDENTITY.by(inner.clone()));
    // Of an entry's own, only that part is replaced.
    let own = OwnTrust { log_url: Some(PRIVATE.rekor.url()), ..OwnTrust::default() };
    settings["verifyImages"][0]["attestors"][0]["entries"][0]["keyless"]["rekor"] =
        json!({"url": PRIVATE.rekor.url()});
    assert_eq!(evidence(&settings), IDENTITY.by(inner.with(&own).unwrap()));
    // The log of the public one is none of this one's.
    let url = PUBLIC.rekor.url();
    settings["verifyImages"][0]["attestors"][0]["entries"][0]["keyless"]["rekor"] = json!({"url": url});
    refused(
        &settings,
        &format!("{ENTRY}.keyless.rekor.url"),
        &Problem::TrustRoot(TrustRootError::NoSuchLog(url)),
    );

    let mut kubewarden = json!({"signatures": [{"image": "x", "githubActions": {"owner": "acme"}}]});
    assert_eq!(evidence(&kubewarden), IDENTITY.by(TrustRoot::public_good()));
    kubewarden["trustRoot"] = roots[0].clone();
    assert_eq!(evidence(&kubewarden), IDENTITY.by(top));
}

#[test]
fn trust_roots_that_cannot_be_used() {
    let good = people::trust_root();
    let bad = |pointer: &str, value: Value| {
        let mut root = good.clone();
        *root.pointer_mut(pointer).unwrap() = value;
        root
    };
    let empty = json!({"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1", "tlogs": [],
        "certificateAuthorities": [], "ctlogs": [], "timestampAuthorities": []});
    let kubewarden = json!({"signatures": [{"image": "x", "githubActions": {"owner": "acme"}}]});
    let secret = json!({"keys": {"secret": {"name": "a", "namespace": "b"}}});
    // Whoever is wanted, the path is that of the trust root.
    for settings in [keyless(&identity()), by_key("rekor", json!({})), with_entries(&[secret]), kubewarden] {
        let with_root = |root: &Value| with(&settings, "trustRoot", root.clone());
        accepted(&with_root(&good));
        refused(&with_root(&empty), "trustRoot", &Problem::TrustRoot(TrustRootError::Empty));
        assert_eq!(
            found(&with_root(&empty)).2,
            "trustRoot: it names no authority and no log: nothing could be verified with it"
        );
        for root in [json!({}), json!({"tlogs": "x"}), bad("/tlogs/0/publicKey/rawBytes", json!("!"))] {
            let (path, problem, words) = found(&with_root(&root));
            assert_eq!(path, "trustRoot", "{words}");
            assert!(matches!(problem, Problem::TrustRoot(_)), "{problem:?}");
        }
        let (path, problem, _) = found(&with_root(&bad(
            "/certificateAuthorities/0/certChain/certificates/0/rawBytes",
            json!("AAAA"),
        )));
        assert_eq!(
            (path.as_str(), problem),
            ("trustRoot", Problem::TrustRoot(TrustRootError::Certificate(CertificateError::Malformed)))
        );
        for other in [json!("{}"), json!([good.clone()]), json!(7)] {
            let (path, problem, _) = found(&with_root(&other));
            assert_eq!(path, "trustRoot");
            assert!(matches!(problem, Problem::Type { expected: "a mapping", .. }), "{problem:?}");
        }
        refused(
            &with_root(&with(&good, "padding", json!("x".repeat(MAX_TRUST_ROOT_BYTES)))),
            "trustRoot",
            &Problem::TooLong { limit: MAX_TRUST_ROOT_BYTES },
        );
    }
    // Of a rule, too.
    let mut in_rule = keyless(&identity());
    in_rule["verifyImages"][0]["trustRoot"] = empty.clone();
    refused(&in_rule, "verifyImages[0].trustRoot", &Problem::TrustRoot(TrustRootError::Empty));
    in_rule["verifyImages"][0]["name"] = json!("named");
    refused(&in_rule, "verifyImages[0].trustRoot", &Problem::TrustRoot(TrustRootError::Empty));
    // Reading alone leaves it to the evaluation, which denies.
    assert!(Settings::parse(&in_rule).is_ok());
    let error = Settings::from_json(in_rule.to_string().as_bytes()).unwrap_err();
    assert!(!settings_response(Err(&error)).valid);
    // What an entry brings of its own and cannot be used is the entry's.
    let key = TypedKey::p521("log").pem();
    let mut in_secret = by_key("rekor", json!({"pubkey": key}));
    let keys = &mut in_secret["verifyImages"][0]["attestors"][0]["entries"][0]["keys"];
    *keys = with(&with(keys, "publicKeys", Value::Null), "secret", json!({"name": "a", "namespace": "b"}));
    for settings in [by_key("rekor", json!({"pubkey": key})), in_secret] {
        let (path, problem, words) = found(&settings);
        assert_eq!(path, ENTRY, "{words}");
        assert!(matches!(problem, Problem::TrustRoot(TrustRootError::Content(_))), "{problem:?}");
    }
}
