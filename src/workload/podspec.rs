//! The images of a pod spec. A new place for images is one line in [`sites`].

use serde_json::Value;

use super::WorkloadError;
use super::kinds::Kind;
use crate::limits::MAX_IMAGES;

/// One place of an object that names an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSite {
    pointer: String,
    path: String,
    name: String,
    image: String,
    changed: bool,
    custom: bool,
}

/// Every image of the object, in the order written.
///
/// # Errors
/// [`WorkloadError`] for whatever has not the shape it must have: a place we cannot read is a place
/// that could run anything.
pub(super) fn sites(object: &Value, kind: &Kind) -> Result<Vec<ImageSite>, WorkloadError> {
    let mut pod_spec = Place { value: object, pointer: String::new(), path: String::new() };
    for field in kind.pod_spec {
        pod_spec = pod_spec
            .field(field)?
            .ok_or_else(|| WorkloadError::Shape { path: kind.pod_spec.join("."), expected: "a mapping" })?;
    }
    let mut sites = Vec::new();
    for container in pod_spec.items("initContainers", |_| true)? {
        sites.push(ImageSite::read(&container, &container, "image")?);
    }
    let containers = pod_spec.items("containers", |_| true)?;
    if containers.is_empty() {
        return Err(WorkloadError::NoContainers(pod_spec.path));
    }
    for container in containers {
        sites.push(ImageSite::read(&container, &container, "image")?);
    }
    for container in pod_spec.items("ephemeralContainers", |_| true)? {
        sites.push(ImageSite::read(&container, &container, "image")?);
    }
    for volume in pod_spec.items("volumes", may_be_an_image)? {
        if let Some(image) = volume.field("image")? {
            sites.push(ImageSite::read(&image, &volume, "reference")?);
        }
    }
    if sites.len() > MAX_IMAGES {
        return Err(WorkloadError::TooManyImages { limit: MAX_IMAGES });
    }
    Ok(sites)
}

fn may_be_an_image(volume: &Value) -> bool {
    volume.get("image").is_some_and(|image| !image.is_null())
}

impl ImageSite {
    fn read(holder: &Place<'_>, named: &Place<'_>, field: &str) -> Result<Self, WorkloadError> {
        let missing = || WorkloadError::NoImage(format!("{}.{field}", holder.path));
        let image = match holder.value.get(field) {
            None | Some(Value::Null) => return Err(missing()),
            Some(Value::String(image)) if image.is_empty() => return Err(missing()),
            Some(Value::String(image)) => image.clone(),
            Some(_) => {
                return Err(WorkloadError::Shape {
                    path: format!("{}.{field}", holder.path),
                    expected: "a text",
                });
            }
        };
        Ok(Self {
            pointer: format!("{}/{field}", holder.pointer),
            path: holder.path.clone(),
            name: named.value.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            image,
            changed: true,
            custom: false,
        })
    }

    /// An image of a custom resource.
    pub(super) fn at(pointer: String, path: String, image: String) -> Self {
        Self { pointer, path, name: String::new(), image, changed: true, custom: true }
    }

    /// Notes whether the old object had the same image in the same place and container.
    pub(super) fn compare(&mut self, before: &[Self]) {
        self.changed = !before
            .iter()
            .any(|old| old.pointer == self.pointer && old.name == self.name && old.image == self.image);
    }

    /// Where the image stands, as a JSON Pointer (RFC 6901) into the object.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Where the image stands, for people: `spec.containers[0]`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The image as it is written.
    #[must_use]
    pub fn image(&self) -> &str {
        &self.image
    }

    /// The mapping that has the image's pull policy, as a JSON Pointer, and the field it has there.
    #[must_use]
    pub fn pull_policy(&self) -> Option<(&str, &'static str)> {
        let image_volume = self.pointer.strip_suffix("/reference").map(|holder| (holder, "pullPolicy"));
        let container = self.pointer.strip_suffix("/image").map(|holder| (holder, "imagePullPolicy"));
        if self.custom { None } else { image_volume.or(container) }
    }

    /// Whether this request brings or changes it.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.changed
    }
}

/// A value of the object, and where it stands.
struct Place<'v> {
    value: &'v Value,
    pointer: String,
    path: String,
}

impl<'v> Place<'v> {
    /// A mapping in a field, or nothing.
    fn field(&self, name: &str) -> Result<Option<Self>, WorkloadError> {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        match self.value.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value @ Value::Object(_)) => {
                Ok(Some(Self { value, pointer: format!("{}/{name}", self.pointer), path }))
            }
            Some(_) => Err(WorkloadError::Shape { path, expected: "a mapping" }),
        }
    }

    /// The mappings of a list in a field that may have an image; none where there is no list. There may be a million
    /// volumes: places are written out for images alone.
    fn items(&self, name: &str, may_have: fn(&Value) -> bool) -> Result<Vec<Self>, WorkloadError> {
        let path = format!("{}.{name}", self.path);
        let items = match self.value.get(name) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(WorkloadError::Shape { path, expected: "a list" }),
        };
        let mut places = Vec::new();
        for (index, value) in items.iter().enumerate() {
            let path = || format!("{path}[{index}]");
            if !value.is_object() {
                return Err(WorkloadError::Shape { path: path(), expected: "a mapping" });
            }
            if may_have(value) {
                let pointer = format!("{}/{name}/{index}", self.pointer);
                places.push(Self { value, pointer, path: path() });
            }
            if places.len() > MAX_IMAGES {
                return Err(WorkloadError::TooManyImages { limit: MAX_IMAGES });
            }
        }
        Ok(places)
    }
}
