#!/usr/bin/env bash
# Succeeds if a tag names the version that everything here has: hack/release-version.sh v1.2.3
set -euo pipefail
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$REPO"

[[ ${1:-} =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || die "${1:-no tag}: a tag is like v1.2.3 or v1.2.3-rc.1"
VERSION=${1#v}
FAILED=""

# is FILE FOUND: each line of FOUND must be the version, and there must be one.
is() {
  local found
  [ -n "$2" ] || { say "error: $1 names no version"; FAILED=yes; return; }
  while read -r found; do
    [ "$found" = "$VERSION" ] || { say "error: $1 says $found, the tag $VERSION"; FAILED=yes; }
  done <<<"$2"
}

is Cargo.toml "$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"$/\1/p' Cargo.toml)"
is policy-metadata.yml "$(sed -n 's/^  io\.kubewarden\.policy\.version: *//p' policy-metadata.yml)"
is artifacthub-pkg.yml "$(sed -n 's/^version: *//p' artifacthub-pkg.yml)"
is examples "$(sed -n 's/^ *module: .*:v//p' examples/*.yaml | sort -u)"
is CHANGELOG.md "$(sed -n "s/^## \[\($VERSION\)\] - [0-9-]*$/\1/p" CHANGELOG.md)"
[ -z "$FAILED" ]
say "everything says $VERSION"
