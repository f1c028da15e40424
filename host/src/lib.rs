//! The small native host.
