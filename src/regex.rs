//! Regular expressions over a whole text, in the syntax of RE2 as Go has it, matched in linear time.

use core::fmt::{self, Debug, Formatter};

use regex_lite::{Regex, RegexBuilder};
use thiserror::Error;

use crate::limits::{MAX_IDENTITY_CHARS, MAX_REGEX_BYTES, MAX_REGEX_TEXT_BYTES};

/// A regular expression that a text matches only as a whole: `\A(?:…)\z`.
///
/// The syntax is what RE2 and Rust's `regex` have in common and mean alike; what only one of them knows, or
/// the other means differently, is refused. Characters are Unicode scalar values. `\d`, `\s`, `\w`, `\b` are
/// ASCII, as in RE2; so is `(?i)`, which is narrower than in RE2.
#[derive(Clone)]
pub struct AnchoredRegex {
    source: String,
    compiled: Regex,
}

/// Why a text is no regular expression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RegexError {
    /// Longer than the limit.
    #[error("longer than {MAX_IDENTITY_CHARS} bytes")]
    TooLong,
    /// Malformed, or something that is not supported, or too large when compiled.
    #[error("{0}")]
    Syntax(regex_lite::Error),
    /// Two syntaxes have it, with two meanings.
    #[error("`{0}` is not supported")]
    Ambiguous(&'static str),
}

impl AnchoredRegex {
    /// Compiles a regular expression.
    ///
    /// # Errors
    /// [`RegexError`] for what is malformed, not supported or larger than the limits.
    pub fn parse(source: &str) -> Result<Self, RegexError> {
        if source.len() > MAX_IDENTITY_CHARS {
            return Err(RegexError::TooLong);
        }
        check_meaning(source)?;
        let build = |source: &str| {
            RegexBuilder::new(source).size_limit(MAX_REGEX_BYTES).build().map_err(RegexError::Syntax)
        };
        // Alone first: `a)|(?:b` would be well-formed inside the group that anchors it.
        build(source)?;
        Ok(Self { source: source.to_owned(), compiled: build(&format!(r"\A(?:{source})\z"))? })
    }

    /// Whether the whole text matches. A text longer than [`MAX_REGEX_TEXT_BYTES`] does not.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        text.len() <= MAX_REGEX_TEXT_BYTES && self.compiled.is_match(text)
    }

    /// The expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether it says itself, at both ends of each alternative, that it is about the whole text: by `^` or
    /// `.*`, and `$` or `.*`. Where it does not, whoever wrote it may have meant a part.
    #[must_use]
    pub fn is_explicit(&self) -> bool {
        let flags = self.source.strip_prefix("(?i)").unwrap_or(&self.source);
        alternatives(flags).iter().all(|alternative| begins(alternative) && ends(alternative))
    }
}

impl PartialEq for AnchoredRegex {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for AnchoredRegex {}

impl Debug for AnchoredRegex {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AnchoredRegex").field(&self.source).finish()
    }
}

/// Refuses what RE2 does not know or means differently: `\<`, `\>`, `\b{…}`, spaces in `{1, 2}`, and the
/// flags `x`, `R` and `u`.
fn check_meaning(source: &str) -> Result<(), RegexError> {
    let mut rest = source;
    while let Some(at) = rest.find(['\\', '{', '(']) {
        let (_, found) = rest.split_at(at);
        if let Some(escaped) = found.strip_prefix('\\') {
            for (what, start) in [(r"\<", "<"), (r"\>", ">"), (r"\b{", "b{")] {
                if escaped.starts_with(start) {
                    return Err(RegexError::Ambiguous(what));
                }
            }
            let mut chars = escaped.chars();
            chars.next();
            rest = chars.as_str();
            continue;
        }
        if let Some((inside, _)) = found.strip_prefix('{').and_then(|rest| rest.split_once('}'))
            && inside.chars().all(|c| c.is_ascii_digit() || c == ',' || c.is_whitespace())
            && inside.contains(char::is_whitespace)
        {
            return Err(RegexError::Ambiguous("{ }"));
        }
        if let Some(flags) = found.strip_prefix("(?") {
            let flags =
                flags.split(|c: char| !c.is_ascii_alphabetic() && c != '-').next().unwrap_or_default();
            // `(?P<name>…)` is a group; it has no other flag.
            for (flag, what) in [('x', "(?x)"), ('R', "(?R)"), ('u', "(?u)")] {
                if flags.contains(flag) {
                    return Err(RegexError::Ambiguous(what));
                }
            }
        }
        let mut chars = found.chars();
        chars.next();
        rest = chars.as_str();
    }
    Ok(())
}

