//! Certificates of signers: what they say, read strictly. That somebody trusted says it is shown elsewhere.
//!
//! Fulcio's certificates follow its certificate-specification.md: one critical subject alternative name, the
//! issuer and the build's claims in extensions below 1.3.6.1.4.1.57264.1 (Fulcio's oid-info.md).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use thiserror::Error;
use x509_cert::der::asn1::{ObjectIdentifier, Utf8StringRef};
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName};

use super::der::is_costly;
use crate::limits::{
    MAX_CERTIFICATE_BYTES, MAX_CERTIFICATES, MAX_DER_DEPTH, MAX_REGEX_TEXT_BYTES, MAX_SET_VALUES,
};
use crate::text::Shown;
use crate::time::Time;
use crate::verify::{KeyError, PublicKey};

/// A certificate, with what we ask of it taken out.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    der: Vec<u8>,
    not_before: Timestamp,
    not_after: Timestamp,
    spki: Vec<u8>,
    /// Its name, and its issuer's, in DER.
    names: (Vec<u8>, Vec<u8>),
    extensions: BTreeMap<ObjectIdentifier, Vec<u8>>,
}

/// Why a certificate cannot be read, or does not say who signed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// Not PEM certificates, or nothing but them.
    #[error("not PEM certificates")]
    Pem,
    /// Not a DER certificate (RFC 5280).
    #[error("not a well-formed X.509 certificate")]
    Malformed,
    /// An extension twice, which readers take differently.
    #[error("the certificate has extension {0} twice")]
    RepeatedExtension(String),
    /// More certificates than the limit.
    #[error("more than {MAX_CERTIFICATES} certificates")]
    TooMany,
    /// Longer than the limit.
    #[error("a certificate of more than {MAX_CERTIFICATE_BYTES} bytes")]
    TooLong,
    /// Sets of too many values, or nested too deep.
    #[error(
        "a certificate with a set of more than {MAX_SET_VALUES} values, or nested more than {MAX_DER_DEPTH} deep"
    )]
    Costly,
    /// A key that signatures cannot be verified with.
    #[error("the certificate's key: {0}")]
    Key(KeyError),
    /// No subject alternative name, or none that says who it is.
    #[error("the certificate names nobody")]
    NoName,
    /// Several names: which of them signed?
    #[error("the certificate has {0} names, not one")]
    SeveralNames(usize),
    /// A name or an issuer that expressions are not tried on: one that is revoked by an expression would be missed.
    #[error("the certificate's name is longer than {MAX_REGEX_TEXT_BYTES} bytes, or not one line")]
    UnreadableName,
    /// No issuer of the identity.
    #[error("the certificate does not say who vouched for the identity")]
    NoIssuer,
    /// Two issuers.
    #[error("the certificate names two issuers of the identity, `{}` and `{}`", Shown(.0), Shown(.1))]
    TwoIssuers(String, String),
    /// An extension that is not written as Fulcio writes it.
    #[error("the certificate's extension {0} is malformed")]
    MalformedExtension(String),
}

/// Who a certificate of Fulcio's kind was issued to, as it says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    issuer: String,
    subject: String,
}

const FULCIO: &str = "1.3.6.1.4.1.57264.1";
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");
pub(super) const SCT_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");
/// A name of a kind that X.509 has no word for, in Fulcio's certificates of usernames.
const FULCIO_OTHER_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7");
const ISSUER: u32 = 1;
const ISSUER_V2: u32 = 8;

