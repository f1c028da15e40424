//! The tree of a log (RFC 6962, section 2.1), and signed notes of its root.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::Log;
use super::certificate::usual_hash;
use super::rekor::{Entry, Proof};
use crate::typed::TypedKey;

/// A hash of the tree.
pub type Hash = [u8; 32];

/// The hash of a leaf.
#[must_use]
pub fn leaf_hash(body: &[u8]) -> Hash {
    Sha256::digest([&[0], body].concat()).into()
}

/// The root of some leaves.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            Sha256::digest([&[1], &root(left)[..], &root(right)].concat()).into()
        }
    }
}

/// The hashes beside the way from a leaf to the root, the leaf's sibling first.
#[must_use]
pub fn path(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, beside) = if index < left.len() {
        (path(left, index), root(right))
    } else {
        (path(right, index - left.len()), root(left))
    };
    path.push(beside);
    path
}

/// The largest power of two below a number above one.
fn split(size: usize) -> usize {
    size.next_power_of_two() / 2
}

impl Log {
    /// Proves that the log includes an entry, at that place in a tree of that size.
    ///
    /// # Panics
    /// If the tree has no such place.
    #[must_use]
    pub fn prove(&self, body: &[u8], index: usize, size: usize) -> Proof {
        let mut leaves: Vec<Hash> = (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        leaves[index] = leaf_hash(body);
        let number = |n: usize| u64::try_from(n).unwrap();
        let root = root(&leaves);
        Proof {
            log_index: number(index),
            tree_size: number(size),
            root_hash: root.to_vec(),
            hashes: path(&leaves, index).iter().map(|hash| hash.to_vec()).collect(),
            checkpoint: self.checkpoint(number(size), &root),
        }
    }

    /// A tree's size and root as the log signs them.
    #[must_use]
    pub fn checkpoint(&self, size: u64, root: &[u8]) -> String {
        // Rekor v1 names its tree too.
        let tree = if matches!(self.key, TypedKey::Ed25519(_)) { "" } else { " - 1193050959916656506" };
        self.note(&format!("{}{tree}\n{size}\n{}\n", self.host, STANDARD.encode(root)))
    }

    /// A signed note of that text, which ends with a line's end.
    #[must_use]
    pub fn note(&self, text: &str) -> String {
        let signature = self.key.sign(text.as_bytes(), usual_hash(&self.key));
        let signature = [&self.key_id()[..4], &signature].concat();
        format!("{text}\n\u{2014} {} {}\n", self.host, STANDARD.encode(signature))
    }
}

impl Entry {
    /// The entry with a proof by that log, at some place in a small tree.
    #[must_use]
    pub fn proven(mut self, by: &Log) -> Self {
        self.proof = Some(by.prove(&self.body, PLACE, SIZE));
        self
    }
}

/// Where entries are in the tree, if nobody says: such that the way up turns both ways.
pub const PLACE: usize = 5;
/// How many entries the tree has, if nobody says: no power of two.
pub const SIZE: usize = 11;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_the_root() {
        let leaves: Vec<Hash> = (0..4_u8).map(|n| leaf_hash(&[n])).collect();
        let node =
            |left: Hash, right: Hash| -> Hash { Sha256::digest([&[1], &left[..], &right].concat()).into() };
        let [a, b, c, d] = leaves[..] else { panic!("four") };
        assert_eq!(root(&leaves), node(node(a, b), node(c, d)));
        assert_eq!(root(&leaves[..3]), node(node(a, b), c));
        assert_eq!(path(&leaves, 2), [d, node(a, b)]);
        assert_eq!(path(&leaves[..3], 2), [node(a, b)]);
    }
}
