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
    ("conditions", &fields::CONDITIONS),
    ("condition", &fields::CONDITION),
    ("signedIdentity", &fields::SIGNED_IDENTITY),
    ("mutation", &fields::MUTATION),
    ("revoked", &fields::REVOKED),
    ("exception", &fields::EXCEPTION),
    ("imageExtractor", &fields::EXTRACTOR),
    ("signature", &kubewarden_fields::SIGNATURE),
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

/// Every field of Kyverno's `verifyImages` and what becomes of it, in Markdown.
#[must_use]
pub fn kyverno_fields() -> String {
    KYVERNO.iter().map(|(path, table)| section(path, table)).collect::<Vec<_>>().join("\n")
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
    let rows: String = table.fields.iter().map(row).collect();
    format!("## {title}\n\n| field | | what |\n| --- | --- | --- |\n{rows}")
}

fn row(field: &Field) -> String {
    let (support, detail) = match &field.support {
        Support::Implemented(_) => ("implemented", String::new()),
        Support::Inert(why) => ("no effect", format!(" Accepted with a note in the policy's log: {why}.")),
        Support::NotYet(what, _) => {
            ("not yet", format!(" Checked, then refused: this version cannot verify {what}."))
        }
        Support::Refused(instead) => ("refused", format!(" Instead: {instead}.")),
    };
    format!("| `{}` | {support} | {}{detail} |\n", field.name, field.doc)
}

fn mapping(table: &Table) -> Value {
    let fields: Map<String, Value> =
        table.fields.iter().filter_map(|field| Some((field.name.to_owned(), property(field)?))).collect();
    json!({"type": "object", "additionalProperties": false, "properties": fields})
}

/// The schema of a field; nothing for one that is refused.
fn property(field: &Field) -> Option<Value> {
    let mut schema = match &field.support {
        Support::Implemented(shape) | Support::NotYet(_, shape) => self::shape(shape),
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
        Shape::Any => json!({"not": {"type": "null"}}),
        Shape::Count => json!({"type": "integer", "minimum": 1}),
        Shape::Choice(choices) => json!({"enum": choices}),
        Shape::Texts => json!({"type": "array", "items": text}),
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
