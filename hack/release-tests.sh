#!/usr/bin/env bash
# Runs what .github/workflows/release.yml runs to push, sign and look at what was published, as it is written there: with
# real cosign, signing as a workflow of GitHub does, a registry and a Sigstore on loopback. The policy then judges the
# release. Only loopback addresses are contacted.
#
#   hack/release-tests.sh
#
# What needs GitHub (the release itself, Artifact Hub) is left out; so is `kwctl pull`, where there is no kwctl.
set -euo pipefail
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=hack/registry.sh
. "$(dirname "$0")/registry.sh"
# shellcheck source=hack/check.sh
. "$(dirname "$0")/check.sh"
# shellcheck source=hack/sigstore.sh
. "$(dirname "$0")/sigstore.sh"

WORKFLOW=$REPO/.github/workflows/release.yml
# step NAME: the script of the workflow's step of that name.
step() {
  python3 - "$WORKFLOW" "$1" <<'PY'
import re, sys
text, name = open(sys.argv[1]).read(), re.escape(sys.argv[2])
(script,) = re.findall(rf"^ {{6}}- name: {name}\n(?: {{8}}(?!run:).*\n| {{10}}.*\n)* {{8}}run: \|\n((?: {{10}}.*\n)+)", text, re.M)
print(re.sub(r"^ {10}", "", script, flags=re.M))
PY
}

# run_step NAME: prints its exit code and the last line it printed. GitHub calls bash like this.
run_step() {
  local code=0
  step "$1" >"$WORK/step" || die "$WORKFLOW has no step called $1"
  (cd "$WORK/clone" && bash --noprofile --norc -eo pipefail "$WORK/step") >"$WORK/step.log" 2>&1 </dev/null || code=$?
  echo "$code $(tail -n 1 "$WORK/step.log")"
}

# judged WORKFLOW: what the policy says of the release, if that workflow must have signed it and its bill of materials.
judged() {
  cat >"$WORK/settings.json" <<JSON
{"trustRoot": $(cat "$LOCAL/trusted_root.json"), "unmatchedImages": "deny", "verifyImages": [{
  "imageReferences": ["ghcr.io/sigwarden/*"],
  "attestors": [$(signer "$1")],
  "attestations": [{
    "type": "https://cyclonedx.org/bom", "attestors": [$(signer "$1")],
    "conditions": [{"all": [{"key": "{{ bomFormat }}", "operator": "Equals", "value": "CycloneDX"}]}]
  }]
}]}
JSON
  "$SIGWARDEN" check --policy "$POLICY" --settings "$WORK/settings.json" --insecure-registry ghcr.io "$REFERENCE" |
    awk '{ $1 = $1; print }' | xargs -d '\n' || true
}

signer() {
  printf '{"entries": [{"keyless": {"issuer": "https://token.actions.githubusercontent.com", "subject": "%s"}}]}' \
    "https://github.com/sigwarden/sigwarden/.github/workflows/$1@refs/tags/v0.1.0"
}

"$(dirname "$0")/setup-tools.sh" cosign3 crane oras registry
have jq || die "jq is needed: https://jqlang.org/download"
need_sigwarden
SIGWARDEN=$(realpath "$SIGWARDEN") POLICY=$(realpath "$POLICY")
[ -f "$REPO/annotated-policy.wasm" ] || die "there is no annotated-policy.wasm: make annotated-policy.wasm"
OWN_HOME=$HOME
start_registry
HOME=$OWN_HOME start_sigstore
# Nothing but what the workflow says: cosign finds the token by itself, as on GitHub.
# shellcheck disable=SC2119 # no options
registry_tools
export PLAIN_HTTP=1 GITHUB_ACTIONS=true GITHUB_REF_NAME=v0.1.0 GITHUB_REPOSITORY=sigwarden/sigwarden
export GITHUB_SERVER_URL=https://github.com
export GITHUB_WORKFLOW_REF=$GITHUB_REPOSITORY/.github/workflows/release.yml@refs/tags/$GITHUB_REF_NAME
export ACTIONS_ID_TOKEN_REQUEST_URL="$SIGSTORE_URL/token?workflow=$GITHUB_WORKFLOW_REF" ACTIONS_ID_TOKEN_REQUEST_TOKEN=secret
export IMAGE=ghcr.io/$GITHUB_REPOSITORY GITHUB_OUTPUT=$WORK/output

# This repository on the day of the release: its changelog names the version.
mkdir -p "$WORK/clone/dist"
ln -s "$REPO"/{hack,target,examples,Cargo.toml,policy-metadata.yml,artifacthub-pkg.yml} "$WORK/clone"
sed 's/^## \[Unreleased\]$/## [0.1.0] - 2026-01-01/' "$REPO/CHANGELOG.md" >"$WORK/clone/CHANGELOG.md"
cp "$REPO/annotated-policy.wasm" "$WORK/clone"
cp "$REPO/annotated-policy.wasm" "$WORK/clone/dist/policy.wasm"
cp "$SIGWARDEN" "$WORK/clone/dist/sigwarden-linux-x86_64"
# In place of what cargo-cyclonedx writes.
echo '{"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1}' >"$WORK/clone/dist/policy-sbom.cdx.json"
have kwctl || tool kwctl <<<"[ \"\$1\" = pull ] && cp annotated-policy.wasm pulled.wasm"

check "the tag is the version" "$("$WORK/clone/hack/release-version.sh" v0.1.0 2>&1)" "*everything says 0.1.0"
check "another tag is not" "$("$WORK/clone/hack/release-version.sh" v0.2.0 2>&1)" "*error: Cargo.toml says 0.1.0, the tag 0.2.0*"
check "push" "$(PUSH_WITH=oras run_step Push)" "0 *"
REFERENCE=$(sed -n 's/^reference=//p' "$GITHUB_OUTPUT")
export REFERENCE
check "  what is signed is named by its digest" "$REFERENCE" "ghcr.io/sigwarden/sigwarden@sha256:????????????????????????????????????????????????????????????????"
check "before it is signed: the policy" "$(judged release.yml)" "rejected *: no signature this policy can read*"
check "sign" "$(run_step Sign)" "0 *"
check "  the program as well" "$(ls "$WORK/clone/dist/sigwarden-linux-x86_64.sigstore.json")" "*.sigstore.json"
check "look at what was published" "$(run_step "Ask the registry for what was published")" "0*"
check "the policy: signed by the release workflow, with its bill of materials" "$(judged release.yml)" "accepted $REFERENCE *"
check "the policy: another workflow would not do" "$(judged ci.yml)" \
  "rejected *signed, but not by whom the rule wants*release.yml@refs/tags/v0.1.0*needs subject*ci.yml@*"
check "the notes name the module" \
  "$("$WORK/clone/hack/release-notes.sh" "$GITHUB_REF_NAME" "$REFERENCE" 2>&1 | grep -c "$REFERENCE")" "[1-9]"
finish
