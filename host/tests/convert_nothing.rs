//! What says nothing in Kyverno, and is no reason to refuse a policy; each with a twin that says something.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]

#[path = "support/cluster_policy.rs"]
mod cluster_policy;
#[path = "support/converted.rs"]
mod converted;
#[path = "support/crd.rs"]
mod crd;

use cluster_policy::{ENFORCE, cluster_policy, refused};
use converted::{manifests, options, run};
use serde_json::Value;

const RULE: &str = "match: {any: [{resources: {kinds: [Pod]}}]}";

/// Converts a rule into the same as one without this.
fn says_nothing(rule: &str) {
    let converted = |rule: &str| {
        manifests(&run(converted::policy(), &cluster_policy(ENFORCE, rule), &options()).unwrap())
    };
    assert_eq!(converted(rule), converted(RULE), "{rule}");
}

#[test]
fn preconditions_that_are_always_met_are_left_out() {
    for nothing in ["preconditions: {}", "preconditions: []", "preconditions: null", "celPreconditions: []"] {
        says_nothing(&format!("{RULE}\n{nothing}"));
    }
    let condition = |key: &str, operator: &str, value: &str| {
        format!("{{key: \"{key}\", operator: {operator}, value: {value}}}")
    };
    const OPERATION: &str = "{{ request.operation }}";
    for (key, operator, value) in [
        (OPERATION, "NotEquals", "DELETE"),
        ("{{request.operation}}", "NotIn", "[DELETE]"),
        ("{{request.operation || 'BACKGROUND'}}", "AnyNotIn", "[DELETE]"),
        ("{{ request.operation || `BACKGROUND` }}", "AllNotIn", "DELETE"),
    ] {
        let one = condition(key, operator, value);
        for list in [format!("{{all: [{one}]}}"), format!("{{any: [{one}]}}"), format!("[{one}]")] {
            says_nothing(&format!("{RULE}\npreconditions: {list}"));
        }
    }
    let one = condition(OPERATION, "NotEquals", "DELETE");
    for (field, value) in [
        // Never met in Kyverno.
        ("preconditions", "{any: []}".to_owned()),
        ("preconditions", format!("[{}]", condition(OPERATION, "Equals", "DELETE"))),
        ("preconditions", format!("[{}]", condition(OPERATION, "NotEquals", "CREATE"))),
        ("preconditions", format!("[{}]", condition(OPERATION, "NotIn", "[DELETE, CREATE]"))),
        ("preconditions", format!("[{}]", condition("{{ request.namespace }}", "NotEquals", "DELETE"))),
        (
            "preconditions",
            format!("[{}]", condition("{{ request.operation || 'DELETE' }}", "NotEquals", "DELETE")),
        ),
        ("preconditions", format!("[{one}, {one}]")),
        ("preconditions", format!("{{all: [{one}], any: [{one}]}}")),
        ("preconditions", format!("{{none: [{one}]}}")),
        ("celPreconditions", "[{name: a, expression: 'true'}]".to_owned()),
    ] {
        let rule = format!("{RULE}\n{field}: {value}");
        refused(&cluster_policy(ENFORCE, &rule), &format!("spec.rules[0].{field}"), "in CEL");
    }
}

#[test]
fn an_empty_name_is_none() {
    let named = |name: &str| RULE.replace("[Pod]", &format!("[Pod], name: '{name}'"));
    says_nothing(&named(""));
    let path = "spec.rules[0].match.any[0].resources.name";
    refused(&cluster_policy(ENFORCE, &named("!x")), path, "found `!x`");
    let names = RULE.replace("[Pod]", "[Pod], names: ['']");
    let path = "spec.rules[0].match.any[0].resources.names[0]";
    refused(&cluster_policy(ENFORCE, &names), path, "found ``");
}

/// Rules `a` with two items and `a-1` with one: no number makes a name twice.
#[test]
fn numbered_names_are_nobody_elses() {
    let text = cluster_policy(ENFORCE, RULE);
    let mut policy: Value = serde_norway::from_str(&text).unwrap();
    let mut rules = Vec::new();
    for (name, items) in [("a", 2), ("a-1", 1), ("b.", 2), (&*"c".repeat(62), 2)] {
        let mut rule = policy["spec"]["rules"][0].clone();
        rule["name"] = name.into();
        rule["verifyImages"] = vec![rule["verifyImages"][0].clone(); items].into();
        rules.push(rule);
    }
    policy["spec"]["rules"] = rules.into();
    let text = serde_norway::to_string(&policy).unwrap();
    let conversion = run(converted::policy(), &text, &options()).unwrap();
    let policies = manifests(&conversion);
    converted::check("numbered", &policies);
    let items = policies[0]["spec"]["settings"]["verifyImages"].as_array().unwrap();
    let names: Vec<Option<&str>> = items.iter().map(|item| item["name"].as_str()).collect();
    // What would be too long is none.
    assert_eq!(names, [Some("a-2"), Some("a-3"), Some("a-1"), Some("b.-1"), Some("b.-2"), None, None]);
}
