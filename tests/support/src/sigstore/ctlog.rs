//! A Certificate Transparency log (RFC 6962) that signs what it is shown.

use sha2::{Digest as _, Sha256};

use super::Log;
use super::certificate::Extension;
use super::der::octets;
use crate::typed::{How, TypedKey};

/// The extension with the timestamps of a certificate's precertificate.
pub const SCT_LIST: &str = "1.3.6.1.4.1.11129.2.4.2";

/// A signed certificate timestamp, in parts.
#[derive(Clone, Debug)]
pub struct Sct {
    /// 0 is version 1.
    pub version: u8,
    /// The log: the SHA-256 of its SubjectPublicKeyInfo.
    pub log_id: [u8; 32],
    /// Unix milliseconds.
    pub timestamp: u64,
    /// The log's extensions.
    pub extensions: Vec<u8>,
    /// The hash and signature algorithms: 4, 3 is ECDSA with SHA-256.
    pub algorithm: [u8; 2],
    /// The signature.
    pub signature: Vec<u8>,
}

impl Log {
    /// The timestamp of a precertificate: its TBSCertificate without the timestamps, and its issuer's
    /// SubjectPublicKeyInfo.
    #[must_use]
    pub fn timestamp(&self, tbs: &[u8], issuer_spki: &[u8], seconds: i64) -> Sct {
        let timestamp = u64::try_from(seconds).unwrap() * 1000;
        let signed = [
            // v1, certificate_timestamp
            &[0, 0][..],
            &timestamp.to_be_bytes(),
            // precert_entry
            &[0, 1],
            &Sha256::digest(issuer_spki),
            &u32::try_from(tbs.len()).unwrap().to_be_bytes()[1..],
            tbs,
            // no extensions
            &[0, 0],
        ]
        .concat();
        Sct {
            version: 0,
            log_id: self.key_id(),
            timestamp,
            extensions: Vec::new(),
            algorithm: if matches!(self.key, TypedKey::Rsa(_)) { [4, 1] } else { [4, 3] },
            signature: self.key.sign(&signed, How::Sha256),
        }
    }
}

/// The extension of some timestamps.
#[must_use]
pub fn sct_list(scts: &[Sct]) -> Extension {
    let list: Vec<u8> = scts.iter().flat_map(|sct| opaque(&sct.bytes())).collect();
    Extension::new(SCT_LIST, false, octets(&opaque(&list)))
}

impl Sct {
    fn bytes(&self) -> Vec<u8> {
        [
            &[self.version][..],
            &self.log_id,
            &self.timestamp.to_be_bytes(),
            &opaque(&self.extensions),
            &self.algorithm,
            &opaque(&self.signature),
        ]
        .concat()
    }
}

/// `opaque<0..2^16-1>`
fn opaque(content: &[u8]) -> Vec<u8> {
    [&u16::try_from(content.len()).unwrap().to_be_bytes(), content].concat()
}
