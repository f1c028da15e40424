//! Paths into a predicate: JSON Pointers, and the paths of JMESPath that people write.

use serde_json::Value;

use super::unmet::Finding;
use crate::limits::MAX_CONDITION_VISITS;

/// Where a value stands in a predicate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// `.name`
    Field(String),
    /// `[0]`
    Index(usize),
    /// `/token` of a JSON Pointer: a field, or an item of a list (RFC 6901, section 4).
    Token(String),
    /// `[]`: every item of a list; those that are lists themselves item by item.
    Flatten,
    /// `[*]`: every item of a list.
    Each,
    /// `[?name=='text']`: the items of a list with this field.
    Where {
        /// The field's name.
        name: String,
        /// The text it has.
        text: String,
    },
    /// `| [0]`: the first of those found.
    First,
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Looked<'v> {
    /// One value, which is not `null`.
    One(&'v Value),
    /// What is found in each item of a list.
    Many {
        /// The values; none is `null`.
        found: Vec<&'v Value>,
        /// In how many items nothing was found.
        missing: usize,
    },
}

/// How much may still be looked at.
#[derive(Debug)]
pub(super) struct Visits(usize);

impl Visits {
    pub(super) fn new() -> Self {
        Self(MAX_CONDITION_VISITS)
    }

    /// Counts something that costs as much as looking at some values.
    pub(super) fn spend(&mut self, values: usize) -> Result<(), Finding> {
        self.0 = self.0.checked_sub(values).ok_or(Finding::TooMuch)?;
        Ok(())
    }

    /// How many were counted.
    #[cfg(test)]
    pub(super) fn spent(&self) -> usize {
        MAX_CONDITION_VISITS.saturating_sub(self.0)
    }
}

impl Path {
    /// A path of these steps: lists within lists, which few mean, are left to `[]`.
    pub(super) fn new(steps: Vec<Step>) -> Option<Self> {
        let mut many = false;
        for step in &steps {
            many = match step {
                Step::Field(_) | Step::Index(_) | Step::Token(_) => many,
                Step::Flatten => true,
                Step::Each | Step::Where { .. } if !many => true,
                Step::Each | Step::Where { .. } => return None,
                Step::First if many => false,
                Step::First => return None,
            };
        }
        Some(Self(steps))
    }

    /// A JSON Pointer (RFC 6901), but for the empty one.
    pub(super) fn pointer(text: &str) -> Option<Self> {
        let tokens = text.strip_prefix('/')?.split('/');
        tokens.map(|token| unescaped(token).map(Step::Token)).collect::<Option<Vec<_>>>().map(Self)
    }

    /// Whether it leads to several values.
    pub(super) fn is_many(&self) -> bool {
        self.0.iter().fold(false, |many, step| match step {
            Step::Flatten | Step::Each | Step::Where { .. } => true,
            Step::First => false,
            Step::Field(_) | Step::Index(_) | Step::Token(_) => many,
        })
    }

    /// Goes the path.
    ///
    /// # Errors
    /// [`Finding::Nothing`] where it does not lead to anything.
    pub(super) fn look<'v>(&self, root: &'v Value, visits: &mut Visits) -> Result<Looked<'v>, Finding> {
        let mut current = vec![root];
        let mut many = false;
        let mut missing = 0_usize;
        for step in &self.0 {
            visits.spend(current.len())?;
            match step {
                Step::Field(_) | Step::Index(_) | Step::Token(_) => {
                    let before = current.len();
                    current = current.into_iter().filter_map(|value| child(value, step)).collect();
                    missing = missing.saturating_add(before.saturating_sub(current.len()));
                }
                Step::Each | Step::Flatten | Step::Where { .. } => {
                    if !many {
                        current = items(&current)?.iter().collect();
                        visits.spend(current.len())?;
                        many = true;
                    }
                    match step {
                        Step::Where { name, text } => {
                            current.retain(|item| item.get(name).and_then(Value::as_str) == Some(text));
                        }
                        Step::Flatten => {
                            current = flat(current);
                            visits.spend(current.len())?;
                        }
                        Step::Each | Step::Field(_) | Step::Index(_) | Step::Token(_) | Step::First => {}
                    }
                    let before = current.len();
                    current.retain(|item| !item.is_null());
                    missing = missing.saturating_add(before.saturating_sub(current.len()));
                }
                Step::First => {
                    if missing > 0 {
                        return Err(Finding::Incomplete { missing });
                    }
                    current.truncate(1);
                    many = false;
                }
            }
            if !many && current.is_empty() {
                return Err(Finding::Nothing);
            }
        }
        if many {
            return Ok(Looked::Many { found: current, missing });
        }
        let one = current.first().copied().filter(|value| !value.is_null());
        one.map(Looked::One).ok_or(Finding::Nothing)
    }
}

