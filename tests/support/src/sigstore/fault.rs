//! Keyless signatures that are good but for one thing.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each place breaks a few things and leaves the rest alone"
)]

use super::Sigstore;
use super::certificate::SERVER_AUTH;
use super::layer::{LOG_INDEX, Signed};
use super::leaf::{Leaf, Scts};
use super::rekor::{Entry, hashedrekord, rekord};
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
    /// The promised entry is for another certificate.
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
    pub const ALL: [(&'static str, Self); 27] = [
        ("none", Self::None),
        ("expired", Self::Expired),
        ("not-yet-valid", Self::NotYetValid),
        ("another-root", Self::AnotherRoot),
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
    ///
    /// # Panics
    /// Never: all that is changed is there.
    #[must_use]
    pub fn sign_badly(&self, leaf: &Leaf, payload: &str, logged: i64, fault: Fault) -> Signed {
        let other = Self::new(&format!("{} unknown", self.name), self.since);
        let leaf = fault.on_leaf(leaf, logged);
        // All of another authority but its CA's key is this one's.
        let authority = Self { fulcio: other.fulcio.clone(), ..self.clone() };
        let by = if fault == Fault::AnotherRoot { &authority } else { self };
        let mut signed = by.sign(&leaf, payload, logged);
        let another = || Leaf { serial: "another".to_owned(), ..leaf.clone() };
        match fault {
            Fault::BadSignature => {
                flip_last(&mut signed.signature);
                signed.entry = Some(self.log(&signed, signed.certificate.as_deref().unwrap(), logged));
            }
            Fault::AnotherCertificate => {
                let key = TypedKey::p256("another");
                let certificate = self.certify(&Leaf { key, ..another() }).pem();
                signed.entry = Some(self.log(&signed, &certificate, logged));
                signed.certificate = Some(certificate);
            }
            Fault::NoEntry => signed.entry = None,
            Fault::TimestampOfAnotherSignature => signed.timestamp = Some(self.tsa.stamp(b"another", logged)),
            Fault::TimestampOfAnotherAuthority => {
                signed.timestamp = Some(other.tsa.stamp(&signed.signature, logged));
            }
            Fault::TimestampTooLate => {
                signed.timestamp = Some(self.tsa.stamp(&signed.signature, leaf.not_after + 1));
            }
            _ => signed.entry = Some(self.bad_entry(&signed, &self.certify(&another()).pem(), &other, fault)),
        }
        signed
    }

    fn bad_entry(&self, signed: &Signed, another: &str, other: &Self, fault: Fault) -> Entry {
        let mut entry = signed.entry.clone().unwrap();
        let certificate = signed.certificate.as_deref().unwrap();
        let (signature, payload) = (&signed.signature, &signed.payload);
        let promised = |body: &[u8]| self.rekor.take(body, entry.integrated_time, LOG_INDEX);
        match fault {
            Fault::NoPromise => entry.set = None,
            Fault::BadPromise => flip_last(entry.set.as_mut().unwrap()),
            Fault::BodyAltered => entry.body.push(b' '),
            Fault::TimeAltered => entry.integrated_time += 1,
            Fault::IndexAltered => entry.log_index += 1,
            Fault::LogAltered => entry.log_id = other.rekor.key_id().to_vec(),
            Fault::EntryOfAnotherLog => {
                entry = other.rekor.take(&entry.body, entry.integrated_time, LOG_INDEX);
            }
            Fault::EntryForAnotherSignature => {
                let mut signature = signature.clone();
                flip_last(&mut signature);
                entry = promised(&hashedrekord(&signature, certificate, payload));
            }
            Fault::EntryForAnotherCertificate => entry = promised(&hashedrekord(signature, another, payload)),
            Fault::EntryForAnotherPayload => {
                entry = promised(&hashedrekord(signature, certificate, b"another"))
            }
            Fault::RekordEntry => entry = promised(&rekord(signature, certificate, payload)),
            _ => {}
        }
        entry
    }
}

fn flip_last(bytes: &mut [u8]) {
    *bytes.last_mut().unwrap() ^= 1;
}
