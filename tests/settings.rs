//! What settings are refused: path and problem exactly, the words to the letter. Each refusal has a twin that
//! is accepted, so that a refusal is never for another reason. Keys are in key_settings.rs, identities in
//! keyless_settings.rs, certificates in certificate_settings.rs, and trust roots and logs in trust_settings.rs.

use serde_json::{Value, json};
use sigwarden::image::PatternError;
use sigwarden::settings::{Found, Problem, Settings, UnmatchedImages};
use sigwarden::verdict::settings_response;
use sigwarden_testkit::Key;
use sigwarden_testkit::reading::{
    ENTRY, accepted, error, good, good_with, good_without, refused_in_words, with_entries, with_keys,
};
use sigwarden_testkit::run::{entry, rule, settings};

const KEYS: &str = "verifyImages[0].attestors[0].entries[0].keys";
const PUBLIC_KEYS: &str = "verifyImages[0].attestors[0].entries[0].keys.publicKeys";

#[test]
fn good_settings_are_accepted_and_mean_what_they_say() {
    let settings = accepted(&good());
    assert_eq!(settings.rules().len(), 1);
    assert_eq!(settings.unmatched_images(), UnmatchedImages::Allow);
    assert_eq!(settings.warnings(), [""; 0]);
    let rule = settings.rules().iter().next().unwrap();
    assert!(rule.mutate_digest && rule.verify_digest);
    assert!(settings_response(Ok(())).valid);
    for (word, meaning) in
        [("allow", UnmatchedImages::Allow), ("warn", UnmatchedImages::Warn), ("deny", UnmatchedImages::Deny)]
    {
        assert_eq!(accepted(&good_with("/unmatchedImages", json!(word))).unmatched_images(), meaning);
    }
}

#[test]
fn the_dialect_and_the_top_level() {
    let needs = Problem::Missing { what: "the settings" };
    let dialects = |found, settings: &Value| {
        let words = format!(
            "found {found}; write either `verifyImages` (Kyverno's) or `signatures` (those of verify-image-signatures)"
        );
        refused_in_words(settings, "settings", &Problem::Dialect { found }, &words);
    };
    dialects("no settings", &json!({}));
    refused_in_words(
        &json!({"unmatchedImages": "deny"}),
        "verifyImages",
        &needs,
        "missing; the settings must have it",
    );
    refused_in_words(
        &json!({"verifyImages": []}),
        "verifyImages",
        &Problem::Empty,
        "empty; at least one is needed, or nothing would be checked",
    );
    refused_in_words(
        &json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "spec": {"rules": []}}),
        "settings",
        &Problem::WholeObject { kind: "ClusterPolicy".to_owned() },
        "this is a whole ClusterPolicy; convert it with `sigwarden convert`, or write the `verifyImages` list of its rule alone",
    );
    for kind in ["ClusterAdmissionPolicy", "AdmissionPolicy"] {
        refused_in_words(
            &json!({"apiVersion": "policies.kubewarden.io/v1", "kind": kind, "spec": {"settings": good()}}),
            "settings",
            &Problem::WholeObject { kind: kind.to_owned() },
            &format!("this is a whole {kind}; the settings are what stands under `spec.settings`"),
        );
    }
    // Both dialects at once are no way round one of them.
    let mut both = good();
    both.as_object_mut().unwrap().insert("signatures".to_owned(), json!([]));
    dialects("both dialects", &both);
}

#[test]
fn settings_of_another_type() {
    for (found, value, words) in [
        (Found::Boolean, json!(true), "a boolean"),
        (Found::Number, json!(1), "a number"),
        (Found::Text, json!("verifyImages"), "a text"),
        (Found::List, json!([good()]), "a list"),
    ] {
        refused_in_words(
            &value,
            "settings",
            &Problem::Type { found, expected: "a mapping" },
            &format!("found {words}; allowed: a mapping"),
        );
    }
    refused_in_words(
        &json!(null),
        "settings",
        &Problem::NoValue { expected: "a mapping" },
        "has no value; write a mapping, or remove the field",
    );
}

