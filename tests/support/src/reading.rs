//! Settings as the policy reads them: what those mean that are accepted, and why others are refused.

use serde_json::{Value, json};
use sigwarden::requirement::SignerRequirement;
use sigwarden::settings::{Problem, Settings, SettingsError};
use sigwarden::verdict::settings_response;
use sigwarden::verify::EvidenceTerms;

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
#[must_use]
pub fn accepted(settings: &Value) -> Settings {
    read(settings).unwrap_or_else(|error| panic!("{error}: {settings}"))
}

/// The path of what is wrong with settings, the problem, and the words for it.
#[must_use]
pub fn found(settings: &Value) -> (String, Problem, String) {
    match read(settings) {
        Err(error) => (error.path().to_owned(), error.problem().clone(), error.to_string()),
        Ok(parsed) => panic!("accepted: {settings}\n{parsed:?}"),
    }
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
    let error = read(settings).unwrap_err();
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
