#!/usr/bin/env bash
# Keyless signatures by a Sigstore that the tests make up (tests/support/src/sigstore), pushed to a real registry and
# judged by cosign and openssl. Nobody is asked but the registry on loopback.
#
#   hack/mint-live.sh        what cosign and openssl say
#
# live-tests.sh sources it after lib.sh and registry.sh, and calls, once the registry runs,
#
#   mint_live POLICY         the same, and POLICY for each case:
#                            POLICY CASE accepted|rejected NAME:VERSION DIRECTORY AT
#
# POLICY is a function that says, in words of the policy, whether the image is accepted. It may go by CASE, and
# finds the trust root and all else that mint writes in DIRECTORY. AT is when the signature was logged. The version of
# all images is left in MINTED. The rule to check is always: signed by
# $MINT_PERSON, vouched for by $MINT_ISSUER, logged, with an SCT; where there is a key.pub: signed by it, and logged.

MINT_PERSON=alice@example.com
MINT_ISSUER=https://accounts.example.com

need_mint() {
  MINT=${MINT:-${CARGO_TARGET_DIR:-$REPO/target}/debug/mint}
  [ -x "$MINT" ] || die "there is no $MINT: cargo build --package sigwarden-testkit"
}

# mint NAME:VERSION DIRECTORY ARGUMENT...: writes what a signer publishes for the image (see tests/support/src/bin/
# mint.rs) and pushes the .sig manifest.
mint() {
  local image=$1 directory=$2 digest
  shift 2
  digest=$(digest_of "$image")
  quietly "$MINT" out="$directory" repository="$EXAMPLE/${image%:*}" digest="$digest" "$@"
  quietly "$BIN/crane" push --insecure "$directory/signature" "$EXAMPLE/${image%:*}:${digest/:/-}.sig"
}

# mint_cosign 2|3 NAME:VERSION DIRECTORY OPTION...: prints "good", or why cosign refuses.
mint_cosign() {
  local version=$1 image=$2 directory=$3 who=() trust=()
  shift 3
  if [ -f "$directory/key.pub" ]; then
    who=(--key "$directory/key.pub")
  else
    who=(--certificate-identity "$MINT_PERSON" --certificate-oidc-issuer "$MINT_ISSUER")
  fi
  # cosign 2 takes a trust root for its new format only, else every part alone.
  case $version in
    2) trust=(--certificate-chain "$directory/chain.pem" --timestamp-certificate-chain "$directory/tsa.pem") ;;
    3) trust=(--trusted-root "$directory/trusted_root.json") ;;
  esac
  SIGSTORE_REKOR_PUBLIC_KEY=$directory/rekor.pub SIGSTORE_CT_LOG_PUBLIC_KEY_FILE=$directory/ctlog.pub \
    "$BIN/cosign$version" verify "${who[@]}" "${trust[@]}" --allow-http-registry --allow-insecure-registry \
    "$@" "$(pinned "$image")" >"$WORK/log" 2>&1 && echo good ||
    grep -m 1 '^Error' "$WORK/log" || echo nothing
}

# mint_blob BUNDLE FILE OPTION...: what cosign 3 says of a bundle with a signature over a file.
mint_blob() {
  local command=verify-blob bundle=$1 file=$2
  shift 2
  case $bundle in *statement*) command=verify-blob-attestation ;; esac
  "$BIN/cosign3" "$command" --bundle "$bundle" --trusted-root "${bundle%/*}/trusted_root.json" \
    --certificate-identity "$MINT_PERSON" --certificate-oidc-issuer "$MINT_ISSUER" "$@" "$file" >"$WORK/log" 2>&1 &&
    echo good || grep -m 1 '^Error' "$WORK/log" || echo nothing
}

# The certificate's chain, the signature and the timestamp, by openssl.
mint_openssl() { # DIRECTORY AT
  local directory=$1
  quietly openssl verify -attime "$2" -CAfile "$directory/root.pem" -untrusted "$directory/intermediate.pem" \
    "$directory/leaf.pem"
  openssl x509 -in "$directory/leaf.pem" -noout -pubkey >"$WORK/leaf.pub"
  quietly openssl dgst -sha256 -verify "$WORK/leaf.pub" -signature "$directory/signature.der" "$directory/payload.json"
  quietly openssl ts -verify -attime "$2" -in "$directory/timestamp.tsr" -data "$directory/signature.der" \
    -CAfile "$directory/tsa-root.pem" -untrusted "$directory/tsa.pem"
}

