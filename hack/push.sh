#!/usr/bin/env bash
# Pushes an annotated module as kwctl does, with kwctl or, where there is none, with oras:
#
#   hack/push.sh annotated-policy.wasm ghcr.io/acme/policies/sigwarden:v1.0.0
#
# Prints the immutable reference, ghcr.io/acme/policies/sigwarden@sha256:…, and nothing else to standard output.
#
# Both log in with what `docker login` left. PLAIN_HTTP=1 is for a registry on loopback; PUSH_WITH=kwctl or oras
# takes that one.
set -euo pipefail
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

[ $# = 2 ] || die "usage: hack/push.sh MODULE REFERENCE"
module=$1 reference=${2#registry://}
[ -f "$module" ] || die "there is no $module: make annotated-policy.wasm"
case ${reference##*/} in *:*) ;; *) die "$reference: name a tag, as in $reference:v1.0.0" ;; esac
# The part before the first slash is the registry, if anything looks like one.
case ${reference%%/*} in *.*|*:*|localhost) ;; *) die "$reference: name the registry" ;; esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

with_kwctl() {
  local sources=()
  if [ -n "${PLAIN_HTTP:-}" ]; then
    echo "insecure_sources: [\"${reference%%/*}\"]" >"$work/sources.yml"
    sources=(--sources-path "$work/sources.yml")
  fi
  kwctl push "${sources[@]}" --output json "$module" "registry://$reference" >"$work/pushed" || exit 1
  python3 -c 'import json, sys; print(json.load(sys.stdin)["immutable_ref"])' <"$work/pushed"
}

# The same manifest as kwctl writes: its media types, an empty configuration, the annotations that fit on one line.
with_oras() {
  local oras plain=() name
  "$REPO/hack/setup-tools.sh" oras
  oras=$REPO/target/tools/bin/oras
  [ -z "${PLAIN_HTTP:-}" ] || plain=(--plain-http)
  cp "$module" "$work/policy.wasm"
  printf '{}' >"$work/config.json"
  python3 "$REPO/hack/push-manifest.py" "$work/policy.wasm" "$work/config.json" >"$work/manifest.json"
  name=${reference%:*}
  # oras names what it pushes by digest; the manifest names nothing but digests.
  {
    "$oras" blob push "${plain[@]}" --media-type application/vnd.wasm.content.layer.v1+wasm "$name" "$work/policy.wasm"
    "$oras" blob push "${plain[@]}" --media-type application/vnd.wasm.config.v1+json "$name" "$work/config.json"
    "$oras" manifest push "${plain[@]}" --media-type application/vnd.oci.image.manifest.v1+json \
      "$reference" "$work/manifest.json"
  } >&2
  echo "$name@sha256:$(sha256sum <"$work/manifest.json" | cut -d ' ' -f 1)"
}

case ${PUSH_WITH:-$(have kwctl && echo kwctl || echo oras)} in
  kwctl) with_kwctl ;;
  oras) with_oras ;;
  *) die "PUSH_WITH is kwctl or oras" ;;
esac
