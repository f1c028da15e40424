//! Merge keys of YAML, as kubectl applies them: a rule may have its `verifyImages` from another rule, and that one from
//! a third.
//!
//! kubectl takes keys in the order in which they are written, and `<<` only where it is in no quotes. A parser that has
//! read the text knows no quotes any more. So every `<<` that is surely plain is given another name before; what is
//! called `<<` afterwards may have been in quotes, and is refused.

use serde::Deserialize as _;
use serde_norway::{Deserializer, Mapping, Value};
use thiserror::Error;

/// A document that cannot be read, or that kubectl would read otherwise.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("document {number}: {problem}")]
pub struct Unreadable {
    /// Which it is, from one.
    pub number: usize,
    /// What is wrong.
    pub problem: String,
}

/// The values of the documents of a text, all merge keys in them applied. A key that stands twice in a mapping is refused.
pub(crate) fn values(text: &str) -> Result<Vec<Value>, Unreadable> {
    let marked = Marked::new(text);
    let documents = (1_usize..).zip(Deserializer::from_str(&marked.text));
    let values = documents.map(|(number, part)| {
        let read = Value::deserialize(part).map_err(|error| marked.restored(&error.to_string()));
        let merged = read.and_then(|value| marked.merged(value, ""));
        merged.map_err(|problem| Unreadable { number, problem })
    });
    values.collect()
}

/// A text in which merge keys are known.
struct Marked {
    text: String,
    /// What stands where a plain `<<` stood: of the same length in characters, so that errors have the right place.
    mark: String,
}

impl Marked {
    fn new(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        // Neither as it is nor as an escape.
        let unused = |letter: &char| !text.contains(*letter) && !lower.contains(&hex(*letter));
        let mark = ('\u{e000}'..='\u{f8ff}').find(unused).map(|letter| String::from_iter([letter, letter]));
        let Some(mark) = mark.filter(|_| text.contains("<<")) else {
            return Self { text: text.to_owned(), mark: String::new() };
        };
        let mut marked = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("<<") {
            marked.push_str(before);
            marked.push_str(if begins_a_key(&marked) && ends_a_key(after) { &mark } else { "<<" });
            rest = after;
        }
        marked.push_str(rest);
        Self { text: marked, mark }
    }

    /// A text of this one, as it was written.
    fn restored(&self, text: &str) -> String {
        if self.mark.is_empty() { text.to_owned() } else { text.replace(&self.mark, "<<") }
    }

    /// Applies all merge keys of a value that was read from the text: the innermost first, so that none is left.
    fn merged(&self, value: Value, path: &str) -> Result<Value, String> {
        match value {
            Value::Mapping(fields) => self.merged_mapping(fields, path).map(Value::Mapping),
            Value::Sequence(items) => {
                let items = items.into_iter().enumerate();
                let items = items.map(|(index, item)| self.merged(item, &format!("{path}[{index}]")));
                items.collect::<Result<_, _>>().map(Value::Sequence)
            }
            Value::Tagged(mut tagged) => {
                tagged.value = self.merged(tagged.value, path)?;
                Ok(Value::Tagged(tagged))
            }
            Value::String(text) => Ok(Value::String(self.restored(&text))),
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(value),
        }
    }

    fn merged_mapping(&self, fields: Mapping, path: &str) -> Result<Mapping, String> {
        let mut merged = Mapping::new();
        for (key, value) in fields {
            let merges = !self.mark.is_empty() && key.as_str() == Some(&self.mark);
            let key = self.merged(key, path)?;
            let name = key.as_str().unwrap_or("?");
            let below = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            let value = self.merged(value, &below)?;
            if merges {
                bring_in(&mut merged, value, &below)?;
            } else if name == "<<" {
                return Err(format!("{below}: {QUOTED}"));
            } else {
                merged.insert(key, value);
            }
        }
        Ok(merged)
    }
}

const QUOTED: &str =
    "kubectl takes it for the name of a field where it is in quotes, or has a tag; write `<<:` without";
const NO_MAPPING: &str = "expected a mapping, or a list of mappings, to merge";

