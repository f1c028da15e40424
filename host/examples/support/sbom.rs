//! An image with a large bill of materials.

use serde_json::{Value, json};
use sigwarden::attached::Carried;
use sigwarden_testkit::run::settings;
use sigwarden_testkit::sigstore::Sigstore;
use sigwarden_testkit::sigstore::dsse::Statement;
use sigwarden_testkit::sigstore::signer::{Evidence, Signer};
use sigwarden_testkit::{FakeRegistry, TypedKey};

pub(crate) const APP: &str = "r.example.com/acme/app:1";
const TYPE: &str = "https://cyclonedx.org/bom";
/// The first of January 2025.
const SIGNED: i64 = 1_735_689_600;

/// The settings that want it, the registry that has it, and the bytes of the statement. The components are as `trivy`
/// and `syft` write them.
pub(crate) fn scene(components: usize) -> (Value, FakeRegistry, usize) {
    let sigstore = Sigstore::new("bench", SIGNED);
    let scanner = TypedKey::p256("scanner");
    let components: Vec<Value> = (0..components)
        .map(|index| {
            json!({
                "bom-ref": format!("pkg:deb/debian/package-{index}@1.2.{index}?arch=amd64&distro=debian-12"),
                "type": "library",
                "name": format!("package-{index}"),
                "version": format!("1.2.{index}"),
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "purl": format!("pkg:deb/debian/package-{index}@1.2.{index}?arch=amd64&distro=debian-12"),
                "properties": [{"name": "aquasecurity:trivy:PkgType", "value": "debian"}],
            })
        })
        .collect();
    let mut registry = FakeRegistry::new();
    let digest = registry.push(APP);
    let at_least = components.len().saturating_sub(1);
    let predicate = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components});
    let statement = Statement::about(&digest, TYPE, predicate).to_json();
    let bundle = sigstore.attest(
        &Signer::Key(scanner.clone()),
        &statement,
        Evidence::Proof,
        SIGNED.saturating_add(60),
    );
    registry.carry(APP, &digest, Carried::Attestations(TYPE), &[bundle.to_value()]);
    let mut settings = settings(&[json!({
        "imageReferences": ["r.example.com/*"],
        "attestations": [{
            "type": TYPE,
            "attestors": [{"entries": [{"keys": {"publicKeys": scanner.pem()}}]}],
            "conditions": [{"all": [
                {"key": "{{ components[].licenses[].license.id }}", "operator": "AllNotIn", "value": ["AGPL-3.0"]},
                {"key": "{{ length(components) }}", "operator": "GreaterThan", "value": at_least},
            ]}],
        }],
    })]);
    settings["trustRoot"] = serde_json::from_str(&sigstore.trusted_root_json()).unwrap();
    (settings, registry, statement.len())
}
