//! Proofs that a transparency log includes an entry: the way through its Merkle tree (RFC 9162 section 2.1.3), and
//! the tree's root as the log signed it (C2SP tlog-checkpoint).

use jiff::Timestamp;
use sigstore_merkle::{hash_leaf, verify_inclusion_proof};
use sigstore_verify::types::TransparencyLogEntry;

use super::error::EvidenceError;
use super::record::Kind;
use super::trust::Built;
use crate::limits::{MAX_CHECKPOINT_SIGNATURES, MAX_PROOF_HASHES};

/// Verifies that the entry is in a tree that a log of the trust root signed; `None` where it has no proof.
pub(super) fn verify(
    entry: &TransparencyLogEntry,
    kind: Kind,
    trust: &Built,
    now: Timestamp,
) -> Option<Result<(), EvidenceError>> {
    let proof = entry.inclusion_proof.as_ref()?;
    Some((|| {
        let checkpoint = proof.checkpoint.checkpoint().ok_or(EvidenceError::Checkpoint)?;
        // Each costs a verification, and whoever made the bundle wrote them.
        if checkpoint.signatures().len() > MAX_CHECKPOINT_SIGNATURES {
            return Err(EvidenceError::Checkpoint);
        }
        if proof.hashes.len() > MAX_PROOF_HASHES {
            return Err(EvidenceError::InclusionProof);
        }
        // Rekor v2 says place and size in one place each: in the entry and in the checkpoint.
        let (index, size) = match kind {
            Kind::HashedRekordV2 => (entry.log_index.get(), checkpoint.tree_size()),
            Kind::HashedRekord | Kind::Dsse | Kind::Intoto => {
                if proof.root_hash != *checkpoint.root_hash() {
                    return Err(EvidenceError::Checkpoint);
                }
                (proof.log_index.get(), proof.tree_size)
            }
        };
        let leaf = hash_leaf(entry.canonicalized_body.as_bytes());
        verify_inclusion_proof(&leaf, index, size, &proof.hashes, checkpoint.root_hash())
            .map_err(|_| EvidenceError::InclusionProof)?;
        // Witnesses may have signed as well; their signatures say nothing here.
        let signed = checkpoint.signatures().iter().any(|signature| {
            let mut keys = trust.logs.keys_by_hint(&signature.key_id, now);
            keys.any(|key| key.verify(checkpoint.signed_data(), &signature.signature).is_ok())
        });
        if signed { Ok(()) } else { Err(EvidenceError::Checkpoint) }
    })())
}
