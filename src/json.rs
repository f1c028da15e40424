//! How much there is in JSON that others wrote, told without parsing it.

/// The objects and lists in a text, counted by their beginnings; those in strings count too.
///
/// They are what costs: once parsed an object of two bytes takes some hundred, and no comma is needed to put one into
/// another.
#[must_use]
pub fn containers(json: &[u8]) -> usize {
    json.iter().filter(|byte| matches!(byte, b'{' | b'[')).count()
}

/// The commas in a text, so about the values that are no objects or lists; those in strings count too.
#[must_use]
pub fn commas(json: &[u8]) -> usize {
    json.iter().filter(|byte| **byte == b',').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_text_is_counted() {
        assert_eq!((containers(b""), commas(b"")), (0, 0));
        assert_eq!((containers(b"[1,2,3]"), commas(b"[1,2,3]")), (1, 2));
        let nested = br#"{"":{"":[{"":0}]}}"#;
        assert_eq!((containers(nested), commas(nested)), (4, 0));
    }
}
