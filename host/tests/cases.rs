//! Every case of `e2e-tests/cases`, through the compiled module.

use sigwarden_host::Policy;
use sigwarden_host::cases::{Case, CaseError};
use sigwarden_host::module::DEFAULT_TIMEOUT;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_case_has_its_expected_outcome() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let module = env::var_os("SIGWARDEN_POLICY").map_or_else(|| root.join("policy.wasm"), PathBuf::from);
    assert!(
        module.is_file(),
        "there is no {}: run `make policy.wasm` first, or set SIGWARDEN_POLICY",
        module.display()
    );
    let policy = Policy::load(&module, Some(DEFAULT_TIMEOUT)).unwrap();
    let cases = Case::load_all(&root.join("e2e-tests/cases")).unwrap();
    assert!(!cases.is_empty(), "e2e-tests/cases is empty");
    let failures: Vec<String> = cases
        .iter()
        .flat_map(|case| {
            let differences = case.run(&policy).differences;
            differences.into_iter().map(move |difference| format!("{}: {difference}", case.name))
        })
        .collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn an_incomplete_case_is_an_error_and_not_a_pass() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("incomplete-case");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    let load = || Case::load(&directory).unwrap_err();
    let write = |name: &str, content: &str| fs::write(directory.join(name), content).unwrap();

    assert!(matches!(load(), CaseError::Request { case, .. } if case == "incomplete-case"));
    write("request.json", r#"{"uid": "1"}"#);
    assert!(matches!(load(), CaseError::Settings { .. }));
    write("settings.yml", "{}");
    assert!(matches!(load(), CaseError::Session { .. }));
    write("session.yml", "[]");
    assert!(matches!(load(), CaseError::Read { path, .. } if path.ends_with("expected.json")));
    // A field that is misspelt would otherwise never be compared.
    write("expected.json", r#"{"title": "t", "accepted": true, "calls": 0, "mesage": "no"}"#);
    assert!(matches!(load(), CaseError::Expected { .. }));
    write("expected.json", r#"{"title": "t", "accepted": true, "calls": 0}"#);
    assert_eq!(Case::load(&directory).unwrap().name, "incomplete-case");
    assert!(matches!(Case::load_all(&directory.join("none")), Err(CaseError::Read { .. })));
}