#[test]
fn what_is_no_json_or_too_long() {
    let parse = |json: &[u8]| Settings::from_json(json).unwrap_err();
    for bad in [&b""[..], b"{", b"\xff", b"{} {}", &b"[".repeat(100_000), br#"{"verifyImages": NaN}"#] {
        let error = parse(bad);
        assert_eq!((error.path(), error.problem()), ("settings", &Problem::NotJson));
        assert_eq!(error.to_string(), "settings: not valid JSON");
    }
    let limit = sigwarden::limits::MAX_SETTINGS_BYTES;
    let mut padded = good().to_string().into_bytes();
    padded.resize(limit, b' ');
    assert_eq!(Settings::from_json(&padded), Ok(accepted(&good())));
    padded.push(b' ');
    assert_eq!(parse(&padded).problem(), &Problem::TooLong { limit });
    assert_eq!(parse(&padded).to_string(), "settings: longer than 1572864 bytes");
}

/// The fields that messages offer are whatever the version implements; that the list is the mapping's own is
/// what is checked.
#[test]
fn unknown_fields_at_each_level() {
    for (pointer, path, what, one_of) in [
        ("/verifyimages", "verifyimages", "the settings", "verifyImages"),
        ("/verifyImages/0/imageReference", "verifyImages[0].imageReference", "a rule", "imageReferences"),
        (
            "/verifyImages/0/attestors/0/counts",
            "verifyImages[0].attestors[0].counts",
            "an attestor set",
            "entries",
        ),
        (
            "/verifyImages/0/attestors/0/entries/0/key",
            "verifyImages[0].attestors[0].entries[0].key",
            "an attestor entry",
            "keys",
        ),
        (
            "/verifyImages/0/attestors/0/entries/0/keys/publickeys",
            "verifyImages[0].attestors[0].entries[0].keys.publickeys",
            "`keys`",
            "publicKeys",
        ),
        (
            "/verifyImages/0/attestors/0/entries/0/keys/rekor/ignoretlog",
            "verifyImages[0].attestors[0].entries[0].keys.rekor.ignoretlog",
            "`rekor`",
            "ignoreTlog",
        ),
    ] {
        let error = error(&good_with(pointer, json!(true)));
        assert_eq!(error.path(), path);
        let Problem::UnknownField { what: found, allowed } = error.problem() else { panic!("{error:?}") };
        assert_eq!(*found, what);
        assert!(allowed.contains(&one_of), "{error}");
        assert_eq!(
            error.to_string(),
            format!("{path}: unknown field; {what} may have: {}", allowed.join(", "))
        );
    }
    // What stands in the name of a field is not repeated as it is.
    let hostile = error(&good_with("/a\u{1b}[2J\n", json!(1)));
    assert_eq!(hostile.path(), "a\\u{1b}[2J\\n");
}

