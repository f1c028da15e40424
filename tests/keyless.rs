//! Keyless signatures: every accept has a twin that is broken in one place and refused for that reason.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sigwarden::settings::{Problem, Settings};
use sigwarden::verify::{CertificateError, EvidenceError, SignatureError, Signer, TrustRootError};
use sigwarden_testkit::forge::{manifest, payload};
use sigwarden_testkit::objects::pod;
use sigwarden_testkit::proofs::{self, BEGINNING, acme, because, decide_on, evidence, one, proven, time};
use sigwarden_testkit::reading::with;
use sigwarden_testkit::run::{APP, REPOSITORY, accepted, shortfall};
use sigwarden_testkit::sigstore::Sigstore;
use sigwarden_testkit::sigstore::fault::Fault;
use sigwarden_testkit::sigstore::layer::Signed;
use sigwarden_testkit::sigstore::leaf::{Leaf, San, Scts};
use sigwarden_testkit::{Answer, FakeRegistry, TypedKey, decide};

const ISSUER: &str = "https://token.actions.githubusercontent.com";
const SUBJECT: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";
/// When the certificates begin, and when signatures are logged.
const ISSUED: i64 = BEGINNING + 86_400;
const LOGGED: i64 = ISSUED + 60;

fn leaf() -> Leaf {
    Leaf::uri(SUBJECT, ISSUER, ISSUED).claim(2, "push").claim(6, "refs/heads/main")
}

/// A rule that wants the identity, and believes the Sigstore of these tests.
fn keyless() -> Value {
    json!({"issuer": ISSUER, "subject": "https://github.com/acme/*"})
}

fn wanting(entries: &Value) -> Value {
    proofs::wanting(&acme(), entries)
}

/// The signature, with one thing changed before its layer is written.
fn changed(change: impl Fn(&mut Signed)) -> Answer {
    one(&wanting(&json!([{"keyless": keyless()}])), |payload| {
        let mut signed = acme().sign(&leaf(), payload, LOGGED);
        change(&mut signed);
        signed
    })
}

#[test]
fn a_keyless_signature_is_accepted_and_says_who_signed_and_when() {
    let answer = one(&wanting(&json!([{"keyless": keyless()}])), |p| acme().sign(&leaf(), p, LOGGED));
    accepted(&answer);
    let sigwarden::verdict::Verdict::Accept(accepted) = &answer.verdict else { panic!("{answer:?}") };
    let (_, image) = &accepted.images()[0];
    let sigwarden::verdict::Outcome::Verified(verified) = &image.outcome else { panic!("{answer:?}") };
    let signature = &verified.proofs()[0].signatures()[0];
    let Signer::Identity(identity) = signature.signer() else { panic!("{signature:?}") };
    assert_eq!((identity.issuer(), identity.subject()), (ISSUER, SUBJECT));
    assert_eq!(signature.proven_time(), Some(time(LOGGED)));
    let note = &answer.annotations.iter().find(|(name, _)| name.contains("verified")).unwrap().1;
    assert!(note.contains(SUBJECT) && note.contains(ISSUER), "{note}");
}

/// Every fault of the in-memory Sigstore, by the exact reason it is refused for.
#[test]
fn each_thing_that_is_wrong_is_refused_for_its_own_reason() {
    for (name, fault) in Fault::ALL {
        let settings = wanting(&json!([{"keyless": keyless()}]));
        let answer = one(&settings, |p| acme().sign_badly(&leaf(), p, LOGGED, fault));
        if fault == Fault::None {
            accepted(&answer);
            continue;
        }
        assert!(!answer.accepted, "{name}");
        let Some(expected) = reason(fault) else {
            assert_eq!(because(&answer), Some(SignatureError::NotByCertificate), "{name}");
            continue;
        };
        let mut found = evidence(&answer);
        if let EvidenceError::UnknownLog(id) = &mut found {
            // It follows from the log's key.
            assert_eq!(id.len(), 64, "{name}");
            id.clear();
        }
        assert_eq!(found, expected, "{name}");
        assert_eq!(answer.code, Some(403), "{name}");
    }
}

