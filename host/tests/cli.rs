//! The command line, with a policy of a few instructions.

#[path = "support/digest.rs"]
mod digest;
#[path = "support/server.rs"]
mod server;

use digest::digest;
use serde_json::json;
use server::{Reply, Server};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A policy that answers `ANSWER` to everything; `validate`, told by its length, first asks for a digest.
const POLICY: &str = r#"(module
    (import "wapc" "__guest_response" (func $response (param i32 i32)))
    (import "wapc" "__host_call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "kubewardenociv1/manifest_digest\22registry.example.com/app:v1\22")
    (data (i32.const 100) "ANSWER")
    (func (export "__guest_call") (param i32 i32) (result i32)
        (if (i32.eq (local.get 0) (i32.const 8)) (then
            (drop (call $call (i32.const 0) (i32.const 10) (i32.const 10) (i32.const 3)
                (i32.const 13) (i32.const 18) (i32.const 31) (i32.const 29)))))
        (call $response (i32.const 100) (i32.const LENGTH))
        (i32.const 1)))"#;

const REQUEST: &str =
    r#"{"uid": "1", "object": {"spec": {"containers": [{"image": "registry.example.com/app:v1"}]}}}"#;

/// A directory of a test's own with what `run` needs.
struct Bench(PathBuf);

impl Bench {
    fn new(name: &str, answer: &serde_json::Value) -> std::io::Result<Self> {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory)?;
        let answer = answer.to_string();
        let policy = POLICY
            .replace("LENGTH", &answer.len().to_string())
            .replace("ANSWER", &answer.replace('"', "\\22"));
        fs::write(directory.join("policy.wat"), policy)?;
        fs::write(directory.join("request.json"), REQUEST)?;
        fs::write(directory.join("settings.yml"), "a: b\n")?;
        Ok(Self(directory))
    }

    fn file(&self, name: &str, content: &str) -> std::io::Result<()> {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(path, content)
    }

    fn sigwarden(&self, arguments: &str, proxy: &str) -> std::io::Result<Output> {
        self.sigwarden_reads(arguments, proxy, "")
    }

    /// With that on its standard input.
    fn sigwarden_reads(&self, arguments: &str, proxy: &str, input: &str) -> std::io::Result<Output> {
        let mut process = Command::new(env!("CARGO_BIN_EXE_sigwarden"))
            .args(arguments.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .current_dir(&self.0)
            .env("HTTP_PROXY", format!("http://{proxy}"))
            .env("DOCKER_CONFIG", &self.0)
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .env_remove("http_proxy")
            .spawn()?;
        // Who does not read it need not.
        let _ = process.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
        process.wait_with_output()
    }

    fn run(&self, arguments: &str) -> std::io::Result<Output> {
        self.sigwarden(
            &format!("run --policy policy.wat -r request.json -s settings.yml {arguments}"),
            "127.0.0.1:1",
        )
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn session(digest: &str) -> String {
    format!(
        "- type: Exchange\n  request: |\n    !OciManifestDigest\n    image: registry.example.com/app:v1\n  response:\n    type: Success\n    payload: '{{\"digest\":\"{digest}\"}}'\n"
    )
}

#[test]
fn a_name_that_resolves_nowhere_is_reached_through_the_proxy_and_recorded() {
    let server = Server::start(|_| Reply::new(200, "").header("Docker-Content-Digest", digest("app")));
    let bench = Bench::new("record", &json!({"valid": true, "accepted": true})).unwrap();
    let output = bench
        .sigwarden(
            "run --policy policy.wat -r request.json -s settings.yml --insecure-registry registry.example.com --record session.yml",
            &server.address,
        )
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "image    registry.example.com/app:v1\naccepted\n");
    assert_eq!(server.asked().last().unwrap(), "HEAD http://registry.example.com/v2/app/manifests/v1");
    assert_eq!(fs::read_to_string(bench.0.join("session.yml")).unwrap(), session(&digest("app")));
    let replayed = bench.run("--replay session.yml -o json").unwrap();
    assert!(replayed.status.success(), "{}", text(&replayed.stderr));
    assert_eq!(
        text(&replayed.stdout),
        "{\"uid\":\"1\",\"allowed\":true,\"auditAnnotations\":null,\"warnings\":null}\n"
    );
}

#[test]
fn an_error_is_recorded_without_its_causes() {
    let server = Server::start(|request| match request {
        "GET /v2/" => Reply::new(200, "{}"),
        _ => Reply::manifest_unknown(),
    });
    let bench = Bench::new("record-error", &json!({"valid": true, "accepted": true})).unwrap();
    let output = bench
        .sigwarden(
            "run --policy policy.wat -r request.json -s settings.yml --insecure-registry registry.example.com --record session.yml",
            &server.address,
        )
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let recorded = fs::read_to_string(bench.0.join("session.yml")).unwrap();
    assert!(
        recorded.ends_with("    type: Error\n    message: 'Fail to interact with OCI registry: Registry error: url http://registry.example.com/v2/app/manifests/v1, envelope: OCI API errors: [OCI API error: manifest unknown]'\n"),
        "{recorded}"
    );
}

#[test]
fn a_rejection_is_no_failure_of_the_command() {
    let answer = json!({
        "valid": true, "accepted": false, "message": "not signed", "code": 403,
        "warnings": ["mind the gap"], "audit_annotations": {"image": "app"},
    });
    let bench = Bench::new("reject", &answer).unwrap();
    bench.file("session.yml", &session("sha256:ab")).unwrap();
    let output = bench.run("--replay session.yml").unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stdout),
        "image    registry.example.com/app:v1\nrejected\ncode     403\nreason   not signed\nwarning  mind the gap\naudit    image: app\n"
    );
}

