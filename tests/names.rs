//! Names: one image has one canonical name, no spelling of it escapes a rule that another spelling meets, and
//! no skip depends on a tag.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::arithmetic_side_effects, reason = "a helper that fails ends its test")]
#![expect(clippy::string_slice, reason = "a helper that fails ends its test")]

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use sigwarden::image::{BindingPattern, ImageReference, SkipPattern};
use sigwarden_testkit::forge::hex_digest;

/// The same cases on every run; PROPTEST_CASES asks for more of them.
fn check<S: Strategy>(strategy: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    config.cases = config.cases.max(1000);
    config.rng_seed = RngSeed::Fixed(20_240_817);
    if let Err(error) = TestRunner::new(config).run(&strategy, test) {
        panic!("{error}");
    }
}

fn parse(image: &str) -> ImageReference {
    ImageReference::parse(image).unwrap_or_else(|error| panic!("{image}: {error}"))
}

/// What reference, by distribution/reference's rules for familiar names and by what a registry client takes
/// for the same host, is the name of what.
#[test]
fn canonical_names() {
    let digest = hex_digest(b"image");
    let pinned = format!("docker.io/library/redis@{digest}");
    for (written, canonical) in [
        // Familiar names of Docker Hub.
        ("redis", "docker.io/library/redis:latest"),
        ("redis:7", "docker.io/library/redis:7"),
        ("library/redis", "docker.io/library/redis:latest"),
        ("docker.io/redis", "docker.io/library/redis:latest"),
        ("index.docker.io/redis:7", "docker.io/library/redis:7"),
        ("docker.io/library/redis", "docker.io/library/redis:latest"),
        ("bitnami/redis", "docker.io/bitnami/redis:latest"),
        ("docker.io/bitnami/redis", "docker.io/bitnami/redis:latest"),
        ("library/foo/bar", "docker.io/library/foo/bar:latest"),
        ("docker.io/library-foo/bar", "docker.io/library-foo/bar:latest"),
        ("docker/migrator", "docker.io/docker/migrator:latest"),
        ("a/b/c", "docker.io/a/b/c:latest"),
        // A host is a host by its dot, its port, its capitals, or by being `localhost`.
        ("gcr.io/app", "gcr.io/app:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000/library/app", "localhost:5000/library/app:latest"),
        ("host:5000/app", "host:5000/app:latest"),
        ("127.0.0.1/app", "127.0.0.1/app:latest"),
        ("xn--n3h.com/myimage", "xn--n3h.com/myimage:latest"),
        ("a/host:5000", "docker.io/a/host:5000"),
        ("foo_bar.com/foo", ""),
        ("test:5000/repo", "test:5000/repo:latest"),
        ("test:5000", "docker.io/library/test:5000"),
        ("FOO.com/app", "foo.com/app:latest"),
        ("Localhost/app", "localhost/app:latest"),
        // The same host: the default port, the root's dot.
        ("gcr.io:443/app", "gcr.io/app:latest"),
        ("gcr.io./app", "gcr.io/app:latest"),
        ("gcr.io.:443/app", "gcr.io/app:latest"),
        ("gcr.io:80/app", "gcr.io:80/app:latest"),
        ("INDEX.docker.io.:443/redis", "docker.io/library/redis:latest"),
        // The same address: RFC 5952 writes it in one way.
        ("[2001:db8::1]/app", "[2001:db8::1]/app:latest"),
        ("[2001:DB8::1]:5000/app", "[2001:db8::1]:5000/app:latest"),
        ("[2001:db8:0:0:0:0:0:1]/app", "[2001:db8::1]/app:latest"),
        ("[2001:0db8::0001]:443/app", "[2001:db8::1]/app:latest"),
        // Tags keep their case; paths have none.
        ("r.example.com/a:V1", "r.example.com/a:V1"),
        ("r.example.com/A", ""),
        ("redis:", ""),
        ("redis:a b", ""),
        ("redis@sha256:abc", ""),
        ("r.example.com//a", ""),
        ("https://r.example.com/a", ""),
        ("r.example.com/a..b", ""),
        ("r.example.com/a.-b", ""),
        ("r.example.com/a--b", "r.example.com/a--b:latest"),
        ("r.example.com/a__b.c", "r.example.com/a__b.c:latest"),
        ("", ""),
        (":latest", ""),
        ("@", ""),
        (" ", ""),
        ("redis\n", ""),
        ("redis\u{200b}", ""),
        (digest.trim_start_matches("sha256:"), ""),
        (&format!("redis@{digest}"), &pinned),
        (&format!("index.docker.io/redis:7@{digest}"), &pinned),
        (&format!("redis@{}", digest.to_uppercase()), ""),
        (&format!("redis@{digest}:7"), ""),
        (&format!("redis@sha512:{0}{0}", digest.trim_start_matches("sha256:")), ""),
    ] {
        let found = ImageReference::parse(written).map(|image| image.to_string());
        assert_eq!(found.ok().as_deref().unwrap_or_default(), canonical, "{written}");
    }
}

