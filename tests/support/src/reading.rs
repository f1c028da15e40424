//! Settings as the policy reads them: what those mean that are accepted, and why others are refused.

use serde_json::{Value, json};
use sigwarden::requirement::SignerRequirement;
use sigwarden::settings::{Problem, Settings, SettingsError};
use sigwarden::verdict::settings_response;
use sigwarden::verify::{EvidenceTerms, TrustRoot};

use crate::forge::Key;
use crate::run::{rule, settings};

/// The path of the only attestor entry of [`good`].
pub const ENTRY: &str = "verifyImages[0].attestors[0].entries[0]";

/// Good settings: one rule, one set, one entry with one key.
#[must_use]
pub fn good() -> Value {
    settings(&[rule(&["r.example.com/*"], &Key::new("release"))])
}

/// Good settings with other entries.
#[must_use]
pub fn with_entries(entries: &[Value]) -> Value {
    let mut settings = good();
    settings["verifyImages"][0]["attestors"][0]["entries"] = json!(entries);
    settings
}

/// Good settings with the value at a pointer set: replaced, or a field added.
#[must_use]
pub fn good_with(pointer: &str, value: Value) -> Value {
    let mut settings = good();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = settings.pointer_mut(parent).unwrap();
    if let Some(items) = parent.as_array_mut() {
        items[field.parse::<usize>().unwrap()] = value;
    } else {
        parent.as_object_mut().unwrap().insert(field.to_owned(), value);
    }
    settings
}

/// Good settings without the field at a pointer.
#[must_use]
pub fn good_without(pointer: &str) -> Value {
    let mut settings = good();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    settings.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(field).unwrap();
    settings
}

/// Good settings with another `publicKeys`.
#[must_use]
pub fn with_keys(text: &str) -> Value {
    good_with("/verifyImages/0/attestors/0/entries/0/keys/publicKeys", json!(text))
}

/// Settings of one entry with a key, a log entry wanted, and one more field.
#[must_use]
pub fn by_key(field: &str, value: Value) -> Value {
    let mut entry = json!({"keys": {"publicKeys": Key::new("release").pem()}});
    entry["keys"][field] = value;
    with_entries(&[entry])
}

/// An identity, as `keyless` names it.
#[must_use]
pub fn identity() -> Value {
    json!({"issuer": "https://token.actions.githubusercontent.com", "subject": "https://github.com/acme/*"})
}

/// Settings of one entry with an identity.
#[must_use]
pub fn keyless(keyless: &Value) -> Value {
    with_entries(&[json!({"keyless": keyless})])
}

/// Settings of one entry with certificates of one's own.
#[must_use]
pub fn own(certificates: &Value) -> Value {
    with_entries(&[json!({"certificates": certificates})])
}

/// A mapping with a field set, or taken away by `null`.
#[must_use]
pub fn with(value: &Value, field: &str, new: Value) -> Value {
    let mut value = value.clone();
    let fields = value.as_object_mut().unwrap();
    if new.is_null() {
        fields.remove(field);
    } else {
        fields.insert(field.to_owned(), new);
    }
    value
}

/// Reads settings as the host has it done at deployment.
fn read(settings: &Value) -> Result<Settings, SettingsError> {
    Settings::from_json(settings.to_string().as_bytes())
}

/// Settings that must be good.
#[track_caller]
pub fn accepted(settings: &Value) -> Settings {
    read(settings).unwrap_or_else(|error| panic!("{error}: {settings}"))
}

/// What is wrong with settings.
#[must_use]
#[track_caller]
pub fn error(settings: &Value) -> SettingsError {
    match read(settings) {
        Err(error) => error,
        Ok(parsed) => panic!("accepted: {settings}\n{parsed:?}"),
    }
}

/// The path of what is wrong with settings, the problem, and the words for it.
#[must_use]
#[track_caller]
pub fn found(settings: &Value) -> (String, Problem, String) {
    let error = error(settings);
    (error.path().to_owned(), error.problem().clone(), error.to_string())
}

/// Checks a refusal: path and problem.
#[track_caller]
pub fn refused(settings: &Value, path: &str, problem: &Problem) {
    let (at, what, _) = found(settings);
    assert_eq!((at.as_str(), &what), (path, problem), "{settings}");
}

/// Checks a refusal: path, problem, and the words, both as the error shows itself and as the host gets them.
#[track_caller]
pub fn refused_in_words(settings: &Value, path: &str, problem: &Problem, words: &str) {
    refused(settings, path, problem);
    let error = error(settings);
    assert_eq!(error.to_string(), format!("{path}: {words}"));
    let response = settings_response(Err(&error));
    assert!(!response.valid);
    assert_eq!(response.message, Some(format!("{path}: {words}")));
}

/// What good settings are told nevertheless.
#[must_use]
pub fn notes(settings: &Value) -> Vec<String> {
    accepted(settings).warnings().to_vec()
}

/// Whom the only rule wants.
#[must_use]
pub fn signer(settings: &Value) -> SignerRequirement {
    let settings = accepted(settings);
    let rule = settings.rules().iter().next().unwrap();
    let signers: Vec<_> = rule.attestors.iter().flat_map(|set| set.signers()).cloned().collect();
    let [signer] = <[_; 1]>::try_from(signers).unwrap_or_else(|all| panic!("{all:?}"));
    signer
}

/// What the signature of that one must come with.
#[must_use]
pub fn evidence(settings: &Value) -> EvidenceTerms {
    signer(settings).terms.evidence
}

/// What identities must come with, unless something else is written.
pub const IDENTITY: Wanted = Wanted { log: true, timestamp: false, sct: true };

/// [`EvidenceTerms`] without the trust root.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// A log entry.
    pub log: bool,
    /// A timestamp.
    pub timestamp: bool,
    /// A promise of a CT log.
    pub sct: bool,
}

impl Wanted {
    /// The terms, judged by that trust root.
    #[must_use]
    pub fn by(self, trust: TrustRoot) -> EvidenceTerms {
        EvidenceTerms { log: self.log, timestamp: self.timestamp, sct: self.sct, trust }
    }
}
