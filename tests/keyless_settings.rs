//! Identities in the settings: what is accepted gives exactly the requirement that is written, what is refused is refused
//! at its path, for its problem, in these words.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]

use serde_json::{Value, json};
use sigwarden::limits::MAX_IDENTITY_CHARS;
use sigwarden::requirement::RequiredIdentity;
use sigwarden::settings::{Found, Problem};
use sigwarden::verify::{Claim, HashAlgorithm, IdentityPattern, TextPattern, TrustRoot};
use sigwarden_testkit::Key;
use sigwarden_testkit::people::{self, HOLDER, PRIVATE};
use sigwarden_testkit::reading::{
    ENTRY, IDENTITY, accepted, evidence, found, identity, keyless, notes, own, refused, signer, with,
    with_entries,
};
use sigwarden_testkit::run::entry;

const ANYBODY: &str = "this is anybody; write whose signatures count";

const AROUND: &str = "nobody has a name with spaces or line breaks around it; write it without";

/// The identity that is asked for.
fn asked(settings: &Value) -> IdentityPattern {
    match signer(settings).identity {
        RequiredIdentity::Keyless(identity) => identity,
        other @ (RequiredIdentity::Key(_) | RequiredIdentity::Certificate(_)) => panic!("{other:?}"),
    }
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
    for open in ["*", "*/app", "?cme/app"] {
        let wide = with(&narrow, "additionalExtensions", json!({"githubWorkflowRepository": open}));
        assert_eq!(notes(&keyless(&wide)), [anyone(&at)], "{open}");
    }
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

#[test]
fn rule_14_an_expression_that_a_branch_gets_round_is_noted() {
    let regex =
        |source: &str| with(&with(&identity(), "subject", Value::Null), "subjectRegExp", json!(source));
    let at = format!("{ENTRY}.keyless.subjectRegExp");
    let noted = [format!(
        "{at}: what stands before `@` may have an `@` itself, as in a branch called `x@refs/heads/main`; write \
         `[^@]*@`, or the claim `githubWorkflowRef`"
    )];
    let open = regex("^https://github.com/acme/.*@refs/heads/main$");
    assert_eq!(notes(&keyless(&open)), noted);
    assert_eq!(notes(&keyless(&regex("^https://github.com/acme/.+@refs/tags/v.*$"))), noted);
    // A text beside it leaves it open behind its own `@`.
    assert_eq!(
        notes(&keyless(&with(&open, "subject", json!("https://github.com/acme/*@refs/heads/*")))),
        noted
    );
    let claim = json!({"githubWorkflowRef": "refs/heads/main"});
    for closed in [
        regex("^https://github.com/acme/[^@]*@refs/heads/main$"),
        regex("^https://github.com/acme/.*$"),
        with(&open, "additionalExtensions", claim),
        with(&open, "issuer", json!("https://issuer.example.com")),
    ] {
        assert_eq!(notes(&keyless(&closed)), [""; 0], "{closed}");
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
    // YAML's `|` and `>` leave a line break, and whoever is meant is revoked no more.
    for text in
        ["https://github.com/acme/leaked/*\n", " https://github.com/acme/leaked/*", "leaked@example.com\t"]
    {
        refused(
            &revoked(json!([{"subject": text}])),
            &format!("{at}.subject"),
            &wrong_identity(text, AROUND),
        );
        refused(&revoked(json!([{"issuer": text}])), &format!("{at}.issuer"), &wrong_identity(text, AROUND));
        let wanted = keyless(&with(&identity(), "subject", json!(text)));
        refused(&wanted, &format!("{ENTRY}.keyless.subject"), &wrong_identity(text, AROUND));
    }
    identities(json!([{"subject": "https://github.com/acme/leaked/.github/workflows/a b.yml@*"}]));
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
