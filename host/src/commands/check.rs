//! `sigwarden check`

use super::input::{SettingsArguments, read, read_once};
use super::text::{ascii, escaped, line, name};
use super::{PolicyArguments, note, settings_notes};
use clap::{Args, ValueEnum};
use serde::Serialize;
use sigwarden_host::check::{Because, Checked, Checker, Verdict, listed};
use sigwarden_host::host::NoBackend;
use sigwarden_host::manifest::PolicySettings;
use sigwarden_host::objects::{Objects, WithObjects};
use sigwarden_host::{Grants, Host, Registry};
use std::env;
use std::error::Error;
use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Decides on images as the cluster would, each in a Pod of its own
///
/// Registries are asked with the credentials of Docker's configuration ($DOCKER_CONFIG or ~/.docker), through the proxies of
/// the environment (HTTPS_PROXY, NO_PROXY), and trusted by the system's certificate authorities, or those of SSL_CERT_FILE.
///
/// The exit code is 0 if all are accepted, 1 if some are rejected, 3 if none is rejected but some could not be decided,
/// and 2 if nothing was decided: wrong arguments, or settings that the policy refuses.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    policy: PolicyArguments,
    /// The images
    #[arg(value_name = "IMAGE", required_unless_present = "images_from")]
    images: Vec<String>,
    #[command(flatten)]
    settings: SettingsArguments,
    /// More images, separated by spaces or lines; what follows `#` is a comment; `-` for standard input
    #[arg(long, value_name = "FILE")]
    images_from: Option<PathBuf>,
    /// Secrets and ConfigMaps with keys, which are asked of the cluster there: as `kubectl get --output yaml` prints them
    #[arg(long, value_name = "FILE")]
    objects: Option<PathBuf>,
    /// The namespace of the Pods
    #[arg(long, value_name = "NAME", default_value = "default")]
    namespace: String,
    /// Use http for this registry; repeatable
    #[arg(long, value_name = "HOST[:PORT]", value_parser = super::insecure_registry)]
    insecure_registry: Vec<String>,
    /// How to print the verdicts
    #[arg(long, short, default_value = "text")]
    output: Format,
}

#[derive(Clone, Copy, Eq, PartialEq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON object
    Json,
}

/// How many of each.
#[derive(Debug, Default, Serialize)]
struct Summary {
    images: usize,
    accepted: usize,
    /// Of those accepted.
    unverified: usize,
    rejected: usize,
    undecided: usize,
}

#[derive(Serialize)]
struct Report<'r> {
    images: &'r [Checked],
    summary: &'r Summary,
}

/// Nothing was decided.
const UNUSABLE: u8 = 2;

pub(crate) fn execute(arguments: &Arguments, out: &mut impl Write) -> ExitCode {
    match run(arguments, out) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("sigwarden: {}", error.to_string().chars().map(escaped).collect::<String>());
            ExitCode::from(UNUSABLE)
        }
    }
}

fn run(arguments: &Arguments, out: &mut impl Write) -> Result<u8, Box<dyn Error>> {
    let Arguments { images_from, objects, .. } = arguments;
    let files = [Some(&arguments.settings.settings), images_from.as_ref(), objects.as_ref()];
    read_once(files.into_iter().flatten().map(PathBuf::as_path))?;
    let images = arguments.all_images()?;
    if images.is_empty() {
        return Err("there is no image to check".into());
    }
    let PolicySettings { policy: whose, settings, .. } = arguments.settings.one()?;
    if let Some(name) = whose {
        note(&format!("the settings of {name}"));
    }
    // A registry may be slower from here than from the cluster; the settings bound it all the same.
    let policy = arguments.policy.load_with(0)?;
    let answer = policy.validate_settings(&settings, &Host::new(Grants::default(), NoBackend));
    if !answer.valid {
        return Err(super::invalid(answer));
    }
    settings_notes(&policy, &settings);
    let registry = Registry::new(arguments.insecure_registry.iter().cloned())?;
    let checker = Checker::new(&policy, settings, WithObjects::new(registry, arguments.objects()?));
    let colours = may_command(io::stdout().is_terminal());
    let progress = may_command(io::stderr().is_terminal());
    let mut found = Vec::new();
    for (number, image) in (1_usize..).zip(&images) {
        if progress {
            eprint!("\r\x1b[K{number} of {}: {}\r", images.len(), name(image));
        }
        let checked = checker.check(image, &arguments.namespace)?;
        if progress {
            eprint!("\r\x1b[K");
        }
        checker.causes().iter().for_each(|cause| note(cause));
        if arguments.output == Format::Text {
            print(&checked, colours, out)?;
        }
        found.push(checked);
    }
    let summary = Summary::of(&found);
    match arguments.output {
        Format::Json => {
            let report = serde_json::to_string(&Report { images: &found, summary: &summary })?;
            writeln!(out, "{}", ascii(&report))?;
        }
        Format::Text => writeln!(out, "{}", summary.text())?,
    }
    Ok(summary.code())
}

