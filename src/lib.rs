//! Sigwarden.
