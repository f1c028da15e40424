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
