//! What the shipped module is made of: its size, what it asks of its host, and what its metadata says of that.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this is test, also what is shared"
)]

use serde_norway::Value;
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use wasmparser::{Parser, Payload};

/// The most the module may weigh. Every policy-server keeps it in memory, compiled. With ECDSA P-256 alone it was
/// 379 kB; RSA, P-384, P-521 and Ed25519 cost 175 kB, regular expressions and conditions 140 kB, X.509, CMS and the rest
/// of the Sigstore crates about 900 kB, the policy language the rest.
const MAX_BYTES: usize = 1_950_000;

/// Every operation of Kubewarden's host, as namespace and name.
const OPERATIONS: &[(&str, &str)] = &[
    ("oci", "v1/verify"),
    ("oci", "v2/verify"),
    ("oci", "v1/manifest_digest"),
    ("oci", "v1/oci_manifest"),
    ("oci", "v1/oci_manifest_config"),
    ("net", "v1/dns_lookup_host"),
    ("crypto", "v1/is_certificate_trusted"),
    ("kubernetes", "list_resources_by_namespace"),
    ("kubernetes", "list_resources_all"),
    ("kubernetes", "get_resource"),
    ("kubernetes", "can_i"),
];

/// The functions of WASI that Rust's standard library needs here. None opens a file, a directory or a socket.
const WASI: &[&str] =
    &["clock_time_get", "environ_get", "environ_sizes_get", "fd_write", "proc_exit", "random_get"];

