//! Images as policies are about them: who has signed or attested one and how, what does not do in its place, and what
//! is missing then. The same is held to the settings that people write and to what their policies are converted to.
//!
//! [`kyverno`](mod@kyverno) has it for the idioms of `tests/idioms`.

mod kyverno;
mod lack;
mod who;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sigwarden::attached::Carried;

use self::who::RSA;
use crate::FakeRegistry;
use crate::fake_registry::signature_tag;
use crate::forge::{self, Key};
use crate::objects::pod;
use crate::people;
use crate::sigstore::dsse::COSIGN_SIGN;

pub use self::kyverno::kyverno;
pub use self::lack::{Attested, Lack, Said};
pub use self::who::Who;

/// What there is of an image, to be verified.
#[derive(Clone, Copy, Debug)]
pub enum Proof {
    /// A signature in cosign's `.sig` format.
    Signature(Who),
    /// A signature as cosign 3 makes it, in a carrier.
    Bundle(Who),
    /// An attestation in a carrier.
    Attestation(Attestation),
}

/// An attestation.
#[derive(Clone, Copy, Debug)]
pub struct Attestation {
    /// Which the carrier is looked for by.
    pub carried_as: &'static str,
    /// The type of what is said.
    pub kind: &'static str,
    /// What is said, in JSON.
    pub predicate: &'static str,
    /// Who says it.
    pub by: Who,
}

/// An image that a policy is about, and what is to be verified of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The image.
    pub image: &'static str,
    /// Makes the request for it.
    pub request: fn(&str) -> Value,
    /// Where its signatures are kept, if not beside it.
    pub kept_in: Option<&'static str>,
    /// The annotations of its signatures.
    pub annotations: &'static [(&'static str, &'static str)],
    /// What suffices, and no more than that.
    pub proofs: Vec<Proof>,
    /// What suffices as well.
    pub others: Vec<Vec<Proof>>,
    /// What does not suffice.
    pub twins: Vec<Twin>,
}

/// What there is in place of what suffices, and does not.
#[derive(Clone, Debug)]
pub struct Twin {
    /// What there is.
    pub proofs: Vec<Proof>,
    /// What is missing.
    pub lack: Lack,
}

/// What most policies of the tests are about.
pub const APP: &str = "ghcr.io/acme/app:1";

impl Case {
    /// An image that these have signed. It does not do if it is unsigned, if one of them has not signed, or if a stranger
    /// has signed in place of all.
    #[must_use]
    pub fn signed(image: &'static str, signers: &[Who]) -> Self {
        let proofs: Vec<Proof> = signers.iter().map(|who| Proof::Signature(*who)).collect();
        let case = Self {
            image,
            request: pod,
            kept_in: None,
            annotations: &[],
            proofs,
            others: Vec::new(),
            twins: Vec::new(),
        };
        case.but(&[], Lack::NoSignature).without_each().strangers(&[Who::Key("stranger")])
    }

    /// An image that these have signed, as cosign 3 does, where nothing else counts.
    #[must_use]
    pub fn bundled(image: &'static str, who: Who, stranger: Who) -> Self {
        let case = Self { proofs: vec![Proof::Bundle(who)], twins: Vec::new(), ..Self::signed(image, &[]) };
        case.but(&[], Lack::NoSignature)
            .but(&[Proof::Signature(who)], Lack::NoSignature)
            .but(&[Proof::Bundle(stranger)], Lack::Signers)
    }

    /// An image that somebody has attested, and that has `also` what else is wanted. It does not do if nobody has
    /// attested it, if somebody else has, or if another type of thing is said; nor without the rest.
    #[must_use]
    pub fn attested(image: &'static str, also: &[Proof], attestation: Attestation, stranger: Who) -> Self {
        let unattested = |why| Lack::Unattested(attestation.kind.to_owned(), why);
        let with = |one: Attestation| [also, &[Proof::Attestation(one)]].concat();
        let case = Self { proofs: with(attestation), twins: Vec::new(), ..Self::signed(image, &[]) };
        let case = if also.is_empty() {
            case.but(&[], unattested(Attested::ByNobody))
                .but(&[Proof::Signature(attestation.by)], unattested(Attested::ByNobody))
        } else {
            case.but(&[], Lack::NoSignature)
                .but(&[Proof::Attestation(attestation)], Lack::AttestedOnly)
                .but(also, unattested(Attested::ByNobody))
        };
        case.but(&with(Attestation { by: stranger, ..attestation }), unattested(Attested::ByOthers)).but(
            &with(Attestation { kind: "https://example.com/something/else", ..attestation }),
            unattested(Attested::OfAnotherType),
        )
    }

