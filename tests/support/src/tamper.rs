//! Walks JSON leaf by leaf, changes each in several ways, and names what came of it.
//!
//! The table beside the test says for every leaf and change whether the request is refused, and with which
//! variant, or why the change makes no difference. The same walk runs natively and through the module.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sigwarden::settings::Settings;
use sigwarden::verdict::{Denied, ObjectReason, Reason, Verdict};
use sigwarden::verify::Unmet;

use crate::fake_registry::{FakeRegistry, canonical};
use crate::forge::{self, Key};
use crate::objects::{POD, add, one_container};
use crate::run::{Answer, decide, rule};

const IMAGE: &str = "r.example.com/acme/app:1";
const SIDECAR: &str = "nginx:1.27";

/// What an evaluation sees: the parts that are changed, one at a time.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The AdmissionRequest.
    pub request: Value,
    /// The settings.
    pub settings: Value,
    /// The host's answer to the digest call for the image.
    pub digest: Value,
    /// The manifest of the image's signatures.
    pub manifest: Value,
}

/// One change of one leaf.
#[derive(Debug, Clone)]
pub struct Change {
    /// The part of the scene: `request`, `settings`, `digest`, `manifest`.
    pub part: &'static str,
    /// The JSON Pointer of the leaf.
    pub pointer: String,
    /// What was done to it.
    pub mutation: &'static str,
    /// The scene with the change.
    pub scene: Scene,
}

impl Scene {
    /// A Pod with a signed image by tag, another one pinned, and an image that its rule skips; every setting
    /// written out, and what no rule names denied, so that as much as possible decides.
    ///
    /// # Panics
    /// Never: the fixture is fixed.
    #[must_use]
    pub fn good() -> Self {
        let key = Key::new("release");
        let mut spec = one_container(IMAGE);
        add(&mut spec, "initContainers", "setup", "r.example.com/acme/public/setup:1");
        add(&mut spec, "volumes", "model", &format!("nginx@{}", forge::hex_digest(SIDECAR.as_bytes())));
        let object = POD.object(&spec);
        let mut old = object.clone();
        old["spec"]["containers"][0]["image"] = json!("r.example.com/acme/app:0");
        let mut request = POD.update(&old, &object);
        request["subResource"] = json!("");
        let mut release = rule(&["r.example.com/acme/*"], &key);
        release["type"] = json!("Cosign");
        release["skipImageReferences"] = json!(["r.example.com/acme/public/*"]);
        release["mutateDigest"] = json!(true);
        release["verifyDigest"] = json!(true);
        release["required"] = json!(true);
        release["attestors"][0]["count"] = json!(1);
        let mut hub = rule(&["docker.io/library/*"], &key);
        hub["name"] = json!("hub");
        let digest = forge::hex_digest(IMAGE.as_bytes());
        Self {
            request,
            settings: json!({"verifyImages": [release, hub], "unmatchedImages": "deny"}),
            manifest: forge::manifest(&[forge::signed(&key, "r.example.com/acme/app", &digest)]),
            digest: json!({"digest": digest}),
        }
    }

    /// The registry of the scene.
    #[must_use]
    pub fn registry(&self) -> FakeRegistry {
        let mut registry = FakeRegistry::new();
        let digest = forge::hex_digest(IMAGE.as_bytes());
        registry.push_signed(SIDECAR, &[&Key::new("release")]);
        registry.answer("digest", &canonical(IMAGE), self.digest.clone());
        registry.attach(IMAGE, &digest, self.manifest.clone());
        registry
    }

    /// Decides natively.
    #[must_use]
    pub fn decide(&self) -> Answer {
        decide(&self.settings, &self.request, &self.registry())
    }

