//! Which requests a rule is about: from any combination of conditions to what a policy can say.
//!
//! A policy is about what meets all of its `rules`, `namespaceSelector`, `objectSelector` and `matchConditions`.
//! Whatever needs an "or" of labels of namespaces, which no expression can see, becomes several policies: their
//! scopes together are the scope of the rule, and none is left out.

use super::glob::Glob;
use super::kinds::Resource;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Policies of one rule at most.
pub(super) const MAX_SCOPES: usize = 16;

/// The operations that can bring in an image.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// An object is made.
    Create,
    /// An object is changed.
    Update,
}

/// One expression of a label selector.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// The label.
    pub key: String,
    /// How it compares.
    pub operator: LabelOperator,
    /// With what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// How a label compares.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum LabelOperator {
    /// It is one of the values.
    In,
    /// It is none of the values, or absent.
    NotIn,
    /// It is there.
    Exists,
    /// It is absent.
    DoesNotExist,
}

impl Requirement {
    /// What is met by exactly what does not meet this.
    fn complement(self) -> Self {
        let operator = match self.operator {
            LabelOperator::In => LabelOperator::NotIn,
            LabelOperator::NotIn => LabelOperator::In,
            LabelOperator::Exists => LabelOperator::DoesNotExist,
            LabelOperator::DoesNotExist => LabelOperator::Exists,
        };
        Self { operator, ..self }
    }
}

/// One condition on a request.
#[derive(Clone, Debug)]
pub(super) enum Atom {
    Resources(BTreeSet<Resource>),
    Operations(BTreeSet<Operation>),
    Namespaces(Vec<Glob>),
    Names(Vec<Glob>),
    NamespaceLabel(Requirement),
    ObjectLabel(Requirement),
}

/// A combination of conditions.
#[derive(Clone, Debug)]
pub(super) enum Formula {
    Is(Atom),
    Not(Box<Formula>),
    All(Vec<Formula>),
    Any(Vec<Formula>),
}

/// More than [`MAX_SCOPES`] policies.
#[derive(Debug)]
pub(super) struct TooMany;

#[derive(Clone, Debug)]
struct Literal {
    atom: Atom,
    negated: bool,
}

type Conjunctions = Vec<Vec<Literal>>;

