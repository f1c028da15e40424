#!/usr/bin/env bats
# The examples of cases/ through the real kwctl, offline: host calls are answered from the recordings.
#
#   make e2e-tests      or      POLICY=annotated-policy.wasm bats e2e-tests/policy.bats
#
# One test for each directory, called like it; its expected.json says what must come out.

setup_file() {
  "$BATS_TEST_DIRNAME/../hack/require-kwctl.sh" || return 1
  POLICY=${POLICY:-$BATS_TEST_DIRNAME/../annotated-policy.wasm}
  [ -f "$POLICY" ] || { echo "there is no $POLICY: make annotated-policy.wasm" >&2; return 1; }
  POLICY=$(realpath "$POLICY")
  # kwctl starts by looking for Sigstore's trust root, which this policy has no use for: let it find a closed
  # port at once.
  export POLICY HTTPS_PROXY=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1
}

evaluate() {
  local case=$BATS_TEST_DIRNAME/cases/$BATS_TEST_DESCRIPTION
  local response=$BATS_TEST_TMPDIR/response log=$BATS_TEST_TMPDIR/log
  # --allowed-host-capabilities would take every word after it if it were not written with =.
  kwctl run --request-path "$case/request.json" --settings-path "$case/settings.yml" \
    --replay-host-capabilities-interactions "$case/session.yml" \
    --allowed-host-capabilities='oci/*' \
    "$POLICY" >"$response" 2>"$log" || { cat "$log" >&2; return 1; }
  # A recorded call that was not made is only a warning to kwctl.
  ! grep 'have not been replayed' "$log" >&2 || return 1
  python3 "$BATS_TEST_DIRNAME/compare.py" "$case" "$response"
}

# What the section io.kubewarden.metadata of a module holds, without the line about who wrote it.
metadata() {
  python3 -B - "$1" <<'PY'
import json, sys
sys.path.insert(0, "hack")
metadata = json.loads(__import__("importlib").import_module("push-manifest").section(open(sys.argv[1], "rb").read()))
metadata["annotations"].pop("io.kubewarden.kwctl", None)
# Not sorted: the order of the fields is compared too.
print(json.dumps(metadata))
PY
}

@test "annotate: our own step writes the same metadata as kwctl" {
  cd "$BATS_TEST_DIRNAME/.."
  kwctl annotate --metadata-path policy-metadata.yml --usage-path README.md \
    --output-path "$BATS_TEST_TMPDIR/kwctl.wasm" policy.wasm 2>"$BATS_TEST_TMPDIR/log"
  # kwctl looks for the names of host calls in the module, and warns when the metadata says something else.
  ! grep 'host capabilities' "$BATS_TEST_TMPDIR/log" >&2 || return 1
  "${SIGWARDEN:-target/debug/sigwarden}" annotate --metadata policy-metadata.yml --usage README.md \
    --output "$BATS_TEST_TMPDIR/ours.wasm" policy.wasm
  metadata "$BATS_TEST_TMPDIR/kwctl.wasm" >"$BATS_TEST_TMPDIR/kwctl.json"
  metadata "$BATS_TEST_TMPDIR/ours.wasm" >"$BATS_TEST_TMPDIR/ours.json"
  [ "$(wc -c <"$BATS_TEST_TMPDIR/ours.json")" -gt 1000 ]
  diff "$BATS_TEST_TMPDIR/kwctl.json" "$BATS_TEST_TMPDIR/ours.json"
}

@test "inspect: kwctl reads the metadata of the module" {
  kwctl inspect --output yaml "$POLICY" >"$BATS_TEST_TMPDIR/inspected" 2>"$BATS_TEST_TMPDIR/log"
  for line in 'protocolVersion: v1' 'mutating: true' 'backgroundAudit: true' 'executionMode: kubewarden-wapc' \
    '- oci/v1/manifest_digest' '- kubernetes/get_resource' 'minimumKubewardenVersion: 1.' \
    '- pods/ephemeralcontainers' 'io.kubewarden.policy.title: sigwarden' 'io.kubewarden.policy.usage: |'; do
    grep -qF -- "$line" "$BATS_TEST_TMPDIR/inspected" || { echo "no line $line" >&2; return 1; }
  done
}

@test "bench: kwctl measures the module" {
  # An example without host calls: recordings feed the first iteration only.
  case=$BATS_TEST_DIRNAME/cases/12-unmatched-deny
  kwctl bench --warm-up-time 1 --measurement-time 1 --num-samples 10 \
    --request-path "$case/request.json" --settings-path "$case/settings.yml" "$POLICY" \
    >"$BATS_TEST_TMPDIR/measured" 2>"$BATS_TEST_TMPDIR/log"
  for label in validate_settings validate; do
    grep -qE "$label.* \[[0-9.]+ .*iterations" "$BATS_TEST_TMPDIR/measured" || { echo "no $label" >&2; return 1; }
  done
}

@test "scaffold manifest: kwctl makes a policy, and runs it" {
  case=$BATS_TEST_DIRNAME/cases/12-unmatched-deny
  scaffold() {
    kwctl scaffold manifest --type ClusterAdmissionPolicy --settings-path "$case/settings.yml" "$@" "file://$POLICY" \
      2>"$BATS_TEST_TMPDIR/log"
  }
  scaffold --allow-context-aware >"$BATS_TEST_TMPDIR/manifest.yaml"
  for line in 'kind: ClusterAdmissionPolicy' '  mutating: true' '    - pods/ephemeralcontainers' '    kind: Secret'; do
    grep -qxF -- "$line" "$BATS_TEST_TMPDIR/manifest.yaml" || { echo "no line $line" >&2; return 1; }
  done
  # To run a policy that may read the cluster, kwctl wants a cluster.
  scaffold >"$BATS_TEST_TMPDIR/manifest.yaml"
  kwctl run --request-path "$case/request.json" "$BATS_TEST_TMPDIR/manifest.yaml" \
    >"$BATS_TEST_TMPDIR/response" 2>"$BATS_TEST_TMPDIR/log"
  python3 "$BATS_TEST_DIRNAME/compare.py" "$case" "$BATS_TEST_TMPDIR/response"
}

@test "scaffold artifacthub: the package is what kwctl makes" {
  cd "$BATS_TEST_DIRNAME/.."
  kwctl scaffold artifacthub --metadata-path policy-metadata.yml --questions-path questions-ui.yml \
    --output "$BATS_TEST_TMPDIR/package.yml"
  diff <(grep -v '^createdAt: ' artifacthub-pkg.yml) <(grep -v '^createdAt: ' "$BATS_TEST_TMPDIR/package.yml")
}

@test "every example has a test" {
  for case in "$BATS_TEST_DIRNAME"/cases/*/; do
    grep -qF "@test \"$(basename "$case")\"" "$BATS_TEST_FILENAME" || { echo "$case has none" >&2; return 1; }
  done
}

@test "01-signed" { evaluate; }
@test "02-signed-and-pinned" { evaluate; }
@test "03-unsigned" { evaluate; }
@test "04-signed-by-another-key" { evaluate; }
@test "05-both-of-two-keys" { evaluate; }
@test "06-one-of-two-keys" { evaluate; }
@test "07-cosign3-old-format" { evaluate; }
@test "08-cosign3-new-format" { evaluate; }
@test "09-moved-signature" { evaluate; }
@test "10-unmatched-allow" { evaluate; }
@test "11-unmatched-warn" { evaluate; }
@test "12-unmatched-deny" { evaluate; }
@test "13-deployment" { evaluate; }
