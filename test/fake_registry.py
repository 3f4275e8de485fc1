# SPDX-License-Identifier: Apache-2.0
"""A registry in this process that does what a test wants, and fixtures that pull from it with imagetool."""

import hashlib
import http.server
import json
import os
import socketserver
import subprocess
import threading
import urllib.parse

import pytest

import images

MANIFEST = images.OCI_MANIFEST


class Fake:
    """One repository, "repo", served from memory; `hook(handler)` may answer first (returns True)."""

    def __init__(self, address="127.0.0.1"):
        self.blobs, self.manifests, self.requests = {}, {}, []
        self.hook = None
        self.uploads, self.methods, self.mountable = {}, [], {}
        self.received = None  # called with what an upload has so far; True: it has dealt with it
        self.lock = threading.Lock()
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body=b"", **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                return True

            def begin(self):
                """True: the hook has answered."""
                with fake.lock:
                    fake.requests.append((self.path, dict(self.headers)))
                    fake.methods.append((self.command, self.path))
                return fake.hook and fake.hook(self)

            def do_HEAD(self):
                if self.begin():
                    return
                kind, _, name = self.path.removeprefix("/v2/repo/").partition("/")
                media_type, body = fake.manifests.get(name, (None, None)) if kind == "manifests" else (None, fake.blobs.get(name))
                self.send_response(404 if body is None else 200)
                if media_type:
                    self.send_header("Content-Type", media_type)
                    self.send_header("Docker-Content-Digest", "sha256:" + hashlib.sha256(body).hexdigest())
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()

            def body(self):
                """What arrives, piece by piece, until the sender has done or gone."""
                left = int(self.headers["Content-Length"])
                while left > 0:
                    piece = self.rfile.read1(min(left, 65536))
                    if not piece:
                        return
                    left -= len(piece)
                    yield piece

            def upload(self):
                """The upload that the path names, its name; None, None: there is none."""
                name = urllib.parse.urlparse(self.path).path.rpartition("/")[2]
                return (fake.uploads[name], name) if name in fake.uploads else (None, None)

            def where(self, name):
                """Relative, and with a query: registries do that."""
                return f"/v2/repo/blobs/uploads/{name}?state={len(fake.uploads[name])}"

            def do_PATCH(self):
                if self.begin():
                    return
                upload, name = self.upload()
                first = int(self.headers.get("Content-Range", "0-").partition("-")[0])
                if upload is None or first != len(upload):
                    list(self.body())
                    self.answer(404 if upload is None else 416)
                    return
                for piece in self.body():
                    upload += piece
                    if fake.received and fake.received(self, upload):
                        return
                self.answer(202, Location=self.where(name), Range=f"0-{max(len(upload) - 1, 0)}")

            def do_PUT(self):
                if self.begin():
                    return
                body = b"".join(self.body())
                if "/manifests/" in self.path:
                    fake.manifest(self.path.rpartition("/")[2], body, self.headers["Content-Type"])
                    self.answer(201, Location=self.path)
                    return
                upload, name = self.upload()
                digest = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)["digest"][0]
                content = bytes(upload or b"") + body
                if upload is None or digest != "sha256:" + hashlib.sha256(content).hexdigest():
                    self.answer(400, b'{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match uploaded content"}]}')
                    return
                del fake.uploads[name]
                fake.blobs[digest] = content
                self.answer(201, Location=f"/v2/repo/blobs/{digest}", Docker_Content_Digest=digest)

            def do_DELETE(self):
                if self.begin():
                    return
                upload, name = self.upload()
                fake.uploads.pop(name, None)
                self.answer(204 if upload is not None else 404)

            def do_GET(self):
                if self.begin():
                    return
                if "/blobs/uploads/" in self.path:
                    upload, name = self.upload()
                    if upload is None:
                        self.answer(404)
                    else:
                        self.send_response(204)
                        self.send_header("Location", self.where(name))
                        self.send_header("Range", f"0-{max(len(upload) - 1, 0)}")
                        self.end_headers()
                    return
                kind, _, name = self.path.removeprefix("/v2/repo/").partition("/")
                if kind == "manifests" and name in fake.manifests:
                    media_type, body = fake.manifests[name]
                    self.answer(200, body, Content_Type=media_type)
                elif self.path == "/v2/":
                    self.answer(200, b"{}")
                elif kind == "blobs" and name in fake.blobs:
                    self.blob(fake.blobs[name])
                else:
                    self.answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}')

            def blob(self, body):
                start = int(self.headers.get("Range", "bytes=0-")[6:-1])
                if start:
                    self.answer(206, body[start:], Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}")
                else:
                    self.answer(200, body)

            def do_POST(self):
                self.form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if not self.path.startswith("/v2/repo/blobs/uploads/"):
                    self.do_GET()
                    return
                if self.begin():
                    return
                query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
                if query.get("from", [None])[0] in fake.mountable:
                    digest = query["mount"][0]
                    fake.blobs[digest] = fake.mountable[query["from"][0]][digest]
                    self.answer(201, Location=f"/v2/repo/blobs/{digest}")
                    return
                name = f"u{len(fake.methods)}"
                fake.uploads[name] = bytearray()
                self.answer(202, Location=self.where(name), Range="0-0")

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def server_bind(self):  # without asking for the name of the address
                socketserver.TCPServer.server_bind(self)

            def handle_error(self, *_):
                pass

        self.server = Server((address, 0), Handler)
        self.port = self.server.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def add(self, body):
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        self.blobs[digest] = body
        return {"digest": digest, "size": len(body)}

    def image(self, tag="latest", files=(("etc/hello", "hello"),), **changes):
        layer = images.tar_bytes(files)
        packed = images.compress(layer, "gzip")[1]
        config = {"architecture": images.MACHINE, "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.add(json.dumps(config).encode()) | {"mediaType": images.OCI_CONFIG},
            "layers": [self.add(packed) | {"mediaType": images.OCI_LAYER + "+gzip"}],
        }
        manifest.update(changes)
        return self.manifest(tag, manifest), manifest

    def manifest(self, tag, document, media_type=MANIFEST):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        self.manifests[tag] = self.manifests[digest] = (media_type, body)
        return {"digest": digest, "size": len(body), "mediaType": media_type}

    def asked(self, part):
        return [headers for path, headers in self.requests if part in path]


@pytest.fixture
def fake():
    fake = Fake()
    yield fake
    fake.close()


@pytest.fixture
def other():
    fake = Fake()
    yield fake
    fake.close()


@pytest.fixture
def tool(build, tmp_path):
    def run(*arguments, **environment):
        return subprocess.run(
            [build / "test/unit/engine-image/imagetool", tmp_path / "root", build / "engine/layer/tare-unpack", *arguments],
            capture_output=True, text=True, timeout=60, env=os.environ | environment,
        )
    return run


def pulled(done):
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(done, words):
    assert done.returncode != 0 and words in done.stderr and done.stderr.count("\n") == 1, done.stderr