/// A name as it could be written, in pieces, with the pieces of its canonical form.
#[derive(Debug, Clone)]
struct Name {
    host: &'static str,
    path: String,
    tag: String,
    digest: bool,
}

fn names() -> impl Strategy<Value = Name> {
    let hosts = prop::sample::select(vec![
        "docker.io",
        "ghcr.io",
        "r.example.com",
        "r.example.com:5000",
        "localhost",
    ]);
    let path = prop::sample::select(vec!["library/app", "acme/app", "acme/team/app", "app1", "a"]);
    let tag = prop::sample::select(vec!["latest", "v1", "1.0-alpine", "app"]);
    (hosts, path, tag, any::<bool>()).prop_map(|(host, path, tag, digest)| Name {
        host,
        path: if host == "docker.io" && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        },
        tag: tag.to_owned(),
        digest,
    })
}

impl Name {
    fn digest(&self) -> String {
        hex_digest(self.path.as_bytes())
    }

    /// Every spelling of the repository that means the same to a registry client.
    fn repositories(&self) -> Vec<String> {
        let mut hosts = vec![self.host.to_owned(), self.host.to_uppercase()];
        if !self.host.contains(':') && self.host.contains('.') {
            hosts.extend([
                format!("{}:443", self.host),
                format!("{}.", self.host),
                format!("{}.:443", self.host),
            ]);
        }
        let mut paths = vec![self.path.clone()];
        if self.host == "docker.io" {
            hosts.extend(
                ["index.docker.io", "registry-1.docker.io", "Index.Docker.io:443"].map(str::to_owned),
            );
            if let Some(short) = self.path.strip_prefix("library/").filter(|rest| !rest.contains('/')) {
                paths.push(short.to_owned());
            }
        }
        let mut all: Vec<String> =
            hosts.iter().flat_map(|host| paths.iter().map(move |path| format!("{host}/{path}"))).collect();
        if self.host == "docker.io" {
            all.extend(paths);
        }
        all
    }

    /// Every spelling of the image: without the default tag, with tag and digest, with the digest alone.
    fn spellings(&self) -> Vec<String> {
        let mut endings = Vec::new();
        if self.digest {
            endings.extend([
                format!("@{}", self.digest()),
                format!(":{}@{}", self.tag, self.digest()),
                format!(":other@{}", self.digest()),
            ]);
        } else {
            endings.push(format!(":{}", self.tag));
            if self.tag == "latest" {
                endings.push(String::new());
            }
        }
        self.repositories()
            .iter()
            .flat_map(|name| endings.iter().map(move |ending| format!("{name}{ending}")))
            .collect()
    }
}

/// A pattern made from a spelling of a name by putting wildcards over parts of it.
fn patterns() -> impl Strategy<Value = String> {
    let cut = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<prop::sample::Index>());
    (names(), cut, 0..5_u8).prop_map(|(name, (which, from, to), kind)| {
        let spellings = name.spellings();
        let text = which.get(&spellings).to_lowercase();
        let (from, to) = (from.index(text.len() + 1), to.index(text.len() + 1));
        let (from, to) = (from.min(to), from.max(to));
        let (start, end) = (&text[..from], &text[to..]);
        match kind {
            0 => text.clone(),
            1 => format!("{start}*{end}"),
            2 => format!("{start}{}{end}", "?".repeat(to - from)),
            3 => format!("{start}*"),
            _ => format!("*{end}"),
        }
    })
}

#[test]
fn all_spellings_have_one_canonical_name() {
    check(names(), |name| {
        let canonical = name.spellings().iter().map(|image| parse(image).to_string()).collect::<Vec<_>>();
        prop_assert!(canonical.iter().all(|one| one == &canonical[0]), "{canonical:?}");
        Ok(())
    });
}

#[test]
fn no_spelling_escapes_a_rule_that_another_spelling_meets() {
    check((names(), patterns()), |(name, pattern)| {
        let Ok(pattern) = BindingPattern::parse(&pattern) else { return Ok(()) };
        let spellings = name.spellings();
        let (bound, free): (Vec<_>, Vec<_>) =
            spellings.iter().partition(|image| pattern.binds(&parse(image)));
        prop_assert!(bound.is_empty() || free.is_empty(), "{pattern}: {bound:?} but not {free:?}");
        Ok(())
    });
}

