//! Rebuilding the signed payload.
//!
//! What cosign signs is a small JSON text ("simple signing"), stored in a layer blob that no host call
//! returns. Its bytes follow from the image's repository, its digest and the annotations, and the layer's
//! digest in the manifest is the payload's SHA-256: a candidate with that digest is what was signed. A
//! wrong guess cannot be mistaken for a right one, so the payload's claims are bound to the image by
//! construction.

use core::cell::OnceCell;
use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::attached::UnverifiedSignature;
use crate::image::{ImageDigest, ResolvedImage};
use crate::limits::MAX_PAYLOAD_CANDIDATES;
use crate::requirement::{SignatureTerms, SignedIdentity};

/// A payload whose SHA-256 is the one the signature's layer claims. This proves what the payload says,
/// not who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    digest: ImageDigest,
    docker_reference: String,
    annotations: BTreeMap<String, String>,
    text: String,
}

/// Everything a payload may say that would satisfy what is asked of it.
#[derive(Debug)]
pub struct Candidates {
    digest: ImageDigest,
    texts: Vec<Candidate>,
}

#[derive(Debug)]
struct Candidate {
    docker_reference: String,
    annotations: BTreeMap<String, String>,
    text: String,
    /// Its SHA-256, computed at most once: whoever can push chooses how many signatures it is compared with.
    sha256: OnceCell<[u8; 32]>,
}

/// Why a payload cannot be rebuilt.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PayloadError {
    /// It has the size of a payload for this image, and other content.
    #[error(
        "its payload is not for this digest and repository ({bytes} bytes): the signature may have been \
         moved here from another image"
    )]
    OtherContent {
        /// The payload's size.
        bytes: u64,
    },
    /// It has another size.
    #[error(
        "its payload cannot be rebuilt ({bytes} bytes, {} expected): it has other annotations, or was signed \
         under another repository name; see knownAnnotations and signedIdentities",
        sizes(expected)
    )]
    OtherSize {
        /// The payload's size.
        bytes: u64,
        /// The sizes of payloads that would do.
        expected: Vec<u64>,
    },
}

/// More ways to combine known annotations than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyCandidates;

impl Candidates {
    /// The payloads that would do for an image: under its own name or one it may have been signed under,
    /// with the annotations asked for and any of those known.
    ///
    /// # Errors
    /// [`TooManyCandidates`] when there are more ways to combine these than the limit.
    pub fn new(
        image: &ResolvedImage,
        identities: &[SignedIdentity],
        terms: &SignatureTerms,
    ) -> Result<Self, TooManyCandidates> {
        let own_name = image.repository().cosign_name();
        let elsewhere = identities.iter().filter_map(|identity| identity.of(image.repository()));
        let references: Vec<String> = core::iter::once(own_name).chain(elsewhere).collect();
        let mut texts = Vec::new();
        for annotations in annotation_sets(terms)? {
            for reference in &references {
                for text in simple_signing(reference, image.digest(), &annotations) {
                    let docker_reference = reference.clone();
                    let (annotations, sha256) = (annotations.clone(), OnceCell::new());
                    texts.push(Candidate { docker_reference, annotations, text, sha256 });
                }
                if texts.len() > MAX_PAYLOAD_CANDIDATES {
                    return Err(TooManyCandidates);
                }
            }
        }
        Ok(Self { digest: image.digest(), texts })
    }
}

impl Payload {
    /// Finds the candidate that was signed, in the form cosign writes since 0.4.
    ///
    /// # Errors
    /// [`PayloadError`] when what was signed is none of them.
    pub fn rebuild(candidates: &Candidates, signature: &UnverifiedSignature) -> Result<Self, PayloadError> {
        let bytes = signature.payload_bytes();
        let size = |candidate: &Candidate| u64::try_from(candidate.text.len()).unwrap_or(u64::MAX);
        let fits: Vec<&Candidate> = candidates.texts.iter().filter(|c| size(c) == bytes).collect();
        for candidate in &fits {
            if candidate.sha256() == signature.payload_sha256() {
                return Ok(Self {
                    digest: candidates.digest,
                    docker_reference: candidate.docker_reference.clone(),
                    annotations: candidate.annotations.clone(),
                    text: candidate.text.clone(),
                });
            }
        }
        if fits.is_empty() {
            let mut expected: Vec<u64> = candidates.texts.iter().map(size).collect();
            expected.sort_unstable();
            expected.dedup();
            return Err(PayloadError::OtherSize { bytes, expected });
        }
        Err(PayloadError::OtherContent { bytes })
    }

    /// The digest of the image it names.
    #[must_use]
    pub fn digest(&self) -> ImageDigest {
        self.digest
    }

    /// The repository it names.
    #[must_use]
    pub fn docker_reference(&self) -> &str {
        &self.docker_reference
    }

