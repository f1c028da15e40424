#!/usr/bin/env bash
# Carriers of bundles, with real cosign in real registries: one without the referrers API and one with it. Only loopback
# addresses are contacted.
#
#   hack/publish-tests.sh [PART...]
#
# The commands of docs/carriers.md and of the snippets in examples/carriers are run as they are written there.
set -euo pipefail
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=hack/registry.sh
. "$(dirname "$0")/registry.sh"
# shellcheck source=hack/check.sh
. "$(dirname "$0")/check.sh"
# shellcheck source=hack/carriers.sh
. "$(dirname "$0")/carriers.sh"

TYPE=application/vnd.dev.sigstore.bundle.v0.3+json
SBOM=https://cyclonedx.org/bom
PROVENANCE=https://slsa.dev/provenance/v1
# What is tested, each a function below; or those that are named on the command line.
PARTS=(attached_by_cosign in_one_go elsewhere several_signers not_this_image occupied_tags wrong_carriers racing of_cosign_2
  of_cosign_2_logged an_index of_running_pods usage_errors as_written predicate_types)
[ $# = 0 ] || PARTS=("$@")

# --- what is tested, in each kind of registry

attached_by_cosign() {
  local type file again
  new_image attached
  signed_by alice "$IMAGE" "$WORK/signed.json"
  attested_by alice cyclonedx bom.json "$IMAGE" "$WORK/sbom.json"
  attested_by alice slsaprovenance1 provenance.json "$IMAGE" "$WORK/built.json"
  case $KIND in
    plain) check "attached at the fallback tag" "$(carrier "$IMAGE" "sha256-$HEX" | jq '.manifests | length')" 3 ;;
    referrers) check "nothing at the fallback tag" "$(carrier "$IMAGE" "sha256-$HEX")" "" ;;
  esac
  check "cosign verifies before" "$(verifies alice "$IMAGE")" 1

  says publish-bundle.sh publish "$IMAGE" >"$WORK/first"
  check "three carriers are published" "$(cut -d ' ' -f 2-4 <<<"$(sed 's/^0 //' "$WORK/first" | sort -k 4)" | xargs)" \
    "published 1 $SBOM published 1 $SIGNATURE published 1 $PROVENANCE"
  while read -r type file; do
    check "the tag of $type" "$(publish-bundle.sh tag "$IMAGE" "$type")" "$(tag_of "$HEX" "$type")"
    check "  an artifact whose config is its layer" "$(shape "$IMAGE" "$(tag_of "$HEX" "$type")")" \
      "$TYPE $TYPE $TYPE 1 true true false"
    config_of "$IMAGE" "$(tag_of "$HEX" "$type")" "$WORK/config"
    check "  the config is the bundle, byte by byte" "$(cmp "$WORK/config" "$WORK/$file" && echo same)" same
    check "  it was printed" "$(grep -c -F ":$(tag_of "$HEX" "$type")@sha256:" "$WORK/first")" 1
  done <<TYPES
$SIGNATURE signed.json
$SBOM sbom.json
$PROVENANCE built.json
TYPES
  policy_accepts "the signature" "$IMAGE" "$(settings alice)"
  policy_accepts "and the SBOM" "$IMAGE" "$(settings alice "$SBOM")"
  policy_accepts "and the provenance" "$IMAGE" "$(settings alice "$PROVENANCE")"
  policy_rejects "not by another key" "$IMAGE" "$(settings bob)"

  tags "$IMAGE" >"$WORK/tags"
  again=$(says publish-bundle.sh publish "$IMAGE")
  check "published again: nothing changes" "$again" "$(sed 's/ published / unchanged /' "$WORK/first")"
  check "  no tag is new or moved" "$(tags "$IMAGE" | diff - "$WORK/tags")" ""
  check "by its tag: the same" "$(says publish-bundle.sh publish "$EXAMPLE/$KIND/attached:$FRESH")" "$again"
  check "the same with oras 1.3" "$(ORAS=oras-1.3 says publish-bundle.sh publish "$IMAGE")" "$again"
  check "one predicate type alone" "$(says publish-bundle.sh publish --predicate-type "$SBOM" "$IMAGE")" \
    "0 *:$(tag_of "$HEX" "$SBOM")@sha256:* unchanged 1 $SBOM"

  check "cosign still verifies the same" "$(verifies alice "$IMAGE")" 1
  check "  and the SBOM" "$(verifies_attestation alice cyclonedx "$IMAGE")" yes
  check "  and the provenance" "$(verifies_attestation alice slsaprovenance1 "$IMAGE")" yes
  check "  not with another key" "$(verifies bob "$IMAGE") $(verifies_attestation bob cyclonedx "$IMAGE")" "no no"

  says publish-bundle.sh publish --to "$EXAMPLE/$KIND/carriers" "$IMAGE" >"$WORK/second"
  check "into another repository: the same carriers" "$(cat "$WORK/second")" \
    "$(sed "s,/attached:,/carriers:,; s,^$EXAMPLE/$KIND/attached,$EXAMPLE/$KIND/carriers," "$WORK/first")"
  check "  from there, without referrers" "$(shape "$EXAMPLE/$KIND/carriers" "$(tag_of "$HEX" "$SIGNATURE")")" \
    "$TYPE $TYPE $TYPE 1 true true false"
}

