//! What the tests share: keys and signatures made to order, a Sigstore that signs whatever it is asked to, a registry
//! that is a map, admission requests.
//!
//! Everything is deterministic: keys and digests follow from a label, signatures from RFC 6979.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be made ends the test")]
#![expect(clippy::panic, reason = "a fixture that cannot be made ends the test")]
#![expect(clippy::arithmetic_side_effects, reason = "a fixture that cannot be made ends the test")]
#![expect(clippy::string_slice, reason = "a fixture that cannot be made ends the test")]
#![expect(clippy::indexing_slicing, reason = "a fixture that cannot be made ends the test")]

pub mod fake_registry;
pub mod forge;
pub mod idioms;
pub mod objects;
pub mod people;
mod primes;
pub mod proofs;
pub mod reading;
pub mod run;
pub mod schema;
pub mod sigstore;
pub mod tamper;
pub mod typed;

pub use fake_registry::FakeRegistry;
pub use forge::Key;
pub use run::{Answer, decide, failures};
pub use typed::{How, TypedKey};
