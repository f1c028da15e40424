//! The manifests of `examples/`: every object is what Kubernetes and Kubewarden take for it, nothing in it is dropped;
//! the settings are valid; each policy has its twin; and the pair does what it is there for.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this is test, also what is shared"
)]

use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::{Affinity, ConfigMap, EnvVar, Secret, ServiceAccount, Toleration};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kubewarden_policy_sdk::crd::policies::{AdmissionPolicy, ClusterAdmissionPolicy};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sigwarden_host::cases::Case;
use sigwarden_host::host::NoBackend;
use sigwarden_host::{Evaluation, Grants, Host, Policy, Replay, Settings};
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What a policy-server is, with every field that a PolicyServer may have (policies.kubewarden.io/v1).
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PolicyServer {
    api_version: String,
    kind: String,
    metadata: ObjectMeta,
    spec: PolicyServerSpec,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PolicyServerSpec {
    image: String,
    replicas: i32,
    min_available: Option<IntOrString>,
    max_unavailable: Option<IntOrString>,
    annotations: Option<BTreeMap<String, String>>,
    labels: Option<BTreeMap<String, String>>,
    env: Option<Vec<EnvVar>>,
    service_account_name: Option<String>,
    image_pull_secret: Option<String>,
    insecure_sources: Option<Vec<String>>,
    source_authorities: Option<BTreeMap<String, Vec<String>>>,
    verification_config: Option<String>,
    sigstore_trust_config: Option<String>,
    security_contexts: Option<Value>,
    affinity: Option<Affinity>,
    limits: Option<BTreeMap<String, Quantity>>,
    requests: Option<BTreeMap<String, Quantity>>,
    tolerations: Option<Vec<Toleration>>,
    priority_class_name: Option<String>,
    namespaced_policies_capabilities: Option<Vec<String>>,
    webhook_port: Option<i32>,
    readiness_probe_port: Option<i32>,
    metrics_port: Option<i32>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn policy() -> &'static Policy {
    static POLICY: OnceLock<Policy> = OnceLock::new();
    POLICY.get_or_init(|| {
        let module =
            env::var_os("SIGWARDEN_POLICY").map_or_else(|| root().join("policy.wasm"), PathBuf::from);
        Policy::load(&module, None).unwrap_or_else(|error| panic!("{error}; run `make policy.wasm` first"))
    })
}

/// Every object of every example, with the name of its file.
fn objects() -> Vec<(String, Value)> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    // What else is beside it is no manifest.
    paths.push(root().join("examples/carriers/cronjob.yaml"));
    paths.sort();
    assert!(paths.len() > 9, "{paths:?}");
    let mut objects = Vec::new();
    for path in paths {
        let file = path.strip_prefix(root().join("examples")).unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let documents = serde_norway::Deserializer::from_str(&text)
            .map(|document| Value::deserialize(document).unwrap_or_else(|error| panic!("{file}: {error}")));
        // Before the first `---` there are only comments.
        objects.extend(
            documents.filter(|document| !document.is_null()).map(|document| (file.clone(), document)),
        );
    }
    objects
}

fn is_policy(object: &Value) -> bool {
    object["kind"] == "ClusterAdmissionPolicy" || object["kind"] == "AdmissionPolicy"
}

