//! A page that shows files, commands and what they print.

/// What a page shows, in its order.
#[derive(Debug)]
pub(crate) enum Part {
    /// A heading.
    Heading(String),
    /// A file that commands read.
    File { name: String, text: String },
    /// A command, and the lines it prints; none if the page does not say.
    Command { command: String, printed: Vec<String> },
}

/// Reads a page: a block below `<!-- file: NAME -->` is a file; in blocks of `console`, lines after `$ ` are commands, up
/// to the line that does not end in a backslash, and what follows is printed.
///
/// # Errors
///
/// Fails for what it would not run: a block that is neither a file nor `console`, and a console without command.
pub(crate) fn parts(page: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut file = None;
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(heading) = line.strip_prefix("## ") {
            parts.push(Part::Heading(heading.to_owned()));
        } else if let Some(name) = line.strip_prefix("<!-- file: ").and_then(|rest| rest.strip_suffix(" -->"))
        {
            file = Some(name.to_owned());
        } else if let Some(language) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            match (file.take(), language) {
                (Some(name), _) => {
                    parts.push(Part::File {
                        name,
                        text: block.iter().map(|line| format!("{line}\n")).collect(),
                    });
                }
                (None, "console") => console(&block, &mut parts)?,
                (None, other) => {
                    return Err(format!("a block of {other:?} is neither run nor read: {block:?}"));
                }
            }
        }
    }
    Ok(parts)
}

fn console(block: &[&str], parts: &mut Vec<Part>) -> Result<(), String> {
    let mut continued = false;
    for line in block {
        match parts.last_mut() {
            Some(Part::Command { command, .. }) if continued => {
                command.push('\n');
                command.push_str(line);
                continued = line.ends_with('\\');
            }
            last => {
                if let Some(command) = line.strip_prefix("$ ") {
                    continued = command.ends_with('\\');
                    parts.push(Part::Command { command: command.to_owned(), printed: Vec::new() });
                } else if let Some(Part::Command { printed, .. }) = last {
                    printed.push((*line).to_owned());
                } else {
                    return Err(format!("no command before {line:?}"));
                }
            }
        }
    }
    Ok(())
}
