//! `sigwarden validate-settings`

use super::input::SettingsArguments;
use super::text::escaped;
use super::{PolicyArguments, finish, invalid, note, settings_notes};
use clap::Args;
use sigwarden_host::host::NoBackend;
use sigwarden_host::{Grants, Host};
use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

/// Asks the policy whether settings are valid: those of every policy, in a manifest
///
/// The exit code is 0 if they are, 1 if the policy refuses any, and 2 if it could not be asked: wrong arguments, a file that
/// cannot be read.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    policy: PolicyArguments,
    #[command(flatten)]
    settings: SettingsArguments,
}

/// The policy was not asked.
const UNUSABLE: u8 = 2;

pub(crate) fn execute(arguments: &Arguments, out: &mut impl Write) -> ExitCode {
    run(arguments, out).unwrap_or_else(|error| {
        eprintln!("sigwarden: {}", error.to_string().chars().map(escaped).collect::<String>());
        ExitCode::from(UNUSABLE)
    })
}

fn run(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode, Box<dyn Error>> {
    let policies = arguments.settings.all()?;
    let module = arguments.policy.load()?;
    let mut messages = Vec::new();
    let mut refused = false;
    for policy in policies {
        if let Some(name) = &policy.policy {
            note(&format!("the settings of {name}"));
        }
        let host = Host::new(Grants::default(), NoBackend);
        let answer = module.validate_settings(&policy.settings, &host);
        finish(&host)?;
        if answer.valid {
            settings_notes(&module, &policy.settings);
            // A policy may say something about valid settings too.
            messages.extend(answer.message);
        } else {
            refused = true;
            eprintln!("sigwarden: {}", invalid(answer));
        }
    }
    if refused {
        return Ok(ExitCode::FAILURE);
    }
    writeln!(out, "valid")?;
    messages.iter().try_for_each(|message| writeln!(out, "{message}"))?;
    Ok(ExitCode::SUCCESS)
}
