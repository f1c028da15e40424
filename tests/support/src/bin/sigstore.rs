//! One answer of a Sigstore to a real signer such as cosign: hack/sigstore-server.py asks it for every request.
//!
//! ```text
//! sigstore SINCE root          the TrustedRoot
//! sigstore SINCE rekor.pub     the key of the log, as PEM; so with ctlog.pub and chain.pem
//! sigstore SINCE fulcio NOW    a certificate: reads and writes the JSON of POST /api/v2/signingCert
//! sigstore SINCE rekor NOW     a log entry: reads and writes the JSON of POST /api/v1/log/entries
//! ```
//!
//! SINCE and NOW are unix seconds. Who the signer is stands in the identity token, which is believed: nobody has signed
//! it. That the signer has the key is verified, as Fulcio does.

#![expect(clippy::unwrap_used, reason = "what cannot be made ends the program")]
#![expect(clippy::panic, reason = "what cannot be made ends the program")]
#![expect(clippy::indexing_slicing, reason = "what cannot be made ends the program")]

use std::env::args;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;
use serde_json::{Value, json};
use sigwarden_testkit::forge::{hex_digest, pem};
use sigwarden_testkit::sigstore::Sigstore;
use sigwarden_testkit::sigstore::dsse::Envelope;
use sigwarden_testkit::sigstore::leaf::{Leaf, San};
use sigwarden_testkit::sigstore::rekor::{Entry, dsse, hex};

fn main() {
    let arguments: Vec<String> = args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [since, command, now @ ..] = arguments.as_slice() else {
        panic!("see the source for how to call this")
    };
    let sigstore = Sigstore::new("acme", since.parse().unwrap());
    let now = || now.first().unwrap().parse().unwrap();
    let text = match *command {
        "root" => sigstore.trusted_root_json(),
        "rekor.pub" => sigstore.rekor.pem(),
        "ctlog.pub" => sigstore.ctlog.pem(),
        "chain.pem" => sigstore.fulcio.chain_pem(),
        "fulcio" => certificate(&sigstore, &request(), now()).to_string(),
        "rekor" => entry(&sigstore, &request(), now()).to_string(),
        other => panic!("there is no {other}"),
    };
    print!("{text}");
}

fn request() -> Value {
    serde_json::from_reader(io::stdin()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// Fulcio: a certificate for the person or the workflow of the token.
fn certificate(sigstore: &Sigstore, request: &Value, now: i64) -> Value {
    let claims = text(&request["credentials"]["oidcIdentityToken"]).split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let subject = text(claims.get("email").unwrap_or(&claims["sub"]));
    let asked = &request["publicKeyRequest"];
    let key = VerifyingKey::from_public_key_pem(text(&asked["publicKey"]["content"])).unwrap();
    let proof = STANDARD.decode(text(&asked["proofOfPossession"])).unwrap();
    key.verify(subject.as_bytes(), &DerSignature::from_bytes(&proof).unwrap()).unwrap();

    let mut leaf = leaf(&claims, now);
    leaf.spki = Some(der(text(&asked["publicKey"]["content"])));
    leaf.serial = hex_digest(&proof);
    let identity = sigstore.certify(&leaf);
    let chain: Vec<String> =
        [&identity.der].into_iter().chain(&identity.chain).map(|der| pem("CERTIFICATE", der)).collect();
    json!({ "signedCertificateEmbeddedSct": { "chain": { "certificates": chain } } })
}

/// What is certified: a workflow of GitHub, or a person.
fn leaf(claims: &Value, now: i64) -> Leaf {
    if let Some(workflow) = claims.get("job_workflow_ref") {
        let (path, reference) = text(workflow).split_once('@').unwrap();
        let (repository, file) = path.split_once("/.github/workflows/").unwrap();
        return Leaf::github(repository, file, reference, now);
    }
    // Sigstore's own OAuth server passes on who vouched for the person.
    let issuer = claims.pointer("/federated_claims/connector_id").unwrap_or(&claims["iss"]);
    Leaf::new(San::Email(text(&claims["email"]).to_owned()), text(issuer), now)
}

/// What PEM holds.
fn der(pem: &str) -> Vec<u8> {
    let lines: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(lines).unwrap()
}

/// Rekor v1: an entry that is promised and proven to be in the log.
fn entry(sigstore: &Sigstore, request: &Value, now: i64) -> Value {
    let body = match text(&request["kind"]) {
        // Rekor gives what it was given, its fields in order.
        "hashedrekord" => request.to_string().into_bytes(),
        "dsse" => {
            let proposed = &request["spec"]["proposedContent"];
            let envelope: Value = serde_json::from_str(text(&proposed["envelope"])).unwrap();
            let verifier = STANDARD.decode(text(&proposed["verifiers"][0])).unwrap();
            dsse(&Envelope::read(&envelope), &String::from_utf8(verifier).unwrap())
        }
        other => panic!("there are no entries of kind {other}"),
    };
    // The log's places are not told apart: one is as good as another.
    let entry = sigstore.rekor.take(&body, now, 25_579).proven(&sigstore.rekor);
    let Entry { set: Some(set), proof: Some(proof), .. } = &entry else { panic!("nothing proves the entry") };
    let uuid = format!("24296fb24b8ad77a{}", hex_digest(&body).trim_start_matches("sha256:"));
    json!({ uuid: {
        "body": STANDARD.encode(&entry.body),
        "integratedTime": entry.integrated_time,
        "logID": hex(&entry.log_id),
        "logIndex": entry.log_index,
        "verification": {
            "signedEntryTimestamp": STANDARD.encode(set),
            "inclusionProof": {
                "checkpoint": proof.checkpoint,
                "hashes": proof.hashes.iter().map(|hash| hex(hash)).collect::<Vec<_>>(),
                "logIndex": proof.log_index,
                "rootHash": hex(&proof.root_hash),
                "treeSize": proof.tree_size,
            },
        },
    } })
}
