//! A registry that is a map, and a clock that only calls advance.

use core::time::Duration;
use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};
use sigwarden::attached::Carried;
use sigwarden::image::{ImageDigest, ImageReference};
use sigwarden::registry::{Clock, Host, HostError, Operation};
use sigwarden::requirement::KeySourceKind;
use sigwarden::time::Time;

use crate::forge::{self, Key};

/// What distribution answers for what it does not have, in the words of the real host.
pub const UNKNOWN: &str = "Fail to interact with OCI registry: Registry error: url \
                           https://r.example.com/v2/app/manifests/x, envelope: OCI API errors: [OCI API \
                           error: manifest unknown]";

type Calls = Vec<(&'static str, String)>;

/// A registry that answers from a map and writes down what it was asked.
#[derive(Debug, Default, Clone)]
pub struct FakeRegistry {
    answers: BTreeMap<(&'static str, String), Result<Vec<u8>, String>>,
    calls: RefCell<Calls>,
    call_takes: Duration,
    now: Option<Time>,
}

/// How the calls are named here.
#[must_use]
pub fn name(operation: Operation) -> &'static str {
    match operation {
        Operation::ManifestDigest => "digest",
        Operation::Manifest => "manifest",
        Operation::ManifestAndConfig => "config",
    }
}

impl FakeRegistry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A registry of which each call takes some time.
    #[must_use]
    pub fn slow(call_takes: Duration) -> Self {
        Self { call_takes, ..Self::default() }
    }

    /// A registry with one image, and the layers of its signature manifest, which are made of its digest.
    pub fn with_layers(image: &str, layers: impl FnOnce(&str) -> Vec<Value>) -> Self {
        Self::with_manifest(image, |digest| forge::manifest(&layers(digest)))
    }

    /// A registry with one image, and what is stored as its signature manifest.
    pub fn with_manifest(image: &str, manifest: impl FnOnce(&str) -> Value) -> Self {
        let mut registry = Self::new();
        let digest = registry.push(image);
        registry.attach(image, &digest, manifest(&digest));
        registry
    }

    /// A registry with one image, signed by each of the keys.
    #[must_use]
    pub fn signed(image: &str, keys: &[&Key]) -> Self {
        let mut registry = Self::new();
        registry.push_signed(image, keys);
        registry
    }

    /// Stores an image, unsigned. Gives its digest, which follows from the name.
    pub fn push(&mut self, image: &str) -> String {
        let digest = forge::hex_digest(image.as_bytes());
        self.answer("digest", &canonical(image), json!({"digest": digest}));
        digest
    }

    /// Stores an image with a signature by each of the keys. Gives its digest.
    pub fn push_signed(&mut self, image: &str, keys: &[&Key]) -> String {
        let digest = self.push(image);
        self.sign(image, &digest, keys);
        digest
    }

    /// Stores signatures of an image by each of the keys.
    pub fn sign(&mut self, image: &str, digest: &str, keys: &[&Key]) {
        let reference = ImageReference::parse(image).unwrap();
        let name = reference.repository().to_string().replace("docker.io/", "index.docker.io/");
        let layers: Vec<Value> = keys.iter().map(|key| forge::signed(key, &name, digest)).collect();
        self.attach(image, digest, forge::manifest(&layers));
    }

    /// Stores what is found under the signature tag of an image.
    pub fn attach(&mut self, image: &str, digest: &str, manifest: Value) {
        self.answer("manifest", &signature_tag(image, digest), manifest);
    }

    /// Stores a carrier of bundles: of signatures, or of attestations of a type.
    pub fn carry(&mut self, image: &str, digest: &str, carried: Carried<'_>, bundles: &[Value]) {
        let reference = ImageReference::parse(image).unwrap();
        let tag = carried.tag(ImageDigest::parse(digest).unwrap());
        self.answer("config", &format!("{}:{tag}", reference.repository()), carrier(bundles));
    }

    /// Sets the answer of a call: `digest`, `manifest` or `config`.
    pub fn answer(&mut self, operation: &'static str, image: &str, answer: Value) {
        self.answer_bytes(operation, image, answer.to_string().into_bytes());
    }

    /// Sets the answer of a call to some bytes.
    pub fn answer_bytes(&mut self, operation: &'static str, image: &str, answer: Vec<u8>) {
        self.answers.insert((operation, image.to_owned()), Ok(answer));
    }

    /// Stores an object of the cluster.
    pub fn store(&mut self, kind: &str, namespace: &str, name: &str, object: Value) {
        self.answer("object", &format!("{kind} {namespace}/{name}"), object);
    }

    /// Sets the time.
    pub fn set_now(&mut self, now: &str) {
        self.now = Time::parse(now);
    }

    /// Lets a call fail with the host's words.
    pub fn fail(&mut self, operation: &'static str, image: &str, words: &str) {
        self.answers.insert((operation, image.to_owned()), Err(words.to_owned()));
    }

    /// Answers one call.
    ///
    /// # Errors
    /// The words of the host, for what was set to fail and for what is not there.
    pub fn ask(&self, operation: &'static str, image: &str) -> Result<Vec<u8>, String> {
        self.calls.borrow_mut().push((operation, image.to_owned()));
        let known = self.answers.get(&(operation, image.to_owned()));
        known.cloned().unwrap_or_else(|| Err(UNKNOWN.to_owned()))
    }

    /// The calls so far, in order.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.calls.borrow().clone()
    }
}

/// What the host answers for a carrier: the bundles as the config, alone or in an array.
#[must_use]
pub fn carrier(bundles: &[Value]) -> Value {
    const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
    let config = if let [one] = bundles { one.clone() } else { Value::from(bundles) };
    let descriptor = json!({
        "mediaType": BUNDLE,
        "digest": forge::hex_digest(config.to_string().as_bytes()),
        "size": config.to_string().len(),
    });
    json!({
        "digest": forge::hex_digest(b"carrier"),
        "manifest": {"schemaVersion": 2, "config": descriptor, "layers": [descriptor], "artifactType": BUNDLE},
        "config": config,
    })
}

/// An image with the digest that it is stored under.
#[must_use]
pub fn pinned(image: &str) -> String {
    format!("{image}@{}", forge::hex_digest(image.as_bytes()))
}

/// Where the signatures of an image are stored.
#[must_use]
pub fn signature_tag(image: &str, digest: &str) -> String {
    let reference = ImageReference::parse(image).unwrap();
    format!("{}:{}.sig", reference.repository(), digest.replace(':', "-"))
}

/// What the policy asks for an image by tag.
#[must_use]
pub fn canonical(image: &str) -> String {
    ImageReference::parse(image).unwrap().to_string()
}

impl Host for FakeRegistry {
    fn call(&self, operation: Operation, image: &str) -> Result<Vec<u8>, HostError> {
        self.ask(name(operation), image).map_err(HostError)
    }

    fn object(&self, kind: KeySourceKind, namespace: &str, name: &str) -> Result<Vec<u8>, HostError> {
        let kind = match kind {
            KeySourceKind::Secret => "Secret",
            KeySourceKind::ConfigMap => "ConfigMap",
        };
        self.ask("object", &format!("{kind} {namespace}/{name}")).map_err(HostError)
    }
}

impl Clock for FakeRegistry {
    fn elapsed(&self) -> Duration {
        let calls = u32::try_from(self.calls.borrow().len()).unwrap();
        self.call_takes.saturating_mul(calls)
    }

    /// The first of January 2026, unless another time is set.
    fn now(&self) -> Time {
        self.now.unwrap_or_else(|| Time::from_unix(1_767_225_600))
    }
}
