#!/usr/bin/env bash
# Takes over the trust root of Sigstore's public-good instance from the crate that ships it, in the version that
# Cargo.lock names, and writes its date into the module's metadata:
#
#   hack/trusted-root.sh
#
# To get a newer one: cargo update -p sigstore-trust-root, then this.
set -euo pipefail
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

python3 - "$REPO" <<'PY'
import json, pathlib, re, subprocess, sys
repo = pathlib.Path(sys.argv[1])
metadata = json.loads(subprocess.run(
    ["cargo", "metadata", "--locked", "--format-version", "1"], cwd=repo, check=True, stdout=subprocess.PIPE).stdout)
[crate] = [package for package in metadata["packages"] if package["name"] == "sigstore-trust-root"]
text = (pathlib.Path(crate["manifest_path"]).parent / "src/trusted_root.json").read_text()
starts = re.findall(r'"start":\s*"(\d{4}-\d\d-\d\d)', text)
date = max(starts)
(repo / "trust/trusted_root.json").write_text(text)
file = repo / "policy-metadata.yml"
line = f"  io.sigwarden.trusted-root: sigstore-trust-root {crate['version']}, newest entry of {date}"
lines = [old for old in file.read_text().splitlines() if "io.sigwarden.trusted-root" not in old] + [line]
file.write_text("\n".join(lines) + "\n")
print(line.strip())
PY
