//! Compiles the public keys of `keys/` (or of the directory in `SIGWARDEN_KEYS`) into the module.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=SIGWARDEN_KEYS");
    let manifest_dir = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let dir = match env::var("SIGWARDEN_KEYS") {
        Ok(dir) => manifest_dir.join(dir),
        Err(_) => manifest_dir.join("keys"),
    };
    println!("cargo::rerun-if-changed={}", dir.display());

    let mut keys = Vec::new();
    for entry in fs::read_dir(&dir).map_err(|e| format!("{}: {e}", dir.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "pub") {
            keys.push(read_key(&path)?);
        }
    }
    keys.sort();
    let out = PathBuf::from(env::var("OUT_DIR")?).join("keyring.rs");
    fs::write(out, format!("const KEYS: &[(&str, &str)] = &{keys:?};\n"))?;
    Ok(())
}

/// The name and the text of a key file. What makes a file unfit for a module that trusts it ends the
/// build: the settings parser would only notice when a rule names the key.
fn read_key(path: &Path) -> Result<(String, String), Box<dyn Error>> {
    let shown = path.display();
    println!("cargo::rerun-if-changed={shown}");
    let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
        return Err(format!("{shown}: a key's file name is made of letters, digits, `-`, `_` and `.`").into());
    }
    let pem = fs::read_to_string(path).map_err(|e| format!("{shown}: {e}"))?;
    let one_block = pem.matches("-----BEGIN ").count() == 1;
    if !one_block || !pem.contains("-----BEGIN PUBLIC KEY-----") || !pem.contains("-----END PUBLIC KEY-----")
    {
        return Err(format!("{shown}: expected exactly one PEM block `PUBLIC KEY`").into());
    }
    Ok((name.to_owned(), pem))
}
