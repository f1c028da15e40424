//! The host's side of a host call: who may call, who answers, and a log of what was called.

use crate::call::{DecodeError, HostCall};
use crate::capability::Grants;
use crate::session::SessionError;
use serde_json::Value;
use std::error::Error as StdError;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use thiserror::Error;

/// Something that answers host calls: a registry, or a recording.
pub trait Backend: Send {
    /// Answers one call with the bytes the guest gets.
    ///
    /// # Errors
    ///
    /// The error is what the guest is told, as text.
    fn answer(&mut self, call: &HostCall) -> Result<Vec<u8>, BackendError>;

    /// Called once no more calls will come: the place to say that the run was not the recorded one, or to
    /// write a recording.
    ///
    /// # Errors
    ///
    /// A run whose backend fails here is a failed run, whatever the policy's verdict was.
    fn finish(&mut self) -> Result<(), SessionError> {
        Ok(())
    }
}

impl<B: Backend + ?Sized> Backend for Box<B> {
    fn answer(&mut self, call: &HostCall) -> Result<Vec<u8>, BackendError> {
        B::answer(self, call)
    }

    fn finish(&mut self) -> Result<(), SessionError> {
        B::finish(self)
    }
}

/// The backend of a policy that is expected to ask nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBackend;

impl Backend for NoBackend {
    fn answer(&mut self, call: &HostCall) -> Result<Vec<u8>, BackendError> {
        Err(BackendError::unsupported(call))
    }
}

/// An error that travels to the guest: a line, and the lines of its causes.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{message}")]
pub struct BackendError {
    message: String,
    causes: Vec<String>,
}

impl BackendError {
    /// An error without causes, as every replayed one is: only the first line of an error is recorded.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), causes: Vec::new() }
    }

    /// An error with the chain of its sources.
    #[must_use]
    pub fn chain(error: &(dyn StdError + 'static)) -> Self {
        let mut causes = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        Self { message: error.to_string(), causes }
    }

    /// The answer to a call that this backend has no way to answer.
    #[must_use]
    pub fn unsupported(call: &HostCall) -> Self {
        Self::new(format!("{} cannot be answered here: replay a recording instead", call.capability()))
    }

    /// The first line, which is all that a recording keeps.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Why, as far as the first line does not say it: the causes, the outermost first.
    #[must_use]
    pub fn cause(&self) -> Option<String> {
        let causes = self.causes.iter().filter(|cause| !self.message.contains(cause.as_str()));
        let causes: Vec<&str> = causes.map(String::as_str).collect();
        (!causes.is_empty()).then(|| causes.join(": "))
    }

    /// The text the guest gets after `Callback evaluation failure: `: the layout of anyhow's `Debug`, which is
    /// what the real host sends.
    fn report(&self) -> String {
        let mut report = self.message.clone();
        if !self.causes.is_empty() {
            report.push_str("\n\nCaused by:");
        }
        for (number, cause) in self.causes.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = match self.causes.len() {
                1 => write!(report, "\n    {}", cause.replace('\n', "\n    ")),
                _ => write!(report, "\n{number:>5}: {}", cause.replace('\n', "\n       ")),
            };
        }
        report
    }
}

/// What a refused or failed call tells the guest. The texts are those of the real host.
#[derive(Debug, Error)]
pub enum HostCallError {
    /// The backend had no good answer.
    #[error("Callback evaluation failure: {}", .0.report())]
    Backend(BackendError),
    /// The call makes no sense to this host.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The capability was not granted.
    #[error(
        "Policy has not been granted access to the '{0}' host capability. The violation has been reported."
    )]
    Denied(String),
    /// A waPC binding other than `kubewarden`.
    #[error("unknown binding: {0}")]
    UnknownBinding(String),
}

/// The host of one evaluation. Clones share their state.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    grants: Grants,
    state: Mutex<State>,
}

struct State {
    backend: Box<dyn Backend>,
    calls: Vec<HostCall>,
    logs: Vec<Value>,
}

impl Host {
    /// A host that answers from `backend` what `grants` allow.
    #[must_use]
    pub fn new(grants: Grants, backend: impl Backend + 'static) -> Self {
        let state = State { backend: Box::new(backend), calls: Vec::new(), logs: Vec::new() };
        Self(Arc::new(Inner { grants, state: Mutex::new(state) }))
    }

    /// Answers one host call.
    ///
    /// # Errors
    ///
    /// The error's text is what the guest gets.
    pub fn answer(
        &self,
        binding: &str,
        namespace: &str,
        operation: &str,
        payload: &[u8],
    ) -> Result<Vec<u8>, HostCallError> {
        if binding != "kubewarden" {
            return Err(HostCallError::UnknownBinding(binding.to_owned()));
        }
        if (namespace, operation) == ("tracing", "log") {
            self.log(payload);
            return Ok(Vec::new());
        }
        // Logging is never gated; everything else is, before the payload is looked at.
        let capability = format!("{namespace}/{operation}");
        if namespace != "tracing" && !self.0.grants.allows(&capability) {
            return Err(HostCallError::Denied(capability));
        }
        let call = HostCall::decode(namespace, operation, payload)?;
        let mut state = self.state();
        state.calls.push(call.clone());
        state.backend.answer(&call).map_err(HostCallError::Backend)
    }