#[test]
fn null_is_no_value() {
    for (pointer, path, expected) in [
        ("/verifyImages", "verifyImages", "a list"),
        ("/unmatchedImages", "unmatchedImages", "a text"),
        ("/verifyImages/0", "verifyImages[0]", "a mapping"),
        ("/verifyImages/0/name", "verifyImages[0].name", "a text"),
        ("/verifyImages/0/imageReferences", "verifyImages[0].imageReferences", "a list"),
        ("/verifyImages/0/imageReferences/0", "verifyImages[0].imageReferences[0]", "a text"),
        ("/verifyImages/0/skipImageReferences", "verifyImages[0].skipImageReferences", "a list"),
        ("/verifyImages/0/mutateDigest", "verifyImages[0].mutateDigest", "true or false"),
        ("/verifyImages/0/verifyDigest", "verifyImages[0].verifyDigest", "true or false"),
        ("/verifyImages/0/attestors", "verifyImages[0].attestors", "a list"),
        ("/verifyImages/0/attestors/0", "verifyImages[0].attestors[0]", "a mapping"),
        (
            "/verifyImages/0/attestors/0/count",
            "verifyImages[0].attestors[0].count",
            "a whole number, 1 or more",
        ),
        ("/verifyImages/0/attestors/0/entries", "verifyImages[0].attestors[0].entries", "a list"),
        ("/verifyImages/0/attestors/0/entries/0", ENTRY, "a mapping"),
        ("/verifyImages/0/attestors/0/entries/0/keys", KEYS, "a mapping"),
        ("/verifyImages/0/attestors/0/entries/0/keys/publicKeys", PUBLIC_KEYS, "a text"),
        (
            "/verifyImages/0/attestors/0/entries/0/keys/rekor",
            "verifyImages[0].attestors[0].entries[0].keys.rekor",
            "a mapping",
        ),
        (
            "/verifyImages/0/attestors/0/entries/0/keys/rekor/ignoreTlog",
            "verifyImages[0].attestors[0].entries[0].keys.rekor.ignoreTlog",
            "true or false",
        ),
    ] {
        let words = format!("has no value; write {expected}, or remove the field");
        refused_in_words(&good_with(pointer, Value::Null), path, &Problem::NoValue { expected }, &words);
        // A value of a wrong type is neither taken for nothing nor converted.
        let (wrong, found) = if expected == "true or false" || expected == "a mapping" {
            (json!("true"), Found::Text)
        } else {
            (json!(true), Found::Boolean)
        };
        let words = format!("found {found}; allowed: {expected}");
        refused_in_words(&good_with(pointer, wrong), path, &Problem::Type { found, expected }, &words);
    }
}

#[test]
fn what_must_be_there() {
    for (pointer, path, what) in [
        ("/verifyImages/0/imageReferences", "verifyImages[0].imageReferences", "a rule"),
        ("/verifyImages/0/attestors", "verifyImages[0].attestors", "a rule"),
        ("/verifyImages/0/attestors/0/entries", "verifyImages[0].attestors[0].entries", "an attestor set"),
    ] {
        let words = format!("missing; {what} must have it");
        refused_in_words(&good_without(pointer), path, &Problem::Missing { what }, &words);
    }
    refused_in_words(
        &good_without("/verifyImages/0/attestors/0/entries/0/keys/publicKeys"),
        KEYS,
        &Problem::NotExactlyOne { found: 0, allowed: vec!["publicKeys", "secret", "configMap"] },
        "found 0; exactly one of publicKeys, secret or configMap is allowed",
    );
    for pointer in ["/verifyImages/0/imageReferences", "/verifyImages/0/attestors"] {
        let path = pointer.trim_start_matches('/').replace("/0/", "[0].");
        let words = "empty; at least one is needed, or nothing would be checked";
        refused_in_words(&good_with(pointer, json!([])), &path, &Problem::Empty, words);
    }
    refused_in_words(
        &with_entries(&[]),
        "verifyImages[0].attestors[0].entries",
        &Problem::Empty,
        "empty; at least one is needed, or nothing would be checked",
    );
    // No skips are no hole, so an empty list of them is accepted.
    accepted(&good_with("/verifyImages/0/skipImageReferences", json!([])));
}

#[test]
fn an_entry_is_exactly_one_thing() {
    let problem = |found| Problem::NotExactlyOne { found, allowed: vec!["keys", "attestor"] };
    let both =
        json!({"keys": entry(&Key::new("a"))["keys"], "attestor": {"entries": [entry(&Key::new("b"))]}});
    for (written, found) in [(json!({}), 0), (both, 2)] {
        let error = error(&with_entries(&[written]));
        assert_eq!(error.path(), ENTRY);
        let Problem::NotExactlyOne { found: count, allowed } = error.problem() else { panic!("{error:?}") };
        assert_eq!(*count, found);
        assert!(["keys", "attestor"].iter().all(|one| allowed.contains(one)), "{error}");
        if error.problem() == &problem(found) {
            assert_eq!(
                error.to_string(),
                format!("{ENTRY}: found {found}; exactly one of keys or attestor is allowed")
            );
        }
    }
    let nested = json!({"attestor": {"entries": [entry(&Key::new("a"))]}});
    accepted(&with_entries(&[nested]));
}

