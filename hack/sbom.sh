#!/usr/bin/env bash
# Writes the bill of materials of the module, CycloneDX in JSON: hack/sbom.sh FILE. Needs cargo-cyclonedx
# (cargo install --locked --version 0.5.9 cargo-cyclonedx).
#
# It lists what is compiled into the module, by Cargo.lock: nothing of the host and of the tests.
set -euo pipefail
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

[ $# = 1 ] || die "usage: hack/sbom.sh FILE"
cargo cyclonedx --version >/dev/null 2>&1 ||
  die "cargo-cyclonedx is not installed: cargo install --locked --version 0.5.9 cargo-cyclonedx"
mkdir -p "$(dirname "$1")"
output=$(realpath "$1")

# In the workspace, cargo would add the features that only the host and the tests switch on. So: the package alone,
# without its tests, with the versions of the same Cargo.lock.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$REPO"/{Cargo.lock,build.rs,src} "$work"
python3 - "$REPO/Cargo.toml" >"$work/Cargo.toml" <<'PY'
import re, sys
manifest = open(sys.argv[1]).read()
manifest, members = re.subn(r"(?m)^members = .*$", "members = []", manifest)
manifest, tests = re.subn(r"(?ms)^\[dev-dependencies\]\n.*?(?=^\[)", "", manifest)
assert (members, tests) == (1, 1)
print(manifest)
PY
cd "$work"
SOURCE_DATE_EPOCH=$(git -C "$REPO" log -1 --format=%ct) \
  cargo cyclonedx --quiet --format json --spec-version 1.5 --target wasm32-wasip1 --no-build-deps \
  --override-filename sbom
# Where it was built is nobody's business.
sed "s#path+file://[^\"]*#pkg:cargo/sigwarden#g; s#?download_url=file[^\"]*##g" sbom.json >"$output"
# cargo-cyclonedx also lists optional dependencies that no feature switches on; cargo's own tree does not.
cargo tree --quiet --edges normal --target wasm32-wasip1 --prefix none --format '{p}' >compiled
python3 - "$output" compiled "$REPO/Cargo.lock" <<'PY'
import json, sys, tomllib

bom = json.load(open(sys.argv[1]))
tree = {tuple(line.split()[:2]) for line in open(sys.argv[2]) if line.strip()}
compiled = {(name, version.removeprefix("v")) for name, version in tree}
bom["components"] = [part for part in bom["components"] if (part["name"], part["version"]) in compiled]
kept = {part["bom-ref"] for part in bom["components"]} | {bom["metadata"]["component"]["bom-ref"]}
bom["dependencies"] = [
    {**node, "dependsOn": [ref for ref in node.get("dependsOn", []) if ref in kept]}
    for node in bom["dependencies"]
    if node["ref"] in kept
]

found = {(part["name"], part["version"]) for part in bom["components"]}
locked = {(part["name"], part["version"]) for part in tomllib.load(open(sys.argv[3], "rb"))["package"]}
assert found == compiled - {("sigwarden", bom["metadata"]["component"]["version"])}, compiled ^ found
assert found <= locked, f"not in Cargo.lock: {found - locked}"
assert {"p256", "sha2", "kubewarden-policy-sdk"} <= {name for name, _ in found}, "something is missing"
text = json.dumps(bom, indent=2) + "\n"
assert "file://" not in text
open(sys.argv[1], "w").write(text)
print(f"{sys.argv[1]}: {len(found)} components")
PY