    /// The annotations it carries.
    #[must_use]
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl Candidate {
    fn sha256(&self) -> &[u8; 32] {
        self.sha256.get_or_init(|| {
            #[cfg(test)]
            tests::HASHED.set(tests::HASHED.get().saturating_add(1));
            Sha256::digest(&self.text).into()
        })
    }
}

/// Every combination of the annotations required and those known: each known one absent or with one of
/// its values. None at all is the empty combination.
fn annotation_sets(terms: &SignatureTerms) -> Result<Vec<BTreeMap<String, String>>, TooManyCandidates> {
    let mut sets = vec![terms.annotations.clone()];
    for (key, values) in &terms.known_annotations {
        if terms.annotations.contains_key(key) {
            continue;
        }
        let with_values = sets.iter().flat_map(|set| {
            values.iter().map(|value| {
                let mut set = set.clone();
                set.insert(key.clone(), value.clone());
                set
            })
        });
        let more: Vec<_> = with_values.take(MAX_PAYLOAD_CANDIDATES.saturating_add(1)).collect();
        sets.extend(more);
        if sets.len() > MAX_PAYLOAD_CANDIDATES {
            return Err(TooManyCandidates);
        }
    }
    Ok(sets)
}

/// The payload as Go's `json.Marshal` writes sigstore's `SimpleContainerImage`: compact, fields in the
/// order of the struct, annotations sorted by key, no newline (sigstore/sigstore
/// `pkg/signature/payload`). Where Go's encoders disagree, one text for each.
fn simple_signing(
    docker_reference: &str,
    digest: ImageDigest,
    annotations: &BTreeMap<String, String>,
) -> Vec<String> {
    let write = |short_escapes: bool| {
        let optional = if annotations.is_empty() {
            "null".to_owned()
        } else {
            let pairs: Vec<String> = annotations
                .iter()
                .map(|(key, value)| {
                    format!("{}:{}", go_string(key, short_escapes), go_string(value, short_escapes))
                })
                .collect();
            format!("{{{}}}", pairs.join(","))
        };
        format!(
            "{{\"critical\":{{\"identity\":{{\"docker-reference\":{}}},\
             \"image\":{{\"docker-manifest-digest\":\"{digest}\"}},\
             \"type\":\"cosign container image signature\"}},\"optional\":{optional}}}",
            go_string(docker_reference, short_escapes)
        )
    };
    let (short, long) = (write(true), write(false));
    if short == long { vec![short] } else { vec![short, long] }
}

/// A JSON string as Go's `encoding/json` writes it, HTML escapes included. Backspace and form feed have
/// short escapes since Go 1.22.
fn go_string(text: &str, short_escapes: bool) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' if short_escapes => out.push_str("\\b"),
            '\u{c}' if short_escapes => out.push_str("\\f"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

fn sizes(expected: &[u64]) -> String {
    match expected {
        [one] => one.to_string(),
        [first, .., last] => format!("{first} to {last}"),
        [] => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;
    use crate::attached::SignatureManifest;
    use crate::image::ImageReference;

    thread_local! {
        /// How many candidates were hashed.
        pub(super) static HASHED: Cell<usize> = const { Cell::new(0) };
    }

    /// What somebody attaches that has the right size, as often as there may be signatures.
    #[test]
    fn a_candidate_is_hashed_once_however_many_signatures_there_are() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let reference = ImageReference::parse(&format!("r.example.com/app@{digest}")).unwrap();
        let image = ResolvedImage::new(reference.repository().clone(), reference.digest().unwrap());
        let known = |name: &str| (name.to_owned(), ["1", "2", "3"].map(str::to_owned).to_vec());
        let terms = SignatureTerms {
            known_annotations: BTreeMap::from([known("a"), known("b")]),
            ..Default::default()
        };
        let candidates = Candidates::new(&image, &[], &terms).unwrap();
        let [first, .., last] = candidates.texts.as_slice() else { panic!("{candidates:?}") };
        let layer = |candidate: &Candidate, sha256: &[u8; 32]| {
            format!(
                r#"{{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json","digest":"sha256:{}","size":{},
                   "annotations":{{"dev.cosignproject.cosign/signature":"AA=="}}}}"#,
                crate::image::hex(sha256),
                candidate.text.len()
            )
        };
        let wrong: Vec<String> = (0..99).map(|n| layer(last, &[n; 32])).collect();
        let right: [u8; 32] = Sha256::digest(&last.text).into();
        let json = format!(r#"{{"schemaVersion":2,"layers":[{},{}]}}"#, wrong.join(","), layer(last, &right));
        let manifest = SignatureManifest::parse(json.as_bytes()).unwrap();
        HASHED.set(0);
        let rebuilt = manifest
            .signatures()
            .iter()
            .filter_map(|one| Payload::rebuild(&candidates, one).ok())
            .collect::<Vec<_>>();
        assert_eq!(rebuilt.len(), 1);
        assert_eq!(rebuilt.first().map(|payload| &payload.text), Some(&last.text));
        // Three values by three, as long as each other; one without annotations is not of that size.
        assert_eq!(HASHED.get(), 9);
        assert_eq!(first.sha256.get(), None);
    }

    #[test]
    fn strings_are_escaped_as_go_does() {
        assert_eq!(go_string("a/b<c>&\u{2028}é\u{7f}", true), "\"a/b\\u003cc\\u003e\\u0026\\u2028é\u{7f}\"");
        assert_eq!(go_string("\"\\\n\r\t\u{1}\u{1f}", true), "\"\\\"\\\\\\n\\r\\t\\u0001\\u001f\"");
        assert_eq!(go_string("\u{8}\u{c}", true), "\"\\b\\f\"");
        assert_eq!(go_string("\u{8}\u{c}", false), "\"\\u0008\\u000c\"");
    }

    #[test]
    fn known_annotations_are_tried_in_every_combination() {
        let terms = SignatureTerms {
            annotations: BTreeMap::from([("env".into(), "prod".into())]),
            known_annotations: BTreeMap::from([
                ("build".into(), vec!["1".into(), "2".into()]),
                ("env".into(), vec!["dev".into()]),
                ("team".into(), vec!["a".into()]),
            ]),
            ..Default::default()
        };
        let sets = annotation_sets(&terms).unwrap();
        assert_eq!(sets.len(), 6);
        assert!(sets.iter().all(|set| set.get("env").map(String::as_str) == Some("prod")));
        let many = (0..12).map(|n| (n.to_string(), vec!["x".to_owned()])).collect();
        let terms = SignatureTerms { known_annotations: many, ..Default::default() };
        assert_eq!(annotation_sets(&terms), Err(TooManyCandidates));
    }
}