in_one_go() {
  new_image onego
  check "sign publishes too" "$(says publish-bundle.sh sign "$EXAMPLE/$KIND/onego:$FRESH" -- --key "$WORK/keys/alice.key")" \
    "*$EXAMPLE/$KIND/onego:$(tag_of "$HEX" "$SIGNATURE")@sha256:* published 1 $SIGNATURE"
  check "attest publishes too" "$(says publish-bundle.sh attest --type slsaprovenance1 --predicate "$WORK/provenance.json" \
    "$IMAGE" -- --key "$WORK/keys/alice.key")" \
    "*$EXAMPLE/$KIND/onego:$(tag_of "$HEX" "$PROVENANCE")@sha256:* published 1 $PROVENANCE"
  check "  what is attached is what was published" "$(says publish-bundle.sh publish "$IMAGE" | grep -c unchanged)" 2
  check "  cosign verifies" "$(verifies alice "$IMAGE") $(verifies_attestation alice slsaprovenance1 "$IMAGE")" \
    "1 yes"
  policy_accepts "signed and attested" "$IMAGE" "$(settings alice "$PROVENANCE")"
  policy_rejects "no SBOM" "$IMAGE" "$(settings alice "$SBOM")"
}

# Bundles that are not where one would look first.
elsewhere() {
  local kind=$KIND mirror
  new_image origin
  signed_by alice "$IMAGE" "$WORK/alice.json"
  mirror=$EXAMPLE/$KIND/mirror@sha256:$HEX
  quietly "$BIN/crane" copy --insecure "$IMAGE" "$EXAMPLE/$KIND/mirror:$FRESH"
  check "a copy of an image has no bundles" "$(says publish-bundle.sh publish "$mirror")" "1 *error: no bundle is attached to $mirror *"
  check "  but --from says where they are" "$(says publish-bundle.sh publish --from "$EXAMPLE/$KIND/origin" "$mirror")" \
    "0 $EXAMPLE/$KIND/mirror:$(tag_of "$HEX" "$SIGNATURE")@* published 1 $SIGNATURE"
  check "none of the predicate type asked for" "$(says publish-bundle.sh publish --predicate-type "$SBOM" "$IMAGE")" \
    "1 *error: no bundle of $SBOM is attached to $IMAGE *"

  # Signed before the registry had the API: the API knows nothing of it, the tag does.
  use_registry plain
  new_image "learned-$kind"
  signed_by alice "$IMAGE" "$WORK/alice.json"
  use_registry referrers
  check "signed before the registry learned the API" "$(says publish-bundle.sh publish "$IMAGE")" "0 * published 1 $SIGNATURE"
  use_registry "$kind"
}

several_signers() {
  local tag digest
  new_image several
  tag=$(tag_of "$HEX" "$SIGNATURE")
  signed_by alice "$IMAGE" "$WORK/alice.json"
  quietly publish-bundle.sh publish "$IMAGE"
  check "a second signer is added" "$(says publish-bundle.sh sign "$IMAGE" -- --key "$WORK/keys/bob.key")" \
    "*:$tag@sha256:* published 2 $SIGNATURE"
  config_of "$IMAGE" "$tag" "$WORK/config"
  check "  the config is an array" "$(jq -r 'type + " \(length)"' "$WORK/config")" "array 2"
  check "  the first is in it, unchanged" "$(jq -c '.[]' "$WORK/config" | grep -c -x -F "$(jq -c . "$WORK/alice.json")")" 1
  policy_accepts "one of two signers" "$IMAGE" "$(settings alice)"
  policy_accepts "the other" "$IMAGE" "$(settings bob)"
  policy_rejects "a third" "$IMAGE" "$(settings carol)"
  check "  cosign verifies both" "$(verifies alice "$IMAGE") $(verifies bob "$IMAGE")" "1 1"
  digest=$("$BIN/crane" digest --insecure "${IMAGE%@*}:$tag")
  check "  published again: nothing changes" "$(says publish-bundle.sh publish "$IMAGE")" "0 *:$tag@$digest unchanged 2 $SIGNATURE"
  # Another repository, and the other way round.
  jq -c '.[]' "$WORK/config" | grep -v -x -F "$(jq -c . "$WORK/alice.json")" >"$WORK/bob.json"
  quietly publish-bundle.sh publish --to "$EXAMPLE/$KIND/order" --bundle "$WORK/bob.json" "$IMAGE"
  check "  in whichever order they come" \
    "$(says publish-bundle.sh publish --to "$EXAMPLE/$KIND/order" --bundle "$WORK/alice.json" "$IMAGE")" \
    "0 *:$tag@$digest published 2 $SIGNATURE"
  jq . "$WORK/alice.json" >"$WORK/pretty.json"
  check "the same bundle in other white space is the same" \
    "$(says publish-bundle.sh publish --bundle "$WORK/pretty.json" "$IMAGE")" "0 *:$tag@$digest unchanged 2 $SIGNATURE"
  check "an array of bundles" "$(says publish-bundle.sh publish --bundle "$WORK/config" "$IMAGE")" "0 *@$digest unchanged 2 *"
  cat "$WORK/alice.json" <(echo) "$WORK/bob.json" >"$WORK/lines.jsonl"
  check "one bundle a line" "$(says publish-bundle.sh publish --bundle "$WORK/lines.jsonl" "$IMAGE")" "0 *@$digest unchanged 2 *"
  check "--replace takes one out" "$(says publish-bundle.sh publish --replace --bundle "$WORK/alice.json" "$IMAGE")" \
    "0 *:$tag@sha256:* published 1 $SIGNATURE"
  check "  and again: nothing changes" "$(says publish-bundle.sh publish --replace --bundle "$WORK/alice.json" "$IMAGE")" \
    "0 *:$tag@sha256:* unchanged 1 $SIGNATURE"
}

