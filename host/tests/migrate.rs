//! The pages on migration: what their commands print is what they show.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]

#[path = "support/page.rs"]
mod page;
#[path = "support/server.rs"]
mod server;

use page::{Part, parts, root, run, with_our_keys};
use server::{Reply, Server};
use sigwarden_testkit::Key;
use sigwarden_testkit::forge::{hex_digest, manifest, signed};
use std::fs;
use std::path::Path;

/// A registry with a signed and an unsigned image.
fn registry() -> Server {
    Server::start(|request| {
        let path = request.split_once(' ').unwrap().1;
        let digest = |name: &str| hex_digest(format!("an image called {name}").as_bytes());
        let shop = digest("shop");
        let signature = format!("/v2/acme/shop/manifests/{}.sig", shop.replace(':', "-"));
        match path {
            "/v2/" => Reply::new(200, "{}"),
            "/v2/acme/shop/manifests/1" => Reply::new(200, "").header("Docker-Content-Digest", shop),
            "/v2/acme/tool/manifests/1" => {
                Reply::new(200, "").header("Docker-Content-Digest", digest("tool"))
            }
            path if path == signature => {
                let layer = signed(&Key::new("release"), "registry.example.com/acme/shop", &shop);
                Reply::new(200, manifest(&[layer]).to_string())
                    .header("Content-Type", "application/vnd.oci.image.manifest.v1+json".to_owned())
            }
            _ => Reply::manifest_unknown(),
        }
    })
}

#[test]
fn the_pages_show_what_is_printed() {
    let mut commands = 0;
    for page in ["kyverno", "verify-image-signatures"] {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("migrate-{page}"));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        let registry = registry();
        let mut asked = 0;
        let text = fs::read_to_string(root().join(format!("docs/migrate/{page}.md"))).unwrap();
        let mut written = String::new();
        for part in parts(&text) {
            match part {
                Part::File { name, text } => fs::write(directory.join(name), with_our_keys(&text)).unwrap(),
                Part::Command { command, printed } => {
                    let (found, to_file) = run(&directory, &command, &registry.address);
                    assert_eq!(found, printed, "{page}: {command}");
                    // Only images that a rule names are asked about: one with its signature; one without, for which a carrier
                    // is looked for too, and the tag by which cosign 3 would show.
                    asked += if command.starts_with("sigwarden check") { 6 } else { 0 };
                    written = to_file;
                    commands += 1;
                }
                Part::Output(part) => {
                    assert!(
                        written.contains(&with_our_keys(&part)),
                        "{page}: not written:\n{part}\n{written}"
                    );
                }
            }
        }
        let manifests =
            |asked: &Vec<String>| asked.iter().filter(|path| path.contains("/manifests/")).count();
        assert_eq!(manifests(&registry.asked()), asked, "{page}: {:?}", registry.asked());
    }
    assert_eq!(commands, 4);
}
