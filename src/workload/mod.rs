//! From an admission request to every image the object would run.

mod extractor;
mod kinds;
mod podspec;
mod request;

use serde_json::Value;
use thiserror::Error;

pub use extractor::{Extractor, ExtractorKind, ExtractorPath};
pub use podspec::ImageSite;
pub use request::{AdmissionRequest, GroupVersionKind, GroupVersionResource, RequestError};

use crate::limits::MAX_PLACE_CHARS;
use crate::text::Shown;
use kinds::Placement;

/// What a request would run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Workload {
    /// These images; at least one.
    Runs(Vec<ImageSite>),
    /// Nothing new, for a stated reason: there is nothing to verify.
    RunsNothing(RunsNothing),
}

/// Why a request runs nothing new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunsNothing {
    /// A DELETE.
    Delete,
    /// An UPDATE of an object that is being deleted, which changes no image: finalizers being removed.
    BeingDeleted,
    /// A subresource that cannot change an image.
    Subresource,
}

/// Why an object's images cannot be told. All are rejections.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WorkloadError {
    /// A kind this policy does not know.
    #[error(
        "this policy cannot tell the images of `{}`; add it to `imageExtractors`, or remove it from the policy's \
         rules",
        Shown(.0)
    )]
    UnknownKind(String),
    /// A subresource this policy does not know.
    #[error("this policy cannot tell the images of the subresource `{}`", Shown(.0))]
    UnknownSubresource(String),
    /// An operation this policy does not know.
    #[error("this policy cannot judge the operation `{}`", Shown(.0))]
    UnknownOperation(String),
    /// The request's kind and resource do not belong together.
    #[error("the request's resource `{}` is not that of `{}`", Shown(resource), Shown(kind))]
    ResourceMismatch {
        /// The kind.
        kind: String,
        /// The resource.
        resource: String,
    },
    /// The object is of another kind than the request says.
    #[error("the object says it is `{}`, the request `{}`", Shown(object), Shown(request))]
    KindMismatch {
        /// What the object says.
        object: String,
        /// What the request says.
        request: String,
    },
    /// The request carries no object.
    #[error("the request carries no object")]
    NoObject,
    /// Something in the object has not the shape it must have.
    #[error("`{}` is not {expected}", Shown(path))]
    Shape {
        /// Where.
        path: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A container or an image volume without an image.
    #[error("`{}` is missing or empty, and what would be filled in later cannot be verified now", Shown(.0))]
    NoImage(String),
    /// A custom resource in which the extractor's paths find no image.
    #[error("the paths of `imageExtractors` find no image in this object; correct them, or the object")]
    NothingExtracted,
    /// A pod without containers.
    #[error("`{}` has no containers", Shown(.0))]
    NoContainers(String),
    /// An image in fields whose names are longer than the limit.
    #[error("the place of an image, `{}`, is longer than {MAX_PLACE_CHARS} characters", Shown(.0))]
    LongPlace(String),
    /// More images than the limit.
    #[error("more than {limit} images")]
    TooManyImages {
        /// The limit.
        limit: usize,
    },
}