fn reason(fault: Fault) -> Option<EvidenceError> {
    use EvidenceError as Error;
    Some(match fault {
        Fault::None | Fault::BadSignature | Fault::AnotherCertificate => return None,
        Fault::Expired => Error::Expired { not_after: time(LOGGED - 1), at: time(LOGGED) },
        Fault::NotYetValid => Error::NotYetValid { not_before: time(LOGGED + 1), at: time(LOGGED) },
        Fault::AnotherRoot | Fault::RootOfTheSameName | Fault::SignedByLeaf => Error::UntrustedCertificate,
        Fault::WrongUsage | Fault::NoUsage => Error::NotForCodeSigning,
        Fault::NoSct => Error::NoSct,
        Fault::SctOfAnotherLog => Error::UnknownCtLog,
        Fault::SctForAnotherCertificate | Fault::BadSct => Error::Sct,
        Fault::NoEntry => Error::NoLogEntry,
        Fault::NoPromise => Error::MalformedLogEntry("SignedEntryTimestamp"),
        Fault::BadPromise
        | Fault::ForgedPromise
        | Fault::TimeAltered
        | Fault::IndexAltered
        | Fault::BodyAltered => Error::SignedEntryTimestamp,
        Fault::LogAltered | Fault::EntryOfAnotherLog => Error::UnknownLog(String::new()),
        Fault::EntryForAnotherSignature => Error::OtherSignature,
        Fault::EntryForAnotherCertificate => Error::OtherKey,
        Fault::EntryForAnotherPayload => Error::OtherPayload,
        Fault::RekordEntry => Error::LogEntryKind("rekord 0.0.1".to_owned()),
        Fault::TimestampOfAnotherSignature => Error::OtherTimestamp,
        Fault::TimestampOfAnotherAuthority => Error::UnknownTimestampAuthority,
        Fault::TimestampTooLate => Error::Expired { not_after: time(ISSUED + 600), at: time(ISSUED + 601) },
    })
}

/// Two times at once: the entry says one, the timestamp another; the certificate must be valid at both.
#[test]
fn a_timestamp_proves_the_time_too() {
    let stamped = |payload: &str| {
        let mut signed = acme().sign(&leaf(), payload, LOGGED);
        signed.timestamp = Some(acme().tsa.stamp(&signed.signature, LOGGED - 5));
        signed
    };
    let both = one(&wanting(&json!([{"keyless": keyless()}])), stamped);
    accepted(&both);
    assert_eq!(proven(&both), Some(time(LOGGED - 5)));

    let tsa = json!({"tsaCertChain": acme().tsa.chain_pem()});
    let timestamp_only = with(&with(&keyless(), "rekor", json!({"ignoreTlog": true})), "ctlog", tsa);
    let settings = wanting(&json!([{"keyless": timestamp_only}]));
    accepted(&one(&settings, |payload| Signed { entry: None, ..stamped(payload) }));
    // Without an entry, and with another authority's timestamp or none.
    let none = one(&settings, |payload| Signed { timestamp: None, ..stamped(payload) });
    assert_eq!(evidence(&none), EvidenceError::NoTimestamp);
    let other = one(&settings, |payload| {
        let signed = stamped(payload);
        let token = Sigstore::new("other", BEGINNING).tsa.stamp(&signed.signature, LOGGED);
        Signed { entry: None, timestamp: Some(token), ..signed }
    });
    assert_eq!(evidence(&other), EvidenceError::UnknownTimestampAuthority);
    let late = one(&settings, |payload| {
        let signed = stamped(payload);
        let token = acme().tsa.stamp(&signed.signature, ISSUED + 601);
        Signed { entry: None, timestamp: Some(token), ..signed }
    });
    assert_eq!(
        evidence(&late),
        EvidenceError::Expired { not_after: time(ISSUED + 600), at: time(ISSUED + 601) }
    );
    let future = one(&settings, |payload| {
        let signed = stamped(payload);
        // The clock of these tests stands at the first of January 2026.
        let token = acme().tsa.stamp(&signed.signature, 1_767_225_601);
        Signed { entry: None, timestamp: Some(token), ..signed }
    });
    assert_eq!(evidence(&future), EvidenceError::Future(time(1_767_225_601)));
}

