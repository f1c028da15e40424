//! `match` and `exclude` of a rule, as a formula.

use super::super::glob::Glob;
use super::super::kinds::{CONTROLLERS, CustomKind, KindSelector, Resource, workload};
use super::super::refusal::{At, Notes, Problem};
use super::super::scope::{Atom, Formula, Operation, Requirement};
use super::super::selector::requirements;
use super::types::{Filter, LabelSelector, MatchResources, Override, Resources, Rule};
use serde_norway::Value;
use std::collections::BTreeSet;

/// What the kinds of a policy stand for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kinds<'p> {
    /// The controllers that Kyverno covers where a rule names Pods.
    pub(super) controllers: &'p [&'static str],
    /// Custom kinds named on the command line.
    pub(super) custom: &'p [CustomKind],
}

const USERS: &str = "a webhook does not know who may do what; say it in `matchConditions` of the policy, over \
                     `request.userInfo`";
const NOWHERE: &str = "without conditions this is everywhere in Kyverno 1.19 and nowhere before; write `namespaces:                        [\"*\"]`, or leave it out";
const UNKNOWN_PLURAL: &str =
    "the plural of this kind is not known here; write --resource GROUP/VERSION/KIND=PLURAL";
const KINDS_MISSING: &str = "name the kinds that are matched";
const NAME: &str = "expected a name with `*` and `?`; nothing else, and no variable, can be put into a \
                    condition";

const OTHER_GROUPS: &str = "write --resource for others";
const OTHER_WORKLOADS: &str = "others need `rules` and `imageExtractors` in what is written";

/// What stands where a rule names Pods. Of a rule that names Pods Kyverno makes two more: for controllers, and for
/// CronJobs, which stand where the rule names any kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Pods {
    /// All three rules at once: they differ in nothing else.
    AndControllers,
    Alone,
    Controllers,
    CronJobs,
}

impl Rule {
    /// Which requests the rule is about.
    pub(super) fn formula(&self, path: &str, kinds: Kinds<'_>) -> Result<Formula, At> {
        let filters = || self.matched.filters();
        let rules: &[Pods] = if filters().all(Resources::names_pods) {
            &[Pods::AndControllers]
        } else if filters().any(Resources::names_pods) && !kinds.controllers.is_empty() {
            &[Pods::Alone, Pods::Controllers, Pods::CronJobs]
        } else {
            &[Pods::Alone]
        };
        let rules = rules.iter().map(|pods| self.formula_of(path, kinds, *pods));
        Ok(Formula::Any(rules.collect::<Result<_, _>>()?))
    }

    /// Whose kinds they are that name no group. Pods are the core's alone.
    pub(super) fn note_groups(&self, path: &str, custom: &[CustomKind], notes: &mut Notes) {
        for (path, resources) in self.matched.filters_at(&format!("{path}.match")) {
            for (index, text) in resources.kinds.iter().enumerate() {
                let selector = KindSelector::parse(text).filter(|it| !it.names_a_group() && !it.is_pod());
                let Some(selector) = selector else { continue };
                let (found, others) = match (selector.workloads(), selector.custom(custom)) {
                    (found, _) if !found.is_empty() => (found, OTHER_WORKLOADS),
                    (_, Some((_, found))) => (found, OTHER_GROUPS),
                    (_, None) => continue,
                };
                let named = |resource: &Resource| match resource.group.as_str() {
                    "" => "the core".to_owned(),
                    group => group.to_owned(),
                };
                let groups: BTreeSet<String> = found.iter().map(named).collect();
                let groups = groups.into_iter().collect::<Vec<_>>().join(", ");
                notes.add(
                    format!("{path}.kinds[{index}]"),
                    format!("`{text}` is that of {groups}; Kyverno takes it of any group: {others}"),
                );
            }
        }
    }

