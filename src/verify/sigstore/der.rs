//! A look over DER before anybody parses it.
//!
//! The `der` crate sorts the values of a SET by insertion, which takes a time that grows with the square of their
//! number. Names, signed attributes and lists of certificates are such sets, and strangers write them.

use crate::limits::{MAX_DER_DEPTH, MAX_SET_VALUES};

const OCTET_STRING: u8 = 0x04;
const SET: u8 = 0x31;
const CONSTRUCTED: u8 = 0x20;
const CONTEXT: u8 = 0xa0;

/// Whether a set in it has more values than the limit, or it is nested deeper than the limit. What stands in an OCTET
/// STRING is looked at too; what is no DER is left to the parser, which stops at it.
pub(super) fn is_costly(der: &[u8]) -> bool {
    costly(der, MAX_DER_DEPTH)
}

fn costly(der: &[u8], depth: usize) -> bool {
    let Some(below) = depth.checked_sub(1) else { return !der.is_empty() };
    values(der).any(|(tag, content)| {
        let is_set = tag == SET || tag & 0xe0 == CONTEXT;
        let has_parts = tag & CONSTRUCTED != 0 || tag == OCTET_STRING;
        (is_set && values(content).nth(MAX_SET_VALUES).is_some()) || (has_parts && costly(content, below))
    })
}

/// Tags and contents, as far as they can be read.
fn values(mut der: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    core::iter::from_fn(move || {
        let (tag, rest) = der.split_first()?;
        let (first, rest) = rest.split_first()?;
        // The length itself, or how many bytes of it follow.
        let (length, rest) = match usize::from(first & 0x7f) {
            length if first & 0x80 == 0 => (length, rest),
            bytes @ 1..=3 => {
                let (length, rest) = rest.split_at_checked(bytes)?;
                (length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        der = rest;
        Some((*tag, content))
    })
}
