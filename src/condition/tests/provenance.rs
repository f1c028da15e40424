//! What `slsa` asks, in both versions.

use super::kyverno::{provenance_v1, provenance_v02};
use super::*;

const V1: &str = "https://slsa.dev/provenance/v1";
const V02: &str = "https://slsa.dev/provenance/v0.2";

fn slsa(predicate_type: &str, field: SlsaField, pattern: &str) -> Result<Slsa, SlsaError> {
    Slsa::new(predicate_type, vec![(field, pattern.to_owned())])
}

fn ask(predicate_type: &str, field: SlsaField, pattern: &str, predicate: &Value) -> Result<(), Finding> {
    match slsa(predicate_type, field, pattern).unwrap().check(predicate) {
        Ok(()) => Ok(()),
        Err(Unmet::Slsa { field: name, wanted, found }) => {
            assert_eq!((name, wanted.as_str()), (field.name(), pattern));
            Err(found)
        }
        Err(other) => panic!("{other}"),
    }
}

fn with(mut predicate: Value, pointer: &str, value: Value) -> Value {
    *predicate.pointer_mut(pointer).unwrap() = value;
    predicate
}

const SOURCE: &str = "https://github.com/acme/app";

#[test]
fn each_field_is_read_where_its_version_has_it() {
    let (v02, v1) = (provenance_v02(), provenance_v1());
    #[rustfmt::skip]
    let table = [
        (V02, &v02, SlsaField::BuilderId, "https://github.com/slsa-framework/slsa-github-generator/*@refs/tags/v2*", "https://github.com/acme/*"),
        (V02, &v02, SlsaField::BuildType, "https://github.com/slsa-framework/slsa-github-generator/container@v1", "https://tekton.dev/chains/v2"),
        (V02, &v02, SlsaField::SourceUri, SOURCE, "https://github.com/acme/lib"),
        (V02, &v02, SlsaField::SourceUri, "git+https://github.com/acme/*", "https://github.com/acme-evil/*"),
        (V02, &v02, SlsaField::SourceRef, "refs/tags/v*", "refs/heads/*"),
        (V1, &v1, SlsaField::BuilderId, "https://github.com/acme/app/.github/workflows/build.yml@refs/heads/main", "https://github.com/acme/app/.github/workflows/build.yml"),
        (V1, &v1, SlsaField::BuildType, "https://actions.github.io/buildtypes/workflow/v1", "https://actions.github.io/buildtypes/workflow/v2"),
        (V1, &v1, SlsaField::SourceUri, SOURCE, "https://github.com/acme/ap"),
        (V1, &v1, SlsaField::SourceUri, "https://github.com/acme/app.git", "https://gitlab.com/acme/app"),
        (V1, &v1, SlsaField::SourceRef, "refs/heads/main", "refs/heads/mai"),
    ];
    for (version, predicate, field, yes, no) in table {
        assert_eq!(ask(version, field, yes, predicate), Ok(()), "{yes}");
        assert!(matches!(ask(version, field, no, predicate), Err(Finding::Value(_))), "{no}");
        // The other version keeps it elsewhere.
        let other = if version == V1 { &v02 } else { &v1 };
        assert!(ask(version, field, yes, other).is_err(), "{yes}");
        assert!(ask(version, field, yes, &json!({})).is_err(), "{yes}");
    }
    let all = vec![
        (SlsaField::SourceUri, SOURCE.to_owned()),
        (SlsaField::SourceRef, "refs/heads/main".to_owned()),
        (SlsaField::BuilderId, "https://github.com/acme/*".to_owned()),
    ];
    let all = Slsa::new(V1, all).unwrap();
    assert_eq!(all.check(&v1), Ok(()));
    let other = with(v1.clone(), "/runDetails/builder/id", json!("https://github.com/evil/x"));
    assert_eq!(
        all.check(&other).unwrap_err().to_string(),
        "slsa.builderId: wanted `https://github.com/acme/*`; found `https://github.com/evil/x`"
    );
}

#[test]
fn the_source_of_v02_is_what_was_configured_or_the_only_material() {
    let source = |predicate: &Value| ask(V02, SlsaField::SourceUri, SOURCE, predicate);
    let without = with(provenance_v02(), "/invocation/configSource", json!({}));
    assert_eq!(source(&without), Ok(()));
    assert_eq!(ask(V02, SlsaField::SourceRef, "refs/tags/v1.4.0", &without), Ok(()));
    let other = json!({"uri": "git+https://github.com/acme/lib"});
    let material = without["materials"][0].clone();
    let image = json!({"uri": "pkg:docker/golang@1.26"});
    let several = with(without.clone(), "/materials", json!([material, other]));
    assert!(matches!(source(&several), Err(Finding::Unreadable(_))));
    assert_eq!(source(&with(without.clone(), "/materials", json!([image, material, material]))), Ok(()));
    assert_eq!(
        source(&with(without.clone(), "/materials", json!([image]))),
        Err(Finding::Unreadable("no source is named"))
    );
    assert!(matches!(source(&with(without, "/materials", json!("x"))), Err(Finding::Type { .. })));
    // What was configured counts alone.
    let configured =
        with(provenance_v02(), "/invocation/configSource/uri", json!("git+https://github.com/acme/lib"));
    assert_eq!(source(&configured), Err(found(&json!("https://github.com/acme/lib"))));
    assert_eq!(
        ask(V02, SlsaField::SourceRef, "refs/heads/main", &configured),
        Err(Finding::Unreadable("the source is named without a ref"))
    );
}

