//! `sigwarden run`

use super::input::{read, read_once};
use super::text::{line, verdict};
use super::{Outcome, PolicyArguments, finish, invalid};
use clap::{Args, ValueEnum};
use sigwarden_host::host::Backend;
use sigwarden_host::images::images;
use sigwarden_host::session::Session;
use sigwarden_host::{
    AdmissionResponse, Evaluation, Grants, Host, Recorder, Registry, Replay, Request, Settings,
};
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Evaluates one request
///
/// The exit code is 0 whatever the verdict; it is 1 for settings that the policy refuses, and for a policy that
/// does not make the recorded host calls.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    policy: PolicyArguments,
    /// The AdmissionRequest or AdmissionReview, JSON; `-` for standard input
    #[arg(long, short, value_name = "FILE")]
    request: PathBuf,
    /// The settings, YAML or JSON; `-` for standard input
    #[arg(long, short, value_name = "FILE")]
    settings: PathBuf,
    /// Answer host calls from this recording instead of from registries
    #[arg(long, value_name = "FILE", conflicts_with = "record")]
    replay: Option<PathBuf>,
    /// Write the host calls and their answers to this file
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Use http for this registry; repeatable
    #[arg(long, value_name = "HOST[:PORT]", value_parser = super::insecure_registry)]
    insecure_registry: Vec<String>,
    /// Grant this host capability; repeatable
    #[arg(long, value_name = "PATTERN", default_value = "*")]
    allowed_host_capabilities: Vec<String>,
    /// Run as a validating policy: a mutation is a rejection
    #[arg(long)]
    no_mutation: bool,
    /// How to print the outcome
    #[arg(long, short, default_value = "text")]
    output: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// The AdmissionResponse, as kwctl prints it
    Json,
}

pub(crate) fn execute(arguments: &Arguments, out: &mut impl Write) -> Outcome {
    let grants = Grants::new(&arguments.allowed_host_capabilities)?;
    read_once([arguments.request.as_path(), arguments.settings.as_path()])?;
    let request = Request::load(&arguments.request)?;
    let settings = Settings::from_yaml(&read(&arguments.settings)?)?;
    let policy = arguments.policy.load()?;
    let host = Host::new(grants, arguments.backend()?);
    let answer = policy.validate_settings(&settings, &host);
    if !answer.valid {
        return Err(invalid(answer));
    }
    let mut evaluation = policy.evaluate(&request, &settings, &host);
    if arguments.no_mutation {
        evaluation = evaluation.without_mutation(&arguments.policy.name(), &request);
    }
    match arguments.output {
        Format::Json => writeln!(out, "{}", serde_json::to_string(&evaluation.response)?)?,
        Format::Text => print(&evaluation, &request, out)?,
    }
    finish(&host)?;
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    fn backend(&self) -> Result<Box<dyn Backend>, Box<dyn Error>> {
        if let Some(path) = &self.replay {
            return Ok(Box::new(Replay::new(Session::load(path)?)));
        }
        let registry = Registry::new(self.insecure_registry.iter().cloned())?;
        Ok(match &self.record {
            Some(path) => Box::new(Recorder::new(registry).to_file(path.clone())),
            None => Box::new(registry),
        })
    }
}

fn print(evaluation: &Evaluation, request: &Request, out: &mut impl Write) -> io::Result<()> {
    let AdmissionResponse { status, warnings, audit_annotations, .. } = &evaluation.response;
    for image in request.object().map(images).unwrap_or_default() {
        line(out, "", "image", &image)?;
    }
    writeln!(out, "{}", verdict(evaluation))?;
    if let Some(code) = status.as_ref().and_then(|status| status.code) {
        line(out, "", "code", &code.to_string())?;
    }
    if let Some(message) = status.as_ref().and_then(|status| status.message.as_deref()) {
        line(out, "", "reason", message)?;
    }
    for operation in evaluation.patch.iter().flat_map(|patch| &patch.0) {
        line(out, "", "patch", &operation.to_string())?;
    }
    for warning in warnings.iter().flatten() {
        line(out, "", "warning", warning)?;
    }
    for (key, value) in audit_annotations.iter().flatten() {
        line(out, "", "audit", &format!("{key}: {value}"))?;
    }
    Ok(())
}
