//! The live backend against a registry of a few lines.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]

#[path = "support/digest.rs"]
mod digest;
#[path = "support/server.rs"]
mod server;

use digest::digest;
use serde_json::{Value, json};
use server::{Reply, Server};
use sigwarden_host::registry::Patience;
use sigwarden_host::{Backend, BackendError, HostCall, Registry};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";

/// A registry client that uses http for this server.
fn client(server: &Server) -> Result<Registry, sigwarden_host::registry::SetupError> {
    Registry::new([server.address.clone()])
}

fn image(server: &Server) -> String {
    format!("{}/app:v1", server.address)
}

fn manifest_of(config: &str) -> String {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": CONFIG_TYPE, "digest": digest(config), "size": config.len(), "data": "e30="},
        "layers": [{
            "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
            "digest": digest("layer"), "size": 5,
            "annotations": {"dev.cosignproject.cosign/signature": "MEUC"},
            "data": "bGF5ZXI=", "unknownField": 1,
        }],
        "annotations": {"a": "b"},
        "unknownField": 1,
    })
    .to_string()
}

/// Answers with a manifest under every name, and with a config under the digest of it.
fn serve(manifest: String, config: &'static str) -> Server {
    Server::start(move |request| match request {
        "GET /v2/" => Reply::new(200, "{}"),
        _ if request.contains("/blobs/") => Reply::new(200, config),
        _ => Reply::new(200, manifest.clone())
            .header("Content-Type", MANIFEST_TYPE.to_owned())
            .header("Docker-Content-Digest", digest(&manifest)),
    })
}

fn error(reply: impl Fn() -> Reply + Send + 'static) -> Result<(Server, BackendError), Vec<u8>> {
    let server = Server::start(move |request| match request {
        "GET /v2/" => Reply::new(200, "{}"),
        _ => reply(),
    });
    let mut client = match client(&server) {
        Ok(client) => client,
        Err(error) => return Err(error.to_string().into_bytes()),
    };
    let call = HostCall::OciManifest { image: image(&server) };
    client.answer(&call).map_or_else(|error| Ok((server, error)), Err)
}

#[test]
fn a_digest_is_what_the_header_says() {
    let server = Server::start(|_| Reply::new(200, "").header("Docker-Content-Digest", digest("anything")));
    let answer = client(&server).unwrap().answer(&HostCall::OciManifestDigest { image: image(&server) });
    assert_eq!(
        serde_json::from_slice::<Value>(&answer.unwrap()).unwrap(),
        json!({"digest": digest("anything")})
    );
    assert_eq!(server.asked().last().unwrap(), "HEAD /v2/app/manifests/v1");
}

#[test]
fn without_header_the_manifest_is_hashed() {
    let server = Server::start(|_| Reply::new(200, "{}"));
    let answer = client(&server).unwrap().answer(&HostCall::OciManifestDigest { image: image(&server) });
    assert_eq!(serde_json::from_slice::<Value>(&answer.unwrap()).unwrap(), json!({"digest": digest("{}")}));
}

#[test]
fn a_manifest_loses_what_the_types_do_not_have() {
    let server = serve(manifest_of("{}"), "{}");
    let answer = client(&server).unwrap().answer(&HostCall::OciManifest { image: image(&server) });
    assert_eq!(
        String::from_utf8(answer.unwrap()).unwrap(),
        format!(
            concat!(
                r#"{{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"{}","digest":"{}","size":2}},"#,
                r#""layers":[{{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json","digest":"{}","size":5,"#,
                r#""annotations":{{"dev.cosignproject.cosign/signature":"MEUC"}}}}],"annotations":{{"a":"b"}}}}"#
            ),
            MANIFEST_TYPE,
            CONFIG_TYPE,
            digest("{}"),
            digest("layer")
        )
    );
}

#[test]
fn an_index_keeps_its_entries() {
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": MANIFEST_TYPE, "digest": digest("child"), "size": 5,
            "platform": {"architecture": "amd64", "os": "linux"},
            "artifactType": "application/vnd.oci.empty.v1+json",
            "annotations": {"a": "b"},
        }],
    });
    let text = index.to_string();
    let server = Server::start(move |_| {
        Reply::new(200, text.clone())
            .header("Content-Type", "application/vnd.oci.image.index.v1+json".to_owned())
    });
    let answer = client(&server).unwrap().answer(&HostCall::OciManifest { image: image(&server) }).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&answer).unwrap(), index);
}

