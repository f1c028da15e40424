#!/usr/bin/env bash
# Does what docs/tutorial.md says, with real cosign, a registry and a Sigstore on loopback, and the module that is pushed
# to that registry; what is printed must be what the page shows. Only loopback addresses are contacted.
#
#   hack/tutorial-tests.sh
#
# The page's commands are run as they are written. The tools they name get what a registry without TLS and a Sigstore
# that is not the public one ask for; kubectl is host/examples/tutorial/cluster.rs.
set -euo pipefail
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=hack/registry.sh
. "$(dirname "$0")/registry.sh"

TARGET=${CARGO_TARGET_DIR:-$REPO/target}
SIGWARDEN=$(realpath "${SIGWARDEN:-$TARGET/debug/sigwarden}")
# make and cargo keep what is theirs here.
OWN_HOME=$HOME

# What `docker.io` has.
BASES=(busybox:1.36 busybox:1.37 alpine:3.22)

start_sigstore() {
  local try
  LOCAL=$WORK/sigstore
  python3 "$REPO/hack/sigstore-server.py" "$TARGET/debug/sigstore" "$LOCAL" >"$WORK/sigstore.log" 2>&1 &
  SIGSTORE_PID=$!
  trap 'kill "$SIGSTORE_PID" 2>/dev/null || true; stop_registry' EXIT
  for try in {1..100}; do
    [ ! -s "$LOCAL/port" ] || break
    kill -0 "$SIGSTORE_PID" 2>/dev/null && [ "$try" != 100 ] || die "the Sigstore does not start: $(cat "$WORK/sigstore.log")"
    sleep 0.1
  done
  URL=http://127.0.0.1:$(cat "$LOCAL/port")
  # What cosign takes in place of the public instance's trust root, for its old format.
  export SIGSTORE_ROOT_FILE=$LOCAL/chain.pem SIGSTORE_REKOR_PUBLIC_KEY=$LOCAL/rekor.pub
  export SIGSTORE_CT_LOG_PUBLIC_KEY_FILE=$LOCAL/ctlog.pub
}

# tool NAME: a program of that name for the page, from standard input.
tool() {
  { echo '#!/usr/bin/env bash' && cat; } >"$WORK/bin/$1"
  chmod +x "$WORK/bin/$1"
}

make_tools() {
  mkdir "$WORK/bin"
  tool cosign <<SH
options=()
case \$1 in
  sign | attest)
    options=(--allow-http-registry --allow-insecure-registry)
    [[ "\$*" == *--key* ]] || options+=(--identity-token "$LOCAL/identity-token")
    case "\$*" in
      *--tlog-upload=false*) ;;
      *--new-bundle-format=false*) options+=(--fulcio-url "$URL" --rekor-url "$URL") ;;
      *) options+=(--signing-config "$LOCAL/signing_config.json" --trusted-root "$LOCAL/trusted_root.json") ;;
    esac
    ;;
esac
exec "$BIN/cosign3" "\$@" "\${options[@]}"
SH
  tool crane <<<"exec '$BIN/crane' \"\$@\" --insecure"
  tool oras <<<"exec '$BIN/oras' \"\$@\" --plain-http"
  # The page's directory is a clone; here it is the one that is tested.
  tool make <<<"exec env HOME='$OWN_HOME' '$(command -v make)' --no-print-directory -C '$REPO' \"\$@\""
  tool sigwarden <<<"exec '$SIGWARDEN' \"\$@\" --policy '$REPO/policy.wasm' --insecure-registry '$EXAMPLE'"
  mkdir -p "$WORK/clone/target/debug"
  ln -s "$WORK/bin/sigwarden" "$WORK/clone/target/debug/sigwarden"
  ln -s "$REPO/hack" "$WORK/clone/hack"
  PATH=$WORK/bin:$PATH
  export PLAIN_HTTP=1
}

"$(dirname "$0")/setup-tools.sh" cosign3 crane oras registry
have jq || die "jq is needed: https://jqlang.org/download"
(cd "$REPO" && cargo build --quiet --locked --package sigwarden-testkit --bin sigstore &&
  cargo build --quiet --locked --package sigwarden-host --example tutorial)
start_registry
start_sigstore
make_tools
for base in "${BASES[@]}"; do
  python3 "$REPO/hack/oci-image.py" "$WORK/base-$base" "${base%:*}" "${base#*:}"
  quietly crane push "$WORK/base-$base" "docker.io/library/$base"
done
"$TARGET/debug/examples/tutorial" "$REPO/docs/tutorial.md" "$WORK/clone" "$LOCAL/trusted_root.json"