# edited EXPRESSION: alice.json with its statement changed.
edited() {
  jq -c --arg payload "$(jq -r .dsseEnvelope.payload "$WORK/alice.json" | base64 -d | jq -cj "$1" | base64 -w 0)" \
    '.dsseEnvelope.payload = $payload' "$WORK/alice.json"
}

refused() { # TITLE MESSAGE: $WORK/bad.json is not published for $IMAGE
  check "refused: $1" "$(says publish-bundle.sh publish --bundle "$WORK/bad.json" "$IMAGE")" "1 *error: $WORK/bad.json $2"
}

not_this_image() {
  local other digit
  new_image other
  other=$IMAGE
  new_image refused
  signed_by alice "$other" "$WORK/bad.json"
  signed_by alice "$IMAGE" "$WORK/alice.json"
  tags "$IMAGE" >"$WORK/tags"
  refused "the bundle of another image" "is for another image: for sha256:${other#*@sha256:}, not sha256:$HEX"
  digit=$([ "${HEX: -1}" = 0 ] && echo 1 || echo 0)
  edited ".subject[0].digest.sha256 = \"${HEX%?}$digit\"" >"$WORK/bad.json"
  refused "one digit of the subject" "is for another image: for *$digit, not sha256:$HEX"
  edited '.subject = []' >"$WORK/bad.json"
  refused "no subject" "is for another image: *"
  edited 'del(.predicateType)' >"$WORK/bad.json"
  refused "no predicate type" "has no predicate type"
  edited '._type = "https://example.com/Statement"' >"$WORK/bad.json"
  refused "no in-toto statement" "holds no in-toto statement"
  jq '.dsseEnvelope.payload = "eyJ9"' "$WORK/alice.json" >"$WORK/bad.json"
  refused "a payload that is no JSON" "holds no in-toto statement"
  jq '.dsseEnvelope.payloadType = "text/plain"' "$WORK/alice.json" >"$WORK/bad.json"
  refused "another payload type" 'has the payload type "text/plain", not application/vnd.in-toto+json'
  jq '.dsseEnvelope.signatures += .dsseEnvelope.signatures' "$WORK/alice.json" >"$WORK/bad.json"
  refused "two signatures" "has not exactly one signature"
  jq '.mediaType = "application/vnd.oci.image.config.v1+json"' "$WORK/alice.json" >"$WORK/bad.json"
  refused "another media type" 'is no Sigstore bundle: its mediaType is "application/vnd.oci.image.config.v1+json"'
  echo '[' >"$WORK/bad.json"
  refused "no JSON" "is no JSON"
  echo '[]' >"$WORK/bad.json"
  refused "no bundle" "has no bundle"
  echo content >"$WORK/blob"
  quietly "$BIN/cosign3" sign-blob --key "$WORK/keys/alice.key" --signing-config "$WORK/signing-config.json" \
    --bundle "$WORK/bad.json" "$WORK/blob"
  refused "the signature of a file" "is a signature of a file (messageSignature, *"
  jq -s . "$WORK/alice.json" "$WORK/bad.json" >"$WORK/both.json" && mv "$WORK/both.json" "$WORK/bad.json"
  refused "one good bundle and a bad one" "is a signature of a file (messageSignature, *"
  check "  and nothing was pushed" "$(tags "$IMAGE" | diff - "$WORK/tags")" ""
  check "accepted: the bundle that all of these were made of" \
    "$(says publish-bundle.sh publish --bundle "$WORK/alice.json" "$IMAGE")" "0 * published 1 $SIGNATURE"

  # Attached to this image by somebody, but for another one.
  new_image foreign
  (cd "$WORK" && signed_by alice "$other" bad.json && quietly oras attach --artifact-type "$TYPE" "$IMAGE" "bad.json:$TYPE")
  check "left out: attached here, for another image" "$(says publish-bundle.sh publish "$IMAGE")" \
    "1 *left out: the bundle * is for another image: *error: no bundle is attached to $IMAGE*"
  # As GitHub's attest actions do it: an artifact with the bundle as layer.
  quietly cosign attest --key "$WORK/keys/alice.key" --type slsaprovenance1 --predicate "$WORK/provenance.json" \
    --no-upload --bundle "$WORK/good.json" "$IMAGE"
  (cd "$WORK" && quietly oras attach --artifact-type "$TYPE" "$IMAGE" "good.json:$TYPE")
  check "  a good one beside it is published" "$(says publish-bundle.sh publish "$IMAGE")" \
    "0 *left out: * published 1 $PROVENANCE"
  (cd "$WORK" && quietly oras attach --artifact-type text/plain "$IMAGE" "blob:text/plain")
  check "  what is no bundle does not matter" "$(says publish-bundle.sh publish "$IMAGE")" "0 *left out: * unchanged 1 $PROVENANCE"
}

