//! `sigwarden validate-settings`

use super::{Outcome, PolicyArguments, finish, invalid};
use clap::Args;
use sigwarden_host::host::NoBackend;
use sigwarden_host::{Grants, Host, Settings};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Asks the policy whether settings are valid; exit code 1 if not
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    policy: PolicyArguments,
    /// The settings, YAML or JSON
    #[arg(long, short, value_name = "FILE")]
    settings: PathBuf,
}

pub(crate) fn execute(arguments: &Arguments, out: &mut impl Write) -> Outcome {
    let settings = Settings::load(&arguments.settings)?;
    let policy = arguments.policy.load()?;
    let host = Host::new(Grants::default(), NoBackend);
    let answer = policy.validate_settings(&settings, &host);
    finish(&host)?;
    if !answer.valid {
        return Err(invalid(answer));
    }
    writeln!(out, "valid")?;
    // A policy may say something about valid settings too.
    if let Some(message) = answer.message {
        writeln!(out, "{message}")?;
    }
    Ok(ExitCode::SUCCESS)
}
