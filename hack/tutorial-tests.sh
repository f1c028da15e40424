#!/usr/bin/env bash
# Does what docs/tutorial.md says, with real cosign, a registry and a Sigstore on loopback, and the module that is pushed
# to that registry; what is printed must be what the page shows. Only loopback addresses are contacted.
#
#   hack/tutorial-tests.sh
#
# The page's commands are run as they are written; kubectl is host/examples/tutorial/cluster.rs.
set -euo pipefail
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=hack/registry.sh
. "$(dirname "$0")/registry.sh"
# shellcheck source=hack/sigstore.sh
. "$(dirname "$0")/sigstore.sh"

TARGET=${CARGO_TARGET_DIR:-$REPO/target}
# make and cargo keep what is theirs here; the registry's tools get another.
OWN_HOME=$HOME
# What the page takes from `docker.io`.
BASES=(busybox:1.36 busybox:1.37 alpine:3.22)

"$(dirname "$0")/setup-tools.sh" cosign3 crane oras registry
have jq || die "jq is needed: https://jqlang.org/download"
need_sigwarden
(cd "$REPO" && cargo build --quiet --locked --package sigwarden-host --example tutorial)
start_registry
HOME=$OWN_HOME start_sigstore
registry_tools --identity-token "$LOCAL/identity-token"
# The page's directory is a clone; here it is the one that is tested.
tool make <<<"exec env HOME='$OWN_HOME' '$(command -v make)' --no-print-directory -C '$REPO' \"\$@\""
tool sigwarden <<<"exec '$(realpath "$SIGWARDEN")' \"\$@\" --policy '$REPO/policy.wasm' --insecure-registry '$EXAMPLE'"
mkdir -p "$WORK/clone/target/debug"
ln -s "$WORK/bin/sigwarden" "$WORK/clone/target/debug/sigwarden"
ln -s "$REPO/hack" "$WORK/clone/hack"
export PLAIN_HTTP=1
for base in "${BASES[@]}"; do
  python3 "$REPO/hack/oci-image.py" "$WORK/base-$base" "${base%:*}" "${base#*:}"
  quietly crane push "$WORK/base-$base" "docker.io/library/$base"
done
"$TARGET/debug/examples/tutorial" "$REPO/docs/tutorial.md" "$WORK/clone" "$LOCAL/trusted_root.json"