    /// Every change of every leaf, in a fixed order.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        for (part, value) in [
            ("request", &self.request),
            ("settings", &self.settings),
            ("digest", &self.digest),
            ("manifest", &self.manifest),
        ] {
            let mut leaves = Vec::new();
            collect_leaves(value, &mut String::new(), &mut leaves);
            for pointer in leaves {
                let leaf = value.pointer(&pointer).unwrap();
                for (mutation, changed) in mutations(leaf) {
                    let whole = set(value, &pointer, changed);
                    let mut scene = self.clone();
                    *scene.part(part) = whole;
                    changes.push(Change { part, pointer: pointer.clone(), mutation, scene });
                }
            }
        }
        changes
    }

    fn part(&mut self, part: &str) -> &mut Value {
        match part {
            "request" => &mut self.request,
            "settings" => &mut self.settings,
            "digest" => &mut self.digest,
            _ => &mut self.manifest,
        }
    }
}

fn collect_leaves(value: &Value, pointer: &mut String, leaves: &mut Vec<String>) {
    let length = pointer.len();
    let mut descend = |name: &str, inner: &Value| {
        pointer.push('/');
        pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        collect_leaves(inner, pointer, leaves);
        pointer.truncate(length);
    };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, inner) in fields {
                descend(name, inner);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, inner) in items.iter().enumerate() {
                descend(&index.to_string(), inner);
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {
            leaves.push(pointer.clone());
        }
    }
}

/// The changes of a leaf by its type; `None` removes it.
fn mutations(leaf: &Value) -> Vec<(&'static str, Option<Value>)> {
    let mut all = vec![
        ("removed", None),
        ("null", Some(Value::Null)),
        ("list", Some(json!([leaf]))),
        ("mapping", Some(json!({"value": leaf}))),
    ];
    let mut push = |name, value: Value| all.push((name, Some(value)));
    match leaf {
        Value::Bool(value) => {
            push("flipped", json!(!value));
            push("text", json!(value.to_string()));
        }
        Value::Number(number) => {
            let number = number.as_u64().unwrap();
            push("+1", json!(number.saturating_add(1)));
            push("-1", number.checked_sub(1).map_or(json!(-1), |less| json!(less)));
            push("zero", json!(0));
            push("huge", json!(u64::MAX));
            push("text", json!(number.to_string()));
        }
        Value::String(text) => {
            push("number", json!(1));
            push("boolean", json!(true));
            push("empty", json!(""));
            push("appended", json!(format!("{text}x")));
            push("blank appended", json!(format!("{text} ")));
            push("first character", json!(flipped(text, 0)));
            push("middle character", json!(flipped(text, text.len() / 2)));
            push("last character", json!(flipped(text, text.len().saturating_sub(1))));
            push("upper case", json!(text.to_uppercase()));
            push("lower case", json!(text.to_lowercase()));
            if text.len() > 40
                && let Ok(bytes) = STANDARD.decode(text)
            {
                for (name, at) in [
                    ("first bit", 0),
                    ("middle bit", bytes.len() / 2),
                    ("last bit", bytes.len().saturating_sub(1)),
                ] {
                    let mut bytes = bytes.clone();
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1;
                    }
                    push(name, json!(STANDARD.encode(bytes)));
                }
                push("byte appended", json!(STANDARD.encode([&bytes[..], &[0]].concat())));
            }
        }
        Value::Null | Value::Array(_) | Value::Object(_) => {
            push("number", json!(1));
            push("text", json!("x"));
        }
    }
    all.retain(|(_, changed)| changed.as_ref() != Some(leaf));
    all
}

/// The text with one character replaced by its neighbour: a letter stays one, a digit too.
fn flipped(text: &str, at: usize) -> String {
    let flip = |c: char| match c {
        'a' | 'c'..='f' | 'A' | 'C'..='F' => 'b',
        '0'..='8' => '9',
        '9' => '8',
        'z' | 'Z' => 'y',
        _ if c.is_ascii_alphabetic() => 'z',
        _ => '!',
    };
    text.char_indices().map(|(index, c)| if index == at { flip(c) } else { c }).collect()
}

fn set(value: &Value, pointer: &str, changed: Option<Value>) -> Value {
    let mut whole = value.clone();
    match changed {
        Some(changed) => *whole.pointer_mut(pointer).unwrap() = changed,
        None => {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            let name = name.replace("~1", "/").replace("~0", "~");
            let holder = whole.pointer_mut(parent).unwrap();
            if let Some(items) = holder.as_array_mut() {
                items.remove(name.parse().unwrap());
            } else {
                holder.as_object_mut().unwrap().remove(&name).unwrap();
            }
        }
    }
    whole
}

