#!/usr/bin/env python3
"""Checks the dashboard, and the metrics that it and the alerts read.

    monitoring/check-dashboard.py DIRECTORY     checks, and writes rules and tests for promtool into the directory
    monitoring/check-dashboard.py --self-test   whether each kind of mistake would be found

Grafana's own types say what a dashboard is: what they do not know is lost when it is read and written, and every value
must be of the type of its field. What docs/operate.md lists under "Metrics" is what an expression may read. Whether it
finds anything is for promtool to say: each expression of a panel becomes an alert on its absence, and each must be
silent where all the metrics are there.
"""

import copy
import enum
import json
import pathlib
import re
import sys
import types
import typing

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.cog.runtime import panelcfg_config
from grafana_foundation_sdk.models.dashboard import Dashboard, DataTransformerConfig

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parent / "docs/operate.md"

EVALUATION = dict(
    policy_name="clusterwide-acme-pin",
    policy_mode="protect",
    request_origin="validate",
    accepted="true",
    mutated="false",
    resource_kind="Pod",
    resource_namespace="shop",
    resource_request_operation="CREATE",
)
WEBHOOK = dict(name="clusterwide-acme-pin.kubewarden.admission", type="admit")
REJECTION = dict(operation="CREATE", error_type="calling_webhook_error", rejection_code="0")
EVALUATIONS = "kubewarden_policy_evaluations_total"
LATENCY = "kubewarden_policy_evaluation_latency_milliseconds"

# One of each kind of series that docs/operate.md tells of.
SERIES = [
    (EVALUATIONS, EVALUATION),
    (EVALUATIONS, EVALUATION | dict(accepted="false", error_code="403")),
    (EVALUATIONS, EVALUATION | dict(accepted="false", error_code="503")),
    (EVALUATIONS, EVALUATION | dict(accepted="false", error_code="500")),
    (EVALUATIONS, EVALUATION | dict(accepted="false", error_code="403", policy_mode="monitor")),
    (EVALUATIONS, EVALUATION | dict(accepted="false", error_code="403", request_origin="audit")),
    (EVALUATIONS, dict(policy_name="clusterwide-broken-pin", initialization_error="settings are not valid")),
    (f"{LATENCY}_bucket", EVALUATION | dict(le="100")),
    (f"{LATENCY}_bucket", EVALUATION | dict(le="+Inf")),
    (f"{LATENCY}_sum", EVALUATION),
    (f"{LATENCY}_count", EVALUATION),
    ("apiserver_admission_webhook_rejection_count", WEBHOOK | REJECTION),
    ("apiserver_admission_webhook_fail_open_count", WEBHOOK),
]
METRICS = {name for name, _ in SERIES}
LABELS = {label for _, labels in SERIES for label in labels}

VARIABLES = {
    "$__rate_interval": "5m",
    "$__range": "1h",
    "$policy": ".+-(pin|verify)",
    "$namespace": ".*",
}


def of_type(value: object, hint: object, path: str) -> list[str]:
    """What in a value is not of the type that Grafana's types give its field."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in (typing.Any, object):
        return []
    if origin in (typing.Union, types.UnionType):
        if any(not of_type(value, argument, path) for argument in arguments):
            return []
        return min((of_type(value, a, path) for a in arguments if a is not type(None)), key=len)
    if origin is typing.Literal:
        return [] if value in arguments else [f"{path}: {value!r} is none of {arguments}"]
    if origin is list:
        if not isinstance(value, list):
            return [f"{path}: {value!r} is not a list"]
        return [found for at, item in enumerate(value) for found in of_type(item, arguments[0], f"{path}[{at}]")]
    if origin is dict:
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is not a mapping"]
        return [found for key, item in value.items() for found in of_type(item, arguments[1], f"{path}.{key}")]
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return [] if value in [member.value for member in hint] else [f"{path}: {value!r} is not of {hint.__name__}"]
    if hint in (int, float, bool, str, type(None)):
        same = type(value) is hint or (hint is float and type(value) is int)
        return [] if same else [f"{path}: {value!r} is not {hint.__name__}"]
    # The reader leaves these as they are.
    if hint is DataTransformerConfig and isinstance(value, dict):
        typed = hint.from_json(value)
        return lost(value, written(typed), path) + of_type(typed, hint, path)
    if not isinstance(value, hint):
        return [f"{path}: {value!r} is not {hint.__name__}"]
    return fields(value, path)


def fields(value: object, path: str) -> list[str]:
    hints = typing.get_type_hints(type(value))
    return [found for name, hint in hints.items() for found in of_type(getattr(value, name), hint, f"{path}.{name}")]


def written(value: object) -> object:
    return json.loads(JSONEncoder().encode(value))


def lost(before: object, after: object, path: str) -> list[str]:
    """What is not there any more, or not as it was."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            found
            for key, value in before.items()
            for found in (lost(value, after[key], f"{path}.{key}") if key in after else [f"{path}.{key}: no such field"])
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [found for at, pair in enumerate(zip(before, after)) for found in lost(*pair, f"{path}[{at}]")]
    return [] if before == after else [f"{path}: {before!r} became {after!r}"]


