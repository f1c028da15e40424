//! What `sigwarden convert` refuses, by its field; and how it takes documents.

#![expect(clippy::panic, reason = "a helper that fails ends its test")]

#[path = "support/cluster_policy.rs"]
mod cluster_policy;
#[path = "support/converted.rs"]
mod converted;
#[path = "support/crd.rs"]
mod crd;

use cluster_policy::{ENFORCE, cluster_policy, refused};
use converted::{fill, manifests, options, run};
use serde_json::json;
use sigwarden_host::convert::{Conversion, ConvertError, Options};
use std::fs;

const RULE: &str = "match: {any: [{resources: {kinds: [Pod]}}]}";

fn converted(yaml: &str) -> Conversion {
    run(converted::policy(), yaml, &options()).unwrap_or_else(|error| panic!("{error:?}\n{yaml}"))
}

fn notes(conversion: &Conversion) -> Vec<String> {
    conversion.notes.iter().map(ToString::to_string).collect()
}

#[test]
fn a_note_says_what_has_to_be_published_first() {
    let said = |name: &str| {
        let text = fs::read_to_string(converted::root().join("tests/idioms").join(name)).unwrap();
        let conversion = run(converted::policy(), &converted::fill(&text), &options()).unwrap();
        notes(&conversion).into_iter().filter(|note| note.contains("carriers")).collect::<Vec<_>>()
    };
    let note = |policy: &str, what: &str| {
        format!(
            "ClusterPolicy/{policy}: spec.rules[0].verifyImages[0]: its {what} are read from carriers alone; publish those \
             first, as docs/carriers.md says, or these images are rejected"
        )
    };
    assert_eq!(said("attestation-length.yaml"), [note("attestation-length", "attestations")]);
    assert_eq!(said("sigstore-bundle.yaml"), [note("sigstore-bundle", "bundles")]);
    assert_eq!(said("static-key.yaml"), Vec::<String>::new());
}

