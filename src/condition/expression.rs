//! What the key of a condition looks at.

use serde_json::Value;

use super::ConditionError;
use super::path::{Path, Step, index};
use crate::regex::AnchoredRegex;

/// The key of a condition: a JSON Pointer, or one of the expressions that people write, which are not JMESPath.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    /// `/builder/id`, `{{ builder.id }}`, `{{ components[?name=='openssl'].version | [0] }}`
    Value(Path),
    /// `{{ regex_match('^https://…$', builder.id) }}`
    RegexMatch(AnchoredRegex, Path),
    /// `{{ length(@) }}`, `{{ components | length(@) }}`
    Length(Path),
    /// ``{{ components | length(@) > `0` }}``
    LengthIs(Path, Comparison, usize),
    /// `{{ time_since('', metadata.finishedOn, '') }}`
    Age(Path),
}

/// How a length is compared within an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
    /// `<=`
    LessOrEqual,
    /// `<`
    Less,
}

/// What an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any one value.
    One,
    /// Any number of values.
    Many,
    /// `true` or `false`.
    Truth,
    /// A number of things.
    Count,
    /// A time span.
    Age,
}

impl Expression {
    pub(super) fn parse(text: &str) -> Result<Self, ConditionError> {
        if text.starts_with('/') {
            return Path::pointer(text)
                .map(Self::Value)
                .ok_or_else(|| ConditionError::Pointer(text.to_owned()));
        }
        let unknown = || ConditionError::Expression { found: text.to_owned(), instead: instead(text) };
        let inner = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        let mut cursor = Cursor(inner.ok_or_else(unknown)?);
        let shape = cursor.shape().filter(|_| cursor.0.trim().is_empty()).ok_or_else(unknown)?;
        let one = |path: Path| {
            if path.is_many() { Err(ConditionError::ManyInFunction(text.to_owned())) } else { Ok(path) }
        };
        match shape {
            Shape::Path(path) => Ok(Self::Value(path)),
            Shape::Length(path) => Ok(Self::Length(path)),
            Shape::LengthIs(path, comparison, number) => Ok(Self::LengthIs(path, comparison, number)),
            Shape::Age(path) => Ok(Self::Age(one(path)?)),
            Shape::RegexMatch(source, path) => {
                let regex = match AnchoredRegex::parse(&source) {
                    Ok(regex) if regex.is_explicit() => regex,
                    Ok(_) => return Err(ConditionError::PartialRegex(source)),
                    Err(error) => return Err(ConditionError::Regex { regex: source, error }),
                };
                Ok(Self::RegexMatch(regex, one(path)?))
            }
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Value(path) if path.is_many() => Kind::Many,
            Self::Value(_) => Kind::One,
            Self::RegexMatch(..) | Self::LengthIs(..) => Kind::Truth,
            Self::Length(_) => Kind::Count,
            Self::Age(_) => Kind::Age,
        }
    }
}

impl Comparison {
    pub(super) fn holds(self, left: usize, right: usize) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::GreaterOrEqual => left >= right,
            Self::Greater => left > right,
            Self::LessOrEqual => left <= right,
            Self::Less => left < right,
        }
    }
}

/// An expression as it is written.
enum Shape {
    Path(Path),
    RegexMatch(String, Path),
    Length(Path),
    LengthIs(Path, Comparison, usize),
    Age(Path),
}

/// What is left to read.
struct Cursor<'t>(&'t str);

