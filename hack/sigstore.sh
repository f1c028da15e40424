# shellcheck shell=bash
# A Sigstore on loopback beside the registry, and a cosign 3 that signs with it: what tutorial-tests.sh and
# release-tests.sh share. Source lib.sh and registry.sh first.

# start_sigstore: after start_registry. $LOCAL gets what hack/sigstore-server.py writes.
start_sigstore() {
  local try target=${CARGO_TARGET_DIR:-$REPO/target}
  (cd "$REPO" && cargo build --quiet --locked --package sigwarden-testkit --bin sigstore)
  LOCAL=$WORK/sigstore
  python3 "$REPO/hack/sigstore-server.py" "$target/debug/sigstore" "$LOCAL" >"$WORK/sigstore.log" 2>&1 &
  SIGSTORE_PID=$!
  trap 'kill "$SIGSTORE_PID" 2>/dev/null || true; stop_registry' EXIT
  for try in {1..100}; do
    [ ! -s "$LOCAL/port" ] || break
    if [ "$try" = 100 ] || ! kill -0 "$SIGSTORE_PID" 2>/dev/null; then
      die "the Sigstore does not start: $(cat "$WORK/sigstore.log")"
    fi
    sleep 0.1
  done
  SIGSTORE_URL=http://127.0.0.1:$(cat "$LOCAL/port")
  # What cosign takes in place of the public instance's trust root, to sign in its old format.
  export SIGSTORE_ROOT_FILE=$LOCAL/chain.pem SIGSTORE_REKOR_PUBLIC_KEY=$LOCAL/rekor.pub
  export SIGSTORE_CT_LOG_PUBLIC_KEY_FILE=$LOCAL/ctlog.pub
}

# registry_tools [OPTION...]: cosign, crane and oras as people call them. What they need on top is for a registry
# without TLS and a Sigstore that is not the public one; the options are for signing without a key.
registry_tools() {
  tool cosign <<SH
options=()
case \$1 in
  sign | attest | verify | verify-attestation) options=(--allow-http-registry --allow-insecure-registry) ;;
esac
case \$1 in
  sign | attest | sign-blob)
    [[ "\$*" == *--key* ]] || options+=($*)
    case "\$*" in
      *--tlog-upload=false*) ;;
      *--new-bundle-format=false*) options+=(--fulcio-url "$SIGSTORE_URL" --rekor-url "$SIGSTORE_URL") ;;
      *) options+=(--signing-config "$LOCAL/signing_config.json" --trusted-root "$LOCAL/trusted_root.json") ;;
    esac
    ;;
  verify*) [[ "\$*" == *--key* ]] || options+=(--trusted-root "$LOCAL/trusted_root.json") ;;
esac
exec "$BIN/cosign3" "\$@" "\${options[@]}"
SH
  tool crane <<<"exec '$BIN/crane' \"\$@\" --insecure"
  tool oras <<<"exec '$BIN/oras' \"\$@\" --plain-http"
}
