//! docs/operate.md: what it quotes is what the compiled module says, and its tables of verdicts are its verdicts. Then
//! the shape of the alerts, which promtool does not look at; hack/monitoring-tests.sh does the rest.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]
#![expect(clippy::panic, reason = "a helper that fails ends its test")]
#![expect(clippy::indexing_slicing, reason = "a helper that fails ends its test")]

#[path = "support/page.rs"]
mod page;
#[path = "support/server.rs"]
mod server;
#[path = "support/world.rs"]
mod world;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use page::{Part, parts, root, run, with_our_keys};
use serde::Deserialize;
use serde_json::{Value, json};
use sigwarden_host::Settings;
use sigwarden_testkit::decide;
use sigwarden_testkit::objects::{DEPLOYMENT, POD, one_container, pod};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use world::{Decided, decide_on, scenarios, with_the_pages_keys, world};

/// The questions that people ask, each of them a heading.
const QUESTIONS: [&str; 5] = [
    "Why was my Pod denied",
    "How do I allow system images",
    "What happens when the registry is down",
    "How do I rotate a key",
    "How do I use it without internet",
];

fn text() -> String {
    fs::read_to_string(root().join("docs/operate.md")).unwrap()
}

/// What stands under a heading.
fn section(heading: &str) -> String {
    let text = text();
    let sections: Vec<&str> = text
        .split("\n## ")
        .filter_map(|part| part.split_once('\n').filter(|(title, _)| *title == heading).map(|(_, text)| text))
        .collect();
    let [section] = sections[..] else { panic!("{heading}: {}", sections.len()) };
    section.to_owned()
}

/// The settings that the page shows, by the names of their files, with keys that the tests can sign with.
fn settings() -> BTreeMap<String, Value> {
    let mut files = BTreeMap::new();
    for part in parts(&text()) {
        if let Part::File { name, text } = part
            && let Some(name) = name.strip_suffix(".yaml")
        {
            let settings: Value = serde_norway::from_str(&with_our_keys(&text)).unwrap();
            assert!(files.insert(name.to_owned(), settings).is_none(), "{name} twice");
        }
    }
    files
}

/// The tables of a text: the cells of their rows, the first of which is the header.
fn tables(text: &str) -> Vec<Vec<Vec<String>>> {
    let mut tables: Vec<Vec<Vec<String>>> = Vec::new();
    let mut within = false;
    for line in text.lines() {
        let Some(row) = line.strip_prefix("| ").map(|row| row.trim_end_matches('|')) else {
            within = false;
            continue;
        };
        if row.starts_with("---") {
            continue;
        }
        if !within {
            tables.push(Vec::new());
        }
        within = true;
        let cells = row.split(" | ").map(|cell| cell.trim().to_owned()).collect();
        tables.last_mut().unwrap().push(cells);
    }
    tables
}

/// The table of a section with this first cell in its header, without the header.
fn table(section: &str, first: &str) -> Vec<Vec<String>> {
    let mut found: Vec<_> = tables(section).into_iter().filter(|table| table[0][0] == first).collect();
    assert_eq!(found.len(), 1, "tables of: {first}");
    found.remove(0).split_off(1)
}

/// The first text in backticks, of one or two.
fn code(cell: &str) -> &str {
    let mark = if cell.starts_with("``") { "``" } else { "`" };
    cell.split(mark).nth(1).unwrap_or_else(|| panic!("nothing in backticks: {cell}"))
}

#[test]
fn each_question_has_its_heading() {
    for heading in QUESTIONS {
        assert!(section(heading).len() > 500, "{heading}");
    }
}

/// The messages of the module on each image that the page names, by each of its settings, and of the scenarios.
fn messages() -> BTreeSet<String> {
    let mut messages: BTreeSet<String> =
        scenarios().into_iter().map(|(_, decided)| decided.message).collect();
    for settings in settings().values() {
        for image in world::IMAGES {
            messages.insert(decide_on(settings, &pod(image)).message);
        }
    }
    messages.iter().map(|message| with_the_pages_keys(message)).collect()
}

#[test]
fn each_denial_that_is_quoted_is_one_of_the_modules() {
    let messages = messages();
    for heading in QUESTIONS {
        let section = section(heading);
        let quoted = section.split("\n\n").filter(|paragraph| paragraph.starts_with("> "));
        for paragraph in quoted {
            let lines: Vec<&str> = paragraph.lines().map(|line| line.trim_start_matches("> ")).collect();
            let denial = lines.join(" ").trim_matches('`').to_owned();
            assert!(messages.contains(&denial), "{heading}: {denial}\nnot among: {messages:#?}");
        }
    }
    let quotes = QUESTIONS.map(|heading| section(heading).matches("\n> `").count());
    assert_eq!(quotes, [1, 0, 1, 1, 1]);
}

