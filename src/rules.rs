//! Which rules bind an image.

use crate::image::ImageReference;
use crate::requirement::{FailureAction, Rule};
use crate::settings::Settings;

/// What the settings ask of one image.
#[derive(Debug)]
pub struct Binding<'s> {
    /// What must be met.
    pub enforced: Enforced<'s>,
    /// The rules that bind it and only audit. They never decide, so they cannot let an image through that would be
    /// denied without them.
    pub audited: Vec<&'s Rule>,
}

/// What must be met by one image.
#[derive(Debug)]
pub enum Enforced<'s> {
    /// All of these rules; at least one.
    Rules(Vec<&'s Rule>),
    /// Nothing: rules name the image, and each of them skips it.
    Exempt,
    /// No rule names the image.
    Unmatched,
}

/// Finds the rules that bind an image. Every rule that names it binds, except those that skip it.
#[must_use]
pub fn bind<'s>(settings: &'s Settings, image: &ImageReference) -> Binding<'s> {
    let naming = settings.rules().iter().filter(|rule| rule.names(image));
    let (enforcing, auditing): (Vec<&Rule>, Vec<&Rule>) =
        naming.partition(|rule| rule.action == FailureAction::Enforce);
    let any = !enforcing.is_empty();
    let binding = |rules: Vec<&'s Rule>| -> Vec<&'s Rule> {
        rules.into_iter().filter(|rule| !rule.skips(image)).collect()
    };
    let enforced = binding(enforcing);
    Binding {
        enforced: match (any, enforced.is_empty()) {
            (_, false) => Enforced::Rules(enforced),
            (true, true) => Enforced::Exempt,
            (false, true) => Enforced::Unmatched,
        },
        audited: binding(auditing),
    }
}
