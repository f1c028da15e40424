//! `sigwarden check`, with the compiled module and a registry of a few lines.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]

#[path = "support/server.rs"]
mod server;

use serde_json::{Value, json};
use server::{Reply, Server};
use sigwarden_host::check::{Checker, Verdict};
use sigwarden_host::registry::Patience;
use sigwarden_host::{Policy, Registry, Settings};
use sigwarden_testkit::Key;
use sigwarden_testkit::forge::{hex_digest, manifest, signed};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A registry with images that are signed by some keys, and a directory with settings.
struct Bench {
    registry: Server,
    directory: PathBuf,
}

const IMAGES: [(&str, &[&str]); 3] =
    [("signed", &["release"]), ("strange", &["stranger"]), ("unsigned", &[])];

fn module() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let module = std::env::var_os("SIGWARDEN_POLICY").map_or_else(|| root.join("policy.wasm"), PathBuf::from);
    fs::canonicalize(module).unwrap()
}

fn digest(name: &str) -> String {
    hex_digest(name.as_bytes())
}

impl Bench {
    fn new(name: &str) -> Self {
        let answers: Arc<Mutex<BTreeMap<String, String>>> = Arc::default();
        let served = Arc::clone(&answers);
        let registry = Server::start(move |request| {
            let path = request.split_once(' ').unwrap().1;
            match (path, served.lock().unwrap().get(path)) {
                ("/v2/", _) => Reply::new(200, "{}"),
                (path, _) if path.contains("/broken/") => Reply::new(503, "come back later"),
                (_, Some(body)) if body.starts_with("sha256:") => {
                    Reply::new(200, "").header("Docker-Content-Digest", body.clone())
                }
                (_, Some(body)) => Reply::new(200, body.clone())
                    .header("Content-Type", "application/vnd.oci.image.manifest.v1+json".to_owned()),
                (_, None) => Reply::manifest_unknown(),
            }
        });
        for (name, signers) in IMAGES {
            let digest = digest(name);
            let mut answers = answers.lock().unwrap();
            answers.insert(format!("/v2/acme/{name}/manifests/1"), digest.clone());
            if !signers.is_empty() {
                let reference = format!("{}/acme/{name}", registry.address);
                let layers: Vec<Value> =
                    signers.iter().map(|label| signed(&Key::new(label), &reference, &digest)).collect();
                let tag = format!("{}.sig", digest.replace(':', "-"));
                answers.insert(format!("/v2/acme/{name}/manifests/{tag}"), manifest(&layers).to_string());
            }
        }
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        let bench = Self { registry, directory };
        bench.settings("acme/*", "allow");
        bench
    }

    fn settings(&self, pattern: &str, unmatched: &str) {
        let keys = json!({"publicKeys": Key::new("release").pem(), "rekor": {"ignoreTlog": true}});
        let rule = json!({
            "name": "release",
            "imageReferences": [format!("{}/{pattern}", self.registry.address)],
            "attestors": [{"entries": [{"keys": keys}]}],
        });
        let settings = json!({"verifyImages": [rule], "unmatchedImages": unmatched});
        fs::write(self.directory.join("settings.json"), settings.to_string()).unwrap();
    }

    /// `HOST` stands for the registry.
    fn run(&self, arguments: &str, input: &str) -> Output {
        let arguments = arguments.replace("HOST", &self.registry.address);
        let settings = if arguments.contains("--settings") { "" } else { "--settings settings.json" };
        let mut command = Command::new(env!("CARGO_BIN_EXE_sigwarden"))
            .arg("check")
            .args(settings.split_whitespace())
            .args(["--insecure-registry", &self.registry.address, "--policy"])
            .arg(module())
            .args(arguments.split_whitespace())
            .current_dir(&self.directory)
            .env("DOCKER_CONFIG", &self.directory)
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        command
            .stdin
            .take()
            .unwrap()
            .write_all(input.replace("HOST", &self.registry.address).as_bytes())
            .unwrap();
        command.wait_with_output().unwrap()
    }

