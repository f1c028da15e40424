//! What a page shows and what was printed, alike but for digests: keys and images are made anew each time.

use std::collections::HashMap;

/// Which digest of the page stands for which real one, on all of the page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Digests(HashMap<String, String>);

impl Digests {
    /// Whether that was printed. A line `…` stands for any number of lines.
    pub(crate) fn alike(&mut self, shown: &[String], printed: &[&str]) -> bool {
        match (shown, printed) {
            ([], []) => true,
            ([first, rest @ ..], _) if first == "…" => (0..=printed.len()).any(|skipped| {
                let mut tried = self.clone();
                let alike = tried.alike(rest, printed.get(skipped..).unwrap_or_default());
                if alike {
                    *self = tried;
                }
                alike
            }),
            ([first, rest @ ..], [line, others @ ..]) => self.line(first, line) && self.alike(rest, others),
            _ => false,
        }
    }

    fn line(&mut self, shown: &str, printed: &str) -> bool {
        let (shown, printed) = (Pieces::of(shown), Pieces::of(printed));
        shown.text == printed.text
            && shown.digests.len() == printed.digests.len()
            && shown.digests.iter().zip(&printed.digests).all(|(shown, printed)| self.same(shown, printed))
    }

    /// A digest is known by its first twelve digits, which is what messages show.
    fn same(&mut self, shown: &str, printed: &str) -> bool {
        let [shown, printed] =
            [shown, printed].map(|digest| digest.chars().take(SHORTEST).collect::<String>());
        let other = self.0.iter().any(|(one, stands_for)| *one != shown && *stands_for == printed);
        !other && *self.0.entry(shown).or_insert_with(|| printed.clone()) == printed
    }
}

/// A line without the digits of its digests and fingerprints.
struct Pieces {
    text: String,
    digests: Vec<String>,
}

/// As many digits as messages show of a digest; a word of fewer is none.
const SHORTEST: usize = 12;

impl Pieces {
    fn of(line: &str) -> Self {
        let (mut text, mut digests) = (String::new(), Vec::new());
        for word in line.split_inclusive(|character: char| !character.is_ascii_hexdigit()) {
            let digits = word.trim_end_matches(|character: char| !character.is_ascii_hexdigit());
            if digits.len() < SHORTEST {
                text.push_str(word);
            } else {
                // A short one is not a long one.
                text.push_str(&format!(
                    "<{}>{}",
                    digits.len(),
                    word.strip_prefix(digits).unwrap_or_default()
                ));
                digests.push(digits.to_owned());
            }
        }
        Self { text, digests }
    }
}
