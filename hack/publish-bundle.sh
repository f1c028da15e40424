#!/usr/bin/env bash
# Publishes Sigstore bundles as carriers: small artifacts, tagged beside an image, that an admission policy can read
# where it has no access to layers or to the referrers API. The layout is described in docs/carriers.md.
#
# It stands alone: copy it anywhere. It needs bash, oras, jq and base64, and to sign or attest cosign 3.
# No signature is verified here. Whoever reads a carrier does that; this only keeps out what is for another image.
set -euo pipefail
export LC_ALL=C

usage() {
  cat <<'TEXT'
usage:
  publish-bundle.sh sign    [OPTION...] IMAGE [-- OPTION-OF-COSIGN-SIGN...]
  publish-bundle.sh attest  --type TYPE --predicate FILE [OPTION...] IMAGE [-- OPTION-OF-COSIGN-ATTEST...]
  publish-bundle.sh publish [OPTION...] [--bundle FILE]... IMAGE...
  publish-bundle.sh tag     IMAGE [PREDICATE-TYPE]

sign      signs with cosign, which attaches the signature as always, and publishes it as a carrier too
attest    the same for an attestation
publish   publishes what is attached already: by cosign 3, by GitHub's attest actions with push-to-registry, or by
          `cosign attest` of any version. With --bundle: these files instead. IMAGE may be -, for a list on stdin.
tag       prints where the carrier of the signatures is, or of the attestations of that predicate type

options:
  --to REPOSITORY        where carriers go (default: the repository of the image)
  --from REPOSITORY      where bundles are attached, if not beside the image
  --bundle FILE          a bundle, an array of bundles or one bundle a line; may be given more than once
  --predicate-type URI   only bundles of this predicate type; may be given more than once
  --recursive            for an image index: each of its images as well
  --allow-none           an image without bundles is no error
  --replace              forget what the carrier holds already, instead of adding to it
  --plain-http           a registry without TLS, for tests

A tag is resolved once; all else is done by digest. What is published already is not published again. COSIGN and ORAS
name the programs, if not cosign and oras. Prints one line for each carrier: REPOSITORY:TAG@DIGEST, what was done, how
many bundles, of which predicate type. Exits with 0 if all went well, 1 if something failed, 2 for wrong usage.
TEXT
}

# The type of a carrier, its config and its layer, whatever version its bundles are of.
readonly CARRIER_TYPE=application/vnd.dev.sigstore.bundle.v0.3+json
# What makes a bundle a signature. Anything else is an attestation.
readonly SIGNATURE_TYPE=https://sigstore.dev/cosign/sign/v1
readonly MANIFEST_TYPE=application/vnd.oci.image.manifest.v1+json

COSIGN=${COSIGN:-cosign} ORAS=${ORAS:-oras}
COMMAND="" TO="" FROM="" RECURSIVE="" ALLOW_NONE="" REPLACE="" ATTEST_TYPE="" ATTEST_PREDICATE=""
IMAGES=() BUNDLES=() WANTED=() COSIGN_OPTIONS=() ORAS_OPTIONS=()

say() { printf '%s\n' "publish-bundle: $*" >&2; }
die() { say "error: $*"; exit 1; }
bad_usage() { say "error: $*"; say "see: publish-bundle.sh --help"; exit 2; }
have() { command -v "$1" >/dev/null 2>&1; }

main() {
  parse_arguments "$@"
  have jq || die "jq is needed: https://jqlang.org/download"
  have "$ORAS" || [ "$COMMAND" = tag ] || die "$ORAS is needed: https://oras.land/docs/installation"
  case $COMMAND in sign | attest) need_cosign_3 ;; esac
  WORK=$(mktemp -d)
  trap 'rm -rf "$WORK"' EXIT
  if [ "$COMMAND" = tag ]; then
    parse_image "${IMAGES[0]}"
    pin_image
    carrier_tag "$DIGEST" "${IMAGES[1]:-$SIGNATURE_TYPE}"
    return
  fi
  local image total=0 failed=0 status
  # stdin is left to cosign, which may ask for a password.
  while IFS= read -r image <&3; do
    # In a shell of its own: one image that fails does not keep the others from being published.
    set +e
    (
      set -e
      process_image "$image"
    )
    status=$?
    set -e
    total=$((total + 1))
    [ "$status" = 0 ] || failed=$((failed + 1))
  done 3< <(all_images)
  [ "$failed" = 0 ] || one_image || say "error: $failed of $total images failed"
  [ "$failed" = 0 ]
}

