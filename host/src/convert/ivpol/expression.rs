//! The plain forms of validations, and nothing else of CEL:
//!
//! ```text
//! images.containers.map(i, verifyImageSignatures(i, [attestors.a, attestors.b])).all(e, e > 0)
//! images.containers.all(i, verifyImageSignatures(i, [attestors.a]) > 0)
//! images.containers.map(i, verifyAttestationSignatures(i, attestations.sbom, [attestors.a])).all(e, e > 0)
//! ```
//!
//! also over `initContainers` and `ephemeralContainers`, over lists added up in parentheses, over lists that may be absent
//! (`images.?ephemeralContainers.orValue([])`), by names with a hyphen (`attestors["a-b"]`), with `>= N` and `== N`, and
//! several of them joined by `&&`.

use super::super::refusal::At;
use std::collections::BTreeSet;

/// One of the lists that Kyverno finds images in.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum ImageList {
    Containers,
    InitContainers,
    EphemeralContainers,
}

impl ImageList {
    pub(super) const ALL: [Self; 3] = [Self::Containers, Self::InitContainers, Self::EphemeralContainers];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Containers => "containers",
            Self::InitContainers => "initContainers",
            Self::EphemeralContainers => "ephemeralContainers",
        }
    }
}

/// What is verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Verified {
    Signatures,
    /// The attestation of that name.
    Attestation(String),
}

/// One thing asked of images.
#[derive(Clone, Debug)]
pub(super) struct Requirement {
    pub(super) path: String,
    pub(super) what: Verified,
    pub(super) attestors: Vec<String>,
    /// How many of the attestors.
    pub(super) count: usize,
}

impl Requirement {
    pub(super) fn asks_the_same(&self, other: &Self) -> bool {
        (&self.what, &self.attestors, self.count) == (&other.what, &other.attestors, other.count)
    }
}

const PLAIN: &str = "understood is `images.containers.map(image, verifyImageSignatures(image, [attestors.NAME])).all(e, \
                     e > 0)`, also with `verifyAttestationSignatures`, other lists, `>= N`, and joined by `&&`";

type Asked = Vec<(BTreeSet<ImageList>, Requirement)>;

/// What an expression asks for.
pub(super) fn parse(expression: &str, path: &str) -> Result<Asked, At> {
    let refused = || At::value(path, expression, PLAIN);
    let tokens = tokens(expression).ok_or_else(refused)?;
    let mut parser = Parser { tokens: &tokens };
    let mut asked = Vec::new();
    loop {
        let (lists, what, attestors, count) = parser.term().ok_or_else(refused)?;
        asked.push((lists, Requirement { path: path.to_owned(), what, attestors, count }));
        match parser.tokens.split_first() {
            None => return Ok(asked),
            Some((token, rest)) if token == "&&" => parser.tokens = rest,
            Some(_) => return Err(refused()),
        }
    }
}

/// Names, numbers, signs, and names in quotes.
fn tokens(expression: &str) -> Option<Vec<String>> {
    const SIGNS: [&str; 14] = ["&&", ">=", "==", ">", "(", ")", "[", "]", ".", "?", ",", "+", " ", "\n"];
    let mut tokens = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_alphanumeric() || first == '_' {
            rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(rest.len())
        } else if let Some(quoted) = rest.strip_prefix(['"', '\'']) {
            // Without escapes: a name has none.
            let name =
                quoted.split(|letter: char| !letter.is_ascii_alphanumeric() && !"-_.".contains(letter));
            let length = name.take(1).map(str::len).sum::<usize>().checked_add(1)?;
            let end = rest.get(length..)?;
            end.starts_with(first).then_some(length.checked_add(1)?)?
        } else {
            SIGNS.into_iter().find(|sign| rest.starts_with(sign))?.len()
        };
        let (token, after) = rest.split_at_checked(length)?;
        if !token.trim().is_empty() {
            tokens.push(token.to_owned());
        }
        rest = after;
    }
    Some(tokens)
}

struct Parser<'t> {
    tokens: &'t [String],
}

type Term = (BTreeSet<ImageList>, Verified, Vec<String>, usize);

