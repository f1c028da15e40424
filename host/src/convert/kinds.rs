//! Kinds and the resources that requests for them name.

use super::glob::Glob;
use std::collections::BTreeSet;

/// What a webhook rule names.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Resource {
    /// The API group; empty for the core's.
    pub(super) group: String,
    /// The version, or `*`.
    pub(super) version: String,
    /// The plural, perhaps with a subresource.
    pub(super) resource: String,
}

/// A kind, and its resource: `GROUP/VERSION/KIND=PLURAL` on the command line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CustomKind {
    /// The API group.
    pub group: String,
    /// The version, or `*`.
    pub version: String,
    /// The kind.
    pub kind: String,
    /// The plural name of its resource.
    pub plural: String,
}

impl core::str::FromStr for CustomKind {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = "expected GROUP/VERSION/KIND=PLURAL, such as tekton.dev/v1/Task=tasks";
        let (gvk, plural) = text.split_once('=').ok_or(wanted)?;
        let parts: Vec<&str> = gvk.split('/').collect();
        let [group, version, kind] = parts.as_slice() else { return Err(wanted) };
        if [group, version, kind].iter().any(|part| part.is_empty()) || plural.is_empty() {
            return Err(wanted);
        }
        let [group, version, kind, plural] = [*group, *version, *kind, plural].map(str::to_owned);
        Ok(Self { group, version, kind, plural })
    }
}

/// The kinds that run images: group, kind, resources. All are of version `v1`.
pub(super) const WORKLOADS: [(&str, &str, &[&str]); 9] = [
    ("", "Pod", &["pods", "pods/ephemeralcontainers"]),
    ("", "PodTemplate", &["podtemplates"]),
    ("", "ReplicationController", &["replicationcontrollers"]),
    ("apps", "DaemonSet", &["daemonsets"]),
    ("apps", "Deployment", &["deployments"]),
    ("apps", "ReplicaSet", &["replicasets"]),
    ("apps", "StatefulSet", &["statefulsets"]),
    ("batch", "CronJob", &["cronjobs"]),
    ("batch", "Job", &["jobs"]),
];

/// Kinds for which Kyverno makes rules of a rule for Pods.
pub(super) const CONTROLLERS: [&str; 7] =
    ["DaemonSet", "Deployment", "Job", "StatefulSet", "ReplicaSet", "ReplicationController", "CronJob"];

/// Kinds of Kubernetes that people name beside Pods, though they run nothing.
const WITHOUT_IMAGES: [&str; 19] = [
    "ClusterRole",
    "ClusterRoleBinding",
    "ConfigMap",
    "CustomResourceDefinition",
    "HorizontalPodAutoscaler",
    "Ingress",
    "LimitRange",
    "Namespace",
    "NetworkPolicy",
    "Node",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "PodDisruptionBudget",
    "ResourceQuota",
    "Role",
    "RoleBinding",
    "Secret",
    "Service",
    "ServiceAccount",
];

/// Custom kinds whose plural is known. What is not here has to be named: a wrong plural matches nothing.
const CUSTOM: [(&str, &str, &str); 14] = [
    ("argoproj.io", "CronWorkflow", "cronworkflows"),
    ("argoproj.io", "Rollout", "rollouts"),
    ("argoproj.io", "Workflow", "workflows"),
    ("argoproj.io", "WorkflowTemplate", "workflowtemplates"),
    ("cdi.kubevirt.io", "DataVolume", "datavolumes"),
    ("kubevirt.io", "VirtualMachine", "virtualmachines"),
    ("kubevirt.io", "VirtualMachineInstance", "virtualmachineinstances"),
    ("kubevirt.io", "VirtualMachineInstanceReplicaSet", "virtualmachineinstancereplicasets"),
    ("serving.knative.dev", "Configuration", "configurations"),
    ("tekton.dev", "ClusterTask", "clustertasks"),
    ("tekton.dev", "Pipeline", "pipelines"),
    ("tekton.dev", "PipelineRun", "pipelineruns"),
    ("tekton.dev", "Task", "tasks"),
    ("tekton.dev", "TaskRun", "taskruns"),
];

