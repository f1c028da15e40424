//! Identities that are wider than whoever wrote them may think: anybody, anybody on GitHub, a neighbour whose name
//! begins alike.

use std::borrow::Cow;

use crate::verify::TextPattern;

/// Two hosts that have nothing in common with each other, or with what anybody means. An identity that names
/// somebody at both names anybody.
const STRANGERS: [&str; 2] = ["qavz", "wjkx"];

/// What follows them.
const DOMAINS: [&str; 6] = ["com", "org", "net", "io", "dev", "example"];

/// Issuers and subjects as certificates have them, around a host.
const SHAPES: [(&str, &str); 5] = [
    ("https://", ""),
    ("https://", "/xo/pe/.github/workflows/ul.yml@refs/heads/main"),
    ("https://", "/xo/pe/.github/workflows/ul.yaml@refs/heads/main"),
    ("xo@", ""),
    ("spiffe://", "/xo"),
];

const GITHUB: &str = "https://github.com/";

/// Workflows of somebody on GitHub, below [`GITHUB`].
const WORKFLOWS: [&str; 2] = [
    "qavz/xo/.github/workflows/release.yml@refs/heads/main",
    "wjkx/pe/.github/workflows/release.yaml@refs/tags/v1.0.0",
];

/// Whether strangers everywhere are meant, by all of these patterns together.
pub(super) fn is_anybody(patterns: &[TextPattern]) -> bool {
    // Settings are read before each request: most identities are done with here.
    let may_be = |(before, _): &&(&str, &str)| {
        let stranger = format!("{before}{}", STRANGERS[0]);
        patterns.iter().all(|pattern| may_begin(pattern, &stranger))
    };
    let shapes = SHAPES.iter().filter(may_be);
    let countries = patterns.iter().filter_map(country);
    let domains: Vec<&str> = DOMAINS.into_iter().chain(countries).collect();
    shapes.into_iter().any(|(before, after)| {
        domains.iter().any(|domain| {
            STRANGERS.iter().all(|host| {
                let stranger = format!("{before}{host}.{domain}{after}");
                patterns.iter().all(|pattern| pattern.matches(&stranger))
            })
        })
    })
}

/// The country whose domain all hosts of a pattern are in, as in `*@*.de`. Longer names may be a network's own.
fn country(pattern: &TextPattern) -> Option<&str> {
    let TextPattern::Wildcard(text) = pattern else { return None };
    let (_, rest) = text.rsplit_once("*.")?;
    let domain = rest.split('/').next()?;
    (domain.len() == 2 && domain.bytes().all(|byte| byte.is_ascii_lowercase())).then_some(domain)
}

/// Whether the owner of a repository on GitHub is left open: whoever has an account there can sign so.
pub(super) fn is_any_github_owner(pattern: &TextPattern) -> bool {
    match pattern {
        TextPattern::Wildcard(text) => {
            let (before, after) = text.split_once(['*', '?']).unwrap_or((text, ""));
            // With a part of the workflow's name after the wildcard, or all of it.
            let rest: String = after.split('*').collect();
            let rest = rest.trim_start_matches('?').replace('?', "x");
            let (repository, tag) = ("qavz/xo", "@refs/heads/main");
            let workflows = ["/.github/workflows/ul.yml", "/.github/workflows/ul.yaml"].map(|file| {
                [
                    format!("{repository}{file}{tag}"),
                    format!("{repository}{rest}"),
                    format!("{repository}{file}{rest}"),
                ]
            });
            text.contains('*')
                && GITHUB.starts_with(before)
                && workflows.as_flattened().iter().any(|workflow| {
                    workflow.contains("/.github/workflows/")
                        && workflow.contains("@refs/")
                        && pattern.matches(&format!("{GITHUB}{workflow}"))
                })
        }
        TextPattern::Regex(_) | TextPattern::Below(_) => {
            may_begin(pattern, GITHUB)
                && WORKFLOWS.iter().all(|workflow| pattern.matches(&format!("{GITHUB}{workflow}")))
        }
        TextPattern::Exact(_) => false,
    }
}

/// Whether the value of the claim `githubWorkflowRepository` names an owner: `acme/*`, not `*` and not `*/app`.
pub(super) fn names_an_owner(repository: &str) -> bool {
    repository.split_once('/').is_some_and(|(owner, _)| !owner.is_empty() && !owner.contains(['*', '?']))
}

/// Whether an expression lets something with an `@` stand before an `@`: a branch may be called `x@refs/heads/main`.
pub(super) fn is_open_before_at(pattern: &TextPattern) -> bool {
    match pattern {
        TextPattern::Regex(regex) => {
            let mut before = regex.as_str();
            while let Some((rest, _)) = before.rsplit_once('@') {
                if ends_open(rest) {
                    return true;
                }
                before = rest;
            }
            false
        }
        TextPattern::Wildcard(_) | TextPattern::Exact(_) | TextPattern::Below(_) => false,
    }
}

