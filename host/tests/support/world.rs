//! The registries and the cluster that docs/operate.md tells of, and what the compiled module decides on them.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::panic, reason = "a helper that fails ends its test")]

use super::page::{SHOWN, module};
use super::server::{Reply, Server};
use serde_json::{Value, json};
use sigwarden_host::{Backend, BackendError, Evaluation, Grants, Host, HostCall, Policy, Request, Settings};
use sigwarden_testkit::fake_registry::canonical;
use sigwarden_testkit::forge::{self, manifest, signed};
use sigwarden_testkit::objects::{POD, pod};
use sigwarden_testkit::run::{entry, rule, settings};
use sigwarden_testkit::{FakeRegistry, Key};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

/// The images that the page decides on in tables.
pub(crate) const IMAGES: [&str; 10] = [
    "registry.example.com/acme/shop:1",
    "registry.example.com/acme/cart:1",
    "registry.example.com/acme/both:1",
    "registry.example.com/acme/tool:1",
    "registry.k8s.io/pause:3.10",
    "registry.example.com/vendor/agent:1",
    "registry.example.com/vendor/other:1",
    "registry.internal.example.com/ghcr.io/acme/app:1.0",
    "registry.internal.example.com/ghcr.io/acme/web:1.0",
    "ghcr.io/acme/app:1.0",
];

/// Images whose registries fail, and the host's words for it.
const FAILING: [(&str, &str); 3] = [
    (
        "down.example.com/acme/app:1",
        "error sending request for url (https://down.example.com/v2/acme/app/manifests/1)",
    ),
    (
        "limited.example.com/acme/app:1",
        "Fail to interact with OCI registry: Registry error: url \
         https://limited.example.com/v2/acme/app/manifests/1, envelope: OCI API errors: [OCI API error: You have \
         reached your pull rate limit]",
    ),
    (
        "private.example.com/acme/app:1",
        "Fail to interact with OCI registry: Not authorized: url https://private.example.com/v2/acme/app/manifests/1",
    ),
];
const SLOW: &str = "slow.example.com/";

/// The registries: `release` is the page's first key, `security` its second.
pub(crate) fn world() -> FakeRegistry {
    let (old, new) = (Key::new("release"), Key::new("security"));
    let mut registry = FakeRegistry::new();
    registry.push_signed("registry.example.com/acme/shop:1", &[&old]);
    registry.push_signed("registry.example.com/acme/cart:1", &[&new]);
    registry.push_signed("registry.example.com/acme/both:1", &[&old, &new]);
    for unsigned in [
        "registry.example.com/acme/tool:1",
        "registry.k8s.io/pause:3.10",
        "registry.example.com/vendor/agent:1",
        "registry.example.com/vendor/other:1",
        "registry.internal.example.com/ghcr.io/acme/web:1.0",
        "slow.example.com/acme/app:1",
    ] {
        registry.push(unsigned);
    }
    registry.push_signed("ghcr.io/acme/app:1.0", &[&old]);
    copied(&mut registry, "registry.internal.example.com/ghcr.io/acme/app:1.0", "ghcr.io/acme/app");
    for (image, words) in FAILING {
        registry.fail("digest", &canonical(image), words);
        // By digest, the signature is what is asked for first.
        let digest = forge::hex_digest(b"app");
        let repository = image.trim_end_matches(":1");
        registry.fail("manifest", &format!("{repository}:{}.sig", digest.replace(':', "-")), words);
    }
    registry
}

/// An image with the signature that was made for it elsewhere.
fn copied(registry: &mut FakeRegistry, image: &str, original: &str) {
    let digest = registry.push(image);
    registry.attach(image, &digest, manifest(&[signed(&Key::new("release"), original, &digest)]));
}

/// The registries over HTTP.
pub(crate) fn serve() -> Server {
    let registry = world();
    Server::start(move |request| {
        let path = request.split_once(' ').unwrap().1;
        if path == "/v2/" {
            return Reply::new(200, "{}");
        }
        let (repository, tag) =
            path.trim_start_matches("/v2/").split_once("/manifests/").unwrap_or_else(|| panic!("{path}"));
        let image = format!("registry.example.com/{repository}:{tag}");
        if let Ok(answer) = registry.ask("digest", &image) {
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            let digest = answer.get("digest").and_then(Value::as_str).unwrap();
            return Reply::new(200, "").header("Docker-Content-Digest", digest.to_owned());
        }
        match registry.ask("manifest", &image) {
            Ok(manifest) => Reply::new(200, String::from_utf8(manifest).unwrap())
                .header("Content-Type", "application/vnd.oci.image.manifest.v1+json".to_owned()),
            Err(_) => Reply::manifest_unknown(),
        }
    })
}

