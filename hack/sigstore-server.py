#!/usr/bin/env python3
"""A Sigstore on loopback that real cosign can sign with: Fulcio, Rekor v1 and GitHub's identity tokens, for tests.

    hack/sigstore-server.py PROGRAM DIRECTORY

PROGRAM is tests/support's `sigstore`, which makes every answer. Into DIRECTORY go, before the first request is served,

- for cosign: `signing_config.json`, `trusted_root.json`, `chain.pem`, `rekor.pub` and `ctlog.pub`;
- `identity-token`, the token of alice@example.com, for whom GitHub vouches, as Sigstore's own OAuth server would write it;
- `port`, when it listens.

GET /token?workflow=OWNER/NAME/.github/workflows/FILE@REF answers as GitHub does a job of that workflow.
"""

import base64
import http.server
import json
import pathlib
import subprocess
import sys
import time
import urllib.parse

PERSON = "alice@example.com"
ISSUER = "https://github.com/login/oauth"
# Everything in it exists since a day ago.
SINCE = str(int(time.time()) - 86_400)

program, directory = sys.argv[1], pathlib.Path(sys.argv[2])


def sigstore(*arguments: str, stdin: bytes = b"") -> bytes:
    return subprocess.run([program, SINCE, *arguments], input=stdin, stdout=subprocess.PIPE, check=True).stdout


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path != "/token" or "workflow" not in query:
            self.answer(404, b"{}", {})
            return
        self.answer(200, json.dumps({"value": token(workflow_claims(query["workflow"]))}).encode(), {})

    def do_POST(self):
        part = {"/api/v2/signingCert": "fulcio", "/api/v1/log/entries": "rekor"}.get(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if part is None:
            self.answer(404, b"{}", {})
            return
        if part == "fulcio":
            # Some clients send the token as a header, some in the body.
            request = json.loads(body)
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            request.setdefault("credentials", {}).setdefault("oidcIdentityToken", token)
            body = json.dumps(request).encode()
        try:
            answer = sigstore(part, str(int(time.time())), stdin=body)
        except subprocess.CalledProcessError as error:
            self.answer(400, json.dumps({"code": 400, "message": str(error)}).encode(), {})
            return
        if part == "rekor":
            (uuid,) = json.loads(answer)
            # Clients find the entry in the answer by this name.
            self.answer(201, answer, {"ETag": uuid, "Location": f"{self.path}/{uuid}"})
        else:
            self.answer(200, answer, {})

    def answer(self, status: int, body: bytes, headers: dict):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def token(claims: dict) -> str:
    now = int(time.time())
    claims = {"aud": "sigstore", "iat": now, "exp": now + 3600, **claims}
    parts = [json.dumps({"alg": "RS256"}).encode(), json.dumps(claims).encode(), b"nobody signed this"]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def person_claims() -> dict:
    return {
        "iss": "https://oauth2.sigstore.dev/auth",
        "sub": "CgExEgZnaXRodWI",
        "email": PERSON,
        "email_verified": True,
        "federated_claims": {"connector_id": ISSUER, "user_id": "1"},
    }


def workflow_claims(workflow: str) -> dict:
    path, ref = workflow.split("@")
    repository = "/".join(path.split("/")[:2])
    return {
        "iss": "https://token.actions.githubusercontent.com",
        "sub": f"repo:{repository}:ref:{ref}",
        "repository": repository,
        "ref": ref,
        "job_workflow_ref": workflow,
    }


def signing_config(url: str) -> dict:
    valid = {"start": "2020-01-01T00:00:00Z"}
    service = {"url": url, "majorApiVersion": 1, "validFor": valid, "operator": "example.com"}
    return {
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "caUrls": [service],
        "rekorTlogUrls": [service],
        "rekorTlogConfig": {"selector": "ANY"},
        "tsaConfig": {"selector": "ANY"},
    }


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "trusted_root.json").write_bytes(sigstore("root"))
    for name in ("chain.pem", "rekor.pub", "ctlog.pub"):
        (directory / name).write_bytes(sigstore(name))
    (directory / "identity-token").write_text(token(person_claims()))
    (directory / "signing_config.json").write_text(json.dumps(signing_config(url)))
    (directory / "port").write_text(url.rsplit(":", 1)[1])
    server.serve_forever()


if __name__ == "__main__":
    main()