/// Every line of the table is a denial that happens, and every denial that happens here is in one line.
#[test]
fn each_line_of_the_table_of_denials_is_produced() {
    let section = section(QUESTIONS[0]);
    let lines = table(&section, "the message says");
    let scenarios = scenarios();
    for line in &lines {
        let of_this_line = |(_, decided): &&(&str, Decided)| decided.message.contains(code(&line[0]));
        let found: Vec<_> = scenarios.iter().filter(of_this_line).collect();
        assert!(!found.is_empty(), "never said: {line:?}\n{scenarios:#?}");
        for (name, decided) in found {
            assert_eq!(decided.code.map(|code| code.to_string()).as_ref(), Some(&line[1]), "{name}");
        }
    }
    for (name, decided) in &scenarios {
        let of_it = lines.iter().filter(|line| decided.message.contains(code(&line[0]))).count();
        assert_eq!(of_it, 1, "{name}: {}", decided.message);
    }
}

#[test]
fn the_images_are_decided_as_the_tables_say() {
    let files = settings();
    let mut cells = 0;
    for heading in QUESTIONS {
        for table in tables(&section(heading)).iter().filter(|table| table[0][1].starts_with('`')) {
            assert_eq!(table[0][0], "image", "{heading}");
            for row in &table[1..] {
                assert_eq!(row.len(), table[0].len(), "{row:?}");
                let image = code(&row[0]);
                assert!(world::IMAGES.contains(&image), "{image} is not known here");
                for (column, expected) in table[0].iter().zip(row).skip(1) {
                    let settings = &files[code(column).strip_suffix(".yaml").unwrap()];
                    // Another day than today is for the natively built policy, whose clock can be set.
                    let found = match column.split_once(" in ") {
                        Some((_, year)) => native(settings, image, year),
                        None => decide_on(settings, &pod(image)).word(),
                    };
                    assert_eq!(found, *expected, "{heading}: {image} by {column}");
                    cells += 1;
                }
            }
        }
    }
    assert_eq!(cells, 10 + 24 + 6);
}

fn native(settings: &Value, image: &str, year: &str) -> &'static str {
    let mut registry = world();
    registry.set_now(&format!("{year}-06-01T00:00:00Z"));
    if decide(settings, &pod(image), &registry).accepted { "accepted" } else { "rejected" }
}

#[test]
fn a_key_counts_to_its_last_second() {
    let settings = &settings()["ending"];
    let mut registry = world();
    for (now, accepted) in [("2030-01-31T00:00:00Z", true), ("2030-01-31T00:00:01Z", false)] {
        registry.set_now(now);
        let answer = decide(settings, &pod("registry.example.com/acme/shop:1"), &registry);
        assert_eq!(answer.accepted, accepted, "{now}: {}", answer.message);
    }
}

#[test]
fn failures_of_registries_are_told_apart() {
    let settings = &settings()["down"];
    let rows = table(&section(QUESTIONS[2]), "image");
    assert_eq!(rows.len(), 4);
    for row in rows {
        let decided = decide_on(settings, &pod(code(&row[0])));
        assert!(decided.message.contains(code(&row[1])), "{row:?}: {}", decided.message);
        assert_eq!(decided.code, Some(503), "{row:?}");
    }
}

/// The table of requests, in its order.
#[test]
fn an_outage_stops_only_what_has_to_be_verified() {
    const IMAGE: &str = "down.example.com/acme/app:1";
    let settings = &settings()["down"];
    let digest = sigwarden_testkit::forge::hex_digest(b"app");
    let pinned = format!("{IMAGE}@{digest}");
    let deployment = |image: &str| DEPLOYMENT.object(&one_container(image));
    let mut scaled = deployment(&pinned);
    scaled["spec"]["replicas"] = json!(7);
    let requests = [
        vec![pod(IMAGE), pod(&pinned)],
        vec![DEPLOYMENT.update(&deployment(&pinned), &deployment("down.example.com/acme/app:2"))],
        vec![DEPLOYMENT.update(&deployment(&pinned), &scaled)],
        vec![pod("registry.k8s.io/pause:3.10")],
        vec![POD.request("DELETE", &Value::Null, &POD.object(&one_container(IMAGE)))],
    ];
    let rows = table(&section(QUESTIONS[2]), "request, with these settings");
    assert_eq!(rows.len(), requests.len());
    for (row, requests) in rows.iter().zip(requests) {
        for request in requests {
            let decided = decide_on(settings, &request);
            assert_eq!(decided.word(), row[1], "{row:?}: {}", decided.message);
            // What is accepted is so because nobody was asked.
            assert_eq!(decided.calls.is_empty(), row[1] == "accepted", "{row:?}: {:?}", decided.calls);
        }
    }
}

