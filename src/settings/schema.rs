//! The JSON Schema of the settings and the tables of their fields, made from the tables that the parser
//! reads. Not part of the module.

use serde_json::{Map, Value, json};

use super::fields::{self, Field, Shape, Support, Table};
use super::kubewarden_fields;

/// The mappings that have a definition of their own, and its name.
static DEFINITIONS: &[(&str, &Table)] = &[
    ("rule", &fields::RULE),
    ("attestorSet", &fields::ATTESTOR_SET),
    ("entry", &fields::ENTRY),
    ("keys", &fields::KEYS),
    ("objectReference", &fields::OBJECT),
    ("rekor", &fields::REKOR),
    ("ctlog", &fields::CTLOG),
    ("keyless", &fields::KEYLESS),
    ("additionalExtensions", &fields::EXTENSIONS),
    ("certificates", &fields::CERTIFICATES),
    ("attestation", &fields::ATTESTATION),
    ("slsa", &fields::SLSA),
    ("conditions", &fields::CONDITIONS),
    ("condition", &fields::CONDITION),
    ("signedIdentity", &fields::SIGNED_IDENTITY),
    ("mutation", &fields::MUTATION),
    ("revoked", &fields::REVOKED),
    ("revokedIdentity", &fields::REVOKED_IDENTITY),
    ("exception", &fields::EXCEPTION),
    ("imageExtractor", &fields::EXTRACTOR),
    ("signature", &kubewarden_fields::SIGNATURE),
    ("signatureKeyless", &kubewarden_fields::KEYLESS),
    ("signatureKeylessPrefix", &kubewarden_fields::PREFIX),
    ("signatureGithubActions", &kubewarden_fields::GITHUB),
];

/// The mappings of Kyverno's schema, for the table of its fields.
static KYVERNO: &[(&str, &Table)] = &[
    ("verifyImages[]", &fields::RULE),
    ("attestors[]", &fields::ATTESTOR_SET),
    ("entries[]", &fields::ENTRY),
    ("keys", &fields::KEYS),
    ("keys.secret", &fields::OBJECT),
    ("rekor", &fields::REKOR),
    ("ctlog", &fields::CTLOG),
    ("keyless", &fields::KEYLESS),
    ("keyless.additionalExtensions", &fields::EXTENSIONS),
    ("certificates", &fields::CERTIFICATES),
    ("attestations[]", &fields::ATTESTATION),
    ("attestations[].slsa", &fields::SLSA),
    ("attestations[].conditions[]", &fields::CONDITIONS),
    ("any[], all[]", &fields::CONDITION),
    ("imageExtractors.KIND[]", &fields::EXTRACTOR),
];

/// The JSON Schema (2020-12) of the settings. It accepts what the parser accepts and more: the parser
/// also checks what stands in the fields.
#[must_use]
pub fn json_schema() -> Value {
    let definitions: Map<String, Value> =
        DEFINITIONS.iter().map(|(name, table)| ((*name).to_owned(), mapping(table))).collect();
    let dialect = |table: &Table, required: &str| {
        let mut dialect = mapping(table);
        if let Some(dialect) = dialect.as_object_mut() {
            dialect.insert("required".to_owned(), json!([required]));
        }
        dialect
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/settings.schema.json"),
        "title": "Settings of Sigwarden",
        "oneOf": [
            dialect(&fields::SETTINGS, "verifyImages"),
            dialect(&kubewarden_fields::SETTINGS, "signatures"),
        ],
        "$defs": definitions,
    })
}

/// What stands before the table of Kyverno's fields.
const KYVERNO_INTRODUCTION: &str = "\
# Kyverno's fields

The `verifyImages` list of a Kyverno ClusterPolicy works as settings. This is every field of its schema, and what
becomes of it:

- **implemented**: it means here what it means there, or more strictly; [settings.md](settings.md) says how.
- **no effect**: it is accepted, so that a list can be pasted, and changes nothing. The policy's log says so.
- **refused**: with what to do instead. Nothing is ignored in silence.

Fields that Kyverno does not have are marked _ours_. What stands around the list in a ClusterPolicy belongs elsewhere:
`match` and `exclude` are the rules and selectors of the ClusterAdmissionPolicy, `validationFailureAction` is
`failureAction` here or the policy's `mode: monitor`, and the rule's `imageExtractors` move to the top of the settings.

