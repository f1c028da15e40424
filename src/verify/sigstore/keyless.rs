//! The Sigstore crates' own verification of a keyless signature: chain, SCT, and once more all the rest.
//!
//! Their answer is added to ours, never put in its place: they check a signature as part of a bundle, so the layer's
//! annotations are written as the bundle of format 0.1 that cosign would have made of them.

use sigstore_verify::types::bundle::{
    InclusionPromise, LogId, MessageDigest, MessageSignature, Rfc3161Timestamp, TimestampVerificationData,
    TransparencyLogEntry, VerificationMaterial, VerificationMaterialContent, X509Certificate,
};
use sigstore_verify::types::{
    Artifact, Bundle, CanonicalizedBody, DerCertificate, DigestBytes, HashAlgorithm, KindVersion, LogIndex,
    LogKeyId, MediaType, Sha256Hash, SignatureBytes, SignatureContent, SignedTimestamp,
};
use sigstore_verify::{CertificateError, Error, VerificationPolicy};

use super::certificate::{Certificate, SCT_LIST, time};
use super::error::EvidenceError;
use super::evidence::{Enclosed, Evidence, EvidenceTerms, Signed, SigningCertificate};
use super::log::LogEntry;
use super::trust::Built;
use crate::verify::key::HashAlgorithm as Hash;

/// Verifies what [`Evidence`] cannot: that an authority of the trust root issued the certificate, and that a log
/// has promised to list it.
pub(super) fn verify(
    certificate: &SigningCertificate,
    signed: &Signed<'_>,
    evidence: &Evidence,
    terms: &EvidenceTerms,
    trust: &Built,
) -> Result<(), EvidenceError> {
    if terms.sct {
        certificate.leaf.check_sct(trust)?;
    }
    let (bundle, artifact) = match signed.enclosed {
        Enclosed::Layer(_) => (bundle(certificate, signed, evidence)?, Artifact::from(signed.message)),
        Enclosed::Message(bundle) => (bundle.for_crates(terms.log), Artifact::from(signed.message)),
        Enclosed::Statement(bundle, _, image) => {
            (bundle.for_crates(terms.log), Artifact::from(Sha256Hash::new(*image.as_bytes())))
        }
    };
    let mut policy = VerificationPolicy::any_identity();
    if !terms.sct {
        policy = policy.skip_sct();
    }
    if !terms.log {
        policy = policy.skip_tlog_unsafe();
    }
    let verified = trust.verifier.verify(artifact, &bundle, &policy).map_err(of)?;
    let all = verified.certificate_verified()
        && verified.sct_verified() == terms.sct
        && verified.tlog_verified() == terms.log
        && verified.verified_timestamps().len() == evidence.times.len();
    if all { Ok(()) } else { Err(EvidenceError::Refused("not everything was checked".to_owned())) }
}

fn bundle(
    certificate: &SigningCertificate,
    signed: &Signed<'_>,
    evidence: &Evidence,
) -> Result<Bundle, EvidenceError> {
    let certificates = core::iter::once(&certificate.leaf).chain(&certificate.chain);
    let der = |certificate: &Certificate| DerCertificate::new(certificate.der().to_vec());
    let chain = certificates.map(|certificate| X509Certificate::new(der(certificate))).collect();
    let material =
        VerificationMaterial::new(VerificationMaterialContent::X509CertificateChain { certificates: chain })
            .with_tlog_entries(evidence.entry.iter().map(entry).collect::<Result<_, _>>()?)
            .with_timestamp_verification_data(TimestampVerificationData::new(
                evidence.token.iter().map(|token| Rfc3161Timestamp::new(token.clone())).collect(),
            ));
    // Format 0.1 is the one with a promise and no proof of inclusion; it must have the promise.
    let format = if evidence.entry.is_some() { MediaType::Bundle0_1 } else { MediaType::Bundle0_2 };
    let (algorithm, hash) = match certificate.hash() {
        Hash::Sha256 => (HashAlgorithm::Sha2256, Hash::Sha256),
        Hash::Sha384 => (HashAlgorithm::Sha2384, Hash::Sha384),
        Hash::Sha512 => (HashAlgorithm::Sha2512, Hash::Sha512),
    };
    let digest = MessageDigest::new(algorithm, DigestBytes::new(hash.digest(signed.message)));
    let signature =
        MessageSignature::new(SignatureBytes::from_bytes(signed.signature)).with_message_digest(digest);
    Ok(Bundle::new(format, material, SignatureContent::MessageSignature(signature)))
}

fn entry(entry: &LogEntry) -> Result<TransparencyLogEntry, EvidenceError> {
    let index =
        LogIndex::new(entry.promise.index).map_err(|_| EvidenceError::MalformedLogEntry("logIndex"))?;
    let log = LogId::new(LogKeyId::new(entry.promise.log_id.to_vec()));
    let body = CanonicalizedBody::new(entry.body.clone());
    Ok(TransparencyLogEntry::new(index, log, KindVersion::HashedRekordV001, body)
        .with_integrated_time(entry.promise.integrated)
        .with_inclusion_promise(InclusionPromise::new(SignedTimestamp::new(entry.promise.signature.clone()))))
}

impl Certificate {
    /// Whether there is a promise to verify at all, so that the message can tell these cases apart.
    fn check_sct(&self, trust: &Built) -> Result<(), EvidenceError> {
        let list = self.extension(&SCT_LIST).ok_or(EvidenceError::NoSct)?;
        // An OCTET STRING of the list's length, the first promise's length, its version, and the log's identifier
        // (RFC 6962 section 3.3). The crates read it properly; here it only decides between two words.
        let known = trust.root.ctlogs.iter().any(|log| {
            let id = log.log_id.key_id.as_bytes();
            list.windows(id.len().max(1)).any(|bytes| bytes == id)
        });
        if known { Ok(()) } else { Err(EvidenceError::UnknownCtLog) }
    }
}

/// The crates' errors in our words. What they check after us never comes.
fn of(error: Error) -> EvidenceError {
    if let Error::Certificate(error) = &error {
        match error {
            CertificateError::NoValidAuthority { time: at } => return EvidenceError::NoAuthority(time(*at)),
            CertificateError::ChainInvalid(_) => return EvidenceError::UntrustedCertificate,
            CertificateError::Sct(_) => return EvidenceError::Sct,
            CertificateError::Malformed(_)
            | CertificateError::NotYetValid { .. }
            | CertificateError::Expired { .. }
            | _ => {}
        }
    }
    EvidenceError::Refused(error.to_string())
}
