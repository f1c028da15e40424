#!/usr/bin/env bash
# Publishes carriers, in a repository of your own, for the images that pods of this cluster run and for those of a list.
# Made for the CronJob beside it; needs publish-bundle.sh, curl and jq on the PATH.
#
#   CARRIERS         the repository, as in the `repository` of a rule (required)
#   MATCHING         an extended regular expression: which images, as pods spell them (default: all)
#   LIST             a file of images to publish for before any pod runs them; the list may be missing
#   KUBERNETES_API   default: https://kubernetes.default.svc
#   SERVICE_ACCOUNT  where the token and ca.crt are; default: where Kubernetes mounts them
set -euo pipefail

: "${CARRIERS:?names the repository where carriers go}"
API=${KUBERNETES_API:-https://kubernetes.default.svc}
SERVICE_ACCOUNT=${SERVICE_ACCOUNT:-/var/run/secrets/kubernetes.io/serviceaccount}

# pods: everything of /api/v1/pods, 500 at a time.
pods() {
  local next="" page options=()
  [ ! -f "$SERVICE_ACCOUNT/ca.crt" ] || options=(--cacert "$SERVICE_ACCOUNT/ca.crt")
  while :; do
    # The token goes through a pipe, so that no list of processes shows it.
    page=$(printf 'header = "Authorization: Bearer %s"\n' "$(cat "$SERVICE_ACCOUNT/token")" |
      curl --config - --fail --silent --show-error --max-time 60 "${options[@]}" \
        --get --data-urlencode "limit=500" --data-urlencode "continue=$next" "$API/api/v1/pods")
    printf '%s\n' "$page"
    next=$(jq -r '.metadata.continue // ""' <<<"$page")
    [ -n "$next" ] || return 0
  done
}

# The images as pods name them, and for a tag also the digest that runs under it: the tag may have moved on.
images() {
  jq -r '.items[]
    | ([.status.containerStatuses, .status.initContainerStatuses, .status.ephemeralContainerStatuses]
       | map(. // []) | add | map({key: .name, value: (.imageID // "")}) | from_entries) as $runs
    | ((.spec.containers + (.spec.initContainers // []) + (.spec.ephemeralContainers // []))[]
       | .image as $image
       | $image, ($runs[.name] // "" | capture("@(?<digest>sha256:[0-9a-f]{64})$") | .digest
           | select($image | contains("@") | not)
           | ($image | sub(":[^/:]*$"; "")) + "@" + .)),
      ((.spec.volumes // [])[] | .image.reference // empty)'
}

found=$(pods | images)
{
  printf '%s\n' "$found" | grep -E -e "${MATCHING:-.}" || true
  [ ! -f "${LIST:-}" ] || cat "$LIST"
} | sort -u | publish-bundle.sh publish --allow-none --to "$CARRIERS" -
