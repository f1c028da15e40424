#!/usr/bin/env bash
# Tests the alerts and the dashboard of monitoring/ with the tools that read them: promtool, and Grafana's own types.
# `make monitoring` runs this. What is needed is set up below target/.
set -euo pipefail
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$REPO"

PROMTOOL=$REPO/target/tools/bin/promtool
TYPES=$REPO/target/tools/grafana-types
WORK=$REPO/target/monitoring

# pip where there is one, else Debian's, which runs as it is unpacked.
run_pip() {
  if python3 -m pip --version >/dev/null 2>&1; then
    python3 -m pip "$@"
    return
  fi
  local wheel
  if [ ! -d "$SETUP/pip" ]; then
    lock_setup
    say "fetching pip from Debian $(codename)"
    if ! apt_suite "$(codename)" || ! apt_unpack "$(codename)" python3-pip-whl "$SETUP/pip"; then
      die "no pip: install python3-pip"
    fi
  fi
  wheel=$(compgen -G "$SETUP/pip/usr/share/python-wheels/pip-*.whl")
  PYTHONPATH=$wheel python3 -m pip "$@"
}

setup_types() {
  cmp -s monitoring/requirements.txt "$TYPES/requirements.txt" && return
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "the types of Grafana need Python 3.11 or later"
  say "fetching Grafana's types"
  rm -rf "$TYPES"
  run_pip --disable-pip-version-check install --quiet --root-user-action=ignore --no-deps --require-hashes \
    --target "$TYPES" --requirement monitoring/requirements.txt
  cp monitoring/requirements.txt "$TYPES/"
}

# The groups of the PrometheusRule, which promtool reads without what is around them.
groups() { awk 'groups { sub(/^  /, ""); print } /^spec:$/ { groups = 1 }' monitoring/prometheus-rule.yaml; }

# Runs the tests of the alerts on the rules of a directory.
test_rules() {
  cp monitoring/prometheus-rule.test.yaml "$1/"
  "$PROMTOOL" test rules "$1/prometheus-rule.test.yaml" >"$1/log" 2>&1
}

# changed ALERT EXPRESSION: the rules with another expression for that alert.
changed() {
  awk -v alert="$1" -v expression="$2" '
    $1 == "-" { here = ($2 == "alert:" && $3 == alert) }
    !here { print; next }
    $1 == "expr:" { sub(/expr:.*/, "expr: " expression); print; skip = 1; next }
    skip && /^          / { next }
    { skip = 0; print }' "$WORK/rules.yaml"
}

hack/setup-tools.sh promtool
setup_types
rm -rf "$WORK"
mkdir -p "$WORK"
groups >"$WORK/rules.yaml"

"$PROMTOOL" check rules "$WORK/rules.yaml" >"$WORK/log" || { cat "$WORK/log"; exit 1; }
test_rules "$WORK" || { cat "$WORK/log"; exit 1; }

# A test that would pass without its alert, or with one that is always raised, tests nothing.
alerts=$(awk '$1 == "-" && $2 == "alert:" { print $3 }' "$WORK/rules.yaml")
for alert in $alerts; do
  for expression in 'vector(1) < 0' 'vector(1)'; do
    mkdir -p "$WORK/changed"
    changed "$alert" "$expression" >"$WORK/changed/rules.yaml"
    "$PROMTOOL" check rules "$WORK/changed/rules.yaml" >/dev/null || die "$alert: cannot be changed"
    test_rules "$WORK/changed" && die "$alert: the tests pass with $expression in its place"
    # It is found by a test of that alert, and of no other.
    others=$(grep -o 'alertname: [A-Za-z]*' "$WORK/changed/log" | sort -u)
    [ "$others" = "alertname: $alert" ] || die "$alert as $expression is found by: $others"
  done
done
say "$(wc -w <<<"$alerts") alerts: each raised where it should be, silent on its twin, and missed when taken out"

export PYTHONPATH=$TYPES PYTHONDONTWRITEBYTECODE=1
monitoring/check-dashboard.py --self-test
monitoring/check-dashboard.py "$WORK"
"$PROMTOOL" check rules "$WORK/dashboard-rules.yaml" >"$WORK/log" || { cat "$WORK/log"; exit 1; }
"$PROMTOOL" test rules "$WORK/dashboard-test.yaml" >"$WORK/log" 2>&1 || { cat "$WORK/log"; exit 1; }
say "the dashboard is one by Grafana's types, and each of its expressions finds something"
