//! Counting signers: whether each entry a set demands can have a signer of its own.

use core::fmt::{self, Display, Formatter};

use crate::limits::MAX_ASSIGNMENT_STEPS;
use crate::requirement::{Attestor, AttestorSet};
use crate::verify::Fingerprint;

/// Who made a signature. Two signatures by one signer count once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signer {
    /// The holder of a key.
    Key(Fingerprint),
}

/// The search was given up. What could not be decided is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooManySteps;

/// Finds signers that meet the set, no signer for two entries, or tells that there are none.
///
/// `found` gives, for each signer the set names (in the order of [`AttestorSet::signers`]), the signers
/// whose signatures satisfy it. Entries are assigned by search, not greedily: a signer who fits two
/// entries is given to the one that needs them.
pub(super) fn meet(set: &AttestorSet, found: &[Vec<Signer>]) -> Result<Option<Vec<Signer>>, TooManySteps> {
    let mut next_leaf = 0;
    let tree = number_leaves(set, &mut next_leaf);
    let mut search = Search { found, steps: 0 };
    let mut used = Vec::new();
    let met = search.set(&tree, &mut used, &mut |_, _| true);
    if search.steps >= MAX_ASSIGNMENT_STEPS {
        return Err(TooManySteps);
    }
    Ok(met.then_some(used))
}

enum Node {
    Leaf(usize),
    Set(Set),
}

struct Set {
    required: usize,
    entries: Vec<Node>,
}

fn number_leaves(set: &AttestorSet, next_leaf: &mut usize) -> Set {
    let number = |entry: &Attestor| match entry {
        Attestor::Signer(_) => {
            let leaf = *next_leaf;
            *next_leaf = next_leaf.saturating_add(1);
            Node::Leaf(leaf)
        }
        Attestor::Set(set) => Node::Set(number_leaves(set, next_leaf)),
    };
    Set { required: set.required(), entries: set.entries().iter().map(number).collect() }
}

struct Search<'f> {
    found: &'f [Vec<Signer>],
    steps: usize,
}

/// What is still to be met once a part is.
type Rest<'r> = &'r mut dyn FnMut(&mut Search<'_>, &mut Vec<Signer>) -> bool;

impl Search<'_> {
    fn set(&mut self, set: &Set, used: &mut Vec<Signer>, rest: Rest<'_>) -> bool {
        self.entries(&set.entries, set.required, used, rest)
    }

    /// Meets `required` of the entries, then the rest. On success `used` holds every signer assigned.
    fn entries(&mut self, entries: &[Node], required: usize, used: &mut Vec<Signer>, rest: Rest<'_>) -> bool {
        self.steps = self.steps.saturating_add(1);
        if self.steps >= MAX_ASSIGNMENT_STEPS {
            return false;
        }
        if required == 0 {
            return rest(self, used);
        }
        let Some((first, others)) = entries.split_first() else { return false };
        if entries.len() < required {
            return false;
        }
        let fewer = required.saturating_sub(1);
        match first {
            Node::Leaf(leaf) => {
                for signer in self.found.get(*leaf).into_iter().flatten() {
                    if used.contains(signer) {
                        continue;
                    }
                    used.push(signer.clone());
                    if self.entries(others, fewer, used, rest) {
                        return true;
                    }
                    used.pop();
                }
            }
            Node::Set(set) => {
                let met = self.set(set, used, &mut |search, used| search.entries(others, fewer, used, rest));
                if met {
                    return true;
                }
            }
        }
        self.entries(others, required, used, rest)
    }
}

impl Display for Signer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(fingerprint) => write!(f, "key {fingerprint}"),
        }
    }
}
