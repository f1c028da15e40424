//! What commands read: files, standard input, and the settings in them.

use clap::Args;
use sigwarden_host::manifest::{self, PolicySettings};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The settings of a policy.
#[derive(Args)]
pub(crate) struct SettingsArguments {
    /// The settings, YAML or JSON, or a manifest of policies that have them under `spec.settings`; `-` for standard input.
    /// Of a policy only its settings are looked at, not what it binds
    #[arg(long, short, value_name = "FILE")]
    pub(crate) settings: PathBuf,
    /// The policy of the manifest whose settings are meant
    #[arg(long, value_name = "NAME")]
    policy_name: Option<String>,
}

impl SettingsArguments {
    /// The settings of all policies.
    pub(crate) fn all(&self) -> Result<Vec<PolicySettings>, String> {
        manifest::all(&read(&self.settings)?, self.policy_name.as_deref()).map_err(|error| self.named(&error))
    }

    /// The settings of one policy, or of the first of a pair.
    pub(crate) fn one(&self) -> Result<PolicySettings, String> {
        manifest::one(&read(&self.settings)?, self.policy_name.as_deref()).map_err(|error| self.named(&error))
    }

    fn named(&self, error: &manifest::ManifestError) -> String {
        format!("{}: {error}", self.settings.display())
    }
}

/// A file, or standard input.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let read =
        if is_standard_input(path) { io::read_to_string(io::stdin()) } else { fs::read_to_string(path) };
    read.map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Standard input is read once: whoever is second would find nothing, and take it for an empty file.
pub(crate) fn read_once<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Result<(), String> {
    match paths.into_iter().filter(|path| is_standard_input(path)).count() {
        0 | 1 => Ok(()),
        _ => {
            Err("`-` stands for standard input, which can be read once; give the other as a file".to_owned())
        }
    }
}

fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}