    /// Which objects are rejected that Kyverno lets pass.
    pub(super) fn note_extractors(&self, path: &str, notes: &mut Notes) {
        let kinds: Vec<KindSelector> = self.matched.filters().flat_map(Resources::selectors).collect();
        let extractors = self.image_extractors.keys().filter_map(Value::as_str);
        for kind in extractors.filter(|kind| kinds.iter().any(|it| it.kind.literal() == Some(kind))) {
            notes.add(
                format!("{path}.imageExtractors.{kind}"),
                "an object in which no image is found is rejected; Kyverno lets it pass",
            );
        }
    }

    fn formula_of(&self, path: &str, kinds: Kinds<'_>, pods: Pods) -> Result<Formula, At> {
        let reader = Reader { rule: self, kinds, pods };
        let matched = reader.combined(&self.matched, &format!("{path}.match"), false)?;
        let Some(exclude) = &self.exclude else { return Ok(matched) };
        let excluded = reader.combined(exclude, &format!("{path}.exclude"), true)?;
        Ok(Formula::All(vec![matched, excluded.not()]))
    }
}

impl Resources {
    fn names_pods(&self) -> bool {
        self.selectors().any(|kind| kind.is_pod())
    }

    fn selectors(&self) -> impl Iterator<Item = KindSelector> {
        self.kinds.iter().filter_map(|kind| KindSelector::parse(kind))
    }
}

impl Override {
    /// Where another action applies.
    pub(super) fn formula(&self, path: &str) -> Result<Formula, At> {
        if self.namespaces.is_none() && self.namespace_selector.is_none() {
            return Err(At::no_counterpart(path, NOWHERE));
        }
        let mut parts = Vec::new();
        if let Some(namespaces) = &self.namespaces {
            parts.push(namespaces_of(namespaces, &format!("{path}.namespaces"))?);
        }
        if let Some(selector) = &self.namespace_selector {
            parts.push(labels(selector, &format!("{path}.namespaceSelector"), Atom::NamespaceLabel)?);
        }
        Ok(Formula::All(parts))
    }
}

struct Reader<'r> {
    rule: &'r Rule,
    kinds: Kinds<'r>,
    pods: Pods,
}

