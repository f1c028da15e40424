//! Every type of key, from the settings to the verdict: which keys are taken, and which signatures of theirs count.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sigwarden::registry::KeySourceError;
use sigwarden::settings::{Problem, Settings};
use sigwarden::verdict::Reason;
use sigwarden::verify::{HashAlgorithm, ImpossibleHash, KeyError, PublicKey};
use sigwarden_testkit::forge::{layer, manifest, payload, pem};
use sigwarden_testkit::objects::pod;
use sigwarden_testkit::run::{APP, REPOSITORY, reason};
use sigwarden_testkit::typed::{self, How, der, rsa_key, rsa_spki, spki};
use sigwarden_testkit::{FakeRegistry, TypedKey, decide};

const ENTRY: &str = "verifyImages[0].attestors[0].entries[0]";

fn entry(pem: &str) -> Value {
    json!({"keys": {"publicKeys": pem, "rekor": {"ignoreTlog": true}}})
}

fn settings(entries: &[Value]) -> Value {
    json!({"verifyImages": [{"imageReferences": ["r.example.com/*"], "attestors": [{"entries": entries}]}]})
}

/// Settings of one key, with a hash if one is required.
fn wanting(pem: &str, hash: Option<&str>) -> Value {
    let mut entry = entry(pem);
    if let Some(hash) = hash {
        entry["signatureAlgorithm"] = json!(hash);
    }
    settings(&[entry])
}

/// A registry with the app, to which a signature over its payload is attached.
fn registry(sign: impl Fn(&[u8]) -> Vec<u8>) -> FakeRegistry {
    let mut registry = FakeRegistry::new();
    let digest = registry.push(APP);
    let payload = payload(REPOSITORY, &digest);
    registry.attach(APP, &digest, manifest(&[layer(&payload, &sign(payload.as_bytes()))]));
    registry
}

fn accepts(settings: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> bool {
    decide(settings, &pod(APP), &registry(sign)).accepted
}

/// A bit changed.
fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 0x10;
    bytes
}

/// Every way in which a key can sign, with the hash that this is.
fn ways(key: &TypedKey) -> &'static [(How, &'static str)] {
    match key {
        TypedKey::P256(_) | TypedKey::P384(_) | TypedKey::P521(_) => {
            &[(How::Sha256, "sha256"), (How::Sha384, "sha384"), (How::Sha512, "sha512")]
        }
        TypedKey::Rsa(_) => &[
            (How::Sha256, "sha256"),
            (How::Sha384, "sha384"),
            (How::Sha512, "sha512"),
            (How::PssSha256, "sha256"),
            (How::PssSha384, "sha384"),
            (How::PssSha512, "sha512"),
        ],
        TypedKey::Ed25519(_) => &[(How::Pure, "sha512"), (How::Prehashed, "sha512")],
    }
}

/// The hashes that count where none is required.
fn defaults(name: &str) -> &'static [&'static str] {
    match name {
        "P-256" | "RSA 2048" => &["sha256"],
        "P-384" | "RSA 3072" => &["sha384", "sha256"],
        "P-521" | "RSA 4096" => &["sha512", "sha256"],
        "Ed25519" => &["sha512"],
        other => panic!("{other}"),
    }
}

#[test]
fn every_way_to_sign_by_every_type_of_key() {
    for (name, key) in TypedKey::all("release") {
        let pem = key.pem();
        for (how, hash) in ways(&key) {
            let signature = |message: &[u8]| key.sign(message, *how);
            for required in [None, Some("sha256"), Some("sha384"), Some("sha512")] {
                let settings = wanting(&pem, required);
                if name == "Ed25519" && matches!(required, Some("sha256" | "sha384")) {
                    assert!(Settings::parse(&settings).is_err());
                    continue;
                }
                let expected = required.map_or(defaults(name).contains(hash), |required| required == *hash);
                assert_eq!(accepts(&settings, signature), expected, "{name} {how:?} {required:?}");
            }
            // The twins.
            let settings = wanting(&pem, Some(hash));
            let message = |text: &[u8]| flipped(text, text.len() - 1);
            assert!(!accepts(&settings, |text| key.sign(&message(text), *how)), "{name} {how:?}: message");
            for at in [0, 20] {
                assert!(!accepts(&settings, |text| flipped(&signature(text), at)), "{name} {how:?}: {at}");
            }
        }
    }
}

