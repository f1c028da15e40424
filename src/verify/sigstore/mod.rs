//! Certificates, transparency logs and timestamps: who signed, and when, where no key in the settings says it.
//!
//! The only place that knows the Sigstore crates. It knows no registry and no clock: time and trust are arguments.

mod certificate;
mod chain;
mod der;
mod error;
mod evidence;
mod keyless;
mod log;
mod provider;
mod timestamp;
mod trust;

pub use certificate::{CertificateError, Identity, certificates};
pub use error::EvidenceError;
pub use evidence::{EvidenceTerms, NoProvenTime, OwnCertificates};
pub use trust::{OwnTrust, TrustRoot, TrustRootError};

pub(super) use evidence::{Signed, SigningCertificate};