def shape(dashboard: dict) -> list[str]:
    """Whether it is a dashboard."""
    try:
        typed = Dashboard.from_json(dashboard)
        found = lost(dashboard, written(typed), "") + fields(typed, "")
    except Exception as error:  # whatever the reader stumbles over
        return [f"not a dashboard: {error!r}"]
    for at, panel in enumerate(dashboard["panels"]):
        place = f".panels[{at}]"
        if panel["type"] == "row":
            continue
        if panelcfg_config(panel["type"]) is None:
            found.append(f"{place}.type: there is no panel `{panel['type']}`")
            continue
        # A panel's own fields are `object` in its type.
        options, custom = typed.panels[at].options, typed.panels[at].field_config.defaults.custom
        found += fields(options, f"{place}.options")
        if custom is not None:
            found += fields(custom, f"{place}.fieldConfig.defaults.custom")
    return found or layout(dashboard["panels"])


def layout(panels: list[dict]) -> list[str]:
    """Whether panels stand beside each other, each with an id of its own."""
    found = []
    for at, panel in enumerate(panels):
        grid = panel["gridPos"]
        if grid["x"] + grid["w"] > 24:
            found.append(f"`{panel['title']}` is wider than the dashboard")
        for other in panels[:at]:
            if overlap(grid, other["gridPos"]):
                found.append(f"`{panel['title']}` lies upon `{other['title']}`")
            if panel["id"] == other["id"]:
                found.append(f"`{panel['title']}` and `{other['title']}` have one id")
    return found


def overlap(a: dict, b: dict) -> bool:
    apart = lambda start, size: a[start] + a[size] <= b[start] or b[start] + b[size] <= a[start]
    return not (apart("x", "w") or apart("y", "h"))


