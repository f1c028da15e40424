//! What the real kwctl recorded, read, replayed and written again by this host.

#[path = "support/server.rs"]
mod server;

use server::{Reply, Server};
use sigwarden_host::session::{Exchange, Session};
use sigwarden_host::{Backend as _, HostCall, Recorder, Registry, Replay};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The recordings, which are not part of this repository; none where there is no such directory.
fn recordings() -> Option<Vec<PathBuf>> {
    let directory = match env::var_os("SIGWARDEN_TESTDATA") {
        Some(directory) => PathBuf::from(directory),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/testdata"),
    }
    .join("kwctl-sessions");
    let Ok(entries) = fs::read_dir(&directory) else {
        println!("skipped: there is no {}; set SIGWARDEN_TESTDATA", directory.display());
        return None;
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yml"));
    paths.sort();
    Some(paths)
}

#[test]
fn a_recording_survives_replay_and_re_recording() {
    let Some(paths) = recordings() else { return };
    assert!(!paths.is_empty());
    for path in paths {
        let session = Session::load(&path).unwrap();
        assert!(!session.0.is_empty(), "{}", path.display());
        let mut recorder = Recorder::new(Replay::new(session.clone()));
        for Exchange { call, answer } in &session.0 {
            let replayed = recorder.answer(call);
            let replayed = replayed.map(|payload| String::from_utf8(payload).unwrap());
            assert_eq!(&replayed.map_err(|error| error.message().to_owned()), answer);
        }
        recorder.finish().unwrap();
        let again = recorder.session().unwrap();
        assert_eq!(again, session, "{}", path.display());
        // Not only the same exchanges: the same file.
        assert_eq!(again.to_yaml().unwrap(), fs::read_to_string(&path).unwrap());
    }
}

#[test]
fn a_missing_manifest_is_the_error_that_kwctl_recorded() {
    let Some(paths) = recordings() else { return };
    let server = Server::start(|request| match request {
        "GET /v2/" => Reply::new(200, "{}"),
        _ => Reply::manifest_unknown(),
    });
    let mut registry = Registry::new([server.address.clone()]).unwrap();
    let mut compared = 0;
    for Exchange { call, answer } in paths.iter().flat_map(|path| Session::load(path).unwrap().0) {
        let (HostCall::OciManifest { image }, Err(recorded)) = (call, answer) else { continue };
        let tag = image.rsplit(':').next().unwrap().to_owned();
        let image = image.replace("localhost:5000", &server.address);
        let error = registry.answer(&HostCall::OciManifest { image }).unwrap_err();
        assert_eq!(error.message().replace(&server.address, "localhost:5000"), recorded);
        assert_eq!(server.asked().last().unwrap(), &format!("GET /v2/app/manifests/{tag}"));
        compared += 1;
    }
    assert!(compared > 0);
}