impl Reader<'_> {
    fn combined(&self, resources: &MatchResources, path: &str, exclude: bool) -> Result<Formula, At> {
        let lists = [("any", &resources.any), ("all", &resources.all)];
        let filled = lists.iter().filter_map(|(name, list)| Some((*name, list.as_ref()?)));
        let filled: Vec<(&str, &Vec<Filter>)> = filled.filter(|(_, list)| !list.is_empty()).collect();
        let direct = resources.resources.is_some();
        refuse_users(path, &resources.subjects, &resources.roles, &resources.cluster_roles)?;
        match (filled.as_slice(), direct) {
            ([], _) => {
                let filter = resources.resources.as_ref();
                self.filter(filter, &format!("{path}.resources"), exclude)
            }
            ([(name, list)], false) => {
                let filters = list.iter().enumerate().map(|(index, filter)| {
                    let path = format!("{path}.{name}[{index}]");
                    refuse_users(&path, &filter.subjects, &filter.roles, &filter.cluster_roles)?;
                    self.filter(filter.resources.as_ref(), &format!("{path}.resources"), exclude)
                });
                let filters = filters.collect::<Result<_, _>>()?;
                Ok(if *name == "any" { Formula::Any(filters) } else { Formula::All(filters) })
            }
            _ => {
                Err(At::no_counterpart(path, "write one of `any`, `all` and `resources`, as Kyverno demands"))
            }
        }
    }

    /// All of its fields must fit; of each list, one item.
    fn filter(&self, resources: Option<&Resources>, path: &str, exclude: bool) -> Result<Formula, At> {
        let Some(resources) = resources else {
            // Nothing is excluded by nothing; nothing is matched by it either.
            return if exclude { Ok(Formula::Any(Vec::new())) } else { Err(missing_kinds(path)) };
        };
        let mut parts = Vec::new();
        if resources.kinds.is_empty() && !exclude {
            return Err(missing_kinds(path));
        }
        if !resources.kinds.is_empty() {
            let named = self.resources(resources, &format!("{path}.kinds"))?;
            let cron_jobs = self.pods == Pods::CronJobs && !exclude;
            parts.push(Formula::Is(Atom::Resources(if cron_jobs { self.of_pods() } else { named })));
        }
        // An empty name is none.
        if let Some(name) = resources.name.as_deref().filter(|name| !name.is_empty()) {
            let glob = Glob::new(name).ok_or_else(|| At::value(format!("{path}.name"), name, NAME))?;
            parts.push(Formula::Is(Atom::Names(vec![glob])));
        }
        if !resources.names.is_empty() {
            parts.push(Formula::Is(Atom::Names(globs(&resources.names, &format!("{path}.names"))?)));
        }
        if !resources.namespaces.is_empty() {
            parts.push(namespaces_of(&resources.namespaces, &format!("{path}.namespaces"))?);
        }
        if !resources.annotations.is_empty() {
            let path = format!("{path}.annotations");
            return Err(At::no_counterpart(
                path,
                "anybody can annotate an object; match labels, or write `matchConditions`",
            ));
        }
        if let Some(selector) = &resources.selector {
            parts.push(labels(selector, &format!("{path}.selector"), Atom::ObjectLabel)?);
        }
        if let Some(selector) = &resources.namespace_selector {
            parts.push(labels(selector, &format!("{path}.namespaceSelector"), Atom::NamespaceLabel)?);
        }
        if !resources.operations.is_empty() {
            let path = format!("{path}.operations");
            parts.push(Formula::Is(Atom::Operations(operations(&resources.operations, &path)?)));
        }
        // An empty filter excludes nothing.
        Ok(if parts.is_empty() { Formula::Any(Vec::new()) } else { Formula::All(parts) })
    }

    fn resources(&self, resources: &Resources, path: &str) -> Result<BTreeSet<Resource>, At> {
        let mut found = BTreeSet::new();
        for (index, text) in resources.kinds.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let selector = KindSelector::parse(text).ok_or_else(|| {
                At::value(&path, text, "expected a kind: Kind, version/Kind or group/version/Kind")
            })?;
            found.extend(self.of_kind(&selector, text, &path)?);
        }
        Ok(found)
    }

    fn of_kind(&self, selector: &KindSelector, text: &str, path: &str) -> Result<BTreeSet<Resource>, At> {
        let subresource = selector.subresource.as_deref();
        if subresource.is_some_and(|name| name != "ephemeralcontainers" || !selector.is_pod()) {
            return Err(At::value(path, text, "no image comes in by this subresource; leave it out"));
        }
        if selector.kind.literal().is_none() && !self.rule.image_extractors.is_empty() {
            return Err(At::value(path, text, "name the kinds that `imageExtractors` are for"));
        }
        let found = selector.workloads();
        if !found.is_empty() {
            let mut found = if selector.is_pod() { self.of_pods() } else { found };
            found.retain(|resource| subresource.is_none() || resource.resource != "pods");
            return Ok(found);
        }
        // All of them instead: that would be more, also of what is excluded.
        if !selector.names_versions() {
            return Err(At::value(path, text, "write each version of this kind, or `*` for all"));
        }
        let custom = selector.custom(self.kinds.custom);
        let (kind, resources) = custom.ok_or_else(|| self.unknown(selector, text, path))?;
        if self.rule.image_extractors.contains_key(kind.as_str()) {
            return Ok(resources);
        }
        Err(At::value(path, text, "no image is found in this kind; it needs `imageExtractors`"))
    }
}

impl Reader<'_> {
    fn unknown(&self, selector: &KindSelector, text: &str, path: &str) -> At {
        let kind = selector.kind.literal();
        if kind.is_some_and(|kind| self.rule.image_extractors.contains_key(kind)) {
            return At::value(path, text, UNKNOWN_PLURAL);
        }
        if let Some(instead) = selector.meant() {
            return At::new(path, Problem::Write { found: text.to_owned(), instead });
        }
        let without = selector.has_no_images();
        At::value(path, text, if without { "it runs no images; leave it out" } else { UNKNOWN_PLURAL })
    }

    fn of_pods(&self) -> BTreeSet<Resource> {
        let takes = |kind: &&str| match self.pods {
            Pods::AndControllers => true,
            Pods::Alone => *kind == "Pod",
            Pods::Controllers => !["Pod", "CronJob"].contains(kind),
            Pods::CronJobs => *kind == "CronJob",
        };
        let kinds = core::iter::once("Pod").chain(self.kinds.controllers.iter().copied());
        kinds.filter(takes).flat_map(workload).collect()
    }
}

