//! Rule 3, as far as this version reads formats: an attestation is no signature.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]

use serde_json::json;
use sigwarden::attached::LayerPart;
use sigwarden::verdict::Reason;
use sigwarden::verify::{AttachedSignatures, Unmet};
use sigwarden_testkit::forge::{layer, manifest, signed};
use sigwarden_testkit::objects::pod;
use sigwarden_testkit::run::{APP, REPOSITORY, release, rule, settings};
use sigwarden_testkit::{Answer, FakeRegistry, decide, failures};

/// The media type of a layer of cosign's `.att` format.
const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";

fn with_layer(make: impl FnOnce(&str) -> serde_json::Value) -> Answer {
    let mut registry = FakeRegistry::new();
    let digest = registry.push(APP);
    registry.attach(APP, &digest, manifest(&[make(&digest)]));
    decide(&settings(&[rule(&["r.example.com/*"], &release())]), &pod(APP), &registry)
}

fn attached(answer: &Answer) -> &AttachedSignatures {
    let [(_, failure)] = failures(answer) else { panic!("{answer:?}") };
    let Reason::Unmet(Unmet::Shortfall(shortfall)) = failure.reason() else { panic!("{answer:?}") };
    &shortfall.attached
}

/// An SBOM by the right key, about the right image, under the signature's tag.
#[test]
fn rule_03_a_statement_by_the_right_key_signs_nothing() {
    let statement = |digest: &str| {
        let digest = digest.trim_start_matches("sha256:");
        json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": REPOSITORY, "digest": {"sha256": digest}}],
            "predicateType": "https://cyclonedx.org/bom",
            "predicate": {},
        })
        .to_string()
    };
    let answer = with_layer(|digest| {
        let statement = statement(digest);
        layer(&statement, &release().sign(statement.as_bytes()))
    });
    assert_eq!((attached(&answer).for_this_image, attached(&answer).other_payloads.len()), (0, 1));

    // What DSSE signs of it is no more a signature of the image.
    let answer = with_layer(|digest| {
        let statement = statement(digest);
        let signed = format!("DSSEv1 28 application/vnd.in-toto+json {} {statement}", statement.len());
        layer(&statement, &release().sign(signed.as_bytes()))
    });
    assert_eq!((attached(&answer).for_this_image, attached(&answer).other_payloads.len()), (0, 1));
}

/// A layer that calls itself an attestation is none of the signatures, even if it could be one.
#[test]
fn rule_03_a_layer_of_an_attestation_is_no_signature() {
    let answer = with_layer(|digest| {
        let mut layer = signed(&release(), REPOSITORY, digest);
        layer["mediaType"] = json!(ENVELOPE);
        layer
    });
    let parts: Vec<LayerPart> = attached(&answer).malformed_layers.iter().map(|layer| layer.part).collect();
    assert_eq!(parts, [LayerPart::MediaType]);
    // The same layer as what it is.
    assert!(with_layer(|digest| signed(&release(), REPOSITORY, digest)).accepted);
}
