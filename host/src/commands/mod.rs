//! One file for each subcommand.

pub(crate) mod annotate;
pub(crate) mod check;
pub(crate) mod convert;
pub(crate) mod examples;
mod input;
pub(crate) mod run;
mod text;
pub(crate) mod validate_settings;

use clap::Args;
use sigwarden_host::module::{DEFAULT_TIMEOUT, ModuleError};
use sigwarden_host::response::SettingsAnswer;
use sigwarden_host::{Host, Policy, Settings};
use std::error::Error;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// How a command ends: with its exit code, or with an error for standard error and exit code 1.
pub(crate) type Outcome = Result<ExitCode, Box<dyn Error>>;

/// What every command needs.
#[derive(Args)]
pub(crate) struct PolicyArguments {
    /// The policy module
    #[arg(long, value_name = "FILE", default_value = "policy.wasm")]
    policy: PathBuf,
    /// How long one call into the policy may take; 0 is for ever. 2, as in the policy-server; `check` leaves it to the
    /// settings' `evaluationBudget`. A question to a registry counts, but only the registry client ends it: after 5 s
    /// without connection, 15 s without answer, 60 s without the end of one
    #[arg(long, value_name = "SECONDS")]
    timeout_seconds: Option<u64>,
}

impl PolicyArguments {
    fn load(&self) -> Result<Policy, String> {
        self.load_with(DEFAULT_TIMEOUT.as_secs())
    }

    /// The policy, with as many seconds for a call where nothing else is said.
    fn load_with(&self, seconds: u64) -> Result<Policy, String> {
        let seconds = self.timeout_seconds.unwrap_or(seconds);
        Policy::load(&self.policy, (seconds > 0).then(|| Duration::from_secs(seconds))).map_err(|error| {
            let missing =
                matches!(&error, ModuleError::Read { source, .. } if source.kind() == ErrorKind::NotFound);
            let advice = if missing {
                "; build it with `make policy.wasm`, or name it with `--policy FILE`"
            } else {
                ""
            };
            format!("{error}{advice}")
        })
    }

    /// How the policy is called in messages, as kwctl does it.
    fn name(&self) -> String {
        self.policy.display().to_string()
    }
}

/// A registry to speak http with: it is compared with the names in images, which have no scheme and no path.
fn insecure_registry(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains('/') {
        return Err(
            "allowed: HOST or HOST:PORT, as it stands in the names of images, without `http://` or path"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// Settings that the policy refuses, in kwctl's words.
fn invalid(answer: SettingsAnswer) -> Box<dyn Error> {
    format!("Provided settings are not valid: {}", answer.message.unwrap_or_default()).into()
}

/// What is worth knowing beside the answer.
fn note(text: &str) {
    eprintln!("sigwarden: note: {}", text.chars().map(text::escaped).collect::<String>());
}

/// What the policy says of settings that it takes: on standard error, because it is no refusal.
fn settings_notes(policy: &Policy, settings: &Settings) {
    policy.settings_notes(settings).iter().for_each(|text| note(text));
}

/// Ends a run; the policy's log is worth seeing whatever came out.
fn finish(host: &Host) -> Result<(), Box<dyn Error>> {
    for event in host.logs() {
        eprintln!("sigwarden: policy log: {event}");
    }
    Ok(host.finish()?)
}
