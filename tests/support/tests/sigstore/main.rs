//! Whether what the in-memory Sigstore makes is what it says: good material is accepted by the library, and each
//! kind of bad is refused for its own reason.

mod bundles;
mod faults;
mod layers;
mod provider;
mod timestamps;

use std::sync::LazyLock;

use sigstore_trust_root::TrustedRoot;
use sigstore_types::{Artifact, Bundle, DerPublicKey};
use sigstore_verify::{PublicKeyVerificationPolicy, VerificationPolicy, VerificationResult, Verifier};
use sigwarden_testkit::sigstore::leaf::Leaf;
use sigwarden_testkit::sigstore::trust_root::TrustRoot;
use sigwarden_testkit::sigstore::{Sigstore, bundle};
use sigwarden_testkit::typed::TypedKey;

/// When all of it happens.
const NOW: i64 = 1_760_000_000;
const PERSON: &str = "alice@example.com";
const ISSUER: &str = "https://accounts.example.com";

fn alice() -> Leaf {
    Leaf::email(PERSON, ISSUER, NOW)
}

fn sigstore() -> Sigstore {
    static ACME: LazyLock<Sigstore> = LazyLock::new(|| Sigstore::new("acme", NOW - 86_400));
    ACME.clone()
}

#[track_caller]
fn refused(verdict: Result<(), String>, because: &str) {
    let said = verdict.err().unwrap_or_default();
    assert!(said.contains(because), "wanted: {because}, got: {said}");
}

/// What the library says of a keyless bundle.
fn judge(bundle: &bundle::Bundle, artifact: &[u8], root: &TrustRoot) -> Result<VerificationResult, String> {
    judge_by(bundle, artifact, root, &VerificationPolicy::new(PERSON, ISSUER))
}

/// The same by another policy.
fn judge_by(
    bundle: &bundle::Bundle,
    artifact: &[u8],
    root: &TrustRoot,
    policy: &VerificationPolicy,
) -> Result<VerificationResult, String> {
    provider::install();
    let root = TrustedRoot::from_json(&root.to_json()).map_err(|error| error.to_string())?;
    let bundle = Bundle::from_json(&bundle.to_json()).map_err(|error| error.to_string())?;
    let verifier = Verifier::new(&root).map_err(|error| error.to_string())?;
    verifier.verify(Artifact::from(artifact), &bundle, policy).map_err(|error| error.to_string())
}

/// What the library says of a bundle by a key.
fn judge_key(
    bundle: &bundle::Bundle,
    artifact: &[u8],
    root: &TrustRoot,
    key: &TypedKey,
) -> Result<VerificationResult, String> {
    provider::install();
    let root = TrustedRoot::from_json(&root.to_json()).map_err(|error| error.to_string())?;
    let bundle = Bundle::from_json(&bundle.to_json()).map_err(|error| error.to_string())?;
    let key = DerPublicKey::from_pem(&key.pem()).map_err(|error| error.to_string())?;
    let verifier = Verifier::new(&root).map_err(|error| error.to_string())?;
    let policy = PublicKeyVerificationPolicy::new(key);
    verifier.verify(Artifact::from(artifact), &bundle, &policy).map_err(|error| error.to_string())
}