/// Adds what a merge key brings: of several mappings, the first that has a key decides.
fn bring_in(fields: &mut Mapping, value: Value, path: &str) -> Result<(), String> {
    let mappings = if let Value::Sequence(items) = value { items } else { vec![value] };
    let mut brought = Mapping::new();
    for mapping in mappings {
        let Value::Mapping(mapping) = mapping else { return Err(format!("{path}: {NO_MAPPING}")) };
        for (key, value) in mapping {
            brought.entry(key).or_insert(value);
        }
    }
    if let Some(key) = brought.keys().find(|key| fields.contains_key(*key)) {
        let key = key.as_str().unwrap_or("?");
        return Err(format!(
            "{path}: `{key}` is written before it, and kubectl takes the one that is merged; write `<<` first"
        ));
    }
    fields.extend(brought);
    Ok(())
}

/// How the letter is written as an escape: `\uE000`, `\U0000e000`.
fn hex(letter: char) -> String {
    format!("{:x}", u32::from(letter))
}

/// Whether a key can begin behind this: at the beginning of a line or of an item, or in braces.
fn begins_a_key(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '\t']);
    before.is_empty() || before.ends_with(['\n', '\r', '-', '{', ','])
}

fn ends_a_key(after: &str) -> bool {
    after.trim_start_matches([' ', '\t']).starts_with(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(text: &str) -> Result<String, String> {
        let marked = Marked::new(text);
        let value = serde_norway::from_str(&marked.text).map_err(|error| error.to_string())?;
        let merged = marked.merged(value, "")?;
        Ok(serde_json::to_string(&merged).unwrap())
    }

    #[test]
    fn merges_are_applied_from_the_inside() {
        for (text, expected) in [
            ("a: &a {x: 1}\nb: {<<: *a, y: 2}", r#"{"a":{"x":1},"b":{"x":1,"y":2}}"#),
            ("a: &a {x: 1}\nb:\n  <<: *a\n  x: 2", r#"{"a":{"x":1},"b":{"x":2}}"#),
            ("a: &a {x: 1}\nb:\n  y: 2\n  <<: *a", r#"{"a":{"x":1},"b":{"y":2,"x":1}}"#),
            ("b:\n- << : {x: 1}\n-\n  <<: [{x: 2}, {x: 3, y: 4}]", r#"{"b":[{"x":1},{"x":2,"y":4}]}"#),
            ("- &a {x: 1}\n- &b {<<: *a, y: 2}\n- {<<: *b}", r#"[{"x":1},{"x":1,"y":2},{"x":1,"y":2}]"#),
            ("<<: {<<: {<<: {x: 1}}}", r#"{"x":1}"#),
            // Text that looks like it.
            ("a: |\n  <<: *b\nc: 'x, <<: y'\nd: <<", r#"{"a":"<<: *b\n","c":"x, <<: y","d":"<<"}"#),
            ("a<<: 1\n'- <<: ': 2", r#"{"a<<":1,"- <<: ":2}"#),
        ] {
            assert_eq!(merged(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_kubectl_would_read_otherwise_is_refused() {
        let late =
            "a.<<: `x` is written before it, and kubectl takes the one that is merged; write `<<` first";
        let quoted = |path: &str| format!("{path}: {QUOTED}");
        for (text, expected) in [
            ("a: {x: 1, <<: {x: 2}}", late.to_owned()),
            ("a:\n  x: 1\n  <<: [{y: 1}, {x: 1}]", late.to_owned()),
            ("a: {\"<<\": {x: 1}}", quoted("a.<<")),
            ("- '<<': {x: 1}", quoted("[0].<<")),
            ("{\"<<\": {\"x\": 1}}", quoted("<<")),
            ("\"\\u003c\\x3c\": {x: 1}", quoted("<<")),
            ("? \"<\\\n  <\"\n: {x: 1}", quoted("<<")),
            ("!!str <<: {x: 1}", quoted("<<")),
            ("? <<\n: {x: 1}", quoted("<<")),
            ("a: {<<: 1}", format!("a.<<: {NO_MAPPING}")),
            ("a: {<<: [[]]}", format!("a.<<: {NO_MAPPING}")),
            ("a: {<<: {'<<': {x: 1}}}", quoted("a.<<.<<")),
        ] {
            assert_eq!(merged(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn nothing_in_a_text_can_be_the_mark() {
        let text = "\u{e000}\u{e000}: {x: 1}\n\"\\uE001\\ue001\": {y: 1}\n<<: {z: 1}";
        let expected = "{\"\u{e000}\u{e000}\":{\"x\":1},\"\u{e001}\u{e001}\":{\"y\":1},\"z\":1}";
        assert_eq!(merged(text), Ok(expected.to_owned()));
        let error = merged("<<: {a: 1}\nb: [").unwrap_err();
        assert!(!error.contains('\u{e000}'), "{error}");
    }
}