impl Formula {
    pub(super) fn not(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// The scopes that together are what this is met by. None, if nothing meets it.
    pub(super) fn scopes(&self, namespaced: bool) -> Result<Vec<Scope>, TooMany> {
        let scopes = self.conjunctions(false)?.into_iter().filter_map(|all| Scope::of(all, namespaced));
        Ok(merged(scopes.collect()))
    }

    /// The disjunctive normal form.
    fn conjunctions(&self, negated: bool) -> Result<Conjunctions, TooMany> {
        match (self, negated) {
            (Self::Is(atom), _) => Ok(vec![vec![Literal { atom: atom.clone(), negated }]]),
            (Self::Not(inner), _) => inner.conjunctions(!negated),
            (Self::Any(parts), false) | (Self::All(parts), true) => {
                let parts = parts.iter().map(|part| part.conjunctions(negated));
                bounded(parts.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
            }
            (Self::All(parts), false) | (Self::Any(parts), true) => {
                parts.iter().try_fold(vec![Vec::new()], |so_far, part| {
                    let choices = part.conjunctions(negated)?;
                    let product = so_far.iter().flat_map(|all| {
                        choices.iter().map(move |more| all.iter().chain(more).cloned().collect())
                    });
                    bounded(product.collect())
                })
            }
        }
    }
}

fn bounded(conjunctions: Conjunctions) -> Result<Conjunctions, TooMany> {
    if conjunctions.len() > MAX_SCOPES { Err(TooMany) } else { Ok(conjunctions) }
}

/// What one policy is about.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Scope {
    pub(super) resources: BTreeSet<Resource>,
    pub(super) operations: BTreeSet<Operation>,
    pub(super) namespaces: Vec<Requirement>,
    pub(super) objects: Vec<Requirement>,
    /// Names and CEL expressions.
    pub(super) conditions: Vec<(String, String)>,
    /// What these say of names of namespaces: which it must be, or with `true`, not be.
    pub(super) patterns: Vec<(Vec<Glob>, bool)>,
}

/// The label that the API server gives each namespace: its name.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
/// The namespace of a request. What has none has no such field, and a condition that asks for it fails.
const NAMESPACE: &str = "(has(request.namespace) ? request.namespace : '')";
/// The name, or what it will begin with.
const OBJECT_NAME: &str = "(has(object.metadata.name) ? object.metadata.name : \
                           (has(object.metadata.generateName) ? object.metadata.generateName : ''))";

impl Scope {
    fn of(literals: Vec<Literal>, namespaced: bool) -> Option<Self> {
        let mut scope = Self { operations: [Operation::Create, Operation::Update].into(), ..Self::default() };
        let mut matched: Option<BTreeSet<Resource>> = None;
        let mut without = Vec::new();
        for Literal { atom, negated } in literals {
            match atom {
                Atom::Resources(set) if negated => without.extend(set),
                Atom::Resources(set) => {
                    matched = Some(match matched {
                        Some(already) => intersection(&already, &set),
                        None => set,
                    });
                }
                Atom::Operations(set) => scope.operations.retain(|one| set.contains(one) != negated),
                Atom::Namespaces(globs) => scope.add_namespaces(globs, negated, namespaced),
                Atom::Names(globs) => {
                    scope.add_condition("name", &Glob::any_of(&globs, OBJECT_NAME), negated);
                }
                Atom::NamespaceLabel(label) => add(&mut scope.namespaces, label, negated),
                Atom::ObjectLabel(label) => add(&mut scope.objects, label, negated),
            }
        }
        scope.resources = matched.unwrap_or_default();
        scope.resources.retain(|one| !without.iter().any(|other| covers(other, one)));
        let something = !scope.resources.is_empty() && !scope.operations.is_empty();
        let met_by_none = contradict(&scope.namespaces) || contradict(&scope.objects);
        (something && !met_by_none).then_some(scope)
    }

    /// Names of namespaces stand in the selector where it can say it, and in an expression where it cannot.
    fn add_namespaces(&mut self, globs: Vec<Glob>, negated: bool, namespaced: bool) {
        let literals = || globs.iter().filter_map(Glob::literal).map(str::to_owned).collect::<Vec<_>>();
        let selector =
            |operator| Requirement { key: NAMESPACE_NAME.to_owned(), operator, values: literals() };
        if namespaced {
            self.add_patterns(globs, negated);
        } else if negated {
            // None of them: each kind of name for itself.
            let (names, patterns): (Vec<_>, Vec<_>) =
                globs.iter().cloned().partition(|glob| glob.literal().is_some());
            if !names.is_empty() {
                add(&mut self.namespaces, selector(LabelOperator::NotIn), false);
            }
            if !patterns.is_empty() {
                self.add_patterns(patterns, true);
            }
        } else if globs.iter().all(|glob| glob.literal().is_some()) {
            add(&mut self.namespaces, selector(LabelOperator::In), false);
        } else {
            self.add_patterns(globs, false);
        }
    }

    fn add_patterns(&mut self, globs: Vec<Glob>, negated: bool) {
        self.add_condition("namespace", &Glob::any_of(&globs, NAMESPACE), negated);
        let pattern = (globs, negated);
        if !self.patterns.contains(&pattern) {
            self.patterns.push(pattern);
        }
    }