/// What was decided on a request.
#[derive(Debug)]
pub(crate) struct Decided {
    /// Whether it is accepted, and with warnings.
    accepted: Option<bool>,
    /// The code of a denial.
    pub(crate) code: Option<u16>,
    /// Its message.
    pub(crate) message: String,
    /// What the host was asked.
    pub(crate) calls: Vec<HostCall>,
}

impl Decided {
    fn from(evaluation: Evaluation, host: &Host) -> Self {
        let response = evaluation.response;
        let warned = response.warnings.is_some_and(|warnings| !warnings.is_empty());
        let status = response.status.unwrap_or_default();
        Self {
            accepted: response.allowed.then_some(warned),
            code: status.code,
            message: status.message.unwrap_or_default(),
            calls: host.calls(),
        }
    }

    /// The verdict, as the page's tables write it.
    pub(crate) fn word(&self) -> &'static str {
        match (self.accepted, self.code) {
            (Some(false), _) => "accepted",
            (Some(true), _) => "accepted with a warning",
            (None, Some(403)) => "rejected",
            (None, Some(503)) => "could not decide",
            (None, _) => panic!("{self:?}"),
        }
    }
}

/// The compiled module's verdict in that world.
pub(crate) fn decide_on(settings: &Value, request: &Value) -> Decided {
    decide_in(world(), Grants::all(), settings, request)
}

fn decide_in(registry: FakeRegistry, grants: Grants, settings: &Value, request: &Value) -> Decided {
    static POLICY: OnceLock<Policy> = OnceLock::new();
    // Without the host's time limit: a slow machine changes no verdict.
    let policy = POLICY.get_or_init(|| Policy::load(&module(), None).unwrap());
    let host = Host::new(grants, World { registry, takes: Duration::from_millis(1200) });
    evaluate(policy, settings, request, &host)
}

fn evaluate(policy: &Policy, settings: &Value, request: &Value, host: &Host) -> Decided {
    let settings = Settings::from_yaml(&settings.to_string()).unwrap();
    let answer = policy.validate_settings(&settings, host);
    assert!(answer.valid, "{:?}", answer.message);
    let request = Request::from_value(request.clone()).unwrap();
    Decided::from(policy.evaluate(&request, &settings, host), host)
}

struct World {
    registry: FakeRegistry,
    /// How long the slow registry takes for an answer.
    takes: Duration,
}

impl Backend for World {
    fn answer(&mut self, call: &HostCall) -> Result<Vec<u8>, BackendError> {
        if call.subject().starts_with(SLOW) {
            thread::sleep(self.takes);
        }
        let answer = match call {
            HostCall::OciManifestDigest { image } => self.registry.ask("digest", image),
            HostCall::OciManifest { image } => self.registry.ask("manifest", image),
            HostCall::OciManifestAndConfig { image } => self.registry.ask("config", image),
            HostCall::KubernetesGetResource { kind, name, namespace, .. } => {
                let namespace = namespace.as_deref().unwrap_or_default();
                self.registry.ask("object", &format!("{kind} {namespace}/{name}"))
            }
        };
        answer.map_err(BackendError::new)
    }
}

const APP: &str = "registry.example.com/acme/app:1";

/// What is printed of our keys becomes what is printed of the page's.
pub(crate) fn with_the_pages_keys(text: &str) -> String {
    SHOWN
        .iter()
        .fold(text.to_owned(), |text, (label, _, shown)| text.replace(&Key::new(label).fingerprint(), shown))
}

/// A policy that wants the first key.
fn by(entry: &Value) -> Value {
    let mut policy = settings(&[rule(&["*.example.com/acme/*"], &Key::new("release"))]);
    policy["verifyImages"][0]["attestors"][0]["entries"] = json!([entry]);
    policy
}

