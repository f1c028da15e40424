#!/usr/bin/env python3
"""Prints the OCI manifest of an annotated policy: push-manifest.py MODULE CONFIG.

It is the one that `kwctl push` writes: the annotations are those of the module's metadata that fit on one line.
"""

import hashlib
import json
import pathlib
import sys

SECTION = "io.kubewarden.metadata"


def number(data, at):
    """A LEB128 number, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value, shift, at = value | (byte & 0x7F) << shift, shift + 7, at + 1
        if byte < 0x80:
            return value, at


def section(module):
    """The bytes of the custom section with the metadata; ends the program where there is none."""
    at = 8
    while at < len(module):
        identifier = module[at]
        length, start = number(module, at + 1)
        at = start + length
        if identifier == 0:
            length, name = number(module, start)
            if module[name : name + length] == SECTION.encode():
                return module[name + length : at]
    sys.exit("push: the module has no metadata: make annotated-policy.wasm")


def annotations(module):
    of = json.loads(section(module)).get("annotations") or {}
    fitting = {name: value.strip() for name, value in of.items() if len(value.splitlines()) <= 1}
    source = fitting.get("io.kubewarden.policy.source")
    if source:
        fitting.setdefault("org.opencontainers.image.source", source)
    return dict(sorted(fitting.items()))


def descriptor(media_type, data):
    return {
        "mediaType": media_type,
        "digest": "sha256:" + hashlib.sha256(data).hexdigest(),
        "size": len(data),
    }


def main(module, config):
    module, config = pathlib.Path(module).read_bytes(), pathlib.Path(config).read_bytes()
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.wasm.config.v1+json", config),
        "layers": [descriptor("application/vnd.wasm.content.layer.v1+wasm", module)],
        "annotations": annotations(module),
    }
    print(json.dumps(manifest, separators=(",", ":")), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
