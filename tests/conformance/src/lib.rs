//! The `bundle-verify` cases of sigstore-conformance, judged by Sigwarden's verification.
//!
//! Each case is a directory; its name ends in `_fail` if the bundle must be refused. Its README.md says what files
//! there may be, and whose signature is wanted where they do not say it.

mod case;
#[cfg(target_arch = "wasm32")]
pub mod guest;
#[cfg(not(target_arch = "wasm32"))]
mod suite;

pub use case::Case;
#[cfg(not(target_arch = "wasm32"))]
pub use suite::{cases, compare};
