#!/usr/bin/env python3
"""Writes a small image as an OCI layout: oci-image.py DIRECTORY NAME VERSION.

The same name and version always give the same bytes, so the same digest: no clock, no compression, no tool
whose next release might order a key differently.
"""

import hashlib
import io
import json
import pathlib
import sys
import tarfile


def main(directory: str, name: str, version: str) -> None:
    layout = pathlib.Path(directory)
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(media_type: str, data: bytes) -> dict:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    def document(media_type: str, value: dict) -> dict:
        return blob(media_type, json.dumps(value, separators=(",", ":")).encode())

    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        content = f"{name} {version}\n".encode()
        entry = tarfile.TarInfo("etc/release")  # mtime, owner and mode are fixed by default
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))

    layer = blob("application/vnd.oci.image.layer.v1.tar", tar.getvalue())
    config = document(
        "application/vnd.oci.image.config.v1+json",
        {
            "created": "1970-01-01T00:00:00Z",
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": ["/app"], "Labels": {"org.opencontainers.image.version": version}},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": f"{name} {version}"}],
        },
    )
    manifest = document(
        "application/vnd.oci.image.manifest.v1+json",
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config,
            "layers": [layer],
        },
    )
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')


if __name__ == "__main__":
    main(*sys.argv[1:])
