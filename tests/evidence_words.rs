//! What the person sees, to the letter, where a signature holds and what proves whose and when does not.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "the tests' own values")]

use serde_json::{Value, json};
use sigwarden_testkit::forge::{manifest, payload};
use sigwarden_testkit::objects::pod;
use sigwarden_testkit::proofs::{BEGINNING, acme};
use sigwarden_testkit::run::{APP, settings};
use sigwarden_testkit::sigstore::Sigstore;
use sigwarden_testkit::sigstore::fault::Fault;
use sigwarden_testkit::sigstore::layer::Signed;
use sigwarden_testkit::sigstore::leaf::{Leaf, Scts};
use sigwarden_testkit::{Answer, FakeRegistry, TypedKey, decide};

const LOGGED: i64 = BEGINNING + 60;
const ISSUER: &str = "https://accounts.example.com";

fn jane() -> Leaf {
    Leaf::email("jane@example.com", ISSUER, BEGINNING)
}

fn release() -> TypedKey {
    TypedKey::p256("release")
}

fn key() -> Value {
    json!({"keys": {"publicKeys": release().pem()}})
}

fn keyless(subject: &str) -> Value {
    json!({"keyless": {"issuer": ISSUER, "subject": subject}})
}

/// What a denial says after what every one of them begins with.
fn words(entries: Value, sign: impl Fn(&str) -> Vec<Signed>) -> String {
    let rule = json!({"name": "release", "imageReferences": ["r.example.com/*"], "attestors": [{"entries": entries}]});
    let mut settings = settings(&[rule]);
    settings["trustRoot"] = acme().trust_root().to_value();
    let mut registry = FakeRegistry::new();
    let digest = registry.push(APP);
    let layers: Vec<Value> =
        sign(&payload("r.example.com/acme/app", &digest)).iter().map(Signed::layer).collect();
    registry.attach(APP, &digest, manifest(&layers));
    let Answer { accepted: false, message, code: Some(403), .. } = decide(&settings, &pod(APP), &registry)
    else {
        panic!("accepted")
    };
    let begin = format!("spec.containers[0] {APP} (sha256:4d357a9be39b…): rule \"release\": ");
    message.strip_prefix(&begin).unwrap_or_else(|| panic!("{message}")).to_owned()
}

fn by_key(fault: Fault) -> String {
    words(json!([key()]), |p| vec![acme().sign_badly_with_key(&release(), p, LOGGED, fault)])
}

fn by(leaf: &Leaf, logged: i64) -> String {
    words(json!([keyless("jane@example.com")]), |p| vec![acme().sign(leaf, p, logged)])
}

const KEY: &str = "signed, but without the proof that the rule wants (1 signature): needs key sha256:7e09b74097f1 \
                   (attestors[0].entries[0]): ";
const JANE: &str = "signed, but without the proof that the rule wants (1 signature): needs subject \
                    `jane@example.com` of issuer `https://accounts.example.com` (attestors[0].entries[0]): ";
const OTHER: &str = "needs subject `jane@example.com` of issuer `https://accounts.example.com` \
                     (attestors[0].entries[0])";

#[test]
fn a_keys_signature_without_a_log_entry_that_holds() {
    for (fault, words) in [
        (
            Fault::NoEntry,
            "no transparency-log entry is attached, and this policy cannot look one up: sign with the log, or set \
             `rekor.ignoreTlog: true`",
        ),
        (
            Fault::EntryOfAnotherLog,
            "the transparency-log entry is of a log that the trust root does not name \
             (f4e5e6b76ce27ef7ab80ffb898c2866beec5f03c2646cf6d5dc770707d1c39bf)",
        ),
        (Fault::BadPromise, "the transparency log's signed entry timestamp (SET) does not hold"),
        (Fault::EntryForAnotherSignature, "the transparency-log entry is of another signature"),
        (
            Fault::RekordEntry,
            "a transparency-log entry of kind `rekord 0.0.1`, which is not read; hashedrekord 0.0.1 is, and in a \
             bundle hashedrekord 0.0.2, dsse 0.0.1 and intoto 0.0.2",
        ),
        (
            Fault::TimestampOfAnotherAuthority,
            "the RFC 3161 timestamp is by an authority that the trust root does not name; add its `tsaCertChain`",
        ),
    ] {
        assert_eq!(by_key(fault), format!("{KEY}{words}"));
    }
}

