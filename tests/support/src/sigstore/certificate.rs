//! A certificate as plain parts, put together when it is signed.

use sha2::{Digest as _, Sha256};

use super::der::{self, bits, context, integer, octets, oid, sequence, utf8};
use crate::forge::pem;
use crate::typed::{How, TypedKey};

/// The usages a certificate can be extended to.
pub const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
/// See [`CODE_SIGNING`].
pub const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
/// See [`CODE_SIGNING`].
pub const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";

/// What a certificate says. Every field may be changed before it is signed.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The serial number, big-endian.
    pub serial: Vec<u8>,
    /// The issuer's Name (DER).
    pub issuer: Vec<u8>,
    /// Valid from, in unix seconds.
    pub not_before: i64,
    /// Valid until and with, in unix seconds.
    pub not_after: i64,
    /// The subject's Name (DER).
    pub subject: Vec<u8>,
    /// The SubjectPublicKeyInfo (DER).
    pub spki: Vec<u8>,
    /// The extensions, in their order.
    pub extensions: Vec<Extension>,
}

/// An extension of a certificate.
#[derive(Clone, Debug)]
pub struct Extension {
    /// Its identifier, dotted.
    pub oid: String,
    /// Whether who does not know it must refuse.
    pub critical: bool,
    /// Its value, without the OCTET STRING around it.
    pub value: Vec<u8>,
}

impl Extension {
    /// An extension.
    #[must_use]
    pub fn new(oid: &str, critical: bool, value: Vec<u8>) -> Self {
        Self { oid: oid.to_owned(), critical, value }
    }

    fn der(&self) -> Vec<u8> {
        let critical: &[u8] = if self.critical { &der::TRUE } else { &[] };
        sequence(&[&oid(&self.oid), critical, &octets(&self.value)])
    }
}

impl Certificate {
    /// TBSCertificate, to be signed by that key.
    #[must_use]
    pub fn tbs(&self, by: &TypedKey) -> Vec<u8> {
        let extensions: Vec<u8> = self.extensions.iter().flat_map(Extension::der).collect();
        sequence(&[
            &context(0, &integer(&[2])),
            &integer(&self.serial),
            &signature_algorithm(by),
            &self.issuer,
            &sequence(&[&der::time(self.not_before), &der::time(self.not_after)]),
            &self.subject,
            &self.spki,
            &context(3, &sequence(&[&extensions])),
        ])
    }

    /// The certificate (DER), signed by that key.
    #[must_use]
    pub fn signed(&self, by: &TypedKey) -> Vec<u8> {
        let tbs = self.tbs(by);
        let signature = by.sign(&tbs, usual_hash(by));
        sequence(&[&tbs, &signature_algorithm(by), &bits(&signature)])
    }
}

/// An authority: a key and the certificate that names it.
#[derive(Clone, Debug)]
pub struct Authority {
    /// The private key.
    pub key: TypedKey,
    /// What the certificate says.
    pub certificate: Certificate,
    /// The certificate (DER).
    pub der: Vec<u8>,
}

impl Authority {
    /// An authority with a P-384 key that vouches for itself.
    #[must_use]
    pub fn root(name: &str, key: TypedKey, validity: (i64, i64)) -> Self {
        let mut certificate = Self::certificate(name, &key, validity, 1);
        certificate.issuer.clone_from(&certificate.subject);
        let der = certificate.signed(&key);
        Self { key, certificate, der }
    }

    /// An authority below this one, whose leaves are for one usage.
    #[must_use]
    pub fn intermediate(&self, name: &str, key: TypedKey, validity: (i64, i64), usage: &str) -> Self {
        let mut certificate = Self::certificate(name, &key, validity, 0);
        certificate.issuer.clone_from(&self.certificate.subject);
        certificate.extensions.insert(1, extended_key_usage(&[usage], false));
        certificate.extensions.push(authority_key_identifier(&self.certificate.spki));
        let der = certificate.signed(&self.key);
        Self { key, certificate, der }
    }

    /// The certificate.
    #[must_use]
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }

    fn certificate(name: &str, key: &TypedKey, validity: (i64, i64), below: u8) -> Certificate {
        let subject = self::name(name, name);
        Certificate {
            serial: serial(name),
            issuer: Vec::new(),
            not_before: validity.0,
            not_after: validity.1,
            subject,
            spki: key.spki(),
            extensions: vec![
                // keyCertSign, cRLSign
                Extension::new("2.5.29.15", true, vec![3, 2, 1, 0x06]),
                Extension::new("2.5.29.19", true, sequence(&[&der::TRUE, &integer(&[below])])),
                subject_key_identifier(&key.spki()),
            ],
        }
    }
}

/// A Name of an organization and a common name.
#[must_use]
pub fn name(organization: &str, common_name: &str) -> Vec<u8> {
    let part = |kind: &str, text: &str| der::set(&[&sequence(&[&oid(kind), &utf8(text)])]);
    sequence(&[&part("2.5.4.10", organization), &part("2.5.4.3", common_name)])
}

/// A serial number of 16 bytes that follows from a label.
#[must_use]
pub fn serial(label: &str) -> Vec<u8> {
    let mut serial = Sha256::digest(label)[..16].to_vec();
    serial[0] = serial[0] & 0x7f | 0x40;
    serial
}

/// extKeyUsage
#[must_use]
pub fn extended_key_usage(usages: &[&str], critical: bool) -> Extension {
    let usages: Vec<u8> = usages.iter().flat_map(|usage| oid(usage)).collect();
    Extension::new("2.5.29.37", critical, sequence(&[&usages]))
}

/// subjectKeyIdentifier of a SubjectPublicKeyInfo.
#[must_use]
pub fn subject_key_identifier(spki: &[u8]) -> Extension {
    Extension::new("2.5.29.14", false, octets(&key_identifier(spki)))
}

/// authorityKeyIdentifier of the issuer's SubjectPublicKeyInfo.
#[must_use]
pub fn authority_key_identifier(spki: &[u8]) -> Extension {
    Extension::new("2.5.29.35", false, sequence(&[&der::implicit(0, &key_identifier(spki))]))
}

/// As RFC 7093 has it: 160 bits of a SHA-256.
fn key_identifier(spki: &[u8]) -> Vec<u8> {
    Sha256::digest(spki)[..20].to_vec()
}

/// The AlgorithmIdentifier of the signatures that a key makes with its [`usual_hash`].
#[must_use]
pub fn signature_algorithm(key: &TypedKey) -> Vec<u8> {
    match key {
        TypedKey::P256(_) => sequence(&[&oid("1.2.840.10045.4.3.2")]),
        TypedKey::P384(_) => sequence(&[&oid("1.2.840.10045.4.3.3")]),
        TypedKey::P521(_) => sequence(&[&oid("1.2.840.10045.4.3.4")]),
        TypedKey::Rsa(_) => sequence(&[&oid("1.2.840.113549.1.1.11"), &der::NULL]),
        TypedKey::Ed25519(_) => sequence(&[&oid("1.3.101.112")]),
    }
}

/// How a key signs certificates: the hash as long as the curve.
#[must_use]
pub const fn usual_hash(key: &TypedKey) -> How {
    match key {
        TypedKey::P256(_) | TypedKey::Rsa(_) => How::Sha256,
        TypedKey::P384(_) => How::Sha384,
        TypedKey::P521(_) => How::Sha512,
        TypedKey::Ed25519(_) => How::Pure,
    }
}
