//! One signature, verified for one requirement.

use std::collections::BTreeMap;

use thiserror::Error;

use super::identity::Mismatch;
use super::key::NotByKey;
use super::quorum::Signer;
use super::sigstore::{EvidenceError, Identity, OwnCertificates, Signed, SigningCertificate};
use super::{IdentityPattern, PublicKey, RevokedSigners};
use crate::attached::UnverifiedSignature;
use crate::image::ImageDigest;
use crate::payload::Payload;
use crate::requirement::{RequiredIdentity, SignatureTerms, SignerRequirement};
use crate::text::Shown;
use crate::time::Time;

/// A signature that holds: this signer signed this image under this name, with these annotations.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedSignature {
    digest: ImageDigest,
    docker_reference: String,
    annotations: BTreeMap<String, String>,
    signer: Signer,
    proven_time: Option<Time>,
}

/// Why a signature was not accepted for a requirement.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// Not base64, or no signature of any algorithm.
    #[error("malformed signature")]
    Malformed,
    /// Not made by this key over this payload.
    #[error("not signed by this key")]
    WrongKey,
    /// Not made by the key of the certificate that comes with it.
    #[error("the signature is not by the key of its certificate")]
    NotByCertificate,
    /// By somebody else, as its certificate says.
    #[error("signed by {0}")]
    OtherIdentity(Identity),
    /// By the identity that is wanted, for another build.
    #[error(
        "its certificate says {name} {}, not `{}`",
        found.as_ref().map_or("nothing".to_owned(), |found| format!("`{}`", Shown(found))),
        Shown(wanted)
    )]
    Claim {
        /// The claim.
        name: &'static str,
        /// What is wanted.
        wanted: String,
        /// What the certificate says.
        found: Option<String>,
    },
    /// Made by a key or an identity that is revoked.
    #[error("the {0} is revoked")]
    Revoked(&'static str),
    /// Made by this key, which no longer counts.
    #[error("the key ceased to count at {0}")]
    Expired(Time),
    /// Without an annotation that is required.
    #[error("an annotation is missing")]
    Annotations,
    /// What proves who signed, and when, does not suffice.
    #[error(transparent)]
    Evidence(Box<EvidenceError>),
}

/// Who signed, and when that is proven to have been.
type Proven = (Signer, Option<Time>);

impl VerifiedSignature {
    /// Verifies one signature for one requirement: all that is asked must hold for this signature.
    ///
    /// # Errors
    /// [`SignatureError`] when it does not.
    pub(super) fn new(
        wanted: &SignerRequirement,
        payload: &Payload,
        signature: &UnverifiedSignature,
        revoked: &RevokedSigners,
        now: Time,
    ) -> Result<Self, SignatureError> {
        let candidate = Candidate {
            signed: Signed {
                payload: payload.as_bytes(),
                signature: signature.signature(),
                enclosures: signature.enclosures(),
            },
            terms: &wanted.terms,
            revoked,
            now,
        };
        let (signer, proven_time) = match &wanted.identity {
            RequiredIdentity::Key(key) => candidate.by_key(key)?,
            RequiredIdentity::Keyless(identity) => candidate.by_identity(identity)?,
            RequiredIdentity::Certificate(certificates) => candidate.by_certificate(certificates)?,
        };
        if let Some(not_after) = wanted.terms.not_after.filter(|not_after| now > *not_after) {
            return Err(SignatureError::Expired(not_after));
        }
        let carries = |(name, value): (&String, &String)| payload.annotations().get(name) == Some(value);
        if !wanted.terms.annotations.iter().all(carries) {
            return Err(SignatureError::Annotations);
        }
        Ok(Self {
            digest: payload.digest(),
            docker_reference: payload.docker_reference().to_owned(),
            annotations: payload.annotations().clone(),
            signer,
            proven_time,
        })
    }

    /// The digest it is for.
    #[must_use]
    pub fn digest(&self) -> ImageDigest {
        self.digest
    }

