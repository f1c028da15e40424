//! What the documentation shows: its settings are valid, its commands print what they show, its links lead somewhere.

#![expect(clippy::unwrap_used, clippy::panic, reason = "all of this is test, also what is shared")]

use sigwarden_host::cases::Case;
use sigwarden_host::host::NoBackend;
use sigwarden_host::{Grants, Host, Policy, Settings};
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::iter;
use std::net::TcpListener;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every page of the repository, as its path from the root, with its text.
fn pages() -> Vec<(PathBuf, String)> {
    let mut pages = Vec::new();
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(root().join(&directory)).unwrap() {
            let entry = entry.unwrap();
            let path = directory.join(entry.file_name());
            let name = entry.file_name().into_string().unwrap();
            if entry.file_type().unwrap().is_dir() {
                // What git does not keep: its own directory, editors', and what was built.
                if !name.starts_with('.') && name != "target" {
                    directories.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(root().join(&path)).unwrap();
                pages.push((path, text));
            }
        }
    }
    assert!(pages.len() > 10, "{} pages", pages.len());
    pages
}

/// Its lines outside of code blocks.
fn prose(page: &str) -> String {
    let mut code = false;
    let mut prose = String::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        } else if !code {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    assert!(!code, "a code block has no end:\n{page}");
    prose
}

/// The code blocks of a language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    page.split(&format!("\n```{language}\n"))
        .skip(1)
        .map(|rest| rest.split_once("\n```").unwrap().0)
        .collect()
}

/// What stands below a heading, up to the next one of its level.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, rest) =
        page.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no heading {heading}"));
    rest.split_once("\n## ").map_or(rest, |(section, _)| section)
}

fn module() -> PathBuf {
    let module = env::var_os("SIGWARDEN_POLICY").map_or_else(|| root().join("policy.wasm"), PathBuf::from);
    fs::canonicalize(module).unwrap_or_else(|error| panic!("{error}: run `make policy.wasm` first"))
}

/// The policy's word on settings.
fn validate(policy: &Policy, settings: &str) -> Result<(), String> {
    let settings = Settings::from_yaml(settings).unwrap();
    let answer = policy.validate_settings(&settings, &Host::new(Grants::default(), NoBackend));
    if answer.valid { Ok(()) } else { Err(answer.message.unwrap_or_default()) }
}

#[test]
fn the_settings_shown_are_valid() {
    let policy = Policy::load(&module(), None).unwrap();
    let mut seen = 0;
    for (path, text) in pages() {
        for block in blocks(&text, "yaml").into_iter().filter(|block| block.starts_with("verifyImages:")) {
            assert_eq!(validate(&policy, block), Ok(()), "{}:\n{block}", path.display());
            seen += 1;
        }
    }
    assert_ne!(seen, 0, "no page shows settings");
}

#[test]
fn the_refusal_that_the_readme_shows_is_what_the_policy_says() {
    let readme = read("README.md");
    let shown = section(&readme, "Settings");
    let settings = blocks(shown, "yaml").concat();
    assert!(settings.contains("count: 1"));
    let refused =
        validate(&Policy::load(&module(), None).unwrap(), &settings.replace("count: 1", "count: 0"));
    assert_eq!(refused, Err(blocks(shown, "text").concat()));
}

/// The fragments that GitHub and mdBook give the headings of a page.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for line in prose(page).lines().filter(|line| line.starts_with('#')) {
        let heading = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        let anchor: String = heading
            .chars()
            .filter(|character| character.is_alphanumeric() || "-_".contains(*character))
            .collect();
        let numbered = (1..).map(|number| format!("{anchor}-{number}"));
        let unused = iter::once(anchor.clone()).chain(numbered).find(|anchor| !anchors.contains(anchor));
        anchors.extend(unused);
    }
    anchors
}

/// The links of a page into the repository: path from the root, fragment.
fn links(path: &Path, page: &str) -> Vec<(PathBuf, String)> {
    let mut links = Vec::new();
    for target in prose(page).split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        if target.contains(':') {
            continue;
        }
        let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
        let file =
            if file.is_empty() { path.to_owned() } else { resolved(&path.parent().unwrap().join(file)) };
        links.push((file, fragment.to_owned()));
    }
    links
}

