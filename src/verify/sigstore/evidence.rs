//! What comes with a signature and proves who signed, and when: certificate, log entry, timestamp.
//!
//! Every function here is called after our own call has verified the signature over the payload. What is checked
//! here first, with an error of its own for each check, the Sigstore crates check again where an identity is asked for.

use core::cell::OnceCell;
use core::fmt::{self, Display, Formatter};

use jiff::Timestamp;
use sigstore_verify::types::TimestampToken;
use thiserror::Error;

use super::bundle::UnverifiedBundle;
use super::certificate::{Certificate, CertificateError, Identity, time};
use super::error::EvidenceError;
use super::log::LogEntry;
use super::record::{Logged, LoggedBy};
use super::trust::{Built, TrustRoot};
use super::{chain, keyless, timestamp};
use crate::attached::Enclosures;
use crate::image::ImageDigest;
use crate::limits::MAX_ATTACHED_CERTIFICATES;
use crate::time::Time;
use crate::verify::PublicKey;
use crate::verify::key::{HashAlgorithm, NotByKey};

/// What must prove that, and when, a signature was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceTerms {
    /// An entry of a transparency log.
    pub log: bool,
    /// An RFC 3161 timestamp. One that is attached is verified in any case where `trust` is asked at all.
    pub timestamp: bool,
    /// A certificate-transparency log's promise to list the certificate.
    pub sct: bool,
    /// Whom to believe.
    pub trust: TrustRoot,
}

/// Nothing, as for keys with `ignoreTlog: true`.
impl Default for EvidenceTerms {
    fn default() -> Self {
        Self { log: false, timestamp: false, sct: false, trust: TrustRoot::public_good() }
    }
}

/// A keyless signature without anything that would prove when it was made: its certificate is valid for minutes, so
/// anybody who gets hold of its key later could use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("neither a log entry nor a timestamp would prove when it was signed")]
pub struct NoProvenTime;

/// A signature that holds, and what came with it.
#[derive(Debug, Clone, Copy)]
pub(in crate::verify) struct Signed<'s> {
    /// What the signature is over.
    pub(in crate::verify) message: &'s [u8],
    pub(in crate::verify) signature: &'s [u8],
    pub(in crate::verify) enclosed: Enclosed<'s>,
}

/// Where that stands which came with a signature.
#[derive(Debug, Clone, Copy)]
pub(in crate::verify) enum Enclosed<'s> {
    /// In the annotations of a layer.
    Layer(&'s Enclosures),
    /// In a bundle, with a signature over a message.
    Message(&'s UnverifiedBundle),
    /// In a bundle, with a signature over an envelope of this payload, a statement about this image.
    Statement(&'s UnverifiedBundle, &'s [u8], ImageDigest),
}

/// The evidence of a signature: read, and each part of it verified for itself.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// What a layer carries; a bundle keeps its own.
    pub(super) entry: Option<LogEntry>,
    pub(super) token: Option<TimestampToken>,
    /// The times they prove.
    pub(super) times: Vec<Timestamp>,
}

impl EvidenceTerms {
    fn asks_for_anything(&self) -> bool {
        self.log || self.timestamp || self.sct
    }
}

