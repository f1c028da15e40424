//! Certificates of a public-key infrastructure of one's own: the path from a signer's certificate to one that the
//! settings name (RFC 5280 section 6, by rustls-webpki).

use core::time::Duration;

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use sigstore_verify::crypto::WEBPKI_VERIFICATION_ALGS;
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

use super::certificate::{Certificate, time};
use super::error::EvidenceError;
use super::provider;

/// id-kp-codeSigning (RFC 5280 section 4.2.1.12), without tag and length. As in Go, which cosign is written in, a
/// certificate without any extended key usage is for every use.
const CODE_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03];

/// Verifies that the certificate leads to one of those named, all of them valid at that time.
///
/// `named` are those of the settings: a path ends at those that none of the others issued; the others may be links of
/// it, as may those that came with the signature.
pub(super) fn verify(
    leaf: &Certificate,
    attached: &[Certificate],
    named: &[Certificate],
    at: Timestamp,
) -> Result<(), EvidenceError> {
    provider::install();
    let (anchors, links): (Vec<&Certificate>, Vec<&Certificate>) = named
        .iter()
        .partition(|one| one.is_self_issued() || !named.iter().any(|other| other.may_have_issued(one)));
    let usage =
        || if leaf.signs_code_if_restricted() { Ok(()) } else { Err(EvidenceError::NotForCodeSigning) };
    // A certificate that vouches for itself, and is named: there is nothing above it.
    if anchors.iter().any(|anchor| anchor.der() == leaf.der()) {
        return usage();
    }
    // The library takes any certificate for an anchor, looks at no certificate's keyUsage, and asks no anchor
    // whether it is still valid: here they are.
    let anchors: Vec<&Certificate> = anchors.into_iter().filter(|one| one.issues_certificates()).collect();
    let links = links.into_iter().chain(attached).filter(|one| one.issues_certificates());
    let links: Vec<CertificateDer<'_>> = links.map(der).collect();
    let valid: Vec<&Certificate> = anchors.iter().copied().filter(|anchor| anchor.is_valid(at)).collect();
    match path(leaf, &links, &valid, at) {
        Ok(()) => Ok(()),
        Err(webpki::Error::RequiredEkuNotFoundContext(_)) => Err(EvidenceError::NotForCodeSigning),
        Err(webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. }) => {
            Err(EvidenceError::ChainWindow(time(at)))
        }
        Err(_) if valid.len() < anchors.len() && path(leaf, &links, &anchors, at).is_ok() => {
            Err(EvidenceError::ChainWindow(time(at)))
        }
        Err(_) => Err(EvidenceError::OtherChain),
    }
}

fn path(
    leaf: &Certificate,
    links: &[CertificateDer<'_>],
    anchors: &[&Certificate],
    at: Timestamp,
) -> Result<(), webpki::Error> {
    let ders: Vec<CertificateDer<'_>> = anchors.iter().copied().map(der).collect();
    let parsed = anchors.iter().zip(&ders);
    let anchors: Vec<(&Certificate, TrustAnchor<'_>)> = parsed
        .filter_map(|(anchor, der)| Some((*anchor, webpki::anchor_from_trusted_cert(der).ok()?)))
        .collect();
    // Nor does the library know how long a path an anchor allows.
    let is_short_enough = |path: &VerifiedPath<'_>| {
        let ends_here = anchors.iter().find(|(_, anchor)| anchor == path.anchor());
        let longest = ends_here.map(|(certificate, _)| certificate.path_length().unwrap_or(usize::MAX));
        match longest {
            Some(longest) if path.intermediate_certificates().count() <= longest => Ok(()),
            _ => Err(webpki::Error::PathLenConstraintViolated),
        }
    };
    let trusted: Vec<TrustAnchor<'_>> = anchors.iter().map(|(_, anchor)| anchor.clone()).collect();
    let seconds = u64::try_from(at.as_second()).unwrap_or_default();
    let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let leaf = der(leaf);
    let leaf = EndEntityCert::try_from(&leaf)?;
    let usage = KeyUsage::required_if_present(CODE_SIGNING);
    let algorithms = WEBPKI_VERIFICATION_ALGS;
    leaf.verify_for_usage(algorithms, &trusted, links, at, usage, None, Some(&is_short_enough)).map(drop)
}

fn der(certificate: &Certificate) -> CertificateDer<'_> {
    CertificateDer::from(certificate.der())
}