#[test]
fn counts() {
    let key = |label: &str| Key::new(label);
    let two = [entry(&key("a")), entry(&key("b"))];
    let three_keys = format!("{}{}{}", key("a").pem(), key("b").pem(), key("c").pem());
    let with_count = |mut settings: Value, count: Value| {
        settings["verifyImages"][0]["attestors"][0]["count"] = count;
        settings
    };
    let path = "verifyImages[0].attestors[0].count";
    for found in [0, 3, u64::MAX] {
        refused_in_words(
            &with_count(with_entries(&two), json!(found)),
            path,
            &Problem::Count { found, entries: 2, written: 2 },
            &format!("found {found}; allowed: 1 to 2, the number of entries"),
        );
    }
    for found in [0, 4] {
        refused_in_words(
            &with_count(with_keys(&three_keys), json!(found)),
            path,
            &Problem::Count { found, entries: 3, written: 1 },
            &format!(
                "found {found}; allowed: 1 to 3, the number of entries once each key in a block is an entry"
            ),
        );
    }
    for good in [1, 2] {
        accepted(&with_count(with_entries(&two), json!(good)));
    }
    accepted(&with_count(with_keys(&three_keys), json!(3)));
    for odd in [json!(-1), json!(1.0), json!(1.5), json!(1e30)] {
        let problem = Problem::Type { found: Found::Number, expected: "a whole number, 1 or more" };
        let words = "found a number; allowed: a whole number, 1 or more";
        refused_in_words(&with_count(with_entries(&two), odd), path, &problem, words);
    }
    let problem = Problem::Type { found: Found::Text, expected: "a whole number, 1 or more" };
    let words = "found a text; allowed: a whole number, 1 or more";
    refused_in_words(&with_count(with_entries(&two), json!("1")), path, &problem, words);
    // In a set within a set as well.
    let nested = json!({"attestor": {"count": 0, "entries": [entry(&key("a"))]}});
    refused_in_words(
        &with_entries(&[nested]),
        &format!("{ENTRY}.attestor.count"),
        &Problem::Count { found: 0, entries: 1, written: 1 },
        "found 0; allowed: 1 to 1, the number of entries",
    );
}

#[test]
fn patterns_that_cannot_be_meant() {
    let lists = ["imageReferences", "skipImageReferences"];
    for (pattern, error, words) in [
        ("", PatternError::Empty, "``: the pattern is empty"),
        (
            "{{ request.object }}",
            PatternError::Variable,
            "`{{ request.object }}`: variables are not replaced here; write the value",
        ),
        ("^ghcr.io/.*$", PatternError::Character('^'), "`^ghcr.io/.*$`: `^` cannot occur in an image name"),
        (
            "https://ghcr.io/a",
            PatternError::NeverMatches("ghcr.io/a".to_owned()),
            "`https://ghcr.io/a`: no image's canonical name can match this; did you mean `ghcr.io/a`?",
        ),
        (
            "GHCR.io/a",
            PatternError::NeverMatches("ghcr.io/a".to_owned()),
            "`GHCR.io/a`: no image's canonical name can match this; did you mean `ghcr.io/a`?",
        ),
    ] {
        for list in lists {
            refused_in_words(
                &good_with(&format!("/verifyImages/0/{list}"), json!(["ghcr.io/b", pattern])),
                &format!("verifyImages[0].{list}[1]"),
                &Problem::Pattern { pattern: pattern.to_owned(), error: error.clone() },
                words,
            );
        }
    }
    let long = "a".repeat(sigwarden::limits::MAX_PATTERN_CHARS + 1);
    let error = error(&good_with("/verifyImages/0/imageReferences", json!([long])));
    assert_eq!(
        error.to_string(),
        format!(
            "verifyImages[0].imageReferences[0]: `{}…`: the pattern is longer than 512 characters",
            "a".repeat(160)
        )
    );
}

