//! Writes what a signer and a Sigstore would publish for an image, so that other tools can judge it.
//!
//! ```text
//! mint out=DIR repository=R digest=sha256:… at=UNIX-SECONDS [authority=NAME] [email=E | uri=U | username=N]
//!      [issuer=I] [issuer-v1=I] [issuer-v2=I] [claim=NUMBER:VALUE]… [type=P-256|P-384|Ed25519|RSA]
//!      [scts=one|two|one-unknown] [key=NAME] [fault=NAME] [timestamp=UNIX-SECONDS] [by-root]
//! ```
//!
//! `at` is when the signature is logged; the certificate is valid from ten seconds before for ten minutes. `issuer-v1`
//! and `issuer-v2` set one of the two extensions apart; empty leaves it out. `key` signs with a key instead of a
//! certificate. `fault` is a name of `Fault::ALL`. DIR gets
//!
//! - `signature/`: the `.sig` manifest as an OCI layout, which `crane push` takes; `manifest.json`,
//!   `payload.json`, `signature.der`, `annotations.json` and, if there is one, `timestamp.tsr` are its parts;
//! - `bundle.json`: a bundle of version 0.3 with a signature over the payload, `statement.bundle.json` and
//!   `statement.json` with cosign 3's statement of the image, both proven by Rekor v1; the same by Rekor v2 and a
//!   timestamp as `v2.*.json`;
//! - `trusted_root.json`, and the authority's parts as PEM: `root.pem`, `intermediate.pem`, `chain.pem`, `rekor.pub`,
//!   `ctlog.pub`, `tsa.pem`, `tsa-root.pem`; the signer's `leaf.pem`, or `key.pub`.

#![expect(clippy::unwrap_used, reason = "what cannot be made ends the program")]
#![expect(clippy::panic, reason = "what cannot be made ends the program")]
#![expect(clippy::arithmetic_side_effects, reason = "what cannot be made ends the program")]

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde_json::json;
use sigwarden_testkit::forge::{hex_digest, payload};
use sigwarden_testkit::sigstore::Sigstore;
use sigwarden_testkit::sigstore::dsse::Statement;
use sigwarden_testkit::sigstore::fault::Fault;
use sigwarden_testkit::sigstore::layer::Signed;
use sigwarden_testkit::sigstore::leaf::{Leaf, San, Scts};
use sigwarden_testkit::sigstore::signer::{Evidence, Signer};
use sigwarden_testkit::typed::TypedKey;

/// How long the Sigstore existed before the signature: a year.
const AGE: i64 = 365 * 86_400;
/// The certificate's age when the signature is logged, in seconds.
const DELAY: i64 = 10;

fn main() {
    let arguments = Arguments::read();
    let out = Path::new(arguments.get("out"));
    let at: i64 = arguments.get("at").parse().unwrap();
    let sigstore = Sigstore::new(arguments.or("authority", "acme"), at - AGE);
    let payload = payload(arguments.get("repository"), arguments.get("digest"));

    let name = arguments.or("fault", "none");
    let fault = Fault::named(name).unwrap_or_else(|| panic!("there is no fault {name}"));
    let (signer, mut signed) = match arguments.values.get("key") {
        Some(label) => {
            let key = TypedKey::p256(label);
            let signed = sigstore.sign_badly_with_key(&key, &payload, at, fault);
            (Signer::Key(key), signed)
        }
        None => {
            let leaf = leaf(&arguments, at);
            let signed = sigstore.sign_badly(&leaf, &payload, at, fault);
            (Signer::Identity(sigstore.certify(&leaf)), signed)
        }
    };
    if let Some(time) = arguments.values.get("timestamp") {
        signed.timestamp = Some(sigstore.tsa.stamp(&signed.signature, time.parse().unwrap()));
    }
    fs::create_dir_all(out).unwrap();
    let write = |name: &str, text: &str| fs::write(out.join(name), text).unwrap();
    layout(&out.join("signature"), &signed);
    write("manifest.json", &manifest(&signed));
    write("payload.json", &payload);
    write("annotations.json", &json!(signed.annotations()).to_string());
    fs::write(out.join("signature.der"), &signed.signature).unwrap();
    if let Some(response) = &signed.timestamp {
        fs::write(out.join("timestamp.tsr"), response).unwrap();
    }

    let statement = Statement::signature_of(arguments.get("digest")).to_json();
    write("statement.json", &statement);
    for (prefix, evidence) in [("", Evidence::Proof), ("v2.", Evidence::V2)] {
        let bundle = sigstore.sign_blob(&signer, payload.as_bytes(), evidence, at);
        write(&format!("{prefix}bundle.json"), &bundle.to_json());
        let bundle = sigstore.attest(&signer, &statement, evidence, at);
        write(&format!("{prefix}statement.bundle.json"), &bundle.to_json());
    }

    write("trusted_root.json", &sigstore.trusted_root_json());
    write("root.pem", &sigstore.fulcio.root.pem());
    write("intermediate.pem", &sigstore.fulcio.issuer().pem());
    write("chain.pem", &sigstore.fulcio.chain_pem());
    write("rekor.pub", &sigstore.rekor.pem());
    write("ctlog.pub", &sigstore.ctlog.pem());
    write("tsa.pem", &sigstore.tsa.chain_pem());
    write("tsa-root.pem", &sigstore.tsa.root.pem());
    match &signed.certificate {
        Some(certificate) => write("leaf.pem", certificate),
        None => write("key.pub", &signer.pem()),
    }
}

