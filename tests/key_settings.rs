//! What public keys are refused in the settings: path and problem exactly, the words to the letter. Each refusal has a
//! twin that is accepted, so that a refusal is never for another reason.

use serde_json::{Value, json};
use sigwarden::settings::Problem;
use sigwarden::verify::{EvidenceTerms, KeyError, TrustRoot};
use sigwarden_testkit::Key;
use sigwarden_testkit::forge::pem;
use sigwarden_testkit::reading::{
    ENTRY, accepted, error, evidence, good, good_with, good_without, refused_in_words, with_entries,
    with_keys,
};
use sigwarden_testkit::run::entry;

const EXPLICIT: &str = include_str!("vectors/keys/p256-explicit-parameters.pub");
const CERTIFICATE: &str = include_str!("vectors/keys/certificate.pem");
const PUBLIC_KEYS: &str = "verifyImages[0].attestors[0].entries[0].keys.publicKeys";

#[test]
fn keys_that_are_none() {
    let key = Key::new("release");
    let malformed = "malformed PEM: expected nothing but whole `PUBLIC KEY` blocks";
    let malformed_key = "malformed public key: expected a DER SubjectPublicKeyInfo in PEM";
    let pem_text = key.pem();
    let (begin, body) = pem_text.split_once('\n').unwrap();
    for (text, error, words) in [
        (String::new(), KeyError::NoPem, "no `-----BEGIN PUBLIC KEY-----` block found"),
        ("cosign.pub".to_owned(), KeyError::NoPem, "no `-----BEGIN PUBLIC KEY-----` block found"),
        (body.to_owned(), KeyError::NoPem, "no `-----BEGIN PUBLIC KEY-----` block found"),
        (begin.to_owned(), KeyError::MalformedPem, malformed),
        (pem_text.replace("END PUBLIC", "END PRIVATE"), KeyError::MalformedPem, malformed),
        (pem_text.replace('\n', " "), KeyError::MalformedPem, malformed),
        (pem_text.replace('A', "!"), KeyError::MalformedPem, malformed),
        (format!("{pem_text}and more"), KeyError::MalformedPem, malformed),
        (format!("{begin}\n{pem_text}"), KeyError::MalformedPem, malformed),
        (pem("PUBLIC KEY", b""), KeyError::MalformedPem, malformed),
        (pem("PUBLIC KEY", b"\x30\x00"), KeyError::MalformedKey, malformed_key),
        (EXPLICIT.to_owned(), KeyError::MalformedKey, malformed_key),
        (
            pem_text.replace("PUBLIC KEY", "EC PARAMETERS"),
            KeyError::Label("EC PARAMETERS".to_owned()),
            "a PEM block `EC PARAMETERS`; allowed: PUBLIC KEY or RSA PUBLIC KEY",
        ),
        (
            CERTIFICATE.to_owned(),
            KeyError::Certificate,
            "this is a certificate, not a public key; extract its key with `openssl x509 -pubkey -noout`",
        ),
        // One bad block among good ones spoils all: a key left out would be one signer less.
        (format!("{pem_text}{}", pem("PUBLIC KEY", b"x")), KeyError::MalformedKey, malformed_key),
    ] {
        refused_in_words(&with_keys(&text), PUBLIC_KEYS, &Problem::Key(error), words);
    }
    let limit = sigwarden::limits::MAX_KEY_BYTES;
    let long = format!("{pem_text}{}", "\n".repeat(limit));
    // Blank lines around a key are nothing, and a limit is not met by blanks alone.
    accepted(&with_keys(&long));
    let long = format!("-----BEGIN PUBLIC KEY-----\n{}", "A".repeat(limit));
    refused_in_words(
        &with_keys(&long),
        PUBLIC_KEYS,
        &Problem::Key(KeyError::TooLong),
        "longer than 65536 bytes",
    );
    // The twins: indented, with CRLF, with a compressed point, with blank lines.
    for good in [
        pem_text.clone(),
        pem_text.replace('\n', "\r\n"),
        pem_text.lines().map(|line| format!("    {line}\n")).collect(),
        key.compressed_pem(),
        format!("\n\n{pem_text}\n\n"),
    ] {
        assert_eq!(accepted(&with_keys(&good)), accepted(&good_with_key(&key)), "{good}");
    }
}

fn good_with_key(key: &Key) -> Value {
    with_keys(&key.pem())
}

#[test]
fn keys_on_a_point_that_is_none() {
    let key = Key::new("release");
    // The last byte of the point changed: not on the curve.
    let body: String = key.pem().lines().filter(|line| !line.starts_with('-')).collect();
    let der = {
        use base64::Engine as _;
        let mut der = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
        *der.last_mut().unwrap() ^= 1;
        der
    };
    assert_eq!(error(&with_keys(&pem("PUBLIC KEY", &der))).problem(), &Problem::Key(KeyError::MalformedKey));
    // One byte more or less.
    for der in [&der[..der.len() - 1], &[&der[..], &[0]].concat()] {
        assert_eq!(
            error(&with_keys(&pem("PUBLIC KEY", der))).problem(),
            &Problem::Key(KeyError::MalformedKey)
        );
    }
}