impl Certificate {
    /// Reads one DER certificate.
    pub(super) fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_CERTIFICATE_BYTES {
            return Err(CertificateError::TooLong);
        }
        if is_costly(der) {
            return Err(CertificateError::Costly);
        }
        let certificate = x509_cert::Certificate::from_der(der).map_err(|_| CertificateError::Malformed)?;
        let tbs = certificate.tbs_certificate;
        // The last day of the year 9999, which stands for no end (RFC 5280 section 4.1.2.5), is beyond what jiff knows.
        let time = |time: x509_cert::time::Time| {
            let seconds = i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
            Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
        };
        let mut extensions = BTreeMap::new();
        for extension in tbs.extensions.unwrap_or_default() {
            let (oid, value) = (extension.extn_id, extension.extn_value.into_bytes());
            if extensions.insert(oid, value).is_some() {
                return Err(CertificateError::RepeatedExtension(oid.to_string()));
            }
        }
        Ok(Self {
            der: der.to_vec(),
            not_before: time(tbs.validity.not_before),
            not_after: time(tbs.validity.not_after),
            spki: der_of(&tbs.subject_public_key_info)?,
            names: (der_of(&tbs.subject)?, der_of(&tbs.issuer)?),
            extensions,
        })
    }

    /// Reads PEM certificates, at least one and nothing else between them.
    pub(super) fn parse_pem(text: &str) -> Result<Vec<Self>, CertificateError> {
        certificates(text)?.iter().map(|der| Self::parse(der)).collect()
    }

    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    pub(super) fn not_before(&self) -> Timestamp {
        self.not_before
    }

    pub(super) fn not_after(&self) -> Timestamp {
        self.not_after
    }

    pub(super) fn is_valid(&self, at: Timestamp) -> bool {
        (self.not_before..=self.not_after).contains(&at)
    }

    /// Whether it bears its own issuer's name, as roots do.
    pub(super) fn is_self_issued(&self) -> bool {
        let (subject, issuer) = &self.names;
        subject == issuer
    }

    /// Whether it bears the name of the other's issuer. Whether it signed the other is another question.
    pub(super) fn may_have_issued(&self, other: &Self) -> bool {
        self.names.0 == other.names.1
    }

    pub(super) fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Whether its key is of P-256, its point uncompressed (RFC 5480 section 2.1.1).
    pub(super) fn is_p256(&self) -> bool {
        /// SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING { 4 … } }
        const BEGINNING: &[u8] = &[
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
            0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
        ];
        self.spki.starts_with(BEGINNING)
    }

    pub(super) fn key(&self) -> Result<PublicKey, CertificateError> {
        PublicKey::from_spki(&self.spki).map_err(CertificateError::Key)
    }

    /// Whether it may sign code, as RFC 5280 section 4.2.1.12 has it.
    pub(super) fn signs_code(&self) -> bool {
        let usages = self.extensions.get(&EXTENDED_KEY_USAGE);
        let usages = usages.and_then(|der| ExtendedKeyUsage::from_der(der).ok());
        usages.is_some_and(|usages| usages.0.contains(&CODE_SIGNING))
    }

    /// The same, where a certificate without any extended key usage is for every use.
    pub(super) fn signs_code_if_restricted(&self) -> bool {
        !self.extensions.contains_key(&EXTENDED_KEY_USAGE) || self.signs_code()
    }

    /// Whether it may issue certificates (RFC 5280 sections 4.2.1.9 and 4.2.1.3). The first versions of X.509 had no
    /// extensions to say so.
    pub(super) fn issues_certificates(&self) -> bool {
        let usage = self.extensions.get(&KEY_USAGE).map(|der| KeyUsage::from_der(der));
        let may_sign = usage.is_none_or(|usage| usage.is_ok_and(|usage| usage.key_cert_sign()));
        let is_authority = self.constraints().is_some_and(|constraints| constraints.ca);
        self.extensions.is_empty() || (is_authority && may_sign)
    }

    /// How many certificates may stand between it and a signer's, where it says that.
    pub(super) fn path_length(&self) -> Option<usize> {
        self.constraints()?.path_len_constraint.map(usize::from)
    }

    fn constraints(&self) -> Option<BasicConstraints> {
        BasicConstraints::from_der(self.extensions.get(&BASIC_CONSTRAINTS)?).ok()
    }

    pub(super) fn extension(&self, oid: &ObjectIdentifier) -> Option<&[u8]> {
        self.extensions.get(oid).map(Vec::as_slice)
    }

    /// Who it was issued to, and who vouched for that.
    pub(super) fn identity(&self) -> Result<Identity, CertificateError> {
        let identity = Identity { issuer: self.issuer()?, subject: self.name()? };
        let is_readable =
            |text: &String| text.len() <= MAX_REGEX_TEXT_BYTES && !text.contains(char::is_control);
        if [&identity.issuer, &identity.subject].into_iter().all(is_readable) {
            Ok(identity)
        } else {
            Err(CertificateError::UnreadableName)
        }
    }

    fn name(&self) -> Result<String, CertificateError> {
        let der = self.extension(&SUBJECT_ALT_NAME).ok_or(CertificateError::NoName)?;
        let malformed = || CertificateError::MalformedExtension(SUBJECT_ALT_NAME.to_string());
        let names = SubjectAltName::from_der(der).map_err(|_| malformed())?.0;
        let [name] = names.as_slice() else {
            return Err(if names.is_empty() {
                CertificateError::NoName
            } else {
                CertificateError::SeveralNames(names.len())
            });
        };
        let text = match name {
            GeneralName::Rfc822Name(email) => email.to_string(),
            GeneralName::UniformResourceIdentifier(uri) => uri.to_string(),
            GeneralName::OtherName(other) if other.type_id == FULCIO_OTHER_NAME => {
                other.value.decode_as::<Utf8StringRef<'_>>().map_err(|_| malformed())?.to_string()
            }
            GeneralName::OtherName(_)
            | GeneralName::DnsName(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EdiPartyName(_)
            | GeneralName::IpAddress(_)
            | GeneralName::RegisteredId(_) => return Err(CertificateError::NoName),
        };
        if text.is_empty() { Err(CertificateError::NoName) } else { Ok(text) }
    }

    fn issuer(&self) -> Result<String, CertificateError> {
        match (self.claim(ISSUER_V2)?, self.claim(ISSUER)?) {
            (Some(new), Some(old)) if new != old => Err(CertificateError::TwoIssuers(new, old)),
            (Some(issuer), _) | (None, Some(issuer)) if !issuer.is_empty() => Ok(issuer),
            _ => Err(CertificateError::NoIssuer),
        }
    }

    /// A claim of Fulcio's by its number: the first seven are bare texts, the later ones DER.
    pub(super) fn claim(&self, number: u32) -> Result<Option<String>, CertificateError> {
        let Some(oid) = ObjectIdentifier::new(FULCIO).ok().and_then(|arc| arc.push_arc(number).ok()) else {
            return Ok(None);
        };
        let Some(value) = self.extension(&oid) else { return Ok(None) };
        let malformed = || CertificateError::MalformedExtension(oid.to_string());
        if number < ISSUER_V2 {
            return String::from_utf8(value.to_vec()).map(Some).map_err(|_| malformed());
        }
        Utf8StringRef::from_der(value).map(|text| Some(text.to_string())).map_err(|_| malformed())
    }
}