#[test]
fn the_source_of_a_workflow_is_what_was_resolved_as_well() {
    let source = |predicate: &Value| ask(V1, SlsaField::SourceUri, SOURCE, predicate);
    let resolved = "/buildDefinition/resolvedDependencies";
    let different = Err(Finding::Unreadable("`workflow` and `resolvedDependencies` name different sources"));
    for (uri, wanted) in [
        ("git+https://github.com/acme/app@refs/heads/main", Ok(())),
        ("git+https://github.com/acme/app", Ok(())),
        ("git+https://github.com/acme/app@refs/heads/other", different.clone()),
        ("git+https://github.com/acme/lib@refs/heads/main", different),
        ("https://github.com/actions/virtual-environments/releases/tag/ubuntu20", Ok(())),
    ] {
        assert_eq!(source(&with(provenance_v1(), &format!("{resolved}/0/uri"), json!(uri))), wanted, "{uri}");
    }
    assert_eq!(source(&with(provenance_v1(), resolved, Value::Null)), Ok(()));
    let workflow = "/buildDefinition/externalParameters/workflow";
    assert_eq!(source(&with(provenance_v1(), workflow, json!({}))), Err(Finding::Nothing));
    let unnamed = with(provenance_v1(), resolved, Value::Null);
    let unnamed = with(unnamed, &format!("{workflow}/ref"), Value::Null);
    assert_eq!(
        ask(V1, SlsaField::SourceRef, "refs/heads/main", &unnamed),
        Err(Finding::Unreadable("the source is named without a ref"))
    );
}

#[test]
fn other_build_types_of_v1_name_a_source_or_the_only_dependency() {
    let other = |parameters: Value, dependencies: Value| {
        let predicate =
            with(provenance_v1(), "/buildDefinition/buildType", json!("https://ci.example.com/v1"));
        let predicate = with(predicate, "/buildDefinition/externalParameters", parameters);
        with(predicate, "/buildDefinition/resolvedDependencies", dependencies)
    };
    let source = |predicate: &Value| ask(V1, SlsaField::SourceUri, SOURCE, predicate);
    let app = json!({"uri": "git+https://github.com/acme/app.git@refs/heads/main"});
    let lib = json!({"uri": "git+https://github.com/acme/lib.git"});
    assert_eq!(source(&other(json!({"source": app}), json!([lib]))), Ok(()));
    assert_eq!(source(&other(json!({ "source": SOURCE }), json!([lib]))), Ok(()));
    assert_eq!(source(&other(json!({"source": {}}), json!([app]))), Ok(()));
    assert_eq!(source(&other(json!({}), json!([app]))), Ok(()));
    assert!(source(&other(json!({}), json!([lib]))).is_err());
    for (dependencies, why) in [
        (
            json!([app, lib]),
            "several repositories are named, and this build type does not say which was built",
        ),
        (json!([]), "no source is named"),
        (Value::Null, "no source is named"),
    ] {
        assert_eq!(source(&other(json!({}), dependencies)), Err(Finding::Unreadable(why)));
    }
    // A workflow's parameters mean nothing where the build type is not GitHub's.
    let parameters = provenance_v1()["buildDefinition"]["externalParameters"].clone();
    assert_eq!(source(&other(parameters, json!([]))), Err(Finding::Unreadable("no source is named")));
}

/// Clients of git follow `..` before they ask: it leads out of what the pattern names.
#[test]
fn rule_14_a_source_is_where_it_says_it_is() {
    let source = |uri: &str| {
        let predicate = with(provenance_v02(), "/invocation/configSource/uri", json!(uri));
        ask(V02, SlsaField::SourceUri, "https://github.com/acme/*", &predicate)
    };
    for good in ["git+https://github.com/acme/app@refs/heads/main", "https://github.com/acme/a..b/.c./..."] {
        assert_eq!(source(good), Ok(()), "{good}");
    }
    let why = "`.` or `..` stands in the source's path";
    for out in [
        "git+https://github.com/acme/../evil/app@refs/heads/main",
        "https://github.com/acme/app/../../evil/app.git",
        "https://github.com/acme/%2e%2E/evil/app",
        "https://github.com/acme/.%2e/evil/app",
        "https://github.com/acme/..\\evil",
        "https://github.com/acme/./app",
        "https://github.com/acme/..",
    ] {
        assert_eq!(source(out), Err(Finding::Unreadable(why)), "{out}");
    }
}