#[test]
fn a_mutation_is_shown_or_refused() {
    let mutated = json!({"spec": {"containers": [{"image": "registry.example.com/app:v1@sha256:ab"}]}});
    let answer = json!({"valid": true, "accepted": true, "mutated_object": mutated});
    let bench = Bench::new("mutate", &answer).unwrap();
    bench.file("session.yml", &session("sha256:ab")).unwrap();
    assert_eq!(
        text(&bench.run("--replay session.yml").unwrap().stdout),
        "image    registry.example.com/app:v1\naccepted\npatch    {\"op\":\"replace\",\"path\":\"/spec/containers/0/image\",\"value\":\"registry.example.com/app:v1@sha256:ab\"}\n"
    );
    let refused = bench.run("--replay session.yml --no-mutation").unwrap();
    assert!(refused.status.success());
    assert!(text(&refused.stdout).contains("rejected\nreason   Request rejected by policy policy.wat."));
}

#[test]
fn a_recording_that_does_not_fit_fails_the_command() {
    let bench = Bench::new("mismatch", &json!({"valid": true, "accepted": true})).unwrap();
    let session = session("sha256:ab");
    for (name, content, error) in [
        ("empty.yml", "[]".to_owned(), "the list of recorded responses is empty"),
        ("long.yml", session.repeat(2), "1 recorded calls were not made"),
        ("other.yml", session.replace(":v1", ":v2"), "Replay error: unexpected request. Was expecting"),
    ] {
        bench.file(name, &content).unwrap();
        let output = bench.run(&format!("--replay {name}")).unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(text(&output.stdout).contains("accepted"), "the verdict is printed all the same");
        assert!(text(&output.stderr).contains(error), "{}", text(&output.stderr));
    }
}

#[test]
fn refused_settings_fail_the_command() {
    let bench = Bench::new("settings", &json!({"valid": false, "message": "`rule`: unknown"})).unwrap();
    bench.file("session.yml", "[]").unwrap();
    let expected = "sigwarden: Provided settings are not valid: `rule`: unknown\n";
    for output in [
        bench.run("--replay session.yml").unwrap(),
        bench
            .sigwarden("validate-settings --policy policy.wat --settings settings.yml", "127.0.0.1:1")
            .unwrap(),
    ] {
        assert_eq!(output.status.code(), Some(1));
        assert_eq!((text(&output.stdout).as_str(), text(&output.stderr).as_str()), ("", expected));
    }
}