impl Identity {
    /// Who vouched for the subject: the OpenID Connect provider.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Who signed: an email address, or the URI of a workflow.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

/// The DER of PEM certificates, at least one and nothing else between them.
///
/// # Errors
/// [`CertificateError`] for anything else.
pub fn certificates(text: &str) -> Result<Vec<Vec<u8>>, CertificateError> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (block, after) = rest.split_once(END).ok_or(CertificateError::Pem)?;
        let base64 = block.trim_start().strip_prefix(BEGIN).ok_or(CertificateError::Pem)?;
        // Lines of any length, ended and indented in any way: cosign attaches what its user wrote.
        let base64: String = base64.split_ascii_whitespace().collect();
        let der = STANDARD.decode(base64).map_err(|_| CertificateError::Pem)?;
        if der.len() > MAX_CERTIFICATE_BYTES {
            return Err(CertificateError::TooLong);
        }
        if found.len() >= MAX_CERTIFICATES {
            return Err(CertificateError::TooMany);
        }
        found.push(der);
        rest = after.trim_start();
    }
    if found.is_empty() { Err(CertificateError::Pem) } else { Ok(found) }
}

fn der_of(value: &impl Encode) -> Result<Vec<u8>, CertificateError> {
    value.to_der().map_err(|_| CertificateError::Malformed)
}

/// A point in time as ours; one before 1970 is 1970.
pub(super) fn time(timestamp: Timestamp) -> Time {
    Time::from_unix(u64::try_from(timestamp.as_second()).unwrap_or_default())
}