    /// The same where these annotations are part of what is signed. It does not do without them.
    #[must_use]
    pub fn annotated(self, annotations: &'static [(&'static str, &'static str)]) -> Self {
        Self { annotations, ..self }
    }

    /// The same with signatures that are kept elsewhere.
    #[must_use]
    pub fn kept_in(self, repository: &'static str) -> Self {
        Self { kept_in: Some(repository), ..self }
    }

    /// The same in another request than that for a Pod.
    #[must_use]
    pub fn asked(self, request: fn(&str) -> Value) -> Self {
        Self { request, ..self }
    }

    /// The same, where the signatures of these suffice as well.
    #[must_use]
    pub fn or(mut self, signers: &[Who]) -> Self {
        self.others.push(signers.iter().map(|who| Proof::Signature(*who)).collect());
        self
    }

    /// The same, with these whose signatures do not suffice, each alone.
    #[must_use]
    pub fn strangers(self, strangers: &[Who]) -> Self {
        strangers.iter().fold(self, |case, who| case.but(&[Proof::Signature(*who)], Lack::Signers))
    }

    /// The same, with what does not suffice either.
    #[must_use]
    pub fn but(mut self, proofs: &[Proof], lack: Lack) -> Self {
        self.twins.push(Twin { proofs: proofs.to_vec(), lack });
        self
    }

    /// The same, with something else said in the attestation.
    #[must_use]
    pub fn saying(self, predicate: &'static str, why: Attested) -> Self {
        let mut proofs = self.proofs.clone();
        let Some(Proof::Attestation(attestation)) = proofs.last_mut() else { panic!("{proofs:?}") };
        attestation.predicate = predicate;
        let lack = Lack::Unattested(attestation.kind.to_owned(), why);
        self.but(&proofs, lack)
    }

    /// All that suffices.
    pub fn accepted(&self) -> impl Iterator<Item = &[Proof]> {
        [&self.proofs].into_iter().chain(&self.others).map(Vec::as_slice)
    }

    /// The image by its digest.
    #[must_use]
    pub fn pinned(&self) -> String {
        format!("{}@{}", self.image, forge::hex_digest(self.image.as_bytes()))
    }

    /// Whether the public Sigstore has to be believed, which is [`trust_root`]'s in the tests.
    #[must_use]
    pub fn relies_on_the_public_sigstore(&self) -> bool {
        self.proofs.iter().any(|proof| match proof {
            Proof::Signature(who) | Proof::Bundle(who) | Proof::Attestation(Attestation { by: who, .. }) => {
                matches!(who, Who::Logged(_) | Who::Identity(..) | Who::Workflow(_) | Who::Claiming(..))
            }
        })
    }

