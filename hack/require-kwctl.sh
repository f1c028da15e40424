#!/usr/bin/env bash
# Succeeds where kwctl is installed; else says how to get it. It is in no package registry, so nothing here can.
set -euo pipefail
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

have kwctl || die "kwctl is not installed: get it from Kubewarden's release page" \
  "(https://github.com/kubewarden/kubewarden-controller/releases) or your package manager, and put it on the PATH"
