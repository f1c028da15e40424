//! Certificates of a public-key infrastructure of one's own: the path from a signer's certificate to one that the
//! settings name (RFC 5280 section 6, by rustls-webpki).

use core::time::Duration;

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use sigstore_verify::crypto::WEBPKI_VERIFICATION_ALGS;
use webpki::{EndEntityCert, KeyUsage};

use super::certificate::Certificate;
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
    let der = |certificate: &Certificate| CertificateDer::from(certificate.der().to_vec());
    // An anchor is not asked for its validity by the library: here it is.
    let anchors: Vec<CertificateDer<'_>> =
        anchors.into_iter().filter(|anchor| anchor.is_valid(at)).map(der).collect();
    let anchors: Vec<TrustAnchor<'_>> =
        anchors.iter().filter_map(|der| webpki::anchor_from_trusted_cert(der).ok()).collect();
    let links: Vec<CertificateDer<'_>> = links.into_iter().chain(attached).map(der).collect();
    let leaf = der(leaf);
    let seconds = u64::try_from(at.as_second()).unwrap_or_default();
    let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let certificate = EndEntityCert::try_from(&leaf).map_err(|_| EvidenceError::UntrustedCertificate)?;
    let usage = KeyUsage::required_if_present(CODE_SIGNING);
    match certificate.verify_for_usage(WEBPKI_VERIFICATION_ALGS, &anchors, &links, at, usage, None, None) {
        Ok(_) => Ok(()),
        Err(webpki::Error::RequiredEkuNotFoundContext(_)) => Err(EvidenceError::NotForCodeSigning),
        Err(_) => Err(EvidenceError::UntrustedCertificate),
    }
}
