//! Digests, as registries write them.

use sha2::{Digest as _, Sha256};

/// The digest of some bytes.
pub(crate) fn digest(bytes: &str) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
