#!/usr/bin/env python3
"""Compares what kwctl printed with what a case expects: compare.py CASE-DIRECTORY RESPONSE-FILE.

Prints each difference and exits with 1 if there is any.
"""

import base64
import json
import pathlib
import sys

POD_SPECS = ("spec", "spec/template/spec", "spec/jobTemplate/spec/template/spec")


def step(value, key):
    return value[int(key)] if isinstance(value, list) else value[key]


def patched(document, patch):
    """Applies a JSON patch; the real host only ever writes these three operations here."""
    for change in patch:
        *path, last = [part.replace("~1", "/").replace("~0", "~") for part in change["path"].split("/")[1:]]
        parent = document
        for key in path:
            parent = step(parent, key)
        if change["op"] == "remove":
            del parent[int(last) if isinstance(parent, list) else last]
        elif change["op"] == "add" and isinstance(parent, list):
            parent.insert(len(parent) if last == "-" else int(last), change["value"])
        elif change["op"] in ("add", "replace"):
            parent[int(last) if isinstance(parent, list) else last] = change["value"]
        else:
            raise ValueError(f"unexpected operation in the patch: {change}")
    return document


def images(document):
    found = []
    for path in POD_SPECS:
        spec = document
        for key in path.split("/"):
            spec = spec.get(key) or {}
        for group in ("containers", "initContainers", "ephemeralContainers"):
            found += [container["image"] for container in spec.get(group) or []]
    return found


def main(case, response_file):
    case = pathlib.Path(case)
    expected = json.loads((case / "expected.json").read_text())
    request = json.loads((case / "request.json").read_text())
    response = json.loads(pathlib.Path(response_file).read_text())
    status = response.get("status") or {}
    patch = json.loads(base64.b64decode(response.get("patch") or "") or "[]")
    got = {
        "accepted": response["allowed"],
        "code": status.get("code"),
        "message": status.get("message"),
        "images": images(patched(request["object"], patch)),
        # kwctl fails a call that was not recorded; that all recorded ones were made is checked by the caller.
        "calls": (case / "session.yml").read_text().count("- type: Exchange\n"),
    }
    differences = [
        f"{what}:\n  expected {expected[what]!r}\n  got      {got[what]!r}"
        for what in got
        if what in expected and expected[what] != got[what]
    ]
    print("\n".join(differences), file=sys.stderr)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
