//! Recordings of host calls, in the format of kwctl's `--record-host-capabilities-interactions`.
//!
//! A recording is a YAML list of exchanges. The request of each is itself YAML, in a string, with the name of
//! the call as its tag:
//!
//! ```yaml
//! - type: Exchange
//!   request: |
//!     !OciManifestDigest
//!     image: registry.example.com/app:v1
//!   response:
//!     type: Success
//!     payload: '{"digest":"sha256:…"}'
//! ```
//!
//! Replay is strictly first in, first out. kwctl tells the guest about a call that was not the recorded one and
//! goes on, and warns about what was left over; here both fail the run, because a recording that no longer fits
//! shows nothing.

use crate::call::HostCall;
use crate::host::{Backend, BackendError};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use thiserror::Error;

/// A list of exchanges between a policy and a host.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Session(pub Vec<Exchange>);

/// One call and its answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exchange {
    /// What was asked.
    pub call: HostCall,
    /// What was answered: the payload, or the first line of the error.
    pub answer: Result<String, String>,
}

/// What can go wrong with a recording.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The list of exchanges is not the YAML kwctl writes.
    #[error("the recording cannot be read: {0}")]
    Malformed(serde_norway::Error),
    /// One request in it is not a call this host knows.
    #[error("exchange {number} of the recording cannot be read: {source}")]
    MalformedRequest {
        /// Counted from 1.
        number: usize,
        /// What the YAML parser says.
        source: serde_norway::Error,
    },
    /// The policy asked something else than what was recorded, or more.
    #[error("the policy did not make the recorded calls: {0}")]
    Mismatch(String),
    /// The policy asked less than what was recorded.
    #[error("{count} recorded calls were not made, the first is {first:?}")]
    Leftover {
        /// How many.
        count: usize,
        /// The one that would have been next.
        first: Box<HostCall>,
    },
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// An answer is not text, so a recording cannot hold it.
    #[error("the answer to {0:?} is not UTF-8")]
    NotText(Box<HostCall>),
    /// The file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// An exchange as it stands in the file.
#[derive(Deserialize, Serialize)]
#[serde(tag = "type", rename = "Exchange")]
struct FileExchange {
    request: String,
    response: FileResponse,
}

#[derive(Deserialize, Serialize)]
#[serde(tag = "type")]
enum FileResponse {
    Success { payload: String },
    Error { message: String },
}

impl Session {
    /// Reads a recording from a file.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be read or is no recording.
    pub fn load(path: &Path) -> Result<Self, SessionError> {
        let yaml = fs::read_to_string(path)
            .map_err(|source| SessionError::Read { path: path.to_owned(), source })?;
        Self::from_yaml(&yaml)
    }

    /// Reads a recording.
    ///
    /// # Errors
    ///
    /// Fails when it is not a list of exchanges of calls that this host knows.
    pub fn from_yaml(yaml: &str) -> Result<Self, SessionError> {
        let exchanges: Vec<FileExchange> = serde_norway::from_str(yaml).map_err(SessionError::Malformed)?;
        exchanges.into_iter().zip(1..).map(Exchange::read).collect::<Result<_, _>>().map(Self)
    }

    /// Writes the recording as kwctl does.
    ///
    /// # Errors
    ///
    /// Does not fail for calls that came from a guest.
    pub fn to_yaml(&self) -> Result<String, SessionError> {
        let exchanges: Vec<FileExchange> =
            self.0.iter().map(Exchange::write).collect::<Result<_, _>>().map_err(SessionError::Malformed)?;
        serde_norway::to_string(&exchanges).map_err(SessionError::Malformed)
    }
}

impl Exchange {
    fn read((file, number): (FileExchange, usize)) -> Result<Self, SessionError> {
        let call = serde_norway::from_str(&file.request)
            .map_err(|source| SessionError::MalformedRequest { number, source })?;
        let answer = match file.response {
            FileResponse::Success { payload } => Ok(payload),
            FileResponse::Error { message } => Err(message),
        };
        Ok(Self { call, answer })
    }

    fn write(&self) -> Result<FileExchange, serde_norway::Error> {
        let response = match self.answer.clone() {
            Ok(payload) => FileResponse::Success { payload },
            Err(message) => FileResponse::Error { message },
        };
        Ok(FileExchange { request: serde_norway::to_string(&self.call)?, response })
    }
}

