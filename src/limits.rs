//! Every cap, with its reason. All are checked before the work they bound.

use core::ops::RangeInclusive;
use core::time::Duration;

/// Bytes of one evaluation payload (request and settings). The API server takes objects up to 3 MiB
/// (etcd's request limit is 1.5 MiB); an UPDATE carries two of them.
pub const MAX_REQUEST_BYTES: usize = 8 * 1024 * 1024;

/// Objects and lists in one evaluation payload, which take a hundred times their bytes once parsed. The largest objects
/// that etcd keeps have some ten thousand, most of them in `managedFields`.
pub const MAX_REQUEST_CONTAINERS: usize = 300_000;

/// Bytes of the settings. A policy lives in one Kubernetes object, which etcd keeps below 1.5 MiB.
pub const MAX_SETTINGS_BYTES: usize = 1536 * 1024;

/// Images of one object. The largest pods seen in practice run some tens of containers.
pub const MAX_IMAGES: usize = 200;

/// Characters of the place of an image in a custom resource. Whoever writes the object chooses the names in it; those of
/// Kubernetes' own maps have at most 317.
pub const MAX_PLACE_CHARS: usize = 4096;

/// Characters of an image reference: 260 for host and port, 255 for the path (distribution/reference
/// `RepositoryNameTotalLengthMax`), 128 for the tag, 71 for the digest, and what separates them.
pub const MAX_REFERENCE_CHARS: usize = 260 + 1 + 255 + 1 + 128 + 1 + 71;

/// Characters of an image pattern in the settings.
pub const MAX_PATTERN_CHARS: usize = 512;

/// Rules in the settings.
pub const MAX_RULES: usize = 500;

/// Patterns in one list of a rule.
pub const MAX_PATTERNS: usize = 1000;

/// Entries of an attestor set, after keys written in one block are taken apart.
pub const MAX_ENTRIES: usize = 64;

/// Characters of an issuer, a subject, or a regular expression over one. A workflow's subject takes some
/// hundred.
pub const MAX_IDENTITY_CHARS: usize = 1024;

/// Bytes of a compiled regular expression, which bounds its states at about 2,000: a search visits each for
/// each character. One of [`MAX_IDENTITY_CHARS`] without counted repetitions takes less than half.
pub const MAX_REGEX_BYTES: usize = 64 * 1024;

/// Bytes of a text that a regular expression is tried on: an identity takes some hundred, a certificate's
/// subject or a URL seldom a thousand.
pub const MAX_REGEX_TEXT_BYTES: usize = 4 * 1024;

/// Attestations of a rule, and conditions in one list.
pub const MAX_CONDITIONS: usize = 64;

/// Values in the list of one condition: the versions of a library that are known to be bad, or the licences that
/// are not allowed.
pub const MAX_CONDITION_VALUES: usize = 1000;

/// Values of a predicate that its conditions may look at, each time one does: some twenty conditions over every
/// component of an SBOM of 10,000. A million takes some tens of milliseconds.
pub const MAX_CONDITION_VISITS: usize = 1_000_000;

/// Attestor sets within attestor sets.
pub const MAX_ATTESTOR_DEPTH: usize = 4;

/// Bytes of one `publicKeys` text.
pub const MAX_KEY_BYTES: usize = 64 * 1024;

/// Bytes of a host's answer to a digest call: one digest in JSON.
pub const MAX_DIGEST_ANSWER_BYTES: usize = 4 * 1024;

/// Bytes of a manifest. Registries commonly refuse more than 4 MiB (OCI distribution-spec, "Pushing
/// Manifests"); a signature with certificate, chain and log entry takes about 10 KiB.
pub const MAX_MANIFEST_BYTES: usize = 4 * 1024 * 1024;

/// Signatures of one image, that is layers of its signature manifest. cosign stops at 1,000 (its
/// `maxLayers`); each costs up to one verification for each key wanted, so this is lower.
pub const MAX_SIGNATURES: usize = 100;

/// Characters of one base64 signature: RSA-4096 takes 684, ECDSA about 96.
pub const MAX_SIGNATURE_CHARS: usize = 2048;

/// Bytes of a signed payload as its layer states it; what we rebuild is some hundred bytes.
pub const MAX_PAYLOAD_BYTES: u64 = 64 * 1024;

/// Bytes of one certificate. Fulcio's take about 1 KiB, those with the longest claims 2.
pub const MAX_CERTIFICATE_BYTES: usize = 16 * 1024;

/// Values of a SET in a certificate or timestamp, which are sorted by insertion: names and signed attributes have some.
pub const MAX_SET_VALUES: usize = 64;

/// Values within values in a certificate or timestamp: those of real ones are about ten deep.
pub const MAX_DER_DEPTH: usize = 32;

/// Certificates of one chain, or in one field of the settings.
pub const MAX_CERTIFICATES: usize = 16;

/// Certificates that come with a signature, above its own: rustls-webpki follows at most six. Whoever can push
/// signatures chooses them, and with many of the same name there are many paths to try.
pub const MAX_ATTACHED_CERTIFICATES: usize = 6;

