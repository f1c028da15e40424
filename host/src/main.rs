//! `sigwarden`: runs the policy outside a cluster.

mod commands;

use clap::{Parser, Subcommand};
use std::io;
use std::process::ExitCode;

/// Runs the Sigwarden policy outside a cluster, as kwctl does
#[derive(Parser)]
#[command(name = "sigwarden", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(commands::run::Arguments),
    ValidateSettings(commands::validate_settings::Arguments),
    Check(commands::check::Arguments),
    Convert(commands::convert::Arguments),
    Annotate(commands::annotate::Arguments),
    Examples(commands::examples::Arguments),
}

fn main() -> ExitCode {
    // Not locked: a policy that prints shares this process's standard output.
    let mut out = io::stdout();
    let outcome = match Arguments::parse().command {
        Command::Run(arguments) => commands::run::execute(&arguments, &mut out),
        Command::ValidateSettings(arguments) => {
            Ok(commands::validate_settings::execute(&arguments, &mut out))
        }
        Command::Check(arguments) => Ok(commands::check::execute(&arguments, &mut out)),
        Command::Convert(arguments) => commands::convert::execute(&arguments, &mut out),
        Command::Annotate(arguments) => commands::annotate::execute(&arguments, &mut out),
        Command::Examples(arguments) => commands::examples::execute(&arguments, &mut out),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sigwarden: {error}");
            ExitCode::FAILURE
        }
    }
}
