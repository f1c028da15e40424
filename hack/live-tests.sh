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
# shellcheck source=hack/check.sh
. "$(dirname "$0")/check.sh"
# shellcheck source=hack/mint-live.sh
. "$(dirname "$0")/mint-live.sh"

# fresh_key COSIGN NAME: a random key pair made by that cosign.
fresh_key() {
  (cd "$WORK/keys" && quietly "$BIN/cosign$1" generate-key-pair --output-key-prefix "$2")
}

# openssl_key TYPE NAME: a random key pair made by openssl, which cosign can sign with too. Debian's cosign 2 refuses
# every key it should import, so cosign 3 does that.
openssl_key() {
  local options=()
  case $1 in
    P-*) options=(-algorithm EC -pkeyopt "ec_paramgen_curve:$1") ;;
    RSA-*) options=(-algorithm RSA -pkeyopt "rsa_keygen_bits:${1#*-}") ;;
    *) options=(-algorithm "$1") ;;
  esac
  quietly openssl genpkey "${options[@]}" -out "$WORK/keys/$2.pem"
  (cd "$WORK/keys" && quietly "$BIN/cosign3" import-key-pair --key "$2.pem" --output-key-prefix "$2")
}

# sign_openssl KEY NAME:VERSION sha256|sha384|sha512|pss|pure: cosign writes the payload and attaches the signature,
# openssl makes it.
sign_openssl() {
  local key=$WORK/keys/$1.pem image options=()
  image=$(pinned "$2")
  "$BIN/cosign3" generate --allow-http-registry --allow-insecure-registry "$image" >"$WORK/payload" 2>"$WORK/log" ||
    die "cosign generate: $(tail -n 1 "$WORK/log")"
  case $3 in
    pure) quietly openssl pkeyutl -sign -rawin -inkey "$key" -in "$WORK/payload" -out "$WORK/signature" ;;
    *)
      options=("-$3")
      [ "$3" != pss ] || options=(-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1)
      quietly openssl dgst "${options[@]}" -sign "$key" -out "$WORK/signature" "$WORK/payload"
      ;;
  esac
  base64 -w 0 "$WORK/signature" >"$WORK/signature.base64"
  quietly "$BIN/cosign3" attach signature --payload "$WORK/payload" --signature "$WORK/signature.base64" \
    --allow-http-registry --allow-insecure-registry "$image"
}

# ALGORITHM: the `signatureAlgorithm` of every entry, if it is set.
settings_for() {
  local key
  printf 'verifyImages:\n  - imageReferences: ["%s/*"]\n    attestors:\n      - entries:\n' "$EXAMPLE"
  for key in "$@"; do
    printf '          - keys:\n              publicKeys: |\n'
    sed 's/^/                /' "$WORK/keys/$key.pub"
    printf '              rekor: {ignoreTlog: true}\n'
    [ -z "${ALGORITHM:-}" ] || printf '            signatureAlgorithm: %s\n' "$ALGORITHM"
  done
  printf 'unmatchedImages: deny\n'
}

# verdict IMAGE KEY...: prints "accepted IMAGE-IT-WILL-RUN" or "rejected CODE MESSAGE".
verdict() {
  local image=$1
  shift
  settings_for "$@" >"$WORK/settings.yml"
  verdict_by "$image"
}

# verdict_by IMAGE: the same by the settings in $WORK/settings.yml.
verdict_by() {
  local image=$1
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

accepts() { # TITLE NAME:VERSION KEY...
  local title=$1 image=$2
  shift 2
  starts "$title" "$(verdict "$EXAMPLE/$image" "$@")" "accepted $EXAMPLE/$image@$(digest_of "$image")"
}

rejects() { # TITLE NAME:VERSION CODE REASON KEY...
  local title=$1 image=$2 code=$3 reason=$4
  shift 4
  starts "$title" "$(verdict "$EXAMPLE/$image" "$@")" "rejected $code " "$reason"
}

# minted_settings KIND DIRECTORY: what asks for the minted signer, by the trust root in DIRECTORY: `signer` for the
# identity or key, `timestamp` for the identity by a timestamp alone, `chain` for whomever the root certifies.
minted_settings() {
  python3 - "$MINT_PERSON" "$MINT_ISSUER" "$EXAMPLE" "$@" <<'PY'
import json, os, sys
person, issuer, registry, kind, directory = sys.argv[1:]
read = lambda name: open(os.path.join(directory, name)).read()
keyless = {"issuer": issuer, "subject": person}
if kind == "chain":
    entry = {"certificates": {"certChain": read("root.pem")}}
elif kind == "timestamp":
    entry = {"keyless": {**keyless, "rekor": {"ignoreTlog": True}, "ctlog": {"tsaCertChain": read("tsa.pem")}}}
elif os.path.exists(os.path.join(directory, "key.pub")):
    entry = {"keys": {"publicKeys": read("key.pub")}}
else:
    entry = {"keyless": keyless}
rule = {"imageReferences": [registry + "/*"], "attestors": [{"entries": [entry]}]}
root = json.loads(read("trusted_root.json"))
json.dump({"verifyImages": [rule], "unmatchedImages": "deny", "trustRoot": root}, sys.stdout)
PY
}

# minted TITLE accepted|rejected NAME:VERSION KIND DIRECTORY: what the policy says of a minted signature.
minted() {
  local start="rejected 403 "
  [ "$2" != accepted ] || start="accepted $EXAMPLE/$3@$(digest_of "$3")"
  minted_settings "$4" "$5" >"$WORK/settings.yml"
  starts "minted: $1, by the policy" "$(verdict_by "$EXAMPLE/$3")" "$start"
}

# judge_minted CASE accepted|rejected NAME:VERSION DIRECTORY AT: the policy, in agreement with the table of
# mint-live.sh; and where the case is about the path to the root, the policy and openssl in agreement.
judge_minted() {
  local want=rejected
  minted "$1" "$2" "$3" signer "$4"
  case $1 in
    good | good-by-root | good-p-384 | good-rsa | another-root | root-of-the-same-name | signed-by-leaf | expired | not-yet-valid) ;;
    *) return 0 ;;
  esac
  python3 -c 'import json, sys; print(json.load(sys.stdin).get("dev.sigstore.cosign/chain", ""))' \
    <"$4/annotations.json" >"$WORK/untrusted.pem"
  ! openssl verify -attime "$5" -CAfile "$4/root.pem" -untrusted "$WORK/untrusted.pem" "$4/leaf.pem" \
    >"$WORK/log" 2>&1 || want=accepted
  minted "$1, its path to the root as openssl sees it ($want)" "$want" "$3" chain "$4"
}

