//! Keyless signatures that are good but for one thing.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each place breaks a few things and leaves the rest alone"
)]

use super::certificate::{Authority, SERVER_AUTH};
use super::layer::{LOG_INDEX, Signed};
use super::leaf::{Leaf, Scts};
use super::rekor::{hashedrekord, rekord};
use super::{Fulcio, Sigstore};
use crate::typed::TypedKey;

/// One thing that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The certificate was no longer valid when the signature was logged.
    Expired,
    /// The certificate was not yet valid when the signature was logged.
    NotYetValid,
    /// Another certificate authority gave the certificate.
    AnotherRoot,
    /// Another certificate authority that calls itself the same gave the certificate.
    RootOfTheSameName,
    /// Somebody gave the certificate who has one, but is no authority.
    SignedByLeaf,
    /// The certificate is for servers.
    WrongUsage,
    /// The certificate is for no usage in particular.
    NoUsage,
    /// The certificate has no SCT.
    NoSct,
    /// The SCT is by another log.
    SctOfAnotherLog,
    /// The SCT is for another certificate.
    SctForAnotherCertificate,
    /// A bit of the SCT's signature is changed.
    BadSct,
    /// A bit of the signature is changed, in the annotation and in the log entry.
    BadSignature,
    /// The certificate is another one of the same identity; the log entry has it too.
    AnotherCertificate,
    /// There is no log entry.
    NoEntry,
    /// The log entry has no promise.
    NoPromise,
    /// A bit of the promise is changed.
    BadPromise,
    /// Another log's key made the promise in this log's name.
    ForgedPromise,
    /// The entry's body is not what was promised.
    BodyAltered,
    /// The entry's time is not what was promised.
    TimeAltered,
    /// The entry's place is not what was promised.
    IndexAltered,
    /// The entry's log is not what was promised.
    LogAltered,
    /// Another log promised the entry.
    EntryOfAnotherLog,
    /// The promised entry is for another signature.
    EntryForAnotherSignature,
    /// The promised entry is for another certificate of the same identity, or for another key.
    EntryForAnotherCertificate,
    /// The promised entry is for another payload.
    EntryForAnotherPayload,
    /// The promised entry is a `rekord`.
    RekordEntry,
    /// A timestamp beside the entry is over another signature.
    TimestampOfAnotherSignature,
    /// A timestamp beside the entry is by another authority.
    TimestampOfAnotherAuthority,
    /// A timestamp beside the entry says a time after the certificate's end.
    TimestampTooLate,
}

impl Fault {
    /// All of them, with their names.
    pub const ALL: [(&'static str, Self); 30] = [
        ("none", Self::None),
        ("expired", Self::Expired),
        ("not-yet-valid", Self::NotYetValid),
        ("another-root", Self::AnotherRoot),
        ("root-of-the-same-name", Self::RootOfTheSameName),
        ("signed-by-leaf", Self::SignedByLeaf),
        ("wrong-usage", Self::WrongUsage),
        ("no-usage", Self::NoUsage),
        ("no-sct", Self::NoSct),
        ("sct-of-another-log", Self::SctOfAnotherLog),
        ("sct-for-another-certificate", Self::SctForAnotherCertificate),
        ("bad-sct", Self::BadSct),
        ("bad-signature", Self::BadSignature),
        ("another-certificate", Self::AnotherCertificate),
        ("no-entry", Self::NoEntry),
        ("no-promise", Self::NoPromise),
        ("bad-promise", Self::BadPromise),
        ("forged-promise", Self::ForgedPromise),
        ("body-altered", Self::BodyAltered),
        ("time-altered", Self::TimeAltered),
        ("index-altered", Self::IndexAltered),
        ("log-altered", Self::LogAltered),
        ("entry-of-another-log", Self::EntryOfAnotherLog),
        ("entry-for-another-signature", Self::EntryForAnotherSignature),
        ("entry-for-another-certificate", Self::EntryForAnotherCertificate),
        ("entry-for-another-payload", Self::EntryForAnotherPayload),
        ("rekord-entry", Self::RekordEntry),
        ("timestamp-of-another-signature", Self::TimestampOfAnotherSignature),
        ("timestamp-of-another-authority", Self::TimestampOfAnotherAuthority),
        ("timestamp-too-late", Self::TimestampTooLate),
    ];

    /// The fault of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, fault)| *fault)
    }

    /// Whether there must be a certificate for this to be wrong.
    #[must_use]
    pub const fn needs_certificate(self) -> bool {
        matches!(
            self,
            Self::Expired
                | Self::NotYetValid
                | Self::AnotherRoot
                | Self::RootOfTheSameName
                | Self::SignedByLeaf
                | Self::WrongUsage
                | Self::NoUsage
                | Self::NoSct
                | Self::SctOfAnotherLog
                | Self::SctForAnotherCertificate
                | Self::BadSct
                | Self::AnotherCertificate
                | Self::TimestampTooLate
        )
    }

    /// What is wrong with the certificate, if something is.
    fn on_leaf(self, leaf: &Leaf, logged: i64) -> Leaf {
        let leaf = leaf.clone();
        match self {
            Self::Expired => Leaf { not_after: logged - 1, ..leaf },
            Self::NotYetValid => Leaf { not_before: logged + 1, ..leaf },
            Self::WrongUsage => Leaf { usages: vec![SERVER_AUTH], ..leaf },
            Self::NoUsage => Leaf { usages: Vec::new(), ..leaf },
            Self::NoSct => Leaf { scts: Scts::Missing, ..leaf },
            Self::SctOfAnotherLog => Leaf { scts: Scts::OfAnotherLog, ..leaf },
            Self::SctForAnotherCertificate => Leaf { scts: Scts::ForAnotherCertificate, ..leaf },
            Self::BadSct => Leaf { scts: Scts::BadSignature, ..leaf },
            _ => leaf,
        }
    }
}

