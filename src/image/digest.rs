//! Digests of manifests.

use core::fmt::{self, Debug, Display, Formatter};

use thiserror::Error;

/// The SHA-256 digest of an image manifest or index, as the OCI image-spec ("Digests") writes it:
/// `sha256:` and 64 lower-case hexadecimal digits, nothing else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageDigest([u8; 32]);

/// Why a text is no digest we can bind a signature to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DigestError {
    /// An algorithm other than SHA-256, which no signature format in use names.
    #[error("its digest is not SHA-256; pin the image by its sha256 digest")]
    Algorithm,
    /// Not 64 lower-case hexadecimal digits.
    #[error("its digest is not `sha256:` and 64 lower-case hexadecimal digits")]
    Malformed,
}

const PREFIX: &str = "sha256:";
const HEX: &[u8; 16] = b"0123456789abcdef";

impl ImageDigest {
    /// Parses the strict form.
    ///
    /// # Errors
    /// [`DigestError`] for anything else, upper-case digits included: registries would take them for
    /// another image.
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        let hex = text.strip_prefix(PREFIX).ok_or_else(|| match text.split_once(':') {
            Some((algorithm, _)) if algorithm != "sha256" => DigestError::Algorithm,
            _ => DigestError::Malformed,
        })?;
        let mut bytes = [0; 32];
        if hex.len() != 64 {
            return Err(DigestError::Malformed);
        }
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let [high, low] = *pair else { return Err(DigestError::Malformed) };
            *byte = (nibble(high)? << 4) | nibble(low)?;
        }
        Ok(Self(bytes))
    }

    /// The digest's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 hexadecimal digits alone, as cosign's tags use them.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// `sha256:` and the first 12 digits: enough for a person to recognise it.
    #[must_use]
    pub fn short(&self) -> String {
        let mut short: String = self.to_string().chars().take(PREFIX.len().saturating_add(12)).collect();
        short.push('…');
        short
    }
}

/// Lower-case hexadecimal digits of some bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|nibble| HEX.get(usize::from(nibble)))
        .map(|digit| char::from(*digit))
        .collect()
}

fn nibble(digit: u8) -> Result<u8, DigestError> {
    match digit {
        b'0'..=b'9' => Ok(digit.wrapping_sub(b'0')),
        b'a'..=b'f' => Ok(digit.wrapping_sub(b'a').wrapping_add(10)),
        _ => Err(DigestError::Malformed),
    }
}

impl Display for ImageDigest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.hex())
    }
}

impl Debug for ImageDigest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "the texts are ASCII and the tests' own")]
mod tests {
    use super::*;

    const GOOD: &str = "sha256:7f609afbb8779a721320ccaabed326c14cebef1bf4f25c45af8e5596346c7ac5";

    #[test]
    fn the_strict_form_round_trips() {
        let digest = ImageDigest::parse(GOOD).unwrap();
        assert_eq!(digest.to_string(), GOOD);
        assert_eq!(digest.short(), "sha256:7f609afbb877…");
        assert_eq!(digest.as_bytes()[..2], [0x7f, 0x60]);
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "",
            "sha256",
            "sha256:",
            &GOOD[..70],
            &format!("{GOOD}0"),
            &GOOD.replace("af", "AF"),
            &GOOD.replace('f', "g"),
            &GOOD[7..],
        ] {
            assert_eq!(ImageDigest::parse(bad), Err(DigestError::Malformed), "{bad}");
        }
        assert_eq!(ImageDigest::parse(&GOOD.replace("256", "512")), Err(DigestError::Algorithm));
        assert_eq!(ImageDigest::parse(&GOOD.replace("sha", "SHA")), Err(DigestError::Algorithm));
    }
}