/// Whoever names an image by its digest runs what a tag of it means: a rule over the tag must bind it too.
#[test]
fn pinning_does_not_escape_a_rule() {
    check((names(), patterns()), |(name, pattern)| {
        // A digest in the pattern is met by any tag, but by no other digest.
        if pattern.contains('@') {
            return Ok(());
        }
        let Ok(pattern) = BindingPattern::parse(&pattern) else { return Ok(()) };
        let by_tag = Name { digest: false, ..name.clone() };
        if by_tag.spellings().iter().any(|image| pattern.binds(&parse(image))) {
            for image in (Name { digest: true, ..name }).spellings() {
                prop_assert!(pattern.binds(&parse(&image)), "{pattern} binds the tag, but not {image}");
            }
        }
        Ok(())
    });
}

#[test]
fn every_spelling_is_skipped_or_none() {
    check((names(), patterns()), |(name, pattern)| {
        let Ok(pattern) = SkipPattern::parse(&pattern) else { return Ok(()) };
        let spellings = name.spellings();
        let skipped = spellings.iter().filter(|image| pattern.skips(&parse(image))).count();
        prop_assert!(skipped == 0 || skipped == spellings.len(), "{pattern}: {spellings:?}");
        Ok(())
    });
}

#[test]
fn no_skip_exempts_an_image_by_its_tag() {
    check((names(), patterns(), "[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}"), |(name, pattern, tag)| {
        let Ok(pattern) = SkipPattern::parse(&pattern) else { return Ok(()) };
        let repository = name.repositories().swap_remove(0);
        let plain = pattern.skips(&parse(&repository));
        prop_assert_eq!(pattern.skips(&parse(&format!("{repository}:{tag}"))), plain, "{}", pattern);
        Ok(())
    });
}

/// A digest exempts only where the pattern has one: an image can be built until its digest ends as wanted.
#[test]
fn no_skip_without_a_digest_depends_on_one() {
    check((names(), patterns(), any::<u64>()), |(name, pattern, content)| {
        let Ok(skip) = SkipPattern::parse(&pattern) else { return Ok(()) };
        if pattern.contains('@') {
            return Ok(());
        }
        let repository = name.repositories().swap_remove(0);
        let pinned = format!("{repository}@{}", hex_digest(&content.to_le_bytes()));
        prop_assert_eq!(skip.skips(&parse(&pinned)), skip.skips(&parse(&repository)), "{} {}", skip, pinned);
        Ok(())
    });
    // The same without chance: each ending a digest can have.
    for digit in "0123456789abcdef".chars() {
        let pattern = SkipPattern::parse(&format!("r.example.com/acme/*{digit}")).unwrap();
        let pinned = format!("r.example.com/acme/app@sha256:{}", digit.to_string().repeat(64));
        assert!(!pattern.skips(&parse(&pinned)), "{pattern} {pinned}");
    }
}

#[test]
fn a_skip_with_a_digest_skips_that_digest_only() {
    let digest = hex_digest(b"image");
    let pattern = SkipPattern::parse(&format!("r.example.com/*@{digest}")).unwrap();
    assert!(pattern.skips(&parse(&format!("r.example.com/app:v1@{digest}"))));
    assert!(!pattern.skips(&parse("r.example.com/app:v1")));
    assert!(!pattern.skips(&parse(&format!("r.example.com/app@{}", hex_digest(b"other")))));
    assert!(!pattern.skips(&parse(&format!("other.example.com/app@{digest}"))));
}

/// Any text at all: parsed or refused, and what is parsed parses again to the same.
#[test]
fn canonical_names_are_stable() {
    check(".{0,80}|[a-zA-Z0-9./:@_\\[\\]-]{0,80}", |text| {
        let Ok(image) = ImageReference::parse(&text) else { return Ok(()) };
        let canonical = image.to_string();
        prop_assert_eq!(parse(&canonical).to_string(), canonical);
        prop_assert_eq!(image.raw(), text);
        Ok(())
    });
}

#[test]
fn any_pattern_is_parsed_or_refused_in_time() {
    check((".{0,80}|[a-z0-9./:@*?-]{0,300}|(\\*[ab]){0,250}", names()), |(pattern, name)| {
        let image = parse(&name.spellings()[0]);
        let bound = BindingPattern::parse(&pattern).map(|pattern| pattern.binds(&image));
        let skipped = SkipPattern::parse(&pattern).map(|pattern| pattern.skips(&image));
        // What is skipped by a pattern is bound by the same pattern.
        if skipped == Ok(true) {
            prop_assert_eq!(bound, Ok(true), "{}", pattern);
        }
        Ok(())
    });
}
