//! Patterns: what they match, and what is none.

use super::*;

const DIGEST: &str = "sha256:7f609afbb8779a721320ccaabed326c14cebef1bf4f25c45af8e5596346c7ac5";

fn binds(pattern: &str, image: &str) -> bool {
    BindingPattern::parse(pattern)
        .unwrap_or_else(|e| panic!("{pattern}: {e}"))
        .binds(&ImageReference::parse(image).unwrap())
}

fn skips(pattern: &str, image: &str) -> bool {
    SkipPattern::parse(pattern)
        .unwrap_or_else(|e| panic!("{pattern}: {e}"))
        .skips(&ImageReference::parse(image).unwrap())
}

#[test]
fn wildcards_are_anchored_and_cross_slashes() {
    for (pattern, text, expected) in [
        ("*", "", true),
        ("", "", true),
        ("a", "", false),
        ("?", "", false),
        ("a*c", "abbc", true),
        ("a*c", "abcd", false),
        ("*a*b", "xaxxab", true),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("r/*", "r/a/b", true),
        ("abc", "xabc", false),
        ("**a", "a", true),
        ("a*a*a*a*b", "aaaaaaaaaaaaaaaa", false),
    ] {
        assert_eq!(wildcard(pattern, text), expected, "{pattern} {text}");
    }
}

#[test]
fn a_binding_pattern_meets_every_spelling() {
    let spellings = [
        "nginx",
        "library/nginx",
        "docker.io/nginx",
        "docker.io/library/nginx",
        "index.docker.io/library/nginx",
        "Index.docker.io:443/library/nginx",
    ];
    let patterns = spellings.iter().take(5).copied().chain(["docker.io/*", "*", "nginx:latest", "ngin?:*"]);
    for pattern in patterns {
        for spelling in spellings {
            assert!(binds(pattern, spelling), "{pattern} {spelling}");
            assert!(binds(pattern, &format!("{spelling}:latest")), "{pattern} {spelling}:latest");
            assert!(binds(pattern, &format!("{spelling}@{DIGEST}")), "{pattern} {spelling}@…");
            assert!(binds(pattern, &format!("{spelling}:1@{DIGEST}")), "{pattern} {spelling}:1@…");
        }
    }
}

#[test]
fn a_binding_pattern_is_anchored() {
    assert!(binds("r.example.com/a/*", "r.example.com/a/b"));
    assert!(!binds("r.example.com/a/*", "r.example.com/ab/b"));
    assert!(!binds("r.example.com/a/*", "xr.example.com/a/b"));
    assert!(!binds("r.example.com/a/b", "r.example.com/a/b/c"));
    assert!(!binds("r.example.com/a/b:v1*", "r.example.com/a/b:v2"));
    assert!(binds("r.example.com/a/b:v1*", "r.example.com/a/b:v12"));
    assert!(binds("r.example.com/a/b:v1*", &format!("r.example.com/a/b:v2@{DIGEST}")));
    assert!(binds(&format!("r.example.com/a@{DIGEST}"), "r.example.com/a:v1"));
    // A wildcard may stand for the colon, and a digest for any tag.
    assert!(binds("r.example.com/*-prod", "r.example.com/app:1-prod"));
    assert!(!binds("r.example.com/*-prod", "r.example.com/app:1-dev"));
    assert!(binds("r.example.com/*-prod", &format!("r.example.com/app@{DIGEST}")));
    assert!(!binds("r.example.com/*/prod", &format!("r.example.com/app@{DIGEST}")));
    assert!(binds(&format!("r.example.com/a:v1@{DIGEST}"), &format!("r.example.com/a:v2@{DIGEST}")));
    let other = DIGEST.replace('7', "8");
    assert!(!binds(&format!("r.example.com/a@{DIGEST}"), &format!("r.example.com/a@{other}")));
}