#[test]
fn an_identitys_certificate_that_proves_nothing() {
    for (leaf, logged, words) in [
        (
            jane(),
            LOGGED + 600,
            "its certificate expired at 2025-01-01T00:10:00Z, and it was signed at 2025-01-01T00:11:00Z",
        ),
        (
            Leaf { not_before: LOGGED, ..jane() },
            BEGINNING,
            "its certificate is valid from 2025-01-01T00:01:00Z, and it was signed at 2025-01-01T00:00:00Z",
        ),
        (
            Leaf { scts: Scts::Missing, ..jane() },
            LOGGED,
            "its certificate carries no signed certificate timestamp (SCT)",
        ),
        (
            Leaf { scts: Scts::OfAnotherLog, ..jane() },
            LOGGED,
            "the signed certificate timestamp (SCT) is by a log that the trust root does not name",
        ),
        (Leaf { usages: Vec::new(), ..jane() }, LOGGED, "its certificate is not for code signing"),
    ] {
        assert_eq!(by(&leaf, logged), format!("{JANE}{words}"));
    }
    let mut forged = acme();
    forged.fulcio = Sigstore::new("other", BEGINNING).fulcio;
    let untrusted = words(json!([keyless("jane@example.com")]), |p| vec![forged.sign(&jane(), p, LOGGED)]);
    assert_eq!(untrusted, format!("{JANE}its certificate was issued by nobody the trust root names"));
}

#[test]
fn somebody_else_signed() {
    let wanted = || json!([keyless("jane@example.com")]);
    let sign_all = |names: &[&str]| {
        words(wanted(), |p| {
            let leaf = |name| Leaf::email(&format!("{name}@example.com"), ISSUER, BEGINNING);
            names.iter().map(|name| acme().sign(&leaf(name), p, LOGGED)).collect()
        })
    };
    let bob = "`bob@example.com` (issuer `https://accounts.example.com`)";
    let advice = "sign as the rule wants, or add who signed to it";
    assert_eq!(
        sign_all(&["bob"]),
        format!("signed, but not by whom the rule wants (1 signature, by {bob}): {OTHER}; {advice}")
    );
    let name = |name: &str| bob.replace("bob", name);
    assert_eq!(
        sign_all(&["bob", "bob", "eve"]),
        format!(
            "signed, but not by whom the rule wants (3 signatures, by {bob} and {}): {OTHER}; {advice}",
            name("eve")
        )
    );
    assert_eq!(
        sign_all(&["a", "b", "c", "d", "e"]),
        format!(
            "signed, but not by whom the rule wants (5 signatures, by {}, {}, {} and 2 more): {OTHER}; {advice}",
            name("a"),
            name("b"),
            name("c")
        )
    );
    assert_eq!(
        words(wanted(), |p| vec![acme().sign_with_key(&release(), p, LOGGED)]),
        format!(
            "signed, but not by whom the rule wants (1 signature): {OTHER}: it carries no certificate: it was made \
             with a key; {advice}"
        )
    );
}

#[test]
fn a_certificate_of_ones_own_that_leads_nowhere() {
    let settings = |fields: Value| json!([{"certificates": fields}]);
    let needs = "signed, but without the proof that the rule wants (1 signature): needs a certificate that \
                 `certChain` leads to (attestors[0].entries[0]): ";
    let chain = json!({"certChain": acme().fulcio.chain_pem(), "rekor": {"ignoreTlog": true}});
    let long = Leaf { not_after: BEGINNING + 730 * 86_400, ..jane() };
    assert_eq!(
        words(settings(chain.clone()), |p| vec![acme().sign(&jane(), p, LOGGED)]),
        format!(
            "{needs}its certificate expired at 2025-01-01T00:10:00Z; only a log entry or a timestamp proves that it \
             was signed before"
        )
    );
    let other = Sigstore::new("other", BEGINNING);
    assert_eq!(
        words(settings(chain), |p| vec![other.sign(&long, p, LOGGED)]),
        format!("{needs}its certificate does not lead to those of the chain in the settings")
    );
}

/// What somebody who can push signatures makes the policy spend has an end, and a clock is looked at on the way.
#[test]
fn certificates_cost_more_than_signatures() {
    let signed = |layers: usize| {
        let rule = json!({
            "name": "release",
            "imageReferences": ["r.example.com/*"],
            "attestors": [{"entries": [keyless("jane@example.com"), keyless("jane@*")]}],
        });
        let mut settings = settings(&[rule]);
        settings["trustRoot"] = acme().trust_root().to_value();
        let mut registry = FakeRegistry::new();
        let digest = registry.push(APP);
        let signed = acme().sign(&jane(), &payload("r.example.com/acme/app", &digest), LOGGED);
        let layer = Signed { entry: None, ..signed }.layer();
        registry.attach(APP, &digest, manifest(&vec![layer; layers]));
        let answer = decide(&settings, &pod(APP), &registry);
        (answer.code, answer.message)
    };
    // Each is looked at for two entries, and costs nine verifications for each.
    let (code, message) = signed(1000 / 18);
    assert_eq!(code, Some(403), "{message}");
    let (code, message) = signed(1000 / 18 + 1);
    assert_eq!(code, Some(503));
    assert!(message.ends_with("more than 1000 signature verifications in one request"), "{message}");
}
