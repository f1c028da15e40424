//! Secrets and ConfigMaps out of a file, in place of the cluster that holds them.

use crate::call::HostCall;
use crate::documents::{Document, Unreadable, documents};
use crate::host::{Backend, BackendError};
use crate::session::SessionError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use thiserror::Error;

/// Objects by kind, namespace and name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Objects(BTreeMap<[String; 3], Value>);

/// Why there are none.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ObjectsError {
    /// No YAML.
    #[error("{0}")]
    Document(String),
    /// Nothing that could be asked for.
    #[error("there is no Secret and no ConfigMap in it")]
    Nothing,
    /// An object that could be meant for any namespace.
    #[error("{0}: `metadata` must have a name and a namespace")]
    NoNamespace(String),
    /// Two of one name.
    #[error("{0} is there twice")]
    Twice(String),
}

impl From<Unreadable> for ObjectsError {
    fn from(error: Unreadable) -> Self {
        Self::Document(error.to_string())
    }
}

impl Objects {
    /// Reads what `kubectl get --output yaml` prints, or manifests: of these, only Secrets and ConfigMaps.
    ///
    /// # Errors
    ///
    /// Fails where there are none, and for those that cannot be told apart.
    pub fn parse(text: &str) -> Result<Self, ObjectsError> {
        let mut objects = BTreeMap::new();
        for document in documents(text)? {
            let kind = match document.object() {
                Some(("v1", kind @ ("Secret" | "ConfigMap"))) => kind.to_owned(),
                _ => continue,
            };
            let label = document.label();
            let (Some(namespace), Some(name)) = (document.metadata("namespace"), document.metadata("name"))
            else {
                return Err(ObjectsError::NoNamespace(label));
            };
            let key = [kind, namespace.to_owned(), name.to_owned()];
            if objects.insert(key, as_the_cluster_has_it(document)).is_some() {
                return Err(ObjectsError::Twice(label));
            }
        }
        if objects.is_empty() { Err(ObjectsError::Nothing) } else { Ok(Self(objects)) }
    }
}

/// The API server takes `stringData` into `data`, and the policy knows only that.
fn as_the_cluster_has_it(Document(mut object): Document) -> Value {
    let Some(fields) = object.as_object_mut() else { return object };
    if let Some(Value::Object(plain)) = fields.remove("stringData")
        && fields.get("kind").and_then(Value::as_str) == Some("Secret")
    {
        let data = fields.entry("data").or_insert_with(|| Value::Object(Map::new()));
        for (key, text) in plain {
            if let (Some(data), Value::String(text)) = (data.as_object_mut(), text) {
                data.insert(key, Value::String(STANDARD.encode(text)));
            }
        }
    }
    object
}

/// The policy names the object, and shows only the beginning of this.
const MISSING: &str =
    "no cluster is asked here; give it by --objects FILE, as kubectl get --output yaml prints it";

/// Answers for the cluster from objects, and asks another backend for all else.
pub struct WithObjects<B> {
    inner: B,
    objects: Objects,
}

impl<B: Backend> WithObjects<B> {
    /// Answers from `objects`, and all else from `inner`.
    pub fn new(inner: B, objects: Objects) -> Self {
        Self { inner, objects }
    }
}

impl<B: Backend> Backend for WithObjects<B> {
    fn answer(&mut self, call: &HostCall) -> Result<Vec<u8>, BackendError> {
        let HostCall::KubernetesGetResource { kind, name, namespace, .. } = call else {
            return self.inner.answer(call);
        };
        let namespace = namespace.clone().unwrap_or_default();
        match self.objects.0.get(&[kind.clone(), namespace, name.clone()]) {
            Some(object) => Ok(object.to_string().into_bytes()),
            None => Err(BackendError::new(MISSING)),
        }
    }

    fn finish(&mut self) -> Result<(), SessionError> {
        self.inner.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::NoBackend;
    use serde_json::json;

    fn ask(text: &str, kind: &str, name: &str) -> Result<Value, String> {
        let call = HostCall::KubernetesGetResource {
            api_version: "v1".to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            namespace: Some("platform".to_owned()),
            disable_cache: false,
            field_masks: None,
        };
        let mut backend =
            WithObjects::new(NoBackend, Objects::parse(text).map_err(|error| error.to_string())?);
        let answer = backend.answer(&call).map_err(|error| error.to_string())?;
        Ok(serde_json::from_slice(&answer).unwrap())
    }

    const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: keys, namespace: platform}\n";

    #[test]
    fn an_object_is_found_by_kind_namespace_and_name() {
        let metadata = json!({"name": "keys", "namespace": "platform"});
        let secret =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"a": "Yg=="}});
        let text = format!("{SECRET}data: {{a: Yg==}}\n");
        assert_eq!(ask(&text, "Secret", "keys"), Ok(secret.clone()));
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [secret]}).to_string();
        assert_eq!(ask(&list, "Secret", "keys"), Ok(secret.clone()));
        // As people write it, and beside what is something else.
        let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: keys}\n---\n";
        assert_eq!(ask(&format!("{role}{SECRET}stringData: {{a: b}}\n"), "Secret", "keys"), Ok(secret));
        let missing = Err(MISSING.to_owned());
        assert_eq!(ask(&text, "ConfigMap", "keys"), missing);
        assert_eq!(ask(&text, "Secret", "others"), missing);
        assert_eq!(ask(&text.replace("platform", "web"), "Secret", "keys"), missing);
    }

    #[test]
    fn what_cannot_be_told_apart_is_refused() {
        for (text, words) in [
            (format!("{SECRET}---\n{SECRET}"), "Secret/platform/keys is there twice"),
            (
                SECRET.replace(", namespace: platform", ""),
                "Secret/keys: `metadata` must have a name and a namespace",
            ),
            ("a: b\n".to_owned(), "there is no Secret and no ConfigMap in it"),
            (String::new(), "there is no Secret and no ConfigMap in it"),
        ] {
            assert_eq!(ask(&text, "Secret", "keys"), Err(words.to_owned()), "{text}");
        }
        let error = Objects::parse("a: b: c").unwrap_err().to_string();
        assert!(error.starts_with("document 1: "), "{error}");
    }
}
