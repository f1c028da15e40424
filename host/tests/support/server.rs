//! A registry of a few lines, for tests: it answers what a function says and writes down what it was asked.

#![expect(clippy::expect_used, reason = "a test that cannot listen on loopback has nothing to go on with")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// One answer.
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Reply {
    /// An answer of a status, with a body.
    pub(crate) fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// What distribution answers for a manifest it does not have.
    pub(crate) fn manifest_unknown() -> Self {
        Self::new(
            404,
            r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"v1"}}]}"#,
        )
        .header("Content-Type", "application/json".to_owned())
    }

    /// The same with a header more.
    pub(crate) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// The server. It runs until the test process ends.
pub(crate) struct Server {
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts a server; `route` gets `METHOD PATH`.
    pub(crate) fn start(route: impl Fn(&str) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let address = listener.local_addr().expect("the port").to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that hangs up spoils its own test only.
                let _ = serve(&stream, &route, &log);
            }
        });
        Self { address, asked }
    }

    /// The requests so far, as `METHOD TARGET`: the target is a whole URL where the server is used as a proxy.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("the log").clone()
    }
}

fn serve(
    mut stream: &TcpStream,
    route: &impl Fn(&str) -> Reply,
    log: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut words = request.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    log.lock().expect("the log").push(format!("{method} {target}"));
    // The rest of the head; no request of these clients has a body.
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = match target.strip_prefix("http://").and_then(|url| url.split_once('/')) {
        Some((_, path)) => format!("/{path}"),
        None => target.to_owned(),
    };
    let Reply { status, headers, body } = route(&format!("{method} {path}"));
    write!(stream, "HTTP/1.1 {status} -\r\nContent-Length: {}\r\nConnection: close\r\n", body.len())?;
    for (name, value) in headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "\r\n{}", if method == "HEAD" { "" } else { &body })
}