    /// The repository it was signed under.
    #[must_use]
    pub fn docker_reference(&self) -> &str {
        &self.docker_reference
    }

    /// The annotations that are signed with it.
    #[must_use]
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// Who signed.
    #[must_use]
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// When it existed at the latest, by a log or a timestamp authority, where either was asked for.
    #[must_use]
    pub fn proven_time(&self) -> Option<Time> {
        self.proven_time
    }
}

/// A signature and what is asked of it.
struct Candidate<'c> {
    signed: Signed<'c>,
    terms: &'c SignatureTerms,
    revoked: &'c RevokedSigners,
    now: Time,
}

impl Candidate<'_> {
    fn by_key(&self, key: &PublicKey) -> Result<Proven, SignatureError> {
        self.is_by(key)?;
        Ok((self.key(key)?, self.signed.by_key(key, &self.terms.evidence, self.now)?))
    }

    fn by_identity(&self, wanted: &IdentityPattern) -> Result<Proven, SignatureError> {
        let certificate = self.certificate()?;
        let identity = certificate.identity()?;
        match wanted.mismatch(&identity, &certificate)? {
            None => {}
            Some(Mismatch::Identity) => return Err(SignatureError::OtherIdentity(identity)),
            Some(Mismatch::Claim { name, wanted, found }) => {
                return Err(SignatureError::Claim { name, wanted, found });
            }
        }
        if self.revoked.has_identity(&identity) {
            return Err(SignatureError::Revoked("identity"));
        }
        if self.revoked.has_key(certificate.key().fingerprint()) {
            return Err(SignatureError::Revoked("key"));
        }
        let proven_time = certificate.verify(&self.signed, &self.terms.evidence, self.now)?;
        Ok((Signer::Identity(identity), Some(proven_time)))
    }

    fn by_certificate(&self, wanted: &OwnCertificates) -> Result<Proven, SignatureError> {
        let verify = |attached| wanted.verify(attached, &self.signed, &self.terms.evidence, self.now);
        if let Some(key) = wanted.key() {
            self.is_by(key)?;
            return Ok((self.key(key)?, verify(None)?));
        }
        let certificate = self.certificate()?;
        let signer = self.key(certificate.key())?;
        Ok((signer, verify(Some(&certificate))?))
    }

    /// The certificate that comes with the signature, which is by its key.
    fn certificate(&self) -> Result<SigningCertificate, SignatureError> {
        let certificate = self.signed.certificate()?;
        match self.is_by(certificate.key()) {
            Ok(()) => Ok(certificate),
            Err(SignatureError::WrongKey) => Err(SignatureError::NotByCertificate),
            Err(error) => Err(error),
        }
    }

    fn is_by(&self, key: &PublicKey) -> Result<(), SignatureError> {
        key.verify(self.signed.payload, self.signed.signature, self.terms.hash).map_err(|error| match error {
            NotByKey::Malformed => SignatureError::Malformed,
            NotByKey::WrongKey => SignatureError::WrongKey,
        })
    }

    fn key(&self, key: &PublicKey) -> Result<Signer, SignatureError> {
        if self.revoked.has_key(key.fingerprint()) {
            return Err(SignatureError::Revoked("key"));
        }
        Ok(Signer::Key(key.fingerprint()))
    }
}

impl SignatureError {
    /// How much it tells of a signer who is missed, where several signatures fail them: what is nearest to
    /// acceptance.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Malformed | Self::WrongKey => 0,
            Self::Evidence(error) if **error == EvidenceError::NoCertificate => 1,
            Self::OtherIdentity(_) => 2,
            Self::NotByCertificate => 3,
            Self::Claim { .. } => 4,
            Self::Evidence(_) => 5,
            Self::Revoked(_) | Self::Expired(_) | Self::Annotations => 6,
        }
    }
}

impl From<EvidenceError> for SignatureError {
    fn from(error: EvidenceError) -> Self {
        Self::Evidence(Box::new(error))
    }
}
