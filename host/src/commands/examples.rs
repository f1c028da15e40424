//! `sigwarden examples`

use super::text::{line, verdict};
use super::{Outcome, PolicyArguments};
use clap::Args;
use sigwarden_host::cases::{self, Case};
use sigwarden_host::images::images;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs every recorded example and prints its verdict; exit code 1 if one is not the expected one
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    policy: PolicyArguments,
    /// The directory with one directory for each example
    #[arg(value_name = "DIR", default_value = "e2e-tests/cases")]
    directory: PathBuf,
}

pub(crate) fn execute(arguments: &Arguments, out: &mut impl Write) -> Outcome {
    let cases = Case::load_all(&arguments.directory)?;
    if cases.is_empty() {
        return Err(format!("there is no example in {}", arguments.directory.display()).into());
    }
    let policy = arguments.policy.load()?;
    let mut failed = Vec::new();
    for case in &cases {
        let outcome = case.run(&policy);
        print(case, &outcome, out)?;
        if !outcome.passed() {
            failed.push(case.name.as_str());
        }
    }
    if failed.is_empty() {
        writeln!(out, "{} examples, all as expected", cases.len())?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "{} examples, {} not as expected: {}", cases.len(), failed.len(), failed.join(", "))?;
    Ok(ExitCode::FAILURE)
}

fn print(case: &Case, outcome: &cases::Outcome, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", case.expected.title)?;
    for image in case.request.object().map(images).unwrap_or_default() {
        line(out, "  ", "image", &image)?;
    }
    writeln!(out, "  {}", verdict(&outcome.evaluation))?;
    if !outcome.message().is_empty() {
        line(out, "  ", "reason", outcome.message())?;
    }
    for image in changed(case, outcome) {
        line(out, "  ", "pinned", image)?;
    }
    let response = &outcome.evaluation.response;
    for (key, value) in response.audit_annotations.iter().flatten() {
        line(out, "  ", "reason", &format!("{key}: {value}"))?;
    }
    for warning in response.warnings.iter().flatten() {
        line(out, "  ", "warning", warning)?;
    }
    for difference in &outcome.differences {
        writeln!(out, "  NOT AS EXPECTED  {difference}")?;
    }
    writeln!(out)
}

/// The images that the policy wrote.
fn changed<'o>(case: &Case, outcome: &'o cases::Outcome) -> Vec<&'o str> {
    let before = case.request.object().map(images).unwrap_or_default();
    outcome.images.iter().map(String::as_str).filter(|image| !before.iter().any(|old| old == image)).collect()
}
