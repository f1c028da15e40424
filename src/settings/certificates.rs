//! `certificates`: signers of a public-key infrastructure of one's own.

use super::error::SettingsError;
use super::fields::CERTIFICATES;
use super::reader::Node;
use super::trust::{self, Signers, Trust};
use crate::requirement::{RequiredIdentity, SignatureTerms, SignerRequirement};
use crate::verify::OwnCertificates;

/// Parses the `certificates` of an attestor entry.
pub(super) fn signer(
    node: Node<'_>,
    place: String,
    mut terms: SignatureTerms,
    trust: &Trust,
) -> Result<SignerRequirement, SettingsError> {
    let certificates = node.mapping(&CERTIFICATES)?;
    certificates.at_least_one(["cert", "certChain"])?;
    let leaf = certificates.get("cert").map(|node| trust::pem(&node)).transpose()?;
    let chain = certificates.get("certChain").map(|node| trust::pem(&node)).transpose()?;
    terms.evidence = trust::evidence(&certificates, Signers::Certificates, trust)?;
    let own = OwnCertificates::new(leaf, chain.unwrap_or_default())
        .map_err(|error| certificates.error(error.into()))?;
    Ok(SignerRequirement { place, identity: RequiredIdentity::Certificate(own), terms })
}
