//! Bundles of each version, with each content and each proof of time.

use serde_json::json;
use sigwarden_testkit::forge::hex_digest;
use sigwarden_testkit::sigstore::bundle::{Bundle, Content, V0_1, V0_2, V0_3};
use sigwarden_testkit::sigstore::dsse::{Envelope, STATEMENT_V0_1, Statement};
use sigwarden_testkit::sigstore::rekor::Proof;
use sigwarden_testkit::sigstore::signer::{Evidence, Signer};
use sigwarden_testkit::typed::TypedKey;

use crate::{NOW, alice, judge, judge_key, refused, sigstore};

const IMAGE: &[u8] = b"image";

fn identity() -> Signer {
    Signer::Identity(sigstore().certify(&alice()))
}

fn key() -> Signer {
    Signer::Key(TypedKey::p256("release"))
}

fn statement() -> String {
    Statement::signature_of(&hex_digest(IMAGE)).to_json()
}

fn verdict(signer: &Signer, bundle: &Bundle) -> Result<(), String> {
    let root = sigstore().trust_root();
    match signer {
        Signer::Key(key) => judge_key(bundle, IMAGE, &root, key).map(drop),
        Signer::Identity(_) => judge(bundle, IMAGE, &root).map(drop),
    }
}

#[test]
fn every_version_content_and_evidence() {
    let v1 = [Evidence::Proof, Evidence::ProofAndTimestamp];
    for signer in [identity(), key()] {
        for (version, evidence) in [
            (V0_1, &[Evidence::Promise, Evidence::Proof][..]),
            (V0_2, &v1),
            (V0_3, &[v1[0], v1[1], Evidence::V2]),
        ] {
            for evidence in evidence {
                let at = NOW + 5;
                let signed = sigstore().sign_blob(&signer, IMAGE, *evidence, at);
                let attested = sigstore().attest(&signer, &statement(), *evidence, at);
                let intoto = sigstore().attest(&signer, &statement(), Evidence::IntotoProof, at);
                for bundle in [signed, attested, intoto] {
                    let bundle = if version == V0_3 { bundle } else { bundle.version(version) };
                    assert_eq!(verdict(&signer, &bundle), Ok(()), "{evidence:?} {}", bundle.to_json());
                }
            }
        }
    }
}

#[test]
fn signers_of_other_types() {
    for key in [TypedKey::p384("leaf"), TypedKey::ed25519("leaf"), TypedKey::rsa_2048()] {
        let signer = Signer::Key(key);
        let bundle = sigstore().attest(&signer, &statement(), Evidence::Proof, NOW);
        assert_eq!(verdict(&signer, &bundle), Ok(()));
    }
}

#[test]
fn statements_of_other_versions_and_predicates() {
    let statement = Statement {
        kind: STATEMENT_V0_1.to_owned(),
        ..Statement::about(
            &hex_digest(IMAGE),
            "https://slsa.dev/provenance/v0.2",
            json!({"builder": {"id": "x"}}),
        )
    };
    let signed = |statement: &Statement| {
        let bundle = sigstore().attest(&identity(), &statement.to_json(), Evidence::Proof, NOW);
        verdict(&identity(), &bundle)
    };
    assert_eq!(signed(&statement), Ok(()));
    let other = Statement { subjects: vec![(None, "00".repeat(32))], ..statement.clone() };
    refused(signed(&other), "does not match");
    refused(signed(&Statement { subjects: Vec::new(), ..statement }), "subject");
}

#[test]
fn what_is_missing() {
    let bundle = |evidence| sigstore().sign_blob(&identity(), IMAGE, evidence, NOW);
    refused(verdict(&identity(), &bundle(Evidence::None)), "must have an inclusion proof");
    refused(verdict(&identity(), &bundle(Evidence::Timestamp)), "must have an inclusion proof");
    refused(verdict(&identity(), &bundle(Evidence::Promise)), "inclusion proof");
    let mut v2 = bundle(Evidence::V2);
    v2.timestamps.clear();
    refused(verdict(&identity(), &v2), "requires RFC3161 timestamp");
    let mut no_promise = bundle(Evidence::ProofAndTimestamp);
    no_promise.timestamps.clear();
    refused(verdict(&identity(), &no_promise), "No verified timestamp");
}

#[test]
fn proofs() {
    for (evidence, log) in [(Evidence::Proof, sigstore().rekor), (Evidence::V2, sigstore().rekor_v2)] {
        let good = sigstore().sign_blob(&identity(), IMAGE, evidence, NOW);
        let with = |change: &dyn Fn(&mut Proof)| {
            let mut bundle = good.clone();
            change(bundle.entries[0].proof.as_mut().unwrap());
            verdict(&identity(), &bundle)
        };
        assert_eq!(with(&|_| ()), Ok(()));
        let inclusion = "inclusion proof verification failed";
        refused(with(&|proof| proof.hashes[0][0] ^= 1), inclusion);
        refused(with(&|proof| drop(proof.hashes.pop())), inclusion);
        if evidence == Evidence::Proof {
            refused(with(&|proof| proof.log_index += 1), inclusion);
        }
        // Another tree that the log did sign; and one that another log signed.
        let body = &good.entries[0].body;
        let checkpoint = log.prove(b"another", 5, 11).checkpoint;
        with(&|proof| proof.checkpoint.clone_from(&checkpoint)).unwrap_err();
        let evil = sigwarden_testkit::sigstore::Sigstore::new("evil", NOW - 86_400);
        let evil = if evidence == Evidence::V2 { evil.rekor_v2 } else { evil.rekor };
        refused(with(&|proof| *proof = evil.prove(body, 5, 11)), "No matching Rekor key");
        // The same root with one letter of the signature changed.
        let changed = |proof: &mut Proof| {
            let at = proof.checkpoint.len() - 20;
            let letter = if proof.checkpoint.as_bytes()[at] == b'A' { "B" } else { "A" };
            proof.checkpoint.replace_range(at..=at, letter);
        };
        refused(with(&changed), "No valid Rekor signature");
    }
}

#[test]
fn envelopes() {
    let signer = key();
    let judged = |envelope: Envelope| {
        let bundle = sigstore().wrap(&signer, envelope, Evidence::Proof, NOW);
        verdict(&signer, &bundle)
    };
    let good = Envelope::signed(&statement(), signer.key());
    assert_eq!(judged(good.clone()), Ok(()));
    let mut payload = good.clone();
    payload.payload.push(b' ');
    refused(judged(payload), "DSSE signature verification failed");
    let mut kind = good.clone();
    kind.payload_type.push('x');
    judged(kind).unwrap_err();
    let mut two = good.clone();
    two.sign(&TypedKey::p256("other"));
    judged(two).unwrap_err();
    // An entry for another envelope.
    let mut bundle = sigstore().wrap(&signer, good, Evidence::Proof, NOW);
    let other = Statement::signature_of(&hex_digest(b"other")).to_json();
    bundle.entries = sigstore().attest(&signer, &other, Evidence::Proof, NOW).entries;
    refused(verdict(&signer, &bundle), "payload hash mismatch");
}

#[test]
fn a_message_of_another_digest() {
    let mut bundle = sigstore().sign_blob(&identity(), IMAGE, Evidence::Proof, NOW);
    if let Content::Message { digest, .. } = &mut bundle.content {
        digest[0] ^= 1;
    }
    refused(verdict(&identity(), &bundle), "message digest");
}
