#!/usr/bin/env bash
# Makes the site of the documentation in target/book/html, and checks every link within it:
#
#   hack/book.sh MDBOOK HYPERLINK
#
# The pages that docs/SUMMARY.md lists, and the files that they link to, are copied to where they stand in the
# repository, so that the same links lead somewhere on GitHub and in the site. Links to other hosts are not
# followed: nothing here needs a network.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=hack/lib.sh
. hack/lib.sh

mdbook=$1 hyperlink=$2
src=target/book/src
html=target/book/html

# The targets of a page's links into the repository, without fragments, as paths from its root.
links_of() {
  { grep -o ']([^)]*)' "$1" || true; } | sed -E 's/^]\(//; s/\)$//; s/#.*//' | sort -u | while read -r target; do
    case $target in
      '' | *:*) ;;
      *) realpath --canonicalize-missing --relative-to=. "$(dirname "$1")/$target" ;;
    esac
  done
}

rm -rf target/book
mkdir -p "$src"
mapfile -t pages < <(links_of docs/SUMMARY.md)
cp --parents "${pages[@]}" "$src"
for page in "${pages[@]}"; do
  links_of "$page" | while read -r file; do
    case $file in
      ../*) die "$page links to $file, which is outside of the repository" ;;
      *.md) ;; # A page, or else a broken link, which is found below.
      *) [ -f "$file" ] || die "$page links to $file, which is no file"
         cp --parents "$file" "$src" ;;
    esac
  done
done
# mdBook wants its list at the root of the pages.
sed -E 's,\]\(,](docs/,; s,\]\(docs/\.\./,](,' docs/SUMMARY.md >"$src/SUMMARY.md"

"$mdbook" build
check() { "$hyperlink" --check-anchors --sources "$src" "$@"; }
check "$html"

# A checker that finds nothing is believed once it has found what is there to be found.
for broken in 'nothing.html' '#nothing'; do
  rm -rf target/book/broken
  cp -r "$html" target/book/broken
  echo "<a href=\"$broken\">broken</a>" >>target/book/broken/docs/install.html
  ! check target/book/broken >target/book/broken.log 2>&1 || die "the link checker does not see $broken"
  grep -q "docs/install.html$broken\|docs/$broken" target/book/broken.log || die "$(cat target/book/broken.log)"
done
say "open $html/index.html"