/// No signature by a key of one type counts for a key of another, and none of them is called malformed.
#[test]
fn every_key_against_every_other() {
    let (ours, theirs) = (TypedKey::all("ours"), TypedKey::all("theirs"));
    for (wanted, key) in &ours {
        let settings = wanting(&key.pem(), None);
        for (name, signer) in &theirs {
            if matches!(signer, TypedKey::Rsa(_)) && wanted == name {
                continue;
            }
            for (how, _) in ways(signer) {
                let answer = decide(&settings, &pod(APP), &registry(|text| signer.sign(text, *how)));
                assert!(!answer.accepted, "{wanted} {name} {how:?}");
                let needs = format!(
                    "signed, but not by whom the rule wants (1 signature): needs key {} (attestors[0].entries[0]); \
                     sign with a key that the rule names, or add the signer's key to it",
                    key.fingerprint()
                );
                assert!(answer.message.contains(&needs), "{}", answer.message);
                assert!(!answer.message.contains("malformed"), "{}", answer.message);
            }
        }
    }
}

/// What has the form of no signature is malformed, whatever the key.
#[test]
fn signatures_of_no_form() {
    for (name, key) in TypedKey::all("release") {
        for signature in [vec![0; 63], vec![0; 65], vec![0; 255], vec![0; 513], vec![0x30, 0], vec![1]] {
            let answer = decide(&wanting(&key.pem(), None), &pod(APP), &registry(|_| signature.clone()));
            assert!(answer.message.contains("; 1 signature malformed"), "{name}: {}", answer.message);
        }
    }
}

/// A way to spoil a signature.
type Spoil = fn(&[u8]) -> Vec<u8>;

/// Another length, a length in its long form, a number with a zero too many.
#[test]
fn ecdsa_signatures_are_strict_der() {
    for (name, key) in TypedKey::all("release").into_iter().take(3) {
        let settings = wanting(&key.pem(), None);
        assert!(accepts(&settings, |text| key.sign(text, How::Sha256)), "{name}");
        let spoilt: [Spoil; 4] = [
            |signature| [signature, &[0]].concat(),
            |signature| signature[..signature.len() - 1].to_vec(),
            |signature| {
                let body = if signature[1] == 0x81 { &signature[3..] } else { &signature[2..] };
                let length = u8::try_from(body.len()).unwrap();
                [&[0x30, 0x82, 0, length], body].concat()
            },
            |signature| {
                let at = if signature[1] == 0x81 { 3 } else { 2 };
                let (r, s) = signature[at..].split_at(2 + usize::from(signature[at + 1]));
                let padded = [&[2, r[1] + 1, 0], &r[2..], s].concat();
                der(0x30, &padded)
            },
        ];
        for (index, spoil) in spoilt.iter().enumerate() {
            assert!(!accepts(&settings, |text| spoil(&key.sign(text, How::Sha256))), "{name} {index}");
        }
    }
}

/// The words and the problem of a `publicKeys` that is refused.
fn refused(text: &str) -> (KeyError, String) {
    let error = Settings::parse(&wanting(text, None)).unwrap_err();
    assert_eq!(error.path(), format!("{ENTRY}.keys.publicKeys"));
    let Problem::Key(problem) = error.problem() else { panic!("{error}") };
    (problem.clone(), problem.to_string())
}

#[test]
fn keys_that_are_taken() {
    let pkcs1 = include_str!("vectors/keys/rsa-pkcs1.pub");
    for text in [
        include_str!("vectors/keys/p384.pub"),
        include_str!("vectors/keys/p521.pub"),
        include_str!("vectors/keys/rsa.pub"),
        include_str!("vectors/keys/ed25519.pub"),
        pkcs1,
    ] {
        Settings::parse(&wanting(text, None)).unwrap();
    }
    // One key, written in two ways, is one signer.
    let both = [entry(include_str!("vectors/keys/rsa.pub")), entry(pkcs1)];
    let error = Settings::parse(&settings(&both)).unwrap_err();
    assert!(matches!(error.problem(), Problem::DuplicateKey { .. }), "{error}");
}