/// What stands between the `|` outside of groups and classes. The expression is well-formed.
fn alternatives(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut current = String::new();
    let mut depth = 0_usize;
    // In a class, how many characters of it were seen: a `]` at its very beginning is one of its characters.
    let mut class: Option<usize> = None;
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '|' && depth == 0 && class.is_none() {
            found.push(core::mem::take(&mut current));
            continue;
        }
        current.push(c);
        if c == '\\' {
            current.extend(chars.next());
            class = class.map(|seen| seen.saturating_add(1));
            continue;
        }
        class = match (class, c) {
            (None, '[') => Some(0),
            (Some(0), '^') => Some(0),
            (Some(seen), ']') if seen > 0 => None,
            // `[:alpha:]`
            (Some(seen), '[') if chars.peek() == Some(&':') => {
                for c in chars.by_ref() {
                    current.push(c);
                    if c == ']' {
                        break;
                    }
                }
                Some(seen.saturating_add(1))
            }
            (Some(seen), _) => Some(seen.saturating_add(1)),
            (None, '(') => {
                depth = depth.saturating_add(1);
                None
            }
            (None, ')') => {
                depth = depth.saturating_sub(1);
                None
            }
            (None, _) => None,
        };
    }
    found.push(current);
    found
}

fn begins(alternative: &str) -> bool {
    let anchored = ["^", r"\A"].iter().find_map(|anchor| alternative.strip_prefix(anchor));
    match anchored {
        Some(rest) => !rest.starts_with(['*', '?', '{']),
        None => alternative.starts_with(".*") || alternative.starts_with(".+"),
    }
}

fn ends(alternative: &str) -> bool {
    if let Some(rest) = alternative.strip_suffix(r"\z") {
        return !is_escaped(rest);
    }
    let tails = ["$", ".*", ".+"].iter();
    tails.filter_map(|tail| alternative.strip_suffix(tail)).any(|rest| !is_escaped(rest))
}

