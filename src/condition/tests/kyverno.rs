//! Conditions as people write them, over predicates as tools write them.

use super::*;
use crate::limits::MAX_CONDITION_VISITS;

/// As slsa-github-generator writes it, SLSA v0.2.
pub(super) fn provenance_v02() -> Value {
    json!({
        "builder": {"id": "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/v2.1.0"},
        "buildType": "https://github.com/slsa-framework/slsa-github-generator/container@v1",
        "invocation": {
            "configSource": {
                "uri": "git+https://github.com/acme/app@refs/tags/v1.4.0",
                "digest": {"sha1": "15bf79ea9c89fffbf5dd02c6b5b686b291bfcbd2"},
                "entryPoint": ".github/workflows/release.yml"
            },
            "parameters": {},
            "environment": {"github_event_name": "push", "github_ref_type": "tag", "github_run_attempt": "1"}
        },
        "metadata": {
            "buildInvocationID": "1234-1", "completeness": {"parameters": true, "environment": false, "materials": false},
            "reproducible": false
        },
        "materials": [{
            "uri": "git+https://github.com/acme/app@refs/tags/v1.4.0",
            "digest": {"sha1": "15bf79ea9c89fffbf5dd02c6b5b686b291bfcbd2"}
        }]
    })
}

/// As GitHub's attest-build-provenance writes it, SLSA v1.
pub(super) fn provenance_v1() -> Value {
    json!({
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {"workflow": {
                "ref": "refs/heads/main", "repository": "https://github.com/acme/app", "path": ".github/workflows/build.yml"
            }},
            "internalParameters": {"github": {"event_name": "push", "runner_environment": "github-hosted"}},
            "resolvedDependencies": [{
                "uri": "git+https://github.com/acme/app@refs/heads/main",
                "digest": {"gitCommit": "c27d339ee6075c1f744c5d4b200f7901aad2c369"}
            }]
        },
        "runDetails": {
            "builder": {"id": "https://github.com/acme/app/.github/workflows/build.yml@refs/heads/main"},
            "metadata": {
                "invocationId": "https://github.com/acme/app/actions/runs/1536140711/attempts/1",
                "finishedOn": "2027-01-15T07:00:00Z"
            }
        }
    })
}

/// As `cosign attest --type vuln` takes it from a scanner.
fn scan() -> Value {
    json!({
        "invocation": {"parameters": null, "uri": "https://github.com/acme/app/actions/runs/1", "event_id": "", "builder.id": "x"},
        "scanner": {
            "uri": "pkg:github/aquasecurity/trivy@0.34.0", "version": "0.34.0",
            "db": {"uri": "", "version": ""},
            "result": {"Results": [
                {"Target": "app", "Vulnerabilities": [
                    {"VulnerabilityID": "CVE-2026-1", "Severity": "LOW", "CVSS": {"nvd": {"V3Score": 3.1}}},
                    {"VulnerabilityID": "CVE-2026-2", "Severity": "MEDIUM", "CVSS": {"nvd": {"V3Score": 5.0}}}
                ]}
            ]}
        },
        "metadata": {"scanStartedOn": "2027-01-14T08:00:00Z", "scanFinishedOn": "2027-01-14T08:00:07.512345678+00:00"}
    })
}

/// A bill of materials in CycloneDX's JSON.
fn bom(components: usize) -> Value {
    let component = |n: usize| {
        json!({
            "bom-ref": format!("pkg:deb/debian/lib{n}@1.{n}.0"), "type": "library", "name": format!("lib{n}"),
            "version": format!("1.{n}.0"), "purl": format!("pkg:deb/debian/lib{n}@1.{n}.0"),
            "licenses": [{"license": {"id": if n.is_multiple_of(2) { "MIT" } else { "Apache-2.0" }}}],
            "properties": [{"name": "aquasecurity:trivy:PkgType", "value": "debian"}]
        })
    };
    let mut all: Vec<Value> = (0..components).map(component).collect();
    all.push(json!({
        "bom-ref": "x", "type": "library", "name": "liblzma5", "version": "5.4.7",
        "licenses": [{"license": {"id": "MIT"}}]
    }));
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "serialNumber": "urn:uuid:1",
        "metadata": {"timestamp": "2027-01-10T08:00:00Z", "component": {"name": "ghcr.io/acme/app", "type": "container"}},
        "components": all
    })
}

