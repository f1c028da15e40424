//! Output for people: a label and a text on each line.

use sigwarden_host::Evaluation;
use std::io::{self, Write};

/// The one word that matters.
pub(crate) fn verdict(evaluation: &Evaluation) -> &'static str {
    if evaluation.response.allowed { "accepted" } else { "rejected" }
}

/// Writes a label of up to eight letters and a text. The further lines of the text are indented, and control
/// characters are written as escapes: names and messages come from the request and from registries, and must not
/// command the terminal.
pub(crate) fn line(out: &mut impl Write, indent: &str, label: &str, text: &str) -> io::Result<()> {
    let mut label = label;
    for line in text.split('\n') {
        let line: String = line.chars().map(escaped).collect();
        writeln!(out, "{}", format_args!("{indent}{label:<8} {line}").to_string().trim_end())?;
        label = "";
    }
    Ok(())
}

/// A character, or its escape.
pub(crate) fn escaped(character: char) -> String {
    if character.is_control() { character.escape_default().to_string() } else { character.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_can_have_lines_but_no_escapes() {
        let mut out = Vec::new();
        line(&mut out, "  ", "reason", "one\n\ntwo \u{1b}[31mred\u{9b}m ü").unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "  reason   one\n\n           two \\u{1b}[31mred\\u{9b}m ü\n"
        );
    }
}
