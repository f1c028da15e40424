//! What the person sees, to the letter: the message of each kind of denial, its code, warnings, audit
//! annotations; and that nothing untrusted can forge a line of it, hide in it or drown it.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]

use serde_json::{Value, json};
use sigwarden::limits::{MAX_ANNOTATION_CHARS, MAX_WARNING_CHARS, MAX_WARNINGS};
use sigwarden_testkit::fake_registry::{canonical, signature_tag};
use sigwarden_testkit::forge::{self, payload, signed};
use sigwarden_testkit::objects::{DEPLOYMENT, POD, add, containers, one_container, pod, pod_of};
use sigwarden_testkit::run::{
    APP, NO_SIGNATURE, REPOSITORY, SHORT, denied, entry, policy, release, rule, settings,
};
use sigwarden_testkit::{FakeRegistry, Key, decide};

/// The message about [`APP`] under [`policy`], without what every message of an image begins with.
fn about_app(registry: &FakeRegistry) -> (String, u16) {
    let (message, code) = denied(&policy(), &pod(APP), registry);
    let site = format!("spec.containers[0] {APP}");
    let known = format!("{site} ({SHORT}): rule \"release\": ");
    let rest = message.strip_prefix(&known).or_else(|| message.strip_prefix(&format!("{site}: ")));
    (rest.unwrap_or_else(|| panic!("{message}")).to_owned(), code)
}

#[test]
fn no_signature() {
    let mut registry = FakeRegistry::new();
    registry.push(APP);
    let (message, code) = denied(&policy(), &pod(APP), &registry);
    assert_eq!(message, format!("spec.containers[0] {APP} ({SHORT}): rule \"release\": {NO_SIGNATURE}"));
    assert_eq!(code, 403);
    // A rule without a name is called by its place, an image by its place in the object.
    let mut nameless = policy();
    nameless["verifyImages"][0].as_object_mut().unwrap().remove("name");
    let mut spec = one_container("other.example.com/app");
    add(&mut spec, "volumes", "data", APP);
    let (message, _) = denied(&nameless, &DEPLOYMENT.create(&DEPLOYMENT.object(&spec)), &registry);
    assert_eq!(
        message,
        format!(
            "spec.template.spec.volumes[0].image {APP} ({SHORT}): rule verifyImages[0]: {NO_SIGNATURE}\n(1 other image \
             passed)"
        )
    );
}

#[test]
fn signed_by_another_key() {
    let (message, code) =
        about_app(&FakeRegistry::with_layers(APP, |digest| vec![signed(&Key::new("x"), REPOSITORY, digest)]));
    let wanted = release().fingerprint();
    assert_eq!(
        message,
        format!(
            "signed, but not by whom the rule wants (1 signature): needs key {wanted} (attestors[0].entries[0]); \
             sign with a key that the rule names, or add the signer's key to it"
        )
    );
    assert_eq!(code, 403);
    let garbage = FakeRegistry::with_layers(APP, |digest| {
        vec![
            forge::layer(&payload(REPOSITORY, digest), b"garbage"),
            signed(&Key::new("x"), REPOSITORY, digest),
        ]
    });
    assert_eq!(
        about_app(&garbage).0,
        format!(
            "signed, but not by whom the rule wants (2 signatures): needs key {wanted} (attestors[0].entries[0]); \
             sign with a key that the rule names, or add the signer's key to it; 1 signature malformed"
        )
    );
}