/// What came of a change, in one line: `same` as without it, `accepted` in another way, or `refused` with the
/// variant.
#[must_use]
pub fn outcome(good: &Answer, changed: &Answer, scene: &Scene) -> String {
    match &changed.verdict {
        Verdict::Deny(Denied::Object(reason)) => format!("refused {}", object_reason(reason)),
        Verdict::Deny(Denied::Images { failures, .. }) => {
            let all: Vec<String> = failures
                .iter()
                .map(|(site, failure)| format!("{} {}", site.path(), image_reason(failure.reason())))
                .collect();
            format!("refused {}", all.join(", "))
        }
        Verdict::Accept(_) => {
            let patch = patch(scene, changed);
            let mut differences = Vec::new();
            if patch != patch_of_good(good) {
                differences.push("patch");
            }
            if changed.annotations != good.annotations {
                differences.push("audit annotations");
            }
            if changed.warnings != good.warnings {
                differences.push("warnings");
            }
            if differences.is_empty() {
                "same".to_owned()
            } else {
                format!("accepted with other {}", differences.join(", "))
            }
        }
    }
}

/// The images that are patched in, by pointer.
fn patch(scene: &Scene, answer: &Answer) -> BTreeMap<String, Value> {
    let mut patch = BTreeMap::new();
    if let (Some(mutated), Some(before)) = (&answer.mutated, scene.request.get("object")) {
        let mut leaves = Vec::new();
        collect_leaves(mutated, &mut String::new(), &mut leaves);
        for pointer in leaves {
            let after = mutated.pointer(&pointer).unwrap();
            if before.pointer(&pointer) != Some(after) {
                patch.insert(pointer, after.clone());
            }
        }
    }
    patch
}

fn patch_of_good(good: &Answer) -> BTreeMap<String, Value> {
    patch(&Scene::good(), good)
}

fn object_reason(reason: &ObjectReason) -> String {
    match reason {
        ObjectReason::Request(error) => format!("Request::{error:?}"),
        ObjectReason::Settings(error) => format!("Settings::{}", variant(&format!("{:?}", error.problem()))),
        ObjectReason::Workload(error) => format!("Workload::{}", variant(&format!("{error:?}"))),
    }
}

fn image_reason(reason: &Reason) -> String {
    let Reason::Unmet(Unmet::Shortfall(short)) = reason else { return variant(&format!("{reason:?}")) };
    let attached = &short.attached;
    let layers: Vec<String> =
        attached.malformed_layers.iter().map(|layer| format!("{:?}", layer.part)).collect();
    let payloads: Vec<String> =
        attached.other_payloads.iter().map(|payload| variant(&format!("{payload:?}"))).collect();
    let because = short.missing.iter().find_map(|missing| missing.because.as_ref());
    let seen = [
        (attached.for_this_image > 0).then(|| match because {
            Some(error) => variant(&format!("{error:?}")),
            None if attached.malformed > 0 => "MalformedSignature".to_owned(),
            None => "WrongKey".to_owned(),
        }),
        (!layers.is_empty()).then(|| format!("LayerError({})", layers.join(" "))),
        (!payloads.is_empty()).then(|| payloads.join(" ")),
    ];
    format!("Shortfall::{}", seen.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

/// The names of the variants of a `Debug` text, without what they carry: `Key(MalformedPem)`, `NoValue`.
fn variant(debug: &str) -> String {
    let name = |text: &str| text.split([' ', '{']).next().unwrap_or_default().to_owned();
    match debug.split_once('(') {
        Some((outer, inner))
            if inner.starts_with(|c: char| c.is_ascii_uppercase()) && !outer.contains(' ') =>
        {
            format!("{outer}({})", variant(inner.trim_end_matches(')')))
        }
        Some((outer, _)) => name(outer),
        None => name(debug),
    }
}

/// Whether the settings of a scene are valid.
#[must_use]
pub fn settings_are_valid(scene: &Scene) -> bool {
    Settings::parse(&scene.settings).is_ok()
}