/// Rule 15: whatever is ignored, something proves the time, or nothing is accepted.
#[test]
fn rule_15_no_keyless_signature_is_accepted_without_a_proven_time() {
    for ignore_tlog in [false, true] {
        for ignore_sct in [false, true] {
            for with_chain in [false, true] {
                let mut ctlog = json!({"ignoreSCT": ignore_sct});
                if with_chain {
                    ctlog["tsaCertChain"] = json!(acme().tsa.chain_pem());
                }
                let entry = with(&keyless(), "rekor", json!({"ignoreTlog": ignore_tlog}));
                let mut settings = wanting(&json!([{"keyless": with(&entry, "ctlog", ctlog)}]));
                // One in the trust root would do as well.
                settings["trustRoot"]["timestampAuthorities"] = json!([]);
                let bare = |payload: &str| {
                    let signed = acme().sign(&leaf(), payload, LOGGED);
                    Signed { entry: None, timestamp: None, ..signed }
                };
                let case = format!("ignoreTlog {ignore_tlog}, ignoreSCT {ignore_sct}, TSA {with_chain}");
                let answer = one(&settings, bare);
                assert!(!answer.accepted, "{case}");
                if ignore_tlog && !with_chain {
                    assert!(answer.message.contains("rekor.ignoreTlog"), "{case}: {}", answer.message);
                    continue;
                }
                let expected =
                    if ignore_tlog { EvidenceError::NoTimestamp } else { EvidenceError::NoLogEntry };
                assert_eq!(evidence(&answer), expected, "{case}");
                // Its twins, with what is asked for.
                accepted(&one(&settings, |payload| {
                    let signed = acme().sign(&leaf(), payload, LOGGED);
                    let timestamp = with_chain.then(|| acme().tsa.stamp(&signed.signature, LOGGED));
                    Signed { timestamp, ..signed }
                }));
            }
        }
    }
}

/// NotBefore is never a time: a certificate that is valid now dates nothing.
#[test]
fn rule_15_a_certificate_that_is_still_valid_proves_no_time() {
    let leaf = Leaf { not_after: ISSUED + 10 * 365 * 86_400, ..leaf() };
    let answer = one(&wanting(&json!([{"keyless": keyless()}])), |payload| Signed {
        entry: None,
        ..acme().sign(&leaf, payload, LOGGED)
    });
    assert_eq!(evidence(&answer), EvidenceError::NoLogEntry);
    accepted(&one(&wanting(&json!([{"keyless": keyless()}])), |p| acme().sign(&leaf, p, LOGGED)));
}

#[test]
fn an_sct_is_needed_unless_it_is_ignored() {
    let ignoring = wanting(&json!([{"keyless": with(&keyless(), "ctlog", json!({"ignoreSCT": true}))}]));
    let wanting = wanting(&json!([{"keyless": keyless()}]));
    for scts in [Scts::Missing, Scts::Empty, Scts::OfAnotherLog, Scts::ForAnotherIssuer, Scts::BadSignature] {
        let leaf = Leaf { scts, ..leaf() };
        let sign = |payload: &str| acme().sign(&leaf, payload, LOGGED);
        assert!(!one(&wanting, sign).accepted, "{scts:?}");
        accepted(&one(&ignoring, sign));
    }
}

