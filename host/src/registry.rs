//! The live backend: a client of container registries.
//!
//! It is the client of the real host, used in the same way: answers are written from the client's own types, so
//! fields that these do not have are lost, and the blob a config names comes back as JSON with its keys sorted.
//! Two differences: the real host tries `https` first even where it was told that a registry is insecure, this
//! one uses `http` there; and the real host keeps answers for 60 seconds.
//!
//! Credentials come from Docker's configuration (`$DOCKER_CONFIG` or `~/.docker`), proxies from the environment.
//!
//! Nothing can interrupt a host call, not even the clock that interrupts the policy: so a registry that does not
//! answer is given up here.

use crate::call::HostCall;
use crate::host::{Backend, BackendError};
use docker_credential::DockerCredential;
use oci_client::client::{Client, ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::OciImageManifest;
use oci_client::secrets::RegistryAuth;
use oci_client::{ParseError, Reference};
use serde::Serialize;
use serde_json::{Value, json};
use std::io;
use std::time::Duration;
use thiserror::Error;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// A registry client.
pub struct Registry {
    runtime: Runtime,
    patience: Patience,
    secure: Client,
    insecure: Client,
    insecure_hosts: Vec<String>,
}

/// How long a registry is waited for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Patience {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For the next part of an answer.
    pub read: Duration,
    /// For all of an answer: one that comes in drops would never end.
    pub answer: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            read: Duration::from_secs(15),
            answer: Duration::from_secs(60),
        }
    }
}

/// Why there is no answer. The texts are those of the real host.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// Not JSON: the config of a manifest, that is.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The registry, or the way to it.
    #[error("Fail to interact with OCI registry: {0}")]
    Oci(#[from] OciDistributionError),
    /// Not a reference.
    #[error(transparent)]
    Reference(#[from] ParseError),
    /// It began to answer, and did not end.
    #[error("Fail to interact with OCI registry: timed out: no whole answer within {} ms", .0.as_millis())]
    Slow(Duration),
}

/// Why there is no client.
#[derive(Debug, Error)]
pub enum SetupError {
    /// TLS or a proxy is not usable.
    #[error("cannot set up the registry client: {0}")]
    Client(#[from] OciDistributionError),
    /// The system gives no event loop.
    #[error("cannot set up the registry client: {0}")]
    Runtime(#[from] io::Error),
}

/// The answer to `v1/oci_manifest_config`.
#[derive(Serialize)]
struct ManifestAndConfig {
    manifest: OciImageManifest,
    digest: String,
    config: Value,
}

impl Registry {
    /// A client that uses `http` for `insecure_hosts` (`HOST` or `HOST:PORT`) and `https` for all others.
    ///
    /// # Errors
    ///
    /// Fails when TLS, a proxy of the environment, or the event loop cannot be set up.
    pub fn new(insecure_hosts: impl IntoIterator<Item = String>) -> Result<Self, SetupError> {
        Self::with_patience(insecure_hosts, Patience::default())
    }

    /// The same, which waits for as long as is said.
    ///
    /// # Errors
    ///
    /// Fails when TLS, a proxy of the environment, or the event loop cannot be set up.
    pub fn with_patience(
        insecure_hosts: impl IntoIterator<Item = String>,
        patience: Patience,
    ) -> Result<Self, SetupError> {
        // Fails only where a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            runtime: Builder::new_current_thread().enable_all().build()?,
            patience,
            secure: client(ClientProtocol::Https, patience)?,
            insecure: client(ClientProtocol::Http, patience)?,
            insecure_hosts: insecure_hosts.into_iter().collect(),
        })
    }

    async fn ask(&self, call: &HostCall) -> Result<Result<Vec<u8>, BackendError>, RegistryError> {
        let answer = match call {
            HostCall::OciManifestDigest { image } => {
                let (client, reference, auth) = self.prepare(image)?;
                let digest = client.fetch_manifest_digest(&reference, &auth).await?;
                serde_json::to_vec(&json!({"digest": digest}))?
            }
            HostCall::OciManifest { image } => {
                let (client, reference, auth) = self.prepare(image)?;
                let (manifest, _) = client.pull_manifest(&reference, &auth).await?;
                serde_json::to_vec(&manifest)?
            }
            HostCall::OciManifestAndConfig { image } => {
                let (client, reference, auth) = self.prepare(image)?;
                let (manifest, digest, config) = client.pull_manifest_and_config(&reference, &auth).await?;
                let config = serde_json::from_str(&config)?;
                serde_json::to_vec(&ManifestAndConfig { manifest, digest, config })?
            }
            HostCall::KubernetesGetResource { .. } => return Ok(Err(BackendError::unsupported(call))),
        };
        Ok(Ok(answer))
    }

    fn prepare(&self, image: &str) -> Result<(&Client, Reference, RegistryAuth), RegistryError> {
        let reference: Reference = image.parse()?;
        let auth = credentials(reference.registry());
        let insecure = self.insecure_hosts.iter().any(|host| host == reference.registry());
        Ok((if insecure { &self.insecure } else { &self.secure }, reference, auth))
    }
}

impl Backend for Registry {
    fn answer(&mut self, call: &HostCall) -> Result<Vec<u8>, BackendError> {
        let answer = self.runtime.block_on(async {
            let limit = self.patience.answer;
            timeout(limit, self.ask(call)).await.unwrap_or(Err(RegistryError::Slow(limit)))
        });
        answer.unwrap_or_else(|error| Err(BackendError::chain(&error)))
    }
}

fn client(protocol: ClientProtocol, patience: Patience) -> Result<Client, OciDistributionError> {
    Client::try_from(ClientConfig {
        protocol,
        connect_timeout: Some(patience.connect),
        read_timeout: Some(patience.read),
        ..ClientConfig::default()
    })
}

/// The credentials for a registry; anonymous where there are none, or none of a sort that the real host uses.
fn credentials(registry: &str) -> RegistryAuth {
    match docker_credential::get_credential(registry) {
        Ok(DockerCredential::UsernamePassword(user, password)) => RegistryAuth::Basic(user, password),
        Ok(DockerCredential::IdentityToken(_)) | Err(_) => RegistryAuth::Anonymous,
    }
}
