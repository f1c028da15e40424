//! The certificates that Fulcio gives to signers, good and bad.

use super::certificate::{
    Authority, CODE_SIGNING, Certificate, Extension, authority_key_identifier, extended_key_usage, serial,
    subject_key_identifier,
};
use super::ctlog::sct_list;
use super::der::{self, context, implicit, oid, sequence, utf8};
use super::{Log, Sigstore};
use crate::forge::pem;
use crate::typed::TypedKey;

/// The arc of Fulcio's extensions.
pub const FULCIO: &str = "1.3.6.1.4.1.57264.1";

/// GitHub's OIDC issuer.
pub const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// A name of a signer.
#[derive(Clone, Debug)]
pub enum San {
    /// An email address.
    Email(String),
    /// A URI.
    Uri(String),
    /// A host name, which Fulcio gives to nobody.
    Dns(String),
    /// Fulcio's OtherName for user names.
    OtherName(String),
}

/// The timestamps in a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scts {
    /// One by the log.
    Good,
    /// No extension.
    Missing,
    /// An extension with an empty list.
    Empty,
    /// One by a log that is not in the trust root.
    OfAnotherLog,
    /// One for a certificate with another serial number.
    ForAnotherCertificate,
    /// One for a precertificate of another issuer.
    ForAnotherIssuer,
    /// One with a bit of the signature changed.
    BadSignature,
    /// Two by the log.
    Two,
    /// One by the log and one by a log that is not in the trust root.
    GoodAndOfAnotherLog,
    /// One by the log with a time in unix seconds.
    At(i64),
}

/// What a signer's certificate shall be.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The signer's key.
    pub key: TypedKey,
    /// The SubjectPublicKeyInfo (DER) of a signer who keeps the private key; it takes the place of the key's.
    pub spki: Option<Vec<u8>>,
    /// The names.
    pub sans: Vec<San>,
    /// The OIDC issuer (`.8`).
    pub issuer: Option<String>,
    /// The OIDC issuer as raw bytes (`.1`).
    pub issuer_v1: Option<String>,
    /// Further extensions of Fulcio by their last number: `.1` to `.7` are raw bytes, all others UTF8Strings.
    pub claims: Vec<(u8, String)>,
    /// What comes after all that, such as an extension that nobody knows.
    pub extensions: Vec<Extension>,
    /// Valid from, in unix seconds.
    pub not_before: i64,
    /// Valid until and with, in unix seconds.
    pub not_after: i64,
    /// The usages; none leaves the extension out.
    pub usages: Vec<&'static str>,
    /// The timestamps.
    pub scts: Scts,
    /// Whether the root signs it itself, where there is an intermediate.
    pub by_root: bool,
    /// Makes the serial number.
    pub serial: String,
}

impl Leaf {
    /// A P-256 key's certificate for an email address, valid for ten minutes.
    #[must_use]
    pub fn email(address: &str, issuer: &str, not_before: i64) -> Self {
        Self::new(San::Email(address.to_owned()), issuer, not_before)
    }

    /// A P-256 key's certificate for a URI, valid for ten minutes.
    #[must_use]
    pub fn uri(uri: &str, issuer: &str, not_before: i64) -> Self {
        Self::new(San::Uri(uri.to_owned()), issuer, not_before)
    }

    /// What GitHub Actions gets for a workflow of a repository (`acme/app`), pushed at a ref (`refs/tags/v1`): a
    /// certificate with all of its extensions. The commit is `c0` forty digits long.
    #[must_use]
    pub fn github(repository: &str, workflow: &str, reference: &str, not_before: i64) -> Self {
        let source = format!("https://github.com/{repository}");
        let path = format!("{source}/.github/workflows/{workflow}@{reference}");
        let commit = "c0".repeat(20);
        let owner = source.rsplit_once('/').unwrap().0;
        let run = format!("{source}/actions/runs/1/attempts/1");
        [
            (2, "push"),
            (3, &commit),
            (4, "Release"),
            (5, repository),
            (6, reference),
            (9, &path),
            (10, &commit),
            (11, "github-hosted"),
            (12, &source),
            (13, &commit),
            (14, reference),
            (15, "1234"),
            (16, owner),
            (17, "5678"),
            (18, &path),
            (19, &commit),
            (20, "push"),
            (21, &run),
            (22, "public"),
            (24, &format!("repo:{repository}:ref:{reference}")),
        ]
        .into_iter()
        .fold(Self::uri(&path, GITHUB, not_before), |leaf, (number, value)| leaf.claim(number, value))
    }

    /// A P-256 key's certificate for that name, valid for ten minutes.
    #[must_use]
    pub fn new(san: San, issuer: &str, not_before: i64) -> Self {
        let label = format!("{san:?} by {issuer} at {not_before}");
        Self {
            key: TypedKey::p256(&label),
            spki: None,
            sans: vec![san],
            issuer: Some(issuer.to_owned()),
            issuer_v1: Some(issuer.to_owned()),
            claims: Vec::new(),
            extensions: Vec::new(),
            not_before,
            not_after: not_before + 600,
            usages: vec![CODE_SIGNING],
            scts: Scts::Good,
            by_root: false,
            serial: label,
        }
    }

