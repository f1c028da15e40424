//! As much of a cluster with Kubewarden as the page needs: kubectl's commands become AdmissionReviews, which the policies
//! that were applied decide on, with the module that was pushed to the registry.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kubewarden_policy_sdk::crd::policies::ClusterAdmissionPolicy;
use serde::Deserialize as _;
use serde_json::{Value, json};
use sigwarden_host::host::NoBackend;
use sigwarden_host::module::DEFAULT_TIMEOUT;
use sigwarden_host::{Evaluation, Grants, Host, Policy, Registry, Request, Settings};

/// The host of the page, which is the registry of the test.
pub(crate) const REGISTRY: &str = "registry.example.com";

/// The cluster.
pub(crate) struct Cluster {
    directory: PathBuf,
    /// Where the identities of the page are certified, in place of the public-good instance.
    trust_root: Value,
    policies: BTreeMap<String, Deployed>,
    pods: BTreeMap<String, Value>,
    /// The last module that was pulled, by its digest.
    module: Option<(String, Policy)>,
}

/// A policy that was applied.
struct Deployed {
    spec: Value,
    /// What the policy says of its settings.
    invalid: Option<String>,
}

/// What a command prints, or why it fails.
type Said = Result<String, String>;

impl Cluster {
    pub(crate) fn new(directory: &Path, trust_root: Value) -> Self {
        Self {
            directory: directory.to_owned(),
            trust_root,
            policies: BTreeMap::new(),
            pods: BTreeMap::new(),
            module: None,
        }
    }

    /// Runs a command of kubectl, given without its first word.
    pub(crate) fn kubectl(&mut self, command: &str) -> Said {
        let words: Vec<&str> = command.split_whitespace().filter(|word| *word != "\\").collect();
        match words.as_slice() {
            ["apply", "-f", file] => self.each(file, Self::apply),
            ["delete", "-f", file] => self.each(file, Self::delete),
            ["wait", "--for=condition=PolicyActive", "--timeout=120s", names @ ..] => {
                names.iter().map(|name| self.wait(name)).collect()
            }
            ["run", name, image] => {
                let image = image.strip_prefix("--image=").ok_or("only --image is understood")?;
                self.create(name, image)
            }
            ["get", "pod", name, "-o", "jsonpath='{.spec.containers[0].image}'"] => {
                let pod = self.pods.get(*name).ok_or_else(|| not_found("pods", name))?;
                Ok(pod
                    .pointer("/spec/containers/0/image")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned())
            }
            _ => Err(format!("this cluster does not understand `kubectl {command}`")),
        }
    }

    fn each(&mut self, file: &str, act: fn(&mut Self, &Value) -> Said) -> Said {
        let text =
            fs::read_to_string(self.directory.join(file)).map_err(|error| format!("{file}: {error}"))?;
        let documents = serde_norway::Deserializer::from_str(&text).map(Value::deserialize);
        documents.map(|document| act(self, &document.map_err(|error| error.to_string())?)).collect()
    }

    fn apply(&mut self, document: &Value) -> Said {
        let policy: ClusterAdmissionPolicy =
            serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
        let name = policy.metadata.name.ok_or("a policy without name")?;
        let mut spec = document.get("spec").cloned().unwrap_or_default();
        self.certify(&mut spec);
        let settings = settings(&spec)?;
        let answer =
            self.module(&spec)?.validate_settings(&settings, &Host::new(Grants::default(), NoBackend));
        let invalid = (!answer.valid).then(|| answer.message.unwrap_or_default());
        let before = self.policies.insert(name.clone(), Deployed { spec, invalid });
        let done = if before.is_some() { "configured" } else { "created" };
        Ok(format!("{}/{name} {done}\n", resource("clusteradmissionpolicy")))
    }

    fn delete(&mut self, document: &Value) -> Said {
        let name = document.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        self.policies.remove(name).ok_or_else(|| not_found(&resource("clusteradmissionpolicies"), name))?;
        Ok(format!("{} {name:?} deleted\n", resource("clusteradmissionpolicy")))
    }

    fn wait(&self, name: &str) -> Said {
        let name = name.strip_prefix("clusteradmissionpolicy/").ok_or("what is to be waited for?")?;
        let policy =
            self.policies.get(name).ok_or_else(|| not_found(&resource("clusteradmissionpolicies"), name))?;
        match &policy.invalid {
            None => Ok(format!("{}/{name} condition met\n", resource("clusteradmissionpolicy"))),
            Some(message) => Err(format!("the policy-server does not become ready: {name}: {message}")),
        }
    }

