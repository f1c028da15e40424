//! What the documentation shows: its settings are valid, its links lead somewhere.

#![expect(clippy::unwrap_used, reason = "all of this is test, also what is shared")]

use sigwarden_host::cases::Case;
use sigwarden_host::host::NoBackend;
use sigwarden_host::{Grants, Host, Policy, Settings};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every page, with its text.
fn pages() -> Vec<(PathBuf, String)> {
    let mut pages = Vec::new();
    let directories = ["", "docs", "docs/migrate", "e2e-tests", "examples", "keys"];
    for directory in directories.map(|directory| root().join(directory)) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(&path).unwrap();
                pages.push((path, text));
            }
        }
    }
    pages
}

/// The whole settings among the YAML blocks of a page.
fn settings(page: &str) -> Vec<&str> {
    page.split("\n```yaml\n")
        .skip(1)
        .map(|rest| rest.split("\n```").next().unwrap())
        .filter(|block| block.starts_with("verifyImages:"))
        .collect()
}

#[test]
fn the_settings_shown_are_valid() {
    let module = env::var_os("SIGWARDEN_POLICY").map_or_else(|| root().join("policy.wasm"), PathBuf::from);
    let policy = Policy::load(&module, None).expect("the module; run `make policy.wasm` first");
    let mut seen = 0;
    for (path, text) in pages() {
        for block in settings(&text) {
            let settings = Settings::from_yaml(block).unwrap();
            let answer = policy.validate_settings(&settings, &Host::new(Grants::default(), NoBackend));
            assert!(answer.valid, "{}: {:?}\n{block}", path.display(), answer.message);
            seen += 1;
        }
    }
    assert_ne!(seen, 0, "no page shows settings");
}

/// The fragment GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars().filter(|character| character.is_alphanumeric() || "-_".contains(*character)).collect()
}

#[test]
fn the_links_lead_somewhere() {
    let mut seen = 0;
    for (path, text) in pages() {
        for target in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if target.contains("://") {
                continue;
            }
            let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(file.exists(), "{}: {target}", path.display());
            if !fragment.is_empty() {
                let text = fs::read_to_string(&file).unwrap();
                let mut headings = text.lines().filter(|line| line.starts_with('#'));
                assert!(
                    headings.any(|line| anchor(line.trim_start_matches('#').trim()) == fragment),
                    "{}: {target}",
                    path.display()
                );
            }
            seen += 1;
        }
    }
    assert_ne!(seen, 0, "no page has links");
}

/// The policy's messages send people there.
#[test]
fn the_readme_has_the_heading_that_messages_point_to() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.lines().any(|line| line == "## cosign 3"));
}

/// The messages of the examples, which are compared to the letter where they are run.
fn messages() -> Vec<String> {
    let cases = Case::load_all(&root().join("e2e-tests/cases")).unwrap();
    cases.into_iter().filter_map(|case| case.expected.message).collect()
}

#[test]
fn the_denials_shown_are_those_of_the_examples() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let printed = readme.lines().filter_map(|line| line.strip_prefix("  reason   ")).map(str::to_owned);
    let quoted =
        readme.split("\n\n").filter(|paragraph| paragraph.starts_with("> `spec.")).map(|paragraph| {
            let lines: Vec<&str> = paragraph.lines().map(|line| line.trim_start_matches("> ")).collect();
            lines.join(" ").trim_matches('`').to_owned()
        });
    let shown: Vec<String> = printed.chain(quoted).collect();
    assert_eq!(shown.len(), 2, "{shown:?}");
    let messages = messages();
    for denial in shown {
        assert!(messages.contains(&denial), "no example is denied with: {denial}");
    }
}