cosign_agrees() { # COSIGN KEY NAME:VERSION
  local says=good
  cosign_verifies "$@" || says=$(grep -m 1 '^Error' "$WORK/log" || echo nothing)
  starts "  cosign $1 verifies it too" "$says" good
}

"$(dirname "$0")/setup-tools.sh" cosign2 cosign3 crane oras registry
need_sigwarden
need_mint
start_registry
# Fresh content too: what is tested must not depend on the digests that the recordings know.
FRESH=$(date +%s)
for image in two three-old three-new both one unsigned original copy; do push_image "live/$image" "$FRESH"; done
fresh_key 2 alice
fresh_key 3 bob

sign_v2 alice "live/two:$FRESH"
accepts "signed by cosign 2" "live/two:$FRESH" alice
cosign_agrees 2 alice "live/two:$FRESH"
starts "the same image by its digest, unchanged" \
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

# by_hash TITLE NAME:VERSION KEY HASH: accepted as it is and if that hash is required, refused for another.
by_hash() {
  local other=sha256
  [ "$4" != sha256 ] || other=sha512
  accepts "$1" "$2" "$3"
  ALGORITHM=$4 accepts "  $4 was the hash" "$2" "$3"
  [ "${3#ED25519}" != "$3" ] ||
    ALGORITHM=$other rejects "  and no other" "$2" 403 "signed, but not by whom the rule wants" "$3"
}

# The types of keys, with the hash that cosign 2 and cosign 3 use, and the ways of openssl.
while read -r type hash_2 hash_3 ways; do
  key=$type
  openssl_key "$type" "$key"
  openssl_key "$type" "$key-other"
  name=live/$(tr '[:upper:]' '[:lower:]' <<<"$type")
  for way in cosign-2 cosign-3 $ways; do push_image "$name-$way" "$FRESH"; done
  sign_v2 "$key" "$name-cosign-2:$FRESH"
  by_hash "$type, signed by cosign 2" "$name-cosign-2:$FRESH" "$key" "$hash_2"
  cosign_agrees 2 "$key" "$name-cosign-2:$FRESH"
  rejects "  not by another key of this type" "$name-cosign-2:$FRESH" 403 \
    "signed, but not by whom the rule wants" "$key-other"
  sign_v3_old "$key" "$name-cosign-3:$FRESH"
  by_hash "$type, signed by cosign 3 in the old format" "$name-cosign-3:$FRESH" "$key" "$hash_3"
  for way in $ways; do
    sign_openssl "$key" "$name-$way:$FRESH" "$way"
    case $way in pss) hash=sha256 ;; pure) hash=sha512 ;; *) hash=$way ;; esac
    by_hash "$type, signed by openssl, $way" "$name-$way:$FRESH" "$key" "$hash"
  done
done <<'KEYS'
P-256 sha256 sha256 sha256
P-384 sha256 sha384 sha384 sha256
P-521 sha256 sha512 sha512 sha256
RSA-2048 sha256 sha256 sha256 pss
RSA-3072 sha256 sha256 sha256 sha384 pss
RSA-4096 sha256 sha256 sha256 sha512 pss
ED25519 sha512 sha512 pure
KEYS

mint_live judge_minted
minted "timestamp-alone, no log needed" accepted "mint/timestamp-alone:$MINTED" timestamp "$WORK/mint-timestamp-alone"
minted "good, where a timestamp is wanted and none attached" rejected "mint/good:$MINTED" timestamp "$WORK/mint-good"

finish
