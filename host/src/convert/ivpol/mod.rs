//! Kyverno's ImageValidatingPolicy and NamespacedImageValidatingPolicy.

mod attestors;
mod expression;
mod types;

use super::Converted;
use super::cel;
use super::emit::{Action, Group, Item, Source};
use super::kinds::workload;
use super::read::{Document, read};
use super::refusal::{At, Notes, Problem};
use super::rules;
use super::scope::Scope;
use super::selector::requirements;
use attestors::Attestors;
use expression::{ImageList, Requirement, Verified};
use serde_norway::{Mapping, Value};
use std::collections::{BTreeMap, BTreeSet};
use types::{Policy, Spec};

/// The controllers that Kyverno covers where the only rule is for Pods.
const CONTROLLERS: [(&str, &str); 6] = [
    ("daemonsets", "DaemonSet"),
    ("deployments", "Deployment"),
    ("jobs", "Job"),
    ("statefulsets", "StatefulSet"),
    ("replicasets", "ReplicaSet"),
    ("cronjobs", "CronJob"),
];

pub(super) fn convert(document: &Document, notes: &mut Notes) -> Result<Converted, At> {
    let policy: Policy = read(&document.value, "")?;
    let spec = &policy.spec;
    refuse_unlike(spec)?;
    let namespace = match (document.kind.starts_with("Namespaced"), &policy.metadata.namespace) {
        (true, None) => {
            let why = "the policy is about its namespace";
            return Err(At::new("metadata.namespace", Problem::Missing { why }));
        }
        (true, Some(namespace)) => Some(namespace.clone()),
        (false, _) => None,
    };
    let scopes = scopes(spec, notes)?;
    let action = action(spec, notes)?;
    let verified = verified(spec, &scopes, notes)?;
    let item = item(spec, &policy.metadata.name, action, &verified, notes)?;
    let groups = scopes.into_iter().map(|scope| Group {
        scope,
        path: "spec.matchConstraints".to_owned(),
        action,
        items: vec![item.clone()],
        extractors: Mapping::new(),
    });
    let webhook = spec.webhook_configuration.as_ref();
    let source = Source {
        name: policy.metadata.name.clone(),
        namespace,
        failure_policy: if spec.failure_policy.as_deref() == Some("Ignore") { "Ignore" } else { "Fail" },
        timeout_seconds: webhook.and_then(|webhook| webhook.timeout_seconds).unwrap_or(10).clamp(1, 30),
        timeout_eval_seconds: None,
        background: spec.evaluation.as_ref().and_then(|it| it.background.as_ref()?.enabled).unwrap_or(true),
        match_policy: spec.match_constraints.match_policy.clone(),
        policy_server: None,
        message: None,
    };
    Ok(Converted { source, groups: groups.collect() })
}

/// What makes a policy something else than signatures of images at admission.
fn refuse_unlike(spec: &Spec) -> Result<(), At> {
    let lookups = "nothing is looked up or computed at admission; write the values";
    for (field, present, instead) in [
        ("variables", !spec.variables.is_empty(), lookups),
        (
            "images",
            !spec.images.is_empty(),
            "images of custom resources are found by `imageExtractors` in the settings",
        ),
        (
            "credentials",
            spec.credentials.is_some(),
            "the policy-server holds the credentials: set `imagePullSecret` on the PolicyServer",
        ),
    ] {
        if present {
            return Err(At::no_counterpart(format!("spec.{field}"), instead));
        }
    }
    let evaluation = spec.evaluation.as_ref();
    if let Some(mode) = evaluation.and_then(|it| it.mode.as_deref()).filter(|mode| *mode != "Kubernetes") {
        return Err(At::value("spec.evaluation.mode", mode, "allowed: Kubernetes"));
    }
    if evaluation.and_then(|it| it.admission.as_ref()?.enabled) == Some(false) {
        let instead = "a policy that only scans what runs; deploy it with `mode: monitor` if that is meant";
        return Err(At::no_counterpart("spec.evaluation.admission.enabled", instead));
    }
    Ok(())
}

fn action(spec: &Spec, notes: &mut Notes) -> Result<Action, At> {
    let path = "spec.validationActions";
    let known = ["Deny", "Audit", "Warn"];
    if let Some(other) = spec.validation_actions.iter().find(|action| !known.contains(&action.as_str())) {
        return Err(At::value(path, other, "allowed: Deny, Audit, Warn"));
    }
    let has = |wanted: &str| spec.validation_actions.iter().any(|action| action == wanted);
    if spec.validation_actions.is_empty() || has("Deny") {
        return Ok(Action::Enforce);
    }
    if has("Warn") {
        notes.add(path, "`Warn` becomes `mode: monitor`, which reports and warns nobody");
    }
    Ok(Action::Audit)
}

