//! Pages of the documentation whose commands, files and outputs are run and compared.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::panic, reason = "a helper that fails ends its test")]

use sigwarden_testkit::Key;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a page shows, in its order.
pub(crate) enum Part {
    /// A file that commands read.
    File { name: String, text: String },
    /// A command, and what it prints.
    Command { command: String, printed: String },
    /// A part of what was written to a file.
    Output(String),
}

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The parts of a page.
pub(crate) fn parts(page: &str) -> Vec<Part> {
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

/// The keys of the pages, whose private halves nobody has: the label of the key that stands for it in the tests, its PEM,
/// and what messages call it.
pub(crate) const SHOWN: [(&str, [&str; 2], &str); 2] = [
    (
        "release",
        [
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAECjV3uCoBRE3FczJ+XgMMXeqUwp1+",
            "VK188tnHQODt8Aajoo2FjEjFRaxmSl3oSSPoZiD/k10jMP1c8WCxl9cKUQ==",
        ],
        "sha256:25cd14c38e84",
    ),
    (
        "security",
        [
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE+mYT4qTiycACVAdn1fII5uWVAnid",
            "1N3IVIi7YST055YuOflLVLe9srwa62sQ0hLOMHrCoP+Wr4J9qzrTiVadsw==",
        ],
        "sha256:34a7927466bf",
    ),
];

/// The keys of a page become ours.
pub(crate) fn with_our_keys(text: &str) -> String {
    SHOWN.iter().fold(text.to_owned(), |text, (label, shown, _)| {
        let pem = Key::new(label).pem();
        let ours = pem.lines().skip(1);
        shown.iter().zip(ours).fold(text, |text, (shown, ours)| text.replace(shown, ours))
    })
}

/// The module under test.
pub(crate) fn module() -> PathBuf {
    env::var_os("SIGWARDEN_POLICY").map_or_else(|| root().join("policy.wasm"), PathBuf::from)
}

/// Runs a command of ours in a directory; every registry is the one at that address. Gives what it prints, and what
/// it wrote to a file, which is there afterwards.
pub(crate) fn run(directory: &Path, command: &str, registry: &str) -> (String, String) {
    let (command, written) = command.split_once(" > ").unwrap_or((command, ""));
    let arguments = command.strip_prefix("sigwarden ").unwrap_or_else(|| panic!("not ours: {command}"));
    let mut process = Command::new(env!("CARGO_BIN_EXE_sigwarden"));
    process.args(arguments.split_whitespace()).arg("--policy").arg(module().canonicalize().unwrap());
    if arguments.starts_with("check ") {
        process.args(["--insecure-registry", "registry.example.com"]);
    }
    let output = process
        .current_dir(directory)
        .env("HTTP_PROXY", format!("http://{registry}"))
        .env("DOCKER_CONFIG", directory)
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .env_remove("http_proxy")
        .output()
        .unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    if written.is_empty() {
        return (stderr + &stdout, String::new());
    }
    std::fs::write(directory.join(written), &stdout).unwrap();
    (stderr, stdout)
}
