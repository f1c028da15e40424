#!/usr/bin/env bash
# The policy against a real registry and real cosign: fresh images, fresh keys, no recordings. Only loopback
# addresses are contacted.
#
#   hack/live-tests.sh
#
# SIGWARDEN and POLICY name the small host and the module where they are not in their usual places.
set -euo pipefail
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=hack/registry.sh
. "$(dirname "$0")/registry.sh"

PASSED=0 FAILED=0

# fresh_key COSIGN NAME: a random key pair made by that cosign.
fresh_key() {
  (cd "$WORK/keys" && quietly "$BIN/cosign$1" generate-key-pair --output-key-prefix "$2")
}

settings_for() {
  local key
  printf 'verifyImages:\n  - imageReferences: ["%s/*"]\n    attestors:\n      - entries:\n' "$EXAMPLE"
  for key in "$@"; do
    printf '          - keys:\n              publicKeys: |\n'
    sed 's/^/                /' "$WORK/keys/$key.pub"
    printf '              rekor: {ignoreTlog: true}\n'
  done
  printf 'unmatchedImages: deny\n'
}

# verdict IMAGE KEY...: prints "accepted IMAGE-IT-WILL-RUN" or "rejected CODE MESSAGE".
verdict() {
  local image=$1
  shift
  settings_for "$@" >"$WORK/settings.yml"
  python3 - "$image" "$REPO/e2e-tests/cases/01-signed/request.json" >"$WORK/request.json" <<'PY'
import json, sys
request = json.load(open(sys.argv[2]))
request["object"]["spec"]["containers"][0]["image"] = sys.argv[1]
json.dump(request, sys.stdout)
PY
  sigwarden_live "$WORK/request.json" "$WORK/settings.yml" --output json 2>"$WORK/log" >"$WORK/response.json" ||
    { head -n 1 "$WORK/log"; return; }
  python3 - "$image" "$WORK/response.json" <<'PY'
import base64, json, sys
image, response = sys.argv[1], json.load(open(sys.argv[2]))
if response["allowed"]:
    for change in json.loads(base64.b64decode(response.get("patch") or "W10=")):
        if change["path"].endswith("/image"):
            image = change["value"]
    print("accepted", image)
else:
    print("rejected", response["status"].get("code"), response["status"].get("message"))
PY
}

# check TITLE GOT START [PART]: one line; GOT must begin with START and contain PART.
check() {
  if [[ $2 == "$3"*"${4:-}"* ]]; then
    PASSED=$((PASSED + 1))
    echo "ok      $1"
  else
    FAILED=$((FAILED + 1))
    printf 'FAILED  %s\n          wanted: %s\n          got:    %s\n' "$1" "$3${4:+ … $4}" "$2"
  fi
}

accepts() { # TITLE NAME:VERSION KEY...
  local title=$1 image=$2
  shift 2
  check "$title" "$(verdict "$EXAMPLE/$image" "$@")" "accepted $EXAMPLE/$image@$(digest_of "$image")"
}

rejects() { # TITLE NAME:VERSION CODE REASON KEY...
  local title=$1 image=$2 code=$3 reason=$4
  shift 4
  check "$title" "$(verdict "$EXAMPLE/$image" "$@")" "rejected $code " "$reason"
}

cosign_agrees() { # COSIGN KEY NAME:VERSION
  local says=good
  cosign_verifies "$@" || says=$(grep -m 1 '^Error' "$WORK/log" || echo nothing)
  check "  cosign $1 verifies it too" "$says" good
}

"$(dirname "$0")/setup-tools.sh" cosign2 cosign3 crane registry
need_sigwarden
start_registry
# Fresh content too: what is tested must not depend on the digests that the recordings know.
FRESH=$(date +%s)
for image in two three-old three-new both one unsigned original copy; do push_image "live/$image" "$FRESH"; done
fresh_key 2 alice
fresh_key 3 bob

sign_v2 alice "live/two:$FRESH"
accepts "signed by cosign 2" "live/two:$FRESH" alice
cosign_agrees 2 alice "live/two:$FRESH"
check "the same image by its digest, unchanged" \
  "$(verdict "$(pinned "live/two:$FRESH")" alice)" "accepted $(pinned "live/two:$FRESH")"
rejects "signed by cosign 2 with another key" "live/two:$FRESH" 403 "signed, but not by whom the rule wants" bob

sign_v3_old bob "live/three-old:$FRESH"
accepts "signed by cosign 3 in the old format" "live/three-old:$FRESH" bob
cosign_agrees 3 bob "live/three-old:$FRESH"
cosign_agrees 2 bob "live/three-old:$FRESH"

sign_v3_new bob "live/three-new:$FRESH"
cosign_agrees 3 bob "live/three-new:$FRESH"
rejects "signed by cosign 3 in the new format" "live/three-new:$FRESH" 403 "no signature this policy can read" bob

sign_v2 alice "live/both:$FRESH"
sign_v3_old bob "live/both:$FRESH"
accepts "signed by both of two required keys, with cosign 2 and 3" "live/both:$FRESH" alice bob
cosign_agrees 2 alice "live/both:$FRESH"
cosign_agrees 3 bob "live/both:$FRESH"

sign_v2 alice "live/one:$FRESH"
rejects "signed by one of two required keys" "live/one:$FRESH" 403 "signed by too few" alice bob

quietly "$BIN/crane" index append --insecure --tag "$EXAMPLE/live/index:$FRESH" \
  --manifest "$EXAMPLE/live/two:$FRESH" --manifest "$EXAMPLE/live/one:$FRESH"
sign_v2 alice "live/index:$FRESH"
accepts "an image index signed by cosign 2" "live/index:$FRESH" alice

rejects "unsigned" "live/unsigned:$FRESH" 403 "no signature this policy can read" alice

sign_v2 alice "live/original:$FRESH"
move_signature "live/original:$FRESH" "live/copy:$FRESH"
rejects "a signature moved from another image" "live/copy:$FRESH" 403 "none for this image" alice

rejects "an image that does not exist" "live/two:none" 503 "no such image" alice

echo "$PASSED passed, $FAILED failed"
[ "$FAILED" = 0 ]