#[test]
fn a_command_that_cannot_work_says_what_would() {
    let bench = Bench::new("advice", &json!({"valid": true})).unwrap();
    for (arguments, code, words) in [
        (
            "validate-settings -s settings.yml",
            2,
            "sigwarden: cannot read policy.wasm: No such file or directory (os error 2); build it with `make policy.wasm`, or name it with `--policy FILE`\n",
        ),
        (
            "check -s settings.yml --policy policy.wat --insecure-registry http://r.io r.io/a",
            2,
            "error: invalid value 'http://r.io' for '--insecure-registry <HOST[:PORT]>': allowed: HOST or HOST:PORT, as it stands in the names of images, without `http://` or path\n",
        ),
        (
            "convert --module ghcr.io/acme/sigwarden:v1 --policy policy.wat",
            2,
            "error: invalid value 'ghcr.io/acme/sigwarden:v1' for '--module <URI>': allowed: a URI that begins with registry://, https://, http://, file://\n",
        ),
        (
            "convert --module registry:// --policy policy.wat",
            2,
            "error: invalid value 'registry://' for '--module <URI>': allowed: a URI that begins with",
        ),
        (
            "run -s - -r - --policy policy.wat",
            1,
            "sigwarden: `-` stands for standard input, which can be read once; give the other as a file\n",
        ),
    ] {
        let output = bench.sigwarden(arguments, "127.0.0.1:1").unwrap();
        let stderr = text(&output.stderr);
        assert!(stderr.starts_with(words), "{arguments}: {stderr}");
        assert_eq!(output.status.code(), Some(code), "{arguments}");
    }
}

#[test]
fn good_settings_are_said_to_be() {
    let bench = Bench::new("valid", &json!({"valid": true})).unwrap();
    for (settings, input) in [("settings.yml", ""), ("-", "a: b\n")] {
        let arguments = format!("validate-settings --policy policy.wat -s {settings}");
        let output = bench.sigwarden_reads(&arguments, "127.0.0.1:1", input).unwrap();
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "valid\n"), "{settings}");
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn settings_that_could_not_be_asked_about_have_a_code_of_their_own() {
    let bench = Bench::new("unasked", &json!({"valid": true})).unwrap();
    bench.file("broken.yml", "a: b: c\n").unwrap();
    for (arguments, words) in [
        (
            "--settings missing.yml",
            "sigwarden: cannot read missing.yml: No such file or directory (os error 2)\n",
        ),
        (
            "--settings settings.yml --policy-name a",
            "sigwarden: settings.yml: `--policy-name` chooses a policy",
        ),
        ("--settings broken.yml", "sigwarden: broken.yml: document 1: mapping values"),
        (
            "--settings settings.yml --policy request.json",
            "error: the argument '--policy <FILE>' cannot be used",
        ),
    ] {
        let arguments = format!("validate-settings --policy policy.wat {arguments}");
        let output = bench.sigwarden(&arguments, "127.0.0.1:1").unwrap();
        let stderr = text(&output.stderr);
        assert!(stderr.starts_with(words), "{arguments}: {stderr}");
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(2), ""), "{arguments}");
    }
}

/// The policies of a pair, and a third.
const PAIR: &str = "apiVersion: policies.kubewarden.io/v1
kind: ClusterAdmissionPolicy
metadata: {name: acme-pin}
spec: {mutating: true, settings: {a: b}}
---
apiVersion: policies.kubewarden.io/v1
kind: ClusterAdmissionPolicy
metadata: {name: acme-verify}
spec: {mutating: false, settings: {a: c}}
";
const THIRD: &str = "---
apiVersion: policies.kubewarden.io/v1
kind: AdmissionPolicy
metadata: {name: other, namespace: web}
spec: {settings: {a: d}}
";

#[test]
fn every_policy_of_a_manifest_is_asked_about() {
    for (name, valid) in [("manifest-valid", true), ("manifest-refused", false)] {
        let answer = if valid { json!({"valid": true}) } else { json!({"valid": false, "message": "no"}) };
        let bench = Bench::new(name, &answer).unwrap();
        bench.file("policies.yml", &(PAIR.to_owned() + THIRD)).unwrap();
        let output =
            bench.sigwarden("validate-settings --policy policy.wat -s policies.yml", "127.0.0.1:1").unwrap();
        let refused = if valid { "" } else { "sigwarden: Provided settings are not valid: no\n" };
        let said = |name: &str| format!("sigwarden: note: the settings of {name}\n{refused}");
        assert_eq!(
            text(&output.stderr),
            said("ClusterAdmissionPolicy/acme-pin")
                + &said("ClusterAdmissionPolicy/acme-verify")
                + &said("AdmissionPolicy/web/other")
        );
        let (code, stdout) = if valid { (0, "valid\n") } else { (1, "") };
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(code), stdout));
    }
}

