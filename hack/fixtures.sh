#!/usr/bin/env bash
# Makes what e2e-tests/cases replays: keys, images signed by real cosign, and the recorded host calls of each case.
#
#   hack/fixtures.sh [CASE...]      (default: every directory of e2e-tests/cases)
#
# Requests, settings and expectations are written by hand; this writes session.yml only. Keys and images are
# the same on every run, so only signatures differ, and a recording that differs in nothing else is kept.
# SIGWARDEN and POLICY name the small host and the module where they are not in their usual places.
set -euo pipefail
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=hack/registry.sh
. "$(dirname "$0")/registry.sh"

# fixture_key NAME: $WORK/keys/NAME.{key,pub}, the same on every run. Anyone can derive the private key from the
# line below: these keys are worth nothing, and are called so in the label.
fixture_key() {
  local key=$WORK/keys/$1 committed=$REPO/e2e-tests/keys/$1.pub
  # SEC1, RFC 5915: version 1, the scalar, the curve prime256v1. openssl works out the public half.
  python3 - "$1" <<'PY' | openssl ec -inform DER -out "$key.pem" 2>/dev/null
import hashlib, sys
scalar = hashlib.sha256(f"sigwarden fixture key {sys.argv[1]}".encode()).digest()
curve = bytes.fromhex("a00a06082a8648ce3d030107")
sys.stdout.buffer.write(bytes.fromhex("30310201010420") + scalar + curve)
PY
  # cosign 3, because the build of cosign 2 that Debian has refuses every key here.
  quietly "$BIN/cosign3" import-key-pair --key "$key.pem" --output-key-prefix "$key"
  [ -f "$committed" ] || install -D -m 644 "$key.pub" "$committed"
  cmp -s "$key.pub" "$committed" || die "e2e-tests/keys/$1.pub is not the key derived for $1"
}

images() {
  local image
  for image in acme/app:1.0 acme/app:1.1 acme/app:3.0 acme/app:3.1 acme/migrate:1.0 acme/payments:2.1 \
    acme/payments:2.2 acme/report:1.0 acme/tool:1.0; do
    push_image "${image%:*}" "${image#*:}"
  done
  sign_v2 release acme/app:1.0
  move_signature acme/app:1.0 acme/app:1.1
  sign_v3_old release acme/app:3.0
  sign_v3_new release acme/app:3.1
  sign_v2 release acme/migrate:1.0
  sign_v2 release acme/payments:2.1
  sign_v2 security acme/payments:2.1
  sign_v2 release acme/payments:2.2
  sign_v2 stranger acme/report:1.0
  # acme/tool:1.0 stays unsigned.
}

# Two recordings are equivalent if they differ in the value of signatures only: ECDSA draws a random number.
equivalent() {
  local signature='s|"dev.cosignproject.cosign/signature":"[^"]*"|SIGNATURE|g'
  [ -f "$2" ] && cmp -s <(sed "$signature" "$1") <(sed "$signature" "$2")
}

record() {
  local case=$1 name
  name=$(basename "$case")
  quietly sigwarden_live "$case/request.json" "$case/settings.yml" --record "$WORK/session.yml"
  if equivalent "$WORK/session.yml" "$case/session.yml"; then
    say "$name: as committed"
  else
    cp "$WORK/session.yml" "$case/session.yml"
    say "$name: recorded"
  fi
}

"$(dirname "$0")/setup-tools.sh" cosign2 cosign3 crane registry
need_sigwarden
[ $# -gt 0 ] || set -- "$REPO"/e2e-tests/cases/*/
start_registry
say "making keys and images"
for key in release security stranger; do fixture_key "$key"; done
images
for case in "$@"; do record "${case%/}"; done
"$SIGWARDEN" examples --policy "$POLICY" "$REPO/e2e-tests/cases"
