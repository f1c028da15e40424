//! Verifying signatures, and counting who made them. Knows neither the SDK nor the registry; the time is
//! an argument.
//!
//! A [`VerifiedSignature`] can only be made here, after our own call has verified the signature over the
//! rebuilt payload:
//!
//! ```compile_fail,E0451
//! use sigwarden::verify::VerifiedSignature;
//! fn forge(real: VerifiedSignature, digest: sigwarden::image::ImageDigest) -> VerifiedSignature {
//!     VerifiedSignature { digest, ..real }
//! }
//! ```

mod identity;
mod key;
mod proof;
mod quorum;
mod signature;
mod sigstore;
mod statement;
mod verifier;

pub use identity::{Claim, IdentityPattern, RevokedSigners, TextPattern};
pub use key::{Fingerprint, HashAlgorithm, ImpossibleHash, KeyError, NotByKey, PublicKey};
pub use proof::{RuleProof, VerifiedImage};
pub use quorum::Signer;
pub use signature::{SignatureError, VerifiedSignature};
pub use sigstore::{
    BundleError, CertificateError, EvidenceError, EvidenceTerms, Identity, NoProvenTime, OwnCertificates,
    OwnTrust, TrustRoot, TrustRootError, UnverifiedBundle, certificates,
};
pub use statement::{StatementError, VerifiedMessage, VerifiedStatement};
pub use verifier::{Attached, AttachedSignatures, MissingSigner, Question, Shortfall, Unmet, Verifier};