occupied_tags() {
  local tag
  new_image occupied
  tag=$(tag_of "$HEX" "$SIGNATURE")
  signed_by alice "$IMAGE" "$WORK/alice.json"
  quietly "$BIN/crane" copy --insecure "$IMAGE" "${IMAGE%@*}:$tag"
  check "a tag that holds something else is left alone" "$(says publish-bundle.sh publish "$IMAGE")" \
    "1 *error: *:$tag is no Sigstore bundle: *--replace overwrites it*"
  check "  unless told to" "$(says publish-bundle.sh publish --replace "$IMAGE")" "0 *:$tag@* published 1 $SIGNATURE"

  # What the documentation says one can do by hand.
  (cd "$WORK" && quietly oras push --config "alice.json:$TYPE" --disable-path-validation "${IMAGE%@*}:$tag" "alice.json:$TYPE")
  config_of "$IMAGE" "$tag" "$WORK/config"
  check "a carrier pushed by hand holds the same" "$(cmp "$WORK/config" "$WORK/alice.json" && echo same)" same
  check "  and is taken over" "$(says publish-bundle.sh publish "$IMAGE")" "0 *:$tag@* published 1 $SIGNATURE"
}

# put_carrier FILE PREDICATE-TYPE: makes the file the carrier of $IMAGE, whatever it holds.
put_carrier() {
  quietly env -C "$WORK" oras push --config "$1:$TYPE" --disable-path-validation \
    "${IMAGE%@*}:$(tag_of "$HEX" "$2")" "$1:$TYPE"
}

# Carriers that the script would not publish, for the policy to judge. Each is the good one but for one thing.
wrong_carriers() {
  local other
  new_image elsewhere
  other=$HEX
  signed_by alice "$IMAGE" "$WORK/other.json"
  new_image wrong
  signed_by alice "$IMAGE" "$WORK/alice.json"
  attested_by alice cyclonedx bom.json "$IMAGE" "$WORK/sbom.json"
  policy_rejects "no carrier" "$IMAGE" "$(settings alice)" "no signature this policy can read"
  put_carrier sbom.json "$SBOM"
  policy_rejects "an SBOM alone" "$IMAGE" "$(settings alice "$SBOM")" "attested, not signed"
  put_carrier sbom.json "$SIGNATURE"
  policy_rejects "an SBOM where the signature should be" "$IMAGE" "$(settings alice)" "attested, not signed"
  put_carrier other.json "$SIGNATURE"
  policy_rejects "the carrier of another image" "$IMAGE" "$(settings alice)"
  jq -c --arg payload "$(jq -r .dsseEnvelope.payload "$WORK/other.json" | base64 -d | sed "s/$other/$HEX/" | base64 -w 0)" \
    '.dsseEnvelope.payload = $payload' "$WORK/other.json" >"$WORK/bad.json"
  put_carrier bad.json "$SIGNATURE"
  policy_rejects "  with this image written into it" "$IMAGE" "$(settings alice)"
  edited '.predicate = {"a": 1}' >"$WORK/bad.json"
  put_carrier bad.json "$SIGNATURE"
  policy_rejects "another predicate" "$IMAGE" "$(settings alice)"
  jq -c '.dsseEnvelope.signatures[0].sig |= (.[:20] + (if .[20:21] == "A" then "B" else "A" end) + .[21:])' \
    "$WORK/alice.json" >"$WORK/bad.json"
  put_carrier bad.json "$SIGNATURE"
  policy_rejects "one digit of the signature" "$IMAGE" "$(settings alice)"
  jq -r .dsseEnvelope.payload "$WORK/sbom.json" | base64 -d | sed "s|$SBOM|$SIGNATURE|" | base64 -w 0 >"$WORK/payload"
  jq -c --rawfile payload "$WORK/payload" '.dsseEnvelope.payload = $payload' "$WORK/sbom.json" >"$WORK/bad.json"
  put_carrier bad.json "$SIGNATURE"
  policy_rejects "an SBOM that calls itself a signature" "$IMAGE" "$(settings alice)"
  echo '[]' >"$WORK/bad.json"
  put_carrier bad.json "$SIGNATURE"
  policy_rejects "an empty array" "$IMAGE" "$(settings alice)"
  jq -sc . "$WORK/other.json" "$WORK/sbom.json" "$WORK/alice.json" >"$WORK/good.json"
  put_carrier good.json "$SIGNATURE"
  policy_accepts "the good one among bad ones" "$IMAGE" "$(settings alice)"
  put_carrier alice.json "$SIGNATURE"
  policy_accepts "the good one" "$IMAGE" "$(settings alice)"
  check "wrong carriers do not touch what cosign sees" "$(verifies alice "$IMAGE")" 1
}

