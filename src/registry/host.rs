//! The host's side of the port: Kubewarden's `oci` capabilities, called over waPC.

use core::time::Duration;
use std::time::Instant;

use kubewarden_policy_sdk::wapc_guest::host_call;

use super::{Clock, Host, HostError, Operation};

/// Calls the host. The SDK's own wrappers are not used: they parse answers into types that would drop
/// what we need, and put no limit on their size.
#[derive(Debug, Clone, Copy)]
pub struct KubewardenHost;

/// Time since it was made.
#[derive(Debug, Clone, Copy)]
pub struct WallClock(Instant);

impl Host for KubewardenHost {
    fn call(&self, operation: Operation, image: &str) -> Result<Vec<u8>, HostError> {
        let operation = match operation {
            Operation::ManifestDigest => "v1/manifest_digest",
            Operation::Manifest => "v1/oci_manifest",
        };
        let payload = serde_json::Value::from(image).to_string();
        host_call("kubewarden", "oci", operation, payload.as_bytes())
            .map_err(|error| HostError(error.to_string()))
    }
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
}
