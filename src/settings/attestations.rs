//! `attestations`, their conditions and `slsa`.

use super::attestors::{self, Context};
use super::error::{Problem, SettingsError};
use super::fields::{ATTESTATION, CONDITION, CONDITIONS, SLSA};
use super::reader::{Mapping, Node};
use crate::condition::{Block, Condition, ConditionField, Conditions, Operator, Slsa, SlsaError, SlsaField};
use crate::limits::{MAX_CONDITIONS, MAX_IDENTITY_CHARS};
use crate::requirement::{DeclaredAttestation, NonEmpty};

/// Parses the `attestations` of a rule, at least one.
pub(super) fn parse(
    list: Node<'_>,
    context: &Context<'_>,
) -> Result<Vec<DeclaredAttestation>, SettingsError> {
    list.list(MAX_CONDITIONS)?.into_iter().map(|node| attestation(node, context)).collect()
}

fn attestation(node: Node<'_>, context: &Context<'_>) -> Result<DeclaredAttestation, SettingsError> {
    let place = attestors::relative(node.path(), context.rule);
    let attestation = node.mapping(&ATTESTATION)?;
    let (_, kind) = attestation.exactly_one(&["type", "predicateType"])?;
    let predicate_type = kind.some_text(MAX_IDENTITY_CHARS)?.to_owned();
    kind.constant()?;
    let conditions = match attestation.get("conditions") {
        Some(list) => Some(conditions(list)?),
        None => None,
    };
    let slsa = match attestation.get("slsa") {
        Some(node) => Some(slsa(node, &predicate_type)?),
        None => None,
    };
    // Whoever can push could attest anything: without attestors nothing would be checked.
    let list = attestation.required("attestors")?;
    let empty = list.error(Problem::Empty);
    let attestors = NonEmpty::new(attestors::parse(list, context)?).ok_or(empty)?;
    Ok(DeclaredAttestation { place, predicate_type, attestors, conditions, slsa })
}

fn conditions(list: Node<'_>) -> Result<Conditions, SettingsError> {
    let empty = list.error(Problem::Empty);
    let blocks = list.list(MAX_CONDITIONS)?.into_iter().enumerate().map(block);
    Conditions::new(blocks.collect::<Result<_, _>>()?).ok_or(empty)
}

fn block((index, node): (usize, Node<'_>)) -> Result<Block, SettingsError> {
    let empty = node.error(Problem::Empty);
    let block = node.mapping(&CONDITIONS)?;
    block.at_least_one(["any", "all"])?;
    let list = |name| match block.get(name) {
        Some(list) => {
            let all = list.list(MAX_CONDITIONS)?.into_iter().map(condition);
            all.collect::<Result<Vec<_>, _>>().map(Some)
        }
        None => Ok(None),
    };
    Block::new(format!("conditions[{index}]"), list("any")?, list("all")?).ok_or(empty)
}

fn condition(node: Node<'_>) -> Result<Condition, SettingsError> {
    let condition = node.mapping(&CONDITION)?;
    let key = condition.required("key")?;
    let operator = condition.required("operator")?;
    let value = condition.required("value")?;
    let text = key.some_text(MAX_IDENTITY_CHARS)?;
    let named = operator.choice(&Operator::ALL.map(|named| (named.0, named)))?;
    let constant = value.constant()?;
    Condition::parse(text, named, constant).map_err(|error| {
        let wrong = match error.field() {
            ConditionField::Key => key,
            ConditionField::Operator => operator,
            ConditionField::Value => value,
        };
        wrong.error(error.into())
    })
}

fn slsa(node: Node<'_>, predicate_type: &str) -> Result<Slsa, SettingsError> {
    let here = node.clone();
    let slsa = node.mapping(&SLSA)?;
    let mut wanted = Vec::new();
    for field in SlsaField::ALL {
        if let Some(node) = slsa.get(field.name()) {
            node.constant()?;
            wanted.push((field, node.some_text(MAX_IDENTITY_CHARS)?.to_owned()));
        }
    }
    Slsa::new(predicate_type, wanted).map_err(|error| at(&slsa, &here, error))
}

fn at(slsa: &Mapping<'_>, here: &Node<'_>, error: SlsaError) -> SettingsError {
    let node = match &error {
        SlsaError::Anybody { field, .. } => slsa.get(field.name()),
        SlsaError::NotProvenance | SlsaError::Nothing => None,
    };
    node.as_ref().unwrap_or(here).error(error.into())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fields::OPERATORS;
    use super::super::reader::Notes;
    use super::super::trust::Trust;
    use super::*;
    use crate::condition::{Moment, Unmet};
    use crate::time::Time;

    #[test]
    fn operators_are_those_of_the_table() {
        assert_eq!(Operator::ALL.map(|(name, _)| name), OPERATORS);
    }

    /// The attestations parsed.
    fn parsed(attestations: &Value) -> Vec<DeclaredAttestation> {
        let notes = Notes::default();
        let context = Context { rule: "settings", repository: None, trust: Trust::built_in() };
        parse(Node::root(attestations, &notes), &context).unwrap()
    }

    #[test]
    fn attestations_are_parsed_into_what_checks_a_predicate() {
        let attestors = json!([{"entries": [{"keys": {
            "publicKeys": "k8s://platform/cosign", "rekor": {"ignoreTlog": true}
        }}]}]);
        let attestations = parsed(&json!([
            {
                "type": "https://slsa.dev/provenance/v1", "attestors": attestors,
                "slsa": {"builderId": "https://ci.example.com/*"},
                "conditions": [{"all": [{"key": "/n", "operator": "LessThan", "value": 2}]}],
            },
            {"predicateType": "https://example.com/any", "attestors": attestors},
        ]));
        let [both, any] = attestations.iter().collect::<Vec<_>>()[..] else { panic!("{attestations:?}") };
        assert_eq!((both.place.as_str(), any.place.as_str()), ("[0]", "[1]"));
        assert_eq!(both.predicate_type, "https://slsa.dev/provenance/v1");
        assert_eq!(any.predicate_type, "https://example.com/any");
        assert_eq!(both.attestors.len(), 1);
        let check = |attestation: &DeclaredAttestation, id: &str, n: u64| {
            let predicate = json!({"runDetails": {"builder": {"id": id}}, "n": n});
            attestation.check_predicate(&predicate, Moment { now: Time::from_unix(0), signed: None })
        };
        let builder = "https://ci.example.com/hardened";
        assert_eq!(check(both, builder, 1), Ok(()));
        assert!(matches!(
            check(both, "https://evil.example/", 1),
            Err(Unmet::Slsa { field: "builderId", .. })
        ));
        assert!(
            matches!(check(both, builder, 2), Err(Unmet::Condition(unmet)) if unmet.place == "conditions[0].all[0]")
        );
        assert_eq!(check(any, "https://evil.example/", 2), Ok(()));
    }
}
