# shellcheck shell=bash
# What the tests of carriers stand on: what the policy says of an image, tools as people have them, and what a registry
# holds, asked without hack/publish-bundle.sh. Source lib.sh, registry.sh and check.sh first.

PUBLISH=$REPO/hack/publish-bundle.sh
SIGNATURE=https://sigstore.dev/cosign/sign/v1
# Whether the module is asked as well; set it empty to look at the other tools only.
POLICY_READS_CARRIERS=${POLICY_READS_CARRIERS-1}

# policy_accepts TITLE IMAGE SETTINGS, policy_rejects TITLE IMAGE SETTINGS [REASON]: the policy's own verdict.
policy_accepts() {
  [ -z "$POLICY_READS_CARRIERS" ] || check "  policy: $1" "$(verdict "$2" "$3")" "accepted"
}
policy_rejects() {
  [ -z "$POLICY_READS_CARRIERS" ] || check "  policy: $1" "$(verdict "$2" "$3")" "rejected 403 *${4:-}*"
}

# settings KEY [PREDICATE-TYPE]: a file of settings that want a signature by that key; or, beside the signature, an
# attestation of that type by the same key.
settings() {
  local file=$WORK/settings-$1.yml
  {
    printf 'unmatchedImages: deny\nverifyImages:\n  - imageReferences: ["%s/*"]\n' "$EXAMPLE"
    attestors "$1" | sed 's/^/    /'
    if [ -n "${2:-}" ]; then
      printf '    attestations:\n      - type: %s\n' "$2"
      attestors "$1" | sed 's/^/        /'
    fi
  } >"$file"
  echo "$file"
}

attestors() { # KEY
  printf 'attestors:\n  - entries:\n      - keys:\n          publicKeys: |\n'
  sed 's/^/            /' "$WORK/keys/$1.pub"
  printf '          rekor: {ignoreTlog: true}\n'
}

verdict() { # IMAGE SETTINGS
  python3 - "$1" "$REPO/e2e-tests/cases/01-signed/request.json" >"$WORK/request.json" <<'PY'
import json, sys
request = json.load(open(sys.argv[2]))
request["object"]["spec"]["containers"][0]["image"] = sys.argv[1]
json.dump(request, sys.stdout)
PY
  sigwarden_live "$WORK/request.json" "$2" --output json 2>"$WORK/log" >"$WORK/response.json" ||
    { head -n 1 "$WORK/log"; return; }
  jq -r 'if .allowed then "accepted" else "rejected \(.status.code) \(.status.message)" end' "$WORK/response.json"
}

# says COMMAND...: the exit code and what the command printed, on stderr too.
says() {
  local code=0
  "$@" >"$WORK/said" 2>&1 || code=$?
  printf '%s ' "$code"
  cat "$WORK/said"
}

# --- tools as people have them

# The names that documents use, for a registry without TLS and a cosign without log: the commands stay as they are
# written. Without a key cosign would ask somebody to log in, so it gets one.
make_tools() {
  mkdir -p "$WORK/bin"
  cat >"$WORK/bin/cosign" <<SH
#!/usr/bin/env bash
options=()
case \$1 in
  sign | attest)
    options=(--allow-http-registry --allow-insecure-registry)
    case "\$*" in
      *--new-bundle-format=false*) options+=(--tlog-upload=false) ;;
      *) options+=(--signing-config "$WORK/signing-config.json") ;;
    esac
    [[ "\$*" == *--key* ]] || options+=(--key "$WORK/keys/alice.key")
    ;;
  verify | verify-attestation) options=(--allow-http-registry --allow-insecure-registry --insecure-ignore-tlog=true) ;;
esac
exec "$BIN/cosign3" "\$@" "\${options[@]}"
SH
  printf '#!/bin/sh\nexec "%s" "$@" --plain-http\n' "$BIN/oras" >"$WORK/bin/oras"
  ln -s "$PUBLISH" "$WORK/bin/publish-bundle.sh"
  # What oras 1.3 says differs in this: the list has another name.
  cat >"$WORK/bin/oras-1.3" <<SH
#!/usr/bin/env bash
[ "\$1" = discover ] || exec "$WORK/bin/oras" "\$@"
"$WORK/bin/oras" "\$@" | jq '{reference: "x", digest: "x", referrers: [(.manifests // .referrers)[] + {referrers: []}]}'
SH
  # This script, as it is here, for the one address where it is published.
  cat >"$WORK/bin/curl" <<SH
#!/usr/bin/env bash
case "\$*" in
  *https://raw.githubusercontent.com/sigwarden/sigwarden/main/hack/publish-bundle.sh) cat "$PUBLISH" >publish-bundle.sh ;;
  *) exec "$(command -v curl)" "\$@" ;;
