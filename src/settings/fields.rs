//! Every field of the settings, and what becomes of it: the one place that knows them. The parser, the
//! JSON Schema and the table in the docs are made from these tables.

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
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) support: Support<Shape>,
    /// What becomes of it; the module needs no shapes.
    #[cfg(target_arch = "wasm32")]
    pub(super) support: Support<()>,
    /// What it is for, in one sentence.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) doc: &'static str,
}

/// What becomes of a field.
#[derive(Debug)]
pub(super) enum Support<S> {
    /// It is read and has its effect.
    Implemented(S),
    /// It is accepted and has no effect, which a warning says, with this reason.
    Inert(&'static str),
    /// It is refused, with what to do instead.
    Refused(&'static str),
}

/// What values a field has, for the schema; the parser checks more.
#[derive(Debug)]
#[cfg_attr(target_arch = "wasm32", expect(dead_code, reason = "for the schema"))]
pub(super) enum Shape {
    /// A text.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A whole number of 1 or more.
    Count,
    /// One of some texts.
    Choice(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// A text, or a list of them.
    TextOrTexts,
    /// A list of mappings.
    List(&'static Table),
    /// A mapping.
    Mapping(&'static Table),
    /// A mapping from names to texts.
    TextMap,
    /// A mapping from names to a text or a list of texts.
    TextsMap,
    /// A mapping from names to lists of mappings.
    ListMap(&'static Table),
    /// A mapping of somebody else's format.
    Object,
    /// Any value but `null`.
    Any,
}

use Shape::{Any, Boolean, Choice, Count, List, ListMap, Mapping, Object, Text, TextMap, Texts, TextsMap};
use Support::{Implemented, Inert, Refused};

#[cfg(not(target_arch = "wasm32"))]
pub(super) const fn field(name: &'static str, support: Support<Shape>, doc: &'static str) -> Field {
    Field { name, support, doc }
}

/// The module carries no documentation and no shapes.
#[cfg(target_arch = "wasm32")]
pub(super) const fn field(name: &'static str, support: Support<Shape>, _doc: &'static str) -> Field {
    let support = match support {
        Implemented(_) => Implemented(()),
        Inert(why) => Inert(why),
        Refused(instead) => Refused(instead),
    };
    Field { name, support }
}

/// The top level of the native dialect.
pub(super) static SETTINGS: Table = Table {
    what: "the settings",
    fields: &[
        field(
            "verifyImages",
            Implemented(List(&RULE)),
            "The rules. Every rule that names an image binds it.",
        ),
        field(
            "unmatchedImages",
            Implemented(Choice(&["allow", "warn", "deny"])),
            "What becomes of an image that no rule names; `allow` by default.",
        ),
        field(
            "imageExtractors",
            Implemented(ListMap(&EXTRACTOR)),
            "Where custom resources keep their images: `Kind` or `group/version/Kind` to a list of paths.",
        ),
        field(
            "evaluationBudget",
            Implemented(Text),
            "How long one evaluation may take until it stops asking the registry, `1500ms` by default; keep it below \
             the policy's timeoutEvalSeconds.",
        ),
        field(
            "skipUnchanged",
            Implemented(Boolean),
            "On UPDATE, accept pinned images that do not change without verifying them again; `false` by default.",
        ),
        field("mutation", Implemented(Mapping(&MUTATION)), "How accepted objects are changed."),
        field(
            "revoked",
            Implemented(Mapping(&REVOKED)),
            "What is never accepted, whatever a rule or an exception says.",
        ),
        field(
            "exceptions",
            Implemented(List(&EXCEPTION)),
            "Images accepted by digest for a time, although a rule that binds them is not met.",
        ),
        field(
            "trustRoot",
            Implemented(Object),
            "A Sigstore TrustedRoot, in place of the public-good instance's that is built in.",
        ),
        field("rule", Inert("what is asked for follows from `verifyImages`"), "Written by Rancher's form."),
    ],
};

/// One item of `verifyImages`.
pub(super) static RULE: Table = Table {
    what: "a rule",
    fields: &[
        field("name", Implemented(Text), "How messages call the rule."),
        field(
            "type",
            Implemented(Choice(&["Cosign", "SigstoreBundle"])),
            "Where signatures are looked for: `Cosign` in the `.sig` manifest, `SigstoreBundle` in the bundle carrier; by default in \
             the first and, where that does not do, in the second.",
        ),
        field(
            "failureAction",
            Implemented(Choice(&["Enforce", "Audit"])),
            "`Audit` accepts, and logs what would have been denied; it needs `mutateDigest: false`.",
        ),
        field(
            "imageReferences",
            Implemented(Texts),
            "Patterns of the images the rule binds; `*` stands for any characters, `?` for one.",
        ),
        field(
            "skipImageReferences",
            Implemented(Texts),
            "Patterns of images taken out of this rule; they see the repository, never the tag.",
        ),
        field("attestors", Implemented(List(&ATTESTOR_SET)), "Who must have signed; every set must be met."),
        field("repository", Implemented(Text), "Where signatures are kept, if not beside the image."),
        field(
            "mutateDigest",
            Implemented(Boolean),
            "Replace tags by the digest that was verified; `true` by default.",
        ),
        field("verifyDigest", Implemented(Boolean), "Refuse images that stay unpinned; `true` by default."),
        field(
            "signedIdentities",
            Implemented(List(&SIGNED_IDENTITY)),
            "Names that images of this rule were signed under elsewhere.",
        ),
        field("trustRoot", Implemented(Object), "The settings' `trustRoot`, for this rule alone."),
        field(
            "childSignatures",
            Implemented(Choice(&["all"])),
            "`all`: of a multi-architecture index, each image must be signed instead of the index.",
        ),
        field("required", Inert("a rule is always required of the images it binds"), "Kyverno's."),
        field("useCache", Inert("nothing is cached between requests"), "Kyverno's."),
        field(
            "attestations",
            Implemented(List(&ATTESTATION)),
            "What must be attested of the image, and by whom; a rule has `attestors`, `attestations` or both.",
        ),
        field(
            "imageRegistryCredentials",
            Refused("the policy-server holds the credentials: set `imagePullSecret` on the PolicyServer"),
            "Kyverno's.",
        ),
        field(
            "cosignOCI11",
            Inert("signatures are found by their tag, which works on every registry"),
            "Kyverno's.",
        ),
        field(
            "validate",
            Refused("write `conditions` into each of the `attestations`; no condition spans several of them"),
            "Conditions over several attestations together.",
        ),
        field("image", Refused("write `imageReferences`"), "Kyverno's, deprecated."),
        field("key", Refused("write `attestors` with `entries` and `keys`"), "Kyverno's, deprecated."),
        field("roots", Refused("write `attestors` with `entries` and `keyless`"), "Kyverno's, deprecated."),
        field("subject", Refused("write `attestors` with `entries` and `keyless`"), "Kyverno's, deprecated."),
        field("issuer", Refused("write `attestors` with `entries` and `keyless`"), "Kyverno's, deprecated."),
        field(
            "additionalExtensions",
            Refused("write `attestors` with `entries` and `keyless`"),
            "Kyverno's, deprecated.",
        ),
        field(
            "annotations",
            Refused("write `annotations` in an entry of `attestors`"),
            "Kyverno's, deprecated.",
        ),
    ],
};

/// One item of `attestors`.
pub(super) static ATTESTOR_SET: Table = Table {
    what: "an attestor set",
    fields: &[
        field(
            "count",
            Implemented(Count),
            "How many entries must be met, each by a signer of its own; all by default.",
        ),
        field("entries", Implemented(List(&ENTRY)), "Who may have signed."),
    ],
};

/// One item of `entries`.
pub(super) static ENTRY: Table = Table {
    what: "an attestor entry",
    fields: &[
        field("keys", Implemented(Mapping(&KEYS)), "The holder of a key."),
        field("attestor", Implemented(Mapping(&ATTESTOR_SET)), "A set within the set."),
        field("annotations", Implemented(TextMap), "Annotations the signature must carry."),
        field(
            "knownAnnotations",
            Implemented(TextsMap),
            "Annotations the signature may carry, with the values to try.",
        ),
        field("repository", Implemented(Text), "Where these signatures are kept; overrides the rule's."),
        field(
            "keyless",
            Implemented(Mapping(&KEYLESS)),
            "An identity certified by Fulcio: an issuer and a subject.",
        ),
        field("certificates", Implemented(Mapping(&CERTIFICATES)), "The holder of a certificate."),
        field(
            "signatureAlgorithm",
            Implemented(Choice(SIGNATURE_ALGORITHMS)),
            "The hash algorithm; what the key's type asks for by default.",
        ),
    ],
};

/// The hash algorithms that Kyverno knows, but for `sha224`, which neither cosign nor a key service signs with.
pub(super) const SIGNATURE_ALGORITHMS: &[&str] = &["sha256", "sha384", "sha512"];

/// `keys`.
pub(super) static KEYS: Table = Table {
    what: "`keys`",
    fields: &[
        field(
            "publicKeys",
            Implemented(Text),
            "PEM public keys, `builtin:NAME`, or `k8s://NAMESPACE/SECRET`. Several keys are several entries.",
        ),
        field("secret", Implemented(Mapping(&OBJECT)), "A Secret that holds the keys."),
        field("configMap", Implemented(Mapping(&OBJECT)), "A ConfigMap that holds the keys."),
        field("rekor", Implemented(Mapping(&REKOR)), "Whether a transparency-log entry is required."),
        field(
            "notAfter",
            Implemented(Text),
            "When signatures by these keys cease to count: RFC 3339 in UTC, by the host's clock.",
        ),
        field(
            "signatureAlgorithm",
            Implemented(Choice(SIGNATURE_ALGORITHMS)),
            "The hash algorithm; what the key's type asks for by default.",
        ),
        field(
            "kms",
            Refused("a policy cannot reach a key service; export the key: `cosign public-key --key URI`"),
            "A key in a key service.",
        ),
        field("ctlog", Implemented(Mapping(&CTLOG)), "Of no use to keys, but for `tsaCertChain`."),
    ],
};

/// `secret` and `configMap`.
pub(super) static OBJECT: Table = Table {
    what: "a reference to an object",
    fields: &[
        field("name", Implemented(Text), "The object's name."),
        field("namespace", Implemented(Text), "Its namespace."),
        field("key", Implemented(Text), "The field of its data; `cosign.pub` by default."),
    ],
};

/// `rekor`.
pub(super) static REKOR: Table = Table {
    what: "`rekor`",
    fields: &[
        field(
            "ignoreTlog",
            Implemented(Boolean),
            "Accept signatures without a log entry; `false` by default. Those of identities need a timestamp then.",
        ),
        field(
            "url",
            Implemented(Text),
            "The log that must have been used; any of the trust root's where it is absent or empty. Nothing is asked there.",
        ),
        field("pubkey", Implemented(Text), "The log's key in PEM, in place of the built-in one."),
    ],
};

/// `ctlog`.
pub(super) static CTLOG: Table = Table {
    what: "`ctlog`",
    fields: &[
        field(
            "ignoreSCT",
            Implemented(Boolean),
            "Accept certificates that no certificate-transparency log has promised to list; `false` by default.",
        ),
        field("pubkey", Implemented(Text), "The log's key in PEM, in place of the built-in one."),
        field(
            "tsaCertChain",
            Implemented(Text),
            "The PEM certificates of a timestamp authority, its own first, in place of the built-in one. Signatures must have a \
             timestamp by it; those of identities only where no log entry is required.",
        ),
    ],
};

/// `keyless`.
pub(super) static KEYLESS: Table = Table {
    what: "`keyless`",
    fields: &[
        field("issuer", Implemented(Text), "Who vouches for the subject; `*` and `?` are wildcards."),
        field("issuerRegExp", Implemented(Text), "The same as a regular expression over the whole issuer."),
        field(
            "subject",
            Implemented(Text),
            "Who has signed; `*` and `?` are wildcards, before an `@` for anything but an `@`.",
        ),
        field(
            "subjectRegExp",
            Implemented(Text),
            "The same as a regular expression over the whole subject; with `subject`, both must hold.",
        ),
        field(
            "additionalExtensions",
            Implemented(Mapping(&EXTENSIONS)),
            "What else the certificate must say of the GitHub workflow; `*` and `?` are wildcards.",
        ),
        field(
            "roots",
            Implemented(Text),
            "The PEM certificates of the authority, in place of the built-in one.",
        ),
        field("rekor", Implemented(Mapping(&REKOR)), "Whether a transparency-log entry is required."),
        field("ctlog", Implemented(Mapping(&CTLOG)), "The certificate-transparency log, and timestamps."),
    ],
};

/// `additionalExtensions`.
pub(super) static EXTENSIONS: Table = Table {
    what: "`additionalExtensions`",
    fields: &[
        field("githubWorkflowTrigger", Implemented(Text), "The event, such as `push`."),
        field("githubWorkflowSha", Implemented(Text), "The commit."),
        field("githubWorkflowName", Implemented(Text), "The workflow's name."),
        field("githubWorkflowRepository", Implemented(Text), "The repository, `owner/name`."),
        field("githubWorkflowRef", Implemented(Text), "The ref, such as `refs/heads/main`."),
    ],
};

/// `certificates`.
pub(super) static CERTIFICATES: Table = Table {
    what: "`certificates`",
    fields: &[
        field("cert", Implemented(Text), "The signer's certificate in PEM."),
        field(
            "certChain",
            Implemented(Text),
            "The certificates above it in PEM; alone, whoever they certify.",
        ),
        field("rekor", Implemented(Mapping(&REKOR)), "Whether a transparency-log entry is required."),
        field("ctlog", Implemented(Mapping(&CTLOG)), "Of no use to them, but for `tsaCertChain`."),
    ],
};

/// One item of `attestations`.
pub(super) static ATTESTATION: Table = Table {
    what: "an attestation",
    fields: &[
        field("type", Implemented(Text), "The type of the predicate, exactly."),
        field("predicateType", Implemented(Text), "Kyverno's older name of `type`."),
        field("name", Inert("nothing refers to it"), "Kyverno's."),
        field(
            "attestors",
            Implemented(List(&ATTESTOR_SET)),
            "Who must have attested; every set must be met.",
        ),
        field(
            "conditions",
            Implemented(List(&CONDITIONS)),
            "What the predicate must say; every item must hold.",
        ),
        field(
            "slsa",
            Implemented(Mapping(&SLSA)),
            "What a provenance must say, with the `type` https://slsa.dev/provenance/v1 or https://slsa.dev/provenance/v0.2.",
        ),
    ],
};

/// `slsa`.
pub(super) static SLSA: Table = Table {
    what: "`slsa`",
    fields: &[
        field(
            "builderId",
            Implemented(Text),
            "Who built; `*` stands for any characters, before an `@` for any but an `@`.",
        ),
        field(
            "sourceUri",
            Implemented(Text),
            "The repository that was built, without ref, such as https://github.com/acme/*.",
        ),
        field("sourceRef", Implemented(Text), "Its branch or tag, such as refs/heads/main or refs/tags/v*."),
        field(
            "buildType",
            Implemented(Text),
            "How it was built: a URI that says what else the provenance means.",
        ),
    ],
};

/// One item of `conditions`.
pub(super) static CONDITIONS: Table = Table {
    what: "an item of `conditions`",
    fields: &[
        field("any", Implemented(List(&CONDITION)), "One of these must hold."),
        field("all", Implemented(List(&CONDITION)), "All of these must hold."),
    ],
};

/// One item of `any` or `all`.
pub(super) static CONDITION: Table = Table {
    what: "a condition",
    fields: &[
        field(
            "key",
            Implemented(Text),
            "What is looked at: `/a/path`, `{{ a.path }}`, or `regex_match`, `length`, `time_since` or a component's version over one.",
        ),
        field("operator", Implemented(Choice(OPERATORS)), "How it compares."),
        field("value", Implemented(Any), "What it compares with; no variables."),
        field("message", Inert("messages name the condition"), "Kyverno's."),
    ],
};

/// Kyverno's operators.
pub(super) const OPERATORS: &[&str] = &[
    "Equals",
    "Equal",
    "NotEquals",
    "NotEqual",
    "In",
    "AnyIn",
    "AllIn",
    "NotIn",
    "AnyNotIn",
    "AllNotIn",
    "GreaterThanOrEquals",
    "GreaterThan",
    "LessThanOrEquals",
    "LessThan",
    "DurationGreaterThanOrEquals",
    "DurationGreaterThan",
    "DurationLessThanOrEquals",
    "DurationLessThan",
];

/// One item of `signedIdentities`.
pub(super) static SIGNED_IDENTITY: Table = Table {
    what: "a signed identity",
    fields: &[
        field("from", Implemented(Text), "A repository, or what repositories begin with, ending in `/`."),
        field(
            "signedAs",
            Implemented(Text),
            "What that was where the image was signed; without `from`, a `docker-reference` verbatim.",
        ),
    ],
};

/// `mutation`.
pub(super) static MUTATION: Table = Table {
    what: "`mutation`",
    fields: &[
        field(
            "podsOnly",
            Implemented(Boolean),
            "Change Pods only, and leave Deployments and the like as their owners wrote them; `false` by default.",
        ),
        field(
            "imagePullPolicy",
            Implemented(Choice(&["Always"])),
            "`Always`: set it on every verified image that changes, so that nodes check the puller's credentials.",
        ),
    ],
};

/// `revoked`.
pub(super) static REVOKED: Table = Table {
    what: "`revoked`",
    fields: &[
        field("digests", Implemented(Texts), "Images that are denied, also where no rule names them."),
        field("keys", Implemented(Texts), "PEM public keys whose signatures count for nothing."),
        field(
            "identities",
            Implemented(List(&REVOKED_IDENTITY)),
            "Identities whose signatures count for nothing.",
        ),
    ],
};

/// One item of `revoked.identities`.
pub(super) static REVOKED_IDENTITY: Table = Table {
    what: "a revoked identity",
    fields: &[
        field("issuer", Implemented(Text), "The issuer; any where it is absent. `*` and `?` are wildcards."),
        field("issuerRegExp", Implemented(Text), "The same as a regular expression."),
        field(
            "subject",
            Implemented(Text),
            "The subject; any where it is absent. `*` and `?` are wildcards.",
        ),
        field("subjectRegExp", Implemented(Text), "The same as a regular expression."),
    ],
};

/// One item of `exceptions`.
pub(super) static EXCEPTION: Table = Table {
    what: "an exception",
    fields: &[
        field("digest", Implemented(Text), "The image's digest."),
        field("until", Implemented(Text), "When the exception ends: RFC 3339 in UTC, by the host's clock."),
        field("reason", Implemented(Text), "Why; it goes into the audit log."),
    ],
};

/// One path of `imageExtractors`.
pub(super) static EXTRACTOR: Table = Table {
    what: "an image extractor",
    fields: &[
        field("path", Implemented(Text), "Where the images are: `/spec/steps/*/image`, `*` for each item."),
        field("value", Implemented(Text), "The field that holds the image, where `path` leads to mappings."),
        field("name", Inert("messages name the path"), "Kyverno's."),
        field("key", Inert("images are told apart by their path"), "Kyverno's."),
        field("jmesPath", Refused("write a `path` that leads to the image itself"), "Kyverno's."),
    ],
};
