//! Deciding on single images, outside a cluster: the same module, the same settings, a Pod for each image.

use crate::admission::{Request, RequestError};
use crate::capability::Grants;
use crate::host::{Backend, BackendError, Host};
use crate::module::Policy;
use crate::response::{AdmissionResponse, Evaluation};
use crate::settings::Settings;
use crate::{HostCall, session::SessionError};
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};

/// What is found about an image.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Checked {
    /// As it was given.
    pub image: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What was looked at to accept it; nothing for the other verdicts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<Because>,
    /// The digest that a Pod would run now: what the reference says, or what the registry answered.
    pub digest: Option<String>,
    /// The rules that were met, or the one that was not.
    pub rules: Vec<String>,
    /// Why not, in the policy's words.
    pub reason: Option<String>,
    /// What the person running kubectl would see beside that.
    pub warnings: Vec<String>,
}

/// One of three.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// A Pod with this image would be admitted.
    Accepted,
    /// It would not: decided.
    Rejected,
    /// It would not: the registry had no answer, or time ran out.
    Undecided,
}

/// Why an image is accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Because {
    /// All rules that bind it are met.
    Verified,
    /// A rule names and skips it.
    Skipped,
    /// No rule names it.
    Unmatched,
    /// It is excepted, for a time.
    Excepted,
    /// Only rules that audit bind it.
    Audited,
}

/// Decides on images.
pub struct Checker<'p> {
    policy: &'p Policy,
    settings: Settings,
    host: Host,
    digest: Arc<Mutex<Option<String>>>,
}

impl<'p> Checker<'p> {
    /// Decides with these settings, which the policy has found valid, and asks `backend`.
    pub fn new(policy: &'p Policy, settings: Settings, backend: impl Backend + 'static) -> Self {
        let digest = Arc::default();
        let backend = Digests { inner: backend, digest: Arc::clone(&digest) };
        Self { policy, settings, host: Host::new(Grants::all(), backend), digest }
    }

    /// Decides on a Pod with one container of this image.
    ///
    /// # Errors
    ///
    /// Does not fail: any text can stand in a Pod.
    pub fn check(&self, image: &str, namespace: &str) -> Result<Checked, RequestError> {
        let request = pod(image, namespace)?;
        self.digest.lock().unwrap_or_else(PoisonError::into_inner).take();
        let evaluation = self.policy.evaluate(&request, &self.settings, &self.host);
        let resolved = self.digest.lock().unwrap_or_else(PoisonError::into_inner).take();
        let written = image.split_once('@').map(|(_, digest)| digest.to_owned());
        Ok(checked(image, evaluation, written.or(resolved)))
    }
}

/// The request for a Pod with one container.
fn pod(image: &str, namespace: &str) -> Result<Request, RequestError> {
    let kind = json!({"group": "", "version": "v1", "kind": "Pod"});
    let resource = json!({"group": "", "version": "v1", "resource": "pods"});
    Request::from_value(json!({
        "uid": "sigwarden-check",
        "kind": kind, "requestKind": kind, "resource": resource, "requestResource": resource,
        "name": "check", "namespace": namespace, "operation": "CREATE",
        "userInfo": {"username": "sigwarden-check"},
        "object": {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "check", "namespace": namespace},
            "spec": {"containers": [{"name": "check", "image": image}]},
        },
        "dryRun": true,
    }))
}

const BECAUSE: [(&str, Because); 5] = [
    ("audited-images", Because::Audited),
    ("verified-images", Because::Verified),
    ("excepted-images", Because::Excepted),
    ("skipped-images", Because::Skipped),
    ("unmatched-images", Because::Unmatched),
];

fn checked(image: &str, evaluation: Evaluation, digest: Option<String>) -> Checked {
    let AdmissionResponse { allowed, status, audit_annotations, warnings, .. } = evaluation.response;
    let status = status.unwrap_or_default();
    let annotations = audit_annotations.unwrap_or_default();
    let because = BECAUSE.into_iter().find(|(name, _)| annotations.contains_key(*name)).map(|(_, why)| why);
    let verdict = match (allowed, status.code) {
        (true, _) => Verdict::Accepted,
        (false, Some(403)) => Verdict::Rejected,
        // 503, and whatever ended the policy.
        (false, _) => Verdict::Undecided,
    };
    let told = if allowed { annotations.get("verified-images") } else { status.message.as_ref() };
    Checked {
        image: image.to_owned(),
        verdict,
        because: because.filter(|_| allowed),
        digest,
        rules: told.map(|text| rules(text)).unwrap_or_default(),
        reason: status.message.filter(|_| !allowed),
        warnings: warnings.unwrap_or_default(),
    }
}

/// The rules that the policy's words name, by name (`rule "release" by key …`) or place (`rule verifyImages[0]: …`).
fn rules(text: &str) -> Vec<String> {
    let named = text.split("rule ").skip(1).filter_map(|rest| match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').map(|(name, _)| name),
        None => rest.split([':', ' ', ',']).next().filter(|place| place.ends_with(']')),
    });
    let mut rules: Vec<String> = Vec::new();
    for name in named {
        if !rules.iter().any(|known| known == name) {
            rules.push(name.to_owned());
        }
    }
    rules
}

/// Remembers the last digest that was answered.
struct Digests<B> {
    inner: B,
    digest: Arc<Mutex<Option<String>>>,
}

impl<B: Backend> Backend for Digests<B> {
    fn answer(&mut self, call: &HostCall) -> Result<Vec<u8>, BackendError> {
        let answer = self.inner.answer(call)?;
        if let HostCall::OciManifestDigest { .. } = call {
            let digest = serde_json::from_slice::<Value>(&answer).ok();
            let digest = digest.and_then(|answer| answer.get("digest")?.as_str().map(str::to_owned));
            *self.digest.lock().unwrap_or_else(PoisonError::into_inner) = digest;
        }
        Ok(answer)
    }

    fn finish(&mut self) -> Result<(), SessionError> {
        self.inner.finish()
    }
}

/// The images of a list: what is separated by spaces and line ends, each once. Lines that begin with `#` are
/// comments.
#[must_use]
pub fn listed(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let mut images: Vec<String> = Vec::new();
    for image in lines.flat_map(str::split_whitespace) {
        if !images.iter().any(|known| known == image) {
            images.push(image.to_owned());
        }
    }
    images
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_may_have_comments_and_repetitions() {
        let text = "# running\nr.io/a:1 r.io/b\n\n  # more\nr.io/a:1\r\nr.io/c\n";
        assert_eq!(listed(text), ["r.io/a:1", "r.io/b", "r.io/c"]);
        assert!(listed(" \n#r.io/a\n").is_empty());
    }

    #[test]
    fn rules_are_found_in_the_words_of_the_policy() {
        let verified =
            "spec.containers[0] r.io/a@sha256:ab: rule \"release\" by key x, rule verifyImages[1] by key y";
        assert_eq!(rules(verified), ["release", "verifyImages[1]"]);
        let denied = "spec.containers[0] r.io/a (sha256:ab…): rule \"release\": signed, but not by whom the rule wants: \
                      sign with a key that the rule names";
        assert_eq!(rules(denied), ["release"]);
        assert!(rules("no rule names this image, and `unmatchedImages` is `deny`").is_empty());
    }
}