parse_arguments() {
  case ${1:-} in
    sign | attest | publish | tag) COMMAND=$1 ;;
    -h | --help | help) usage; exit 0 ;;
    "") bad_usage "no command" ;;
    *) bad_usage "$1 is none of: sign, attest, publish, tag" ;;
  esac
  shift
  local argument
  while [ $# -gt 0 ]; do
    argument=$1
    shift
    case $argument in
      --to | --from | --bundle | --predicate-type | --type | --predicate)
        [ -n "${1:-}" ] || bad_usage "$argument needs a value"
        set_option "$argument" "$1"
        shift
        ;;
      --*=*) [ -n "${argument#*=}" ] || bad_usage "${argument%%=*} needs a value"
        set_option "${argument%%=*}" "${argument#*=}" ;;
      --recursive) RECURSIVE=yes ;;
      --allow-none) ALLOW_NONE=yes ;;
      --replace) REPLACE=yes ;;
      --plain-http) ORAS_OPTIONS=(--plain-http) ;;
      -h | --help) usage; exit 0 ;;
      --) COSIGN_OPTIONS=("$@"); break ;;
      -?*) bad_usage "$argument: no such option (cosign's own options come after --)" ;;
      *) IMAGES+=("$argument") ;;
    esac
  done
  check_arguments
}

set_option() { # NAME VALUE
  case $1 in
    --to) TO=$2 ;;
    --from) FROM=$2 ;;
    --bundle) [ -r "$2" ] || bad_usage "cannot read $2"; BUNDLES+=("$2") ;;
    --predicate-type) WANTED+=("$2") ;;
    --type) ATTEST_TYPE=$2 ;;
    --predicate) [ -r "$2" ] || bad_usage "cannot read $2"; ATTEST_PREDICATE=$2 ;;
    *) bad_usage "$1: no such option" ;;
  esac
}