# Somebody publishes between our push and our reading it back: once, or always.
racing() {
  local tag
  new_image racing
  tag=$(tag_of "$HEX" "$SIGNATURE")
  signed_by alice "$IMAGE" "$WORK/alice.json"
  signed_by bob "$IMAGE" "$WORK/bob.json"
  cat >"$WORK/bin/oras-racing" <<SH
#!/usr/bin/env bash
"$WORK/bin/oras" "\$@" || exit
case "\$1 \$2" in "manifest push") ;; *) exit 0 ;; esac
[ -e "$WORK/raced" ] && exit
[ -n "\${ALWAYS:-}" ] || touch "$WORK/raced"
ORAS=$WORK/bin/oras "$PUBLISH" publish --replace --bundle "$WORK/bob.json" "$IMAGE" >/dev/null
SH
  chmod +x "$WORK/bin/oras-racing"
  check "two publish at once: both are kept" \
    "$(ORAS=$WORK/bin/oras-racing says publish-bundle.sh publish --bundle "$WORK/alice.json" "$IMAGE")" \
    "0 *changed by somebody else meanwhile*:$tag@* published 2 $SIGNATURE"
  rm "$WORK/raced"
  quietly publish-bundle.sh publish --replace --bundle "$WORK/bob.json" "$IMAGE"
  check "somebody undoes it each time: said" \
    "$(ALWAYS=yes ORAS=$WORK/bin/oras-racing says publish-bundle.sh publish --bundle "$WORK/alice.json" "$IMAGE")" \
    "1 *error: *:$tag is not what was pushed*"
}

of_cosign_2() {
  local att
  new_image two
  sign_v2 carol "$KIND/two:$FRESH"
  check "a signature by cosign 2 needs no carrier" "$(says publish-bundle.sh publish "$IMAGE")" \
    "1 *error: no bundle is attached to $IMAGE (a signature in the old format, at a tag .sig, needs no carrier)*"
  check "  which is no error if told so" "$(says publish-bundle.sh publish --allow-none "$IMAGE")" "0 "
  quietly "$BIN/cosign2" attest --key "$WORK/keys/carol.key" --tlog-upload=false --type cyclonedx \
    --predicate "$WORK/bom.json" --allow-http-registry --allow-insecure-registry "$IMAGE"
  check "an attestation by cosign 2 is made a bundle" "$(says publish-bundle.sh publish "$IMAGE")" "0 * published 1 $SBOM"
  config_of "$IMAGE" "$(tag_of "$HEX" "$SBOM")" "$WORK/config"
  "$BIN/crane" blob --insecure "${IMAGE%@*}@$(carrier "$IMAGE" "sha256-$HEX.att" | jq -r '.layers[0].digest')" >"$WORK/envelope"
  att=$(jq -c '[.payload, .payloadType, .signatures[0].sig]' "$WORK/envelope")
  check "  of the same payload and signature" \
    "$(jq -c '.dsseEnvelope | [.payload, .payloadType, .signatures[0].sig]' "$WORK/config" | cmp - <(echo "$att") && echo same)" same
  check "  which cosign 3 verifies" "$(verifies_bundle carol)" "yes"
  check "  not with another key" "$(verifies_bundle alice)" "no"
  check "  published again: nothing changes" "$(says publish-bundle.sh publish "$IMAGE")" "0 * unchanged 1 $SBOM"
  policy_accepts "signature and attestation of cosign 2" "$IMAGE" "$(settings carol "$SBOM")"
  policy_rejects "not by another key" "$IMAGE" "$(settings alice "$SBOM")"
}