    /// The calls a backend was asked to answer, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<HostCall> {
        self.state().calls.clone()
    }

    /// The events the guest logged, in order.
    #[must_use]
    pub fn logs(&self) -> Vec<Value> {
        self.state().logs.clone()
    }

    /// Ends the run: see [`Backend::finish`].
    ///
    /// # Errors
    ///
    /// Fails when the backend does.
    pub fn finish(&self) -> Result<(), SessionError> {
        self.state().backend.finish()
    }

    /// Keeps one event. What is not JSON is kept as text: a log must never fail the guest.
    fn log(&self, payload: &[u8]) {
        let event = serde_json::from_slice(payload)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(payload).into_owned()));
        self.state().logs.push(event);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic of a backend leaves the lists whole.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Echo;

    impl Backend for Echo {
        fn answer(&mut self, call: &HostCall) -> Result<Vec<u8>, BackendError> {
            Ok(call.subject().as_bytes().to_vec())
        }
    }

    const IMAGE: &[u8] = br#""registry.example.com/app:v1""#;

    #[test]
    fn a_granted_call_is_answered_and_counted() {
        let host = Host::new(Grants::all(), Echo);
        let answer = host.answer("kubewarden", "oci", "v1/oci_manifest", IMAGE).unwrap();
        assert_eq!(answer, b"registry.example.com/app:v1");
        assert_eq!(host.calls(), [HostCall::OciManifest { image: "registry.example.com/app:v1".to_owned() }]);
    }

    #[test]
    fn a_call_without_grant_never_reaches_the_backend() {
        let host = Host::new(Grants::new(["oci/v1/oci_manifest"]).unwrap(), Echo);
        let error = host.answer("kubewarden", "oci", "v1/manifest_digest", IMAGE).unwrap_err();
        assert!(
            matches!(&error, HostCallError::Denied(capability) if capability == "oci/v1/manifest_digest")
        );
        assert_eq!(
            error.to_string(),
            "Policy has not been granted access to the 'oci/v1/manifest_digest' host capability. The violation has been reported."
        );
        assert!(host.calls().is_empty());
    }

    #[test]
    fn logging_needs_no_grant_and_is_no_call() {
        let host = Host::new(Grants::default(), NoBackend);
        assert!(host.answer("kubewarden", "tracing", "log", br#"{"level":"info"}"#).unwrap().is_empty());
        assert!(host.answer("kubewarden", "tracing", "log", b"not json").unwrap().is_empty());
        assert_eq!(host.logs(), [serde_json::json!({"level": "info"}), serde_json::json!("not json")]);
        assert!(host.calls().is_empty());
        let error = host.answer("kubewarden", "tracing", "flush", b"").unwrap_err();
        assert_eq!(error.to_string(), "unknown operation: flush");
    }

    #[test]
    fn only_the_kubewarden_binding_is_served() {
        let error = Host::new(Grants::all(), Echo).answer("default", "oci", "v1/oci_manifest", IMAGE);
        assert_eq!(error.unwrap_err().to_string(), "unknown binding: default");
    }

    #[test]
    fn a_backend_that_cannot_says_so() {
        let host = Host::new(Grants::all(), NoBackend);
        let error = host.answer("kubewarden", "oci", "v1/oci_manifest", IMAGE).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Callback evaluation failure: oci/v1/oci_manifest cannot be answered here: replay a recording instead"
        );
    }

    #[derive(Debug, Error)]
    #[error("outer")]
    struct Outer(#[source] Inner2);

    #[derive(Debug, Error)]
    #[error("inner\nsecond line")]
    struct Inner2(#[source] std::fmt::Error);

    #[test]
    fn causes_are_laid_out_as_anyhow_does() {
        let two = BackendError::chain(&Outer(Inner2(std::fmt::Error)));
        assert_eq!(
            HostCallError::Backend(two).to_string(),
            "Callback evaluation failure: outer\n\nCaused by:\n    0: inner\n       second line\n    1: an error occurred when formatting an argument"
        );
        let one = BackendError::chain(&Inner2(std::fmt::Error));
        assert_eq!(one.cause().unwrap(), "an error occurred when formatting an argument");
        assert_eq!(BackendError::new("no cause").cause(), None);
        assert_eq!(
            one.report(),
            "inner\nsecond line\n\nCaused by:\n    an error occurred when formatting an argument"
        );
    }
}
