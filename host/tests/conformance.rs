//! The cases of sigstore-conformance, in the sandbox. Natively they are judged in `tests/conformance`.

use sigwarden_conformance::{cases, compare};
use sigwarden_host::host::NoBackend;
use sigwarden_host::{Grants, Host, Policy};
use std::env;
use std::path::Path;

#[test]
fn in_the_sandbox() {
    let Some(cases) = cases() else { return };
    let Some(module) = env::var_os("SIGWARDEN_CONFORMANCE_MODULE") else {
        println!("skipped: the module of the cases is built by `make conformance`");
        return;
    };
    let module = Policy::load(Path::new(&module), None).unwrap();
    compare(&cases, |case| {
        let host = Host::new(Grants::default(), NoBackend);
        // A trap is an error of the call.
        let answer = module.call("judge", &serde_json::to_vec(case).unwrap(), &host);
        let answer = answer.map_err(|error| error.to_string())?;
        serde_json::from_slice(&answer).map_err(|error| error.to_string())
    });
}