    /// What was printed, with the registry's name taken out.
    fn text(&self, bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).replace(&self.registry.address, "HOST")
    }
}

#[test]
fn an_accepted_image_is_shown_with_its_digest_and_rule() {
    let bench = Bench::new("check-accepted");
    let output = bench.run("HOST/acme/signed:1", "");
    let digest = digest("signed");
    assert_eq!(bench.text(&output.stderr), "");
    assert_eq!(
        bench.text(&output.stdout),
        format!(
            "accepted HOST/acme/signed:1\n  digest   {digest}\n  rule     release\n1 image: 1 accepted, 0 rejected, 0 not decided\n"
        )
    );
    assert_eq!(output.status.code(), Some(0));
    // The twin: the same image signed by somebody else.
    let output = bench.run("HOST/acme/strange:1", "");
    assert!(bench.text(&output.stdout).starts_with("rejected HOST/acme/strange:1\n"));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_list_is_decided_on_as_a_whole() {
    let bench = Bench::new("check-list");
    let list =
        "# running images\nHOST/acme/signed:1\nHOST/acme/unsigned:1\nHOST/acme/signed:1\nHOST/other/tool:1\n";
    let output = bench.run("--images-from - -o json HOST/broken/app:1", list);
    let report: Value = serde_json::from_str(&bench.text(&output.stdout)).unwrap();
    let shown = |index: usize| {
        let image = &report["images"][index];
        json!([image["image"], image["verdict"], image["because"], image["digest"], image["rules"]])
    };
    // What is outside of the rules is not asked for: its digest is not known.
    assert_eq!(shown(0), json!(["HOST/broken/app:1", "accepted", "unmatched", null, []]));
    assert_eq!(
        shown(1),
        json!(["HOST/acme/signed:1", "accepted", "verified", digest("signed"), ["release"]])
    );
    assert_eq!(shown(2), json!(["HOST/acme/unsigned:1", "rejected", null, digest("unsigned"), ["release"]]));
    assert_eq!(shown(3), json!(["HOST/other/tool:1", "accepted", "unmatched", null, []]));
    let reason = report["images"][2]["reason"].as_str().unwrap();
    assert!(reason.contains("rule \"release\": no signature this policy can read"), "{reason}");
    assert_eq!(
        report["summary"],
        json!({"images": 4, "accepted": 3, "unverified": 2, "rejected": 1, "undecided": 0})
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_cannot_be_decided_is_told_apart() {
    let bench = Bench::new("check-undecided");
    bench.settings("*", "deny");
    let output = bench.run("HOST/acme/signed:1 HOST/broken/app:1", "");
    assert_eq!(output.status.code(), Some(3), "{}", bench.text(&output.stderr));
    let stdout = bench.text(&output.stdout);
    assert!(stdout.contains("not decided HOST/broken/app:1\n"), "{stdout}");
    assert!(stdout.ends_with("2 images: 1 accepted, 0 rejected, 1 not decided\n"), "{stdout}");
    // What is certainly rejected outweighs it.
    let output = bench.run("HOST/acme/unsigned:1 HOST/broken/app:1", "");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_registry_that_never_answers_leaves_the_image_undecided() {
    let bench = Bench::new("check-silent");
    bench.settings("*", "deny");
    let settings = fs::read_to_string(bench.directory.join("settings.json")).unwrap();
    // It accepts connections, as the system does for it, and that is all.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let settings = Settings::from_yaml(&settings.replace(&bench.registry.address, &address)).unwrap();
    let limit = Duration::from_millis(100);
    let patience = Patience { connect: limit, read: limit, answer: Duration::from_secs(60) };
    let registry = Registry::with_patience([address.clone()], patience).unwrap();
    let policy = Policy::load(&module(), None).unwrap();
    let checker = Checker::new(&policy, settings, registry);
    let image = format!("{address}/acme/signed:1");
    let checked = checker.check(&image, "default").unwrap();
    assert_eq!((checked.verdict, checked.because), (Verdict::Undecided, None));
    assert_eq!(
        checked.reason.unwrap(),
        format!(
            "spec.containers[0] {image}: the registry cannot be reached (error sending request for url (http://{address}/v2/acme/signed/manifests/1))"
        )
    );
}

#[test]
fn what_no_rule_names_is_counted_and_may_be_rejected() {
    let bench = Bench::new("check-unmatched");
    let output = bench.run("HOST/other/tool:1", "");
    assert_eq!(
        bench.text(&output.stdout),
        "accepted HOST/other/tool:1\n  because  not verified: no rule names it\n1 image: 1 accepted (1 of them not verified), 0 rejected, 0 not decided\n"
    );
    assert!(bench.registry.asked().is_empty(), "nothing is asked about it");
    bench.settings("acme/*", "deny");
    assert_eq!(bench.run("HOST/other/tool:1", "").status.code(), Some(1));
}

#[test]
fn an_image_may_be_called_as_it_likes() {
    let bench = Bench::new("check-names");
    let list = "HOST/acme/signed:1   # a comment\nHOST/acme/x\u{202e}\u{9b}:1\n";
    let output = bench.run("--images-from -", list);
    assert_eq!(bench.text(&output.stderr), "");
    assert_eq!(
        bench.text(&output.stdout),
        format!(
            "accepted HOST/acme/signed:1\n  digest   {}\n  rule     release\n\
             rejected HOST/acme/x\\u{{202e}}\\u{{9b}}:1\n  reason   spec.containers[0] HOST/acme/x\\u{{202e}}\\u{{9b}}:1: the image reference is malformed in its name\n\
             2 images: 1 accepted, 1 rejected, 0 not decided\n",
            digest("signed")
        )
    );
    let output = bench.run("--images-from - -o json", list);
    let json = bench.text(&output.stdout);
    assert!(json.is_ascii(), "{json}");
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["images"][1]["image"], "HOST/acme/x\u{202e}\u{9b}:1");
}

#[test]
fn keys_of_the_cluster_come_from_a_file() {
    let bench = Bench::new("check-objects");
    let keys =
        json!({"secret": {"name": "cosign-public", "namespace": "platform"}, "rekor": {"ignoreTlog": true}});
    let rule = json!({
        "name": "release",
        "imageReferences": [format!("{}/acme/*", bench.registry.address)],
        "attestors": [{"entries": [{"keys": keys}]}],
    });
    let policy = json!({
        "apiVersion": "policies.kubewarden.io/v1", "kind": "ClusterAdmissionPolicy", "metadata": {"name": "acme"},
        "spec": {"settings": {"verifyImages": [rule], "unmatchedImages": "deny"}},
    });
    let write = |name: &str, text: &Value| fs::write(bench.directory.join(name), text.to_string()).unwrap();
    write("policy.json", &policy);
    for (file, key) in [("release.json", "release"), ("stranger.json", "stranger")] {
        let metadata = json!({"name": "cosign-public", "namespace": "platform"});
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"cosign.pub": Key::new(key).pem()}});
        write(file, &json!({"apiVersion": "v1", "kind": "List", "items": [secret]}));
    }
    let run = |arguments: &str| {
        let output = bench.run(&format!("--settings policy.json {arguments} HOST/acme/signed:1"), "");
        assert_eq!(
            bench.text(&output.stderr),
            "sigwarden: note: the settings of ClusterAdmissionPolicy/acme\n"
        );
        (output.status.code(), bench.text(&output.stdout))
    };
    let (code, stdout) = run("--objects release.json");
    assert_eq!((code, stdout.lines().next()), (Some(0), Some("accepted HOST/acme/signed:1")));
    let (code, stdout) = run("--objects stranger.json");
    assert_eq!((code, stdout.lines().next()), (Some(1), Some("rejected HOST/acme/signed:1")));
    let (code, stdout) = run("");
    assert_eq!(code, Some(3));
    assert!(
        stdout.contains(
            "rule \"release\": Secret platform/cosign-public cannot be read (Host error: Callback evaluation failure: no cluster is asked here; give it by --objects FILE, as kubectl get --output yaml prints it); "
        ),
        "{stdout}"
    );
    let output = bench.run("--objects settings.json HOST/acme/signed:1", "");
    assert_eq!(
        bench.text(&output.stderr),
        "sigwarden: settings.json: there is no Secret and no ConfigMap in it\n"
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn what_the_policy_notes_of_settings_is_shown() {
    let bench = Bench::new("check-notes");
    let text = fs::read_to_string(bench.directory.join("settings.json")).unwrap();
    let noted =
        text.replace("\"name\":\"release\"", "\"name\":\"release\",\"required\":false,\"useCache\":true");
    assert_ne!(noted, text);
    fs::write(bench.directory.join("settings.json"), noted).unwrap();
    let notes = "sigwarden: note: verifyImages[0].required: has no effect; a rule is always required of the images it binds\n\
                 sigwarden: note: verifyImages[0].useCache: has no effect; nothing is cached between requests\n";
    let output = bench.run("HOST/other/tool:1", "");
    assert_eq!(bench.text(&output.stderr), notes);
    assert_eq!(output.status.code(), Some(0));
    assert!(bench.registry.asked().is_empty());
    let output = Command::new(env!("CARGO_BIN_EXE_sigwarden"))
        .args(["validate-settings", "--settings", "settings.json", "--policy"])
        .arg(module())
        .current_dir(&bench.directory)
        .output()
        .unwrap();
    assert_eq!(
        (bench.text(&output.stdout).as_str(), bench.text(&output.stderr).as_str()),
        ("valid\n", notes)
    );
}

#[test]
fn what_the_policy_notes_of_converted_settings_is_shown_once_for_a_pair() {
    let bench = Bench::new("check-converted");
    let keys = json!({"publicKeys": Key::new("release").pem(), "rekor": {"ignoreTlog": true}});
    let item = json!({"imageReferences": ["r.io/acme/*"], "attestors": [{"entries": [{"keys": keys}]}], "useCache": true});
    let rule = json!({"name": "release", "match": {"any": [{"resources": {"kinds": ["Pod"]}}]}, "verifyImages": [item]});
    let policy = json!({
        "apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "acme"},
        "spec": {"validationFailureAction": "Enforce", "rules": [rule]},
    });
    fs::write(bench.directory.join("kyverno.json"), policy.to_string()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sigwarden"))
        .args(["convert", "kyverno.json", "--policy"])
        .arg(module())
        .current_dir(&bench.directory)
        .output()
        .unwrap();
    assert_eq!(
        bench.text(&output.stderr),
        "sigwarden: note: acme: settings.verifyImages[0].useCache: has no effect; nothing is cached between requests\n"
    );
    assert_eq!(bench.text(&output.stdout).matches("kind: ClusterAdmissionPolicy\n").count(), 2);
}

#[test]
fn what_is_no_question_has_a_code_of_its_own() {
    let bench = Bench::new("check-usage");
    for (arguments, input, words) in [
        ("", "", "required arguments were not provided"),
        ("--images-from -", "# nothing\n", "there is no image to check"),
        ("--images-from missing.txt", "", "cannot read missing.txt"),
        ("a --output xml", "", "invalid value 'xml'"),
        ("a --policy missing.wasm", "", "cannot be used multiple times"),
    ] {
        let output = bench.run(arguments, input);
        let stderr = bench.text(&output.stderr);
        assert!(stderr.contains(words), "{arguments}: {stderr}");
        assert_eq!(
            (output.status.code(), bench.text(&output.stdout)),
            (Some(2), String::new()),
            "{arguments}"
        );
    }
    fs::write(bench.directory.join("settings.json"), "{\"verifyImages\": []}").unwrap();
    let output = bench.run("HOST/acme/signed:1", "");
    assert!(bench.text(&output.stderr).contains("Provided settings are not valid: verifyImages: empty"));
    assert_eq!(output.status.code(), Some(2));
}
