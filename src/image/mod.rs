//! Images: references in canonical form, digests, and the patterns that rules are bound by.

mod digest;
mod pattern;
mod reference;
mod resolved;

pub(crate) use digest::hex;
pub use digest::{DigestError, ImageDigest};
pub use pattern::{BindingPattern, PatternError, SkipPattern, may_mean_a_registry};
pub use reference::{ImageReference, ReferenceError, Repository};
pub use resolved::ResolvedImage;