/// Whoever writes a wildcard for the port means the default one too, which canonical names leave out.
#[test]
fn a_wildcard_for_the_port_is_the_default_port_too() {
    for pattern in ["r.example.com:*/a/*", "r.example.com:???/a/b", "*:*/a/*", "r.example.com?443/a/b:v*"] {
        for image in ["r.example.com/a/b:v1", "R.example.com.:443/a/b:v1"] {
            assert!(binds(pattern, image), "{pattern} {image}");
            assert!(binds(pattern, &format!("{image}@{DIGEST}")), "{pattern} {image}");
        }
    }
    assert!(binds("*:443*/library/*", "docker.io:443/library/nginx"));
    assert!(binds("[::1]:*/a", "[::1]/a"));
    for (pattern, image) in [
        ("r.example.com:*/a/*", "r.example.com.evil.test/a/b"),
        ("r.example.com:*/a/*", "r.example.com/b/a"),
        ("r.example.com:50*/a/*", "r.example.com/a/b"),
        ("r.example.com:*/a/*", "xr.example.com:443/a/b"),
        ("r.example.com:5*/a/b", "r.example.com:443/a/b"),
    ] {
        assert!(!binds(pattern, image), "{pattern} {image}");
    }
    // What stands for a tag stands for no port.
    for pattern in ["*:4*", "*:443", "*/b:443", "*.example.com/*:4*"] {
        assert!(!binds(pattern, "r.example.com/a/b:v1"), "{pattern}");
        assert!(binds(pattern, "r.example.com/a/b:443"), "{pattern}");
    }
    // A skip that reached further than it says would be a hole.
    for pattern in ["r.example.com:444/a/b", "r.example.com:80/*"] {
        assert!(!skips(pattern, "r.example.com/a/b"), "{pattern}");
    }
    assert_eq!(SkipPattern::parse("r.example.com:*/a/*"), Err(PatternError::SkipHost));
}

#[test]
fn a_wildcard_may_reach_from_the_tag_into_the_digest() {
    let short = "sha256:7f6*";
    for (pattern, expected) in [
        (format!("r.example.com/a:1*{short}"), true),
        (format!("r.example.com/a:1?{short}"), true),
        (format!("r.example.com/a*{short}"), true),
        (format!("r.example.com/a:1.0*{DIGEST}"), true),
        ("r.example.com/a:1*sha256:8*".to_owned(), false),
        (format!("r.example.com/b:1*{short}"), false),
    ] {
        // By any tag, since the digest is what runs.
        for tag in [":1.0", ":2", ""] {
            let image = format!("r.example.com/a{tag}@{DIGEST}");
            assert_eq!(binds(&pattern, &image), expected, "{pattern} {image}");
        }
    }
}

#[test]
fn a_skip_sees_repository_and_digest_only() {
    assert!(skips("r.example.com/a/*", "r.example.com/a/b:v1"));
    assert!(skips("r.example.com/a/b", "r.example.com/a/b:v1"));
    assert!(skips("docker.io/library/nginx", "nginx"));
    assert!(!skips("r.example.com/a/?", "r.example.com/a/bc"));
    assert!(skips(&format!("r.example.com/a@{DIGEST}"), &format!("r.example.com/a:x@{DIGEST}")));
    assert!(!skips(&format!("r.example.com/a@{DIGEST}"), "r.example.com/a:x"));
    // A wildcard before the first slash stays within the host.
    assert!(skips("*.example.com/*", "r.example.com/a"));
    assert!(!skips("*.example.com/*", "r.example.test/x.example.com/a"));
    // A wildcard cannot reach the tag: the tag is not there to be seen.
    assert!(!skips("r.example.com/*v1", "r.example.com/a:v1"));
}

#[test]
fn patterns_that_cannot_be_meant_are_refused() {
    use PatternError::*;
    let never = |text: &str| NeverMatches(text.to_owned());
    for (pattern, error) in [
        ("", Empty),
        (&"x".repeat(MAX_PATTERN_CHARS + 1), TooLong),
        ("{{ registry }}/*", Variable),
        ("${REG}/*", Variable),
        ("ghcr.io/a b", Character(' ')),
        ("ghcr.io/a\n", Character('\n')),
        ("^ghcr.io/.*$", Character('^')),
        ("https://ghcr.io/*", never("ghcr.io/*")),
        ("Ghcr.io/Acme/*:V1", never("ghcr.io/acme/*:V1")),
        ("ghcr.io:443/*", never("ghcr.io/*")),
        ("ghcr.io./*", never("ghcr.io/*")),
        ("ghcr.io/", never("ghcr.io/*")),
        ("/ghcr.io/*", never("ghcr.io/*")),
        ("ghcr.io//*", never("ghcr.io/*")),
    ] {
        assert_eq!(BindingPattern::parse(pattern), Err(error.clone()), "{pattern}");
        assert_eq!(SkipPattern::parse(pattern), Err(error), "{pattern}");
    }
}