def expressions(dashboard: dict) -> typing.Iterator[tuple[str, str, str]]:
    """The title of a panel, an expression of it, and its legend."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"], target.get("legendFormat", "")


def reads(place: str, expression: str, legend: str, recorded: set[str]) -> list[str]:
    """What an expression reads and nobody writes."""
    found = []
    names = re.findall(r"\b(?:\w+:[\w:]+|(?:kubewarden|apiserver)_\w+)", expression)
    found += [f"{place}: no metric is called {name}" for name in names if name not in METRICS | recorded]
    if not names:
        found.append(f"{place}: reads no metric")
    grouped = [label.strip() for group in re.findall(r"\bby\s*\(([^)]*)\)", expression) for label in group.split(",")]
    matched = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression)
    # label_replace(series, "TARGET", "replacement", "SOURCE", "expression") makes a label of another.
    replaced = re.findall(r'"(\w+)",\s*"[^"]*",\s*"(\w+)",\s*"[^"]*"\s*\)', expression)
    labels = LABELS | {target for target, source in replaced}
    read = grouped + matched + [source for target, source in replaced]
    found += [f"{place}: no series has the label {label}" for label in read if label not in labels]
    shown = re.findall(r"\{\{\s*(\w+)\s*\}\}", legend)
    found += [f"{place}: the legend shows {label}, which is not in its series" for label in shown if label not in grouped]
    return found


def with_variables(expression: str) -> str:
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


def unknown_variables(dashboard: dict) -> list[str]:
    known = {f"${variable['name']}" for variable in dashboard["templating"]["list"]}
    found = []
    for place, expression, _ in expressions(dashboard):
        # Those with two underscores are Grafana's own; of the others each must have a value to be tested with.
        used = set(re.findall(r"\$\w+", expression))
        known_here = {name for name in VARIABLES if "__" in name or name in known}
        found += [f"{place}: there is no variable {name}" for name in sorted(used - known_here)]
    return found


def facts(page: str) -> list[str]:
    """Whether the page lists these metrics and these labels, and no others."""
    section = page.split("\n## Metrics\n")[1].split("\n## ")[0]
    listed = {
        name
        for row in re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    found = [f"docs/operate.md does not list {name}" for name in sorted((METRICS | LABELS) - listed)]
    return found + [f"docs/operate.md lists {name}, which nothing here knows" for name in sorted(listed - METRICS - LABELS)]


def rules_read(rules: str) -> list[str]:
    """What the alerts read. Their types are for promtool, their shape is for host/tests/operate.rs."""
    recorded = set(re.findall(r"- record: (\S+)", rules))
    found = []
    for block in re.split(r"\n +- (?=alert|record)", rules)[1:]:
        name = block.split("\n")[0]
        expression = block.split("expr:")[1].split("\n          for:")[0].split("\n          labels:")[0]
        found += reads(name, expression, "", recorded)
    return found


def check(dashboard: dict, rules: str) -> list[str]:
    found = shape(dashboard)
    if not found:
        found = unknown_variables(dashboard)
        found += [problem for panel in expressions(dashboard) for problem in reads(*panel, set())]
    return found + rules_read(rules)


def for_promtool(dashboard: dict) -> tuple[dict, dict]:
    """Rules and tests, as JSON, which is YAML."""
    rules = [
        {"alert": f"Empty{at}", "expr": f"absent({with_variables(expression)})", "labels": {"panel": title}}
        for at, (title, expression, _) in enumerate(expressions(dashboard))
    ]
    series = [
        {"series": name + "{" + ", ".join(f'{label}="{value}"' for label, value in labels.items()) + "}", "values": "0+60x90"}
        for name, labels in SERIES
    ]
    silent = [{"eval_time": "80m", "alertname": rule["alert"], "exp_alerts": []} for rule in rules]
    tests = [{"name": "no panel is empty", "interval": "1m", "input_series": series, "alert_rule_test": silent}]
    return (
        {"groups": [{"name": "dashboard", "rules": rules}]},
        {"rule_files": ["dashboard-rules.yaml"], "evaluation_interval": "1m", "tests": tests},
    )


# Where in the dashboard a mistake is made, and what stands there then.
MISTAKES = [
    (["titel"], "x"),
    (["schemaVersion"], "39"),
    (["links", 0, "kind"], "x"),
    (["templating", "list", 0, "type"], "prometheus"),
    (["templating", "list", 1, "allVal"], "x"),
    (["panels", 0, "type"], "statistics"),
    (["panels", 0, "options", "colourMode"], "value"),
    (["panels", 0, "options", "colorMode"], "loud"),
    (["panels", 0, "fieldConfig", "defaults", "units"], "short"),
    (["panels", 5, "gridPos", "w"], "12"),
    (["panels", 5, "gridPos", "w"], 25),
    (["panels", 5, "gridPos", "y"], 5),
    (["panels", 5, "id"], 1),
    (["panels", 5, "fieldConfig", "defaults", "custom", "lineWidth"], "thick"),
    (["panels", 5, "fieldConfig", "defaults", "color"], {"mode": "none at all"}),
    (["panels", 5, "options", "legend", "placement"], "left"),
    (["panels", 5, "options", "tooltip", "sort"], "up"),
    (["panels", 5, "targets", 0, "exprr"], "up"),
    (["panels", 5, "targets", 0, "format"], "graph"),
    (["panels", 5, "targets", 0, "legendFormat"], "{{resource_kind}}"),
    (["panels", 5, "targets", 0, "expr"], "sum(kubewarden_policy_evaluation_total)"),
    (["panels", 5, "targets", 0, "expr"], 'sum(kubewarden_policy_evaluations_total{mode!="monitor"})'),
    (["panels", 5, "targets", 0, "expr"], "sum by (accepted, error_code, kind) (kubewarden_policy_evaluations_total)"),
    (["panels", 5, "targets", 0, "expr"], 'sum by (accepted, error_code) (kubewarden_policy_evaluations_total{policy_name="$name"})'),
    (["panels", 9, "options", "cellHeight"], "tiny"),
    (["panels", 9, "transformations", 0, "idd"], "x"),
    (["panels", 12, "options", "cellgap"], 1),
]


def self_test(dashboard: dict, rules: str, page: str) -> list[str]:
    found = []
    for path, value in MISTAKES:
        broken = copy.deepcopy(dashboard)
        place = broken
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        if not check(broken, rules):
            found.append(f"not found: {path} = {value!r}")
    for word, other in [("increase10m{error_code", "increase9m{error_code"), ("by (policy_name, le)", "by (policy, le)")]:
        if word not in rules or not check(dashboard, rules.replace(word, other)):
            found.append(f"not found: {other}")
    for word in ["`initialization_error`", f"`{LATENCY}_bucket`"]:
        if word not in page or not facts(page.replace(word, "`something_else`")):
            found.append(f"not found: {word} taken out of the page")
    return found


def main() -> None:
    register_default_plugins()
    dashboard = json.loads((HERE / "grafana-dashboard.json").read_text())
    rules = (HERE / "prometheus-rule.yaml").read_text()
    page = PAGE.read_text()
    if sys.argv[1] == "--self-test":
        found = self_test(dashboard, rules, page)
    else:
        found = check(dashboard, rules) + facts(page)
        directory = pathlib.Path(sys.argv[1])
        for name, content in zip(["rules", "test"], for_promtool(dashboard)):
            (directory / f"dashboard-{name}.yaml").write_text(json.dumps(content, indent=1))
    for problem in found:
        print(f"check-dashboard: {problem}", file=sys.stderr)
    sys.exit(1 if found else 0)


main()
