//! Who signs for the policies of `convert/ivpol` and `convert/kubewarden`, by their names.

use sigwarden_testkit::idioms::Who::{
    Certificate, Claiming, Elsewhere, Identity, Key, Logged, OtherCertificate, Workflow,
};
use sigwarden_testkit::idioms::{APP, Attestation, Case, Who};

const RELEASE: Who = Workflow("acme/app/.github/workflows/release.yml@refs/heads/main");
/// The same identity by another issuer.
const ELSEWHERE: Who = Identity(
    "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
    "https://accounts.example.com",
);

fn app() -> Case {
    Case::signed(APP, &[Key("release")])
}

/// Whoever may not sign in place of [`RELEASE`], whatever else a policy allows.
fn by_workflow(who: Who) -> Case {
    Case::signed(APP, &[who]).strangers(&[
        ELSEWHERE,
        Elsewhere(&RELEASE),
        Logged("release"),
        Workflow("acme-evil/app/.github/workflows/release.yml@refs/heads/main"),
    ])
}

pub(crate) fn ivpol() -> Vec<(&'static str, Case)> {
    const BOM: &str = "https://cyclonedx.org/bom";
    let attestation =
        Attestation { carried_as: BOM, kind: BOM, predicate: r#"{"components":[]}"#, by: Key("release") };
    vec![
        ("key", app()),
        ("namespaced", app()),
        ("two-keys", Case::signed(APP, &[Key("release"), Key("security")])),
        ("one-of-two-keys", Case::signed(APP, &[Key("security")]).or(&[Key("release")])),
        ("each-kind-of-container", app()),
        ("annotations", app().annotated(&[("environment", "production")])),
        ("repository", app().kept_in("registry.example.com/signatures")),
        (
            "keyless",
            by_workflow(RELEASE).strangers(&[
                Workflow("acme/app/.github/workflows/release.yml@refs/heads/next"),
                Workflow("acme/app/.github/workflows/release.yml@refs/heads/main2"),
            ]),
        ),
        (
            "keyless-several",
            by_workflow(Workflow("acme/tools/.github/workflows/ci.yml@refs/heads/next"))
                .or(&[RELEASE])
                .strangers(&[Workflow("acme/app/.github/workflows/ci.yml@refs/heads/next")]),
        ),
        ("certificate", by_certificate()),
        ("attestation", Case::attested(APP, &[], attestation, Key("stranger"))),
        (
            "key-with-log",
            Case::signed(APP, &[Logged("release")]).strangers(&[
                Key("release"),
                Logged("stranger"),
                Elsewhere(&Logged("release")),
            ]),
        ),
        ("digests-only", app()),
        ("audit", app()),
    ]
}

pub(crate) fn kubewarden() -> Vec<(&'static str, Case)> {
    const CI: &str = "acme/app/.github/workflows/ci.yml@refs/heads/next";
    vec![
        ("key", app()),
        ("two-keys", Case::signed(APP, &[Key("release"), Key("security")])),
        ("namespaced", app()),
        ("monitor", app()),
        ("from-rancher", app()),
        ("not-modifying", app()),
        ("annotations", app().annotated(&[("environment", "production")])),
        (
            "keyless",
            by_workflow(RELEASE)
                .strangers(&[Workflow("acme/app/.github/workflows/release.yml@refs/heads/next")]),
        ),
        (
            "keyless-prefix",
            by_workflow(Workflow("acme/tools/.github/workflows/ci.yml@refs/heads/next"))
                .strangers(&[Workflow("acme")]),
        ),
        (
            "github-actions",
            by_workflow(Claiming(CI, &[(5, "acme/app")]))
                .or(&[Claiming("other/reusable/.github/workflows/ci.yml@v1", &[(5, "acme/app")])])
                .strangers(&[
                    Workflow(CI),
                    Claiming(CI, &[(5, "evil/x")]),
                    Claiming(CI, &[(5, "acme/app-evil")]),
                    Claiming(CI, &[(5, "acme/tools")]),
                ]),
        ),
        (
            "github-actions-of-an-owner",
            by_workflow(Claiming(CI, &[(5, "acme/app")]))
                .or(&[Claiming(CI, &[(5, "acme/tools")])])
                .strangers(&[
                    Workflow(CI),
                    Claiming(CI, &[(5, "evil/x")]),
                    Claiming(CI, &[(5, "acme-evil/app")]),
                ]),
        ),
        ("certificates", by_certificate()),
    ]
}

fn by_certificate() -> Case {
    Case::signed(APP, &[Certificate]).strangers(&[OtherCertificate, Key("release")])
}
