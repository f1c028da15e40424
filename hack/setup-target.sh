#!/usr/bin/env bash
# Gives the active Rust toolchain the standard library of WebAssembly targets:
#
#   hack/setup-target.sh wasm32-wasip1 [wasm32-unknown-unknown]
#
# Already there: nothing to do. Else `rustup target add`. Else, where rustup's server cannot be reached, it is
# built from the library source of the same Rust version that Debian packages. SIGWARDEN_TOOLCHAIN_DIR may name
# a directory with rust-src-VERSION-library.tar.xz and wasi-libc-wasm32-wasip1/ for when Debian has moved on.
set -euo pipefail
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

SUITES=(trixie-backports forky forky-backports sid trixie bookworm-backports)

installed() {
  local lib=$SYSROOT/lib/rustlib/$1/lib
  compgen -G "$lib/libstd-*.rlib" >/dev/null || return 1
  [ "$1" != wasm32-wasip1 ] || [ -s "$lib/self-contained/libc.a" ]
}

from_rustup() {
  have rustup || return 1
  say "$1: asking rustup (up to two minutes)"
  timeout 120 rustup target add "$1" >"$SETUP/rustup.log" 2>&1 && installed "$1"
}

# Puts the standard library's source, vendored crates included, at target/setup/rust-VERSION/library.
rust_library() {
  local found suite version dest=$SETUP/rust-$RUST archive tmp
  [ -d "$dest/library/std" ] && return
  rm -rf "$dest"
  if found=$(apt_find rust-src "$RUST+" "${SUITES[@]}"); then
    read -r suite version <<<"$found"
    say "fetching rust-src $version from Debian $suite (45 MB, a minute or two)"
    if apt_unpack "$suite" "rust-src=$version" "$SETUP/rust-src"; then
      tmp=$(compgen -G "$SETUP/rust-src/usr/src/rustc-*/library" | head -n 1)
      mkdir -p "$dest" && mv "$tmp" "$dest/library"
      rm -rf "$SETUP/rust-src"
      return
    fi
  fi
  archive=${SIGWARDEN_TOOLCHAIN_DIR:+$SIGWARDEN_TOOLCHAIN_DIR/rust-src-$RUST-library.tar.xz}
  [ -n "$archive" ] && [ -f "$archive" ] || return 1
  say "unpacking $archive"
  tmp=$(mktemp -d "$dest.XXXXXX")
  tar -xJf "$archive" -C "$tmp" && mv "$tmp" "$dest" && [ -d "$dest/library/std" ]
}

# wasip1 needs a C library too; puts crt1-*.o and libc.a into the directory $1.
wasi_libc() {
  local found suite version files=
  if found=$(apt_find wasi-libc "" "${SUITES[@]}"); then
    read -r suite version <<<"$found"
    say "fetching wasi-libc $version from Debian $suite"
    if apt_unpack "$suite" "wasi-libc=$version" "$SETUP/wasi-libc"; then
      # The directory is called wasm32-wasi or wasm32-wasip1, by version.
      files=$(compgen -G "$SETUP/wasi-libc/usr/lib/wasm32-wasi*/libc.a" | sort | head -n 1)
      files=${files%/libc.a}
    fi
  fi
  [ -n "$files" ] || files=${SIGWARDEN_TOOLCHAIN_DIR:+$SIGWARDEN_TOOLCHAIN_DIR/wasi-libc-wasm32-wasip1}
  [ -n "$files" ] && [ -f "$files/libc.a" ] || return 1
  install -D -m 644 -t "$1" "$files"/{crt1-command.o,crt1-reactor.o,libc.a}
}

from_source() {
  local target=$1 work=$SETUP/std-$1 lib stage commit
  rust_library || { REASON="no rust-src $RUST in Debian"; return 1; }

  # An empty crate, so that cargo builds the standard library and nothing else.
  rm -rf "$work" && mkdir -p "$work/src" && : >"$work/src/lib.rs"
  cat >"$work/Cargo.toml" <<'TOML'
[package]
name = "empty"
edition = "2024"
[workspace]
[profile.release]
codegen-units = 1
debug = false
TOML
  say "building the standard library for $target (about half a minute)"
  commit=$(rustc -vV | sed -n 's/^commit-hash: //p')
  # Bitcode is for LTO; the paths in panic messages become those of the official builds.
  # cargo looks for the source in the sysroot unless this variable, made for cargo's own tests, says where.
  (
    cd "$work"
    unset RUSTFLAGS CARGO_BUILD_TARGET CARGO_BUILD_RUSTFLAGS
    RUSTC_BOOTSTRAP=1 \
      __CARGO_TESTS_ONLY_SRC_ROOT="$SETUP/rust-$RUST/library" \
      CARGO_ENCODED_RUSTFLAGS="-Cembed-bitcode=yes"$'\x1f'"--remap-path-prefix=$SETUP/rust-$RUST/=/rustc/$commit/" \
      CARGO_TARGET_DIR="$work/target" \
      cargo build --quiet --release -Zbuild-std=std,panic_abort --target "$target"
  ) >"$work/log" 2>&1 || { REASON="the standard library did not build, see $work/log"; return 1; }

  # Whole or not at all: staged beside its place, then renamed into it.
  lib=$SYSROOT/lib/rustlib
  [ -w "$lib" ] || { REASON="$lib is not writable"; return 1; }
  rm -rf "$lib/.$target".*
  stage=$(mktemp -d "$lib/.$target.XXXXXX")
  mkdir "$stage/lib"
  cp "$work/target/$target/release/deps/"*.rlib "$stage/lib/"
  rm "$stage/lib/"libempty-*.rlib
  if [ "$target" = wasm32-wasip1 ] && ! wasi_libc "$stage/lib/self-contained"; then
    rm -rf "$stage"
    REASON="no wasi-libc in Debian"
    return 1
  fi
  chmod 755 "$stage"
  rm -rf "${lib:?}/$target"
  mv "$stage" "$lib/$target"
  # What was built against the library that stood there before confuses cargo.
  rm -rf "${CARGO_TARGET_DIR:-$REPO/target}/$target" "$work/target"
}

[ $# -gt 0 ] || die "usage: ${0##*/} TARGET..."
have rustc || die "there is no rustc: install Rust with rustup first"
cd "$REPO" # rust-toolchain.toml says which toolchain is meant
SYSROOT=$(rustc --print sysroot)
for target in "$@"; do
  case $target in
    wasm32-wasip1 | wasm32-unknown-unknown) ;;
    *) die "$target: only wasm32-wasip1 and wasm32-unknown-unknown are known here" ;;
  esac
  installed "$target" && continue
  lock_setup
  installed "$target" && continue
  RUST=$(rustc -vV | sed -n 's/^release: //p')
  REASON=
  from_rustup "$target" || from_source "$target" ||
    die "cannot get $target: \`rustup target add $target\` fails and ${REASON:-it cannot be built} (SIGWARDEN_TOOLCHAIN_DIR may name a copy)"
  say "$target is ready"
done