fn scopes(spec: &Spec, notes: &mut Notes) -> Result<Vec<Scope>, At> {
    const PATH: &str = "spec.matchConstraints";
    let constraints = &spec.match_constraints;
    if !constraints.exclude_resource_rules.is_empty() {
        let instead = "a webhook has no rules that exclude; leave the resources out of `resourceRules`";
        return Err(At::no_counterpart(format!("{PATH}.excludeResourceRules"), instead));
    }
    let controllers = controllers(spec)?;
    let mut scopes = rules::scopes(&constraints.resource_rules, &format!("{PATH}.resourceRules"), notes)?;
    for scope in &mut scopes {
        scope.resources.extend(controllers.iter().flat_map(|kind| workload(kind)));
        if let Some(selector) = &constraints.namespace_selector {
            scope.namespaces = requirements(selector, &format!("{PATH}.namespaceSelector"))?;
        }
        if let Some(selector) = &constraints.object_selector {
            scope.objects = requirements(selector, &format!("{PATH}.objectSelector"))?;
        }
        for (index, condition) in spec.match_conditions.iter().enumerate() {
            let path = format!("spec.matchConditions[{index}].expression");
            cel::known(&condition.expression).map_err(|found| At::value(&path, found, cel::UNKNOWN))?;
            if !controllers.is_empty() && condition.expression.to_lowercase().contains("object") {
                let instead = "Kyverno rewrites it for Deployments and the like; write `autogen: {podControllers: \
                               {controllers: []}}`, or a policy for each kind";
                return Err(At::no_counterpart(path, instead));
            }
            scope.add_condition(&condition.name, &condition.expression, false);
        }
    }
    Ok(scopes)
}

/// Kinds that Kyverno covers beside Pods: where the only rule is for Pods, and no labels of objects are selected.
/// Before 1.19 it did not where labels of namespaces are selected either.
fn controllers(spec: &Spec) -> Result<Vec<&'static str>, At> {
    let constraints = &spec.match_constraints;
    let only_pods = match constraints.resource_rules.as_slice() {
        [rule] => rule.resources == ["pods"] && rule.api_groups == [""] && rule.resource_names.is_empty(),
        _ => false,
    };
    let selector = constraints.object_selector.as_ref();
    let selects = selector.is_some_and(|it| !it.match_labels.is_empty() || !it.match_expressions.is_empty());
    if !only_pods || selects {
        return Ok(Vec::new());
    }
    let wanted =
        spec.autogen.as_ref().and_then(|autogen| autogen.pod_controllers.as_ref()?.controllers.as_ref());
    let Some(wanted) = wanted else { return Ok(CONTROLLERS.iter().map(|(_, kind)| *kind).collect()) };
    let kind = |(index, name): (usize, &String)| {
        let found = CONTROLLERS.iter().find(|(resource, _)| resource == name).map(|(_, kind)| *kind);
        let path = format!("spec.autogen.podControllers.controllers[{index}]");
        found.ok_or_else(|| At::value(path, name, "allowed: deployments and the other controllers of Pods"))
    };
    wanted.iter().enumerate().map(kind).collect()
}

/// The rule that says what the validations ask for.
fn item(
    spec: &Spec,
    name: &str,
    action: Action,
    verified: &[Requirement],
    notes: &mut Notes,
) -> Result<Item, At> {
    let references = references(spec)?;
    let attestors = Attestors::read(spec)?;
    let mut fields = Mapping::new();
    if (1..=63).contains(&name.len()) {
        fields.insert("name".into(), name.into());
    }
    fields.insert("imageReferences".into(), Value::Sequence(references));
    let mut signatures = Vec::new();
    let mut attestations = Vec::new();
    for Requirement { path, what, attestors: names, count } in verified {
        let set = attestors.set(names, *count, path)?;
        match what {
            Verified::Signatures => signatures.push(set),
            Verified::Attestation(name) => attestations.push(attestors.attestation(name, set, path)?),
        }
    }
    let used: BTreeSet<&String> = verified.iter().flat_map(|one| &one.attestors).collect();
    attestors.notes(&used, notes);
    for (index, attestor) in spec.attestors.iter().enumerate().filter(|(_, it)| !used.contains(&it.name)) {
        notes.add(
            format!("spec.attestors[{index}]"),
            format!("left out: no validation asks for `{}`", attestor.name),
        );
    }
    for (field, list) in [("attestors", signatures), ("attestations", attestations)] {
        if !list.is_empty() {
            fields.insert(field.into(), Value::Sequence(list));
        }
    }
    let configured = spec.validation_configurations.as_ref();
    let mutate = configured.and_then(|it| it.mutate_digest).unwrap_or(true);
    let verify = configured.and_then(|it| it.verify_digest).unwrap_or(true);
    if configured.and_then(|it| it.required) == Some(false) {
        notes.add(
            "spec.validationConfigurations.required",
            "a rule is always required of the images it binds",
        );
    }
    // What Kyverno pins has a digest; what is only audited here keeps its tag.
    let verify = verify && !(action == Action::Audit && mutate);
    Ok(Item { path: "spec".to_owned(), fields, mutate, verify })
}