/// Finds every image that the request would run.
///
/// # Errors
/// [`WorkloadError`] when that cannot be told for certain.
pub fn images(request: &AdmissionRequest, extractors: &[Extractor]) -> Result<Workload, WorkloadError> {
    match request.operation.as_str() {
        "DELETE" => return Ok(Workload::RunsNothing(RunsNothing::Delete)),
        "CREATE" | "UPDATE" => {}
        other => return Err(WorkloadError::UnknownOperation(other.to_owned())),
    }
    let (form, placement) = form(request, extractors)?;
    if placement == Placement::NoImages {
        return Ok(Workload::RunsNothing(RunsNothing::Subresource));
    }
    let object = request.object.as_ref().ok_or(WorkloadError::NoObject)?;
    match &form {
        Form::BuiltIn(kind) => kind.check(object)?,
        Form::Custom(_) => {
            let kind = &request.kind;
            kinds::check_object(&kind.group, &kind.version, &kind.kind, object)?;
        }
    }

    // Only an UPDATE changes something that was admitted before.
    let is_update = request.operation == "UPDATE";
    let old = request.old_object.as_ref().filter(|_| is_update);
    let being_deleted = request.operation == "UPDATE"
        && old.and_then(|old| old.pointer("/metadata/deletionTimestamp")).is_some_and(|at| !at.is_null());
    // Finalizers must go even from an object whose images cannot be told.
    if being_deleted && old.is_some_and(|old| form.runs_the_same(object, old)) {
        return Ok(Workload::RunsNothing(RunsNothing::BeingDeleted));
    }
    let mut sites = form.sites(object)?;
    let before = match old {
        // An old object we cannot read has no unchanged image.
        Some(old) => form.sites(old).unwrap_or_default(),
        None => Vec::new(),
    };
    for site in &mut sites {
        site.compare(&before);
    }
    if placement == Placement::EphemeralContainers {
        // What runs already was admitted with the pod, and a patch of it would be refused.
        sites.retain(ImageSite::is_changed);
    }
    if being_deleted && !sites.iter().any(ImageSite::is_changed) {
        return Ok(Workload::RunsNothing(RunsNothing::BeingDeleted));
    }
    if sites.is_empty() {
        return Ok(Workload::RunsNothing(RunsNothing::Subresource));
    }
    Ok(Workload::Runs(sites))
}

/// How the images of an object are found.
enum Form<'e> {
    BuiltIn(&'static kinds::Kind),
    Custom(Vec<&'e Extractor>),
}

impl Form<'_> {
    fn sites(&self, object: &Value) -> Result<Vec<ImageSite>, WorkloadError> {
        match self {
            Self::BuiltIn(kind) => podspec::sites(object, kind),
            Self::Custom(extractors) => extractor::sites(object, extractors),
        }
    }

    /// Whether two objects differ in nothing but their metadata and status, where no image is.
    fn runs_the_same(&self, object: &Value, old: &Value) -> bool {
        let has_images = |field: &str| match self {
            Self::BuiltIn(_) => false,
            Self::Custom(extractors) => extractor::lead_into(extractors, field),
        };
        // Compared where they are: a copy of a large object takes longer than all the rest.
        let runs = |(name, _): &(&String, &Value)| {
            !matches!(name.as_str(), "metadata" | "status") || has_images(name)
        };
        match (object, old) {
            (Value::Object(object), Value::Object(old)) => {
                object.iter().filter(runs).eq(old.iter().filter(runs))
            }
            _ => object == old,
        }
    }
}

fn form<'e>(
    request: &AdmissionRequest,
    extractors: &'e [Extractor],
) -> Result<(Form<'e>, Placement), WorkloadError> {
    let subresource = request.sub_resource.as_deref().unwrap_or_default();
    let unknown = match kinds::find(&request.kind, &request.resource, subresource) {
        Ok(kind) => return Ok((Form::BuiltIn(kind), kinds::subresource(kind, subresource)?)),
        Err(error) => error,
    };
    // `Kind` and `group/version/Kind` may both be of this kind: the images of both are images.
    let of_this_kind: Vec<_> = extractors.iter().filter(|e| e.kind.is(&request.kind)).collect();
    if !matches!(unknown, WorkloadError::UnknownKind(_)) || of_this_kind.is_empty() {
        return Err(unknown);
    }
    let placement = match subresource {
        "" => Placement::Whole,
        "status" if extractor::lead_into(&of_this_kind, "status") => Placement::Whole,
        "status" => Placement::NoImages,
        other => return Err(WorkloadError::UnknownSubresource(other.to_owned())),
    };
    Ok((Form::Custom(of_this_kind), placement))
}

impl RunsNothing {
    /// The reason in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "a deletion runs no image",
            Self::BeingDeleted => "the object is being deleted and no image changes",
            Self::Subresource => "the request changes no image",
        }
    }
}