# CASE | what cosign 2 and cosign 3 say | what the policy shall say | arguments
#
# Where they differ, cosign is known to see it otherwise: it does not miss an extended key usage, takes a rekord
# entry for any other, reads the issuer from the older of the two extensions only, and cosign 2 wants to know the
# log of every SCT. The policy wants exactly one SCT, which is what Fulcio writes: it is stricter. Of a timestamp cosign 3 takes no notice unless asked to. What cosign has not got it looks for in
# the log, which is nowhere. The keys' rule: the key in key.pub, and an entry in the log.
mint_cases() {
  cat <<'CASES'
good | good | good | accepted |
good-timestamp | good | good | accepted | timestamp=+1
good-by-root | good | good | accepted | by-root
good-uri | good | good | accepted | uri=alice@example.com
good-p-384 | good | good | accepted | type=P-384
good-rsa | good | good | accepted | type=RSA
two-scts | good | good | rejected | scts=two
good-and-unknown-sct | ctfe public key not found | good | rejected | scts=one-unknown
good-username | good | good | accepted | username=alice@example.com
good-issuer-v1 | good | good | accepted | issuer-v2=
good-issuer-v2 | none of the expected identities | none of the expected identities | accepted | issuer-v1=
good-claims | good | good | accepted | claim=2:push claim=12:https://example.com/acme/app
another-person | none of the expected identities | none of the expected identities | rejected | email=bob@example.com
another-issuer | none of the expected identities | none of the expected identities | rejected | issuer=https://evil.example.com
another-issuer-v1 | none of the expected identities | none of the expected identities | rejected | issuer-v1=https://evil.example.com
another-issuer-v2 | good | good | rejected | issuer-v2=https://evil.example.com
another-root | signed by unknown authority | leaf certificate verification failed | rejected | fault=another-root
root-of-the-same-name | x509 | leaf certificate verification failed | rejected | fault=root-of-the-same-name
signed-by-leaf | x509 | leaf certificate verification failed | rejected | fault=signed-by-leaf
expired | certificate expired | certificate expired | rejected | fault=expired
not-yet-valid | certificate was issued after | certificate was issued after | rejected | fault=not-yet-valid
wrong-usage | incompatible key usage | leaf certificate verification failed | rejected | fault=wrong-usage
no-usage | good | good | rejected | fault=no-usage
no-sct | does not include required embedded SCT | does not include required embedded SCT | rejected | fault=no-sct
sct-of-another-log | ctfe public key not found | unable to meet threshold | rejected | fault=sct-of-another-log
sct-for-another-certificate | error verifying embedded SCT | unable to meet threshold | rejected | fault=sct-for-another-certificate
bad-sct | error verifying embedded SCT | unable to meet threshold | rejected | fault=bad-sct
bad-signature | invalid signature | invalid signature | rejected | fault=bad-signature
another-certificate | invalid signature | invalid signature | rejected | fault=another-certificate
no-entry | searching log query | searching log query | rejected | fault=no-entry
no-promise | unable to verify SET | unable to verify SET | rejected | fault=no-promise
bad-promise | unable to verify SET | unable to verify SET | rejected | fault=bad-promise
forged-promise | unable to verify SET | unable to verify SET | rejected | fault=forged-promise
body-altered | unable to verify SET | unable to verify SET | rejected | fault=body-altered
time-altered | unable to verify SET | unable to verify SET | rejected | fault=time-altered
index-altered | unable to verify SET | unable to verify SET | rejected | fault=index-altered
log-altered | rekor log public key not found | rekor log public key not found | rejected | fault=log-altered
entry-of-another-log | rekor log public key not found | rekor log public key not found | rejected | fault=entry-of-another-log
entry-for-another-signature | invalid signature | invalid signature | rejected | fault=entry-for-another-signature
entry-for-another-certificate | comparing public key PEMs | comparing public key PEMs | rejected | fault=entry-for-another-certificate
entry-for-another-payload | invalid signature | invalid signature | rejected | fault=entry-for-another-payload
rekord-entry | good | good | rejected | fault=rekord-entry
timestamp-alone | searching log query | searching log query | rejected | fault=no-entry timestamp=+1
timestamp-of-another-signature | hashed messages don't match | expected at least one verified timestamp | rejected | fault=timestamp-of-another-signature
timestamp-of-another-authority | No certificate for signer | expected at least one verified timestamp | rejected | fault=timestamp-of-another-authority
timestamp-too-late | certificate expired | certificate expired | rejected | fault=timestamp-too-late
key | good | good | accepted | key=release
key-without-entry | searching log query | searching log query | rejected | key=release fault=no-entry
key-bad-promise | unable to verify SET | unable to verify SET | rejected | key=release fault=bad-promise
key-time-altered | unable to verify SET | unable to verify SET | rejected | key=release fault=time-altered
key-entry-of-another-log | rekor log public key not found | rekor log public key not found | rejected | key=release fault=entry-of-another-log
key-entry-for-another-key | invalid signature | invalid signature | rejected | key=release fault=entry-for-another-certificate
CASES
}

