//! Every case of `e2e-tests/cases`, through the compiled module.

use sigwarden_host::Policy;
use sigwarden_host::cases::Case;
use sigwarden_host::module::DEFAULT_TIMEOUT;
use std::env;
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
