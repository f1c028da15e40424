//! The compiled module, with the tests' registry behind its host calls.

#![expect(clippy::unwrap_used, reason = "a test that cannot run the module has nothing to go on with")]
#![expect(clippy::panic, reason = "a test that cannot run the module has nothing to go on with")]

use serde_json::{Value, json};
use sigwarden_host::module::{DEFAULT_TIMEOUT, ModuleError};
use sigwarden_host::{Backend, BackendError, Grants, Host, HostCall, Policy};
use sigwarden_testkit::FakeRegistry;
use std::env;
use std::path::{Path, PathBuf};

/// The module under test.
pub(crate) fn policy() -> Policy {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let module = env::var_os("SIGWARDEN_POLICY").map_or_else(|| root.join("policy.wasm"), PathBuf::from);
    assert!(
        module.is_file(),
        "there is no {}: run `make policy.wasm` first, or set SIGWARDEN_POLICY",
        module.display()
    );
    Policy::load(&module, Some(DEFAULT_TIMEOUT)).unwrap()
}

/// A host with that registry behind it.
pub(crate) fn host(registry: FakeRegistry) -> Host {
    Host::new(Grants::all(), Served(registry))
}

/// Answers `validate` as the guest does. What traps is no answer.
pub(crate) fn validate(policy: &Policy, settings: &Value, request: &Value, host: &Host) -> Value {
    let payload = json!({"request": request, "settings": settings}).to_string();
    answer(policy.call("validate", payload.as_bytes(), host))
}

/// The JSON the guest answered.
pub(crate) fn answer(answer: Result<Vec<u8>, ModuleError>) -> Value {
    let bytes = answer.unwrap_or_else(|error| panic!("the guest failed to answer: {error}"));
    serde_json::from_slice(&bytes).unwrap()
}

/// The digest or the manifest that was asked for.
pub(crate) fn name(call: &HostCall) -> (&'static str, &str) {
    match call {
        HostCall::OciManifestDigest { image } => ("digest", image),
        HostCall::OciManifest { image } => ("manifest", image),
        HostCall::OciManifestAndConfig { image } => ("config", image),
        HostCall::KubernetesGetResource { .. } => {
            panic!("unexpected call: {call:?}")
        }
    }
}

struct Served(FakeRegistry);

impl Backend for Served {
    fn answer(&mut self, call: &HostCall) -> Result<Vec<u8>, BackendError> {
        let (operation, image) = name(call);
        self.0.ask(operation, image).map_err(BackendError::new)
    }
}