check_arguments() {
  local option
  [ ${#IMAGES[@]} -gt 0 ] || bad_usage "no image"
  if [ "$COMMAND" = tag ]; then
    [ ${#IMAGES[@]} -le 2 ] || bad_usage "tag takes an image and a predicate type"
  elif [ "$COMMAND" != publish ]; then
    one_image || bad_usage "$COMMAND takes one image"
    [ -z "$FROM$ALLOW_NONE${BUNDLES[*]-}${WANTED[*]-}" ] ||
      bad_usage "--from, --bundle, --predicate-type and --allow-none are for publish"
  elif [ ${#COSIGN_OPTIONS[@]} -gt 0 ]; then
    bad_usage "publish does not run cosign: no options after --"
  fi
  if [ "$COMMAND" = attest ]; then
    [ -n "$ATTEST_TYPE" ] || bad_usage "attest needs --type"
    [ -n "$ATTEST_PREDICATE" ] || bad_usage "attest needs --predicate"
  else
    [ -z "$ATTEST_TYPE$ATTEST_PREDICATE" ] || bad_usage "--type and --predicate are for attest"
  fi
  [ ${#BUNDLES[@]} = 0 ] || one_image || bad_usage "--bundle goes with one image"
  for option in TO FROM; do
    [ -z "${!option}" ] && continue
    parse_image "${!option}"
    [ -z "$TAG$DIGEST" ] || bad_usage "${!option} is no repository: it has a tag or a digest"
    printf -v "$option" %s "$REPOSITORY"
  done
  for option in ${COSIGN_OPTIONS[@]+"${COSIGN_OPTIONS[@]}"}; do
    case $option in
      --bundle | --bundle=* | --new-bundle-format*) bad_usage "$option: this script sets the bundle" ;;
      -r | --recursive | --recursive=*) bad_usage "$option: give --recursive before the image" ;;
    esac
  done
}

one_image() { [ "${#IMAGES[@]} ${IMAGES[0]}" != "1 -" ] && [ ${#IMAGES[@]} = 1 ]; }

# cosign 3 writes bundles by default; what it says of its own version depends on who built it.
need_cosign_3() {
  local version help
  have "$COSIGN" ||
    die "$COSIGN is needed, version 3 or later: https://docs.sigstore.dev/cosign/system_config/installation"
  version=$("$COSIGN" version --json 2>/dev/null | jq -r '.gitVersion // ""' 2>/dev/null) || version=""
  case $version in
    v[3-9].* | v[1-9][0-9].* | [3-9].* | [1-9][0-9].*) return ;;
    v[0-2].* | [0-2].*) die "cosign $version is too old: version 3 or later is needed" ;;
  esac
  help=$("$COSIGN" sign --help 2>&1) || true
  case $help in *--use-signing-config=true* | *--use-signing-config*"(default true)"*) return ;; esac
  die "$COSIGN is no cosign of version 3 or later"
}

all_images() {
  local image
  for image in "${IMAGES[@]}"; do
    if [ "$image" = - ]; then
      # Blank lines and comments are left out.
      sed -e 's/[[:space:]]*$//' -e '/^[[:space:]]*#/d' -e '/^$/d'
    else
      printf '%s\n' "$image"
    fi
  done
}

# --- references

# parse_image REFERENCE: sets REPOSITORY, TAG and DIGEST, the last two empty where there is none. A name without
# registry is Docker Hub's, as everywhere.
parse_image() {
  local name=$1 first
  TAG="" DIGEST=""
  case $name in *@*) DIGEST=${name#*@} name=${name%%@*} ;; esac
  case ${name##*/} in *:*) TAG=${name##*:} name=${name%:*} ;; esac
  first=${name%%/*}
  case $first in
    "$name") name=docker.io/library/$name ;;
    docker.io | index.docker.io | registry-1.docker.io)
      name=${name#*/}
      case $name in */*) name=docker.io/$name ;; *) name=docker.io/library/$name ;; esac
      ;;
    *.* | *:* | localhost) ;;
    *) name=docker.io/$name ;;
  esac
  [[ $name =~ ^[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+$ ]] ||
    die "$1 is no name of an image"
  [[ -z $TAG || $TAG =~ ^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$ ]] || die "$1 is no name of an image: its tag"
  [[ -z $DIGEST || $DIGEST =~ ^sha256:[0-9a-f]{64}$ ]] || die "$1: its digest is not sha256: and 64 hex digits"
  REPOSITORY=$name
}

# Resolves the tag, if there is no digest.
pin_image() {
  local reference=$REPOSITORY:${TAG:-latest}
  [ -z "$DIGEST" ] || return 0
  DIGEST=$(oras_do manifest fetch --descriptor "$reference" 2>"$WORK/errors" | jq -r .digest) ||
    die "cannot resolve $reference: $(last_error)"
  [[ $DIGEST =~ ^sha256:[0-9a-f]{64}$ ]] || die "$reference has the digest $DIGEST, which is not SHA-256"
}

# carrier_tag DIGEST PREDICATE-TYPE: the one place that knows the tags.
carrier_tag() {
  local hash
  if [ "$2" = "$SIGNATURE_TYPE" ]; then
    printf '%s.bundle\n' "${1/:/-}"
  else
    hash=$(printf %s "$2" | sha256)
    printf '%s.%s.bundle\n' "${1/:/-}" "${hash:0:32}"
  fi
}

sha256() {
  if have sha256sum; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

# --- the registry

oras_do() { "$ORAS" "$@" ${ORAS_OPTIONS[@]+"${ORAS_OPTIONS[@]}"}; }

last_error() { grep -v '^$' "$WORK/errors" | tail -n 1 | cut -c 1-300; }

# fetch_manifest REFERENCE FILE: false if there is none; any other failure is the end.
fetch_manifest() {
  oras_do manifest fetch --output "$2" "$1" >"$WORK/errors" 2>&1 && return
  grep -qE ': not found$|status code 404' "$WORK/errors" || die "cannot read $1: $(last_error)"
  return 1
}

# fetch_blob REPOSITORY DIGEST FILE: oras compares the digest.
fetch_blob() {
  oras_do blob fetch --output "$3" "$1@$2" >"$WORK/errors" 2>&1 || die "cannot read $1@$2: $(last_error)"
}

# --- one image

process_image() {
  local target targets
  WORK=$(mktemp -d "$WORK/image.XXXXXX")
  parse_image "$1"
  pin_image
  targets=$DIGEST
  [ -z "$RECURSIVE" ] || targets="$DIGEST $(children)"
  for target in $targets; do
    DIGEST=$target INTO=$WORK/new
    rm -rf "$INTO"
    mkdir "$INTO"
    case $COMMAND in
      sign) run_cosign sign ;;
      attest) run_cosign attest --type "$ATTEST_TYPE" --predicate "$ATTEST_PREDICATE" ;;
      publish)
        if [ ${#BUNDLES[@]} -gt 0 ]; then given_bundles; else attached_bundles "${FROM:-$REPOSITORY}"; fi ;;
    esac
    publish_groups "${TO:-$REPOSITORY}"
  done
}

# The images of an index, without what is no image: entries of unknown system and architecture.
children() {
  fetch_manifest "$REPOSITORY@$DIGEST" "$WORK/index.json" || die "there is no $REPOSITORY@$DIGEST"
  jq -r '.manifests // [] | .[]
    | select((.platform.os == "unknown" and .platform.architecture == "unknown") | not)
    | .digest | select(test("^sha256:[0-9a-f]{64}$"))' "$WORK/index.json"
}

run_cosign() {
  local image=$REPOSITORY@$DIGEST
  "$COSIGN" "$@" --bundle "$WORK/signed.json" ${COSIGN_OPTIONS[@]+"${COSIGN_OPTIONS[@]}"} "$image" >&2 ||
    die "cosign $1 failed for $image"
  add_bundles "$WORK/signed.json" "what cosign wrote" || die "$REASON"
}

given_bundles() {
  local file
  for file in "${BUNDLES[@]}"; do
    add_bundles "$file" "$file" || die "$REASON"
  done
}

# --- bundles

# add_bundles FILE ORIGIN: each bundle of the file goes to $INTO/HASH-OF-ITS-PREDICATE-TYPE/bundles/HASH-OF-ITSELF.
# False, with the REASON, if one is no bundle, or for another image.
add_bundles() {
  local file number=0 kind
  rm -rf "$WORK/split"
  mkdir "$WORK/split"
  kind=$(jq -rs 'if length == 0 then "none" elif length > 1 then "lines" else .[0] | type end' "$1" 2>/dev/null) ||
    { REASON="$2 is no JSON"; return 1; }
  case $kind in
    # A single one keeps its bytes.
    object) cp "$1" "$WORK/split/0" || die "cannot copy $1" ;;
    array | lines)
      while IFS= read -r file; do
        number=$((number + 1))
        printf %s "$file" >"$WORK/split/$number"
      done < <(jq -c 'if type == "array" then .[] else . end' "$1")
      [ "$number" -gt 0 ] || { REASON="$2 has no bundle"; return 1; }
      ;;
    *) REASON="$2 has no bundle"; return 1 ;;
  esac
  for file in "$WORK"/split/*; do
    add_bundle "$file" "$2" || return 1
  done
}

add_bundle() { # FILE ORIGIN
  local hash predicate identity
  REASON=$(jq -r '
    if type != "object" then "is no Sigstore bundle"
    elif (.mediaType | type != "string" or
        (test("^application/vnd\\.dev\\.sigstore\\.bundle(\\.v0\\.[0-9]+\\+json|\\+json;version=0\\.[0-9]+)$") | not))
      then "is no Sigstore bundle: its mediaType is \(.mediaType | tojson | .[0:100])"
    elif has("messageSignature") then
      "is a signature of a file (messageSignature, as of cosign sign-blob), not of an image"
    elif (.dsseEnvelope | type) != "object" then "is a bundle without dsseEnvelope"
    elif .dsseEnvelope.payloadType != "application/vnd.in-toto+json" then
      "has the payload type \(.dsseEnvelope.payloadType | tojson | .[0:100]), not application/vnd.in-toto+json"
    elif (.dsseEnvelope.signatures | type != "array" or length != 1) then "has not exactly one signature"
    else "" end' "$1" 2>/dev/null) || REASON="is no JSON"
  [ -z "$REASON" ] || { REASON="$2 $REASON"; return 1; }
  jq -r '.dsseEnvelope.payload' "$1" | tr '_-' '/+' | base64 -d >"$WORK/statement" 2>/dev/null ||
    { REASON="$2 has a payload that is no base64"; return 1; }
  REASON=$(jq -rs --arg hex "${DIGEST#sha256:}" '
    if length != 1 or (.[0] | type) != "object" or (.[0]._type | type) != "string" or
        (.[0]._type | startswith("https://in-toto.io/Statement/") | not) then "holds no in-toto statement"
    elif (.[0].predicateType | type != "string" or . == "" or test("[\\x00-\\x20]")) then "has no predicate type"
    else ([.[0].subject[]?.digest.sha256? | strings]) as $subjects
      | if any($subjects[]; . == $hex) then ""
        else "is for another image: for \($subjects[0:3] | map("sha256:" + .[0:64]) | join(", ")), not sha256:\($hex)"
        end
    end' "$WORK/statement" 2>/dev/null) || REASON="holds no in-toto statement"
  [ -z "$REASON" ] || { REASON="$2 $REASON"; return 1; }
  predicate=$(jq -r .predicateType "$WORK/statement") || die "cannot read $WORK/statement"
  hash=$(printf %s "$predicate" | sha256)
  # Two bundles are the same if they are the same JSON.
  identity=$(jq -cS . "$1" | sha256) || die "cannot hash $1"
  mkdir -p "$INTO/$hash/bundles"
  printf %s "$predicate" >"$INTO/$hash/type"
  cp "$1" "$INTO/$hash/bundles/$identity" || die "cannot copy $1"
}

# --- what is attached to an image

# attached_bundles REPOSITORY: a referrer that is no bundle of this image is named and left out, because anybody who may
# push can attach one.
attached_bundles() {
  local digests digest layer layers
  digests=$(referrers "$1")
  for digest in $digests; do
    fetch_manifest "$1@$digest" "$WORK/referrer.json" || continue
    layers=$(jq -r '.layers // [] | .[]
      | select(.mediaType | strings | startswith("application/vnd.dev.sigstore.bundle")) | .digest' \
      "$WORK/referrer.json") || die "cannot read the manifest $1@$digest"
    for layer in $layers; do
      fetch_blob "$1" "$layer" "$WORK/attached.json"
      add_bundles "$WORK/attached.json" "the bundle $1@$digest" || say "left out: $REASON"
    done
  done
  attached_envelopes "$1"
}

# referrers REPOSITORY: the digests of all that refers to the image and may be a bundle: by the referrers API, and by
# the tag that stands in for it, which stays where a registry learns the API. cosign does not write the artifact type
# there.
referrers() {
  local repository=$1 tag=$1:${DIGEST/:/-}
  if ! oras_do discover --format json "$repository@$DIGEST" >"$WORK/referrers.json" 2>"$WORK/errors"; then
    # Bundles may be kept apart from the image.
    { [ -n "$FROM" ] && grep -qE ': not found$' "$WORK/errors"; } ||
      die "cannot ask what is attached to $repository@$DIGEST: $(last_error)"
    echo '{}' >"$WORK/referrers.json"
  fi
  fetch_manifest "$tag" "$WORK/fallback.json" || echo '{}' >"$WORK/fallback.json"
  jq -rs '[.[] | (.referrers // []), (.manifests // []) | .[]
    | select(.artifactType == null or .artifactType == "" or .artifactType == "application/vnd.oci.empty.v1+json"
        or (.artifactType | startswith("application/vnd.dev.sigstore.bundle")))
    | .digest | strings | select(test("^sha256:[0-9a-f]{64}$"))] | unique | .[]' \
    "$WORK/referrers.json" "$WORK/fallback.json"
}

# attached_envelopes REPOSITORY: attestations in the format of cosign 2, at the tag .att. Their layers hold the signed
# envelope, their annotations the certificate and the log's promise: all that a bundle of version 0.1 consists of.
attached_envelopes() {
  local number count layer
  fetch_manifest "$1:${DIGEST/:/-}.att" "$WORK/att.json" || return 0
  count=$(jq '.layers // [] | length' "$WORK/att.json")
  for ((number = 0; number < count; number++)); do
    jq --argjson number "$number" '.layers[$number]' "$WORK/att.json" >"$WORK/layer.json"
    [ "$(jq -r .mediaType "$WORK/layer.json")" = application/vnd.dsse.envelope.v1+json ] || continue
    layer=$(jq -r .digest "$WORK/layer.json")
    fetch_blob "$1" "$layer" "$WORK/envelope.json"
    if envelope_to_bundle >"$WORK/attached.json" 2>"$WORK/errors"; then
      add_bundles "$WORK/attached.json" "the attestation $1@$layer" || say "left out: $REASON"
    else
      say "left out: the attestation $1@$layer cannot be made a bundle: $(last_error)"
    fi
  done
}

envelope_to_bundle() {
  # shellcheck disable=SC2016 # these are jq's variables
  jq -c --slurpfile layer "$WORK/layer.json" '
    def pem: [scan("-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----")
      | gsub("-----[A-Z ]*-----|\\s"; "") | {rawBytes: .}];
    # base64 of hex: only the digits of the log identifier, which are 32 bytes.
    def digit: explode[0] | if . >= 97 then . - 87 else . - 48 end;
    def hex_to_base64:
      if test("^[0-9a-f]{64}$") | not then error("the log identifier is not 64 hex digits") else . end
      | [range(0; 64; 2) as $at | (.[$at:$at + 1] | digit) * 16 + (.[$at + 1:$at + 2] | digit)]
      | "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" as $letters
      | [range(0; length; 3) as $at | .[$at:$at + 3] as $group | ($group | length) as $length
        | ($group + [0, 0] | .[0] * 65536 + .[1] * 256 + .[2]) as $bits
        | [262144, 4096, 64, 1] | map(($bits / . | floor) % 64) | map($letters[.:. + 1])
        | .[0:$length + 1] + ["=", "="] | .[0:4] | join("")] | join("");
    . as $envelope | ($layer[0].annotations // {}) as $annotations
    | ($annotations["dev.sigstore.cosign/certificate"] // "" | pem) as $leaf
    | ($annotations["dev.sigstore.cosign/chain"] // "" | pem) as $chain
    | ($annotations["dev.sigstore.cosign/bundle"] // "" | if . == "" then null else fromjson end) as $log
    | ($annotations["dev.sigstore.cosign/rfc3161timestamp"] // "" | if . == "" then null else fromjson end) as $time
    | if ($envelope.signatures | length) != 1 then error("it has not exactly one signature") else . end
    | {
        mediaType: "application/vnd.dev.sigstore.bundle+json;version=0.1",
        verificationMaterial: (
          # The root, last in the chain, is no part of a bundle.
          (if ($leaf | length) > 0 then {x509CertificateChain: {certificates: ($leaf[0:1] + $chain[0:-1])}}
           else {publicKey: {hint: ""}} end)
          + (if $log == null then {} else {tlogEntries: [
              ($log.Payload.body | @base64d | fromjson) as $body
              | {
                  logIndex: ($log.Payload.logIndex | tostring),
                  logId: {keyId: ($log.Payload.logID | hex_to_base64)},
                  kindVersion: {kind: $body.kind, version: $body.apiVersion},
                  integratedTime: ($log.Payload.integratedTime | tostring),
                  inclusionPromise: {signedEntryTimestamp: $log.SignedEntryTimestamp},
                  canonicalizedBody: $log.Payload.body
                }]} end)
          + (if $time == null then {} else {timestampVerificationData: {
              rfc3161Timestamps: [{signedTimestamp: $time.SignedRFC3161Timestamp}]}} end)),
        dsseEnvelope: {
          payload: $envelope.payload, payloadType: $envelope.payloadType,
          signatures: [{sig: $envelope.signatures[0].sig}]
        }
      }' "$WORK/envelope.json"
}

# --- carriers

publish_groups() {
  local group found=""
  for group in "$INTO"/*/; do
    [ -d "$group" ] || continue
    wanted "$(cat "$group/type")" || continue
    found=yes
    publish_carrier "$1" "${group%/}"
  done
  [ -z "$found$ALLOW_NONE" ] || return 0
  die "no bundle${WANTED[*]+ of ${WANTED[*]}} is attached to ${FROM:-$REPOSITORY}@$DIGEST" \
    "(a signature in the old format, at a tag .sig, needs no carrier)"
}

wanted() {
  local type
  [ ${#WANTED[@]} -gt 0 ] || return 0
  for type in "${WANTED[@]}"; do [ "$type" != "$1" ] || return 0; done
  return 1
}

# publish_carrier REPOSITORY GROUP: somebody else may publish at the same time, so what was pushed is read again by its
# tag, and if that is not what was pushed, both are put together.
publish_carrier() {
  local group=$2 predicate reference try count old done=unchanged
  predicate=$(cat "$group/type")
  reference=$1:$(carrier_tag "$DIGEST" "$predicate")
  for try in 1 2 3; do
    [ "$try" = 1 ] || say "$reference was changed by somebody else meanwhile: once more"
    old=""
    ! fetch_manifest "$reference" "$WORK/old-manifest.json" || old=yes
    rm -f "$group/config.json"
    [ -z "$old" ] || [ -n "$REPLACE" ] || merge_published "$1" "$reference" "$group"
    [ -f "$group/config.json" ] || write_config "$group" >"$group/config.json"
    write_manifest "$group/config.json" "$predicate" >"$group/manifest.json"
    if [ -z "$old" ] || ! cmp -s "$group/manifest.json" "$WORK/old-manifest.json"; then
      done=published
      push_carrier "$1" "$reference" "$group"
    fi
    confirm_carrier "$1" "$reference" "$group" || continue
    count=$(find "$group/bundles" -type f | wc -l)
    printf '%s@sha256:%s %s %d %s\n' "$reference" "$(sha256 <"$group/manifest.json")" "$done" "$count" "$predicate"
    return
  done
  die "$reference is not what was pushed"
}

# merge_published REPOSITORY REFERENCE GROUP: adds what the carrier holds to the group. If that is all of it, the config
# stays as it is.
merge_published() {
  local group=$3 config held
  config=$(jq -r '.config.digest // ""' "$WORK/old-manifest.json") || config=""
  [[ $config =~ ^sha256:[0-9a-f]{64}$ ]] || die "$2 is no carrier: it has no config; --replace overwrites it"
  fetch_blob "$1" "$config" "$WORK/old-config.json"
  INTO=$WORK/held
  rm -rf "$INTO"
  mkdir "$INTO"
  add_bundles "$WORK/old-config.json" "$2" || die "$REASON; --replace overwrites it"
  held=$INTO/${group##*/} INTO=$WORK/new
  [ "$(ls "$WORK/held")" = "${group##*/}" ] || die "$2 holds bundles of another predicate type; --replace overwrites it"
  cp "$held/bundles/"* "$group/bundles/"
  [ "$(ls "$held/bundles")" != "$(ls "$group/bundles")" ] || cp "$WORK/old-config.json" "$group/config.json"
}

# One bundle is the config as it is; more are an array, ordered by their hashes so that it does not matter who published
# which first.
write_config() { # GROUP
  local file comma=""
  set -- "$1"/bundles/*
  if [ $# = 1 ]; then
    cat "$1"
    return
  fi
  printf '['
  for file in "$@"; do
    printf %s "$comma"
    jq -cj . "$file"
    comma=,
  done
  printf ']'
}

# No date and no file name: the same bundles always make the same manifest.
write_manifest() { # CONFIG PREDICATE-TYPE
  jq -cjn --arg type "$CARRIER_TYPE" --arg manifest "$MANIFEST_TYPE" --arg predicate "$2" \
    --arg digest "sha256:$(sha256 <"$1")" --argjson size "$(wc -c <"$1")" '
    {mediaType: $type, digest: $digest, size: $size} as $content
    | {schemaVersion: 2, mediaType: $manifest, artifactType: $type, config: $content, layers: [$content],
       annotations: {"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": $predicate}}'
}

push_carrier() { # REPOSITORY REFERENCE GROUP
  local digest
  digest=sha256:$(sha256 <"$3/config.json")
  oras_do blob push --media-type "$CARRIER_TYPE" "$1@$digest" "$3/config.json" >"$WORK/errors" 2>&1 ||
    die "cannot push to $1: $(last_error)"
  oras_do manifest push --media-type "$MANIFEST_TYPE" "$2" "$3/manifest.json" >"$WORK/errors" 2>&1 ||
    die "cannot push $2: $(last_error)"
}

# confirm_carrier REPOSITORY REFERENCE GROUP: what the registry gives back is what it should have.
confirm_carrier() {
  local digest
  fetch_manifest "$2" "$WORK/back.json" || die "$2 is not there after it was pushed"
  cmp -s "$WORK/back.json" "$3/manifest.json" || return 1
  for digest in $(jq -r '.config.digest, .layers[0].digest' "$WORK/back.json"); do
    fetch_blob "$1" "$digest" "$WORK/back-config.json"
    cmp -s "$WORK/back-config.json" "$3/config.json" || die "$1@$digest is not what was pushed"
  done
}

main "$@"