impl Parser<'_> {
    fn next(&mut self) -> Option<&str> {
        let (token, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(token)
    }

    /// The next tokens, if they are these.
    fn expect(&mut self, tokens: &[&str]) -> Option<()> {
        tokens.iter().try_for_each(|token| (self.next()? == *token).then_some(()))
    }

    fn peek(&self, token: &str) -> bool {
        self.tokens.first().is_some_and(|next| next == token)
    }

    fn name(&mut self) -> Option<String> {
        let name = self.next()?;
        name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_').then(|| name.to_owned())
    }

    fn term(&mut self) -> Option<Term> {
        let lists = self.lists()?;
        self.expect(&["."])?;
        let function = self.name()?;
        self.expect(&["("])?;
        let image = self.name()?;
        self.expect(&[","])?;
        let (what, attestors) = self.call(&image)?;
        match function.as_str() {
            "all" => {}
            "map" => {
                self.expect(&[")", ".", "all", "("])?;
                let result = self.name()?;
                self.expect(&[","])?;
                self.expect(&[&result])?;
            }
            _ => return None,
        }
        let count = self.count(attestors.len())?;
        self.expect(&[")"])?;
        Some((lists, what, attestors, count))
    }

    fn lists(&mut self) -> Option<BTreeSet<ImageList>> {
        if !self.peek("(") {
            return Some([self.list()?].into());
        }
        self.expect(&["("])?;
        let mut lists = BTreeSet::from([self.list()?]);
        while self.peek("+") {
            self.expect(&["+"])?;
            lists.insert(self.list()?);
        }
        self.expect(&[")"])?;
        Some(lists)
    }

    fn list(&mut self) -> Option<ImageList> {
        self.expect(&["images", "."])?;
        let optional = self.peek("?");
        if optional {
            self.expect(&["?"])?;
        }
        let name = self.name()?;
        if optional {
            self.expect(&[".", "orValue", "(", "[", "]", ")"])?;
        }
        ImageList::ALL.into_iter().find(|list| list.name() == name)
    }

    /// One of them, by its name: `attestors.NAME`, `attestors["NAME"]`.
    fn one_of(&mut self, all: &str) -> Option<String> {
        self.expect(&[all])?;
        match self.next()? {
            "." => self.name(),
            "[" => {
                let quoted = self.next()?.to_owned();
                self.expect(&["]"])?;
                let name = quoted.strip_prefix(['"', '\''])?.strip_suffix(['"', '\''])?;
                (!name.is_empty()).then(|| name.to_owned())
            }
            _ => None,
        }
    }

    fn call(&mut self, image: &str) -> Option<(Verified, Vec<String>)> {
        let function = self.name()?;
        self.expect(&["(", image, ","])?;
        let what = match function.as_str() {
            "verifyImageSignatures" => Verified::Signatures,
            "verifyAttestationSignatures" => {
                let name = self.one_of("attestations")?;
                self.expect(&[","])?;
                Verified::Attestation(name)
            }
            _ => return None,
        };
        self.expect(&["["])?;
        let mut attestors = Vec::new();
        loop {
            attestors.push(self.one_of("attestors")?);
            if self.peek(",") {
                self.expect(&[","])?;
            } else {
                self.expect(&["]", ")"])?;
                return Some((what, attestors));
            }
        }
    }

    /// At least one. An exact number can only be asked for if it is all.
    fn count(&mut self, attestors: usize) -> Option<usize> {
        let operator = self.next()?.to_owned();
        let number: usize = self.next()?.parse().ok()?;
        let count = match operator.as_str() {
            ">" => number.checked_add(1)?,
            ">=" => number,
            "==" if number == attestors => number,
            _ => return None,
        };
        (count > 0).then_some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Shown = (Vec<&'static str>, Verified, Vec<String>, usize);

    fn asked(expression: &str) -> Option<Vec<Shown>> {
        let asked = parse(expression, "x").ok()?;
        let shown = |(lists, one): (BTreeSet<ImageList>, Requirement)| {
            (lists.into_iter().map(ImageList::name).collect(), one.what, one.attestors, one.count)
        };
        Some(asked.into_iter().map(shown).collect())
    }

    #[test]
    fn plain_forms_are_understood() {
        let one = |count| vec![(vec!["containers"], Verified::Signatures, vec!["a".to_owned()], count)];
        for (expression, count) in [
            ("images.containers.map(image, verifyImageSignatures(image, [attestors.a])).all(e, e > 0)", 1),
            ("images.containers\n  .map(i, verifyImageSignatures(i,[attestors.a])) .all(x, x >= 1)", 1),
            ("images.containers.all(image, verifyImageSignatures(image, [attestors.a]) == 1)", 1),
            ("images.containers.all(image, verifyImageSignatures(image, [attestors.a]) > 1)", 2),
            ("images.containers.all(image, verifyImageSignatures(image, [attestors[\"a\"]]) > 0)", 1),
            ("images.containers.all(image, verifyImageSignatures(image, [attestors['a']]) > 0)", 1),
            ("images.?containers.orValue([]).all(image, verifyImageSignatures(image, [attestors.a]) > 0)", 1),
        ] {
            assert_eq!(asked(expression), Some(one(count)), "{expression}");
        }
        let both = "images.containers.all(i, verifyImageSignatures(i, [attestors.a]) > 0) && \
                    (images.containers + images.initContainers).map(i, verifyAttestationSignatures(i, \
                    attestations.sbom, [attestors.a, attestors.b])).all(e, e == 2)";
        let attestation = Verified::Attestation("sbom".to_owned());
        let second =
            (vec!["containers", "initContainers"], attestation, vec!["a".to_owned(), "b".to_owned()], 2);
        assert_eq!(asked(both), Some([one(1), vec![second]].concat()));
        let hyphens = "(images.containers + images.?ephemeralContainers.orValue([])).all(i, \
                       verifyAttestationSignatures(i, attestations[\"the-sbom\"], [attestors['a-b.c'], attestors.b]) > 0)";
        let attestation = Verified::Attestation("the-sbom".to_owned());
        let names = vec!["a-b.c".to_owned(), "b".to_owned()];
        assert_eq!(
            asked(hyphens),
            Some(vec![(vec!["containers", "ephemeralContainers"], attestation, names, 1)])
        );
    }

    #[test]
    fn whatever_may_ask_for_less_is_not() {
        for expression in [
            "",
            "true",
            "images.containers.map(i, verifyImageSignatures(i, [attestors.a])).all(e, e >= 0)",
            "images.containers.map(i, verifyImageSignatures(i, [attestors.a])).all(e, e == 0)",
            "images.containers.map(i, verifyImageSignatures(i, [attestors.a, attestors.b])).all(e, e == 1)",
            "images.containers.map(i, verifyImageSignatures(i, [attestors.a])).exists(e, e > 0)",
            "images.containers.map(i, verifyImageSignatures(i, [])).all(e, e > 0)",
            "images.containers.map(i, verifyImageSignatures(j, [attestors.a])).all(e, e > 0)",
            "images.containers.map(i, verifyImageSignatures(i, [attestors.a])).all(e, f > 0)",
            "images.containers.map(i, verifyImageSignatures(i, [attestors.a])).all(e, e > 0) || true",
            "!images.containers.map(i, verifyImageSignatures(i, [attestors.a])).all(e, e > 0)",
            "object.x == 1 || images.containers.all(i, verifyImageSignatures(i, [attestors.a]) > 0)",
            "images.containers.all(i, verifyImageSignatures(i, [attestors.a]) > 0) &&",
            "images.other.all(i, verifyImageSignatures(i, [attestors.a]) > 0)",
            "images.containers.all(i, extractPayload(i, attestations.sbom).x == 1)",
            "images.containers.all(i, verifyImageSignatures(i, [attestors[\"\"]]) > 0)",
            "images.containers.all(i, verifyImageSignatures(i, [attestors[\"a']]) > 0)",
            "images.containers.all(i, verifyImageSignatures(i, [attestors[\"a\\x62\"]]) > 0)",
            "images.containers.all(i, verifyImageSignatures(i, [attestors[\"a]) > 0)",
            "images.containers.all(i, verifyImageSignatures(i, [attestors[a]]) > 0)",
            "images.containers.all(i, verifyImageSignatures(i, [\"a\"]) > 0)",
            "images.containers.all(i, verifyImageSignatures(i, [attestors.\"a\"]) > 0)",
            "images.?containers.all(i, verifyImageSignatures(i, [attestors.a]) > 0)",
            "images.containers.orValue([]).all(i, verifyImageSignatures(i, [attestors.a]) > 0)",
            "images.?containers.orValue(images.none).all(i, verifyImageSignatures(i, [attestors.a]) > 0)",
            "images.?other.orValue([]).all(i, verifyImageSignatures(i, [attestors.a]) > 0)",
            "images.containers.filter(i, i == 'x').all(i, verifyImageSignatures(i, [attestors.a]) > 0)",
        ] {
            assert_eq!(asked(expression), None, "{expression}");
        }
    }
}