/// Answers from a recording.
#[derive(Clone, Debug)]
pub struct Replay {
    exchanges: VecDeque<Exchange>,
    mismatch: Option<String>,
}

impl Replay {
    /// Answers from `session`, in its order.
    #[must_use]
    pub fn new(session: Session) -> Self {
        Self { exchanges: session.0.into(), mismatch: None }
    }

    fn next(&mut self, call: &HostCall) -> Result<Exchange, String> {
        match self.exchanges.pop_front() {
            None => Err("the list of recorded responses is empty".to_owned()),
            Some(exchange) if exchange.call == *call => Ok(exchange),
            Some(exchange) => Err(format!(
                "Replay error: unexpected request. Was expecting {:?}, got {call:?} instead",
                exchange.call
            )),
        }
    }
}

impl Backend for Replay {
    fn answer(&mut self, call: &HostCall) -> Result<Vec<u8>, BackendError> {
        match self.next(call) {
            Ok(exchange) => exchange.answer.map(String::into_bytes).map_err(BackendError::new),
            Err(mismatch) => {
                // The first one explains the others.
                self.mismatch.get_or_insert_with(|| mismatch.clone());
                Err(BackendError::new(mismatch))
            }
        }
    }

    fn finish(&mut self) -> Result<(), SessionError> {
        match (self.mismatch.take(), self.exchanges.front()) {
            (Some(mismatch), _) => Err(SessionError::Mismatch(mismatch)),
            (None, Some(next)) => Err(SessionError::Leftover {
                count: self.exchanges.len(),
                first: Box::new(next.call.clone()),
            }),
            (None, None) => Ok(()),
        }
    }
}

/// Passes calls on to another backend and keeps the exchanges. Clones keep theirs in the same list.
#[derive(Clone, Debug)]
pub struct Recorder<B> {
    inner: B,
    exchanges: Arc<Mutex<Vec<Result<Exchange, HostCall>>>>,
    destination: Option<PathBuf>,
}

impl<B: Backend> Recorder<B> {
    /// Records what `inner` answers.
    #[must_use]
    pub fn new(inner: B) -> Self {
        Self { inner, exchanges: Arc::default(), destination: None }
    }

    /// The same, and writes the recording to `destination` when the run ends.
    #[must_use]
    pub fn to_file(self, destination: PathBuf) -> Self {
        Self { destination: Some(destination), ..self }
    }

    /// What was recorded so far.
    ///
    /// # Errors
    ///
    /// Fails if an answer cannot be written down because it is not text.
    pub fn session(&self) -> Result<Session, SessionError> {
        self.exchanges()
            .iter()
            .cloned()
            .collect::<Result<_, _>>()
            .map(Session)
            .map_err(|call| SessionError::NotText(Box::new(call)))
    }

    fn exchanges(&self) -> MutexGuard<'_, Vec<Result<Exchange, HostCall>>> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Backend> Backend for Recorder<B> {
    fn answer(&mut self, call: &HostCall) -> Result<Vec<u8>, BackendError> {
        let answer = self.inner.answer(call);
        let recorded = match &answer {
            Ok(payload) => String::from_utf8(payload.clone()).map(Ok).map_err(|_| call.clone()),
            Err(error) => Ok(Err(error.message().to_owned())),
        };
        self.exchanges().push(recorded.map(|answer| Exchange { call: call.clone(), answer }));
        answer
    }