struct Module {
    imports: BTreeSet<(String, String)>,
    /// Name and kind.
    exports: BTreeSet<String>,
    data: Vec<Vec<u8>>,
    custom_sections: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn bytes() -> Vec<u8> {
    let module = env::var_os("SIGWARDEN_POLICY").map_or_else(|| root().join("policy.wasm"), PathBuf::from);
    fs::read(&module).unwrap_or_else(|error| {
        panic!("{}: {error}; run `make policy.wasm` first, or set SIGWARDEN_POLICY", module.display())
    })
}

fn module() -> Module {
    let mut module = Module {
        imports: BTreeSet::new(),
        exports: BTreeSet::new(),
        data: Vec::new(),
        custom_sections: Vec::new(),
    };
    for payload in Parser::new(0).parse_all(&bytes()) {
        let payload = payload.unwrap();
        if let Payload::ImportSection(section) = &payload {
            for import in section.clone().into_imports() {
                let import = import.unwrap();
                module.imports.insert((import.module.to_owned(), import.name.to_owned()));
            }
        }
        if let Payload::ExportSection(section) = &payload {
            for export in section.clone() {
                let export = export.unwrap();
                module.exports.insert(format!("{} ({:?})", export.name, export.kind));
            }
        }
        if let Payload::DataSection(section) = &payload {
            module.data.extend(section.clone().into_iter().map(|segment| segment.unwrap().data.to_vec()));
        }
        if let Payload::CustomSection(section) = &payload {
            module.custom_sections.push(section.name().to_owned());
        }
    }
    module
}

fn metadata() -> Value {
    serde_norway::from_slice(&fs::read(root().join("policy-metadata.yml")).unwrap()).unwrap()
}

fn texts(list: &Value) -> BTreeSet<String> {
    let list = list.as_sequence().unwrap_or_else(|| panic!("{list:?} is no list"));
    let texts: BTreeSet<String> = list.iter().map(|text| text.as_str().unwrap().to_owned()).collect();
    assert_eq!(texts.len(), list.len(), "something is listed twice: {list:?}");
    texts
}

fn set<const N: usize>(texts: [&str; N]) -> BTreeSet<String> {
    texts.into_iter().map(str::to_owned).collect()
}

fn contains(data: &[u8], text: &str) -> bool {
    data.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Whether the data holds the name of an operation, other than as the beginning of a longer one.
fn names_operation(data: &[u8], operation: &str) -> bool {
    let longer: Vec<&str> = OPERATIONS
        .iter()
        .map(|(_, other)| *other)
        .filter(|other| *other != operation && other.starts_with(operation))
        .collect();
    (0..data.len()).any(|at| {
        data[at..].starts_with(operation.as_bytes())
            && !longer.iter().any(|longer| data[at..].starts_with(longer.as_bytes()))
    })
}

/// The capabilities that the names in a module's data give away, as kwctl finds them.
fn capabilities(segments: &[Vec<u8>]) -> BTreeSet<String> {
    let data = segments.join(&0xff);
    OPERATIONS
        .iter()
        .filter(|(namespace, operation)| contains(&data, namespace) && names_operation(&data, operation))
        .map(|(namespace, operation)| format!("{namespace}/{operation}"))
        .collect()
}

#[test]
fn the_module_is_small() {
    let bytes = bytes().len();
    println!("policy.wasm: {bytes} bytes of at most {MAX_BYTES}");
    assert!(bytes <= MAX_BYTES, "policy.wasm is {bytes} bytes, more than {MAX_BYTES}");
}

#[test]
fn the_module_imports_wapc_and_what_the_standard_library_needs_of_wasi() {
    for (module, name) in module().imports {
        match module.as_str() {
            "wapc" => {}
            "wasi_snapshot_preview1" => {
                assert!(WASI.contains(&name.as_str()), "the module imports WASI's {name}");
            }
            _ => panic!("the module imports {module}.{name}"),
        }
    }
}

#[test]
fn the_module_exports_what_wapc_calls_and_nothing_else() {
    let expected = set(["memory (Memory)", "__guest_call (Func)", "wapc_init (Func)"]);
    assert_eq!(module().exports, expected);
}

#[test]
fn the_module_carries_no_names_and_no_paths_of_the_machine_that_built_it() {
    let module = module();
    assert_eq!(module.custom_sections, Vec::<String>::new());
    for path in ["/registry/src/", "/rustup/toolchains/", env!("CARGO_MANIFEST_DIR").trim_end_matches("host")]
    {
        assert!(
            !module.data.iter().any(|data| contains(data, path)),
            "{path} is in the module; was it built by `make policy.wasm`?"
        );
    }
}

#[test]
fn the_metadata_names_exactly_the_host_capabilities_in_the_module() {
    let used = capabilities(&module().data);
    assert_eq!(
        used,
        set([
            "kubernetes/get_resource",
            "oci/v1/manifest_digest",
            "oci/v1/oci_manifest",
            "oci/v1/oci_manifest_config"
        ])
    );
    assert_eq!(texts(&metadata()["hostCapabilities"]), used);
}

#[test]
fn an_operation_is_told_from_a_longer_one() {
    let found = |data: &str| capabilities(&[data.as_bytes().to_vec(), b"oci".to_vec()]);
    assert_eq!(found("v1/oci_manifest_config"), set(["oci/v1/oci_manifest_config"]));
    assert_eq!(found("v1/oci_manifest"), set(["oci/v1/oci_manifest"]));
    assert_eq!(
        found("v1/oci_manifest_configv1/oci_manifest"),
        set(["oci/v1/oci_manifest", "oci/v1/oci_manifest_config"])
    );
    assert_eq!(found("v1/oci_"), set([]));
    assert_eq!(capabilities(&[b"v1/oci_".to_vec(), b"manifest oci".to_vec()]), set([]));
    assert_eq!(capabilities(&[b"can_i".to_vec()]), set([]));
}

#[test]
fn the_metadata_is_that_of_this_policy() {
    let metadata = metadata();
    assert_eq!(metadata["mutating"], Value::from(true));
    assert_eq!(metadata["backgroundAudit"], Value::from(true));
    assert_eq!(metadata["executionMode"], Value::from("kubewarden-wapc"));
    assert_eq!(metadata["policyType"], Value::from("kubernetes"));
    let resources = metadata["contextAwareResources"].as_sequence().unwrap();
    let kinds: Vec<_> = resources.iter().map(|of| (of["apiVersion"].as_str(), of["kind"].as_str())).collect();
    assert_eq!(kinds, [(Some("v1"), Some("Secret")), (Some("v1"), Some("ConfigMap"))]);
    let annotation = |name: &str| metadata["annotations"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(annotation("io.kubewarden.policy.source"), env!("CARGO_PKG_REPOSITORY"));
}

/// What is not in these rules is never seen by the policy: each line is a way for an image into the cluster.
#[test]
fn the_metadata_asks_for_every_resource_that_runs_images() {
    let mut seen = BTreeSet::new();
    for rule in metadata()["rules"].as_sequence().unwrap() {
        assert_eq!(texts(&rule["operations"]), set(["CREATE", "UPDATE"]));
        for group in texts(&rule["apiGroups"]) {
            for version in texts(&rule["apiVersions"]) {
                for resource in texts(&rule["resources"]) {
                    assert!(seen.insert(format!("{group}/{version}/{resource}")), "{resource} twice");
                }
            }
        }
    }
    let expected = set([
        "/v1/pods",
        "/v1/pods/ephemeralcontainers",
        "/v1/podtemplates",
        "/v1/replicationcontrollers",
        "apps/v1/daemonsets",
        "apps/v1/deployments",
        "apps/v1/replicasets",
        "apps/v1/statefulsets",
        "batch/v1/cronjobs",
        "batch/v1/jobs",
    ]);
    assert_eq!(seen, expected);
}

/// Whoever inspects the module sees which trust root is built in (`make trusted-root`).
#[test]
fn the_metadata_tells_the_date_of_the_trust_root() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let trust_root = read("trust/trusted_root.json");
    let starts = trust_root.split("\"start\": \"").skip(1).filter_map(|rest| rest.get(..10));
    let newest = starts.max().unwrap();
    let lock = read("Cargo.lock");
    let (_, after) = lock.split_once("name = \"sigstore-trust-root\"\nversion = \"").unwrap();
    let version = after.split('"').next().unwrap();
    let told = &metadata()["annotations"]["io.sigwarden.trusted-root"];
    let expected = format!("sigstore-trust-root {version}, newest entry of {newest}");
    assert_eq!(told.as_str(), Some(expected.as_str()), "run `make trusted-root`");
    // The module has it whole.
    assert!(module().data.iter().any(|data| contains(data, &trust_root)));
}
