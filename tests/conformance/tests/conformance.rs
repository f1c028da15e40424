//! The cases of sigstore-conformance, natively. In the sandbox they are judged by `host/tests/conformance.rs`.

use std::panic;

use sigwarden_conformance::{cases, compare};

#[test]
fn natively() {
    let Some(cases) = cases() else { return };
    compare(&cases, |case| panic::catch_unwind(|| case.judge()).map_err(|_| "panicked".to_owned()));
}