esac
SH
  chmod +x "$WORK"/bin/*
  PATH=$WORK/bin:$PATH
  # There is no log and no timestamp authority to ask.
  echo '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}' >"$WORK/signing-config.json"
}

# use_registry plain|referrers: the second is the first behind a proxy that adds the API.
start_referrers() {
  local try
  python3 "$REPO/hack/referrers-proxy.py" "${HTTP_PROXY##*:}" >"$WORK/proxy-port" 2>"$WORK/proxy-log" &
  PROXY_PID=$!
  trap 'kill "$PROXY_PID" ${API_PID:+"$API_PID"} 2>/dev/null; stop_registry' EXIT
  for try in {1..100}; do
    [ ! -s "$WORK/proxy-port" ] || break
    [ "$try" != 100 ] || die "the proxy does not start: $(tail -n 1 "$WORK/proxy-log")"
    sleep 0.05
  done
  PLAIN=$HTTP_PROXY REFERRERS=http://127.0.0.1:$(cat "$WORK/proxy-port")
}

use_registry() {
  case $1 in plain) HTTP_PROXY=$PLAIN ;; referrers) HTTP_PROXY=$REFERRERS ;; esac
  export HTTP_PROXY http_proxy=$HTTP_PROXY
  KIND=$1
}

# new_image NAME: registry.example.com/KIND/NAME:1, with content of its own. Sets IMAGE, the reference by digest, and HEX.
new_image() {
  push_image "$KIND/$1" "$FRESH"
  IMAGE=$(pinned "$KIND/$1:$FRESH")
  # shellcheck disable=SC2034 # whoever sources this reads it
  HEX=${IMAGE#*@sha256:}
}

fresh_key() { (cd "$WORK/keys" && quietly "$BIN/cosign$1" generate-key-pair --output-key-prefix "$2"); }

predicates() {
  python3 - "$WORK" <<'PY'
import json, sys
bom = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": [
    {"type": "library", "name": f"lib-\u00fc-{n}", "version": "1.0", "purl": f"pkg:npm/lib@{n}"} for n in range(2000)]}
provenance = {
    "buildDefinition": {"buildType": "https://example.com/build/v1", "externalParameters": {}, "resolvedDependencies": []},
    "runDetails": {"builder": {"id": "https://example.com/builder"}, "metadata": {"invocationId": "1"}}}
json.dump(bom, open(f"{sys.argv[1]}/bom.json", "w"))
json.dump(provenance, open(f"{sys.argv[1]}/provenance.json", "w"))
PY
}

# --- what a registry holds, asked without the script

# tag_of HEX PREDICATE-TYPE: where docs/carriers.md says that the carrier is.
tag_of() {
  if [ "$2" = "$SIGNATURE" ]; then
    echo "sha256-$1.bundle"
  else
    echo "sha256-$1.$(printf %s "$2" | sha256sum | cut -c 1-32).bundle"
  fi
}

carrier() { "$BIN/crane" manifest --insecure "${1%@*}:$2" 2>/dev/null; } # REPOSITORY TAG

# config_of REPOSITORY TAG FILE: the config, as a host that cannot read layers would see it.
config_of() {
  local digest
  digest=$(carrier "$1" "$2" | jq -r .config.digest)
  "$BIN/crane" blob --insecure "${1%@*}@$digest" >"$3"
}

# The parts that a carrier must have, in one line.
shape() { # REPOSITORY TAG
  carrier "$1" "$2" | jq -r '[.artifactType, .config.mediaType, .layers[0].mediaType, (.layers | length),
    .config.digest == .layers[0].digest, .config.size == .layers[0].size, has("subject")] | join(" ")'
}

# tags REPOSITORY: all of them, and what they are.
tags() {
  local tag
  for tag in $("$BIN/crane" ls --insecure "${1%@*}" 2>/dev/null | sort); do
    echo "$tag $("$BIN/crane" digest --insecure "${1%@*}:$tag")"
  done
}

# verifies KEY IMAGE: how many signatures. cosign 3.1 counts attestations too; it names their type.
verifies() {
  cosign verify --key "$WORK/keys/$1.pub" "$2" 2>"$WORK/log" |
    jq -r --arg type "$SIGNATURE" 'map(select(.critical.type == $type)) | length' || echo no
}

verifies_attestation() { # KEY TYPE IMAGE
  cosign verify-attestation --key "$WORK/keys/$1.pub" --type "$2" "$3" >"$WORK/log" 2>&1 && echo yes || echo no
}

signed_by() { # KEY IMAGE FILE, by cosign alone
  quietly cosign sign --key "$WORK/keys/$1.key" --bundle "$3" "$2"
}

attested_by() { # KEY TYPE PREDICATE IMAGE FILE, by cosign alone
  quietly cosign attest --key "$WORK/keys/$1.key" --type "$2" --predicate "$WORK/$3" --bundle "$5" "$4"
}