impl Signed<'_> {
    /// What proves when a key's signature was made, where anything is asked for. `None` where nothing is, or where a log
    /// has it that says no time.
    pub(in crate::verify) fn by_key(
        &self,
        key: &PublicKey,
        terms: &EvidenceTerms,
        now: Time,
    ) -> Result<Option<Time>, EvidenceError> {
        if !terms.asks_for_anything() {
            return Ok(None);
        }
        // All that is asked for is there; an entry of Rekor v2 alone says no time.
        let evidence = self.evidence(LoggedBy::Key(key), terms, terms.trust.built()?, now)?;
        Ok(evidence.times.iter().min().map(|at| time(*at)))
    }

    /// Whose certificate this is, as it says; nothing of that is proven yet.
    pub(in crate::verify) fn certificate(&self) -> Result<SigningCertificate, EvidenceError> {
        let enclosures = match self.enclosed {
            Enclosed::Layer(enclosures) => enclosures,
            Enclosed::Message(bundle) | Enclosed::Statement(bundle, ..) => return bundle.certificate(),
        };
        let text = enclosures.certificate().ok_or(EvidenceError::NoCertificate)?;
        let leaf = Certificate::parse_pem(text)?.into_iter().next().ok_or(EvidenceError::NoCertificate)?;
        let chain = match enclosures.chain() {
            Some(text) => Certificate::parse_pem(text)?,
            None => Vec::new(),
        };
        if chain.len() > MAX_ATTACHED_CERTIFICATES {
            return Err(EvidenceError::LongChain);
        }
        SigningCertificate::new(leaf, chain)
    }

    fn evidence(
        &self,
        by: LoggedBy<'_>,
        terms: &EvidenceTerms,
        trust: &Built,
        now: Time,
    ) -> Result<Evidence, EvidenceError> {
        let now = timestamp_of(now);
        let mut logged = Logged { signature: self.signature, message: self.message, payload: None, by };
        let enclosures = match self.enclosed {
            Enclosed::Layer(enclosures) => enclosures,
            Enclosed::Message(bundle) => return bundle.evidence(&logged, terms, trust, now),
            Enclosed::Statement(bundle, payload, _) => {
                logged.payload = Some(payload);
                return bundle.evidence(&logged, terms, trust, now);
            }
        };
        let mut evidence = Evidence::default();
        if terms.log {
            let entry = LogEntry::parse(enclosures.log_entry().ok_or(EvidenceError::NoLogEntry)?)?;
            evidence.times.push(entry.verify(&logged, trust, now)?);
            evidence.entry = Some(entry);
        }
        match enclosures.timestamp() {
            Some(text) => {
                let token = timestamp::parse(text)?;
                evidence.times.push(timestamp::verify(&token, self.signature, trust, now)?);
                evidence.token = Some(token);
            }
            None if terms.timestamp => return Err(EvidenceError::NoTimestamp),
            None => {}
        }
        Ok(evidence)
    }
}

/// The certificate that comes with a signature, and those that come with it.
#[derive(Debug)]
pub(in crate::verify) struct SigningCertificate {
    pub(super) leaf: Certificate,
    pub(super) chain: Vec<Certificate>,
    /// The hash that the signature is over, by our own call that verified it.
    hash: OnceCell<HashAlgorithm>,
    key: PublicKey,
}

impl SigningCertificate {
    pub(super) fn new(leaf: Certificate, chain: Vec<Certificate>) -> Result<Self, EvidenceError> {
        Ok(Self { key: leaf.key()?, leaf, chain, hash: OnceCell::new() })
    }

    pub(in crate::verify) fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Who it says it was issued to.
    pub(in crate::verify) fn identity(&self) -> Result<Identity, EvidenceError> {
        Ok(self.leaf.identity()?)
    }

    /// A claim of Fulcio's about the build.
    pub(in crate::verify) fn claim(&self, number: u32) -> Result<Option<String>, EvidenceError> {
        Ok(self.leaf.claim(number)?)
    }

    /// Verifies that an authority of the trust root issued it, that it was valid when it was used, and what else the
    /// terms ask for. Gives the time that is proven.
    pub(in crate::verify) fn verify(
        &self,
        signed: &Signed<'_>,
        terms: &EvidenceTerms,
        now: Time,
    ) -> Result<Time, EvidenceError> {
        let trust = terms.trust.built()?;
        let evidence = signed.evidence(LoggedBy::Certificate(&self.leaf), terms, trust, now)?;
        // A certificate of minutes without a proven time proves nothing, whatever the settings say.
        let first = evidence.times.iter().min().copied().ok_or(EvidenceError::NoProvenTime)?;
        evidence.times.iter().try_for_each(|at| self.leaf.check_valid(*at))?;
        if !self.leaf.signs_code() {
            return Err(EvidenceError::NotForCodeSigning);
        }
        keyless::verify(self, signed, &evidence, terms, trust)?;
        Ok(time(first))
    }

    /// Our own call verifies that the signature is by the certificate's key.
    pub(in crate::verify) fn holds(
        &self,
        signed: &Signed<'_>,
        required: Option<HashAlgorithm>,
    ) -> Result<(), NotByKey> {
        let hash = self.key.verify(signed.message, signed.signature, required)?;
        self.hash.get_or_init(|| hash);
        Ok(())
    }

    /// The hash that the signature is over, once [`Self::holds`] has told.
    pub(super) fn hash(&self) -> HashAlgorithm {
        self.hash.get().copied().unwrap_or(HashAlgorithm::Sha256)
    }
}

