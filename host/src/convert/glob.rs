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

    /// Whether a pattern is met.
    pub(super) fn matches(&self, text: &str) -> bool {
        fn rest(pattern: &[char], text: &[char]) -> bool {
            match pattern.split_first() {
                None => text.is_empty(),
                Some((&'*', after)) => {
                    rest(after, text) || text.split_first().is_some_and(|(_, text)| rest(pattern, text))
                }
                Some((wanted, after)) => text
                    .split_first()
                    .is_some_and(|(found, text)| (*wanted == '?' || wanted == found) && rest(after, text)),
            }
        }
        rest(&self.0.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>())
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
