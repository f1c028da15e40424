//! Who signs for the ClusterPolicies of `tests/idioms`, by their names, where images are decided on.

use super::Who::{
    Certificate, Claiming, Elsewhere, Identity, Key, Logged, OtherCertificate, Rsa4096, Workflow,
};
use super::{APP, Attestation, Attested, Case, Lack, Proof, Said, Who, tekton_task, virtual_machine};

/// Kyverno's idioms.
#[must_use]
pub fn kyverno() -> Vec<(&'static str, Case)> {
    [identities(), keys(), images(), actions(), attestations(), places()].concat()
}

fn app() -> Case {
    Case::signed(APP, &[Key("release")])
}

/// Who signs by an identity, and some that must not count for them.
fn identities() -> Vec<(&'static str, Case)> {
    const PEOPLE: &str = "https://accounts.example.com";
    const OIDC: &str = "https://oidc.example.com";
    const CI: Who = Workflow("acme/app/.github/workflows/ci.yaml@refs/heads/main");
    const TAGGED: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.2.3";
    const ALICE: Who = Identity("alice@example.com", PEOPLE);
    const INTERNAL: Who = Identity("spiffe://example.com/ci/app", OIDC);
    vec![
        (
            "keyless-wildcard-subject",
            Case::signed(APP, &[CI]).strangers(&[
                Workflow("acme-evil/app/.github/workflows/ci.yaml@refs/heads/main"),
                Identity("https://github.com/acme/app/.github/workflows/ci.yaml@refs/heads/main", PEOPLE),
                Elsewhere(&CI),
                Logged("release"),
            ]),
        ),
        (
            "keyless-exact-subject",
            Case::signed(
                "ghcr.io/acme/shop:1",
                &[Workflow("acme/shop/.github/workflows/release.yaml@refs/heads/main")],
            )
            .strangers(&[Workflow("acme/shop/.github/workflows/release.yaml@refs/heads/next")]),
        ),
        (
            "keyless-subject-regexp",
            Case::signed(APP, &[Workflow("acme/app/.github/workflows/release.yml@refs/tags/v1.2.3")])
                .strangers(&[
                    Workflow("acme/app/.github/workflows/release.yml@refs/tags/v1.2.3-rc1"),
                    Identity(TAGGED, "https://token.actions.githubusercontent.com.example.com"),
                ]),
        ),
        ("keyless-workflow-extensions", workflow_extensions()),
        (
            "keyless-person",
            Case::signed("registry.example.com/tools/app:1", &[ALICE]).strangers(&[
                Identity("alice@example.community", PEOPLE),
                Identity("alice@example.com", "https://accounts.example.community"),
            ]),
        ),
        (
            "keyless-private-authority",
            Case::signed("registry.example.com/app:1", &[Elsewhere(&INTERNAL)])
                .strangers(&[Elsewhere(&Identity("spiffe://example.com/cd/app", OIDC)), INTERNAL]),
        ),
    ]
}

/// A workflow whose certificate has to make three claims: event, repository, ref.
fn workflow_extensions() -> Case {
    const PATH: &str = "acme/platform/.github/workflows/ci.yaml@refs/heads/main";
    const fn claiming(claims: &'static [(u8, &'static str)]) -> Who {
        Claiming(PATH, claims)
    }
    Case::signed(
        "ghcr.io/acme/platform/api:1",
        &[claiming(&[(2, "push"), (5, "acme/platform"), (6, "refs/heads/main")])],
    )
    .strangers(&[
        claiming(&[]),
        claiming(&[(2, "pull_request"), (5, "acme/platform"), (6, "refs/heads/main")]),
        claiming(&[(2, "push"), (5, "acme/platform-fork"), (6, "refs/heads/main")]),
        claiming(&[(2, "push"), (5, "acme/platform"), (6, "refs/heads/next")]),
        claiming(&[(2, "push"), (5, "acme/platform")]),
    ])
}

