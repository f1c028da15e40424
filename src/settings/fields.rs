//! Every field of the settings, and what becomes of it: the one place that knows them.

/// The fields that one kind of mapping has.
#[derive(Debug)]
pub(super) struct Table {
    /// What the mapping is, for messages: "a rule".
    pub(super) what: &'static str,
    /// Its fields.
    pub(super) fields: &'static [Field],
}

/// One field.
#[derive(Debug)]
pub(super) struct Field {
    /// Its name.
    pub(super) name: &'static str,
    /// What becomes of it.
    pub(super) support: Support,
}

/// What becomes of a field.
#[derive(Debug)]
pub(super) enum Support {
    /// It is read and has its effect.
    Implemented,
    /// It is accepted and has no effect, which a warning says, with this reason.
    Inert(&'static str),
    /// It is refused, with what to do instead.
    Refused(&'static str),
}

use Support::{Implemented, Inert, Refused};

const fn field(name: &'static str, support: Support) -> Field {
    Field { name, support }
}

/// The top level.
pub(super) const SETTINGS: Table = Table {
    what: "the settings",
    fields: &[field("verifyImages", Implemented), field("unmatchedImages", Implemented)],
};

/// One item of `verifyImages`.
pub(super) const RULE: Table = Table {
    what: "a rule",
    fields: &[
        field("name", Implemented),
        field("type", Implemented),
        field("imageReferences", Implemented),
        field("skipImageReferences", Implemented),
        field("attestors", Implemented),
        field("mutateDigest", Implemented),
        field("verifyDigest", Implemented),
        field("required", Inert("a rule is always required of the images it binds")),
        field("useCache", Inert("nothing is cached between requests")),
        field("attestations", Refused("attestations cannot be verified by this version")),
        field("failureAction", Refused("set `mode: monitor` on the ClusterAdmissionPolicy to audit")),
        field("repository", Refused("signatures are read from the image's own repository")),
        field(
            "imageRegistryCredentials",
            Refused("the policy-server holds the credentials: set `imagePullSecret` on the PolicyServer"),
        ),
        field("cosignOCI11", Refused("a policy cannot list referrers")),
        field("validate", Refused("conditions over attestations cannot be evaluated by this version")),
        field("image", Refused("write `imageReferences`")),
        field("key", Refused("write `attestors` with `entries` and `keys`")),
        field("roots", Refused("certificates cannot be verified by this version")),
        field("subject", Refused("identities cannot be verified by this version")),
        field("issuer", Refused("identities cannot be verified by this version")),
        field("additionalExtensions", Refused("identities cannot be verified by this version")),
        field("annotations", Refused("annotations cannot be required by this version")),
    ],
};

/// One item of `attestors`.
pub(super) const ATTESTOR_SET: Table =
    Table { what: "an attestor set", fields: &[field("count", Implemented), field("entries", Implemented)] };

/// One item of `entries`.
pub(super) const ENTRY: Table = Table {
    what: "an attestor entry",
    fields: &[
        field("keys", Implemented),
        field("attestor", Implemented),
        field("keyless", Refused("identities cannot be verified by this version; use `keys`")),
        field("certificates", Refused("certificates cannot be verified by this version; use `keys`")),
        field("annotations", Refused("annotations cannot be required by this version")),
        field("repository", Refused("signatures are read from the image's own repository")),
        field("signatureAlgorithm", Refused("the key's curve fixes the algorithm")),
    ],
};

/// `keys`.
pub(super) const KEYS: Table = Table {
    what: "`keys`",
    fields: &[
        field("publicKeys", Implemented),
        field("rekor", Implemented),
        field(
            "kms",
            Refused("a policy cannot reach a key service; export the key: `cosign public-key --key URI`"),
        ),
        field("secret", Refused("Secrets cannot be read by this version; write the key into `publicKeys`")),
        field("signatureAlgorithm", Refused("the key's curve fixes the algorithm")),
        field("ctlog", Refused("keys have no certificate to be logged")),
    ],
};

/// `rekor`.
pub(super) const REKOR: Table = Table {
    what: "`rekor`",
    fields: &[
        field("ignoreTlog", Implemented),
        field("url", Inert("a policy asks no log; entries are verified from the signature alone")),
        field("pubkey", Refused("this version cannot verify Rekor entries")),
    ],
};