/// One line: a predicate, a key, an operator, a value that holds and one that does not.
#[test]
fn real_conditions_mean_what_they_say() {
    let (v02, v1, scan, bom) = (provenance_v02(), provenance_v1(), scan(), bom(3));
    let generator = "^https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/v[0-9]+[.][0-9]+[.][0-9]+$";
    let regex = |regex: &str, path: &str| format!("{{{{ regex_match('{regex}','{{{{ {path}}}}}') }}}}");
    #[rustfmt::skip]
    let table = [
        // Provenance.
        (&v02, regex(generator, "builder.id"), "Equals", json!(true), json!(false)),
        (&v02, regex("^https://evil.example/.*$", "builder.id"), "Equals", json!(false), json!(true)),
        (&v02, "{{ builder.id }}".to_owned(), "Equals", json!("https://github.com/slsa-framework/slsa-github-generator/*@refs/tags/v2.*"), json!("https://tekton.dev/chains/v2")),
        (&v02, "{{ buildType }}".to_owned(), "Equals", json!("https://github.com/slsa-framework/slsa-github-generator/container@v1"), json!("https://tekton.dev/attestations/chains@v2")),
        (&v02, "{{ invocation.configSource.uri }}".to_owned(), "Equals", json!("git+https://github.com/acme/app@refs/tags/v*"), json!("git+https://github.com/acme/app@refs/heads/main")),
        (&v02, "{{ invocation.configSource.entryPoint }}".to_owned(), "AnyIn", json!([".github/workflows/release.yml"]), json!([".github/workflows/test.yml"])),
        (&v02, "{{ invocation.environment.github_event_name }}".to_owned(), "NotIn", json!(["pull_request", "workflow_dispatch"]), json!(["pull_request", "push"])),
        (&v02, "{{ metadata.reproducible }}".to_owned(), "Equals", json!(false), json!(true)),
        (&v02, "{{ metadata.completeness.parameters }}".to_owned(), "NotEquals", json!(false), json!(true)),
        (&v02, "{{ materials[0].digest.sha1 }}".to_owned(), "Equals", json!("15bf79ea9c89fffbf5dd02c6b5b686b291bfcbd2"), json!("0000")),
        (&v02, "{{ materials[].uri }}".to_owned(), "AllIn", json!(["git+https://github.com/acme/*"]), json!(["git+https://github.com/acme/lib*"])),
        (&v02, "/builder/id".to_owned(), "Equals", json!("https://github.com/slsa-framework/*"), json!("https://github.com/acme/*")),
        (&v1, "{{ runDetails.builder.id }}".to_owned(), "Equals", json!("https://github.com/acme/app/.github/workflows/build.yml@refs/heads/main"), json!("https://github.com/acme/app/.github/workflows/build.yml@refs/heads/x")),
        (&v1, "{{ buildDefinition.externalParameters.workflow.repository }}".to_owned(), "In", json!(["https://github.com/acme/app", "https://github.com/acme/lib"]), json!(["https://github.com/acme/lib"])),
        (&v1, "{{ buildDefinition.externalParameters.workflow.ref }}".to_owned(), "NotEquals", json!("refs/pull/*"), json!("refs/heads/*")),
        (&v1, "{{ buildDefinition.internalParameters.github.runner_environment }}".to_owned(), "Equals", json!("github-hosted"), json!("self-hosted")),
        (&v1, "{{ buildDefinition.resolvedDependencies | length(@) }}".to_owned(), "Equals", json!(1), json!(0)),
        (&v1, "{{ time_since('', runDetails.metadata.finishedOn, '') }}".to_owned(), "LessThan", json!("720h"), json!("30m")),
        (&v1, "/buildDefinition/resolvedDependencies/0/uri".to_owned(), "Equals", json!("git+https://github.com/acme/app@*"), json!("git+https://github.com/acme/lib@*")),
        // Scans.
        (&scan, "{{ time_since('','{{ metadata.scanFinishedOn }}','') }}".to_owned(), "LessThanOrEquals", json!("168h"), json!("23h")),
        (&scan, regex("^pkg:github/aquasecurity/trivy@0[.]34[.][0-9]+$", "scanner.uri"), "Equals", json!(true), json!(false)),
        (&scan, "{{ scanner.version }}".to_owned(), "GreaterThanOrEquals", json!("0.30.0"), json!("0.50.0")),
        (&scan, "{{ scanner.result.Results[].Vulnerabilities[].Severity }}".to_owned(), "AllNotIn", json!(["CRITICAL", "HIGH"]), json!(["CRITICAL", "MEDIUM"])),
        (&scan, "{{ scanner.result.Results[].Vulnerabilities[].Severity }}".to_owned(), "AnyIn", json!("LOW"), json!("HIGH")),
        (&scan, "{{ length(scanner.result.Results[].Vulnerabilities[]) }}".to_owned(), "LessThan", json!(3), json!(2)),
        (&scan, "{{ scanner.result.Results[0].Vulnerabilities[1].CVSS.nvd.V3Score }}".to_owned(), "LessThan", json!(7), json!(5.0)),
        (&scan, "{{ invocation.\"builder.id\" }}".to_owned(), "Equals", json!("x"), json!("y")),
        // Bills of materials.
        (&bom, "{{ components | length(@) > `0` }}".to_owned(), "Equals", json!(true), json!(false)),
        (&bom, "{{ length(components) }}".to_owned(), "GreaterThanOrEquals", json!(4), json!(5)),
        (&bom, "{{ bomFormat }}".to_owned(), "Equals", json!("CycloneDX"), json!("SPDX")),
        (&bom, "{{ specVersion }}".to_owned(), "AnyIn", json!(["1.5", "1.6"]), json!(["1.4", "1.5"])),
        (&bom, "{{ components[?name=='liblzma5'].version | [0] }}".to_owned(), "AnyNotIn", json!(["5.6.0", "5.6.1"]), json!(["5.4.7"])),
        (&bom, "{{ components[?name=='liblzma5'].version }}".to_owned(), "AllNotIn", json!(["5.6.0", "5.6.1"]), json!(["5.4.*"])),
        (&bom, "{{ components[?name=='liblzma5'].version | [0] }}".to_owned(), "LessThan", json!("5.6.0"), json!("5.4.7")),
        (&bom, "{{ components[].licenses[].license.id }}".to_owned(), "AllIn", json!(["MIT", "Apache-2.0"]), json!(["MIT"])),
        (&bom, "{{ metadata.component.name }}".to_owned(), "Equals", json!("ghcr.io/acme/*"), json!("ghcr.io/other/*")),
    ];
    assert!(table.len() >= 25);
    for (predicate, key, operator, yes, no) in &table {
        assert_eq!(check(key, operator, yes, predicate), Ok(()), "{key} {operator} {yes}");
        assert!(check(key, operator, no, predicate).is_err(), "{key} {operator} {no}");
        // Of a predicate that says nothing, neither.
        for value in [yes, no] {
            assert!(check(key, operator, value, &json!({})).is_err(), "{key} {operator} {value}");
        }
    }
}

