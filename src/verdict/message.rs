//! The message of a denial: one line for each image that failed.

use super::{Denied, Failure, Reason};
use crate::limits::{MAX_MESSAGE_CHARS, MAX_SHOWN_IDENTITIES};
use crate::text::{Shown, counted, cut};
use crate::verify::{
    AttachedSignatures, EvidenceError, Identity, MissingSigner, Shortfall, SignatureError, Unattested, Unmet,
};
use crate::workload::ImageSite;

/// Where the next steps are told at length.
const COSIGN_3_HELP: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "#cosign-3");

/// What the person sees whose request was denied: at most [`MAX_MESSAGE_CHARS`] characters.
#[must_use]
pub fn denial(denied: &Denied) -> String {
    let (failures, passed) = match denied {
        Denied::Object(reason) => return cut(&reason.to_string(), MAX_MESSAGE_CHARS),
        Denied::Images { failures, passed } => (failures, *passed),
    };
    let mut message = String::new();
    let mut left_out = failures.len();
    for (site, failure) in failures {
        // Room for the line that says how many are left out, and how many passed.
        let room = MAX_MESSAGE_CHARS.saturating_sub(80);
        // One reason that is longer is cut: to leave it out would leave nothing.
        let line = cut(&line(site, failure), room);
        if message.chars().count().saturating_add(line.chars().count()) > room {
            break;
        }
        if !message.is_empty() {
            message.push('\n');
        }
        message.push_str(&line);
        left_out = left_out.saturating_sub(1);
    }
    if left_out > 0 {
        message.push_str(&format!("\n… and {} more not accepted", counted(left_out, "image")));
    }
    if passed > 0 {
        message.push_str(&format!("\n({} passed)", counted(passed, "other image")));
    }
    cut(&message, MAX_MESSAGE_CHARS)
}

/// What failed and why, for one image.
pub(super) fn line(site: &ImageSite, failure: &Failure) -> String {
    let mut line = format!("{} {}", Shown(site.path()), Shown(site.image()));
    if let Some(digest) = failure.digest() {
        line.push_str(&format!(" ({})", digest.short()));
    }
    line.push_str(": ");
    if let Some(rule) = failure.rule() {
        line.push_str(&format!("rule {rule}: "));
    }
    line.push_str(&reason(failure.reason()));
    line
}

/// The reason in words, and the next step.
fn reason(reason: &Reason) -> String {
    match reason {
        Reason::NoSignature { cosign_3: false } => format!(
            "{reason}. Unsigned, or signed in cosign 3's default format: sign with --new-bundle-format=false \
             --use-signing-config=false, or publish a carrier: {COSIGN_3_HELP}"
        ),
        Reason::NoSignature { cosign_3: true } => format!(
            "{reason}; something is attached in cosign 3's format, where no policy can read it: sign with \
             --new-bundle-format=false --use-signing-config=false, or publish a carrier: {COSIGN_3_HELP}"
        ),
        Reason::AttestedOnly => format!("{reason}; sign it as well"),
        Reason::Unmet(Unmet::Unattested(unattested)) => self::unattested(unattested),
        Reason::Unmatched { audited: false } => format!("{reason}; add it to a rule's imageReferences"),
        Reason::Unmatched { audited: true } => {
            format!("{reason}; add it to the imageReferences of a rule that enforces")
        }
        Reason::Unpinned => format!("{reason}; pin it as NAME:TAG@sha256:…, or set `mutateDigest: true`"),
        Reason::Unmet(Unmet::Shortfall(shortfall)) => self::shortfall(shortfall),
        Reason::Child { digest, reason } => {
            format!("image {} of the index: {}", digest.short(), self::reason(reason))
        }
        Reason::Reference(_)
        | Reason::Registry(_)
        | Reason::Keys(_)
        | Reason::Revoked
        | Reason::Unmet(_)
        | Reason::Incomplete => reason.to_string(),
    }
}

fn unattested(unattested: &Unattested) -> String {
    let what = format!("attestation of type `{}`", Shown(&unattested.predicate_type));
    match (&unattested.condition, &unattested.shortfall) {
        (Some(condition), _) => format!("{what}: {condition}"),
        (None, Some(shortfall)) => format!("{what}: {}", self::shortfall(shortfall)),
        (None, None) => {
            format!("no {what} that this policy can read; attest it, and publish a carrier: {COSIGN_3_HELP}")
        }
    }
}