verifies_bundle() { # KEY [OPTION-OF-COSIGN...]: $WORK/config, for $IMAGE
  local options=("${@:2}")
  [ $# -gt 1 ] || options=(--insecure-ignore-tlog=true)
  "$BIN/cosign3" verify-blob-attestation --bundle "$WORK/config" --key "$WORK/keys/$1.pub" "${options[@]}" \
    --type cyclonedx --digest "$HEX" --digestAlg sha256 >"$WORK/log" 2>&1 && echo yes || echo no
}

# An attestation by cosign 2 that a log promised to include, and that has a certificate. The log is made up here, with a
# key of its own; cosign is told to trust it.
of_cosign_2_logged() {
  new_image logged
  quietly "$BIN/cosign2" attest --key "$WORK/keys/carol.key" --tlog-upload=false --type cyclonedx \
    --predicate "$WORK/bom.json" --allow-http-registry --allow-insecure-registry "$IMAGE"
  "$BIN/crane" blob --insecure "${IMAGE%@*}@$(carrier "$IMAGE" "sha256-$HEX.att" | jq -r '.layers[0].digest')" >"$WORK/envelope"
  carrier "$IMAGE" "sha256-$HEX.att" >"$WORK/att.json"
  quietly openssl ecparam -genkey -name prime256v1 -noout -out "$WORK/log.pem"
  logged 0
  check "an attestation by cosign 2, logged, is made a bundle" "$(says publish-bundle.sh publish "$IMAGE")" "0 * published 1 $SBOM"
  config_of "$IMAGE" "$(tag_of "$HEX" "$SBOM")" "$WORK/config"
  check "  whose log entry cosign 3 verifies" "$(verifies_bundle carol --trusted-root "$WORK/trusted-root.json")" yes
  logged 1
  quietly publish-bundle.sh publish --replace "$IMAGE"
  config_of "$IMAGE" "$(tag_of "$HEX" "$SBOM")" "$WORK/config"
  check "  not with a time that the log did not sign" "$(verifies_bundle carol --trusted-root "$WORK/trusted-root.json")" no

  # Certificates go into the bundle as they are, without the root.
  for name in leaf intermediate root; do
    quietly openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -days 1 \
      -keyout "$WORK/$name.key" -out "$WORK/$name.pem"
  done
  jq -c --rawfile leaf "$WORK/leaf.pem" --arg chain "$(cat "$WORK/intermediate.pem" "$WORK/root.pem")" \
    '.layers[0].annotations += {"dev.sigstore.cosign/certificate": $leaf, "dev.sigstore.cosign/chain": $chain,
      "dev.sigstore.cosign/rfc3161timestamp": "{\"SignedRFC3161Timestamp\":\"AAAA\"}"}' "$WORK/att-logged.json" >"$WORK/att-cert.json"
  quietly oras manifest push "${IMAGE%@*}:sha256-$HEX.att" "$WORK/att-cert.json"
  quietly publish-bundle.sh publish --replace "$IMAGE"
  config_of "$IMAGE" "$(tag_of "$HEX" "$SBOM")" "$WORK/config"
  check "  certificates and timestamp are kept" \
    "$(jq -r '.verificationMaterial | .x509CertificateChain.certificates[].rawBytes,
      .timestampVerificationData.rfc3161Timestamps[].signedTimestamp, has("publicKey")' "$WORK/config" | xargs)" \
    "$(for name in leaf intermediate; do openssl x509 -in "$WORK/$name.pem" -outform DER | base64 -w 0; echo; done | xargs) AAAA false"
  check "  and so is the log entry" "$(jq '.verificationMaterial.tlogEntries | length' "$WORK/config")" 1
  jq '.layers[0].annotations["dev.sigstore.cosign/bundle"] = "{\"Payload\":{\"body\":\"e30=\",\"logID\":\"00\"}}"' \
    "$WORK/att.json" >"$WORK/att-bad.json"
  quietly oras manifest push "${IMAGE%@*}:sha256-$HEX.att" "$WORK/att-bad.json"
  check "left out: an attestation with a broken log entry" "$(says publish-bundle.sh publish --to "$EXAMPLE/$KIND/none" "$IMAGE")" \
    "1 *left out: the attestation * cannot be made a bundle: *the log identifier is not 64 hex digits*error: no bundle is attached*"
}

# logged SECONDS: pushes $WORK/att.json with a log's promise, and with another time than the promised one.
logged() {
  python3 - "$WORK" "$1" <<'PY'
import base64, hashlib, json, subprocess, sys
work, later = sys.argv[1], int(sys.argv[2])
encode = lambda data: base64.b64encode(data).decode()
canonical = lambda value: json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
sha = lambda data: {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}
openssl = lambda *words, data=None: subprocess.run(["openssl", *words], input=data, capture_output=True, check=True).stdout
envelope = open(f"{work}/envelope", "rb").read()
document = json.loads(envelope)
spki = openssl("pkey", "-in", f"{work}/log.pem", "-pubout", "-outform", "DER")
body = canonical({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
    "envelopeHash": sha(envelope), "payloadHash": sha(base64.b64decode(document["payload"])),
    "signatures": [{"signature": document["signatures"][0]["sig"],
                    "verifier": encode(open(f"{work}/keys/carol.pub", "rb").read())}]}})
entry = {"body": encode(body), "integratedTime": 1700000000, "logID": hashlib.sha256(spki).hexdigest(), "logIndex": 7}
promise = openssl("dgst", "-sha256", "-sign", f"{work}/log.pem", data=canonical(entry))
entry["integratedTime"] += later
manifest = json.load(open(f"{work}/att.json"))
manifest["layers"][0]["annotations"]["dev.sigstore.cosign/bundle"] = json.dumps(
    {"SignedEntryTimestamp": encode(promise), "Payload": entry})