#[test]
fn an_identity_must_be_the_one_that_is_wanted_all_of_it() {
    let good = |p: &str| acme().sign(&leaf(), p, LOGGED);
    let regex = |issuer: &str, subject: &str| json!({"issuerRegExp": issuer, "subjectRegExp": subject});
    for keyless in [
        json!({"issuer": ISSUER, "subject": SUBJECT}),
        json!({"issuer": "https://*.githubusercontent.com", "subject": "*/acme/app/.github/workflows/*"}),
        regex("https://token\\.actions\\.githubusercontent\\.com", "https://github\\.com/acme/.*"),
        json!({"issuer": ISSUER, "subject": "https://github.com/acme/*", "subjectRegExp": ".*refs/heads/main"}),
        with(&keyless(), "additionalExtensions", json!({"githubWorkflowTrigger": "push"})),
        with(
            &keyless(),
            "additionalExtensions",
            json!({"githubWorkflowTrigger": "push", "githubWorkflowRef": "refs/heads/main"}),
        ),
    ] {
        accepted(&one(&wanting(&json!([{"keyless": keyless}])), good));
    }
    for keyless in [
        json!({"issuer": "https://accounts.example.com", "subject": SUBJECT}),
        json!({"issuer": ISSUER, "subject": "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/mai"}),
        json!({"issuer": ISSUER, "subject": "https://github.com/acme-other/*"}),
        regex("https://token\\.actions\\.githubusercontent\\.com", "https://github\\.com/acme/"),
        regex("token\\.actions\\.githubusercontent\\.com", "https://github\\.com/acme/.*"),
        // Both hold, or it is not who is wanted.
        json!({"issuer": ISSUER, "subject": "https://github.com/acme/*", "subjectRegExp": ".*refs/tags/.*"}),
        json!({"issuer": ISSUER, "issuerRegExp": "https://accounts.*", "subject": "https://github.com/acme/*"}),
    ] {
        let answer = one(&wanting(&json!([{"keyless": keyless}])), good);
        let [identity] = &shortfall(&answer).attached.other_identities[..] else { panic!("{answer:?}") };
        assert_eq!((identity.issuer(), identity.subject()), (ISSUER, SUBJECT), "{keyless}");
        assert!(answer.message.contains(SUBJECT), "{}", answer.message);
    }
    for (extension, wanted, found) in [
        ("githubWorkflowTrigger", "pull_request", Some("push")),
        ("githubWorkflowRef", "refs/heads/mai", Some("refs/heads/main")),
        ("githubWorkflowSha", "abc", None),
    ] {
        let keyless = with(&keyless(), "additionalExtensions", json!({extension: wanted}));
        let answer = one(&wanting(&json!([{"keyless": keyless}])), good);
        let (wanted, found) = (wanted.to_owned(), found.map(ToOwned::to_owned));
        assert_eq!(because(&answer), Some(SignatureError::Claim { name: extension, wanted, found }));
    }
}

/// Two of two claims, where one signature has the first and another the second: rule 4.
#[test]
fn rule_04_one_signature_has_all_that_is_wanted() {
    let keyless = with(
        &keyless(),
        "additionalExtensions",
        json!({"githubWorkflowTrigger": "push", "githubWorkflowRef": "refs/heads/main"}),
    );
    let settings = wanting(&json!([{"keyless": keyless}]));
    let pushed = Leaf::uri(SUBJECT, ISSUER, ISSUED).claim(2, "push").claim(6, "refs/heads/other");
    let on_main = Leaf::uri(SUBJECT, ISSUER, ISSUED).claim(2, "schedule").claim(6, "refs/heads/main");
    let answer = decide_on(&settings, |payload| {
        [&pushed, &on_main].iter().map(|leaf| acme().sign(leaf, payload, LOGGED)).collect()
    });
    assert!(!answer.accepted);
    accepted(&decide_on(&settings, |payload| {
        [&pushed, &on_main, &leaf()].iter().map(|leaf| acme().sign(leaf, payload, LOGGED)).collect()
    }));
}

