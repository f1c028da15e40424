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

/// A character, or the escape of one that is not seen or turns others around. Nothing is escaped for being quoted.
pub(crate) fn escaped(character: char) -> String {
    if ['"', '\'', '\\'].contains(&character) {
        return character.to_string();
    }
    character.escape_debug().to_string()
}

/// A name, with everything escaped that is not printable ASCII: an image's needs nothing else, and may look like another's.
pub(crate) fn name(name: &str) -> String {
    let shown = |character: char| match character {
        ' '..='~' => character.to_string(),
        _ => character.escape_default().to_string(),
    };
    name.chars().map(shown).collect()
}

/// JSON in ASCII: what is not stands in a text, where an escape means the same.
pub(crate) fn ascii(json: &str) -> String {
    let mut ascii = String::new();
    for character in json.chars() {
        match character {
            ' '..='~' => ascii.push(character),
            _ => character
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| ascii.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    ascii
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

    #[test]
    fn what_is_not_seen_is_escaped() {
        let shown = |text: &str| text.chars().map(escaped).collect::<String>();
        assert_eq!(
            shown("\u{202e}\u{2028}\u{feff} \"it's\\\" … ü"),
            "\\u{202e}\\u{2028}\\u{feff} \"it's\\\" … ü"
        );
    }

    #[test]
    fn a_name_is_ascii() {
        assert_eq!(name("r.io/a\u{430}pp:1\u{202e}\u{1b}[31m"), "r.io/a\\u{430}pp:1\\u{202e}\\u{1b}[31m");
        assert_eq!(name("r.io/app:1"), "r.io/app:1");
    }

    #[test]
    fn json_in_ascii_says_the_same() {
        let text = "a\u{9b}\u{202e}\u{7f}…😀\"\\\u{1b}";
        let json = serde_json::to_string(text).unwrap();
        assert_eq!(ascii(&json), r#""a\u009b\u202e\u007f\u2026\ud83d\ude00\"\\\u001b""#);
        assert_eq!(serde_json::from_str::<String>(&ascii(&json)).unwrap(), text);
    }
}