/// Kyverno's way to name kinds: `Kind`, `version/Kind`, `group/version/Kind`, each with `/subresource`. Where neither a
/// version nor `*` comes first it reads `Kind/subresource`, and where one does, `version/Kind/subresource`: what it
/// reads so has no image, and is no kind here.
#[derive(Clone, Debug)]
pub(super) struct KindSelector {
    group: Glob,
    version: Glob,
    pub(super) kind: Glob,
    pub(super) subresource: Option<String>,
}

impl KindSelector {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts: Vec<&str> = text.split('/').collect();
        // A subresource begins with a small letter, a kind does not.
        let small = |part: &&str| part.starts_with(|first: char| first.is_ascii_lowercase());
        let subresource = if parts.len() > 1 { parts.pop_if(|last| small(last)) } else { None };
        let (group, version, kind) = match parts.as_slice() {
            [kind] => ("*", "*", *kind),
            [version, kind] if is_version(version) => ("*", *version, *kind),
            [group, version, kind] if !is_version(group) => (*group, *version, *kind),
            _ => return None,
        };
        Some(Self {
            group: Glob::new(group)?,
            version: Glob::new(version)?,
            kind: Glob::new(kind)?,
            subresource: subresource.map(str::to_owned),
        })
    }

    /// Whether it is about Pods or a subresource of theirs. Where Kyverno makes rules for controllers, it does so of
    /// both.
    pub(super) fn is_pod(&self) -> bool {
        self.kind.literal() == Some("Pod")
    }

    /// Whether Kyverno makes rules for controllers where this is among the kinds of a policy.
    pub(super) fn asks_for_controllers(&self) -> bool {
        self.subresource.is_none() && (self.is_pod() || self.kind.literal().is_some_and(is_controller))
    }

    /// The resources of the kinds that run images.
    pub(super) fn workloads(&self) -> BTreeSet<Resource> {
        let named = |(group, kind, _): &&(&str, &str, &[&str])| {
            self.group.matches(group) && self.version.matches("v1") && self.kind.matches(kind)
        };
        WORKLOADS
            .iter()
            .filter(named)
            .flat_map(|(group, _, resources)| resources_of(group, resources))
            .collect()
    }

    /// The kind that runs images and was meant: by another case, by its plural, or of a version that is gone.
    pub(super) fn meant(&self) -> Option<String> {
        let kind = self.kind.literal()?.to_ascii_lowercase();
        let of_kubernetes = ["", "apps", "batch", "extensions"].iter().any(|group| self.group.matches(group));
        let (group, known, _) =
            WORKLOADS.iter().filter(|_| of_kubernetes).find(|(_, known, resources)| {
                known.to_ascii_lowercase() == kind || resources.contains(&kind.as_str())
            })?;
        let prefix = match (self.kind.literal() == Some(*known), *group) {
            (false, _) => String::new(),
            (true, "") => "v1/".to_owned(),
            (true, group) => format!("{group}/v1/"),
        };
        Some(format!("{prefix}{known}"))
    }

    /// Whether it is a kind of Kubernetes that runs nothing.
    pub(super) fn has_no_images(&self) -> bool {
        self.kind.literal().is_some_and(|kind| WITHOUT_IMAGES.contains(&kind))
    }

    /// Whether it says which group's kind it is.
    pub(super) fn names_a_group(&self) -> bool {
        self.group.literal().is_some()
    }

    /// Whether it says which version, or all: a rule of a webhook knows no patterns of versions.
    pub(super) fn names_versions(&self) -> bool {
        self.version.literal().is_some() || self.version.is_any()
    }

    /// The custom kind, if its plural is known: its name and its resources. A version that is a pattern becomes all.
    pub(super) fn custom(&self, more: &[CustomKind]) -> Option<(String, BTreeSet<Resource>)> {
        let kind = self.kind.literal()?;
        let version = self.version.literal().unwrap_or("*");
        let named = more.iter().filter(|custom| {
            custom.kind == kind && self.group.matches(&custom.group) && self.version.matches(&custom.version)
        });
        let named =
            named.map(|custom| (custom.group.as_str(), custom.version.as_str(), custom.plural.as_str()));
        let known = CUSTOM.iter().filter(|(group, known, _)| *known == kind && self.group.matches(group));
        let known = known.map(|(group, _, plural)| (*group, version, *plural));
        let resources = named.chain(known).map(|(group, version, resource)| {
            let [group, version, resource] = [group, version, resource].map(str::to_owned);
            Resource { group, version, resource }
        });
        let resources: BTreeSet<Resource> = resources.collect();
        (!resources.is_empty()).then(|| (kind.to_owned(), resources))
    }
}

