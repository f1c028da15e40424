//! Does what docs/tutorial.md tells its reader to do, and holds what is printed to what the page shows.
//!
//! ```text
//! tutorial PAGE DIRECTORY TRUSTED-ROOT
//! ```
//!
//! hack/tutorial-tests.sh calls it, with a registry on loopback and the tools of the page on the PATH. Commands are run
//! in DIRECTORY by bash, in their order; those of kubectl become AdmissionReviews (see `cluster`). The key that the page
//! shows becomes the one in DIRECTORY/cosign.pub.

mod cluster;
mod digests;
mod page;

use std::env::args;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use cluster::Cluster;
use digests::Digests;
use page::Part;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = args().skip(1).collect();
    let [page, directory, trust_root] = arguments.as_slice() else {
        return Err("usage: tutorial PAGE DIRECTORY TRUSTED-ROOT".into());
    };
    let directory = Path::new(directory);
    let trust_root = serde_json::from_str(&fs::read_to_string(trust_root)?)?;
    let mut cluster = Cluster::new(directory, trust_root);
    let mut digests = Digests::default();
    let (mut passed, mut failed) = (0_u32, 0_u32);
    for part in page::parts(&fs::read_to_string(page)?)? {
        match part {
            Part::Heading(heading) => println!("== {heading}"),
            Part::File { name, text } => fs::write(directory.join(&name), with_own_key(directory, &text)?)?,
            Part::Command { command, printed: shown } => {
                let (succeeded, printed) = match command.strip_prefix("kubectl ") {
                    Some(command) => match cluster.kubectl(command) {
                        Ok(printed) => (true, printed),
                        Err(error) => (false, error),
                    },
                    None => run(directory, &command)?,
                };
                // A page that shows nothing says no more than that it works.
                let lines: Vec<&str> = printed.lines().collect();
                let good = if shown.is_empty() { succeeded } else { digests.alike(&shown, &lines) };
                if good {
                    passed = passed.saturating_add(1);
                    println!("ok      {}", command.lines().next().unwrap_or_default());
                } else {
                    failed = failed.saturating_add(1);
                    println!(
                        "FAILED  {command}\n  shown:\n    {}\n  printed:\n    {}",
                        shown.join("\n    "),
                        lines.join("\n    ")
                    );
                }
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a command; what it prints is what a terminal would show.
fn run(directory: &Path, command: &str) -> Result<(bool, String), Box<dyn Error>> {
    let script = format!("exec 2>&1\n{command}");
    let output = Command::new("bash").args(["-uc", &script]).current_dir(directory).output()?;
    Ok((output.status.success(), String::from_utf8(output.stdout)?))
}

/// Readers put their own key in place of the one shown, whose private half nobody has.
fn with_own_key(directory: &Path, text: &str) -> Result<String, Box<dyn Error>> {
    const SHOWN: [&str; 2] = [
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAECjV3uCoBRE3FczJ+XgMMXeqUwp1+",
        "VK188tnHQODt8Aajoo2FjEjFRaxmSl3oSSPoZiD/k10jMP1c8WCxl9cKUQ==",
    ];
    if !text.contains("BEGIN PUBLIC KEY") {
        return Ok(text.to_owned());
    }
    let own = fs::read_to_string(directory.join("cosign.pub"))?;
    let own: Vec<&str> = own.lines().filter(|line| !line.starts_with("-----")).collect();
    let [first, second] = SHOWN;
    let [own_first, own_second] = own.as_slice() else { return Err("cosign.pub is no P-256 key".into()) };
    if !text.contains(first) || !text.contains(second) {
        return Err("the page shows another key than the rest of the documentation".into());
    }
    Ok(text.replace(first, own_first).replace(second, own_second))
}