#[test]
fn private_keys_are_named_and_never_shown() {
    let words = "this is a private key; write the public one (cosign.pub), and replace this key pair: settings \
                 are readable by many";
    let private = Key::new("secret").private_pem();
    let encrypted = |label| pem(label, br#"{"kdf":{"name":"scrypt"},"cipher":{},"ciphertext":"c2VjcmV0"}"#);
    for text in [
        private.clone(),
        private.replace("PRIVATE", "EC PRIVATE"),
        encrypted("ENCRYPTED COSIGN PRIVATE KEY"),
        encrypted("ENCRYPTED SIGSTORE PRIVATE KEY"),
        encrypted("ENCRYPTED PRIVATE KEY"),
        // Behind a good key.
        format!("{}{private}", Key::new("release").pem()),
    ] {
        refused_in_words(&with_keys(&text), PUBLIC_KEYS, &Problem::Key(KeyError::PrivateKey), words);
    }
    // Wherever a private key is pasted, no line of its content comes back.
    let content = private.lines().nth(1).unwrap();
    let (secret, _) = content.split_at(8);
    for settings in [
        with_keys(&private),
        with_keys(&private.replace('\n', " ")),
        with_keys(&private.replace("-----END", "----END")),
        with_keys(&private.replace("-----BEGIN PRIVATE KEY-----\n", "")),
        with_keys(&format!("builtin:{private}")),
        with_keys(&format!("builtin:{content}")),
        with_keys(&format!("k8s://{private}")),
        good_with("/verifyImages/0/name", json!(private)),
        good_with("/verifyImages/0/type", json!(private)),
        good_with("/verifyImages/0/imageReferences", json!([private])),
        good_with(&format!("/{}", private.replace('/', "~1")), json!(1)),
        good_with("/verifyImages/0/attestors/0/entries/0/keys", json!({"secret": {"name": private}})),
        good_with(
            "/verifyImages/0/attestors/0/entries/0/keys",
            json!({"secret": {"name": "release", "key": private}}),
        ),
        good_with("/verifyImages/0/attestors/0/entries/0/keys", json!({"secret": private})),
        good_with("/revoked", json!({"keys": [private]})),
        good_with("/verifyImages/0/attestors/0/entries/0/keys", json!(private)),
        good_with("/verifyImages/0/attestors/0/entries/0/keys/rekor", json!(private)),
        good_with("/verifyImages/0/attestors/0/entries/0", json!(private)),
        good_with("/verifyImages/0/attestors/0/count", json!(private)),
        good_with("/verifyImages/0/attestors", json!(private)),
        good_with("/verifyImages/0", json!(private)),
        json!(private),
    ] {
        let shown = error(&settings).to_string();
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn the_same_key_twice() {
    let (a, b) = (Key::new("a"), Key::new("b"));
    let words = format!("the same signer as {ENTRY}; each signer counts once");
    let problem = |first: &str| Problem::DuplicateKey { first: first.to_owned() };
    let other_spelling = |text: &str| json!({"keys": {"publicKeys": text, "rekor": {"ignoreTlog": true}}});
    let second = "verifyImages[0].attestors[0].entries[1]";
    for twin in [
        a.pem(),
        a.pem().replace('\n', "\r\n"),
        a.pem().lines().map(|line| format!("  {line}\n")).collect(),
        a.compressed_pem(),
    ] {
        let settings = with_entries(&[entry(&a), other_spelling(&twin)]);
        refused_in_words(&settings, second, &problem(ENTRY), &words);
    }
    accepted(&with_entries(&[entry(&a), entry(&b)]));

    // In one block: which of its keys is said.
    let first = format!("{ENTRY} key 1");
    refused_in_words(
        &with_keys(&format!("{}{}{}", a.pem(), b.pem(), a.compressed_pem())),
        &format!("{ENTRY} key 3"),
        &problem(&first),
        &format!("the same signer as {first}; each signer counts once"),
    );
    // In a set within the set, where a signer would be counted by both.
    let nested = json!({"attestor": {"count": 1, "entries": [entry(&b), entry(&a)]}});
    refused_in_words(
        &with_entries(&[entry(&a), nested]),
        "verifyImages[0].attestors[0].entries[1].attestor.entries[1]",
        &problem(ENTRY),
        &words,
    );
    // Sets are ANDed and count for themselves: the same signer may stand in both.
    let sets = json!([{"entries": [entry(&a)]}, {"count": 1, "entries": [entry(&a), entry(&b)]}]);
    accepted(&good_with("/verifyImages/0/attestors", sets));
}

#[test]
fn rekor_is_required_until_it_is_switched_off() {
    let at = "/verifyImages/0/attestors/0/entries/0/keys";
    let required = EvidenceTerms { log: true, ..EvidenceTerms::default() };
    for settings in [
        good_without("/verifyImages/0/attestors/0/entries/0/keys/rekor"),
        good_with(&format!("{at}/rekor"), json!({})),
        good_with(&format!("{at}/rekor"), json!({"ignoreTlog": false})),
        good_with(&format!("{at}/rekor"), json!({"url": ""})),
    ] {
        assert_eq!(evidence(&settings), required, "{settings}");
    }
    assert_eq!(evidence(&good()), EvidenceTerms::default());
    assert_eq!(
        EvidenceTerms::default(),
        EvidenceTerms { log: false, timestamp: false, sct: false, trust: TrustRoot::public_good() }
    );
    // A log that is named is one log of the trust root, not all of them.
    let named = evidence(&good_with(&format!("{at}/rekor"), json!({"url": "https://rekor.sigstore.dev"})));
    assert!(named.log && named.trust != required.trust);
}

#[test]
fn the_builtin_keyring_is_empty() {
    let problem = Problem::UnknownBuiltinKey { name: "release".to_owned(), known: Vec::new() };
    let words = "`builtin:release` is not in this module's keyring; it has: no keys";
    refused_in_words(&with_keys("builtin:release"), PUBLIC_KEYS, &problem, words);
}
