//! Walks JSON leaf by leaf and changes each.
