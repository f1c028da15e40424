# shellcheck shell=bash
# How the live tests count what is as it should be: source it, check, and end with `finish`.

PASSED=0 FAILED=0

# check TITLE GOT PATTERN: as bash's patterns go.
check() {
  # shellcheck disable=SC2053 # it is a pattern
  if [[ $2 == $3 ]]; then passed "$1"; else failed "$@"; fi
}

# same TITLE GOT WANTED: to the letter.
same() { if [ "$2" = "$3" ]; then passed "$1"; else failed "$@"; fi; }

# starts TITLE GOT START [PART]: it begins so, and has that part somewhere after it.
starts() { if [[ $2 == "$3"*"${4:-}"* ]]; then passed "$1"; else failed "$1" "$2" "$3${4:+ … $4}"; fi; }

passed() {
  PASSED=$((PASSED + 1))
  echo "ok      $1"
}

failed() {
  FAILED=$((FAILED + 1))
  printf 'FAILED  %s\n          wanted: %s\n          got:    %s\n' "$1" "$3" "$2"
}

# Succeeds if something was checked, and nothing failed.
finish() {
  echo "$PASSED passed, $FAILED failed"
  [ "$FAILED" = 0 ] && [ "$PASSED" != 0 ]
}