fn is_controller(kind: &str) -> bool {
    CONTROLLERS.contains(&kind)
}

/// `v1`, `v1beta1` and the like, or any.
fn is_version(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('v') else { return text == "*" };
    let unstable = rest.split_once("alpha").or_else(|| rest.split_once("beta"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    unstable.map_or_else(|| digits(rest), |(major, minor)| digits(major) && digits(minor))
}

fn resources_of<'a>(group: &'a str, resources: &'a [&'a str]) -> impl Iterator<Item = Resource> + 'a {
    resources.iter().map(move |resource| Resource {
        group: group.to_owned(),
        version: "v1".to_owned(),
        resource: (*resource).to_owned(),
    })
}

/// The resources of one of the [`WORKLOADS`].
pub(super) fn workload(kind: &str) -> BTreeSet<Resource> {
    let named = WORKLOADS.iter().filter(|(_, name, _)| *name == kind);
    named.flat_map(|(group, _, resources)| resources_of(group, resources)).collect()
}

/// Whether a resource is one of the [`WORKLOADS`].
pub(super) fn is_workload(group: &str, resource: &str) -> bool {
    WORKLOADS.iter().any(|(known, _, resources)| *known == group && resources.contains(&resource))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        KindSelector::parse(text).unwrap().workloads().into_iter().map(|found| found.resource).collect()
    }

    #[test]
    fn kinds_are_found_by_group_version_and_name() {
        assert_eq!(names("Pod"), ["pods", "pods/ephemeralcontainers"]);
        assert_eq!(names("v1/Pod"), ["pods", "pods/ephemeralcontainers"]);
        assert_eq!(names("apps/v1/Deployment"), ["deployments"]);
        assert_eq!(names("apps/*/Deployment"), ["deployments"]);
        assert_eq!(names("*/Deployment"), ["deployments"]);
        assert_eq!(names("*Set"), ["daemonsets", "replicasets", "statefulsets"]);
        assert_eq!(names("*").len(), 10);
        assert!(names("extensions/v1beta1/Deployment").is_empty());
        assert!(names("Service").is_empty());
        assert_eq!(
            KindSelector::parse("Pod/exec").unwrap().subresource.as_deref(),
            Some("exec"),
            "a subresource"
        );
        for text in ["a/b/c/D/E", "*/*/Deployment", "v1/v1/Pod", "v*/Pod", "vbeta1/Pod"] {
            assert!(KindSelector::parse(text).is_none(), "{text}");
        }
        assert!(KindSelector::parse("v1beta1/Pod").is_some());
    }

    #[test]
    fn custom_kinds_are_known_or_named() {
        let task = KindSelector::parse("tekton.dev/v1/Task").unwrap();
        let (kind, resources) = task.custom(&[]).unwrap();
        let resource = resources.first().unwrap();
        assert_eq!(
            (kind.as_str(), resource.version.as_str(), resource.resource.as_str()),
            ("Task", "v1", "tasks")
        );
        let widget = KindSelector::parse("Widget").unwrap();
        assert_eq!(widget.custom(&[]), None);
        let named: CustomKind = "example.com/v1/Widget=widgets".parse().unwrap();
        assert_eq!(widget.custom(&[named]).unwrap().1.first().unwrap().group, "example.com");
        assert!("example.com/Widget=widgets".parse::<CustomKind>().is_err());
        assert!("example.com/v1/Widget".parse::<CustomKind>().is_err());
    }
}