#[test]
fn what_cannot_be_a_scope_is_refused_by_its_field() {
    const FILTER: &str = "spec.rules[0].match.any[0]";
    for (rule, path, words) in [
        (
            "match: {any: [{resources: {kinds: [Pod]}, subjects: [{kind: User, name: a}]}]}",
            format!("{FILTER}.subjects"),
            "cannot be carried over",
        ),
        (
            "match: {any: [{resources: {kinds: [Pod]}, clusterRoles: [admin]}]}",
            format!("{FILTER}.clusterRoles"),
            "cannot be carried over",
        ),
        (
            "match: {any: [{resources: {kinds: [Pod]}}]}\nexclude: {any: [{roles: [a:b]}]}",
            "spec.rules[0].exclude.any[0].roles".to_owned(),
            "cannot be carried over",
        ),
        (
            "match: {any: [{resources: {kinds: [Pod], annotations: {a: b}}}]}",
            format!("{FILTER}.resources.annotations"),
            "anybody can annotate",
        ),
        (
            "match: {any: [{resources: {kinds: [Pod], namespaces: ['{{ request.object.x }}']}}]}",
            format!("{FILTER}.resources.namespaces[0]"),
            "no variable",
        ),
        (
            "match: {any: [{resources: {kinds: [Pod], namespaces: ['!shop']}}]}",
            format!("{FILTER}.resources.namespaces[0]"),
            "found `!shop`",
        ),
        (
            "match: {any: [{resources: {kinds: [Pod], selector: {matchLabels: {app: 'web-*'}}}}]}",
            format!("{FILTER}.resources.selector.matchLabels"),
            "no wildcards",
        ),
        (
            "match: {any: [{resources: {kinds: [Pod/exec]}}]}",
            format!("{FILTER}.resources.kinds[0]"),
            "no image comes in",
        ),
        (
            "match: {any: [{resources: {kinds: [Widget]}}]}",
            format!("{FILTER}.resources.kinds[0]"),
            "--resource",
        ),
        (
            "match: {any: [{resources: {kinds: [Task]}}]}",
            format!("{FILTER}.resources.kinds[0]"),
            "needs `imageExtractors`",
        ),
        ("match: {any: [{resources: {namespaces: [a]}}]}", format!("{FILTER}.resources.kinds"), "missing"),
        (
            "match: {any: [{resources: {kinds: [Pod]}}], all: [{resources: {kinds: [Pod]}}]}",
            "spec.rules[0].match".to_owned(),
            "write one of",
        ),
        (
            "match: {any: [{resources: {kinds: [Pod], operations: [PATCH]}}]}",
            format!("{FILTER}.resources.operations[0]"),
            "found `PATCH`",
        ),
        (
            "match: {any: [{resources: {kinds: [Pod], podSelector: {}}}]}",
            format!("{FILTER}.resources.podSelector"),
            "unknown field",
        ),
        (
            "match: {any: [{resources: {kinds: [Pod]}}]}\nexclude: {any: [{resources: {kinds: [Pod]}}]}",
            "spec.rules[0].match".to_owned(),
            "leaves nothing",
        ),
        (
            "match: {any: [{resources: {kinds: [Pod]}}]}\npreconditions: {all: [{key: '{{ request.operation }}', operator: Equals, value: CREATE}]}",
            "spec.rules[0].preconditions".to_owned(),
            "in CEL",
        ),
        (
            "match: {any: [{resources: {kinds: [Pod]}}]}\ncontext: [{name: x, apiCall: {urlPath: /api}}]",
            "spec.rules[0].context[0]".to_owned(),
            "nothing is looked up",
        ),
        (
            "match: {any: [{resources: {kinds: [Pod]}}]}\ncontext: [{name: x, configMap: {name: a, namespace: b}}, {name: x, configMap: {name: c, namespace: b}}]",
            "spec.rules[0].context[1].name".to_owned(),
            "another one has this name",
        ),
        (
            "match: {any: [{resources: {kinds: [Pod]}}]}\nfutureField: 1",
            "spec.rules[0].futureField".to_owned(),
            "unknown field",
        ),
    ] {
        refused(&cluster_policy(ENFORCE, rule), &path, words);
    }
    let rule = "match: {any: [{resources: {kinds: [Pod]}}]}";
    for (spec, path, words) in [
        ("admission: false", "spec.admission", "only scans"),
        ("validationFailureAction: Later", "spec.validationFailureAction", "found `Later`"),
        ("futureField: 1", "spec.futureField", "unknown field"),
        (
            "validationFailureAction: Enforce\nwebhookConfiguration: {matchConditions: [{name: a, expression: namespaceObject.x == 1}]}",
            "spec.webhookConfiguration.matchConditions",
            "found `namespaceObject`",
        ),
    ] {
        refused(&cluster_policy(spec, rule), path, words);
    }
}

