# shellcheck shell=bash
# What the scripts of this directory share: messages, and a Debian package source of their own.
#
# Debian's packages are read through an apt that keeps its lists, downloads and sources under target/setup and
# leaves the machine's own configuration alone. Nothing is installed: packages are unpacked. Every index is
# verified against Debian's archive keys, every package against its index.

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SETUP=$REPO/target/setup

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "error: $*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# One run at a time: two would unpack into the same directories.
lock_setup() {
  mkdir -p "$SETUP"
  have flock || return 0
  exec 9>"$SETUP/lock"
  flock -n 9 || { say "waiting for another set-up to finish"; flock 9; }
}

codename() { (. /etc/os-release && echo "${VERSION_CODENAME:-}"); }

# The mirror this machine already uses: its own apt configuration says, so none is named here.
debian_mirror() {
  have apt-get && [ -r /etc/os-release ] || return 1
  # The origin is known once the machine has read its indexes; before that the address has to say "debian".
  # awk reads to the end: an early exit would break the pipe under pipefail.
  # shellcheck disable=SC2016 # apt expands these, not the shell
  apt-get indextargets --format '$(RELEASE)|$(CODENAME)|$(REPO_URI)|$(ORIGIN)' 2>/dev/null |
    awk -F'|' -v want="$(codename)" '
      ($1 == want || $2 == want) && ($4 == "Debian" || ($4 ~ /ORIGIN/ && $3 ~ /debian/)) && !uri { uri = $3 }
      END { if (!uri) exit 1; print uri }'
}

# The archive keys: those fetched by newer_keyring if any, else the machine's.
debian_keyring() {
  local file
  for file in {"$SETUP/keyring",}/usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
    [ -s "$file" ] && { echo "$file"; return; }
  done
  return 1
}

# apt_in SUITE COMMAND...: an apt command that knows only that suite.
apt_in() {
  local suite=$1 command=$2 dir=$SETUP/apt/$1
  shift 2
  "$command" -q \
    -o Dir::State="$dir/state" -o Dir::State::status=/dev/null \
    -o Dir::Cache="$dir/cache" \
    -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o APT::Sandbox::User="$(id -un)" -o APT::Update::Error-Mode=any \
    -o Acquire::AllowInsecureRepositories=false -o Acquire::Retries=2 -o Acquire::http::Timeout=30 \
    "$@"
}

# Reads the signed package index of a suite, at most once a day.
apt_read_suite() {
  local suite=$1 dir=$SETUP/apt/$1 mirror keyring
  [ -n "$(find "$dir/read" -mmin -1440 2>/dev/null)" ] && return
  mirror=$(debian_mirror) && keyring=$(debian_keyring) || return 1
  mkdir -p "$dir"/{state/lists,cache/archives}/partial
  echo "deb [target=Packages signed-by=$keyring] $mirror $suite main" >"$dir/sources.list"
  say "reading Debian's $suite index (some seconds)"
  apt_in "$suite" apt-get update >"$dir/log" 2>&1 && touch "$dir/read"
}

# As apt_read_suite; a suite signed with a key younger than this machine is tried again with the newer
# keyring, which itself comes from a suite that verifies.
apt_suite() {
  local suite=$1 from
  apt_read_suite "$suite" && return
  grep -qsE 'NO_PUBKEY|not signed|Missing key' "$SETUP/apt/$suite/log" || return 1
  for from in "$(codename)" trixie forky; do
    [ "$from" != "$suite" ] || continue
    apt_read_suite "$from" || continue
    say "getting newer archive keys from $from"
    apt_unpack "$from" debian-archive-keyring "$SETUP/keyring" || continue
    apt_read_suite "$suite" && return
  done
  return 1
}

# apt_versions SUITE PACKAGE: the versions the suite has, one a line.
apt_versions() {
  apt_in "$1" apt-cache madison "$2" 2>/dev/null | awk '{ print $3 }'
}

# apt_find PACKAGE VERSION-PREFIX SUITE...: prints "SUITE VERSION" of the first match.
apt_find() {
  local package=$1 prefix=$2 suite version
  shift 2
  for suite in "$@"; do
    apt_suite "$suite" || continue
    for version in $(apt_versions "$suite" "$package"); do
      case ${version#*:} in "$prefix"*) echo "$suite $version"; return ;; esac
    done
  done
  return 1
}

# apt_unpack SUITE PACKAGE[=VERSION] DIRECTORY: downloads and unpacks; the directory appears whole or not at all.
apt_unpack() {
  local suite=$1 package=$2 dest=$3 tmp
  mkdir -p "$(dirname "$dest")"
  tmp=$(mktemp -d "$dest.XXXXXX")
  if (cd "$tmp" && apt_in "$suite" apt-get download "$package" >log 2>&1 && dpkg -x ./*.deb root); then
    rm -rf "$dest" && mv "$tmp/root" "$dest" && rm -rf "$tmp"
  else
    rm -rf "$tmp"
    return 1
  fi
}
