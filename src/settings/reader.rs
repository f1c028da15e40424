//! Reading raw JSON with the path at hand, against the field tables.

use core::cell::RefCell;
use core::time::Duration;

use serde_json::{Map, Value};

use super::error::{Found, Problem, SettingsError};
use super::fields::{Support, Table};
use crate::image::ImageDigest;
use crate::limits::BUDGETS;
use crate::time::Time;
use crate::verify::{PublicKey, TrustRoot};

/// The trust roots that are written, by their paths.
pub(super) type TrustRoots = Vec<(String, TrustRoot)>;

/// What is gathered while reading.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// What is legal but has no effect.
    notes: RefCell<Vec<String>>,
    /// The trust roots.
    trust_roots: RefCell<TrustRoots>,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node<'v> {
    value: &'v Value,
    path: String,
    notes: &'v Notes,
}

/// A mapping whose fields all exist.
#[derive(Debug)]
pub(super) struct Mapping<'v> {
    entries: &'v Map<String, Value>,
    path: String,
    notes: &'v Notes,
    table: &'static Table,
}

impl Notes {
    pub(super) fn add(&self, path: &str, note: &str) {
        self.notes.borrow_mut().push(format!("{path}: {note}"));
    }

    /// The notes, and the trust roots that are written.
    pub(super) fn finish(self) -> (Vec<String>, TrustRoots) {
        (self.notes.into_inner(), self.trust_roots.into_inner())
    }
}

impl<'v> Node<'v> {
    pub(super) fn root(value: &'v Value, notes: &'v Notes) -> Self {
        Self { value, path: String::new(), notes }
    }

    /// The path, `settings` for the top.
    pub(super) fn path(&self) -> &str {
        if self.path.is_empty() { "settings" } else { &self.path }
    }

    #[inline(never)]
    pub(super) fn error(&self, problem: Problem) -> SettingsError {
        SettingsError::at(self.path(), problem)
    }

    /// The public keys of a PEM text, at least one.
    pub(super) fn keys(&self) -> Result<Vec<PublicKey>, SettingsError> {
        PublicKey::parse_all(self.text()?).map_err(|error| self.error(error.into()))
    }

    /// Says that it is legal and has no effect.
    pub(super) fn note(&self, why: &str) {
        self.notes.add(self.path(), &format!("has no effect; {why}"));
    }

    /// Says something about it that whoever wrote it may not expect.
    pub(super) fn remark(&self, what: &str) {
        self.notes.add(self.path(), what);
    }

    /// The same of what stands somewhere else.
    pub(super) fn remark_at(&self, path: &str, what: &str) {
        self.notes.add(path, what);
    }

    /// Keeps that a trust root is written here.
    pub(super) fn trusts(&self, root: &TrustRoot) {
        self.notes.trust_roots.borrow_mut().push((self.path().to_owned(), root.clone()));
    }

    /// A mapping that is somebody else's format.
    pub(super) fn object(&self) -> Result<&'v Value, SettingsError> {
        if self.value.is_object() { Ok(self.value) } else { Err(self.mistyped("a mapping")) }
    }

    /// A mapping, every field of which is in the table.
    pub(super) fn mapping(self, table: &'static Table) -> Result<Mapping<'v>, SettingsError> {
        let Value::Object(entries) = self.value else { return Err(self.mistyped("a mapping")) };
        let mapping = Mapping { entries, path: self.path, notes: self.notes, table };
        for name in entries.keys() {
            mapping.check_field(name)?;
        }
        Ok(mapping)
    }

    /// A list of at least one item and at most `limit`.
    pub(super) fn list(self, limit: usize) -> Result<Vec<Self>, SettingsError> {
        let items = self.list_or_empty(limit)?;
        if items.is_empty() { Err(self.error(Problem::Empty)) } else { Ok(items) }
    }

    /// A list of at least one item and at most `limit`, or the one item itself, which is a text.
    pub(super) fn list_or_text(self, limit: usize) -> Result<Vec<Self>, SettingsError> {
        match self.value {
            Value::Array(_) => self.list(limit),
            Value::String(_) => Ok(vec![self]),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                Err(self.mistyped("a text or a list of texts"))
            }
        }
    }

    /// A list of at most `limit` items.
    pub(super) fn list_or_empty(&self, limit: usize) -> Result<Vec<Self>, SettingsError> {
        let Value::Array(items) = self.value else { return Err(self.mistyped("a list")) };
        if items.len() > limit {
            return Err(self.error(Problem::TooMany { found: items.len(), limit }));
        }
        let item =
            |(index, value)| Self { value, path: format!("{}[{index}]", self.path()), notes: self.notes };
        Ok(items.iter().enumerate().map(item).collect())
    }

    pub(super) fn text(&self) -> Result<&'v str, SettingsError> {
        self.value.as_str().ok_or_else(|| self.mistyped("a text"))
    }

    /// A text of at least one character and at most `limit` bytes.
    pub(super) fn some_text(&self, limit: usize) -> Result<&'v str, SettingsError> {
        let text = self.text()?;
        if text.trim().is_empty() {
            return Err(self.error(Problem::Empty));
        }
        if text.len() > limit { Err(self.error(Problem::TooLong { limit })) } else { Ok(text) }
    }

    /// Any value but `null`, with no variable in it.
    pub(super) fn constant(&self) -> Result<&'v Value, SettingsError> {
        if self.value.is_null() {
            return Err(self.mistyped("a value"));
        }
        // In JSON two opening braces can only stand in a text.
        if self.value.to_string().contains("{{") {
            Err(self.error(Problem::Variable))
        } else {
            Ok(self.value)
        }
    }

    pub(super) fn boolean(&self) -> Result<bool, SettingsError> {
        self.value.as_bool().ok_or_else(|| self.mistyped("true or false"))
    }

    pub(super) fn count(&self) -> Result<u64, SettingsError> {
        self.value.as_u64().ok_or_else(|| self.mistyped("a whole number, 1 or more"))
    }

    /// One of some texts, with what each means.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&'static str, T)]) -> Result<T, SettingsError> {
        let found = self.text()?;
        match choices.iter().find(|(name, _)| *name == found) {
            Some((_, meaning)) => Ok(*meaning),
            None => Err(self.error(Problem::Value {
                found: found.to_owned(),
                allowed: choices.iter().map(|(name, _)| *name).collect(),
            })),
        }
    }

    /// A mapping whose names are the user's own: at least one, at most `limit`.
    pub(super) fn entries(&self, limit: usize) -> Result<Vec<(String, Self)>, SettingsError> {
        let Value::Object(entries) = self.value else { return Err(self.mistyped("a mapping")) };
        if entries.is_empty() {
            return Err(self.error(Problem::Empty));
        }
        if entries.len() > limit {
            return Err(self.error(Problem::TooMany { found: entries.len(), limit }));
        }
        let entry = |(name, value): (&'v String, &'v Value)| {
            let path = format!("{}.{}", self.path(), crate::text::Shown(name));
            (name.clone(), Self { value, path, notes: self.notes })
        };
        Ok(entries.iter().map(entry).collect())
    }

    /// A point in time.
    pub(super) fn time(&self) -> Result<Time, SettingsError> {
        let text = self.text()?;
        Time::parse(text).ok_or_else(|| self.error(Problem::Time(text.to_owned())))
    }

    /// A duration in seconds or milliseconds, `4s` or `1500ms`.
    pub(super) fn duration(&self) -> Result<Duration, SettingsError> {
        let text = self.text()?;
        let milliseconds = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
            (Some(number), _) => number.parse::<u64>().ok(),
            (None, Some(number)) => number.parse::<u64>().ok().and_then(|seconds| seconds.checked_mul(1000)),
            (None, None) => None,
        };
        let duration = milliseconds.map(Duration::from_millis).filter(|duration| BUDGETS.contains(duration));
        duration.ok_or_else(|| self.error(Problem::Duration(text.to_owned())))
    }

    /// A digest.
    pub(super) fn digest(&self) -> Result<ImageDigest, SettingsError> {
        let text = self.text()?;
        ImageDigest::parse(text).map_err(|_| self.error(Problem::Digest(text.to_owned())))
    }

    fn mistyped(&self, expected: &'static str) -> SettingsError {
        let found = Found::of(self.value);
        self.error(if found == Found::Null {
            Problem::NoValue { expected }
        } else {
            Problem::Type { found, expected }
        })
    }
}

