//! The kinds that run images, and where each keeps its pod spec. A new kind is one line here.

use serde_json::Value;

use super::WorkloadError;
use super::request::{GroupVersionKind, GroupVersionResource};

/// A kind that runs images.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    resource: &'static str,
    /// The fields that lead to the pod spec.
    pub(super) pod_spec: &'static [&'static str],
}

impl Kind {
    /// Whether the object is of this kind.
    pub(super) fn check(&self, object: &Value) -> Result<(), WorkloadError> {
        check_object(self.group, self.version, self.kind, object)
    }
}

/// Which images a request on a kind's resource or subresource brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placement {
    /// Those of the object.
    Whole,
    /// Those of the ephemeral containers.
    EphemeralContainers,
    /// None.
    NoImages,
}

const TEMPLATE: &[&str] = &["spec", "template", "spec"];

const KINDS: &[Kind] = &[
    Kind { group: "", version: "v1", kind: "Pod", resource: "pods", pod_spec: &["spec"] },
    Kind {
        group: "",
        version: "v1",
        kind: "PodTemplate",
        resource: "podtemplates",
        pod_spec: &["template", "spec"],
    },
    Kind {
        group: "",
        version: "v1",
        kind: "ReplicationController",
        resource: "replicationcontrollers",
        pod_spec: TEMPLATE,
    },
    Kind { group: "apps", version: "v1", kind: "Deployment", resource: "deployments", pod_spec: TEMPLATE },
    Kind { group: "apps", version: "v1", kind: "ReplicaSet", resource: "replicasets", pod_spec: TEMPLATE },
    Kind { group: "apps", version: "v1", kind: "StatefulSet", resource: "statefulsets", pod_spec: TEMPLATE },
    Kind { group: "apps", version: "v1", kind: "DaemonSet", resource: "daemonsets", pod_spec: TEMPLATE },
    Kind { group: "batch", version: "v1", kind: "Job", resource: "jobs", pod_spec: TEMPLATE },
    Kind {
        group: "batch",
        version: "v1",
        kind: "CronJob",
        resource: "cronjobs",
        pod_spec: &["spec", "jobTemplate", "spec", "template", "spec"],
    },
];

/// The kind of a request, if we know it and the resource is its own. Subresources of a known resource
/// may come with a kind of their own (`Scale`, `Binding`, `Eviction`), so the resource finds it.
///
/// Kubewarden's audit scanner calls a resource by its kind (`Pod` for `pods`), and asks about whole objects alone.
pub(super) fn find(
    kind: &GroupVersionKind,
    resource: &GroupVersionResource,
    subresource: &str,
) -> Result<&'static Kind, WorkloadError> {
    let by_resource = KINDS.iter().find(|known| {
        known.group == resource.group
            && known.version == resource.version
            && known.resource == resource.resource
    });
    let by_kind = KINDS
        .iter()
        .find(|known| known.group == kind.group && known.version == kind.version && known.kind == kind.kind);
    match (by_resource, by_kind) {
        (Some(resource), Some(kind)) if resource == kind => Ok(resource),
        (Some(resource), None) if is_kind_of_a_subresource(kind) => Ok(resource),
        (None, Some(known)) if subresource.is_empty() && is_named_by_its_kind(resource, kind) => Ok(known),
        (None, None) => Err(WorkloadError::UnknownKind(shown_kind(&kind.group, &kind.version, &kind.kind))),
        (Some(_), _) | (None, Some(_)) => Err(WorkloadError::ResourceMismatch {
            kind: shown_kind(&kind.group, &kind.version, &kind.kind),
            resource: shown_kind(&resource.group, &resource.version, &resource.resource),
        }),
    }
}

/// Whether a kind is one of these; without a group, whether one of these has its name.
pub(super) fn is_built_in(group: Option<&str>, kind: &str) -> bool {
    KINDS.iter().any(|known| known.kind == kind && group.is_none_or(|group| group == known.group))
}

fn is_named_by_its_kind(resource: &GroupVersionResource, kind: &GroupVersionKind) -> bool {
    (&resource.group, &resource.version, &resource.resource) == (&kind.group, &kind.version, &kind.kind)
}

fn is_kind_of_a_subresource(kind: &GroupVersionKind) -> bool {
    matches!(
        (kind.group.as_str(), kind.kind.as_str()),
        ("autoscaling" | "extensions" | "apps", "Scale") | ("policy", "Eviction") | ("", "Binding")
    )
}

/// An explicit verdict for each subresource. Those without images can not change one: the API server
/// drops every other change that comes with them.
pub(super) fn subresource(kind: &Kind, name: &str) -> Result<Placement, WorkloadError> {
    match (kind.resource, name) {
        (_, "") => Ok(Placement::Whole),
        ("pods", "ephemeralcontainers") => Ok(Placement::EphemeralContainers),
        (_, "status")
        | ("pods", "resize" | "binding" | "eviction")
        | ("deployments" | "replicasets" | "statefulsets" | "replicationcontrollers", "scale") => {
            Ok(Placement::NoImages)
        }
        (resource, name) => Err(WorkloadError::UnknownSubresource(format!("{resource}/{name}"))),
    }
}

/// The object must say of itself what its resource, or its extractor, says of it.
pub(super) fn check_object(
    group: &str,
    version: &str,
    kind: &str,
    object: &Value,
) -> Result<(), WorkloadError> {
    let text = |field| object.get(field).and_then(Value::as_str).unwrap_or_default();
    let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    if text("kind") == kind && text("apiVersion") == api_version {
        return Ok(());
    }
    Err(WorkloadError::KindMismatch {
        object: format!("{} {}", text("apiVersion"), text("kind")),
        request: format!("{api_version} {kind}"),
    })
}

fn shown_kind(group: &str, version: &str, kind: &str) -> String {
    if group.is_empty() { format!("{version} {kind}") } else { format!("{group}/{version} {kind}") }
}
