//! What is published beside the code: the metadata in the module, Artifact Hub's package, the workflows.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of this is test, also what is shared"
)]

use serde_json::{Value, json};
use sigwarden_host::host::NoBackend;
use sigwarden_host::{Grants, Host, Policy};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use wasmparser::{Parser, Payload};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(text: &str) -> Value {
    serde_norway::from_str(text).unwrap()
}

fn module() -> PathBuf {
    let module = env::var_os("SIGWARDEN_POLICY").map_or_else(|| root().join("policy.wasm"), PathBuf::from);
    assert!(module.exists(), "{}: run `make policy.wasm` first, or set SIGWARDEN_POLICY", module.display());
    module
}

/// The metadata, with what is not written in its place: the sets are sorted.
fn metadata() -> Value {
    let mut metadata = yaml(&read("policy-metadata.yml"));
    for set in ["contextAwareResources", "hostCapabilities"] {
        metadata[set].as_array_mut().unwrap().sort_by_key(Value::to_string);
    }
    metadata
}

fn annotation(name: &str) -> String {
    metadata()["annotations"][name].as_str().unwrap_or_else(|| panic!("there is no {name}")).to_owned()
}

/// The same as `kwctl annotate` writes; e2e-tests/policy.bats compares the two where there is a kwctl.
#[test]
fn the_annotated_module_carries_the_metadata_and_the_readme() {
    let annotated = Path::new(env!("CARGO_TARGET_TMPDIR")).join("annotated-policy.wasm");
    let output = Command::new(env!("CARGO_BIN_EXE_sigwarden"))
        .current_dir(root())
        .args(["annotate", "--metadata", "policy-metadata.yml", "--usage", "README.md", "--output"])
        .args([&annotated, &module()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let (before, after) = (fs::read(module()).unwrap(), fs::read(&annotated).unwrap());
    assert!(after.starts_with(&before), "the code was changed");
    let mut sections = Vec::new();
    for payload in Parser::new(0).parse_all(&after) {
        if let Payload::CustomSection(section) = payload.unwrap() {
            sections.push((section.name().to_owned(), section.data().to_vec()));
        }
    }
    let [(name, data)] = sections.as_slice() else { panic!("{} custom sections", sections.len()) };
    assert_eq!(name, "io.kubewarden.metadata");

    let mut expected = metadata();
    expected["protocolVersion"] = json!("v1");
    expected["annotations"]["io.kubewarden.policy.usage"] = json!(read("README.md"));
    assert_eq!(serde_json::from_slice::<Value>(data).unwrap(), expected);
    // In kwctl's order, too.
    assert!(data.starts_with(br#"{"protocolVersion":"v1","rules":[{"apiGroups":[""],"apiVersions":["v1"],"#));

    // It is still a policy.
    let policy = Policy::load(&annotated, None).unwrap();
    policy.protocol_version(&Host::new(Grants::default(), NoBackend)).unwrap();
}

#[test]
fn what_cannot_be_annotated_is_said_by_name() {
    for (metadata, message) in [
        ("README.md", "sigwarden: README.md: invalid type: string"),
        ("nothing.yml", "sigwarden: nothing.yml: No such file"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_sigwarden"))
            .current_dir(root())
            .args(["annotate", "--metadata", metadata, "--output", "/dev/null"])
            .arg(module())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.starts_with(message), "{error}");
    }
}

/// What `kwctl scaffold artifacthub` makes of the metadata and the form (policy_artifacthub.rs of its sources).
fn artifact_hub_package() -> Value {
    let metadata = metadata();
    let version = annotation("io.kubewarden.policy.version");
    let image = format!("{}:v{version}", annotation("io.kubewarden.policy.ociUrl"));
    let source = annotation("io.kubewarden.policy.source");
    let (name, email) = annotation("io.kubewarden.policy.author")
        .trim_end_matches('>')
        .split_once(" <")
        .map(|(name, email)| (name.to_owned(), email.to_owned()))
        .unwrap();
    let keywords = annotation("io.artifacthub.keywords");
    json!({
        "version": version,
        "name": annotation("io.kubewarden.policy.title"),
        "displayName": annotation("io.artifacthub.displayName"),
        "description": annotation("io.kubewarden.policy.description"),
        "license": annotation("io.kubewarden.policy.license"),
        "homeURL": annotation("io.kubewarden.policy.url"),
        "containersImages": [{"name": "policy", "image": image}],
        "keywords": keywords.split(',').map(str::trim).collect::<Vec<_>>(),
        "links": [
            {"name": "policy", "url": format!("{source}/releases/download/v{version}/policy.wasm")},
            {"name": "source", "url": source},
        ],
        "install": format!(
            "The policy can be obtained using [kwctl](https://docs.kubewarden.io/howtos/install-kwctl):\n\
             ```console\nkwctl pull {image}\n```\n\
             Then, generate the policy manifest and tune it to your liking. For example:\n\
             ```console\nkwctl scaffold manifest -t ClusterAdmissionPolicy registry://{image}\n```\n"
        ),
        "maintainers": [{"name": name, "email": email}],
        "provider": {"name": "kubewarden"},
        "recommendations": [
            {"url": "https://artifacthub.io/packages/helm/kubewarden/kubewarden-controller"}
        ],
        "annotations": {
            "kubewarden/contextAwareResources": metadata["contextAwareResources"],
            "kubewarden/mutation": metadata["mutating"].to_string(),
            "kubewarden/questions-ui": read("questions-ui.yml"),
            "kubewarden/resources": annotation("io.artifacthub.resources"),
            "kubewarden/rules": metadata["rules"],
        },
    })
}

#[test]
fn the_package_for_artifact_hub_is_what_the_metadata_says() {
    let mut package = yaml(&read("artifacthub-pkg.yml"));
    let created = package.as_object_mut().unwrap().remove("createdAt").unwrap();
    assert!(created.as_str().unwrap().ends_with('Z'), "{created}");
    for yaml_text in ["kubewarden/contextAwareResources", "kubewarden/rules"] {
        let text = &mut package["annotations"][yaml_text];
        *text = yaml(text.as_str().unwrap());
    }
    assert_eq!(package, artifact_hub_package(), "run `make artifacthub`");
}

#[test]
fn the_version_is_the_same_everywhere() {
    assert_eq!(annotation("io.kubewarden.policy.version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(yaml(&read("artifacthub-pkg.yml"))["version"], json!(env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_converter_names_the_module_that_is_published() {
    let help = Command::new(env!("CARGO_BIN_EXE_sigwarden")).args(["convert", "--help"]).output().unwrap();
    let module = format!(
        "[default: registry://{}:v{}]",
        annotation("io.kubewarden.policy.ociUrl"),
        annotation("io.kubewarden.policy.version")
    );
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains(&module), "{module}\n{help}");
}

#[test]
fn the_repository_of_artifact_hub_has_an_owner() {
    let repository = yaml(&read("artifacthub-repo.yml"));
    assert_eq!(
        repository["owners"][0]["email"],
        yaml(&read("artifacthub-pkg.yml"))["maintainers"][0]["email"]
    );
}

/// A release can be built again: by the compiler of its CI, which is the container's, and new enough.
#[test]
fn the_workflows_have_one_compiler() {
    let ci = yaml(&read(".github/workflows/ci.yml"));
    let version = ci["env"]["RUSTUP_TOOLCHAIN"].as_str().unwrap();
    for job in ["test", "kwctl"] {
        assert_eq!(ci["jobs"][job]["container"], json!(format!("rust:{version}-bookworm")), "{job}");
    }
    let release = yaml(&read(".github/workflows/release.yml"));
    assert_eq!(release["jobs"]["publish"]["env"]["RUSTUP_TOOLCHAIN"], json!(version));
    let numbers =
        |version: &str| -> Vec<u32> { version.split('.').map(|part| part.parse().unwrap()).collect() };
    assert!(numbers(version) >= numbers(env!("CARGO_PKG_RUST_VERSION")), "{version}");
}

/// The branch that Artifact Hub reads has the README without the pages that it links to.
#[test]
fn the_readme_of_the_package_links_to_the_pages_of_its_version() {
    let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join("artifacthub");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work).unwrap();
    let run = |command: &mut Command| {
        let output = command.current_dir(&work).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(Command::new("git").args(["init", "--quiet", "--bare", "remote"]));
    run(Command::new(root().canonicalize().unwrap().join("hack/publish-artifacthub.sh"))
        .arg(work.canonicalize().unwrap().join("remote"))
        .arg("v1.2.3"));
    let show =
        |path: &str| run(Command::new("git").args(["-C", "remote", "show", &format!("artifacthub:{path}")]));
    assert_eq!(show("artifacthub-repo.yml"), read("artifacthub-repo.yml"));
    assert_eq!(show("policies/sigwarden/artifacthub-pkg.yml"), read("artifacthub-pkg.yml"));
    let readme = show("policies/sigwarden/README.md");
    let links: Vec<&str> = readme.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    assert!(
        links.contains(&"https://github.com/sigwarden/sigwarden/blob/v1.2.3/docs/operate.md#images-in-ci")
    );
    assert!(links.contains(&"https://github.com/sigwarden/sigwarden/blob/v1.2.3/LICENSE"));
    assert!(links.contains(&"#cosign-3"));
    for link in links {
        assert!(link.starts_with("https://") || link.starts_with('#'), "{link}");
    }
}

/// Whether something that a workflow uses is pinned: by a commit, with the version beside it.
fn is_pinned(uses: &str) -> bool {
    let Some((_, pinned)) = uses.split_once('@') else { return uses.starts_with("./") };
    let Some((commit, version)) = pinned.split_once(" # v") else { return false };
    commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()) && version.contains('.')
}

#[test]
fn the_workflows_use_what_is_pinned_and_may_do_no_more_than_they_need() {
    assert!(is_pinned("a/b@0123456789012345678901234567890123456789 # v1.2.3"));
    for not in ["a/b@v1", "a/b@0123456789012345678901234567890123456789", "a/b@012345 # v1.2.3", "a/b"] {
        assert!(!is_pinned(not), "{not}");
    }
    let mut used = 0;
    for name in ["ci.yml", "release.yml"] {
        let text = read(&format!(".github/workflows/{name}"));
        for line in text.lines() {
            if let Some((_, uses)) = line.split_once("uses: ") {
                assert!(is_pinned(uses), "{name}: {uses}");
                used += 1;
            }
        }
        let workflow = yaml(&text);
        assert_eq!(workflow["permissions"], json!({}), "{name}: every job says what it may");
        for (job, content) in workflow["jobs"].as_object().unwrap() {
            assert!(content["permissions"]["contents"].is_string(), "{name}: {job}");
            // Values that others chose reach the shell as variables, never as its text.
            for step in content["steps"].as_array().unwrap_or(&Vec::new()) {
                assert!(!step["run"].as_str().unwrap_or_default().contains("${{"), "{name}: {job}: {step}");
            }
        }
        // A change proposed by anybody runs with nothing but the right to read.
        assert!(!text.contains("pull_request_target"), "{name}");
    }
    assert_ne!(used, 0);
    let ci = read(".github/workflows/ci.yml");
    assert!(!ci.contains(": write") && !ci.contains("secrets."));
}