fn missing_kinds(path: &str) -> At {
    At::new(format!("{path}.kinds"), Problem::Missing { why: KINDS_MISSING })
}

fn refuse_users(
    path: &str,
    subjects: &Option<Value>,
    roles: &Option<Value>,
    cluster_roles: &Option<Value>,
) -> Result<(), At> {
    let lists = [("subjects", subjects), ("roles", roles), ("clusterRoles", cluster_roles)];
    let filled = |list: &Value| !list.as_sequence().is_some_and(Vec::is_empty);
    match lists.into_iter().find(|(_, list)| list.as_ref().is_some_and(filled)) {
        Some((field, _)) => Err(At::no_counterpart(format!("{path}.{field}"), USERS)),
        None => Ok(()),
    }
}

fn globs(texts: &[String], path: &str) -> Result<Vec<Glob>, At> {
    let glob = |(index, text): (usize, &String)| {
        Glob::new(text).ok_or_else(|| At::value(format!("{path}[{index}]"), text, NAME))
    };
    texts.iter().enumerate().map(glob).collect()
}

fn namespaces_of(texts: &[String], path: &str) -> Result<Formula, At> {
    if texts.is_empty() {
        return Ok(Formula::Any(Vec::new()));
    }
    Ok(Formula::Is(Atom::Namespaces(globs(texts, path)?)))
}

/// All labels of a selector.
fn labels(selector: &LabelSelector, path: &str, atom: fn(Requirement) -> Atom) -> Result<Formula, At> {
    let all = requirements(selector, path)?.into_iter().map(|label| Formula::Is(atom(label)));
    Ok(Formula::All(all.collect()))
}

/// DELETE and CONNECT bring in no image.
fn operations(texts: &[String], path: &str) -> Result<BTreeSet<Operation>, At> {
    let mut operations = BTreeSet::new();
    for (index, text) in texts.iter().enumerate() {
        match text.as_str() {
            "CREATE" => operations.insert(Operation::Create),
            "UPDATE" => operations.insert(Operation::Update),
            "DELETE" | "CONNECT" => false,
            other => {
                let path = format!("{path}[{index}]");
                return Err(At::value(path, other, "allowed: CREATE, UPDATE, DELETE, CONNECT"));
            }
        };
    }
    Ok(operations)
}

/// The controllers that Kyverno covers where a rule of this policy names Pods: none, where a rule is about single
/// objects or mixes Pods with other kinds, where all are about subresources, or where an annotation says so.
pub(super) fn controllers(rules: &[Value], requested: Option<&str>) -> Vec<&'static str> {
    let fields = |rule| ["match", "exclude"].into_iter().filter_map(move |field| Value::get(rule, field));
    let read = rules.iter().flat_map(fields).map(|part| serde_norway::from_value(part.clone()));
    let read: Vec<Result<MatchResources, _>> = read.collect();
    let parts: Vec<&MatchResources> = read.iter().flatten().collect();
    let filters = || parts.iter().copied().flat_map(MatchResources::filters);
    let supported = !filters().any(|resources| {
        let mixed = resources.kinds.len() > 1 && resources.names_pods();
        resources.is_about_one_object() || mixed
    });
    let mut kinds = filters().flat_map(Resources::selectors);
    // What cannot be read is of a rule of another kind, and may ask for them.
    let needed = parts.len() < read.len() || kinds.any(|kind| kind.asks_for_controllers());
    let wanted = |kind: &&str| requested.is_none_or(|list| list.split(',').any(|name| name.trim() == *kind));
    if supported && needed { CONTROLLERS.into_iter().filter(wanted).collect() } else { Vec::new() }
}
