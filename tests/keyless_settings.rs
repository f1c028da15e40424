//! Identities, certificates, logs and trust roots in the settings: what is accepted gives exactly the requirement that is
//! written, what is refused is refused at its path, for its problem, in these words.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use serde_json::{Value, json};
use sigwarden::limits::{MAX_CERTIFICATE_BYTES, MAX_CERTIFICATES, MAX_IDENTITY_CHARS, MAX_TRUST_ROOT_BYTES};
use sigwarden::requirement::{RequiredIdentity, SignerRequirement};
use sigwarden::settings::{Found, Problem, Settings};
use sigwarden::verdict::settings_response;
use sigwarden::verify::{
    CertificateError, Claim, EvidenceTerms, HashAlgorithm, IdentityPattern, KeyError, OwnCertificates,
    OwnTrust, TextPattern, TrustRoot, TrustRootError, certificates,
};
use sigwarden_testkit::forge::pem;
use sigwarden_testkit::people::{self, HOLDER, OTHER_HOLDER, PRIVATE, PUBLIC};
use sigwarden_testkit::run::{entry, rule, settings};
use sigwarden_testkit::{Key, TypedKey};

const ENTRY: &str = "verifyImages[0].attestors[0].entries[0]";
const ANYBODY: &str = "this is anybody; write whose signatures count";

/// What the host does at deployment.
fn parsed(settings: &Value) -> Result<Settings, (String, Problem, String)> {
    Settings::from_json(settings.to_string().as_bytes())
        .map_err(|error| (error.path().to_owned(), error.problem().clone(), error.to_string()))
}

fn accepted(settings: &Value) -> Settings {
    parsed(settings).unwrap_or_else(|(_, _, words)| panic!("{words}: {settings}"))
}

fn found(settings: &Value) -> (String, Problem, String) {
    parsed(settings).err().unwrap_or_else(|| panic!("accepted: {settings}"))
}

fn refused(settings: &Value, path: &str, problem: &Problem) {
    let (at, what, _) = found(settings);
    assert_eq!((at.as_str(), &what), (path, problem), "{settings}");
}

fn with_entries(entries: &[Value]) -> Value {
    let mut all = settings(&[rule(&["r.example.com/*"], &Key::new("release"))]);
    all["verifyImages"][0]["attestors"][0]["entries"] = json!(entries);
    all
}

fn identity() -> Value {
    json!({
        "issuer": "https://token.actions.githubusercontent.com",
        "subject": "https://github.com/acme/*",
    })
}

/// A value with a field set to another, or taken away by `null`.
fn with(value: &Value, field: &str, new: Value) -> Value {
    let mut value = value.clone();
    let fields = value.as_object_mut().unwrap();
    if new.is_null() {
        fields.remove(field);
    } else {
        fields.insert(field.to_owned(), new);
    }
    value
}

fn keyless(keyless: &Value) -> Value {
    with_entries(&[json!({"keyless": keyless})])
}

fn own(certificates: &Value) -> Value {
    with_entries(&[json!({"certificates": certificates})])
}

fn by_key(field: &str, value: Value) -> Value {
    let mut entry = json!({"keys": {"publicKeys": Key::new("release").pem()}});
    entry["keys"][field] = value;
    with_entries(&[entry])
}

fn signers(settings: &Value) -> Vec<SignerRequirement> {
    let settings = accepted(settings);
    let rule = settings.rules().iter().next().unwrap();
    rule.attestors.iter().flat_map(|set| set.signers()).cloned().collect()
}

fn signer(settings: &Value) -> SignerRequirement {
    let [signer] = <[_; 1]>::try_from(signers(settings)).unwrap_or_else(|all| panic!("{all:?}"));
    signer
}

/// The identity that is asked for.
fn asked(settings: &Value) -> IdentityPattern {
    match signer(settings).identity {
        RequiredIdentity::Keyless(identity) => identity,
        other @ (RequiredIdentity::Key(_) | RequiredIdentity::Certificate(_)) => panic!("{other:?}"),
    }
}

fn evidence(settings: &Value) -> EvidenceTerms {
    signer(settings).terms.evidence
}

fn notes(settings: &Value) -> Vec<String> {
    accepted(settings).warnings().to_vec()
}

fn wildcard(text: &str) -> TextPattern {
    TextPattern::Wildcard(text.to_owned())
}