#[test]
fn a_config_comes_with_its_keys_sorted() {
    const CONFIG: &str = r#"{"b": {"d": 1, "c": 2}, "a": "x"}"#;
    let manifest = manifest_of(CONFIG);
    let manifest_digest = digest(&manifest);
    let server = serve(manifest, CONFIG);
    let call = HostCall::OciManifestAndConfig { image: image(&server) };
    let answer = String::from_utf8(client(&server).unwrap().answer(&call).unwrap()).unwrap();
    let expected = format!(r#","digest":"{manifest_digest}","config":{{"a":"x","b":{{"c":2,"d":1}}}}}}"#);
    assert!(answer.starts_with(r#"{"manifest":{"schemaVersion":2,"#), "{answer}");
    assert!(answer.ends_with(&expected), "{answer}");
}

#[test]
fn a_config_that_is_not_json_is_an_error() {
    let server = serve(manifest_of("not json"), "not json");
    let call = HostCall::OciManifestAndConfig { image: image(&server) };
    let error = client(&server).unwrap().answer(&call).unwrap_err();
    assert_eq!(error, BackendError::new("expected ident at line 1 column 2"));
}

#[test]
fn a_config_of_another_digest_is_an_error() {
    let server = serve(manifest_of("{}"), r#"{"forged": true}"#);
    let call = HostCall::OciManifestAndConfig { image: image(&server) };
    let error = client(&server).unwrap().answer(&call).unwrap_err();
    assert!(error.message().starts_with("Fail to interact with OCI registry: "), "{error}");
}

#[test]
fn a_manifest_of_another_digest_is_an_error() {
    let server = serve(manifest_of("{}"), "{}");
    let image = format!("{}/app@{}", server.address, digest("another"));
    let error = client(&server).unwrap().answer(&HostCall::OciManifest { image }).unwrap_err();
    assert!(error.message().starts_with("Fail to interact with OCI registry: Digest error: "), "{error}");
}

#[test]
fn what_the_registry_does_not_have_is_told_in_its_words() {
    let (server, error) = error(Reply::manifest_unknown).unwrap();
    assert_eq!(
        error.message(),
        format!(
            "Fail to interact with OCI registry: Registry error: url http://{}/v2/app/manifests/v1, envelope: OCI API errors: [OCI API error: manifest unknown]",
            server.address
        )
    );
}

#[test]
fn an_answer_without_envelope_is_quoted() {
    let (server, error) = error(|| Reply::new(503, "come back later")).unwrap();
    assert_eq!(
        error.message(),
        format!(
            "Fail to interact with OCI registry: Server error: url http://{}/v2/app/manifests/v1, code: 503, message: come back later",
            server.address
        )
    );
}

#[test]
fn a_refusal_names_the_url() {
    let (server, error) = error(|| Reply::new(401, "{}")).unwrap();
    assert_eq!(
        error.message(),
        format!(
            "Fail to interact with OCI registry: Not authorized: url http://{}/v2/app/manifests/v1",
            server.address
        )
    );
}

#[test]
fn a_registry_that_is_not_there_is_an_error() {
    let server = Server::start(|_| Reply::new(200, "{}"));
    // Without being told that it is insecure, the client speaks TLS to it.
    let mut client = Registry::new([]).unwrap();
    let error = client.answer(&HostCall::OciManifestDigest { image: image(&server) }).unwrap_err();
    assert!(
        error
            .message()
            .starts_with("Fail to interact with OCI registry: error sending request for url (https://"),
        "{error}"
    );
}

/// A server that gets each connection to do with it what it likes, and its address.
fn listener(with: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || listener.incoming().flatten().for_each(with));
    address
}

/// A fraction of the patience of the program.
const IMPATIENT: Patience = Patience {
    connect: Duration::from_millis(300),
    read: Duration::from_millis(300),
    answer: Duration::from_millis(1500),
};

/// What a server is given up with.
fn given_up(address: String, insecure: bool) -> String {
    let insecure = insecure.then(|| address.clone());
    let mut client = Registry::with_patience(insecure, IMPATIENT).unwrap();
    let error =
        client.answer(&HostCall::OciManifestDigest { image: format!("{address}/app:v1") }).unwrap_err();
    error.to_string().replace(&address, "HOST")
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    const WORDS: &str = "Fail to interact with OCI registry: error sending request for url";
    // The connection is kept, so that nothing ends it but the client.
    let silent = || listener(std::mem::forget);
    assert_eq!(given_up(silent(), true), format!("{WORDS} (http://HOST/v2/app/manifests/v1)"));
    // The connection is there, and TLS never is.
    assert_eq!(given_up(silent(), false), format!("{WORDS} (https://HOST/v2/app/manifests/v1)"));
}

#[test]
fn an_answer_that_comes_in_drops_is_given_up() {
    let address = listener(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let mut sent = stream.write_all(b"HTTP/1.1 200 -\r\nContent-Length: 1000\r\n\r\n");
        // Each drop comes in time.
        while sent.is_ok() {
            thread::sleep(Duration::from_millis(50));
            sent = stream.write_all(b" ");
        }
    });
    assert_eq!(
        given_up(address, true),
        "Fail to interact with OCI registry: timed out: no whole answer within 1500 ms"
    );
}

#[test]
fn the_program_waits_for_seconds() {
    let Patience { connect, read, answer } = Patience::default();
    assert_eq!([connect, read, answer].map(|limit| limit.as_secs()), [5, 15, 60]);
}

#[test]
fn what_is_no_reference_is_never_asked_for() {
    let error = Registry::new([]).unwrap().answer(&HostCall::OciManifest { image: "UPPER//case".to_owned() });
    assert_eq!(error, Err(BackendError::new("invalid reference format")));
}

#[test]
fn a_cluster_is_only_there_in_recordings() {
    let call = HostCall::KubernetesGetResource {
        api_version: "v1".to_owned(),
        kind: "Secret".to_owned(),
        name: "keys".to_owned(),
        namespace: None,
        disable_cache: false,
        field_masks: None,
    };
    let error = Registry::new([]).unwrap().answer(&call).unwrap_err();
    assert_eq!(error, BackendError::unsupported(&call));
}