impl Arguments {
    /// Those of the command line, and those of the list; each once.
    fn all_images(&self) -> Result<Vec<String>, String> {
        let mut images = self.images.clone();
        if let Some(path) = &self.images_from {
            images.extend(listed(&read(path)?));
        }
        let mut unique: Vec<String> = Vec::new();
        for image in images {
            if !unique.contains(&image) {
                unique.push(image);
            }
        }
        Ok(unique)
    }

    /// What stands for the cluster.
    fn objects(&self) -> Result<Objects, String> {
        let Some(path) = &self.objects else { return Ok(Objects::default()) };
        Objects::parse(&read(path)?).map_err(|error| format!("{}: {error}", path.display()))
    }
}

impl Summary {
    fn of(found: &[Checked]) -> Self {
        let count = |verdict: Verdict| found.iter().filter(|checked| checked.verdict == verdict).count();
        let unverified = |checked: &&Checked| {
            checked.verdict == Verdict::Accepted && checked.because != Some(Because::Verified)
        };
        Self {
            images: found.len(),
            accepted: count(Verdict::Accepted),
            unverified: found.iter().filter(unverified).count(),
            rejected: count(Verdict::Rejected),
            undecided: count(Verdict::Undecided),
        }
    }

    fn text(&self) -> String {
        let Self { images, accepted, unverified, rejected, undecided } = self;
        let unverified = match unverified {
            0 => String::new(),
            unverified => format!(" ({unverified} of them not verified)"),
        };
        let plural = if *images == 1 { "" } else { "s" };
        format!(
            "{images} image{plural}: {accepted} accepted{unverified}, {rejected} rejected, {undecided} not decided"
        )
    }

    fn code(&self) -> u8 {
        match (self.rejected, self.undecided) {
            (0, 0) => 0,
            (0, _) => 3,
            _ => 1,
        }
    }
}

/// Colours and other commands are for a terminal, unless it or the person wants none: <https://no-color.org>.
fn may_command(terminal: bool) -> bool {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    terminal && set("NO_COLOR").is_none() && set("TERM").is_none_or(|term| term != "dumb")
}

fn print(checked: &Checked, colours: bool, out: &mut impl Write) -> io::Result<()> {
    let (word, colour) = match checked.verdict {
        Verdict::Accepted => ("accepted", "32"),
        Verdict::Rejected => ("rejected", "31"),
        Verdict::Undecided => ("not decided", "33"),
    };
    let image = name(&checked.image);
    if colours {
        writeln!(out, "\x1b[{colour}m{word}\x1b[0m {image}")?;
    } else {
        writeln!(out, "{word} {image}")?;
    }
    let because = match checked.because {
        Some(Because::Verified) | None => None,
        Some(Because::Skipped) => Some("not verified: the rules that name it skip it"),
        Some(Because::Unmatched) => Some("not verified: no rule names it"),
        Some(Because::Excepted) => Some("not verified: excepted"),
        Some(Because::Audited) => Some("not verified: only rules that audit name it"),
    };
    let rules = checked.rules.join(", ");
    let rule = (!rules.is_empty()).then_some(rules.as_str());
    let lines = [
        ("digest", checked.digest.as_deref()),
        ("rule", rule),
        ("because", because),
        ("reason", checked.reason.as_deref()),
    ];
    for (label, text) in lines {
        if let Some(text) = text {
            line(out, "  ", label, text)?;
        }
    }
    checked.warnings.iter().try_for_each(|warning| line(out, "  ", "warning", warning))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(verdict: Verdict, because: Option<Because>) -> Checked {
        let (image, reason) = ("r.io/\u{1b}[31m\u{202e}app".to_owned(), Some("no\u{7}".to_owned()));
        Checked { image, verdict, because, digest: None, rules: Vec::new(), reason, warnings: Vec::new() }
    }

    #[test]
    fn the_code_is_that_of_the_worst_that_is_certain() {
        let code = |verdicts: &[Verdict]| {
            let found: Vec<Checked> = verdicts.iter().map(|verdict| checked(*verdict, None)).collect();
            Summary::of(&found).code()
        };
        use Verdict::{Accepted, Rejected, Undecided};
        assert_eq!(code(&[Accepted, Accepted]), 0);
        assert_eq!(code(&[Accepted, Rejected]), 1);
        assert_eq!(code(&[Undecided, Rejected]), 1);
        assert_eq!(code(&[Accepted, Undecided]), 3);
    }

    #[test]
    fn colours_are_for_terminals_and_nothing_else_commands_them() {
        let show = |colours| {
            let mut out = Vec::new();
            print(&checked(Verdict::Rejected, None), colours, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let rest = "r.io/\\u{1b}[31m\\u{202e}app\n  reason   no\\u{7}\n";
        assert_eq!(show(false), format!("rejected {rest}"));
        assert_eq!(show(true), format!("\x1b[31mrejected\x1b[0m {rest}"));
        assert!(!may_command(false));
    }
}