/// Every way of being denied that the page's table of denials tells of.
pub(crate) fn scenarios() -> Vec<(&'static str, Decided)> {
    let (old, new) = (Key::new("release"), Key::new("security"));
    let policy = by(&entry(&old));
    let with = |pointer: &str, value: Value| {
        let mut policy = policy.clone();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        policy.pointer_mut(parent).unwrap()[field] = value;
        policy
    };
    let signed_by = |keys: &[&Key]| {
        let mut registry = FakeRegistry::new();
        let digest = registry.push_signed(APP, keys);
        (registry, digest)
    };
    let app = || pod(APP);
    let on = |registry: FakeRegistry, settings: &Value, request: &Value| {
        decide_in(registry, Grants::all(), settings, request)
    };
    let (with_old, digest) = signed_by(&[&old]);
    let (with_new, _) = signed_by(&[&new]);

    let mut unsigned = FakeRegistry::new();
    unsigned.push(APP);
    let mut new_format = unsigned.clone();
    let tag = format!("registry.example.com/acme/app:{}", digest.replace(':', "-"));
    new_format.answer("manifest", &tag, json!({"schemaVersion": 2, "manifests": []}));
    let mut moved = FakeRegistry::new();
    copied(&mut moved, APP, "registry.example.com/acme/other");
    let mut without_field = with_old.clone();
    without_field.store("ConfigMap", "platform", "signing-keys", json!({"data": {"other.pub": "x"}}));

    let mut forbidden = with_old.clone();
    forbidden.fail("object", "ConfigMap platform/signing-keys", "configmaps \"signing-keys\" is forbidden");

    let configured = by(&json!({"keys": {
        "configMap": {"name": "signing-keys", "namespace": "platform", "key": "cosign.pub"},
        "rekor": {"ignoreTlog": true},
    }}));
    let logged = by(&json!({"keys": {"publicKeys": old.pem()}}));
    let both = with("/verifyImages/0/attestors/0/entries", json!([entry(&old), entry(&new)]));
    let attestation =
        json!([{"type": "https://cyclonedx.org/bom", "attestors": [{"entries": [entry(&old)]}]}]);
    let attested = with("/verifyImages/0/attestations", attestation);
    let mut twin = with("/verifyImages/0/mutateDigest", json!(false));
    twin["verifyImages"][0]["verifyDigest"] = json!(true);
    let unmatched = with("/unmatchedImages", json!("deny"));
    let mut audited = unmatched.clone();
    let mut audit = policy["verifyImages"][0].clone();
    for (field, value) in [
        ("name", json!("audit")),
        ("imageReferences", json!(["*"])),
        ("failureAction", json!("Audit")),
        ("mutateDigest", json!(false)),
    ] {
        audit[field] = value;
    }
    audited["verifyImages"].as_array_mut().unwrap().push(audit);
    let mut task = app();
    for part in ["/kind", "/requestKind"] {
        *task.pointer_mut(part).unwrap() = json!({"group": "tekton.dev", "version": "v1", "kind": "Task"});
    }
    for part in ["/resource", "/requestResource"] {
        *task.pointer_mut(part).unwrap() =
            json!({"group": "tekton.dev", "version": "v1", "resource": "tasks"});
    }
    let many: Vec<Value> = (0..201).map(|at| json!({"name": format!("c{at}"), "image": APP})).collect();
    let no_image = POD.create(&POD.object(&json!({"containers": [{"name": "app"}]})));
    let many = POD.create(&POD.object(&json!({"containers": many})));
    let granted = Grants::new(["kubernetes/*"]).unwrap();

    vec![
        ("unsigned", on(unsigned.clone(), &policy, &app())),
        ("cosign 3", on(new_format, &policy, &app())),
        ("another key", on(with_new, &policy, &app())),
        ("without log entry", on(with_old.clone(), &logged, &app())),
        ("one of two", on(with_old.clone(), &both, &app())),
        ("moved", on(moved, &policy, &app())),
        ("no attestation", on(with_old.clone(), &attested, &app())),
        ("unmatched", on(world(), &unmatched, &pod("registry.k8s.io/pause:3.10"))),
        ("only audited", on(world(), &audited, &pod("registry.k8s.io/pause:3.10"))),
        ("unpinned", on(with_old.clone(), &twin, &app())),
        ("revoked", on(with_old.clone(), &with("/revoked", json!({"digests": [digest]})), &app())),
        ("an unknown kind", on(with_old.clone(), &policy, &task)),
        ("no image", on(with_old.clone(), &policy, &no_image)),
        ("no such field", on(without_field, &configured, &app())),
        ("no ConfigMap", on(forbidden, &configured, &app())),
        ("no such image", on(FakeRegistry::new(), &policy, &app())),
        ("down", on(world(), &policy, &pod("down.example.com/acme/app:1"))),
        ("not granted", decide_in(with_old.clone(), granted, &policy, &app())),
        ("many images", on(with_old, &policy, &many)),
        ("interrupted", interrupted(&policy)),
    ]
}

/// A registry that takes longer than the host's time limit, and a budget that does not notice.
fn interrupted(policy: &Value) -> Decided {
    let mut settings = policy.clone();
    settings["evaluationBudget"] = json!("30s");
    let limited = Policy::load(&module(), Some(Duration::from_secs(1))).unwrap();
    let host = Host::new(Grants::all(), World { registry: world(), takes: Duration::from_secs(2) });
    evaluate(&limited, &settings, &pod("slow.example.com/acme/app:1"), &host)
}