/// A branch may be called `x@refs/heads/main`: who built there has a name that ends as the branch `main` does.
#[test]
fn rule_14_a_builder_of_another_branch_is_another_builder() {
    let built = |pattern: &str, reference: &str| {
        let id = format!("https://github.com/acme/app/.github/workflows/build.yml@{reference}");
        let predicate = with(provenance_v1(), "/runDetails/builder/id", json!(id));
        ask(V1, SlsaField::BuilderId, pattern, &predicate)
    };
    for pattern in [
        "https://github.com/acme/*@refs/heads/main",
        "https://github.com/acme/app/.github/workflows/*.yml@refs/heads/main",
        "https://github.com/acme/app/.github/workflows/build.yml*@refs/heads/main",
    ] {
        assert_eq!(built(pattern, "refs/heads/main"), Ok(()), "{pattern}");
        for branch in ["refs/heads/x@refs/heads/main", "refs/heads/@refs/heads/main"] {
            assert!(matches!(built(pattern, branch), Err(Finding::Value(_))), "{pattern} {branch}");
        }
    }
    // Behind it, any name is one.
    assert_eq!(built("https://github.com/acme/*@refs/tags/*", "refs/tags/@acme/app@1.0.0"), Ok(()));
    assert_eq!(built("https://github.com/acme/*", "refs/heads/x@refs/heads/main"), Ok(()));
}

#[test]
fn an_at_sign_before_the_path_is_no_ref() {
    for (uri, yes) in [
        ("git+ssh://git@example.com/acme/app@refs/heads/main", "ssh://git@example.com/acme/app"),
        ("git+ssh://git@example.com/acme/app", "ssh://git@example.com/acme/app"),
        ("git+https://example.com/acme/app@refs/tags/x@1", "https://example.com/acme/app"),
    ] {
        let predicate = with(provenance_v02(), "/invocation/configSource/uri", json!(uri));
        assert_eq!(ask(V02, SlsaField::SourceUri, yes, &predicate), Ok(()), "{uri}");
    }
    let tag = with(
        provenance_v02(),
        "/invocation/configSource/uri",
        json!("git+https://x.example/a/b@refs/tags/x@1"),
    );
    assert_eq!(ask(V02, SlsaField::SourceRef, "refs/tags/x@1", &tag), Ok(()));
}

#[test]
fn anybody_is_refused_and_so_is_another_predicate() {
    use SlsaField::{BuildType, BuilderId, SourceRef, SourceUri};
    for other in
        ["https://slsa.dev/provenance/v0.1", "https://slsa.dev/provenance/v1.0", "https://cyclonedx.org/bom"]
    {
        assert_eq!(slsa(other, BuilderId, "https://example.com/x"), Err(SlsaError::NotProvenance), "{other}");
    }
    assert_eq!(Slsa::new(V1, vec![]), Err(SlsaError::Nothing));
    for (field, anybody, somebody) in [
        (BuilderId, "*", "builder"),
        (BuilderId, "https://*", "https://ci.example.com/*"),
        (BuilderId, "https://ci.example.com*", "https://ci.example.com/b*"),
        (BuilderId, "https://github.com/*", "https://github.com/acme/*"),
        (BuilderId, "https://GitHub.com/acme*", "https://github.com/acme/a*"),
        (BuilderId, "https://github.com", "https://tekton.dev/chains/v2"),
        (BuilderId, "?*", "https://cloudbuild.googleapis.com/GoogleHostedWorker@v*"),
        (BuildType, "**", "https://slsa.dev/container-based-build/v0.1?draft"),
        (SourceUri, "*", SOURCE),
        (SourceUri, "https://github.com/*", "https://github.com/acme/*"),
        (SourceUri, "https://github.com//*", "git+https://github.com/acme"),
        (SourceUri, "https://github.com/acme*", "git+https://github.com/acme/app.git"),
        (SourceUri, "https://*/acme/app", "https://git.example.com/*"),
        (SourceUri, "ssh://git@github.com/*", "ssh://git@github.com/acme/*"),
        (SourceUri, "https://git.example*/app", "https://git.example.com/app"),
        (SourceUri, "github.com/acme/app", SOURCE),
        (SourceUri, "https://github.com/acme/app@refs/heads/main", SOURCE),
        (SourceRef, "*", "refs/heads/*"),
        (SourceRef, "main", "refs/heads/main"),
        (SourceRef, "refs/*", "refs/tags/v*"),
        (SourceRef, "*/main", "refs/heads/release-?"),
    ] {
        let refused = SlsaError::Anybody { field, found: anybody.to_owned() };
        assert_eq!(slsa(V1, field, anybody), Err(refused), "{anybody}");
        assert!(slsa(V1, field, somebody).is_ok(), "{somebody}");
    }
}
