//! The built-in keyring: keys compiled into the module, trusted only where a rule names them.

// `KEYS: &[(&str, &str)]`, name and PEM text, made by build.rs from `keys/*.pub`.
include!(concat!(env!("OUT_DIR"), "/keyring.rs"));

/// What a reference to the keyring starts with.
pub(super) const PREFIX: &str = "builtin:";

/// The PEM text of a key.
pub(super) fn get(name: &str) -> Option<&'static str> {
    KEYS.iter().find(|(known, _)| *known == name).map(|(_, pem)| *pem)
}

/// The names there are.
pub(super) fn names() -> Vec<&'static str> {
    KEYS.iter().map(|(name, _)| *name).collect()
}

/// A name as messages may show it: what can be no name may be a private key.
pub(super) fn as_shown(name: &str) -> &str {
    let is_name = name.len() < 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if is_name { name } else { "..." }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::PublicKey;

    #[test]
    fn every_key_compiled_in_is_one_key() {
        for (name, pem) in KEYS {
            assert_eq!(PublicKey::parse_all(pem).map(|keys| keys.len()), Ok(1), "{name}");
        }
    }
}
