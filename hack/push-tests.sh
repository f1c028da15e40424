#!/usr/bin/env bash
# Pushes the annotated module to a registry on loopback, pulls it back and runs it: the same digest, the same
# verdicts. With oras, and with kwctl as well where it is on the PATH.
#
#   hack/push-tests.sh
#
# SIGWARDEN and POLICY name the small host and the annotated module where they are not in their usual places.
set -euo pipefail
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=hack/registry.sh
. "$(dirname "$0")/registry.sh"
# shellcheck source=hack/check.sh
. "$(dirname "$0")/check.sh"

POLICY=$(realpath "${POLICY:-$REPO/annotated-policy.wasm}")
[ -f "$POLICY" ] || die "there is no $POLICY: make annotated-policy.wasm"
NAME=$EXAMPLE/policies/sigwarden
sum() { sha256sum "$1" | cut -d ' ' -f 1; }

# verdicts MODULE: whether every example has the verdict that it must have.
verdicts() {
  (cd "$REPO" && "$SIGWARDEN" examples --policy "$1") >"$WORK/examples" 2>&1 || true
  tail -n 1 "$WORK/examples"
}

# content TAG: the manifest as kwctl reads it, its fields in order; what else a client may add is left out.
content() {
  "$BIN/crane" manifest --insecure "$NAME:$1" | python3 -c '
import json, sys
manifest = json.load(sys.stdin)
parts = [manifest["config"], *manifest["layers"]]
print(json.dumps([
    [[part[field] for field in ("mediaType", "digest", "size")] for part in parts],
    sorted(manifest["annotations"].items()),
]))'
}

"$(dirname "$0")/setup-tools.sh" crane oras registry
need_sigwarden
start_registry
export PLAIN_HTTP=1

ALL="$(find "$REPO"/e2e-tests/cases -mindepth 1 -maxdepth 1 -type d | wc -l) examples, all as expected"
same "the module, as it was built" "$(verdicts "$POLICY")" "$ALL"

reference=$(PUSH_WITH=oras "$REPO/hack/push.sh" "$POLICY" "$NAME:oras" 2>"$WORK/log") || {
  sed 's/^/  /' "$WORK/log" >&2
  die "oras does not push"
}
same "pushed with oras: the digest printed is the registry's" \
  "$reference" "$NAME@$("$BIN/crane" digest --insecure "$NAME:oras")"
layer=$("$BIN/crane" manifest --insecure "$reference" |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["layers"][0]["digest"])')
"$BIN/crane" blob --insecure "$NAME@$layer" >"$WORK/pulled.wasm"
same "  pulled with crane: the same module" "$(sum "$WORK/pulled.wasm")" "$(sum "$POLICY")"
same "  run from what was pulled: the same verdicts" "$(verdicts "$WORK/pulled.wasm")" "$ALL"

if have kwctl; then
  echo "insecure_sources: [\"$EXAMPLE\"]" >"$WORK/sources.yml"
  reference=$(PUSH_WITH=kwctl "$REPO/hack/push.sh" "$POLICY" "$NAME:kwctl" 2>"$WORK/log") || {
    sed 's/^/  /' "$WORK/log" >&2
    die "kwctl does not push"
  }
  same "pushed with kwctl: the digest printed is the registry's" \
    "$reference" "$NAME@$("$BIN/crane" digest --insecure "$NAME:kwctl")"
  same "  the manifest is what oras was given" "$(content kwctl)" "$(content oras)"
  for tag in oras kwctl; do
    quietly kwctl pull --sources-path "$WORK/sources.yml" --output-path "$WORK/$tag.wasm" "registry://$NAME:$tag"
    same "pulled with kwctl what $tag pushed: the same module" "$(sum "$WORK/$tag.wasm")" "$(sum "$POLICY")"
  done
  for case in 02-signed-and-pinned 04-signed-by-another-key; do
    directory=$REPO/e2e-tests/cases/$case
    kwctl run --sources-path "$WORK/sources.yml" --allowed-host-capabilities='oci/*' \
      --request-path "$directory/request.json" --settings-path "$directory/settings.yml" \
      --replay-host-capabilities-interactions "$directory/session.yml" \
      "registry://$NAME:oras" >"$WORK/response.json" 2>"$WORK/log" || die "kwctl run: $(tail -n 1 "$WORK/log")"
    same "  $case, run by kwctl from the registry" \
      "$(python3 "$REPO/e2e-tests/compare.py" "$directory" "$WORK/response.json" 2>&1)" ""
  done
else
  echo "skipped: kwctl is not on the PATH; what only it can say of the pushed module was not asked"
fi

finish