impl<'t> Cursor<'t> {
    /// Takes a token off the text, if it is next. White space before it does not matter.
    fn eat(&mut self, token: &str) -> bool {
        match self.0.trim_start().strip_prefix(token) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Option<()> {
        self.eat(token).then_some(())
    }

    fn shape(&mut self) -> Option<Shape> {
        if self.eat("regex_match(") {
            let source = self.literal()?;
            self.expect(",")?;
            let path = self.argument()?;
            self.expect(")")?;
            return Some(Shape::RegexMatch(source, path));
        }
        if self.eat("time_since(") {
            // A layout for the times, and the time to count to: both are ours to choose.
            self.expect("'',").or_else(|| self.expect("'' ,"))?;
            let path = self.argument()?;
            self.expect(",")?;
            self.expect("''")?;
            self.expect(")")?;
            return Some(Shape::Age(path));
        }
        if self.eat("length(") {
            let path = self.path()?;
            self.expect(")")?;
            return self.length(path);
        }
        let mut steps = self.steps()?;
        let filters = steps.iter().any(|step| matches!(step, Step::Where { .. }));
        // The items of the list themselves are never what is compared.
        if matches!(steps.last(), Some(Step::Where { .. })) {
            return None;
        }
        while self.eat("|") {
            if self.eat("[0]") {
                steps.push(Step::First);
            } else if !filters && self.eat("length(@)") {
                return self.length(Path::new(steps)?);
            } else {
                return None;
            }
        }
        Path::new(steps).map(Shape::Path)
    }

    /// What may follow a length: ``> `0` ``.
    fn length(&mut self, path: Path) -> Option<Shape> {
        let comparisons = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            (">=", Comparison::GreaterOrEqual),
            (">", Comparison::Greater),
            ("<=", Comparison::LessOrEqual),
            ("<", Comparison::Less),
        ];
        let Some((_, comparison)) = comparisons.into_iter().find(|(token, _)| self.eat(token)) else {
            return Some(Shape::Length(path));
        };
        self.expect("`")?;
        let (number, rest) = self.0.split_once('`')?;
        self.0 = rest;
        if number.is_empty() {
            return None;
        }
        Some(Shape::LengthIs(path, comparison, index(number)?))
    }

    /// A path, or a variable in a text as Kyverno's documentation has it: `'{{ path }}'`.
    fn argument(&mut self) -> Option<Path> {
        if self.eat("'{{") {
            let path = self.path()?;
            self.expect("}}")?;
            self.expect("'")?;
            return Some(path);
        }
        self.path()
    }

    fn path(&mut self) -> Option<Path> {
        let steps = self.steps()?;
        if steps.iter().any(|step| matches!(step, Step::Where { .. })) { None } else { Path::new(steps) }
    }

    /// `@`, `a.b`, `a."b-c"[0].d[]`, `a[*].b`, `a[?name=='x'].b`
    fn steps(&mut self) -> Option<Vec<Step>> {
        let mut steps = Vec::new();
        if !self.eat("@") {
            let first = self.word()?;
            // These are Kyverno's names for the request, not for what is attested.
            if ["request", "images", "element"].contains(&first.as_str()) {
                return None;
            }
            steps.push(Step::Field(first));
        }
        loop {
            let step = if self.eat(".") {
                Step::Field(self.word()?)
            } else if self.eat("[]") {
                Step::Flatten
            } else if self.eat("[*]") {
                Step::Each
            } else if self.eat("[?") {
                let name = self.word()?;
                self.expect("==")?;
                let text = self.literal()?;
                self.expect("]")?;
                Step::Where { name, text }
            } else if self.eat("[") {
                let (number, rest) = self.0.split_once(']')?;
                self.0 = rest;
                if number.is_empty() {
                    return None;
                }
                Step::Index(index(number)?)
            } else {
                return Some(steps);
            };
            steps.push(step);
        }
    }

    /// `name`, `"any name"`
    fn word(&mut self) -> Option<String> {
        let text: &'t str = self.0.trim_start();
        if text.starts_with('"') {
            // A text of JSON.
            let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
            let Some(Ok(Value::String(word))) = values.next() else { return None };
            (_, self.0) = text.split_at_checked(values.byte_offset())?;
            return Some(word);
        }
        let rest = text.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let word = text.strip_suffix(rest).filter(|word| !word.starts_with(|c: char| c.is_ascii_digit()))?;
        if word.is_empty() {
            return None;
        }
        self.0 = rest;
        Some(word.to_owned())
    }

    /// `'text'`, in which `\'` is a quote.
    fn literal(&mut self) -> Option<String> {
        self.expect("'")?;
        let mut text = String::new();
        let mut chars = self.0.chars();
        loop {
            match chars.next()? {
                '\'' => break,
                '\\' => match chars.next()? {
                    '\'' => text.push('\''),
                    other => text.extend(['\\', other]),
                },
                other => text.push(other),
            }
        }
        self.0 = chars.as_str();
        Some(text)
    }
}

