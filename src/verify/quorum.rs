//! Counting signers: whether each entry a set demands can have a signer of its own.

use core::fmt::{self, Display, Formatter};

use crate::limits::MAX_ASSIGNMENT_STEPS;
use crate::requirement::{Attestor, AttestorSet};
use crate::verify::{Fingerprint, Identity};

/// Who made a signature. Two signatures by one signer count once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signer {
    /// The holder of a key, or of a certificate for it.
    Key(Fingerprint),
    /// Whoever was certified to be this identity.
    Identity(Identity),
}

/// The search was given up. What could not be decided is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooManySteps;

/// Finds signers that meet the set, no signer for two entries, or tells that there are none.
///
/// `found` gives, for each signer the set names (in the order of [`AttestorSet::signers`]), the signers
/// whose signatures satisfy it. Entries are assigned by search, not greedily: a signer who fits two
/// entries is given to the one that needs them. With each comes the place in `found` that they are assigned to.
pub(super) fn assign(
    set: &AttestorSet,
    found: &[Vec<Signer>],
) -> Result<Option<Vec<(usize, Signer)>>, TooManySteps> {
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
type Rest<'r> = &'r mut dyn FnMut(&mut Search<'_>, &mut Used) -> bool;

/// Who is assigned, and to which leaf.
type Used = Vec<(usize, Signer)>;

impl Search<'_> {
    fn set(&mut self, set: &Set, used: &mut Used, rest: Rest<'_>) -> bool {
        self.entries(&set.entries, set.required, used, rest)
    }

    /// Meets `required` of the entries, then the rest. On success `used` holds every signer assigned.
    fn entries(&mut self, entries: &[Node], required: usize, used: &mut Used, rest: Rest<'_>) -> bool {
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
                    if used.iter().any(|(_, other)| other == signer) {
                        continue;
                    }
                    used.push((*leaf, signer.clone()));
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
            Self::Identity(identity) => Display::fmt(identity, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requirement::{NonEmpty, RequiredIdentity, SignatureTerms, SignerRequirement};
    use crate::verify::PublicKey;

    /// Who is assigned, each to an entry whose signer they are.
    fn meet(set: &AttestorSet, found: &[Vec<Signer>]) -> Result<Option<Vec<Signer>>, TooManySteps> {
        let assigned = assign(set, found)?;
        for (leaf, signer) in assigned.iter().flatten() {
            assert!(found[*leaf].contains(signer), "{leaf} {signer}");
        }
        Ok(assigned.map(|assigned| assigned.into_iter().map(|(_, signer)| signer).collect()))
    }

    fn keys() -> [PublicKey; 3] {
        [
            include_str!("../../e2e-tests/keys/release.pub"),
            include_str!("../../e2e-tests/keys/security.pub"),
            include_str!("../../e2e-tests/keys/stranger.pub"),
        ]
        .map(|pem| PublicKey::parse_all(pem).unwrap().remove(0))
    }

    fn leaf() -> Attestor {
        let [key, ..] = keys();
        Attestor::Signer(Box::new(SignerRequirement {
            place: String::new(),
            identity: RequiredIdentity::Key(key),
            terms: SignatureTerms::default(),
        }))
    }

    fn set(required: usize, entries: Vec<Attestor>) -> AttestorSet {
        AttestorSet::new(String::new(), NonEmpty::new(entries).unwrap(), Some(required)).unwrap()
    }

    /// Every way in which three entries may be met by any of three signers: who fits is in the bits of a number.
    fn all_found() -> impl Iterator<Item = Vec<Vec<Signer>>> {
        let signers = keys().map(|key| Signer::Key(key.fingerprint()));
        (0..512_usize).map(move |bits| {
            let fits =
                |entry: usize, signer: usize| bits >> entry.saturating_mul(3).saturating_add(signer) & 1 == 1;
            (0..3)
                .map(|entry| (0..3).filter(|s| fits(entry, *s)).map(|s| signers[s].clone()).collect())
                .collect()
        })
    }

    /// Whether some assignment, no signer for two entries, leaves entries met that suffice. Tries all of them.
    fn possible(found: &[Vec<Signer>], suffices: &dyn Fn([bool; 3]) -> bool) -> bool {
        let choices = |entry: usize| found[entry].iter().map(Some).chain([None]);
        choices(0).any(|a| {
            choices(1).any(|b| {
                choices(2).any(|c| {
                    let differ = |x: Option<&Signer>, y: Option<&Signer>| x.is_none() || x != y;
                    let distinct = differ(a, b) && differ(b, c) && differ(a, c);
                    distinct && suffices([a.is_some(), b.is_some(), c.is_some()])
                })
            })
        })
    }

    fn count(met: &[bool]) -> usize {
        met.iter().filter(|met| **met).count()
    }

    #[test]
    fn rule_05_no_signer_counts_for_two_entries_and_none_is_given_away_greedily() {
        for found in all_found() {
            for required in 1..=3 {
                let flat = set(required, vec![leaf(), leaf(), leaf()]);
                let expected = possible(&found, &|met| count(&met) >= required);
                let signers = meet(&flat, &found).unwrap();
                assert_eq!(signers.is_some(), expected, "{required} of {found:?}");
                if let Some(mut signers) = signers {
                    signers.sort();
                    signers.dedup();
                    assert_eq!(signers.len(), required, "{found:?}");
                }
            }
        }
    }

    #[test]
    fn rule_05_the_same_across_a_set_within_the_set() {
        for found in all_found() {
            for (outer, inner) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
                let nested = set(outer, vec![leaf(), Attestor::Set(set(inner, vec![leaf(), leaf()]))]);
                let expected =
                    possible(&found, &|[first, rest @ ..]| count(&[first, count(&rest) >= inner]) >= outer);
                assert_eq!(meet(&nested, &found).unwrap().is_some(), expected, "{outer} {inner} {found:?}");
            }
        }
    }

    #[test]
    fn rule_01_a_search_without_end_is_given_up() {
        let everybody: Vec<Signer> = keys().map(|key| Signer::Key(key.fingerprint())).into();
        let large = set(4, (0..64).map(|_| leaf()).collect());
        assert_eq!(meet(&large, &vec![everybody; 64]), Err(TooManySteps));
    }
}
