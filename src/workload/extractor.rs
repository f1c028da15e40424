//! Images of custom resources, where the settings say they are.

use serde_json::Value;

use super::podspec::ImageSite;
use super::request::GroupVersionKind;
use super::{WorkloadError, kinds};
use crate::limits::{MAX_IMAGES, MAX_PLACE_CHARS};

/// Where the objects of one kind keep their images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extractor {
    /// The kind.
    pub kind: ExtractorKind,
    /// The paths; at least one.
    pub paths: Vec<ExtractorPath>,
}

/// A kind as the settings write it: by its name, as Kyverno does, or with group and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractorKind {
    group_version: Option<(String, String)>,
    kind: String,
}

/// A path to images, `/spec/steps/*/image`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractorPath(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Each,
}

impl ExtractorKind {
    /// Parses `Kind` or `group/version/Kind`. The error says what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let parts: Vec<&str> = text.split('/').collect();
        let (group_version, kind) = match parts.as_slice() {
            [kind] => (None, *kind),
            [group, version, kind] => (Some(((*group).to_owned(), (*version).to_owned())), *kind),
            _ => return Err("write `Kind` or `group/version/Kind`"),
        };
        if parts.iter().any(|part| part.is_empty()) || text.contains(['*', ' ']) {
            return Err("write `Kind` or `group/version/Kind`");
        }
        if kinds::is_built_in(group_version.as_ref().map(|(group, _)| group.as_str()), kind) {
            return Err("the images of this kind are known without an extractor");
        }
        Ok(Self { group_version, kind: kind.to_owned() })
    }

    pub(super) fn is(&self, kind: &GroupVersionKind) -> bool {
        let same_group =
            |(group, version): &(String, String)| *group == kind.group && *version == kind.version;
        self.kind == kind.kind && self.group_version.as_ref().is_none_or(same_group)
    }
}

impl ExtractorPath {
    /// Parses a path, with the field that holds the image where the path leads to mappings. The error
    /// says what is wrong.
    pub(crate) fn parse(path: &str, value: Option<&str>) -> Result<Self, &'static str> {
        let rest = path.strip_prefix('/').ok_or("a path begins with `/`")?;
        let steps: Vec<Step> = rest
            .split('/')
            .chain(value)
            .map(|step| if step == "*" { Step::Each } else { Step::Field(step.to_owned()) })
            .collect();
        if steps.contains(&Step::Field(String::new())) {
            return Err("a path has no empty steps");
        }
        // As other languages of paths have them: no field is called so, and no image would be missed.
        let is_foreign = |name: &str| ["*", "[", "]", "~0", "~1"].iter().any(|part| name.contains(part));
        if steps.iter().any(|step| matches!(step, Step::Field(name) if is_foreign(name))) {
            return Err("a step is the name of a field, or `*` for each item");
        }
        if steps.last() == Some(&Step::Each) && value.is_some() {
            return Err("`value` is the name of a field");
        }
        Ok(Self(steps))
    }
}

/// Every image that the paths lead to. Parts that are absent have none; an object in which no path finds
/// any is refused.
pub(super) fn sites(object: &Value, extractors: &[&Extractor]) -> Result<Vec<ImageSite>, WorkloadError> {
    let mut sites = Vec::new();
    for path in extractors.iter().flat_map(|extractor| &extractor.paths) {
        walk(object, &path.0, &mut Trail(Vec::new()), &mut sites)?;
        if sites.len() > MAX_IMAGES {
            return Err(WorkloadError::TooManyImages { limit: MAX_IMAGES });
        }
    }
    if sites.is_empty() { Err(WorkloadError::NothingExtracted) } else { Ok(sites) }
}

/// Whether some path leads into a field of the object.
pub(super) fn lead_into(extractors: &[&Extractor], field: &str) -> bool {
    extractors.iter().flat_map(|extractor| &extractor.paths).any(|path| match path.0.first() {
        Some(Step::Field(first)) => first == field,
        Some(Step::Each) | None => true,
    })
}

/// The way to a value. It is written out for images and errors alone: there may be many values, and the names of their
/// fields may be long.
struct Trail<'v>(Vec<Part<'v>>);

#[derive(Clone, Copy)]
enum Part<'v> {
    Field(&'v str),
    Index(usize),
}

fn walk<'v>(
    value: &'v Value,
    steps: &'v [Step],
    trail: &mut Trail<'v>,
    sites: &mut Vec<ImageSite>,
) -> Result<(), WorkloadError> {
    if sites.len() > MAX_IMAGES {
        return Err(WorkloadError::TooManyImages { limit: MAX_IMAGES });
    }
    let Some((step, rest)) = steps.split_first() else {
        return match value {
            Value::String(image) if !image.is_empty() => {
                sites.push(ImageSite::at(trail.pointer()?, trail.path(), image.clone()));
                Ok(())
            }
            Value::String(_) | Value::Null => Err(WorkloadError::NoImage(trail.path())),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                Err(WorkloadError::Shape { path: trail.path(), expected: "a text" })
            }
        };
    };
    let mut go = |part: Part<'v>, inner: &'v Value| {
        trail.0.push(part);
        walk(inner, rest, trail, sites)?;
        trail.0.pop();
        Ok(())
    };
    match (step, value) {
        (Step::Field(name), Value::Object(fields)) => {
            fields.get(name).map_or(Ok(()), |inner| go(Part::Field(name), inner))
        }
        (Step::Each, Value::Object(fields)) => {
            fields.iter().try_for_each(|(name, inner)| go(Part::Field(name), inner))
        }
        (Step::Each, Value::Array(items)) => {
            items.iter().enumerate().try_for_each(|(index, inner)| go(Part::Index(index), inner))
        }
        (_, Value::Null) => Ok(()),
        (Step::Field(_), _) => Err(WorkloadError::Shape { path: trail.path(), expected: "a mapping" }),
        (Step::Each, _) => Err(WorkloadError::Shape { path: trail.path(), expected: "a list" }),
    }
}