#[test]
fn signed_by_too_few() {
    let (a, b, c) = (release(), Key::new("b"), Key::new("c"));
    let mut rule = rule(&["r.example.com/*"], &a);
    rule["attestors"] = json!([{"count": 2, "entries": [
        entry(&a),
        {"keys": {"publicKeys": format!("{}{}", b.pem(), c.pem()), "rekor": {"ignoreTlog": true}}},
    ]}]);
    let signed_by =
        |key: &Key| FakeRegistry::with_layers(APP, |digest| vec![signed(key, REPOSITORY, digest)]);
    let names = [&a, &b, &c].map(Key::fingerprint);
    let (message, code) = denied(&settings(std::slice::from_ref(&rule)), &pod(APP), &signed_by(&b));
    assert_eq!(
        message,
        format!(
            "spec.containers[0] {APP} ({SHORT}): rule \"release\": signed by too few: needs 2 of 3 \
             signers; found key {} (attestors[0].entries[1] key 1); missing key {} (attestors[0].entries[0]), key \
             {} (attestors[0].entries[1] key 2)",
            names[1], names[0], names[2]
        )
    );
    assert_eq!(code, 403);
    let (message, _) = denied(&settings(&[rule]), &pod(APP), &signed_by(&Key::new("x")));
    assert!(
        message.contains("signed, but not by whom the rule wants (1 signature): needs 2 of key"),
        "{message}"
    );
}

