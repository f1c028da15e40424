//! The cases of sigstore-conformance, in the sandbox. Natively they are judged in `tests/conformance`.

#![expect(clippy::indexing_slicing, reason = "the answers' fields are known")]

#[path = "support/guest.rs"]
mod guest;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sigwarden::attached::Carried;
use sigwarden_conformance::{Case, cases, compare};
use sigwarden_host::host::NoBackend;
use sigwarden_host::{Grants, Host, Policy};
use sigwarden_testkit::FakeRegistry;
use sigwarden_testkit::objects::pod;
use sigwarden_testkit::run::settings;
use std::env;
use std::path::Path;

#[test]
fn in_the_sandbox() {
    let Some(cases) = cases() else { return };
    let Some(module) = env::var_os("SIGWARDEN_CONFORMANCE_MODULE") else {
        println!("skipped: the module of the cases is built by `make conformance`");
        return;
    };
    let module = Policy::load(Path::new(&module), None).unwrap();
    compare(&cases, |case| {
        let host = Host::new(Grants::default(), NoBackend);
        // A trap is an error of the call.
        let answer = module.call("judge", &serde_json::to_vec(case).unwrap(), &host);
        let answer = answer.map_err(|error| error.to_string())?;
        serde_json::from_slice(&answer).map_err(|error| error.to_string())
    });
}

/// The cases with a statement once more, as attestations in a carrier, through the module that is shipped.
#[test]
fn statements_as_carriers() {
    let Some(cases) = cases() else { return };
    let policy = guest::policy();
    let carried: Vec<Case> = cases.into_iter().filter(|case| statement(case).is_some()).collect();
    assert_eq!(carried.len(), 14);
    compare(&carried, |case| {
        let (bundle, predicate_type) = statement(case).unwrap();
        let hex: String = Sha256::digest(&case.artifact).iter().map(|byte| format!("{byte:02x}")).collect();
        let (digest, image) = (format!("sha256:{hex}"), format!("r.example.com/case@sha256:{hex}"));
        let mut registry = FakeRegistry::new();
        registry.carry(&image, &digest, Carried::Attestations(&predicate_type), &[bundle]);
        let entry = match &case.key {
            Some(pem) => json!({"keys": {"publicKeys": pem}}),
            None => json!({"keyless": {"issuer": case.issuer, "subject": case.identity}}),
        };
        let mut settings = settings(&[json!({
            "imageReferences": ["r.example.com/*"],
            "attestations": [{"type": predicate_type, "attestors": [{"entries": [entry]}]}],
        })]);
        if let Some(root) = &case.trusted_root {
            settings["trustRoot"] = serde_json::from_str(root).unwrap_or(Value::Null);
        }
        let answer = guest::validate(&policy, &settings, &pod(&image), &guest::host(registry));
        let message = answer["message"].as_str().unwrap_or_default().to_owned();
        Ok(if answer["accepted"] == json!(true) { Ok(()) } else { Err(message) })
    });
}

/// The bundle and the type of its statement, if it has one.
fn statement(case: &Case) -> Option<(Value, String)> {
    let bundle: Value = serde_json::from_slice(&case.bundle).ok()?;
    let payload = STANDARD.decode(bundle["dsseEnvelope"]["payload"].as_str()?).ok()?;
    let statement: Value = serde_json::from_slice(&payload).unwrap_or_default();
    let predicate_type = statement["predicateType"].as_str().unwrap_or("https://example.com/none").to_owned();
    Some((bundle, predicate_type))
}
