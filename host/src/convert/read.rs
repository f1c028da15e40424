//! From YAML to documents, and from a document to types that know all of its fields.

use super::refusal::{At, Problem};
use crate::merge;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_norway::{Mapping, Value};

/// One Kubernetes object.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) api_version: String,
    pub(super) kind: String,
    /// `KIND/NAME`, for messages.
    pub(super) label: String,
    pub(super) value: Value,
}

/// What every object has. Of the metadata, what the API server adds is not looked at.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    #[serde(default)]
    pub(super) annotations: std::collections::BTreeMap<String, String>,
}

/// The objects of a text of any number of YAML documents, those of lists taken apart.
pub(super) fn documents(text: &str) -> Result<Vec<Document>, String> {
    let mut documents = Vec::new();
    let values = merge::values(text).map_err(|error| error.to_string())?;
    for (index, value) in values.into_iter().enumerate() {
        if !value.is_null() {
            flatten(value, &format!("document {}", count(index)), &mut documents)?;
        }
    }
    Ok(documents)
}

fn count(index: usize) -> usize {
    index.saturating_add(1)
}

fn flatten(value: Value, place: &str, documents: &mut Vec<Document>) -> Result<(), String> {
    let text = |field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
    let (Some(api_version), Some(kind)) = (text("apiVersion"), text("kind")) else {
        return Err(format!("{place}: this is no Kubernetes object: it has no `apiVersion` and `kind`"));
    };
    if let (true, Some(items)) = (kind.ends_with("List"), value.get("items").and_then(Value::as_sequence)) {
        let items = items.iter().enumerate();
        let mut items = items.map(|(index, item)| (item, format!("{place}, item {}", count(index))));
        return items
            .try_for_each(|(item, place)| flatten(typed(item, &api_version, &kind), &place, documents));
    }
    let name = value.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Value::as_str);
    let label = name.map_or_else(|| format!("{kind} ({place})"), |name| format!("{kind}/{name}"));
    documents.push(Document { api_version, kind, label, value });
    Ok(())
}

/// Items of a typed list may leave out what the list says.
fn typed(item: &Value, api_version: &str, list: &str) -> Value {
    let mut item = item.clone();
    if let (Some(fields), Some(kind)) = (item.as_mapping_mut(), list.strip_suffix("List"))
        && !kind.is_empty()
    {
        fields.entry("apiVersion".into()).or_insert_with(|| api_version.into());
        fields.entry("kind".into()).or_insert_with(|| kind.into());
    }
    item
}

/// Reads a type, with the path of what does not fit.
pub(super) fn read<T: DeserializeOwned>(value: &Value, path: &str) -> Result<T, At> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let inner = error.path().to_string();
        let path = match (path, inner.as_str()) {
            ("", inner) => inner.to_owned(),
            (path, ".") => path.to_owned(),
            (path, inner) if inner.starts_with('[') => format!("{path}{inner}"),
            (path, inner) => format!("{path}.{inner}"),
        };
        At::new(path, Problem::Unreadable(error.into_inner().to_string()))
    })
}

/// A field of a mapping that is text.
pub(super) fn text<'v>(mapping: &'v Mapping, field: &str) -> Option<&'v str> {
    mapping.get(field).and_then(Value::as_str)
}
