# shellcheck shell=bash
# A registry on loopback, images in it, and cosign signing them: what fixtures.sh and live-tests.sh share.
# Source lib.sh first.
#
# Images are called registry.example.com/…, as in a cluster, though no such host exists: the registry speaks
# plain HTTP and does not mind being asked as an HTTP proxy, so HTTP_PROXY leads every such name to it.
# HTTPS_PROXY leads to a closed port: what is not the registry is reached by nobody.

BIN=$REPO/target/tools/bin
EXAMPLE=registry.example.com

# Starts the registry and points every tool of this shell at it. $WORK is the scratch directory; it and the
# registry go when the shell does.
start_registry() {
  local port try
  have python3 || die "python3 is needed"
  have openssl || die "openssl is needed"
  WORK=$(mktemp -d)
  REGISTRY_PID=""
  trap stop_registry EXIT
  mkdir "$WORK/home" "$WORK/storage" "$WORK/keys"
  cat >"$WORK/registry.yml" <<YAML
version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: $WORK/storage}}
YAML
  # A free port is only known to be free until somebody takes it, so more than one is tried.
  for try in 1 2 3; do
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    REGISTRY_HTTP_ADDR=127.0.0.1:$port OTEL_TRACES_EXPORTER=none \
      "$BIN/registry" serve "$WORK/registry.yml" >"$WORK/registry.log" 2>&1 &
    REGISTRY_PID=$!
    await_registry "$port" && break
    stop_server
    [ "$try" != 3 ] || die "the registry does not start: $(tail -n 1 "$WORK/registry.log")"
  done
  export HTTP_PROXY=http://127.0.0.1:$port HTTPS_PROXY=http://127.0.0.1:1 NO_PROXY=""
  export http_proxy=$HTTP_PROXY https_proxy=$HTTPS_PROXY no_proxy=""
  # Nobody's credentials, caches or passwords.
  export HOME=$WORK/home DOCKER_CONFIG=$WORK/home COSIGN_PASSWORD="" COSIGN_YES=true
}

await_registry() {
  python3 - "$1" "$REGISTRY_PID" <<'PY'
import os, sys, time, urllib.request
port, pid = sys.argv[1:]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
for _ in range(100):
    time.sleep(0.05)
    try:
        os.kill(int(pid), 0)
        sys.exit(opener.open(f"http://127.0.0.1:{port}/v2/", timeout=2).status != 200)
    except ProcessLookupError:
        break
    except OSError:
        pass
sys.exit(1)
PY
}

stop_server() {
  [ -z "$REGISTRY_PID" ] || kill "$REGISTRY_PID" 2>/dev/null || true
  [ -z "$REGISTRY_PID" ] || wait "$REGISTRY_PID" 2>/dev/null || true
  REGISTRY_PID=""
}

stop_registry() {
  stop_server
  rm -rf "$WORK"
}

# quietly COMMAND...: shows what the command said only if it fails.
quietly() {
  "$@" >"$WORK/log" 2>&1 && return
  sed 's/^/  /' "$WORK/log" >&2
  die "this failed: $*"
}

# tool NAME: a program of that name on the PATH, from standard input.
tool() {
  mkdir -p "$WORK/bin"
  { echo '#!/usr/bin/env bash' && cat; } >"$WORK/bin/$1"
  chmod +x "$WORK/bin/$1"
  [[ :$PATH: == *":$WORK/bin:"* ]] || PATH=$WORK/bin:$PATH
}

# push_image NAME VERSION: pushes registry.example.com/NAME:VERSION.
push_image() {
  rm -rf "$WORK/image"
  quietly python3 "$REPO/hack/oci-image.py" "$WORK/image" "$1" "$2"
  quietly "$BIN/crane" push --insecure "$WORK/image" "$EXAMPLE/$1:$2"
}

# digest_of NAME:VERSION: prints sha256:….
digest_of() { "$BIN/crane" digest --insecure "$EXAMPLE/$1"; }

# pinned NAME:VERSION: prints the reference by digest, which is what cosign signs.
pinned() { echo "$EXAMPLE/${1%:*}@$(digest_of "$1")"; }

# sign_v2 KEY NAME:VERSION: cosign 2's only format.
sign_v2() {
  quietly "$BIN/cosign2" sign --key "$WORK/keys/$1.key" --tlog-upload=false \
    --allow-http-registry --allow-insecure-registry "$(pinned "$2")"
}

# sign_v3_old KEY NAME:VERSION: cosign 3 in the format of cosign 2.
sign_v3_old() {
  quietly "$BIN/cosign3" sign --key "$WORK/keys/$1.key" --tlog-upload=false \
    --use-signing-config=false --new-bundle-format=false \
    --allow-http-registry --allow-insecure-registry "$(pinned "$2")"
}

# sign_v3_new KEY NAME:VERSION: cosign 3's default format, a bundle beside the image. The empty signing
# configuration says that there is no log and no timestamp authority to ask.
sign_v3_new() {
  echo '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}' >"$WORK/signing-config.json"
  quietly "$BIN/cosign3" sign --key "$WORK/keys/$1.key" --signing-config "$WORK/signing-config.json" \
    --allow-http-registry --allow-insecure-registry "$(pinned "$2")"
}

# cosign_verifies 2|3 KEY NAME:VERSION: what cosign itself says of the image.
cosign_verifies() {
  "$BIN/cosign$1" verify --key "$WORK/keys/$2.pub" --insecure-ignore-tlog=true \
    --allow-http-registry --allow-insecure-registry "$(pinned "$3")" >"$WORK/log" 2>&1
}

# move_signature FROM TO (both NAME:VERSION): the signature manifest of one image under the tag where the
# other's would be.
move_signature() {
  local from to
  from=$(digest_of "$1") to=$(digest_of "$2")
  quietly "$BIN/crane" copy --insecure \
    "$EXAMPLE/${1%:*}:${from/:/-}.sig" "$EXAMPLE/${2%:*}:${to/:/-}.sig"
}

# The small host and the module it runs.
need_sigwarden() {
  SIGWARDEN=${SIGWARDEN:-$REPO/target/debug/sigwarden}
  POLICY=${POLICY:-$REPO/policy.wasm}
  [ -x "$SIGWARDEN" ] || die "there is no $SIGWARDEN: cargo build --package sigwarden-host"
  [ -f "$POLICY" ] || die "there is no $POLICY: make policy.wasm"
}

# sigwarden_live REQUEST SETTINGS OPTION...: evaluates a request against the registry.
sigwarden_live() {
  local request=$1 settings=$2
  shift 2
  "$SIGWARDEN" run --policy "$POLICY" --request "$request" --settings "$settings" \
    --insecure-registry "$EXAMPLE" "$@"
}