fn shortfall(shortfall: &Shortfall) -> String {
    let attached = &shortfall.attached;
    if !attached.attestations.is_empty() && shortfall.found.is_empty() {
        let types: Vec<String> =
            attached.attestations.iter().map(|kind| format!("`{}`", Shown(kind))).collect();
        return format!(
            "attested, not signed: what is there is of type {}; sign it as well",
            types.join(" and ")
        );
    }
    if attached.for_this_image == 0 {
        return nothing_for_this_image(attached);
    }
    let missing: Vec<String> = shortfall.missing.iter().map(missing_signer).collect();
    let signers = shortfall.missing.len().saturating_add(shortfall.found.len());
    let (missing, required) = (missing.join(", "), shortfall.required);
    let mut text = if shortfall.found.is_empty() {
        let needs = if signers == 1 { missing } else { format!("{required} of {missing}") };
        let advice = if shortfall.keys_only {
            "sign with a key that the rule names, or add the signer's key to it"
        } else {
            "sign as the rule wants, or add who signed to it"
        };
        let (signatures, by) =
            (counted(attached.for_this_image, "signature"), signed_by(&attached.other_identities));
        // It is by whom the rule wants, as far as it can be told: other signers would be no help.
        if shortfall.missing.iter().any(lacks_evidence) {
            format!("signed, but without the proof that the rule wants ({signatures}{by}): needs {needs}")
        } else {
            format!("signed, but not by whom the rule wants ({signatures}{by}): needs {needs}; {advice}")
        }
    } else {
        let found = shortfall.found.join(", ");
        let missing = if missing.is_empty() {
            "one signer does not count for two entries".to_owned()
        } else {
            format!("missing {missing}")
        };
        format!("signed by too few: needs {required} of {signers} signers; found {found}; {missing}")
    };
    if attached.malformed > 0 {
        text.push_str(&format!("; {} malformed", counted(attached.malformed, "signature")));
    }
    text
}

/// Who signed instead, as far as their certificates say it.
fn signed_by(identities: &[Identity]) -> String {
    let shown: Vec<String> = identities.iter().take(MAX_SHOWN_IDENTITIES).map(ToString::to_string).collect();
    match identities.len().saturating_sub(shown.len()) {
        _ if shown.is_empty() => String::new(),
        0 => format!(", by {}", shown.join(" and ")),
        more => format!(", by {} and {more} more", shown.join(", ")),
    }
}

/// `key sha256:… (attestors[0].entries[0])`, and why their signature does not count, if there is one.
fn missing_signer(missing: &MissingSigner) -> String {
    match &missing.because {
        Some(because) => format!("{}: {because}", missing.label),
        None => missing.label.clone(),
    }
}

/// Whether a signature of theirs only lacks what proves whose it is, or when it was made.
fn lacks_evidence(missing: &MissingSigner) -> bool {
    match &missing.because {
        Some(SignatureError::Evidence(error)) => **error != EvidenceError::NoCertificate,
        Some(
            SignatureError::Malformed
            | SignatureError::WrongKey
            | SignatureError::NotByCertificate
            | SignatureError::OtherIdentity(_)
            | SignatureError::Claim { .. }
            | SignatureError::Revoked(_)
            | SignatureError::Expired(_)
            | SignatureError::NoStatement
            | SignatureError::NoMessage
            | SignatureError::Statement(_)
            | SignatureError::OtherSubject
            | SignatureError::Annotations,
        )
        | None => false,
    }
}

fn nothing_for_this_image(attached: &AttachedSignatures) -> String {
    let others = attached
        .other_payloads
        .len()
        .saturating_add(attached.malformed_layers.len())
        .saturating_add(attached.other_bundles);
    let why = match (
        attached.other_payloads.first(),
        attached.malformed_layers.first(),
        &attached.bundle_problem,
    ) {
        (Some(payload), _, _) => payload.to_string(),
        (None, Some(layer), _) => layer.to_string(),
        (None, None, Some(bundle)) => bundle.clone(),
        (None, None, None) => String::new(),
    };
    format!("{} attached, none for this image: {why}", counted(others, "signature"))
}
