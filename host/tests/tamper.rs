//! The walk of the policy's own tamper test (`tests/tamper.rs`, with its table), through the compiled module:
//! nothing traps, and every answer is the one that the same code gives natively, to the letter.

#[path = "support/guest.rs"]
mod guest;

use guest::{answer, host, name, policy, validate};
use serde_json::{Value, json};
use sigwarden_testkit::tamper::{Scene, settings_are_valid};

#[test]
fn the_module_answers_every_change_as_the_native_code_does() {
    let policy = policy();
    let good = Scene::good();
    let (mut accepted, mut refused) = (0_usize, 0_usize);
    let mut scenes = vec![("nothing changed".to_owned(), good.clone())];
    scenes.extend(
        good.changes()
            .into_iter()
            .map(|change| (format!("{} {} {}", change.part, change.pointer, change.mutation), change.scene)),
    );
    for (label, scene) in scenes {
        let native = scene.decide();
        let registry = scene.registry();
        let host = host(registry.clone());
        let found = validate(&policy, &scene.settings, &scene.request, &host);

        let annotations: Value = native.annotations.iter().cloned().collect();
        let or_null = |value: Value, is_there: bool| if is_there { value } else { Value::Null };
        let expected = json!({
            "accepted": native.accepted,
            "message": or_null(json!(native.message), !native.accepted),
            "code": native.code,
            "mutated_object": native.mutated,
            "audit_annotations": or_null(annotations, !native.annotations.is_empty()),
            "warnings": or_null(json!(native.warnings), !native.warnings.is_empty()),
        });
        for (field, expected) in expected.as_object().unwrap() {
            assert_eq!(found.get(field).unwrap_or(&Value::Null), expected, "{label}: {field}");
        }
        if native.accepted {
            accepted = accepted.saturating_add(1)
        } else {
            refused = refused.saturating_add(1)
        }

        if label.starts_with("settings ") {
            let settings = scene.settings.to_string();
            let validity = answer(policy.call("validate_settings", settings.as_bytes(), &host));
            assert_eq!(validity["valid"], json!(settings_are_valid(&scene)), "{label}");
        }
        // At most two calls for the image by tag, one for the pinned one, none for the skipped one, and two more for one
        // that is not signed; each once.
        let calls = host.calls();
        let mut calls: Vec<_> = calls.iter().map(name).collect();
        let all = calls.len();
        calls.sort_unstable();
        calls.dedup();
        assert!(calls.len() == all && all <= 6, "{label}: {calls:?}");
    }
    assert!(accepted > 100 && refused > 100, "{accepted} accepted, {refused} refused");
}