/// The same path without `..`.
fn resolved(path: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for component in path.components() {
        if component == Component::ParentDir {
            assert!(resolved.pop(), "{} leads out of the repository", path.display());
        } else {
            resolved.push(component);
        }
    }
    resolved
}

/// `make book` asks the same of the pages as a site; this needs no site.
#[test]
fn the_links_lead_somewhere() {
    let mut seen = 0;
    for (path, text) in pages() {
        for (file, fragment) in links(&path, &text) {
            let name = format!("{}: {}#{fragment}", path.display(), file.display());
            // A site shows no directories.
            assert!(root().join(&file).is_file(), "{name}");
            if !fragment.is_empty() {
                let text = fs::read_to_string(root().join(&file)).unwrap();
                assert!(anchors(&text).contains(&fragment), "{name}");
            }
            seen += 1;
        }
    }
    assert_ne!(seen, 0, "no page has links");
}

#[test]
fn the_site_has_every_page() {
    let summary = Path::new("docs/SUMMARY.md");
    let listed: Vec<PathBuf> =
        links(summary, &read("docs/SUMMARY.md")).into_iter().map(|(file, _)| file).collect();
    let once: BTreeSet<PathBuf> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), once.len(), "a page is listed twice");
    let pages = pages().into_iter().map(|(path, _)| path).filter(|path| path != summary).collect();
    assert_eq!(once, pages, "docs/SUMMARY.md lists the pages of the site");
}

/// docs/install.md lists the versions of Kubewarden that matter. The first is the metadata's; no page names another.
#[test]
fn the_versions_of_kubewarden_are_those_of_the_page_on_installing() {
    let metadata = read("policy-metadata.yml");
    let (_, version) = metadata.split_once("\nminimumKubewardenVersion: ").unwrap();
    let oldest = version.lines().next().unwrap().trim_end_matches(".0");
    let install = read("docs/install.md");
    let (_, table) = install.split_once("\n| Kubewarden | is the first with |\n| --- | --- |\n").unwrap();
    let versions: Vec<&str> = table
        .lines()
        .map_while(|row| row.strip_prefix("| "))
        .map(|row| row.split_once(" |").unwrap().0)
        .collect();
    assert_eq!(versions, [oldest, "1.29", "1.35"]);
    let mut seen = BTreeSet::new();
    for (path, text) in pages() {
        let text = text.replace('\n', " ");
        for rest in text.split("Kubewarden").skip(1) {
            // `Kubewarden 1.14`, also where the name is a link.
            let rest = match rest.strip_prefix("](") {
                Some(link) => link.split_once(')').unwrap().1,
                None => rest,
            };
            let version = rest.strip_prefix(' ').unwrap_or_default();
            if version.starts_with(|character: char| character.is_ascii_digit()) {
                let version = version.split([' ', ',', ';', ':']).next().unwrap().trim_end_matches('.');
                assert!(versions.contains(&version), "{}: {version}", path.display());
                seen.insert(path.clone());
            }
        }
    }
    for page in ["README.md", "docs/tutorial.md"] {
        assert!(seen.contains(Path::new(page)), "{page} does not say which Kubewarden is needed");
    }
    assert!(read("README.md").contains(&format!("Kubewarden {oldest} or later")));
}

