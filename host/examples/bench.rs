//! What decisions cost, as multiples of one native P-256 verification in the same run, because machines differ:
//!
//!     cargo run -p sigwarden-host --example bench -- [MODULE] [ROUNDS]
//!
//! Each decision is one call of `validate` in a fresh instance of the compiled module, as policy-server makes them;
//! the registry is a map. The verification it is compared with is ring's, which is written in assembly.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a tool for developers")]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[path = "../tests/support/guest.rs"]
mod guest;
#[path = "support/sbom.rs"]
mod sbom;

use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde_json::{Value, json};
use sigwarden_host::Policy;
use sigwarden_testkit::forge::{manifest, payload};
use sigwarden_testkit::objects::pod;
use sigwarden_testkit::run::{rule, settings};
use sigwarden_testkit::sigstore::Sigstore;
use sigwarden_testkit::sigstore::leaf::Leaf;
use sigwarden_testkit::{FakeRegistry, How, Key, TypedKey};

use sbom::APP;

const ISSUER: &str = "https://token.actions.githubusercontent.com";
const SUBJECT: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";
/// The first of January 2025.
const SIGNED: i64 = 1_735_689_600;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let module = arguments.next().map_or_else(PathBuf::new, PathBuf::from);
    let rounds: usize = arguments.next().map_or(Ok(200), |rounds| rounds.parse()).unwrap();
    let policy =
        if module.as_os_str().is_empty() { guest::policy() } else { Policy::load(&module, None).unwrap() };

    let key = TypedKey::p256("bench");
    let message = payload("r.example.com/acme/app", &format!("sha256:{}", "a".repeat(64)));
    let signature = key.sign(message.as_bytes(), How::Sha256);
    let spki = key.spki();
    let point = spki.get(spki.len().saturating_sub(65)..).unwrap();
    let native = best(rounds, || {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, black_box(point));
        key.verify(black_box(message.as_bytes()), black_box(&signature)).unwrap();
    });
    println!("one native P-256 verification (ring): {:.1} us", micros(native));

    let sigstore = Sigstore::new("bench", SIGNED);
    let (sbom_wanted, with_sbom, _) = sbom::scene(10_000);
    for (name, settings, registry) in [
        (
            "an image that no rule names",
            settings(&[rule(&["x.example.com/*"], &Key::new("release"))]),
            FakeRegistry::new(),
        ),
        (
            "an image signed with a P-256 key",
            settings(&[rule(&["r.example.com/*"], &Key::new("release"))]),
            by_key(),
        ),
        ("an image signed keyless", keyless(&sigstore), by_identity(&sigstore)),
        ("an image with an SBOM of 10,000 components", sbom_wanted, with_sbom),
    ] {
        let request = pod(APP);
        let took = best(rounds, || {
            let host = guest::host(registry.clone());
            let answer = guest::validate(&policy, &settings, &request, &host);
            assert_eq!(answer.get("accepted"), Some(&json!(true)), "{answer}");
        });
        let ratio = took.as_secs_f64() / native.as_secs_f64();
        println!("{name}: {:.0} us, {ratio:.0} times that", micros(took));
    }
}

fn by_key() -> FakeRegistry {
    let mut registry = FakeRegistry::new();
    registry.push_signed(APP, &[&Key::new("release")]);
    registry
}

fn by_identity(sigstore: &Sigstore) -> FakeRegistry {
    let mut registry = FakeRegistry::new();
    let digest = registry.push(APP);
    let payload = payload("r.example.com/acme/app", &digest);
    let signed = sigstore.sign(&Leaf::uri(SUBJECT, ISSUER, SIGNED), &payload, SIGNED + 60);
    registry.attach(APP, &digest, manifest(&[signed.layer()]));
    registry
}

fn keyless(sigstore: &Sigstore) -> Value {
    let mut settings = settings(&[json!({
        "imageReferences": ["r.example.com/*"],
        "attestors": [{"entries": [{"keyless": {"issuer": ISSUER, "subject": SUBJECT}}]}],
    })]);
    settings["trustRoot"] = serde_json::from_str(&sigstore.trusted_root_json()).unwrap();
    settings
}

/// A time that few rounds stay below: what else the machine does only adds to it.
fn best(rounds: usize, mut run: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..rounds.max(3))
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times.get(times.len() / 10).copied().unwrap_or_default()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
