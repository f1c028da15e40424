//! One image with signatures in the `.sig` format that bring certificates, log entries and timestamps; and what the
//! verdict says of these.

use serde_json::{Value, json};
use sigwarden::time::Time;
use sigwarden::verdict::{Outcome, Verdict};
use sigwarden::verify::{EvidenceError, SignatureError};

use crate::forge::payload;
use crate::objects::pod;
use crate::run::{APP, Answer, REPOSITORY, decide, settings, shortfall};
use crate::sigstore::Sigstore;
use crate::sigstore::layer::Signed;
use crate::{FakeRegistry, people};

/// The first of January 2025, when the Sigstores of the tests begin.
pub const BEGINNING: i64 = 1_735_689_600;

/// The Sigstore of most tests.
#[must_use]
pub fn acme() -> Sigstore {
    Sigstore::new("acme", BEGINNING)
}

/// Settings of one rule, `release`, that wants some attestor entries for images of r.example.com and believes that
/// Sigstore.
#[must_use]
pub fn wanting(sigstore: &Sigstore, entries: &Value) -> Value {
    let rule = json!({
        "name": "release",
        "imageReferences": ["r.example.com/*"],
        "attestors": [{"entries": entries}],
    });
    let mut settings = settings(&[rule]);
    settings["trustRoot"] = sigstore.trust_root().to_value();
    settings
}

/// Decides on a pod of [`APP`] at a time, with what is signed of its payload.
pub fn decide_at(now: i64, settings: &Value, sign: impl FnOnce(&str) -> Vec<Signed>) -> Answer {
    let mut registry = FakeRegistry::with_layers(APP, |digest| {
        sign(&payload(REPOSITORY, digest)).iter().map(Signed::layer).collect()
    });
    registry.set_now(&time(now).to_string());
    decide(settings, &pod(APP), &registry)
}

/// The same with one signature.
pub fn one_at(now: i64, settings: &Value, sign: impl FnOnce(&str) -> Signed) -> Answer {
    decide_at(now, settings, |payload| vec![sign(payload)])
}

/// Decides at the time of a registry that was given none.
pub fn decide_on(settings: &Value, sign: impl FnOnce(&str) -> Vec<Signed>) -> Answer {
    decide_at(people::NOW, settings, sign)
}

/// The same with one signature.
pub fn one(settings: &Value, sign: impl FnOnce(&str) -> Signed) -> Answer {
    one_at(people::NOW, settings, sign)
}

/// Why the only signer that is missing is missing, where a signature of theirs was found.
#[must_use]
pub fn because(answer: &Answer) -> Option<SignatureError> {
    let [missing] = &shortfall(answer).missing[..] else { panic!("{answer:?}") };
    missing.because.clone()
}

/// What is wrong with the evidence that came with their signature.
#[must_use]
pub fn evidence(answer: &Answer) -> EvidenceError {
    let Some(SignatureError::Evidence(error)) = because(answer) else { panic!("{answer:?}") };
    *error
}

/// Checks a rejection for that reason.
#[track_caller]
pub fn refused(answer: &Answer, error: EvidenceError) {
    assert_eq!(evidence(answer), error);
    assert_eq!(answer.code, Some(403));
}

/// The time that the accepted signature is proven to be of.
#[must_use]
pub fn proven(answer: &Answer) -> Option<Time> {
    let Verdict::Accept(accepted) = &answer.verdict else { panic!("{answer:?}") };
    let Outcome::Verified(verified) = &accepted.images()[0].1.outcome else { panic!("{answer:?}") };
    verified.proofs()[0].signatures()[0].proven_time()
}

/// A time, by unix seconds.
#[must_use]
pub fn time(seconds: i64) -> Time {
    Time::from_unix(u64::try_from(seconds).unwrap())
}
