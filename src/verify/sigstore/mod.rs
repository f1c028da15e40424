//! Certificates, transparency logs and timestamps: who signed, and when, where no key in the settings says it.
//!
//! The only place that knows the Sigstore crates. It knows no registry and no clock: time and trust are arguments.

mod bundle;
mod certificate;
mod chain;
mod der;
mod error;
mod evidence;
mod inclusion;
mod json;
mod keyless;
mod log;
mod provider;
mod record;
mod timestamp;
mod trust;

pub use bundle::{BundleError, UnverifiedBundle};
pub use certificate::{CertificateError, Identity, certificates};
pub use error::EvidenceError;
pub use evidence::{EvidenceTerms, NoProvenTime, OwnCertificates};
pub use trust::{OwnTrust, TrustRoot, TrustRootError};

pub(super) use evidence::{Enclosed, Signed, SigningCertificate};
