#!/usr/bin/env bash
# Commits Artifact Hub's files to the branch `artifacthub` of a repository, in the layout that Artifact Hub reads:
#
#   hack/publish-artifacthub.sh URL v1.2.3
set -euo pipefail
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

[ $# = 2 ] || die "usage: hack/publish-artifacthub.sh URL TAG"
url=$1 tag=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git init --quiet --initial-branch artifacthub "$work"
cd "$work"
# The branch may not be there yet.
if git fetch --quiet --depth 1 "$url" artifacthub 2>/dev/null; then
  git reset --quiet --hard FETCH_HEAD
fi
package=policies/sigwarden
mkdir -p "$package"
cp "$REPO/artifacthub-repo.yml" .
cp "$REPO/artifacthub-pkg.yml" "$package/"
# The pages that the README links to are on the branch of the version, not on this one.
sed -E "s#\]\(([^):]+\.[a-z]+|LICENSE)(\#[^)]*)?\)#](https://github.com/sigwarden/sigwarden/blob/$tag/\1\2)#g" \
  "$REPO/README.md" >"$package/README.md"
git add -A
if git diff --cached --quiet; then
  say "nothing has changed"
  exit
fi
git -c user.name=release -c user.email=sigwarden@users.noreply.github.com commit --quiet -m "Version ${tag#v}"
git push --quiet "$url" HEAD:refs/heads/artifacthub
say "$package is at ${tag#v}"