#[test]
fn a_certificate_names_one_signer_and_one_issuer() {
    let any = json!({"issuer": ISSUER, "subjectRegExp": "(jane@|https://github\\.com/).*"});
    let settings = wanting(&json!([{"keyless": any}]));
    let signed = |leaf: Leaf| one(&settings, move |p| acme().sign(&leaf, p, LOGGED));
    let certificate = |error| EvidenceError::Certificate(error);
    accepted(&signed(leaf()));
    accepted(&signed(Leaf::email("jane@example.com", ISSUER, ISSUED)));
    accepted(&signed(Leaf { issuer_v1: None, ..leaf() }));
    accepted(&signed(Leaf { issuer: None, ..leaf() }));
    let no_names = signed(Leaf { sans: Vec::new(), ..leaf() });
    assert_eq!(evidence(&no_names), certificate(CertificateError::NoName));
    let dns = signed(Leaf { sans: vec![San::Dns("jane.example.com".to_owned())], ..leaf() });
    assert_eq!(evidence(&dns), certificate(CertificateError::NoName));
    let two = vec![San::Email("jane@example.com".to_owned()), San::Uri(SUBJECT.to_owned())];
    assert_eq!(
        evidence(&signed(Leaf { sans: two, ..leaf() })),
        certificate(CertificateError::SeveralNames(2))
    );
    let nobody = signed(Leaf { issuer: None, issuer_v1: None, ..leaf() });
    assert_eq!(evidence(&nobody), certificate(CertificateError::NoIssuer));
    let other = "https://accounts.example.com".to_owned();
    let two = signed(Leaf { issuer_v1: Some(other.clone()), ..leaf() });
    assert_eq!(evidence(&two), certificate(CertificateError::TwoIssuers(ISSUER.to_owned(), other)));
}

/// Fulcio gives user names a name of a kind of their own.
#[test]
fn a_user_name_is_a_name() {
    let leaf = Leaf { sans: vec![San::OtherName("jane!acme".to_owned())], ..leaf() };
    let settings = |subject| wanting(&json!([{"keyless": {"issuer": ISSUER, "subject": subject}}]));
    accepted(&one(&settings("jane!acme"), |p| acme().sign(&leaf, p, LOGGED)));
    assert!(!one(&settings("jane!acm"), |p| acme().sign(&leaf, p, LOGGED)).accepted);
}

/// Validity windows of the trust root: what was trusted then counts still, what was not does not.
#[test]
fn an_authority_and_a_log_are_believed_within_their_windows() {
    let windows = [
        ("tlogs", EvidenceError::LogKeyWindow(time(LOGGED))),
        ("certificateAuthorities", EvidenceError::NoAuthority(time(LOGGED))),
        ("ctlogs", EvidenceError::Sct),
    ];
    let settings = |part: &str, start: i64, end: i64| {
        let mut settings = wanting(&json!([{"keyless": keyless()}]));
        let rfc3339 = |seconds| time(seconds).to_string();
        for item in settings["trustRoot"][part].as_array_mut().unwrap() {
            let holder = if item.get("publicKey").is_some() { &mut item["publicKey"] } else { item };
            holder["validFor"] = json!({"start": rfc3339(start), "end": rfc3339(end)});
        }
        settings
    };
    let good = |p: &str| acme().sign(&leaf(), p, LOGGED);
    for (part, error) in windows {
        // The SCT dates from the certificate's beginning.
        accepted(&one(&settings(part, BEGINNING, LOGGED), good));
        assert_eq!(evidence(&one(&settings(part, BEGINNING, ISSUED - 1), good)), error, "{part} before");
        assert_eq!(evidence(&one(&settings(part, LOGGED + 1, LOGGED + 9), good)), error, "{part} after");
    }
}