This page is made from the tables that the parser reads; do not edit it. A test compares them.

";

/// The fields that Kyverno does not have, by the mapping they stand in.
const OURS: &[(&str, &[&str])] = &[
    ("a rule", &["name", "signedIdentities", "childSignatures", "trustRoot"]),
    ("an attestor entry", &["knownAnnotations"]),
    ("`keys`", &["configMap", "notAfter"]),
    ("a reference to an object", &["key"]),
];

/// Every field of Kyverno's `verifyImages` and what becomes of it: a page in Markdown.
#[must_use]
pub fn kyverno_fields() -> String {
    let sections: Vec<String> = KYVERNO.iter().map(|(path, table)| section(path, table)).collect();
    format!("{KYVERNO_INTRODUCTION}{}", sections.join("\n"))
}

/// Every field of the settings, in Markdown.
#[must_use]
pub fn settings_reference() -> String {
    let top = [
        ("The settings", &fields::SETTINGS),
        ("The settings of verify-image-signatures", &kubewarden_fields::SETTINGS),
    ];
    let tables = top.iter().chain(DEFINITIONS);
    tables.map(|(name, table)| section(name, table)).collect::<Vec<_>>().join("\n")
}

fn section(title: &str, table: &Table) -> String {
    let title = if title.contains(' ') { title.to_owned() } else { format!("`{title}`") };
    let ours = OURS.iter().filter(|(what, _)| *what == table.what).flat_map(|(_, fields)| *fields);
    let ours: Vec<&&str> = ours.collect();
    let rows: String = table.fields.iter().map(|field| row(field, ours.contains(&&field.name))).collect();
    format!("### {title}\n\n| field | | what |\n| --- | --- | --- |\n{rows}")
}

fn row(field: &Field, is_ours: bool) -> String {
    let (support, detail) = match &field.support {
        Support::Implemented(_) => ("implemented", String::new()),
        Support::Inert(why) => ("no effect", format!(" Accepted with a note in the policy's log: {why}.")),
        Support::Refused(instead) => ("refused", format!(" Instead: {instead}.")),
    };
    let ours = if is_ours { " _Ours._" } else { "" };
    format!("| `{}` | {support} | {}{detail}{ours} |\n", field.name, field.doc)
}

fn mapping(table: &Table) -> Value {
    let fields: Map<String, Value> =
        table.fields.iter().filter_map(|field| Some((field.name.to_owned(), property(field)?))).collect();
    json!({"type": "object", "additionalProperties": false, "properties": fields})
}

/// The schema of a field; nothing for one that is refused.
fn property(field: &Field) -> Option<Value> {
    let mut schema = match &field.support {
        Support::Implemented(shape) => self::shape(shape),
        Support::Inert(_) => json!({"deprecated": true}),
        Support::Refused(_) => return None,
    };
    schema.as_object_mut()?.insert("description".to_owned(), field.doc.into());
    Some(schema)
}

fn shape(shape: &Shape) -> Value {
    let text = json!({"type": "string"});
    match shape {
        Shape::Text => text,
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::Object => json!({"type": "object"}),
        Shape::Any => json!({"not": {"type": "null"}}),
        Shape::Count => json!({"type": "integer", "minimum": 1}),
        Shape::Choice(choices) => json!({"enum": choices}),
        Shape::Texts => json!({"type": "array", "items": text}),
        Shape::TextOrTexts => json!({"anyOf": [text, {"type": "array", "items": text, "minItems": 1}]}),
        Shape::List(table) => json!({"type": "array", "items": reference(table)}),
        Shape::Mapping(table) => reference(table),
        Shape::TextMap => json!({"type": "object", "additionalProperties": text}),
        Shape::TextsMap => json!({
            "type": "object",
            "additionalProperties": {"anyOf": [text, {"type": "array", "items": text, "minItems": 1}]},
        }),
        Shape::ListMap(table) => {
            json!({"type": "object", "additionalProperties": {"type": "array", "items": reference(table), "minItems": 1}})
        }
    }
}

fn reference(table: &'static Table) -> Value {
    let name = DEFINITIONS.iter().find(|(_, known)| core::ptr::eq(*known, table)).map(|(name, _)| *name);
    match name {
        Some(name) => json!({"$ref": format!("#/$defs/{name}")}),
        None => mapping(table),
    }
}