fn shown(patterns: &[TextPattern]) -> Vec<String> {
    patterns.iter().map(|pattern| format!("{pattern:?}")).collect()
}

fn wrong_identity(found: &str, why: &'static str) -> Problem {
    Problem::Identity { found: found.to_owned(), why }
}

/// The built-in trust root, with parts of it replaced.
fn trusting(own: OwnTrust) -> TrustRoot {
    TrustRoot::public_good().with(&own).unwrap()
}

fn ders(pem: &str) -> Vec<Vec<u8>> {
    certificates(pem).unwrap()
}

const IDENTITY: EvidenceFlags = EvidenceFlags { log: true, timestamp: false, sct: true };

#[derive(Clone, Copy)]
struct EvidenceFlags {
    log: bool,
    timestamp: bool,
    sct: bool,
}

impl EvidenceFlags {
    fn by(self, trust: TrustRoot) -> EvidenceTerms {
        EvidenceTerms { log: self.log, timestamp: self.timestamp, sct: self.sct, trust }
    }
}

#[test]
fn an_identity_is_what_is_written() {
    let wanted = IdentityPattern {
        issuer: vec![wildcard("https://token.actions.githubusercontent.com")],
        subject: vec![wildcard("https://github.com/acme/*")],
        claims: Vec::new(),
    };
    assert_eq!(asked(&keyless(&identity())), wanted);
    assert_eq!(signer(&keyless(&identity())).place, "attestors[0].entries[0]");
    assert_eq!(evidence(&keyless(&identity())), IDENTITY.by(TrustRoot::public_good()));
    assert_eq!(notes(&keyless(&identity())), [""; 0]);
    // A regular expression beside the text: both must hold.
    let both = keyless(&with(&identity(), "subjectRegExp", json!("^https://github\\.com/acme/.*$")));
    assert_eq!(
        shown(&asked(&both).subject),
        [
            r#"Wildcard("https://github.com/acme/*")"#,
            r#"Regex(AnchoredRegex("^https://github\\.com/acme/.*$"))"#
        ]
    );
    assert_eq!(asked(&both).issuer, wanted.issuer);
    // Alone.
    let regex = |field: &str, source: &str| {
        let without = with(&identity(), field, Value::Null);
        asked(&keyless(&with(&without, &format!("{field}RegExp"), json!(source))))
    };
    let source = "^https://token\\.actions\\..*$";
    assert_eq!(
        shown(&regex("issuer", source).issuer),
        [r#"Regex(AnchoredRegex("^https://token\\.actions\\..*$"))"#]
    );
    assert_eq!(regex("issuer", source).subject, wanted.subject);
    assert_eq!(
        shown(&regex("subject", ".+@example\\.com$").subject),
        [r#"Regex(AnchoredRegex(".+@example\\.com$"))"#]
    );
    let claims = json!({"githubWorkflowTrigger": "push", "githubWorkflowRef": "refs/tags/*", "githubWorkflowSha": "0f",
        "githubWorkflowName": "n", "githubWorkflowRepository": "acme/app"});
    let claim = |name, number, value: &str| (Claim { name, number }, value.to_owned());
    assert_eq!(
        asked(&keyless(&with(&identity(), "additionalExtensions", claims))).claims,
        [
            claim("githubWorkflowTrigger", 2, "push"),
            claim("githubWorkflowSha", 3, "0f"),
            claim("githubWorkflowName", 4, "n"),
            claim("githubWorkflowRepository", 5, "acme/app"),
            claim("githubWorkflowRef", 6, "refs/tags/*"),
        ]
    );
    // What else is asked of the signature stands beside it.
    let more = json!({"keyless": identity(), "annotations": {"env": "prod"}, "repository": "r.example.com/signatures", "signatureAlgorithm": "sha384"});
    let terms = signer(&with_entries(&[more])).terms;
    assert_eq!(terms.annotations["env"], "prod");
    assert_eq!(terms.repository.unwrap().to_string(), "r.example.com/signatures");
    assert_eq!(terms.hash, Some(HashAlgorithm::Sha384));
}

#[test]
fn rule_02_an_identity_has_an_issuer_and_a_subject() {
    let none = |allowed| Problem::NoneOf { what: "`keyless`", allowed };
    let at = format!("{ENTRY}.keyless");
    refused(&keyless(&json!({})), &at, &none(["issuer", "issuerRegExp"]));
    refused(&keyless(&with(&identity(), "issuer", Value::Null)), &at, &none(["issuer", "issuerRegExp"]));
    refused(&keyless(&with(&identity(), "subject", Value::Null)), &at, &none(["subject", "subjectRegExp"]));
    assert_eq!(
        found(&keyless(&json!({"issuer": "https://issuer.example.com"}))).2,
        format!("{at}: found neither subject nor subjectRegExp; `keyless` must have one of them")
    );
    for field in ["issuer", "subject", "issuerRegExp", "subjectRegExp"] {
        refused(&keyless(&with(&identity(), field, json!(" "))), &format!("{at}.{field}"), &Problem::Empty);
        refused(
            &keyless(&with(&identity(), field, json!("x".repeat(MAX_IDENTITY_CHARS + 1)))),
            &format!("{at}.{field}"),
            &Problem::TooLong { limit: MAX_IDENTITY_CHARS },
        );
        accepted(&keyless(&with(&identity(), field, json!("x".repeat(MAX_IDENTITY_CHARS)))));
    }
}

#[test]
fn rule_02_an_identity_is_not_anybody() {
    for field in ["issuer", "subject", "issuerRegExp", "subjectRegExp"] {
        for anybody in ["*", "**", "?*", "*@*", "https://*", "http://*", "https://*/*"] {
            let (path, problem, words) = found(&keyless(&with(&identity(), field, json!(anybody))));
            assert_eq!(path, format!("{ENTRY}.keyless.{field}"));
            if field.ends_with("RegExp") && !matches!(problem, Problem::Identity { .. }) {
                assert!(matches!(problem, Problem::Regex { .. }), "{words}");
                continue;
            }
            assert_eq!(problem, wrong_identity(anybody, ANYBODY));
            assert_eq!(words, format!("{path}: found `{anybody}`; {ANYBODY}"));
        }
    }
    for (field, anybody) in [
        ("subject", "http*"),
        ("subject", "https://*.com/*"),
        ("subject", "*@*.com"),
        ("subject", "*@refs/heads/main"),
        ("issuer", "https://*.io"),
        ("issuer", "*s://*"),
    ] {
        let settings = keyless(&with(&identity(), field, json!(anybody)));
        refused(&settings, &format!("{ENTRY}.keyless.{field}"), &wrong_identity(anybody, ANYBODY));
    }
    for anybody in [
        ".*",
        ".+",
        "^.*$",
        "^https://.*$",
        "(.*)",
        "(?s).*",
        "[a-z].*",
        "\\S+",
        "https?://.*",
        "\\w+@\\w+\\.\\w+",
        "^https://github.com/acme/.*$|.*",
    ] {
        for (field, text) in [("subjectRegExp", "subject"), ("issuerRegExp", "issuer")] {
            let settings = keyless(&with(&with(&identity(), text, Value::Null), field, json!(anybody)));
            if field == "issuerRegExp" && anybody.contains('@') {
                continue;
            }
            refused(&settings, &format!("{ENTRY}.keyless.{field}"), &wrong_identity(anybody, ANYBODY));
        }
    }
    // Both must hold, so one of them may be wide; not both.
    let both = |text: &str, source: &str| {
        keyless(&with(&with(&identity(), "subject", json!(text)), "subjectRegExp", json!(source)))
    };
    accepted(&both("https://github.com/acme/*", ".*@refs/heads/main"));
    accepted(&both("https://*@refs/heads/main", "^https://github.com/acme/.*"));
    let wide = "https://*@refs/heads/main";
    refused(&both(wide, ".*refs.*"), &format!("{ENTRY}.keyless.subject"), &wrong_identity(wide, ANYBODY));
    // A narrow issuer makes no subject of `*` somebody, nor the reverse; somebody at each end is accepted.
    for somebody in ["*@example.com", "https://gitlab.example.com/*", "https://*.example.com/ci"] {
        accepted(&keyless(&with(&identity(), "subject", json!(somebody))));
    }
    let issuers = "^https://(accounts\\.google\\.com|gitlab\\.com)$";
    accepted(&keyless(&with(&with(&identity(), "issuer", Value::Null), "issuerRegExp", json!(issuers))));
}

#[test]
fn what_is_wider_than_it_looks_is_noted() {
    let subject = |subject: &str| notes(&keyless(&with(&identity(), "subject", json!(subject))));
    let regex = |source: &str| {
        notes(&keyless(&with(&with(&identity(), "subject", Value::Null), "subjectRegExp", json!(source))))
    };
    let at = format!("{ENTRY}.keyless.subject");
    let neighbours = |path: &str, name: &str| {
        format!("{path}: it also names others, whose names begin with `{name}`; end the name with `/`")
    };
    let anyone = |path: &str| {
        format!(
            "{path}: whoever has an account on GitHub can sign as this; write the owner, such as \
             https://github.com/acme/*"
        )
    };
    assert_eq!(subject("https://github.com/acme*"), [neighbours(&at, "acme")]);
    assert_eq!(subject("https://gitlab.example.com*"), [neighbours(&at, "gitlab.example.com")]);
    assert_eq!(subject("https://github.com/*"), [anyone(&at)]);
    let workflow = "https://github.com/*/.github/workflows/release.yml@refs/tags/*";
    assert_eq!(subject(workflow), [anyone(&at)]);
    assert_eq!(regex("^https://github\\.com/.*$"), [anyone(&format!("{at}RegExp"))]);
    assert_eq!(regex("^https://github\\.com/acme.*$"), [neighbours(&format!("{at}RegExp"), "acme")]);
    // A claim of the repository narrows it, and another issuer knows no accounts on GitHub.
    let narrow = with(
        &with(&identity(), "subject", json!("https://github.com/*")),
        "additionalExtensions",
        json!({"githubWorkflowRepository": "acme/app"}),
    );
    assert_eq!(notes(&keyless(&narrow)), [""; 0]);
    let other = json!({"issuer": "https://issuer.example.com", "subject": "https://github.com/*"});
    assert_eq!(notes(&keyless(&other)), [""; 0]);
    for fine in ["https://github.com/acme/*", "https://github.com/acme/app*", "*@example.com"] {
        assert_eq!(subject(fine), [""; 0], "{fine}");
    }
    // What nothing has as its name.
    assert_eq!(
        subject("https://github.com/acme/app"),
        [format!(
            "{at}: no workflow has this name: theirs go on with `/.github/workflows/FILE@REF`; write `*` at the end"
        )]
    );
    assert_eq!(
        subject("https://github\\.com/acme/*"),
        [format!("{at}: this looks like a regular expression; only `*` and `?` have a meaning here")]
    );
}

#[test]
fn rule_14_an_expression_that_may_mean_a_part_is_noted() {
    for (field, at) in [("subjectRegExp", "subject"), ("issuerRegExp", "issuer")] {
        let note =
            |source: &str| notes(&keyless(&with(&with(&identity(), at, Value::Null), field, json!(source))));
        for part in ["example.com/acme", "^https://example.com/acme/", "https://example.com/acme/x$"] {
            assert_eq!(
                note(part),
                [format!(
                    "{ENTRY}.keyless.{field}: it must match the whole text, while Kyverno looks for it anywhere; begin \
                     with `^` or `.*`, and end with `$` or `.*`, to say which is meant"
                )]
            );
        }
        for whole in
            ["^https://example.com/acme/.*$", "^https://example.com/acme/x$", ".*example.com/acme/.*"]
        {
            assert_eq!(note(whole), [""; 0], "{whole}");
        }
        let settings = keyless(&with(&identity(), field, json!("acme(")));
        let (path, problem, words) = found(&settings);
        assert_eq!(path, format!("{ENTRY}.keyless.{field}"));
        assert!(matches!(&problem, Problem::Regex { found, .. } if found == "acme("), "{problem:?}");
        assert_eq!(words, format!("{path}: found `acme(`; found open group without closing ')'"));
        let (_, problem, words) = found_in(field, "acme(?=x)");
        assert!(matches!(problem, Problem::Regex { .. }), "{words}");
    }
}

fn found_in(field: &str, text: &str) -> (String, Problem, String) {
    found(&keyless(&with(&identity(), field, json!(text))))
}

#[test]
fn a_regular_expression_among_wildcards_and_variables_are_refused() {
    for (field, why) in [
        ("subject", "this is a regular expression; write `subjectRegExp`"),
        ("issuer", "this is a regular expression; write `issuerRegExp`"),
    ] {
        let regexp = "^https://github.com/acme/.*$";
        let (path, problem, words) = found_in(field, regexp);
        assert_eq!(
            (path.as_str(), problem),
            (format!("{ENTRY}.keyless.{field}").as_str(), wrong_identity(regexp, why))
        );
        assert_eq!(words, format!("{ENTRY}.keyless.{field}: found `{regexp}`; {why}"));
        accepted(&keyless(&with(&identity(), &format!("{field}RegExp"), json!(regexp))));
        let variable = "https://github.com/{{ owner }}/*";
        assert_eq!(found_in(field, variable).1, Problem::Variable);
    }
}

#[test]
fn extensions_have_the_names_that_certificates_know() {
    let extensions = |value: Value| keyless(&with(&identity(), "additionalExtensions", value));
    let (path, problem, _) = found(&extensions(json!({"githubWorkflowActor": "x"})));
    assert_eq!(path, format!("{ENTRY}.keyless.additionalExtensions.githubWorkflowActor"));
    assert!(matches!(problem, Problem::UnknownField { what: "`additionalExtensions`", .. }), "{problem:?}");
    for (value, problem) in [
        (json!(""), Problem::Empty),
        (json!("x".repeat(MAX_IDENTITY_CHARS + 1)), Problem::TooLong { limit: MAX_IDENTITY_CHARS }),
        (json!(true), Problem::Type { found: Found::Boolean, expected: "a text" }),
        (json!("{{ x }}"), Problem::Variable),
    ] {
        refused(
            &extensions(json!({"githubWorkflowName": value})),
            &format!("{ENTRY}.keyless.additionalExtensions.githubWorkflowName"),
            &problem,
        );
    }
}

/// Every combination of what might prove the time, with what has nothing to do with it.
#[test]
fn rule_15_without_log_and_timestamps_nothing_proves_the_time() {
    let at = format!("{ENTRY}.keyless.rekor.ignoreTlog");
    let chain = PRIVATE.tsa.chain_pem();
    let without_authority = {
        let mut root = people::trust_root();
        root["timestampAuthorities"] = json!([]);
        root
    };
    let roots = [(None, false), (Some(people::trust_root()), true), (Some(without_authority), false)];
    let (mut refusals, mut accepts) = (0, 0);
    for ignore_tlog in [None, Some(false), Some(true)] {
        for ignore_sct in [None, Some(false), Some(true)] {
            for own_chain in [false, true] {
                for (root, root_has_authority) in &roots {
                    for in_rule in [false, true] {
                        let mut written = identity();
                        if let Some(ignore) = ignore_tlog {
                            written["rekor"] = json!({"ignoreTlog": ignore});
                        }
                        let mut ctlog = json!({});
                        if let Some(ignore) = ignore_sct {
                            ctlog["ignoreSCT"] = json!(ignore);
                        }
                        if own_chain {
                            ctlog["tsaCertChain"] = json!(chain);
                        }
                        written["ctlog"] = ctlog;
                        let mut settings = keyless(&written);
                        if let Some(root) = root {
                            let holder =
                                if in_rule { &mut settings["verifyImages"][0] } else { &mut settings };
                            holder["trustRoot"] = root.clone();
                        }
                        let log = ignore_tlog != Some(true);
                        if !log && !own_chain && !root_has_authority {
                            refused(&settings, &at, &Problem::NoProvenTime);
                            refusals += 1;
                            continue;
                        }
                        accepts += 1;
                        let asked = evidence(&settings);
                        assert!(asked.log || asked.timestamp, "{settings}");
                        assert_eq!(
                            (asked.log, asked.timestamp, asked.sct),
                            (log, !log, ignore_sct != Some(true)),
                            "{settings}"
                        );
                    }
                }
            }
        }
    }
    assert_eq!((refusals, accepts), (12, 96));
    assert_eq!(
        found(&keyless(&with(&identity(), "rekor", json!({"ignoreTlog": true})))).2,
        format!(
            "{at}: without a log entry nothing proves when it was signed; write `ctlog.tsaCertChain` for timestamps, \
             or remove this field"
        )
    );
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
    let required = EvidenceFlags { log: true, timestamp: false, sct: false };
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
    assert_eq!(evidence(&dated), EvidenceFlags { timestamp: true, ..required }.by(trusting(own())));
    dated["verifyImages"][0]["attestors"][0]["entries"][0]["keys"]["rekor"] = json!({"ignoreTlog": true});
    assert_eq!(
        evidence(&dated),
        EvidenceFlags { log: false, timestamp: true, sct: false }.by(trusting(own()))
    );
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
fn own_certificates_are_what_is_written() {
    let (cert, chain) = (HOLDER.pem(), HOLDER.chain_pem());
    let wanted = |leaf: Option<&str>, chain: &str| {
        RequiredIdentity::Certificate(
            OwnCertificates::new(leaf.map(ders), if chain.is_empty() { Vec::new() } else { ders(chain) })
                .unwrap(),
        )
    };
    let log = EvidenceFlags { log: true, timestamp: false, sct: false };
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

#[test]
fn revoked_identities() {
    let revoked = |identities: Value| {
        let mut settings = with_entries(&[entry(&Key::new("release"))]);
        settings["revoked"] = json!({"identities": identities});
        settings
    };
    let identities = |written: Value| accepted(&revoked(written)).revoked().signers.identities.clone();
    let pattern = |issuer: &[&str], subject: &[&str]| IdentityPattern {
        issuer: issuer.iter().map(|text| wildcard(text)).collect(),
        subject: subject.iter().map(|text| wildcard(text)).collect(),
        claims: Vec::new(),
    };
    assert_eq!(identities(json!([])), []);
    assert_eq!(
        identities(json!([
            {"subject": "https://github.com/acme/leaked/*"},
            {"issuer": "https://issuer.example.com"},
            {"issuer": "*", "subject": "*"},
        ])),
        [
            pattern(&[], &["https://github.com/acme/leaked/*"]),
            pattern(&["https://issuer.example.com"], &[]),
            pattern(&["*"], &["*"]),
        ]
    );
    let whole = identities(json!([{"subjectRegExp": ".*/acme/.*"}]));
    assert_eq!(shown(&whole[0].subject), [r#"Regex(AnchoredRegex(".*/acme/.*"))"#]);
    // What would revoke less than it seems to is refused, or noted.
    let at = "revoked.identities[0]";
    let why = "it must match the whole text; begin with `^` or `.*`, and end with `$` or `.*`";
    refused(
        &revoked(json!([{"subjectRegExp": "/acme/leaked"}])),
        &format!("{at}.subjectRegExp"),
        &wrong_identity("/acme/leaked", why),
    );
    assert_eq!(
        notes(&revoked(json!([{"subject": "https://github.com/acme/leaked"}]))),
        [format!(
            "{at}.subject: no workflow has this name: theirs go on with `/.github/workflows/FILE@REF`; write `*` at the end"
        )]
    );
    let none = Problem::NoneOf { what: "a revoked identity", allowed: ["issuer", "subject"] };
    refused(&revoked(json!([{}])), at, &none);
    refused(&revoked(json!([{"subject": ""}])), &format!("{at}.subject"), &Problem::Empty);
    let why = "this is a regular expression; write `subjectRegExp`";
    refused(&revoked(json!([{"subject": "^x"}])), &format!("{at}.subject"), &wrong_identity("^x", why));
    let problem = Problem::Type { found: Found::Text, expected: "a mapping" };
    refused(&revoked(json!(["x"])), at, &problem);
}

/// What messages call whom they want.
#[test]
fn signers_are_shown_as_they_are_written() {
    let shown = |settings: &Value| signer(settings).identity.to_string();
    assert_eq!(
        shown(&keyless(&with(&identity(), "subjectRegExp", json!("^https://github.com/acme/a.*$")))),
        "subject `https://github.com/acme/*` and /^https://github.com/acme/a.*$/ of issuer \
         `https://token.actions.githubusercontent.com`"
    );
    assert_eq!(
        shown(&keyless(&with(&identity(), "additionalExtensions", json!({"githubWorkflowTrigger": "push"})))),
        "subject `https://github.com/acme/*` of issuer `https://token.actions.githubusercontent.com` with \
         githubWorkflowTrigger `push`"
    );
    assert_eq!(
        shown(&own(&json!({"cert": HOLDER.pem()}))),
        format!("the certificate of key {}", HOLDER.key.fingerprint())
    );
    assert_eq!(
        shown(&own(&json!({"certChain": HOLDER.chain_pem()}))),
        "a certificate that `certChain` leads to"
    );
}
