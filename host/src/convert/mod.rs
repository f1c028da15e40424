//! `sigwarden convert`: from policies of Kyverno, and from policies that use verify-image-signatures, to the pairs of
//! policies that this one is deployed as.
//!
//! ```text
//! YAML ── read ──> Document ── kyverno | ivpol | kubewarden ──> Source, Groups ── emit ──> Manifests
//!                                   match, exclude ── scope ──>  scope, action
//! ```
//!
//! What is written may ask for more than what was read, and a note says where. It never asks for less: what cannot be
//! carried over is refused, by the field that says it, and then nothing is written at all. There is one exception, and a
//! note says where: a kind that names no group is that of the groups that are known.

mod cel;
mod emit;
mod glob;
mod ivpol;
mod kinds;
mod kubewarden;
mod kyverno;
mod read;
mod refusal;
mod rules;
mod scope;
mod selector;
mod yaml;

pub use emit::Manifest;
pub use kinds::CustomKind;
pub use refusal::{Note, Problem, Refusal};
pub use scope::{LabelOperator, Operation, Requirement};

use emit::{Action, Group, Item, Source, manifests};
use read::{Document, documents};
use refusal::{At, Notes};
use std::collections::BTreeSet;
use thiserror::Error;

/// What the person says.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the policy is.
    pub module: String,
    /// The PolicyServer, if it is not the one of the policy that is read, or the default.
    pub policy_server: Option<String>,
    /// Namespaces to leave out of every cluster-wide policy.
    pub exclude_namespaces: Vec<String>,
    /// Kinds whose plural is not known here.
    pub resources: Vec<CustomKind>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Conversion {
    /// The policies, pair by pair.
    pub manifests: Vec<Manifest>,
    /// What was left out, and what became stricter.
    pub notes: Vec<Note>,
}

/// Why nothing is written.
#[derive(Debug, Error)]
pub enum ConvertError {
    /// No YAML, or no Kubernetes objects.
    #[error("{0}")]
    Unreadable(String),
    /// Nothing in it verifies images.
    #[error("there is no policy that verifies images in the input")]
    Nothing(Vec<Note>),
    /// Documents that cannot be converted: the first reason of each.
    #[error("{} cannot be converted", if .refusals.len() == 1 { "a policy" } else { "policies" })]
    Refused {
        /// The reasons.
        refusals: Vec<Refusal>,
        /// What else there is to say.
        notes: Vec<Note>,
    },
}

/// A document on its way.
#[derive(Debug)]
struct Converted {
    source: Source,
    groups: Vec<Group>,
}

/// Asks the policy whether settings are valid. The error is its message.
pub type Validate<'v> = dyn FnMut(&serde_norway::Value) -> Result<(), String> + 'v;

/// Converts all policies of a text of YAML documents.
///
/// # Errors
///
/// Fails for what is no YAML, and if any policy in it cannot be converted.
pub fn convert(
    text: &str,
    options: &Options,
    validate: &mut Validate<'_>,
) -> Result<Conversion, ConvertError> {
    let mut conversion = Conversion::default();
    let mut refusals = Vec::new();
    let mut names = BTreeSet::new();
    for document in documents(text).map_err(ConvertError::Unreadable)? {
        let mut notes = Notes::default();
        match one(&document, options, &mut notes, validate) {
            Ok(manifests) => conversion.manifests.extend(manifests),
            Err(at) => refusals.push(at.of(&document.label)),
        }
        conversion.notes.extend(notes.of(&document.label));
    }
    if !refusals.is_empty() {
        return Err(ConvertError::Refused { refusals, notes: conversion.notes });
    }
    if conversion.manifests.is_empty() {
        return Err(ConvertError::Nothing(conversion.notes));
    }
    for manifest in &mut conversion.manifests {
        while !names.insert(manifest.identity()) {
            manifest.rename("-again");
        }
    }
    Ok(conversion)
}

const OTHER_VERSION: &str = "this version of the API is not known";
const EXCEPTION: &str = "an exception is a policy of its own; write its digest with an end and a reason under \
                         `exceptions` in the settings, or a skip";
const GROUP: &str = "a group decides by an expression over policies; write its rules as one policy";