fn child<'v>(value: &'v Value, step: &Step) -> Option<&'v Value> {
    let child = match step {
        Step::Field(name) => value.as_object()?.get(name),
        Step::Index(index) => value.as_array()?.get(*index),
        Step::Token(token) => match value {
            Value::Object(fields) => fields.get(token),
            Value::Array(items) => items.get(index(token)?),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        },
        Step::Flatten | Step::Each | Step::Where { .. } | Step::First => None,
    };
    child.filter(|value| !value.is_null())
}

/// The items of the one value, which must be a list.
fn items<'v>(current: &[&'v Value]) -> Result<&'v [Value], Finding> {
    let one = current.first().copied().ok_or(Finding::Nothing)?;
    one.as_array().map(Vec::as_slice).ok_or_else(|| Finding::mistyped(one, "a list"))
}

fn flat(items: Vec<&Value>) -> Vec<&Value> {
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        match item.as_array() {
            Some(inner) => all.extend(inner),
            None => all.push(item),
        }
    }
    all
}

/// An index without sign or leading zeros.
pub(super) fn index(text: &str) -> Option<usize> {
    let is_index = text.bytes().all(|b| b.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    if is_index { text.parse().ok() } else { None }
}

/// A reference token with `~1` and `~0` replaced; no other `~` may stand in it.
fn unescaped(token: &str) -> Option<String> {
    let mut parts = token.split('~');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        let (character, rest) = match (part.strip_prefix('0'), part.strip_prefix('1')) {
            (Some(rest), _) => ('~', rest),
            (_, Some(rest)) => ('/', rest),
            (None, None) => return None,
        };
        text.push(character);
        text.push_str(rest);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn look<'v>(path: &Path, root: &'v Value) -> Result<Looked<'v>, Finding> {
        path.look(root, &mut Visits::new())
    }

    #[test]
    fn pointers_are_those_of_rfc_6901() {
        // The example of section 5, but for the whole document.
        let root = json!({
            "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7,
            "m~n": 8
        });
        for (pointer, wanted) in [
            ("/foo", json!(["bar", "baz"])),
            ("/foo/0", json!("bar")),
            ("/", json!(0)),
            ("/a~1b", json!(1)),
            ("/c%d", json!(2)),
            ("/e^f", json!(3)),
            ("/g|h", json!(4)),
            ("/i\\j", json!(5)),
            ("/k\"l", json!(6)),
            ("/ ", json!(7)),
            ("/m~0n", json!(8)),
        ] {
            assert_eq!(look(&Path::pointer(pointer).unwrap(), &root), Ok(Looked::One(&wanted)), "{pointer}");
        }
        for pointer in ["/foo/2", "/foo/00", "/foo/-", "/foo/+1", "/foo/0/x", "/bar", "/foo/bar"] {
            assert_eq!(look(&Path::pointer(pointer).unwrap(), &root), Err(Finding::Nothing), "{pointer}");
        }
        for bad in ["", "foo", "/a~", "/a~2b", "/~"] {
            assert_eq!(Path::pointer(bad), None, "{bad}");
        }
        // `~01` is `~1`, never `/`.
        assert_eq!(Path::pointer("/~01"), Some(Path(vec![Step::Token("~1".to_owned())])));
    }

    #[test]
    fn null_is_nothing() {
        let root = json!({"a": null, "b": [null, 1], "c": {"d": null}});
        for pointer in ["/a", "/b/0", "/c/d"] {
            assert_eq!(look(&Path::pointer(pointer).unwrap(), &root), Err(Finding::Nothing), "{pointer}");
        }
        let path = Path::new(vec![Step::Field("b".to_owned()), Step::Each]).unwrap();
        assert_eq!(look(&path, &root), Ok(Looked::Many { found: vec![&json!(1)], missing: 1 }));
    }

    #[test]
    fn lists_within_lists_are_flattened_once() {
        let root = json!({"a": [{"b": [1, [2]]}, {"b": 3}, {"c": 4}]});
        let steps = vec![Step::Field("a".to_owned()), Step::Each, Step::Field("b".to_owned()), Step::Flatten];
        let path = Path::new(steps).unwrap();
        assert_eq!(
            look(&path, &root),
            Ok(Looked::Many { found: vec![&json!(1), &json!([2]), &json!(3)], missing: 1 })
        );
        assert_eq!(look(&path, &json!({"a": {"b": 1}})), Err(Finding::mistyped(&json!({"b": 1}), "a list")));
        assert_eq!(look(&path, &json!({})), Err(Finding::Nothing));
    }

    #[test]
    fn what_would_be_lists_of_lists_is_no_path() {
        let field = || Step::Field("a".to_owned());
        assert_eq!(Path::new(vec![field(), Step::Each, field(), Step::Each]), None);
        assert_eq!(Path::new(vec![field(), Step::First]), None);
        assert!(Path::new(vec![field(), Step::Each, field(), Step::Flatten, field(), Step::First]).is_some());
    }
}
