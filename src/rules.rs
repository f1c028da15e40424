//! Which rules bind an image.

use crate::image::ImageReference;
use crate::requirement::Rule;
use crate::settings::Settings;

/// What the settings ask of one image.
#[derive(Debug)]
pub enum Binding<'s> {
    /// All of these rules must be met; at least one.
    Required(Vec<&'s Rule>),
    /// Rules name the image, and each of them skips it.
    Exempt,
    /// No rule names the image.
    Unmatched,
}

/// Finds the rules that bind an image. Every rule that names it binds, except those that skip it.
#[must_use]
pub fn bind<'s>(settings: &'s Settings, image: &ImageReference) -> Binding<'s> {
    let naming: Vec<&Rule> = settings.rules().iter().filter(|rule| rule.names(image)).collect();
    let any = !naming.is_empty();
    let binding: Vec<&Rule> = naming.into_iter().filter(|rule| !rule.skips(image)).collect();
    match (any, binding.is_empty()) {
        (_, false) => Binding::Required(binding),
        (true, true) => Binding::Exempt,
        (false, true) => Binding::Unmatched,
    }
}
