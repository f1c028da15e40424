//! Kyverno's wildcards in names: `*` for any characters, `?` for one, over the whole name.

/// A name of a Kubernetes object, or a pattern of such.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Glob(String);

impl Glob {
    /// Takes what can be in a name, and wildcards. Nothing else: it is written into an expression.
    pub(super) fn new(text: &str) -> Option<Self> {
        let known = |character: char| character.is_ascii_alphanumeric() || "-._:*?".contains(character);
        (!text.is_empty() && text.chars().all(known)).then(|| Self(text.to_owned()))
    }

    /// The name, if it is one.
    pub(super) fn literal(&self) -> Option<&str> {
        (!self.0.contains(['*', '?'])).then_some(self.0.as_str())
    }

    /// Whether it is `*`.
    pub(super) fn is_any(&self) -> bool {
        self.0 == "*"
    }

    /// The same as a regular expression (RE2).
    fn regex(&self) -> String {
        let inner = self.0.chars().map(|character| match character {
            '*' => ".*".to_owned(),
            '?' => ".".to_owned(),
            '.' => "[.]".to_owned(),
            other => other.to_string(),
        });
        format!("^{}$", inner.collect::<String>())
    }

    /// A CEL expression that says whether `subject` is one of these.
    pub(super) fn any_of(globs: &[Self], subject: &str) -> String {
        let literals: Vec<String> =
            globs.iter().filter_map(Self::literal).map(|name| format!("'{name}'")).collect();
        let patterns = globs.iter().filter(|glob| glob.literal().is_none());
        let mut choices: Vec<String> =
            patterns.map(|glob| format!("{subject}.matches('{}')", glob.regex())).collect();
        if !literals.is_empty() {
            choices.insert(0, format!("{subject} in [{}]", literals.join(", ")));
        }
        choices.join(" || ")
    }

    /// Whether a pattern is met. A wildcard takes as little as will do: where what follows the last one does not fit, it
    /// takes one character more, and no earlier one has to be tried again.
    pub(super) fn matches(&self, text: &str) -> bool {
        let mut pattern = self.0.chars();
        let mut text = text.chars();
        let mut last = None;
        loop {
            let before = text.clone();
            match (pattern.next(), text.next()) {
                (Some('*'), _) => {
                    text = before;
                    last = Some((pattern.clone(), text.clone()));
                    continue;
                }
                (None, None) => return true,
                (Some(wanted), Some(found)) if wanted == '?' || wanted == found => continue,
                (Some(_), Some(_)) | (Some(_), None) | (None, Some(_)) => {}
            }
            let Some((after, mut taken)) = last.take() else { return false };
            if taken.next().is_none() {
                return false;
            }
            (pattern, text) = (after.clone(), taken.clone());
            last = Some((after, taken));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_the_whole_name() {
        let glob = Glob::new("kube-*").unwrap();
        assert_eq!(glob.regex(), "^kube-.*$");
        assert!(glob.matches("kube-system") && glob.matches("kube-"));
        assert!(!glob.matches("kube") && !glob.matches("my-kube-system"));
        assert!(Glob::new("a?c").unwrap().matches("abc") && !Glob::new("a?c").unwrap().matches("ac"));
        assert_eq!(Glob::new("a.b").unwrap().regex(), "^a[.]b$");
    }

    #[test]
    fn wildcards_take_what_fits() {
        for (pattern, met, not) in [
            ("*", &["", "a", "ab"][..], &[][..]),
            ("**a", &["a", "ba", "aa"], &["", "ab"]),
            ("a*", &["a", "ab"], &["", "ba"]),
            ("a*b*c", &["abc", "axbxc", "abbcbc"], &["ab", "acb", "abcx"]),
            ("*ab", &["ab", "aab", "abab"], &["aba", "b"]),
            ("?*?", &["ab", "abc"], &["", "a"]),
            ("abc", &["abc"], &["ab", "abcd", ""]),
        ] {
            let glob = Glob::new(pattern).unwrap();
            assert!(met.iter().all(|text| glob.matches(text)), "{pattern}");
            assert!(!not.iter().any(|text| glob.matches(text)), "{pattern}");
        }
    }

    /// Each wildcard that could be tried again would double the time, or more.
    #[test]
    fn wildcards_take_no_time() {
        let text = "a".repeat(500);
        for pattern in ["*".repeat(500) + "x", "*a".repeat(250) + "x", "a*".repeat(250) + "x"] {
            assert!(!Glob::new(&pattern).unwrap().matches(&text));
        }
    }

    #[test]
    fn nothing_gets_out_of_the_quotes() {
        for text in ["", "a'b", "a\\b", "a b", "{{ request.namespace }}", "a|b", "(a)", "!a"] {
            assert_eq!(Glob::new(text), None, "{text}");
        }
    }

    #[test]
    fn names_and_patterns_make_one_expression() {
        let globs: Vec<Glob> = ["a", "b-*", "c"].iter().filter_map(|text| Glob::new(text)).collect();
        assert_eq!(Glob::any_of(&globs, "x"), "x in ['a', 'c'] || x.matches('^b-.*$')");
    }
}
