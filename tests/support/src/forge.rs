//! Makes keys, payloads, signatures and signature manifests, good and bad. Written from cosign's
//! specification and independent of the code under test.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The media type of a layer that is a signature.
pub const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The annotation that holds the signature.
pub const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// SEQUENCE { id-ecPublicKey, prime256v1 }
const ALGORITHM: [u8; 21] = [
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07,
];

/// A P-256 key pair.
#[derive(Clone, Debug)]
pub struct Key(SigningKey);

impl Key {
    /// The key pair of a label.
    #[must_use]
    pub fn new(label: &str) -> Self {
        let scalar = Sha256::digest(format!("sigwarden test key {label}"));
        Self(SigningKey::from_slice(&scalar).unwrap())
    }

    /// The private key.
    #[must_use]
    pub fn signing_key(&self) -> &SigningKey {
        &self.0
    }

    /// The public key, as `cosign.pub` has it.
    #[must_use]
    pub fn pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki(false))
    }

    /// The same public key with its point compressed, as other tools write it.
    #[must_use]
    pub fn compressed_pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki(true))
    }

    /// The private key (PKCS #8), as nobody should write it into settings.
    #[must_use]
    pub fn private_pem(&self) -> String {
        let mut der = vec![0x30, 0x41, 0x02, 0x01, 0x00];
        der.extend_from_slice(&ALGORITHM);
        der.extend_from_slice(&[0x04, 0x27, 0x30, 0x25, 0x02, 0x01, 0x01, 0x04, 0x20]);
        der.extend_from_slice(&self.0.to_bytes());
        pem("PRIVATE KEY", &der)
    }

    /// What messages call the key: `sha256:` and 12 digits of the SubjectPublicKeyInfo's SHA-256.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex_digest(&self.spki(false)).chars().take(7 + 12).collect()
    }

    /// Signs some bytes: DER.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.0.sign_prehash(&Sha256::digest(message)).unwrap();
        signature.to_der().as_bytes().to_vec()
    }

    /// SEQUENCE { algorithm, BIT STRING { point } }
    fn spki(&self, compressed: bool) -> Vec<u8> {
        let (outer, inner) = if compressed { (0x39, 0x22) } else { (0x59, 0x42) };
        let mut der = vec![0x30, outer];
        der.extend_from_slice(&ALGORITHM);
        der.extend_from_slice(&[0x03, inner, 0x00]);
        der.extend_from_slice(&self.0.verifying_key().to_sec1_point(compressed).to_bytes());
        der
    }
}

/// A PEM block.
#[must_use]
pub fn pem(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).map(|line| core::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// `sha256:` and the SHA-256 of some bytes.
#[must_use]
pub fn hex_digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// What cosign signs for an image: the repository's name as go-containerregistry spells it.
#[must_use]
pub fn payload(docker_reference: &str, digest: &str) -> String {
    format!(
        r#"{{"critical":{{"identity":{{"docker-reference":"{docker_reference}"}},"image":{{"docker-manifest-digest":"{digest}"}},"type":"cosign container image signature"}},"optional":null}}"#
    )
}

/// A layer for a payload with a signature over it.
#[must_use]
pub fn layer(payload: &str, signature: &[u8]) -> Value {
    json!({
        "mediaType": SIMPLE_SIGNING,
        "digest": hex_digest(payload.as_bytes()),
        "size": payload.len(),
        "annotations": { SIGNATURE: STANDARD.encode(signature) },
    })
}

/// The layer of a good signature.
#[must_use]
pub fn signed(key: &Key, docker_reference: &str, digest: &str) -> Value {
    let payload = payload(docker_reference, digest);
    layer(&payload, &key.sign(payload.as_bytes()))
}

/// A signature manifest of some layers.
#[must_use]
pub fn manifest(layers: &[Value]) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": hex_digest(b"config"),
            "size": 233,
        },
        "layers": layers,
    })
}