json.dump(manifest, open(f"{work}/att-logged.json", "w"))
json.dump({"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1", "tlogs": [{
    "baseUrl": "https://log.example.com", "hashAlgorithm": "SHA2_256", "logId": {"keyId": encode(hashlib.sha256(spki).digest())},
    "publicKey": {"rawBytes": encode(spki), "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                  "validFor": {"start": "2020-01-01T00:00:00Z"}}}]}, open(f"{work}/trusted-root.json", "w"))
PY
  quietly oras manifest push "${IMAGE%@*}:sha256-$HEX.att" "$WORK/att-logged.json"
}

an_index() {
  local one other index
  new_image first
  one=$IMAGE
  new_image second
  other=$IMAGE
  quietly "$BIN/crane" index append --insecure --tag "$EXAMPLE/$KIND/index:$FRESH" --manifest "$one" --manifest "$other"
  index=$(pinned "$KIND/index:$FRESH")
  check "an index is signed as itself" "$(says publish-bundle.sh sign "$EXAMPLE/$KIND/index:$FRESH" -- --key "$WORK/keys/alice.key")" \
    "*:$(tag_of "${index#*@sha256:}" "$SIGNATURE")@* published 1 $SIGNATURE"
  check "  and nothing else" "$(tags "$index" | grep -c '\.bundle ')" 1
  check "  its images too, if told so" \
    "$(says publish-bundle.sh sign --recursive "$EXAMPLE/$KIND/index:$FRESH" -- --key "$WORK/keys/alice.key" | grep -c ' published ')" 3
  check "  each with a carrier" "$(tags "$index" | cut -d ' ' -f 1 | grep '\.bundle' | sort | xargs)" \
    "$(for each in "$one" "$other" "$index"; do tag_of "${each#*@sha256:}" "$SIGNATURE"; done | sort | xargs)"
  check "  published again: nothing changes" "$(says publish-bundle.sh publish --recursive "$index" | grep -c ' unchanged ')" 3
}

# The CronJob's script, with an API server that has two pages of pods.
of_running_pods() {
  local running listed
  new_image running
  running=$IMAGE
  signed_by alice "$IMAGE" "$WORK/signed.json"
  new_image listed
  listed=$IMAGE
  signed_by alice "$IMAGE" "$WORK/signed.json"
  new_image unsigned
  mkdir -p "$WORK/account"
  printf secret >"$WORK/account/token"
  printf '# to come\n\n%s\n' "$listed" >"$WORK/list"
  rm -f "$WORK/api-port"
  python3 - "${running#*@}" "$EXAMPLE/$KIND" "$FRESH" >"$WORK/api-port" <<'PY' &
import http.server, json, sys, urllib.parse
digest, name, version = sys.argv[1:]
pods = [
    {"spec": {"containers": [{"name": "a", "image": f"{name}/running:gone"}]},
     "status": {"containerStatuses": [{"name": "a", "imageID": f"elsewhere.example/x@{digest}"}]}},
    {"spec": {"containers": [{"name": "a", "image": f"{name}/unsigned:{version}"}],
              "initContainers": [{"name": "b", "image": "unwanted.example/-x:1"}]}, "status": {}},
]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query, keep_blank_values=True)
        good = self.path.startswith("/api/v1/pods?") and self.headers["Authorization"] == "Bearer secret"
        page = 1 if query["continue"] == ["more"] else 0
        body = json.dumps({"metadata": {"continue": "" if page else "more"}, "items": [pods[page]]}).encode()
        self.send_response(200 if good else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
PY
  API_PID=$!
  while [ ! -s "$WORK/api-port" ] && kill -0 "$API_PID" 2>/dev/null; do sleep 0.05; done
  # shellcheck disable=SC2317 # called by `says`
  copy_bundles() {
    NO_PROXY=127.0.0.1 no_proxy=127.0.0.1 KUBERNETES_API=http://127.0.0.1:$(cat "$WORK/api-port") \
      SERVICE_ACCOUNT=$WORK/account CARRIERS=$EXAMPLE/$KIND/copied LIST=$WORK/list MATCHING=$1 \
      "$REPO/examples/carriers/copy-bundles.sh"
  }
  # The tag is gone, which is said; what runs is copied all the same.
  says copy_bundles "^$EXAMPLE/" >"$WORK/copied"
  check "the CronJob's script: a tag that is gone is said" "$(cat "$WORK/copied")" \
    "1 *error: cannot resolve $EXAMPLE/$KIND/running:gone: *error: 1 of 4 images failed"
  check "  what runs, and what is listed, has carriers" "$(tags "$EXAMPLE/$KIND/copied" | cut -d ' ' -f 1 | xargs)" \
    "$(for each in "$running" "$listed"; do tag_of "${each#*@sha256:}" "$SIGNATURE"; done | sort | xargs)"
  check "  again: nothing changes" "$(says copy_bundles "^$EXAMPLE/.*unsigned" | grep -c ' unchanged ')" 1
  check "  an image with an impossible name is refused by name" "$(says copy_bundles .)" "1 *unwanted.example/-x:1 is no name of an image*"
  kill "$API_PID"
  wait "$API_PID" 2>/dev/null || true
  API_PID=""
}

usage_errors() {
  new_image usage
  check "no command" "$(says publish-bundle.sh)" "2 *"
  check "an unknown option" "$(says publish-bundle.sh publish --bundel x "$IMAGE")" "2 *--bundel: no such option*"
  check "cosign's options belong after --" "$(says publish-bundle.sh sign --key k "$IMAGE")" "2 *--key: no such option (cosign's own options come after --)*"
  check "a bundle of one's own" "$(says publish-bundle.sh sign "$IMAGE" -- --bundle x)" "2 *--bundle: this script sets the bundle*"
  check "a file that is not there" "$(says publish-bundle.sh publish --bundle "$WORK/none" "$IMAGE")" "2 *cannot read $WORK/none*"
  check "a repository with a tag" "$(says publish-bundle.sh publish --to "$EXAMPLE/x:1" "$IMAGE")" "2 *is no repository: it has a tag or a digest*"
  check "an image that is not there" "$(says publish-bundle.sh publish "$EXAMPLE/$KIND/none:1")" "1 *cannot resolve $EXAMPLE/$KIND/none:1: *not found*"
  check "a digest that is not there" "$(says publish-bundle.sh publish "${IMAGE%?????}00000")" "1 *cannot ask what is attached to *"
  check "no SHA-256" "$(says publish-bundle.sh publish "$EXAMPLE/x@sha512:00")" "1 *its digest is not sha256: and 64 hex digits*"
  check "cosign 2" "$(COSIGN=$BIN/cosign2 says publish-bundle.sh sign "$IMAGE")" "1 *is no cosign of version 3 or later*"
  check "no oras" "$(ORAS=none-such says publish-bundle.sh publish "$IMAGE")" "1 *none-such is needed: https://oras.land*"
  check "no such registry" "$(HTTP_PROXY=http://127.0.0.1:1 http_proxy=http://127.0.0.1:1 says publish-bundle.sh publish "$IMAGE")" \
    "1 *cannot ask what is attached to *"
  check "Docker Hub's short names" "$(publish-bundle.sh tag "nginx@sha256:$HEX")" "sha256-$HEX.bundle"
}

# The commands of a document or a snippet, as they are written there. The names in them exist nowhere: HTTP_PROXY leads
# all of them to the registry of this test.
as_written() {
  local file hex
  for file in docs/carriers.md examples/carriers/github-actions.yml examples/carriers/gitlab-ci.yml; do
    rm -rf "$WORK/as-written" "$WORK/image"
    mkdir "$WORK/as-written"
    python3 "$REPO/hack/oci-image.py" "$WORK/image" acme/app "$file $KIND $FRESH"
    quietly "$BIN/crane" push --insecure "$WORK/image" ghcr.io/acme/app:1.0
    hex=$("$BIN/crane" digest --insecure ghcr.io/acme/app:1.0)
    hex=${hex#sha256:}
    cp "$WORK/keys/alice.key" "$WORK/as-written/cosign.key"
    cp "$WORK/keys/alice.pub" "$WORK/as-written/cosign.pub"
    cp "$WORK/bom.json" "$WORK/provenance.json" "$WORK/as-written"
    commands_of "$REPO/$file" >"$WORK/as-written/commands"
    check "the commands of $file ($(grep -c . "$WORK/as-written/commands") lines)" "$(IMAGE=ghcr.io/acme/app \
      CI_REGISTRY_IMAGE=ghcr.io/acme/app DIGEST=sha256:$hex says run_commands)" "0 *"
    check "  a signature for the policy" "$(shape ghcr.io/acme/app "$(tag_of "$hex" "$SIGNATURE")" | cut -d ' ' -f 2)" "$TYPE"
    check "  and one in the old format" "$(carrier ghcr.io/acme/app "sha256-$hex.sig" | jq '.layers | length')" 1
  done
}

run_commands() (cd "$WORK/as-written" && bash -euo pipefail commands </dev/null)

# commands_of FILE: the blocks of sh in Markdown; the `run` and `script` of a pipeline, without its set-up.
commands_of() {
  python3 - "$1" <<'PY'
import re, sys
text = open(sys.argv[1]).read()
if sys.argv[1].endswith(".md"):
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
elif "\n  script:\n" in text:
    blocks = re.findall(r"^    - (.*)", text.split("\n  script:\n")[1], re.M)
else:
    blocks = [re.sub(r"^ {10}", "", block, flags=re.M) for block in re.findall(r"^ +run: \|\n((?: {10}.*\n)+)", text, re.M)]
print("\n".join(blocks))
PY
}

# The table of predicate types, by asking cosign.
predicate_types() {
  local types uri hash type
  new_image types
  echo '{}' >"$WORK/empty.json"
  # shellcheck disable=SC2016 # these are backticks of Markdown
  grep -E '^\| `[a-z0-9]+`.*`[0-9a-f]{32}` \|$' "$REPO/docs/carriers.md" >"$WORK/types"
  while IFS='|' read -r _ types uri hash _; do
    uri=$(tr -d '` ' <<<"$uri") hash=$(tr -d '` ' <<<"$hash")
    for type in $(tr -d '`,' <<<"$types"); do
      quietly cosign attest --key "$WORK/keys/alice.key" --type "$type" --predicate "$WORK/empty.json" --no-upload \
        --bundle "$WORK/typed.json" "$IMAGE"
      check "docs/carriers.md knows the type $type" \
        "$(jq -r .dsseEnvelope.payload "$WORK/typed.json" | base64 -d | jq -r .predicateType) $(tag_of "$HEX" "$uri")" \
        "$uri sha256-$HEX.$hash.bundle"
    done
  done <"$WORK/types"
}

"$(dirname "$0")/setup-tools.sh" cosign2 cosign3 crane oras registry
have jq || die "jq is needed: https://jqlang.org/download"
[ -z "$POLICY_READS_CARRIERS" ] || need_sigwarden
start_registry
FRESH=$(date +%s)
make_tools
fresh_key 3 alice
fresh_key 3 bob
fresh_key 2 carol
predicates
start_referrers
for kind in plain referrers; do
  case $kind in plain) echo "== without the referrers API" ;; *) echo "== with the referrers API" ;; esac
  use_registry "$kind"
  for part in "${PARTS[@]}"; do
    "$part"
  done
done

finish