impl Sigstore {
    /// A payload signed by somebody with a certificate and logged at that time, with one thing wrong.
    #[must_use]
    pub fn sign_badly(&self, leaf: &Leaf, payload: &str, logged: i64, fault: Fault) -> Signed {
        let leaf = fault.on_leaf(leaf, logged);
        // All but the certificate authority is this Sigstore's.
        let mut by = self.clone();
        match fault {
            Fault::AnotherRoot => by.fulcio = self.unknown().fulcio,
            Fault::RootOfTheSameName => by.fulcio = Fulcio::new(&self.name, "evil", self.since),
            Fault::SignedByLeaf => by.fulcio.intermediate = Some(self.leaf_as_authority(&leaf)),
            _ => {}
        }
        let mut signed = by.sign(&leaf, payload, logged);
        if fault == Fault::SignedByLeaf {
            signed.chain = Some(by.fulcio.issuer().pem() + &self.fulcio.chain_pem());
        }
        let another = Leaf { serial: "another".to_owned(), ..leaf.clone() };
        if fault == Fault::AnotherCertificate {
            let certificate = self.certify(&Leaf { key: TypedKey::p256("another"), ..another }).pem();
            signed.entry = Some(self.log(&signed, &certificate, logged));
            signed.certificate = Some(certificate);
        } else {
            let verifier = signed.certificate.clone().unwrap();
            self.spoil(&mut signed, &verifier, &self.certify(&another).pem(), leaf.not_after, fault);
        }
        signed
    }

    /// A payload signed by a key and logged at that time, with one thing wrong.
    ///
    /// # Panics
    /// If there must be a certificate for that to be wrong.
    #[must_use]
    pub fn sign_badly_with_key(&self, key: &TypedKey, payload: &str, logged: i64, fault: Fault) -> Signed {
        assert!(!fault.needs_certificate(), "{fault:?} without a certificate");
        let mut signed = self.sign_with_key(key, payload, logged);
        self.spoil(&mut signed, &key.pem(), &TypedKey::p256("another").pem(), logged, fault);
        signed
    }

    /// Somebody with a certificate like that, who acts as an authority.
    fn leaf_as_authority(&self, leaf: &Leaf) -> Authority {
        let leaf =
            Leaf { key: TypedKey::p256("no authority"), serial: "no authority".to_owned(), ..leaf.clone() };
        let certificate = leaf.certificate(self.fulcio.issuer());
        Authority { der: self.certify(&leaf).der, key: leaf.key, certificate }
    }

    /// A Sigstore that nobody trusts.
    fn unknown(&self) -> Self {
        Self::new(&format!("{} unknown", self.name), self.since)
    }

    /// Breaks what is not the certificate. `verifier` and `another` are PEM, `end` is the certificate's.
    fn spoil(&self, signed: &mut Signed, verifier: &str, another: &str, end: i64, fault: Fault) {
        let mut entry = signed.entry.clone().unwrap();
        let logged = entry.integrated_time;
        let other = || self.unknown();
        if fault == Fault::BadSignature {
            flip_last(&mut signed.signature);
        }
        let (signature, payload) = (&signed.signature, &signed.payload);
        let promised = |body: &[u8]| self.rekor.take(body, logged, LOG_INDEX);
        match fault {
            Fault::BadSignature => entry = promised(&hashedrekord(signature, verifier, payload)),
            Fault::NoPromise => entry.set = None,
            Fault::BadPromise => flip_last(entry.set.as_mut().unwrap()),
            Fault::ForgedPromise => entry = entry.signed(&other().rekor),
            Fault::BodyAltered => entry.body.push(b' '),
            Fault::TimeAltered => entry.integrated_time += 1,
            Fault::IndexAltered => entry.log_index += 1,
            Fault::LogAltered => entry.log_id = other().rekor.key_id().to_vec(),
            Fault::EntryOfAnotherLog => entry = other().rekor.take(&entry.body, logged, LOG_INDEX),
            Fault::EntryForAnotherSignature => {
                let mut signature = signature.clone();
                flip_last(&mut signature);
                entry = promised(&hashedrekord(&signature, verifier, payload));
            }
            Fault::EntryForAnotherCertificate => entry = promised(&hashedrekord(signature, another, payload)),
            Fault::EntryForAnotherPayload => entry = promised(&hashedrekord(signature, verifier, b"another")),
            Fault::RekordEntry => entry = promised(&rekord(signature, verifier, payload)),
            Fault::TimestampOfAnotherSignature => signed.timestamp = Some(self.tsa.stamp(b"another", logged)),
            Fault::TimestampOfAnotherAuthority => {
                signed.timestamp = Some(other().tsa.stamp(signature, logged))
            }
            Fault::TimestampTooLate => signed.timestamp = Some(self.tsa.stamp(signature, end + 1)),
            _ => {}
        }
        signed.entry = Some(entry).filter(|_| fault != Fault::NoEntry);
    }
}

fn flip_last(bytes: &mut [u8]) {
    *bytes.last_mut().unwrap() ^= 1;
}