    /// Whether it is not about a namespace that has no label but its name. What is said of it in a condition of others
    /// is taken to leave it out.
    pub(super) fn leaves_out(&self, namespace: &str) -> bool {
        let by_selector = self.namespaces.iter().any(|label| match label.operator {
            LabelOperator::In => {
                label.key != NAMESPACE_NAME || !label.values.iter().any(|it| it == namespace)
            }
            LabelOperator::NotIn => {
                label.key == NAMESPACE_NAME && label.values.iter().any(|it| it == namespace)
            }
            LabelOperator::Exists => label.key != NAMESPACE_NAME,
            LabelOperator::DoesNotExist => label.key == NAMESPACE_NAME,
        });
        let by_name = |(globs, negated): &(Vec<Glob>, bool)| {
            globs.iter().any(|glob| glob.matches(namespace)) == *negated
        };
        let of_others = |expression: &str| !expression.contains(NAMESPACE) && expression.contains(namespace);
        by_selector
            || self.patterns.iter().any(by_name)
            || self.conditions.iter().any(|(_, expression)| of_others(expression))
    }

    /// Takes out namespaces by their names.
    pub(super) fn leave_out(&mut self, namespaces: &[String]) {
        if !namespaces.is_empty() {
            let (key, values) = (NAMESPACE_NAME.to_owned(), namespaces.to_vec());
            add(&mut self.namespaces, Requirement { key, operator: LabelOperator::NotIn, values }, false);
        }
    }

    /// Adds a condition under a name of its own.
    pub(super) fn add_condition(&mut self, name: &str, expression: &str, negated: bool) {
        let expression = if negated { format!("!({expression})") } else { expression.to_owned() };
        if self.conditions.iter().any(|(_, known)| *known == expression) {
            return;
        }
        let taken = |wanted: &str| self.conditions.iter().any(|(name, _)| name == wanted);
        let numbered = (2_u32..).map(|number| format!("{name}-{number}"));
        let name = core::iter::once(name.to_owned()).chain(numbered).find(|name| !taken(name));
        self.conditions.extend(name.map(|name| (name, expression)));
    }
}

fn add(requirements: &mut Vec<Requirement>, label: Requirement, negated: bool) {
    let label = if negated { label.complement() } else { label };
    if !requirements.contains(&label) {
        requirements.push(label);
    }
}

/// Whether nothing has labels that meet all of these.
fn contradict(requirements: &[Requirement]) -> bool {
    use LabelOperator::{DoesNotExist, Exists, In, NotIn};
    requirements.iter().any(|one| {
        let of = |operator| {
            requirements.iter().filter(move |other| other.key == one.key && other.operator == operator)
        };
        let allowed = |value: &String| {
            of(In).all(|other| other.values.contains(value))
                && !of(NotIn).any(|other| other.values.contains(value))
        };
        match one.operator {
            In => !one.values.iter().any(allowed),
            DoesNotExist => of(In).chain(of(Exists)).next().is_some(),
            NotIn | Exists => false,
        }
    })
}

/// Whether `wide` is `narrow`, in this or in any version.
fn covers(wide: &Resource, narrow: &Resource) -> bool {
    wide.group == narrow.group
        && wide.resource == narrow.resource
        && (wide.version == "*" || wide.version == narrow.version)
}

fn intersection(left: &BTreeSet<Resource>, right: &BTreeSet<Resource>) -> BTreeSet<Resource> {
    let within = |these: &BTreeSet<Resource>, those: &BTreeSet<Resource>| {
        let covered = these.iter().filter(|one| those.iter().any(|other| covers(other, one)));
        covered.cloned().collect::<BTreeSet<_>>()
    };
    within(left, right).union(&within(right, left)).cloned().collect()
}

/// Scopes that differ in their resources only are one.
fn merged(scopes: Vec<Scope>) -> Vec<Scope> {
    let mut merged: Vec<Scope> = Vec::new();
    for scope in scopes {
        let same =
            |other: &&mut Scope| Scope { resources: scope.resources.clone(), ..(**other).clone() } == scope;
        match merged.iter_mut().find(same) {
            Some(other) => other.resources.extend(scope.resources),
            None => merged.push(scope),
        }
    }
    merged
}