/// The certificates of a public-key infrastructure of one's own, as the settings name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnCertificates {
    /// `cert`: the signer's own, in DER.
    leaf: Option<(Vec<u8>, PublicKey)>,
    /// `certChain`: those above it, in DER.
    chain: Vec<Vec<u8>>,
}

impl OwnCertificates {
    /// Reads `cert` and `certChain`. Of the first, one certificate is the signer's; those that may follow it belong to
    /// the chain.
    ///
    /// # Errors
    /// [`CertificateError`] for what is not a certificate, or has a key that is not supported.
    pub fn new(leaf: Option<Vec<Vec<u8>>>, chain: Vec<Vec<u8>>) -> Result<Self, CertificateError> {
        let mut chain = chain;
        chain.iter().try_for_each(|der| Certificate::parse(der).map(drop))?;
        let leaf = match leaf {
            None => None,
            Some(ders) => {
                let mut ders = ders.into_iter();
                let leaf = ders.next().ok_or(CertificateError::Pem)?;
                chain.extend(ders);
                let key = Certificate::parse(&leaf)?.key()?;
                Some((leaf, key))
            }
        };
        Ok(Self { leaf, chain })
    }

    /// The key of the signer's certificate, if that is named.
    pub(crate) fn key(&self) -> Option<&PublicKey> {
        self.leaf.as_ref().map(|(_, key)| key)
    }

    /// Verifies that the signer's certificate leads to those named and was valid when it was used: at the proven
    /// times, or now where none is asked for. `attached` is what came with the signature.
    pub(in crate::verify) fn verify(
        &self,
        attached: Option<&SigningCertificate>,
        signed: &Signed<'_>,
        terms: &EvidenceTerms,
        now: Time,
    ) -> Result<Option<Time>, EvidenceError> {
        let pinned = self.leaf.as_ref().map(|(der, _)| Certificate::parse(der)).transpose()?;
        let leaf = pinned.as_ref().or(attached.map(|own| &own.leaf)).ok_or(EvidenceError::NoCertificate)?;
        let by = match self.key() {
            // Who signs with a key whose certificate is known may log either of them.
            Some(key) => LoggedBy::Either(leaf, key),
            None => LoggedBy::Certificate(leaf),
        };
        let mut times = Vec::new();
        if terms.asks_for_anything() {
            times = signed.evidence(by, terms, terms.trust.built()?, now)?.times;
        }
        let named = self.chain.iter().map(|der| Certificate::parse(der)).collect::<Result<Vec<_>, _>>()?;
        let present = [timestamp_of(now)];
        let is_proven = !times.is_empty();
        for at in if is_proven { &times } else { &present[..] } {
            if is_proven {
                leaf.check_valid(*at)?
            } else {
                leaf.check_valid_now(*at)?
            }
            if pinned.is_none() || !named.is_empty() {
                let attached = attached.map_or(&[][..], |own| &own.chain);
                chain::verify(leaf, attached, &named, *at)?;
            }
        }
        Ok(times.iter().min().map(|at| time(*at)))
    }
}

impl Display for OwnCertificates {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.leaf {
            Some((_, key)) => write!(f, "the certificate of key {}", key.fingerprint()),
            None => f.write_str("a certificate that `certChain` leads to"),
        }
    }
}

impl Certificate {
    fn check_valid(&self, at: Timestamp) -> Result<(), EvidenceError> {
        if at > self.not_after() {
            return Err(EvidenceError::Expired { not_after: time(self.not_after()), at: time(at) });
        }
        if at < self.not_before() {
            return Err(EvidenceError::NotYetValid { not_before: time(self.not_before()), at: time(at) });
        }
        Ok(())
    }

    /// The same where nothing proves a time but the host's clock.
    fn check_valid_now(&self, now: Timestamp) -> Result<(), EvidenceError> {
        if now > self.not_after() {
            return Err(EvidenceError::ExpiredNow { not_after: time(self.not_after()) });
        }
        if now < self.not_before() {
            return Err(EvidenceError::NotYetValidNow { not_before: time(self.not_before()) });
        }
        Ok(())
    }
}

/// A time of ours as the crates have it.
pub(super) fn timestamp_of(time: Time) -> Timestamp {
    let seconds = i64::try_from(time.unix()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}