impl<'v> Mapping<'v> {
    pub(super) fn path(&self) -> &str {
        if self.path.is_empty() { "settings" } else { &self.path }
    }

    pub(super) fn error(&self, problem: Problem) -> SettingsError {
        SettingsError::at(self.path(), problem)
    }

    pub(super) fn get(&self, name: &'static str) -> Option<Node<'v>> {
        let value = self.entries.get(name)?;
        Some(Node { value, path: self.path_of(name), notes: self.notes })
    }

    pub(super) fn required(&self, name: &'static str) -> Result<Node<'v>, SettingsError> {
        self.get(name)
            .ok_or_else(|| SettingsError::at(self.path_of(name), Problem::Missing { what: self.table.what }))
    }

    /// The one of some fields that is there.
    pub(super) fn exactly_one(
        &self,
        names: &[&'static str],
    ) -> Result<(&'static str, Node<'v>), SettingsError> {
        let present: Vec<_> = names.iter().filter_map(|name| Some((*name, self.get(name)?))).collect();
        let found = present.len();
        match <[_; 1]>::try_from(present) {
            Ok([one]) => Ok(one),
            Err(_) => Err(self.error(Problem::NotExactlyOne { found, allowed: names.to_vec() })),
        }
    }

    /// Refuses a mapping with neither of two fields.
    pub(super) fn at_least_one(&self, names: [&'static str; 2]) -> Result<(), SettingsError> {
        if names.iter().any(|name| self.entries.contains_key(*name)) {
            return Ok(());
        }
        Err(self.error(Problem::NoneOf { what: self.table.what, allowed: names }))
    }

    pub(super) fn boolean_or(&self, name: &'static str, default: bool) -> Result<bool, SettingsError> {
        self.get(name).map_or(Ok(default), |node| node.boolean())
    }

    fn check_field(&self, name: &str) -> Result<(), SettingsError> {
        match self.table.fields.iter().find(|field| field.name == name).map(|field| &field.support) {
            Some(Support::Implemented(_)) => Ok(()),
            Some(Support::Inert(why)) => {
                self.notes.add(&self.path_of(name), &format!("has no effect; {why}"));
                Ok(())
            }
            Some(Support::Refused(instead)) => {
                Err(SettingsError::at(self.path_of(name), Problem::RefusedField { instead }))
            }
            None => {
                let fields = self.table.fields.iter();
                let implemented = fields.filter(|field| matches!(field.support, Support::Implemented(_)));
                Err(SettingsError::at(
                    self.path_of(name),
                    Problem::UnknownField {
                        what: self.table.what,
                        allowed: implemented.map(|field| field.name).collect(),
                    },
                ))
            }
        }
    }

    fn path_of(&self, name: &str) -> String {
        let name = crate::text::Shown(name);
        if self.path.is_empty() { name.to_string() } else { format!("{}.{name}", self.path) }
    }
}
