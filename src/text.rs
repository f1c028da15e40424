//! Untrusted text in messages: escaped, so that it cannot forge lines or hide, and cut.

use core::fmt::{self, Display, Formatter, Write};

use crate::limits::MAX_SHOWN_CHARS;

/// Shows untrusted text: printable ASCII as it is, everything else escaped, at most
/// [`MAX_SHOWN_CHARS`] characters of it, with an ellipsis where something was cut.
///
/// Non-ASCII is escaped too: image references, digests and registry answers have no use for it, and
/// it is how look-alike and right-to-left characters get into a terminal. PEM is not shown at all.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(pub &'a str);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // What is pasted into the wrong field may be a private key.
        let (text, is_cut) = match self.0.split_once("-----BEGIN ") {
            Some((before, _)) => (before, true),
            None => (self.0, false),
        };
        let mut chars = text.chars();
        for c in chars.by_ref().take(MAX_SHOWN_CHARS) {
            match c {
                '`' => f.write_str("\\u{60}")?,
                ' '..='~' => f.write_char(c)?,
                _ => write!(f, "{}", c.escape_default())?,
            }
        }
        if is_cut || chars.next().is_some() {
            f.write_str("…")?;
        }
        Ok(())
    }
}

/// Cuts a text to `max` characters, the last of them an ellipsis where something was cut.
#[must_use]
pub fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(max.saturating_sub(1)).collect();
    out.push('…');
    out
}

/// `1 image`, `2 images`.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// "a", "a or b", "a, b or c": what is allowed in a place.
pub(crate) fn alternatives<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<&str> = words.into_iter().collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// Anchored wildcard match, `*` for any bytes and `?` for one, in time proportional to the product of the lengths at most.
pub(crate) fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0_usize, 0_usize);
    // Where to take up again: after the last `*`, with one character more given to it.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(c) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                p = p.saturating_add(1);
                retry = Some((p, t));
            }
            Some(w) if *w == b'?' || w == c => {
                p = p.saturating_add(1);
                t = t.saturating_add(1);
            }
            _ => match retry {
                Some((after_star, from)) => {
                    let from = from.saturating_add(1);
                    (p, t) = (after_star, from);
                    retry = Some((after_star, from));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|rest| *rest == b'*')
}

/// A match by wildcards in which what stands before the pattern's last `@` has no more of them than the pattern: a branch
/// may be called `x@refs/heads/main`, and is not what `https://github.com/acme/*@refs/heads/main` means.
pub(crate) fn matches_before_at(matches: fn(&str, &str) -> bool, pattern: &str, text: &str) -> bool {
    let Some((before, behind)) = pattern.rsplit_once('@') else { return matches(pattern, text) };
    let ats = before.matches('@').count();
    let Some((at, _)) = text.match_indices('@').nth(ats) else { return false };
    let Some((head, tail)) = text.split_at_checked(at) else { return false };
    matches(before, head) && tail.strip_prefix('@').is_some_and(|tail| matches(behind, tail))
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "the texts are ASCII and the tests' own")]
mod tests {
    use super::*;

    #[test]
    fn control_characters_bidi_and_backticks_are_escaped() {
        assert_eq!(Shown("a\nb\u{1b}[31m`\u{202e}é").to_string(), "a\\nb\\u{1b}[31m\\u{60}\\u{202e}\\u{e9}");
    }

    #[test]
    fn long_text_is_cut() {
        let long = "x".repeat(MAX_SHOWN_CHARS + 1);
        assert_eq!(Shown(&long).to_string(), format!("{}…", "x".repeat(MAX_SHOWN_CHARS)));
        assert_eq!(Shown(&long[1..]).to_string(), "x".repeat(MAX_SHOWN_CHARS));
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abcd", 4), "abcd");
    }

    #[test]
    fn pem_is_not_shown() {
        assert_eq!(Shown("k8s://-----BEGIN PRIVATE KEY-----\nMEEC").to_string(), "k8s://…");
        assert_eq!(Shown("-----END").to_string(), "-----END");
    }

    #[test]
    fn lists_read_well() {
        assert_eq!(alternatives([]), "");
        assert_eq!(alternatives(["a"]), "a");
        assert_eq!(alternatives(["a", "b", "c"]), "a, b or c");
        assert_eq!(counted(1, "image"), "1 image");
        assert_eq!(counted(0, "image"), "0 images");
    }
}
