//! The images of an index (OCI image-spec, "Image Index").

use serde::Deserialize;
use thiserror::Error;

use crate::image::ImageDigest;
use crate::limits::MAX_CHILDREN;

/// Why the images of an index cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IndexError {
    /// Neither a manifest nor an index.
    #[error("what the registry holds is neither an image manifest nor an image index")]
    NotUnderstood,
    /// No image in it.
    #[error("the image index names no image")]
    Empty,
    /// An index in an index.
    #[error("the image index names another index, whose images could not be told for certain")]
    Nested,
    /// More images than the limit.
    #[error("the image index names {found} images; at most {limit} are looked at")]
    TooMany {
        /// How many there are.
        found: usize,
        /// The limit.
        limit: usize,
    },
}

const INDEX_TYPES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];
const MANIFEST_TYPES: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawIndex {
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    manifests: Option<Vec<RawEntry>>,
    #[serde(default)]
    layers: Option<Vec<serde::de::IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEntry {
    media_type: String,
    digest: String,
    #[serde(default)]
    platform: Option<RawPlatform>,
}

#[derive(Deserialize)]
struct RawPlatform {
    os: String,
    architecture: String,
}

/// The images of an index; nothing where it is a manifest. Only what is said to run on no platform at
/// all is left out: build attestations, whose operating system *and* architecture are `unknown`.
pub(super) fn children(json: &[u8]) -> Result<Option<Vec<ImageDigest>>, IndexError> {
    let raw: RawIndex = serde_json::from_slice(json).map_err(|_| IndexError::NotUnderstood)?;
    let is = |types: [&str; 2]| raw.media_type.as_deref().is_none_or(|found| types.contains(&found));
    let entries = match (raw.manifests, raw.layers) {
        (Some(entries), None) if is(INDEX_TYPES) => entries,
        (None, Some(_)) if is(MANIFEST_TYPES) => return Ok(None),
        (Some(_) | None, Some(_) | None) => return Err(IndexError::NotUnderstood),
    };
    let unknown = |platform: &RawPlatform| platform.os == "unknown" && platform.architecture == "unknown";
    let runs = entries.into_iter().filter(|entry| !entry.platform.as_ref().is_some_and(unknown));
    let mut digests = Vec::new();
    for entry in runs {
        if INDEX_TYPES.contains(&entry.media_type.as_str()) {
            return Err(IndexError::Nested);
        }
        if !MANIFEST_TYPES.contains(&entry.media_type.as_str()) {
            return Err(IndexError::NotUnderstood);
        }
        digests.push(ImageDigest::parse(&entry.digest).map_err(|_| IndexError::NotUnderstood)?);
    }
    if digests.is_empty() {
        return Err(IndexError::Empty);
    }
    if digests.len() > MAX_CHILDREN {
        return Err(IndexError::TooMany { found: digests.len(), limit: MAX_CHILDREN });
    }
    Ok(Some(digests))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

    fn entry(n: usize, os: &str, architecture: &str) -> Value {
        json!({"mediaType": MANIFEST, "digest": format!("sha256:{n:064}"), "size": 1,
               "platform": {"os": os, "architecture": architecture}})
    }

    fn read(index: &Value) -> Result<Option<usize>, IndexError> {
        children(index.to_string().as_bytes()).map(|found| found.map(|digests| digests.len()))
    }

    fn index(entries: &[Value]) -> Value {
        json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
    }

    #[test]
    fn only_entries_of_no_platform_at_all_are_left_out() {
        let all = [entry(1, "linux", "amd64"), entry(2, "unknown", "unknown"), entry(3, "unknown", "arm64")];
        assert_eq!(read(&index(&all)), Ok(Some(2)));
        assert_eq!(read(&index(&[entry(2, "unknown", "unknown")])), Err(IndexError::Empty));
        let mut bare = entry(1, "", "");
        bare.as_object_mut().unwrap().remove("platform");
        assert_eq!(read(&index(&[bare])), Ok(Some(1)));
    }

    #[test]
    fn what_is_no_index_of_images_is_refused() {
        assert_eq!(read(&index(&[])), Err(IndexError::Empty));
        let mut nested = entry(1, "linux", "amd64");
        nested["mediaType"] = INDEX.into();
        assert_eq!(read(&index(&[entry(2, "linux", "arm64"), nested])), Err(IndexError::Nested));
        let many: Vec<Value> = (0..=MAX_CHILDREN).map(|n| entry(n, "linux", "amd64")).collect();
        assert_eq!(read(&index(&many)), Err(IndexError::TooMany { found: 33, limit: 32 }));
        let mut odd = entry(1, "linux", "amd64");
        odd["digest"] = "sha512:00".into();
        assert_eq!(read(&index(&[odd])), Err(IndexError::NotUnderstood));
        assert_eq!(read(&json!({"mediaType": MANIFEST, "layers": []})), Ok(None));
        assert_eq!(read(&json!({"mediaType": MANIFEST, "manifests": []})), Err(IndexError::NotUnderstood));
        assert_eq!(read(&json!({"mediaType": INDEX, "layers": []})), Err(IndexError::NotUnderstood));
        assert_eq!(read(&json!({"manifests": [], "layers": []})), Err(IndexError::NotUnderstood));
        assert_eq!(read(&json!({})), Err(IndexError::NotUnderstood));
    }
}
