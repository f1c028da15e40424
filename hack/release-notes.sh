#!/usr/bin/env bash
# Prints the notes of a release: what the changelog says of it, and how to check what was published.
#
#   hack/release-notes.sh v1.2.3 ghcr.io/sigwarden/sigwarden@sha256:…
set -euo pipefail
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

[ $# = 2 ] || die "usage: hack/release-notes.sh TAG REFERENCE"
tag=$1 reference=$2
# From its heading to the next one, or to the links at the end.
notes=$(awk -v heading="## [${tag#v}]" '
  index($0, heading) == 1 { found = 1; next }
  found && (/^## / || /^\[.*\]: /) { exit }
  found' "$REPO/CHANGELOG.md")
[ -n "${notes//[[:space:]]/}" ] || die "CHANGELOG.md says nothing of $tag"
cat <<NOTES
$notes

## The module

\`\`\`
$reference
\`\`\`

It was signed by this repository's release workflow:

\`\`\`console
cosign verify $reference \\
  --certificate-oidc-issuer https://token.actions.githubusercontent.com \\
  --certificate-identity https://github.com/${GITHUB_REPOSITORY:-sigwarden/sigwarden}/.github/workflows/release.yml@refs/tags/$tag
\`\`\`

\`policy.wasm\` below is the same module, \`policy-sbom.cdx.json\` its bill of materials, \`sigwarden-linux-x86_64\` the program
that asks it about images and settings; \`cosign verify-blob --bundle\` checks each against its \`.sigstore.json\`.
NOTES
