# SPDX-License-Identifier: Apache-2.0
"""A registry in this process that does what a test wants, and fixtures that pull from it with imagetool."""

import hashlib
import http.server
import json
import os
import subprocess
import threading

import pytest

import images

MANIFEST = images.OCI_MANIFEST


class Fake:
    """One repository, "repo", served from memory; `hook(handler)` may answer first (returns True)."""

    def __init__(self, address="127.0.0.1"):
        self.blobs, self.manifests, self.requests = {}, {}, []
        self.hook = None
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

            def do_GET(self):
                with fake.lock:
                    fake.requests.append((self.path, dict(self.headers)))
                if fake.hook and fake.hook(self):
                    return
                kind, _, name = self.path.removeprefix("/v2/repo/").partition("/")
                if kind == "manifests" and name in fake.manifests:
                    media_type, body = fake.manifests[name]
                    self.answer(200, body, Content_Type=media_type)
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
                self.do_GET()

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server((address, 0), Handler)
        self.port = self.server.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

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
