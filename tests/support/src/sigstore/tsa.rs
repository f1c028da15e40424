//! A timestamp authority (RFC 3161).

use sha2::{Digest as _, Sha256, Sha384};

use super::certificate::{
    Authority, Certificate, Extension, TIME_STAMPING, authority_key_identifier, extended_key_usage, name,
    serial, signature_algorithm, subject_key_identifier, usual_hash,
};
use super::der::{self, context, generalized_time, integer, octets, oid, sequence, set};
use crate::typed::{How, TypedKey};

const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";
const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
const SIGNING_TIME: &str = "1.2.840.113549.1.9.5";
const SIGNING_CERTIFICATE_V2: &str = "1.2.840.113549.1.9.16.2.47";
const SHA_256: &str = "2.16.840.1.101.3.4.2.1";
const SHA_384: &str = "2.16.840.1.101.3.4.2.2";

/// A timestamp authority.
#[derive(Clone, Debug)]
pub struct Tsa {
    /// What vouches for the signer.
    pub root: Authority,
    /// What signs the timestamps.
    pub signer: Authority,
}

/// A timestamp before it is signed.
#[derive(Clone, Debug)]
pub struct Timestamp {
    /// The SHA-256 of what is timestamped.
    pub imprint: Vec<u8>,
    /// When, in unix seconds.
    pub time: i64,
    /// The timestamp's number.
    pub serial: Vec<u8>,
    /// Whether the token carries the signer's certificate.
    pub with_certificate: bool,
}

impl Tsa {
    /// The authority of a name, with a P-384 root and that key as signer.
    #[must_use]
    pub fn new(name: &str, key: TypedKey, validity: (i64, i64)) -> Self {
        let root = Authority::root(
            &format!("{name} tsa root"),
            TypedKey::p384(&format!("{name} tsa root")),
            validity,
        );
        let certificate = signer(&format!("{name} tsa"), &key, &root, validity);
        Self { signer: Authority { der: certificate.signed(&root.key), certificate, key }, root }
    }

    /// The same after a change of the signer's certificate.
    #[must_use]
    pub fn with_signer(mut self, change: impl FnOnce(&mut Certificate)) -> Self {
        change(&mut self.signer.certificate);
        self.signer.der = self.signer.certificate.signed(&self.root.key);
        self
    }

    /// The certificates, the root last (PEM).
    #[must_use]
    pub fn chain_pem(&self) -> String {
        self.signer.pem() + &self.root.pem()
    }

    /// The response (DER) that timestamps some bytes.
    #[must_use]
    pub fn stamp(&self, bytes: &[u8], time: i64) -> Vec<u8> {
        self.response(&Timestamp::of(bytes, time))
    }

    /// `TimeStampResp { granted, token }`
    #[must_use]
    pub fn response(&self, timestamp: &Timestamp) -> Vec<u8> {
        sequence(&[&sequence(&[&integer(&[0])]), &self.token(timestamp)])
    }

    /// `ContentInfo { signedData, SignedData }`
    #[must_use]
    pub fn token(&self, timestamp: &Timestamp) -> Vec<u8> {
        let info = timestamp.info(&self.signer.certificate.subject);
        let how = usual_hash(&self.signer.key);
        let (hash, digest) = if how == How::Sha384 {
            (SHA_384, Sha384::digest(&info).to_vec())
        } else {
            (SHA_256, Sha256::digest(&info).to_vec())
        };
        let attributes = self.attributes(timestamp, &digest);
        let signer = sequence(&[
            &integer(&[1]),
            &sequence(&[&self.signer.certificate.issuer, &integer(&self.signer.certificate.serial)]),
            &sequence(&[&oid(hash)]),
            &context(0, &attributes),
            &signature_algorithm(&self.signer.key),
            // The signature is over a SET OF, the token has an [0] in its place.
            &octets(&self.signer.key.sign(&set(&[&attributes]), how)),
        ]);
        let certificates: &[u8] = if timestamp.with_certificate { &self.signer.der } else { &[] };
        let signed = sequence(&[
            &integer(&[3]),
            &set(&[&sequence(&[&oid(hash)])]),
            &sequence(&[&oid(TST_INFO), &context(0, &octets(&info))]),
            &context(0, certificates),
            &set(&[&signer]),
        ]);
        sequence(&[&oid(SIGNED_DATA), &context(0, &signed)])
    }

    /// The signed attributes, in the order of DER.
    fn attributes(&self, timestamp: &Timestamp, digest: &[u8]) -> Vec<u8> {
        let attribute = |kind: &str, value: &[u8]| sequence(&[&oid(kind), &set(&[value])]);
        // ESSCertIDv2 { SHA-256 by default, hash, issuer and serial number }
        let issuer = sequence(&[&context(4, &self.signer.certificate.issuer)]);
        let certificate = sequence(&[
            &octets(&Sha256::digest(&self.signer.der)),
            &sequence(&[&issuer, &integer(&self.signer.certificate.serial)]),
        ]);
        let mut attributes = [
            attribute(CONTENT_TYPE, &oid(TST_INFO)),
            attribute(SIGNING_TIME, &der::time(timestamp.time)),
            attribute(MESSAGE_DIGEST, &octets(digest)),
            attribute(SIGNING_CERTIFICATE_V2, &sequence(&[&sequence(&[&certificate])])),
        ];
        attributes.sort();
        attributes.concat()
    }
}

impl Timestamp {
    /// A timestamp of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8], time: i64) -> Self {
        let imprint = Sha256::digest(bytes).to_vec();
        Self { imprint, time, serial: serial("timestamp"), with_certificate: false }
    }

    /// `TSTInfo`
    fn info(&self, authority: &[u8]) -> Vec<u8> {
        sequence(&[
            &integer(&[1]),
            // Sigstore's policy
            &oid("1.3.6.1.4.1.57264.2"),
            &sequence(&[&sequence(&[&oid(SHA_256), &der::NULL]), &octets(&self.imprint)]),
            &integer(&self.serial),
            &generalized_time(self.time),
            // accuracy: one second
            &sequence(&[&integer(&[1])]),
            &context(0, &context(4, authority)),
        ])
    }
}

fn signer(common_name: &str, key: &TypedKey, root: &Authority, validity: (i64, i64)) -> Certificate {
    let spki = key.spki();
    Certificate {
        serial: serial(common_name),
        issuer: root.certificate.subject.clone(),
        not_before: validity.0,
        not_after: validity.1,
        subject: name(common_name, common_name),
        extensions: vec![
            // digitalSignature
            Extension::new("2.5.29.15", true, vec![3, 2, 7, 0x80]),
            extended_key_usage(&[TIME_STAMPING], true),
            subject_key_identifier(&spki),
            authority_key_identifier(&root.certificate.spki),
        ],
        spki,
    }
}
