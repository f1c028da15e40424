//! The host's side of the ports: Kubewarden's capabilities, called over waPC.

use core::time::Duration;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use kubewarden_policy_sdk::wapc_guest::host_call;
use serde_json::{Value, json};

use super::{Clock, Host, HostError, Operation};
use crate::requirement::KeySourceKind;
use crate::time::Time;

/// Calls the host. The SDK's own wrappers are not used: they parse answers into types that would drop
/// what we need, and put no limit on their size.
#[derive(Debug, Clone, Copy)]
pub struct KubewardenHost;

/// The clock of the sandbox, running since it was made.
#[derive(Debug, Clone, Copy)]
pub struct WallClock(Instant);

impl Host for KubewardenHost {
    fn call(&self, operation: Operation, image: &str) -> Result<Vec<u8>, HostError> {
        let operation = match operation {
            Operation::ManifestDigest => "v1/manifest_digest",
            Operation::Manifest => "v1/oci_manifest",
            Operation::ManifestAndConfig => "v1/oci_manifest_config",
        };
        call("oci", operation, &Value::from(image))
    }

    fn object(&self, kind: KeySourceKind, namespace: &str, name: &str) -> Result<Vec<u8>, HostError> {
        let kind = match kind {
            KeySourceKind::Secret => "Secret",
            KeySourceKind::ConfigMap => "ConfigMap",
        };
        let request = json!({"api_version": "v1", "kind": kind, "namespace": namespace, "name": name, "disable_cache": false});
        call("kubernetes", "get_resource", &request)
    }
}

/// Hands an event to the host's log. Nothing depends on it: a host that takes no events changes no
/// verdict.
pub(crate) fn log(event: &Value) {
    drop(call("tracing", "log", event));
}

fn call(namespace: &str, operation: &str, payload: &Value) -> Result<Vec<u8>, HostError> {
    host_call("kubewarden", namespace, operation, payload.to_string().as_bytes())
        .map_err(|error| HostError(error.to_string()))
}

impl WallClock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for WallClock {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn now(&self) -> Time {
        // A clock before 1970 is no clock: as late as can be, so that nothing is still valid.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(u64::MAX, |since| since.as_secs());
        Time::from_unix(since)
    }
}