/// Whether what follows is escaped by the text's end.
fn is_escaped(text: &str) -> bool {
    let backslashes = text.chars().rev().take_while(|c| *c == '\\').count();
    !backslashes.is_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn regex(source: &str) -> AnchoredRegex {
        AnchoredRegex::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"))
    }

    #[test]
    fn rule_14_the_whole_text_must_match() {
        for (source, yes, no) in [
            ("abc", "abc", "abcd"),
            ("abc", "abc", "xabc"),
            ("abc", "abc", "abc\n"),
            ("abc", "abc", "abc\nabc"),
            ("(?m)abc$", "abc", "abc\nx"),
            ("(?m)^abc", "abc", "x\nabc"),
            ("a|b", "b", "ab"),
            ("a|abc", "abc", "abcd"),
            (r"\Aabc\z", "abc", " abc"),
            (".*", "x", "x\n"),
            ("(?s).*abc", "\nabc", "\nabcd"),
            ("", "", "x"),
            (
                "^https://github.com/acme/.+@refs/tags/v[0-9]+$",
                "https://github.com/acme/x@refs/tags/v1",
                "https://github.com/acme/x@refs/tags/v1x",
            ),
            (
                "https://github.com/acme/.*",
                "https://github.com/acme/a",
                "https://evil.example/?https://github.com/acme/a",
            ),
        ] {
            assert!(regex(source).is_match(yes), "{source}: {yes:?}");
            assert!(!regex(source).is_match(no), "{source}: {no:?}");
        }
    }

    #[test]
    fn characters_are_those_of_unicode_and_classes_those_of_ascii() {
        for (source, yes, no) in [
            ("^.$", "é", "éé"),
            ("[é-ü]", "ö", "o"),
            ("[^a]", "é", "a"),
            (r"\w", "w", "é"),
            (r"\W", "é", "w"),
            (r"\d", "7", "\u{667}"),
            (r"\x{e9}", "é", "e"),
            ("(?i)ACME", "acMe", "acm\u{e9}"),
            ("(?i)k", "K", "\u{212a}"),
            ("[[:alpha:]]+", "abc", "a1"),
            ("(?P<owner>[a-z]+)/(?:x|y)", "acme/y", "acme/z"),
            ("(?U)a+", "aa", "b"),
            ("a{2,3}", "aaa", "aaaa"),
            (r"\Ba\B|\*", "*", "a-"),
        ] {
            assert!(regex(source).is_match(yes), "{source}: {yes:?}");
            assert!(!regex(source).is_match(no), "{source}: {no:?}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_reason() {
        for (source, reason) in [
            ("(", "found open group without closing ')'"),
            ("a)|(?:b", "found closing ')' without matching '('"),
            ("[a", "non-empty character class has no closing bracket"),
            ("*a", "uncounted repetition operator must be applied to a sub-expression"),
            ("a(?=b)", "look-around is not supported"),
            ("(?<!a)b", "look-around is not supported"),
            (r"(a)\1", "backreferences are not supported"),
            (r"\pL", "Unicode character classes are not supported"),
            (r"\Qa\E", "unrecognized escape sequence"),
            ("[a&&b]", "character class intersection is not supported"),
            ("a{,3}", "expected decimal number, but found no digits"),
            ("a{9999}", "compiled regex exceeded size limit"),
            ("(?:(?:a{99}){99}){99}", "compiled regex exceeded size limit"),
            ("(?:){4294967295}", "compiled regex exceeded size limit"),
            (r"\<a\>", r"`\<` is not supported"),
            (r"a\>", r"`\>` is not supported"),
            (r"\b{start}a", r"`\b{` is not supported"),
            ("a{ 2}", "`{ }` is not supported"),
            ("a{1, 2}", "`{ }` is not supported"),
            ("(?x)a #", "`(?x)` is not supported"),
            ("(?i-x:a)", "`(?x)` is not supported"),
            ("(?R)a", "`(?R)` is not supported"),
            ("(?-u)a", "`(?u)` is not supported"),
        ] {
            let error = AnchoredRegex::parse(source).unwrap_err().to_string();
            assert!(error.contains(reason), "{source}: {error}");
        }
        let long = "a".repeat(MAX_IDENTITY_CHARS);
        assert!(regex(&long).is_match(&long));
        assert_eq!(AnchoredRegex::parse(&format!("{long}a")), Err(RegexError::TooLong));
        // What only looks like it.
        for (source, yes) in [(r"\\<a", r"\<a"), (r"\{ 2}", "{ 2}"), (r"\(?x", "(x"), ("(?P<xu>a)", "a")] {
            assert!(regex(source).is_match(yes), "{source}: {yes:?}");
        }
    }

    #[test]
    fn a_text_over_the_limit_never_matches() {
        let text = "a".repeat(MAX_REGEX_TEXT_BYTES);
        assert!(regex("a*").is_match(&text));
        assert!(!regex("a*").is_match(&format!("{text}a")));
    }

    #[test]
    fn an_expression_says_whether_it_is_about_the_whole_text() {
        for source in [
            "^a$",
            r"\Aa\z",
            ".*a.*",
            ".+a$",
            "(?i)^a$",
            "^(a|b)$",
            "^a$|^b$",
            "^[|]$",
            "^[]|]$",
            "^[^]|]$",
            "^[[:alpha:]|]$",
            r"^a\|b$",
            r"^a\\$",
            r"^[\]|]$",
        ] {
            assert!(regex(source).is_explicit(), "{source}");
        }
        for source in
            ["a", "^a", "a$", "", "^a|b$", "(^a$)", r"^a\$", r"^a\.*", "^*a$", "^a$|b", r"\^a$", r"^a\\z"]
        {
            assert!(!regex(source).is_explicit(), "{source}");
        }
    }

    #[test]
    fn two_are_equal_by_what_was_written() {
        assert_eq!(regex("a"), regex("a"));
        assert_ne!(regex("a"), regex("(?:a)"));
        assert_eq!(format!("{:?}", regex("a+")), "AnchoredRegex(\"a+\")");
        assert_eq!(regex("a+").as_str(), "a+");
    }

    proptest! {
        #[test]
        fn nothing_panics(source in r"[\\(){}\[\]^$.|*+?:<>,0-9a-zA-Z -]{0,24}", text in ".{0,24}") {
            if let Ok(regex) = AnchoredRegex::parse(&source) {
                let _ = (regex.is_match(&text), regex.is_explicit());
            }
        }

        #[test]
        fn nothing_at_all_panics(source in ".{0,24}", text in ".{0,24}") {
            if let Ok(regex) = AnchoredRegex::parse(&source) {
                let _ = (regex.is_match(&text), regex.is_explicit());
            }
        }

        #[test]
        fn escaped_text_matches_itself_alone(text in ".{0,24}", other in ".{0,24}") {
            let literal = regex(&regex_lite::escape(&text));
            prop_assert!(literal.is_match(&text));
            prop_assert_eq!(literal.is_match(&other), text == other);
        }
    }
}
