//! Why what proves who signed, and when, does not suffice.

use thiserror::Error;

use super::certificate::CertificateError;
use super::trust::TrustRootError;
use crate::limits::MAX_ATTACHED_CERTIFICATES;
use crate::text::Shown;
use crate::time::Time;

/// Why the evidence that comes with a signature does not suffice, though the signature itself holds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EvidenceError {
    /// An identity is asked for, and the signature carries no certificate.
    #[error("it carries no certificate: it was made with a key")]
    NoCertificate,
    /// The certificate cannot be read, or does not say who signed.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The certificate does not lead to the trust root.
    #[error("its certificate was issued by nobody the trust root names")]
    UntrustedCertificate,
    /// No authority of the trust root certified at the proven time.
    #[error("no certificate authority of the trust root was valid at {0}, when it was signed")]
    NoAuthority(Time),
    /// More certificates come with it than the limit.
    #[error("more than {MAX_ATTACHED_CERTIFICATES} certificates are attached above its certificate")]
    LongChain,
    /// The certificate does not lead to those that the settings name.
    #[error("its certificate does not lead to those of the chain in the settings")]
    OtherChain,
    /// A certificate above it was not valid, though it leads to those that the settings name.
    #[error("a certificate above its certificate was not valid at {0}")]
    ChainWindow(Time),
    /// The certificate may not sign code.
    #[error("its certificate is not for code signing")]
    NotForCodeSigning,
    /// The certificate had expired.
    #[error("its certificate expired at {not_after}, and it was signed at {at}")]
    Expired {
        /// The end of its validity.
        not_after: Time,
        /// The proven time.
        at: Time,
    },
    /// The certificate has expired, and nothing is asked for that would prove that it was used before.
    #[error(
        "its certificate expired at {not_after}; only a log entry or a timestamp proves that it was signed before"
    )]
    ExpiredNow {
        /// The end of its validity.
        not_after: Time,
    },
    /// The certificate was not valid yet.
    #[error("its certificate is valid from {not_before}, and it was signed at {at}")]
    NotYetValid {
        /// The beginning of its validity.
        not_before: Time,
        /// The proven time.
        at: Time,
    },
    /// The certificate is not valid yet.
    #[error("its certificate is valid from {not_before}, which is in the future")]
    NotYetValidNow {
        /// The beginning of its validity.
        not_before: Time,
    },
    /// No certificate-transparency log has promised to list the certificate.
    #[error("its certificate carries no signed certificate timestamp (SCT)")]
    NoSct,
    /// The promise is by a log that is not in the trust root.
    #[error("the signed certificate timestamp (SCT) is by a log that the trust root does not name")]
    UnknownCtLog,
    /// The promise is not for this certificate, or not by this log.
    #[error("the signed certificate timestamp (SCT) does not hold for the certificate")]
    Sct,
    /// No entry of a transparency log is attached, and nobody can be asked.
    #[error(
        "no transparency-log entry is attached, and this policy cannot look one up: sign with the log, or set \
         `rekor.ignoreTlog: true`"
    )]
    NoLogEntry,
    /// What is attached as the log's entry cannot be read.
    #[error("the transparency-log entry is malformed in its {0}")]
    MalformedLogEntry(&'static str),
    /// An entry of a kind that says too little of what was signed.
    #[error(
        "a transparency-log entry of kind `{}`, which is not read; hashedrekord 0.0.1 is, and in a bundle hashedrekord \
         0.0.2, dsse 0.0.1 and intoto 0.0.2",
        Shown(.0)
    )]
    LogEntryKind(String),
    /// An entry of a kind that is not for what is signed: a message or an envelope.
    #[error("the transparency-log entry is a {0}, which is not for such a signature")]
    UnfitLogEntry(&'static str),
    /// The entry is of another signature.
    #[error("the transparency-log entry is of another signature")]
    OtherSignature,
    /// The entry is of another key or certificate.
    #[error("the transparency-log entry is of another key or certificate")]
    OtherKey,
    /// The entry is of another payload.
    #[error("the transparency-log entry is of another payload")]
    OtherPayload,
    /// The entry is of a log that is not in the trust root.
    #[error("the transparency-log entry is of a log that the trust root does not name ({})", Shown(.0))]
    UnknownLog(String),
    /// The log's key was not in use at that time.
    #[error("the transparency log's key was not in use at {0}, when the entry says it was made")]
    LogKeyWindow(Time),
    /// The log's promise (SET) is not by the log, or not of this entry.
    #[error("the transparency log's signed entry timestamp (SET) does not hold")]
    SignedEntryTimestamp,
    /// Nothing proves that the log has the entry, or not as the bundle's version demands.
    #[error("nothing proves that the transparency log includes the entry")]
    NoInclusionProof,
    /// The proof does not lead from the entry to the root of the log's tree.
    #[error("the proof that the transparency log includes the entry does not hold")]
    InclusionProof,
    /// The root of the log's tree is not signed by a log of the trust root, or not the one of the proof.
    #[error(
        "the checkpoint of the transparency log is by no log that the trust root names, or of another tree"
    )]
    Checkpoint,
    /// An entry or a timestamp from the future.
    #[error("it was signed at {0}, which is in the future")]
    Future(Time),
    /// A timestamp is asked for and none is attached.
    #[error("no RFC 3161 timestamp is attached")]
    NoTimestamp,
    /// What is attached as the timestamp cannot be read.
    #[error("the RFC 3161 timestamp is malformed")]
    MalformedTimestamp,
    /// The timestamp is of another signature.
    #[error("the RFC 3161 timestamp is of another signature")]
    OtherTimestamp,
    /// The timestamp is by nobody the trust root names.
    #[error(
        "the RFC 3161 timestamp is by an authority that the trust root does not name; add its `tsaCertChain`"
    )]
    UnknownTimestampAuthority,
    /// The timestamp's authority was not valid at that time.
    #[error("the authority of the RFC 3161 timestamp was not valid at {0}")]
    TimestampWindow(Time),
    /// Nothing proves when it was signed.
    #[error("nothing proves when it was signed")]
    NoProvenTime,
    /// The trust root of the settings cannot be used.
    #[error("the trust root cannot be used: {0}")]
    TrustRoot(#[from] TrustRootError),
    /// The Sigstore crates refuse what passed our own checks.
    #[error("refused: {}", Shown(.0))]
    Refused(String),
}