fn one(
    document: &Document,
    options: &Options,
    notes: &mut Notes,
    validate: &mut Validate<'_>,
) -> Result<Vec<Manifest>, At> {
    let (group, version) = document.api_version.split_once('/').unwrap_or(("", &document.api_version));
    let converted = match (group, document.kind.as_str()) {
        ("kyverno.io", "ClusterPolicy" | "Policy") if ["v1", "v2beta1"].contains(&version) => {
            kyverno::convert(document, options, notes)?
        }
        ("policies.kyverno.io", "ImageValidatingPolicy" | "NamespacedImageValidatingPolicy")
            if ["v1", "v1beta1", "v1alpha1"].contains(&version) =>
        {
            Some(ivpol::convert(document, notes)?)
        }
        ("policies.kubewarden.io", "ClusterAdmissionPolicy" | "AdmissionPolicy") if version == "v1" => {
            kubewarden::convert(document, notes)?
        }
        (
            "kyverno.io" | "policies.kyverno.io" | "policies.kubewarden.io",
            "ClusterPolicy"
            | "Policy"
            | "ImageValidatingPolicy"
            | "NamespacedImageValidatingPolicy"
            | "ClusterAdmissionPolicy"
            | "AdmissionPolicy",
        ) => return Err(At::value("apiVersion", &document.api_version, OTHER_VERSION)),
        ("kyverno.io" | "policies.kyverno.io", "PolicyException") => {
            return Err(At::value("kind", &document.kind, EXCEPTION));
        }
        ("policies.kubewarden.io", "ClusterAdmissionPolicyGroup" | "AdmissionPolicyGroup") => {
            return Err(At::value("kind", &document.kind, GROUP));
        }
        _ => {
            notes.add("kind", "left out: this is no policy that verifies images");
            None
        }
    };
    let Some(Converted { source, groups }) = converted else { return Ok(Vec::new()) };
    if group.ends_with("kyverno.io") && source.namespace.is_none() {
        note_kube_system(&groups, options, notes);
    }
    note_carriers(&groups, notes);
    let manifests = manifests(&source, &groups, options)?;
    for manifest in &manifests {
        validate(manifest.settings()).map_err(|message| {
            let at = settings_error(manifest, &message);
            if group == "policies.kubewarden.io" { kubewarden::in_its_words(&document.value, at) } else { at }
        })?;
    }
    Ok(manifests)
}

/// Kyverno leaves it out by its own configuration, and who relies on that would be locked out: where a rule names the
/// images of a whole registry, those of the cluster are likely among them.
fn note_kube_system(groups: &[Group], options: &Options, notes: &mut Notes) {
    const NAME: &str = "kube-system";
    const NOTE: &str = "`kube-system` is not left out, as it is by Kyverno's own configuration; if that is not meant, write \
                        --exclude-namespace kube-system";
    let enforced = |group: &&Group| {
        group.action == Action::Enforce
            && !group.scope.leaves_out(NAME)
            && group.items.iter().any(Item::names_a_registry)
    };
    if let Some(group) = groups.iter().find(enforced)
        && !options.exclude_namespaces.iter().any(|name| name == NAME)
    {
        notes.add(&group.path, NOTE);
    }
}

/// Kyverno fetches bundles itself, and a policy cannot: without carriers every such image is denied.
fn note_carriers(groups: &[Group], notes: &mut Notes) {
    const NOTE: &str = "read from carriers alone; publish those first, as docs/carriers.md says, or these images are rejected";
    for item in groups.iter().flat_map(|group| &group.items) {
        let has = |field: &str| item.fields.contains_key(field);
        let is_bundle = item.fields.get("type").is_some_and(|value| value == "SigstoreBundle");
        for (wanted, what) in [(has("attestations"), "attestations are"), (is_bundle, "bundles are")] {
            if wanted {
                notes.add(&item.path, format!("its {what} {NOTE}"));
            }
        }
    }
}

/// The policy speaks of its settings; the person knows the document.
fn settings_error(manifest: &Manifest, message: &str) -> At {
    let (path, problem) = message.split_once(": ").unwrap_or(("", message));
    let item = path.strip_prefix("verifyImages[").and_then(|rest| {
        let (index, rest) = rest.split_once(']')?;
        let path = manifest.paths.get(index.parse::<usize>().ok()?)?;
        Some(format!("{path}{rest}"))
    });
    At::new(item.unwrap_or_else(|| format!("settings.{path}")), Problem::Settings(problem.to_owned()))
}