/// Where a page says `make NAME`, make knows it.
#[test]
fn the_targets_of_make_that_pages_name_are_there() {
    let makefile = read("Makefile");
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter(|line| line.starts_with(|character: char| character.is_ascii_lowercase()))
        .filter_map(|line| line.split_once(':').map(|(target, _)| target))
        .collect();
    let mut seen = 0;
    for (path, text) in pages() {
        let named =
            text.split(['`', '\n']).filter_map(|part| part.trim_start_matches("$ ").strip_prefix("make "));
        for command in named {
            let words = command.split(" #").next().unwrap().split_whitespace();
            for word in words.filter(|word| !word.contains('=')) {
                assert!(targets.contains(word), "{}: make {command}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "{seen} targets are named");
}

/// The policy's messages send people there.
#[test]
fn the_readme_has_the_heading_that_messages_point_to() {
    assert!(read("README.md").lines().any(|line| line == "## cosign 3"));
}

/// What people ask first, in the README in short and in its page at length.
#[test]
fn the_questions_are_answered_twice() {
    for page in ["README.md", "docs/operate.md"] {
        let text = read(page);
        for question in [
            "Why was my Pod denied",
            "How do I allow system images",
            "What happens when the registry is down",
            "How do I rotate a key",
            "How do I use it without internet",
        ] {
            assert!(section(&text, question).len() > 100, "{page}: {question}");
        }
    }
}

/// The messages of the examples, which are compared to the letter where they are run.
fn messages() -> Vec<String> {
    let cases = Case::load_all(&root().join("e2e-tests/cases")).unwrap();
    cases.into_iter().filter_map(|case| case.expected.message).collect()
}

/// The quoted messages of a page: paragraphs of `> `, all of which is code.
fn quoted(page: &str) -> Vec<String> {
    page.split("\n\n")
        .filter(|paragraph| paragraph.starts_with("> `spec."))
        .map(|paragraph| {
            let lines: Vec<&str> = paragraph.lines().map(|line| line.trim_start_matches("> ")).collect();
            lines.join(" ").trim_matches('`').to_owned()
        })
        .collect()
}

#[test]
fn the_denials_shown_are_those_of_the_examples() {
    let readme = read("README.md");
    let mut shown = quoted(section(&readme, "Why was my Pod denied"));
    shown.extend(readme.lines().filter_map(|line| line.strip_prefix("  reason   ")).map(str::to_owned));
    assert_eq!(shown.len(), 2, "{shown:?}");
    let messages = messages();
    for denial in shown {
        assert!(messages.contains(&denial), "no example is denied with: {denial}");
    }
}

/// What the policy says when nobody answers in the registry's place.
fn registry_down() -> String {
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let case = root().join("e2e-tests/cases/01-signed");
    let output = Command::new(env!("CARGO_BIN_EXE_sigwarden"))
        .arg("run")
        .arg("--request")
        .arg(case.join("request.json"))
        .arg("--settings")
        .arg(case.join("settings.yml"))
        .arg("--policy")
        .arg(module())
        .env("HTTPS_PROXY", nobody)
        .env_remove("https_proxy")
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("\ncode     503\n"), "{printed}");
    printed.lines().find_map(|line| line.strip_prefix("reason   ")).unwrap().to_owned()
}

#[test]
fn the_readme_says_what_is_said_when_the_registry_is_down() {
    let readme = read("README.md");
    assert_eq!(quoted(section(&readme, "What happens when the registry is down")), [registry_down()]);
}

#[test]
fn the_table_of_denials_has_words_of_denials() {
    let readme = read("README.md");
    let mut said = messages();
    said.push(registry_down());
    let table = section(&readme, "Why was my Pod denied");
    let words: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|line| line.split_once("` |").unwrap().0)
        .collect();
    assert!(words.len() > 3, "{words:?}");
    for words in words {
        assert!(said.iter().any(|message| message.contains(words)), "nothing is denied with: {words}");
    }
}

/// The commands of a section: each line that begins with `$ `, with what is shown below it.
fn commands(section: &str) -> Vec<(&str, &str)> {
    blocks(section, "console")
        .into_iter()
        .map(|block| block.strip_prefix("$ ").unwrap().split_once('\n').unwrap())
        .collect()
}

#[test]
fn a_key_is_shown_by_what_the_readme_says() {
    let readme = read("README.md");
    let [(command, shown)] = *commands(section(&readme, "Why was my Pod denied")) else {
        panic!("one command")
    };
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme-key");
    fs::create_dir_all(&directory).unwrap();
    fs::copy(root().join("e2e-tests/keys/release.pub"), directory.join("cosign.pub")).unwrap();
    let output = Command::new("sh").args(["-c", command]).current_dir(&directory).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let beginning = shown.trim_end_matches('…');
    assert_eq!(beginning.len(), 12);
    assert!(printed.starts_with(beginning), "{printed}");
    assert!(quoted(&readme).concat().contains(&format!("key sha256:{beginning} ")));
}

#[test]
fn a_system_image_is_allowed_as_the_readme_says() {
    let readme = read("README.md");
    let answer = section(&readme, "How do I allow system images");
    let [(command, shown)] = *commands(answer) else { panic!("one command") };
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme-system-images");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("settings.yml"), blocks(answer, "yaml").concat()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sigwarden"))
        .args(command.strip_prefix("sigwarden ").unwrap().split_whitespace())
        .arg("--policy")
        .arg(module())
        .current_dir(&directory)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), shown);
    assert!(output.status.success());
}