    /// `kubectl run`: first the policies that may change the Pod, then the others.
    fn create(&mut self, name: &str, image: &str) -> Said {
        let mut pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "labels": {"run": name}},
            "spec": {"containers": [{"name": name, "image": image}], "restartPolicy": "Always"},
        });
        let mut said = String::new();
        for mutating in [true, false] {
            let names: Vec<String> = self.policies.keys().cloned().collect();
            for policy in names {
                let Some(deployed) = self.policies.get(&policy) else { continue };
                let spec = deployed.spec.clone();
                if spec.get("mutating") != Some(&json!(mutating)) || !binds_pods(&spec) {
                    continue;
                }
                let evaluation = self.evaluate(&policy, &spec, &pod)?;
                if spec.get("mode") == Some(&json!("monitor")) {
                    continue;
                }
                for warning in evaluation.response.warnings.iter().flatten() {
                    said.push_str(&format!("Warning: {warning}\n"));
                }
                if !evaluation.response.allowed {
                    let message =
                        evaluation.response.status.and_then(|status| status.message).unwrap_or_default();
                    let webhook = format!("clusterwide-{policy}.kubewarden.admission");
                    return Err(format!(
                        "{said}Error from server: admission webhook {webhook:?} denied the request: {message}"
                    ));
                }
                pod = evaluation.object.unwrap_or(pod);
            }
        }
        self.pods.insert(name.to_owned(), pod);
        Ok(format!("{said}pod/{name} created\n"))
    }

    fn evaluate(&mut self, name: &str, spec: &Value, pod: &Value) -> Result<Evaluation, String> {
        let request = request(pod)?;
        let registry = Registry::new([REGISTRY.to_owned()]).map_err(|error| error.to_string())?;
        let evaluation =
            self.module(spec)?.evaluate(&request, &settings(spec)?, &Host::new(Grants::all(), registry));
        let may_mutate = spec.get("mutating") == Some(&json!(true));
        Ok(if may_mutate { evaluation } else { evaluation.without_mutation(name, &request) })
    }

    /// The page's people are certified by the tests' Sigstore: nobody here has the key of the public one.
    fn certify(&self, spec: &mut Value) {
        let Some(settings) = spec.get_mut("settings").and_then(Value::as_object_mut) else { return };
        if settings.get("verifyImages").is_some_and(|rules| rules.to_string().contains("\"keyless\"")) {
            settings.entry("trustRoot").or_insert_with(|| self.trust_root.clone());
        }
    }

    /// The module that the policy names, out of the registry.
    fn module(&mut self, spec: &Value) -> Result<&Policy, String> {
        let name = spec.get("module").and_then(Value::as_str).unwrap_or_default();
        let name = name.strip_prefix("registry://").ok_or_else(|| format!("{name:?} is in no registry"))?;
        let manifest: Value =
            serde_json::from_slice(&crane(&["manifest", name])?).map_err(|error| error.to_string())?;
        let layer =
            manifest.pointer("/layers/0/digest").and_then(Value::as_str).ok_or("no layer")?.to_owned();
        if self.module.as_ref().is_none_or(|(digest, _)| *digest != layer) {
            let repository = name.rsplit_once(':').map_or(name, |(repository, _)| repository);
            let module = crane(&["blob", &format!("{repository}@{layer}")])?;
            let policy = Policy::new(&module, Some(DEFAULT_TIMEOUT)).map_err(|error| error.to_string())?;
            self.module = Some((layer, policy));
        }
        self.module.as_ref().map(|(_, policy)| policy).ok_or_else(|| "no module".to_owned())
    }
}

fn resource(kind: &str) -> String {
    format!("{kind}.policies.kubewarden.io")
}

fn not_found(resource: &str, name: &str) -> String {
    format!("Error from server (NotFound): {resource} {name:?} not found")
}

fn settings(spec: &Value) -> Result<Settings, String> {
    let settings = spec.get("settings").cloned().unwrap_or_default();
    Settings::from_yaml(&settings.to_string()).map_err(|error| error.to_string())
}

/// Whether the rules are about Pods that are created.
fn binds_pods(spec: &Value) -> bool {
    let lists = |rule: &Value, field: &str, value: &str| {
        rule.get(field).and_then(Value::as_array).is_some_and(|list| list.contains(&json!(value)))
    };
    spec.get("rules").and_then(Value::as_array).is_some_and(|rules| {
        rules.iter().any(|rule| {
            lists(rule, "apiGroups", "")
                && lists(rule, "apiVersions", "v1")
                && lists(rule, "resources", "pods")
                && lists(rule, "operations", "CREATE")
        })
    })
}

fn request(pod: &Value) -> Result<Request, String> {
    let kind = json!({"group": "", "version": "v1", "kind": "Pod"});
    let resource = json!({"group": "", "version": "v1", "resource": "pods"});
    Request::from_value(json!({
        "uid": "00000000-0000-4000-8000-000000000000",
        "kind": kind, "requestKind": kind,
        "resource": resource, "requestResource": resource,
        "name": pod.pointer("/metadata/name"),
        "namespace": "default",
        "operation": "CREATE",
        "userInfo": {"username": "jane@example.com"},
        "object": pod,
        "dryRun": false,
    }))
    .map_err(|error| error.to_string())
}

fn crane(arguments: &[&str]) -> Result<Vec<u8>, String> {
    let output = Command::new("crane").args(arguments).output().map_err(|error| format!("crane: {error}"))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("crane {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)))
    }
}