/// Whether an expression ends with something repeated that may be an `@`, in a group or not: `.*`, `(.+)`, `[^/]*?`.
fn ends_open(source: &str) -> bool {
    let repeated = source.trim_end_matches([')', '?']);
    let Some(once) = repeated.strip_suffix(['*', '+']) else { return false };
    match once.strip_suffix(']').and_then(|class| class.rsplit_once('[')) {
        Some((_, class)) => class.starts_with('^') && !class.contains('@'),
        None => once.ends_with('.') && !once.ends_with(r"\.") || once.ends_with(r"\S"),
    }
}

/// The end of a name that others' names may begin with: `https://github.com/acme*` is `acme-evil` too, and
/// `https://github.com*` is `github.com.evil.example`.
pub(super) fn open_end(pattern: &TextPattern) -> Option<&str> {
    let (before, open) = match pattern {
        TextPattern::Wildcard(text) => {
            let (before, after) = text.split_once('*')?;
            (before, Some(after))
        }
        TextPattern::Regex(regex) => {
            let source = regex.as_str();
            let at = [".*", ".+"].iter().filter_map(|open| source.find(open)).min()?;
            let (before, after) = source.split_at_checked(at)?;
            (before, Some(after))
        }
        TextPattern::Exact(_) | TextPattern::Below(_) => return None,
    };
    open?;
    let (_, rest) = before.split_once("://")?;
    let mut parts = rest.split('/');
    let (host, owner) = (parts.next()?, parts.next());
    let name = owner.unwrap_or(host);
    let ends = name.chars().next_back().is_some_and(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    (parts.next().is_none() && ends).then_some(name)
}

/// Whether a text that begins so could match, as far as that can be told without trying.
fn may_begin(pattern: &TextPattern, beginning: &str) -> bool {
    let prefix = match pattern {
        TextPattern::Regex(regex) => Cow::Owned(literal_prefix(regex.as_str())),
        TextPattern::Wildcard(text) => {
            Cow::Borrowed(text.split_once(['*', '?']).map_or(text.as_str(), |(before, _)| before))
        }
        TextPattern::Exact(text) | TextPattern::Below(text) => Cow::Borrowed(text.as_str()),
    };
    prefix.starts_with(beginning) || beginning.starts_with(&*prefix)
}

/// The text that whatever the expression matches begins with; empty where that is not plain to see.
fn literal_prefix(source: &str) -> String {
    let rest = ["^", r"\A"].iter().find_map(|anchor| source.strip_prefix(anchor)).unwrap_or(source);
    if source.contains('|') {
        return String::new();
    }
    let mut prefix = String::new();
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | ':' | '/' | '-' | '_' | '@' => prefix.push(c),
            '\\' => match chars.next() {
                Some(escaped) if escaped.is_ascii_punctuation() => prefix.push(escaped),
                _ => break,
            },
            '*' | '?' | '{' => {
                // The last one may be missing.
                prefix.pop();
                break;
            }
            _ => break,
        }
    }
    prefix
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regex::AnchoredRegex;

    fn wildcard(text: &str) -> TextPattern {
        TextPattern::Wildcard(text.to_owned())
    }

    fn regex(source: &str) -> TextPattern {
        TextPattern::Regex(AnchoredRegex::parse(source).unwrap())
    }

    #[test]
    fn anybody_is_told_from_somebody() {
        for text in [
            "*",
            "http*",
            "https://*",
            "*://*",
            "https://*.com",
            "https://*.dev/*",
            "*@*.com",
            "*@*.org",
            "*@refs/heads/main",
            "spiffe://*",
            "*@*.de",
            "https://*.fr/*",
            "*.yml@*",
            "*.yaml@*",
        ] {
            assert!(is_anybody(&[wildcard(text)]), "{text}");
        }
        for text in [
            "https://github.com/*",
            "*@example.com",
            "https://*.example.com",
            "https://*.example.com/*",
            "spiffe://example.com/*",
            "a@*.b",
            "*@*.corp",
            "*@*.example.de",
            "*@example.de",
        ] {
            assert!(!is_anybody(&[wildcard(text)]), "{text}");
        }
        for source in [
            "(?s).*",
            "[a-z].*",
            r"\S+",
            r"\w+@\w+\.\w+",
            "https?://.*",
            "^https://[a-z.]+$",
            "^https://github.com/acme/.*$|.*",
            "h.*",
            r"^https:\/\/.+",
        ] {
            assert!(is_anybody(&[regex(source)]), "{source}");
        }
        for source in [
            r"^https://github\.com/acme/.*$",
            ".+@example[.]com",
            r"^https://(accounts\.google\.com|gitlab\.com)$",
            r"https://[a-z]+\.example\.com/.*",
        ] {
            assert!(!is_anybody(&[regex(source)]), "{source}");
        }
        assert!(is_anybody(&[wildcard("https://*"), regex(".*refs/heads/main")]));
        assert!(!is_anybody(&[wildcard("https://github.com/acme/*"), regex(".*refs/heads/main")]));
        assert!(!is_anybody(&[TextPattern::Below("https://github.com".to_owned())]));
    }

    #[test]
    fn an_owner_on_github_is_open_or_named() {
        for text in [
            "https://github.com/*",
            "https://github*",
            "https://github.com/*/.github/workflows/release.yml@refs/tags/*",
            "*/.github/workflows/x.yml@refs/heads/main",
            "https://github.com/*@refs/heads/main",
            "https://github.com/*.yaml@*",
            "*/*.yaml@*",
        ] {
            assert!(is_any_github_owner(&wildcard(text)), "{text}");
        }
        for text in [
            "https://github.com/acme/*",
            "https://github.com/acme*",
            "*@example.com",
            "https://gitlab.example.com/*",
            "https://github.com/",
            "https://github.com/acme/app/.github/workflows/x.yml@refs/heads/main",
        ] {
            assert!(!is_any_github_owner(&wildcard(text)), "{text}");
        }
        assert!(is_any_github_owner(&regex(r"^https://github\.com/.*$")));
        assert!(is_any_github_owner(&regex("^https://github.com/[^/]+/.*")));
        assert!(!is_any_github_owner(&regex("^https://github.com/acme/.*")));
        assert!(is_any_github_owner(&TextPattern::Below("https://github.com".to_owned())));
        assert!(!is_any_github_owner(&TextPattern::Below("https://github.com/acme".to_owned())));
        assert!(!is_any_github_owner(&TextPattern::Exact("https://github.com/*".to_owned())));
    }

    #[test]
    fn an_owner_is_named_by_the_repository() {
        for repository in ["acme/app", "acme/*"] {
            assert!(names_an_owner(repository), "{repository}");
        }
        for repository in ["*", "*/app", "acme*", "a*/app", "/app", "acme"] {
            assert!(!names_an_owner(repository), "{repository}");
        }
    }

    #[test]
    fn what_may_stand_before_an_at_is_found() {
        const WORKFLOW: &str = "https://github.com/acme/app/.github/workflows/";
        for open in [".*@", ".+@", "(.*)@", ".*?@", "(x|.+)?@", "[^/]*@", "[^/]+?@", r"\S+@", "[^@]*@.*@"] {
            assert!(is_open_before_at(&regex(&format!("{WORKFLOW}{open}refs/heads/main"))), "{open}");
        }
        for closed in ["[^@]*@", "[^/@]+@", "release[.]yml@", "[a-z]+[.]yml@", r"x\.*@"] {
            assert!(!is_open_before_at(&regex(&format!("{WORKFLOW}{closed}refs/heads/main"))), "{closed}");
        }
        assert!(!is_open_before_at(&regex("no at")));
        assert!(!is_open_before_at(&wildcard("https://github.com/acme/*@refs/heads/main")));
    }

    #[test]
    fn names_that_do_not_end_are_found() {
        for (text, name) in [
            ("https://github.com/acme*", "acme"),
            ("https://github.com/acme*/app/*", "acme"),
            ("https://github.com*", "github.com"),
            ("https://github.com/acme-*", "acme-"),
        ] {
            assert_eq!(open_end(&wildcard(text)), Some(name), "{text}");
        }
        for text in [
            "https://github.com/acme/*",
            "https://github.com/acme/app*",
            "https://github.com/acme",
            "https://github.com/*",
            "*@example.com",
            "https://*.example.com",
        ] {
            assert_eq!(open_end(&wildcard(text)), None, "{text}");
        }
        for (source, name) in
            [("^https://github.com/acme.*", "acme"), (r"https://github\.com/acme.+$", "acme")]
        {
            assert_eq!(open_end(&regex(source)), Some(name), "{source}");
        }
        for source in [
            "^https://github.com/acme/.*",
            "^https://github.com/(acme|app)/.*",
            "^https://github.com/[a-z]+/.*",
            ".*",
        ] {
            assert_eq!(open_end(&regex(source)), None, "{source}");
        }
    }

    #[test]
    fn a_prefix_is_what_every_match_begins_with() {
        for (source, prefix) in [
            (r"^https://github\.com/acme", "https://github.com/acme"),
            ("https://github.com/acme", "https://github"),
            ("https?://x", "http"),
            ("ab*c", "a"),
            ("a{0}b", ""),
            ("a|b", ""),
            ("(a)", ""),
            (r"\Aa\dz", "a"),
            (r"^a\.", "a."),
        ] {
            assert_eq!(literal_prefix(source), prefix, "{source}");
        }
    }
}
