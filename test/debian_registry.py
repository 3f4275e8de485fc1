# SPDX-License-Identifier: Apache-2.0
"""Debian's docker-registry with settings of the test's own, and a CA for it."""

import contextlib
import json
import pathlib
import shutil
import subprocess

from harness import _answers as answers
from harness import free_port, wait_until


def openssl(*arguments, **more):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, **more).stdout


class Certificates:
    """A CA, and a certificate for 127.0.0.1, localhost and registry.test."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir()
        self.ca, self.key = self.make("ca", ["-subj", "/CN=test CA"], None)
        self.server = self.make("server", ["-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:registry.test"], "ca")
        self.client = self.make("client", ["-subj", "/CN=client"], "ca")

    def make(self, name, options, issuer):
        certificate, key = self.directory / f"{name}.crt", self.directory / f"{name}.key"
        signed = ["-CA", self.directory / f"{issuer}.crt", "-CAkey", self.directory / f"{issuer}.key"] if issuer else []
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", certificate, *options, *signed)
        return certificate, key


@contextlib.contextmanager
def running(directory, http_settings=None, auth=None):
    """docker-registry with these settings; yields its address."""
    directory.mkdir()
    port = free_port()
    document = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(directory / "storage")}},
        "http": {"addr": f"127.0.0.1:{port}", **(http_settings or {})},
        **({"auth": auth} if auth else {}),
    }
    (directory / "config.json").write_text(json.dumps(document))
    with open(directory / "log", "wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", directory / "config.json"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_until(lambda: answers(port), 60, "docker-registry to listen")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(directory)