#[test]
fn an_image_is_checked_by_the_first_of_a_pair_or_by_the_policy_that_is_named() {
    let bench = Bench::new("check-manifest", &json!({"valid": true, "accepted": true})).unwrap();
    bench.file("pair.yml", PAIR).unwrap();
    bench.file("three.yml", &(PAIR.to_owned() + THIRD)).unwrap();
    let check = |arguments: &str| {
        let arguments = format!(
            "check --policy policy.wat {arguments} --insecure-registry registry.example.com r.io/a r.io/b"
        );
        let output = bench.sigwarden_reads(&arguments, "127.0.0.1:1", PAIR).unwrap();
        (output.status.code(), text(&output.stderr))
    };
    // This policy asks the same of each image, by a proxy that is not there: why there is no answer is told once.
    let used = |name: &str| {
        let cause = "client error (Connect): tcp connect error: Connection refused (os error 111)";
        let settings = format!("sigwarden: note: the settings of ClusterAdmissionPolicy/{name}\n");
        (Some(0), format!("{settings}sigwarden: note: registry.example.com: {cause}\n"))
    };
    assert_eq!(check("--settings pair.yml"), used("acme-pin"));
    assert_eq!(check("--settings -"), used("acme-pin"));
    assert_eq!(check("--settings three.yml --policy-name acme-verify"), used("acme-verify"));
    let refused = |words: &str| (Some(2), format!("sigwarden: {words}\n"));
    assert_eq!(
        check("--settings three.yml"),
        refused(
            "three.yml: found 3 policies (ClusterAdmissionPolicy/acme-pin, ClusterAdmissionPolicy/acme-verify, \
             AdmissionPolicy/web/other), which are not one pair; choose one with `--policy-name NAME`, or give the \
             settings of one"
        )
    );
    assert_eq!(
        check("--settings - --images-from -"),
        refused("`-` stands for standard input, which can be read once; give the other as a file")
    );
}

#[test]
fn examples_are_compared_field_by_field() {
    let bench = Bench::new("examples", &json!({"valid": true, "accepted": true})).unwrap();
    let mut expected = json!({
        "title": "A signed image", "accepted": true, "images": ["registry.example.com/app:v1"], "calls": 1,
    });
    for (file, content) in [
        ("cases/signed/request.json", REQUEST.to_owned()),
        ("cases/signed/settings.yml", "{}".to_owned()),
        ("cases/signed/session.yml", session("sha256:ab")),
        ("cases/signed/expected.json", expected.to_string()),
    ] {
        bench.file(file, &content).unwrap();
    }
    let examples = || bench.sigwarden("examples --policy policy.wat cases", "127.0.0.1:1").unwrap();
    let output = examples();
    assert_eq!(
        text(&output.stdout),
        "A signed image\n  image    registry.example.com/app:v1\n  accepted\n\n1 examples, all as expected\n"
    );
    assert!(output.status.success());
    for (field, value, got) in [
        ("accepted", json!(false), "accepted: expected false, got true"),
        ("code", json!(403), "code: expected Some(403), got None"),
        ("message", json!("no"), "message: expected Some(\"no\"), got None"),
        ("images", json!([]), "images: expected [], got [\"registry.example.com/app:v1\"]"),
        ("calls", json!(2), "calls: expected 2, got 1"),
    ] {
        let good = expected.clone();
        expected[field] = value;
        bench.file("cases/signed/expected.json", &expected.to_string()).unwrap();
        let output = examples();
        assert_eq!(output.status.code(), Some(1), "{field}");
        let stdout = text(&output.stdout);
        assert!(stdout.contains(&format!("  NOT AS EXPECTED  {got}\n")), "{stdout}");
        assert!(stdout.ends_with("\n1 examples, 1 not as expected: signed\n"), "{stdout}");
        expected = good;
    }
}