    /// A registry with the image and something to be verified of it; and a cluster with objects that hold a key.
    #[must_use]
    pub fn registry(&self, proofs: &[Proof]) -> FakeRegistry {
        let mut registry = FakeRegistry::new();
        let digest = registry.push(self.image);
        let name = self.image.rsplit_once(':').map_or(self.image, |(name, _)| name);
        let name = match name.trim_start_matches("docker.io/library/") {
            short @ ("busybox" | "nginx") => format!("index.docker.io/library/{short}"),
            _ => name.to_owned(),
        };
        let payload = forge::payload(&name, &digest).replace("null", &self.optional().to_string());
        let mut layers = Vec::new();
        let mut bundles = Vec::new();
        for proof in proofs {
            match proof {
                Proof::Signature(who) => layers.push(who.sign(&payload)),
                Proof::Bundle(who) => bundles.push(who.attest(&digest, COSIGN_SIGN, "{}")),
                Proof::Attestation(Attestation { carried_as, kind, predicate, by }) => {
                    let bundle = by.attest(&digest, kind, predicate);
                    registry.carry(self.image, &digest, Carried::Attestations(carried_as), &[bundle]);
                }
            }
        }
        if !layers.is_empty() {
            let kept = self.kept_in.map_or_else(|| self.image.to_owned(), |kept_in| format!("{kept_in}:x"));
            registry.answer("manifest", &signature_tag(&kept, &digest), forge::manifest(&layers));
        }
        if !bundles.is_empty() {
            registry.carry(self.image, &digest, Carried::Signatures, &bundles);
        }
        let pem = Key::new("release").pem();
        registry.store(
            "Secret",
            "platform",
            "cosign",
            json!({"data": {"cosign.pub": STANDARD.encode(&pem)}}),
        );
        registry.store("ConfigMap", "platform", "signing-keys", json!({"data": {"release": pem}}));
        registry
    }

    /// The payload's `optional`.
    fn optional(&self) -> Value {
        match self.annotations {
            [] => Value::Null,
            annotations => {
                annotations.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
            }
        }
    }

    fn without_each(mut self) -> Self {
        for index in (0..self.proofs.len()).filter(|_| self.proofs.len() > 1) {
            let mut proofs = self.proofs.clone();
            proofs.remove(index);
            self.twins.push(Twin { proofs, lack: Lack::Signers });
        }
        self
    }
}

/// The trust root that stands for the public Sigstore's. Nobody who writes a policy has asked for the timestamp
/// authority that the public one has.
#[must_use]
pub fn trust_root() -> Value {
    let mut root = people::trust_root();
    root["timestampAuthorities"] = json!([]);
    root
}

/// Replaces what stands for PEM in a policy: `@KEY:LABEL@`, `@RSA-4096@`, `@HOLDER@`, `@AUTHORITY@`, `@REKOR@`.
pub fn put_in_keys(value: &mut Value) {
    match value {
        Value::String(text) => {
            while let Some((before, rest)) = text.split_once("@KEY:") {
                let (label, after) = rest.split_once('@').unwrap();
                *text = format!("{before}{}{after}", Key::new(label).pem());
            }
            for (placeholder, pem) in [
                ("@RSA-4096@", RSA.pem()),
                ("@AUTHORITY@", people::PRIVATE.fulcio.chain_pem()),
                ("@HOLDER@", people::HOLDER.pem()),
                ("@REKOR@", people::PRIVATE.rekor.pem()),
            ] {
                *text = text.replace(placeholder, &pem);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(put_in_keys),
        Value::Object(fields) => fields.values_mut().for_each(put_in_keys),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A request for an object of a custom resource.
fn custom(group: &str, version: &str, kind: &str, resource: &str, spec: &Value) -> Value {
    let mut request = pod("unused");
    for field in ["kind", "requestKind"] {
        request[field] = json!({"group": group, "version": version, "kind": kind});
    }
    for field in ["resource", "requestResource"] {
        request[field] = json!({"group": group, "version": version, "resource": resource});
    }
    let api_version = format!("{group}/{version}");
    request["object"] =
        json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "demo"}, "spec": spec});
    request
}

/// A request for a Tekton Task with one step.
#[must_use]
pub fn tekton_task(image: &str) -> Value {
    let steps = json!({"params": [], "steps": [{"name": "build", "image": image, "script": "make"}]});
    custom("tekton.dev", "v1", "Task", "tasks", &steps)
}

/// A request for a KubeVirt VirtualMachine with one disk from an image.
#[must_use]
pub fn virtual_machine(image: &str) -> Value {
    let volumes =
        json!([{"name": "root", "containerDisk": {"image": image}}, {"name": "data", "emptyDisk": {}}]);
    let spec = json!({"template": {"spec": {"volumes": volumes}}});
    custom("kubevirt.io", "v1", "VirtualMachine", "virtualmachines", &spec)
}