/// `roots`, `rekor.pubkey`, `ctlog.pubkey` replace that part of the trust root for their entry.
#[test]
fn an_entry_brings_its_own_trust() {
    let other = Sigstore::new("other", BEGINNING);
    let parts = json!({
        "roots": other.fulcio.chain_pem(),
        "rekor": {"pubkey": other.rekor.pem()},
        "ctlog": {"pubkey": other.ctlog.pem()},
    });
    let sign = |p: &str| other.sign(&leaf(), p, LOGGED);
    let mut entry = keyless();
    entry.as_object_mut().unwrap().extend(parts.as_object().unwrap().clone());
    accepted(&one(&wanting(&json!([{"keyless": entry}])), sign));
    // The trust root's own no longer counts for it.
    assert!(!one(&wanting(&json!([{"keyless": entry}])), |p| acme().sign(&leaf(), p, LOGGED)).accepted);
    for (missing, error) in
        [("roots", EvidenceError::UntrustedCertificate), ("ctlog", EvidenceError::UnknownCtLog)]
    {
        let mut entry = entry.clone();
        entry.as_object_mut().unwrap().remove(missing);
        assert_eq!(evidence(&one(&wanting(&json!([{"keyless": entry}])), sign)), error, "{missing}");
    }
    entry.as_object_mut().unwrap().remove("rekor");
    let answer = one(&wanting(&json!([{"keyless": entry}])), sign);
    assert!(matches!(evidence(&answer), EvidenceError::UnknownLog(_)), "{answer:?}");
}

#[test]
fn a_url_names_the_log_that_must_have_been_used() {
    let entry = |url: &str| wanting(&json!([{"keyless": with(&keyless(), "rekor", json!({"url": url}))}]));
    let good = |p: &str| acme().sign(&leaf(), p, LOGGED);
    accepted(&one(&entry(&acme().rekor.url()), good));
    accepted(&one(&entry(&format!("{}/", acme().rekor.url())), good));
    accepted(&one(&entry(""), good));
    // The trust root's other log.
    let answer = one(&entry(&acme().rekor_v2.url()), good);
    assert!(matches!(evidence(&answer), EvidenceError::UnknownLog(_)), "{answer:?}");
}

/// An authority certifies only while all of its chain is valid, whatever its window says.
#[test]
fn an_expired_root_certifies_nobody() {
    let later = BEGINNING + 11 * 365 * 86_400;
    let leaf = Leaf::uri(SUBJECT, ISSUER, later);
    let mut registry = FakeRegistry::new();
    registry.set_now("2037-01-01T00:00:00Z");
    let digest = registry.push(APP);
    let signed = acme().sign(&leaf, &payload(REPOSITORY, &digest), later + 60);
    registry.attach(APP, &digest, manifest(&[signed.layer()]));
    let answer = decide(&wanting(&json!([{"keyless": keyless()}])), &pod(APP), &registry);
    assert!(!answer.accepted);
}

#[test]
fn what_is_revoked_counts_for_nothing() {
    let mut settings = wanting(&json!([{"keyless": keyless()}]));
    let good = |p: &str| acme().sign(&leaf(), p, LOGGED);
    for (identity, is_revoked) in [
        (json!({"subject": SUBJECT}), true),
        (json!({"subject": "https://github.com/acme/app/*", "issuer": ISSUER}), true),
        (json!({"issuerRegExp": "^https://token\\..*"}), true),
        (json!({"subject": SUBJECT, "issuer": "https://accounts.example.com"}), false),
        (json!({"subject": "https://github.com/acme/app"}), false),
    ] {
        settings["revoked"] = json!({"identities": [identity]});
        let answer = one(&settings, good);
        assert_eq!(!answer.accepted, is_revoked, "{identity}");
        if is_revoked {
            assert_eq!(because(&answer), Some(SignatureError::Revoked("identity")));
        }
    }
}