impl Trail<'_> {
    /// As a JSON Pointer.
    fn pointer(&self) -> Result<String, WorkloadError> {
        let part = |part: &Part<'_>| match part {
            Part::Field(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
            Part::Index(index) => format!("/{index}"),
        };
        let pointer: String = self.0.iter().map(part).collect();
        if pointer.len() > MAX_PLACE_CHARS {
            return Err(WorkloadError::LongPlace(self.path()));
        }
        Ok(pointer)
    }

    /// As people write it. Whoever writes the object chooses the names of its fields: what could be taken for more than
    /// a name stands in quotes.
    fn path(&self) -> String {
        let mut path = String::new();
        for part in &self.0 {
            match part {
                Part::Field(name) if is_plain(name) && path.is_empty() => path.push_str(name),
                Part::Field(name) if is_plain(name) => path.push_str(&format!(".{name}")),
                Part::Field(name) => path.push_str(&quoted(name)),
                Part::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        path
    }
}

/// Characters shown of a name in quotes: so few that the quote at its end is seen.
const MAX_QUOTED_CHARS: usize = 64;

/// `["a name"]`
fn quoted(name: &str) -> String {
    let mut chars = name.chars();
    let mut shown: String = chars.by_ref().take(MAX_QUOTED_CHARS).collect();
    if chars.next().is_some() {
        shown.push_str("...");
    }
    format!("[{}]", Value::from(shown))
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(
        object: &Value,
        path: &str,
        value: Option<&str>,
    ) -> Result<Vec<(String, String, String)>, WorkloadError> {
        let extractor = Extractor {
            kind: ExtractorKind::parse("tekton.dev/v1/Task").unwrap(),
            paths: vec![ExtractorPath::parse(path, value).unwrap()],
        };
        let sites = sites(object, &[&extractor])?;
        Ok(sites
            .iter()
            .map(|s| (s.pointer().to_owned(), s.path().to_owned(), s.image().to_owned()))
            .collect())
    }

    #[test]
    fn paths_lead_to_images() {
        let object =
            json!({"spec": {"steps": [{"image": "a"}, {}, {"image": "b"}], "m": {"x/y": {"i": "c"}}}});
        let text = str::to_owned;
        assert_eq!(
            found(&object, "/spec/steps/*/image", None),
            Ok(vec![
                (text("/spec/steps/0/image"), text("spec.steps[0].image"), text("a")),
                (text("/spec/steps/2/image"), text("spec.steps[2].image"), text("b")),
            ])
        );
        assert_eq!(
            found(&object, "/spec/steps/*", Some("image")),
            found(&object, "/spec/steps/*/image", None)
        );
        assert_eq!(
            found(&object, "/spec/m/*/i", None),
            Ok(vec![(text("/spec/m/x~1y/i"), text("spec.m.x/y.i"), text("c"))])
        );
        assert_eq!(object.pointer("/spec/m/x~1y/i"), Some(&json!("c")));
    }

    #[test]
    fn what_is_not_there_or_not_an_image_is_refused() {
        let object = json!({"spec": {"steps": [{"image": 1}, {"image": ""}], "text": "x"}});
        assert_eq!(found(&object, "/spec/none/*/image", None), Err(WorkloadError::NothingExtracted));
        let shape = |path: &str, expected| Err(WorkloadError::Shape { path: path.to_owned(), expected });
        assert_eq!(found(&object, "/spec/steps/*/image", None), shape("spec.steps[0].image", "a text"));
        assert_eq!(found(&object, "/spec/text/*", None), shape("spec.text", "a list"));
        assert_eq!(found(&object, "/spec/text/image", None), shape("spec.text", "a mapping"));
        let object = json!({"image": ""});
        assert_eq!(found(&object, "/image", None), Err(WorkloadError::NoImage("image".to_owned())));
    }

    #[test]
    fn built_in_kinds_and_bad_paths_are_refused() {
        const KNOWN: &str = "the images of this kind are known without an extractor";
        assert_eq!(ExtractorKind::parse("Pod"), Err(KNOWN));
        assert_eq!(ExtractorKind::parse("apps/v1/Deployment"), Err(KNOWN));
        assert!(ExtractorKind::parse("evil.example/v1/Pod").is_ok());
        assert_eq!(ExtractorKind::parse("a/b"), Err("write `Kind` or `group/version/Kind`"));
        assert_eq!(ExtractorKind::parse("*"), Err("write `Kind` or `group/version/Kind`"));
        assert_eq!(ExtractorPath::parse("spec/image", None), Err("a path begins with `/`"));
        assert_eq!(ExtractorPath::parse("/spec//image", None), Err("a path has no empty steps"));
        assert_eq!(ExtractorPath::parse("/spec", Some("*")), Err("`value` is the name of a field"));
    }
}