#[test]
fn patterns_of_which_a_part_is_no_such_part_are_refused() {
    use PatternError::*;
    let never = |text: &str| NeverMatches(text.to_owned());
    let malformed = |part| NoName(ReferenceError::Malformed(part));
    let digest = NoName(crate::image::DigestError::Malformed.into());
    for (pattern, error) in [
        ("ghcr.io", OnlyHost("ghcr.io/*".into())),
        ("r.example.com:5000", OnlyHost("r.example.com:5000/*".into())),
        ("localhost:5000", OnlyHost("localhost:5000/*".into())),
        ("localhost", OnlyHost("localhost/*".into())),
        ("ghcr.io/acme/app@sha256:12", digest.clone()),
        ("ghcr.io/acme/*@sha256:12", digest),
        ("ghcr.io/acme/*@sha512:*", never("ghcr.io/acme/*@sha256:*")),
        ("ghcr.io/acme/*@v1*", never("ghcr.io/acme/*@sha256:*")),
        ("ghcr.io/acme/*:", never("ghcr.io/acme/*")),
        (&format!("ghcr.io/acme/app:@{DIGEST}"), never(&format!("ghcr.io/acme/app@{DIGEST}"))),
        ("ghcr.io/acme/app:-v1", malformed("tag")),
        ("ghcr.io/acme/*:.v1", malformed("tag")),
        ("ghcr.io/acme/-app", malformed("name")),
        ("ghcr.io/-acme/*", malformed("name")),
        ("ghcr.io/acme_/*", malformed("name")),
        ("*/host:5000/app", malformed("name")),
        ("-acme/*", malformed("name")),
        ("-nginx", malformed("name")),
        ("ghcr.io:x/*", malformed("registry")),
        ("[0::1]:5000/app", never("[::1]:5000/app")),
    ] {
        assert_eq!(BindingPattern::parse(pattern), Err(error.clone()), "{pattern}");
        assert_eq!(SkipPattern::parse(pattern), Err(error), "{pattern}");
    }
    for good in [
        "ghcr.io*",
        "*ghcr.io",
        "nginx:1.27",
        "nginx:1.2?",
        "ghcr.io/acme/-*",
        "ghcr.io/acme/app@*",
        "ghcr.io/acme/app@sha*",
        "ghcr.io/acme/app@sha256:12*",
        "index.docker.io/library/nginx",
        "registry-1.docker.io/acme/*",
        "[::1]:5000/app",
        "registry:5000",
        "*:v1",
    ] {
        assert!(BindingPattern::parse(good).is_ok(), "{good}");
    }
}

#[test]
fn a_port_is_told_from_a_tag() {
    for pattern in ["registry:5000", "registry:65535", "my-registry:1024"] {
        assert_eq!(may_mean_a_registry(pattern), Some(format!("{pattern}/*")), "{pattern}");
    }
    for pattern in [
        "node:20",
        "postgres:16",
        "app:20260101",
        "registry:5000/app",
        "acme/app:5000",
        "*:5000",
        "nginx",
        "a:1023",
    ] {
        assert_eq!(may_mean_a_registry(pattern), None, "{pattern}");
    }
}

#[test]
fn skips_that_cannot_be_meant_are_refused() {
    use PatternError::*;
    let never = |text: &str| NeverMatches(text.to_owned());
    for (pattern, error) in [
        ("ghcr.io/acme/app:v1", SkipByTag("ghcr.io/acme/app".into())),
        ("ghcr.io/acme/*:*", SkipByTag("ghcr.io/acme/*".into())),
        (&format!("ghcr.io/a:v1@{DIGEST}"), SkipByTag(format!("ghcr.io/a@{DIGEST}"))),
        ("*", SkipsEverything),
        ("**", SkipsEverything),
        ("nginx", never("docker.io/library/nginx")),
        ("acme/app", never("docker.io/acme/app")),
        ("docker.io/nginx", never("docker.io/library/nginx")),
        ("index.docker.io/library/*", never("docker.io/library/*")),
        ("r*.example.com/a", SkipHost),
        ("*.com/a", SkipHost),
        ("*e*/*", SkipHost),
        ("r.example.com/a@sha256:7f6*", SkipByPartOfDigest),
        ("r.example.com/a@*", SkipByPartOfDigest),
    ] {
        assert_eq!(SkipPattern::parse(pattern), Err(error), "{pattern}");
    }
    for good in ["*/public/*", "localhost/app", "localhost:5000/app", "*.example.com/*", "docker.io/*"] {
        assert!(SkipPattern::parse(good).is_ok(), "{good}");
    }
}
