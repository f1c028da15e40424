//! The documents of a YAML or JSON text, as kubectl reads them: several in a text, and lists taken apart.

use crate::merge;
use serde_json::Value;

pub use crate::merge::Unreadable;

/// One document, or one item of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Document(pub Value);

/// The documents of a text, without the empty ones. A key that stands twice in a mapping is refused.
///
/// # Errors
///
/// Fails for the first document that is no YAML.
pub fn documents(text: &str) -> Result<Vec<Document>, Unreadable> {
    let mut documents = Vec::new();
    for (number, value) in (1_usize..).zip(merge::values(text)?) {
        // JSON knows less: keys are texts, and there are no tags.
        let value = serde_norway::from_value(value)
            .map_err(|error| Unreadable { number, problem: error.to_string() })?;
        flatten(value, &mut documents);
    }
    Ok(documents)
}

fn flatten(value: Value, documents: &mut Vec<Document>) {
    let list = Document(value);
    match (list.object(), list.0.get("items").and_then(Value::as_array)) {
        (Some((_, kind)), Some(items)) if kind.ends_with("List") => {
            items.iter().for_each(|item| flatten(item.clone(), documents));
        }
        _ if list.0.is_null() => {}
        _ => documents.push(list),
    }
}

impl Document {
    /// `apiVersion` and `kind`, of what is a Kubernetes object.
    #[must_use]
    pub fn object(&self) -> Option<(&str, &str)> {
        Some((self.0.get("apiVersion")?.as_str()?, self.0.get("kind")?.as_str()?))
    }

    /// A text of its metadata.
    #[must_use]
    pub fn metadata(&self, field: &str) -> Option<&str> {
        self.0.get("metadata")?.get(field)?.as_str()
    }

    /// `KIND/NAME`, or what there is of it, for messages.
    #[must_use]
    pub fn label(&self) -> String {
        let kind = self.object().map_or("a document without `apiVersion` and `kind`", |(_, kind)| kind);
        match (self.metadata("namespace"), self.metadata("name")) {
            (_, None) => kind.to_owned(),
            (None, Some(name)) => format!("{kind}/{name}"),
            (Some(namespace), Some(name)) => format!("{kind}/{namespace}/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_and_the_items_of_lists_are_one_each() {
        let text = "---\na: &a {x: 1}\n---\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, \
                    metadata: {name: n, namespace: s}}\n- {b: {<<: {x: 1}}}\n---\n";
        let found = documents(text).unwrap();
        assert_eq!(
            found.iter().map(|document| &document.0).collect::<Vec<_>>(),
            [
                &json!({"a": {"x": 1}}),
                &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "n", "namespace": "s"}}),
                &json!({"b": {"x": 1}}),
            ]
        );
        let labels: Vec<String> = found.iter().map(Document::label).collect();
        let none = "a document without `apiVersion` and `kind`";
        assert_eq!(labels, [none, "Secret/s/n", none]);
        assert_eq!(documents("").unwrap(), []);
    }

    #[test]
    fn what_is_no_yaml_is_named_by_its_number() {
        for (text, words) in [
            ("a: 1\n---\na: b: c\n", "document 2: mapping values are not allowed"),
            ("a: 1\na: 2\n", "document 1: duplicate entry with key \"a\""),
            // As kubectl reads them.
            ("a: {x: 1, <<: {x: 2}}\n", "document 1: a.<<: `x` is written before it"),
        ] {
            let error = documents(text).unwrap_err().to_string();
            assert!(error.starts_with(words), "{error}");
        }
    }
}
