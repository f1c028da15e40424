//! `sigwarden annotate`

use super::Outcome;
use clap::Args;
use sigwarden_host::annotate::annotate;
use sigwarden_host::metadata::Metadata;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Writes metadata into a policy module, as `kwctl annotate` does
#[derive(Args)]
pub(crate) struct Arguments {
    /// The policy module
    #[arg(value_name = "FILE")]
    policy: PathBuf,
    /// The metadata, YAML
    #[arg(long, short, value_name = "FILE")]
    metadata: PathBuf,
    /// A page for people, Markdown
    #[arg(long, short, value_name = "FILE")]
    usage: Option<PathBuf>,
    /// Where to write the module
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

pub(crate) fn execute(arguments: &Arguments, out: &mut impl Write) -> Outcome {
    let module = fs::read(&arguments.policy).map_err(|error| named(&arguments.policy, error))?;
    let metadata = Metadata::from_yaml(&text(&arguments.metadata)?)
        .map_err(|error| named(&arguments.metadata, error))?;
    let usage = arguments.usage.as_deref().map(text).transpose()?;
    let annotated =
        annotate(&module, &metadata, usage.as_deref()).map_err(|error| named(&arguments.policy, error))?;
    fs::write(&arguments.output, annotated).map_err(|error| named(&arguments.output, error))?;
    writeln!(out, "{}", arguments.output.display())?;
    Ok(ExitCode::SUCCESS)
}

fn text(path: &Path) -> Result<String, Box<dyn Error>> {
    fs::read_to_string(path).map_err(|error| named(path, error))
}

fn named(path: &Path, error: impl Error) -> Box<dyn Error> {
    format!("{}: {error}", path.display()).into()
}