/// Bytes of one `trustRoot`. The public-good instance's takes 6 KiB, with all that it ever rotated in it.
pub const MAX_TRUST_ROOT_BYTES: usize = 256 * 1024;

/// Characters of the annotation that holds a log entry: a certificate and a signature in base64 twice over take
/// about 4 KiB.
pub const MAX_LOG_ENTRY_CHARS: usize = 64 * 1024;

/// Characters of the annotation that holds a timestamp; with the authority's chain in it some take 10 KiB.
pub const MAX_TIMESTAMP_CHARS: usize = 32 * 1024;

/// Bytes of a bundle. A provenance takes some 20 KiB; the SBOM of a large image, with 10,000 components, some 8 MiB,
/// and a third more in base64.
pub const MAX_BUNDLE_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of a bundle carrier as the host hands it over, with its manifest.
pub const MAX_CARRIER_BYTES: usize = MAX_BUNDLE_BYTES + 1024 * 1024;

/// Values within values of JSON. serde_json reads no more: deeper ones would end the stack.
pub const MAX_JSON_DEPTH: usize = 127;

/// Commas in a carrier, so values of its JSON, which take some ten times their bytes once parsed. A bundle has some
/// hundred: what is long in it is base64.
pub const MAX_CARRIER_COMMAS: usize = 100_000;

/// Objects and lists in a carrier, which take a hundred times their bytes. A bundle has some twenty, and seven for each
/// further log entry.
pub const MAX_CARRIER_CONTAINERS: usize = 10_000;

/// Bundles of one carrier: one for each signer, and old ones beside new.
pub const MAX_BUNDLES: usize = 100;

/// Log entries of a bundle: cosign and the other clients write one for each log they use, one or two.
pub const MAX_LOG_ENTRIES: usize = 8;

/// Signatures of a checkpoint: the log's own, and those of its witnesses, of which Rekor v2 asks some.
pub const MAX_CHECKPOINT_SIGNATURES: usize = 16;

/// Timestamps of a bundle: one for each authority that is used.
pub const MAX_TIMESTAMPS: usize = 8;

/// Hashes of a proof of inclusion: one for each level of a tree of 2^64 entries.
pub const MAX_PROOF_HASHES: usize = 64;

/// Verified signatures of certificates and logs that are remembered within an instance of the module; an evaluation
/// makes about ten for each signature of an image.
pub const MAX_REMEMBERED_SIGNATURES: usize = 1024;

/// Payloads tried for one signer: combinations of known annotations and names. Each costs one SHA-256 of
/// some hundred bytes, and only if its size fits.
pub const MAX_PAYLOAD_CANDIDATES: usize = 1024;

/// Annotations that a rule may require or know, and values for one.
pub const MAX_ANNOTATIONS: usize = 32;

/// Images of an index, when each must be signed: each costs a host call.
pub const MAX_CHILDREN: usize = 32;

/// Items of `revoked`, `exceptions`, `signedIdentities` and extractors.
pub const MAX_LIST_ITEMS: usize = 1000;

/// Bytes of a Secret or ConfigMap: etcd keeps objects below 1.5 MiB.
pub const MAX_OBJECT_BYTES: usize = 2 * 1024 * 1024;

/// Signatures tried for a key in one evaluation, about 1 ms each for P-256 in the sandbox: bounds what
/// somebody who can push signatures can make us spend.
pub const MAX_VERIFICATIONS: usize = 1000;

/// What a certificate, a log entry and a timestamp cost in such verifications, once a signature is by whom it
/// should be: the chain, its SCT, the log's promise, and the Sigstore crates' own pass over all of them.
pub const EVIDENCE_VERIFICATIONS: usize = 8;

/// Steps of the search that gives each wanted entry a signer of its own.
pub const MAX_ASSIGNMENT_STEPS: usize = 100_000;

/// What one evaluation may take until it stops asking the host: policy-server's default deadline is
/// 2 s, host calls included, and a call already under way cannot be interrupted.
pub const EVALUATION_BUDGET: Duration = Duration::from_millis(1500);

/// What `evaluationBudget` may be: from what one host call may take to the API server's longest webhook
/// timeout.
pub const BUDGETS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(30);

/// Characters of a message, a multiple of what `kubectl` shows on one screen.
pub const MAX_MESSAGE_CHARS: usize = 4000;

/// Characters of untrusted text shown in a message.
pub const MAX_SHOWN_CHARS: usize = 160;

/// Signers told of in a message, where none of them is wanted.
pub const MAX_SHOWN_IDENTITIES: usize = 3;

/// Characters of one warning: the API server may cut what is longer than 256.
pub const MAX_WARNING_CHARS: usize = 256;

/// Warnings of one answer.
pub const MAX_WARNINGS: usize = 16;

/// Bytes of one audit annotation's value; the API server's audit log keeps them with every event.
pub const MAX_ANNOTATION_CHARS: usize = 8 * 1024;
