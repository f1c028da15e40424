//! YAML that is read alike by all. What is written follows YAML 1.2, and kubectl reads 1.1: for it `yes` is no text.

use serde::Serialize;
use serde_norway::{Error, Mapping, Value};

/// A value as YAML, with every text in quotes that an older reader would take for something else.
pub(super) fn yaml(value: &impl Serialize) -> Result<String, Error> {
    let mut value = serde_norway::to_value(value)?;
    let unquoted = serde_norway::to_string(&value)?;
    let mut quotes = Quotes { mark: "QUOTED".to_owned(), texts: Vec::new() };
    while unquoted.contains(&quotes.mark) {
        quotes.mark.push('X');
    }
    quotes.take_out(&mut value);
    let marked = serde_norway::to_string(&value)?;
    let parts = marked.split(&quotes.mark).enumerate();
    Ok(parts
        .map(|(index, part)| if index % 2 == 0 { part.to_owned() } else { quotes.put_in(part) })
        .collect())
}

/// The texts that need quotes. Each stands in the value as its number between two marks until all else is written.
struct Quotes {
    mark: String,
    texts: Vec<String>,
}

impl Quotes {
    fn take_out(&mut self, value: &mut Value) {
        match value {
            Value::String(text) if is_read_otherwise(text) => {
                let number = self.texts.len();
                let mark = &self.mark;
                self.texts.push(core::mem::replace(text, format!("{mark}{number}{mark}")));
            }
            Value::Sequence(items) => items.iter_mut().for_each(|item| self.take_out(item)),
            Value::Mapping(fields) => {
                let taken = core::mem::take(fields).into_iter().map(|(mut key, mut value)| {
                    self.take_out(&mut key);
                    self.take_out(&mut value);
                    (key, value)
                });
                *fields = taken.collect::<Mapping>();
            }
            Value::Tagged(tagged) => self.take_out(&mut tagged.value),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// A text has neither quotes nor control characters, or it would not have been taken out.
    fn put_in(&self, number: &str) -> String {
        let text = number.parse().ok().and_then(|number: usize| self.texts.get(number));
        format!("'{}'", text.map_or(number, String::as_str))
    }
}

/// Whether a reader of YAML 1.1 could take a text without quotes for anything but a text: a truth, nothing, a merge, a
/// number of any base and also one of minutes and seconds, or a time. A few more are in it; quotes harm nothing.
fn is_read_otherwise(text: &str) -> bool {
    const WORDS: [&str; 12] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", "=", "<<"];
    let lower = text.to_ascii_lowercase();
    let unsigned = lower.strip_prefix(['+', '-']).unwrap_or(&lower);
    let begins = |letter: char| letter.is_ascii_digit() || "+-.".contains(letter);
    let within = |letter: char| letter.is_ascii_hexdigit() || "xo_.:+-tz ".contains(letter);
    WORDS.contains(&lower.as_str())
        || [".inf", ".nan"].contains(&unsigned)
        || (lower.starts_with(begins) && lower.chars().all(within))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip]
    #[test]
    fn what_yaml_1_1_takes_for_something_else_is_known() {
        for text in [
            // As go-yaml 2 and the types of YAML 1.1 have them: bool, null, merge, value,
            "y", "Y", "yes", "Yes", "YES", "n", "N", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF",
            "true", "True", "TRUE", "false", "False", "FALSE", "~", "null", "Null", "NULL", "<<", "=",
            // int,
            "0", "12", "-12", "+12", "012", "0o7", "0b11", "-0b11", "0x1F", "0XfF", "1_000", "1:30", "-190:20:30", "0777",
            // float,
            "1.", ".5", "-.5", "1.5", "1e3", "1E-3", "12e05", "6.8523015e+5", "685_230.15", "190:20:30.15", ".inf",
            "+.Inf", "-.INF", ".nan", ".NaN", ".NAN", "+.inf",
            // timestamp.
            "2001-01-01", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43.10 -5", "2001-12-15T02:59:43.1Z",
        ] {
            assert!(is_read_otherwise(text), "{text}");
        }
        for text in [
            "", "yes!", "nope", "yess", "v1", "8500ms", "10Mi", "1.2.3-rc", "2001-01-01!", "inf", "nan", "dead", "x1", "e3",
            "_1", ":1", "app", "https://1", "0.1/2", "*", "ja",
        ] {
            assert!(!is_read_otherwise(text), "{text}");
        }
    }

    #[test]
    fn it_is_in_quotes_as_keys_values_and_items() {
        let fields = [("on", "off"), ("off", "1:30"), ("app", "QUOTED0QUOTED"), ("date", "2001-01-01")];
        let fields: Mapping = fields.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        let list = ["no", "it's no", "12", ""].map(Value::from).to_vec();
        let value =
            Value::Sequence(vec![Value::Mapping(fields), Value::Sequence(list), true.into(), 12.into()]);
        let written = yaml(&value).unwrap();
        assert_eq!(
            written,
            "- 'on': 'off'\n  'off': '1:30'\n  app: QUOTED0QUOTED\n  date: '2001-01-01'\n- - 'no'\n  - it's no\n  - '12'\n  - ''\n- true\n- 12\n"
        );
        assert_eq!(serde_norway::from_str::<Value>(&written).unwrap(), value);
    }
}
