//! Converts in the tests' way: with the placeholders of keys filled in, and every result held to the CRDs, to the
//! compiled module, and to what a pair has to be.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

use serde_json::{Value, json};
use sigwarden_host::convert::{Conversion, ConvertError, Options, convert};
use sigwarden_host::host::NoBackend;
use sigwarden_host::{Grants, Host, Policy, Settings};
use sigwarden_testkit::idioms;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The module under test, compiled once.
pub(crate) fn policy() -> &'static Policy {
    static POLICY: LazyLock<Policy> = LazyLock::new(load_policy);
    &POLICY
}

fn load_policy() -> Policy {
    let module = env::var_os("SIGWARDEN_POLICY").map_or_else(|| root().join("policy.wasm"), PathBuf::from);
    let path = module.display();
    assert!(module.is_file(), "there is no {path}: run `make policy.wasm` first, or set SIGWARDEN_POLICY");
    Policy::load(&module, None).unwrap()
}

/// One YAML document, with keys where [`idioms::put_in_keys`] puts them.
pub(crate) fn fill(text: &str) -> String {
    let mut value: Value = serde_norway::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    idioms::put_in_keys(&mut value);
    serde_norway::to_string(&value).unwrap()
}

pub(crate) fn options() -> Options {
    Options {
        module: "registry://registry.example.com/sigwarden:v1".to_owned(),
        policy_server: None,
        exclude_namespaces: Vec::new(),
        resources: Vec::new(),
    }
}

/// Converts, with the module judging the settings.
pub(crate) fn run(policy: &Policy, text: &str, options: &Options) -> Result<Conversion, ConvertError> {
    convert(text, options, &mut |settings| {
        let settings = Settings::from_yaml(&serde_norway::to_string(settings).unwrap()).unwrap();
        let answer = policy.validate_settings(&settings, &Host::new(Grants::default(), NoBackend));
        if answer.valid { Ok(()) } else { Err(answer.message.unwrap_or_default()) }
    })
}

/// The policies as they are written and read again.
pub(crate) fn manifests(conversion: &Conversion) -> Vec<Value> {
    let written = conversion.manifests.iter().map(|manifest| manifest.to_yaml().unwrap());
    written.map(|yaml| serde_norway::from_str(&yaml).unwrap()).collect()
}

/// What everything that is written has to be, whatever it was made of.
pub(crate) fn check(name: &str, manifests: &[Value]) {
    assert!(!manifests.is_empty(), "{name}");
    for manifest in manifests {
        crate::crd::check(manifest).unwrap_or_else(|error| panic!("{name}: {error}"));
        let spec = &manifest["spec"];
        let settings = &spec["settings"];
        sigwarden::settings::Settings::parse(settings).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(settings["unmatchedImages"], json!("allow"), "{name}");
        let selectors = [&spec["namespaceSelector"], &spec["objectSelector"]];
        assert!(selectors.iter().all(|selector| selector.get("matchLabels").is_none()), "{name}");
        assert!(spec["timeoutEvalSeconds"].as_u64() <= spec["timeoutSeconds"].as_u64(), "{name}");
        if spec["mutating"] == json!(true) {
            assert_eq!(spec["mode"], json!("protect"), "{name}: nothing that is monitored is changed");
            let twin = twin_of(manifest, manifests);
            let mut found = twin["spec"].clone();
            found["backgroundAudit"] = json!(false);
            assert_eq!(found, expected_twin(spec), "{name}");
            assert_eq!(spec["backgroundAudit"], json!(false), "{name}: the twin looks at what runs");
        } else {
            let items = settings["verifyImages"].as_array().unwrap();
            assert!(items.iter().all(|item| item["mutateDigest"] == json!(false)), "{name}");
        }
    }
}

pub(crate) fn twin_of<'m>(manifest: &Value, manifests: &'m [Value]) -> &'m Value {
    let name = format!("{}-verify", manifest["metadata"]["name"].as_str().unwrap());
    let twin = manifests.iter().find(|other| other["metadata"]["name"] == json!(name));
    twin.unwrap_or_else(|| panic!("{name} is missing"))
}

/// The same scope, and rules that change nothing and ask for digests: all else is equal.
fn expected_twin(spec: &Value) -> Value {
    let mut twin = spec.clone();
    twin["mutating"] = json!(false);
    for item in twin["settings"]["verifyImages"].as_array_mut().unwrap() {
        let asks = item["mutateDigest"] == json!(true) || item["verifyDigest"] == json!(true);
        item["mutateDigest"] = json!(false);
        item["verifyDigest"] = json!(asks);
    }
    twin
}
