//! The native dialect: Kyverno's `verifyImages` list, and what is ours around it.

use super::attestations;
use super::attestors::{self, Context};
use super::error::{Problem, SettingsError};
use super::exemptions::{exceptions, revoked};
use super::extractors::extractors;
use super::fields::{MUTATION, RULE, SETTINGS, SIGNED_IDENTITY};
use super::reader::{Mapping, Node};
use super::trust::Trust;
use super::{Mutation, Settings, UnmatchedImages};
use crate::image::{BindingPattern, PatternError, Repository, SkipPattern, may_mean_a_registry};
use crate::limits::{EVALUATION_BUDGET, MAX_LIST_ITEMS, MAX_PATTERNS, MAX_REFERENCE_CHARS, MAX_RULES};
use crate::requirement::{FailureAction, NonEmpty, Rule, RuleName, SignatureFormat, SignedIdentity};
use crate::text::Shown;

/// Parses settings in the native dialect.
pub(super) fn parse(root: Node<'_>) -> Result<Settings, SettingsError> {
    let settings = root.mapping(&SETTINGS)?;
    let list = settings.required("verifyImages")?;
    let trust = Trust::built_in().or_own(&settings)?;
    let rules = list.clone().list(MAX_RULES)?.into_iter();
    let rules = rules.map(|node| rule(node, &trust)).collect::<Result<Vec<_>, _>>()?;
    check_names_differ(&rules)?;
    let unmatched_images = match settings.get("unmatchedImages") {
        Some(node) => node.choice(&[
            ("allow", UnmatchedImages::Allow),
            ("warn", UnmatchedImages::Warn),
            ("deny", UnmatchedImages::Deny),
        ])?,
        None => UnmatchedImages::Allow,
    };
    Ok(Settings {
        rules: NonEmpty::new(rules).ok_or_else(|| list.error(Problem::Empty))?,
        unmatched_images,
        extractors: extractors(&settings)?,
        evaluation_budget: match settings.get("evaluationBudget") {
            Some(node) => node.duration()?,
            None => EVALUATION_BUDGET,
        },
        skip_unchanged: settings.boolean_or("skipUnchanged", false)?,
        mutation: mutation(&settings)?,
        revoked: revoked(&settings)?,
        exceptions: exceptions(&settings)?,
        warnings: Vec::new(),
        trust_roots: Vec::new(),
    })
}

fn rule(node: Node<'_>, trust: &Trust) -> Result<Rule, SettingsError> {
    let place = node.path().to_owned();
    let rule = node.mapping(&RULE)?;
    let format = match rule.get("type") {
        Some(node) => node.choice(&[
            ("Cosign", SignatureFormat::Cosign),
            ("SigstoreBundle", SignatureFormat::SigstoreBundle),
        ])?,
        None => SignatureFormat::Any,
    };
    let references = rule.required("imageReferences")?;
    let images = patterns(&references, BindingPattern::parse)?;
    let skips = match rule.get("skipImageReferences") {
        Some(node) => patterns(&node, SkipPattern::parse)?,
        None => Vec::new(),
    };
    let context = Context {
        rule: &place,
        repository: rule.get("repository").map(|node| attestors::repository(&node)).transpose()?,
        trust: trust.or_own(&rule)?,
    };
    let attestations = match rule.get("attestations") {
        Some(list) => attestations::parse(list, &context)?,
        None => Vec::new(),
    };
    // What must be signed, or attested: one of the two at least.
    let attestors = match rule.get("attestors") {
        None if !attestations.is_empty() => Vec::new(),
        _ => attestors::parse(rule.required("attestors")?, &context)?,
    };
    let mutate_digest = rule.boolean_or("mutateDigest", true)?;
    let child_signatures = match rule.get("childSignatures") {
        Some(node) => node.choice(&[("all", true)])?,
        None => false,
    };
    Ok(Rule {
        name: name(&rule, &place)?,
        skips,
        attestors,
        attestations,
        format,
        action: action(&rule, mutate_digest)?,
        mutate_digest,
        verify_digest: rule.boolean_or("verifyDigest", true)?,
        child_signatures,
        signed_identities: signed_identities(&rule, &images)?,
        images: NonEmpty::new(images).ok_or_else(|| references.error(Problem::Empty))?,
    })
}

fn name(rule: &Mapping<'_>, place: &str) -> Result<RuleName, SettingsError> {
    let Some(node) = rule.get("name") else { return Ok(RuleName::Place(place.to_owned())) };
    let name = node.text()?;
    let fits = !name.is_empty()
        && name.len() <= 63
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !fits {
        return Err(node.error(Problem::RuleName(name.to_owned())));
    }
    Ok(RuleName::Given(name.to_owned()))
}