#[test]
fn skips_that_reach_too_far() {
    for (pattern, error, words) in [
        (
            "ghcr.io/a:v1",
            PatternError::SkipByTag("ghcr.io/a".to_owned()),
            "`ghcr.io/a:v1`: a skip cannot name a tag, because what runs is the digest; did you mean `ghcr.io/a`?",
        ),
        (
            "*",
            PatternError::SkipsEverything,
            "`*`: this skips every image, so the rule would bind none; remove the rule instead",
        ),
        (
            "nginx",
            PatternError::NeverMatches("docker.io/library/nginx".to_owned()),
            "`nginx`: no image's canonical name can match this; did you mean `docker.io/library/nginx`?",
        ),
    ] {
        refused_in_words(
            &good_with("/verifyImages/0/skipImageReferences", json!([pattern])),
            "verifyImages[0].skipImageReferences[0]",
            &Problem::Pattern { pattern: pattern.to_owned(), error },
            words,
        );
        // As a binding pattern each of them is fine: to bind too much is no hole.
        accepted(&good_with("/verifyImages/0/imageReferences", json!([pattern])));
    }
}

/// Every canonical name has a host, a slash and a path, so these match every image as surely as `*` does.
#[test]
fn skips_of_every_image_in_other_words() {
    for pattern in ["**", "?*", "*?", "*/*", "**/**", "?*/*", "*/?*", "*@*", "*/*@*"] {
        let settings = good_with("/verifyImages/0/skipImageReferences", json!([pattern]));
        assert_eq!(
            error(&settings).problem(),
            &Problem::Pattern { pattern: pattern.to_owned(), error: PatternError::SkipsEverything },
            "{pattern}"
        );
    }
    for narrower in ["*/public/*", "ghcr.io/*", "*.example.com/*", "*/*-debug"] {
        accepted(&good_with("/verifyImages/0/skipImageReferences", json!([narrower])));
    }
}

#[test]
fn names_of_rules() {
    let long = "x".repeat(64);
    for name in ["", "a b", "naïve", "a/b", "\"", long.as_str()] {
        let error = error(&good_with("/verifyImages/0/name", json!(name)));
        assert_eq!(error.path(), "verifyImages[0].name");
        assert_eq!(error.problem(), &Problem::RuleName(name.to_owned()));
    }
    refused_in_words(
        &good_with("/verifyImages/0/name", json!("a\nb")),
        "verifyImages[0].name",
        &Problem::RuleName("a\nb".to_owned()),
        "found `a\\nb`; allowed: 1 to 63 letters, digits, `-`, `_` or `.`",
    );
    accepted(&good_with("/verifyImages/0/name", json!("x".repeat(63))));

    let key = Key::new("release");
    let twins = [rule(&["a.example.com/*"], &key), rule(&["b.example.com/*"], &key)];
    refused_in_words(
        &settings(&twins),
        "verifyImages[1].name",
        &Problem::DuplicateName { first: "verifyImages[0].name".to_owned() },
        "the same name as verifyImages[0].name",
    );
    let mut nameless = settings(&twins);
    nameless["verifyImages"][1].as_object_mut().unwrap().remove("name");
    accepted(&nameless);
}

#[test]
fn words_that_are_none_of_those_allowed() {
    refused_in_words(
        &good_with("/unmatchedImages", json!("Deny")),
        "unmatchedImages",
        &Problem::Value { found: "Deny".to_owned(), allowed: vec!["allow", "warn", "deny"] },
        "found `Deny`; allowed: allow, warn or deny",
    );
    let error = error(&good_with("/verifyImages/0/type", json!("Notary")));
    assert_eq!(error.path(), "verifyImages[0].type");
    assert!(matches!(error.problem(), Problem::Value { found, .. } if found == "Notary"), "{error:?}");
    accepted(&good_with("/verifyImages/0/type", json!("Cosign")));
}