# mint_check TITLE GOT WANTED: WANTED is "good" or a part of cosign's error.
mint_check() {
  if [ "$3" = good ]; then starts "$1" "$2" good; else starts "$1" "$2" "Error: no matching signatures" "$3"; fi
}

# mint_live POLICY: all of it. POLICY may be `:`.
mint_live() {
  local policy=$1 fresh at name cosign2 cosign3 want arguments image directory options
  need_mint
  fresh=$(date +%s)
  # shellcheck disable=SC2034 # for who calls this
  MINTED=$fresh
  # Long enough ago that no time is in the future.
  at=$((fresh - 60))
  while IFS='|' read -r name cosign2 cosign3 want arguments; do
    # Without IFS, read takes the blanks off.
    read -r name <<<"$name"
    read -r cosign2 <<<"$cosign2"
    read -r cosign3 <<<"$cosign3"
    read -r want <<<"$want"
    image=mint/$name:$fresh directory=$WORK/mint-$name options=()
    push_image "mint/$name" "$fresh"
    # shellcheck disable=SC2086 # words
    mint "$image" "$directory" at="$at" ${arguments/timestamp=+1/timestamp=$((at + 1))}
    [ ! -f "$directory/timestamp.tsr" ] || options=(--use-signed-timestamps)
    mint_check "minted: $name, by cosign 2" "$(mint_cosign 2 "$image" "$directory")" "$cosign2"
    mint_check "minted: $name, by cosign 3" "$(mint_cosign 3 "$image" "$directory" "${options[@]}")" "$cosign3"
    "$policy" "$name" "$want" "$image" "$directory" "$at"
  done < <(mint_cases)

  mint_openssl "$WORK/mint-good-timestamp" "$((at + 1))"
  starts "minted: certificates, signature and timestamp, by openssl" good good

  # Where no log is asked for, a timestamp proves the time.
  image=mint/timestamp-alone:$fresh directory=$WORK/mint-timestamp-alone options=(--insecure-ignore-tlog=true)
  mint_check "minted: timestamp-alone, no log needed, by cosign 2" \
    "$(mint_cosign 2 "$image" "$directory" "${options[@]}")" good
  mint_check "minted: timestamp-alone, no log needed, by cosign 3" \
    "$(mint_cosign 3 "$image" "$directory" "${options[@]}" --use-signed-timestamps)" good

  mint_bundles "mint/good:$fresh" "$WORK/mint-good"
}

# mint_bundles NAME:VERSION DIRECTORY: the bundles of an image, proven by Rekor v1 and by Rekor v2, which cosign 2 does
# not know; as files, and one beside its image.
mint_bundles() {
  local image=$1 directory=$2 prefix options type=application/vnd.dev.sigstore.bundle.v0.3+json blob
  "$BIN/crane" manifest --insecure "$(pinned "$image")" >"$WORK/blob"
  for prefix in "" v2.; do
    options=()
    [ -z "$prefix" ] || options=(--use-signed-timestamps)
    blob=$directory/payload.json
    starts "minted: ${prefix}bundle.json, by cosign 3" \
      "$(mint_blob "$directory/${prefix}bundle.json" "$blob" "${options[@]}")" good
    starts "minted: ${prefix}statement.bundle.json, by cosign 3" \
      "$(mint_blob "$directory/${prefix}statement.bundle.json" "$WORK/blob" "${options[@]}" \
        --type https://sigstore.dev/cosign/sign/v1)" good
    starts "minted: ${prefix}bundle.json for something else, by cosign 3" \
      "$(mint_blob "$directory/${prefix}bundle.json" "$WORK/blob" "${options[@]}")" Error
  done
  push_image mint/beside bundle
  "$MINT" out="$WORK/mint-beside" repository="$EXAMPLE/mint/beside" digest="$(digest_of mint/beside:bundle)" \
    at="$(($(date +%s) - 60))"
  (cd "$WORK/mint-beside" && quietly "$BIN/oras" attach --plain-http --artifact-type "$type" \
    --annotation dev.sigstore.bundle.content=dsse-envelope \
    --annotation dev.sigstore.bundle.predicateType=https://sigstore.dev/cosign/sign/v1 \
    "$(pinned mint/beside:bundle)" "statement.bundle.json:$type")
  mint_check "minted: statement.bundle.json beside its image, by cosign 3" \
    "$(mint_cosign 3 mint/beside:bundle "$WORK/mint-beside")" good
}

# By itself: what the others say.
if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  # shellcheck source=hack/lib.sh
  . "$(dirname "$0")/lib.sh"
  # shellcheck source=hack/registry.sh
  . "$(dirname "$0")/registry.sh"
  # shellcheck source=hack/check.sh
  . "$(dirname "$0")/check.sh"
  "$(dirname "$0")/setup-tools.sh" cosign2 cosign3 crane oras registry
  start_registry
  mint_live :
  finish
fi