#[test]
fn the_commands_print_what_the_page_shows() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("operate");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    let registry = world::serve();
    let mut commands = 0;
    for part in parts(&text()) {
        match part {
            Part::File { name, text } => fs::write(directory.join(name), with_our_keys(&text)).unwrap(),
            Part::Command { command, printed } => {
                let (found, _) = run(&directory, &command, &registry.address);
                assert_eq!(with_the_pages_keys(&found), printed, "{command}");
                commands += 1;
            }
            Part::Output(part) => panic!("nothing is written to a file: {part}"),
        }
    }
    assert_eq!(commands, 2);
    assert!(registry.asked().iter().any(|path| path.contains("/acme/both/")), "{:?}", registry.asked());
}

/// Of the commands that are not ours, the one that can be run anywhere is.
#[test]
fn the_beginning_of_a_key_is_what_openssl_says() {
    let section = section(QUESTIONS[0]);
    let command = section.lines().find(|line| line.starts_with("openssl ")).unwrap();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("operate-key");
    fs::create_dir_all(&directory).unwrap();
    let settings = Settings::from_yaml(&settings()["settings"].to_string()).unwrap();
    let key = &settings.as_map()["verifyImages"][0]["attestors"][0]["entries"][0]["keys"]["publicKeys"];
    fs::write(directory.join("cosign.pub"), key.as_str().unwrap()).unwrap();
    let output = Command::new("bash").args(["-c", command]).current_dir(&directory).output().unwrap();
    let printed = format!("sha256:{}", String::from_utf8(output.stdout).unwrap());
    assert!(printed.starts_with(&sigwarden_testkit::Key::new("release").fingerprint()), "{printed}");
}

/// The YAML block after a comment.
fn block(comment: &str) -> Value {
    let text = text();
    let (_, rest) = text.split_once(&format!("<!-- {comment} -->\n```yaml\n")).unwrap();
    serde_norway::from_str(rest.split("```").next().unwrap()).unwrap()
}

/// The policies of an example.
fn example(name: &str) -> Vec<Value> {
    let text = fs::read_to_string(root().join("examples").join(name)).unwrap();
    serde_norway::Deserializer::from_str(&text).map(|part| Value::deserialize(part).unwrap()).collect()
}

#[test]
fn the_namespaces_left_out_are_those_of_the_example() {
    let shown = &block("namespaceSelector")["namespaceSelector"]["matchExpressions"][0];
    let policies = example("namespaces-left-out.yaml");
    assert_eq!(policies.len(), 2);
    for policy in policies {
        assert_eq!(policy["spec"]["namespaceSelector"]["matchExpressions"][0], *shown);
    }
    assert!(shown["values"].as_array().unwrap().contains(&json!("kube-system")));
}

#[test]
fn the_emergency_exit_is_that_of_the_example_and_opens_for_the_group_alone() {
    let shown = block("matchConditions");
    for policy in example("exceptions.yaml") {
        assert_eq!(policy["spec"]["matchConditions"], shown["matchConditions"]);
    }
    let expression = shown["matchConditions"][0]["expression"].as_str().unwrap();
    let environment = std::sync::Arc::new(cel::Env::stdlib());
    let program = environment.compile(expression).unwrap();
    for (groups, looked_at) in [
        (json!(["system:authenticated"]), true),
        (json!(["images:break-glass", "system:authenticated"]), false),
        (json!(["images:break-glass-not"]), true),
    ] {
        let mut context = cel::Context::with_env(std::sync::Arc::clone(&environment));
        context.add_variable("request", json!({"userInfo": {"username": "ann", "groups": groups}})).unwrap();
        assert_eq!(program.execute(&context).unwrap(), cel::Value::Bool(looked_at), "{groups}");
    }
}