fn references(spec: &Spec) -> Result<Vec<Value>, At> {
    const PATH: &str = "spec.matchImageReferences";
    if spec.match_image_references.is_empty() {
        return Err(At::new(
            PATH,
            Problem::Missing { why: "write which images the policy is about, such as `glob: \"*\"`" },
        ));
    }
    let references = spec.match_image_references.iter().enumerate().map(|(index, reference)| {
        let path = format!("{PATH}[{index}]");
        match (&reference.glob, &reference.expression) {
            // Sets, alternatives and escapes; a bracket here is one of an IPv6 address.
            (Some(glob), None) if glob.contains(['[', ']', '{', '}', '\\']) => {
                let instead = "a pattern knows `*` and `?` alone; write one for each of what it stands for";
                Err(At::value(format!("{path}.glob"), glob, instead))
            }
            (Some(glob), None) => Ok(Value::from(glob.clone())),
            (_, Some(_)) => {
                let instead = "images are matched by patterns; write a `glob`";
                Err(At::no_counterpart(format!("{path}.expression"), instead))
            }
            (None, None) => Err(At::new(path, Problem::Missing { why: "a reference has a `glob`" })),
        }
    });
    references.collect()
}

/// What all validations ask for together. All images of an object are verified alike, so each list of images that is
/// mentioned must be asked for the same.
fn verified(spec: &Spec, scopes: &[Scope], notes: &mut Notes) -> Result<Vec<Requirement>, At> {
    if spec.validations.is_empty() {
        return Err(At::new("spec.validations", Problem::Missing { why: "nothing would be verified" }));
    }
    let mut by_list: BTreeMap<ImageList, Vec<Requirement>> = BTreeMap::new();
    for (index, validation) in spec.validations.iter().enumerate() {
        let path = format!("spec.validations[{index}].expression");
        if validation.message.is_some() || validation.message_expression.is_some() {
            notes.add(
                format!("spec.validations[{index}]"),
                "its message is left out: denials say what is missing",
            );
        }
        for (lists, requirement) in expression::parse(&validation.expression, &path)? {
            for list in lists {
                by_list.entry(list).or_default().push(requirement.clone());
            }
        }
    }
    if !spec.audit_annotations.is_empty() {
        notes.add(
            "spec.auditAnnotations",
            "left out: what is recorded is digest, rule and signer of each image",
        );
    }
    let missing = ImageList::ALL.into_iter().filter(|list| !by_list.contains_key(list));
    let debugs = rules::see_ephemeral_containers(scopes);
    let missing = missing.filter(|list| debugs || *list != ImageList::EphemeralContainers);
    let missing: Vec<&str> = missing.map(ImageList::name).collect();
    let mut lists = by_list.into_values();
    let first = lists.next().unwrap_or_default();
    if let Some(other) = lists.find(|other| !same(other, &first)) {
        let path = other.iter().find(|one| !first.iter().any(|known| known.asks_the_same(one)));
        let path = path.or(first.first()).map_or("spec.validations", |one| &one.path);
        let instead =
            "all images of an object are verified alike; ask the same of containers and initContainers";
        return Err(At::no_counterpart(path, instead));
    }
    if !missing.is_empty() {
        notes.add(
            "spec.validations",
            format!("{} are verified as well, and image volumes", missing.join(" and ")),
        );
    }
    let mut unique: Vec<Requirement> = Vec::new();
    for one in first {
        if !unique.iter().any(|known| known.asks_the_same(&one)) {
            unique.push(one);
        }
    }
    Ok(unique)
}

fn same(left: &[Requirement], right: &[Requirement]) -> bool {
    let within = |these: &[Requirement], those: &[Requirement]| {
        these.iter().all(|one| those.iter().any(|other| other.asks_the_same(one)))
    };
    within(left, right) && within(right, left)
}