    fn finish(&mut self) -> Result<(), SessionError> {
        self.inner.finish()?;
        let Some(path) = &self.destination else { return Ok(()) };
        fs::write(path, self.session()?.to_yaml()?)
            .map_err(|source| SessionError::Write { path: path.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "- type: Exchange
  request: |
    !OciManifestDigest
    image: registry.example.com/app:v1
  response:
    type: Success
    payload: '{\"digest\":\"sha256:ab\"}'
- type: Exchange
  request: |
    !OciManifest
    image: registry.example.com/app:sha256-ab.sig
  response:
    type: Error
    message: 'Fail to interact with OCI registry: no'
";

    fn digest() -> HostCall {
        HostCall::OciManifestDigest { image: "registry.example.com/app:v1".to_owned() }
    }

    fn manifest() -> HostCall {
        HostCall::OciManifest { image: "registry.example.com/app:sha256-ab.sig".to_owned() }
    }

    #[test]
    fn a_recording_reads_and_writes_to_the_byte() {
        let session = Session::from_yaml(YAML).unwrap();
        assert_eq!(
            session.0,
            [
                Exchange { call: digest(), answer: Ok(r#"{"digest":"sha256:ab"}"#.to_owned()) },
                Exchange {
                    call: manifest(),
                    answer: Err("Fail to interact with OCI registry: no".to_owned())
                },
            ]
        );
        assert_eq!(session.to_yaml().unwrap(), YAML);
    }

    #[test]
    fn the_empty_recording_is_an_empty_list() {
        assert_eq!(Session::from_yaml("[]").unwrap(), Session::default());
        assert_eq!(Session::default().to_yaml().unwrap(), "[]\n");
    }

    #[test]
    fn a_request_without_masks_is_one_from_an_older_kwctl() {
        let yaml = "- type: Exchange\n  request: |\n    !KubernetesGetResource\n    api_version: v1\n    kind: Secret\n    name: keys\n    namespace: trust\n    disable_cache: false\n  response:\n    type: Success\n    payload: '{}'\n";
        let session = Session::from_yaml(yaml).unwrap();
        assert_eq!(session.0[0].call.capability(), "kubernetes/get_resource");
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        assert!(matches!(Session::from_yaml("{}"), Err(SessionError::Malformed(_))));
        let unknown = YAML.replace("!OciManifest\n", "!OciLayer\n");
        assert!(matches!(
            Session::from_yaml(&unknown),
            Err(SessionError::MalformedRequest { number: 2, .. })
        ));
        let missing = Path::new("no such directory/session.yml");
        assert!(matches!(Session::load(missing), Err(SessionError::Read { .. })));
    }

    #[test]
    fn the_recorded_calls_in_their_order_end_well() {
        let mut replay = Replay::new(Session::from_yaml(YAML).unwrap());
        assert_eq!(replay.answer(&digest()).unwrap(), br#"{"digest":"sha256:ab"}"#);
        assert_eq!(
            replay.answer(&manifest()),
            Err(BackendError::new("Fail to interact with OCI registry: no"))
        );
        replay.finish().unwrap();
    }

    #[test]
    fn another_call_fails_the_guest_and_the_run() {
        let mut replay = Replay::new(Session::from_yaml(YAML).unwrap());
        let expected = "Replay error: unexpected request. Was expecting OciManifestDigest { image: \"registry.example.com/app:v1\" }, got OciManifest { image: \"registry.example.com/app:sha256-ab.sig\" } instead";
        assert_eq!(replay.answer(&manifest()), Err(BackendError::new(expected)));
        // The recorded exchange is used up, as it is with kwctl.
        assert!(replay.answer(&manifest()).unwrap_err().message().starts_with("Fail to interact"));
        assert!(matches!(replay.finish(), Err(SessionError::Mismatch(mismatch)) if mismatch == expected));
    }

    #[test]
    fn one_call_too_many_fails_the_run() {
        let mut replay = Replay::new(Session::default());
        let empty = "the list of recorded responses is empty";
        assert_eq!(replay.answer(&digest()), Err(BackendError::new(empty)));
        assert!(matches!(replay.finish(), Err(SessionError::Mismatch(mismatch)) if mismatch == empty));
    }

    #[test]
    fn one_call_too_few_fails_the_run() {
        let mut replay = Replay::new(Session::from_yaml(YAML).unwrap());
        replay.answer(&digest()).unwrap();
        assert!(matches!(
            replay.finish(),
            Err(SessionError::Leftover { count: 1, first }) if *first == manifest()
        ));
    }

    #[test]
    fn what_is_replayed_is_recorded_again() {
        let mut recorder = Recorder::new(Replay::new(Session::from_yaml(YAML).unwrap()));
        recorder.answer(&digest()).unwrap();
        recorder.answer(&manifest()).unwrap_err();
        recorder.finish().unwrap();
        assert_eq!(recorder.session().unwrap().to_yaml().unwrap(), YAML);
    }

    struct Bytes;

    impl Backend for Bytes {
        fn answer(&mut self, _: &HostCall) -> Result<Vec<u8>, BackendError> {
            Ok(vec![0xff])
        }
    }

    #[test]
    fn an_answer_that_is_not_text_cannot_be_recorded() {
        let mut recorder = Recorder::new(Bytes);
        assert_eq!(recorder.answer(&digest()).unwrap(), [0xff]);
        assert!(matches!(recorder.session(), Err(SessionError::NotText(call)) if *call == digest()));
    }
}