/// What Rancher's form leaves empty, and what else would be met by nobody, says so before it is in a cluster.
#[test]
fn identities_of_verify_image_signatures_that_are_nobody_are_refused_by_their_field() {
    let policy = |signers: &str| {
        format!(
            "
apiVersion: policies.kubewarden.io/v1
kind: ClusterAdmissionPolicy
metadata: {{name: nobody}}
spec:
  module: registry://ghcr.io/kubewarden/policies/verify-image-signatures:v1.0.11
  mutating: true
  rules: [{{apiGroups: [''], apiVersions: [v1], resources: [pods], operations: [CREATE, UPDATE]}}]
  settings: {{signatures: [{{image: ghcr.io/acme/*, {signers}}}]}}
"
        )
    };
    for (signers, field, words) in [
        ("githubActions: {owner: acme, repo: ''}", "githubActions.repo", "leave `repo` out"),
        ("githubActions: {owner: ''}", "githubActions.owner", "write one name"),
        ("githubActions: {owner: acme/app}", "githubActions.owner", "found `acme/app`"),
        ("githubActions: {owner: acme, repo: '*'}", "githubActions.repo", "found `*`"),
        (
            "keylessPrefix: [{issuer: 'https://accounts.example.com', urlPrefix: ''}]",
            "keylessPrefix[0]",
            "write a URL with a host",
        ),
        (
            "keylessPrefix: [{issuer: 'https://accounts.example.com', urlPrefix: 'https://github.com/acme//'}]",
            "keylessPrefix[0]",
            "end it with one slash",
        ),
        (
            "keylessPrefix: [{issuer: 'https://accounts.example.com', urlPrefix: github.com/acme}]",
            "keylessPrefix[0]",
            "found `github.com/acme`",
        ),
        (
            "keylessPrefix: [{issuer: 'https://accounts.example.com', urlPrefix: 'https:///acme'}]",
            "keylessPrefix[0]",
            "write a URL with a host",
        ),
    ] {
        refused(&policy(signers), &format!("spec.settings.signatures[0].{field}"), words);
    }
    let all = policy("githubActions: {owner: acme-2.x_y}");
    assert!(run(converted::policy(), &all, &options()).is_ok());
}

/// As `kubectl get -o yaml` prints it: in a list, with what the API server and Kyverno have added.
#[test]
fn policies_are_taken_from_lists_and_files_of_several() {
    let live = "
apiVersion: v1
kind: List
metadata: {resourceVersion: ''}
items:
  - apiVersion: kyverno.io/v1
    kind: ClusterPolicy
    metadata:
      name: live
      uid: 705ab4f5-6393-11e8-b7cc-42010a800002
      resourceVersion: '1'
      generation: 2
      creationTimestamp: '2026-01-01T00:00:00Z'
      annotations: {kubectl.kubernetes.io/last-applied-configuration: '{}'}
    spec:
      admission: true
      background: true
      emitWarning: false
      validationFailureAction: Enforce
      rules:
        - name: verify
          skipBackgroundRequests: true
          match: {any: [{resources: {kinds: [Pod]}, subjects: []}]}
          verifyImages:
            - imageReferences: ['ghcr.io/acme/*']
              type: Cosign
              useCache: true
              required: true
              mutateDigest: true
              verifyDigest: true
              attestors: [{count: 1, entries: [{keys: {publicKeys: '@KEY:release@', signatureAlgorithm: sha256, rekor: {url: 'https://rekor.sigstore.dev', ignoreTlog: true}}}]}]
    status: {ready: true, autogen: {rules: []}}
";
    let one = cluster_policy(ENFORCE, RULE);
    let other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n";
    let conversion =
        converted(&format!("{}\n---\n{one}\n---\n# nothing\n---\n{other}\n---\n{one}", fill(live)));
    let names: Vec<&str> = conversion.manifests.iter().map(|manifest| manifest.name()).collect();
    assert_eq!(
        names,
        ["live", "live-verify", "scope", "scope-verify", "scope-again", "scope-verify-again"],
        "no two are of one name"
    );
    let mut said = notes(&conversion);
    said.retain(|note| !note.contains("kube-system"));
    assert_eq!(said, ["ConfigMap/other: kind: left out: this is no policy that verifies images"]);
    let manifests = manifests(&conversion);
    converted::check("live", &manifests[..2]);
    assert_eq!(manifests[0]["spec"]["backgroundAudit"], json!(false));
    assert_eq!(manifests[1]["spec"]["backgroundAudit"], json!(true));
}

/// `kubectl apply` merges them, so that Kyverno has both rules in full.
#[test]
fn a_rule_that_is_merged_from_another_verifies_images_too() {
    let rule = "match: {any: [{resources: {kinds: [Pod], namespaces: [one]}}]}";
    let text = cluster_policy(ENFORCE, rule);
    let second = "  - <<: *rule\n    name: second\n    match: {any: [{resources: {kinds: [Pod], namespaces: [two]}}]}\n";
    let merged =
        text.replacen("  - ", "  - &rule\n    ", 1).replace("  validation", &format!("{second}  validation"));
    let conversion = converted(&merged);
    let namespaces: Vec<_> = manifests(&conversion)
        .iter()
        .map(|policy| policy["spec"]["namespaceSelector"]["matchExpressions"][0]["values"][0].clone())
        .collect();
    assert_eq!(namespaces, ["one", "one", "two", "two"]);
    assert_eq!(notes(&conversion), Vec::<String>::new());
}

/// A rule that has its `verifyImages` from one that has them from a third.
#[test]
fn merges_of_merges_are_applied_too() {
    let rule = |namespace: &str| {
        format!("match: {{any: [{{resources: {{kinds: [Pod], namespaces: [{namespace}]}}}}]}}")
    };
    let text = cluster_policy(ENFORCE, &rule("one"));
    let more = |name: &str, merge: &str| format!("  - {merge}\n    name: {name}\n    {}\n", rule(name));
    let more = [more("two", "&two\n    <<: *one"), more("three", "<<: *two")].concat();
    let merged =
        text.replacen("  - ", "  - &one\n    ", 1).replace("  validation", &format!("{more}  validation"));
    let conversion = converted(&merged);
    let policies = manifests(&conversion);
    let namespaces = policies
        .iter()
        .map(|policy| &policy["spec"]["namespaceSelector"]["matchExpressions"][0]["values"][0]);
    assert_eq!(namespaces.collect::<Vec<_>>(), ["one", "one", "two", "two", "three", "three"]);
    let names = policies.iter().map(|policy| &policy["spec"]["settings"]["verifyImages"][0]["name"]);
    assert_eq!(names.collect::<Vec<_>>(), ["verify", "verify", "two", "two", "three", "three"]);
    assert_eq!(notes(&conversion), Vec::<String>::new());
}

/// kubectl takes keys in their order, and what is in quotes for a name.
#[test]
fn a_merge_that_kubectl_reads_otherwise_is_refused() {
    let unreadable = |text: &str| match run(converted::policy(), text, &options()) {
        Err(ConvertError::Unreadable(message)) => message,
        other => panic!("{other:?}"),
    };
    let text = cluster_policy(ENFORCE, RULE);
    let spec = |merge: &str| text.replace("spec:\n", &format!("spec:\n  {merge}\n"));
    assert_eq!(
        unreadable(&text.replace("spec:\n", "spec:\n  background: false\n  <<: {background: true}\n")),
        "document 1: spec.<<: `background` is written before it, and kubectl takes the one that is merged; write `<<` first"
    );
    assert_eq!(
        unreadable(&spec("\"<<\": {background: true}")),
        "document 1: spec.<<: kubectl takes it for the name of a field where it is in quotes, or has a tag; write `<<:` without"
    );
    assert!(run(converted::policy(), &spec("<<: {background: true}"), &options()).is_ok());
    // Whatever else the document is.
    let other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {'<<': a}";
    assert_eq!(
        unreadable(&format!("{text}\n---\n{other}")).split(": kubectl").next(),
        Some("document 2: data.<<")
    );
}

/// One that cannot be converted keeps all from being written.
#[test]
fn all_or_nothing() {
    let good = cluster_policy(ENFORCE, RULE);
    let bad = cluster_policy("admission: false", RULE).replace("name: scope", "name: bad");
    let worse = cluster_policy("applyRules: One", RULE).replace("  rules:", "  rules:\n  - name: other");
    match run(converted::policy(), &format!("{bad}\n---\n{good}\n---\n{worse}"), &options()) {
        Err(ConvertError::Refused { refusals, .. }) => {
            let shown: Vec<(&str, &str)> =
                refusals.iter().map(|refusal| (refusal.document.as_str(), refusal.path.as_str())).collect();
            assert_eq!(
                shown,
                [("ClusterPolicy/bad", "spec.admission"), ("ClusterPolicy/scope", "spec.applyRules")]
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn other_documents_are_named() {
    let policy = |kind: &str, api: &str| {
        format!("apiVersion: {api}\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{}}\n")
    };
    refused(&policy("PolicyException", "kyverno.io/v2"), "kind", "`exceptions` in the settings");
    refused(&policy("PolicyException", "policies.kyverno.io/v1"), "kind", "`exceptions` in the settings");
    refused(&policy("ClusterAdmissionPolicyGroup", "policies.kubewarden.io/v1"), "kind", "as one policy");
    refused(&policy("ClusterPolicy", "kyverno.io/v9"), "apiVersion", "found `kyverno.io/v9`");
    let left_out = |yaml: &str| match run(converted::policy(), yaml, &options()) {
        Err(ConvertError::Nothing(notes)) => notes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let capabilities = "apiVersion: policies.kubewarden.io/v1\nkind: ClusterAdmissionPolicy\nmetadata: {name: a}\nspec: {module: ghcr.io/kubewarden/policies/psp-capabilities}\n";
    assert_eq!(
        left_out(capabilities),
        [
            "ClusterAdmissionPolicy/a: spec.module: left out: this is another policy than verify-image-signatures"
        ]
    );
    assert_eq!(left_out(""), Vec::<String>::new());
    for no_object in ["a: b", "[]", "text", "a: [", "kind: List"] {
        let error = run(converted::policy(), no_object, &options()).unwrap_err();
        assert!(matches!(error, ConvertError::Unreadable(_)), "{no_object}: {error}");
    }
}

/// Where the action is not written, or written twice.
#[test]
fn the_action_is_that_of_kyverno() {
    let conversion = converted(
        &cluster_policy("background: false", RULE)
            .replace("imageReferences", "mutateDigest: false\n      imageReferences"),
    );
    let manifests = manifests(&conversion);
    assert_eq!((manifests.len(), &manifests[0]["spec"]["mode"]), (1, &json!("monitor")));
    assert_eq!(
        notes(&conversion),
        [
            "ClusterPolicy/scope: spec.validationFailureAction: not written: that is `Audit` in Kyverno, so `mode: monitor` here"
        ]
    );
    // Kyverno lets a rule that validates decide for the whole policy.
    let validating = "  rules:\n  - {name: other, validate: {failureAction: Enforce}}";
    for spec in ["validationFailureAction: Audit", "background: true"] {
        let text = cluster_policy(spec, RULE).replace("  rules:", validating);
        refused(&text, "spec.rules[0].validate.failureAction", "for the whole policy");
    }
    let elsewhere = "  rules:\n  - {name: other, validate: {failureActionOverrides: [{action: Audit, namespaces: [a]}, {action: Enforce, namespaces: [shop]}]}}";
    let text = cluster_policy("validationFailureAction: Audit", RULE).replace("  rules:", elsewhere);
    refused(&text, "spec.rules[0].validate.failureActionOverrides[1].action", "for the whole policy");
}

/// Until 1.18 the first action decides for the whole policy, in 1.19 one `Enforce` for all items of its rule.
#[test]
fn what_is_audited_beside_what_is_enforced_is_refused() {
    let item = |action: &str, image: &str| {
        format!(
            "        - imageReferences: ['{image}/*']\n          mutateDigest: false\n{action}          attestors: [{{entries: [{{keys: {{publicKeys: '@KEY:release@', rekor: {{ignoreTlog: true}}}}}}]}}]\n"
        )
    };
    let policy = |spec: &str, rules: &[&[&str]]| {
        let rules = rules.iter().enumerate().map(|(index, actions)| {
            let line = |action: &&str| {
                if action.is_empty() { String::new() } else { format!("          failureAction: {action}\n") }
            };
            let items: String = actions.iter().map(line).map(|action| item(&action, "ghcr.io/acme")).collect();
            format!(
                "    - name: rule-{index}\n      match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n      verifyImages:\n{items}"
            )
        });
        let rules: String = rules.collect();
        fill(&format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: actions}}\nspec:\n  {spec}\n  rules:\n{rules}"
        ))
    };
    let modes = |text: &str| {
        let conversion = converted(text);
        let manifests = manifests(&conversion);
        manifests.iter().map(|policy| policy["spec"]["mode"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    const AUDIT: &str = "validationFailureAction: Audit";
    const FIRST: &str = "spec.rules[0].verifyImages[0].failureAction";
    for rules in [
        [["Enforce", ""].as_slice(), &[]].as_slice(),
        &[&["Enforce", "Audit"]],
        &[&["enforce"], &[""]],
        &[&["Enforce"], &["Audit"]],
    ] {
        let rules: Vec<&[&str]> = rules.iter().copied().filter(|items| !items.is_empty()).collect();
        refused(&policy(AUDIT, &rules), FIRST, "for the whole policy");
    }
    refused(&policy(AUDIT, &[&["Audit", "Enforce"]]), &FIRST.replace("[0].fail", "[1].fail"), "whole policy");
    refused(&policy(AUDIT, &[&[""], &["Enforce"]]), &FIRST.replace("rules[0]", "rules[1]"), "whole policy");
    assert_eq!(modes(&policy(AUDIT, &[&["Enforce", "Enforce"], &["Enforce"]])), ["protect"]);
    assert_eq!(modes(&policy(ENFORCE, &[&["Enforce", ""], &[""]])), ["protect"]);
    assert_eq!(modes(&policy(AUDIT, &[&["Audit", ""], &[""]])), ["monitor"]);
    assert_eq!(modes(&policy(ENFORCE, &[&["Audit"], &[""]])), ["monitor", "protect"]);
}

/// What Kyverno's globs of an ImageValidatingPolicy know, and patterns do not: it would bind nothing.
#[test]
fn globs_with_sets_and_alternatives_are_refused() {
    let file = converted::root().join("host/tests/convert/ivpol/key.yaml");
    let text = fill(&std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{error}")));
    assert!(text.contains("glob: ghcr.io/acme/*"), "{text}");
    for glob in ["[gq]*.io/acme/*", "[!x]*.io/acme/*", "ghcr.io/{acme,corp}/*", "ghcr.io/acme/app\\*"] {
        let text = text.replace("glob: ghcr.io/acme/*", &format!("glob: '{glob}'"));
        refused(&text, "spec.matchImageReferences[0].glob", "`*` and `?` alone");
    }
}

/// Before Kyverno 1.19 an override without conditions is nowhere, since then it is everywhere.
#[test]
fn an_override_without_conditions_is_refused() {
    for action in ["Audit", "Enforce"] {
        let spec = format!(
            "validationFailureAction: Audit\nvalidationFailureActionOverrides: [{{action: {action}}}]"
        );
        refused(
            &cluster_policy(&spec, RULE),
            "spec.validationFailureActionOverrides[0]",
            "write `namespaces",
        );
    }
}

/// A policy of a namespace reads nothing from the cluster, and selects no namespaces.
#[test]
fn what_a_namespaced_policy_cannot_do_is_refused() {
    let policy = |rule: &str| {
        let policy = cluster_policy(ENFORCE, rule).replace("kind: ClusterPolicy", "kind: Policy");
        policy.replace("metadata:\n", "metadata:\n  namespace: shop\n")
    };
    assert_eq!(manifests(&converted(&policy(RULE)))[0]["metadata"]["namespace"], json!("shop"));
    let selected = RULE.replace("kinds: [Pod]", "kinds: [Pod], namespaceSelector: {matchLabels: {a: b}}");
    refused(&policy(&selected), "spec.rules[0].match", "one namespace");
    let key = sigwarden_testkit::Key::new("release").pem();
    let text = policy(RULE);
    let (before, after) = text.split_once("publicKeys: ").unwrap();
    let after = after.split_once("-----END PUBLIC KEY-----").unwrap().1;
    let secret = format!("{before}publicKeys: k8s://shop/cosign{after}");
    assert!(text.contains(key.lines().nth(1).unwrap()), "{text}");
    refused(&secret, "spec.rules[0].verifyImages[0]", "cannot read Secrets");
}

/// kubectl reads YAML 1.1, where `yes` without quotes is no text.
#[test]
fn what_is_written_is_read_alike_by_older_readers() {
    let rule = RULE.replace(
        "kinds: [Pod]",
        "kinds: [Pod], namespaces: ['0o7', 'on'], namespaceSelector: {matchLabels: {verify: 'yes', 'y': '1:30'}}",
    );
    let conversion = converted(&cluster_policy(ENFORCE, &rule));
    for manifest in &conversion.manifests {
        let written = manifest.to_yaml().unwrap();
        let selector = written.split_once("  namespaceSelector:\n").unwrap().1;
        let expected = "    matchExpressions:\n    - key: kubernetes.io/metadata.name\n      operator: In\n      values:\n      - '0o7'\n      - 'on'\n    - key: verify\n      operator: In\n      values:\n      - 'yes'\n    - key: 'y'\n      operator: In\n      values:\n      - '1:30'\n";
        assert!(selector.starts_with(expected), "{selector}");
    }
}

#[test]
fn the_module_and_the_server_are_those_that_are_given() {
    let given = Options { policy_server: Some("tenants".to_owned()), ..options() };
    let conversion = run(converted::policy(), &cluster_policy(ENFORCE, RULE), &given).unwrap();
    for manifest in manifests(&conversion) {
        assert_eq!(manifest["spec"]["policyServer"], json!("tenants"));
        assert_eq!(manifest["spec"]["module"], json!("registry://registry.example.com/sigwarden:v1"));
    }
}
