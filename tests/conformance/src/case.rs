//! One case.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sigwarden::image::ImageDigest;
use sigwarden::requirement::{RequiredIdentity, SignatureTerms, SignerRequirement};
use sigwarden::time::Time;
use sigwarden::verify::{
    EvidenceTerms, IdentityPattern, PublicKey, RevokedSigners, TextPattern, TrustRoot, UnverifiedBundle,
};

/// What a case consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// The directory's name.
    pub name: String,
    /// The bundle, which may be no JSON at all.
    pub bundle: Vec<u8>,
    /// What is signed.
    pub artifact: Vec<u8>,
    /// Whose signature is wanted: the certificate's name.
    pub identity: String,
    /// And who vouched for it.
    pub issuer: String,
    /// The key whose signature is wanted instead (PEM).
    pub key: Option<String>,
    /// The trust root, where it is not the public-good instance's.
    pub trusted_root: Option<String>,
    /// The present, in unix seconds.
    pub now: u64,
}

const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

impl Case {
    /// Reads all cases below the suite's `test/assets/bundle-verify`, in the order of their names.
    ///
    /// # Errors
    /// If a file that must be there cannot be read.
    pub fn read_all(directory: &Path, now: u64) -> io::Result<Vec<Self>> {
        let mut cases = Vec::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                cases.push(Self::read(&path, now)?);
            }
        }
        cases.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(cases)
    }

    fn read(path: &Path, now: u64) -> io::Result<Self> {
        let optional = |name: &str| match fs::read(path.join(name)) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        let text = |name: &str| {
            let text = optional(name)?.map(String::from_utf8).transpose();
            text.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
        };
        let line = |name: &str, default: &str| {
            Ok::<_, io::Error>(text(name)?.map_or_else(|| default.to_owned(), |line| line.trim().to_owned()))
        };
        Ok(Self {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            bundle: fs::read(path.join("bundle.sigstore.json"))?,
            artifact: match optional("artifact")? {
                Some(artifact) => artifact,
                None => fs::read(path.join("../a.txt"))?,
            },
            identity: line("identity", IDENTITY)?,
            issuer: line("issuer", ISSUER)?,
            key: text("key.pub")?,
            trusted_root: text("trusted_root.json")?,
            now,
        })
    }

    /// Whether the bundle must be accepted.
    #[must_use]
    pub fn is_good(&self) -> bool {
        !self.name.ends_with("_fail")
    }

    /// What Sigwarden says of the bundle, as the text of the reason where it refuses.
    ///
    /// # Errors
    /// The reason to refuse.
    pub fn judge(&self) -> Result<(), String> {
        let trust = match &self.trusted_root {
            None => TrustRoot::public_good(),
            Some(json) => TrustRoot::from_json(&serde_json::from_str(json).map_err(|e| e.to_string())?),
        };
        let identity = match &self.key {
            Some(pem) => {
                let keys = PublicKey::parse_all(pem).map_err(|error| error.to_string())?;
                RequiredIdentity::Key(keys.into_iter().next().ok_or("no key")?)
            }
            None => RequiredIdentity::Keyless(IdentityPattern {
                issuer: vec![TextPattern::Exact(self.issuer.clone())],
                subject: vec![TextPattern::Exact(self.identity.clone())],
                claims: Vec::new(),
            }),
        };
        let evidence = EvidenceTerms { log: true, timestamp: false, sct: self.key.is_none(), trust };
        let wanted = SignerRequirement {
            place: String::new(),
            identity,
            terms: SignatureTerms { evidence, ..SignatureTerms::default() },
        };
        let bundle = UnverifiedBundle::from_json(&self.bundle).map_err(|error| error.to_string())?;
        let (revoked, now) = (RevokedSigners::default(), Time::from_unix(self.now));
        if bundle.has_statement() {
            let hex: String =
                Sha256::digest(&self.artifact).iter().map(|byte| format!("{byte:02x}")).collect();
            let digest = ImageDigest::parse(&format!("sha256:{hex}")).map_err(|error| error.to_string())?;
            let verified = bundle.verify_statement(&wanted, digest, &revoked, now);
            return verified.map(drop).map_err(|error| error.to_string());
        }
        let verified = bundle.verify_message(&wanted, &self.artifact, &revoked, now);
        verified.map(drop).map_err(|error| error.to_string())
    }
}
