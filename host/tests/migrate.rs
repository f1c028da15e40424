//! The pages on migration: what their commands print is what they show.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::panic, reason = "a helper that fails ends its test")]

#[path = "support/server.rs"]
mod server;

use server::{Reply, Server};
use sigwarden_testkit::Key;
use sigwarden_testkit::forge::{hex_digest, manifest, signed};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What a page shows, in its order.
enum Part {
    /// A file that commands read.
    File { name: String, text: String },
    /// A command, and what it prints.
    Command { command: String, printed: String },
    /// A part of what was written to a file.
    Output(String),
}

fn parts(page: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut about = "";
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(comment) = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->")) {
            about = comment;
        } else if let Some(language) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let text: String = block.iter().map(|line| format!("{line}\n")).collect();
            match (about, language) {
                ("output", "yaml") => parts.push(Part::Output(text)),
                ("", "console") => {
                    let (command, printed) = text.split_once('\n').unwrap();
                    let command = command.strip_prefix("$ ").unwrap_or_else(|| panic!("no command: {text}"));
                    parts.push(Part::Command { command: command.to_owned(), printed: printed.to_owned() });
                }
                (about, _) => {
                    if let Some(name) = about.strip_prefix("file: ") {
                        parts.push(Part::File { name: name.to_owned(), text });
                    }
                }
            }
            about = "";
        }
    }
    parts
}

/// The key of the pages, whose private half nobody has, becomes one that the tests can sign with.
fn with_our_key(text: &str) -> String {
    const SHOWN: [&str; 2] = [
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAECjV3uCoBRE3FczJ+XgMMXeqUwp1+",
        "VK188tnHQODt8Aajoo2FjEjFRaxmSl3oSSPoZiD/k10jMP1c8WCxl9cKUQ==",
    ];
    let pem = Key::new("release").pem();
    let ours = pem.lines().skip(1);
    SHOWN.iter().zip(ours).fold(text.to_owned(), |text, (shown, ours)| text.replace(shown, ours))
}

/// A registry with a signed and an unsigned image.
fn registry() -> Server {
    Server::start(|request| {
        let path = request.split_once(' ').unwrap().1;
        let digest = |name: &str| hex_digest(format!("an image called {name}").as_bytes());
        let shop = digest("shop");
        let signature = format!("/v2/acme/shop/manifests/{}.sig", shop.replace(':', "-"));
        match path {
            "/v2/" => Reply::new(200, "{}"),
            "/v2/acme/shop/manifests/1" => Reply::new(200, "").header("Docker-Content-Digest", shop),
            "/v2/acme/tool/manifests/1" => {
                Reply::new(200, "").header("Docker-Content-Digest", digest("tool"))
            }
            path if path == signature => {
                let layer = signed(&Key::new("release"), "registry.example.com/acme/shop", &shop);
                Reply::new(200, manifest(&[layer]).to_string())
                    .header("Content-Type", "application/vnd.oci.image.manifest.v1+json".to_owned())
            }
            _ => Reply::manifest_unknown(),
        }
    })
}

fn run(directory: &Path, command: &str, registry: &Server) -> (String, String) {
    let (command, written) = command.split_once(" > ").unwrap_or((command, ""));
    let arguments = command.strip_prefix("sigwarden ").unwrap_or_else(|| panic!("not ours: {command}"));
    let module = env::var_os("SIGWARDEN_POLICY").map_or_else(|| root().join("policy.wasm"), PathBuf::from);
    let mut process = Command::new(env!("CARGO_BIN_EXE_sigwarden"));
    process.args(arguments.split_whitespace()).arg("--policy").arg(fs::canonicalize(module).unwrap());
    if arguments.starts_with("check ") {
        process.args(["--insecure-registry", "registry.example.com"]);
    }
    let output = process
        .current_dir(directory)
        .env("HTTP_PROXY", format!("http://{}", registry.address))
        .env("DOCKER_CONFIG", directory)
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .env_remove("http_proxy")
        .output()
        .unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    if written.is_empty() { (stderr + &stdout, String::new()) } else { (stderr, stdout) }
}

#[test]
fn the_pages_show_what_is_printed() {
    let mut commands = 0;
    for page in ["kyverno", "verify-image-signatures"] {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("migrate-{page}"));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        let registry = registry();
        let mut asked = 0;
        let text = fs::read_to_string(root().join(format!("docs/migrate/{page}.md"))).unwrap();
        let mut written = String::new();
        for part in parts(&text) {
            match part {
                Part::File { name, text } => fs::write(directory.join(name), with_our_key(&text)).unwrap(),
                Part::Command { command, printed } => {
                    let (found, to_file) = run(&directory, &command, &registry);
                    assert_eq!(found, printed, "{page}: {command}");
                    // Only images that a rule names are asked about: one with its signature; one without, for which a carrier
                    // is looked for too, and the tag by which cosign 3 would show.
                    asked += if command.starts_with("sigwarden check") { 6 } else { 0 };
                    written = to_file;
                    commands += 1;
                }
                Part::Output(part) => {
                    assert!(
                        written.contains(&with_our_key(&part)),
                        "{page}: not written:\n{part}\n{written}"
                    );
                }
            }
        }
        let manifests =
            |asked: &Vec<String>| asked.iter().filter(|path| path.contains("/manifests/")).count();
        assert_eq!(manifests(&registry.asked()), asked, "{page}: {:?}", registry.asked());
    }
    assert_eq!(commands, 4);
}