/// A PrometheusRule (monitoring.coreos.com/v1), with the fields that it may have. What is in expressions is for
/// promtool.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PrometheusRule {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: RuleSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read for its shape")]
struct Metadata {
    name: String,
    namespace: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSpec {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read for its shape")]
struct Group {
    name: String,
    interval: Option<String>,
    limit: Option<u64>,
    labels: Option<BTreeMap<String, String>>,
    query_offset: Option<String>,
    partial_response_strategy: Option<String>,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read for its shape")]
struct Rule {
    alert: Option<String>,
    record: Option<String>,
    expr: String,
    r#for: Option<String>,
    keep_firing_for: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// A ServiceMonitor (monitoring.coreos.com/v1), with the fields of it that are used.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ServiceMonitor {
    api_version: String,
    kind: String,
    #[expect(dead_code, reason = "read for its shape")]
    metadata: Metadata,
    spec: MonitorSpec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MonitorSpec {
    namespace_selector: MatchNames,
    selector: LabelSelector,
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MatchNames {
    match_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Endpoint {
    port: String,
    #[expect(dead_code, reason = "read for its shape")]
    interval: String,
}

/// What Kubewarden's controller writes on the Services of policy-servers (updateService of its sources).
#[test]
fn the_monitor_finds_the_services_of_policy_servers() {
    let monitor: ServiceMonitor = serde_json::from_value(manifest("service-monitor.yaml")).unwrap();
    assert_eq!(
        (monitor.api_version.as_str(), monitor.kind.as_str()),
        ("monitoring.coreos.com/v1", "ServiceMonitor")
    );
    assert_eq!(monitor.spec.namespace_selector.match_names, ["kubewarden"]);
    let on_services = BTreeMap::from([
        ("app.kubernetes.io/component", "policy-server"),
        ("app.kubernetes.io/instance", "policy-server-images"),
        ("app.kubernetes.io/managed-by", "kubewarden-controller"),
        ("app.kubernetes.io/part-of", "kubewarden"),
        ("kubewarden/policy-server", "images"),
    ]);
    let labels = monitor.spec.selector.match_labels.unwrap();
    assert!(!labels.is_empty());
    for (label, value) in &labels {
        assert_eq!(on_services.get(label.as_str()), Some(&value.as_str()), "{label}");
    }
    assert_eq!(monitor.spec.endpoints.iter().map(|endpoint| &endpoint.port).collect::<Vec<_>>(), ["metrics"]);
}

fn manifest(name: &str) -> Value {
    let text = fs::read_to_string(root().join("monitoring").join(name)).unwrap();
    serde_norway::from_str(&text).unwrap()
}

fn prometheus_rule() -> Value {
    manifest("prometheus-rule.yaml")
}

#[test]
fn the_alerts_are_a_prometheus_rule() {
    let rule: PrometheusRule = serde_json::from_value(prometheus_rule()).unwrap();
    assert_eq!(
        (rule.api_version.as_str(), rule.kind.as_str()),
        ("monitoring.coreos.com/v1", "PrometheusRule")
    );
    assert_eq!(rule.metadata.name, "sigwarden");
    // The twins: a field that is none, at each level.
    for pointer in ["", "/metadata", "/spec", "/spec/groups/0", "/spec/groups/1/rules/0"] {
        let mut broken = prometheus_rule();
        broken.pointer_mut(pointer).unwrap()["notAField"] = json!("x");
        assert!(serde_json::from_value::<PrometheusRule>(broken).is_err(), "{pointer}");
    }
}

#[test]
fn each_alert_says_where_to_read_on_and_the_page_lists_it() {
    const PAGE: &str = "https://github.com/sigwarden/sigwarden/blob/main/docs/operate.md#";
    let rule: PrometheusRule = serde_json::from_value(prometheus_rule()).unwrap();
    let headings: BTreeSet<String> = text()
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|heading| heading.to_lowercase().replace(' ', "-"))
        .collect();
    let mut alerts = Vec::new();
    for rule in rule.spec.groups.into_iter().flat_map(|group| group.rules) {
        let Some(alert) = rule.alert else { continue };
        for annotation in ["summary", "description"] {
            assert!(rule.annotations[annotation].len() > 20, "{alert}");
        }
        assert!(["critical", "warning", "info"].contains(&rule.labels["severity"].as_str()), "{alert}");
        let fragment = rule.annotations["runbook_url"].strip_prefix(PAGE).unwrap();
        assert!(headings.contains(fragment), "{alert}: {fragment}");
        alerts.push(alert);
    }
    let listed: Vec<String> =
        table(&section("Alerts and dashboard"), "alert").iter().map(|row| code(&row[0]).to_owned()).collect();
    assert_eq!(listed, alerts);
}

/// One selector of policies throughout, which is the one that the page tells to change, and the dashboard's.
#[test]
fn the_policies_are_selected_in_one_way() {
    const SELECTOR: &str = ".+-(pin|verify)";
    let rules = prometheus_rule().to_string();
    let selectors: Vec<&str> = rules
        .split("name=~\\\"")
        .skip(1)
        .map(|rest| rest.split('\\').next().unwrap().trim_end_matches("[.]kubewarden[.]admission"))
        .collect();
    let (pairs, all): (Vec<&str>, Vec<&str>) =
        selectors.into_iter().partition(|selector| [".+-pin", ".+-verify"].contains(selector));
    assert!(all.len() > 5 && all.iter().all(|selector| *selector == SELECTOR), "{all:?}");
    // The two of a pair, told from each other.
    assert_eq!(pairs, [".+-pin", ".+-verify"]);
    assert!(section("Alerts and dashboard").contains(&format!("`{SELECTOR}`")));
    let dashboard = fs::read_to_string(root().join("monitoring/grafana-dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    assert_eq!(dashboard["templating"]["list"][1]["allValue"], SELECTOR);
    assert_eq!(dashboard["templating"]["list"][1]["regex"], format!("/{SELECTOR}$/"));
}
