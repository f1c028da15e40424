//! The images an object names, for printing and for comparing with what a case expects.
//!
//! This is no second opinion on what the policy must verify: it only reads the places every example uses.

use serde_json::Value;

/// Where the kinds that run containers keep their pod specification.
const POD_SPECS: [&str; 4] =
    ["/spec", "/spec/template/spec", "/spec/jobTemplate/spec/template/spec", "/template/spec"];

/// The image strings of an object, in this order: containers, initContainers, ephemeralContainers, image
/// volumes. In an object without pod specification: every `image` that is a text, outside `status`, in the order
/// of the keys.
#[must_use]
pub fn images(object: &Value) -> Vec<String> {
    let found: Vec<String> =
        POD_SPECS.iter().filter_map(|pointer| object.pointer(pointer)).flat_map(in_pod_spec).collect();
    if found.is_empty() { anywhere(object) } else { found }
}

fn in_pod_spec(spec: &Value) -> Vec<String> {
    ["containers", "initContainers", "ephemeralContainers", "volumes"]
        .into_iter()
        .flat_map(|list| entries(spec, list).iter().filter_map(move |entry| image(list, entry)))
        .collect()
}

fn entries<'a>(spec: &'a Value, list: &str) -> &'a [Value] {
    spec.get(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn image(list: &str, entry: &Value) -> Option<String> {
    let image = match list {
        "volumes" => entry.pointer("/image/reference"),
        _ => entry.get("image"),
    };
    image?.as_str().map(str::to_owned)
}

fn anywhere(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(anywhere).collect(),
        Value::Object(map) => {
            let mut fields: Vec<_> = map.iter().filter(|(key, _)| *key != "status").collect();
            fields.sort_by_key(|(key, _)| *key);
            fields
                .into_iter()
                .flat_map(|(key, value)| match (key.as_str(), value) {
                    ("image", Value::String(image)) => vec![image.clone()],
                    _ => anywhere(value),
                })
                .collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_list_of_a_pod_is_read() {
        let spec = json!({
            "containers": [{"image": "a"}, {"name": "no image"}],
            "ephemeralContainers": [{"image": "c"}],
            "initContainers": [{"image": "b"}],
            "volumes": [{"image": {"reference": "d"}}, {"emptyDir": {}}],
        });
        for object in [
            json!({"spec": spec}),
            json!({"spec": {"template": {"spec": spec}}}),
            json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": spec}}}}}),
            json!({"template": {"spec": spec}}),
        ] {
            assert_eq!(images(&object), ["a", "b", "c", "d"]);
        }
    }

    #[test]
    fn elsewhere_the_key_tells() {
        let custom = json!({
            "spec": {"z": {"image": "b"}, "a": [{"image": "a"}, {"image": {"image": "nested"}}]},
            "status": {"image": "not this"},
        });
        assert_eq!(images(&custom), ["a", "nested", "b"]);
        assert!(images(&json!("text")).is_empty());
    }
}
