//! The fields of verify-image-signatures' settings, as `fields` has those of the native dialect.

use super::fields::Shape::{Boolean, List, Mapping, Object, Text, TextMap, TextOrTexts, Texts};
use super::fields::Support::{Implemented, Inert, Refused};
use super::fields::{Table, field};

/// The top level of verify-image-signatures' settings.
pub(super) static SETTINGS: Table = Table {
    what: "the settings",
    fields: &[
        field(
            "signatures",
            Implemented(List(&SIGNATURE)),
            "What must be signed and by whom; every item that matches an image binds it.",
        ),
        field(
            "modifyImagesWithDigest",
            Implemented(Boolean),
            "Append the digest to images; `true` by default.",
        ),
        field(
            "trustRoot",
            Implemented(Object),
            "Ours: a Sigstore TrustedRoot, in place of the public-good instance's that is built in.",
        ),
        field("rule", Inert("what is asked for follows from `signatures`"), "Written by Rancher's form."),
        field("description", Inert("nothing reads it"), "Written by Rancher's form."),
    ],
};

/// One item of `signatures`.
pub(super) static SIGNATURE: Table = Table {
    what: "a signature requirement",
    fields: &[
        field("image", Implemented(Text), "A pattern of images."),
        field("pubKeys", Implemented(Texts), "PEM public keys; all of them must have signed."),
        field("annotations", Implemented(TextMap), "Annotations that every signature must carry."),
        field("keyless", Implemented(List(&KEYLESS)), "Issuers and subjects; all of them must have signed."),
        field(
            "keylessPrefix",
            Implemented(List(&PREFIX)),
            "Issuers and the beginnings of subjects; all of them must have signed.",
        ),
        field(
            "githubActions",
            Implemented(Mapping(&GITHUB)),
            "Any workflow, run for an owner or for one repository: what the certificate says whose build it was.",
        ),
        field(
            "certificates",
            Implemented(Texts),
            "PEM certificates; the holders of all of them must have signed.",
        ),
        field(
            "certificateChain",
            Implemented(TextOrTexts),
            "The PEM certificates above those of `certificates`: a list, or all in one text.",
        ),
        field(
            "requireRekorBundle",
            Implemented(Boolean),
            "Whether signatures by `certificates` need a log entry; required with them.",
        ),
        field(
            "github_actions",
            Refused("this spelling is dead; write `githubActions`"),
            "Never read by anything.",
        ),
        field(
            "rule",
            Inert("the kind of the requirement follows from its fields"),
            "Written by Rancher's form.",
        ),
        field("description", Inert("nothing reads it"), "Written by Rancher's form."),
    ],
};

/// One item of verify-image-signatures' `keyless`.
pub(super) static KEYLESS: Table = Table {
    what: "an item of `keyless`",
    fields: &[
        field("issuer", Implemented(Text), "The issuer, exactly."),
        field("subject", Implemented(Text), "The subject, exactly."),
    ],
};

/// One item of `keylessPrefix`.
pub(super) static PREFIX: Table = Table {
    what: "an item of `keylessPrefix`",
    fields: &[
        field("issuer", Implemented(Text), "The issuer, exactly."),
        field("urlPrefix", Implemented(Text), "A URL that the subject is below: a slash follows it."),
        field("url_prefix", Implemented(Text), "The same; the spelling that verify-image-signatures reads."),
    ],
};

/// `githubActions`.
pub(super) static GITHUB: Table = Table {
    what: "`githubActions`",
    fields: &[
        field("owner", Implemented(Text), "The owner of the repository that the build was for."),
        field("repo", Implemented(Text), "The repository; any of the owner's by default."),
    ],
};