#[test]
fn too_many_and_too_deep() {
    use sigwarden::limits::{MAX_ATTESTOR_DEPTH, MAX_ENTRIES, MAX_PATTERNS, MAX_RULES};
    let many = |found, limit| Problem::TooMany { found, limit };
    let key = Key::new("release");
    let rules = |n: usize| {
        let rule = |index| {
            let mut rule = rule(&["r.example.com/*"], &key);
            rule["name"] = json!(format!("r{index}"));
            rule
        };
        settings(&(0..n).map(rule).collect::<Vec<_>>())
    };
    refused_in_words(
        &rules(MAX_RULES + 1),
        "verifyImages",
        &many(501, MAX_RULES),
        "501 of them; at most 500 are allowed",
    );
    accepted(&rules(MAX_RULES));

    let patterns = |n: usize| good_with("/verifyImages/0/imageReferences", json!(vec!["r.example.com/*"; n]));
    refused_in_words(
        &patterns(MAX_PATTERNS + 1),
        "verifyImages[0].imageReferences",
        &many(1001, MAX_PATTERNS),
        "1001 of them; at most 1000 are allowed",
    );
    accepted(&patterns(MAX_PATTERNS));

    let keys: Vec<Key> = (0..=MAX_ENTRIES).map(|index| Key::new(&index.to_string())).collect();
    let entries: Vec<Value> = keys.iter().map(entry).collect();
    let at = "verifyImages[0].attestors[0].entries";
    let words = "65 of them; at most 64 are allowed";
    refused_in_words(&with_entries(&entries), at, &many(65, MAX_ENTRIES), words);
    accepted(&with_entries(&entries[1..]));
    // Keys in one block are entries too.
    let block: String = keys.iter().map(Key::pem).collect();
    refused_in_words(&with_keys(&block), at, &many(65, MAX_ENTRIES), words);

    let nested = |depth: usize| {
        (1..depth)
            .fold(json!({"entries": [entry(&key)]}), |inner, _| json!({"entries": [{"attestor": inner}]}))
    };
    let nest = |depth| good_with("/verifyImages/0/attestors", json!([nested(depth)]));
    accepted(&nest(MAX_ATTESTOR_DEPTH));
    refused_in_words(
        &nest(MAX_ATTESTOR_DEPTH + 1),
        &format!("verifyImages[0].attestors[0]{}", ".entries[0].attestor".repeat(4)),
        &Problem::TooDeep { limit: 4 },
        "attestor sets nested deeper than 4",
    );
}

/// Each of Kyverno's fields that is refused says what to do instead; which are refused changes with versions.
#[test]
fn fields_that_are_refused_say_what_to_do() {
    let at = "/verifyImages/0/attestors/0/entries/0/keys";
    refused_in_words(
        &good_with(&format!("{at}/kms"), json!("awskms:///alias/x")),
        &format!("{KEYS}.kms"),
        &Problem::RefusedField {
            instead: "a policy cannot reach a key service; export the key: `cosign public-key --key URI`",
        },
        "not supported; a policy cannot reach a key service; export the key: `cosign public-key --key URI`",
    );
    for (pointer, path) in [
        ("/verifyImages/0/imageRegistryCredentials", "verifyImages[0].imageRegistryCredentials"),
        ("/verifyImages/0/key", "verifyImages[0].key"),
        ("/verifyImages/0/image", "verifyImages[0].image"),
    ] {
        let error = error(&good_with(pointer, json!({})));
        let Problem::RefusedField { instead } = error.problem() else { panic!("{error:?}") };
        assert_eq!(error.to_string(), format!("{path}: not supported; {instead}"));
    }
}

/// A field without effect is accepted, and what it would switch off stays on.
#[test]
fn required_false_does_not_mean_that_unsigned_is_fine() {
    let settings = accepted(&good_with("/verifyImages/0/required", json!(false)));
    assert_eq!(
        settings.warnings(),
        ["verifyImages[0].required: has no effect; a rule is always required of the images it binds"]
    );
    assert_eq!(settings.rules(), accepted(&good()).rules());
}

#[test]
fn a_registry_that_reads_like_an_image_is_noted() {
    let settings =
        accepted(&good_with("/verifyImages/0/imageReferences", json!(["node:20", "registry:5000"])));
    assert_eq!(
        settings.warnings(),
        [
            "verifyImages[0].imageReferences[1]: this is an image of Docker Hub with that tag; for the images of a registry at \
             that port, write `registry:5000/*`"
        ]
    );
}