/// Messages tell rules apart by their names.
fn check_names_differ(rules: &[Rule]) -> Result<(), SettingsError> {
    for (index, rule) in rules.iter().enumerate() {
        if let Some(first) = rules.iter().take(index).position(|earlier| earlier.name == rule.name) {
            let problem = Problem::DuplicateName { first: format!("verifyImages[{first}].name") };
            return Err(SettingsError::at(format!("verifyImages[{index}].name"), problem));
        }
    }
    Ok(())
}

fn action(rule: &Mapping<'_>, mutate_digest: bool) -> Result<FailureAction, SettingsError> {
    let Some(node) = rule.get("failureAction") else { return Ok(FailureAction::Enforce) };
    let action = node.choice(&[("Enforce", FailureAction::Enforce), ("Audit", FailureAction::Audit)])?;
    if action == FailureAction::Audit && mutate_digest {
        return Err(node.error(Problem::AuditMutates));
    }
    Ok(action)
}

fn signed_identities(
    rule: &Mapping<'_>,
    images: &[BindingPattern],
) -> Result<Vec<SignedIdentity>, SettingsError> {
    let Some(list) = rule.get("signedIdentities") else { return Ok(Vec::new()) };
    list.list(MAX_LIST_ITEMS)?.into_iter().map(|node| signed_identity(node, images)).collect()
}

fn signed_identity(node: Node<'_>, images: &[BindingPattern]) -> Result<SignedIdentity, SettingsError> {
    let identity = node.mapping(&SIGNED_IDENTITY)?;
    let signed_as_node = identity.required("signedAs")?;
    let signed_as = signed_as_node.text()?;
    let wrong = |node: &Node<'_>, found: &str, why| {
        Err(node.error(Problem::Identity { found: found.to_owned(), why }))
    };
    let Some(from_node) = identity.get("from") else {
        if signed_as.is_empty() || signed_as.len() > MAX_REFERENCE_CHARS {
            return wrong(&signed_as_node, signed_as, "a docker-reference is a short text");
        }
        if images.iter().any(BindingPattern::has_wildcard) {
            return wrong(
                &signed_as_node,
                signed_as,
                "without `from` it would count for every image the rule's wildcards meet; write `from`, or \
                 repositories without wildcards in `imageReferences`",
            );
        }
        return Ok(SignedIdentity::Verbatim(signed_as.to_owned()));
    };
    let from = from_node.text()?;
    match (from.strip_suffix('/'), signed_as.strip_suffix('/')) {
        (Some(from_stem), Some(signed_stem)) => {
            // With two components more it must be a repository, on either side; with one, Docker Hub would
            // put `library/` before it.
            for (node, stem, text) in
                [(&from_node, from_stem, from), (&signed_as_node, signed_stem, signed_as)]
            {
                match Repository::parse(&format!("{stem}/x/y")) {
                    Ok(canonical) if canonical.to_string() == format!("{stem}/x/y") => {}
                    _ => {
                        return wrong(
                            node,
                            text,
                            "write the registry and path in their canonical form, ending in `/`",
                        );
                    }
                }
            }
            Ok(SignedIdentity::Prefix { from: from.to_owned(), signed_as: signed_as.to_owned() })
        }
        (None, None) => Ok(SignedIdentity::Repository {
            from: attestors::repository(&from_node)?,
            signed_as: attestors::repository(&signed_as_node)?,
        }),
        (Some(_), None) | (None, Some(_)) => {
            wrong(&from_node, from, "`from` and `signedAs` both end in `/`, or neither does")
        }
    }
}

fn mutation(settings: &Mapping<'_>) -> Result<Mutation, SettingsError> {
    let Some(node) = settings.get("mutation") else { return Ok(Mutation::default()) };
    let mutation = node.mapping(&MUTATION)?;
    let pull_always = match mutation.get("imagePullPolicy") {
        Some(node) => node.choice(&[("Always", true)])?,
        None => false,
    };
    Ok(Mutation { pods_only: mutation.boolean_or("podsOnly", false)?, pull_always })
}

fn patterns<P>(list: &Node<'_>, parse: fn(&str) -> Result<P, PatternError>) -> Result<Vec<P>, SettingsError> {
    let one = |node: Node<'_>| pattern(&node, parse);
    list.list_or_empty(MAX_PATTERNS)?.into_iter().map(one).collect()
}

/// One pattern.
pub(super) fn pattern<P>(
    node: &Node<'_>,
    parse: fn(&str) -> Result<P, PatternError>,
) -> Result<P, SettingsError> {
    let pattern = node.text()?;
    let parsed = parse(pattern)
        .map_err(|error| node.error(Problem::Pattern { pattern: pattern.to_owned(), error }))?;
    if let Some(meant) = may_mean_a_registry(pattern) {
        node.remark(&format!(
            "this is an image of Docker Hub with that tag; for the images of a registry at that port, write `{}`",
            Shown(&meant)
        ));
    }
    Ok(parsed)
}
