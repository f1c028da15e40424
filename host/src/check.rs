//! Deciding on single images, outside a cluster: the same module, the same settings, a Pod for each image.

use crate::admission::{Request, RequestError};
use crate::capability::Grants;
use crate::host::{Backend, BackendError, Host};
use crate::module::Policy;
use crate::response::{AdmissionResponse, Evaluation};
use crate::settings::Settings;
use crate::{HostCall, session::SessionError};
use oci_client::Reference;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    seen: Seen,
}

impl<'p> Checker<'p> {
    /// Decides with these settings, which the policy has found valid, and asks `backend`.
    pub fn new(policy: &'p Policy, settings: Settings, backend: impl Backend + 'static) -> Self {
        let seen = Seen::default();
        let backend = Watched { inner: backend, seen: seen.clone() };
        Self { policy, settings, host: Host::new(Grants::all(), backend), seen }
    }

    /// Decides on a Pod with one container of this image.
    ///
    /// # Errors
    ///
    /// Does not fail: any text can stand in a Pod.
    pub fn check(&self, image: &str, namespace: &str) -> Result<Checked, RequestError> {
        let request = pod(image, namespace)?;
        self.seen.lock().digest.take();
        let evaluation = self.policy.evaluate(&request, &self.settings, &self.host);
        let resolved = self.seen.lock().digest.take();
        let written = image.split_once('@').map(|(_, digest)| digest.to_owned());
        Ok(checked(image, evaluation, written.or(resolved), &self.settings))
    }

    /// Why registries did not answer, since this was asked last, as `REGISTRY: CAUSE`; each registry once. The policy is
    /// not told: a real host tells it the first line only.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        mem::take(&mut self.seen.lock().causes)
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

fn checked(image: &str, evaluation: Evaluation, digest: Option<String>, settings: &Settings) -> Checked {
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
        rules: told.map(|text| rules(text, image, settings)).unwrap_or_default(),
        reason: status.message.filter(|_| !allowed),
        warnings: warnings.unwrap_or_default(),
    }
}

/// The rules that the policy's words name, by name (`rule "release" by key …`) or place (`rule verifyImages[0]: …`), of
/// those that there are. The words stand after the image, which may say anything.
fn rules(text: &str, image: &str, settings: &Settings) -> Vec<String> {
    // No image has spaces in its name; what has is none, and no rule was looked at.
    if image.contains(char::is_whitespace) || !text.starts_with(SITE) {
        return Vec::new();
    }
    let Some((_, words)) = text.split_once(": ") else { return Vec::new() };
    // What others wrote stands in backticks.
    let ours: String = words.split('`').step_by(2).collect();
    let named = ours.split("rule ").skip(1).filter_map(|rest| match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').map(|(name, _)| name),
        None => rest.split([':', ' ', ',']).next(),
    });
    let known = rules_of(settings);
    let mut rules: Vec<String> = Vec::new();
    for name in named {
        if known.contains(name) && !rules.iter().any(|known| known == name) {
            rules.push(name.to_owned());
        }
    }
    rules
}

/// Where the policy finds the image of the Pod that it is asked about.
const SITE: &str = "spec.containers[0] ";

/// What the rules of these settings may be called.
fn rules_of(settings: &Settings) -> BTreeSet<String> {
    let rules = ["verifyImages", "signatures"].into_iter().flat_map(|field| {
        let rules = settings.as_map().get(field).and_then(Value::as_array);
        (0_usize..).zip(rules.into_iter().flatten()).map(move |(index, rule)| {
            let name = rule.get("name").and_then(Value::as_str);
            name.map_or_else(|| format!("{field}[{index}]"), str::to_owned)
        })
    });
    rules.collect()
}

/// What is seen of the answers of a backend.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Answers>>);

#[derive(Default)]
struct Answers {
    /// The last digest that was answered.
    digest: Option<String>,
    /// Why there were no answers.
    causes: Vec<String>,
    /// Of whom that was told.
    told: BTreeSet<String>,
}

impl Seen {
    fn lock(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at what another backend answers.
struct Watched<B> {
    inner: B,
    seen: Seen,
}

impl<B: Backend> Backend for Watched<B> {
    fn answer(&mut self, call: &HostCall) -> Result<Vec<u8>, BackendError> {
        let answer = self.inner.answer(call);
        let mut seen = self.seen.lock();
        match (&answer, call) {
            (Ok(answer), HostCall::OciManifestDigest { .. }) => {
                let digest = serde_json::from_slice::<Value>(answer).ok();
                seen.digest = digest.and_then(|answer| answer.get("digest")?.as_str().map(str::to_owned));
            }
            (Ok(_), _) => {}
            (Err(error), _) => {
                let registry = call.subject().parse::<Reference>();
                let registry =
                    registry.map_or_else(|_| call.subject().to_owned(), |image| image.registry().to_owned());
                if let Some(cause) = error.cause()
                    && seen.told.insert(registry.clone())
                {
                    seen.causes.push(format!("{registry}: {cause}"));
                }
            }
        }
        answer
    }

    fn finish(&mut self) -> Result<(), SessionError> {
        self.inner.finish()
    }
}

/// The images of a list: what is separated by spaces and line ends, each once. What follows `#`, at the beginning of a
/// line or after a space, is a comment.
#[must_use]
pub fn listed(text: &str) -> Vec<String> {
    // Editors of Windows put it at the beginning of a file.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let words = |line: &'_ str| {
        line.split_whitespace()
            .take_while(|word| !word.starts_with('#'))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let mut images: Vec<String> = Vec::new();
    for image in text.lines().flat_map(words) {
        if !images.contains(&image) {
            images.push(image);
        }
    }
    images
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_may_have_comments_and_repetitions() {
        let text = "\u{feff}# running\nr.io/a:1 r.io/b\n\n  # more\nr.io/a:1\r\nr.io/c:1   # the last r.io/d\nr.io/e #f\n";
        assert_eq!(listed(text), ["r.io/a:1", "r.io/b", "r.io/c:1", "r.io/e"]);
        assert!(listed(" \n#r.io/a\n\t#r.io/b r.io/c").is_empty());
        // Within a word it is no comment, and no image: the policy says so.
        assert_eq!(listed("r.io/a#b"), ["r.io/a#b"]);
    }

    #[test]
    fn rules_are_found_in_the_words_of_the_policy() {
        let settings = Settings::from_yaml("verifyImages: [{name: release}, {}, {name: prod}]").unwrap();
        let found = |image: &str, text: &str| rules(text, image, &settings);
        let verified =
            "spec.containers[0] r.io/a:1@sha256:ab: rule \"release\" by key x, rule verifyImages[1] by key y";
        assert_eq!(found("r.io/a:1", verified), ["release", "verifyImages[1]"]);
        let denied = "spec.containers[0] r.io/a:1 (sha256:ab…): rule \"release\": signed, but not by whom the rule wants (1 \
                      signature, by `x rule \"prod\"`): sign with a key that the rule names";
        assert_eq!(found("r.io/a:1", denied), ["release"]);
        let none: [&str; 0] = [];
        assert_eq!(found("r.io/a", "spec.containers[0] r.io/a: no rule names this image, and so on"), none);
        // An image may be called as it likes, and a rule that there is not is none.
        let image = "r.io/x rule \"prod\":1";
        assert_eq!(
            found(image, "spec.containers[0] r.io/x rule \"prod\":1: this is no image reference"),
            none
        );
        assert_eq!(found("r.io/a", "spec.containers[0] r.io/a: rule \"other\": no signature"), none);
        assert_eq!(found("r.io/a", "more than 200 images: rule \"prod\""), none);
    }
}