    /// The same with a further extension of Fulcio.
    #[must_use]
    pub fn claim(mut self, number: u8, value: &str) -> Self {
        self.claims.push((number, value.to_owned()));
        self
    }
}

/// A signer: a key with its certificate.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The private key.
    pub key: TypedKey,
    /// The certificate (DER).
    pub der: Vec<u8>,
    /// The certificates above it, the root last (DER).
    pub chain: Vec<Vec<u8>>,
}

impl Identity {
    /// The certificate, as the annotation has it.
    #[must_use]
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }

    /// The certificates above it, as the annotation has them.
    #[must_use]
    pub fn chain_pem(&self) -> String {
        self.chain.iter().map(|der| pem("CERTIFICATE", der)).collect()
    }
}

impl Sigstore {
    /// Gives a signer a certificate.
    #[must_use]
    pub fn certify(&self, leaf: &Leaf) -> Identity {
        let issuer = if leaf.by_root { &self.fulcio.root } else { self.fulcio.issuer() };
        let mut certificate = leaf.certificate(issuer);
        let at = |log: &Log, certificate: &Certificate, seconds: i64| {
            log.timestamp(&certificate.tbs(&issuer.key), &issuer.certificate.spki, seconds)
        };
        let start = leaf.not_before;
        let other =
            Log { key: TypedKey::p256(&format!("{} unknown ctlog", self.name)), ..self.ctlog.clone() };
        let scts = match leaf.scts {
            Scts::Missing => None,
            Scts::Empty => Some(Vec::new()),
            Scts::Good => Some(vec![at(&self.ctlog, &certificate, start)]),
            Scts::At(seconds) => Some(vec![at(&self.ctlog, &certificate, seconds)]),
            Scts::OfAnotherLog => Some(vec![at(&other, &certificate, start)]),
            Scts::ForAnotherCertificate => {
                let another = Certificate { serial: serial("another"), ..certificate.clone() };
                Some(vec![at(&self.ctlog, &another, start)])
            }
            Scts::ForAnotherIssuer => {
                let tbs = certificate.tbs(&issuer.key);
                Some(vec![self.ctlog.timestamp(&tbs, &certificate.spki, start)])
            }
            Scts::BadSignature => {
                let mut sct = at(&self.ctlog, &certificate, start);
                let last = sct.signature.len() - 1;
                sct.signature[last] ^= 1;
                Some(vec![sct])
            }
            Scts::Two => {
                Some(vec![at(&self.ctlog, &certificate, start), at(&self.ctlog, &certificate, start + 1)])
            }
            Scts::GoodAndOfAnotherLog => {
                Some(vec![at(&self.ctlog, &certificate, start), at(&other, &certificate, start)])
            }
        };
        certificate.extensions.extend(scts.map(|scts| sct_list(&scts)));
        let der = certificate.signed(&issuer.key);
        let mut chain: Vec<Vec<u8>> = Vec::new();
        if !leaf.by_root {
            chain.extend(self.fulcio.intermediate.iter().map(|intermediate| intermediate.der.clone()));
        }
        chain.push(self.fulcio.root.der.clone());
        Identity { key: leaf.key.clone(), der, chain }
    }
}

impl Leaf {
    /// The certificate without its timestamps.
    pub(super) fn certificate(&self, issuer: &Authority) -> Certificate {
        let spki = self.spki.clone().unwrap_or_else(|| self.key.spki());
        // digitalSignature
        let mut extensions = vec![Extension::new("2.5.29.15", true, vec![3, 2, 7, 0x80])];
        if !self.usages.is_empty() {
            extensions.push(extended_key_usage(&self.usages, false));
        }
        extensions.push(subject_key_identifier(&spki));
        extensions.push(authority_key_identifier(&issuer.certificate.spki));
        if !self.sans.is_empty() {
            let names: Vec<u8> = self.sans.iter().flat_map(San::der).collect();
            extensions.push(Extension::new("2.5.29.17", true, sequence(&[&names])));
        }
        extensions.extend(self.issuer_v1.iter().map(|issuer| claim(1, issuer)));
        extensions.extend(self.issuer.iter().map(|issuer| claim(8, issuer)));
        extensions.extend(self.claims.iter().map(|(number, value)| claim(*number, value)));
        extensions.extend(self.extensions.iter().cloned());
        Certificate {
            serial: serial(&self.serial),
            issuer: issuer.certificate.subject.clone(),
            not_before: self.not_before,
            not_after: self.not_after,
            subject: sequence(&[]),
            spki,
            extensions,
        }
    }
}

/// An extension of Fulcio.
fn claim(number: u8, value: &str) -> Extension {
    // `.7` is an OtherName's identifier; no extension has it.
    let value = if number < 8 { value.as_bytes().to_vec() } else { utf8(value) };
    Extension::new(&format!("{FULCIO}.{number}"), false, value)
}

impl San {
    fn der(&self) -> Vec<u8> {
        match self {
            Self::Email(text) => implicit(1, text.as_bytes()),
            Self::Dns(text) => implicit(2, text.as_bytes()),
            Self::Uri(text) => implicit(6, text.as_bytes()),
            Self::OtherName(text) => {
                context(0, &[oid(&format!("{FULCIO}.7")), context(0, &der::utf8(text))].concat())
            }
        }
    }
}