#[test]
fn a_payload_that_is_for_something_else() {
    let other = forge::hex_digest(b"other");
    let moved = FakeRegistry::with_layers(APP, |_| vec![signed(&release(), REPOSITORY, &other)]);
    assert_eq!(
        about_app(&moved),
        (
            "1 signature attached, none for this image: its payload is not for this digest and repository (238 \
             bytes): the signature may have been moved here from another image"
                .to_owned(),
            403
        )
    );
    let annotated = FakeRegistry::with_layers(APP, |digest| {
        let payload = payload(REPOSITORY, digest).replace("null", r#"{"env":"prod"}"#);
        vec![forge::layer(&payload, &release().sign(payload.as_bytes()))]
    });
    assert_eq!(
        about_app(&annotated).0,
        "1 signature attached, none for this image: its payload cannot be rebuilt (248 bytes, 238 expected): it has other annotations, or was signed under another repository name; see knownAnnotations and signedIdentities"
    );
}

#[test]
fn layers_that_are_no_signatures() {
    for (field, value, part) in [
        ("mediaType", json!("text/plain"), "media type"),
        ("digest", json!("sha256:x"), "digest"),
        ("size", json!(u64::MAX), "size"),
        ("annotations", json!({}), "signature annotation"),
    ] {
        let registry = FakeRegistry::with_layers(APP, |digest| {
            let mut layer = signed(&release(), REPOSITORY, digest);
            layer[field] = value;
            vec![layer]
        });
        let words = format!(
            "1 signature attached, none for this image: layer 0 of the signature manifest is malformed in its {part}"
        );
        assert_eq!(about_app(&registry), (words, 403));
    }
}

#[test]
fn what_is_decided_without_the_registry() {
    let registry = FakeRegistry::new();
    let mut strict = policy();
    strict["unmatchedImages"] = json!("deny");
    assert_eq!(
        denied(&strict, &pod("nginx"), &registry),
        (
            "spec.containers[0] nginx: no rule names this image, and `unmatchedImages` is `deny`; add it to a \
             rule's imageReferences"
                .to_owned(),
            403
        )
    );
    let mut unpinned = policy();
    unpinned["verifyImages"][0]["mutateDigest"] = json!(false);
    assert_eq!(
        denied(&unpinned, &pod(APP), &registry),
        (
            format!(
                "spec.containers[0] {APP}: rule \"release\": a tag where a digest is required: what runs must be \
                 what was verified; pin it as NAME:TAG@sha256:…, or set `mutateDigest: true`"
            ),
            403
        )
    );
    let long = "x".repeat(70_000);
    let cut = format!("{}…", "x".repeat(160));
    let image_id = forge::hex_digest(b"x").replace("sha256:", "");
    for (image, shown, words) in [
        (long.as_str(), cut.as_str(), "the image reference is longer than 717 characters"),
        ("r.example.com/A", "r.example.com/A", "the image reference is malformed in its name"),
        ("a@sha512:00", "a@sha512:00", "its digest is not SHA-256; pin the image by its sha256 digest"),
        ("a@sha256:00", "a@sha256:00", "its digest is not `sha256:` and 64 lower-case hexadecimal digits"),
        (&image_id, &image_id, "an image identifier is not a reference that can be verified"),
        ("Registry/a", "Registry/a", "a registry's host needs a dot or a port"),
    ] {
        assert_eq!(
            denied(&policy(), &pod(image), &registry),
            (format!("spec.containers[0] {shown}: {words}"), 403)
        );
    }
    assert_eq!(registry.calls(), []);
}

#[test]
fn what_concerns_the_whole_object() {
    let registry = FakeRegistry::new();
    let change = |pointer: &str, value: Value| {
        let mut request = pod(APP);
        *request.pointer_mut(pointer).unwrap() = value;
        denied(&policy(), &request, &registry)
    };
    for (pointer, value, words, code) in [
        ("/kind", Value::Null, "the request is not an AdmissionRequest of Kubernetes", 403),
        ("/operation", json!("CONNECT"), "this policy cannot judge the operation `CONNECT`", 403),
        (
            "/kind/group",
            json!("evil.io"),
            "the request's resource `v1 pods` is not that of `evil.io/v1 Pod`",
            403,
        ),
        ("/object", Value::Null, "the request carries no object", 403),
        ("/object/kind", json!("Job"), "the object says it is `v1 Job`, the request `v1 Pod`", 403),
        ("/object/spec", Value::Null, "`spec` is not a mapping", 403),
        ("/object/spec/containers", json!("x"), "`spec.containers` is not a list", 403),
        ("/object/spec/containers", json!([]), "`spec` has no containers", 403),
        ("/object/spec/containers/0/image", json!(1), "`spec.containers[0].image` is not a text", 403),
        (
            "/object/spec/containers/0/image",
            json!(""),
            "`spec.containers[0].image` is missing or empty, and what would be filled in later cannot be verified \
             now",
            403,
        ),
        ("/object/spec/containers", json!(vec![json!({"image": APP}); 201]), "more than 200 images", 503),
        ("/options", json!("x".repeat(9_000_000)), "the request is longer than 8388608 bytes", 503),
    ] {
        assert_eq!(change(pointer, value), (words.to_owned(), code));
    }
    let mut unknown = pod(APP);
    unknown["kind"]["kind"] = json!("Gateway");
    unknown["resource"]["resource"] = json!("gateways");
    assert_eq!(
        denied(&policy(), &unknown, &registry).0,
        "this policy cannot tell the images of `v1 Gateway`; add it to `imageExtractors`, or remove it from the policy's rules"
    );
    let mut exec = pod(APP);
    exec["subResource"] = json!("exec");
    assert_eq!(
        denied(&policy(), &exec, &registry).0,
        "this policy cannot tell the images of the subresource `pods/exec`"
    );
    assert_eq!(
        denied(&json!({"verifyImages": []}), &pod(APP), &registry),
        (
            "the policy's settings are not valid: verifyImages: empty; at least one is needed, or nothing would \
             be checked"
                .to_owned(),
            403
        )
    );
}

#[test]
fn registry_errors_are_sorted_by_what_a_person_would_do() {
    let url = "url https://r.example.com/v2/acme/app/manifests/1";
    let envelope =
        |words: &str| format!("Registry error: {url}, envelope: OCI API errors: [OCI API error: {words}]");
    let limited = envelope("You have reached your pull rate limit");
    let unauthorised = format!("Not authorized: {url}");
    let server = format!("Server error: {url}, code: 500, message: oops");
    let unreachable = "error sending request for url (https://r.example.com/v2/)";
    for (error, words) in [
        (envelope("manifest unknown"), "the registry has no such image".to_owned()),
        (
            unauthorised.clone(),
            format!("the registry does not let the policy-server read it ({unauthorised}); check its imagePullSecret"),
        ),
        (
            limited.clone(),
            format!(
                "the registry limits the rate of requests ({limited}); try again, or give the policy-server \
                 credentials"
            ),
        ),
        (unreachable.to_owned(), format!("the registry cannot be reached ({unreachable})")),
        (
            "Policy has not been granted access to the 'oci/v1/manifest_digest' host capability. The violation \
             has been reported."
                .to_owned(),
            "the policy may not ask the registry; grant it the host capabilities `oci/v1/manifest_digest`, \
             `oci/v1/oci_manifest` and `oci/v1/oci_manifest_config`"
                .to_owned(),
        ),
        (server.clone(), format!("the registry's answer was: {server}")),
        (String::new(), "the registry's answer was: ".to_owned()),
        // What comes after the first line is the host's affair.
        ("oops\n\nCaused by:\n    0: unauthorized".to_owned(), "the registry's answer was: oops".to_owned()),
    ] {
        let mut registry = FakeRegistry::new();
        for prefix in ["", "Fail to interact with OCI registry: "] {
            let host = format!("Host error: Callback evaluation failure: {prefix}{error}");
            registry.fail("digest", &canonical(APP), &host);
            let expected = words.chars().count();
            let (message, code) = about_app(&registry);
            assert_eq!(code, 503);
            if expected < 160 || !message.contains('…') {
                assert_eq!(message, words);
            } else {
                // Long words of a registry are cut; those around them are not.
                let (before, after) = message.split_once('…').unwrap();
                assert!(words.starts_with(before) && words.ends_with(after), "{message}");
            }
        }
    }
}

/// The name of an image stands in the URL of an error, and is no reason for it.
#[test]
fn the_name_of_an_image_does_not_sort_its_error() {
    for name in ["authentication", "denied", "connection-timeout", "rate-limit", "unauthorized", "not-found"]
    {
        let image = format!("r.example.com/acme/{name}:1");
        let mut registry = FakeRegistry::new();
        let digest = registry.push(&image);
        let tag = signature_tag(&image, &digest);
        let url = format!("https://r.example.com/v2/acme/{name}/manifests/x.sig");
        let unknown =
            format!("Registry error: url {url}, envelope: OCI API errors: [OCI API error: manifest unknown]");
        registry.fail("manifest", &tag, &unknown);
        let (message, code) = denied(&policy(), &pod(&image), &registry);
        assert!(message.ends_with(NO_SIGNATURE), "{message}");
        assert_eq!(code, 403);
        registry.fail("manifest", &tag, &format!("Server error: url {url}, code: 500, message: oops"));
        let (message, code) = denied(&policy(), &pod(&image), &registry);
        assert!(message.contains("the registry's answer was: Server error"), "{message}");
        assert_eq!(code, 503);
    }
}

#[test]
fn credentials_are_never_shown() {
    for words in [
        "odd https://user:hunter2@r.example.com/v2/",
        "odd https://hunter2@r.example.com/v2/",
        "odd (https://user:hunter2@r.example.com)",
        "odd https://r.example.com/v2/?token=hunter2",
        "odd https://r.example.com?token=hunter2",
        "odd https://r.example.com/v2/#token=hunter2",
        "odd https://user:hun/hunter2@r.example.com/",
        "odd https://user:p@hunter2@r.example.com/",
        "odd https://proxy.example.com/https://user:hunter2@r.example.com/",
        "odd https://a.example.com/,https://user:hunter2@r.example.com/",
        "odd\thttps://user:hunter2@r.example.com/",
        "Not authorized: url https://user:hunter2@r.example.com/v2/token?account=x&password=hunter2",
        "error sending request for url (https://user:hunter2@r.example.com/v2/)",
        "fine\nhttps://user:hunter2@r.example.com/",
    ] {
        let mut registry = FakeRegistry::new();
        registry.fail("digest", &canonical(APP), words);
        let (message, _) = about_app(&registry);
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn passing_images_are_only_counted() {
    let mut registry = FakeRegistry::new();
    registry.push("r.example.com/bad:1");
    registry.push_signed("r.example.com/good:1", &[&release()]);
    let images = ["r.example.com/good:1", "r.example.com/bad:1", "other.example.com/x"];
    let (message, _) = denied(&policy(), &pod_of(&images), &registry);
    assert!(message.starts_with("spec.containers[1] r.example.com/bad:1 ("), "{message}");
    assert!(message.ends_with("\n(2 other images passed)"), "{message}");
    assert!(!message.contains("good") && !message.contains("other.example.com"));
}

#[test]
fn any_number_of_failing_images_fits() {
    for (n, passing) in [(100, 0), (200, 0), (150, 50)] {
        let mut images: Vec<String> = (0..n).map(|i| format!("r.example.com/acme/app-{i}:1")).collect();
        images.extend((0..passing).map(|_| "other.example.com/x".to_owned()));
        let registry = FakeRegistry::new();
        let (message, code) = denied(&policy(), &pod_of(&images), &registry);
        assert_eq!(code, 503);
        let lines: Vec<&str> = message.lines().collect();
        let shown = lines.iter().take_while(|line| line.starts_with("spec.containers[")).count();
        assert!(shown > 30, "{message}");
        for (index, line) in lines[..shown].iter().enumerate() {
            assert_eq!(
                *line,
                format!(
                    "spec.containers[{index}] r.example.com/acme/app-{index}:1: the registry has no such image"
                )
            );
        }
        assert_eq!(lines[shown], format!("… and {} images more not accepted", n - shown));
        let counted = (passing > 0).then_some("(50 other images passed)");
        assert_eq!(lines.get(shown + 1).copied(), counted);
    }
}

/// However long the reason of one image is, its message begins with it.
#[test]
fn a_long_reason_is_cut_and_not_left_out() {
    let keys: Vec<Key> = (0..64).map(|index| Key::new(&format!("k{index}"))).collect();
    let mut policy = policy();
    let block: String = keys.iter().map(Key::pem).collect();
    // Deep in sets, so that the places are long too: more than any message holds.
    let keys = json!({"keys": {"publicKeys": block, "rekor": {"ignoreTlog": true}}});
    let inner = json!({"attestor": {"entries": [{"attestor": {"entries": [keys]}}]}});
    policy["verifyImages"][0]["attestors"][0]["entries"] = json!([inner]);
    let registry = FakeRegistry::with_layers(APP, |digest| vec![signed(&Key::new("x"), REPOSITORY, digest)]);
    let (message, _) = denied(&policy, &pod(APP), &registry);
    assert!(
        message.starts_with(&format!(
            "spec.containers[0] {APP} ({SHORT}): rule \"release\": signed, but not by whom"
        )),
        "{message}"
    );
    let (message, _) = denied(&policy, &pod_of(&[APP, APP, "other.example.com/x"]), &registry);
    assert!(message.starts_with("spec.containers[0] "), "{message}");
    assert!(message.ends_with("\n… and 1 image more not accepted\n(1 other image passed)"), "{message}");
}

#[test]
fn hostile_text_is_escaped_and_cut() {
    let registry = FakeRegistry::new();
    let hostile = "x\n(9 other images passed)\r\u{1b}[2J\u{1b}[31m`\u{202e}\u{200b}é\u{0}\u{85}\u{2028}";
    let escaped = "x\\n(9 other images passed)\\r\\u{1b}[2J\\u{1b}[31m\\u{60}\\u{202e}\\u{200b}\\u{e9}\\u{0}\\u{85}\\u{2028}";
    let (message, _) = denied(&policy(), &pod(hostile), &registry);
    assert_eq!(
        message,
        format!("spec.containers[0] {escaped}: the image reference is malformed in its name")
    );
    let mut requests = Vec::new();
    for pointer in ["/operation", "/kind/kind", "/object/kind", "/object/apiVersion", "/resource/resource"] {
        for text in [hostile.to_owned(), hostile.repeat(500)] {
            let mut request = pod(APP);
            *request.pointer_mut(pointer).unwrap() = json!(text);
            requests.push(request);
        }
    }
    for text in [hostile.to_owned(), hostile.repeat(500), "\u{10ffff}".repeat(10_000)] {
        let mut request = pod(APP);
        request["subResource"] = json!(text);
        requests.push(request);
        requests.push(pod(&text));
        requests.push(pod_of(&vec![text; 200]));
    }
    for request in requests {
        let (message, _) = denied(&policy(), &request, &registry);
        // One line for each image, and what we say of the rest.
        let allowed = |c: char| c == '\n' || c == '…' || (' '..='~').contains(&c);
        assert!(message.chars().all(allowed), "{message:?}");
        for line in message.lines() {
            assert!(!line.starts_with("(9 other"), "{message}");
        }
    }
    // What a registry says.
    let mut registry = FakeRegistry::new();
    for text in [hostile.to_owned(), format!("oops {hostile}"), "\u{1b}[2J".repeat(3000)] {
        registry.fail("digest", &canonical(APP), &text);
        let (message, _) = denied(&policy(), &pod(APP), &registry);
        assert!(message.chars().all(|c| c == '…' || (' '..='~').contains(&c)), "{message:?}");
    }
    // The settings, which someone may be tricked into pasting.
    let mut settings = policy();
    settings["verifyImages"][0]["imageReferences"] = json!([hostile]);
    let (message, _) = denied(&settings, &pod(APP), &FakeRegistry::new());
    assert!(message.chars().all(|c| (' '..='~').contains(&c)), "{message:?}");
}

#[test]
fn warnings() {
    let mut registry = FakeRegistry::new();
    registry.push_signed(APP, &[&release()]);
    let mut policy = policy();
    policy["unmatchedImages"] = json!("warn");
    policy["verifyImages"][0]["mutateDigest"] = json!(false);
    policy["verifyImages"][0]["verifyDigest"] = json!(false);
    let answer = decide(&policy, &pod_of(&["nginx", APP]), &registry);
    assert!(answer.accepted);
    assert_eq!(
        answer.warnings,
        [
            "spec.containers[0] nginx: no rule of the policy names this image; it was not verified"
                .to_owned(),
            format!(
                "spec.containers[1] {APP}: verified, but not pinned: the tag may mean another image when it is \
                 pulled"
            ),
        ]
    );
    // `allow` allows silently; what is skipped is skipped silently.
    policy["unmatchedImages"] = json!("allow");
    policy["verifyImages"][0]["skipImageReferences"] = json!(["r.example.com/acme/*"]);
    assert_eq!(decide(&policy, &pod_of(&["nginx", APP]), &registry).warnings, [""; 0]);

    policy["unmatchedImages"] = json!("warn");
    let long = format!("other.example.com/{}", "x".repeat(200));
    let warnings = decide(&policy, &pod_of(&vec![long; 200]), &registry).warnings;
    assert_eq!(warnings.len(), MAX_WARNINGS);
    assert!(warnings.iter().all(|warning| warning.chars().count() <= MAX_WARNING_CHARS));
}

#[test]
fn audit_annotations() {
    let (a, b) = (release(), Key::new("b"));
    let mut registry = FakeRegistry::new();
    let digest = registry.push_signed(APP, &[&a, &b]);
    let mut both = rule(&["r.example.com/*"], &a);
    both["attestors"] = json!([{"entries": [entry(&a), entry(&b)]}]);
    both["skipImageReferences"] = json!(["r.example.com/public/*"]);
    let mut second = rule(&["*/acme/*"], &b);
    second.as_object_mut().unwrap().remove("name");
    let images = [APP, "r.example.com/public/x:1", "nginx", "redis:7"];
    let answer = decide(&settings(&[both, second]), &pod_of(&images), &registry);
    let annotation = |key: &str, value: String| (key.to_owned(), value);
    let (a, b) = (a.fingerprint(), b.fingerprint());
    assert_eq!(
        answer.annotations,
        [
            annotation("skipped-images", "spec.containers[1] r.example.com/public/x:1".to_owned()),
            annotation("unmatched-images", "spec.containers[2] nginx; spec.containers[3] redis:7".to_owned()),
            annotation(
                "verified-images",
                format!(
                    "spec.containers[0] {APP}@{digest}: rule \"release\" by key {a} and key {b}, rule \
                     verifyImages[1] by key {b}"
                )
            ),
        ]
    );
    let many =
        decide(&policy(), &pod_of(&vec![format!("other.example.com/{}", "x".repeat(99)); 200]), &registry);
    assert!(many.annotations.iter().all(|(_, value)| value.chars().count() <= MAX_ANNOTATION_CHARS));

    // A denial records nothing: nothing was admitted.
    let delete =
        decide(&policy(), &POD.request("DELETE", &Value::Null, &POD.object(&containers(&[APP]))), &registry);
    assert_eq!((delete.annotations, delete.warnings), (vec![], vec![]));
}
