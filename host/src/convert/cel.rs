//! Expressions of a policy that can stand in `matchConditions` as they are.

/// What to do about what cannot.
pub(super) const UNKNOWN: &str =
    "a webhook's condition knows `request`, `object`, `oldObject` and `authorizer` only";

/// What Kyverno's expressions know and a webhook's do not.
const KYVERNO: [&str; 9] = [
    "namespaceObject",
    "variables.",
    "images.",
    "resource.",
    "http.",
    "globalContext.",
    "image(",
    "user.",
    "params",
];

/// Whether the API server can evaluate an expression; else, what it does not know.
pub(super) fn known(expression: &str) -> Result<(), &'static str> {
    let begins = |name: &&str| {
        expression.match_indices(*name).any(|(at, _)| {
            let before = expression.get(..at).and_then(|before| before.chars().next_back());
            !before.is_some_and(|letter| letter.is_alphanumeric() || "._".contains(letter))
        })
    };
    KYVERNO.into_iter().find(begins).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_kyverno_knows_is_found() {
        known("request.userInfo.username != 'system:admin' && object.spec.resource.x == 1").unwrap();
        assert_eq!(known("namespaceObject.metadata.name == 'a'"), Err("namespaceObject"));
        assert_eq!(known("!(variables.x)"), Err("variables."));
        assert_eq!(known("resource.Get('v1', 'configmaps', 'a', 'b').data.x == 'y'"), Err("resource."));
    }
}
