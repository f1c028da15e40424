#!/usr/bin/env bash
# The commands of docs/operate.md that copy images into a mirror, run as they are written with real cosign and crane, and
# what the policy says of the copies. Only loopback addresses are contacted.
#
#   hack/mirror-tests.sh
set -euo pipefail
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=hack/registry.sh
. "$(dirname "$0")/registry.sh"
# shellcheck source=hack/check.sh
. "$(dirname "$0")/check.sh"

PAGE=$REPO/docs/operate.md
MIRROR=registry.internal.example.com
IMAGE=ghcr.io/acme/app:1.0

# block COMMENT: the block of the page below that comment.
block() {
  awk -v comment="<!-- $1 -->" '
    $0 == comment { found = 1; next }
    found && /^```/ { if (within) exit; within = 1; next }
    found && within { print }' "$PAGE" >"$WORK/block"
  [ -s "$WORK/block" ] || die "docs/operate.md has no block \"$1\""
  cat "$WORK/block"
}

# The page's settings, with our key in place of the one whose private half nobody has.
settings() {
  block "file: $1" | python3 -c '
import re, sys
pem = "".join(" " * 16 + line for line in open(sys.argv[1]))
sys.stdout.write(re.sub(r" {16}-----BEGIN(.|\n)*?END PUBLIC KEY-----\n", lambda _: pem, sys.stdin.read()))
' "$WORK/keys/release.pub"
}

# says TITLE IMAGE SETTINGS WANTED: the verdict must begin so.
says() {
  local got
  got=$("$SIGWARDEN" check --policy "$POLICY" --settings "$WORK/$3" --insecure-registry "$MIRROR" \
    --insecure-registry ghcr.io "$2" 2>&1) || true
  starts "$1" "$got" "$4 $2"
}

# fresh: an image that is signed, and nothing in the mirror.
fresh() {
  stop_server
  rm -rf "$WORK/storage" "$WORK/image"
  mkdir "$WORK/storage"
  REGISTRY_HTTP_ADDR=${HTTP_PROXY#http://} OTEL_TRACES_EXPORTER=none \
    "$BIN/registry" serve "$WORK/registry.yml" >"$WORK/registry.log" 2>&1 &
  REGISTRY_PID=$!
  await_registry "${HTTP_PROXY##*:}" || die "the registry does not start"
  python3 "$REPO/hack/oci-image.py" "$WORK/image" acme/app "$1"
  quietly crane push "$WORK/image" "$IMAGE"
  quietly cosign sign --key "$WORK/keys/release.key" --tlog-upload=false --use-signing-config=false \
    --new-bundle-format=false "${IMAGE%:*}@$(crane digest "$IMAGE")"
}

"$REPO/hack/setup-tools.sh" cosign3 crane registry
need_sigwarden
SIGWARDEN=$(realpath "$SIGWARDEN")
start_registry
tool cosign <<<"exec '$BIN/cosign3' \"\$@\" --allow-http-registry --allow-insecure-registry"
tool crane <<<"exec '$BIN/crane' \"\$@\" --insecure"
(cd "$WORK/keys" && quietly "$BIN/cosign3" generate-key-pair --output-key-prefix release)
for file in offline.yaml unmapped.yaml; do settings "$file" >"$WORK/$file"; done

for way in mirror "by hand"; do
  fresh "$way"
  # It is the signature that the commands bring.
  quietly crane copy "$IMAGE" "$MIRROR/$IMAGE"
  says "the image copied alone" "$MIRROR/$IMAGE" offline.yaml rejected
  block "run: $way" >"$WORK/commands"
  quietly bash -euo pipefail "$WORK/commands"
  says "copied with its signature ($way)" "$MIRROR/$IMAGE" offline.yaml accepted
  says "  without signedIdentities" "$MIRROR/$IMAGE" unmapped.yaml rejected
  says "  the original" "$IMAGE" offline.yaml rejected
done
finish
