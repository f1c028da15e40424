//! The small native host of Sigwarden.
//!
//! It runs a Kubewarden policy module the way `kwctl run` and policy-server do: the same waPC engine, the same
//! host calls with the same JSON and the same error lines, the same handling of the policy's answer, and the
//! same recordings of host calls. It exists so that the examples, the tests and the benches of the policy need
//! nothing but this repository.
//!
//! ```text
//! Policy::load ── evaluate(request, settings, host) ──> Evaluation { response, patch, object }
//!                     │
//!                   Host (grants, log of calls) ── Backend: Registry | Replay | Recorder<B>
//! ```
//!
//! What it does not do, because no part of the project needs it: verification by the host, Kubernetes
//! clients, policy groups, monitor mode, and the host's 60 second cache of registry answers.

pub mod admission;
pub mod annotate;
pub mod call;
pub mod capability;
pub mod cases;
pub mod check;
pub mod convert;
pub mod documents;
pub mod host;
pub mod images;
pub mod manifest;
mod merge;
pub mod metadata;
pub mod module;
pub mod objects;
pub mod registry;
pub mod response;
pub mod session;
pub mod settings;

pub use admission::Request;
pub use call::HostCall;
pub use capability::Grants;
pub use host::{Backend, BackendError, Host};
pub use module::Policy;
pub use registry::Registry;
pub use response::{AdmissionResponse, Evaluation};
pub use session::{Recorder, Replay};
pub use settings::Settings;