fn policies() -> Vec<(String, Value)> {
    objects().into_iter().filter(|(_, object)| is_policy(object)).collect()
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

/// What was in the text and is not in the object any more.
fn dropped(written: &Value, kept: &Value, path: &str, found: &mut Vec<String>) {
    match (written, kept) {
        (Value::Object(written), Value::Object(kept)) => {
            for (field, value) in written {
                dropped(value, kept.get(field).unwrap_or(&Value::Null), &format!("{path}.{field}"), found);
            }
        }
        (Value::Array(written), Value::Array(kept)) if written.len() == kept.len() => {
            for (at, (written, kept)) in written.iter().zip(kept).enumerate() {
                dropped(written, kept, &format!("{path}[{at}]"), found);
            }
        }
        _ if written == kept => {}
        _ => found.push(format!("{path}: {written} became {kept}")),
    }
}

/// Reads an object as its type. Types of Kubernetes pass over what they do not know: what is missing from the object
/// was not known.
fn strictly<T: DeserializeOwned + Serialize>(object: &Value) -> Result<(), String> {
    let typed: T = serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    dropped(object, &serde_json::to_value(&typed).unwrap(), "", &mut found);
    if found.is_empty() { Ok(()) } else { Err(found.join("; ")) }
}

fn check(object: &Value) -> Result<(), String> {
    let group = object["apiVersion"].as_str().unwrap_or_default();
    match (group, object["kind"].as_str().unwrap_or_default()) {
        ("policies.kubewarden.io/v1", "ClusterAdmissionPolicy") => strictly::<ClusterAdmissionPolicy>(object),
        ("policies.kubewarden.io/v1", "AdmissionPolicy") => strictly::<AdmissionPolicy>(object),
        ("policies.kubewarden.io/v1", "PolicyServer") => strictly::<PolicyServer>(object),
        ("v1", "ConfigMap") => strictly::<ConfigMap>(object),
        ("v1", "Secret") => strictly::<Secret>(object),
        ("v1", "ServiceAccount") => strictly::<ServiceAccount>(object),
        ("batch/v1", "CronJob") => strictly::<CronJob>(object),
        ("rbac.authorization.k8s.io/v1", "ClusterRole") => strictly::<ClusterRole>(object),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding") => strictly::<ClusterRoleBinding>(object),
        ("rbac.authorization.k8s.io/v1", "Role") => strictly::<Role>(object),
        ("rbac.authorization.k8s.io/v1", "RoleBinding") => strictly::<RoleBinding>(object),
        (group, kind) => Err(format!("{group} {kind} is not expected here")),
    }
}

#[test]
fn every_object_is_what_the_cluster_takes_for_it() {
    for (file, object) in objects() {
        assert_eq!(check(&object), Ok(()), "{file}: {} {}", object["kind"], name(&object));
    }
}

#[test]
fn what_the_types_do_not_know_is_found() {
    let objects = objects();
    let first = |kind: &str| objects.iter().find(|(_, object)| object["kind"] == kind).unwrap().1.clone();
    for (kind, pointer) in [
        ("ClusterAdmissionPolicy", "/spec"),
        ("ClusterAdmissionPolicy", "/spec/rules/0"),
        ("ClusterAdmissionPolicy", "/metadata"),
        ("AdmissionPolicy", "/spec"),
        ("PolicyServer", "/spec"),
        ("CronJob", "/spec/jobTemplate/spec/template/spec/containers/0"),
        ("Role", "/rules/0"),
        ("ClusterRole", "/rules/0"),
        ("ClusterRoleBinding", "/subjects/0"),
    ] {
        let mut object = first(kind);
        object.pointer_mut(pointer).unwrap()["notAField"] = json!("x");
        let error = check(&object).unwrap_err();
        assert!(error.contains("notAField"), "{kind} {pointer}: {error}");
    }
}

fn validate(settings: &Value) -> Result<(), String> {
    let settings = Settings::from_yaml(&settings.to_string()).unwrap();
    let answer = policy().validate_settings(&settings, &Host::new(Grants::default(), NoBackend));
    if answer.valid { Ok(()) } else { Err(answer.message.unwrap_or_default()) }
}

#[test]
fn the_settings_are_valid() {
    for (file, policy) in policies() {
        let mut settings = policy["spec"]["settings"].clone();
        assert_eq!(validate(&settings), Ok(()), "{file}: {}", name(&policy));
        let rule = settings["verifyImages"][0].as_object_mut().unwrap();
        rule.remove("attestors");
        let error = validate(&settings).unwrap_err();
        assert!(error.starts_with("verifyImages[0]"), "{file}: {error}");
    }
}

fn rules_of(object: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for rule in object["rules"].as_array().unwrap() {
        assert_eq!(rule["operations"], json!(["CREATE", "UPDATE"]));
        for resource in rule["resources"].as_array().unwrap() {
            found.push(format!("{}/{}/{resource}", rule["apiGroups"], rule["apiVersions"]));
        }
    }
    found.sort();
    found
}

#[test]
fn the_policies_are_installed_as_they_should_be() {
    let metadata: Value =
        serde_norway::from_str(&fs::read_to_string(root().join("policy-metadata.yml")).unwrap()).unwrap();
    for (file, policy) in policies() {
        let (name, spec) = (name(&policy), &policy["spec"]);
        let module = spec["module"].as_str().unwrap();
        let version = format!("/sigwarden:v{}", env!("CARGO_PKG_VERSION"));
        assert!(module.starts_with("registry://") && module.ends_with(&version), "{file}: {module}");
        assert_eq!(spec["failurePolicy"], "Fail", "{file}: {name}");

        // The budget ends before the policy-server interrupts, and that before the API server gives up.
        let evaluation = spec["timeoutEvalSeconds"].as_u64().unwrap();
        let budget = spec["settings"]["evaluationBudget"].as_str().unwrap();
        let budget: u64 = budget.strip_suffix("ms").unwrap().parse().unwrap();
        // Its clock ticks once a second.
        assert!(budget < (evaluation - 1) * 1000, "{file}: {name}");
        assert!(evaluation < spec["timeoutSeconds"].as_u64().unwrap(), "{file}: {name}");

        // The controller drops the `matchLabels` of cluster policies.
        assert!(spec["namespaceSelector"]["matchLabels"].is_null(), "{file}: {name}");
        assert!(!spec["settings"]["unmatchedImages"].is_null(), "{file}: {name}");

        for rule in rules_of(spec) {
            assert!(rules_of(&metadata).contains(&rule), "{file}: {name}: {rule}");
        }
        assert!(
            rules_of(spec).iter().any(|rule| rule.contains("pods/ephemeralcontainers")),
            "{file}: {name}"
        );

        // What is read from the cluster has to be granted, and nothing else is.
        let settings = spec["settings"].to_string();
        for (kind, field) in [("Secret", "\"secret\":"), ("ConfigMap", "\"configMap\":")] {
            let granted = spec["contextAwareResources"].as_array().is_some_and(|resources| {
                resources.iter().any(|of| of["kind"] == kind && of["apiVersion"] == "v1")
            });
            let reads = settings.contains(field);
            // Whoever may read Secrets may be given ConfigMaps as well; here neither is given in vain.
            assert_eq!(granted, reads, "{file}: {name}: {kind}");
        }
    }
}

/// The settings of the twin: nothing is changed, and what is unpinned is refused.
fn as_twin(settings: &Value, monitor: bool) -> Value {
    let mut twin = settings.clone();
    twin.as_object_mut().unwrap().remove("mutation");
    for rule in twin["verifyImages"].as_array_mut().unwrap() {
        assert_eq!(rule["mutateDigest"], true);
        rule["mutateDigest"] = json!(false);
        // In monitor mode nothing is pinned, so every tag would be reported.
        rule["verifyDigest"] = json!(!monitor);
    }
    twin
}

#[test]
fn each_policy_has_its_twin() {
    let policies = policies();
    let mut pairs = 0;
    for (file, first) in &policies {
        let Some(base) = name(first).strip_suffix("-pin") else {
            assert!(name(first).ends_with("-verify"), "{file}: {}", name(first));
            continue;
        };
        let (_, twin) = policies
            .iter()
            .find(|(of, twin)| of == file && name(twin) == format!("{base}-verify"))
            .unwrap_or_else(|| panic!("{file}: {base} has no twin"));
        assert_eq!(first["spec"]["mutating"], true, "{file}");
        assert_eq!(twin["spec"]["mutating"], false, "{file}");
        let monitor = first["spec"]["mode"] == "monitor";
        assert_eq!(
            twin["spec"]["settings"],
            as_twin(&first["spec"]["settings"], monitor),
            "{file}: {base}: the settings of the twin"
        );
        let same = |policy: &Value| {
            let mut policy = policy.clone();
            policy["metadata"].as_object_mut().unwrap().remove("name");
            for field in ["mutating", "settings", "rules"] {
                policy["spec"].as_object_mut().unwrap().remove(field);
            }
            policy
        };
        assert_eq!(same(twin), same(first), "{file}: {base}");
        // Where only Pods are changed, only Pods can be asked to be pinned.
        if first["spec"]["settings"]["mutation"]["podsOnly"] == true {
            let resources = rules_of(&twin["spec"]);
            assert!(resources.iter().all(|resource| resource.contains("\"pods")), "{file}: {resources:?}");
            assert_eq!(resources.len(), 2, "{file}");
        } else {
            assert_eq!(twin["spec"]["rules"], first["spec"]["rules"], "{file}: {base}");
        }
        pairs += 1;
    }
    assert_eq!(pairs * 2, policies.len());
}

/// Every way that docs/install.md lists has its file.
#[test]
fn the_page_names_every_example() {
    let page = fs::read_to_string(root().join("docs/install.md")).unwrap();
    for (file, _) in objects() {
        assert!(page.contains(&format!("(../examples/{file})")), "{file}");
    }
}

/// The settings of an example, for images and a key of the recorded cases.
fn for_cases(file: &str, suffix: &str) -> Settings {
    let (_, policy) =
        policies().into_iter().find(|(of, policy)| of == file && name(policy).ends_with(suffix)).unwrap();
    let mut settings = policy["spec"]["settings"].clone();
    let rule = &mut settings["verifyImages"][0];
    assert_eq!(rule["imageReferences"], json!(["ghcr.io/acme/*"]));
    rule["imageReferences"] = json!(["registry.example.com/acme/*"]);
    let key = fs::read_to_string(root().join("e2e-tests/keys/release.pub")).unwrap();
    rule["attestors"][0]["entries"][0]["keys"]["publicKeys"] = json!(key);
    Settings::from_yaml(&settings.to_string()).unwrap()
}

fn run(case: &str, settings: &Settings) -> Evaluation {
    let case = Case::load(&root().join("e2e-tests/cases").join(case)).unwrap();
    policy().evaluate(&case.request, settings, &Host::new(Grants::all(), Replay::new(case.session)))
}

#[test]
fn the_first_policy_pins_and_the_twin_refuses_what_is_not_pinned() {
    for file in ["key.yaml", "gitops.yaml"] {
        let (pin, verify) = (for_cases(file, "-pin"), for_cases(file, "-verify"));
        let tagged = run("01-signed", &pin);
        assert!(tagged.response.allowed && tagged.patch.is_some(), "{file}");
        let pinned = run("02-signed-and-pinned", &pin);
        assert!(pinned.response.allowed && pinned.patch.is_none(), "{file}");

        let tagged = run("01-signed", &verify);
        assert!(!tagged.response.allowed && tagged.patch.is_none(), "{file}");
        let pinned = run("02-signed-and-pinned", &verify);
        assert!(pinned.response.allowed && pinned.patch.is_none(), "{file}");

        for settings in [&pin, &verify] {
            assert!(!run("04-signed-by-another-key", settings).response.allowed, "{file}");
        }
    }
    // A Deployment is pinned by the one, and verified but left alone by the other.
    let deployment = run("13-deployment", &for_cases("key.yaml", "-pin"));
    assert!(deployment.response.allowed && deployment.patch.is_some());
    let deployment = run("13-deployment", &for_cases("gitops.yaml", "-pin"));
    assert!(deployment.response.allowed && deployment.patch.is_none());
}

/// Runs the script of a CronJob with these programs in place of the real ones, and gives what it sent: the address, and
/// the body.
fn run_script(file: &str, stubs: &[(&str, &str)]) -> (String, String) {
    let (_, job) =
        objects().into_iter().find(|(of, object)| of == file && object["kind"] == "CronJob").unwrap();
    let container = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["command"], json!(["bash", "-c"]));
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    for (name, text) in
        [("token", "service-account-token"), ("namespace", "kubewarden"), ("federated", "jwt")]
    {
        fs::write(directory.join(name), text).unwrap();
    }
    let curl = ("curl", r#"cat >body; for last; do :; done; echo "$last" >address; echo "$*" >arguments"#);
    let mut prelude = "set -u\n".to_owned();
    for (name, body) in stubs.iter().chain([&curl]) {
        prelude.push_str(&format!("{name}() {{ {body}; }}\n"));
    }
    let mut command = Command::new("bash");
    command.current_dir(&directory).arg("-c").arg(prelude + container["args"][0].as_str().unwrap());
    for variable in container["env"].as_array().unwrap() {
        command.env(variable["name"].as_str().unwrap(), variable["value"].as_str().unwrap());
    }
    let output = command
        .env("SERVICE_ACCOUNT", &directory)
        .env("AZURE_CLIENT_ID", "client")
        .env("AZURE_TENANT_ID", "tenant")
        .env("AZURE_FEDERATED_TOKEN_FILE", directory.join("federated"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
    let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
    let arguments = read("arguments");
    assert!(
        arguments.contains("--request PATCH") && arguments.contains("--oauth2-bearer service-account-token")
    );
    (read("address").trim_end().to_owned(), read("body"))
}

fn decoded(text: &Value) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn the_jobs_write_credentials_that_the_policy_server_can_read() {
    for (file, registry, credentials, stubs) in [
        (
            "credentials-ecr.yaml",
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com",
            "AWS:s3cret",
            &[("aws", r#"[ "$*" = "ecr get-login-password" ] && echo s3cret"#)][..],
        ),
        (
            "credentials-acr.yaml",
            "acme.azurecr.io",
            "00000000-0000-0000-0000-000000000000:s3cret",
            &[(
                "az",
                r#"case "$*" in login*jwt) ;; "acr login --name acme "*) echo s3cret ;; *) false ;; esac"#,
            )],
        ),
    ] {
        let (address, body) = run_script(file, stubs);
        assert_eq!(
            address,
            "https://kubernetes.default.svc/api/v1/namespaces/kubewarden/secrets/registry-credentials"
        );
        let body: Value = serde_json::from_str(&body).unwrap();
        let config: Value = serde_json::from_str(&decoded(&body["data"][".dockerconfigjson"])).unwrap();
        assert_eq!(decoded(&config["auths"][registry]["auth"]), credentials, "{file}");
        assert_eq!(config["auths"].as_object().unwrap().len(), 1);
    }
}