/// Rule 5: one identity with many certificates is one signer.
#[test]
fn rule_05_an_identity_counts_once() {
    let entry = |subject: &str| json!({"keyless": {"issuer": ISSUER, "subject": subject}});
    let settings =
        wanting(&json!([entry("https://github.com/acme/app/*"), entry("https://github.com/acme/*")]));
    let again = Leaf { serial: "again".to_owned(), key: TypedKey::p256("again"), ..leaf() };
    let sign = |leaves: &[&Leaf]| {
        decide_on(&settings, |payload| leaves.iter().map(|leaf| acme().sign(leaf, payload, LOGGED)).collect())
    };
    assert!(!sign(&[&leaf(), &again]).accepted);
    let other =
        Leaf::uri("https://github.com/acme/other/.github/workflows/a.yml@refs/heads/main", ISSUER, ISSUED);
    accepted(&sign(&[&leaf(), &other]));
}

/// What a key signs carries no certificate; it spoils nothing and is no identity.
#[test]
fn a_keys_signature_is_nobodys() {
    let settings = wanting(&json!([{"keyless": keyless()}]));
    let by_key = |p: &str| acme().sign_with_key(&TypedKey::p256("release"), p, LOGGED);
    let answer = one(&settings, by_key);
    assert_eq!(evidence(&answer), EvidenceError::NoCertificate);
    accepted(&decide_on(&settings, |p| vec![by_key(p), acme().sign(&leaf(), p, LOGGED)]));
}

/// With and without the certificates above it: those of the trust root suffice.
#[test]
fn the_chain_in_the_layer_is_not_needed() {
    accepted(&changed(|signed| signed.chain = None));
    accepted(&changed(|signed| signed.chain = Some(String::new())));
    let answer = changed(|signed| signed.chain = Some("junk".to_owned()));
    assert_eq!(evidence(&answer), EvidenceError::Certificate(CertificateError::Pem));
}

/// Keys of other types in the certificate.
#[test]
fn certificates_may_be_of_other_keys() {
    let settings = wanting(&json!([{"keyless": keyless()}]));
    for key in [TypedKey::p384("leaf"), TypedKey::rsa_2048()] {
        let leaf = Leaf { key, ..leaf() };
        let good = |p: &str| acme().sign(&leaf, p, LOGGED);
        accepted(&one(&settings, good));
        assert!(!one(&settings, |p| acme().sign_badly(&leaf, p, LOGGED, Fault::BadSignature)).accepted);
    }
}

/// Rule 2, of authorities: whoever holds an ordinary certificate that stands among the roots would certify anybody.
#[test]
fn only_authorities_certify() {
    let holder = acme().certify(&Leaf::email("jane@example.com", ISSUER, ISSUED));
    let mut entry = keyless();
    entry["roots"] = json!(format!("{}{}", holder.pem(), acme().fulcio.chain_pem()));
    let settings = wanting(&json!([{"keyless": entry}]));
    let error = Settings::parse(&settings).unwrap_err();
    assert_eq!(error.path(), "verifyImages[0].attestors[0].entries[0].keyless.roots");
    assert_eq!(error.problem(), &Problem::TrustRoot(TrustRootError::NoAuthority));
    // Of a trust root as well, which is looked into when the policy is deployed, and when it is used.
    let mut settings = wanting(&json!([{"keyless": keyless()}]));
    let chain =
        settings["trustRoot"]["certificateAuthorities"][0]["certChain"]["certificates"].as_array_mut();
    chain.unwrap().push(json!({"rawBytes": STANDARD.encode(&holder.der)}));
    let error = Settings::from_json(settings.to_string().as_bytes()).unwrap_err();
    assert_eq!(error.problem(), &Problem::TrustRoot(TrustRootError::NoAuthority));
    let answer = one(&settings, |p| acme().sign(&leaf(), p, LOGGED));
    assert_eq!(evidence(&answer), EvidenceError::TrustRoot(TrustRootError::NoAuthority));
}
