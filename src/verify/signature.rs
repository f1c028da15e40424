//! One signature, verified for one requirement.

use std::collections::BTreeMap;

use thiserror::Error;

use super::identity::Mismatch;
use super::key::NotByKey;
use super::quorum::Signer;
use super::sigstore::{Enclosed, EvidenceError, Identity, Signed, SigningCertificate};
use super::{IdentityPattern, PublicKey, RevokedSigners, StatementError, VerifiedStatement};
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
    docker_reference: Option<String>,
    annotations: BTreeMap<String, String>,
    signer: Signer,
    proven_time: Option<Time>,
}

/// The type of a statement that is a signature of an image, as cosign 3 writes it.
pub(super) const SIGNATURE_TYPE: &str = "https://sigstore.dev/cosign/sign/v1";

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
    /// A bundle with something else than a statement.
    #[error("a bundle without a statement: it signs a file (messageSignature), not an image")]
    NoStatement,
    /// A bundle with a statement, where a signature of a file is wanted.
    #[error("a bundle with a statement: it does not sign a file")]
    NoMessage,
    /// What is signed is no statement.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// A statement about other things only.
    #[error("a statement about another image")]
    OtherSubject,
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
                message: payload.as_bytes(),
                signature: signature.signature(),
                enclosed: Enclosed::Layer(signature.enclosures()),
            },
            terms: &wanted.terms,
            revoked,
            now,
        };
        let made_by = candidate.signer(&wanted.identity)?;
        let (signer, proven_time) = candidate.prove(made_by, &wanted.identity)?;
        let carries = |(name, value): (&String, &String)| payload.annotations().get(name) == Some(value);
        if !wanted.terms.annotations.iter().all(carries) {
            return Err(SignatureError::Annotations);
        }
        Ok(Self {
            digest: payload.digest(),
            docker_reference: Some(payload.docker_reference().to_owned()),
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

    /// The signature that a statement is, if its type says that it is one and no attestation.
    pub(super) fn of_statement(statement: &VerifiedStatement) -> Option<Self> {
        (statement.predicate_type() == SIGNATURE_TYPE).then(|| Self {
            digest: statement.digest(),
            docker_reference: None,
            annotations: statement.annotations(),
            signer: statement.signer().clone(),
            proven_time: statement.proven_time(),
        })
    }

    /// The repository it was signed under; a signature in a bundle names none.
    #[must_use]
    pub fn docker_reference(&self) -> Option<&str> {
        self.docker_reference.as_deref()
    }

    /// The annotations that are signed with it, as far as the rule asks for them or knows them.
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
pub(super) struct Candidate<'c> {
    pub(super) signed: Signed<'c>,
    pub(super) terms: &'c SignatureTerms,
    pub(super) revoked: &'c RevokedSigners,
    pub(super) now: Time,
}

/// Who made a signature, by our own call; that they are who their certificate says is not proven yet.
#[must_use]
pub(super) struct MadeBy {
    signer: Signer,
    certificate: Option<SigningCertificate>,
}

impl Candidate<'_> {
    /// Whether whom the requirement wants made the signature.
    pub(super) fn signer(&self, wanted: &RequiredIdentity) -> Result<MadeBy, SignatureError> {
        match wanted {
            RequiredIdentity::Key(key) => self.by_key(key),
            RequiredIdentity::Keyless(identity) => self.by_identity(identity),
            RequiredIdentity::Certificate(certificates) => match certificates.key() {
                Some(key) => self.by_key(key),
                None => {
                    let certificate = self.certificate()?;
                    Ok(MadeBy { signer: self.key(certificate.key())?, certificate: Some(certificate) })
                }
            },
        }
    }

    /// Verifies what is asked for besides: what proves who signed, and when.
    pub(super) fn prove(&self, by: MadeBy, wanted: &RequiredIdentity) -> Result<Proven, SignatureError> {
        let MadeBy { signer, certificate } = by;
        let (signed, terms, now) = (&self.signed, &self.terms.evidence, self.now);
        let proven_time = match (wanted, certificate) {
            (RequiredIdentity::Key(key), _) => signed.by_key(key, terms, now)?,
            (RequiredIdentity::Keyless(_), Some(certificate)) => {
                Some(certificate.verify(signed, terms, now)?)
            }
            (RequiredIdentity::Keyless(_), None) => return Err(EvidenceError::NoCertificate.into()),
            (RequiredIdentity::Certificate(wanted), certificate) => {
                wanted.verify(certificate.as_ref(), signed, terms, now)?
            }
        };
        if let Some(not_after) = self.terms.not_after.filter(|not_after| now > *not_after) {
            return Err(SignatureError::Expired(not_after));
        }
        Ok((signer, proven_time))
    }

    fn by_key(&self, key: &PublicKey) -> Result<MadeBy, SignatureError> {
        self.is_by(key)?;
        Ok(MadeBy { signer: self.key(key)?, certificate: None })
    }

    fn by_identity(&self, wanted: &IdentityPattern) -> Result<MadeBy, SignatureError> {
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
        Ok(MadeBy { signer: Signer::Identity(identity), certificate: Some(certificate) })
    }

    fn certificate(&self) -> Result<SigningCertificate, SignatureError> {
        let certificate = self.signed.certificate()?;
        certificate.holds(&self.signed, self.terms.hash).map_err(|error| match error {
            NotByKey::Malformed => SignatureError::Malformed,
            NotByKey::WrongKey => SignatureError::NotByCertificate,
        })?;
        Ok(certificate)
    }

    fn is_by(&self, key: &PublicKey) -> Result<(), SignatureError> {
        let verified = key.verify(self.signed.message, self.signed.signature, self.terms.hash);
        verified.map(drop).map_err(|error| match error {
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
            Self::NoStatement | Self::NoMessage | Self::OtherIdentity(_) => 2,
            Self::NotByCertificate => 3,
            Self::Statement(_) | Self::OtherSubject | Self::Claim { .. } => 4,
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