/// Keys. Without `ignoreTlog` an entry in Rekor is wanted, as Kyverno has it.
fn keys() -> Vec<(&'static str, Case)> {
    const UNLOGGED: [Who; 3] = [Key("release"), Logged("stranger"), Elsewhere(&Logged("release"))];
    vec![
        ("static-key", Case::signed(APP, &[Logged("release")]).strangers(&UNLOGGED)),
        ("static-key-with-rekor-url", Case::signed(APP, &[Logged("release")]).strangers(&UNLOGGED)),
        ("ignore-tlog", app()),
        ("rekor-url-empty", app()),
        (
            "several-keys-in-one-block",
            Case::signed("registry.example.com/payments/api:2", &[Key("release"), Key("security")]),
        ),
        (
            "one-of-several-keys",
            Case::signed("registry.example.com/acme/app:1", &[Key("release")]).or(&[Key("release-2025")]),
        ),
        (
            "two-of-three-keys",
            Case::signed("registry.example.com/vault/server:1", &[Key("carol"), Key("alice")]),
        ),
        (
            "two-attestor-sets",
            Case::signed("registry.example.com/acme/app:1", &[Key("builder"), Key("scanner")]),
        ),
        (
            "nested-attestor",
            Case::signed("registry.example.com/acme/app:1", &[Key("release"), Key("security-b")]),
        ),
        ("rsa-4096-key", Case::signed("registry.example.com/appliances/router:3", &[Rsa4096])),
        ("configmap-variable", app()),
        ("key-by-k8s-url", app()),
        ("key-in-secret", app()),
        (
            "certificate",
            Case::signed("registry.example.com/app:1", &[Certificate])
                .strangers(&[OtherCertificate, Key("release")]),
        ),
        ("annotations", app().annotated(&[("environment", "production")])),
    ]
}

/// Which images.
fn images() -> Vec<(&'static str, Case)> {
    let by_release = |image| Case::signed(image, &[Key("release")]);
    vec![
        ("every-image", by_release("busybox")),
        ("whole-registries", by_release("mirror.example.com/library/busybox:1")),
        ("unqualified-hub-pattern", by_release("docker.io/library/nginx:1.27")),
        ("skip-image-references", app()),
        ("several-rules", Case::signed("registry.example.com/supplier/db:9", &[Key("supplier")])),
        ("namespace-scope", app()),
        ("tekton-steps", app().asked(tekton_task)),
        ("kubevirt-disks", app().asked(virtual_machine)),
    ]
}

/// What becomes of them.
fn actions() -> Vec<(&'static str, Case)> {
    let names = [
        "audit-at-policy-level",
        "audit-at-rule-level",
        "mutate-digest-false",
        "verify-digest-false",
        "required-false",
    ];
    names.map(|name| (name, app())).to_vec()
}

