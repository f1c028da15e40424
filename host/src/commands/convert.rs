//! `sigwarden convert`

use super::input::read;
use super::text::escaped;
use super::{Outcome, PolicyArguments, note};
use clap::Args;
use sigwarden_host::convert::{ConvertError, CustomKind, Manifest, Note, Options, convert};
use sigwarden_host::host::NoBackend;
use sigwarden_host::{Grants, Host, Policy, Settings};
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Converts policies of Kyverno or verify-image-signatures into policies for this module
///
/// Writes YAML to standard output, and what is worth knowing about it to standard error. If anything in the input
/// cannot be carried over, nothing is written; the exit code is 1.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    policy: PolicyArguments,
    /// ClusterPolicy, Policy, ImageValidatingPolicy, NamespacedImageValidatingPolicy, ClusterAdmissionPolicy,
    /// AdmissionPolicy: YAML or JSON, any number of them in a file; `-` for standard input
    #[arg(value_name = "FILE", default_value = "-")]
    files: Vec<PathBuf>,
    /// Where the policy-server gets the module from: what `make push` printed, behind `registry://`
    #[arg(long, value_name = "URI", default_value = MODULE, value_parser = module_uri)]
    module: String,
    /// The PolicyServer to run on
    #[arg(long, value_name = "NAME")]
    policy_server: Option<String>,
    /// Leave this namespace out of every cluster-wide policy; repeatable
    #[arg(long, value_name = "NAME")]
    exclude_namespace: Vec<String>,
    /// The plural of a custom kind; repeatable
    #[arg(long, value_name = "GROUP/VERSION/KIND=PLURAL")]
    resource: Vec<CustomKind>,
}

const MODULE: &str = concat!("registry://ghcr.io/sigwarden/sigwarden:v", env!("CARGO_PKG_VERSION"));

/// What a policy-server can load a module from.
const SCHEMES: [&str; 4] = ["registry://", "https://", "http://", "file://"];

/// Whatever else stands there is taken for something, by one version of Kubewarden or another.
fn module_uri(text: &str) -> Result<String, String> {
    if SCHEMES.iter().any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty())) {
        return Ok(text.to_owned());
    }
    Err(format!("allowed: a URI that begins with {}", SCHEMES.join(", ")))
}

pub(crate) fn execute(arguments: &Arguments, out: &mut impl Write) -> Outcome {
    let texts = arguments.files.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let options = Options {
        module: arguments.module.clone(),
        policy_server: arguments.policy_server.clone(),
        exclude_namespaces: arguments.exclude_namespace.clone(),
        resources: arguments.resource.clone(),
    };
    let policy = arguments.policy.load()?;
    let mut validate = |settings: &serde_norway::Value| {
        let settings = serde_norway::to_string(settings).map_err(|error| error.to_string())?;
        let settings = Settings::from_yaml(&settings).map_err(|error| error.to_string())?;
        let answer = policy.validate_settings(&settings, &Host::new(Grants::default(), NoBackend));
        if answer.valid { Ok(()) } else { Err(answer.message.unwrap_or_default()) }
    };
    match convert(&texts.join("\n---\n"), &options, &mut validate) {
        Ok(conversion) => {
            notes(&conversion.notes);
            notes_on_settings(&policy, &conversion.manifests)?;
            let documents = conversion.manifests.iter().map(Manifest::to_yaml);
            let documents = documents.collect::<Result<Vec<_>, _>>()?;
            write!(out, "{}", documents.join("---\n"))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(ConvertError::Refused { refusals, notes: said }) => {
            notes(&said);
            refusals.iter().for_each(|refusal| say("refused", refusal));
            eprintln!("sigwarden: nothing is written, because not everything can be carried over");
            Ok(ExitCode::FAILURE)
        }
        Err(ConvertError::Nothing(said)) => {
            notes(&said);
            Err(ConvertError::Nothing(said).into())
        }
        Err(error @ ConvertError::Unreadable(_)) => Err(error.into()),
    }
}

/// What the policy notes of the settings that are written; of a pair once.
fn notes_on_settings(policy: &Policy, manifests: &[Manifest]) -> Result<(), Box<dyn Error>> {
    let mut said = BTreeSet::new();
    for manifest in manifests {
        let settings = Settings::from_yaml(&serde_norway::to_string(manifest.settings())?)?;
        let name = manifest.name();
        let pair = name.strip_suffix("-verify").unwrap_or(name);
        for text in policy.settings_notes(&settings) {
            if said.insert((pair.to_owned(), text.clone())) {
                note(&format!("{name}: settings.{text}"));
            }
        }
    }
    Ok(())
}

fn notes(notes: &[Note]) {
    notes.iter().for_each(|note| say("note", note));
}

fn say(label: &str, text: &impl Display) {
    eprintln!("sigwarden: {label}: {}", text.to_string().chars().map(escaped).collect::<String>());
}