/// What to write in place of an expression that is not known.
fn instead(text: &str) -> &'static str {
    let known = [
        (
            "request.",
            "a condition sees the predicate alone; what concerns the request belongs in the policy's matchConditions",
        ),
        ("images.", "a condition sees the predicate alone"),
        ("element", "a condition sees the predicate alone"),
        ("||", "write each alternative as a condition in `any`"),
        ("&&", "write each part as a condition in `all`"),
        (
            "semver_compare(",
            "write the path as the key, and the operator `GreaterThanOrEquals` or `LessThan` with a version",
        ),
        ("pattern_match(", "write the path as the key, and `Equals` with the pattern as the value"),
        ("starts_with(", "write the path as the key, and `Equals` with a value that ends in `*`"),
        ("ends_with(", "write the path as the key, and `Equals` with a value that begins with `*`"),
        (
            "contains(",
            "write the path as the key, and `AnyIn` for a list or `Equals` with `*text*` for a text",
        ),
        ("to_upper(", "write `regex_match('(?i)^text$', a.path)`"),
        ("to_lower(", "write `regex_match('(?i)^text$', a.path)`"),
        ("time_", "write `time_since('', a.path, '')`, and compare it with a duration such as `168h`"),
        ("length(", "write `length(a.path)` or `a.path | length(@)`, and compare it with `GreaterThan`"),
        ("[-", "write an index from the beginning, such as `[0]`"),
        ("[?", "write `a.list[?name=='text'].field`, with `==` and one text"),
        ("==", "write the path as the key, and the operator `Equals`"),
        ("!=", "write the path as the key, and the operator `NotEquals`"),
        (">", "write the path as the key, and the operator `GreaterThan`"),
        ("<", "write the path as the key, and the operator `LessThan`"),
    ];
    let known = known.iter().find(|(part, _)| text.contains(part)).map(|(_, instead)| *instead);
    known.unwrap_or("names with other characters than letters, digits and `_` are quoted: `{{ a.\"b-c\" }}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str) -> Step {
        Step::Field(name.to_owned())
    }

    fn path(steps: Vec<Step>) -> Path {
        Path::new(steps).unwrap()
    }

    #[test]
    fn paths_are_those_of_jmespath() {
        let openssl = || Step::Where { name: "name".to_owned(), text: "openssl".to_owned() };
        for (text, steps) in [
            ("{{ builder.id }}", vec![field("builder"), field("id")]),
            ("{{buildType}}", vec![field("buildType")]),
            (" {{ a . b }} ", vec![field("a"), field("b")]),
            ("{{ @ }}", vec![]),
            ("{{ @.a }}", vec![field("a")]),
            (
                r#"{{ a."b-c"[0]."\u0064 \"e\"" }}"#,
                vec![field("a"), field("b-c"), Step::Index(0), field("d \"e\"")],
            ),
            (r#"{{ "a.b" }}"#, vec![field("a.b")]),
            ("{{ a[].b }}", vec![field("a"), Step::Flatten, field("b")]),
            ("{{ a[*].b[] }}", vec![field("a"), Step::Each, field("b"), Step::Flatten]),
            (
                "{{ components[?name=='openssl'].version }}",
                vec![field("components"), openssl(), field("version")],
            ),
            (
                "{{ components[?name == 'openssl'].version|[0] }}",
                vec![field("components"), openssl(), field("version"), Step::First],
            ),
            ("{{ requests.a }}", vec![field("requests"), field("a")]),
        ] {
            assert_eq!(Expression::parse(text), Ok(Expression::Value(path(steps))), "{text}");
        }
        assert_eq!(Expression::parse("/a/b"), Ok(Expression::Value(Path::pointer("/a/b").unwrap())));
    }

    #[test]
    fn functions_are_those_that_people_write() {
        let regex = |source: &str| AnchoredRegex::parse(source).unwrap();
        let id = || path(vec![field("builder"), field("id")]);
        for (text, wanted) in [
            ("{{ regex_match('^https://github.com/acme/.*', builder.id) }}", "^https://github.com/acme/.*"),
            ("{{ regex_match('^a$','{{ builder.id}}') }}", "^a$"),
            (r"{{ regex_match('^a\.b\'c$' , '{{builder.id}}' ) }}", r"^a\.b'c$"),
        ] {
            assert_eq!(Expression::parse(text), Ok(Expression::RegexMatch(regex(wanted), id())), "{text}");
        }
        for text in ["{{ length(builder.id) }}", "{{ builder.id | length(@) }}", "{{builder.id|length(@)}}"] {
            assert_eq!(Expression::parse(text), Ok(Expression::Length(id())), "{text}");
        }
        assert_eq!(Expression::parse("{{ length(@) }}"), Ok(Expression::Length(path(vec![]))));
        for (token, comparison) in [
            (">", Comparison::Greater),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            ("<=", Comparison::LessOrEqual),
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
        ] {
            let wanted = Expression::LengthIs(id(), comparison, 12);
            assert_eq!(Expression::parse(&format!("{{{{ length(builder.id) {token} `12` }}}}")), Ok(wanted));
        }
        for text in ["{{ time_since('', '{{ builder.id }}', '') }}", "{{ time_since('',builder.id,'') }}"] {
            assert_eq!(Expression::parse(text), Ok(Expression::Age(id())), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_what_to_write() {
        for (text, wanted) in [
            ("", "names with other"),
            ("builder.id", "names with other"),
            ("{{ }}", "names with other"),
            ("{{ builder.id", "names with other"),
            ("{{ builder..id }}", "names with other"),
            ("{{ .a }}", "names with other"),
            ("{{ 0a }}", "names with other"),
            ("{{ build-type }}", "are quoted"),
            ("{{ a b }}", "names with other"),
            ("{{ a[00] }}", "names with other"),
            ("{{ a[+1] }}", "names with other"),
            ("{{ builder.id }}x", "names with other"),
            ("{{ builder.id }}{{ builder.id }}", "names with other"),
            ("{{ a \"b }}", "names with other"),
            ("{{ builder.id || 'x' }}", "a condition in `any`"),
            ("{{ a && b }}", "a condition in `all`"),
            ("{{ regex_match('x') }}", "names with other"),
            ("{{ regex_match(builder.id, 'x') }}", "names with other"),
            ("{{ regex_match('x, builder.id) }}", "names with other"),
            ("{{ regex_match('^x$', builder.id) || `true` }}", "a condition in `any`"),
            ("{{ length(@) > 0 }}", "`a.path | length(@)`"),
            ("{{ length(@) > `-1` }}", "`a.path | length(@)`"),
            ("{{ length(@) > `` }}", "`a.path | length(@)`"),
            ("{{ length(components[?name=='x']) }}", "`a.path | length(@)`"),
            ("{{ components[?name=='x'].version | length(@) }}", "`a.path | length(@)`"),
            ("{{ time_since('', '2026-01-01T00:00:00Z', '') }}", "time_since('', a.path, '')"),
            ("{{ time_since('2006-01-02', a, '') }}", "time_since('', a.path, '')"),
            ("{{ time_since('', a, '2026-01-01T00:00:00Z') }}", "time_since('', a.path, '')"),
            ("{{ time_since('', a, b) }}", "time_since('', a.path, '')"),
            ("{{ components[?name=='x'] }}", "a.list[?name=='text'].field"),
            ("{{ components[?name!='x'].version }}", "a.list[?name=='text'].field"),
            ("{{ a[?b=='x'].c[?d=='y'].e }}", "a.list[?name=='text'].field"),
            ("{{ components[?contains(name, 'x')].version }}", "AnyIn"),
            ("{{ components | [0] }}", "names with other"),
            ("{{ components[].a | [1] }}", "names with other"),
            ("{{ a[*].b[*].c }}", "names with other"),
            ("{{ a[-1] }}", "from the beginning"),
            ("{{ to_upper(builder.id) }}", "(?i)"),
            ("{{ semver_compare(a, '>=1.0.0') }}", "with a version"),
            ("{{ a == 'b' }}", "the operator `Equals`"),
            ("{{ request.object.metadata.name }}", "the predicate alone"),
            ("{{ regex_match('^x$', request.namespace) }}", "the predicate alone"),
        ] {
            match Expression::parse(text) {
                Err(ConditionError::Expression { found, instead }) => {
                    assert_eq!(found, text);
                    assert!(instead.contains(wanted), "{text}: {instead}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        for bad in ["/a~", "/~2"] {
            assert_eq!(Expression::parse(bad), Err(ConditionError::Pointer(bad.to_owned())));
        }
        for many in ["{{ regex_match('^x$', a[].b) }}", "{{ time_since('', a[*], '') }}"] {
            assert_eq!(Expression::parse(many), Err(ConditionError::ManyInFunction(many.to_owned())));
        }
    }

    #[test]
    fn rule_14_a_regular_expression_says_that_it_is_about_the_whole_text() {
        let partial = |source: &str| Err(ConditionError::PartialRegex(source.to_owned()));
        for source in ["https://github.com/acme/", "^https://github.com/acme/", "acme$", "^a|b$"] {
            assert_eq!(Expression::parse(&format!("{{{{ regex_match('{source}', a) }}}}")), partial(source));
        }
        match Expression::parse("{{ regex_match('^(a$', b) }}") {
            Err(ConditionError::Regex { regex, error }) => {
                assert_eq!(
                    (regex.as_str(), error.to_string().as_str()),
                    ("^(a$", "found open group without closing ')'")
                );
            }
            other => panic!("{other:?}"),
        }
    }
}