fn attestations() -> Vec<(&'static str, Case)> {
    const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
    const BOM: &str = "https://cyclonedx.org/bom";
    const SCAN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
    let by_builder = |kind, predicate| {
        let attestation = Attestation { carried_as: kind, kind, predicate, by: Key("builder") };
        Case::attested(APP, &[], attestation, Key("stranger"))
    };
    vec![
        (
            "attestation-path-equals",
            by_builder(
                PROVENANCE,
                r#"{"runDetails":{"builder":{"id":"https://ci.example.com/builders/hardened"}}}"#,
            )
            .saying(
                r#"{"runDetails":{"builder":{"id":"https://ci.example.com/builders/hardened2"}}}"#,
                all(
                    "{{ runDetails.builder.id }}",
                    "Equals",
                    "https://ci.example.com/builders/hardened",
                    "`https://ci.example.com/builders/hardened2`",
                ),
            ),
        ),
        (
            "attestation-regex-match",
            by_builder(
                PROVENANCE,
                r#"{"runDetails":{"builder":{"id":"https://ci.example.com/builders/hardened@v12"}}}"#,
            )
            .saying(
                r#"{"runDetails":{"builder":{"id":"https://ci.example.com/builders/hardened@v12a"}}}"#,
                all(
                    "{{ regex_match('^https://ci[.]example[.]com/builders/hardened@v[0-9]+$', '{{ runDetails.builder.id }}') }}",
                    "Equals",
                    "true",
                    "false",
                ),
            ),
        ),
        (
            "attestation-length",
            by_builder(BOM, r#"{"components":[{"name":"a"}]}"#).saying(
                r#"{"components":[]}"#,
                all("{{ components | length(@) > `0` }}", "Equals", "true", "false"),
            ),
        ),
        (
            "attestation-time-since",
            by_builder(SCAN, r#"{"metadata":{"scanFinishedOn":"2025-12-30T00:00:00Z"}}"#).saying(
                r#"{"metadata":{"scanFinishedOn":"2025-12-20T00:00:00Z"}}"#,
                all(
                    "{{ time_since('', '{{ metadata.scanFinishedOn }}', '') }}",
                    "LessThanOrEquals",
                    "168h",
                    "an age of 288h0m0s",
                ),
            ),
        ),
        (
            "attestation-component-version",
            by_builder(BOM, r#"{"components":[{"name":"liblzma","version":"5.8.1"}]}"#).saying(
                r#"{"components":[{"name":"liblzma","version":"5.6.1"}]}"#,
                all(
                    "{{ components[?name=='liblzma'].version | [0] }}",
                    "AnyNotIn",
                    r#"["5.6.0","5.6.1"]"#,
                    "`5.6.1`",
                ),
            ),
        ),
        ("attestation-keyless", keyless_attestation()),
    ]
}

/// Signature and provenance, both by workflows.
fn keyless_attestation() -> Case {
    const KIND: &str = "https://slsa.dev/provenance/v0.2";
    const WORKFLOW: Who = Workflow("acme/app/.github/workflows/ci.yml@refs/heads/main");
    const STRANGER: Who = Workflow("evil/app/.github/workflows/ci.yml@refs/heads/main");
    let attestation = Attestation {
        carried_as: KIND,
        kind: KIND,
        predicate: r#"{"invocation":{"configSource":{"uri":"git+https://github.com/acme/shop@refs/heads/main"}}}"#,
        by: WORKFLOW,
    };
    let place = "conditions[0].any".to_owned();
    let not_met = said(
        "conditions[0].any[0]",
        "{{ invocation.configSource.uri }}",
        "Equals",
        "git+https://github.com/acme/shop@refs/heads/main",
        "`git+https://github.com/acme/shop@refs/heads/next`",
    );
    Case::attested(APP, &[Proof::Bundle(WORKFLOW)], attestation, STRANGER)
        .but(&[Proof::Bundle(STRANGER), Proof::Attestation(attestation)], Lack::Signers)
        .saying(
            r#"{"invocation":{"configSource":{"uri":"git+https://github.com/acme/shop@refs/heads/next"}}}"#,
            Attested::SayingNoneOf(place, vec![not_met]),
        )
}

/// Formats, and where things are.
fn places() -> Vec<(&'static str, Case)> {
    vec![
        (
            "sigstore-bundle",
            Case::bundled(
                APP,
                Workflow("acme/app/.github/workflows/ci.yml@refs/heads/main"),
                Workflow("evil/app/.github/workflows/ci.yml@refs/heads/main"),
            ),
        ),
        ("cosign-oci11", app()),
        ("use-cache", app()),
        (
            "signatures-elsewhere",
            Case::signed("registry.example.com/copies/app:1", &[Key("release")])
                .kept_in("registry.example.com/signatures"),
        ),
    ]
}

/// The one condition of a policy, in an `all` block, and what was found in place of what it wants.
fn all(key: &str, operator: &'static str, value: &str, found: &str) -> Attested {
    Attested::Saying(said("conditions[0].all[0]", key, operator, value, found))
}

fn said(place: &str, key: &str, operator: &'static str, value: &str, found: &str) -> Said {
    let [place, key, value, found] = [place, key, value, found].map(str::to_owned);
    Said { place, key, operator, value, found }
}
