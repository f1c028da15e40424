//! Writing metadata into a policy module, as `kwctl annotate` does: as JSON, in a custom section.
//!
//! The section holds the same JSON as kwctl's, but for the annotation with kwctl's own version. Other than kwctl, which
//! writes the module anew, this leaves the code as it is and adds the section at the end.

use crate::capability::Grants;
use crate::host::{Host, NoBackend};
use crate::metadata::Metadata;
use crate::module::{ModuleError, Policy};
use thiserror::Error;
use wasmparser::{BinaryReaderError, Parser, Payload};

/// The custom section that policy-server and kwctl look for.
pub const SECTION: &str = "io.kubewarden.metadata";

/// The annotation that holds the page for people.
pub const USAGE: &str = "io.kubewarden.policy.usage";

/// The identifier of a custom section.
const CUSTOM: u8 = 0;

/// Why a module was not annotated.
#[derive(Debug, Error)]
pub enum AnnotateError {
    /// There is metadata in the module already; hosts would read the first.
    #[error("the module has metadata already: annotate the one that was built")]
    Annotated,
    /// Metadata that cannot be written as JSON.
    #[error("cannot write the metadata: {0}")]
    Json(#[from] serde_json::Error),
    /// What is not a policy that this host can run.
    #[error(transparent)]
    Policy(#[from] ModuleError),
    /// What is not a WebAssembly module.
    #[error("not a WebAssembly module: {0}")]
    Wasm(#[from] BinaryReaderError),
}

/// The module with its metadata. The protocol is asked of the module; `usage` is a page for people, in Markdown.
///
/// # Errors
///
/// Fails for what is no policy, and for a module that has metadata already.
pub fn annotate(module: &[u8], metadata: &Metadata, usage: Option<&str>) -> Result<Vec<u8>, AnnotateError> {
    if section(module)?.is_some() {
        return Err(AnnotateError::Annotated);
    }
    // Fails for any protocol but v1.
    Policy::new(module, None)?.protocol_version(&Host::new(Grants::default(), NoBackend))?;
    let mut metadata = metadata.clone();
    metadata.protocol_version = Some("v1".to_owned());
    if let Some(usage) = usage {
        metadata.annotations.insert(USAGE.to_owned(), usage.to_owned());
    }
    let mut content = Vec::new();
    with_length(&mut content, SECTION.as_bytes());
    content.extend_from_slice(&serde_json::to_vec(&metadata)?);
    let mut annotated = module.to_vec();
    annotated.push(CUSTOM);
    with_length(&mut annotated, &content);
    Ok(annotated)
}

/// The metadata of a module, as the bytes of JSON that its section holds; `None` where there is none.
///
/// # Errors
///
/// Fails for what is no WebAssembly module.
pub fn section(module: &[u8]) -> Result<Option<&[u8]>, BinaryReaderError> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CustomSection(section) = payload?
            && section.name() == SECTION
        {
            return Ok(Some(section.data()));
        }
    }
    Ok(None)
}

/// Appends the length of the bytes as LEB128, and the bytes.
fn with_length(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut length = bytes.len();
    loop {
        let low = u8::try_from(length & 0x7f).unwrap_or_default();
        length >>= 7;
        if length == 0 {
            out.push(low);
            break;
        }
        out.push(low | 0x80);
    }
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"
rules: [{apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE]}]
mutating: false
"#;

    /// A module in binary form that exports nothing.
    const EMPTY: &[u8] = b"\0asm\x01\0\0\0";

    #[test]
    fn a_length_is_written_as_leb128() {
        for (length, expected) in
            [(0, &[0][..]), (127, &[127]), (128, &[0x80, 1]), (300, &[0xac, 2]), (16_384, &[0x80, 0x80, 1])]
        {
            let mut out = Vec::new();
            with_length(&mut out, &vec![7; length]);
            assert!(out.starts_with(expected), "{length}");
            assert_eq!(out.len(), expected.len() + length);
        }
    }

    #[test]
    fn only_policies_are_annotated() {
        let metadata = Metadata::from_yaml(METADATA).unwrap();
        assert!(matches!(annotate(b"\0asm", &metadata, None), Err(AnnotateError::Wasm(_))));
        assert!(matches!(annotate(EMPTY, &metadata, None), Err(AnnotateError::Policy(_))));
    }

    #[test]
    fn a_module_is_annotated_once() {
        let mut module = EMPTY.to_vec();
        module.push(CUSTOM);
        let mut content = Vec::new();
        with_length(&mut content, SECTION.as_bytes());
        content.extend_from_slice(b"{}");
        with_length(&mut module, &content);
        assert_eq!(section(&module).unwrap(), Some(&b"{}"[..]));
        let metadata = Metadata::from_yaml(METADATA).unwrap();
        assert!(matches!(annotate(&module, &metadata, None), Err(AnnotateError::Annotated)));
    }
}
