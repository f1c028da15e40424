//! Images: references in canonical form, digests, and the patterns that rules are bound by.

mod digest;
mod pattern;
mod reference;
mod resolved;

pub(crate) use digest::hex;
pub use digest::{DigestError, ImageDigest};
pub use pattern::{BindingPattern, PatternError, SkipPattern};
pub use reference::{ImageReference, ReferenceError, Repository};
pub use resolved::ResolvedImage;
