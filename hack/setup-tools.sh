#!/usr/bin/env bash
# Puts the tools that make fixtures and live tests into target/tools/bin, without installing anything:
#
#   hack/setup-tools.sh [cosign2 cosign3 crane oras registry bats promtool]      (default: all)
#
# A tool that is there already, or on the PATH in the right version, is taken as it is; else Debian's package is
# unpacked. The suites are tried in order until one has the version and its build runs here.
set -euo pipefail
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

TOOLS=$REPO/target/tools

# The package, the version it must begin with, the program, its version command, what that prints in the right
# version (asked only of a tool from the PATH: Debian's builds of cosign call themselves "devel"), the suites.
describe() {
  case $1 in
    cosign2) echo cosign 2. usr/bin/cosign version 'GitVersion:.*v?2\.[0-9]+\.' trixie trixie-backports ;;
    cosign3) echo cosign 3. usr/bin/cosign version 'GitVersion:.*v?3\.[0-9]+\.' forky sid trixie-backports ;;
    crane) echo crane 0. usr/bin/crane version . forky sid trixie-backports ;;
    oras) echo oras 1. usr/bin/oras version . trixie forky sid ;;
    registry) echo docker-registry 2.8 usr/bin/docker-registry --version 'v?2\.8' bookworm trixie forky sid ;;
    bats) echo bats 1. usr/bin/bats --version 'Bats.1' bookworm trixie forky sid ;;
    promtool) echo promtool 2. usr/bin/promtool --version 'promtool,.version.[23]' trixie ;;
    *) die "$1: not one of cosign2 cosign3 crane oras registry bats promtool" ;;
  esac
}

prints() { "$1" "$2" 2>&1 | grep -E "$3" >/dev/null; }

install_tool() {
  local tool=$1 description package prefix program command wanted suites suite version file
  description=$(describe "$tool")
  read -r package prefix program command wanted suites <<<"$description"
  [ ! -x "$TOOLS/bin/$tool" ] || return 0
  lock_setup
  mkdir -p "$TOOLS/bin"
  if file=$(command -v "${program##*/}") && prints "$file" "$command" "$wanted"; then
    say "$tool: using $file"
    ln -sf "$file" "$TOOLS/bin/$tool"
    return
  fi
  for suite in $suites; do
    version=$(apt_find "$package" "$prefix" "$suite") || continue
    version=${version#* }
    say "$tool: fetching $package $version from Debian $suite"
    apt_unpack "$suite" "$package=$version" "$TOOLS/$tool" || continue
    if "$TOOLS/$tool/$program" "$command" >/dev/null 2>&1; then
      ln -sf "../$tool/$program" "$TOOLS/bin/$tool"
      return
    fi
    say "$tool: the build of Debian $suite does not run here"
  done
  die "cannot get $tool: install $package ${prefix%.} and put ${program##*/} on the PATH"
}

[ $# -gt 0 ] || set -- cosign2 cosign3 crane oras registry bats promtool
for tool in "$@"; do
  install_tool "$tool"
done
