#!/usr/bin/env python3
"""Puts the referrers API of OCI distribution 1.1 in front of a registry that has none, for tests.

    hack/referrers-proxy.py UPSTREAM-PORT

Prints the port it listens on, on loopback. It answers GET /v2/NAME/referrers/DIGEST from the manifests with a
`subject` that were pushed through it, acknowledges those with the header OCI-Subject, and passes everything else on.
It can be asked as an HTTP proxy too, for a registry of any name.
"""

import hashlib
import http.client
import http.server
import json
import re
import sys
import threading
import urllib.parse

INDEX = "application/vnd.oci.image.index.v1+json"
REFERRERS = re.compile(r"/v2/(.+)/referrers/(sha256:[0-9a-f]{64})")
MANIFEST = re.compile(r"/v2/(.+)/manifests/([^/]+)")
HOP_BY_HOP = {"connection", "proxy-connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}


class Referrers:
    """What was pushed with a subject: repository and subject to descriptors by digest."""

    def __init__(self):
        self.known, self.lock = {}, threading.Lock()

    def add(self, name: str, manifest: bytes, media_type: str) -> str | None:
        """Remembers a manifest, if it has a subject, and gives that."""
        try:
            document = json.loads(manifest)
            subject = (document.get("subject") or {}).get("digest")
        except (ValueError, AttributeError):
            return None
        if not subject:
            return None
        digest = "sha256:" + hashlib.sha256(manifest).hexdigest()
        descriptor = {
            "mediaType": media_type,
            "digest": digest,
            "size": len(manifest),
            "artifactType": document.get("artifactType") or document.get("config", {}).get("mediaType"),
            "annotations": document.get("annotations") or {},
        }
        with self.lock:
            self.known.setdefault((name, subject), {})[digest] = descriptor
        return subject

    def forget(self, name: str, digest: str) -> None:
        with self.lock:
            for (repository, _), descriptors in self.known.items():
                if repository == name:
                    descriptors.pop(digest, None)

    def of(self, name: str, subject: str, artifact_type: str | None) -> list:
        with self.lock:
            found = list(self.known.get((name, subject), {}).values())
        return [each for each in found if artifact_type in (None, each["artifactType"])]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream: int
    referrers = Referrers()

    def answer(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        if self.command == "GET" and (asked := REFERRERS.fullmatch(url.path)):
            self.list_referrers(asked, urllib.parse.parse_qs(url.query).get("artifactType", [None])[0])
        else:
            self.pass_on(url)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def list_referrers(self, asked: re.Match, artifact_type: str | None) -> None:
        found = self.referrers.of(asked[1], asked[2], artifact_type)
        body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": found}).encode()
        headers = [("Content-Type", INDEX)]
        if artifact_type:
            headers.append(("OCI-Filters-Applied", "artifactType"))
        self.reply(200, headers, body)

    def pass_on(self, url: urllib.parse.SplitResult) -> None:
        body = self.body()
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        if body or self.command in ("POST", "PUT", "PATCH"):
            headers["Content-Length"] = str(len(body))
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=60)
        try:
            connection.request(self.command, urllib.parse.urlunsplit(("", "", url.path, url.query, "")), body, headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        answered = [each for each in response.getheaders() if each[0].lower() not in HOP_BY_HOP]
        manifest = MANIFEST.fullmatch(url.path)
        if manifest and self.command == "PUT" and response.status == 201:
            subject = self.referrers.add(manifest[1], body, self.headers.get("Content-Type", ""))
            if subject:
                answered.append(("OCI-Subject", subject))
        if manifest and self.command == "DELETE" and response.status == 202:
            self.referrers.forget(manifest[1], manifest[2])
        self.reply(response.status, answered, content)

    def body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        content = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return content

    def reply(self, status: int, headers: list, body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            # The length of what a HEAD would have got is the registry's to say.
            if name.lower() != "content-length" or self.command == "HEAD":
                self.send_header(name, value)
        if self.command != "HEAD" and status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def main(upstream: str) -> None:
    Handler.upstream = int(upstream)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
