//! Admission requests: every kind that runs images, every place an image can stand in, as JSON.

use serde_json::{Value, json};

/// A kind that runs images.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Its API group.
    pub group: &'static str,
    /// Its name.
    pub kind: &'static str,
    /// The plural name of its resource.
    pub resource: &'static str,
    /// The pointer to its pod spec.
    pub pod_spec: &'static str,
}

/// The kinds that Kubernetes' own APIs have, all in version `v1`.
pub const KINDS: [Kind; 9] = [
    Kind { group: "", kind: "Pod", resource: "pods", pod_spec: "/spec" },
    Kind { group: "", kind: "PodTemplate", resource: "podtemplates", pod_spec: "/template/spec" },
    Kind {
        group: "",
        kind: "ReplicationController",
        resource: "replicationcontrollers",
        pod_spec: "/spec/template/spec",
    },
    Kind { group: "apps", kind: "Deployment", resource: "deployments", pod_spec: "/spec/template/spec" },
    Kind { group: "apps", kind: "ReplicaSet", resource: "replicasets", pod_spec: "/spec/template/spec" },
    Kind { group: "apps", kind: "StatefulSet", resource: "statefulsets", pod_spec: "/spec/template/spec" },
    Kind { group: "apps", kind: "DaemonSet", resource: "daemonsets", pod_spec: "/spec/template/spec" },
    Kind { group: "batch", kind: "Job", resource: "jobs", pod_spec: "/spec/template/spec" },
    Kind {
        group: "batch",
        kind: "CronJob",
        resource: "cronjobs",
        pod_spec: "/spec/jobTemplate/spec/template/spec",
    },
];

/// The places of a pod spec that name an image.
pub const PLACES: [&str; 4] = ["initContainers", "containers", "ephemeralContainers", "volumes"];

/// A Pod.
pub const POD: Kind = KINDS[0];
/// A Deployment.
pub const DEPLOYMENT: Kind = KINDS[3];

impl Kind {
    /// `apiVersion` of its objects.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { "v1".to_owned() } else { format!("{}/v1", self.group) }
    }

    /// The path of its pod spec, as messages write it.
    #[must_use]
    pub fn spec_path(&self) -> String {
        self.pod_spec.trim_start_matches('/').replace('/', ".")
    }

    /// An object around a pod spec.
    #[must_use]
    pub fn object(&self, pod_spec: &Value) -> Value {
        let nested = self
            .pod_spec
            .trim_start_matches('/')
            .rsplit('/')
            .fold(pod_spec.clone(), |inner, field| json!({ field: inner }));
        let mut object = json!({
            "apiVersion": self.api_version(),
            "kind": self.kind,
            "metadata": {"name": "demo", "namespace": "shop"},
        });
        let fields = object.as_object_mut().unwrap();
        fields.extend(nested.as_object().unwrap().clone());
        object
    }

    /// A request to create an object.
    #[must_use]
    pub fn create(&self, object: &Value) -> Value {
        self.request("CREATE", object, &Value::Null)
    }

    /// A request to update an object.
    #[must_use]
    pub fn update(&self, old: &Value, object: &Value) -> Value {
        self.request("UPDATE", object, old)
    }

    /// A request.
    #[must_use]
    pub fn request(&self, operation: &str, object: &Value, old: &Value) -> Value {
        json!({
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": self.group, "version": "v1", "kind": self.kind},
            "resource": {"group": self.group, "version": "v1", "resource": self.resource},
            "requestKind": {"group": self.group, "version": "v1", "kind": self.kind},
            "requestResource": {"group": self.group, "version": "v1", "resource": self.resource},
            "name": "demo",
            "namespace": "shop",
            "operation": operation,
            "userInfo": {"username": "admin", "groups": ["system:authenticated"]},
            "object": object,
            "oldObject": old,
            "dryRun": false,
            "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
        })
    }
}

/// A pod spec with one container.
#[must_use]
pub fn one_container(image: &str) -> Value {
    json!({"containers": [{"name": "app", "image": image}]})
}

/// A pod spec with some containers.
#[must_use]
pub fn containers<S: AsRef<str>>(images: &[S]) -> Value {
    let container =
        |(index, image): (usize, &S)| json!({"name": format!("c{index}"), "image": image.as_ref()});
    json!({"containers": images.iter().enumerate().map(container).collect::<Vec<_>>()})
}

/// Adds an image to a pod spec, in one of [`PLACES`]. Gives the index it got.
pub fn add(pod_spec: &mut Value, place: &str, name: &str, image: &str) -> usize {
    let item = if place == "volumes" {
        json!({"name": name, "image": {"reference": image, "pullPolicy": "Always"}})
    } else {
        json!({"name": name, "image": image})
    };
    let list = pod_spec.as_object_mut().unwrap().entry(place).or_insert_with(|| json!([]));
    let list = list.as_array_mut().unwrap();
    list.push(item);
    list.len().saturating_sub(1)
}

/// The pointer of the image at an index of a place, within the pod spec.
#[must_use]
pub fn pointer(place: &str, index: usize) -> String {
    let field = if place == "volumes" { "image/reference" } else { "image" };
    format!("/{place}/{index}/{field}")
}

/// A request for one Pod with one container.
#[must_use]
pub fn pod(image: &str) -> Value {
    POD.create(&POD.object(&one_container(image)))
}

/// A request for one Pod with some containers.
#[must_use]
pub fn pod_of<S: AsRef<str>>(images: &[S]) -> Value {
    POD.create(&POD.object(&containers(images)))
}
