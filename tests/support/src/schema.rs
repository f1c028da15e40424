//! The JSON Schema of the settings, compiled.

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;
use sigwarden::settings::schema;

/// The schema, ready to validate with.
pub struct Schema(Schemas, SchemaIndex);

impl Schema {
    /// Compiles the schema.
    ///
    /// # Panics
    /// If it is no JSON Schema.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it takes its time")]
    pub fn new() -> Self {
        let schema = schema::json_schema();
        let id = schema["$id"].as_str().unwrap().to_owned();
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        compiler.add_resource(&id, schema).unwrap();
        let index = compiler.compile(&id, &mut schemas).unwrap();
        Self(schemas, index)
    }

    /// Whether the settings are valid by the schema.
    #[must_use]
    pub fn accepts(&self, settings: &Value) -> bool {
        self.0.validate(settings, self.1).is_ok()
    }
}