#[test]
fn keys_that_are_refused() {
    let unsupported = |oid: &str| {
        let words = format!(
            "a key of type {oid} is not supported; allowed: ECDSA P-256, P-384 or P-521, RSA, or Ed25519"
        );
        (KeyError::Unsupported(oid.to_owned()), words)
    };
    let size = |bits| (KeyError::RsaSize(bits), format!("an RSA key of {bits} bits; allowed: 2048 to 4096"));
    let exponent = "an RSA key with another public exponent than 65537, the only one allowed";
    let exponent = (KeyError::RsaExponent, exponent.to_owned());
    for (text, expected) in [
        (include_str!("vectors/keys/secp256k1.pub"), unsupported("1.3.132.0.10")),
        (include_str!("vectors/keys/ed448.pub"), unsupported("1.3.101.113")),
        (include_str!("vectors/keys/rsa-pss.pub"), unsupported("1.2.840.113549.1.1.10")),
        (include_str!("vectors/keys/rsa-1024.pub"), size(1024)),
        (include_str!("vectors/keys/rsa-2047.pub"), size(2047)),
        (include_str!("vectors/keys/rsa-4104.pub"), size(4104)),
        (include_str!("vectors/keys/rsa-exponent-3.pub"), exponent.clone()),
        (include_str!("vectors/keys/rsa-exponent-65539.pub"), exponent),
    ] {
        assert_eq!(refused(text), expected);
    }
}

/// The DER of a PEM block.
fn der_of(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(body).unwrap()
}

/// Every type: a byte more, a byte less; for the curves, a point that is not on them.
#[test]
fn keys_that_are_malformed() {
    for (name, key) in TypedKey::all("release") {
        let good = key.spki();
        assert_eq!(der_of(&key.pem()), good);
        Settings::parse(&wanting(&key.pem(), None)).unwrap();
        let mut bad = vec![good[..good.len() - 1].to_vec(), [&good[..], &[0]].concat()];
        if name.starts_with("P-") {
            bad.push(flipped(&good, good.len() - 1));
        }
        for bad in bad {
            assert_eq!(refused(&pem("PUBLIC KEY", &bad)).0, KeyError::MalformedKey, "{name}");
        }
    }
}

#[test]
fn rsa_keys_are_strict_der() {
    let modulus = [&[0x80][..], &[0; 254], &[1]].concat();
    let taken = |label: &str, der: &[u8]| Settings::parse(&wanting(&pem(label, der), None)).map(drop);
    let key = rsa_key(&modulus, &[1, 0, 1]);
    taken("PUBLIC KEY", &rsa_spki(&key)).unwrap();
    taken("RSA PUBLIC KEY", &key).unwrap();
    let integer = |bytes: &[u8]| der(2, bytes);
    let exponent = integer(&[1, 0, 1]);
    let positive = integer(&[&[0], &modulus[..]].concat());
    let mut even = modulus.clone();
    even[255] = 2;
    for bad in [
        rsa_key(&even, &[1, 0, 1]),
        // Negative, with a zero too many, with a third number, without the second.
        der(0x30, &[integer(&modulus), exponent.clone()].concat()),
        der(0x30, &[integer(&[&[0, 0], &modulus[..]].concat()), exponent.clone()].concat()),
        der(0x30, &[positive.clone(), exponent.clone(), exponent.clone()].concat()),
        der(0x30, &positive),
        der(0x30, &[positive.clone(), integer(&[0, 1, 0, 1])].concat()),
        [key.clone(), vec![0]].concat(),
    ] {
        assert_eq!(refused(&pem("RSA PUBLIC KEY", &bad)).0, KeyError::MalformedKey);
        assert_eq!(refused(&pem("PUBLIC KEY", &rsa_spki(&bad))).0, KeyError::MalformedKey);
    }
    // Without the parameters, with others.
    for parameters in [&[][..], &[5, 1, 0], &[4, 0]] {
        let bad = spki(&[&typed::RSA, parameters].concat(), &key);
        assert_eq!(refused(&pem("PUBLIC KEY", &bad)).0, KeyError::MalformedKey);
    }
    for zero in [&[0][..], &[1]] {
        assert_eq!(refused(&pem("RSA PUBLIC KEY", &rsa_key(&modulus, zero))).0, KeyError::RsaExponent);
    }
}

