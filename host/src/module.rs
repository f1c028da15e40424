//! Running the policy module.
//!
//! As in policy-server, the module is compiled once and every evaluation gets a fresh instance of it, so nothing
//! of one request is there for the next, and an interrupted instance is never used again.

use crate::admission::Request;
use crate::capability::Grants;
use crate::host::{Host, NoBackend};
use crate::response::{Evaluation, SettingsAnswer};
use crate::settings::Settings;
use serde_json::json;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
use thiserror::Error;
use wapc::WapcHost;
use wasmtime::{Config, Engine, EngineWeak};
use wasmtime_provider::{EpochDeadlines, WasmtimeEngineProviderBuilder, WasmtimeEngineProviderPre};

/// What policy-server allows by default, host calls included.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

/// How often the clock that interrupts guests ticks. policy-server's ticks once a second, which makes its limit
/// of two seconds something between one and two.
const TICK: Duration = Duration::from_millis(20);

/// What wasmtime-provider says when the clock interrupted the guest: it has no type for it.
const INTERRUPTED: &str = "execution deadline exceeded";

/// A compiled policy.
pub struct Policy {
    pre: WasmtimeEngineProviderPre,
    deadlines: Option<EpochDeadlines>,
}

/// Why there is no policy to run, or why it did not answer.
#[derive(Debug, Error)]
pub enum ModuleError {
    /// The guest trapped, or answered with an error.
    #[error(transparent)]
    Call(#[from] wapc::errors::Error),
    /// Not a module that this host can run.
    #[error("cannot load the policy: {0}")]
    Load(#[from] wasmtime_provider::errors::Error),
    /// The engine refused its configuration.
    #[error("cannot set up the WebAssembly engine: {0}")]
    Engine(#[from] wasmtime::Error),
    /// The file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The policy speaks a protocol other than the one there is.
    #[error("the policy answered to `protocol_version` with `{0}`, not with `\"v1\"`")]
    Protocol(String),
}

impl Policy {
    /// Loads and compiles a module. `timeout` is for one call into the guest; `None` leaves out the checks as
    /// well, as kwctl does.
    ///
    /// # Errors
    ///
    /// Fails for a file that cannot be read and for what is no waPC module.
    pub fn load(path: &Path, timeout: Option<Duration>) -> Result<Self, ModuleError> {
        let module = fs::read(path).map_err(|source| ModuleError::Read { path: path.to_owned(), source })?;
        Self::new(&module, timeout)
    }

    /// Compiles a module: binary, or in the text format.
    ///
    /// # Errors
    ///
    /// Fails for what is no waPC module.
    pub fn new(module: &[u8], timeout: Option<Duration>) -> Result<Self, ModuleError> {
        let mut config = Config::default();
        // The one proposal that the real host switches on beyond wasmtime's defaults.
        config.wasm_function_references(true);
        config.epoch_interruption(timeout.is_some());
        let engine = Engine::new(&config)?;
        let deadlines = timeout.map(deadlines);
        if deadlines.is_some() {
            let engine = engine.weak();
            thread::spawn(move || tick(&engine));
        }
        let pre = WasmtimeEngineProviderBuilder::new().engine(engine).module_bytes(module).build_pre()?;
        Ok(Self { pre, deadlines })
    }

    /// Asks the policy for its protocol, which is how kwctl recognises a policy when it annotates one.
    ///
    /// # Errors
    ///
    /// Fails unless the answer is `"v1"`.
    pub fn protocol_version(&self, host: &Host) -> Result<(), ModuleError> {
        match self.call("protocol_version", &[], host)?.as_slice() {
            br#""v1""# => Ok(()),
            other => Err(ModuleError::Protocol(String::from_utf8_lossy(other).into_owned())),
        }
    }

    /// Asks the policy whether it can work with `settings`. A policy that fails to answer finds them invalid.
    #[must_use]
    pub fn validate_settings(&self, settings: &Settings, host: &Host) -> SettingsAnswer {
        let invalid = |message| SettingsAnswer { valid: false, message: Some(message) };
        let payload = match serde_json::to_vec(settings.as_map()) {
            Ok(payload) => payload,
            Err(error) => return invalid(format!("error: {error:?}")),
        };
        match self.call("validate_settings", &payload, host) {
            Ok(answer) => serde_json::from_slice(&answer)
                .unwrap_or_else(|error| invalid(format!("error: invalid response from policy: {error}"))),
            Err(error) => invalid(format!("Error invoking settings validation callback: {error}")),
        }
    }

    /// Evaluates one request. A policy that fails to answer rejects.
    #[must_use]
    pub fn evaluate(&self, request: &Request, settings: &Settings, host: &Host) -> Evaluation {
        let payload = json!({"request": request.as_map(), "settings": settings.as_map()}).to_string();
        let answer = match self.call("validate", payload.as_bytes(), host) {
            Ok(answer) => answer,
            Err(error) if error.to_string().contains(INTERRUPTED) => return Evaluation::timed_out(request),
            Err(error) => return Evaluation::internal_error(request, &error.to_string()),
        };
        Evaluation::from_answer(request, &answer)
            .unwrap_or_else(|error| Evaluation::internal_error(request, &error.to_string()))
    }

    /// What is legal in valid settings and has no effect, or a wider one than it seems. The policy says it in the log of
    /// each evaluation, so it is asked about a Pod that goes: nothing is decided, and no registry is asked.
    #[must_use]
    pub fn settings_notes(&self, settings: &Settings) -> Vec<String> {
        let host = Host::new(Grants::default(), NoBackend);
        let Ok(request) = Request::from_value(json!({
            "uid": "sigwarden-notes", "operation": "DELETE", "name": "notes", "namespace": "default",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "userInfo": {"username": "sigwarden-notes"},
            "oldObject": {
                "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "notes", "namespace": "default"},
                "spec": {"containers": [{"name": "notes", "image": "notes"}]},
            },
        })) else {
            return Vec::new();
        };
        let _ = self.evaluate(&request, settings, &host);
        let notes =
            host.logs().into_iter().filter_map(|event| event.get("settings_notes")?.as_array().cloned());
        notes.flatten().filter_map(|note| note.as_str().map(str::to_owned)).collect()
    }

    /// Calls one operation of a fresh instance of the guest.
    ///
    /// # Errors
    ///
    /// Fails when the guest traps, is interrupted, or answers with an error.
    pub fn call(&self, operation: &str, payload: &[u8], host: &Host) -> Result<Vec<u8>, ModuleError> {
        let engine = self.pre.rehydrate(self.deadlines)?;
        let host = host.clone();
        let answer_host_call =
            move |_: u64, binding: &str, namespace: &str, operation: &str, payload: &[u8]| {
                host.answer(binding, namespace, operation, payload).map_err(Into::into)
            };
        let guest = WapcHost::new(Box::new(engine), Some(Box::new(answer_host_call)))?;
        Ok(guest.call(operation, payload)?)
    }
}

fn deadlines(timeout: Duration) -> EpochDeadlines {
    let ticks = timeout.as_millis().div_ceil(TICK.as_millis());
    let ticks = u64::try_from(ticks).unwrap_or(u64::MAX);
    EpochDeadlines { wapc_init: ticks, wapc_func: ticks }
}

/// Advances the engine's clock for as long as there is an engine.
fn tick(engine: &EngineWeak) {
    loop {
        thread::sleep(TICK);
        match engine.upgrade() {
            Some(engine) => engine.increment_epoch(),
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Backend, BackendError};
    use crate::{HostCall, response::Status};

    /// A guest that answers every operation with its constant.
    fn constant(answer: &str) -> String {
        guest(answer, "(call $response (i32.const 0) (i32.const LEN)) (i32.const 1)")
    }

    /// A guest with `data` at 0, of length `LEN`, and `body` for its `__guest_call`.
    fn guest(data: &str, body: &str) -> String {
        let body = body.replace("LEN", &data.len().to_string());
        let data = data.replace('"', "\\\"");
        format!(
            r#"(module
                (import "wapc" "__guest_response" (func $response (param i32 i32)))
                (import "wapc" "__guest_error" (func $error (param i32 i32)))
                (import "wapc" "__host_call"
                    (func $call (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
                (import "wapc" "__host_error_len" (func $host_error_len (result i32)))
                (import "wapc" "__host_error" (func $host_error (param i32)))
                (memory (export "memory") 1)
                (data (i32.const 0) "{data}")
                (func (export "__guest_call") (param i32 i32) (result i32) {body}))"#
        )
    }

    fn policy(text: &str) -> Policy {
        Policy::new(text.as_bytes(), Some(Duration::from_millis(200))).unwrap()
    }

    fn nothing() -> Host {
        Host::new(Grants::default(), NoBackend)
    }

    fn request() -> Request {
        Request::from_json(br#"{"uid": "1", "object": {}}"#).unwrap()
    }

    #[test]
    fn the_policy_is_asked_for_its_protocol() {
        policy(&constant(r#""v1""#)).protocol_version(&nothing()).unwrap();
        let error = policy(&constant(r#""v2""#)).protocol_version(&nothing());
        assert!(matches!(error, Err(ModuleError::Protocol(answer)) if answer == "\"v2\""));
    }

    #[test]
    fn settings_are_judged_by_the_policy() {
        let answer = policy(&constant(r#"{"valid":false,"message":"no rule"}"#))
            .validate_settings(&Settings::default(), &nothing());
        assert_eq!(answer, SettingsAnswer { valid: false, message: Some("no rule".to_owned()) });
        let trap = policy(&guest("", "unreachable")).validate_settings(&Settings::default(), &nothing());
        assert!(!trap.valid);
        assert!(trap.message.unwrap().starts_with("Error invoking settings validation callback: "));
    }

    #[test]
    fn the_answer_becomes_a_response() {
        let policy = policy(&constant(r#"{"accepted":false,"message":"no","code":403}"#));
        let evaluation = policy.evaluate(&request(), &Settings::default(), &nothing());
        assert!(!evaluation.response.allowed);
        assert_eq!(
            evaluation.response.status,
            Some(Status { message: Some("no".to_owned()), code: Some(403) })
        );
    }

    #[test]
    fn a_guest_that_fails_rejects() {
        for (module, text) in [
            (guest("", "unreachable"), "internal server error: "),
            (
                guest("broken", "(call $error (i32.const 0) (i32.const LEN)) (i32.const 0)"),
                "internal server error: Guest call failure: broken",
            ),
            (constant("accepted"), "internal server error: invalid response from policy: "),
        ] {
            let evaluation = policy(&module).evaluate(&request(), &Settings::default(), &nothing());
            assert!(!evaluation.response.allowed);
            let status = evaluation.response.status.unwrap();
            assert_eq!(status.code, Some(500));
            assert!(status.message.as_ref().unwrap().starts_with(text), "{status:?}");
        }
    }

    #[test]
    fn a_guest_that_does_not_end_is_interrupted() {
        let policy = policy(&guest("", "(loop $again (br $again)) (i32.const 1)"));
        let evaluation = policy.evaluate(&request(), &Settings::default(), &nothing());
        assert_eq!(evaluation, Evaluation::timed_out(&request()));
    }

    struct Digest;

    impl Backend for Digest {
        fn answer(&mut self, call: &HostCall) -> Result<Vec<u8>, BackendError> {
            Err(BackendError::new(format!("no {}", call.subject())))
        }
    }

    #[test]
    fn the_guest_gets_the_error_of_its_call() {
        // Calls `kubewarden` `oci` `v1/manifest_digest` for "a", then fails with the host's error.
        let module = guest(
            r#"kubewardenociv1/manifest_digest"a""#,
            "(call $call (i32.const 0) (i32.const 10) (i32.const 10) (i32.const 3)
                (i32.const 13) (i32.const 18) (i32.const 31) (i32.const 3)) drop
             (call $host_error (i32.const 64))
             (call $error (i32.const 64) (call $host_error_len)) (i32.const 0)",
        );
        let granted = Host::new(Grants::all(), Digest);
        let evaluation = policy(&module).evaluate(&request(), &Settings::default(), &granted);
        assert_eq!(
            evaluation.response.status.unwrap().message.unwrap(),
            "internal server error: Guest call failure: Callback evaluation failure: no a"
        );
        assert_eq!(granted.calls(), [HostCall::OciManifestDigest { image: "a".to_owned() }]);
        let denied = policy(&module).evaluate(&request(), &Settings::default(), &nothing());
        assert!(denied.response.status.unwrap().message.unwrap().contains("has not been granted"));
    }

    #[test]
    fn one_policy_serves_many_threads() {
        let policy = policy(&constant(r#"{"accepted":true}"#));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    assert!(policy.evaluate(&request(), &Settings::default(), &nothing()).response.allowed);
                });
            }
        });
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        assert!(matches!(Policy::new(b"(module", None), Err(ModuleError::Load(_))));
        let no_guest_call = Policy::new(b"(module)", None).unwrap();
        assert!(matches!(no_guest_call.protocol_version(&nothing()), Err(ModuleError::Call(_))));
        let missing = Path::new("no such directory/policy.wasm");
        assert!(matches!(Policy::load(missing, None), Err(ModuleError::Read { .. })));
    }
}