/// What a key over all of them costs does not grow faster than their number.
#[test]
fn a_bill_of_10_000_components_costs_a_look_at_each() {
    let keys = [
        ("{{ components[].licenses[].license.id }}", "AllIn", json!(["MIT", "Apache-2.0", "BSD-3-Clause"])),
        ("{{ components[?name=='liblzma5'].version }}", "AllNotIn", json!(["5.6.0", "5.6.1"])),
        ("{{ components[*].name }}", "AllNotIn", json!(["log4j-core", "event-stream"])),
        ("{{ components | length(@) > `0` }}", "Equals", json!(true)),
    ];
    let all: Vec<Condition> =
        keys.iter().map(|(key, operator, value)| condition(key, operator, value)).collect();
    let conditions =
        Conditions::new(vec![Block::new("conditions[0]".to_owned(), None, Some(all)).unwrap()]).unwrap();
    let cost = |components: usize| {
        let mut visits = Visits::new();
        assert_eq!(conditions.check_within(&bom(components), now(), &mut visits), Ok(()));
        visits.spent()
    };
    let (one, ten) = (cost(1000), cost(10_000));
    println!("looks at 10,000 components: {ten}");
    assert!(ten <= one * 10, "{one}, {ten}");
    assert!(ten <= 20 * 10_000, "{ten}");
}

#[test]
fn a_predicate_that_costs_too_much_satisfies_nothing() {
    let wanted: Vec<String> = (0..MAX_CONDITION_VALUES).map(|n| n.to_string()).collect();
    let items = |count: usize| json!({ "a": vec!["x"; count] });
    let cost = |count: usize| {
        let mut visits = Visits::new();
        let conditions = one(condition("/a", "AllNotIn", &json!(wanted)));
        conditions.check_within(&items(count), now(), &mut visits).map(|()| visits.spent())
    };
    let each = cost(200).unwrap().div_ceil(200);
    assert!(cost(MAX_CONDITION_VISITS / each - 1).is_ok());
    for operator in ["AllNotIn", "AnyIn", "AllIn"] {
        let too_many = items(MAX_CONDITION_VISITS / each + 1000);
        let found = check("/a", operator, &json!(wanted), &too_many);
        assert_eq!(found, Err(Finding::TooMuch), "{operator}");
    }
}