/// The points of small order, and a second spelling of a point, are no keys.
#[test]
fn ed25519_keys_that_are_refused() {
    let key = |y: &[u8; 32]| pem("PUBLIC KEY", &spki(&typed::ED25519, y));
    let small = |first: u8, rest: u8, last: u8| {
        let mut y = [rest; 32];
        (y[0], y[31]) = (first, last);
        y
    };
    let eight = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
    let other = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
    let hex = |text: &str| -> [u8; 32] {
        let byte = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
        text.as_bytes().chunks(2).map(byte).collect::<Vec<_>>().try_into().unwrap()
    };
    // 0, 1 and -1, their other signs and their spellings beyond the field's order; the points of order eight.
    for y in [
        small(0, 0, 0),
        small(0, 0, 0x80),
        small(1, 0, 0),
        small(0xec, 0xff, 0x7f),
        small(0xed, 0xff, 0x7f),
        small(0xee, 0xff, 0x7f),
        small(0xed, 0xff, 0xff),
        hex(eight),
        hex(other),
    ] {
        assert_eq!(refused(&key(&y)).0, KeyError::Weak, "{y:?}");
    }
    assert_eq!(refused(&key(&small(0, 0, 0))).1, "a weak Ed25519 key: signatures by it prove nothing");
    // y = 3 is on the curve; so is its spelling as p + 3.
    Settings::parse(&wanting(&key(&small(3, 0, 0)), None)).unwrap();
    assert_eq!(refused(&key(&small(0xf0, 0xff, 0x7f))).0, KeyError::MalformedKey);
    // y = 2 is not.
    assert_eq!(refused(&key(&small(2, 0, 0))).0, KeyError::MalformedKey);
    let parameters = spki(&[&typed::ED25519[..], &[5, 0]].concat(), &small(3, 0, 0));
    assert_eq!(refused(&pem("PUBLIC KEY", &parameters)).0, KeyError::MalformedKey);
}

#[test]
fn the_hash_is_read_in_either_place() {
    let (_, key) = TypedKey::all("release").remove(1);
    let settings = |entry: Option<&str>, keys: Option<&str>| {
        let mut settings = wanting(&key.pem(), entry);
        if let Some(keys) = keys {
            settings["verifyImages"][0]["attestors"][0]["entries"][0]["keys"]["signatureAlgorithm"] =
                json!(keys);
        }
        settings
    };
    for (entry, keys) in [(Some("sha384"), None), (None, Some("sha384")), (Some("sha384"), Some("sha384"))] {
        assert!(accepts(&settings(entry, keys), |text| key.sign(text, How::Sha384)));
        assert!(!accepts(&settings(entry, keys), |text| key.sign(text, How::Sha256)));
    }
    let error = Settings::parse(&settings(Some("sha256"), Some("sha384"))).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{ENTRY}.keys.signatureAlgorithm: found `sha384`, but {ENTRY}.signatureAlgorithm says `sha256`; write one \
             of them"
        )
    );
    let allowed = "allowed: sha256, sha384 or sha512";
    for other in ["sha224", "SHA256", "sha-256", "sha1", ""] {
        let error = Settings::parse(&settings(None, Some(other))).unwrap_err();
        assert_eq!(error.to_string(), format!("{ENTRY}.keys.signatureAlgorithm: found `{other}`; {allowed}"));
    }
}

#[test]
fn a_hash_that_the_key_never_signs_with() {
    let (_, key) = TypedKey::all("release").pop().unwrap();
    let public = PublicKey::parse_all(&key.pem()).unwrap().remove(0);
    for (name, hash) in [("sha256", HashAlgorithm::Sha256), ("sha384", HashAlgorithm::Sha384)] {
        let problem = ImpossibleHash { key: public.fingerprint(), hash };
        let words = format!(
            "`{name}`, but key {} is an Ed25519 key; allowed: `sha512`, or no `signatureAlgorithm`",
            key.fingerprint()
        );
        let error = Settings::parse(&wanting(&key.pem(), Some(name))).unwrap_err();
        assert_eq!(error.path(), format!("{ENTRY}.signatureAlgorithm"));
        assert_eq!(error.problem(), &Problem::Hash(problem));
        assert_eq!(error.to_string(), format!("{ENTRY}.signatureAlgorithm: found {words}"));

        // The cluster's keys are only known when an image is verified.
        let mut entry = json!({"keys": {"secret": {"name": "release", "namespace": "shop"}}});
        entry["keys"]["rekor"] = json!({"ignoreTlog": true});
        entry["signatureAlgorithm"] = json!(name);
        let mut registry = registry(|text| key.sign(text, How::Pure));
        let secret = json!({"data": {"cosign.pub": STANDARD.encode(key.pem())}});
        registry.store("Secret", "shop", "release", secret);
        let answer = decide(&settings(&[entry.clone()]), &pod(APP), &registry);
        assert_eq!(reason(&answer), &Reason::Keys(KeySourceError::Hash(problem)));
        assert_eq!(answer.code, Some(403));
        assert!(answer.message.ends_with(&format!("`signatureAlgorithm` is {words}")), "{}", answer.message);
        entry["signatureAlgorithm"] = json!("sha512");
        assert!(decide(&settings(&[entry]), &pod(APP), &registry).accepted);
    }
}