/// What certificate is asked for.
fn leaf(arguments: &Arguments, at: i64) -> Leaf {
    let value = |name: &str| arguments.values.get(name).cloned();
    let email = || San::Email(arguments.or("email", "alice@example.com").to_owned());
    let san = value("uri").map(San::Uri).or(value("username").map(San::OtherName)).unwrap_or_else(email);
    let mut leaf = Leaf::new(san, arguments.or("issuer", "https://accounts.example.com"), at - DELAY);
    for (extension, name) in [(&mut leaf.issuer_v1, "issuer-v1"), (&mut leaf.issuer, "issuer-v2")] {
        if let Some(issuer) = value(name) {
            *extension = Some(issuer).filter(|issuer| !issuer.is_empty());
        }
    }
    leaf.key = match arguments.or("type", "P-256") {
        "P-256" => TypedKey::p256("leaf"),
        "P-384" => TypedKey::p384("leaf"),
        "Ed25519" => TypedKey::ed25519("leaf"),
        "RSA" => TypedKey::rsa_2048(),
        other => panic!("there is no type {other}"),
    };
    leaf.scts = match arguments.or("scts", "one") {
        "one" => Scts::Good,
        "two" => Scts::Two,
        "one-unknown" => Scts::GoodAndOfAnotherLog,
        other => panic!("there are no scts {other}"),
    };
    leaf.by_root = arguments.values.contains_key("by-root");
    for claim in &arguments.claims {
        let (number, value) = claim.split_once(':').unwrap();
        leaf = leaf.claim(number.parse().unwrap(), value);
    }
    leaf
}

/// An image's configuration, which says nothing.
const CONFIG: &str = r#"{"architecture":"","created":"0001-01-01T00:00:00Z","history":[],"os":"","rootfs":{"type":"layers","diff_ids":[]},"config":{}}"#;

fn manifest(signed: &Signed) -> String {
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": hex_digest(CONFIG.as_bytes()),
            "size": CONFIG.len(),
        },
        "layers": [signed.layer()],
    })
    .to_string()
}

/// The manifest with its blobs.
fn layout(directory: &Path, signed: &Signed) {
    let blobs = directory.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let manifest = manifest(signed);
    for blob in [manifest.as_bytes(), CONFIG.as_bytes(), &signed.payload] {
        fs::write(blobs.join(hex_digest(blob).trim_start_matches("sha256:")), blob).unwrap();
    }
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": hex_digest(manifest.as_bytes()),
            "size": manifest.len(),
        }],
    });
    fs::write(directory.join("index.json"), index.to_string()).unwrap();
    fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

/// `name=value` each.
struct Arguments {
    values: HashMap<String, String>,
    claims: Vec<String>,
}

impl Arguments {
    fn read() -> Self {
        let known = [
            "out",
            "repository",
            "digest",
            "at",
            "authority",
            "email",
            "uri",
            "username",
            "issuer",
            "issuer-v1",
            "issuer-v2",
            "type",
            "scts",
            "key",
            "fault",
            "timestamp",
            "by-root",
        ];
        let (mut values, mut claims) = (HashMap::new(), Vec::new());
        for argument in std::env::args().skip(1) {
            match argument.split_once('=').unwrap_or((&argument, "")) {
                ("claim", claim) => claims.push(claim.to_owned()),
                (name, value) if known.contains(&name) => {
                    drop(values.insert(name.to_owned(), value.to_owned()))
                }
                (name, _) => panic!("there is no {name}; see the top of tests/support/src/bin/mint.rs"),
            }
        }
        Self { values, claims }
    }

    fn get(&self, name: &str) -> &str {
        self.values.get(name).unwrap_or_else(|| panic!("{name}= is needed"))
    }

    fn or<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.values.get(name).map_or(default, String::as_str)
    }
}
